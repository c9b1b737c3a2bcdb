/*
 * nal.h - how H.264 and H.265 wrap their NAL units, in frames and in
 * CodecPrivate, and how to get from one form to the other.  Knows nothing of
 * what is inside a NAL unit but its type; no state, no libavcodec.
 *
 * There are two forms: start codes (Annex B of both standards), and lengths
 * (ISO/IEC 14496-15), where CodecPrivate is an AVCDecoderConfigurationRecord
 * ("AVCC") or its HEVC sister ("HVCC").  Producers mix them up.
 */
#ifndef KVSP_AV_NAL_H
#define KVSP_AV_NAL_H

#include <kvsparse/common.h>

enum nal_codec { NAL_CODEC_NONE, NAL_CODEC_AVC, NAL_CODEC_HEVC };

enum nal_framing { NAL_UNKNOWN, NAL_START_CODES, NAL_LENGTHS };

/* More parameter sets than that are left out. */
#define NAL_SETS_MAX 64u

/* What a CodecPrivate holds; the views point into it. */
struct nal_config {
  enum nal_codec codec;
  enum nal_framing framing; /* its own; NAL_UNKNOWN: empty or broken       */
  unsigned length_size;     /* bytes of a length in frames, 1 to 4         */
  kvsp_view whole;
  kvsp_view sets[NAL_SETS_MAX]; /* the NAL units that could be read        */
  size_t set_count;
};

void kvsp_av_nal_config(struct nal_config *out, enum nal_codec codec,
                        kvsp_view codec_private);

/* The form of a frame.  NAL_UNKNOWN when it is neither, or damaged. */
enum nal_framing kvsp_av_nal_framing(kvsp_view frame, unsigned length_size);

/* A frame whose form is NAL_LENGTHS, with start codes instead: the size in
 * bytes.  With out NULL it only says the size. */
size_t kvsp_av_nal_start_codes(kvsp_view frame, unsigned length_size,
                               uint8_t *out);

/*
 * The extradata that tell a decoder to expect frames of that form: the size
 * in bytes, 0 for none.  With out NULL it only says the size; otherwise out
 * has room for it.
 */
size_t kvsp_av_nal_extradata(const struct nal_config *config,
                             enum nal_framing framing, uint8_t *out);

#endif
