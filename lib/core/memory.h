/*
 * memory.h - all memory of one object: the caller's allocator, what is held,
 * and the limit on it.  Knows sizes, not what they are for.  malloc and free
 * appear in memory.c only.
 */
#ifndef KVSP_CORE_MEMORY_H
#define KVSP_CORE_MEMORY_H

#include <kvsparse/common.h>

struct memory {
  kvsp_allocator allocator;
  uint64_t used;
  uint64_t peak;
  uint64_t max;
};

/* The caller's allocator, or malloc's where it is NULL or all NULL.
 * KVSP_ERR_ARG when it has some functions but not all. */
int kvsp_allocator_init(kvsp_allocator *out, const kvsp_allocator *from);

/* KVSP_OK, KVSP_ERR_LIMIT_MEMORY or KVSP_ERR_NOMEM; *out is set on KVSP_OK
 * only, so that a failed call can be repeated. */
int kvsp_memory_alloc(struct memory *m, size_t size, void **out);
int kvsp_memory_resize(struct memory *m, void **ptr, size_t old_size,
                       size_t new_size);
void kvsp_memory_release(struct memory *m, void *ptr, size_t size);

/* Room for one element more in an array of count elements.  Grows by half
 * again and more, from a capacity of 8. */
int kvsp_memory_grow(struct memory *m, void **array, size_t *capacity,
                     size_t count, size_t element_size);

/* Takes size bytes out of (into) the count: they change their owner. */
void kvsp_memory_disown(struct memory *m, size_t size);

/* The caller's limits with defaults for zeros.  KVSP_ERR_ARG for a
 * struct_size that is none of ours. */
int kvsp_limits_init(kvsp_limits *out, const kvsp_limits *from);

#endif
