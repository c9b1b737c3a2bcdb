/*
 * test_limits.c - each limit, wherever it can be met: its code and its place;
 * raised, the call is repeated and nothing is lost; a reader that recovers
 * leaves out what is beyond it.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/build.h"
#include "support/damage.h"
#include "support/event_text.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

/* ---- streams -------------------------------------------------------- */

/* A document in which most limits can be exceeded on their own. */
static void put_large_things(struct bytes *b) {
  char name[2001];
  const struct mux_tag tags[] = {
      {"first", "1"}, {"large", name}, {"last", "3"}};
  const struct mux_track tracks[] = {
      {.number = 1,
       .type = KVSP_TRACK_VIDEO,
       .codec_id = "V_AV1",
       .codec_private = name,
       .codec_private_len = 2000,
       .width = 16,
       .height = 16,
       .name = name},
      {.number = 2, .type = KVSP_TRACK_AUDIO, .codec_id = "A_AAC"},
  };
  struct bytes block = {0};
  size_t group;
  memset(name, 'x', 2000);
  name[2000] = '\0';
  mux_document(b);
  mux_info(b, 0);
  mux_tracks(b, tracks, 2);
  mux_tags(b, tags, 3);
  mux_cluster(b, 0);
  build_frame(b, 1, 0, 0x80, 100, 1);
  build_frame(b, 1, 10, 0x80, 5000, 2);
  build_append_payload(&block, 6000, 3);
  memcpy(block.data, "\x81\0\x14\0", 4);
  group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  mux_end(b, group);
  bytes_free(&block);
  build_frame(b, 1, 30, 0x80, 100, 4);
  mux_tags(b, tags, 3);
}

#define NESTED 40

/* Tags inside tags, the innermost with a binary value. */
static void put_nested_tags(struct bytes *b) {
  static const uint8_t value[300] = {1};
  size_t begins[NESTED], tags, tag;
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  tags = mux_begin(b, KVSP_ID_TAGS);
  tag = mux_begin(b, KVSP_ID_TAG);
  for (int i = 0; i < NESTED; i++) {
    begins[i] = mux_begin(b, KVSP_ID_SIMPLE_TAG);
    mux_string(b, KVSP_ID_TAG_NAME, "name");
  }
  mux_binary(b, KVSP_ID_TAG_BINARY, value, sizeof value);
  for (int i = NESTED; i-- > 0;) mux_end(b, begins[i]);
  mux_end(b, tag);
  mux_end(b, tags);
  mux_cluster(b, 0);
  build_frame(b, 1, 0, 0x80, 100, 1);
}

/* Frames of four tracks that nobody declared, two of them in groups. */
static void put_undeclared_tracks(struct bytes *b) {
  mux_document(b);
  mux_info(b, 0);
  mux_cluster(b, 0);
  for (uint64_t number = 1; number <= 4; number++) {
    struct bytes block = {0};
    size_t group;
    if (number <= 2) {
      build_frame(b, number, 0, 0x80, 50, 1);
      continue;
    }
    build_block(&block, number, 0, 0, "frame", 5);
    group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
    mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
    mux_end(b, group);
    bytes_free(&block);
  }
}

/* Each lacing once, in 1000 bytes and some. */
static void put_laces(struct bytes *b) {
  static const size_t sizes[] = {600, 200, 200}, equal[] = {333, 333, 333};
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  mux_cluster(b, 0);
  build_laced(b, 1, 0, KVSP_LACING_XIPH, sizes, 3, 1);
  build_laced(b, 1, 10, KVSP_LACING_FIXED, equal, 3, 4);
  build_laced(b, 2, 20, KVSP_LACING_EBML, sizes, 3, 7);
  build_frame(b, 1, 30, 0x80, 100, 10);
}

static void put_zlib_frames(struct bytes *b) {
  build_encoded(b, 200);
}

static void put_large_private(struct bytes *b) {
  build_encoded_head(b, 4000);
  build_frame(b, 2, 0, 0x80, 100, 1);
}

/* ---- the limits ----------------------------------------------------- */

struct limit_case {
  void (*build)(struct bytes *b);
  int status;
  uint64_t low;      /* is met */
  uint64_t enough;   /* one less is met, too */
  uint64_t id;       /* the element that is beyond low first */
  const char *order; /* of a reader that leaves out what is beyond low */
  uint32_t flags;    /* KVSP_READ_* */
  bool tokenizer;    /* which meets it as well */
};

#define DECOMPRESSED KVSP_READ_DECOMPRESS

