/*
 * test_misuse.c - every public function of libkvsparse called as it must not
 * be: with NULL, with lengths, sizes and flags that make no sense, too early,
 * too late, and from its own callback.  A code comes back, and no harm is
 * done, in builds without assertions too.
 */
#include <check.h>
#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/suite.h"

/* One wrong call and what comes of it. */
struct call {
  const char *text;
  long long got, want;
};

#define CALL(expression, want) \
  { #expression, (long long)(expression), want }

#define EXPECT_CALLS(...)                                                  \
  do {                                                                     \
    const struct call calls[] = {__VA_ARGS__};                             \
    for (size_t i_ = 0; i_ < sizeof calls / sizeof *calls; i_++)           \
      ck_assert_msg(calls[i_].got == calls[i_].want, "%s: %lld, not %lld", \
                    calls[i_].text, calls[i_].got, calls[i_].want);        \
  } while (0)

#define ARG KVSP_ERR_ARG
#define STATE KVSP_ERR_STATE
#define BUSY KVSP_ERR_REENTRANT

static kvsp_reader *new_reader(uint32_t flags) {
  kvsp_reader_config config = {.struct_size = sizeof config, .flags = flags};
  kvsp_reader *r = NULL;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  return r;
}

static kvsp_tokenizer *new_tokenizer(void) {
  kvsp_tokenizer *t = NULL;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, NULL), KVSP_OK);
  return t;
}

static int never_called(void *user, const kvsp_item *item) {
  (void)user, (void)item;
  ck_abort_msg("the callback was called");
  return 0;
}

/* ---- nothing -------------------------------------------------------- */

/* Bytes that are said to be there. */
static const kvsp_view nowhere = {NULL, 3};
static const kvsp_view empty = {NULL, 0};

START_TEST(null_for_common) {
  kvsp_buf *b = NULL;
  kvsp_buf_unref(NULL);
  EXPECT_CALLS(
      CALL(kvsp_buf_copy(NULL, empty, NULL), ARG),
      CALL(kvsp_buf_copy(&b, nowhere, NULL), ARG),
      CALL(kvsp_buf_ref(NULL) == NULL, 1), CALL(kvsp_buf_view(NULL).len, 0),
      CALL(kvsp_buf_view(NULL).data == NULL, 1), CALL(kvsp_sizeof(NULL), 0),
      CALL(kvsp_sizeof(""), 0), CALL(kvsp_status_text(12345) != NULL, 1),
      CALL(kvsp_status_name(-12345) != NULL, 1),
      CALL(kvsp_status_is_fatal(0), 0));
  ck_assert_ptr_null(b);
  ck_assert_int_eq(kvsp_buf_copy(&b, empty, NULL), KVSP_OK);
  ck_assert_uint_eq(kvsp_buf_view(b).len, 0);
  kvsp_buf_unref(b);
}
END_TEST

START_TEST(null_for_ebml) {
  uint8_t out[16] = {0};
  const kvsp_view one = {out, 1};
  uint64_t u = 7;
  int64_t i = 7;
  double f = 7;
  EXPECT_CALLS(CALL(kvsp_ebml_read_id(nowhere, &u), ARG),
               CALL(kvsp_ebml_read_id(one, NULL), ARG),
               CALL(kvsp_ebml_read_size(nowhere, &u), ARG),
               CALL(kvsp_ebml_read_size(one, NULL), ARG),
               CALL(kvsp_ebml_read_vint(nowhere, &u), ARG),
               CALL(kvsp_ebml_read_vint(one, NULL), ARG),
               CALL(kvsp_ebml_read_signed_vint(nowhere, &i), ARG),
               CALL(kvsp_ebml_read_signed_vint(one, NULL), ARG),
               CALL(kvsp_ebml_uint(nowhere, &u), ARG),
               CALL(kvsp_ebml_uint(one, NULL), ARG),
               CALL(kvsp_ebml_int(nowhere, &i), ARG),
               CALL(kvsp_ebml_int(one, NULL), ARG),
               CALL(kvsp_ebml_float((kvsp_view){NULL, 4}, &f), ARG),
               CALL(kvsp_ebml_float(empty, NULL), ARG),
               CALL(kvsp_ebml_date((kvsp_view){NULL, 8}, &i), ARG),
               CALL(kvsp_ebml_date(empty, NULL), ARG),
               CALL(kvsp_ebml_string(nowhere).len, 0));
  ck_assert(u == 7 && i == 7 && f == 7);
  EXPECT_CALLS(CALL(kvsp_ebml_read_id(empty, &u), 0),
               CALL(kvsp_ebml_read_vint(empty, &u), 0),
               CALL(kvsp_ebml_write_id(NULL, 9, KVSP_ID_EBML), 0),
               CALL(kvsp_ebml_write_id(out, 0, KVSP_ID_EBML), 0),
               CALL(kvsp_ebml_write_size(NULL, 9, 5, 0), 0),
               CALL(kvsp_ebml_write_size(out, 0, 5, 0), 0),
               CALL(kvsp_ebml_write_size(out, 16, 5, 9), 0),
               CALL(kvsp_ebml_write_uint(NULL, 99, KVSP_ID_TIMESTAMP, 1), 0),
               CALL(kvsp_ebml_write_uint(out, 0, KVSP_ID_TIMESTAMP, 1), 0),
               CALL(kvsp_ebml_write_float(NULL, 99, KVSP_ID_DURATION, 1), 0),
               CALL(kvsp_ebml_write_binary(NULL, 99, KVSP_ID_VOID, empty), 0),
               CALL(kvsp_ebml_write_binary(out, 16, KVSP_ID_VOID, nowhere), 0),
               CALL(kvsp_ebml_write_binary(out, 16, KVSP_ID_VOID, empty), 2),
               CALL(kvsp_element_by_name(NULL) == NULL, 1),
               CALL(kvsp_element_by_id(0) == NULL, 1),
               CALL(kvsp_element_at(SIZE_MAX) == NULL, 1),
               CALL(kvsp_element_allowed_in(NULL, 0), 0));
}
END_TEST

