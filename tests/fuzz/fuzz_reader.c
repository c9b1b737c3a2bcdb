/*
 * fuzz_reader.c - the reader on any bytes: the same items by pull, by visit,
 * byte by byte and through reserve and commit, with any flags and limits;
 * reader.h's promises for each item (fuzz_items.h); memory under its limit;
 * bounded work; and an allocation that fails is told, leaks nothing and leaves
 * a reader that can be reset.
 */
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_items.h"
#include "fuzz/fuzz_memory.h"
#include "support/recorder.h"

/* Bytes looked at and copied for each byte fed, and once for each reader; what
 * cannot be judged yet is looked at again with each piece.  What looks like an
 * ID is believed by its header and its children's, 12 bytes each; what was read
 * in vain is searched once more.  The inputs that fuzzing kept take up to 8. */
#define EXAMINED_PER_BYTE 12u
#define EXAMINED_PER_PIECE 64u
#define COPIED_PER_BYTE 6u
#define ONCE 8192u
/* Memory, where no limit was set: a buffer that grows is there twice. */
#define MEMORY_PER_BYTE 8u
#define MEMORY_ONCE (256u << 10)

#define KEPT_MAX 8
#define RAISES_MAX 256

enum way { PULL, VISIT, RESERVE, EMPTY_END };

/* What the input chose. */
struct choices {
  uint32_t flags;
  uint64_t track_types;
  uint64_t track;
  kvsp_limits limits;
  struct fuzz_cuts cuts;
  size_t fail_at;  /* this allocation fails, from 1; 0: none              */
  unsigned pause;  /* visit pauses at each so many-th item; 0: never      */
  unsigned keep;   /* each so many-th frame is retained; 0: none          */
  bool gives_up;   /* at a limit but that of memory, when strict          */
  bool frees_late; /* what was retained outlives the reader               */
  bool trims;      /* trim whenever it asks for input                     */
};

/* One reading of the stream. */
struct reading {
  const struct fuzz_input *in;
  const struct choices *choices;
  enum way way;
  struct fuzz_cuts cuts;
  struct fuzz_memory memory;
  kvsp_limits limits; /* as raised so far                                   */
  unsigned raises;
  kvsp_reader *reader;
  struct fuzz_items items;
  struct recorder *recorder; /* NULL but when a difference is shown         */
  kvsp_buf *kept[KEPT_MAX];
  size_t kept_count;
  uint64_t frames;
  uint8_t *lent;
  size_t at;
  size_t pieces;
  int status;
};

/* ---- choices ------------------------------------------------------------------- */

static void choose(struct choices *c, struct fuzz_input *in) {
  unsigned more;
  memset(c, 0, sizeof *c);
  c->flags = fuzz_byte(in) % 64;
  fuzz_cuts_choose(&c->cuts, in);
  more = fuzz_byte(in);
  c->gives_up = more & 1;
  c->frees_late = more & 2;
  c->track_types = more & 4 ? 1u << KVSP_TRACK_VIDEO : 0;
  c->track = more & 8 ? 1 : 0;
  c->pause = more >> 4;
  more = fuzz_byte(in);
  c->keep = more % 8;
  c->trims = more & 0x80;
  c->fail_at = fuzz_byte(in);
  c->limits.struct_size = sizeof c->limits;
  c->limits.max_depth = (uint32_t)fuzz_small(in);
  c->limits.max_tracks = (uint32_t)fuzz_small(in);
  c->limits.max_tags = (uint32_t)fuzz_small(in);
  c->limits.max_value = fuzz_power(in);
  c->limits.max_frame = fuzz_power(in);
  c->limits.max_memory = UINT64_C(512) * fuzz_byte(in);
}

/* ---- memory and limits ------------------------------------------------------------ */

static void set_memory_limit(struct reading *g) {
  uint64_t limit = g->limits.max_memory;
  /* Retained buffers are the caller's, and not under the limit. */
  g->memory.limit = limit && !g->choices->keep ? limit : UINT64_MAX;
}

