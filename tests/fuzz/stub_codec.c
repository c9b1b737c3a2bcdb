#include "stub_codec.h"

#include <libavcodec/avcodec.h>
#include <libavutil/buffer.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX 16u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The script. */

static struct {
  const uint8_t *data;
  size_t len, at;
  size_t open;
} script;

void stub_codec_start(const uint8_t *data, size_t len) {
  script.data = data;
  script.len = len;
  script.at = 0;
}

size_t stub_codec_open_count(void) {
  return script.open;
}

static unsigned decide(void) {
  return script.at < script.len ? script.data[script.at++] : 0;
}

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "stub_codec: %s\n", what);
  abort();
}

/* Packets. */

AVPacket *av_packet_alloc(void) {
  AVPacket *packet = av_mallocz(sizeof *packet);
  if (packet) packet->pts = AV_NOPTS_VALUE;
  return packet;
}

void av_packet_unref(AVPacket *packet) {
  av_buffer_unref(&packet->buf);
  memset(packet, 0, sizeof *packet);
  packet->pts = AV_NOPTS_VALUE;
}

void av_packet_free(AVPacket **packet) {
  if (!*packet) return;
  av_packet_unref(*packet);
  av_freep(packet);
}

/* Codecs. */

static const AVCodec codec = {.name = "stub", .type = AVMEDIA_TYPE_VIDEO};

const AVCodec *avcodec_find_decoder(enum AVCodecID id) {
  return id == AV_CODEC_ID_THEORA ? NULL : &codec;
}

const AVCodecDescriptor *avcodec_descriptor_get(enum AVCodecID id) {
  static const AVCodecDescriptor intra = {.id = AV_CODEC_ID_MJPEG,
                                          .props = AV_CODEC_PROP_INTRA_ONLY};
  static const AVCodecDescriptor other = {.id = AV_CODEC_ID_H264};
  if (id == AV_CODEC_ID_FFV1) return NULL;
  return id == AV_CODEC_ID_MJPEG ? &intra : &other;
}

/* A decoder. */

struct waiting_picture {
  int64_t pts;
  unsigned decision;
};

struct decoder {
  struct waiting_picture queue[QUEUE_MAX];
  unsigned count;
  unsigned delay; /* pictures that are kept back                           */
  int draining;
  int width, height;
  AVBufferRef *held; /* the last packet's bytes, as threads keep them       */
};

AVCodecContext *avcodec_alloc_context3(const AVCodec *with) {
  AVCodecContext *context = av_mallocz(sizeof *context);
  require(with == &codec, "opened with a codec that is not the stub's");
  if (!context) return NULL;
  script.open++;
  return context;
}

void avcodec_free_context(AVCodecContext **context) {
  struct decoder *d;
  if (!*context) return;
  d = (*context)->priv_data;
  if (d) av_buffer_unref(&d->held);
  av_freep(&(*context)->priv_data);
  av_freep(&(*context)->extradata);
  av_freep(context);
  script.open--;
}

static void check_extradata(const AVCodecContext *context) {
  const uint8_t *p = context->extradata;
  if (!p) return;
  for (int i = 0; i < AV_INPUT_BUFFER_PADDING_SIZE; i++) {
    require(p[context->extradata_size + i] == 0, "no padding in extradata");
  }
}

int avcodec_open2(AVCodecContext *context, const AVCodec *with,
                  AVDictionary **options) {
  unsigned decision = decide();
  struct decoder *d;
  (void)with;
  (void)options;
  check_extradata(context);
  if ((decision & 0x0F) == 0x0F) return AVERROR_INVALIDDATA;
  if (decision == 0x8E) return AVERROR(ENOMEM);
  d = av_mallocz(sizeof *d);
  if (!d) return AVERROR(ENOMEM);
  d->delay = decision & 3;
  d->width = 16;
  d->height = 8;
  context->priv_data = d;
  return 0;
}

