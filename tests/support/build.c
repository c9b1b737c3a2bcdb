#include "support/build.h"

#include <kvsparse/reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIDEO 1u
#define AUDIO 2u

static void require(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "build: %s\n", what);
  exit(99);
}

/* ---- frames and blocks ------------------------------------------------- */

void build_payload(uint8_t *out, size_t len, unsigned seed) {
  uint32_t state = seed * 2654435761u + 12345u;
  for (size_t i = 0; i < len; i++) {
    state = state * 1664525u + 1013904223u;
    out[i] = (uint8_t)(state >> 24);
    if (out[i] == 0x1A) /* how an EBML header begins */
      out[i] = 0x1B;
  }
}

void build_append_payload(struct bytes *b, size_t len, unsigned seed) {
  uint8_t *payload = malloc(len ? len : 1);
  require(payload != NULL, "out of memory");
  build_payload(payload, len, seed);
  bytes_append(b, payload, len);
  free(payload);
}

static void put_byte(struct bytes *b, unsigned value) {
  uint8_t byte = (uint8_t)value;
  bytes_append(b, &byte, 1);
}

static void put_vint(struct bytes *b, uint64_t value) {
  uint8_t out[8];
  size_t n = kvsp_ebml_write_size(out, sizeof out, value, 0);
  require(n > 0, "no such VINT");
  bytes_append(b, out, n);
}

void build_block(struct bytes *b, uint64_t track, int16_t timecode,
                 uint8_t flags, const void *data, size_t len) {
  uint16_t bits = (uint16_t)timecode;
  put_vint(b, track);
  put_byte(b, bits >> 8);
  put_byte(b, bits & 0xFF);
  put_byte(b, flags);
  bytes_append(b, data, len);
}

static void put_xiph_size(struct bytes *b, size_t size) {
  for (; size >= 255; size -= 255) put_byte(b, 255);
  put_byte(b, (unsigned)size);
}

/* RFC 9559, 10.3.3: shifted by half the range of that many bytes. */
static void put_signed_vint(struct bytes *b, int64_t value) {
  unsigned n = 1;
  int64_t bias = 63;
  while (value < -bias || value > bias) {
    n++;
    bias = (INT64_C(1) << (7 * n - 1)) - 1;
  }
  value += bias;
  value |= INT64_C(1) << (7 * n);
  while (n-- > 0) put_byte(b, (unsigned)(value >> (8 * n)) & 0xFF);
}

static void put_lace_sizes(struct bytes *b, unsigned lacing,
                           const size_t *sizes, unsigned count) {
  for (unsigned i = 0; i + 1 < count; i++) {
    if (lacing == KVSP_LACING_XIPH)
      put_xiph_size(b, sizes[i]);
    else if (lacing == KVSP_LACING_EBML && i == 0)
      put_vint(b, sizes[0]);
    else if (lacing == KVSP_LACING_EBML)
      put_signed_vint(b, (int64_t)sizes[i] - (int64_t)sizes[i - 1]);
  }
}

void build_lace(struct bytes *b, unsigned lacing, const size_t *sizes,
                unsigned count, unsigned seed) {
  require(count >= 1 && count <= 256, "no such lace");
  put_byte(b, count - 1);
  put_lace_sizes(b, lacing, sizes, count);
  for (unsigned i = 0; i < count; i++)
    build_append_payload(b, sizes[i], seed + i);
}

void build_frame(struct bytes *b, uint64_t track, int16_t timecode,
                 uint8_t flags, size_t len, unsigned seed) {
  struct bytes payload = {0};
  build_append_payload(&payload, len, seed);
  mux_simple_block(b, track, timecode, flags, payload.data, payload.len);
  bytes_free(&payload);
}

void build_laced(struct bytes *b, uint64_t track, int16_t timecode,
                 unsigned lacing, const size_t *sizes, unsigned count,
                 unsigned seed) {
  struct bytes lace = {0};
  build_lace(&lace, lacing, sizes, count, seed);
  mux_simple_block(b, track, timecode, (uint8_t)(0x80 | lacing << 1), lace.data,
                   lace.len);
  bytes_free(&lace);
}

/* ---- plain fragments --------------------------------------------------- */

void build_tracks(struct bytes *b) {
  const struct mux_track tracks[] = {
      {.number = VIDEO,
       .type = KVSP_TRACK_VIDEO,
       .codec_id = "V_MPEG4/ISO/AVC",
       .codec_private = "\x01\x64\x00\x1E\xFF",
       .codec_private_len = 5,
       .width = 320,
       .height = 240,
       .name = "camera",
       .default_duration = 40000000},
      {.number = AUDIO, .type = KVSP_TRACK_AUDIO, .codec_id = "A_AAC"},
  };
  mux_tracks(b, tracks, 2);
}

