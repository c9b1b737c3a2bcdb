#include "nal_units.h"

#include <stdlib.h>
#include <string.h>

enum { AVC_SPS = 7, AVC_PPS = 8, HEVC_VPS = 32, HEVC_SPS = 33, HEVC_PPS = 34 };

static int append(struct nal_bytes *out, const void *data, size_t size) {
  if (out->capacity - out->size < size) {
    size_t capacity = 2 * out->capacity + size;
    uint8_t *grown = realloc(out->data, capacity);
    if (!grown) return -1;
    out->data = grown;
    out->capacity = capacity;
  }
  if (size > 0) memcpy(out->data + out->size, data, size);
  out->size += size;
  return 0;
}

static int append_number(struct nal_bytes *out, size_t value, unsigned bytes) {
  uint8_t number[4];
  for (unsigned i = 0; i < bytes; i++)
    number[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
  return append(out, number, bytes);
}

/* The place of the next 00 00 01, or the end. */
static const uint8_t *find_start_code(const uint8_t *p, const uint8_t *end) {
  for (; end - p >= 3; p++)
    if (p[0] == 0 && p[1] == 0 && p[2] == 1) return p;
  return end;
}

/* Takes the first NAL unit off rest; 0 when there is none. */
static int next_nal(kvsp_view *rest, kvsp_view *nal) {
  const uint8_t *end = rest->data + rest->len;
  const uint8_t *begin = find_start_code(rest->data, end);
  const uint8_t *stop;

  if (begin == end) return 0;
  begin += 3;
  stop = find_start_code(begin, end);
  rest->data = stop;
  rest->len = (size_t)(end - stop);
  /* Zeros between units belong to neither. */
  while (stop > begin && stop[-1] == 0) stop--;
  nal->data = begin;
  nal->len = (size_t)(stop - begin);
  return 1;
}

int nal_with_lengths(kvsp_view annex_b, struct nal_bytes *out) {
  kvsp_view nal;
  out->size = 0;
  while (next_nal(&annex_b, &nal)) {
    if (nal.len == 0) continue;
    if (append_number(out, nal.len, 4) != 0) return -1;
    if (append(out, nal.data, nal.len) != 0) return -1;
  }
  return 0;
}

static unsigned nal_type(kvsp_view nal, int hevc) {
  if (nal.len < (hevc ? 2u : 1u)) return 0;
  return hevc ? (nal.data[0] >> 1) & 0x3fu : nal.data[0] & 0x1fu;
}

/* The first unit of that type; 0 when there is none. */
static int find_nal(kvsp_view annex_b, int hevc, unsigned type,
                    kvsp_view *nal) {
  while (next_nal(&annex_b, nal))
    if (nal_type(*nal, hevc) == type) return 1;
  return 0;
}

int nal_avc_configuration(kvsp_view annex_b, struct nal_bytes *out) {
  /* Only High and the profiles above it have these: 4:2:0, 8 bits. */
  static const uint8_t high[4] = {0xfd, 0xf8, 0xf8, 0x00};
  uint8_t head[6] = {1, 0, 0, 0, 0xff, 0xe1};
  kvsp_view sps;
  kvsp_view pps;
  int rc = 0;

  out->size = 0;
  if (!find_nal(annex_b, 0, AVC_SPS, &sps) || sps.len < 4) return -1;
  if (!find_nal(annex_b, 0, AVC_PPS, &pps)) return -1;
  memcpy(head + 1, sps.data + 1, 3);
  rc |= append(out, head, sizeof head);
  rc |= append_number(out, sps.len, 2);
  rc |= append(out, sps.data, sps.len);
  rc |= append_number(out, 1, 1);
  rc |= append_number(out, pps.len, 2);
  rc |= append(out, pps.data, pps.len);
  if (head[1] >= 100) rc |= append(out, high, sizeof high);
  return rc;
}

/* Copies at most size bytes without the emulation prevention bytes (00 00 03);
 * returns how many. */
static size_t unescape(kvsp_view nal, uint8_t *out, size_t size) {
  size_t n = 0;
  unsigned zeros = 0;
  for (size_t i = 0; i < nal.len && n < size; i++) {
    uint8_t byte = nal.data[i];
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    out[n++] = byte;
  }
  return n;
}

static int append_hevc_array(struct nal_bytes *out, unsigned type,
                             kvsp_view nal) {
  int rc = append_number(out, 0x80 | type, 1);
  rc |= append_number(out, 1, 2);
  rc |= append_number(out, nal.len, 2);
  rc |= append(out, nal.data, nal.len);
  return rc;
}

int nal_hevc_configuration(kvsp_view annex_b, struct nal_bytes *out) {
  uint8_t head[23] = {1};
  uint8_t plain[15]; /* of the SPS: NAL header, one byte, profile and level */
  kvsp_view vps;
  kvsp_view sps;
  kvsp_view pps;
  int rc = 0;

  out->size = 0;
  if (!find_nal(annex_b, 1, HEVC_VPS, &vps)) return -1;
  if (!find_nal(annex_b, 1, HEVC_SPS, &sps)) return -1;
  if (!find_nal(annex_b, 1, HEVC_PPS, &pps)) return -1;
  if (unescape(sps, plain, sizeof plain) != sizeof plain) return -1;
  memcpy(head + 1, plain + 3, 12);
  head[13] = 0xf0;                                     /* no segmentation  */
  head[15] = 0xfc;                                     /* parallelism      */
  head[16] = 0xfd;                                     /* 4:2:0            */
  head[17] = 0xf8;                                     /* 8 bits luma      */
  head[18] = 0xf8;                                     /* 8 bits chroma    */
  head[21] = (uint8_t)(0x0b | ((plain[2] & 1u) << 2)); /* 4-byte lengths   */
  head[22] = 3;                                        /* arrays           */
  rc |= append(out, head, sizeof head);
  rc |= append_hevc_array(out, HEVC_VPS, vps);
  rc |= append_hevc_array(out, HEVC_SPS, sps);
  rc |= append_hevc_array(out, HEVC_PPS, pps);
  return rc;
}
