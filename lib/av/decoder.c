#include "decoder.h"

#include <libavutil/avutil.h>
#include <libavutil/pixdesc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "av_memory.h"
#include "codec.h"
#include "convert.h"
#include "nal.h"
#include "pending.h"

_Static_assert(KVSP_PADDING >= AV_INPUT_BUFFER_PADDING_SIZE,
               "libavcodec wants more padding than a kvsp_buf has");

#define DEFAULT_MAX_SIZE 16384u
/* The largest unit that a codec rounds a picture's size up to. */
#define ROUNDED_UP 128
/* Scaling to more than that in one direction is taken for a mistake. */
#define MAX_SCALED_SIZE 65536u
/* Added to the level of libavcodec's messages, so that none is shown: what it
 * has to say comes back in status codes.  (Sums must stay below 256.) */
#define QUIET 64

struct kvsp_decoder {
  kvsp_allocator allocator;
  kvsp_decoder_config config;
  struct codec codec;
  kvsp_buf *codec_private; /* what codec.extradata points to                 */
  uint32_t track_width, track_height;
  unsigned length_size;     /* of H.264 and H.265 frames                     */
  enum nal_framing framing; /* what the context was opened for               */
  AVCodecContext *context;  /* NULL: not opened yet                          */
  AVPacket *packet;
  AVFrame *frame;
  struct pending pending;
  struct pending_frame current; /* of the picture that was received last     */
  struct convert convert;
  kvsp_picture picture;
  uint64_t picture_count;
  int ended;            /* send(NULL) was called                             */
  int lossy;            /* a frame was lost, and no key frame came since     */
  int reopening;        /* being drained, because the framing changed        */
  int had_size;         /* the context, before libavcodec was called last    */
  int late_error;       /* libavcodec's of a frame before the end; 0: none   */
  atomic_int too_large; /* set by libavcodec's threads                       */
  const char *message;
  char message_text[AV_ERROR_MAX_STRING_SIZE + 32];
};

/* Messages and codes. */

static int fail_with(kvsp_decoder *d, int status, const char *message) {
  d->message = message;
  return status;
}

static int fail_size(kvsp_decoder *d) {
  return fail_with(d, KVSP_ERR_CODEC,
                   "the picture is larger than max_width and max_height allow");
}

static void watch_size(kvsp_decoder *d) {
  d->had_size = d->context->width > 0 && d->context->height > 0;
}

/* libavcodec refuses a size beyond max_pixels with the code of any broken
 * frame; but it then forgets the size that it had. */
static int size_vanished(kvsp_decoder *d) {
  int vanished = d->had_size && d->context && d->context->width == 0 &&
                 d->context->height == 0;
  d->had_size = 0;
  return vanished;
}

static int fail_codec(kvsp_decoder *d, int error) {
  char text[AV_ERROR_MAX_STRING_SIZE];
  if (atomic_exchange(&d->too_large, 0) || size_vanished(d))
    return fail_size(d);
  /* The H.265 decoder says so, too, when a stream asks for more reference
   * pictures than there may be: no reason to give up the stream. */
  if (error == AVERROR(ENOMEM) && d->codec.nal != NAL_CODEC_HEVC)
    return fail_with(d, KVSP_ERR_NOMEM, "out of memory");
  if (av_strerror(error, text, sizeof text) < 0) text[0] = '\0';
  snprintf(d->message_text, sizeof d->message_text, "libavcodec: %s", text);
  return fail_with(d, KVSP_ERR_CODEC, d->message_text);
}

/* Opening. */

static int size_allowed(const kvsp_decoder *d, int width, int height) {
  return width <= (int)d->config.max_width &&
         height <= (int)d->config.max_height;
}

/* What is decoded may be larger than what is shown of it: by what a codec
 * rounds up to, not by as much as a stream likes. */
static int coded_size_allowed(const kvsp_decoder *d, int width, int height) {
  return width <= (int64_t)d->config.max_width + ROUNDED_UP &&
         height <= (int64_t)d->config.max_height + ROUNDED_UP;
}

/* Most decoders ask for the format once they know the size, before any table
 * is made for it.  Called from libavcodec's threads. */
