/*
 * encode.h - frames to test decoders with: a moving pattern, encoded by
 * libavcodec's encoders.  Knows libavcodec; knows no Matroska but CodecIDs.
 */
#ifndef KVSPARSE_TESTS_ENCODE_H
#define KVSPARSE_TESTS_ENCODE_H

#include <libavcodec/avcodec.h>
#include <stddef.h>
#include <stdint.h>

struct encode_options {
  const char *encoder; /* libavcodec's name: "libx264"                     */
  int width, height;
  int frames;
  int gop;      /* frames from key frame to key frame; 0: the encoder's */
  int b_frames; /* most in a row                                        */
  int lengths;  /* H.264, H.265: lengths and AVCC/HVCC instead of start
                       codes                                                */
  int in_band;  /* parameter sets in the key frames, no extradata       */
  int no_vui; /* H.264: the SPS does not say how far B-frames are moved       */
  int pattern; /* another number, another picture                      */
  enum AVPixelFormat format; /* 0: yuv420p, the only one with pattern 0..n  */
  enum AVColorSpace colorspace;
  enum AVColorRange range;
};

struct encoded_packet {
  uint8_t *data;
  size_t size;
  int64_t pts; /* the number of the picture, as shown                      */
  int key;
};

struct encoded {
  struct encoded_packet *packets;
  size_t count;
  uint8_t *extradata;
  size_t extradata_size;
  enum AVCodecID id;
  const char *codec_id; /* Matroska's                                      */
  int width, height;
};

/* 1 when this libavcodec has that encoder. */
int encode_available(const char *encoder);
/* Ends the program with a message when anything goes wrong. */
void encode(struct encoded *out, const struct encode_options *options);
void encoded_free(struct encoded *e);

#endif
