#include "memory.h"

#include <stdlib.h>

static void *malloc_alloc(void *user, size_t size) {
  (void)user;
  return malloc(size);
}

static void *malloc_resize(void *user, void *ptr, size_t old_size,
                           size_t new_size) {
  (void)user;
  (void)old_size;
  return realloc(ptr, new_size);
}

static void malloc_release(void *user, void *ptr, size_t size) {
  (void)user;
  (void)size;
  free(ptr);
}

int kvsp_allocator_init(kvsp_allocator *out, const kvsp_allocator *from) {
  static const kvsp_allocator standard = {malloc_alloc, malloc_resize,
                                          malloc_release, NULL};
  int set;
  *out = standard;
  if (!from) return KVSP_OK;
  set =
      (from->alloc != NULL) + (from->resize != NULL) + (from->release != NULL);
  if (set == 0) return KVSP_OK;
  if (set != 3) return KVSP_ERR_ARG;
  *out = *from;
  return KVSP_OK;
}

static int charge(struct memory *m, size_t size) {
  if (size > m->max || m->used > m->max - size) return KVSP_ERR_LIMIT_MEMORY;
  m->used += size;
  return KVSP_OK;
}

static void note_peak(struct memory *m) {
  if (m->used > m->peak) m->peak = m->used;
}

int kvsp_memory_alloc(struct memory *m, size_t size, void **out) {
  void *ptr;
  int rc = charge(m, size);
  if (rc != KVSP_OK) return rc;
  ptr = m->allocator.alloc(m->allocator.user, size);
  if (!ptr) {
    m->used -= size;
    return KVSP_ERR_NOMEM;
  }
  note_peak(m);
  *out = ptr;
  return KVSP_OK;
}

int kvsp_memory_resize(struct memory *m, void **ptr, size_t old_size,
                       size_t new_size) {
  void *moved;
  int rc;
  if (!*ptr) return kvsp_memory_alloc(m, new_size, ptr);
  rc = new_size > old_size ? charge(m, new_size - old_size) : KVSP_OK;
  if (rc != KVSP_OK) return rc;
  moved = m->allocator.resize(m->allocator.user, *ptr, old_size, new_size);
  if (!moved) {
    if (new_size > old_size) m->used -= new_size - old_size;
    return KVSP_ERR_NOMEM;
  }
  if (new_size < old_size) m->used -= old_size - new_size;
  note_peak(m);
  *ptr = moved;
  return KVSP_OK;
}

void kvsp_memory_release(struct memory *m, void *ptr, size_t size) {
  if (!ptr) return;
  m->allocator.release(m->allocator.user, ptr, size);
  m->used -= size;
}

void kvsp_memory_disown(struct memory *m, size_t size) {
  m->used -= size;
}

int kvsp_memory_grow(struct memory *m, void **array, size_t *capacity,
                     size_t count, size_t element_size) {
  size_t wanted = *capacity ? *capacity + *capacity / 2 : 8;
  int rc;
  if (count < *capacity) return KVSP_OK;
  if (wanted > SIZE_MAX / element_size) return KVSP_ERR_LIMIT_MEMORY;
  rc = kvsp_memory_resize(m, array, *capacity * element_size,
                          wanted * element_size);
  if (rc == KVSP_OK) *capacity = wanted;
  return rc;
}

int kvsp_limits_init(kvsp_limits *out, const kvsp_limits *from) {
  static const kvsp_limits none = {sizeof none, 0, 0, 0, 0, 0, 0, 0};
  if (from && from->struct_size != sizeof *from) return KVSP_ERR_ARG;
  *out = from ? *from : none;
  if (!out->max_depth) out->max_depth = 16;
  if (!out->max_tracks) out->max_tracks = 64;
  if (!out->max_tags) out->max_tags = 256;
  if (!out->max_value) out->max_value = UINT64_C(1) << 20;
  if (!out->max_frame) out->max_frame = UINT64_C(64) << 20;
  if (!out->max_memory) out->max_memory = UINT64_C(256) << 20;
  /* What is smaller fits a size_t, where that has 32 bits too. */
  if (out->max_value > SIZE_MAX / 4) out->max_value = SIZE_MAX / 4;
  if (out->max_frame > SIZE_MAX / 4) out->max_frame = SIZE_MAX / 4;
  return KVSP_OK;
}
