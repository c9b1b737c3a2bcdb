/*
 * collector.h - the output of a merger, a finisher or an extractor, kept until
 * it is asked for: for those who would rather call than be called, such as
 * bindings of other languages, whose exceptions must not pass through C.
 *
 *   kvsp_collector *collector;
 *   const kvsp_collected *piece;
 *   int rc = kvsp_collector_new(&collector, NULL);
 *   ...
 *   config.output = kvsp_collect_merge;
 *   config.user = collector;
 *   ...
 *   rc = kvsp_merger_write(merger, data, len, 0);
 *   while (kvsp_collector_next(collector, &piece) == KVSP_OK)
 *     put(piece->data);
 *
 * Fetch all of it after each call that gives output: then as much is held as
 * one call gives, which is hardly more than the bytes that were fed.
 */
#ifndef KVSPARSE_COLLECTOR_H
#define KVSPARSE_COLLECTOR_H

#include <kvsparse/merger.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_collector kvsp_collector;

/* Made by the library; valid, with its data, until the next call on the same
 * collector.  May grow at the end. */
typedef struct kvsp_collected {
  kvsp_view data;
  uint64_t offset;  /* of data in what is written.  Of a finisher also places
                       before its end                                      */
  /* Of a merger. */
  uint64_t segment;          /* kvsp_merge_segment.index                   */
  uint64_t fragment_index;   /* of the segment's first fragment            */
  int64_t producer_time_ns;  /* of that fragment                           */
  uint32_t reason;           /* KVSP_MERGE_*: begins with this; 0: goes on */
  /* Of an extractor: as in a kvsp_extract.  Others: KVSP_TIME_NONE, 0. */
  uint32_t flags;
  int64_t pts_ns;
  uint32_t sample_rate;
  uint32_t channels;
} kvsp_collected;

typedef struct kvsp_collector_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc                 */
  uint64_t max_memory;             /* bytes held; 0: 256 MiB               */
} kvsp_collector_config;

/* config may be NULL.  KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_collector_new(
    kvsp_collector **out, const kvsp_collector_config *config);
/* NULL is fine.  Free what writes into it first. */
KVSP_API void kvsp_collector_free(kvsp_collector *c);
/* Forgets what was not fetched; offsets begin at 0 again.  KVSP_OK,
 * KVSP_ERR_ARG. */
KVSP_API int kvsp_collector_reset(kvsp_collector *c);

/*
 * Callbacks to be given to a merger (kvsp_merger_config.output), a finisher
 * (kvsp_finisher_config.write) and an extractor (kvsp_extractor_send), with
 * the collector as user.  What follows what is there already, and is no new
 * segment, becomes part of the same piece; but each kvsp_extract is one.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM: these stop who
 * called, as any callback's value does, and nothing was taken.
 */
KVSP_API int kvsp_collect_merge(void *collector, const void *data, size_t len,
                                const kvsp_merge_segment *segment);
KVSP_API int kvsp_collect_write(void *collector, uint64_t offset,
                                const void *data, size_t len);
struct kvsp_extract;
KVSP_API int kvsp_collect_extract(void *collector,
                                  const struct kvsp_extract *extract);

/* The next piece, in the order in which they were written.  KVSP_OK; KVSP_END
 * when there is none, *piece is NULL then; KVSP_ERR_ARG. */
KVSP_API KVSP_MUST_CHECK int kvsp_collector_next(kvsp_collector *c,
                                                 const kvsp_collected **piece);

#ifdef __cplusplus
}
#endif
#endif
