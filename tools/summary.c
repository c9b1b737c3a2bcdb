#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* The longest string that is kept: KVS allows 256 bytes in a tag. */
#define TEXT_MAX 1024

static struct span no_span(void) {
  struct span span = {KVSP_TIME_NONE, KVSP_TIME_NONE};
  return span;
}

static void widen(struct span *span, int64_t value) {
  if (value == KVSP_TIME_NONE) return;
  if (span->min == KVSP_TIME_NONE || value < span->min) span->min = value;
  if (span->max == KVSP_TIME_NONE || value > span->max) span->max = value;
}

/* a - b; hostile times may be as far apart as int64_t does not reach. */
static int64_t difference(int64_t a, int64_t b) {
  if (b < 0 && a > INT64_MAX + b) return INT64_MAX;
  if (b > 0 && a < -INT64_MAX + b) return -INT64_MAX;
  return a - b;
}

static int64_t sum(int64_t a, int64_t b) {
  return b < 0 ? difference(a, b == INT64_MIN ? INT64_MAX : -b)
               : difference(a, -b);
}

static int64_t length_of(struct span span) {
  if (span.min == KVSP_TIME_NONE) return 0;
  return difference(span.max, span.min);
}

void summary_start(struct summary *s) {
  memset(s, 0, sizeof *s);
  s->producer = no_span();
  s->session = no_span();
  s->behind_ms = no_span();
  s->last_behind_ms = KVSP_TIME_NONE;
  s->latency = no_span();
}

/* Copies a view as UTF-8, its first TEXT_MAX bytes at most; an absent one is
 * NULL, which is no failure. */
static int copy_text(char **out, kvsp_view v) {
  size_t length;
  *out = NULL;
  if (v.data == NULL) return KVSP_OK;
  if (v.len > TEXT_MAX) {
    v.len = TEXT_MAX;
    /* Not in the middle of a character. */
    while (v.len > 0 && (v.data[v.len] & 0xC0) == 0x80) v.len--;
  }
  *out = text_utf8_copy(v, &length);
  return *out != NULL ? KVSP_OK : KVSP_ERR_NOMEM;
}

static bool same_text(const char *a, const char *b) {
  if (a == NULL || b == NULL) return a == b;
  return strcmp(a, b) == 0;
}

/* --- tracks --- */

static void free_track(struct track_summary *t) {
  if (t == NULL) return;
  free(t->audio_codec_id);
  free(t->codec_id);
  free(t->name);
  free(t->language);
  free(t);
}

static bool same_number(double a, double b) {
  return !(a < b) && !(a > b);
}

/* A tag MimeType may say that the audio is not what the track declares. */
static int correct_audio(struct track_summary *row, const kvsp_track *track) {
  char *codec_id;
  if (track->audio_codec_id.data == NULL) return KVSP_OK;
  if (copy_text(&codec_id, track->audio_codec_id) != KVSP_OK)
    return KVSP_ERR_NOMEM;
  if (same_text(codec_id, row->codec_id) &&
      same_number(track->audio_sample_rate, row->sample_rate) &&
      track->audio_channels == row->channels &&
      track->audio_bit_depth == row->bit_depth) {
    free(codec_id);
    return KVSP_OK;
  }
  free(row->audio_codec_id);
  row->audio_codec_id = codec_id;
  row->audio_corrected = true;
  row->audio_sample_rate = track->audio_sample_rate;
  row->audio_channels = track->audio_channels;
  row->audio_bit_depth = track->audio_bit_depth;
  return KVSP_OK;
}

static struct track_summary *describe(const kvsp_track *track) {
  struct track_summary *t = calloc(1, sizeof *t);
  if (t == NULL) return NULL;
  t->number = track->number;
  t->uid = track->uid;
  t->type = track->type;
  t->width = track->width;
  t->height = track->height;
  t->sample_rate = track->sample_rate;
  t->channels = track->channels;
  t->bit_depth = track->bit_depth;
  t->encodings = track->encodings;
  t->codec_private_size = track->codec_private.len;
  t->fragment_pts = no_span();
  t->pts = no_span();
  if (copy_text(&t->codec_id, track->codec_id) != KVSP_OK) goto fail;
  if (copy_text(&t->name, track->name) != KVSP_OK) goto fail;
  if (copy_text(&t->language, track->language) != KVSP_OK) goto fail;
  if (correct_audio(t, track) != KVSP_OK) goto fail;
  return t;
fail:
  free_track(t);
  return NULL;
}

