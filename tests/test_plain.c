/*
 * test_plain.c - the reader's fast path (lib/core/reader_plain.c) gives what
 * its steps give, and the tokenizer's short cuts (tokenizer_next.c) what its
 * own steps give: every stream is read with both and with neither, however it
 * is cut and damaged.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "support/build.h"
#include "support/corpus.h"
#include "support/damage.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

static size_t comparisons;

static int read_with(const kvsp_reader_config *config, bool steps_only,
                     enum feed_way way, const struct bytes *b, size_t chunk,
                     struct recorder *out) {
  kvsp_reader *r = NULL;
  int rc = kvsp_reader_new(&r, config);
  ck_assert_int_eq(rc, KVSP_OK);
  r->plain_is_off = r->tokenizer.steps_only = steps_only;
  rc = feed(r, way, b->data, b->len, chunk, out);
  kvsp_reader_free(r);
  return rc;
}

static void compare(const kvsp_reader_config *config, enum feed_way way,
                    const struct bytes *b, size_t chunk, const char *what) {
  struct recorder steps = {0}, plain = {0};
  int expected = read_with(config, true, way, b, chunk, &steps);
  int got = read_with(config, false, way, b, chunk, &plain);
  ck_assert_int_eq(got, expected);
  ck_assert_msg(texts_equal(recorder_text(&steps), recorder_text(&plain), what),
                "%s: way %d, chunks of %zu, flags %u", what, (int)way, chunk,
                config->flags);
  recorder_clear(&steps);
  recorder_clear(&plain);
  comparisons++;
}

static const size_t chunks[] = {0, 1, 7, 17, 100, 333, 1500, 4096, 65536};
#define CHUNKS (sizeof chunks / sizeof *chunks)

static const uint64_t only_two[] = {2};
static const kvsp_limits tight = {
    .struct_size = sizeof tight, .max_frame = 250, .max_memory = 40000};
static const kvsp_limits narrow = {.struct_size = sizeof narrow,
                                   .max_value = 12,
                                   .max_depth = 5,
                                   .max_tags = 4};
#define CONFIG .struct_size = sizeof(kvsp_reader_config)
static const kvsp_reader_config configs[] = {
    {CONFIG},
    {CONFIG, .flags = KVSP_READ_STRICT},
    {CONFIG, .flags = KVSP_READ_NO_DATA},
    {CONFIG, .flags = KVSP_READ_KEY_FRAMES},
    {CONFIG, .flags = KVSP_READ_CHECK_CRC | KVSP_READ_DECOMPRESS},
    {CONFIG, .flags = KVSP_READ_NO_DATA | KVSP_READ_STRICT},
    {CONFIG, .flags = KVSP_READ_ENTRIES},
    {CONFIG, .track_types = 1u << KVSP_TRACK_AUDIO},
    {CONFIG, .tracks = only_two, .track_count = 1},
    {CONFIG, .limits = &tight},
    {CONFIG, .limits = &narrow},
    {CONFIG, .limits = &narrow, .flags = KVSP_READ_STRICT},
};
#define CONFIGS (sizeof configs / sizeof *configs)

static void compare_all(const struct bytes *b, const char *what) {
  for (size_t c = 0; c < CONFIGS; c++)
    for (size_t i = 0; i < CHUNKS; i++)
      compare(&configs[c], (enum feed_way)((c + i) % FEED_WAYS), b, chunks[i],
              what);
}

/* ---- streams ------------------------------------------------------------ */

/* Small frames of two tracks, with sizes told in as few bytes as can be and in
 * eight, Voids, laces and groups among them. */
