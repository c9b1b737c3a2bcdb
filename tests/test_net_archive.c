/*
 * test_net_archive.c - fragments by their numbers, from a service on the
 * loopback that has its own order, leaves out, cuts, refuses and throttles:
 * each comes whole and once, or is told of, in the order of the list.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <check.h>
#include <kvsparse/archive.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_clock.h"
#include "support/allocator.h"
#include "support/build.h"
#include "support/http_server.h"
#include "support/suite.h"

#define CALLS_MAX 200
#define LIST_MAX 300
#define NUMBER_PREFIX "9134385233318143"

/* ---- a service ----------------------------------------------------------- */

enum ending { END_CLEAN, END_CLOSED, END_RESET, END_SILENT };

struct refusal {
  int status;
  const char *type;
  const char *body;
};

struct service {
  struct http_server *server;
  size_t frame_size;
  bool backwards;   /* the answer's order                                   */
  unsigned at_most; /* documents of one answer; 0: all                      */
  unsigned refused; /* this one is answered with error_id, ...              */
  const char *error_id;
  unsigned refused_times; /* ... so many times                              */
  bool nameless;          /* ... which lacks the number                     */
  unsigned left_out;      /* this one never comes                           */
  unsigned stray;         /* a document that nobody asked for comes, too    */
  size_t cut;             /* bytes of an answer, ...                        */
  unsigned cuts;          /* ... of so many answers                         */
  enum ending ending;
  unsigned refusals; /* so many calls are refused                           */
  struct refusal refusal;
  const char *page; /* what ListFragments answers, always                   */
  /* What came. */
  unsigned calls;
  unsigned endpoint_calls;
  unsigned asked[CALLS_MAX];
  int64_t times[CALLS_MAX];
  char body[1024]; /* of the first call                                    */
};

static void append_document(const struct service *s, struct bytes *b,
                            unsigned number) {
  struct build_fragment fragment = {.number = number,
                                    .frames = 1 + number % 3,
                                    .frame_size = s->frame_size,
                                    .no_tail = true};
  build_fragment(b, &fragment);
}

static void append_error(struct bytes *b, unsigned number, const char *id,
                         bool nameless) {
  char text[32];
  struct mux_tag tags[] = {
      {"AWS_KINESISVIDEO_FRAGMENT_NUMBER", text},
      {"AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE", id},
      {"AWS_KINESISVIDEO_EXCEPTION_MESSAGE", "no\nsuch thing"}};
  snprintf(text, sizeof text, NUMBER_PREFIX "%u", number);
  mux_document(b);
  mux_tags(b, tags + nameless, 3u - nameless);
}

static void append_answer(struct service *s, struct bytes *b, unsigned number) {
  if (number == s->left_out) return;
  if (number != s->refused || s->refused_times == 0) {
    append_document(s, b, number);
    return;
  }
  s->refused_times--;
  append_error(b, number, s->error_id, s->nameless);
}

static unsigned read_numbers(const char *body, unsigned *numbers) {
  unsigned count = 0;
  const char *at = strstr(body, NUMBER_PREFIX);
  for (; at && count < LIST_MAX; at = strstr(at, NUMBER_PREFIX)) {
    at += strlen(NUMBER_PREFIX);
    numbers[count++] = (unsigned)strtoul(at, NULL, 10);
  }
  return count;
}

static void end_answer(const struct service *s, struct server_answer *answer,
                       bool cut) {
  if (!cut || s->ending == END_CLEAN) {
    server_end(answer);
    return;
  }
  if (s->ending == END_SILENT) server_sleep(answer, 60000);
  server_break(answer, s->ending == END_RESET);
}

static void send_media(struct service *s, const char *body,
                       struct server_answer *answer) {
  unsigned numbers[LIST_MAX];
  unsigned count = read_numbers(body, numbers);
  struct bytes b = {0};
  bool cut = false;
  bool there = true;
  s->asked[s->calls - 1] = count;
  if (s->at_most > 0 && count > s->at_most) count = s->at_most;
  if (s->stray > 0) append_document(s, &b, s->stray);
  for (unsigned i = 0; i < count; i++)
    append_answer(s, &b, numbers[s->backwards ? count - 1 - i : i]);
  if (s->cuts > 0 && b.len > s->cut) {
    s->cuts--;
    b.len = s->cut;
    cut = true;
  }
  server_begin(answer);
  for (size_t at = 0; at < b.len && there; at += 1500)
    there = server_chunk(answer, b.data + at,
                         b.len - at < 1500 ? b.len - at : 1500);
  if (there) end_answer(s, answer, cut);
  bytes_free(&b);
}

