/*
 * test_fragment.c - what AWS's tags mean: both dialects, errors, numbers,
 * times, and how a fragment follows the one before.
 */
#include "fragment.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/mux.h"
#include "support/suite.h"
#include "times.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static kvsp_view view_of(const char *text) {
  kvsp_view v = {(const uint8_t *)text, strlen(text)};
  return v;
}

static bool view_is(kvsp_view v, const char *text) {
  return v.data != NULL && v.len == strlen(text) &&
         memcmp(v.data, text, v.len) == 0;
}

static void apply(kvsp_fragment *f, const char *name, const char *value) {
  kvsp_tag tag = {.name = view_of(name), .value = view_of(value)};
  tag.flags = KVSP_TAG_STRING;
  kvsp_fragment_apply_tag(f, &tag);
}

/* A fresh fragment with that one tag of AWS's. */
static kvsp_fragment with(const char *name, const char *value) {
  kvsp_fragment f;
  char full[80] = "AWS_KINESISVIDEO_";
  memcpy(full + strlen(full), name, strlen(name) + 1);
  kvsp_fragment_init(&f);
  apply(&f, full, value);
  return f;
}

/* ---- tags -------------------------------------------------------------- */

START_TEST(nothing_is_known_at_first) {
  kvsp_fragment f;
  kvsp_fragment_init(&f);
  ck_assert_uint_eq(f.flags, 0);
  ck_assert_uint_eq(f.error_id, 0);
  ck_assert_ptr_null(f.number.data);
  ck_assert_ptr_null(f.continuation_token.data);
  ck_assert_ptr_null(f.error_code.data);
  ck_assert_ptr_null(f.error_message.data);
  ck_assert_int_eq(f.producer_time_ns, KVSP_TIME_NONE);
  ck_assert_int_eq(f.server_time_ns, KVSP_TIME_NONE);
  ck_assert_int_eq(f.millis_behind_now, KVSP_TIME_NONE);
  ck_assert_int_eq(f.start_ns, KVSP_TIME_NONE);
  ck_assert_int_eq(f.gap_ns, KVSP_TIME_NONE);
  ck_assert_uint_eq(f.timestamp_scale, 1000000);
}
END_TEST

START_TEST(both_dialects) {
  ck_assert_int_eq(with("SERVER_TIMESTAMP", "1.5").server_time_ns,
                   3 * SECOND / 2);
  ck_assert_int_eq(with("SERVER_SIDE_TIMESTAMP", "1.5").server_time_ns,
                   3 * SECOND / 2);
  ck_assert_int_eq(with("PRODUCER_TIMESTAMP", "45.000").producer_time_ns,
                   45 * SECOND);
  ck_assert_int_eq(with("PRODUCER_SIDE_TIMESTAMP", "0.000").producer_time_ns,
                   0);
  ck_assert_int_eq(with("MILLIS_BEHIND_NOW", "15858").millis_behind_now, 15858);
  ck_assert(view_is(with("FRAGMENT_NUMBER", "0123").number, "0123"));
  ck_assert(
      view_is(with("CONTINUATION_TOKEN", "abc").continuation_token, "abc"));
  ck_assert_uint_eq(with("END_OF_FRAGMENT", "").flags, KVSP_FRAGMENT_END_TAG);
}
END_TEST

START_TEST(errors_of_both_dialects) {
  kvsp_fragment f = with("ERROR_ID", "4501");
  ck_assert_uint_eq(f.error_id, 4501);
  apply(&f, "AWS_KINESISVIDEO_ERROR_CODE", "KMS_KEY_DISABLED");
  ck_assert(view_is(f.error_code, "KMS_KEY_DISABLED"));
  ck_assert_ptr_null(f.error_message.data);
  f = with("EXCEPTION_ERROR_CODE", "4000");
  apply(&f, "AWS_KINESISVIDEO_EXCEPTION_MESSAGE", "not found");
  ck_assert_uint_eq(f.error_id, 4000);
  ck_assert(view_is(f.error_code, "4000"));
  ck_assert(view_is(f.error_message, "not found"));
  f = with("EXCEPTION_ERROR_CODE", "AccessDenied");
  ck_assert_uint_eq(f.error_id, 0);
  ck_assert(view_is(f.error_code, "AccessDenied"));
}
END_TEST

