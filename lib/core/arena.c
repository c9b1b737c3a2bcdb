#include "arena.h"

#include <string.h>

/* Head tags, two tracks and their codec private data fit in one. */
#define CHUNK_SIZE 2048u

struct arena_chunk {
  struct arena_chunk *next;
  size_t size; /* of bytes */
  size_t used;
  _Alignas(max_align_t) uint8_t bytes[];
};

void kvsp_arena_init(struct arena *a, struct memory *memory) {
  a->memory = memory;
  a->chunks = NULL;
}

static size_t aligned(size_t size) {
  return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

static int add_chunk(struct arena *a, size_t size) {
  void *made = NULL;
  struct arena_chunk *chunk;
  int rc;
  if (size < CHUNK_SIZE) size = CHUNK_SIZE;
  rc = kvsp_memory_alloc(a->memory, sizeof *chunk + size, &made);
  if (rc != KVSP_OK) return rc;
  chunk = made;
  chunk->next = a->chunks;
  chunk->size = size;
  chunk->used = 0;
  a->chunks = chunk;
  return KVSP_OK;
}

/* What is there may be anything. */
static inline int take(struct arena *a, size_t size, void **out) {
  struct arena_chunk *chunk = a->chunks;
  if (size > SIZE_MAX / 2) return KVSP_ERR_LIMIT_MEMORY;
  size = aligned(size ? size : 1);
  if (!chunk || chunk->size - chunk->used < size) {
    int rc = add_chunk(a, size);
    if (rc != KVSP_OK) return rc;
    chunk = a->chunks;
  }
  *out = chunk->bytes + chunk->used;
  chunk->used += size;
  return KVSP_OK;
}

int kvsp_arena_alloc(struct arena *a, size_t size, void **out) {
  int rc = take(a, size, out);
  if (rc == KVSP_OK) memset(*out, 0, size);
  return rc;
}

int kvsp_arena_copy(struct arena *a, kvsp_view v, kvsp_view *out) {
  void *copy = NULL;
  int rc = take(a, v.len, &copy);
  if (rc != KVSP_OK) return rc;
  if (v.len) memcpy(copy, v.data, v.len);
  out->data = copy;
  out->len = v.len;
  return KVSP_OK;
}

static void release_until(struct arena *a, struct arena_chunk *last) {
  while (a->chunks != last) {
    struct arena_chunk *chunk = a->chunks;
    a->chunks = chunk->next;
    kvsp_memory_release(a->memory, chunk, sizeof *chunk + chunk->size);
  }
}

void kvsp_arena_reset(struct arena *a) {
  struct arena_chunk *first = a->chunks;
  if (!first) return;
  while (first->next) first = first->next;
  if (first->size > CHUNK_SIZE) first = NULL;
  release_until(a, first);
  if (first) first->used = 0;
}

void kvsp_arena_clear(struct arena *a) {
  release_until(a, NULL);
}
