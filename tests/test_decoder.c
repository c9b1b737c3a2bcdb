/*
 * test_decoder.c - frames of all codecs into pictures, compared with what
 * libavcodec makes of the same packets by itself; what is told with each
 * picture; the wrappings of H.264 and H.265; formats, sizes, limits, damage.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/decoder.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nal.h"
#include "pending.h"
#include "support/allocator.h"
#include "support/reference.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Frames filled by hand. */

static kvsp_frame make_frame(const kvsp_track *track,
                             const kvsp_fragment *fragment,
                             const struct encoded *e, size_t i) {
  kvsp_frame f;
  memset(&f, 0, sizeof f);
  f.data.data = e->packets[i].data;
  f.data.len = f.size = e->packets[i].size;
  f.track = track;
  f.fragment = fragment;
  f.index = i;
  f.offset = 1000 * i;
  f.pts_ns = e->packets[i].pts * 40000000;
  f.producer_time_ns = f.pts_ns + 7;
  f.duration_ns = 40000000 + (int64_t)i;
  f.flags = e->packets[i].key ? KVSP_FRAME_KEY : 0;
  f.lace_count = 1;
  return f;
}

static kvsp_fragment make_fragment(uint64_t index, const char *number) {
  kvsp_fragment f;
  memset(&f, 0, sizeof f);
  f.index = index;
  f.number.data = (const uint8_t *)number;
  f.number.len = number ? strlen(number) : 0;
  return f;
}

static void encode_with(struct encoded *e, const char *encoder, int b_frames,
                        int lengths, int in_band) {
  struct encode_options o = {.encoder = encoder,
                             .width = 96,
                             .height = 80,
                             .frames = 20,
                             .gop = 8,
                             .b_frames = b_frames,
                             .lengths = lengths,
                             .in_band = in_band};
  encode(e, &o);
}

/* Takes the pictures that are there and compares them with the next ones of
 * the reference.  Returns the code that ended it. */
static int check_pictures(kvsp_decoder *d, const struct reference *reference,
                          size_t *next) {
  const kvsp_picture *picture;
  int rc = kvsp_decoder_receive(d, &picture);
  for (; rc == KVSP_OK; rc = kvsp_decoder_receive(d, &picture)) {
    ck_assert_uint_lt(*next, reference->count);
    ck_assert_uint_eq(picture->index, *next);
    ck_assert_msg(reference_equal(reference, *next, picture),
                  "picture %zu differs", *next);
    ck_assert_uint_eq(picture->frame_index, reference->packet[*next]);
    ck_assert_uint_eq(picture->offset, 1000 * picture->frame_index);
    ck_assert_int_eq(picture->producer_time_ns, picture->pts_ns + 7);
    ck_assert_int_eq(picture->duration_ns,
                     40000000 + (int64_t)picture->frame_index);
    (*next)++;
  }
  ck_assert_ptr_null(picture);
  return rc;
}

static void send_all(kvsp_decoder *d, const kvsp_track *track,
                     const struct encoded *e, const struct reference *reference,
                     size_t *next) {
  kvsp_fragment fragment = make_fragment(3, "123");
  for (size_t i = 0; i < e->count; i++) {
    kvsp_frame frame = make_frame(track, &fragment, e, i);
    int rc = kvsp_decoder_send(d, &frame);
    if (rc == KVSP_NEED_DRAIN) {
      ck_assert_int_eq(check_pictures(d, reference, next), KVSP_NEED_INPUT);
      rc = kvsp_decoder_send(d, &frame);
    }
    ck_assert_int_eq(rc, KVSP_OK);
    ck_assert_int_eq(check_pictures(d, reference, next), KVSP_NEED_INPUT);
  }
}

/* All packets through a decoder opened with that track. */
static void expect_decoded(const kvsp_track *track, const struct encoded *e,
                           const struct reference *reference, uint32_t flags) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  kvsp_decoder *d;
  size_t next = 0;
  config.flags = flags;
  ck_assert_int_eq(kvsp_decoder_new(&d, track, &config), KVSP_OK);
  send_all(d, track, e, reference, &next);
  ck_assert_int_eq(kvsp_decoder_send(d, NULL), KVSP_OK);
  ck_assert_int_eq(check_pictures(d, reference, &next), KVSP_END);
  ck_assert_int_eq(kvsp_decoder_send(d, NULL), KVSP_ERR_STATE);
  ck_assert_int_eq(check_pictures(d, reference, &next), KVSP_END);
  ck_assert_uint_eq(next, reference->count);
  kvsp_decoder_free(d);
}

