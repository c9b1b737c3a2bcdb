/*
 * test_reader.c - the reader on sound streams: items and their order, ways of
 * feeding it, what it copies and keeps, filters, callbacks, wrong calls.
 * Damage, limits and lack of memory are test_damage.c's.
 */
#include <check.h>
#include <kvsparse/reader.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

#define MS INT64_C(1000000)

static kvsp_reader *new_reader(const kvsp_reader_config *config) {
  kvsp_reader *r = NULL;
  ck_assert_int_eq(kvsp_reader_new(&r, config), KVSP_OK);
  ck_assert_ptr_nonnull(r);
  return r;
}

static void lend(kvsp_reader *r, const struct bytes *b, unsigned flags) {
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, flags), KVSP_OK);
}

static const kvsp_item *next_item(kvsp_reader *r) {
  const kvsp_item *item = NULL;
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_ptr_nonnull(item);
  return item;
}

/* The next item of that type. */
static const kvsp_item *next_of(kvsp_reader *r, uint32_t type) {
  const kvsp_item *item = next_item(r);
  while (item->type != type) item = next_item(r);
  return item;
}

/* What next returns when it gives no item. */
static int next_status(kvsp_reader *r) {
  const kvsp_item *item = (const kvsp_item *)(const void *)"";
  int rc = kvsp_reader_next(r, &item);
  ck_assert_int_ne(rc, KVSP_OK);
  ck_assert_ptr_null(item);
  return rc;
}

static kvsp_reader_stats stats_of(const kvsp_reader *r) {
  kvsp_reader_stats stats;
  ck_assert_int_eq(kvsp_reader_get_stats(r, &stats, sizeof stats), KVSP_OK);
  return stats;
}

static void expect_order(const struct bytes *b, const char *order) {
  struct recorder recorder = {0};
  int rc = record_stream(NULL, FEED_PULL, b->data, b->len, 0, &recorder);
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_str_eq(recorder_order(&recorder), order);
  recorder_clear(&recorder);
}

/* ---- items ------------------------------------------------------------- */

START_TEST(order_of_items) {
  struct bytes b = {0};
  build_fragments(&b, 1, 2);
  expect_order(&b, "FffffttEFffffttE");
  bytes_free(&b);
}
END_TEST

START_TEST(documents_without_much) {
  const struct mux_tag tag = {"name", "value"};
  const struct build_fragment bare = {
      .number = 1, .no_head = true, .no_tail = true};
  struct bytes b = {0};
  expect_order(&b, ""); /* nothing at all */
  mux_document(&b);
  expect_order(&b, "FE");
  mux_document(&b); /* tags only */
  mux_tags(&b, &tag, 1);
  mux_tags(&b, &tag, 1);
  expect_order(&b, "FEFE");
  build_fragment(&b, &bare);
  expect_order(&b, "FEFEFffffE");
  mux_document(&b); /* no Cluster */
  mux_info(&b, 0);
  build_tracks(&b);
  expect_order(&b, "FEFEFffffEFE");
  mux_document(&b); /* no Tracks, an empty Cluster */
  mux_cluster(&b, 5);
  expect_order(&b, "FEFEFffffEFEFE");
  mux_tags(&b, &tag, 1);
  expect_order(&b, "FEFEFffffEFEFtE");
  bytes_free(&b);
}
END_TEST

/* Nobody knows when its blocks are; their data is there all the same. */
START_TEST(cluster_without_timestamp) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r = new_reader(NULL);
  mux_document(&b);
  build_tracks(&b);
  mux_begin_unknown(&b, KVSP_ID_CLUSTER, 1);
  build_frame(&b, 1, 30, 0x80, 10, 1);
  build_frame(&b, 1, 70, 0x80, 10, 2);
  expect_order(&b, "FgffE");
  lend(r, &b, 0);
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAGMENT)->fragment->start_ns,
                   KVSP_TIME_NONE);
  item = next_of(r, KVSP_ITEM_GAP);
  ck_assert_int_eq(item->gap->status, KVSP_ERR_SCHEMA);
  ck_assert_uint_eq(item->gap->element_id, KVSP_ID_CLUSTER);
  ck_assert_int_eq(item->gap->frames_lost, 0);
  item = next_of(r, KVSP_ITEM_FRAME);
  ck_assert_int_eq(item->frame->pts_ns, KVSP_TIME_NONE);
  ck_assert_int_eq(item->frame->producer_time_ns, KVSP_TIME_NONE);
  ck_assert_uint_eq(item->frame->size, 10);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Tracks may come late, or never: a block's track is known by its number. */
START_TEST(frames_without_tracks) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r = new_reader(NULL);
  mux_document(&b);
  mux_cluster(&b, 100);
  build_frame(&b, 5, 30, 0x80, 10, 1);
  expect_order(&b, "FfE");
  lend(r, &b, KVSP_FINAL);
  item = next_of(r, KVSP_ITEM_FRAME);
  ck_assert_uint_eq(item->frame->track->number, 5);
  ck_assert_uint_eq(item->frame->track->type, 0);
  ck_assert_int_eq(item->frame->pts_ns, 130 * MS);
  ck_assert_uint_eq(item->fragment->track_count, 0);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(several_clusters) {
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  size_t known;
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 1000);
  build_frame(&b, 1, 5, 0x80, 10, 1);
  known = mux_begin(&b, KVSP_ID_CLUSTER);
  mux_uint(&b, KVSP_ID_TIMESTAMP, 2000);
  build_frame(&b, 1, -5, 0x80, 10, 2);
  mux_end(&b, known);
  mux_cluster(&b, 3000);
  build_frame(&b, 1, 0, 0x80, 10, 3);
  expect_order(&b, "FfffE");
  lend(r, &b, KVSP_FINAL);
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAME)->frame->pts_ns, 1005 * MS);
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAME)->frame->pts_ns, 1995 * MS);
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAME)->frame->pts_ns, 3000 * MS);
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAGMENT_END)->fragment->start_ns,
                   1000 * MS);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

static void put_named_tag(struct bytes *b, const char *name) {
  const struct mux_tag tag = {name, ""};
  mux_tags(b, &tag, 1);
}

