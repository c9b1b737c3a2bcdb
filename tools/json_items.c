#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "json_items.h"

#include <stddef.h>

#include "command.h"
#include "message.h"

const char *json_track_type_name(unsigned type) {
  switch (type) {
    case 1: return "video";
    case 2: return "audio";
    case 3: return "complex";
    case 16: return "logo";
    case 17: return "subtitle";
    case 18: return "buttons";
    case 32: return "control";
    case 33: return "metadata";
    default: return NULL;
  }
}

int json_missing(const char *what) {
  complain(
      "this build cannot do %s: it was made without jansson (Debian: "
      "libjansson-dev)",
      what);
  return EXIT_FAILED;
}

#ifndef HAVE_JANSSON

const char *json_library_version(void) {
  return NULL;
}

#else

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "text.h"

/* SimpleTags nest as deep as kvsp_limits.max_depth lets them; what is deeper
 * than this is listed at this depth. */
#define TAG_DEPTH 64

const char *json_library_version(void) {
#if JANSSON_VERSION_HEX >= 0x020d00
  return jansson_version_str();
#else
  return JANSSON_VERSION;
#endif
}

int json_put(json_t *object, const char *key, json_t *value) {
  return json_object_set_new_nocheck(object, key, value);
}

/*
 * json_int_t is signed.  A larger number becomes {"": "DIGITS"}, which
 * json_write_line() writes as DIGITS.  Nothing else looks like that: no object
 * here has an empty key, and a quote inside a string is written as \".
 */
static const char big_head[] = "{\"\":\"";
static const char big_tail[] = "\"}";

static json_t *big_number(uint64_t value) {
  char digits[TEXT_SIZE];
  json_t *object = json_object();
  snprintf(digits, sizeof digits, "%" PRIu64, value);
  if (json_put(object, "", json_string_nocheck(digits)) == 0) return object;
  json_decref(object);
  return NULL;
}

json_t *json_uint(uint64_t value) {
  if (value > INT64_MAX) return big_number(value);
  return json_integer((json_int_t)value);
}

json_t *json_uint_or_null(uint64_t value) {
  return value == 0 ? json_null() : json_uint(value);
}

json_t *json_double_or_null(double value) {
  if (!isfinite(value) || !(value < 0.0 || value > 0.0)) return json_null();
  return json_real(value);
}

json_t *json_view(kvsp_view v) {
  size_t length = 0;
  char *text;
  json_t *value;
  if (v.data == NULL) return json_null();
  text = text_utf8_copy(v, &length);
  if (text == NULL) return NULL;
  value = json_stringn_nocheck(text, length);
  free(text);
  return value;
}

json_t *json_time(int64_t ns) {
  char text[TEXT_SIZE];
  if (ns == KVSP_TIME_NONE) return json_null();
  return json_string_nocheck(text_seconds(text, ns));
}

json_t *json_track_type(uint32_t type) {
  char number[TEXT_SIZE];
  const char *name = json_track_type_name(type);
  if (name != NULL) return json_string_nocheck(name);
  snprintf(number, sizeof number, "%" PRIu32, type);
  return json_string_nocheck(number);
}

/* An array or an object that could not be filled is given up. */
static json_t *whole_or_nothing(json_t *value, int failed) {
  if (!failed) return value;
  json_decref(value);
  return NULL;
}

json_t *json_encodings(uint32_t encodings) {
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {{KVSP_ENCODING_HEADER_STRIPPED, "header_stripping"},
               {KVSP_ENCODING_ZLIB, "zlib"},
               {KVSP_ENCODING_OTHER, "other"},
               {KVSP_ENCODING_ENCRYPTED, "encryption"}};
  json_t *array = json_array();
  int failed = array == NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (encodings & names[i].bit)
      failed |= json_array_append_new(array, json_string(names[i].name));
  }
  return whole_or_nothing(array, failed);
}

json_t *json_audio(json_t *codec_id, double sample_rate, uint32_t channels,
                   uint32_t bit_depth) {
  json_t *o = json_object();
  int failed = json_put(o, "codec_id", codec_id);
  failed |= json_put(o, "sample_rate", json_double_or_null(sample_rate));
  failed |= json_put(o, "channels", json_uint_or_null(channels));
  failed |= json_put(o, "bit_depth", json_uint_or_null(bit_depth));
  return whole_or_nothing(o, failed);
}

