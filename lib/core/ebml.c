/*
 * ebml.c - variable-size integers and scalar values, read and written.  Knows
 * how RFC 8794 lays them out in bytes; knows no elements, keeps no state.
 */
#include <float.h>
#include <string.h>

#include "vint.h"

/* 2001-01-01T00:00:00 UTC, where EBML's dates count from, in Unix time. */
#define EBML_EPOCH_NS INT64_C(978307200000000000)

static void store_big_endian(uint8_t *p, uint64_t value, unsigned len) {
  while (len > 0) {
    p[--len] = (uint8_t)(value & 0xFF);
    value >>= 8;
  }
}

int kvsp_ebml_read_id(kvsp_view v, uint64_t *id) {
  return id ? vint_read_id(v, id) : KVSP_ERR_ARG;
}

int kvsp_ebml_read_size(kvsp_view v, uint64_t *size) {
  return size ? vint_read_size(v, size) : KVSP_ERR_ARG;
}

int kvsp_ebml_read_vint(kvsp_view v, uint64_t *value) {
  uint64_t raw;
  int length = value ? vint_read_raw(v, &raw) : KVSP_ERR_ARG;

  if (length <= 0) return length;
  *value = raw & vint_mask((unsigned)length);
  return length;
}

int kvsp_ebml_read_signed_vint(kvsp_view v, int64_t *value) {
  uint64_t number;
  int length = value ? kvsp_ebml_read_vint(v, &number) : KVSP_ERR_ARG;

  if (length <= 0) return length;
  /* The middle of the range stands for 0; neither term exceeds 56 bits. */
  *value = (int64_t)number - (int64_t)(vint_mask((unsigned)length) >> 1);
  return length;
}

/* Bytes that are not there, or nowhere to put their value. */
static int is_null(kvsp_view v, const void *value) {
  return !value || (!v.data && v.len);
}

int kvsp_ebml_uint(kvsp_view v, uint64_t *value) {
  if (is_null(v, value)) return KVSP_ERR_ARG;
  if (v.len > sizeof *value) return KVSP_ERR_SCHEMA;
  *value = load_big_endian(v.data, v.len);
  return KVSP_OK;
}

int kvsp_ebml_int(kvsp_view v, int64_t *value) {
  uint64_t bits;

  if (is_null(v, value)) return KVSP_ERR_ARG;
  if (v.len > sizeof *value) return KVSP_ERR_SCHEMA;
  bits = load_big_endian(v.data, v.len);
  if (v.len > 0 && v.len < sizeof bits && (v.data[0] & 0x80) != 0)
    bits |= UINT64_MAX << (8 * v.len);
  /* int64_t is two's complement by definition: its bits can be copied. */
  memcpy(value, &bits, sizeof bits);
  return KVSP_OK;
}

static double float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static double double_from_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

int kvsp_ebml_float(kvsp_view v, double *value) {
  if (is_null(v, value)) return KVSP_ERR_ARG;
  switch (v.len) {
    case 0: *value = 0.0; return KVSP_OK;
    case 4:
      *value = float_from_bits((uint32_t)load_big_endian(v.data, 4));
      return KVSP_OK;
    case 8:
      *value = double_from_bits(load_big_endian(v.data, 8));
      return KVSP_OK;
    default: return KVSP_ERR_SCHEMA;
  }
}

int kvsp_ebml_date(kvsp_view v, int64_t *unix_ns) {
  int64_t since_2001 = 0;

  if (is_null(v, unix_ns)) return KVSP_ERR_ARG;
  if (v.len != 0 && v.len != 8) return KVSP_ERR_SCHEMA;
  if (kvsp_ebml_int(v, &since_2001) != KVSP_OK) return KVSP_ERR_SCHEMA;
  if (since_2001 > INT64_MAX - EBML_EPOCH_NS) return KVSP_ERR_SCHEMA;
  *unix_ns = since_2001 + EBML_EPOCH_NS;
  return KVSP_OK;
}

kvsp_view kvsp_ebml_string(kvsp_view v) {
  const uint8_t *nul;

  if (!v.data) v.len = 0;
  if (v.len == 0) return v; /* data may be NULL, which memchr must not get */
  nul = memchr(v.data, 0, v.len);
  if (nul != NULL) v.len = (size_t)(nul - v.data);
  return v;
}