static void build_mixture(struct bytes *b) {
  static const size_t lace[] = {20, 30, 40};
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  for (unsigned c = 0; c < 3; c++) {
    mux_cluster(b, c * 1000);
    for (unsigned i = 0; i < 60; i++) {
      uint8_t flags = (uint8_t)(i % 7 == 0 ? 0x80 : i % 11 == 0 ? 0x09 : 0);
      struct bytes block = {0}, payload = {0};
      build_append_payload(&payload, 1 + i * i % 300, i);
      build_block(&block, 1 + i % 2, (int16_t)(i * 13 - 40), flags,
                  payload.data, payload.len);
      if (i % 5 == 4) {
        stream_header(b, KVSP_ID_SIMPLE_BLOCK, block.len, 8);
        bytes_append(b, block.data, block.len);
      } else {
        mux_binary(b, KVSP_ID_SIMPLE_BLOCK, block.data, block.len);
      }
      if (i % 17 == 5) mux_binary(b, KVSP_ID_VOID, "1234567", 7);
      if (i % 23 == 5)
        build_laced(b, 1, (int16_t)i, KVSP_LACING_EBML, lace, 3, i);
      bytes_free(&block);
      bytes_free(&payload);
    }
  }
}

/* Blocks that are plain but for one thing each. */
static void build_nearly_plain(struct bytes *b) {
  static const uint8_t flags[] = {0x80, 0x10, 0x20, 0x40, 0x02, 0x04, 0x06};
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  mux_cluster(b, 5);
  for (unsigned i = 0; i < 4 * sizeof flags; i++) {
    build_frame(b, 1, (int16_t)i, 0x80, 50, i);
    build_frame(b, 2, (int16_t)i, flags[i % sizeof flags], 50, i);
    if (i % 4 == 1) build_frame(b, 3, (int16_t)i, 0x80, 50, i); /* no such */
    if (i % 4 == 2) build_frame(b, 200, (int16_t)i, 0x80, 50, i);
    if (i % 4 == 3) build_frame(b, 2, INT16_MIN, 0x80, 0, i); /* empty */
  }
  stream_header(b, KVSP_ID_SIMPLE_BLOCK, KVSP_SIZE_UNKNOWN, 1);
  build_frame(b, 1, 90, 0x80, 50, 0);
  stream_header(b, KVSP_ID_SIMPLE_BLOCK, 3, 1);
  bytes_append(b, "\x81\0\0", 3);
  build_frame(b, 1, 91, 0x80, 50, 0);
}

/* Tracks of which no block is plain, and Clusters of known size, the second of
 * which ends inside its last block; one that has no Timestamp, one that has a
 * Void before its first block. */
static void build_special(struct bytes *b) {
  struct bytes tracks = {0}, cluster = {0};
  size_t entry;
  mux_document(b);
  mux_info(b, 0);
  for (unsigned number = 1; number <= 3; number++) {
    entry = mux_begin(&tracks, KVSP_ID_TRACK_ENTRY);
    mux_uint(&tracks, KVSP_ID_TRACK_NUMBER, number);
    if (number == 1) mux_float(&tracks, KVSP_ID_TRACK_TIMESTAMP_SCALE, 2.5);
    if (number == 2) {
      size_t all = mux_begin(&tracks, KVSP_ID_CONTENT_ENCODINGS);
      size_t one = mux_begin(&tracks, KVSP_ID_CONTENT_ENCODING);
      size_t way = mux_begin(&tracks, KVSP_ID_CONTENT_COMPRESSION);
      mux_uint(&tracks, KVSP_ID_CONTENT_COMP_ALGO, 3);
      mux_binary(&tracks, KVSP_ID_CONTENT_COMP_SETTINGS, "head", 4);
      mux_end(&tracks, way);
      mux_end(&tracks, one);
      mux_end(&tracks, all);
    }
    mux_end(&tracks, entry);
  }
  stream_master(b, KVSP_ID_TRACKS, &tracks);
  for (unsigned c = 0; c < 4; c++) {
    cluster.len = 0;
    if (c != 2) mux_uint(&cluster, KVSP_ID_TIMESTAMP, 1000 * c);
    if (c == 3) mux_binary(&cluster, KVSP_ID_VOID, "1234", 4);
    for (unsigned i = 0; i < 12; i++)
      build_frame(&cluster, 1 + i % 3, (int16_t)(i * 7), 0x80, 40 + i, i);
    if (c == 1) cluster.len -= 20;
    stream_master(b, KVSP_ID_CLUSTER, &cluster);
  }
  bytes_free(&tracks);
  bytes_free(&cluster);
}

