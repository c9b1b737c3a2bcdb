/*
 * test_memory.c - memory that fails and memory that is scarce: each allocation
 * fails in turn, over built and over real streams, and nobody ever holds more
 * than max_memory, measured by the allocator.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/corpus.h"
#include "support/event_text.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

/* ---- a reader with memory that is counted --------------------------- */

/* Frames kept past their time, so that the reader's storage is shared. */
#define KEPT 3u

struct run {
  struct test_allocator a;
  kvsp_reader_config config;
  enum feed_way way;
  size_t chunk;
  kvsp_reader *r;
  struct recorder recorder;
  kvsp_buf *kept[KEPT];
  size_t frames;
  size_t refused; /* frames that could not be kept */
};

static void keep_frame(struct run *run, const kvsp_frame *frame) {
  size_t failures = run->a.failures;
  kvsp_buf **slot = &run->kept[run->frames++ % KEPT];
  int rc;
  kvsp_buf_unref(*slot);
  rc = kvsp_frame_retain(frame, slot);
  if (rc == KVSP_OK) {
    kvsp_view v = kvsp_buf_view(*slot);
    ck_assert_uint_eq(v.len, frame->data.len);
    if (v.len) ck_assert_int_eq(memcmp(v.data, frame->data.data, v.len), 0);
    return;
  }
  ck_assert_ptr_null(*slot);
  ck_assert_int_eq(rc, KVSP_ERR_NOMEM);
  ck_assert_uint_eq(run->a.failures, failures + 1);
  run->refused++; /* and the reader goes on */
}

static int on_item(void *user, const kvsp_item *item) {
  struct run *run = user;
  record_item(&run->recorder, item);
  if (item->frame && !(run->config.flags & KVSP_READ_NO_DATA))
    keep_frame(run, item->frame);
  return 0;
}

static int drain(struct run *run) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(run->r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(run->r, &item))
    on_item(run, item);
  return rc;
}

/* Fills what it gets of the room; *n is what was left, then what was taken. */
static int commit(struct run *run, const uint8_t *data, size_t *n) {
  size_t capacity = 0, left = *n;
  void *room = NULL;
  int rc = kvsp_reader_reserve(run->r, run->chunk, &room, &capacity);
  if (rc != KVSP_OK) return rc;
  if (*n > run->chunk) *n = run->chunk;
  if (*n > capacity) *n = capacity;
  memcpy(room, data, *n);
  return kvsp_reader_commit(run->r, *n, *n == left ? KVSP_FINAL : 0);
}

static int lend(struct run *run, const uint8_t *data, size_t *n) {
  unsigned flags = *n <= run->chunk ? KVSP_FINAL : 0;
  int rc;
  if (*n > run->chunk) *n = run->chunk;
  if (run->way == FEED_PULL) return kvsp_reader_input(run->r, data, *n, flags);
  rc = kvsp_reader_visit(run->r, data, *n, flags, on_item, run);
  return rc == KVSP_OK ? KVSP_NEED_INPUT : rc;
}

/* The whole stream, to the end or an error. */
static int read_stream(struct run *run, const struct bytes *b) {
  size_t at = 0;
  int rc = KVSP_NEED_INPUT;
  while (rc == KVSP_NEED_INPUT) {
    size_t n = b->len - at;
    rc = run->way == FEED_RESERVE ? commit(run, b->data + at, &n)
                                  : lend(run, b->data + at, &n);
    if (rc == KVSP_OK) rc = drain(run);
    at += n;
  }
  return rc;
}

static void drop_kept(struct run *run) {
  for (size_t i = 0; i < KEPT; i++) {
    kvsp_buf_unref(run->kept[i]);
    run->kept[i] = NULL;
  }
  run->frames = 0;
}

static void end_run(struct run *run) {
  kvsp_reader_free(run->r);
  drop_kept(run);
  ck_assert_uint_eq(run->a.live_blocks, 0);
  ck_assert_uint_eq(run->a.live_bytes, 0);
  recorder_clear(&run->recorder);
}