START_TEST(tags_stand_where_they_stood) {
  static const char *const late[] = {"between", "after", "last"};
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r = new_reader(NULL);
  mux_document(&b);
  put_named_tag(&b, "before Info");
  mux_info(&b, 0);
  build_tracks(&b);
  put_named_tag(&b, "before the Cluster");
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  put_named_tag(&b, "between");
  mux_cluster(&b, 10);
  build_frame(&b, 1, 0, 0x80, 10, 2);
  put_named_tag(&b, "after");
  put_named_tag(&b, "last");
  expect_order(&b, "FftfttE");
  lend(r, &b, KVSP_FINAL);
  item = next_of(r, KVSP_ITEM_FRAGMENT);
  ck_assert_uint_eq(item->tag_count, 2);
  ck_assert_ptr_eq(kvsp_fragment_tag(item->fragment, "before Info"),
                   item->tags[0]);
  ck_assert_ptr_eq(kvsp_fragment_tag(item->fragment, "before the Cluster"),
                   item->tags[1]);
  for (size_t i = 0; i < 3; i++) {
    item = next_of(r, KVSP_ITEM_TAGS);
    ck_assert_uint_eq(item->tag_count, 1);
    ck_assert_uint_eq(item->tags[0]->name.len, strlen(late[i]));
    ck_assert_mem_eq(item->tags[0]->name.data, late[i], strlen(late[i]));
    ck_assert_uint_eq(item->fragment->tag_count, 2);
  }
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(fragments_cover_the_stream) {
  struct bytes b = {0};
  const kvsp_fragment *f;
  uint64_t offset = 0;
  kvsp_reader *r = new_reader(NULL);
  build_fragments(&b, 1, 4);
  lend(r, &b, KVSP_FINAL);
  for (uint64_t i = 0; i < 4; i++) {
    f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
    ck_assert_uint_eq(f->index, i);
    ck_assert_uint_eq(f->offset, offset);
    ck_assert_uint_eq(f->size, 0);
    ck_assert_uint_eq(f->frame_count, 0);
    f = next_of(r, KVSP_ITEM_FRAGMENT_END)->fragment;
    ck_assert_uint_eq(f->index, i);
    ck_assert_uint_eq(f->frame_count, 4);
    offset += f->size;
  }
  ck_assert_int_eq(next_status(r), KVSP_END);
  ck_assert_int_eq(next_status(r), KVSP_END);
  ck_assert_uint_eq(offset, b.len);
  ck_assert_uint_eq(kvsp_reader_offset(r), b.len);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* The tracks are compared with the last ones there were. */
START_TEST(new_tracks) {
  static const bool expected[] = {true, false, false, false, true, true};
  const struct mux_track other = {
      .number = 1, .type = KVSP_TRACK_VIDEO, .codec_id = "V_AV1"};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  build_fragments(&b, 1, 2);
  mux_document(&b); /* without Tracks */
  build_fragments(&b, 3, 1);
  mux_document(&b);
  mux_tracks(&b, &other, 1);
  build_fragments(&b, 4, 1);
  lend(r, &b, KVSP_FINAL);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    const kvsp_fragment *f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
    ck_assert_msg(
        (f->flags & KVSP_FRAGMENT_NEW_TRACKS) == (expected[i] ? 1u : 0u),
        "fragment %zu", i);
  }
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* What a TrackEntry says, whether a kvsp_track has a name for it or not; but
 * for Void. */
START_TEST(entries_on_request) {
  struct bytes b = {0}, said = {0};
  size_t tracks, entry, colour;
  mux_uint(&said, KVSP_ID_TRACK_NUMBER, 1);
  mux_uint(&said, KVSP_ID_FLAG_DEFAULT, 0);
  mux_binary(&said, 0x5FAB, "what is this", 12);
  entry = mux_begin(&said, KVSP_ID_VIDEO);
  colour = mux_begin(&said, KVSP_ID_COLOUR);
  mux_uint(&said, KVSP_ID_RANGE, 2);
  mux_end(&said, colour);
  mux_end(&said, entry);
  mux_document(&b);
  tracks = mux_begin(&b, KVSP_ID_TRACKS);
  for (int i = 0; i < 2; i++) {
    entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
    if (i == 1) mux_uint(&b, KVSP_ID_TRACK_NUMBER, 2);
    if (i == 0) bytes_append(&b, said.data, said.len);
    mux_binary(&b, KVSP_ID_VOID, "void", 4);
    mux_end(&b, entry);
  }
  mux_end(&b, tracks);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 10, 1);
  for (unsigned with = 0; with < 2; with++) {
    kvsp_reader_config config = {.struct_size = sizeof config};
    const kvsp_fragment *f;
    kvsp_reader *r;
    config.flags = with ? KVSP_READ_ENTRIES : 0;
    r = new_reader(&config);
    lend(r, &b, KVSP_FINAL);
    f = next_of(r, KVSP_ITEM_FRAGMENT)->fragment;
    ck_assert_uint_eq(f->track_count, 2);
    ck_assert_uint_eq(f->tracks[0]->entry.len, with ? said.len : 0);
    ck_assert(with == (f->tracks[0]->entry.data != NULL));
    if (with) ck_assert_mem_eq(f->tracks[0]->entry.data, said.data, said.len);
    ck_assert_uint_eq(f->tracks[1]->entry.len, with ? 3 : 0);
    kvsp_reader_free(r);
  }
  bytes_free(&said);
  bytes_free(&b);
}
END_TEST

/* ---- frames ------------------------------------------------------------ */

/* The frame is that of build_payload's seed. */
static void expect_payload(const kvsp_frame *f, size_t len, unsigned seed) {
  uint8_t *payload = malloc(len ? len : 1);
  ck_assert_ptr_nonnull(payload);
  build_payload(payload, len, seed);
  ck_assert_uint_eq(f->size, len);
  ck_assert_uint_eq(f->data.len, len);
  ck_assert_ptr_nonnull(f->data.data);
  ck_assert_int_eq(memcmp(f->data.data, payload, len), 0);
  free(payload);
}

START_TEST(flags_of_a_simple_block) {
  static const struct {
    uint8_t block;
    uint32_t frame;
  } cases[] = {
      {0x00, 0},
      {0x80, KVSP_FRAME_KEY},
      {0x08, KVSP_FRAME_INVISIBLE},
      {0x01, KVSP_FRAME_DISCARDABLE},
      {0x89, KVSP_FRAME_KEY | KVSP_FRAME_INVISIBLE | KVSP_FRAME_DISCARDABLE},
      {0x70, 0}}; /* reserved bits */
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    build_frame(&b, 1, 0, cases[i].block, 10 * i, (unsigned)i);
  lend(r, &b, KVSP_FINAL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const kvsp_frame *f = next_of(r, KVSP_ITEM_FRAME)->frame;
    ck_assert_uint_eq(f->flags, cases[i].frame);
    ck_assert_uint_eq(f->index, i);
    ck_assert_uint_eq(f->lacing, KVSP_LACING_NONE);
    ck_assert_uint_eq(f->lace_index, 0);
    ck_assert_uint_eq(f->lace_count, 1);
    expect_payload(f, 10 * i, (unsigned)i);
  }
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* _i is the lacing; track 1 has a default duration of 40 ms, track 2 none. */
START_TEST(frames_of_a_lace) {
  static const size_t sizes[] = {20, 20, 20};
  unsigned lacing = (unsigned)_i;
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  uint64_t end = 0;
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 100);
  build_laced(&b, 1, 5, lacing, sizes, 3, 10);
  build_laced(&b, 2, 5, lacing, sizes, 3, 20);
  lend(r, &b, KVSP_FINAL);
  for (unsigned i = 0; i < 6; i++) {
    const kvsp_frame *f = next_of(r, KVSP_ITEM_FRAME)->frame;
    bool video = i < 3;
    ck_assert_uint_eq(f->index, i);
    ck_assert_uint_eq(f->lacing, lacing);
    ck_assert_uint_eq(f->lace_index, i % 3);
    ck_assert_uint_eq(f->lace_count, 3);
    ck_assert_int_eq(f->pts_ns, (105 + (video ? i % 3 * 40 : 0)) * MS);
    ck_assert_int_eq(f->duration_ns, video ? 40 * MS : KVSP_TIME_NONE);
    ck_assert_ptr_eq(f->data.data, b.data + f->offset);
    if (i % 3 > 0) ck_assert_uint_eq(f->offset, end);
    end = f->offset + f->size;
    expect_payload(f, 20, (video ? 10 : 20) + i % 3);
  }
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

static void put_group(struct bytes *b, int16_t timecode, bool reference,
                      const char *data) {
  struct bytes block = {0};
  size_t group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  build_block(&block, 1, timecode, 0x08, data, strlen(data));
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  if (reference) {
    mux_binary(b, KVSP_ID_REFERENCE_BLOCK, "\xD8", 1);
    mux_uint(b, KVSP_ID_BLOCK_DURATION, 7);
    mux_binary(b, KVSP_ID_DISCARD_PADDING, "\xFF", 1);
  }
  mux_end(b, group);
  bytes_free(&block);
}

START_TEST(frames_of_block_groups) {
  struct bytes b = {0};
  const kvsp_frame *f;
  kvsp_reader *r = new_reader(NULL);
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 100);
  put_group(&b, 1, false, "key");
  put_group(&b, 2, true, "other");
  mux_end(&b, mux_begin(&b, KVSP_ID_BLOCK_GROUP)); /* nothing in it */
  build_frame(&b, 1, 3, 0x80, 9, 1);
  expect_order(&b, "FfffE");
  lend(r, &b, KVSP_FINAL);
  f = next_of(r, KVSP_ITEM_FRAME)->frame;
  ck_assert_uint_eq(f->flags, KVSP_FRAME_KEY | KVSP_FRAME_INVISIBLE);
  ck_assert_int_eq(f->duration_ns, 40 * MS);
  ck_assert_int_eq(f->discard_padding_ns, 0);
  ck_assert_mem_eq(f->data.data, "key", 3);
  f = next_of(r, KVSP_ITEM_FRAME)->frame;
  ck_assert_uint_eq(f->flags, KVSP_FRAME_INVISIBLE);
  ck_assert_int_eq(f->pts_ns, 102 * MS);
  ck_assert_int_eq(f->duration_ns, 7 * MS);
  ck_assert_int_eq(f->discard_padding_ns, -1);
  ck_assert_uint_eq(f->size, 5);
  ck_assert_mem_eq(f->data.data, "other", 5);
  ck_assert_mem_eq(b.data + f->offset, "other", 5);
  f = next_of(r, KVSP_ITEM_FRAME)->frame; /* nothing of the group is left */
  ck_assert_int_eq(f->discard_padding_ns, 0);
  ck_assert_int_eq(f->duration_ns, 40 * MS);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(encrypted_frames) {
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  size_t encrypted = 0, plain = 0;
  build_everything(&b); /* its track 300 is encrypted */
  lend(r, &b, KVSP_FINAL);
  for (;;) {
    const kvsp_item *item;
    if (kvsp_reader_next(r, &item) != KVSP_OK) break;
    if (item->type != KVSP_ITEM_FRAME) continue;
    ck_assert_int_eq((item->frame->flags & KVSP_FRAME_ENCRYPTED) != 0,
                     item->frame->track->number == 300);
    if (item->frame->track->number == 300)
      encrypted++;
    else
      plain++;
  }
  ck_assert_uint_eq(encrypted, 10);
  ck_assert_uint_gt(plain, 20);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- ways of feeding --------------------------------------------------- */

static const size_t chunks[] = {
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,   16,   17, 18,
    19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 97, 1000, 4096, 0};

static void expect_same_text(const struct bytes *b,
                             const kvsp_reader_config *config,
                             enum feed_way way) {
  struct recorder whole = {0};
  record_stream(config, FEED_PULL, b->data, b->len, 0, &whole);
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
    struct recorder cut = {0};
    record_stream(config, way, b->data, b->len, chunks[i], &cut);
    ck_assert_msg(texts_equal(recorder_text(&whole), recorder_text(&cut),
                              "cut into pieces"),
                  "way %d, chunks of %zu", (int)way, chunks[i]);
    recorder_clear(&cut);
  }
  recorder_clear(&whole);
}

/* What the one stream has that is cut in all ways. */
START_TEST(everything_is_read) {
  struct bytes b = {0};
  build_everything(&b);
  expect_order(&b,
               "g"
               "FffffttEFffffttE"
               "FffffftffffffftttE"
               "FE"
               "FffffffttE"
               "gFgfgfgE"
               "FffffttE"
               "FfffgE");
  bytes_free(&b);
}
END_TEST

/* _i is the way. */
START_TEST(same_items_however_cut) {
  struct bytes b = {0};
  build_everything(&b);
  expect_same_text(&b, NULL, (enum feed_way)_i);
  bytes_free(&b);
}
END_TEST

START_TEST(same_items_without_data) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  config.flags = KVSP_READ_NO_DATA;
  build_everything(&b);
  expect_same_text(&b, &config, (enum feed_way)_i);
  bytes_free(&b);
}
END_TEST

START_TEST(same_items_filtered) {
  static const uint64_t tracks[] = {1};
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  config.flags = KVSP_READ_KEY_FRAMES;
  config.tracks = tracks;
  config.track_count = 1;
  build_everything(&b);
  expect_same_text(&b, &config, (enum feed_way)_i);
  bytes_free(&b);
}
END_TEST

START_TEST(same_fault_however_cut) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  config.flags = KVSP_READ_STRICT;
  build_fragments(&b, 1, 2);
  b.data[b.len - 400] = 0; /* somewhere in the last frames */
  build_fragments(&b, 3, 1);
  b.len -= 50;
  expect_same_text(&b, &config, (enum feed_way)_i);
  bytes_free(&b);
}
END_TEST

