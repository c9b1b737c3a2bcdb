/*
 * pictures.h - libkvsparse-av: a stream's bytes in, pictures out.
 *
 * A whole program, which prints how bright each picture of a stream is:
 *
 *   #include <kvsparse/pictures.h>
 *   #include <stdio.h>
 *
 *   static int on_picture(void *user, const kvsp_picture *p) {
 *     uint64_t sum = 0;
 *     (void)user;
 *     for (uint32_t y = 0; y < p->height; y++)
 *       for (uint32_t x = 0; x < p->width; x++)
 *         sum += p->plane[0][(ptrdiff_t)y * p->stride[0] + x];
 *     printf("%.3f s: %.1f\n", (double)p->pts_ns / 1e9,
 *            (double)sum / ((double)p->width * p->height));
 *     return 0;
 *   }
 *
 *   int main(void) {
 *     kvsp_pictures_config config = {.struct_size = sizeof config};
 *     kvsp_pictures *pictures;
 *     char buffer[65536];
 *     size_t n;
 *     config.format = KVSP_PICTURE_GRAY8;
 *     if (kvsp_pictures_new(&pictures, &config) != KVSP_OK) return 1;
 *     do {
 *       n = fread(buffer, 1, sizeof buffer, stdin);
 *       if (kvsp_pictures_visit(pictures, buffer, n, n ? 0 : KVSP_FINAL,
 *                               on_picture, NULL) < 0) return 1;
 *     } while (n > 0);
 *     kvsp_pictures_free(pictures);
 *     return 0;
 *   }
 *
 * One decoder lives as long as its track: when a fragment brings other tracks
 * (KVSP_FRAGMENT_NEW_TRACKS) it is drained and opened anew, so that pictures
 * are right from the first frame of the new size on.
 */
#ifndef KVSPARSE_PICTURES_H
#define KVSPARSE_PICTURES_H

#include <kvsparse/decoder.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_pictures kvsp_pictures;

/* Zero it, set struct_size, then what you need. */
typedef struct kvsp_pictures_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc                 */
  const kvsp_limits *limits;       /* of the reader, not of libavcodec;
                                      copied; NULL: the defaults           */
  uint32_t reader_flags;  /* KVSP_READ_*, but for _NO_DATA                 */
  uint32_t format;        /* this and the next five as in
                             kvsp_decoder_config                           */
  uint32_t width, height;
  uint32_t threads;
  uint32_t flags;         /* KVSP_DECODE_*                                 */
  uint32_t max_width, max_height;
  /* Which pictures; what is left out is not decoded where that can be. */
  uint64_t track_number;  /* of this track; 0: all video tracks            */
  uint64_t every;         /* every Nth of a track; 0 and 1: all            */
  int64_t interval_ns;    /* the first one, then the first that is at least
                             this much later by pts; 0: all                */
  /* With KVSP_READ_KEY_FRAMES in reader_flags: from key frames only. */

  /* Called for each item of the reader as it comes, before it is decoded; may
   * be NULL.  What it returns is treated like a picture callback's value. */
  kvsp_item_callback item_callback;
  void *item_user;
} kvsp_pictures_config;

/* config may be NULL.  KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_new(
    kvsp_pictures **out, const kvsp_pictures_config *config);
/* NULL is fine. */
KVSP_API void kvsp_pictures_free(kvsp_pictures *p);
/* As new, at offset 0, with the same configuration.  KVSP_OK, KVSP_ERR_ARG,
 * KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_pictures_reset(kvsp_pictures *p);

/* These four work as their namesakes of the reader. */
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_input(kvsp_pictures *p,
                                                 const void *data, size_t len,
                                                 unsigned flags);
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_reserve(kvsp_pictures *p,
                                                   size_t want, void **data,
                                                   size_t *capacity);
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_commit(kvsp_pictures *p, size_t len,
                                                  unsigned flags);
/*
 * The next picture.  KVSP_OK, KVSP_NEED_INPUT, KVSP_END, and the errors of
 * kvsp_reader_next.  Frames that cannot be decoded are counted, never an
 * error; tracks without a decoder are left out (see kvsp_pictures_stats).
 * What item_callback returned, where not 0.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_next(kvsp_pictures *p,
                                                const kvsp_picture **picture);

/*
 * The same, and tells of what else is in the stream: *item is set to a
 * FRAGMENT, TAGS, FRAGMENT_END or GAP as it comes, or *picture to a picture;
 * the other one is NULL.  Items do not wait for the decoders, whose pictures
 * may be of fragments before.  Frames are told by item_callback only.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_next_item(
    kvsp_pictures *p, const kvsp_item **item, const kvsp_picture **picture);

/* As kvsp_reader_set_limits: KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_pictures_set_limits(kvsp_pictures *p,
                                      const kvsp_limits *limits);

/* Called for each picture.  Return values as for kvsp_item_callback. */
typedef int (*kvsp_picture_callback)(void *user, const kvsp_picture *picture);
/*
 * From bytes to pictures in one call: input, then next and callback until all
 * is used.  After a callback stopped it, the bytes stay lent: go on by
 * calling again with data NULL and len 0.  With KVSP_FINAL the decoders are
 * drained.  KVSP_OK, KVSP_END, what a callback returned, the errors of next.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_pictures_visit(
    kvsp_pictures *p, const void *data, size_t len, unsigned flags,
    kvsp_picture_callback callback, void *user);

/* Counts since new or reset.  May grow at the end. */
typedef struct kvsp_pictures_stats {
  uint64_t frames;         /* video frames read                            */
  uint64_t frames_sent;    /* of these, given to a decoder                 */
  uint64_t pictures;       /* delivered                                    */
  uint64_t damaged;        /* delivered with KVSP_PICTURE_DAMAGED          */
  uint64_t errors;         /* frames that a decoder refused                */
  uint64_t undecodable;    /* frames of tracks that have no decoder        */
  uint64_t decoders_opened;
  uint64_t gaps;           /* KVSP_ITEM_GAP seen                           */
} kvsp_pictures_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_pictures_get_stats(const kvsp_pictures *p,
                                     kvsp_pictures_stats *stats,
                                     size_t struct_size);
/* What stopped the reader.  Never NULL. */
KVSP_API const kvsp_error_info *kvsp_pictures_error(const kvsp_pictures *p);
/* What a decoder last complained about; owned by p; never NULL. */
KVSP_API const char *kvsp_pictures_message(const kvsp_pictures *p);

#ifdef __cplusplus
}
#endif
#endif
