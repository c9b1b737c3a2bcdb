/*
 * paced.h - a stream that arrives at its own rate, as from a camera, and how
 * long after the last byte of a frame its picture was there.  Knows which
 * bytes a frame ends at (from our reader) and when it is due (its time).
 */
#ifndef KVSPARSE_TESTS_BENCH_PACED_H
#define KVSPARSE_TESTS_BENCH_PACED_H

#include <stddef.h>
#include <stdint.h>

struct paced_frame {
  size_t end; /* offset behind its last byte                          */
  int64_t pts_ns;
  int64_t arrived; /* when its last byte was handed out                    */
  int64_t delay;   /* from then to its picture; -1: no picture yet         */
};

struct paced {
  uint8_t *data;
  size_t len, at;
  struct paced_frame *frames; /* in the order of the stream                */
  size_t count, next;         /* next: the one whose bytes come now        */
  int64_t start;
};

/* All of these end the program with a message when anything goes wrong. */
void paced_open(struct paced *p, const char *path);
/* Some of the bytes that have arrived, at least one of them: waits until there
 * are any.  Never reaches beyond the end of a frame.  0 at the end. */
size_t paced_read(struct paced *p, void *buffer, size_t len);
/* The picture of the frame with that time is there. */
void paced_shown(struct paced *p, int64_t pts_ns);
/* Prints "pictures N", "median_us N" and "most_us N" of all but the first,
 * whose decoder has to be set up. */
void paced_report(const struct paced *p);
void paced_close(struct paced *p);

#endif