START_TEST(null_for_the_tokenizer) {
  kvsp_tokenizer *t = new_tokenizer();
  const kvsp_event *e = NULL;
  size_t room = 0;
  void *data = NULL;
  kvsp_tokenizer_free(NULL);
  EXPECT_CALLS(CALL(kvsp_tokenizer_new(NULL, NULL), ARG),
               CALL(kvsp_tokenizer_reset(NULL), ARG),
               CALL(kvsp_tokenizer_input(NULL, "", 0, 0), ARG),
               CALL(kvsp_tokenizer_input(t, NULL, 1, 0), ARG),
               CALL(kvsp_tokenizer_next(NULL, &e), ARG),
               CALL(kvsp_tokenizer_next(t, NULL), ARG),
               CALL(kvsp_tokenizer_collect(NULL, 1), ARG),
               CALL(kvsp_tokenizer_skip(NULL), ARG),
               CALL(kvsp_tokenizer_resync(NULL), ARG),
               CALL(kvsp_tokenizer_reserve(NULL, 1, &data, &room), ARG),
               CALL(kvsp_tokenizer_reserve(t, 1, NULL, &room), ARG),
               CALL(kvsp_tokenizer_reserve(t, 1, &data, NULL), ARG),
               CALL(kvsp_tokenizer_commit(NULL, 0, 0), ARG),
               CALL(kvsp_tokenizer_set_limits(NULL, NULL), ARG),
               CALL(kvsp_tokenizer_error(NULL)->status, ARG),
               CALL(kvsp_tokenizer_offset(NULL), 0));
  /* None of it left a trace; NULL where it may be. */
  ck_assert_int_eq(kvsp_tokenizer_error(t)->status, KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_set_limits(t, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_tokenizer_input(t, NULL, 0, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_END);
  kvsp_tokenizer_free(t);
}
END_TEST

START_TEST(null_for_the_reader) {
  kvsp_reader *r = new_reader(0);
  kvsp_fragment fragment = {.index = 0};
  const kvsp_view number = {(const uint8_t *)"001", 3};
  kvsp_reader_stats stats = {0};
  const kvsp_item *item;
  kvsp_buf *kept = NULL;
  size_t room = 0;
  void *data = NULL;
  kvsp_reader_free(NULL);
  EXPECT_CALLS(
      CALL(kvsp_reader_new(NULL, NULL), ARG),
      CALL(kvsp_reader_reset(NULL), ARG),
      CALL(kvsp_reader_input(NULL, "", 0, 0), ARG),
      CALL(kvsp_reader_input(r, NULL, 1, 0), ARG),
      CALL(kvsp_reader_next(NULL, &item), ARG),
      CALL(kvsp_reader_next(r, NULL), ARG),
      CALL(kvsp_reader_visit(NULL, "", 0, 0, never_called, NULL), ARG),
      CALL(kvsp_reader_visit(r, "", 0, 0, NULL, NULL), ARG),
      CALL(kvsp_reader_visit(r, NULL, 1, 0, never_called, NULL), ARG),
      CALL(kvsp_reader_visit(r, NULL, 1, KVSP_FINAL, never_called, NULL), ARG),
      CALL(kvsp_reader_reserve(NULL, 1, &data, &room), ARG),
      CALL(kvsp_reader_reserve(r, 1, NULL, &room), ARG),
      CALL(kvsp_reader_reserve(r, 1, &data, NULL), ARG),
      CALL(kvsp_reader_commit(NULL, 0, 0), ARG),
      CALL(kvsp_reader_trim(NULL), ARG),
      CALL(kvsp_reader_set_limits(NULL, NULL), ARG),
      CALL(kvsp_reader_get_stats(NULL, &stats, sizeof stats), ARG),
      CALL(kvsp_reader_get_stats(r, NULL, sizeof stats), ARG),
      CALL(kvsp_reader_get_stats(r, &stats, 0), KVSP_OK),
      CALL(kvsp_reader_error(NULL)->status, ARG),
      CALL(kvsp_reader_offset(NULL), 0),
      CALL(kvsp_frame_retain(NULL, &kept), ARG),
      CALL(kvsp_frame_retain(NULL, NULL), ARG),
      CALL(kvsp_fragment_tag(NULL, "x") == NULL, 1),
      CALL(kvsp_fragment_tag(&fragment, NULL) == NULL, 1),
      CALL(kvsp_fragment_tag(&fragment, "x") == NULL, 1),
      CALL(kvsp_fragment_number_compare(nowhere, empty), 0),
      CALL(kvsp_fragment_number_compare(nowhere, number) < 0, 1),
      CALL(kvsp_fragment_number_compare(number, empty) > 0, 1),
      CALL(kvsp_fragment_error_text(0) == NULL, 1));
  /* None of it left a trace; NULL where it may be. */
  ck_assert_int_eq(kvsp_reader_error(r)->status, KVSP_OK);
  ck_assert_int_eq(kvsp_reader_set_limits(r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, never_called, NULL),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_reader_get_stats(r, &stats, sizeof stats), KVSP_OK);
  ck_assert_uint_eq(stats.bytes_fed, 0);
  kvsp_reader_free(r);
}
END_TEST

/* A SimpleTag without a name is that of the name "". */
START_TEST(tags_without_a_name) {
  const kvsp_tag nameless = {.depth = 0};
  const kvsp_tag *tags[] = {&nameless};
  const kvsp_fragment f = {.tags = tags, .tag_count = 1};
  ck_assert_ptr_eq(kvsp_fragment_tag(&f, ""), &nameless);
  ck_assert_ptr_null(kvsp_fragment_tag(&f, "x"));
}
END_TEST

/* ---- what makes no sense -------------------------------------------- */

/* Smaller, larger, none: a caller of another time, or one who forgot. */
START_TEST(wrong_struct_sizes) {
  for (size_t size = 0; size <= 2 * sizeof(kvsp_reader_config); size++) {
    kvsp_limits limits = {.struct_size = sizeof limits};
    kvsp_reader_config config = {.struct_size = size};
    kvsp_tokenizer_config small = {.struct_size = size};
    kvsp_reader *r = NULL;
    kvsp_tokenizer *t = NULL;
    ck_assert_int_eq(kvsp_reader_new(&r, &config),
                     size == sizeof config ? KVSP_OK : ARG);
    ck_assert_int_eq(kvsp_tokenizer_new(&t, &small),
                     size == sizeof small ? KVSP_OK : ARG);
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
    limits.struct_size = size;
    config.struct_size = sizeof config;
    small.struct_size = sizeof small;
    config.limits = small.limits = &limits;
    ck_assert_int_eq(kvsp_reader_new(&r, &config),
                     size == sizeof limits ? KVSP_OK : ARG);
    ck_assert_int_eq(kvsp_tokenizer_new(&t, &small),
                     size == sizeof limits ? KVSP_OK : ARG);
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
    r = new_reader(0);
    t = new_tokenizer();
    ck_assert_int_eq(kvsp_reader_set_limits(r, &limits),
                     size == sizeof limits ? KVSP_OK : ARG);
    ck_assert_int_eq(kvsp_tokenizer_set_limits(t, &limits),
                     size == sizeof limits ? KVSP_OK : ARG);
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
  }
}
END_TEST

/* Each bit that is no flag yet. */
START_TEST(wrong_flags) {
  for (unsigned bit = 0; bit < 32; bit++) {
    const uint32_t flag = UINT32_C(1) << bit;
    kvsp_reader_config config = {.struct_size = sizeof config, .flags = flag};
    kvsp_tokenizer_config small = {.struct_size = sizeof small, .flags = flag};
    kvsp_reader *r = NULL;
    kvsp_tokenizer *t = NULL;
    ck_assert_int_eq(kvsp_reader_new(&r, &config), bit < 6 ? KVSP_OK : ARG);
    ck_assert_int_eq(kvsp_tokenizer_new(&t, &small), bit < 1 ? KVSP_OK : ARG);
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
    config.flags = small.flags = 0;
    config.reserved = small.reserved = flag;
    ck_assert_int_eq(kvsp_reader_new(&r, &config), ARG);
    ck_assert_int_eq(kvsp_tokenizer_new(&t, &small), ARG);
    if (flag == KVSP_FINAL) continue;
    r = new_reader(0);
    t = new_tokenizer();
    EXPECT_CALLS(CALL(kvsp_reader_input(r, "", 0, flag), ARG),
                 CALL(kvsp_reader_input(r, "", 0, flag | KVSP_FINAL), ARG),
                 CALL(kvsp_reader_visit(r, "", 0, flag, never_called, r), ARG),
                 CALL(kvsp_reader_commit(r, 0, flag), ARG),
                 CALL(kvsp_tokenizer_input(t, "", 0, flag), ARG),
                 CALL(kvsp_tokenizer_commit(t, 0, flag), ARG));
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
  }
}
END_TEST

START_TEST(wrong_track_lists) {
  static const uint64_t number = 1;
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_reader *r = NULL;
  config.track_count = 1;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), ARG);
  config.tracks = &number;
  config.track_count = SIZE_MAX;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), ARG);
  config.track_count = 0;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  kvsp_reader_free(r);
}
END_TEST

