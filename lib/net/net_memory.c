#include "net_memory.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, size_t size) {
  (void)user;
  return malloc(size);
}

static void *default_resize(void *user, void *ptr, size_t old_size,
                            size_t new_size) {
  (void)user;
  (void)old_size;
  return realloc(ptr, new_size);
}

static void default_release(void *user, void *ptr, size_t size) {
  (void)user;
  (void)size;
  free(ptr);
}

int kvsp_net_allocator_init(kvsp_allocator *out, const kvsp_allocator *from) {
  static const kvsp_allocator standard = {default_alloc, default_resize,
                                          default_release, NULL};
  *out = standard;
  if (!from || (!from->alloc && !from->resize && !from->release))
    return KVSP_OK;
  if (!from->alloc || !from->resize || !from->release) return KVSP_ERR_ARG;
  *out = *from;
  return KVSP_OK;
}

void *kvsp_net_alloc(const kvsp_allocator *a, size_t size) {
  void *ptr = a->alloc(a->user, size);
  if (ptr) memset(ptr, 0, size);
  return ptr;
}

void kvsp_net_release(const kvsp_allocator *a, void *ptr, size_t size) {
  if (ptr) a->release(a->user, ptr, size);
}

void kvsp_net_wipe(void *ptr, size_t size) {
  /* A compiler cannot know what is called through it. */
  static void *(*const volatile fill)(void *, int, size_t) = memset;
  if (ptr && size > 0) fill(ptr, 0, size);
}

char *kvsp_net_strdup(const kvsp_allocator *a, const char *text) {
  size_t size;
  char *copy;
  if (!text) return NULL;
  size = strlen(text) + 1;
  copy = kvsp_net_alloc(a, size);
  if (copy) memcpy(copy, text, size);
  return copy;
}

void kvsp_net_strfree(const kvsp_allocator *a, char *text) {
  size_t size;
  if (!text) return;
  size = strlen(text) + 1;
  kvsp_net_wipe(text, size);
  kvsp_net_release(a, text, size);
}
