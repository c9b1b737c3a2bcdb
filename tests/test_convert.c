/*
 * test_convert.c - frames of noise to all formats and sizes, by any number of
 * threads: the samples are those that libswscale gives in one thread, with
 * more room behind each row than it can want.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "convert.h"

#include <check.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Behind each row of the reference. */
#define ROOM 1024

static const struct {
  uint32_t format;
  enum AVPixelFormat av;
  size_t bytes;
} targets[] = {
    {KVSP_PICTURE_GRAY8, AV_PIX_FMT_GRAY8, 1},
    {KVSP_PICTURE_RGB24, AV_PIX_FMT_RGB24, 3},
    {KVSP_PICTURE_BGR24, AV_PIX_FMT_BGR24, 3},
    {KVSP_PICTURE_RGBA, AV_PIX_FMT_RGBA, 4},
    {KVSP_PICTURE_BGRA, AV_PIX_FMT_BGRA, 4},
};

struct wanted {
  int source_width, source_height;
  int width, height; /* 0: as the source                                   */
};

/* Frames. */

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 16;
}

/* No two rows alike, so that one in the wrong place is seen. */
static AVFrame *make_noise(enum AVPixelFormat format, int width, int height) {
  AVFrame *frame = av_frame_alloc();
  uint32_t state = (uint32_t)format + 1;
  ck_assert_ptr_nonnull(frame);
  frame->format = format;
  frame->width = width;
  frame->height = height;
  ck_assert_int_ge(av_frame_get_buffer(frame, 0), 0);
  for (int i = 0; i < 4 && frame->buf[i]; i++) {
    size_t size = (size_t)frame->buf[i]->size;
    for (size_t at = 0; at < size; at++)
      frame->buf[i]->data[at] = (uint8_t)next_random(&state);
  }
  return frame;
}

/* The reference. */

struct reference_picture {
  uint8_t *data;
  size_t stride, row; /* bytes                                             */
};

static struct SwsContext *open_reference(const AVFrame *frame,
                                         const struct wanted *w,
                                         enum AVPixelFormat target) {
  struct SwsContext *sws = sws_alloc_context();
  int full = frame->format == AV_PIX_FMT_YUVJ420P;
  int format = full ? AV_PIX_FMT_YUV420P : frame->format;
  int *table, *inverse, range, target_range, brightness, contrast, saturation;
  ck_assert_ptr_nonnull(sws);
  av_opt_set_int(sws, "srcw", frame->width, 0);
  av_opt_set_int(sws, "srch", frame->height, 0);
  av_opt_set_int(sws, "src_format", format, 0);
  av_opt_set_int(sws, "dstw", w->width, 0);
  av_opt_set_int(sws, "dsth", w->height, 0);
  av_opt_set_int(sws, "dst_format", target, 0);
  av_opt_set_int(sws, "sws_flags", SWS_BICUBIC, 0);
  if (format == AV_PIX_FMT_YUV420P)
    av_opt_set_int(sws, "src_v_chr_pos", 128, 0);
  ck_assert_int_ge(sws_init_context(sws, NULL, NULL), 0);
  if (sws_getColorspaceDetails(sws, &inverse, &range, &table, &target_range,
                               &brightness, &contrast, &saturation) < 0)
    return sws;
  if (full || frame->color_range == AVCOL_RANGE_JPEG) range = 1;
  sws_setColorspaceDetails(sws, sws_getCoefficients(SWS_CS_DEFAULT), range,
                           sws_getCoefficients(SWS_CS_DEFAULT), target_range,
                           brightness, contrast, saturation);
  return sws;
}

static struct reference_picture make_reference(const AVFrame *frame,
                                               const struct wanted *w,
                                               size_t target) {
  struct SwsContext *sws = open_reference(frame, w, targets[target].av);
  struct reference_picture r;
  uint8_t *planes[4] = {NULL, NULL, NULL, NULL};
  int strides[4] = {0, 0, 0, 0};
  r.row = (size_t)w->width * targets[target].bytes;
  r.stride = (r.row + ROOM) / 64 * 64;
  r.data = av_mallocz(r.stride * (size_t)w->height + ROOM);
  ck_assert_ptr_nonnull(r.data);
  planes[0] = r.data;
  strides[0] = (int)r.stride;
  ck_assert_int_eq(
      sws_scale(sws, (const uint8_t *const *)frame->data, frame->linesize, 0,
                frame->height, planes, strides),
      w->height);
  sws_freeContext(sws);
  return r;
}

/* Comparing. */

static void open_convert(struct convert *c, const kvsp_allocator *allocator,
                         size_t target, const struct wanted *w,
                         uint32_t threads, uint32_t flags) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  config.format = targets[target].format;
  config.threads = threads;
  config.flags = flags;
  config.max_width = config.max_height = 16384;
  if (w->width != w->source_width || w->height != w->source_height) {
    config.width = (uint32_t)w->width;
    config.height = (uint32_t)w->height;
  }
  kvsp_av_convert_init(c, allocator, &config);
}

