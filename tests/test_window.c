/*
 * test_window.c - the bytes at hand: any cutting gives the same ones, little
 * is copied, what was retained stays, what failed can be repeated.
 */
#include <check.h>
#include <kvsparse/kvsparse.h>
#include <string.h>

#include "support/allocator.h"
#include "support/guard.h"
#include "support/stream.h"
#include "support/suite.h"
#include "window.h"

#define KEPT_MAX 4096

/* As ck_assert, but costs nothing as long as it holds. */
#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) ck_abort_msg("not so: %s", #condition); \
  } while (0)

static const uint8_t zeros[KVSP_PADDING];

/* A stream and one who consumes it: what it needs, takes, skips and retains
 * depends on the seed alone, how the bytes come on the rest. */
struct consumer {
  struct test_allocator allocator;
  struct memory memory;
  struct window window;
  struct bytes stream;
  uint32_t state;   /* what is wanted next                                  */
  uint32_t feeding; /* how it is fed                                        */
  int commits;      /* 0: lends, 1: reserves and commits, 2: now this, now
                       that                                                 */
  size_t piece_max;
  int retains;
  size_t given;   /* of the stream                                        */
  uint8_t *piece; /* the one that is lent, at a guard page                */
  size_t piece_len;
  kvsp_buf *kept[KEPT_MAX];
  size_t kept_at[KEPT_MAX];
  size_t kept_count;
  size_t repeated; /* calls that failed for want of memory                 */
  int shrinks;
  int going_back; /* this often at most                                   */
  size_t went_back;
};

static void start(struct consumer *c, size_t len, uint32_t seed) {
  memset(c, 0, sizeof *c);
  test_allocator_init(&c->allocator);
  c->memory.allocator = c->allocator.allocator;
  c->memory.max = UINT64_MAX;
  kvsp_window_init(&c->window, &c->memory);
  stream_filler(&c->stream, len, seed);
  c->state = seed * 2 + 1;
  c->feeding = seed * 2 + 77;
  c->piece_max = 100;
}

static void stop(struct consumer *c) {
  kvsp_window_clear(&c->window);
  ck_assert_uint_eq(c->memory.used, 0);
  for (size_t i = 0; i < c->kept_count; i++) kvsp_buf_unref(c->kept[i]);
  guard_free(c->piece, c->piece_len);
  bytes_free(&c->stream);
  ck_assert_uint_eq(c->allocator.live_blocks, 0);
  ck_assert_uint_eq(c->allocator.live_bytes, 0);
}

/* Whether a failed call is to be repeated. */
static int is_repeatable(struct consumer *c, int rc) {
  if (rc == KVSP_OK) return 0;
  EXPECT(rc == KVSP_ERR_NOMEM);
  c->repeated++;
  return 1;
}

static void give_by_commit(struct consumer *c, size_t len) {
  struct window *w = &c->window;
  size_t left = c->stream.len - c->given;
  size_t room = 0;
  void *data = NULL;
  int rc;
  do {
    rc = kvsp_window_reserve(w, len, &data, &room);
  } while (is_repeatable(c, rc));
  EXPECT(room >= 1);
  if (len > room) len = room;
  memset(data, 0xEE, len); /* all of it is ours */
  if (len > left) len = left;
  if (len > 0) memcpy(data, c->stream.data + c->given, len);
  c->given += len;
  EXPECT(kvsp_window_commit(w, len, c->given == c->stream.len) == KVSP_OK);
}

static void give_by_lending(struct consumer *c, size_t len) {
  size_t left = c->stream.len - c->given;
  guard_free(c->piece, c->piece_len);
  if (len > left) len = left;
  c->piece = guard_copy(c->stream.data + c->given, len);
  c->piece_len = len;
  c->given += len;
  EXPECT(kvsp_window_lend(&c->window, c->piece, len,
                          c->given == c->stream.len) == KVSP_OK);
}

