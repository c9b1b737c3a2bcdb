/*
 * media_session.c - the calls of a live reader: which one is next, what became
 * of the last one, and how long to wait.
 */
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "media.h"
#include "net_clock.h"

/* Without a byte for so long, a session waits for its producer. */
#define QUIET_MS 3000
#define ENDPOINT_TIMEOUT_MS 15000

/* ---- what is told -------------------------------------------------------- */

static kvsp_view view_of(const char *text) {
  kvsp_view view = {NULL, 0};
  if (*text) view.data = (const uint8_t *)text;
  view.len = strlen(text);
  return view;
}

static void tell(kvsp_media *m, uint32_t state, int64_t wait_ms,
                 const char *number) {
  kvsp_media_event event;
  if (!m->callback) return;
  memset(&event, 0, sizeof event);
  event.state = state;
  event.attempt = m->attempts;
  event.wait_ms = wait_ms;
  event.number = view_of(number);
  event.error = &m->error;
  m->client->busy = true;
  m->callback(m->user, m, &event);
  m->client->busy = false;
}

static void enter(kvsp_media *m, uint32_t state, int64_t wait_ms) {
  bool same = m->state == state;
  m->state = state;
  if (same && state != KVSP_STATE_RETRYING && state != KVSP_STATE_THROTTLED)
    return;
  tell(m, state, wait_ms, m->seam.position);
}

/* ---- how it goes on ------------------------------------------------------ */

void kvsp_media_end(kvsp_media *m, int status) {
  if (m->phase == PHASE_ENDED) return;
  kvsp_call_end(&m->call);
  m->phase = PHASE_ENDED;
  m->status = status;
  m->error.status = status == KVSP_END ? KVSP_OK : status;
  enter(m, KVSP_STATE_ENDED, 0);
}

static void wait(kvsp_media *m, uint32_t state, int64_t ms, int64_t now) {
  m->phase = PHASE_IDLE;
  m->wake_ms = now + ms;
  enter(m, state, ms);
}

static void note_fault(kvsp_media *m, int status, const char *operation,
                       const char *request_id) {
  snprintf(m->request_id, sizeof m->request_id, "%s", request_id);
  kvsp_errors_show(&m->fault, status, operation, m->request_id, &m->error);
}

static void make_fault(kvsp_media *m, enum error_class class, int status,
                       const char *message) {
  memset(&m->fault, 0, sizeof m->fault);
  m->fault.class = class;
  snprintf(m->fault.message, sizeof m->fault.message, "%s", message);
  note_fault(m, status, "GetMedia", "");
}

static void add_clock(kvsp_media *m) {
  char offset[64];
  size_t len = strlen(m->fault.message);
  if (m->fault.clock_offset_ms == 0) return;
  kvsp_errors_print_offset(m->fault.clock_offset_ms, offset, sizeof offset);
  snprintf(m->fault.message + len, sizeof m->fault.message - len,
           "%sthis machine's clock is %s", len > 0 ? "; " : "", offset);
}

/* A call failed, which note_fault told. */
static void try_again(kvsp_media *m, int64_t now) {
  bool throttled = m->fault.class == ERROR_THROTTLE;
  int64_t ms;
  m->attempts++;
  m->stats.retries++;
  if (throttled) m->stats.throttled++;
  if (m->max_attempts > 0 && m->attempts >= m->max_attempts) {
    kvsp_media_end(m, m->error.status);
    return;
  }
  ms = kvsp_backoff_ms(throttled ? BACKOFF_THROTTLE : BACKOFF_FAULT,
                       m->attempts, &m->client->random);
  wait(m, throttled ? KVSP_STATE_THROTTLED : KVSP_STATE_RETRYING, ms, now);
}

static bool is_data_call(const kvsp_media *m) {
  return strcmp(m->error.operation, "GetMedia") == 0;
}

/* A data endpoint may have moved: it is asked for once more. */
static bool asks_endpoint_again(kvsp_media *m) {
  bool moved = m->fault.class == ERROR_ENDPOINT || m->fault.http_status == 404;
  if (!moved || !is_data_call(m) || m->asked_again ||
      m->client->api_url[API_MEDIA])
    return false;
  kvsp_client_forget_endpoint(m->client, m->stream, API_MEDIA);
  m->asked_again = true;
  return true;
}

static bool renews_credentials(kvsp_media *m) {
  if (m->fault.class != ERROR_EXPIRED || m->renewed) return false;
  /* Another reader's call may have had newer ones meanwhile. */
  if (m->call.keys == m->client->chain.fetched)
    kvsp_credentials_renew(&m->client->chain);
  m->renewed = true;
  return true;
}

