/*
 * test_extract_memory.c - the extractor without memory: each allocation of
 * ours fails in turn, and libavutil's, from a size on, in each format, over
 * frames of every codec it is for: the right code, which stays, and nothing
 * leaks.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/extractor.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/corpus.h"
#include "support/encode.h"
#include "support/mux.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACKS 2u

/* ---- one extracting ----------------------------------------------------------- */

struct run {
  struct test_allocator a;
  uint32_t format;
  kvsp_extractor *extractors[TRACKS]; /* by number                          */
  bool refused[TRACKS];
  size_t most, from; /* libavutil gives no more at once from that frame on  */
  size_t frames, pieces;
  int rc; /* KVSP_ERR_NOMEM, if that came                                   */
};

static int on_extract(void *user, const kvsp_extract *extract) {
  struct run *run = user;
  ck_assert_uint_gt(extract->data.len, 0);
  run->pieces++;
  return 0;
}

static void note(struct run *run, int rc) {
  ck_assert(rc == KVSP_OK || rc == KVSP_ERR_CODEC || rc == KVSP_ERR_NOMEM ||
            rc == KVSP_ERR_UNSUPPORTED);
  if (rc == KVSP_ERR_NOMEM) run->rc = rc;
}

static void open_extractor(struct run *run, size_t i, const kvsp_track *t) {
  kvsp_extractor_config config = {.struct_size = sizeof config,
                                  .format = run->format,
                                  .allocator = &run->a.allocator};
  int rc = kvsp_extractor_new(&run->extractors[i], t, &config);
  ck_assert_int_eq(rc == KVSP_OK, run->extractors[i] != NULL);
  run->refused[i] = rc != KVSP_OK;
  note(run, rc);
}

static int on_item(void *user, const kvsp_item *item) {
  struct run *run = user;
  kvsp_extractor *e;
  size_t i;
  int rc;
  if (item->type != KVSP_ITEM_FRAME) return 0;
  i = (size_t)item->frame->track->number % TRACKS;
  if (run->most && run->frames++ >= run->from) av_max_alloc(run->most);
  if (!run->extractors[i] && !run->refused[i])
    open_extractor(run, i, item->frame->track);
  e = run->extractors[i];
  if (!e) return 0;
  rc = kvsp_extractor_send(e, item->frame, on_extract, run);
  note(run, rc);
  if (rc != KVSP_ERR_NOMEM) return 0;
  /* Again and again, with a message. */
  ck_assert_int_eq(kvsp_extractor_send(e, item->frame, on_extract, run), rc);
  ck_assert_int_eq(kvsp_extractor_send(e, NULL, on_extract, run), rc);
  ck_assert_str_ne(kvsp_extractor_message(e), "");
  return 0;
}

static void extract(struct run *run, const struct bytes *b) {
  kvsp_reader *r = NULL;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(
      kvsp_reader_visit(r, b->data, b->len, KVSP_FINAL, on_item, run),
      KVSP_END);
  for (size_t i = 0; i < TRACKS; i++)
    if (run->extractors[i])
      note(run, kvsp_extractor_send(run->extractors[i], NULL, on_extract, run));
  av_max_alloc(INT_MAX);
  for (size_t i = 0; i < TRACKS; i++) kvsp_extractor_free(run->extractors[i]);
  kvsp_reader_free(r);
  ck_assert_uint_eq(run->a.live_blocks, 0);
}

/* ---- streams --------------------------------------------------------------------- */

static void put_video(struct bytes *b, const char *encoder) {
  struct encode_options o = {.encoder = encoder,
                             .width = 48,
                             .height = 32,
                             .frames = 4,
                             .gop = 2,
                             .lengths = 1};
  struct mux_track track;
  struct encoded e;
  encode(&e, &o);
  track = video_mux_track(&e);
  video_fragment(b, &track, &e, 0);
  if (track.codec_private_len > 0) { /* another CodecPrivate */
    uint8_t *other = malloc(track.codec_private_len + 1);
    ck_assert_ptr_nonnull(other);
    memcpy(other, track.codec_private, track.codec_private_len);
    other[track.codec_private_len] = 0;
    track.codec_private = other;
    track.codec_private_len++;
    video_fragment(b, &track, &e, 1);
    free(other);
  }
  encoded_free(&e);
}

/* Frames of AVI, without their tables. */
static void put_jpeg(struct bytes *b) {
  static const struct mux_track track = {1,  1,  "V_MJPEG", NULL, 0,
                                         16, 16, NULL,      0};
  static const uint8_t frame[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'A',  'V', 'I',
                                  '1',  0,    0,    0,    0, 0,  0,    0,   0,
                                  0,    0,    0xFF, 0xDB, 0, 2,  0xFF, 0xD9};
  mux_document(b);
  mux_info(b, 0);
  mux_tracks(b, &track, 1);
  mux_cluster(b, 0);
  for (int16_t i = 0; i < 3; i++)
    mux_simple_block(b, 1, i, 0x80, frame, sizeof frame);
}

