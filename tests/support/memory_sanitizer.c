/*
 * memory_sanitizer.c - for builds with --enable-sanitizers=memory, where the
 * linker puts these in the place of libcheck's own: libcheck is not
 * instrumented, so that what it writes into its memory counts as unset.
 */
#include <stdlib.h>

void *__wrap_emalloc(size_t size);
void *__wrap_erealloc(void *ptr, size_t size);
void *__real_erealloc(void *ptr, size_t size);

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>

void *__wrap_emalloc(size_t size) {
  void *ptr = calloc(1, size);
  if (ptr == NULL) abort();
  return ptr;
}

void *__wrap_erealloc(void *ptr, size_t size) {
  void *moved = __real_erealloc(ptr, size);
  __msan_unpoison(moved, size);
  return moved;
}
#endif
#endif
