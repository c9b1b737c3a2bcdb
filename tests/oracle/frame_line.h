/*
 * frame_line.h - the line that avformat_packets.c and kvsp_frames.c print for
 * each frame, so that oracle.sh can compare them:
 *
 *   stream size hash pts key lace
 *
 * stream: the track's place among the tracks, from 0, or -1.  The hash tells
 * different bytes apart, no more.  pts: ns, or "none".  key: 1 or 0.  lace: the
 * frame's place in its lace, which libavformat does not tell (0).
 */
#ifndef KVSPARSE_TESTS_FRAME_LINE_H
#define KVSPARSE_TESTS_FRAME_LINE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct frame_line {
  int64_t stream;
  const uint8_t *data;
  size_t size;
  int64_t pts_ns;
  int has_pts;
  int key;
  uint32_t lace_index;
};

/* FNV-1a. */
static inline uint64_t frame_line_hash(const uint8_t *data, size_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static inline void frame_line_print(const struct frame_line *line) {
  printf("%" PRId64 " %zu %016" PRIx64 " ", line->stream, line->size,
         frame_line_hash(line->data, line->size));
  if (line->has_pts)
    printf("%" PRId64, line->pts_ns);
  else
    printf("none");
  printf(" %d %" PRIu32 "\n", line->key, line->lace_index);
}

#endif
