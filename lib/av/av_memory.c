#include "av_memory.h"

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

int kvsp_av_allocator_init(kvsp_allocator *out, const kvsp_allocator *from) {
  static const kvsp_allocator standard = {default_alloc, default_resize,
                                          default_release, NULL};
  if (!from || (!from->alloc && !from->resize && !from->release)) {
    *out = standard;
    return KVSP_OK;
  }
  if (!from->alloc || !from->resize || !from->release) return KVSP_ERR_ARG;
  *out = *from;
  return KVSP_OK;
}

void *kvsp_av_alloc(const kvsp_allocator *a, size_t size) {
  void *ptr = a->alloc(a->user, size);
  if (ptr) memset(ptr, 0, size);
  return ptr;
}

void kvsp_av_release(const kvsp_allocator *a, void *ptr, size_t size) {
  if (ptr) a->release(a->user, ptr, size);
}

int kvsp_av_grow(const kvsp_allocator *a, void **array, size_t *capacity,
                 size_t count, size_t element_size) {
  size_t wanted = *capacity ? *capacity : 8;
  size_t old_size = *capacity * element_size;
  void *grown;
  if (count <= *capacity) return KVSP_OK;
  while (wanted < count) {
    if (wanted > SIZE_MAX / 2) return KVSP_ERR_NOMEM;
    wanted *= 2;
  }
  if (wanted > SIZE_MAX / element_size) return KVSP_ERR_NOMEM;
  if (*array) {
    grown = a->resize(a->user, *array, old_size, wanted * element_size);
  } else {
    grown = a->alloc(a->user, wanted * element_size);
  }
  if (!grown) return KVSP_ERR_NOMEM;
  memset((uint8_t *)grown + old_size, 0, wanted * element_size - old_size);
  *array = grown;
  *capacity = wanted;
  return KVSP_OK;
}