static enum AVPixelFormat get_format(AVCodecContext *context,
                                     const enum AVPixelFormat *formats) {
  kvsp_decoder *d = context->opaque;
  if (!size_allowed(d, context->width, context->height) ||
      !coded_size_allowed(d, context->coded_width, context->coded_height)) {
    atomic_store(&d->too_large, 1);
    return AV_PIX_FMT_NONE;
  }
  return avcodec_default_get_format(context, formats);
}

/* The last place where a picture's size can be refused before libavcodec
 * takes memory for it.  Called from its threads. */
static int get_buffer(AVCodecContext *context, AVFrame *frame, int flags) {
  kvsp_decoder *d = context->opaque;
  if (!size_allowed(d, context->width, context->height) ||
      !coded_size_allowed(d, frame->width, frame->height)) {
    atomic_store(&d->too_large, 1);
    return AVERROR(EINVAL);
  }
  return avcodec_default_get_buffer2(context, frame, flags);
}

static int set_extradata(AVCodecContext *context, const uint8_t *data,
                         size_t size) {
  if (size == 0) return 0;
  if (size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE) return AVERROR(EINVAL);
  context->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
  if (!context->extradata) return AVERROR(ENOMEM);
  if (data) memcpy(context->extradata, data, size);
  context->extradata_size = (int)size;
  return 0;
}

static kvsp_view codec_private(const kvsp_decoder *d) {
  return kvsp_buf_view(d->codec_private);
}

static int add_nal_extradata(const kvsp_decoder *d, AVCodecContext *context) {
  struct nal_config config;
  size_t size;
  int rc;
  kvsp_av_nal_config(&config, d->codec.nal, codec_private(d));
  size = kvsp_av_nal_extradata(&config, d->framing, NULL);
  rc = set_extradata(context, NULL, size);
  if (rc == 0 && size > 0) {
    kvsp_av_nal_extradata(&config, d->framing, context->extradata);
  }
  return rc;
}

static int add_extradata(const kvsp_decoder *d, AVCodecContext *context) {
  kvsp_view v = codec_private(d);
  if (d->codec.nal != NAL_CODEC_NONE) return add_nal_extradata(d, context);
  return set_extradata(context, v.data, v.len);
}

/* There the flag means that pictures come in the order of their frames, which
 * is wrong where there are B-frames; the stream itself tells when it has none.
 */
static int flag_breaks_order(enum AVCodecID id) {
  return id == AV_CODEC_ID_MPEG1VIDEO || id == AV_CODEC_ID_MPEG2VIDEO ||
         id == AV_CODEC_ID_MPEG4 || id == AV_CODEC_ID_VC1 ||
         id == AV_CODEC_ID_WMV3;
}

/* H.264 may leave open how far its B-frames are moved.  libavcodec then finds
 * out by and by, and loses a picture each time, unless it is to be strict: it
 * then counts with as much as the stream's level allows. */
static void set_order(const kvsp_decoder *d, AVCodecContext *context) {
  if (d->codec.nal == NAL_CODEC_AVC &&
      !(d->config.flags & KVSP_DECODE_LOW_DELAY))
    context->strict_std_compliance = FF_COMPLIANCE_STRICT;
}

static void set_threads(const kvsp_decoder *d, AVCodecContext *context) {
  context->thread_count = (int)d->config.threads;
  if (d->config.flags & KVSP_DECODE_LOW_DELAY) {
    /* Each thread that works on a frame of its own delays by a frame. */
    context->thread_type = FF_THREAD_SLICE;
    if (!flag_breaks_order(d->codec.id))
      context->flags |= AV_CODEC_FLAG_LOW_DELAY;
  } else {
    context->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  }
#if LIBAVCODEC_VERSION_MAJOR < 60
  /* Without it, get_buffer would make the threads wait for each other. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  context->thread_safe_callbacks = 1;
#pragma GCC diagnostic pop
#endif
}

static void set_context(kvsp_decoder *d, AVCodecContext *context) {
  context->opaque = d;
  context->get_format = get_format;
  context->get_buffer2 = get_buffer;
  context->log_level_offset = QUIET;
  /* Refused where the size is first read, before any table is made for it.
   * get_buffer is exact; this counts with some rounding up. */
  context->max_pixels = ((int64_t)d->config.max_width + ROUNDED_UP) *
                        ((int64_t)d->config.max_height + ROUNDED_UP);
  /* Pictures that lean on missing frames come out too, flagged. */
  context->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  context->codec_tag = d->codec.tag;
  context->bits_per_coded_sample = d->codec.bits_per_sample;
  if (d->track_width <= d->config.max_width &&
      d->track_height <= d->config.max_height) {
    context->width = (int)d->track_width;
    context->height = (int)d->track_height;
  }
  set_order(d, context);
  set_threads(d, context);
}