static const struct limit_case cases[] = {
    {put_large_things, KVSP_ERR_LIMIT_DEPTH, 3, 4, KVSP_ID_VIDEO, "ggFffffgtE",
     0, true},
    {put_nested_tags, KVSP_ERR_LIMIT_DEPTH, 16, NESTED + 3, KVSP_ID_SIMPLE_TAG,
     "gFfE", 0, true},
    {put_large_things, KVSP_ERR_LIMIT_TRACKS, 1, 2, KVSP_ID_TRACK_ENTRY,
     "gFfffftE", 0, false},
    {put_undeclared_tracks, KVSP_ERR_LIMIT_TRACKS, 1, 4, KVSP_ID_SIMPLE_BLOCK,
     "FfgggE", 0, false},
    {put_undeclared_tracks, KVSP_ERR_LIMIT_TRACKS, 2, 4, KVSP_ID_BLOCK_GROUP,
     "FffggE", 0, false},
    {put_undeclared_tracks, KVSP_ERR_LIMIT_TRACKS, 1, 4, KVSP_ID_SIMPLE_BLOCK,
     "FfgggE", KVSP_READ_NO_DATA, false},
    {put_large_things, KVSP_ERR_LIMIT_TAGS, 5, 6, KVSP_ID_SIMPLE_TAG,
     "FffffgtE", 0, false},
    {put_nested_tags, KVSP_ERR_LIMIT_TAGS, 3, NESTED, KVSP_ID_SIMPLE_TAG,
     "gFfE", 0, false},
    {put_large_things, KVSP_ERR_LIMIT_VALUE, 1000, 2000, KVSP_ID_NAME,
     "gggFffffgtE", 0, true},
    {put_nested_tags, KVSP_ERR_LIMIT_VALUE, 100, 300, KVSP_ID_TAG_BINARY,
     "gFfE", 0, false},
    {put_large_private, KVSP_ERR_LIMIT_VALUE, 5000, 6509, KVSP_ID_CODEC_PRIVATE,
     "ggFfE", 0, false},
    {put_large_private, KVSP_ERR_LIMIT_VALUE, 7000, 258 * 4000 + 1,
     KVSP_ID_TRACK_ENTRY, "gFfE", DECOMPRESSED, false},
    {put_large_things, KVSP_ERR_LIMIT_FRAME, 3000, 6003, KVSP_ID_SIMPLE_BLOCK,
     "FfggftE", 0, true},
    {put_large_things, KVSP_ERR_LIMIT_FRAME, 5500, 6003, KVSP_ID_BLOCK_GROUP,
     "FffgftE", 0, true},
    {put_large_things, KVSP_ERR_LIMIT_FRAME, 5500, 6003, KVSP_ID_BLOCK_GROUP,
     "FffgftE", KVSP_READ_NO_DATA, true},
    {put_laces, KVSP_ERR_LIMIT_FRAME, 900, 1009, KVSP_ID_SIMPLE_BLOCK, "FgggfE",
     0, true},
    {put_laces, KVSP_ERR_LIMIT_FRAME, 900, 1009, KVSP_ID_SIMPLE_BLOCK, "FgggfE",
     KVSP_READ_NO_DATA, true},
    {put_zlib_frames, KVSP_ERR_LIMIT_FRAME, 2000, 258 * 200 + 1, KVSP_ID_BLOCK,
     "FfffgggfE", DECOMPRESSED, false},
};
#define CASES (int)(sizeof cases / sizeof *cases)

static bool is_possible(const struct limit_case *c) {
  return c->flags != DECOMPRESSED || kvsp_features() & KVSP_FEATURE_ZLIB;
}

static kvsp_limits no_limits(void) {
  kvsp_limits limits = {.struct_size = sizeof limits,
                        .max_depth = UINT32_MAX,
                        .max_tracks = UINT32_MAX,
                        .max_tags = UINT32_MAX,
                        .max_value = UINT64_MAX,
                        .max_frame = UINT64_MAX,
                        .max_memory = UINT64_MAX};
  return limits;
}

/* No limit but one. */
static kvsp_limits limited(int status, uint64_t value) {
  kvsp_limits limits = no_limits();
  switch (status) {
    case KVSP_ERR_LIMIT_DEPTH: limits.max_depth = (uint32_t)value; break;
    case KVSP_ERR_LIMIT_TRACKS: limits.max_tracks = (uint32_t)value; break;
    case KVSP_ERR_LIMIT_TAGS: limits.max_tags = (uint32_t)value; break;
    case KVSP_ERR_LIMIT_VALUE: limits.max_value = value; break;
    case KVSP_ERR_LIMIT_FRAME: limits.max_frame = value; break;
    default: limits.max_memory = value; break;
  }
  return limits;
}