/* What follows a call that failed, by what kind of failure it was. */
static void after_fault(kvsp_media *m, int64_t now) {
  if (renews_credentials(m) || asks_endpoint_again(m)) {
    m->stats.retries++;
    wait(m, KVSP_STATE_RETRYING, 0, now);
    return;
  }
  if (m->fault.class == ERROR_CLOCK) add_clock(m);
  if (!kvsp_errors_pass(m->fault.class)) {
    kvsp_media_end(m, m->error.status);
    return;
  }
  if (m->fault.class == ERROR_RETRY && is_data_call(m))
    kvsp_client_forget_endpoint(m->client, m->stream, API_MEDIA);
  try_again(m, now);
}

static void after_refused_call(kvsp_media *m, int64_t now) {
  int status = kvsp_http_fault(&m->call.transfer, &m->fault);
  note_fault(m, status, m->call.operation, m->call.transfer.request_id);
  kvsp_call_end(&m->call);
  after_fault(m, now);
}

/* There is nothing to sign a call with. */
static void after_no_credentials(kvsp_media *m, int rc, int64_t now) {
  const struct credential_chain *chain = &m->client->chain;
  m->fault = chain->fault;
  note_fault(m, rc, chain->operation, chain->request_id);
  after_fault(m, now);
}

void kvsp_media_fail(kvsp_media *m, int status) {
  make_fault(m, ERROR_FATAL, status, kvsp_status_text(status));
  kvsp_media_end(m, status);
}

/* The call could not even be made: no memory. */
static void after_unsent_call(kvsp_media *m, int rc, int64_t now) {
  m->wake_ms = now;
  if (rc != CREDENTIALS_PENDING) kvsp_media_fail(m, rc);
}

/* ---- the endpoint -------------------------------------------------------- */

static int control_url(kvsp_media *m, struct text *url) {
  const kvsp_client *c = m->client;
  if (c->endpoint_url) return kvsp_text_add(url, c->endpoint_url);
  return kvsp_endpoint_url(c->region, c->endpoints, url);
}

static void ask_endpoint(kvsp_media *m, int64_t now) {
  struct text url;
  int rc;
  kvsp_text_init(&url, &m->client->allocator, 8192);
  rc = control_url(m, &url);
  if (rc == KVSP_OK) rc = kvsp_call_begin(&m->call, m->stream->name);
  if (rc == KVSP_OK)
    rc = kvsp_call_add_string(&m->call, "APIName", kvsp_api_name(API_MEDIA));
  m->call.transfer.stream = NULL;
  if (rc == KVSP_OK)
    rc = kvsp_call_send(&m->call, kvsp_text_string(&url), "GetDataEndpoint",
                        ENDPOINT_TIMEOUT_MS);
  kvsp_text_clear(&url);
  if (rc == KVSP_OK)
    m->phase = PHASE_ENDPOINT;
  else
    after_unsent_call(m, rc, now);
}

static void read_endpoint(kvsp_media *m, int64_t now) {
  struct text url;
  int rc;
  if (!kvsp_http_succeeded(&m->call.transfer)) {
    after_refused_call(m, now);
    return;
  }
  kvsp_text_init(&url, &m->client->allocator, 8192);
  rc = kvsp_json_field(kvsp_text_string(&m->call.transfer.body), "DataEndpoint",
                       &url);
  if (rc >= 0)
    rc = kvsp_client_learn_endpoint(m->client, m->stream, API_MEDIA,
                                    kvsp_text_string(&url));
  kvsp_text_clear(&url);
  kvsp_call_end(&m->call);
  m->phase = PHASE_IDLE;
  m->wake_ms = now;
  if (rc == KVSP_OK) return;
  make_fault(m, ERROR_FATAL, rc,
             rc == KVSP_ERR_SERVICE ? "the answer has no DataEndpoint that "
                                      "may be spoken to (https)"
                                    : kvsp_status_text(rc));
  kvsp_media_end(m, rc);
}

/* ---- the session --------------------------------------------------------- */

