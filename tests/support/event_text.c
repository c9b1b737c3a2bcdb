#include "event_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "event_text: %s\n", what);
  abort();
}

__attribute__((format(printf, 2, 3))) static void add(struct event_text *r,
                                                      const char *format, ...) {
  char line[256];
  va_list arguments;
  int n;
  va_start(arguments, format);
  n = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  require(n >= 0 && (size_t)n < sizeof line, "a line is too long");
  bytes_append(&r->text, line, (size_t)n);
}

/* FNV-1a. */
static uint64_t checksum(const uint8_t *data, size_t len) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325);
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ data[i]) * UINT64_C(0x100000001B3);
  return hash;
}

static void add_payload(struct event_text *r, const uint8_t *data, size_t len) {
  if (len > 16) {
    add(r, " #%016" PRIX64, checksum(data, len));
    return;
  }
  if (len > 0) add(r, " ");
  for (size_t i = 0; i < len; i++) add(r, "%02X", data[i]);
}

static void add_name(struct event_text *r, const kvsp_event *e) {
  if (e->info)
    add(r, "%s", e->info->name);
  else
    add(r, "0x%" PRIX64, e->id);
}

static void add_head(struct event_text *r, const kvsp_event *e) {
  add(r, "%*s%s", (int)e->depth * 2, "",
      e->flags & KVSP_EVENT_MISPLACED ? "!" : "");
  add_name(r, e);
  add(r, " @%" PRIu64 " %" PRIu32 "+", e->offset, e->header_size);
  if (e->size == KVSP_SIZE_UNKNOWN)
    add(r, "?");
  else
    add(r, "%" PRIu64, e->size);
}

static void begin_blob(struct event_text *r, uint64_t at) {
  r->blob_open = 1;
  r->blob_next = at;
  r->blob.len = 0;
}

static void add_piece(struct event_text *r, const kvsp_event *e) {
  if (!r->blob_open) /* a master that is collected */
    begin_blob(r, e->offset + e->header_size);
  require(e->data.len > 0, "an empty piece of a blob");
  require(e->data_offset == r->blob_next, "pieces of a blob do not follow");
  bytes_append(&r->blob, e->data.data, e->data.len);
  r->blob_next += e->data.len;
  r->pieces++;
}

/* Of a blob that was skipped, what came of it. */
static void end_blob(struct event_text *r, const kvsp_event *e) {
  if (r->blob.len < e->size) add(r, " (%zu)", r->blob.len);
  add_payload(r, r->blob.data, r->blob.len);
  r->blob_open = 0;
}

static void check_end(const kvsp_event *e) {
  require(e->size == KVSP_SIZE_UNKNOWN ||
              e->data_offset <= e->offset + e->header_size + e->size,
          "an element ends beyond its size");
  require(e->data.len == 0, "an end has data");
}

void event_text_add(struct event_text *r, const kvsp_event *e) {
  uint64_t payload = e->offset + e->header_size;
  require(e->info == kvsp_element_by_id(e->id), "info is not the ID's");
  r->events++;
  switch (e->type) {
    case KVSP_EVENT_MASTER_BEGIN:
      require(e->data_offset == payload && e->data.len == 0, "MASTER_BEGIN");
      add_head(r, e);
      add(r, " {\n");
      break;
    case KVSP_EVENT_MASTER_END:
      check_end(e);
      add(r, "%*s}", (int)e->depth * 2, "");
      if (r->blob_open) end_blob(r, e);
      add(r, " ");
      add_name(r, e);
      add(r, " %" PRIu64 "\n", e->data_offset);
      break;
    case KVSP_EVENT_VALUE:
      require(e->data_offset == payload && e->data.len == e->size, "VALUE");
      add_head(r, e);
      add(r, " =");
      add_payload(r, e->data.data, e->data.len);
      add(r, "\n");
      break;
    case KVSP_EVENT_BLOB_BEGIN:
      require(e->data_offset == payload && e->data.len == 0, "BLOB_BEGIN");
      add_head(r, e);
      add(r, " [");
      begin_blob(r, payload);
      break;
    case KVSP_EVENT_BLOB_DATA: add_piece(r, e); break;
    case KVSP_EVENT_BLOB_END:
      check_end(e);
      end_blob(r, e);
      add(r, " ] %" PRIu64 "\n", e->data_offset);
      break;
    default: require(0, "an event of no known type");
  }
}

