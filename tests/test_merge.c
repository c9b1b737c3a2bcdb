/*
 * test_merge.c - many fragments into one stream: what is written, that the
 * frames are the same, times by each mode, what begins a segment, and that
 * neither damage nor a want of memory does harm.
 */
#include <check.h>
#include <inttypes.h>
#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/corpus.h"
#include "support/damage.h"
#include "support/recorder.h"
#include "support/suite.h"

#define SEGMENTS_MAX 64
#define MS 1000000

/* ---- merging into memory ---------------------------------------------- */

struct merged {
  struct bytes all;
  size_t starts[SEGMENTS_MAX]; /* of each segment in it                     */
  uint32_t reasons[SEGMENTS_MAX];
  size_t count;
  int status;
  kvsp_merger_stats stats;
};

static int collect(void *user, const void *data, size_t len,
                   const kvsp_merge_segment *segment) {
  struct merged *m = user;
  ck_assert(len > 0);
  ck_assert(m->count > 0 || segment != NULL);
  if (segment) {
    ck_assert_uint_lt(m->count, SEGMENTS_MAX);
    ck_assert_uint_eq(segment->index, m->count);
    ck_assert_ptr_nonnull(segment->fragment);
    m->starts[m->count] = m->all.len;
    m->reasons[m->count++] = segment->reason;
  }
  bytes_append(&m->all, data, len);
  return 0;
}

static void merged_free(struct merged *m) {
  bytes_free(&m->all);
  m->count = 0;
}

static kvsp_merger *new_merger(kvsp_merger_config config, struct merged *m) {
  kvsp_merger *merger = NULL;
  config.struct_size = sizeof config;
  config.output = collect;
  config.user = m;
  ck_assert_int_eq(kvsp_merger_new(&merger, &config), KVSP_OK);
  return merger;
}

/* The stream in chunks that are gone afterwards (0: whole). */
static void merge(struct merged *m, kvsp_merger_config config,
                  const struct bytes *stream, size_t chunk) {
  kvsp_merger *merger;
  size_t at = 0;
  memset(m, 0, sizeof *m);
  merger = new_merger(config, m);
  if (chunk == 0) chunk = stream->len;
  for (m->status = KVSP_OK; m->status == KVSP_OK && at < stream->len;) {
    size_t n = stream->len - at < chunk ? stream->len - at : chunk;
    uint8_t *piece = malloc(n);
    ck_assert_ptr_nonnull(piece);
    memcpy(piece, stream->data + at, n);
    m->status = kvsp_merger_write(merger, piece, n, 0);
    free(piece);
    at += n;
  }
  if (m->status == KVSP_OK)
    m->status = kvsp_merger_write(merger, NULL, 0, KVSP_FINAL);
  ck_assert_int_eq(kvsp_merger_get_stats(merger, &m->stats, sizeof m->stats),
                   KVSP_OK);
  kvsp_merger_free(merger);
}

static const kvsp_merger_config rebase = {.mode = KVSP_MERGE_REBASE};
static const kvsp_merger_config pack = {.mode = KVSP_MERGE_PACK};
static const kvsp_merger_config keep = {.mode = KVSP_MERGE_KEEP};

/* ---- reading it again --------------------------------------------------- */

struct frames {
  struct bytes text; /* a line each, without times                          */
  int64_t *times;
  uint64_t ends[64]; /* in the stream, of the first ones                    */
  size_t count;
  size_t fragments, gaps;
};

static int note(void *user, const kvsp_item *item) {
  struct frames *f = user;
  const kvsp_frame *frame = item->frame;
  char line[256];
  if (item->type == KVSP_ITEM_FRAGMENT) f->fragments++;
  if (item->type == KVSP_ITEM_GAP) f->gaps++;
  if (item->type != KVSP_ITEM_FRAME) return 0;
  f->times = realloc(f->times, (f->count + 1) * sizeof *f->times);
  ck_assert_ptr_nonnull(f->times);
  if (f->count < 64) f->ends[f->count] = frame->offset + frame->size;
  f->times[f->count++] = frame->pts_ns;
  snprintf(line, sizeof line,
           "%" PRIu64 " %" PRIu64 " %016" PRIx64 " %u %u %u/%u %" PRId64
           " %" PRId64 " %zu %016" PRIx64 "\n",
           frame->track->number, frame->size,
           hash_bytes(frame->data.data, frame->data.len), frame->flags,
           frame->lacing, frame->lace_index, frame->lace_count,
           frame->duration_ns, frame->discard_padding_ns, frame->addition_count,
           hash_bytes(frame->codec_state.data, frame->codec_state.len));
  bytes_append(&f->text, line, strlen(line));
  return 0;
}

static int read_with(struct frames *f, uint32_t flags, const void *data,
                     size_t len) {
  kvsp_reader_config config = {.struct_size = sizeof config, .flags = flags};
  kvsp_reader *r = NULL;
  int rc;
  memset(f, 0, sizeof *f);
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  rc = kvsp_reader_visit(r, data, len, KVSP_FINAL, note, f);
  kvsp_reader_free(r);
  bytes_append(&f->text, "", 1);
  return rc;
}

static void read_frames(struct frames *f, const void *data, size_t len) {
  ck_assert_int_eq(read_with(f, 0, data, len), KVSP_END);
}

static void frames_free(struct frames *f) {
  bytes_free(&f->text);
  free(f->times);
}

static void same_frames(const struct bytes *stream, const struct merged *m,
                        const char *what) {
  struct frames before, after;
  read_frames(&before, stream->data, stream->len);
  read_frames(&after, m->all.data, m->all.len);
  ck_assert(
      texts_equal((char *)before.text.data, (char *)after.text.data, what));
  ck_assert_uint_eq(after.gaps, 0);
  ck_assert_uint_eq(after.fragments, m->count);
  frames_free(&before);
  frames_free(&after);
}

static size_t count_elements(const struct bytes *b, uint64_t id) {
  kvsp_tokenizer *t = NULL;
  const kvsp_event *e;
  size_t count = 0;
  int rc;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_input(t, b->data, b->len, KVSP_FINAL),
                   KVSP_OK);
  for (rc = kvsp_tokenizer_next(t, &e); rc == KVSP_OK;
       rc = kvsp_tokenizer_next(t, &e))
    if (e->id == id &&
        (e->type == KVSP_EVENT_MASTER_BEGIN || e->type == KVSP_EVENT_VALUE ||
         e->type == KVSP_EVENT_BLOB_BEGIN))
      count++;
  ck_assert_int_eq(rc, KVSP_END);
  kvsp_tokenizer_free(t);
  return count;
}

static bool contains(const struct bytes *b, const void *what, size_t len) {
  for (size_t i = 0; i + len <= b->len; i++)
    if (memcmp(b->data + i, what, len) == 0) return true;
  return false;
}

