/*
 * tokenizer.h - bytes in, element events out.  Knows EBML and the table of
 * elements; knows nothing of fragments, tracks or frames.
 *
 *   kvsp_tokenizer *t;
 *   const kvsp_event *event;
 *   int rc = kvsp_tokenizer_new(&t, NULL);
 *   ...
 *   rc = kvsp_tokenizer_input(t, data, len, KVSP_FINAL);
 *   while (rc == KVSP_OK && (rc = kvsp_tokenizer_next(t, &event)) == KVSP_OK)
 *     printf("%*s%s\n", (int)event->depth * 2, "",
 *            event->info ? event->info->name : "?");
 *   kvsp_tokenizer_free(t);
 */
#ifndef KVSPARSE_TOKENIZER_H
#define KVSPARSE_TOKENIZER_H

#include <kvsparse/ebml.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_tokenizer kvsp_tokenizer;

/* Ignore types that you do not know. */
enum kvsp_event_type {
  /* A master element's header.  Its children follow, then its end. */
  KVSP_EVENT_MASTER_BEGIN = 1,
  KVSP_EVENT_MASTER_END = 2,
  /* A number, a string or a date, whole: data is its payload. */
  KVSP_EVENT_VALUE = 3,
  /* A binary element, or one that is not in the table: its header, then its
   * payload in pieces as they come (none when it is empty), then its end. */
  KVSP_EVENT_BLOB_BEGIN = 4,
  KVSP_EVENT_BLOB_DATA = 5,
  KVSP_EVENT_BLOB_END = 6
};

enum kvsp_event_flags {
  /* The table knows the element, but not in this parent. */
  KVSP_EVENT_MISPLACED = 1,
  /* A master whose own header was not found, after kvsp_tokenizer_resync: its
   * children are here.  header_size is 0, size unknown. */
  KVSP_EVENT_IMPLIED = 2,
  /* At MASTER_END, with KVSP_TOKENIZE_CHECK_CRC: its CRC-32 does not match. */
  KVSP_EVENT_CRC_MISMATCH = 4
};

/* Made by the library; valid, with all it points to, until the next call on
 * the same tokenizer.  May grow at the end. */
typedef struct kvsp_event {
  uint32_t type;        /* KVSP_EVENT_*                                    */
  uint32_t flags;       /* KVSP_EVENT_MISPLACED, _IMPLIED, _CRC_MISMATCH   */
  uint64_t id;          /* the element's, with marker bits                 */
  uint32_t depth;       /* 0 for EBML and Segment                          */
  uint32_t header_size; /* bytes of ID and size together                   */
  uint64_t offset;      /* of the element's first byte in the stream       */
  uint64_t size;        /* of its payload, or KVSP_SIZE_UNKNOWN            */
  uint64_t data_offset; /* of data in the stream; MASTER_END and BLOB_END:
                           the first byte after the element                */
  kvsp_view data;       /* VALUE: the payload; BLOB_DATA: a piece of it    */
  const kvsp_element_info *info; /* NULL: not in the table                 */
} kvsp_event;

enum kvsp_tokenizer_flags {
  /* Verify CRC-32 elements (RFC 8794, 11.3.1) of masters of known size. */
  KVSP_TOKENIZE_CHECK_CRC = 1
};

typedef struct kvsp_tokenizer_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc                 */
  const kvsp_limits *limits;       /* copied; NULL: the defaults           */
  uint32_t flags;                  /* KVSP_TOKENIZE_*                      */
  uint32_t reserved;               /* 0                                    */
} kvsp_tokenizer_config;

/* config may be NULL.  KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_new(
    kvsp_tokenizer **out, const kvsp_tokenizer_config *config);
/* NULL is fine. */
KVSP_API void kvsp_tokenizer_free(kvsp_tokenizer *t);
/* As new, at offset 0, with the same limits; what was lent is given back.
 * KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_tokenizer_reset(kvsp_tokenizer *t);

/* The last bytes of the stream: nothing follows them. */
#define KVSP_FINAL 1u

