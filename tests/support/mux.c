#include "mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "mux: %s\n", what);
  exit(99);
}

/* Room for len bytes more; where they begin. */
static uint8_t *make_room(struct bytes *b, size_t len) {
  size_t capacity = b->capacity ? b->capacity : 1024;
  uint8_t *data;
  while (capacity - b->len < len) capacity *= 2;
  if (capacity != b->capacity) {
    data = realloc(b->data, capacity);
    require(data != NULL, "out of memory");
    b->data = data;
    b->capacity = capacity;
  }
  return b->data + b->len;
}

void bytes_append(struct bytes *b, const void *data, size_t len) {
  uint8_t *room = make_room(b, len);
  if (len > 0) memcpy(room, data, len);
  b->len += len;
}

void bytes_free(struct bytes *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}

/* What the library's writers return. */
static void advance(struct bytes *b, size_t written) {
  require(written > 0, "an element cannot be written");
  b->len += written;
}

void mux_uint(struct bytes *b, uint64_t id, uint64_t value) {
  uint8_t *room = make_room(b, 24);
  advance(b, kvsp_ebml_write_uint(room, 24, id, value));
}

void mux_float(struct bytes *b, uint64_t id, double value) {
  uint8_t *room = make_room(b, 24);
  advance(b, kvsp_ebml_write_float(room, 24, id, value));
}

void mux_binary(struct bytes *b, uint64_t id, const void *data, size_t len) {
  uint8_t *room = make_room(b, len + 16);
  kvsp_view v = {data, len};
  advance(b, kvsp_ebml_write_binary(room, len + 16, id, v));
}

void mux_string(struct bytes *b, uint64_t id, const char *value) {
  mux_binary(b, id, value, strlen(value));
}

static void put_header(struct bytes *b, uint64_t id, uint64_t size,
                       unsigned size_length) {
  uint8_t *room = make_room(b, 16);
  advance(b, kvsp_ebml_write_id(room, 16, id));
  room = make_room(b, 16);
  advance(b, kvsp_ebml_write_size(room, 16, size, size_length));
}

size_t mux_begin(struct bytes *b, uint64_t id) {
  put_header(b, id, 0, 8);
  return b->len;
}

void mux_end(struct bytes *b, size_t begin) {
  kvsp_ebml_write_size(b->data + begin - 8, 8, b->len - begin, 8);
}

void mux_begin_unknown(struct bytes *b, uint64_t id, unsigned size_length) {
  put_header(b, id, KVSP_SIZE_UNKNOWN, size_length);
}

void mux_document(struct bytes *b) {
  size_t header = mux_begin(b, KVSP_ID_EBML);
  mux_uint(b, KVSP_ID_EBML_VERSION, 1);
  mux_uint(b, KVSP_ID_EBML_READ_VERSION, 1);
  mux_uint(b, KVSP_ID_EBML_MAX_ID_LENGTH, 4);
  mux_uint(b, KVSP_ID_EBML_MAX_SIZE_LENGTH, 8);
  mux_string(b, KVSP_ID_DOC_TYPE, "matroska");
  mux_uint(b, KVSP_ID_DOC_TYPE_VERSION, 2);
  mux_uint(b, KVSP_ID_DOC_TYPE_READ_VERSION, 2);
  mux_end(b, header);
  mux_begin_unknown(b, KVSP_ID_SEGMENT, 8);
}

void mux_info(struct bytes *b, uint64_t timestamp_scale) {
  size_t info = mux_begin(b, KVSP_ID_INFO);
  mux_uint(b, KVSP_ID_TIMESTAMP_SCALE,
           timestamp_scale ? timestamp_scale : 1000000);
  mux_string(b, KVSP_ID_MUXING_APP, "mux");
  mux_string(b, KVSP_ID_WRITING_APP, "mux");
  mux_end(b, info);
}