/* Whether the limit could be raised, so that the call may be repeated. */
static bool raise_limit(struct reading *g, int status) {
  kvsp_limits *l = &g->limits;
  bool strict = g->choices->flags & KVSP_READ_STRICT;
  if (status > KVSP_ERR_LIMIT_DEPTH || status < KVSP_ERR_LIMIT_MEMORY)
    return false;
  FUZZ_CHECK(strict || status == KVSP_ERR_LIMIT_MEMORY,
             "limits but memory's are told by GAPs");
  FUZZ_CHECK(++g->raises < RAISES_MAX, "a limit can be raised");
  if (g->choices->gives_up && status != KVSP_ERR_LIMIT_MEMORY) return false;
  if (status == KVSP_ERR_LIMIT_DEPTH) l->max_depth *= 2;
  if (status == KVSP_ERR_LIMIT_TRACKS) l->max_tracks *= 2;
  if (status == KVSP_ERR_LIMIT_TAGS) l->max_tags *= 2;
  if (status == KVSP_ERR_LIMIT_VALUE) l->max_value *= 2;
  if (status == KVSP_ERR_LIMIT_FRAME) l->max_frame *= 2;
  if (status == KVSP_ERR_LIMIT_MEMORY) l->max_memory *= 2;
  set_memory_limit(g);
  if (g->reader)
    FUZZ_CHECK(kvsp_reader_set_limits(g->reader, l) == KVSP_OK, "set_limits");
  return true;
}

/* After a call that returned status: KVSP_ERR_NOMEM if and only if an
 * allocation failed in it. */
static void check_failures(const struct reading *g, size_t before, int status) {
  FUZZ_CHECK_2(
      (g->memory.inner.failures > before) == (status == KVSP_ERR_NOMEM),
      "KVSP_ERR_NOMEM is told when memory is missing", g->memory.inner.failures,
      before);
}

static void open_reader(struct reading *g) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  size_t before = g->memory.inner.failures;
  int rc;
  config.allocator = &g->memory.allocator;
  config.limits = &g->limits;
  config.flags = g->choices->flags;
  config.track_types = g->choices->track_types;
  config.tracks = &g->choices->track;
  config.track_count = g->choices->track ? 1 : 0;
  do {
    rc = kvsp_reader_new(&g->reader, &config);
    FUZZ_CHECK((rc == KVSP_OK) == (g->reader != NULL), "a reader or none");
    if (rc != KVSP_OK) fuzz_memory_check_empty(&g->memory);
  } while (rc != KVSP_OK && raise_limit(g, rc));
  check_failures(g, before, rc);
  g->status = rc;
}

/* ---- items ----------------------------------------------------------------------- */

static void check_kept(const kvsp_frame *f, const kvsp_buf *b) {
  static const uint8_t zeros[KVSP_PADDING];
  kvsp_view v = kvsp_buf_view(b);
  FUZZ_CHECK(v.len == f->data.len, "all of a frame is retained");
  FUZZ_CHECK(v.len == 0 || memcmp(v.data, f->data.data, v.len) == 0,
             "a frame's bytes are retained");
  FUZZ_CHECK(v.data == NULL || memcmp(v.data + v.len, zeros, sizeof zeros) == 0,
             "zeros follow");
}

/* A failure here is the caller's own: the reader goes on. */
static void keep_frame(struct reading *g, const kvsp_frame *f) {
  size_t slot = g->kept_count % KEPT_MAX;
  size_t before = g->memory.inner.failures;
  bool has_data = !(g->choices->flags & KVSP_READ_NO_DATA);
  kvsp_buf *b = NULL;
  int rc;
  if (g->choices->keep == 0 || g->frames++ % g->choices->keep) return;
  rc = kvsp_frame_retain(f, &b);
  FUZZ_CHECK((rc == KVSP_OK) == (b != NULL), "a buffer or none");
  if (has_data) check_failures(g, before, rc);
  FUZZ_CHECK_2(rc == KVSP_OK || rc == KVSP_ERR_NOMEM ||
                   (rc == KVSP_ERR_ARG && !has_data),
               "a frame is retained", rc, f->size);
  if (rc != KVSP_OK) return;
  check_kept(f, b);
  kvsp_buf_unref(g->kept[slot]);
  g->kept[slot] = b;
  g->kept_count++;
}

