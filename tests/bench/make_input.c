/*
 * make_input.c - writes the streams that make bench reads to standard output:
 *
 *   A  fragments as GetMedia sends them: 60 frames of 8 kB each, SimpleBlocks
 *      with short sizes, Clusters of known size, producer's and service's tags
 *   K  the same frames as the producer's SDK writes them: Clusters of unknown
 *      size, sizes of 8 bytes
 *   R  A with the sizes of a camera's capture: the first frame of a fragment
 *      has 90 to 112 kB, the others 2 to 21, 8 kB in the mean
 *   B  H.264 and AAC in one Segment, 860 bytes a frame, a Cluster a second
 *   C  two tracks of PCM in one Segment, 320 bytes a frame
 *
 * The same arguments give the same bytes.  Frames begin as H.264 slices do, so
 * that libavformat's parser has something to parse; the rest is noise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/mux.h"
#include "support/stream.h"

#define NOISE (1u << 20)
#define LONGEST_FRAME (1u << 18)
#define FIRST_CLUSTER UINT64_C(1511852108513) /* ms since 1970 */

struct input {
  struct bytes noise;
  struct bytes out; /* what has not been written yet */
  uint8_t frame[LONGEST_FRAME];
  uint32_t random;
  uint64_t frames; /* written                                              */
  int long_sizes;  /* SimpleBlocks and Clusters as the SDK writes them     */
  int key_sizes;   /* key frames are as large as those of a camera         */
};

static const uint8_t h264_private[] = {
    0x01, 0x64, 0x00, 0x1e, 0xff, 0xe1, 0x00, 0x1b, 0x67, 0x64, 0x00, 0x1e,
    0xac, 0xb4, 0x05, 0x01, 0x7f, 0xcb, 0x35, 0x02, 0x02, 0x06, 0x40, 0x00,
    0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f, 0x23, 0xc5, 0x8b, 0xa8, 0x01,
    0x00, 0x04, 0x68, 0xef, 0x0f, 0xcb, 0xfd, 0xf8, 0xf8, 0x00};
static const uint8_t aac_private[] = {0x11, 0x90};

static const struct mux_track h264_track = {
    1,   1,   "V_MPEG4/ISO/AVC", h264_private, sizeof h264_private,
    640, 360, "video",           33333333};
static const struct mux_track aac_track = {
    2, 2, "A_AAC", aac_private, sizeof aac_private, 0, 0, "audio", 0};

static void fail(const char *what) {
  fprintf(stderr, "make_input: %s\n", what);
  exit(2);
}

static void flush(struct input *in) {
  if (fwrite(in->out.data, 1, in->out.len, stdout) != in->out.len)
    fail("cannot write");
  in->out.len = 0;
}

/* From low up to below high, low ones more often. */
static size_t random_size(struct input *in, size_t low, size_t high) {
  uint64_t a = stream_random(&in->random) >> 8;
  uint64_t b = stream_random(&in->random) >> 8;
  return low + (size_t)((a * b >> 24) * (high - low) >> 24);
}

static void fill_frame(struct input *in, size_t size) {
  size_t from = stream_random(&in->random) % (NOISE - LONGEST_FRAME);
  memcpy(in->frame, in->noise.data + from, size);
}

/* One slice: its length, the beginning of its header, noise. */
static void fill_slice(struct input *in, size_t size, int key) {
  static const uint8_t key_slice[] = {0x65, 0x88, 0x84, 0x00};
  static const uint8_t slice[] = {0x41, 0x9a, 0x26, 0x21};
  size_t rest = size - 4;
  fill_frame(in, size);
  for (int i = 3; i >= 0; i--, rest >>= 8) in->frame[i] = (uint8_t)rest;
  memcpy(in->frame + 4, key ? key_slice : slice, 4);
}

/* The frame as a SimpleBlock at the end of b. */
static void put_frame(struct input *in, struct bytes *b, uint8_t track,
                      int ticks, int key, size_t size) {
  const uint8_t head[] = {(uint8_t)(0x80 | track), (uint8_t)(ticks >> 8),
                          (uint8_t)ticks, key ? 0x80 : 0};
  stream_header(b, KVSP_ID_SIMPLE_BLOCK, sizeof head + size,
                in->long_sizes ? 8 : 0);
  bytes_append(b, head, sizeof head);
  bytes_append(b, in->frame, size);
  in->frames++;
}

static void put_cluster(struct input *in, uint64_t timestamp,
                        struct bytes *blocks) {
  struct bytes content = {0};
  mux_uint(&content, KVSP_ID_TIMESTAMP, timestamp);
  stream_header(&in->out, KVSP_ID_CLUSTER,
                in->long_sizes ? KVSP_SIZE_UNKNOWN : content.len + blocks->len,
                8);
  bytes_append(&in->out, content.data, content.len);
  bytes_append(&in->out, blocks->data, blocks->len);
  bytes_free(&content);
  blocks->len = 0;
  flush(in);
}

/* --- A, K and R ------------------------------------------------------------- */

