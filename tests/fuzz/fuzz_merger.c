/*
 * fuzz_merger.c - the merger on any bytes: the same output whole, in pieces
 * and byte by byte, with any mode, flags, borders and limits; the output is
 * sound, has the frames that the reader found, and the times that the mode
 * promises; memory under its limit, bounded work; and neither a callback that
 * says no nor an allocation that fails does harm.
 */
#include <kvsparse/merger.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_frames.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_items.h"
#include "fuzz/fuzz_memory.h"
#include "merger.h"
#include "support/mux.h"

/* As in fuzz_reader.c; with a copy of the head, and one of the segment's. */
#define EXAMINED_PER_BYTE 6u
#define EXAMINED_PER_PIECE 64u
#define COPIED_PER_BYTE 6u
#define ONCE 8192u
#define MEMORY_PER_BYTE 12u
#define MEMORY_ONCE (256u << 10)
/* Of the output: the head of a segment whose own EBML header and Info are
 * lost; the headers of a Cluster, of a tag. */
#define HEAD_OWN 128u
#define CLUSTER_OWN 24u
#define TAG_OWN 32u
#define RAISES_MAX 256

/* What the input chose. */
struct choices {
  kvsp_merger_config config; /* without what is a run's own                 */
  kvsp_limits limits;
  struct fuzz_cuts cuts;
  size_t fail_at;   /* this allocation fails, from 1; 0: none               */
  unsigned stop_at; /* this call of a callback says no, from 1; 0: none     */
  int stop_rc;
  bool frees;     /* ... and frees the merger                               */
  bool no_items;  /* without the callback for items                         */
  bool empty_end; /* KVSP_FINAL comes with no bytes                         */
};

struct merging {
  const struct fuzz_input *in;
  const struct choices *choices;
  struct fuzz_memory memory;
  kvsp_limits limits; /* as raised so far                                   */
  unsigned raises;
  kvsp_merger *merger;
  struct fuzz_cuts cuts;
  unsigned stop_at, calls;
  /* What came: */
  struct fuzz_items items;
  struct bytes output;
  struct bytes borders;   /* a uint64_t for each segment: where it begins     */
  struct fuzz_row frames; /* those that were written                        */
  uint64_t written;       /* frames, at the last item                       */
  bool has_frame;         /* the last item was one                          */
  bool has_gaps;
  size_t at;
  size_t pieces;
  int status;
};

/* ---- choices ------------------------------------------------------------------- */

static void choose(struct choices *c, struct fuzz_input *in) {
  static const uint32_t flags[] = {KVSP_MERGE_STRICT, KVSP_MERGE_CHECK_CRC,
                                   KVSP_MERGE_TAGS, KVSP_MERGE_STOP};
  static const int codes[] = {
      KVSP_ERR_USER,         KVSP_PAUSED,    KVSP_END, KVSP_NEED_INPUT,
      KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM, 77,       0};
  unsigned b = fuzz_byte(in);
  memset(c, 0, sizeof *c);
  c->config.struct_size = sizeof c->config;
  c->config.mode = (b & 3) % 3;
  for (unsigned i = 0; i < 4; i++)
    if (b & 4u << i) c->config.flags |= flags[i];
  c->no_items = b & 64;
  c->empty_end = b & 128;
  fuzz_cuts_choose(&c->cuts, in);
  b = fuzz_byte(in);
  c->config.split_fragments = b & 3;
  c->config.split_bytes = b & 4 ? 16u << (b >> 5) : 0;
  c->config.split_ns = b & 8 ? INT64_C(1000000) << (b >> 5) : 0;
  c->fail_at = fuzz_byte(in);
  c->stop_at = fuzz_byte(in);
  b = fuzz_byte(in);
  c->stop_rc = codes[b & 7];
  c->frees = b & 8 || c->stop_rc == 0;
  c->limits.struct_size = sizeof c->limits;
  c->limits.max_depth = (uint32_t)fuzz_small(in);
  c->limits.max_tracks = (uint32_t)fuzz_small(in);
  c->limits.max_tags = (uint32_t)fuzz_small(in);
  c->limits.max_value = fuzz_power(in);
  c->limits.max_frame = fuzz_power(in);
  c->limits.max_memory = UINT64_C(512) * fuzz_byte(in);
}

/* Defaults by their numbers, so that they can be raised. */
static void set_limits(kvsp_limits *l, const kvsp_limits *chosen) {
  *l = *chosen;
  if (!l->max_depth) l->max_depth = 16;
  if (!l->max_tracks) l->max_tracks = 64;
  if (!l->max_tags) l->max_tags = 256;
  if (!l->max_value) l->max_value = UINT64_C(1) << 20;
  if (!l->max_frame) l->max_frame = UINT64_C(64) << 20;
}

