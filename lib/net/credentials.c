#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fields.h"
#include "net_clock.h"

#define MAX_SECRET ((size_t)64 << 10)

static const struct {
  const char *name;
  int (*get)(struct credential_chain *, struct credentials *);
} sources[] = {
    {"callback", kvsp_credentials_from_callback},
    {"environment", kvsp_credentials_from_environment},
    {"profile", kvsp_credentials_from_profile},
    {"web identity", kvsp_credentials_from_web_identity},
    {"container", kvsp_credentials_from_container},
    {"instance", kvsp_credentials_from_instance},
};

void kvsp_credentials_clear(const kvsp_allocator *a, struct credentials *c) {
  kvsp_net_strfree(a, c->access_key_id);
  kvsp_net_strfree(a, c->secret_access_key);
  kvsp_net_strfree(a, c->session_token);
  memset(c, 0, sizeof *c);
  c->expires_ms = KVSP_CLOCK_NONE;
}

int kvsp_credentials_fail(struct credential_chain *chain, int status,
                          const char *format, ...) {
  va_list arguments;
  memset(&chain->fault, 0, sizeof chain->fault);
  va_start(arguments, format);
  vsnprintf(chain->fault.message, sizeof chain->fault.message, format,
            arguments);
  va_end(arguments);
  chain->operation = "";
  chain->request_id[0] = '\0';
  chain->status = status;
  return status;
}

int kvsp_credentials_fail_http(struct credential_chain *chain,
                               const char *operation, struct http_transfer *t) {
  chain->status = kvsp_http_fault(t, &chain->fault);
  chain->operation = operation;
  snprintf(chain->request_id, sizeof chain->request_id, "%s", t->request_id);
  return chain->status;
}

/* Printable ASCII without blanks: it stands in a header. */
static bool is_clean(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7F)
      return false;
  return true;
}

static int copy(struct credential_chain *chain, char **out, const char *text) {
  *out = kvsp_net_strdup(chain->allocator, text);
  return *out ? KVSP_OK : KVSP_ERR_NOMEM;
}

int kvsp_credentials_set(struct credential_chain *chain,
                         struct credentials *out, const char *key,
                         const char *secret, const char *token,
                         const char *expires) {
  int rc;
  if (!key || !*key || !secret || !*secret)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "a key is missing: both the access key ID "
                                 "and the secret access key are needed");
  if (!is_clean(key) || !is_clean(secret) || (token && !is_clean(token)))
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "a key has a blank or a control character "
                                 "in it");
  rc = copy(chain, &out->access_key_id, key);
  if (rc == KVSP_OK) rc = copy(chain, &out->secret_access_key, secret);
  if (rc == KVSP_OK && token && *token)
    rc = copy(chain, &out->session_token, token);
  if (rc != KVSP_OK) return rc;
  out->expires_ms =
      expires && *expires ? kvsp_clock_parse(expires) : KVSP_CLOCK_NONE;
  if (expires && *expires && out->expires_ms == KVSP_CLOCK_NONE)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "when they expire is no time (ISO 8601)");
  return KVSP_OK;
}

int kvsp_credentials_from_json(struct credential_chain *chain, const char *json,
                               const char *token_name,
                               struct credentials *out) {
  static const char *const names[] = {"AccessKeyId", "SecretAccessKey", NULL,
                                      "Expiration"};
  struct text values[4];
  int rc = KVSP_OK;
  for (size_t i = 0; i < 4; i++)
    kvsp_text_init(&values[i], chain->allocator, MAX_SECRET);
  for (size_t i = 0; i < 4 && rc >= 0; i++)
    rc = kvsp_json_field(json, names[i] ? names[i] : token_name, &values[i]);
  if (rc >= 0)
    rc = kvsp_credentials_set(
        chain, out, kvsp_text_string(&values[0]), kvsp_text_string(&values[1]),
        kvsp_text_string(&values[2]), kvsp_text_string(&values[3]));
  for (size_t i = 0; i < 4; i++) kvsp_text_clear(&values[i]);
  return rc;
}

static int read_all(int file, struct text *out) {
  char piece[4096];
  int rc = KVSP_OK;
  ssize_t got;
  do {
    got = read(file, piece, sizeof piece);
    if (got > 0) rc = kvsp_text_append(out, piece, (size_t)got);
  } while (rc == KVSP_OK && (got > 0 || (got < 0 && errno == EINTR)));
  kvsp_net_wipe(piece, sizeof piece);
  return rc == KVSP_OK && got < 0 ? KVSP_ERR_FILE : rc;
}

