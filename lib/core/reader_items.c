#include "reader.h"
#include "times.h"

static int show(kvsp_reader *r, uint32_t type) {
  kvsp_item *item = &r->item;
  bool inside = r->document_open && r->document->announced;
  item->type = type;
  item->fragment = inside ? &r->document->shown : NULL;
  item->frame = NULL;
  item->tags = NULL;
  item->tag_count = 0;
  item->gap = NULL;
  return KVSP_OK;
}

static int show_gap(kvsp_reader *r) {
  r->due_gap = false;
  show(r, KVSP_ITEM_GAP);
  r->item.gap = &r->gap;
  return KVSP_OK;
}

static int show_fragment(kvsp_reader *r) {
  r->due_fragment = false;
  kvsp_document_announce(r->document, r->with_tracks,
                         r->has_before ? &r->before : NULL);
  show(r, KVSP_ITEM_FRAGMENT);
  r->item.tags = r->document->shown.tags;
  r->item.tag_count = r->document->shown.tag_count;
  return KVSP_OK;
}

static int show_fragment_end(kvsp_reader *r) {
  r->due_fragment_end = false;
  r->showing_end = true;
  return show(r, KVSP_ITEM_FRAGMENT_END);
}

static int show_tags(kvsp_reader *r) {
  r->due_tags = false;
  show(r, KVSP_ITEM_TAGS);
  r->item.tags = r->document->late_tags.items;
  r->item.tag_count = r->document->late_tags.count;
  return KVSP_OK;
}

/* The time of a frame in a lace: those behind the first have none of their
 * own. */
static int64_t lace_time(const struct block_in_hand *b) {
  int64_t spacing = b->track->shown.default_duration_ns;
  if (b->next == 0 || spacing == KVSP_TIME_NONE) return b->pts_ns;
  return kvsp_time_add(b->pts_ns,
                       kvsp_time_scale((int64_t)b->next, (uint64_t)spacing));
}

static int show_frame(kvsp_reader *r) {
  struct block_in_hand *b = &r->block;
  kvsp_frame *f = &r->frame;
  f->size = b->laces.sizes[b->next];
  f->data.data = b->data ? b->data + b->position : NULL;
  f->data.len = b->data ? (size_t)f->size : 0;
  f->offset = b->offset + b->position;
  f->track = &b->track->shown;
  f->fragment = &r->document->shown;
  f->index = r->frame_index++;
  f->pts_ns = lace_time(b);
  f->producer_time_ns = kvsp_fragment_producer_time(f->fragment, f->pts_ns);
  f->duration_ns = b->duration_ns;
  f->discard_padding_ns = b->discard_padding_ns;
  f->flags = b->flags;
  f->lacing = b->header.lacing;
  f->lace_index = b->next;
  f->lace_count = b->header.lace_count;
  f->owner = r;
  b->position += f->size;
  b->next++;
  if (b->next == b->count) b->count = 0;
  r->document->shown.frame_count++;
  show(r, KVSP_ITEM_FRAME);
  r->item.frame = f;
  return KVSP_OK;
}

/* KVSP_OK with the next item that is due, or READER_GO_ON. */
int kvsp_reader_show_due(kvsp_reader *r) {
  if (r->due_gap) return show_gap(r);
  if (r->due_fragment) return show_fragment(r);
  if (r->due_fragment_end) return show_fragment_end(r);
  if (reader_block_is_due(r)) return show_frame(r);
  if (r->due_tags) return show_tags(r);
  return READER_GO_ON;
}