/* ---- each allocation fails in turn ---------------------------------- */

static struct bytes last_text; /* of a run without a fault */
static size_t faults;

/* Without memory, every call but reset and free says so. */
static void expect_lost(struct run *run) {
  const kvsp_item *item = NULL;
  kvsp_view none = {NULL, 0};
  size_t capacity = 0;
  void *room = NULL;
  ck_assert_int_eq(kvsp_reader_error(run->r)->status, KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_reader_next(run->r, &item), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(item);
  ck_assert_int_eq(kvsp_reader_input(run->r, none.data, 0, 0), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_reader_visit(run->r, NULL, 0, 0, on_item, run),
                   KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_reader_reserve(run->r, 1, &room, &capacity),
                   KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_reader_commit(run->r, 0, 0), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_reader_error(run->r)->status, KVSP_ERR_NOMEM);
}

/* One run whose fail_at-th allocation fails, and what can be done then. */
static bool run_failing(const struct run *like, const struct bytes *b,
                        size_t fail_at, int clean_rc) {
  struct run run = *like;
  int rc;
  test_allocator_init(&run.a);
  run.a.fail_at = fail_at;
  run.config.allocator = &run.a.allocator;
  rc = kvsp_reader_new(&run.r, &run.config);
  ck_assert_int_eq(rc == KVSP_OK, run.r != NULL);
  if (rc == KVSP_OK) rc = read_stream(&run, b);
  ck_assert_int_eq(rc,
                   run.a.failures > run.refused ? KVSP_ERR_NOMEM : clean_rc);
  ck_assert_uint_le(run.recorder.text.len, last_text.len);
  if (run.recorder.text.len)
    ck_assert_msg(memcmp(run.recorder.text.data, last_text.data,
                         run.recorder.text.len) == 0,
                  "other items before allocation %zu failed", fail_at);
  if (run.r && rc == KVSP_ERR_NOMEM) expect_lost(&run);
  if (run.r && rc == KVSP_ERR_NOMEM && fail_at % 2) {
    kvsp_reader_stats stats;
    recorder_clear(&run.recorder);
    drop_kept(&run);
    ck_assert_int_eq(kvsp_reader_reset(run.r), KVSP_OK);
    ck_assert_int_eq(kvsp_reader_get_stats(run.r, &stats, sizeof stats),
                     KVSP_OK);
    ck_assert_uint_eq(stats.memory, run.a.live_bytes);
    ck_assert_int_eq(read_stream(&run, b), clean_rc);
    ck_assert_uint_eq(run.recorder.text.len, last_text.len);
    ck_assert_int_eq(
        memcmp(run.recorder.text.data, last_text.data, last_text.len), 0);
  }
  faults += run.a.failures;
  end_run(&run);
  return run.a.failures > 0;
}

static void fail_in_turn(enum feed_way way, uint32_t flags, size_t chunk,
                         const struct bytes *b) {
  static const uint64_t tracks[] = {1, 2, 3, 300};
  struct run run = {.way = way, .chunk = chunk ? chunk : b->len};
  size_t fail_at = 1;
  int rc;
  run.config.struct_size = sizeof run.config;
  run.config.flags = flags;
  if (flags & KVSP_READ_KEY_FRAMES) {
    run.config.tracks = tracks;
    run.config.track_count = 4;
  }
  test_allocator_init(&run.a);
  run.config.allocator = &run.a.allocator;
  ck_assert_int_eq(kvsp_reader_new(&run.r, &run.config), KVSP_OK);
  rc = read_stream(&run, b);
  ck_assert(rc == KVSP_END || (flags & KVSP_READ_STRICT && rc < 0));
  last_text = run.recorder.text;
  memset(&run.recorder.text, 0, sizeof run.recorder.text);
  end_run(&run);
  memset(&run, 0, offsetof(struct run, config));
  run.r = NULL;
  run.frames = 0;
  while (run_failing(&run, b, fail_at, rc)) fail_at++;
  bytes_free(&last_text);
}

static const uint32_t flag_sets[] = {
    0,
    KVSP_READ_STRICT,
    KVSP_READ_CHECK_CRC,
    KVSP_READ_DECOMPRESS,
    KVSP_READ_STRICT | KVSP_READ_CHECK_CRC | KVSP_READ_DECOMPRESS,
    KVSP_READ_NO_DATA | KVSP_READ_CHECK_CRC,
    KVSP_READ_KEY_FRAMES | KVSP_READ_DECOMPRESS,
    KVSP_READ_ENTRIES | KVSP_READ_DECOMPRESS};
#define FLAG_SETS (sizeof flag_sets / sizeof *flag_sets)

static void build_nothing_wrong(struct bytes *b) {
  build_fragments(b, 1, 3);
}

static void build_compressed(struct bytes *b) {
  build_encoded(b, 200);
}

typedef void (*builder)(struct bytes *b);
static const builder builders[] = {build_everything, build_nothing_wrong,
                                   build_compressed, stream_sample};
#define BUILDERS (int)(sizeof builders / sizeof *builders)

static void print_faults(const char *what) {
  printf("%s: %zu allocations failed\n", what, faults);
  faults = 0;
}

/* _i is the stream. */
START_TEST(reader_without_memory) {
  static const size_t chunks[] = {0, 7, 1000};
  struct bytes b = {0};
  builders[_i](&b);
  for (int way = FEED_PULL; way <= FEED_RESERVE; way++)
    for (size_t i = 0; i < FLAG_SETS; i++)
      fail_in_turn((enum feed_way)way, flag_sets[i],
                   chunks[((size_t)way + i) % 3], &b);
  ck_assert_uint_gt(faults, 300);
  print_faults("reader, a built stream");
  bytes_free(&b);
}
END_TEST

/* ---- the same of the tokenizer -------------------------------------- */

static int collect_some(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                        uint64_t fed) {
  (void)user, (void)fed;
  if (e->type == KVSP_EVENT_BLOB_BEGIN)
    return kvsp_tokenizer_collect(t, e->size);
  if (e->id == KVSP_ID_BLOCK_GROUP && e->type == KVSP_EVENT_MASTER_BEGIN)
    return kvsp_tokenizer_collect(t, e->size);
  return KVSP_OK;
}

/* Faults of the data do not end it. */
static int resync(void *user, kvsp_tokenizer *t, int status) {
  (void)user;
  return kvsp_status_is_fatal(status) ? status : kvsp_tokenizer_resync(t);
}

static void expect_tokenizer_lost(kvsp_tokenizer *t) {
  const kvsp_event *e = NULL;
  size_t capacity = 0;
  void *room = NULL;
  ck_assert_int_eq(kvsp_tokenizer_error(t)->status, KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_input(t, NULL, 0, 0), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &room, &capacity),
                   KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_commit(t, 0, 0), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 1), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_skip(t), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_error(t)->status, KVSP_ERR_NOMEM);
}

