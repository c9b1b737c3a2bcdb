/*
 * feed.h - a source's pieces, one after the other, to who reads them, with a
 * passing line of progress.  Knows nothing of what the bytes mean.
 */
#ifndef KVSPARSE_TOOLS_FEED_H
#define KVSPARSE_TOOLS_FEED_H

#include <kvsparse/reader.h>
#include <stddef.h>

#include "source.h"

struct feed {
  /* The next bytes; or, with KVSP_FINAL and data NULL, that there are no more.
   * KVSP_OK: go on. */
  int (*take)(void *user, const void *data, size_t length, unsigned flags);
  /* A few words more for the line ("120 pictures").  NULL: none. */
  void (*tell)(void *user, char *note, size_t size);
  void *user;
};

/* Until the source ends (source->failed: with an error, complained about) or
 * take returns anything but KVSP_OK: what it returned last. */
int feed_all(struct source *source, const struct feed *feed);
/* The same for a reader; what kvsp_reader_visit returned last. */
int feed_reader(struct source *source, kvsp_reader *reader,
                kvsp_item_callback on_item, void *user);

#endif
