#include "allocator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT64_C(0x6B767370616C6C6F)

/* Lies in front of every block. */
struct block {
  uint64_t magic;
  size_t size;
  _Alignas(max_align_t) uint8_t bytes[];
};

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "allocator: %s\n", what);
  abort();
}

static struct block *block_of(void *ptr, size_t size) {
  struct block *b;
  require(ptr != NULL, "NULL was handed back");
  b = (struct block *)(void *)((uint8_t *)ptr - offsetof(struct block, bytes));
  require(b->magic == MAGIC, "this memory is not ours");
  require(b->size == size, "the size is not the one that was asked for");
  return b;
}

static int fails(struct test_allocator *a) {
  a->calls++;
  if (a->calls != a->fail_at) return 0;
  a->failures++;
  return 1;
}

static void *take(struct test_allocator *a, size_t size) {
  struct block *b;
  require(size <= SIZE_MAX - sizeof *b, "more than there can be");
  b = malloc(sizeof *b + size);
  require(b != NULL, "out of memory");
  b->magic = MAGIC;
  b->size = size;
  memset(b->bytes, 0xA5, size);
  a->live_blocks++;
  a->live_bytes += size;
  if (size > a->largest) a->largest = size;
  return b->bytes;
}

static void note_peak(struct test_allocator *a) {
  if (a->live_bytes > a->peak_bytes) a->peak_bytes = a->live_bytes;
}

static void give_back(struct test_allocator *a, void *ptr, size_t size) {
  struct block *b = block_of(ptr, size);
  memset(b, 0x5A, sizeof *b + size);
  a->live_blocks--;
  a->live_bytes -= size;
  free(b);
}

static void *test_alloc(void *user, size_t size) {
  struct test_allocator *a = user;
  void *made;
  require(size > 0, "0 bytes were asked for");
  made = fails(a) ? NULL : take(a, size);
  note_peak(a);
  return made;
}

static void *test_resize(void *user, void *ptr, size_t old_size,
                         size_t new_size) {
  struct test_allocator *a = user;
  void *moved;
  (void)block_of(ptr, old_size);
  require(new_size > 0, "0 bytes were asked for");
  if (fails(a)) return NULL;
  moved = take(a, new_size);
  memcpy(moved, ptr, old_size < new_size ? old_size : new_size);
  give_back(a, ptr, old_size);
  note_peak(a);
  return moved;
}

static void test_release(void *user, void *ptr, size_t size) {
  struct test_allocator *a = user;
  a->releases++;
  give_back(a, ptr, size);
}

void test_allocator_init(struct test_allocator *a) {
  memset(a, 0, sizeof *a);
  a->allocator.alloc = test_alloc;
  a->allocator.resize = test_resize;
  a->allocator.release = test_release;
  a->allocator.user = a;
}

void test_allocator_fail_after(struct test_allocator *a, size_t others) {
  a->fail_at = a->calls + others + 1;
}
