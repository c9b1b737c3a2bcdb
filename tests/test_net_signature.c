/*
 * test_net_signature.c - what our requests are signed with, against vectors
 * that others have computed (tests/net/sigv4-vectors.txt).  libcurl signs, by
 * the clock: so it gets the vectors' time here, from a time() of our own.  The
 * requests go to the vectors' host by a proxy, which is this test.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http.h"
#include "support/http_server.h"
#include "support/suite.h"

#define VECTORS_MAX 16
#define HEADERS_MAX 8
#define LINE_SIZE 512

/* ---- the clock ----------------------------------------------------------- */

static time_t forced_time; /* 0: the clock's                               */

time_t time(time_t *out) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  if (forced_time != 0) now.tv_sec = forced_time;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* Of "20250102T030405Z". */
static time_t time_of(const char *text) {
  char date[64];
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int month = (text[4] - '0') * 10 + text[5] - '0';
  ck_assert(month >= 1 && month <= 12);
  snprintf(date, sizeof date, "%.2s %.3s %.4s %.2s:%.2s:%.2s GMT", text + 6,
           months + (month - 1) * 3, text, text + 9, text + 11, text + 13);
  return curl_getdate(date, NULL);
}

/* ---- the vectors --------------------------------------------------------- */

struct vector {
  char name[LINE_SIZE];
  char method[LINE_SIZE];
  char path[LINE_SIZE];
  char headers[HEADERS_MAX][LINE_SIZE]; /* "name:value"                     */
  unsigned count;
  char signed_headers[LINE_SIZE];
  char date[LINE_SIZE];
  char scope[LINE_SIZE];
  char signature[LINE_SIZE];
};
static struct vector vectors[VECTORS_MAX];
static int vectors_count;

/* They are read before any test begins. */
static void need(bool holds) {
  if (holds) return;
  fprintf(stderr, "the vectors make no sense\n");
  exit(EXIT_FAILURE);
}

static bool read_line(FILE *file, char *out) {
  if (!fgets(out, LINE_SIZE, file)) return false;
  out[strcspn(out, "\n")] = '\0';
  return true;
}

static void expect_line(FILE *file, char *out) {
  need(read_line(file, out));
}

static void read_vector(FILE *file, struct vector *v) {
  char line[LINE_SIZE];
  expect_line(file, v->method);
  expect_line(file, v->path);
  expect_line(file, line);
  need(line[0] == '\0'); /* the query                                */
  for (expect_line(file, line); line[0] != '\0'; expect_line(file, line)) {
    need(v->count < HEADERS_MAX);
    memcpy(v->headers[v->count++], line, sizeof line);
  }
  expect_line(file, v->signed_headers);
  expect_line(file, line); /* the body's hash                              */
  expect_line(file, line);
  need(strcmp(line, "..") == 0);
  expect_line(file, line);
  need(strcmp(line, "AWS4-HMAC-SHA256") == 0);
  expect_line(file, v->date);
  expect_line(file, v->scope);
  expect_line(file, line); /* the canonical request's hash                 */
  expect_line(file, line);
  need(strncmp(line, "signature ", 10) == 0);
  snprintf(v->signature, sizeof v->signature, "%s", line + 10);
}

static void read_vectors(void) {
  const char *top = getenv("top_srcdir");
  char line[LINE_SIZE];
  char path[4096];
  FILE *file;
  snprintf(path, sizeof path, "%s/tests/net/sigv4-vectors.txt",
           top ? top : ".");
  file = fopen(path, "r");
  need(file != NULL);
  while (read_line(file, line)) {
    struct vector *v = &vectors[vectors_count];
    if (strncmp(line, "--- ", 4) != 0) continue;
    need(vectors_count < VECTORS_MAX);
    vectors_count++;
    snprintf(v->name, sizeof v->name, "%s", line + 4);
    read_vector(file, v);
  }
  fclose(file);
}

/* The value that a header has in the canonical request; NULL: it has none. */
static const char *value_of(const struct vector *v, const char *name) {
  size_t len = strlen(name);
  for (unsigned i = 0; i < v->count; i++)
    if (strncmp(v->headers[i], name, len) == 0 && v->headers[i][len] == ':')
      return v->headers[i] + len + 1;
  return NULL;
}

