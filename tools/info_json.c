#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "info_json.h"

#include "command.h"
#include "json_items.h"

#ifndef HAVE_JANSSON

struct info_json *info_json_new(void) {
  json_missing("--json");
  return NULL;
}

void info_json_free(struct info_json *json) {
  (void)json;
}

int info_json_fragment(struct info_json *json, const kvsp_fragment *f) {
  (void)json;
  (void)f;
  return KVSP_OK;
}

int info_json_write(struct info_json *json, const struct summary *s,
                    const char *name) {
  (void)json;
  (void)s;
  (void)name;
  return EXIT_FAILED;
}

#else

#include <stdlib.h>
#include <string.h>

#include "message.h"

struct info_json {
  json_t *fragments; /* NULL: no --fragments, or none came */
  json_t *live;      /* NULL: no --live, or it is a file */
};

struct info_json *info_json_new(void) {
  struct info_json *json = calloc(1, sizeof *json);
  if (json == NULL) complain("%s", kvsp_status_text(KVSP_ERR_NOMEM));
  return json;
}

void info_json_free(struct info_json *json) {
  if (json != NULL) json_decref(json->fragments);
  if (json != NULL) json_decref(json->live);
  free(json);
}

static json_t *text(const char *s) {
  return s != NULL ? json_string_nocheck(s) : json_null();
}

static json_t *millis(int64_t value) {
  return value != KVSP_TIME_NONE ? json_integer(value) : json_null();
}

static json_t *flag(uint32_t flags, uint32_t which) {
  return json_boolean(flags & which);
}

static json_t *whole_or_nothing(json_t *value, int failed) {
  if (!failed) return value;
  json_decref(value);
  return NULL;
}

static json_t *fragment_row(const kvsp_fragment *f) {
  json_t *o = json_object();
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(f->index));
  failed |= json_put(o, "offset", json_uint(f->offset));
  failed |= json_put(o, "bytes", json_uint(f->size));
  failed |= json_put(o, "number", json_view(f->number));
  failed |= json_put(o, "producer_time", json_time(f->producer_time_ns));
  failed |= json_put(o, "server_time", json_time(f->server_time_ns));
  failed |= json_put(o, "start", json_time(f->start_ns));
  failed |= json_put(o, "gap", json_time(f->gap_ns));
  failed |= json_put(o, "frames", json_uint(f->frame_count));
  failed |= json_put(o, "millis_behind_now", millis(f->millis_behind_now));
  failed |= json_put(o, "complete", flag(f->flags, KVSP_FRAGMENT_COMPLETE));
  failed |= json_put(o, "damaged", flag(f->flags, KVSP_FRAGMENT_DAMAGED));
  failed |= json_put(o, "new_tracks", flag(f->flags, KVSP_FRAGMENT_NEW_TRACKS));
  failed |=
      json_put(o, "discontinuity", flag(f->flags, KVSP_FRAGMENT_DISCONTINUITY));
  failed |= json_put(o, "end_tag", flag(f->flags, KVSP_FRAGMENT_END_TAG));
  failed |= json_put(o, "error_id", json_uint_or_null(f->error_id));
  return whole_or_nothing(o, failed);
}

int info_json_fragment(struct info_json *json, const kvsp_fragment *f) {
  if (json->fragments == NULL) json->fragments = json_array();
  if (json_array_append_new(json->fragments, fragment_row(f)) == 0)
    return KVSP_OK;
  return KVSP_ERR_NOMEM;
}

static json_t *track_row(const struct track_summary *t) {
  json_t *o = json_object();
  int failed = 0;
  failed |= json_put(o, "number", json_uint(t->number));
  failed |= json_put(o, "uid", json_uint_or_null(t->uid));
  failed |= json_put(o, "type", json_track_type(t->type));
  failed |= json_put(o, "codec_id", text(t->codec_id));
  failed |= json_put(o, "codec_private_size",
                     json_uint_or_null(t->codec_private_size));
  failed |= json_put(o, "name", text(t->name));
  failed |= json_put(o, "language", text(t->language));
  failed |= json_put(o, "width", json_uint_or_null(t->width));
  failed |= json_put(o, "height", json_uint_or_null(t->height));
  failed |= json_put(o, "sample_rate", json_double_or_null(t->sample_rate));
  failed |= json_put(o, "channels", json_uint_or_null(t->channels));
  failed |= json_put(o, "bit_depth", json_uint_or_null(t->bit_depth));
  if (t->encodings != 0)
    failed |= json_put(o, "encodings", json_encodings(t->encodings));
  if (t->audio_corrected)
    failed |= json_put(o, "audio",
                       json_audio(text(t->audio_codec_id), t->audio_sample_rate,
                                  t->audio_channels, t->audio_bit_depth));
  failed |= json_put(o, "frames", json_uint(t->frames));
  failed |= json_put(o, "key_frames", json_uint(t->key_frames));
  failed |= json_put(o, "bytes", json_uint(t->bytes));
  failed |=
      json_put(o, "frame_rate", json_double_or_null(summary_frame_rate(t)));
  failed |= json_put(o, "bit_rate", json_double_or_null(summary_bit_rate(t)));
  return whole_or_nothing(o, failed);
}

static json_t *tag_value_row(const struct tag_value *v) {
  json_t *o = json_object();
  int failed = json_put(o, "value", text(v->value));
  if (v->binary) failed |= json_put(o, "size", json_uint(v->size));
  failed |= json_put(o, "count", json_uint(v->count));
  return whole_or_nothing(o, failed);
}