/* All three functions of an allocator, or none. */
START_TEST(half_an_allocator) {
  for (unsigned which = 0; which < 8; which++) {
    struct test_allocator a;
    kvsp_reader_config config = {.struct_size = sizeof config,
                                 .allocator = &a.allocator};
    kvsp_tokenizer_config small = {.struct_size = sizeof small,
                                   .allocator = &a.allocator};
    const int want = which == 0 || which == 7 ? KVSP_OK : ARG;
    kvsp_reader *r = NULL;
    kvsp_tokenizer *t = NULL;
    kvsp_buf *b = NULL;
    test_allocator_init(&a);
    if (!(which & 1)) a.allocator.alloc = NULL;
    if (!(which & 2)) a.allocator.resize = NULL;
    if (!(which & 4)) a.allocator.release = NULL;
    EXPECT_CALLS(CALL(kvsp_reader_new(&r, &config), want),
                 CALL(kvsp_tokenizer_new(&t, &small), want),
                 CALL(kvsp_buf_copy(&b, empty, &a.allocator), want));
    kvsp_reader_free(r);
    kvsp_tokenizer_free(t);
    kvsp_buf_unref(b);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
}
END_TEST

/* ---- at the wrong time ---------------------------------------------- */

/* What a reader and a tokenizer are asked when they cannot go on: next says
 * why, the others that it is not the time. */
static void expect_over(kvsp_reader *r, int why) {
  const kvsp_item *item = NULL;
  size_t room = 0;
  void *data = NULL;
  for (int twice = 0; twice < 2; twice++)
    EXPECT_CALLS(CALL(kvsp_reader_next(r, &item), why),
                 CALL(kvsp_reader_visit(r, NULL, 0, 0, never_called, r), why),
                 CALL(kvsp_reader_input(r, "", 1, 0), STATE),
                 CALL(kvsp_reader_input(r, NULL, 0, KVSP_FINAL), STATE),
                 CALL(kvsp_reader_visit(r, "", 1, 0, never_called, r), STATE),
                 CALL(kvsp_reader_reserve(r, 1, &data, &room), STATE),
                 CALL(kvsp_reader_commit(r, 0, 0), STATE),
                 CALL(kvsp_reader_set_limits(r, NULL), KVSP_OK),
                 CALL(kvsp_reader_error(r)->status, why < 0 ? why : KVSP_OK));
  ck_assert_ptr_null(item);
}

/* After the end, or after a fault with KVSP_READ_STRICT (_i is the byte that
 * is bent), when the bytes that were lent are long gone; then from the start
 * again. */
START_TEST(a_reader_that_is_over) {
  struct recorder whole = {0}, again = {0};
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r = new_reader(KVSP_READ_STRICT | KVSP_READ_CHECK_CRC);
  uint8_t *piece;
  int rc;
  build_fragments(&b, 1, 2);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &whole);
  piece = guard_copy(b.data, b.len);
  if (_i) piece[(size_t)_i * 13 % b.len] ^= 0xFF;
  ck_assert_int_eq(kvsp_reader_input(r, piece, b.len, KVSP_FINAL), KVSP_OK);
  do {
    rc = kvsp_reader_next(r, &item);
  } while (rc == KVSP_OK);
  ck_assert(rc == KVSP_END || (rc <= KVSP_ERR_EBML && rc >= KVSP_ERR_CRC) ||
            rc <= KVSP_ERR_LIMIT_DEPTH);
  guard_free(piece, b.len);
  if (rc > KVSP_ERR_LIMIT_DEPTH) expect_over(r, rc);
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  feed(r, FEED_PULL, b.data, b.len, 0, &again);
  ck_assert(texts_equal(recorder_text(&whole), recorder_text(&again), "reset"));
  kvsp_reader_free(r);
  recorder_clear(&whole);
  recorder_clear(&again);
  bytes_free(&b);
}
END_TEST