static void take_item(struct reading *g, const kvsp_item *item) {
  fuzz_items_take(&g->items, item);
  if (g->recorder) record_item(g->recorder, item);
  if (item->type == KVSP_ITEM_FRAME) keep_frame(g, item->frame);
}

static void release_kept(struct reading *g) {
  for (size_t i = 0; i < KEPT_MAX; i++) {
    kvsp_view v = kvsp_buf_view(g->kept[i]);
    /* Whatever happened since, its bytes are still there. */
    if (v.len > 0) (void)fuzz_mix_bytes(0, v.data, v.len + KVSP_PADDING);
    kvsp_buf_unref(g->kept[i]);
    g->kept[i] = NULL;
  }
}

/* ---- one piece after the other ------------------------------------------------------ */

static int pull(struct reading *g) {
  const kvsp_item *item;
  int rc;
  do {
    size_t before = g->memory.inner.failures;
    rc = kvsp_reader_next(g->reader, &item);
    FUZZ_CHECK((rc == KVSP_OK) == (item != NULL), "an item or none");
    check_failures(g, before, rc);
    if (rc == KVSP_OK) take_item(g, item);
  } while (rc == KVSP_OK || raise_limit(g, rc));
  return rc;
}

static int on_item(void *user, const kvsp_item *item) {
  struct reading *g = user;
  const kvsp_item *other;
  take_item(g, item);
  FUZZ_CHECK(kvsp_reader_next(g->reader, &other) == KVSP_ERR_REENTRANT,
             "no call from a callback");
  if (g->choices->pause == 0 || g->items.count % g->choices->pause) return 0;
  return g->items.count % 2 ? KVSP_PAUSED : KVSP_ERR_USER - 7;
}

static int visit(struct reading *g, const uint8_t *data, size_t len,
                 unsigned flags) {
  int rc = kvsp_reader_visit(g->reader, data, len, flags, on_item, g);
  while (rc == KVSP_PAUSED || rc == KVSP_ERR_USER - 7 || raise_limit(g, rc))
    rc = kvsp_reader_visit(g->reader, NULL, 0, 0, on_item, g);
  return rc == KVSP_OK ? KVSP_NEED_INPUT : rc;
}

static int lend(struct reading *g, size_t len, unsigned flags) {
  uint8_t *old = g->lent;
  int rc;
  g->lent = fuzz_copy(g->in->data + g->at, len);
  free(old); /* asked for input: what was lent before is given back */
  g->items.fed += len;
  g->at += len;
  if (g->way == VISIT) return visit(g, g->lent, len, flags);
  rc = kvsp_reader_input(g->reader, g->lent, len, flags);
  FUZZ_CHECK_2(rc == KVSP_OK, "input is taken", rc, g->at);
  return pull(g);
}

static int fill(struct reading *g, size_t len, size_t left) {
  size_t before = g->memory.inner.failures;
  void *room = NULL;
  size_t capacity = 0;
  int rc;
  do rc = kvsp_reader_reserve(g->reader, len ? len : 1, &room, &capacity);
  while (rc != KVSP_OK && raise_limit(g, rc));
  check_failures(g, before, rc);
  if (rc != KVSP_OK) return rc;
  FUZZ_CHECK(capacity > 0, "there is room");
  if (len > capacity) len = capacity;
  memset(room, 0xEE, capacity);
  if (len > 0) memcpy(room, g->in->data + g->at, len);
  g->items.fed += len;
  g->at += len;
  rc = kvsp_reader_commit(g->reader, len, len == left ? KVSP_FINAL : 0);
  FUZZ_CHECK_2(rc == KVSP_OK, "what was filled is taken", rc, len);
  return pull(g);
}

