/*
 * test_block.c - headers of blocks, the lacings, honest and hostile, and what
 * BlockGroups hold.  Every input ends at a page that cannot be read.
 */
#include "block.h"

#include <check.h>
#include <string.h>

#include "support/build.h"
#include "support/guard.h"
#include "support/suite.h"

/* ---- headers ----------------------------------------------------------- */

static int read_header(const void *bytes, size_t len,
                       struct block_header *header) {
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = {copy, len};
  int rc = kvsp_block_read_header(v, header);
  guard_free(copy, len);
  return rc;
}

START_TEST(header_known_by_hand) {
  static const struct {
    uint8_t bytes[12];
    size_t len;
    uint64_t track;
    int timecode;
    uint8_t flags;
    unsigned lacing, laces;
    size_t size;
  } cases[] = {
      {{0x81, 0x00, 0x00, 0x80}, 4, 1, 0, 0x80, KVSP_LACING_NONE, 1, 4},
      {{0x82, 0x7F, 0xFF, 0x08}, 4, 2, 32767, 8, KVSP_LACING_NONE, 1, 4},
      {{0x81, 0x80, 0x00, 0x01}, 4, 1, -32768, 1, KVSP_LACING_NONE, 1, 4},
      {{0x81, 0xFF, 0xFF, 0x00}, 4, 1, -1, 0, KVSP_LACING_NONE, 1, 4},
      {{0x40, 0x7F, 1, 2, 0x89}, 5, 127, 258, 0x89, KVSP_LACING_NONE, 1, 5},
      {{0x81, 0, 5, 0x82, 3}, 5, 1, 5, 0x82, KVSP_LACING_XIPH, 4, 5},
      {{0x81, 0, 5, 0x04, 0}, 5, 1, 5, 4, KVSP_LACING_FIXED, 1, 5},
      {{0x81, 0, 5, 0x06, 255}, 5, 1, 5, 6, KVSP_LACING_EBML, 256, 5},
      {{0x01, 0, 0, 0, 0, 0, 0, 3, 0, 1, 6, 1},
       12,
       3,
       1,
       6,
       KVSP_LACING_EBML,
       2,
       12},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct block_header h;
    ck_assert_int_eq(read_header(cases[i].bytes, cases[i].len, &h), KVSP_OK);
    ck_assert_uint_eq(h.track_number, cases[i].track);
    ck_assert_int_eq(h.timecode, cases[i].timecode);
    ck_assert_uint_eq(h.flags, cases[i].flags);
    ck_assert_uint_eq(h.lacing, cases[i].lacing);
    ck_assert_uint_eq(h.lace_count, cases[i].laces);
    ck_assert_uint_eq(h.size, cases[i].size);
  }
}
END_TEST

/* _i is how many bytes the track number takes. */
START_TEST(track_numbers_of_every_length) {
  unsigned n = (unsigned)_i;
  const uint64_t numbers[] = {1, (UINT64_C(1) << (7 * n)) - 2};
  for (size_t i = 0; i < 2; i++) {
    uint8_t bytes[12] = {0};
    struct block_header h;
    ck_assert_uint_eq(kvsp_ebml_write_size(bytes, 8, numbers[i], n), n);
    bytes[n + 1] = 9;
    ck_assert_int_eq(read_header(bytes, n + 3, &h), KVSP_OK);
    ck_assert_uint_eq(h.track_number, numbers[i]);
    ck_assert_int_eq(h.timecode, 9);
    ck_assert_uint_eq(h.size, n + 3);
  }
}
END_TEST

START_TEST(headers_that_are_none) {
  static const uint8_t zero_track[] = {0x80, 0, 0, 0x80, 1, 2};
  static const uint8_t no_vint[] = {0x00, 0, 0, 0x80, 1, 2, 3, 4, 5, 6};
  struct block_header h;
  ck_assert_int_eq(read_header(zero_track, sizeof zero_track, &h),
                   KVSP_ERR_BLOCK);
  ck_assert_int_eq(read_header(no_vint, sizeof no_vint, &h), KVSP_ERR_BLOCK);
}
END_TEST

/* Cut anywhere, a header is none. */
START_TEST(headers_cut_short) {
  static const uint8_t plain[] = {0x40, 0x02, 0, 7, 0x80};
  static const uint8_t laced[] = {0x40, 0x02, 0, 7, 0x02, 1};
  struct block_header h;
  for (size_t len = 0; len < sizeof plain; len++)
    ck_assert_int_eq(read_header(plain, len, &h), KVSP_ERR_BLOCK);
  for (size_t len = 0; len < sizeof laced; len++)
    ck_assert_int_eq(read_header(laced, len, &h), KVSP_ERR_BLOCK);
  ck_assert_int_eq(read_header(plain, sizeof plain, &h), KVSP_OK);
  ck_assert_int_eq(read_header(laced, sizeof laced, &h), KVSP_OK);
}
END_TEST

