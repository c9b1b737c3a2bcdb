/*
 * media.h - libkvsparse-net: a live reader over GetMedia.
 *
 * A whole program, which prints each frame of a stream as it comes:
 *
 *   #include <kvsparse/media.h>
 *   #include <stdio.h>
 *
 *   int main(int argc, char **argv) {
 *     kvsp_media_config config = {.struct_size = sizeof config};
 *     kvsp_client *client;
 *     kvsp_media *media;
 *     const kvsp_item *item;
 *     config.stream = argc > 1 ? argv[1] : "door";
 *     if (kvsp_client_new(&client, NULL) != KVSP_OK ||
 *         kvsp_media_new(&media, client, &config) != KVSP_OK) return 1;
 *     while (kvsp_media_next_item(media, -1, &item) == KVSP_OK)
 *       if (item->type == KVSP_ITEM_FRAME)
 *         printf("%.3f s, %u bytes\n", (double)item->frame->pts_ns / 1e9,
 *                (unsigned)item->frame->size);
 *     fprintf(stderr, "%s\n", kvsp_media_error(media)->message);
 *     kvsp_media_free(media);
 *     kvsp_client_free(client);
 *     return 1;
 *   }
 *
 * It lives for weeks.  When a session ends, however it does (the service ends
 * each after some 45 minutes), the next one begins behind the last complete
 * fragment.  A fragment that was cut comes again from its start, and the bytes
 * of it that were delivered before are taken off: what is delivered goes on
 * where it was cut, so that it is one stream without a seam.  Fragments that
 * were delivered already are dropped.  Where a cut fragment does not come
 * again, or comes with other bytes, the rest of it is missing, which is told
 * (KVSP_PIECE_GAP, KVSP_ITEM_GAP); it is then not delivered a second time.
 *
 * To go on in another process: keep the number of the last complete fragment
 * (checkpoint.h does it in a file), and give it as after.
 */
#ifndef KVSPARSE_MEDIA_H
#define KVSPARSE_MEDIA_H

#include <kvsparse/client.h>
#include <kvsparse/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_media kvsp_media;

/* Where the stream begins (GetMedia's StartSelector). */
enum kvsp_media_start {
  KVSP_START_NOW = 0,
  KVSP_START_EARLIEST = 1,
  KVSP_START_SERVER_TIME = 2,   /* with the fragment of start_time_ns      */
  KVSP_START_PRODUCER_TIME = 3, /* the same by the producer's clock        */
  KVSP_START_AFTER = 4,         /* behind the fragment with the number after */
  KVSP_START_TOKEN = 5          /* where the continuation token after says */
};

enum kvsp_media_flags {
  /* It ends (KVSP_END) where the service ends a session cleanly that brought
   * nothing new, instead of waiting for a producer. */
  KVSP_MEDIA_STOP_AT_END = 1
};

/* What a reader is at. */
enum kvsp_media_state {
  KVSP_STATE_CONNECTING = 1,   /* waits for credentials, asks for an endpoint,
                                  calls GetMedia                           */
  KVSP_STATE_WAITING = 2,      /* for a producer: connected, or about to be
                                  again, and there is nothing new           */
  KVSP_STATE_STREAMING = 3,    /* bytes come                               */
  KVSP_STATE_RECONNECTING = 4, /* a session ended, the next call is due     */
  KVSP_STATE_RETRYING = 5,     /* a call failed and is made again; error    */
  KVSP_STATE_THROTTLED = 6,    /* the same, since there are too many calls or
                                  readers                                  */
  KVSP_STATE_LOST = 7,         /* the rest of a cut fragment did not come:
                                  number                                   */
  KVSP_STATE_ENDED = 8         /* error says why; KVSP_OK there: KVSP_END   */
};

/* May grow at the end. */
typedef struct kvsp_media_event {
  uint32_t state;       /* KVSP_STATE_*                                    */
  uint32_t attempt;     /* calls in a row that brought no fragment          */
  int64_t wait_ms;      /* until the next call; 0: now                      */
  kvsp_view number;     /* of the last complete fragment, or of the lost one;
                           data NULL: there is none                        */
  const kvsp_service_error *error; /* never NULL                           */
} kvsp_media_event;
/* Called when the state changes, and for each call that fails; from within
 * calls on the client and its readers, which are refused in it with
 * KVSP_ERR_REENTRANT.  The event is valid until it returns. */
typedef void (*kvsp_media_callback)(void *user, kvsp_media *media,
                                    const kvsp_media_event *event);

/* Zero it, set struct_size and stream, then what you need; all is copied. */
typedef struct kvsp_media_config {
  size_t struct_size;
  const char *stream;    /* its name, or its ARN                            */
  uint32_t start;        /* KVSP_START_*                                    */
  uint32_t flags;        /* KVSP_MEDIA_*                                    */
  int64_t start_time_ns; /* Unix epoch; sent as milliseconds                */
  const char *after;     /* a fragment number, a continuation token         */
  const kvsp_limits *limits; /* of the reader inside; NULL: the defaults    */
  uint64_t max_buffer;   /* bytes that wait for the caller before nothing more
                            is taken from the socket; 0: 4 MiB.  What is not
                            decided yet comes on top: a frame, a head       */
  uint32_t silence_ms;   /* a session that brings nothing for so long is
                            ended, and the next one begun; 0: 30000         */
  uint32_t max_attempts; /* calls in a row that fail, or get no credentials,
                            before it ends with the last one's error; 0: it
                            never gives up                                 */
  const kvsp_reader_config *reader; /* for kvsp_media_next_item: flags, tracks,
                            limits; its allocator is the client's.  NULL: the
                            defaults                                       */
  kvsp_media_callback callback; /* NULL: none                               */
  void *user;            /* for the callback, and kvsp_media_user          */
} kvsp_media_config;

