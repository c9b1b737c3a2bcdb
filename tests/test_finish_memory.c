/*
 * test_finish_memory.c - the finisher without memory: each operator new of the
 * program, libebml's and libmatroska's as well, throws in turn, over built and
 * over real streams: the right code, which stays; nothing of ours leaks; and
 * after a reset the same file comes.  Also the limits of a stream that is
 * finished.
 */
#include <check.h>
#include <kvsparse/finisher.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/build.h"
#include "support/corpus.h"
#include "support/failing_new.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct run {
  kvsp_finisher *finisher;
  struct bytes file;
};

static int on_write(void *user, uint64_t offset, const void *data, size_t len) {
  struct bytes *b = &((struct run *)user)->file;
  uint64_t end = offset + len;
  ck_assert_uint_le(offset, b->len);
  if (end > b->len)
    bytes_append(b, (const uint8_t *)data + (len - (size_t)(end - b->len)),
                 (size_t)(end - b->len));
  memcpy(b->data + offset, data, len);
  return 0;
}

/* The first file is enough. */
static int on_item(void *user, const kvsp_item *item) {
  struct run *run = user;
  return kvsp_finisher_item(run->finisher, item);
}

/* KVSP_OK: there is a file. */
static int finish_all(struct run *run, const struct bytes *b) {
  kvsp_reader_config config = {.struct_size = sizeof config,
                               .flags = KVSP_READ_DECOMPRESS};
  kvsp_reader *r = NULL;
  int rc;
  ck_assert_int_eq(kvsp_reader_new(&r, &config), KVSP_OK);
  rc = kvsp_reader_visit(r, b->data, b->len, KVSP_FINAL, on_item, run);
  kvsp_reader_free(r);
  return rc < 0 ? rc : kvsp_finisher_finish(run->finisher);
}

static int open_finisher(struct run *run, uint32_t mode, const char *app) {
  kvsp_finisher_config config = {.struct_size = sizeof config,
                                 .write = on_write,
                                 .user = run,
                                 .mode = mode,
                                 .writing_app = app};
  int rc;
  memset(run, 0, sizeof *run);
  rc = kvsp_finisher_new(&run->finisher, &config);
  ck_assert_int_eq(rc == KVSP_OK, run->finisher != NULL);
  return rc;
}

static void close_finisher(struct run *run) {
  kvsp_finisher_free(run->finisher);
  bytes_free(&run->file);
}

static void expect_lost(struct run *run) {
  const kvsp_item item = {.type = KVSP_ITEM_GAP};
  kvsp_finisher_stats stats;
  ck_assert_int_eq(kvsp_finisher_item(run->finisher, &item), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_finisher_finish(run->finisher), KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_finisher_get_stats(run->finisher, &stats, sizeof stats),
                   KVSP_OK);
}

static void finish_again(struct run *run, const struct run *sound,
                         const struct bytes *b) {
  bytes_free(&run->file);
  ck_assert_int_eq(kvsp_finisher_reset(run->finisher), KVSP_OK);
  ck_assert_int_eq(finish_all(run, b), KVSP_OK);
  ck_assert_uint_eq(run->file.len, sound->file.len);
  ck_assert_int_eq(memcmp(run->file.data, sound->file.data, sound->file.len),
                   0);
}

static size_t faults, lost_blocks;

/* Whether there was such an allocation. */
static bool fail_one(const struct run *sound, uint32_t mode, const char *app,
                     const struct bytes *b, size_t others, bool again) {
  size_t blocks = failing_new.live_blocks, lost;
  struct run run;
  bool failed;
  int rc;
  failing_new_arm(others);
  rc = open_finisher(&run, mode, app);
  if (rc == KVSP_OK) rc = finish_all(&run, b);
  failed = failing_new_disarm();
  ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : KVSP_OK);
  if (run.finisher && failed) expect_lost(&run);
  if (run.finisher && failed && again) finish_again(&run, sound, b);
  close_finisher(&run);
  lost = failing_new.live_blocks - blocks;
  ck_assert_uint_le(lost, failed ? FAILING_NEW_LOST_MOST : 0);
  lost_blocks += lost;
  faults += failed;
  return failed;
}

/* With KVSPARSE_SHORT not all of them. */
static void fail_in_turn(uint32_t mode, const char *app,
                         const struct bytes *b) {
  size_t step = getenv("KVSPARSE_SHORT") ? 23 : 1;
  struct run sound;
  size_t others = 0, blocks;
  (void)kvsp_finisher_version(); /* has a string of its own                 */
  blocks = failing_new.live_blocks;
  ck_assert_int_eq(open_finisher(&sound, mode, app), KVSP_OK);
  ck_assert_int_eq(finish_all(&sound, b), KVSP_OK);
  while (fail_one(&sound, mode, app, b, others, others / step % 7 == 0))
    others += step;
  close_finisher(&sound);
  ck_assert_uint_le(failing_new.live_blocks, blocks + lost_blocks);
}

