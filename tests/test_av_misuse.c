/*
 * test_av_misuse.c - what is asked of the decode stage that it cannot do: calls
 * with wrong arguments, at the wrong time, from its own callbacks, after errors
 * and after the end, each with its documented code; limits that are too low,
 * raised in the middle of a stream; streams that claim absurd sizes, refused
 * before memory is taken, which is measured.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/extractor.h>
#include <kvsparse/pictures.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pending.h"
#include "support/allocator.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Frames and streams. */

static void encode_small(struct encoded *e, const char *encoder) {
  struct encode_options o = {.encoder = encoder,
                             .width = 64,
                             .height = 48,
                             .frames = 6,
                             .gop = 3,
                             .in_band = 1};
  encode(e, &o);
}

static kvsp_frame make_frame(const kvsp_track *track, const void *data,
                             size_t len) {
  kvsp_frame f;
  memset(&f, 0, sizeof f);
  f.data.data = data;
  f.data.len = f.size = len;
  f.track = track;
  f.flags = KVSP_FRAME_KEY;
  f.lace_count = 1;
  return f;
}

static void add_stream(struct bytes *b, const struct encoded *e,
                       size_t tag_count, uint64_t tracks) {
  struct mux_track t[8];
  memset(t, 0, sizeof t);
  for (size_t i = 0; i < tracks; i++) {
    t[i].number = i + 1;
    t[i].type = i ? 2 : 1;
    t[i].codec_id = i ? "A_AAC" : e->codec_id;
    t[i].width = i ? 0 : (uint64_t)e->width;
    t[i].height = i ? 0 : (uint64_t)e->height;
  }
  mux_document(b);
  mux_info(b, 0);
  mux_tracks(b, t, tracks);
  for (size_t i = 0; i < tag_count; i++) mux_head_tags(b, "91", "1.5", "1.0");
  mux_cluster(b, 0);
  for (size_t i = 0; i < e->count; i++) video_block(b, e, i, 0);
}

static int count_pictures(void *user, const kvsp_picture *p) {
  (void)p;
  (*(size_t *)user)++;
  return 0;
}

/* Absurd sizes. */

struct bit_writer {
  uint8_t data[64];
  size_t bits;
};