static void refuse(const struct service *s, struct server_answer *answer) {
  char headers[256];
  snprintf(headers, sizeof headers,
           "x-amzn-ErrorType: %s\r\nx-amzn-RequestId: refused-1\r\n",
           s->refusal.type);
  server_reply(answer, s->refusal.status, headers, s->refusal.body);
}

static void answer_endpoint(struct service *s, struct server_answer *answer) {
  char body[256];
  s->endpoint_calls++;
  snprintf(body, sizeof body, "{\"DataEndpoint\":\"%s\"}",
           server_url(s->server));
  server_reply(answer, 200, "", body);
}

static void on_request(void *user, const struct server_request *request,
                       struct server_answer *answer) {
  struct service *s = user;
  if (strcmp(request->path, "/getDataEndpoint") == 0) {
    answer_endpoint(s, answer);
    return;
  }
  if (s->calls == 0) snprintf(s->body, sizeof s->body, "%s", request->body);
  if (s->calls < CALLS_MAX) s->times[s->calls++] = kvsp_clock_ms();
  if (s->page) {
    server_reply(answer, 200, "", s->page);
  } else if (s->refusals > 0) {
    s->refusals--;
    refuse(s, answer);
  } else {
    send_media(s, request->body, answer);
  }
}

/* ---- who asks it --------------------------------------------------------- */

struct asking {
  struct service service;
  unsigned keys; /* how often they were asked for                          */
  kvsp_client *client;
  kvsp_archive_media *media;
  kvsp_archive_media_config config;
  char texts[LIST_MAX][32];
  const char *numbers[LIST_MAX];
  /* What came. */
  struct bytes got;
  unsigned whole;
  char failed[256]; /* "NUMBER=NAME/MESSAGE "...                            */
};

static int give_keys(void *user, kvsp_credentials *out) {
  struct asking *a = user;
  a->keys++;
  out->access_key_id = "AKIDEXAMPLE";
  out->secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  out->session_token = "FwoGTOKEN+/==";
  return 0;
}

static void open_client(struct asking *a, const kvsp_allocator *allocator) {
  kvsp_client_config config = {.struct_size = sizeof config};
  config.region = "us-west-2";
  config.endpoint_url = server_url(a->service.server);
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  config.credentials = give_keys;
  config.credentials_user = a;
  config.allocator = allocator;
  config.seed = 42;
  ck_assert_int_eq(kvsp_client_new(&a->client, &config), KVSP_OK);
}

/* Fragments 1 to count are asked for. */
static struct asking *prepare(unsigned count) {
  struct asking *a = calloc(1, sizeof *a);
  ck_assert_ptr_nonnull(a);
  ck_assert_uint_le(count, LIST_MAX);
  a->service.frame_size = 300;
  a->service.server = server_start(on_request, &a->service);
  open_client(a, NULL);
  a->config.struct_size = sizeof a->config;
  a->config.stream = "door";
  a->config.numbers = a->numbers;
  a->config.count = count;
  for (unsigned i = 0; i < count; i++) {
    snprintf(a->texts[i], sizeof a->texts[i], NUMBER_PREFIX "%u", i + 1);
    a->numbers[i] = a->texts[i];
  }
  return a;
}

static void finish(struct asking *a) {
  kvsp_archive_media_free(a->media);
  kvsp_client_free(a->client);
  server_stop(a->service.server);
  bytes_free(&a->got);
  free(a);
}

