#include "reader.h"

#include <string.h>
#include "times.h"

static bool wants_track(const kvsp_reader *r, const kvsp_track *track) {
  if (r->track_types &&
      (track->type > 63 || !(r->track_types >> track->type & 1)))
    return false;
  if (r->track_number_count == 0) return true;
  for (size_t i = 0; i < r->track_number_count; i++)
    if (r->track_numbers[i] == track->number) return true;
  return false;
}

bool kvsp_reader_wants(const kvsp_reader *r, const kvsp_track *track,
                       uint32_t frame_flags) {
  if (r->flags & KVSP_READ_KEY_FRAMES && !(frame_flags & KVSP_FRAME_KEY))
    return false;
  return wants_track(r, track);
}

static bool wants_block(const kvsp_reader *r, const struct block_in_hand *b) {
  return kvsp_reader_wants(r, &b->track->shown, b->flags);
}

static uint32_t encoding_flags(const struct track *track) {
  const uint32_t compressed =
      KVSP_ENCODING_HEADER_STRIPPED | KVSP_ENCODING_ZLIB | KVSP_ENCODING_OTHER;
  uint32_t flags = 0;
  if (!(track->encoding_scope & ENCODING_FRAMES)) return 0;
  if (track->shown.encodings & KVSP_ENCODING_ENCRYPTED)
    flags |= KVSP_FRAME_ENCRYPTED;
  if (track->shown.encodings & compressed) flags |= KVSP_FRAME_COMPRESSED;
  return flags;
}

/* After damage, a Timestamp whose Cluster's header is lost is believed when it
 * is not long after that of this Cluster, which has a block. */
static void expect_later_clusters(kvsp_reader *r) {
  const struct document *d = r->document;
  uint64_t now = d->cluster_timestamp;
  uint64_t hour = UINT64_C(3600000000000) / d->shown.timestamp_scale;
  if (!d->has_timestamp || now >= UINT64_MAX - hour) return;
  kvsp_reader_expect_timestamps(r, now, now + hour);
}

void kvsp_reader_expect_timestamps(kvsp_reader *r, uint64_t min, uint64_t max) {
  r->tokenizer.rules.timestamp_min = min;
  r->tokenizer.rules.timestamp_max = max;
}

/* Takes up a block's header: its track, its time.  KVSP_OK, or an error with
 * the reason in *reason. */
static int open_block(kvsp_reader *r, kvsp_view v, const char **reason) {
  struct block_in_hand *b = &r->block;
  int rc = kvsp_block_read_header(v, &b->header);
  *reason = "The Block has no valid header.";
  if (rc != KVSP_OK) return rc;
  rc = kvsp_document_track(r->document, b->header.track_number,
                           &r->tokenizer.limits, &b->track);
  *reason = kvsp_status_text(rc);
  if (rc != KVSP_OK) return rc;
  *reason = "The Block's track is not among the fragment's Tracks.";
  if (!b->track) return KVSP_ERR_BLOCK;
  if (r->tokenizer.rules.timestamp_max == UINT64_MAX) expect_later_clusters(r);
  b->pts_ns =
      kvsp_document_block_time(r->document, b->track, b->header.timecode);
  b->duration_ns = b->track->shown.default_duration_ns;
  b->discard_padding_ns = 0;
  b->flags = block_frame_flags(b->header.flags);
  b->flags |= encoding_flags(b->track);
  b->codec_state.data = NULL;
  b->codec_state.len = 0;
  b->addition_count = 0;
  r->tokenizer.examined += b->header.size;
  return KVSP_OK;
}

/* The block's frames are due. */
static void show_block(kvsp_reader *r, const uint8_t *data, uint64_t offset) {
  struct block_in_hand *b = &r->block;
  b->data = r->flags & KVSP_READ_NO_DATA ? NULL : data;
  b->offset = offset;
  b->position = b->laces.first;
  b->next = 0;
  b->count = b->header.lace_count;
}

static void pass_over_block(kvsp_reader *r) {
  r->frame_index += r->block.header.lace_count;
}

/* Whether the block of the event in hand comes again, because the elements
 * before it were looked into and it was found once more. */
static bool was_shown(kvsp_reader *r) {
  uint64_t offset = r->event->offset;
  if (offset <= r->shown_last) {
    for (unsigned i = 0; i < READER_SHOWN_MAX; i++)
      if (offset > 0 && r->shown[i] == offset) return true;
  } else {
    r->shown_last = offset;
  }
  r->shown[r->shown_next++ % READER_SHOWN_MAX] = offset;
  return false;
}

/* A whole block, with its header taken up. */
static int show_laces(kvsp_reader *r, kvsp_view v, uint64_t offset) {
  struct block_in_hand *b = &r->block;
  int rc = kvsp_block_read_laces(v, &b->header, &b->laces);
  if (rc != KVSP_OK)
    return kvsp_reader_element_fault(r, rc,
                                     "The Block's lacing makes no sense.");
  if (was_shown(r)) return KVSP_OK;
  track_note_time(b->track, b->pts_ns);
  if (wants_block(r, b)) {
    show_block(r, v.data, offset);
  } else {
    pass_over_block(r);
  }
  return KVSP_OK;
}

/* With KVSP_READ_NO_DATA, the header of a SimpleBlock is enough; of a lace, all
 * of it is looked at.  What a size_t cannot count is beyond any max_frame. */
