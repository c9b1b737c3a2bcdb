/*
 * text.h - how the program writes times, sizes and strings.  Pure functions:
 * no I/O, no locale, no doubles for times.
 */
#ifndef KVSPARSE_TOOLS_TEXT_H
#define KVSPARSE_TOOLS_TEXT_H

#include <kvsparse/common.h>
#include <stddef.h>
#include <stdint.h>

/* Room for each of the texts below that goes into an array. */
#define TEXT_SIZE 64

/* Each fills out and returns it.  ns must not be KVSP_TIME_NONE. */

/* Decimal seconds with nine digits: "1511852108.513000000", "-0.040000000". */
const char *text_seconds(char out[TEXT_SIZE], int64_t ns);
/* The same for people, rounded down to milliseconds: "-0.040". */
const char *text_milliseconds(char out[TEXT_SIZE], int64_t ns);
/* Unix time for file names, UTC, rounded down to milliseconds:
 * "20171128T065512.513Z". */
const char *text_file_time(char out[TEXT_SIZE], int64_t unix_ns);
/* The same for people: "2017-11-28 06:55:12.513 UTC". */
const char *text_date(char out[TEXT_SIZE], int64_t unix_ns);
/* Bytes for people: "999 B", "64.0 kB", "1.2 GB" (powers of 1000). */
const char *text_bytes(char out[TEXT_SIZE], uint64_t bytes);

/* The longest text_utf8() makes of so many bytes, with its NUL. */
#define TEXT_UTF8_SIZE(length) ((size_t)3 * (length) + 1)
/*
 * Copies the view as valid UTF-8: each bad byte becomes U+FFFD, NULs at the
 * end are cut.  NULs inside stay: use the length.  Returns the length; out
 * has room for TEXT_UTF8_SIZE(v.len) bytes and is terminated.
 */
size_t text_utf8(char *out, kvsp_view v);
/* The same in new memory, for free(); NULL when there is none. */
char *text_utf8_copy(kvsp_view v, size_t *length);
/*
 * The bytes of the character at p, in UTF-8 that ends with a NUL, if it could
 * make a terminal show what is not there: control characters (C0, DEL, C1), and
 * those that turn the direction of the text around them, unseen.  Else 0.
 */
size_t text_control_length(const char *p);
/* The same for a terminal: such characters become U+FFFD, too. */
char *text_printable(kvsp_view v);

#endif
