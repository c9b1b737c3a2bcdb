/*
 * fuzz_net_parts.c - what lib/net reads of others' texts: fields of JSON and
 * XML, files of settings, errors, times, URLs.  Any text is dealt with, what
 * is found is no longer than where it was and is what it should be, what we
 * write comes back as it was, and an allocation that fails does no harm.
 */
#include <stdbool.h>
#include <string.h>

#include "endpoint.h"
#include "errors.h"
#include "fields.h"
#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
#include "ini.h"
#include "net_clock.h"

#define TEXT_MAX ((size_t)1 << 20)

struct parts {
  struct fuzz_memory memory;
  char *text; /* the input up to its first NUL, in memory of its size        */
  size_t len;
  struct text out;
};

static void open_parts(struct parts *p, const struct fuzz_input *in,
                       size_t fail_at) {
  const uint8_t *end = in->size > 0 ? memchr(in->data, 0, in->size) : NULL;
  p->len = end ? (size_t)(end - in->data) : in->size;
  p->text = malloc(p->len + 1);
  if (!p->text) abort();
  if (p->len > 0) memcpy(p->text, in->data, p->len);
  p->text[p->len] = '\0';
  fuzz_memory_init(&p->memory);
  p->memory.inner.fail_at = fail_at;
  kvsp_text_init(&p->out, &p->memory.allocator, TEXT_MAX);
}

static void close_parts(struct parts *p) {
  kvsp_text_clear(&p->out);
  fuzz_memory_check_empty(&p->memory);
  free(p->text);
}

/* 1, 0, or an allocation that failed. */
static bool found(const struct parts *p, int rc) {
  if (rc < 0)
    FUZZ_CHECK_2(rc == KVSP_ERR_NOMEM && p->memory.inner.failures > 0,
                 "nothing but an allocation fails", -rc, 0);
  FUZZ_CHECK(rc <= 1, "found, or not");
  FUZZ_CHECK(strlen(kvsp_text_string(&p->out)) == p->out.len,
             "what is found has no NUL inside");
  return rc == 1;
}

/* ---- fields -------------------------------------------------------------- */

static void json(struct parts *p) {
  if (found(p, kvsp_json_field(p->text, "Token", &p->out)))
    FUZZ_CHECK(p->out.len <= p->len, "a value is no longer than its text");
}

static void xml(struct parts *p) {
  if (found(p, kvsp_xml_field(p->text, "Token", &p->out)))
    FUZZ_CHECK(p->out.len <= p->len, "a value is no longer than its text");
}

/* What we write as JSON is read as what it was. */
static void json_there_and_back(struct parts *p) {
  struct text object;
  int rc;
  kvsp_text_init(&object, &p->memory.allocator, TEXT_MAX);
  rc = kvsp_text_add(&object, "{\"A\":[{\"Token\":1}],\"Token\":");
  if (rc == KVSP_OK) rc = kvsp_text_add_json(&object, p->text);
  if (rc == KVSP_OK) rc = kvsp_text_add(&object, "}");
  if (rc == KVSP_OK)
    rc = kvsp_json_field(kvsp_text_string(&object), "Token", &p->out);
  if (found(p, rc))
    FUZZ_CHECK(
        p->out.len == p->len && strcmp(kvsp_text_string(&p->out), p->text) == 0,
        "what was written is read");
  else
    FUZZ_CHECK(rc < 0 || p->len == 0, "what was written is found");
  kvsp_text_clear(&object);
}

static void form(struct parts *p) {
  int rc = kvsp_text_add_form(&p->out, p->text);
  const char *at = kvsp_text_string(&p->out);
  if (rc != KVSP_OK) {
    found(p, rc);
    return;
  }
  FUZZ_CHECK(p->out.len >= p->len && p->out.len <= 3 * p->len, "its length");
  for (; *at; at++)
    FUZZ_CHECK(strchr("&=+ #?/:\"'<>\r\n", *at) == NULL, "nothing that means");
}

/* ---- settings ------------------------------------------------------------ */

