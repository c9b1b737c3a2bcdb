/*
 * test_pictures_memory.c - no memory, at every place of the decode stage: each
 * allocation of ours fails in turn, on every path from bytes to pictures; and
 * libavutil's, from a size on.  Each time: the right code, which comes again,
 * no leak, and after a reset everything is as it should be.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/pictures.h>
#include <libavutil/mem.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/corpus.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FRAMES 6
/* Not more at once where memory is to become short in between. */
#define SHORT_CHUNK 500u
#define CAPTURE_HEAD 120000u

/* Paths. */

enum way { PULL, VISIT, RESERVE };

struct path {
  const char *encoder; /* NULL: the head of a real capture                 */
  int b_frames;
  size_t chunk;
  enum way way;
  uint32_t format, width, height, flags, reader_flags;
  uint64_t every;
  int64_t interval_ns;
  int with_items;
};

/* Every format, way of feeding, and kind of selection, and codecs that are
 * opened with the track, and with the first frame. */
static const struct path paths[] = {
    {"mjpeg", 0, 1000, PULL, KVSP_PICTURE_NATIVE, 0, 0, 0, 0, 0, 0, 0},
    {"mjpeg", 0, 0, VISIT, KVSP_PICTURE_GRAY8, 0, 0, 1, 0, 0, 0, 1},
    {"mjpeg", 0, 500, RESERVE, KVSP_PICTURE_RGB24, 24, 0, 1, 0, 2, 0, 0},
    {"mjpeg", 0, 7, PULL, KVSP_PICTURE_BGR24, 0, 99, 1, 0, 0, 80000000, 1},
    {"libx264", 2, 900, VISIT, KVSP_PICTURE_RGBA, 33, 21, 0, 0, 0, 0, 0},
    {"libx264", 0, 0, RESERVE, KVSP_PICTURE_BGRA, 0, 0, 1, KVSP_READ_KEY_FRAMES,
     0, 0, 0},
    {"libx264", 0, 0, PULL, KVSP_PICTURE_NATIVE, 0, 0, 0,
     KVSP_READ_STRICT | KVSP_READ_CHECK_CRC, 2, 0, 1},
    {"libx265", 2, 0, VISIT, KVSP_PICTURE_GRAY8, 0, 0, 0, 0, 0, 40000000, 0},
    {"libvpx", 0, 300, VISIT, KVSP_PICTURE_RGB24, 0, 0, 1, 0, 0, 0, 0},
    {NULL, 0, 4096, VISIT, KVSP_PICTURE_GRAY8, 160, 0, 1, 0, 0, 0, 0},
};

/* Streams. */

static void make_stream(struct bytes *b, const struct path *path) {
  struct encode_options o = {.encoder = path->encoder,
                             .width = 48,
                             .height = 32,
                             .frames = FRAMES,
                             .gop = FRAMES / 2,
                             .b_frames = path->b_frames,
                             .lengths = 1};
  struct encoded e;
  struct mux_track track;
  encode(&e, &o);
  track = video_mux_track(&e);
  video_fragment(b, &track, &e, 0);
  track.height++; /* another track: its decoder is opened anew            */
  video_fragment(b, &track, &e, 1);
  encoded_free(&e);
}

/* 1 when there is one. */
static int read_capture(struct bytes *b) {
  if (!corpus_is_there()) {
    printf("skipped: KVSPARSE_CORPUS is not set\n");
    return 0;
  }
  corpus_load(b, "kvs-getmedia", "output_get_media.mkv", "");
  ck_assert_uint_gt(b->len, CAPTURE_HEAD);
  b->len = CAPTURE_HEAD;
  return 1;
}

static int open_stream(struct bytes *b, const struct path *path) {
  if (!path->encoder) return read_capture(b);
  if (!encode_available(path->encoder)) return 0;
  make_stream(b, path);
  return 1;
}

/* Running. */

static int on_item(void *user, const kvsp_item *item) {
  (void)item;
  (*(size_t *)user)++;
  return 0;
}

static int on_picture(void *user, const kvsp_picture *picture) {
  ck_assert_ptr_nonnull(picture->plane[0]);
  (*(size_t *)user)++;
  return 0;
}

