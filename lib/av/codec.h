/*
 * codec.h - Matroska's CodecIDs and what libavcodec calls them.  Knows what
 * lies in CodecPrivate in front of the codec's own header; opens nothing.
 */
#ifndef KVSP_AV_CODEC_H
#define KVSP_AV_CODEC_H

#include <kvsparse/reader.h>
#include <libavcodec/avcodec.h>

#include "nal.h"

struct codec {
  enum AVCodecID id;
  enum nal_codec nal;     /* how its frames are wrapped, where they are      */
  uint32_t tag;           /* the FOURCC or wFormatTag; 0: none               */
  int bits_per_sample;    /* as the wrapping says; 0: it does not            */
  kvsp_view extradata;    /* in the track's codec_private                    */
  const AVCodec *decoder; /* NULL: this libavcodec has none                  */
};

/* 1 when the CodecID is known (*out is set), else 0. */
int kvsp_av_codec_find(struct codec *out, const kvsp_track *track);

/* 1 when every frame of that codec decodes by itself. */
int kvsp_av_codec_intra_only(enum AVCodecID id);

#endif
