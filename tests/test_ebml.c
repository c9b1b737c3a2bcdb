/*
 * test_ebml.c - VINTs of every length, payloads of every length and type, and
 * what the writers write.  Every input ends at a page that cannot be read.
 */
#include <check.h>
#include <float.h>
#include <kvsparse/ebml.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/guard.h"
#include "support/suite.h"

#define EPOCH_2001_NS INT64_C(978307200000000000)

typedef int (*read_uint_function)(kvsp_view v, uint64_t *value);

/* The number of that length, all of whose value bits are set. */
static uint64_t all_ones(int length) {
  return (UINT64_C(1) << (7 * length)) - 1;
}

/* A VINT made bit by bit, as RFC 8794, 4 describes it. */
static void make_vint(uint8_t *out, int length, uint64_t number) {
  uint64_t raw = number | UINT64_C(1) << (7 * length);
  for (int i = length - 1; i >= 0; i--) {
    out[i] = (uint8_t)(raw & 0xFF);
    raw >>= 8;
  }
}

/* Reads len bytes that touch the guard page. */
static int read_at_guard(read_uint_function read, const uint8_t *bytes,
                         size_t len, uint64_t *value) {
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = {copy, len};
  int rc = read(v, value);
  guard_free(copy, len);
  return rc;
}

static int read_signed_at_guard(const uint8_t *bytes, size_t len,
                                int64_t *value) {
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = {copy, len};
  int rc = kvsp_ebml_read_signed_vint(v, value);
  guard_free(copy, len);
  return rc;
}

/* The same result when other bytes follow, up to more than a VINT's eight. */
static void expect_vint(read_uint_function read, int length, uint64_t number,
                        int rc, uint64_t value) {
  uint8_t bytes[20];
  memset(bytes, 0xA5, sizeof bytes);
  make_vint(bytes, length, number);
  for (size_t len = (size_t)length; len <= sizeof bytes; len++) {
    uint64_t got = 0;
    ck_assert_int_eq(read_at_guard(read, bytes, len, &got), rc);
    if (rc > 0) ck_assert_uint_eq(got, value);
  }
}

START_TEST(vint_of_every_length) {
  int length = _i;
  uint64_t ones = all_ones(length);
  const uint64_t numbers[] = {0, 1, ones >> 1, ones - 1, ones};

  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    expect_vint(kvsp_ebml_read_vint, length, numbers[i], length, numbers[i]);
  for (int bit = 0; bit < 7 * length; bit++)
    expect_vint(kvsp_ebml_read_vint, length, UINT64_C(1) << bit, length,
                UINT64_C(1) << bit);
}
END_TEST

START_TEST(size_of_every_length) {
  int length = _i;
  uint64_t ones = all_ones(length);

  expect_vint(kvsp_ebml_read_size, length, 0, length, 0);
  expect_vint(kvsp_ebml_read_size, length, 5, length, 5);
  expect_vint(kvsp_ebml_read_size, length, ones - 1, length, ones - 1);
  expect_vint(kvsp_ebml_read_size, length, ones, length, KVSP_SIZE_UNKNOWN);
}
END_TEST

START_TEST(id_of_every_length) {
  int length = _i;
  uint64_t marker = UINT64_C(1) << (7 * length);
  uint64_t ones = all_ones(length);
  uint64_t lowest = all_ones(length - 1); /* 0 for one byte */

  expect_vint(kvsp_ebml_read_id, length, lowest, length, marker | lowest);
  expect_vint(kvsp_ebml_read_id, length, lowest + 1, length,
              marker | (lowest + 1));
  expect_vint(kvsp_ebml_read_id, length, ones - 1, length, marker | (ones - 1));
  expect_vint(kvsp_ebml_read_id, length, ones, KVSP_ERR_EBML, 0);
  if (length == 1) return;
  expect_vint(kvsp_ebml_read_id, length, 0, KVSP_ERR_EBML, 0);
  expect_vint(kvsp_ebml_read_id, length, 1, KVSP_ERR_EBML, 0);
  expect_vint(kvsp_ebml_read_id, length, lowest - 1, KVSP_ERR_EBML, 0);
}
END_TEST

