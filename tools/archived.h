/*
 * archived.h - fragments of a stream that are kept, by their time: lists them,
 * then gets them one after the other.  Only with HAVE_CURL.  Says what goes
 * wrong; knows nothing of where they go.
 */
#ifndef KVSPARSE_TOOLS_ARCHIVED_H
#define KVSPARSE_TOOLS_ARCHIVED_H

#ifdef HAVE_CURL

#include <kvsparse/archive.h>

#include "live.h"

/* Zero it, set clock and times. */
struct archived {
  uint32_t clock; /* KVSP_CLOCK_*                                          */
  int64_t from_ns;
  int64_t to_ns;
  const char *stream;
  kvsp_client *client;
  kvsp_archive *list;
  kvsp_archive_media *media;
  const kvsp_piece *piece; /* a whole fragment                              */
  uint64_t failed;         /* fragments that the service does not give      */
};

/* Lists them.  EXIT_WELL, or EXIT_FAILED or EXIT_USAGE after a complaint
 * (nothing to close then). */
int archived_open(struct archived *archived, const struct live_options *live);
/* The next one, valid until the next call; one that the service does not give
 * is complained about, and counted.  > 0: archived->piece is set; 0: the end,
 * or a signal asks to stop; < 0: an error, complained about. */
int archived_read(struct archived *archived);
void archived_close(struct archived *archived);

#endif
#endif