static int open_pictures(kvsp_pictures **p, const struct path *path,
                         struct test_allocator *memory, size_t *items) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  config.allocator = memory ? &memory->allocator : NULL;
  config.threads = 1;
  config.format = path->format;
  config.width = path->width;
  config.height = path->height;
  config.flags = path->flags;
  config.reader_flags = path->reader_flags;
  config.every = path->every;
  config.interval_ns = path->interval_ns;
  config.item_callback = path->with_items ? on_item : NULL;
  config.item_user = items;
  return kvsp_pictures_new(p, &config);
}

/* *len becomes what was taken. */
static int give(kvsp_pictures *p, const uint8_t *data, size_t *len,
                unsigned flags, enum way way) {
  void *room;
  size_t capacity;
  int rc;
  if (way == PULL) return kvsp_pictures_input(p, data, *len, flags);
  rc = kvsp_pictures_reserve(p, *len, &room, &capacity);
  if (rc != KVSP_OK) return rc;
  if (*len > capacity) *len = capacity;
  if (*len > 0) memcpy(room, data, *len);
  return kvsp_pictures_commit(p, *len, flags);
}

/* KVSP_OK, KVSP_END, an error. */
static int feed_piece(kvsp_pictures *p, const uint8_t *data, size_t *len,
                      unsigned flags, enum way way, size_t *seen) {
  const kvsp_picture *picture;
  int rc;
  if (way == VISIT)
    return kvsp_pictures_visit(p, data, *len, flags, on_picture, seen);
  rc = give(p, data, len, flags, way);
  while (rc == KVSP_OK) {
    rc = kvsp_pictures_next(p, &picture);
    if (rc == KVSP_OK) on_picture(seen, picture);
  }
  return rc == KVSP_NEED_INPUT ? KVSP_OK : rc;
}

/* From the byte from on, libavutil gives nothing that is larger than most. */
struct shortage {
  size_t from;
  size_t most;
};

static int feed(kvsp_pictures *p, const struct path *path,
                const struct bytes *b, const struct shortage *shortage,
                size_t *seen) {
  size_t chunk = path->chunk ? path->chunk : b->len;
  size_t at = 0, none = 0;
  int rc = KVSP_OK;
  if (shortage && chunk > SHORT_CHUNK) chunk = SHORT_CHUNK;
  *seen = 0;
  while (rc == KVSP_OK && at < b->len) {
    size_t n = b->len - at < chunk ? b->len - at : chunk;
    if (shortage && at >= shortage->from) av_max_alloc(shortage->most);
    rc = feed_piece(p, b->data + at, &n, 0, path->way, seen);
    at += n;
  }
  if (rc == KVSP_OK)
    rc = feed_piece(p, NULL, &none, KVSP_FINAL, path->way, seen);
  av_max_alloc(INT_MAX);
  return rc;
}

/* What a run without faults gives. */
static size_t count_pictures(const struct path *path, const struct bytes *b) {
  kvsp_pictures *p;
  size_t seen, items = 0;
  ck_assert_int_eq(open_pictures(&p, path, NULL, &items), KVSP_OK);
  ck_assert_int_eq(feed(p, path, b, NULL, &seen), KVSP_END);
  kvsp_pictures_free(p);
  ck_assert_uint_gt(seen, 0);
  ck_assert(!path->with_items || items > 0);
  return seen;
}

