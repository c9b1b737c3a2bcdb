#include "queue.h"

#include <string.h>

/* What stays allocated when everything was read. */
#define KEEP ((size_t)256 << 10)

void kvsp_queue_init(struct queue *q, const kvsp_allocator *a) {
  memset(q, 0, sizeof *q);
  q->allocator = a;
}

void kvsp_queue_free(struct queue *q) {
  kvsp_net_release(q->allocator, q->data, q->capacity);
  kvsp_net_release(q->allocator, q->pieces,
                   q->piece_capacity * sizeof *q->pieces);
  q->data = NULL;
  q->pieces = NULL;
  q->capacity = 0;
  q->piece_capacity = 0;
  q->begin = q->end = q->first = q->count = 0;
}

static int piece_room(struct queue *q) {
  size_t wanted = q->piece_capacity ? q->piece_capacity * 2 : 8;
  struct piece *grown;
  if (q->first > 0 && q->first + q->count == q->piece_capacity) {
    memmove(q->pieces, q->pieces + q->first, q->count * sizeof *q->pieces);
    q->first = 0;
  }
  if (q->count < q->piece_capacity) return KVSP_OK;
  grown = kvsp_net_alloc(q->allocator, wanted * sizeof *grown);
  if (!grown) return KVSP_ERR_NOMEM;
  if (q->count > 0) memcpy(grown, q->pieces, q->count * sizeof *grown);
  kvsp_net_release(q->allocator, q->pieces,
                   q->piece_capacity * sizeof *q->pieces);
  q->pieces = grown;
  q->piece_capacity = wanted;
  return KVSP_OK;
}

struct piece *kvsp_queue_begin(struct queue *q, const struct piece *piece) {
  struct piece *added;
  if (piece_room(q) != KVSP_OK) return NULL;
  added = &q->pieces[q->first + q->count++];
  *added = *piece;
  added->len = 0;
  added->offset = q->offset;
  return added;
}

struct piece *kvsp_queue_last(struct queue *q) {
  return q->count > 0 ? &q->pieces[q->first + q->count - 1] : NULL;
}

/* Moved to the front where half of the room is free there, so that what is
 * moved was paid for by what was read. */
static int byte_room(struct queue *q, size_t len) {
  size_t held = q->end - q->begin;
  size_t wanted = q->capacity ? q->capacity : 16384;
  uint8_t *grown;
  if (len <= q->capacity - q->end) return KVSP_OK;
  if (q->begin >= held && len <= q->capacity - held) {
    memmove(q->data, q->data + q->begin, held);
    q->begin = 0;
    q->end = held;
    return KVSP_OK;
  }
  if (len > SIZE_MAX / 4 - held) return KVSP_ERR_NOMEM;
  while (wanted < held + len) wanted *= 2;
  grown = q->allocator->alloc(q->allocator->user, wanted);
  if (!grown) return KVSP_ERR_NOMEM;
  if (held > 0) memcpy(grown, q->data + q->begin, held);
  kvsp_net_release(q->allocator, q->data, q->capacity);
  q->data = grown;
  q->capacity = wanted;
  q->begin = 0;
  q->end = held;
  return KVSP_OK;
}

int kvsp_queue_append(struct queue *q, const void *data, size_t len) {
  int rc;
  if (len == 0) return KVSP_OK;
  rc = byte_room(q, len);
  if (rc != KVSP_OK) return rc;
  memcpy(q->data + q->end, data, len);
  q->end += len;
  q->offset += len;
  kvsp_queue_last(q)->len += len;
  return KVSP_OK;
}

size_t kvsp_queue_bytes(const struct queue *q) {
  return q->end - q->begin;
}

static void forget_empty(struct queue *q) {
  if (q->begin != q->end) return;
  q->begin = 0;
  q->end = 0;
  if (q->capacity <= KEEP) return;
  kvsp_net_release(q->allocator, q->data, q->capacity);
  q->data = NULL;
  q->capacity = 0;
}

bool kvsp_queue_has_front(const struct queue *q) {
  const struct piece *piece;
  if (q->count == 0) return false;
  piece = q->pieces + q->first;
  return piece->len > 0 || piece->flags != 0;
}

const struct piece *kvsp_queue_front(struct queue *q, const uint8_t **data) {
  const struct piece *piece;
  if (!kvsp_queue_has_front(q)) return NULL;
  piece = q->pieces + q->first;
  *data = piece->len > 0 ? q->data + q->begin : NULL;
  return piece;
}

void kvsp_queue_pop(struct queue *q) {
  q->begin += q->pieces[q->first].len;
  q->first++;
  q->count--;
  if (q->count == 0) q->first = 0;
  forget_empty(q);
}
