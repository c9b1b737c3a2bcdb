/*
 * mux.h - writes Matroska as KVS sends it, and as it should not be, into
 * memory.  Knows elements and how a fragment is put together; takes any bytes
 * for frames.
 */
#ifndef KVSPARSE_TESTS_MUX_H
#define KVSPARSE_TESTS_MUX_H

#include <kvsparse/ebml.h>

/* Bytes that grow.  Start with { 0 }; the program ends with a message when
 * there is no memory. */
struct bytes {
  uint8_t *data;
  size_t len;
  size_t capacity;
};

void bytes_append(struct bytes *b, const void *data, size_t len);
/* Sets the length to 0 and frees. */
void bytes_free(struct bytes *b);

/* One element each. */
void mux_uint(struct bytes *b, uint64_t id, uint64_t value);
void mux_float(struct bytes *b, uint64_t id, double value);
void mux_string(struct bytes *b, uint64_t id, const char *value);
void mux_binary(struct bytes *b, uint64_t id, const void *data, size_t len);

/* A master element of known size (8 bytes): begin returns what end wants. */
size_t mux_begin(struct bytes *b, uint64_t id);
void mux_end(struct bytes *b, size_t begin);
/* A master element of unknown size, told in so many bytes; it has no end. */
void mux_begin_unknown(struct bytes *b, uint64_t id, unsigned size_length);

/* EBML header, and Segment of unknown size. */
void mux_document(struct bytes *b);
/* TimestampScale 0: 1 ms. */
void mux_info(struct bytes *b, uint64_t timestamp_scale);

struct mux_track {
  uint64_t number;
  uint64_t type; /* 1 video, 2 audio                                       */
  const char *codec_id;
  const void *codec_private;
  size_t codec_private_len;
  uint64_t width, height;    /* 0: no such element                            */
  const char *name;          /* NULL: no such element                         */
  uint64_t default_duration; /* ns; 0: no such element                     */
};

/* Tracks with those in it. */
void mux_tracks(struct bytes *b, const struct mux_track *tracks, size_t count);

struct mux_tag {
  const char *name;
  const char *value; /* NULL: the SimpleTag has none                       */
};

/* Tags: one Tag with those in it. */
void mux_tags(struct bytes *b, const struct mux_tag *tags, size_t count);
/* The service's tags before and after a Cluster; times like "1.500". */
void mux_head_tags(struct bytes *b, const char *fragment_number,
                   const char *server_time, const char *producer_time);
void mux_tail_tags(struct bytes *b, const char *continuation_token,
                   const char *millis_behind_now);

/* Cluster of unknown size and its Timestamp. */
void mux_cluster(struct bytes *b, uint64_t timestamp);
/* flags: RFC 9559, 10.2: 0x80 key, 0x08 invisible, 0x01 discardable, lacing
 * 0x06 (the caller then writes the lace into data himself). */
void mux_simple_block(struct bytes *b, uint64_t track, int16_t timecode,
                      uint8_t flags, const void *data, size_t len);

#endif
