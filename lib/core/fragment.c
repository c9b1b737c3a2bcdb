#include "fragment.h"

#include <string.h>

#include "times.h"

#define PREFIX "AWS_KINESISVIDEO_"

void kvsp_fragment_init(kvsp_fragment *f) {
  memset(f, 0, sizeof *f);
  f->producer_time_ns = KVSP_TIME_NONE;
  f->server_time_ns = KVSP_TIME_NONE;
  f->millis_behind_now = KVSP_TIME_NONE;
  f->start_ns = KVSP_TIME_NONE;
  f->gap_ns = KVSP_TIME_NONE;
  f->timestamp_scale = 1000000; /* RFC 9559, 5.1.2.9 */
}

/* Fragment numbers are used to compare, to resume and in file names: only
 * what is one counts. */
static void set_number(kvsp_fragment *f, kvsp_view value) {
  if (value.len < 1 || value.len > 128) return;
  for (size_t i = 0; i < value.len; i++)
    if (value.data[i] < '0' || value.data[i] > '9') return;
  f->number = value;
}

/* A value that makes no sense does not replace one that does. */
static void set_time(int64_t *time, int64_t value) {
  if (value != KVSP_TIME_NONE) *time = value;
}

static void note_complete(kvsp_fragment *f) {
  if (f->continuation_token.data && f->millis_behind_now != KVSP_TIME_NONE)
    f->flags |= KVSP_FRAGMENT_COMPLETE;
}

static void set_error(kvsp_fragment *f, kvsp_view value) {
  int64_t id = kvsp_time_parse_integer(value);
  if (id > 0 && id <= UINT32_MAX) f->error_id = (uint32_t)id;
}

/* The tags that matter, with the names of GetMedia, GetMediaForFragmentList
 * and, where AWS's documentation and code differ, both. */
enum aws_tag {
  TAG_NONE,
  TAG_NUMBER,
  TAG_SERVER_TIME,
  TAG_PRODUCER_TIME,
  TAG_MILLIS_BEHIND_NOW,
  TAG_CONTINUATION_TOKEN,
  TAG_ERROR_ID,
  TAG_ERROR_CODE,
  TAG_EXCEPTION_CODE,
  TAG_EXCEPTION_MESSAGE,
  TAG_END_OF_FRAGMENT
};

#define NAME(text) text, sizeof(text) - 1
static const struct {
  const char *name; /* behind PREFIX */
  size_t len;
  enum aws_tag tag;
} aws_tags[] = {
    {NAME("FRAGMENT_NUMBER"), TAG_NUMBER},
    {NAME("SERVER_TIMESTAMP"), TAG_SERVER_TIME},
    {NAME("SERVER_SIDE_TIMESTAMP"), TAG_SERVER_TIME},
    {NAME("PRODUCER_TIMESTAMP"), TAG_PRODUCER_TIME},
    {NAME("PRODUCER_SIDE_TIMESTAMP"), TAG_PRODUCER_TIME},
    {NAME("MILLIS_BEHIND_NOW"), TAG_MILLIS_BEHIND_NOW},
    {NAME("CONTINUATION_TOKEN"), TAG_CONTINUATION_TOKEN},
    {NAME("ERROR_ID"), TAG_ERROR_ID},
    {NAME("ERROR_CODE"), TAG_ERROR_CODE},
    {NAME("EXCEPTION_ERROR_CODE"), TAG_EXCEPTION_CODE},
    {NAME("EXCEPTION_MESSAGE"), TAG_EXCEPTION_MESSAGE},
    {NAME("END_OF_FRAGMENT"), TAG_END_OF_FRAGMENT},
};

static enum aws_tag aws_tag_of(kvsp_view name) {
  size_t prefix = sizeof PREFIX - 1;
  if (name.len <= prefix || memcmp(name.data, PREFIX, prefix) != 0)
    return TAG_NONE;
  for (size_t i = 0; i < sizeof aws_tags / sizeof *aws_tags; i++)
    if (name.len - prefix == aws_tags[i].len &&
        memcmp(name.data + prefix, aws_tags[i].name, aws_tags[i].len) == 0)
      return aws_tags[i].tag;
  return TAG_NONE;
}

void kvsp_fragment_apply_tag(kvsp_fragment *f, const kvsp_tag *tag) {
  kvsp_view value = tag->value;
  if (!(tag->flags & KVSP_TAG_STRING)) return;
  switch (aws_tag_of(tag->name)) {
    case TAG_NONE: break;
    case TAG_NUMBER: set_number(f, value); break;
    case TAG_SERVER_TIME:
      set_time(&f->server_time_ns, kvsp_time_parse_seconds(value));
      break;
    case TAG_PRODUCER_TIME:
      set_time(&f->producer_time_ns, kvsp_time_parse_seconds(value));
      break;
    case TAG_MILLIS_BEHIND_NOW:
      set_time(&f->millis_behind_now, kvsp_time_parse_integer(value));
      break;
    case TAG_CONTINUATION_TOKEN:
      if (value.len > 0) f->continuation_token = value;
      break;
    case TAG_ERROR_ID: set_error(f, value); break;
    case TAG_ERROR_CODE: f->error_code = value; break;
    case TAG_EXCEPTION_CODE: /* a number, by the documentation */
      set_error(f, value);
      f->error_code = value;
      break;
    case TAG_EXCEPTION_MESSAGE: f->error_message = value; break;
    case TAG_END_OF_FRAGMENT: f->flags |= KVSP_FRAGMENT_END_TAG; break;
  }
  note_complete(f);
}

