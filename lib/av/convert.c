#include "convert.h"

#include <libavutil/cpu.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <string.h>

#include "av_memory.h"

/* What the widest vector instructions want, in bytes; and a multiple of the
 * pixels that they write at once. */
#define ALIGNMENT ((size_t)64)

/* More threads than that hardly make a picture faster, nor do they when each
 * has less to do than this, in pixels. */
#define MAX_THREADS 4
#define PIXELS_PER_THREAD ((int64_t)128 * 1024)

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

/* With low delay the caller's thread converts: it waits for nobody. */
static int max_threads(const kvsp_decoder_config *config) {
  int64_t threads = config->threads;
  if (threads == 0) threads = av_cpu_count();
  if (config->flags & KVSP_DECODE_LOW_DELAY || threads < 1) return 1;
  return threads > MAX_THREADS ? MAX_THREADS : (int)threads;
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
  c->threads = max_threads(config);
}

void kvsp_av_convert_free(struct convert *c) {
  sws_freeContext(c->sws);
  av_frame_free(&c->target);
  av_buffer_unref(&c->buffer);
  av_buffer_pool_uninit(&c->pool);
  c->sws = NULL;
  c->pool_size = 0;
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

static int open_sws(struct SwsContext **out, const struct convert_key *key,
                    int threads) {
  int full_range = 0;
  int source_format = plain_format(key->source_format, &full_range);
  struct SwsContext *sws;
  int rc;
  *out = NULL;
  if (!sws_isSupportedInput((enum AVPixelFormat)source_format)) {
    return KVSP_ERR_CODEC;
  }
  sws = sws_alloc_context();
  if (!sws) return KVSP_ERR_NOMEM;
  rc = set_geometry(sws, key, source_format);
  if (rc >= 0 && threads > 1) rc = av_opt_set_int(sws, "threads", threads, 0);
  if (rc >= 0) rc = sws_init_context(sws, NULL, NULL);
  if (rc < 0) {
    sws_freeContext(sws);
    return rc == AVERROR(ENOMEM) ? KVSP_ERR_NOMEM : KVSP_ERR_CODEC;
  }
  set_colors(sws, key, full_range);
  *out = sws;
  return KVSP_OK;
}

/* Planar YUV without alpha, which is what codecs are made for. */
static int is_plain_yuv(const AVPixFmtDescriptor *format) {
  const uint64_t others = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL |
                          AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_BAYER |
                          AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL;
  return format && format->nb_components == 3 &&
         format->flags & AV_PIX_FMT_FLAG_PLANAR && !(format->flags & others);
}

static int64_t pixels(int width, int height) {
  return (int64_t)width * height;
}

static int is_scaled(const struct convert_key *key) {
  return key->width != key->source_width || key->height != key->source_height;
}

/*
 * libswscale's threads each make some rows.  That gives the same samples with
 * any number of them for YUV; not with Bayer patterns.  Without scaling they
 * would only get in the way of those that decode, which takes longer.
 */
static int count_threads(const struct convert *c,
                         const struct convert_key *key) {
  int64_t size = pixels(key->source_width, key->source_height);
  int64_t target_size = pixels(key->width, key->height);
  if (size < target_size) size = target_size;
  if (!is_scaled(key) || !is_plain_yuv(av_pix_fmt_desc_get(
                             (enum AVPixelFormat)key->source_format)))
    return 1;
  size /= PIXELS_PER_THREAD;
  if (size >= c->threads) return c->threads;
  return size < 1 ? 1 : (int)size;
}

/* GRAY8 of 8-bit luma, not scaled: what becomes of a sample depends on nothing
 * but its value. */
static int is_gray_by_value(const struct convert_key *key) {
  const AVPixFmtDescriptor *format =
      av_pix_fmt_desc_get((enum AVPixelFormat)key->source_format);
  const AVComponentDescriptor *luma;
  if (key->format != AV_PIX_FMT_GRAY8 || is_scaled(key) ||
      !is_plain_yuv(format)) {
    return 0;
  }
  luma = &format->comp[0];
  return luma->plane == 0 && luma->step == 1 && luma->offset == 0 &&
         luma->shift == 0 && luma->depth == 8;
}

/* All values, in two rows; the other planes are grey. */
static AVFrame *make_values(int format) {
  AVFrame *values = av_frame_alloc();
  if (!values) return NULL;
  values->format = format;
  values->width = 256;
  values->height = 2;
  if (av_frame_get_buffer(values, 0) < 0) {
    av_frame_free(&values);
    return NULL;
  }
  for (int i = 0; i < 4 && values->buf[i]; i++)
    memset(values->buf[i]->data, 0x80, (size_t)values->buf[i]->size);
  for (int i = 0; i < 256; i++) {
    values->data[0][i] = (uint8_t)i;
    values->data[0][values->linesize[0] + i] = (uint8_t)i;
  }
  return values;
}

/* What libswscale makes of each value; by itself it would take several times
 * as long over each picture. */
static int fill_gray_table(struct convert *c, const struct convert_key *key) {
  struct convert_key small = *key;
  uint8_t rows[2 * 256 + 64] = {0};
  uint8_t *planes[4] = {rows, NULL, NULL, NULL};
  const int strides[4] = {256, 0, 0, 0};
  struct SwsContext *sws;
  AVFrame *values;
  int rc;
  small.width = small.source_width = 256;
  small.height = small.source_height = 2;
  rc = open_sws(&sws, &small, 1);
  if (rc != KVSP_OK) return rc;
  values = make_values(key->source_format);
  if (!values) {
    rc = KVSP_ERR_NOMEM;
  } else if (sws_scale(sws, (const uint8_t *const *)values->data,
                       values->linesize, 0, 2, planes, strides) != 2) {
    rc = KVSP_ERR_CODEC;
  }
  memcpy(c->gray, rows, sizeof c->gray);
  av_frame_free(&values);
  sws_freeContext(sws);
  return rc;
}

static int open_gray(struct convert *c, const struct convert_key *key) {
  int rc = fill_gray_table(c, key);
  if (rc != KVSP_OK) return rc;
  c->way = CONVERT_GRAY_PLANE;
  for (int i = 0; i < 256; i++)
    if (c->gray[i] != i) c->way = CONVERT_GRAY_TABLE;
  return KVSP_OK;
}

/* Without the threads where there are none to be had. */
static int open_scaler(struct convert *c, const struct convert_key *key) {
  int rc;
  c->sws_threads = count_threads(c, key);
  rc = open_sws(&c->sws, key, c->sws_threads);
  if (rc == KVSP_ERR_CODEC && c->sws_threads > 1) {
    c->sws_threads = 1;
    rc = open_sws(&c->sws, key, 1);
  }
  if (rc == KVSP_OK) c->way = CONVERT_SWS;
  return rc;
}

static int open_way(struct convert *c, const struct convert_key *key) {
  int rc;
  c->way = CONVERT_NOTHING;
  sws_freeContext(c->sws);
  c->sws = NULL;
  rc = is_gray_by_value(key) ? open_gray(c, key) : open_scaler(c, key);
  c->key = *key;
  return rc;
}

/* What stands before the bytes of a buffer, which may outlive the decoder. */
struct block {
  kvsp_allocator allocator;
  size_t size;
  uint8_t bytes[];
};

static void release_block(void *opaque, uint8_t *data) {
  struct block *block = opaque;
  kvsp_allocator allocator = block->allocator;
  (void)data;
  kvsp_av_release(&allocator, block, block->size);
}

static AVBufferRef *new_buffer(void *opaque, size_t size) {
  const kvsp_allocator *allocator = opaque;
  struct block *block;
  AVBufferRef *buffer;
  if (size > SIZE_MAX - sizeof *block) return NULL;
  block = kvsp_av_alloc(allocator, sizeof *block + size);
  if (!block) return NULL;
  block->allocator = *allocator;
  block->size = sizeof *block + size;
  buffer = av_buffer_create(block->bytes, size, release_block, block, 0);
  if (!buffer) release_block(block, block->bytes);
  return buffer;
}

/* A buffer that nobody else has, because the last one was kept or is too
 * small: a program that keeps one picture at a time needs two in turn. */
static int make_room(struct convert *c, size_t size) {
  if (size > c->pool_size) {
    av_buffer_unref(&c->buffer);
    av_buffer_pool_uninit(&c->pool);
    c->pool_size = 0;
    c->pool = av_buffer_pool_init2(size, (void *)(uintptr_t)c->allocator,
                                   new_buffer, NULL);
    if (!c->pool) return KVSP_ERR_NOMEM;
    c->pool_size = size;
  }
  if (c->buffer && av_buffer_is_writable(c->buffer)) return KVSP_OK;
  av_buffer_unref(&c->buffer);
  c->buffer = av_buffer_pool_get(c->pool);
  return c->buffer ? KVSP_OK : KVSP_ERR_NOMEM;
}

static size_t round_up(size_t n) {
  return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void use_frame(const AVFrame *frame, kvsp_picture *picture, int planes) {
  for (int i = 0; i < planes; i++) {
    picture->plane[i] = frame->data[i];
    picture->stride[i] = frame->linesize[i];
  }
  picture->width = (uint32_t)frame->width;
  picture->height = (uint32_t)frame->height;
}

/*
 * Sets plane 0 of the picture to memory of c's.  Rows are so long that vector
 * code may write whole groups of pixels: libswscale leaves out the last pixels
 * of a row where they do not fit, and one thread must not reach into the next
 * one's rows.
 */
static int make_target(struct convert *c, kvsp_picture *picture) {
  size_t stride = round_up((size_t)c->key.width) * bytes_per_pixel(c->format);
  int rc;
  if (stride > INT32_MAX ||
      stride > (SIZE_MAX - 2 * ALIGNMENT) / (size_t)c->key.height) {
    return KVSP_ERR_NOMEM;
  }
  rc = make_room(c, stride * (size_t)c->key.height + 2 * ALIGNMENT);
  if (rc != KVSP_OK) return rc;
  picture->plane[0] =
      c->buffer->data + (ALIGNMENT - (uintptr_t)c->buffer->data % ALIGNMENT);
  picture->stride[0] = (ptrdiff_t)stride;
  picture->width = (uint32_t)c->key.width;
  picture->height = (uint32_t)c->key.height;
  return KVSP_OK;
}

static uint8_t *target_plane(const struct convert *c,
                             const kvsp_picture *picture) {
  return c->buffer->data + (picture->plane[0] - c->buffer->data);
}

static int run_sws_alone(struct convert *c, const AVFrame *frame,
                         const kvsp_picture *picture) {
  uint8_t *planes[4] = {target_plane(c, picture), NULL, NULL, NULL};
  int strides[4] = {(int)picture->stride[0], 0, 0, 0};
  int rows = sws_scale(c->sws, (const uint8_t *const *)frame->data,
                       frame->linesize, 0, frame->height, planes, strides);
  if (rows == AVERROR(ENOMEM)) return KVSP_ERR_NOMEM;
  return rows == c->key.height ? KVSP_OK : KVSP_ERR_CODEC;
}

/* Only sws_scale_frame uses threads, and it wants to hold what it writes. */
static int wrap_target(struct convert *c, const kvsp_picture *picture) {
  if (!c->target) c->target = av_frame_alloc();
  if (!c->target) return KVSP_ERR_NOMEM;
  c->target->buf[0] = av_buffer_ref(c->buffer);
  if (!c->target->buf[0]) return KVSP_ERR_NOMEM;
  c->target->data[0] = target_plane(c, picture);
  c->target->linesize[0] = (int)picture->stride[0];
  c->target->width = c->key.width;
  c->target->height = c->key.height;
  c->target->format = c->key.format;
  return KVSP_OK;
}

static int run_sws_threads(struct convert *c, const AVFrame *frame,
                           const kvsp_picture *picture) {
  int rc = wrap_target(c, picture);
  if (rc != KVSP_OK) return rc;
  rc = sws_scale_frame(c->sws, c->target, frame);
  av_buffer_unref(&c->target->buf[0]);
  if (rc == AVERROR(ENOMEM)) return KVSP_ERR_NOMEM;
  return rc < 0 ? KVSP_ERR_CODEC : KVSP_OK;
}

static void run_gray_table(const struct convert *c, const AVFrame *frame,
                           const kvsp_picture *picture) {
  uint8_t *to = target_plane(c, picture);
  const uint8_t *from = frame->data[0];
  for (int y = 0; y < frame->height; y++) {
    for (int x = 0; x < frame->width; x++) to[x] = c->gray[from[x]];
    from += frame->linesize[0];
    to += picture->stride[0];
  }
}

static int run_way(struct convert *c, const AVFrame *frame,
                   kvsp_picture *picture) {
  int rc;
  if (c->way == CONVERT_GRAY_PLANE) {
    use_frame(frame, picture, 1);
    return KVSP_OK;
  }
  rc = make_target(c, picture);
  if (rc != KVSP_OK) return rc;
  if (c->way == CONVERT_GRAY_TABLE) {
    run_gray_table(c, frame, picture);
    return KVSP_OK;
  }
  return c->sws_threads > 1 ? run_sws_threads(c, frame, picture)
                            : run_sws_alone(c, frame, picture);
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
    use_frame(frame, picture, 4);
    return KVSP_OK;
  }
  key = make_key(c, frame);
  if (!needs_conversion(&key)) {
    use_frame(frame, picture, 4);
    return KVSP_OK;
  }
  if (!size_allowed(c, &key)) {
    c->message = "the picture would be too large with its aspect kept";
    return KVSP_ERR_CODEC;
  }
  c->message = "libswscale cannot convert the picture";
  if (c->way == CONVERT_NOTHING || !same_key(&key, &c->key)) {
    rc = open_way(c, &key);
    if (rc != KVSP_OK) return rc;
  }
  return run_way(c, frame, picture);
}

int kvsp_av_convert_owns(const struct convert *c, const kvsp_picture *picture) {
  uintptr_t begin, at = (uintptr_t)picture->plane[0];
  if (!c->buffer) return 0;
  begin = (uintptr_t)c->buffer->data;
  return at >= begin && at - begin < c->buffer->size;
}