static void print_faults(const char *what) {
  printf("%s: %zu times operator new failed; libebml lost %zu blocks\n", what,
         faults, lost_blocks);
  faults = lost_blocks = 0;
}

/* _i is the mode. */
START_TEST(built_streams_without_memory) {
  struct bytes b = {0};
  build_everything(&b);
  fail_in_turn((uint32_t)_i, _i ? NULL : "the name of a program", &b);
  ck_assert_uint_gt(faults, 20);
  print_faults("finishing a built stream");
  bytes_free(&b);
}
END_TEST

/* Two fragments of a real stream. */
START_TEST(a_capture_without_memory) {
  struct bytes b = {0};
  corpus_load(&b, "kvs-getmedia", "output_get_media.mkv", "");
  if (b.len > 400000) b.len = 400000;
  fail_in_turn(KVSP_FINISH_REBASE, NULL, &b);
  ck_assert_uint_gt(faults, 20);
  print_faults("finishing a real stream");
  bytes_free(&b);
}
END_TEST

/* ---- what is kept ----------------------------------------------------------- */

static int drop(void *user, uint64_t offset, const void *data, size_t len) {
  (void)user, (void)offset, (void)data, (void)len;
  return 0;
}

struct filling {
  kvsp_finisher *finisher;
  uint64_t most; /* that was kept                                           */
  int stopped;   /* what stopped it                                         */
  uint64_t items;
};

static int on_filling(void *user, const kvsp_item *item) {
  struct filling *f = user;
  kvsp_finisher_stats stats;
  int rc = kvsp_finisher_item(f->finisher, item);
  f->items++;
  ck_assert_int_eq(kvsp_finisher_get_stats(f->finisher, &stats, sizeof stats),
                   KVSP_OK);
  if (stats.memory > f->most) f->most = stats.memory;
  f->stopped = rc;
  return rc;
}

/* One fragment with one large Tags behind the other. */
START_TEST(tags_have_a_limit) {
  static char value[20001];
  const struct mux_tag tag = {"NAME", value};
  kvsp_finisher_config config = {
      .struct_size = sizeof config, .write = drop, .max_memory = 100000};
  struct filling f = {0};
  struct bytes b = {0};
  kvsp_reader *r = NULL;
  size_t before = failing_new.live_bytes;
  build_fragments(&b, 1, 1);
  memset(value, 'a', sizeof value - 1);
  for (int i = 0; i < 200; i++) mux_tags(&b, &tag, 1);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_new(&f.finisher, &config), KVSP_OK);
  failing_new.peak_bytes = before;
  ck_assert_int_eq(
      kvsp_reader_visit(r, b.data, b.len, KVSP_FINAL, on_filling, &f),
      KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(f.stopped, KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_lt(failing_new.peak_bytes - before, 1000000);
  /* What there is can be finished, and the next file begins empty. */
  ck_assert_int_eq(kvsp_finisher_finish(f.finisher), KVSP_OK);
  ck_assert_int_eq(kvsp_finisher_reset(f.finisher), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_visit(r, NULL, 0, 0, on_filling, &f), KVSP_END);
  ck_assert_int_eq(kvsp_finisher_finish(f.finisher), KVSP_END);
  kvsp_finisher_free(f.finisher);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- the suite --------------------------------------------------------------- */

/* valgrind puts its own operator new in the place of ours. */
static bool new_is_ours(void) {
  kvsp_finisher_config config = {.struct_size = sizeof config, .write = drop};
  kvsp_finisher *f = NULL;
  size_t before = failing_new.calls;
  int rc = kvsp_finisher_new(&f, &config);
  kvsp_finisher_free(f);
  return rc == KVSP_OK && failing_new.calls > before;
}

int main(void) {
  Suite *suite;
  TCase *tc;
  if (!new_is_ours()) {
    printf("skipped: operator new is somebody else's\n");
    return 77;
  }
  suite = suite_create("finish_memory");
  tc = tcase_create("memory");
  tcase_set_timeout(tc, 600);
  tcase_add_loop_test(tc, built_streams_without_memory, 0,
                      KVSP_FINISH_KEEP + 1);
  if (corpus_is_there())
    tcase_add_test(tc, a_capture_without_memory);
  else
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
  tcase_add_test(tc, tags_have_a_limit);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
