/*
 * video_encoder.h - test pictures in, frames as Matroska stores them out.
 * Knows libavcodec's encoders; knows nothing of pictures' content, streams or
 * files.
 */
#ifndef KVSPARSE_TOOLS_VIDEO_ENCODER_H
#define KVSPARSE_TOOLS_VIDEO_ENCODER_H

#include <kvsparse/common.h>
#include <stdbool.h>
#include <stdint.h>

#include "test_picture.h"

enum video_codec { VIDEO_H264 = 1, VIDEO_HEVC = 2, VIDEO_MJPEG = 3 };

struct video_settings {
  enum video_codec codec;
  uint32_t width, height;      /* even                                  */
  uint32_t rate_num, rate_den; /* frames a second                       */
  uint32_t bframes;            /* 0 to 16                               */
};

struct video_frame {
  uint64_t index; /* of the picture that it shows                          */
  bool key;
  kvsp_view data; /* the encoder's, until the next call                    */
};

struct video_encoder;

/* 0; or -1 when libavcodec has no encoder for it that works, or no memory:
 * *reason then says so, in a static text. */
int video_encoder_new(struct video_encoder **out,
                      const struct video_settings *settings,
                      const char **reason);
void video_encoder_free(struct video_encoder *encoder);
/* "V_MPEG4/ISO/AVC", static. */
const char *video_encoder_codec_id(const struct video_encoder *encoder);
/* The encoder's, as long as it lives. */
kvsp_view video_encoder_codec_private(const struct video_encoder *encoder);
/* Where to draw the next picture.  0, or -1 without memory. */
int video_encoder_canvas(struct video_encoder *encoder,
                         struct test_canvas *canvas);
/* Takes what was drawn; key asks for a key frame.  0 or -1. */
int video_encoder_send(struct video_encoder *encoder, bool key);
/* No more pictures follow.  0 or -1. */
int video_encoder_finish(struct video_encoder *encoder);
/* The next frame, in decoding order: 1; 0 when the encoder wants a picture,
 * or gave all; -1 when it failed. */
int video_encoder_receive(struct video_encoder *encoder,
                          struct video_frame *frame);

#endif
