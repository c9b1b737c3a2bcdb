/*
 * test_picture.h - draws a moving test picture: colour bars, a grey ramp that
 * slides, a ball that bounces, and a panel with a large frame counter.  Knows
 * planes of 4:2:0 samples and a small font of its own; knows nothing of
 * codecs or files.
 */
#ifndef KVSPARSE_TOOLS_TEST_PICTURE_H
#define KVSPARSE_TOOLS_TEST_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

/* Smaller ones have no room for a legible counter. */
#define TEST_PICTURE_MIN_WIDTH 64
#define TEST_PICTURE_MIN_HEIGHT 48

/* Where to draw: planar Y, U, V, chroma halved in both directions, both sizes
 * even.  The planes are the caller's. */
struct test_canvas {
  uint8_t *plane[3];
  int stride[3];
  int width;
  int height;
  bool full_range; /* JPEG's 0 to 255 instead of 16 to 235                 */
};

/* What this picture shows. */
struct test_scene {
  int64_t time_ns;        /* since the first picture: places what moves       */
  const char *counter;    /* the large line                                   */
  const char *caption[2]; /* small lines below it; NULL: none.  The font has
                             digits, A to Z, space and : . - / =           */
};

void test_picture_draw(const struct test_canvas *canvas,
                       const struct test_scene *scene);

#endif
