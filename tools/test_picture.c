#include "test_picture.h"

#include <stddef.h>
#include <string.h>

#define GLYPH_WIDTH 5
#define GLYPH_HEIGHT 7
#define GLYPH_PITCH (GLYPH_WIDTH + 1)
#define LINE_PITCH (GLYPH_HEIGHT + 4)

/* One row a byte, the leftmost pixel in bit 4.  What is not here is a space. */
struct glyph {
  char character;
  uint8_t rows[GLYPH_HEIGHT];
};

/* clang-format off */
static const struct glyph font[] = {
    {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}},
    {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'2', {0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f}},
    {'3', {0x0e, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0e}},
    {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}},
    {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
    {'6', {0x0e, 0x10, 0x10, 0x1e, 0x11, 0x11, 0x0e}},
    {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}},
    {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x01, 0x0e}},
    {'A', {0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}},
    {'B', {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e}},
    {'C', {0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e}},
    {'D', {0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e}},
    {'E', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f}},
    {'F', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10}},
    {'G', {0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0e}},
    {'H', {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}},
    {'I', {0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'J', {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0c}},
    {'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}},
    {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f}},
    {'M', {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11}},
    {'N', {0x11, 0x19, 0x15, 0x15, 0x13, 0x11, 0x11}},
    {'O', {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}},
    {'P', {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10}},
    {'Q', {0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d}},
    {'R', {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11}},
    {'S', {0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e}},
    {'T', {0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
    {'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}},
    {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04}},
    {'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11}},
    {'X', {0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11}},
    {'Y', {0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04}},
    {'Z', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1f}},
    {':', {0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}},
    {'-', {0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00}},
    {'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}},
    {'=', {0x00, 0x00, 0x1f, 0x00, 0x1f, 0x00, 0x00}},
};
/* clang-format on */

struct colour {
  uint8_t y, u, v;
};

struct box {
  int x, y, width, height;
};

static const uint8_t bars[8][3] = {
    {255, 255, 255}, {255, 220, 0}, {0, 200, 220}, {0, 170, 60},
    {200, 40, 190},  {220, 40, 30}, {30, 60, 200}, {24, 24, 24}};
static const uint8_t white[3] = {255, 255, 255};
static const uint8_t black[3] = {0, 0, 0};
static const uint8_t orange[3] = {255, 130, 0};

static uint8_t clamp_byte(int value) {
  if (value < 0) return 0;
  return value > 255 ? 255 : (uint8_t)value;
}

/* ITU-R BT.601, in 1/256. */
static struct colour colour_of(const struct test_canvas *canvas,
                               const uint8_t rgb[3]) {
  int r = rgb[0];
  int g = rgb[1];
  int b = rgb[2];
  struct colour c;
  if (canvas->full_range) {
    c.y = clamp_byte((77 * r + 150 * g + 29 * b + 128) / 256);
    c.u = clamp_byte(128 + (-43 * r - 85 * g + 128 * b) / 256);
    c.v = clamp_byte(128 + (128 * r - 107 * g - 21 * b) / 256);
    return c;
  }
  c.y = clamp_byte(16 + (66 * r + 129 * g + 25 * b + 128) / 256);
  c.u = clamp_byte(128 + (-38 * r - 74 * g + 112 * b) / 256);
  c.v = clamp_byte(128 + (112 * r - 94 * g - 18 * b) / 256);
  return c;
}

static void fill_plane(uint8_t *plane, int stride, struct box box,
                       uint8_t value) {
  uint8_t *row = plane + (ptrdiff_t)box.y * stride + box.x;
  for (int y = 0; y < box.height; y++) {
    memset(row, value, (size_t)box.width);
    row += stride;
  }
}

/* The box must lie on the canvas. */
static void fill_box(const struct test_canvas *canvas, struct box box,
                     struct colour c) {
  struct box half = {box.x / 2, box.y / 2, (box.x + box.width + 1) / 2,
                     (box.y + box.height + 1) / 2};
  half.width -= half.x;
  half.height -= half.y;
  fill_plane(canvas->plane[0], canvas->stride[0], box, c.y);
  fill_plane(canvas->plane[1], canvas->stride[1], half, c.u);
  fill_plane(canvas->plane[2], canvas->stride[2], half, c.v);
}

static void draw_bars(const struct test_canvas *canvas, int height) {
  for (int i = 0; i < 8; i++) {
    int left = canvas->width * i / 8 / 2 * 2;
    int right = canvas->width * (i + 1) / 8 / 2 * 2;
    struct box bar = {left, 0, right - left, height};
    fill_box(canvas, bar, colour_of(canvas, bars[i]));
  }
}

/* A grey ramp that goes once around in four seconds. */
static void draw_ramp(const struct test_canvas *canvas, int top,
                      int64_t time_ns) {
  struct box area = {0, top, canvas->width, canvas->height - top};
  int shift = (int)(time_ns / 1000000 % 4000 * canvas->width / 4000);
  int low = colour_of(canvas, black).y;
  int high = colour_of(canvas, white).y;
  uint8_t *first = canvas->plane[0] + (ptrdiff_t)top * canvas->stride[0];

  fill_box(canvas, area, colour_of(canvas, black));
  for (int x = 0; x < canvas->width; x++) {
    int step = (x + canvas->width - shift) % canvas->width;
    first[x] = (uint8_t)(low + step * (high - low) / canvas->width);
  }
  for (int y = 1; y < area.height; y++)
    memcpy(first + (ptrdiff_t)y * canvas->stride[0], first,
           (size_t)canvas->width);
}

/* There and back between 0 and range, once in period_ms. */
static int bounce(int64_t time_ns, int period_ms, int range) {
  int64_t phase = time_ns / 1000000 % period_ms * 2;
  if (phase > period_ms) phase = 2 * (int64_t)period_ms - phase;
  return (int)(phase * range / period_ms);
}

static void draw_ball(const struct test_canvas *canvas, int64_t time_ns) {
  int radius = canvas->height / 10 / 2 * 2;
  int x = radius + bounce(time_ns, 5000, canvas->width - 2 * radius);
  int y = radius + bounce(time_ns, 3400, canvas->height - 2 * radius);
  struct colour c = colour_of(canvas, orange);
  int half = radius;

  /* Two rows at a time, from the middle outwards: half only ever shrinks. */
  for (int dy = 0; dy < radius; dy += 2) {
    while (half > 0 && half * half + dy * dy > radius * radius) half--;
    struct box lower = {x - half, y + dy, 2 * half, 2};
    struct box upper = {x - half, y - dy - 2, 2 * half, 2};
    if (lower.y + 2 <= canvas->height) fill_box(canvas, lower, c);
    if (upper.y >= 0) fill_box(canvas, upper, c);
  }
}

static const uint8_t *glyph_rows(char character) {
  for (size_t i = 0; i < sizeof font / sizeof font[0]; i++)
    if (font[i].character == character) return font[i].rows;
  return NULL;
}

static void draw_glyph(const struct test_canvas *canvas, const uint8_t *rows,
                       int left, int top, int scale) {
  uint8_t ink = colour_of(canvas, white).y;
  for (int row = 0; row < GLYPH_HEIGHT; row++) {
    for (int column = 0; column < GLYPH_WIDTH; column++) {
      struct box dot = {left + column * scale, top + row * scale, scale, scale};
      /* Luma only: the panel below is black, so its chroma is grey. */
      if ((rows[row] >> (GLYPH_WIDTH - 1 - column)) & 1)
        fill_plane(canvas->plane[0], canvas->stride[0], dot, ink);
    }
  }
}

static int text_width(const char *text, int scale) {
  return ((int)strlen(text) * GLYPH_PITCH - 1) * scale;
}

/* A black panel with the text in its middle; returns the first row below it,
 * or top where there is no room for it. */
static int draw_line(const struct test_canvas *canvas, const char *text,
                     int top, int scale) {
  int width = text_width(text, scale);
  int left = (canvas->width - width) / 2;
  struct box panel = {left - 2 * scale, top, width + 4 * scale,
                      LINE_PITCH * scale};

  if (panel.x < 0 || panel.y + panel.height > canvas->height) return top;
  fill_box(canvas, panel, colour_of(canvas, black));
  for (const char *p = text; *p; p++) {
    const uint8_t *rows = glyph_rows(*p);
    if (rows) draw_glyph(canvas, rows, left, top + 2 * scale, scale);
    left += GLYPH_PITCH * scale;
  }
  return panel.y + panel.height;
}

/* The largest scale at which the text takes at most that share of the width,
 * but never less than 1. */
static int scale_for(const struct test_canvas *canvas, const char *text,
                     int percent) {
  int scale = canvas->width * percent / 100 / (text_width(text, 1) + 4);
  int highest = canvas->height / 3 / LINE_PITCH;
  if (scale > highest) scale = highest;
  return scale < 1 ? 1 : scale;
}

void test_picture_draw(const struct test_canvas *canvas,
                       const struct test_scene *scene) {
  int ramp_top = canvas->height * 3 / 4 / 2 * 2;
  int y = canvas->height / 4 / 2 * 2;
  int small = 1;

  draw_bars(canvas, ramp_top);
  draw_ramp(canvas, ramp_top, scene->time_ns);
  draw_ball(canvas, scene->time_ns);
  y = draw_line(canvas, scene->counter, y,
                scale_for(canvas, scene->counter, 50));
  if (scene->caption[0]) small = scale_for(canvas, scene->caption[0], 80);
  for (size_t i = 0; i < 2; i++)
    if (scene->caption[i]) y = draw_line(canvas, scene->caption[i], y, small);
}