START_TEST(a_tokenizer_that_is_over) {
  struct bytes b = {0};
  kvsp_tokenizer *t = new_tokenizer();
  const kvsp_event *e = NULL;
  size_t room = 0;
  void *data = NULL;
  uint8_t *piece;
  int rc;
  build_fragments(&b, 1, 2);
  piece = guard_copy(b.data, b.len);
  if (_i) piece[(size_t)_i * 13 % b.len] ^= 0xFF;
  ck_assert_int_eq(kvsp_tokenizer_input(t, piece, b.len, KVSP_FINAL), KVSP_OK);
  do {
    rc = kvsp_tokenizer_next(t, &e);
  } while (rc == KVSP_OK);
  guard_free(piece, b.len);
  for (int twice = 0; twice < 2; twice++)
    EXPECT_CALLS(CALL(kvsp_tokenizer_next(t, &e), rc),
                 CALL(kvsp_tokenizer_input(t, "", 1, 0), STATE),
                 CALL(kvsp_tokenizer_reserve(t, 1, &data, &room), STATE),
                 CALL(kvsp_tokenizer_commit(t, 0, 0), STATE),
                 CALL(kvsp_tokenizer_collect(t, 1), STATE),
                 CALL(kvsp_tokenizer_skip(t), STATE),
                 CALL(kvsp_tokenizer_error(t)->status, rc < 0 ? rc : KVSP_OK));
  if (rc == KVSP_END) ck_assert_int_eq(kvsp_tokenizer_resync(t), STATE);
  ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_NEED_INPUT);
  kvsp_tokenizer_free(t);
  bytes_free(&b);
}
END_TEST

