#include "times.h"

#include <stdbool.h>

#define NS_PER_SECOND 1000000000

int64_t kvsp_time_scale(int64_t ticks, uint64_t scale) {
  int64_t ns;
  if (ticks == KVSP_TIME_NONE || scale > INT64_MAX) return KVSP_TIME_NONE;
  if (__builtin_mul_overflow(ticks, (int64_t)scale, &ns)) return KVSP_TIME_NONE;
  return ns;
}

int64_t kvsp_time_add(int64_t a, int64_t b) {
  int64_t sum;
  if (a == KVSP_TIME_NONE || b == KVSP_TIME_NONE) return KVSP_TIME_NONE;
  if (__builtin_add_overflow(a, b, &sum)) return KVSP_TIME_NONE;
  return sum;
}

int64_t kvsp_time_subtract(int64_t a, int64_t b) {
  int64_t difference;
  if (a == KVSP_TIME_NONE || b == KVSP_TIME_NONE) return KVSP_TIME_NONE;
  if (__builtin_sub_overflow(a, b, &difference)) return KVSP_TIME_NONE;
  return difference;
}

/* A Block's own time, whose track has an unusual scale: ticks have a fraction
 * then, and it is rounded in nanoseconds. */
static int64_t scaled_block(int16_t block, uint64_t track_scale,
                            uint64_t scale) {
  bool negative = block < 0;
  uint64_t ticks = (uint64_t)(negative ? -(int64_t)block : block);
  uint64_t product, ns, rest;
  if (__builtin_mul_overflow(ticks, track_scale, &product))
    return KVSP_TIME_NONE;
  rest = product & UINT32_MAX;
  if (__builtin_mul_overflow(product >> 32, scale, &ns) ||
      __builtin_mul_overflow(rest, scale, &rest) || ns > INT64_MAX / 2)
    return KVSP_TIME_NONE;
  ns += (rest >> 32) + (rest >> 31 & 1);
  return negative ? -(int64_t)ns : (int64_t)ns;
}

int64_t kvsp_time_of_block(uint64_t cluster, int16_t block,
                           uint64_t track_scale, uint64_t scale) {
  if (cluster > INT64_MAX) return KVSP_TIME_NONE;
  if (track_scale == UINT64_C(1) << 32)
    return kvsp_time_scale(kvsp_time_add((int64_t)cluster, block), scale);
  return kvsp_time_add(kvsp_time_scale((int64_t)cluster, scale),
                       scaled_block(block, track_scale, scale));
}

/* Takes a sign off the front. */
static bool take_sign(kvsp_view *text) {
  bool negative = text->len > 0 && text->data[0] == '-';
  bool sign = negative || (text->len > 0 && text->data[0] == '+');
  if (sign) {
    text->data++;
    text->len--;
  }
  return negative;
}

/* Takes the digits off the front; false when there is none, or too many. */
static bool take_digits(kvsp_view *text, int64_t *value) {
  size_t digits = 0;
  *value = 0;
  for (; text->len > 0; digits++) {
    int digit = text->data[0] - '0';
    if (digit < 0 || digit > 9) break;
    if (__builtin_mul_overflow(*value, 10, value) ||
        __builtin_add_overflow(*value, digit, value))
      return false;
    text->data++;
    text->len--;
  }
  return digits > 0;
}

int64_t kvsp_time_parse_integer(kvsp_view text) {
  bool negative = take_sign(&text);
  int64_t value;
  if (!take_digits(&text, &value) || text.len) return KVSP_TIME_NONE;
  return negative ? -value : value;
}

/* Nanoseconds of the decimals behind the dot; -1 when they are no digits. */
static int64_t parse_decimals(kvsp_view text) {
  int64_t ns = 0;
  int64_t unit = NS_PER_SECOND / 10;
  for (size_t i = 0; i < text.len; i++) {
    int digit = text.data[i] - '0';
    if (digit < 0 || digit > 9) return -1;
    ns += digit * unit;
    unit /= 10;
  }
  return ns;
}

int64_t kvsp_time_parse_seconds(kvsp_view text) {
  bool negative = take_sign(&text);
  int64_t seconds, decimals = 0, ns;
  if (!take_digits(&text, &seconds)) return KVSP_TIME_NONE;
  if (text.len) {
    if (text.data[0] != '.') return KVSP_TIME_NONE;
    text.data++;
    text.len--;
    decimals = parse_decimals(text);
    if (decimals < 0) return KVSP_TIME_NONE;
  }
  ns = kvsp_time_add(kvsp_time_scale(seconds, NS_PER_SECOND), decimals);
  return negative && ns != KVSP_TIME_NONE ? -ns : ns;
}
