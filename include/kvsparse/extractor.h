/*
 * extractor.h - frames of one track in, an elementary stream out: what a
 * decoder, a player or an archive takes without Matroska around it.
 *
 *   kvsp_extractor_new(&extractor, track, &config);
 *   for each of its frames, in the order of the stream:
 *     kvsp_extractor_send(extractor, frame, callback, user);
 *   kvsp_extractor_send(extractor, NULL, callback, user);
 *   kvsp_extractor_free(extractor);
 *
 * What the callback gets, written one behind the other, is the stream.  Where
 * the track's CodecPrivate changes, or a frame brings a CodecState (which counts
 * to the end of its fragment), the extractor follows; where its CodecID
 * changes, it takes no more (KVSP_ERR_UNSUPPORTED): that is another stream.
 */
#ifndef KVSPARSE_EXTRACTOR_H
#define KVSPARSE_EXTRACTOR_H

#include <kvsparse/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kvsp_extract_format {
  /* The frames as they are; of any track. */
  KVSP_EXTRACT_RAW = 0,
  /* H.264, H.265: start codes (Annex B of both standards), with the parameter
   * sets before each key frame that does not bring its own. */
  KVSP_EXTRACT_ANNEXB = 1,
  /* AAC: each frame behind an ADTS header (ISO/IEC 13818-7). */
  KVSP_EXTRACT_ADTS = 2,
  /* MJPEG: each frame is a whole JPEG file (those of AVI lack tables, which
   * are put in). */
  KVSP_EXTRACT_JPEG = 3,
  /* Any sound that libavcodec decodes: signed 16 bit, little-endian,
   * channels interleaved. */
  KVSP_EXTRACT_PCM = 4
};

/* What comes out of one frame.  Made by the library; valid until the callback
 * returns.  May grow at the end. */
typedef struct kvsp_extract {
  kvsp_view data;
  int64_t pts_ns;       /* of the frame; with PCM of the first sample      */
  uint32_t flags;       /* KVSP_FRAME_KEY                                  */
  uint32_t sample_rate; /* PCM: Hz; else 0                                 */
  uint32_t channels;    /* PCM; else 0                                     */
} kvsp_extract;

/* Return 0 to go on; any other value comes back from the send. */
typedef int (*kvsp_extract_callback)(void *user, const kvsp_extract *extract);

typedef struct kvsp_extractor_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* for this object, not for libavcodec  */
  uint32_t format;                 /* KVSP_EXTRACT_*                       */
  uint32_t reserved;               /* 0                                    */
} kvsp_extractor_config;

typedef struct kvsp_extractor kvsp_extractor;

/*
 * The track is copied as far as needed.  config may be NULL (raw).
 * KVSP_OK; KVSP_ERR_ARG; KVSP_ERR_UNSUPPORTED when this format cannot hold
 * that codec, or this build or libavcodec cannot make it; KVSP_ERR_CODEC when
 * CodecPrivate makes it impossible; KVSP_ERR_NOMEM.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_extractor_new(
    kvsp_extractor **out, const kvsp_track *track,
    const kvsp_extractor_config *config);
/* NULL is fine.  From its own callback nothing happens. */
KVSP_API void kvsp_extractor_free(kvsp_extractor *e);
/*
 * One frame, whose bytes are copied as needed; NULL: no more frames, what is
 * still inside comes out.  The callback is called as often as there is
 * something.
 *   KVSP_OK          taken
 *   KVSP_ERR_CODEC   nothing can be made of this frame; send the next one
 *   KVSP_ERR_UNSUPPORTED  the track is now one that cannot be extracted
 *   KVSP_ERR_ARG (also for a frame of another track, or one that is
 *   compressed or encrypted), KVSP_ERR_STATE (after NULL),
 *   KVSP_ERR_REENTRANT, KVSP_ERR_NOMEM, and what the callback returned
 */
KVSP_API KVSP_MUST_CHECK int kvsp_extractor_send(kvsp_extractor *e,
                                                 const kvsp_frame *frame,
                                                 kvsp_extract_callback callback,
                                                 void *user);
/* What went wrong last, in words; static or owned by e; never NULL. */
KVSP_API const char *kvsp_extractor_message(const kvsp_extractor *e);
/* 1 when this build can make that format (KVSP_EXTRACT_*), else 0. */
KVSP_API int kvsp_extractor_available(uint32_t format);

#ifdef __cplusplus
}
#endif
#endif
