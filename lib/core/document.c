#include "document.h"

#include <string.h>

#include "times.h"

void kvsp_document_init(struct document *d, struct memory *memory,
                        struct audio_format *audio, struct scratch *scratch) {
  memset(d, 0, sizeof *d);
  d->audio = audio;
  d->scratch = scratch;
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
  d->has_audio_format = false;
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
    case KVSP_ID_CONTENT_ENCODING:
    case KVSP_ID_CONTENT_COMPRESSION:
      if (d->open_track) kvsp_track_begin_master(d->open_track, id);
      return KVSP_OK;
    case KVSP_ID_TAG: kvsp_tags_begin_tag(&d->tag_builder); return KVSP_OK;
    case KVSP_ID_TARGETS:
      return kvsp_tags_begin_targets(&d->tag_builder, &d->arena);
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

/* What an audio track really is: as declared, or as the MimeType says. */
static void set_audio(struct document *d, struct track *track) {
  kvsp_track *t = &track->shown;
  if (t->type != KVSP_TRACK_AUDIO) return;
  t->audio_codec_id = d->audio->known ? d->audio->codec_id : t->codec_id;
  t->audio_sample_rate =
      d->audio->known ? d->audio->sample_rate : t->sample_rate;
  t->audio_channels = d->audio->known ? d->audio->channels : t->channels;
  t->audio_bit_depth = d->audio->known ? d->audio->bit_depth : t->bit_depth;
}

static void set_all_audio(struct document *d) {
  for (size_t i = 0; i < d->tracks.count; i++)
    set_audio(d, kvsp_track_at(&d->tracks, i));
}

/* Undoes the compression of CodecPrivate where the encoding covers it; what
 * cannot be undone stays as it is. */
static int restore_private(struct document *d, struct track *track,
                           const kvsp_limits *limits) {
  kvsp_view plain = {NULL, 0};
  kvsp_track *t = &track->shown;
  int rc = KVSP_ERR_UNSUPPORTED;
  if (!d->scratch || !(track->encoding_scope & ENCODING_PRIVATE) ||
      !t->codec_private.len)
    return KVSP_OK;
  if (t->encodings == KVSP_ENCODING_HEADER_STRIPPED)
    rc = kvsp_restore_header(d->scratch, track->stripped, t->codec_private,
                             &plain);
  if (t->encodings == KVSP_ENCODING_ZLIB)
    rc = kvsp_inflate(d->scratch, t->codec_private, limits->max_value, &plain);
  if (rc == KVSP_ERR_NOMEM || rc == KVSP_ERR_LIMIT_MEMORY) return rc;
  if (rc == KVSP_ERR_LIMIT_FRAME) return KVSP_ERR_LIMIT_VALUE;
  if (rc != KVSP_OK) return KVSP_OK;
  return kvsp_arena_copy(&d->arena, plain, &t->codec_private);
}

/* Once, although the end of the TrackEntry may come again. */
int kvsp_document_keep_entry(struct document *d, kvsp_view entry) {
  kvsp_view *kept = d->open_track ? &d->open_track->shown.entry : NULL;
  if (!kept || kept->data || !entry.data) return KVSP_OK;
  return kvsp_arena_copy(&d->arena, entry, kept);
}

void kvsp_document_leave_private(struct document *d) {
  if (d->open_track)
    d->open_track->encoding_scope &= ~(uint64_t)ENCODING_PRIVATE;
}

static int end_track(struct document *d, const kvsp_limits *limits) {
  struct track *track = d->open_track;
  int rc;
  if (!track) return KVSP_OK;
  rc = restore_private(d, track, limits);
  if (rc != KVSP_OK) return rc;
  kvsp_document_leave_private(d); /* once */
  set_audio(d, track);
  rc = kvsp_track_add(&d->tracks, track);
  if (rc == KVSP_OK || rc == KVSP_ERR_SCHEMA) d->open_track = NULL;
  d->shown.tracks = d->tracks.items;
  d->shown.track_count = d->tracks.count;
  return rc;
}

static void end_simple_tag(struct document *d, const kvsp_tag *tag) {
  if (!tag || tag->depth > 0) return;
  kvsp_fragment_apply_tag(&d->shown, tag);
  if (!kvsp_audio_format_apply_tag(d->audio, tag)) return;
  d->has_audio_format = true;
  set_all_audio(d);
}

int kvsp_document_simple_tag(struct document *d, kvsp_view name,
                             kvsp_view string, const kvsp_limits *limits) {
  const kvsp_tag *tag;
  int rc;
  if (d->tag_count >= limits->max_tags) return KVSP_ERR_LIMIT_TAGS;
  rc = kvsp_tags_add(current_tags(d), &d->tag_builder, &d->arena, name, string,
                     &tag);
  if (rc != KVSP_OK) return rc;
  d->tag_count++;
  end_simple_tag(d, tag);
  return KVSP_OK;
}

int kvsp_document_end_master(struct document *d, uint64_t id,
                             const kvsp_limits *limits) {
  switch (id) {
    case KVSP_ID_TRACK_ENTRY: return end_track(d, limits);
    case KVSP_ID_CONTENT_ENCODING:
      if (d->open_track) kvsp_track_end_master(d->open_track, id);
      return KVSP_OK;
    case KVSP_ID_SIMPLE_TAG:
      end_simple_tag(d, kvsp_tags_end(&d->tag_builder));
      return KVSP_OK;
    default: return KVSP_OK;
  }
}

static int set_timestamp_scale(struct document *d, kvsp_view value) {
  uint64_t scale;
  int rc = kvsp_ebml_uint(value, &scale);
  if (rc != KVSP_OK) return rc;
  /* With a tick that long, nothing has a time. */
  if (scale == 0 || scale > INT64_MAX) return KVSP_ERR_SCHEMA;
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
  if (rc != KVSP_OK) return rc;
  /* A time that nobody can express is damage, too. */
  d->has_timestamp = kvsp_document_cluster_time(d) != KVSP_TIME_NONE;
  return d->has_timestamp ? KVSP_OK : KVSP_ERR_SCHEMA;
}

int kvsp_document_value(struct document *d, uint64_t id, kvsp_view value) {
  switch (id) {
    case KVSP_ID_TIMESTAMP_SCALE: return set_timestamp_scale(d, value);
    case KVSP_ID_TIMESTAMP: return set_cluster_timestamp(d, value);
    case KVSP_ID_TAG_NAME:
    case KVSP_ID_TAG_STRING:
    case KVSP_ID_TAG_BINARY:
    case KVSP_ID_TARGET_TYPE_VALUE:
    case KVSP_ID_TARGET_TYPE:
    case KVSP_ID_TAG_TRACK_UID:
    case KVSP_ID_TAG_EDITION_UID:
    case KVSP_ID_TAG_CHAPTER_UID:
    case KVSP_ID_TAG_ATTACHMENT_UID:
      return kvsp_tags_value(&d->tag_builder, &d->arena, id, value);
    default:
      if (!d->open_track) return KVSP_OK;
      return kvsp_track_value(d->open_track, &d->arena, id, value);
  }
}

int kvsp_document_track(struct document *d, uint64_t number,
                        const kvsp_limits *limits, struct track **out) {
  int rc;
  *out = track_find(&d->tracks, number);
  if (*out || d->tracks.count > 0) return KVSP_OK;
  *out = track_find(&d->undeclared, number);
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

/* A MimeType of other tracks says nothing of these. */
static void note_new_tracks(struct document *d) {
  d->shown.flags |= KVSP_FRAGMENT_NEW_TRACKS;
  if (d->has_audio_format || !d->audio->known) return;
  d->audio->known = false;
  set_all_audio(d);
}

void kvsp_document_announce(struct document *d,
                            const struct document *with_tracks,
                            const struct fragment_span *before) {
  kvsp_fragment *f = &d->shown;
  if (d->cluster_seen) f->start_ns = kvsp_document_cluster_time(d);
  if (before) kvsp_fragment_follow(f, before);
  if (d->tracks.count && !kvsp_tracks_equal(&d->tracks, &with_tracks->tracks))
    note_new_tracks(d);
  f->tags = d->head_tags.items;
  f->tag_count = d->head_tags.count;
  d->announced = true;
}

int64_t kvsp_document_cluster_time(const struct document *d) {
  if (!d->has_timestamp || d->cluster_timestamp > INT64_MAX)
    return KVSP_TIME_NONE;
  return kvsp_time_scale((int64_t)d->cluster_timestamp,
                         d->shown.timestamp_scale);
}

int64_t kvsp_document_block_time(const struct document *d,
                                 const struct track *track, int16_t timecode) {
  if (!d->has_timestamp) return KVSP_TIME_NONE;
  return kvsp_time_of_block(d->cluster_timestamp, timecode,
                            track->timestamp_scale, d->shown.timestamp_scale);
}
