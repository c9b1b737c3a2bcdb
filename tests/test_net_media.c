/*
 * test_net_media.c - live readers against a service on the loopback that cuts,
 * resets, throttles, refuses and falls silent: where they begin, that nothing
 * is lost or doubled, what is told, and that they let go when they are asked.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <check.h>
#include <kvsparse/media.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoff.h"
#include "media.h"
#include "net_clock.h"
#include "support/allocator.h"
#include "support/build.h"
#include "support/http_server.h"
#include "support/recorder.h"
#include "support/stream.h"
#include "support/suite.h"

#define COUNT 20u
#define CALLS_MAX 200

/* ---- a service ----------------------------------------------------------- */

enum ending { END_CLEAN, END_CLOSED, END_RESET, END_SILENT };

struct refusal {
  int status;
  const char *type;
  const char *body;
};

struct service {
  struct http_server *server;
  struct bytes all;
  size_t starts[COUNT + 1];
  pthread_mutex_t lock;
  uint32_t random;
  size_t first_cut; /* not 0: bytes of the first session                  */
  bool cuts;        /* each session ends by chance, where it may           */
  enum ending ending;
  bool inclusive;
  unsigned refusals; /* so many calls of GetMedia are refused               */
  struct refusal refusal;
  bool refuse_endpoint; /* the calls of GetDataEndpoint instead             */
  bool endless;        /* fragments without end                               */
  size_t append_error; /* behind so many fragments, error_id               */
  const char *error_id;
  unsigned errors_left;
  /* What came. */
  char bodies[CALLS_MAX][512];
  int64_t times[CALLS_MAX];
  unsigned calls;
  unsigned endpoint_calls;
  char headers[4096];
  atomic_ullong sent;
};

static void append_error(struct bytes *b, const char *id) {
  struct mux_tag tags[] = {
      {"AWS_KINESISVIDEO_FRAGMENT_NUMBER", "99999999999999999999"},
      {"AWS_KINESISVIDEO_ERROR_CODE", "THE_CODE"},
      {"AWS_KINESISVIDEO_ERROR_ID", id}};
  mux_document(b);
  mux_tags(b, tags, 3);
}

#define NUMBER_PREFIX "9134385233318143"

/* Which fragment a selector asks for first. */
static unsigned first_of(const struct service *s, const char *body) {
  const char *number = strstr(body, NUMBER_PREFIX);
  const char *time = strstr(body, "\"StartTimestamp\":15118521");
  unsigned first = 0;
  if (time) /* fragment N has the time 1511852100.125 + N */
    return (unsigned)strtoul(time + strlen("\"StartTimestamp\":15118521"), NULL,
                             10) -
           1;
  if (!number) return 0;
  first = (unsigned)strtoul(number + strlen(NUMBER_PREFIX), NULL, 10);
  return s->inclusive && first > 0 ? first - 1 : first;
}

static void end_session(struct service *s, struct server_answer *answer,
                        enum ending ending) {
  (void)s;
  switch (ending) {
    case END_CLEAN: server_end(answer); break;
    case END_SILENT:
      server_sleep(answer, 60000);
      server_break(answer, false);
      break;
    default: server_break(answer, ending == END_RESET);
  }
}

static void stream_endless(struct service *s, struct server_answer *answer) {
  struct bytes b = {0};
  for (unsigned number = 1000;; number++) {
    struct build_fragment fragment = {.number = number, .frame_size = 20000};
    b.len = 0;
    build_fragment(&b, &fragment);
    if (!server_chunk(answer, b.data, b.len)) break;
    atomic_fetch_add(&s->sent, b.len);
  }
  bytes_free(&b);
  server_break(answer, false);
}

static void send_media(struct service *s, const char *body,
                       struct server_answer *answer) {
  unsigned first;
  size_t at;
  size_t end = s->all.len;
  enum ending ending = s->ending;
  pthread_mutex_lock(&s->lock);
  first = first_of(s, body);
  at = s->starts[first < COUNT ? first : COUNT];
  if (s->cuts && at < end) {
    end = at + stream_random(&s->random) % 15000;
    if (end > s->all.len) end = s->all.len;
    ending = (enum ending)(stream_random(&s->random) % 3);
  }
  if (s->first_cut > 0) end = at + s->first_cut;
  s->first_cut = 0;
  pthread_mutex_unlock(&s->lock);
  server_begin(answer);
  if (s->endless) {
    stream_endless(s, answer);
    return;
  }
  while (at < end) {
    size_t part = end - at < 1500 ? end - at : 1500;
    if (!server_chunk(answer, s->all.data + at, part)) return;
    at += part;
  }
  end_session(s, answer, ending);
}

static bool send_stream_error(struct service *s, struct server_answer *answer) {
  struct bytes error = {0};
  if (s->errors_left == 0) return false;
  s->errors_left--;
  append_error(&error, s->error_id);
  server_begin(answer);
  server_chunk(answer, error.data, error.len);
  server_end(answer);
  bytes_free(&error);
  return true;
}

