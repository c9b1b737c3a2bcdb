/*
 * seam.h - makes one stream of many sessions: drops fragments that were there
 * already, goes on inside a fragment that was cut, says what is missing.  Bytes
 * of a session in, pieces out.  Knows documents and fragment numbers; knows no
 * network and no clock.
 *
 * A document is held until its head has told its number, then its bytes go out
 * as far as the reader has looked at them, so that what was delivered of a
 * fragment always ends between two elements.
 */
#ifndef KVSP_NET_SEAM_H
#define KVSP_NET_SEAM_H

#include <kvsparse/media.h>

#include "queue.h"

/* What becomes of the bytes of the document that is at hand. */
enum seam_mode {
  SEAM_UNDECIDED, /* its number is not known yet                            */
  SEAM_DELIVER,
  SEAM_DROP,
  SEAM_RESUME /* it was delivered in part: that part is compared            */
};

/* Of bytes in order, however they are cut: to tell them from others. */
struct digest {
  uint64_t hash;   /* of the whole words                                      */
  uint64_t len;    /* bytes in all                                            */
  uint8_t rest[8]; /* behind the last whole word; what is not used is 0      */
};

/* A fragment of which only a part was delivered. */
struct cut {
  char number[NUMBER_SIZE]; /* "": there is none                           */
  int64_t server_time_ns;
  struct digest digest;
};

struct seam_counts {
  uint64_t bytes;
  uint64_t fragments;
  uint64_t dropped;
  uint64_t resumed;
  uint64_t lost;
};

struct seam {
  const kvsp_allocator *allocator;
  kvsp_reader *reader;
  struct queue *queue;
  uint8_t *hold; /* bytes of the session that are not decided               */
  size_t hold_len;
  size_t hold_capacity;
  uint64_t hold_max;
  uint64_t hold_offset; /* of its first byte in the session                 */
  enum seam_mode mode;
  uint64_t dropped_to; /* an offset in the session: behind what was dropped */
  bool complete; /* the document at hand: its tail tags were there          */
  bool begun;    /* some of it is in the queue                              */
  bool closing;  /* the session has ended                                   */
  bool ragged;   /* the last session ended inside an element, or inside of
                    what was delivered before                              */
  bool gap;      /* to be told with the next piece                          */
  struct piece document; /* what is known of the document at hand           */
  char position[NUMBER_SIZE]; /* the last complete fragment's; "": none     */
  char only[NUMBER_SIZE]; /* one more that is to be dropped; "": none       */
  struct cut cut;     /* of an earlier session                             */
  struct cut current; /* of the document at hand: what was delivered        */
  struct digest compared;
  /* What the service said in the stream; 0: nothing. */
  uint32_t error_id;
  char error_code[96];
  /* Called where the caller wants to know; may be NULL. */
  void (*on_fragment)(void *user, const kvsp_fragment *fragment);
  void (*on_complete)(void *user, const kvsp_fragment *fragment);
  void (*on_lost)(void *user, const char *number);
  void *user;
  struct seam_counts counts;
};

/* KVSP_OK, errors of kvsp_reader_new. */
int kvsp_seam_init(struct seam *s, const kvsp_allocator *a,
                   const kvsp_limits *limits, struct queue *queue);
void kvsp_seam_free(struct seam *s);
/* A session begins. */
int kvsp_seam_open(struct seam *s);
/* KVSP_OK, KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_MEMORY. */
int kvsp_seam_feed(struct seam *s, const void *data, size_t len);
/* It has ended, whole or not. */
int kvsp_seam_close(struct seam *s);

#endif