/* Times in milliseconds, space-separated. */
static void expect_times(const struct merged *m, const char *expected) {
  struct frames f;
  struct bytes text = {0};
  read_frames(&f, m->all.data, m->all.len);
  for (size_t i = 0; i < f.count; i++) {
    char number[32];
    snprintf(number, sizeof number, i ? " %" PRId64 : "%" PRId64,
             f.times[i] / MS);
    bytes_append(&text, number, strlen(number));
  }
  bytes_append(&text, "", 1);
  ck_assert_str_eq((char *)text.data, expected);
  bytes_free(&text);
  frames_free(&f);
}

/* ---- streams ------------------------------------------------------------ */

struct piece {
  uint64_t cluster;     /* its Timestamp, in ms                             */
  const char *producer; /* NULL: no service's tags                          */
  const char *name;     /* of the track; NULL: none                         */
  const char *codec;    /* NULL: "V_TEST"                                   */
  uint64_t uid;         /* 0: none                                          */
  uint64_t scale;       /* 0: 1 ms                                          */
  bool no_tracks;
};

static void build_track(struct bytes *b, const struct piece *p) {
  size_t tracks = mux_begin(b, KVSP_ID_TRACKS);
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, 1);
  if (p->uid) mux_uint(b, KVSP_ID_TRACK_UID, p->uid);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  if (p->name) mux_string(b, KVSP_ID_NAME, p->name);
  mux_string(b, KVSP_ID_CODEC_ID, p->codec ? p->codec : "V_TEST");
  mux_end(b, entry);
  mux_end(b, tracks);
}

/* A fragment of three frames, 40 ms each, 10 bytes. */
static void build_piece(struct bytes *b, const struct piece *p) {
  mux_document(b);
  mux_info(b, p->scale);
  if (!p->no_tracks) build_track(b, p);
  if (p->producer) mux_head_tags(b, "1", p->producer, p->producer);
  mux_cluster(b, p->cluster);
  for (int i = 0; i < 3; i++)
    build_frame(b, 1, (int16_t)(i * 40), i ? 0 : 0x80, 10,
                (unsigned)(p->cluster + (uint64_t)i));
  if (p->producer) mux_tail_tags(b, "1", "0");
}

static void build_pieces(struct bytes *b, const struct piece *p, size_t n) {
  memset(b, 0, sizeof *b);
  for (size_t i = 0; i < n; i++) build_piece(b, &p[i]);
}

#define PIECES(b, ...)                                          \
  do {                                                          \
    const struct piece pieces_[] = {__VA_ARGS__};               \
    build_pieces(b, pieces_, sizeof pieces_ / sizeof *pieces_); \
  } while (0)

/* ---- what is written ------------------------------------------------------ */

START_TEST(one_document) {
  struct bytes stream = {0};
  struct merged m;
  build_fragments(&stream, 1, 3);
  merge(&m, rebase, &stream, 0);
  ck_assert_int_eq(m.status, KVSP_END);
  ck_assert_uint_eq(m.count, 1);
  ck_assert_uint_eq(m.reasons[0], KVSP_MERGE_FIRST);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_EBML), 1);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_SEGMENT), 1);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_INFO), 1);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_TRACKS), 1);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_CLUSTER), 3);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_TAGS), 0);
  ck_assert_uint_eq(m.stats.fragments, 3);
  ck_assert_uint_eq(m.stats.frames, 12);
  ck_assert_uint_eq(m.stats.bytes, m.all.len);
  same_frames(&stream, &m, "three fragments");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* What is true of one document only: Duration, links to other files, filler,
 * an index. */