static kvsp_reader_config config_of(uint32_t flags, const kvsp_limits *limits) {
  kvsp_reader_config config = {
      .struct_size = sizeof config, .limits = limits, .flags = flags};
  return config;
}

/* ---- raising them, and going on ------------------------------------- */

/* A reader that is stopped by one limit again and again. */
struct stopped {
  int status;
  kvsp_limits tight; /* of memory: raised a little each time */
  bool raised;       /* the next item comes without limits */
  size_t times;
  kvsp_error_info first;
  kvsp_reader *r;
  struct recorder recorder;
};

#define MEMORY_STEP 48u

static void set_limits(struct stopped *s, const kvsp_limits *limits) {
  ck_assert_int_eq(kvsp_reader_set_limits(s->r, limits), KVSP_OK);
}

static bool is_stop(struct stopped *s, int rc) {
  const kvsp_limits none = no_limits();
  const kvsp_error_info *error = kvsp_reader_error(s->r);
  if (rc != s->status) return false;
  ck_assert_int_eq(error->status, rc);
  ck_assert_uint_gt(strlen(error->message), 10);
  if (s->times++ == 0) s->first = *error;
  ck_assert_uint_lt(s->times, 1000000);
  s->raised = rc != KVSP_ERR_LIMIT_MEMORY;
  s->tight.max_memory += MEMORY_STEP; /* too much to be raised: see no_limits */
  if (s->raised) s->tight.max_memory = UINT64_MAX;
  set_limits(s, s->raised ? &none : &s->tight);
  return true;
}

static void lower_again(struct stopped *s) {
  if (s->raised) set_limits(s, &s->tight);
  s->raised = false;
}

static int next_item(struct stopped *s, const kvsp_item **item) {
  int rc = kvsp_reader_next(s->r, item);
  if (rc == s->status) ck_assert_int_eq(kvsp_reader_next(s->r, item), rc);
  while (is_stop(s, rc)) rc = kvsp_reader_next(s->r, item);
  if (rc == KVSP_OK) ck_assert_int_eq(kvsp_reader_error(s->r)->status, KVSP_OK);
  lower_again(s);
  return rc;
}

static int drain(struct stopped *s) {
  const kvsp_item *item;
  int rc = next_item(s, &item);
  for (; rc == KVSP_OK; rc = next_item(s, &item))
    record_item(&s->recorder, item);
  return rc;
}

/* One item without limits, then again with them. */
static int on_item(void *user, const kvsp_item *item) {
  struct stopped *s = user;
  record_item(&s->recorder, item);
  return s->raised ? KVSP_PAUSED : 0;
}

static int visit(struct stopped *s, const uint8_t *data, size_t len,
                 unsigned flags) {
  int rc = kvsp_reader_visit(s->r, data, len, flags, on_item, s);
  while (rc == KVSP_PAUSED || is_stop(s, rc)) {
    if (rc == KVSP_PAUSED) lower_again(s);
    rc = kvsp_reader_visit(s->r, NULL, 0, 0, on_item, s);
  }
  lower_again(s);
  return rc == KVSP_OK ? KVSP_NEED_INPUT : rc;
}

/* *n is what is left, then what was taken. */
static int commit(struct stopped *s, const uint8_t *data, size_t *n,
                  size_t chunk) {
  size_t capacity = 0, left = *n;
  void *room = NULL;
  int rc = kvsp_reader_reserve(s->r, chunk, &room, &capacity);
  while (is_stop(s, rc))
    rc = kvsp_reader_reserve(s->r, chunk, &room, &capacity);
  ck_assert_int_eq(rc, KVSP_OK);
  lower_again(s);
  if (*n > chunk) *n = chunk;
  if (*n > capacity) *n = capacity;
  memcpy(room, data, *n);
  ck_assert_int_eq(kvsp_reader_commit(s->r, *n, *n == left ? KVSP_FINAL : 0),
                   KVSP_OK);
  return drain(s);
}

static int lend(struct stopped *s, enum feed_way way, const uint8_t *data,
                size_t len, unsigned flags) {
  uint8_t *piece = guard_lend(data, len);
  int rc = KVSP_OK;
  if (way == FEED_VISIT) {
    rc = visit(s, piece, len, flags);
  } else {
    ck_assert_int_eq(kvsp_reader_input(s->r, piece, len, flags), KVSP_OK);
    rc = drain(s);
  }
  guard_take_back(piece, len);
  return rc;
}

