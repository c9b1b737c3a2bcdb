#include "tokenizer_parts.h"

#include <string.h>

#include "vint.h"

/* RFC 8794, 11.2.4 and 11.2.5: EBMLMaxIDLength, EBMLMaxSizeLength, and how far
 * we go. */
#define ID_SIZE_DEFAULT 4u
#define ID_SIZE_MAX 8u
#define SIZE_SIZE_DEFAULT 8u
#define SIZE_SIZE_MAX 16u
/* No stream is that long: offsets and sizes can be added up without care. */
#define SIZE_BEYOND_ALL (UINT64_C(1) << 62)

/* ---- making, resetting, lending ---------------------------------------- */

void kvsp_tokenizer_init(kvsp_tokenizer *t, struct memory *memory,
                         const kvsp_limits *limits) {
  memset(t, 0, sizeof *t);
  t->memory = memory;
  t->limits = *limits;
  t->max_id_size = ID_SIZE_DEFAULT;
  t->max_size_size = SIZE_SIZE_DEFAULT;
  t->rules.max_frame = limits->max_frame;
  t->rules.timestamp_max = UINT64_MAX;
  t->landed = UINT64_MAX;
  t->searched = UINT64_MAX;
  t->judged = UINT64_MAX;
  t->error.message = kvsp_status_text(KVSP_OK);
  kvsp_window_init(&t->window, memory);
}

static void observe(void *user, uint64_t offset, const uint8_t *bytes,
                    size_t len) {
  kvsp_tokenizer *t = user;
  if (t->crc.count) kvsp_crc_update(&t->crc, offset, bytes, len);
}

void kvsp_tokenizer_check_crc(kvsp_tokenizer *t) {
  t->checks_crc = true;
  t->window.observer = observe;
  t->window.observer_user = t;
}

void kvsp_tokenizer_clear(kvsp_tokenizer *t) {
  kvsp_window_clear(&t->window);
  kvsp_memory_release(t->memory, t->levels,
                      t->level_capacity * sizeof *t->levels);
  t->levels = NULL;
  t->level_capacity = 0;
}

int kvsp_tokenizer_new(kvsp_tokenizer **out,
                       const kvsp_tokenizer_config *config) {
  struct memory memory = {.used = 0};
  kvsp_limits limits;
  void *made = NULL;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (config && config->struct_size != sizeof *config) return KVSP_ERR_ARG;
  if (config &&
      (config->reserved || config->flags & ~(uint32_t)KVSP_TOKENIZE_CHECK_CRC))
    return KVSP_ERR_ARG;
  rc = kvsp_limits_init(&limits, config ? config->limits : NULL);
  if (rc != KVSP_OK) return rc;
  rc =
      kvsp_allocator_init(&memory.allocator, config ? config->allocator : NULL);
  if (rc != KVSP_OK) return rc;
  memory.max = limits.max_memory;
  rc = kvsp_memory_alloc(&memory, sizeof **out, &made);
  if (rc != KVSP_OK) return rc;
  *out = made;
  kvsp_tokenizer_init(*out, &(*out)->own_memory, &limits);
  (*out)->own_memory = memory;
  if (config && config->flags) kvsp_tokenizer_check_crc(*out);
  return KVSP_OK;
}

void kvsp_tokenizer_free(kvsp_tokenizer *t) {
  struct memory memory;
  if (!t) return;
  kvsp_tokenizer_clear(t);
  memory = t->own_memory;
  kvsp_memory_release(&memory, t, sizeof *t);
}

int kvsp_tokenizer_reset(kvsp_tokenizer *t) {
  struct memory own_memory;
  kvsp_limits limits;
  bool checks_crc;
  if (!t) return KVSP_ERR_ARG;
  limits = t->limits;
  checks_crc = t->checks_crc;
  kvsp_tokenizer_clear(t);
  own_memory = t->own_memory;
  kvsp_tokenizer_init(t, t->memory, &limits);
  t->own_memory = own_memory;
  if (checks_crc) kvsp_tokenizer_check_crc(t);
  return KVSP_OK;
}