static void refuse(const struct service *s, struct server_answer *answer) {
  char headers[256];
  snprintf(headers, sizeof headers,
           "x-amzn-ErrorType: %s\r\nx-amzn-RequestId: refused-1\r\n",
           s->refusal.type);
  server_reply(answer, s->refusal.status, headers, s->refusal.body);
}

static void note_endpoint_call(struct service *s) {
  pthread_mutex_lock(&s->lock);
  s->endpoint_calls++;
  pthread_mutex_unlock(&s->lock);
}

static bool is_refused(struct service *s, bool is_endpoint) {
  bool refused;
  pthread_mutex_lock(&s->lock);
  refused = s->refusals > 0 && is_endpoint == s->refuse_endpoint;
  if (refused) s->refusals--;
  pthread_mutex_unlock(&s->lock);
  return refused;
}

static void note_call(struct service *s, const struct server_request *request) {
  pthread_mutex_lock(&s->lock);
  if (s->calls < CALLS_MAX) {
    snprintf(s->bodies[s->calls], sizeof s->bodies[0], "%s", request->body);
    s->times[s->calls] = kvsp_clock_ms();
    s->calls++;
  }
  snprintf(s->headers, sizeof s->headers, "%s", request->headers);
  pthread_mutex_unlock(&s->lock);
}

static void on_request(void *user, const struct server_request *request,
                       struct server_answer *answer) {
  struct service *s = user;
  char body[256];
  bool is_endpoint = strcmp(request->path, "/getDataEndpoint") == 0;
  if (is_endpoint)
    note_endpoint_call(s);
  else
    note_call(s, request);
  if (is_refused(s, is_endpoint)) {
    refuse(s, answer);
  } else if (is_endpoint) {
    snprintf(body, sizeof body, "{\"DataEndpoint\":\"%s\"}",
             server_url(s->server));
    server_reply(answer, 200, "x-amzn-RequestId: endpoint-1\r\n", body);
  } else if (!send_stream_error(s, answer)) {
    send_media(s, request->body, answer);
  }
}

static void start_service(struct service *s) {
  memset(s, 0, sizeof *s);
  s->random = 1;
  pthread_mutex_init(&s->lock, NULL);
  for (unsigned i = 0; i < COUNT; i++) {
    struct build_fragment fragment = {
        .number = i + 1, .frames = 1 + i % 5, .frame_size = 50 + 400 * (i % 3)};
    s->starts[i] = s->all.len;
    build_fragment(&s->all, &fragment);
  }
  s->starts[COUNT] = s->all.len;
  s->server = server_start(on_request, s);
}

static void stop_service(struct service *s) {
  server_stop(s->server);
  bytes_free(&s->all);
  pthread_mutex_destroy(&s->lock);
}

/* ---- a reader of it ------------------------------------------------------ */

struct seen {
  char states[512]; /* a letter for each event                              */
  int64_t waited_ms;
  unsigned calls; /* of the callback of credentials                       */
};

static void on_event(void *user, kvsp_media *media,
                     const kvsp_media_event *event) {
  static const char letters[] = "?cwsrxtle";
  struct seen *seen = user;
  size_t len = strlen(seen->states);
  const kvsp_piece *piece;
  ck_assert_uint_le(event->state, 8);
  if (len + 1 < sizeof seen->states) seen->states[len] = letters[event->state];
  seen->waited_ms += event->wait_ms;
  ck_assert_int_eq(kvsp_media_next(media, 0, &piece), KVSP_ERR_REENTRANT);
}

static int give_keys(void *user, kvsp_credentials *out) {
  struct seen *seen = user;
  seen->calls++;
  out->access_key_id = "AKIDEXAMPLE";
  out->secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  out->session_token = "FwoGTOKEN+/==";
  return 0;
}

struct reading {
  struct seen seen;
  kvsp_client *client;
  kvsp_media *media;
  kvsp_media_config config;
};

static void open_client(struct reading *r, const struct service *s,
                        const kvsp_allocator *allocator) {
  kvsp_client_config config = {.struct_size = sizeof config};
  config.region = "us-west-2";
  config.endpoint_url = server_url(s->server);
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  config.credentials = give_keys;
  config.credentials_user = &r->seen;
  config.allocator = allocator;
  config.seed = 42;
  ck_assert_int_eq(kvsp_client_new(&r->client, &config), KVSP_OK);
}

static void prepare(struct reading *r, const struct service *s) {
  memset(r, 0, sizeof *r);
  open_client(r, s, NULL);
  r->config.struct_size = sizeof r->config;
  r->config.stream = "door";
  r->config.start = KVSP_START_EARLIEST;
  r->config.flags = KVSP_MEDIA_STOP_AT_END;
  r->config.callback = on_event;
  r->config.user = &r->seen;
}

static void open_reading(struct reading *r) {
  ck_assert_int_eq(kvsp_media_new(&r->media, r->client, &r->config), KVSP_OK);
}

static void close_reading(struct reading *r) {
  kvsp_media_free(r->media);
  kvsp_client_free(r->client);
}

