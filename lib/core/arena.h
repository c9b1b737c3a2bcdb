/*
 * arena.h - memory for what lives as long as one fragment: strings, tags,
 * tracks.  Taken piece by piece, given back all at once.
 */
#ifndef KVSP_CORE_ARENA_H
#define KVSP_CORE_ARENA_H

#include "memory.h"

struct arena_chunk;

struct arena {
  struct memory *memory;
  struct arena_chunk *chunks; /* the one in use first */
};

void kvsp_arena_init(struct arena *a, struct memory *memory);
/* Zeroed and aligned for any type.  KVSP_OK, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM; *out is set on KVSP_OK only. */
int kvsp_arena_alloc(struct arena *a, size_t size, void **out);
/* A copy of the bytes.  A copy's data is never NULL, also when it is empty. */
int kvsp_arena_copy(struct arena *a, kvsp_view v, kvsp_view *out);
/* Everything taken is void; some memory is kept for the next fragment. */
void kvsp_arena_reset(struct arena *a);
/* Gives back all memory. */
void kvsp_arena_clear(struct arena *a);

#endif
