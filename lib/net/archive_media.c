/*
 * archive_media.c - GetMediaForFragmentList: batch after batch, at the pace
 * that the service allows.
 */
#include <kvsparse/archive.h>
#include <stdio.h>
#include <string.h>

#include "fetch.h"
#include "locate.h"
#include "net_clock.h"

#define OPERATION "GetMediaForFragmentList"
#define BATCH_DEFAULT 100
#define BATCH_MAX 1000
#define ATTEMPTS_DEFAULT 8
#define BUFFER_DEFAULT ((uint64_t)4 << 20)
#define MEMORY_DEFAULT ((uint64_t)256 << 20)
#define SILENCE_DEFAULT_MS 30000

enum phase {
  PHASE_IDLE,     /* the next call is due at wake_ms                        */
  PHASE_ENDPOINT, /* GetDataEndpoint is under way                           */
  PHASE_ANSWER,   /* GetMediaForFragmentList is                             */
  PHASE_ENDED
};

struct kvsp_archive_media {
  kvsp_client *client;
  struct stream *stream;
  unsigned batch;
  unsigned max_attempts;
  size_t max_buffer;
  int64_t silence_ms;

  struct call call;
  struct credential_wait keys; /* to sign the next call with                */
  struct fetch fetch;
  enum phase phase;
  int64_t wake_ms;
  int64_t last_byte_ms;
  bool paused;
  bool ready;        /* there is something to be handed out                 */
  int feed_error;    /* what the answer's bytes led to; KVSP_OK              */
  unsigned attempts; /* in a row that gave nothing                          */
  bool renewed;      /* credentials were asked for anew                     */
  bool asked_again;  /* the endpoint was                                    */

  int status; /* once it ended                                             */
  kvsp_service_error error;
  struct service_fault fault;
  char request_id[ERROR_ID_SIZE];

  struct arrived *handed;  /* what its owner has                            */
  kvsp_service_error told; /* of it, where it failed                        */
  kvsp_piece piece;
  uint64_t offset;
  kvsp_archive_media_stats stats;
};

/* ---- made and freed ------------------------------------------------------ */

static bool is_config(const kvsp_archive_media_config *config) {
  return config && config->struct_size == sizeof *config && config->stream &&
         *config->stream && strlen(config->stream) <= 1024 &&
         config->batch <= BATCH_MAX && (config->numbers || config->list);
}

static int copy_numbers(kvsp_archive_media *m,
                        const kvsp_archive_media_config *config) {
  size_t count =
      config->numbers ? config->count : kvsp_archive_count(config->list);
  int rc = KVSP_OK;
  for (size_t i = 0; i < count && rc == KVSP_OK; i++) {
    const char *number =
        config->numbers
            ? config->numbers[i]
            : (const char *)kvsp_archive_get(config->list, i)->number.data;
    rc = kvsp_fetch_want(&m->fetch, number);
  }
  return rc;
}

static uint64_t or_default(uint64_t value, uint64_t otherwise) {
  return value ? value : otherwise;
}

static int set_up(kvsp_archive_media *m,
                  const kvsp_archive_media_config *config) {
  int rc;
  m->batch = (unsigned)or_default(config->batch, BATCH_DEFAULT);
  m->max_attempts =
      (unsigned)or_default(config->max_attempts, ATTEMPTS_DEFAULT);
  m->max_buffer = (size_t)or_default(config->max_buffer, BUFFER_DEFAULT);
  m->silence_ms = (int64_t)or_default(config->silence_ms, SILENCE_DEFAULT_MS);
  m->error.operation = "";
  m->error.name = "";
  m->error.message = "";
  m->error.request_id = "";
  kvsp_call_init(&m->call, m->client);
  rc = kvsp_fetch_init(&m->fetch, &m->client->allocator, config->limits,
                       or_default(config->max_memory, MEMORY_DEFAULT));
  if (rc == KVSP_OK) rc = copy_numbers(m, config);
  if (rc != KVSP_OK) return rc;
  m->stream = kvsp_client_stream(m->client, config->stream);
  return m->stream ? KVSP_OK : KVSP_ERR_NOMEM;
}