/* Times at the edge of what 64 bits can tell. */
static void build_far(struct bytes *b) {
  static const uint64_t scales[] = {1, 1000000, UINT32_MAX, UINT64_C(1) << 40,
                                    INT64_MAX};
  for (unsigned i = 0; i < 15; i++) {
    mux_document(b);
    mux_info(b, scales[i % 5]);
    build_tracks(b);
    mux_head_tags(b, "9", "1.5", i % 2 ? "9223372035.5" : "-9223372035.5");
    mux_cluster(b, i < 5 ? 1 : INT64_MAX / scales[i % 5] - i);
    for (int t = -3; t < 4; t++)
      build_frame(b, 1, (int16_t)(t * 10000), 0x80, 20, i);
  }
}

/* A string of that element, which holds a whole document. */
static void put_document_in(struct bytes *b, uint64_t id, size_t filler) {
  struct bytes inner = {0};
  build_append_payload(&inner, filler, 1);
  mux_document(&inner);
  mux_cluster(&inner, 7);
  build_frame(&inner, 1, 0, 0x80, 20, 3);
  mux_binary(b, id, inner.data, inner.len);
  bytes_free(&inner);
}

#define ODD_ELEMENTS 13u

/* Something in a TrackEntry that is not as it usually is. */
static void put_odd_element(struct bytes *b, unsigned which) {
  switch (which) {
    case 0: put_document_in(b, KVSP_ID_CODEC_ID, 3); break;
    case 1: put_document_in(b, KVSP_ID_CODEC_ID, 400); break;
    case 2: put_document_in(b, KVSP_ID_NAME, 3); break;
    case 3: mux_binary(b, KVSP_ID_TRACK_UID, "123456789", 9); break;
    case 4: mux_string(b, KVSP_ID_MUXING_APP, "misplaced"); break;
    case 5:
      mux_binary(b, KVSP_ID_TRACK_TYPE, "", 0);
      mux_binary(b, KVSP_ID_NAME, "", 0);
      break;
    case 6: /* reaches past its parent's end */
      stream_header(b, KVSP_ID_NAME, 1000, 2);
      break;
    case 7: mux_binary(b, STREAM_ID_UNKNOWN_4, "12345", 5); break;
    case 8: stream_header(b, KVSP_ID_NAME, KVSP_SIZE_UNKNOWN, 1); break;
    case 9: /* stands in a Cluster */
      mux_end(b, mux_begin(b, KVSP_ID_BLOCK_GROUP));
      break;
    case 10:
      mux_string(b, KVSP_ID_NAME, "longer than narrow's max_value");
      break;
    case 11:
      for (int i = 0; i < 40; i++) mux_uint(b, KVSP_ID_TRACK_TYPE, 1);
      break;
    default: mux_float(b, KVSP_ID_SAMPLING_FREQUENCY, 8000); break;
  }
}

/* SimpleTags one inside the other. */
static void put_nested_tags(struct bytes *b) {
  size_t open[8];
  open[0] = mux_begin(b, KVSP_ID_TAGS);
  open[1] = mux_begin(b, KVSP_ID_TAG);
  for (int i = 2; i < 8; i++) {
    open[i] = mux_begin(b, KVSP_ID_SIMPLE_TAG);
    mux_string(b, KVSP_ID_TAG_NAME, "name");
  }
  for (int i = 8; i-- > 0;) mux_end(b, open[i]);
}

/* Fragments with heads that are nearly usual. */
static void build_odd_heads(struct bytes *b) {
  for (unsigned which = 0; which <= ODD_ELEMENTS; which++) {
    size_t tracks, entry;
    mux_document(b);
    mux_info(b, 0);
    tracks = mux_begin(b, KVSP_ID_TRACKS);
    entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
    mux_uint(b, KVSP_ID_TRACK_NUMBER, 1);
    if (which < ODD_ELEMENTS) put_odd_element(b, which);
    mux_uint(b, KVSP_ID_TRACK_UID, 77);
    mux_string(b, KVSP_ID_CODEC_ID, "V_TEST");
    mux_end(b, entry);
    mux_end(b, tracks);
    if (which % 3 == 0) put_nested_tags(b);
    mux_head_tags(b, "12", "1.5", "1.5");
    mux_cluster(b, which * 1000);
    for (unsigned i = 0; i < 3; i++)
      build_frame(b, 1, (int16_t)(i * 7), 0x80, 40, i);
    mux_tail_tags(b, "12", "0");
  }
}