/* Pieces without bytes change nothing, wherever they come. */
/* Frames and what follows them, as one by one. */
static void expect_same_frames(const struct bytes *b, uint32_t flags,
                               size_t chunk) {
  struct recorder one = {.flags = RECORD_NO_STATE};
  struct recorder several = {.flags = RECORD_NO_STATE};
  kvsp_reader_config config = {.struct_size = sizeof config};
  int rc;
  config.flags = flags;
  rc = record_stream(&config, FEED_PULL, b->data, b->len, chunk, &one);
  ck_assert_int_eq(
      record_stream(&config, FEED_FRAMES, b->data, b->len, chunk, &several),
      rc);
  ck_assert_int_eq(texts_equal(recorder_text(&one), recorder_text(&several),
                               "several frames at once"),
                   1);
  recorder_clear(&one);
  recorder_clear(&several);
}

START_TEST(several_frames_at_once) {
  static const uint32_t flags[] = {0, KVSP_READ_KEY_FRAMES, KVSP_READ_NO_DATA,
                                   KVSP_READ_STRICT};
  struct bytes b = {0};
  build_everything(&b);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    for (size_t chunk = 0; chunk < b.len; chunk = chunk * 2 + 1)
      expect_same_frames(&b, flags[i], chunk);
  memset(b.data + b.len / 2, 0xFF, 20);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    for (size_t chunk = 0; chunk < b.len; chunk = chunk * 2 + 1)
      expect_same_frames(&b, flags[i], chunk);
  bytes_free(&b);
}
END_TEST

/* One call for all of what was lent, each where it was lent; a frame that was
 * put together comes alone. */
START_TEST(frames_stay_until_the_next_call) {
  struct bytes b = {0};
  kvsp_frame frames[16];
  const kvsp_item *item;
  size_t count, cut;
  kvsp_reader *r = new_reader(NULL);
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, 0), KVSP_OK);
  (void)next_of(r, KVSP_ITEM_FRAGMENT);
  ck_assert_int_eq(
      kvsp_reader_next_frames(r, frames, sizeof *frames, 16, &count, &item),
      KVSP_OK);
  ck_assert_uint_eq(count, 4);
  ck_assert_int_eq(item->type, KVSP_ITEM_TAGS);
  for (size_t i = 0; i < count; i++)
    ck_assert_ptr_eq(frames[i].data.data, b.data + frames[i].offset);
  cut = (size_t)frames[1].offset + 10;
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, cut, 0), KVSP_OK);
  (void)next_of(r, KVSP_ITEM_FRAGMENT);
  ck_assert_int_eq(
      kvsp_reader_next_frames(r, frames, sizeof *frames, 16, &count, &item),
      KVSP_NEED_INPUT);
  ck_assert_uint_eq(count, 1);
  ck_assert_ptr_null(item);
  ck_assert_int_eq(kvsp_reader_input(r, b.data + cut, b.len - cut, 0), KVSP_OK);
  ck_assert_int_eq(
      kvsp_reader_next_frames(r, frames, sizeof *frames, 16, &count, &item),
      KVSP_OK);
  ck_assert_uint_eq(count, 1);
  ck_assert_ptr_null(item);
  ck_assert_int_eq(
      kvsp_reader_next_frames(r, frames, sizeof *frames, 1, &count, &item),
      KVSP_OK);
  ck_assert_uint_eq(count, 1);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(wrong_calls_of_next_frames) {
  kvsp_frame frame;
  const kvsp_item *item;
  size_t count = 7;
  kvsp_reader *r = new_reader(NULL);
  const size_t size = sizeof frame;
  ck_assert_int_eq(
      kvsp_reader_next_frames(NULL, &frame, size, 1, &count, &item),
      KVSP_ERR_ARG);
  ck_assert_uint_eq(count, 0);
  ck_assert_int_eq(kvsp_reader_next_frames(r, NULL, size, 1, &count, &item),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_next_frames(r, &frame, 0, 1, &count, &item),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_next_frames(r, &frame, size, 0, &count, &item),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_next_frames(r, &frame, size, 1, NULL, &item),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_next_frames(r, &frame, size, 1, &count, NULL),
                   KVSP_ERR_ARG);
  kvsp_reader_free(r);
}
END_TEST

