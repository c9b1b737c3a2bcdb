/*
 * fuzz_tokenizer.c - the tokenizer on any bytes, with any limits, collecting,
 * skipping and going on after faults as the input says: the same events
 * however the bytes are cut; offsets that rise, elements that nest, bytes that
 * were fed; limits that can be raised; memory under its limit; allocations
 * that fail.
 */
#include <kvsparse/tokenizer.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"

#define DEPTH_MAX 64
#define RAISES_MAX 256

/* What is done with an element whose content comes in pieces. */
enum handling { TAKE, COLLECT_ALL, COLLECT_SOME, SKIP };

enum way { LEND, RESERVE };

/* What the input chose. */
struct choices {
  uint32_t flags;
  unsigned handling; /* two bits for each of four kinds of elements          */
  bool resyncs;      /* after faults, and where limits are not raised       */
  bool raises;       /* limits                                              */
  kvsp_limits limits;
  struct fuzz_cuts cuts;
  size_t fail_at; /* this allocation fails, from 1; 0: none              */
};

struct open_element {
  uint64_t id, offset, end;
};

/* One run over the stream. */
struct run {
  const struct fuzz_input *in;
  const struct choices *choices;
  enum way way;
  struct fuzz_cuts cuts;
  struct fuzz_memory memory;
  kvsp_limits limits;
  unsigned raises;
  bool tells; /* all events, on standard error                              */
  kvsp_tokenizer *tokenizer;
  uint8_t *lent;
  size_t at; /* so many bytes are fed                                       */
  int status;

  uint64_t digest;
  uint64_t events;
  uint64_t faults;
  uint64_t last; /* where the last element begins                            */
  struct open_element open[DEPTH_MAX];
  unsigned depth;
  /* The blob that is open. */
  bool in_blob;
  uint64_t blob_at; /* where its next piece must be                        */
  uint64_t blob_end;
  uint64_t blob_want; /* bytes in a row that were asked for                  */
  uint64_t blob_hash;
};

/* ---- choices ------------------------------------------------------------------ */

static void choose(struct choices *c, struct fuzz_input *in) {
  unsigned bits;
  memset(c, 0, sizeof *c);
  bits = fuzz_byte(in);
  c->flags = bits & 1 ? KVSP_TOKENIZE_CHECK_CRC : 0;
  c->resyncs = bits & 2;
  c->raises = bits & 4;
  fuzz_cuts_choose(&c->cuts, in);
  c->handling = fuzz_byte(in);
  c->fail_at = fuzz_byte(in);
  c->limits.struct_size = sizeof c->limits;
  c->limits.max_depth = 1 + (uint32_t)fuzz_small(in);
  c->limits.max_value = fuzz_power(in);
  c->limits.max_frame = fuzz_power(in);
  c->limits.max_memory = UINT64_C(256) * fuzz_byte(in);
  if (!c->limits.max_value) c->limits.max_value = UINT64_C(1) << 20;
  if (!c->limits.max_frame) c->limits.max_frame = UINT64_C(64) << 20;
}

static bool is_limit(int status) {
  return status <= KVSP_ERR_LIMIT_DEPTH && status >= KVSP_ERR_LIMIT_MEMORY;
}

static bool is_fault(int status) {
  return status <= KVSP_ERR_EBML && status >= KVSP_ERR_COMPRESSION;
}

/* Whether the call may be repeated.  Which piece needs too much memory depends
 * on how the bytes are cut: that limit is always raised. */
static bool raise_limit(struct run *r, int status) {
  kvsp_limits *l = &r->limits;
  if (!is_limit(status)) return false;
  if (status != KVSP_ERR_LIMIT_MEMORY && !r->choices->raises) return false;
  FUZZ_CHECK(++r->raises < RAISES_MAX, "a limit can be raised");
  if (status == KVSP_ERR_LIMIT_DEPTH) l->max_depth *= 2;
  if (status == KVSP_ERR_LIMIT_VALUE) l->max_value *= 2;
  if (status == KVSP_ERR_LIMIT_FRAME) l->max_frame *= 2;
  if (status == KVSP_ERR_LIMIT_MEMORY) l->max_memory *= 2;
  r->memory.limit = l->max_memory ? l->max_memory : UINT64_MAX;
  if (r->tokenizer)
    FUZZ_CHECK(kvsp_tokenizer_set_limits(r->tokenizer, l) == KVSP_OK,
               "set_limits");
  return true;
}