/* Codecs. */

static const struct {
  const char *encoder;
  int b_frames;
  int lengths;
} codecs[] = {
    {"libx264", 0, 0}, {"libx264", 0, 1},    {"libx264", 2, 0},
    {"libx264", 2, 1}, {"libx265", 0, 0},    {"libx265", 2, 1},
    {"mjpeg", 0, 0},   {"mpeg4", 0, 0},      {"mpeg4", 2, 0},
    {"libvpx", 0, 0},  {"libvpx-vp9", 0, 0}, {"mpeg2video", 2, 0},
    {"ffv1", 0, 0},    {"libtheora", 0, 0},
};

START_TEST(codec_decodes) {
  const char *encoder = codecs[_i].encoder;
  struct encoded e;
  struct reference reference;
  kvsp_track track;
  if (!encode_available(encoder)) {
    printf("skipped: no encoder %s\n", encoder);
    return;
  }
  encode_with(&e, encoder, codecs[_i].b_frames, codecs[_i].lengths, 0);
  reference_decode(&reference, &e);
  ck_assert_uint_eq(reference.count, e.count);
  track = video_track(&e);
  ck_assert_int_eq(kvsp_decoder_available(&track), 1);
  expect_decoded(&track, &e, &reference, 0);
  expect_decoded(&track, &e, &reference, KVSP_DECODE_LOW_DELAY);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

/* With VFW the codec's name is in CodecPrivate, 16 bytes in. */
START_TEST(vfw_decodes) {
  static const char *const encoders[] = {"mjpeg", "mpeg4"};
  static const char *const fourccs[] = {"mjpg", "XVID"};
  struct encoded e;
  struct reference reference;
  kvsp_track track;
  uint8_t header[1024] = {40};
  encode_with(&e, encoders[_i], 0, 0, 0);
  reference_decode(&reference, &e);
  memcpy(header + 16, fourccs[_i], 4);
  memcpy(header + 40, e.extradata ? e.extradata : header, e.extradata_size);
  track = video_track(&e);
  track.codec_id.data = (const uint8_t *)"V_MS/VFW/FOURCC";
  track.codec_id.len = 15;
  track.codec_private.data = header;
  track.codec_private.len = 40 + e.extradata_size;
  expect_decoded(&track, &e, &reference, 0);
  memcpy(header + 16, "RADR", 4); /* whatever a producer likes */
  ck_assert_int_eq(kvsp_decoder_available(&track), 0);
  track.codec_private.len = 39;
  ck_assert_int_eq(kvsp_decoder_available(&track), 0);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

/* Low delay: each picture comes right after its frame. */
START_TEST(low_delay_is_low) {
  static const char *const encoders[] = {"libx264", "libx265", "mjpeg",
                                         "libvpx"};
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  kvsp_decoder *d;
  kvsp_track track;
  const kvsp_picture *picture;
  if (!encode_available(encoders[_i])) return;
  encode_with(&e, encoders[_i], 0, 1, 0);
  track = video_track(&e);
  config.flags = KVSP_DECODE_LOW_DELAY;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  for (size_t i = 0; i < e.count; i++) {
    kvsp_frame frame = make_frame(&track, NULL, &e, i);
    ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_OK);
    ck_assert_int_eq(kvsp_decoder_receive(d, &picture), KVSP_OK);
    ck_assert_uint_eq(picture->frame_index, i);
    ck_assert_ptr_null(picture->fragment_number.data);
    ck_assert_int_eq(kvsp_decoder_receive(d, &picture), KVSP_NEED_INPUT);
  }
  kvsp_decoder_free(d);
  encoded_free(&e);
}
END_TEST

/* What is told with a picture. */

/* Times repeat and go back, fragments change: each picture has its own. */
START_TEST(pictures_keep_their_times) {
  static const char *const numbers[] = {"91343852333181432392682062", NULL,
                                        "7"};
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  struct reference reference;
  kvsp_decoder *d;
  kvsp_track track;
  const kvsp_picture *picture;
  size_t count = 0;
  int rc;
  encode_with(&e, "libx264", 2, 1, 0);
  reference_decode(&reference, &e);
  track = video_track(&e);
  config.threads = _i == 0 ? 0 : 4;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  for (size_t i = 0; i <= e.count; i++) {
    kvsp_fragment fragment = make_fragment(i / 4, numbers[i / 4 % 3]);
    kvsp_frame frame;
    if (i < e.count) {
      frame = make_frame(&track, &fragment, &e, i);
      frame.pts_ns = i % 5 == 4 ? KVSP_TIME_NONE : (int64_t)(i % 5) * 100;
    }
    ck_assert_int_eq(kvsp_decoder_send(d, i < e.count ? &frame : NULL),
                     KVSP_OK);
    for (rc = kvsp_decoder_receive(d, &picture); rc == KVSP_OK;
         rc = kvsp_decoder_receive(d, &picture)) {
      uint64_t from = reference.packet[count++];
      const char *number = numbers[from / 4 % 3];
      ck_assert_uint_eq(picture->frame_index, from);
      ck_assert_uint_eq(picture->fragment_index, from / 4);
      ck_assert_int_eq(picture->pts_ns, from % 5 == 4
                                            ? KVSP_TIME_NONE
                                            : (int64_t)(from % 5) * 100);
      ck_assert_uint_eq(picture->fragment_number.len,
                        number ? strlen(number) : 0);
      if (number) {
        ck_assert_mem_eq(picture->fragment_number.data, number, strlen(number));
      }
      ck_assert_int_eq((picture->flags & KVSP_PICTURE_KEY) != 0,
                       e.packets[from].key);
      ck_assert_int_eq(((const AVFrame *)picture->avframe)->pts,
                       picture->pts_ns);
    }
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_uint_eq(count, e.count);
  kvsp_decoder_free(d);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

/* An SPS need not say that there are B-frames: no picture is lost, and the
 * order is right. */
START_TEST(unannounced_b_frames_keep_their_order) {
  struct encode_options o = {.encoder = "libx264",
                             .width = 96,
                             .height = 80,
                             .frames = 40,
                             .gop = 20,
                             .b_frames = 3,
                             .lengths = 1};
  struct encoded e;
  struct reference reference;
  kvsp_track track;
  encode(&e, &o);
  reference_decode(&reference, &e);
  encoded_free(&e);
  o.no_vui = 1;
  encode(&e, &o);
  track = video_track(&e);
  expect_decoded(&track, &e, &reference, 0);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

START_TEST(pending_is_bounded) {
  struct pending p;
  struct pending_frame out;
  struct test_allocator memory;
  kvsp_fragment fragment = make_fragment(0, "5");
  kvsp_frame frame;
  uint64_t sequence = 0;
  memset(&frame, 0, sizeof frame);
  frame.fragment = &fragment;
  test_allocator_init(&memory);
  kvsp_av_pending_init(&p, &memory.allocator);
  ck_assert_int_eq(kvsp_av_pending_take(&p, 0, &out), 0);
  for (uint64_t i = 0; i < 5000; i++) {
    frame.index = i;
    ck_assert_int_eq(kvsp_av_pending_push(&p, &frame, 0, &sequence), KVSP_OK);
    ck_assert_uint_eq(sequence, i);
  }
  ck_assert_uint_le(p.capacity, KVSP_AV_PENDING_MAX);
  /* By number, in any order; without one, the oldest. */
  for (uint64_t i = 4999; i > 4990; i--) {
    ck_assert_int_eq(kvsp_av_pending_take(&p, i, &out), 1);
    ck_assert_uint_eq(out.frame_index, i);
    kvsp_buf_unref(out.fragment_number);
  }
  ck_assert_int_eq(kvsp_av_pending_take(&p, UINT64_MAX, &out), 1);
  ck_assert_uint_lt(out.frame_index, 4990);
  kvsp_buf_unref(out.fragment_number);
  kvsp_av_pending_clear(&p);
  ck_assert_int_eq(kvsp_av_pending_push(&p, &frame, 0, &sequence), KVSP_OK);
  ck_assert_uint_eq(sequence, 5000);
  kvsp_av_pending_free(&p);
  ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* Wrappings of H.264 and H.265. */

enum private_kind {
  PRIVATE_LENGTHS,
  PRIVATE_START_CODES,
  PRIVATE_EMPTY,
  PRIVATE_CUT,
  PRIVATE_NONSENSE,
  PRIVATE_KINDS
};

static void set_private(kvsp_track *track, enum private_kind kind,
                        const struct encoded *lengths,
                        const struct encoded *start_codes) {
  static const uint8_t nonsense[] = {0x11, 0x90, 0xff, 0, 0};
  kvsp_view whole = {lengths->extradata, lengths->extradata_size};
  switch (kind) {
    case PRIVATE_START_CODES:
      whole.data = start_codes->extradata;
      whole.len = start_codes->extradata_size;
      break;
    case PRIVATE_EMPTY: whole.len = 0; break;
    case PRIVATE_CUT: whole.len = 7; break;
    case PRIVATE_NONSENSE:
      whole.data = nonsense;
      whole.len = sizeof nonsense;
      break;
    default: break;
  }
  track->codec_private = whole;
}

/* Every CodecPrivate with every wrapping of the frames; where CodecPrivate
 * has no parameter sets, they are in the frames. */
static void check_wrapping(const char *encoder, int kind, int frame_lengths) {
  int in_band = kind >= PRIVATE_EMPTY;
  struct encoded lengths, start_codes, frames;
  struct reference reference;
  kvsp_track track;
  encode_with(&lengths, encoder, 0, 1, 0);
  encode_with(&start_codes, encoder, 0, 0, 0);
  encode_with(&frames, encoder, 0, 0, in_band);
  reference_decode(&reference, &frames);
  ck_assert_uint_eq(reference.count, frames.count);
  if (frame_lengths) {
    encoded_free(&frames);
    encode_with(&frames, encoder, 0, 1, in_band);
  }
  track = video_track(&frames);
  set_private(&track, (enum private_kind)kind, &lengths, &start_codes);
  expect_decoded(&track, &frames, &reference, 0);
  reference_free(&reference);
  encoded_free(&lengths);
  encoded_free(&start_codes);
  encoded_free(&frames);
}

START_TEST(avc_wrappings) {
  check_wrapping("libx264", _i / 2, _i % 2);
}
END_TEST

START_TEST(hevc_wrappings) {
  if (encode_available("libx265")) check_wrapping("libx265", _i / 2, _i % 2);
}
END_TEST

/* A producer that changes its mind in the middle: no picture is lost. */
START_TEST(wrapping_changes) {
  struct encoded lengths, start_codes;
  struct reference reference;
  kvsp_track track;
  encode_with(&lengths, "libx264", 2, 1, 0);
  encode_with(&start_codes, "libx264", 2, 0, 0);
  reference_decode(&reference, &start_codes);
  track = video_track(&lengths);
  for (size_t i = 8; i < 16; i++) { /* a closed group of pictures */
    struct encoded_packet p = lengths.packets[i];
    lengths.packets[i] = start_codes.packets[i];
    start_codes.packets[i] = p;
  }
  expect_decoded(&track, &lengths, &reference, 0);
  expect_decoded(&track, &start_codes, &reference, 0);
  reference_free(&reference);
  encoded_free(&lengths);
  encoded_free(&start_codes);
}
END_TEST

START_TEST(framings_are_told_apart) {
  static const struct {
    uint8_t bytes[8];
    size_t len;
    enum nal_framing framing;
  } frames[] = {
      {{0, 0, 0, 1, 0x65, 0x88}, 6, NAL_START_CODES},
      {{0, 0, 1, 0x65, 0x88}, 5, NAL_START_CODES},
      {{0, 0, 0, 0, 1, 0x09}, 6, NAL_START_CODES},
      {{0, 0, 0, 2, 0x65, 0x88}, 6, NAL_LENGTHS},
      {{0, 0, 0, 1, 9, 0, 0}, 7, NAL_START_CODES},
      {{0, 0, 0, 3, 0x65, 0x88}, 6, NAL_UNKNOWN},
      {{0, 0, 0, 0, 0, 0}, 6, NAL_UNKNOWN},
      {{0x65, 0x88}, 2, NAL_UNKNOWN},
      {{0}, 0, NAL_UNKNOWN},
  };
  for (size_t i = 0; i < COUNT(frames); i++) {
    kvsp_view v = {frames[i].bytes, frames[i].len};
    ck_assert_int_eq((int)kvsp_av_nal_framing(v, 4), (int)frames[i].framing);
  }
}
END_TEST

/* Formats and sizes. */

/* Plain colours come out as what they are, in the right order and matrix. */
START_TEST(formats_have_the_right_bytes) {
  static const struct {
    uint32_t format;
    int bytes;
    int red, green, blue, alpha;
  } formats[] = {{KVSP_PICTURE_RGB24, 3, 0, 1, 2, -1},
                 {KVSP_PICTURE_BGR24, 3, 2, 1, 0, -1},
                 {KVSP_PICTURE_RGBA, 4, 0, 1, 2, 3},
                 {KVSP_PICTURE_BGRA, 4, 2, 1, 0, 3}};
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  kvsp_track track;
  uint8_t *rgb = NULL;
  const size_t size = 96 * 80 * 3;
  encode_with(&e, "libx264", 0, 1, 0);
  track = video_track(&e);
  rgb = calloc(1, size);
  ck_assert_ptr_nonnull(rgb);
  for (size_t i = 0; i < COUNT(formats); i++) {
    kvsp_frame frame = make_frame(&track, NULL, &e, 0);
    const kvsp_picture *p;
    kvsp_decoder *d;
    config.format = formats[i].format;
    config.flags = KVSP_DECODE_LOW_DELAY;
    ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
    ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_OK);
    ck_assert_int_eq(kvsp_decoder_receive(d, &p), KVSP_OK);
    ck_assert_uint_eq(p->format, formats[i].format);
    ck_assert_ptr_null(p->plane[1]);
    for (uint32_t y = 0; y < p->height; y++) {
      for (uint32_t x = 0; x < p->width; x++) {
        const uint8_t *s = p->plane[0] + (ptrdiff_t)y * p->stride[0] +
                           (ptrdiff_t)x * formats[i].bytes;
        uint8_t *t = rgb + (y * 96 + x) * 3;
        if (i == 0) memcpy(t, s, 3);
        ck_assert_uint_eq(t[0], s[formats[i].red]);
        ck_assert_uint_eq(t[1], s[formats[i].green]);
        ck_assert_uint_eq(t[2], s[formats[i].blue]);
        if (formats[i].alpha >= 0) ck_assert_uint_eq(s[formats[i].alpha], 255);
      }
    }
    kvsp_decoder_free(d);
  }
  free(rgb);
  encoded_free(&e);
}
END_TEST

static void check_size(uint32_t format, uint32_t width, uint32_t height,
                       uint32_t expected_width, uint32_t expected_height) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  kvsp_track track;
  kvsp_frame frame;
  const kvsp_picture *p;
  kvsp_decoder *d;
  encode_with(&e, "mjpeg", 0, 0, 0);
  track = video_track(&e);
  frame = make_frame(&track, NULL, &e, 0);
  config.format = format;
  config.width = width;
  config.height = height;
  config.flags = KVSP_DECODE_LOW_DELAY;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_receive(d, &p), KVSP_OK);
  ck_assert_uint_eq(p->width, expected_width);
  ck_assert_uint_eq(p->height, expected_height);
  ck_assert_uint_eq(p->coded_width, 96);
  ck_assert_uint_eq(p->coded_height, 80);
  ck_assert_str_eq(p->native_format_name, "yuvj420p");
  ck_assert_int_ge(p->stride[0], (ptrdiff_t)expected_width);
  kvsp_decoder_free(d);
  encoded_free(&e);
}

START_TEST(sizes) {
  check_size(KVSP_PICTURE_GRAY8, 0, 0, 96, 80);
  check_size(KVSP_PICTURE_GRAY8, 48, 0, 48, 40);
  check_size(KVSP_PICTURE_RGB24, 0, 33, 40, 33); /* 39.6 */
  check_size(KVSP_PICTURE_BGRA, 7, 500, 7, 500);
  check_size(KVSP_PICTURE_GRAY8, 1, 0, 1, 1);
  check_size(KVSP_PICTURE_GRAY8, 0, 1, 1, 1);
}
END_TEST

/* The same as the ffmpeg command makes, by the matrix and range of the
 * stream: video black and white are 0 and 255. */
START_TEST(gray_has_full_range) {
  static const enum AVColorRange ranges[] = {AVCOL_RANGE_MPEG,
                                             AVCOL_RANGE_JPEG};
  struct encode_options o = {.encoder = "libx264",
                             .width = 64,
                             .height = 48,
                             .frames = 1,
                             .lengths = 1};
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  kvsp_track track;
  kvsp_frame frame;
  const kvsp_picture *p;
  const AVFrame *native;
  kvsp_decoder *d;
  o.range = ranges[_i];
  if (ranges[_i] == AVCOL_RANGE_JPEG) o.format = AV_PIX_FMT_YUVJ420P;
  encode(&e, &o);
  track = video_track(&e);
  frame = make_frame(&track, NULL, &e, 0);
  config.format = KVSP_PICTURE_GRAY8;
  config.flags = KVSP_DECODE_LOW_DELAY;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_receive(d, &p), KVSP_OK);
  native = p->avframe;
  for (int y = 0; y < 48; y++) {
    for (int x = 0; x < 64; x++) {
      int from = native->data[0][y * native->linesize[0] + x];
      int to = p->plane[0][y * p->stride[0] + x];
      int expected = _i == 0 ? (from - 16) * 255 / 219 : from;
      expected = expected < 0 ? 0 : expected > 255 ? 255 : expected;
      ck_assert_int_le(abs(to - expected), _i == 0 ? 1 : 0);
    }
  }
  kvsp_decoder_free(d);
  encoded_free(&e);
}
END_TEST

/* Limits, damage, misuse. */

START_TEST(large_pictures_are_refused) {
  static const char *const encoders[] = {"libx264", "mjpeg", "libvpx",
                                         "libx265"};
  const struct {
    uint32_t width, height;
    int fits;
  } limits[] = {{96, 80, 1}, {95, 80, 0}, {96, 79, 0}, {0, 0, 1}};
  if (!encode_available(encoders[_i])) return;
  for (size_t i = 0; i < COUNT(limits); i++) {
    kvsp_decoder_config config = {.struct_size = sizeof config};
    const kvsp_picture *p;
    struct encoded e;
    kvsp_track track;
    kvsp_frame frame;
    kvsp_decoder *d;
    int rc;
    encode_with(&e, encoders[_i], 0, 1, 0);
    track = video_track(&e);
    frame = make_frame(&track, NULL, &e, 0);
    config.max_width = limits[i].width;
    config.max_height = limits[i].height;
    config.flags = KVSP_DECODE_LOW_DELAY;
    ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
    rc = kvsp_decoder_send(d, &frame);
    if (rc == KVSP_OK) rc = kvsp_decoder_receive(d, &p);
    ck_assert_int_eq(rc, limits[i].fits ? KVSP_OK : KVSP_ERR_CODEC);
    if (!limits[i].fits) ck_assert_str_ne(kvsp_decoder_message(d), "");
    kvsp_decoder_free(d);
    encoded_free(&e);
  }
}
END_TEST

static int send_and_drain(kvsp_decoder *d, const kvsp_frame *frame,
                          unsigned *pictures, unsigned *damaged,
                          unsigned *errors) {
  const kvsp_picture *p;
  int rc = kvsp_decoder_send(d, frame);
  if (rc == KVSP_ERR_CODEC) (*errors)++;
  rc = KVSP_OK;
  while (rc == KVSP_OK || rc == KVSP_ERR_CODEC) {
    rc = kvsp_decoder_receive(d, &p);
    if (rc == KVSP_ERR_CODEC) (*errors)++;
    if (rc != KVSP_OK) continue;
    (*pictures)++;
    if (p->flags & KVSP_PICTURE_DAMAGED) (*damaged)++;
  }
  return rc;
}

/* A frame of nonsense is refused, what follows the next key frame is well. */
START_TEST(damage_is_not_fatal) {
  static const uint8_t nonsense[] = {0, 0, 0, 9, 0x65, 1, 2, 3, 4, 5, 6, 7, 8};
  kvsp_decoder_config config = {.struct_size = sizeof config};
  unsigned pictures = 0, damaged = 0, errors = 0;
  struct encoded e;
  kvsp_track track;
  kvsp_decoder *d;
  encode_with(&e, "libx264", 0, 1, 0);
  track = video_track(&e);
  config.flags = _i ? KVSP_DECODE_LOW_DELAY : 0;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  for (size_t i = 0; i < e.count; i++) {
    kvsp_frame frame = make_frame(&track, NULL, &e, i);
    if (i == 2) continue; /* a lost frame */
    if (i == 4) {
      frame.data.data = nonsense;
      frame.data.len = frame.size = sizeof nonsense;
    }
    if (i == 5) frame.data.len = frame.size = 0;
    send_and_drain(d, &frame, &pictures, &damaged, &errors);
  }
  ck_assert_int_eq(send_and_drain(d, NULL, &pictures, &damaged, &errors),
                   KVSP_END);
  ck_assert_uint_ge(errors, 2);
  if (_i == 1) /* what followed the refused frames, to the key frame */
    ck_assert_uint_eq(damaged, 2);
  ck_assert_uint_ge(pictures, (unsigned)e.count - 8 + 3);
  ck_assert_str_ne(kvsp_decoder_message(d), "");
  kvsp_decoder_free(d);
  encoded_free(&e);
}
END_TEST

/* Without its key frame a picture leans on what is missing. */
START_TEST(missing_key_frame_is_told) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  unsigned pictures = 0, damaged = 0, errors = 0;
  struct encoded e;
  kvsp_track track;
  kvsp_decoder *d;
  encode_with(&e, "libx264", 0, 1, 0);
  track = video_track(&e);
  config.flags = KVSP_DECODE_LOW_DELAY;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  for (size_t i = 1; i < e.count; i++) {
    kvsp_frame frame = make_frame(&track, NULL, &e, i);
    send_and_drain(d, &frame, &pictures, &damaged, &errors);
    if (i == 7) ck_assert_uint_eq(damaged, pictures);
  }
  ck_assert_uint_ge(damaged + errors, 7);
  ck_assert_uint_eq(pictures - damaged, e.count - 8);
  kvsp_decoder_free(d);
  encoded_free(&e);
}
END_TEST

