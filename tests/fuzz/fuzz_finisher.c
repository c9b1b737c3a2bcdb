/*
 * fuzz_finisher.c - the finisher on the items of any bytes: finished files are
 * sound and have the frames that were given, memory is bounded, and neither a
 * write nor an operator new that fails does harm: a code that stays, nothing
 * leaks, and after a reset the same files come.  Knows the public headers.
 */
#include <kvsparse/finisher.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_frames.h"
#include "fuzz/fuzz_input.h"
#include "support/failing_new.h"
#include "support/mux.h"

#define FILES_MAX 64u
/* What a finisher holds but for what stats.memory tells: buffers, the tracks
 * and the elements of libmatroska that are being made. */
#define MEMORY_ONCE (512u << 10)
#define MEMORY_PER_BYTE 64u
#define WRITE_FAILED (KVSP_ERR_USER - 3)

/* What the input chose. */
struct choices {
  kvsp_finisher_config config;
  uint32_t reader_flags;
  struct fuzz_cuts cuts;
  unsigned fail_write; /* this write fails, from 1; 0: none                 */
  unsigned fail_new;   /* this operator new throws, from 1; 0: none         */
};

struct file {
  struct bytes bytes;
  struct fuzz_row frames; /* that it is to have                             */
};

struct finishing {
  const struct fuzz_input *in;
  const struct choices *choices;
  kvsp_finisher *finisher;
  struct file files[FILES_MAX];
  size_t count; /* of the files; the last one may be open                   */
  unsigned writes, fail_write;
  bool gave_up; /* for want of files, or of memory                          */
  int status;   /* KVSP_OK, or what stopped it                              */
};

static void choose(struct choices *c, struct fuzz_input *in) {
  static const uint32_t flags[] = {KVSP_READ_DECOMPRESS, KVSP_READ_CHECK_CRC,
                                   KVSP_READ_KEY_FRAMES};
  unsigned b = fuzz_byte(in);
  memset(c, 0, sizeof *c);
  c->config.struct_size = sizeof c->config;
  c->config.mode = (b & 3) % 3;
  if (b & 4) c->config.flags = KVSP_FINISH_NO_CHAPTERS;
  for (unsigned i = 0; i < 3; i++)
    if (b & 8u << i) c->reader_flags |= flags[i];
  if (b & 64) c->config.writing_app = "fuzz_finisher";
  fuzz_cuts_choose(&c->cuts, in);
  c->config.max_memory = UINT64_C(48) * fuzz_byte(in);
  c->fail_write = fuzz_byte(in);
  c->fail_new = fuzz_two_bytes(in);
}

/* ---- files --------------------------------------------------------------------- */

static struct file *last_file(struct finishing *g) {
  return &g->files[g->count - 1];
}

static int on_write(void *user, uint64_t offset, const void *data, size_t len) {
  struct finishing *g = user;
  struct bytes *b = &last_file(g)->bytes;
  kvsp_item none;
  memset(&none, 0, sizeof none);
  none.type = KVSP_ITEM_GAP;
  FUZZ_CHECK(kvsp_finisher_item(g->finisher, &none) == KVSP_ERR_REENTRANT,
             "no call from a callback");
  FUZZ_CHECK(data && len > 0, "there is something to write");
  FUZZ_CHECK_2(offset <= b->len, "a file has no holes", offset, b->len);
  if (++g->writes == g->fail_write) return WRITE_FAILED;
  if (offset + len > b->len) {
    size_t more = (size_t)offset + len - b->len;
    bytes_append(b, (const uint8_t *)data + len - more, more);
  }
  memcpy(b->data + offset, data, len);
  return 0;
}

static void free_files(struct finishing *g) {
  for (size_t i = 0; i < g->count; i++) {
    bytes_free(&g->files[i].bytes);
    fuzz_row_free(&g->files[i].frames);
  }
  g->count = 1;
}

static void check_file(const struct file *f) {
  struct fuzz_row found = {0};
  if (f->bytes.len == 0) {
    FUZZ_CHECK(f->frames.count == 0, "without a file there are no frames");
    return;
  }
  fuzz_row_read(&found, f->bytes.data, f->bytes.len, NULL, NULL);
  fuzz_row_compare(&f->frames, &found);
  fuzz_row_free(&found);
}

/* ---- items ----------------------------------------------------------------------- */

static kvsp_finisher_stats stats_of(const struct finishing *g) {
  kvsp_finisher_stats s;
  FUZZ_CHECK(kvsp_finisher_get_stats(g->finisher, &s, sizeof s) == KVSP_OK,
             "there are stats");
  return s;
}

