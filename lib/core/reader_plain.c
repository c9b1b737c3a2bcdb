#include <string.h>

#include "reader.h"
#include "tokenizer_parts.h"
#include "vint.h"

/*
 * The fast path.  Nearly all of a stream are SimpleBlocks without lacing that
 * follow each other in a Cluster and lie whole in the piece at hand.  One look
 * at such a block's first bytes tells what the tokenizer and the reader find
 * out in a dozen steps, and leaves both as those steps would.  Whatever is in
 * any way special is left to the steps.
 */

/* The ID, a size of up to 8 bytes, a track number of one byte, timecode and
 * flags are shorter: one comparison with what is at hand is enough. */
#define PLAIN_HEADERS_MAX 16u
/* The Block's own header: track number, timecode, flags. */
#define PLAIN_BLOCK_HEADER 4u

struct plain_block {
  const uint8_t *bytes; /* the Block */
  size_t header_size;   /* of the SimpleBlock element */
  uint64_t size;        /* of the Block, with its own header */
};

/* The block that v begins with; false when it is none, or
 * not plain, or not whole. */
static bool read_plain(kvsp_view v, struct plain_block *b) {
  uint64_t size;
  int size_size;
  if (v.len < PLAIN_HEADERS_MAX || v.data[0] != KVSP_ID_SIMPLE_BLOCK)
    return false;
  v.data++;
  v.len--;
  size_size = vint_read_size(v, &size);
  if (size_size <= 0) return false;
  v.data += size_size;
  v.len -= (size_t)size_size;
  b->bytes = v.data;
  b->header_size = 1 + (size_t)size_size;
  b->size = size;
  return size >= PLAIN_BLOCK_HEADER && (v.data[0] & 0x80) &&
         !(v.data[3] & (BLOCK_LACING | BLOCK_RESERVED));
}

/* Whether its size is one that the steps would let pass. */
static bool fits(const struct kvsp_tokenizer *t, const struct plain_block *b) {
  if (b->size > t->limits.max_frame) return false; /* which fits a size_t */
  return b->header_size + b->size <= t->levels[1].bound - t->window.offset;
}

/* Makes all of it contiguous.  What comes before it is confirmed by it. */
static int gather(kvsp_reader *r, struct plain_block *b) {
  struct window *w = &r->tokenizer.window;
  size_t whole = b->header_size + (size_t)b->size;
  int rc;
  if (whole <= w->left) return KVSP_OK;
  if (r->flags & KVSP_READ_NO_DATA) return READER_GO_ON; /* is skipped */
  if (r->tokenizer.recovers) w->hold = w->offset;
  rc = kvsp_window_need(w, whole);
  if (rc == KVSP_END) return READER_GO_ON; /* is cut */
  if (rc < 0)
    return kvsp_reader_fail(r, rc, w->offset, 0, kvsp_status_text(rc));
  b->bytes = w->at + b->header_size;
  return rc;
}

/* The tokenizer as the steps leave it behind the block, which is held like any
 * element, unless it is one that was skipped. */
static void take_block(struct kvsp_tokenizer *t, const struct plain_block *b,
                       bool is_skipped) {
  if (is_skipped) {
    t->window.hold = WINDOW_NO_HOLD;
  } else if (t->recovers) {
    t->window.hold = t->window.offset;
  }
  t->examined += b->header_size + PLAIN_BLOCK_HEADER;
  window_take(&t->window, b->header_size + (size_t)b->size);
}

/* The times of this Cluster's frames, where they can be computed without care:
 * blocks are at most 2^15 ticks away from their Cluster. */
static bool set_times(kvsp_reader *r) {
  const int64_t far = INT64_MAX / 4;
  const kvsp_fragment *f = &r->document->shown;
  struct plain_times *times = &r->plain_times;
  times->cluster_ns = kvsp_document_cluster_time(r->document);
  if (times->cluster_ns < 0 || times->cluster_ns > far ||
      f->timestamp_scale > UINT32_MAX)
    return false;
  times->tick_ns = (int64_t)f->timestamp_scale;
  times->has_producer =
      f->producer_time_ns != KVSP_TIME_NONE && f->start_ns != KVSP_TIME_NONE;
  if (!times->has_producer) return true;
  times->to_producer_ns = kvsp_fragment_producer_time(f, 0);
  return times->to_producer_ns <= far && times->to_producer_ns >= -far;
}