static void check_failures(const struct run *r, size_t before, int status) {
  FUZZ_CHECK_2(
      (r->memory.inner.failures > before) == (status == KVSP_ERR_NOMEM),
      "KVSP_ERR_NOMEM is told when memory is missing", r->memory.inner.failures,
      before);
}

/* ---- events ------------------------------------------------------------------- */

static void mix_head(struct run *r, const kvsp_event *e) {
  r->digest = fuzz_mix(r->digest, (uint64_t)e->type << 32 | e->flags);
  r->digest = fuzz_mix(r->digest, e->id);
  r->digest = fuzz_mix(r->digest, (uint64_t)e->depth << 32 | e->header_size);
  r->digest = fuzz_mix(r->digest, e->offset);
  r->digest = fuzz_mix(r->digest, e->size);
}

static uint64_t end_of(const kvsp_event *e) {
  if (e->size == KVSP_SIZE_UNKNOWN) return KVSP_SIZE_UNKNOWN;
  return e->offset + e->header_size + e->size;
}

static void check_data(const struct run *r, const kvsp_event *e) {
  FUZZ_CHECK_2(e->data.len <= r->at && e->data_offset <= r->at - e->data.len,
               "an event's bytes were fed", e->data_offset, e->data.len);
  FUZZ_CHECK(
      e->data.len == 0 ||
          memcmp(e->data.data, r->in->data + e->data_offset, e->data.len) == 0,
      "an event's bytes are those that were fed");
}

/* The header of an element. */
static void check_head(struct run *r, const kvsp_event *e) {
  bool implied = e->flags & KVSP_EVENT_IMPLIED;
  uint64_t end = end_of(e);
  FUZZ_CHECK(!r->in_blob, "a blob ends before an element begins");
  FUZZ_CHECK_2(e->depth == r->depth, "an element's depth", e->depth, r->depth);
  FUZZ_CHECK_2(e->offset >= r->last, "elements' offsets rise", e->offset,
               r->last);
  FUZZ_CHECK_2(e->data_offset == e->offset + e->header_size,
               "a payload follows its header", e->data_offset, e->offset);
  FUZZ_CHECK_2(implied ? e->header_size == 0 : e->header_size >= 2,
               "a header's size", e->header_size, e->offset);
  /* After a resync the sizes of masters may be what was wrong. */
  if (r->depth > 0 && r->faults == 0 && end != KVSP_SIZE_UNKNOWN)
    FUZZ_CHECK_2(end <= r->open[r->depth - 1].end,
                 "an element lies in its parent", end,
                 r->open[r->depth - 1].end);
  r->last = e->offset;
}

static void push(struct run *r, const kvsp_event *e) {
  struct open_element *o = &r->open[r->depth];
  FUZZ_CHECK_2(r->depth < r->limits.max_depth || r->faults > 0,
               "depth is under its limit", r->depth, r->limits.max_depth);
  FUZZ_CHECK(r->depth < DEPTH_MAX, "depth is bounded");
  o->id = e->id;
  o->offset = e->offset;
  o->end = end_of(e);
  if (r->depth > 0 && r->open[r->depth - 1].end < o->end)
    o->end = r->open[r->depth - 1].end;
  r->depth++;
}

static void pop(struct run *r, const kvsp_event *e) {
  const struct open_element *o;
  FUZZ_CHECK(r->depth > 0, "only what began ends");
  o = &r->open[--r->depth];
  FUZZ_CHECK_2(e->id == o->id && e->offset == o->offset && e->depth == r->depth,
               "the innermost element ends", e->offset, o->offset);
  FUZZ_CHECK_2(e->data_offset <= r->at, "an end is where bytes were fed",
               e->data_offset, r->at);
}

/* ---- blobs -------------------------------------------------------------------- */

static void begin_blob(struct run *r, const kvsp_event *e) {
  r->in_blob = true;
  r->blob_at = e->data_offset;
  r->blob_end = e->data_offset + e->size;
  r->blob_want = 0;
  r->blob_hash = 0;
}

/* The same whatever the pieces are. */
static void mix_piece(struct run *r, const kvsp_event *e) {
  for (size_t i = 0; i < e->data.len; i++)
    r->blob_hash = (r->blob_hash ^ e->data.data[i]) * UINT64_C(1099511628211);
}