static void take_failed(struct asking *a, const kvsp_piece *piece) {
  const kvsp_service_error *error = kvsp_archive_media_error(a->media);
  size_t len = strlen(a->failed);
  ck_assert_uint_eq(piece->data.len, 0);
  ck_assert_int_eq(error->status, KVSP_ERR_SERVICE);
  ck_assert_str_eq(error->operation, "GetMediaForFragmentList");
  snprintf(a->failed + len, sizeof a->failed - len, "%s=%s/%s ",
           (const char *)piece->number.data + strlen(NUMBER_PREFIX),
           error->name, error->message);
}

static void take_piece(struct asking *a, const kvsp_piece *piece) {
  ck_assert_uint_eq(piece->offset, a->got.len);
  if (piece->flags == KVSP_PIECE_FAILED) {
    take_failed(a, piece);
    return;
  }
  ck_assert_uint_eq(piece->flags, KVSP_PIECE_BEGIN | KVSP_PIECE_COMPLETE);
  ck_assert_int_eq(piece->server_time_ns % 1000000000, 125000000);
  bytes_append(&a->got, piece->data.data, piece->data.len);
  a->whole++;
}

static int take_all(struct asking *a) {
  const kvsp_piece *piece;
  int rc = KVSP_OK;
  if (!a->media) rc = kvsp_archive_media_new(&a->media, a->client, &a->config);
  ck_assert_int_eq(rc, KVSP_OK);
  for (;;) {
    rc = kvsp_archive_media_next(a->media, 20000, &piece);
    if (rc != KVSP_OK) return rc;
    take_piece(a, piece);
  }
}

static kvsp_archive_media_stats stats_of(const struct asking *a) {
  kvsp_archive_media_stats stats;
  ck_assert_int_eq(kvsp_archive_media_get_stats(a->media, &stats, sizeof stats),
                   KVSP_OK);
  return stats;
}

/* All that were asked for came in that order, but for one (0: none). */
static void expect_all_but(struct asking *a, unsigned one) {
  struct bytes all = {0};
  for (size_t i = 0; i < a->config.count; i++)
    if (i + 1 != one) append_document(&a->service, &all, (unsigned)i + 1);
  ck_assert_uint_eq(a->whole, a->config.count - (one > 0));
  ck_assert_uint_eq(a->got.len, all.len);
  ck_assert_mem_eq(a->got.data, all.data, all.len);
  bytes_free(&all);
}

static void expect_end(struct asking *a, unsigned but) {
  ck_assert_int_eq(take_all(a), KVSP_END);
  expect_all_but(a, but);
  ck_assert_int_eq(take_all(a), KVSP_END);
}

/* ---- batches ------------------------------------------------------------- */

START_TEST(batches) {
  struct asking *a = prepare(250);
  const struct service *s = &a->service;
  static const char begin[] =
      "{\"StreamName\":\"door\",\"Fragments\":"
      "[\"" NUMBER_PREFIX "1\",\"" NUMBER_PREFIX "2\",";
  int64_t begun = kvsp_clock_ms();
  expect_end(a, 0);
  ck_assert_mem_eq(s->body, begin, sizeof begin - 1);
  ck_assert_uint_eq(s->calls, 3);
  ck_assert_uint_eq(s->asked[0], 100);
  ck_assert_uint_eq(s->asked[1], 100);
  ck_assert_uint_eq(s->asked[2], 50);
  /* 100 fragments are a fifth of what a second has. */
  ck_assert_int_ge(s->times[1] - begun, 200);
  ck_assert_int_ge(s->times[2] - begun, 400);
  ck_assert_uint_eq(s->endpoint_calls, 1);
  ck_assert_uint_eq(stats_of(a).calls, 3);
  ck_assert_uint_eq(stats_of(a).fragments, 250);
  ck_assert_uint_eq(stats_of(a).bytes, a->got.len);
  finish(a);
}
END_TEST

START_TEST(any_order) {
  struct asking *a = prepare(25);
  a->service.backwards = true;
  a->service.stray = 77;
  a->config.batch = 10;
  expect_end(a, 0);
  ck_assert_uint_eq(a->service.calls, 3);
  finish(a);
}
END_TEST

