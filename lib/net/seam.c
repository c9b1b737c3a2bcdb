#include "seam.h"

#include <stdio.h>
#include <string.h>

/* ---- digests ------------------------------------------------------------- */

static void add_word(struct digest *d, const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  word = (d->hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
  d->hash = word ^ word >> 32;
}

/* So many bytes that a word is full, or all. */
static size_t fill_rest(struct digest *d, const uint8_t *data, size_t len) {
  size_t used = d->len % sizeof d->rest;
  size_t room = sizeof d->rest - used;
  if (len > room) len = room;
  memcpy(d->rest + used, data, len);
  d->len += len;
  if (len < room) return len;
  add_word(d, d->rest);
  memset(d->rest, 0, sizeof d->rest);
  return len;
}

static void add_bytes(struct digest *d, const uint8_t *data, size_t len) {
  size_t at = 0;
  if (d->len % sizeof d->rest > 0) at = fill_rest(d, data, len);
  for (; len - at >= sizeof d->rest; at += sizeof d->rest) {
    add_word(d, data + at);
    d->len += sizeof d->rest;
  }
  if (at < len) fill_rest(d, data + at, len - at);
}

static bool is_same(const struct digest *a, const struct digest *b) {
  return a->hash == b->hash && a->len == b->len &&
         memcmp(a->rest, b->rest, sizeof a->rest) == 0;
}

/* ---- made and freed ------------------------------------------------------ */

int kvsp_seam_init(struct seam *s, const kvsp_allocator *a,
                   const kvsp_limits *limits, struct queue *queue) {
  kvsp_reader_config config;
  memset(s, 0, sizeof *s);
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.allocator = a;
  config.limits = limits;
  s->allocator = a;
  s->queue = queue;
  s->hold_max =
      limits && limits->max_frame ? limits->max_frame : (uint64_t)64 << 20;
  s->hold_max += (uint64_t)4 << 20;
  return kvsp_reader_new(&s->reader, &config);
}

void kvsp_seam_free(struct seam *s) {
  kvsp_reader_free(s->reader);
  kvsp_net_release(s->allocator, s->hold, s->hold_capacity);
  s->reader = NULL;
  s->hold = NULL;
  s->hold_capacity = 0;
}

int kvsp_seam_open(struct seam *s) {
  s->hold_len = 0;
  s->hold_offset = 0;
  s->dropped_to = 0;
  s->mode = SEAM_UNDECIDED;
  s->complete = false;
  s->begun = false;
  s->closing = false;
  s->ragged = false;
  memset(&s->document, 0, sizeof s->document);
  s->error_id = 0;
  s->error_code[0] = '\0';
  s->current.number[0] = '\0';
  return kvsp_reader_reset(s->reader);
}

/* ---- out of the hold ----------------------------------------------------- */

static void take_off(struct seam *s, size_t len) {
  s->hold_len -= len;
  s->hold_offset += len;
  if (s->hold_len > 0) memmove(s->hold, s->hold + len, s->hold_len);
}

/* A piece that more bytes of the document may go to. */
static int open_piece(struct seam *s) {
  struct piece *last = kvsp_queue_last(s->queue);
  struct piece piece = s->document;
  if (s->begun && last && !(last->flags & KVSP_PIECE_COMPLETE) && !s->gap)
    return KVSP_OK;
  piece.flags = s->begun ? 0 : KVSP_PIECE_BEGIN;
  if (s->gap) piece.flags |= KVSP_PIECE_GAP;
  if (!kvsp_queue_begin(s->queue, &piece)) return KVSP_ERR_NOMEM;
  s->begun = true;
  s->gap = false;
  return KVSP_OK;
}

static int deliver(struct seam *s, size_t len) {
  int rc;
  if (len == 0) return KVSP_OK;
  rc = open_piece(s);
  if (rc == KVSP_OK) rc = kvsp_queue_append(s->queue, s->hold, len);
  if (rc != KVSP_OK) return rc;
  add_bytes(&s->current.digest, s->hold, len);
  return KVSP_OK;
}

static void lose_cut(struct seam *s) {
  if (s->on_lost) s->on_lost(s->user, s->cut.number);
  memcpy(s->position, s->cut.number, sizeof s->position);
  s->cut.number[0] = '\0';
  s->gap = true;
  s->counts.lost++;
}

/* It began inside of a broken one that was dropped, as was seen too late. */
static void lose_headless(struct seam *s) {
  s->mode = SEAM_DROP;
  s->gap = true;
  s->counts.lost++;
  if (s->document.number[0] == '\0') return;
  if (s->on_lost) s->on_lost(s->user, s->document.number);
  memcpy(s->position, s->document.number, sizeof s->position);
}

/* All that was delivered before has come again: it is the same or is not. */
static void finish_comparing(struct seam *s) {
  if (!is_same(&s->compared, &s->cut.digest)) {
    s->mode = SEAM_DROP;
    lose_cut(s);
    return;
  }
  s->mode = SEAM_DELIVER;
  s->begun = true;
  s->current = s->cut;
  s->cut.number[0] = '\0';
  s->counts.resumed++;
}

static size_t compare(struct seam *s, size_t len) {
  uint64_t left = s->cut.digest.len - s->compared.len;
  if (len > left) len = (size_t)left;
  add_bytes(&s->compared, s->hold, len);
  if (s->compared.len == s->cut.digest.len) finish_comparing(s);
  return len;
}

/* Bytes up to that offset of the session: as the document's mode says. */
static int flush(struct seam *s, uint64_t offset) {
  while (s->hold_len > 0 && offset > s->hold_offset &&
         s->mode != SEAM_UNDECIDED) {
    size_t len = s->hold_len;
    int rc = KVSP_OK;
    if (offset - s->hold_offset < len) len = (size_t)(offset - s->hold_offset);
    if (s->mode == SEAM_RESUME)
      len = compare(s, len);
    else if (s->mode == SEAM_DELIVER)
      rc = deliver(s, len);
    if (rc != KVSP_OK) return rc;
    take_off(s, len);
    if (s->mode == SEAM_DROP) s->dropped_to = s->hold_offset;
  }
  return KVSP_OK;
}

/* ---- what the reader finds ----------------------------------------------- */

static kvsp_view view_of(const char *text) {
  kvsp_view view = {(const uint8_t *)text, strlen(text)};
  return view;
}

static void copy_number(char *out, kvsp_view number) {
  size_t len = number.len < NUMBER_SIZE ? number.len : 0;
  if (len > 0) memcpy(out, number.data, len);
  out[len] = '\0';
}

static int compare_numbers(const char *a, const char *b) {
  return kvsp_fragment_number_compare(view_of(a), view_of(b));
}

/* 3002, 4503 and 5000 pass; after 4000 the service goes on by itself. */
static bool passes(uint32_t error_id) {
  return error_id == 3002 || error_id == 4503 || error_id == 5000;
}

static void note_error(struct seam *s, const kvsp_fragment *f) {
  size_t len = f->error_code.len;
  s->error_id = f->error_id;
  if (len >= sizeof s->error_code) len = sizeof s->error_code - 1;
  for (size_t i = 0; i < len; i++)
    s->error_code[i] =
        (char)(f->error_code.data[i] < ' ' ? '?' : f->error_code.data[i]);
  s->error_code[len] = '\0';
}

static bool was_there(const struct seam *s, const char *number) {
  if (s->position[0] && compare_numbers(number, s->position) <= 0) return true;
  return s->only[0] && compare_numbers(number, s->only) == 0;
}

static enum seam_mode decide(struct seam *s, const kvsp_fragment *f) {
  const char *number = s->document.number;
  if (f->error_id != 0 && f->error_id != 4000) note_error(s, f);
  if (f->error_id != 0 && passes(f->error_id)) return SEAM_DROP;
  if (number[0] == '\0') return SEAM_DELIVER;
  if (was_there(s, number)) {
    s->counts.dropped++;
    return SEAM_DROP;
  }
  if (s->cut.number[0] == '\0') return SEAM_DELIVER;
  if (compare_numbers(number, s->cut.number) == 0) return SEAM_RESUME;
  lose_cut(s);
  return was_there(s, number) ? SEAM_DROP : SEAM_DELIVER;
}

static int on_fragment(struct seam *s, const kvsp_fragment *f) {
  memset(&s->document, 0, sizeof s->document);
  copy_number(s->document.number, f->number);
  s->document.server_time_ns = f->server_time_ns;
  s->document.producer_time_ns = f->producer_time_ns;
  s->document.millis_behind_now = KVSP_TIME_NONE;
  s->complete = false;
  s->begun = false;
  memcpy(s->current.number, s->document.number, sizeof s->current.number);
  s->current.server_time_ns = f->server_time_ns;
  memset(&s->current.digest, 0, sizeof s->current.digest);
  memset(&s->compared, 0, sizeof s->compared);
  s->mode = decide(s, f);
  if (s->mode == SEAM_DELIVER && f->offset < s->dropped_to) lose_headless(s);
  if (s->on_fragment && s->mode == SEAM_DELIVER) s->on_fragment(s->user, f);
  return KVSP_OK;
}

/* The fragment at hand is whole: a next session begins behind it. */
static int note_complete(struct seam *s, const kvsp_fragment *f) {
  struct piece *last;
  int rc;
  if (s->complete || s->mode == SEAM_DROP) return KVSP_OK;
  s->complete = true;
  /* What comes now is shorter than what was delivered: other bytes. */
  if (s->mode == SEAM_RESUME) {
    lose_cut(s);
    s->mode = SEAM_DROP;
    return KVSP_OK;
  }
  if (s->document.number[0])
    memcpy(s->position, s->document.number, sizeof s->position);
  s->counts.fragments++;
  if (s->on_complete) s->on_complete(s->user, f);
  last = kvsp_queue_last(s->queue);
  if (!last || !s->begun || (last->flags & KVSP_PIECE_COMPLETE)) {
    rc = open_piece(s);
    if (rc != KVSP_OK) return rc;
    last = kvsp_queue_last(s->queue);
  }
  last->flags |= KVSP_PIECE_COMPLETE;
  last->millis_behind_now = f->millis_behind_now;
  return KVSP_OK;
}

static int on_tags(struct seam *s, const kvsp_fragment *f) {
  int rc;
  if (!(f->flags & KVSP_FRAGMENT_COMPLETE) || s->complete) return KVSP_OK;
  rc = flush(s, kvsp_reader_offset(s->reader));
  return rc == KVSP_OK ? note_complete(s, f) : rc;
}

/* A document that another one follows is whole, tail tags or not. */
static int on_end(struct seam *s, const kvsp_fragment *f) {
  int rc = KVSP_OK;
  if (s->closing) return KVSP_OK;
  rc = flush(s, f->offset + f->size);
  if (rc == KVSP_OK) rc = note_complete(s, f);
  s->mode = SEAM_UNDECIDED;
  s->current.number[0] = '\0';
  return rc;
}

static int on_item(struct seam *s, const kvsp_item *item) {
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT: return on_fragment(s, item->fragment);
    case KVSP_ITEM_TAGS: return on_tags(s, item->fragment);
    case KVSP_ITEM_FRAGMENT_END: return on_end(s, item->fragment);
    default: return KVSP_OK;
  }
}