/* ---- lacing ------------------------------------------------------------ */

/* A whole block: header, then the laces. */
static int read_laces(const void *bytes, size_t len,
                      struct block_laces *laces) {
  uint8_t *copy = guard_copy(bytes, len);
  kvsp_view v = {copy, len};
  struct block_header header;
  int rc = kvsp_block_read_header(v, &header);
  if (rc == KVSP_OK) rc = kvsp_block_read_laces(v, &header, laces);
  guard_free(copy, len);
  return rc;
}

/* What follows the flags of a block with that lacing. */
static int read_lace_bytes(unsigned lacing, const void *rest, size_t len,
                           struct block_laces *laces) {
  struct bytes b = {0};
  int rc;
  build_block(&b, 1, 0, (uint8_t)(lacing << 1), rest, len);
  rc = read_laces(b.data, b.len, laces);
  bytes_free(&b);
  return rc;
}

static void expect_lace(unsigned lacing, const size_t *sizes, unsigned count) {
  struct bytes b = {0}, block = {0};
  struct block_laces laces;
  size_t total = 0;
  build_lace(&b, lacing, sizes, count, 1);
  build_block(&block, 1, 0, (uint8_t)(lacing << 1), b.data, b.len);
  ck_assert_int_eq(read_laces(block.data, block.len, &laces), KVSP_OK);
  for (unsigned i = 0; i < count; i++) {
    ck_assert_uint_eq(laces.sizes[i], sizes[i]);
    total += sizes[i];
  }
  ck_assert_uint_eq(laces.first, block.len - total);
  bytes_free(&b);
  bytes_free(&block);
}

START_TEST(no_lacing) {
  struct block_laces laces;
  ck_assert_int_eq(read_laces("\x81\0\0\x80"
                              "abc",
                              7, &laces),
                   KVSP_OK);
  ck_assert_uint_eq(laces.first, 4);
  ck_assert_uint_eq(laces.sizes[0], 3);
  ck_assert_int_eq(read_laces("\x81\0\0\x80", 4, &laces), KVSP_OK);
  ck_assert_uint_eq(laces.first, 4);
  ck_assert_uint_eq(laces.sizes[0], 0);
}
END_TEST

/* _i is the lacing; fixed has one size only. */
START_TEST(laces_come_back) {
  static const size_t edges[] = {0, 1, 254, 255, 256, 509, 510, 511, 0, 70000};
  static const size_t equal[] = {17, 17, 17, 17, 17};
  unsigned lacing = (unsigned)_i;
  size_t many[BLOCK_LACES_MAX];
  for (size_t i = 0; i < BLOCK_LACES_MAX; i++)
    many[i] = lacing == KVSP_LACING_FIXED ? 3 : i * 7 % 300;
  expect_lace(lacing, equal, 5);
  expect_lace(lacing, equal, 1);
  expect_lace(lacing, many, BLOCK_LACES_MAX);
  if (lacing != KVSP_LACING_FIXED) expect_lace(lacing, edges, 10);
}
END_TEST

/* RFC 9559, 10.3.2: 800, 500 and 1000 bytes; only the first two are told. */
START_TEST(xiph_example_of_the_rfc) {
  static const uint8_t sizes[] = {2, 255, 255, 255, 35, 255, 245};
  struct bytes b = {0};
  struct block_laces laces;
  bytes_append(&b, sizes, sizeof sizes);
  build_append_payload(&b, 2300, 1);
  ck_assert_int_eq(read_lace_bytes(KVSP_LACING_XIPH, b.data, b.len, &laces),
                   KVSP_OK);
  ck_assert_uint_eq(laces.first, 4 + sizeof sizes);
  ck_assert_uint_eq(laces.sizes[0], 800);
  ck_assert_uint_eq(laces.sizes[1], 500);
  ck_assert_uint_eq(laces.sizes[2], 1000);
  bytes_free(&b);
}
END_TEST