/* fail_at 0: none fails, and text is set.  Whether one failed. */
static bool tokenize_failing(const struct feed *feed, uint32_t flags,
                             const struct bytes *b, size_t fail_at,
                             struct event_text *text) {
  struct test_allocator a;
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = &a.allocator, .flags = flags};
  struct event_text got = {0}, again = {0};
  kvsp_tokenizer *t = NULL;
  int rc;
  test_allocator_init(&a);
  a.fail_at = fail_at;
  rc = kvsp_tokenizer_new(&t, &config);
  if (rc == KVSP_OK) rc = event_text_run(fail_at ? &got : text, t, b, feed);
  ck_assert_int_eq(rc, a.failures ? KVSP_ERR_NOMEM : KVSP_END);
  ck_assert_int_eq(
      strncmp(event_text_get(text), event_text_get(&got), got.text.len), 0);
  if (t && a.failures) expect_tokenizer_lost(t);
  if (t && a.failures && fail_at % 2) {
    ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
    ck_assert_int_eq(event_text_run(&again, t, b, feed), KVSP_END);
    ck_assert_str_eq(event_text_get(text), event_text_get(&again));
  }
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_blocks, 0);
  event_text_free(&got);
  event_text_free(&again);
  faults += a.failures;
  return a.failures > 0;
}

