#include "buffer.h"

#include <stdatomic.h>
#include <string.h>

struct kvsp_buf {
  atomic_size_t references;
  kvsp_allocator allocator;
  kvsp_buf *storage; /* of a slice; NULL in a storage */
  const uint8_t *data;
  size_t len;
  size_t capacity; /* of bytes, without padding; 0 in a slice */
  uint8_t bytes[];
};

static size_t size_for(size_t capacity) {
  return sizeof(kvsp_buf) + capacity + KVSP_PADDING;
}

static int too_large(size_t capacity) {
  return capacity > SIZE_MAX - sizeof(kvsp_buf) - KVSP_PADDING;
}

static size_t size_of(const kvsp_buf *b) {
  return b->storage ? sizeof *b : size_for(b->capacity);
}

static void init(kvsp_buf *b, const kvsp_allocator *allocator) {
  atomic_init(&b->references, 1);
  b->allocator = *allocator;
  b->storage = NULL;
  b->data = NULL;
  b->len = 0;
  b->capacity = 0;
}

int kvsp_storage_new(struct memory *m, size_t capacity, kvsp_buf **out) {
  void *made = NULL;
  int rc;
  if (too_large(capacity)) return KVSP_ERR_LIMIT_MEMORY;
  rc = kvsp_memory_alloc(m, size_for(capacity), &made);
  if (rc != KVSP_OK) return rc;
  *out = made;
  init(*out, &m->allocator);
  (*out)->data = (*out)->bytes;
  (*out)->capacity = capacity;
  return KVSP_OK;
}

int kvsp_storage_resize(struct memory *m, kvsp_buf **storage, size_t capacity) {
  void *moved = *storage;
  int rc;
  if (too_large(capacity)) return KVSP_ERR_LIMIT_MEMORY;
  rc = kvsp_memory_resize(m, &moved, size_of(*storage), size_for(capacity));
  if (rc != KVSP_OK) return rc;
  *storage = moved;
  (*storage)->data = (*storage)->bytes;
  (*storage)->capacity = capacity;
  return KVSP_OK;
}

void kvsp_storage_release(struct memory *m, kvsp_buf *storage) {
  if (!storage) return;
  kvsp_memory_disown(m, size_of(storage));
  kvsp_buf_unref(storage);
}

uint8_t *kvsp_storage_bytes(kvsp_buf *storage) {
  return storage->bytes;
}

size_t kvsp_storage_capacity(const kvsp_buf *storage) {
  return storage->capacity;
}

int kvsp_storage_is_shared(const kvsp_buf *storage) {
  return atomic_load_explicit(&storage->references, memory_order_acquire) > 1;
}

int kvsp_slice_new(kvsp_buf *storage, const uint8_t *data, size_t len,
                   kvsp_buf **out) {
  const kvsp_allocator *allocator = &storage->allocator;
  kvsp_buf *slice = allocator->alloc(allocator->user, sizeof *slice);
  if (!slice) return KVSP_ERR_NOMEM;
  init(slice, allocator);
  slice->storage = kvsp_buf_ref(storage);
  slice->data = data;
  slice->len = len;
  *out = slice;
  return KVSP_OK;
}

int kvsp_buf_copy(kvsp_buf **out, kvsp_view v,
                  const kvsp_allocator *allocator) {
  struct memory m = {.max = UINT64_MAX};
  kvsp_buf *b = NULL;
  int rc;
  if (!out || (!v.data && v.len)) return KVSP_ERR_ARG;
  *out = NULL;
  rc = kvsp_allocator_init(&m.allocator, allocator);
  if (rc != KVSP_OK) return rc;
  rc = kvsp_storage_new(&m, v.len, &b);
  if (rc != KVSP_OK) return KVSP_ERR_NOMEM;
  if (v.len) memcpy(b->bytes, v.data, v.len);
  memset(b->bytes + v.len, 0, KVSP_PADDING);
  b->len = v.len;
  *out = b;
  return KVSP_OK;
}

kvsp_buf *kvsp_buf_ref(kvsp_buf *b) {
  if (b) atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
  return b;
}

void kvsp_buf_unref(kvsp_buf *b) {
  while (b && atomic_fetch_sub_explicit(&b->references, 1,
                                        memory_order_acq_rel) == 1) {
    kvsp_buf *storage = b->storage;
    kvsp_allocator allocator = b->allocator;
    allocator.release(allocator.user, b, size_of(b));
    b = storage; /* a slice gives up its part of the storage too */
  }
}

kvsp_view kvsp_buf_view(const kvsp_buf *b) {
  kvsp_view none = {NULL, 0};
  kvsp_view view;
  if (!b) return none;
  view.data = b->data;
  view.len = b->len;
  return view;
}
