/*
 * test_damage.c - the reader on streams that are cut or bent: what it tells,
 * that nothing else is lost, and what it costs.
 */
#include <check.h>
#include <kvsparse/reader.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/recorder.h"
#include "support/suite.h"

static kvsp_reader *new_reader(const kvsp_reader_config *config) {
  kvsp_reader *r = NULL;
  ck_assert_int_eq(kvsp_reader_new(&r, config), KVSP_OK);
  return r;
}

/* ---- faults ------------------------------------------------------------ */

struct expected_gap {
  uint64_t from, to;
  int status;
  uint64_t id;
};

#define GAPS_MAX 8

/* What a stream's items are to be. */
struct expected {
  const char *order;
  size_t gap_count;
  struct expected_gap gaps[GAPS_MAX];
};

static void expect_gap(struct expected *e, uint64_t from, uint64_t to,
                       int status, uint64_t id) {
  struct expected_gap *gap = &e->gaps[e->gap_count++];
  ck_assert_uint_le(e->gap_count, GAPS_MAX);
  gap->from = from;
  gap->to = to;
  gap->status = status;
  gap->id = id;
}

static void check_gap(const kvsp_item *item, const struct expected_gap *gap) {
  ck_assert_int_eq(item->gap->status, gap->status);
  ck_assert_uint_eq(item->gap->from, gap->from);
  ck_assert_uint_eq(item->gap->to, gap->to);
  ck_assert_uint_eq(item->gap->element_id, gap->id);
  ck_assert_ptr_nonnull(item->gap->reason);
  ck_assert_uint_gt(strlen(item->gap->reason), 10);
  ck_assert_int_ge(item->gap->frames_lost, -1);
  if (gap->id == KVSP_ID_SIMPLE_BLOCK || gap->id == KVSP_ID_BLOCK_GROUP)
    ck_assert_int_ne(item->gap->frames_lost, 0);
  if (item->fragment) ck_assert(item->fragment->flags & KVSP_FRAGMENT_DAMAGED);
}

/* The items, and that each frame is what stands at its offset. */
static void check_recovery(const struct bytes *b, const struct expected *e) {
  struct recorder recorder = {0};
  kvsp_reader *r = new_reader(NULL);
  const kvsp_item *item;
  size_t gaps = 0;
  int rc;
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  for (;;) {
    rc = kvsp_reader_next(r, &item);
    if (rc != KVSP_OK) break;
    record_item(&recorder, item);
    if (item->type == KVSP_ITEM_FRAME)
      ck_assert_ptr_eq(item->frame->data.data, b->data + item->frame->offset);
    if (item->type != KVSP_ITEM_GAP) continue;
    ck_assert_uint_lt(gaps, e->gap_count);
    check_gap(item, &e->gaps[gaps++]);
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_str_eq(recorder_order(&recorder), e->order);
  ck_assert_uint_eq(gaps, e->gap_count);
  ck_assert_int_eq(kvsp_reader_error(r)->status, KVSP_OK);
  kvsp_reader_free(r);
  recorder_clear(&recorder);
}

static void check_cuts(const struct bytes *b,
                       const kvsp_reader_config *config) {
  static const size_t chunks[] = {1, 2, 3, 7, 13, 31, 100, 1000};
  struct recorder whole = {0};
  record_stream(config, FEED_PULL, b->data, b->len, 0, &whole);
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
    for (int way = 0; way < FEED_WAYS; way++) {
      struct recorder cut = {0};
      record_stream(config, (enum feed_way)way, b->data, b->len, chunks[i],
                    &cut);
      ck_assert_msg(
          texts_equal(recorder_text(&whole), recorder_text(&cut), "cut"),
          "way %d, chunks of %zu", way, chunks[i]);
      recorder_clear(&cut);
    }
  }
  recorder_clear(&whole);
}

