#include "reference.h"

#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "reference: %s\n", what);
  exit(99);
}

void reference_add(struct reference *r, AVFrame *frame, size_t packet) {
  r->frames = realloc(r->frames, (r->count + 1) * sizeof *r->frames);
  r->packet = realloc(r->packet, (r->count + 1) * sizeof *r->packet);
  require(r->frames != NULL && r->packet != NULL, "out of memory");
  r->frames[r->count] = frame;
  r->packet[r->count++] = packet;
}

static void take_frames(struct reference *r, AVCodecContext *c) {
  AVFrame *frame = av_frame_alloc();
  require(frame != NULL, "out of memory");
  while (avcodec_receive_frame(c, frame) >= 0) {
    reference_add(r, frame, (size_t)frame->pts);
    frame = av_frame_alloc();
    require(frame != NULL, "out of memory");
  }
  av_frame_free(&frame);
}

static AVCodecContext *open_decoder(const struct encoded *e) {
  const AVCodec *codec = avcodec_find_decoder(e->id);
  AVCodecContext *c = avcodec_alloc_context3(codec);
  require(codec != NULL && c != NULL, "no decoder");
  c->thread_count = 1;
  c->log_level_offset = 100;
  c->width = e->width;
  c->height = e->height;
  if (e->extradata_size > 0) {
    c->extradata = av_mallocz(e->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
    require(c->extradata != NULL, "out of memory");
    memcpy(c->extradata, e->extradata, e->extradata_size);
    c->extradata_size = (int)e->extradata_size;
  }
  require(avcodec_open2(c, codec, NULL) >= 0, "the decoder does not open");
  return c;
}

void reference_decode(struct reference *r, const struct encoded *e) {
  AVCodecContext *c = open_decoder(e);
  AVPacket *packet = av_packet_alloc();
  require(packet != NULL, "out of memory");
  memset(r, 0, sizeof *r);
  for (size_t i = 0; i < e->count; i++) {
    require(av_new_packet(packet, (int)e->packets[i].size) >= 0,
            "out of memory");
    memcpy(packet->data, e->packets[i].data, e->packets[i].size);
    packet->pts = (int64_t)i;
    require(avcodec_send_packet(c, packet) >= 0, "a packet is refused");
    av_packet_unref(packet);
    take_frames(r, c);
  }
  require(avcodec_send_packet(c, NULL) >= 0, "the end is refused");
  take_frames(r, c);
  av_packet_free(&packet);
  avcodec_free_context(&c);
}

void reference_free(struct reference *r) {
  for (size_t i = 0; i < r->count; i++) av_frame_free(&r->frames[i]);
  free(r->frames);
  free(r->packet);
  memset(r, 0, sizeof *r);
}

static int plane_equal(const AVFrame *frame, const kvsp_picture *picture,
                       int plane) {
  const AVPixFmtDescriptor *d =
      av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
  int chroma = plane == 1 || plane == 2;
  int height = chroma ? -((-frame->height) >> d->log2_chroma_h) : frame->height;
  int width = chroma ? -((-frame->width) >> d->log2_chroma_w) : frame->width;
  size_t bytes = (size_t)width * (size_t)d->comp[0].step;
  for (int y = 0; y < height; y++) {
    if (memcmp(frame->data[plane] + y * frame->linesize[plane],
               picture->plane[plane] + y * picture->stride[plane],
               bytes) != 0) {
      return 0;
    }
  }
  return 1;
}

int reference_equal(const struct reference *r, size_t i,
                    const kvsp_picture *picture) {
  const AVFrame *frame;
  if (i >= r->count) return 0;
  frame = r->frames[i];
  if (picture->format != KVSP_PICTURE_NATIVE ||
      picture->native_format != frame->format ||
      picture->width != (uint32_t)frame->width ||
      picture->height != (uint32_t)frame->height) {
    return 0;
  }
  for (int plane = 0; plane < 3 && frame->data[plane]; plane++) {
    if (!plane_equal(frame, picture, plane)) return 0;
  }
  return 1;
}