START_TEST(error_ids_that_are_none) {
  ck_assert_uint_eq(with("ERROR_ID", "").error_id, 0);
  ck_assert_uint_eq(with("ERROR_ID", "-1").error_id, 0);
  ck_assert_uint_eq(with("ERROR_ID", "0x10").error_id, 0);
  ck_assert_uint_eq(with("ERROR_ID", "4294967295").error_id, UINT32_MAX);
  ck_assert_uint_eq(with("ERROR_ID", "4294967296").error_id, 0);
  ck_assert_uint_eq(with("ERROR_ID", "99999999999999999999").error_id, 0);
}
END_TEST

START_TEST(error_texts) {
  static const uint32_t known[] = {3002, 4000, 4500, 4501, 4502,
                                   4503, 4504, 4505, 4506, 5000};
  static const uint32_t unknown[] = {0, 1, 3001, 3003, 4499, 4507, UINT32_MAX};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const char *text = kvsp_fragment_error_text(known[i]);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(strlen(text), 10);
    for (size_t j = 0; j < i; j++)
      ck_assert_str_ne(text, kvsp_fragment_error_text(known[j]));
  }
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    ck_assert_ptr_null(kvsp_fragment_error_text(unknown[i]));
  ck_assert_ptr_nonnull(strstr(kvsp_fragment_error_text(4501), "disabled"));
}
END_TEST

/* Names that are like AWS's, and values that are no strings. */
START_TEST(other_tags_mean_nothing) {
  static const char *const names[] = {
      "",
      "FRAGMENT_NUMBER",
      "AWS_KINESISVIDEO_",
      "AWS_KINESISVIDEO_FRAGMENT_NUMBE",
      "AWS_KINESISVIDEO_FRAGMENT_NUMBERS",
      "aws_kinesisvideo_fragment_number",
      " AWS_KINESISVIDEO_FRAGMENT_NUMBER",
  };
  kvsp_tag tag = {.name = view_of("AWS_KINESISVIDEO_FRAGMENT_NUMBER"),
                  .value = view_of("5")};
  kvsp_fragment f;
  kvsp_fragment_init(&f);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    apply(&f, names[i], "5");
  tag.flags = KVSP_TAG_BINARY;
  kvsp_fragment_apply_tag(&f, &tag);
  tag.flags = 0;
  kvsp_fragment_apply_tag(&f, &tag);
  ck_assert_ptr_null(f.number.data);
  ck_assert_uint_eq(f.flags, 0);
}
END_TEST