static int feed_piece(struct reading *g) {
  size_t left = g->in->size - g->at;
  size_t len = fuzz_cut(&g->cuts, left);
  bool final = len == left && (g->way != EMPTY_END || left == 0);
  if (g->way == RESERVE) return fill(g, len, left);
  return lend(g, len, final ? KVSP_FINAL : 0);
}

/* ---- a whole reading ------------------------------------------------------------------ */

static void check_stats(const struct reading *g) {
  kvsp_reader_stats stats;
  uint64_t memory = g->limits.max_memory;
  FUZZ_CHECK(kvsp_reader_get_stats(g->reader, &stats, sizeof stats) == KVSP_OK,
             "there are stats");
  FUZZ_CHECK_2(stats.bytes_fed == g->at, "all bytes are counted",
               stats.bytes_fed, g->at);
  FUZZ_CHECK_2(stats.bytes_examined <= EXAMINED_PER_BYTE * g->at +
                                           EXAMINED_PER_PIECE * g->pieces +
                                           ONCE,
               "not many bytes are examined", stats.bytes_examined, g->at);
  /* What is trimmed may move all that is there. */
  FUZZ_CHECK_2(
      stats.bytes_copied <=
          (COPIED_PER_BYTE + (g->choices->trims ? g->pieces : 0)) * g->at +
              ONCE,
      "not many bytes are copied", stats.bytes_copied, g->at);
  if (memory == 0) memory = MEMORY_PER_BYTE * g->at + MEMORY_ONCE;
  FUZZ_CHECK_2(stats.memory_peak <= memory, "memory is under its limit",
               stats.memory_peak, memory);
  FUZZ_CHECK_2(g->choices->keep || stats.memory == g->memory.inner.live_bytes,
               "memory is counted", stats.memory, g->memory.inner.live_bytes);
}

/* What the last status means, and that it stays. */
static void check_status(struct reading *g) {
  const kvsp_item *item;
  bool strict = g->choices->flags & KVSP_READ_STRICT;
  if (g->status == KVSP_ERR_NOMEM) return;
  FUZZ_CHECK_2(strict || g->status == KVSP_END, "nothing stops a reader",
               g->status, g->at);
  FUZZ_CHECK(kvsp_reader_next(g->reader, &item) == g->status,
             "the same comes again");
  if (g->status == KVSP_END) {
    fuzz_items_end(&g->items);
    FUZZ_CHECK(kvsp_reader_input(g->reader, "", 0, 0) == KVSP_ERR_STATE,
               "nothing follows the end");
  } else {
    FUZZ_CHECK(kvsp_reader_error(g->reader)->status == g->status,
               "the error is told");
  }
}

/* A failure leaves all as it was. */
static void trim(struct reading *g) {
  size_t before = g->memory.inner.failures;
  int rc = kvsp_reader_trim(g->reader);
  FUZZ_CHECK_2(rc == KVSP_OK || rc == KVSP_ERR_NOMEM, "it is trimmed", rc,
               g->at);
  check_failures(g, before, rc);
}

