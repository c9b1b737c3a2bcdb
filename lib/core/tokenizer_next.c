#include "tokenizer_parts.h"
#include "vint.h"

/*
 * The next event, by a short cut or by the steps.  The head of a fragment is
 * some sixty small elements, nearly all of them at hand and in their place: a
 * look at the header and a few comparisons tell all that the steps
 * (tokenizer.c) find out one after the other.  Whatever is in any way special
 * is left to them; a value or a master that is taken here leaves all as they
 * would.  Of these elements more than half are SimpleTags that hold a TagName
 * and a TagString: they can be taken by one look more, without their events.
 */

static inline void take_delivered(kvsp_tokenizer *t) {
  if (t->delivered) window_take(&t->window, t->delivered);
  t->delivered = 0;
}

static bool is_between_elements(const kvsp_tokenizer *t) {
  return t->state == TOKENIZER_ELEMENT && t->header.id_size == 0 &&
         t->depth > 0 && t->depth == t->close_to && !t->checks_crc &&
         t->error.status == KVSP_OK && !t->steps_only;
}

/* A master, or a value of which all is among the bytes that are left. */
static bool has_usual_type(const kvsp_tokenizer *t,
                           const struct element_header *h, uint64_t left) {
  switch (h->info->type) {
    case KVSP_TYPE_MASTER:
      return t->depth < t->limits.max_depth && t->depth < t->level_capacity &&
             h->id != KVSP_ID_BLOCK_GROUP;
    case KVSP_TYPE_UINT:
      if (h->size > 8) return false;
      break;
    case KVSP_TYPE_STRING:
    case KVSP_TYPE_UTF8: break;
    default: return false;
  }
  return h->size <= left && h->size <= t->limits.max_value;
}

/* The header of the next element: true when it has its place, with a size that
 * is right.  The ID is whatever its first byte says: what the table has is
 * one, and shorter than EBMLMaxIDLength ever is. */
static inline bool read_header(const kvsp_tokenizer *t,
                               const struct level *parent, uint64_t room,
                               struct element_header *h) {
  kvsp_view v = window_view(&t->window);
  int size_size;
  if (v.len < EBML_HEADER_MAX || v.data[0] == 0) return false;
  h->id_size = vint_length(v.data[0]);
  h->id = load_big_endian_64(v.data) >> (64 - 8 * h->id_size);
  h->info = kvsp_element_by_id(h->id);
  if (!h->info || h->info->parent_id != parent->id) return false;
  v.data += h->id_size;
  v.len -= h->id_size;
  size_size = vint_read_size(v, &h->size);
  if (size_size <= 0 || h->size == KVSP_SIZE_UNKNOWN) return false;
  h->size_size = (unsigned)size_size;
  return h->id_size + h->size_size + h->size <= room &&
         has_usual_type(t, h, v.len - h->size_size);
}

/* As kvsp_tokenizer_look_back, which wants to know the element. */
static bool looks_back(kvsp_tokenizer *t, const struct element_header *h) {
  t->header = *h;
  if (kvsp_tokenizer_look_back(t, false)) return true;
  tokenizer_forget_header(t);
  return false;
}

/* The event about the element, whose header is taken. */
static inline void show_header(kvsp_tokenizer *t, uint32_t type,
                               const struct element_header *h) {
  unsigned header_size = h->id_size + h->size_size;
  kvsp_event *e = &t->event;
  e->type = type;
  e->flags = 0;
  e->id = h->id;
  e->depth = (uint32_t)t->depth;
  e->header_size = header_size;
  e->offset = t->window.offset;
  e->size = h->size;
  e->data_offset = t->window.offset + header_size;
  e->info = h->info;
  window_take(&t->window, header_size);
}

/* There is room for it. */
static void begin_master(kvsp_tokenizer *t, const struct element_header *h) {
  struct level *level = &t->levels[t->depth];
  unsigned header_size = h->id_size + h->size_size;
  level->id = h->id;
  level->info = h->info;
  level->offset = t->window.offset;
  level->size = h->size;
  level->bound = t->window.offset + header_size + h->size;
  level->header_size = header_size;
  show_header(t, KVSP_EVENT_MASTER_BEGIN, h);
  t->event.data.data = NULL;
  t->event.data.len = 0;
  t->depth++;
  t->close_to = t->depth;
}

