#include "support/video.h"

#include <stdio.h>
#include <string.h>

kvsp_track video_track(const struct encoded *e) {
  kvsp_track t;
  memset(&t, 0, sizeof t);
  t.number = 1;
  t.type = KVSP_TRACK_VIDEO;
  t.width = (uint32_t)e->width;
  t.height = (uint32_t)e->height;
  t.codec_id.data = (const uint8_t *)e->codec_id;
  t.codec_id.len = strlen(e->codec_id);
  t.codec_private.data = e->extradata;
  t.codec_private.len = e->extradata_size;
  return t;
}

struct mux_track video_mux_track(const struct encoded *e) {
  struct mux_track t;
  memset(&t, 0, sizeof t);
  t.number = 1;
  t.type = KVSP_TRACK_VIDEO;
  t.codec_id = e->codec_id;
  t.codec_private = e->extradata;
  t.codec_private_len = e->extradata_size;
  t.width = (uint64_t)e->width;
  t.height = (uint64_t)e->height;
  return t;
}

void video_block(struct bytes *b, const struct encoded *e, size_t i,
                 size_t first) {
  const struct encoded_packet *p = &e->packets[i];
  int64_t timecode = (p->pts - (int64_t)first) * VIDEO_FRAME_MS;
  mux_simple_block(b, 1, (int16_t)timecode, p->key ? 0x80 : 0, p->data,
                   p->size);
}

void video_fragment(struct bytes *b, const struct mux_track *track,
                    const struct encoded *e, unsigned index) {
  char number[16];
  (void)snprintf(number, sizeof number, "%u", 91 + index);
  mux_document(b);
  mux_info(b, 0);
  mux_tracks(b, track, 1);
  mux_head_tags(b, number, "1511852109.126", "1511852108.513");
  mux_cluster(b, 1000 * (uint64_t)index);
  for (size_t i = 0; i < e->count; i++) video_block(b, e, i, 0);
  mux_tail_tags(b, number, "0");
}