/*
 * Connects to nothing yet: the first wait does.  client NULL: it gets one of
 * its own, as kvsp_client_new makes it without a config, which nobody else can
 * use (nor interrupt) and which is freed with it: for a program that has one
 * stream.  KVSP_OK, KVSP_ERR_ARG (also a name or number that cannot be one),
 * KVSP_ERR_REENTRANT, KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_MEMORY; with client NULL
 * those of kvsp_client_new.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_media_new(kvsp_media **out,
                                            kvsp_client *client,
                                            const kvsp_media_config *config);
/* Ends its connection.  NULL is fine.  Not from the callback: it does nothing
 * there. */
KVSP_API void kvsp_media_free(kvsp_media *m);

enum kvsp_piece_flags {
  KVSP_PIECE_BEGIN = 1,    /* its first byte is a document's first          */
  KVSP_PIECE_COMPLETE = 2, /* its last byte completes the fragment: once it is
                              dealt with, a checkpoint may move to number   */
  KVSP_PIECE_GAP = 4,      /* what came before it was cut, and the rest of
                              that fragment is missing                     */
  KVSP_PIECE_FAILED = 8    /* of kvsp_archive_media_next only: the service does
                              not give this fragment                       */
};
/* Bytes for a kvsp_reader, in order, of one fragment.  May grow at the end. */
typedef struct kvsp_piece {
  kvsp_view data;          /* may be empty where flags say something        */
  uint64_t offset;         /* of its first byte in all that was delivered   */
  uint32_t flags;          /* KVSP_PIECE_*                                  */
  kvsp_view number;        /* of its fragment; data NULL: it has none       */
  int64_t server_time_ns;   /* of its fragment; KVSP_TIME_NONE: unknown     */
  int64_t producer_time_ns;
} kvsp_piece;

/*
 * The next bytes.  Drives all readers of the client while it waits, at most
 * timeout_ms (0: not at all; negative: without end).
 *   KVSP_OK          *piece is set, valid until the next call on the client or
 *                    any of its readers
 *   KVSP_NEED_INPUT  nothing came in that time
 *   KVSP_INTERRUPTED kvsp_client_interrupt was called
 *   KVSP_END         with KVSP_MEDIA_STOP_AT_END only: that was all
 *   KVSP_ERR_SERVICE, KVSP_ERR_NETWORK, KVSP_ERR_CREDENTIALS, KVSP_ERR_CLOCK,
 *   KVSP_ERR_UNSUPPORTED, KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM, what a
 *                    credentials callback returned: it will not heal by itself;
 *                    see kvsp_media_error.  The same comes again
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT; KVSP_ERR_STATE after
 *                    kvsp_media_next_item
 */
KVSP_API KVSP_MUST_CHECK int kvsp_media_next(kvsp_media *m, int timeout_ms,
                                             const kvsp_piece **piece);
/*
 * The same, as a reader's items; one or the other.  At KVSP_ITEM_TAGS with
 * KVSP_FRAGMENT_COMPLETE among the fragment's flags a checkpoint may move to
 * item->fragment->number: a process that begins after it gets no fragment
 * twice.  Besides the codes above those of kvsp_reader_next, whose errors end
 * it.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_media_next_item(kvsp_media *m,
                                                  int timeout_ms,
                                                  const kvsp_item **item);

/* Why it ended, or what the last failed call said.  Owned by the reader, valid
 * until the next call on it.  Never NULL. */
KVSP_API const kvsp_service_error *kvsp_media_error(const kvsp_media *m);
/* The config's user: whose stream it is that kvsp_client_wait found ready. */
KVSP_API void *kvsp_media_user(const kvsp_media *m);
/* KVSP_STATE_*. */
KVSP_API uint32_t kvsp_media_get_state(const kvsp_media *m);
/* The number of the last complete fragment that was handed out; data NULL:
 * none was.  Valid until the next call on the reader. */
KVSP_API kvsp_view kvsp_media_position(const kvsp_media *m);

/* Milliseconds, of the last 1024 fragments; KVSP_TIME_NONE: there were none. */
typedef struct kvsp_spread {
  int64_t min;
  int64_t median;
  int64_t max;
} kvsp_spread;
/* Counts since it was made.  May grow at the end. */
typedef struct kvsp_media_stats {
  uint64_t bytes;      /* received                                         */
  uint64_t fragments;  /* complete ones                                    */
  uint64_t sessions;   /* calls of GetMedia that were answered with 200     */
  uint64_t reconnects; /* sessions that followed another one                */
  uint64_t retries;    /* calls that failed                                */
  uint64_t throttled;  /* of these, those that KVS's limits refused         */
  uint64_t dropped;    /* fragments that came again                         */
  uint64_t resumed;    /* cut fragments that went on where they were cut    */
  uint64_t lost;       /* cut fragments whose rest did not come             */
  uint64_t buffered;   /* bytes that wait for the caller                    */
  int64_t millis_behind_now;       /* of the last fragment; KVSP_TIME_NONE  */
  kvsp_spread arrival_after_server; /* when a fragment's first frames came,
                                       minus its server time, by this
                                       machine's clock                     */
  kvsp_spread server_after_producer;
} kvsp_media_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_media_get_stats(const kvsp_media *m, kvsp_media_stats *stats,
                                  size_t struct_size);

#ifdef __cplusplus
}
#endif
#endif
