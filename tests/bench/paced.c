#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "paced.h"

#include <kvsparse/reader.h>
#include <time.h>

#include "bench.h"

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wait_until(int64_t time_ns) {
  struct timespec due = {(time_t)(time_ns / 1000000000),
                         (long)(time_ns % 1000000000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0) {
  }
}

static int add_frame(void *user, const kvsp_item *item) {
  struct paced *p = user;
  struct paced_frame *frame;
  if (item->type != KVSP_ITEM_FRAME) return 0;
  if ((p->count & (p->count + 1)) == 0) { /* full: 0, 1, 3, 7, ... */
    p->frames = realloc(p->frames, (p->count + 1) * 2 * sizeof *p->frames);
    if (p->frames == NULL) bench_fail("out of memory");
  }
  frame = &p->frames[p->count++];
  frame->end = (size_t)(item->frame->offset + item->frame->size);
  frame->pts_ns = item->frame->pts_ns;
  frame->arrived = 0;
  frame->delay = -1;
  return 0;
}

static void read_whole(struct paced *p, const char *path) {
  int fd = bench_open(path);
  off_t size = lseek(fd, 0, SEEK_END);
  lseek(fd, 0, SEEK_SET);
  p->data = malloc(size > 0 ? (size_t)size : 1);
  if (p->data == NULL) bench_fail("out of memory");
  while (p->len < (size_t)size) {
    size_t n = bench_read(fd, p->data + p->len, (size_t)size - p->len);
    if (n == 0) bench_fail("the file has shrunk");
    p->len += n;
  }
  close(fd);
}

void paced_open(struct paced *p, const char *path) {
  kvsp_reader *reader;
  memset(p, 0, sizeof *p);
  read_whole(p, path);
  if (kvsp_reader_new(&reader, NULL) != KVSP_OK) bench_fail("no reader");
  if (kvsp_reader_visit(reader, p->data, p->len, KVSP_FINAL, add_frame, p) !=
      KVSP_END)
    bench_fail("the stream cannot be read");
  kvsp_reader_free(reader);
  if (p->count == 0) bench_fail("the stream has no frames");
  p->start = now_ns();
}

size_t paced_read(struct paced *p, void *buffer, size_t len) {
  size_t end = p->len;
  if (p->next < p->count) {
    const struct paced_frame *frame = &p->frames[p->next];
    end = frame->end;
    wait_until(p->start + frame->pts_ns - p->frames[0].pts_ns);
  }
  if (len > end - p->at) len = end - p->at;
  memcpy(buffer, p->data + p->at, len);
  p->at += len;
  if (p->next < p->count && p->at == end) {
    p->frames[p->next].arrived = now_ns();
    p->next++;
  }
  return len;
}

void paced_shown(struct paced *p, int64_t pts_ns) {
  int64_t now = now_ns();
  for (size_t i = p->next; i > 0; i--) {
    struct paced_frame *frame = &p->frames[i - 1];
    if (frame->pts_ns != pts_ns || frame->delay >= 0) continue;
    frame->delay = now - frame->arrived;
    return;
  }
  bench_fail("a picture of no frame");
}

static int compare_times(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a;
  int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

void paced_report(const struct paced *p) {
  int64_t *delays = malloc(p->count * sizeof *delays);
  size_t shown = 0;
  if (delays == NULL) bench_fail("out of memory");
  for (size_t i = 1; i < p->count; i++) {
    if (p->frames[i].delay >= 0) delays[shown++] = p->frames[i].delay;
  }
  if (shown == 0) bench_fail("no pictures");
  qsort(delays, shown, sizeof *delays, compare_times);
  printf("pictures %zu\nmedian_us %" PRId64 "\nmost_us %" PRId64 "\n",
         shown + (p->frames[0].delay >= 0), delays[shown / 2] / 1000,
         delays[shown - 1] / 1000);
  free(delays);
}

void paced_close(struct paced *p) {
  free(p->frames);
  free(p->data);
  memset(p, 0, sizeof *p);
}
