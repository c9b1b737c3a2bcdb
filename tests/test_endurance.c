/*
 * test_endurance.c - the reader on a stream without end: what it holds and
 * what each byte costs are the same after a hundred thousand fragments as
 * after the first thousand.  Counted, not timed.  KVSPARSE_SHORT=1: five
 * thousand, for valgrind and the like.
 */
#include <check.h>
#include <kvsparse/reader.h>
#include <stdlib.h>
#include <string.h>

#include "support/build.h"
#include "support/suite.h"

#define WARM 1000u
#define PIECE 1000u

static unsigned many = 100000;

/* What came out, and what it cost. */
struct progress {
  uint64_t fragments, frames, gaps, damaged;
  kvsp_reader_stats stats;
};

static void drain(kvsp_reader *r, struct progress *p) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(r, &item)) {
    if (item->type == KVSP_ITEM_FRAME) p->frames++;
    if (item->type == KVSP_ITEM_GAP) p->gaps++;
    if (item->type != KVSP_ITEM_FRAGMENT_END) continue;
    p->fragments++;
    if (item->fragment->flags & KVSP_FRAGMENT_DAMAGED) p->damaged++;
  }
  ck_assert_int_eq(rc, KVSP_NEED_INPUT);
}

static void feed_fragment(kvsp_reader *r, const struct bytes *b,
                          struct progress *p) {
  for (size_t at = 0; at < b->len; at += PIECE) {
    size_t n = b->len - at < PIECE ? b->len - at : PIECE;
    ck_assert_int_eq(kvsp_reader_input(r, b->data + at, n, 0), KVSP_OK);
    drain(r, p);
  }
}

/* cut_every: of so many fragments, one ends in the middle; 0: none does. */
static void feed_fragments(kvsp_reader *r, unsigned first, unsigned last,
                           unsigned cut_every, struct progress *p) {
  struct bytes b = {0};
  for (unsigned i = first; i < last; i++) {
    const struct build_fragment fragment = {
        .number = 1000 + i, .frames = 3, .frame_size = 200};
    b.len = 0;
    build_fragment(&b, &fragment);
    if (cut_every > 0 && i % cut_every == 1) b.len -= 200 + i % 300;
    feed_fragment(r, &b, p);
  }
  bytes_free(&b);
  ck_assert_int_eq(kvsp_reader_get_stats(r, &p->stats, sizeof p->stats),
                   KVSP_OK);
}

static double per_byte(uint64_t count, const kvsp_reader_stats *stats) {
  return (double)count / (double)stats->bytes_fed;
}

static void check_flat(unsigned cut_every) {
  struct progress p = {0};
  kvsp_reader_stats warm;
  kvsp_reader *r;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  feed_fragments(r, 0, WARM, cut_every, &p);
  warm = p.stats;
  feed_fragments(r, WARM, many, cut_every, &p);
  /* The last one is told when another begins, or the stream ends. */
  ck_assert_uint_eq(p.fragments, many - 1);
  /* Behind a cut, what is taken for an element may be held up to max_value. */
  ck_assert_uint_le(p.stats.memory_peak,
                    cut_every > 0 ? 2u << 20 : warm.memory_peak);
  ck_assert_double_eq_tol(per_byte(p.stats.bytes_examined, &p.stats),
                          per_byte(warm.bytes_examined, &warm),
                          cut_every > 0 ? 0.1 : 0.01);
  ck_assert_double_eq_tol(per_byte(p.stats.bytes_copied, &p.stats),
                          per_byte(warm.bytes_copied, &warm),
                          cut_every > 0 ? 0.2 : 0.01);
  if (cut_every == 0) {
    ck_assert_uint_eq(p.frames, 3 * (uint64_t)many);
    ck_assert_uint_eq(p.gaps, 0);
    ck_assert_uint_eq(p.damaged, 0);
  } else {
    ck_assert_uint_ge(p.frames, 3 * (uint64_t)(many - many / cut_every));
    ck_assert_uint_ge(p.damaged, many / cut_every / 2);
  }
  kvsp_reader_free(r);
}

START_TEST(a_hundred_thousand_fragments) {
  check_flat(0);
}
END_TEST

/* A producer that dies once in a while. */
START_TEST(a_hundred_thousand_fragments_some_cut) {
  check_flat(10);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endurance");
  TCase *tc = tcase_create("endurance");
  const char *wish = getenv("KVSPARSE_SHORT");
  if (wish != NULL && strcmp(wish, "1") == 0) many = 5 * WARM;
  tcase_set_timeout(tc, 3600);
  tcase_add_test(tc, a_hundred_thousand_fragments);
  tcase_add_test(tc, a_hundred_thousand_fragments_some_cut);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