/* All pieces until something else than a piece comes. */
static int read_bytes(struct reading *r, struct bytes *out) {
  const kvsp_piece *piece;
  int rc = kvsp_media_next(r->media, 20000, &piece);
  for (; rc == KVSP_OK; rc = kvsp_media_next(r->media, 20000, &piece))
    if (piece->data.len > 0)
      bytes_append(out, piece->data.data, piece->data.len);
  return rc;
}

static void expect_all(const struct service *s, const struct bytes *got,
                       size_t from) {
  ck_assert_uint_eq(got->len, s->all.len - from);
  ck_assert_mem_eq(got->data, s->all.data + from, got->len);
}

/* ---- where it begins ----------------------------------------------------- */

static void expect_selector(kvsp_media_config config, const char *body,
                            unsigned first) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  prepare(&r, &s);
  config.struct_size = sizeof config;
  config.flags = KVSP_MEDIA_STOP_AT_END;
  r.config = config;
  open_reading(&r);
  ck_assert_int_eq(read_bytes(&r, &got), KVSP_END);
  ck_assert_str_eq(s.bodies[0], body);
  expect_all(&s, &got, s.starts[first]);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}

START_TEST(selectors) {
  kvsp_media_config now = {.stream = "door"};
  kvsp_media_config earliest = {.stream = "door", .start = KVSP_START_EARLIEST};
  kvsp_media_config server = {.stream = "door",
                              .start = KVSP_START_SERVER_TIME,
                              .start_time_ns = INT64_C(1511852105125999999)};
  kvsp_media_config producer = {.stream = "door",
                                .start = KVSP_START_PRODUCER_TIME,
                                .start_time_ns = INT64_C(1511852103000000000)};
  kvsp_media_config after = {
      .stream = "door", .start = KVSP_START_AFTER, .after = NUMBER_PREFIX "7"};
  kvsp_media_config token = {
      .stream = "arn:aws:kinesisvideo:us-west-2:1:stream/d/2",
      .start = KVSP_START_TOKEN,
      .after = NUMBER_PREFIX "3"};
  expect_selector(now,
                  "{\"StreamName\":\"door\",\"StartSelector\":"
                  "{\"StartSelectorType\":\"NOW\"}}",
                  0);
  expect_selector(earliest,
                  "{\"StreamName\":\"door\",\"StartSelector\":"
                  "{\"StartSelectorType\":\"EARLIEST\"}}",
                  0);
  expect_selector(server,
                  "{\"StreamName\":\"door\",\"StartSelector\":"
                  "{\"StartSelectorType\":\"SERVER_TIMESTAMP\","
                  "\"StartTimestamp\":1511852105.125}}",
                  4);
  expect_selector(producer,
                  "{\"StreamName\":\"door\",\"StartSelector\":"
                  "{\"StartSelectorType\":\"PRODUCER_TIMESTAMP\","
                  "\"StartTimestamp\":1511852103.000}}",
                  2);
  expect_selector(after,
                  "{\"StreamName\":\"door\",\"StartSelector\":"
                  "{\"StartSelectorType\":\"FRAGMENT_NUMBER\","
                  "\"AfterFragmentNumber\":\"" NUMBER_PREFIX "7\"}}",
                  7);
  expect_selector(
      token,
      "{\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/d/"
      "2\",\"StartSelector\":{\"StartSelectorType\":"
      "\"CONTINUATION_TOKEN\",\"ContinuationToken\":\"" NUMBER_PREFIX "3\"}}",
      3);
}
END_TEST

START_TEST(what_cannot_be_asked) {
  struct service s;
  struct reading r;
  kvsp_media *m = NULL;
  start_service(&s);
  prepare(&r, &s);
  r.config.stream = "a b";
  ck_assert_int_eq(kvsp_media_new(&m, r.client, &r.config), KVSP_ERR_ARG);
  r.config.stream = "door";
  r.config.start = KVSP_START_AFTER;
  ck_assert_int_eq(kvsp_media_new(&m, r.client, &r.config), KVSP_ERR_ARG);
  r.config.after = "12x";
  ck_assert_int_eq(kvsp_media_new(&m, r.client, &r.config), KVSP_ERR_ARG);
  r.config.start = 17;
  ck_assert_int_eq(kvsp_media_new(&m, r.client, &r.config), KVSP_ERR_ARG);
  kvsp_client_free(r.client);
  stop_service(&s);
}
END_TEST

/* All headers that matter are there once, and signed. */
START_TEST(signature) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  prepare(&r, &s);
  open_reading(&r);
  ck_assert_int_eq(read_bytes(&r, &got), KVSP_END);
  ck_assert_ptr_nonnull(
      strstr(s.headers,
             "/us-west-2/kinesisvideo/aws4_request, SignedHeaders=content-"
             "type;host;x-amz-date;x-amz-security-token, Signature="));
  ck_assert_ptr_nonnull(strstr(s.headers, "Content-Type: application/json"));
  ck_assert_ptr_nonnull(strstr(s.headers, "User-Agent: libkvsparse/"));
  ck_assert_ptr_null(strstr(s.headers, "wJalr"));
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}
END_TEST

/* ---- cuts ---------------------------------------------------------------- */

