/*
 * decoder.h - libkvsparse-av: the frames of one track in, pictures out.
 *
 * libavcodec decodes, libswscale converts.  Who wants pictures straight from
 * a stream's bytes takes pictures.h, which drives a reader and a decoder for
 * each track; this header is for callers that have frames already.
 */
#ifndef KVSPARSE_DECODER_H
#define KVSPARSE_DECODER_H

#include <kvsparse/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a picture's samples lie in memory.  Rows go from top to bottom, 8 bits
 * a sample but for NATIVE. */
enum kvsp_picture_format {
  KVSP_PICTURE_NATIVE = 0, /* as the decoder made it, never converted; what
                              it is: native_format, native_format_name     */
  KVSP_PICTURE_GRAY8 = 1,  /* plane 0: one byte a pixel, 0 black, 255 white */
  KVSP_PICTURE_RGB24 = 2,  /* plane 0: R G B                               */
  KVSP_PICTURE_BGR24 = 3,  /* plane 0: B G R                               */
  KVSP_PICTURE_RGBA = 4,   /* plane 0: R G B A                             */
  KVSP_PICTURE_BGRA = 5    /* plane 0: B G R A                             */
};

enum kvsp_picture_flags {
  KVSP_PICTURE_KEY = 1,    /* from a key frame                             */
  KVSP_PICTURE_DAMAGED = 2 /* the decoder found faults in it, or it leans
                              on a frame that is missing                   */
};

/* One decoded picture.  Made by the library; valid, with all it points to,
 * until the next call on the object it came from.  May grow at the end. */
typedef struct kvsp_picture {
  uint32_t format;          /* KVSP_PICTURE_*                              */
  uint32_t width, height;   /* pixels                                      */
  uint32_t flags;           /* KVSP_PICTURE_*                              */
  const uint8_t *plane[4];  /* NULL beyond the format's planes             */
  ptrdiff_t stride[4];      /* bytes from one row to the next              */
  int64_t pts_ns;           /* these four as in the kvsp_frame it is from  */
  int64_t producer_time_ns;
  int64_t duration_ns;
  uint64_t offset;
  uint64_t index;           /* of this picture: 0 for the track's first    */
  uint64_t track_number;
  uint64_t fragment_index;  /* kvsp_fragment.index                         */
  uint64_t frame_index;     /* kvsp_frame.index, in its fragment           */
  kvsp_view fragment_number; /* data NULL: absent                          */
  uint32_t coded_width, coded_height; /* before scaling                    */
  int native_format;        /* enum AVPixelFormat of the decoder's output  */
  const char *native_format_name; /* "yuv420p"; static                     */
  const void *avframe;      /* the decoder's const AVFrame, for callers that
                               use libavutil themselves                    */
  const void *owner;        /* the library's                               */
} kvsp_picture;

enum kvsp_decoder_flags {
  /* A picture comes out as soon as its frame went in, where the codec's own
   * order allows it.  Without it, several threads work on several frames and
   * pictures come later, but more of them a second. */
  KVSP_DECODE_LOW_DELAY = 1
};

typedef struct kvsp_decoder_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* for this object, not for libavcodec  */
  uint32_t format;        /* KVSP_PICTURE_*                                */
  uint32_t width, height; /* scale to, at most 65536; both 0: as coded; one 0:
                             keeps the aspect, and where that would be more
                             than 16384 (or max_width, max_height), a picture
                             is refused with KVSP_ERR_CODEC.  With NATIVE:
                             KVSP_ERR_ARG                                  */
  uint32_t threads;       /* that decode; without LOW_DELAY up to 4 of them
                             scale large pictures, too, with the same result.
                             0: as many as the machine has                 */
  uint32_t flags;         /* KVSP_DECODE_*                                 */
  uint32_t max_width;     /* larger pictures are refused with KVSP_ERR_CODEC,
                             before memory is taken; 0: 16384              */
  uint32_t max_height;    /* 0: 16384                                      */
} kvsp_decoder_config;

typedef struct kvsp_decoder kvsp_decoder;

/*
 * Opens the decoder for a track by its CodecID and CodecPrivate; the track is
 * copied as far as needed.  config may be NULL (native pictures).
 * KVSP_OK; KVSP_ERR_ARG; KVSP_ERR_UNSUPPORTED when libavcodec has no decoder
 * for it or the track is not video; KVSP_ERR_CODEC when it could not be
 * opened; KVSP_ERR_NOMEM.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_decoder_new(
    kvsp_decoder **out, const kvsp_track *track,
    const kvsp_decoder_config *config);
/* NULL is fine. */
KVSP_API void kvsp_decoder_free(kvsp_decoder *d);
/*
 * One frame, whose bytes are kept or copied as needed; NULL: no more frames,
 * the pictures still inside can be received.
 *   KVSP_OK          taken
 *   KVSP_NEED_DRAIN  not taken: receive until KVSP_NEED_INPUT, send again
 *   KVSP_ERR_CODEC   the decoder refused this frame, which is counted; send
 *                    the next one
 *   KVSP_ERR_ARG, KVSP_ERR_STATE (after NULL), KVSP_ERR_NOMEM
 */
KVSP_API KVSP_MUST_CHECK int kvsp_decoder_send(kvsp_decoder *d,
                                               const kvsp_frame *frame);
/*
 * The next picture, in the order in which they are shown.
 *   KVSP_OK          *picture is set
 *   KVSP_NEED_INPUT  send a frame
 *   KVSP_END         after send(NULL): that was all
 *   KVSP_ERR_CODEC   a picture could not be decoded or converted; go on
 *   KVSP_ERR_ARG, KVSP_ERR_NOMEM
 */
KVSP_API KVSP_MUST_CHECK int kvsp_decoder_receive(
    kvsp_decoder *d, const kvsp_picture **picture);
/* Drops what is inside, so that frames from elsewhere can be sent; also after
 * send(NULL).  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_decoder_flush(kvsp_decoder *d);
/*
 * Keeps a picture past the next call on the object it came from, without a
 * copy: the next one is made elsewhere.  *out, with all it points to, is valid
 * until kvsp_picture_release, on any thread, also when that object is gone; its
 * allocator must still be there.  What was converted is the caller's alone, who
 * may write to it; avframe is NULL then.  Otherwise avframe is set, and the
 * samples are the decoder's, too, which looks at them for further pictures.
 * KVSP_OK; KVSP_ERR_ARG; KVSP_ERR_STATE when the object has gone on since, or
 * for a picture that is kept already; KVSP_ERR_NOMEM.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_picture_retain(const kvsp_picture *picture,
                                                 kvsp_picture **out);
/* NULL is fine. */
KVSP_API void kvsp_picture_release(kvsp_picture *kept);
/* What went wrong last, in words; static or owned by d; never NULL. */
KVSP_API const char *kvsp_decoder_message(const kvsp_decoder *d);
/* 1 when libavcodec has a decoder for that CodecID (and CodecPrivate, which
 * tells VFW codecs apart), else 0. */
KVSP_API int kvsp_decoder_available(const kvsp_track *track);
/* The versions of the libraries below: "libavcodec 59.37.100, ...". Static. */
KVSP_API const char *kvsp_av_version(void);
/* As kvsp_sizeof, for the structs of this library's headers. */
KVSP_API size_t kvsp_av_sizeof(const char *struct_name);

#ifdef __cplusplus
}
#endif
#endif
