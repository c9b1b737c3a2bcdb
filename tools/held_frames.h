/*
 * held_frames.h - copies of the frames of one fragment.  What sound really is
 * and whose call it belongs to may stand in tags behind it (Amazon Connect):
 * it waits for the fragment's end.  Knows bytes and times; knows nothing of
 * what becomes of them.
 */
#ifndef KVSPARSE_TOOLS_HELD_FRAMES_H
#define KVSPARSE_TOOLS_HELD_FRAMES_H

#include <kvsparse/reader.h>
#include <stdbool.h>

struct held_frame {
  size_t offset, length; /* in bytes                                       */
  size_t state_length;   /* of its CodecState, which lies behind it        */
  unsigned channel;
  bool restart; /* the first of its fragment, whose times began anew       */
  uint32_t flags;
  int64_t pts_ns, producer_time_ns;
};

/* Zero it. */
struct held_frames {
  uint8_t *bytes;
  size_t size, capacity;
  struct held_frame *frames;
  size_t count, frame_capacity;
};

/* 0, or -1 when there is no memory. */
int held_frames_add(struct held_frames *held, const kvsp_frame *frame,
                    unsigned channel, bool restart);
/* Its bytes, until the next call that adds one. */
kvsp_view held_frames_data(const struct held_frames *held, size_t index);
/* Its CodecState; data NULL: it has none. */
kvsp_view held_frames_state(const struct held_frames *held, size_t index);
/* Forgets all, keeps the memory. */
void held_frames_clear(struct held_frames *held);
void held_frames_free(struct held_frames *held);

#endif