/* By hand: 127 does not fit one byte, whose all-ones are reserved. */
START_TEST(ids_known_by_hand) {
  static const struct {
    uint8_t bytes[4];
    size_t len;
    int rc;
    uint64_t id;
  } cases[] = {
      {{0x1A, 0x45, 0xDF, 0xA3}, 4, 4, 0x1A45DFA3},
      {{0x18, 0x53, 0x80, 0x67}, 4, 4, 0x18538067},
      {{0x2A, 0xD7, 0xB1, 0}, 4, 3, 0x2AD7B1},
      {{0x42, 0x86, 0, 0}, 4, 2, 0x4286},
      {{0xA3, 0, 0, 0}, 4, 1, 0xA3},
      {{0x80, 0, 0, 0}, 4, 1, 0x80}, /* ChapterDisplay: RFC 9559 */
      {{0xFE}, 1, 1, 0xFE},
      {{0xFF}, 1, KVSP_ERR_EBML, 0},
      {{0x40, 0x7F}, 2, 2, 0x407F},
      {{0x40, 0x7E}, 2, KVSP_ERR_EBML, 0},
      {{0x40, 0x00}, 2, KVSP_ERR_EBML, 0},
      {{0x7F, 0xFE}, 2, 2, 0x7FFE},
      {{0x7F, 0xFF}, 2, KVSP_ERR_EBML, 0},
      {{0x20, 0x3F, 0xFF}, 3, 3, 0x203FFF},
      {{0x20, 0x3F, 0xFE}, 3, KVSP_ERR_EBML, 0},
      {{0x10, 0x1F, 0xFF, 0xFF}, 4, 4, 0x101FFFFF},
      {{0x10, 0x1F, 0xFF, 0xFE}, 4, KVSP_ERR_EBML, 0},
      {{0x1F, 0xFF, 0xFF, 0xFF}, 4, KVSP_ERR_EBML, 0},
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t id = 0;
    int rc =
        read_at_guard(kvsp_ebml_read_id, cases[i].bytes, cases[i].len, &id);
    ck_assert_int_eq(rc, cases[i].rc);
    if (rc > 0) ck_assert_uint_eq(id, cases[i].id);
  }
}
END_TEST

START_TEST(signed_vint_of_every_length) {
  int length = _i;
  int64_t bias = (int64_t)(all_ones(length) >> 1);
  const uint64_t numbers[] = {0, (uint64_t)bias - 1, (uint64_t)bias,
                              (uint64_t)bias + 1, all_ones(length)};

  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uint8_t bytes[8];
    int64_t got = 0;
    make_vint(bytes, length, numbers[i]);
    ck_assert_int_eq(read_signed_at_guard(bytes, (size_t)length, &got), length);
    ck_assert_int_eq(got, (int64_t)numbers[i] - bias);
    ck_assert_int_eq(read_signed_at_guard(bytes, (size_t)length - 1, &got), 0);
  }
}
END_TEST

/* RFC 9559, 10.3.3: frames of 800, 500 and 1000 bytes in a lace. */
START_TEST(signed_vint_known_by_hand) {
  static const uint8_t minus_300[] = {0x5E, 0xD3};
  static const uint8_t minus_63[] = {0x80};
  static const uint8_t plus_64[] = {0xFF};
  int64_t got = 0;

  ck_assert_int_eq(read_signed_at_guard(minus_300, 2, &got), 2);
  ck_assert_int_eq(got, -300);
  ck_assert_int_eq(read_signed_at_guard(minus_63, 1, &got), 1);
  ck_assert_int_eq(got, -63);
  ck_assert_int_eq(read_signed_at_guard(plus_64, 1, &got), 1);
  ck_assert_int_eq(got, 64);
}
END_TEST

/* Too few bytes: 0, whichever they are; the value stays as it was. */
START_TEST(vint_that_ends_too_soon) {
  static const read_uint_function reads[] = {
      kvsp_ebml_read_id, kvsp_ebml_read_size, kvsp_ebml_read_vint};
  int length = _i;
  uint8_t bytes[8];

  make_vint(bytes, length, all_ones(length) - 1);
  for (size_t len = 0; len < (size_t)length; len++) {
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
      uint64_t got = 77;
      ck_assert_int_eq(read_at_guard(reads[i], bytes, len, &got), 0);
      ck_assert_uint_eq(got, 77);
    }
  }
}
END_TEST

