/*
 * buffer.h - reference-counted bytes (kvsp_buf), in two kinds: storage, which
 * has room of its own, and slices, which keep a storage alive and show a part
 * of it.  Knows nothing of streams.
 */
#ifndef KVSP_CORE_BUFFER_H
#define KVSP_CORE_BUFFER_H

#include "memory.h"

/* Storage of capacity bytes and KVSP_PADDING more, charged to m until
 * storage_release. */
int kvsp_storage_new(struct memory *m, size_t capacity, kvsp_buf **out);
/* Another capacity, the content kept; only while storage_is_shared is 0. */
int kvsp_storage_resize(struct memory *m, kvsp_buf **storage, size_t capacity);
/* One owner less; m no longer counts it.  NULL is fine. */
void kvsp_storage_release(struct memory *m, kvsp_buf *storage);
uint8_t *kvsp_storage_bytes(kvsp_buf *storage);
size_t kvsp_storage_capacity(const kvsp_buf *storage);
/* 1 when somebody else holds it too: its bytes must stay as they are. */
int kvsp_storage_is_shared(const kvsp_buf *storage);

/* A buffer that shows len bytes at data, which lie in storage, and keeps it
 * alive. */
int kvsp_slice_new(kvsp_buf *storage, const uint8_t *data, size_t len,
                   kvsp_buf **out);

#endif
