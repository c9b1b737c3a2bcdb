/*
 * test_merge_memory.c - the merger without memory, and beyond its limits: each
 * allocation fails in turn, over built and over real streams, with every mode
 * and option; and each limit stops it, can be raised, and nothing is lost.
 */
#include <check.h>
#include <kvsparse/merger.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/corpus.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- one merging ------------------------------------------------------------ */

struct run {
  struct test_allocator a;
  kvsp_merger_config config;
  size_t chunk; /* 0: whole                                                 */
  kvsp_merger *merger;
  struct bytes output;
  struct recorder items;
};

static int on_output(void *user, const void *data, size_t len,
                     const kvsp_merge_segment *segment) {
  struct run *run = user;
  (void)segment;
  bytes_append(&run->output, data, len);
  return 0;
}

static int on_item(void *user, const kvsp_item *item) {
  record_item(&((struct run *)user)->items, item);
  return 0;
}

static int open_merger(struct run *run, const kvsp_merger_config *config,
                       const kvsp_limits *limits) {
  test_allocator_init(&run->a);
  run->config = *config;
  run->config.struct_size = sizeof run->config;
  run->config.allocator = &run->a.allocator;
  run->config.limits = limits;
  run->config.output = on_output;
  run->config.item = on_item;
  run->config.user = run;
  return kvsp_merger_new(&run->merger, &run->config);
}

/* What may be done about an error: true repeats the call. */
typedef bool (*on_error)(struct run *run, int rc, void *user);

static int write_all(struct run *run, const struct bytes *b, on_error hook,
                     void *user) {
  size_t at = 0;
  int rc = KVSP_OK;
  while (rc == KVSP_OK) {
    size_t left = b->len - at;
    size_t n = run->chunk && run->chunk < left ? run->chunk : left;
    rc = kvsp_merger_write(run->merger, b->data + at, n,
                           n == left ? KVSP_FINAL : 0);
    while (rc < 0 && hook && hook(run, rc, user))
      rc = kvsp_merger_write(run->merger, NULL, 0, 0);
    at += n;
  }
  return rc;
}

static void forget(struct run *run) {
  bytes_free(&run->output);
  recorder_clear(&run->items);
}

static void close_merger(struct run *run) {
  kvsp_merger_free(run->merger);
  run->merger = NULL;
  ck_assert_uint_eq(run->a.live_blocks, 0);
  ck_assert_uint_eq(run->a.live_bytes, 0);
  forget(run);
}

static void expect_start(const struct bytes *of, const struct bytes *b,
                         bool whole) {
  ck_assert_uint_le(b->len, of->len);
  if (whole) ck_assert_uint_eq(b->len, of->len);
  if (b->len) ck_assert_int_eq(memcmp(b->data, of->data, b->len), 0);
}

/* ---- each allocation fails in turn ------------------------------------------- */

static size_t faults;

/* Without memory, every call but reset and free says so. */
static void expect_lost(struct run *run) {
  ck_assert_int_eq(kvsp_merger_error(run->merger)->status, KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_merger_write(run->merger, "x", 1, 0), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_merger_write(run->merger, NULL, 0, KVSP_FINAL),
                   KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_merger_error(run->merger)->status, KVSP_ERR_NOMEM);
}

/* After a reset all is as without the fault. */
static void merge_again(struct run *run, const struct run *sound,
                        const struct bytes *b, int sound_rc) {
  kvsp_merger_stats stats;
  forget(run);
  ck_assert_int_eq(kvsp_merger_reset(run->merger), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_get_stats(run->merger, &stats, sizeof stats),
                   KVSP_OK);
  ck_assert_uint_eq(stats.memory, run->a.live_bytes);
  ck_assert_uint_eq(stats.bytes + stats.frames + stats.segments, 0);
  ck_assert_int_eq(write_all(run, b, NULL, NULL), sound_rc);
  expect_start(&sound->output, &run->output, true);
  expect_start(&sound->items.text, &run->items.text, true);
}

