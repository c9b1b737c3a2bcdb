#include "document.h"

#include <string.h>

#include "times.h"

void kvsp_document_init(struct document *d, struct memory *memory) {
  memset(d, 0, sizeof *d);
  kvsp_fragment_init(&d->shown);
  kvsp_arena_init(&d->arena, memory);
  kvsp_track_list_init(&d->tracks, memory);
  kvsp_track_list_init(&d->undeclared, memory);
  kvsp_tag_list_init(&d->head_tags, memory);
  kvsp_tag_list_init(&d->late_tags, memory);
}

void kvsp_document_reset(struct document *d) {
  kvsp_fragment_init(&d->shown);
  kvsp_arena_reset(&d->arena);
  d->tracks.count = 0;
  d->undeclared.count = 0;
  d->head_tags.count = 0;
  d->late_tags.count = 0;
  d->tag_count = 0;
  d->cluster_seen = false;
  d->announced = false;
  d->has_timestamp = false;
  d->cluster_implied = false;
  d->told_missing = false;
  kvsp_document_abort(d);
}

void kvsp_document_clear(struct document *d) {
  kvsp_arena_clear(&d->arena);
  kvsp_track_list_clear(&d->tracks);
  kvsp_track_list_clear(&d->undeclared);
  kvsp_tag_list_clear(&d->head_tags);
  kvsp_tag_list_clear(&d->late_tags);
}

static struct tag_list *current_tags(struct document *d) {
  return d->cluster_seen ? &d->late_tags : &d->head_tags;
}

static int begin_tag(struct document *d, const kvsp_limits *limits) {
  int rc;
  if (d->tag_count >= limits->max_tags) return KVSP_ERR_LIMIT_TAGS;
  rc = kvsp_tags_begin(current_tags(d), &d->tag_builder, &d->arena);
  if (rc == KVSP_OK) d->tag_count++;
  return rc;
}

int kvsp_document_begin_master(struct document *d, uint64_t id,
                               const kvsp_limits *limits) {
  switch (id) {
    case KVSP_ID_TRACK_ENTRY:
      if (d->tracks.count >= limits->max_tracks) return KVSP_ERR_LIMIT_TRACKS;
      return kvsp_track_new(&d->arena, &d->open_track);
    case KVSP_ID_AUDIO:
      if (d->open_track) kvsp_track_begin_audio(d->open_track);
      return KVSP_OK;
    case KVSP_ID_TAGS:
      if (d->cluster_seen) d->late_tags.count = 0;
      return KVSP_OK;
    case KVSP_ID_SIMPLE_TAG: return begin_tag(d, limits);
    case KVSP_ID_CLUSTER:
      d->cluster_seen = true;
      d->has_timestamp = false;
      d->told_missing = false;
      d->cluster_implied = false;
      return KVSP_OK;
    default: return KVSP_OK;
  }
}

static int end_track(struct document *d) {
  struct track *track = d->open_track;
  int rc;
  if (!track) return KVSP_OK;
  rc = kvsp_track_add(&d->tracks, track);
  if (rc == KVSP_OK || rc == KVSP_ERR_SCHEMA) d->open_track = NULL;
  d->shown.tracks = d->tracks.items;
  d->shown.track_count = d->tracks.count;
  return rc;
}

int kvsp_document_end_master(struct document *d, uint64_t id) {
  const kvsp_tag *tag;
  if (id == KVSP_ID_TRACK_ENTRY) return end_track(d);
  if (id != KVSP_ID_SIMPLE_TAG) return KVSP_OK;
  tag = kvsp_tags_end(&d->tag_builder);
  if (tag && tag->depth == 0) kvsp_fragment_apply_tag(&d->shown, tag);
  return KVSP_OK;
}

static int set_timestamp_scale(struct document *d, kvsp_view value) {
  uint64_t scale;
  int rc = kvsp_ebml_uint(value, &scale);
  if (rc != KVSP_OK) return rc;
  if (scale == 0) return KVSP_ERR_SCHEMA;
  d->shown.timestamp_scale = scale;
  return KVSP_OK;
}

/* There is one in a Cluster: a second one is what damage looks like, and would
 * give all frames behind it a wrong time. */
static int set_cluster_timestamp(struct document *d, kvsp_view value) {
  int rc;
  if (d->has_timestamp && !d->cluster_implied) return KVSP_ERR_SCHEMA;
  d->cluster_implied = false;
  rc = kvsp_ebml_uint(value, &d->cluster_timestamp);
  d->has_timestamp = rc == KVSP_OK;
  return rc;
}

int kvsp_document_value(struct document *d, uint64_t id, kvsp_view value) {
  switch (id) {
    case KVSP_ID_TIMESTAMP_SCALE: return set_timestamp_scale(d, value);
    case KVSP_ID_TIMESTAMP: return set_cluster_timestamp(d, value);
    case KVSP_ID_TAG_NAME:
    case KVSP_ID_TAG_STRING:
    case KVSP_ID_TAG_BINARY:
      return kvsp_tags_value(&d->tag_builder, &d->arena, id, value);
    default:
      if (!d->open_track) return KVSP_OK;
      return kvsp_track_value(d->open_track, &d->arena, id, value);
  }
}

int kvsp_document_track(struct document *d, uint64_t number,
                        const kvsp_limits *limits, struct track **out) {
  int rc;
  *out = kvsp_track_find(&d->tracks, number);
  if (*out || d->tracks.count > 0) return KVSP_OK;
  *out = kvsp_track_find(&d->undeclared, number);
  if (*out) return KVSP_OK;
  if (d->undeclared.count >= limits->max_tracks) return KVSP_ERR_LIMIT_TRACKS;
  rc = kvsp_track_new(&d->arena, out);
  if (rc != KVSP_OK) return rc;
  (*out)->shown.number = number;
  return kvsp_track_add(&d->undeclared, *out);
}

void kvsp_document_imply_cluster(struct document *d) {
  d->cluster_seen = true;
  d->cluster_implied = true;
}

void kvsp_document_abort(struct document *d) {
  kvsp_tags_abort(current_tags(d), &d->tag_builder);
  d->open_track = NULL;
}

void kvsp_document_announce(struct document *d,
                            const struct document *with_tracks,
                            const struct fragment_span *before) {
  kvsp_fragment *f = &d->shown;
  if (d->cluster_seen) f->start_ns = kvsp_document_block_time(d, 0);
  if (before) kvsp_fragment_follow(f, before);
  if (d->tracks.count && !kvsp_tracks_equal(&d->tracks, &with_tracks->tracks))
    f->flags |= KVSP_FRAGMENT_NEW_TRACKS;
  f->tags = d->head_tags.items;
  f->tag_count = d->head_tags.count;
  d->announced = true;
}

int64_t kvsp_document_block_time(const struct document *d, int timecode) {
  if (!d->has_timestamp) return KVSP_TIME_NONE;
  return kvsp_time_of_block(d->cluster_timestamp, timecode,
                            d->shown.timestamp_scale);
}
