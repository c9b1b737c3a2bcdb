/*
 * test_encodings.c - what stands around a frame besides its bytes, and what is
 * done to them: ContentEncodings, CRC-32, BlockAdditions, CodecState, what a
 * tag MimeType says of audio, Targets, TrackTimestampScale, long IDs and sizes.
 */
#include <check.h>
#include <inttypes.h>
#include <kvsparse/reader.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "support/allocator.h"
#include "support/build.h"
#include "support/corpus.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/suite.h"

#define VIDEO 1u
#define FRAMES_MAX 64
#define GAPS_MAX 8

/* ---- what comes out ---------------------------------------------------- */

/* What the last read gave.  Pointers in frames are void, but for data. */
static struct {
  int rc;
  size_t frames, gaps, fragments;
  kvsp_frame frame[FRAMES_MAX];
  struct bytes data[FRAMES_MAX];
  kvsp_gap gap[GAPS_MAX];
  uint32_t end_flags; /* of the last fragment that ended */
  kvsp_track track;   /* the first of the last fragment */
  struct bytes codec_private;
  uint64_t memory_peak;
  kvsp_error_info error;
} got;

static void forget(void) {
  for (size_t i = 0; i < FRAMES_MAX; i++) bytes_free(&got.data[i]);
  bytes_free(&got.codec_private);
  memset(&got, 0, sizeof got);
}

static void keep_track(const kvsp_fragment *f) {
  got.fragments++;
  if (f->track_count == 0) return;
  got.track = *f->tracks[0];
  bytes_free(&got.codec_private);
  bytes_append(&got.codec_private, got.track.codec_private.data,
               got.track.codec_private.len);
}

static void keep(const kvsp_item *item) {
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT: keep_track(item->fragment); break;
    case KVSP_ITEM_FRAGMENT_END: got.end_flags = item->fragment->flags; break;
    case KVSP_ITEM_GAP:
      ck_assert_uint_lt(got.gaps, GAPS_MAX);
      got.gap[got.gaps++] = *item->gap;
      break;
    case KVSP_ITEM_FRAME:
      ck_assert_uint_lt(got.frames, FRAMES_MAX);
      got.frame[got.frames] = *item->frame;
      bytes_append(&got.data[got.frames++], item->frame->data.data,
                   item->frame->data.len);
      break;
    default: break;
  }
}

static kvsp_reader_config config_with(uint32_t flags) {
  kvsp_reader_config config = {.struct_size = sizeof config, .flags = flags};
  return config;
}

static int drain(kvsp_reader *r) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(r, &item)) keep(item);
  return rc;
}

static void note_end(kvsp_reader *r) {
  kvsp_reader_stats stats;
  ck_assert_int_eq(kvsp_reader_get_stats(r, &stats, sizeof stats), KVSP_OK);
  got.memory_peak = stats.memory_peak;
  got.error = *kvsp_reader_error(r);
}

/* Reads it all, into got; the stream ends at a guard page. */
static int read_with(const kvsp_reader_config *config, const struct bytes *b) {
  uint8_t *copy = guard_copy(b->data, b->len);
  kvsp_reader *r;
  forget();
  ck_assert_int_eq(kvsp_reader_new(&r, config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, copy, b->len, KVSP_FINAL), KVSP_OK);
  got.rc = drain(r);
  if (got.rc < 0) ck_assert_int_eq(drain(r), got.rc); /* it stays so */
  note_end(r);
  kvsp_reader_free(r);
  guard_free(copy, b->len);
  return got.rc;
}

static int read_flags(uint32_t flags, const struct bytes *b) {
  kvsp_reader_config config = config_with(flags);
  return read_with(&config, b);
}

static bool data_is(size_t i, const void *data, size_t len) {
  return i < got.frames && got.data[i].len == len &&
         (len == 0 || memcmp(got.data[i].data, data, len) == 0);
}

/* That frame's bytes are build_payload's. */
static bool payload_is(size_t i, size_t len, unsigned seed) {
  struct bytes want = {0};
  bool same;
  build_append_payload(&want, len, seed);
  same = data_is(i, want.data, want.len);
  bytes_free(&want);
  return same;
}

static bool view_is(kvsp_view v, const char *text) {
  return v.data != NULL && v.len == strlen(text) &&
         memcmp(v.data, text, v.len) == 0;
}

/* The same items whether the stream comes whole, in pieces of 1 to 31 bytes,
 * or by the other ways to feed a reader. */
static void check_pieces(uint32_t flags, const struct bytes *b) {
  kvsp_reader_config config = config_with(flags);
  struct recorder whole = {0};
  record_stream(&config, FEED_PULL, b->data, b->len, 0, &whole);
  for (size_t chunk = 1; chunk <= 31; chunk++) {
    struct recorder cut = {0};
    record_stream(&config, (enum feed_way)(chunk % FEED_WAYS), b->data, b->len,
                  chunk, &cut);
    ck_assert_msg(
        texts_equal(recorder_text(&whole), recorder_text(&cut), "pieces"),
        "in pieces of %zu", chunk);
    recorder_clear(&cut);
  }
  recorder_clear(&whole);
}

/* Each allocation fails in turn, until a run needs no more of them. */
static void check_allocations(uint32_t flags, const struct bytes *b) {
  kvsp_reader_config config = config_with(flags);
  struct recorder want = {0}, have = {0};
  struct test_allocator a;
  size_t fail_at = 1;
  int rc;
  config.allocator = &a.allocator;
  test_allocator_init(&a);
  record_stream(&config, FEED_PULL, b->data, b->len, 1000, &want);
  do {
    kvsp_reader *r = NULL;
    test_allocator_init(&a);
    a.fail_at = fail_at++;
    recorder_clear(&have);
    rc = kvsp_reader_new(&r, &config);
    if (rc == KVSP_OK) rc = feed(r, FEED_PULL, b->data, b->len, 1000, &have);
    kvsp_reader_free(r);
    ck_assert_uint_eq(a.live_blocks, 0);
    if (a.failures) ck_assert_int_eq(rc, KVSP_ERR_NOMEM);
  } while (a.failures);
  ck_assert_uint_gt(fail_at, 5);
  ck_assert(texts_equal(recorder_text(&want), recorder_text(&have), "memory"));
  recorder_clear(&want);
  recorder_clear(&have);
}

/* The same with a max_memory that is raised a little each time that it is
 * reached: wherever that is, the call can be repeated. */
static void check_raised_memory(uint32_t flags, const struct bytes *b) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_memory = 1};
  kvsp_reader_config config = config_with(flags);
  struct recorder want = {0}, have = {0};
  kvsp_reader *r;
  const kvsp_item *item;
  int rc;
  record_stream(&config, FEED_PULL, b->data, b->len, 0, &want);
  config.limits = &limits;
  while (kvsp_reader_new(&r, &config) != KVSP_OK) limits.max_memory += 16;
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  for (rc = KVSP_OK; rc == KVSP_OK || rc == KVSP_ERR_LIMIT_MEMORY;) {
    rc = kvsp_reader_next(r, &item);
    if (rc == KVSP_OK) record_item(&have, item);
    if (rc == KVSP_ERR_LIMIT_MEMORY) limits.max_memory += 16;
    ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
  }
  record_status(&have, r, rc);
  ck_assert(texts_equal(recorder_text(&want), recorder_text(&have), "memory"));
  kvsp_reader_free(r);
  recorder_clear(&want);
  recorder_clear(&have);
}

/* ---- streams ----------------------------------------------------------- */

enum algorithm { NO_COMPRESSION = -1, ZLIB, BZLIB, LZO, STRIPPING };

/* A ContentEncoding; NO_COMPRESSION: without ContentCompression. */
struct encoding {
  int algorithm;
  unsigned type;      /* 0 compression, 1 encryption */
  unsigned scope;     /* 0: no such element */
  const char *header; /* ContentCompSettings; NULL: no such element */
};

static void put_encoding(struct bytes *b, const struct encoding *e) {
  size_t encoding = mux_begin(b, KVSP_ID_CONTENT_ENCODING);
  if (e->type) mux_uint(b, KVSP_ID_CONTENT_ENCODING_TYPE, e->type);
  if (e->scope) mux_uint(b, KVSP_ID_CONTENT_ENCODING_SCOPE, e->scope);
  if (e->algorithm != NO_COMPRESSION) {
    size_t compression = mux_begin(b, KVSP_ID_CONTENT_COMPRESSION);
    /* zlib is the default */
    if (e->algorithm != ZLIB)
      mux_uint(b, KVSP_ID_CONTENT_COMP_ALGO, (unsigned)e->algorithm);
    if (e->header) mux_string(b, KVSP_ID_CONTENT_COMP_SETTINGS, e->header);
    mux_end(b, compression);
  }
  mux_end(b, encoding);
}

/* A document up to its Cluster's Timestamp, 1000: one track. */
static void put_head(struct bytes *b, const struct encoding *encodings,
                     size_t count, const void *private, size_t private_len) {
  size_t tracks, entry, list;
  mux_document(b);
  mux_info(b, 0);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, VIDEO);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  mux_string(b, KVSP_ID_CODEC_ID, "V_TEST");
  if (private_len) mux_binary(b, KVSP_ID_CODEC_PRIVATE, private, private_len);
  list = mux_begin(b, KVSP_ID_CONTENT_ENCODINGS);
  for (size_t i = 0; i < count; i++) put_encoding(b, &encodings[i]);
  mux_end(b, list);
  mux_end(b, entry);
  mux_end(b, tracks);
  mux_cluster(b, 1000);
}

static void put_simple(struct bytes *b, int16_t timecode, const void *data,
                       size_t len) {
  mux_simple_block(b, VIDEO, timecode, 0x80, data, len);
}

static void put_group(struct bytes *b, int16_t timecode, uint8_t flags,
                      const void *data, size_t len) {
  size_t group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  struct bytes block = {0};
  build_block(&block, VIDEO, timecode, flags, data, len);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  mux_end(b, group);
  bytes_free(&block);
}

/* ---- stripped headers -------------------------------------------------- */

#define HEADER "\x01\x02header"

static const struct encoding stripping = {
    .algorithm = STRIPPING, .scope = 1, .header = HEADER};

/* Unlaced, each lacing, a BlockGroup: frames of seeds 1 to 12. */
static void put_stripped(struct bytes *b) {
  static const size_t sizes[] = {40, 300, 7}, equal[] = {9, 9, 9};
  struct bytes lace = {0}, payload = {0};
  build_frame(b, VIDEO, 0, 0x80, 100, 1);
  build_laced(b, VIDEO, 1, KVSP_LACING_XIPH, sizes, 3, 2);
  build_laced(b, VIDEO, 2, KVSP_LACING_EBML, sizes, 3, 5);
  build_lace(&lace, KVSP_LACING_FIXED, equal, 3, 8);
  put_group(b, 3, KVSP_LACING_FIXED << 1, lace.data, lace.len);
  build_append_payload(&payload, 50, 11);
  put_group(b, 4, 0, payload.data, payload.len);
  put_simple(b, 5, "", 0);
  bytes_free(&lace);
  bytes_free(&payload);
}