static void set_memory_limit(struct merging *g) {
  uint64_t limit = g->limits.max_memory;
  g->memory.limit = limit ? limit : UINT64_MAX;
}

static bool raise_limit(struct merging *g, int status) {
  kvsp_limits *l = &g->limits;
  bool strict = g->choices->config.flags & KVSP_MERGE_STRICT;
  if (status > KVSP_ERR_LIMIT_DEPTH || status < KVSP_ERR_LIMIT_MEMORY)
    return false;
  if (g->stop_at && g->calls >= g->stop_at) return false; /* a callback's */
  FUZZ_CHECK(strict || status == KVSP_ERR_LIMIT_MEMORY,
             "limits but memory's are told by GAPs");
  FUZZ_CHECK(++g->raises < RAISES_MAX, "a limit can be raised");
  if (status == KVSP_ERR_LIMIT_DEPTH) l->max_depth *= 2;
  if (status == KVSP_ERR_LIMIT_TRACKS) l->max_tracks *= 2;
  if (status == KVSP_ERR_LIMIT_TAGS) l->max_tags *= 2;
  if (status == KVSP_ERR_LIMIT_VALUE) l->max_value *= 2;
  if (status == KVSP_ERR_LIMIT_FRAME) l->max_frame *= 2;
  if (status == KVSP_ERR_LIMIT_MEMORY) l->max_memory *= 2;
  set_memory_limit(g);
  if (!g->merger) return true;
  FUZZ_CHECK(kvsp_merger_error(g->merger)->status == status, "a limit is told");
  FUZZ_CHECK(kvsp_merger_set_limits(g->merger, l) == KVSP_OK, "set_limits");
  return true;
}

/* ---- callbacks -------------------------------------------------------------------- */

static void check_reentry(const struct merging *g) {
  FUZZ_CHECK(kvsp_merger_write(g->merger, "x", 1, 0) == KVSP_ERR_REENTRANT &&
                 kvsp_merger_reset(g->merger) == KVSP_ERR_REENTRANT,
             "no call from a callback");
}

static int answer(struct merging *g) {
  check_reentry(g);
  if (++g->calls != g->stop_at) return 0;
  if (g->choices->frees) kvsp_merger_free(g->merger);
  return g->choices->stop_rc;
}

static int on_output(void *user, const void *data, size_t len,
                     const kvsp_merge_segment *segment) {
  struct merging *g = user;
  uint64_t border = g->output.len;
  FUZZ_CHECK(data && len > 0, "there is something to write");
  FUZZ_CHECK(segment || g->borders.len > 0, "the first bytes are a segment's");
  if (segment) {
    FUZZ_CHECK_2(segment->index == g->borders.len / sizeof border,
                 "segments are counted", segment->index, g->borders.len);
    FUZZ_CHECK(segment->reason >= KVSP_MERGE_FIRST &&
                   segment->reason <= KVSP_MERGE_TIMES && segment->fragment,
               "a segment has its reason");
    FUZZ_CHECK((segment->reason == KVSP_MERGE_FIRST) == (segment->index == 0),
               "the first one is the first");
    FUZZ_CHECK(!(g->choices->config.flags & KVSP_MERGE_STOP) ||
                   segment->reason < KVSP_MERGE_TRACKS,
               "it stops at a change");
    bytes_append(&g->borders, &border, sizeof border);
  }
  bytes_append(&g->output, data, len);
  return answer(g);
}

/* Of the frame that the last item was, it is known by now whether it was
 * written. */
static void settle_frame(struct merging *g) {
  kvsp_merger_stats stats;
  if (!g->has_frame) return;
  g->has_frame = false;
  FUZZ_CHECK(kvsp_merger_get_stats(g->merger, &stats, sizeof stats) == KVSP_OK,
             "there are stats");
  FUZZ_CHECK_2(stats.frames - g->written <= 1, "a frame is written or left out",
               stats.frames, g->written);
  if (stats.frames == g->written) g->frames.count--;
  g->written = stats.frames;
}

static int on_item(void *user, const kvsp_item *item) {
  struct merging *g = user;
  settle_frame(g);
  fuzz_items_take(&g->items, item);
  if (item->type == KVSP_ITEM_GAP) g->has_gaps = true;
  if (item->type == KVSP_ITEM_FRAME) {
    fuzz_row_add(&g->frames, item->frame);
    g->has_frame = true;
  }
  return answer(g);
}

/* ---- one merging -------------------------------------------------------------------- */

