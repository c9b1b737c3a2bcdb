#include "head.h"

#include <string.h>

#include "view.h"
#include "vint.h"

void kvsp_head_init(struct head *h, struct memory *memory) {
  memset(h, 0, sizeof *h);
  h->memory = memory;
}

void kvsp_head_reset(struct head *h) {
  for (int i = 0; i < HEAD_PARTS; i++) h->parts[i].len = 0;
  h->depth = 0;
}

void kvsp_head_abort(struct head *h) {
  if (h->depth < 2) return;
  h->parts[h->open].len = h->levels[1].start;
  h->depth = 1;
}

void kvsp_head_bytes_clear(struct memory *memory, struct head_bytes *bytes) {
  static const struct head_bytes empty;
  kvsp_memory_release(memory, bytes->data, bytes->capacity);
  *bytes = empty;
}

void kvsp_head_clear(struct head *h) {
  for (int i = 0; i < HEAD_PARTS; i++)
    kvsp_head_bytes_clear(h->memory, &h->parts[i]);
  h->depth = 0;
  h->behind = false;
}

/* Room for size bytes more. */
static int make_room(struct memory *memory, struct head_bytes *bytes,
                     size_t size) {
  void *data = bytes->data;
  size_t capacity = bytes->capacity;
  int rc;
  if (size <= capacity - bytes->len) return KVSP_OK;
  if (size > SIZE_MAX / 4 - bytes->len) return KVSP_ERR_LIMIT_MEMORY;
  capacity = (bytes->len + size) * 3 / 2;
  rc = kvsp_memory_resize(memory, &data, bytes->capacity, capacity);
  if (rc != KVSP_OK) return rc;
  bytes->data = data;
  bytes->capacity = capacity;
  return KVSP_OK;
}

static void append(struct head_bytes *bytes, const void *data, size_t len) {
  if (len == 0) return;
  memcpy(bytes->data + bytes->len, data, len);
  bytes->len += len;
}

int kvsp_head_copy(struct memory *memory, struct head_bytes *to,
                   kvsp_view from) {
  int rc;
  to->len = 0;
  rc = make_room(memory, to, from.len);
  if (rc == KVSP_OK) append(to, from.data, from.len);
  return rc;
}

/* ---- taking events ------------------------------------------------------- */

/* The part that this element is; HEAD_PARTS: none. */
static enum head_part part_of(const kvsp_event *e) {
  if (e->id == KVSP_ID_EBML && e->depth == 0) return HEAD_EBML;
  if (e->id == KVSP_ID_INFO && e->depth == 1) return HEAD_INFO;
  if (e->id == KVSP_ID_TRACKS && e->depth == 1) return HEAD_TRACKS;
  return HEAD_PARTS;
}

/* Void and CRC-32 say nothing; the others are not true of a stream that is
 * made of many documents. */
static bool is_left_out(uint64_t id) {
  switch (id) {
    case KVSP_ID_VOID:
    case KVSP_ID_CRC_32:
    case KVSP_ID_DURATION:
    case KVSP_ID_SEGMENT_FILENAME:
    case KVSP_ID_PREV_UUID:
    case KVSP_ID_PREV_FILENAME:
    case KVSP_ID_NEXT_UUID:
    case KVSP_ID_NEXT_FILENAME: return true;
    default: return false;
  }
}

bool kvsp_head_wants(const struct head *h, const kvsp_event *e) {
  return h->depth > 0 && e->depth == h->levels[h->depth - 1].depth + 1 &&
         !(e->flags & (KVSP_EVENT_MISPLACED | KVSP_EVENT_IMPLIED)) &&
         !is_left_out(e->id);
}

static size_t write_header(uint8_t *out, const kvsp_event *e, uint64_t size,
                           unsigned size_size) {
  size_t id_size = kvsp_ebml_write_id(out, EBML_HEADER_MAX, e->id);
  return id_size + kvsp_ebml_write_size(out + id_size,
                                        EBML_HEADER_MAX - id_size, size,
                                        size_size);
}

static void push(struct head *h, const kvsp_event *e) {
  struct head_level *level = &h->levels[h->depth++];
  level->offset = e->offset;
  level->depth = e->depth;
  level->start = h->parts[h->open].len;
  level->size_at = level->start;
  level->size_size = 0;
}

/* A child that is a master: its size is set at its end, in as many bytes as it
 * had, since it can only have become shorter. */
static int begin_master(struct head *h, const kvsp_event *e) {
  struct head_bytes *part = &h->parts[h->open];
  uint8_t header[EBML_HEADER_MAX];
  size_t id_size = kvsp_ebml_write_id(header, sizeof header, e->id);
  unsigned size_size = 8;
  int rc = make_room(h->memory, part, EBML_HEADER_MAX);
  if (rc != KVSP_OK) return rc;
  if (h->depth == HEAD_DEPTH_MAX) return KVSP_ERR_INTERNAL;
  if (e->size != KVSP_SIZE_UNKNOWN && e->header_size > id_size)
    size_size = (unsigned)(e->header_size - id_size);
  push(h, e);
  append(part, header, write_header(header, e, 0, size_size));
  h->levels[h->depth - 1].size_at += id_size;
  h->levels[h->depth - 1].size_size = size_size;
  return KVSP_OK;
}

static int on_begin(struct head *h, const kvsp_event *e, bool is_faulty) {
  enum head_part part = part_of(e);
  if (part != HEAD_PARTS && !is_faulty && !(e->flags & KVSP_EVENT_MISPLACED)) {
    h->depth = 0;
    h->open = part;
    push(h, e);
    return KVSP_OK;
  }
  if (is_faulty || !kvsp_head_wants(h, e)) return KVSP_OK;
  return begin_master(h, e);
}

