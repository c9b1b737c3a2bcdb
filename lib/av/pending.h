/*
 * pending.h - what is to be told with a picture, kept while its frame is
 * inside the decoder.  Knows sequence numbers; knows no codec.
 *
 * Timestamps of a stream repeat and go back, so that they identify nothing;
 * the decoder carries our own running number instead, and gives it back.
 */
#ifndef KVSP_AV_PENDING_H
#define KVSP_AV_PENDING_H

#include <kvsparse/reader.h>

/* Entries beyond this number are dropped, oldest first: no decoder holds as
 * many frames, so theirs never became pictures. */
#define KVSP_AV_PENDING_MAX 512u

/* Beside KVSP_FRAME_*: a frame that it may need was lost before it. */
#define KVSP_AV_FRAME_LEANS 0x80000000u

struct pending_frame {
  int64_t pts_ns;
  int64_t producer_time_ns;
  int64_t duration_ns;
  uint64_t offset;
  uint64_t track_number;
  uint64_t fragment_index;
  uint64_t frame_index;
  uint32_t flags; /* KVSP_FRAME_*, KVSP_AV_FRAME_LEANS                     */
  int waiting;    /* its picture has not come yet               */
  kvsp_buf *fragment_number; /* shared by the fragment's frames; or NULL   */
};

struct pending {
  const kvsp_allocator *allocator;
  struct pending_frame *frames; /* a ring                                  */
  size_t capacity;              /* a power of two, or 0                    */
  size_t head, count;
  uint64_t first; /* the sequence number of frames[head]                   */
  kvsp_buf *fragment_number; /* of the last frame                          */
};

void kvsp_av_pending_init(struct pending *p, const kvsp_allocator *allocator);
/* Also makes it usable again. */
void kvsp_av_pending_clear(struct pending *p);
/* Frees all; after it only init. */
void kvsp_av_pending_free(struct pending *p);

/* Keeps what the frame says, and more flags; *sequence is its number.
 * KVSP_OK, KVSP_ERR_NOMEM, which leaves everything as it was. */
int kvsp_av_pending_push(struct pending *p, const kvsp_frame *frame,
                         uint32_t more_flags, uint64_t *sequence);
/* Undoes the last push. */
void kvsp_av_pending_pop(struct pending *p);
/*
 * Takes out the entry with that number, or, where a decoder gives back a number
 * that no frame had, the oldest that waits.  1 when *out was set: the caller
 * then owns its reference to the fragment number.  0 when nothing waits, or
 * when that entry was taken before: it is one frame's second picture.
 */
int kvsp_av_pending_take(struct pending *p, uint64_t sequence,
                         struct pending_frame *out);

#endif