static void check_memory(const struct finishing *g) {
  uint64_t max = g->choices->config.max_memory;
  /* One item, whatever it brings, may go beyond. */
  if (max)
    FUZZ_CHECK_2(stats_of(g).memory <= max + 4 * g->in->size + 4096,
                 "memory has a limit", stats_of(g).memory, max);
}

static void end_file(struct finishing *g) {
  kvsp_finisher_stats s;
  int rc = kvsp_finisher_finish(g->finisher);
  if (rc != KVSP_OK && rc != KVSP_END) {
    g->status = rc;
    return;
  }
  s = stats_of(g);
  FUZZ_CHECK_2((rc == KVSP_END) == (s.frames == 0), "a file has frames", rc,
               s.frames);
  FUZZ_CHECK_2(s.bytes == last_file(g)->bytes.len, "bytes are counted", s.bytes,
               last_file(g)->bytes.len);
  FUZZ_CHECK_2(s.frames == last_file(g)->frames.count, "frames are counted",
               s.frames, last_file(g)->frames.count);
  FUZZ_CHECK(kvsp_finisher_finish(g->finisher) == KVSP_ERR_STATE,
             "a file is finished once");
  check_file(last_file(g));
}

static int give(struct finishing *g, const kvsp_item *item) {
  uint64_t before = stats_of(g).frames;
  int rc = kvsp_finisher_item(g->finisher, item);
  if (rc == KVSP_OK && stats_of(g).frames > before) {
    FUZZ_CHECK(item->type == KVSP_ITEM_FRAME, "frames come of frames");
    fuzz_row_add(&last_file(g)->frames, item->frame);
  }
  return rc;
}

/* The next file, from this item on. */
static int begin_file(struct finishing *g, const kvsp_item *item) {
  int rc;
  end_file(g);
  if (g->status != KVSP_OK) return g->status;
  rc = kvsp_finisher_reset(g->finisher);
  if (rc == KVSP_ERR_NOMEM) return rc;
  FUZZ_CHECK(rc == KVSP_OK, "a reset");
  if (g->count == FILES_MAX) {
    g->gave_up = true;
    return KVSP_OK;
  }
  g->count++;
  return give(g, item);
}

static int on_item(void *user, const kvsp_item *item) {
  struct finishing *g = user;
  int rc;
  if (g->gave_up) return 0;
  rc = give(g, item);
  if (rc == KVSP_END || rc == KVSP_ERR_LIMIT_MEMORY) {
    FUZZ_CHECK(rc != KVSP_END || item->type == KVSP_ITEM_FRAGMENT,
               "other tracks come with a FRAGMENT");
    rc = begin_file(g, item);
    FUZZ_CHECK(rc != KVSP_END, "a new file takes any tracks");
    if (rc == KVSP_ERR_LIMIT_MEMORY) g->gave_up = true;
    if (rc == KVSP_ERR_LIMIT_MEMORY) rc = KVSP_OK;
  }
  if (rc == KVSP_OK) check_memory(g);
  g->status = rc;
  return rc;
}

/* ---- one finishing ---------------------------------------------------------------- */

static void feed(struct finishing *g) {
  kvsp_reader_config config = {.struct_size = sizeof config,
                               .flags = g->choices->reader_flags};
  struct fuzz_cuts cuts = g->choices->cuts;
  kvsp_reader *r = NULL;
  size_t at = 0;
  int rc = KVSP_OK;
  if (kvsp_reader_new(&r, &config) != KVSP_OK) exit(1);
  g->status = KVSP_OK;
  g->gave_up = false;
  for (unsigned n = 0; rc == KVSP_OK; n++) {
    size_t left = g->in->size - at;
    size_t len = n < 100000 ? fuzz_cut(&cuts, left) : left;
    rc = kvsp_reader_visit(r, g->in->data + at, len,
                           len == left ? KVSP_FINAL : 0, on_item, g);
    at += len;
  }
  FUZZ_CHECK_2(rc == (g->status ? g->status : KVSP_END),
               "nothing but the finisher stops it", rc, g->status);
  kvsp_reader_free(r);
  if (g->status == KVSP_OK && !g->gave_up) end_file(g);
}

/* After what was of no use: the same comes again until a reset. */
static void check_stuck(struct finishing *g) {
  kvsp_item none;
  memset(&none, 0, sizeof none);
  none.type = KVSP_ITEM_GAP;
  FUZZ_CHECK_2(kvsp_finisher_item(g->finisher, &none) == g->status,
               "the same comes again", g->status, g->writes);
  FUZZ_CHECK(kvsp_finisher_finish(g->finisher) == g->status,
             "the same comes again");
}