static int step_over_payload(kvsp_reader *r) {
  struct block_in_hand *b = &r->block;
  if (b->header.lacing != KVSP_LACING_NONE || r->event->size > SIZE_MAX / 4)
    return kvsp_reader_collect(r, r->event->size);
  if (was_shown(r)) return kvsp_tokenizer_skip(&r->tokenizer);
  track_note_time(b->track, b->pts_ns);
  if (wants_block(r, b)) {
    b->laces.first = b->header.size;
    b->laces.sizes[0] = (size_t)(r->event->size - b->header.size);
    b->count = 1; /* shown at the block's end, when its last byte is there */
    b->next = 1;
  } else {
    pass_over_block(r);
  }
  return kvsp_tokenizer_skip(&r->tokenizer);
}

/* What comes before the first block of a Cluster: the FRAGMENT, and a GAP
 * where the Cluster's time is not known.  KVSP_OK when nothing is due. */
static int prepare_for_block(kvsp_reader *r) {
  struct document *d = r->document;
  if (!d->announced) {
    r->due |= DUE_FRAGMENT;
    return READER_AGAIN;
  }
  if (d->has_timestamp || d->told_missing) return KVSP_OK;
  d->told_missing = true;
  if (r->flags & KVSP_READ_STRICT) {
    r->failed = KVSP_ERR_SCHEMA;
    return kvsp_reader_fail(r, KVSP_ERR_SCHEMA, r->event->offset,
                            KVSP_ID_CLUSTER, "The Cluster has no Timestamp.");
  }
  kvsp_reader_set_gap(r, KVSP_ERR_SCHEMA, r->event->offset, KVSP_ID_CLUSTER,
                      "The Cluster has no Timestamp.");
  r->gap.frames_lost = 0;
  r->due |= DUE_GAP;
  return READER_AGAIN;
}

/* The header is judged before the payload is waited for: what is no block may
 * have any size. */
int kvsp_reader_begin_simple_block(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  const char *reason;
  kvsp_view v;
  int rc = prepare_for_block(r);
  if (rc != KVSP_OK) return rc;
  r->block.count = 0;
  if (e->size > r->tokenizer.limits.max_frame)
    return kvsp_reader_collect(r, e->size); /* which tells of the limit */
  rc = kvsp_tokenizer_peek(&r->tokenizer, BLOCK_HEADER_MAX, &v);
  if (rc == KVSP_END) return kvsp_reader_collect(r, e->size);
  if (rc != KVSP_OK) return rc;
  rc = open_block(r, v, &reason);
  if (rc != KVSP_OK) return kvsp_reader_element_fault(r, rc, reason);
  return r->flags & KVSP_READ_NO_DATA ? step_over_payload(r)
                                      : kvsp_reader_collect(r, e->size);
}

int kvsp_reader_simple_block_data(kvsp_reader *r) {
  return show_laces(r, r->event->data, r->event->data_offset);
}

/* A payload that was stepped over is complete now. */
void kvsp_reader_end_simple_block(kvsp_reader *r) {
  if (r->block.count == 0) return;
  show_block(r, NULL, r->event->offset + r->event->header_size);
}

int kvsp_reader_begin_block_group(kvsp_reader *r) {
  int rc = prepare_for_block(r);
  return rc == KVSP_OK ? kvsp_reader_collect(r, r->event->size) : rc;
}

/* A group whose children make no sense: its size may be wrong, and what it
 * reaches over is looked for. */
static int group_fault(kvsp_reader *r, int status) {
  const char *reason = kvsp_status_text(status);
  if (r->flags & KVSP_READ_STRICT) return kvsp_reader_status_fault(r, status);
  status = kvsp_tokenizer_reject(&r->tokenizer, status, reason);
  status = kvsp_reader_tokenizer_fault(r, status);
  return status == READER_GO_ON ? KVSP_OK : status;
}

int kvsp_reader_block_group_data(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  struct block_in_hand *b = &r->block;
  struct block_group group;
  const char *reason;
  int rc = kvsp_block_read_group(e->data, &group);
  if (rc != KVSP_OK) return group_fault(r, rc);
  if (!group.has_block)
    return kvsp_reader_element_fault(r, KVSP_ERR_BLOCK,
                                     "The BlockGroup has no Block.");
  rc = open_block(r, group.block, &reason);
  if (rc != KVSP_OK) return kvsp_reader_element_fault(r, rc, reason);
  b->flags &= ~(uint32_t)(KVSP_FRAME_KEY | KVSP_FRAME_DISCARDABLE);
  if (!group.has_reference) b->flags |= KVSP_FRAME_KEY;
  if (group.has_duration && group.duration <= INT64_MAX)
    b->duration_ns =
        kvsp_time_scale((int64_t)(group.duration / b->header.lace_count),
                        r->document->shown.timestamp_scale);
  b->discard_padding_ns = group.discard_padding_ns;
  b->codec_state = group.codec_state;
  b->addition_count = group.addition_count;
  memcpy(b->additions, group.additions, sizeof b->additions);
  if (group.crc_mismatch && r->flags & KVSP_READ_CHECK_CRC) {
    rc = kvsp_reader_crc_fault(r, e->data_offset, e->data_offset + e->size);
    if (rc != KVSP_OK) return rc;
  }
  return show_laces(r, group.block, e->data_offset + group.block_offset);
}

/* RFC 9559, 5.1.3.6: the format of its payload was never settled. */
int kvsp_reader_encrypted_block(kvsp_reader *r) {
  int rc = prepare_for_block(r);
  if (rc != KVSP_OK) return rc;
  return kvsp_reader_element_fault(
      r, KVSP_ERR_UNSUPPORTED,
      "An EncryptedBlock: its frames cannot be read without its keys.");
}