/* A string that is told in so many bytes. */
static void put_string(struct bytes *b, uint64_t id, unsigned size_length,
                       const char *value) {
  stream_header(b, id, strlen(value), size_length);
  bytes_append(b, value, strlen(value));
}

/* What a SimpleTag may hold; whether it is a TagName and a TagString. */
static const struct {
  const char *content; /* n: name, s: string, N, S: their sizes in 8 bytes,
                          e, E: the two when empty, 0: a string with a NUL,
                          l: a language, b: binary, v: a Void, t: another
                          SimpleTag, x: a string that is longer than all of it,
                          u: one of unknown size, L: a long string, M: a long
                          name */
  bool is_whole;
} tag_contents[] = {
    {"ns", true},   {"NS", true},   {"nS", true},   {"Ns", true},
    {"es", true},   {"nE", true},   {"eE", true},   {"n0", true},
    {"nL", true},   {"Ms", true},   {"sn", false},  {"n", false},
    {"s", false},   {"", false},    {"e", false},   {"nss", false},
    {"nns", false}, {"nls", false}, {"nsl", false}, {"nb", false},
    {"nvs", false}, {"nsv", false}, {"vns", false}, {"nts", false},
    {"nst", false}, {"nx", false},  {"nu", false},  {"uns", false}};
#define TAG_CONTENTS (unsigned)(sizeof tag_contents / sizeof *tag_contents)

static void put_tag_content(struct bytes *b, char what) {
  static const char with_nul[] = "a\0b";
  size_t begin;
  switch (what) {
    case 'n': put_string(b, KVSP_ID_TAG_NAME, 0, "PART"); break;
    case 's': put_string(b, KVSP_ID_TAG_STRING, 0, "what it says"); break;
    case 'N': put_string(b, KVSP_ID_TAG_NAME, 8, "MimeType"); break;
    case 'S': put_string(b, KVSP_ID_TAG_STRING, 8, "audio/L16;rate=8"); break;
    case 'e': put_string(b, KVSP_ID_TAG_NAME, 1, ""); break;
    case 'E': put_string(b, KVSP_ID_TAG_STRING, 2, ""); break;
    case '0': mux_binary(b, KVSP_ID_TAG_STRING, with_nul, 3); break;
    case 'l': put_string(b, KVSP_ID_TAG_LANGUAGE, 0, "und"); break;
    case 'b': mux_binary(b, KVSP_ID_TAG_BINARY, "1234", 4); break;
    case 'v': mux_binary(b, KVSP_ID_VOID, "12", 2); break;
    case 'x': stream_header(b, KVSP_ID_TAG_STRING, 1000, 2); break;
    case 'u': stream_header(b, KVSP_ID_TAG_STRING, KVSP_SIZE_UNKNOWN, 1); break;
    case 'L': put_document_in(b, KVSP_ID_TAG_STRING, 300); break;
    case 'M': put_document_in(b, KVSP_ID_TAG_NAME, 300); break;
    default:
      begin = mux_begin(b, KVSP_ID_SIMPLE_TAG);
      put_string(b, KVSP_ID_TAG_NAME, 0, "inner");
      put_string(b, KVSP_ID_TAG_STRING, 0, "one");
      mux_end(b, begin);
      break;
  }
}

static void put_simple_tag(struct bytes *b, unsigned which) {
  size_t begin = mux_begin(b, KVSP_ID_SIMPLE_TAG);
  for (const char *c = tag_contents[which].content; *c; c++)
    put_tag_content(b, *c);
  mux_end(b, begin);
}

/* Fragments with one such tag among those that are usual, before and behind
 * the Cluster, and with all of them. */