static void give(struct consumer *c) {
  size_t len = 1 + stream_random(&c->feeding) % c->piece_max;
  int commits = c->commits;
  if (commits == 2) commits = (int)(stream_random(&c->feeding) % 2);
  if (commits)
    give_by_commit(c, len);
  else
    give_by_lending(c, len);
}

/* KVSP_OK or KVSP_END. */
static int need(struct consumer *c, size_t n) {
  for (;;) {
    int rc = kvsp_window_need(&c->window, n);
    if (rc == KVSP_OK || rc == KVSP_END) return rc;
    if (rc == KVSP_NEED_INPUT) {
      EXPECT(c->given < c->stream.len);
      give(c);
    } else {
      is_repeatable(c, rc);
    }
  }
}

static void retain(struct consumer *c, kvsp_view v, size_t at) {
  int rc;
  if (c->kept_count == KEPT_MAX) return;
  do {
    rc = kvsp_window_retain(&c->window, v, &c->kept[c->kept_count]);
  } while (is_repeatable(c, rc));
  c->kept_at[c->kept_count++] = at;
}

static void expect_kept(const struct consumer *c) {
  for (size_t i = 0; i < c->kept_count; i++) {
    kvsp_view v = kvsp_buf_view(c->kept[i]);
    if (v.len > 0)
      ck_assert_mem_eq(v.data, c->stream.data + c->kept_at[i], v.len);
    ck_assert_mem_eq(v.data + v.len, zeros, KVSP_PADDING);
  }
}

static size_t wanted_next(struct consumer *c, size_t most) {
  uint32_t x = stream_random(&c->state);
  size_t n = (x >> 8) % most + 1;
  return x % 8 ? n % 20 + 1 : n; /* small as a rule, like headers */
}

/* Needs n bytes and takes some of them, or takes all the rest. */
static void read_some(struct consumer *c, size_t n) {
  struct window *w = &c->window;
  size_t at = (size_t)w->offset;
  int rc = need(c, n);
  kvsp_view v = window_view(w);
  EXPECT(w->offset == at);
  if (rc == KVSP_END) {
    EXPECT(c->stream.len - at < n);
    n = v.len;
  }
  EXPECT(v.len >= n);
  EXPECT(v.len == 0 || memcmp(v.data, c->stream.data + at, v.len) == 0);
  v.len = n;
  if (c->retains && stream_random(&c->state) % 2) retain(c, v, at);
  window_take(w, n);
  if (c->retains && stream_random(&c->state) % 2)
    retain(c, v, at); /* of what was last taken */
}

static void skip_some(struct consumer *c, uint64_t n) {
  while (n > 0) {
    uint64_t skipped = kvsp_window_skip(&c->window, n);
    n -= skipped;
    if (n > 0 && need(c, 1) == KVSP_END) return;
  }
}

/* Any bytes at hand, as far as there are that many. */
static void peek_some(struct consumer *c, uint64_t from) {
  struct window *w = &c->window;
  uint64_t end = kvsp_window_end(w);
  uint64_t at = from + stream_random(&c->state) % (end - from + 1);
  size_t n = stream_random(&c->state) % 100;
  uint8_t scratch[100];
  kvsp_view got = kvsp_window_peek(w, at, scratch, n);
  EXPECT(end == c->given);
  EXPECT(got.len == (n < end - at ? n : end - at));
  EXPECT(got.len == 0 || memcmp(got.data, c->stream.data + at, got.len) == 0);
}

/* Holds, goes back and on, gives up what was held. */
static void go_back(struct consumer *c) {
  struct window *w = &c->window;
  uint64_t from = w->hold < w->offset ? w->hold : w->offset;
  peek_some(c, from);
  switch (stream_random(&c->state) % 6) {
    case 0:
    case 1: kvsp_window_hold(w); break;
    case 2:
      if (c->going_back-- <= 0) return;
      c->went_back += from < w->offset;
      kvsp_window_seek(
          w, from + stream_random(&c->state) % (kvsp_window_end(w) - from + 1));
      break;
    case 3: kvsp_window_release(w); break;
    default: break;
  }
}