static const size_t stripped_sizes[] = {100, 40, 300, 7, 40, 300,
                                        7,   9,  9,   9, 50, 0};
#define STRIPPED (sizeof stripped_sizes / sizeof *stripped_sizes)

START_TEST(stripped_headers_come_back) {
  struct bytes b = {0};
  put_head(&b, &stripping, 1, NULL, 0);
  put_stripped(&b);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.track.encodings, KVSP_ENCODING_HEADER_STRIPPED);
  ck_assert_uint_eq(got.gaps, 0);
  ck_assert_uint_eq(got.frames, STRIPPED);
  for (unsigned i = 0; i < STRIPPED; i++) {
    struct bytes want = {0};
    bytes_append(&want, HEADER, sizeof HEADER - 1);
    build_append_payload(&want, stripped_sizes[i], i + 1);
    ck_assert_msg(data_is(i, want.data, want.len), "frame %u", i);
    ck_assert_uint_eq(got.frame[i].size, stripped_sizes[i]);
    ck_assert_uint_eq(got.frame[i].flags & KVSP_FRAME_COMPRESSED, 0);
    bytes_free(&want);
  }
  check_pieces(KVSP_READ_DECOMPRESS, &b);
  bytes_free(&b);
}
END_TEST

START_TEST(without_the_flag_data_is_as_stored) {
  struct bytes b = {0};
  put_head(&b, &stripping, 1, NULL, 0);
  put_stripped(&b);
  ck_assert_int_eq(read_flags(0, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, STRIPPED);
  for (unsigned i = 0; i < STRIPPED; i++) {
    ck_assert_msg(payload_is(i, stripped_sizes[i], i + 1), "frame %u", i);
    ck_assert(got.frame[i].flags & KVSP_FRAME_COMPRESSED);
  }
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS | KVSP_READ_NO_DATA, &b),
                   KVSP_END);
  ck_assert_uint_eq(got.frames, STRIPPED);
  ck_assert_uint_eq(got.gaps, 0);
  ck_assert_uint_eq(got.data[1].len, 0);
  ck_assert_uint_eq(got.frame[1].size, 40);
  bytes_free(&b);
}
END_TEST

/* Nothing was stripped: nothing is put in front. */
START_TEST(an_empty_header) {
  static const struct encoding encodings[] = {
      {.algorithm = STRIPPING, .header = ""},
      {.algorithm = STRIPPING},
      {.algorithm = NO_COMPRESSION}};
  for (size_t i = 0; i < 3; i++) {
    struct bytes b = {0};
    put_head(&b, &encodings[i], 1, NULL, 0);
    put_stripped(&b);
    ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
    ck_assert_uint_eq(got.frames, STRIPPED);
    ck_assert(payload_is(2, 300, 3));
    ck_assert_uint_eq(got.frame[2].flags & KVSP_FRAME_COMPRESSED, 0);
    bytes_free(&b);
  }
}
END_TEST

/* ---- what is not undone ------------------------------------------------ */

static const struct {
  struct encoding encodings[2];
  size_t count;
  uint32_t shown;
  uint32_t flags;
} opaque[] = {
    {{{.algorithm = BZLIB}}, 1, KVSP_ENCODING_OTHER, KVSP_FRAME_COMPRESSED},
    {{{.algorithm = LZO}}, 1, KVSP_ENCODING_OTHER, KVSP_FRAME_COMPRESSED},
    {{{.algorithm = ZLIB}, {.algorithm = STRIPPING, .header = "x"}},
     2,
     KVSP_ENCODING_ZLIB | KVSP_ENCODING_HEADER_STRIPPED | KVSP_ENCODING_OTHER,
     KVSP_FRAME_COMPRESSED},
    {{{.algorithm = ZLIB, .scope = 1},
      {.algorithm = STRIPPING, .scope = 2, .header = "x"}},
     2,
     KVSP_ENCODING_ZLIB | KVSP_ENCODING_HEADER_STRIPPED | KVSP_ENCODING_OTHER,
     KVSP_FRAME_COMPRESSED},
    {{{.algorithm = NO_COMPRESSION, .type = 1}},
     1,
     KVSP_ENCODING_ENCRYPTED,
     KVSP_FRAME_ENCRYPTED},
    {{{.algorithm = ZLIB}, {.algorithm = NO_COMPRESSION, .type = 1}},
     2,
     KVSP_ENCODING_ZLIB | KVSP_ENCODING_OTHER | KVSP_ENCODING_ENCRYPTED,
     KVSP_FRAME_COMPRESSED | KVSP_FRAME_ENCRYPTED},
};
#define OPAQUE (int)(sizeof opaque / sizeof *opaque)

/* _i is the case. */
START_TEST(what_cannot_be_undone_stays) {
  struct bytes b = {0};
  put_head(&b, opaque[_i].encodings, opaque[_i].count, "private", 7);
  build_frame(&b, VIDEO, 0, 0x80, 100, 1);
  for (uint32_t flags = 0; flags <= KVSP_READ_DECOMPRESS;
       flags += KVSP_READ_DECOMPRESS) {
    ck_assert_int_eq(read_flags(flags, &b), KVSP_END);
    ck_assert_uint_eq(got.track.encodings, opaque[_i].shown);
    ck_assert_uint_eq(got.gaps, 0);
    ck_assert(payload_is(0, 100, 1));
    ck_assert_uint_eq(
        got.frame[0].flags & (KVSP_FRAME_COMPRESSED | KVSP_FRAME_ENCRYPTED),
        opaque[_i].flags);
    ck_assert_uint_eq(got.codec_private.len, 7);
  }
  bytes_free(&b);
}
END_TEST

START_TEST(scope_of_stripping) {
  static const struct {
    unsigned scope;
    const char *private;
    bool frames;
  } cases[] = {{0, "private", true},
               {1, "private", true},
               {2, "AVprivate", false},
               {3, "AVprivate", true},
               {4, "private", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct encoding e = {.algorithm = STRIPPING, .header = "AV"};
    struct bytes b = {0};
    e.scope = cases[i].scope;
    put_head(&b, &e, 1, "private", 7);
    put_simple(&b, 0, "frame", 5);
    ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
    ck_assert_uint_eq(got.codec_private.len, strlen(cases[i].private));
    ck_assert(memcmp(got.codec_private.data, cases[i].private,
                     got.codec_private.len) == 0);
    ck_assert(cases[i].frames ? data_is(0, "AVframe", 7)
                              : data_is(0, "frame", 5));
    ck_assert_int_eq(read_flags(0, &b), KVSP_END);
    ck_assert_uint_eq(got.codec_private.len, 7);
    ck_assert_int_eq((got.frame[0].flags & KVSP_FRAME_COMPRESSED) != 0,
                     cases[i].frames);
    bytes_free(&b);
  }
}
END_TEST

/* Frames that were put together anew can be kept like others. */
static void check_retain(const struct bytes *b, const void *first, size_t len) {
  kvsp_reader_config config = config_with(KVSP_READ_DECOMPRESS);
  const kvsp_item *item;
  kvsp_buf *kept = NULL;
  kvsp_reader *r;
  kvsp_view v;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK)
    if (item->type == KVSP_ITEM_FRAME && !kept)
      ck_assert_int_eq(kvsp_frame_retain(item->frame, &kept), KVSP_OK);
  kvsp_reader_free(r);
  ck_assert_ptr_nonnull(kept);
  v = kvsp_buf_view(kept);
  ck_assert_uint_eq(v.len, len);
  ck_assert(memcmp(v.data, first, len) == 0);
  for (size_t i = 0; i < KVSP_PADDING; i++)
    ck_assert_uint_eq(v.data[len + i], 0);
  kvsp_buf_unref(kept);
}

START_TEST(retain_of_restored_frames) {
  struct bytes b = {0};
  put_head(&b, &stripping, 1, NULL, 0);
  put_simple(&b, 0, "one", 3);
  put_simple(&b, 40, "another", 7);
  check_retain(&b, HEADER "one", sizeof HEADER + 2);
  bytes_free(&b);
}
END_TEST

START_TEST(memory_for_stripped_headers) {
  struct bytes b = {0};
  struct encoding e = stripping;
  e.scope = 3;
  put_head(&b, &e, 1, "private", 7);
  put_stripped(&b);
  check_allocations(KVSP_READ_DECOMPRESS, &b);
  check_raised_memory(KVSP_READ_DECOMPRESS, &b);
  bytes_free(&b);
}
END_TEST

/* ---- zlib -------------------------------------------------------------- */

START_TEST(the_build_tells_of_zlib) {
#ifdef HAVE_ZLIB
  ck_assert_uint_eq(kvsp_features(), KVSP_FEATURE_ZLIB);
#else
  ck_assert_uint_eq(kvsp_features(), 0);
#endif
}
END_TEST

#ifndef HAVE_ZLIB

START_TEST(zlib_that_is_not_there) {
  static const struct encoding zlib = {.algorithm = ZLIB};
  struct bytes b = {0};
  put_head(&b, &zlib, 1, NULL, 0);
  put_simple(&b, 0, "frame", 5);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.gaps, 0);
  ck_assert(data_is(0, "frame", 5));
  ck_assert(got.frame[0].flags & KVSP_FRAME_COMPRESSED);
  bytes_free(&b);
}
END_TEST

#else

static const struct encoding zlib = {.algorithm = ZLIB, .scope = 1};

static void append_compressed(struct bytes *b, const void *data, size_t len) {
  uLongf room = compressBound((uLong)len);
  uint8_t *out = malloc(room);
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(compress(out, &room, data, (uLong)len), Z_OK);
  bytes_append(b, out, room);
  free(out);
}

/* The payload of that seed and size, compressed. */
static void append_frame(struct bytes *b, size_t len, unsigned seed) {
  struct bytes plain = {0};
  build_append_payload(&plain, len, seed);
  append_compressed(b, plain.data, plain.len);
  bytes_free(&plain);
}

static void put_zlib_frame(struct bytes *b, int16_t timecode, size_t len,
                           unsigned seed) {
  struct bytes frame = {0};
  append_frame(&frame, len, seed);
  put_simple(b, timecode, frame.data, frame.len);
  bytes_free(&frame);
}

/* What a Xiph lace holds: count frames, of which the one at broken (-1: none)
 * is no zlib data. */
static void build_zlib_lace(struct bytes *lace, unsigned count, int broken) {
  struct bytes frames = {0};
  uint8_t byte = (uint8_t)(count - 1);
  bytes_append(lace, &byte, 1);
  for (unsigned i = 0; i < count; i++) {
    size_t begin = frames.len;
    if ((int)i == broken)
      bytes_append(&frames, "no zlib data", 12);
    else
      append_frame(&frames, 20 + i, 100 + i);
    byte = (uint8_t)(frames.len - begin);
    if (i + 1 < count) bytes_append(lace, &byte, 1);
  }
  bytes_append(lace, frames.data, frames.len);
  bytes_free(&frames);
}