static void build_odd_tags(struct bytes *b) {
  for (unsigned which = 0; which <= TAG_CONTENTS; which++) {
    size_t tags, tag;
    mux_document(b);
    mux_info(b, 0);
    build_tracks(b);
    mux_head_tags(b, "12", "1.5", "1.5");
    for (unsigned behind = 0; behind < 2; behind++) {
      tags = mux_begin(b, KVSP_ID_TAGS);
      tag = mux_begin(b, KVSP_ID_TAG);
      for (unsigned i = 0; i < TAG_CONTENTS; i++)
        if (i == which || which == TAG_CONTENTS) put_simple_tag(b, i);
      mux_end(b, tag);
      mux_end(b, tags);
      if (behind) continue;
      mux_cluster(b, which * 1000);
      build_frame(b, 1, 7, 0x80, 40, which);
    }
    mux_tail_tags(b, "12", "0");
  }
}

/* A tag that makes no sense before one that does, and a document without an
 * EBML header. */
static void build_torn_tags(struct bytes *b) {
  size_t tags, tag, torn;
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  tags = mux_begin(b, KVSP_ID_TAGS);
  tag = mux_begin(b, KVSP_ID_TAG);
  torn = mux_begin(b, KVSP_ID_SIMPLE_TAG);
  bytes_append(b, "\0no element", 11);
  mux_end(b, torn);
  put_simple_tag(b, 0);
  mux_end(b, tag);
  mux_end(b, tags);
  mux_begin_unknown(b, KVSP_ID_SEGMENT, 8);
  mux_info(b, 0);
  build_tracks(b);
  mux_cluster(b, 9);
  build_frame(b, 1, 0, 0x80, 40, 1);
}

/* An ID of 5 bytes where the EBML header allows that, and where it does not. */
static void build_long_ids(struct bytes *b) {
  static const uint8_t element[] = {0x08, 0x12, 0x34, 0x56, 0x78, 0x81, 0};
  for (int allows = 0; allows < 2; allows++) {
    struct bytes header = {0};
    if (allows) mux_uint(&header, KVSP_ID_EBML_MAX_ID_LENGTH, 5);
    mux_string(&header, KVSP_ID_DOC_TYPE, "matroska");
    stream_master(b, KVSP_ID_EBML, &header);
    mux_begin_unknown(b, KVSP_ID_SEGMENT, 8);
    mux_info(b, 0);
    bytes_append(b, element, sizeof element);
    build_tracks(b);
    mux_cluster(b, 9);
    build_frame(b, 1, 0, 0x80, 40, 1);
    bytes_free(&header);
  }
}

typedef void (*builder)(struct bytes *b);

static void build_some_fragments(struct bytes *b) {
  build_fragments(b, 1, 4);
}

static const struct {
  const char *name;
  builder build;
} streams[] = {{"fragments", build_some_fragments},
               {"everything", build_everything},
               {"sample", stream_sample},
               {"mixture", build_mixture},
               {"nearly plain", build_nearly_plain},
               {"special", build_special},
               {"far", build_far},
               {"odd heads", build_odd_heads},
               {"odd tags", build_odd_tags},
               {"torn tags", build_torn_tags},
               {"long IDs", build_long_ids}};
#define STREAMS (int)(sizeof streams / sizeof *streams)

START_TEST(sound_streams) {
  struct bytes b = {0};
  streams[_i].build(&b);
  compare_all(&b, streams[_i].name);
  bytes_free(&b);
}
END_TEST

static void break_somehow(struct damage *d, const struct bytes *b) {
  size_t p = damage_random(&d->random, b->len);
  size_t n = 1 + damage_random(&d->random, 400);
  switch (damage_random(&d->random, 7)) {
    case 0: damage_cut(d, b, p, p + (b->len - p) / 2); break;
    case 1: damage_cut_end(d, b, p); break;
    case 2: damage_join(d, b, p); break;
    case 3: damage_insert(d, b, p, n); break;
    case 4: damage_overwrite(d, b, p, n < b->len - p ? n : b->len - p); break;
    case 5: damage_drop(d, b, p, n < b->len - p ? p + n : b->len); break;
    default: damage_flip(d, b, p, (unsigned)n % 8); break;
  }
}

START_TEST(damaged_streams) {
  struct bytes b = {0};
  struct damage d = {.random = 20 + (uint64_t)_i};
  streams[_i].build(&b);
  for (size_t i = 0; i < 1500; i++) {
    break_somehow(&d, &b);
    compare(&configs[i % CONFIGS], (enum feed_way)(i / 7 % FEED_WAYS), &d.data,
            chunks[i / 3 % CHUNKS], d.what);
  }
  damage_free(&d);
  bytes_free(&b);
}
END_TEST

