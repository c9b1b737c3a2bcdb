/*
 * common.h - what every part of libkvsparse shares: status codes, borrowed
 * views, reference-counted buffers, the allocator, limits, the version.
 *
 * Strings are UTF-8 or ASCII views without a terminating NUL: print them with
 * printf("%.*s", (int)v.len, (const char *)v.data).  Offsets are 64 bits and
 * count from the first byte fed since the object was made or reset.  Times
 * are nanoseconds in int64_t, KVSP_TIME_NONE where there is none.
 */
#ifndef KVSPARSE_COMMON_H
#define KVSPARSE_COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifndef KVSP_API
#if defined(KVSP_BUILDING) && defined(__GNUC__)
#define KVSP_API __attribute__((visibility("default")))
#else
#define KVSP_API
#endif
#endif

#if defined(__GNUC__)
#define KVSP_MUST_CHECK __attribute__((warn_unused_result))
#else
#define KVSP_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What functions return, as a plain int (so that the ABI and foreign callers
 * never depend on the width of an enum): 0 is success, a positive value a
 * condition that is no failure, a negative value an error.  New values may
 * appear; treat an unknown negative value as an error of its range.
 */
enum kvsp_status {
  KVSP_OK = 0,
  KVSP_NEED_INPUT = 1, /* all bytes that were lent are used: give more     */
  KVSP_NEED_DRAIN = 2, /* output is waiting: take it, then send again      */
  KVSP_END = 3,        /* the clean end: KVSP_FINAL was given, all is out  */
  KVSP_PAUSED = 4,     /* a callback asked to pause                        */
  KVSP_INTERRUPTED = 5, /* kvsp_client_interrupt was called: go on, or not */

  /* The caller's mistake; the object is as it was before the call. */
  KVSP_ERR_ARG = -1,         /* NULL, a bad value, a wrong struct_size     */
  KVSP_ERR_STATE = -2,       /* not now: see the function's comment        */
  KVSP_ERR_REENTRANT = -3,   /* called from this object's own callback     */
  KVSP_ERR_UNSUPPORTED = -4, /* this build or this codec cannot do it      */

  /* The data.  Where: kvsp_reader_error(), kvsp_tokenizer_error(). */
  KVSP_ERR_EBML = -100,      /* these bytes are no element header          */
  KVSP_ERR_OVERFLOW = -101,  /* an element reaches past its parent's end   */
  KVSP_ERR_TRUNCATED = -102, /* the stream ends inside an element          */
  KVSP_ERR_SCHEMA = -103,    /* an element where it must not be, or with a
                                length that its type does not allow        */
  KVSP_ERR_BLOCK = -104,     /* a Block's header or lacing is wrong, or its
                                track is not among the fragment's Tracks   */
  KVSP_ERR_CRC = -105,       /* a CRC-32 element does not match its parent's
                                bytes (only looked at on request)          */
  KVSP_ERR_COMPRESSION = -106, /* a frame cannot be decompressed           */

  /* A limit of kvsp_limits: raise it, repeat the call, nothing is lost.  (A
   * reader without KVSP_READ_STRICT leaves the element out instead and tells
   * of it by a GAP; only KVSP_ERR_LIMIT_MEMORY stops it too.) */
  KVSP_ERR_LIMIT_DEPTH = -200,
  KVSP_ERR_LIMIT_TRACKS = -201,
  KVSP_ERR_LIMIT_TAGS = -202,
  KVSP_ERR_LIMIT_VALUE = -203,
  KVSP_ERR_LIMIT_FRAME = -204,
  KVSP_ERR_LIMIT_MEMORY = -205,

  /* The network and the service: kvsp_client_error(), kvsp_media_error(). */
  KVSP_ERR_NETWORK = -300,     /* no connection, or one that is not safe   */
  KVSP_ERR_SERVICE = -301,     /* the service refused, by name             */
  KVSP_ERR_CREDENTIALS = -302, /* there are none, or their source failed   */
  KVSP_ERR_CLOCK = -303,       /* this machine's clock is off by more than
                                  the service allows                       */
  KVSP_ERR_FILE = -304,        /* a file cannot be read or written         */

  KVSP_ERR_CODEC = -400, /* a codec is missing, or refused its data        */

  /* The object can only be freed, or reset: until then, the calls that would
   * feed it or ask it for more return the same code. */
  KVSP_ERR_NOMEM = -901,
  KVSP_ERR_INTERNAL = -902, /* a bug of this library: please report it     */

  /* A callback's own codes: any value from here down comes back unchanged. */
  KVSP_ERR_USER = -1000
};

/* One sentence for people, never NULL, static. */
KVSP_API const char *kvsp_status_text(int status);
/* The name in this header, "KVSP_ERR_EBML", never NULL, static. */
KVSP_API const char *kvsp_status_name(int status);
/* 1 when the object can only be freed or reset (-999 to -900), else 0. */
KVSP_API int kvsp_status_is_fatal(int status);

