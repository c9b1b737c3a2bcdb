/*
 * test_collector.c - what is fetched from a collector is what the callbacks got:
 * bytes, offsets, borders; also when memory is short.
 */
#include <check.h>
#include <kvsparse/extractor.h>
#include <kvsparse/kvsparse.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/suite.h"

static kvsp_collector *new_collector(void) {
  kvsp_collector *c = NULL;
  ck_assert_int_eq(kvsp_collector_new(&c, NULL), KVSP_OK);
  return c;
}

static const kvsp_collected *next(kvsp_collector *c) {
  const kvsp_collected *piece;
  ck_assert_int_eq(kvsp_collector_next(c, &piece), KVSP_OK);
  return piece;
}

static void expect_end(kvsp_collector *c) {
  const kvsp_collected *piece;
  ck_assert_int_eq(kvsp_collector_next(c, &piece), KVSP_END);
  ck_assert_ptr_null(piece);
}

static void expect_bytes(const kvsp_collected *piece, uint64_t offset,
                         const char *text) {
  ck_assert_uint_eq(piece->offset, offset);
  ck_assert_uint_eq(piece->data.len, strlen(text));
  ck_assert_mem_eq(piece->data.data, text, strlen(text));
}

/* ---- a merger --------------------------------------------------------------- */

static int append(void *user, const void *data, size_t len,
                  const kvsp_merge_segment *segment) {
  (void)segment;
  bytes_append(user, data, len);
  return 0;
}

static kvsp_merger *new_merger(kvsp_merge_callback output, void *user) {
  kvsp_merger_config config = {.struct_size = sizeof config};
  kvsp_merger *merger = NULL;
  config.output = output;
  config.user = user;
  config.split_fragments = 2;
  ck_assert_int_eq(kvsp_merger_new(&merger, &config), KVSP_OK);
  return merger;
}

static void fetch(kvsp_collector *c, struct bytes *out, size_t *segments) {
  const kvsp_collected *piece;
  while (kvsp_collector_next(c, &piece) == KVSP_OK) {
    ck_assert_uint_eq(piece->offset, out->len);
    ck_assert_int_eq(piece->pts_ns, KVSP_TIME_NONE);
    bytes_append(out, piece->data.data, piece->data.len);
    if (piece->reason != 0) {
      ck_assert_uint_eq(piece->reason,
                        *segments == 0 ? KVSP_MERGE_FIRST : KVSP_MERGE_SPLIT);
      ck_assert_uint_eq(piece->fragment_index, 2 * *segments);
      ck_assert_int_ne(piece->producer_time_ns, KVSP_TIME_NONE);
      ++*segments;
    } else {
      ck_assert_int_eq(piece->producer_time_ns, KVSP_TIME_NONE);
    }
    ck_assert_uint_eq(piece->segment, *segments - 1);
  }
}

START_TEST(a_merging_is_the_same) {
  struct bytes stream = {0};
  struct bytes expected = {0};
  struct bytes found = {0};
  kvsp_collector *c = new_collector();
  kvsp_merger *merger = new_merger(append, &expected);
  size_t chunk = (size_t)_i;
  size_t segments = 0;
  build_fragments(&stream, 1, 5);
  ck_assert_int_eq(
      kvsp_merger_write(merger, stream.data, stream.len, KVSP_FINAL), KVSP_END);
  kvsp_merger_free(merger);
  merger = new_merger(kvsp_collect_merge, c);
  for (size_t at = 0; at < stream.len; at += chunk) {
    size_t left = stream.len - at;
    ck_assert_int_eq(kvsp_merger_write(merger, stream.data + at,
                                       left < chunk ? left : chunk, 0),
                     KVSP_OK);
    fetch(c, &found, &segments);
  }
  ck_assert_int_eq(kvsp_merger_write(merger, NULL, 0, KVSP_FINAL), KVSP_END);
  fetch(c, &found, &segments);
  ck_assert_uint_eq(segments, 3);
  ck_assert_uint_eq(found.len, expected.len);
  ck_assert_mem_eq(found.data, expected.data, found.len);
  kvsp_merger_free(merger);
  kvsp_collector_free(c);
  bytes_free(&stream);
  bytes_free(&expected);
  bytes_free(&found);
}
END_TEST

