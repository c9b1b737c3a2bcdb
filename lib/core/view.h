/*
 * view.h - borrowed bytes (kvsp_view) compared.  Knows nothing of what they
 * mean.
 */
#ifndef KVSP_CORE_VIEW_H
#define KVSP_CORE_VIEW_H

#include <kvsparse/common.h>
#include <stdbool.h>
#include <string.h>

static inline bool view_equal(kvsp_view a, kvsp_view b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