/* "No such time", in every field that holds a time. */
#define KVSP_TIME_NONE INT64_MIN

/* Borrowed bytes, not terminated.  data may be NULL where len is 0. */
typedef struct kvsp_view {
  const uint8_t *data;
  size_t len;
} kvsp_view;

/*
 * Where memory comes from; copied by value.  Set all three functions or none.
 * sizes are those that were asked for.  A NULL from alloc or resize (which
 * then leaves the old memory alone) becomes KVSP_ERR_NOMEM.  It must outlive
 * every object and every kvsp_buf made with it, and must be safe to use from
 * several threads where a kvsp_buf is given up on another thread (decoders
 * with threads do that).
 */
typedef struct kvsp_allocator {
  void *(*alloc)(void *user, size_t size);
  void *(*resize)(void *user, void *ptr, size_t old_size, size_t new_size);
  void (*release)(void *user, void *ptr, size_t size);
  void *user;
} kvsp_allocator;

/*
 * Reference-counted bytes that outlive the object they came from.  They are
 * followed by KVSP_PADDING zero bytes, as bit readers like libavcodec's want
 * them.  kvsp_buf_ref and kvsp_buf_unref may be called from any thread.
 */
#define KVSP_PADDING 64u
typedef struct kvsp_buf kvsp_buf;

/* Copies v.  allocator may be NULL (malloc).  KVSP_OK, KVSP_ERR_ARG,
 * KVSP_ERR_NOMEM.  The caller owns *out: kvsp_buf_unref. */
KVSP_API KVSP_MUST_CHECK int kvsp_buf_copy(kvsp_buf **out, kvsp_view v,
                                           const kvsp_allocator *allocator);
/* One owner more; returns b.  NULL is fine. */
KVSP_API kvsp_buf *kvsp_buf_ref(kvsp_buf *b);
/* One owner less; the last one frees.  NULL is fine. */
KVSP_API void kvsp_buf_unref(kvsp_buf *b);
/* The bytes, valid as long as the caller holds its reference. */
KVSP_API kvsp_view kvsp_buf_view(const kvsp_buf *b);

/*
 * How much of everything an object takes.  0 in a field means its default;
 * what is more than memory can hold means as much as it can.  max_memory is
 * what the object has from its allocator; what a kvsp_buf of the caller's
 * keeps is not counted, nor what an allocator needs while it moves a block.
 * Every struct that the caller fills starts with its own size, so that it can
 * grow: kvsp_limits limits = {.struct_size = sizeof limits};
 */
typedef struct kvsp_limits {
  size_t struct_size;
  uint32_t max_depth;  /* elements inside each other             default 16 */
  uint32_t max_tracks; /* TrackEntry elements of one fragment    default 64 */
  uint32_t max_tags;   /* SimpleTags of one fragment            default 256 */
  uint32_t reserved;   /* 0 */
  uint64_t max_value;  /* bytes of one value that is no frame  default 1 MiB */
  uint64_t max_frame;  /* bytes of one Block or BlockGroup    default 64 MiB */
  uint64_t max_memory; /* bytes that one object holds        default 256 MiB */
} kvsp_limits;

/* What went wrong and where.  Owned by the object that it was asked of, valid
 * until the next call on it. */
typedef struct kvsp_error_info {
  int status;          /* KVSP_OK when nothing went wrong                  */
  uint64_t offset;     /* of the first byte that makes no sense            */
  uint64_t element_id; /* the element concerned, 0 when unknown            */
  const char *message; /* static English, for logs                        */
} kvsp_error_info;

#define KVSP_VERSION_MAJOR 0
#define KVSP_VERSION_MINOR 1
#define KVSP_VERSION_PATCH 0
/* The version of the library that runs, "0.1.0". */
KVSP_API const char *kvsp_version(void);
/* The same as major << 16 | minor << 8 | patch. */
KVSP_API uint32_t kvsp_version_number(void);
/* What this build of the library has. */
enum kvsp_feature {
  KVSP_FEATURE_ZLIB = 1 /* KVSP_READ_DECOMPRESS undoes zlib                */
};
/* KVSP_FEATURE_* bits. */
KVSP_API uint32_t kvsp_features(void);
/* For bindings: sizeof a public struct of libkvsparse's own headers by its name
 * ("kvsp_frame"), 0 when there is no such struct.  libkvsparse-av has
 * kvsp_av_sizeof, libkvsparse-net kvsp_net_sizeof; what libkvsparse-matroska
 * takes begins with its size. */
KVSP_API size_t kvsp_sizeof(const char *struct_name);

#ifdef __cplusplus
}
#endif
#endif