/* Whether there was such an allocation. */
static bool fail_one(const struct run *sound, const struct bytes *b,
                     size_t number, int sound_rc) {
  struct run run = {.chunk = sound->chunk};
  bool failed;
  int rc;
  kvsp_merger_config config = sound->config;
  test_allocator_init(&run.a);
  config.allocator = &run.a.allocator;
  config.user = &run;
  run.config = config;
  run.a.fail_at = number;
  rc = kvsp_merger_new(&run.merger, &config);
  ck_assert_int_eq(rc == KVSP_OK, run.merger != NULL);
  if (rc == KVSP_OK) rc = write_all(&run, b, NULL, NULL);
  failed = run.a.failures > 0;
  ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : sound_rc);
  expect_start(&sound->output, &run.output, false);
  expect_start(&sound->items.text, &run.items.text, false);
  if (run.merger && failed) expect_lost(&run);
  if (run.merger && failed && number % 2) merge_again(&run, sound, b, sound_rc);
  faults += run.a.failures;
  close_merger(&run);
  return failed;
}

static void fail_in_turn(const kvsp_merger_config *config, size_t chunk,
                         const struct bytes *b) {
  struct run sound = {.chunk = chunk};
  size_t number = 1;
  int rc;
  ck_assert_int_eq(open_merger(&sound, config, NULL), KVSP_OK);
  rc = write_all(&sound, b, NULL, NULL);
  ck_assert(rc == KVSP_END || (rc < 0 && config->flags & KVSP_MERGE_STRICT));
  while (fail_one(&sound, b, number, rc)) number++;
  close_merger(&sound);
}

/* All modes, flags and borders. */
static const kvsp_merger_config configs[] = {
    {.mode = KVSP_MERGE_REBASE, .flags = KVSP_MERGE_TAGS},
    {.mode = KVSP_MERGE_PACK,
     .flags = KVSP_MERGE_TAGS | KVSP_MERGE_CHECK_CRC,
     .split_fragments = 1},
    {.mode = KVSP_MERGE_KEEP, .split_bytes = 700},
    {.mode = KVSP_MERGE_KEEP, .flags = KVSP_MERGE_STOP | KVSP_MERGE_TAGS},
    {.mode = KVSP_MERGE_REBASE,
     .flags = KVSP_MERGE_STRICT | KVSP_MERGE_TAGS,
     .split_ns = 100000000},
};

static void build_changing(struct bytes *b) {
  build_fragments(b, 1, 2);
  build_encoded(b, 2);
  build_fragments(b, 7, 2);
  build_fragments(b, 7, 1); /* times repeat */
}

typedef void (*builder)(struct bytes *b);
static const builder builders[] = {build_changing, build_everything};

static void print_faults(const char *what) {
  printf("%s: %zu allocations failed\n", what, faults);
  faults = 0;
}

/* _i is the stream. */
START_TEST(built_streams_without_memory) {
  static const size_t chunks[] = {0, 9, 1000};
  struct bytes b = {0};
  builders[_i](&b);
  for (size_t i = 0; i < COUNT(configs); i++)
    for (size_t k = 0; k < COUNT(chunks); k++)
      fail_in_turn(&configs[i], chunks[k], &b);
  ck_assert_uint_gt(faults, 300);
  print_faults("merging a built stream");
  bytes_free(&b);
}
END_TEST

/* A few fragments are enough; with KVSPARSE_SHORT, one way for each file. */
#define CAPTURE_MAX 100000u