/* The same items up to the first fault; then its code, again and again. */
static void check_strict(const struct bytes *b, const struct expected *e) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct recorder recorder = {0};
  const kvsp_error_info *error;
  const kvsp_item *item;
  kvsp_reader *r;
  config.flags = KVSP_READ_STRICT;
  r = new_reader(&config);
  ck_assert_int_eq(feed(r, FEED_PULL, b->data, b->len, 0, &recorder),
                   e->gaps[0].status);
  ck_assert_int_eq(
      strncmp(recorder_order(&recorder), e->order, strcspn(e->order, "g")), 0);
  ck_assert_uint_eq(recorder.order.len, strcspn(e->order, "g"));
  for (int i = 0; i < 3; i++) {
    error = kvsp_reader_error(r);
    ck_assert_int_eq(error->status, e->gaps[0].status);
    ck_assert_uint_eq(error->offset, e->gaps[0].from);
    ck_assert_uint_eq(error->element_id, e->gaps[0].id);
    ck_assert_uint_gt(strlen(error->message), 10);
    ck_assert_int_eq(kvsp_reader_next(r, &item), e->gaps[0].status);
    ck_assert_ptr_null(item);
  }
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_error(r)->status, KVSP_OK);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_NEED_INPUT);
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  check_cuts(b, &config);
}

/* All of it; frees the stream. */
static void check_damage(struct bytes *b, const struct expected *e) {
  check_recovery(b, e);
  check_cuts(b, NULL);
  check_strict(b, e);
  bytes_free(b);
}

/* EBML header and Info of a document, its Tracks. */
static void put_head(struct bytes *b) {
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
}

START_TEST(garbage_at_the_start) {
  struct expected e = {.order = "gFffffttEFffffttE"};
  struct bytes b = {0};
  bytes_append(&b, "HTTP/1.1 200 OK\r\n\r\n", 19);
  expect_gap(&e, 0, 19, KVSP_ERR_EBML, 0x4854 /* "HT" */);
  build_fragments(&b, 1, 2);
  check_damage(&b, &e);
}
END_TEST

START_TEST(nothing_but_garbage) {
  struct expected e = {.order = "g"};
  struct bytes b = {0};
  build_append_payload(&b, 5000, 1);
  memset(b.data, 0, 4);
  expect_gap(&e, 0, b.len, KVSP_ERR_EBML, 0);
  check_damage(&b, &e);
}
END_TEST

/* Four bytes do not make an EBML header. */
START_TEST(garbage_like_headers) {
  static const uint8_t fakes[][16] = {
      {0, 0x1A, 0x45, 0xDF, 0xA3},             /* nothing behind it         */
      {0, 0x1A, 0x45, 0xDF, 0xA3, 0xFF},       /* of unknown size           */
      {0, 0x1A, 0x1A, 0x45, 0x1A, 0x45, 0xDF}, /* beginnings                */
      {0, 0x1A, 0x45, 0xDF, 0xA3, 0x80},       /* empty                     */
      {0, 0x1A, 0x45, 0xDF, 0xA3, 0x84, 0x42, 0x86, 0x81, 1}, /* no DocType */
      {0, 0x1A, 0x45, 0xDF, 0xA3, 0x84, 0xA3, 0x82, 1, 1},    /* a block    */
      {0, 0x1A, 0x45, 0xDF, 0xA3, 0x85, 0x42, 0x82, 0x82, 'm', 'k', 0xA3},
  };
  for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
    struct expected e = {.order = "FffffttgEFffffttE"};
    struct bytes b = {0};
    uint64_t at;
    build_fragments(&b, 1, 1);
    at = b.len;
    bytes_append(&b, fakes[i], sizeof fakes[i]);
    expect_gap(&e, at, b.len, KVSP_ERR_EBML, 0);
    build_fragments(&b, 2, 1);
    check_damage(&b, &e);
  }
}
END_TEST