START_TEST(empty_pieces) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  build_everything(&b);
  for (uint32_t flags = 0; flags <= KVSP_READ_NO_DATA; flags += 4) {
    struct recorder whole = {0}, cut = {0};
    kvsp_reader *r;
    config.flags = flags;
    record_stream(&config, FEED_PULL, b.data, b.len, 0, &whole);
    r = new_reader(&config);
    for (size_t at = 0; at < b.len; at += 11) {
      size_t n = b.len - at < 11 ? b.len - at : 11;
      ck_assert_int_eq(
          kvsp_reader_visit(r, b.data + at, n, 0, record_visit, &cut), KVSP_OK);
      ck_assert_int_eq(kvsp_reader_visit(r, "", 0, 0, record_visit, &cut),
                       KVSP_OK);
    }
    ck_assert_int_eq(
        kvsp_reader_visit(r, NULL, 0, KVSP_FINAL, record_visit, &cut),
        KVSP_END);
    record_status(&cut, r, KVSP_END);
    ck_assert(texts_equal(recorder_text(&whole), recorder_text(&cut),
                          "with empty pieces"));
    kvsp_reader_free(r);
    recorder_clear(&whole);
    recorder_clear(&cut);
  }
  bytes_free(&b);
}
END_TEST

/* Where in the stream an item can be had at the earliest. */
struct due {
  uint32_t type;
  size_t at;
};

static void note(struct due **due, uint32_t type, const struct bytes *b) {
  (*due)->type = type;
  (*due)->at = b->len;
  (*due)++;
}

/* A document that notes where its items are complete. */
static void put_noted_document(struct bytes *b, struct due **due) {
  static const size_t sizes[] = {10, 20};
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  mux_cluster(b, 1);
  note(due, KVSP_ITEM_FRAGMENT, b);
  for (unsigned i = 0; i < 3; i++) {
    build_frame(b, 1 + i % 2, 0, 0x80, i * 100, i);
    note(due, KVSP_ITEM_FRAME, b);
  }
  build_laced(b, 1, 0, KVSP_LACING_EBML, sizes, 2, 9);
  note(due, KVSP_ITEM_FRAME, b);
  note(due, KVSP_ITEM_FRAME, b);
  put_group(b, 0, true, "grouped");
  note(due, KVSP_ITEM_FRAME, b);
  put_named_tag(b, "late");
  note(due, KVSP_ITEM_TAGS, b);
}

