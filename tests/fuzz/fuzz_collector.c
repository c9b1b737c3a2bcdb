/*
 * fuzz_collector.c - what a merger, a finisher and an extractor would write,
 * fetched when it pleases: all bytes that were taken come out, once, in their
 * order and at their offsets; what joins is one piece, what does not is none;
 * memory under its limit; what fails took nothing; an allocation that fails
 * does no harm.
 */
#include <kvsparse/collector.h>
#include <kvsparse/extractor.h>
#include <kvsparse/merger.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
#include "support/mux.h"

#define EXPECTED_MAX 4096

enum writer { MERGE, SEGMENT, WRITE, EXTRACT };

struct expected {
  size_t len;
  uint64_t offset;
  uint64_t segment;
  uint32_t reason;
  uint32_t flags;
};

struct collecting {
  struct fuzz_memory memory;
  kvsp_collector *collector;
  struct bytes bytes; /* what is to come                                   */
  struct expected pieces[EXPECTED_MAX];
  size_t count;
  size_t fetched, fetched_bytes;
  uint64_t written;
  uint64_t segment;
};

static void forget(struct collecting *c) {
  c->bytes.len = 0;
  c->count = 0;
  c->fetched = 0;
  c->fetched_bytes = 0;
}

/* ---- out ----------------------------------------------------------------- */

static void check_piece(struct collecting *c, const kvsp_collected *piece) {
  const struct expected *e = &c->pieces[c->fetched++];
  FUZZ_CHECK_2(piece->data.len == e->len, "its bytes", piece->data.len, e->len);
  FUZZ_CHECK_2(piece->offset == e->offset, "its offset", piece->offset,
               e->offset);
  FUZZ_CHECK(
      e->len == 0 || memcmp(piece->data.data, c->bytes.data + c->fetched_bytes,
                            e->len) == 0,
      "what went in comes out");
  FUZZ_CHECK(piece->segment == e->segment && piece->reason == e->reason &&
                 piece->flags == e->flags,
             "what is known of it");
  c->fetched_bytes += e->len;
}

static void fetch(struct collecting *c, unsigned most) {
  const kvsp_collected *piece;
  int rc = KVSP_OK;
  for (; most > 0 && rc == KVSP_OK; most--) {
    rc = kvsp_collector_next(c->collector, &piece);
    FUZZ_CHECK((rc == KVSP_END) == (c->fetched == c->count),
               "as many pieces as were written");
    if (rc == KVSP_OK) check_piece(c, piece);
  }
  FUZZ_CHECK(rc == KVSP_OK || (rc == KVSP_END && !piece), "a piece, or none");
}

/* ---- in ------------------------------------------------------------------ */

static int call(struct collecting *c, enum writer writer, uint64_t offset,
                const uint8_t *data, size_t len) {
  kvsp_fragment fragment = {.index = 7, .producer_time_ns = 9};
  kvsp_merge_segment segment = {c->segment + 1, KVSP_MERGE_FIRST, 0, &fragment};
  kvsp_extract extract = {{data, len}, 5, 1, 0, 0};
  switch (writer) {
    case MERGE: return kvsp_collect_merge(c->collector, data, len, NULL);
    case SEGMENT: return kvsp_collect_merge(c->collector, data, len, &segment);
    case WRITE: return kvsp_collect_write(c->collector, offset, data, len);
    default: return kvsp_collect_extract(c->collector, &extract);
  }
}

static void expect_piece(struct collecting *c, enum writer writer,
                         uint64_t offset, size_t len) {
  struct expected *last = c->count > c->fetched ? &c->pieces[c->count - 1] : 0;
  struct expected *e = &c->pieces[c->count];
  if ((writer == MERGE || writer == WRITE) && last &&
      last->offset + last->len == offset) {
    last->len += len;
    return;
  }
  memset(e, 0, sizeof *e);
  if (writer == SEGMENT) {
    c->segment++;
    e->reason = KVSP_MERGE_FIRST;
  }
  if (writer == EXTRACT) e->flags = 1;
  e->len = len;
  e->offset = offset;
  e->segment = c->segment;
  c->count++;
}

static void put(struct collecting *c, enum writer writer, unsigned back,
                const uint8_t *data, size_t len) {
  uint64_t offset = c->written;
  int rc;
  if (writer == WRITE && back <= offset) offset -= back;
  rc = call(c, writer, offset, data, len);
  if (c->fetched == c->count) forget(c);
  if (rc == KVSP_OK) {
    expect_piece(c, writer, offset, len);
    bytes_append(&c->bytes, data, len);
    c->written += len;
    return;
  }
  FUZZ_CHECK((rc == KVSP_ERR_NOMEM && c->memory.inner.failures > 0) ||
                 (rc == KVSP_ERR_LIMIT_MEMORY && c->memory.limit != UINT64_MAX),
             "a limit or an allocation");
}

/* ---- all of it ----------------------------------------------------------- */

/* Two bytes are a call: what it is, and how many of the next bytes it gets. */
static void run(struct collecting *c, const struct fuzz_input *in) {
  size_t at = 0;
  while (at + 2 <= in->size && c->count < EXPECTED_MAX) {
    unsigned what = in->data[at];
    size_t len = in->data[at + 1];
    at += 2;
    if (len > in->size - at) len = in->size - at;
    if (what == 255) {
      FUZZ_CHECK(kvsp_collector_reset(c->collector) == KVSP_OK, "reset");
      forget(c);
      c->written = 0;
      c->segment = 0;
    }
    put(c, (enum writer)(what & 3), what >> 2 & 3, in->data + at, len);
    if (what & 16) fetch(c, what >> 5);
    at += len;
  }
  fetch(c, EXPECTED_MAX + 1);
}

static int open_collector(struct collecting *c, struct fuzz_input *in) {
  kvsp_collector_config config = {.struct_size = sizeof config};
  fuzz_memory_init(&c->memory);
  c->memory.inner.fail_at = fuzz_byte(in);
  config.allocator = &c->memory.allocator;
  config.max_memory = UINT64_C(64) * fuzz_byte(in);
  if (config.max_memory > 0) c->memory.limit = config.max_memory;
  return kvsp_collector_new(&c->collector, &config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct collecting c;
  struct fuzz_input in;
  memset(&c, 0, sizeof c);
  fuzz_input_open(&in, data, size);
  if (open_collector(&c, &in) == KVSP_OK) {
    run(&c, &in);
    kvsp_collector_free(c.collector);
  }
  fuzz_memory_check_empty(&c.memory);
  bytes_free(&c.bytes);
  return 0;
}
