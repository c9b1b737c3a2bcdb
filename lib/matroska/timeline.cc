#include "timeline.h"

#include <algorithm>

namespace kvsp {

namespace {

const int64_t kHourNs = INT64_C(3600000000000);
/* Beyond that no date lies, and sums of two stay far from an overflow. */
const int64_t kMost = INT64_MAX / 4;

int64_t bounded(int64_t ns) {
  return std::min(std::max(ns, -kMost), kMost);
}

bool known(int64_t ns) {
  return ns != KVSP_TIME_NONE;
}

}  // namespace

/* Timecodes went back, or leapt ahead although the producer's clock did not:
 * they count from somewhere else now. */
bool Timeline::is_restart(const kvsp_fragment &fragment) const {
  if (fragment.flags & KVSP_FRAGMENT_DISCONTINUITY) return true;
  if (!known(start_ns_) || !known(producer_ns_)) return false;
  if (!known(fragment.producer_time_ns)) return false;
  int64_t by_clock = bounded(fragment.producer_time_ns) - bounded(producer_ns_);
  int64_t by_timecode = bounded(fragment.start_ns) - bounded(start_ns_);
  return by_clock >= 0 && by_timecode - by_clock > kHourNs;
}

void Timeline::move_start(int64_t from_ns, int64_t to_ns) {
  int64_t ticks = (to_ns + tick_ns_ - 1) / tick_ns_;
  shift_ns_ = bounded(ticks * tick_ns_ - bounded(from_ns));
}

/* A gap of a tick, or less than none, comes from rounding: moved by that, a
 * stream without gaps would become longer with each fragment. */
bool Timeline::leaves_gap(int64_t start_ns) const {
  return bounded(start_ns) + shift_ns_ - end_ns_ > tick_ns_;
}

/* Whether the fragment is to begin where the one before it ends. */
bool Timeline::must_follow(const kvsp_fragment &fragment) const {
  bool repeats = known(start_ns_) && fragment.start_ns <= start_ns_;
  return repeats || leaves_gap(fragment.start_ns) || is_restart(fragment);
}

void Timeline::begin_fragment(const kvsp_fragment &fragment) {
  int64_t start = fragment.start_ns;
  if (mode_ == KVSP_FINISH_KEEP || !known(start)) return;
  if (!started_) {
    moved_ = false;
  } else if (mode_ == KVSP_FINISH_PACK) {
    if (must_follow(fragment)) move_start(start, end_ns_);
  } else if (is_restart(fragment)) {
    int64_t gap = known(fragment.gap_ns) ? fragment.gap_ns : 0;
    move_start(start, bounded(end_ns_ + bounded(std::max<int64_t>(gap, 0))));
  }
  start_ns_ = start;
  producer_ns_ = fragment.producer_time_ns;
}

int64_t Timeline::place(const kvsp_frame &frame) {
  if (!known(frame.pts_ns)) return last_ns_;
  if (!started_ && mode_ != KVSP_FINISH_KEEP) {
    int64_t first = frame.pts_ns;
    if (!moved_) first = std::min(first, start_ns_);
    move_start(first, 0);
    start_ns_ = known(start_ns_) ? start_ns_ : first;
  }
  started_ = moved_ = true;
  last_ns_ = bounded(frame.pts_ns) + shift_ns_;
  return last_ns_;
}

void Timeline::note_end(int64_t end_ns) {
  end_ns_ = std::max(end_ns_, bounded(end_ns));
}

}  // namespace kvsp