/* RFC 9559, 10.3.3: 800, 500 and 1000 bytes as 43 20 5E D3. */
START_TEST(ebml_example_of_the_rfc) {
  static const uint8_t sizes[] = {2, 0x43, 0x20, 0x5E, 0xD3};
  struct bytes b = {0};
  struct block_laces laces;
  bytes_append(&b, sizes, sizeof sizes);
  build_append_payload(&b, 2300, 1);
  ck_assert_int_eq(read_lace_bytes(KVSP_LACING_EBML, b.data, b.len, &laces),
                   KVSP_OK);
  ck_assert_uint_eq(laces.first, 4 + sizeof sizes);
  ck_assert_uint_eq(laces.sizes[0], 800);
  ck_assert_uint_eq(laces.sizes[1], 500);
  ck_assert_uint_eq(laces.sizes[2], 1000);
  bytes_free(&b);
}
END_TEST

struct lace_case {
  uint8_t bytes[16]; /* behind the flags */
  size_t len;
  int rc;
};

static void expect_cases(unsigned lacing, const struct lace_case *cases,
                         size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct block_laces laces;
    int rc = read_lace_bytes(lacing, cases[i].bytes, cases[i].len, &laces);
    ck_assert_msg(rc == cases[i].rc, "case %zu: %s", i, kvsp_status_name(rc));
  }
}

START_TEST(hostile_xiph) {
  static const struct lace_case cases[] = {
      {{1, 2, 'a', 'b'}, 4, KVSP_OK},        /* the last frame is empty */
      {{1, 3, 'a', 'b'}, 4, KVSP_ERR_BLOCK}, /* one byte too long       */
      {{1, 255, 255}, 3, KVSP_ERR_BLOCK},    /* the size never ends     */
      {{1, 255}, 2, KVSP_ERR_BLOCK},         /*                         */
      {{1}, 1, KVSP_ERR_BLOCK},              /* a count, no sizes       */
      {{255}, 1, KVSP_ERR_BLOCK},            /*                         */
      {{255, 0, 0, 0}, 4, KVSP_ERR_BLOCK},   /* sizes for 3 of 255      */
      {{2, 2, 2, 'a', 'b', 'c'}, 6, KVSP_ERR_BLOCK}, /* each fits, not both */
      {{2, 2, 1, 'a', 'b', 'c'}, 6, KVSP_OK},        /*                     */
      {{0}, 1, KVSP_OK},                             /* one empty frame     */
  };
  expect_cases(KVSP_LACING_XIPH, cases, sizeof cases / sizeof *cases);
}
END_TEST

START_TEST(hostile_ebml) {
  static const struct lace_case cases[] = {
      {{1, 0x82, 'a', 'b'}, 4, KVSP_OK},
      {{1, 0x83, 'a', 'b'}, 4, KVSP_ERR_BLOCK},
      {{1, 0x00, 'a', 'b'}, 4, KVSP_ERR_BLOCK}, /* no VINT                 */
      {{1, 0x40}, 2, KVSP_ERR_BLOCK},           /* half a VINT             */
      {{1}, 1, KVSP_ERR_BLOCK},                 /* a count, no sizes       */
      {{2, 0x81}, 2, KVSP_ERR_BLOCK},           /* no second size          */
      {{2, 0x81, 0xBD, 'a', 'b'}, 5, KVSP_ERR_BLOCK}, /* 1, then 1 - 2     */
      {{2, 0x81, 0xBE, 'a', 'b'}, 5, KVSP_OK},        /* 1, then 0         */
      {{2, 0x81, 0xC0, 'a', 'b', 'c'}, 6, KVSP_OK},   /* 1, then 2         */
      {{2, 0x81, 0xC1, 'a', 'b', 'c'}, 6, KVSP_ERR_BLOCK}, /* 1, then 3    */
      /* The most that a VINT of eight bytes says, then as much again. */
      {{1, 1, 255, 255, 255, 255, 255, 255, 254}, 9, KVSP_ERR_BLOCK},
      {{2, 0x81, 1, 255, 255, 255, 255, 255, 255, 254}, 10, KVSP_ERR_BLOCK},
      {{2, 0x81, 1, 0, 0, 0, 0, 0, 0, 0}, 10, KVSP_ERR_BLOCK},
  };
  expect_cases(KVSP_LACING_EBML, cases, sizeof cases / sizeof *cases);
}
END_TEST

START_TEST(hostile_fixed) {
  static const struct lace_case cases[] = {
      {{1, 'a', 'b'}, 3, KVSP_OK},
      {{1, 'a', 'b', 'c'}, 4, KVSP_ERR_BLOCK}, /* does not divide          */
      {{2, 'a', 'b'}, 3, KVSP_ERR_BLOCK},      /* fewer bytes than frames  */
      {{255}, 1, KVSP_OK},                     /* 256 empty frames         */
  };
  expect_cases(KVSP_LACING_FIXED, cases, sizeof cases / sizeof *cases);
}
END_TEST