START_TEST(zlib_frames_come_back) {
  static const size_t sizes[] = {0, 1, 511, 512, 1023, 1024, 1025, 100000};
  struct bytes b = {0}, lace = {0};
  put_head(&b, &zlib, 1, NULL, 0);
  for (unsigned i = 0; i < 8; i++) put_zlib_frame(&b, (int16_t)i, sizes[i], i);
  build_zlib_lace(&lace, 5, -1);
  put_simple(&b, 8, "", 0); /* not even a zlib header: one GAP */
  mux_simple_block(&b, VIDEO, 9, 0x80 | KVSP_LACING_XIPH << 1, lace.data,
                   lace.len);
  put_group(&b, 10, KVSP_LACING_XIPH << 1, lace.data, lace.len);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.track.encodings, KVSP_ENCODING_ZLIB);
  ck_assert_uint_eq(got.frames, 18);
  ck_assert_uint_eq(got.gaps, 1);
  for (unsigned i = 0; i < 8; i++) ck_assert(payload_is(i, sizes[i], i));
  for (unsigned i = 0; i < 10; i++) {
    ck_assert(payload_is(8 + i, 20 + i % 5, 100 + i % 5));
    ck_assert_uint_eq(got.frame[8 + i].index, 9 + i);
    ck_assert_uint_eq(got.frame[8 + i].flags & KVSP_FRAME_COMPRESSED, 0);
  }
  check_pieces(KVSP_READ_DECOMPRESS, &b);
  bytes_free(&b);
  bytes_free(&lace);
}
END_TEST

START_TEST(zlib_as_stored_without_the_flag) {
  struct bytes b = {0}, frame = {0};
  put_head(&b, &zlib, 1, NULL, 0);
  append_frame(&frame, 300, 1);
  put_simple(&b, 0, frame.data, frame.len);
  put_simple(&b, 40, "no zlib data", 12);
  ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 2);
  ck_assert(data_is(0, frame.data, frame.len));
  ck_assert(data_is(1, "no zlib data", 12));
  ck_assert(got.frame[0].flags & KVSP_FRAME_COMPRESSED);
  bytes_free(&b);
  bytes_free(&frame);
}
END_TEST

/* How a frame of 2000 bytes is spoilt. */
static void spoil(struct bytes *frame, int how) {
  switch (how) {
    case 0: frame->data[0] ^= 0x55; break;           /* the header */
    case 1: frame->data[frame->len - 1] ^= 1; break; /* Adler-32 */
    case 2: frame->len -= 5; break;
    case 3: frame->len = 1; break;
    default: frame->data[2] = 0xFF; break; /* a block of no known type */
  }
}

/* _i is how. */
START_TEST(corrupt_zlib_data) {
  struct bytes b = {0}, frame = {0};
  put_head(&b, &zlib, 1, NULL, 0);
  put_zlib_frame(&b, 0, 300, 1);
  append_frame(&frame, 2000, 2);
  spoil(&frame, _i);
  put_simple(&b, 40, frame.data, frame.len);
  put_zlib_frame(&b, 80, 300, 3);
  put_zlib_frame(&b, 120, 3000, 4);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 3);
  ck_assert(payload_is(0, 300, 1));
  ck_assert(payload_is(1, 300, 3));
  ck_assert(payload_is(2, 3000, 4));
  ck_assert_uint_eq(got.frame[1].index, 2);
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].status, KVSP_ERR_COMPRESSION);
  ck_assert_int_eq(got.gap[0].frames_lost, 1);
  ck_assert_uint_eq(got.gap[0].fragments_affected, 1);
  ck_assert(memcmp(b.data + got.gap[0].from, frame.data, frame.len) == 0);
  ck_assert_uint_eq(got.gap[0].to - got.gap[0].from, frame.len);
  ck_assert(got.end_flags & KVSP_FRAGMENT_DAMAGED);
  check_pieces(KVSP_READ_DECOMPRESS, &b);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS | KVSP_READ_STRICT, &b),
                   KVSP_ERR_COMPRESSION);
  ck_assert_uint_eq(got.frames, 1);
  ck_assert_int_eq(got.error.status, KVSP_ERR_COMPRESSION);
  ck_assert(memcmp(b.data + got.error.offset, frame.data, frame.len) == 0);
  check_pieces(KVSP_READ_DECOMPRESS | KVSP_READ_STRICT, &b);
  bytes_free(&b);
  bytes_free(&frame);
}
END_TEST

/* _i is the frame of the lace that is no zlib data. */
START_TEST(corrupt_zlib_data_in_a_lace) {
  struct bytes b = {0}, lace = {0};
  put_head(&b, &zlib, 1, NULL, 0);
  build_zlib_lace(&lace, 4, _i);
  mux_simple_block(&b, VIDEO, 0, 0x80 | KVSP_LACING_XIPH << 1, lace.data,
                   lace.len);
  put_zlib_frame(&b, 40, 300, 1);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 4);
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].frames_lost, 1);
  ck_assert_uint_eq(got.gap[0].to - got.gap[0].from, 12);
  for (unsigned i = 0; i < 3; i++) {
    unsigned at = (int)i < _i ? i : i + 1;
    ck_assert(payload_is(i, 20 + at, 100 + at));
    ck_assert_uint_eq(got.frame[i].lace_index, at);
  }
  ck_assert(payload_is(3, 300, 1));
  check_pieces(KVSP_READ_DECOMPRESS, &b);
  bytes_free(&b);
  bytes_free(&lace);
}
END_TEST

#define BOMB (16u << 20)

static void put_bomb(struct bytes *b) {
  uint8_t *zeros = calloc(1, BOMB);
  struct bytes frame = {0};
  ck_assert_ptr_nonnull(zeros);
  put_head(b, &zlib, 1, NULL, 0);
  append_compressed(&frame, zeros, BOMB);
  ck_assert_uint_lt(frame.len, 100000);
  put_simple(b, 0, frame.data, frame.len);
  put_zlib_frame(b, 40, 300, 1);
  free(zeros);
  bytes_free(&frame);
}

START_TEST(a_zlib_bomb_is_stopped) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_frame = 1u << 20};
  kvsp_reader_config config = config_with(KVSP_READ_DECOMPRESS);
  struct bytes b = {0};
  config.limits = &limits;
  put_bomb(&b);
  ck_assert_int_eq(read_with(&config, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 1);
  ck_assert(payload_is(0, 300, 1));
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].status, KVSP_ERR_LIMIT_FRAME);
  ck_assert_int_eq(got.gap[0].frames_lost, 1);
  ck_assert_uint_lt(got.memory_peak, 3u << 20);
  bytes_free(&b);
}
END_TEST

/* Exactly max_frame bytes are not beyond it. */
START_TEST(zlib_frames_at_the_limit) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_reader_config config = config_with(KVSP_READ_DECOMPRESS);
  struct bytes b = {0};
  config.limits = &limits;
  put_head(&b, &zlib, 1, NULL, 0);
  put_zlib_frame(&b, 0, 3000, 1);
  put_zlib_frame(&b, 40, 5000, 2);
  put_zlib_frame(&b, 80, 3000, 3);
  limits.max_frame = 6000;
  ck_assert_int_eq(read_with(&config, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 3);
  bytes_free(&b);
  put_head(&b, &zlib, 1, NULL, 0);
  for (unsigned len = 4999; len <= 5001; len++) {
    uint8_t zeros[5001] = {0};
    struct bytes frame = {0};
    append_compressed(&frame, zeros, len);
    put_simple(&b, (int16_t)len, frame.data, frame.len);
    bytes_free(&frame);
  }
  limits.max_frame = 5000;
  ck_assert_int_eq(read_with(&config, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 2);
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].status, KVSP_ERR_LIMIT_FRAME);
  bytes_free(&b);
}
END_TEST

/* With KVSP_READ_STRICT a limit can be raised and nothing is lost. */
START_TEST(a_raised_limit_lets_the_frame_through) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_frame = 100000};
  kvsp_reader_config config =
      config_with(KVSP_READ_DECOMPRESS | KVSP_READ_STRICT);
  struct bytes b = {0};
  kvsp_reader *r;
  size_t stops = 0;
  int rc;
  config.limits = &limits;
  put_bomb(&b);
  forget();
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  for (rc = drain(r); rc == KVSP_ERR_LIMIT_FRAME; rc = drain(r)) {
    ck_assert_int_eq(drain(r), KVSP_ERR_LIMIT_FRAME);
    limits.max_frame *= 2;
    ck_assert_int_eq(kvsp_reader_set_limits(r, &limits), KVSP_OK);
    stops++;
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_uint_ge(stops, 2);
  ck_assert_uint_eq(got.frames, 2);
  ck_assert_uint_eq(got.data[0].len, BOMB);
  ck_assert(payload_is(1, 300, 1));
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(scope_of_zlib) {
  for (unsigned scope = 1; scope <= 3; scope++) {
    struct encoding e = {.algorithm = ZLIB};
    struct bytes b = {0}, private = {0};
    e.scope = scope;
    append_compressed(&private, "private", 7);
    put_head(&b, &e, 1, private.data, private.len);
    put_zlib_frame(&b, 0, 300, 1);
    ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
    ck_assert_int_eq(got.codec_private.len == 7, (scope & 2) != 0);
    ck_assert_int_eq(payload_is(0, 300, 1), (scope & 1) != 0);
    ck_assert_int_eq(read_flags(0, &b), KVSP_END);
    ck_assert_uint_eq(got.codec_private.len, private.len);
    bytes_free(&b);
    bytes_free(&private);
  }
}
END_TEST

/* A CodecPrivate that is no zlib data stays as it is. */
START_TEST(corrupt_codec_private) {
  static const struct encoding e = {.algorithm = ZLIB, .scope = 3};
  struct bytes b = {0};
  put_head(&b, &e, 1, "private", 7);
  put_zlib_frame(&b, 0, 300, 1);
  ck_assert_int_eq(read_flags(KVSP_READ_DECOMPRESS, &b), KVSP_END);
  ck_assert_uint_eq(got.codec_private.len, 7);
  ck_assert(payload_is(0, 300, 1));
  bytes_free(&b);
}
END_TEST

START_TEST(retain_of_decompressed_frames) {
  struct bytes b = {0};
  uint8_t first[300];
  build_payload(first, sizeof first, 1);
  put_head(&b, &zlib, 1, NULL, 0);
  put_zlib_frame(&b, 0, sizeof first, 1);
  put_zlib_frame(&b, 40, 5000, 2);
  check_retain(&b, first, sizeof first);
  bytes_free(&b);
}
END_TEST

START_TEST(memory_for_zlib) {
  static const struct encoding e = {.algorithm = ZLIB, .scope = 3};
  struct bytes b = {0}, private = {0};
  append_compressed(&private, "private", 7);
  put_head(&b, &e, 1, private.data, private.len);
  put_zlib_frame(&b, 0, 300, 1);
  put_zlib_frame(&b, 40, 60000, 2);
  check_allocations(KVSP_READ_DECOMPRESS, &b);
  check_raised_memory(KVSP_READ_DECOMPRESS, &b);
  bytes_free(&b);
  bytes_free(&private);
}
END_TEST

#endif

/* ---- CRC-32 ------------------------------------------------------------ */

/* Bit by bit, from the polynomial: another way than the library's. */
static uint32_t crc_of(const uint8_t *bytes, size_t len) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < len; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
  }
  return ~crc;
}