static json_t *tag_row(const struct tag_summary *t) {
  json_t *o = json_object();
  json_t *values = json_array();
  int failed = 0;
  for (size_t i = 0; i < t->value_count; i++)
    failed |= json_array_append_new(values, tag_value_row(&t->values[i]));
  failed |= json_put(o, "name", text(t->name));
  failed |= json_put(o, "count", json_uint(t->count));
  failed |= json_put(o, "values", values);
  failed |= json_put(o, "other_values", json_uint(t->other_values));
  return whole_or_nothing(o, failed);
}

static json_t *gap_row(const struct gap_summary *g) {
  json_t *o = json_object();
  int failed = 0;
  failed |= json_put(o, "from", json_uint(g->from));
  failed |= json_put(o, "to", json_uint(g->to));
  failed |= json_put(o, "reason", text(g->reason));
  failed |=
      json_put(o, "frames_lost",
               g->frames_lost < 0 ? json_null() : json_integer(g->frames_lost));
  return whole_or_nothing(o, failed);
}

static json_t *error_row(const struct error_summary *error) {
  json_t *o = json_object();
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(error->fragment));
  failed |= json_put(o, "error_id", json_uint_or_null(error->id));
  failed |= json_put(o, "error_code", text(error->code));
  failed |= json_put(o, "message", text(error->message));
  failed |= json_put(o, "meaning", text(kvsp_fragment_error_text(error->id)));
  return whole_or_nothing(o, failed);
}

static int put_lists(json_t *o, const struct summary *s) {
  json_t *tracks = json_array();
  json_t *tags = json_array();
  json_t *gaps = json_array();
  json_t *errors = json_array();
  int failed = 0;
  for (size_t i = 0; i < s->track_count; i++)
    failed |= json_array_append_new(tracks, track_row(s->tracks[i]));
  for (size_t i = 0; i < s->tag_count; i++)
    failed |= json_array_append_new(tags, tag_row(s->tags[i]));
  for (size_t i = 0; i < SUMMARY_GAPS && i < s->gaps; i++)
    failed |= json_array_append_new(gaps, gap_row(&s->gap_list[i]));
  for (size_t i = 0; i < SUMMARY_ERRORS && i < s->errors; i++)
    failed |= json_array_append_new(errors, error_row(&s->error_list[i]));
  failed |= json_put(o, "tracks", tracks);
  failed |= json_put(o, "tags", tags);
  failed |= json_put(o, "gap_list", gaps);
  failed |= json_put(o, "error_list", errors);
  return failed;
}

static json_t *latency_row(const struct summary *s) {
  json_t *o;
  int failed = 0;
  if (s->latency_count == 0) return json_null();
  o = json_object();
  failed |= json_put(o, "min", json_time(s->latency.min));
  failed |= json_put(o, "median", json_time(summary_latency_median(s)));
  failed |= json_put(o, "max", json_time(s->latency.max));
  return whole_or_nothing(o, failed);
}

static int put_counts(json_t *o, const struct summary *s) {
  int failed = 0;
  failed |= json_put(o, "bytes", json_uint(s->bytes));
  failed |= json_put(o, "fragments", json_uint(s->fragments));
  failed |= json_put(o, "complete", json_uint(s->complete));
  failed |= json_put(o, "damaged", json_uint(s->damaged));
  failed |= json_put(o, "frames", json_uint(s->frames));
  failed |= json_put(o, "key_frames", json_uint(s->key_frames));
  failed |= json_put(o, "new_tracks", json_uint(s->new_tracks));
  failed |= json_put(o, "discontinuities", json_uint(s->discontinuities));
  failed |= json_put(o, "gaps", json_uint(s->gaps));
  failed |= json_put(o, "gap_bytes", json_uint(s->gap_bytes));
  failed |= json_put(o, "errors", json_uint(s->errors));
  return failed;
}

static int put_times(json_t *o, const struct summary *s) {
  int failed = 0;
  failed |= json_put(o, "first_number", text(s->first_number));
  failed |= json_put(o, "last_number", text(s->last_number));
  failed |= json_put(o, "producer_first", json_time(s->producer.min));
  failed |= json_put(o, "producer_last", json_time(s->producer.max));
  failed |=
      json_put(o, "producer_duration", json_time(summary_producer_duration(s)));
  failed |=
      json_put(o, "timecode_duration", json_time(summary_timecode_duration(s)));
  failed |= json_put(o, "latency", latency_row(s));
  failed |= json_put(o, "millis_behind_now", millis(s->last_behind_ms));
  failed |= json_put(o, "millis_behind_now_max", millis(s->behind_ms.max));
  return failed;
}

int info_json_write(struct info_json *json, const struct summary *s,
                    const char *name) {
  kvsp_view v = {(const uint8_t *)name, strlen(name)};
  json_t *o = json_object();
  int failed = json_put(o, "file", json_view(v));
  failed |= put_counts(o, s);
  failed |= put_times(o, s);
  failed |= put_lists(o, s);
  if (json->fragments != NULL)
    failed |= json_put(o, "fragment_list", json_incref(json->fragments));
  if (json->live != NULL)
    failed |= json_put(o, "live", json_incref(json->live));
  return json_write_line(whole_or_nothing(o, failed));
}

void info_json_set_live(struct info_json *json, json_t *live) {
  json_decref(json->live);
  json->live = live;
}

#endif