static void destroy(kvsp_archive_media *m) {
  kvsp_call_free(&m->call);
  kvsp_fetch_release(&m->fetch, m->handed);
  kvsp_fetch_free(&m->fetch);
  kvsp_net_release(&m->client->allocator, m, sizeof *m);
}

int kvsp_archive_media_new(kvsp_archive_media **out, kvsp_client *client,
                           const kvsp_archive_media_config *config) {
  kvsp_archive_media *m;
  int rc;
  if (!out || !client || !is_config(config)) return KVSP_ERR_ARG;
  *out = NULL;
  if (client->busy) return KVSP_ERR_REENTRANT;
  m = kvsp_net_alloc(&client->allocator, sizeof *m);
  if (!m) return KVSP_ERR_NOMEM;
  m->client = client;
  rc = set_up(m, config);
  if (rc == KVSP_OK)
    *out = m;
  else
    destroy(m);
  return rc;
}

void kvsp_archive_media_free(kvsp_archive_media *m) {
  if (m && !m->client->busy) destroy(m);
}

/* ---- what went wrong ----------------------------------------------------- */

static void note_fault(kvsp_archive_media *m, int status, const char *operation,
                       const char *request_id) {
  snprintf(m->request_id, sizeof m->request_id, "%s", request_id);
  kvsp_errors_show(&m->fault, status, operation, m->request_id, &m->error);
}

static void make_fault(kvsp_archive_media *m, enum error_class class,
                       int status, const char *message) {
  memset(&m->fault, 0, sizeof m->fault);
  m->fault.class = class;
  snprintf(m->fault.message, sizeof m->fault.message, "%s", message);
  note_fault(m, status, OPERATION, "");
}

/* ---- how it goes on ------------------------------------------------------ */

static void end(kvsp_archive_media *m, int status) {
  kvsp_call_end(&m->call);
  m->phase = PHASE_ENDED;
  m->status = status;
}

static void fail(kvsp_archive_media *m, int status) {
  make_fault(m, ERROR_FATAL, status, kvsp_status_text(status));
  end(m, status);
}

static void call_again(kvsp_archive_media *m, int64_t ms) {
  kvsp_call_end(&m->call);
  m->phase = PHASE_IDLE;
  m->wake_ms = kvsp_clock_ms() + ms;
}

/* A call failed, which note_fault told. */
static void try_again(kvsp_archive_media *m) {
  bool throttled = m->fault.class == ERROR_THROTTLE;
  m->stats.retries++;
  if (throttled) m->stats.throttled++;
  if (++m->attempts >= m->max_attempts)
    end(m, m->error.status);
  else
    call_again(m, kvsp_backoff_ms(throttled ? BACKOFF_THROTTLE : BACKOFF_FAULT,
                                  m->attempts, &m->client->random));
}

static bool heals_at_once(kvsp_archive_media *m) {
  const struct service_fault *fault = &m->fault;
  bool moved = fault->class == ERROR_ENDPOINT || fault->http_status == 404;
  if (fault->class == ERROR_EXPIRED && !m->renewed) {
    m->renewed = true;
    /* A reader's call may have had newer ones meanwhile. */
    if (m->call.keys == m->client->chain.fetched)
      kvsp_credentials_renew(&m->client->chain);
    return true;
  }
  if (!moved || m->asked_again || m->client->api_url[API_FRAGMENTS] ||
      m->phase != PHASE_ANSWER)
    return false;
  m->asked_again = true;
  kvsp_client_forget_endpoint(m->client, m->stream, API_FRAGMENTS);
  return true;
}

static void after_fault(kvsp_archive_media *m) {
  if (heals_at_once(m)) {
    m->stats.retries++;
    call_again(m, 0);
  } else if (kvsp_errors_pass(m->fault.class)) {
    if (m->fault.class == ERROR_RETRY && m->phase == PHASE_ANSWER)
      kvsp_client_forget_endpoint(m->client, m->stream, API_FRAGMENTS);
    try_again(m);
  } else {
    end(m, m->error.status);
  }
}