START_TEST(one_twice) {
  struct asking *a = prepare(3);
  struct bytes all = {0};
  a->numbers[2] = a->numbers[0];
  ck_assert_int_eq(take_all(a), KVSP_END);
  append_document(&a->service, &all, 1);
  append_document(&a->service, &all, 2);
  append_document(&a->service, &all, 1);
  ck_assert_uint_eq(a->got.len, all.len);
  ck_assert_mem_eq(a->got.data, all.data, all.len);
  bytes_free(&all);
  finish(a);
}
END_TEST

/* Ten of 20 kB, the last one first, do not fit: fewer are asked for. */
START_TEST(little_memory) {
  struct asking *a = prepare(10);
  a->service.backwards = true;
  a->service.frame_size = 7000;
  a->config.max_memory = 65536;
  expect_end(a, 0);
  ck_assert_uint_eq(a->service.asked[0], 10);
  ck_assert_uint_eq(a->service.asked[1], 5);
  finish(a);
  a = prepare(10);
  a->service.frame_size = 7000;
  a->config.max_memory = 10000;
  ck_assert_int_eq(take_all(a), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(take_all(a), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_archive_media_error(a->media)->status,
                   KVSP_ERR_LIMIT_MEMORY);
  finish(a);
}
END_TEST

START_TEST(back_pressure) {
  struct asking *a = prepare(100);
  const kvsp_piece *piece;
  a->service.frame_size = 30000;
  a->config.max_buffer = 1;
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, &a->config),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_archive_media_next(a->media, 20000, &piece), KVSP_OK);
  take_piece(a, piece);
  ck_assert_int_eq(kvsp_client_wait(a->client, 300, NULL), KVSP_NEED_INPUT);
  ck_assert_uint_lt(stats_of(a).bytes, 300000);
  expect_end(a, 0);
  ck_assert_uint_eq(a->service.calls, 1);
  ck_assert_uint_gt(a->got.len, 5000000);
  finish(a);
}
END_TEST

/* ---- fragments that fail ------------------------------------------------- */

static void run_refused(const char *id, unsigned times, unsigned calls,
                        const char *failed) {
  struct asking *a = prepare(9);
  a->service.refused = 4;
  a->service.error_id = id;
  a->service.refused_times = times;
  expect_end(a, *failed ? 4 : 0);
  ck_assert_str_eq(a->failed, failed);
  ck_assert_uint_eq(a->service.calls, calls);
  ck_assert_uint_eq(stats_of(a).failed, *failed ? 1 : 0);
  if (calls > 1) ck_assert_uint_eq(a->service.asked[1], 1);
  finish(a);
}

START_TEST(told_one_by_one) {
  run_refused("4000", 9, 1, "4=4000/no?such thing ");
  run_refused("4501", 9, 1, "4=4501/no?such thing ");
  run_refused("5000", 2, 3, "");
  run_refused("5000", 9, 3, "4=5000/no?such thing ");
}
END_TEST

START_TEST(left_out) {
  struct asking *a = prepare(9);
  a->service.left_out = 9;
  expect_end(a, 9);
  ck_assert_str_eq(a->failed, "9=/the service did not send it ");
  finish(a);
  a = prepare(9);
  a->service.left_out = 3;
  expect_end(a, 3);
  ck_assert_str_eq(a->failed, "3=/the service did not send it ");
  finish(a);
}
END_TEST

START_TEST(short_answers) {
  struct asking *a = prepare(20);
  a->service.at_most = 3;
  expect_end(a, 0);
  ck_assert_str_eq(a->failed, "");
  ck_assert_uint_eq(a->service.calls, 7);
  finish(a);
}
END_TEST

START_TEST(error_of_all) {
  struct asking *a = prepare(2);
  a->service.refused = 1;
  a->service.error_id = "4500";
  a->service.refused_times = 1;
  a->service.nameless = true;
  a->service.left_out = 2;
  ck_assert_int_eq(take_all(a), KVSP_ERR_SERVICE);
  ck_assert_str_eq(kvsp_archive_media_error(a->media)->name, "4500");
  finish(a);
  a = prepare(2);
  a->service.refused = 1;
  a->service.error_id = "5000";
  a->service.refused_times = 1;
  a->service.nameless = true;
  expect_end(a, 0);
  finish(a);
}
END_TEST

/* ---- calls that fail ----------------------------------------------------- */