/* _i: with those flags. */
START_TEST(items_come_with_their_last_byte) {
  static const uint32_t flags[] = {0, KVSP_READ_STRICT, KVSP_READ_NO_DATA};
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  struct due due[32], *end = due, *next = due;
  kvsp_reader *r;
  config.flags = flags[_i];
  put_noted_document(&b, &end);
  r = new_reader(&config);
  for (size_t i = 0; i < b.len; i++) {
    const kvsp_item *item;
    int rc;
    ck_assert_int_eq(kvsp_reader_input(r, b.data + i, 1, 0), KVSP_OK);
    for (;;) {
      rc = kvsp_reader_next(r, &item);
      if (rc != KVSP_OK) break;
      ck_assert_ptr_ne(next, end);
      ck_assert_uint_eq(item->type, next->type);
      ck_assert_uint_eq(i + 1, next->at);
      next++;
    }
    ck_assert_int_eq(rc, KVSP_NEED_INPUT);
  }
  ck_assert_ptr_eq(next, end);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Without notes: a SimpleBlock's frame comes at its own end. */
START_TEST(frames_come_with_their_last_byte) {
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  size_t frames = 0;
  build_fragments(&b, 1, 2);
  for (size_t i = 0; i < b.len; i++) {
    const kvsp_item *item;
    ck_assert_int_eq(kvsp_reader_input(r, b.data + i, 1, 0), KVSP_OK);
    while (kvsp_reader_next(r, &item) == KVSP_OK) {
      if (item->type != KVSP_ITEM_FRAME) continue;
      ck_assert_uint_eq(item->frame->offset + item->frame->size, i + 1);
      frames++;
    }
  }
  ck_assert_uint_eq(frames, 8);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- what is copied ---------------------------------------------------- */

START_TEST(whole_frames_are_not_copied) {
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  build_fragments(&b, 1, 3);
  lend(r, &b, KVSP_FINAL);
  for (int i = 0; i < 12; i++) {
    const kvsp_frame *f = next_of(r, KVSP_ITEM_FRAME)->frame;
    ck_assert_ptr_eq(f->data.data, b.data + f->offset);
  }
  ck_assert_uint_eq(stats_of(r).bytes_copied, 0);
  ck_assert_uint_eq(stats_of(r).bytes_fed, b.len);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Two pieces, cut in the second of four frames of 5000 bytes. */
START_TEST(split_frames_are_copied_once) {
  const struct build_fragment large = {.number = 1, .frame_size = 5000};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  size_t cut;
  build_fragment(&b, &large);
  cut = b.len - 3 * 5000;
  ck_assert_int_eq(kvsp_reader_input(r, b.data, cut, 0), KVSP_OK);
  ck_assert_uint_eq(next_of(r, KVSP_ITEM_FRAME)->frame->index, 0);
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_reader_input(r, b.data + cut, b.len - cut, KVSP_FINAL),
                   KVSP_OK);
  for (uint64_t i = 1; i < 4; i++) {
    const kvsp_frame *f = next_of(r, KVSP_ITEM_FRAME)->frame;
    bool split = f->offset < cut && f->offset + f->size > cut;
    ck_assert_uint_eq(f->index, i);
    ck_assert_int_eq(split, i == 1);
    ck_assert_int_eq(f->data.data == b.data + f->offset, !split);
    expect_payload(f, 5000, 1000 + (unsigned)i);
  }
  ck_assert_int_eq(next_of(r, KVSP_ITEM_FRAGMENT_END)->type,
                   KVSP_ITEM_FRAGMENT_END);
  /* The block's payload is 5004 bytes; its header may have come along. */
  ck_assert_uint_ge(stats_of(r).bytes_copied, 5004);
  ck_assert_uint_le(stats_of(r).bytes_copied, 5020);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

static kvsp_reader_stats stats_after(const struct bytes *b, uint32_t flags,
                                     enum feed_way way, size_t chunk) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct recorder recorder = {0};
  kvsp_reader_stats stats;
  kvsp_reader *r;
  config.flags = flags;
  r = new_reader(&config);
  feed(r, way, b->data, b->len, chunk, &recorder);
  stats = stats_of(r);
  ck_assert_uint_eq(stats.bytes_fed, b->len);
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  return stats;
}

/* With KVSP_READ_STRICT every byte is put into the reader's memory once,
 * however small the pieces.  Otherwise the last block is kept until the next
 * one confirms it, which may move them both. */
START_TEST(small_pieces_are_copied_once) {
  const struct build_fragment large = {.number = 1, .frame_size = 20000};
  struct bytes b = {0};
  build_fragment(&b, &large);
  for (size_t chunk = 1; chunk < 3000; chunk = chunk * 2 + 1) {
    ck_assert_uint_le(
        stats_after(&b, KVSP_READ_STRICT, FEED_PULL, chunk).bytes_copied,
        b.len);
    ck_assert_uint_le(stats_after(&b, 0, FEED_PULL, chunk).bytes_copied,
                      3 * b.len);
  }
  bytes_free(&b);
}
END_TEST

/* A large frame's memory grows with what came of it: by so much each time
 * that a byte is moved about once more on average. */
START_TEST(large_frames_are_copied_little) {
  const struct build_fragment large = {
      .number = 1, .frames = 2, .frame_size = 3000000};
  struct bytes b = {0};
  build_fragment(&b, &large);
  for (uint32_t flags = 0; flags <= KVSP_READ_STRICT; flags++) {
    ck_assert_uint_le(stats_after(&b, flags, FEED_PULL, 4096).bytes_copied,
                      3 * b.len);
    ck_assert_uint_le(stats_after(&b, flags, FEED_RESERVE, 65536).bytes_copied,
                      3 * b.len);
  }
  bytes_free(&b);
}
END_TEST

/* Received straight into the reader's memory: only what a piece's end cuts
 * may have to move. */
START_TEST(reserved_bytes_are_hardly_copied) {
  struct bytes b = {0};
  build_fragments(&b, 1, 100);
  for (uint32_t flags = 0; flags <= KVSP_READ_STRICT; flags++)
    ck_assert_uint_le(stats_after(&b, flags, FEED_RESERVE, 65536).bytes_copied,
                      b.len / 20);
  bytes_free(&b);
}
END_TEST

/* As a camera sends them: a large key frame, then 59 small ones. */
static void build_camera(struct bytes *b, unsigned fragments) {
  uint32_t random = 1;
  for (unsigned i = 0; i < fragments; i++) {
    mux_document(b);
    build_tracks(b);
    mux_cluster(b, i * 2000);
    for (int frame = 0; frame < 60; frame++) {
      size_t more = stream_random(&random) % 10000;
      build_frame(b, 1, (int16_t)frame, 0x80,
                  frame ? 2000 + more : 95000 + more, i);
    }
  }
}

/* Room for the largest frames is made once, and then they seldom move. */
START_TEST(reserved_key_frames_are_hardly_copied) {
  struct bytes b = {0};
  kvsp_reader_stats stats;
  build_camera(&b, 50);
  stats = stats_after(&b, 0, FEED_RESERVE, 65536);
  ck_assert_uint_le(stats.bytes_copied, b.len / 50);
  ck_assert_uint_le(stats.memory_peak, 2 * 105000 + 128 * 1024);
  bytes_free(&b);
}
END_TEST

/* With KVSP_READ_STRICT payloads are not looked at, and the rest once.
 * Otherwise a block that nothing confirms is searched, once. */
START_TEST(payloads_are_hardly_examined) {
  const struct build_fragment large = {.number = 1, .frame_size = 100000};
  struct bytes b = {0};
  build_fragment(&b, &large);
  for (size_t chunk = 0; chunk < 2; chunk++) {
    ck_assert_uint_le(
        stats_after(&b, KVSP_READ_STRICT, FEED_PULL, chunk).bytes_examined,
        b.len - 4 * 100000);
    ck_assert_uint_le(stats_after(&b, 0, FEED_PULL, chunk).bytes_examined,
                      b.len / 2);
  }
  bytes_free(&b);
}
END_TEST

/* Weeks of a stream take no more memory than a minute. */
START_TEST(memory_does_not_grow) {
  struct bytes b = {0};
  struct recorder recorder = {0};
  kvsp_reader *r = new_reader(NULL);
  uint64_t peak = 0;
  build_fragments(&b, 1, 3);
  for (int i = 0; i < 200; i++) {
    for (size_t at = 0; at < b.len; at += 500) {
      size_t n = b.len - at < 500 ? b.len - at : 500;
      ck_assert_int_eq(
          kvsp_reader_visit(r, b.data + at, n, 0, record_visit, &recorder),
          KVSP_OK);
    }
    ck_assert_ptr_null(strchr(recorder_order(&recorder), 'g'));
    recorder_clear(&recorder);
    if (i == 3) peak = stats_of(r).memory_peak;
  }
  ck_assert_uint_gt(peak, 0);
  ck_assert_uint_eq(stats_of(r).memory_peak, peak);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Some of the stream, without an end. */
static void give(kvsp_reader *r, bool reserves, const uint8_t *data, size_t len,
                 struct recorder *recorder) {
  void *room = NULL;
  size_t n = len;
  for (; len > 0; data += n, len -= n) {
    if (reserves) {
      ck_assert_int_eq(kvsp_reader_reserve(r, len, &room, &n), KVSP_OK);
      if (n > len) n = len;
      memcpy(room, data, n);
      ck_assert_int_eq(kvsp_reader_commit(r, n, 0), KVSP_OK);
    }
    ck_assert_int_eq(
        kvsp_reader_visit(r, reserves ? NULL : data, reserves ? 0 : n, 0,
                          record_visit, recorder),
        KVSP_OK);
  }
}

/* A reader that is trimmed between fragments with large frames: a thousand of
 * them wait in 16 MiB. */
START_TEST(trimmed_readers_are_small) {
  const struct build_fragment large = {.number = 1, .frame_size = 100000};
  struct recorder recorder = {0};
  kvsp_reader *r = new_reader(NULL);
  struct bytes b = {0};
  build_fragment(&b, &large);
  for (int i = 0; i < 5; i++) {
    give(r, _i, b.data, 150000, &recorder);
    ck_assert_uint_gt(stats_of(r).memory, 50000);
    ck_assert_int_eq(kvsp_reader_trim(r), KVSP_OK); /* in a frame's midst */
    give(r, _i, b.data + 150000, b.len - 150000, &recorder);
    ck_assert_int_eq(kvsp_reader_trim(r), KVSP_OK);
    ck_assert_uint_le(stats_of(r).memory, 16384);
  }
  ck_assert_uint_eq(stats_of(r).bytes_fed, 5 * b.len);
  ck_assert_uint_eq(kvsp_reader_offset(r), 5 * b.len);
  ck_assert_ptr_null(strchr(recorder_order(&recorder), 'g'));
  recorder_clear(&recorder);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Not while there are frames of a lace, or items before a block, to come. */
START_TEST(trim_at_the_wrong_time) {
  static const size_t lace[] = {20, 30, 40};
  kvsp_reader *r = new_reader(NULL);
  struct bytes b = {0};
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 0);
  build_laced(&b, 1, 0, KVSP_LACING_EBML, lace, 3, 1);
  lend(r, &b, 0);
  while (next_item(r)->type != KVSP_ITEM_FRAME) continue;
  ck_assert_int_eq(kvsp_reader_trim(r), KVSP_ERR_STATE);
  while (next_item(r)->frame->lace_index < 2) continue;
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_reader_trim(r), KVSP_OK);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- retain ------------------------------------------------------------ */

static void expect_kept(kvsp_buf *kept, size_t len, unsigned seed) {
  kvsp_view v = kvsp_buf_view(kept);
  uint8_t *payload = calloc(1, len + KVSP_PADDING);
  ck_assert_ptr_nonnull(payload);
  build_payload(payload, len, seed);
  ck_assert_uint_eq(v.len, len);
  ck_assert_int_eq(memcmp(v.data, payload, len + KVSP_PADDING), 0);
  free(payload);
}

START_TEST(retain_copies_what_was_lent) {
  struct test_allocator a;
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  const kvsp_frame *f;
  kvsp_buf *kept = NULL;
  kvsp_reader *r;
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  r = new_reader(&config);
  build_fragments(&b, 1, 1);
  lend(r, &b, 0);
  f = next_of(r, KVSP_ITEM_FRAME)->frame;
  ck_assert_int_eq(kvsp_frame_retain(f, &kept), KVSP_OK);
  ck_assert_ptr_ne(kvsp_buf_view(kept).data, f->data.data);
  kvsp_reader_free(r);
  bytes_free(&b);
  expect_kept(kept, 300, 1000);
  kvsp_buf_unref(kept);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* Fed in pieces so that each frame is split: the frames stay where the reader
 * put them together, and the reader goes on elsewhere. */
START_TEST(retain_keeps_what_was_put_together) {
  struct test_allocator a;
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  kvsp_buf *kept[12] = {NULL};
  size_t count = 0;
  kvsp_reader *r;
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  r = new_reader(&config);
  build_fragments(&b, 1, 3);
  for (size_t at = 0; at < b.len; at++) {
    const kvsp_item *item;
    uint8_t *piece = malloc(1);
    *piece = b.data[at];
    ck_assert_int_eq(kvsp_reader_input(r, piece, 1, 0), KVSP_OK);
    while (kvsp_reader_next(r, &item) == KVSP_OK) {
      if (item->type != KVSP_ITEM_FRAME) continue;
      ck_assert_int_eq(kvsp_frame_retain(item->frame, &kept[count]), KVSP_OK);
      ck_assert_ptr_eq(kvsp_buf_view(kept[count]).data, item->frame->data.data);
      count++;
    }
    free(piece);
  }
  ck_assert_uint_eq(count, 12);
  kvsp_reader_free(r);
  for (unsigned i = 0; i < 12; i++) {
    expect_kept(kept[i], 300, 1000 * (1 + i / 4) + i % 4);
    ck_assert_ptr_eq(kvsp_buf_ref(kept[i]), kept[i]);
    kvsp_buf_unref(kept[i]);
    expect_kept(kept[i], 300, 1000 * (1 + i / 4) + i % 4);
    kvsp_buf_unref(kept[i]);
  }
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&b);
}
END_TEST

struct keeper {
  kvsp_buf *kept[256];
  uint64_t hashes[256];
  size_t count;
};

static int keep(void *user, const kvsp_item *item) {
  struct keeper *k = user;
  if (item->type != KVSP_ITEM_FRAME) return 0;
  ck_assert_uint_lt(k->count, 256);
  ck_assert_int_eq(kvsp_frame_retain(item->frame, &k->kept[k->count]), KVSP_OK);
  k->hashes[k->count] =
      hash_bytes(item->frame->data.data, item->frame->data.len);
  k->count++;
  return 0;
}

static void release_kept(struct keeper *k) {
  static const uint8_t zeros[KVSP_PADDING] = {0};
  for (size_t i = 0; i < k->count; i++) {
    kvsp_view v = kvsp_buf_view(k->kept[i]);
    ck_assert_uint_eq(hash_bytes(v.data, v.len), k->hashes[i]);
    ck_assert_mem_eq(v.data + v.len, zeros, KVSP_PADDING);
    kvsp_buf_unref(k->kept[i]);
  }
}

static void keep_by_reserve(kvsp_reader *r, const struct bytes *b, size_t chunk,
                            struct keeper *k) {
  size_t at = 0;
  while (at < b->len) {
    void *room;
    size_t capacity, n = b->len - at < chunk ? b->len - at : chunk;
    ck_assert_int_eq(kvsp_reader_reserve(r, chunk, &room, &capacity), KVSP_OK);
    if (n > capacity) n = capacity;
    memcpy(room, b->data + at, n);
    ck_assert_int_eq(kvsp_reader_commit(r, n, 0), KVSP_OK);
    at += n;
    ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, keep, k), KVSP_OK);
  }
}

/* Every frame of the one stream, from the callback, in pieces of all sizes;
 * the reader is gone when they are looked at. */
START_TEST(retain_everything) {
  struct bytes b = {0};
  build_everything(&b);
  for (size_t chunk = 1; chunk < b.len; chunk = chunk * 3 + 1) {
    struct keeper lent = {.count = 0}, reserved = {.count = 0};
    kvsp_reader *r = new_reader(NULL);
    for (size_t at = 0; at < b.len; at += chunk) {
      size_t n = b.len - at < chunk ? b.len - at : chunk;
      ck_assert_int_eq(kvsp_reader_visit(r, b.data + at, n, 0, keep, &lent),
                       KVSP_OK);
    }
    ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
    keep_by_reserve(r, &b, chunk, &reserved);
    kvsp_reader_free(r);
    ck_assert_uint_eq(lent.count, 35);
    ck_assert_uint_eq(reserved.count, lent.count);
    ck_assert_mem_eq(lent.hashes, reserved.hashes, sizeof lent.hashes);
    release_kept(&lent);
    release_kept(&reserved);
  }
  bytes_free(&b);
}
END_TEST

START_TEST(retain_refuses) {
  struct test_allocator a;
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  kvsp_buf *kept = NULL;
  const kvsp_frame *f;
  kvsp_reader *r;
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  build_fragments(&b, 1, 1);
  r = new_reader(&config);
  lend(r, &b, 0);
  f = next_of(r, KVSP_ITEM_FRAME)->frame;
  ck_assert_int_eq(kvsp_frame_retain(f, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_frame_retain(NULL, &kept), KVSP_ERR_ARG);
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_frame_retain(f, &kept), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(kept);
  ck_assert_uint_eq(next_of(r, KVSP_ITEM_FRAME)->frame->index, 1);
  kvsp_reader_free(r);
  config.flags = KVSP_READ_NO_DATA;
  r = new_reader(&config);
  lend(r, &b, 0);
  f = next_of(r, KVSP_ITEM_FRAME)->frame;
  ck_assert_int_eq(kvsp_frame_retain(f, &kept), KVSP_ERR_ARG);
  ck_assert_ptr_null(kept);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- filters ----------------------------------------------------------- */

/* What is compared of frames with and without a filter. */
struct seen {
  uint64_t fragment, index, track, offset, hash;
  int64_t pts_ns;
  uint32_t type, flags;
};

static size_t see_all(const struct bytes *b, const kvsp_reader_config *config,
                      struct seen *seen) {
  kvsp_reader *r = new_reader(config);
  const kvsp_item *item;
  size_t count = 0;
  uint64_t delivered = 0;
  lend(r, b, KVSP_FINAL);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    const kvsp_frame *f = item->frame;
    if (item->type == KVSP_ITEM_FRAGMENT) delivered = 0;
    if (item->type == KVSP_ITEM_FRAGMENT_END)
      ck_assert_uint_eq(item->fragment->frame_count, delivered);
    if (item->type != KVSP_ITEM_FRAME) continue;
    delivered++;
    ck_assert_uint_lt(count, 256);
    memset(&seen[count], 0, sizeof *seen);
    seen[count].fragment = f->fragment->index;
    seen[count].index = f->index;
    seen[count].track = f->track->number;
    seen[count].offset = f->offset;
    seen[count].pts_ns = f->pts_ns;
    seen[count].type = f->track->type;
    seen[count].flags = f->flags;
    seen[count++].hash = hash_bytes(f->data.data, f->data.len);
  }
  kvsp_reader_free(r);
  return count;
}

static bool passes(const struct seen *s, const kvsp_reader_config *config) {
  bool listed = config->track_count == 0;
  for (size_t i = 0; i < config->track_count; i++)
    listed = listed || config->tracks[i] == s->track;
  if (config->track_types && !(config->track_types >> s->type & 1))
    return false;
  if ((config->flags & KVSP_READ_KEY_FRAMES) && !(s->flags & KVSP_FRAME_KEY))
    return false;
  return listed;
}

START_TEST(filters) {
  static const uint64_t two[] = {2}, several[] = {77, 300, 1};
  const uint64_t video = UINT64_C(1) << KVSP_TRACK_VIDEO;
  const uint64_t audio = UINT64_C(1) << KVSP_TRACK_AUDIO;
  const kvsp_reader_config configs[] = {
      {.tracks = two, .track_count = 1},
      {.tracks = several, .track_count = 3},
      {.tracks = several, .track_count = 1}, /* nothing */
      {.track_types = video},
      {.track_types = audio},
      {.track_types = video | audio},
      {.track_types = UINT64_C(1) << KVSP_TRACK_METADATA},
      {.flags = KVSP_READ_KEY_FRAMES},
      {.flags = KVSP_READ_KEY_FRAMES, .track_types = audio},
      {.flags = KVSP_READ_KEY_FRAMES, .tracks = several, .track_count = 3},
  };
  static struct seen all[256], some[256], expected[256];
  struct bytes b = {0};
  size_t total;
  build_everything(&b);
  total = see_all(&b, NULL, all);
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    kvsp_reader_config config = configs[i];
    size_t count = 0;
    config.struct_size = sizeof config;
    for (size_t k = 0; k < total; k++)
      if (passes(&all[k], &config)) expected[count++] = all[k];
    ck_assert_msg(see_all(&b, &config, some) == count, "filter %zu", i);
    ck_assert_mem_eq(some, expected, count * sizeof *some);
  }
  bytes_free(&b);
}
END_TEST

/* The list of tracks is the reader's own. */
START_TEST(track_list_is_copied) {
  uint64_t tracks[] = {2};
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  kvsp_reader *r;
  config.tracks = tracks;
  config.track_count = 1;
  r = new_reader(&config);
  tracks[0] = 1;
  build_fragments(&b, 1, 1);
  lend(r, &b, 0);
  ck_assert_uint_eq(next_of(r, KVSP_ITEM_FRAME)->frame->track->number, 2);
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  lend(r, &b, 0);
  ck_assert_uint_eq(next_of(r, KVSP_ITEM_FRAME)->frame->track->number, 2);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(no_data_is_all_the_rest) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct recorder with = {.flags = RECORD_NO_DATA};
  struct recorder without = {.flags = RECORD_NO_DATA};
  struct bytes b = {0};
  static struct seen seen[256];
  size_t count;
  config.flags = KVSP_READ_NO_DATA;
  build_everything(&b);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &with);
  record_stream(&config, FEED_PULL, b.data, b.len, 0, &without);
  ck_assert(texts_equal(recorder_text(&with), recorder_text(&without),
                        "without data"));
  count = see_all(&b, &config, seen);
  for (size_t i = 0; i < count; i++)
    ck_assert_uint_eq(seen[i].hash, hash_bytes(NULL, 0));
  recorder_clear(&with);
  recorder_clear(&without);
  bytes_free(&b);
}
END_TEST