/* Between reserve and commit nothing else may be called. */
START_TEST(calls_inside_reserve) {
  kvsp_reader *r = new_reader(0);
  kvsp_tokenizer *t = new_tokenizer();
  const kvsp_item *item;
  const kvsp_event *e;
  size_t room = 0, other = 0;
  void *data = NULL, *again = NULL;
  EXPECT_CALLS(CALL(kvsp_reader_commit(r, 0, 0), STATE),
               CALL(kvsp_tokenizer_commit(t, 0, 0), STATE));
  ck_assert_int_eq(kvsp_reader_reserve(r, 0, &data, &room), KVSP_OK);
  ck_assert_uint_ge(room, 1);
  EXPECT_CALLS(CALL(kvsp_reader_reserve(r, 9, &again, &other), STATE),
               CALL(kvsp_reader_input(r, "x", 1, 0), STATE),
               CALL(kvsp_reader_next(r, &item), STATE),
               CALL(kvsp_reader_visit(r, NULL, 0, 0, never_called, r), STATE),
               CALL(kvsp_reader_commit(r, room + 1, 0), ARG),
               CALL(kvsp_reader_commit(r, SIZE_MAX, 0), ARG),
               CALL(kvsp_reader_trim(r), STATE),
               CALL(kvsp_reader_set_limits(r, NULL), KVSP_OK));
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), STATE);
  ck_assert_int_eq(kvsp_reader_reserve(r, SIZE_MAX, &data, &room), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), STATE);
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &data, &room), KVSP_OK);
  kvsp_reader_free(r);
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &data, &room), KVSP_OK);
  EXPECT_CALLS(CALL(kvsp_tokenizer_reserve(t, 1, &again, &other), STATE),
               CALL(kvsp_tokenizer_input(t, "x", 1, 0), STATE),
               CALL(kvsp_tokenizer_next(t, &e), STATE),
               CALL(kvsp_tokenizer_collect(t, 1), STATE),
               CALL(kvsp_tokenizer_skip(t), STATE),
               CALL(kvsp_tokenizer_resync(t), STATE),
               CALL(kvsp_tokenizer_commit(t, room + 1, 0), ARG));
  kvsp_tokenizer_free(t);
}
END_TEST

/* While bytes are lent, at every item. */
START_TEST(input_while_bytes_are_lent) {
  kvsp_reader *r = new_reader(0);
  struct bytes b = {0};
  const kvsp_item *item;
  size_t room = 0;
  void *data = NULL;
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  do {
    EXPECT_CALLS(CALL(kvsp_reader_input(r, b.data, 1, 0), STATE),
                 CALL(kvsp_reader_input(r, NULL, 0, 0), STATE),
                 CALL(kvsp_reader_visit(r, "", 1, 0, never_called, r), STATE),
                 CALL(kvsp_reader_reserve(r, 1, &data, &room), STATE),
                 CALL(kvsp_reader_commit(r, 0, 0), STATE));
  } while (kvsp_reader_next(r, &item) == KVSP_OK);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- frames that are gone ------------------------------------------- */

/* A reader at the last frame of what it was given: all of it was put together
 * in its own memory. */
static const kvsp_frame *last_frame(kvsp_reader *r, const struct bytes *b) {
  const kvsp_item *item = NULL;
  size_t room = 0;
  void *data = NULL;
  ck_assert_int_eq(kvsp_reader_reserve(r, b->len, &data, &room), KVSP_OK);
  ck_assert_uint_ge(room, b->len);
  memcpy(data, b->data, b->len);
  ck_assert_int_eq(kvsp_reader_commit(r, b->len, 0), KVSP_OK);
  while (kvsp_reader_offset(r) < b->len)
    ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_uint_eq(item->type, KVSP_ITEM_FRAME);
  return item->frame;
}

static void next_of(kvsp_reader *r) {
  const kvsp_item *item;
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_NEED_INPUT);
}

static void reserve_of(kvsp_reader *r) {
  size_t room = 0;
  void *data = NULL;
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &data, &room), KVSP_OK);
}

static void reset_of(kvsp_reader *r) {
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
}

static void visit_of(kvsp_reader *r) {
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, never_called, r), KVSP_OK);
}

