/*
 * backoff.h - how long to wait before the next call.  Pure: what time it is
 * and what chance there is, it is told.
 */
#ifndef KVSP_NET_BACKOFF_H
#define KVSP_NET_BACKOFF_H

#include <stdint.h>

/* A generator of its own for each object (xorshift): spread, not secret. */
uint64_t kvsp_random_seed(const void *object);
uint64_t kvsp_random_next(uint64_t *state);

enum backoff_kind {
  BACKOFF_FAULT,    /* no connection, a fault of the service               */
  BACKOFF_THROTTLE, /* the service asks for fewer calls or readers         */
  BACKOFF_IDLE      /* nothing went wrong, and nothing came                */
};

/* The most that a wait can be, whatever went before. */
#define BACKOFF_MAX_MS 20000
#define BACKOFF_IDLE_MAX_MS 3000

/*
 * Milliseconds to wait after so many calls in a row (1: the first) that brought
 * nothing: a chance part, between a quarter and all, of a span that doubles
 * from 100 ms for a fault, 1 s for throttling and 250 ms for idleness.
 */
int64_t kvsp_backoff_ms(enum backoff_kind kind, unsigned attempt,
                        uint64_t *random);

/* No more than five calls a second for one stream: each gets a slot. */
#define CALL_SPACING_MS 200
struct call_gate {
  int64_t next_ms; /* of kvsp_clock_ms: not before                         */
};
/* How long a call has to wait that would be made now; 0: go, the slot is
 * taken. */
int64_t kvsp_gate_take(struct call_gate *gate, int64_t now_ms);

/*
 * GetMediaForFragmentList costs a point for each fragment that it asks for, of
 * 500 a second, which all callers of one stream share.  How long a call has to
 * wait; 0: go, its points are taken.  In any second there are no more than 500,
 * unless one call alone asks for more: the next one waits the longer.
 */
#define MEDIA_POINTS_A_SECOND 500
int64_t kvsp_points_take(struct call_gate *gate, unsigned points,
                         int64_t now_ms);

#endif