static void run_cuts(uint32_t seed, bool inclusive) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  kvsp_media_stats stats;
  start_service(&s);
  s.cuts = true;
  s.inclusive = inclusive;
  s.random = seed;
  prepare(&r, &s);
  open_reading(&r);
  ck_assert_int_eq(read_bytes(&r, &got), KVSP_END);
  expect_all(&s, &got, 0);
  ck_assert_int_eq(kvsp_media_get_stats(r.media, &stats, sizeof stats),
                   KVSP_OK);
  ck_assert_uint_eq(stats.fragments, COUNT);
  ck_assert_uint_eq(stats.lost, 0);
  ck_assert_uint_gt(stats.reconnects, 2);
  /* In all: a busy machine hears of a single one as late as it likes. */
  ck_assert_int_ge(s.times[s.calls - 1] - s.times[0],
                   (int64_t)(s.calls - 1) * CALL_SPACING_MS * 3 / 4);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}

START_TEST(cut_by_chance) {
  run_cuts((uint32_t)_i * 31337 + 7, _i % 2 == 1);
}
END_TEST

/* As items: the same as those of a reader that had it all at once. */
START_TEST(items_are_the_same) {
  struct service s;
  struct reading r;
  struct recorder whole = {0};
  struct recorder live = {0};
  kvsp_reader *reader;
  const kvsp_item *item;
  int rc;
  start_service(&s);
  ck_assert_int_eq(kvsp_reader_new(&reader, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_visit(reader, s.all.data, s.all.len, KVSP_FINAL,
                                     record_visit, &whole),
                   KVSP_END);
  s.cuts = true;
  s.random = 77;
  prepare(&r, &s);
  open_reading(&r);
  rc = kvsp_media_next_item(r.media, 20000, &item);
  for (; rc == KVSP_OK; rc = kvsp_media_next_item(r.media, 20000, &item))
    record_item(&live, item);
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_int_eq(kvsp_media_next_item(r.media, 0, &item), KVSP_END);
  ck_assert(texts_equal(recorder_text(&whole), recorder_text(&live), "items"));
  ck_assert_uint_gt(s.calls, 3);
  kvsp_reader_free(reader);
  recorder_clear(&whole);
  recorder_clear(&live);
  close_reading(&r);
  stop_service(&s);
}
END_TEST

/* The reader inside has come to its limit: it ends, and is told of once. */
START_TEST(items_that_are_too_much) {
  struct service s;
  struct reading r;
  kvsp_limits limits = {.struct_size = sizeof limits, .max_memory = 20000};
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_media *ready = NULL;
  const kvsp_item *item;
  int rc = KVSP_OK;
  start_service(&s);
  s.endless = true;
  prepare(&r, &s);
  config.limits = &limits;
  r.config.reader = &config;
  open_reading(&r);
  while (rc == KVSP_OK) rc = kvsp_media_next_item(r.media, 20000, &item);
  ck_assert_int_eq(rc, KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_media_next_item(r.media, 20000, &item), rc);
  ck_assert_uint_eq(kvsp_media_get_state(r.media), KVSP_STATE_ENDED);
  ck_assert_int_eq(kvsp_media_error(r.media)->status, rc);
  ck_assert_str_eq(kvsp_media_error(r.media)->message, kvsp_status_text(rc));
  ck_assert_int_eq(kvsp_client_wait(r.client, 20, &ready), KVSP_NEED_INPUT);
  close_reading(&r);
  stop_service(&s);
}
END_TEST

/* What begins at NOW goes on with what was cut, not with what is now. */
START_TEST(now_stays_where_it_was) {
  struct service s;
  struct reading r;
  const kvsp_piece *piece;
  start_service(&s);
  s.first_cut = s.starts[1] - 100;
  s.cuts = true;
  prepare(&r, &s);
  r.config.start = KVSP_START_NOW;
  open_reading(&r);
  while (s.calls < 4)
    ck_assert_int_eq(kvsp_media_next(r.media, 5000, &piece), KVSP_OK);
  ck_assert_ptr_nonnull(strstr(s.bodies[1], "SERVER_TIMESTAMP"));
  for (unsigned i = 1; i < s.calls; i++)
    ck_assert_ptr_null(strstr(s.bodies[i], "NOW"));
  close_reading(&r);
  stop_service(&s);
}
END_TEST

START_TEST(silence_ends_a_session) {
  struct service s;
  struct reading r;
  const kvsp_piece *piece;
  int rc = KVSP_OK;
  int64_t begin = kvsp_clock_ms();
  start_service(&s);
  s.ending = END_SILENT;
  prepare(&r, &s);
  r.config.silence_ms = 300;
  r.config.flags = 0;
  open_reading(&r);
  while (s.calls < 3 && rc >= 0) rc = kvsp_media_next(r.media, 5000, &piece);
  ck_assert_int_ge(rc, 0);
  ck_assert_int_lt(kvsp_clock_ms() - begin, 10000);
  close_reading(&r);
  stop_service(&s);
}
END_TEST

/* ---- refusals ------------------------------------------------------------ */

static int run_refusals(struct service *s, struct reading *r,
                        struct bytes *got) {
  prepare(r, s);
  open_reading(r);
  return read_bytes(r, got);
}

START_TEST(throttled) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  kvsp_media_stats stats;
  start_service(&s);
  s.refusals = 2;
  s.refusal = (struct refusal){400, "ClientLimitExceededException",
                               "{\"Message\":\"slow\"}"};
  ck_assert_int_eq(run_refusals(&s, &r, &got), KVSP_END);
  expect_all(&s, &got, 0);
  ck_assert_int_eq(kvsp_media_get_stats(r.media, &stats, sizeof stats),
                   KVSP_OK);
  ck_assert_uint_eq(stats.throttled, 2);
  ck_assert_uint_eq(stats.retries, 2);
  ck_assert_int_eq(strncmp(r.seen.states, "ctt", 3), 0);
  ck_assert_int_ge(s.times[1] - s.times[0], 240);
  ck_assert_int_ge(s.times[2] - s.times[1], 490);
  ck_assert_uint_eq(s.endpoint_calls, 1);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}
