#include "backoff.h"

#include "net_clock.h"

uint64_t kvsp_random_seed(const void *object) {
  uint64_t seed = (uint64_t)kvsp_clock_wall_ms() * 0x9E3779B97F4A7C15u ^
                  (uint64_t)(uintptr_t)object;
  return seed ? seed : 1;
}

uint64_t kvsp_random_next(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  *state = x;
  return x;
}

static int64_t base_ms(enum backoff_kind kind) {
  switch (kind) {
    case BACKOFF_THROTTLE: return 1000;
    case BACKOFF_IDLE: return 250;
    default: return 100;
  }
}

int64_t kvsp_backoff_ms(enum backoff_kind kind, unsigned attempt,
                        uint64_t *random) {
  int64_t max = kind == BACKOFF_IDLE ? BACKOFF_IDLE_MAX_MS : BACKOFF_MAX_MS;
  int64_t span = base_ms(kind);
  int64_t part;
  for (; attempt > 1 && span < max; attempt--) span *= 2;
  if (span > max) span = max;
  part = (int64_t)(kvsp_random_next(random) % (uint64_t)(span * 3 / 4 + 1));
  return span - part;
}

int64_t kvsp_gate_take(struct call_gate *gate, int64_t now_ms) {
  if (now_ms < gate->next_ms) return gate->next_ms - now_ms;
  gate->next_ms = now_ms + CALL_SPACING_MS;
  return 0;
}

int64_t kvsp_points_take(struct call_gate *gate, unsigned points,
                         int64_t now_ms) {
  int64_t span = ((int64_t)points * 1000 + MEDIA_POINTS_A_SECOND - 1) /
                 MEDIA_POINTS_A_SECOND;
  if (now_ms < gate->next_ms) return gate->next_ms - now_ms;
  gate->next_ms = now_ms + span;
  return 0;
}