/* Whether the event ends the innermost of the open masters. */
static bool is_end(const struct head *h, const kvsp_event *e) {
  const struct head_level *level;
  if (h->depth == 0) return false;
  level = &h->levels[h->depth - 1];
  return level->offset == e->offset && level->depth == e->depth;
}

kvsp_view kvsp_head_content(const struct head *h, const kvsp_event *end) {
  const struct head_bytes *part = &h->parts[h->open];
  kvsp_view content = {NULL, 0};
  size_t start;
  if (!is_end(h, end)) return content;
  start = h->levels[h->depth - 1].size_at + h->levels[h->depth - 1].size_size;
  content.data = part->data + start;
  content.len = part->len - start;
  return content;
}

static int on_end(struct head *h, const kvsp_event *e, bool is_faulty) {
  struct head_bytes *part = &h->parts[h->open];
  const struct head_level *level;
  size_t content;
  if (!is_end(h, e)) return KVSP_OK;
  h->depth--;
  if (h->depth == 0) return KVSP_OK;
  level = &h->levels[h->depth];
  content = part->len - level->size_at - level->size_size;
  if (is_faulty ||
      kvsp_ebml_write_size(part->data + level->size_at, level->size_size,
                           content, level->size_size) == 0)
    part->len = level->start;
  return KVSP_OK;
}

/* A value, or a blob in one piece. */
static int on_value(struct head *h, const kvsp_event *e) {
  struct head_bytes *part = &h->parts[h->open];
  uint8_t header[EBML_HEADER_MAX];
  size_t id_size = kvsp_ebml_write_id(header, sizeof header, e->id);
  int rc;
  if (!kvsp_head_wants(h, e) || e->data.len != e->size) return KVSP_OK;
  rc = make_room(h->memory, part, EBML_HEADER_MAX + e->data.len);
  if (rc != KVSP_OK) return rc;
  append(
      part, header,
      write_header(header, e, e->size, (unsigned)(e->header_size - id_size)));
  append(part, e->data.data, e->data.len);
  return KVSP_OK;
}

int kvsp_head_take(struct head *h, const kvsp_event *e, bool is_faulty) {
  switch (e->type) {
    case KVSP_EVENT_MASTER_BEGIN: return on_begin(h, e, is_faulty);
    case KVSP_EVENT_MASTER_END: return on_end(h, e, is_faulty);
    case KVSP_EVENT_VALUE:
    case KVSP_EVENT_BLOB_DATA: return is_faulty ? KVSP_OK : on_value(h, e);
    case KVSP_EVENT_BLOB_BEGIN: /* an empty one shows no data */
      return is_faulty || e->size > 0 ? KVSP_OK : on_value(h, e);
    default: return KVSP_OK;
  }
}

/* ---- comparing ----------------------------------------------------------- */

bool kvsp_head_next(kvsp_view *rest, struct head_element *element) {
  uint64_t size = 0;
  int id_size = kvsp_ebml_read_id(*rest, &element->id);
  int size_size;
  if (id_size <= 0) return false;
  rest->data += id_size;
  rest->len -= (size_t)id_size;
  size_size = kvsp_ebml_read_size(*rest, &size);
  if (size_size <= 0) return false;
  rest->data += size_size;
  rest->len -= (size_t)size_size;
  element->info = kvsp_element_by_id(element->id);
  element->data.data = rest->data;
  element->data.len = 0;
  if (element->info && element->info->type == KVSP_TYPE_MASTER) return true;
  if (size > rest->len) return false;
  element->data.len = (size_t)size;
  rest->data += size;
  rest->len -= (size_t)size;
  return true;
}

static bool is_made_up(uint64_t id) {
  switch (id) {
    case KVSP_ID_TRACK_UID:
    case KVSP_ID_NAME:
    case KVSP_ID_TRACK_PLANE_UID:
    case KVSP_ID_TRACK_JOIN_UID:
    case KVSP_ID_ATTACHMENT_LINK: return true;
    default: return false;
  }
}

static bool next_compared(kvsp_view *rest, struct head_element *element) {
  while (kvsp_head_next(rest, element))
    if (!is_made_up(element->id)) return true;
  return false;
}

static bool numbers_equal(kvsp_view a, kvsp_view b) {
  uint64_t x, y;
  return kvsp_ebml_uint(a, &x) == KVSP_OK && kvsp_ebml_uint(b, &y) == KVSP_OK &&
         x == y;
}

static bool elements_equal(const struct head_element *a,
                           const struct head_element *b) {
  if (a->id != b->id) return false;
  if (view_equal(a->data, b->data)) return true;
  if (!a->info) return false;
  switch (a->info->type) {
    case KVSP_TYPE_UINT: return numbers_equal(a->data, b->data);
    case KVSP_TYPE_STRING:
    case KVSP_TYPE_UTF8:
      return view_equal(kvsp_ebml_string(a->data), kvsp_ebml_string(b->data));
    default: return false;
  }
}

bool kvsp_head_equal(kvsp_view a, kvsp_view b) {
  struct head_element x, y;
  if (view_equal(a, b)) return true;
  for (;;) {
    bool more = next_compared(&a, &x);
    if (more != next_compared(&b, &y)) return false;
    if (!more) return true;
    if (!elements_equal(&x, &y)) return false;
  }
}