static void put_bits(struct bit_writer *w, uint32_t value, int count) {
  while (count-- > 0) {
    if (value >> count & 1)
      w->data[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
    w->bits++;
  }
}

/* Exp-Golomb: ue(v) of ITU-T H.264, 9.1. */
static void put_ue(struct bit_writer *w, uint32_t value) {
  int length = 0;
  while ((value + 1) >> (length + 1)) length++;
  put_bits(w, 0, length);
  put_bits(w, value + 1, length + 1);
}

/* A sequence parameter set (ITU-T H.264, 7.3.2.1) of that size in macroblocks,
 * cropped to 16x16 or not. */
static size_t write_sps(uint8_t *out, uint32_t width, uint32_t height,
                        int cropped) {
  struct bit_writer w = {{0}, 0};
  size_t n = 0, zeros = 0;
  put_bits(&w, 0x6742003E, 32); /* NAL type 7; Baseline; level 6.2         */
  put_ue(&w, 0);                /* seq_parameter_set_id                    */
  put_ue(&w, 0);                /* log2_max_frame_num_minus4               */
  put_ue(&w, 2);                /* pic_order_cnt_type                      */
  put_ue(&w, 1);                /* max_num_ref_frames                      */
  put_bits(&w, 0, 1);           /* gaps_in_frame_num_value_allowed_flag    */
  put_ue(&w, width - 1);
  put_ue(&w, height - 1);
  put_bits(&w, 3, 2); /* frame_mbs_only_flag, direct_8x8_inference_flag    */
  put_bits(&w, (uint32_t)cropped, 1);
  for (int i = 0; cropped && i < 4; i++) {
    uint32_t size = i < 2 ? width : height;
    put_ue(&w, i % 2 ? size * 8 - 8 : 0);
  }
  put_bits(&w, 1, 2); /* no VUI, the stop bit                              */
  memcpy(out, "\0\0\0\1", 4);
  for (size_t i = 0; i < (w.bits + 7) / 8; i++) {
    if (zeros >= 2 && w.data[i] <= 3) {
      out[4 + n++] = 3; /* emulation prevention */
      zeros = 0;
    }
    zeros = w.data[i] == 0 ? zeros + 1 : 0;
    out[4 + n++] = w.data[i];
  }
  return n + 4;
}

/* The first frame with another SPS: NAL units with start codes. */
static void add_avc_frame(struct bytes *b, const struct encoded *e,
                          uint32_t width, uint32_t height, int cropped) {
  const struct encoded_packet *p = &e->packets[0];
  uint8_t sps[128];
  size_t i = 0;
  bytes_append(b, sps, write_sps(sps, width / 16, height / 16, cropped));
  while (i + 4 < p->size && !(memcmp(p->data + i, "\0\0\1", 3) == 0 &&
                              (p->data[i + 3] & 0x1F) == 8)) {
    i++;
  }
  ck_assert_uint_lt(i + 4, p->size);
  bytes_append(b, p->data + i, p->size - i);
}

#define JPEG_FILLER 300000u

/* The first frame with other numbers in its SOF0. */
static void add_jpeg_frame(struct bytes *b, const struct encoded *e,
                           uint32_t width, uint32_t height) {
  const struct encoded_packet *p = &e->packets[0];
  size_t i = 0;
  while (i + 9 < p->size && memcmp(p->data + i, "\xFF\xC0", 2) != 0) i++;
  ck_assert_uint_lt(i + 9, p->size);
  bytes_append(b, p->data, p->size);
  /* libavcodec believes no size that has too few bytes. */
  for (size_t n = 0; n < JPEG_FILLER; n++) bytes_append(b, "", 1);
  b->data[i + 5] = (uint8_t)(height >> 8);
  b->data[i + 6] = (uint8_t)height;
  b->data[i + 7] = (uint8_t)(width >> 8);
  b->data[i + 8] = (uint8_t)width;
}

static long peak_kilobytes(void) {
  struct rusage usage;
  ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_maxrss;
}

struct claim {
  const char *encoder;
  uint32_t width, height; /* what the stream claims                        */
  int cropped;            /* to 16x16, as it says                          */
  uint32_t max;           /* max_width, max_height                         */
  int told;               /* the message says that it is the size          */
};

/* Those of more than 2^31 bytes libavcodec takes for broken data. */
static const struct claim claims[] = {
    {"mjpeg", 65535, 65535, 0, 0, 0},      {"mjpeg", 16384, 16384, 0, 0, 0},
    {"mjpeg", 16384, 16384, 0, 4096, 0},   {"mjpeg", 8192, 8192, 0, 4096, 1},
    {"mjpeg", 65535, 16, 0, 4096, 1},      {"mjpeg", 4097, 16, 0, 4096, 1},
    {"libx264", 65520, 65520, 0, 0, 0},    {"libx264", 16384, 16384, 0, 0, 0},
    {"libx264", 16384, 16384, 0, 4096, 0}, {"libx264", 8192, 8192, 0, 4096, 1},
    {"libx264", 8192, 8192, 1, 4096, 1},   {"libx264", 16, 65520, 0, 4096, 1},
    {"libx264", 4112, 16, 0, 4096, 1},
};

static void make_claim(struct bytes *b, const struct encoded *e,
                       const struct claim *claim) {
  if (e->id == AV_CODEC_ID_MJPEG) {
    add_jpeg_frame(b, e, claim->width, claim->height);
  } else {
    add_avc_frame(b, e, claim->width, claim->height, claim->cropped);
  }
}

START_TEST(absurd_sizes_are_refused) {
  const struct claim *claim = &claims[_i];
  kvsp_decoder_config config = {.struct_size = sizeof config};
  const kvsp_picture *p;
  struct encoded e;
  struct bytes b = {0};
  kvsp_track track;
  kvsp_frame frame;
  kvsp_decoder *d;
  long before;
  int rc;
  if (!encode_available(claim->encoder)) return;
  encode_small(&e, claim->encoder);
  make_claim(&b, &e, claim);
  track = video_track(&e);
  frame = make_frame(&track, b.data, b.len);
  config.flags = KVSP_DECODE_LOW_DELAY;
  config.max_width = config.max_height = claim->max;
  config.format = KVSP_PICTURE_RGB24;
  before = peak_kilobytes();
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  rc = kvsp_decoder_send(d, &frame);
  if (rc == KVSP_OK) rc = kvsp_decoder_receive(d, &p);
  ck_assert_int_eq(rc, KVSP_ERR_CODEC);
  ck_assert_int_lt(peak_kilobytes() - before, 16 * 1024);
  if (claim->told)
    ck_assert_ptr_nonnull(strstr(kvsp_decoder_message(d), "max_width"));
  ck_assert_str_ne(kvsp_decoder_message(d), "");
  kvsp_decoder_free(d);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* A size that follows from the aspect of a picture is the stream's, too. */
START_TEST(absurd_aspects_are_refused) {
  static const struct {
    int width, height;
    uint32_t scale_width, scale_height;
    int fits;
  } cases[] = {
      {2048, 16, 0, 480, 0}, {16, 2048, 480, 0, 0}, {16, 2048, 0, 480, 1},
      {2048, 16, 480, 0, 1}, {2048, 16, 0, 128, 1}, {2048, 16, 0, 129, 0},
  };
  kvsp_decoder_config config = {.struct_size = sizeof config};
  const kvsp_picture *p;
  struct test_allocator memory;
  struct encode_options o = {.encoder = "mjpeg", .frames = 1};
  struct encoded e;
  kvsp_track track;
  kvsp_frame frame;
  kvsp_decoder *d;
  o.width = cases[_i].width;
  o.height = cases[_i].height;
  encode(&e, &o);
  track = video_track(&e);
  frame = make_frame(&track, e.packets[0].data, e.packets[0].size);
  test_allocator_init(&memory);
  config.allocator = &memory.allocator;
  config.flags = KVSP_DECODE_LOW_DELAY;
  config.format = KVSP_PICTURE_GRAY8;
  config.width = cases[_i].scale_width;
  config.height = cases[_i].scale_height;
  ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_send(d, &frame), KVSP_OK);
  ck_assert_int_eq(kvsp_decoder_receive(d, &p),
                   cases[_i].fits ? KVSP_OK : KVSP_ERR_CODEC);
  if (!cases[_i].fits) {
    ck_assert_ptr_nonnull(strstr(kvsp_decoder_message(d), "aspect"));
    ck_assert_uint_lt(memory.largest, 1 << 20);
  }
  kvsp_decoder_free(d);
  ck_assert_uint_eq(memory.live_blocks, 0);
  encoded_free(&e);
}
END_TEST

START_TEST(absurd_targets_are_arguments) {
  static const struct {
    uint32_t format, width, height, threads, flags;
    int expected;
  } cases[] = {
      {KVSP_PICTURE_GRAY8, 100000, 0, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_GRAY8, 0, 100000, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_GRAY8, 65537, 2, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_GRAY8, UINT32_MAX, UINT32_MAX, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_GRAY8, 65536, 65536, 0, 0, KVSP_OK},
      {KVSP_PICTURE_BGRA + 1, 0, 0, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_NATIVE, 0, 1, 0, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_NATIVE, 0, 0, UINT32_MAX, 0, KVSP_ERR_ARG},
      {KVSP_PICTURE_NATIVE, 0, 0, 0, 2, KVSP_ERR_ARG},
      {KVSP_PICTURE_NATIVE, 0, 0, 0, KVSP_DECODE_LOW_DELAY, KVSP_OK},
  };
  struct encoded e;
  kvsp_track track;
  encode_small(&e, "mjpeg");
  track = video_track(&e);
  for (size_t i = 0; i < COUNT(cases); i++) {
    kvsp_decoder_config config = {.struct_size = sizeof config};
    kvsp_pictures_config pictures = {.struct_size = sizeof pictures};
    kvsp_decoder *d;
    kvsp_pictures *p;
    config.format = pictures.format = cases[i].format;
    config.width = pictures.width = cases[i].width;
    config.height = pictures.height = cases[i].height;
    config.threads = pictures.threads = cases[i].threads;
    config.flags = pictures.flags = cases[i].flags;
    ck_assert_int_eq(kvsp_decoder_new(&d, &track, &config), cases[i].expected);
    ck_assert_int_eq(d != NULL, cases[i].expected == KVSP_OK);
    kvsp_decoder_free(d);
    ck_assert_int_eq(kvsp_pictures_new(&p, &pictures), cases[i].expected);
    ck_assert_int_eq(p != NULL, cases[i].expected == KVSP_OK);
    kvsp_pictures_free(p);
  }
  encoded_free(&e);
}
END_TEST

/* Limits. */

struct limit_case {
  kvsp_limits limits;
  uint32_t reader_flags;
  int status;
};

/* Only memory stops a reader that is not strict. */
static const struct limit_case limit_cases[] = {
    {{.max_depth = 3}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_DEPTH},
    {{.max_tracks = 1}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_TRACKS},
    {{.max_tags = 2}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_TAGS},
    {{.max_value = 5}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_VALUE},
    {{.max_frame = 200}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_FRAME},
    {{.max_memory = 6500}, KVSP_READ_STRICT, KVSP_ERR_LIMIT_MEMORY},
    {{.max_memory = 6500}, 0, KVSP_ERR_LIMIT_MEMORY},
};

static kvsp_pictures *open_limited(const struct limit_case *c,
                                   struct test_allocator *memory) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_limits limits = c->limits;
  kvsp_pictures *p;
  limits.struct_size = sizeof limits;
  test_allocator_init(memory);
  config.allocator = &memory->allocator;
  config.limits = &limits;
  config.reader_flags = c->reader_flags;
  config.threads = 1;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_OK);
  return p;
}