int kvsp_tokenizer_set_limits(kvsp_tokenizer *t, const kvsp_limits *limits) {
  kvsp_limits checked;
  int rc;
  if (!t) return KVSP_ERR_ARG;
  rc = kvsp_limits_init(&checked, limits);
  if (rc != KVSP_OK) return rc;
  t->limits = checked;
  t->rules.max_frame = checked.max_frame;
  t->memory->max = checked.max_memory;
  return KVSP_OK;
}

/* Without memory, nothing goes on: the code comes from every call. */
static bool is_lost(const kvsp_tokenizer *t) {
  return kvsp_status_is_fatal(t->error.status) != 0;
}

/* An error that no step has noted, because it is no element's. */
static int note_memory(kvsp_tokenizer *t, int rc) {
  bool lost = rc < 0 && kvsp_status_is_fatal(rc);
  if (rc != KVSP_ERR_LIMIT_MEMORY && !lost) return rc;
  kvsp_tokenizer_set_error(t, rc, t->window.offset, 0, kvsp_status_text(rc));
  if (lost) t->state = TOKENIZER_FAILED;
  return rc;
}

int kvsp_tokenizer_input(kvsp_tokenizer *t, const void *data, size_t len,
                         unsigned flags) {
  if (!t || (!data && len) || (flags & ~KVSP_FINAL)) return KVSP_ERR_ARG;
  if (is_lost(t)) return t->error.status;
  return kvsp_window_lend(&t->window, data, len, (flags & KVSP_FINAL) != 0);
}

/* What the last event showed is used now. */
void kvsp_tokenizer_take_delivered(kvsp_tokenizer *t) {
  if (t->delivered == 0) return;
  window_take(&t->window, t->delivered);
  t->delivered = 0;
}

int kvsp_tokenizer_reserve(kvsp_tokenizer *t, size_t want, void **data,
                           size_t *capacity) {
  if (!t || !data || !capacity) return KVSP_ERR_ARG;
  if (is_lost(t)) return t->error.status;
  kvsp_tokenizer_take_delivered(t);
  return note_memory(t, kvsp_window_reserve(&t->window, want, data, capacity));
}

int kvsp_tokenizer_trim(kvsp_tokenizer *t) {
  kvsp_tokenizer_take_delivered(t);
  return kvsp_window_shrink(&t->window);
}

int kvsp_tokenizer_commit(kvsp_tokenizer *t, size_t len, unsigned flags) {
  if (!t || (flags & ~KVSP_FINAL)) return KVSP_ERR_ARG;
  if (is_lost(t)) return t->error.status;
  return kvsp_window_commit(&t->window, len, (flags & KVSP_FINAL) != 0);
}

const kvsp_error_info *kvsp_tokenizer_error(const kvsp_tokenizer *t) {
  static const kvsp_error_info no_object = {KVSP_ERR_ARG, 0, 0,
                                            "There is no tokenizer."};
  return t ? &t->error : &no_object;
}

uint64_t kvsp_tokenizer_offset(const kvsp_tokenizer *t) {
  return t ? t->window.offset + t->delivered : 0;
}

/* ---- events and faults -------------------------------------------------- */

void kvsp_tokenizer_set_error(kvsp_tokenizer *t, int status, uint64_t offset,
                              uint64_t id, const char *message) {
  t->error.status = status;
  t->error.offset = offset;
  t->error.element_id = id;
  t->error.message = message;
}

static int fault(kvsp_tokenizer *t, int status, const char *message) {
  kvsp_tokenizer_set_error(t, status, t->window.offset,
                           t->header.complete ? t->header.id : 0, message);
  t->state = TOKENIZER_FAILED;
  return status;
}

/* The element's header stays unread, so that the call can be repeated. */
static int limit(kvsp_tokenizer *t, int status) {
  fault(t, status, kvsp_status_text(status));
  t->state = TOKENIZER_ELEMENT;
  return status;
}

