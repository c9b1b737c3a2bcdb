/*
 * kvs_writer.h - writes a stream as GetMedia delivers it: one Matroska
 * document a fragment, each with the producer SDK's headers, the service's
 * tags and one Cluster.  Knows EBML and the service's tags; knows nothing of
 * how frames are made.
 *
 *   kvs_writer_begin(&writer, &fragment);
 *   kvs_writer_frame(&writer, &frame); ...
 *   kvs_writer_end(&writer, millis_behind_now);
 *
 * Everything goes out at once, so that a live stream needs a flush of the
 * FILE only.  Functions return 0, or -1 with errno set.
 */
#ifndef KVSPARSE_TOOLS_KVS_WRITER_H
#define KVSPARSE_TOOLS_KVS_WRITER_H

#include <kvsparse/reader.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Room for a fragment number: the service's have 47 digits. */
#define KVS_FRAGMENT_NUMBER_SIZE 64

struct kvs_track {
  uint64_t number;
  uint64_t uid;
  unsigned type; /* KVSP_TRACK_*                                           */
  const char *name;
  const char *codec_id;
  kvsp_view codec_private; /* len 0: none                                  */
  uint64_t default_duration_ns;   /* 0: not written                          */
  uint32_t width, height;         /* video                                   */
  uint32_t sample_rate, channels; /* audio                                 */
  uint32_t bit_depth;             /* audio; 0: not written                 */
};

/* A SimpleTag of the producer's. */
struct kvs_tag {
  const char *name;
  const char *value;
};

struct kvs_fragment {
  char number[KVS_FRAGMENT_NUMBER_SIZE];
  int64_t producer_time_ms; /* Unix epoch                                  */
  int64_t server_time_ms;   /* Unix epoch                                  */
  int64_t timestamp_ms;     /* of the Cluster                              */
};

struct kvs_frame {
  uint64_t track_number;
  int64_t timestamp_ms; /* on the Cluster's clock, not relative to it      */
  bool key;
  kvsp_view data;
};

/* The caller sets what is above the line, to stay until the end. */
struct kvs_writer {
  FILE *out;
  const struct kvs_track *tracks;
  size_t track_count;
  const struct kvs_tag *tags; /* the producer's, in every fragment         */
  size_t tag_count;
  uint8_t segment_uid[16];
  bool tail; /* the tail tags of GetMedia; the other API has none          */
  /* ---- */
  uint8_t *buffer;
  size_t size;
  size_t capacity;
  bool out_of_memory;
  bool begun; /* the first fragment is written or being written            */
  struct kvs_fragment fragment;
};

int kvs_writer_begin(struct kvs_writer *writer,
                     const struct kvs_fragment *fragment);
int kvs_writer_frame(struct kvs_writer *writer, const struct kvs_frame *frame);
int kvs_writer_end(struct kvs_writer *writer, int64_t millis_behind_now);
/* Frees what it holds; closes nothing. */
void kvs_writer_free(struct kvs_writer *writer);

#endif
