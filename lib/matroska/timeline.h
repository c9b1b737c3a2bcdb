/*
 * timeline.h - from the stream's times to the file's: where each fragment
 * begins.  Knows fragments and nanoseconds; knows nothing of Matroska.
 */
#ifndef KVSPARSE_MATROSKA_TIMELINE_H
#define KVSPARSE_MATROSKA_TIMELINE_H

#include <kvsparse/finisher.h>

#include <cstdint>

namespace kvsp {

class Timeline {
 public:
  explicit Timeline(uint32_t mode) : mode_(mode) {
  }
  /* Of the file's times; before the first frame. */
  void set_tick(uint64_t tick_ns) {
    tick_ns_ = static_cast<int64_t>(tick_ns);
  }
  uint64_t tick_ns() const {
    return static_cast<uint64_t>(tick_ns_);
  }
  void begin_fragment(const kvsp_fragment &fragment);
  /* Where the frame stands in the file; one whose time was lost stands where
   * the one before it does. */
  int64_t place(const kvsp_frame &frame);
  /* Frames end there. */
  void note_end(int64_t end_ns);
  int64_t end_ns() const {
    return end_ns_;
  }

 private:
  bool is_restart(const kvsp_fragment &fragment) const;
  bool leaves_gap(int64_t start_ns) const;
  bool must_follow(const kvsp_fragment &fragment) const;
  void move_start(int64_t from_ns, int64_t to_ns);

  uint32_t mode_;
  int64_t tick_ns_ = 1000000;
  bool started_ = false;
  bool moved_ = true;    /* the fragment's start has its place              */
  int64_t shift_ns_ = 0; /* file's time - stream's time                     */
  int64_t end_ns_ = 0;   /* of all that was placed                          */
  int64_t last_ns_ = 0;  /* of the last frame                               */
  int64_t start_ns_ = KVSP_TIME_NONE;    /* of the last fragment, in the    */
  int64_t producer_ns_ = KVSP_TIME_NONE; /* stream's time and the producer's */
};

}  // namespace kvsp

#endif
