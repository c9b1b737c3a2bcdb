/*
 * read_loop.c - the bare loop that all others are compared with: reads the
 * file and looks at nothing.
 */
#include "bench.h"

static uint8_t piece[BENCH_PIECE];

int main(int argc, char **argv) {
  struct bench_sum sum = {0, 0, 0};
  int fd = argc == 2 ? bench_open(argv[1]) : -1;
  size_t n;
  if (fd < 0) bench_fail("usage: read_loop FILE");
  do {
    n = bench_read(fd, piece, sizeof piece);
    sum.bytes += n;
  } while (n > 0);
  close(fd);
  bench_print(&sum);
  return 0;
}
