#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "compression.h"

#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

void kvsp_scratch_init(struct scratch *s, struct memory *memory) {
  s->memory = memory;
  s->bytes = NULL;
  s->capacity = 0;
}

void kvsp_scratch_clear(struct scratch *s) {
  kvsp_memory_release(s->memory, s->bytes, s->capacity);
  kvsp_scratch_init(s, s->memory);
}

static int ensure(struct scratch *s, size_t capacity) {
  int rc;
  if (capacity <= s->capacity) return KVSP_OK;
  rc = kvsp_memory_resize(s->memory, &s->bytes, s->capacity, capacity);
  if (rc == KVSP_OK) s->capacity = capacity;
  return rc;
}

int kvsp_restore_header(struct scratch *s, kvsp_view header, kvsp_view v,
                        kvsp_view *out) {
  int rc;
  if (header.len > SIZE_MAX - v.len) return KVSP_ERR_LIMIT_MEMORY;
  rc = ensure(s, header.len + v.len);
  if (rc != KVSP_OK) return rc;
  if (header.len) memcpy(s->bytes, header.data, header.len);
  if (v.len) memcpy((uint8_t *)s->bytes + header.len, v.data, v.len);
  out->data = s->bytes;
  out->len = header.len + v.len;
  return KVSP_OK;
}

#ifdef HAVE_ZLIB

/* zlib's memory is ours too.  It does not pass on why there is none. */
struct zlib_memory {
  struct memory *memory;
  int status;
};

/* Its blocks are released without their size, so each carries it in front. */
union block_head {
  size_t size;
  max_align_t aligned;
};

static void *zlib_alloc(void *user, unsigned items, unsigned size) {
  struct zlib_memory *m = user;
  union block_head *head;
  void *made = NULL;
  size_t total;
  if (size && items > (SIZE_MAX - sizeof *head) / size) return NULL;
  total = sizeof *head + (size_t)items * size;
  m->status = kvsp_memory_alloc(m->memory, total, &made);
  if (m->status != KVSP_OK) return NULL;
  head = made;
  head->size = total;
  return head + 1;
}

static void zlib_release(void *user, void *ptr) {
  struct zlib_memory *m = user;
  union block_head *head = ptr;
  if (head) kvsp_memory_release(m->memory, head - 1, head[-1].size);
}

static int grow(struct scratch *s, size_t used, uint64_t max) {
  size_t capacity = used < 512 ? 1024 : used * 2;
  if (used > max) return KVSP_ERR_LIMIT_FRAME;
  if (capacity > max) capacity = (size_t)max + 1; /* to see that it ends */
  return ensure(s, capacity);
}

/* Inflates until the end of the zlib data, in steps of what fits. */
static int run(struct scratch *s, z_stream *z, uint64_t max, size_t *used) {
  for (;;) {
    size_t room;
    int rc, status;
    if (*used == s->capacity) {
      rc = grow(s, *used, max);
      if (rc != KVSP_OK) return rc;
    }
    room = s->capacity - *used;
    if (room > UINT32_MAX / 2) room = UINT32_MAX / 2;
    z->next_out = (uint8_t *)s->bytes + *used;
    z->avail_out = (unsigned)room;
    status = inflate(z, Z_NO_FLUSH);
    *used += room - z->avail_out;
    if (*used > max) return KVSP_ERR_LIMIT_FRAME;
    if (status == Z_STREAM_END) return KVSP_OK;
    if (status == Z_MEM_ERROR) return KVSP_ERR_NOMEM;
    if (status != Z_OK || (z->avail_in == 0 && z->avail_out > 0))
      return KVSP_ERR_COMPRESSION;
  }
}

int kvsp_inflate(struct scratch *s, kvsp_view v, uint64_t max, kvsp_view *out) {
  z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_release};
  struct zlib_memory memory = {s->memory, KVSP_OK};
  size_t used = 0;
  int rc;
  if (v.len > UINT32_MAX) return KVSP_ERR_LIMIT_FRAME;
  z.opaque = &memory;
  z.next_in = (uint8_t *)(uintptr_t)v.data;
  z.avail_in = (unsigned)v.len;
  rc = inflateInit(&z) == Z_OK ? run(s, &z, max, &used) : KVSP_ERR_NOMEM;
  if (rc == KVSP_ERR_NOMEM && memory.status != KVSP_OK) rc = memory.status;
  (void)inflateEnd(&z);
  out->data = s->bytes;
  out->len = used;
  return rc;
}

#else

int kvsp_inflate(struct scratch *s, kvsp_view v, uint64_t max, kvsp_view *out) {
  (void)s, (void)v, (void)max, (void)out;
  return KVSP_ERR_UNSUPPORTED;
}

#endif