static bool same_audio(const struct track_summary *a,
                       const struct track_summary *b) {
  return a->audio_corrected == b->audio_corrected &&
         same_number(a->audio_sample_rate, b->audio_sample_rate) &&
         a->audio_channels == b->audio_channels &&
         a->audio_bit_depth == b->audio_bit_depth &&
         same_text(a->audio_codec_id, b->audio_codec_id);
}

static bool same_track(const struct track_summary *a,
                       const struct track_summary *b) {
  if (a->number != b->number || a->uid != b->uid || a->type != b->type)
    return false;
  if (a->width != b->width || a->height != b->height) return false;
  if (a->channels != b->channels || a->bit_depth != b->bit_depth) return false;
  if (!same_number(a->sample_rate, b->sample_rate)) return false;
  if (a->codec_private_size != b->codec_private_size) return false;
  if (a->encodings != b->encodings || !same_audio(a, b)) return false;
  return same_text(a->codec_id, b->codec_id) && same_text(a->name, b->name) &&
         same_text(a->language, b->language);
}

/* Finds or adds the row of a track; *row is NULL when the list is full. */
static int find_track(struct summary *s, const kvsp_track *track,
                      struct track_summary **row) {
  struct track_summary *t = describe(track);
  *row = NULL;
  if (t == NULL) return KVSP_ERR_NOMEM;
  for (size_t i = 0; i < s->track_count; i++) {
    if (!same_track(s->tracks[i], t)) continue;
    free_track(t);
    *row = s->tracks[i];
    return KVSP_OK;
  }
  if (s->track_count == SUMMARY_TRACKS) {
    s->tracks_left_out++;
    free_track(t);
    return KVSP_OK;
  }
  s->tracks[s->track_count++] = t;
  *row = t;
  return KVSP_OK;
}

static int set_current_tracks(struct summary *s, const kvsp_fragment *f) {
  size_t size = f->track_count * sizeof *s->current;
  if (f->track_count > s->current_count) {
    struct track_summary **grown = realloc(s->current, size);
    if (grown == NULL) return KVSP_ERR_NOMEM;
    s->current = grown;
  }
  s->current_count = f->track_count;
  for (size_t i = 0; i < f->track_count; i++) {
    int status = find_track(s, f->tracks[i], &s->current[i]);
    if (status != KVSP_OK) return status;
  }
  return KVSP_OK;
}

/* The tag may stand behind the Cluster: then the row is there already. */
static int correct_current_tracks(struct summary *s, const kvsp_fragment *f) {
  for (size_t i = 0; i < s->current_count && i < f->track_count; i++) {
    struct track_summary *row = s->current[i];
    int status = KVSP_OK;
    if (row != NULL && !row->audio_corrected)
      status = correct_audio(row, f->tracks[i]);
    if (status != KVSP_OK) return status;
  }
  return KVSP_OK;
}

static void end_fragment_of_track(struct track_summary *t) {
  if (t->fragment_frames > 1) {
    t->steps += t->fragment_frames - 1;
    t->steps_ns = sum(t->steps_ns, length_of(t->fragment_pts));
  }
  t->fragment_frames = 0;
  t->fragment_pts = no_span();
}

/* --- tags --- */

static void free_tag(struct tag_summary *t) {
  if (t == NULL) return;
  for (size_t i = 0; i < t->value_count; i++) free(t->values[i].value);
  free(t->name);
  free(t);
}

/* Takes over name.  *row is NULL when the list is full. */
static int find_tag(struct summary *s, char *name, struct tag_summary **row) {
  struct tag_summary *t;
  *row = NULL;
  for (size_t i = 0; i < s->tag_count; i++) {
    if (!same_text(s->tags[i]->name, name)) continue;
    free(name);
    *row = s->tags[i];
    return KVSP_OK;
  }
  if (s->tag_count == SUMMARY_TAG_NAMES) {
    s->tags_left_out++;
    free(name);
    return KVSP_OK;
  }
  t = calloc(1, sizeof *t);
  if (t == NULL) {
    free(name);
    return KVSP_ERR_NOMEM;
  }
  t->name = name;
  s->tags[s->tag_count++] = t;
  *row = t;
  return KVSP_OK;
}

/* Takes over value->value. */
static void add_value(struct tag_summary *t, const struct tag_value *value) {
  t->count++;
  for (size_t i = 0; i < t->value_count; i++) {
    struct tag_value *known = &t->values[i];
    if (known->binary != value->binary || known->size != value->size ||
        !same_text(known->value, value->value))
      continue;
    known->count++;
    free(value->value);
    return;
  }
  if (t->value_count == SUMMARY_TAG_VALUES) {
    t->other_values++;
    free(value->value);
    return;
  }
  t->values[t->value_count] = *value;
  t->values[t->value_count++].count = 1;
}