/* Once there was no memory, nothing but a reset helps. */
static void expect_stuck(kvsp_pictures *p, int fed) {
  const kvsp_picture *picture;
  if (!fed) return; /* reserve failed: nothing happened                    */
  ck_assert_int_eq(kvsp_pictures_next(p, &picture), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(picture);
  ck_assert_int_eq(kvsp_pictures_input(p, "", 0, 0), KVSP_ERR_STATE);
}

/* Our own allocations. */

/* The number-th allocation fails; 0 when there are fewer. */
static int inject(const struct path *path, const struct bytes *b,
                  size_t pictures, size_t number, int with_reset) {
  struct test_allocator memory;
  kvsp_pictures *p;
  size_t seen = 0, items = 0;
  int rc;
  test_allocator_init(&memory);
  memory.fail_at = number;
  rc = open_pictures(&p, path, &memory, &items);
  if (rc == KVSP_OK) {
    rc = feed(p, path, b, NULL, &seen);
    if (rc == KVSP_ERR_NOMEM) expect_stuck(p, path->way != RESERVE);
    ck_assert_int_eq(kvsp_pictures_reset(p), KVSP_OK);
    memory.fail_at = 0;
    if (with_reset) {
      ck_assert_int_eq(feed(p, path, b, NULL, &seen), KVSP_END);
      ck_assert_uint_eq(seen, pictures);
    }
  }
  ck_assert_int_eq(rc, memory.failures ? KVSP_ERR_NOMEM : KVSP_END);
  kvsp_pictures_free(p);
  ck_assert_uint_eq(memory.live_blocks, 0);
  return memory.failures > 0;
}

START_TEST(each_allocation_fails_in_turn) {
  const struct path *path = &paths[_i];
  struct bytes b = {0};
  size_t pictures, number = 1;
  if (!open_stream(&b, path)) return;
  pictures = count_pictures(path, &b);
  while (inject(path, &b, pictures, number, path->encoder != NULL)) number++;
  ck_assert_uint_gt(number, 10);
  printf("path %d (%s): %zu faults\n", _i,
         path->encoder ? path->encoder : "capture", number - 1);
  bytes_free(&b);
}
END_TEST

/* 1 when that made a difference. */
static int inject_shortage(const struct path *path, const struct bytes *b,
                           size_t pictures, const struct shortage *shortage) {
  struct test_allocator memory;
  kvsp_pictures *p;
  size_t seen = 0, items = 0, seen_again = 0;
  int rc;
  test_allocator_init(&memory);
  ck_assert_int_eq(open_pictures(&p, path, &memory, &items), KVSP_OK);
  rc = feed(p, path, b, shortage, &seen);
  if (rc == KVSP_ERR_NOMEM) expect_stuck(p, path->way != RESERVE);
  /* A decoder may call it something else, or do with less. */
  ck_assert(rc == KVSP_ERR_NOMEM || rc == KVSP_END);
  ck_assert_int_eq(kvsp_pictures_reset(p), KVSP_OK);
  ck_assert_int_eq(feed(p, path, b, NULL, &seen_again), KVSP_END);
  ck_assert_uint_eq(seen_again, pictures);
  kvsp_pictures_free(p);
  ck_assert_uint_eq(memory.live_blocks, 0);
  return rc == KVSP_ERR_NOMEM || seen < pictures;
}

/* libavutil's, from a size on: what lib/av takes from there (packets, frames,
 * buffers, extradata, contexts) and what the libraries take for themselves;
 * from the beginning, and when decoders are open already. */
START_TEST(libavutil_has_no_memory) {
  static const size_t sizes[] = {1,   24,   64,   100,  200,  300,   500,   600,
                                 800, 1000, 2000, 4000, 8000, 16000, 100000};
  const struct path *path = &paths[_i];
  struct bytes b = {0};
  /* Real pictures take their time. */
  size_t pictures, faults = 0, step = path->encoder ? 1 : 7;
  if (!open_stream(&b, path)) return;
  pictures = count_pictures(path, &b);
  for (size_t i = 0; i < 3 * COUNT(sizes); i += step) {
    struct shortage shortage = {b.len * (i % 3) / 3, sizes[i / 3]};
    faults += (size_t)inject_shortage(path, &b, pictures, &shortage);
  }
  ck_assert_uint_gt(faults, 2);
  printf("path %d (%s): %zu shortages of libavutil\n", _i,
         path->encoder ? path->encoder : "capture", faults);
  bytes_free(&b);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("pictures_memory");
  TCase *tc = tcase_create("no memory");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, each_allocation_fails_in_turn, 0, (int)COUNT(paths));
  tcase_add_loop_test(tc, libavutil_has_no_memory, 0, (int)COUNT(paths));
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
