/*
 * credentials_container.c - the address that ECS and EKS put into a
 * container's environment.  Over plain http it may only be this machine, or the
 * agents' own addresses.
 */
#include <string.h>

#include "credentials.h"
#include "endpoint.h"

#define AGENT "http://169.254.170.2"
#define TIME_MS 2000
#define TRIES 3
#define TOKEN_MAX ((size_t)16 << 10)

struct container {
  struct credential_chain *chain;
  struct http_transfer transfer;
  struct text url;
  struct text header;
  int tries;
};

static bool may_be_asked(const char *url) {
  if (kvsp_url_is_https(url)) return true;
  return kvsp_url_is_loopback(url) ||
         (strncmp(url, "http://", 7) == 0 &&
          (kvsp_url_has_host(url, "169.254.170.2") ||
           kvsp_url_has_host(url, "169.254.170.23") ||
           kvsp_url_has_host(url, "[fd00:ec2::23]")));
}

/* 1: there is one; 0: there is none; errors. */
static int find_url(struct credential_chain *chain, struct text *url) {
  const struct environment *e = &chain->environment;
  const char *path =
      kvsp_environment_get(e, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const char *full =
      kvsp_environment_get(e, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  int rc = KVSP_OK;
  if (!path && !full) return 0;
  if (path) rc = kvsp_text_add(url, AGENT);
  if (rc == KVSP_OK) rc = kvsp_text_add(url, path ? path : full);
  if (rc != KVSP_OK) return rc;
  if ((!path || path[0] == '/') && may_be_asked(kvsp_text_string(url)))
    return 1;
  return kvsp_credentials_fail(
      chain, KVSP_ERR_CREDENTIALS,
      "AWS_CONTAINER_CREDENTIALS_%s_URI: credentials are asked for by https, "
      "or by http of this machine and of 169.254.170.2, 169.254.170.23 and "
      "[fd00:ec2::23] only",
      path ? "RELATIVE" : "FULL");
}

static int add_token(struct credential_chain *chain, struct text *header) {
  const struct environment *e = &chain->environment;
  const char *file =
      kvsp_environment_get(e, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const char *token =
      kvsp_environment_get(e, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  int rc;
  if (!file && !token) return KVSP_OK;
  rc = kvsp_text_add(header, "Authorization: ");
  if (rc == KVSP_OK && file)
    rc = kvsp_credentials_read_file(file, header);
  else if (rc == KVSP_OK)
    rc = kvsp_text_add(header, token);
  if (rc == KVSP_ERR_FILE)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "the container's token cannot be read: %s",
                                 file);
  if (rc == KVSP_OK && strpbrk(kvsp_text_string(header), "\r\n"))
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "the container's token has several lines");
  return rc;
}

static int ask(struct container *c) {
  const char *url = kvsp_text_string(&c->url);
  struct http_request request = {
      .method = "GET",
      .url = url,
      .headers = {c->header.len > 0 ? kvsp_text_string(&c->header) : NULL},
      .timeout_ms = TIME_MS,
      .direct = !kvsp_url_is_https(url)};
  c->tries++;
  return kvsp_credentials_send(c->chain, &c->transfer, &request);
}

static int advance(void *own, struct credentials *out) {
  struct container *c = own;
  struct http_transfer *t = &c->transfer;
  int rc;
  if (!kvsp_credentials_heard(c->chain, t)) return CREDENTIALS_PENDING;
  if (kvsp_http_succeeded(t))
    return kvsp_credentials_from_json(c->chain, kvsp_text_string(&t->body),
                                      "Token", out);
  rc = kvsp_credentials_fail_http(c->chain, "container credentials", t);
  if (c->tries == TRIES || c->chain->fault.class != ERROR_RETRY) return rc;
  kvsp_http_end(t);
  return ask(c);
}

static void release(void *own) {
  struct container *c = own;
  kvsp_http_end(&c->transfer);
  kvsp_text_clear(&c->url);
  kvsp_text_clear(&c->header);
}

int kvsp_credentials_from_container(struct credential_chain *chain,
                                    struct credentials *out) {
  struct container *c =
      kvsp_credentials_begin(chain, sizeof *c, advance, release);
  int rc;
  (void)out;
  if (!c) return KVSP_ERR_NOMEM;
  c->chain = chain;
  kvsp_text_init(&c->url, chain->allocator, 4096);
  kvsp_text_init(&c->header, chain->allocator, TOKEN_MAX);
  rc = find_url(chain, &c->url);
  if (rc == 0) return CREDENTIALS_NOT_HERE;
  if (rc == 1) rc = add_token(chain, &c->header);
  return rc == KVSP_OK ? ask(c) : rc;
}
