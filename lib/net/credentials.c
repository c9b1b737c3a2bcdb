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

#include "backoff.h"
#include "fields.h"
#include "net_clock.h"

#define MAX_SECRET ((size_t)64 << 10)
/* What a request takes, and some more: name, connection, TLS, answer. */
#define TURNS_MIN 12
#define TURN_MS 5

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

/* ---- the search ---------------------------------------------------------- */

void *kvsp_credentials_begin(struct credential_chain *chain, size_t size,
                             int (*advance)(void *, struct credentials *),
                             void (*release)(void *)) {
  struct credential_task *task = &chain->task;
  task->own = kvsp_net_alloc(chain->allocator, size);
  if (!task->own) return NULL;
  task->size = size;
  task->advance = advance;
  task->release = release;
  task->fd = -1;
  task->due_ms = INT64_MAX;
  return task->own;
}

/* libcurl's own timeout looks at the clock before it looks at the socket: who
 * comes by once in a second would never hear of an answer. */
int kvsp_credentials_send(struct credential_chain *chain,
                          struct http_transfer *t,
                          const struct http_request *request) {
  struct http_request untimed = *request;
  int rc;
  untimed.timeout_ms = 0;
  rc = kvsp_http_start(t, chain->http, &untimed);
  if (rc != KVSP_OK) return rc;
  chain->task.turns = 0;
  chain->task.until_ms = kvsp_clock_ms() + request->timeout_ms;
  chain->task.due_ms = chain->task.until_ms;
  return CREDENTIALS_PENDING;
}

bool kvsp_credentials_heard(struct credential_chain *chain,
                            struct http_transfer *t) {
  struct credential_task *task = &chain->task;
  int64_t now = kvsp_clock_ms();
  if (t->finished) return true;
  task->turns++;
  if (now < task->until_ms) return false;
  if (task->turns < TURNS_MIN) {
    task->due_ms = now + TURN_MS;
    return false;
  }
  kvsp_http_give_up(t);
  return true;
}

static void drop_task(struct credential_chain *chain) {
  struct credential_task *task = &chain->task;
  if (!task->advance) return;
  task->release(task->own);
  kvsp_net_wipe(task->own, task->size);
  kvsp_net_release(chain->allocator, task->own, task->size);
  memset(task, 0, sizeof *task);
}

void kvsp_credentials_may_pass(struct credential_chain *chain,
                               const char *source) {
  if (strcmp(chain->source, source) == 0) chain->fault.class = ERROR_RETRY;
}

static void begin_search(struct credential_chain *chain) {
  chain->searching = true;
  chain->at = 0;
  chain->status = KVSP_OK;
  memset(&chain->found, 0, sizeof chain->found);
  chain->found.expires_ms = KVSP_CLOCK_NONE;
}

/* One source after the other, as far as they answer. */
static int go_on(struct credential_chain *chain) {
  struct credentials *out = &chain->found;
  int rc = chain->task.advance ? chain->task.advance(chain->task.own, out)
                               : sources[chain->at].get(chain, out);
  while (rc == CREDENTIALS_NOT_HERE) {
    drop_task(chain);
    if (++chain->at == sizeof sources / sizeof *sources)
      return kvsp_credentials_fail(
          chain, KVSP_ERR_CREDENTIALS,
          "no credentials: none in the environment (AWS_ACCESS_KEY_ID), none "
          "in ~/.aws/credentials or ~/.aws/config, no web identity, no "
          "container, no EC2 instance with a role");
    rc = sources[chain->at].get(chain, out);
  }
  return rc;
}

/* What is left of their life; INT64_MAX: they have no end. */
static int64_t life_ms(const struct credential_chain *chain) {
  if (chain->current.expires_ms == KVSP_CLOCK_NONE) return INT64_MAX;
  return chain->current.expires_ms - kvsp_clock_wall_ms();
}

/* An eighth of what is left of them: who gives keys for five minutes is not
 * asked every ten seconds. */
static int64_t refresh_pause_ms(const struct credential_chain *chain) {
  int64_t pause = life_ms(chain) / 8;
  if (pause > REFRESH_EARLY_MS / 8) return REFRESH_EARLY_MS / 8;
  return pause < REFRESH_PAUSE_MS ? REFRESH_PAUSE_MS : pause;
}