/*
 * Lends len bytes until kvsp_tokenizer_next() returns KVSP_NEED_INPUT (or
 * KVSP_END, or the tokenizer is reset or freed): leave them where they are
 * until then.  len may be 0.  flags: 0 or KVSP_FINAL.
 * KVSP_OK; KVSP_ERR_ARG; KVSP_ERR_STATE when the last bytes lent are not used
 * up yet, or KVSP_FINAL was given before; KVSP_ERR_NOMEM, if that came before.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_input(kvsp_tokenizer *t,
                                                  const void *data, size_t len,
                                                  unsigned flags);
/*
 * The next event, as soon as its last byte is there.
 *   KVSP_OK          *event is set
 *   KVSP_NEED_INPUT  the bytes lent are used up
 *   KVSP_END         after KVSP_FINAL: all elements are complete
 *   KVSP_ERR_EBML, _OVERFLOW, _TRUNCATED, _SCHEMA   the data; the same comes
 *                    again until kvsp_tokenizer_resync() or a reset
 *   KVSP_ERR_LIMIT_* raise it by kvsp_tokenizer_set_limits and call again
 *   KVSP_ERR_NOMEM   free or reset; until then it comes again
 *   KVSP_ERR_ARG; KVSP_ERR_STATE between reserve and commit
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_next(kvsp_tokenizer *t,
                                                 const kvsp_event **event);

/*
 * After KVSP_EVENT_BLOB_BEGIN or _BLOB_DATA: the next piece shall hold at
 * least want bytes in a row (all that is left of the payload, if that is
 * less).  Pieces that were lent whole are not copied.  More than max_frame is
 * KVSP_ERR_LIMIT_FRAME.  After KVSP_EVENT_MASTER_BEGIN of a known size: the
 * element's content comes like a blob's, in BLOB_DATA, not as child events,
 * and ends with MASTER_END.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_STATE, KVSP_ERR_LIMIT_FRAME.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_collect(kvsp_tokenizer *t,
                                                    uint64_t want);
/*
 * Leaves out what is left of the element that the last event began or
 * continued: no more BLOB_DATA, no events of children; its END event comes.
 * KVSP_OK; KVSP_ERR_STATE after other events, or for a master of unknown
 * size.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_skip(kvsp_tokenizer *t);
/*
 * After an error of the data, or of a limit: looks, from the byte where the
 * error was, for the next place where elements go on:
 *   - an EBML header whose children make sense and that a Segment follows (as
 *     long as nothing of a Matroska stream was seen, one of unknown size);
 *   - inside a document: a child of Segment with a sane first child, or three
 *     children of Cluster in a row.
 * Masters that do not go on there get their MASTER_END first; those whose
 * headers are missing begin with KVSP_EVENT_IMPLIED.  If the element that is
 * beyond a limit, or the parent of what made no sense, has a known size and
 * ends first, the elements go on there.  A place that cannot be judged within
 * max_memory, because what stands there claims to be larger, is none.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_STATE when there is no such error.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_resync(kvsp_tokenizer *t);

/*
 * Instead of kvsp_tokenizer_input: receive straight into the tokenizer's own
 * memory.  *data points to *capacity (at least 1, about want) writable bytes;
 * commit says how many of them were filled.  Nothing else may be called in
 * between but free, reset, set_limits and what only asks (KVSP_ERR_STATE), and
 * reserve only when kvsp_tokenizer_next() asked for input; what the last event
 * showed is gone then.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_STATE, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_reserve(kvsp_tokenizer *t,
                                                    size_t want, void **data,
                                                    size_t *capacity);
KVSP_API KVSP_MUST_CHECK int kvsp_tokenizer_commit(kvsp_tokenizer *t,
                                                   size_t len, unsigned flags);

/* Never NULL. */
KVSP_API const kvsp_error_info *kvsp_tokenizer_error(const kvsp_tokenizer *t);
/* Of the next byte to be looked at. */
KVSP_API uint64_t kvsp_tokenizer_offset(const kvsp_tokenizer *t);
/* KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_tokenizer_set_limits(kvsp_tokenizer *t,
                                       const kvsp_limits *limits);

#ifdef __cplusplus
}
#endif
#endif
