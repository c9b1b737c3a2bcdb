#include "media.h"

#include <string.h>

#include "net_clock.h"

#define BUFFER_DEFAULT ((uint64_t)4 << 20)
#define SILENCE_DEFAULT_MS 30000

/* ---- made and freed ------------------------------------------------------ */

static bool consists_of(const char *text, const char *of, size_t max) {
  size_t len = strspn(text, of);
  return len > 0 && len <= max && text[len] == '\0';
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_stream(const char *name) {
  if (strncmp(name, "arn:", 4) == 0)
    return consists_of(name, LETTERS DIGITS "_.-:/", 1024);
  return consists_of(name, LETTERS DIGITS "_.-", 256);
}

static bool is_start(const kvsp_media_config *config) {
  switch (config->start) {
    case KVSP_START_NOW:
    case KVSP_START_EARLIEST: return true;
    case KVSP_START_SERVER_TIME:
    case KVSP_START_PRODUCER_TIME: return config->start_time_ns >= 0;
    case KVSP_START_AFTER:
      return config->after && consists_of(config->after, DIGITS, 128);
    case KVSP_START_TOKEN:
      return config->after &&
             consists_of(config->after, LETTERS DIGITS "_.-", 128);
    default: return false;
  }
}

static void on_fragment(void *user, const kvsp_fragment *f) {
  kvsp_media *m = user;
  if (f->server_time_ns == KVSP_TIME_NONE) return;
  kvsp_figures_add(&m->arrival,
                   kvsp_clock_wall_ms() - f->server_time_ns / 1000000);
  if (f->producer_time_ns != KVSP_TIME_NONE)
    kvsp_figures_add(&m->production,
                     (f->server_time_ns - f->producer_time_ns) / 1000000);
}

static void on_complete(void *user, const kvsp_fragment *f) {
  kvsp_media *m = user;
  m->stats.millis_behind_now = f->millis_behind_now;
}

static void on_lost(void *user, const char *number) {
  kvsp_media *m = user;
  kvsp_media_event event;
  if (!m->callback) return;
  memset(&event, 0, sizeof event);
  event.state = KVSP_STATE_LOST;
  event.number.data = (const uint8_t *)number;
  event.number.len = strlen(number);
  event.error = &m->error;
  m->client->busy = true;
  m->callback(m->user, m, &event);
  m->client->busy = false;
}

static int copy_settings(kvsp_media *m, const kvsp_media_config *config) {
  m->start = config->start;
  m->flags = config->flags;
  m->start_time_ns = config->start_time_ns;
  m->max_buffer =
      (size_t)(config->max_buffer ? config->max_buffer : BUFFER_DEFAULT);
  m->silence_ms =
      config->silence_ms ? (int64_t)config->silence_ms : SILENCE_DEFAULT_MS;
  m->max_attempts = config->max_attempts;
  m->callback = config->callback;
  m->user = config->user;
  m->error.operation = "";
  m->error.name = "";
  m->error.message = "";
  m->error.request_id = "";
  m->stats.millis_behind_now = KVSP_TIME_NONE;
  m->stream = kvsp_client_stream(m->client, config->stream);
  if (!m->stream) return KVSP_ERR_NOMEM;
  if (!config->after) return KVSP_OK;
  m->after = kvsp_net_strdup(&m->client->allocator, config->after);
  return m->after ? KVSP_OK : KVSP_ERR_NOMEM;
}

/* A token that is a number is that of the fragment it stands behind, which some
 * say comes again. */
static void set_position(kvsp_media *m) {
  size_t size = m->after ? strlen(m->after) + 1 : 0;
  if (size == 0 || size > NUMBER_SIZE) return;
  if (m->start == KVSP_START_AFTER) memcpy(m->seam.position, m->after, size);
  if (m->start == KVSP_START_TOKEN && consists_of(m->after, DIGITS, 128))
    memcpy(m->seam.only, m->after, size);
}

static int make_reader(kvsp_media *m, const kvsp_media_config *config) {
  kvsp_reader_config own;
  memset(&own, 0, sizeof own);
  own.struct_size = sizeof own;
  if (config->reader) own = *config->reader;
  if (own.struct_size != sizeof own) return KVSP_ERR_ARG;
  own.allocator = &m->client->allocator;
  if (!own.limits) own.limits = config->limits;
  return kvsp_reader_new(&m->reader, &own);
}

static int set_up(kvsp_media *m, const kvsp_media_config *config) {
  const kvsp_allocator *a = &m->client->allocator;
  int rc;
  kvsp_call_init(&m->call, m->client);
  kvsp_queue_init(&m->queue, a);
  rc = kvsp_seam_init(&m->seam, a, config->limits, &m->queue);
  if (rc == KVSP_OK) rc = copy_settings(m, config);
  if (rc == KVSP_OK) rc = make_reader(m, config);
  m->seam.on_fragment = on_fragment;
  m->seam.on_complete = on_complete;
  m->seam.on_lost = on_lost;
  m->seam.user = m;
  set_position(m);
  return rc;
}

static void destroy(kvsp_media *m) {
  const kvsp_allocator *a = &m->client->allocator;
  kvsp_call_free(&m->call);
  kvsp_queue_free(&m->queue);
  kvsp_seam_free(&m->seam);
  kvsp_reader_free(m->reader);
  kvsp_net_strfree(a, m->after);
  kvsp_net_release(a, m, sizeof *m);
}

static int make(kvsp_media **out, kvsp_client *client,
                const kvsp_media_config *config) {
  kvsp_media *m = kvsp_net_alloc(&client->allocator, sizeof *m);
  int rc;
  if (!m) return KVSP_ERR_NOMEM;
  m->client = client;
  rc = set_up(m, config);
  if (rc != KVSP_OK) {
    destroy(m);
    return rc;
  }
  m->next = client->readers;
  client->readers = m;
  *out = m;
  return KVSP_OK;
}

static int make_with_client(kvsp_media **out, const kvsp_media_config *config) {
  kvsp_client *client = NULL;
  int rc = kvsp_client_new(&client, NULL);
  if (rc == KVSP_OK) rc = make(out, client, config);
  if (rc != KVSP_OK) {
    kvsp_client_free(client);
    return rc;
  }
  (*out)->owns_client = true;
  return KVSP_OK;
}

int kvsp_media_new(kvsp_media **out, kvsp_client *client,
                   const kvsp_media_config *config) {
  if (!out || !config || config->struct_size != sizeof *config ||
      !config->stream || !is_stream(config->stream) || !is_start(config))
    return KVSP_ERR_ARG;
  *out = NULL;
  if (!client) return make_with_client(out, config);
  return client->busy ? KVSP_ERR_REENTRANT : make(out, client, config);
}

void kvsp_media_free(kvsp_media *m) {
  kvsp_client *own;
  kvsp_media **at;
  if (!m || m->client->busy) return;
  own = m->owns_client ? m->client : NULL;
  at = &m->client->readers;
  while (*at != m) at = &(*at)->next;
  *at = m->next;
  if (m->client->turn == m) m->client->turn = NULL;
  destroy(m);
  kvsp_client_free(own);
}

/* ---- pieces -------------------------------------------------------------- */

bool kvsp_media_is_ready(const kvsp_media *m) {
  return m->reading || kvsp_queue_has_front(&m->queue) ||
         (m->phase == PHASE_ENDED && !m->end_told);
}

void kvsp_media_release(kvsp_media *m) {
  if (m->handed) kvsp_queue_pop(&m->queue);
  m->handed = false;
}

static void fill_piece(kvsp_media *m, const struct piece *from,
                       const uint8_t *data) {
  kvsp_piece *piece = &m->piece;
  piece->data.data = data;
  piece->data.len = from->len;
  piece->offset = from->offset;
  piece->flags = from->flags;
  piece->number.data = from->number[0] ? (const uint8_t *)from->number : NULL;
  piece->number.len = strlen(from->number);
  piece->server_time_ns = from->server_time_ns;
  piece->producer_time_ns = from->producer_time_ns;
  if (from->flags & KVSP_PIECE_COMPLETE)
    memcpy(m->position, from->number, sizeof m->position);
}

/* KVSP_OK: there is one, or it ended. */
static int wait_for_piece(kvsp_media *m, int timeout_ms) {
  kvsp_media *ready;
  if (kvsp_queue_has_front(&m->queue) || m->phase == PHASE_ENDED)
    return KVSP_OK;
  return kvsp_client_drive(m->client, timeout_ms, m, &ready);
}

static int take_piece(kvsp_media *m, int timeout_ms) {
  const struct piece *first;
  const uint8_t *data = NULL;
  int rc;
  kvsp_media_release(m);
  rc = wait_for_piece(m, timeout_ms);
  if (rc != KVSP_OK) return rc;
  first = kvsp_queue_front(&m->queue, &data);
  if (!first) {
    m->end_told = true;
    return m->status;
  }
  fill_piece(m, first, data);
  m->handed = true;
  return KVSP_OK;
}

static int check_call(const kvsp_media *m, const void *out) {
  if (!m || !out) return KVSP_ERR_ARG;
  return m->client->busy ? KVSP_ERR_REENTRANT : KVSP_OK;
}

int kvsp_media_next(kvsp_media *m, int timeout_ms, const kvsp_piece **piece) {
  int rc = check_call(m, piece);
  if (rc != KVSP_OK) return rc;
  if (m->by_items) return KVSP_ERR_STATE;
  m->by_pieces = true;
  rc = take_piece(m, timeout_ms);
  m->client->taken = true;
  if (rc == KVSP_OK) *piece = &m->piece;
  return rc;
}

/* ---- items --------------------------------------------------------------- */

/* Some of the first piece into the reader's own memory: the queue may move
 * before all items of it were asked for. */
static int lend(kvsp_media *m, const struct piece *first, const uint8_t *data) {
  size_t len = first->len - m->lent;
  void *room;
  size_t capacity;
  int rc = KVSP_OK;
  if (len > 0) rc = kvsp_reader_reserve(m->reader, len, &room, &capacity);
  if (rc != KVSP_OK) return rc;
  if (len > 0) {
    if (len > capacity) len = capacity;
    memcpy(room, data + m->lent, len);
    rc = kvsp_reader_commit(m->reader, len, 0);
    if (rc != KVSP_OK) return rc;
  }
  m->reading = len > 0;
  m->lent += len;
  if (m->lent < first->len) return KVSP_OK;
  if (first->flags & KVSP_PIECE_COMPLETE)
    memcpy(m->position, first->number, sizeof m->position);
  kvsp_queue_pop(&m->queue);
  m->lent = 0;
  return KVSP_OK;
}

static const kvsp_item *gap_item(kvsp_media *m) {
  uint64_t at = kvsp_reader_offset(m->reader);
  m->gap.from = at;
  m->gap.to = at;
  m->gap.status = KVSP_ERR_TRUNCATED;
  m->gap.reason = "the connection broke, and the rest did not come again";
  m->gap.frames_lost = -1;
  m->gap.fragments_affected = 1;
  m->gap_item.type = KVSP_ITEM_GAP;
  m->gap_item.gap = &m->gap;
  return &m->gap_item;
}

/* The reader inside cannot go on: nor has a session any use. */
static int end_items(kvsp_media *m, int status) {
  kvsp_media_fail(m, status);
  kvsp_queue_free(&m->queue);
  m->status = status;
  m->reading = false;
  m->final = true;
  m->end_told = true;
  return status;
}

/* More bytes for the reader, or the end.  *item is set where it is a gap. */
static int next_input(kvsp_media *m, int timeout_ms, const kvsp_item **item) {
  const uint8_t *data = NULL;
  const struct piece *first;
  bool gap;
  int rc = wait_for_piece(m, timeout_ms);
  if (rc != KVSP_OK) return rc;
  first = kvsp_queue_front(&m->queue, &data);
  if (!first) {
    m->final = true;
    m->reading = true;
    return kvsp_reader_input(m->reader, NULL, 0, KVSP_FINAL);
  }
  gap = (first->flags & KVSP_PIECE_GAP) && m->lent == 0;
  rc = lend(m, first, data);
  if (rc != KVSP_OK) return end_items(m, rc);
  if (gap) *item = gap_item(m);
  return KVSP_OK;
}

int kvsp_media_next_item(kvsp_media *m, int timeout_ms,
                         const kvsp_item **item) {
  int rc = check_call(m, item);
  if (rc != KVSP_OK) return rc;
  if (m->by_pieces) return KVSP_ERR_STATE;
  m->by_items = true;
  m->client->taken = true;
  for (;;) {
    *item = NULL;
    if (m->reading) {
      rc = kvsp_reader_next(m->reader, item);
      if (rc == KVSP_OK) return rc;
      if (rc < 0) return end_items(m, rc);
      m->reading = false;
    }
    if (m->final) {
      m->end_told = true;
      return m->status;
    }
    rc = next_input(m, timeout_ms, item);
    if (rc != KVSP_OK || *item) return rc;
  }
}

/* ---- what is known ------------------------------------------------------- */

const kvsp_service_error *kvsp_media_error(const kvsp_media *m) {
  static const kvsp_service_error nothing = {
      .operation = "", .name = "", .message = "", .request_id = ""};
  return m ? &m->error : &nothing;
}

void *kvsp_media_user(const kvsp_media *m) {
  return m ? m->user : NULL;
}

uint32_t kvsp_media_get_state(const kvsp_media *m) {
  return m ? m->state : 0;
}

kvsp_view kvsp_media_position(const kvsp_media *m) {
  kvsp_view view = {NULL, 0};
  if (!m || !m->position[0]) return view;
  view.data = (const uint8_t *)m->position;
  view.len = strlen(m->position);
  return view;
}

/* The session at hand is counted when it is over; who asks sees it, too. */
static void add_open_session(const kvsp_media *m, kvsp_media_stats *all) {
  if (m->phase != PHASE_SESSION || m->call.transfer.status != 200) return;
  if (all->sessions > 0) all->reconnects++;
  all->sessions++;
}

int kvsp_media_get_stats(const kvsp_media *m, kvsp_media_stats *stats,
                         size_t struct_size) {
  kvsp_media_stats all;
  if (!m || !stats || struct_size == 0) return KVSP_ERR_ARG;
  all = m->stats;
  add_open_session(m, &all);
  all.fragments = m->seam.counts.fragments;
  all.dropped = m->seam.counts.dropped;
  all.resumed = m->seam.counts.resumed;
  all.lost = m->seam.counts.lost;
  all.buffered = kvsp_queue_bytes(&m->queue);
  all.arrival_after_server = kvsp_figures_spread(&m->arrival);
  all.server_after_producer = kvsp_figures_spread(&m->production);
  memset(stats, 0, struct_size);
  memcpy(stats, &all, struct_size < sizeof all ? struct_size : sizeof all);
  return KVSP_OK;
}