START_TEST(complete_needs_both_tail_tags) {
  kvsp_fragment f = with("MILLIS_BEHIND_NOW", "0");
  ck_assert(!(f.flags & KVSP_FRAGMENT_COMPLETE));
  apply(&f, "AWS_KINESISVIDEO_CONTINUATION_TOKEN", "1");
  ck_assert(f.flags & KVSP_FRAGMENT_COMPLETE);
  f = with("CONTINUATION_TOKEN", "1");
  ck_assert(!(f.flags & KVSP_FRAGMENT_COMPLETE));
  apply(&f, "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "soon");
  ck_assert(!(f.flags & KVSP_FRAGMENT_COMPLETE));
  apply(&f, "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "7");
  ck_assert(f.flags & KVSP_FRAGMENT_COMPLETE);
}
END_TEST

START_TEST(last_of_several_wins) {
  kvsp_fragment f = with("FRAGMENT_NUMBER", "1");
  apply(&f, "AWS_KINESISVIDEO_FRAGMENT_NUMBER", "2");
  ck_assert(view_is(f.number, "2"));
  apply(&f, "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", "1.000");
  apply(&f, "AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP", "2.000");
  ck_assert_int_eq(f.producer_time_ns, 2 * SECOND);
  apply(&f, "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", "3.000");
  ck_assert_int_eq(f.producer_time_ns, 3 * SECOND);
  apply(&f, "AWS_KINESISVIDEO_CONTINUATION_TOKEN", "a");
  apply(&f, "AWS_KINESISVIDEO_CONTINUATION_TOKEN", "b");
  ck_assert(view_is(f.continuation_token, "b"));
}
END_TEST

/* ---- numbers ----------------------------------------------------------- */

/* A number of so many digits, the last of which is that one. */
static kvsp_view number_of(char *digits, size_t len, char first, char last) {
  kvsp_view v = {(const uint8_t *)digits, len};
  memset(digits, '0', len);
  digits[0] = first;
  digits[len - 1] = last;
  return v;
}

START_TEST(numbers_of_every_length) {
  char a[130], b[130];
  for (size_t len = 1; len <= 128; len++) {
    kvsp_fragment f;
    kvsp_view x = number_of(a, len, '9', '3');
    a[len] = '\0';
    f = with("FRAGMENT_NUMBER", a);
    ck_assert(view_is(f.number, a));
    ck_assert_int_eq(kvsp_fragment_number_compare(x, f.number), 0);
    ck_assert_int_lt(
        kvsp_fragment_number_compare(x, number_of(b, len, '9', '4')), 0);
    ck_assert_int_gt(
        kvsp_fragment_number_compare(number_of(b, len, '9', '4'), x), 0);
    ck_assert_int_lt(
        kvsp_fragment_number_compare(x, number_of(b, len + 1, '1', '0')), 0);
    ck_assert_int_gt(
        kvsp_fragment_number_compare(number_of(b, len + 1, '1', '0'), x), 0);
  }
}
END_TEST

START_TEST(leading_zeros_do_not_count) {
  static const struct {
    const char *a, *b;
    int order;
  } cases[] = {
      {"7", "0000000000000000000000000000007", 0},
      {"0", "000", 0},
      {"", "0", 0},
      {"", "", 0},
      {"0009", "10", -1},
      {"10", "0009", 1},
      {"0100", "99", 1},
      {"00123", "124", -1},
      {"9", "10", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int order =
        kvsp_fragment_number_compare(view_of(cases[i].a), view_of(cases[i].b));
    ck_assert_msg((order > 0) - (order < 0) == cases[i].order, "case %zu", i);
  }
  ck_assert_int_lt(
      kvsp_fragment_number_compare((kvsp_view){NULL, 0}, view_of("1")), 0);
}
END_TEST

START_TEST(numbers_that_are_none) {
  static const char *const values[] = {"",   "abc", "12a", "a12",
                                       "-1", "+1",  "1.5", " 1",
                                       "1 ", "0x1", "1e5", "\xD9\xA3"};
  char digits[130];
  kvsp_fragment f;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    f = with("FRAGMENT_NUMBER", values[i]);
    ck_assert_msg(f.number.data == NULL, "case %zu", i);
  }
  number_of(digits, 129, '1', '1');
  digits[129] = '\0';
  ck_assert_ptr_null(with("FRAGMENT_NUMBER", digits).number.data);
  digits[128] = '\0';
  ck_assert_ptr_nonnull(with("FRAGMENT_NUMBER", digits).number.data);
}
END_TEST

/* ---- times ------------------------------------------------------------- */

START_TEST(seconds_are_exact) {
  static const struct {
    const char *text;
    int64_t ns;
  } cases[] = {
      {"1511852109.126", INT64_C(1511852109126000000)},
      {"1511852108.513", INT64_C(1511852108513000000)},
      {"0.000", 0},
      {"45.000", 45 * SECOND},
      {"7", 7 * SECOND},
      {"7.", 7 * SECOND},
      {"-0.5", -SECOND / 2},
      {"+2.25", 9 * SECOND / 4},
      {"0.000000001", 1},
      {"0.0000000019", 1}, /* beyond nanoseconds: cut */
      {"1.001", 1001 * MS},
      {"1.1", 1100 * MS},
      {"0.3", 300 * MS},
      {"9223372036.854775807", INT64_MAX},
      {"9223372036.854775808", KVSP_TIME_NONE},
      {"9223372037", KVSP_TIME_NONE},
      {"99999999999999999999", KVSP_TIME_NONE},
      {"", KVSP_TIME_NONE},
      {".", KVSP_TIME_NONE},
      {"-", KVSP_TIME_NONE},
      {"1,5", KVSP_TIME_NONE},
      {"1.5s", KVSP_TIME_NONE},
      {"1.5.5", KVSP_TIME_NONE},
      {" 1", KVSP_TIME_NONE},
      {"1e3", KVSP_TIME_NONE},
      {"nan", KVSP_TIME_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ck_assert_msg(
        kvsp_time_parse_seconds(view_of(cases[i].text)) == cases[i].ns,
        "\"%s\"", cases[i].text);
    ck_assert_int_eq(with("SERVER_TIMESTAMP", cases[i].text).server_time_ns,
                     cases[i].ns);
  }
}
END_TEST

/* Every millisecond of a second: a double would be off for many of them. */
START_TEST(every_millisecond_is_exact) {
  for (int ms = 0; ms < 1000; ms++) {
    char text[] = "1511852108.000";
    text[11] = (char)('0' + ms / 100);
    text[12] = (char)('0' + ms / 10 % 10);
    text[13] = (char)('0' + ms % 10);
    ck_assert_int_eq(kvsp_time_parse_seconds(view_of(text)),
                     INT64_C(1511852108) * SECOND + ms * MS);
  }
}
END_TEST

START_TEST(integers) {
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("0")), 0);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("-17")), -17);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("+17")), 17);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("9223372036854775807")),
                   INT64_MAX);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("9223372036854775808")),
                   KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("")), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("1.0")), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_parse_integer(view_of("1 ")), KVSP_TIME_NONE);
}
END_TEST

