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
  r->due &= ~(unsigned)DUE_GAP;
  show(r, KVSP_ITEM_GAP);
  r->item.gap = &r->gap;
  return KVSP_OK;
}

static int show_fragment(kvsp_reader *r) {
  r->due &= ~(unsigned)DUE_FRAGMENT;
  kvsp_document_announce(r->document, r->with_tracks,
                         r->has_before ? &r->before : NULL);
  show(r, KVSP_ITEM_FRAGMENT);
  r->item.tags = r->document->shown.tags;
  r->item.tag_count = r->document->shown.tag_count;
  return KVSP_OK;
}

static int show_fragment_end(kvsp_reader *r) {
  r->due &= ~(unsigned)DUE_FRAGMENT_END;
  r->showing_end = true;
  return show(r, KVSP_ITEM_FRAGMENT_END);
}

static int show_tags(kvsp_reader *r) {
  r->due &= ~(unsigned)DUE_TAGS;
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

/* The frame's bytes, as stored or as they were before they were compressed. */
static int frame_data(kvsp_reader *r, kvsp_view stored, kvsp_view *data,
                      uint32_t *flags) {
  const struct track *track = r->block.track;
  int rc;
  *data = stored;
  if (!(r->flags & KVSP_READ_DECOMPRESS) || !stored.data ||
      !(*flags & KVSP_FRAME_COMPRESSED))
    return KVSP_OK;
  switch (track->shown.encodings) {
    case KVSP_ENCODING_HEADER_STRIPPED:
      rc = kvsp_restore_header(&r->scratch, track->stripped, stored, data);
      break;
    case KVSP_ENCODING_ZLIB:
      rc = kvsp_inflate(&r->scratch, stored, r->tokenizer.limits.max_frame,
                        data);
      break;
    default: return KVSP_OK;
  }
  if (rc == KVSP_OK) *flags &= ~(uint32_t)KVSP_FRAME_COMPRESSED;
  if (rc != KVSP_ERR_UNSUPPORTED) return rc;
  *data = stored;
  return KVSP_OK;
}

/* On to the next frame of the lace. */
static void pass_frame(kvsp_reader *r) {
  struct block_in_hand *b = &r->block;
  b->position += b->laces.sizes[b->next];
  b->next++;
  if (b->next == b->count) b->count = 0;
  r->frame_index++;
}

/* A frame that is no valid data of its encoding. */
static int frame_fault(kvsp_reader *r, int status) {
  uint64_t from = r->block.offset + r->block.position;
  const char *reason = kvsp_status_text(status);
  if (status != KVSP_ERR_COMPRESSION && status != KVSP_ERR_LIMIT_FRAME)
    return kvsp_reader_fail(r, status, from, KVSP_ID_BLOCK, reason);
  if (r->flags & KVSP_READ_STRICT) {
    if (status == KVSP_ERR_COMPRESSION) r->failed = status;
    return kvsp_reader_fail(r, status, from, KVSP_ID_BLOCK, reason);
  }
  kvsp_reader_set_gap(r, status, from, KVSP_ID_BLOCK, reason);
  r->gap.to = from + r->block.laces.sizes[r->block.next];
  r->gap.frames_lost = 1;
  r->due |= DUE_GAP;
  pass_frame(r);
  return READER_GO_ON;
}

static void fill_frame(kvsp_reader *r, kvsp_view data, uint32_t flags) {
  struct block_in_hand *b = &r->block;
  kvsp_frame *f = &r->frame;
  f->data = data;
  f->size = b->laces.sizes[b->next];
  f->offset = b->offset + b->position;
  f->track = &b->track->shown;
  f->fragment = &r->document->shown;
  f->index = r->frame_index;
  f->pts_ns = lace_time(b);
  f->producer_time_ns = kvsp_fragment_producer_time(f->fragment, f->pts_ns);
  f->duration_ns = b->duration_ns;
  f->discard_padding_ns = b->discard_padding_ns;
  f->flags = flags;
  f->lacing = b->header.lacing;
  f->lace_index = b->next;
  f->lace_count = b->header.lace_count;
  f->owner = r;
  f->codec_state = b->codec_state;
  f->additions = b->addition_count ? b->additions : NULL;
  f->addition_count = b->addition_count;
}

/* KVSP_OK; READER_GO_ON when a GAP is due in the frame's place; errors. */
static int show_frame(kvsp_reader *r) {
  struct block_in_hand *b = &r->block;
  kvsp_view stored = {NULL, 0}, data;
  uint32_t flags = b->flags;
  int rc;
  if (b->data) {
    stored.data = b->data + b->position;
    stored.len = b->laces.sizes[b->next];
  }
  rc = frame_data(r, stored, &data, &flags);
  if (rc != KVSP_OK) return frame_fault(r, rc);
  fill_frame(r, data, flags);
  pass_frame(r);
  r->document->shown.frame_count++;
  show(r, KVSP_ITEM_FRAME);
  r->item.frame = &r->frame;
  return KVSP_OK;
}

/* KVSP_OK with the next item that is due, or READER_GO_ON. */
int kvsp_reader_show_due(kvsp_reader *r) {
  int rc;
  if (r->due & DUE_GAP) return show_gap(r);
  if (r->due & DUE_FRAGMENT) return show_fragment(r);
  if (r->due & DUE_FRAGMENT_END) return show_fragment_end(r);
  if (reader_block_is_due(r)) {
    rc = show_frame(r);
    return rc == READER_GO_ON ? show_gap(r) : rc;
  }
  if (r->due & DUE_TAGS) return show_tags(r);
  return READER_GO_ON;
}