/* The limit stops it, twice; raised, it goes on where it stopped. */
static void raise_limit(kvsp_pictures *p, const struct limit_case *c,
                        const struct test_allocator *memory, size_t *seen) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  size_t before = *seen;
  if (c->limits.max_memory > 0)
    ck_assert_uint_le(memory->peak_bytes, c->limits.max_memory + 8192);
  ck_assert_int_eq(kvsp_pictures_visit(p, NULL, 0, 0, count_pictures, seen),
                   c->status);
  ck_assert_uint_eq(*seen, before);
  ck_assert_int_eq(kvsp_pictures_error(p)->status, c->status);
  ck_assert_int_eq(kvsp_pictures_input(p, "", 0, 0), KVSP_ERR_STATE);
  limits.struct_size--;
  ck_assert_int_eq(kvsp_pictures_set_limits(p, &limits), KVSP_ERR_ARG);
  limits.struct_size++;
  ck_assert_int_eq(kvsp_pictures_set_limits(p, &limits), KVSP_OK);
}

START_TEST(limits_can_be_raised) {
  const struct limit_case *c = &limit_cases[_i];
  struct test_allocator memory;
  struct encoded e;
  struct bytes b = {0};
  kvsp_pictures *p;
  size_t seen = 0, stops = 0;
  encode_small(&e, "mjpeg");
  add_stream(&b, &e, 2, 3);
  p = open_limited(c, &memory);
  for (size_t at = 0; at < b.len; at += 50) {
    size_t n = b.len - at < 50 ? b.len - at : 50;
    int rc = kvsp_pictures_visit(p, b.data + at, n, 0, count_pictures, &seen);
    if (rc != KVSP_OK) {
      ck_assert_int_eq(rc, c->status);
      stops++;
      raise_limit(p, c, &memory, &seen);
      rc = kvsp_pictures_visit(p, NULL, 0, 0, count_pictures, &seen);
    }
    ck_assert_int_eq(rc, KVSP_OK);
  }
  ck_assert_int_eq(
      kvsp_pictures_visit(p, NULL, 0, KVSP_FINAL, count_pictures, &seen),
      KVSP_END);
  ck_assert_uint_eq(stops, 1);
  ck_assert_uint_eq(seen, e.count);
  kvsp_pictures_free(p);
  ck_assert_uint_eq(memory.live_blocks, 0);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Wrong calls at the wrong time. */

enum call {
  INPUT,
  INPUT_NULL,  /* with a length                                            */
  INPUT_FLAGS, /* that there are not                                       */
  RESERVE,
  RESERVE_NULL,
  COMMIT, /* nothing was reserved                                          */
  NEXT,
  NEXT_NULL,
  VISIT,
  VISIT_NULL, /* without a callback                                        */
  GO_ON,
  LIMITS,
  LIMITS_SIZE, /* a struct_size that there never was                       */
  RESET,
  CALLS
};

static int call_pictures(kvsp_pictures *p, enum call call) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  const kvsp_picture *picture = NULL;
  size_t capacity, seen = 0;
  void *room;
  switch (call) {
    case INPUT: return kvsp_pictures_input(p, "", 0, 0);
    case INPUT_NULL: return kvsp_pictures_input(p, NULL, 5, 0);
    case INPUT_FLAGS: return kvsp_pictures_input(p, "", 0, 0x80);
    case RESERVE: return kvsp_pictures_reserve(p, 10, &room, &capacity);
    case RESERVE_NULL: return kvsp_pictures_reserve(p, 10, NULL, &capacity);
    case COMMIT: return kvsp_pictures_commit(p, 1, 0);
    case NEXT: return kvsp_pictures_next(p, &picture);
    case NEXT_NULL: return kvsp_pictures_next(p, NULL);
    case VISIT: return kvsp_pictures_visit(p, "", 0, 0, count_pictures, &seen);
    case VISIT_NULL: return kvsp_pictures_visit(p, "", 0, 0, NULL, NULL);
    case GO_ON:
      return kvsp_pictures_visit(p, NULL, 0, 0, count_pictures, &seen);
    case LIMITS: return kvsp_pictures_set_limits(p, &limits);
    case LIMITS_SIZE:
      limits.struct_size = 3;
      return kvsp_pictures_set_limits(p, &limits);
    default: return kvsp_pictures_reset(p);
  }
}

