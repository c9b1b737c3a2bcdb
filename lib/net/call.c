#include "call.h"

#include <string.h>

#define BODY_MAX ((size_t)1 << 20)

void kvsp_call_init(struct call *call, kvsp_client *c) {
  memset(call, 0, sizeof *call);
  call->client = c;
  kvsp_text_init(&call->body, &c->allocator, BODY_MAX);
  kvsp_text_init(&call->url, &c->allocator, 8192);
}

int kvsp_call_begin(struct call *call, const char *stream) {
  bool is_arn = strncmp(stream, "arn:", 4) == 0;
  int rc;
  call->body.len = 0;
  rc = kvsp_text_add(&call->body,
                     is_arn ? "{\"StreamARN\":" : "{\"StreamName\":");
  return rc == KVSP_OK ? kvsp_text_add_json(&call->body, stream) : rc;
}

int kvsp_call_add_raw(struct call *call, const char *text) {
  return kvsp_text_add(&call->body, text);
}

int kvsp_call_add_string(struct call *call, const char *name,
                         const char *value) {
  int rc = kvsp_text_print(&call->body, ",\"%s\":", name);
  return rc == KVSP_OK ? kvsp_text_add_json(&call->body, value) : rc;
}

/* Unix seconds with milliseconds, as a number. */
int kvsp_call_add_seconds(struct call *call, int64_t time_ns) {
  int64_t ms = time_ns / 1000000;
  if (ms < 0) ms = 0;
  return kvsp_text_print(&call->body, "%lld.%03d", (long long)(ms / 1000),
                         (int)(ms % 1000));
}

int kvsp_call_add_time(struct call *call, const char *name, int64_t time_ns) {
  int rc = kvsp_text_print(&call->body, ",\"%s\":", name);
  return rc == KVSP_OK ? kvsp_call_add_seconds(call, time_ns) : rc;
}

/* "GetMedia" is at "/getMedia". */
static int build_url(struct call *call, const char *base) {
  size_t len = strlen(base);
  char first[2] = {(char)(call->operation[0] | 0x20), '\0'};
  int rc;
  while (len > 0 && base[len - 1] == '/') len--;
  call->url.len = 0;
  rc = kvsp_text_append(&call->url, base, len);
  if (rc == KVSP_OK)
    rc = kvsp_text_print(&call->url, "/%s%s", first, call->operation + 1);
  return rc;
}

int kvsp_call_send(struct call *call, const char *base, const char *operation,
                   long timeout_ms) {
  struct http_request request = {.method = "POST",
                                 .headers = {"Content-Type: application/json"},
                                 .timeout_ms = timeout_ms};
  kvsp_client *c = call->client;
  const struct credentials *credentials;
  int rc;
  call->operation = operation;
  rc = kvsp_text_add(&call->body, "}");
  if (rc == KVSP_OK) rc = build_url(call, base);
  if (rc == KVSP_OK) rc = kvsp_credentials_get(&c->chain, &credentials);
  if (rc != KVSP_OK) return rc;
  request.url = kvsp_text_string(&call->url);
  request.body = kvsp_text_string(&call->body);
  request.direct = kvsp_url_is_loopback(request.url);
  request.sign = credentials;
  call->keys = c->chain.fetched;
  request.region = c->region;
  rc = kvsp_http_start(&call->transfer, &c->http, &request);
  call->active = rc == KVSP_OK;
  return rc;
}

void kvsp_call_end(struct call *call) {
  if (call->active) kvsp_http_end(&call->transfer);
  call->active = false;
}

void kvsp_call_free(struct call *call) {
  kvsp_call_end(call);
  kvsp_text_clear(&call->body);
  kvsp_text_clear(&call->url);
}
