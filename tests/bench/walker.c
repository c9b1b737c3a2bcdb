/*
 * walker.c - the floor: the least that delivers each frame in one piece.  It
 * believes whatever it reads: no checks, no tags, no recovery, no memory but
 * one buffer.  With --seek it reads headers only and seeks over frames, whose
 * data it then does not have.
 *
 * Masters that hold something of interest are entered, all else is stepped
 * over; where a master ends does not matter to it.
 */
#include "bench.h"

#define ID_SEGMENT 0x18538067u
#define ID_INFO 0x1549A966u
#define ID_TIMESTAMP_SCALE 0x2AD7B1u
#define ID_CLUSTER 0x1F43B675u
#define ID_TIMESTAMP 0xE7u
#define ID_SIMPLE_BLOCK 0xA3u

#define LONGEST_HEADER 12
/* What --seek reads at a time: enough for what stands between frames. */
#define SEEK_PIECE 512

struct walker {
  int fd;
  int seek;
  size_t piece;  /* bytes to read at a time                               */
  uint8_t *data; /* capacity bytes, of which begin to end are unread      */
  size_t begin, end, capacity;
  uint64_t scale;   /* ns of a tick                                          */
  uint64_t cluster; /* its Timestamp                                       */
  struct bench_sum sum;
};

struct element {
  uint32_t id;
  uint64_t size;
};

/* len bytes in a row, from w->data + w->begin on; 0 where the file ends. */
static int have(struct walker *w, size_t len) {
  size_t n = 1;
  if (w->end - w->begin >= len) return 1;
  if (w->capacity < len + w->piece) {
    w->capacity = len * 2 + w->piece;
    w->data = realloc(w->data, w->capacity);
    if (w->data == NULL) bench_fail("out of memory");
  }
  memmove(w->data, w->data + w->begin, w->end - w->begin);
  w->end -= w->begin;
  w->begin = 0;
  while (n > 0 && w->end < len) {
    n = bench_read(w->fd, w->data + w->end, w->piece);
    w->end += n;
  }
  return w->end >= len;
}

static void step_over(struct walker *w, uint64_t len) {
  while (len > w->end - w->begin) {
    len -= w->end - w->begin;
    w->begin = w->end;
    if (w->seek) {
      if (lseek(w->fd, (off_t)len, SEEK_CUR) < 0) bench_fail("cannot seek");
      return;
    }
    if (!have(w, 1)) return;
  }
  w->begin += (size_t)len;
}

static uint64_t big_endian(const uint8_t *p, size_t len) {
  uint64_t value = 0;
  for (size_t i = 0; i < len; i++) value = value << 8 | p[i];
  return value;
}

static size_t vint_length(uint8_t first) {
  return (size_t)__builtin_clz((unsigned)first << 24 | 1u << 15) + 1;
}

/* 0 at the end of the file. */
static int next_element(struct walker *w, struct element *e) {
  const uint8_t *p;
  size_t id_length, size_length;
  if (!have(w, LONGEST_HEADER) && !have(w, 2)) return 0;
  p = w->data + w->begin;
  id_length = vint_length(p[0]);
  e->id = (uint32_t)big_endian(p, id_length);
  p += id_length;
  size_length = vint_length(p[0]);
  e->size = big_endian(p, size_length) & ((UINT64_C(1) << 7 * size_length) - 1);
  w->begin += id_length + size_length;
  return 1;
}

static uint64_t value_of(struct walker *w, const struct element *e) {
  uint64_t value;
  if (!have(w, (size_t)e->size)) return 0;
  value = big_endian(w->data + w->begin, (size_t)e->size);
  w->begin += (size_t)e->size;
  return value;
}

static void deliver(struct walker *w, const struct element *e) {
  size_t needed = w->seek ? 4 : (size_t)e->size;
  const uint8_t *p;
  int64_t ticks;
  if (!have(w, needed)) return;
  p = w->data + w->begin;
  ticks = (int64_t)w->cluster + (int16_t)(p[1] << 8 | p[2]);
  bench_add(&w->sum, p[0] & 0x7Fu, ticks * (int64_t)w->scale, p[3] >> 7,
            w->seek ? NULL : p + 4, (size_t)e->size - 4);
  w->begin += needed;
  if (w->seek) step_over(w, e->size - needed);
}

static void walk(struct walker *w) {
  struct element e;
  while (next_element(w, &e)) {
    switch (e.id) {
      case ID_SIMPLE_BLOCK: deliver(w, &e); break;
      case ID_TIMESTAMP: w->cluster = value_of(w, &e); break;
      case ID_TIMESTAMP_SCALE: w->scale = value_of(w, &e); break;
      case ID_SEGMENT:
      case ID_INFO:
      case ID_CLUSTER: break;
      default: step_over(w, e.size); break;
    }
  }
}

int main(int argc, char **argv) {
  struct walker w = {0};
  w.seek = argc == 3 && strcmp(argv[1], "--seek") == 0;
  if (argc != 2 + w.seek) bench_fail("usage: walker [--seek] FILE");
  w.fd = bench_open(argv[argc - 1]);
  w.piece = w.seek ? SEEK_PIECE : BENCH_PIECE;
  w.scale = 1000000;
  walk(&w);
  close(w.fd);
  free(w.data);
  bench_print(&w.sum);
  return 0;
}