static void tokenize_in_turn(enum feeding how, uint32_t flags, size_t piece,
                             const struct bytes *b) {
  struct feed feed = {
      .how = how, .piece = piece, .hook = collect_some, .on_error = resync};
  struct event_text text = {0};
  size_t fail_at = 1;
  (void)tokenize_failing(&feed, flags, b, 0, &text);
  while (tokenize_failing(&feed, flags, b, fail_at, &text)) fail_at++;
  event_text_free(&text);
}

START_TEST(tokenizer_without_memory) {
  static const size_t pieces[] = {0, 11, 700};
  struct bytes b = {0};
  builders[_i](&b);
  for (unsigned i = 0; i < 6; i++)
    tokenize_in_turn(i < 3 ? FEED_IN_PLACE : FEED_COMMIT, i % 2, pieces[i % 3],
                     &b);
  ck_assert_uint_gt(faults, 10);
  print_faults("tokenizer, a built stream");
  bytes_free(&b);
}
END_TEST

/* ---- and over real captures ----------------------------------------- */

static const char *const folders[] = {"kvs-getmedia", "kvs-picgen",
                                      "kvs-producer-input", "mkv-valid",
                                      "webm-valid"};
#define FOLDERS (int)(sizeof folders / sizeof *folders)

/* Where the second fragment ends, or so many bytes before that. */
#define CAPTURE_MAX 100000u

static size_t few_fragments(const struct bytes *b) {
  const kvsp_item *item;
  unsigned ends = 0;
  size_t end = b->len;
  kvsp_reader *r;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  while (ends < 2 && kvsp_reader_next(r, &item) == KVSP_OK) {
    if (item->type != KVSP_ITEM_FRAGMENT_END) continue;
    end = (size_t)(item->fragment->offset + item->fragment->size);
    ends++;
  }
  kvsp_reader_free(r);
  return end < CAPTURE_MAX ? end : CAPTURE_MAX;
}

/* Each file in another way; together, they go through all of them. */
static void fail_over_capture(const char *folder, const char *name,
                              const struct bytes *b) {
  static const size_t chunks[] = {0, 4096, 1400};
  static unsigned turn;
  size_t len = few_fragments(b);
  uint8_t *copy = guard_copy(b->data, len < b->len ? len : b->len);
  struct bytes part = {copy, len < b->len ? len : b->len, 0};
  bool kvs = strncmp(folder, "kvs-", 4) == 0;
  (void)name;
  for (unsigned i = 0; i < (kvs ? FLAG_SETS : 1); i++, turn++) {
    fail_in_turn((enum feed_way)(turn % 3), flag_sets[turn % FLAG_SETS],
                 chunks[turn / 3 % 3], &part);
    if (kvs)
      tokenize_in_turn(turn % 2 ? FEED_IN_PLACE : FEED_COMMIT, turn & 1, 4096,
                       &part);
  }
  guard_free(copy, part.len);
}

START_TEST(captures_without_memory) {
  corpus_each(folders[_i], fail_over_capture);
  ck_assert_uint_gt(faults, 100);
  print_faults(folders[_i]);
}
END_TEST

/* ---- never more than max_memory ------------------------------------- */

#define HOSTILE_LEN 300000u

static void begin_hostile(struct bytes *b) {
  mux_document(b);
  mux_info(b, 0);
}

