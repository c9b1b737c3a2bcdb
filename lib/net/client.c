#include <stdio.h>
#include <string.h>

#include "media.h"
#include "net_client.h"
#include "net_clock.h"

#define CONNECT_TIMEOUT_MS 10000
/* No longer is what is at hand handed out without a turn of the loop. */
#define TURN_MS 10

/* ---- settings ------------------------------------------------------------ */

static int copy(kvsp_client *c, char **out, const char *text) {
  if (!text) return KVSP_OK;
  *out = kvsp_net_strdup(&c->allocator, text);
  return *out ? KVSP_OK : KVSP_ERR_NOMEM;
}

/* The caller's, else the first of the two variables that is there. */
static int setting(kvsp_client *c, char **out, const char *given,
                   const char *variable, const char *other) {
  if (!given) given = kvsp_environment_get(&c->environment, variable);
  if (!given && other) given = kvsp_environment_get(&c->environment, other);
  return copy(c, out, given);
}

static int read_region(kvsp_client *c, const char *given) {
  struct text found;
  int rc = setting(c, &c->region, given, "AWS_REGION", "AWS_DEFAULT_REGION");
  if (rc != KVSP_OK || c->region) return rc;
  kvsp_text_init(&found, &c->allocator, 256);
  rc = kvsp_profile_region(&c->chain, &found);
  if (rc == 1) rc = copy(c, &c->region, kvsp_text_string(&found));
  kvsp_text_clear(&found);
  return rc == KVSP_ERR_LIMIT_VALUE ? KVSP_ERR_ARG : rc;
}

static int read_user_agent(kvsp_client *c, const char *given) {
  struct text agent;
  int rc;
  kvsp_text_init(&agent, &c->allocator, 1024);
  rc = kvsp_text_print(&agent, "libkvsparse/%s%s%s", kvsp_version(),
                       given ? " " : "", given ? given : "");
  if (rc == KVSP_OK) {
    c->user_agent = kvsp_text_copy(&agent);
    if (!c->user_agent) rc = KVSP_ERR_NOMEM;
  }
  kvsp_text_clear(&agent);
  return rc == KVSP_ERR_LIMIT_VALUE ? KVSP_ERR_ARG : rc;
}

static int read_endpoints(kvsp_client *c, const kvsp_client_config *config) {
  const struct environment *e = &c->environment;
  int rc = setting(c, &c->endpoint_url, config->endpoint_url,
                   "AWS_ENDPOINT_URL_KINESIS_VIDEO", "AWS_ENDPOINT_URL");
  if (rc == KVSP_OK)
    rc = setting(c, &c->api_url[API_MEDIA], config->media_endpoint_url,
                 "AWS_ENDPOINT_URL_KINESIS_VIDEO_MEDIA", NULL);
  for (int api = API_LIST; api < API_COUNT && rc == KVSP_OK; api++)
    rc = setting(c, &c->api_url[api], config->archive_endpoint_url,
                 "AWS_ENDPOINT_URL_KINESIS_VIDEO_ARCHIVED_MEDIA", NULL);
  if ((config->flags & KVSP_CLIENT_FIPS) ||
      kvsp_environment_is_true(e, "AWS_USE_FIPS_ENDPOINT"))
    c->endpoints |= ENDPOINT_FIPS;
  if ((config->flags & KVSP_CLIENT_DUAL_STACK) ||
      kvsp_environment_is_true(e, "AWS_USE_DUALSTACK_ENDPOINT"))
    c->endpoints |= ENDPOINT_DUAL_STACK;
  return rc;
}

static int read_settings(kvsp_client *c, const kvsp_client_config *config) {
  int rc = copy(c, &c->profile, config->profile);
  c->chain.profile = c->profile;
  if (rc == KVSP_OK) rc = read_region(c, config->region);
  if (rc == KVSP_OK) rc = read_endpoints(c, config);
  if (rc == KVSP_OK) rc = read_user_agent(c, config->user_agent);
  if (rc == KVSP_OK)
    rc = setting(c, &c->ca_file, config->ca_file, "AWS_CA_BUNDLE", NULL);
  if (rc == KVSP_OK) rc = copy(c, &c->proxy, config->proxy);
  return rc;
}

/* A URL of the caller's with FIPS or dual stack is a contradiction. */
static int check_settings(const kvsp_client *c) {
  const char *urls[] = {c->endpoint_url, c->api_url[API_MEDIA],
                        c->api_url[API_LIST]};
  if (c->region && !kvsp_region_is_valid(c->region)) return KVSP_ERR_ARG;
  if (strpbrk(c->user_agent, "\r\n")) return KVSP_ERR_ARG;
  for (size_t i = 0; i < 3; i++)
    if (urls[i] && !kvsp_url_is_allowed(urls[i])) return KVSP_ERR_ARG;
  return c->endpoint_url && c->endpoints ? KVSP_ERR_ARG : KVSP_OK;
}

