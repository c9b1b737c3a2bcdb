#include "selection.h"

#include <kvsparse/common.h>

static int is_due(const struct selection *s, int64_t pts_ns, int went_back) {
  if (s->interval_ns <= 0 || !s->taken_any || went_back) return 1;
  if (pts_ns == KVSP_TIME_NONE || s->taken_ns == KVSP_TIME_NONE) return 1;
  /* Not below taken_ns, so that the difference fits in 64 bits. */
  return (uint64_t)pts_ns - (uint64_t)s->taken_ns >= (uint64_t)s->interval_ns;
}

int kvsp_av_selection_wants(struct selection *s, int64_t pts_ns) {
  /* A producer that begins anew begins at 0 again. */
  int went_back = s->count > 0 && pts_ns < s->seen_ns;
  int counted = s->every <= 1 || s->count % s->every == 0;
  if (went_back) s->taken_any = 0;
  s->seen_ns = pts_ns;
  s->count++;
  if (!counted || !is_due(s, pts_ns, went_back)) return 0;
  s->taken_any = 1;
  s->taken_ns = pts_ns;
  return 1;
}