static int feed_raising(struct stopped *s, enum feed_way way,
                        const struct bytes *b, size_t chunk) {
  size_t at = 0;
  int rc = KVSP_NEED_INPUT;
  while (rc == KVSP_NEED_INPUT) {
    size_t n = b->len - at;
    if (way == FEED_RESERVE) {
      rc = commit(s, b->data + at, &n, chunk);
    } else {
      if (n > chunk) n = chunk;
      rc = lend(s, way, b->data + at, n, at + n == b->len ? KVSP_FINAL : 0);
    }
    at += n;
  }
  record_status(&s->recorder, s->r, rc);
  return rc;
}

/* The limit is met, and raised where it is; all items come. */
static void expect_all_items(const struct limit_case *c, enum feed_way way,
                             size_t chunk, const struct bytes *b,
                             struct recorder *whole) {
  struct stopped s = {.status = c->status, .tight = limited(c->status, c->low)};
  kvsp_reader_config config = config_of(c->flags | KVSP_READ_STRICT, &s.tight);
  uint64_t id = 0;
  ck_assert_int_eq(kvsp_reader_new(&s.r, &config), KVSP_OK);
  ck_assert_int_eq(feed_raising(&s, way, b, chunk), KVSP_END);
  ck_assert_uint_gt(s.times, 0);
  ck_assert_uint_eq(s.first.element_id, c->id);
  if (c->id != KVSP_ID_BLOCK) { /* a frame has no header of its own */
    kvsp_view v = {b->data + s.first.offset, 8};
    ck_assert_int_gt(kvsp_ebml_read_id(v, &id), 0);
    ck_assert_uint_eq(id, c->id);
  }
  ck_assert_msg(
      texts_equal(recorder_text(whole), recorder_text(&s.recorder), "raised"),
      "way %d, chunks of %zu", (int)way, chunk);
  kvsp_reader_free(s.r);
  recorder_clear(&s.recorder);
}

/* _i is the case. */
START_TEST(strict_readers_are_stopped) {
  static const size_t chunks[] = {1, 7, 100, 4096, 1000000};
  const struct limit_case *c = &cases[_i];
  const kvsp_limits none = no_limits();
  kvsp_reader_config config = config_of(c->flags, &none);
  struct recorder whole = {0};
  struct bytes b = {0};
  if (!is_possible(c)) return;
  c->build(&b);
  record_stream(&config, FEED_PULL, b.data, b.len, 0, &whole);
  ck_assert_ptr_null(strchr(recorder_order(&whole), 'g'));
  for (int way = FEED_PULL; way <= FEED_RESERVE; way++)
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
      expect_all_items(c, (enum feed_way)way, chunks[i], &b, &whole);
  recorder_clear(&whole);
  bytes_free(&b);
}
END_TEST

static int status_with(const struct limit_case *c, const struct bytes *b,
                       uint64_t value) {
  kvsp_limits limits = limited(c->status, value);
  kvsp_reader_config config = config_of(c->flags | KVSP_READ_STRICT, &limits);
  struct recorder recorder = {0};
  int rc = record_stream(&config, FEED_PULL, b->data, b->len, 0, &recorder);
  recorder_clear(&recorder);
  return rc;
}

/* What is as large as the limit is not beyond it. */
START_TEST(limits_are_exact) {
  const struct limit_case *c = &cases[_i];
  struct bytes b = {0};
  if (!is_possible(c)) return;
  c->build(&b);
  ck_assert_int_eq(status_with(c, &b, c->enough), KVSP_END);
  ck_assert_int_eq(status_with(c, &b, c->enough - 1), c->status);
  ck_assert_int_eq(status_with(c, &b, c->low), c->status);
  bytes_free(&b);
}
END_TEST

/* ---- leaving out what is beyond them -------------------------------- */

