/*
 * fuzz_ebml.c - EBML's numbers and values: what the reading functions take,
 * the writing functions write back, byte for byte where there is one way only;
 * and nobody looks beyond the bytes given.  The whole input is the stream.
 */
#include <kvsparse/ebml.h>
#include <math.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"

/* Places of the input that are looked at, with up to so many bytes each. */
#define PLACES_MAX 16
#define LONGEST 9
#define UNTOUCHED 0xA5
#define CODEC_PRIVATE KVSP_ID_CODEC_PRIVATE

static uint64_t all_ones(int length) {
  return (UINT64_C(1) << (7 * length)) - 1;
}

static int first_bit(uint8_t byte) {
  int length = 1;
  while (length <= 8 && !(byte & 0x80 >> (length - 1))) length++;
  return length;
}

/* What all three readers of VINTs have to return, but for IDs that are
 * reserved. */
static int expected_length(kvsp_view v) {
  if (v.len == 0) return 0;
  if (v.data[0] == 0) return KVSP_ERR_EBML;
  return (size_t)first_bit(v.data[0]) <= v.len ? first_bit(v.data[0]) : 0;
}

static void check_written(kvsp_view v, const uint8_t *out, size_t written,
                          int length) {
  FUZZ_CHECK_2(written == (size_t)length, "as long as it was", written, length);
  FUZZ_CHECK(memcmp(out, v.data, written) == 0, "the same bytes");
}

/* All bits one are reserved, and so is what fits in fewer bytes, where they
 * are not all one (RFC 8794, 5). */
static bool is_reserved(kvsp_view v, int length) {
  uint64_t number = v.data[0] & (0xFF >> length);
  for (int i = 1; i < length; i++) number = number << 8 | v.data[i];
  if (number == all_ones(length)) return true;
  return length > 1 && number < all_ones(length - 1);
}

static void check_id(kvsp_view v) {
  uint8_t out[9];
  uint64_t id = 0;
  int length = kvsp_ebml_read_id(v, &id);
  int expected = expected_length(v);
  if (expected > 0 && is_reserved(v, expected)) expected = KVSP_ERR_EBML;
  FUZZ_CHECK_2(length == expected, "an ID's length", length, expected);
  if (length <= 0) return;
  memset(out, UNTOUCHED, sizeof out);
  FUZZ_CHECK(kvsp_ebml_write_id(out, (size_t)length - 1, id) == 0,
             "an ID that does not fit");
  FUZZ_CHECK(out[0] == UNTOUCHED, "nothing is written then");
  check_written(v, out, kvsp_ebml_write_id(out, 8, id), length);
  FUZZ_CHECK(out[length] == UNTOUCHED, "nothing is written behind it");
}

static void check_size(kvsp_view v) {
  uint8_t out[9];
  uint64_t size = 0, again = 0;
  int length = kvsp_ebml_read_size(v, &size);
  kvsp_view shortest = {out, 0};
  FUZZ_CHECK(length == expected_length(v), "a size's length");
  if (length <= 0) return;
  memset(out, UNTOUCHED, sizeof out);
  check_written(v, out, kvsp_ebml_write_size(out, 8, size, (unsigned)length),
                length);
  FUZZ_CHECK(out[length] == UNTOUCHED, "nothing is written behind it");
  FUZZ_CHECK(kvsp_ebml_write_size(out, (size_t)length - 1, size,
                                  (unsigned)length) == 0,
             "a size that does not fit");
  shortest.len = kvsp_ebml_write_size(out, 8, size, 0);
  FUZZ_CHECK(shortest.len > 0 && shortest.len <= (size_t)length,
             "the fewest bytes");
  FUZZ_CHECK(kvsp_ebml_read_size(shortest, &again) == (int)shortest.len &&
                 again == size,
             "the same size");
}

static void check_vint(kvsp_view v) {
  uint64_t number = 0;
  int64_t difference = 0;
  int length = kvsp_ebml_read_vint(v, &number);
  FUZZ_CHECK(length == expected_length(v), "a VINT's length");
  FUZZ_CHECK(kvsp_ebml_read_signed_vint(v, &difference) == length,
             "both of one length");
  if (length <= 0) return;
  FUZZ_CHECK(number <= all_ones(length), "no marker is left");
  FUZZ_CHECK(difference == (int64_t)number - (int64_t)(all_ones(length) >> 1),
             "a signed VINT's middle is 0");
}

/* The payload of the one element in out; ends the program if it is not one. */
static kvsp_view payload_of(const uint8_t *out, size_t len, uint64_t id) {
  kvsp_view v = {out, len};
  uint64_t got_id = 0, size = 0;
  int n = kvsp_ebml_read_id(v, &got_id);
  FUZZ_CHECK(n > 0 && got_id == id, "the element's ID");
  v.data += n;
  v.len -= (size_t)n;
  n = kvsp_ebml_read_size(v, &size);
  FUZZ_CHECK(n > 0 && size == v.len - (size_t)n, "the element's size");
  v.data += n;
  v.len -= (size_t)n;
  return v;
}

static void check_uint(kvsp_view v) {
  uint8_t out[16];
  uint64_t value = 0, again = 1;
  size_t len;
  int rc = kvsp_ebml_uint(v, &value);
  FUZZ_CHECK(rc == (v.len <= 8 ? KVSP_OK : KVSP_ERR_SCHEMA), "a uint");
  if (rc != KVSP_OK) return;
  len = kvsp_ebml_write_uint(out, sizeof out, KVSP_ID_TIMESTAMP, value);
  FUZZ_CHECK(len > 0, "a uint can be written");
  FUZZ_CHECK(kvsp_ebml_write_uint(out, len - 1, KVSP_ID_TIMESTAMP, value) == 0,
             "a uint that does not fit");
  FUZZ_CHECK(kvsp_ebml_uint(payload_of(out, len, KVSP_ID_TIMESTAMP), &again) ==
                     KVSP_OK &&
                 again == value,
             "the same uint");
}