START_TEST(nothing_stray) {
  static const uint64_t stray[] = {
      KVSP_ID_DURATION,  KVSP_ID_VOID,         KVSP_ID_CRC_32,
      KVSP_ID_SEEK_HEAD, KVSP_ID_CUES,         KVSP_ID_TAGS,
      KVSP_ID_NEXT_UUID, KVSP_ID_PREV_UUID,    KVSP_ID_POSITION,
      KVSP_ID_CHAPTERS,  KVSP_ID_PREV_FILENAME};
  const struct piece p = {.cluster = 0};
  struct bytes stream = {0};
  struct merged m;
  size_t at;
  mux_document(&stream);
  at = mux_begin(&stream, KVSP_ID_SEEK_HEAD);
  mux_end(&stream, at);
  at = mux_begin(&stream, KVSP_ID_INFO);
  mux_binary(&stream, KVSP_ID_CRC_32, "abcd", 4);
  mux_binary(&stream, KVSP_ID_SEGMENT_UUID, "0123456789abcdef", 16);
  mux_binary(&stream, KVSP_ID_NEXT_UUID, "0123456789abcdee", 16);
  mux_binary(&stream, KVSP_ID_PREV_UUID, "0123456789abcdee", 16);
  mux_string(&stream, KVSP_ID_PREV_FILENAME, "other.mkv");
  mux_float(&stream, KVSP_ID_DURATION, 5000);
  mux_string(&stream, KVSP_ID_TITLE, "The door");
  mux_binary(&stream, KVSP_ID_VOID, "....", 4);
  mux_end(&stream, at);
  build_track(&stream, &p);
  at = mux_begin(&stream, KVSP_ID_CHAPTERS);
  mux_end(&stream, at);
  mux_cluster(&stream, 0);
  mux_uint(&stream, KVSP_ID_POSITION, 0);
  build_frame(&stream, 1, 0, 0x80, 10, 1);
  at = mux_begin(&stream, KVSP_ID_CUES);
  mux_end(&stream, at);
  mux_tail_tags(&stream, "1", "0");
  merge(&m, keep, &stream, 1);
  for (size_t i = 0; i < sizeof stray / sizeof *stray; i++)
    ck_assert_msg(count_elements(&m.all, stray[i]) == 0, "%" PRIx64, stray[i]);
  ck_assert(contains(&m.all, "0123456789abcdef", 16));
  ck_assert(contains(&m.all, "The door", 8));
  ck_assert_uint_eq(m.stats.frames, 1);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* All of a TrackEntry, whether this library knows what it means or not. */
START_TEST(tracks_as_they_were) {
  struct bytes stream = {0}, entry = {0};
  struct merged m;
  size_t at, in;
  mux_uint(&entry, KVSP_ID_TRACK_NUMBER, 1);
  mux_uint(&entry, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  mux_binary(&entry, KVSP_ID_CODEC_ID, "V_TEST\0\0\0", 9);
  mux_binary(&entry, KVSP_ID_CODEC_PRIVATE, "\1\2\3", 3);
  mux_binary(&entry, 0x5FAB, "what is this", 12);
  mux_uint(&entry, KVSP_ID_SEEK_PRE_ROLL, 80000000);
  at = mux_begin(&entry, KVSP_ID_VIDEO);
  mux_uint(&entry, KVSP_ID_PIXEL_WIDTH, 640);
  in = mux_begin(&entry, KVSP_ID_COLOUR);
  mux_uint(&entry, KVSP_ID_RANGE, 2);
  mux_end(&entry, in);
  mux_end(&entry, at);
  mux_document(&stream);
  mux_info(&stream, 0);
  at = mux_begin(&stream, KVSP_ID_TRACKS);
  in = mux_begin(&stream, KVSP_ID_TRACK_ENTRY);
  bytes_append(&stream, entry.data, entry.len);
  mux_end(&stream, in);
  mux_end(&stream, at);
  mux_cluster(&stream, 0);
  build_frame(&stream, 1, 0, 0x80, 10, 1);
  for (size_t chunk = 0; chunk < 5; chunk++) {
    merge(&m, keep, &stream, chunk);
    ck_assert(contains(&m.all, entry.data, entry.len));
    merged_free(&m);
  }
  bytes_free(&entry);
  bytes_free(&stream);
}
END_TEST

/* Every lacing, BlockGroups with all they may have; also between faults. */
START_TEST(every_kind_of_block) {
  static const size_t chunks[] = {1, 7, 100, 4096};
  struct bytes stream = {0};
  struct merged whole, m;
  build_encoded(&stream, 3);
  build_fragments(&stream, 1, 2);
  merge(&whole, keep, &stream, 0);
  same_frames(&stream, &whole, "encoded frames");
  merged_free(&whole);
  bytes_free(&stream);
  build_everything(&stream);
  merge(&whole, rebase, &stream, 0);
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
    merge(&m, rebase, &stream, chunks[i]);
    ck_assert_uint_eq(m.all.len, whole.all.len);
    ck_assert(memcmp(m.all.data, whole.all.data, m.all.len) == 0);
    merged_free(&m);
  }
  ck_assert_uint_gt(whole.stats.frames, 20);
  ck_assert_uint_gt(count_elements(&whole.all, KVSP_ID_BLOCK_GROUP), 0);
  merged_free(&whole);
  bytes_free(&stream);
}
END_TEST

/* A frame is out when its last byte is in; the first one with all before it. */
START_TEST(frames_leave_at_once) {
  struct bytes stream;
  struct frames f;
  struct merged m;
  kvsp_merger *merger;
  size_t expected = 0;
  PIECES(&stream, {.cluster = 1000}, {.cluster = 2000});
  read_frames(&f, stream.data, stream.len);
  memset(&m, 0, sizeof m);
  merger = new_merger(keep, &m);
  for (size_t i = 0; i < stream.len; i++) {
    kvsp_merger_stats stats;
    ck_assert_int_eq(kvsp_merger_write(merger, stream.data + i, 1, 0), KVSP_OK);
    ck_assert_int_eq(kvsp_merger_get_stats(merger, &stats, sizeof stats),
                     KVSP_OK);
    if (expected < f.count && f.ends[expected] == i + 1) expected++;
    ck_assert_uint_eq(stats.frames, expected);
  }
  ck_assert_uint_eq(expected, 6);
  kvsp_merger_free(merger);
  merged_free(&m);
  frames_free(&f);
  bytes_free(&stream);
}
END_TEST

/* ---- times ------------------------------------------------------------------ */

START_TEST(times_by_mode) {
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 5000}, {.cluster = 5120}, {.cluster = 9000});
  merge(&m, keep, &stream, 0);
  expect_times(&m, "5000 5040 5080 5120 5160 5200 9000 9040 9080");
  merged_free(&m);
  merge(&m, rebase, &stream, 0);
  expect_times(&m, "0 40 80 120 160 200 4000 4040 4080");
  merged_free(&m);
  merge(&m, pack, &stream, 0);
  expect_times(&m, "0 40 80 120 160 200 240 280 320");
  ck_assert_uint_eq(m.count, 1);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* The producer began anew, twice: once some time later by its clock. */
START_TEST(times_go_back) {
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 5000, .producer = "100.000"},
         {.cluster = 0, .producer = "103.120"}, {.cluster = 0});
  merge(&m, rebase, &stream, 0);
  expect_times(&m, "0 40 80 3120 3160 3200 3240 3280 3320");
  ck_assert_uint_eq(m.count, 1);
  merged_free(&m);
  merge(&m, pack, &stream, 0);
  expect_times(&m, "0 40 80 120 160 200 240 280 320");
  merged_free(&m);
  merge(&m, keep, &stream, 0);
  expect_times(&m, "5000 5040 5080 0 40 80 0 40 80");
  ck_assert_uint_eq(m.count, 3);
  ck_assert_uint_eq(m.reasons[1], KVSP_MERGE_TIMES);
  ck_assert_uint_eq(m.reasons[2], KVSP_MERGE_TIMES);
  same_frames(&stream, &m, "times that go back");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* Inside of a document, too; Clusters at the same time are none of that. */
START_TEST(clusters_go_back) {
  const struct piece p = {.cluster = 1000};
  struct bytes stream = {0};
  struct merged m;
  build_piece(&stream, &p);
  mux_cluster(&stream, 1000);
  build_frame(&stream, 1, 90, 0, 10, 1);
  mux_cluster(&stream, 500);
  build_frame(&stream, 1, 0, 0, 10, 2);
  merge(&m, keep, &stream, 0);
  ck_assert_uint_eq(m.count, 2);
  expect_times(&m, "1000 1040 1080 1090 500");
  merged_free(&m);
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  expect_times(&m, "0 40 80 90 91"); /* as soon as it may be */
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* What no Timestamp can tell begins a segment, and ends. */
START_TEST(times_that_overflow) {
  const uint64_t far = INT64_MAX / MS - 1000;
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 0}, {.cluster = far}, {.cluster = 10},
         {.cluster = far}, {.cluster = 0});
  for (uint32_t mode = KVSP_MERGE_REBASE; mode <= KVSP_MERGE_KEEP; mode++) {
    kvsp_merger_config config = {.mode = mode};
    merge(&m, config, &stream, 0);
    ck_assert_int_eq(m.status, KVSP_END);
    same_frames(&stream, &m, "far times");
    ck_assert_uint_eq(m.count, mode == KVSP_MERGE_PACK     ? 1
                               : mode == KVSP_MERGE_REBASE ? 2
                                                           : 3);
    merged_free(&m);
  }
  bytes_free(&stream);
}
END_TEST

/* ---- segments ----------------------------------------------------------------- */