START_TEST(sums_never_wrap) {
  ck_assert_int_eq(kvsp_time_add(INT64_MAX, 1), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_add(INT64_MIN + 1, -2), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_add(KVSP_TIME_NONE, 1), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_add(1, KVSP_TIME_NONE), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_subtract(-2, INT64_MAX), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_subtract(0, KVSP_TIME_NONE), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_scale(INT64_MAX / 2, 3), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_scale(1, UINT64_MAX), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_scale(-3, 100), -300);
  ck_assert_int_eq(kvsp_time_of_block(10, -20, UINT64_C(1) << 32, 1000000),
                   -10 * MS);
  ck_assert_int_eq(kvsp_time_of_block(UINT64_MAX, 0, UINT64_C(1) << 32, 1),
                   KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_of_block(INT64_MAX, 1, UINT64_C(1) << 32, 1),
                   KVSP_TIME_NONE);
}
END_TEST

START_TEST(producer_time_of_a_frame) {
  kvsp_fragment f = with("PRODUCER_TIMESTAMP", "1511852108.513");
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, 5 * SECOND), KVSP_TIME_NONE);
  f.start_ns = 5 * SECOND;
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, 5 * SECOND),
                   f.producer_time_ns);
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, 5 * SECOND + 40 * MS),
                   INT64_C(1511852108553) * MS);
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, 5 * SECOND - 40 * MS),
                   INT64_C(1511852108473) * MS);
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, KVSP_TIME_NONE),
                   KVSP_TIME_NONE);
  f.producer_time_ns = KVSP_TIME_NONE;
  ck_assert_int_eq(kvsp_fragment_producer_time(&f, 5 * SECOND), KVSP_TIME_NONE);
}
END_TEST

/* ---- one after the other ----------------------------------------------- */