/* The comparisons above would say nothing if the fast path was never taken. */
START_TEST(nearly_all_frames_are_plain) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r = NULL;
  size_t frames = 0, plain = 0, at = 0;
  build_mixture(&b);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  while (at < b.len) {
    size_t n = b.len - at < 1000 ? b.len - at : 1000;
    ck_assert_int_eq(kvsp_reader_input(r, b.data + at, n, 0), KVSP_OK);
    while (kvsp_reader_next(r, &item) == KVSP_OK) {
      if (item->type != KVSP_ITEM_FRAME) continue;
      frames++;
      plain += r->plain;
    }
    at += n;
  }
  ck_assert_uint_eq(frames, 3 * (60 + 3 * 3));
  ck_assert_uint_ge(plain, 3 * 50);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* Up to the SimpleTag's begin, or its end. */
static kvsp_tokenizer *at_simple_tag(const struct bytes *b, uint32_t type,
                                     bool steps_only) {
  kvsp_tokenizer *t = NULL;
  const kvsp_event *e;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, NULL), KVSP_OK);
  t->recovers = true;
  t->steps_only = steps_only;
  ck_assert_int_eq(kvsp_tokenizer_input(t, b->data, b->len, 0), KVSP_OK);
  do ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  while (e->type != type || e->id != KVSP_ID_SIMPLE_TAG);
  return t;
}

static void expect_same_event(const kvsp_event *a, const kvsp_event *b) {
  ck_assert_uint_eq(a->type, b->type);
  ck_assert_uint_eq(a->flags, b->flags);
  ck_assert_uint_eq(a->id, b->id);
  ck_assert_uint_eq(a->depth, b->depth);
  ck_assert_uint_eq(a->header_size, b->header_size);
  ck_assert_uint_eq(a->offset, b->offset);
  ck_assert_uint_eq(a->size, b->size);
  ck_assert_uint_eq(a->data_offset, b->data_offset);
  ck_assert_ptr_eq(a->data.data, b->data.data);
  ck_assert_uint_eq(a->data.len, b->data.len);
  ck_assert_ptr_eq(a->info, b->info);
}

static void expect_same_state(const kvsp_tokenizer *a,
                              const kvsp_tokenizer *b) {
  ck_assert_int_eq((int)a->state, (int)b->state);
  expect_same_event(&a->event, &b->event);
  ck_assert_uint_eq(a->window.offset, b->window.offset);
  ck_assert_uint_eq(a->window.hold, b->window.hold);
  ck_assert_uint_eq(a->window.left, b->window.left);
  ck_assert_uint_eq(a->depth, b->depth);
  ck_assert_uint_eq(a->close_to, b->close_to);
  ck_assert_uint_eq(a->delivered, b->delivered);
  ck_assert_uint_eq(a->header.id_size, b->header.id_size);
  ck_assert_uint_eq(a->doubtful, b->doubtful);
  ck_assert_uint_eq(a->holds_unknown, b->holds_unknown);
  ck_assert_uint_eq(a->holds_odd_block, b->holds_odd_block);
  ck_assert_uint_eq(a->examined, b->examined);
}

/* What is taken whole leaves the tokenizer as the events do; _i is the tag. */
START_TEST(whole_tags_leave_all_as_steps_do) {
  bool is_whole = tag_contents[_i].is_whole;
  kvsp_view name = {NULL, 0}, string = {NULL, 0};
  kvsp_tokenizer *whole, *steps;
  struct bytes b = {0};
  size_t tags, tag;
  mux_document(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  tag = mux_begin(&b, KVSP_ID_TAG);
  put_simple_tag(&b, (unsigned)_i);
  mux_end(&b, tag);
  mux_end(&b, tags);
  whole = at_simple_tag(&b, KVSP_EVENT_MASTER_BEGIN, false);
  ck_assert_int_eq(kvsp_tokenizer_tag_at_hand(whole, &name, &string), is_whole);
  if (is_whole) {
    kvsp_tokenizer_take_tag(whole, name);
    steps = at_simple_tag(&b, KVSP_EVENT_MASTER_END, true);
    expect_same_state(whole, steps);
    kvsp_tokenizer_free(steps);
  }
  kvsp_tokenizer_free(whole);
  bytes_free(&b);
}
END_TEST

/* Where the 20th plain frame ends. */
static size_t end_of_plain(const struct bytes *b) {
  const kvsp_item *item = NULL;
  kvsp_reader *r = NULL;
  size_t end = 0;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, 0), KVSP_OK);
  for (int count = 0; count < 20; count += r->plain) {
    ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
    if (r->plain) end = (size_t)(item->frame->offset + item->frame->size);
  }
  kvsp_reader_free(r);
  return end;
}

