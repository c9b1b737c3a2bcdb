/*
 * test_finish.c - libkvsparse-matroska: finished files, read back by the
 * strict reader, have the stream's frames, and an index that points at them;
 * and what happens when writing fails, tracks change, or nothing comes.
 */
#include <check.h>
#include <kvsparse/finisher.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/build.h"
#include "support/corpus.h"
#include "support/recorder.h"
#include "support/suite.h"

#define MS INT64_C(1000000)

/* ---- a stream, finished ------------------------------------------------- */

/* What is compared of a frame. */
struct seen {
  uint64_t hash, track, fragment;
  int64_t pts_ns, duration_ns, discard_padding_ns;
  uint32_t flags;
  bool simple; /* may be a SimpleBlock */
  size_t additions;
  uint64_t state_hash;
  int64_t tick_ns;
};

struct frames {
  struct seen *items;
  size_t count, capacity;
};

static void note_frame(struct frames *frames, const kvsp_frame *f) {
  struct seen *seen;
  if (frames->count == frames->capacity) {
    frames->capacity = frames->capacity ? frames->capacity * 2 : 64;
    frames->items =
        realloc(frames->items, frames->capacity * sizeof *frames->items);
    ck_assert_ptr_nonnull(frames->items);
  }
  seen = &frames->items[frames->count++];
  memset(seen, 0, sizeof *seen);
  seen->hash = hash_bytes(f->data.data, f->data.len);
  seen->track = f->track->number;
  seen->fragment = f->fragment->index;
  seen->pts_ns = f->pts_ns;
  seen->duration_ns = f->duration_ns;
  seen->discard_padding_ns = f->discard_padding_ns;
  seen->flags = f->flags;
  seen->tick_ns = (int64_t)f->fragment->timestamp_scale;
  seen->additions = f->addition_count;
  seen->state_hash = hash_bytes(f->codec_state.data, f->codec_state.len);
  seen->simple = (f->duration_ns == KVSP_TIME_NONE ||
                  f->duration_ns == f->track->default_duration_ns) &&
                 f->discard_padding_ns == 0 && f->addition_count == 0 &&
                 !f->codec_state.data;
}

struct file {
  struct bytes bytes;
  size_t fail_after; /* this many writes; 0: none fails                     */
  size_t writes;
  size_t rewritten; /* writes that were not at the end                      */
};

static int write_file(void *user, uint64_t offset, const void *data,
                      size_t len) {
  struct file *file = user;
  uint64_t end = offset + len;
  file->writes++;
  if (file->fail_after && file->writes >= file->fail_after)
    return KVSP_ERR_USER - 7;
  ck_assert_uint_le(offset, file->bytes.len); /* no holes */
  if (offset < file->bytes.len) file->rewritten++;
  if (end > file->bytes.len)
    bytes_append(&file->bytes, data, (size_t)(end - file->bytes.len));
  memcpy(file->bytes.data + offset, data, len);
  return KVSP_OK;
}

#define FILES 16
struct work {
  kvsp_finisher_config config;
  kvsp_finisher *finisher;
  struct file files[FILES];
  size_t file;
  struct frames in, out;
  kvsp_finisher_stats stats[FILES]; /* of each file                         */
  size_t left_out;
  size_t in_at[FILES + 1], out_at[FILES + 1]; /* where a file's frames begin */
};

static int write_work(void *user, uint64_t offset, const void *data,
                      size_t len) {
  struct work *w = user;
  return write_file(&w->files[w->file], offset, data, len);
}

static void work_start(struct work *w, uint32_t mode) {
  memset(w, 0, sizeof *w);
  w->config.struct_size = sizeof w->config;
  w->config.write = write_work;
  w->config.user = w;
  w->config.mode = mode;
}

static void work_clear(struct work *w) {
  kvsp_finisher_free(w->finisher);
  for (size_t i = 0; i < FILES; i++) bytes_free(&w->files[i].bytes);
  free(w->in.items);
  free(w->out.items);
}

static void end_file(struct work *w, int expected) {
  ck_assert_int_eq(kvsp_finisher_finish(w->finisher), expected);
  ck_assert_int_eq(kvsp_finisher_get_stats(w->finisher, &w->stats[w->file],
                                           sizeof *w->stats),
                   KVSP_OK);
  w->left_out += w->stats[w->file].frames_unknown;
  w->left_out += w->stats[w->file].frames_compressed;
}

static bool is_left_out(const kvsp_frame *frame) {
  return frame->track->type == 0 ||
         (frame->flags & (KVSP_FRAME_COMPRESSED | KVSP_FRAME_ENCRYPTED));
}

static int on_input(void *user, const kvsp_item *item) {
  struct work *w = user;
  int rc = kvsp_finisher_item(w->finisher, item);
  if (rc == KVSP_END || rc == KVSP_ERR_LIMIT_MEMORY) {
    end_file(w, KVSP_OK);
    ck_assert_int_eq(kvsp_finisher_reset(w->finisher), KVSP_OK);
    ck_assert_uint_lt(w->file + 1, FILES);
    w->in_at[++w->file] = w->in.count;
    rc = kvsp_finisher_item(w->finisher, item);
  }
  ck_assert_int_eq(rc, KVSP_OK);
  if (item->type == KVSP_ITEM_FRAME && !is_left_out(item->frame))
    note_frame(&w->in, item->frame);
  return KVSP_OK;
}

static int read_bytes(const struct bytes *b, uint32_t flags,
                      kvsp_item_callback callback, void *user) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_reader *reader = NULL;
  int rc;
  config.flags = flags;
  ck_assert_int_eq(kvsp_reader_new(&reader, &config), KVSP_OK);
  rc = kvsp_reader_visit(reader, b->data, b->len, KVSP_FINAL, callback, user);
  kvsp_reader_free(reader);
  return rc;
}

static int on_output(void *user, const kvsp_item *item) {
  ck_assert_uint_ne(item->type, KVSP_ITEM_GAP);
  if (item->type == KVSP_ITEM_FRAME) note_frame(user, item->frame);
  return KVSP_OK;
}

/* Reads each file back: one document, no fault. */
static void read_back(struct work *w) {
  for (size_t i = 0; i <= w->file; i++) {
    w->out_at[i] = w->out.count;
    if (w->files[i].bytes.len == 0) continue;
    ck_assert_int_eq(
        read_bytes(&w->files[i].bytes, KVSP_READ_STRICT, on_output, &w->out),
        KVSP_END);
  }
  w->in_at[w->file + 1] = w->in.count;
  w->out_at[w->file + 1] = w->out.count;
}

static void finish_stream(struct work *w, const struct bytes *b) {
  ck_assert_int_eq(kvsp_finisher_new(&w->finisher, &w->config), KVSP_OK);
  ck_assert_int_eq(
      read_bytes(b, KVSP_READ_DECOMPRESS | KVSP_READ_ENTRIES, on_input, w),
      KVSP_END);
  end_file(w, w->in.count > w->in_at[w->file] ? KVSP_OK : KVSP_END);
  read_back(w);
}

/* ---- the frames are the same -------------------------------------------- */

