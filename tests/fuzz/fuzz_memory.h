/*
 * fuzz_memory.h - the allocator of the targets: support/allocator.h's, which
 * counts and fails on demand, with the limit that the object under test was
 * given: holding more is a broken promise.  Knows no object.
 */
#ifndef KVSPARSE_TESTS_FUZZ_MEMORY_H
#define KVSPARSE_TESTS_FUZZ_MEMORY_H

#include "support/allocator.h"

struct fuzz_memory {
  kvsp_allocator allocator; /* give this to the library                    */
  struct test_allocator inner;
  uint64_t limit; /* kvsp_limits.max_memory; UINT64_MAX: none counts       */
};

/* The struct must stay where it is. */
void fuzz_memory_init(struct fuzz_memory *m);
/* Nothing may be held any more. */
void fuzz_memory_check_empty(const struct fuzz_memory *m);

#endif