/* An event about the element whose header was just taken. */
static int header_event(kvsp_tokenizer *t, uint32_t type, unsigned flags) {
  kvsp_event *e = &t->event;
  e->type = type;
  e->flags = flags;
  e->id = t->header.id;
  e->depth = (uint32_t)t->depth;
  e->header_size = t->header.id_size + t->header.size_size;
  e->offset = t->window.offset - e->header_size;
  e->size = t->header.size;
  e->data_offset = t->window.offset;
  e->data.data = NULL;
  e->data.len = 0;
  e->info = t->header.info;
  return KVSP_OK;
}

int kvsp_tokenizer_master_end(kvsp_tokenizer *t) {
  const struct level *level = &t->levels[--t->depth];
  kvsp_event *e = &t->event;
  e->type = KVSP_EVENT_MASTER_END;
  e->flags = kvsp_crc_end(&t->crc, t->depth) ? KVSP_EVENT_CRC_MISMATCH : 0;
  e->id = level->id;
  e->depth = (uint32_t)t->depth;
  e->header_size = level->header_size;
  e->offset = level->offset;
  e->size = level->size;
  e->data_offset = t->window.offset;
  e->data.data = NULL;
  e->data.len = 0;
  e->info = level->info;
  if (t->close_to > t->depth) t->close_to = t->depth;
  return KVSP_OK;
}

uint64_t kvsp_tokenizer_bound(const kvsp_tokenizer *t) {
  return t->depth ? t->levels[t->depth - 1].bound : KVSP_SIZE_UNKNOWN;
}

/* How many bytes the open masters still have room for. */
static uint64_t room_in_parent(const kvsp_tokenizer *t) {
  uint64_t bound = kvsp_tokenizer_bound(t);
  return bound == KVSP_SIZE_UNKNOWN ? UINT64_MAX : bound - t->window.offset;
}

/* ---- reading a header ---------------------------------------------------- */

/* How long the VINT is that begins with this byte; 9 for none. */
static unsigned vint_size(uint8_t first) {
  unsigned size = 1;
  while (size <= 8 && !(first & (0x80u >> (size - 1)))) size++;
  return size;
}

/* Nothing more comes: fine between elements of unknown size. */
static int at_end(kvsp_tokenizer *t) {
  bool clean = window_view(&t->window).len == 0 &&
               kvsp_tokenizer_bound(t) == KVSP_SIZE_UNKNOWN;
  if (!clean && !t->cut)
    return fault(t, KVSP_ERR_TRUNCATED, "The stream ends inside an element.");
  t->close_to = 0;
  if (t->depth > 0) return TOKENIZER_GO_ON;
  t->state = TOKENIZER_ENDED;
  return TOKENIZER_GO_ON;
}

/* n bytes of the header, if the parent has room for them. */
static int need_header(kvsp_tokenizer *t, size_t n) {
  int rc;
  if (n > room_in_parent(t))
    return fault(t, KVSP_ERR_OVERFLOW,
                 "An element's header reaches past its parent's end.");
  rc = kvsp_window_need(&t->window, n);
  return rc == KVSP_END ? at_end(t) : rc;
}

static int read_id_size(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  unsigned size;
  int rc = need_header(t, 1);
  if (rc != KVSP_OK) return rc;
  size = vint_size(window_view(&t->window).data[0]);
  t->examined++;
  if (size > t->max_id_size)
    return fault(t, KVSP_ERR_EBML, "No element begins with this byte.");
  h->id_size = size;
  return KVSP_OK;
}

/* Sizes of more than 8 bytes begin with a byte 0. */
static int read_long_size_size(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  unsigned size;
  int rc = need_header(t, h->id_size + 2);
  if (rc != KVSP_OK) return rc;
  size = 8 + vint_size(window_view(&t->window).data[h->id_size + 1]);
  t->examined++;
  if (size > t->max_size_size)
    return fault(t, KVSP_ERR_EBML, "The size of the element is no VINT.");
  h->size_size = size;
  return KVSP_OK;
}

static int read_size_size(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  unsigned size;
  int rc = need_header(t, h->id_size + 1);
  if (rc != KVSP_OK) return rc;
  size = vint_size(window_view(&t->window).data[h->id_size]);
  t->examined++;
  if (size > 8 && t->max_size_size > 8) return read_long_size_size(t);
  if (size > 8)
    return fault(t, KVSP_ERR_EBML, "The size of the element is no VINT.");
  h->size_size = size;
  return KVSP_OK;
}