END_TEST

static void expect_fatal(struct refusal refusal, int status,
                         unsigned endpoint_calls, const char *name) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  const kvsp_service_error *error;
  start_service(&s);
  s.refusals = 100;
  s.refusal = refusal;
  ck_assert_int_eq(run_refusals(&s, &r, &got), status);
  error = kvsp_media_error(r.media);
  ck_assert_int_eq(error->status, status);
  ck_assert_uint_eq(error->http_status, (unsigned)refusal.status);
  ck_assert_str_eq(error->name, name);
  ck_assert_str_eq(error->operation, "GetMedia");
  ck_assert_str_eq(error->request_id, "refused-1");
  ck_assert_ptr_nonnull(strstr(error->message, "the words"));
  ck_assert_uint_eq(s.endpoint_calls, endpoint_calls);
  ck_assert_int_eq(r.seen.states[strlen(r.seen.states) - 1], 'e');
  ck_assert_int_eq(read_bytes(&r, &got), status);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}

/* The endpoint is asked for once more where it may have moved. */
START_TEST(what_does_not_heal) {
  expect_fatal((struct refusal){404, "ResourceNotFoundException:http://x/",
                                "{\"Message\":\"the words\"}"},
               KVSP_ERR_SERVICE, 2, "ResourceNotFoundException");
  expect_fatal((struct refusal){403, "AccessDeniedException",
                                "{\"message\":\"the words\"}"},
               KVSP_ERR_SERVICE, 1, "AccessDeniedException");
  expect_fatal((struct refusal){400, "InvalidEndpointException",
                                "{\"Message\":\"the words\"}"},
               KVSP_ERR_SERVICE, 2, "InvalidEndpointException");
  expect_fatal((struct refusal){403, "ExpiredTokenException",
                                "{\"message\":\"the words\"}"},
               KVSP_ERR_SERVICE, 1, "ExpiredTokenException");
  expect_fatal((struct refusal){403, "InvalidSignatureException",
                                "{\"message\":\"Signature expired: "
                                "20231107T044734Z is now earlier than "
                                "20231107T045305Z (20231107T045805Z - 5 min.) "
                                "the words\"}"},
               KVSP_ERR_CLOCK, 1, "InvalidSignatureException");
}
END_TEST

START_TEST(clock_is_told) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  s.refusals = 1;
  s.refusal = (struct refusal){403, "InvalidSignatureException",
                               "{\"message\":\"Signature expired: "
                               "20231107T044734Z is now earlier than "
                               "20231107T045305Z (20231107T045805Z - 5 min.)"
                               "\"}"};
  ck_assert_int_eq(run_refusals(&s, &r, &got), KVSP_ERR_CLOCK);
  ck_assert_int_eq(kvsp_media_error(r.media)->clock_offset_ms, -631000);
  ck_assert_ptr_nonnull(strstr(kvsp_media_error(r.media)->message,
                               "this machine's clock is 10 min 31 s behind"));
  close_reading(&r);
  stop_service(&s);
}
END_TEST

static void expect_healed(unsigned refusals, bool endpoint,
                          struct refusal refusal, unsigned credential_calls,
                          unsigned endpoint_calls) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  s.refusals = refusals;
  s.refuse_endpoint = endpoint;
  s.refusal = refusal;
  ck_assert_int_eq(run_refusals(&s, &r, &got), KVSP_END);
  expect_all(&s, &got, 0);
  ck_assert_uint_eq(r.seen.calls, credential_calls);
  ck_assert_uint_eq(s.endpoint_calls, endpoint_calls);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}

START_TEST(what_heals) {
  struct refusal expired = {403, "ExpiredTokenException", "{}"};
  struct refusal fault = {500, "InternalFailure", "{}"};
  struct refusal moved = {400, "InvalidEndpointException", "{}"};
  struct refusal busy = {503, "", "<html>"};
  expect_healed(1, false, expired, 2, 1);
  expect_healed(1, true, expired, 2, 2);
  expect_healed(3, false, fault, 1, 4);
  expect_healed(3, true, fault, 1, 4);
  expect_healed(1, false, moved, 1, 2);
  expect_healed(2, false, busy, 1, 3);
}
END_TEST

