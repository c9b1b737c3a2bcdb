/*
 * live.h - a live stream as input, by its name: kvs://STREAM?start=now, and
 * the options of get and ls.  Only with HAVE_CURL.  Knows how the stream is
 * asked for and what is said meanwhile; knows nothing of what the bytes mean.
 */
#ifndef KVSPARSE_TOOLS_LIVE_H
#define KVSPARSE_TOOLS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_SCHEME "kvs://"

#ifdef HAVE_CURL

#include <kvsparse/checkpoint.h>
#include <kvsparse/media.h>

/* Zero it, set stream; strings must outlive it. */
struct live_options {
  const char *stream;
  const char *region;
  const char *profile;
  const char *endpoint_url;
  uint32_t start; /* KVSP_START_*                                          */
  int64_t start_ns;
  const char *after;
  const char *checkpoint; /* a file; NULL: none                            */
  bool no_wait;           /* ends where there is nothing new               */
};

/* Zero it, set output and options. */
struct live {
  struct live_options options;
  const char *name; /* for messages                                        */
  char *parts;      /* an URL's, taken apart: for free()                   */
  kvsp_client *client;
  kvsp_media *media;
  const kvsp_piece *piece;
  kvsp_checkpoint checkpoint; /* of what was dealt with                    */
  bool known;                 /* there was such a file                     */
  bool moved;                 /* it is newer than the file                 */
  int64_t saved_ms;
  bool told_waiting;
  bool hopeless; /* there never was a connection                           */
  int output; /* a file to be synced before a checkpoint is saved; -1: none */
};

bool live_is_url(const char *path);
/* Takes kvs://STREAM?NAME=VALUE&... apart into live->options.  EXIT_WELL, or
 * EXIT_USAGE after a complaint (nothing to close then). */
int live_take_url(struct live *live, const char *url);
/* The one argument behind the options (optind): a stream's name or ARN.
 * EXIT_WELL, EXIT_USAGE. */
int live_read_name(int argc, char *const *argv, const char **stream);
/* --start and start=: now, earliest, or a time.  EXIT_WELL, EXIT_USAGE. */
int live_read_start(struct live_options *options, const char *name,
                    const char *text);
/* EXIT_WELL, or EXIT_FAILED or EXIT_USAGE after a complaint (nothing to close
 * then, but what live_take_url took). */
int live_open(struct live *live);
/*
 * The next piece, valid until the next call; before it waits it flushes
 * standard output.  > 0: live->piece is set; 0: the end, or a signal asks to
 * stop; < 0: an error, complained about.  until_ms: of live_clock_ms, when it
 * ends; INT64_MAX: it does not.
 */
int live_read(struct live *live, int64_t until_ms);
/* What was read up to the end of the piece is dealt with; bytes of output
 * belong to it.  Saved now and then. */
void live_done(struct live *live, uint64_t bytes);
/* Saves what is not saved yet.  EXIT_WELL, or EXIT_FAILED after a complaint. */
int live_save(struct live *live);
void live_close(struct live *live);
int64_t live_clock_ms(void);

/* A client with those options.  EXIT_WELL, or EXIT_FAILED or EXIT_USAGE. */
int live_client(const struct live_options *options, kvsp_client **client);
/* "NAME: OPERATION: ERROR (HTTP 404): TEXT (request ID)". */
void live_complain(const char *name, const kvsp_service_error *error);

#endif
#endif