START_TEST(vint_longer_than_eight) {
  static const uint8_t bytes[10] = {0, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8};
  const kvsp_view nothing = {NULL, 0};
  uint64_t got;
  int64_t difference;

  for (size_t len = 1; len <= sizeof bytes; len++) {
    ck_assert_int_eq(read_at_guard(kvsp_ebml_read_id, bytes, len, &got),
                     KVSP_ERR_EBML);
    ck_assert_int_eq(read_at_guard(kvsp_ebml_read_size, bytes, len, &got),
                     KVSP_ERR_EBML);
    ck_assert_int_eq(read_at_guard(kvsp_ebml_read_vint, bytes, len, &got),
                     KVSP_ERR_EBML);
    ck_assert_int_eq(read_signed_at_guard(bytes, len, &difference),
                     KVSP_ERR_EBML);
  }
  ck_assert_int_eq(kvsp_ebml_read_id(nothing, &got), 0);
  ck_assert_int_eq(kvsp_ebml_read_size(nothing, &got), 0);
  ck_assert_int_eq(kvsp_ebml_read_vint(nothing, &got), 0);
}
END_TEST

/* All first bytes there are, by the definition: the first bit that is set
 * gives the length. */
START_TEST(every_first_byte) {
  uint8_t bytes[8] = {(uint8_t)_i, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE};
  int length = 1;
  uint64_t got = 0;
  uint64_t raw = 0;

  while ((_i & (0x100 >> length)) == 0) length++;
  for (int i = 0; i < length; i++) raw = raw << 8 | bytes[i];
  ck_assert_int_eq(
      read_at_guard(kvsp_ebml_read_vint, bytes, sizeof bytes, &got), length);
  ck_assert_uint_eq(got, raw & all_ones(length));
}
END_TEST

/* 0 to 8 bytes with the top bit set, then with it clear; 9 are too many. */
START_TEST(integers_of_every_length) {
  static const uint8_t high[9] = {0x81, 2, 3, 4, 5, 6, 7, 8, 9};
  static const uint8_t low[9] = {0x71, 2, 3, 4, 5, 6, 7, 8, 9};
  static const uint64_t high_value[9] = {0,
                                         0x81,
                                         0x8102,
                                         0x810203,
                                         0x81020304,
                                         0x8102030405,
                                         0x810203040506,
                                         0x81020304050607,
                                         0x8102030405060708};
  size_t len = (size_t)_i;
  uint8_t *high_copy = guard_copy(high, len);
  uint8_t *low_copy = guard_copy(low, len);
  kvsp_view h = {high_copy, len};
  kvsp_view l = {low_copy, len};
  uint64_t u = 0;
  int64_t i = 0;

  if (len > 8) {
    ck_assert_int_eq(kvsp_ebml_uint(h, &u), KVSP_ERR_SCHEMA);
    ck_assert_int_eq(kvsp_ebml_int(h, &i), KVSP_ERR_SCHEMA);
  } else {
    uint64_t sign = len == 0 || len == 8 ? 0 : UINT64_MAX << (8 * len);
    ck_assert_int_eq(kvsp_ebml_uint(h, &u), KVSP_OK);
    ck_assert_uint_eq(u, high_value[len]);
    ck_assert_int_eq(kvsp_ebml_int(h, &i), KVSP_OK);
    ck_assert_uint_eq((uint64_t)i, high_value[len] | sign);
    ck_assert_int_eq(kvsp_ebml_uint(l, &u), KVSP_OK);
    ck_assert_int_eq(kvsp_ebml_int(l, &i), KVSP_OK);
    ck_assert_int_ge(i, 0);
    ck_assert_uint_eq((uint64_t)i, u);
  }
  guard_free(high_copy, len);
  guard_free(low_copy, len);
}
END_TEST

