#include "reader.h"

/* Segment, Tags and Tag are around it. */
#define SIMPLE_TAG_DEPTH 3u

/* The fragment before is kept while its tracks are compared with those of
 * fragments to come. */
static void rotate_documents(kvsp_reader *r) {
  struct document *last = r->document;
  if (last->tracks.count) {
    r->document = r->with_tracks;
    r->with_tracks = last;
  }
  kvsp_document_reset(r->document);
}

/* The document that was open ends where the event in hand begins. */
static int end_document(kvsp_reader *r) {
  r->document->shown.size = r->event->offset - r->document->shown.offset;
  r->due |= DUE_FRAGMENT_END;
  if (!r->document->announced) r->due |= DUE_FRAGMENT;
  return READER_AGAIN;
}

static int begin_document(kvsp_reader *r, uint32_t flags) {
  if (r->document_open) return end_document(r);
  rotate_documents(r);
  if (r->head) kvsp_head_reset(r->head);
  kvsp_window_trim(&r->tokenizer.window);
  r->document->shown.index = r->document_count++;
  r->document->shown.offset = r->event->offset;
  r->document->shown.flags = flags;
  r->document_open = true;
  r->segment_seen = false;
  r->torn = false;
  kvsp_reader_expect_timestamps(r, 0, UINT64_MAX);
  r->frame_index = 0;
  return KVSP_OK;
}

/* A document whose EBML header is lost begins with its Segment, or, after
 * damage, with what stands before the first Cluster of each. */
static bool begins_lost_document(const kvsp_reader *r) {
  uint64_t id = r->event->id;
  if (!r->document_open) return true;
  if (r->event->flags & KVSP_EVENT_IMPLIED) return false;
  if (id == KVSP_ID_SEGMENT) return r->segment_seen;
  if (!r->torn || !r->document->cluster_seen) return false;
  return id == KVSP_ID_INFO || id == KVSP_ID_TRACKS || id == KVSP_ID_SEEK_HEAD;
}

static int begin_lost_document(kvsp_reader *r) {
  static const char reason[] = "A document begins without an EBML header.";
  const kvsp_event *e = r->event;
  int rc;
  if (r->flags & KVSP_READ_STRICT) {
    r->failed = KVSP_ERR_SCHEMA;
    return kvsp_reader_fail(r, KVSP_ERR_SCHEMA, e->offset, e->id, reason);
  }
  /* What is missing may be the end of the document before, too: its last block
   * may have been cut, and filled up with the beginning of this one. */
  if (r->document_open) r->document->shown.flags |= KVSP_FRAGMENT_DAMAGED;
  rc = begin_document(r, KVSP_FRAGMENT_DAMAGED);
  if (rc != KVSP_OK || r->landed) return rc;
  kvsp_reader_set_gap(r, KVSP_ERR_SCHEMA, e->offset, e->id, reason);
  r->gap.frames_lost = 0;
  r->due |= DUE_GAP;
  return KVSP_OK;
}

void kvsp_reader_close_document(kvsp_reader *r) {
  kvsp_fragment *f = &r->document->shown;
  if (r->document->cluster_seen) {
    r->before.start_ns = f->start_ns;
    r->before.end_ns = kvsp_tracks_end_ns(&r->document->tracks);
    if (r->before.end_ns == KVSP_TIME_NONE) r->before.end_ns = f->start_ns;
    r->before.producer_time_ns = f->producer_time_ns;
    r->has_before = true;
  }
  r->document_open = false;
}

/* Masters whose children matter; the others are stepped over. */
static bool is_entered(uint64_t id) {
  switch (id) {
    case KVSP_ID_EBML:
    case KVSP_ID_SEGMENT:
    case KVSP_ID_INFO:
    case KVSP_ID_TRACKS:
    case KVSP_ID_TRACK_ENTRY:
    case KVSP_ID_VIDEO:
    case KVSP_ID_AUDIO:
    case KVSP_ID_CONTENT_ENCODINGS:
    case KVSP_ID_CONTENT_ENCODING:
    case KVSP_ID_CONTENT_COMPRESSION:
    case KVSP_ID_CLUSTER:
    case KVSP_ID_TAGS:
    case KVSP_ID_TAG:
    case KVSP_ID_TARGETS:
    case KVSP_ID_SIMPLE_TAG: return true;
    default: return false;
  }
}

