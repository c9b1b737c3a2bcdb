/*
 * recorder.h - a reader's items as text, one line each with every field, so
 * that two ways of reading a stream can be compared with one strcmp; and the
 * ways of feeding a reader.  Knows the public header only.
 */
#ifndef KVSPARSE_TESTS_RECORDER_H
#define KVSPARSE_TESTS_RECORDER_H

#include <kvsparse/reader.h>

#include "support/mux.h"

enum record_flags {
  RECORD_NO_DATA = 1, /* without the payloads' hashes                       */
  RECORD_NO_STATE = 2 /* frames without what changes in their fragment      */
};

/* Zero it, set flags, and free it with recorder_clear. */
struct recorder {
  unsigned flags; /* RECORD_*                                               */
  struct bytes text;
  struct bytes order; /* a letter for each item: F(ragment), f(rame), t(ags),
                         E(nd), g(ap)                                       */
};

/* Appends the item's line. */
void record_item(struct recorder *recorder, const kvsp_item *item);
/* The same as a callback: user is the recorder. */
int record_visit(void *user, const kvsp_item *item);
/* Appends "= KVSP_END", and for an error where it was and why. */
void record_status(struct recorder *recorder, const kvsp_reader *r, int status);
/* All lines, all letters; owned by the recorder, valid until it grows. */
const char *recorder_text(struct recorder *recorder);
const char *recorder_order(struct recorder *recorder);
/* Empty again, flags kept. */
void recorder_clear(struct recorder *recorder);

/* Prints the first line in which the two differ; 1 when there is none. */
int texts_equal(const char *expected, const char *got, const char *what);

/* FNV-1a, 64 bits. */
uint64_t hash_bytes(const void *data, size_t len);

enum feed_way {
  FEED_PULL,      /* input and next                                           */
  FEED_VISIT,     /* visit                                                    */
  FEED_RESERVE,   /* reserve, commit and next                                 */
  FEED_EMPTY_END, /* as PULL, but KVSP_FINAL comes with no bytes            */
  FEED_TRIM,      /* as PULL, and trim whenever it asks for input           */
  FEED_WAYS,
  FEED_FRAMES /* input and next_frames: frames come before the items that
                 change their fragment, so that RECORD_NO_STATE is wanted   */
};

/*
 * Feeds a stream to the end in chunks (0: whole), recording each item and
 * then the status, which it returns.  The chunks that are lent end at a guard
 * page, and are gone, or spoilt, once the reader asks for more.
 */
int feed(kvsp_reader *r, enum feed_way way, const void *data, size_t len,
         size_t chunk, struct recorder *recorder);

/* A new reader, feed, free.  Returns what feed does; ends the program with a
 * message when there is no reader to be had. */
int record_stream(const kvsp_reader_config *config, enum feed_way way,
                  const void *data, size_t len, size_t chunk,
                  struct recorder *recorder);

#endif