START_TEST(how_a_fragment_follows) {
  enum { NONE = -1 };
  /* In ms; NONE is KVSP_TIME_NONE.  Before: start, end, producer time. */
  static const struct {
    int before[3];
    int start, producer;
    int gap;
    bool went_back;
  } cases[] = {
      {{0, 1000, 50000}, 1000, 51000, 0, false},
      {{0, 1000, 50000}, 1500, 51500, 500, false},
      {{0, 1000, 50000}, 900, 50900, -100, false},
      /* The producer's clock decides, where both have it. */
      {{0, 1000, 50000}, 1500, 51000, 0, false},
      {{0, 1000, NONE}, 1500, 51000, 500, false},
      {{0, 1000, 50000}, 1500, NONE, 500, false},
      /* A new session: timecodes say nothing, the clock still does. */
      {{5000, 6000, 50000}, 0, 53000, 2000, true},
      {{5000, 6000, NONE}, 0, 53000, NONE, true},
      {{5000, 6000, 50000}, 5000, NONE, NONE, true},
      /* Documents without a Cluster have no start. */
      {{0, 1000, 50000}, NONE, 52000, 1000, false},
      {{0, 1000, NONE}, NONE, NONE, NONE, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
#define IN_NS(ms) ((ms) == NONE ? KVSP_TIME_NONE : (ms)*MS)
    struct fragment_span before = {IN_NS(cases[i].before[0]),
                                   IN_NS(cases[i].before[1]),
                                   IN_NS(cases[i].before[2])};
    int64_t gap = IN_NS(cases[i].gap);
    kvsp_fragment f;
    kvsp_fragment_init(&f);
    f.start_ns = IN_NS(cases[i].start);
    f.producer_time_ns = IN_NS(cases[i].producer);
#undef IN_NS
    kvsp_fragment_follow(&f, &before);
    ck_assert_msg(f.gap_ns == gap, "case %zu", i);
    ck_assert_msg(
        (f.flags == KVSP_FRAGMENT_DISCONTINUITY) == cases[i].went_back &&
            (f.flags == 0) != cases[i].went_back,
        "case %zu", i);
  }
}
END_TEST

/* ---- as the reader shows it -------------------------------------------- */

/* A document with that Cluster and one frame of 40 ms. */
static void put_document(struct bytes *b, uint64_t scale, const char *producer,
                         uint64_t timestamp, int16_t timecode) {
  const struct mux_track track = {.number = 1,
                                  .type = KVSP_TRACK_VIDEO,
                                  .codec_id = "V_MJPEG",
                                  .default_duration = 40000000};
  mux_document(b);
  mux_info(b, scale);
  mux_tracks(b, &track, 1);
  if (producer) mux_head_tags(b, "17", "1511852200.000", producer);
  mux_cluster(b, timestamp);
  mux_simple_block(b, 1, timecode, 0x80, "frame", 5);
}

/* The next item of that type, all of the stream being lent. */
static const kvsp_item *next_of(kvsp_reader *r, uint32_t type) {
  const kvsp_item *item;
  do {
    ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  } while (item->type != type);
  return item;
}

static kvsp_reader *read_all(const struct bytes *b) {
  kvsp_reader *r;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  return r;
}

START_TEST(reader_gives_times) {
  static const struct {
    uint64_t scale;
    int64_t tick;
  } scales[] = {{0, MS}, {100, 100}, {1000000000, SECOND}, {1, 1}};
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
    struct bytes b = {0};
    const kvsp_item *item;
    kvsp_reader *r;
    put_document(&b, scales[i].scale, "1511852108.513", 1000, -3);
    r = read_all(&b);
    item = next_of(r, KVSP_ITEM_FRAME);
    ck_assert_uint_eq(item->fragment->timestamp_scale,
                      (uint64_t)scales[i].tick);
    ck_assert_int_eq(item->fragment->start_ns, 1000 * scales[i].tick);
    ck_assert_int_eq(item->frame->pts_ns, 997 * scales[i].tick);
    ck_assert_int_eq(item->frame->producer_time_ns,
                     INT64_C(1511852108513) * MS - 3 * scales[i].tick);
    ck_assert(view_is(item->fragment->number, "17"));
    kvsp_reader_free(r);
    bytes_free(&b);
  }
}
END_TEST

/* A tick of more than 292 years is damage, and the default is taken. */
START_TEST(reader_takes_no_endless_tick) {
  static const uint64_t scales[] = {INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
    struct bytes b = {0};
    const kvsp_item *item;
    kvsp_reader *r;
    put_document(&b, scales[i], "1511852108.513", 0, 0);
    r = read_all(&b);
    if (i > 0) {
      item = next_of(r, KVSP_ITEM_GAP);
      ck_assert_int_eq(item->gap->status, KVSP_ERR_SCHEMA);
      ck_assert_uint_eq(item->gap->element_id, KVSP_ID_TIMESTAMP_SCALE);
    }
    item = next_of(r, KVSP_ITEM_FRAME);
    ck_assert_uint_eq(item->fragment->timestamp_scale, i ? MS : scales[i]);
    ck_assert_int_eq(item->frame->pts_ns, 0);
    kvsp_reader_free(r);
    bytes_free(&b);
  }
}
END_TEST

