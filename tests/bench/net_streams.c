/*
 * net_streams.c - many live streams in one thread: what libkvsparse-net costs,
 * and beside it a plain loop over libcurl's multi handle that throws the same
 * bytes away.
 *
 *   net_streams [--plain] URL STREAMS BYTES SECONDS
 *
 * reads cam0, cam1 and so on from the endpoint at URL, BYTES of each; with
 * SECONDS, as much as comes in that time.  Prints lines "name number":
 *
 *   bytes          of all streams
 *   cpu_ns         of this process, from before the first call on
 *   user_ns        of it, not in the kernel
 *   heap           the most that was allocated at any time, libcurl's too
 *   own_heap       of it, by the library's allocator (the most, too)
 *   rss            the most memory that was resident, less what was before
 *   fewest, most   bytes of a stream when half of all (with SECONDS: all) was
 *                  there
 *   fragments      whose delay was measured
 *   delay_median, delay_max
 *                  ms from a fragment's server time to its first bytes
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <curl/curl.h>
#include <kvsparse/media.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

#define DELAYS_MAX 100000

struct heap {
  size_t held, most;
};

struct stream {
  struct all *all;
  char name[32];
  uint64_t bytes;
  bool over;
  kvsp_media *media;
  CURL *easy;
  char body[128];
};

static struct heap heap;     /* libcurl's, and the library's                  */
static struct heap own_heap; /* the library's                                 */

struct all {
  const char *url;
  unsigned count;
  uint64_t target; /* bytes of each stream                                  */
  int64_t seconds; /* 0: until all have these bytes                         */
  struct stream *streams;
  uint64_t bytes;
  unsigned over;
  uint64_t fewest, most;
  int64_t *delays;
  size_t delays_count;
};

/* ---- what is measured ---------------------------------------------------- */

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t user_ns(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (int64_t)r.ru_utime.tv_sec * 1000000000 +
         (int64_t)r.ru_utime.tv_usec * 1000;
}

/* The most that was resident, in KiB; 0: this system does not tell.  What
 * getrusage tells is of the process, too, that became this program. */
static long most_resident(void) {
  char line[256];
  long most = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "VmHWM:", 6) == 0) most = strtol(line + 6, NULL, 10);
  if (file) fclose(file);
  return most;
}

static void take(struct heap *h, size_t size) {
  h->held += size;
  if (h->held > h->most) h->most = h->held;
}

/* Of libcurl, whose free is not told a size: it stands before the block. */
#define HEAD 16
static void *curl_alloc(size_t size) {
  char *block = malloc(size + HEAD);
  if (!block) return NULL;
  memcpy(block, &size, sizeof size);
  take(&heap, size);
  return block + HEAD;
}

static size_t size_of(const void *ptr) {
  size_t size;
  memcpy(&size, (const char *)ptr - HEAD, sizeof size);
  return size;
}

static void curl_release(void *ptr) {
  if (!ptr) return;
  heap.held -= size_of(ptr);
  free((char *)ptr - HEAD);
}

static void *curl_resize(void *ptr, size_t size) {
  char *block;
  if (!ptr) return curl_alloc(size);
  heap.held -= size_of(ptr);
  block = realloc((char *)ptr - HEAD, size + HEAD);
  if (!block) return NULL;
  memcpy(block, &size, sizeof size);
  take(&heap, size);
  return block + HEAD;
}

static void *curl_zeroed(size_t count, size_t size) {
  void *ptr = curl_alloc(count * size);
  return ptr ? memset(ptr, 0, count * size) : NULL;
}

