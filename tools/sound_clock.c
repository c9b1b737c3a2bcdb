#include "sound_clock.h"

#include <kvsparse/common.h>

#define NS_PER_SECOND UINT64_C(1000000000)
/* Timestamps that go back by more than that began anew. */
#define BACK_NS (-(int64_t)NS_PER_SECOND)

/* Rounded; up to the largest duration there is, at a rate of 1 MHz. */
static uint64_t frames_in(const struct sound_clock *clock, uint64_t ns) {
  return ns / NS_PER_SECOND * clock->rate +
         (ns % NS_PER_SECOND * clock->rate + NS_PER_SECOND / 2) / NS_PER_SECOND;
}

static uint64_t ns_of(const struct sound_clock *clock, uint64_t frames) {
  if (frames / clock->rate > INT64_MAX / NS_PER_SECOND - 1) return INT64_MAX;
  return frames / clock->rate * NS_PER_SECOND +
         frames % clock->rate * NS_PER_SECOND / clock->rate;
}

/* later - earlier, at the ends of what can be told. */
static int64_t difference(int64_t later, int64_t earlier) {
  if (earlier < 0 && later > INT64_MAX + earlier) return INT64_MAX;
  if (earlier > 0 && later < INT64_MIN + earlier) return INT64_MIN;
  return later - earlier;
}

void sound_clock_start(struct sound_clock *clock, int64_t pts_ns) {
  clock->started = true;
  clock->base_ns = pts_ns;
  clock->base = clock->position;
}

/* Where a track begins is taken as it is told. */
static int64_t tolerance(const struct sound_clock *clock) {
  return clock->position == 0 ? 0 : clock->tolerance_ns;
}

/* How much later than what is there, in nanoseconds. */
static int64_t lateness(const struct sound_clock *clock, int64_t pts_ns) {
  int64_t since = difference(pts_ns, clock->base_ns);
  uint64_t there = ns_of(clock, clock->position - clock->base);
  return difference(since, (int64_t)there);
}

static uint64_t allow(struct sound_clock *clock, int64_t gap_ns,
                      const struct sound_time *time) {
  if (gap_ns <= clock->max_silence_ns) return 0;
  clock->too_long++;
  sound_clock_start(clock, time->pts_ns);
  return 1;
}

/* Only the producer's clock may know how long the pause was. */
static uint64_t gap_of_restart(struct sound_clock *clock,
                               const struct sound_time *time) {
  int64_t gap_ns = 0;
  uint64_t frames;
  if (time->producer_ns != KVSP_TIME_NONE &&
      clock->producer_end_ns != KVSP_TIME_NONE)
    gap_ns = difference(time->producer_ns, clock->producer_end_ns);
  sound_clock_start(clock, time->pts_ns);
  if (gap_ns <= clock->tolerance_ns || allow(clock, gap_ns, time)) return 0;
  frames = frames_in(clock, (uint64_t)gap_ns);
  clock->base += frames;
  return frames;
}

uint64_t sound_clock_gap(struct sound_clock *clock,
                         const struct sound_time *time) {
  int64_t late_ns;
  uint64_t expected;
  if (time->pts_ns == KVSP_TIME_NONE) return 0;
  if (!clock->started) sound_clock_start(clock, time->pts_ns);
  if (time->restart) return gap_of_restart(clock, time);
  late_ns = lateness(clock, time->pts_ns);
  if (late_ns < BACK_NS) return gap_of_restart(clock, time);
  if (late_ns <= tolerance(clock) || allow(clock, late_ns, time)) return 0;
  expected = clock->base + frames_in(clock, (uint64_t)difference(
                                                time->pts_ns, clock->base_ns));
  return expected > clock->position ? expected - clock->position : 0;
}

void sound_clock_advance(struct sound_clock *clock, uint64_t frames,
                         const struct sound_time *time) {
  clock->position += frames;
  if (!time) return;
  if (time->producer_ns == KVSP_TIME_NONE) {
    clock->producer_end_ns = KVSP_TIME_NONE;
    return;
  }
  clock->producer_end_ns = time->producer_ns;
  if (clock->producer_end_ns < INT64_MAX / 2)
    clock->producer_end_ns +=
        (int64_t)(ns_of(clock, frames) % ((uint64_t)INT64_MAX / 2));
}