static void after_refused_call(kvsp_archive_media *m) {
  int status = kvsp_http_fault(&m->call.transfer, &m->fault);
  note_fault(m, status, m->call.operation, m->call.transfer.request_id);
  after_fault(m);
}

/* There is nothing to sign a call with. */
static void after_no_credentials(kvsp_archive_media *m, int rc) {
  const struct credential_chain *chain = &m->client->chain;
  m->fault = chain->fault;
  note_fault(m, rc, chain->operation, chain->request_id);
  after_fault(m);
}

/* ---- the answer ---------------------------------------------------------- */

static void read_endpoint(kvsp_archive_media *m) {
  int rc;
  if (!kvsp_http_succeeded(&m->call.transfer)) {
    after_refused_call(m);
    return;
  }
  rc = kvsp_locate_read(&m->call, m->stream, API_FRAGMENTS);
  call_again(m, 0);
  if (rc == KVSP_OK) return;
  fail(m, rc);
  m->error.operation = "GetDataEndpoint";
  if (rc == KVSP_ERR_SERVICE)
    m->error.message = "the answer has no DataEndpoint that may be spoken to";
}

/* Bytes of an answer with 200. */
static size_t on_data(void *user, const void *data, size_t len) {
  kvsp_archive_media *m = user;
  if (m->ready && m->fetch.waiting >= m->max_buffer) {
    m->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  m->last_byte_ms = kvsp_clock_ms();
  m->stats.bytes += len;
  m->feed_error = kvsp_fetch_feed(&m->fetch, data, len);
  m->ready = kvsp_fetch_has_front(&m->fetch);
  return m->feed_error == KVSP_OK ? len : 0;
}

/* It said what is wrong with all of the call. */
static void after_told_error(kvsp_archive_media *m) {
  const struct fetch *f = &m->fetch;
  make_fault(m, ERROR_FATAL, KVSP_ERR_SERVICE, f->error_message);
  snprintf(m->fault.name, sizeof m->fault.name, "%s", f->error_name);
  m->error.http_status = 200;
  if (kvsp_fetch_error_passes(f->error_id))
    try_again(m);
  else
    end(m, KVSP_ERR_SERVICE);
}

/* Fragments that it did not give are asked for again, if there are any. */
static void after_whole_answer(kvsp_archive_media *m) {
  int64_t ms = 0;
  if (m->fetch.answered == 0)
    ms = kvsp_backoff_ms(BACKOFF_FAULT, ++m->attempts, &m->client->random);
  call_again(m, ms);
}

static void after_cut_answer(kvsp_archive_media *m, bool silent) {
  struct http_transfer *t = &m->call.transfer;
  if (silent)
    make_fault(m, ERROR_RETRY, KVSP_ERR_NETWORK,
               "the service sent nothing for too long");
  else
    note_fault(m, kvsp_http_fault(t, &m->fault), OPERATION, t->request_id);
  if (m->fetch.answered > 0 && m->fault.class == ERROR_RETRY) {
    m->stats.retries++;
    kvsp_client_forget_endpoint(m->client, m->stream, API_FRAGMENTS);
    call_again(m, 0);
  } else {
    after_fault(m);
  }
}

static void after_memory(kvsp_archive_media *m) {
  if (kvsp_fetch_shrink(&m->fetch)) {
    m->batch = (unsigned)(m->fetch.end - m->fetch.first);
    call_again(m, 0);
  } else {
    fail(m, KVSP_ERR_LIMIT_MEMORY);
  }
}

static void close_answer(kvsp_archive_media *m, bool silent) {
  struct http_transfer *t = &m->call.transfer;
  bool whole = !silent && t->result == CURLE_OK;
  int rc = m->feed_error;
  if (!silent && t->status != 200) {
    after_refused_call(m);
    return;
  }
  if (t->status == 200) m->stats.calls++;
  if (rc == KVSP_OK) rc = kvsp_fetch_close(&m->fetch, whole);
  m->ready = kvsp_fetch_has_front(&m->fetch);
  if (m->fetch.answered > 0) {
    m->attempts = 0;
    m->renewed = false;
    m->asked_again = false;
  }
  if (rc == KVSP_ERR_LIMIT_MEMORY) {
    after_memory(m);
    m->ready = false;
  } else if (rc != KVSP_OK) {
    fail(m, rc);
  } else if (m->fetch.error_id != 0) {
    after_told_error(m);
  } else if (whole) {
    after_whole_answer(m);
  } else {
    after_cut_answer(m, silent);
  }
}

/* ---- the call ------------------------------------------------------------ */

static int add_numbers(kvsp_archive_media *m) {
  const struct fetch *f = &m->fetch;
  const char *before = ",\"Fragments\":[";
  int rc = KVSP_OK;
  for (size_t i = f->first; i < f->end && rc == KVSP_OK; i++) {
    if (!f->wanted[i].asked) continue;
    rc = kvsp_call_add_raw(&m->call, before);
    if (rc == KVSP_OK)
      rc = kvsp_text_add_json(&m->call.body, f->wanted[i].number);
    before = ",";
  }
  return rc == KVSP_OK ? kvsp_call_add_raw(&m->call, "]") : rc;
}

static int ask_media(kvsp_archive_media *m, const char *url) {
  int rc = kvsp_fetch_open(&m->fetch);
  m->call.transfer.stream = on_data;
  m->call.transfer.user = m;
  m->feed_error = KVSP_OK;
  m->paused = false;
  m->last_byte_ms = kvsp_clock_ms();
  if (rc == KVSP_OK) rc = kvsp_call_begin(&m->call, m->stream->name);
  if (rc == KVSP_OK) rc = add_numbers(m);
  if (rc == KVSP_OK) rc = kvsp_call_send(&m->call, url, OPERATION, 0);
  return rc;
}

static void make_call(kvsp_archive_media *m, int64_t now) {
  const char *url = kvsp_client_endpoint(m->client, m->stream, API_FRAGMENTS);
  int64_t left =
      url ? kvsp_points_take(&m->stream->points,
                             kvsp_fetch_batch(&m->fetch, m->batch), now)
          : kvsp_gate_take(&m->stream->gates[0], now);
  int rc;
  m->wake_ms = now + left;
  if (left > 0) return;
  rc = url ? ask_media(m, url)
           : kvsp_locate_ask(&m->call, m->stream, API_FRAGMENTS);
  if (rc == KVSP_OK)
    m->phase = url ? PHASE_ANSWER : PHASE_ENDPOINT;
  else if (rc != CREDENTIALS_PENDING)
    fail(m, rc);
}

/* What is due now; the next call, where its time has come. */
static void begin_call(kvsp_archive_media *m) {
  int rc;
  if (m->fetch.first == m->fetch.count) {
    end(m, KVSP_END);
    return;
  }
  if (!m->client->region) {
    fail(m, KVSP_ERR_CREDENTIALS);
    m->error.message = "no region: give one, or set AWS_REGION";
    return;
  }
  rc = kvsp_credentials_ask(&m->client->chain, &m->keys);
  if (rc == KVSP_OK)
    make_call(m, kvsp_clock_ms());
  else if (rc != CREDENTIALS_PENDING)
    after_no_credentials(m, rc);
}

static void go_on_reading(kvsp_archive_media *m) {
  if (!m->paused || (m->ready && m->fetch.waiting > m->max_buffer / 2)) return;
  m->paused = false;
  m->last_byte_ms = kvsp_clock_ms();
  kvsp_http_go_on(&m->call.transfer);
}

static int64_t due_at(const kvsp_archive_media *m, int64_t until) {
  int64_t due = INT64_MAX;
  if (m->phase == PHASE_IDLE) due = m->wake_ms;
  if (m->phase == PHASE_ANSWER && !m->paused)
    due = m->last_byte_ms + m->silence_ms;
  return due < until ? due : until;
}

/* Waits for what comes next, and deals with what has come. */
static int wait(kvsp_archive_media *m, int64_t until) {
  const struct http_transfer *t =
      m->phase == PHASE_IDLE ? NULL : &m->call.transfer;
  int rc;
  if (m->keys.waiting) return kvsp_client_await_search(m->client, until);
  if (m->phase == PHASE_ANSWER) go_on_reading(m);
  rc = kvsp_client_await(m->client, t, &m->ready, due_at(m, until));
  if (rc != KVSP_OK || m->phase == PHASE_IDLE) return rc;
  if (m->call.transfer.finished && m->phase == PHASE_ENDPOINT)
    read_endpoint(m);
  else if (m->call.transfer.finished)
    close_answer(m, false);
  else if (m->phase == PHASE_ANSWER && !m->paused &&
           kvsp_clock_ms() >= m->last_byte_ms + m->silence_ms)
    close_answer(m, true);
  return KVSP_OK;
}

static int step(kvsp_archive_media *m, int64_t until) {
  int rc;
  if (m->phase == PHASE_IDLE && kvsp_clock_ms() >= m->wake_ms) begin_call(m);
  if (m->phase == PHASE_ENDED) return KVSP_OK;
  rc = wait(m, until);
  if (rc != KVSP_OK || m->ready || m->phase == PHASE_ENDED) return rc;
  return kvsp_clock_ms() >= until ? KVSP_NEED_INPUT : KVSP_OK;
}

/* ---- for its owner ------------------------------------------------------- */

static void hand_out(kvsp_archive_media *m) {
  const char *number = m->fetch.wanted[m->fetch.first].number;
  struct arrived *arrived = kvsp_fetch_take(&m->fetch);
  kvsp_piece *piece = &m->piece;
  m->handed = arrived;
  m->ready = kvsp_fetch_has_front(&m->fetch);
  piece->data.data = arrived->data;
  piece->data.len = arrived->len;
  piece->offset = m->offset;
  piece->flags = arrived->failed ? KVSP_PIECE_FAILED
                                 : KVSP_PIECE_BEGIN | KVSP_PIECE_COMPLETE;
  piece->number.data = (const uint8_t *)number;
  piece->number.len = strlen(number);
  piece->server_time_ns = arrived->server_time_ns;
  piece->producer_time_ns = arrived->producer_time_ns;
  m->offset += arrived->len;
  if (arrived->failed)
    m->stats.failed++;
  else
    m->stats.fragments++;
  m->told.status = KVSP_ERR_SERVICE;
  m->told.http_status = 200;
  m->told.operation = OPERATION;
  m->told.name = arrived->name;
  m->told.message = arrived->message;
  m->told.request_id = "";
}

int kvsp_archive_media_next(kvsp_archive_media *m, int timeout_ms,
                            const kvsp_piece **piece) {
  int64_t until;
  int rc = KVSP_OK;
  if (!m || !piece) return KVSP_ERR_ARG;
  if (m->client->busy) return KVSP_ERR_REENTRANT;
  kvsp_fetch_release(&m->fetch, m->handed);
  m->handed = NULL;
  until = timeout_ms < 0 ? INT64_MAX : kvsp_clock_ms() + timeout_ms;
  while (rc == KVSP_OK && !m->ready && m->phase != PHASE_ENDED)
    rc = step(m, until);
  if (rc != KVSP_OK) return rc;
  if (!m->ready) return m->status;
  hand_out(m);
  *piece = &m->piece;
  return KVSP_OK;
}

const kvsp_service_error *kvsp_archive_media_error(
    const kvsp_archive_media *m) {
  static const kvsp_service_error nothing = {
      .operation = "", .name = "", .message = "", .request_id = ""};
  if (!m) return &nothing;
  return m->handed && m->handed->failed ? &m->told : &m->error;
}

int kvsp_archive_media_get_stats(const kvsp_archive_media *m,
                                 kvsp_archive_media_stats *stats,
                                 size_t struct_size) {
  size_t len = struct_size < sizeof m->stats ? struct_size : sizeof m->stats;
  if (!m || !stats || struct_size == 0) return KVSP_ERR_ARG;
  memset(stats, 0, struct_size);
  memcpy(stats, &m->stats, len);
  return KVSP_OK;
}