/* A tag MimeType says something else than the track. */
static bool is_corrected(const kvsp_track *t) {
  kvsp_view a = t->audio_codec_id;
  kvsp_view b = t->codec_id;
  if (a.data == NULL) return false;
  if (a.len != b.len || (a.len > 0 && memcmp(a.data, b.data, a.len) != 0))
    return true;
  return t->audio_sample_rate < t->sample_rate ||
         t->audio_sample_rate > t->sample_rate ||
         t->audio_channels != t->channels || t->audio_bit_depth != t->bit_depth;
}

json_t *json_track(const kvsp_track *t) {
  json_t *o = json_object();
  int failed = 0;
  failed |= json_put(o, "number", json_uint(t->number));
  failed |= json_put(o, "uid", json_uint_or_null(t->uid));
  failed |= json_put(o, "type", json_track_type(t->type));
  failed |= json_put(o, "codec_id", json_view(t->codec_id));
  failed |= json_put(o, "codec_private_size",
                     json_uint_or_null(t->codec_private.len));
  failed |= json_put(o, "name", json_view(t->name));
  failed |= json_put(o, "language", json_view(t->language));
  failed |= json_put(o, "width", json_uint_or_null(t->width));
  failed |= json_put(o, "height", json_uint_or_null(t->height));
  failed |= json_put(o, "sample_rate", json_double_or_null(t->sample_rate));
  failed |= json_put(o, "channels", json_uint_or_null(t->channels));
  failed |= json_put(o, "bit_depth", json_uint_or_null(t->bit_depth));
  if (t->encodings != 0)
    failed |= json_put(o, "encodings", json_encodings(t->encodings));
  if (is_corrected(t))
    failed |=
        json_put(o, "audio",
                 json_audio(json_view(t->audio_codec_id), t->audio_sample_rate,
                            t->audio_channels, t->audio_bit_depth));
  return whole_or_nothing(o, failed);
}

json_t *json_tracks(const kvsp_track *const *tracks, size_t count) {
  json_t *array = json_array();
  int failed = array == NULL;
  for (size_t i = 0; i < count && !failed; i++)
    failed = json_array_append_new(array, json_track(tracks[i]));
  return whole_or_nothing(array, failed);
}

static json_t *base64(kvsp_view v) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = malloc(v.len / 3 * 4 + 5);
  char *out = text;
  json_t *value;
  if (text == NULL) return NULL;
  for (size_t i = 0; i < v.len; i += 3) {
    size_t have = v.len - i < 3 ? v.len - i : 3;
    uint32_t bits = (uint32_t)v.data[i] << 16;
    if (have > 1) bits |= (uint32_t)v.data[i + 1] << 8;
    if (have > 2) bits |= v.data[i + 2];
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    *out++ = alphabet[bits >> 6 & 63];
    *out++ = alphabet[bits & 63];
    if (have < 3) out[-1] = '=';
    if (have < 2) out[-2] = '=';
  }
  value = json_stringn_nocheck(text, (size_t)(out - text));
  free(text);
  return value;
}

/* The UIDs of one kind, in an array of that name; no key for none. */
static int put_uids(json_t *o, const char *key, const kvsp_targets *targets,
                    uint64_t element_id) {
  json_t *array = NULL;
  int failed = 0;
  for (size_t i = 0; i < targets->target_count; i++) {
    if (targets->targets[i].element_id != element_id) continue;
    if (array == NULL) array = json_array();
    failed |= json_array_append_new(array, json_uint(targets->targets[i].uid));
  }
  return array == NULL ? failed : failed | json_put(o, key, array);
}

static json_t *json_targets(const kvsp_targets *t) {
  json_t *o = json_object();
  int failed = json_put(o, "type_value", json_uint(t->type_value));
  failed |= json_put(o, "type", json_view(t->type));
  failed |= put_uids(o, "track_uids", t, KVSP_ID_TAG_TRACK_UID);
  failed |= put_uids(o, "edition_uids", t, KVSP_ID_TAG_EDITION_UID);
  failed |= put_uids(o, "chapter_uids", t, KVSP_ID_TAG_CHAPTER_UID);
  failed |= put_uids(o, "attachment_uids", t, KVSP_ID_TAG_ATTACHMENT_UID);
  return whole_or_nothing(o, failed);
}