static void read_all(struct reading *g) {
  unsigned empty = 0;
  g->at = g->pieces = 0;
  g->cuts = g->choices->cuts;
  g->frames = 0;
  fuzz_items_begin(&g->items);
  do {
    size_t at = g->at;
    g->status = feed_piece(g);
    g->pieces++;
    if (g->choices->trims && g->status == KVSP_NEED_INPUT) trim(g);
    empty = g->at == at ? empty + 1 : 0;
    FUZZ_CHECK(empty < 1000, "the stream comes to an end");
  } while (g->status == KVSP_NEED_INPUT);
  if (g->recorder) record_status(g->recorder, g->reader, g->status);
  check_stats(g);
  check_status(g);
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

static void begin(struct reading *g, const struct fuzz_input *in,
                  const struct choices *c, enum way way) {
  memset(g, 0, sizeof *g);
  g->in = in;
  g->choices = c;
  g->way = way;
  set_limits(&g->limits, &c->limits);
  g->items.stream = in->data;
  g->items.flags = c->flags;
  g->items.filtered = c->track_types || c->track;
  fuzz_memory_init(&g->memory);
  set_memory_limit(g);
}

static void end(struct reading *g) {
  if (!g->choices->frees_late) release_kept(g);
  kvsp_reader_free(g->reader);
  release_kept(g);
  free(g->lent);
  fuzz_memory_check_empty(&g->memory);
}

/* ---- comparisons ------------------------------------------------------------------------ */

/* Once more with a recorder, for the eyes. */
static const char *text_of(const struct reading *of, struct recorder *text) {
  struct reading g;
  begin(&g, of->in, of->choices, of->way);
  g.recorder = text;
  open_reader(&g);
  read_all(&g);
  end(&g);
  return recorder_text(text);
}

static void compare(const struct reading *a, const struct reading *b,
                    const char *what) {
  struct recorder text_a = {0}, text_b = {0};
  bool strict = a->choices->flags & KVSP_READ_STRICT;
  /* After damage, the search gives up what it would need more memory for to
   * judge, which depends on how much of it is there already. */
  if (!strict && a->choices->limits.max_memory) return;
  if (a->status == b->status && a->items.digest == b->items.digest) return;
  fprintf(stderr, "status %d and %d\n", a->status, b->status);
  (void)texts_equal(text_of(a, &text_a), text_of(b, &text_b), what);
  FUZZ_CHECK(a->status == b->status && a->items.digest == b->items.digest,
             what);
}

static void read_once(struct reading *g, const struct fuzz_input *in,
                      const struct choices *c, enum way way) {
  begin(g, in, c, way);
  open_reader(g);
  read_all(g);
  end(g);
}

/* The same in all ways that there are. */
static void check_ways(struct reading *whole, const struct fuzz_input *in,
                       const struct choices *plain, const struct choices *cut) {
  struct choices bytes = *plain;
  struct reading g;
  fuzz_cuts_bytes(&bytes.cuts, in->size);
  read_once(whole, in, plain, PULL);
  read_once(&g, in, &bytes, PULL);
  compare(whole, &g, "byte by byte gives the same");
  read_once(&g, in, cut, VISIT);
  compare(whole, &g, "visit gives the same");
  read_once(&g, in, cut, RESERVE);
  compare(whole, &g, "reserve gives the same");
  read_once(&g, in, cut, EMPTY_END);
  compare(whole, &g, "pieces and an empty end give the same");
}

/* One allocation fails; after a reset, the stream is read as ever. */
static void check_failure(const struct reading *whole,
                          const struct fuzz_input *in,
                          const struct choices *cut) {
  struct reading g;
  begin(&g, in, cut, cut->pause % 2 ? RESERVE : PULL);
  g.memory.inner.fail_at = cut->fail_at;
  open_reader(&g);
  if (g.reader) {
    read_all(&g);
    g.memory.inner.fail_at = 0;
    FUZZ_CHECK(kvsp_reader_reset(g.reader) == KVSP_OK, "a reset");
    g.way = PULL;
    read_all(&g);
    if (!cut->limits.max_memory)
      compare(whole, &g, "a reset reader gives the same");
  }
  end(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in;
  struct choices cut, plain;
  struct reading whole;
  fuzz_input_open(&in, data, size);
  choose(&cut, &in);
  plain = cut;
  memset(&plain.cuts, 0, sizeof plain.cuts);
  check_ways(&whole, &in, &plain, &cut);
  if (cut.fail_at) check_failure(&whole, &in, &cut);
  return 0;
}
