/*
 * adts.h - the header that makes an AAC frame a stream of its own
 * (ISO/IEC 13818-7, 6.2), made from the track's AudioSpecificConfig (ISO/IEC
 * 14496-3, 1.6.2.1).  Pure functions; no libavcodec, which can only take such
 * headers away.
 */
#ifndef KVSP_AV_ADTS_H
#define KVSP_AV_ADTS_H

#include <kvsparse/common.h>

#define ADTS_HEADER_SIZE 7u
/* Header and frame: what its 13 bits can tell. */
#define ADTS_FRAME_MAX 8191u

struct adts {
  unsigned profile;   /* audio object type less 1, 0 to 3                  */
  unsigned frequency; /* samplingFrequencyIndex, 0 to 12                   */
  unsigned channels;  /* channelConfiguration, 1 to 7                      */
};

/* NULL when ADTS can tell it; else why not, in words. */
const char *kvsp_av_adts_config(struct adts *out, kvsp_view config);
/* For a frame of at most ADTS_FRAME_MAX - ADTS_HEADER_SIZE bytes. */
void kvsp_av_adts_header(uint8_t out[ADTS_HEADER_SIZE], const struct adts *adts,
                         size_t frame_size);
/* 1 when the frame has such a header already, else 0. */
int kvsp_av_adts_is_framed(kvsp_view frame);

#endif