/* The items of the stream without limits, but those that are left out. */
START_TEST(readers_leave_out_what_is_beyond) {
  const struct limit_case *c = &cases[_i];
  kvsp_limits limits = limited(c->status, c->low);
  kvsp_reader_config config = config_of(c->flags, &limits);
  struct recorder recorder = {0};
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  int rc;
  if (!is_possible(c)) return;
  c->build(&b);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  rc = kvsp_reader_next(r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(r, &item)) {
    record_item(&recorder, item);
    if (item->type != KVSP_ITEM_GAP) continue;
    ck_assert_int_eq(item->gap->status, c->status);
    ck_assert_uint_gt(item->gap->to, item->gap->from);
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_int_eq(kvsp_reader_error(r)->status, KVSP_OK);
  kvsp_reader_free(r);
  ck_assert_str_eq(recorder_order(&recorder), c->order);
  for (size_t chunk = 1; chunk < 5000; chunk = chunk * 5 + 2) {
    for (int way = 0; way < FEED_WAYS; way++) {
      struct recorder cut = {0};
      record_stream(&config, (enum feed_way)way, b.data, b.len, chunk, &cut);
      ck_assert_str_eq(recorder_order(&cut), c->order);
      recorder_clear(&cut);
    }
  }
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* A tag or a track that has one value too large keeps the others. */
START_TEST(large_value_leaves_the_rest) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_value = 1000};
  kvsp_reader_config config = config_of(0, &limits);
  struct bytes b = {0};
  const kvsp_fragment *f = NULL;
  const kvsp_item *item;
  kvsp_reader *r;
  put_large_things(&b);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK && f == NULL) f = item->fragment;
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(f->tracks[0]->width, 16);
  ck_assert_uint_eq(f->tracks[0]->codec_id.len, 5);
  ck_assert_uint_eq(f->tracks[0]->codec_private.len, 0);
  ck_assert_ptr_null(f->tracks[0]->name.data);
  ck_assert_ptr_nonnull(kvsp_fragment_tag(f, "first"));
  ck_assert_ptr_nonnull(kvsp_fragment_tag(f, "last"));
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* A CodecPrivate that would be too large stays as it is stored. */
START_TEST(large_private_stays_compressed) {
  const kvsp_limits limits = limited(KVSP_ERR_LIMIT_VALUE, 7000);
  kvsp_reader_config config = config_of(KVSP_READ_DECOMPRESS, &limits);
  struct bytes b = {0}, stored = {0};
  const kvsp_track *track;
  const kvsp_item *item;
  kvsp_reader *r;
  if (!(kvsp_features() & KVSP_FEATURE_ZLIB)) return;
  build_zlib_zeros(&stored, 4000);
  put_large_private(&b);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_uint_eq(item->type, KVSP_ITEM_GAP);
  ck_assert_uint_eq(item->gap->element_id, KVSP_ID_TRACK_ENTRY);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_uint_eq(item->type, KVSP_ITEM_FRAGMENT);
  ck_assert_uint_eq(item->fragment->track_count, 2);
  track = item->fragment->tracks[0];
  ck_assert_uint_eq(track->codec_private.len, stored.len);
  ck_assert_int_eq(memcmp(track->codec_private.data, stored.data, stored.len),
                   0);
  ck_assert_uint_eq(item->fragment->tracks[1]->codec_private.len,
                    stored.len + 4);
  kvsp_reader_free(r);
  bytes_free(&b);
  bytes_free(&stored);
}
END_TEST