static int add_tag(struct summary *s, const kvsp_tag *tag) {
  struct tag_value value = {NULL, false, 0, 0};
  struct tag_summary *row = NULL;
  char *name;
  int status = copy_text(&name, tag->name);
  if (status == KVSP_OK) status = find_tag(s, name, &row);
  if (status != KVSP_OK || row == NULL) return status;
  if (tag->flags & KVSP_TAG_BINARY) {
    value.binary = true;
    value.size = tag->value.len;
  } else if (tag->flags & KVSP_TAG_STRING) {
    kvsp_view v = tag->value;
    if (v.data == NULL) v.data = (const uint8_t *)"";
    status = copy_text(&value.value, v);
  }
  if (status == KVSP_OK) add_value(row, &value);
  return status;
}

static int add_tags(struct summary *s, const kvsp_tag *const *tags,
                    size_t count) {
  int status = KVSP_OK;
  for (size_t i = 0; i < count && status == KVSP_OK; i++)
    status = add_tag(s, tags[i]);
  return status;
}

/* --- fragments --- */

static int add_latency(struct summary *s, const kvsp_fragment *f) {
  int64_t latency;
  if (f->server_time_ns == KVSP_TIME_NONE) return KVSP_OK;
  if (f->producer_time_ns == KVSP_TIME_NONE) return KVSP_OK;
  latency = difference(f->server_time_ns, f->producer_time_ns);
  widen(&s->latency, latency);
  if (s->latency_count == SUMMARY_LATENCIES) return KVSP_OK;
  if (s->latency_count == s->latency_capacity) {
    size_t capacity = s->latency_capacity > 0 ? s->latency_capacity * 2 : 64;
    int64_t *grown = realloc(s->latencies, capacity * sizeof *grown);
    if (grown == NULL) return KVSP_ERR_NOMEM;
    s->latencies = grown;
    s->latency_capacity = capacity;
  }
  s->latencies[s->latency_count++] = latency;
  return KVSP_OK;
}

static int add_error(struct summary *s, const kvsp_fragment *f) {
  struct error_summary *error;
  if (f->error_id == 0 && f->error_code.data == NULL &&
      f->error_message.data == NULL)
    return KVSP_OK;
  if (s->errors >= SUMMARY_ERRORS) {
    s->errors++;
    return KVSP_OK;
  }
  error = &s->error_list[s->errors++];
  error->fragment = f->index;
  error->id = f->error_id;
  if (copy_text(&error->code, f->error_code) != KVSP_OK) return KVSP_ERR_NOMEM;
  return copy_text(&error->message, f->error_message);
}

static int add_number(struct summary *s, const kvsp_fragment *f) {
  char *number;
  if (f->number.data == NULL) return KVSP_OK;
  if (copy_text(&number, f->number) != KVSP_OK) return KVSP_ERR_NOMEM;
  if (s->first_number == NULL) {
    s->first_number = number;
    return copy_text(&s->last_number, f->number);
  }
  free(s->last_number);
  s->last_number = number;
  return KVSP_OK;
}

static int add_fragment(struct summary *s, const kvsp_fragment *f) {
  int status;
  s->fragments++;
  if (f->flags & KVSP_FRAGMENT_NEW_TRACKS) s->new_tracks++;
  if (f->flags & KVSP_FRAGMENT_DISCONTINUITY) {
    s->discontinuities++;
    s->timecodes_ns = sum(s->timecodes_ns, length_of(s->session));
    s->session = no_span();
  }
  widen(&s->producer, f->producer_time_ns);
  status = set_current_tracks(s, f);
  if (status == KVSP_OK) status = add_number(s, f);
  if (status == KVSP_OK) status = add_latency(s, f);
  if (status == KVSP_OK) status = add_tags(s, f->tags, f->tag_count);
  return status;
}

static int end_fragment(struct summary *s, const kvsp_fragment *f) {
  if (f->flags & KVSP_FRAGMENT_COMPLETE) s->complete++;
  if (f->flags & KVSP_FRAGMENT_DAMAGED) s->damaged++;
  if (f->flags & KVSP_FRAGMENT_END_TAG) s->with_end_tag++;
  if (f->millis_behind_now != KVSP_TIME_NONE)
    s->last_behind_ms = f->millis_behind_now;
  widen(&s->behind_ms, f->millis_behind_now);
  for (size_t i = 0; i < s->current_count; i++) {
    if (s->current[i] != NULL) end_fragment_of_track(s->current[i]);
  }
  if (correct_current_tracks(s, f) != KVSP_OK) return KVSP_ERR_NOMEM;
  return add_error(s, f);
}

