/*
 * event_text.h - a recorder: what a tokenizer says, as text that does not
 * depend on how a binary was cut, and the ways to feed one.  Checks on the
 * way what must hold for every event.
 */
#ifndef KVSPARSE_TESTS_EVENT_TEXT_H
#define KVSPARSE_TESTS_EVENT_TEXT_H

#include <kvsparse/tokenizer.h>

#include "mux.h"

/*
 * One line for an event, indented by its depth:
 *   EBML @0 12+35 {          a master at 0, header and size ("?" unknown)
 *     DocType @12 3+4 = 7765626D
 *   } EBML 47                its end, and the offset behind it
 *   SimpleBlock @47 2+9 [ 8100.. ] 58      the blob whole: BEGIN, DATA, END
 * Payloads above 16 bytes are "#" and a checksum.  An event of a misplaced
 * element has "!" before its name.
 */
struct event_text {
  struct bytes text;
  /* The blob, or the collected master, that is open. */
  int blob_open;
  uint64_t blob_next; /* where its next piece must be                      */
  struct bytes blob;
  size_t pieces; /* of BLOB_DATA, all together                         */
  size_t events;
};

void event_text_add(struct event_text *r, const kvsp_event *e);
/* Adds a line of the caller's own. */
void event_text_note(struct event_text *r, const char *line);
/* The text, terminated. */
const char *event_text_get(struct event_text *r);
void event_text_free(struct event_text *r);

enum feeding {
  FEED_LEND, /* input: each piece at a guard page, spoilt after its use     */
  FEED_IN_PLACE, /* input: the pieces where they are                        */
  FEED_COMMIT    /* reserve and commit                                      */
};

/* Called after each event; what it returns but KVSP_OK ends the run. */
typedef int (*event_hook)(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                          uint64_t fed);

struct feed {
  enum feeding how;
  size_t piece;    /* bytes at once; 0: all                                   */
  int stay_open;   /* without KVSP_FINAL: ends with KVSP_NEED_INPUT           */
  event_hook hook; /* may be NULL                                            */
  /* An error of kvsp_tokenizer_next, before the run ends with it: KVSP_OK to
   * go on.  May be NULL. */
  int (*on_error)(void *user, kvsp_tokenizer *t, int status);
  void *user;
};

/* Feeds data, records until something else than an event and the wish for
 * input comes, which it returns: KVSP_END or an error.  r may be NULL. */
int event_text_run(struct event_text *r, kvsp_tokenizer *t,
                   const struct bytes *data, const struct feed *feed);

#endif