START_TEST(reader_gives_gap_and_discontinuity) {
  struct bytes b = {0};
  const kvsp_fragment *f;
  kvsp_reader *r;
  put_document(&b, 0, "100.000", 5000, 0);
  put_document(&b, 0, "100.540", 5540, 0); /* 40 ms, then 500 ms of nothing */
  put_document(&b, 0, "100.580", 0, 0);    /* a new session */
  put_document(&b, 0, NULL, 40, 0);
  r = read_all(&b);
  f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
  ck_assert_int_eq(f->gap_ns, KVSP_TIME_NONE);
  ck_assert_uint_eq(f->flags, KVSP_FRAGMENT_NEW_TRACKS);
  f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
  ck_assert_int_eq(f->gap_ns, 500 * MS);
  ck_assert_uint_eq(f->flags, 0);
  f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
  ck_assert_int_eq(f->gap_ns, 0);
  ck_assert_uint_eq(f->flags, KVSP_FRAGMENT_DISCONTINUITY);
  f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
  ck_assert_int_eq(f->gap_ns, 0);
  ck_assert_uint_eq(f->flags, 0);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Tail tags count from their TAGS item on, and not before. */
START_TEST(reader_completes_a_fragment) {
  const struct mux_tag end = {"AWS_KINESISVIDEO_END_OF_FRAGMENT", ""};
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  put_document(&b, 0, "1.000", 0, 0);
  mux_tags(&b, &end, 1);
  mux_tail_tags(&b, "17", "-5");
  put_document(&b, 0, "2.000", 1000, 0);
  r = read_all(&b);
  item = next_of(r, KVSP_ITEM_FRAME);
  ck_assert_uint_eq(item->fragment->flags, KVSP_FRAGMENT_NEW_TRACKS);
  ck_assert_ptr_null(item->fragment->continuation_token.data);
  item = next_of(r, KVSP_ITEM_TAGS);
  ck_assert(item->fragment->flags & KVSP_FRAGMENT_END_TAG);
  item = next_of(r, KVSP_ITEM_TAGS);
  ck_assert_int_eq(item->fragment->millis_behind_now, -5);
  ck_assert(!(item->fragment->flags & KVSP_FRAGMENT_COMPLETE));
  item = next_of(r, KVSP_ITEM_TAGS);
  ck_assert(view_is(item->fragment->continuation_token, "17"));
  ck_assert(item->fragment->flags & KVSP_FRAGMENT_COMPLETE);
  item = next_of(r, KVSP_ITEM_FRAGMENT_END);
  ck_assert_uint_eq(item->fragment->flags, KVSP_FRAGMENT_NEW_TRACKS |
                                               KVSP_FRAGMENT_COMPLETE |
                                               KVSP_FRAGMENT_END_TAG);
  item = next_of(r, KVSP_ITEM_FRAGMENT_END);
  ck_assert_uint_eq(item->fragment->flags, 0);
  ck_assert_ptr_null(item->fragment->continuation_token.data);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* AWS's tags are SimpleTags of their own, not parts of others. */
START_TEST(reader_ignores_nested_names) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  size_t tags, tag, outer, inner;
  mux_document(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  tag = mux_begin(&b, KVSP_ID_TAG);
  outer = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  mux_string(&b, KVSP_ID_TAG_NAME, "outer");
  inner = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  mux_string(&b, KVSP_ID_TAG_NAME, "AWS_KINESISVIDEO_FRAGMENT_NUMBER");
  mux_string(&b, KVSP_ID_TAG_STRING, "5");
  mux_end(&b, inner);
  mux_end(&b, outer);
  mux_end(&b, tag);
  mux_end(&b, tags);
  r = read_all(&b);
  item = next_of(r, KVSP_ITEM_FRAGMENT);
  ck_assert_uint_eq(item->tag_count, 2);
  ck_assert_ptr_null(item->fragment->number.data);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

static TCase *tags_case(void) {
  TCase *tc = tcase_create("tags");
  tcase_add_test(tc, nothing_is_known_at_first);
  tcase_add_test(tc, both_dialects);
  tcase_add_test(tc, errors_of_both_dialects);
  tcase_add_test(tc, error_ids_that_are_none);
  tcase_add_test(tc, error_texts);
  tcase_add_test(tc, other_tags_mean_nothing);
  tcase_add_test(tc, complete_needs_both_tail_tags);
  tcase_add_test(tc, last_of_several_wins);
  return tc;
}

static TCase *numbers_case(void) {
  TCase *tc = tcase_create("numbers");
  tcase_add_test(tc, numbers_of_every_length);
  tcase_add_test(tc, leading_zeros_do_not_count);
  tcase_add_test(tc, numbers_that_are_none);
  return tc;
}

static TCase *times_case(void) {
  TCase *tc = tcase_create("times");
  tcase_add_test(tc, seconds_are_exact);
  tcase_add_test(tc, every_millisecond_is_exact);
  tcase_add_test(tc, integers);
  tcase_add_test(tc, sums_never_wrap);
  tcase_add_test(tc, producer_time_of_a_frame);
  tcase_add_test(tc, how_a_fragment_follows);
  return tc;
}

static TCase *reader_case(void) {
  TCase *tc = tcase_create("reader");
  tcase_add_test(tc, reader_gives_times);
  tcase_add_test(tc, reader_takes_no_endless_tick);
  tcase_add_test(tc, reader_gives_gap_and_discontinuity);
  tcase_add_test(tc, reader_completes_a_fragment);
  tcase_add_test(tc, reader_ignores_nested_names);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("fragment");
  suite_add_tcase(suite, tags_case());
  suite_add_tcase(suite, numbers_case());
  suite_add_tcase(suite, times_case());
  suite_add_tcase(suite, reader_case());
  return run_suite(suite);
}
