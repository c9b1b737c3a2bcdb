/*
 * credentials_web_identity.c - a role for who has a token that names them, as
 * Kubernetes gives one to each pod: STS AssumeRoleWithWebIdentity, which is not
 * signed.  The token's file is read anew each time.
 */
#include <string.h>

#include "credentials.h"
#include "endpoint.h"
#include "fields.h"

#define TOKEN_MAX ((size_t)20000)
#define FORM_MAX ((size_t)128 << 10)
#define TIME_MS 10000
#define OPERATION "AssumeRoleWithWebIdentity"

struct assuming {
  struct credential_chain *chain;
  struct http_transfer transfer;
  struct text token;
  struct text form;
  struct text url;
};

static int sts_url(struct credential_chain *chain, struct text *out) {
  const struct environment *e = &chain->environment;
  const char *url = kvsp_environment_get(e, "AWS_ENDPOINT_URL_STS");
  if (!url) url = kvsp_environment_get(e, "AWS_ENDPOINT_URL");
  if (url && !kvsp_url_is_allowed(url))
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "AWS_ENDPOINT_URL_STS is no https URL");
  if (url) return kvsp_text_add(out, url);
  if (!chain->region)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "a web identity needs a region: AWS_REGION");
  return kvsp_endpoint_sts_url(chain->region, chain->endpoints, out);
}

static int build_form(struct text *form, const char *role, const char *session,
                      const struct text *token) {
  int rc = kvsp_text_add(form, "Action=" OPERATION
                               "&Version=2011-06-15"
                               "&RoleArn=");
  if (rc == KVSP_OK) rc = kvsp_text_add_form(form, role);
  if (rc == KVSP_OK) rc = kvsp_text_add(form, "&RoleSessionName=");
  if (rc == KVSP_OK) rc = kvsp_text_add_form(form, session);
  if (rc == KVSP_OK) rc = kvsp_text_add(form, "&WebIdentityToken=");
  if (rc == KVSP_OK) rc = kvsp_text_add_form(form, kvsp_text_string(token));
  return rc;
}

static int read_answer(struct credential_chain *chain, const char *xml,
                       struct credentials *out) {
  static const char *const names[] = {"AccessKeyId", "SecretAccessKey",
                                      "SessionToken", "Expiration"};
  struct text values[4];
  int rc = 0;
  for (size_t i = 0; i < 4; i++)
    kvsp_text_init(&values[i], chain->allocator, FORM_MAX);
  for (size_t i = 0; i < 4 && rc >= 0; i++)
    rc = kvsp_xml_field(xml, names[i], &values[i]);
  if (rc >= 0)
    rc = kvsp_credentials_set(
        chain, out, kvsp_text_string(&values[0]), kvsp_text_string(&values[1]),
        kvsp_text_string(&values[2]), kvsp_text_string(&values[3]));
  for (size_t i = 0; i < 4; i++) kvsp_text_clear(&values[i]);
  return rc;
}

/* The wire's own trailing slash: STS has no paths. */
static int ask(struct assuming *a) {
  struct http_request request = {
      .method = "POST",
      .body = kvsp_text_string(&a->form),
      .headers = {"Content-Type: application/x-www-form-urlencoded"},
      .timeout_ms = TIME_MS};
  int rc = KVSP_OK;
  if (a->url.data[a->url.len - 1] != '/') rc = kvsp_text_add(&a->url, "/");
  if (rc != KVSP_OK) return rc;
  request.url = kvsp_text_string(&a->url);
  request.direct = kvsp_url_is_loopback(request.url);
  return kvsp_credentials_send(a->chain, &a->transfer, &request);
}

static int advance(void *own, struct credentials *out) {
  struct assuming *a = own;
  struct http_transfer *t = &a->transfer;
  if (!kvsp_credentials_heard(a->chain, t)) return CREDENTIALS_PENDING;
  if (kvsp_http_succeeded(t))
    return read_answer(a->chain, kvsp_text_string(&t->body), out);
  return kvsp_credentials_fail_http(a->chain, OPERATION, t);
}

static void release(void *own) {
  struct assuming *a = own;
  kvsp_http_end(&a->transfer);
  kvsp_text_clear(&a->token);
  kvsp_text_clear(&a->form);
  kvsp_text_clear(&a->url);
}

int kvsp_credentials_assume(struct credential_chain *chain,
                            const char *token_file, const char *role,
                            const char *session) {
  struct assuming *a =
      kvsp_credentials_begin(chain, sizeof *a, advance, release);
  int rc;
  if (!a) return KVSP_ERR_NOMEM;
  a->chain = chain;
  kvsp_text_init(&a->token, chain->allocator, TOKEN_MAX);
  kvsp_text_init(&a->form, chain->allocator, FORM_MAX);
  kvsp_text_init(&a->url, chain->allocator, 4096);
  rc = kvsp_credentials_read_file(token_file, &a->token);
  if (rc == KVSP_ERR_FILE || (rc == KVSP_OK && a->token.len == 0))
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "the web identity's token cannot be read: %s",
                                 token_file);
  if (rc == KVSP_OK)
    rc = build_form(&a->form, role, session ? session : "kvsparse", &a->token);
  if (rc == KVSP_OK) rc = sts_url(chain, &a->url);
  return rc == KVSP_OK ? ask(a) : rc;
}

int kvsp_credentials_from_web_identity(struct credential_chain *chain,
                                       struct credentials *out) {
  const struct environment *e = &chain->environment;
  const char *file = kvsp_environment_get(e, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const char *role = kvsp_environment_get(e, "AWS_ROLE_ARN");
  (void)out;
  if (!file) return CREDENTIALS_NOT_HERE;
  if (!role)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "AWS_WEB_IDENTITY_TOKEN_FILE is set, "
                                 "AWS_ROLE_ARN is not");
  return kvsp_credentials_assume(
      chain, file, role, kvsp_environment_get(e, "AWS_ROLE_SESSION_NAME"));
}
