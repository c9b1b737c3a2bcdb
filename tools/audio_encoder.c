#include "audio_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <stdbool.h>
#include <stdlib.h>

struct format {
  enum AVCodecID id;
  enum AVSampleFormat sample_format;
  int sample_rate;
  int frame_size; /* where the codec does not say                          */
  uint32_t bit_depth;
  const char *codec_id;
};

static const struct format formats[] = {
    [AUDIO_AAC] = {AV_CODEC_ID_AAC, AV_SAMPLE_FMT_FLTP, 48000, 1024, 16,
                   "A_AAC"},
    [AUDIO_PCM] = {AV_CODEC_ID_PCM_S16LE, AV_SAMPLE_FMT_S16, 8000, 512, 16,
                   "A_PCM/INT/LIT"},
    [AUDIO_ALAW] = {AV_CODEC_ID_PCM_ALAW, AV_SAMPLE_FMT_S16, 8000, 320, 8,
                    "A_MS/ACM"}};

/* WAVEFORMATEX: A-law, 1 channel, 8000 Hz, 8000 bytes a second, 1 byte a
 * sample, 8 bits, nothing more. */
static const uint8_t alaw_private[18] = {6,    0, 1, 0, 0x40, 0x1f, 0, 0, 0x40,
                                         0x1f, 0, 0, 1, 0,    8,    0, 0, 0};

struct audio_encoder {
  const struct format *format;
  AVCodecContext *context;
  AVFrame *frame;
  AVPacket *packet;
  int64_t next_sample;
  uint32_t phase; /* of the tone; a full turn is 2^32                      */
};

static int open_codec(struct audio_encoder *encoder) {
  const struct format *format = encoder->format;
  const AVCodec *codec = avcodec_find_encoder(format->id);
  AVCodecContext *context;

  if (!codec) return -1;
  context = avcodec_alloc_context3(codec);
  encoder->context = context;
  if (!context) return -1;
  context->sample_fmt = format->sample_format;
  context->sample_rate = format->sample_rate;
  context->time_base = (AVRational){1, format->sample_rate};
  context->bit_rate = 64000;
  context->thread_count = 1;
  context->flags = AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  av_channel_layout_default(&context->ch_layout, 1);
  return avcodec_open2(context, codec, NULL) == 0 ? 0 : -1;
}

static int make_frame(struct audio_encoder *encoder) {
  AVFrame *frame = av_frame_alloc();
  encoder->frame = frame;
  encoder->packet = av_packet_alloc();
  if (!frame || !encoder->packet) return -1;
  frame->format = encoder->context->sample_fmt;
  frame->sample_rate = encoder->context->sample_rate;
  frame->nb_samples = encoder->context->frame_size;
  if (frame->nb_samples == 0) frame->nb_samples = encoder->format->frame_size;
  if (av_channel_layout_copy(&frame->ch_layout, &encoder->context->ch_layout) !=
      0)
    return -1;
  return av_frame_get_buffer(frame, 0) == 0 ? 0 : -1;
}

int audio_encoder_new(struct audio_encoder **out, enum audio_codec codec,
                      const char **reason) {
  struct audio_encoder *encoder = calloc(1, sizeof *encoder);
  *reason = "out of memory";
  if (!encoder) return -1;
  encoder->format = &formats[codec];
  if (open_codec(encoder) != 0) {
    *reason = "libavcodec has no encoder for it that works here";
    goto fail;
  }
  if (make_frame(encoder) != 0) goto fail;
  *out = encoder;
  return 0;

fail:
  audio_encoder_free(encoder);
  return -1;
}

void audio_encoder_free(struct audio_encoder *encoder) {
  if (!encoder) return;
  av_packet_free(&encoder->packet);
  av_frame_free(&encoder->frame);
  avcodec_free_context(&encoder->context);
  free(encoder);
}

const char *audio_encoder_codec_id(const struct audio_encoder *encoder) {
  return encoder->format->codec_id;
}

kvsp_view audio_encoder_codec_private(const struct audio_encoder *encoder) {
  kvsp_view view = {encoder->context->extradata,
                    (size_t)encoder->context->extradata_size};
  if (encoder->format->id == AV_CODEC_ID_PCM_ALAW) {
    view.data = alaw_private;
    view.len = sizeof alaw_private;
  }
  return view;
}

uint32_t audio_encoder_sample_rate(const struct audio_encoder *encoder) {
  return (uint32_t)encoder->format->sample_rate;
}

uint32_t audio_encoder_bit_depth(const struct audio_encoder *encoder) {
  return encoder->format->bit_depth;
}

/* A sine made of two parabolas: no need for libm, and the same everywhere. */
static int16_t next_sample(struct audio_encoder *encoder) {
  int rate = encoder->format->sample_rate;
  bool high = encoder->next_sample % rate < rate / 10;
  uint32_t step = (uint32_t)((UINT64_C(1) << 32) / (uint64_t)rate);
  int s = (int)(encoder->phase >> 16) - 32768;
  int size = s < 0 ? -s : s;

  encoder->phase += step * (high ? 880 : 440);
  encoder->next_sample++;
  return (int16_t)(s * (32768 - size) / 32768);
}

static void set_float(float *samples, int i, float value) {
  samples[i] = value;
}

static void set_int16(int16_t *samples, int i, int16_t value) {
  samples[i] = value;
}

static int send_tone(struct audio_encoder *encoder) {
  AVFrame *frame = encoder->frame;
  void *samples;
  if (av_frame_make_writable(frame) != 0) return -1;
  samples = frame->data[0];
  frame->pts = encoder->next_sample;
  for (int i = 0; i < frame->nb_samples; i++) {
    int16_t sample = next_sample(encoder);
    if (frame->format == AV_SAMPLE_FMT_FLTP)
      set_float(samples, i, (float)sample / 32768.0f);
    else
      set_int16(samples, i, sample);
  }
  return avcodec_send_frame(encoder->context, frame) == 0 ? 0 : -1;
}

int audio_encoder_next(struct audio_encoder *encoder,
                       struct audio_frame *frame) {
  AVPacket *packet = encoder->packet;
  for (;;) {
    int rc = avcodec_receive_packet(encoder->context, packet);
    if (rc == AVERROR(EAGAIN)) {
      if (send_tone(encoder) != 0) return -1;
      continue;
    }
    if (rc < 0) return -1;
    /* What an encoder puts before the first sample is not sound. */
    if (packet->pts < 0) continue;
    frame->time_ns =
        av_rescale(packet->pts, 1000000000, encoder->format->sample_rate);
    frame->data.data = packet->data;
    frame->data.len = (size_t)packet->size;
    return 0;
  }
}