static bool close_to(int64_t a, int64_t b, int64_t tick) {
  return a - b <= tick && b - a <= tick;
}

static void compare_frame(const struct seen *in, const struct seen *out,
                          const char *what, size_t i) {
  uint32_t flags = KVSP_FRAME_KEY | KVSP_FRAME_INVISIBLE;
  if (in->simple) flags |= KVSP_FRAME_DISCARDABLE;
  ck_assert_msg(in->hash == out->hash, "%s: frame %zu: bytes", what, i);
  ck_assert_msg((in->flags & flags) == (out->flags & flags),
                "%s: frame %zu: flags %x, %x", what, i, in->flags, out->flags);
  ck_assert_msg(in->track == out->track || in->track > 0x3FFE,
                "%s: frame %zu: track", what, i);
  ck_assert_msg(in->discard_padding_ns == out->discard_padding_ns,
                "%s: frame %zu: discard padding", what, i);
  ck_assert_msg(in->additions == out->additions, "%s: frame %zu: additions",
                what, i);
  ck_assert_msg(in->state_hash == out->state_hash, "%s: frame %zu: state", what,
                i);
  ck_assert_msg(close_to(in->duration_ns, out->duration_ns, MS),
                "%s: frame %zu: duration %lld, %lld", what, i,
                (long long)in->duration_ns, (long long)out->duration_ns);
}

/* Inside a fragment all frames are moved by the same time; to a tick where
 * the stream's time is none.  keep: by nothing. */
static void compare_times(const struct work *w, size_t from, size_t to,
                          size_t shift, const char *what) {
  const struct seen *in = w->in.items;
  const struct seen *out = w->out.items;
  int64_t moved = 0;
  for (size_t i = from; i < to; i++) {
    int64_t tick = out[i - shift].tick_ns;
    bool first = i == from || in[i].fragment != in[i - 1].fragment;
    if (in[i].pts_ns == KVSP_TIME_NONE) continue;
    if (in[i].pts_ns % tick == 0) tick = 0;
    if (first) moved = out[i - shift].pts_ns - in[i].pts_ns;
    if (first && w->config.mode == KVSP_FINISH_KEEP) moved = 0;
    ck_assert_msg(close_to(out[i - shift].pts_ns, in[i].pts_ns + moved, tick),
                  "%s: frame %zu: %lld became %lld, not moved by %lld", what, i,
                  (long long)in[i].pts_ns, (long long)out[i - shift].pts_ns,
                  (long long)moved);
  }
}

static void compare_frames(const struct work *w, const char *what) {
  ck_assert_msg(w->in.count == w->out.count, "%s: %zu frames, not %zu", what,
                w->out.count, w->in.count);
  for (size_t f = 0; f <= w->file; f++) {
    size_t shift = w->in_at[f] - w->out_at[f];
    for (size_t i = w->in_at[f]; i < w->in_at[f + 1]; i++)
      compare_frame(&w->in.items[i], &w->out.items[i - shift], what, i);
    compare_times(w, w->in_at[f], w->in_at[f + 1], shift, what);
  }
}

/* ---- the index is right ------------------------------------------------- */

struct element {
  uint64_t id, offset, end, value;
};

struct layout {
  struct element *items;
  size_t count, capacity;
  uint64_t segment_data;
  double duration;
};

static uint64_t unsigned_of(kvsp_view v) {
  uint64_t value = 0;
  for (size_t i = 0; i < v.len && i < 8; i++) value = value << 8 | v.data[i];
  return value;
}