START_TEST(flush_begins_anew) {
  struct encoded e;
  struct reference reference;
  kvsp_track track;
  kvsp_decoder *d;
  const kvsp_picture *p;
  size_t next = 0;
  encode_with(&e, "libx264", 2, 1, 0);
  reference_decode(&reference, &e);
  track = video_track(&e);
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_receive(d, &p), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_decoder_flush(d), KVSP_OK);
  send_all(d, &track, &e, &reference, &next);
  ck_assert_int_eq(kvsp_decoder_send(d, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_flush(d), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_receive(d, &p), KVSP_NEED_INPUT);
  kvsp_decoder_free(d);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

START_TEST(arguments_are_checked) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  struct encoded e;
  kvsp_track track;
  kvsp_frame frame;
  const kvsp_picture *p;
  kvsp_decoder *d;
  encode_with(&e, "mjpeg", 0, 0, 0);
  track = video_track(&e);
  frame = make_frame(&track, NULL, &e, 0);
  ck_assert_int_eq(kvsp_decoder_new(NULL, &track, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_decoder_new(&d, NULL, NULL), KVSP_ERR_ARG);
  config.struct_size = 3;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_ERR_ARG);
  config.struct_size = sizeof config;
  config.width = 10; /* native pictures are not scaled */
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_ERR_ARG);
  config.format = 77;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_ERR_ARG);
  track.type = KVSP_TRACK_AUDIO;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, NULL), KVSP_ERR_UNSUPPORTED);
  track.type = KVSP_TRACK_VIDEO;
  track.codec_id.len = 3;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, NULL), KVSP_ERR_UNSUPPORTED);
  ck_assert_ptr_null(d);
  track.codec_id.len = strlen(e.codec_id);
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_send(NULL, &frame), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_decoder_receive(NULL, &p), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_decoder_receive(d, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_decoder_flush(NULL), KVSP_ERR_ARG);
  frame.data.len = 0; /* as KVSP_READ_NO_DATA leaves it */
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_ERR_ARG);
  frame.size = 0;
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_ERR_CODEC);
  frame = make_frame(&track, NULL, &e, 0);
  frame.flags |= KVSP_FRAME_ENCRYPTED;
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_ERR_CODEC);
  kvsp_decoder_free(d);
  kvsp_decoder_free(NULL);
  ck_assert_str_eq(kvsp_decoder_message(NULL), "");
  ck_assert_int_eq(kvsp_decoder_available(NULL), 0);
  ck_assert_int_eq(strncmp(kvsp_av_version(), "libavcodec ", 11), 0);
  encoded_free(&e);
}
END_TEST