static void run_stream_error(const char *id, unsigned times, int status) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  s.errors_left = times;
  s.error_id = id;
  ck_assert_int_eq(run_refusals(&s, &r, &got), status);
  if (status == KVSP_END) {
    expect_all(&s, &got, 0);
  } else {
    ck_assert_str_eq(kvsp_media_error(r.media)->name, "THE_CODE");
    ck_assert_str_eq(kvsp_media_error(r.media)->request_id, "request-of-media");
    ck_assert_ptr_nonnull(strstr(kvsp_media_error(r.media)->message, id));
    ck_assert_uint_gt(got.len, 0);
  }
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}

START_TEST(errors_in_the_stream) {
  run_stream_error("5000", 2, KVSP_END);
  run_stream_error("4501", 1, KVSP_ERR_SERVICE);
}
END_TEST

START_TEST(nobody_there) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  prepare(&r, &s);
  server_stop(s.server);
  r.config.max_attempts = 3;
  open_reading(&r);
  ck_assert_int_eq(read_bytes(&r, &got), KVSP_ERR_NETWORK);
  ck_assert_uint_eq(kvsp_media_error(r.media)->http_status, 0);
  ck_assert_str_ne(kvsp_media_error(r.media)->message, "");
  ck_assert_str_eq(r.seen.states, "cxxe");
  close_reading(&r);
  bytes_free(&s.all);
}
END_TEST

START_TEST(no_region) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_media_config media = {.struct_size = sizeof media, .stream = "door"};
  const kvsp_piece *piece;
  struct reading r;
  memset(&r, 0, sizeof r);
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  ck_assert_int_eq(kvsp_client_new(&r.client, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_media_new(&r.media, r.client, &media), KVSP_OK);
  ck_assert_int_eq(kvsp_media_next(r.media, 1000, &piece),
                   KVSP_ERR_CREDENTIALS);
  ck_assert_ptr_nonnull(strstr(kvsp_media_error(r.media)->message, "region"));
  close_reading(&r);
}
END_TEST

static void set_environment(const struct service *s) {
  setenv("AWS_REGION", "us-west-2", 1);
  setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
  setenv("AWS_ENDPOINT_URL", server_url(s->server), 1);
}

START_TEST(a_client_of_its_own) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  start_service(&s);
  prepare(&r, &s);
  kvsp_client_free(r.client);
  r.client = NULL;
  set_environment(&s);
  open_reading(&r);
  ck_assert_int_eq(read_bytes(&r, &got), KVSP_END);
  expect_all(&s, &got, 0);
  close_reading(&r);
  setenv("AWS_REGION", "no region", 1);
  ck_assert_int_eq(kvsp_media_new(&r.media, NULL, &r.config), KVSP_ERR_ARG);
  ck_assert_ptr_null(r.media);
  bytes_free(&got);
  stop_service(&s);
}
END_TEST

/* ---- waiting ------------------------------------------------------------- */

static void *interrupt_soon(void *user) {
  struct timespec soon = {0, 200000000};
  nanosleep(&soon, NULL);
  kvsp_client_interrupt(user);
  return NULL;
}

START_TEST(interrupted) {
  struct service s;
  struct reading r;
  struct bytes got = {0};
  const kvsp_piece *piece;
  pthread_t thread;
  int64_t begin;
  start_service(&s);
  s.ending = END_SILENT;
  prepare(&r, &s);
  open_reading(&r);
  while (got.len < s.all.len) {
    ck_assert_int_eq(kvsp_media_next(r.media, 5000, &piece), KVSP_OK);
    bytes_append(&got, piece->data.data, piece->data.len);
  }
  begin = kvsp_clock_ms();
  ck_assert_int_eq(kvsp_media_next(r.media, 100, &piece), KVSP_NEED_INPUT);
  ck_assert_int_ge(kvsp_clock_ms() - begin, 90);
  ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, r.client), 0);
  ck_assert_int_eq(kvsp_media_next(r.media, -1, &piece), KVSP_INTERRUPTED);
  pthread_join(thread, NULL);
  ck_assert_int_eq(kvsp_media_next(r.media, 50, &piece), KVSP_NEED_INPUT);
  ck_assert_int_eq(kvsp_client_interrupt(r.client), KVSP_OK);
  ck_assert_int_eq(kvsp_client_wait(r.client, -1, NULL), KVSP_INTERRUPTED);
  close_reading(&r);
  bytes_free(&got);
  stop_service(&s);
}
END_TEST

/* A producer that is not there: a state, no error, and not too many calls. */
START_TEST(waits_for_a_producer) {
  struct service s;
  struct reading r;
  const kvsp_piece *piece;
  int64_t until = kvsp_clock_ms() + 2000;
  int rc = KVSP_OK;
  start_service(&s);
  prepare(&r, &s);
  r.config.flags = 0;
  r.config.start = KVSP_START_AFTER;
  r.config.after = NUMBER_PREFIX "20";
  open_reading(&r);
  while (kvsp_clock_ms() < until && rc >= 0)
    rc = kvsp_media_next(r.media, 100, &piece);
  ck_assert_int_eq(rc, KVSP_NEED_INPUT);
  ck_assert_str_eq(r.seen.states, "cw");
  ck_assert_uint_eq(kvsp_media_get_state(r.media), KVSP_STATE_WAITING);
  ck_assert_uint_gt(s.calls, 2);
  ck_assert_uint_lt(s.calls, 10);
  close_reading(&r);
  stop_service(&s);
}
END_TEST