static void compare(const struct reference_picture *r, const kvsp_picture *p,
                    const char *name, const struct wanted *w, size_t target,
                    uint32_t threads) {
  ck_assert_int_eq((int)p->width, w->width);
  ck_assert_int_eq((int)p->height, w->height);
  for (uint32_t y = 0; y < p->height; y++) {
    ck_assert_msg(
        memcmp(r->data + y * r->stride,
               p->plane[0] + (ptrdiff_t)y * p->stride[0], r->row) == 0,
        "%s %dx%d to %dx%d, target %zu, %u threads: row %u differs", name,
        w->source_width, w->source_height, w->width, w->height, target,
        (unsigned)threads, (unsigned)y);
  }
}

/* Twice with each number of threads, since what two of them do to the same
 * bytes need not show at once. */
static void check_frame(const AVFrame *frame, const struct wanted *w,
                        size_t target, uint32_t most_threads) {
  const char *name = av_get_pix_fmt_name((enum AVPixelFormat)frame->format);
  struct reference_picture r = make_reference(frame, w, target);
  struct test_allocator memory;
  test_allocator_init(&memory);
  for (uint32_t threads = 1; threads <= most_threads; threads++) {
    struct convert c;
    kvsp_picture p;
    memset(&p, 0, sizeof p);
    open_convert(&c, &memory.allocator, target, w, threads, 0);
    for (int round = 0; round < 2; round++) {
      ck_assert_int_eq(kvsp_av_convert(&c, frame, &p), KVSP_OK);
      compare(&r, &p, name, w, target, threads);
    }
    kvsp_av_convert_free(&c);
  }
  ck_assert_uint_eq(memory.live_blocks, 0);
  av_free(r.data);
}

static const enum AVPixelFormat formats[] = {
    AV_PIX_FMT_YUV420P,   AV_PIX_FMT_YUVJ420P,    AV_PIX_FMT_YUV422P,
    AV_PIX_FMT_YUV444P,   AV_PIX_FMT_YUV440P,     AV_PIX_FMT_YUV411P,
    AV_PIX_FMT_NV12,      AV_PIX_FMT_NV21,        AV_PIX_FMT_YUVA420P,
    AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV444P12LE, AV_PIX_FMT_GBRP,
    AV_PIX_FMT_YUYV422,   AV_PIX_FMT_BAYER_RGGB8, AV_PIX_FMT_RGB24,
};

/* Large enough for three threads, odd sizes among them. */
static const struct wanted sizes[] = {
    {768, 520, 768, 520}, {770, 514, 770, 514}, {773, 511, 773, 511},
    {768, 521, 768, 521}, {773, 511, 385, 255}, {322, 242, 901, 503},
    {770, 514, 770, 201},
};

START_TEST(threads_change_nothing) {
  enum AVPixelFormat format = formats[_i];
  for (size_t i = 0; i < COUNT(sizes); i++) {
    const struct wanted *w = &sizes[i];
    AVFrame *frame;
    /* Bayer patterns have even sizes, and libswscale no tables for others. */
    if (format == AV_PIX_FMT_BAYER_RGGB8 &&
        (w->source_height % 2 || w->source_width % 2))
      continue;
    frame = make_noise(format, w->source_width, w->source_height);
    for (size_t target = 0; target < COUNT(targets); target++) {
      if (format == targets[target].av && w->width == w->source_width) continue;
      check_frame(frame, w, target, 3);
    }
    av_frame_free(&frame);
  }
}
END_TEST

/* libswscale leaves out the last pixels of a row where it cannot write more
 * than these. */
START_TEST(each_width_is_whole) {
  for (int width = 1; width <= 400; width++) {
    struct wanted w = {width, 6, width, 6};
    AVFrame *frame = make_noise(AV_PIX_FMT_YUV420P, width, 6);
    check_frame(frame, &w, (size_t)_i, 1);
    av_frame_free(&frame);
  }
}
END_TEST

/* Grey. */

/* By value or not, with either range, and after the range has changed. */
START_TEST(gray_follows_the_range) {
  static const enum AVColorRange ranges[] = {
      AVCOL_RANGE_UNSPECIFIED, AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG};
  struct wanted w = {333, 77, 333, 77};
  AVFrame *frame = make_noise(formats[_i], 333, 77);
  struct test_allocator memory;
  struct convert c;
  test_allocator_init(&memory);
  open_convert(&c, &memory.allocator, 0, &w, 1, 0);
  for (size_t i = 0; i < COUNT(ranges); i++) {
    struct reference_picture r;
    kvsp_picture p;
    memset(&p, 0, sizeof p);
    frame->color_range = ranges[i];
    r = make_reference(frame, &w, 0);
    ck_assert_int_eq(kvsp_av_convert(&c, frame, &p), KVSP_OK);
    compare(&r, &p, "gray", &w, 0, 1);
    ck_assert_ptr_null(p.plane[1]);
    av_free(r.data);
  }
  kvsp_av_convert_free(&c);
  ck_assert_uint_eq(memory.live_blocks, 0);
  av_frame_free(&frame);
}
END_TEST

