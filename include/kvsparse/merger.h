/*
 * merger.h - many fragments into one stream that players play: the bytes of a
 * GetMedia response in, one Matroska document out, as the frames come.
 *
 * A KVS stream is a row of documents, one for each fragment, and players stop
 * behind the first.  The merger writes EBML header, Info and Tracks once, then
 * all Clusters.  It copies Blocks byte for byte and decodes nothing; what it
 * holds does not grow with the stream.  A frame leaves when its last byte has
 * come.  What belongs to one fragment only is left out: Tags, SeekHead, Cues,
 * Void, a Duration.
 *
 * A whole program:
 *
 *   #include <kvsparse/merger.h>
 *   #include <stdio.h>
 *
 *   static int on_output(void *user, const void *data, size_t len,
 *                        const kvsp_merge_segment *segment) {
 *     if (segment && segment->index > 0) return KVSP_ERR_USER;
 *     return fwrite(data, 1, len, (FILE *)user) == len ? 0 : KVSP_ERR_USER;
 *   }
 *
 *   int main(void) {
 *     kvsp_merger_config config = {.struct_size = sizeof config};
 *     kvsp_merger *merger;
 *     char buffer[65536];
 *     size_t n;
 *     int rc;
 *     config.output = on_output;
 *     config.user = stdout;
 *     if (kvsp_merger_new(&merger, &config) != KVSP_OK) return 1;
 *     do {
 *       n = fread(buffer, 1, sizeof buffer, stdin);
 *       rc = kvsp_merger_write(merger, buffer, n, n ? 0 : KVSP_FINAL);
 *     } while (rc == KVSP_OK);
 *     if (rc != KVSP_END)
 *       fprintf(stderr, "%s\n", kvsp_merger_error(merger)->message);
 *     kvsp_merger_free(merger);
 *     return rc == KVSP_END && fclose(stdout) == 0 ? 0 : 1;
 *   }
 */
#ifndef KVSPARSE_MERGER_H
#define KVSPARSE_MERGER_H

#include <kvsparse/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_merger kvsp_merger;

enum kvsp_merge_mode {
  /* Each segment begins at 0, gaps stay.  Where times go back, the producer
   * began anew: how long that took, its clock tells, if the fragments have
   * producer times. */
  KVSP_MERGE_REBASE = 0,
  /* Each segment begins at 0, and a fragment where the one before it ends:
   * without the gaps of streams that are sent when something moves. */
  KVSP_MERGE_PACK = 1,
  /* Times stay as they are.  Where they go back, or repeat from one fragment
   * to the next, a new segment begins. */
  KVSP_MERGE_KEEP = 2
};

/* Why a segment begins. */
enum kvsp_merge_reason {
  KVSP_MERGE_FIRST = 1,  /* the stream does                                */
  KVSP_MERGE_SPLIT = 2,  /* split_fragments, _bytes or _ns                 */
  KVSP_MERGE_TRACKS = 3, /* its Tracks, EBML header or TimestampScale are not
                            those of the segment before                    */
  KVSP_MERGE_TIMES = 4   /* times went back, in a way that the mode has no
                            answer to                                      */
};

/* A document of the output.  May grow at the end. */
typedef struct kvsp_merge_segment {
  uint64_t index;  /* 0 for the first                                      */
  uint32_t reason; /* KVSP_MERGE_*                                         */
  uint32_t reserved;
  const kvsp_fragment *fragment; /* the first in it                        */
} kvsp_merge_segment;

/*
 * Bytes of the output, to be used before you return; a frame comes as two or
 * more calls.  segment is NULL, but for the first bytes of each segment: begin
 * a new file, or go on in the same (then it is a row of documents again, of
 * which many players show the first).  Return 0 to go on.  Any other value
 * stops the merger for good and comes back from kvsp_merger_write unchanged:
 * KVSP_ERR_USER or less for errors of your own.
 */
typedef int (*kvsp_merge_callback)(void *user, const void *data, size_t len,
                                   const kvsp_merge_segment *segment);

enum kvsp_merger_flags {
  /* As KVSP_READ_STRICT and KVSP_READ_CHECK_CRC. */
  KVSP_MERGE_STRICT = 1,
  KVSP_MERGE_CHECK_CRC = 8,
  /* At a segment's end, one Tags with the tags of its fragments: each name and
   * value once, of AWS's own (AWS_KINESISVIDEO_...) the last value.  Without
   * tags inside others, and those that are not about the whole Segment; no
   * more than max_tags. */
  KVSP_MERGE_TAGS = 32,
  /* Where a segment would begin for KVSP_MERGE_TRACKS or _TIMES, stop:
   * kvsp_merger_write returns KVSP_END. */
  KVSP_MERGE_STOP = 64
};

/* Zero it, set struct_size and output, then what you need. */
typedef struct kvsp_merger_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc                 */
  const kvsp_limits *limits;       /* copied; NULL: the defaults           */
  uint32_t mode;                   /* KVSP_MERGE_REBASE, _PACK, _KEEP      */
  uint32_t flags;                  /* KVSP_MERGE_STRICT to _STOP           */
  kvsp_merge_callback output;
  void *user;                      /* of both callbacks                    */
  /* NULL, or called for each item of the stream before what comes of it is
   * written: gaps, fragments with their tags, frames.  As a reader's; what it
   * returns stops the merger as what output returns does. */
  kvsp_item_callback item;
  /* A new segment, at the first fragment that begins when the segment has so
   * many fragments, bytes, or nanoseconds.  0: no such border. */
  uint64_t split_fragments;
  uint64_t split_bytes;
  int64_t split_ns;
} kvsp_merger_config;

/* KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_merger_new(kvsp_merger **out,
                                             const kvsp_merger_config *config);
/* NULL is fine.  From its own callback, the merger goes when that returns. */
KVSP_API void kvsp_merger_free(kvsp_merger *m);
/* As new, with the same configuration.  KVSP_OK, KVSP_ERR_ARG,
 * KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_merger_reset(kvsp_merger *m);

/*
 * The next bytes of the stream; they are used when it returns.  flags: 0, or
 * KVSP_FINAL when nothing follows.
 *   KVSP_OK   more may follow
 *   KVSP_END  that was all: after KVSP_FINAL, or KVSP_MERGE_STOP
 *   what a callback returned; the errors of kvsp_reader_input and _next.
 *   After KVSP_ERR_LIMIT_*, the bytes stay lent: raise the limit by
 *   kvsp_merger_set_limits and go on with data NULL, len 0 and no flags.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_merger_write(kvsp_merger *m,
                                               const void *data, size_t len,
                                               unsigned flags);

/* What stopped it; never NULL. */
KVSP_API const kvsp_error_info *kvsp_merger_error(const kvsp_merger *m);
/* KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_merger_set_limits(kvsp_merger *m, const kvsp_limits *limits);
/* All counts since new or reset. */
typedef struct kvsp_merger_stats {
  uint64_t segments;     /* begun                                          */
  uint64_t fragments;    /* with a frame that was written                  */
  uint64_t frames;       /* written                                        */
  uint64_t frames_left;  /* not written: no Tracks say what they are       */
  uint64_t bytes;        /* of the output                                  */
  uint64_t gaps;         /* GAP items of the stream                        */
  uint64_t memory;       /* bytes held now                                 */
  uint64_t memory_peak;  /* the most ever held                             */
} kvsp_merger_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_merger_get_stats(const kvsp_merger *m,
                                   kvsp_merger_stats *stats,
                                   size_t struct_size);

#ifdef __cplusplus
}
#endif
#endif
