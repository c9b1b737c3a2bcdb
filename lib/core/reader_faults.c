#include "reader.h"

int kvsp_reader_fail(kvsp_reader *r, int status, uint64_t offset, uint64_t id,
                     const char *message) {
  r->error.status = status;
  r->error.offset = offset;
  r->error.element_id = id;
  r->error.message = message;
  return status;
}

static bool is_limit(int status) {
  return status <= KVSP_ERR_LIMIT_DEPTH && status >= KVSP_ERR_LIMIT_FRAME;
}

/* Faults of the data, and limits that an element is beyond: what a GAP tells.
 * The rest concerns the reader as a whole. */
static bool can_be_gap(int status) {
  return is_limit(status) ||
         (status <= KVSP_ERR_EBML && status >= KVSP_ERR_COMPRESSION) ||
         status == KVSP_ERR_UNSUPPORTED;
}

void kvsp_reader_set_gap(kvsp_reader *r, int status, uint64_t from, uint64_t id,
                         const char *reason) {
  r->gap.status = status;
  r->gap.from = from;
  r->gap.to = from;
  r->gap.element_id = id;
  r->gap.reason = reason;
  r->gap.frames_lost = -1;
  r->gap.fragments_affected = r->document_open;
  if (r->document_open) r->document->shown.flags |= KVSP_FRAGMENT_DAMAGED;
}

/* As large may unknown elements be that are kept. */
#define UNKNOWN_MAX (UINT64_C(64) * 1024)

static bool is_kept(const kvsp_reader *r, const kvsp_event *e) {
  const kvsp_limits *limits = &r->tokenizer.limits;
  if (!e->info && e->size > UNKNOWN_MAX) return false;
  return e->size <= limits->max_value && e->size <= limits->max_frame;
}

/* An element that is not needed.  It is kept, as all elements are, until what
 * follows it makes sense; or, where it is too large for that, searched for
 * elements that its size, which may be wrong, reaches over.  Attachments may
 * be Matroska files themselves. */
int kvsp_reader_pass_over(kvsp_reader *r) {
  const kvsp_event *e = r->event;
  bool is_master = e->type == KVSP_EVENT_MASTER_BEGIN;
  int rc;
  if (e->size == KVSP_SIZE_UNKNOWN) return KVSP_OK;
  r->passed_over = e->offset;
  if (e->id == KVSP_ID_ATTACHMENTS) {
    rc = kvsp_tokenizer_skip(&r->tokenizer);
  } else if (is_kept(r, e)) {
    rc = kvsp_tokenizer_collect_up_to(&r->tokenizer, e->size, e->size);
  } else {
    rc = kvsp_tokenizer_search(&r->tokenizer);
  }
  r->end_is_skipped = is_master && rc == KVSP_OK;
  return rc;
}

/* A block that is none, or of no use: its size need not be right. */
static int search_block(kvsp_reader *r) {
  r->passed_over = r->event->offset;
  return kvsp_tokenizer_search(&r->tokenizer);
}

/* The element of the current event cannot be used; those behind it can. */
int kvsp_reader_element_fault(kvsp_reader *r, int status, const char *reason) {
  const kvsp_event *e = r->event;
  bool is_block = e->id == KVSP_ID_SIMPLE_BLOCK ||
                  e->id == KVSP_ID_BLOCK_GROUP ||
                  e->id == KVSP_ID_ENCRYPTED_BLOCK;
  if (!can_be_gap(status))
    return kvsp_reader_fail(r, status, e->offset, e->id, reason);
  if (r->flags & KVSP_READ_STRICT) {
    if (!is_limit(status)) r->failed = status;
    return kvsp_reader_fail(r, status, e->offset, e->id, reason);
  }
  kvsp_reader_set_gap(r, status, e->offset, e->id, reason);
  r->gap.to = kvsp_tokenizer_element_end(&r->tokenizer);
  if (r->gap.to == KVSP_SIZE_UNKNOWN) r->gap.to = e->data_offset;
  if (!is_block) r->gap.frames_lost = 0;
  r->due |= DUE_GAP;
  if (is_block && e->type == KVSP_EVENT_BLOB_BEGIN && !is_limit(status))
    return search_block(r);
  if (e->type == KVSP_EVENT_MASTER_BEGIN || e->type == KVSP_EVENT_BLOB_BEGIN)
    return kvsp_reader_pass_over(r);
  return KVSP_OK;
}

int kvsp_reader_status_fault(kvsp_reader *r, int status) {
  return kvsp_reader_element_fault(r, status, kvsp_status_text(status));
}

/* Bytes that do not match their CRC-32, but can be read all the same. */
int kvsp_reader_crc_fault(kvsp_reader *r, uint64_t from, uint64_t to) {
  const char *reason = kvsp_status_text(KVSP_ERR_CRC);
  if (r->flags & KVSP_READ_STRICT) {
    r->failed = KVSP_ERR_CRC;
    return kvsp_reader_fail(r, KVSP_ERR_CRC, from, r->event->id, reason);
  }
  kvsp_reader_set_gap(r, KVSP_ERR_CRC, from, r->event->id, reason);
  r->gap.to = to;
  r->gap.frames_lost = 0;
  r->due |= DUE_GAP;
  return KVSP_OK;
}

/* The tokenizer cannot go on by itself. */
int kvsp_reader_tokenizer_fault(kvsp_reader *r, int status) {
  const kvsp_error_info *e = &r->tokenizer.error;
  if (!can_be_gap(status))
    return kvsp_reader_fail(r, status, kvsp_tokenizer_offset(&r->tokenizer), 0,
                            kvsp_status_text(status));
  if (r->flags & KVSP_READ_STRICT)
    return kvsp_reader_fail(r, status, e->offset, e->element_id, e->message);
  if (!r->resyncing)
    kvsp_reader_set_gap(r, status, e->offset, e->element_id, e->message);
  r->resyncing = true;
  if (r->document_open && !is_limit(status)) {
    kvsp_document_abort(r->document);
    if (r->head) kvsp_head_abort(r->head);
  }
  status = kvsp_tokenizer_resync(&r->tokenizer);
  return status == KVSP_OK ? READER_GO_ON : status;
}

/* Elements go on at offset.  Where that is before the fault, they were found
 * inside the element that stood before it. */
void kvsp_reader_end_resync(kvsp_reader *r, uint64_t offset) {
  if (offset <= r->gap.from && r->tokenizer.suspect < r->gap.from)
    r->gap.from = r->tokenizer.suspect;
  r->gap.to = offset;
  r->landed = r->torn = true;
  r->resyncing = false;
  r->due |= DUE_GAP;
}

/* A Block beyond max_frame: its payload is searched for an EBML header, since
 * such a size is rather damage than a frame. */
static int collect_fault(kvsp_reader *r, int status) {
  if (status != KVSP_ERR_LIMIT_FRAME || (r->flags & KVSP_READ_STRICT))
    return kvsp_reader_status_fault(r, status);
  status = kvsp_reader_tokenizer_fault(r, status);
  return status == READER_GO_ON ? KVSP_OK : status;
}

int kvsp_reader_collect(kvsp_reader *r, uint64_t size) {
  int rc = kvsp_tokenizer_collect(&r->tokenizer, size);
  return rc == KVSP_OK ? KVSP_OK : collect_fault(r, rc);
}
