/*
 * kvsparse_frames.c - our contender: libkvsparse's reader with its defaults.
 *
 *   --reserve   the file is read into the reader's own memory
 *   --visit     kvsp_reader_visit instead of input and next
 *   --no-data   KVSP_READ_NO_DATA
 *   --stats     prints what it cost as well, in lines "name number"; counts
 *               calls of the allocator, so not for timing
 *   --bytewise  one byte at a time; prints how many bytes beyond the end of a
 *               frame it took until the frame came
 */
#include <kvsparse/reader.h>

#include "bench.h"

struct run {
  kvsp_reader *reader;
  struct bench_sum sum;
  uint64_t largest;   /* frame                                            */
  uint64_t fed;       /* bytes                                            */
  uint64_t most_late; /* bytes beyond a frame's last when it came         */
  uint64_t allocations;
  uint64_t
      cut; /* bytes of frames in which a piece ends: what anyone has to copy
                   who lends pieces and wants frames in a row              */
  int reserve, visit, stats, bytewise;
  uint32_t flags;
};

static uint8_t piece[BENCH_PIECE];

static void take_frame(struct run *run, const kvsp_frame *frame) {
  bench_add(&run->sum, frame->track->number, frame->pts_ns,
            (frame->flags & KVSP_FRAME_KEY) != 0, frame->data.data,
            (size_t)frame->size);
  if (!run->stats && !run->bytewise) return;
  if (frame->size > run->largest) run->largest = frame->size;
  if (frame->offset / BENCH_PIECE !=
      (frame->offset + frame->size - 1) / BENCH_PIECE)
    run->cut += frame->size;
  if (run->fed - (frame->offset + frame->size) > run->most_late)
    run->most_late = run->fed - (frame->offset + frame->size);
}

static int on_item(void *user, const kvsp_item *item) {
  if (item->type == KVSP_ITEM_FRAME) take_frame(user, item->frame);
  return 0;
}

static int take_items(struct run *run) {
  const kvsp_item *item;
  int rc;
  for (rc = kvsp_reader_next(run->reader, &item); rc == KVSP_OK;
       rc = kvsp_reader_next(run->reader, &item)) {
    if (item->type == KVSP_ITEM_FRAME) take_frame(run, item->frame);
  }
  return rc == KVSP_NEED_INPUT ? KVSP_OK : rc;
}

/* One piece of the file, by the way that was asked for. */
static int feed_reserved(struct run *run, int fd) {
  void *data;
  size_t len;
  int rc = kvsp_reader_reserve(run->reader, sizeof piece, &data, &len);
  if (rc != KVSP_OK) return rc;
  len = bench_read(fd, data, len);
  run->fed += len;
  rc = kvsp_reader_commit(run->reader, len, len == 0 ? KVSP_FINAL : 0);
  return rc == KVSP_OK ? take_items(run) : rc;
}

static int feed_lent(struct run *run, const uint8_t *data, size_t len) {
  unsigned flags = len == 0 ? KVSP_FINAL : 0;
  int rc;
  run->fed += len;
  if (run->visit)
    return kvsp_reader_visit(run->reader, data, len, flags, on_item, run);
  rc = kvsp_reader_input(run->reader, data, len, flags);
  return rc == KVSP_OK ? take_items(run) : rc;
}

static int feed_bytes(struct run *run, size_t len) {
  int rc = len == 0 ? feed_lent(run, piece, 0) : KVSP_OK;
  for (size_t i = 0; i < len && rc == KVSP_OK; i++)
    rc = feed_lent(run, piece + i, 1);
  return rc;
}

static int read_file(struct run *run, int fd) {
  int rc = KVSP_OK;
  while (rc == KVSP_OK) {
    if (run->reserve) {
      rc = feed_reserved(run, fd);
    } else {
      size_t len = bench_read(fd, piece, sizeof piece);
      rc = run->bytewise ? feed_bytes(run, len) : feed_lent(run, piece, len);
    }
  }
  return rc;
}

/* --- the allocator of --stats ----------------------------------------------- */

static void *counted_alloc(void *user, size_t size) {
  ((struct run *)user)->allocations++;
  return malloc(size);
}

static void *counted_resize(void *user, void *ptr, size_t old_size,
                            size_t new_size) {
  (void)old_size;
  ((struct run *)user)->allocations++;
  return realloc(ptr, new_size);
}

static void counted_release(void *user, void *ptr, size_t size) {
  (void)user;
  (void)size;
  free(ptr);
}

static void print_stats(const struct run *run) {
  kvsp_reader_stats stats;
  if (kvsp_reader_get_stats(run->reader, &stats, sizeof stats) != KVSP_OK)
    bench_fail("no statistics");
  printf("delivered %" PRIu64 "\n", run->sum.frames);
  printf("fed %" PRIu64 "\ncopied %" PRIu64 "\nexamined %" PRIu64
         "\npeak %" PRIu64 "\nallocations %" PRIu64 "\nlargest %" PRIu64
         "\ncut %" PRIu64 "\n",
         stats.bytes_fed, stats.bytes_copied, stats.bytes_examined,
         stats.memory_peak, run->allocations, run->largest, run->cut);
}

static void parse_option(struct run *run, const char *option) {
  if (strcmp(option, "--reserve") == 0)
    run->reserve = 1;
  else if (strcmp(option, "--visit") == 0)
    run->visit = 1;
  else if (strcmp(option, "--no-data") == 0)
    run->flags |= KVSP_READ_NO_DATA;
  else if (strcmp(option, "--stats") == 0)
    run->stats = 1;
  else if (strcmp(option, "--bytewise") == 0)
    run->bytewise = 1;
  else
    bench_fail("kvsparse_frames: no such option");
}

int main(int argc, char **argv) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct run run = {0};
  kvsp_allocator counted = {counted_alloc, counted_resize, counted_release,
                            &run};
  int fd, rc;
  for (int i = 1; i < argc - 1; i++) parse_option(&run, argv[i]);
  if (argc < 2) bench_fail("usage: kvsparse_frames [OPTION]... FILE");
  fd = bench_open(argv[argc - 1]);
  config.flags = run.flags;
  if (run.stats) config.allocator = &counted;
  if (kvsp_reader_new(&run.reader, &config) != KVSP_OK) bench_fail("no reader");
  rc = read_file(&run, fd);
  bench_print(&run.sum);
  if (run.stats) print_stats(&run);
  if (run.bytewise) printf("late %" PRIu64 "\n", run.most_late);
  kvsp_reader_free(run.reader);
  close(fd);
  return rc == KVSP_END ? 0 : 1;
}