static int add_picture(struct decoder *d, int64_t pts) {
  struct waiting_picture *p = &d->queue[d->count];
  if (d->count == QUEUE_MAX) return 0;
  p->decision = decide();
  p->pts = pts;
  switch (p->decision >> 3 & 3) {
    case 1: p->pts = AV_NOPTS_VALUE; break;
    case 2: p->pts = pts - (int64_t)decide(); break;
    case 3: p->pts = (int64_t)((uint64_t)decide() << 57); break;
    default: break;
  }
  d->count++;
  return 1;
}

/* A bit reader looks at all bytes and at the padding. */
static void look_at(const AVPacket *packet) {
  volatile uint8_t sum = 0;
  for (int i = 0; i < packet->size; i++) {
    sum = (uint8_t)(sum + packet->data[i]);
  }
  for (int i = 0; i < AV_INPUT_BUFFER_PADDING_SIZE; i++) {
    require(packet->data[packet->size + i] == 0, "no padding in a frame");
  }
}

static void hold(struct decoder *d, const AVPacket *packet) {
  av_buffer_unref(&d->held);
  d->held = av_buffer_ref(packet->buf);
}

int avcodec_send_packet(AVCodecContext *context, const AVPacket *packet) {
  struct decoder *d = context->priv_data;
  unsigned decision = decide();
  unsigned pictures = 1;
  int rc = 0;
  if ((decision & 0x0F) == 14 && (d->count > 0 || decision & 0x80)) {
    return AVERROR(EAGAIN);
  }
  if (d->draining) return AVERROR_EOF;
  if (!packet) {
    d->draining = 1;
    return 0;
  }
  require(packet->buf && packet->size > 0, "an empty packet");
  look_at(packet);
  if (d->count + 3 > QUEUE_MAX) return AVERROR(EAGAIN);
  switch (decision & 0x0F) {
    case 9: pictures = 0; break;
    case 10: pictures = 2; break;
    case 11: pictures = 3; break;
    case 12: return AVERROR_INVALIDDATA;
    case 13: return decision == 0x8D ? AVERROR(ENOMEM) : AVERROR(EINVAL);
    case 15: rc = AVERROR_INVALIDDATA; break;
    default: break;
  }
  hold(d, packet);
  while (pictures-- > 0) add_picture(d, packet->pts);
  return rc;
}

/* Pictures. */

static void choose_size(struct decoder *d, unsigned decision) {
  static const int sizes[][2] = {
      {0, 0},     {64, 48},
      {1, 1},     {STUB_WIDTH_MAX, 2},
      {2, 16384}, {STUB_WIDTH_ABSURD, STUB_WIDTH_ABSURD},
      {17, 33},
  };
  size_t i = decision >> 5;
  if (i == 7) {
    d->width = 1 + (int)decide();
    d->height = 1 + (int)decide();
  } else if (i > 0) {
    d->width = sizes[i][0];
    d->height = sizes[i][1];
  }
}

static int choose_format(unsigned n) {
  static const int formats[] = {
      AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_GRAY8,
      AV_PIX_FMT_RGB24,   AV_PIX_FMT_YUV444P,  AV_PIX_FMT_RGBA,
  };
  return formats[n % COUNT(formats)];
}

/* As ff_get_buffer does; with own, as decoders do that bring their memory. */
static int get_memory(AVCodecContext *context, AVFrame *frame, int own) {
  int rc;
  if (own && frame->width <= STUB_WIDTH_MAX)
    return av_frame_get_buffer(frame, 0);
  rc = context->get_buffer2(context, frame, 0);
  require(rc < 0 || frame->width <= STUB_WIDTH_MAX,
          "memory for an absurd picture");
  return rc;
}

/* As most decoders do when they have read a size. */
static int ask_for_format(AVCodecContext *context, int format) {
  enum AVPixelFormat formats[2] = {(enum AVPixelFormat)format, AV_PIX_FMT_NONE};
  enum AVPixelFormat chosen = context->get_format(context, formats);
  require(chosen == format || chosen == AV_PIX_FMT_NONE, "a format of those");
  return chosen == format ? 0 : AVERROR_INVALIDDATA;
}