/* Payloads that nobody asked for are stepped over, not kept. */
START_TEST(payloads_are_stepped_over) {
  const struct build_fragment large = {.number = 1, .frame_size = 200000};
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  build_fragment(&b, &large);
  for (uint32_t strict = 0; strict <= KVSP_READ_STRICT; strict++) {
    struct recorder recorder = {0};
    kvsp_reader *r;
    config.flags = KVSP_READ_NO_DATA | strict;
    r = new_reader(&config);
    ck_assert_int_eq(feed(r, FEED_PULL, b.data, b.len, 1000, &recorder),
                     KVSP_END);
    ck_assert_str_eq(recorder_order(&recorder), "FffffttE");
    ck_assert_uint_lt(stats_of(r).bytes_copied, 5000);
    ck_assert_uint_lt(stats_of(r).memory_peak, 20000);
    kvsp_reader_free(r);
    recorder_clear(&recorder);
  }
  bytes_free(&b);
}
END_TEST

/* ---- visit ------------------------------------------------------------- */

struct stopper {
  struct recorder recorder;
  size_t calls;
  size_t every; /* so many calls, one stop */
  int code;
};

static int stop_sometimes(void *user, const kvsp_item *item) {
  struct stopper *s = user;
  record_item(&s->recorder, item);
  return ++s->calls % s->every ? 0 : s->code;
}

