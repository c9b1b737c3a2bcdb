/*
 * crc32.h - the CRC-32 of EBML (RFC 8794, 11.3.1; ISO 3309's polynomial,
 * reflected), and the ranges of a stream that are being checked.  Knows no
 * elements.
 */
#ifndef KVSP_CORE_CRC32_H
#define KVSP_CORE_CRC32_H

#include <kvsparse/common.h>
#include <stdbool.h>

/* crc is 0 at the start; bytes may come in pieces. */
uint32_t kvsp_crc32(uint32_t crc, const uint8_t *bytes, size_t len);
/* A CRC-32 element's payload: 4 bytes, the lowest first. */
uint32_t kvsp_crc32_expected(kvsp_view payload);

/* Masters inside each other that have a CRC-32; deeper ones go unchecked. */
#define CRC_RANGES 4

struct crc_range {
  uint64_t next; /* the offset of the next byte that counts */
  size_t owner;  /* whose end is the range's end */
  uint32_t expected;
  uint32_t running;
};

struct crc_ranges {
  struct crc_range ranges[CRC_RANGES];
  unsigned count;
};

void kvsp_crc_begin(struct crc_ranges *c, uint64_t from, size_t owner,
                    uint32_t expected);
/* Bytes of the stream, from offset on; those that came before do not count
 * again. */
void kvsp_crc_update(struct crc_ranges *c, uint64_t offset,
                     const uint8_t *bytes, size_t len);
/* Ends the owner's range, if it has one; true when it does not match. */
bool kvsp_crc_end(struct crc_ranges *c, size_t owner);

#endif