enum AVPixelFormat avcodec_default_get_format(
    struct AVCodecContext *context, const enum AVPixelFormat *formats) {
  (void)context;
  return formats[0];
}

static void paint(AVFrame *frame, int64_t pts) {
  for (int i = 0; i < 4 && frame->data[i]; i++) {
    int rows = frame->height;
    if (i > 0 && frame->format != AV_PIX_FMT_YUV444P) rows = (rows + 1) / 2;
    memset(frame->data[i], (int)((uint64_t)pts & 0x7F),
           (size_t)frame->linesize[i] * (size_t)rows);
  }
}

static int make_picture(AVCodecContext *context, AVFrame *frame,
                        const struct waiting_picture *p) {
  struct decoder *d = context->priv_data;
  unsigned decision = p->decision & 4 ? decide() : 0;
  int rc = 0;
  choose_size(d, p->decision);
  context->width = context->coded_width = frame->width = d->width;
  context->height = context->coded_height = frame->height = d->height;
  /* A stream may show less than there is. */
  if (decision & 0x80) context->width = context->height = 1;
  frame->format = choose_format(decision & 7);
  frame->color_range =
      decision & 8 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
  if (decision & 0x40) rc = ask_for_format(context, frame->format);
  if (rc >= 0) rc = get_memory(context, frame, (decision & 0x10) != 0);
  if (rc < 0) return rc;
  paint(frame, p->pts);
  if (decision & 0x80) frame->width = frame->height = 1;
  frame->pts = p->pts;
  if (p->decision & 1) frame->flags |= AV_FRAME_FLAG_CORRUPT;
  if (p->decision & 2) frame->decode_error_flags = 1;
#ifdef AV_FRAME_FLAG_KEY
  if (decision & 0x20) frame->flags |= AV_FRAME_FLAG_KEY;
#else
  frame->key_frame = (decision & 0x20) != 0;
#endif
  return 0;
}

int avcodec_receive_frame(AVCodecContext *context, AVFrame *frame) {
  struct decoder *d = context->priv_data;
  struct waiting_picture p;
  unsigned decision = decide();
  int rc;
  av_frame_unref(frame);
  if ((decision & 0x0F) == 0x0F) return AVERROR_INVALIDDATA;
  if (decision == 0x8E) return AVERROR(ENOMEM);
  if (d->count == 0 || (d->count <= d->delay && !d->draining)) {
    return d->draining ? AVERROR_EOF : AVERROR(EAGAIN);
  }
  p = d->queue[0];
  d->count--;
  memmove(d->queue, d->queue + 1, d->count * sizeof *d->queue);
  rc = make_picture(context, frame, &p);
  if (rc < 0) av_frame_unref(frame);
  return rc;
}

void avcodec_flush_buffers(AVCodecContext *context) {
  struct decoder *d = context->priv_data;
  d->count = 0;
  d->draining = 0;
  av_buffer_unref(&d->held);
}

int avcodec_default_get_buffer2(AVCodecContext *context, AVFrame *frame,
                                int flags) {
  (void)context;
  (void)flags;
  return av_frame_get_buffer(frame, 0);
}

/* A converter. */

struct SwsContext {
  const AVClass *class;
  int srcw, srch, src_format, dstw, dsth, dst_format, flags, chroma, threads;
};

#define FIELD(name, field)                                              \
  {                                                                     \
    name, "", (int)offsetof(struct SwsContext, field), AV_OPT_TYPE_INT, \
        {.i64 = 0}, INT_MIN, INT_MAX, 0, NULL                           \
  }

static const AVOption sws_fields[] = {
    FIELD("srcw", srcw),
    FIELD("srch", srch),
    FIELD("dstw", dstw),
    FIELD("dsth", dsth),
    FIELD("sws_flags", flags),
    FIELD("src_v_chr_pos", chroma),
    FIELD("src_format", src_format),
    FIELD("dst_format", dst_format),
    FIELD("threads", threads),
    {.name = NULL},
};

