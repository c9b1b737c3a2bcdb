/*
 * audio_encoder.h - an endless test tone, encoded: 440 Hz, and 880 Hz in the
 * first tenth of each second.  Knows libavcodec's encoders and what Matroska
 * wants to hear about them; knows nothing of streams or files.
 */
#ifndef KVSPARSE_TOOLS_AUDIO_ENCODER_H
#define KVSPARSE_TOOLS_AUDIO_ENCODER_H

#include <kvsparse/common.h>
#include <stdint.h>

enum audio_codec {
  AUDIO_NONE = 0,
  AUDIO_AAC = 1, /* 48 kHz                                                */
  AUDIO_PCM = 2, /* 8 kHz, signed 16 bit, as of a telephone               */
  AUDIO_ALAW = 3 /* 8 kHz, G.711                                          */
};

struct audio_frame {
  int64_t time_ns; /* since the beginning of the tone, never negative      */
  kvsp_view data;  /* the encoder's, until the next call                   */
};

struct audio_encoder;

/* 0; or -1 with a static text in *reason. */
int audio_encoder_new(struct audio_encoder **out, enum audio_codec codec,
                      const char **reason);
void audio_encoder_free(struct audio_encoder *encoder);
/* What a TrackEntry says of it; all static or the encoder's.  One channel. */
const char *audio_encoder_codec_id(const struct audio_encoder *encoder);
kvsp_view audio_encoder_codec_private(const struct audio_encoder *encoder);
uint32_t audio_encoder_sample_rate(const struct audio_encoder *encoder);
uint32_t audio_encoder_bit_depth(const struct audio_encoder *encoder);
/* The next frame of the tone; 0, or -1 when the encoder failed. */
int audio_encoder_next(struct audio_encoder *encoder,
                       struct audio_frame *frame);

#endif