/* Goes on after each stop; returns what is neither a stop nor KVSP_OK. */
static int visit_with_stops(kvsp_reader *r, const struct bytes *b, size_t chunk,
                            struct stopper *s) {
  int rc = KVSP_OK;
  for (size_t at = 0; at < b->len && rc == KVSP_OK; at += chunk) {
    size_t n = b->len - at < chunk ? b->len - at : chunk;
    unsigned flags = at + n == b->len ? KVSP_FINAL : 0;
    uint8_t *piece = malloc(n);
    memcpy(piece, b->data + at, n);
    rc = kvsp_reader_visit(r, piece, n, flags, stop_sometimes, s);
    while (rc == s->code)
      rc = kvsp_reader_visit(r, NULL, 0, 0, stop_sometimes, s);
    free(piece);
  }
  record_status(&s->recorder, r, rc);
  return rc;
}

START_TEST(stopped_visits_lose_nothing) {
  static const int codes[] = {KVSP_PAUSED, KVSP_ERR_USER, -123456, 77};
  static const size_t pieces[] = {1, 7, 100, 5000, 1000000};
  struct recorder whole = {0};
  struct bytes b = {0};
  build_everything(&b);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &whole);
  for (size_t i = 0; i < 4 * 5 * 3; i++) {
    struct stopper s = {.code = codes[i % 4], .every = i / 4 % 3 + 1};
    kvsp_reader *r = new_reader(NULL);
    ck_assert_int_eq(visit_with_stops(r, &b, pieces[i / 12], &s), KVSP_END);
    ck_assert(texts_equal(recorder_text(&whole), recorder_text(&s.recorder),
                          "stopped"));
    kvsp_reader_free(r);
    recorder_clear(&s.recorder);
  }
  recorder_clear(&whole);
  bytes_free(&b);
}
END_TEST

START_TEST(stopped_visits_keep_the_bytes) {
  struct stopper s = {.code = KVSP_PAUSED, .every = 1};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(kvsp_reader_visit(r, b.data, b.len, 0, stop_sometimes, &s),
                   KVSP_PAUSED);
  ck_assert_int_eq(kvsp_reader_visit(r, b.data, b.len, 0, stop_sometimes, &s),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, 0), KVSP_ERR_STATE);
  /* Pull and visit may be mixed. */
  ck_assert_uint_eq(next_item(r)->type, KVSP_ITEM_FRAME);
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, stop_sometimes, &s),
                   KVSP_PAUSED);
  ck_assert_str_eq(recorder_order(&s.recorder), "Ff");
  ck_assert_uint_eq(next_item(r)->frame->index, 2);
  recorder_clear(&s.recorder);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

static int never_called(void *user, const kvsp_item *item) {
  (void)user;
  (void)item;
  ck_abort_msg("no item was due");
  return 0;
}

/* ---- wrong calls ------------------------------------------------------- */

START_TEST(wrong_configurations) {
  static const kvsp_allocator half = {NULL, NULL, NULL, NULL};
  struct test_allocator a;
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_reader *r = NULL;
  ck_assert_int_eq(kvsp_reader_new(NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_new(NULL, &config), KVSP_ERR_ARG);
  for (size_t size = 0; size <= 2 * sizeof config; size++) {
    if (size == sizeof config) continue;
    config.struct_size = size;
    r = (kvsp_reader *)(void *)&config;
    ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
    ck_assert_ptr_null(r);
  }
  config.struct_size = sizeof config;
  config.flags = 0x80000000u;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  config.flags = 0;
  config.reserved = 1;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  config.reserved = 0;
  config.track_count = 1;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  config.track_count = 0;
  config.limits = &limits;
  limits.struct_size = 0;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  limits.struct_size = sizeof limits + 8;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  config.limits = NULL;
  test_allocator_init(&a);
  config.allocator = &a.allocator;
  a.allocator.resize = NULL;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_ERR_ARG);
  ck_assert_ptr_null(r);
  config.allocator = &half; /* none of the three: the standard one */
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  kvsp_reader_free(r);
}
END_TEST

/* An older caller's shorter struct is filled as far as it goes. */
START_TEST(shorter_stats) {
  kvsp_reader *r = new_reader(NULL);
  kvsp_reader_stats stats;
  struct bytes b = {0};
  build_fragments(&b, 1, 1);
  lend(r, &b, 0);
  memset(&stats, 0xA5, sizeof stats);
  ck_assert_int_eq(kvsp_reader_get_stats(r, &stats, 8), KVSP_OK);
  ck_assert_uint_eq(stats.bytes_fed, b.len);
  ck_assert_uint_eq(stats.bytes_copied, UINT64_C(0xA5A5A5A5A5A5A5A5));
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(input_at_the_wrong_time) {
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  size_t capacity;
  void *data;
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_reader_input(r, NULL, 0, 0), KVSP_OK);
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  lend(r, &b, 0);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, 1, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_input(r, NULL, 0, KVSP_FINAL), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &data, &capacity), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), KVSP_ERR_STATE);
  for (int i = 0; i < 4; i++) {
    ck_assert_uint_eq(next_of(r, KVSP_ITEM_FRAME)->frame->index, (uint64_t)i);
    ck_assert_int_eq(kvsp_reader_input(r, b.data, 1, 0), KVSP_ERR_STATE);
  }
  while (kvsp_reader_offset(r) < b.len) next_item(r);
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_reader_input(r, NULL, 0, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, NULL, 0, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &data, &capacity), KVSP_ERR_STATE);
  ck_assert_uint_eq(next_item(r)->type, KVSP_ITEM_FRAGMENT_END);
  ck_assert_int_eq(next_status(r), KVSP_END);
  ck_assert_int_eq(kvsp_reader_input(r, NULL, 0, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, never_called, NULL),
                   KVSP_END);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(reserve_at_the_wrong_time) {
  static const size_t sizes[] = {30, 40, 50};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  const kvsp_frame *f;
  size_t capacity, again;
  void *data, *other;
  const kvsp_item *item;
  mux_document(&b);
  build_tracks(&b);
  mux_cluster(&b, 0);
  build_laced(&b, 1, 0, KVSP_LACING_XIPH, sizes, 3, 1);
  ck_assert_int_eq(kvsp_reader_reserve(r, b.len, &data, &capacity), KVSP_OK);
  ck_assert_uint_ge(capacity, b.len);
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &other, &again), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, 1, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_reader_commit(r, capacity + 1, 0), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 2), KVSP_ERR_ARG);
  memcpy(data, b.data, b.len);
  ck_assert_int_eq(kvsp_reader_commit(r, b.len, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), KVSP_ERR_STATE);
  for (unsigned i = 0; i < 3; i++) {
    f = next_of(r, KVSP_ITEM_FRAME)->frame;
    expect_payload(f, sizes[i], 1 + i);
    if (i < 2)
      ck_assert_int_eq(kvsp_reader_reserve(r, 100000, &data, &capacity),
                       KVSP_ERR_STATE);
  }
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_reader_reserve(r, 1, &data, &capacity), KVSP_OK);
  ck_assert_uint_ge(capacity, 1);
  ck_assert_int_eq(kvsp_reader_commit(r, 0, 0), KVSP_OK);
  ck_assert_int_eq(next_status(r), KVSP_NEED_INPUT);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- reset ------------------------------------------------------------- */

