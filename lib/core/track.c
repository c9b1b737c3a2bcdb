#include "track.h"

#include <string.h>

#include "times.h"
#include "view.h"

static const kvsp_view default_language = {(const uint8_t *)"eng", 3};

void kvsp_track_list_init(struct track_list *list, struct memory *memory) {
  struct track_list empty = {.memory = memory};
  *list = empty;
}

void kvsp_track_list_clear(struct track_list *list) {
  kvsp_memory_release(list->memory, (void *)list->items,
                      list->capacity * sizeof *list->items);
  kvsp_track_list_init(list, list->memory);
}

int kvsp_track_new(struct arena *arena, struct track **out) {
  void *made = NULL;
  int rc = kvsp_arena_alloc(arena, sizeof **out, &made);
  if (rc != KVSP_OK) return rc;
  *out = made;
  (*out)->shown.default_duration_ns = KVSP_TIME_NONE;
  (*out)->shown.language = default_language;
  (*out)->timestamp_scale = TRACK_SCALE_ONE;
  (*out)->first_ns = KVSP_TIME_NONE;
  (*out)->last_ns = KVSP_TIME_NONE;
  return KVSP_OK;
}

void kvsp_track_begin_master(struct track *track, uint64_t id) {
  struct encoding fresh = {.scope = ENCODING_FRAMES};
  switch (id) {
    case KVSP_ID_AUDIO: /* RFC 9559, 5.1.4.1.29.1 and .3 */
      track->shown.sample_rate = 8000;
      track->shown.channels = 1;
      break;
    case KVSP_ID_CONTENT_ENCODING: track->encoding = fresh; break;
    case KVSP_ID_CONTENT_COMPRESSION:
      track->encoding.has_compression = true;
      break;
    default: break;
  }
}

/* ContentEncodingType and ContentCompAlgo, RFC 9559, 5.1.4.1.31. */
enum { TYPE_COMPRESSION = 0, TYPE_ENCRYPTION = 1 };
enum { ALGORITHM_ZLIB = 0, ALGORITHM_HEADER_STRIPPING = 3 };

static uint32_t encoding_of(const struct encoding *e) {
  if (e->type == TYPE_ENCRYPTION) return KVSP_ENCODING_ENCRYPTED;
  if (e->type != TYPE_COMPRESSION) return KVSP_ENCODING_OTHER;
  if (!e->has_compression) return 0;
  if (e->algorithm == ALGORITHM_ZLIB) return KVSP_ENCODING_ZLIB;
  if (e->algorithm == ALGORITHM_HEADER_STRIPPING)
    return KVSP_ENCODING_HEADER_STRIPPED;
  return KVSP_ENCODING_OTHER;
}

static void end_encoding(struct track *track) {
  uint32_t encoding = encoding_of(&track->encoding);
  if (encoding == 0) return;
  if (track->shown.encodings) encoding |= KVSP_ENCODING_OTHER;
  track->shown.encodings |= encoding;
  track->encoding_scope |= track->encoding.scope;
  track->stripped = track->encoding.settings;
}

void kvsp_track_end_master(struct track *track, uint64_t id) {
  if (id == KVSP_ID_CONTENT_ENCODING) end_encoding(track);
}

static int set_u32(uint32_t *out, kvsp_view value) {
  uint64_t number;
  int rc = kvsp_ebml_uint(value, &number);
  if (rc != KVSP_OK) return rc;
  if (number > UINT32_MAX) return KVSP_ERR_SCHEMA;
  *out = (uint32_t)number;
  return KVSP_OK;
}

static int set_time(int64_t *out, kvsp_view value) {
  uint64_t ns;
  int rc = kvsp_ebml_uint(value, &ns);
  if (rc != KVSP_OK) return rc;
  /* 0 is not allowed, but says no more than that it is not known. */
  if (ns > 0 && ns <= INT64_MAX) *out = (int64_t)ns;
  return KVSP_OK;
}

static int set_string(kvsp_view *out, struct arena *arena, kvsp_view value) {
  return kvsp_arena_copy(arena, kvsp_ebml_string(value), out);
}

static int set_sample_rate(double *out, kvsp_view value) {
  double rate;
  int rc = kvsp_ebml_float(value, &rate);
  if (rc != KVSP_OK) return rc;
  if (rate > 0) *out = rate; /* 0 or less: not known */
  return KVSP_OK;
}

/* TrackTimestampScale, as a fixed-point number once and for all: times are
 * computed without a double. */
static int set_timestamp_scale(uint64_t *out, kvsp_view value) {
  double scale;
  int rc = kvsp_ebml_float(value, &scale);
  if (rc != KVSP_OK) return rc;
  if (!(scale > 0 && scale < 65536)) return KVSP_ERR_SCHEMA;
  *out = (uint64_t)(scale * 4294967296.0 + 0.5);
  return KVSP_OK;
}