/* max_frame is about Blocks and groups only, however low it is. */
START_TEST(other_elements_are_no_frames) {
  static const uint8_t data[2000] = {0};
  const struct mux_track track = {.number = 1,
                                  .type = KVSP_TRACK_VIDEO,
                                  .codec_id = "V_AV1",
                                  .codec_private = data,
                                  .codec_private_len = 2000};
  const kvsp_limits limits = limited(KVSP_ERR_LIMIT_FRAME, 20);
  kvsp_reader_config config = config_of(_i ? KVSP_READ_STRICT : 0, &limits);
  struct recorder recorder = {0};
  struct bytes b = {0};
  mux_document(&b);
  mux_info(&b, 0);
  mux_tracks(&b, &track, 1);
  mux_binary(&b, KVSP_ID_VOID, data, 2000);
  mux_binary(&b, STREAM_ID_UNKNOWN_4, data, 2000);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  mux_binary(&b, KVSP_ID_CUES, data, 2000);
  ck_assert_int_eq(
      record_stream(&config, FEED_PULL, b.data, b.len, 100, &recorder),
      KVSP_END);
  ck_assert_str_eq(recorder_order(&recorder), "FfE");
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* ---- the tokenizer -------------------------------------------------- */

struct stopped_tokenizer {
  int status;
  kvsp_limits tight;
  size_t times;
};

static void note_stop(struct stopped_tokenizer *s, kvsp_tokenizer *t) {
  const kvsp_limits none = no_limits();
  ck_assert_int_eq(kvsp_tokenizer_error(t)->status, s->status);
  ck_assert_uint_lt(s->times++, 1000000);
  s->tight.max_memory += MEMORY_STEP;
  if (s->status != KVSP_ERR_LIMIT_MEMORY) s->tight.max_memory = UINT64_MAX;
  ck_assert_int_eq(
      kvsp_tokenizer_set_limits(
          t, s->status == KVSP_ERR_LIMIT_MEMORY ? &s->tight : &none),
      KVSP_OK);
}

static int collect(struct stopped_tokenizer *s, kvsp_tokenizer *t,
                   uint64_t size) {
  int rc = kvsp_tokenizer_collect(t, size);
  if (rc != s->status) return rc;
  ck_assert_int_eq(kvsp_tokenizer_collect(t, size), rc);
  note_stop(s, t);
  return kvsp_tokenizer_collect(t, size);
}

/* After each event the limit is as low as it was. */
static int on_event(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                    uint64_t fed) {
  struct stopped_tokenizer *s = user;
  int rc = KVSP_OK;
  (void)fed;
  ck_assert_int_eq(kvsp_tokenizer_error(t)->status, KVSP_OK);
  if (e->type == KVSP_EVENT_BLOB_BEGIN ||
      (e->type == KVSP_EVENT_MASTER_BEGIN && e->id == KVSP_ID_BLOCK_GROUP))
    rc = collect(s, t, e->size);
  ck_assert_int_eq(kvsp_tokenizer_set_limits(t, &s->tight), KVSP_OK);
  return rc;
}

static int on_stop(void *user, kvsp_tokenizer *t, int status) {
  struct stopped_tokenizer *s = user;
  if (status != s->status) return status;
  note_stop(s, t);
  return KVSP_OK;
}

static void tokenize(const kvsp_limits *limits, struct stopped_tokenizer *s,
                     enum feeding how, size_t piece, const struct bytes *b,
                     struct event_text *text) {
  kvsp_tokenizer_config config = {.struct_size = sizeof config,
                                  .limits = limits};
  struct feed how_to_feed = {.how = how,
                             .piece = piece,
                             .hook = on_event,
                             .on_error = on_stop,
                             .user = s};
  kvsp_tokenizer *t = NULL;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  ck_assert_int_eq(event_text_run(text, t, b, &how_to_feed), KVSP_END);
  kvsp_tokenizer_free(t);
}

static void expect_all_events(int status, uint64_t low, const struct bytes *b) {
  static const size_t pieces[] = {0, 1, 7, 1000};
  const kvsp_limits none = no_limits();
  for (int how = FEED_LEND; how <= FEED_COMMIT; how++) {
    for (size_t i = 0; i < 4; i++) {
      struct stopped_tokenizer free_one = {.status = 1, .tight = none};
      struct stopped_tokenizer s = {.status = status,
                                    .tight = limited(status, low)};
      struct event_text whole = {0}, got = {0};
      tokenize(&none, &free_one, (enum feeding)how, pieces[i], b, &whole);
      tokenize(&s.tight, &s, (enum feeding)how, pieces[i], b, &got);
      ck_assert_uint_gt(s.times, 0);
      ck_assert_str_eq(event_text_get(&whole), event_text_get(&got));
      event_text_free(&whole);
      event_text_free(&got);
    }
  }
}

START_TEST(tokenizers_are_stopped) {
  const struct limit_case *c = &cases[_i];
  struct bytes b = {0};
  if (!c->tokenizer) return;
  c->build(&b);
  expect_all_events(c->status, c->low, &b);
  bytes_free(&b);
}
END_TEST

/* ---- memory --------------------------------------------------------- */

/* The least with which an object can be made. */
static uint64_t least_memory(uint32_t flags, bool is_reader) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_reader_config config = config_of(flags, &limits);
  kvsp_tokenizer_config small = {.struct_size = sizeof small,
                                 .limits = &limits};
  kvsp_tokenizer *t = NULL;
  kvsp_reader *r = NULL;
  do {
    limits.max_memory++;
  } while ((is_reader ? kvsp_reader_new(&r, &config)
                      : kvsp_tokenizer_new(&t, &small)) != KVSP_OK);
  kvsp_reader_free(r);
  kvsp_tokenizer_free(t);
  return limits.max_memory;
}