START_TEST(garbage_between_documents) {
  struct expected e = {.order = "FffffttgEFffffttgEFffffttE"};
  struct bytes b = {0};
  uint64_t at;
  build_fragments(&b, 1, 1);
  at = b.len;
  bytes_append(&b, "\0garbage", 8);
  expect_gap(&e, at, b.len, KVSP_ERR_EBML, 0);
  build_fragments(&b, 2, 1);
  at = b.len;
  bytes_append(&b, "\0", 1);
  build_append_payload(&b, 3000, 1);
  expect_gap(&e, at, b.len, KVSP_ERR_EBML, 0);
  build_fragments(&b, 3, 1);
  check_damage(&b, &e);
}
END_TEST

/* Blocks of a Cluster of unknown size: nothing says that more were to come,
 * but the fragment is not complete. */
START_TEST(document_cut_between_blocks) {
  const struct build_fragment cut = {.number = 1, .no_tail = true};
  struct bytes b = {0};
  struct recorder recorder = {0};
  kvsp_reader *r = new_reader(NULL);
  const kvsp_item *item;
  build_fragment(&b, &cut);
  build_fragments(&b, 2, 1);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    record_item(&recorder, item);
    if (item->type == KVSP_ITEM_FRAGMENT_END)
      ck_assert_uint_eq(item->fragment->flags & KVSP_FRAGMENT_COMPLETE,
                        item->fragment->index ? KVSP_FRAGMENT_COMPLETE : 0u);
  }
  ck_assert_str_eq(recorder_order(&recorder), "FffffEFffffttE");
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* The last block of the first document lacks 200 of its bytes.  Whatever it
 * swallows, the items say so, and what comes behind is whole. */
START_TEST(document_cut_in_a_block) {
  const struct build_fragment cut = {.number = 1, .no_tail = true};
  struct bytes b = {0};
  struct recorder recorder = {0};
  const char *order;
  size_t len;
  build_fragment(&b, &cut);
  b.len -= 200;
  build_fragments(&b, 2, 3);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &recorder);
  order = recorder_order(&recorder);
  len = strlen(order);
  ck_assert_int_eq(strncmp(order, "Ffff", 4), 0);
  ck_assert_ptr_nonnull(strchr(order, 'g'));
  ck_assert_uint_gt(len, 16);
  ck_assert_str_eq(order + len - 16, "FffffttEFffffttE");
  check_cuts(&b, NULL);
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* A document begins inside the Tags of the one before. */
START_TEST(document_cut_in_tags) {
  struct expected e = {.order = "FffffgtEFffffttE"};
  const struct build_fragment cut = {.number = 1, .no_tail = true};
  struct bytes b = {0};
  uint64_t at;
  size_t tags;
  build_fragment(&b, &cut);
  at = b.len;
  tags = mux_begin(&b, KVSP_ID_TAGS);
  expect_gap(&e, at, b.len, KVSP_ERR_TRUNCATED, KVSP_ID_EBML);
  build_fragments(&b, 2, 1);
  /* The Tags claim all but the last bytes of what follows. */
  kvsp_ebml_write_size(b.data + tags - 8, 8, b.len - tags - 10, 8);
  check_recovery(&b, &e);
  check_cuts(&b, NULL);
  bytes_free(&b);
}
END_TEST

START_TEST(end_cut_off) {
  static const struct {
    size_t missing;
    const char *order;
  } cuts[] = {{1, "FfffgE"}, {299, "FfffgE"}, {303, "FfffgE"}, {312, "FfffgE"}};
  const struct build_fragment fragment = {.number = 1, .no_tail = true};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    struct expected e = {.order = cuts[i].order};
    struct bytes b = {0};
    uint64_t at;
    bool has_header = cuts[i].missing < 305; /* 9 bytes of it, 4 of Block */
    build_fragment(&b, &fragment);
    at = b.len - 313;
    b.len -= cuts[i].missing;
    expect_gap(&e, at, b.len, KVSP_ERR_TRUNCATED,
               has_header ? KVSP_ID_SIMPLE_BLOCK : 0);
    check_damage(&b, &e);
  }
}
END_TEST