static void run_cut(size_t cut, enum ending ending) {
  struct asking *a = prepare(20);
  a->service.cut = cut;
  a->service.cuts = 3;
  a->service.ending = ending;
  a->config.silence_ms = 200;
  expect_end(a, 0);
  ck_assert_str_eq(a->failed, "");
  ck_assert_uint_eq(a->service.cuts, 0);
  finish(a);
}

START_TEST(cut) {
  for (int ending = END_CLEAN; ending <= END_SILENT; ending++) {
    run_cut(1200, (enum ending)ending);
    run_cut(3333, (enum ending)ending);
  }
  run_cut(0, END_RESET);
}
END_TEST

/* What there is of the fragment looks whole, as its Cluster's size is unknown;
 * that the answer is not says that it is not. */
START_TEST(cut_between_frames) {
  struct build_fragment begin = {
      .number = 1, .frames = 1, .frame_size = 300, .no_tail = true};
  struct bytes b = {0};
  build_fragment(&b, &begin);
  run_cut(b.len, END_CLOSED);
  run_cut(b.len, END_SILENT);
  bytes_free(&b);
}
END_TEST

static void run_refusal(struct refusal refusal, unsigned times, int status,
                        unsigned calls, unsigned endpoints) {
  struct asking *a = prepare(3);
  a->service.refusals = times;
  a->service.refusal = refusal;
  a->config.max_attempts = 3;
  ck_assert_int_eq(take_all(a), status);
  ck_assert_uint_eq(a->service.calls, calls);
  ck_assert_uint_eq(a->service.endpoint_calls, endpoints);
  if (status == KVSP_END) {
    expect_all_but(a, 0);
    ck_assert_uint_eq(stats_of(a).retries, times);
  } else {
    ck_assert_str_eq(kvsp_archive_media_error(a->media)->name, refusal.type);
    ck_assert_str_eq(kvsp_archive_media_error(a->media)->request_id,
                     "refused-1");
    ck_assert_int_eq(take_all(a), status);
  }
  finish(a);
}

START_TEST(refused) {
  struct refusal denied = {403, "AccessDeniedException", "{}"};
  struct refusal wrong = {400, "InvalidArgumentException", "{}"};
  struct refusal absent = {404, "ResourceNotFoundException", "{}"};
  struct refusal fault = {500, "InternalFailure", "{}"};
  struct refusal expired = {403, "ExpiredTokenException", "{}"};
  run_refusal(denied, 1, KVSP_ERR_SERVICE, 1, 1);
  run_refusal(wrong, 1, KVSP_ERR_SERVICE, 1, 1);
  run_refusal(absent, 1, KVSP_END, 2, 2);
  run_refusal(absent, 2, KVSP_ERR_SERVICE, 2, 2);
  run_refusal(fault, 2, KVSP_END, 3, 3);
  run_refusal(fault, 3, KVSP_ERR_SERVICE, 3, 3);
  run_refusal(expired, 1, KVSP_END, 2, 1);
  run_refusal(expired, 2, KVSP_ERR_SERVICE, 2, 1);
}
END_TEST

START_TEST(throttled) {
  struct asking *a = prepare(3);
  struct refusal many = {400, "ClientLimitExceededException", "{}"};
  int64_t before = kvsp_clock_ms();
  a->service.refusals = 2;
  a->service.refusal = many;
  expect_end(a, 0);
  ck_assert_uint_eq(stats_of(a).throttled, 2);
  /* At least a quarter of 1 s, and of 2 s. */
  ck_assert_int_ge(kvsp_clock_ms() - before, 750);
  finish(a);
}
END_TEST

START_TEST(asked_without_waiting) {
  struct asking *a = prepare(3);
  const kvsp_piece *piece;
  struct refusal many = {400, "ClientLimitExceededException", "{}"};
  a->service.refusals = 1;
  a->service.refusal = many;
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, &a->config),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_archive_media_next(a->media, 0, &piece),
                   KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_client_interrupt(a->client), KVSP_OK);
  ck_assert_int_eq(kvsp_archive_media_next(a->media, -1, &piece),
                   KVSP_INTERRUPTED);
  expect_end(a, 0);
  finish(a);
}
END_TEST