static int open_once(kvsp_decoder *d, int with_extradata) {
  AVCodecContext *context = avcodec_alloc_context3(d->codec.decoder);
  int rc = 0;
  if (!context) return AVERROR(ENOMEM);
  set_context(d, context);
  if (with_extradata) rc = add_extradata(d, context);
  if (rc >= 0) rc = avcodec_open2(context, d->codec.decoder, NULL);
  if (rc < 0) {
    avcodec_free_context(&context);
    return rc;
  }
  d->context = context;
  return 0;
}

/* Broken extradata are no reason to give up: what counts may be in-band. */
static int open_context(kvsp_decoder *d) {
  int rc = open_once(d, 1);
  if (rc < 0 && rc != AVERROR(ENOMEM) && codec_private(d).len > 0) {
    rc = open_once(d, 0);
  }
  return rc < 0 ? fail_codec(d, rc) : KVSP_OK;
}

static int copy_track(kvsp_decoder *d, const kvsp_track *track) {
  struct nal_config config;
  d->track_width = track->width;
  d->track_height = track->height;
  if (d->codec.nal != NAL_CODEC_NONE) {
    kvsp_av_nal_config(&config, d->codec.nal, d->codec.extradata);
    d->length_size = config.length_size;
  }
  if (kvsp_buf_copy(&d->codec_private, d->codec.extradata, &d->allocator) !=
      KVSP_OK) {
    return KVSP_ERR_NOMEM;
  }
  d->codec.extradata = codec_private(d);
  return KVSP_OK;
}

/* The frames of H.264 and H.265 say how these are to be opened, all others
 * can be opened at once. */
static int decoder_open(kvsp_decoder *d, const kvsp_track *track) {
  int rc;
  d->packet = av_packet_alloc();
  d->frame = av_frame_alloc();
  if (!d->packet || !d->frame) return KVSP_ERR_NOMEM;
  rc = copy_track(d, track);
  if (rc != KVSP_OK) return rc;
  return d->codec.nal == NAL_CODEC_NONE ? open_context(d) : KVSP_OK;
}

int kvsp_av_decoder_config(kvsp_decoder_config *out,
                           const kvsp_decoder_config *config) {
  memset(out, 0, sizeof *out);
  if (config) {
    if (config->struct_size != sizeof *config) return KVSP_ERR_ARG;
    *out = *config;
  }
  out->struct_size = sizeof *out;
  out->allocator = NULL;
  if (out->format > KVSP_PICTURE_BGRA) return KVSP_ERR_ARG;
  if (out->format == KVSP_PICTURE_NATIVE && (out->width || out->height)) {
    return KVSP_ERR_ARG;
  }
  if (out->width > MAX_SCALED_SIZE || out->height > MAX_SCALED_SIZE ||
      out->threads > INT16_MAX ||
      out->flags & ~(uint32_t)KVSP_DECODE_LOW_DELAY) {
    return KVSP_ERR_ARG;
  }
  if (out->max_width == 0) out->max_width = DEFAULT_MAX_SIZE;
  if (out->max_height == 0) out->max_height = DEFAULT_MAX_SIZE;
  if (out->max_width > INT32_MAX) out->max_width = INT32_MAX;
  if (out->max_height > INT32_MAX) out->max_height = INT32_MAX;
  return KVSP_OK;
}