static void ini(struct parts *p) {
  const char *prefix = p->len % 2 ? "profile" : NULL;
  bool has = kvsp_ini_has_section(p->text, prefix, "default");
  const char *value;
  int rc = kvsp_ini_get(p->text, prefix, "default", "region", &p->out);
  if (!found(p, rc)) return;
  value = kvsp_text_string(&p->out);
  FUZZ_CHECK(has, "a value is in its section");
  FUZZ_CHECK(p->out.len > 0 && strpbrk(value, "\r\n") == NULL,
             "a value is in one line");
  FUZZ_CHECK(!strchr(" \t", value[0]) && !strchr(" \t", value[p->out.len - 1]),
             "no blanks around it");
  FUZZ_CHECK(strstr(p->text, value) != NULL, "it stands there");
}

/* ---- errors -------------------------------------------------------------- */

static void check_line(const char *text, size_t size) {
  const char *end = memchr(text, '\0', size);
  FUZZ_CHECK(end != NULL, "it ends");
  for (; text < end; text++)
    FUZZ_CHECK((unsigned char)*text >= ' ', "one line, without controls");
}

static void errors(struct parts *p, unsigned choice) {
  static const long statuses[] = {400, 401, 403, 404, 429, 500, 503, 0};
  static const char *const types[] = {"", "InvalidSignatureException",
                                      "ClientLimitExceededException:http://x",
                                      "ExpiredTokenException"};
  struct service_fault fault;
  const char *type = choice & 4 ? p->text : types[choice & 3];
  char offset[64];
  found(p, kvsp_text_add(&p->out, p->text) == KVSP_OK ? 1 : KVSP_ERR_NOMEM);
  kvsp_errors_read(&fault, statuses[choice >> 3 & 7], type, &p->out,
                   choice & 64 ? INT64_C(1795172008000) : KVSP_CLOCK_NONE,
                   INT64_C(1795172408000));
  check_line(fault.name, sizeof fault.name);
  check_line(fault.message, sizeof fault.message);
  FUZZ_CHECK((unsigned)fault.class <= ERROR_CLOCK, "a class of errors");
  FUZZ_CHECK(fault.http_status == statuses[choice >> 3 & 7], "its status");
  kvsp_errors_print_offset(fault.clock_offset_ms, offset, sizeof offset);
  check_line(offset, sizeof offset);
}

/* ---- single texts -------------------------------------------------------- */

static void single(struct parts *p) {
  int64_t ms = kvsp_clock_parse(p->text);
  bool region = kvsp_region_is_valid(p->text);
  bool allowed = kvsp_url_is_allowed(p->text);
  FUZZ_CHECK(ms == KVSP_CLOCK_NONE || p->len >= 16, "a time has its digits");
  FUZZ_CHECK(
      !allowed || kvsp_url_is_https(p->text) || kvsp_url_is_loopback(p->text),
      "without TLS to this machine only");
  FUZZ_CHECK(!allowed || strpbrk(p->text, "\r\n @?#") == NULL,
             "no user, no query, one line");
  FUZZ_CHECK(!region || (p->len > 0 && p->len <= 63), "a region's length");
  if (!region) return;
  if (kvsp_endpoint_url(p->text, (unsigned)p->len & 3, &p->out) == KVSP_OK)
    FUZZ_CHECK(kvsp_url_is_allowed(kvsp_text_string(&p->out)) &&
                   strstr(kvsp_text_string(&p->out), p->text) != NULL,
               "a region's host");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in;
  struct parts p;
  unsigned part;
  unsigned choice;
  fuzz_input_open(&in, data, size);
  part = fuzz_byte(&in);
  choice = fuzz_byte(&in);
  open_parts(&p, &in, fuzz_byte(&in));
  switch (part % 7) {
    case 0: json(&p); break;
    case 1: xml(&p); break;
    case 2: json_there_and_back(&p); break;
    case 3: form(&p); break;
    case 4: ini(&p); break;
    case 5: errors(&p, choice); break;
    default: single(&p);
  }
  close_parts(&p);
  return 0;
}