enum moment {
  NEW,
  LENT,        /* bytes lie there, nobody looked at them                  */
  PAUSED,      /* an item callback stopped it, with bytes lent            */
  AFTER_END,   /* KVSP_END was returned                                   */
  AFTER_ERROR, /* a strict reader's                                       */
  AFTER_NOMEM, /* nothing but a reset helps                               */
  NO_OBJECT,
  MOMENTS
};

struct scene {
  struct test_allocator memory;
  struct encoded e;
  struct bytes stream;
  int pauses;
};

static int pause_once(void *user, const kvsp_item *item) {
  struct scene *s = user;
  (void)item;
  return s->pauses-- > 0 ? KVSP_PAUSED : 0;
}

static kvsp_pictures *reach(struct scene *s, enum moment moment) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_pictures *p = NULL;
  size_t seen = 0;
  if (moment == NO_OBJECT) return NULL;
  test_allocator_init(&s->memory);
  config.allocator = &s->memory.allocator;
  config.reader_flags = moment == AFTER_ERROR ? KVSP_READ_STRICT : 0;
  config.threads = 1;
  config.item_callback = pause_once;
  config.item_user = s;
  s->pauses = moment == PAUSED;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_OK);
  if (moment == LENT) {
    ck_assert_int_eq(kvsp_pictures_input(p, s->stream.data, s->stream.len, 0),
                     KVSP_OK);
  } else if (moment == AFTER_ERROR) {
    ck_assert_int_eq(kvsp_pictures_visit(p, "\xFF\xFF\xFF\xFF", 4, KVSP_FINAL,
                                         count_pictures, &seen),
                     KVSP_ERR_EBML);
  } else if (moment != NEW) {
    int expected = moment == PAUSED        ? KVSP_PAUSED
                   : moment == AFTER_NOMEM ? KVSP_ERR_NOMEM
                                           : KVSP_END;
    if (moment == AFTER_NOMEM) test_allocator_fail_after(&s->memory, 8);
    ck_assert_int_eq(kvsp_pictures_visit(p, s->stream.data, s->stream.len,
                                         KVSP_FINAL, count_pictures, &seen),
                     expected);
  }
  return p;
}

