#include "images.h"

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

struct images {
  struct image_settings settings;
  AVCodecContext *context; /* for pictures of one size                     */
  struct SwsContext *scaler;
  AVFrame *frame;
  AVPacket *packet;
  const char *reason;
  bool size_refused; /* by the encoder, last time                          */
};

uint32_t images_input_format(const struct image_settings *settings) {
  if (settings->gray) return KVSP_PICTURE_GRAY8;
  /* JPEG stores what decoders make: no way through RGB. */
  if (settings->format == IMAGE_JPEG) return KVSP_PICTURE_NATIVE;
  return KVSP_PICTURE_RGB24;
}

bool images_scale(const struct image_settings *settings) {
  return images_input_format(settings) == KVSP_PICTURE_NATIVE;
}

const char *images_extension(const struct image_settings *settings) {
  if (settings->format == IMAGE_PNG) return "png";
  if (settings->format == IMAGE_JPEG) return "jpg";
  return settings->gray ? "pgm" : "ppm";
}

struct images *images_new(const struct image_settings *settings) {
  struct images *images = calloc(1, sizeof *images);
  if (!images) return NULL;
  images->settings = *settings;
  images->reason = "";
  images->frame = av_frame_alloc();
  images->packet = av_packet_alloc();
  if (images->frame && images->packet) return images;
  images_free(images);
  return NULL;
}

void images_free(struct images *images) {
  if (!images) return;
  avcodec_free_context(&images->context);
  sws_freeContext(images->scaler);
  av_frame_free(&images->frame);
  av_packet_free(&images->packet);
  free(images);
}

const char *images_reason(const struct images *images) {
  return images->reason;
}

bool images_refuses_size(const struct images *images) {
  const struct image_settings *settings = &images->settings;
  return images->size_refused && (settings->width > 0 || settings->height > 0);
}

static int fail(struct images *images, const char *reason) {
  images->reason = reason;
  return -1;
}

static enum AVCodecID codec_id(const struct image_settings *settings) {
  if (settings->format == IMAGE_PNG) return AV_CODEC_ID_PNG;
  if (settings->format == IMAGE_JPEG) return AV_CODEC_ID_MJPEG;
  return settings->gray ? AV_CODEC_ID_PGM : AV_CODEC_ID_PPM;
}

static enum AVPixelFormat pixel_format(const struct image_settings *settings) {
  if (settings->format == IMAGE_JPEG) return AV_PIX_FMT_YUVJ420P;
  return settings->gray ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
}

/* libavcodec's scale for JPEG goes from 1 (best) to 31. */
static int jpeg_scale(uint32_t quality) {
  return (int)(1 + (100 - quality) * 30 / 99);
}

static void set_options(AVCodecContext *context,
                        const struct image_settings *settings) {
  context->time_base = (AVRational){1, 25};
  context->thread_count = 1;
  context->flags = AV_CODEC_FLAG_BITEXACT;
  if (settings->format == IMAGE_JPEG) {
    context->color_range = AVCOL_RANGE_JPEG;
    /* Without it there is no JFIF header, which says what the colours are. */
    context->sample_aspect_ratio = (AVRational){1, 1};
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = jpeg_scale(settings->quality) * FF_QP2LAMBDA;
  }
  if (settings->format == IMAGE_PNG) {
    /* On camera pictures twice as fast as libavcodec's defaults, and the
     * files are a quarter smaller. */
    context->compression_level = 1;
    av_opt_set(context->priv_data, "pred", "up", 0);
  }
}

/* Keeps the encoder as long as the size stays. */
static int open_encoder(struct images *images, int width, int height) {
  const AVCodec *codec = avcodec_find_encoder(codec_id(&images->settings));
  AVCodecContext *context = images->context;

  if (context && context->width == width && context->height == height) return 0;
  avcodec_free_context(&images->context);
  if (!codec) return fail(images, "libavcodec has no encoder for it");
  context = avcodec_alloc_context3(codec);
  images->context = context;
  if (!context) return fail(images, "out of memory");
  context->width = width;
  context->height = height;
  context->pix_fmt = pixel_format(&images->settings);
  set_options(context, &images->settings);
  if (avcodec_open2(context, codec, NULL) == 0) return 0;
  avcodec_free_context(&images->context);
  images->size_refused = true;
  return fail(images, "libavcodec's encoder refuses pictures of this size");
}

int images_check_size(struct images *images) {
  const struct image_settings *settings = &images->settings;
  if (settings->width == 0 || settings->height == 0) return 0;
  (void)open_encoder(images, (int)settings->width, (int)settings->height);
  return images->size_refused ? -1 : 0;
}

/* Memory for a picture of the encoder's kind, kept while the size stays. */
static int make_frame(struct images *images) {
  AVFrame *frame = images->frame;
  const AVCodecContext *context = images->context;
  if (frame->buf[0] && frame->format == context->pix_fmt &&
      frame->width == context->width && frame->height == context->height &&
      av_frame_make_writable(frame) == 0)
    return 0;
  av_frame_unref(frame);
  frame->format = context->pix_fmt;
  frame->width = context->width;
  frame->height = context->height;
  if (av_frame_get_buffer(frame, 0) != 0) return fail(images, "out of memory");
  frame->color_range = context->color_range;
  frame->quality = context->global_quality;
  return 0;
}