static void check_int(kvsp_view v) {
  int64_t value = 0;
  uint64_t bits = 0;
  unsigned shift = 64 - 8 * (unsigned)(v.len % 8);
  int rc = kvsp_ebml_int(v, &value);
  FUZZ_CHECK(rc == (v.len <= 8 ? KVSP_OK : KVSP_ERR_SCHEMA), "an int");
  if (rc != KVSP_OK) return;
  FUZZ_CHECK(kvsp_ebml_uint(v, &bits) == KVSP_OK, "an int's bits");
  if (v.len == 0 || v.len == 8) shift = 0;
  FUZZ_CHECK(((uint64_t)value ^ bits) << shift == 0, "an int's lower bits");
  if (v.len > 0)
    FUZZ_CHECK((value < 0) == (v.data[0] >= 0x80), "an int's sign");
}

static void check_float(kvsp_view v) {
  uint8_t out[16];
  double value = 0, again = 1;
  size_t len;
  int rc = kvsp_ebml_float(v, &value);
  bool fits = v.len == 0 || v.len == 4 || v.len == 8;
  FUZZ_CHECK(rc == (fits ? KVSP_OK : KVSP_ERR_SCHEMA), "a float");
  if (rc != KVSP_OK) return;
  len = kvsp_ebml_write_float(out, sizeof out, KVSP_ID_DURATION, value);
  FUZZ_CHECK(len > 0, "a float can be written");
  FUZZ_CHECK(kvsp_ebml_float(payload_of(out, len, KVSP_ID_DURATION), &again) ==
                 KVSP_OK,
             "a float can be read back");
  FUZZ_CHECK(isnan(value) ? isnan(again) != 0
                          : value == again && signbit(value) == signbit(again),
             "the same float");
}

static void check_date(kvsp_view v) {
  int64_t value = 0, since_2001 = 0;
  int rc = kvsp_ebml_date(v, &value);
  if (rc != KVSP_OK) {
    FUZZ_CHECK(rc == KVSP_ERR_SCHEMA, "a date");
    return;
  }
  FUZZ_CHECK(v.len == 0 || v.len == 8, "a date's length");
  FUZZ_CHECK(kvsp_ebml_int(v, &since_2001) == KVSP_OK, "a date is an int");
  FUZZ_CHECK(value - INT64_C(978307200000000000) == since_2001,
             "a date counts from 2001");
}

static void check_bytes(kvsp_view v) {
  kvsp_view s = kvsp_ebml_string(v);
  size_t room = v.len + 16;
  uint8_t *out = malloc(room);
  size_t len = out ? kvsp_ebml_write_binary(out, room, CODEC_PRIVATE, v) : 0;
  kvsp_view payload;
  FUZZ_CHECK(out != NULL, "there is memory");
  FUZZ_CHECK(s.len <= v.len && s.data == v.data, "a string is in its bytes");
  if (s.len > 0) FUZZ_CHECK(memchr(s.data, 0, s.len) == NULL, "without a NUL");
  if (s.len < v.len) FUZZ_CHECK(v.data[s.len] == 0, "up to the first NUL");
  FUZZ_CHECK(len > v.len, "a binary can be written");
  payload = payload_of(out, len, CODEC_PRIVATE);
  FUZZ_CHECK(payload.len == v.len, "the same length");
  if (v.len > 0)
    FUZZ_CHECK(memcmp(payload.data, v.data, v.len) == 0, "the same bytes");
  FUZZ_CHECK(kvsp_ebml_write_binary(out, len - 1, CODEC_PRIVATE, v) == 0,
             "a binary that does not fit");
  free(out);
}

/* Any number for an ID, and one element as the other's parent. */
static void check_table(kvsp_view v, const kvsp_element_info **last) {
  const kvsp_element_info *e;
  uint64_t id = 0;
  if (kvsp_ebml_read_id(v, &id) <= 0) return;
  e = kvsp_element_by_id(id);
  if (e == NULL) return;
  FUZZ_CHECK(e->id == id, "the element of that ID");
  FUZZ_CHECK(kvsp_element_by_name(e->name) == e, "the element of that name");
  FUZZ_CHECK(e->flags & KVSP_ELEMENT_GLOBAL ||
                 kvsp_element_allowed_in(e, e->parent_id),
             "an element may stand in its parent");
  if (*last != NULL) (void)kvsp_element_allowed_in(e, (*last)->id);
  *last = e;
}

/* All there is to be checked of exactly these bytes. */
static void check_all(const uint8_t *data, size_t size,
                      const kvsp_element_info **last) {
  uint8_t *copy = fuzz_copy(data, size);
  kvsp_view v = {copy, size};
  check_id(v);
  check_size(v);
  check_vint(v);
  check_uint(v);
  check_int(v);
  check_float(v);
  check_date(v);
  check_bytes(v);
  check_table(v, last);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const kvsp_element_info *last = NULL;
  check_all(data, size, &last);
  for (size_t i = 0; i < size && i < PLACES_MAX; i++) {
    size_t left = size - i < LONGEST ? size - i : LONGEST;
    for (size_t n = 0; n <= left; n++) check_all(data + i, n, &last);
  }
  return 0;
}