#define OK KVSP_OK
#define ARG KVSP_ERR_ARG
#define STATE KVSP_ERR_STATE
#define NEED KVSP_NEED_INPUT
#define END KVSP_END
#define EBML KVSP_ERR_EBML
#define NOMEM KVSP_ERR_NOMEM

/* clang-format off */
static const int expected_codes[MOMENTS][CALLS] = {
    /*          INPUT  _NULL  _FLAGS RESERVE _NULL COMMIT NEXT   _NULL VISIT
     *          _NULL  GO_ON  LIMITS _SIZE   RESET */
    [NEW] =         {OK,    ARG,   ARG,   OK,    ARG,  STATE, NEED,  ARG, OK,
                     ARG,   OK,    OK,    ARG,   OK},
    [LENT] =        {STATE, STATE, STATE, STATE, STATE, STATE, OK,    ARG, STATE,
                     ARG,   OK,    OK,    ARG,   OK},
    [PAUSED] =      {STATE, STATE, STATE, STATE, STATE, STATE, OK,    ARG, STATE,
                     ARG,   END,   OK,    ARG,   OK},
    [AFTER_END] =   {STATE, STATE, STATE, STATE, STATE, STATE, END,   ARG, STATE,
                     ARG,   END,   OK,    ARG,   OK},
    [AFTER_ERROR] = {STATE, STATE, STATE, STATE, STATE, STATE, EBML,  ARG, STATE,
                     ARG,   EBML,  OK,    ARG,   OK},
    [AFTER_NOMEM] = {STATE, STATE, STATE, STATE, STATE, STATE, NOMEM, ARG, STATE,
                     ARG,   NOMEM, OK,    ARG,   OK},
    [NO_OBJECT] =   {ARG,   ARG,   ARG,   ARG,   ARG,  ARG,   ARG,   ARG, ARG,
                     ARG,   ARG,   ARG,   ARG,   ARG},
};
/* clang-format on */