/* The same where Segment and Cluster have sizes that are not reached. */
START_TEST(end_of_file_cut_off) {
  struct bytes b = {0};
  size_t segment, cluster, group;
  mux_document(&b);
  b.len -= 12; /* the Segment, of unknown size */
  segment = mux_begin(&b, KVSP_ID_SEGMENT);
  build_tracks(&b);
  cluster = mux_begin(&b, KVSP_ID_CLUSTER);
  mux_uint(&b, KVSP_ID_TIMESTAMP, 0);
  build_frame(&b, 1, 0, 0x80, 30, 1);
  group = mux_begin(&b, KVSP_ID_BLOCK_GROUP);
  mux_binary(&b, KVSP_ID_BLOCK, "\x81\0\x14\0frame", 9);
  mux_uint(&b, KVSP_ID_BLOCK_DURATION, 5);
  mux_end(&b, group);
  mux_end(&b, cluster);
  mux_end(&b, segment);
  while (b.len > segment) {
    b.len--;
    check_cuts(&b, NULL);
  }
  bytes_free(&b);
}
END_TEST

/* A track's encryption is nothing to search for blocks. */
START_TEST(encrypted_track_is_no_damage) {
  struct bytes b = {0};
  struct recorder recorder = {0};
  size_t tracks, entry, encodings, encoding, encryption, settings;
  mux_document(&b);
  tracks = mux_begin(&b, KVSP_ID_TRACKS);
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  mux_uint(&b, KVSP_ID_TRACK_NUMBER, 1);
  encodings = mux_begin(&b, KVSP_ID_CONTENT_ENCODINGS);
  encoding = mux_begin(&b, KVSP_ID_CONTENT_ENCODING);
  mux_uint(&b, KVSP_ID_CONTENT_ENCODING_ORDER, 0);
  mux_uint(&b, KVSP_ID_CONTENT_ENCODING_SCOPE, 1);
  mux_uint(&b, KVSP_ID_CONTENT_ENCODING_TYPE, 1);
  encryption = mux_begin(&b, KVSP_ID_CONTENT_ENCRYPTION);
  mux_uint(&b, KVSP_ID_CONTENT_ENC_ALGO, 5);
  mux_binary(&b, KVSP_ID_CONTENT_ENC_KEY_ID, "0123456789abcdef", 16);
  settings = mux_begin(&b, KVSP_ID_CONTENT_ENC_AES_SETTINGS);
  mux_uint(&b, KVSP_ID_AES_SETTINGS_CIPHER_MODE, 1);
  mux_end(&b, settings);
  mux_end(&b, encryption);
  mux_end(&b, encoding);
  mux_end(&b, encodings);
  mux_end(&b, entry);
  mux_end(&b, tracks);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &recorder);
  ck_assert_str_eq(recorder_order(&recorder), "FfE");
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* Tags have a known size: what is behind them is read. */
START_TEST(garbage_in_tags) {
  struct expected e = {.order = "gFfftgfE"};
  const struct mux_tag tag = {"name", "value"};
  struct bytes b = {0};
  uint64_t at;
  size_t tags;
  put_head(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  at = b.len;
  build_append_payload(&b, 100, 1);
  b.data[at] = 0;
  mux_end(&b, tags);
  expect_gap(&e, at, b.len, KVSP_ERR_EBML, 0);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  build_frame(&b, 1, 0, 0x80, 10, 2);
  mux_tags(&b, &tag, 1);
  mux_binary(&b, KVSP_ID_VOID, "", 0);
  tags = mux_begin(&b, KVSP_ID_CUES); /* nobody looks into Cues */
  bytes_append(&b, "\0\0\0\0", 4);
  mux_end(&b, tags);
  tags = mux_begin(&b, KVSP_ID_CLUSTER);
  mux_uint(&b, KVSP_ID_TIMESTAMP, 1);
  at = b.len;
  bytes_append(&b, "\0\0\0\0", 4);
  mux_end(&b, tags);
  expect_gap(&e, at, b.len, KVSP_ERR_EBML, 0);
  mux_cluster(&b, 2);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  check_damage(&b, &e);
}
END_TEST

START_TEST(blocks_that_make_no_sense) {
  static const struct {
    uint8_t bytes[12];
    size_t len;
  } blocks[] = {
      {{0x89, 0, 0, 0x80, 1, 2, 3}, 7},    /* track 9 is nobody's          */
      {{0x80, 0, 0, 0x80, 1, 2, 3}, 7},    /* track 0 cannot be            */
      {{0x00, 0, 0, 0x80, 1, 2, 3}, 7},    /* no VINT                      */
      {{0x81, 0, 0}, 3},                   /* too short                    */
      {{0}, 0},                            /* empty                        */
      {{0x81, 0, 0, 0x02}, 4},             /* a lace without a count       */
      {{0x81, 0, 0, 0x02, 1, 9, 1, 2}, 8}, /* a lace longer than its block */
      {{0x81, 0, 0, 0x04, 1, 1, 2, 3}, 8}, /* three bytes for two frames   */
      {{0x81, 0, 0, 0x06, 1, 0x89, 1}, 7},
  };
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    struct expected e = {.order = "FfgfgfE"};
    struct bytes b = {0};
    size_t at, group;
    put_head(&b);
    mux_cluster(&b, 0);
    build_frame(&b, 1, 0, 0x80, 10, 1);
    at = b.len;
    mux_binary(&b, KVSP_ID_SIMPLE_BLOCK, blocks[i].bytes, blocks[i].len);
    expect_gap(&e, at, b.len, KVSP_ERR_BLOCK, KVSP_ID_SIMPLE_BLOCK);
    build_frame(&b, 1, 0, 0x80, 10, 2);
    at = b.len;
    group = mux_begin(&b, KVSP_ID_BLOCK_GROUP);
    mux_binary(&b, KVSP_ID_BLOCK, blocks[i].bytes, blocks[i].len);
    mux_end(&b, group);
    expect_gap(&e, at, b.len, KVSP_ERR_BLOCK, KVSP_ID_BLOCK_GROUP);
    build_frame(&b, 1, 0, 0x80, 10, 3);
    check_damage(&b, &e);
  }
}
END_TEST

