/*
 * judge.h - reads a damaged stream and says whether the reader kept its
 * promises: no intact frame lost, no wrong one unmarked, the same items
 * however the bytes are cut, work and memory bounded.
 */
#ifndef KVSPARSE_TESTS_JUDGE_H
#define KVSPARSE_TESTS_JUDGE_H

#include "support/intact.h"

/* Zero it; judge_report says what came of the cases, judge_free frees. */
struct judge {
  const struct sound *sound;
  /* What happened so far. */
  size_t cases;
  size_t lost;   /* intact frames that did not come out right             */
  size_t lossy;  /* cases with such frames                                 */
  size_t wrong;  /* wrong ones in fragments that are not marked           */
  size_t twice;  /* frames that came twice                                 */
  size_t other;  /* all other broken promises                             */
  size_t exempt; /* wrong ones that nobody could mark                     */
  double most_examined; /* bytes examined per byte fed                     */
  char hardest[80]; /* the case in which they were                         */
  double most_copied;
  struct outcome *outcome; /* the judge's own                              */
};

/* Reads the damaged stream whole and in pieces of so many bytes (0: not), and
 * judges it.  tight: with limits that are hardly above what the stream
 * needs. */
void judge_damage(struct judge *j, const struct damage *d, size_t piece,
                  bool tight);
/* Prints a line about the cases so far; whether all was well, but for intact
 * frames lost in up to so many of a thousand cases. */
bool judge_report(const struct judge *j, const char *what,
                  size_t lossy_per_1000);
void judge_free(struct judge *j);

#endif