START_TEST(new_tracks) {
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 0}, {.cluster = 1000, .codec = "V_OTHER"},
         {.cluster = 2000, .codec = "V_OTHER"}, {.cluster = 3000});
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 3);
  ck_assert_uint_eq(m.reasons[1], KVSP_MERGE_TRACKS);
  expect_times(&m, "0 40 80 0 40 80 1000 1040 1080 0 40 80");
  same_frames(&stream, &m, "other tracks");
  merged_free(&m);
  bytes_free(&stream);
  PIECES(&stream, {.cluster = 0}, {.cluster = 1000, .scale = 2 * MS});
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 2);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

START_TEST(no_new_tracks) {
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 0, .uid = 1, .name = "one"},
         {.cluster = 1000, .uid = 2, .name = "two"});
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  ck_assert(contains(&m.all, "one", 3));
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

static void build_padded(struct bytes *b, uint64_t cluster, const char *codec,
                         size_t codec_len, const char *number,
                         size_t number_len) {
  size_t at, in;
  mux_document(b);
  mux_info(b, 0);
  at = mux_begin(b, KVSP_ID_TRACKS);
  in = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_binary(b, KVSP_ID_TRACK_NUMBER, number, number_len);
  mux_binary(b, KVSP_ID_CODEC_ID, codec, codec_len);
  if (number_len > 1) mux_binary(b, KVSP_ID_VOID, "....", 4);
  mux_end(b, in);
  mux_end(b, at);
  mux_cluster(b, cluster);
  build_frame(b, 1, 0, 0x80, 10, 1);
}

START_TEST(other_bytes_for_the_same) {
  struct bytes stream = {0};
  struct merged m;
  build_padded(&stream, 0, "V_TEST", 6, "\1", 1);
  build_padded(&stream, 1000, "V_TEST\0\0\0", 9, "\0\1", 2);
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  merged_free(&m);
  build_padded(&stream, 2000, "V_TESTED", 8, "\0\1", 2);
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 2);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

START_TEST(stop_at_a_change) {
  const kvsp_merger_config config = {.mode = KVSP_MERGE_KEEP,
                                     .flags = KVSP_MERGE_STOP};
  struct bytes stream;
  struct merged m;
  kvsp_merger *merger;
  PIECES(&stream, {.cluster = 0}, {.cluster = 1000, .codec = "V_OTHER"});
  merge(&m, config, &stream, 0);
  ck_assert_int_eq(m.status, KVSP_END);
  ck_assert_uint_eq(m.count, 1);
  ck_assert_uint_eq(m.stats.frames, 3);
  merged_free(&m);
  bytes_free(&stream);
  PIECES(&stream, {.cluster = 1000}, {.cluster = 1000});
  memset(&m, 0, sizeof m);
  merger = new_merger(config, &m);
  ck_assert_int_eq(kvsp_merger_write(merger, stream.data, stream.len, 0),
                   KVSP_END);
  ck_assert_int_eq(kvsp_merger_write(merger, NULL, 0, KVSP_FINAL), KVSP_END);
  expect_times(&m, "1000 1040 1080");
  kvsp_merger_free(merger);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

START_TEST(splitting) {
  kvsp_merger_config config = {.mode = KVSP_MERGE_KEEP, .split_fragments = 2};
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 0}, {.cluster = 120}, {.cluster = 1000},
         {.cluster = 1120}, {.cluster = 1240});
  merge(&m, config, &stream, 0);
  ck_assert_uint_eq(m.count, 3);
  ck_assert_uint_eq(m.reasons[2], KVSP_MERGE_SPLIT);
  expect_times(&m,
               "0 40 80 120 160 200 1000 1040 1080 1120 1160 1200 1240 "
               "1280 1320");
  same_frames(&stream, &m, "split by fragments");
  merged_free(&m);
  config.split_fragments = 0;
  config.split_ns = INT64_C(240) * MS; /* reached, not passed */
  config.mode = KVSP_MERGE_REBASE;
  merge(&m, config, &stream, 0);
  ck_assert_uint_eq(m.count, 3);
  expect_times(&m, "0 40 80 120 160 200 0 40 80 120 160 200 0 40 80");
  merged_free(&m);
  config.split_ns = 0;
  config.split_bytes = 250; /* a head has some 120, a fragment some 70 */
  merge(&m, config, &stream, 0);
  ck_assert_uint_gt(m.count, 1);
  for (size_t i = 0; i + 1 < m.count; i++) {
    ck_assert_uint_ge(m.starts[i + 1] - m.starts[i], 250);
    ck_assert_uint_lt(m.starts[i + 1] - m.starts[i], 400);
  }
  same_frames(&stream, &m, "split by bytes");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* ---- what is missing ------------------------------------------------------------ */

/* A fragment that lost its Tracks goes on with those of the one before it;
 * frames that nothing is known of are counted. */