static void begin(struct merging *g, const struct fuzz_input *in,
                  const struct choices *c) {
  memset(g, 0, sizeof *g);
  g->in = in;
  g->choices = c;
  g->items.stream = in->data;
  if (c->config.flags & KVSP_MERGE_STRICT) g->items.flags |= KVSP_READ_STRICT;
  set_limits(&g->limits, &c->limits);
  fuzz_memory_init(&g->memory);
  set_memory_limit(g);
}

static void forget(struct merging *g) {
  bytes_free(&g->output);
  bytes_free(&g->borders);
  fuzz_row_free(&g->frames);
  g->at = g->pieces = 0;
  g->written = 0;
  g->calls = 0;
  g->has_frame = g->has_gaps = false;
  g->cuts = g->choices->cuts;
  fuzz_items_begin(&g->items);
}

static void end(struct merging *g) {
  kvsp_merger_free(g->merger);
  fuzz_memory_check_empty(&g->memory);
  forget(g);
}

static void open_merger(struct merging *g) {
  kvsp_merger_config config = g->choices->config;
  int rc;
  config.allocator = &g->memory.allocator;
  config.limits = &g->limits;
  config.output = on_output;
  config.item = g->choices->no_items ? NULL : on_item;
  config.user = g;
  do {
    rc = kvsp_merger_new(&g->merger, &config);
    FUZZ_CHECK((rc == KVSP_OK) == (g->merger != NULL), "a merger or none");
    if (rc != KVSP_OK) fuzz_memory_check_empty(&g->memory);
  } while (rc != KVSP_OK && raise_limit(g, rc));
  FUZZ_CHECK((rc == KVSP_ERR_NOMEM) == (g->memory.inner.failures > 0),
             "KVSP_ERR_NOMEM is told when memory is missing");
  g->status = rc;
}

/* The piece is gone afterwards, but for what a limit keeps lent. */
static int write_piece(struct merging *g) {
  size_t left = g->in->size - g->at;
  size_t len = fuzz_cut(&g->cuts, left);
  bool final = len == left && (!g->choices->empty_end || left == 0);
  uint8_t *piece = fuzz_copy(g->in->data + g->at, len);
  int rc;
  g->at += len;
  g->items.fed = g->at;
  rc = kvsp_merger_write(g->merger, piece, len, final ? KVSP_FINAL : 0);
  while (raise_limit(g, rc)) rc = kvsp_merger_write(g->merger, NULL, 0, 0);
  if (g->choices->frees && g->stop_at && g->calls >= g->stop_at)
    g->merger = NULL;
  free(piece);
  return rc;
}

static size_t head_size(const struct merging *g) {
  return g->in->size + HEAD_OWN;
}

static void check_work(const struct merging *g, const kvsp_merger_stats *s) {
  kvsp_reader_stats read;
  uint64_t memory = g->limits.max_memory;
  uint64_t most = s->segments * head_size(g) + 2 * g->in->size;
  FUZZ_CHECK(
      kvsp_reader_get_stats(g->merger->reader, &read, sizeof read) == KVSP_OK,
      "the reader has stats");
  FUZZ_CHECK_2(read.bytes_examined <= EXAMINED_PER_BYTE * g->at +
                                          EXAMINED_PER_PIECE * g->pieces + ONCE,
               "not many bytes are examined", read.bytes_examined, g->at);
  FUZZ_CHECK_2(read.bytes_copied <= COPIED_PER_BYTE * g->at + ONCE,
               "not many bytes are copied", read.bytes_copied, g->at);
  if (memory == 0) memory = MEMORY_PER_BYTE * g->at + MEMORY_ONCE;
  FUZZ_CHECK_2(s->memory_peak <= memory, "memory is under its limit",
               s->memory_peak, memory);
  FUZZ_CHECK_2(s->memory == g->memory.inner.live_bytes, "memory is counted",
               s->memory, g->memory.inner.live_bytes);
  most += (s->frames + s->segments) * CLUSTER_OWN;
  most += (s->segments + s->fragments) * 256 * TAG_OWN;
  FUZZ_CHECK_2(s->bytes <= most, "the output is not much more than the input",
               s->bytes, most);
}

static void check_stats(struct merging *g) {
  kvsp_merger_stats s;
  FUZZ_CHECK(kvsp_merger_get_stats(g->merger, &s, sizeof s) == KVSP_OK,
             "there are stats");
  FUZZ_CHECK_2(s.bytes == g->output.len, "bytes are counted", s.bytes,
               g->output.len);
  FUZZ_CHECK_2(s.segments == g->borders.len / sizeof(uint64_t),
               "segments are counted", s.segments, g->borders.len);
  FUZZ_CHECK(s.fragments >= s.segments || s.frames >= s.segments,
             "no segment without a frame");
  FUZZ_CHECK_2(g->choices->no_items || s.frames == g->frames.count,
               "frames are counted", s.frames, g->frames.count);
  check_work(g, &s);
}