/* A wrong call changes nothing: afterwards, all pictures come. */
static void expect_usable(struct scene *s, kvsp_pictures *p) {
  size_t seen = 0;
  s->memory.fail_at = 0;
  ck_assert_int_eq(kvsp_pictures_reset(p), KVSP_OK);
  ck_assert_int_eq(kvsp_pictures_visit(p, s->stream.data, s->stream.len,
                                       KVSP_FINAL, count_pictures, &seen),
                   KVSP_END);
  ck_assert_uint_eq(seen, s->e.count);
}

START_TEST(wrong_calls_have_their_codes) {
  struct scene s;
  memset(&s, 0, sizeof s);
  encode_small(&s.e, "mjpeg");
  add_stream(&s.stream, &s.e, 1, 1);
  for (int call = 0; call < CALLS; call++) {
    kvsp_pictures *p = reach(&s, (enum moment)_i);
    int rc = call_pictures(p, (enum call)call);
    ck_assert_msg(rc == expected_codes[_i][call], "moment %d, call %d: %s", _i,
                  call, kvsp_status_name(rc));
    ck_assert_ptr_nonnull(kvsp_pictures_message(p));
    ck_assert_ptr_nonnull(kvsp_pictures_error(p));
    if (p && call != RESERVE) expect_usable(&s, p);
    kvsp_pictures_free(p);
    ck_assert_uint_eq(s.memory.live_blocks, 0);
  }
  bytes_free(&s.stream);
  encoded_free(&s.e);
}
END_TEST

/* From callbacks. */

struct reentry {
  kvsp_pictures *pictures;
  size_t items, seen;
};

static void expect_busy(kvsp_pictures *p) {
  static const enum call calls[] = {INPUT, RESERVE, COMMIT, NEXT,
                                    VISIT, GO_ON,   LIMITS, RESET};
  kvsp_pictures_stats stats;
  for (size_t i = 0; i < COUNT(calls); i++) {
    int rc = call_pictures(p, calls[i]);
    ck_assert_msg(rc == KVSP_ERR_REENTRANT, "call %d: %s", (int)calls[i],
                  kvsp_status_name(rc));
  }
  ck_assert_int_eq(kvsp_pictures_get_stats(p, &stats, sizeof stats), KVSP_OK);
  ck_assert_ptr_nonnull(kvsp_pictures_error(p));
  ck_assert_ptr_nonnull(kvsp_pictures_message(p));
}

static int item_calls_back(void *user, const kvsp_item *item) {
  struct reentry *r = user;
  (void)item;
  r->items++;
  expect_busy(r->pictures);
  return 0;
}

static int picture_calls_back(void *user, const kvsp_picture *picture) {
  struct reentry *r = user;
  (void)picture;
  r->seen++;
  expect_busy(r->pictures);
  return 0;
}

START_TEST(reentry_is_refused) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct reentry r = {NULL, 0, 0};
  struct encoded e;
  struct bytes b = {0};
  encode_small(&e, "libx264");
  add_stream(&b, &e, 1, 1);
  config.item_callback = item_calls_back;
  config.item_user = &r;
  ck_assert_int_eq(kvsp_pictures_new(&r.pictures, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_pictures_visit(r.pictures, b.data, b.len, KVSP_FINAL,
                                       picture_calls_back, &r),
                   KVSP_END);
  ck_assert_uint_eq(r.seen, e.count);
  ck_assert_uint_gt(r.items, e.count);
  kvsp_pictures_free(r.pictures);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* A decoder. */

enum decoder_call {
  SEND,
  SEND_END,
  SEND_NO_DATA, /* as KVSP_READ_NO_DATA leaves a frame                     */
  SEND_EMPTY,
  SEND_NULL_DATA,
  RECEIVE,
  RECEIVE_NULL,
  FLUSH,
  DECODER_CALLS
};

static int call_decoder(kvsp_decoder *d, enum decoder_call call,
                        const kvsp_frame *frame) {
  const kvsp_picture *p;
  kvsp_frame f = *frame;
  switch (call) {
    case SEND: return kvsp_decoder_send(d, &f);
    case SEND_END: return kvsp_decoder_send(d, NULL);
    case SEND_NO_DATA:
      f.data.data = NULL;
      f.data.len = 0;
      return kvsp_decoder_send(d, &f);
    case SEND_EMPTY: f.size = f.data.len = 0; return kvsp_decoder_send(d, &f);
    case SEND_NULL_DATA: f.data.data = NULL; return kvsp_decoder_send(d, &f);
    case RECEIVE: return kvsp_decoder_receive(d, &p);
    case RECEIVE_NULL: return kvsp_decoder_receive(d, NULL);
    default: return kvsp_decoder_flush(d);
  }
}

enum decoder_moment { D_NEW, D_FED, D_ENDED, D_FLUSHED, D_NONE, D_MOMENTS };

static kvsp_decoder *reach_decoder(const kvsp_track *track,
                                   const kvsp_frame *frame,
                                   enum decoder_moment moment) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  kvsp_decoder *d;
  config.flags = KVSP_DECODE_LOW_DELAY;
  if (moment == D_NONE) return NULL;
  ck_assert_int_eq(kvsp_decoder_new(&d, track, &config), KVSP_OK);
  if (moment == D_FED) ck_assert_int_eq(kvsp_decoder_send(d, frame), KVSP_OK);
  if (moment == D_ENDED || moment == D_FLUSHED)
    ck_assert_int_eq(kvsp_decoder_send(d, NULL), KVSP_OK);
  if (moment == D_FLUSHED) ck_assert_int_eq(kvsp_decoder_flush(d), KVSP_OK);
  return d;
}

