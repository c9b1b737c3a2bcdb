/*
 * kvsparse_many.c - many readers at once, fed in turn as a service feeds the
 * streams of its cameras: what one of them costs in memory and in time.
 *
 *   kvsparse_many [--trim] READERS PIECE FILE
 *
 * All readers get the same FILE, PIECE bytes at a time; --trim calls
 * kvsp_reader_trim behind each of them.  Prints lines "name number"; memory is
 * what the library asked its allocator for, per reader:
 *
 *   empty        fresh, nothing was fed
 *   idle         all bytes fed, nothing of them kept
 *   most         the most of all readers together at any time
 *   turns_ns     time per reader, fed in turn
 *   row_ns       the same with one reader after the other
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <kvsparse/reader.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "bench.h"

struct many {
  size_t count, piece;
  bool trims;
  kvsp_reader **readers;
  uint8_t *data;
  size_t len;
  size_t held, most; /* bytes                                              */
  uint64_t frames;
  kvsp_allocator allocator;
};

static void *counted_alloc(void *user, size_t size) {
  struct many *m = user;
  m->held += size;
  if (m->held > m->most) m->most = m->held;
  return malloc(size);
}

static void *counted_resize(void *user, void *ptr, size_t old_size,
                            size_t new_size) {
  struct many *m = user;
  m->held += new_size - old_size;
  if (m->held > m->most) m->most = m->held;
  return realloc(ptr, new_size);
}

static void counted_release(void *user, void *ptr, size_t size) {
  struct many *m = user;
  m->held -= size;
  free(ptr);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void read_whole(struct many *m, const char *path) {
  int fd = bench_open(path);
  off_t size = lseek(fd, 0, SEEK_END);
  lseek(fd, 0, SEEK_SET);
  m->data = malloc(size > 0 ? (size_t)size : 1);
  if (m->data == NULL) bench_fail("out of memory");
  while (m->len < (size_t)size) {
    size_t n = bench_read(fd, m->data + m->len, (size_t)size - m->len);
    if (n == 0) bench_fail("the file has shrunk");
    m->len += n;
  }
  close(fd);
}

static void make_readers(struct many *m) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_allocator counted = {counted_alloc, counted_resize, counted_release, m};
  m->allocator = counted;
  config.allocator = &m->allocator;
  m->readers = calloc(m->count, sizeof *m->readers);
  if (m->readers == NULL) bench_fail("out of memory");
  for (size_t i = 0; i < m->count; i++) {
    if (kvsp_reader_new(&m->readers[i], &config) != KVSP_OK)
      bench_fail("no reader");
  }
}

static int on_item(void *user, const kvsp_item *item) {
  struct many *m = user;
  if (item->type == KVSP_ITEM_FRAME) m->frames++;
  return 0;
}

static void feed(struct many *m, kvsp_reader *reader, size_t at) {
  size_t len = m->len - at < m->piece ? m->len - at : m->piece;
  if (kvsp_reader_visit(reader, m->data + at, len, 0, on_item, m) != KVSP_OK)
    bench_fail("a reader failed");
  if (m->trims && kvsp_reader_trim(reader) != KVSP_OK)
    bench_fail("a reader was not trimmed");
}

/* CPU time per reader; by what way does not matter to what they deliver. */
static int64_t feed_in_turn(struct many *m) {
  int64_t start = now_ns();
  for (size_t at = 0; at < m->len; at += m->piece) {
    for (size_t i = 0; i < m->count; i++) feed(m, m->readers[i], at);
  }
  return (now_ns() - start) / (int64_t)m->count;
}

static int64_t feed_in_a_row(struct many *m) {
  int64_t start = now_ns();
  for (size_t i = 0; i < m->count; i++) {
    for (size_t at = 0; at < m->len; at += m->piece) feed(m, m->readers[0], at);
    kvsp_reader_reset(m->readers[0]);
  }
  return (now_ns() - start) / (int64_t)m->count;
}

int main(int argc, char **argv) {
  static struct many m;
  size_t empty;
  int64_t turns, row;
  m.trims = argc > 1 && strcmp(argv[1], "--trim") == 0;
  argv += m.trims;
  if (argc - m.trims != 4)
    bench_fail("usage: kvsparse_many [--trim] READERS PIECE FILE");
  m.count = strtoul(argv[1], NULL, 10);
  m.piece = strtoul(argv[2], NULL, 10);
  if (m.count == 0 || m.piece == 0) bench_fail("kvsparse_many: not 0");
  read_whole(&m, argv[3]);
  make_readers(&m);
  empty = m.held;
  turns = feed_in_turn(&m);
  printf("frames %" PRIu64 "\nbytes %zu\nempty %zu\nidle %zu\nmost %zu\n",
         m.frames, m.len, empty / m.count, m.held / m.count, m.most / m.count);
  kvsp_reader_reset(m.readers[0]);
  row = feed_in_a_row(&m);
  printf("turns_ns %" PRId64 "\nrow_ns %" PRId64 "\n", turns, row);
  for (size_t i = 0; i < m.count; i++) kvsp_reader_free(m.readers[i]);
  if (m.held != 0) bench_fail("the readers leak");
  free(m.readers);
  free(m.data);
  return 0;
}
