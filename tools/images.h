/*
 * images.h - one picture in, the bytes of one image file out: PNG, JPEG, PPM
 * or PGM by libavcodec's encoders.  Knows pixels; knows nothing of files and
 * streams.
 */
#ifndef KVSPARSE_TOOLS_IMAGES_H
#define KVSPARSE_TOOLS_IMAGES_H

#include <kvsparse/decoder.h>
#include <stdbool.h>
#include <stdint.h>

enum image_format {
  IMAGE_PNG = 1,
  IMAGE_JPEG = 2,
  IMAGE_PPM = 3 /* PGM when gray                                           */
};

struct image_settings {
  enum image_format format;
  bool gray;
  uint32_t quality;       /* JPEG: 1 to 100                                */
  uint32_t width, height; /* as of kvsp_decoder_config                     */
  uint32_t max_width, max_height; /* of what is made, too                  */
};

struct images;

/* The kvsp_picture_format that images_encode() wants. */
uint32_t images_input_format(const struct image_settings *settings);
/* True when images_encode() scales, so that the decoder must not. */
bool images_scale(const struct image_settings *settings);
/* "png", static. */
const char *images_extension(const struct image_settings *settings);

/* NULL without memory. */
struct images *images_new(const struct image_settings *settings);
/* 0, or -1: no image of the width and height in the settings can be made, and
 * images_reason() says why.  True of every picture, so better asked before any
 * is decoded.  Where one of them is 0, only a picture can tell. */
int images_check_size(struct images *images);
void images_free(struct images *images);
/* The image as a file's bytes, valid until the next call.  0, or -1: it cannot
 * be made of this picture, and images_reason() says why; go on with the next,
 * unless images_refuses_size(). */
int images_encode(struct images *images, const kvsp_picture *picture,
                  kvsp_view *file);
const char *images_reason(const struct images *images);
/* True when the last one failed because of the size in the settings: those that
 * follow would fail, too, after the work of scaling them. */
bool images_refuses_size(const struct images *images);

#endif