static void shrink_some(struct consumer *c) {
  int rc;
  if (stream_random(&c->feeding) % 4) return;
  do rc = kvsp_window_shrink(&c->window);
  while (is_repeatable(c, rc));
}

static void consume(struct consumer *c, size_t most) {
  struct window *w = &c->window;
  while (w->offset < c->stream.len) {
    if (stream_random(&c->state) % 6 == 0)
      skip_some(c, wanted_next(c, most));
    else
      read_some(c, wanted_next(c, most));
    if (stream_random(&c->state) % 6 == 0) kvsp_window_trim(w);
    if (c->shrinks) shrink_some(c);
    if (c->going_back > 0) go_back(c);
  }
  ck_assert_uint_eq(w->offset, c->stream.len);
  ck_assert_uint_eq(w->fed, c->stream.len);
  ck_assert_int_eq(kvsp_window_need(w, 1), KVSP_END);
  ck_assert_uint_eq(window_view(w).len, 0);
  expect_kept(c);
}

/* ---- the same bytes ------------------------------------------------------ */

static const size_t piece_sizes[] = {1, 2, 3, 7, 31, 1000, 5000, 100000};

START_TEST(any_cutting_gives_the_same_bytes) {
  for (int commits = 0; commits < 3; commits++) {
    for (uint32_t seed = 1; seed <= 3; seed++) {
      struct consumer c;
      start(&c, 20000, seed);
      c.piece_max = piece_sizes[_i];
      c.commits = commits;
      consume(&c, 3000);
      stop(&c);
    }
  }
}
END_TEST

START_TEST(what_was_retained_stays) {
  for (int commits = 0; commits < 3; commits++) {
    for (uint32_t seed = 1; seed <= 3; seed++) {
      struct consumer c;
      start(&c, 20000, seed + 100);
      c.piece_max = piece_sizes[_i];
      c.commits = commits;
      c.retains = 1;
      consume(&c, 3000);
      ck_assert_uint_gt(c.kept_count, 5);
      stop(&c);
    }
  }
}
END_TEST

/* What is held can be read again, looked at, and retained. */
START_TEST(going_back_gives_the_same_bytes) {
  size_t went_back = 0;
  for (int commits = 0; commits < 3; commits++) {
    for (uint32_t seed = 1; seed <= 6; seed++) {
      struct consumer c;
      start(&c, 20000, seed + 200);
      c.piece_max = piece_sizes[_i];
      c.commits = commits;
      c.retains = seed % 2;
      c.shrinks = seed > 3;
      c.going_back = 300;
      consume(&c, 1000);
      went_back += c.went_back;
      stop(&c);
    }
  }
  ck_assert_uint_gt(went_back, 30);
}
END_TEST

/* Lent bytes that are held are not let go before they are in the carry. */
START_TEST(what_is_held_is_not_let_go) {
  struct consumer c;
  struct window *w = &c.window;
  uint8_t scratch[8];
  kvsp_view peeked;

  start(&c, 100, 1);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 10, false), KVSP_OK);
  window_take(w, 4);
  kvsp_window_hold(w);
  window_take(w, 2);
  kvsp_window_hold(w); /* the earlier one stays */
  window_take(w, 4);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data + 10, 10, false),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_need(w, 1), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data + 10, 90, true), KVSP_OK);
  peeked = kvsp_window_peek(w, 4, scratch, 8);
  ck_assert_uint_eq(peeked.len, 8);
  ck_assert_mem_eq(peeked.data, c.stream.data + 4, 8);
  kvsp_window_seek(w, 4);
  ck_assert_int_eq(kvsp_window_need(w, 96), KVSP_OK);
  ck_assert_mem_eq(window_view(w).data, c.stream.data + 4, 96);
  ck_assert_uint_eq(kvsp_window_end(w), 100);
  window_take(w, 96);
  kvsp_window_release(w);
  ck_assert_int_eq(kvsp_window_need(w, 1), KVSP_END);
  stop(&c);
}
END_TEST