static void fail_over_capture(const char *folder, const char *name,
                              const struct bytes *b) {
  static const size_t chunks[] = {0, 4096, 1400};
  static size_t turn;
  size_t len = b->len < CAPTURE_MAX ? b->len : CAPTURE_MAX;
  uint8_t *copy = guard_copy(b->data, len);
  struct bytes part = {copy, len, 0};
  bool kvs =
      strncmp(folder, "kvs-", 4) == 0 && getenv("KVSPARSE_SHORT") == NULL;
  (void)name;
  for (size_t i = 0; i < (kvs ? COUNT(configs) : 1); i++, turn++)
    fail_in_turn(&configs[turn % COUNT(configs)], chunks[turn % 3], &part);
  guard_free(copy, len);
}

static const char *const folders[] = {"kvs-getmedia", "kvs-picgen",
                                      "kvs-producer-input", "mkv-valid"};

START_TEST(captures_without_memory) {
  corpus_each(folders[_i], fail_over_capture);
  ck_assert_uint_gt(faults, 30);
  print_faults(folders[_i]);
}
END_TEST

/* ---- each limit ---------------------------------------------------------------- */

struct raising {
  int expected;
  kvsp_limits limits;
  uint32_t *small; /* the field that is raised by 1, or ...                 */
  uint64_t *large; /* ... this one                                          */
  size_t times;
  size_t gaps;
};

static bool raise(struct run *run, int rc, void *user) {
  struct raising *r = user;
  ck_assert_int_eq(rc, r->expected);
  ck_assert_int_eq(kvsp_merger_error(run->merger)->status, rc);
  /* As it is, nothing changes. */
  ck_assert_int_eq(kvsp_merger_write(run->merger, NULL, 0, 0), rc);
  if (r->small) ++*r->small;
  if (r->large) *r->large += 1 + r->times;
  r->times++;
  ck_assert_int_eq(kvsp_merger_set_limits(run->merger, &r->limits), KVSP_OK);
  return true;
}

static void set_limit(struct raising *r, int status) {
  memset(r, 0, sizeof *r);
  r->expected = status;
  r->limits.struct_size = sizeof r->limits;
  switch (status) {
    case KVSP_ERR_LIMIT_DEPTH: r->small = &r->limits.max_depth; break;
    case KVSP_ERR_LIMIT_TRACKS: r->small = &r->limits.max_tracks; break;
    case KVSP_ERR_LIMIT_TAGS: r->small = &r->limits.max_tags; break;
    case KVSP_ERR_LIMIT_VALUE: r->large = &r->limits.max_value; break;
    case KVSP_ERR_LIMIT_FRAME: r->large = &r->limits.max_frame; break;
    default: r->large = &r->limits.max_memory; break;
  }
  if (r->small) *r->small = 1;
  if (r->large) *r->large = 1;
}

static const int limit_codes[] = {KVSP_ERR_LIMIT_DEPTH, KVSP_ERR_LIMIT_TRACKS,
                                  KVSP_ERR_LIMIT_TAGS,  KVSP_ERR_LIMIT_VALUE,
                                  KVSP_ERR_LIMIT_FRAME, KVSP_ERR_LIMIT_MEMORY};