START_TEST(integers_at_their_limits) {
  static const uint8_t ones[8] = {0xFF, 0xFF, 0xFF, 0xFF,
                                  0xFF, 0xFF, 0xFF, 0xFF};
  static const uint8_t lowest[8] = {0x80, 0, 0, 0, 0, 0, 0, 0};
  int64_t i = 0;
  uint64_t u = 0;

  for (size_t len = 1; len <= 8; len++) {
    kvsp_view v = {ones, len};
    ck_assert_int_eq(kvsp_ebml_int(v, &i), KVSP_OK);
    ck_assert_int_eq(i, -1);
    v.data = lowest;
    ck_assert_int_eq(kvsp_ebml_int(v, &i), KVSP_OK);
    ck_assert_int_eq(i, INT64_MIN >> (64 - 8 * len));
  }
  ck_assert_int_eq(kvsp_ebml_uint((kvsp_view){ones, 8}, &u), KVSP_OK);
  ck_assert_uint_eq(u, UINT64_MAX);
  ck_assert_int_eq(kvsp_ebml_uint((kvsp_view){NULL, 0}, &u), KVSP_OK);
  ck_assert_uint_eq(u, 0);
  ck_assert_int_eq(kvsp_ebml_int((kvsp_view){NULL, 0}, &i), KVSP_OK);
  ck_assert_int_eq(i, 0);
}
END_TEST

START_TEST(floats_of_every_length) {
  static const uint8_t bytes[9] = {0x40, 0x48, 0xF5, 0xC3, 0, 0, 0, 0, 0};
  size_t len = (size_t)_i;
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = {copy, len};
  double f = 1;
  int rc = kvsp_ebml_float(v, &f);

  if (len == 0)
    ck_assert(rc == KVSP_OK && f == 0.0);
  else if (len == 4)
    ck_assert(rc == KVSP_OK && f == 0x1.91eb86p+1 /* 3.14f */);
  else if (len == 8)
    ck_assert(rc == KVSP_OK && f > 49.9 && f < 50.0);
  else
    ck_assert_int_eq(rc, KVSP_ERR_SCHEMA);
  guard_free(copy, len);
}
END_TEST

START_TEST(floats_known_by_hand) {
  static const uint8_t rate[4] = {0x46, 0xFA, 0, 0}; /* 32000 */
  static const uint8_t minus_half[8] = {0xBF, 0xE0, 0, 0, 0, 0, 0, 0};
  static const uint8_t infinite[4] = {0x7F, 0x80, 0, 0};
  static const uint8_t nan_bytes[8] = {0x7F, 0xF8, 0, 0, 0, 0, 0, 0};
  double f = 0;

  ck_assert_int_eq(kvsp_ebml_float((kvsp_view){rate, 4}, &f), KVSP_OK);
  ck_assert(f == 32000.0);
  ck_assert_int_eq(kvsp_ebml_float((kvsp_view){minus_half, 8}, &f), KVSP_OK);
  ck_assert(f == -0.5);
  ck_assert_int_eq(kvsp_ebml_float((kvsp_view){infinite, 4}, &f), KVSP_OK);
  ck_assert(isinf(f) && f > 0);
  ck_assert_int_eq(kvsp_ebml_float((kvsp_view){nan_bytes, 8}, &f), KVSP_OK);
  ck_assert(isnan(f));
}
END_TEST

static int date_of(int64_t since_2001, int64_t *unix_ns) {
  uint8_t bytes[8];
  uint64_t bits = (uint64_t)since_2001;
  kvsp_view v = {bytes, sizeof bytes};

  for (int i = 7; i >= 0; i--) {
    bytes[i] = (uint8_t)(bits & 0xFF);
    bits >>= 8;
  }
  return kvsp_ebml_date(v, unix_ns);
}

START_TEST(dates) {
  int64_t ns = 0;

  ck_assert_int_eq(date_of(0, &ns), KVSP_OK);
  ck_assert_int_eq(ns, EPOCH_2001_NS);
  ck_assert_int_eq(date_of(-EPOCH_2001_NS, &ns), KVSP_OK);
  ck_assert_int_eq(ns, 0);
  ck_assert_int_eq(date_of(-EPOCH_2001_NS - 1, &ns), KVSP_OK);
  ck_assert_int_eq(ns, -1);
  ck_assert_int_eq(date_of(INT64_MIN, &ns), KVSP_OK);
  ck_assert_int_eq(ns, INT64_MIN + EPOCH_2001_NS);
  ck_assert_int_eq(date_of(INT64_MAX - EPOCH_2001_NS, &ns), KVSP_OK);
  ck_assert_int_eq(ns, INT64_MAX);
  ck_assert_int_eq(date_of(INT64_MAX - EPOCH_2001_NS + 1, &ns),
                   KVSP_ERR_SCHEMA);
  ck_assert_int_eq(date_of(INT64_MAX, &ns), KVSP_ERR_SCHEMA);
}
END_TEST

