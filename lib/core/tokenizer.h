/*
 * tokenizer.h - the inside of kvsp_tokenizer, for the reader, which has one.
 * Knows EBML and the table of elements; the only place that deals with bytes
 * that are not there yet.  Knows nothing of KVS.
 */
#ifndef KVSP_CORE_TOKENIZER_H
#define KVSP_CORE_TOKENIZER_H

#include <kvsparse/tokenizer.h>

#include "crc32.h"
#include "resync.h"

/* An open master element. */
struct level {
  uint64_t id;
  const kvsp_element_info *info;
  uint64_t offset;
  uint64_t size;
  uint64_t bound; /* where it or the nearest ancestor of known size ends;
                     KVSP_SIZE_UNKNOWN when there is none */
  uint32_t header_size;
};

/* The header of the next element, as far as it was read. */
struct element_header {
  unsigned id_size;   /* 0: not yet known */
  unsigned size_size; /* 0: not yet known */
  bool complete;      /* id, size and info are set */
  bool misplaced;     /* it cannot be where it is */
  uint64_t id;
  uint64_t size;
  const kvsp_element_info *info;
};

enum tokenizer_state {
  TOKENIZER_ELEMENT, /* at the start of an element, or the end of its parent */
  TOKENIZER_VALUE,   /* at a value's payload */
  TOKENIZER_BLOB,    /* somewhere in a blob's payload */
  TOKENIZER_HELD,    /* looking into what is held */
  TOKENIZER_SEARCH,  /* in the payload of an element that may be none */
  TOKENIZER_RESYNC,  /* looking for a place where elements go on */
  TOKENIZER_LAND,    /* such a place was found: masters end and begin */
  TOKENIZER_FAILED,
  TOKENIZER_ENDED
};

struct kvsp_tokenizer {
  struct memory own_memory; /* when it is no part of a reader */
  struct memory *memory;
  kvsp_limits limits;
  struct window window;
  enum tokenizer_state state;
  struct element_header header;
  struct level *levels;
  size_t depth; /* open masters */
  size_t level_capacity;
  size_t close_to;  /* masters beyond this end before anything else */
  size_t delivered; /* bytes of the window that the last event showed */
  uint64_t blob_left;
  uint64_t blob_wanted; /* of them in a row, before the next BLOB_DATA */
  bool blob_is_master;  /* collected or skipped: ends with MASTER_END */
  bool blob_skipped;
  bool in_document;       /* an EBML header was seen */
  bool cut;               /* after a resync: the end may come anywhere */
  unsigned max_id_size;   /* of this document: EBMLMaxIDLength */
  unsigned max_size_size; /* of this document: EBMLMaxSizeLength */
  struct resync resync;
  struct resync_rules rules;
  int found;            /* RESYNC_*: what stands where the window is */
  uint64_t suspect;     /* the element that the last resync went back into */
  uint64_t searched;    /* up to here nothing was found in what was held */
  unsigned doubtful;    /* elements held behind the first, none convincing */
  bool holds_unknown;   /* one of them is a Segment's or Cluster's, and unknown
                         or misplaced */
  bool holds_odd_block; /* one of them has a Block's ID, and looks like none */
  uint64_t judged;      /* the block of which is known whether it convinces */
  enum tokenizer_state state_after; /* TOKENIZER_HELD: what comes next, ... */
  uint64_t offset_after;            /* ... and where */
  uint64_t landed;                  /* where the last resync ended */
  struct crc_ranges crc;
  bool checks_crc;
  bool recovers; /* keeps the last element that nothing has confirmed yet,
                        to look into it when nonsense follows it */
  bool steps_only; /* for tests: no short cut */
  uint64_t examined;
  kvsp_event event;
  kvsp_error_info error;
};

/* A tokenizer inside another object, with that object's memory. */
void kvsp_tokenizer_init(kvsp_tokenizer *t, struct memory *memory,
                         const kvsp_limits *limits);
void kvsp_tokenizer_check_crc(kvsp_tokenizer *t);
void kvsp_tokenizer_clear(kvsp_tokenizer *t);
/* Gives back what storage it can; what the last event showed is gone.  KVSP_OK;
 * KVSP_ERR_NOMEM, after which it can go on. */
int kvsp_tokenizer_trim(kvsp_tokenizer *t);

/* Between kvsp_tokenizer_next and the next call of it: true when another event,
 * now in t->event, comes at once, by the short cut that it tries first. */
bool kvsp_tokenizer_next_at_hand(kvsp_tokenizer *t);

/* After the MASTER_BEGIN of a SimpleTag: true when all of it is at hand, and it
 * is what nearly every one is, a TagName and a TagString.  Nothing is taken;
 * that is what kvsp_tokenizer_take_tag does, which gets the name back and makes
 * t->event the SimpleTag's MASTER_END. */
bool kvsp_tokenizer_tag_at_hand(const kvsp_tokenizer *t, kvsp_view *name,
                                kvsp_view *string);
void kvsp_tokenizer_take_tag(kvsp_tokenizer *t, kvsp_view name);

/* After BLOB_BEGIN: the first n bytes of the payload (all, if it is shorter)
 * without taking them.  KVSP_OK; KVSP_NEED_INPUT; KVSP_END when they never
 * come (kvsp_tokenizer_next will say so); errors of memory. */
int kvsp_tokenizer_peek(kvsp_tokenizer *t, size_t n, kvsp_view *v);

/* As kvsp_tokenizer_collect, with a limit that is not max_frame. */
int kvsp_tokenizer_collect_up_to(kvsp_tokenizer *t, uint64_t want,
                                 uint64_t max);

/* As kvsp_tokenizer_skip, but finds out whether what is skipped is really one
 * element: when its payload has places where elements go on, KVSP_ERR_SCHEMA
 * comes, and kvsp_tokenizer_resync goes on at the first of them. */
int kvsp_tokenizer_search(kvsp_tokenizer *t);

/* The element of the last event, whose payload was all shown, makes no sense:
 * as if kvsp_tokenizer_next had said so, so that kvsp_tokenizer_resync looks
 * into it.  Returns status. */
int kvsp_tokenizer_reject(kvsp_tokenizer *t, int status, const char *message);

/* Where the element of the last event ends; KVSP_SIZE_UNKNOWN if untold. */
uint64_t kvsp_tokenizer_element_end(const kvsp_tokenizer *t);

#endif
