/*
 * fuzz_input.h - how a target takes its choices out of a fuzzer's bytes: the
 * last FUZZ_CONFIG bytes are choices, what stands before them is the stream.
 * So a stream becomes a seed by appending bytes, and whatever a fuzzer inserts
 * into the stream leaves the choices alone.  Knows no target.
 */
#ifndef KVSPARSE_TESTS_FUZZ_INPUT_H
#define KVSPARSE_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_CONFIG 16u

struct fuzz_input {
  const uint8_t *data; /* the stream                                       */
  size_t size;
  uint8_t config[FUZZ_CONFIG]; /* zeros where the input is shorter          */
  unsigned used;
};

/* data stays the fuzzer's. */
void fuzz_input_open(struct fuzz_input *in, const uint8_t *data, size_t size);
/* The next choice: a byte, two bytes; 0 when all were taken.  A seed that
 * ends with zeros makes the plainest choices. */
unsigned fuzz_byte(struct fuzz_input *in);
unsigned fuzz_two_bytes(struct fuzz_input *in);
/* A limit of kvsp_limits: 0 (the default) or small. */
uint64_t fuzz_small(struct fuzz_input *in);
uint64_t fuzz_power(struct fuzz_input *in);

/* How a stream is cut into pieces: whole, in pieces of one size, or of many
 * sizes. */
struct fuzz_cuts {
  unsigned largest; /* bytes; 0: whole                                     */
  bool varied;      /* from 0 to that                                      */
  uint32_t random;
};

void fuzz_cuts_choose(struct fuzz_cuts *cuts, struct fuzz_input *in);
/* Byte by byte; a few bytes where there are so many that it would take long. */
void fuzz_cuts_bytes(struct fuzz_cuts *cuts, size_t size);
/* The size of the next piece, at most left; varied ones may be 0. */
size_t fuzz_cut(struct fuzz_cuts *cuts, size_t left);

/* A copy in memory of exactly that size, so that a sanitizer sees whoever
 * looks beyond it.  Free it with free(). */
uint8_t *fuzz_copy(const uint8_t *data, size_t size);

/* Mixes a number, or bytes, into a digest. */
uint64_t fuzz_mix(uint64_t digest, uint64_t value);
uint64_t fuzz_mix_bytes(uint64_t digest, const uint8_t *data, size_t size);

#endif