/* _i bytes in, the reader is reset; what follows is as if it were new. */
START_TEST(reset_anywhere) {
  struct recorder fresh = {0};
  struct bytes b = {0};
  kvsp_reader *r = new_reader(NULL);
  build_everything(&b);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &fresh);
  for (size_t len = 1; len < b.len; len = len * 5 / 4 + 1) {
    struct recorder cut = {0}, again = {0};
    uint8_t *piece = malloc(len);
    memcpy(piece, b.data, len);
    ck_assert_int_eq(kvsp_reader_input(r, piece, len, len % 2), KVSP_OK);
    for (size_t i = 0; i < len % 5; i++) {
      const kvsp_item *item;
      if (kvsp_reader_next(r, &item) != KVSP_OK) break;
    }
    ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
    free(piece);
    ck_assert_uint_eq(kvsp_reader_offset(r), 0);
    ck_assert_uint_eq(stats_of(r).bytes_fed, 0);
    ck_assert_uint_eq(stats_of(r).bytes_copied, 0);
    ck_assert_uint_eq(stats_of(r).bytes_examined, 0);
    ck_assert_int_eq(kvsp_reader_error(r)->status, KVSP_OK);
    feed(r, FEED_PULL, b.data, b.len, 1000, &again);
    ck_assert(texts_equal(recorder_text(&fresh), recorder_text(&again),
                          "after a reset"));
    ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
    recorder_clear(&cut);
    recorder_clear(&again);
  }
  kvsp_reader_free(r);
  recorder_clear(&fresh);
  bytes_free(&b);
}
END_TEST

START_TEST(reset_keeps_the_configuration) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct recorder recorder = {0};
  struct bytes b = {0};
  kvsp_reader *r;
  config.flags = KVSP_READ_STRICT | KVSP_READ_KEY_FRAMES;
  r = new_reader(&config);
  limits.max_tags = 2;
  ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
  build_fragments(&b, 1, 1);
  ck_assert_int_eq(feed(r, FEED_PULL, b.data, b.len, 0, &recorder),
                   KVSP_ERR_LIMIT_TAGS);
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  ck_assert_int_eq(feed(r, FEED_PULL, b.data, b.len, 0, &recorder),
                   KVSP_ERR_LIMIT_TAGS);
  ck_assert_int_eq(kvsp_reader_reset(r), KVSP_OK);
  limits.max_tags = 0;
  ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
  ck_assert_int_eq(feed(r, FEED_PULL, b.data, b.len, 0, &recorder), KVSP_END);
  ck_assert_str_eq(recorder_order(&recorder), "FfttE");
  kvsp_reader_free(r);
  recorder_clear(&recorder);
  bytes_free(&b);
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

static TCase *item_case(void) {
  TCase *tc = tcase_create("items");
  tcase_add_test(tc, order_of_items);
  tcase_add_test(tc, documents_without_much);
  tcase_add_test(tc, cluster_without_timestamp);
  tcase_add_test(tc, frames_without_tracks);
  tcase_add_test(tc, several_clusters);
  tcase_add_test(tc, tags_stand_where_they_stood);
  tcase_add_test(tc, fragments_cover_the_stream);
  tcase_add_test(tc, new_tracks);
  tcase_add_test(tc, entries_on_request);
  return tc;
}

static TCase *frame_case(void) {
  TCase *tc = tcase_create("frames");
  tcase_add_test(tc, flags_of_a_simple_block);
  tcase_add_loop_test(tc, frames_of_a_lace, KVSP_LACING_XIPH,
                      KVSP_LACING_EBML + 1);
  tcase_add_test(tc, frames_of_block_groups);
  tcase_add_test(tc, encrypted_frames);
  return tc;
}

static TCase *feeding_case(void) {
  TCase *tc = tcase_create("feeding");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, everything_is_read);
  tcase_add_loop_test(tc, same_items_however_cut, 0, FEED_WAYS);
  tcase_add_loop_test(tc, same_items_without_data, 0, FEED_WAYS);
  tcase_add_loop_test(tc, same_items_filtered, 0, FEED_WAYS);
  tcase_add_loop_test(tc, same_fault_however_cut, 0, FEED_WAYS);
  tcase_add_test(tc, several_frames_at_once);
  tcase_add_test(tc, frames_stay_until_the_next_call);
  tcase_add_test(tc, wrong_calls_of_next_frames);
  tcase_add_test(tc, empty_pieces);
  tcase_add_test(tc, frames_come_with_their_last_byte);
  tcase_add_loop_test(tc, items_come_with_their_last_byte, 0, 3);
  return tc;
}

static TCase *copying_case(void) {
  TCase *tc = tcase_create("copying");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, whole_frames_are_not_copied);
  tcase_add_test(tc, split_frames_are_copied_once);
  tcase_add_test(tc, small_pieces_are_copied_once);
  tcase_add_test(tc, large_frames_are_copied_little);
  tcase_add_test(tc, reserved_bytes_are_hardly_copied);
  tcase_add_test(tc, reserved_key_frames_are_hardly_copied);
  tcase_add_test(tc, payloads_are_hardly_examined);
  tcase_add_test(tc, memory_does_not_grow);
  tcase_add_loop_test(tc, trimmed_readers_are_small, 0, 2);
  tcase_add_test(tc, trim_at_the_wrong_time);
  return tc;
}

static TCase *retain_case(void) {
  TCase *tc = tcase_create("retain");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, retain_copies_what_was_lent);
  tcase_add_test(tc, retain_keeps_what_was_put_together);
  tcase_add_test(tc, retain_everything);
  tcase_add_test(tc, retain_refuses);
  return tc;
}

static TCase *filter_case(void) {
  TCase *tc = tcase_create("filters");
  tcase_add_test(tc, filters);
  tcase_add_test(tc, track_list_is_copied);
  tcase_add_test(tc, no_data_is_all_the_rest);
  tcase_add_test(tc, payloads_are_stepped_over);
  return tc;
}

static TCase *visit_case(void) {
  TCase *tc = tcase_create("visit");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, stopped_visits_lose_nothing);
  tcase_add_test(tc, stopped_visits_keep_the_bytes);
  return tc;
}

static TCase *wrong_case(void) {
  TCase *tc = tcase_create("wrong calls");
  tcase_add_test(tc, wrong_configurations);
  tcase_add_test(tc, shorter_stats);
  tcase_add_test(tc, input_at_the_wrong_time);
  tcase_add_test(tc, reserve_at_the_wrong_time);
  return tc;
}

static TCase *reset_case(void) {
  TCase *tc = tcase_create("reset");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, reset_anywhere);
  tcase_add_test(tc, reset_keeps_the_configuration);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("reader");
  suite_add_tcase(suite, item_case());
  suite_add_tcase(suite, frame_case());
  suite_add_tcase(suite, feeding_case());
  suite_add_tcase(suite, copying_case());
  suite_add_tcase(suite, retain_case());
  suite_add_tcase(suite, filter_case());
  suite_add_tcase(suite, visit_case());
  suite_add_tcase(suite, wrong_case());
  suite_add_tcase(suite, reset_case());
  return run_suite(suite);
}
