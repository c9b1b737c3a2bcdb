/*
 * damage.h - makes damaged streams out of sound ones: cut, joined in the
 * middle, bytes inserted, overwritten, flipped, dropped, sent twice.  Knows
 * which byte of the damaged stream is which of the sound one; knows nothing
 * of what the bytes mean.  The same seed makes the same damage.
 */
#ifndef KVSPARSE_TESTS_DAMAGE_H
#define KVSPARSE_TESTS_DAMAGE_H

#include <stdbool.h>

#include "support/mux.h"

/* len bytes from at on are those that were at from. */
struct damage_span {
  size_t at;
  size_t from;
  size_t len;
};

/* Zero it, call one of the functions below as often as you like (each begins
 * anew), and free it with damage_free. */
struct damage {
  struct bytes data;         /* the damaged stream                         */
  struct damage_span *spans; /* what is left of the sound one, by at: bytes
                                in none of them are new                    */
  size_t span_count;
  size_t span_capacity;
  uint64_t random; /* the seed, and the state of the random numbers        */
  char what[80];   /* for messages: "flip 1234.5"                          */
};

void damage_free(struct damage *d);

/* The producer died at p; next is where the next document begins. */
void damage_cut(struct damage *d, const struct bytes *stream, size_t p,
                size_t next);
/* Nothing comes after p. */
void damage_cut_end(struct damage *d, const struct bytes *stream, size_t p);
/* Nothing came before p. */
void damage_join(struct damage *d, const struct bytes *stream, size_t p);
/* n random bytes before p, or instead of those from p on. */
void damage_insert(struct damage *d, const struct bytes *stream, size_t p,
                   size_t n);
void damage_overwrite(struct damage *d, const struct bytes *stream, size_t p,
                      size_t n);
/* Bit 0 is the lowest. */
void damage_flip(struct damage *d, const struct bytes *stream, size_t p,
                 unsigned bit);
/* [from, to) is missing, or comes twice. */
void damage_drop(struct damage *d, const struct bytes *stream, size_t from,
                 size_t to);
void damage_duplicate(struct damage *d, const struct bytes *stream, size_t from,
                      size_t to);

/* A random number below limit, which is not 0. */
size_t damage_random(uint64_t *state, size_t limit);

/* Where the sound stream's byte at `at` comes from; false: it is new. */
bool damage_origin(const struct damage *d, size_t at, size_t *from);
/* Where [from, to) lies whole in the damaged stream: the first place at or
 * behind `after`; false when there is none. */
bool damage_find(const struct damage *d, size_t from, size_t to, size_t after,
                 size_t *at);

#endif