/* The value of a size of more than 8 bytes: what 64 bits cannot hold is more
 * than any parent has. */
static uint64_t long_size(kvsp_view v) {
  unsigned marker = 16 - (unsigned)v.len;
  bool all_ones = v.data[1] == (0xFFu >> (7 - marker));
  uint64_t size = v.data[1] & ((1u << marker) - 1);
  bool too_large = false;
  for (size_t i = 2; i < v.len; i++) {
    all_ones = all_ones && v.data[i] == 0xFF;
    too_large = too_large || size >> 56;
    size = size << 8 | v.data[i];
  }
  if (all_ones) return KVSP_SIZE_UNKNOWN;
  return too_large ? SIZE_BEYOND_ALL : size;
}

/* Nearly every header is at hand at once, and right.  False, and nothing is
 * changed, when this one is not. */
static bool read_whole_header(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  kvsp_view v = window_view(&t->window);
  uint64_t id, size;
  int id_size = vint_read_id(v, &id);
  int size_size;
  if (id_size <= 0 || (unsigned)id_size > t->max_id_size) return false;
  v.data += id_size;
  v.len -= (size_t)id_size;
  size_size = vint_read_size(v, &size);
  if (size_size <= 0 || (unsigned)(id_size + size_size) > room_in_parent(t))
    return false;
  h->id = id;
  h->id_size = (unsigned)id_size;
  h->size = size;
  h->size_size = (unsigned)size_size;
  t->examined += h->id_size + h->size_size;
  return true;
}

/* The header of the next element, piece by piece.  What is known of it is kept
 * between calls, so that no byte is looked at twice. */
static int read_split_header(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  kvsp_view v;
  int rc = h->id_size ? KVSP_OK : read_id_size(t);
  if (rc == KVSP_OK && !h->size_size) rc = read_size_size(t);
  if (rc == KVSP_OK) rc = need_header(t, h->id_size + h->size_size);
  if (rc != KVSP_OK) return rc;
  v = window_view(&t->window);
  if (kvsp_ebml_read_id(v, &h->id) < 0)
    return fault(t, KVSP_ERR_EBML, "These bytes are reserved as element ID.");
  v.data += h->id_size;
  v.len -= h->id_size;
  v.len = h->size_size;
  if (v.len > 8) {
    h->size = long_size(v);
  } else {
    (void)kvsp_ebml_read_size(v, &h->size);
  }
  t->examined += h->id_size + h->size_size - 2;
  return KVSP_OK;
}

/* The header of the next element; the window stays at its first byte. */
static int read_header(kvsp_tokenizer *t) {
  struct element_header *h = &t->header;
  if (h->id_size || !read_whole_header(t)) {
    int rc = read_split_header(t);
    if (rc != KVSP_OK) return rc;
  }
  h->info = kvsp_element_by_id(h->id);
  h->complete = true;
  return KVSP_OK;
}

/* ---- where an element belongs -------------------------------------------- */

static uint64_t id_of_parent(const kvsp_tokenizer *t, size_t depth) {
  return depth ? t->levels[depth - 1].id : 0;
}

/*
 * How many masters stay open around the next element.  Masters of unknown
 * size end at a known element that cannot be in them but can be in one
 * further out, or at an EBML header (RFC 8794, 6.2); never at an element that
 * is merely unknown.  Notes whether the element has its place there.
 */
static size_t depth_for(kvsp_tokenizer *t) {
  const kvsp_element_info *info = t->header.info;
  size_t depth = t->depth;
  t->header.misplaced = false;
  if (!info) return depth;
  for (;; depth--) {
    if (kvsp_element_allowed_in(info, id_of_parent(t, depth))) return depth;
    if (depth == 0 || t->levels[depth - 1].size != KVSP_SIZE_UNKNOWN) break;
  }
  t->header.misplaced = true;
  return t->depth;
}