/* Audio is known by name, so that a program can say what it could decode. */
START_TEST(codec_names) {
  static const struct {
    const char *codec_id;
    uint32_t bit_depth;
    int available;
  } names[] = {{"A_AAC", 0, 1},
               {"A_PCM/INT/LIT", 16, 1},
               {"A_PCM/INT/BIG", 24, 1},
               {"A_PCM/INT/LIT", 7, 0},
               {"A_OPUS", 0, 1},
               {"A_MS/ACM", 0, 1},
               {"V_MPEG4/ISO/AVC", 0, 1},
               {"V_MPEG4/ISO", 0, 0},
               {"", 0, 0},
               {"S_TEXT/UTF8", 0, 0}};
  static const uint8_t alaw[18] = {6, 0, 1, 0};
  for (size_t i = 0; i < COUNT(names); i++) {
    kvsp_track t;
    memset(&t, 0, sizeof t);
    t.codec_id.data = (const uint8_t *)names[i].codec_id;
    t.codec_id.len = strlen(names[i].codec_id);
    t.bit_depth = names[i].bit_depth;
    t.codec_private.data = alaw;
    t.codec_private.len = sizeof alaw;
    ck_assert_int_eq(kvsp_decoder_available(&t), names[i].available);
  }
}
END_TEST

