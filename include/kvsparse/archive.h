/*
 * archive.h - libkvsparse-net: which fragments of a stream are kept
 * (ListFragments), and what is in them (GetMediaForFragmentList).
 *
 * All fragments of an hour, as they were sent:
 *
 *   kvsp_archive_config which = {.struct_size = sizeof which,
 *                                .stream = "door",
 *                                .from_ns = from, .to_ns = to};
 *   kvsp_archive_media_config config = {.struct_size = sizeof config,
 *                                       .stream = "door"};
 *   kvsp_archive *list;
 *   kvsp_archive_media *media;
 *   const kvsp_piece *piece;
 *   if (kvsp_archive_list(&list, client, &which) != KVSP_OK) return 1;
 *   config.list = list;
 *   if (kvsp_archive_media_new(&media, client, &config) != KVSP_OK) return 1;
 *   while (kvsp_archive_media_next(media, -1, &piece) == KVSP_OK)
 *     if (piece->flags & KVSP_PIECE_FAILED)
 *       fprintf(stderr, "%s: %s\n", (const char *)piece->number.data,
 *               kvsp_archive_media_error(media)->message);
 *     else
 *       fwrite(piece->data.data, 1, piece->data.len, stdout);
 */
#ifndef KVSPARSE_ARCHIVE_H
#define KVSPARSE_ARCHIVE_H

#include <kvsparse/media.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_archive kvsp_archive;

/* Whose clock from_ns and to_ns are by. */
enum kvsp_archive_clock {
  KVSP_CLOCK_SERVER = 0,
  KVSP_CLOCK_PRODUCER = 1
};

/* Zero it, set struct_size, stream, from_ns and to_ns. */
typedef struct kvsp_archive_config {
  size_t struct_size;
  const char *stream; /* its name, or its ARN                              */
  uint32_t clock;     /* KVSP_CLOCK_*                                      */
  uint32_t page_size; /* fragments that one call asks for, 1 to 1000; 0: 1000 */
  int64_t from_ns;    /* Unix epoch; both ends belong to it; a fragment is
                         where it starts                                   */
  int64_t to_ns;
  uint64_t max_fragments; /* more are KVSP_ERR_LIMIT_MEMORY; 0: 1000000     */
} kvsp_archive_config;

/* May grow at the end. */
typedef struct kvsp_archived_fragment {
  kvsp_view number;         /* with a NUL behind it                         */
  uint64_t size;            /* bytes                                        */
  int64_t server_time_ns;   /* Unix epoch; KVSP_TIME_NONE: not told         */
  int64_t producer_time_ns;
  int64_t duration_ns;      /* 0: not told                                  */
} kvsp_archived_fragment;

/*
 * Asks for all pages, and sorts what comes by number: the service has no order.
 * It waits, drives the client's readers meanwhile, and makes calls that were
 * throttled or failed again, some times.  The stream must keep its fragments
 * (its retention is not 0).  IAM: kinesisvideo:GetDataEndpoint,
 * kinesisvideo:ListFragments.
 *   KVSP_OK          *out has them; the caller frees it
 *   KVSP_INTERRUPTED kvsp_client_interrupt was called
 *   KVSP_ERR_SERVICE, KVSP_ERR_NETWORK, KVSP_ERR_CREDENTIALS, KVSP_ERR_CLOCK,
 *   KVSP_ERR_UNSUPPORTED: see kvsp_client_error
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT, KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_MEMORY
 */
KVSP_API KVSP_MUST_CHECK int kvsp_archive_list(
    kvsp_archive **out, kvsp_client *client, const kvsp_archive_config *config);
/* Before the client.  NULL is fine. */
KVSP_API void kvsp_archive_free(kvsp_archive *a);
KVSP_API size_t kvsp_archive_count(const kvsp_archive *a);
/* The fragment with that index, from 0; valid as long as the list.  NULL: there
 * are not so many. */
KVSP_API const kvsp_archived_fragment *kvsp_archive_get(const kvsp_archive *a,
                                                        size_t index);

/* ---- what is in them ----------------------------------------------------- */

typedef struct kvsp_archive_media kvsp_archive_media;

/* Zero it, set struct_size, stream, and numbers with count, or list; all is
 * copied. */
