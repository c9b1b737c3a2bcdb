#include "stream.h"

#include <string.h>

#include "av_memory.h"
#include "decoder.h"

static void close_stream(struct stream *s) {
  kvsp_decoder_free(s->decoder);
  kvsp_buf_unref(s->codec_id);
  kvsp_buf_unref(s->codec_private);
  s->decoder = NULL;
  s->codec_id = NULL;
  s->codec_private = NULL;
  s->ended = 0;
}

void kvsp_av_streams_init(struct stream_list *list,
                          const kvsp_allocator *allocator) {
  memset(list, 0, sizeof *list);
  list->allocator = allocator;
}

void kvsp_av_streams_free(struct stream_list *list) {
  for (size_t i = 0; i < list->count; i++) close_stream(&list->streams[i]);
  kvsp_av_release(list->allocator, list->streams,
                  list->capacity * sizeof *list->streams);
  kvsp_av_streams_init(list, list->allocator);
}

struct stream *kvsp_av_streams_find(const struct stream_list *list,
                                    uint64_t number) {
  for (size_t i = 0; i < list->count; i++) {
    if (list->streams[i].number == number) return &list->streams[i];
  }
  return NULL;
}

static int same_bytes(const kvsp_buf *held, kvsp_view v) {
  kvsp_view h = kvsp_buf_view(held);
  return h.len == v.len && (v.len == 0 || memcmp(h.data, v.data, v.len) == 0);
}

int kvsp_av_stream_matches(const struct stream *s, const kvsp_track *track) {
  return s->codec_id && s->codec_private && s->number == track->number &&
         s->width == track->width && s->height == track->height &&
         same_bytes(s->codec_id, track->codec_id) &&
         same_bytes(s->codec_private, track->codec_private);
}

static struct stream *add_stream(struct stream_list *list, uint64_t number,
                                 const struct selection *selection) {
  void *streams = list->streams;
  struct stream *s;
  if (kvsp_av_grow(list->allocator, &streams, &list->capacity, list->count + 1,
                   sizeof *list->streams) != KVSP_OK) {
    return NULL;
  }
  list->streams = streams;
  s = &list->streams[list->count++];
  memset(s, 0, sizeof *s);
  s->number = number;
  s->selection = *selection;
  return s;
}

static int remember_track(struct stream_list *list, struct stream *s,
                          const kvsp_track *track) {
  s->width = track->width;
  s->height = track->height;
  if (kvsp_buf_copy(&s->codec_id, track->codec_id, list->allocator) !=
          KVSP_OK ||
      kvsp_buf_copy(&s->codec_private, track->codec_private, list->allocator) !=
          KVSP_OK) {
    return KVSP_ERR_NOMEM;
  }
  return KVSP_OK;
}

int kvsp_av_streams_open(struct stream_list *list, const kvsp_track *track,
                         const kvsp_decoder_config *config,
                         const struct selection *selection, int *opened) {
  struct stream *s = kvsp_av_streams_find(list, track->number);
  int rc;
  if (!s) s = add_stream(list, track->number, selection);
  if (!s) return KVSP_ERR_NOMEM;
  close_stream(s);
  rc = remember_track(list, s, track);
  if (rc != KVSP_OK) return rc;
  *opened = kvsp_decoder_new(&s->decoder, track, config);
  if (*opened == KVSP_ERR_NOMEM) return KVSP_ERR_NOMEM;
  if (s->decoder) s->intra_only = kvsp_av_decoder_intra_only(s->decoder);
  return KVSP_OK;
}

void kvsp_av_streams_remove(struct stream_list *list, size_t index) {
  struct stream *s = &list->streams[index];
  close_stream(s);
  list->count--;
  memmove(s, s + 1, (list->count - index) * sizeof *s);
}
