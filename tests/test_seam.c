/*
 * test_seam.c - many sessions become one stream: whatever is cut wherever,
 * what comes out is the stream, byte for byte; and what cannot be had again is
 * told, once.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seam.h"
#include "support/allocator.h"
#include "support/build.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

#define COUNT 12u

/* ---- a service ----------------------------------------------------------- */

/* The stream, and where each of its fragments begins. */
struct service {
  struct bytes all;
  size_t starts[COUNT + 1];
};

static void make_service(struct service *service) {
  memset(service, 0, sizeof *service);
  for (unsigned i = 0; i < COUNT; i++) {
    struct build_fragment fragment = {
        .number = i + 1, .frames = 1 + i % 5, .frame_size = 50 + 400 * (i % 3)};
    service->starts[i] = service->all.len;
    build_fragment(&service->all, &fragment);
  }
  service->starts[COUNT] = service->all.len;
}

/* How many fragments there are up to that number, which build_fragment made of
 * these digits and the count. */
#define NUMBER_PREFIX "9134385233318143"

static unsigned index_after(const char *number) {
  unsigned index = 0;
  if (number[0] == '\0') return 0;
  ck_assert(strncmp(number, NUMBER_PREFIX, strlen(NUMBER_PREFIX)) == 0);
  for (number += strlen(NUMBER_PREFIX); *number; number++)
    index = index * 10 + (unsigned)(*number - '0');
  return index;
}

/* ---- what comes out ------------------------------------------------------ */

struct output {
  struct queue queue;
  struct seam seam;
  struct bytes all;
  struct bytes numbers; /* a line for each complete fragment                */
  unsigned gaps;
  unsigned lost;
};

static void on_lost(void *user, const char *number) {
  struct output *output = user;
  ck_assert(number[0]);
  output->lost++;
}

static const kvsp_allocator *allocator(void) {
  static kvsp_allocator standard;
  ck_assert_int_eq(kvsp_net_allocator_init(&standard, NULL), KVSP_OK);
  return &standard;
}

static void open_output(struct output *output, const kvsp_allocator *a) {
  memset(output, 0, sizeof *output);
  kvsp_queue_init(&output->queue, a);
  ck_assert_int_eq(kvsp_seam_init(&output->seam, a, NULL, &output->queue),
                   KVSP_OK);
  output->seam.on_lost = on_lost;
  output->seam.user = output;
}

static void close_output(struct output *output) {
  kvsp_seam_free(&output->seam);
  kvsp_queue_free(&output->queue);
  bytes_free(&output->all);
  bytes_free(&output->numbers);
}

static void take_all(struct output *output) {
  const uint8_t *data = NULL;
  const struct piece *piece = kvsp_queue_front(&output->queue, &data);
  for (; piece; piece = kvsp_queue_front(&output->queue, &data)) {
    ck_assert_uint_eq(piece->offset, output->all.len);
    if (piece->len > 0) bytes_append(&output->all, data, piece->len);
    if (piece->flags & KVSP_PIECE_GAP) output->gaps++;
    if (piece->flags & KVSP_PIECE_COMPLETE) {
      bytes_append(&output->numbers, piece->number, strlen(piece->number));
      bytes_append(&output->numbers, "\n", 1);
    }
    kvsp_queue_pop(&output->queue);
  }
}

static void feed_bytes(struct output *output, const uint8_t *data, size_t len,
                       uint32_t *random) {
  while (len > 0) {
    size_t part = 1 + stream_random(random) % 700;
    if (part > len) part = len;
    ck_assert_int_eq(kvsp_seam_feed(&output->seam, data, part), KVSP_OK);
    data += part;
    len -= part;
    if (stream_random(random) % 4 == 0) take_all(output);
  }
}

/* One session: from a fragment to a byte. */
static void session(struct output *output, const struct service *service,
                    unsigned first, size_t end, uint32_t *random) {
  size_t start = service->starts[first];
  ck_assert_int_eq(kvsp_seam_open(&output->seam), KVSP_OK);
  if (end > start)
    feed_bytes(output, service->all.data + start, end - start, random);
  ck_assert_int_eq(kvsp_seam_close(&output->seam), KVSP_OK);
}

static void expect_stream(struct output *output,
                          const struct service *service) {
  take_all(output);
  ck_assert_uint_eq(output->all.len, service->all.len);
  ck_assert_mem_eq(output->all.data, service->all.data, service->all.len);
}