/* However a laced block is cut or bent, no byte outside it is looked at and
 * its frames never take more than there is. */
START_TEST(laces_never_exceed_their_block) {
  static const size_t sizes[] = {3, 300, 0, 17};
  unsigned lacing = (unsigned)_i;
  struct bytes lace = {0}, b = {0};
  build_lace(&lace, lacing, sizes, 4, 3);
  build_block(&b, 1, 0, (uint8_t)(lacing << 1), lace.data, lace.len);
  for (size_t at = 4; at < 12; at++) {
    for (unsigned value = 0; value < 256; value++) {
      struct block_laces laces;
      uint8_t kept = b.data[at];
      size_t end;
      b.data[at] = (uint8_t)value;
      if (read_laces(b.data, b.len, &laces) == KVSP_OK) {
        end = laces.first;
        for (unsigned i = 0; i <= b.data[4]; i++) end += laces.sizes[i];
        ck_assert_uint_eq(end, b.len);
      }
      b.data[at] = kept;
    }
  }
  bytes_free(&lace);
  bytes_free(&b);
}
END_TEST

/* ---- BlockGroups ------------------------------------------------------- */

/* Reads the group and frees its bytes' original; *copy is for guard_free. */
static int read_group(struct bytes *b, uint8_t **copy,
                      struct block_group *group) {
  kvsp_view v;
  *copy = guard_copy(b->data, b->len);
  v.data = *copy;
  v.len = b->len;
  return kvsp_block_read_group(v, group);
}

static int read_group_once(struct bytes *b, struct block_group *group) {
  uint8_t *copy;
  size_t len = b->len;
  int rc = read_group(b, &copy, group);
  guard_free(copy, len);
  bytes_free(b);
  return rc;
}

START_TEST(group_with_everything) {
  static const uint8_t block[] = {0x81, 0, 7, 0, 'f', 'r', 'a', 'm', 'e'};
  struct bytes b = {0};
  struct block_group group;
  uint8_t *copy;
  size_t additions;
  mux_binary(&b, KVSP_ID_CRC_32, "\1\2\3\4", 4);
  mux_binary(&b, KVSP_ID_BLOCK, block, sizeof block);
  mux_uint(&b, KVSP_ID_BLOCK_DURATION, 70000);
  mux_binary(&b, KVSP_ID_REFERENCE_BLOCK, "\xD8", 1);
  mux_binary(&b, KVSP_ID_REFERENCE_BLOCK, "\x28", 1);
  mux_binary(&b, KVSP_ID_DISCARD_PADDING, "\xFF\x00", 2);
  additions = mux_begin(&b, KVSP_ID_BLOCK_ADDITIONS);
  mux_binary(&b, KVSP_ID_BLOCK, "no block of ours", 16);
  mux_end(&b, additions);
  mux_binary(&b, KVSP_ID_VOID, "\0\0", 2);
  ck_assert_int_eq(read_group(&b, &copy, &group), KVSP_OK);
  ck_assert(group.has_block);
  ck_assert_uint_eq(group.block.len, sizeof block);
  ck_assert_ptr_eq(group.block.data, copy + group.block_offset);
  ck_assert_mem_eq(group.block.data, block, sizeof block);
  ck_assert(group.has_duration);
  ck_assert_uint_eq(group.duration, 70000);
  ck_assert(group.has_reference);
  ck_assert_int_eq(group.discard_padding_ns, -256);
  guard_free(copy, b.len);
  bytes_free(&b);
}
END_TEST

START_TEST(group_with_little) {
  struct bytes b = {0};
  struct block_group group;
  ck_assert_int_eq(read_group_once(&b, &group), KVSP_OK);
  ck_assert(!group.has_block && !group.has_duration && !group.has_reference);
  mux_binary(&b, KVSP_ID_BLOCK, "\x81\0\0\0", 4);
  ck_assert_int_eq(read_group_once(&b, &group), KVSP_OK);
  ck_assert(group.has_block && !group.has_duration && !group.has_reference);
  ck_assert_int_eq(group.discard_padding_ns, 0);
}
END_TEST

