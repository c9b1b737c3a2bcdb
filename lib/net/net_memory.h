/*
 * net_memory.h - memory of the network stage's own objects, by the caller's
 * allocator, and memory that held a secret: it is overwritten before it is
 * given back.  What libcurl allocates for itself does not pass through here.
 * malloc and free of this library appear in net_memory.c only.
 */
#ifndef KVSP_NET_MEMORY_H
#define KVSP_NET_MEMORY_H

#include <kvsparse/common.h>

/* The caller's allocator, or malloc's where it is NULL or all NULL.
 * KVSP_ERR_ARG when it has some functions but not all. */
int kvsp_net_allocator_init(kvsp_allocator *out, const kvsp_allocator *from);

/* size zeroed bytes; NULL when there are none. */
void *kvsp_net_alloc(const kvsp_allocator *a, size_t size);
/* NULL is fine; size is the one that was asked for. */
void kvsp_net_release(const kvsp_allocator *a, void *ptr, size_t size);

/* Overwrites it with zeros, which no compiler leaves out. */
void kvsp_net_wipe(void *ptr, size_t size);

/* A copy with a NUL behind it; NULL when there is no memory.  NULL gives NULL:
 * ask first whether there is something to copy. */
char *kvsp_net_strdup(const kvsp_allocator *a, const char *text);
/* Wipes and releases what kvsp_net_strdup gave.  NULL is fine. */
void kvsp_net_strfree(const kvsp_allocator *a, char *text);

#endif