/* The n-th call of the allocator fails, for all n there are. */
START_TEST(what_failed_can_be_repeated) {
  for (int commits = 0; commits < 3; commits++) {
    for (size_t n = 1;; n++) {
      struct consumer c;
      start(&c, 6000, 9);
      c.piece_max = 300;
      c.commits = commits;
      c.retains = _i;
      c.shrinks = _i;
      c.going_back = _i * 20;
      c.allocator.fail_at = n;
      consume(&c, 3000);
      ck_assert_uint_eq(c.repeated, c.allocator.failures);
      n = c.allocator.failures ? n : SIZE_MAX;
      stop(&c);
      if (n == SIZE_MAX) break;
      ck_assert_uint_lt(n, 10000);
    }
  }
}
END_TEST

/* A limit instead of a failing allocator: raised, nothing is lost. */
START_TEST(beyond_the_limit_nothing_is_lost) {
  struct test_allocator a;
  struct memory m = {.max = 3000};
  struct window w;
  struct bytes stream = {0};
  int rc;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  kvsp_window_init(&w, &m);
  stream_filler(&stream, 10000, 3);
  for (size_t given = 0; given < 9000; given += 100) {
    ck_assert_int_eq(kvsp_window_lend(&w, stream.data + given, 100, false),
                     KVSP_OK);
    rc = kvsp_window_need(&w, 9000);
    while (rc == KVSP_ERR_LIMIT_MEMORY) {
      ck_assert_uint_le(m.used, m.max);
      m.max += 500;
      rc = kvsp_window_need(&w, 9000);
    }
    ck_assert_int_eq(rc, given < 8900 ? KVSP_NEED_INPUT : KVSP_OK);
  }
  ck_assert_uint_gt(m.max, 9000);
  ck_assert_uint_ge(window_view(&w).len, 9000);
  ck_assert_mem_eq(window_view(&w).data, stream.data, 9000);
  kvsp_window_clear(&w);
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&stream);
}
END_TEST

/* ---- what is copied ------------------------------------------------------ */

/* Needs all of it at once; how much was copied. */
static uint64_t copied_for(size_t len, size_t piece, int commits,
                           size_t *largest) {
  struct consumer c;
  uint64_t copied;
  start(&c, len, 1);
  c.piece_max = 1;
  for (;;) {
    int rc = kvsp_window_need(&c.window, len);
    if (rc == KVSP_OK) break;
    EXPECT(rc == KVSP_NEED_INPUT);
    if (commits) {
      give_by_commit(&c, piece);
    } else {
      size_t left = len - c.given;
      size_t n = piece < left ? piece : left;
      EXPECT(kvsp_window_lend(&c.window, c.stream.data + c.given, n,
                              n == left) == KVSP_OK);
      c.given += n;
    }
  }
  ck_assert_mem_eq(window_view(&c.window).data, c.stream.data, len);
  window_take(&c.window, len);
  copied = c.window.copied;
  *largest = c.allocator.largest;
  stop(&c);
  return copied;
}

/* One byte at a time and in larger pieces: each byte once into the carry, and
 * once or twice more when the carry grows.  Lent whole: not at all. */
START_TEST(large_needs_copy_little) {
  static const size_t pieces[] = {1, 3, 1000, 65536, 300000};
  const size_t len = 300000;
  size_t largest = 0;

  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    uint64_t lent = copied_for(len, pieces[i], 0, &largest);
    ck_assert_uint_le(largest, 3 * len);
    if (pieces[i] == len)
      ck_assert_uint_eq(lent, 0);
    else
      ck_assert_uint_le(lent, 3 * len);
    if (pieces[i] != len) ck_assert_uint_ge(lent, len); /* the count counts */
    ck_assert_uint_le(copied_for(len, pieces[i], 1, &largest), 2 * len);
    ck_assert_uint_le(largest, 3 * len);
  }
}
END_TEST