/* Nothing but beginnings of tags inside tags. */
static void hostile_depth(struct bytes *b) {
  begin_hostile(b);
  (void)mux_begin(b, KVSP_ID_TAGS);
  (void)mux_begin(b, KVSP_ID_TAG);
  for (int i = 0; i < 20000; i++) (void)mux_begin(b, KVSP_ID_SIMPLE_TAG);
  for (size_t at = 0; at + 8 < b->len; at++) /* of all that follows */
    if (b->data[at] == 0x67 && b->data[at + 1] == 0xC8)
      memcpy(b->data + at + 6, "\x00\x00\x10\x00", 4);
}

static void hostile_tags(struct bytes *b) {
  begin_hostile(b);
  while (b->len < HOSTILE_LEN) {
    const struct mux_tag tags[] = {{"name", "value"}, {"none", NULL}};
    mux_tags(b, tags, 2);
  }
}

static void hostile_targets(struct bytes *b) {
  size_t tags, tag;
  begin_hostile(b);
  tags = mux_begin(b, KVSP_ID_TAGS);
  tag = mux_begin(b, KVSP_ID_TAG);
  while (b->len < HOSTILE_LEN) {
    size_t targets = mux_begin(b, KVSP_ID_TARGETS);
    mux_string(b, KVSP_ID_TARGET_TYPE, "a target type that is kept");
    for (unsigned i = 0; i < 70; i++) mux_uint(b, KVSP_ID_TAG_TRACK_UID, i);
    mux_end(b, targets);
  }
  mux_end(b, tag);
  mux_end(b, tags);
}

static void hostile_tracks(struct bytes *b) {
  size_t tracks;
  begin_hostile(b);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  for (unsigned i = 1; b->len < HOSTILE_LEN; i++) {
    size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
    mux_uint(b, KVSP_ID_TRACK_NUMBER, i);
    mux_string(b, KVSP_ID_NAME, "name");
    mux_end(b, entry);
  }
  mux_end(b, tracks);
}

static void hostile_names(struct bytes *b) {
  size_t tracks, entry;
  begin_hostile(b);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  while (b->len < HOSTILE_LEN)
    mux_string(b, KVSP_ID_NAME, "one name after the other, each is copied");
  mux_end(b, entry);
  mux_end(b, tracks);
}

static void hostile_blocks(struct bytes *b) {
  begin_hostile(b);
  mux_cluster(b, 0);
  for (unsigned i = 0; i < 3; i++)
    build_frame(b, 1, (int16_t)i, 0, HOSTILE_LEN / 3, i);
}

static void hostile_undeclared(struct bytes *b) {
  begin_hostile(b);
  mux_cluster(b, 0);
  for (uint64_t i = 1; b->len < HOSTILE_LEN; i++) build_frame(b, i, 0, 0, 5, 1);
}

static void hostile_group(struct bytes *b) {
  size_t group;
  begin_hostile(b);
  mux_cluster(b, 0);
  group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  while (b->len < HOSTILE_LEN) mux_uint(b, KVSP_ID_BLOCK_ADD_ID_EXTRA_DATA, 1);
  mux_end(b, group);
}

static void hostile_unknown(struct bytes *b) {
  begin_hostile(b);
  mux_cluster(b, 0);
  while (b->len < HOSTILE_LEN) mux_binary(b, STREAM_ID_UNKNOWN_1, "12345", 5);
}

static void hostile_bytes(struct bytes *b) {
  begin_hostile(b);
  mux_cluster(b, 0);
  stream_filler(b, HOSTILE_LEN, 7);
}

static void hostile_bomb(struct bytes *b) {
  build_encoded(b, 40000); /* 10 MB each */
}

static void hostile_header(struct bytes *b) {
  struct bytes large = {0};
  build_encoded_head(b, 40000);
  for (unsigned i = 0; i < 20; i++) build_frame(b, 2, 0, 0, 10000, i);
  bytes_free(&large);
}

static const builder hostile[] = {
    build_everything, hostile_depth,      hostile_tags,  hostile_targets,
    hostile_tracks,   hostile_names,      hostile_group, hostile_blocks,
    hostile_unknown,  hostile_undeclared, hostile_bytes, hostile_bomb,
    hostile_header};
#define HOSTILE (int)(sizeof hostile / sizeof *hostile)

