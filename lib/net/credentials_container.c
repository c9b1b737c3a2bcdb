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

static bool may_be_asked(const char *url) {
  if (kvsp_url_is_https(url)) return true;
  return kvsp_url_is_loopback(url) ||
         (strncmp(url, "http://", 7) == 0 &&
          (kvsp_url_has_host(url, "169.254.170.2") ||
           kvsp_url_has_host(url, "169.254.170.23") ||
           kvsp_url_has_host(url, "[fd00:ec2::23]")));
}

/* 1: there is one; CREDENTIALS_NOT_HERE comes as 0. */
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

static int ask_once(struct credential_chain *chain,
                    const struct http_request *request, bool last,
                    struct credentials *out) {
  struct http_transfer t;
  int rc;
  memset(&t, 0, sizeof t);
  rc = kvsp_http_run(&t, chain->http, request);
  if (rc == KVSP_OK && kvsp_http_succeeded(&t))
    rc = kvsp_credentials_from_json(chain, kvsp_text_string(&t.body), "Token",
                                    out);
  else if (rc == KVSP_OK)
    rc = kvsp_credentials_fail_http(chain, "container credentials", &t);
  if (!last && (rc == KVSP_ERR_NETWORK || rc == KVSP_ERR_SERVICE) &&
      chain->fault.class == ERROR_RETRY)
    rc = CREDENTIALS_NOT_HERE; /* once more */
  kvsp_http_end(&t);
  return rc;
}

static int ask(struct credential_chain *chain, const char *url,
               const char *header, struct credentials *out) {
  struct http_request request = {.method = "GET",
                                 .url = url,
                                 .headers = {header},
                                 .timeout_ms = TIME_MS,
                                 .direct = !kvsp_url_is_https(url)};
  int rc = CREDENTIALS_NOT_HERE;
  for (int i = 1; i <= TRIES && rc == CREDENTIALS_NOT_HERE; i++)
    rc = ask_once(chain, &request, i == TRIES, out);
  return rc;
}

int kvsp_credentials_from_container(struct credential_chain *chain,
                                    struct credentials *out) {
  struct text url;
  struct text header;
  int rc;
  kvsp_text_init(&url, chain->allocator, 4096);
  kvsp_text_init(&header, chain->allocator, TOKEN_MAX);
  rc = find_url(chain, &url);
  if (rc == 1) {
    rc = add_token(chain, &header);
    if (rc == KVSP_OK)
      rc = ask(chain, kvsp_text_string(&url),
               header.len > 0 ? kvsp_text_string(&header) : NULL, out);
  } else if (rc == 0) {
    rc = CREDENTIALS_NOT_HERE;
  }
  kvsp_text_clear(&url);
  kvsp_text_clear(&header);
  return rc;
}