/* Puts the right CRC-32 of the rest of a master's content into the one that
 * begins it. */
static void set_crc(struct bytes *b, size_t from, size_t to) {
  uint32_t crc = crc_of(b->data + from + 6, to - from - 6);
  for (size_t i = 0; i < 4; i++)
    b->data[from + 2 + i] = (uint8_t)(crc >> 8 * i);
}

/* The masters of checked_stream, in the order in which they end. */
enum checked {
  CHECKED_EBML,
  CHECKED_INFO,
  CHECKED_TRACK_ENTRY,
  CHECKED_TRACKS,
  CHECKED_SIMPLE_TAG,
  CHECKED_HEAD_TAGS,
  CHECKED_BLOCK_GROUP,
  CHECKED_CLUSTER,
  CHECKED_CUE_POINT,
  CHECKED_CUES,
  CHECKED_TAGS,
  CHECKED
};

/* Where each of them begins and ends, without its header. */
static struct span {
  uint64_t id;
  size_t from, to;
} checked[CHECKED];

static size_t begin_checked(struct bytes *b, enum checked which, uint64_t id) {
  size_t begin = mux_begin(b, id);
  mux_binary(b, KVSP_ID_CRC_32, "\0\0\0", 4);
  checked[which].id = id;
  checked[which].from = begin;
  return begin;
}

static void end_checked(struct bytes *b, enum checked which, size_t begin) {
  mux_end(b, begin);
  set_crc(b, begin, b->len);
  checked[which].to = b->len;
}

static void put_checked_head(struct bytes *b) {
  size_t begin = begin_checked(b, CHECKED_EBML, KVSP_ID_EBML);
  size_t entry;
  mux_string(b, KVSP_ID_DOC_TYPE, "matroska");
  end_checked(b, CHECKED_EBML, begin);
  mux_begin_unknown(b, KVSP_ID_SEGMENT, 8);
  begin = begin_checked(b, CHECKED_INFO, KVSP_ID_INFO);
  mux_uint(b, KVSP_ID_TIMESTAMP_SCALE, 1000000);
  end_checked(b, CHECKED_INFO, begin);
  begin = begin_checked(b, CHECKED_TRACKS, KVSP_ID_TRACKS);
  entry = begin_checked(b, CHECKED_TRACK_ENTRY, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, VIDEO);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  mux_binary(b, KVSP_ID_CODEC_PRIVATE, "private", 7);
  end_checked(b, CHECKED_TRACK_ENTRY, entry);
  end_checked(b, CHECKED_TRACKS, begin);
}

static void put_checked_tags(struct bytes *b) {
  size_t begin = begin_checked(b, CHECKED_HEAD_TAGS, KVSP_ID_TAGS);
  size_t tag = mux_begin(b, KVSP_ID_TAG);
  size_t simple = begin_checked(b, CHECKED_SIMPLE_TAG, KVSP_ID_SIMPLE_TAG);
  mux_string(b, KVSP_ID_TAG_NAME, "name");
  mux_binary(b, KVSP_ID_TAG_BINARY, "value", 5);
  end_checked(b, CHECKED_SIMPLE_TAG, simple);
  mux_end(b, tag);
  end_checked(b, CHECKED_HEAD_TAGS, begin);
}

static void put_checked_cluster(struct bytes *b) {
  size_t begin = begin_checked(b, CHECKED_CLUSTER, KVSP_ID_CLUSTER);
  struct bytes block = {0};
  size_t group;
  mux_uint(b, KVSP_ID_TIMESTAMP, 1000);
  build_frame(b, VIDEO, 0, 0x80, 5000, 1);
  group = begin_checked(b, CHECKED_BLOCK_GROUP, KVSP_ID_BLOCK_GROUP);
  build_append_payload(&block, 3000, 2);
  mux_uint(b, KVSP_ID_BLOCK_DURATION, 40);
  block.data[0] = 0x81; /* track 1, timecode 40, no flags */
  memcpy(block.data + 1, "\0\x28\0", 3);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  end_checked(b, CHECKED_BLOCK_GROUP, group);
  build_frame(b, VIDEO, 80, 0, 100, 3);
  end_checked(b, CHECKED_CLUSTER, begin);
  bytes_free(&block);
}

static void put_checked_tail(struct bytes *b) {
  size_t begin = begin_checked(b, CHECKED_CUES, KVSP_ID_CUES);
  size_t point = begin_checked(b, CHECKED_CUE_POINT, KVSP_ID_CUE_POINT);
  size_t tag;
  mux_uint(b, KVSP_ID_CUE_TIME, 1000);
  end_checked(b, CHECKED_CUE_POINT, point);
  end_checked(b, CHECKED_CUES, begin);
  begin = begin_checked(b, CHECKED_TAGS, KVSP_ID_TAGS);
  tag = mux_begin(b, KVSP_ID_TAG);
  mux_end(b, tag);
  end_checked(b, CHECKED_TAGS, begin);
}

/* One document, each of whose masters has a right CRC-32; then another. */
static void checked_stream(struct bytes *b) {
  put_checked_head(b);
  put_checked_tags(b);
  put_checked_cluster(b);
  put_checked_tail(b);
  build_fragments(b, 1, 1);
}

/* Those inside it are right, those around it are made to be. */
static void spoil_crc(struct bytes *b, enum checked which) {
  b->data[checked[which].from + 3] ^= 0x10;
  for (size_t i = 0; i < CHECKED; i++)
    if (i != which && checked[i].from < checked[which].from &&
        checked[i].to > checked[which].from)
      set_crc(b, checked[i].from, checked[i].to);
}

static void check_checked_frames(void) {
  ck_assert_uint_eq(got.fragments, 2);
  ck_assert_uint_eq(got.frames, 7);
  ck_assert(payload_is(0, 5000, 1));
  ck_assert_uint_eq(got.data[1].len, 2996);
  ck_assert_int_eq(got.frame[1].duration_ns, 40000000);
  ck_assert(payload_is(2, 100, 3));
  ck_assert(payload_is(3, 300, 1000));
}

START_TEST(right_checksums) {
  struct bytes b = {0};
  checked_stream(&b);
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC, &b), KVSP_END);
  ck_assert_uint_eq(got.gaps, 0);
  check_checked_frames();
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC | KVSP_READ_STRICT, &b),
                   KVSP_END);
  check_checked_frames();
  check_pieces(KVSP_READ_CHECK_CRC, &b);
  bytes_free(&b);
}
END_TEST

static void check_mismatch(enum checked which) {
  const kvsp_gap *gap = &got.gap[0];
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(gap->status, KVSP_ERR_CRC);
  ck_assert_uint_eq(gap->element_id, checked[which].id);
  ck_assert_uint_eq(gap->from, checked[which].from);
  ck_assert_uint_eq(gap->to, checked[which].to);
  ck_assert_int_eq(gap->frames_lost, 0);
  ck_assert_uint_eq(gap->fragments_affected, 1);
}

/* _i is the master whose CRC-32 is wrong: it is told, and costs nothing. */
START_TEST(wrong_checksums) {
  enum checked which = (enum checked)_i;
  struct bytes b = {0};
  checked_stream(&b);
  spoil_crc(&b, which);
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC, &b), KVSP_END);
  check_mismatch(which);
  check_checked_frames();
  check_pieces(KVSP_READ_CHECK_CRC, &b);
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC | KVSP_READ_NO_DATA, &b),
                   KVSP_END);
  check_mismatch(which);
  ck_assert_uint_eq(got.frames, 7);
  check_pieces(KVSP_READ_CHECK_CRC | KVSP_READ_NO_DATA, &b);
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC | KVSP_READ_STRICT, &b),
                   KVSP_ERR_CRC);
  ck_assert_uint_eq(got.error.offset, checked[which].from);
  ck_assert_uint_eq(got.error.element_id, checked[which].id);
  ck_assert_int_eq(read_flags(0, &b), KVSP_END);
  ck_assert_uint_eq(got.gaps, 0);
  check_checked_frames();
  bytes_free(&b);
}
END_TEST

/* A bit of a frame changed: all masters around it say so, and the frame comes
 * out nevertheless. */
START_TEST(a_changed_payload) {
  struct bytes b = {0};
  checked_stream(&b);
  b.data[checked[CHECKED_BLOCK_GROUP].from + 1000] ^= 1;
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC, &b), KVSP_END);
  check_checked_frames();
  ck_assert_uint_eq(got.gaps, 2);
  ck_assert_uint_eq(got.gap[0].element_id, KVSP_ID_BLOCK_GROUP);
  ck_assert_uint_eq(got.gap[1].element_id, KVSP_ID_CLUSTER);
  bytes_free(&b);
}
END_TEST

/* The same items with the flag as without it, where nothing has a CRC-32. */
START_TEST(looking_for_checksums_changes_nothing) {
  kvsp_reader_config config = config_with(KVSP_READ_CHECK_CRC);
  struct recorder plain = {0}, checking = {0};
  struct bytes b = {0};
  build_everything(&b);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &plain);
  record_stream(&config, FEED_PULL, b.data, b.len, 7, &checking);
  ck_assert(
      texts_equal(recorder_text(&plain), recorder_text(&checking), "crc"));
  recorder_clear(&plain);
  recorder_clear(&checking);
  bytes_free(&b);
}
END_TEST

/* What is left out is not gone into for its CRC-32: the values of a nested
 * tag beyond max_tags are not those of the tag around it. */
START_TEST(checksums_and_limits) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_tags = 1};
  kvsp_reader_config config = config_with(KVSP_READ_CHECK_CRC);
  struct recorder r = {0};
  struct bytes b = {0};
  size_t tags, tag, outer, inner;
  config.limits = &limits;
  mux_document(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  tag = mux_begin(&b, KVSP_ID_TAG);
  outer = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  mux_string(&b, KVSP_ID_TAG_NAME, "outer");
  inner = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  mux_string(&b, KVSP_ID_TAG_NAME, "inner");
  mux_end(&b, inner);
  mux_string(&b, KVSP_ID_TAG_STRING, "value");
  mux_end(&b, outer);
  mux_end(&b, tag);
  mux_end(&b, tags);
  record_stream(&config, FEED_PULL, b.data, b.len, 0, &r);
  ck_assert_ptr_nonnull(
      strstr(recorder_text(&r), "name=\"outer\" value=\"value\""));
  ck_assert_ptr_null(strstr(recorder_text(&r), "inner"));
  recorder_clear(&r);
  bytes_free(&b);
}
END_TEST

/* Masters of unknown size have nothing to be checked; nor does a CRC-32 count
 * that is not the first child, or not of four bytes. */