/* Each allocation of ours fails in turn: a code, no crash, no leak. */
START_TEST(no_memory_is_survived) {
  struct encoded e;
  kvsp_track track;
  int rc = KVSP_ERR_NOMEM;
  encode_with(&e, "libx264", 0, 1, 0);
  track = video_track(&e);
  for (unsigned limit = 0; rc == KVSP_ERR_NOMEM; limit++) {
    kvsp_decoder_config config = {.struct_size = sizeof config};
    kvsp_fragment fragment = make_fragment(0, "1");
    kvsp_frame frame = make_frame(&track, &fragment, &e, 0);
    const kvsp_picture *p;
    struct test_allocator memory;
    kvsp_decoder *d;
    ck_assert_uint_lt(limit, 100);
    test_allocator_init(&memory);
    test_allocator_fail_after(&memory, limit);
    config.allocator = &memory.allocator;
    config.threads = 1;
    config.format = KVSP_PICTURE_GRAY8;
    config.flags = KVSP_DECODE_LOW_DELAY;
    rc = kvsp_decoder_new(&d, &track, &config);
    if (rc == KVSP_OK) rc = kvsp_decoder_send(d, &frame);
    if (rc == KVSP_OK) rc = kvsp_decoder_receive(d, &p);
    kvsp_decoder_free(d);
    ck_assert_uint_eq(memory.live_blocks, 0);
  }
  ck_assert_int_eq(rc, KVSP_OK);
  encoded_free(&e);
}
END_TEST

