/*
 * figures.h - the least, the middle and the most of the last numbers.  Knows
 * nothing of what they are.
 */
#ifndef KVSP_NET_FIGURES_H
#define KVSP_NET_FIGURES_H

#include <kvsparse/media.h>

#define FIGURES_KEPT 1024

struct figures {
  int64_t values[FIGURES_KEPT];
  size_t count; /* all that ever came                                      */
};

void kvsp_figures_add(struct figures *f, int64_t value);
kvsp_spread kvsp_figures_spread(const struct figures *f);

#endif