/* Each time one more is needed, as by one who looks for an end. */
START_TEST(creeping_needs_copy_little) {
  const size_t len = 100000;
  for (int commits = 0; commits < 2; commits++) {
    struct consumer c;
    start(&c, len, 1);
    c.piece_max = 1;
    c.commits = commits;
    for (size_t n = 1; n <= len; n++) EXPECT(need(&c, n) == KVSP_OK);
    ck_assert_mem_eq(window_view(&c.window).data, c.stream.data, len);
    ck_assert_uint_le(c.window.copied, 5 * len);
    ck_assert_uint_le(c.allocator.calls, 100);
    stop(&c);
  }
}
END_TEST

/* Small elements: what is split is moved, the rest is not touched. */
START_TEST(small_needs_copy_what_is_split) {
  const size_t len = 1 << 20;
  for (int commits = 0; commits < 2; commits++) {
    struct consumer c;
    start(&c, len, 5);
    c.piece_max = 65536;
    c.commits = commits;
    while (need(&c, 100) == KVSP_OK) window_take(&c.window, 100);
    ck_assert_uint_le(c.window.copied, len / 50);
    stop(&c);
  }
}
END_TEST

/* Received one byte at a time, a hundred needed: still less than each twice. */
START_TEST(small_pieces_copy_each_byte_twice_at_most) {
  const size_t len = 100000;
  for (int commits = 0; commits < 2; commits++) {
    struct consumer c;
    start(&c, len, 5);
    c.piece_max = 1;
    c.commits = commits;
    while (need(&c, 100) == KVSP_OK) window_take(&c.window, 100);
    ck_assert_uint_le(c.window.copied, 2 * len);
    stop(&c);
  }
}
END_TEST

