#include "support/damage.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED UINT64_C(88172645463325252)

void damage_free(struct damage *d) {
  bytes_free(&d->data);
  free(d->spans);
  d->spans = NULL;
  d->span_count = d->span_capacity = 0;
}

/* ---- putting a stream together ------------------------------------------- */

static void begin(struct damage *d) {
  d->data.len = 0;
  d->span_count = 0;
}

static void add_span(struct damage *d, struct damage_span span) {
  if (d->span_count == d->span_capacity) {
    d->span_capacity = d->span_capacity ? 2 * d->span_capacity : 8;
    d->spans = realloc(d->spans, d->span_capacity * sizeof *d->spans);
    if (d->spans == NULL) abort();
  }
  d->spans[d->span_count++] = span;
}

static void keep(struct damage *d, const struct bytes *stream, size_t from,
                 size_t to) {
  struct damage_span span = {d->data.len, from, to - from};
  if (from >= to) return;
  bytes_append(&d->data, stream->data + from, to - from);
  add_span(d, span);
}

/* Marsaglia's xorshift. */
static uint64_t next_random(uint64_t *state) {
  uint64_t x = *state ? *state : SEED;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  *state = x;
  return x;
}

size_t damage_random(uint64_t *state, size_t limit) {
  return (size_t)((next_random(state) >> 16) % limit);
}

static void add_random(struct damage *d, size_t n) {
  for (; n > 0; n--) {
    uint8_t byte = (uint8_t)(next_random(&d->random) >> 32);
    bytes_append(&d->data, &byte, 1);
  }
}

/* ---- the kinds of damage ------------------------------------------------- */

void damage_cut(struct damage *d, const struct bytes *stream, size_t p,
                size_t next) {
  damage_drop(d, stream, p, next);
  snprintf(d->what, sizeof d->what, "cut %zu, next %zu", p, next);
}

void damage_cut_end(struct damage *d, const struct bytes *stream, size_t p) {
  begin(d);
  keep(d, stream, 0, p);
  snprintf(d->what, sizeof d->what, "end %zu", p);
}

void damage_join(struct damage *d, const struct bytes *stream, size_t p) {
  begin(d);
  keep(d, stream, p, stream->len);
  snprintf(d->what, sizeof d->what, "join %zu", p);
}

void damage_insert(struct damage *d, const struct bytes *stream, size_t p,
                   size_t n) {
  begin(d);
  keep(d, stream, 0, p);
  add_random(d, n);
  keep(d, stream, p, stream->len);
  snprintf(d->what, sizeof d->what, "insert %zu+%zu", p, n);
}

void damage_overwrite(struct damage *d, const struct bytes *stream, size_t p,
                      size_t n) {
  begin(d);
  if (n > stream->len - p) n = stream->len - p;
  keep(d, stream, 0, p);
  add_random(d, n);
  keep(d, stream, p + n, stream->len);
  snprintf(d->what, sizeof d->what, "overwrite %zu+%zu", p, n);
}

void damage_flip(struct damage *d, const struct bytes *stream, size_t p,
                 unsigned bit) {
  uint8_t byte = (uint8_t)(stream->data[p] ^ 1u << bit);
  begin(d);
  keep(d, stream, 0, p);
  bytes_append(&d->data, &byte, 1);
  keep(d, stream, p + 1, stream->len);
  snprintf(d->what, sizeof d->what, "flip %zu.%u", p, bit);
}

void damage_drop(struct damage *d, const struct bytes *stream, size_t from,
                 size_t to) {
  begin(d);
  keep(d, stream, 0, from);
  keep(d, stream, to, stream->len);
  snprintf(d->what, sizeof d->what, "drop %zu-%zu", from, to);
}

void damage_duplicate(struct damage *d, const struct bytes *stream, size_t from,
                      size_t to) {
  begin(d);
  keep(d, stream, 0, to);
  keep(d, stream, from, stream->len);
  snprintf(d->what, sizeof d->what, "duplicate %zu-%zu", from, to);
}

/* ---- which byte is which ------------------------------------------------- */

bool damage_origin(const struct damage *d, size_t at, size_t *from) {
  for (size_t i = 0; i < d->span_count; i++) {
    const struct damage_span *s = &d->spans[i];
    if (at < s->at || at - s->at >= s->len) continue;
    *from = s->from + (at - s->at);
    return true;
  }
  return false;
}

bool damage_find(const struct damage *d, size_t from, size_t to, size_t after,
                 size_t *at) {
  for (size_t i = 0; i < d->span_count; i++) {
    const struct damage_span *s = &d->spans[i];
    if (from < s->from || to > s->from + s->len) continue;
    if (s->at + (from - s->from) < after) continue;
    *at = s->at + (from - s->from);
    return true;
  }
  return false;
}