static size_t stopped; /* runs that reached max_memory */

/* What the reader says of itself is what the allocator sees. */
static void expect_bounded(const struct run *run, uint64_t max) {
  kvsp_reader_stats stats;
  ck_assert_uint_le(run->a.peak_bytes, max);
  ck_assert_int_eq(kvsp_reader_get_stats(run->r, &stats, sizeof stats),
                   KVSP_OK);
  ck_assert_uint_eq(stats.memory, run->a.live_bytes);
  ck_assert_uint_eq(stats.memory_peak, run->a.peak_bytes);
}

static void read_bounded(enum feed_way way, uint32_t flags, size_t chunk,
                         const struct bytes *b, uint64_t max) {
  const uint32_t all = UINT32_MAX;
  kvsp_limits limits = {.struct_size = sizeof limits,
                        .max_depth = all,
                        .max_tracks = all,
                        .max_tags = all,
                        .max_value = UINT64_MAX,
                        .max_frame = UINT64_MAX,
                        .max_memory = max};
  struct run run = {.way = way, .chunk = chunk};
  const kvsp_item *item;
  int rc;
  run.config.struct_size = sizeof run.config;
  run.config.flags = flags;
  run.config.limits = &limits;
  run.config.allocator = &run.a.allocator;
  test_allocator_init(&run.a);
  ck_assert_int_eq(kvsp_reader_new(&run.r, &run.config), KVSP_OK);
  run.config.flags |= KVSP_READ_NO_DATA; /* nothing is kept */
  rc = read_stream(&run, b);
  if (rc == KVSP_ERR_LIMIT_MEMORY) {
    stopped++;
    ck_assert_int_eq(kvsp_reader_error(run.r)->status, rc);
    if (way != FEED_RESERVE)
      ck_assert_int_eq(kvsp_reader_next(run.r, &item), rc);
  }
  expect_bounded(&run, max);
  end_run(&run);
}

static void tokenize_bounded(enum feeding how, size_t piece,
                             const struct bytes *b, uint64_t max) {
  struct test_allocator a;
  kvsp_limits limits = {.struct_size = sizeof limits,
                        .max_depth = UINT32_MAX,
                        .max_value = UINT64_MAX,
                        .max_frame = UINT64_MAX,
                        .max_memory = max};
  kvsp_tokenizer_config config = {.struct_size = sizeof config,
                                  .allocator = &a.allocator,
                                  .limits = &limits};
  struct feed feed = {.how = how, .piece = piece, .hook = collect_some};
  kvsp_tokenizer *t = NULL;
  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  if (event_text_run(NULL, t, b, &feed) == KVSP_ERR_LIMIT_MEMORY) stopped++;
  ck_assert_uint_le(a.peak_bytes, max);
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_blocks, 0);
}

static void bound(const struct bytes *b, size_t chunk) {
  static const uint64_t maxima[] = {10000, 30000, 100000, 1000000};
  static const uint32_t flags[] = {
      0, KVSP_READ_STRICT,
      KVSP_READ_DECOMPRESS | KVSP_READ_CHECK_CRC | KVSP_READ_ENTRIES};
  for (size_t i = 0; i < 4; i++) {
    for (size_t j = 0; j < 3; j++)
      read_bounded((enum feed_way)((i + j) % 3), flags[j], chunk, b, maxima[i]);
    tokenize_bounded(i % 2 ? FEED_COMMIT : FEED_IN_PLACE, chunk, b, maxima[i]);
  }
}

START_TEST(hostile_streams_take_no_more_memory) {
  struct bytes b = {0};
  hostile[_i](&b);
  bound(&b, 4096);
  bound(&b, 333);
  ck_assert_uint_gt(stopped, 0);
  bytes_free(&b);
}
END_TEST

static void bound_file(const char *folder, const char *name,
                       const struct bytes *b) {
  (void)folder, (void)name;
  bound(b, 4096);
}