START_TEST(dates_of_every_length) {
  static const uint8_t zeros[9] = {0};
  size_t len = (size_t)_i;
  uint8_t *copy = guard_copy(zeros, len);
  kvsp_view v = {copy, len};
  int64_t ns = 0;
  int rc = kvsp_ebml_date(v, &ns);

  if (len == 0 || len == 8)
    ck_assert(rc == KVSP_OK && ns == EPOCH_2001_NS);
  else
    ck_assert_int_eq(rc, KVSP_ERR_SCHEMA);
  guard_free(copy, len);
}
END_TEST

static void expect_string(const char *bytes, size_t len, size_t trimmed) {
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = kvsp_ebml_string((kvsp_view){copy, len});

  ck_assert_ptr_eq(v.data, copy);
  ck_assert_uint_eq(v.len, trimmed);
  guard_free(copy, len);
}

START_TEST(strings) {
  kvsp_view none = kvsp_ebml_string((kvsp_view){NULL, 0});

  ck_assert_uint_eq(none.len, 0);
  ck_assert_ptr_null(none.data);
  expect_string("", 0, 0);
  expect_string("webm", 4, 4);
  expect_string("matroska\0", 9, 8);
  expect_string("V_MPEG4/ISO/AVC\0\0\0\0\0", 20, 15);
  expect_string("a\0b\0", 4, 1);
  expect_string("\0\0\0", 3, 0);
}
END_TEST

/* Around each length's border: what was written is what is read, in the
 * fewest bytes and in all that are more; all other lengths are refused. */
START_TEST(sizes_come_back) {
  int border = _i;
  uint64_t ones = all_ones(border);
  const uint64_t sizes[] = {ones - 2, ones - 1, ones, ones + 1};

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int fewest = sizes[i] < ones ? border : border + 1;
    for (int length = 0; length <= 9; length++) {
      uint8_t bytes[8];
      uint64_t got = 0;
      int want = length == 0 ? fewest : length;
      size_t n =
          kvsp_ebml_write_size(bytes, sizeof bytes, sizes[i], (unsigned)length);
      if (want < fewest || want > 8) {
        ck_assert_uint_eq(n, 0);
        continue;
      }
      ck_assert_uint_eq(n, (size_t)want);
      ck_assert_int_eq(read_at_guard(kvsp_ebml_read_size, bytes, n, &got),
                       want);
      ck_assert_uint_eq(got, sizes[i]);
    }
  }
}
END_TEST

START_TEST(unknown_size_comes_back) {
  uint8_t bytes[8];
  uint64_t got = 0;
  size_t length = (size_t)_i;

  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, sizeof bytes, KVSP_SIZE_UNKNOWN,
                                         (unsigned)length),
                    length);
  ck_assert_int_eq(read_at_guard(kvsp_ebml_read_size, bytes, length, &got),
                   (int)length);
  ck_assert_uint_eq(got, KVSP_SIZE_UNKNOWN);
  ck_assert_uint_eq(
      kvsp_ebml_write_size(bytes, sizeof bytes, KVSP_SIZE_UNKNOWN, 0), 1);
  ck_assert_uint_eq(bytes[0], 0xFF);
}
END_TEST

START_TEST(sizes_that_do_not_fit) {
  uint8_t bytes[8] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};

  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 0, 0, 0), 0);
  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 1, 127, 0), 0);
  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 7, 1, 8), 0);
  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 8, 1, 9), 0);
  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 8, all_ones(8), 0), 0);
  ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 8, UINT64_MAX - 1, 0), 0);
  ck_assert_uint_eq(
      kvsp_ebml_write_size(bytes, sizeof bytes, KVSP_SIZE_UNKNOWN, 9), 0);
  for (size_t i = 0; i < sizeof bytes; i++) ck_assert_uint_eq(bytes[i], 0x55);
}
END_TEST