static void check_status(const struct merging *g) {
  uint32_t flags = g->choices->config.flags;
  FUZZ_CHECK_2(kvsp_merger_write(g->merger, NULL, 0, 0) == g->status,
               "the same comes again", g->status, g->at);
  FUZZ_CHECK_2(g->status == KVSP_END || flags & KVSP_MERGE_STRICT,
               "nothing stops a merger", g->status, g->at);
  FUZZ_CHECK(g->status < 0 || flags & KVSP_MERGE_STOP || g->at == g->in->size,
             "the end is the end");
  if (g->status == KVSP_END && !(flags & KVSP_MERGE_STOP) &&
      !g->choices->no_items)
    fuzz_items_end(&g->items);
  FUZZ_CHECK(g->status == KVSP_END ||
                 kvsp_merger_error(g->merger)->status == g->status,
             "the error is told");
}

static void merge_all(struct merging *g) {
  unsigned empty = 0;
  forget(g);
  do {
    size_t at = g->at;
    g->status = write_piece(g);
    g->pieces++;
    empty = g->at == at ? empty + 1 : 0;
    FUZZ_CHECK(empty < 1000, "the stream comes to an end");
  } while (g->status == KVSP_OK);
  if (g->merger) settle_frame(g);
}

static void merge_sound(struct merging *g, const struct fuzz_input *in,
                        const struct choices *c) {
  begin(g, in, c);
  open_merger(g);
  merge_all(g);
  check_stats(g);
  check_status(g);
}

/* ---- what was written ---------------------------------------------------------------- */

/* How the output is read again. */
struct reading {
  const struct merging *of;
  int64_t last_cluster; /* of the segment                                   */
  uint64_t segments;
};

static int on_output_item(void *user, const kvsp_item *item) {
  struct reading *r = user;
  uint64_t border;
  if (item->type != KVSP_ITEM_FRAGMENT) return 0;
  FUZZ_CHECK((r->segments + 1) * sizeof border <= r->of->borders.len,
             "a document is a segment");
  memcpy(&border, r->of->borders.data + r->segments++ * sizeof border,
         sizeof border);
  FUZZ_CHECK_2(item->fragment->offset == border, "segments begin as was told",
               item->fragment->offset, border);
  FUZZ_CHECK_2(r->of->choices->config.mode == KVSP_MERGE_KEEP ||
                   item->fragment->start_ns == 0,
               "a segment begins at 0", item->fragment->start_ns, border);
  return 0;
}

static void compare_frame(const struct merging *g, const struct fuzz_noted *a,
                          const struct fuzz_noted *b) {
  bool keeps = g->choices->config.mode == KVSP_MERGE_KEEP;
  FUZZ_CHECK(a->track == b->track, "a frame's track is the same");
  FUZZ_CHECK(a->beside == b->beside, "what a block has is the same");
  FUZZ_CHECK((a->flags ^ b->flags) & KVSP_FRAME_DISCARDABLE ? 0 : 1,
             "a frame's flags are the same");
  FUZZ_CHECK(b->type != 0 || a->type == 0, "a frame has its track");
  if (g->has_gaps || a->type == 0) return;
  FUZZ_CHECK_2(!keeps || a->pts_ns == b->pts_ns, "times are kept", a->pts_ns,
               b->pts_ns);
  FUZZ_CHECK_2(a->duration_ns == b->duration_ns, "durations are the same",
               a->duration_ns, b->duration_ns);
}

static void check_output(const struct merging *g) {
  struct reading r = {.of = g};
  struct fuzz_row found = {0};
  fuzz_row_read(&found, g->output.data, g->output.len, on_output_item, &r);
  FUZZ_CHECK_2(r.segments * sizeof(uint64_t) == g->borders.len,
               "all segments are there", r.segments, g->borders.len);
  if (!g->choices->no_items) {
    fuzz_row_compare(&g->frames, &found);
    for (size_t i = 0; i < found.count; i++)
      compare_frame(g, &g->frames.items[i], &found.items[i]);
  }
  fuzz_row_free(&found);
}