#define CODEC KVSP_ERR_CODEC

/* clang-format off */
static const int decoder_codes[D_MOMENTS][DECODER_CALLS] = {
    /*           SEND   _END   _NO_DATA _EMPTY _NULL  RECEIVE _NULL FLUSH */
    [D_NEW] =     {OK,    OK,    ARG,   CODEC, ARG,   NEED,  ARG,  OK},
    [D_FED] =     {OK,    OK,    ARG,   CODEC, ARG,   OK,    ARG,  OK},
    [D_ENDED] =   {STATE, STATE, STATE, STATE, STATE, END,   ARG,  OK},
    [D_FLUSHED] = {OK,    OK,    ARG,   CODEC, ARG,   NEED,  ARG,  OK},
    [D_NONE] =    {ARG,   ARG,   ARG,   ARG,   ARG,   ARG,   ARG,  ARG},
};
/* clang-format on */

START_TEST(wrong_decoder_calls_have_their_codes) {
  struct encoded e;
  kvsp_track track;
  kvsp_frame frame;
  encode_small(&e, "mjpeg");
  track = video_track(&e);
  frame = make_frame(&track, e.packets[0].data, e.packets[0].size);
  for (int call = 0; call < DECODER_CALLS; call++) {
    kvsp_decoder *d = reach_decoder(&track, &frame, (enum decoder_moment)_i);
    int rc = call_decoder(d, (enum decoder_call)call, &frame);
    ck_assert_msg(rc == decoder_codes[_i][call], "moment %d, call %d: %s", _i,
                  call, kvsp_status_name(rc));
    ck_assert_ptr_nonnull(kvsp_decoder_message(d));
    kvsp_decoder_free(d);
  }
  encoded_free(&e);
}
END_TEST

/* A frame that gives two pictures takes the time of no other frame. */
START_TEST(second_pictures_take_no_time) {
  struct pending p;
  struct pending_frame out;
  struct test_allocator memory;
  kvsp_frame frame;
  uint64_t sequence = 0;
  memset(&frame, 0, sizeof frame);
  test_allocator_init(&memory);
  kvsp_av_pending_init(&p, &memory.allocator);
  for (uint64_t i = 0; i < 4; i++) {
    frame.index = i;
    ck_assert_int_eq(kvsp_av_pending_push(&p, &frame, 0, &sequence), KVSP_OK);
  }
  for (uint64_t i = 0; i < 2; i++) {
    uint64_t taken = i ? 0 : 2; /* one that is still in the ring, and not */
    ck_assert_int_eq(kvsp_av_pending_take(&p, taken, &out), 1);
    ck_assert_uint_eq(out.frame_index, taken);
    ck_assert_int_eq(kvsp_av_pending_take(&p, taken, &out), 0);
  }
  ck_assert_int_eq(kvsp_av_pending_take(&p, 1, &out), 1);
  ck_assert_int_eq(kvsp_av_pending_take(&p, 3, &out), 1);
  ck_assert_uint_eq(out.frame_index, 3);
  kvsp_av_pending_free(&p);
  ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* The extractor. */

static kvsp_track raw_track(void) {
  kvsp_track track;
  memset(&track, 0, sizeof track);
  track.number = 1;
  track.codec_id.data = (const uint8_t *)"V_TEST";
  track.codec_id.len = 6;
  return track;
}

START_TEST(wrong_extractor_configs) {
  const kvsp_track track = raw_track();
  kvsp_extractor *e = NULL;
  for (size_t size = 0; size <= 2 * sizeof(kvsp_extractor_config); size++) {
    kvsp_extractor_config config = {.struct_size = size};
    ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config),
                     size == sizeof config ? KVSP_OK : KVSP_ERR_ARG);
    ck_assert_int_eq(e != NULL, size == sizeof config);
    kvsp_extractor_free(e);
  }
  for (unsigned bit = 0; bit < 32; bit++) {
    kvsp_extractor_config config = {.struct_size = sizeof config,
                                    .reserved = UINT32_C(1) << bit};
    ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config), KVSP_ERR_ARG);
    config.reserved = 0;
    config.format = 5 + (UINT32_C(1) << bit);
    ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config), KVSP_ERR_ARG);
    ck_assert_ptr_null(e);
  }
  for (unsigned which = 0; which < 8; which++) {
    struct test_allocator a;
    kvsp_extractor_config config = {.struct_size = sizeof config,
                                    .allocator = &a.allocator};
    test_allocator_init(&a);
    if (!(which & 1)) a.allocator.alloc = NULL;
    if (!(which & 2)) a.allocator.resize = NULL;
    if (!(which & 4)) a.allocator.release = NULL;
    ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config),
                     which == 0 || which == 7 ? KVSP_OK : KVSP_ERR_ARG);
    kvsp_extractor_free(e);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
}
END_TEST