static void set_chain(kvsp_client *c, const kvsp_client_config *config) {
  struct credential_chain *chain = &c->chain;
  chain->allocator = &c->allocator;
  chain->http = &c->http;
  chain->environment = c->environment;
  chain->callback = config->credentials;
  chain->callback_user = config->credentials_user;
  chain->busy = &c->busy;
  chain->random = &c->random;
  chain->source = "";
  chain->operation = "";
  chain->current.expires_ms = KVSP_CLOCK_NONE;
}

static void share_settings(kvsp_client *c, const kvsp_client_config *config) {
  c->chain.region = c->region;
  c->chain.endpoints = c->endpoints;
  c->http.user_agent = c->user_agent;
  c->http.ca_file = c->ca_file;
  c->http.proxy = c->proxy;
  c->http.connect_timeout_ms = config->connect_timeout_ms
                                   ? (long)config->connect_timeout_ms
                                   : CONNECT_TIMEOUT_MS;
  c->random = config->seed ? config->seed : kvsp_random_seed(c);
}

/* 7.75 brought AWS's signatures, which a build may lack all the same. */
static bool curl_can(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  return info->version_num >= 0x074B00 && (info->features & CURL_VERSION_SSL);
}

static int start(kvsp_client *c, const kvsp_client_config *config) {
  int rc;
  c->environment.ignored = (config->flags & KVSP_CLIENT_NO_ENVIRONMENT) != 0;
  c->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!c->global) return KVSP_ERR_NOMEM;
  if (!curl_can()) return KVSP_ERR_UNSUPPORTED;
  rc = kvsp_http_init(&c->http, &c->allocator);
  if (rc != KVSP_OK) return rc;
  set_chain(c, config);
  rc = read_settings(c, config);
  if (rc == KVSP_OK) rc = check_settings(c);
  if (rc == KVSP_OK) share_settings(c, config);
  return rc;
}

int kvsp_client_new(kvsp_client **out, const kvsp_client_config *config) {
  static const kvsp_client_config none = {.struct_size = sizeof none};
  kvsp_allocator allocator;
  kvsp_client *c;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!config) config = &none;
  if (config->struct_size != sizeof *config) return KVSP_ERR_ARG;
  rc = kvsp_net_allocator_init(&allocator, config->allocator);
  if (rc != KVSP_OK) return rc;
  c = kvsp_net_alloc(&allocator, sizeof *c);
  if (!c) return KVSP_ERR_NOMEM;
  c->allocator = allocator;
  rc = start(c, config);
  if (rc != KVSP_OK) {
    kvsp_client_free(c);
    return rc;
  }
  *out = c;
  return KVSP_OK;
}

static void free_stream(kvsp_client *c, struct stream *stream) {
  for (int api = 0; api < API_COUNT; api++)
    kvsp_net_strfree(&c->allocator, stream->endpoint[api]);
  kvsp_net_strfree(&c->allocator, stream->name);
  kvsp_net_release(&c->allocator, stream, sizeof *stream);
}

void kvsp_client_free(kvsp_client *c) {
  kvsp_allocator allocator;
  char **texts[] = {NULL, NULL, NULL, NULL, NULL, NULL};
  if (!c || c->busy) return;
  allocator = c->allocator;
  if (c->chain.allocator) kvsp_credentials_free(&c->chain);
  kvsp_http_free(&c->http);
  while (c->streams) {
    struct stream *stream = c->streams;
    c->streams = stream->next;
    free_stream(c, stream);
  }
  texts[0] = &c->region;
  texts[1] = &c->profile;
  texts[2] = &c->endpoint_url;
  texts[3] = &c->user_agent;
  texts[4] = &c->ca_file;
  texts[5] = &c->proxy;
  for (size_t i = 0; i < 6; i++) kvsp_net_strfree(&allocator, *texts[i]);
  for (int api = 0; api < API_COUNT; api++)
    kvsp_net_strfree(&allocator, c->api_url[api]);
  if (c->global) curl_global_cleanup();
  kvsp_net_wipe(c, sizeof *c);
  kvsp_net_release(&allocator, c, sizeof *c);
}

/* ---- streams and endpoints ----------------------------------------------- */

struct stream *kvsp_client_stream(kvsp_client *c, const char *name) {
  struct stream *stream = c->streams;
  while (stream && strcmp(stream->name, name) != 0) stream = stream->next;
  if (stream) return stream;
  stream = kvsp_net_alloc(&c->allocator, sizeof *stream);
  if (!stream) return NULL;
  stream->name = kvsp_net_strdup(&c->allocator, name);
  if (!stream->name) {
    kvsp_net_release(&c->allocator, stream, sizeof *stream);
    return NULL;
  }
  stream->next = c->streams;
  c->streams = stream;
  return stream;
}

