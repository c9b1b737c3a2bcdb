/*
 * convert.h - decoded frames to the format and size that the caller wants, by
 * libswscale, or as libswscale would.  Knows pixel formats and colour; knows no
 * codec and no time.
 */
#ifndef KVSP_AV_CONVERT_H
#define KVSP_AV_CONVERT_H

#include <kvsparse/decoder.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>

/* What a SwsContext was made for. */
struct convert_key {
  int source_width, source_height, source_format;
  int range, colorspace;
  int width, height, format;
};

/* How the pictures of a key are made. */
enum convert_way {
  CONVERT_NOTHING, /* no key yet                                           */
  CONVERT_SWS,
  CONVERT_GRAY_TABLE, /* each sample by itself, by gray[]                  */
  CONVERT_GRAY_PLANE  /* the frame's own luma is what is wanted            */
};

struct convert {
  const kvsp_allocator *allocator;
  uint32_t format;           /* KVSP_PICTURE_*                                */
  uint32_t width, height;    /* as in kvsp_decoder_config                     */
  int max_width, max_height; /* of what follows from the aspect            */
  int threads;               /* that may work on one picture              */
  struct convert_key key;
  enum convert_way way;
  uint8_t gray[256];
  struct SwsContext *sws;
  int sws_threads; /* of sws                                               */
  AVFrame *target; /* with several threads: buffer, as they want it     */
  AVBufferRef *buffer; /* the last converted picture, not aligned          */
  AVBufferPool *pool;  /* where the next one is, when that was kept         */
  size_t pool_size;    /* of each of its buffers                            */
  const char *message; /* static                                           */
};

void kvsp_av_convert_init(struct convert *c, const kvsp_allocator *allocator,
                          const kvsp_decoder_config *config);
void kvsp_av_convert_free(struct convert *c);

/*
 * Sets format, size, planes and strides of *picture: those of the frame where
 * it is as wanted already, otherwise of c's memory, until the next call.
 * KVSP_OK; KVSP_ERR_CODEC, c->message says why; KVSP_ERR_NOMEM.
 */
int kvsp_av_convert(struct convert *c, const AVFrame *frame,
                    kvsp_picture *picture);
/* 1 when the picture's samples are in c->buffer, not in the frame. */
int kvsp_av_convert_owns(const struct convert *c, const kvsp_picture *picture);

#endif