/* _i is what makes the frame go. */
START_TEST(retain_of_a_frame_that_is_gone) {
  static void (*const goings[])(kvsp_reader *) = {next_of, reserve_of, reset_of,
                                                  visit_of};
  const struct build_fragment plain = {.number = 1, .no_tail = true};
  kvsp_reader *r = new_reader(0);
  struct bytes b = {0};
  const kvsp_frame *frame;
  kvsp_frame copy;
  kvsp_buf *first = NULL, *second = NULL, *third = NULL;
  build_fragment(&b, &plain);
  frame = last_frame(r, &b);
  copy = *frame;
  ck_assert_int_eq(kvsp_frame_retain(frame, &first), KVSP_OK);
  ck_assert_int_eq(kvsp_frame_retain(&copy, &second), KVSP_OK);
  goings[_i](r);
  ck_assert_int_eq(kvsp_frame_retain(frame, &third), STATE);
  ck_assert_ptr_null(third);
  ck_assert_int_eq(kvsp_frame_retain(&copy, &third), STATE);
  ck_assert_ptr_null(third);
  kvsp_reader_free(r);
  ck_assert_mem_eq(kvsp_buf_view(first).data, b.data + b.len - 300, 300);
  ck_assert_mem_eq(kvsp_buf_view(second).data, b.data + b.len - 300, 300);
  kvsp_buf_unref(first);
  kvsp_buf_unref(second);
  bytes_free(&b);
}
END_TEST

/* ---- from the callback ---------------------------------------------- */

static int free_here(void *user, const kvsp_item *item) {
  kvsp_reader *const *r = user;
  kvsp_reader_free(*r);
  kvsp_reader_free(*r);
  ck_assert_uint_eq(item->type, KVSP_ITEM_FRAGMENT); /* it is still there */
  ck_assert_uint_eq(item->fragment->track_count, 2);
  ck_assert_int_eq(kvsp_reader_error(*r)->status, KVSP_OK);
  return 0;
}

static int free_and_stop(void *user, const kvsp_item *item) {
  (void)free_here(user, item);
  return KVSP_ERR_USER - 5;
}

/* The reader goes when the visit is over. */
START_TEST(free_from_the_callback) {
  struct test_allocator a;
  kvsp_reader_config config = {.struct_size = sizeof config,
                               .allocator = &a.allocator};
  struct bytes b = {0};
  kvsp_reader *r = NULL;
  build_fragments(&b, 1, 1);
  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_visit(r, b.data, b.len, KVSP_FINAL,
                                     _i ? free_and_stop : free_here, &r),
                   _i ? KVSP_ERR_USER - 5 : BUSY);
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&b);
}
END_TEST

static int call_back(void *user, const kvsp_item *item) {
  kvsp_reader *r = user;
  kvsp_reader_stats stats;
  const kvsp_item *other = item;
  kvsp_buf *kept = NULL;
  size_t room = 0;
  void *data = NULL;
  EXPECT_CALLS(CALL(kvsp_reader_next(r, &other), BUSY),
               CALL(kvsp_reader_input(r, "", 1, 0), BUSY),
               CALL(kvsp_reader_visit(r, "", 1, 0, never_called, NULL), BUSY),
               CALL(kvsp_reader_visit(r, NULL, 0, 0, never_called, NULL), BUSY),
               CALL(kvsp_reader_reserve(r, 1, &data, &room), BUSY),
               CALL(kvsp_reader_commit(r, 0, 0), BUSY),
               CALL(kvsp_reader_reset(r), BUSY),
               CALL(kvsp_reader_trim(r), BUSY),
               CALL(kvsp_reader_set_limits(r, NULL), BUSY),
               CALL(kvsp_reader_error(r)->status, KVSP_OK),
               CALL(kvsp_reader_offset(r) > 0, 1),
               CALL(kvsp_reader_get_stats(r, &stats, sizeof stats), KVSP_OK));
  ck_assert_ptr_null(other);
  if (item->frame) {
    ck_assert_int_eq(kvsp_frame_retain(item->frame, &kept), KVSP_OK);
    kvsp_buf_unref(kept);
  }
  return item->type == KVSP_ITEM_TAGS ? KVSP_PAUSED : 0;
}

START_TEST(calls_from_the_callback) {
  struct recorder recorder = {0};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(0);
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(
      kvsp_reader_visit(r, b.data, b.len, KVSP_FINAL, call_back, r),
      KVSP_PAUSED);
  /* Outside again, all is well. */
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, record_visit, &recorder),
                   KVSP_END);
  ck_assert_str_eq(recorder_order(&recorder), "tE");
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* ---- the merger ----------------------------------------------------- */

static int drop(void *user, const void *data, size_t len,
                const kvsp_merge_segment *segment) {
  (void)user, (void)data, (void)len, (void)segment;
  return 0;
}

static kvsp_merger *new_merger(void) {
  kvsp_merger_config config = {.struct_size = sizeof config, .output = drop};
  kvsp_merger *m = NULL;
  ck_assert_int_eq(kvsp_merger_new(&m, &config), KVSP_OK);
  return m;
}

