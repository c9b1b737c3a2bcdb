/*
 * fuzz_seam.c - sessions that are cut anywhere.  Of a service that has whole
 * fragments, all bytes come out, once, in order, and each fragment is told to
 * be complete once.  Of any bytes, what comes out does not depend on how they
 * came in, fragments are told in the order of their numbers, and what is
 * missing is told; an allocation that fails does no harm.
 */
#include <kvsparse/kvsparse.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
#include "seam.h"
#include "support/build.h"

#define SESSIONS_MAX 64
#define FRAGMENTS_MAX 6

struct run {
  struct fuzz_memory memory;
  struct queue queue;
  struct seam seam;
  struct fuzz_cuts cuts;
  int status;
  bool had_error; /* the service's, in the stream                           */
  /* What came out: */
  struct bytes all;
  struct bytes told; /* flags and numbers of complete fragments              */
  char last[NUMBER_SIZE];
  unsigned complete, gaps, lost;
};

static void on_lost(void *user, const char *number) {
  struct run *run = user;
  FUZZ_CHECK(number[0] != '\0', "what is lost has a number");
  run->lost++;
}

static void open_run(struct run *run, size_t fail_at) {
  memset(run, 0, sizeof *run);
  fuzz_memory_init(&run->memory);
  run->memory.inner.fail_at = fail_at;
  kvsp_queue_init(&run->queue, &run->memory.allocator);
  run->status =
      kvsp_seam_init(&run->seam, &run->memory.allocator, NULL, &run->queue);
  run->seam.on_lost = on_lost;
  run->seam.user = run;
}

static void close_run(struct run *run) {
  FUZZ_CHECK(run->status == KVSP_OK || (run->status == KVSP_ERR_NOMEM &&
                                        run->memory.inner.failures > 0),
             "nothing but an allocation fails");
  kvsp_seam_free(&run->seam);
  kvsp_queue_free(&run->queue);
  fuzz_memory_check_empty(&run->memory);
  bytes_free(&run->all);
  bytes_free(&run->told);
}

/* ---- what comes out ------------------------------------------------------ */

static kvsp_view view_of(const char *text) {
  kvsp_view view = {(const uint8_t *)text, strlen(text)};
  return view;
}

static void note_complete(struct run *run, const struct piece *piece) {
  run->complete++;
  bytes_append(&run->told, piece->number, strlen(piece->number) + 1);
  if (piece->number[0] == '\0') return;
  FUZZ_CHECK(run->last[0] == '\0' ||
                 kvsp_fragment_number_compare(view_of(run->last),
                                              view_of(piece->number)) < 0,
             "no fragment is told twice, nor one behind another");
  memcpy(run->last, piece->number, sizeof run->last);
}

static void take(struct run *run) {
  const uint8_t *data = NULL;
  const struct piece *piece = kvsp_queue_front(&run->queue, &data);
  for (; piece; piece = kvsp_queue_front(&run->queue, &data)) {
    FUZZ_CHECK_2(piece->offset == run->all.len, "no byte is left out",
                 piece->offset, run->all.len);
    if (piece->len > 0) bytes_append(&run->all, data, piece->len);
    if (piece->flags & KVSP_PIECE_GAP) run->gaps++;
    if (piece->flags & KVSP_PIECE_COMPLETE) note_complete(run, piece);
    FUZZ_CHECK(run->gaps <= run->seam.counts.lost, "a gap counts as lost");
    kvsp_queue_pop(&run->queue);
  }
  FUZZ_CHECK(kvsp_queue_bytes(&run->queue) == 0, "all bytes are in pieces");
}

/* ---- a session ----------------------------------------------------------- */

static void feed(struct run *run, const uint8_t *data, size_t len) {
  uint8_t *copy = fuzz_copy(data, len);
  run->status = kvsp_seam_feed(&run->seam, copy, len);
  free(copy);
  run->had_error |= run->seam.error_id != 0;
  take(run);
}

static void session(struct run *run, const uint8_t *data, size_t len) {
  if (run->status == KVSP_OK) run->status = kvsp_seam_open(&run->seam);
  while (len > 0 && run->status == KVSP_OK) {
    size_t part = fuzz_cut(&run->cuts, len);
    feed(run, data, part);
    data += part;
    len -= part;
  }
  if (run->status == KVSP_OK) run->status = kvsp_seam_close(&run->seam);
  if (run->status == KVSP_OK) take(run);
}

/* ---- of a service -------------------------------------------------------- */

struct service {
  struct bytes all;
  size_t starts[FRAGMENTS_MAX + 1];
  unsigned count;
};

