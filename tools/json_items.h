/*
 * json_items.h - the reader's tracks, tags, times and strings as JSON values,
 * and JSON values as output lines.  Knows jansson; the rules are those of
 * kvsparse-events(1): absent is null, times are strings of decimal seconds,
 * strings are UTF-8.
 */
#ifndef KVSPARSE_TOOLS_JSON_ITEMS_H
#define KVSPARSE_TOOLS_JSON_ITEMS_H

/* The version of jansson that runs; NULL in a build without it. */
const char *json_library_version(void);
/* Complains that this build has no JSON; EXIT_FAILED. */
int json_missing(const char *what);

/* "video", "audio", ... or NULL for a number that RFC 9559 does not name. */
const char *json_track_type_name(unsigned type);

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <kvsparse/kvsparse.h>

/* Each returns a new value, NULL when there is no memory. */

/* Any 64-bit number, also those beyond json_int_t: print such values with
 * json_write_line() only. */
json_t *json_uint(uint64_t value);
/* The same, 0 is null. */
json_t *json_uint_or_null(uint64_t value);
/* 0, infinities and not-a-number are null. */
json_t *json_double_or_null(double value);
/* data NULL is null. */
json_t *json_view(kvsp_view v);
/* KVSP_TIME_NONE is null. */
json_t *json_time(int64_t ns);
/* "video", or the number as a string of its own. */
json_t *json_track_type(uint32_t type);
/* KVSP_ENCODING_* bits as an array of strings. */
json_t *json_encodings(uint32_t encodings);
/* What a track's audio really is.  Takes over codec_id. */
json_t *json_audio(json_t *codec_id, double sample_rate, uint32_t channels,
                   uint32_t bit_depth);
json_t *json_track(const kvsp_track *track);
json_t *json_tracks(const kvsp_track *const *tracks, size_t count);
/* The flat list with depths becomes nested arrays. */
json_t *json_tags(const kvsp_tag *const *tags, size_t count);

/* Takes over value.  0, or -1 without memory (also when value is NULL), for
 * which the object takes over nothing. */
int json_put(json_t *object, const char *key, json_t *value);
/* Writes value as one line and gives it up.  EXIT_WELL, or EXIT_FAILED after a
 * complaint that there is no memory. */
int json_write_line(json_t *value);

#endif
#endif