START_TEST(the_same_page_for_ever) {
  struct asking *a = prepare(0);
  kvsp_archive_config config = {.struct_size = sizeof config};
  kvsp_archive *list = NULL;
  config.stream = "door";
  config.to_ns = 1000000000;
  a->service.page = "{\"Fragments\":[],\"NextToken\":\"again\"}";
  ck_assert_int_eq(kvsp_archive_list(&list, a->client, &config),
                   KVSP_ERR_SERVICE);
  ck_assert_ptr_null(list);
  ck_assert_uint_eq(a->service.calls, 2);
  finish(a);
}
END_TEST

START_TEST(what_cannot_be_asked) {
  struct asking *a = prepare(3);
  kvsp_archive_media_config *config = &a->config;
  const kvsp_piece *piece;
  config->batch = 1001;
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, config),
                   KVSP_ERR_ARG);
  config->batch = 0;
  config->stream = "";
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, config),
                   KVSP_ERR_ARG);
  config->stream = "door";
  a->numbers[1] = "12x";
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, config),
                   KVSP_ERR_ARG);
  config->numbers = NULL;
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, config),
                   KVSP_ERR_ARG);
  config->numbers = a->numbers;
  config->count = 0;
  ck_assert_int_eq(take_all(a), KVSP_END);
  ck_assert_uint_eq(a->service.calls, 0);
  ck_assert_int_eq(kvsp_archive_media_next(NULL, 0, &piece), KVSP_ERR_ARG);
  finish(a);
}
END_TEST

START_TEST(every_allocation_fails) {
  bool failed = true;
  for (size_t at = 0; failed; at++) {
    struct asking *a = prepare(3);
    struct test_allocator allocator;
    int rc;
    kvsp_client_free(a->client);
    test_allocator_init(&allocator);
    open_client(a, &allocator.allocator);
    a->service.refused = 2;
    a->service.error_id = "4000";
    a->service.refused_times = 1;
    test_allocator_fail_after(&allocator, at);
    rc = kvsp_archive_media_new(&a->media, a->client, &a->config);
    if (rc == KVSP_OK) rc = take_all(a);
    failed = allocator.failures > 0;
    ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : KVSP_END);
    if (!failed) expect_all_but(a, 2);
    kvsp_archive_media_free(a->media);
    kvsp_client_free(a->client);
    ck_assert_uint_eq(allocator.live_blocks, 0);
    a->media = NULL;
    a->client = NULL;
    finish(a);
  }
}
END_TEST

START_TEST(freed_halfway) {
  struct asking *a = prepare(9);
  struct test_allocator allocator;
  const kvsp_piece *piece;
  kvsp_client_free(a->client);
  test_allocator_init(&allocator);
  open_client(a, &allocator.allocator);
  ck_assert_int_eq(kvsp_archive_media_new(&a->media, a->client, &a->config),
                   KVSP_OK);
  ck_assert_int_eq(kvsp_archive_media_next(a->media, 20000, &piece), KVSP_OK);
  kvsp_archive_media_free(a->media);
  kvsp_client_free(a->client);
  ck_assert_uint_eq(allocator.live_blocks, 0);
  a->media = NULL;
  a->client = NULL;
  finish(a);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("archive");
  TCase *all = tcase_create("all");
  tcase_set_timeout(all, 60);
  tcase_add_test(all, batches);
  tcase_add_test(all, any_order);
  tcase_add_test(all, one_twice);
  tcase_add_test(all, little_memory);
  tcase_add_test(all, back_pressure);
  tcase_add_test(all, told_one_by_one);
  tcase_add_test(all, left_out);
  tcase_add_test(all, short_answers);
  tcase_add_test(all, error_of_all);
  tcase_add_test(all, cut);
  tcase_add_test(all, cut_between_frames);
  tcase_add_test(all, refused);
  tcase_add_test(all, throttled);
  tcase_add_test(all, asked_without_waiting);
  tcase_add_test(all, the_same_page_for_ever);
  tcase_add_test(all, what_cannot_be_asked);
  tcase_add_test(all, freed_halfway);
  tcase_add_test(all, every_allocation_fails);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