static void make_service(struct service *s, struct fuzz_input *in) {
  memset(s, 0, sizeof *s);
  s->count = 1 + fuzz_byte(in) % FRAGMENTS_MAX;
  for (unsigned i = 0; i < s->count; i++) {
    struct build_fragment fragment = {.number = i + 1,
                                      .frames = 1 + fuzz_byte(in) % 4,
                                      .frame_size = 1 + 40 * i};
    s->starts[i] = s->all.len;
    build_fragment(&s->all, &fragment);
  }
  s->starts[s->count] = s->all.len;
}

/* The number of the last complete fragment: build_fragment's end with it. */
static unsigned position(const struct run *run) {
  size_t len = strlen(run->seam.position);
  return len > 0 ? (unsigned)(run->seam.position[len - 1] - '0') : 0;
}

/* From behind the last complete fragment, or with it once more, so far. */
static void serve(struct run *run, const struct service *s, bool inclusive,
                  size_t len) {
  unsigned first = position(run);
  size_t start;
  if (inclusive && first > 0) first--;
  start = s->starts[first];
  if (len > s->all.len - start) len = s->all.len - start;
  session(run, s->all.data + start, len);
}

/* Three bytes of the input are a session. */
static void of_service(struct fuzz_input *in, size_t fail_at) {
  struct service s;
  struct run run;
  make_service(&s, in);
  open_run(&run, fail_at);
  fuzz_cuts_choose(&run.cuts, in);
  for (size_t at = 0; at + 3 <= in->size && at < 3 * SESSIONS_MAX; at += 3)
    serve(&run, &s, in->data[at] & 1,
          in->data[at + 1] + 256u * (in->data[at + 2] & 15u));
  serve(&run, &s, false, s.all.len);
  if (run.status == KVSP_OK) {
    FUZZ_CHECK_2(run.all.len == s.all.len, "all comes", run.all.len, s.all.len);
    FUZZ_CHECK(memcmp(run.all.data, s.all.data, s.all.len) == 0, "as it is");
    FUZZ_CHECK(run.complete == s.count && run.gaps + run.lost == 0,
               "each fragment is told once, and nothing else");
  }
  close_run(&run);
  bytes_free(&s.all);
}

/* ---- of any bytes -------------------------------------------------------- */

static void run_parts(struct run *run, const struct fuzz_input *in,
                      const size_t *cuts, unsigned count) {
  for (unsigned i = 0; i + 1 < count; i += 2) {
    size_t from = cuts[i] < cuts[i + 1] ? cuts[i] : cuts[i + 1];
    size_t to = cuts[i] < cuts[i + 1] ? cuts[i + 1] : cuts[i];
    session(run, in->data + from, to - from);
  }
}

static bool starts_alike(const struct bytes *a, const struct bytes *b) {
  size_t shorter = a->len < b->len ? a->len : b->len;
  return shorter == 0 || memcmp(a->data, b->data, shorter) == 0;
}

/* Of a broken stream what is in doubt when the session ends may be out already,
 * and its fragment told, or not: it comes again.  Apart from that, the pieces do
 * not matter. */
static void compare(const struct run *a, const struct run *b) {
  if (a->status != KVSP_OK || b->status != KVSP_OK) return;
  if (a->had_error || b->had_error) return; /* the owner ends the session */
  /* What is broken at the end of a fragment that is dropped goes with it as far
   * as it was looked at. */
  if (a->seam.counts.dropped > 0 || b->seam.counts.dropped > 0) return;
  FUZZ_CHECK(starts_alike(&a->all, &b->all),
             "the pieces do not matter to bytes");
  FUZZ_CHECK(starts_alike(&a->told, &b->told),
             "the pieces do not matter to fragments");
}

static void of_bytes(struct fuzz_input *in, size_t fail_at) {
  struct run whole;
  struct run pieces;
  size_t cuts[6];
  unsigned sessions = 1 + fuzz_byte(in) % 3;
  open_run(&whole, 0);
  open_run(&pieces, fail_at);
  fuzz_cuts_choose(&pieces.cuts, in);
  for (unsigned i = 0; i < 6; i++) {
    unsigned chosen = fuzz_byte(in);
    cuts[i] =
        i % 2 ? in->size - in->size * chosen / 256 : in->size * chosen / 256;
  }
  run_parts(&whole, in, cuts, 2 * sessions);
  run_parts(&pieces, in, cuts, 2 * sessions);
  if (sessions == 1) compare(&whole, &pieces);
  close_run(&whole);
  close_run(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in;
  unsigned kind;
  size_t fail_at;
  fuzz_input_open(&in, data, size);
  kind = fuzz_byte(&in);
  fail_at = fuzz_byte(&in);
  if (kind & 1)
    of_service(&in, fail_at);
  else
    of_bytes(&in, fail_at);
  return 0;
}