START_TEST(captures_take_no_more_memory) {
  corpus_each(folders[_i], bound_file);
  ck_assert_uint_gt(stopped, 0);
}
END_TEST

/* ---- limits that make little sense ---------------------------------- */

/* Too little for an object at all, then just enough. */
START_TEST(objects_know_what_they_need) {
  for (int is_reader = 0; is_reader < 2; is_reader++) {
    struct test_allocator a;
    kvsp_limits limits = {.struct_size = sizeof limits};
    const uint64_t numbers[] = {1, 2, 3};
    kvsp_reader_config config = {.struct_size = sizeof config,
                                 .allocator = &a.allocator,
                                 .limits = &limits,
                                 .tracks = numbers,
                                 .track_count = 3};
    kvsp_tokenizer_config small = {.struct_size = sizeof small,
                                   .allocator = &a.allocator,
                                   .limits = &limits};
    kvsp_tokenizer *t = NULL;
    kvsp_reader *r = NULL;
    int rc = KVSP_ERR_LIMIT_MEMORY;
    test_allocator_init(&a);
    while (rc == KVSP_ERR_LIMIT_MEMORY) {
      limits.max_memory++;
      rc = is_reader ? kvsp_reader_new(&r, &config)
                     : kvsp_tokenizer_new(&t, &small);
      ck_assert_int_eq(rc == KVSP_OK, r != NULL || t != NULL);
      if (rc != KVSP_OK) ck_assert_uint_eq(a.live_blocks, 0);
    }
    ck_assert_int_eq(rc, KVSP_OK);
    ck_assert_uint_eq(a.peak_bytes, limits.max_memory);
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
}
END_TEST

/* Lowered below what is held: nothing more is to be had, nothing is lost. */
START_TEST(a_limit_that_is_lowered) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  struct recorder whole = {0}, got = {0};
  struct bytes b = {0};
  const kvsp_item *item;
  size_t at = 0;
  kvsp_reader *r;
  int rc = KVSP_OK;
  build_fragments(&b, 1, 3);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &whole);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  while (rc == KVSP_OK) {
    limits.max_memory = 1;
    ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
    rc = kvsp_reader_next(r, &item);
    if (rc == KVSP_ERR_LIMIT_MEMORY) {
      limits.max_memory = 0;
      ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
      rc = kvsp_reader_next(r, &item);
    }
    if (rc == KVSP_OK) record_item(&got, item);
    if (rc != KVSP_NEED_INPUT) continue;
    rc = kvsp_reader_input(r, b.data + at, 1, at + 1 == b.len ? KVSP_FINAL : 0);
    at++;
  }
  ck_assert_int_eq(rc, KVSP_END);
  record_status(&got, r, rc);
  ck_assert(texts_equal(recorder_text(&whole), recorder_text(&got), "lowered"));
  kvsp_reader_free(r);
  recorder_clear(&whole);
  recorder_clear(&got);
  bytes_free(&b);
}
END_TEST

/* ---- the suite ------------------------------------------------------ */

static TCase *corpus_case(void) {
  TCase *tc = tcase_create("corpus");
  tcase_set_timeout(tc, 600);
  if (!corpus_is_there()) {
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
    return tc;
  }
  tcase_add_loop_test(tc, captures_without_memory, 0, FOLDERS);
  tcase_add_loop_test(tc, captures_take_no_more_memory, 0, FOLDERS);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("memory");
  TCase *tc = tcase_create("memory");
  tcase_set_timeout(tc, 600);
  tcase_add_loop_test(tc, reader_without_memory, 0, BUILDERS);
  tcase_add_loop_test(tc, tokenizer_without_memory, 0, BUILDERS);
  tcase_add_loop_test(tc, hostile_streams_take_no_more_memory, 0, HOSTILE);
  tcase_add_test(tc, objects_know_what_they_need);
  tcase_add_test(tc, a_limit_that_is_lowered);
  suite_add_tcase(suite, tc);
  suite_add_tcase(suite, corpus_case());
  return run_suite(suite);
}
