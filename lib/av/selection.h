/*
 * selection.h - which of a track's frames, or pictures, are wanted: every
 * Nth, one per so many nanoseconds.  Knows times and counts only.
 */
#ifndef KVSP_AV_SELECTION_H
#define KVSP_AV_SELECTION_H

#include <stdint.h>

struct selection {
  uint64_t every;      /* 0 and 1: all                                     */
  int64_t interval_ns; /* 0: all                                           */
  uint64_t count;      /* asked about so far                               */
  int taken_any;
  int64_t taken_ns; /* the last one that was wanted                        */
  int64_t seen_ns;  /* the last one at all                                 */
};

/* 1 when the next one, of that time or KVSP_TIME_NONE, is wanted. */
int kvsp_av_selection_wants(struct selection *s, int64_t pts_ns);

#endif