const char *kvsp_api_name(enum api api) {
  static const char *const names[API_COUNT] = {"GET_MEDIA", "LIST_FRAGMENTS",
                                               "GET_MEDIA_FOR_FRAGMENT_LIST"};
  return names[api];
}

const char *kvsp_client_endpoint(const kvsp_client *c,
                                 const struct stream *stream, enum api api) {
  return c->api_url[api] ? c->api_url[api] : stream->endpoint[api];
}

int kvsp_client_learn_endpoint(kvsp_client *c, struct stream *stream,
                               enum api api, const char *url) {
  if (!kvsp_url_is_allowed(url)) return KVSP_ERR_SERVICE;
  kvsp_client_forget_endpoint(c, stream, api);
  return copy(c, &stream->endpoint[api], url);
}

void kvsp_client_forget_endpoint(kvsp_client *c, struct stream *stream,
                                 enum api api) {
  kvsp_net_strfree(&c->allocator, stream->endpoint[api]);
  stream->endpoint[api] = NULL;
}

/* ---- the loop ------------------------------------------------------------ */

/* Lets each reader do what it can; when the next one wants to be asked. */
static int64_t step_all(kvsp_client *c, int64_t now) {
  int64_t next = INT64_MAX;
  for (kvsp_media *m = c->readers; m; m = m->next) {
    int64_t due = kvsp_media_step(m, now);
    if (due < next) next = due;
  }
  return next;
}

/* In turn: the search begins behind the one that was told last. */
static kvsp_media *find_ready(kvsp_client *c) {
  kvsp_media *start = c->turn && c->turn->next ? c->turn->next : c->readers;
  kvsp_media *m = start;
  if (!m) return NULL;
  do {
    if (kvsp_media_is_ready(m)) return m;
    m = m->next ? m->next : c->readers;
  } while (m != start);
  return NULL;
}

static kvsp_media *look_for(kvsp_client *c, kvsp_media *only) {
  if (only) return kvsp_media_is_ready(only) ? only : NULL;
  return find_ready(c);
}

static int span(int64_t from, int64_t to) {
  if (to <= from) return 0;
  return to - from > 60000 ? 60000 : (int)(to - from);
}