static void put_track(struct bytes *b, const struct mux_track *t) {
  size_t entry = mux_begin(b, KVSP_ID_TRACK_ENTRY);
  mux_uint(b, KVSP_ID_TRACK_NUMBER, t->number);
  mux_uint(b, KVSP_ID_TRACK_UID, t->number);
  mux_uint(b, KVSP_ID_TRACK_TYPE, t->type);
  if (t->name) mux_string(b, KVSP_ID_NAME, t->name);
  mux_string(b, KVSP_ID_CODEC_ID, t->codec_id);
  if (t->default_duration) {
    mux_uint(b, KVSP_ID_DEFAULT_DURATION, t->default_duration);
  }
  if (t->codec_private) {
    mux_binary(b, KVSP_ID_CODEC_PRIVATE, t->codec_private,
               t->codec_private_len);
  }
  if (t->width && t->height) {
    size_t video = mux_begin(b, KVSP_ID_VIDEO);
    mux_uint(b, KVSP_ID_PIXEL_WIDTH, t->width);
    mux_uint(b, KVSP_ID_PIXEL_HEIGHT, t->height);
    mux_end(b, video);
  }
  mux_end(b, entry);
}

void mux_tracks(struct bytes *b, const struct mux_track *tracks, size_t count) {
  size_t begin = mux_begin(b, KVSP_ID_TRACKS);
  for (size_t i = 0; i < count; i++) put_track(b, &tracks[i]);
  mux_end(b, begin);
}

void mux_tags(struct bytes *b, const struct mux_tag *tags, size_t count) {
  size_t begin = mux_begin(b, KVSP_ID_TAGS);
  size_t tag = mux_begin(b, KVSP_ID_TAG);
  for (size_t i = 0; i < count; i++) {
    size_t simple = mux_begin(b, KVSP_ID_SIMPLE_TAG);
    mux_string(b, KVSP_ID_TAG_NAME, tags[i].name);
    if (tags[i].value) mux_string(b, KVSP_ID_TAG_STRING, tags[i].value);
    mux_end(b, simple);
  }
  mux_end(b, tag);
  mux_end(b, begin);
}

void mux_head_tags(struct bytes *b, const char *fragment_number,
                   const char *server_time, const char *producer_time) {
  const struct mux_tag tags[] = {
      {"AWS_KINESISVIDEO_FRAGMENT_NUMBER", fragment_number},
      {"AWS_KINESISVIDEO_SERVER_TIMESTAMP", server_time},
      {"AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", producer_time},
  };
  mux_tags(b, tags, 3);
}

void mux_tail_tags(struct bytes *b, const char *continuation_token,
                   const char *millis_behind_now) {
  const struct mux_tag millis = {"AWS_KINESISVIDEO_MILLIS_BEHIND_NOW",
                                 millis_behind_now};
  const struct mux_tag token = {"AWS_KINESISVIDEO_CONTINUATION_TOKEN",
                                continuation_token};
  mux_tags(b, &millis, 1);
  mux_tags(b, &token, 1);
}

void mux_cluster(struct bytes *b, uint64_t timestamp) {
  mux_begin_unknown(b, KVSP_ID_CLUSTER, 8);
  mux_uint(b, KVSP_ID_TIMESTAMP, timestamp);
}

void mux_simple_block(struct bytes *b, uint64_t track, int16_t timecode,
                      uint8_t flags, const void *data, size_t len) {
  uint8_t head[16];
  /* A Block's track number is a VINT like a size. */
  size_t n = kvsp_ebml_write_size(head, sizeof head, track, 0);
  uint16_t bits = (uint16_t)timecode;
  require(n > 0, "no such track number");
  head[n++] = (uint8_t)(bits >> 8);
  head[n++] = (uint8_t)bits;
  head[n++] = flags;
  put_header(b, KVSP_ID_SIMPLE_BLOCK, n + len, 8);
  bytes_append(b, head, n);
  bytes_append(b, data, len);
}
