/*
 * allocator.h - an allocator for tests: counts what is held, fails on demand,
 * and ends the program when a size handed back is not the one asked for.
 * Knows nothing of what the memory is for.  For one thread at a time.
 */
#ifndef KVSPARSE_TESTS_ALLOCATOR_H
#define KVSPARSE_TESTS_ALLOCATOR_H

#include <kvsparse/common.h>

/*
 * Give &a.allocator to the library, after test_allocator_init; the struct
 * must stay where it is.  Fresh memory is full of 0xA5, what is given back is
 * overwritten, and resize always moves, so that nobody gets by on luck.
 */
struct test_allocator {
  kvsp_allocator allocator;
  size_t live_bytes;  /* held now                                            */
  size_t live_blocks; /* held now                                            */
  size_t peak_bytes;  /* the most of live_bytes; a block that is being moved
                         counts once, as its owner sees it                  */
  size_t largest;     /* the largest single size ever asked for              */
  size_t calls;       /* of alloc and resize, the failed ones too            */
  size_t releases;    /* of release                                          */
  size_t fail_at;     /* this call of alloc or resize fails, counted from 1;
                         0: none does.  May be changed at any time            */
  size_t failures;    /* how many failed                                     */
};

void test_allocator_init(struct test_allocator *a);
/* The call that comes after so many others fails: 0 is the very next. */
void test_allocator_fail_after(struct test_allocator *a, size_t others);

#endif