static unsigned line_count(const struct bytes *b) {
  unsigned n = 0;
  for (size_t i = 0; i < b->len; i++) n += b->data[i] == '\n';
  return n;
}

/* ---- cuts ---------------------------------------------------------------- */

static void run_seed(uint32_t seed, bool inclusive) {
  struct service service;
  struct output output;
  uint32_t random = seed;
  unsigned sessions = 0;
  make_service(&service);
  open_output(&output, allocator());
  while (index_after(output.seam.position) < COUNT) {
    unsigned first = index_after(output.seam.position);
    size_t end;
    if (inclusive && first > 0) first--;
    end = service.starts[first] + stream_random(&random) % 9000;
    if (end > service.all.len) end = service.all.len;
    session(&output, &service, first, end, &random);
    ck_assert_uint_lt(sessions++, 10000);
  }
  expect_stream(&output, &service);
  ck_assert_uint_eq(line_count(&output.numbers), COUNT);
  ck_assert_uint_eq(output.seam.counts.fragments, COUNT);
  ck_assert_uint_eq(output.gaps + output.lost, 0);
  if (inclusive) ck_assert_uint_gt(output.seam.counts.dropped, 0);
  close_output(&output);
  bytes_free(&service.all);
}

START_TEST(random_cuts) {
  for (uint32_t seed = 1; seed <= 300; seed++) run_seed(seed * 7919, false);
}
END_TEST

START_TEST(random_cuts_and_the_last_again) {
  for (uint32_t seed = 1; seed <= 300; seed++) run_seed(seed * 104729, true);
}
END_TEST

/* Each byte of the second fragment is where the first session ends. */
START_TEST(every_cut) {
  struct service service;
  make_service(&service);
  for (size_t end = service.starts[1]; end <= service.starts[2]; end++) {
    struct output output;
    uint32_t random = (uint32_t)end;
    open_output(&output, allocator());
    session(&output, &service, 0, end, &random);
    session(&output, &service, index_after(output.seam.position),
            service.all.len, &random);
    expect_stream(&output, &service);
    ck_assert_uint_eq(line_count(&output.numbers), COUNT);
    ck_assert_uint_eq(output.gaps, 0);
    close_output(&output);
  }
  bytes_free(&service.all);
}
END_TEST

/* The cut fragment is gone: the service goes on with the one behind it. */
START_TEST(what_does_not_come_again_is_a_gap) {
  struct service service;
  struct output output;
  uint32_t random = 5;
  size_t cut;
  make_service(&service);
  open_output(&output, allocator());
  cut = service.starts[2] - 200;
  session(&output, &service, 0, cut, &random);
  session(&output, &service, 2, service.all.len, &random);
  take_all(&output);
  ck_assert_uint_eq(output.gaps, 1);
  ck_assert_uint_eq(output.lost, 1);
  ck_assert_uint_eq(output.seam.counts.lost, 1);
  ck_assert_uint_eq(line_count(&output.numbers), COUNT - 1);
  ck_assert_uint_lt(output.all.len, service.all.len);
  close_output(&output);
  bytes_free(&service.all);
}
END_TEST

/* It comes again with other bytes: it is not delivered twice. */
START_TEST(other_bytes_are_a_gap) {
  struct service service;
  struct output output;
  uint32_t random = 9;
  size_t cut;
  size_t whole;
  make_service(&service);
  open_output(&output, allocator());
  cut = service.starts[3] - 150;
  session(&output, &service, 0, cut, &random);
  take_all(&output);
  whole = output.all.len;
  ck_assert_uint_gt(whole, service.starts[2] + 100);
  /* A byte of its last frame that was delivered: no element's header. */
  service.all.data[whole - 20] ^= 0xFF;
  session(&output, &service, 2, service.all.len, &random);
  take_all(&output);
  ck_assert_uint_eq(output.gaps, 1);
  ck_assert_uint_eq(output.all.len,
                    whole + service.all.len - service.starts[3]);
  ck_assert_uint_eq(line_count(&output.numbers), COUNT - 1);
  close_output(&output);
  bytes_free(&service.all);
}
END_TEST

/* A last fragment without tail tags is no resume point; its tail comes with
 * the next session. */