START_TEST(null_for_the_merger) {
  kvsp_merger_config config = {.struct_size = sizeof config};
  kvsp_merger_stats stats[2];
  kvsp_merger *m = new_merger();
  kvsp_merger *none = m;
  EXPECT_CALLS(CALL(kvsp_merger_new(NULL, &config), ARG),
               CALL(kvsp_merger_new(&none, NULL), ARG),
               CALL(kvsp_merger_new(&none, &config), ARG),
               CALL(none == NULL, 1), CALL(kvsp_merger_reset(NULL), ARG),
               CALL(kvsp_merger_write(NULL, "", 0, 0), ARG),
               CALL(kvsp_merger_write(m, NULL, 1, 0), ARG),
               CALL(kvsp_merger_write(m, NULL, 1, KVSP_FINAL), ARG),
               CALL(kvsp_merger_set_limits(NULL, NULL), ARG),
               CALL(kvsp_merger_error(NULL)->status, ARG),
               CALL(kvsp_merger_error(m)->status, KVSP_OK),
               CALL(kvsp_merger_get_stats(NULL, stats, sizeof *stats), ARG),
               CALL(kvsp_merger_get_stats(m, NULL, sizeof *stats), ARG));
  memset(stats, 0xEE, sizeof stats);
  ck_assert_int_eq(kvsp_merger_get_stats(m, stats, sizeof stats), KVSP_OK);
  ck_assert_uint_eq(stats[1].segments + stats[1].memory, 0);
  /* Nothing was done. */
  ck_assert_int_eq(kvsp_merger_write(m, NULL, 0, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_write(m, "", 0, KVSP_FINAL), KVSP_END);
  kvsp_merger_free(m);
  kvsp_merger_free(NULL);
}
END_TEST

START_TEST(wrong_sizes_for_the_merger) {
  for (size_t size = 0; size <= 2 * sizeof(kvsp_merger_config); size++) {
    kvsp_limits limits = {.struct_size = size};
    kvsp_merger_config config = {.struct_size = size, .output = drop};
    kvsp_merger *m = NULL;
    ck_assert_int_eq(kvsp_merger_new(&m, &config),
                     size == sizeof config ? KVSP_OK : ARG);
    kvsp_merger_free(m);
    config.struct_size = sizeof config;
    config.limits = &limits;
    ck_assert_int_eq(kvsp_merger_new(&m, &config),
                     size == sizeof limits ? KVSP_OK : ARG);
    kvsp_merger_free(m);
    m = new_merger();
    ck_assert_int_eq(kvsp_merger_set_limits(m, &limits),
                     size == sizeof limits ? KVSP_OK : ARG);
    kvsp_merger_free(m);
  }
}
END_TEST

START_TEST(wrong_flags_for_the_merger) {
  const uint32_t known = KVSP_MERGE_STRICT | KVSP_MERGE_CHECK_CRC |
                         KVSP_MERGE_TAGS | KVSP_MERGE_STOP;
  for (unsigned bit = 0; bit < 32; bit++) {
    const uint32_t flag = UINT32_C(1) << bit;
    kvsp_merger_config config = {
        .struct_size = sizeof config, .output = drop, .flags = flag};
    kvsp_merger *m = NULL;
    ck_assert_int_eq(kvsp_merger_new(&m, &config),
                     flag & known ? KVSP_OK : ARG);
    kvsp_merger_free(m);
    config.flags = 0;
    config.mode = flag;
    ck_assert_int_eq(kvsp_merger_new(&m, &config),
                     flag <= KVSP_MERGE_KEEP ? KVSP_OK : ARG);
    kvsp_merger_free(m);
    m = new_merger();
    if (flag != KVSP_FINAL)
      EXPECT_CALLS(CALL(kvsp_merger_write(m, "", 0, flag), ARG),
                   CALL(kvsp_merger_write(m, NULL, 0, flag), ARG),
                   CALL(kvsp_merger_write(m, "", 0, flag | KVSP_FINAL), ARG));
    kvsp_merger_free(m);
  }
}
END_TEST

START_TEST(half_an_allocator_for_the_merger) {
  for (unsigned which = 0; which < 8; which++) {
    struct test_allocator a;
    kvsp_merger_config config = {.struct_size = sizeof config,
                                 .allocator = &a.allocator,
                                 .output = drop};
    kvsp_merger *m = NULL;
    test_allocator_init(&a);
    if (!(which & 1)) a.allocator.alloc = NULL;
    if (!(which & 2)) a.allocator.resize = NULL;
    if (!(which & 4)) a.allocator.release = NULL;
    ck_assert_int_eq(kvsp_merger_new(&m, &config),
                     which == 0 || which == 7 ? KVSP_OK : ARG);
    kvsp_merger_free(m);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
}
END_TEST

/* While bytes are lent, for want of memory, there can be no others. */
START_TEST(more_for_a_merger_that_waits) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_memory = 1};
  kvsp_merger *m = new_merger();
  struct bytes b = {0};
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(kvsp_merger_set_limits(m, &limits), KVSP_OK);
  EXPECT_CALLS(
      CALL(kvsp_merger_write(m, b.data, b.len, 0), KVSP_ERR_LIMIT_MEMORY),
      CALL(kvsp_merger_write(m, b.data, b.len, 0), STATE),
      CALL(kvsp_merger_write(m, NULL, 0, KVSP_FINAL), STATE),
      CALL(kvsp_merger_write(m, NULL, 1, 0), ARG),
      CALL(kvsp_merger_write(m, NULL, 0, 0), KVSP_ERR_LIMIT_MEMORY),
      CALL(kvsp_merger_set_limits(m, NULL), KVSP_OK),
      CALL(kvsp_merger_write(m, NULL, 0, 0), KVSP_OK),
      CALL(kvsp_merger_write(m, NULL, 0, KVSP_FINAL), KVSP_END),
      CALL(kvsp_merger_write(m, "x", 1, 0), KVSP_END),
      CALL(kvsp_merger_write(m, NULL, 0, KVSP_FINAL), KVSP_END),
      CALL(kvsp_merger_reset(m), KVSP_OK),
      CALL(kvsp_merger_write(m, b.data, b.len, KVSP_FINAL), KVSP_END));
  kvsp_merger_free(m);
  bytes_free(&b);
}
END_TEST