/* ---- pieces ------------------------------------------------------------------ */

START_TEST(writes_that_follow_are_one_piece) {
  kvsp_collector *c = new_collector();
  ck_assert_int_eq(kvsp_collect_write(c, 0, "head", 4), KVSP_OK);
  ck_assert_int_eq(kvsp_collect_write(c, 4, "body", 4), KVSP_OK);
  ck_assert_int_eq(kvsp_collect_write(c, 0, "HE", 2), KVSP_OK);
  ck_assert_int_eq(kvsp_collect_write(c, 8, "tail", 4), KVSP_OK);
  expect_bytes(next(c), 0, "headbody");
  expect_bytes(next(c), 0, "HE");
  expect_bytes(next(c), 8, "tail");
  expect_end(c);
  expect_end(c);
  /* What was fetched is not written to any more. */
  ck_assert_int_eq(kvsp_collect_write(c, 12, "more", 4), KVSP_OK);
  expect_bytes(next(c), 12, "more");
  ck_assert_int_eq(kvsp_collect_write(c, 16, "!", 1), KVSP_OK);
  expect_bytes(next(c), 16, "!");
  expect_end(c);
  kvsp_collector_free(c);
}
END_TEST

START_TEST(each_extract_is_a_piece) {
  kvsp_extract extract = {{(const uint8_t *)"abc", 3}, 40, 1, 8000, 2};
  kvsp_collector *c = new_collector();
  const kvsp_collected *piece;
  ck_assert_int_eq(kvsp_collect_extract(c, &extract), KVSP_OK);
  extract.data.len = 0;
  extract.data.data = NULL;
  ck_assert_int_eq(kvsp_collect_extract(c, &extract), KVSP_OK);
  extract.data.data = (const uint8_t *)"de";
  extract.data.len = 2;
  extract.pts_ns = 50;
  extract.flags = 0;
  ck_assert_int_eq(kvsp_collect_extract(c, &extract), KVSP_OK);
  piece = next(c);
  expect_bytes(piece, 0, "abc");
  ck_assert_int_eq(piece->pts_ns, 40);
  ck_assert_uint_eq(piece->flags, 1);
  ck_assert_uint_eq(piece->sample_rate, 8000);
  ck_assert_uint_eq(piece->channels, 2);
  ck_assert_uint_eq(next(c)->data.len, 0);
  piece = next(c);
  expect_bytes(piece, 3, "de");
  ck_assert_int_eq(piece->pts_ns, 50);
  ck_assert_uint_eq(piece->flags, 0);
  expect_end(c);
  kvsp_collector_free(c);
}
END_TEST

START_TEST(a_reset_forgets) {
  kvsp_extract extract = {{(const uint8_t *)"abc", 3}, 0, 0, 0, 0};
  kvsp_collector *c = new_collector();
  ck_assert_int_eq(kvsp_collect_extract(c, &extract), KVSP_OK);
  ck_assert_int_eq(kvsp_collector_reset(c), KVSP_OK);
  expect_end(c);
  ck_assert_int_eq(kvsp_collect_extract(c, &extract), KVSP_OK);
  expect_bytes(next(c), 0, "abc");
  kvsp_collector_free(c);
}
END_TEST

