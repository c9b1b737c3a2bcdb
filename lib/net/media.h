/*
 * media.h - the inside of a live reader: what it is at between two steps.
 * media.c is what its owner calls; media_session.c makes the calls and decides
 * what follows one that ended.
 */
#ifndef KVSP_NET_MEDIA_H
#define KVSP_NET_MEDIA_H

#include <kvsparse/media.h>

#include "call.h"
#include "figures.h"
#include "seam.h"

enum phase {
  PHASE_IDLE,     /* the next call is due at wake_ms                        */
  PHASE_ENDPOINT, /* GetDataEndpoint is under way                           */
  PHASE_SESSION,  /* GetMedia is                                           */
  PHASE_ENDED
};

struct kvsp_media {
  kvsp_media *next; /* of the client's readers                              */
  kvsp_client *client;
  bool owns_client;
  struct stream *stream;
  /* What was asked for. */
  uint32_t start;
  uint32_t flags;
  int64_t start_time_ns;
  char *after;
  size_t max_buffer;
  int64_t silence_ms;
  unsigned max_attempts;
  kvsp_media_callback callback;
  void *user;

  struct call call;
  struct credential_wait keys; /* to sign the next call with                */
  struct queue queue;
  struct seam seam;
  enum phase phase;
  uint32_t state;
  int64_t wake_ms;
  int64_t last_byte_ms;
  bool paused;
  int feed_error;          /* what the seam said; KVSP_OK                   */
  unsigned attempts;       /* in a row that brought no fragment             */
  bool renewed;            /* credentials were asked for anew               */
  bool asked_again;        /* the endpoint was                              */
  uint64_t fragments_then; /* when the session began                        */
  uint64_t fragments_seen;
  uint64_t offset_then;

  int status; /* once it ended                                             */
  bool end_told;
  kvsp_service_error error;
  struct service_fault fault;
  char request_id[ERROR_ID_SIZE];

  /* What its owner has. */
  bool handed; /* the queue's first piece                                   */
  kvsp_piece piece;
  char position[NUMBER_SIZE];
  kvsp_reader *reader; /* for items; NULL: none were asked for              */
  bool reading;        /* it may have items                                */
  bool final;
  size_t lent; /* of the queue's first piece, by items             */
  kvsp_item gap_item;
  kvsp_gap gap;
  bool by_items;
  bool by_pieces;

  kvsp_media_stats stats;
  struct figures arrival;
  struct figures production;
};

/* ---- for the client ------------------------------------------------------ */

/* Does what is due; when it wants to be asked again (kvsp_clock_ms). */
int64_t kvsp_media_step(kvsp_media *m, int64_t now);
bool kvsp_media_is_ready(const kvsp_media *m);
/* What its owner was handed is used up. */
void kvsp_media_release(kvsp_media *m);

/* ---- for media.c --------------------------------------------------------- */

void kvsp_media_end(kvsp_media *m, int status);
/* The same for what is no call's fault: there are words for that status. */
void kvsp_media_fail(kvsp_media *m, int status);

#endif