static const AVClass sws_class = {.class_name = "stub",
                                  .item_name = av_default_item_name,
                                  .option = sws_fields,
                                  .version = LIBAVUTIL_VERSION_INT};

struct SwsContext *sws_alloc_context(void) {
  struct SwsContext *sws = av_mallocz(sizeof *sws);
  if (!sws) return NULL;
  sws->class = &sws_class;
  script.open++;
  return sws;
}

void sws_freeContext(struct SwsContext *sws) {
  if (sws) script.open--;
  av_free(sws);
}

int sws_isSupportedInput(enum AVPixelFormat format) {
  return format != AV_PIX_FMT_RGBA;
}

int sws_init_context(struct SwsContext *sws, SwsFilter *source,
                     SwsFilter *target) {
  (void)source;
  (void)target;
  require(sws->srcw > 0 && sws->srch > 0, "a converter from no size");
  require(sws->dstw > 0 && sws->dsth > 0, "a converter to no size");
  return (decide() & 0x0F) == 0x0F ? AVERROR(EINVAL) : 0;
}

const int *sws_getCoefficients(int colorspace) {
  static const int table[4] = {1, 2, 3, 4};
  (void)colorspace;
  return table;
}

int sws_getColorspaceDetails(struct SwsContext *sws, int **inverse_table,
                             int *source_range, int **table, int *target_range,
                             int *brightness, int *contrast, int *saturation) {
  static int unused[4];
  *inverse_table = *table = unused;
  *source_range = *target_range = *brightness = *contrast = *saturation = 0;
  return sws->src_format == AV_PIX_FMT_RGB24 ? -1 : 0;
}

int sws_setColorspaceDetails(struct SwsContext *sws, const int inverse_table[4],
                             int source_range, const int table[4],
                             int target_range, int brightness, int contrast,
                             int saturation) {
  (void)sws, (void)inverse_table, (void)source_range, (void)table;
  (void)target_range, (void)brightness, (void)contrast, (void)saturation;
  return 0;
}

/* Writes all of the target, and beyond each row as vector code may. */
int sws_scale(struct SwsContext *sws, const uint8_t *const source[],
              const int source_stride[], int y, int height,
              uint8_t *const target[], const int target_stride[]) {
  int value = source[0][0];
  require(y == 0 && height == sws->srch, "not the whole picture");
  value += source[0][(size_t)source_stride[0] * (size_t)(height - 1)];
  memset(target[0], value & 0x7F, (size_t)target_stride[0] * (size_t)sws->dsth);
  return (decide() & 0x0F) == 0x0F ? sws->dsth - 1 : sws->dsth;
}

/* As the real one: it holds both while it works. */
int sws_scale_frame(struct SwsContext *sws, AVFrame *target,
                    const AVFrame *source) {
  uint8_t *const planes[4] = {target->data[0], NULL, NULL, NULL};
  AVBufferRef *held;
  unsigned decision = decide();
  int rows;
  require(sws->threads > 1, "threads where there are none");
  require(source->buf[0] && target->buf[0], "a frame that cannot be held");
  require(target->width == sws->dstw && target->height == sws->dsth &&
              target->format == sws->dst_format,
          "another target than it was made for");
  require(target->buf[0]->data <= target->data[0] &&
              target->data[0] +
                      (size_t)target->linesize[0] * (size_t)target->height <=
                  target->buf[0]->data + target->buf[0]->size,
          "a target beyond its buffer");
  if (decision == 0x8E) return AVERROR(ENOMEM);
  held = av_buffer_ref(target->buf[0]);
  if (!held) return AVERROR(ENOMEM);
  rows = sws_scale(sws, (const uint8_t *const *)source->data, source->linesize,
                   0, source->height, planes, target->linesize);
  av_buffer_unref(&held);
  return rows == sws->dsth ? 0 : AVERROR(EINVAL);
}