/* Where luma is grey already, nothing is copied. */
START_TEST(full_range_luma_is_not_copied) {
  struct wanted w = {96, 80, 96, 80};
  AVFrame *frame = make_noise(AV_PIX_FMT_YUVJ420P, 96, 80);
  struct test_allocator memory;
  struct convert c;
  kvsp_picture p;
  memset(&p, 0, sizeof p);
  test_allocator_init(&memory);
  open_convert(&c, &memory.allocator, 0, &w, 1, 0);
  ck_assert_int_eq(kvsp_av_convert(&c, frame, &p), KVSP_OK);
  ck_assert_ptr_eq(p.plane[0], frame->data[0]);
  ck_assert_int_eq(p.stride[0], frame->linesize[0]);
  ck_assert_ptr_null(p.plane[1]);
  ck_assert_uint_eq(memory.calls, 0);
  kvsp_av_convert_free(&c);
  av_frame_free(&frame);
}
END_TEST

/* Threads. */

/* Only for scaling; none for small pictures, none with low delay, and at most
 * four. */
START_TEST(threads_are_as_many_as_worth_it) {
  static const struct {
    uint32_t threads, flags;
    int width, height, divisor, expected;
  } cases[] = {
      {1, 0, 1280, 720, 2, 1}, {2, 0, 1280, 720, 2, 2},
      {3, 0, 1280, 720, 2, 3}, {100, 0, 1280, 720, 2, 4},
      {2, 0, 96, 80, 2, 1},    {3, 0, 640, 480, 2, 2},
      {3, 0, 1280, 720, 1, 1}, {4, KVSP_DECODE_LOW_DELAY, 1280, 720, 2, 1},
  };
  struct test_allocator memory;
  test_allocator_init(&memory);
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct wanted w = {cases[i].width, cases[i].height,
                       cases[i].width / cases[i].divisor,
                       cases[i].height / cases[i].divisor};
    AVFrame *frame =
        make_noise(AV_PIX_FMT_YUV420P, cases[i].width, cases[i].height);
    struct convert c;
    kvsp_picture p;
    memset(&p, 0, sizeof p);
    open_convert(&c, &memory.allocator, 1, &w, cases[i].threads,
                 cases[i].flags);
    ck_assert_int_eq(kvsp_av_convert(&c, frame, &p), KVSP_OK);
    ck_assert_int_eq(c.sws_threads, cases[i].expected);
    kvsp_av_convert_free(&c);
    av_frame_free(&frame);
  }
}
END_TEST

/* Sizes that grow and shrink: the memory that threads write to is the one
 * that is there; without any, there is a code and the next call works. */
START_TEST(memory_may_be_replaced) {
  static const int widths[] = {720, 900, 780, 1020};
  struct wanted w = {0, 480, 0, 400};
  struct test_allocator memory;
  struct convert c;
  kvsp_picture p;
  memset(&p, 0, sizeof p);
  test_allocator_init(&memory);
  open_convert(&c, &memory.allocator, 1, &w, 2, 0);
  for (size_t i = 0; i < COUNT(widths); i++) {
    struct wanted now = {widths[i], 480, widths[i] * 400 / 480, 400};
    AVFrame *frame = make_noise(AV_PIX_FMT_YUV420P, widths[i], 480);
    struct reference_picture r = make_reference(frame, &now, 1);
    int rc;
    test_allocator_fail_after(&memory, 0);
    rc = kvsp_av_convert(&c, frame, &p);
    ck_assert_int_eq(rc, i == 2 ? KVSP_OK : KVSP_ERR_NOMEM);
    memory.fail_at = 0;
    ck_assert_int_eq(kvsp_av_convert(&c, frame, &p), KVSP_OK);
    compare(&r, &p, "yuv420p", &now, 1, 2);
    ck_assert_int_eq(kvsp_av_convert_owns(&c, &p), 1);
    ck_assert_ptr_eq(c.target->data[0], p.plane[0]);
    av_free(r.data);
    av_frame_free(&frame);
  }
  kvsp_av_convert_free(&c);
  ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("convert");
  TCase *tc = tcase_create("core");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, threads_change_nothing, 0, (int)COUNT(formats));
  tcase_add_loop_test(tc, each_width_is_whole, 0, (int)COUNT(targets));
  tcase_add_loop_test(tc, gray_follows_the_range, 0, 9);
  tcase_add_test(tc, full_range_luma_is_not_copied);
  tcase_add_test(tc, threads_are_as_many_as_worth_it);
  tcase_add_test(tc, memory_may_be_replaced);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