START_TEST(arguments_are_checked) {
  kvsp_collector_config config = {.struct_size = sizeof config - 1};
  kvsp_allocator half = {0};
  kvsp_collector *c = NULL;
  const kvsp_collected *piece;
  ck_assert_int_eq(kvsp_collector_new(NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collector_new(&c, &config), KVSP_ERR_ARG);
  config.struct_size = sizeof config;
  config.max_memory = 1;
  ck_assert_int_eq(kvsp_collector_new(&c, &config), KVSP_ERR_LIMIT_MEMORY);
  config.max_memory = 0;
  config.allocator = &half;
  half.user = &half;
  ck_assert_int_eq(kvsp_collector_new(&c, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_collect_write(NULL, 0, "a", 1), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collect_write(c, 0, NULL, 1), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collect_merge(c, NULL, 1, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collect_extract(c, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collector_next(c, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collector_next(NULL, &piece), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_collector_reset(NULL), KVSP_ERR_ARG);
  kvsp_collector_free(c);
  kvsp_collector_free(NULL);
}
END_TEST

/* ---- without memory ----------------------------------------------------------- */

/* 1000 pieces of 100 bytes; what was refused once is taken the second time. */
static void fill(kvsp_collector *c, struct test_allocator *a, uint8_t *data) {
  for (unsigned i = 0; i < 1000; i++) {
    int rc =
        kvsp_collect_write(c, 200 * i, memset(data, (int)(i & 255u), 100), 100);
    if (rc == KVSP_OK) continue;
    ck_assert_int_eq(rc, KVSP_ERR_NOMEM);
    ck_assert_uint_eq(a->failures, 1);
    ck_assert_int_eq(kvsp_collect_write(c, 200 * i, data, 100), KVSP_OK);
  }
}

static void expect_filled(kvsp_collector *c, uint8_t *data) {
  for (unsigned i = 0; i < 1000; i++) {
    const kvsp_collected *piece = next(c);
    ck_assert_uint_eq(piece->offset, 200 * i);
    ck_assert_uint_eq(piece->data.len, 100);
    memset(data, (int)(i & 255u), 100);
    ck_assert_mem_eq(piece->data.data, data, 100);
  }
  expect_end(c);
}

START_TEST(each_allocation_fails_in_turn) {
  size_t failed = 0;
  for (size_t at = 1; failed == at - 1; at++) {
    kvsp_collector_config config = {.struct_size = sizeof config};
    struct test_allocator a;
    kvsp_collector *c = NULL;
    uint8_t data[100];
    test_allocator_init(&a);
    a.fail_at = at;
    config.allocator = &a.allocator;
    if (kvsp_collector_new(&c, &config) == KVSP_OK) {
      fill(c, &a, data);
      expect_filled(c, data);
    }
    kvsp_collector_free(c);
    ck_assert_uint_eq(a.live_blocks, 0);
    failed += a.failures;
  }
  ck_assert_uint_gt(failed, 10);
}
END_TEST

START_TEST(the_limit_holds) {
  kvsp_collector_config config = {.struct_size = sizeof config,
                                  .max_memory = 3000};
  kvsp_collector *c = NULL;
  struct test_allocator a;
  uint8_t data[100] = {0};
  unsigned taken = 0;
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  ck_assert_int_eq(kvsp_collector_new(&c, &config), KVSP_OK);
  while (kvsp_collect_write(c, 100 * taken, data, 100) == KVSP_OK) taken++;
  ck_assert_uint_ge(taken, 17);
  ck_assert_uint_lt(taken, 30);
  ck_assert_uint_le(a.peak_bytes, 3000);
  ck_assert_int_eq(kvsp_collect_write(c, 100 * taken, data, 100),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_eq(next(c)->data.len, 100 * taken);
  ck_assert_int_eq(kvsp_collect_write(c, 100 * taken, data, 100), KVSP_OK);
  ck_assert_uint_eq(next(c)->data.len, 100);
  kvsp_collector_free(c);
}
END_TEST

/* ---- main ---------------------------------------------------------------------- */

int main(void) {
  Suite *suite = suite_create("collector");
  TCase *core = tcase_create("core");
  tcase_add_loop_test(core, a_merging_is_the_same, 1, 40);
  tcase_add_test(core, writes_that_follow_are_one_piece);
  tcase_add_test(core, each_extract_is_a_piece);
  tcase_add_test(core, a_reset_forgets);
  tcase_add_test(core, arguments_are_checked);
  tcase_add_test(core, each_allocation_fails_in_turn);
  tcase_add_test(core, the_limit_holds);
  suite_add_tcase(suite, core);
  return run_suite(suite);
}