static bool is_text(kvsp_view v, const char *text) {
  return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* Takes what comes before the next separator off the front, without blanks. */
static kvsp_view take_until(kvsp_view *v, uint8_t separator) {
  kvsp_view part = {v->data, 0};
  while (part.len < v->len && v->data[part.len] != separator) part.len++;
  v->data += part.len < v->len ? part.len + 1 : part.len;
  v->len -= part.len < v->len ? part.len + 1 : part.len;
  while (part.len > 0 && part.data[0] == ' ') part.data++, part.len--;
  while (part.len > 0 && part.data[part.len - 1] == ' ') part.len--;
  return part;
}

/* "rate=8000" or "channels=1"; others do not matter here. */
static void apply_parameter(struct audio_format *format, kvsp_view parameter) {
  kvsp_view name = take_until(&parameter, '=');
  int64_t value = kvsp_time_parse_integer(parameter);
  if (value < 1 || value > 1000000) return;
  if (is_text(name, "rate")) format->sample_rate = (uint32_t)value;
  if (is_text(name, "channels")) format->channels = (uint32_t)value;
}

/* The value of a MimeType; false when it is not that of raw audio. */
static bool apply_mime_type(struct audio_format *format, kvsp_view rest) {
  static const char pcm[] = "A_PCM/INT/LIT"; /* so Connect writes it */
  struct audio_format read = {
      .known = true,
      .channels = 1,
      .bit_depth = 16,
      .codec_id = {(const uint8_t *)pcm, sizeof pcm - 1}};
  if (!is_text(take_until(&rest, ';'), "audio/L16")) return false;
  while (rest.len > 0) apply_parameter(&read, take_until(&rest, ';'));
  if (read.sample_rate == 0) return false;
  *format = read;
  return true;
}

bool kvsp_audio_format_apply_tag(struct audio_format *format,
                                 const kvsp_tag *tag) {
  return is_text(tag->name, "MimeType") && tag->flags & KVSP_TAG_STRING &&
         apply_mime_type(format, tag->value);
}

int64_t kvsp_fragment_producer_time(const kvsp_fragment *f, int64_t pts_ns) {
  return kvsp_time_add(f->producer_time_ns,
                       kvsp_time_subtract(pts_ns, f->start_ns));
}

void kvsp_fragment_follow(kvsp_fragment *f,
                          const struct fragment_span *before) {
  int64_t length = kvsp_time_subtract(before->end_ns, before->start_ns);
  int64_t by_producer = kvsp_time_subtract(
      f->producer_time_ns, kvsp_time_add(before->producer_time_ns, length));
  int went_back = f->start_ns != KVSP_TIME_NONE &&
                  before->start_ns != KVSP_TIME_NONE &&
                  f->start_ns <= before->start_ns;
  if (went_back) f->flags |= KVSP_FRAGMENT_DISCONTINUITY;
  f->gap_ns = by_producer;
  if (by_producer == KVSP_TIME_NONE && !went_back)
    f->gap_ns = kvsp_time_subtract(f->start_ns, before->end_ns);
}

const kvsp_tag *kvsp_fragment_tag(const kvsp_fragment *fragment,
                                  const char *name) {
  size_t len;
  if (!fragment || !name) return NULL;
  len = strlen(name);
  for (size_t i = fragment->tag_count; i-- > 0;) {
    const kvsp_tag *tag = fragment->tags[i];
    if (tag->name.len != len) continue;
    if (len == 0 || memcmp(tag->name.data, name, len) == 0) return tag;
  }
  return NULL;
}

static kvsp_view without_zeros(kvsp_view number) {
  if (!number.data) number.len = 0;
  while (number.len > 0 && number.data[0] == '0') {
    number.data++;
    number.len--;
  }
  return number;
}

int kvsp_fragment_number_compare(kvsp_view a, kvsp_view b) {
  a = without_zeros(a);
  b = without_zeros(b);
  if (a.len != b.len) return a.len < b.len ? -1 : 1;
  return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

const char *kvsp_fragment_error_text(uint32_t error_id) {
  static const struct {
    uint32_t id;
    const char *text;
  } errors[] = {
      {3002, "The service could not write to the stream."},
      {4000, "The fragment was not found."},
      {4500, "Access to the stream's KMS key is denied."},
      {4501, "The stream's KMS key is disabled."},
      {4502, "The stream's KMS key could not be validated."},
      {4503, "The stream's KMS key is not available."},
      {4504, "The stream's KMS key cannot be used for this."},
      {4505, "The stream's KMS key is in an invalid state."},
      {4506, "The stream's KMS key was not found."},
      {5000, "Internal error of the service."},
  };
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].id == error_id) return errors[i].text;
  return NULL;
}