static char *curl_copy(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = curl_alloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

static void *own_alloc(void *user, size_t size) {
  (void)user;
  take(&heap, size);
  take(&own_heap, size);
  return malloc(size);
}

static void own_release(void *user, void *ptr, size_t size) {
  (void)user;
  heap.held -= size;
  own_heap.held -= size;
  free(ptr);
}

static void *own_resize(void *user, void *ptr, size_t old_size,
                        size_t new_size) {
  (void)user;
  heap.held -= old_size;
  own_heap.held -= old_size;
  take(&heap, new_size);
  take(&own_heap, new_size);
  return realloc(ptr, new_size);
}

static void spread(struct all *all) {
  all->fewest = all->streams[0].bytes;
  all->most = 0;
  for (unsigned i = 0; i < all->count; i++) {
    uint64_t bytes = all->streams[i].bytes;
    if (bytes < all->fewest) all->fewest = bytes;
    if (bytes > all->most) all->most = bytes;
  }
}

static void add_bytes(struct stream *s, size_t len) {
  struct all *all = s->all;
  uint64_t half = all->count * all->target / 2;
  bool before = all->bytes < half;
  s->bytes += len;
  all->bytes += len;
  if (before && all->bytes >= half && all->seconds == 0) spread(all);
  if (s->over || all->seconds > 0 || s->bytes < all->target) return;
  s->over = true;
  all->over++;
}

static void add_delay(struct all *all, int64_t server_ms) {
  if (all->seconds == 0 || all->delays_count == DELAYS_MAX) return;
  all->delays[all->delays_count++] =
      now_ns(CLOCK_REALTIME) / 1000000 - server_ms;
}

static bool go_on(const struct all *all, int64_t begun) {
  if (all->seconds == 0) return all->over < all->count;
  return now_ns(CLOCK_MONOTONIC) - begun < all->seconds * 1000000000;
}

/* ---- libkvsparse-net ----------------------------------------------------- */

static kvsp_client *open_client(const char *url) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_allocator counted = {own_alloc, own_resize, own_release, NULL};
  kvsp_client *c;
  config.endpoint_url = url;
  config.allocator = &counted;
  if (kvsp_client_new(&c, &config) != KVSP_OK) bench_fail("no client");
  return c;
}

static void read_piece(kvsp_media *media) {
  struct stream *s = kvsp_media_user(media);
  const kvsp_piece *piece;
  int rc = kvsp_media_next(media, 0, &piece);
  if (rc != KVSP_OK) bench_fail(kvsp_media_error(media)->message);
  add_bytes(s, piece->data.len);
  if ((piece->flags & KVSP_PIECE_BEGIN) &&
      piece->server_time_ns != KVSP_TIME_NONE)
    add_delay(s->all, piece->server_time_ns / 1000000);
}

static void run_library(struct all *all) {
  kvsp_media_config config = {.struct_size = sizeof config};
  kvsp_client *c = open_client(all->url);
  int64_t begun = now_ns(CLOCK_MONOTONIC);
  config.start = all->seconds > 0 ? KVSP_START_NOW : KVSP_START_EARLIEST;
  for (unsigned i = 0; i < all->count; i++) {
    config.stream = all->streams[i].name;
    config.user = &all->streams[i];
    if (kvsp_media_new(&all->streams[i].media, c, &config) != KVSP_OK)
      bench_fail("no reader");
  }
  while (go_on(all, begun)) {
    kvsp_media *ready = NULL;
    int rc = kvsp_client_wait(c, 100, &ready);
    if (rc == KVSP_OK) read_piece(ready);
    if (rc < 0) bench_fail(kvsp_status_text(rc));
  }
  for (unsigned i = 0; i < all->count; i++)
    kvsp_media_free(all->streams[i].media);
  kvsp_client_free(c);
}

/* ---- libcurl alone ------------------------------------------------------- */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The first number of seconds with a dot and milliseconds; at most 32 bytes. */
static int64_t read_time(const char *text) {
  int64_t ms = 0;
  size_t i = 0;
  while (i < 16 && !is_digit(text[i])) i++;
  for (; i < 32 && (is_digit(text[i]) || text[i] == '.'); i++)
    if (text[i] != '.') ms = ms * 10 + (text[i] - '0');
  return ms;
}

/* The server's time where it stands whole in what came. */
static void look_for_time(struct all *all, const char *data, size_t len) {
  static const char name[] = "AWS_KINESISVIDEO_SERVER_TIMESTAMP";
  size_t size = sizeof name - 1;
  for (size_t at = 0; all->seconds > 0 && at + size + 32 < len; at++) {
    const char *found = memchr(data + at, 'A', len - at);
    if (!found) return;
    at = (size_t)(found - data);
    if (at + size + 32 > len) return;
    if (memcmp(found, name, size) != 0) continue;
    add_delay(all, read_time(found + size));
  }
}

