/*
 * vint.h - VINTs as RFC 8794 lays them out, read inline: what ebml.c has as
 * public functions, for those who read one for each element.  Knows bytes.
 *
 * Bytes are put together by shifts, never by casts of pointers, so that the
 * byte order and the alignment rules of the machine do not matter.
 */
#ifndef KVSP_CORE_VINT_H
#define KVSP_CORE_VINT_H

#include <kvsparse/ebml.h>

#define VINT_MAX_LENGTH 8u
/* An ID and a size. */
#define EBML_HEADER_MAX ((size_t)2 * VINT_MAX_LENGTH)

/* The bits of a VINT of that length that hold its number, all set. */
static inline uint64_t vint_mask(unsigned length) {
  return (UINT64_C(1) << (7 * length)) - 1;
}

/* The place of the first bit that is set; first is not 0. */
static inline unsigned vint_length(uint8_t first) {
  return (unsigned)__builtin_clz((unsigned)first) -
         8 * ((unsigned)sizeof(unsigned) - 1) + 1;
}

/* Compilers make one load and a byte swap of it. */
static inline uint64_t load_big_endian_64(const uint8_t *p) {
  return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
         (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
         (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

/* len is at most 8. */
static inline uint64_t load_big_endian(const uint8_t *p, size_t len) {
  uint64_t value = 0;
  for (size_t i = 0; i < len; i++) value = value << 8 | p[i];
  return value;
}

/* A VINT as it stands, with its marker.  Returns as the public readers do. */
static inline int vint_read_raw(kvsp_view v, uint64_t *raw) {
  unsigned length;

  if (v.len == 0) return 0;
  if (!v.data) return KVSP_ERR_ARG;
  if (v.data[0] == 0) return KVSP_ERR_EBML;
  length = vint_length(v.data[0]);
  if (v.len >= VINT_MAX_LENGTH) {
    /* Nearly always so: no loop, no branch that depends on the length. */
    *raw = load_big_endian_64(v.data) >> (64 - 8 * length);
    return (int)length;
  }
  if (v.len < length) return 0;
  *raw = load_big_endian(v.data, length);
  return (int)length;
}

/* As kvsp_ebml_read_id. */
static inline int vint_read_id(kvsp_view v, uint64_t *id) {
  uint64_t raw, number, mask, lowest;
  int length = vint_read_raw(v, &raw);

  if (length <= 0) return length;
  mask = vint_mask((unsigned)length);
  number = raw & mask;
  /* The shorter length holds all numbers below its own reserved all-ones.
   * One byte has no shorter length, so that 0x80 passes: RFC 9559, which
   * updates RFC 8794 in this, has given it to ChapterDisplay. */
  lowest = vint_mask((unsigned)length - 1);
  if (number < lowest || number == mask) return KVSP_ERR_EBML;
  *id = raw;
  return length;
}

/* As kvsp_ebml_read_size. */
static inline int vint_read_size(kvsp_view v, uint64_t *size) {
  uint64_t raw, number, mask;
  int length = vint_read_raw(v, &raw);

  if (length <= 0) return length;
  mask = vint_mask((unsigned)length);
  number = raw & mask;
  *size = number == mask ? KVSP_SIZE_UNKNOWN : number;
  return length;
}

#endif