static void put_frames(struct bytes *b, const struct build_fragment *fragment) {
  unsigned frames = fragment->frames ? fragment->frames : 4;
  size_t size = fragment->frame_size ? fragment->frame_size : 300;
  for (unsigned i = 0; i < frames; i++)
    build_frame(b, i % 2 ? AUDIO : VIDEO, (int16_t)(i * 20),
                i % 4 ? 0x00 : 0x80, size, fragment->number * 1000 + i);
}

void build_fragment(struct bytes *b, const struct build_fragment *fragment) {
  char number[32], time[32];
  snprintf(number, sizeof number, "9134385233318143%u", fragment->number);
  snprintf(time, sizeof time, "%u.125", 1511852100 + fragment->number);
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  if (!fragment->no_head) mux_head_tags(b, number, time, time);
  mux_cluster(b, fragment->number * 1000);
  put_frames(b, fragment);
  if (!fragment->no_tail) mux_tail_tags(b, number, "15858");
}

void build_fragments(struct bytes *b, unsigned first, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    const struct build_fragment fragment = {.number = first + i};
    build_fragment(b, &fragment);
  }
}

/* ---- everything -------------------------------------------------------- */

static void put_void(struct bytes *b, size_t len) {
  struct bytes payload = {0};
  build_append_payload(&payload, len, 77);
  mux_binary(b, KVSP_ID_VOID, payload.data, payload.len);
  bytes_free(&payload);
}

/* A TrackEntry with all that the reader takes from one. */
static void put_rich_track(struct bytes *b) {
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  size_t audio, encodings, encoding;
  mux_uint(b, KVSP_ID_TRACK_NUMBER, 300);
  mux_uint(b, KVSP_ID_TRACK_UID, UINT64_C(0xFEDCBA9876543210));
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_AUDIO);
  mux_binary(b, KVSP_ID_CODEC_ID, "A_PCM/INT/LIT\0\0\0", 16);
  mux_string(b, KVSP_ID_NAME, "AUDIO_FROM_CUSTOMER");
  mux_string(b, KVSP_ID_LANGUAGE, "ger");
  mux_string(b, KVSP_ID_LANGUAGE_BCP47, "de-CH");
  mux_uint(b, KVSP_ID_DEFAULT_DURATION, 20000000);
  audio = mux_begin(b, KVSP_ID_AUDIO);
  mux_float(b, KVSP_ID_SAMPLING_FREQUENCY, 44100.0);
  mux_uint(b, KVSP_ID_CHANNELS, 2);
  mux_uint(b, KVSP_ID_BIT_DEPTH, 16);
  mux_end(b, audio);
  encodings = mux_begin(b, KVSP_ID_CONTENT_ENCODINGS);
  encoding = mux_begin(b, KVSP_ID_CONTENT_ENCODING);
  mux_uint(b, KVSP_ID_CONTENT_ENCODING_TYPE, 1);
  mux_end(b, encoding);
  mux_end(b, encodings);
  mux_end(b, entry);
}

static void put_rich_tracks(struct bytes *b) {
  size_t tracks = mux_begin(b, KVSP_ID_TRACKS);
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  struct bytes private = {0};
  build_append_payload(&private, 700, 5);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, VIDEO);
  mux_uint(b, KVSP_ID_TRACK_TYPE, KVSP_TRACK_VIDEO);
  mux_string(b, KVSP_ID_CODEC_ID, "V_MPEGH/ISO/HEVC");
  mux_binary(b, KVSP_ID_CODEC_PRIVATE, private.data, private.len);
  mux_end(b, entry);
  put_rich_track(b);
  mux_end(b, tracks);
  bytes_free(&private);
}

static void put_nested_tags(struct bytes *b) {
  size_t tags = mux_begin(b, KVSP_ID_TAGS);
  size_t tag = mux_begin(b, KVSP_ID_TAG);
  size_t outer = mux_begin(b, KVSP_ID_SIMPLE_TAG);
  size_t inner;
  mux_string(b, KVSP_ID_TAG_NAME, "outer");
  mux_string(b, KVSP_ID_TAG_STRING, "");
  inner = mux_begin(b, KVSP_ID_SIMPLE_TAG);
  mux_string(b, KVSP_ID_TAG_NAME, "inner");
  mux_binary(b, KVSP_ID_TAG_BINARY, "\0\1\2", 3);
  mux_end(b, inner);
  mux_end(b, outer);
  mux_end(b, tag);
  mux_end(b, tags);
}

