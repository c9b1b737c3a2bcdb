/*
 * test_threads.c - one object for each thread is all that is asked for: readers
 * and decode stages run in several threads at once and give what they give
 * alone; frames that were kept are given up on other threads, some after their
 * reader is gone.  To be run under -fsanitize=thread, too.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/pictures.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/build.h"
#include "support/recorder.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS 25

/* Streams. */

static void make_video(struct bytes *b, const char *encoder, int pattern) {
  struct encode_options o = {.encoder = encoder,
                             .width = 64,
                             .height = 48 + 16 * pattern,
                             .frames = 12,
                             .gop = 6,
                             .lengths = 1,
                             .pattern = pattern};
  struct encoded e;
  struct mux_track track;
  encode(&e, &o);
  track = video_mux_track(&e);
  video_fragment(b, &track, &e, 0);
  video_fragment(b, &track, &e, 1);
  encoded_free(&e);
}

/* Jobs: each reads one stream, and says in one number what was in it. */

struct job {
  const char *encoder; /* NULL: a reader, without pictures                  */
  uint32_t format, threads, flags;
  struct bytes stream;
  uint64_t expected; /* what one thread alone makes of it                  */
  uint64_t got[ROUNDS];
  pthread_t thread;
  pthread_mutex_t *gate; /* closed until all threads are there             */
};

static const struct job jobs[] = {
    {.encoder = NULL},
    {.encoder = "libx264", .format = KVSP_PICTURE_GRAY8, .threads = 2},
    {.encoder = "libx264", .format = KVSP_PICTURE_RGB24, .threads = 1},
    {.encoder = "mjpeg", .threads = 2, .flags = KVSP_DECODE_LOW_DELAY},
    {.encoder = "mpeg4", .format = KVSP_PICTURE_BGRA, .threads = 3},
    {.encoder = NULL},
};

static int on_item(void *user, const kvsp_item *item) {
  uint64_t *sum = user;
  *sum = *sum * 31 + item->type;
  if (!item->frame) return 0;
  *sum += hash_bytes(item->frame->data.data, item->frame->data.len);
  *sum = *sum * 31 + (uint64_t)item->frame->pts_ns;
  return 0;
}

static int on_picture(void *user, const kvsp_picture *p) {
  uint64_t *sum = user;
  *sum = *sum * 31 + (uint64_t)p->pts_ns + p->frame_index + p->flags;
  for (uint32_t y = 0; y < p->height; y++) {
    *sum = *sum * 31 +
           hash_bytes(p->plane[0] + (ptrdiff_t)y * p->stride[0], p->width);
  }
  return 0;
}

/* 0: it went wrong.  No assertions here: Check knows one thread only. */
static uint64_t read_stream(const struct job *job) {
  kvsp_reader *r;
  uint64_t sum = 1;
  int rc;
  if (kvsp_reader_new(&r, NULL) != KVSP_OK) return 0;
  rc = kvsp_reader_visit(r, job->stream.data, job->stream.len, KVSP_FINAL,
                         on_item, &sum);
  kvsp_reader_free(r);
  return rc == KVSP_END ? sum : 0;
}

static uint64_t decode_stream(const struct job *job) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_pictures *p;
  uint64_t sum = 1;
  int rc;
  config.format = job->format;
  config.threads = job->threads;
  config.flags = job->flags;
  if (kvsp_pictures_new(&p, &config) != KVSP_OK) return 0;
  rc = kvsp_pictures_visit(p, job->stream.data, job->stream.len, KVSP_FINAL,
                           on_picture, &sum);
  kvsp_pictures_free(p);
  return rc == KVSP_END ? sum : 0;
}

static uint64_t run_once(const struct job *job) {
  return job->encoder ? decode_stream(job) : read_stream(job);
}

static void *run_job(void *user) {
  struct job *job = user;
  pthread_mutex_lock(job->gate);
  pthread_mutex_unlock(job->gate);
  for (int i = 0; i < ROUNDS; i++) job->got[i] = run_once(job);
  return NULL;
}

static void prepare(struct job *job, int number) {
  if (job->encoder && !encode_available(job->encoder)) job->encoder = NULL;
  if (job->encoder) {
    make_video(&job->stream, job->encoder, number % 3);
  } else {
    build_everything(&job->stream);
    build_fragments(&job->stream, 5, (unsigned)number + 3);
  }
  job->expected = run_once(job);
  ck_assert_uint_gt(job->expected, 1);
}