/* Between documents: an EBML header, and what may stand behind one. */
static int check_top_level(kvsp_tokenizer *t) {
  const kvsp_element_info *info = t->header.info;
  if (t->header.id == KVSP_ID_EBML) return KVSP_OK;
  if (t->window.offset == t->landed) return KVSP_OK;
  if (!t->in_document)
    return fault(t, KVSP_ERR_EBML, "The stream begins without an EBML header.");
  if (!info || !kvsp_element_allowed_in(info, 0))
    return fault(t, KVSP_ERR_SCHEMA, "This element cannot follow a Segment.");
  return KVSP_OK;
}

static bool length_fits_type(const kvsp_element_info *info, uint64_t size) {
  if (!info) return true;
  switch (info->type) {
    case KVSP_TYPE_UINT:
    case KVSP_TYPE_INT: return size <= 8;
    case KVSP_TYPE_FLOAT: return size == 0 || size == 4 || size == 8;
    case KVSP_TYPE_DATE: return size == 0 || size == 8;
    default: return true;
  }
}

static bool is_blob(const kvsp_element_info *info) {
  return !info || info->type == KVSP_TYPE_BINARY;
}

static bool is_master(const kvsp_element_info *info) {
  return info && info->type == KVSP_TYPE_MASTER;
}

static int check_size(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  unsigned header_size = h->id_size + h->size_size;
  if (h->size == KVSP_SIZE_UNKNOWN) {
    if (h->info && (h->info->flags & KVSP_ELEMENT_UNKNOWN_SIZE)) return KVSP_OK;
    return fault(t, KVSP_ERR_SCHEMA,
                 "This element must not be of unknown size.");
  }
  if (h->size >= SIZE_BEYOND_ALL)
    return fault(t, KVSP_ERR_OVERFLOW, "The element has no end.");
  if (h->size > room_in_parent(t) - header_size)
    return fault(t, KVSP_ERR_OVERFLOW,
                 "The element reaches past its parent's end.");
  if (!length_fits_type(h->info, h->size))
    return fault(t, KVSP_ERR_SCHEMA,
                 "The element has a length that its type does not allow.");
  return KVSP_OK;
}

/* The element's place and size, before its header is taken. */
static int check_element(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  bool lost_block = false;
  int rc = KVSP_OK;
  if (h->misplaced && t->depth > 0) {
    if (h->id == KVSP_ID_EBML)
      return fault(t, KVSP_ERR_TRUNCATED,
                   "A new document begins inside an element.");
    rc = kvsp_tokenizer_check_lost_block(t, &lost_block);
    if (rc != KVSP_OK) return rc;
    if (kvsp_tokenizer_bound(t) == KVSP_SIZE_UNKNOWN || h->info->level <= 1 ||
        lost_block)
      return fault(t, KVSP_ERR_SCHEMA, "This element cannot stand here.");
  }
  if (t->depth == 0) rc = check_top_level(t);
  if (rc == KVSP_OK) rc = check_size(t);
  if (rc != KVSP_OK) return rc;
  if (is_master(h->info) && t->depth >= t->limits.max_depth)
    return limit(t, KVSP_ERR_LIMIT_DEPTH);
  if (!is_blob(h->info) && !is_master(h->info) && h->size > t->limits.max_value)
    return limit(t, KVSP_ERR_LIMIT_VALUE);
  t->event.flags = h->misplaced ? KVSP_EVENT_MISPLACED : 0;
  return KVSP_OK;
}

static int make_room_for_level(kvsp_tokenizer *t) {
  void *levels = t->levels;
  int rc;
  if (t->depth < t->level_capacity) return KVSP_OK;
  rc = kvsp_memory_grow(t->memory, &levels, &t->level_capacity, t->depth,
                        sizeof *t->levels);
  if (rc == KVSP_OK) t->levels = levels;
  return rc;
}

int kvsp_tokenizer_push_level(kvsp_tokenizer *t, const kvsp_element_info *info,
                              uint64_t size, unsigned header_size) {
  uint64_t end = t->window.offset + header_size + size;
  struct level *level;
  int rc = make_room_for_level(t);
  if (rc != KVSP_OK) return rc;
  level = &t->levels[t->depth];
  level->id = info->id;
  level->info = info;
  level->offset = t->window.offset;
  level->size = size;
  level->bound = size == KVSP_SIZE_UNKNOWN ? kvsp_tokenizer_bound(t) : end;
  level->header_size = header_size;
  return KVSP_OK;
}