START_TEST(tail_tags_may_come_later) {
  struct build_fragment fragment = {.number = 2, .no_tail = true};
  struct bytes first = {0};
  struct bytes again = {0};
  struct output output;
  build_fragments(&first, 1, 1);
  build_fragment(&first, &fragment);
  fragment.no_tail = false;
  build_fragment(&again, &fragment);
  open_output(&output, allocator());
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  ck_assert_int_eq(kvsp_seam_feed(&output.seam, first.data, first.len),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  take_all(&output);
  ck_assert_uint_eq(line_count(&output.numbers), 1);
  ck_assert_uint_eq(output.all.len, first.len);
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  ck_assert_int_eq(kvsp_seam_feed(&output.seam, again.data, again.len),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  take_all(&output);
  ck_assert_uint_eq(line_count(&output.numbers), 2);
  ck_assert_uint_eq(output.seam.counts.resumed, 1);
  ck_assert_uint_eq(output.gaps, 0);
  close_output(&output);
  bytes_free(&first);
  bytes_free(&again);
}
END_TEST

/* A fragment that was there comes again, broken at its end: the one behind it
 * comes whole, or is told to be lost. */
static void run_broken_end(const struct service *service, size_t at,
                           uint8_t value) {
  struct output output;
  struct bytes again = {0};
  bytes_append(&again, service->all.data, service->starts[3]);
  again.data[at] = value;
  open_output(&output, allocator());
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  ck_assert_int_eq(
      kvsp_seam_feed(&output.seam, service->all.data, service->starts[1]),
      KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  for (size_t i = 0; i < again.len; i += 3)
    ck_assert_int_eq(kvsp_seam_feed(&output.seam, again.data + i,
                                    again.len - i < 3 ? again.len - i : 3),
                     KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  take_all(&output);
  ck_assert(output.all.len == service->starts[3] || output.lost > 0);
  ck_assert_uint_le(output.gaps, output.lost);
  close_output(&output);
  bytes_free(&again);
}

START_TEST(broken_where_it_is_dropped) {
  struct service service;
  make_service(&service);
  for (size_t at = service.starts[1] - 350; at < service.starts[1]; at++) {
    run_broken_end(&service, at, 0xFF);
    run_broken_end(&service, at, 0x01);
    run_broken_end(&service, at, 0x43);
    run_broken_end(&service, at, service.all.data[at] ^ 0x08);
  }
  bytes_free(&service.all);
}
END_TEST

/* In the middle of a session, the document that follows makes it whole. */
START_TEST(no_tail_tags_in_the_middle) {
  struct build_fragment fragment = {.number = 1, .no_tail = true};
  struct bytes stream = {0};
  struct output output;
  build_fragment(&stream, &fragment);
  build_fragments(&stream, 2, 2);
  open_output(&output, allocator());
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  for (size_t i = 0; i < stream.len; i++)
    ck_assert_int_eq(kvsp_seam_feed(&output.seam, stream.data + i, 1), KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  take_all(&output);
  ck_assert_uint_eq(output.all.len, stream.len);
  ck_assert_mem_eq(output.all.data, stream.data, stream.len);
  ck_assert_uint_eq(line_count(&output.numbers), 3);
  close_output(&output);
  bytes_free(&stream);
}
END_TEST

/* What was read of a frame goes out when the frame is whole, and no later. */
START_TEST(frames_do_not_wait) {
  struct build_fragment fragment = {
      .number = 1, .frames = 3, .frame_size = 5000};
  struct bytes stream = {0};
  struct output output;
  size_t behind = 0;
  build_fragment(&stream, &fragment);
  open_output(&output, allocator());
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  for (size_t i = 0; i < stream.len; i += 10) {
    size_t n = stream.len - i < 10 ? stream.len - i : 10;
    ck_assert_int_eq(kvsp_seam_feed(&output.seam, stream.data + i, n), KVSP_OK);
    take_all(&output);
    if (i + n - output.all.len > behind) behind = i + n - output.all.len;
  }
  ck_assert_uint_lt(behind, 5100);
  ck_assert_uint_eq(output.all.len, stream.len);
  close_output(&output);
  bytes_free(&stream);
}
END_TEST

static void append_error(struct bytes *b, const char *number, const char *id) {
  struct mux_tag tags[] = {{"AWS_KINESISVIDEO_FRAGMENT_NUMBER", number},
                           {"AWS_KINESISVIDEO_ERROR_CODE", "THE_CODE"},
                           {"AWS_KINESISVIDEO_ERROR_ID", id}};
  mux_document(b);
  mux_tags(b, tags, 3);
}

static void run_error(const char *id, uint32_t expected, size_t pieces) {
  struct bytes stream = {0};
  struct output output;
  size_t len;
  build_fragments(&stream, 1, 1);
  len = stream.len;
  append_error(&stream, "99000000000000000000", id);
  open_output(&output, allocator());
  ck_assert_int_eq(kvsp_seam_open(&output.seam), KVSP_OK);
  ck_assert_int_eq(kvsp_seam_feed(&output.seam, stream.data, stream.len),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_seam_close(&output.seam), KVSP_OK);
  take_all(&output);
  ck_assert_uint_eq(output.seam.error_id, expected);
  if (expected) ck_assert_str_eq(output.seam.error_code, "THE_CODE");
  ck_assert_uint_eq(output.all.len, pieces ? stream.len : len);
  close_output(&output);
  bytes_free(&stream);
}

/* What passes is not delivered, since it comes again; what does not pass is
 * the last thing that is. */
START_TEST(errors_in_the_stream) {
  run_error("5000", 5000, 0);
  run_error("3002", 3002, 0);
  run_error("4503", 4503, 0);
  run_error("4501", 4501, 1);
  run_error("4506", 4506, 1);
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

/* With each allocation failing in turn: an error, and nothing leaks. */
START_TEST(every_allocation_fails) {
  struct service service;
  size_t failing = 0;
  bool failed = true;
  make_service(&service);
  for (; failed; failing++) {
    struct test_allocator a;
    struct queue queue;
    struct seam seam;
    int rc;
    test_allocator_init(&a);
    test_allocator_fail_after(&a, failing);
    kvsp_queue_init(&queue, &a.allocator);
    rc = kvsp_seam_init(&seam, &a.allocator, NULL, &queue);
    if (rc == KVSP_OK) rc = kvsp_seam_open(&seam);
    for (size_t i = 0; i < service.all.len && rc == KVSP_OK; i += 100) {
      size_t n = service.all.len - i < 100 ? service.all.len - i : 100;
      rc = kvsp_seam_feed(&seam, service.all.data + i, n);
    }
    failed = a.failures > 0;
    ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : KVSP_OK);
    kvsp_seam_free(&seam);
    kvsp_queue_free(&queue);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
  ck_assert_uint_gt(failing, 10);
  bytes_free(&service.all);
}
END_TEST

/* A head without an end is not held without one. */
START_TEST(hold_is_limited) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_frame = 1000};
  struct bytes stream = {0};
  uint8_t filler[4096] = {0};
  struct queue queue;
  struct seam seam;
  int rc = KVSP_OK;
  kvsp_queue_init(&queue, allocator());
  ck_assert_int_eq(kvsp_seam_init(&seam, allocator(), &limits, &queue),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_seam_open(&seam), KVSP_OK);
  mux_document(&stream);
  ck_assert_int_eq(kvsp_seam_feed(&seam, stream.data, stream.len), KVSP_OK);
  stream.len = 0;
  mux_binary(&stream, 0xEC, filler, sizeof filler);
  for (int i = 0; i < 2000 && rc == KVSP_OK; i++)
    rc = kvsp_seam_feed(&seam, stream.data, stream.len);
  ck_assert_int_eq(rc, KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_lt(seam.hold_capacity, (size_t)16 << 20);
  kvsp_seam_free(&seam);
  kvsp_queue_free(&queue);
  bytes_free(&stream);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("seam");
  TCase *cuts = tcase_create("cuts");
  TCase *rest = tcase_create("rest");
  tcase_add_test(cuts, random_cuts);
  tcase_add_test(cuts, random_cuts_and_the_last_again);
  tcase_add_test(cuts, every_cut);
  tcase_add_test(cuts, what_does_not_come_again_is_a_gap);
  tcase_add_test(cuts, other_bytes_are_a_gap);
  tcase_set_timeout(cuts, 120);
  tcase_add_test(rest, tail_tags_may_come_later);
  tcase_add_test(rest, broken_where_it_is_dropped);
  tcase_add_test(rest, no_tail_tags_in_the_middle);
  tcase_add_test(rest, frames_do_not_wait);
  tcase_add_test(rest, errors_in_the_stream);
  tcase_add_test(rest, every_allocation_fails);
  tcase_add_test(rest, hold_is_limited);
  tcase_set_timeout(rest, 60);
  suite_add_tcase(suite, cuts);
  suite_add_tcase(suite, rest);
  return run_suite(suite);
}