START_TEST(checksums_that_do_not_count) {
  struct bytes b = {0};
  size_t info, tags;
  mux_document(&b);
  mux_binary(&b, KVSP_ID_CRC_32, "bad!", 4); /* of the Segment */
  info = mux_begin(&b, KVSP_ID_INFO);
  mux_uint(&b, KVSP_ID_TIMESTAMP_SCALE, 1000000);
  mux_binary(&b, KVSP_ID_CRC_32, "bad!", 4);
  mux_end(&b, info);
  build_tracks(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  mux_binary(&b, KVSP_ID_CRC_32, "bad", 3);
  mux_end(&b, tags);
  mux_begin_unknown(&b, KVSP_ID_CLUSTER, 8);
  mux_binary(&b, KVSP_ID_CRC_32, "bad!", 4);
  mux_uint(&b, KVSP_ID_TIMESTAMP, 0);
  build_frame(&b, VIDEO, 0, 0x80, 300, 1);
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC | KVSP_READ_STRICT, &b),
                   KVSP_END);
  ck_assert(payload_is(0, 300, 1));
  bytes_free(&b);
}
END_TEST

/* More of them inside each other than are kept track of: those further in go
 * unchecked, the others are right. */
START_TEST(checksums_inside_each_other) {
  size_t begins[8];
  struct bytes b = {0};
  mux_document(&b);
  begins[0] = mux_begin(&b, KVSP_ID_TAGS);
  mux_binary(&b, KVSP_ID_CRC_32, "\0\0\0", 4);
  begins[1] = mux_begin(&b, KVSP_ID_TAG);
  mux_binary(&b, KVSP_ID_CRC_32, "\0\0\0", 4);
  for (size_t i = 2; i < 8; i++) {
    begins[i] = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
    mux_binary(&b, KVSP_ID_CRC_32, "\0\0\0", 4);
    mux_string(&b, KVSP_ID_TAG_NAME, "name");
  }
  for (size_t i = 8; i-- > 0;) {
    mux_end(&b, begins[i]);
    set_crc(&b, begins[i], b.len);
  }
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC, &b), KVSP_END);
  ck_assert_uint_eq(got.gaps, 0);
  check_pieces(KVSP_READ_CHECK_CRC, &b);
  b.data[b.len - 1] ^= 1; /* in the innermost name */
  ck_assert_int_eq(read_flags(KVSP_READ_CHECK_CRC, &b), KVSP_END);
  ck_assert_uint_ge(got.gaps, 4);
  ck_assert_uint_eq(got.gap[got.gaps - 1].from, begins[0]);
  bytes_free(&b);
}
END_TEST

/* The tokenizer: MASTER_ENDs with KVSP_EVENT_CRC_MISMATCH. */
static size_t count_mismatches(const struct bytes *b, uint32_t flags,
                               int (*treat)(kvsp_tokenizer *t,
                                            const kvsp_event *e)) {
  kvsp_tokenizer_config config = {.struct_size = sizeof config, .flags = flags};
  const kvsp_event *e;
  kvsp_tokenizer *t;
  size_t count = 0;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_input(t, b->data, b->len, KVSP_FINAL),
                   KVSP_OK);
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) {
    if (e->flags & KVSP_EVENT_CRC_MISMATCH) {
      ck_assert_uint_eq(e->type, KVSP_EVENT_MASTER_END);
      count++;
    }
    if (treat) ck_assert_int_eq(treat(t, e), KVSP_OK);
  }
  kvsp_tokenizer_free(t);
  return count;
}

static int skip_blobs(kvsp_tokenizer *t, const kvsp_event *e) {
  return e->type == KVSP_EVENT_BLOB_BEGIN ? kvsp_tokenizer_skip(t) : KVSP_OK;
}

static int skip_points(kvsp_tokenizer *t, const kvsp_event *e) {
  if (e->type != KVSP_EVENT_MASTER_BEGIN || e->id != KVSP_ID_CUE_POINT)
    return KVSP_OK;
  return kvsp_tokenizer_skip(t);
}

static int collect_blobs(kvsp_tokenizer *t, const kvsp_event *e) {
  if (e->type != KVSP_EVENT_BLOB_BEGIN) return KVSP_OK;
  return kvsp_tokenizer_collect(t, e->size);
}

START_TEST(checksums_in_the_tokenizer) {
  const uint32_t check = KVSP_TOKENIZE_CHECK_CRC;
  struct bytes b = {0};
  checked_stream(&b);
  ck_assert_uint_eq(count_mismatches(&b, check, NULL), 0);
  ck_assert_uint_eq(count_mismatches(&b, check, skip_blobs), 0);
  b.data[checked[CHECKED_BLOCK_GROUP].from + 1000] ^= 1;
  b.data[checked[CHECKED_CUES].to - 1] ^= 1;
  ck_assert_uint_eq(count_mismatches(&b, check, NULL), 4);
  ck_assert_uint_eq(count_mismatches(&b, check, skip_blobs), 4);
  ck_assert_uint_eq(count_mismatches(&b, check, collect_blobs), 4);
  ck_assert_uint_eq(count_mismatches(&b, check, skip_points), 3);
  ck_assert_uint_eq(count_mismatches(&b, 0, NULL), 0);
  bytes_free(&b);
}
END_TEST

/* ---- MimeType ---------------------------------------------------------- */

/* A fragment as Amazon Connect sends it. */
struct call {
  uint64_t track;   /* its number; 0: 1 */
  const char *head; /* MimeType before the Cluster; NULL: none */
  const char *late; /* ... behind it */
  bool audio;       /* with an Audio element: 44100 Hz, 2 channels, 24 bit */
  bool tags_first;  /* the head tags stand before the Tracks */
};

static void put_mime_type(struct bytes *b, const char *value) {
  const struct mux_tag tags[] = {{"ContactId", "42"}, {"MimeType", value}};
  if (value) mux_tags(b, tags, 2);
}

static void put_audio_track(struct bytes *b, const struct call *call) {
  size_t tracks = mux_begin(b, KVSP_ID_TRACKS);
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, call->track ? call->track : 1);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_AUDIO);
  mux_string(b, KVSP_ID_CODEC_ID, "A_AAC");
  mux_binary(b, KVSP_ID_CODEC_PRIVATE, "\x11\x90", 2);
  if (call->audio) {
    size_t audio = mux_begin(b, KVSP_ID_AUDIO);
    mux_float(b, KVSP_ID_SAMPLING_FREQUENCY, 44100);
    mux_uint(b, KVSP_ID_CHANNELS, 2);
    mux_uint(b, KVSP_ID_BIT_DEPTH, 24);
    mux_end(b, audio);
  }
  mux_end(b, entry);
  mux_end(b, tracks);
}

static void put_call(struct bytes *b, const struct call *call) {
  mux_document(b);
  mux_info(b, 0);
  if (call->tags_first) put_mime_type(b, call->head);
  put_audio_track(b, call);
  if (!call->tags_first) put_mime_type(b, call->head);
  mux_cluster(b, 0);
  build_frame(b, call->track ? call->track : 1, 0, 0x80, 160, 1);
  put_mime_type(b, call->late);
}

/* At each item but frames: its letter, and what the first track really is. */
static void append_audio(struct bytes *text, const kvsp_item *item) {
  const kvsp_track *t;
  char line[128];
  int len;
  if (item->type == KVSP_ITEM_FRAME || item->type == KVSP_ITEM_GAP) return;
  t = item->fragment->tracks[0];
  len =
      snprintf(line, sizeof line, "%c %.0f/%" PRIu32 "/%" PRIu32 " %.*s\n",
               "?FftE"[item->type], t -> audio_sample_rate, t -> audio_channels,
               t -> audio_bit_depth, (int)t -> audio_codec_id.len,
               (const char *)t->audio_codec_id.data);
  ck_assert(len > 0 && (size_t)len < sizeof line);
  bytes_append(text, line, (size_t)len);
}

static void check_audio(const struct call *calls, size_t count,
                        const char *want) {
  struct bytes b = {0}, text = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  for (size_t i = 0; i < count; i++) put_call(&b, &calls[i]);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) append_audio(&text, item);
  bytes_append(&text, "", 1);
  ck_assert_str_eq((const char *)text.data, want);
  kvsp_reader_free(r);
  check_pieces(0, &b);
  bytes_free(&b);
  bytes_free(&text);
}

#define CONNECT "audio/L16;rate=8000;channels=1"
#define PCM "8000/1/16 A_PCM/INT/LIT\n"
#define DECLARED "0/0/0 A_AAC\n"

START_TEST(mime_type_before_the_cluster) {
  static const struct call calls[] = {{.head = CONNECT},
                                      {.head = CONNECT, .tags_first = true},
                                      {.head = CONNECT, .audio = true}};
  check_audio(&calls[0], 1, "F " PCM "E " PCM);
  check_audio(&calls[1], 1, "F " PCM "E " PCM);
  check_audio(&calls[2], 1, "F " PCM "E " PCM);
}
END_TEST

START_TEST(mime_type_behind_the_cluster) {
  static const struct call calls[] = {{.late = CONNECT}, {0}, {0}};
  check_audio(calls, 1, "F " DECLARED "t " PCM "E " PCM);
  check_audio(calls, 3,
              "F " DECLARED "t " PCM "E " PCM "F " PCM "E " PCM "F " PCM
              "E " PCM);
}
END_TEST

/* Other tracks, no MimeType: they are what they say. */
START_TEST(mime_type_of_other_tracks) {
  static const struct call calls[] = {
      {.head = CONNECT}, {.track = 2, .audio = true}, {0}};
  static const struct call new_type[] = {
      {.head = CONNECT}, {.track = 2, .head = "audio/L16;rate=16000"}, {0}};
  check_audio(calls, 3,
              "F " PCM "E " PCM
              "F 44100/2/24 A_AAC\nE 44100/2/24 A_AAC\n"
              "F " DECLARED "E " DECLARED);
  check_audio(new_type, 2,
              "F " PCM "E " PCM
              "F 16000/1/16 A_PCM/INT/LIT\nE 16000/1/16 A_PCM/INT/LIT\n");
}
END_TEST

