/*
 * collector.c - bytes in a row, and a list that says which of them belong
 * together.  Knows nothing of Matroska.
 */
#include <kvsparse/collector.h>
#include <kvsparse/extractor.h>
#include <string.h>

#include "memory.h"

struct kvsp_collector {
  struct memory memory;
  uint8_t *bytes;
  size_t length;
  size_t capacity;
  kvsp_collected
      *pieces; /* their data has a length only: they lie in a row     */
  size_t count;
  size_t piece_capacity;
  size_t taken;     /* pieces that were fetched                              */
  size_t taken_len; /* their bytes                                           */
  uint64_t written; /* all bytes since new or reset                          */
  uint64_t segment; /* of the last bytes                                     */
  kvsp_collected shown;
};

int kvsp_collector_new(kvsp_collector **out,
                       const kvsp_collector_config *config) {
  static const kvsp_collector_config defaults = {.struct_size =
                                                     sizeof defaults};
  struct memory memory = {.max = UINT64_C(256) << 20};
  void *place;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  if (!config) config = &defaults;
  if (config->struct_size != sizeof *config) return KVSP_ERR_ARG;
  rc = kvsp_allocator_init(&memory.allocator, config->allocator);
  if (rc != KVSP_OK) return rc;
  if (config->max_memory > 0) memory.max = config->max_memory;
  rc = kvsp_memory_alloc(&memory, sizeof **out, &place);
  if (rc != KVSP_OK) return rc;
  *out = place;
  memset(*out, 0, sizeof **out);
  (*out)->memory = memory;
  return KVSP_OK;
}

void kvsp_collector_free(kvsp_collector *c) {
  struct memory memory;
  if (!c) return;
  kvsp_memory_release(&c->memory, c->bytes, c->capacity);
  kvsp_memory_release(&c->memory, c->pieces,
                      c->piece_capacity * sizeof *c->pieces);
  memory = c->memory;
  kvsp_memory_release(&memory, c, sizeof *c);
}

static void forget(kvsp_collector *c) {
  c->length = 0;
  c->count = 0;
  c->taken = 0;
  c->taken_len = 0;
}

int kvsp_collector_reset(kvsp_collector *c) {
  if (!c) return KVSP_ERR_ARG;
  forget(c);
  c->written = 0;
  c->segment = 0;
  return KVSP_OK;
}

/* Twice as much, or what the limit still allows. */
static int make_room(kvsp_collector *c, size_t len) {
  void *bytes = c->bytes;
  size_t needed = c->length + len;
  size_t wanted = needed > SIZE_MAX / 2 ? needed : needed * 2;
  int rc;
  if (needed < len) return KVSP_ERR_LIMIT_MEMORY;
  if (needed <= c->capacity) return KVSP_OK;
  rc = kvsp_memory_resize(&c->memory, &bytes, c->capacity, wanted);
  if (rc == KVSP_ERR_LIMIT_MEMORY) {
    wanted = needed;
    rc = kvsp_memory_resize(&c->memory, &bytes, c->capacity, wanted);
  }
  if (rc != KVSP_OK) return rc;
  c->bytes = bytes;
  c->capacity = wanted;
  return KVSP_OK;
}

/* Room for a piece more and its bytes; what was fetched makes room first. */
static int prepare(kvsp_collector *c, const void *data, size_t len) {
  void *pieces;
  int rc;
  if (!c || (!data && len > 0)) return KVSP_ERR_ARG;
  if (c->taken == c->count) forget(c);
  pieces = c->pieces;
  rc = kvsp_memory_grow(&c->memory, &pieces, &c->piece_capacity, c->count,
                        sizeof *c->pieces);
  c->pieces = pieces;
  return rc == KVSP_OK ? make_room(c, len) : rc;
}

static void append(kvsp_collector *c, const void *data, size_t len) {
  if (len > 0) memcpy(c->bytes + c->length, data, len);
  c->length += len;
  c->written += len;
}

/* NULL when the last piece was fetched, or ends elsewhere. */
static kvsp_collected *last_ending_at(kvsp_collector *c, uint64_t offset) {
  kvsp_collected *last;
  if (c->taken == c->count) return NULL;
  last = &c->pieces[c->count - 1];
  return last->offset + last->data.len == offset ? last : NULL;
}

static kvsp_collected *add_piece(kvsp_collector *c, uint64_t offset) {
  kvsp_collected *piece = &c->pieces[c->count++];
  memset(piece, 0, sizeof *piece);
  piece->offset = offset;
  piece->segment = c->segment;
  piece->producer_time_ns = KVSP_TIME_NONE;
  piece->pts_ns = KVSP_TIME_NONE;
  return piece;
}

static kvsp_collected *begin_segment(kvsp_collector *c,
                                     const kvsp_merge_segment *segment) {
  kvsp_collected *piece;
  c->segment = segment->index;
  piece = add_piece(c, c->written);
  piece->reason = segment->reason;
  piece->fragment_index = segment->fragment->index;
  piece->producer_time_ns = segment->fragment->producer_time_ns;
  return piece;
}

int kvsp_collect_merge(void *collector, const void *data, size_t len,
                       const kvsp_merge_segment *segment) {
  kvsp_collector *c = collector;
  kvsp_collected *piece;
  int rc = prepare(c, data, len);
  if (rc != KVSP_OK) return rc;
  piece = segment ? begin_segment(c, segment) : last_ending_at(c, c->written);
  if (!piece) piece = add_piece(c, c->written);
  piece->data.len += len;
  append(c, data, len);
  return KVSP_OK;
}

int kvsp_collect_write(void *collector, uint64_t offset, const void *data,
                       size_t len) {
  kvsp_collector *c = collector;
  kvsp_collected *piece;
  int rc = prepare(c, data, len);
  if (rc != KVSP_OK) return rc;
  piece = last_ending_at(c, offset);
  if (!piece) piece = add_piece(c, offset);
  piece->data.len += len;
  append(c, data, len);
  return KVSP_OK;
}

int kvsp_collect_extract(void *collector, const kvsp_extract *extract) {
  kvsp_collector *c = collector;
  kvsp_collected *piece;
  int rc;
  if (!extract) return KVSP_ERR_ARG;
  rc = prepare(c, extract->data.data, extract->data.len);
  if (rc != KVSP_OK) return rc;
  piece = add_piece(c, c->written);
  piece->flags = extract->flags;
  piece->pts_ns = extract->pts_ns;
  piece->sample_rate = extract->sample_rate;
  piece->channels = extract->channels;
  piece->data.len = extract->data.len;
  append(c, extract->data.data, extract->data.len);
  return KVSP_OK;
}

int kvsp_collector_next(kvsp_collector *c, const kvsp_collected **piece) {
  if (piece) *piece = NULL;
  if (!c || !piece) return KVSP_ERR_ARG;
  if (c->taken == c->count) return KVSP_END;
  c->shown = c->pieces[c->taken++];
  if (c->shown.data.len > 0) c->shown.data.data = c->bytes + c->taken_len;
  c->taken_len += c->shown.data.len;
  *piece = &c->shown;
  return KVSP_OK;
}