/* Nobody reads: the socket is left alone, and the service cannot go on. */
START_TEST(back_pressure) {
  struct service s;
  struct reading r;
  struct test_allocator a;
  kvsp_media_stats stats;
  const kvsp_piece *piece;
  unsigned long long then;
  start_service(&s);
  s.endless = true;
  prepare(&r, &s);
  kvsp_client_free(r.client);
  test_allocator_init(&a);
  open_client(&r, &s, &a.allocator);
  r.config.max_buffer = (uint64_t)1 << 20;
  open_reading(&r);
  for (int i = 0; i < 30; i++) {
    ck_assert_int_ge(kvsp_client_wait(r.client, 20, NULL), 0);
    nanosleep(&(struct timespec){0, 10000000}, NULL);
  }
  then = atomic_load(&s.sent);
  ck_assert_uint_gt(then, (unsigned)1 << 20);
  for (int i = 0; i < 20; i++) {
    ck_assert_int_ge(kvsp_client_wait(r.client, 20, NULL), 0);
    nanosleep(&(struct timespec){0, 10000000}, NULL);
  }
  ck_assert_uint_eq(atomic_load(&s.sent), then);
  ck_assert_int_eq(kvsp_media_get_stats(r.media, &stats, sizeof stats),
                   KVSP_OK);
  ck_assert_uint_eq(stats.sessions, 1);
  ck_assert_uint_eq(stats.reconnects, 0);
  ck_assert_uint_ge(stats.buffered, (unsigned)1 << 20);
  ck_assert_uint_le(stats.buffered, ((unsigned)1 << 20) + 65536);
  ck_assert_uint_lt(a.peak_bytes, (size_t)6 << 20);
  for (uint64_t got = 0; got < (uint64_t)20 << 20; got += piece->data.len)
    ck_assert_int_eq(kvsp_media_next(r.media, 5000, &piece), KVSP_OK);
  ck_assert_uint_gt(atomic_load(&s.sent), then);
  ck_assert_uint_lt(a.peak_bytes, (size_t)6 << 20);
  close_reading(&r);
  ck_assert_uint_eq(a.live_blocks, 0);
  stop_service(&s);
}
END_TEST

/* ---- many ---------------------------------------------------------------- */

#define MANY 100

START_TEST(many_in_one_thread) {
  struct service s;
  struct reading r;
  static kvsp_media *readers[MANY];
  static struct bytes got[MANY];
  char name[32];
  unsigned ended = 0;
  memset(got, 0, sizeof got);
  start_service(&s);
  s.cuts = true;
  prepare(&r, &s);
  r.config.callback = NULL;
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "stream-%u", i);
    r.config.stream = name;
    r.config.user = &got[i];
    ck_assert_int_eq(kvsp_media_new(&readers[i], r.client, &r.config), KVSP_OK);
  }
  while (ended < MANY) {
    const kvsp_piece *piece;
    kvsp_media *ready = NULL;
    int rc;
    ck_assert_int_eq(kvsp_client_wait(r.client, 60000, &ready), KVSP_OK);
    rc = kvsp_media_next(ready, 0, &piece);
    if (rc == KVSP_END) ended++;
    if (rc == KVSP_OK && piece->data.len > 0)
      bytes_append(kvsp_media_user(ready), piece->data.data, piece->data.len);
    ck_assert_int_ge(rc, 0);
  }
  for (unsigned i = 0; i < MANY; i++) {
    expect_all(&s, &got[i], 0);
    kvsp_media_free(readers[i]);
    bytes_free(&got[i]);
  }
  kvsp_client_free(r.client);
  stop_service(&s);
}
END_TEST

/* Keys that the service no longer takes, until the callback gives others. */
static void refuse_old_keys(void *user, const struct server_request *request,
                            struct server_answer *answer) {
  static const char expired[] = "x-amzn-ErrorType: ExpiredTokenException\r\n";
  atomic_uint *refused = user;
  if (strstr(request->headers, "Credential=KEY1/")) {
    server_sleep(answer, (int)atomic_fetch_add(refused, 1) * 60);
    server_reply(answer, 403, expired, "{}");
    return;
  }
  server_reply(answer, 404, "x-amzn-ErrorType: NotFound\r\n", "{}");
}

static int give_numbered_keys(void *user, kvsp_credentials *out) {
  static char key[32];
  struct seen *seen = user;
  snprintf(key, sizeof key, "KEY%u", ++seen->calls);
  out->access_key_id = key;
  out->secret_access_key = "S";
  return 0;
}

