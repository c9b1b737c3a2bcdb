/*
 * sound_clock.h - where a piece of sound belongs, by its timestamps: how much
 * silence goes before it.  Pure arithmetic over sample frames (one sample of
 * each channel); knows no bytes and no files.
 *
 * Timestamps are rounded, and clocks of devices are not exact: a piece that
 * comes no later than the tolerance simply follows the one before.  One that
 * comes too early does so as well; nothing is ever thrown away.
 */
#ifndef KVSPARSE_TOOLS_SOUND_CLOCK_H
#define KVSPARSE_TOOLS_SOUND_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Zero it, then set the first three. */
struct sound_clock {
  uint32_t rate; /* Hz, at least 1                                */
  int64_t tolerance_ns;
  int64_t max_silence_ns; /* longer gaps are not filled                    */
  bool started;
  int64_t base_ns;         /* the timestamp that belongs to ...             */
  uint64_t base;           /* ... this sample frame                         */
  uint64_t position;       /* sample frames so far, silence too             */
  int64_t producer_end_ns; /* by the producer's clock; KVSP_TIME_NONE      */
  uint64_t too_long;       /* gaps that were not filled                     */
};

/* When that piece belongs: of its first sample, KVSP_TIME_NONE where unknown.*/
struct sound_time {
  int64_t pts_ns;
  int64_t producer_ns;
  bool restart; /* timestamps began anew: only the producer's clock counts */
};

/* Sample frame 0 is at that time. */
void sound_clock_start(struct sound_clock *clock, int64_t pts_ns);
/* Sample frames of silence before a piece, 0 or more; call
 * sound_clock_advance() for them and for the piece. */
uint64_t sound_clock_gap(struct sound_clock *clock,
                         const struct sound_time *time);
/* So many sample frames were put there: a piece, or silence (time NULL). */
void sound_clock_advance(struct sound_clock *clock, uint64_t frames,
                         const struct sound_time *time);

#endif