int kvsp_decoder_new(kvsp_decoder **out, const kvsp_track *track,
                     const kvsp_decoder_config *config) {
  kvsp_allocator allocator;
  kvsp_decoder_config checked;
  struct codec codec;
  kvsp_decoder *d;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!track) return KVSP_ERR_ARG;
  rc = kvsp_av_decoder_config(&checked, config);
  if (rc == KVSP_OK) {
    rc = kvsp_av_allocator_init(&allocator, config ? config->allocator : NULL);
  }
  if (rc != KVSP_OK) return rc;
  if (track->type != KVSP_TRACK_VIDEO || !kvsp_av_codec_find(&codec, track) ||
      !codec.decoder) {
    return KVSP_ERR_UNSUPPORTED;
  }
  d = kvsp_av_alloc(&allocator, sizeof *d);
  if (!d) return KVSP_ERR_NOMEM;
  d->allocator = allocator;
  d->config = checked;
  d->codec = codec;
  d->message = "";
  atomic_init(&d->too_large, 0);
  kvsp_av_pending_init(&d->pending, &d->allocator);
  kvsp_av_convert_init(&d->convert, &d->allocator, &d->config);
  rc = decoder_open(d, track);
  if (rc != KVSP_OK) {
    kvsp_decoder_free(d);
    return rc;
  }
  *out = d;
  return KVSP_OK;
}

void kvsp_decoder_free(kvsp_decoder *d) {
  kvsp_allocator allocator;
  if (!d) return;
  allocator = d->allocator;
  avcodec_free_context(&d->context);
  av_packet_free(&d->packet);
  av_frame_free(&d->frame);
  kvsp_av_convert_free(&d->convert);
  kvsp_buf_unref(d->current.fragment_number);
  kvsp_av_pending_free(&d->pending);
  kvsp_buf_unref(d->codec_private);
  kvsp_av_release(&allocator, d, sizeof *d);
}

/* Sending. */

static void release_buf(void *opaque, uint8_t *data) {
  (void)data;
  kvsp_buf_unref(opaque);
}

/* The packet's bytes are the frame's own, which outlive the reader's call. */
static int wrap_frame(kvsp_decoder *d, const kvsp_frame *frame) {
  kvsp_buf *buf;
  kvsp_view v;
  int rc = kvsp_frame_retain(frame, &buf);
  if (rc != KVSP_OK) return fail_with(d, rc, "the frame cannot be kept");
  v = kvsp_buf_view(buf);
  /* libavcodec never writes into a buffer that is read-only. */
  d->packet->buf =
      av_buffer_create((uint8_t *)(uintptr_t)v.data, v.len + KVSP_PADDING,
                       release_buf, buf, AV_BUFFER_FLAG_READONLY);
  if (!d->packet->buf) {
    kvsp_buf_unref(buf);
    return fail_with(d, KVSP_ERR_NOMEM, "out of memory");
  }
  d->packet->data = d->packet->buf->data;
  d->packet->size = (int)v.len;
  if (frame->flags & KVSP_FRAME_KEY) d->packet->flags |= AV_PKT_FLAG_KEY;
  return KVSP_OK;
}

static int send_packet(kvsp_decoder *d, const kvsp_frame *frame) {
  uint64_t sequence;
  int rc = wrap_frame(d, frame);
  if (rc != KVSP_OK) return rc;
  if (frame->flags & KVSP_FRAME_KEY) d->lossy = 0;
  rc = kvsp_av_pending_push(&d->pending, frame,
                            d->lossy ? KVSP_AV_FRAME_LEANS : 0, &sequence);
  if (rc != KVSP_OK) {
    av_packet_unref(d->packet);
    return fail_with(d, rc, "out of memory");
  }
  d->packet->pts = (int64_t)sequence;
  watch_size(d);
  rc = avcodec_send_packet(d->context, d->packet);
  av_packet_unref(d->packet);
  if (rc >= 0) return KVSP_OK;
  if (rc == AVERROR(EAGAIN)) {
    kvsp_av_pending_pop(&d->pending);
    return KVSP_NEED_DRAIN;
  }
  return fail_codec(d, rc);
}

/* Tells libavcodec that no more frames come.  KVSP_NEED_DRAIN: it did not
 * listen.  Where several threads decode, what it complains about is a frame
 * that was sent before: receive() tells of it. */
static int end_context(kvsp_decoder *d) {
  int rc;
  watch_size(d);
  rc = avcodec_send_packet(d->context, NULL);
  if (rc == AVERROR(EAGAIN)) return KVSP_NEED_DRAIN;
  if (rc < 0 && rc != AVERROR_EOF) d->late_error = rc;
  return KVSP_OK;
}