START_TEST(group_that_makes_no_sense) {
  struct expected e = {.order = "FgfE"};
  struct bytes b = {0};
  size_t at, group;
  put_head(&b);
  mux_cluster(&b, 0);
  at = b.len;
  group = mux_begin(&b, KVSP_ID_BLOCK_GROUP);
  bytes_append(&b, "\xA1\x8F\x81", 3); /* a Block longer than its group */
  mux_end(&b, group);
  expect_gap(&e, at, b.len, KVSP_ERR_OVERFLOW, KVSP_ID_BLOCK_GROUP);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  check_damage(&b, &e);
}
END_TEST

/* A group whose size reaches into the next one: that one is whole. */
START_TEST(group_that_swallows_the_next) {
  struct expected e = {.order = "FgfE"};
  struct bytes b = {0};
  size_t at;
  put_head(&b);
  mux_cluster(&b, 0);
  at = b.len;
  bytes_append(&b, "\xA0\x8A\xA1\x86\x81\x00\x00\x00\x01\x02", 10);
  expect_gap(&e, at, b.len, KVSP_ERR_OVERFLOW, KVSP_ID_BLOCK_GROUP);
  bytes_append(&b, "\xA0\x88\xA1\x86\x81\x00\x01\x00\x03\x04", 10);
  check_damage(&b, &e);
}
END_TEST

