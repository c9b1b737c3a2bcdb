#include "video_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "nal_units.h"

struct video_encoder {
  struct video_settings settings;
  AVCodecContext *context;
  AVFrame *frame;
  AVPacket *packet;
  struct nal_bytes codec_private;
  struct nal_bytes converted; /* the last frame, with lengths               */
  int64_t next_index;
};

static const char *const codec_ids[] = {[VIDEO_H264] = "V_MPEG4/ISO/AVC",
                                        [VIDEO_HEVC] = "V_MPEGH/ISO/HEVC",
                                        [VIDEO_MJPEG] = "V_MJPEG"};

static enum AVCodecID libav_id(enum video_codec codec) {
  if (codec == VIDEO_H264) return AV_CODEC_ID_H264;
  if (codec == VIDEO_HEVC) return AV_CODEC_ID_HEVC;
  return AV_CODEC_ID_MJPEG;
}

/* One thread and no lookahead where nothing needs it: the same settings give
 * the same bytes, and frames come out as pictures go in.  Encoders other than
 * the two below do not know these options, which does no harm. */
static void set_private_options(AVCodecContext *context,
                                const struct video_settings *settings,
                                const char *encoder) {
  void *options = context->priv_data;
  av_opt_set(options, "preset", "veryfast", 0);
  av_opt_set(options, "crf", "23", 0);
  av_opt_set(options, "forced-idr", "1", 0);
  if (settings->bframes == 0) av_opt_set(options, "tune", "zerolatency", 0);
  if (strcmp(encoder, "libx265") == 0)
    av_opt_set(options, "x265-params",
               "pools=none:frame-threads=1:wpp=0:log-level=none:open-gop=0:"
               "scenecut=0:repeat-headers=0",
               0);
}

static void set_options(AVCodecContext *context,
                        const struct video_settings *settings,
                        const char *encoder) {
  bool mjpeg = settings->codec == VIDEO_MJPEG;
  context->width = (int)settings->width;
  context->height = (int)settings->height;
  context->time_base =
      (AVRational){(int)settings->rate_den, (int)settings->rate_num};
  context->framerate = av_inv_q(context->time_base);
  context->pix_fmt = mjpeg ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
  context->color_range = mjpeg ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  context->colorspace = AVCOL_SPC_SMPTE170M;
  context->thread_count = 1;
  context->flags = AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  if (mjpeg) {
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = 4 * FF_QP2LAMBDA;
    return;
  }
  context->flags |= (int)AV_CODEC_FLAG_CLOSED_GOP;
  context->max_b_frames = (int)settings->bframes;
  context->gop_size = 100000; /* key frames come where a fragment begins   */
  set_private_options(context, settings, encoder);
}

static int make_codec_private(struct video_encoder *encoder) {
  const AVCodecContext *context = encoder->context;
  kvsp_view extradata = {context->extradata, (size_t)context->extradata_size};
  if (encoder->settings.codec == VIDEO_H264)
    return nal_avc_configuration(extradata, &encoder->codec_private);
  if (encoder->settings.codec == VIDEO_HEVC)
    return nal_hevc_configuration(extradata, &encoder->codec_private);
  return 0;
}

/* Tries one of libavcodec's encoders. */
static int open_codec(struct video_encoder *encoder, const AVCodec *codec) {
  encoder->context = avcodec_alloc_context3(codec);
  if (!encoder->context) return -1;
  set_options(encoder->context, &encoder->settings, codec->name);
  if (avcodec_open2(encoder->context, codec, NULL) == 0 &&
      make_codec_private(encoder) == 0)
    return 0;
  avcodec_free_context(&encoder->context);
  return -1;
}