static void take_piece(struct run *r, const kvsp_event *e) {
  uint64_t left = r->blob_end - r->blob_at;
  FUZZ_CHECK(r->in_blob, "a piece belongs to a blob");
  FUZZ_CHECK(e->data.len > 0 && e->data.len <= left, "a piece's size");
  FUZZ_CHECK_2(e->data_offset == r->blob_at, "one piece follows the other",
               e->data_offset, r->blob_at);
  FUZZ_CHECK_2(e->data.len >= r->blob_want || e->data.len == left,
               "as many bytes in a row as were wanted", e->data.len,
               r->blob_want);
  r->blob_want = 0;
  r->blob_at += e->data.len;
  mix_piece(r, e);
}

static void end_blob(struct run *r, const kvsp_event *e, bool was_cut) {
  FUZZ_CHECK_2(e->data_offset == r->blob_end || was_cut,
               "a blob ends where it has to", e->data_offset, r->blob_end);
  r->digest = fuzz_mix(r->digest, r->blob_hash);
  r->in_blob = false;
}

static enum handling handling_of(const struct run *r, const kvsp_event *e) {
  unsigned kind = (unsigned)(e->id ^ e->id >> 3) & 3;
  return (enum handling)(r->choices->handling >> 2 * kind & 3);
}

/* Collects or skips what has just begun. */
static void handle(struct run *r, const kvsp_event *e) {
  bool is_blob = e->type == KVSP_EVENT_BLOB_BEGIN;
  enum handling how = handling_of(r, e);
  uint64_t want = how == COLLECT_SOME ? 10 : e->size;
  kvsp_event copy = *e;
  int rc;
  if (how == TAKE) return;
  if (how == SKIP) {
    rc = kvsp_tokenizer_skip(r->tokenizer);
  } else {
    do rc = kvsp_tokenizer_collect(r->tokenizer, want);
    while (raise_limit(r, rc));
  }
  r->digest = fuzz_mix(r->digest, (uint64_t)rc);
  if (!is_blob && copy.size == KVSP_SIZE_UNKNOWN) {
    FUZZ_CHECK(rc == KVSP_ERR_STATE, "a master of unknown size is no blob");
    return;
  }
  FUZZ_CHECK_2(rc == KVSP_OK || rc == KVSP_ERR_LIMIT_FRAME,
               "what begins can be collected or skipped", rc, how);
  if (rc == KVSP_OK && !is_blob) begin_blob(r, &copy);
  if (rc == KVSP_OK && how != SKIP) r->blob_want = want;
}

static void tell(const struct run *r, const char *what, uint64_t number,
                 uint64_t id) {
  if (r->tells)
    fprintf(stderr, "  %s %llu, id %llX, of %zu bytes\n", what,
            (unsigned long long)number, (unsigned long long)id, r->at);
}

static void take_event(struct run *r, const kvsp_event *e) {
  static const char *const names[] = {
      "?", "MASTER_BEGIN", "MASTER_END", "VALUE", "BLOB_BEGIN", "DATA", "END"};
  FUZZ_CHECK(e->type >= 1 && e->type <= 6, "an event of a known type");
  tell(r, names[e->type], e->offset, e->id);
  r->events++;
  FUZZ_CHECK_2(r->events <= 8 * r->at + 1000, "events come to an end",
               r->events, r->at);
  FUZZ_CHECK(e->info == kvsp_element_by_id(e->id), "info is the ID's");
  if (e->type == KVSP_EVENT_BLOB_DATA) {
    check_data(r, e);
    take_piece(r, e);
    return;
  }
  mix_head(r, e);
  switch (e->type) {
    case KVSP_EVENT_MASTER_BEGIN:
      check_head(r, e);
      push(r, e);
      if (!(e->flags & KVSP_EVENT_IMPLIED)) handle(r, e);
      break;
    case KVSP_EVENT_MASTER_END:
      if (r->in_blob) end_blob(r, e, r->faults > 0);
      r->digest = fuzz_mix(r->digest, e->data_offset);
      pop(r, e);
      break;
    case KVSP_EVENT_VALUE:
      check_head(r, e);
      check_data(r, e);
      FUZZ_CHECK(e->data.len == e->size, "a value is whole");
      FUZZ_CHECK(e->size <= r->limits.max_value, "a value is under its limit");
      r->digest = fuzz_mix_bytes(r->digest, e->data.data, e->data.len);
      break;
    case KVSP_EVENT_BLOB_BEGIN:
      check_head(r, e);
      begin_blob(r, e);
      handle(r, e);
      break;
    case KVSP_EVENT_BLOB_END: end_blob(r, e, r->faults > 0); break;
    default: break;
  }
}