/*
 * 1 when frames of this form need the decoder to be opened anew.  A damaged
 * frame proves nothing; nor does 00 00 01, which may begin a length.
 */
static int framing_changed(const kvsp_decoder *d, const kvsp_frame *frame,
                           enum nal_framing framing) {
  static const uint8_t long_code[4] = {0, 0, 0, 1};
  if (framing == NAL_UNKNOWN || framing == d->framing) return 0;
  return framing == NAL_LENGTHS ||
         (frame->data.len > 4 && memcmp(frame->data.data, long_code, 4) == 0);
}

/* Without a telling frame it is as CodecPrivate has it. */
static enum nal_framing first_framing(const kvsp_decoder *d,
                                      enum nal_framing framing) {
  struct nal_config config;
  if (framing != NAL_UNKNOWN) return framing;
  kvsp_av_nal_config(&config, d->codec.nal, codec_private(d));
  return config.framing == NAL_UNKNOWN ? NAL_START_CODES : config.framing;
}

/* KVSP_OK when the context suits the frame. */
static int prepare_context(kvsp_decoder *d, const kvsp_frame *frame) {
  enum nal_framing framing;
  if (d->reopening) return KVSP_NEED_DRAIN;
  if (d->codec.nal == NAL_CODEC_NONE) return KVSP_OK;
  framing = kvsp_av_nal_framing(frame->data, d->length_size);
  if (!d->context) {
    d->framing = first_framing(d, framing);
    return open_context(d);
  }
  if (!framing_changed(d, frame, framing)) return KVSP_OK;
  d->reopening = end_context(d) == KVSP_OK;
  return KVSP_NEED_DRAIN;
}

static int send_end(kvsp_decoder *d) {
  d->ended = 1;
  if (!d->context || d->reopening) return KVSP_OK;
  if (end_context(d) == KVSP_OK) return KVSP_OK;
  d->ended = 0;
  return KVSP_NEED_DRAIN;
}

/* KVSP_OK when the frame has bytes that a decoder may see. */
static int check_frame(kvsp_decoder *d, const kvsp_frame *frame) {
  if (frame->data.len == 0) {
    /* Left out by KVSP_READ_NO_DATA, or empty in the stream; libavcodec would
     * take it for the end. */
    if (frame->size > 0) return KVSP_ERR_ARG;
    return fail_with(d, KVSP_ERR_CODEC, "the frame is empty");
  }
  if (!frame->data.data) return KVSP_ERR_ARG;
  if (frame->data.len > INT32_MAX - KVSP_PADDING) {
    return fail_with(d, KVSP_ERR_CODEC, "the frame is too large");
  }
  if (frame->flags & KVSP_FRAME_ENCRYPTED) {
    return fail_with(d, KVSP_ERR_CODEC, "the frame is encrypted");
  }
  return KVSP_OK;
}

int kvsp_decoder_send(kvsp_decoder *d, const kvsp_frame *frame) {
  int rc;
  if (!d) return KVSP_ERR_ARG;
  if (d->ended) return KVSP_ERR_STATE;
  if (!frame) return send_end(d);
  rc = check_frame(d, frame);
  if (rc == KVSP_OK) rc = prepare_context(d, frame);
  if (rc == KVSP_OK) rc = send_packet(d, frame);
  if (rc == KVSP_ERR_CODEC) kvsp_av_decoder_lost_frame(d);
  return rc;
}

/* Receiving. */

static uint32_t picture_flags(const AVFrame *frame, uint32_t frame_flags) {
  uint32_t flags = 0;
  if (frame_flags & KVSP_FRAME_KEY) flags |= KVSP_PICTURE_KEY;
  if (frame_flags & KVSP_AV_FRAME_LEANS ||
      frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags) {
    flags |= KVSP_PICTURE_DAMAGED;
  }
  return flags;
}

static int is_key_picture(const AVFrame *frame) {
#ifdef AV_FRAME_FLAG_KEY
  return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame->key_frame;
#endif
}