START_TEST(several_at_once_give_the_same) {
  struct job running[COUNT(jobs)];
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  memcpy(running, jobs, sizeof jobs);
  for (size_t i = 0; i < COUNT(jobs); i++) {
    prepare(&running[i], (int)i);
    running[i].gate = &gate;
  }
  pthread_mutex_lock(&gate);
  for (size_t i = 0; i < COUNT(jobs); i++) {
    ck_assert_int_eq(
        pthread_create(&running[i].thread, NULL, run_job, &running[i]), 0);
  }
  pthread_mutex_unlock(&gate);
  for (size_t i = 0; i < COUNT(jobs); i++) {
    ck_assert_int_eq(pthread_join(running[i].thread, NULL), 0);
    for (int k = 0; k < ROUNDS; k++)
      ck_assert_uint_eq(running[i].got[k], running[i].expected);
    bytes_free(&running[i].stream);
  }
}
END_TEST

/* Buffers that go from one thread to others. */

#define KEPT_MAX 64u
#define CONSUMERS 3u

struct kept {
  kvsp_buf *buf;
  uint64_t hash; /* of its bytes, when they were read                      */
};

/* Each consumer gets a reference to each buffer. */
struct shelf {
  pthread_mutex_t mutex;
  pthread_cond_t more;
  struct kept kept[KEPT_MAX];
  size_t count;
  int closed;
};

struct consumer {
  struct shelf *shelf;
  pthread_t thread;
  size_t seen, wrong;
};

/* 1 when there is a number-th one, or will be. */
static int wait_for(struct shelf *s, size_t number, struct kept *out) {
  int there;
  pthread_mutex_lock(&s->mutex);
  while (s->count <= number && !s->closed)
    pthread_cond_wait(&s->more, &s->mutex);
  there = s->count > number;
  if (there) *out = s->kept[number];
  pthread_mutex_unlock(&s->mutex);
  return there;
}

static void *consume(void *user) {
  struct consumer *c = user;
  struct kept k;
  while (wait_for(c->shelf, c->seen, &k)) {
    kvsp_view v = kvsp_buf_view(k.buf);
    if (hash_bytes(v.data, v.len) != k.hash) c->wrong++;
    kvsp_buf_unref(k.buf);
    c->seen++;
  }
  return NULL;
}

static void put(struct shelf *s, kvsp_buf *buf) {
  kvsp_view v = kvsp_buf_view(buf);
  struct kept k = {buf, hash_bytes(v.data, v.len)};
  for (unsigned i = 1; i < CONSUMERS; i++) kvsp_buf_ref(buf);
  pthread_mutex_lock(&s->mutex);
  if (s->count < KEPT_MAX) s->kept[s->count++] = k;
  pthread_cond_broadcast(&s->more);
  pthread_mutex_unlock(&s->mutex);
}

static int keep_frame(void *user, const kvsp_item *item) {
  struct shelf *s = user;
  kvsp_buf *buf;
  if (!item->frame || s->count == KEPT_MAX) return 0;
  ck_assert_int_eq(kvsp_frame_retain(item->frame, &buf), KVSP_OK);
  put(s, buf);
  return 0;
}

/* In pieces, so that frames are put together in the reader's memory, which
 * the buffers share. */
static void read_and_keep(struct shelf *s) {
  struct bytes b = {0};
  kvsp_reader *r;
  size_t at = 0;
  build_fragments(&b, 1, 20);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  while (at < b.len) {
    size_t n = b.len - at < 700 ? b.len - at : 700;
    ck_assert_int_eq(kvsp_reader_visit(r, b.data + at, n, 0, keep_frame, s),
                     KVSP_OK);
    at += n;
  }
  kvsp_reader_free(r);
  bytes_free(&b);
}

START_TEST(buffers_are_given_up_elsewhere) {
  struct shelf shelf = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                        .more = PTHREAD_COND_INITIALIZER};
  struct consumer consumers[CONSUMERS];
  memset(consumers, 0, sizeof consumers);
  for (size_t i = 0; i < CONSUMERS; i++) {
    consumers[i].shelf = &shelf;
    ck_assert_int_eq(
        pthread_create(&consumers[i].thread, NULL, consume, &consumers[i]), 0);
  }
  read_and_keep(&shelf);
  pthread_mutex_lock(&shelf.mutex);
  shelf.closed = 1;
  pthread_cond_broadcast(&shelf.more);
  pthread_mutex_unlock(&shelf.mutex);
  for (size_t i = 0; i < CONSUMERS; i++) {
    ck_assert_int_eq(pthread_join(consumers[i].thread, NULL), 0);
    ck_assert_uint_eq(consumers[i].seen, KEPT_MAX);
    ck_assert_uint_eq(consumers[i].wrong, 0);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("threads");
  TCase *tc = tcase_create("threads");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, several_at_once_give_the_same);
  tcase_add_loop_test(tc, buffers_are_given_up_elsewhere, 0, 5);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