/* What is known of the next header is void: it may be part of the blob. */
static void begin_blob(kvsp_tokenizer *t, uint64_t left, bool is_master_blob) {
  if (is_master_blob) tokenizer_forget_header(t);
  t->state = TOKENIZER_BLOB;
  t->blob_left = left;
  t->blob_wanted = 0;
  t->blob_skipped = false;
  t->blob_is_master = is_master_blob;
}

static int begin_master(kvsp_tokenizer *t, unsigned flags) {
  int rc = kvsp_tokenizer_push_level(t, t->header.info, t->header.size,
                                     t->header.id_size + t->header.size_size);
  if (rc != KVSP_OK) return rc;
  window_take(&t->window, t->header.id_size + t->header.size_size);
  t->in_document = true;
  if (t->header.id == KVSP_ID_EBML) {
    t->cut = false;
    t->max_id_size = ID_SIZE_DEFAULT;
    t->max_size_size = SIZE_SIZE_DEFAULT;
  }
  header_event(t, KVSP_EVENT_MASTER_BEGIN, flags);
  t->depth++;
  t->close_to = t->depth;
  return KVSP_OK;
}

/* A CRC-32 that is the first child covers the rest of its parent. */
static int begin_crc(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  size_t header_size = h->id_size + h->size_size;
  const struct level *parent;
  kvsp_view v;
  int rc;
  if (h->id != KVSP_ID_CRC_32 || h->size != 4 || t->depth == 0) return KVSP_OK;
  parent = &t->levels[t->depth - 1];
  if (parent->size == KVSP_SIZE_UNKNOWN ||
      t->window.offset != parent->offset + parent->header_size)
    return KVSP_OK;
  rc = kvsp_window_need(&t->window, header_size + 4);
  if (rc == KVSP_END) return KVSP_OK; /* it is cut, as will be told */
  if (rc != KVSP_OK) return rc;
  v.data = window_view(&t->window).data + header_size;
  v.len = 4;
  kvsp_crc_begin(&t->crc, t->window.offset + header_size + 4, t->depth - 1,
                 kvsp_crc32_expected(v));
  return KVSP_OK;
}

static int begin_element(kvsp_tokenizer *t) {
  unsigned flags = t->event.flags;
  int rc = KVSP_OK;
  if (is_master(t->header.info)) {
    rc = begin_master(t, flags);
  } else {
    window_take(&t->window, t->header.id_size + t->header.size_size);
    if (is_blob(t->header.info)) {
      begin_blob(t, t->header.size, false);
      header_event(t, KVSP_EVENT_BLOB_BEGIN, flags);
    } else {
      t->state = TOKENIZER_VALUE;
      header_event(t, KVSP_EVENT_VALUE, flags);
      rc = TOKENIZER_GO_ON;
    }
  }
  if (rc == KVSP_OK || rc == TOKENIZER_GO_ON) tokenizer_forget_header(t);
  return rc;
}

/* ---- the steps ----------------------------------------------------------- */

static int step_element(kvsp_tokenizer *t) {
  size_t depth;
  int rc;
  if (t->depth > t->close_to) return kvsp_tokenizer_master_end(t);
  if (t->depth > 0 && t->window.offset == kvsp_tokenizer_bound(t)) {
    t->close_to = t->depth - 1;
    return TOKENIZER_GO_ON;
  }
  if (!t->header.complete) {
    rc = read_header(t);
    if (rc != KVSP_OK) return rc;
  }
  depth = depth_for(t);
  if (depth < t->depth && kvsp_tokenizer_look_back(t, true))
    return TOKENIZER_GO_ON;
  t->close_to = depth;
  if (t->depth > t->close_to) return TOKENIZER_GO_ON;
  rc = check_element(t);
  if (rc != KVSP_OK) return rc;
  if (t->recovers) {
    rc = kvsp_tokenizer_need_block(t);
    if (rc != KVSP_OK) return rc;
  }
  if (tokenizer_has_doubts(t) && kvsp_tokenizer_look_back(t, false))
    return TOKENIZER_GO_ON;
  if (t->checks_crc) {
    rc = begin_crc(t);
    if (rc != KVSP_OK) return rc;
  }
  /* What cannot be repeated comes when nothing can fail any more. */
  if (is_master(t->header.info)) {
    rc = make_room_for_level(t);
    if (rc != KVSP_OK) return rc;
  }
  kvsp_tokenizer_hold_element(t);
  return begin_element(t);
}

