/*
 * fuzz_check.h - what every fuzz target must have: its entry point, and a way
 * to say which promise was broken.  Knows nothing of what is promised.
 */
#ifndef KVSPARSE_TESTS_FUZZ_CHECK_H
#define KVSPARSE_TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What libFuzzer, AFL++ and replay_main.c call; each target has its own.
 * Always returns 0: a broken promise does not come back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, which is how a fuzzer sees that it has found something. */
#define FUZZ_CHECK(promise, what)                                             \
  do {                                                                        \
    if (!(promise)) {                                                         \
      fprintf(stderr, "%s:%d: broken promise: %s (%s)\n", __FILE__, __LINE__, \
              (what), #promise);                                              \
      abort();                                                                \
    }                                                                         \
  } while (0)

/* The same with two numbers that tell more. */
#define FUZZ_CHECK_2(promise, what, a, b)                                    \
  do {                                                                       \
    if (!(promise)) {                                                        \
      fprintf(stderr, "%s:%d: broken promise: %s (%s): %llu, %llu\n",        \
              __FILE__, __LINE__, (what), #promise, (unsigned long long)(a), \
              (unsigned long long)(b));                                      \
      abort();                                                               \
    }                                                                        \
  } while (0)

#endif
