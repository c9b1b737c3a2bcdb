#include "block.h"

#include <string.h>

#include "crc32.h"

int kvsp_block_read_header(kvsp_view v, struct block_header *header) {
  int number_size = kvsp_ebml_read_vint(v, &header->track_number);
  const uint8_t *p;
  size_t n;
  if (number_size <= 0 || header->track_number == 0) return KVSP_ERR_BLOCK;
  n = (size_t)number_size;
  if (v.len < n + 3) return KVSP_ERR_BLOCK;
  p = v.data + n;
  header->timecode = block_timecode(p);
  header->flags = p[2];
  header->lacing = (unsigned)p[2] >> 1 & 3;
  header->size = n + 3;
  header->lace_count = 1;
  if (header->lacing == KVSP_LACING_NONE) return KVSP_OK;
  if (v.len < n + 4) return KVSP_ERR_BLOCK;
  header->lace_count = p[3] + 1u;
  header->size++;
  return KVSP_OK;
}

static kvsp_view without(kvsp_view v, size_t n) {
  v.data += n;
  v.len -= n;
  return v;
}

/* Sizes as sums of bytes, 255 meaning that another byte follows (10.3.2). */
static int read_xiph(kvsp_view *v, size_t *sizes, unsigned count) {
  for (unsigned i = 0; i + 1 < count; i++) {
    uint8_t byte;
    sizes[i] = 0;
    do {
      if (v->len == 0) return KVSP_ERR_BLOCK;
      byte = v->data[0];
      *v = without(*v, 1);
      sizes[i] += byte;
    } while (byte == 255);
  }
  return KVSP_OK;
}

/* The first size as a VINT, then differences as signed ones (10.3.3). */
static int read_ebml(kvsp_view *v, size_t *sizes, unsigned count) {
  uint64_t size = 0;
  for (unsigned i = 0; i + 1 < count; i++) {
    int64_t difference;
    int n = i == 0 ? kvsp_ebml_read_vint(*v, &size)
                   : kvsp_ebml_read_signed_vint(*v, &difference);
    if (n <= 0) return KVSP_ERR_BLOCK;
    if (i > 0) size += (uint64_t)difference; /* wraps below 0: too large */
    *v = without(*v, (size_t)n);
    if (size > v->len) return KVSP_ERR_BLOCK;
    sizes[i] = (size_t)size;
  }
  return KVSP_OK;
}

static int read_fixed(const kvsp_view *v, size_t *sizes, unsigned count) {
  if (v->len % count) return KVSP_ERR_BLOCK;
  for (unsigned i = 0; i + 1 < count; i++) sizes[i] = v->len / count;
  return KVSP_OK;
}

int kvsp_block_read_laces(kvsp_view v, const struct block_header *header,
                          struct block_laces *laces) {
  unsigned count = header->lace_count;
  kvsp_view rest = without(v, header->size);
  size_t left;
  int rc = KVSP_OK;
  switch (header->lacing) {
    case KVSP_LACING_XIPH: rc = read_xiph(&rest, laces->sizes, count); break;
    case KVSP_LACING_EBML: rc = read_ebml(&rest, laces->sizes, count); break;
    case KVSP_LACING_FIXED: rc = read_fixed(&rest, laces->sizes, count); break;
    default: break;
  }
  if (rc != KVSP_OK) return rc;
  left = rest.len;
  for (unsigned i = 0; i + 1 < count; i++) {
    if (laces->sizes[i] > left) return KVSP_ERR_BLOCK;
    left -= laces->sizes[i];
  }
  laces->sizes[count - 1] = left;
  laces->first = v.len - rest.len;
  return KVSP_OK;
}

/* Takes one child off the front of v. */
static int take_child(kvsp_view *v, uint64_t *id, kvsp_view *payload) {
  uint64_t size;
  int id_size = kvsp_ebml_read_id(*v, id);
  int size_size;
  if (id_size <= 0) return KVSP_ERR_EBML;
  *v = without(*v, (size_t)id_size);
  size_size = kvsp_ebml_read_size(*v, &size);
  if (size_size <= 0) return KVSP_ERR_EBML;
  *v = without(*v, (size_t)size_size);
  if (size > v->len) return KVSP_ERR_OVERFLOW;
  payload->data = v->data;
  payload->len = (size_t)size;
  *v = without(*v, payload->len);
  return KVSP_OK;
}

static int read_more(kvsp_view v, struct block_group *group) {
  kvsp_addition addition = {1, {NULL, 0}}; /* BlockAddID's default */
  while (v.len > 0) {
    kvsp_view payload = {NULL, 0};
    uint64_t id = 0;
    int rc = take_child(&v, &id, &payload);
    if (rc == KVSP_OK && id == KVSP_ID_BLOCK_ADD_ID && payload.len)
      rc = kvsp_ebml_uint(payload, &addition.id);
    if (rc != KVSP_OK) return rc;
    if (id == KVSP_ID_BLOCK_ADDITIONAL) addition.data = payload;
  }
  if (addition.data.data && group->addition_count < BLOCK_ADDITIONS_MAX)
    group->additions[group->addition_count++] = addition;
  return KVSP_OK;
}

static int read_additions(kvsp_view v, struct block_group *group) {
  while (v.len > 0) {
    kvsp_view payload = {NULL, 0};
    uint64_t id = 0;
    int rc = take_child(&v, &id, &payload);
    if (rc == KVSP_OK && id == KVSP_ID_BLOCK_MORE)
      rc = read_more(payload, group);
    if (rc != KVSP_OK) return rc;
  }
  return KVSP_OK;
}

/* A CRC-32 covers what follows it in its parent. */
static bool is_mismatch(kvsp_view crc, kvsp_view rest) {
  return crc.len == 4 &&
         kvsp_crc32(0, rest.data, rest.len) != kvsp_crc32_expected(crc);
}

static int read_group_child(struct block_group *group, uint64_t id,
                            kvsp_view payload) {
  int rc;
  switch (id) {
    case KVSP_ID_BLOCK:
      group->has_block = true;
      group->block = payload;
      return KVSP_OK;
    case KVSP_ID_BLOCK_DURATION:
      rc = kvsp_ebml_uint(payload, &group->duration);
      group->has_duration = rc == KVSP_OK;
      return rc;
    case KVSP_ID_REFERENCE_BLOCK: group->has_reference = true; return KVSP_OK;
    case KVSP_ID_DISCARD_PADDING:
      return kvsp_ebml_int(payload, &group->discard_padding_ns);
    case KVSP_ID_CODEC_STATE: group->codec_state = payload; return KVSP_OK;
    case KVSP_ID_BLOCK_ADDITIONS: return read_additions(payload, group);
    default: return KVSP_OK;
  }
}

int kvsp_block_read_group(kvsp_view v, struct block_group *group) {
  const uint8_t *begin = v.data;
  memset(group, 0, sizeof *group);
  while (v.len > 0) {
    kvsp_view payload = {NULL, 0};
    uint64_t id = 0;
    bool first = v.data == begin;
    int rc = take_child(&v, &id, &payload);
    if (rc == KVSP_OK) rc = read_group_child(group, id, payload);
    if (rc != KVSP_OK) return rc;
    if (first && id == KVSP_ID_CRC_32)
      group->crc_mismatch = is_mismatch(payload, v);
  }
  if (group->has_block)
    group->block_offset = (size_t)(group->block.data - begin);
  return KVSP_OK;
}
