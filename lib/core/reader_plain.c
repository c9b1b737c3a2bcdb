#include <string.h>

#include "reader.h"
#include "tokenizer_plain.h"

/* The reader's half of the fast path: plain blocks (tokenizer_plain.h) into
 * FRAME items, without events. */

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
  f->size = b->size - BLOCK_PLAIN_HEADER;
  f->offset = r->tokenizer.window.offset + b->header_size + BLOCK_PLAIN_HEADER;
  f->index = r->frame_index;
  f->pts_ns = times->cluster_ns + times->tick_ns * block_timecode(b->bytes + 1);
  if (times->has_producer)
    f->producer_time_ns = f->pts_ns + times->to_producer_ns;
  f->duration_ns = track->shown.default_duration_ns;
  f->flags = block_frame_flags(b->bytes[3]);
  if (r->flags & KVSP_READ_NO_DATA) return;
  f->data.data = b->bytes + BLOCK_PLAIN_HEADER;
  f->data.len = (size_t)f->size;
}

/* The block that comes next, if it is plain, of a track that is so too. */
static struct track *find_plain(kvsp_reader *r, struct plain_block *b) {
  struct track *track;
  if (!tokenizer_next_plain(&r->tokenizer, b) ||
      r->tokenizer.window.offset <= r->shown_last)
    return NULL;
  track = track_find(&r->document->tracks, b->bytes[0] & 0x7F);
  return track && track->is_plain ? track : NULL;
}

/* All of the block, as far as that is wanted. */
static int gather(kvsp_reader *r, struct plain_block *b) {
  const struct window *w = &r->tokenizer.window;
  int rc;
  if (b->header_size + b->size <= w->left) return KVSP_OK;
  if (r->flags & KVSP_READ_NO_DATA) return READER_GO_ON; /* is skipped */
  rc = tokenizer_need_plain(&r->tokenizer, b);
  if (rc == KVSP_END) return READER_GO_ON; /* is cut */
  if (rc >= 0) return rc;
  return kvsp_reader_fail(r, rc, w->offset, 0, kvsp_status_text(rc));
}

int kvsp_reader_next_plain(kvsp_reader *r) {
  bool wanted = false;
  while (!wanted) {
    struct plain_block b;
    struct track *track = find_plain(r, &b);
    int rc = track ? gather(r, &b) : READER_GO_ON;
    r->plain = rc == KVSP_OK || rc == KVSP_NEED_INPUT;
    if (rc != KVSP_OK) {
      r->item.frame = NULL;
      return rc;
    }
    fill_frame(r, &b, track);
    track_note_time(track, r->frame.pts_ns);
    tokenizer_show_plain(&r->tokenizer, &b, r->flags & KVSP_READ_NO_DATA);
    r->frame_index++;
    wanted = !r->filters || kvsp_reader_wants(r, &track->shown, r->frame.flags);
  }
  r->document->shown.frame_count++;
  r->item.frame = &r->frame;
  r->plain_item = true;
  return KVSP_OK;
}

/* Whether both halves stand where a block of a Cluster ended, with nothing in
 * doubt or due. */
static bool is_between_blocks(const kvsp_reader *r) {
  return tokenizer_is_behind_block(&r->tokenizer) && !r->failed &&
         !r->resyncing && r->document->announced &&
         r->tokenizer.rules.timestamp_max != UINT64_MAX; /* had a block */
}

int kvsp_reader_begin_plain(kvsp_reader *r) {
  kvsp_frame *f = &r->frame;
  kvsp_item *item = &r->item;
  if (!is_between_blocks(r) || r->plain_is_off || !set_times(r))
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
