#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "text.h"

/* Quick work shows nothing; then ten times a second is enough for an eye. */
#define SHOW_AFTER_NS INT64_C(500000000)
#define REDRAW_NS INT64_C(100000000)

static int64_t now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void progress_start(struct progress *progress, uint64_t total) {
  memset(progress, 0, sizeof *progress);
  progress->total = total;
  progress->enabled = isatty(STDERR_FILENO) == 1;
  if (progress->enabled) progress->start_ns = now_ns();
}

static unsigned percent(uint64_t done, uint64_t total) {
  if (done >= total) return 100;
  return (unsigned)((double)done * 100.0 / (double)total);
}

static void draw(const struct progress *progress, uint64_t done,
                 const char *note) {
  char line[128];
  char bytes[TEXT_SIZE];
  char share[16] = "";
  if (progress->total != UINT64_MAX)
    snprintf(share, sizeof share, " (%u %%)", percent(done, progress->total));
  snprintf(line, sizeof line, "%s%s%s%.80s", text_bytes(bytes, done), share,
           note != NULL ? ", " : "", note != NULL ? note : "");
  message_passing(line);
}

void progress_update(struct progress *progress, uint64_t done,
                     const char *note) {
  int64_t now;
  if (!progress->enabled) return;
  now = now_ns();
  if (now - progress->start_ns < SHOW_AFTER_NS) return;
  if (progress->shown && now - progress->last_ns < REDRAW_NS) return;
  progress->shown = true;
  progress->last_ns = now;
  draw(progress, done, note);
}

void progress_end(struct progress *progress) {
  if (progress->shown) message_passing(NULL);
  progress->shown = false;
}
