/*
 * test_net_parts.c - the parts of the network stage that need no network:
 * times, files of settings, fields of answers, hosts, errors, waits, figures,
 * checkpoints.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <check.h>
#include <errno.h>
#include <kvsparse/checkpoint.h>
#include <kvsparse/media.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoff.h"
#include "endpoint.h"
#include "errors.h"
#include "fields.h"
#include "figures.h"
#include "ini.h"
#include "net_clock.h"
#include "support/suite.h"

static kvsp_allocator allocator;
static struct text out;

static void setup(void) {
  ck_assert_int_eq(kvsp_net_allocator_init(&allocator, NULL), KVSP_OK);
  kvsp_text_init(&out, &allocator, 4096);
}

static void teardown(void) {
  kvsp_text_clear(&out);
}

/* ---- times --------------------------------------------------------------- */

START_TEST(times) {
  static const struct {
    const char *text;
    int64_t ms;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-11-20T10:53:28Z", INT64_C(1795172008000)},
      {"2026-11-20T10:53:28.5Z", INT64_C(1795172008500)},
      {"2026-11-20T10:53:28.123456789Z", INT64_C(1795172008123)},
      {"2026-11-20T11:53:28+01:00", INT64_C(1795172008000)},
      {"2026-11-20T08:23:28-02:30", INT64_C(1795172008000)},
      {"20261120T105328Z", INT64_C(1795172008000)},
      {"2024-02-29T23:59:59Z", INT64_C(1709251199000)},
      {"2000-03-01T00:00:00Z", INT64_C(951868800000)},
      {"", KVSP_CLOCK_NONE},
      {"2026-11-20", KVSP_CLOCK_NONE},
      {"2026-11-20T10:53:28", KVSP_CLOCK_NONE},
      {"2026-13-20T10:53:28Z", KVSP_CLOCK_NONE},
      {"2026-11-20T24:53:28Z", KVSP_CLOCK_NONE},
      {"tomorrow", KVSP_CLOCK_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    ck_assert_msg(kvsp_clock_parse(cases[i].text) == cases[i].ms, "%s: %lld",
                  cases[i].text, (long long)kvsp_clock_parse(cases[i].text));
}
END_TEST

/* ---- settings ------------------------------------------------------------ */

static const char settings[] =
    "outside = 0\n"
    "[a]\n"
    "one = 1\n"
    "# two = no\n"
    "Two\t=  2 = 2  \r\n"
    "s3 =\n"
    "  nested = no\n"
    "one = last\n"
    "[ profile  b ]\n"
    "one = b\n"
    "[profile]\n"
    "one = bare\n"
    "[sso-session x]\n"
    "empty =\n";

static void expect_setting(const char *prefix, const char *section,
                           const char *key, const char *value) {
  int rc = kvsp_ini_get(settings, prefix, section, key, &out);
  ck_assert_int_eq(rc, value != NULL);
  if (value) ck_assert_str_eq(kvsp_text_string(&out), value);
}

START_TEST(ini) {
  expect_setting(NULL, "a", "one", "last");
  expect_setting(NULL, "a", "TWO", "2 = 2");
  expect_setting(NULL, "a", "nested", NULL);
  expect_setting(NULL, "a", "outside", NULL);
  expect_setting(NULL, "b", "one", NULL);
  expect_setting("profile", "b", "one", "b");
  expect_setting("profile", "a", "one", NULL);
  expect_setting("sso-session", "x", "empty", NULL);
  ck_assert(kvsp_ini_has_section(settings, "profile", "b"));
  ck_assert(!kvsp_ini_has_section(settings, NULL, "b"));
  ck_assert(kvsp_ini_has_section(settings, NULL, "a"));
  ck_assert(!kvsp_ini_has_section("", NULL, ""));
}
END_TEST

/* ---- fields -------------------------------------------------------------- */

static void expect_json(const char *json, const char *value) {
  int rc = kvsp_json_field(json, "k", &out);
  ck_assert_msg(rc == (value != NULL), "%s: %d", json, rc);
  if (value) ck_assert_str_eq(kvsp_text_string(&out), value);
}

START_TEST(json) {
  expect_json("{\"k\":\"cut\\/of", NULL);
  ck_assert_str_eq(kvsp_text_string(&out), "");
  expect_json("{\"k\":\"v\"}", "v");
  expect_json(" { \"a\" : [1, {\"k\":\"no\"}, \"]\"], \"k\" : 1.5E9 }",
              "1.5E9");
  expect_json("{\"a\":{\"k\":\"no\"}}", NULL);
  expect_json("{\"a\\\"k\":1,\"k\":true}", "true");
  expect_json("{\"k\":null}", NULL);
  expect_json("{\"k\":\"\"}", NULL);
  expect_json("{\"k\":\"a\\n\\\"\\u00e9\\ud83d\\ude00\\/\"}",
              "a\n\"\xC3\xA9\xF0\x9F\x98\x80/");
  expect_json("{\"k\":\"\\ud83d\\u0000\"}", "\xEF\xBF\xBD\xEF\xBF\xBD");
  expect_json("{\"k\":{}}", NULL);
  expect_json("{\"k\":\"cut", NULL);
  expect_json("{\"k\":\"\\uZZZZ\"}", NULL);
  expect_json("{\"k\"", NULL);
  expect_json("{\"a\":[[[[", NULL);
  expect_json("[\"k\"]", NULL);
  expect_json("", NULL);
  expect_json("<html>", NULL);
}
END_TEST

START_TEST(xml) {
  ck_assert_int_eq(kvsp_xml_field("<a><k>v</k></a>", "k", &out), 1);
  ck_assert_str_eq(kvsp_text_string(&out), "v");
  ck_assert_int_eq(kvsp_xml_field("<a><kk>v</kk></a>", "k", &out), 0);
  ck_assert_int_eq(kvsp_xml_field("<a><k>v", "k", &out), 0);
  ck_assert_int_eq(kvsp_xml_field("<k></k>", "k", &out), 0);
}
END_TEST

START_TEST(texts) {
  struct text small;
  kvsp_text_init(&small, &allocator, 4);
  ck_assert_int_eq(kvsp_text_add(&small, "abcd"), KVSP_OK);
  ck_assert_int_eq(kvsp_text_add(&small, "e"), KVSP_ERR_LIMIT_VALUE);
  ck_assert_str_eq(kvsp_text_string(&small), "abcd");
  kvsp_text_clear(&small);
  ck_assert_int_eq(kvsp_text_add_json(&out, "a\"\\\n\x7F"), KVSP_OK);
  ck_assert_str_eq(kvsp_text_string(&out), "\"a\\\"\\\\\\u000a\\u007f\"");
  out.len = 0;
  ck_assert_int_eq(kvsp_text_add_form(&out, "a b/~.=&\xC3"), KVSP_OK);
  ck_assert_str_eq(kvsp_text_string(&out), "a%20b%2F~.%3D%26%C3");
}
END_TEST

/* ---- hosts --------------------------------------------------------------- */

static void expect_host(const char *region, unsigned kind, const char *url) {
  int rc;
  out.len = 0;
  rc = kvsp_endpoint_url(region, kind, &out);
  ck_assert_int_eq(rc, url ? KVSP_OK : KVSP_ERR_UNSUPPORTED);
  if (url) ck_assert_str_eq(kvsp_text_string(&out), url);
}

START_TEST(hosts) {
  const unsigned both = ENDPOINT_FIPS | ENDPOINT_DUAL_STACK;
  expect_host("us-west-2", 0, "https://kinesisvideo.us-west-2.amazonaws.com");
  expect_host("us-west-2", ENDPOINT_FIPS,
              "https://kinesisvideo-fips.us-west-2.amazonaws.com");
  expect_host("us-west-2", ENDPOINT_DUAL_STACK,
              "https://kinesisvideo.us-west-2.api.aws");
  expect_host("us-west-2", both, "https://kinesisvideo-fips.us-west-2.api.aws");
  expect_host("cn-north-1", 0,
              "https://kinesisvideo.cn-north-1.amazonaws.com.cn");
  expect_host("cn-north-1", ENDPOINT_DUAL_STACK,
              "https://kinesisvideo.cn-north-1.api.amazonwebservices.com.cn");
  expect_host("us-gov-west-1", 0,
              "https://kinesisvideo-fips.us-gov-west-1.amazonaws.com");
  expect_host("us-iso-east-1", 0,
              "https://kinesisvideo.us-iso-east-1.c2s.ic.gov");
  expect_host("us-isob-east-1", 0,
              "https://kinesisvideo.us-isob-east-1.sc2s.sgov.gov");
  expect_host("us-isob-east-1", ENDPOINT_DUAL_STACK, NULL);
  expect_host("eusc-de-east-1", 0,
              "https://kinesisvideo.eusc-de-east-1.amazonaws.eu");
  ck_assert(kvsp_region_is_valid("us-west-2"));
  ck_assert(!kvsp_region_is_valid(""));
  ck_assert(!kvsp_region_is_valid("us.west"));
  ck_assert(!kvsp_region_is_valid("us-west-2/"));
}
END_TEST

START_TEST(urls) {
  static const char *const good[] = {
      "https://s-1.kinesisvideo.us-west-2.amazonaws.com",
      "https://host:8443/base",
      "http://127.0.0.1:4567",
      "http://localhost",
      "http://[::1]:80/",
      "http://127.1.2.3"};
  static const char *const bad[] = {"http://example.com",
                                    "http://localhost.example.com",
                                    "http://127.0.0.1.example.com",
                                    "http://127.0.0.1@example.com/",
                                    "http://127.0.0.1:80\\@example.com/",
                                    "https://user:pw@example.com",
                                    "https://h/?q=1",
                                    "https://h/#f",
                                    "https://h:99x",
                                    "https://[e?]",
                                    "https://[::1",
                                    "https://",
                                    "ftp://127.0.0.1",
                                    "https://h\r\n",
                                    "//host",
                                    "",
                                    "http://127.0.0",
                                    "https://a b",
                                    "http://[::1"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    ck_assert_msg(kvsp_url_is_allowed(good[i]), "%s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_msg(!kvsp_url_is_allowed(bad[i]), "%s", bad[i]);
    ck_assert_msg(!kvsp_url_is_loopback(bad[i]), "%s", bad[i]);
  }
}
END_TEST

/* ---- errors -------------------------------------------------------------- */

static struct service_fault fault;

static void read_error(long status, const char *type, const char *body) {
  out.len = 0;
  ck_assert_int_eq(kvsp_text_add(&out, body), KVSP_OK);
  kvsp_errors_read(&fault, status, type, &out, KVSP_CLOCK_NONE, 0);
}

static void expect_error(long status, const char *type, const char *body,
                         const char *name, enum error_class class) {
  read_error(status, type, body);
  ck_assert_str_eq(fault.name, name);
  ck_assert_msg(fault.class == class, "%s: class %d", name, (int)fault.class);
}

START_TEST(errors) {
  expect_error(404,
               "ResourceNotFoundException:https://kinesisvideo.amazonaws.com/",
               "{\"Message\":\"The requested stream\"}",
               "ResourceNotFoundException", ERROR_FATAL);
  ck_assert_str_eq(fault.message, "The requested stream");
  expect_error(403, "", "{\"message\":\"no\\nway\",\"code\":\"AccessDenied\"}",
               "AccessDenied", ERROR_FATAL);
  ck_assert_str_eq(fault.message, "no way");
  expect_error(400, "", "{\"__type\":\"com.amazon#ThrottlingException\"}",
               "ThrottlingException", ERROR_THROTTLE);
  expect_error(400, "ClientLimitExceededException", "",
               "ClientLimitExceededException", ERROR_THROTTLE);
  expect_error(400, "ConnectionLimitExceededException", "{}",
               "ConnectionLimitExceededException", ERROR_THROTTLE);
  expect_error(503, "", "<html>busy</html>", "HTTP 503", ERROR_RETRY);
  expect_error(429, "", "", "HTTP 429", ERROR_THROTTLE);
  expect_error(301, "", "", "HTTP 301", ERROR_FATAL);
  expect_error(400, "InvalidEndpointException", "", "InvalidEndpointException",
               ERROR_ENDPOINT);
  expect_error(403, "ExpiredTokenException", "", "ExpiredTokenException",
               ERROR_EXPIRED);
  expect_error(401, "NotAuthorizedException",
               "{\"Message\":\"token has expired\"}", "NotAuthorizedException",
               ERROR_EXPIRED);
  expect_error(401, "NotAuthorizedException", "{\"Message\":\"no\"}",
               "NotAuthorizedException", ERROR_FATAL);
}
END_TEST

START_TEST(clock_errors) {
  char text[64];
  expect_error(403, "InvalidSignatureException",
               "{\"message\":\"Signature expired: 20231107T044734Z is now "
               "earlier than 20231107T045305Z (20231107T045805Z - 5 min.)\"}",
               "InvalidSignatureException", ERROR_CLOCK);
  ck_assert_int_eq(fault.clock_offset_ms, -631000);
  kvsp_errors_print_offset(fault.clock_offset_ms, text, sizeof text);
  ck_assert_str_eq(text, "10 min 31 s behind");
  kvsp_errors_print_offset(3600000, text, sizeof text);
  ck_assert_str_eq(text, "60 min 0 s ahead");
  expect_error(403, "InvalidSignatureException",
               "{\"message\":\"Signature not yet current: 20231107T060000Z is "
               "still later than 20231107T050500Z (20231107T050000Z + 5 "
               "min.)\"}",
               "InvalidSignatureException", ERROR_CLOCK);
  ck_assert_int_eq(fault.clock_offset_ms, 3600000);
  /* Without times in it, the header Date tells. */
  out.len = 0;
  ck_assert_int_eq(kvsp_text_add(&out, "{\"message\":\"Signature expired\"}"),
                   KVSP_OK);
  kvsp_errors_read(&fault, 403, "", &out, 1000000, 400000);
  ck_assert_int_eq(fault.class, ERROR_CLOCK);
  ck_assert_int_eq(fault.clock_offset_ms, -600000);
  expect_error(403, "InvalidSignatureException",
               "{\"message\":\"The request signature we calculated\"}",
               "InvalidSignatureException", ERROR_FATAL);
}
END_TEST

/* ---- waits --------------------------------------------------------------- */

static void expect_waits(enum backoff_kind kind, unsigned attempt, int64_t min,
                         int64_t max) {
  uint64_t random = 99;
  int64_t least = INT64_MAX;
  int64_t most = 0;
  for (int i = 0; i < 2000; i++) {
    int64_t ms = kvsp_backoff_ms(kind, attempt, &random);
    if (ms < least) least = ms;
    if (ms > most) most = ms;
  }
  ck_assert_int_ge(least, min);
  ck_assert_int_le(least, min + (max - min) / 50 + 1);
  ck_assert_int_le(most, max);
  ck_assert_int_ge(most, max - (max - min) / 50 - 1);
}

START_TEST(waits) {
  expect_waits(BACKOFF_FAULT, 1, 25, 100);
  expect_waits(BACKOFF_FAULT, 2, 50, 200);
  expect_waits(BACKOFF_FAULT, 4, 200, 800);
  expect_waits(BACKOFF_FAULT, 50, 5000, 20000);
  expect_waits(BACKOFF_FAULT, 4000000000u, 5000, 20000);
  expect_waits(BACKOFF_THROTTLE, 1, 250, 1000);
  expect_waits(BACKOFF_THROTTLE, 3, 1000, 4000);
  expect_waits(BACKOFF_IDLE, 1, 62, 250);
  expect_waits(BACKOFF_IDLE, 20, 750, 3000);
}
END_TEST

/* However often it asks, there are five calls in any second. */
START_TEST(gates) {
  struct call_gate gate = {0};
  int taken = 0;
  for (int64_t now = 5000; now < 8000; now++)
    if (kvsp_gate_take(&gate, now) == 0) taken++;
  ck_assert_int_eq(taken, 15);
  ck_assert_int_eq(kvsp_gate_take(&gate, 8000), 0);
  ck_assert_int_eq(kvsp_gate_take(&gate, 8001), 199);
}
END_TEST

/* A second has 500 points, whatever is asked for at a time. */
static void expect_points(unsigned points, int calls) {
  struct call_gate gate = {0};
  int taken = 0;
  for (int64_t now = 5000; now < 8000; now++)
    if (kvsp_points_take(&gate, points, now) == 0) taken++;
  ck_assert_int_eq(taken, calls);
}

START_TEST(points) {
  struct call_gate gate = {0};
  expect_points(100, 15);
  expect_points(500, 3);
  expect_points(1000, 2);
  expect_points(1, 1500);
  expect_points(3, 500);
  ck_assert_int_eq(kvsp_points_take(&gate, 7, 8000), 0);
  ck_assert_int_eq(kvsp_points_take(&gate, 1, 8001), 13);
  ck_assert_int_eq(kvsp_points_take(&gate, 1000, 8014), 0);
  ck_assert_int_eq(kvsp_points_take(&gate, 1, 8014), 2000);
}
END_TEST

START_TEST(figures) {
  static struct figures f;
  kvsp_spread s = kvsp_figures_spread(&f);
  ck_assert_int_eq(s.median, KVSP_TIME_NONE);
  for (int i = 0; i < 5; i++) kvsp_figures_add(&f, (i * 3) % 5 - 1);
  s = kvsp_figures_spread(&f);
  ck_assert_int_eq(s.min, -1);
  ck_assert_int_eq(s.median, 1);
  ck_assert_int_eq(s.max, 3);
  for (int i = 0; i < FIGURES_KEPT; i++) kvsp_figures_add(&f, 1000 + i);
  s = kvsp_figures_spread(&f);
  ck_assert_int_eq(s.min, 1000);
  ck_assert_int_eq(s.max, 999 + FIGURES_KEPT);
}
END_TEST

/* ---- checkpoints --------------------------------------------------------- */

static char folder[] = "/tmp/kvsparse-checkpoint.XXXXXX";
static char path[256];

static void write_text(const char *content) {
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(content, file);
  fclose(file);
}

static void expect_no_checkpoint(const char *content) {
  kvsp_checkpoint c = {.struct_size = sizeof c};
  write_text(content);
  ck_assert_int_eq(kvsp_checkpoint_load(path, &c), KVSP_ERR_FILE);
  ck_assert_int_eq(errno, EINVAL);
}

START_TEST(checkpoint) {
  kvsp_checkpoint c = {.struct_size = sizeof c};
  kvsp_checkpoint read = {.struct_size = sizeof read};
  struct stat status;
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/place", folder);
  ck_assert_int_eq(kvsp_checkpoint_load(path, &read), KVSP_OK);
  ck_assert_str_eq(read.number, "");
  memset(c.number, '7', sizeof c.number - 1);
  snprintf(c.stream, sizeof c.stream, "door_1");
  c.bytes = UINT64_MAX;
  ck_assert_int_eq(kvsp_checkpoint_save(path, &c), KVSP_OK);
  ck_assert_int_eq(kvsp_checkpoint_load(path, &read), KVSP_OK);
  ck_assert_str_eq(read.number, c.number);
  ck_assert_str_eq(read.stream, "door_1");
  ck_assert(read.bytes == UINT64_MAX);
  snprintf(c.number, sizeof c.number, "8");
  ck_assert_int_eq(kvsp_checkpoint_save(path, &c), KVSP_OK);
  ck_assert_int_eq(kvsp_checkpoint_load(path, &read), KVSP_OK);
  ck_assert_str_eq(read.number, "8");
  snprintf(path, sizeof path, "%s/place.new", folder);
  ck_assert_int_eq(stat(path, &status), -1);
  snprintf(path, sizeof path, "%s/place", folder);
  snprintf(c.number, sizeof c.number, "8x");
  ck_assert_int_eq(kvsp_checkpoint_save(path, &c), KVSP_ERR_ARG);
  expect_no_checkpoint("");
  expect_no_checkpoint("kvsparse checkpoint 1\nstream a\nfragment 1\nbytes 1");
  expect_no_checkpoint(
      "kvsparse checkpoint 1\nstream a\nfragment x\nbytes 1\n");
  expect_no_checkpoint(
      "kvsparse checkpoint 2\nstream a\nfragment 1\nbytes 1\n");
  expect_no_checkpoint(
      "kvsparse checkpoint 1\nstream a\nfragment 1\nbytes "
      "18446744073709551616\n");
  unlink(path);
  rmdir(folder);
  snprintf(c.number, sizeof c.number, "8");
  ck_assert_int_eq(kvsp_checkpoint_save(path, &c), KVSP_ERR_FILE);
  ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(sizes) {
  ck_assert_uint_eq(kvsp_net_sizeof("kvsp_checkpoint"),
                    sizeof(kvsp_checkpoint));
  ck_assert_uint_eq(kvsp_net_sizeof("kvsp_media_config"),
                    sizeof(kvsp_media_config));
  ck_assert_uint_eq(kvsp_net_sizeof("kvsp_view"), 0);
  ck_assert_uint_eq(kvsp_net_sizeof(NULL), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("net parts");
  TCase *all = tcase_create("all");
  tcase_add_checked_fixture(all, setup, teardown);
  tcase_add_test(all, times);
  tcase_add_test(all, ini);
  tcase_add_test(all, json);
  tcase_add_test(all, xml);
  tcase_add_test(all, texts);
  tcase_add_test(all, hosts);
  tcase_add_test(all, urls);
  tcase_add_test(all, errors);
  tcase_add_test(all, clock_errors);
  tcase_add_test(all, waits);
  tcase_add_test(all, gates);
  tcase_add_test(all, points);
  tcase_add_test(all, figures);
  tcase_add_test(all, checkpoint);
  tcase_add_test(all, sizes);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