struct sender {
  kvsp_extractor *extractor;
  const kvsp_frame *frame;
  int calls, rc;
};

static int send_again(void *user, const kvsp_extract *extract) {
  struct sender *s = user;
  ck_assert_uint_eq(extract->data.len, 3);
  ck_assert_int_eq(kvsp_extractor_send(s->extractor, s->frame, send_again, s),
                   KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_extractor_send(s->extractor, NULL, send_again, s),
                   KVSP_ERR_REENTRANT);
  kvsp_extractor_free(s->extractor); /* not now */
  ck_assert_ptr_nonnull(kvsp_extractor_message(s->extractor));
  s->calls++;
  return s->rc;
}

START_TEST(wrong_extractor_calls) {
  const kvsp_track track = raw_track();
  kvsp_track other = track;
  kvsp_frame f = make_frame(&track, "abc", 3);
  struct sender s = {.frame = &f};
  ck_assert_int_eq(kvsp_extractor_new(&s.extractor, &track, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_extractor_send(NULL, &f, send_again, &s), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, NULL, &s),
                   KVSP_ERR_ARG);
  other.number = 2;
  f.track = &other;
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_ARG);
  f.track = NULL;
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_ARG);
  f.track = &track;
  f.flags = KVSP_FRAME_COMPRESSED;
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(s.calls, 0);
  f.flags = 0;
  s.rc = KVSP_ERR_NOMEM; /* its own word is not the extractor's */
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_NOMEM);
  s.rc = 0;
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_OK);
  ck_assert_int_eq(s.calls, 2);
  other.number = 1;
  other.codec_id.len--;
  f.track = &other;
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_UNSUPPORTED);
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, NULL, send_again, &s),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, NULL, send_again, &s),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_extractor_send(s.extractor, &f, send_again, &s),
                   KVSP_ERR_STATE);
  kvsp_extractor_free(s.extractor);
}
END_TEST

static TCase *size_case(void) {
  TCase *tc = tcase_create("sizes");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, absurd_sizes_are_refused, 0, (int)COUNT(claims));
  tcase_add_loop_test(tc, absurd_aspects_are_refused, 0, 6);
  tcase_add_test(tc, absurd_targets_are_arguments);
  tcase_add_loop_test(tc, limits_can_be_raised, 0, (int)COUNT(limit_cases));
  return tc;
}

static TCase *call_case(void) {
  TCase *tc = tcase_create("calls");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, wrong_calls_have_their_codes, 0, MOMENTS);
  tcase_add_test(tc, reentry_is_refused);
  tcase_add_loop_test(tc, wrong_decoder_calls_have_their_codes, 0, D_MOMENTS);
  tcase_add_test(tc, second_pictures_take_no_time);
  tcase_add_test(tc, wrong_extractor_configs);
  tcase_add_test(tc, wrong_extractor_calls);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("av_misuse");
  suite_add_tcase(suite, size_case());
  suite_add_tcase(suite, call_case());
  return run_suite(suite);
}
