/*
 * stream.h - what mux.h leaves to be wished for: single headers, which may
 * lie, filler, and one sample stream in which everything occurs.
 */
#ifndef KVSPARSE_TESTS_STREAM_H
#define KVSPARSE_TESTS_STREAM_H

#include "mux.h"

/* An element's header alone.  size may be KVSP_SIZE_UNKNOWN; size_length 0:
 * the fewest bytes. */
void stream_header(struct bytes *b, uint64_t id, uint64_t size,
                   unsigned size_length);
/* A master of known size told in the fewest bytes, and its content. */
void stream_master(struct bytes *b, uint64_t id, const struct bytes *content);
/* Bytes without a pattern, the same for the same seed, none of them 0x1A: no
 * EBML header is in them. */
void stream_filler(struct bytes *b, size_t len, uint32_t seed);
/* A number from a state that is not 0. */
uint32_t stream_random(uint32_t *state);

/* IDs that no table knows, of one and of four bytes. */
#define STREAM_ID_UNKNOWN_1 0x8A
#define STREAM_ID_UNKNOWN_4 0x1FABCDEF

/*
 * Three documents end to end: unknown sizes told in 1 and in 8 bytes, sizes
 * of all lengths, unknown elements, Void, CRC-32, empty elements, a BlockGroup,
 * Tags and Cues behind Clusters, a Cluster and a Segment of known size.
 */
void stream_sample(struct bytes *b);

#endif
