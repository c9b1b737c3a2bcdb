#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

void stream_header(struct bytes *b, uint64_t id, uint64_t size,
                   unsigned size_length) {
  uint8_t header[16];
  size_t n = kvsp_ebml_write_id(header, 8, id);
  size_t m = kvsp_ebml_write_size(header + n, 8, size, size_length);
  if (n == 0 || m == 0) {
    fprintf(stderr, "stream_header: no such header\n");
    abort();
  }
  bytes_append(b, header, n + m);
}

void stream_master(struct bytes *b, uint64_t id, const struct bytes *content) {
  stream_header(b, id, content->len, 0);
  bytes_append(b, content->data, content->len);
}

uint32_t stream_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  *state = x;
  return x;
}

void stream_filler(struct bytes *b, size_t len, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 1;
  if (state == 0) state = 1;
  for (size_t i = 0; i < len; i++) {
    uint8_t byte = (uint8_t)(stream_random(&state) >> 11);
    if (byte == 0x1A) byte = 0x1B;
    bytes_append(b, &byte, 1);
  }
}

static void put_block(struct bytes *b, int16_t timecode, size_t len) {
  struct bytes payload = {0};
  stream_filler(&payload, len, (uint32_t)len + 7);
  mux_simple_block(b, 1, timecode, 0x80, payload.data, payload.len);
  bytes_free(&payload);
}

static void put_group(struct bytes *b) {
  struct bytes content = {0};
  mux_binary(&content, KVSP_ID_BLOCK, "\x81\0\x28\0frame", 9);
  mux_uint(&content, KVSP_ID_BLOCK_DURATION, 40);
  stream_master(b, KVSP_ID_BLOCK_GROUP, &content);
  bytes_free(&content);
}

static void put_tracks(struct bytes *b) {
  const struct mux_track tracks[] = {
      {1, 1, "V_MPEG4/ISO/AVC", "\1\2\3\4", 4, 640, 360, "video", 0},
      {2, 2, "A_AAC", "\x11\x90", 2, 0, 0, NULL, 20000000},
  };
  mux_tracks(b, tracks, 2);
}

/* As AWS's producer SDK writes it. */
static void put_live_document(struct bytes *b) {
  mux_document(b);
  mux_binary(b, KVSP_ID_VOID, "\0\0\0\0\0", 5);
  mux_info(b, 0);
  put_tracks(b);
  mux_head_tags(b, "91343852343332", "1511852109.126", "1511852108.513");
  mux_cluster(b, 12345);
  put_block(b, 0, 700);
  put_block(b, 33, 5);
  put_group(b);
  stream_header(b, STREAM_ID_UNKNOWN_4, 3, 5);
  bytes_append(b, "abc", 3);
  put_block(b, -33, 300);
  mux_tail_tags(b, "91343852343332", "0");
}

/* One-byte unknown sizes, empty elements, unknown elements everywhere. */
static void put_odd_document(struct bytes *b) {
  struct bytes header = {0};
  mux_string(&header, KVSP_ID_DOC_TYPE, "webm");
  mux_uint(&header, KVSP_ID_EBML_MAX_ID_LENGTH, 4);
  stream_master(b, KVSP_ID_EBML, &header);
  bytes_free(&header);
  mux_begin_unknown(b, KVSP_ID_SEGMENT, 1);
  stream_header(b, KVSP_ID_SEEK_HEAD, 0, 0);
  mux_binary(b, STREAM_ID_UNKNOWN_1, "unknown", 7);
  mux_begin_unknown(b, KVSP_ID_CLUSTER, 1);
  stream_header(b, KVSP_ID_TIMESTAMP, 0, 3);
  mux_binary(b, STREAM_ID_UNKNOWN_1, "", 0);
  mux_binary(b, KVSP_ID_SIMPLE_BLOCK, "", 0);
  mux_begin_unknown(b, KVSP_ID_CLUSTER, 4);
  mux_uint(b, KVSP_ID_TIMESTAMP, UINT64_C(1511852109126));
  put_block(b, 1, 1500);
  stream_header(b, KVSP_ID_CUES, 0, 2);
}

static void put_file_document(struct bytes *b) {
  struct bytes segment = {0}, cluster = {0};
  mux_binary(&cluster, KVSP_ID_CRC_32, "\1\2\3\4", 4);
  mux_uint(&cluster, KVSP_ID_TIMESTAMP, 7);
  put_group(&cluster);
  put_block(&cluster, 2, 130);
  mux_info(&segment, 1000);
  put_tracks(&segment);
  mux_float(&segment, KVSP_ID_VOID, 0.5);
  stream_master(&segment, KVSP_ID_CLUSTER, &cluster);
  stream_header(&segment, KVSP_ID_TAGS, 0, 7);
  mux_document(b);
  b->len -= 12; /* the Segment of unknown size: here comes a known one */
  stream_master(b, KVSP_ID_SEGMENT, &segment);
  bytes_free(&segment);
  bytes_free(&cluster);
}

void stream_sample(struct bytes *b) {
  put_live_document(b);
  put_odd_document(b);
  put_file_document(b);
}