static unsigned between(uint64_t value, unsigned low, unsigned high) {
  return value < low ? low : value > high ? high : (unsigned)value;
}

/* EBMLMaxIDLength and EBMLMaxSizeLength rule the rest of their document. */
void kvsp_tokenizer_note_value(kvsp_tokenizer *t) {
  bool is_id = t->event.id == KVSP_ID_EBML_MAX_ID_LENGTH;
  uint64_t value = 0;
  if (!is_id && t->event.id != KVSP_ID_EBML_MAX_SIZE_LENGTH) return;
  if (kvsp_ebml_uint(t->event.data, &value) != KVSP_OK) return;
  if (is_id)
    t->max_id_size = between(value, ID_SIZE_DEFAULT, ID_SIZE_MAX);
  else
    t->max_size_size = between(value, SIZE_SIZE_DEFAULT, SIZE_SIZE_MAX);
}

int kvsp_tokenizer_truncated(kvsp_tokenizer *t) {
  kvsp_tokenizer_set_error(t, KVSP_ERR_TRUNCATED, t->event.offset, t->event.id,
                           "The stream ends inside an element.");
  t->state = TOKENIZER_FAILED;
  return KVSP_ERR_TRUNCATED;
}

static int step_value(kvsp_tokenizer *t) {
  size_t size = (size_t)t->event.size;
  int rc = kvsp_window_need(&t->window, size);
  if (rc == KVSP_END) return kvsp_tokenizer_truncated(t);
  if (rc != KVSP_OK) return rc;
  t->event.data.data = window_view(&t->window).data;
  t->event.data.len = size;
  t->delivered = size;
  t->examined += size;
  t->state = TOKENIZER_ELEMENT;
  if (t->depth == 1) kvsp_tokenizer_note_value(t);
  return KVSP_OK;
}

static int blob_end(kvsp_tokenizer *t) {
  t->state = TOKENIZER_ELEMENT;
  if (t->blob_is_master) return kvsp_tokenizer_master_end(t);
  t->event.type = KVSP_EVENT_BLOB_END;
  t->event.data_offset = t->window.offset;
  t->event.data.data = NULL;
  t->event.data.len = 0;
  return KVSP_OK;
}

static int step_skipped_blob(kvsp_tokenizer *t) {
  t->blob_left -= kvsp_window_skip(&t->window, t->blob_left);
  if (t->blob_left == 0) return TOKENIZER_GO_ON;
  return t->window.final ? kvsp_tokenizer_truncated(t) : KVSP_NEED_INPUT;
}

static int step_blob(kvsp_tokenizer *t) {
  uint64_t wanted =
      t->blob_wanted < t->blob_left ? t->blob_wanted : t->blob_left;
  kvsp_view v;
  int rc;
  if (t->blob_left == 0) return blob_end(t);
  if (t->blob_skipped) return step_skipped_blob(t);
  rc = kvsp_window_need(&t->window, wanted ? (size_t)wanted : 1);
  /* A SimpleBlock shows what it is by its first bytes, a group when all of it
   * is there: what is held must not depend on how much of it is. */
  if (rc == KVSP_OK || rc == KVSP_END ||
      (rc == KVSP_NEED_INPUT && !t->blob_is_master)) {
    int judged = kvsp_tokenizer_confirm_block(t);
    if (judged != KVSP_OK) return judged;
  }
  if (rc == KVSP_END) return kvsp_tokenizer_truncated(t);
  if (rc != KVSP_OK) return rc;
  v = window_view(&t->window);
  if (v.len > t->blob_left) v.len = (size_t)t->blob_left;
  t->event.type = KVSP_EVENT_BLOB_DATA;
  t->event.data_offset = t->window.offset;
  t->event.data = v;
  t->delivered = v.len;
  t->blob_left -= v.len;
  t->blob_wanted = 0;
  return KVSP_OK;
}

