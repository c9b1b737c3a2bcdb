/*
 * tokenizer_parts.h - what the parts of the tokenizer share: tokenizer.c, which
 * reads elements step by step, tokenizer_next.c, which has a short cut,
 * tokenizer_recovery.c, which goes on where they made no sense, and
 * tokenizer_plain.h, the fast path for blocks.
 */
#ifndef KVSP_CORE_TOKENIZER_PARTS_H
#define KVSP_CORE_TOKENIZER_PARTS_H

#include <string.h>

#include "tokenizer.h"

/* What a step returns when it made no event but can go on. */
enum { TOKENIZER_GO_ON = 1000 };

/* tokenizer.c */

void kvsp_tokenizer_set_error(kvsp_tokenizer *t, int status, uint64_t offset,
                              uint64_t id, const char *message);
/* The stream ends inside the element of the last event: notes it, returns
 * KVSP_ERR_TRUNCATED. */
int kvsp_tokenizer_truncated(kvsp_tokenizer *t);
/* What the last event showed is used now. */
void kvsp_tokenizer_take_delivered(kvsp_tokenizer *t);
/* Where the innermost open master of known size ends, or KVSP_SIZE_UNKNOWN. */
uint64_t kvsp_tokenizer_bound(const kvsp_tokenizer *t);
/* Opens a master that begins at the window's offset; depth is the caller's to
 * raise. */
int kvsp_tokenizer_push_level(kvsp_tokenizer *t, const kvsp_element_info *info,
                              uint64_t size, unsigned header_size);
/* Closes the innermost master: an event. */
int kvsp_tokenizer_master_end(kvsp_tokenizer *t);
/* Whether the last event was about a blob, whose payload is not over. */
bool kvsp_tokenizer_in_blob(const kvsp_tokenizer *t);

/* A value of the EBML header may be a rule for what follows. */
void kvsp_tokenizer_note_value(kvsp_tokenizer *t);
/* The next event, step by step: as kvsp_tokenizer_next. */
int kvsp_tokenizer_steps(kvsp_tokenizer *t);

/* The next header is not known. */
static inline void tokenizer_forget_header(kvsp_tokenizer *t) {
  t->header.id_size = 0;
  t->header.size_size = 0;
  t->header.complete = false;
}

/* tokenizer_recovery.c */

/* An element that makes sense confirms the one before it, which is kept up to
 * here, and is itself in doubt until the next. */
void kvsp_tokenizer_hold_element(kvsp_tokenizer *t);
/* Nothing that is held is in doubt. */
static inline void tokenizer_forget_doubts(kvsp_tokenizer *t) {
  t->doubtful = 0;
  t->holds_unknown = false;
  t->holds_odd_block = false;
}
/* As kvsp_tokenizer_hold_element for one that is no block, known and in its
 * place, of which no more than its ID is looked at. */
static inline void tokenizer_hold_usual(kvsp_tokenizer *t, uint64_t id) {
  bool convincing = id > 0xFF;
  if (convincing || t->window.hold == WINDOW_NO_HOLD) {
    t->window.hold = t->window.offset;
    tokenizer_forget_doubts(t);
  }
  if (!convincing) t->doubtful++;
}
/* Waits for what tells whether the element here, if it looks like a block, is
 * one.  KVSP_OK; KVSP_NEED_INPUT; errors of memory. */
int kvsp_tokenizer_need_block(kvsp_tokenizer *t);
/* Whether a misplaced element is a block that lost its Cluster. */
int kvsp_tokenizer_check_lost_block(kvsp_tokenizer *t, bool *lost);
/* Whether there may be a reason to look back, besides the end of a master. */
static inline bool tokenizer_has_doubts(const kvsp_tokenizer *t) {
  return t->doubtful > 0 ||
         (t->window.hold < t->window.offset &&
          t->window.offset - t->window.hold > t->limits.max_frame);
}
/* Before the element here, which closes a master or not, confirms what is
 * held: true when that is looked into first, in steps to come. */
bool kvsp_tokenizer_look_back(kvsp_tokenizer *t, bool closes);
/* The payload makes its block convincing: what was held before it is let go,
 * or looked into first.  KVSP_OK or TOKENIZER_GO_ON. */
int kvsp_tokenizer_confirm_block(kvsp_tokenizer *t);
int kvsp_tokenizer_step_held(kvsp_tokenizer *t);
int kvsp_tokenizer_step_search(kvsp_tokenizer *t);
int kvsp_tokenizer_step_resync(kvsp_tokenizer *t);
int kvsp_tokenizer_step_land(kvsp_tokenizer *t);

#endif
