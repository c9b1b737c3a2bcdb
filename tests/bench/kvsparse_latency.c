/*
 * kvsparse_latency.c - how long after a frame's last byte our picture is
 * there, with KVSP_DECODE_LOW_DELAY.
 *
 *   kvsparse_latency THREADS FILE
 */
#include <kvsparse/pictures.h>

#include "bench.h"
#include "paced.h"

static uint8_t piece[BENCH_PIECE];

static int on_picture(void *user, const kvsp_picture *picture) {
  paced_shown(user, picture->pts_ns);
  return 0;
}

int main(int argc, char **argv) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_pictures *pictures;
  struct paced source;
  int rc = KVSP_OK;
  if (argc != 3) bench_fail("usage: kvsparse_latency THREADS FILE");
  config.threads = (uint32_t)strtoul(argv[1], NULL, 10);
  config.flags = KVSP_DECODE_LOW_DELAY;
  if (kvsp_pictures_new(&pictures, &config) != KVSP_OK)
    bench_fail("no pictures");
  paced_open(&source, argv[2]);
  while (rc == KVSP_OK) {
    size_t len = paced_read(&source, piece, sizeof piece);
    rc = kvsp_pictures_visit(pictures, piece, len, len == 0 ? KVSP_FINAL : 0,
                             on_picture, &source);
  }
  paced_report(&source);
  kvsp_pictures_free(pictures);
  paced_close(&source);
  return rc == KVSP_END ? 0 : 1;
}