/* Empty Targets mean the same as none. */
static bool has_targets(const kvsp_tag *tag) {
  const kvsp_targets *t = tag->targets;
  if (t == NULL || tag->depth > 0) return false; /* those of the outer tag */
  return t->target_count > 0 || t->type.data != NULL || t->type_value != 50;
}

static json_t *one_tag(const kvsp_tag *tag) {
  static const kvsp_view empty = {(const uint8_t *)"", 0};
  kvsp_view text = tag->value.data != NULL ? tag->value : empty;
  json_t *o = json_object();
  int failed = json_put(o, "name", json_view(tag->name));
  if (tag->flags & KVSP_TAG_BINARY)
    failed |= json_put(o, "value_base64", base64(text));
  else if (tag->flags & KVSP_TAG_STRING)
    failed |= json_put(o, "value", json_view(text));
  else
    failed |= json_put(o, "value", json_null());
  if (has_targets(tag))
    failed |= json_put(o, "targets", json_targets(tag->targets));
  return whole_or_nothing(o, failed);
}

/* The array that children of this tag go into. */
static json_t *children_of(json_t *tag) {
  json_t *array = json_object_get(tag, "tags");
  if (array != NULL) return array;
  array = json_array();
  return json_put(tag, "tags", array) == 0 ? array : NULL;
}

json_t *json_tags(const kvsp_tag *const *tags, size_t count) {
  json_t *last[TAG_DEPTH] = {NULL}; /* the last tag of each depth; borrowed */
  json_t *list = json_array();
  uint32_t open = 0; /* how many of them there are */
  int failed = list == NULL;
  for (size_t i = 0; i < count && !failed; i++) {
    json_t *tag = one_tag(tags[i]);
    uint32_t depth = tags[i]->depth;
    if (depth > open) depth = open;
    if (depth >= TAG_DEPTH) depth = TAG_DEPTH - 1;
    failed = json_array_append_new(
        depth == 0 ? list : children_of(last[depth - 1]), tag);
    last[depth] = tag;
    open = depth + 1;
  }
  return whole_or_nothing(list, failed);
}

/* The character of one to three bytes at p. */
static unsigned code_point(const unsigned char *p, size_t length) {
  unsigned c = length == 1 ? p[0] : p[0] & (length == 2 ? 0x1Fu : 0x0Fu);
  for (size_t i = 1; i < length; i++) c = c << 6 | (p[i] & 0x3Fu);
  return c;
}

/* DEL, C1 and what turns the direction of text: jansson leaves them as they
 * are, but a terminal should not get them.  The text ends with a NUL. */
static void write_escaped(const char *text, size_t length) {
  const unsigned char *p = (const unsigned char *)text;
  size_t done = 0;
  for (size_t i = 0; i < length; i++) {
    size_t control = text_control_length(text + i);
    if (control == 0) continue;
    output_write(text + done, i - done);
    output_print("\\u%04X", code_point(p + i, control));
    i += control - 1;
    done = i + 1;
  }
  output_write(text + done, length - done);
}

/* Writes text, with {"":"DIGITS"} as DIGITS. */
static void write_numbers(const char *text, size_t length) {
  const char *end = text + length;
  const char *big = strstr(text, big_head);
  while (big != NULL) {
    const char *digits = big + strlen(big_head);
    const char *tail = strstr(digits, big_tail);
    if (tail == NULL) break; /* cannot be: we wrote it */
    write_escaped(text, (size_t)(big - text));
    output_write(digits, (size_t)(tail - digits));
    text = tail + strlen(big_tail);
    big = strstr(text, big_head);
  }
  write_escaped(text, (size_t)(end - text));
}

int json_write_line(json_t *value) {
  char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
  json_decref(value);
  if (text == NULL) {
    complain("%s", kvsp_status_text(KVSP_ERR_NOMEM));
    return EXIT_FAILED;
  }
  write_numbers(text, strlen(text));
  output_write("\n", 1);
  free(text);
  return EXIT_WELL;
}

#endif