START_TEST(spellings_of_mime_types) {
  static const struct {
    const char *value;
    const char *audio;
  } cases[] = {
      {"audio/L16; rate=8000 ; channels=2", "8000/2/16 A_PCM/INT/LIT\n"},
      {" audio/L16 ;channels=2;rate=48000", "48000/2/16 A_PCM/INT/LIT\n"},
      {"audio/L16;rate=8000", PCM},
      {"audio/L16;;rate=8000;x=y;", PCM},
      {"audio/L16;rate=8000;channels=0", PCM},
      {"audio/L16", DECLARED},
      {"audio/L16;rate=", DECLARED},
      {"audio/L16;rate", DECLARED},
      {"audio/L16;rate=-8000", DECLARED},
      {"audio/L16;rate=99999999999999999999", DECLARED},
      {"audio/L16;rate=80x", DECLARED},
      {"audio/L167;rate=8000", DECLARED},
      {"audio/L1", DECLARED},
      {"video/h264", DECLARED},
      {";", DECLARED},
      {"=;=;=", DECLARED},
      {"", DECLARED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct call call = {.head = cases[i].value};
    char want[128];
    snprintf(want, sizeof want, "F %sE %s", cases[i].audio, cases[i].audio);
    check_audio(&call, 1, want);
  }
}
END_TEST

/* A picture is no audio, whatever a tag says. */
START_TEST(mime_type_and_video) {
  struct bytes b = {0};
  mux_document(&b);
  build_tracks(&b);
  put_mime_type(&b, CONNECT);
  ck_assert_int_eq(read_flags(0, &b), KVSP_END);
  ck_assert_ptr_null(got.track.audio_codec_id.data);
  ck_assert_uint_eq(got.track.audio_channels, 0);
  ck_assert(got.track.audio_sample_rate == 0.0);
  bytes_free(&b);
}
END_TEST

/* ---- Targets ----------------------------------------------------------- */

static void put_targeted(struct bytes *b, uint64_t type_value, const char *type,
                         uint64_t id, uint64_t uid, bool nested) {
  size_t tag = mux_begin(b, KVSP_ID_TAG);
  size_t targets = mux_begin(b, KVSP_ID_TARGETS);
  size_t simple, inner;
  if (type_value) mux_uint(b, KVSP_ID_TARGET_TYPE_VALUE, type_value);
  if (type) mux_string(b, KVSP_ID_TARGET_TYPE, type);
  if (id) mux_uint(b, id, uid);
  if (id) mux_uint(b, KVSP_ID_TAG_TRACK_UID, 7);
  mux_end(b, targets);
  simple = mux_begin(b, KVSP_ID_SIMPLE_TAG);
  mux_string(b, KVSP_ID_TAG_NAME, "tag");
  if (nested) {
    inner = mux_begin(b, KVSP_ID_SIMPLE_TAG);
    mux_string(b, KVSP_ID_TAG_NAME, "inner");
    mux_end(b, inner);
  }
  mux_end(b, simple);
  mux_end(b, tag);
}

static void check_targets(const kvsp_item *item) {
  const kvsp_targets *t;
  ck_assert_uint_eq(item->tag_count, 6);
  ck_assert_ptr_null(item->tags[0]->targets);
  t = item->tags[1]->targets;
  ck_assert_uint_eq(t->type_value, 50);
  ck_assert_ptr_null(t->type.data);
  ck_assert_uint_eq(t->target_count, 0);
  t = item->tags[2]->targets;
  ck_assert_ptr_eq(item->tags[3]->targets, t);
  ck_assert_uint_eq(t->type_value, 30);
  ck_assert(view_is(t->type, "TRACK"));
  ck_assert_uint_eq(t->target_count, 2);
  ck_assert_uint_eq(t->targets[0].element_id, KVSP_ID_TAG_CHAPTER_UID);
  ck_assert_uint_eq(t->targets[0].uid, UINT64_MAX);
  ck_assert_uint_eq(t->targets[1].element_id, KVSP_ID_TAG_TRACK_UID);
  ck_assert_uint_eq(t->targets[1].uid, 7);
  t = item->tags[4]->targets;
  ck_assert_uint_eq(t->targets[0].element_id, KVSP_ID_TAG_ATTACHMENT_UID);
  ck_assert_uint_eq(t->targets[0].uid, 0);
  ck_assert_ptr_null(item->tags[5]->targets); /* not those of the Tag before */
}

/* Before the Cluster and behind it. */
START_TEST(targets_of_tags) {
  const struct mux_tag plain = {"plain", "x"};
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  size_t seen = 0;
  mux_document(&b);
  for (int i = 0; i < 2; i++) {
    size_t tags;
    mux_tags(&b, &plain, 1);
    tags = mux_begin(&b, KVSP_ID_TAGS);
    put_targeted(&b, 0, NULL, 0, 0, false);
    put_targeted(&b, 30, "TRACK", KVSP_ID_TAG_CHAPTER_UID, UINT64_MAX, true);
    put_targeted(&b, 0, NULL, KVSP_ID_TAG_ATTACHMENT_UID, 0, false);
    mux_end(&b, tags);
    mux_tags(&b, &plain, 1);
    if (i == 0) mux_cluster(&b, 0);
  }
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    if (item->type == KVSP_ITEM_FRAGMENT) check_targets(item);
    if (item->type != KVSP_ITEM_TAGS || item->tag_count != 4) continue;
    seen++;
    ck_assert_uint_eq(item->tags[1]->targets->target_count, 2);
  }
  ck_assert_uint_eq(seen, 1);
  kvsp_reader_free(r);
  check_pieces(0, &b);
  bytes_free(&b);
}
END_TEST

START_TEST(memory_for_targets) {
  struct bytes b = {0};
  size_t tags;
  mux_document(&b);
  tags = mux_begin(&b, KVSP_ID_TAGS);
  for (unsigned i = 0; i < 20; i++)
    put_targeted(&b, 30, "a type of some length", KVSP_ID_TAG_EDITION_UID, i,
                 true);
  mux_end(&b, tags);
  check_allocations(0, &b);
  check_raised_memory(0, &b);
  bytes_free(&b);
}
END_TEST

/* ---- around a block ---------------------------------------------------- */

static void put_more(struct bytes *b, unsigned id, const char *data) {
  size_t more = mux_begin(b, KVSP_ID_BLOCK_MORE);
  if (data) mux_string(b, KVSP_ID_BLOCK_ADDITIONAL, data);
  if (id) mux_uint(b, KVSP_ID_BLOCK_ADD_ID, id);
  mux_end(b, more);
}

/* A BlockGroup with all that may be around a block, and a SimpleBlock. */
static void put_rich_group(struct bytes *b) {
  static const size_t sizes[] = {4, 5};
  struct bytes lace = {0}, block = {0};
  size_t group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  size_t additions;
  build_lace(&lace, KVSP_LACING_EBML, sizes, 2, 1);
  build_block(&block, VIDEO, 0, KVSP_LACING_EBML << 1, lace.data, lace.len);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  additions = mux_begin(b, KVSP_ID_BLOCK_ADDITIONS);
  put_more(b, 0, "alpha");
  put_more(b, 4, "depth");
  put_more(b, 5, NULL);
  put_more(b, 6, "");
  mux_end(b, additions);
  mux_string(b, KVSP_ID_CODEC_STATE, "state");
  mux_binary(b, KVSP_ID_DISCARD_PADDING, "\xFF\x00", 2); /* -256 ns */
  mux_end(b, group);
  build_frame(b, VIDEO, 40, 0x80, 100, 9);
  bytes_free(&lace);
  bytes_free(&block);
}

START_TEST(what_is_around_a_block) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  size_t frames = 0;
  put_head(&b, NULL, 0, NULL, 0);
  put_rich_group(&b);
  put_rich_group(&b);
  put_group(&b, 40, 0, "plain", 5);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    const kvsp_frame *f = item->frame;
    if (item->type != KVSP_ITEM_FRAME) continue;
    if (frames++ % 3 == 2 || frames > 6) { /* nothing of the group before */
      ck_assert_uint_eq(f->addition_count, 0);
      ck_assert_ptr_null(f->codec_state.data);
      ck_assert_int_eq(f->discard_padding_ns, 0);
      continue;
    }
    ck_assert_uint_eq(f->addition_count, 3);
    ck_assert_uint_eq(f->additions[0].id, 1); /* the default */
    ck_assert(view_is(f->additions[0].data, "alpha"));
    ck_assert_uint_eq(f->additions[1].id, 4);
    ck_assert(view_is(f->additions[1].data, "depth"));
    ck_assert_uint_eq(f->additions[2].id, 6);
    ck_assert(view_is(f->additions[2].data, ""));
    ck_assert(view_is(f->codec_state, "state"));
    ck_assert_int_eq(f->discard_padding_ns, -256);
  }
  ck_assert_uint_eq(frames, 7);
  kvsp_reader_free(r);
  check_pieces(0, &b);
  bytes_free(&b);
}
END_TEST

/* More BlockMores than are kept, and one whose size is too large. */
START_TEST(odd_block_additions) {
  struct bytes b = {0};
  size_t group, additions;
  put_head(&b, NULL, 0, NULL, 0);
  for (int i = 0; i < 2; i++) {
    struct bytes block = {0};
    group = mux_begin(&b, KVSP_ID_BLOCK_GROUP);
    build_block(&block, VIDEO, 0, 0, "data", 4);
    mux_binary(&b, KVSP_ID_BLOCK, block.data, block.len);
    additions = mux_begin(&b, KVSP_ID_BLOCK_ADDITIONS);
    for (unsigned n = 1; n <= 40; n++) put_more(&b, n, "more");
    mux_end(&b, additions);
    if (i == 1) b.data[b.len - 16] += 1; /* the last BlockMore's size */
    mux_end(&b, group);
    bytes_free(&block);
  }
  put_group(&b, 40, 0, "plain", 5);
  ck_assert_int_eq(read_flags(0, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 2);
  ck_assert_uint_ge(got.frame[0].addition_count, 16);
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].status, KVSP_ERR_OVERFLOW);
  ck_assert(data_is(1, "plain", 5));
  bytes_free(&b);
}
END_TEST

START_TEST(encrypted_blocks_are_told) {
  struct bytes b = {0};
  size_t at;
  put_head(&b, NULL, 0, NULL, 0);
  build_frame(&b, VIDEO, 0, 0x80, 300, 1);
  at = b.len;
  mux_binary(&b, KVSP_ID_ENCRYPTED_BLOCK, "\x81\0\0\0secret", 10);
  build_frame(&b, VIDEO, 80, 0x80, 300, 2);
  ck_assert_int_eq(read_flags(0, &b), KVSP_END);
  ck_assert_uint_eq(got.frames, 2);
  ck_assert(payload_is(1, 300, 2));
  ck_assert_uint_eq(got.gaps, 1);
  ck_assert_int_eq(got.gap[0].status, KVSP_ERR_UNSUPPORTED);
  ck_assert_uint_eq(got.gap[0].element_id, KVSP_ID_ENCRYPTED_BLOCK);
  ck_assert_uint_eq(got.gap[0].from, at);
  ck_assert_uint_eq(got.gap[0].to, at + 12);
  ck_assert_int_eq(got.gap[0].frames_lost, -1);
  ck_assert_uint_eq(got.gap[0].fragments_affected, 1);
  check_pieces(0, &b);
  ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_ERR_UNSUPPORTED);
  ck_assert_uint_eq(got.frames, 1);
  ck_assert_uint_eq(got.error.offset, at);
  bytes_free(&b);
}
END_TEST

/* ---- times and numbers ------------------------------------------------- */

/* One track of that number and TrackTimestampScale (0: no such element), a
 * Cluster at 1000. */
static void put_scaled(struct bytes *b, uint64_t number, bool has_scale,
                       double scale) {
  size_t tracks, entry;
  mux_document(b);
  mux_info(b, 0);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, number);
  if (has_scale) mux_float(b, KVSP_ID_TRACK_TIMESTAMP_SCALE, scale);
  mux_end(b, entry);
  mux_end(b, tracks);
  mux_cluster(b, 1000);
}

