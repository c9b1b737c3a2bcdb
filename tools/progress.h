/*
 * progress.h - a passing line on standard error that tells how far the work
 * is: only on a terminal, only when it takes longer than half a second, and
 * gone at the end.  Knows the clock; knows nothing of the work.
 */
#ifndef KVSPARSE_TOOLS_PROGRESS_H
#define KVSPARSE_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
  bool enabled;
  bool shown;
  uint64_t total;   /* SOURCE_SIZE_UNKNOWN (UINT64_MAX): no percentage     */
  int64_t start_ns; /* of a clock that never goes back                     */
  int64_t last_ns;  /* when the line was last drawn                        */
};

/* total in bytes (source.size), UINT64_MAX when unknown. */
void progress_start(struct progress *progress, uint64_t total);
/* Cheap enough for each piece of input.  note is a few words more ("120
 * pictures"), or NULL. */
void progress_update(struct progress *progress, uint64_t done,
                     const char *note);
/* Erases the line. */
void progress_end(struct progress *progress);

#endif