static int open_finisher(struct finishing *g, const struct fuzz_input *in,
                         const struct choices *c) {
  kvsp_finisher_config config = c->config;
  int rc;
  memset(g, 0, sizeof *g);
  g->in = in;
  g->choices = c;
  g->count = 1;
  config.write = on_write;
  config.user = g;
  rc = kvsp_finisher_new(&g->finisher, &config);
  FUZZ_CHECK((rc == KVSP_OK) == (g->finisher != NULL), "a finisher or none");
  return rc;
}

static void compare_files(const struct finishing *a,
                          const struct finishing *b) {
  FUZZ_CHECK_2(a->count == b->count, "a reset finisher writes the same",
               a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    const struct bytes *x = &a->files[i].bytes, *y = &b->files[i].bytes;
    FUZZ_CHECK_2(x->len == y->len &&
                     (x->len == 0 || memcmp(x->data, y->data, x->len) == 0),
                 "a reset finisher writes the same", x->len, y->len);
  }
}

/* What was of no use, and what comes after a reset. */
static void check_after(struct finishing *g, const struct finishing *whole) {
  check_stuck(g);
  g->fail_write = 0;
  FUZZ_CHECK(kvsp_finisher_reset(g->finisher) == KVSP_OK, "a reset");
  free_files(g);
  feed(g);
  compare_files(whole, g);
}

static void check_write_failure(const struct finishing *whole) {
  static struct finishing g;
  FUZZ_CHECK(open_finisher(&g, whole->in, whole->choices) == KVSP_OK,
             "a finisher can be made");
  g.fail_write = whole->choices->fail_write;
  feed(&g);
  FUZZ_CHECK_2(g.status == (g.writes < g.fail_write ? KVSP_OK : WRITE_FAILED),
               "what a write returned is told", g.status, g.writes);
  if (g.status != KVSP_OK) check_after(&g, whole);
  kvsp_finisher_free(g.finisher);
  free_files(&g);
}

static void check_no_memory(const struct finishing *whole) {
  static struct finishing g;
  size_t blocks = failing_new.live_blocks;
  bool failed;
  int rc;
  failing_new_arm(whole->choices->fail_new - 1);
  rc = open_finisher(&g, whole->in, whole->choices);
  if (rc == KVSP_OK) feed(&g);
  failed = failing_new_disarm();
  if (rc == KVSP_OK) rc = g.status;
  FUZZ_CHECK_2(rc == (failed ? KVSP_ERR_NOMEM : KVSP_OK),
               "KVSP_ERR_NOMEM is told when memory is missing", rc, failed);
  if (g.finisher && failed) check_after(&g, whole);
  kvsp_finisher_free(g.finisher);
  free_files(&g);
  FUZZ_CHECK_2(
      failing_new.live_blocks <= blocks + (failed ? FAILING_NEW_LOST_MOST : 0),
      "nothing of ours leaks", failing_new.live_blocks, blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct finishing whole;
  struct choices c;
  struct fuzz_input in;
  size_t blocks, bytes;
  fuzz_input_open(&in, data, size);
  choose(&c, &in);
  (void)kvsp_finisher_version(); /* has a string of its own                 */
  blocks = failing_new.live_blocks;
  bytes = failing_new.live_bytes;
  failing_new.peak_bytes = bytes;
  FUZZ_CHECK(open_finisher(&whole, &in, &c) == KVSP_OK,
             "a finisher can be made");
  feed(&whole);
  FUZZ_CHECK_2(whole.status == KVSP_OK, "nothing stops a finisher",
               whole.status, in.size);
  FUZZ_CHECK_2(
      failing_new.peak_bytes - bytes <= MEMORY_ONCE + MEMORY_PER_BYTE * in.size,
      "memory is bounded", failing_new.peak_bytes - bytes, in.size);
  kvsp_finisher_free(whole.finisher);
  FUZZ_CHECK_2(failing_new.live_blocks == blocks, "nothing leaks",
               failing_new.live_blocks, blocks);
  if (c.fail_write) check_write_failure(&whole);
  FUZZ_CHECK_2(failing_new.live_blocks == blocks, "nothing leaks",
               failing_new.live_blocks, blocks);
  if (c.fail_new) check_no_memory(&whole);
  free_files(&whole);
  return 0;
}