void event_text_note(struct event_text *r, const char *line) {
  add(r, "%s\n", line);
}

const char *event_text_get(struct event_text *r) {
  bytes_append(&r->text, "", 1);
  r->text.len--;
  return (const char *)r->text.data;
}

void event_text_free(struct event_text *r) {
  bytes_free(&r->text);
  bytes_free(&r->blob);
  memset(r, 0, sizeof *r);
}

/* ---- feeding ------------------------------------------------------------- */

struct feeder {
  const struct feed *feed;
  const struct bytes *data;
  size_t fed;
  uint8_t *guarded; /* the piece that is lent                               */
  size_t guarded_len;
};

static void drop_piece(struct feeder *f) {
  guard_take_back(f->guarded, f->guarded_len);
  f->guarded = NULL;
}

static int commit_piece(struct feeder *f, kvsp_tokenizer *t, size_t len,
                        unsigned *flags) {
  size_t capacity = 0;
  void *room = NULL;
  int rc = kvsp_tokenizer_reserve(t, len, &room, &capacity);
  if (rc != KVSP_OK) return rc;
  require(room != NULL && capacity > 0, "reserve gave no room");
  if (len > capacity) {
    len = capacity;
    *flags = 0;
  }
  memset(room, 0xEE, capacity);
  if (len > 0) memcpy(room, f->data->data + f->fed, len);
  rc = kvsp_tokenizer_commit(t, len, *flags);
  if (rc == KVSP_OK) f->fed += len;
  return rc;
}

static int lend_piece(struct feeder *f, kvsp_tokenizer *t, size_t len,
                      unsigned flags) {
  const uint8_t *piece = len > 0 ? f->data->data + f->fed : NULL;
  int rc;
  if (f->feed->how == FEED_LEND) {
    f->guarded = guard_lend(piece, len);
    f->guarded_len = len;
    piece = f->guarded;
  }
  rc = kvsp_tokenizer_input(t, piece, len, flags);
  if (rc == KVSP_OK) f->fed += len;
  return rc;
}

/* KVSP_END here: all was given, and the stream stays open. */
static int feed_piece(struct feeder *f, kvsp_tokenizer *t) {
  size_t left = f->data->len - f->fed;
  size_t len = f->feed->piece && f->feed->piece < left ? f->feed->piece : left;
  unsigned flags = len == left && !f->feed->stay_open ? KVSP_FINAL : 0;
  drop_piece(f);
  if (left == 0 && f->feed->stay_open) return KVSP_END;
  if (f->feed->how == FEED_COMMIT) return commit_piece(f, t, len, &flags);
  return lend_piece(f, t, len, flags);
}

static int on_event(struct event_text *r, struct feeder *f, kvsp_tokenizer *t,
                    const kvsp_event *e) {
  if (r) event_text_add(r, e);
  return f->feed->hook ? f->feed->hook(f->feed->user, t, e, f->fed) : KVSP_OK;
}

static int on_status(struct feeder *f, kvsp_tokenizer *t, int status) {
  if (status == KVSP_END || !f->feed->on_error) return status;
  return f->feed->on_error(f->feed->user, t, status);
}

int event_text_run(struct event_text *r, kvsp_tokenizer *t,
                   const struct bytes *data, const struct feed *feed) {
  struct feeder f = {feed, data, 0, NULL, 0};
  const kvsp_event *e = NULL;
  int rc = KVSP_OK;
  while (rc == KVSP_OK) {
    rc = kvsp_tokenizer_next(t, &e);
    require((rc == KVSP_OK) == (e != NULL), "an event without KVSP_OK");
    if (rc == KVSP_OK) {
      rc = on_event(r, &f, t, e);
    } else if (rc == KVSP_NEED_INPUT) {
      rc = feed_piece(&f, t);
      if (rc == KVSP_END)
        rc = KVSP_NEED_INPUT;
      else if (rc < 0)
        rc = on_status(&f, t, rc);
      if (rc == KVSP_NEED_INPUT) break;
    } else {
      rc = on_status(&f, t, rc);
    }
  }
  drop_piece(&f);
  return rc;
}