START_TEST(track_timestamp_scales) {
  static const struct {
    double scale;
    int64_t ns[5]; /* from the Cluster to each block */
  } cases[] = {{1.0, {0, 1000000, 2000000, -3000000, 32767000000}},
               {2.0, {0, 2000000, 4000000, -6000000, 65534000000}},
               {0.5, {0, 500000, 1000000, -1500000, 16383500000}},
               {1.0 / 3, {0, 333333, 666667, -1000000, 10922333333}}};
  static const int16_t ticks[] = {0, 1, 2, -3, 32767};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bytes b = {0};
    put_scaled(&b, 1, true, cases[i].scale);
    for (unsigned n = 0; n < 5; n++) build_frame(&b, 1, ticks[n], 0x80, 100, n);
    ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
    for (unsigned n = 0; n < 5; n++) {
      int64_t off = got.frame[n].pts_ns - 1000000000 - cases[i].ns[n];
      /* a third is not exact in the stream either */
      ck_assert_int_le(off < 0 ? -off : off, n == 4 && i == 3 ? 3 : 0);
    }
    bytes_free(&b);
  }
}
END_TEST

/* They are faults, and taken for 1. */
START_TEST(track_timestamp_scales_that_cannot_be) {
  static const uint64_t bits[] = {
      0x0000000000000000, /* 0 */
      0x8000000000000000, /* -0 */
      0xBFF0000000000000, /* -1 */
      0x7FF8000000000000, /* not a number */
      0x7FF0000000000000, /* infinity */
      0x7FEFFFFFFFFFFFFF, /* the largest number */
  };
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
    struct bytes b = {0};
    double scale;
    memcpy(&scale, &bits[i], sizeof scale);
    put_scaled(&b, 1, true, scale);
    build_frame(&b, 1, 40, 0x80, 100, 1);
    ck_assert_int_eq(read_flags(0, &b), KVSP_END);
    ck_assert_uint_eq(got.gaps, 1);
    ck_assert_int_eq(got.gap[0].status, KVSP_ERR_SCHEMA);
    ck_assert_uint_eq(got.gap[0].element_id, KVSP_ID_TRACK_TIMESTAMP_SCALE);
    ck_assert_int_eq(got.frame[0].pts_ns, 1040000000);
    ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_ERR_SCHEMA);
    bytes_free(&b);
  }
}
END_TEST

START_TEST(times_before_zero) {
  struct bytes b = {0};
  put_scaled(&b, 1, false, 0);
  build_frame(&b, 1, -1000, 0x80, 100, 1);
  build_frame(&b, 1, -1005, 0x80, 100, 2);
  build_frame(&b, 1, INT16_MIN, 0x80, 100, 3);
  ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
  ck_assert_int_eq(got.frame[0].pts_ns, 0);
  ck_assert_int_eq(got.frame[1].pts_ns, -5000000);
  ck_assert_int_eq(got.frame[2].pts_ns, INT64_C(-31768000000));
  bytes_free(&b);
}
END_TEST

/* Numbers of one byte to eight, in SimpleBlocks, laces and BlockGroups. */
START_TEST(large_track_numbers) {
  static const uint64_t numbers[] = {1,
                                     126,
                                     127,
                                     300,
                                     16382,
                                     16383,
                                     20000,
                                     2097150,
                                     2097151,
                                     (1u << 28),
                                     UINT64_C(1) << 40,
                                     (UINT64_C(1) << 56) - 2};
  static const size_t sizes[] = {30, 40};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct bytes b = {0}, block = {0};
    size_t group;
    put_scaled(&b, numbers[i], false, 0);
    build_frame(&b, numbers[i], 0, 0x80, 100, 1);
    build_laced(&b, numbers[i], 40, KVSP_LACING_XIPH, sizes, 2, 2);
    build_block(&block, numbers[i], 80, 0, "data", 4);
    group = mux_begin(&b, KVSP_ID_BLOCK_GROUP);
    mux_binary(&b, KVSP_ID_BLOCK, block.data, block.len);
    mux_end(&b, group);
    for (uint32_t flags = 0; flags <= KVSP_READ_NO_DATA;
         flags += KVSP_READ_NO_DATA) {
      ck_assert_int_eq(read_flags(flags | KVSP_READ_STRICT, &b), KVSP_END);
      ck_assert_uint_eq(got.frames, 4);
      for (size_t n = 0; n < 4; n++)
        ck_assert_uint_eq(got.frame[n].size, n == 3 ? 4
                                             : n    ? sizes[n - 1]
                                                    : 100);
    }
    ck_assert_uint_eq(got.track.number, numbers[i]);
    bytes_free(&b);
    bytes_free(&block);
  }
}
END_TEST

/* ---- order ------------------------------------------------------------- */

START_TEST(tracks_behind_tags) {
  struct bytes b = {0};
  mux_document(&b);
  mux_head_tags(&b, "17", "1.000", "1.000");
  build_tracks(&b);
  mux_cluster(&b, 0);
  build_frame(&b, VIDEO, 0, 0x80, 300, 1);
  ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
  ck_assert(payload_is(0, 300, 1));
  ck_assert_uint_eq(got.track.type, KVSP_TRACK_VIDEO);
  bytes_free(&b);
}
END_TEST

START_TEST(tracks_behind_the_cluster) {
  struct recorder r = {0};
  struct bytes b = {0};
  mux_document(&b);
  mux_cluster(&b, 0);
  build_frame(&b, VIDEO, 0, 0x80, 300, 1);
  build_frame(&b, 300, 0, 0x80, 300, 2);
  build_tracks(&b);
  mux_cluster(&b, 1000);
  build_frame(&b, VIDEO, 0, 0x80, 300, 3);
  record_stream(NULL, FEED_PULL, b.data, b.len, 0, &r);
  ck_assert_str_eq(recorder_order(&r), "FfffE");
  ck_assert_ptr_nonnull(strstr(recorder_text(&r), "track{ number=1 uid=1"));
  check_pieces(0, &b);
  recorder_clear(&r);
  ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
  for (unsigned i = 0; i < 3; i++) ck_assert(payload_is(i, 300, i + 1));
  bytes_free(&b);
}
END_TEST

/* ---- long IDs and sizes ------------------------------------------------ */

/* 0: no such element. */
static void put_document(struct bytes *b, unsigned max_id, unsigned max_size) {
  size_t header = mux_begin(b, KVSP_ID_EBML);
  if (max_id) mux_uint(b, KVSP_ID_EBML_MAX_ID_LENGTH, max_id);
  if (max_size) mux_uint(b, KVSP_ID_EBML_MAX_SIZE_LENGTH, max_size);
  mux_string(b, KVSP_ID_DOC_TYPE, "matroska");
  mux_end(b, header);
  mux_begin_unknown(b, KVSP_ID_SEGMENT, 8);
}

/* An element whose ID has so many bytes and is in no table. */
static void put_unknown(struct bytes *b, unsigned id_length) {
  uint8_t id[8] = {0, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE};
  id[0] = (uint8_t)(0x80u >> (id_length - 1));
  bytes_append(b, id, id_length);
  bytes_append(b, "\x83xyz", 4);
}

START_TEST(long_ids) {
  for (unsigned length = 5; length <= 8; length++) {
    struct bytes b = {0};
    put_document(&b, length, 8);
    put_unknown(&b, length);
    build_tracks(&b);
    mux_cluster(&b, 0);
    build_frame(&b, VIDEO, 0, 0x80, 300, 1);
    put_unknown(&b, length);
    build_frame(&b, VIDEO, 40, 0x80, 300, 2);
    ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
    ck_assert_uint_eq(got.frames, 2);
    ck_assert(payload_is(1, 300, 2));
    check_pieces(0, &b);
    bytes_free(&b);
  }
}
END_TEST

/* Where the document does not say so, they are faults; and what one document
 * says does not hold for the next. */
START_TEST(long_ids_that_are_not_announced) {
  static const unsigned announced[] = {0, 4, 6};
  for (size_t i = 0; i < 3; i++) {
    struct bytes b = {0};
    put_document(&b, 8, 16);
    put_document(&b, announced[i], 0);
    build_tracks(&b);
    mux_cluster(&b, 0);
    build_frame(&b, VIDEO, 0, 0x80, 300, 1);
    put_unknown(&b, 7);
    for (unsigned n = 2; n < 6; n++)
      build_frame(&b, VIDEO, (int16_t)(n * 40), 0x80, 300, n);
    ck_assert_int_eq(read_flags(0, &b), KVSP_END);
    ck_assert_uint_eq(got.gaps, 1);
    ck_assert_int_eq(got.gap[0].status, KVSP_ERR_EBML);
    ck_assert_uint_eq(got.gap[0].to - got.gap[0].from, 11);
    ck_assert_uint_eq(got.frames, 5);
    ck_assert(payload_is(4, 300, 5));
    bytes_free(&b);
  }
}
END_TEST

/* A size of 9 to 16 bytes: a byte 0, the marker's byte, the value. */
static void put_long_size(struct bytes *b, unsigned length, uint64_t size) {
  uint8_t out[16] = {0};
  out[1] = (uint8_t)(1u << (16 - length));
  for (unsigned i = 0; i < 8 && i + 1 < length; i++)
    out[length - 1 - i] |= (uint8_t)(size >> 8 * i);
  bytes_append(b, out, length);
}

/* Tracks, a Cluster of unknown size and a frame, with sizes of that length. */
static void put_long_sizes(struct bytes *b, unsigned length) {
  uint8_t unknown[16];
  struct bytes tracks = {0}, block = {0}, payload = {0};
  build_tracks(&tracks); /* an ID of 4 bytes, a size of 8 */
  bytes_append(b, "\x16\x54\xAE\x6B", 4);
  put_long_size(b, length, tracks.len - 12);
  bytes_append(b, tracks.data + 12, tracks.len - 12);
  memset(unknown, 0xFF, sizeof unknown);
  unknown[0] = 0;
  unknown[1] = (uint8_t)((2u << (16 - length)) - 1);
  bytes_append(b, "\x1F\x43\xB6\x75", 4);
  bytes_append(b, unknown, length);
  bytes_append(b, "\xE7", 1);
  put_long_size(b, length, 2);
  bytes_append(b, "\x03\xE8", 2);
  build_append_payload(&payload, 300, 1);
  build_block(&block, VIDEO, 40, 0x80, payload.data, payload.len);
  bytes_append(b, "\xA3", 1);
  put_long_size(b, length, block.len);
  bytes_append(b, block.data, block.len);
  bytes_free(&tracks);
  bytes_free(&block);
  bytes_free(&payload);
}

START_TEST(long_sizes) {
  for (unsigned length = 9; length <= 16; length++) {
    struct bytes b = {0};
    put_document(&b, 4, length);
    put_long_sizes(&b, length);
    build_frame(&b, VIDEO, 80, 0x80, 300, 2);
    ck_assert_int_eq(read_flags(KVSP_READ_STRICT, &b), KVSP_END);
    ck_assert_uint_eq(got.track.width, 320);
    ck_assert_uint_eq(got.frames, 2);
    ck_assert(payload_is(0, 300, 1));
    ck_assert_int_eq(got.frame[0].pts_ns, 1040000000);
    ck_assert(payload_is(1, 300, 2));
    check_pieces(0, &b);
    bytes_free(&b);
  }
}
END_TEST

/* Longer than announced, without a marker, or more than 64 bits hold; an EBML
 * header follows, and what it begins is whole. */
