/*
 * credentials_instance.c - the role of an EC2 instance, from its metadata
 * service, version 2: a session's token first, then the role's name, then its
 * keys.  Where nobody answers this is no instance.
 */
#include <string.h>

#include "credentials.h"
#include "endpoint.h"
#include "fields.h"

#define METADATA "http://169.254.169.254"
#define METADATA_IPV6 "http://[fd00:ec2::254]"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define TTL_HEADER "X-aws-ec2-metadata-token-ttl-seconds: 21600"
#define TIME_MS 1000
#define ANSWER_MAX ((size_t)64 << 10)

struct metadata {
  struct credential_chain *chain;
  struct http_transfer transfer;
  /* Takes what that one brought. */
  int (*take)(struct metadata *m, struct credentials *out);
  struct text base;
  struct text token; /* as a header                                        */
  struct text role;
  long timeout_ms;
};

/* "2" seconds as milliseconds; what is no number is the default. */
static long timeout_of(const char *text) {
  long seconds = 0;
  if (!text || strlen(text) > 3 || text[strspn(text, "0123456789")])
    return TIME_MS;
  for (; *text; text++) seconds = seconds * 10 + (*text - '0');
  return seconds > 0 ? seconds * 1000 : TIME_MS;
}

static int find_base(struct metadata *m) {
  const struct environment *e = &m->chain->environment;
  const char *url =
      kvsp_environment_get(e, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const char *mode =
      kvsp_environment_get(e, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  int rc;
  if (!url)
    url = mode && (mode[0] | 0x20) == 'i' && strchr(mode, '6') ? METADATA_IPV6
                                                               : METADATA;
  if (!kvsp_url_is_allowed(url) &&
      !(strncmp(url, "http://", 7) == 0 &&
        (kvsp_url_has_host(url, "169.254.169.254") ||
         kvsp_url_has_host(url, "[fd00:ec2::254]"))))
    return kvsp_credentials_fail(m->chain, KVSP_ERR_CREDENTIALS,
                                 "AWS_EC2_METADATA_SERVICE_ENDPOINT is neither "
                                 "https nor the instance's own address");
  rc = kvsp_text_add(&m->base, url);
  if (rc == KVSP_OK && m->base.data[m->base.len - 1] == '/')
    m->base.data[--m->base.len] = '\0';
  return rc;
}

static int ask(struct metadata *m, const char *method, const char *path,
               const char *header,
               int (*take)(struct metadata *, struct credentials *)) {
  struct http_request r = {.method = method,
                           .headers = {header},
                           .timeout_ms = m->timeout_ms,
                           .direct = true};
  struct text url;
  int rc;
  kvsp_text_init(&url, m->chain->allocator, 4096);
  rc = kvsp_text_print(&url, "%s%s", kvsp_text_string(&m->base), path);
  r.url = kvsp_text_string(&url);
  kvsp_http_end(&m->transfer);
  m->take = take;
  if (rc == KVSP_OK) rc = kvsp_credentials_send(m->chain, &m->transfer, &r);
  kvsp_text_clear(&url);
  return rc;
}

static int take_keys(struct metadata *m, struct credentials *out) {
  const char *json = kvsp_text_string(&m->transfer.body);
  struct text code;
  int rc;
  if (!kvsp_http_succeeded(&m->transfer)) return m->chain->status;
  kvsp_text_init(&code, m->chain->allocator, 256);
  rc = kvsp_json_field(json, "Code", &code);
  if (rc == 1 && strcmp(kvsp_text_string(&code), "Success") != 0)
    rc = kvsp_credentials_fail(m->chain, KVSP_ERR_CREDENTIALS,
                               "the instance's metadata say %s",
                               kvsp_text_string(&code));
  else if (rc >= 0)
    rc = kvsp_credentials_from_json(m->chain, json, "Token", out);
  kvsp_text_clear(&code);
  return rc;
}

/* The first line of the list. */
static int take_role(struct metadata *m, struct credentials *out) {
  const char *name = kvsp_text_string(&m->transfer.body);
  size_t len = strcspn(name, " \t\r\n");
  int rc;
  (void)out;
  if (!kvsp_http_succeeded(&m->transfer) || len == 0)
    return CREDENTIALS_NOT_HERE;
  rc = kvsp_text_add(&m->role, ROLES);
  if (rc == KVSP_OK) rc = kvsp_text_append(&m->role, name, len);
  if (rc != KVSP_OK) return rc;
  return ask(m, "GET", kvsp_text_string(&m->role), kvsp_text_string(&m->token),
             take_keys);
}

static int take_token(struct metadata *m, struct credentials *out) {
  const char *token = kvsp_text_string(&m->transfer.body);
  int rc;
  (void)out;
  if (!kvsp_http_succeeded(&m->transfer) || strpbrk(token, "\r\n"))
    return CREDENTIALS_NOT_HERE;
  rc = kvsp_text_add(&m->token, "X-aws-ec2-metadata-token: ");
  if (rc == KVSP_OK) rc = kvsp_text_add(&m->token, token);
  if (rc != KVSP_OK) return rc;
  return ask(m, "GET", ROLES, kvsp_text_string(&m->token), take_role);
}

/* It gave keys before, and does not answer just now: that passes, so it is no
 * reason to end a reader that has run for weeks. */
static bool will_be_back(const struct credential_chain *chain) {
  return strcmp(chain->source, "instance") == 0 && chain->status != KVSP_OK &&
         kvsp_errors_pass(chain->fault.class);
}

/* CREDENTIALS_NOT_HERE: nobody answers there, or not as the service does. */
static int advance(void *own, struct credentials *out) {
  struct metadata *m = own;
  int rc;
  if (!kvsp_credentials_heard(m->chain, &m->transfer))
    return CREDENTIALS_PENDING;
  if (!kvsp_http_succeeded(&m->transfer) &&
      kvsp_credentials_fail_http(m->chain, "instance metadata", &m->transfer) ==
          KVSP_ERR_NOMEM)
    return KVSP_ERR_NOMEM;
  rc = m->take(m, out);
  return rc == CREDENTIALS_NOT_HERE && will_be_back(m->chain) ? m->chain->status
                                                              : rc;
}

static void release(void *own) {
  struct metadata *m = own;
  kvsp_http_end(&m->transfer);
  kvsp_text_clear(&m->base);
  kvsp_text_clear(&m->token);
  kvsp_text_clear(&m->role);
}

int kvsp_credentials_from_instance(struct credential_chain *chain,
                                   struct credentials *out) {
  const struct environment *e = &chain->environment;
  struct metadata *m;
  int rc;
  (void)out;
  if (e->ignored || kvsp_environment_is_true(e, "AWS_EC2_METADATA_DISABLED"))
    return CREDENTIALS_NOT_HERE;
  m = kvsp_credentials_begin(chain, sizeof *m, advance, release);
  if (!m) return KVSP_ERR_NOMEM;
  m->chain = chain;
  m->timeout_ms =
      timeout_of(kvsp_environment_get(e, "AWS_METADATA_SERVICE_TIMEOUT"));
  kvsp_text_init(&m->base, chain->allocator, 1024);
  kvsp_text_init(&m->token, chain->allocator, ANSWER_MAX);
  kvsp_text_init(&m->role, chain->allocator, 1024);
  rc = find_base(m);
  if (rc != KVSP_OK) return rc;
  return ask(m, "PUT", "/latest/api/token", TTL_HEADER, take_token);
}