/* Timestamps of Clusters rise in a segment. */
static void check_clusters(const struct merging *g) {
  kvsp_tokenizer *t = NULL;
  const kvsp_event *e;
  uint64_t last = 0, now;
  if (kvsp_tokenizer_new(&t, NULL) != KVSP_OK) exit(1);
  if (kvsp_tokenizer_input(t, g->output.data, g->output.len, KVSP_FINAL) !=
      KVSP_OK)
    abort();
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) {
    if (e->id == KVSP_ID_EBML) last = 0;
    if (e->id != KVSP_ID_TIMESTAMP || e->type != KVSP_EVENT_VALUE ||
        e->depth != 2)
      continue;
    FUZZ_CHECK(kvsp_ebml_uint(e->data, &now) == KVSP_OK, "a Timestamp");
    FUZZ_CHECK_2(now >= last, "Clusters go forward", now, last);
    last = now;
  }
  kvsp_tokenizer_free(t);
}

/* ---- comparisons ------------------------------------------------------------------------ */

static bool same_bytes(const struct bytes *a, const struct bytes *b,
                       size_t len) {
  return len == 0 ||
         (a->len >= len && b->len >= len && memcmp(a->data, b->data, len) == 0);
}

/* After damage, the search gives up what it would need more memory for to
 * judge, which depends on how much of it is there already. */
static bool depends_on_memory(const struct choices *c) {
  return !(c->config.flags & KVSP_MERGE_STRICT) && c->limits.max_memory;
}

static void compare(const struct merging *a, const struct merging *b,
                    const char *what) {
  if (depends_on_memory(a->choices)) return;
  FUZZ_CHECK_2(a->status == b->status, what, a->status, b->status);
  FUZZ_CHECK_2(a->output.len == b->output.len, what, a->output.len,
               b->output.len);
  FUZZ_CHECK(same_bytes(&a->output, &b->output, a->output.len), what);
  FUZZ_CHECK(a->borders.len == b->borders.len &&
                 same_bytes(&a->borders, &b->borders, a->borders.len),
             what);
  FUZZ_CHECK(a->items.digest == b->items.digest, what);
}

static void compare_with(const struct merging *whole, const struct choices *c,
                         const char *what) {
  struct merging g;
  merge_sound(&g, whole->in, c);
  compare(whole, &g, what);
  end(&g);
}

/* One allocation fails, or a callback says no: what was written until then is
 * what would have been; and a reset makes it as new. */
static void check_stopped(const struct merging *whole, const struct choices *c,
                          size_t fail_at, unsigned stop_at) {
  struct merging g;
  begin(&g, whole->in, c);
  g.memory.inner.fail_at = fail_at;
  open_merger(&g);
  g.stop_at = stop_at;
  if (g.merger) merge_all(&g);
  if (!depends_on_memory(c) && g.output.len <= whole->output.len)
    FUZZ_CHECK(same_bytes(&whole->output, &g.output, g.output.len),
               "nothing else is written before it stops");
  if (fail_at)
    FUZZ_CHECK_2((g.memory.inner.failures > 0) == (g.status == KVSP_ERR_NOMEM),
                 "KVSP_ERR_NOMEM is told when memory is missing",
                 g.memory.inner.failures, g.status);
  if (g.calls && g.calls == stop_at)
    FUZZ_CHECK_2(g.status == (c->stop_rc ? c->stop_rc : KVSP_ERR_REENTRANT),
                 "what a callback says comes back", g.status, c->stop_rc);
  if (g.merger && g.status != KVSP_END) {
    FUZZ_CHECK(kvsp_merger_write(g.merger, "x", 1, 0) == g.status,
               "the same comes again");
    g.memory.inner.fail_at = 0;
    g.stop_at = 0;
    FUZZ_CHECK(kvsp_merger_reset(g.merger) == KVSP_OK, "a reset");
    merge_all(&g);
    if (!c->limits.max_memory)
      compare(whole, &g, "a reset merger gives the same");
  }
  end(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct choices cut, plain, bytes;
  struct fuzz_input in;
  struct merging whole;
  fuzz_input_open(&in, data, size);
  choose(&cut, &in);
  plain = bytes = cut;
  memset(&plain.cuts, 0, sizeof plain.cuts);
  fuzz_cuts_bytes(&bytes.cuts, in.size);
  merge_sound(&whole, &in, &plain);
  if (whole.status == KVSP_END) {
    check_output(&whole);
    if (!whole.has_gaps) check_clusters(&whole);
  }
  compare_with(&whole, &bytes, "byte by byte gives the same");
  compare_with(&whole, &cut, "pieces give the same");
  if (cut.fail_at) check_stopped(&whole, &cut, cut.fail_at, 0);
  if (cut.stop_at) check_stopped(&whole, &cut, 0, cut.stop_at);
  end(&whole);
  return 0;
}