/* A flipped bit makes a SimpleBlock a Block, which cannot stand in a Cluster:
 * of known size, the next one is found by its size. */
START_TEST(block_out_of_place) {
  struct expected e = {.order = "FfgfE"};
  struct bytes b = {0};
  size_t at, cluster;
  put_head(&b);
  cluster = mux_begin(&b, KVSP_ID_CLUSTER);
  mux_uint(&b, KVSP_ID_TIMESTAMP, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  at = b.len;
  build_frame(&b, 1, 40, 0, 10, 2);
  b.data[at] = 0xA1;
  expect_gap(&e, at, b.len, KVSP_ERR_SCHEMA, KVSP_ID_BLOCK);
  build_frame(&b, 1, 80, 0, 10, 3);
  mux_end(&b, cluster);
  check_damage(&b, &e);
}
END_TEST

/* The largest Timestamp there is, in nanoseconds: it cannot be a time. */
START_TEST(time_that_cannot_be) {
  struct expected e = {.order = "gFgfE"};
  struct bytes b = {0};
  size_t at;
  put_head(&b);
  mux_begin_unknown(&b, KVSP_ID_CLUSTER, 1);
  at = b.len;
  mux_uint(&b, KVSP_ID_TIMESTAMP, UINT64_MAX);
  expect_gap(&e, at, b.len, KVSP_ERR_SCHEMA, KVSP_ID_TIMESTAMP);
  expect_gap(&e, b.len, b.len, KVSP_ERR_SCHEMA, KVSP_ID_CLUSTER);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  check_damage(&b, &e);
}
END_TEST

START_TEST(values_that_cannot_be) {
  struct expected e = {.order = "ggFfE"};
  struct bytes b = {0};
  size_t at, info, tracks, entry;
  mux_document(&b);
  info = mux_begin(&b, KVSP_ID_INFO);
  at = b.len;
  mux_uint(&b, KVSP_ID_TIMESTAMP_SCALE, 0);
  expect_gap(&e, at, b.len, KVSP_ERR_SCHEMA, KVSP_ID_TIMESTAMP_SCALE);
  mux_end(&b, info);
  info = mux_begin(&b, KVSP_ID_INFO); /* a number of nine bytes */
  at = b.len;
  mux_binary(&b, KVSP_ID_TIMESTAMP_SCALE, "\0\0\0\0\0\0\0\0\1", 9);
  mux_uint(&b, KVSP_ID_TIMESTAMP_SCALE, 5);
  mux_end(&b, info);
  expect_gap(&e, at, b.len, KVSP_ERR_SCHEMA, KVSP_ID_TIMESTAMP_SCALE);
  tracks = mux_begin(&b, KVSP_ID_TRACKS);
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  mux_uint(&b, KVSP_ID_TRACK_NUMBER, 1);
  /* Not allowed either, but it harms no frame: as if it was not there. */
  mux_uint(&b, KVSP_ID_DEFAULT_DURATION, 0);
  mux_end(&b, entry);
  mux_end(&b, tracks);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  check_damage(&b, &e);
}
END_TEST

START_TEST(child_longer_than_its_parent) {
  struct expected e = {.order = "gFfE"};
  struct bytes b = {0};
  size_t at, info;
  mux_document(&b);
  info = mux_begin(&b, KVSP_ID_INFO);
  at = b.len;
  mux_string(&b, KVSP_ID_MUXING_APP, "too long");
  b.len -= 3;
  mux_end(&b, info);
  expect_gap(&e, at, b.len, KVSP_ERR_OVERFLOW, KVSP_ID_MUXING_APP);
  build_tracks(&b);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  check_damage(&b, &e);
}
END_TEST

/* Every byte in turn is bent: whatever becomes of it, the reader comes to an
 * end, says the same however it is fed, and the last document is whole. */
START_TEST(every_byte_bent) {
  static const uint8_t bends[] = {0x00, 0xFF, 0x80, 0x1A};
  struct bytes b = {0};
  size_t bent;
  build_fragments(&b, 1, 1);
  bent = b.len;
  build_fragments(&b, 2, 3);
  for (size_t at = 0; at < bent; at++) {
    struct recorder whole = {0}, cut = {0};
    uint8_t kept = b.data[at];
    const char *order;
    b.data[at] = bends[at % 4];
    ck_assert_int_eq(record_stream(NULL, FEED_PULL, b.data, b.len, 0, &whole),
                     KVSP_END);
    record_stream(NULL, FEED_VISIT, b.data, b.len, 17, &cut);
    ck_assert_msg(
        texts_equal(recorder_text(&whole), recorder_text(&cut), "bent"),
        "byte %zu", at);
    order = recorder_order(&whole);
    ck_assert_msg(strlen(order) >= 8 &&
                      strcmp(order + strlen(order) - 8, "FffffttE") == 0,
                  "byte %zu: %s", at, order);
    b.data[at] = kept;
    recorder_clear(&whole);
    recorder_clear(&cut);
  }
  bytes_free(&b);
}
END_TEST

/* The stream ends after every byte in turn. */
START_TEST(every_length) {
  struct recorder all = {0};
  struct bytes b = {0};
  build_fragments(&b, 1, 2);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &all);
  for (size_t len = 0; len < b.len; len++) {
    struct recorder whole = {0}, cut = {0};
    const char *order;
    size_t same;
    ck_assert_int_eq(record_stream(NULL, FEED_PULL, b.data, len, 0, &whole),
                     KVSP_END);
    record_stream(NULL, FEED_EMPTY_END, b.data, len, 19, &cut);
    ck_assert_msg(
        texts_equal(recorder_text(&whole), recorder_text(&cut), "short"),
        "%zu bytes", len);
    /* What there was; then no frame, but the fault and the ends. */
    order = recorder_order(&whole);
    same = strcspn(order, "g");
    ck_assert_msg(strspn(order + same, "gFtE") == strlen(order + same),
                  "%zu bytes: %s", len, order);
    if (order[same] == '\0' && same > 0) same--;
    if (same > 0 && order[same - 1] == 'F')
      same--; /* of a document that ended too early */
    ck_assert_msg(strncmp(order, recorder_order(&all), same) == 0,
                  "%zu bytes: %s", len, order);
    recorder_clear(&whole);
    recorder_clear(&cut);
  }
  recorder_clear(&all);
  bytes_free(&b);
}
END_TEST