START_TEST(long_sizes_that_cannot_be) {
  static const struct {
    unsigned max;
    const char *size;
    size_t length;
    int status;
  } cases[] = {
      {8, "\0\x80\0\0\0\0\0\0\x05", 9, KVSP_ERR_EBML},
      {9, "\0\x40\0\0\0\0\0\0\0\x05", 10, KVSP_ERR_EBML},
      {16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05", 17, KVSP_ERR_EBML},
      {16, "\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\x05", 16, KVSP_ERR_OVERFLOW},
      {16, "\0\x01\0\0\0\0\0\x01\0\0\0\0\0\0\0\x05", 16, KVSP_ERR_OVERFLOW},
      {16, "\0\x01\0\0\0\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16,
       KVSP_ERR_OVERFLOW},
      {9, "\0\xC0\0\0\0\0\0\0\x05", 9, KVSP_ERR_OVERFLOW},
      {9, "\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, KVSP_ERR_SCHEMA},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bytes b = {0};
    size_t at;
    put_document(&b, 4, cases[i].max);
    at = b.len;
    bytes_append(&b, "\xEC", 1); /* Void */
    bytes_append(&b, cases[i].size, cases[i].length);
    bytes_append(&b, "12345", 5);
    build_fragments(&b, 1, 1);
    ck_assert_int_eq(read_flags(0, &b), KVSP_END);
    ck_assert_uint_eq(got.gaps, 1);
    ck_assert_int_eq(got.gap[0].status, cases[i].status);
    ck_assert_uint_eq(got.gap[0].from, at);
    ck_assert_uint_eq(got.gap[0].to, at + 1 + cases[i].length + 5);
    ck_assert_uint_eq(got.frames, 4);
    check_pieces(0, &b);
    bytes_free(&b);
  }
}
END_TEST

/* ---- real streams ------------------------------------------------------ */

static size_t count_gaps(const char *folder, const char *name, uint32_t flags,
                         size_t *frames) {
  kvsp_reader_config config = config_with(flags);
  struct recorder r = {0};
  struct bytes b = {0};
  size_t gaps = 0;
  corpus_load(&b, folder, name, "");
  record_stream(&config, FEED_PULL, b.data, b.len, 1000, &r);
  *frames = 0;
  for (const char *c = recorder_order(&r); *c; c++) {
    gaps += *c == 'g';
    *frames += *c == 'f';
  }
  recorder_clear(&r);
  bytes_free(&b);
  return gaps;
}

START_TEST(real_checksums_match) {
  static const struct {
    const char *folder, *name;
  } files[] = {{"muxgen", "ff_crc32_h264_aac.mkv"},
               {"mkv-valid", "media3_opus-5.1.mka"},
               {"mkv-valid", "mkvgo_sample.mkv"},
               {"muxgen", "ff_pcm_s24le_48k.mka"},
               {"kvs-producer-input", "bezos_vogels.mkv"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const char *folder = files[i].folder, *name = files[i].name;
    size_t frames, plain;
    ck_assert_msg(count_gaps(folder, name, KVSP_READ_CHECK_CRC, &frames) == 0,
                  "%s: a gap", name);
    count_gaps(folder, name, 0, &plain);
    ck_assert_uint_gt(frames, 0);
    ck_assert_uint_eq(frames, plain);
  }
}
END_TEST

/* This file is there for its Info, whose CRC-32 is wrong. */
START_TEST(a_real_checksum_that_does_not_match) {
  const char *folder = "ebml-conformance", *name = "mc_EBML-CRC-VALID.mkv";
  size_t frames;
  ck_assert_uint_eq(count_gaps(folder, name, KVSP_READ_CHECK_CRC, &frames), 1);
  ck_assert_uint_eq(frames, 3);
  ck_assert_uint_eq(count_gaps(folder, name, 0, &frames), 0);
}
END_TEST

START_TEST(real_amazon_connect) {
  struct bytes b = {0};
  kvsp_reader *r;
  const kvsp_item *item;
  size_t tracks = 0;
  corpus_load(&b, "kvs-picgen", "pic_connect_like_two_audio.mkv", "");
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    if (item->type != KVSP_ITEM_FRAGMENT_END) continue;
    for (size_t i = 0; i < item->fragment->track_count; i++) {
      const kvsp_track *t = item->fragment->tracks[i];
      ck_assert(t->audio_sample_rate == 8000.0);
      ck_assert_uint_eq(t->audio_channels, 1);
      ck_assert_uint_eq(t->audio_bit_depth, 16);
      ck_assert(view_is(t->audio_codec_id, "A_PCM/INT/LIT"));
      tracks++;
    }
  }
  ck_assert_uint_gt(tracks, 1);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

#ifdef HAVE_ZLIB

/* The value of "key": in a line of JSON, as a number of that base. */
static uint64_t number_in(const char *line, const char *key, unsigned base) {
  static const char digits[] = "0123456789abcdef";
  const char *at = strstr(line, key);
  uint64_t number = 0;
  ck_assert_msg(at != NULL, "no %s in %.100s", key, line);
  for (at += strlen(key); *at != '\0' && strchr(digits, *at); at++)
    number = number * base + (uint64_t)(strchr(digits, *at) - digits);
  return number;
}

/* What ffprobe said of each frame: its size and Adler-32. */
START_TEST(real_zlib_frames) {
  struct bytes b = {0}, golden = {0};
  char *line;
  size_t frames = 0;
  kvsp_reader_config config = config_with(KVSP_READ_DECOMPRESS);
  const kvsp_item *item;
  kvsp_reader *r;
  corpus_load(&b, "muxgen", "mm_zlib_h264.mkv", "");
  corpus_load(&golden, "golden/muxgen", "mm_zlib_h264.mkv", ".frames.jsonl");
  bytes_append(&golden, "", 1);
  line = strstr((char *)golden.data, "\"type\": \"packet\"");
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    const kvsp_frame *f = item->frame;
    ck_assert_uint_ne(item->type, KVSP_ITEM_GAP);
    if (item->type != KVSP_ITEM_FRAME) continue;
    ck_assert_ptr_nonnull(line);
    ck_assert_uint_eq(f->data.len, number_in(line, "\"size\": ", 10));
    ck_assert_uint_eq(adler32(1, f->data.data, (uInt)f->data.len),
                      number_in(line, "\"adler32\": \"", 16));
    ck_assert_uint_eq(f->flags & KVSP_FRAME_COMPRESSED, 0);
    line = strstr(line + 1, "\"type\": \"packet\"");
    frames++;
  }
  ck_assert_uint_eq(frames, 75);
  ck_assert_ptr_null(line);
  kvsp_reader_free(r);
  bytes_free(&b);
  bytes_free(&golden);
}
END_TEST

#endif

/* ---- the suite --------------------------------------------------------- */

static TCase *encodings_case(void) {
  TCase *tc = tcase_create("encodings");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, stripped_headers_come_back);
  tcase_add_test(tc, without_the_flag_data_is_as_stored);
  tcase_add_test(tc, an_empty_header);
  tcase_add_loop_test(tc, what_cannot_be_undone_stays, 0, OPAQUE);
  tcase_add_test(tc, scope_of_stripping);
  tcase_add_test(tc, retain_of_restored_frames);
  tcase_add_test(tc, memory_for_stripped_headers);
  tcase_add_test(tc, the_build_tells_of_zlib);
  return tc;
}

static TCase *zlib_case(void) {
  TCase *tc = tcase_create("zlib");
  tcase_set_timeout(tc, 120);
#ifdef HAVE_ZLIB
  tcase_add_test(tc, zlib_frames_come_back);
  tcase_add_test(tc, zlib_as_stored_without_the_flag);
  tcase_add_loop_test(tc, corrupt_zlib_data, 0, 5);
  tcase_add_loop_test(tc, corrupt_zlib_data_in_a_lace, 0, 4);
  tcase_add_test(tc, a_zlib_bomb_is_stopped);
  tcase_add_test(tc, zlib_frames_at_the_limit);
  tcase_add_test(tc, a_raised_limit_lets_the_frame_through);
  tcase_add_test(tc, scope_of_zlib);
  tcase_add_test(tc, corrupt_codec_private);
  tcase_add_test(tc, retain_of_decompressed_frames);
  tcase_add_test(tc, memory_for_zlib);
#else
  tcase_add_test(tc, zlib_that_is_not_there);
#endif
  return tc;
}

static TCase *checksums_case(void) {
  TCase *tc = tcase_create("checksums");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, right_checksums);
  tcase_add_loop_test(tc, wrong_checksums, 0, CHECKED);
  tcase_add_test(tc, a_changed_payload);
  tcase_add_test(tc, looking_for_checksums_changes_nothing);
  tcase_add_test(tc, checksums_and_limits);
  tcase_add_test(tc, checksums_that_do_not_count);
  tcase_add_test(tc, checksums_inside_each_other);
  tcase_add_test(tc, checksums_in_the_tokenizer);
  return tc;
}

static TCase *tags_case(void) {
  TCase *tc = tcase_create("tags");
  tcase_add_test(tc, mime_type_before_the_cluster);
  tcase_add_test(tc, mime_type_behind_the_cluster);
  tcase_add_test(tc, mime_type_of_other_tracks);
  tcase_add_test(tc, spellings_of_mime_types);
  tcase_add_test(tc, mime_type_and_video);
  tcase_add_test(tc, targets_of_tags);
  tcase_add_test(tc, memory_for_targets);
  return tc;
}

static TCase *blocks_case(void) {
  TCase *tc = tcase_create("blocks");
  tcase_add_test(tc, what_is_around_a_block);
  tcase_add_test(tc, odd_block_additions);
  tcase_add_test(tc, encrypted_blocks_are_told);
  tcase_add_test(tc, track_timestamp_scales);
  tcase_add_test(tc, track_timestamp_scales_that_cannot_be);
  tcase_add_test(tc, times_before_zero);
  tcase_add_test(tc, large_track_numbers);
  tcase_add_test(tc, tracks_behind_tags);
  tcase_add_test(tc, tracks_behind_the_cluster);
  tcase_add_test(tc, long_ids);
  tcase_add_test(tc, long_ids_that_are_not_announced);
  tcase_add_test(tc, long_sizes);
  tcase_add_test(tc, long_sizes_that_cannot_be);
  return tc;
}

static TCase *corpus_case(void) {
  TCase *tc = tcase_create("corpus");
  if (!corpus_is_there()) {
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
    return tc;
  }
  tcase_set_timeout(tc, 600);
  tcase_add_test(tc, real_checksums_match);
  tcase_add_test(tc, a_real_checksum_that_does_not_match);
  tcase_add_test(tc, real_amazon_connect);
#ifdef HAVE_ZLIB
  tcase_add_test(tc, real_zlib_frames);
#endif
  return tc;
}

int main(void) {
  Suite *suite = suite_create("encodings");
  suite_add_tcase(suite, encodings_case());
  suite_add_tcase(suite, zlib_case());
  suite_add_tcase(suite, checksums_case());
  suite_add_tcase(suite, tags_case());
  suite_add_tcase(suite, blocks_case());
  suite_add_tcase(suite, corpus_case());
  return run_suite(suite);
}
