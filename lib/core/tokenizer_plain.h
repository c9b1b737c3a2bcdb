/*
 * tokenizer_plain.h - the tokenizer's half of the fast path, for the reader's
 * (reader_plain.c): nearly all of a stream are SimpleBlocks without lacing that
 * follow each other in a Cluster.  One look at such a block's first bytes tells
 * what the steps find out, and leaves the tokenizer as they do; whatever is in
 * any way special is left to the steps.  Inline, since it runs for each frame.
 *
 * Every plain block is one that kvsp_resync_is_block believes, if the reader
 * knows its track: no plain block is in doubt.
 */
#ifndef KVSP_CORE_TOKENIZER_PLAIN_H
#define KVSP_CORE_TOKENIZER_PLAIN_H

#include "block.h"
#include "tokenizer_parts.h"
#include "vint.h"

/* The ID, a size of up to 8 bytes, a track number of one byte, timecode and
 * flags are shorter: one comparison with what is at hand is enough. */
#define PLAIN_HEADERS_MAX 16u

struct plain_block {
  const uint8_t *bytes; /* the Block */
  size_t header_size;   /* of the SimpleBlock element */
  uint64_t size;        /* of the Block, with its own header */
};

/* The block that v begins with; false when it is none, or not plain. */
static inline bool plain_read(kvsp_view v, struct plain_block *b) {
  uint64_t size;
  int size_size;
  if (v.len < PLAIN_HEADERS_MAX || v.data[0] != KVSP_ID_SIMPLE_BLOCK)
    return false;
  v.data++;
  v.len--;
  size_size = vint_read_size(v, &size);
  if (size_size <= 0) return false;
  v.data += size_size;
  b->bytes = v.data;
  b->header_size = 1 + (size_t)size_size;
  b->size = size;
  return size >= BLOCK_PLAIN_HEADER && (v.data[0] & 0x80) &&
         !(v.data[3] & (BLOCK_LACING | BLOCK_RESERVED));
}

/* Whether its size is one that the steps would let pass.  With its header it is
 * below max_frame too, so that what is held never is beyond it. */
static inline bool plain_fits(const kvsp_tokenizer *t,
                              const struct plain_block *b) {
  if (b->size > t->limits.max_frame || /* which fits a size_t */
      b->size + PLAIN_HEADERS_MAX > t->limits.max_frame)
    return false;
  return b->header_size + b->size <= t->levels[1].bound - t->window.offset;
}

/* Whether the tokenizer stands where a block of a Cluster ended, and nothing is
 * in doubt: so it stays as long as plain blocks follow. */
static inline bool tokenizer_is_behind_block(const kvsp_tokenizer *t) {
  return t->event.type == KVSP_EVENT_BLOB_END &&
         t->state == TOKENIZER_ELEMENT && t->header.id_size == 0 &&
         t->window.reserved == 0 && t->error.status == KVSP_OK &&
         t->depth == 2 && t->close_to == 2 &&
         t->levels[1].id == KVSP_ID_CLUSTER && !t->checks_crc &&
         !tokenizer_has_doubts(t);
}

/* Goes on behind the block that was shown.  True when another comes next that
 * is plain, of which the first bytes at least are at hand. */
static inline bool tokenizer_next_plain(kvsp_tokenizer *t,
                                        struct plain_block *b) {
  if (t->delivered) window_take(&t->window, t->delivered);
  t->delivered = 0;
  return plain_read(window_view(&t->window), b) && plain_fits(t, b);
}

/* Makes all of the block contiguous; what comes before it is confirmed by it.
 * KVSP_OK; KVSP_NEED_INPUT; KVSP_END when it is cut; errors of memory. */
static inline int tokenizer_need_plain(kvsp_tokenizer *t,
                                       struct plain_block *b) {
  int rc;
  if (t->recovers) t->window.hold = t->window.offset;
  rc = kvsp_window_need(&t->window, b->header_size + (size_t)b->size);
  if (rc == KVSP_OK) b->bytes = t->window.at + b->header_size;
  return rc;
}

/* The block is shown: it is held, like any element, unless it is one that the
 * steps would skip. */
static inline void tokenizer_show_plain(kvsp_tokenizer *t,
                                        const struct plain_block *b,
                                        bool is_skipped) {
  if (is_skipped) {
    t->window.hold = WINDOW_NO_HOLD;
  } else if (t->recovers) {
    t->window.hold = t->window.offset;
  }
  t->examined += b->header_size + BLOCK_PLAIN_HEADER;
  t->delivered = b->header_size + (size_t)b->size;
}

#endif