START_TEST(no_tracks) {
  struct bytes stream;
  struct merged m;
  PIECES(&stream, {.cluster = 0, .no_tracks = true}, {.cluster = 1000},
         {.cluster = 2000, .no_tracks = true});
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  ck_assert_uint_eq(m.stats.frames, 6);
  ck_assert_uint_eq(m.stats.frames_left, 3);
  expect_times(&m, "0 40 80 1000 1040 1080");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

START_TEST(nothing_at_all) {
  struct bytes stream = {0};
  struct merged m;
  merge(&m, rebase, &stream, 1);
  ck_assert_int_eq(m.status, KVSP_END);
  ck_assert_uint_eq(m.all.len, 0);
  mux_document(&stream);
  mux_head_tags(&stream, "1", "1.000", "1.000");
  merge(&m, rebase, &stream, 1);
  ck_assert_int_eq(m.status, KVSP_END);
  ck_assert_uint_eq(m.all.len, 0);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

static int64_t last_time(const struct frames *f, size_t i) {
  return i ? f->times[i - 1] : INT64_MIN;
}

/* Bytes that are flipped or missing: the output is sound all the same, and has
 * every frame that the reader found.  (Read strictly: a frame that swallowed
 * others is one all the same, and nobody looks into it then.) */
START_TEST(damaged_streams) {
  struct bytes sound = {0};
  uint64_t random = 77;
  build_fragments(&sound, 1, 4);
  for (int i = 0; i < 400; i++) {
    struct damage d = {.random = (uint64_t)i + 1};
    size_t at = damage_random(&random, sound.len);
    struct frames before, after;
    struct merged m;
    if (i % 3 == 0) damage_flip(&d, &sound, at, (unsigned)i % 8);
    if (i % 3 == 1) damage_overwrite(&d, &sound, at, 1 + (size_t)i % 40);
    if (i % 3 == 2)
      damage_drop(&d, &sound, at,
                  at + damage_random(&random, sound.len - at) / 2);
    merge(&m, i % 2 ? rebase : pack, &d.data, 0);
    ck_assert_int_eq(m.status, KVSP_END);
    read_frames(&before, d.data.data, d.data.len);
    ck_assert_int_eq(read_with(&after, KVSP_READ_STRICT, m.all.data, m.all.len),
                     KVSP_END);
    ck_assert_msg(after.gaps == 0 && after.fragments == m.count,
                  "%s: %zu gaps, %zu of %zu", d.what, after.gaps,
                  after.fragments, m.count);
    ck_assert_msg(after.count == m.stats.frames, "%s", d.what);
    ck_assert_msg(after.count + m.stats.frames_left == before.count, "%s",
                  d.what);
    ck_assert_uint_eq(m.stats.gaps > 0, before.gaps > 0);
    if (m.count == 1)
      for (size_t k = 0; k < after.count; k++)
        ck_assert_msg(
            after.times[k] + 2000 * (int64_t)MS > last_time(&after, k),
            "%s: frame %zu", d.what, k);
    frames_free(&before);
    frames_free(&after);
    merged_free(&m);
    damage_free(&d);
  }
  bytes_free(&sound);
}
END_TEST

START_TEST(strict_stops) {
  const kvsp_merger_config config = {.flags = KVSP_MERGE_STRICT};
  struct bytes stream = {0};
  struct merged m;
  build_fragments(&stream, 1, 1);
  bytes_append(&stream, "\0\0\0\0", 4);
  build_fragments(&stream, 2, 1);
  merge(&m, config, &stream, 0);
  ck_assert_int_eq(m.status, KVSP_ERR_EBML);
  ck_assert_uint_eq(m.stats.frames, 4);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* ---- tags ----------------------------------------------------------------------- */

START_TEST(tags_folded) {
  const kvsp_merger_config config = {.flags = KVSP_MERGE_TAGS,
                                     .split_fragments = 2};
  static const struct mux_tag one[] = {{"PLACE", "door"}, {"EMPTY", ""}};
  static const struct mux_tag two[] = {
      {"PLACE", "door"}, {"PLACE", "gate"}, {"NONE", NULL}};
  struct bytes stream = {0};
  struct merged m;
  for (unsigned i = 0; i < 4; i++) {
    struct build_fragment fragment = {.number = i + 1};
    build_fragment(&stream, &fragment);
    mux_tags(&stream, i % 2 ? two : one, i % 2 ? 3 : 2);
  }
  merge(&m, config, &stream, 3);
  ck_assert_uint_eq(m.count, 2);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_TAGS), 2);
  /* door, gate, EMPTY, NONE and five of the service, each once a segment */
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_SIMPLE_TAG), 2 * 9);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_TAG_STRING), 2 * 8);
  same_frames(&stream, &m, "with tags");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* Streams of weeks have any number of tags: no more than max_tags are kept. */
START_TEST(tags_have_a_limit) {
  const kvsp_limits limits = {.struct_size = sizeof limits, .max_tags = 10};
  const kvsp_merger_config config = {.flags = KVSP_MERGE_TAGS,
                                     .limits = &limits};
  struct bytes stream = {0};
  struct merged m;
  for (unsigned i = 0; i < 100; i++) {
    struct build_fragment fragment = {.number = i + 1};
    char value[16];
    const struct mux_tag tag = {"COUNT", value};
    snprintf(value, sizeof value, "%u", i);
    build_fragment(&stream, &fragment);
    mux_tags(&stream, &tag, 1);
  }
  merge(&m, config, &stream, 0);
  ck_assert_uint_eq(m.stats.fragments, 100);
  ck_assert_uint_eq(count_elements(&m.all, KVSP_ID_SIMPLE_TAG), 10);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------- */

/* As long as it may be, what is held stays the same. */
START_TEST(memory_is_flat) {
  size_t peak[2] = {0, 0};
  for (unsigned round = 0; round < 2; round++) {
    struct bytes stream = {0};
    struct merged m;
    build_fragments(&stream, 1, round ? 400 : 4);
    merge(&m, rebase, &stream, 512);
    peak[round] = (size_t)m.stats.memory_peak;
    merged_free(&m);
    bytes_free(&stream);
  }
  ck_assert_uint_eq(peak[0], peak[1]);
}
END_TEST

static void build_changing(struct bytes *b) {
  memset(b, 0, sizeof *b);
  build_fragments(b, 1, 2);
  build_encoded(b, 2);
  build_fragments(b, 7, 2);
}

/* Each allocation fails once. */
START_TEST(every_allocation_fails) {
  struct bytes stream;
  struct test_allocator a;
  size_t calls = 0;
  build_changing(&stream);
  test_allocator_init(&a);
  for (size_t at = 0; at == 0 || at <= calls; at++) {
    kvsp_merger_config config = {.flags = KVSP_MERGE_TAGS,
                                 .struct_size = sizeof config,
                                 .allocator = &a.allocator};
    struct merged m;
    kvsp_merger *merger = NULL;
    int rc;
    memset(&m, 0, sizeof m);
    config.output = collect;
    config.user = &m;
    a.calls = a.failures = 0;
    a.fail_at = at;
    rc = kvsp_merger_new(&merger, &config);
    if (rc == KVSP_OK)
      rc = kvsp_merger_write(merger, stream.data, stream.len, KVSP_FINAL);
    if (at == 0) calls = a.calls;
    ck_assert_int_eq(rc, at ? KVSP_ERR_NOMEM : KVSP_END);
    if (merger) {
      ck_assert_int_eq(kvsp_merger_write(merger, NULL, 0, 0), rc);
      if (at)
        ck_assert_int_eq(kvsp_merger_error(merger)->status, KVSP_ERR_NOMEM);
    }
    kvsp_merger_free(merger);
    ck_assert_uint_eq(a.live_bytes, 0);
    merged_free(&m);
  }
  ck_assert_uint_gt(calls, 10);
  bytes_free(&stream);
}
END_TEST

/* With the limit raised by little and little, nothing is lost. */
START_TEST(limit_of_memory) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_memory = 30000};
  kvsp_merger_config config = {.flags = KVSP_MERGE_TAGS, .limits = &limits};
  struct bytes stream;
  struct merged whole, m;
  kvsp_merger *merger;
  unsigned raised = 0;
  int rc;
  build_changing(&stream);
  limits.max_memory = 0;
  merge(&whole, config, &stream, 0);
  memset(&m, 0, sizeof m);
  merger = new_merger(config, &m);
  limits.max_memory = 1;
  ck_assert_int_eq(kvsp_merger_set_limits(merger, &limits), KVSP_OK);
  rc = kvsp_merger_write(merger, stream.data, stream.len, KVSP_FINAL);
  while (rc == KVSP_ERR_LIMIT_MEMORY) {
    kvsp_merger_stats stats;
    raised++;
    ck_assert_int_eq(kvsp_merger_error(merger)->status, rc);
    ck_assert_int_eq(kvsp_merger_get_stats(merger, &stats, sizeof stats),
                     KVSP_OK);
    limits.max_memory = stats.memory + raised * 16;
    ck_assert_int_eq(kvsp_merger_set_limits(merger, &limits), KVSP_OK);
    rc = kvsp_merger_write(merger, NULL, 0, 0);
    ck_assert_uint_lt(raised, 100000);
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_uint_gt(raised, 20);
  ck_assert_uint_eq(m.all.len, whole.all.len);
  ck_assert(memcmp(m.all.data, whole.all.data, m.all.len) == 0);
  kvsp_merger_free(merger);
  merged_free(&m);
  merged_free(&whole);
  bytes_free(&stream);
}
END_TEST