static int64_t earlier(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* What a call waits for; what is NULL or false it does not. */
struct awaited {
  kvsp_media **ready; /* set to a reader that is                           */
  kvsp_media *only;   /* this one; NULL: any                               */
  const struct http_transfer *transfer;
  const bool *flag;
  const unsigned *searches; /* is no longer searches_then                  */
  unsigned searches_then;
};

static bool has_come(kvsp_client *c, const struct awaited *w) {
  if (w->ready) {
    *w->ready = look_for(c, w->only);
    if (*w->ready) return true;
  }
  return (w->transfer && w->transfer->finished) || (w->flag && *w->flag) ||
         (w->searches && *w->searches != w->searches_then);
}

/* The loop: transfers, readers, then the credentials that they ask for.
 * KVSP_OK, KVSP_NEED_INPUT (the time is over), KVSP_INTERRUPTED,
 * KVSP_ERR_NOMEM. */
static int run(kvsp_client *c, int64_t until, const struct awaited *w) {
  for (kvsp_media *m = c->readers; m; m = m->next) kvsp_media_release(m);
  for (;;) {
    int64_t now;
    int64_t due;
    int rc;
    if (kvsp_http_take_interrupt(&c->http)) return KVSP_INTERRUPTED;
    rc = kvsp_http_turn(&c->http);
    if (rc != KVSP_OK) return rc;
    now = kvsp_clock_ms();
    c->turned_ms = now;
    due = step_all(c, now);
    due = earlier(due, kvsp_credentials_step(&c->chain, now));
    if (has_come(c, w)) return KVSP_OK;
    if (now >= until) return KVSP_NEED_INPUT;
    due = earlier(due, until);
    if (due > now)
      kvsp_http_wait(&c->http, kvsp_credentials_fd(&c->chain), span(now, due));
  }
}

int kvsp_client_drive(kvsp_client *c, int timeout_ms, kvsp_media *only,
                      kvsp_media **ready) {
  struct awaited w = {.ready = ready, .only = only};
  return run(c, timeout_ms < 0 ? INT64_MAX : kvsp_clock_ms() + timeout_ms, &w);
}

/* That the time is over is no news to who set it. */
static int run_until(kvsp_client *c, int64_t until, const struct awaited *w) {
  int rc = run(c, until, w);
  return rc == KVSP_NEED_INPUT ? KVSP_OK : rc;
}

int kvsp_client_await(kvsp_client *c, const struct http_transfer *t,
                      const bool *ready, int64_t until) {
  struct awaited w = {.transfer = t, .flag = ready};
  return run_until(c, until, &w);
}

int kvsp_client_finish(kvsp_client *c, const struct http_transfer *t) {
  return kvsp_client_await(c, t, NULL, INT64_MAX);
}

int kvsp_client_sleep(kvsp_client *c, int64_t until_ms) {
  if (until_ms <= kvsp_clock_ms()) return KVSP_OK;
  return kvsp_client_await(c, NULL, NULL, until_ms);
}

int kvsp_client_await_search(kvsp_client *c, int64_t until) {
  struct awaited w = {.searches = &c->chain.searches,
                      .searches_then = c->chain.searches};
  return run_until(c, until, &w);
}

int kvsp_client_obtain(kvsp_client *c) {
  struct credential_wait wait = {.waiting = false};
  int rc = kvsp_credentials_ask(&c->chain, &wait);
  while (rc == CREDENTIALS_PENDING) {
    rc = kvsp_client_await_search(c, INT64_MAX);
    if (rc == KVSP_OK) rc = kvsp_credentials_ask(&c->chain, &wait);
  }
  return rc;
}

/* Where the caller takes what comes, what is there is handed out before more is
 * taken from the sockets: else each piece would cost a turn of the loop, and
 * fill the buffers of all others.  Where it does not, or takes its time, the
 * loop goes on. */
static kvsp_media *find_at_hand(kvsp_client *c) {
  if (!c->taken || kvsp_clock_ms() - c->turned_ms >= TURN_MS) return NULL;
  c->taken = false;
  for (kvsp_media *m = c->readers; m; m = m->next) kvsp_media_release(m);
  return find_ready(c);
}

int kvsp_client_wait(kvsp_client *c, int timeout_ms, kvsp_media **ready) {
  kvsp_media *found;
  int rc = KVSP_OK;
  if (ready) *ready = NULL;
  if (!c) return KVSP_ERR_ARG;
  if (c->busy) return KVSP_ERR_REENTRANT;
  if (kvsp_http_take_interrupt(&c->http)) return KVSP_INTERRUPTED;
  found = find_at_hand(c);
  if (!found) rc = kvsp_client_drive(c, timeout_ms, NULL, &found);
  if (rc != KVSP_OK) return rc;
  c->turn = found;
  if (ready) *ready = found;
  return KVSP_OK;
}

int kvsp_client_interrupt(kvsp_client *c) {
  if (!c) return KVSP_ERR_ARG;
  kvsp_http_interrupt(&c->http);
  return KVSP_OK;
}

/* ---- credentials --------------------------------------------------------- */

void kvsp_client_note_fault(kvsp_client *c, int status, const char *operation,
                            const struct service_fault *fault,
                            const char *request_id) {
  c->fault = *fault;
  snprintf(c->request_id, sizeof c->request_id, "%s", request_id);
  kvsp_errors_show(&c->fault, status, operation, c->request_id, &c->error);
}

void kvsp_client_note_message(kvsp_client *c, int status, const char *operation,
                              const char *message) {
  struct service_fault fault;
  memset(&fault, 0, sizeof fault);
  snprintf(fault.message, sizeof fault.message, "%s", message);
  kvsp_client_note_fault(c, status, operation, &fault, "");
}

void kvsp_client_note_credentials(kvsp_client *c, int status) {
  const struct credential_chain *chain = &c->chain;
  if (chain->status == status)
    kvsp_client_note_fault(c, status, chain->operation, &chain->fault,
                           chain->request_id);
  else
    kvsp_client_note_message(c, status, "", kvsp_status_text(status));
}

int kvsp_client_authenticate(kvsp_client *c) {
  int rc;
  if (!c) return KVSP_ERR_ARG;
  if (c->busy) return KVSP_ERR_REENTRANT;
  c->error.status = KVSP_OK;
  if (!kvsp_credentials_is_due(&c->chain)) return KVSP_OK;
  kvsp_credentials_hurry(&c->chain);
  rc = kvsp_client_await_search(c, INT64_MAX);
  if (rc == KVSP_OK) rc = kvsp_credentials_verdict(&c->chain);
  if (rc < 0) kvsp_client_note_credentials(c, rc);
  return rc;
}

const char *kvsp_client_credentials_source(const kvsp_client *c) {
  return c ? c->chain.source : "";
}

const char *kvsp_client_region(const kvsp_client *c) {
  return c && c->region ? c->region : "";
}

const kvsp_service_error *kvsp_client_error(const kvsp_client *c) {
  static const kvsp_service_error nothing = {
      .operation = "", .name = "", .message = "", .request_id = ""};
  return !c || c->error.status == KVSP_OK ? &nothing : &c->error;
}

const char *kvsp_net_version(void) {
  return curl_version();
}
