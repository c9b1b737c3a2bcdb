/*
 * block.h - what a SimpleBlock, a Block and a BlockGroup hold (RFC 9559, 10):
 * header, lacing, and a group's other children.  Pure functions on whole
 * payloads; knows no stream.
 */
#ifndef KVSP_CORE_BLOCK_H
#define KVSP_CORE_BLOCK_H

#include <kvsparse/reader.h>
#include <stdbool.h>

/* Track number, timecode, flags and lace count take at most this. */
#define BLOCK_HEADER_MAX 12u
/* A track number of one byte, timecode, flags: nearly all blocks have that. */
#define BLOCK_PLAIN_HEADER 4u
/* The lace count is one byte. */
#define BLOCK_LACES_MAX 256u

enum block_flags {
  BLOCK_KEY = 0x80, /* SimpleBlock only, as is discardable */
  BLOCK_RESERVED = 0x70,
  BLOCK_INVISIBLE = 0x08,
  BLOCK_LACING = 0x06,
  BLOCK_DISCARDABLE = 0x01
};

struct block_header {
  uint64_t track_number;
  int16_t timecode; /* relative to the Cluster, in ticks */
  uint8_t flags;    /* BLOCK_* and the lacing bits */
  uint32_t lacing;  /* KVSP_LACING_* */
  unsigned lace_count;
  size_t size; /* of all this, with the lace count but no lace sizes */
};

struct block_laces {
  size_t first; /* where in the block the first frame begins */
  size_t sizes[BLOCK_LACES_MAX];
};

/* More BlockMore elements than that are ignored. */
#define BLOCK_ADDITIONS_MAX 16u

struct block_group {
  kvsp_view block;
  size_t block_offset; /* of block in the group's payload */
  bool has_block;
  bool has_reference; /* ReferenceBlock: no key frame */
  bool has_duration;
  uint64_t duration; /* BlockDuration, in ticks */
  int64_t discard_padding_ns;
  kvsp_view codec_state; /* data NULL: absent */
  kvsp_addition additions[BLOCK_ADDITIONS_MAX];
  size_t addition_count;
  bool crc_mismatch; /* it has a CRC-32, which does not match */
};

/* The two bytes of a timecode, which is signed. */
static inline int16_t block_timecode(const uint8_t *p) {
  int timecode = p[0] << 8 | p[1];
  return (int16_t)(timecode < 0x8000 ? timecode : timecode - 0x10000);
}

/* KVSP_FRAME_* of a SimpleBlock with those flags. */
static inline uint32_t block_frame_flags(uint8_t flags) {
  return (flags & BLOCK_KEY ? KVSP_FRAME_KEY : 0u) |
         (flags & BLOCK_INVISIBLE ? KVSP_FRAME_INVISIBLE : 0u) |
         (flags & BLOCK_DISCARDABLE ? KVSP_FRAME_DISCARDABLE : 0u);
}

/* v begins with the first bytes of a block, at least BLOCK_HEADER_MAX or all
 * of it.  KVSP_OK or KVSP_ERR_BLOCK. */
int kvsp_block_read_header(kvsp_view v, struct block_header *header);
/* The sizes of the frames in the whole block v.  KVSP_OK or KVSP_ERR_BLOCK. */
int kvsp_block_read_laces(kvsp_view v, const struct block_header *header,
                          struct block_laces *laces);
/* v is the payload of a BlockGroup.  KVSP_OK; KVSP_ERR_EBML, _OVERFLOW or
 * _SCHEMA when its children make no sense. */
int kvsp_block_read_group(kvsp_view v, struct block_group *group);

#endif