int kvsp_credentials_read_file(const char *path, struct text *out) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  int rc;
  if (file < 0) return KVSP_ERR_FILE;
  rc = read_all(file, out);
  close(file);
  while (rc == KVSP_OK && out->len > 0 &&
         (unsigned char)out->data[out->len - 1] <= ' ')
    out->data[--out->len] = '\0';
  return rc;
}

int kvsp_credentials_from_callback(struct credential_chain *chain,
                                   struct credentials *out) {
  kvsp_credentials given;
  int rc;
  if (!chain->callback) return CREDENTIALS_NOT_HERE;
  memset(&given, 0, sizeof given);
  given.struct_size = sizeof given;
  *chain->busy = true;
  rc = chain->callback(chain->callback_user, &given);
  *chain->busy = false;
  if (rc != 0)
    return kvsp_credentials_fail(
        chain, rc <= KVSP_ERR_USER ? rc : KVSP_ERR_CREDENTIALS,
        "the program's own source of credentials failed (%d)", rc);
  rc = kvsp_credentials_set(chain, out, given.access_key_id,
                            given.secret_access_key, given.session_token, NULL);
  if (rc == KVSP_OK && given.expires_ns != 0 &&
      given.expires_ns != KVSP_TIME_NONE)
    out->expires_ms = given.expires_ns / 1000000;
  return rc;
}

static int search(struct credential_chain *chain, struct credentials *out) {
  int rc = CREDENTIALS_NOT_HERE;
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    rc = sources[i].get(chain, out);
    if (rc == KVSP_OK) chain->source = sources[i].name;
    if (rc != CREDENTIALS_NOT_HERE) return rc;
  }
  return kvsp_credentials_fail(
      chain, KVSP_ERR_CREDENTIALS,
      "no credentials: none in the environment (AWS_ACCESS_KEY_ID), none in "
      "~/.aws/credentials or ~/.aws/config, no web identity, no container, no "
      "EC2 instance with a role");
}

/* What a source does not name, such as a want of memory. */
static void note_failure(struct credential_chain *chain, int rc) {
  if (chain->status == rc || rc == KVSP_INTERRUPTED) return;
  kvsp_credentials_fail(chain, rc, "%s", kvsp_status_text(rc));
}

static int fetch(struct credential_chain *chain) {
  struct credentials found;
  int rc;
  memset(&found, 0, sizeof found);
  found.expires_ms = KVSP_CLOCK_NONE;
  chain->status = KVSP_OK;
  rc = search(chain, &found);
  chain->next_try_ms = kvsp_clock_ms() + REFRESH_PAUSE_MS;
  if (rc != KVSP_OK) {
    kvsp_credentials_clear(chain->allocator, &found);
    note_failure(chain, rc);
    return rc;
  }
  kvsp_credentials_clear(chain->allocator, &chain->current);
  chain->current = found;
  chain->wanted = false;
  chain->fetched++;
  return KVSP_OK;
}

/* What is left of their life; INT64_MAX: they have no end. */
static int64_t life_ms(const struct credential_chain *chain) {
  if (chain->current.expires_ms == KVSP_CLOCK_NONE) return INT64_MAX;
  return chain->current.expires_ms - kvsp_clock_wall_ms();
}

static bool is_due(const struct credential_chain *chain) {
  if (!chain->current.access_key_id || chain->wanted) return true;
  if (life_ms(chain) > REFRESH_EARLY_MS) return false;
  return life_ms(chain) <= 0 || kvsp_clock_ms() >= chain->next_try_ms;
}

int kvsp_credentials_get(struct credential_chain *chain,
                         const struct credentials **out) {
  int rc = KVSP_OK;
  *out = &chain->current;
  if (!is_due(chain)) return KVSP_OK;
  rc = fetch(chain);
  if (rc == KVSP_OK || rc == KVSP_INTERRUPTED) return rc;
  /* What is at hand serves a little longer. */
  if (chain->current.access_key_id && !chain->wanted &&
      life_ms(chain) > REFRESH_LATE_MS)
    return KVSP_OK;
  return rc;
}

void kvsp_credentials_renew(struct credential_chain *chain) {
  chain->wanted = true;
}

void kvsp_credentials_free(struct credential_chain *chain) {
  kvsp_credentials_clear(chain->allocator, &chain->current);
  chain->source = "";
}