/* Every ID of the table, written where it just fits and where it does not. */
START_TEST(ids_come_back) {
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    uint8_t bytes[8];
    uint64_t id = 0;
    size_t n = kvsp_ebml_write_id(bytes, sizeof bytes, row->id);
    ck_assert_uint_gt(n, 0);
    ck_assert_int_eq(read_at_guard(kvsp_ebml_read_id, bytes, n, &id), (int)n);
    ck_assert_uint_eq(id, row->id);
    ck_assert_uint_eq(kvsp_ebml_write_id(bytes, n, row->id), n);
    ck_assert_uint_eq(kvsp_ebml_write_id(bytes, n - 1, row->id), 0);
  }
}
END_TEST

START_TEST(ids_that_are_none) {
  static const uint64_t ids[] = {
      0,      1,      0x7F,     0xFF,       0x100,      0x3FFF,
      0x4000, 0x407E, 0x7FFF,   0x8000,     0xFFFF,     0x200000,
      0x3FFE, 0x2000, 0x3FFFFF, 0x101FFFFE, 0x1FFFFFFF, UINT64_MAX};
  uint8_t bytes[8];

  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
    ck_assert_uint_eq(kvsp_ebml_write_id(bytes, sizeof bytes, ids[i]), 0);
}
END_TEST

/* One written element: header and payload, at a guard page. */
typedef struct parsed {
  uint64_t id, size;
  kvsp_view payload;
} parsed;

static parsed parse(const uint8_t *bytes, size_t len) {
  parsed p;
  kvsp_view v = {bytes, len};
  int n = kvsp_ebml_read_id(v, &p.id);

  ck_assert_int_gt(n, 0);
  v.data += n;
  v.len -= (size_t)n;
  n = kvsp_ebml_read_size(v, &p.size);
  ck_assert_int_gt(n, 0);
  p.payload = (kvsp_view){v.data + n, v.len - (size_t)n};
  ck_assert_uint_eq(p.payload.len, p.size);
  return p;
}

static void expect_uint(uint64_t value, size_t payload) {
  uint8_t *out = guard_copy("0123456789AB", 12);
  size_t want = 3 + payload; /* an ID of two bytes, a size of one */
  uint8_t *tight = guard_copy("0123456789AB", want);
  uint64_t got = 0;
  parsed p;

  ck_assert_uint_eq(kvsp_ebml_write_uint(out, 12, KVSP_ID_EBML_VERSION, value),
                    want);
  ck_assert_uint_eq(
      kvsp_ebml_write_uint(tight, want, KVSP_ID_EBML_VERSION, value), want);
  ck_assert_mem_eq(out, tight, want);
  p = parse(tight, want);
  ck_assert_uint_eq(p.id, KVSP_ID_EBML_VERSION);
  ck_assert_int_eq(kvsp_ebml_uint(p.payload, &got), KVSP_OK);
  ck_assert_uint_eq(got, value);
  for (size_t capacity = 0; capacity < want; capacity++)
    ck_assert_uint_eq(
        kvsp_ebml_write_uint(out, capacity, KVSP_ID_EBML_VERSION, value), 0);
  guard_free(out, 12);
  guard_free(tight, want);
}

START_TEST(uints_come_back) {
  expect_uint(0, 1);
  for (unsigned bytes = 1; bytes < 8; bytes++) {
    uint64_t border = UINT64_C(1) << (8 * bytes);
    expect_uint(border - 1, bytes);
    expect_uint(border, bytes + 1);
  }
  expect_uint(UINT64_MAX, 8);
}
END_TEST

static void expect_float(double value, size_t payload) {
  uint8_t out[11];
  double got = 0;
  size_t n = kvsp_ebml_write_float(out, sizeof out, KVSP_ID_DURATION, value);

  ck_assert_uint_eq(n, 3 + payload);
  ck_assert_int_eq(kvsp_ebml_float(parse(out, n).payload, &got), KVSP_OK);
  ck_assert_mem_eq(&got, &value, sizeof got);
  ck_assert_uint_eq(kvsp_ebml_write_float(out, n - 1, KVSP_ID_DURATION, value),
                    0);
}