/* Each allocation is refused at first, some several times. */
static void raise_memory(uint32_t flags, enum feed_way way, size_t chunk,
                         const struct bytes *b) {
  const kvsp_limits none = no_limits();
  kvsp_reader_config config = config_of(flags, &none);
  struct stopped s = {.status = KVSP_ERR_LIMIT_MEMORY};
  struct recorder whole = {0};
  int rc = record_stream(&config, FEED_PULL, b->data, b->len, 0, &whole);
  s.tight = limited(s.status, least_memory(flags, true));
  config.limits = &s.tight;
  ck_assert_int_eq(kvsp_reader_new(&s.r, &config), KVSP_OK);
  ck_assert_int_eq(feed_raising(&s, way, b, chunk), rc);
  ck_assert_msg(texts_equal(recorder_text(&whole), recorder_text(&s.recorder),
                            "with little memory"),
                "flags %u, way %d, chunks of %zu", flags, (int)way, chunk);
  if (rc == KVSP_END) ck_assert_uint_gt(s.times, 20);
  kvsp_reader_free(s.r);
  recorder_clear(&s.recorder);
  recorder_clear(&whole);
}

typedef void (*builder)(struct bytes *b);
static const builder builders[] = {build_everything, put_large_things,
                                   put_nested_tags, put_zlib_frames,
                                   stream_sample};
#define BUILDERS (int)(sizeof builders / sizeof *builders)

/* _i is the stream. */
START_TEST(memory_is_raised_anywhere) {
  static const uint32_t flags[] = {
      0, KVSP_READ_STRICT,
      KVSP_READ_DECOMPRESS | KVSP_READ_CHECK_CRC | KVSP_READ_ENTRIES,
      KVSP_READ_NO_DATA};
  static const size_t chunks[] = {7, 100, 1000, 1000000};
  struct bytes b = {0};
  builders[_i](&b);
  for (int way = FEED_PULL; way <= FEED_RESERVE; way++)
    for (size_t i = 0; i < 4; i++)
      for (size_t j = 0; j < 4; j++)
        raise_memory(flags[i], (enum feed_way)way, chunks[j], &b);
  bytes_free(&b);
}
END_TEST

START_TEST(memory_is_raised_in_the_tokenizer) {
  struct bytes b = {0};
  if (builders[_i] == build_everything) return; /* it has faults */
  builders[_i](&b);
  expect_all_events(KVSP_ERR_LIMIT_MEMORY, least_memory(0, false), &b);
  bytes_free(&b);
}
END_TEST

/* What is held in doubt, and looked into, is so with little memory too. */
START_TEST(memory_is_raised_in_damaged_streams) {
  struct damage d = {.random = 4};
  struct bytes b = {0};
  build_everything(&b);
  for (unsigned i = 0; i < 90; i++) {
    size_t at = damage_random(&d.random, b.len - 3000);
    switch (i % 3) {
      case 0: damage_flip(&d, &b, at, i % 8); break;
      case 1: damage_drop(&d, &b, at, at + 2000); break;
      default: damage_overwrite(&d, &b, at, 100); break;
    }
    raise_memory(i % 2 ? KVSP_READ_CHECK_CRC : 0, (enum feed_way)(i / 3 % 3),
                 i % 5 ? 1000 : 13, &d.data);
  }
  damage_free(&d);
  bytes_free(&b);
}
END_TEST

/* ---- by default, and beyond reason ---------------------------------- */

static int status_by_default(const struct bytes *b) {
  kvsp_reader_config config = config_of(KVSP_READ_STRICT, NULL);
  struct recorder recorder = {0};
  int rc = record_stream(&config, FEED_PULL, b->data, b->len, 0, &recorder);
  recorder_clear(&recorder);
  return rc;
}

static void append_tracks(struct bytes *b, unsigned count) {
  size_t tracks;
  mux_document(b);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  for (unsigned i = 1; i <= count; i++) {
    size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
    mux_uint(b, KVSP_ID_TRACK_NUMBER, i);
    mux_end(b, entry);
  }
  mux_end(b, tracks);
}

static void append_tags(struct bytes *b, unsigned count) {
  const struct mux_tag tag = {"name", "value"};
  mux_document(b);
  for (; count > 0; count--) mux_tags(b, &tag, 1);
}

/* Only declared: what is behind the header never comes. */
static void append_large(struct bytes *b, uint64_t id, uint64_t size) {
  mux_document(b);
  mux_cluster(b, 0);
  stream_header(b, id, size, 0);
}

