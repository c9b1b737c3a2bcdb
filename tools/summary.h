/*
 * summary.h - what is in a stream, collected from the reader's items for
 * kvsparse info.  Knows items; prints nothing.  Memory is bounded, however
 * long or hostile the stream: lists keep their first entries and count the
 * rest.
 */
#ifndef KVSPARSE_TOOLS_SUMMARY_H
#define KVSPARSE_TOOLS_SUMMARY_H

#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUMMARY_TRACKS 256
#define SUMMARY_TAG_NAMES 256
#define SUMMARY_TAG_VALUES 8
#define SUMMARY_GAPS 20
#define SUMMARY_ERRORS 20
#define SUMMARY_LATENCIES 1000000

/* The smallest and the largest of some times. */
struct span {
  int64_t min, max; /* KVSP_TIME_NONE: none was added                      */
};

/* One description of a track: a track whose picture size changes has two.
 * Strings are valid UTF-8; NULL: absent. */
struct track_summary {
  uint64_t number;
  uint64_t uid;
  uint32_t type;
  uint32_t width, height;
  double sample_rate;
  uint32_t channels;
  uint32_t bit_depth;
  uint32_t encodings; /* KVSP_ENCODING_*                                   */
  /* What the audio really is, where that is not what is declared above. */
  bool audio_corrected;
  double audio_sample_rate;
  uint32_t audio_channels;
  uint32_t audio_bit_depth;
  char *audio_codec_id; /* NULL: as declared                               */
  size_t codec_private_size;
  char *codec_id;
  char *name;
  char *language;
  uint64_t frames, key_frames, bytes;
  /* The frame rate is measured inside fragments, where nothing is missing:
   * steps from frame to frame, and the time they took. */
  uint64_t steps;
  int64_t steps_ns;
  uint64_t fragment_frames; /* of the fragment that is coming in           */
  struct span fragment_pts;
  struct span pts; /* of all its frames                                    */
};

struct tag_value {
  char *value; /* NULL: no TagString                                       */
  bool binary;
  size_t size; /* bytes, of a binary one                                   */
  uint64_t count;
};

/* All tags of one name. */
struct tag_summary {
  char *name;
  uint64_t count;
  size_t value_count;
  struct tag_value values[SUMMARY_TAG_VALUES];
  uint64_t other_values; /* tags whose value is none of these              */
};

struct gap_summary {
  uint64_t from, to;
  const char *reason; /* static */
  int64_t frames_lost;
};

struct error_summary {
  uint64_t fragment;
  uint32_t id;
  char *code;    /* NULL: absent */
  char *message; /* NULL: absent */
};

struct summary {
  uint64_t bytes;
  uint64_t fragments, complete, damaged, with_end_tag;
  uint64_t new_tracks, discontinuities;
  uint64_t frames, key_frames;
  uint64_t gaps, gap_bytes, errors;
  char *first_number, *last_number; /* fragment numbers; NULL: none        */
  struct span producer;             /* of fragments and frames             */
  struct span session;              /* pts since the last discontinuity    */
  int64_t timecodes_ns;             /* of the sessions before that         */
  struct span behind_ms;            /* millis behind now                   */
  int64_t last_behind_ms;           /* KVSP_TIME_NONE: absent              */
  struct track_summary *tracks[SUMMARY_TRACKS];
  size_t track_count;
  uint64_t tracks_left_out;
  struct tag_summary *tags[SUMMARY_TAG_NAMES];
  size_t tag_count;
  uint64_t tags_left_out;
  struct gap_summary gap_list[SUMMARY_GAPS];
  struct error_summary error_list[SUMMARY_ERRORS];
  int64_t *latencies; /* server minus producer time, in ns                 */
  size_t latency_count, latency_capacity;
  struct span latency;
  /* The row of each track of the fragment that is coming in. */
  struct track_summary **current;
  size_t current_count;
};

void summary_start(struct summary *s);
/* KVSP_OK, or KVSP_ERR_NOMEM. */
int summary_add(struct summary *s, const kvsp_item *item);
/* Sorts what must be sorted; no summary_add() after it. */
void summary_finish(struct summary *s);
void summary_free(struct summary *s);

/* From the first frame to the last; KVSP_TIME_NONE: unknown. */
int64_t summary_producer_duration(const struct summary *s);
/* The same by timecodes, sessions added up. */
int64_t summary_timecode_duration(const struct summary *s);
/* After summary_finish(); KVSP_TIME_NONE: there were none. */
int64_t summary_latency_median(const struct summary *s);
/* Frames in a second; 0: not to be told. */
double summary_frame_rate(const struct track_summary *t);
/* Bits in a second; 0: not to be told. */
double summary_bit_rate(const struct track_summary *t);

#endif