/* ---- memory ------------------------------------------------------------ */

/* A size that is only declared takes no memory. */
START_TEST(declared_sizes_take_no_memory) {
  struct test_allocator a;
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  put_head(&b);
  mux_cluster(&b, 0);
  /* A SimpleBlock of 60 MB, a few bytes of which come. */
  bytes_append(&b, "\xA3\x08\x03\x93\x87\x00\x81\x00\x00\x80", 10);
  build_append_payload(&b, 500, 1);
  for (int way = 0; way < FEED_WAYS; way++) {
    struct recorder recorder = {0};
    ck_assert_int_eq(record_stream(&config, (enum feed_way)way, b.data, b.len,
                                   50, &recorder),
                     KVSP_END);
    ck_assert_str_eq(recorder_order(&recorder), "FgE");
    recorder_clear(&recorder);
  }
  ck_assert_uint_lt(a.largest, 100000);
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&b);
}
END_TEST

/* ---- work -------------------------------------------------------------- */

/* What that many hostile bytes cost. */
static kvsp_reader_stats work_for(const char *pattern, size_t pattern_len,
                                  size_t len, size_t chunk) {
  struct recorder recorder = {0};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  kvsp_reader_stats stats;
  put_head(&b);
  mux_cluster(&b, 0);
  while (b.len < len) bytes_append(&b, pattern, pattern_len);
  feed(r, FEED_PULL, b.data, b.len, chunk, &recorder);
  ck_assert_int_eq(kvsp_reader_get_stats(r, &stats, sizeof stats), KVSP_OK);
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  bytes_free(&b);
  return stats;
}