/* A size that the stream declares takes no memory by itself. */
START_TEST(declared_sizes_take_no_memory) {
  struct test_allocator a;
  struct memory m = {.max = UINT64_MAX};
  struct window w;
  const uint8_t bytes[10] = {0};
  void *data = NULL;
  size_t room = 0;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  kvsp_window_init(&w, &m);
  ck_assert_int_eq(kvsp_window_lend(&w, bytes, 10, false), KVSP_OK);
  ck_assert_int_eq(kvsp_window_need(&w, SIZE_MAX / 4), KVSP_NEED_INPUT);
  ck_assert_uint_le(a.peak_bytes, 70000);
  ck_assert_int_eq(kvsp_window_reserve(&w, 1, &data, &room), KVSP_OK);
  ck_assert_uint_le(a.peak_bytes, 140000);
  kvsp_window_clear(&w);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* Needs and takes without anything split: no copy, no memory. */
START_TEST(what_is_lent_whole_is_not_copied) {
  struct consumer c;
  const uint8_t *begin;
  start(&c, 1000, 1);
  ck_assert_int_eq(kvsp_window_lend(&c.window, c.stream.data, 1000, true),
                   KVSP_OK);
  begin = c.stream.data;
  for (size_t at = 0; at < 1000; at += 50) {
    ck_assert_int_eq(kvsp_window_need(&c.window, 50), KVSP_OK);
    ck_assert_ptr_eq(window_view(&c.window).data, begin + at);
    window_take(&c.window, 20);
    ck_assert_uint_eq(kvsp_window_skip(&c.window, 30), 30);
  }
  ck_assert_uint_eq(c.allocator.calls, 0);
  ck_assert_uint_eq(c.window.copied, 0);
  stop(&c);
}
END_TEST

/* ---- lending, reserving, the end ----------------------------------------- */

START_TEST(the_end_is_told) {
  struct consumer c;
  start(&c, 10, 1);
  ck_assert_int_eq(kvsp_window_need(&c.window, 1), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_window_need(&c.window, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_window_lend(&c.window, c.stream.data, 4, false),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_window_need(&c.window, 5), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_window_lend(&c.window, c.stream.data + 4, 6, true),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_window_need(&c.window, 11), KVSP_END);
  ck_assert_int_eq(kvsp_window_need(&c.window, SIZE_MAX), KVSP_END);
  ck_assert_int_eq(kvsp_window_need(&c.window, 10), KVSP_OK); /* none is lost */
  ck_assert_mem_eq(window_view(&c.window).data, c.stream.data, 10);
  window_take(&c.window, 10);
  ck_assert_int_eq(kvsp_window_need(&c.window, 1), KVSP_END);
  ck_assert_int_eq(kvsp_window_need(&c.window, 0), KVSP_OK);
  ck_assert_uint_eq(kvsp_window_skip(&c.window, 1), 0);
  stop(&c);
}
END_TEST

START_TEST(wrong_order_is_refused) {
  struct consumer c;
  struct window *w = &c.window;
  void *data = NULL;
  size_t room = 0;

  start(&c, 10, 1);
  ck_assert_int_eq(kvsp_window_commit(w, 0, false), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 5, false), KVSP_OK);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 5, false),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_reserve(w, 1, &data, &room), KVSP_ERR_STATE);
  window_take(w, 5);
  ck_assert_int_eq(kvsp_window_reserve(w, 1, &data, &room), KVSP_OK);
  ck_assert_int_eq(kvsp_window_reserve(w, 1, &data, &room), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 5, false),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_commit(w, room + 1, false), KVSP_ERR_ARG);
  memset(data, 1, room);
  ck_assert_int_eq(kvsp_window_commit(w, room, true), KVSP_OK);
  ck_assert_int_eq(kvsp_window_commit(w, 0, false), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 5, false),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_window_reserve(w, 1, &data, &room), KVSP_ERR_STATE);
  ck_assert_uint_eq(window_view(w).len, room);
  ck_assert_uint_eq(w->fed, 5 + room);
  stop(&c);
}
END_TEST

/* At least one byte and a sensible number, whatever is asked for. */
START_TEST(reserve_offers_room) {
  static const size_t wants[] = {0, 1, 100, 5000, 1 << 20, SIZE_MAX};
  for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
    struct consumer c;
    void *data = NULL;
    size_t room = 0;
    start(&c, 10, 1);
    ck_assert_int_eq(kvsp_window_reserve(&c.window, wants[i], &data, &room),
                     KVSP_OK);
    ck_assert_uint_ge(room, 1);
    if (wants[i] <= 1 << 20) ck_assert_uint_ge(room, wants[i]);
    ck_assert_uint_le(c.allocator.largest, 3 << 20);
    memset(data, 0, room);
    ck_assert_int_eq(kvsp_window_commit(&c.window, 0, false), KVSP_OK);
    ck_assert_int_eq(kvsp_window_need(&c.window, 1), KVSP_NEED_INPUT);
    stop(&c);
  }
}
END_TEST