/* ---- the caller ------------------------------------------------------------------ */

struct caller {
  kvsp_merger *merger;
  int calls, stop_at, rc;
  bool frees;
};

static int on_output(void *user, const void *data, size_t len,
                     const kvsp_merge_segment *segment) {
  struct caller *c = user;
  (void)data, (void)len, (void)segment;
  ck_assert_int_eq(kvsp_merger_write(c->merger, "x", 1, 0), KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_merger_reset(c->merger), KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_merger_set_limits(c->merger, NULL), KVSP_ERR_REENTRANT);
  if (++c->calls != c->stop_at) return 0;
  if (c->frees) kvsp_merger_free(c->merger);
  return c->rc;
}

static int on_item(void *user, const kvsp_item *item) {
  struct caller *c = user;
  return item->type == KVSP_ITEM_FRAGMENT_END ? c->rc : 0;
}

START_TEST(callbacks_stop_it) {
  static const int codes[] = {KVSP_ERR_USER,   KVSP_PAUSED,           KVSP_END,
                              KVSP_NEED_INPUT, KVSP_ERR_LIMIT_MEMORY, 77};
  struct bytes stream = {0};
  build_fragments(&stream, 1, 2);
  for (int stop_at = 1; stop_at < 12; stop_at++) {
    struct caller c = {
        .stop_at = stop_at,
        .rc = codes[stop_at % (int)(sizeof codes / sizeof *codes)]};
    kvsp_merger_config config = {
        .struct_size = sizeof config, .output = on_output, .user = &c};
    ck_assert_int_eq(kvsp_merger_new(&c.merger, &config), KVSP_OK);
    ck_assert_int_eq(
        kvsp_merger_write(c.merger, stream.data, stream.len, KVSP_FINAL), c.rc);
    ck_assert_int_eq(kvsp_merger_write(c.merger, NULL, 0, 0), c.rc);
    ck_assert_int_eq(c.calls, stop_at);
    kvsp_merger_free(c.merger);
    c.calls = 0;
    c.frees = true;
    c.rc = stop_at % 2 ? 0 : KVSP_ERR_USER;
    ck_assert_int_eq(kvsp_merger_new(&c.merger, &config), KVSP_OK);
    ck_assert_int_eq(
        kvsp_merger_write(c.merger, stream.data, stream.len, KVSP_FINAL),
        stop_at % 2 ? KVSP_ERR_REENTRANT : KVSP_ERR_USER);
  }
  bytes_free(&stream);
}
END_TEST