/* Each byte is looked at so many times at most, and twice the bytes are twice
 * the work; memory does not grow with the stream. */
static void expect_linear(const char *pattern, size_t len, size_t chunk) {
  kvsp_reader_stats once = work_for(pattern, len, 100000, chunk);
  kvsp_reader_stats twice = work_for(pattern, len, 200000, chunk);
  ck_assert_uint_le(once.bytes_examined, 256 * 100000);
  ck_assert_uint_le(once.bytes_copied, 8 * 100000);
  ck_assert_uint_le(twice.bytes_examined, once.bytes_examined * 21 / 10);
  ck_assert_uint_le(twice.bytes_copied, once.bytes_copied * 5 / 2 + 1000);
  ck_assert_msg(twice.memory_peak <= once.memory_peak + 20000,
                "%zu, then %zu bytes held", (size_t)once.memory_peak,
                (size_t)twice.memory_peak);
}

/* _i is the pattern. */
START_TEST(hostile_bytes_cost_linear_work) {
  static const struct {
    const char *bytes;
    size_t len;
  } patterns[] = {
      {"\x1A", 1},                     /* every byte a beginning */
      {"\x1A\x45\xDF\xA3", 4},         /* headers inside headers */
      {"\x1A\x45\xDF\xA3\x41\xFF", 6}, /* of 511 bytes each */
      {"\x1A\x45\xDF\xA3\x41\xFF\x42\x82\x41\xF0", 10},
      {"\x00", 1},
      {"\xA3\x84\x89\x00\x00\x80", 6}, /* blocks of nobody's track */
      {"\x1F\x43\xB6\x75\xFF", 5},     /* Clusters */
      {"\xA0\x80", 2},                 /* empty groups */
  };
  expect_linear(patterns[_i].bytes, patterns[_i].len, 0);
  expect_linear(patterns[_i].bytes, patterns[_i].len, 1);
  expect_linear(patterns[_i].bytes, patterns[_i].len, 100);
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

static TCase *fault_case(void) {
  TCase *tc = tcase_create("faults");
  tcase_set_timeout(tc, 600);
  tcase_add_test(tc, garbage_at_the_start);
  tcase_add_test(tc, nothing_but_garbage);
  tcase_add_test(tc, garbage_like_headers);
  tcase_add_test(tc, garbage_between_documents);
  tcase_add_test(tc, document_cut_between_blocks);
  tcase_add_test(tc, document_cut_in_a_block);
  tcase_add_test(tc, document_cut_in_tags);
  tcase_add_test(tc, end_cut_off);
  tcase_add_test(tc, end_of_file_cut_off);
  tcase_add_test(tc, encrypted_track_is_no_damage);
  tcase_add_test(tc, garbage_in_tags);
  tcase_add_test(tc, blocks_that_make_no_sense);
  tcase_add_test(tc, group_that_makes_no_sense);
  tcase_add_test(tc, group_that_swallows_the_next);
  tcase_add_test(tc, block_out_of_place);
  tcase_add_test(tc, time_that_cannot_be);
  tcase_add_test(tc, values_that_cannot_be);
  tcase_add_test(tc, child_longer_than_its_parent);
  tcase_add_test(tc, every_byte_bent);
  tcase_add_test(tc, every_length);
  return tc;
}

static TCase *memory_case(void) {
  TCase *tc = tcase_create("memory");
  tcase_set_timeout(tc, 600);
  tcase_add_test(tc, declared_sizes_take_no_memory);
  tcase_add_loop_test(tc, hostile_bytes_cost_linear_work, 0, 8);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("damage");
  suite_add_tcase(suite, fault_case());
  suite_add_tcase(suite, memory_case());
  return run_suite(suite);
}