START_TEST(floats_come_back) {
  expect_float(0.0, 4);
  expect_float(-0.0, 4);
  expect_float(8000.0, 4);
  expect_float((double)FLT_MAX, 4);
  expect_float(-(double)FLT_MAX, 4);
  expect_float(0.1, 8);
  expect_float(DBL_MAX, 8);
  expect_float(DBL_MIN, 8);
  expect_float((double)INFINITY, 8);
  expect_float((double)-INFINITY, 8);
  expect_float((double)NAN, 8);
}
END_TEST

/* Payloads around the borders of one-byte and two-byte sizes. */
START_TEST(binaries_come_back) {
  static const size_t lengths[] = {0, 1, 126, 127, 16382, 16383};
  static uint8_t data[16383];

  memset(data, 0x5A, sizeof data);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    size_t len = lengths[i];
    size_t want = 1 + (len < 127 ? 1u : len < 16383 ? 2u : 3u) + len;
    uint8_t *out = calloc(1, want);
    kvsp_view v = {len > 0 ? data : NULL, len};
    parsed p;
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(
        kvsp_ebml_write_binary(out, want - 1, KVSP_ID_SIMPLE_BLOCK, v), 0);
    ck_assert_uint_eq(out[0], 0); /* nothing was written */
    ck_assert_uint_eq(
        kvsp_ebml_write_binary(out, want, KVSP_ID_SIMPLE_BLOCK, v), want);
    p = parse(out, want);
    ck_assert_uint_eq(p.size, len);
    if (len > 0) ck_assert_mem_eq(p.payload.data, data, len);
    free(out);
  }
}
END_TEST

START_TEST(writers_refuse_what_is_no_id) {
  uint8_t out[16];
  const kvsp_view v = {out, 1};

  ck_assert_uint_eq(kvsp_ebml_write_uint(out, sizeof out, 0x4000, 1), 0);
  ck_assert_uint_eq(kvsp_ebml_write_float(out, sizeof out, 0xFF, 1.0), 0);
  ck_assert_uint_eq(kvsp_ebml_write_binary(out, sizeof out, 0, v), 0);
}
END_TEST

static TCase *vint_case(void) {
  TCase *tc = tcase_create("vint");
  tcase_add_loop_test(tc, vint_of_every_length, 1, 9);
  tcase_add_loop_test(tc, size_of_every_length, 1, 9);
  tcase_add_loop_test(tc, id_of_every_length, 1, 9);
  tcase_add_test(tc, ids_known_by_hand);
  tcase_add_loop_test(tc, signed_vint_of_every_length, 1, 9);
  tcase_add_test(tc, signed_vint_known_by_hand);
  tcase_add_loop_test(tc, vint_that_ends_too_soon, 1, 9);
  tcase_add_test(tc, vint_longer_than_eight);
  tcase_add_loop_test(tc, every_first_byte, 1, 256);
  return tc;
}

static TCase *payload_case(void) {
  TCase *tc = tcase_create("payload");
  tcase_add_loop_test(tc, integers_of_every_length, 0, 10);
  tcase_add_test(tc, integers_at_their_limits);
  tcase_add_loop_test(tc, floats_of_every_length, 0, 10);
  tcase_add_test(tc, floats_known_by_hand);
  tcase_add_test(tc, dates);
  tcase_add_loop_test(tc, dates_of_every_length, 0, 10);
  tcase_add_test(tc, strings);
  return tc;
}

static TCase *writer_case(void) {
  TCase *tc = tcase_create("writer");
  tcase_add_loop_test(tc, sizes_come_back, 1, 8);
  tcase_add_loop_test(tc, unknown_size_comes_back, 1, 9);
  tcase_add_test(tc, sizes_that_do_not_fit);
  tcase_add_test(tc, ids_come_back);
  tcase_add_test(tc, ids_that_are_none);
  tcase_add_test(tc, uints_come_back);
  tcase_add_test(tc, floats_come_back);
  tcase_add_test(tc, binaries_come_back);
  tcase_add_test(tc, writers_refuse_what_is_no_id);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("ebml");
  suite_add_tcase(suite, vint_case());
  suite_add_tcase(suite, payload_case());
  suite_add_tcase(suite, writer_case());
  return run_suite(suite);
}
