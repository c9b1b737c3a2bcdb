/*
 * build.h - whole sample streams for the reader's suites, put together from
 * mux.h's elements: plain fragments, blocks and laces by hand, and a stream
 * with everything in it.
 */
#ifndef KVSPARSE_TESTS_BUILD_H
#define KVSPARSE_TESTS_BUILD_H

#include <stdbool.h>

#include "support/mux.h"

/* A frame's bytes: the same for the same seed, never an EBML header. */
void build_payload(uint8_t *out, size_t len, unsigned seed);
void build_append_payload(struct bytes *b, size_t len, unsigned seed);

/* What a SimpleBlock or a Block holds. */
void build_block(struct bytes *b, uint64_t track, int16_t timecode,
                 uint8_t flags, const void *data, size_t len);
/* What follows a laced block's flags: the count, the sizes as that lacing
 * (KVSP_LACING_*) writes them, and frames with the seeds seed, seed + 1... */
void build_lace(struct bytes *b, unsigned lacing, const size_t *sizes,
                unsigned count, unsigned seed);

/* SimpleBlocks. */
void build_frame(struct bytes *b, uint64_t track, int16_t timecode,
                 uint8_t flags, size_t len, unsigned seed);
void build_laced(struct bytes *b, uint64_t track, int16_t timecode,
                 unsigned lacing, const size_t *sizes, unsigned count,
                 unsigned seed);

/* Track 1: video, 320x240, 40 ms a frame; track 2: audio. */
void build_tracks(struct bytes *b);

/* Zero means: as the struct below says. */
struct build_fragment {
  unsigned number;   /* of the fragment, and of its time: number seconds   */
  unsigned frames;   /* 0: 4, every other one of track 2                   */
  size_t frame_size; /* 0: 300 bytes                                       */
  bool no_head;      /* without the service's head tags                    */
  bool no_tail;      /* without its tail tags                              */
};

/* A document as GetMedia sends it. */
void build_fragment(struct bytes *b, const struct build_fragment *fragment);
/* Fragments first to first + count - 1. */
void build_fragments(struct bytes *b, unsigned first, unsigned count);

/* zlib data, of some 13 bits for 258 bytes: 258 * count + 1 zeros. */
void build_zlib_zeros(struct bytes *b, size_t count);

/* A document up to its Cluster's Timestamp.  Track 1: zlib, its CodecPrivate
 * as well, which has that many zeros as above; track 2: the header "head" is
 * stripped. */
void build_encoded_head(struct bytes *b, size_t private_count);
/* The same with frames: three compressed ones of up to so many zeros, one of
 * them in a BlockGroup; a lace and a single one that are stripped. */
void build_encoded(struct bytes *b, size_t count);

/* All elements, lacings, tags and codecs that the reader knows, and faults
 * that it gets over, in some 40 kB. */
void build_everything(struct bytes *b);

#endif