/* ---- into it ------------------------------------------------------------- */

static int keep(struct seam *s, const void *data, size_t len) {
  size_t wanted = s->hold_capacity ? s->hold_capacity : 32768;
  uint8_t *grown;
  if (len > s->hold_max || s->hold_len > s->hold_max - len)
    return KVSP_ERR_LIMIT_MEMORY;
  while (wanted < s->hold_len + len) wanted *= 2;
  if (wanted > s->hold_capacity) {
    grown = s->allocator->alloc(s->allocator->user, wanted);
    if (!grown) return KVSP_ERR_NOMEM;
    if (s->hold_len > 0) memcpy(grown, s->hold, s->hold_len);
    kvsp_net_release(s->allocator, s->hold, s->hold_capacity);
    s->hold = grown;
    s->hold_capacity = wanted;
  }
  memcpy(s->hold + s->hold_len, data, len);
  s->hold_len += len;
  return KVSP_OK;
}

static int read_items(struct seam *s) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(s->reader, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(s->reader, &item)) {
    int status = on_item(s, item);
    if (status != KVSP_OK) return status;
  }
  return rc == KVSP_NEED_INPUT || rc == KVSP_END ? KVSP_OK : rc;
}

int kvsp_seam_feed(struct seam *s, const void *data, size_t len) {
  int rc;
  s->counts.bytes += len;
  rc = keep(s, data, len);
  if (rc == KVSP_OK) rc = kvsp_reader_input(s->reader, data, len, 0);
  if (rc == KVSP_OK) rc = read_items(s);
  /* Behind its tail tags the next document may have begun. */
  if (rc == KVSP_OK && !s->complete)
    rc = flush(s, kvsp_reader_offset(s->reader));
  return rc;
}

/* A document that has no Cluster is known only now.  Without a number it could
 * not be told from the one that comes again. */
static int flush_late(struct seam *s, uint64_t looked_at) {
  if (s->error_id != 0) return flush(s, UINT64_MAX);
  if (s->complete || s->document.number[0] == '\0') return KVSP_OK;
  return flush(s, looked_at);
}

int kvsp_seam_close(struct seam *s) {
  uint64_t looked_at = kvsp_reader_offset(s->reader);
  int rc;
  s->closing = true;
  rc = kvsp_reader_input(s->reader, NULL, 0, KVSP_FINAL);
  if (rc == KVSP_OK) rc = read_items(s);
  if (rc == KVSP_OK) rc = flush_late(s, looked_at);
  s->ragged = s->hold_len > 0 || s->mode == SEAM_RESUME;
  if (s->mode == SEAM_DELIVER && !s->complete && s->current.number[0] &&
      s->current.digest.len > 0)
    s->cut = s->current;
  s->hold_len = 0;
  s->mode = SEAM_UNDECIDED;
  return rc;
}
