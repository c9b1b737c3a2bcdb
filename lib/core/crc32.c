#include "crc32.h"

/* Half a byte at a time: 64 bytes of table, no globals to set up. */
static const uint32_t table[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
    0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
    0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

uint32_t kvsp_crc32(uint32_t crc, const uint8_t *bytes, size_t len) {
  crc = ~crc;
  for (size_t i = 0; i < len; i++) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

uint32_t kvsp_crc32_expected(kvsp_view payload) {
  uint32_t value = 0;
  for (size_t i = payload.len; i-- > 0;) value = value << 8 | payload.data[i];
  return value;
}

void kvsp_crc_begin(struct crc_ranges *c, uint64_t from, size_t owner,
                    uint32_t expected) {
  struct crc_range range = {from, owner, expected, 0};
  if (c->count < CRC_RANGES) c->ranges[c->count++] = range;
}

void kvsp_crc_update(struct crc_ranges *c, uint64_t offset,
                     const uint8_t *bytes, size_t len) {
  for (unsigned i = 0; i < c->count; i++) {
    struct crc_range *r = &c->ranges[i];
    size_t old = r->next > offset ? (size_t)(r->next - offset) : 0;
    if (old >= len) continue;
    r->running = kvsp_crc32(r->running, bytes + old, len - old);
    r->next = offset + len;
  }
}

bool kvsp_crc_end(struct crc_ranges *c, size_t owner) {
  const struct crc_range *last;
  if (c->count == 0) return false;
  last = &c->ranges[c->count - 1];
  if (last->owner != owner) return false;
  c->count--;
  return last->running != last->expected;
}