/* Bytes of an answer with 200. */
static size_t on_data(void *user, const void *data, size_t len) {
  kvsp_media *m = user;
  if (kvsp_queue_bytes(&m->queue) >= m->max_buffer) {
    m->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  m->last_byte_ms = kvsp_clock_ms();
  m->stats.bytes += len;
  m->feed_error = kvsp_seam_feed(&m->seam, data, len);
  if (m->feed_error != KVSP_OK || m->seam.error_id != 0) return 0;
  return len;
}

static int add_selector(kvsp_media *m) {
  static const char *const names[] = {"NOW",
                                      "EARLIEST",
                                      "SERVER_TIMESTAMP",
                                      "PRODUCER_TIMESTAMP",
                                      "FRAGMENT_NUMBER",
                                      "CONTINUATION_TOKEN"};
  const struct seam *s = &m->seam;
  struct call *call = &m->call;
  uint32_t type = m->start;
  int64_t time_ns = m->start_time_ns;
  const char *after = m->after;
  int rc;
  if (s->position[0]) {
    type = KVSP_START_AFTER;
    after = s->position;
  } else if (s->cut.number[0] && s->cut.server_time_ns != KVSP_TIME_NONE) {
    type = KVSP_START_SERVER_TIME;
    time_ns = s->cut.server_time_ns;
  }
  rc = kvsp_call_add_raw(call, ",\"StartSelector\":{\"StartSelectorType\":");
  if (rc == KVSP_OK) rc = kvsp_text_add_json(&call->body, names[type]);
  if (rc != KVSP_OK) return rc;
  if (type == KVSP_START_AFTER)
    rc = kvsp_call_add_string(call, "AfterFragmentNumber", after);
  else if (type == KVSP_START_TOKEN)
    rc = kvsp_call_add_string(call, "ContinuationToken", after);
  else if (type >= KVSP_START_SERVER_TIME)
    rc = kvsp_call_add_time(call, "StartTimestamp", time_ns);
  return rc == KVSP_OK ? kvsp_call_add_raw(call, "}") : rc;
}

static void open_session(kvsp_media *m, const char *url, int64_t now) {
  int rc = kvsp_seam_open(&m->seam);
  m->call.transfer.stream = on_data;
  m->call.transfer.user = m;
  m->feed_error = KVSP_OK;
  m->paused = false;
  m->last_byte_ms = now;
  m->fragments_then = m->seam.counts.fragments;
  m->offset_then = m->queue.offset;
  if (rc == KVSP_OK) rc = kvsp_call_begin(&m->call, m->stream->name);
  if (rc == KVSP_OK) rc = add_selector(m);
  if (rc == KVSP_OK) rc = kvsp_call_send(&m->call, url, "GetMedia", 0);
  if (rc == KVSP_OK)
    m->phase = PHASE_SESSION;
  else
    after_unsent_call(m, rc, now);
}

static bool brought_something(const kvsp_media *m) {
  return m->seam.counts.fragments > m->fragments_then ||
         m->queue.offset > m->offset_then;
}

/* Nor did it end where more has to follow. */
static bool brought_nothing(const kvsp_media *m) {
  return m->queue.offset == m->offset_then && !m->seam.ragged;
}

/* It was answered, and has ended in the regular way. */
static void after_clean_end(kvsp_media *m, int64_t now) {
  if (brought_something(m)) {
    wait(m, KVSP_STATE_RECONNECTING, 0, now);
    return;
  }
  if ((m->flags & KVSP_MEDIA_STOP_AT_END) && brought_nothing(m)) {
    kvsp_media_end(m, KVSP_END);
    return;
  }
  m->attempts++;
  wait(m, KVSP_STATE_WAITING,
       kvsp_backoff_ms(BACKOFF_IDLE, m->attempts, &m->client->random), now);
}

/* The connection broke, or nothing came for too long. */
static void after_cut(kvsp_media *m, int64_t now) {
  if (brought_something(m))
    wait(m, KVSP_STATE_RECONNECTING, 0, now);
  else
    try_again(m, now);
}

static enum error_class class_of_stream_error(uint32_t id) {
  return id == 3002 || id == 4503 || id == 5000 ? ERROR_RETRY : ERROR_FATAL;
}

/* The service said in the stream why it ends. */
static void after_stream_error(kvsp_media *m, int64_t now) {
  const char *text = kvsp_fragment_error_text(m->seam.error_id);
  char message[160];
  snprintf(message, sizeof message, "%s (%u in the stream)",
           text ? text : "an error", (unsigned)m->seam.error_id);
  make_fault(m, class_of_stream_error(m->seam.error_id), KVSP_ERR_SERVICE,
             message);
  snprintf(m->fault.name, sizeof m->fault.name, "%s", m->seam.error_code);
  m->fault.http_status = 200;
  note_fault(m, KVSP_ERR_SERVICE, "GetMedia", m->call.transfer.request_id);
  if (m->fault.class == ERROR_FATAL)
    kvsp_media_end(m, KVSP_ERR_SERVICE);
  else
    try_again(m, now);
}

static void count_session(kvsp_media *m) {
  if (m->stats.sessions > 0) m->stats.reconnects++;
  m->stats.sessions++;
  m->renewed = false;
  m->asked_again = false;
}

/* The call has come to its end, or was ended. */
static void close_session(kvsp_media *m, bool silent, int64_t now) {
  struct http_transfer *t = &m->call.transfer;
  CURLcode result = silent ? CURLE_OPERATION_TIMEDOUT : t->result;
  int rc;
  if (!silent && t->status != 200) {
    after_refused_call(m, now);
    return;
  }
  if (t->status == 200) count_session(m);
  rc = m->feed_error == KVSP_OK ? kvsp_seam_close(&m->seam) : m->feed_error;
  if (brought_something(m)) m->attempts = 0;
  if (rc != KVSP_OK) {
    kvsp_media_fail(m, rc);
  } else if (m->seam.error_id != 0) {
    after_stream_error(m, now);
  } else if (result == CURLE_OK) {
    after_clean_end(m, now);
  } else {
    if (silent)
      make_fault(m, ERROR_RETRY, KVSP_ERR_NETWORK,
                 "the service sent nothing for too long");
    else
      note_fault(m, kvsp_http_fault(t, &m->fault), "GetMedia", t->request_id);
    kvsp_client_forget_endpoint(m->client, m->stream, API_MEDIA);
    after_cut(m, now);
  }
  kvsp_call_end(&m->call);
}

static void go_on_reading(kvsp_media *m, int64_t now) {
  if (!m->paused || kvsp_queue_bytes(&m->queue) > m->max_buffer / 2) return;
  m->paused = false;
  m->last_byte_ms = now;
  kvsp_http_go_on(&m->call.transfer);
}

static int64_t step_session(kvsp_media *m, int64_t now) {
  int64_t quiet;
  go_on_reading(m, now);
  if (m->call.transfer.finished) {
    close_session(m, false, now);
    return now;
  }
  if (m->seam.counts.fragments > m->fragments_then) m->attempts = 0;
  if (m->seam.counts.fragments + m->seam.counts.resumed != m->fragments_seen) {
    m->fragments_seen = m->seam.counts.fragments + m->seam.counts.resumed;
    enter(m, KVSP_STATE_STREAMING, 0);
  }
  if (m->paused) return INT64_MAX;
  quiet = now - m->last_byte_ms;
  if (quiet >= m->silence_ms) {
    close_session(m, true, now);
    return now;
  }
  if (quiet < QUIET_MS && QUIET_MS < m->silence_ms)
    return m->last_byte_ms + QUIET_MS;
  if (quiet >= QUIET_MS) enter(m, KVSP_STATE_WAITING, 0);
  return m->last_byte_ms + m->silence_ms;
}

/* ---- one step ------------------------------------------------------------ */

static int64_t begin_call(kvsp_media *m, int64_t now) {
  const char *url = kvsp_client_endpoint(m->client, m->stream, API_MEDIA);
  int64_t left;
  int rc;
  if (!m->client->region) {
    make_fault(m, ERROR_FATAL, KVSP_ERR_CREDENTIALS,
               "no region: give one, or set AWS_REGION");
    kvsp_media_end(m, KVSP_ERR_CREDENTIALS);
    return INT64_MAX;
  }
  if (m->state == 0) enter(m, KVSP_STATE_CONNECTING, 0);
  rc = kvsp_credentials_ask(&m->client->chain, &m->keys);
  if (rc == CREDENTIALS_PENDING) return INT64_MAX;
  if (rc != KVSP_OK) {
    after_no_credentials(m, rc, now);
    return now;
  }
  left = kvsp_gate_take(&m->stream->gates[url != NULL], now);
  if (left > 0) return now + left;
  if (url)
    open_session(m, url, now);
  else
    ask_endpoint(m, now);
  return now;
}

int64_t kvsp_media_step(kvsp_media *m, int64_t now) {
  switch (m->phase) {
    case PHASE_IDLE: return now < m->wake_ms ? m->wake_ms : begin_call(m, now);
    case PHASE_ENDPOINT:
      if (!m->call.transfer.finished) return INT64_MAX;
      read_endpoint(m, now);
      return now;
    case PHASE_SESSION: return step_session(m, now);
    default: return INT64_MAX;
  }
}