static void take_current(kvsp_decoder *d) {
  struct pending_frame e;
  uint64_t sequence = UINT64_MAX;
  if (d->frame->pts != AV_NOPTS_VALUE) sequence = (uint64_t)d->frame->pts;
  /* A second picture from one frame keeps what the first one had. */
  if (!kvsp_av_pending_take(&d->pending, sequence, &e)) return;
  kvsp_buf_unref(d->current.fragment_number);
  d->current = e;
  /* Not every producer flags its key frames; the decoder knows them. */
  if (e.flags & KVSP_AV_FRAME_LEANS && is_key_picture(d->frame)) {
    d->current.flags &= ~KVSP_AV_FRAME_LEANS;
    d->lossy = 0;
  }
}

static void describe_picture(kvsp_decoder *d) {
  const struct pending_frame *e = &d->current;
  kvsp_picture *p = &d->picture;
  memset(p, 0, sizeof *p);
  p->format = KVSP_PICTURE_NATIVE;
  p->flags = picture_flags(d->frame, e->flags);
  p->pts_ns = e->pts_ns;
  p->producer_time_ns = e->producer_time_ns;
  p->duration_ns = e->duration_ns;
  p->offset = e->offset;
  p->index = d->picture_count++;
  p->track_number = e->track_number;
  p->fragment_index = e->fragment_index;
  p->frame_index = e->frame_index;
  if (e->fragment_number) {
    p->fragment_number = kvsp_buf_view(e->fragment_number);
  }
  p->width = p->coded_width = (uint32_t)d->frame->width;
  p->height = p->coded_height = (uint32_t)d->frame->height;
  p->native_format = d->frame->format;
  p->native_format_name =
      av_get_pix_fmt_name((enum AVPixelFormat)d->frame->format);
  if (!p->native_format_name) p->native_format_name = "unknown";
  /* Who looks into the AVFrame finds times, not our numbers. */
  d->frame->pts = e->pts_ns == KVSP_TIME_NONE ? AV_NOPTS_VALUE : e->pts_ns;
  d->frame->time_base = (AVRational){1, 1000000000};
  p->avframe = d->frame;
  p->owner = d;
}

/* The codec gave its last picture. */
static int finish(kvsp_decoder *d) {
  if (d->reopening) {
    d->reopening = 0;
    kvsp_av_pending_clear(&d->pending);
    avcodec_free_context(&d->context); /* the next frame opens it */
  }
  return d->ended ? KVSP_END : KVSP_NEED_INPUT;
}

/* libavcodec's next picture, or its code; what end_context() left first. */
static int next_frame(kvsp_decoder *d) {
  int rc = d->late_error;
  d->late_error = 0;
  if (rc != 0) return rc;
  watch_size(d);
  return avcodec_receive_frame(d->context, d->frame);
}

int kvsp_av_decoder_receive(kvsp_decoder *d, const kvsp_picture **picture,
                            uint32_t *flags) {
  int rc;
  *picture = NULL;
  d->picture.owner = NULL;
  av_frame_unref(d->frame);
  if (!d->context) return d->ended ? KVSP_END : KVSP_NEED_INPUT;
  rc = next_frame(d);
  if (rc == AVERROR(EAGAIN)) return KVSP_NEED_INPUT;
  if (rc == AVERROR_EOF) return finish(d);
  if (rc < 0) {
    kvsp_av_decoder_lost_frame(d);
    return fail_codec(d, rc);
  }
  take_current(d);
  /* Not every decoder takes its memory from get_buffer. */
  if (!size_allowed(d, d->frame->width, d->frame->height)) {
    av_frame_unref(d->frame);
    kvsp_av_decoder_lost_frame(d);
    return fail_size(d);
  }
  describe_picture(d);
  *picture = &d->picture;
  *flags = d->current.flags;
  return KVSP_OK;
}

int kvsp_av_decoder_convert(kvsp_decoder *d) {
  int rc = kvsp_av_convert(&d->convert, d->frame, &d->picture);
  if (rc == KVSP_ERR_NOMEM) return fail_with(d, rc, "out of memory");
  return rc == KVSP_OK ? KVSP_OK : fail_with(d, rc, d->convert.message);
}