typedef struct kvsp_archive_media_config {
  size_t struct_size;
  const char *stream;         /* its name, or its ARN                       */
  const char *const *numbers; /* count of them; NULL: those of list         */
  size_t count;
  const kvsp_archive *list;
  uint32_t batch;        /* fragments that one call asks for, 1 to 1000; 0: 100.
                            500 a second are what the service gives one stream,
                            whatever the batch: larger ones wait longer      */
  uint32_t max_attempts; /* calls in a row that fail, or get no credentials,
                            before it ends with the last one's error; 0: 8  */
  uint64_t max_buffer;   /* bytes that wait for the caller before nothing more
                            is taken from the socket; 0: 4 MiB              */
  uint64_t max_memory;   /* of the fragment at hand, and of those that came
                            before it was their turn.  Where it is not enough,
                            smaller batches are asked for; 0: 256 MiB       */
  uint32_t silence_ms;   /* a call that brings nothing for so long is made
                            again; 0: 30000                                 */
  uint32_t reserved;     /* 0                                               */
  const kvsp_limits *limits; /* of the reader inside; NULL: the defaults    */
} kvsp_archive_media_config;

/* Connects to nothing yet: the first kvsp_archive_media_next does.  KVSP_OK,
 * KVSP_ERR_ARG (also a number that cannot be one), KVSP_ERR_REENTRANT,
 * KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_MEMORY.  IAM: kinesisvideo:GetDataEndpoint,
 * kinesisvideo:GetMediaForFragmentList. */
KVSP_API KVSP_MUST_CHECK int kvsp_archive_media_new(
    kvsp_archive_media **out, kvsp_client *client,
    const kvsp_archive_media_config *config);
/* Before the client.  Ends its connection.  NULL is fine. */
KVSP_API void kvsp_archive_media_free(kvsp_archive_media *m);
/*
 * The next fragment, in the order of the list, each once: all of it, with
 * KVSP_PIECE_BEGIN and KVSP_PIECE_COMPLETE, whatever order the service has; or,
 * with KVSP_PIECE_FAILED and no data, that the service does not give it, which
 * kvsp_archive_media_error tells more of.  Calls are paced by what the service
 * gives, made again for what did not come, and for some time when they are
 * throttled or fail.  Drives the client's readers while it waits, at most
 * timeout_ms (0: not at all; negative: without end).
 *   KVSP_OK          *piece is set, valid until the next call on m
 *   KVSP_NEED_INPUT  nothing came in that time
 *   KVSP_INTERRUPTED kvsp_client_interrupt was called
 *   KVSP_END         that were all
 *   KVSP_ERR_SERVICE, KVSP_ERR_NETWORK, KVSP_ERR_CREDENTIALS, KVSP_ERR_CLOCK,
 *   KVSP_ERR_UNSUPPORTED, KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM, what a
 *                    credentials callback returned: it will not heal by itself;
 *                    see kvsp_archive_media_error.  The same comes again
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT
 */
KVSP_API KVSP_MUST_CHECK int kvsp_archive_media_next(kvsp_archive_media *m,
                                                     int timeout_ms,
                                                     const kvsp_piece **piece);
/* Why the service does not give the fragment that was handed out last (name is
 * its code, "" where it just did not come), why it ended, or what the last
 * failed call said.  Owned by m, valid until the next call on it.  Never
 * NULL. */
KVSP_API const kvsp_service_error *kvsp_archive_media_error(
    const kvsp_archive_media *m);

/* Counts since it was made.  May grow at the end. */
typedef struct kvsp_archive_media_stats {
  uint64_t bytes;     /* received                                         */
  uint64_t fragments; /* handed out                                       */
  uint64_t failed;    /* told as KVSP_PIECE_FAILED                        */
  uint64_t calls;     /* of GetMediaForFragmentList, answered with 200      */
  uint64_t retries;   /* calls that failed                                */
  uint64_t throttled; /* of these, those that KVS's limits refused         */
} kvsp_archive_media_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_archive_media_get_stats(const kvsp_archive_media *m,
                                          kvsp_archive_media_stats *stats,
                                          size_t struct_size);

#ifdef __cplusplus
}
#endif
#endif
