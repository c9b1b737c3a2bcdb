#include "fuzz/fuzz_memory.h"

#include "fuzz/fuzz_check.h"

static void *check(struct fuzz_memory *m, void *got) {
  FUZZ_CHECK_2(m->inner.live_bytes <= m->limit, "memory is under its limit",
               m->inner.live_bytes, m->limit);
  return got;
}

static void *fuzz_alloc(void *user, size_t size) {
  struct fuzz_memory *m = user;
  return check(m, m->inner.allocator.alloc(&m->inner, size));
}

static void *fuzz_resize(void *user, void *ptr, size_t old_size,
                         size_t new_size) {
  struct fuzz_memory *m = user;
  return check(m,
               m->inner.allocator.resize(&m->inner, ptr, old_size, new_size));
}

static void fuzz_release(void *user, void *ptr, size_t size) {
  struct fuzz_memory *m = user;
  m->inner.allocator.release(&m->inner, ptr, size);
}

void fuzz_memory_init(struct fuzz_memory *m) {
  test_allocator_init(&m->inner);
  m->allocator.alloc = fuzz_alloc;
  m->allocator.resize = fuzz_resize;
  m->allocator.release = fuzz_release;
  m->allocator.user = m;
  m->limit = UINT64_MAX;
}

void fuzz_memory_check_empty(const struct fuzz_memory *m) {
  FUZZ_CHECK_2(m->inner.live_blocks == 0 && m->inner.live_bytes == 0,
               "nothing leaks", m->inner.live_blocks, m->inner.live_bytes);
}