static void put_sound(struct bytes *b, const char *codec_id,
                      const void *codec_private, size_t len) {
  uint8_t frame[200] = {0x21, 0x10, 4, 0x60, 0x8C, 0x1C};
  size_t tracks, entry, audio;
  mux_document(b);
  mux_info(b, 0);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, 1);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_AUDIO);
  mux_string(b, KVSP_ID_CODEC_ID, codec_id);
  mux_binary(b, KVSP_ID_CODEC_PRIVATE, codec_private, len);
  audio = mux_begin(b, KVSP_ID_AUDIO);
  mux_float(b, KVSP_ID_SAMPLING_FREQUENCY, 8000);
  mux_uint(b, KVSP_ID_CHANNELS, 1);
  mux_end(b, audio);
  mux_end(b, entry);
  mux_end(b, tracks);
  mux_cluster(b, 0);
  for (int16_t i = 0; i < 3; i++)
    mux_simple_block(b, 1, i, 0x80, frame, sizeof frame);
}

struct path {
  uint32_t format;
  const char *what; /* an encoder, or a CodecID                             */
};

static const struct path paths[] = {
    {KVSP_EXTRACT_RAW, "mjpeg"},      {KVSP_EXTRACT_ANNEXB, "libx264"},
    {KVSP_EXTRACT_ANNEXB, "libx265"}, {KVSP_EXTRACT_JPEG, "mjpeg"},
    {KVSP_EXTRACT_JPEG, "V_MJPEG"},   {KVSP_EXTRACT_ADTS, "A_AAC"},
    {KVSP_EXTRACT_PCM, "A_AAC"},      {KVSP_EXTRACT_PCM, "A_MS/ACM"},
    {KVSP_EXTRACT_ANNEXB, "capture"},
};

/* False: not here. */
static bool open_stream(struct bytes *b, const struct path *path) {
  static const uint8_t aac[] = {0x11, 0x90};
  static const uint8_t alaw[18] = {6,    0,    1, 0, 0x40, 0x1F, 0, 0,
                                   0x40, 0x1F, 0, 0, 1,    0,    8};
  if (!kvsp_extractor_available(path->format)) return false;
  if (strcmp(path->what, "capture") == 0) {
    if (!corpus_is_there()) return false;
    corpus_load(b, "kvs-getmedia", "output_get_media.mkv", "");
    if (b->len > 300000) b->len = 300000;
  } else if (strcmp(path->what, "V_MJPEG") == 0) {
    put_jpeg(b);
  } else if (strcmp(path->what, "A_AAC") == 0) {
    put_sound(b, path->what, aac, sizeof aac);
  } else if (strcmp(path->what, "A_MS/ACM") == 0) {
    put_sound(b, path->what, alaw, sizeof alaw);
  } else {
    if (!encode_available(path->what)) return false;
    put_video(b, path->what);
  }
  return true;
}

/* ---- faults ------------------------------------------------------------------------ */

START_TEST(each_allocation_fails_in_turn) {
  struct bytes b = {0};
  struct run sound = {.format = paths[_i].format};
  size_t number = 0;
  bool failed = true;
  if (!open_stream(&b, &paths[_i])) return;
  test_allocator_init(&sound.a);
  extract(&sound, &b);
  ck_assert_int_eq(sound.rc, KVSP_OK);
  ck_assert_uint_gt(sound.pieces, 0);
  while (failed) {
    struct run run = {.format = paths[_i].format};
    test_allocator_init(&run.a);
    run.a.fail_at = ++number;
    extract(&run, &b);
    failed = run.a.failures > 0;
    ck_assert_int_eq(run.rc, failed ? KVSP_ERR_NOMEM : KVSP_OK);
    ck_assert_uint_le(run.pieces, sound.pieces);
  }
  ck_assert_uint_gt(number, 3);
  printf("format %u, %s: %zu allocations failed\n", (unsigned)paths[_i].format,
         paths[_i].what, number - 1);
  bytes_free(&b);
}
END_TEST

START_TEST(libavutil_has_no_memory) {
  static const size_t sizes[] = {1,   24,  64,   100,  200,   300,
                                 500, 800, 2000, 8000, 40000, 100000};
  struct bytes b = {0};
  size_t faults = 0;
  if (!open_stream(&b, &paths[_i])) return;
  for (size_t i = 0; i < 3 * COUNT(sizes); i++) {
    struct run run = {.format = paths[_i].format};
    test_allocator_init(&run.a);
    run.most = sizes[i / 3];
    run.from = i % 3;
    extract(&run, &b);
    faults += run.rc == KVSP_ERR_NOMEM;
  }
  if (paths[_i].format != KVSP_EXTRACT_RAW) ck_assert_uint_gt(faults, 1);
  printf("format %u, %s: %zu shortages of libavutil\n",
         (unsigned)paths[_i].format, paths[_i].what, faults);
  bytes_free(&b);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("extract_memory");
  TCase *tc = tcase_create("no memory");
  av_log_set_level(AV_LOG_QUIET);
  if (!corpus_is_there())
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, each_allocation_fails_in_turn, 0, (int)COUNT(paths));
  tcase_add_loop_test(tc, libavutil_has_no_memory, 0, (int)COUNT(paths));
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
