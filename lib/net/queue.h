/*
 * queue.h - bytes that wait for whoever reads them, in pieces, each with what
 * is known of it.  Knows nothing of what the bytes are.
 */
#ifndef KVSP_NET_QUEUE_H
#define KVSP_NET_QUEUE_H

#include <stdbool.h>

#include "net_memory.h"

/* Fragment numbers have at most 128 digits. */
#define NUMBER_SIZE 129

struct piece {
  size_t len;
  uint64_t offset; /* in what was given out since the queue was made       */
  uint32_t flags;  /* KVSP_PIECE_*                                         */
  int64_t server_time_ns;
  int64_t producer_time_ns;
  int64_t millis_behind_now;
  char number[NUMBER_SIZE]; /* "": it has none                             */
};

struct queue {
  const kvsp_allocator *allocator;
  uint8_t *data;
  size_t begin;
  size_t end;
  size_t capacity;
  struct piece *pieces;
  size_t first; /* of pieces                                               */
  size_t count;
  size_t piece_capacity;
  uint64_t offset; /* of the next byte that comes in                       */
};

void kvsp_queue_init(struct queue *q, const kvsp_allocator *a);
void kvsp_queue_free(struct queue *q);
/* A piece behind the others, empty as yet.  NULL: no memory. */
struct piece *kvsp_queue_begin(struct queue *q, const struct piece *piece);
/* The last piece; NULL: there is none. */
struct piece *kvsp_queue_last(struct queue *q);
/* Bytes to the last piece.  KVSP_OK, KVSP_ERR_NOMEM. */
int kvsp_queue_append(struct queue *q, const void *data, size_t len);
/* Bytes that wait. */
size_t kvsp_queue_bytes(const struct queue *q);
/* Whether there is a piece to be read. */
bool kvsp_queue_has_front(const struct queue *q);
/* The first piece and its bytes, valid until the next call; NULL: there is
 * none with bytes or flags. */
const struct piece *kvsp_queue_front(struct queue *q, const uint8_t **data);
/* It is used up. */
void kvsp_queue_pop(struct queue *q);

#endif
