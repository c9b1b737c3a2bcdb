/*
 * track.h - what a TrackEntry holds, put together from the tokenizer's
 * events, and when two fragments have the same tracks.
 */
#ifndef KVSP_CORE_TRACK_H
#define KVSP_CORE_TRACK_H

#include <kvsparse/reader.h>
#include <stdbool.h>

#include "arena.h"

/* One ContentEncoding, while it is read. */
struct encoding {
  uint64_t algorithm;
  uint64_t scope;
  uint64_t type;
  bool has_compression;
  kvsp_view settings;
};

#define ENCODING_FRAMES 1u /* of ContentEncodingScope */
#define ENCODING_PRIVATE 2u

#define TRACK_SCALE_ONE (UINT64_C(1) << 32)

struct track {
  kvsp_track shown; /* first, so that the one is found from the other */
  struct encoding encoding;
  uint64_t encoding_scope;  /* of all that shown.encodings tells of */
  kvsp_view stripped;       /* what is left out of each frame */
  uint64_t timestamp_scale; /* TrackTimestampScale in 1/2^32, usually one */
  bool is_plain; /* neither encodings nor a timestamp scale of its own */
  /* Of the blocks seen in this fragment, for the mean distance of frames. */
  int64_t first_ns, last_ns;
  uint64_t block_count;
};

struct track_list {
  struct memory *memory;
  const kvsp_track **items;
  size_t count;
  size_t capacity;
};

void kvsp_track_list_init(struct track_list *list, struct memory *memory);
void kvsp_track_list_clear(struct track_list *list);

/* A new track with Matroska's defaults. */
int kvsp_track_new(struct arena *arena, struct track **out);
/* A child of TrackEntry, Video, Audio or ContentEncoding; others are ignored.
 * KVSP_OK, KVSP_ERR_SCHEMA, errors of memory. */
int kvsp_track_value(struct track *track, struct arena *arena, uint64_t id,
                     kvsp_view value);
/* A master inside TrackEntry begins, ends: what it does not say has a
 * default. */
void kvsp_track_begin_master(struct track *track, uint64_t id);
void kvsp_track_end_master(struct track *track, uint64_t id);
/* At the end of the TrackEntry.  KVSP_OK; KVSP_ERR_SCHEMA for one without a
 * number; errors of memory. */
int kvsp_track_add(struct track_list *list, struct track *track);
/* NULL when no track has that number. */
static inline struct track *track_find(const struct track_list *list,
                                       uint64_t number) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i]->number == number)
      return (struct track *)(uintptr_t)list->items[i];
  return NULL;
}
struct track *kvsp_track_at(const struct track_list *list, size_t index);
/* Same numbers, types, codecs, codec private data, picture sizes, sample rates
 * and channels. */
bool kvsp_tracks_equal(const struct track_list *a, const struct track_list *b);

/* Notes the time of a block. */
static inline void track_note_time(struct track *track, int64_t pts_ns) {
  if (pts_ns == KVSP_TIME_NONE) return;
  track->block_count++;
  if (track->first_ns == KVSP_TIME_NONE || pts_ns < track->first_ns)
    track->first_ns = pts_ns;
  if (pts_ns > track->last_ns) track->last_ns = pts_ns; /* NONE is the lowest */
}
/* When the last frame of all tracks ends; KVSP_TIME_NONE without any. */
int64_t kvsp_tracks_end_ns(const struct track_list *list);

#endif
