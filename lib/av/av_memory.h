/*
 * av_memory.h - memory of the decode stage's own objects, by the caller's
 * allocator.  What libavcodec and libswscale allocate for themselves does not
 * pass through here.  malloc and free of this library appear in av_memory.c
 * only.
 */
#ifndef KVSP_AV_MEMORY_H
#define KVSP_AV_MEMORY_H

#include <kvsparse/common.h>

/* The caller's allocator, or malloc's where it is NULL or all NULL.
 * KVSP_ERR_ARG when it has some functions but not all. */
int kvsp_av_allocator_init(kvsp_allocator *out, const kvsp_allocator *from);

/* size zeroed bytes; NULL when there are none. */
void *kvsp_av_alloc(const kvsp_allocator *a, size_t size);
/* NULL is fine; size is the one that was asked for. */
void kvsp_av_release(const kvsp_allocator *a, void *ptr, size_t size);

/*
 * Room for at least count elements in *array, whose new elements are zeroed.
 * On failure, KVSP_ERR_NOMEM, the array is as it was.
 */
int kvsp_av_grow(const kvsp_allocator *a, void **array, size_t *capacity,
                 size_t count, size_t element_size);

#endif