static void put_group(struct bytes *b, int16_t timecode) {
  static const size_t sizes[] = {40, 300, 7};
  size_t group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  struct bytes block = {0}, lace = {0};
  build_lace(&lace, KVSP_LACING_EBML, sizes, 3, 90);
  build_block(&block, 300, timecode, KVSP_LACING_EBML << 1, lace.data,
              lace.len);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  mux_uint(b, KVSP_ID_BLOCK_DURATION, 60);
  mux_binary(b, KVSP_ID_REFERENCE_BLOCK, "\xEC", 1);
  mux_binary(b, KVSP_ID_DISCARD_PADDING, "\x01\x00\x00", 3);
  mux_end(b, group);
  bytes_free(&block);
  bytes_free(&lace);
}

static void put_rich_clusters(struct bytes *b) {
  static const size_t sizes[] = {255, 3, 600, 254};
  static const size_t equal[] = {128, 128, 128};
  size_t cluster = mux_begin(b, KVSP_ID_CLUSTER);
  mux_uint(b, KVSP_ID_TIMESTAMP, 500000);
  mux_uint(b, KVSP_ID_POSITION, 0);
  build_frame(b, VIDEO, 0, 0x80, 9000, 40);
  build_laced(b, 300, -5, KVSP_LACING_XIPH, sizes, 4, 50);
  mux_end(b, cluster);
  put_nested_tags(b);
  mux_cluster(b, 500100);
  put_group(b, 33);
  put_void(b, 50);
  build_laced(b, 300, 40, KVSP_LACING_FIXED, equal, 3, 60);
  build_frame(b, VIDEO, 80, 0x09, 0, 70);
  mux_binary(b, KVSP_ID_CUES, "\xEC\x81\x00", 3);
}

static void put_rich_document(struct bytes *b) {
  const struct mux_tag user[] = {{"MimeType", "audio/L16"}, {"none", NULL}};
  const struct mux_tag end = {"AWS_KINESISVIDEO_END_OF_FRAGMENT", ""};
  mux_document(b);
  mux_tags(b, user, 2);
  mux_info(b, 100000);
  put_void(b, 400);
  put_rich_tracks(b);
  put_nested_tags(b);
  mux_head_tags(b, "000000000000000000000042", "45.000", "0.000000001");
  put_rich_clusters(b);
  mux_tags(b, &end, 1);
  mux_tail_tags(b, "42", "0");
}

/* What the service sends when it cannot go on: no tracks, no Cluster. */
static void put_error_document(struct bytes *b) {
  const struct mux_tag tags[] = {
      {"AWS_KINESISVIDEO_FRAGMENT_NUMBER", "44"},
      {"AWS_KINESISVIDEO_ERROR_ID", "4501"},
      {"AWS_KINESISVIDEO_ERROR_CODE", "KMS_KEY_DISABLED"},
  };
  mux_document(b);
  mux_tags(b, tags, 3);
}

/* Faults that the reader gets over: a block of nobody's track, a lace that
 * is longer than its block, an ID that is none, inside Tags. */
static void put_damaged_document(struct bytes *b) {
  static const uint8_t lace[] = {2, 200, 200, 1, 2, 3};
  size_t tags;
  mux_document(b);
  mux_info(b, 0);
  build_tracks(b);
  tags = mux_begin(b, KVSP_ID_TAGS);
  bytes_append(b,
               "\0\0\0\0"
               "garbage",
               11);
  mux_end(b, tags);
  mux_cluster(b, 7000);
  build_frame(b, 9, 0, 0x80, 100, 80);
  build_frame(b, VIDEO, 0, 0x80, 100, 81);
  mux_simple_block(b, VIDEO, 40, KVSP_LACING_XIPH << 1, lace, sizeof lace);
  build_frame(b, VIDEO, 80, 0x00, 100, 82);
}

/* Bits of a Huffman code, which deflate has from the highest on (RFC 1951,
 * 3.1.1); *used counts those of the last byte, 8: all. */
static void put_code(struct bytes *b, unsigned *used, unsigned code,
                     unsigned length) {
  while (length-- > 0) {
    if (*used == 8) {
      bytes_append(b, "", 1);
      *used = 0;
    }
    b->data[b->len - 1] |= (uint8_t)((code >> length & 1) << *used);
    ++*used;
  }
}