/* All calls at once come back with the same old keys: one renewal is enough. */
START_TEST(renewed_once_for_all) {
  struct seen seen = {.calls = 0};
  atomic_uint refused = 0;
  struct http_server *server = server_start(refuse_old_keys, &refused);
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_media_config media = {.struct_size = sizeof media};
  kvsp_client *c = NULL;
  kvsp_media *readers[8];
  const kvsp_piece *piece;
  char name[32];
  config.region = "us-west-2";
  config.endpoint_url = server_url(server);
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  config.credentials = give_numbered_keys;
  config.credentials_user = &seen;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  media.stream = name;
  for (unsigned i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "stream-%u", i);
    ck_assert_int_eq(kvsp_media_new(&readers[i], c, &media), KVSP_OK);
  }
  for (unsigned i = 0; i < 8; i++) {
    ck_assert_int_eq(kvsp_media_next(readers[i], 20000, &piece),
                     KVSP_ERR_SERVICE);
    ck_assert_str_eq(kvsp_media_error(readers[i])->name, "NotFound");
  }
  ck_assert_uint_eq(atomic_load(&refused), 8);
  ck_assert_uint_eq(seen.calls, 2);
  for (unsigned i = 0; i < 8; i++) kvsp_media_free(readers[i]);
  kvsp_client_free(c);
  server_stop(server);
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

START_TEST(every_allocation_fails) {
  struct service s;
  bool failed = true;
  start_service(&s);
  s.all.len = s.starts[2];
  s.starts[COUNT] = s.all.len;
  for (size_t at = 0; failed; at++) {
    struct reading r;
    struct test_allocator a;
    struct bytes got = {0};
    int rc;
    prepare(&r, &s);
    kvsp_client_free(r.client);
    test_allocator_init(&a);
    open_client(&r, &s, &a.allocator);
    test_allocator_fail_after(&a, at);
    r.media = NULL;
    r.config.start = at % 2 ? KVSP_START_EARLIEST : KVSP_START_AFTER;
    r.config.after = "1";
    rc = kvsp_media_new(&r.media, r.client, &r.config);
    while (rc == KVSP_OK && got.len < s.all.len) {
      const kvsp_piece *piece;
      rc = kvsp_media_next(r.media, 20000, &piece);
      if (rc == KVSP_OK && piece->data.len > 0)
        bytes_append(&got, piece->data.data, piece->data.len);
    }
    failed = a.failures > 0;
    ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : KVSP_OK);
    close_reading(&r);
    ck_assert_uint_eq(a.live_blocks, 0);
    bytes_free(&got);
  }
  stop_service(&s);
}
END_TEST

/* The socket was left alone; there is no memory for what libcurl has kept back
 * meanwhile. */
static int read_after_pause(struct service *s, struct test_allocator *a,
                            size_t others) {
  struct reading r;
  const kvsp_piece *piece;
  uint64_t got = 0;
  int rc = KVSP_OK;
  prepare(&r, s);
  kvsp_client_free(r.client);
  test_allocator_init(a);
  open_client(&r, s, &a->allocator);
  r.config.max_buffer = 1;
  open_reading(&r);
  while (!r.media->paused)
    ck_assert_int_ge(kvsp_client_wait(r.client, 20, NULL), 0);
  test_allocator_fail_after(a, others);
  for (; rc == KVSP_OK && got < 200000; got += piece->data.len)
    rc = kvsp_media_next(r.media, 20000, &piece);
  close_reading(&r);
  return rc;
}

START_TEST(allocation_fails_after_a_pause) {
  struct service s;
  struct test_allocator a = {.failures = 1};
  start_service(&s);
  s.endless = true;
  for (size_t at = 0; at < 200 && a.failures > 0; at++) {
    int rc = read_after_pause(&s, &a, at);
    ck_assert_int_eq(rc, a.failures > 0 ? KVSP_ERR_NOMEM : KVSP_OK);
  }
  stop_service(&s);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("media");
  TCase *all = tcase_create("all");
  TCase *slow = tcase_create("slow");
  tcase_set_timeout(all, 60);
  tcase_add_test(all, selectors);
  tcase_add_test(all, what_cannot_be_asked);
  tcase_add_test(all, signature);
  tcase_add_test(all, items_are_the_same);
  tcase_add_test(all, items_that_are_too_much);
  tcase_add_test(all, now_stays_where_it_was);
  tcase_add_test(all, silence_ends_a_session);
  tcase_add_test(all, throttled);
  tcase_add_test(all, what_does_not_heal);
  tcase_add_test(all, clock_is_told);
  tcase_add_test(all, what_heals);
  tcase_add_test(all, renewed_once_for_all);
  tcase_add_test(all, errors_in_the_stream);
  tcase_add_test(all, nobody_there);
  tcase_add_test(all, no_region);
  tcase_add_test(all, a_client_of_its_own);
  tcase_add_test(all, interrupted);
  tcase_add_test(all, waits_for_a_producer);
  tcase_add_test(all, back_pressure);
  tcase_set_timeout(slow, 120);
  tcase_add_loop_test(slow, cut_by_chance, 0, 4);
  tcase_add_test(slow, many_in_one_thread);
  tcase_add_test(slow, every_allocation_fails);
  tcase_add_test(slow, allocation_fails_after_a_pause);
  suite_add_tcase(suite, all);
  suite_add_tcase(suite, slow);
  return run_suite(suite);
}