struct inside {
  kvsp_merger *merger;
  bool frees, in_item;
  int rc, calls;
};

static int call_merger(struct inside *in) {
  kvsp_merger_stats stats;
  EXPECT_CALLS(
      CALL(kvsp_merger_write(in->merger, "x", 1, 0), BUSY),
      CALL(kvsp_merger_write(in->merger, NULL, 0, 0), BUSY),
      CALL(kvsp_merger_reset(in->merger), BUSY),
      CALL(kvsp_merger_set_limits(in->merger, NULL), BUSY),
      CALL(kvsp_merger_error(in->merger)->status, KVSP_OK),
      CALL(kvsp_merger_get_stats(in->merger, &stats, sizeof stats), KVSP_OK));
  in->calls++;
  if (!in->frees) return 0;
  kvsp_merger_free(in->merger);
  kvsp_merger_free(in->merger);
  return in->rc;
}

static int call_from_output(void *user, const void *data, size_t len,
                            const kvsp_merge_segment *segment) {
  struct inside *in = user;
  (void)data, (void)len, (void)segment;
  return in->in_item ? 0 : call_merger(in);
}

static int call_from_item(void *user, const kvsp_item *item) {
  struct inside *in = user;
  int rc = in->in_item ? call_merger(in) : 0;
  ck_assert(item->type == KVSP_ITEM_GAP || item->fragment); /* still there */
  return rc;
}

/* _i: from which callback, freeing it or not, with which answer. */
START_TEST(merger_calls_from_the_callback) {
  struct test_allocator a;
  struct inside in = {.frees = _i & 1, .in_item = _i & 2};
  kvsp_merger_config config = {.struct_size = sizeof config,
                               .allocator = &a.allocator,
                               .output = call_from_output,
                               .item = call_from_item,
                               .user = &in};
  struct bytes b = {0};
  int rc;
  in.rc = _i & 4 ? KVSP_ERR_USER - 5 : 0;
  build_fragments(&b, 1, 2);
  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_merger_new(&in.merger, &config), KVSP_OK);
  rc = kvsp_merger_write(in.merger, b.data, b.len, KVSP_FINAL);
  if (in.frees) {
    ck_assert_int_eq(in.calls, 1);
    ck_assert_int_eq(rc, in.rc ? in.rc : BUSY);
  } else {
    ck_assert_int_gt(in.calls, 5);
    ck_assert_int_eq(rc, KVSP_END);
    kvsp_merger_free(in.merger);
  }
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&b);
}
END_TEST

/* ---- the suite ------------------------------------------------------ */

int main(void) {
  Suite *suite = suite_create("misuse");
  TCase *tc = tcase_create("misuse");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, null_for_common);
  tcase_add_test(tc, null_for_ebml);
  tcase_add_test(tc, null_for_the_tokenizer);
  tcase_add_test(tc, null_for_the_reader);
  tcase_add_test(tc, tags_without_a_name);
  tcase_add_test(tc, wrong_struct_sizes);
  tcase_add_test(tc, wrong_flags);
  tcase_add_test(tc, wrong_track_lists);
  tcase_add_test(tc, half_an_allocator);
  tcase_add_loop_test(tc, a_reader_that_is_over, 0, 100);
  tcase_add_loop_test(tc, a_tokenizer_that_is_over, 0, 100);
  tcase_add_test(tc, calls_inside_reserve);
  tcase_add_test(tc, input_while_bytes_are_lent);
  tcase_add_loop_test(tc, retain_of_a_frame_that_is_gone, 0, 4);
  tcase_add_loop_test(tc, free_from_the_callback, 0, 2);
  tcase_add_test(tc, calls_from_the_callback);
  tcase_add_test(tc, null_for_the_merger);
  tcase_add_test(tc, wrong_sizes_for_the_merger);
  tcase_add_test(tc, wrong_flags_for_the_merger);
  tcase_add_test(tc, half_an_allocator_for_the_merger);
  tcase_add_test(tc, more_for_a_merger_that_waits);
  tcase_add_loop_test(tc, merger_calls_from_the_callback, 0, 8);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