static int step(kvsp_tokenizer *t) {
  switch (t->state) {
    case TOKENIZER_ELEMENT: return step_element(t);
    case TOKENIZER_VALUE: return step_value(t);
    case TOKENIZER_BLOB: return step_blob(t);
    case TOKENIZER_HELD: return kvsp_tokenizer_step_held(t);
    case TOKENIZER_SEARCH: return kvsp_tokenizer_step_search(t);
    case TOKENIZER_RESYNC: return kvsp_tokenizer_step_resync(t);
    case TOKENIZER_LAND: return kvsp_tokenizer_step_land(t);
    case TOKENIZER_FAILED: return t->error.status;
    case TOKENIZER_ENDED: return KVSP_END;
  }
  return KVSP_ERR_INTERNAL;
}

int kvsp_tokenizer_steps(kvsp_tokenizer *t) {
  int rc;
  do {
    rc = step(t);
  } while (rc == TOKENIZER_GO_ON);
  t->examined += t->window.looked;
  t->window.looked = 0;
  return note_memory(t, rc);
}

/* ---- what the caller asks for between two events ------------------------- */

bool kvsp_tokenizer_in_blob(const kvsp_tokenizer *t) {
  return t->state == TOKENIZER_BLOB &&
         (t->event.type == KVSP_EVENT_BLOB_BEGIN ||
          t->event.type == KVSP_EVENT_BLOB_DATA);
}

static bool at_master(const kvsp_tokenizer *t) {
  return t->state == TOKENIZER_ELEMENT &&
         t->event.type == KVSP_EVENT_MASTER_BEGIN &&
         t->event.size != KVSP_SIZE_UNKNOWN;
}

int kvsp_tokenizer_collect_up_to(kvsp_tokenizer *t, uint64_t want,
                                 uint64_t max) {
  uint64_t left;
  if (!kvsp_tokenizer_in_blob(t) && !at_master(t)) return KVSP_ERR_STATE;
  left = kvsp_tokenizer_in_blob(t) ? t->blob_left : t->event.size;
  if (want > left) want = left;
  if (want > max) {
    kvsp_tokenizer_set_error(t, KVSP_ERR_LIMIT_FRAME, t->event.offset,
                             t->event.id,
                             kvsp_status_text(KVSP_ERR_LIMIT_FRAME));
    return KVSP_ERR_LIMIT_FRAME;
  }
  if (!kvsp_tokenizer_in_blob(t)) begin_blob(t, left, true);
  t->blob_wanted = want;
  return KVSP_OK;
}

int kvsp_tokenizer_collect(kvsp_tokenizer *t, uint64_t want) {
  if (!t) return KVSP_ERR_ARG;
  return kvsp_tokenizer_collect_up_to(t, want, t->limits.max_frame);
}

int kvsp_tokenizer_skip(kvsp_tokenizer *t) {
  if (!t) return KVSP_ERR_ARG;
  if (!kvsp_tokenizer_in_blob(t) && !at_master(t)) return KVSP_ERR_STATE;
  if (!kvsp_tokenizer_in_blob(t)) begin_blob(t, t->event.size, true);
  t->blob_skipped = true;
  kvsp_window_release(&t->window);
  return KVSP_OK;
}

int kvsp_tokenizer_peek(kvsp_tokenizer *t, size_t n, kvsp_view *v) {
  int rc;
  if (n > t->blob_left) n = (size_t)t->blob_left;
  rc = kvsp_window_need(&t->window, n);
  if (rc != KVSP_OK) return rc;
  *v = window_view(&t->window);
  v->len = n;
  return KVSP_OK;
}

uint64_t kvsp_tokenizer_element_end(const kvsp_tokenizer *t) {
  const kvsp_event *e = &t->event;
  if (e->size == KVSP_SIZE_UNKNOWN) return KVSP_SIZE_UNKNOWN;
  return e->offset + e->header_size + e->size;
}