/* ---- faults ------------------------------------------------------------------- */

/* Whether there is more to come after a fault. */
static bool go_on(struct run *r, int status) {
  const kvsp_error_info *error = kvsp_tokenizer_error(r->tokenizer);
  const kvsp_event *e;
  if (!is_fault(status) && !is_limit(status)) return false;
  tell(r, kvsp_status_name(status), error->offset, error->element_id);
  FUZZ_CHECK_2(error->status == status, "the error is told", error->status,
               status);
  FUZZ_CHECK_2(error->offset <= r->at, "an error is where bytes were fed",
               error->offset, r->at);
  r->digest = fuzz_mix(r->digest, (uint64_t)status);
  r->digest = fuzz_mix(r->digest, error->offset);
  r->digest = fuzz_mix(r->digest, error->element_id);
  FUZZ_CHECK(kvsp_tokenizer_next(r->tokenizer, &e) == status,
             "the same comes again");
  if (!r->choices->resyncs) return false;
  FUZZ_CHECK_2(++r->faults <= 2 * r->at + 100, "faults come to an end",
               r->faults, r->at);
  r->in_blob = false;
  FUZZ_CHECK(kvsp_tokenizer_resync(r->tokenizer) == KVSP_OK, "a resync");
  FUZZ_CHECK(kvsp_tokenizer_resync(r->tokenizer) == KVSP_ERR_STATE,
             "no resync without an error");
  return true;
}

static int drain(struct run *r) {
  const kvsp_event *e;
  int rc;
  do {
    size_t before = r->memory.inner.failures;
    rc = kvsp_tokenizer_next(r->tokenizer, &e);
    FUZZ_CHECK((rc == KVSP_OK) == (e != NULL), "an event or none");
    check_failures(r, before, rc);
    FUZZ_CHECK(kvsp_tokenizer_offset(r->tokenizer) <= r->at,
               "an offset in what was fed");
    if (rc == KVSP_OK) take_event(r, e);
  } while (rc == KVSP_OK || raise_limit(r, rc) || go_on(r, rc));
  return rc;
}

/* ---- feeding ------------------------------------------------------------------ */

static int lend(struct run *r, size_t len, unsigned flags) {
  uint8_t *old = r->lent;
  int rc;
  r->lent = fuzz_copy(r->in->data + r->at, len);
  free(old);
  r->at += len;
  rc = kvsp_tokenizer_input(r->tokenizer, r->lent, len, flags);
  FUZZ_CHECK_2(rc == KVSP_OK, "input is taken", rc, r->at);
  return drain(r);
}

static int fill(struct run *r, size_t len, size_t left) {
  size_t before = r->memory.inner.failures;
  void *room = NULL;
  size_t capacity = 0;
  int rc;
  do rc = kvsp_tokenizer_reserve(r->tokenizer, len, &room, &capacity);
  while (raise_limit(r, rc));
  check_failures(r, before, rc);
  if (rc != KVSP_OK) return rc;
  FUZZ_CHECK(capacity > 0, "there is room");
  if (len > capacity) len = capacity;
  memset(room, 0xEE, capacity);
  if (len > 0) memcpy(room, r->in->data + r->at, len);
  r->at += len;
  rc = kvsp_tokenizer_commit(r->tokenizer, len, len == left ? KVSP_FINAL : 0);
  FUZZ_CHECK_2(rc == KVSP_OK, "what was filled is taken", rc, len);
  return drain(r);
}

static void feed_all(struct run *r) {
  do {
    size_t left = r->in->size - r->at;
    size_t len = fuzz_cut(&r->cuts, left);
    if (r->way == RESERVE)
      r->status = fill(r, len, left);
    else
      r->status = lend(r, len, len == left ? KVSP_FINAL : 0);
  } while (r->status == KVSP_NEED_INPUT);
}

