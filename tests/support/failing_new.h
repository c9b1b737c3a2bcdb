/*
 * failing_new.h - C++'s own memory under control: link failing_new.cc, and
 * each operator new of the program, those of libebml and libmatroska as well,
 * counts and fails on demand, as allocator.h's functions do for ours.  Knows
 * nothing of what the memory is for.  For one thread at a time.
 */
#ifndef KVSPARSE_TESTS_FAILING_NEW_H
#define KVSPARSE_TESTS_FAILING_NEW_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct failing_new {
  size_t calls;    /* of operator new, the failed ones too                  */
  size_t fail_at;  /* this call throws std::bad_alloc; 0: none does         */
  size_t failures; /* how many failed                                       */
  size_t live_blocks;
  size_t live_bytes; /* as large as malloc made them                        */
  size_t peak_bytes;
};

/* To be read. */
extern struct failing_new failing_new;

/* libebml forgets the element that it has just made, with all that must be in
 * it, when there is no memory for its place in the list: one failure loses a
 * few blocks. */
#define FAILING_NEW_LOST_MOST 64u

/* From here on, the call that comes after so many others fails, and what is
 * lost by that is no leak to a sanitizer ... */
void failing_new_arm(size_t others);
/* ... until here.  Whether one failed. */
int failing_new_disarm(void);

#ifdef __cplusplus
}
#endif
#endif