static void copy_rows(const AVFrame *frame, const kvsp_picture *picture,
                      size_t row) {
  for (uint32_t y = 0; y < picture->height; y++)
    memcpy(frame->data[0] + (ptrdiff_t)y * frame->linesize[0],
           picture->plane[0] + (ptrdiff_t)y * picture->stride[0], row);
}

static void fill_chroma(const AVFrame *frame) {
  size_t rows = ((size_t)frame->height + 1) / 2;
  memset(frame->data[1], 128, rows * (size_t)frame->linesize[1]);
  memset(frame->data[2], 128, rows * (size_t)frame->linesize[2]);
}

/* RGB24 and GRAY8 are as the encoders want them; a grey JPEG gets colours
 * without colour. */
static int take_packed(struct images *images, const kvsp_picture *picture) {
  size_t pixel = picture->format == KVSP_PICTURE_RGB24 ? 3 : 1;
  if (make_frame(images) != 0) return -1;
  copy_rows(images->frame, picture, pixel * picture->width);
  if (images->settings.format == IMAGE_JPEG) fill_chroma(images->frame);
  return 0;
}

/* Matrix and range as the stream tells them, JPEG's own at the other end. */
static void set_colours(struct SwsContext *scaler, const AVFrame *from) {
  const int *jpeg = sws_getCoefficients(SWS_CS_ITU601);
  const int *native = jpeg;
  const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(from->format);
  int full = from->color_range == AVCOL_RANGE_JPEG;

  if (kind && (kind->flags & AV_PIX_FMT_FLAG_RGB)) full = 1;
  if (kind && strncmp(kind->name, "yuvj", 4) == 0) full = 1;
  if (from->colorspace != AVCOL_SPC_UNSPECIFIED &&
      from->colorspace != AVCOL_SPC_RGB)
    native = sws_getCoefficients((int)from->colorspace);
  sws_setColorspaceDetails(scaler, native, full, jpeg, 1, 0, 1 << 16, 1 << 16);
}

static int take_native(struct images *images, const kvsp_picture *picture) {
  const AVFrame *from = picture->avframe;
  AVFrame *to = images->frame;

  if (make_frame(images) != 0) return -1;
  images->scaler = sws_getCachedContext(
      images->scaler, from->width, from->height,
      (enum AVPixelFormat)from->format, to->width, to->height,
      AV_PIX_FMT_YUVJ420P, SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
  if (!images->scaler)
    return fail(images, "libswscale cannot convert this kind of picture");
  set_colours(images->scaler, from);
  if (sws_scale(images->scaler, (const uint8_t *const *)from->data,
                from->linesize, 0, from->height, to->data,
                to->linesize) != to->height)
    return fail(images, "libswscale could not convert the picture");
  return 0;
}

/* One of two sizes may be 0: then it follows from the other one. */
static uint64_t scaled(uint32_t wanted, uint32_t other, uint32_t coded,
                       uint32_t coded_other) {
  uint64_t size = wanted;
  if (wanted == 0 && other == 0) size = coded;
  if (wanted == 0 && other > 0)
    size = ((uint64_t)coded * other + coded_other / 2) / coded_other;
  return size < 1 ? 1 : size;
}

/* A narrow picture becomes a very high one where its aspect is kept. */
static int take_native_scaled(struct images *images,
                              const kvsp_picture *picture) {
  const struct image_settings *s = &images->settings;
  uint64_t width = scaled(s->width, s->height, picture->width, picture->height);
  uint64_t height =
      scaled(s->height, s->width, picture->height, picture->width);
  if (width > s->max_width || height > s->max_height)
    return fail(images, "larger than --max-width and --max-height allow");
  if (open_encoder(images, (int)width, (int)height) != 0) return -1;
  return take_native(images, picture);
}

static int take_picture(struct images *images, const kvsp_picture *picture) {
  int width = (int)picture->width;
  int height = (int)picture->height;
  if (picture->format == KVSP_PICTURE_NATIVE)
    return take_native_scaled(images, picture);
  if (open_encoder(images, width, height) != 0) return -1;
  return take_packed(images, picture);
}

int images_encode(struct images *images, const kvsp_picture *picture,
                  kvsp_view *file) {
  AVPacket *packet = images->packet;
  av_packet_unref(packet);
  images->size_refused = false;
  if (take_picture(images, picture) != 0) return -1;
  images->frame->pts++;
  if (avcodec_send_frame(images->context, images->frame) != 0 ||
      avcodec_receive_packet(images->context, packet) != 0)
    return fail(images, "libavcodec's encoder failed");
  file->data = packet->data;
  file->len = (size_t)packet->size;
  return 0;
}