static int begin_implied(kvsp_reader *r) {
  if (r->event->id == KVSP_ID_CLUSTER) kvsp_document_imply_cluster(r->document);
  return KVSP_OK;
}

/* A master that says nothing of fragments and frames.  A CRC-32 in it is seen
 * by going into it. */
static int begin_unneeded(kvsp_reader *r) {
  if (r->head && kvsp_head_wants(r->head, r->event)) return KVSP_OK;
  return r->flags & KVSP_READ_CHECK_CRC ? KVSP_OK : kvsp_reader_pass_over(r);
}

/* One inside another that was given up does not become one by itself. */
static bool is_in_its_tag(const kvsp_reader *r) {
  return r->event->depth == SIMPLE_TAG_DEPTH + r->document->tag_builder.depth;
}

/* A short cut: nearly every SimpleTag can be taken whole, instead of by four
 * events. */
static int begin_simple_tag(kvsp_reader *r) {
  kvsp_tokenizer *t = &r->tokenizer;
  kvsp_view name, string;
  int rc;
  if (!kvsp_tokenizer_tag_at_hand(t, &name, &string))
    return kvsp_document_begin_master(r->document, KVSP_ID_SIMPLE_TAG,
                                      &t->limits);
  rc = kvsp_document_simple_tag(r->document, name, string, &t->limits);
  if (rc != KVSP_OK) return rc;
  kvsp_tokenizer_take_tag(t, name);
  r->landed = false;
  return KVSP_OK;
}

static int begin_entered(kvsp_reader *r) {
  uint64_t id = r->event->id;
  int rc;
  if (id == KVSP_ID_SEGMENT) r->segment_seen = true;
  if (id == KVSP_ID_CLUSTER) r->torn = false;
  rc = id == KVSP_ID_SIMPLE_TAG
           ? begin_simple_tag(r)
           : kvsp_document_begin_master(r->document, id, &r->tokenizer.limits);
  return rc == KVSP_OK ? KVSP_OK : kvsp_reader_status_fault(r, rc);
}

static int on_master_begin(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  int rc;
  if (e->id == KVSP_ID_EBML) return begin_document(r, 0);
  if (begins_lost_document(r)) {
    rc = begin_lost_document(r);
    if (rc != KVSP_OK) return rc;
  }
  if (e->flags & KVSP_EVENT_IMPLIED) return begin_implied(r);
  if (e->flags & KVSP_EVENT_MISPLACED) return kvsp_reader_pass_over(r);
  if (e->id == KVSP_ID_SIMPLE_TAG && !is_in_its_tag(r))
    return kvsp_reader_pass_over(r);
  if (e->id == KVSP_ID_BLOCK_GROUP) return kvsp_reader_begin_block_group(r);
  return is_entered(e->id) ? begin_entered(r) : begin_unneeded(r);
}

static int end_track(kvsp_reader *r) {
  kvsp_view entry = {NULL, 0};
  if (!(r->flags & KVSP_READ_ENTRIES)) return KVSP_OK;
  entry = kvsp_head_content(r->head, r->event);
  return kvsp_document_keep_entry(r->document, entry);
}

/* A CodecPrivate that is too large when it is decompressed can stay as it is
 * stored, unless the first fault is to end it all. */
static int end_master(kvsp_reader *r) {
  int rc = KVSP_OK;
  if (r->event->id == KVSP_ID_TRACK_ENTRY) rc = end_track(r);
  if (rc != KVSP_OK) return rc;
  rc =
      kvsp_document_end_master(r->document, r->event->id, &r->tokenizer.limits);
  if (rc != KVSP_ERR_LIMIT_VALUE || r->flags & KVSP_READ_STRICT) return rc;
  kvsp_document_leave_private(r->document);
  rc = kvsp_reader_status_fault(r, rc);
  return rc == KVSP_OK ? READER_AGAIN : rc;
}

static int close_master(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  int rc;
  if (r->end_is_skipped) {
    r->end_is_skipped = false;
    return KVSP_OK;
  }
  if (e->id == KVSP_ID_CLUSTER && !r->document->announced)
    r->due |= DUE_FRAGMENT;
  if (e->id == KVSP_ID_TAGS && r->document->cluster_seen) r->due |= DUE_TAGS;
  rc = end_master(r);
  if (rc == KVSP_ERR_SCHEMA)
    return kvsp_reader_element_fault(r, rc,
                                     "The TrackEntry has no TrackNumber.");
  return rc < 0 ? kvsp_reader_status_fault(r, rc) : rc;
}