/* What was lent is the reader's until it asks for more: a frame that ends with
 * the piece can still be kept. */
START_TEST(a_frame_is_there_until_the_next_call) {
  static const uint32_t flags[] = {0, KVSP_READ_STRICT, KVSP_READ_NO_DATA};
  const kvsp_reader_config config = {CONFIG, .flags = flags[_i]};
  struct bytes b = {0};
  const kvsp_item *item = NULL;
  kvsp_reader *r = NULL;
  uint8_t *piece;
  int rc;
  build_mixture(&b);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  b.len = end_of_plain(&b);
  piece = malloc(b.len);
  ck_assert_ptr_nonnull(piece);
  memcpy(piece, b.data, b.len);
  ck_assert_int_eq(kvsp_reader_input(r, piece, b.len, 0), KVSP_OK);
  for (rc = kvsp_reader_next(r, &item); rc == KVSP_OK;
       rc = kvsp_reader_next(r, &item)) {
    kvsp_buf *kept = NULL;
    if (!r->plain) continue;
    ck_assert_int_eq(kvsp_reader_input(r, "", 0, 0), KVSP_ERR_STATE);
    ck_assert_int_eq(kvsp_frame_retain(item->frame, &kept),
                     _i == 2 ? KVSP_ERR_ARG : KVSP_OK);
    ck_assert_uint_eq(kvsp_reader_offset(r),
                      item->frame->offset + item->frame->size);
    kvsp_buf_unref(kept);
  }
  ck_assert_int_eq(rc, KVSP_NEED_INPUT);
  free(piece);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- real streams ------------------------------------------------------- */

/* At most so much of a file. */
#define FILE_PART 400000

static void compare_file(const char *folder, const char *name,
                         const struct bytes *b) {
  struct bytes part = *b;
  (void)folder;
  if (part.len > FILE_PART) part.len = FILE_PART;
  for (size_t c = 0; c < CONFIGS; c++) {
    size_t i = (c + part.len) % CHUNKS;
    compare(&configs[c], (enum feed_way)(c % FEED_WAYS), &part,
            chunks[i == 1 ? 2 : i], name);
  }
}

static const char *const folders[] = {
    "kvs-getmedia", "kvs-picgen", "kvs-producer-input",
    "mkv-valid",    "webm-valid", "muxgen",
    "invalid",      "fuzz"};
#define FOLDERS (int)(sizeof folders / sizeof *folders)

START_TEST(real_streams) {
  corpus_each(folders[_i], compare_file);
}
END_TEST

static Suite *plain_suite(void) {
  Suite *s = suite_create("plain");
  TCase *t = tcase_create("steps");
  tcase_set_timeout(t, 300);
  tcase_add_loop_test(t, sound_streams, 0, STREAMS);
  tcase_add_loop_test(t, damaged_streams, 0, STREAMS);
  tcase_add_test(t, nearly_all_frames_are_plain);
  tcase_add_loop_test(t, whole_tags_leave_all_as_steps_do, 0,
                      (int)TAG_CONTENTS);
  tcase_add_loop_test(t, a_frame_is_there_until_the_next_call, 0, 3);
  if (corpus_is_there())
    tcase_add_loop_test(t, real_streams, 0, FOLDERS);
  else
    puts("real streams are skipped: KVSPARSE_CORPUS is not set");
  suite_add_tcase(s, t);
  return s;
}

int main(void) {
  return run_suite(plain_suite());
}
