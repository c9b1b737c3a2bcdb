/*
 * extractor.h - frames of one track in, an elementary stream out: what a
 * decoder, a player or an archive takes without Matroska around it.
 *
 * A whole program, which takes the H.264 or H.265 of track 1 out of a stream:
 *
 *   #include <kvsparse/extractor.h>
 *   #include <stdio.h>
 *
 *   static int on_extract(void *user, const kvsp_extract *extract) {
 *     kvsp_view v = extract->data;
 *     return fwrite(v.data, 1, v.len, (FILE *)user) == v.len ? 0
 *                                                            : KVSP_ERR_USER;
 *   }
 *
 *   static int on_item(void *user, const kvsp_item *item) {
 *     kvsp_extractor_config config = {.struct_size = sizeof config};
 *     kvsp_extractor **extractor = (kvsp_extractor **)user;
 *     const kvsp_frame *frame = item->frame;
 *     int rc = KVSP_OK;
 *     config.format = KVSP_EXTRACT_ANNEXB;
 *     if (item->type != KVSP_ITEM_FRAME) return KVSP_OK;
 *     if (!*extractor)
 *       rc = kvsp_extractor_new(extractor, frame->track, &config);
 *     if (rc == KVSP_OK)
 *       rc = kvsp_extractor_send(*extractor, frame, on_extract, stdout);
 *     return rc == KVSP_ERR_CODEC ? KVSP_OK : rc;
 *   }
 *
 *   int main(void) {
 *     static const uint64_t track = 1;
 *     kvsp_reader_config config = {.struct_size = sizeof config};
 *     kvsp_extractor *extractor = NULL;
 *     kvsp_reader *reader;
 *     char buffer[65536];
 *     size_t n;
 *     int rc;
 *     config.flags = KVSP_READ_DECOMPRESS;
 *     config.tracks = &track;
 *     config.track_count = 1;
 *     if (kvsp_reader_new(&reader, &config) != KVSP_OK) return 1;
 *     do {
 *       n = fread(buffer, 1, sizeof buffer, stdin);
 *       rc = kvsp_reader_visit(reader, buffer, n, n ? 0 : KVSP_FINAL, on_item,
 *                              &extractor);
 *     } while (rc == KVSP_OK);
 *     if (rc == KVSP_END && extractor)
 *       rc = kvsp_extractor_send(extractor, NULL, on_extract, stdout);
 *     kvsp_extractor_free(extractor);
 *     kvsp_reader_free(reader);
 *     return rc >= 0 && fclose(stdout) == 0 ? 0 : 1;
 *   }
 *
 * libavcodec's filters may log that parameter sets are missing: they need not
 * know them, and do not get them.  av_log_set_level() keeps them quiet.
 *
 * Give it the frames in the order of the stream, and NULL at its end.  What the
 * callback gets, written one behind the other, is the elementary stream.  Where
 * the track's CodecPrivate changes, or a frame brings a CodecState (which
 * counts to the end of its fragment), the extractor follows; where its CodecID
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