/* The row of a frame's track.  A frame may come before its track is declared:
 * such a track is none of its fragment's. */
static int track_of_frame(struct summary *s, const kvsp_frame *f,
                          struct track_summary **row) {
  const kvsp_fragment *fragment = f->fragment;
  uint32_t index = f->track->index;
  if (index >= s->current_count || index >= fragment->track_count ||
      fragment->tracks[index] != f->track)
    return find_track(s, f->track, row);
  *row = s->current[index];
  return KVSP_OK;
}

static int add_frame(struct summary *s, const kvsp_frame *f) {
  bool key = (f->flags & KVSP_FRAME_KEY) != 0;
  struct track_summary *t;
  if (track_of_frame(s, f, &t) != KVSP_OK) return KVSP_ERR_NOMEM;
  s->frames++;
  if (key) s->key_frames++;
  widen(&s->producer, f->producer_time_ns);
  widen(&s->session, f->pts_ns);
  if (t == NULL) return KVSP_OK;
  t->frames++;
  t->fragment_frames++;
  if (key) t->key_frames++;
  t->bytes += f->size;
  widen(&t->fragment_pts, f->pts_ns);
  widen(&t->pts, f->pts_ns);
  return KVSP_OK;
}

static void add_gap(struct summary *s, const kvsp_gap *gap) {
  if (s->gaps < SUMMARY_GAPS) {
    struct gap_summary *g = &s->gap_list[s->gaps];
    g->from = gap->from;
    g->to = gap->to;
    g->reason = gap->reason;
    g->frames_lost = gap->frames_lost;
  }
  s->gaps++;
  s->gap_bytes += gap->to - gap->from;
}

int summary_add(struct summary *s, const kvsp_item *item) {
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT: return add_fragment(s, item->fragment);
    case KVSP_ITEM_FRAME: return add_frame(s, item->frame);
    case KVSP_ITEM_TAGS: return add_tags(s, item->tags, item->tag_count);
    case KVSP_ITEM_FRAGMENT_END: return end_fragment(s, item->fragment);
    case KVSP_ITEM_GAP: add_gap(s, item->gap); return KVSP_OK;
    default: return KVSP_OK;
  }
}

/* --- what comes of it --- */

static int by_value(const void *a, const void *b) {
  const int64_t *x = a;
  const int64_t *y = b;
  return (*x > *y) - (*x < *y);
}

void summary_finish(struct summary *s) {
  if (s->latency_count > 0)
    qsort(s->latencies, s->latency_count, sizeof *s->latencies, by_value);
}

void summary_free(struct summary *s) {
  for (size_t i = 0; i < s->track_count; i++) free_track(s->tracks[i]);
  for (size_t i = 0; i < s->tag_count; i++) free_tag(s->tags[i]);
  for (size_t i = 0; i < SUMMARY_ERRORS; i++) {
    free(s->error_list[i].code);
    free(s->error_list[i].message);
  }
  free(s->first_number);
  free(s->last_number);
  free(s->latencies);
  free(s->current);
}

int64_t summary_producer_duration(const struct summary *s) {
  if (s->producer.min == KVSP_TIME_NONE) return KVSP_TIME_NONE;
  return length_of(s->producer);
}

int64_t summary_timecode_duration(const struct summary *s) {
  if (s->frames == 0) return KVSP_TIME_NONE;
  return sum(s->timecodes_ns, length_of(s->session));
}

int64_t summary_latency_median(const struct summary *s) {
  if (s->latency_count == 0) return KVSP_TIME_NONE;
  return s->latencies[(s->latency_count - 1) / 2];
}

double summary_frame_rate(const struct track_summary *t) {
  int64_t whole = length_of(t->pts);
  if (t->steps > 0 && t->steps_ns > 0)
    return (double)t->steps * 1e9 / (double)t->steps_ns;
  /* One frame a fragment: only the times between fragments are left. */
  if (t->frames > 1 && whole > 0)
    return (double)(t->frames - 1) * 1e9 / (double)whole;
  return 0;
}

double summary_bit_rate(const struct track_summary *t) {
  if (t->frames == 0) return 0;
  return (double)t->bytes * 8 / (double)t->frames * summary_frame_rate(t);
}