static void show_value(kvsp_tokenizer *t, const struct element_header *h) {
  kvsp_event *e = &t->event;
  show_header(t, KVSP_EVENT_VALUE, h);
  e->data.data = t->window.at;
  e->data.len = (size_t)h->size;
  t->delivered = (size_t)h->size;
  t->examined += h->size;
  if (t->depth == 1) kvsp_tokenizer_note_value(t);
}

bool kvsp_tokenizer_next_at_hand(kvsp_tokenizer *t) {
  struct element_header h = {.complete = true};
  const struct level *parent;
  uint64_t room;
  take_delivered(t);
  if (!is_between_elements(t)) return false;
  parent = &t->levels[t->depth - 1];
  room = parent->bound - t->window.offset; /* much, where that is unknown */
  if (room == 0) {
    t->close_to = t->depth - 1;
    return kvsp_tokenizer_master_end(t) == KVSP_OK;
  }
  if (!read_header(t, parent, room, &h)) return false;
  t->examined += h.id_size + h.size_size;
  if (tokenizer_has_doubts(t) && looks_back(t, &h)) return false;
  if (t->recovers) tokenizer_hold_usual(t, h.id);
  if (h.info->type == KVSP_TYPE_MASTER)
    begin_master(t, &h);
  else
    show_value(t, &h);
  return true;
}

/* The value that v begins with, if it has this ID of two bytes; v goes on
 * behind it. */
static inline bool read_value(kvsp_view *v, uint64_t id, kvsp_view *value) {
  uint64_t size;
  int size_size;
  if (v->len < 3 || v->data[0] != id >> 8 || v->data[1] != (id & 0xFF))
    return false;
  v->data += 2;
  v->len -= 2;
  size_size = vint_read_size(*v, &size);
  if (size_size <= 0 || size > v->len - (size_t)size_size) return false;
  value->data = v->data + size_size;
  value->len = (size_t)size;
  v->data = value->data + value->len;
  v->len -= (size_t)size_size + value->len;
  return true;
}

/* Nothing is in doubt: a SimpleTag's ID proves enough, and what would be held
 * between its values is not beyond max_frame. */
bool kvsp_tokenizer_tag_at_hand(const kvsp_tokenizer *t, kvsp_view *name,
                                kvsp_view *string) {
  kvsp_view v = window_view(&t->window);
  uint64_t size = t->event.size;
  if (!is_between_elements(t) || size > v.len || size > t->limits.max_value ||
      t->event.header_size + size > t->limits.max_frame)
    return false;
  v.len = (size_t)size;
  return read_value(&v, KVSP_ID_TAG_NAME, name) &&
         read_value(&v, KVSP_ID_TAG_STRING, string) && v.len == 0;
}

void kvsp_tokenizer_take_tag(kvsp_tokenizer *t, kvsp_view name) {
  size_t until_string = (size_t)(name.data + name.len - t->window.at);
  t->examined += t->event.size;
  window_take(&t->window, until_string);
  if (t->recovers) tokenizer_hold_usual(t, KVSP_ID_TAG_STRING);
  window_take(&t->window, (size_t)t->event.size - until_string);
  (void)kvsp_tokenizer_master_end(t);
}

int kvsp_tokenizer_next(kvsp_tokenizer *t, const kvsp_event **event) {
  int rc;
  if (!t || !event) return KVSP_ERR_ARG;
  *event = NULL;
  if (t->window.reserved) return KVSP_ERR_STATE;
  if (t->error.status != KVSP_OK && t->state != TOKENIZER_FAILED)
    kvsp_tokenizer_set_error(t, KVSP_OK, 0, 0, kvsp_status_text(KVSP_OK));
  rc = kvsp_tokenizer_next_at_hand(t) ? KVSP_OK : kvsp_tokenizer_steps(t);
  if (rc == KVSP_OK) *event = &t->event;
  return rc;
}