/* The frame's fields that begin_plain did not set. */
static void fill_frame(kvsp_reader *r, const struct plain_block *b,
                       struct track *track) {
  const struct plain_times *times = &r->plain_times;
  kvsp_frame *f = &r->frame;
  f->track = &track->shown;
  f->size = b->size - PLAIN_BLOCK_HEADER;
  f->offset = r->tokenizer.window.offset + b->header_size + PLAIN_BLOCK_HEADER;
  f->index = r->frame_index;
  f->pts_ns = times->cluster_ns + times->tick_ns * block_timecode(b->bytes + 1);
  if (times->has_producer)
    f->producer_time_ns = f->pts_ns + times->to_producer_ns;
  f->duration_ns = track->shown.default_duration_ns;
  f->flags = block_frame_flags(b->bytes[3]);
  if (r->flags & KVSP_READ_NO_DATA) return;
  f->data.data = b->bytes + PLAIN_BLOCK_HEADER;
  f->data.len = (size_t)f->size;
}

/* The block that comes next, if it is plain, of a track that is so too. */
static struct track *find_plain(const kvsp_reader *r, struct plain_block *b) {
  const struct kvsp_tokenizer *t = &r->tokenizer;
  struct track *track;
  if (!read_plain(window_view(&t->window), b) || !fits(t, b) ||
      tokenizer_has_doubts(t) || t->window.offset <= r->shown_last)
    return NULL;
  track = track_find(&r->document->tracks, b->bytes[0] & 0x7F);
  return track && track->is_plain ? track : NULL;
}

int kvsp_reader_next_plain(kvsp_reader *r) {
  bool wanted = false;
  r->item.frame = NULL;
  while (!wanted) {
    struct plain_block b;
    struct track *track = find_plain(r, &b);
    int rc = track ? gather(r, &b) : READER_GO_ON;
    r->plain = rc == KVSP_OK || rc == KVSP_NEED_INPUT;
    if (rc != KVSP_OK) return rc;
    fill_frame(r, &b, track);
    track_note_time(track, r->frame.pts_ns);
    take_block(&r->tokenizer, &b, r->flags & KVSP_READ_NO_DATA);
    r->frame_index++;
    wanted = !r->filters || kvsp_reader_wants(r, &track->shown, r->frame.flags);
  }
  r->document->shown.frame_count++;
  r->item.frame = &r->frame;
  return KVSP_OK;
}

/* Whether both halves stand where a block of a Cluster ended, with nothing in
 * doubt or due. */
static bool is_between_blocks(const kvsp_reader *r) {
  const struct kvsp_tokenizer *t = &r->tokenizer;
  if (t->event.type != KVSP_EVENT_BLOB_END || t->state != TOKENIZER_ELEMENT)
    return false;
  if (t->header.id_size > 0 || t->delivered > 0 || t->window.reserved > 0 ||
      t->error.status != KVSP_OK)
    return false;
  if (t->depth != 2 || t->close_to != 2 || t->levels[1].id != KVSP_ID_CLUSTER)
    return false;
  return !r->failed && !r->resyncing && r->document->announced &&
         t->rules.timestamp_max != UINT64_MAX; /* there was a block */
}

int kvsp_reader_begin_plain(kvsp_reader *r) {
  kvsp_frame *f = &r->frame;
  kvsp_item *item = &r->item;
  if (!is_between_blocks(r) || r->plain_is_off || r->tokenizer.checks_crc ||
      !set_times(r))
    return READER_GO_ON;
  memset(f, 0, sizeof *f);
  f->fragment = &r->document->shown;
  f->producer_time_ns = KVSP_TIME_NONE;
  f->lacing = KVSP_LACING_NONE;
  f->lace_count = 1;
  f->owner = r;
  memset(item, 0, sizeof *item);
  item->type = KVSP_ITEM_FRAME;
  item->fragment = f->fragment;
  return kvsp_reader_next_plain(r);
}