static void put_head(struct input *in, uint64_t fragment) {
  static const uint8_t nothing[148];
  const struct mux_tag tags[] = {{"COMPATIBLE_BRANDS", "isomavc1mp42"},
                                 {"MAJOR_BRAND", "M4V "},
                                 {"HANDLER_NAME", "ETI ISO Video"},
                                 {"ENCODER", "Elemental H.264"}};
  char number[48], time[32];
  snprintf(number, sizeof number, "913438523331814323926820626077439%014llu",
           (unsigned long long)fragment * 1000);
  snprintf(time, sizeof time, "%llu.%03u",
           (unsigned long long)(FIRST_CLUSTER / 1000 + fragment * 2), 513u);
  mux_document(&in->out);
  mux_binary(&in->out, KVSP_ID_VOID, nothing, sizeof nothing);
  mux_info(&in->out, 1000000);
  mux_tracks(&in->out, &h264_track, 1);
  mux_tags(&in->out, tags, 4);
  mux_head_tags(&in->out, number, time, time);
}

static size_t fragment_frame_size(struct input *in, int key) {
  if (!in->key_sizes) return 6000 + stream_random(&in->random) % 4500;
  return key ? random_size(in, 90000, 112000) : random_size(in, 2000, 21000);
}

static void put_fragment(struct input *in, struct bytes *blocks,
                         uint64_t fragment) {
  char number[48];
  for (int i = 0; i < 60; i++) {
    size_t size = fragment_frame_size(in, i == 0);
    fill_slice(in, size, i == 0);
    put_frame(in, blocks, 1, i * 100 / 3, i == 0, size);
  }
  put_head(in, fragment);
  put_cluster(in, FIRST_CLUSTER + fragment * 2000, blocks);
  snprintf(number, sizeof number, "913438523331814323926820626077439%014llu",
           (unsigned long long)fragment * 1000);
  mux_tail_tags(&in->out, number, "15858");
  flush(in);
}

static void write_fragments(struct input *in, uint64_t frames) {
  struct bytes blocks = {0};
  for (uint64_t i = 0; in->frames < frames; i++) put_fragment(in, &blocks, i);
  bytes_free(&blocks);
}

/* --- B and C ---------------------------------------------------------------- */

/* A second of 30 pictures and 47 frames of AAC, in the order of their times. */
static void put_film_second(struct input *in, struct bytes *blocks,
                            uint64_t second) {
  for (int video = 0, audio = 0; video < 30 || audio < 47;) {
    int picture = audio == 47 || (video < 30 && video * 47 <= audio * 30);
    int key = picture ? video == 0 && second % 2 == 0 : 1;
    size_t size = !picture ? random_size(in, 250, 650)
                  : key    ? random_size(in, 12000, 24000)
                           : random_size(in, 300, 4750);
    int ticks = picture ? video++ * 100 / 3 : audio++ * 1000 / 47;
    if (picture)
      fill_slice(in, size, key);
    else
      fill_frame(in, size);
    put_frame(in, blocks, picture ? 1 : 2, ticks, key, size);
  }
  put_cluster(in, second * 1000, blocks);
}

/* Twenty milliseconds of 8 kHz, 16 bit, for each of both. */
static void put_call_second(struct input *in, struct bytes *blocks,
                            uint64_t second) {
  for (int i = 0; i < 100; i++) {
    fill_frame(in, 320);
    put_frame(in, blocks, (uint8_t)(1 + i % 2), i / 2 * 20, 1, 320);
  }
  put_cluster(in, second * 1000, blocks);
}

static void write_seconds(struct input *in, uint64_t frames, int film) {
  static const struct mux_track call[] = {
      {1, 2, "A_PCM/INT/LIT", NULL, 0, 0, 0, "AUDIO_FROM_CUSTOMER", 0},
      {2, 2, "A_PCM/INT/LIT", NULL, 0, 0, 0, "AUDIO_TO_CUSTOMER", 0}};
  const struct mux_track both[] = {h264_track, aac_track};
  struct bytes blocks = {0};
  mux_document(&in->out);
  mux_info(&in->out, 1000000);
  mux_tracks(&in->out, film ? both : call, 2);
  for (uint64_t i = 0; in->frames < frames; i++) {
    if (film)
      put_film_second(in, &blocks, i);
    else
      put_call_second(in, &blocks, i);
  }
  bytes_free(&blocks);
}

int main(int argc, char **argv) {
  static struct input in = {.random = 20171128};
  char kind = argc == 3 && strlen(argv[1]) == 1 ? argv[1][0] : 0;
  uint64_t frames = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
  if (kind == 0 || strchr("ABCKR", kind) == NULL || frames == 0)
    fail("usage: make_input A|B|C|K|R FRAMES >FILE");
  stream_filler(&in.noise, NOISE, 1);
  in.long_sizes = kind == 'K';
  in.key_sizes = kind == 'R';
  if (kind == 'B' || kind == 'C')
    write_seconds(&in, frames, kind == 'B');
  else
    write_fragments(&in, frames);
  bytes_free(&in.out);
  bytes_free(&in.noise);
  if (fflush(stdout) != 0) fail("cannot write");
  return 0;
}