/* The known good ones first, then whatever opens. */
static int open_any_codec(struct video_encoder *encoder) {
  enum AVCodecID id = libav_id(encoder->settings.codec);
  const char *preferred = id == AV_CODEC_ID_HEVC ? "libx265" : "libx264";
  const AVCodec *codec = avcodec_find_encoder_by_name(preferred);
  void *iterator = NULL;

  if (codec && codec->id == id && open_codec(encoder, codec) == 0) return 0;
  for (codec = av_codec_iterate(&iterator); codec;
       codec = av_codec_iterate(&iterator)) {
    if (codec->id != id || !av_codec_is_encoder(codec)) continue;
    if (open_codec(encoder, codec) == 0) return 0;
  }
  return -1;
}

static int make_frame(struct video_encoder *encoder) {
  AVFrame *frame = av_frame_alloc();
  encoder->frame = frame;
  encoder->packet = av_packet_alloc();
  if (!frame || !encoder->packet) return -1;
  frame->format = encoder->context->pix_fmt;
  frame->width = encoder->context->width;
  frame->height = encoder->context->height;
  frame->color_range = encoder->context->color_range;
  frame->colorspace = encoder->context->colorspace;
  return av_frame_get_buffer(frame, 0) == 0 ? 0 : -1;
}

int video_encoder_new(struct video_encoder **out,
                      const struct video_settings *settings,
                      const char **reason) {
  struct video_encoder *encoder = calloc(1, sizeof *encoder);
  *reason = "out of memory";
  if (!encoder) return -1;
  encoder->settings = *settings;
  if (open_any_codec(encoder) != 0) {
    *reason = "libavcodec has no encoder for it that works here";
    goto fail;
  }
  if (make_frame(encoder) != 0) goto fail;
  *out = encoder;
  return 0;

fail:
  video_encoder_free(encoder);
  return -1;
}

void video_encoder_free(struct video_encoder *encoder) {
  if (!encoder) return;
  av_packet_free(&encoder->packet);
  av_frame_free(&encoder->frame);
  avcodec_free_context(&encoder->context);
  free(encoder->codec_private.data);
  free(encoder->converted.data);
  free(encoder);
}

const char *video_encoder_codec_id(const struct video_encoder *encoder) {
  return codec_ids[encoder->settings.codec];
}

kvsp_view video_encoder_codec_private(const struct video_encoder *encoder) {
  kvsp_view view = {encoder->codec_private.data, encoder->codec_private.size};
  return view;
}

int video_encoder_canvas(struct video_encoder *encoder,
                         struct test_canvas *canvas) {
  AVFrame *frame = encoder->frame;
  /* The encoder may still hold the last picture. */
  if (av_frame_make_writable(frame) != 0) return -1;
  for (int i = 0; i < 3; i++) {
    canvas->plane[i] = frame->data[i];
    canvas->stride[i] = frame->linesize[i];
  }
  canvas->width = frame->width;
  canvas->height = frame->height;
  canvas->full_range = frame->color_range == AVCOL_RANGE_JPEG;
  return 0;
}

int video_encoder_send(struct video_encoder *encoder, bool key) {
  AVFrame *frame = encoder->frame;
  frame->pts = encoder->next_index++;
  frame->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  frame->quality = encoder->context->global_quality;
  return avcodec_send_frame(encoder->context, frame) == 0 ? 0 : -1;
}

int video_encoder_finish(struct video_encoder *encoder) {
  return avcodec_send_frame(encoder->context, NULL) == 0 ? 0 : -1;
}

int video_encoder_receive(struct video_encoder *encoder,
                          struct video_frame *frame) {
  AVPacket *packet = encoder->packet;
  int rc = avcodec_receive_packet(encoder->context, packet);

  if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return 0;
  if (rc < 0) return -1;
  frame->index = (uint64_t)packet->pts;
  frame->key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
  frame->data.data = packet->data;
  frame->data.len = (size_t)packet->size;
  if (encoder->settings.codec == VIDEO_MJPEG) return 1;
  if (nal_with_lengths(frame->data, &encoder->converted) != 0) return -1;
  frame->data.data = encoder->converted.data;
  frame->data.len = encoder->converted.size;
  return 1;
}