/* RFC 9559 allows one Block: the last one counts, nothing breaks. */
START_TEST(group_with_two_blocks) {
  struct bytes b = {0};
  struct block_group group;
  uint8_t *copy;
  mux_binary(&b, KVSP_ID_BLOCK, "\x81\0\0\0first", 9);
  mux_binary(&b, KVSP_ID_BLOCK, "\x82\0\0\0second", 10);
  ck_assert_int_eq(read_group(&b, &copy, &group), KVSP_OK);
  ck_assert_uint_eq(group.block.len, 10);
  ck_assert_mem_eq(group.block.data, "\x82\0\0\0second", 10);
  ck_assert_ptr_eq(group.block.data, copy + group.block_offset);
  guard_free(copy, b.len);
  bytes_free(&b);
}
END_TEST

/* A duration of 0 is told, and is not the same as none. */
START_TEST(group_with_zero_duration) {
  struct bytes b = {0};
  struct block_group group;
  mux_binary(&b, KVSP_ID_BLOCK, "\x81\0\0\0", 4);
  mux_uint(&b, KVSP_ID_BLOCK_DURATION, 0);
  ck_assert_int_eq(read_group_once(&b, &group), KVSP_OK);
  ck_assert(group.has_duration);
  ck_assert_uint_eq(group.duration, 0);
}
END_TEST

START_TEST(groups_that_make_no_sense) {
  static const struct {
    uint8_t bytes[16];
    size_t len;
    int rc;
  } cases[] = {
      {{0x00}, 1, KVSP_ERR_EBML},                 /* no ID              */
      {{0xFF}, 1, KVSP_ERR_EBML},                 /* a reserved one     */
      {{0x75}, 1, KVSP_ERR_EBML},                 /* half of one        */
      {{0xA1}, 1, KVSP_ERR_EBML},                 /* no size            */
      {{0xA1, 0x00}, 2, KVSP_ERR_EBML},           /*                    */
      {{0xA1, 0x40}, 2, KVSP_ERR_EBML},           /* half a size        */
      {{0xA1, 0x81}, 2, KVSP_ERR_OVERFLOW},       /* nothing there      */
      {{0xA1, 0xFF, 1, 2}, 4, KVSP_ERR_OVERFLOW}, /* unknown size       */
      {{0xEC, 0x82, 0, 0, 0xA1, 0x85, 1}, 7, KVSP_ERR_OVERFLOW},
      {{0xA1, 1, 255, 255, 255, 255, 255, 255, 254}, 9, KVSP_ERR_OVERFLOW},
      /* numbers of nine bytes */
      {{0x9B, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 11, KVSP_ERR_SCHEMA},
      {{0x75, 0xA2, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 12, KVSP_ERR_SCHEMA},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bytes b = {0};
    struct block_group group;
    int rc;
    bytes_append(&b, cases[i].bytes, cases[i].len);
    rc = read_group_once(&b, &group);
    ck_assert_msg(rc == cases[i].rc, "case %zu: %s", i, kvsp_status_name(rc));
  }
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

static TCase *header_case(void) {
  TCase *tc = tcase_create("header");
  tcase_add_test(tc, header_known_by_hand);
  tcase_add_loop_test(tc, track_numbers_of_every_length, 1, 9);
  tcase_add_test(tc, headers_that_are_none);
  tcase_add_test(tc, headers_cut_short);
  return tc;
}

static TCase *lacing_case(void) {
  TCase *tc = tcase_create("lacing");
  tcase_add_test(tc, no_lacing);
  tcase_add_loop_test(tc, laces_come_back, KVSP_LACING_XIPH,
                      KVSP_LACING_EBML + 1);
  tcase_add_test(tc, xiph_example_of_the_rfc);
  tcase_add_test(tc, ebml_example_of_the_rfc);
  tcase_add_test(tc, hostile_xiph);
  tcase_add_test(tc, hostile_ebml);
  tcase_add_test(tc, hostile_fixed);
  tcase_add_loop_test(tc, laces_never_exceed_their_block, KVSP_LACING_XIPH,
                      KVSP_LACING_EBML + 1);
  return tc;
}

static TCase *group_case(void) {
  TCase *tc = tcase_create("group");
  tcase_add_test(tc, group_with_everything);
  tcase_add_test(tc, group_with_little);
  tcase_add_test(tc, group_with_two_blocks);
  tcase_add_test(tc, group_with_zero_duration);
  tcase_add_test(tc, groups_that_make_no_sense);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("block");
  suite_add_tcase(suite, header_case());
  suite_add_tcase(suite, lacing_case());
  suite_add_tcase(suite, group_case());
  return run_suite(suite);
}