/* How many bytes value takes without leading zeros, at least one. */
static unsigned byte_count(uint64_t value) {
  unsigned count = 1;
  while (count < 8 && value >> (8 * count) != 0) count++;
  return count;
}

/* The fewest bytes for a size, whose all-ones are reserved; 0: too large. */
static unsigned size_length(uint64_t size) {
  unsigned length = 1;
  while (length <= VINT_MAX_LENGTH && size >= vint_mask(length)) length++;
  return length <= VINT_MAX_LENGTH ? length : 0;
}

size_t kvsp_ebml_write_id(uint8_t *out, size_t capacity, uint64_t id) {
  uint8_t bytes[VINT_MAX_LENGTH] = {0};
  unsigned length = byte_count(id);
  kvsp_view v = {bytes, length};
  uint64_t read_back;

  if (!out || length > capacity) return 0;
  store_big_endian(bytes, id, length);
  /* Only what a reader takes for this ID is one. */
  if (kvsp_ebml_read_id(v, &read_back) != (int)length) return 0;
  memcpy(out, bytes, length);
  return length;
}

size_t kvsp_ebml_write_size(uint8_t *out, size_t capacity, uint64_t size,
                            unsigned length) {
  unsigned fewest = size == KVSP_SIZE_UNKNOWN ? 1 : size_length(size);

  if (length == 0) length = fewest;
  if (fewest == 0 || length < fewest || length > VINT_MAX_LENGTH) return 0;
  if (!out || length > capacity) return 0;
  if (size == KVSP_SIZE_UNKNOWN) size = vint_mask(length);
  store_big_endian(out, size | UINT64_C(1) << (7 * length), length);
  return length;
}

/* ID and size, if the payload fits in behind them; else writes nothing and
 * returns 0. */
static size_t write_header(uint8_t *out, size_t capacity, uint64_t id,
                           size_t payload) {
  uint8_t header[EBML_HEADER_MAX];
  size_t id_length = kvsp_ebml_write_id(header, sizeof header, id);
  size_t length = kvsp_ebml_write_size(header + id_length,
                                       sizeof header - id_length, payload, 0);

  if (!out || id_length == 0 || length == 0) return 0;
  length += id_length;
  if (length > capacity || payload > capacity - length) return 0;
  memcpy(out, header, length);
  return length;
}

static size_t write_scalar(uint8_t *out, size_t capacity, uint64_t id,
                           uint64_t bits, unsigned payload) {
  size_t header = write_header(out, capacity, id, payload);

  if (header == 0) return 0;
  store_big_endian(out + header, bits, payload);
  return header + payload;
}

/* 0 takes a byte: an empty payload means the default of the element that it
 * is in, where there is one (RFC 8794, 11.1.6.8). */
size_t kvsp_ebml_write_uint(uint8_t *out, size_t capacity, uint64_t id,
                            uint64_t value) {
  return write_scalar(out, capacity, id, value, byte_count(value));
}

/* Four bytes where they give the very same number back.  The conversion is
 * only defined within float's range; NaN fails the comparisons. */
size_t kvsp_ebml_write_float(uint8_t *out, size_t capacity, uint64_t id,
                             double value) {
  uint64_t bits;
  uint32_t short_bits;
  float rounded;

  if (value >= -(double)FLT_MAX && value <= (double)FLT_MAX) {
    rounded = (float)value;
    memcpy(&short_bits, &rounded, sizeof short_bits);
    if ((double)rounded == value)
      return write_scalar(out, capacity, id, short_bits, 4);
  }
  memcpy(&bits, &value, sizeof bits);
  return write_scalar(out, capacity, id, bits, 8);
}

size_t kvsp_ebml_write_binary(uint8_t *out, size_t capacity, uint64_t id,
                              kvsp_view value) {
  size_t header;

  if (!value.data && value.len) return 0;
  header = write_header(out, capacity, id, value.len);
  if (header == 0) return 0;
  if (value.len > 0) memcpy(out + header, value.data, value.len);
  return header + value.len;
}