int kvsp_decoder_receive(kvsp_decoder *d, const kvsp_picture **picture) {
  uint32_t flags;
  int rc;
  if (!picture) return KVSP_ERR_ARG;
  *picture = NULL;
  if (!d) return KVSP_ERR_ARG;
  rc = kvsp_av_decoder_receive(d, picture, &flags);
  if (rc == KVSP_OK) rc = kvsp_av_decoder_convert(d);
  if (rc != KVSP_OK) *picture = NULL;
  return rc;
}

int kvsp_decoder_flush(kvsp_decoder *d) {
  if (!d) return KVSP_ERR_ARG;
  if (d->reopening) {
    avcodec_free_context(&d->context);
    d->reopening = 0;
  }
  if (d->context) avcodec_flush_buffers(d->context);
  d->picture.owner = NULL;
  av_frame_unref(d->frame);
  kvsp_av_pending_clear(&d->pending);
  d->late_error = 0;
  d->ended = 0;
  d->lossy = 0;
  return KVSP_OK;
}

/* Keeping. */

struct kept_picture {
  kvsp_picture picture; /* first: what the caller has is its address         */
  kvsp_allocator allocator;
  AVBufferRef *buffer; /* of a converted picture                             */
  AVFrame *frame;      /* of any other one                                   */
  kvsp_buf *fragment_number;
};

/* Whether it, or a copy of it, is the decoder's last picture. */
static int is_current(const kvsp_decoder *d, const kvsp_picture *picture) {
  return d && d->picture.owner && d->picture.offset == picture->offset &&
         d->picture.plane[0] == picture->plane[0];
}

static int keep_samples(struct kept_picture *kept, const kvsp_decoder *d) {
  if (kvsp_av_convert_owns(&d->convert, &kept->picture)) {
    kept->buffer = av_buffer_ref(d->convert.buffer);
    kept->picture.avframe = NULL;
    return kept->buffer ? KVSP_OK : KVSP_ERR_NOMEM;
  }
  kept->frame = av_frame_clone(d->frame);
  kept->picture.avframe = kept->frame;
  return kept->frame ? KVSP_OK : KVSP_ERR_NOMEM;
}

int kvsp_picture_retain(const kvsp_picture *picture, kvsp_picture **out) {
  const kvsp_decoder *d;
  struct kept_picture *kept;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!picture || !picture->plane[0]) return KVSP_ERR_ARG;
  d = picture->owner;
  if (!is_current(d, picture)) return KVSP_ERR_STATE;
  kept = kvsp_av_alloc(&d->allocator, sizeof *kept);
  if (!kept) return KVSP_ERR_NOMEM;
  kept->picture = *picture;
  kept->picture.owner = NULL;
  kept->allocator = d->allocator;
  kept->fragment_number = kvsp_buf_ref(d->current.fragment_number);
  rc = keep_samples(kept, d);
  if (rc == KVSP_OK) {
    *out = &kept->picture;
  } else {
    kvsp_picture_release(&kept->picture);
  }
  return rc;
}

void kvsp_picture_release(kvsp_picture *picture) {
  struct kept_picture *kept = (struct kept_picture *)picture;
  kvsp_allocator allocator;
  if (!picture) return;
  allocator = kept->allocator;
  av_buffer_unref(&kept->buffer);
  av_frame_free(&kept->frame);
  kvsp_buf_unref(kept->fragment_number);
  kvsp_av_release(&allocator, kept, sizeof *kept);
}

void kvsp_av_decoder_lost_frame(kvsp_decoder *d) {
  d->lossy = !kvsp_av_decoder_intra_only(d);
}

/* Asking. */

int kvsp_av_decoder_intra_only(const kvsp_decoder *d) {
  return kvsp_av_codec_intra_only(d->codec.id);
}

const char *kvsp_decoder_message(const kvsp_decoder *d) {
  return d ? d->message : "";
}

int kvsp_decoder_available(const kvsp_track *track) {
  struct codec codec;
  return track && kvsp_av_codec_find(&codec, track) && codec.decoder != NULL;
}

const char *kvsp_av_version(void) {
  return "libavcodec " AV_STRINGIFY(LIBAVCODEC_VERSION)
         ", libavutil " AV_STRINGIFY(LIBAVUTIL_VERSION)
         ", libswscale " AV_STRINGIFY(LIBSWSCALE_VERSION);
}