static void keep_found(struct credential_chain *chain, int64_t now) {
  kvsp_credentials_clear(chain->allocator, &chain->current);
  chain->current = chain->found;
  memset(&chain->found, 0, sizeof chain->found);
  chain->source = sources[chain->at].name;
  chain->wanted = false;
  chain->fetched++;
  chain->trusted_ms = now + REFRESH_PAUSE_MS;
  chain->failures = 0;
  chain->retry_ms = now;
  chain->status = KVSP_OK;
}

/* Also what a source does not name, such as a want of memory. */
static void note_failure(struct credential_chain *chain, int rc, int64_t now) {
  kvsp_credentials_clear(chain->allocator, &chain->found);
  if (chain->status != rc)
    kvsp_credentials_fail(chain, rc, "%s", kvsp_status_text(rc));
  chain->failures++;
  chain->retry_ms =
      now + kvsp_backoff_ms(BACKOFF_FAULT, chain->failures, chain->random);
}

static void end_search(struct credential_chain *chain, int rc) {
  int64_t now = kvsp_clock_ms();
  drop_task(chain);
  if (rc == KVSP_OK)
    keep_found(chain, now);
  else
    note_failure(chain, rc, now);
  chain->next_try_ms = now + refresh_pause_ms(chain);
  chain->searching = false;
  chain->asked = false;
  chain->searches++;
}

/* ---- when ---------------------------------------------------------------- */

static bool serve(const struct credential_chain *chain) {
  if (!chain->current.access_key_id || chain->wanted) return false;
  return life_ms(chain) > 0 || kvsp_clock_ms() < chain->trusted_ms;
}

bool kvsp_credentials_is_due(const struct credential_chain *chain) {
  if (!chain->current.access_key_id || chain->wanted) return true;
  if (life_ms(chain) > REFRESH_EARLY_MS) return false;
  return life_ms(chain) <= 0 || kvsp_clock_ms() >= chain->next_try_ms;
}

/* Who waits comes first; else a refresh of what is at hand. */
static int64_t next_search_ms(const struct credential_chain *chain,
                              int64_t now) {
  int64_t due;
  if (chain->asked) return chain->retry_ms;
  if (!chain->current.access_key_id ||
      chain->current.expires_ms == KVSP_CLOCK_NONE)
    return INT64_MAX;
  due = now + life_ms(chain) - REFRESH_EARLY_MS;
  return due > chain->next_try_ms ? due : chain->next_try_ms;
}

int64_t kvsp_credentials_step(struct credential_chain *chain, int64_t now) {
  int rc;
  if (!chain->searching) {
    int64_t due = next_search_ms(chain, now);
    if (due > now) return due;
    begin_search(chain);
  }
  rc = go_on(chain);
  if (rc == CREDENTIALS_PENDING) return chain->task.due_ms;
  end_search(chain, rc);
  return now;
}

int kvsp_credentials_fd(const struct credential_chain *chain) {
  return chain->task.advance ? chain->task.fd : -1;
}

/* ---- for who makes calls ------------------------------------------------- */

int kvsp_credentials_ask(struct credential_chain *chain,
                         struct credential_wait *wait) {
  bool failed = wait->waiting && wait->searches != chain->searches &&
                !chain->searching && chain->status != KVSP_OK;
  wait->waiting = false;
  if (serve(chain)) return KVSP_OK;
  if (failed) return chain->status;
  wait->waiting = true;
  wait->searches = chain->searches;
  chain->asked = true;
  return CREDENTIALS_PENDING;
}

int kvsp_credentials_get(struct credential_chain *chain,
                         const struct credentials **out) {
  *out = &chain->current;
  return serve(chain) ? KVSP_OK : CREDENTIALS_PENDING;
}

void kvsp_credentials_hurry(struct credential_chain *chain) {
  chain->asked = true;
  chain->retry_ms = kvsp_clock_ms();
}

int kvsp_credentials_verdict(const struct credential_chain *chain) {
  if (serve(chain) && life_ms(chain) > REFRESH_LATE_MS) return KVSP_OK;
  return chain->status;
}

void kvsp_credentials_renew(struct credential_chain *chain) {
  chain->wanted = true;
}

void kvsp_credentials_free(struct credential_chain *chain) {
  drop_task(chain);
  kvsp_credentials_clear(chain->allocator, &chain->found);
  kvsp_credentials_clear(chain->allocator, &chain->current);
  chain->source = "";
}