static TCase *codec_case(void) {
  TCase *tc = tcase_create("codecs");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, codec_decodes, 0, (int)COUNT(codecs));
  tcase_add_loop_test(tc, vfw_decodes, 0, 2);
  tcase_add_loop_test(tc, low_delay_is_low, 0, 4);
  tcase_add_loop_test(tc, pictures_keep_their_times, 0, 2);
  tcase_add_test(tc, unannounced_b_frames_keep_their_order);
  tcase_add_test(tc, pending_is_bounded);
  tcase_add_test(tc, codec_names);
  return tc;
}

static TCase *wrapping_case(void) {
  TCase *tc = tcase_create("wrappings");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, avc_wrappings, 0, 2 * PRIVATE_KINDS);
  tcase_add_loop_test(tc, hevc_wrappings, 0, 2 * PRIVATE_KINDS);
  tcase_add_test(tc, wrapping_changes);
  tcase_add_test(tc, framings_are_told_apart);
  return tc;
}

static TCase *format_case(void) {
  TCase *tc = tcase_create("formats");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, formats_have_the_right_bytes);
  tcase_add_test(tc, sizes);
  tcase_add_loop_test(tc, gray_has_full_range, 0, 2);
  return tc;
}

static TCase *fault_case(void) {
  TCase *tc = tcase_create("faults");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, large_pictures_are_refused, 0, 4);
  tcase_add_loop_test(tc, damage_is_not_fatal, 0, 2);
  tcase_add_test(tc, missing_key_frame_is_told);
  tcase_add_test(tc, flush_begins_anew);
  tcase_add_test(tc, arguments_are_checked);
  tcase_add_test(tc, no_memory_is_survived);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("decoder");
  suite_add_tcase(suite, codec_case());
  suite_add_tcase(suite, wrapping_case());
  suite_add_tcase(suite, format_case());
  suite_add_tcase(suite, fault_case());
  return run_suite(suite);
}
