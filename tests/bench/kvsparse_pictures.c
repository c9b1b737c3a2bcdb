/*
 * kvsparse_pictures.c - our contender for decoding: bytes in, pictures out.
 *
 *   kvsparse_pictures native|gray8|rgb24 THREADS FILE
 *
 * Prints how many pictures there were.
 */
#include <kvsparse/pictures.h>

#include "bench.h"

static uint8_t piece[BENCH_PIECE];

static int on_picture(void *user, const kvsp_picture *picture) {
  uint64_t *pictures = user;
  (void)picture;
  ++*pictures;
  return 0;
}

static uint32_t format_of(const char *name) {
  if (strcmp(name, "native") == 0) return KVSP_PICTURE_NATIVE;
  if (strcmp(name, "gray8") == 0) return KVSP_PICTURE_GRAY8;
  if (strcmp(name, "rgb24") == 0) return KVSP_PICTURE_RGB24;
  bench_fail("kvsparse_pictures: no such format");
  return 0;
}

int main(int argc, char **argv) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_pictures *pictures;
  uint64_t count = 0;
  int rc = KVSP_OK;
  int fd;
  if (argc != 4) bench_fail("usage: kvsparse_pictures FORMAT THREADS FILE");
  config.format = format_of(argv[1]);
  config.threads = (uint32_t)strtoul(argv[2], NULL, 10);
  fd = bench_open(argv[3]);
  if (kvsp_pictures_new(&pictures, &config) != KVSP_OK)
    bench_fail("no pictures");
  while (rc == KVSP_OK) {
    size_t len = bench_read(fd, piece, sizeof piece);
    rc = kvsp_pictures_visit(pictures, piece, len, len == 0 ? KVSP_FINAL : 0,
                             on_picture, &count);
  }
  kvsp_pictures_free(pictures);
  close(fd);
  printf("pictures %" PRIu64 "\n", count);
  return rc == KVSP_END ? 0 : 1;
}