/* The carry with a slice in it is left alone, by lending and by reserving. */
START_TEST(shared_storage_is_not_overwritten) {
  struct consumer c;
  struct window *w = &c.window;
  kvsp_buf *slice = NULL;
  kvsp_view v;
  void *data = NULL;
  size_t room = 0;

  start(&c, 4000, 1);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data, 100, false), KVSP_OK);
  ck_assert_int_eq(kvsp_window_need(w, 150), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_window_lend(w, c.stream.data + 100, 900, false),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_window_need(w, 150), KVSP_OK);
  v = window_view(w);
  ck_assert_uint_eq(v.len, 150);
  ck_assert_int_eq(kvsp_window_retain(w, v, &slice), KVSP_OK);
  ck_assert_ptr_eq(kvsp_buf_view(slice).data, v.data); /* no copy */
  if (_i == 0) {
    window_take(w, 150);
    window_take(w, 850);
    ck_assert_int_eq(kvsp_window_reserve(w, 1, &data, &room), KVSP_OK);
    memset(data, 0xEE, room);
  } else {
    window_take(w, _i == 1 ? 150 : 120);
    ck_assert_int_eq(kvsp_window_need(w, 1500), KVSP_NEED_INPUT);
    ck_assert_int_eq(kvsp_window_lend(w, c.stream.data + 1000, 3000, true),
                     KVSP_OK);
    ck_assert_int_eq(kvsp_window_need(w, 1500), KVSP_OK);
    ck_assert_mem_eq(window_view(w).data, c.stream.data + w->offset, 1500);
  }
  ck_assert_mem_eq(kvsp_buf_view(slice).data, c.stream.data, 150);
  ck_assert_mem_eq(kvsp_buf_view(slice).data + 150, zeros, KVSP_PADDING);
  kvsp_window_clear(w);
  ck_assert_mem_eq(kvsp_buf_view(slice).data, c.stream.data, 150);
  kvsp_buf_unref(slice);
  stop(&c);
}
END_TEST

/* Bytes that others follow cannot get their zeros in place. */
START_TEST(retaining_does_not_damage_what_follows) {
  struct consumer c;
  struct window *w = &c.window;
  kvsp_buf *head = NULL, *empty = NULL;
  kvsp_view v;
  void *data = NULL;
  size_t room = 0;

  start(&c, 1000, 1);
  ck_assert_int_eq(kvsp_window_reserve(w, 1000, &data, &room), KVSP_OK);
  memcpy(data, c.stream.data, 1000);
  ck_assert_int_eq(kvsp_window_commit(w, 1000, true), KVSP_OK);
  v = window_view(w);
  v.len = 10;
  ck_assert_int_eq(kvsp_window_retain(w, v, &head), KVSP_OK);
  ck_assert_mem_eq(window_view(w).data, c.stream.data, 1000);
  ck_assert_ptr_ne(kvsp_buf_view(head).data, v.data);
  v.len = 0;
  ck_assert_int_eq(kvsp_window_retain(w, v, &empty), KVSP_OK);
  ck_assert_uint_eq(kvsp_buf_view(empty).len, 0);
  ck_assert_mem_eq(window_view(w).data, c.stream.data, 1000);
  ck_assert_mem_eq(kvsp_buf_view(head).data, c.stream.data, 10);
  kvsp_buf_unref(head);
  kvsp_buf_unref(empty);
  stop(&c);
}
END_TEST

START_TEST(trimming_gives_back_what_is_large_and_empty) {
  struct consumer c;
  struct window *w = &c.window;

  start(&c, 200000, 1);
  c.piece_max = 1000;
  kvsp_window_trim(w);
  ck_assert_int_eq(need(&c, 100000), KVSP_OK);
  kvsp_window_trim(w); /* not empty */
  ck_assert_mem_eq(window_view(w).data, c.stream.data, 100000);
  window_take(w, 100000);
  ck_assert_uint_gt(c.memory.used, 100000);
  kvsp_window_trim(w);
  ck_assert_uint_le(c.memory.used, 5000);
  ck_assert_int_eq(need(&c, 100000), KVSP_OK); /* and it goes on */
  ck_assert_mem_eq(window_view(w).data, c.stream.data + 100000, 100000);
  stop(&c);
}
END_TEST

/* What is wanted stays, in storage that is hardly larger; a slice keeps its
 * own. */