/* A wrong checksum is told once, when nothing can make the event come again. */
static int on_master_end(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  bool mismatch = (e->flags & KVSP_EVENT_CRC_MISMATCH) != 0;
  uint64_t from = e->offset + e->header_size;
  int rc;
  if (mismatch && r->flags & KVSP_READ_STRICT)
    return kvsp_reader_crc_fault(r, from, e->data_offset);
  rc = close_master(r);
  if (rc != KVSP_OK || !mismatch || r->due & DUE_GAP) return rc;
  return kvsp_reader_crc_fault(r, from, e->data_offset);
}

static int on_value(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  int rc;
  if (e->flags & KVSP_EVENT_MISPLACED) return KVSP_OK;
  /* An empty element has its default (RFC 8794, 11.1.6.8), as a missing one. */
  if (e->size == 0 && e->info && e->info->flags & KVSP_ELEMENT_HAS_DEFAULT)
    return KVSP_OK;
  rc = kvsp_document_value(r->document, e->id, e->data);
  if (rc != KVSP_OK) return kvsp_reader_status_fault(r, rc);
  if (e->id == KVSP_ID_TIMESTAMP) {
    kvsp_reader_expect_timestamps(r, 0, UINT64_MAX);
    if (!r->document->announced) r->due |= DUE_FRAGMENT;
  }
  return KVSP_OK;
}

/* In a Cluster, what has lost its place was most likely a block. */
static int pass_misplaced(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  int rc;
  if (e->depth != 2 || r->tokenizer.levels[1].id != KVSP_ID_CLUSTER)
    return kvsp_reader_pass_over(r);
  rc = kvsp_reader_status_fault(r, KVSP_ERR_SCHEMA);
  r->gap.frames_lost = -1;
  return rc;
}

/* A binary value that is collected whole. */
static int begin_binary(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  if (e->size > r->tokenizer.limits.max_value)
    return kvsp_reader_status_fault(r, KVSP_ERR_LIMIT_VALUE);
  return kvsp_tokenizer_collect_up_to(&r->tokenizer, e->size, e->size);
}

static int on_blob_begin(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  if (e->flags & KVSP_EVENT_MISPLACED) return pass_misplaced(r);
  switch (e->id) {
    case KVSP_ID_SIMPLE_BLOCK: return kvsp_reader_begin_simple_block(r);
    case KVSP_ID_ENCRYPTED_BLOCK: return kvsp_reader_encrypted_block(r);
    case KVSP_ID_CODEC_PRIVATE:
    case KVSP_ID_CONTENT_COMP_SETTINGS:
    case KVSP_ID_TAG_BINARY: return begin_binary(r);
    default:
      if (r->head && kvsp_head_wants(r->head, e)) return begin_binary(r);
      return kvsp_reader_pass_over(r);
  }
}

static int on_blob_data(kvsp_reader *r) {
  if (r->event->offset == r->passed_over) return KVSP_OK;
  switch (r->event->id) {
    case KVSP_ID_SIMPLE_BLOCK: return kvsp_reader_simple_block_data(r);
    case KVSP_ID_BLOCK_GROUP: return kvsp_reader_block_group_data(r);
    default: return on_value(r);
  }
}

static int on_blob_end(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  if (e->id == KVSP_ID_SIMPLE_BLOCK) kvsp_reader_end_simple_block(r);
  /* An empty TagBinary is a value too, but shows no data. */
  if (e->id == KVSP_ID_TAG_BINARY && e->size == 0) return on_value(r);
  return KVSP_OK;
}

int kvsp_reader_handle_event(kvsp_reader *r) {
  switch (r->event->type) {
    case KVSP_EVENT_MASTER_BEGIN: return on_master_begin(r);
    case KVSP_EVENT_MASTER_END: return on_master_end(r);
    case KVSP_EVENT_VALUE: return on_value(r);
    case KVSP_EVENT_BLOB_BEGIN: return on_blob_begin(r);
    case KVSP_EVENT_BLOB_DATA: return on_blob_data(r);
    case KVSP_EVENT_BLOB_END: return on_blob_end(r);
    default: return KVSP_OK;
  }
}