START_TEST(items_are_told) {
  struct bytes stream = {0};
  struct caller c = {.rc = KVSP_ERR_USER - 1};
  kvsp_merger_config config = {.struct_size = sizeof config,
                               .output = on_output,
                               .item = on_item,
                               .user = &c};
  build_fragments(&stream, 1, 2);
  ck_assert_int_eq(kvsp_merger_new(&c.merger, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_write(c.merger, stream.data, stream.len, 0),
                   c.rc);
  kvsp_merger_free(c.merger);
  bytes_free(&stream);
}
END_TEST

START_TEST(used_again) {
  struct bytes stream = {0};
  struct merged first, m;
  kvsp_merger_config config = {.flags = KVSP_MERGE_TAGS};
  kvsp_merger *merger;
  build_fragments(&stream, 1, 3);
  merge(&first, config, &stream, 0);
  memset(&m, 0, sizeof m);
  merger = new_merger(config, &m);
  ck_assert_int_eq(kvsp_merger_write(merger, stream.data, 900, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_merger_reset(merger), KVSP_OK);
  merged_free(&m);
  ck_assert_int_eq(
      kvsp_merger_write(merger, stream.data, stream.len, KVSP_FINAL), KVSP_END);
  ck_assert_uint_eq(m.all.len, first.all.len);
  ck_assert(memcmp(m.all.data, first.all.data, m.all.len) == 0);
  kvsp_merger_free(merger);
  merged_free(&first);
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

START_TEST(wrong_calls) {
  struct merged m;
  kvsp_merger_config good = {.struct_size = sizeof good, .output = collect};
  kvsp_merger_config bad = good;
  kvsp_merger *merger = (kvsp_merger *)&m;
  kvsp_merger_stats stats;
  memset(&m, 0, sizeof m);
  ck_assert_int_eq(kvsp_merger_new(NULL, &good), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_new(&merger, NULL), KVSP_ERR_ARG);
  ck_assert_ptr_null(merger);
  bad.output = NULL;
  ck_assert_int_eq(kvsp_merger_new(&merger, &bad), KVSP_ERR_ARG);
  bad = good;
  bad.struct_size--;
  ck_assert_int_eq(kvsp_merger_new(&merger, &bad), KVSP_ERR_ARG);
  bad = good;
  bad.mode = 3;
  ck_assert_int_eq(kvsp_merger_new(&merger, &bad), KVSP_ERR_ARG);
  bad = good;
  bad.flags = 2;
  ck_assert_int_eq(kvsp_merger_new(&merger, &bad), KVSP_ERR_ARG);
  bad = good;
  bad.split_ns = -1;
  ck_assert_int_eq(kvsp_merger_new(&merger, &bad), KVSP_ERR_ARG);
  kvsp_merger_free(NULL);
  ck_assert_int_eq(kvsp_merger_reset(NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_write(NULL, "", 0, 0), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_set_limits(NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_get_stats(NULL, &stats, sizeof stats),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_error(NULL)->status, KVSP_ERR_ARG);
  merger = new_merger(good, &m);
  ck_assert_int_eq(kvsp_merger_get_stats(merger, NULL, 0), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_write(merger, NULL, 3, 0), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_write(merger, NULL, 0, 8), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_merger_write(merger, NULL, 0, KVSP_FINAL), KVSP_END);
  ck_assert_int_eq(kvsp_merger_write(merger, "x", 1, 0), KVSP_END);
  kvsp_merger_free(merger);
}
END_TEST

/* ---- AWS's merger ------------------------------------------------------------------ */

struct aws_counts {
  unsigned long segments, frames;
};

static unsigned long number_behind(const char *text, const char *name) {
  const char *at = strstr(text, name);
  ck_assert_ptr_nonnull(at);
  return strtoul(at + strlen(name), NULL, 10);
}

/* What AWS's merger wrote in that mode, by its log. */
static struct aws_counts counts_of_aws(const char *folder, const char *name,
                                       const char *suffix, const char *mode) {
  struct bytes log = {0};
  struct aws_counts counts;
  char wanted[64];
  char path[128];
  const char *line;
  snprintf(path, sizeof path, "golden/%s", folder);
  snprintf(wanted, sizeof wanted, "\"merge\",\"mode\":\"%s\"", mode);
  corpus_load(&log, path, name, suffix);
  bytes_append(&log, "", 1);
  line = strstr((char *)log.data, wanted);
  ck_assert_ptr_nonnull(line);
  line = strstr(line, "\"out_counts\"");
  ck_assert_ptr_nonnull(line);
  counts.segments = number_behind(line, "\"EBML\":");
  counts.frames = number_behind(line, "\"SimpleBlock\":");
  bytes_free(&log);
  return counts;
}

struct aws_case {
  const char *folder, *name;
  const char *golden; /* NULL: its output is its input                      */
  const char *packed; /* the same, with packed timecodes                    */
};

static const struct aws_case aws_default[] = {
    {"kvs-getmedia", "output_get_media", "default", "default"},
    {"kvs-getmedia", "kinesis_video_renderer_example_output", "default",
     "pack"},
    {"kvs-getmedia", "test_mixed_tags", "default", "default"},
    {"kvs-picgen", "pic_alaw_audio_by_duration", NULL, NULL},
    {"kvs-picgen", "pic_connect_like_two_audio", "default", "pack"},
    {"kvs-picgen", "pic_h264_aac_relative_tags", NULL, "pack"},
    {"kvs-producer-input", "bezos_vogels", "default", "pack"},
    {"kvs-producer-input", "clusters", NULL, "pack"},
    {"kvs-producer-input", "vogels_480", "default", "pack"}};
#define AWS_CASES ((int)(sizeof aws_default / sizeof *aws_default))

/* The frames of what AWS's merger wrote; their times, too, with those kept. */
static void compare_with_aws(const struct merged *m, const struct bytes *aws,
                             bool with_times) {
  struct frames ours, theirs;
  read_frames(&ours, m->all.data, m->all.len);
  read_frames(&theirs, aws->data, aws->len);
  ck_assert(texts_equal((char *)theirs.text.data, (char *)ours.text.data,
                        "AWS's merger"));
  ck_assert_uint_eq(ours.gaps, 0);
  if (with_times)
    for (size_t i = 0; i < ours.count; i++)
      ck_assert_int_eq(ours.times[i], theirs.times[i]);
  frames_free(&ours);
  frames_free(&theirs);
}

static void load_aws(struct bytes *aws, const struct aws_case *c,
                     const char *golden) {
  char suffix[32];
  snprintf(suffix, sizeof suffix, ".merged.%s.mkv", golden ? golden : "");
  if (golden)
    corpus_load(aws, "golden/merged", c->name, suffix);
  else
    corpus_load(aws, c->folder, c->name, ".mkv");
}

START_TEST(as_aws_default) {
  const struct aws_case *c = &aws_default[_i];
  struct bytes stream = {0}, aws = {0}, packed = {0};
  struct merged m;
  corpus_load(&stream, c->folder, c->name, ".mkv");
  load_aws(&aws, c, c->golden);
  load_aws(&packed, c, c->packed);
  merge(&m, keep, &stream, 0);
  compare_with_aws(&m, &aws, true);
  merged_free(&m);
  /* packed: the same frames; the times differ by choice: AWS's shifts every
   * Cluster by the mean distance of frames, also those that follow without a
   * gap */
  merge(&m, pack, &stream, 0);
  compare_with_aws(&m, &packed, false);
  merged_free(&m);
  bytes_free(&stream);
  bytes_free(&aws);
  bytes_free(&packed);
}
END_TEST

struct aws_log {
  const char *folder, *name, *suffix; /* of the log                         */
  const char *folders[2], *names[2];  /* the files, one behind the other    */
};

#define GETMEDIA "kvs-getmedia"
#define ONE(folder, name)                              \
  {                                                    \
    folder, name, ".mkv.java.jsonl", {folder, NULL}, { \
      name, NULL                                       \
    }                                                  \
  }
static const struct aws_log aws_logs[] = {
    ONE(GETMEDIA, "output_get_media"),
    ONE(GETMEDIA, "kinesis_video_renderer_example_output"),
    ONE(GETMEDIA, "test_mixed_tags"),
    ONE(GETMEDIA, "test_tags_empty_cluster"),
    ONE("kvs-picgen", "pic_alaw_audio_by_duration"),
    ONE("kvs-picgen", "pic_connect_like_two_audio"),
    ONE("kvs-picgen", "pic_h264_aac_relative_tags"),
    ONE("kvs-producer-input", "bezos_vogels"),
    ONE("kvs-producer-input", "clusters"),
    ONE("kvs-producer-input", "vogels_480"),
    {"concat",
     "cat_output_get_media+renderer_example",
     ".java.jsonl",
     {GETMEDIA, GETMEDIA},
     {"output_get_media", "kinesis_video_renderer_example_output"}},
    {"concat",
     "x2_output_get_media",
     ".java.jsonl",
     {GETMEDIA, GETMEDIA},
     {"output_get_media", "output_get_media"}},
    {"concat",
     "x2_test_mixed_tags",
     ".java.jsonl",
     {GETMEDIA, GETMEDIA},
     {"test_mixed_tags", "test_mixed_tags"}}};
#define AWS_LOGS ((int)(sizeof aws_logs / sizeof *aws_logs))

/* Where we do otherwise, and why. */
static const struct aws_exception {
  const char *name, *mode;
  struct aws_counts ours;
} aws_exceptions[] = {
    /* Its first document has Tags before Info, which AWS's takes for a change;
     * Tracks and EBML headers are the same. */
    {"test_mixed_tags", "default", {1, 100}},
    {"test_mixed_tags", "pack", {1, 100}},
    {"test_mixed_tags", "stop", {1, 100}},
    {"x2_test_mixed_tags", "default", {2, 200}},
    {"x2_test_mixed_tags", "stop", {1, 100}},
    /* A head without a frame is nothing to play. */
    {"test_tags_empty_cluster", "default", {0, 0}},
    {"test_tags_empty_cluster", "pack", {0, 0}},
    {"test_tags_empty_cluster", "stop", {0, 0}},
    /* Packed, times cannot go back.  AWS's gives up: "Adjusted timecode is not
     * compatible with the existing data size", or begins anew. */
    {"cat_output_get_media+renderer_example", "pack", {2, 744}},
    {"x2_output_get_media", "pack", {1, 600}},
    {"x2_test_mixed_tags", "pack", {1, 200}}};

static struct aws_counts expected_of(const struct aws_log *log,
                                     const char *mode) {
  const size_t count = sizeof aws_exceptions / sizeof *aws_exceptions;
  for (size_t i = 0; i < count; i++)
    if (strcmp(aws_exceptions[i].name, log->name) == 0 &&
        strcmp(aws_exceptions[i].mode, mode) == 0)
      return aws_exceptions[i].ours;
  return counts_of_aws(log->folder, log->name, log->suffix, mode);
}

START_TEST(as_aws_by_its_log) {
  const struct aws_log *log = &aws_logs[_i];
  const kvsp_merger_config stop = {.mode = KVSP_MERGE_KEEP,
                                   .flags = KVSP_MERGE_STOP};
  const struct {
    const char *name;
    kvsp_merger_config config;
  } modes[] = {{"default", keep}, {"pack", pack}, {"stop", stop}};
  struct bytes stream = {0};
  for (int i = 0; i < 2 && log->names[i]; i++)
    corpus_load(&stream, log->folders[i], log->names[i], ".mkv");
  for (size_t i = 0; i < 3; i++) {
    struct aws_counts expected = expected_of(log, modes[i].name);
    struct merged m;
    merge(&m, modes[i].config, &stream, 0);
    ck_assert_msg(m.count == expected.segments, "%s, %s: %u segments, not %lu",
                  log->name, modes[i].name, (unsigned)m.count,
                  expected.segments);
    ck_assert_msg(m.stats.frames == expected.frames, "%s, %s: not %lu frames",
                  log->name, modes[i].name, expected.frames);
    merged_free(&m);
  }
  bytes_free(&stream);
}
END_TEST

/* The same stream twice: times go back, and AWS's stops or begins anew. */
START_TEST(as_aws_twice) {
  const kvsp_merger_config stop = {.mode = KVSP_MERGE_KEEP,
                                   .flags = KVSP_MERGE_STOP};
  struct bytes stream = {0};
  struct merged m;
  corpus_load(&stream, "kvs-getmedia", "output_get_media", ".mkv");
  corpus_load(&stream, "kvs-getmedia", "output_get_media", ".mkv");
  merge(&m, keep, &stream, 0);
  ck_assert_uint_eq(m.count, 2);
  ck_assert_uint_eq(m.stats.frames, 600);
  merged_free(&m);
  merge(&m, stop, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  ck_assert_uint_eq(m.stats.frames, 300);
  ck_assert_uint_eq(m.stats.fragments, 5);
  merged_free(&m);
  merge(&m, rebase, &stream, 0);
  ck_assert_uint_eq(m.count, 1);
  same_frames(&stream, &m, "twice");
  merged_free(&m);
  bytes_free(&stream);
}
END_TEST

static void check_file(const char *folder, const char *name,
                       const struct bytes *b) {
  struct frames before, after;
  struct merged m;
  (void)folder;
  merge(&m, keep, b, 0);
  ck_assert_int_eq(m.status, KVSP_END);
  read_frames(&before, b->data, b->len);
  read_frames(&after, m.all.data, m.all.len);
  ck_assert_msg(after.gaps == 0, "%s", name);
  ck_assert_msg(after.count + m.stats.frames_left == before.count, "%s", name);
  if (m.stats.frames_left == 0) {
    ck_assert(
        texts_equal((char *)before.text.data, (char *)after.text.data, name));
    for (size_t i = 0; i < after.count; i++)
      ck_assert_msg(before.times[i] == after.times[i] ||
                        before.times[i] == KVSP_TIME_NONE,
                    "%s: frame %zu", name, i);
  }
  frames_free(&before);
  frames_free(&after);
  merged_free(&m);
}

START_TEST(real_files) {
  static const char *const folders[] = {
      "kvs-getmedia", "kvs-picgen", "kvs-producer-input", "mkv-valid",
      "webm-valid",   "muxgen",     "ebml-conformance",   "invalid"};
  corpus_each(folders[_i], check_file);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("merge");
  TCase *output = tcase_create("output");
  TCase *times = tcase_create("times");
  TCase *segments = tcase_create("segments");
  TCase *faults = tcase_create("faults");
  TCase *caller = tcase_create("caller");
  TCase *corpus = tcase_create("corpus");
  tcase_add_test(output, one_document);
  tcase_add_test(output, nothing_stray);
  tcase_add_test(output, tracks_as_they_were);
  tcase_add_test(output, every_kind_of_block);
  tcase_add_test(output, frames_leave_at_once);
  tcase_add_test(output, tags_folded);
  tcase_add_test(output, tags_have_a_limit);
  tcase_add_test(times, times_by_mode);
  tcase_add_test(times, times_go_back);
  tcase_add_test(times, clusters_go_back);
  tcase_add_test(times, times_that_overflow);
  tcase_add_test(segments, new_tracks);
  tcase_add_test(segments, no_new_tracks);
  tcase_add_test(segments, other_bytes_for_the_same);
  tcase_add_test(segments, stop_at_a_change);
  tcase_add_test(segments, splitting);
  tcase_add_test(faults, no_tracks);
  tcase_add_test(faults, nothing_at_all);
  tcase_add_test(faults, damaged_streams);
  tcase_add_test(faults, strict_stops);
  tcase_add_test(faults, memory_is_flat);
  tcase_add_test(faults, every_allocation_fails);
  tcase_add_test(faults, limit_of_memory);
  tcase_set_timeout(faults, 120);
  tcase_add_test(caller, callbacks_stop_it);
  tcase_add_test(caller, items_are_told);
  tcase_add_test(caller, used_again);
  tcase_add_test(caller, wrong_calls);
  if (corpus_is_there()) {
    tcase_add_loop_test(corpus, as_aws_default, 0, AWS_CASES);
    tcase_add_loop_test(corpus, as_aws_by_its_log, 0, AWS_LOGS);
    tcase_add_test(corpus, as_aws_twice);
    tcase_add_loop_test(corpus, real_files, 0, 8);
  } else {
    puts("real streams are skipped: KVSPARSE_CORPUS is not set");
  }
  tcase_set_timeout(corpus, 120);
  suite_add_tcase(suite, output);
  suite_add_tcase(suite, times);
  suite_add_tcase(suite, segments);
  suite_add_tcase(suite, faults);
  suite_add_tcase(suite, caller);
  suite_add_tcase(suite, corpus);
  return run_suite(suite);
}
