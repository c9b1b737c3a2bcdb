#include "pending.h"

#include <string.h>

#include "av_memory.h"

/* Enough for the frames in flight of most decoders. */
#define FIRST_CAPACITY 32u

static struct pending_frame *entry(const struct pending *p, size_t place) {
  return &p->frames[(p->head + place) & (p->capacity - 1)];
}

static void drop_first(struct pending *p) {
  kvsp_buf_unref(entry(p, 0)->fragment_number);
  p->head = (p->head + 1) & (p->capacity - 1);
  p->first++;
  p->count--;
}

static void drop_taken(struct pending *p) {
  while (p->count > 0 && !entry(p, 0)->waiting) drop_first(p);
}

void kvsp_av_pending_init(struct pending *p, const kvsp_allocator *allocator) {
  memset(p, 0, sizeof *p);
  p->allocator = allocator;
}

void kvsp_av_pending_clear(struct pending *p) {
  while (p->count > 0) drop_first(p);
}

void kvsp_av_pending_free(struct pending *p) {
  kvsp_av_pending_clear(p);
  kvsp_buf_unref(p->fragment_number);
  kvsp_av_release(p->allocator, p->frames, p->capacity * sizeof *p->frames);
  memset(p, 0, sizeof *p);
}

/* A ring cannot just be resized: its entries are laid out anew. */
static int make_room(struct pending *p) {
  size_t capacity = p->capacity ? p->capacity * 2 : FIRST_CAPACITY;
  struct pending_frame *frames;
  if (p->count < p->capacity) return KVSP_OK;
  if (capacity > KVSP_AV_PENDING_MAX) {
    drop_first(p);
    drop_taken(p);
    return KVSP_OK;
  }
  frames = kvsp_av_alloc(p->allocator, capacity * sizeof *frames);
  if (!frames) return KVSP_ERR_NOMEM;
  for (size_t i = 0; i < p->count; i++) frames[i] = *entry(p, i);
  kvsp_av_release(p->allocator, p->frames, p->capacity * sizeof *frames);
  p->frames = frames;
  p->capacity = capacity;
  p->head = 0;
  return KVSP_OK;
}

/* All frames of a fragment share one copy of its number. */
static int copy_number(struct pending *p, kvsp_view number) {
  kvsp_view held = {NULL, 0};
  kvsp_buf *copy = NULL;
  if (p->fragment_number) held = kvsp_buf_view(p->fragment_number);
  if (number.data && p->fragment_number && held.len == number.len &&
      (held.len == 0 || memcmp(held.data, number.data, held.len) == 0)) {
    return KVSP_OK;
  }
  if (number.data && kvsp_buf_copy(&copy, number, p->allocator) != KVSP_OK) {
    return KVSP_ERR_NOMEM;
  }
  kvsp_buf_unref(p->fragment_number);
  p->fragment_number = copy;
  return KVSP_OK;
}

int kvsp_av_pending_push(struct pending *p, const kvsp_frame *frame,
                         uint32_t more_flags, uint64_t *sequence) {
  struct pending_frame *e;
  kvsp_view number = {NULL, 0};
  int rc = make_room(p);
  if (frame->fragment) number = frame->fragment->number;
  if (rc == KVSP_OK) rc = copy_number(p, number);
  if (rc != KVSP_OK) return rc;
  *sequence = p->first + p->count;
  e = entry(p, p->count++);
  e->pts_ns = frame->pts_ns;
  e->producer_time_ns = frame->producer_time_ns;
  e->duration_ns = frame->duration_ns;
  e->offset = frame->offset;
  e->track_number = frame->track ? frame->track->number : 0;
  e->fragment_index = frame->fragment ? frame->fragment->index : 0;
  e->frame_index = frame->index;
  e->flags = frame->flags | more_flags;
  e->waiting = 1;
  e->fragment_number = kvsp_buf_ref(p->fragment_number);
  return KVSP_OK;
}

void kvsp_av_pending_pop(struct pending *p) {
  if (p->count == 0) return;
  p->count--;
  kvsp_buf_unref(entry(p, p->count)->fragment_number);
}

static struct pending_frame *oldest(const struct pending *p) {
  for (size_t i = 0; i < p->count; i++) {
    if (entry(p, i)->waiting) return entry(p, i);
  }
  return NULL;
}

static struct pending_frame *find(const struct pending *p, uint64_t sequence) {
  struct pending_frame *e;
  /* That is none of our numbers. */
  if (sequence >= p->first + p->count) return oldest(p);
  if (sequence < p->first) return NULL;
  e = entry(p, (size_t)(sequence - p->first));
  return e->waiting ? e : NULL;
}

int kvsp_av_pending_take(struct pending *p, uint64_t sequence,
                         struct pending_frame *out) {
  struct pending_frame *e = find(p, sequence);
  if (!e) return 0;
  *out = *e;
  e->fragment_number = NULL;
  e->waiting = 0;
  drop_taken(p);
  return 1;
}