/* Raised by little and little, and all is written as without it. */
static void raise_limit(int status, uint32_t flags, size_t chunk) {
  kvsp_merger_config config = {.flags = flags};
  struct run whole = {0}, run = {.chunk = chunk};
  struct raising r;
  struct bytes b = {0};
  build_fragments(&b, 1, 3);
  ck_assert_int_eq(open_merger(&whole, &config, NULL), KVSP_OK);
  ck_assert_int_eq(write_all(&whole, &b, NULL, NULL), KVSP_END);
  set_limit(&r, status);
  /* Of memory, it needs some to begin with. */
  ck_assert_int_eq(open_merger(&run, &config, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_set_limits(run.merger, &r.limits), KVSP_OK);
  ck_assert_int_eq(write_all(&run, &b, raise, &r), KVSP_END);
  ck_assert_uint_gt(r.times, 0);
  expect_start(&whole.output, &run.output, true);
  expect_start(&whole.items.text, &run.items.text, true);
  close_merger(&whole);
  close_merger(&run);
  bytes_free(&b);
}

START_TEST(limits_can_be_raised) {
  int status = limit_codes[_i];
  for (size_t chunk = 0; chunk < 2; chunk++) {
    raise_limit(status, KVSP_MERGE_STRICT, chunk);
    raise_limit(status, KVSP_MERGE_STRICT | KVSP_MERGE_TAGS, 1400 * chunk);
  }
  if (status != KVSP_ERR_LIMIT_MEMORY) return;
  raise_limit(status, 0, 0);
  raise_limit(status, KVSP_MERGE_TAGS, 1);
}
END_TEST

static int count_gaps(void *user, const kvsp_item *item) {
  struct raising *r = user;
  if (item->type == KVSP_ITEM_GAP && item->gap->status == r->expected)
    r->gaps++;
  return 0;
}

static int drop_output(void *user, const void *data, size_t len,
                       const kvsp_merge_segment *segment) {
  (void)user, (void)data, (void)len, (void)segment;
  return 0;
}

/* Without KVSP_MERGE_STRICT, what is beyond a limit is left out, and told. */
START_TEST(limits_are_told_by_gaps) {
  struct raising r;
  kvsp_merger_config config = {.struct_size = sizeof config,
                               .output = drop_output,
                               .item = count_gaps,
                               .user = &r,
                               .limits = &r.limits};
  kvsp_merger *merger = NULL;
  struct bytes b = {0};
  set_limit(&r, limit_codes[_i]);
  if (r.expected == KVSP_ERR_LIMIT_FRAME) r.limits.max_frame = 100;
  if (r.expected == KVSP_ERR_LIMIT_DEPTH) r.limits.max_depth = 3;
  build_fragments(&b, 1, 2);
  ck_assert_int_eq(kvsp_merger_new(&merger, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_write(merger, b.data, b.len, KVSP_FINAL),
                   KVSP_END);
  ck_assert_uint_gt(r.gaps, 0);
  kvsp_merger_free(merger);
  bytes_free(&b);
}
END_TEST

/* Too little for a merger at all, then just enough. */
START_TEST(a_merger_knows_what_it_needs) {
  struct test_allocator a;
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_merger_config config = {.struct_size = sizeof config,
                               .allocator = &a.allocator,
                               .limits = &limits,
                               .output = drop_output};
  kvsp_merger *merger = NULL;
  int rc = KVSP_ERR_LIMIT_MEMORY;
  test_allocator_init(&a);
  while (rc == KVSP_ERR_LIMIT_MEMORY) {
    limits.max_memory++;
    rc = kvsp_merger_new(&merger, &config);
    ck_assert_int_eq(rc == KVSP_OK, merger != NULL);
    if (rc != KVSP_OK) ck_assert_uint_eq(a.live_blocks, 0);
  }
  ck_assert_int_eq(rc, KVSP_OK);
  ck_assert_uint_eq(a.peak_bytes, limits.max_memory);
  kvsp_merger_free(merger);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* ---- the suite ------------------------------------------------------------------- */

static TCase *corpus_case(void) {
  TCase *tc = tcase_create("corpus");
  tcase_set_timeout(tc, 600);
  if (!corpus_is_there()) {
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
    return tc;
  }
  tcase_add_loop_test(tc, captures_without_memory, 0, (int)COUNT(folders));
  return tc;
}

int main(void) {
  Suite *suite = suite_create("merge_memory");
  TCase *tc = tcase_create("memory");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, built_streams_without_memory, 0,
                      (int)COUNT(builders));
  tcase_add_loop_test(tc, limits_can_be_raised, 0, (int)COUNT(limit_codes));
  tcase_add_loop_test(tc, limits_are_told_by_gaps, 0,
                      (int)COUNT(limit_codes) - 1);
  tcase_add_test(tc, a_merger_knows_what_it_needs);
  suite_add_tcase(suite, tc);
  suite_add_tcase(suite, corpus_case());
  return run_suite(suite);
}
