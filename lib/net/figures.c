#include "figures.h"

#include <stdlib.h>
#include <string.h>

void kvsp_figures_add(struct figures *f, int64_t value) {
  f->values[f->count++ % FIGURES_KEPT] = value;
}

static int compare(const void *a, const void *b) {
  int64_t x;
  int64_t y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

kvsp_spread kvsp_figures_spread(const struct figures *f) {
  kvsp_spread spread = {KVSP_TIME_NONE, KVSP_TIME_NONE, KVSP_TIME_NONE};
  int64_t sorted[FIGURES_KEPT];
  size_t n = f->count < FIGURES_KEPT ? f->count : FIGURES_KEPT;
  if (n == 0) return spread;
  memcpy(sorted, f->values, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, compare);
  spread.min = sorted[0];
  spread.median = sorted[n / 2];
  spread.max = sorted[n - 1];
  return spread;
}