START_TEST(shrinking_keeps_what_is_wanted) {
  struct consumer c;
  struct window *w = &c.window;
  kvsp_buf *slice = NULL;

  start(&c, 200000, 1);
  c.piece_max = 1000;
  ck_assert_int_eq(need(&c, 100000), KVSP_OK);
  if (_i) {
    kvsp_view v = window_view(w);
    ck_assert_int_eq(kvsp_window_retain(w, v, &slice), KVSP_OK);
  }
  window_take(w, 90000);
  kvsp_window_hold(w);
  window_take(w, 9000);
  ck_assert_int_eq(kvsp_window_shrink(w), KVSP_OK);
  ck_assert_uint_le(c.memory.used, 20000);
  kvsp_window_seek(w, 90000);
  ck_assert_int_eq(need(&c, 30000), KVSP_OK); /* and it goes on */
  ck_assert_mem_eq(window_view(w).data, c.stream.data + 90000, 30000);
  kvsp_window_release(w);
  window_take(w, window_view(w).len);
  ck_assert_int_eq(kvsp_window_shrink(w), KVSP_OK);
  ck_assert_uint_eq(c.memory.used, 0);
  if (slice) ck_assert_mem_eq(kvsp_buf_view(slice).data, c.stream.data, 100000);
  kvsp_buf_unref(slice);
  stop(&c);
}
END_TEST

/* Room that was handed out is not given back under the caller's hands. */
START_TEST(trimming_leaves_what_is_reserved) {
  struct consumer c;
  void *data = NULL;
  size_t room = 0;

  start(&c, 100000, 1);
  ck_assert_int_eq(kvsp_window_reserve(&c.window, 100000, &data, &room),
                   KVSP_OK);
  kvsp_window_trim(&c.window);
  memcpy(data, c.stream.data, room < 100000 ? room : 100000);
  ck_assert_int_eq(kvsp_window_commit(&c.window, 1000, true), KVSP_OK);
  ck_assert_mem_eq(window_view(&c.window).data, c.stream.data, 1000);
  stop(&c);
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

static TCase *bytes_case(void) {
  TCase *tc = tcase_create("bytes");
  int pieces = (int)(sizeof piece_sizes / sizeof *piece_sizes);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, any_cutting_gives_the_same_bytes, 0, pieces);
  tcase_add_loop_test(tc, what_was_retained_stays, 0, pieces);
  tcase_add_loop_test(tc, going_back_gives_the_same_bytes, 0, pieces);
  tcase_add_test(tc, what_is_held_is_not_let_go);
  tcase_add_loop_test(tc, what_failed_can_be_repeated, 0, 2);
  tcase_add_test(tc, beyond_the_limit_nothing_is_lost);
  return tc;
}

static TCase *copies_case(void) {
  TCase *tc = tcase_create("copies");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, large_needs_copy_little);
  tcase_add_test(tc, creeping_needs_copy_little);
  tcase_add_test(tc, small_needs_copy_what_is_split);
  tcase_add_test(tc, small_pieces_copy_each_byte_twice_at_most);
  tcase_add_test(tc, declared_sizes_take_no_memory);
  tcase_add_test(tc, what_is_lent_whole_is_not_copied);
  return tc;
}

static TCase *order_case(void) {
  TCase *tc = tcase_create("order");
  tcase_add_test(tc, the_end_is_told);
  tcase_add_test(tc, wrong_order_is_refused);
  tcase_add_test(tc, reserve_offers_room);
  tcase_add_loop_test(tc, shared_storage_is_not_overwritten, 0, 3);
  tcase_add_test(tc, retaining_does_not_damage_what_follows);
  tcase_add_test(tc, trimming_gives_back_what_is_large_and_empty);
  tcase_add_test(tc, trimming_leaves_what_is_reserved);
  tcase_add_loop_test(tc, shrinking_keeps_what_is_wanted, 0, 2);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("window");
  suite_add_tcase(suite, bytes_case());
  suite_add_tcase(suite, copies_case());
  suite_add_tcase(suite, order_case());
  return run_suite(suite);
}