static void open_tokenizer(struct run *r) {
  kvsp_tokenizer_config config = {.struct_size = sizeof config};
  size_t before = r->memory.inner.failures;
  config.allocator = &r->memory.allocator;
  config.limits = &r->limits;
  config.flags = r->choices->flags;
  do r->status = kvsp_tokenizer_new(&r->tokenizer, &config);
  while (raise_limit(r, r->status));
  check_failures(r, before, r->status);
}

static void check_end(const struct run *r) {
  if (r->status == KVSP_END)
    FUZZ_CHECK_2(r->depth == 0 && !r->in_blob, "all that began has ended",
                 r->depth, r->at);
  else
    FUZZ_CHECK_2(is_fault(r->status) || is_limit(r->status) ||
                     r->status == KVSP_ERR_NOMEM,
                 "a status that stands in the header", r->status, r->at);
  if (r->choices->resyncs && !r->memory.inner.failures)
    FUZZ_CHECK_2(r->status == KVSP_END, "a resync goes on", r->status, r->at);
}

static void begin(struct run *r, const struct fuzz_input *in,
                  const struct choices *c, enum way way) {
  memset(r, 0, sizeof *r);
  r->in = in;
  r->choices = c;
  r->way = way;
  r->cuts = c->cuts;
  r->limits = c->limits;
  fuzz_memory_init(&r->memory);
  if (r->limits.max_memory) r->memory.limit = r->limits.max_memory;
}

static void end(struct run *r) {
  kvsp_tokenizer_free(r->tokenizer);
  free(r->lent);
  fuzz_memory_check_empty(&r->memory);
}

static void run_once(struct run *r, const struct fuzz_input *in,
                     const struct choices *c, enum way way) {
  begin(r, in, c, way);
  open_tokenizer(r);
  feed_all(r);
  check_end(r);
  end(r);
}

/* Once more, for the eyes. */
static void tell_all(const struct run *of) {
  struct run r;
  begin(&r, of->in, of->choices, of->way);
  r.tells = true;
  fprintf(stderr, "status %d:\n", of->status);
  open_tokenizer(&r);
  feed_all(&r);
  end(&r);
}

static void compare(const struct run *a, const struct run *b,
                    const char *what) {
  /* The search gives up what it would need more memory for to judge, which
   * depends on how much of it is there already. */
  if (a->choices->resyncs && a->choices->limits.max_memory) return;
  if (a->status == b->status && a->digest == b->digest) return;
  tell_all(a);
  tell_all(b);
  FUZZ_CHECK_2(a->status == b->status && a->digest == b->digest, what,
               a->events, b->events);
}

/* One allocation fails; after a reset, all is as ever. */
static void check_failure(const struct run *whole, const struct fuzz_input *in,
                          const struct choices *cut) {
  struct run failed, again;
  begin(&failed, in, cut, cut->fail_at % 2 ? RESERVE : LEND);
  failed.memory.inner.fail_at = cut->fail_at;
  open_tokenizer(&failed);
  if (failed.tokenizer) {
    feed_all(&failed);
    check_end(&failed);
    FUZZ_CHECK(kvsp_tokenizer_reset(failed.tokenizer) == KVSP_OK, "a reset");
    begin(&again, in, cut, LEND);
    again.limits = failed.limits;
    again.tokenizer = failed.tokenizer;
    failed.memory.inner.fail_at = 0;
    failed.memory.limit = UINT64_MAX;
    again.raises = failed.raises;
    feed_all(&again);
    if (!cut->raises) compare(whole, &again, "a reset tokenizer");
    free(again.lent);
  }
  end(&failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in;
  struct choices cut, plain, bytes;
  struct run whole, other;
  fuzz_input_open(&in, data, size);
  choose(&cut, &in);
  plain = bytes = cut;
  memset(&plain.cuts, 0, sizeof plain.cuts);
  fuzz_cuts_bytes(&bytes.cuts, in.size);
  run_once(&whole, &in, &plain, LEND);
  run_once(&other, &in, &bytes, LEND);
  compare(&whole, &other, "byte by byte gives the same");
  run_once(&other, &in, &cut, LEND);
  compare(&whole, &other, "pieces give the same");
  run_once(&other, &in, &cut, RESERVE);
  compare(&whole, &other, "reserve gives the same");
  if (cut.fail_at) check_failure(&whole, &in, &cut);
  return 0;
}
