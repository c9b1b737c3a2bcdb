#include "held_frames.h"

#include <stdlib.h>
#include <string.h>

static int grow(void **array, size_t *capacity, size_t wanted, size_t unit) {
  size_t count = *capacity ? *capacity : 64;
  void *grown;
  if (wanted <= *capacity) return 0;
  while (count < wanted) {
    if (count > SIZE_MAX / 2 / unit) return -1;
    count *= 2;
  }
  grown = realloc(*array, count * unit);
  if (!grown) return -1;
  *array = grown;
  *capacity = count;
  return 0;
}

int held_frames_add(struct held_frames *held, const kvsp_frame *frame,
                    unsigned channel, bool restart) {
  void *bytes = held->bytes;
  void *frames = held->frames;
  struct held_frame *h;
  size_t length = frame->data.len + frame->codec_state.len; /* in memory */
  if (length > SIZE_MAX - held->size) return -1;
  if (grow(&bytes, &held->capacity, held->size + length, 1) != 0) return -1;
  held->bytes = bytes;
  if (grow(&frames, &held->frame_capacity, held->count + 1, sizeof *h) != 0)
    return -1;
  held->frames = frames;
  h = &held->frames[held->count++];
  h->offset = held->size;
  h->length = frame->data.len;
  h->state_length = frame->codec_state.len;
  h->channel = channel;
  h->restart = restart;
  h->flags = frame->flags;
  h->pts_ns = frame->pts_ns;
  h->producer_time_ns = frame->producer_time_ns;
  if (h->length > 0)
    memcpy(held->bytes + h->offset, frame->data.data, h->length);
  if (h->state_length > 0)
    memcpy(held->bytes + h->offset + h->length, frame->codec_state.data,
           h->state_length);
  held->size += length;
  return 0;
}

kvsp_view held_frames_data(const struct held_frames *held, size_t index) {
  const struct held_frame *h = &held->frames[index];
  kvsp_view v = {held->bytes + h->offset, h->length};
  return v;
}

kvsp_view held_frames_state(const struct held_frames *held, size_t index) {
  const struct held_frame *h = &held->frames[index];
  kvsp_view none = {NULL, 0};
  kvsp_view state = {held->bytes + h->offset + h->length, h->state_length};
  return h->state_length > 0 ? state : none;
}

void held_frames_clear(struct held_frames *held) {
  held->size = 0;
  held->count = 0;
}

void held_frames_free(struct held_frames *held) {
  free(held->bytes);
  free(held->frames);
  memset(held, 0, sizeof *held);
}
