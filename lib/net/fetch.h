/*
 * fetch.h - the fragments that are wanted, and what came of each: bytes of
 * answers in, whole fragments in the order of the list out, whatever order the
 * answers have.  Knows documents, fragment numbers and which errors pass; knows
 * no network and no clock.
 */
#ifndef KVSP_NET_FETCH_H
#define KVSP_NET_FETCH_H

#include <kvsparse/reader.h>
#include <stdbool.h>

#include "net_memory.h"

/* So many answers that do not give a fragment are believed. */
#define FETCH_TRIES_MAX 3
#define FETCH_NAME_SIZE 96
#define FETCH_MESSAGE_SIZE 512

/* What came of a fragment. */
struct arrived {
  uint8_t *data;
  size_t len;
  int64_t server_time_ns;
  int64_t producer_time_ns;
  bool failed; /* the service does not give it: name and message            */
  char name[FETCH_NAME_SIZE]; /* the service's code; "": it just did not come */
  char message[FETCH_MESSAGE_SIZE];
};

struct wanted {
  char *number;
  struct arrived *arrived; /* NULL: nothing yet                             */
  unsigned tries;          /* answers that did not give it                  */
  bool asked;              /* in the call at hand, and not told of yet      */
};

struct fetch {
  const kvsp_allocator *allocator;
  kvsp_reader *reader;
  struct wanted *wanted;
  size_t count;
  size_t capacity;
  size_t first;  /* the next one to be taken                                 */
  size_t end;    /* behind the last one of the batch                         */
  uint8_t *hold; /* bytes of the answer, from the document at hand on       */
  size_t hold_len;
  size_t hold_capacity;
  uint64_t hold_offset; /* of its first byte in the answer                  */
  size_t waiting;       /* bytes that arrived and were not taken            */
  uint64_t max_memory;  /* of both                                          */
  bool closing;
  bool whole;  /* the answer that is closing                                */
  bool ragged; /* the document at hand ends inside an element               */
  /* Of the answer at hand. */
  size_t answered;   /* fragments that it gave, or refused for good           */
  size_t told_end;   /* behind the last one that it told of; 0: of none       */
  uint32_t error_id; /* of no fragment, but of all of it; 0: none           */
  char error_name[FETCH_NAME_SIZE];
  char error_message[FETCH_MESSAGE_SIZE];
};

/* KVSP_OK, errors of kvsp_reader_new. */
int kvsp_fetch_init(struct fetch *f, const kvsp_allocator *a,
                    const kvsp_limits *limits, uint64_t max_memory);
void kvsp_fetch_free(struct fetch *f);
/* One more at the end of the list.  KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_NOMEM. */
int kvsp_fetch_want(struct fetch *f, const char *number);

/* The next call asks for these: wanted[first] to wanted[end - 1] where they are
 * asked; how many they are.  A new batch of at most max begins where the last
 * one is dealt with. */
unsigned kvsp_fetch_batch(struct fetch *f, unsigned max);
/* An answer begins.  KVSP_OK, errors of kvsp_reader_reset. */
int kvsp_fetch_open(struct fetch *f);
/* KVSP_OK; KVSP_ERR_LIMIT_MEMORY, see kvsp_fetch_shrink; KVSP_ERR_NOMEM. */
int kvsp_fetch_feed(struct fetch *f, const void *data, size_t len);
/* It has ended; whole: as the service wanted it to. */
int kvsp_fetch_close(struct fetch *f, bool whole);
/* Lets go of what arrived and halves the batch.  false: it is one fragment
 * already. */
bool kvsp_fetch_shrink(struct fetch *f);

/* Whether something has come of the next one. */
bool kvsp_fetch_has_front(const struct fetch *f);
/* It is the caller's now; NULL: nothing has. */
struct arrived *kvsp_fetch_take(struct fetch *f);
void kvsp_fetch_release(const struct fetch *f, struct arrived *arrived);

/* 3002, 4503 and 5000: the same call may succeed later. */
bool kvsp_fetch_error_passes(uint32_t error_id);

#endif
