#include "convert.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <string.h>

#include "av_memory.h"

/* What the widest vector instructions want, and what they may write beyond a
 * row's end. */
#define ALIGNMENT ((size_t)64)

/* A picture of one row and thousands of columns, scaled to the height that is
 * wanted, would be wider than memory is large. */
#define MAX_ASPECT_SIZE 16384u

static int target_format(uint32_t format) {
  switch (format) {
    case KVSP_PICTURE_GRAY8: return AV_PIX_FMT_GRAY8;
    case KVSP_PICTURE_RGB24: return AV_PIX_FMT_RGB24;
    case KVSP_PICTURE_BGR24: return AV_PIX_FMT_BGR24;
    case KVSP_PICTURE_RGBA: return AV_PIX_FMT_RGBA;
    case KVSP_PICTURE_BGRA: return AV_PIX_FMT_BGRA;
    default: return AV_PIX_FMT_NONE;
  }
}

static size_t bytes_per_pixel(uint32_t format) {
  if (format == KVSP_PICTURE_GRAY8) return 1;
  return format == KVSP_PICTURE_RGB24 || format == KVSP_PICTURE_BGR24 ? 3 : 4;
}

/* The J formats are the plain ones with full range, and libswscale complains
 * about them by name. */
static int plain_format(int format, int *full_range) {
  static const int pairs[][2] = {
      {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P},
      {AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P},
      {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P},
      {AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P},
      {AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    if (pairs[i][0] != format) continue;
    *full_range = 1;
    return pairs[i][1];
  }
  return format;
}

/* size * of / to, rounded, at least 1. */
static int scaled(int size, uint32_t of, int to) {
  int64_t product = (int64_t)size * of;
  int64_t result = (product + to / 2) / to;
  if (result < 1) return 1;
  return result > INT32_MAX ? INT32_MAX : (int)result;
}

static void target_size(const struct convert *c, const AVFrame *frame,
                        struct convert_key *key) {
  key->width = (int)c->width;
  key->height = (int)c->height;
  if (c->width == 0 && c->height == 0) {
    key->width = frame->width;
    key->height = frame->height;
  } else if (c->width == 0) {
    key->width = scaled(frame->width, c->height, frame->height);
  } else if (c->height == 0) {
    key->height = scaled(frame->height, c->width, frame->width);
  }
}

static struct convert_key make_key(const struct convert *c,
                                   const AVFrame *frame) {
  struct convert_key key;
  memset(&key, 0, sizeof key); /* compared by memcmp */
  key.source_width = frame->width;
  key.source_height = frame->height;
  key.source_format = frame->format;
  key.range = (int)frame->color_range;
  key.colorspace = (int)frame->colorspace;
  key.format = target_format(c->format);
  target_size(c, frame, &key);
  return key;
}

static int size_allowed(const struct convert *c,
                        const struct convert_key *key) {
  return (c->width > 0 || key->width <= c->max_width) &&
         (c->height > 0 || key->height <= c->max_height);
}

static int needs_conversion(const struct convert_key *key) {
  return key->format != key->source_format || key->width != key->source_width ||
         key->height != key->source_height;
}

/* No less than what decoded pictures may have. */
static int max_aspect_size(uint32_t max) {
  return (int)(max > MAX_ASPECT_SIZE ? max : MAX_ASPECT_SIZE);
}

void kvsp_av_convert_init(struct convert *c, const kvsp_allocator *allocator,
                          const kvsp_decoder_config *config) {
  memset(c, 0, sizeof *c);
  c->allocator = allocator;
  c->format = config->format;
  c->width = config->width;
  c->height = config->height;
  c->max_width = max_aspect_size(config->max_width);
  c->max_height = max_aspect_size(config->max_height);
}

void kvsp_av_convert_free(struct convert *c) {
  sws_freeContext(c->sws);
  kvsp_av_release(c->allocator, c->memory, c->memory_size);
  c->sws = NULL;
  c->memory = NULL;
  c->memory_size = 0;
}

static int set_geometry(struct SwsContext *sws, const struct convert_key *key,
                        int source_format) {
  const struct {
    const char *name;
    int64_t value;
  } options[] = {
      {"srcw", key->source_width},
      {"srch", key->source_height},
      {"src_format", source_format},
      {"dstw", key->width},
      {"dsth", key->height},
      {"dst_format", key->format},
      {"sws_flags", SWS_BICUBIC},
      /* Chroma lies between two rows, as MPEG-2 and all after it have it. */
      {"src_v_chr_pos", 128},
  };
  size_t count = sizeof options / sizeof options[0];
  if (source_format != AV_PIX_FMT_YUV420P) count--;
  for (size_t i = 0; i < count; i++) {
    if (av_opt_set_int(sws, options[i].name, options[i].value, 0) < 0) {
      return -1;
    }
  }
  return 0;
}

/* The matrix and range that the stream names; libswscale's own where it names
 * none.  A format that has no such thing refuses them, which is no fault. */
static void set_colors(struct SwsContext *sws, const struct convert_key *key,
                       int full_range) {
  int *table, *inverse_table;
  int source_range, range, brightness, contrast, saturation;
  /* Grey out of RGB takes the usual matrix: "RGB" names none. */
  const int *matrix = sws_getCoefficients(
      key->colorspace == AVCOL_SPC_RGB ? SWS_CS_DEFAULT : key->colorspace);
  if (sws_getColorspaceDetails(sws, &inverse_table, &source_range, &table,
                               &range, &brightness, &contrast,
                               &saturation) < 0) {
    return;
  }
  if (key->range != AVCOL_RANGE_UNSPECIFIED) {
    source_range = key->range == AVCOL_RANGE_JPEG;
  }
  if (full_range) source_range = 1;
  sws_setColorspaceDetails(sws, matrix, source_range, matrix, range, brightness,
                           contrast, saturation);
}

static int open_sws(struct convert *c, const struct convert_key *key) {
  int full_range = 0;
  int source_format = plain_format(key->source_format, &full_range);
  sws_freeContext(c->sws);
  c->sws = NULL;
  if (!sws_isSupportedInput((enum AVPixelFormat)source_format)) {
    return KVSP_ERR_CODEC;
  }
  c->sws = sws_alloc_context();
  if (!c->sws) return KVSP_ERR_NOMEM;
  if (set_geometry(c->sws, key, source_format) < 0) goto fail;
  if (sws_init_context(c->sws, NULL, NULL) < 0) goto fail;
  set_colors(c->sws, key, full_range);
  c->key = *key;
  return KVSP_OK;
fail:
  sws_freeContext(c->sws);
  c->sws = NULL;
  return KVSP_ERR_CODEC;
}

static int make_room(struct convert *c, size_t size) {
  uint8_t *memory;
  if (size <= c->memory_size) return KVSP_OK;
  memory = kvsp_av_alloc(c->allocator, size);
  if (!memory) return KVSP_ERR_NOMEM;
  kvsp_av_release(c->allocator, c->memory, c->memory_size);
  c->memory = memory;
  c->memory_size = size;
  return KVSP_OK;
}

static size_t round_up(size_t n) {
  return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void use_frame(const AVFrame *frame, kvsp_picture *picture) {
  for (int i = 0; i < 4; i++) {
    picture->plane[i] = frame->data[i];
    picture->stride[i] = frame->linesize[i];
  }
  picture->width = (uint32_t)frame->width;
  picture->height = (uint32_t)frame->height;
}

static int run_sws(struct convert *c, const AVFrame *frame,
                   kvsp_picture *picture) {
  /* libswscale writes groups of pixels, and leaves out the last pixels of a
   * row that has no room for a whole group. */
  size_t stride = round_up((size_t)c->key.width) * bytes_per_pixel(c->format);
  uint8_t *planes[4] = {NULL, NULL, NULL, NULL};
  int strides[4] = {0, 0, 0, 0};
  int rc;
  if (stride > INT32_MAX ||
      stride > (SIZE_MAX - 2 * ALIGNMENT) / (size_t)c->key.height) {
    return KVSP_ERR_NOMEM;
  }
  rc = make_room(c, stride * (size_t)c->key.height + 2 * ALIGNMENT);
  if (rc != KVSP_OK) return rc;
  planes[0] = c->memory + (ALIGNMENT - (uintptr_t)c->memory % ALIGNMENT);
  strides[0] = (int)stride;
  if (sws_scale(c->sws, (const uint8_t *const *)frame->data, frame->linesize, 0,
                frame->height, planes, strides) != c->key.height) {
    return KVSP_ERR_CODEC;
  }
  picture->plane[0] = planes[0];
  picture->stride[0] = (ptrdiff_t)stride;
  picture->width = (uint32_t)c->key.width;
  picture->height = (uint32_t)c->key.height;
  return KVSP_OK;
}

static int same_key(const struct convert_key *a, const struct convert_key *b) {
  return a->source_width == b->source_width &&
         a->source_height == b->source_height &&
         a->source_format == b->source_format && a->range == b->range &&
         a->colorspace == b->colorspace && a->width == b->width &&
         a->height == b->height && a->format == b->format;
}

int kvsp_av_convert(struct convert *c, const AVFrame *frame,
                    kvsp_picture *picture) {
  struct convert_key key;
  int rc;
  memset(picture->plane, 0, sizeof picture->plane);
  memset(picture->stride, 0, sizeof picture->stride);
  picture->format = c->format;
  if (c->format == KVSP_PICTURE_NATIVE) {
    use_frame(frame, picture);
    return KVSP_OK;
  }
  key = make_key(c, frame);
  if (!needs_conversion(&key)) {
    use_frame(frame, picture);
    return KVSP_OK;
  }
  if (!size_allowed(c, &key)) {
    c->message = "the picture would be too large with its aspect kept";
    return KVSP_ERR_CODEC;
  }
  c->message = "libswscale cannot convert the picture";
  if (!c->sws || !same_key(&key, &c->key)) {
    rc = open_sws(c, &key);
    if (rc != KVSP_OK) return rc;
  }
  return run_sws(c, frame, picture);
}
