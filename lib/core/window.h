/*
 * window.h - the bytes of a stream that are at hand, as one row: those kept in
 * our own storage (the carry), then those the caller has lent.  Makes any
 * number of them contiguous on request, copying only what is split, each byte
 * once; and keeps bytes that were passed already, where somebody may want to
 * go back.  Knows offsets and nothing of what the bytes mean.
 */
#ifndef KVSP_CORE_WINDOW_H
#define KVSP_CORE_WINDOW_H

#include <stdbool.h>

#include "buffer.h"

/* No byte is kept for going back. */
#define WINDOW_NO_HOLD UINT64_MAX

struct window {
  struct memory *memory;
  uint64_t offset;   /* in the stream, of the next byte */
  const uint8_t *at; /* the bytes in a row from there: window_view */
  size_t left;

  const uint8_t *lent; /* the caller's piece */
  size_t lent_len;
  uint64_t lent_base; /* the offset of its first byte */
  kvsp_buf *carry;    /* may be NULL: nothing was split yet */
  size_t carry_begin; /* its bytes [carry_begin, carry_end) are kept ... */
  size_t carry_end;
  uint64_t carry_base; /* ... and the first of them has this offset */
  size_t carry_most;   /* that it held since the last kvsp_window_trim */
  size_t largest;      /* element that was waited for, for what is reserved */

  uint64_t hold;   /* bytes from here on are kept, or WINDOW_NO_HOLD */
  size_t needed;   /* what window_need last asked for in vain, else 0 */
  size_t reserved; /* room handed out by kvsp_window_reserve, else 0 */
  bool final;      /* nothing follows what is at hand */
  uint64_t fed;
  uint64_t copied;
  /* Sees the bytes that are taken; may be NULL. */
  void (*observer)(void *user, uint64_t offset, const uint8_t *bytes,
                   size_t len);
  void *observer_user;
  uint64_t looked; /* bytes examined, to be counted by the tokenizer */
};

void kvsp_window_init(struct window *w, struct memory *memory);
/* Gives back all storage; the window is as after window_init. */
void kvsp_window_clear(struct window *w);
/* Called now and then, gives back the carry's storage when nothing in it is
 * wanted and it has become too large for what it is used for. */
void kvsp_window_trim(struct window *w);
/* Gives back all storage that what is wanted does not need; moves that.
 * KVSP_OK; KVSP_ERR_NOMEM, then all is as it was. */
int kvsp_window_shrink(struct window *w);

/* KVSP_OK; KVSP_ERR_STATE when lent bytes are left, room is reserved, or the
 * end was announced. */
int kvsp_window_lend(struct window *w, const void *data, size_t len,
                     bool final);
int kvsp_window_reserve(struct window *w, size_t want, void **data,
                        size_t *capacity);
int kvsp_window_commit(struct window *w, size_t len, bool final);

/* Bytes in a row at hand, without copying. */
static inline kvsp_view window_view(const struct window *w) {
  kvsp_view v = {w->at, w->left};
  return v;
}

/* Makes n bytes contiguous.  KVSP_OK; KVSP_NEED_INPUT (all lent bytes are in
 * the carry now); KVSP_END when that many will never come; KVSP_ERR_NOMEM,
 * KVSP_ERR_LIMIT_MEMORY (nothing is lost, call again). */
int kvsp_window_need(struct window *w, size_t n);
/* Shows the view at the current offset: a part of the others. */
void kvsp_window_look(struct window *w);

/* Goes on by n bytes, at most window_view's. */
static inline void window_take(struct window *w, size_t n) {
  if (w->observer) w->observer(w->observer_user, w->offset, w->at, n);
  w->offset += n;
  w->at += n;
  w->left -= n;
  w->needed = 0;
  if (w->left == 0) kvsp_window_look(w);
}
/* Goes on by up to n bytes of all that is at hand; returns how many. */
uint64_t kvsp_window_skip(struct window *w, uint64_t n);

/* Keeps the bytes from the next one on, until kvsp_window_release; with a hold
 * already there, the earlier one stays. */
void kvsp_window_hold(struct window *w);
void kvsp_window_release(struct window *w);
/* Goes back, not before the hold, or on to an offset that is at hand. */
void kvsp_window_seek(struct window *w, uint64_t offset);
/* Up to n bytes that are at hand from any offset, not before the hold or the
 * next byte: where they are, or copied to scratch if they are not in a row. */
kvsp_view kvsp_window_peek(struct window *w, uint64_t offset, uint8_t *scratch,
                           size_t n);
/* The offset behind the last byte at hand. */
uint64_t kvsp_window_end(const struct window *w);

/* Keeps bytes of window_view, or of what was last taken from it, before
 * another call that takes or needs: a slice of the carry where they end it,
 * else a copy. */
int kvsp_window_retain(struct window *w, kvsp_view v, kvsp_buf **out);

#endif