int kvsp_track_value(struct track *track, struct arena *arena, uint64_t id,
                     kvsp_view value) {
  kvsp_track *t = &track->shown;
  switch (id) {
    case KVSP_ID_TRACK_NUMBER: return kvsp_ebml_uint(value, &t->number);
    case KVSP_ID_TRACK_UID: return kvsp_ebml_uint(value, &t->uid);
    case KVSP_ID_TRACK_TYPE: return set_u32(&t->type, value);
    case KVSP_ID_CODEC_ID: return set_string(&t->codec_id, arena, value);
    case KVSP_ID_CODEC_PRIVATE:
      return kvsp_arena_copy(arena, value, &t->codec_private);
    case KVSP_ID_NAME: return set_string(&t->name, arena, value);
    case KVSP_ID_LANGUAGE:
      if (t->language.data != default_language.data) return KVSP_OK;
      return set_string(&t->language, arena, value);
    case KVSP_ID_LANGUAGE_BCP47: return set_string(&t->language, arena, value);
    case KVSP_ID_DEFAULT_DURATION:
      return set_time(&t->default_duration_ns, value);
    case KVSP_ID_PIXEL_WIDTH: return set_u32(&t->width, value);
    case KVSP_ID_PIXEL_HEIGHT: return set_u32(&t->height, value);
    case KVSP_ID_SAMPLING_FREQUENCY:
      return set_sample_rate(&t->sample_rate, value);
    case KVSP_ID_CHANNELS: return set_u32(&t->channels, value);
    case KVSP_ID_BIT_DEPTH: return set_u32(&t->bit_depth, value);
    case KVSP_ID_TRACK_TIMESTAMP_SCALE:
      return set_timestamp_scale(&track->timestamp_scale, value);
    case KVSP_ID_CONTENT_ENCODING_TYPE:
      return kvsp_ebml_uint(value, &track->encoding.type);
    case KVSP_ID_CONTENT_ENCODING_SCOPE:
      return kvsp_ebml_uint(value, &track->encoding.scope);
    case KVSP_ID_CONTENT_COMP_ALGO:
      return kvsp_ebml_uint(value, &track->encoding.algorithm);
    case KVSP_ID_CONTENT_COMP_SETTINGS:
      return kvsp_arena_copy(arena, value, &track->encoding.settings);
    default: return KVSP_OK;
  }
}

int kvsp_track_add(struct track_list *list, struct track *track) {
  void *items = (void *)list->items;
  int rc;
  if (track->shown.number == 0) return KVSP_ERR_SCHEMA;
  rc = kvsp_memory_grow(list->memory, &items, &list->capacity, list->count,
                        sizeof *list->items);
  if (rc != KVSP_OK) return rc;
  list->items = items;
  track->shown.index = (uint32_t)list->count;
  track->is_plain =
      track->shown.encodings == 0 && track->timestamp_scale == TRACK_SCALE_ONE;
  list->items[list->count++] = &track->shown;
  return KVSP_OK;
}

static struct track *track_of(const kvsp_track *shown) {
  return (struct track *)(uintptr_t)shown;
}

struct track *kvsp_track_at(const struct track_list *list, size_t index) {
  return track_of(list->items[index]);
}

bool kvsp_tracks_equal(const struct track_list *a, const struct track_list *b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    const kvsp_track *x = a->items[i];
    const kvsp_track *y = b->items[i];
    if (x->number != y->number || x->type != y->type || x->width != y->width ||
        x->height != y->height || x->sample_rate != y->sample_rate ||
        x->channels != y->channels || !view_equal(x->codec_id, y->codec_id) ||
        !view_equal(x->codec_private, y->codec_private))
      return false;
  }
  return true;
}

/* A track's last frame lasts as long as its frames do on average. */
static int64_t track_end_ns(const struct track *track) {
  int64_t span = kvsp_time_subtract(track->last_ns, track->first_ns);
  int64_t duration = track->shown.default_duration_ns;
  if (track->block_count > 1 && span != KVSP_TIME_NONE)
    duration = span / (int64_t)(track->block_count - 1);
  if (duration == KVSP_TIME_NONE) duration = 0;
  return kvsp_time_add(track->last_ns, duration);
}

int64_t kvsp_tracks_end_ns(const struct track_list *list) {
  int64_t end = KVSP_TIME_NONE;
  for (size_t i = 0; i < list->count; i++) {
    int64_t track_end = track_end_ns(track_of(list->items[i]));
    if (track_end > end) end = track_end; /* NONE is the lowest of all */
  }
  return end;
}