static double float_of(kvsp_view v) {
  uint64_t bits = unsigned_of(v);
  double value = 0;
  ck_assert_uint_eq(v.len, 8);
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void note_element(struct layout *l, const kvsp_event *e) {
  struct element *element;
  if (e->type != KVSP_EVENT_MASTER_BEGIN && e->type != KVSP_EVENT_VALUE &&
      e->type != KVSP_EVENT_BLOB_BEGIN)
    return;
  ck_assert_uint_ne(e->size, KVSP_SIZE_UNKNOWN);
  ck_assert_uint_eq(e->flags, 0);
  ck_assert_ptr_nonnull(e->info);
  if (l->count == l->capacity) {
    l->capacity = l->capacity ? l->capacity * 2 : 64;
    l->items = realloc(l->items, l->capacity * sizeof *l->items);
    ck_assert_ptr_nonnull(l->items);
  }
  element = &l->items[l->count++];
  element->id = e->id;
  element->offset = e->offset;
  element->end = e->offset + e->header_size + e->size;
  element->value = e->type == KVSP_EVENT_VALUE ? unsigned_of(e->data) : 0;
  if (e->id == KVSP_ID_SEGMENT) l->segment_data = e->offset + e->header_size;
  if (e->id == KVSP_ID_DURATION) l->duration = float_of(e->data);
}

static void lay_out(struct layout *l, const struct bytes *b) {
  kvsp_tokenizer *t = NULL;
  const kvsp_event *e;
  int rc;
  memset(l, 0, sizeof *l);
  ck_assert_int_eq(kvsp_tokenizer_new(&t, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_input(t, b->data, b->len, KVSP_FINAL),
                   KVSP_OK);
  for (rc = kvsp_tokenizer_next(t, &e); rc == KVSP_OK;
       rc = kvsp_tokenizer_next(t, &e)) {
    uint64_t id = e->id;
    note_element(l, e);
    /* Binary: their bytes are a number all the same. */
    if (e->type == KVSP_EVENT_BLOB_DATA && id == KVSP_ID_SEEK_ID)
      l->items[l->count - 1].value = unsigned_of(e->data);
  }
  ck_assert_int_eq(rc, KVSP_END);
  kvsp_tokenizer_free(t);
}

static const struct element *element_at(const struct layout *l,
                                        uint64_t offset) {
  for (size_t i = 0; i < l->count; i++)
    if (l->items[i].offset == offset) return &l->items[i];
  return NULL;
}

static size_t count_id(const struct layout *l, uint64_t id) {
  size_t n = 0;
  for (size_t i = 0; i < l->count; i++) n += l->items[i].id == id;
  return n;
}

/* Each Seek points at what it names; nothing that could is left out. */
static void check_seek_head(const struct layout *l) {
  static const uint64_t ids[] = {KVSP_ID_INFO, KVSP_ID_TRACKS, KVSP_ID_CUES,
                                 KVSP_ID_CHAPTERS, KVSP_ID_TAGS};
  size_t seeks = 0, there = 0;
  for (size_t i = 1; i < l->count; i++) {
    const struct element *target;
    if (l->items[i].id != KVSP_ID_SEEK_POSITION) continue;
    target = element_at(l, l->segment_data + l->items[i].value);
    ck_assert_ptr_nonnull(target);
    ck_assert_uint_eq(target->id, l->items[i - 1].value);
    seeks++;
  }
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    ck_assert_uint_le(count_id(l, ids[i]), 1);
    there += count_id(l, ids[i]);
  }
  ck_assert_uint_eq(seeks, there);
}

/* One CuePoint: CueTime, CueTrack, CueClusterPosition, CueRelativePosition. */
static void check_cue(const struct layout *l, const struct bytes *b,
                      const struct element *e) {
  uint64_t time = e[0].value, track = 0, cluster = 0, inside = 0;
  const struct element *block, *group;
  const struct element *timestamp;
  const uint8_t *p;
  for (size_t i = 1; i < 5; i++) {
    if (e[i].id == KVSP_ID_CUE_TRACK) track = e[i].value;
    if (e[i].id == KVSP_ID_CUE_CLUSTER_POSITION) cluster = e[i].value;
    if (e[i].id == KVSP_ID_CUE_RELATIVE_POSITION) inside = e[i].value;
  }
  timestamp = element_at(l, l->segment_data + cluster);
  ck_assert_ptr_nonnull(timestamp);
  ck_assert_uint_eq(timestamp->id, KVSP_ID_CLUSTER);
  timestamp++;
  ck_assert_uint_eq(timestamp->id, KVSP_ID_TIMESTAMP);
  group = element_at(l, timestamp->offset + inside);
  ck_assert_ptr_nonnull(group);
  block = group->id == KVSP_ID_BLOCK_GROUP ? group + 1 : group;
  ck_assert(block->id == KVSP_ID_SIMPLE_BLOCK || block->id == KVSP_ID_BLOCK);
  /* The track number's VINT, 16 bits of time, flags. */
  p = b->data + block->offset + 1;
  p += *p & 0x80 ? 1 : *p & 0x40 ? 2 : *p & 0x20 ? 3 : *p & 0x10 ? 4 : 8;
  ck_assert_uint_eq(*p & 0x80 ? *p & 0x7F : (*p & 0x3F) << 8 | p[1], track);
  p += *p & 0x80 ? 1 : 2;
  ck_assert_int_eq((int64_t)timestamp->value + (int16_t)(p[0] << 8 | p[1]),
                   (int64_t)time);
  if (block->id == KVSP_ID_SIMPLE_BLOCK) ck_assert_uint_ne(p[2] & 0x80, 0);
}

static void check_index(const struct bytes *b, const kvsp_finisher_stats *s) {
  struct layout l;
  size_t cues = 0;
  uint64_t last = 0;
  lay_out(&l, b);
  check_seek_head(&l);
  for (size_t i = 0; i < l.count; i++) {
    if (l.items[i].id != KVSP_ID_CUE_TIME) continue;
    check_cue(&l, b, &l.items[i]);
    ck_assert_uint_ge(l.items[i].value, last);
    last = l.items[i].value;
    cues++;
  }
  ck_assert_uint_eq(cues, s->cues);
  ck_assert_uint_eq(count_id(&l, KVSP_ID_CLUSTER), s->clusters);
  ck_assert_uint_eq(count_id(&l, KVSP_ID_CHAPTER_ATOM), s->chapters);
  ck_assert_uint_eq(b->len, s->bytes);
  ck_assert_uint_eq(l.items[l.count - 1].end <= b->len, 1);
  free(l.items);
}

static void check_all(const struct work *w, const char *what) {
  compare_frames(w, what);
  for (size_t i = 0; i <= w->file; i++)
    if (w->files[i].bytes.len > 0)
      check_index(&w->files[i].bytes, &w->stats[i]);
}

/* ---- made streams ------------------------------------------------------- */

START_TEST(fragments_become_one_file) {
  struct work w;
  struct bytes b = {0};
  build_fragments(&b, 1, 5);
  work_start(&w, (uint32_t)_i);
  finish_stream(&w, &b);
  check_all(&w, "fragments");
  ck_assert_uint_eq(w.file, 0);
  ck_assert_uint_eq(w.stats[0].frames, 20);
  ck_assert_uint_eq(w.stats[0].chapters, 5);
  ck_assert_uint_eq(w.stats[0].clusters, 5);
  ck_assert_uint_ge(w.stats[0].memory, 24 * w.stats[0].cues);
  ck_assert_int_eq(w.out.items[0].pts_ns,
                   _i == KVSP_FINISH_KEEP ? w.in.items[0].pts_ns : 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(everything_is_written) {
  struct work w;
  struct bytes b = {0};
  build_everything(&b);
  work_start(&w, (uint32_t)_i);
  finish_stream(&w, &b);
  check_all(&w, "everything");
  ck_assert_uint_gt(w.file, 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(encodings_are_undone) {
  struct work w;
  struct bytes b = {0};
  if (!(kvsp_features() & KVSP_FEATURE_ZLIB)) return;
  build_encoded(&b, 30);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "encoded");
  ck_assert_uint_eq(w.left_out, 0);
  ck_assert_uint_gt(w.out.count, 4);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* What cannot be undone is counted, and no part of the file. */
START_TEST(compressed_frames_are_left_out) {
  struct work w;
  struct bytes b = {0};
  build_encoded(&b, 30);
  work_start(&w, KVSP_FINISH_REBASE);
  ck_assert_int_eq(kvsp_finisher_new(&w.finisher, &w.config), KVSP_OK);
  ck_assert_int_eq(read_bytes(&b, 0, on_input, &w), KVSP_END);
  end_file(&w, w.in.count ? KVSP_OK : KVSP_END);
  ck_assert_uint_gt(w.stats[0].frames_compressed, 0);
  ck_assert_uint_eq(w.stats[0].frames, w.in.count);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* ---- times -------------------------------------------------------------- */

static int64_t pts_after(const struct work *w, size_t frame) {
  return w->out.items[frame].pts_ns;
}

/* Fragments of 4 frames, 40 ms each; number N begins at N seconds. */
static void finish_numbers(struct work *w, uint32_t mode,
                           const unsigned *numbers, size_t count) {
  struct bytes b = {0};
  for (size_t i = 0; i < count; i++) build_fragments(&b, numbers[i], 1);
  work_start(w, mode);
  finish_stream(w, &b);
  check_all(w, "numbers");
  bytes_free(&b);
}

START_TEST(gaps_stay_or_are_packed) {
  static const unsigned numbers[] = {1, 2, 9};
  struct work w;
  int64_t first;
  finish_numbers(&w, KVSP_FINISH_REBASE, numbers, 3);
  ck_assert_int_eq(pts_after(&w, 0), 0);
  ck_assert_int_eq(pts_after(&w, 8), 8000 * MS);
  work_clear(&w);
  finish_numbers(&w, KVSP_FINISH_PACK, numbers, 3);
  first = pts_after(&w, 4);
  ck_assert_int_gt(first, pts_after(&w, 3));
  ck_assert_int_le(first, pts_after(&w, 3) + 100 * MS);
  ck_assert_int_eq(pts_after(&w, 8), 2 * first);
  work_clear(&w);
  finish_numbers(&w, KVSP_FINISH_KEEP, numbers, 3);
  ck_assert_int_eq(pts_after(&w, 0), 1000 * MS);
  ck_assert_int_eq(pts_after(&w, 8), 9000 * MS);
  work_clear(&w);
}
END_TEST

static void put_session(struct bytes *b, const char *producer_time,
                        uint64_t start) {
  static const struct mux_track track = {1,   1,   "V_TEST", NULL,    0,
                                         320, 240, NULL,     40000000};
  mux_document(b);
  mux_info(b, 1000000);
  mux_tracks(b, &track, 1);
  mux_head_tags(b, "1", producer_time, producer_time);
  mux_cluster(b, start);
  build_frame(b, 1, 0, 0x80, 20, 1);
  build_frame(b, 1, 40, 0, 20, 2);
}

/* The producer's clock says how long it was away. */
/* Without gaps but those of rounding, packing changes nothing: not by a tick,
 * however long the stream is. */
START_TEST(packing_does_not_drift) {
  const struct mux_track track = {1,   1,   "V_TEST", NULL,    0,
                                  320, 240, NULL,     33366667};
  struct bytes b = {0};
  struct work w;
  for (int64_t i = 0; i < 60; i++) {
    int64_t start = i * 5 * 33366667 / MS;
    mux_document(&b);
    mux_info(&b, 1000000);
    mux_tracks(&b, &track, 1);
    mux_cluster(&b, (uint64_t)start);
    for (int64_t k = 0; k < 5; k++)
      build_frame(&b, 1, (int16_t)((i * 5 + k) * 33366667 / MS - start),
                  k ? 0 : 0x80, 20, (unsigned)i);
  }
  work_start(&w, KVSP_FINISH_PACK);
  finish_stream(&w, &b);
  for (size_t i = 0; i < w.out.count; i++)
    ck_assert_msg(w.out.items[i].pts_ns == w.in.items[i].pts_ns, "frame %zu",
                  i);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(a_restart_goes_on) {
  struct bytes b = {0};
  struct work w;
  put_session(&b, "100.000", 5000);
  put_session(&b, "110.000", 0);
  put_session(&b, "105.000", 0); /* its clock was set back */
  put_session(&b, "105.500", UINT64_C(1500000000000)); /* leaps ahead */
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "restart");
  ck_assert_int_eq(pts_after(&w, 0), 0);
  ck_assert_int_eq(pts_after(&w, 2), 10000 * MS);
  ck_assert_int_eq(pts_after(&w, 4), 10080 * MS);
  ck_assert_int_eq(pts_after(&w, 6), 10580 * MS);
  ck_assert_int_eq(w.stats[0].duration_ns, 10660 * MS);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(the_duration_is_true) {
  struct bytes b = {0};
  struct work w;
  struct layout l;
  put_session(&b, "100.000", 5000);
  work_start(&w, (uint32_t)_i);
  finish_stream(&w, &b);
  lay_out(&l, &w.files[0].bytes);
  ck_assert(l.duration == 80.0);
  free(l.items);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* A GOP may be longer than a Block's 16 bits of milliseconds. */
START_TEST(long_clusters_are_cut) {
  static const struct mux_track track = {1,   1,   "V_TEST", NULL, 0,
                                         320, 240, NULL,     0};
  struct bytes b = {0};
  struct work w;
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_tracks(&b, &track, 1);
  for (unsigned i = 0; i < 50; i++) {
    mux_cluster(&b, i * 2000);
    build_frame(&b, 1, 0, i == 0 ? 0x80 : 0, 20, i);
  }
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "long");
  ck_assert_uint_eq(w.stats[0].cues, 1);
  ck_assert_uint_ge(w.stats[0].clusters, 3);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* ---- tracks ------------------------------------------------------------- */

START_TEST(audio_alone_has_cues) {
  static const struct mux_track track = {
      1, 2, "A_PCM/INT/LIT", NULL, 0, 0, 0, NULL, 0};
  struct bytes b = {0};
  struct work w;
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_tracks(&b, &track, 1);
  mux_cluster(&b, 0);
  for (unsigned i = 0; i < 200; i++)
    build_frame(&b, 1, (int16_t)(i * 50), 0x80, 20, i);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "audio");
  ck_assert_uint_eq(w.stats[0].cues, 10);
  ck_assert_uint_eq(w.stats[0].clusters, 2); /* of five seconds */
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* One frame with all that only a BlockGroup can hold. */
static void put_full_group(struct bytes *b, int16_t timecode, bool key) {
  struct bytes block = {0};
  size_t group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  size_t additions, more;
  build_block(&block, 1, timecode, 0x08, "frame", 5);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  additions = mux_begin(b, KVSP_ID_BLOCK_ADDITIONS);
  more = mux_begin(b, KVSP_ID_BLOCK_MORE);
  mux_binary(b, KVSP_ID_BLOCK_ADDITIONAL, "alpha", 5);
  mux_uint(b, KVSP_ID_BLOCK_ADD_ID, 4);
  mux_end(b, more);
  mux_end(b, additions);
  mux_uint(b, KVSP_ID_BLOCK_DURATION, 25);
  if (!key) mux_binary(b, KVSP_ID_REFERENCE_BLOCK, "\xD8", 1);
  mux_binary(b, KVSP_ID_CODEC_STATE, "state", 5);
  mux_binary(b, KVSP_ID_DISCARD_PADDING, "\x0F\x42\x40", 3);
  mux_end(b, group);
  bytes_free(&block);
}

START_TEST(groups_keep_all) {
  static const struct mux_track track = {1,   1,   "V_VP8", NULL, 0,
                                         320, 240, NULL,    0};
  struct bytes b = {0};
  struct work w;
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_tracks(&b, &track, 1);
  mux_cluster(&b, 0);
  put_full_group(&b, 0, true);
  put_full_group(&b, 40, false);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "group");
  ck_assert_uint_eq(w.out.count, 2);
  ck_assert_int_eq(w.out.items[0].discard_padding_ns, 1000000);
  ck_assert_int_eq(w.out.items[0].duration_ns, 25 * MS);
  ck_assert_uint_eq(w.out.items[1].additions, 1);
  ck_assert_uint_eq(w.out.items[1].state_hash, hash_bytes("state", 5));
  ck_assert_uint_eq(w.out.items[0].flags,
                    KVSP_FRAME_KEY | KVSP_FRAME_INVISIBLE);
  ck_assert_uint_eq(w.out.items[1].flags, KVSP_FRAME_INVISIBLE);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

struct told {
  char codec_id[32];
  uint32_t channels, bit_depth;
  double rate;
  size_t codec_private_len;
  uint32_t width;
  char name[32], language[16];
  int64_t default_duration_ns;
  uint64_t uid;
};

static void copy_text(char *to, size_t size, kvsp_view v) {
  snprintf(to, size, "%.*s", (int)v.len, (const char *)v.data);
}

static int on_first_track(void *user, const kvsp_item *item) {
  struct told *told = user;
  const kvsp_track *t;
  if (item->type != KVSP_ITEM_FRAGMENT) return KVSP_OK;
  t = item->fragment->tracks[0];
  copy_text(told->codec_id, sizeof told->codec_id, t->codec_id);
  copy_text(told->name, sizeof told->name, t->name);
  copy_text(told->language, sizeof told->language, t->language);
  told->channels = t->channels;
  told->bit_depth = t->bit_depth;
  told->rate = t->sample_rate;
  told->codec_private_len = t->codec_private.len;
  told->width = t->width;
  told->default_duration_ns = t->default_duration_ns;
  told->uid = t->uid;
  return KVSP_OK;
}

/* Amazon Connect: the CodecID lies, and the tag comes behind the Cluster. */
START_TEST(audio_is_what_the_tag_says) {
  static const struct mux_track track = {
      1, 2, "A_AAC", "\x11\x90", 2, 0, 0, "AUDIO_FROM_CUSTOMER", 0};
  static const struct mux_tag tag = {"MimeType",
                                     "audio/L16;rate=8000;channels=1"};
  struct bytes b = {0};
  struct work w;
  struct told told = {{0}, 0, 0, 0, 0, 0, {0}, {0}, 0, 0};
  for (uint64_t i = 0; i < 3; i++) {
    mux_document(&b);
    mux_info(&b, 1000000);
    mux_tracks(&b, &track, 1);
    mux_cluster(&b, i * 64);
    build_frame(&b, 1, 0, 0x80, 1024, (unsigned)i);
    mux_tags(&b, &tag, 1);
  }
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "connect");
  ck_assert_uint_eq(w.file, 0);
  ck_assert_int_eq(
      read_bytes(&w.files[0].bytes, KVSP_READ_STRICT, on_first_track, &told),
      KVSP_END);
  ck_assert_str_eq(told.codec_id, "A_PCM/INT/LIT");
  ck_assert_uint_eq(told.channels, 1);
  ck_assert_uint_eq(told.bit_depth, 16);
  ck_assert(told.rate == 8000.0);
  ck_assert_uint_eq(told.codec_private_len, 0);
  ck_assert_str_eq(told.name, "AUDIO_FROM_CUSTOMER");
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(tracks_tell_the_same) {
  static const struct mux_track track = {
      300, 1, "V_MPEG4/ISO/AVC", "\1\2\3", 3, 640, 360, "gate", 33333333};
  struct bytes b = {0};
  struct work w;
  struct told in = {{0}, 0, 0, 0, 0, 0, {0}, {0}, 0, 0};
  struct told out = in;
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_tracks(&b, &track, 1);
  mux_cluster(&b, 0);
  build_frame(&b, 300, 0, 0x80, 20, 1);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "track");
  ck_assert_int_eq(read_bytes(&b, 0, on_first_track, &in), KVSP_END);
  ck_assert_int_eq(read_bytes(&w.files[0].bytes, 0, on_first_track, &out),
                   KVSP_END);
  ck_assert_str_eq(in.codec_id, out.codec_id);
  ck_assert_str_eq(in.name, out.name);
  ck_assert_str_eq(in.language, out.language);
  ck_assert_uint_eq(in.codec_private_len, out.codec_private_len);
  ck_assert_uint_eq(in.width, out.width);
  ck_assert_int_eq(in.default_duration_ns, out.default_duration_ns);
  ck_assert(in.uid == out.uid || in.uid == 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

static bool contains(const struct bytes *b, const struct bytes *what) {
  for (size_t i = 0; i + what->len <= b->len; i++)
    if (memcmp(b->data + i, what->data, what->len) == 0) return true;
  return false;
}

/* Video whose colours, shape and role are told. */
static void put_said_video(struct bytes *b) {
  size_t colour, mastering;
  mux_uint(b, KVSP_ID_PIXEL_WIDTH, 640);
  mux_uint(b, KVSP_ID_PIXEL_HEIGHT, 360);
  mux_uint(b, KVSP_ID_PIXEL_CROP_TOP, 8);
  mux_uint(b, KVSP_ID_DISPLAY_WIDTH, 16);
  mux_uint(b, KVSP_ID_DISPLAY_HEIGHT, 9);
  mux_uint(b, KVSP_ID_DISPLAY_UNIT, 3);
  colour = mux_begin(b, KVSP_ID_COLOUR);
  mux_uint(b, KVSP_ID_MATRIX_COEFFICIENTS, 9);
  mux_uint(b, KVSP_ID_RANGE, 2);
  mux_uint(b, KVSP_ID_TRANSFER_CHARACTERISTICS, 16);
  mux_uint(b, KVSP_ID_PRIMARIES, 9);
  mastering = mux_begin(b, KVSP_ID_MASTERING_METADATA);
  mux_float(b, KVSP_ID_LUMINANCE_MAX, 1000);
  mux_end(b, mastering);
  mux_end(b, colour);
}

static void put_said_rest(struct bytes *b) {
  mux_uint(b, KVSP_ID_FLAG_DEFAULT, 0);
  mux_uint(b, KVSP_ID_FLAG_FORCED, 1);
  mux_uint(b, KVSP_ID_CODEC_DELAY, 6500000);
  mux_uint(b, KVSP_ID_SEEK_PRE_ROLL, 80000000);
  mux_binary(b, KVSP_ID_CODEC_NAME, NULL, 0);
}

/* What is not true any more: its frames are not compressed, its times not
 * scaled, and there is nothing attached. */
static void put_not_kept(struct bytes *b) {
  size_t all = mux_begin(b, KVSP_ID_CONTENT_ENCODINGS);
  size_t one = mux_begin(b, KVSP_ID_CONTENT_ENCODING);
  size_t how = mux_begin(b, KVSP_ID_CONTENT_COMPRESSION);
  mux_uint(b, KVSP_ID_CONTENT_COMP_ALGO, 3);
  mux_binary(b, KVSP_ID_CONTENT_COMP_SETTINGS, "\xAA", 1);
  mux_end(b, how);
  mux_end(b, one);
  mux_end(b, all);
  mux_float(b, KVSP_ID_TRACK_TIMESTAMP_SCALE, 2.0);
  mux_uint(b, KVSP_ID_ATTACHMENT_LINK, 77);
}

static void put_master(struct bytes *b, uint64_t id,
                       void (*put)(struct bytes *)) {
  size_t begin = mux_begin(b, id);
  put(b);
  mux_end(b, begin);
}

static void put_said_entry(struct bytes *b) {
  mux_uint(b, KVSP_ID_TRACK_NUMBER, 1);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  mux_string(b, KVSP_ID_CODEC_ID, "V_TEST");
  put_not_kept(b);
  put_said_rest(b);
  put_master(b, KVSP_ID_VIDEO, put_said_video);
}

static void put_said_tracks(struct bytes *b) {
  put_master(b, KVSP_ID_TRACK_ENTRY, put_said_entry);
}

START_TEST(tracks_say_all_they_said) {
  static const uint64_t once[] = {KVSP_ID_TRACK_NUMBER, KVSP_ID_TRACK_TYPE,
                                  KVSP_ID_CODEC_ID,     KVSP_ID_VIDEO,
                                  KVSP_ID_COLOUR,       KVSP_ID_PIXEL_WIDTH};
  static const uint64_t never[] = {KVSP_ID_CONTENT_ENCODINGS,
                                   KVSP_ID_TRACK_TIMESTAMP_SCALE,
                                   KVSP_ID_ATTACHMENT_LINK};
  struct bytes b = {0}, video = {0}, rest = {0};
  struct layout l;
  struct work w;
  put_said_video(&video);
  put_said_rest(&rest);
  mux_document(&b);
  mux_info(&b, 1000000);
  put_master(&b, KVSP_ID_TRACKS, put_said_tracks);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 20, 1);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "entry");
  ck_assert(contains(&w.files[0].bytes, &video));
  ck_assert(contains(&w.files[0].bytes, &rest));
  lay_out(&l, &w.files[0].bytes);
  for (size_t i = 0; i < sizeof once / sizeof *once; i++)
    ck_assert_msg(count_id(&l, once[i]) == 1, "%zu", i);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    ck_assert_msg(count_id(&l, never[i]) == 0, "%zu", i);
  free(l.items);
  work_clear(&w);
  bytes_free(&b);
  bytes_free(&video);
  bytes_free(&rest);
}
END_TEST

/* A caller may make items himself: of what is no element, and what libebml
 * cannot write, nothing gets into the file. */
START_TEST(entries_that_are_none) {
  static const struct {
    const char *bytes;
    size_t len, kept; /* so many of them                                    */
  } entries[] = {{"", 0, 0},
                 {"\x08\x11\x22\x33\x44\x81x", 7, 0}, /* an ID of 5 bytes  */
                 {"\x55\xAA\x81\x01\x55\xAA\x82\x01", 8, 4}, /* cut off    */
                 {"\x55\xAA\x81\x01\x00\x00", 6, 4},
                 {"\x55\xAA\xFF", 3, 0},  /* of unknown size               */
                 {"\xE0\x80", 2, 0},      /* no picture size               */
                 {"\xD7\x81\x09", 3, 0}}; /* which is the table's          */
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    const struct bytes kept = {(uint8_t *)(uintptr_t)entries[i].bytes,
                               entries[i].kept, entries[i].kept};
    kvsp_track track;
    const kvsp_track *tracks = &track;
    kvsp_fragment fragment;
    kvsp_frame frame;
    kvsp_item item;
    struct work w;
    memset(&track, 0, sizeof track);
    memset(&fragment, 0, sizeof fragment);
    memset(&frame, 0, sizeof frame);
    memset(&item, 0, sizeof item);
    track.number = 1;
    track.type = KVSP_TRACK_VIDEO;
    track.entry.data = (const uint8_t *)entries[i].bytes;
    track.entry.len = entries[i].len;
    fragment.tracks = &tracks;
    fragment.track_count = 1;
    frame.track = &track;
    frame.fragment = &fragment;
    frame.data = track.entry;
    frame.data.len = frame.size = 0;
    item.fragment = &fragment;
    item.frame = &frame;
    work_start(&w, KVSP_FINISH_REBASE);
    ck_assert_int_eq(kvsp_finisher_new(&w.finisher, &w.config), KVSP_OK);
    item.type = KVSP_ITEM_FRAGMENT;
    ck_assert_int_eq(kvsp_finisher_item(w.finisher, &item), KVSP_OK);
    item.type = KVSP_ITEM_FRAME;
    ck_assert_int_eq(kvsp_finisher_item(w.finisher, &item), KVSP_OK);
    end_file(&w, KVSP_OK);
    read_back(&w);
    ck_assert_msg(w.out.count == 1, "entry %zu", i);
    ck_assert_msg(contains(&w.files[0].bytes, &kept), "entry %zu", i);
    work_clear(&w);
  }
}
END_TEST

static void put_lying_audio(struct bytes *b) {
  mux_float(b, KVSP_ID_SAMPLING_FREQUENCY, 44100);
  mux_float(b, KVSP_ID_OUTPUT_SAMPLING_FREQUENCY, 88200);
  mux_uint(b, KVSP_ID_CHANNELS, 2);
}

static void put_lying_entry(struct bytes *b) {
  mux_uint(b, KVSP_ID_TRACK_NUMBER, 1);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_AUDIO);
  mux_string(b, KVSP_ID_CODEC_ID, "A_AAC");
  put_master(b, KVSP_ID_AUDIO, put_lying_audio);
}

static void put_lying_tracks(struct bytes *b) {
  put_master(b, KVSP_ID_TRACK_ENTRY, put_lying_entry);
}

/* Where a tag tells that the TrackEntry lies, its Audio does, too. */
START_TEST(lies_are_not_kept) {
  static const struct mux_tag tag = {"MimeType",
                                     "audio/L16;rate=8000;channels=1"};
  struct bytes b = {0};
  struct layout l;
  struct work w;
  struct told told = {{0}, 0, 0, 0, 0, 0, {0}, {0}, 0, 0};
  mux_document(&b);
  mux_info(&b, 1000000);
  put_master(&b, KVSP_ID_TRACKS, put_lying_tracks);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 1024, 1);
  mux_tags(&b, &tag, 1);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  ck_assert_int_eq(
      read_bytes(&w.files[0].bytes, KVSP_READ_STRICT, on_first_track, &told),
      KVSP_END);
  ck_assert(told.rate == 8000.0);
  ck_assert_uint_eq(told.channels, 1);
  lay_out(&l, &w.files[0].bytes);
  ck_assert_uint_eq(count_id(&l, KVSP_ID_AUDIO), 1);
  ck_assert_uint_eq(count_id(&l, KVSP_ID_OUTPUT_SAMPLING_FREQUENCY), 0);
  free(l.items);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

static void put_sized(struct bytes *b, uint64_t start, uint64_t width) {
  const struct mux_track track = {1,     1,   "V_TEST", NULL,    0,
                                  width, 240, NULL,     40000000};
  mux_document(b);
  mux_info(b, 1000000);
  mux_tracks(b, &track, 1);
  mux_cluster(b, start);
  build_frame(b, 1, 0, 0x80, 20, (unsigned)start);
}

START_TEST(other_tracks_want_another_file) {
  struct bytes b = {0};
  struct work w;
  put_sized(&b, 1000, 320);
  put_sized(&b, 1040, 320);
  put_sized(&b, 1080, 640);
  put_sized(&b, 1120, 640);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "sized");
  ck_assert_uint_eq(w.file, 1);
  ck_assert_uint_eq(w.in_at[1], 2);
  ck_assert_int_eq(pts_after(&w, 2), 0); /* starts anew */
  ck_assert_uint_eq(w.stats[1].frames, 2);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* ---- chapters and tags -------------------------------------------------- */

struct tag_count {
  const char *name;
  size_t with_chapter;
};

static int on_tags(void *user, const kvsp_item *item) {
  struct tag_count *count = user;
  for (size_t i = 0; i < item->tag_count; i++) {
    const kvsp_tag *tag = item->tags[i];
    const kvsp_targets *targets = tag->targets;
    if (tag->name.len != strlen(count->name) ||
        memcmp(tag->name.data, count->name, tag->name.len) != 0)
      continue;
    ck_assert_ptr_nonnull(targets);
    ck_assert_uint_eq(targets->type_value, 30);
    for (size_t t = 0; t < targets->target_count; t++)
      if (targets->targets[t].element_id == KVSP_ID_TAG_CHAPTER_UID)
        count->with_chapter++;
  }
  return KVSP_OK;
}

START_TEST(tags_have_their_chapter) {
  static const char *const names[] = {"AWS_KINESISVIDEO_FRAGMENT_NUMBER",
                                      "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP",
                                      "AWS_KINESISVIDEO_CONTINUATION_TOKEN"};
  struct bytes b = {0};
  struct work w;
  build_fragments(&b, 1, 3);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  for (size_t i = 0; i < 3; i++) {
    struct tag_count count = {names[i], 0};
    ck_assert_int_eq(read_bytes(&w.files[0].bytes, 0, on_tags, &count),
                     KVSP_END);
    ck_assert_uint_eq(count.with_chapter, 3);
  }
  work_clear(&w);
  work_start(&w, KVSP_FINISH_REBASE);
  w.config.flags = KVSP_FINISH_NO_CHAPTERS;
  finish_stream(&w, &b);
  check_all(&w, "no chapters");
  ck_assert_uint_eq(w.stats[0].chapters, 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* ---- limits and errors -------------------------------------------------- */

START_TEST(memory_has_a_limit) {
  struct bytes b = {0};
  struct work w;
  build_fragments(&b, 1, 12);
  work_start(&w, KVSP_FINISH_REBASE);
  w.config.max_memory = 2000;
  finish_stream(&w, &b);
  check_all(&w, "memory");
  ck_assert_uint_gt(w.file, 1);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* Counts, and keeps nothing. */
static int write_nothing(void *user, uint64_t offset, const void *data,
                         size_t len) {
  (void)user;
  (void)offset;
  (void)data;
  (void)len;
  return KVSP_OK;
}

/* Only key frames cost memory. */
START_TEST(frames_are_not_kept) {
  kvsp_finisher_config config = {.struct_size = sizeof config,
                                 .write = write_nothing};
  kvsp_finisher *f = NULL;
  kvsp_finisher_stats stats;
  uint8_t data[100] = {0};
  kvsp_track track = {.number = 1, .type = KVSP_TRACK_VIDEO};
  const kvsp_track *tracks[] = {&track};
  kvsp_fragment fragment = {.timestamp_scale = 1000000, .tracks = tracks};
  kvsp_frame frame = {.track = &track, .fragment = &fragment};
  kvsp_item item = {.type = KVSP_ITEM_FRAME};
  fragment.track_count = 1;
  track.default_duration_ns = KVSP_TIME_NONE;
  frame.data.data = data;
  frame.data.len = frame.size = sizeof data;
  frame.duration_ns = KVSP_TIME_NONE;
  item.fragment = &fragment;
  item.frame = &frame;
  config.flags = KVSP_FINISH_NO_CHAPTERS;
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_OK);
  for (int64_t i = 0; i < 20000; i++) {
    frame.pts_ns = i * 40 * MS;
    frame.flags = i % 100 == 0 ? KVSP_FRAME_KEY : 0;
    ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_OK);
  }
  ck_assert_int_eq(kvsp_finisher_get_stats(f, &stats, sizeof stats), KVSP_OK);
  ck_assert_uint_eq(stats.cues, 200);
  ck_assert_uint_eq(stats.memory, 200 * 24);
  ck_assert_int_eq(kvsp_finisher_finish(f), KVSP_OK);
  kvsp_finisher_free(f);
}
END_TEST

struct failing {
  kvsp_finisher *finisher;
  int code; /* the first that was no success */
};

static int on_failing(void *user, const kvsp_item *item) {
  struct failing *failing = user;
  int rc = kvsp_finisher_item(failing->finisher, item);
  if (failing->code != KVSP_OK) ck_assert_int_eq(rc, failing->code);
  failing->code = rc;
  return KVSP_OK;
}

/* Whichever write fails, its code comes back, again and again. */
START_TEST(writing_may_fail) {
  kvsp_finisher_config config = {.struct_size = sizeof config};
  struct bytes b = {0};
  bool failed = true;
  size_t at = 0;
  build_fragments(&b, 1, 2);
  const struct build_fragment large = {
      .number = 3, .frames = 6, .frame_size = 30000};
  build_fragment(&b, &large);
  while (failed) {
    struct file file = {.fail_after = ++at};
    struct failing failing = {NULL, KVSP_OK};
    int rc;
    config.write = write_file;
    config.user = &file;
    ck_assert_int_eq(kvsp_finisher_new(&failing.finisher, &config), KVSP_OK);
    ck_assert_int_eq(read_bytes(&b, 0, on_failing, &failing), KVSP_END);
    rc = kvsp_finisher_finish(failing.finisher);
    failed = file.writes >= at;
    ck_assert_int_eq(rc, failed ? KVSP_ERR_USER - 7 : KVSP_OK);
    if (failed) ck_assert_int_eq(kvsp_finisher_finish(failing.finisher), rc);
    kvsp_finisher_free(failing.finisher);
    bytes_free(&file.bytes);
  }
  ck_assert_uint_gt(at, 5);
  bytes_free(&b);
}
END_TEST

START_TEST(nothing_is_no_file) {
  struct work w;
  struct bytes b = {0};
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  ck_assert_uint_eq(w.files[0].writes, 0);
  work_clear(&w);
  mux_document(&b);
  mux_head_tags(&b, "1", "1.000", "1.000");
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  ck_assert_uint_eq(w.files[0].writes, 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

/* Its tracks are not those of the file that the next one begins. */
START_TEST(a_fragment_without_frames_comes_first) {
  static const struct mux_track other = {1, 2, "A_TEST", NULL, 0,
                                         0, 0, NULL,     0};
  struct bytes b = {0};
  struct work w;
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_tracks(&b, &other, 1);
  put_session(&b, "100.000", 5000);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  check_all(&w, "nothing first");
  ck_assert_uint_eq(w.file, 0);
  ck_assert_uint_eq(w.stats[0].frames, 2);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

START_TEST(frames_without_tracks_are_left_out) {
  struct work w;
  struct bytes b = {0};
  mux_document(&b);
  mux_info(&b, 1000000);
  mux_cluster(&b, 0);
  build_frame(&b, 1, 0, 0x80, 20, 1);
  work_start(&w, KVSP_FINISH_REBASE);
  finish_stream(&w, &b);
  ck_assert_uint_eq(w.left_out, 1);
  ck_assert_uint_eq(w.files[0].writes, 0);
  work_clear(&w);
  bytes_free(&b);
}
END_TEST

static int call_again(void *user, uint64_t offset, const void *data,
                      size_t len) {
  kvsp_finisher **f = user;
  (void)offset;
  (void)data;
  (void)len;
  ck_assert_int_eq(kvsp_finisher_finish(*f), KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_finisher_reset(*f), KVSP_ERR_REENTRANT);
  kvsp_finisher_free(*f);
  return KVSP_OK;
}

START_TEST(misuse_is_refused) {
  kvsp_finisher_config config = {.struct_size = sizeof config};
  kvsp_finisher *f = NULL;
  kvsp_finisher_stats stats;
  kvsp_item item = {.type = KVSP_ITEM_FRAME};
  struct bytes b = {0};
  struct failing failing = {NULL, KVSP_OK};
  ck_assert_int_eq(kvsp_finisher_new(NULL, &config), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_new(&f, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_ERR_ARG);
  config.write = call_again;
  config.user = &f;
  config.struct_size = 8;
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_ERR_ARG);
  config.struct_size = sizeof config;
  config.mode = 3;
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_ERR_ARG);
  ck_assert_ptr_null(f);
  config.mode = 0;
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_item(f, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_item(NULL, &item), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_get_stats(f, NULL, 8), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_get_stats(NULL, &stats, 8), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_finish(NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_finisher_reset(NULL), KVSP_ERR_ARG);
  build_fragments(&b, 1, 1);
  failing.finisher = f;
  ck_assert_int_eq(read_bytes(&b, 0, on_failing, &failing), KVSP_END);
  ck_assert_int_eq(failing.code, KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_finish(f), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_finish(f), KVSP_ERR_STATE);
  item.type = KVSP_ITEM_GAP;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_finisher_reset(f), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_OK);
  kvsp_finisher_free(f);
  kvsp_finisher_free(NULL);
  ck_assert_ptr_nonnull(strstr(kvsp_finisher_version(), "libmatroska 1."));
  bytes_free(&b);
}
END_TEST

START_TEST(wrong_configs_are_refused) {
  for (size_t size = 0; size < 2 * sizeof(kvsp_finisher_config); size++) {
    kvsp_finisher_config config = {.struct_size = size, .write = call_again};
    kvsp_finisher *f = NULL;
    ck_assert_int_eq(kvsp_finisher_new(&f, &config),
                     size == sizeof config ? KVSP_OK : KVSP_ERR_ARG);
    ck_assert_int_eq(f != NULL, size == sizeof config);
    kvsp_finisher_free(f);
  }
  for (unsigned bit = 0; bit < 32; bit++) {
    const uint32_t flag = UINT32_C(1) << bit;
    kvsp_finisher_config config = {
        .struct_size = sizeof config, .write = call_again, .flags = flag};
    kvsp_finisher *f = NULL;
    ck_assert_int_eq(kvsp_finisher_new(&f, &config),
                     bit < 1 ? KVSP_OK : KVSP_ERR_ARG);
    kvsp_finisher_free(f);
    config.flags = 0;
    config.mode = flag;
    ck_assert_int_eq(kvsp_finisher_new(&f, &config),
                     bit < 2 ? KVSP_OK : KVSP_ERR_ARG);
    kvsp_finisher_free(f);
  }
}
END_TEST

/* Without what belongs to each. */
START_TEST(half_items_are_refused) {
  kvsp_finisher_config config = {.struct_size = sizeof config,
                                 .write = write_nothing};
  const kvsp_fragment fragment = {.timestamp_scale = 1000000};
  const kvsp_track track = {.number = 1};
  kvsp_frame frame = {.fragment = &fragment};
  kvsp_item item = {.type = KVSP_ITEM_FRAGMENT};
  kvsp_finisher_stats stats[2];
  kvsp_finisher *f = NULL;
  ck_assert_int_eq(kvsp_finisher_new(&f, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  item.type = KVSP_ITEM_TAGS;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  item.type = KVSP_ITEM_FRAME;
  item.fragment = &fragment;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  item.frame = &frame;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  frame.track = &track;
  frame.fragment = NULL;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  /* One of KVSP_READ_NO_DATA. */
  frame.fragment = &fragment;
  frame.size = 3;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_ERR_ARG);
  /* Types that it does not know it ignores, and goes on. */
  item.type = 77;
  ck_assert_int_eq(kvsp_finisher_item(f, &item), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_get_stats(f, stats, 0), KVSP_ERR_ARG);
  memset(stats, 0xEE, sizeof stats);
  ck_assert_int_eq(kvsp_finisher_get_stats(f, stats, sizeof stats), KVSP_OK);
  ck_assert_uint_eq(stats[1].frames, 0);
  ck_assert_int_eq(kvsp_finisher_finish(f), KVSP_END);
  kvsp_finisher_free(f);
}
END_TEST

/* ---- real streams ------------------------------------------------------- */

static struct bytes all_of_them;

static void finish_file(const char *folder, const char *name,
                        const struct bytes *b) {
  struct work w;
  (void)folder;
  for (uint32_t mode = KVSP_FINISH_REBASE; mode <= KVSP_FINISH_KEEP; mode++) {
    work_start(&w, mode);
    finish_stream(&w, b);
    check_all(&w, name);
    work_clear(&w);
  }
  if (strncmp(folder, "kvs-", 4) == 0)
    bytes_append(&all_of_them, b->data, b->len);
}

static const char *const folders[] = {"kvs-getmedia",       "kvs-picgen",
                                      "kvs-producer-input", "mkv-valid",
                                      "webm-valid",         "muxgen"};
#define FOLDERS (int)(sizeof folders / sizeof *folders)

START_TEST(real_streams) {
  corpus_each(folders[_i], finish_file);
  if (all_of_them.len == 0) return;
  /* One behind the other. */
  finish_file("", "joined", &all_of_them);
  bytes_free(&all_of_them);
}
END_TEST

static Suite *finish_suite(void) {
  Suite *s = suite_create("finish");
  TCase *t = tcase_create("finish");
  tcase_set_timeout(t, 300);
  tcase_add_loop_test(t, fragments_become_one_file, 0, 3);
  tcase_add_loop_test(t, everything_is_written, 0, 3);
  tcase_add_test(t, encodings_are_undone);
  tcase_add_test(t, compressed_frames_are_left_out);
  tcase_add_test(t, gaps_stay_or_are_packed);
  tcase_add_test(t, packing_does_not_drift);
  tcase_add_test(t, a_restart_goes_on);
  tcase_add_loop_test(t, the_duration_is_true, 0, 3);
  tcase_add_test(t, long_clusters_are_cut);
  tcase_add_test(t, audio_alone_has_cues);
  tcase_add_test(t, groups_keep_all);
  tcase_add_test(t, audio_is_what_the_tag_says);
  tcase_add_test(t, tracks_tell_the_same);
  tcase_add_test(t, tracks_say_all_they_said);
  tcase_add_test(t, entries_that_are_none);
  tcase_add_test(t, lies_are_not_kept);
  tcase_add_test(t, other_tracks_want_another_file);
  tcase_add_test(t, tags_have_their_chapter);
  tcase_add_test(t, memory_has_a_limit);
  tcase_add_test(t, frames_are_not_kept);
  tcase_add_test(t, writing_may_fail);
  tcase_add_test(t, nothing_is_no_file);
  tcase_add_test(t, a_fragment_without_frames_comes_first);
  tcase_add_test(t, frames_without_tracks_are_left_out);
  tcase_add_test(t, misuse_is_refused);
  tcase_add_test(t, wrong_configs_are_refused);
  tcase_add_test(t, half_items_are_refused);
  if (corpus_is_there())
    tcase_add_loop_test(t, real_streams, 0, FOLDERS);
  else
    puts("real streams are skipped: KVSPARSE_CORPUS is not set");
  suite_add_tcase(s, t);
  return s;
}

int main(void) {
  return run_suite(finish_suite());
}
