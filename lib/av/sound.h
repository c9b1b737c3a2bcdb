/*
 * sound.h - packets of one audio track to signed samples of 16 bit: libavcodec
 * decodes, libswresample converts.  Knows nothing of Matroska but what
 * codec.h says of the track.
 */
#ifndef KVSP_AV_SOUND_H
#define KVSP_AV_SOUND_H

#include "codec.h"

struct sound;

/* What was decoded; samples is valid until the next call. */
struct sound_piece {
  const uint8_t *samples; /* interleaved, little-endian                    */
  size_t size;            /* bytes                                         */
  int64_t pts;            /* as the packet had it, or AV_NOPTS_VALUE       */
  uint32_t sample_rate, channels;
};

/* 1 when this build can decode sound. */
int kvsp_av_sound_available(void);
/* 0, or a negative AVERROR. */
int kvsp_av_sound_new(struct sound **out, const struct codec *codec,
                      const kvsp_track *track);
void kvsp_av_sound_free(struct sound *s);
/* packet NULL: no more.  0, or a negative AVERROR (AVERROR(EAGAIN) never
 * comes where all was received). */
int kvsp_av_sound_send(struct sound *s, const AVPacket *packet);
/* 1: *out is set; 0: nothing more for now; or a negative AVERROR. */
int kvsp_av_sound_receive(struct sound *s, struct sound_piece *out);

#endif