/* ---- one request --------------------------------------------------------- */

static char key_id[] = "AKIDEXAMPLE";
static char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char body[] =
    "{\"StreamName\":\"my-stream\",\"APIName\":\"GET_MEDIA\"}";

struct arrived {
  char method[16];
  char path[LINE_SIZE];
  char headers[4096];
  char body[LINE_SIZE];
};

static void keep_request(void *user, const struct server_request *request,
                         struct server_answer *answer) {
  struct arrived *arrived = user;
  snprintf(arrived->method, sizeof arrived->method, "%s", request->method);
  snprintf(arrived->path, sizeof arrived->path, "%s", request->path);
  snprintf(arrived->headers, sizeof arrived->headers, "%s", request->headers);
  snprintf(arrived->body, sizeof arrived->body, "%s", request->body);
  server_reply(answer, 200, "", "{}");
}

static void run_request(struct http *http, const struct http_request *request) {
  struct http_transfer transfer = {.easy = NULL};
  ck_assert_int_eq(kvsp_http_start(&transfer, http, request), KVSP_OK);
  while (!transfer.finished) {
    kvsp_http_wait(http, -1, 1000);
    ck_assert_int_eq(kvsp_http_turn(http), KVSP_OK);
  }
  ck_assert(kvsp_http_succeeded(&transfer));
  kvsp_http_end(&transfer);
}

static void send_request(const struct vector *v, const char *proxy) {
  char url[LINE_SIZE * 3];
  char region[LINE_SIZE];
  char token[LINE_SIZE];
  const char *session = value_of(v, "x-amz-security-token");
  struct credentials keys = {.access_key_id = key_id,
                             .secret_access_key = secret};
  struct http_request request = {.method = v->method,
                                 .url = url,
                                 .headers = {"Content-Type: application/json"},
                                 .body = body,
                                 .timeout_ms = 10000,
                                 .sign = &keys,
                                 .region = region};
  kvsp_allocator allocator;
  struct http http = {.user_agent = "test", .connect_timeout_ms = 5000};
  snprintf(url, sizeof url, "http://%s%s", value_of(v, "host"), v->path);
  snprintf(region, sizeof region, "%.*s", (int)strcspn(v->scope + 9, "/"),
           v->scope + 9);
  snprintf(token, sizeof token, "%s", session ? session : "");
  if (session) keys.session_token = token;
  ck_assert_int_eq(kvsp_net_allocator_init(&allocator, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_http_init(&http, &allocator), KVSP_OK);
  http.proxy = proxy;
  run_request(&http, &request);
  kvsp_http_free(&http);
}

static void expect_header(const struct arrived *arrived, const char *name,
                          const char *expected) {
  struct server_request request = {.headers = arrived->headers};
  char value[LINE_SIZE * 2];
  ck_assert_msg(server_header(&request, name, value, sizeof value), "no %s",
                name);
  ck_assert_str_eq(value, expected);
}

START_TEST(vector) {
  const struct vector *v = &vectors[_i];
  struct arrived arrived = {.method = ""};
  char expected[LINE_SIZE * 4];
  struct http_server *server = server_start(keep_request, &arrived);
  printf("%s\n", v->name);
  forced_time = time_of(v->date);
  send_request(v, server_url(server));
  forced_time = 0;
  server_stop(server);
  ck_assert_str_eq(arrived.method, v->method);
  ck_assert_str_eq(arrived.body, body);
  snprintf(expected, sizeof expected, "http://%s%s", value_of(v, "host"),
           v->path);
  ck_assert_str_eq(arrived.path, expected);
  for (unsigned i = 0; i < v->count; i++) {
    char name[LINE_SIZE];
    size_t len = strcspn(v->headers[i], ":");
    snprintf(name, sizeof name, "%.*s", (int)len, v->headers[i]);
    expect_header(&arrived, name, v->headers[i] + len + 1);
  }
  snprintf(expected, sizeof expected,
           "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
           key_id, v->scope, v->signed_headers, v->signature);
  expect_header(&arrived, "Authorization", expected);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("signature");
  TCase *all = tcase_create("all");
  unsetenv("no_proxy");
  unsetenv("NO_PROXY");
  read_vectors();
  need(vectors_count > 0);
  tcase_add_loop_test(all, vector, 0, vectors_count);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