/* One block of fixed codes: a 0, then matches of 258 bytes one byte back. */
void build_zlib_zeros(struct bytes *b, size_t count) {
  uint32_t sum = (uint32_t)((258 * (uint64_t)count + 1) % 65521) << 16 | 1;
  unsigned used = 8;
  bytes_append(b, "\x78\x01", 2);
  put_code(b, &used, 6, 3); /* the last block; type 1, its lowest bit first */
  put_code(b, &used, 0x30, 8);
  for (; count > 0; count--) put_code(b, &used, 0xC5 << 5, 13);
  put_code(b, &used, 0, 7);
  for (int shift = 24; shift >= 0; shift -= 8) {
    uint8_t byte = (uint8_t)(sum >> shift & 0xFF);
    bytes_append(b, &byte, 1);
  }
}

/* An entry with one ContentEncoding for frames and CodecPrivate. */
static void put_encoded_track(struct bytes *b, uint64_t number, unsigned type,
                              unsigned algorithm, const struct bytes *private) {
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  size_t encodings, encoding, compression;
  mux_uint(b, KVSP_ID_TRACK_NUMBER, number);
  mux_uint(b, KVSP_ID_TRACK_TYPE, type);
  mux_string(b, KVSP_ID_CODEC_ID, "V_TEST");
  mux_binary(b, KVSP_ID_CODEC_PRIVATE, private->data, private->len);
  encodings = mux_begin(b, KVSP_ID_CONTENT_ENCODINGS);
  encoding = mux_begin(b, KVSP_ID_CONTENT_ENCODING);
  mux_uint(b, KVSP_ID_CONTENT_ENCODING_SCOPE, 3);
  compression = mux_begin(b, KVSP_ID_CONTENT_COMPRESSION);
  mux_uint(b, KVSP_ID_CONTENT_COMP_ALGO, algorithm);
  if (algorithm) mux_binary(b, KVSP_ID_CONTENT_COMP_SETTINGS, "head", 4);
  mux_end(b, compression);
  mux_end(b, encoding);
  mux_end(b, encodings);
  mux_end(b, entry);
}

void build_encoded_head(struct bytes *b, size_t private_count) {
  struct bytes private = {0};
  size_t tracks;
  build_zlib_zeros(&private, private_count);
  mux_document(b);
  mux_info(b, 0);
  tracks = mux_begin(b, KVSP_ID_TRACKS);
  put_encoded_track(b, 1, KVSP_TRACK_VIDEO, 0, &private);
  put_encoded_track(b, 2, KVSP_TRACK_AUDIO, 3, &private);
  mux_end(b, tracks);
  mux_cluster(b, 1000);
  bytes_free(&private);
}

void build_encoded(struct bytes *b, size_t count) {
  static const size_t sizes[] = {40, 300, 7};
  struct bytes frame = {0}, block = {0};
  size_t group;
  build_encoded_head(b, 10);
  build_laced(b, 2, 0, KVSP_LACING_XIPH, sizes, 3, 1);
  build_zlib_zeros(&frame, count / 2);
  mux_simple_block(b, 1, 0, 0x80, frame.data, frame.len);
  bytes_free(&frame);
  build_zlib_zeros(&frame, count);
  mux_simple_block(b, 1, 40, 0x80, frame.data, frame.len);
  build_block(&block, 1, 80, 0, frame.data, frame.len);
  group = mux_begin(b, KVSP_ID_BLOCK_GROUP);
  mux_binary(b, KVSP_ID_BLOCK, block.data, block.len);
  mux_end(b, group);
  build_frame(b, 2, 90, 0x80, 1000, 4);
  bytes_free(&frame);
  bytes_free(&block);
}

void build_everything(struct bytes *b) {
  static const char greeting[] = "HTTP/1.1 200 OK\r\n\r\n";
  static const char garbage[] = "\0\0\0 no document \xFF\xFF\x1A\x45\xDF\xA3";
  const struct build_fragment large = {
      .number = 3, .frames = 6, .frame_size = 3000};
  bytes_append(b, greeting, sizeof greeting - 1);
  build_fragments(b, 1, 2);
  put_rich_document(b);
  put_error_document(b);
  build_fragment(b, &large);
  put_damaged_document(b);
  bytes_append(b, garbage, sizeof garbage - 1);
  build_fragments(b, 8, 1);
  build_fragment(b, &(struct build_fragment){.number = 9, .no_tail = true});
  b->len -= 100; /* in the middle of the last frame */
}