static size_t on_data(char *data, size_t size, size_t count, void *user) {
  struct stream *s = user;
  look_for_time(s->all, data, size * count);
  add_bytes(s, size * count);
  return size * count;
}

static void add_plain(struct all *all, struct stream *s, CURLM *multi) {
  char url[512];
  snprintf(url, sizeof url, "%s/getMedia", all->url);
  snprintf(s->body, sizeof s->body,
           "{\"StreamName\":\"%s\",\"StartSelector\":"
           "{\"StartSelectorType\":\"%s\"}}",
           s->name, all->seconds > 0 ? "NOW" : "EARLIEST");
  s->easy = curl_easy_init();
  if (!s->easy) bench_fail("no transfer");
  curl_easy_setopt(s->easy, CURLOPT_URL, url);
  curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->body);
  curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, (void *)s);
  curl_multi_add_handle(multi, s->easy);
}

static void run_plain(struct all *all) {
  CURLM *multi = curl_multi_init();
  int64_t begun = now_ns(CLOCK_MONOTONIC);
  int running = 1;
  for (unsigned i = 0; i < all->count; i++)
    add_plain(all, &all->streams[i], multi);
  while (go_on(all, begun)) {
    if (curl_multi_perform(multi, &running) != CURLM_OK || running == 0)
      bench_fail("the transfers ended");
    curl_multi_poll(multi, NULL, 0, 100, NULL);
  }
  for (unsigned i = 0; i < all->count; i++) {
    curl_multi_remove_handle(multi, all->streams[i].easy);
    curl_easy_cleanup(all->streams[i].easy);
  }
  curl_multi_cleanup(multi);
}

/* ---- all of it ----------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a;
  int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void print_delays(struct all *all) {
  size_t n = all->delays_count;
  qsort(all->delays, n, sizeof *all->delays, by_value);
  printf("fragments %zu\n", n);
  if (n == 0) return;
  printf("delay_median %" PRId64 "\ndelay_max %" PRId64 "\n",
         all->delays[n / 2], all->delays[n - 1]);
}

static void measure(struct all *all, void (*run)(struct all *all)) {
  long resident = most_resident();
  int64_t user = user_ns();
  int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  run(all);
  cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  user = user_ns() - user;
  if (all->seconds > 0) spread(all);
  printf("bytes %" PRIu64 "\ncpu_ns %" PRId64 "\nuser_ns %" PRId64 "\n",
         all->bytes, cpu, user);
  printf("heap %zu\nown_heap %zu\nrss %ld\n", heap.most, own_heap.most,
         (most_resident() - resident) * 1024);
  printf("fewest %" PRIu64 "\nmost %" PRIu64 "\n", all->fewest, all->most);
  print_delays(all);
}

int main(int argc, char **argv) {
  static struct all all;
  bool plain = argc > 1 && strcmp(argv[1], "--plain") == 0;
  argv += plain;
  if (argc - plain != 5)
    bench_fail("usage: net_streams [--plain] URL STREAMS BYTES SECONDS");
  all.url = argv[1];
  all.count = (unsigned)strtoul(argv[2], NULL, 10);
  all.target = strtoull(argv[3], NULL, 10);
  all.seconds = strtoll(argv[4], NULL, 10);
  all.streams = calloc(all.count, sizeof *all.streams);
  all.delays = calloc(DELAYS_MAX, sizeof *all.delays);
  if (!all.count || !all.streams || !all.delays) bench_fail("no streams");
  for (unsigned i = 0; i < all.count; i++) {
    all.streams[i].all = &all;
    snprintf(all.streams[i].name, sizeof all.streams[i].name, "cam%u", i);
  }
  if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_alloc, curl_release,
                           curl_resize, curl_copy, curl_zeroed) != CURLE_OK)
    bench_fail("libcurl");
  measure(&all, plain ? run_plain : run_library);
  curl_global_cleanup();
  free(all.streams);
  free(all.delays);
  return 0;
}