/* Each limit is there without being asked for. */
START_TEST(limits_by_default) {
  static const int statuses[] = {KVSP_ERR_LIMIT_DEPTH, KVSP_ERR_LIMIT_TRACKS,
                                 KVSP_ERR_LIMIT_TAGS,  KVSP_ERR_LIMIT_VALUE,
                                 KVSP_ERR_LIMIT_FRAME, KVSP_ERR_LIMIT_FRAME};
  struct bytes b[6] = {{0}}, within[6] = {{0}};
  put_nested_tags(&b[0]);
  append_tracks(&b[1], 65);
  append_tracks(&within[1], 64);
  append_tags(&b[2], 257);
  append_tags(&within[2], 256);
  mux_document(&b[3]);
  stream_header(&b[3], KVSP_ID_INFO, (1u << 20) + 100, 4);
  stream_header(&b[3], KVSP_ID_TITLE, (1u << 20) + 1, 4);
  append_large(&b[4], KVSP_ID_SIMPLE_BLOCK, (64u << 20) + 1);
  append_large(&b[5], KVSP_ID_BLOCK_GROUP, (64u << 20) + 1);
  append_large(&within[4], KVSP_ID_SIMPLE_BLOCK, 64u << 20);
  append_large(&within[5], KVSP_ID_BLOCK_GROUP, 64u << 20);
  for (int i = 0; i < 6; i++) {
    ck_assert_int_eq(status_by_default(&b[i]), statuses[i]);
    if (within[i].len)
      ck_assert_int_eq(status_by_default(&within[i]),
                       i < 4 ? KVSP_END : KVSP_ERR_TRUNCATED);
    bytes_free(&b[i]);
    bytes_free(&within[i]);
  }
}
END_TEST

/* Without limits it is all as with the defaults, which nothing here meets. */
START_TEST(limits_beyond_all) {
  const kvsp_limits none = no_limits();
  kvsp_reader_config config = config_of(0, &none);
  struct recorder usual = {0}, free_text = {0};
  struct bytes b = {0};
  build_everything(&b);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &usual);
  record_stream(&config, FEED_RESERVE, b.data, b.len, 100, &free_text);
  ck_assert(texts_equal(recorder_text(&usual), recorder_text(&free_text),
                        "without limits"));
  recorder_clear(&usual);
  recorder_clear(&free_text);
  bytes_free(&b);
}
END_TEST

/* With as good as nothing allowed, it ends in order all the same. */
START_TEST(limits_of_one) {
  kvsp_limits limits = {.struct_size = sizeof limits,
                        .max_depth = 1,
                        .max_tracks = 1,
                        .max_tags = 1,
                        .max_value = 1,
                        .max_frame = 1};
  struct bytes b = {0};
  builders[_i](&b);
  for (uint32_t flags = 0; flags <= KVSP_READ_STRICT; flags++) {
    kvsp_reader_config config = config_of(flags, &limits);
    for (int way = 0; way < FEED_WAYS; way++) {
      struct recorder recorder = {0};
      int rc = record_stream(&config, (enum feed_way)way, b.data, b.len, 50,
                             &recorder);
      if (flags)
        ck_assert(rc <= KVSP_ERR_EBML && rc >= KVSP_ERR_LIMIT_FRAME);
      else
        ck_assert_int_eq(rc, KVSP_END);
      recorder_clear(&recorder);
    }
  }
  bytes_free(&b);
}
END_TEST

/* ---- the suite ------------------------------------------------------ */

int main(void) {
  Suite *suite = suite_create("limits");
  TCase *tc = tcase_create("limits");
  tcase_set_timeout(tc, 600);
  tcase_add_loop_test(tc, strict_readers_are_stopped, 0, CASES);
  tcase_add_loop_test(tc, limits_are_exact, 0, CASES);
  tcase_add_loop_test(tc, readers_leave_out_what_is_beyond, 0, CASES);
  tcase_add_test(tc, large_value_leaves_the_rest);
  tcase_add_test(tc, large_private_stays_compressed);
  tcase_add_loop_test(tc, other_elements_are_no_frames, 0, 2);
  tcase_add_loop_test(tc, tokenizers_are_stopped, 0, CASES);
  tcase_add_loop_test(tc, memory_is_raised_anywhere, 0, BUILDERS);
  tcase_add_loop_test(tc, memory_is_raised_in_the_tokenizer, 0, BUILDERS);
  tcase_add_test(tc, memory_is_raised_in_damaged_streams);
  tcase_add_test(tc, limits_by_default);
  tcase_add_test(tc, limits_beyond_all);
  tcase_add_loop_test(tc, limits_of_one, 0, BUILDERS);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
