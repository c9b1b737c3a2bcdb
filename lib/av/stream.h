/*
 * stream.h - the video tracks of a stream and the decoder of each.  Knows
 * when a track is not what it was; knows no reader and no items.
 */
#ifndef KVSP_AV_STREAM_H
#define KVSP_AV_STREAM_H

#include <kvsparse/pictures.h>

#include "selection.h"

struct stream {
  uint64_t number;
  kvsp_decoder *decoder; /* NULL: this track cannot be decoded             */
  int intra_only;        /* each of its frames decodes by itself           */
  int ended;             /* its decoder was told that no frames follow     */
  uint32_t width, height;
  kvsp_buf *codec_id;
  kvsp_buf *codec_private;
  uint64_t picture_count; /* delivered                                     */
  struct selection selection;
};

struct stream_list {
  const kvsp_allocator *allocator;
  struct stream *streams;
  size_t count, capacity;
};

void kvsp_av_streams_init(struct stream_list *list,
                          const kvsp_allocator *allocator);
void kvsp_av_streams_free(struct stream_list *list);

/* NULL when there is none with that number. */
struct stream *kvsp_av_streams_find(const struct stream_list *list,
                                    uint64_t number);
/* 1 when a decoder for the one does for the other. */
int kvsp_av_stream_matches(const struct stream *s, const kvsp_track *track);

/*
 * The stream of that track, made or made anew: its old decoder, drained by
 * the caller, is closed.  When libavcodec cannot decode it, KVSP_OK is
 * returned all the same and *opened says why: the code of kvsp_decoder_new.
 * KVSP_OK, KVSP_ERR_NOMEM.
 */
int kvsp_av_streams_open(struct stream_list *list, const kvsp_track *track,
                         const kvsp_decoder_config *config,
                         const struct selection *selection, int *opened);
void kvsp_av_streams_remove(struct stream_list *list, size_t index);

#endif
