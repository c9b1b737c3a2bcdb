#include "fuzz/fuzz_input.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_check.h"

void fuzz_input_open(struct fuzz_input *in, const uint8_t *data, size_t size) {
  size_t config = size < FUZZ_CONFIG ? size : FUZZ_CONFIG;
  memset(in, 0, sizeof *in);
  in->data = data;
  in->size = size - config;
  if (config > 0) memcpy(in->config, data + in->size, config);
}

unsigned fuzz_byte(struct fuzz_input *in) {
  return in->used < FUZZ_CONFIG ? in->config[in->used++] : 0;
}

unsigned fuzz_two_bytes(struct fuzz_input *in) {
  unsigned high = fuzz_byte(in);
  return high << 8 | fuzz_byte(in);
}

uint64_t fuzz_small(struct fuzz_input *in) {
  return fuzz_byte(in) % 32;
}

uint64_t fuzz_power(struct fuzz_input *in) {
  unsigned bits = fuzz_byte(in) % 16;
  return bits ? UINT64_C(1) << bits : 0;
}

/* ---- pieces ---------------------------------------------------------------- */

void fuzz_cuts_choose(struct fuzz_cuts *cuts, struct fuzz_input *in) {
  unsigned choice = fuzz_byte(in);
  cuts->varied = choice >= 128;
  cuts->random = choice * 2654435761u + 1;
  cuts->largest = cuts->varied ? 1u << (choice % 13) : choice;
}

void fuzz_cuts_bytes(struct fuzz_cuts *cuts, size_t size) {
  cuts->varied = false;
  cuts->largest = 1 + (unsigned)(size / 1024);
}

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 12;
}

size_t fuzz_cut(struct fuzz_cuts *cuts, size_t left) {
  size_t size = cuts->largest ? cuts->largest : left;
  if (cuts->varied) size = next_random(&cuts->random) % (size + 1);
  return size < left ? size : left;
}

uint8_t *fuzz_copy(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  if (copy == NULL) exit(1);
  if (size > 0) memcpy(copy, data, size);
  return copy;
}

/* ---- digests ----------------------------------------------------------------- */

uint64_t fuzz_mix(uint64_t digest, uint64_t value) {
  digest = (digest ^ value) * UINT64_C(0x9E3779B97F4A7C15);
  return digest ^ digest >> 29;
}

uint64_t fuzz_mix_bytes(uint64_t digest, const uint8_t *data, size_t size) {
  uint64_t word = 0;
  for (; size >= sizeof word; size -= sizeof word, data += sizeof word) {
    memcpy(&word, data, sizeof word);
    digest = fuzz_mix(digest, word);
  }
  word = size; /* and so "a" and "a\0" differ */
  for (; size > 0; size--) word = word << 8 | *data++;
  return fuzz_mix(digest, word);
}
