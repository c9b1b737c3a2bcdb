#include "sound.h"

#ifdef HAVE_SWRESAMPLE

#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
#include <libavutil/samplefmt.h>
#include <libswresample/swresample.h>
#include <string.h>

/* Added to the level of libavcodec's messages, so that none is shown. */
#define QUIET 64
/* More of one packet is no sound but an attack. */
#define PIECE_MAX (64 << 20)
#define RATE_MAX 1000000.0
#define CHANNELS_MAX 64u

struct sound {
  AVCodecContext *context;
  AVFrame *frame;
  SwrContext *converter;
  /* What the converter was made for. */
  int format, sample_rate;
  AVChannelLayout layout;
  uint8_t *samples;
  unsigned capacity;
};

int kvsp_av_sound_available(void) {
  return 1;
}

static int set_extradata(AVCodecContext *context, kvsp_view v) {
  if (v.len == 0) return 0;
  if (v.len > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE) return AVERROR(EINVAL);
  context->extradata = av_mallocz(v.len + AV_INPUT_BUFFER_PADDING_SIZE);
  if (!context->extradata) return AVERROR(ENOMEM);
  memcpy(context->extradata, v.data, v.len);
  context->extradata_size = (int)v.len;
  return 0;
}

/* G.711 and PCM do not say so themselves; the others correct it. */
static void set_context(AVCodecContext *context, const struct codec *codec,
                        const kvsp_track *track) {
  context->log_level_offset = QUIET;
  context->pkt_timebase = (AVRational){1, 1000000000};
  context->codec_tag = codec->tag;
  context->bits_per_coded_sample = codec->bits_per_sample;
  if (track->audio_sample_rate >= 1 && track->audio_sample_rate <= RATE_MAX)
    context->sample_rate = (int)(track->audio_sample_rate + 0.5);
  if (track->audio_channels > 0 && track->audio_channels <= CHANNELS_MAX)
    av_channel_layout_default(&context->ch_layout, (int)track->audio_channels);
}

int kvsp_av_sound_new(struct sound **out, const struct codec *codec,
                      const kvsp_track *track) {
  struct sound *s = av_mallocz(sizeof *s);
  int rc = AVERROR(ENOMEM);
  *out = NULL;
  if (!s) return rc;
  s->frame = av_frame_alloc();
  s->context = avcodec_alloc_context3(codec->decoder);
  if (!s->frame || !s->context) goto fail;
  set_context(s->context, codec, track);
  rc = set_extradata(s->context, codec->extradata);
  if (rc >= 0) rc = avcodec_open2(s->context, codec->decoder, NULL);
  if (rc < 0) goto fail;
  *out = s;
  return 0;
fail:
  kvsp_av_sound_free(s);
  return rc;
}

void kvsp_av_sound_free(struct sound *s) {
  if (!s) return;
  swr_free(&s->converter);
  av_channel_layout_uninit(&s->layout);
  av_frame_free(&s->frame);
  avcodec_free_context(&s->context);
  av_free(s->samples);
  av_free(s);
}

int kvsp_av_sound_send(struct sound *s, const AVPacket *packet) {
  return avcodec_send_packet(s->context, packet);
}

static int is_converter_for(const struct sound *s, const AVFrame *frame) {
  return s->converter && s->format == frame->format &&
         s->sample_rate == frame->sample_rate &&
         av_channel_layout_compare(&s->layout, &frame->ch_layout) == 0;
}

static int make_converter(struct sound *s, const AVFrame *frame) {
  int rc;
  swr_free(&s->converter);
  rc = av_channel_layout_copy(&s->layout, &frame->ch_layout);
  if (rc < 0) return rc;
  s->format = frame->format;
  s->sample_rate = frame->sample_rate;
  rc = swr_alloc_set_opts2(
      &s->converter, &s->layout, AV_SAMPLE_FMT_S16, s->sample_rate, &s->layout,
      (enum AVSampleFormat)s->format, s->sample_rate, 0, NULL);
  if (rc < 0) return rc;
  return swr_init(s->converter);
}

#if AV_HAVE_BIGENDIAN
static void make_little_endian(uint8_t *samples, size_t size) {
  for (size_t i = 0; i + 1 < size; i += 2) {
    uint8_t byte = samples[i];
    samples[i] = samples[i + 1];
    samples[i + 1] = byte;
  }
}
#else
static void make_little_endian(const uint8_t *samples, size_t size) {
  (void)samples;
  (void)size;
}
#endif

static int convert(struct sound *s, const AVFrame *frame,
                   struct sound_piece *out) {
  int channels = frame->ch_layout.nb_channels;
  int rc;
  if (channels <= 0 || channels > (int)CHANNELS_MAX || frame->sample_rate <= 0)
    return AVERROR_INVALIDDATA;
  if (frame->nb_samples > PIECE_MAX / 2 / channels) return AVERROR_INVALIDDATA;
  if (!is_converter_for(s, frame)) {
    rc = make_converter(s, frame);
    if (rc < 0) return rc;
  }
  av_fast_malloc(&s->samples, &s->capacity,
                 (size_t)frame->nb_samples * (size_t)channels * 2);
  if (!s->samples) return AVERROR(ENOMEM);
  rc = swr_convert(s->converter, &s->samples, frame->nb_samples,
                   (const uint8_t **)(uintptr_t)frame->extended_data,
                   frame->nb_samples);
  if (rc < 0) return rc;
  out->samples = s->samples;
  out->size = (size_t)rc * (size_t)channels * 2;
  make_little_endian(s->samples, out->size);
  out->pts = frame->pts;
  out->sample_rate = (uint32_t)frame->sample_rate;
  out->channels = (uint32_t)channels;
  return 1;
}

int kvsp_av_sound_receive(struct sound *s, struct sound_piece *out) {
  int rc = avcodec_receive_frame(s->context, s->frame);
  if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return 0;
  if (rc < 0) return rc;
  rc = convert(s, s->frame, out);
  av_frame_unref(s->frame);
  return rc;
}

#else

int kvsp_av_sound_available(void) {
  return 0;
}

int kvsp_av_sound_new(struct sound **out, const struct codec *codec,
                      const kvsp_track *track) {
  (void)codec;
  (void)track;
  *out = NULL;
  return AVERROR(ENOSYS);
}

void kvsp_av_sound_free(struct sound *s) {
  (void)s;
}

int kvsp_av_sound_send(struct sound *s, const AVPacket *packet) {
  (void)s;
  (void)packet;
  return AVERROR(ENOSYS);
}

int kvsp_av_sound_receive(struct sound *s, struct sound_piece *out) {
  (void)s;
  (void)out;
  return AVERROR(ENOSYS);
}

#endif
