/*
 * bench.h - what all contenders share, so that they do the same work: how a
 * file is read (read(2), 64 KiB at a time), the checksum of the frames, and
 * the line in which it is told.  Knows no Matroska.  C11 and C++11.
 */
#ifndef KVSPARSE_TESTS_BENCH_H
#define KVSPARSE_TESTS_BENCH_H

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BENCH_PIECE 65536

/* Ends the program with a message. */
static inline void bench_fail(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(2);
}

static inline int bench_open(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    perror(path);
    exit(2);
  }
  return fd;
}

/* Bytes read, 0 at the end. */
static inline size_t bench_read(int fd, void *data, size_t len) {
  ssize_t n = read(fd, data, len);
  if (n < 0) bench_fail("cannot read");
  return (size_t)n;
}

struct bench_sum {
  uint64_t sum;
  uint64_t frames;
  uint64_t bytes;
};

/*
 * One frame more.  Depends on each value, on the frame's first and last eight
 * bytes, and on the order of the frames.  The four products do not wait for
 * each other: it takes the same dozen instructions in every contender.
 * data may be NULL.
 */
static inline void bench_add(struct bench_sum *s, uint64_t track,
                             int64_t time_ns, int key, const uint8_t *data,
                             size_t size) {
  uint64_t first = 0;
  uint64_t last = 0;
  if (data != NULL && size >= 8) {
    memcpy(&first, data, 8);
    memcpy(&last, data + size - 8, 8);
  }
  s->sum = s->sum * UINT64_C(0x9E3779B97F4A7C15) +
           (uint64_t)time_ns * UINT64_C(0xC2B2AE3D27D4EB4F) +
           (first ^ (last << 1 | last >> 63)) * UINT64_C(0xFF51AFD7ED558CCD) +
           (size * 1024 + track * 2 + (uint64_t)(key != 0));
  s->frames++;
  s->bytes += size;
}

/* The only line on standard output that a contender without options prints. */
static inline void bench_print(const struct bench_sum *s) {
  printf("frames %" PRIu64 " bytes %" PRIu64 " sum %016" PRIx64 "\n", s->frames,
         s->bytes, s->sum);
  if (fflush(stdout) != 0) bench_fail("cannot write");
}

#endif
