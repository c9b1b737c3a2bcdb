#include "info_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_items.h"
#include "output.h"
#include "text.h"

#define AWS_PREFIX "AWS_KINESISVIDEO_"
#define NUMBER_WIDTH 47 /* of the fragment numbers that are seen in practice */

/* A longer text takes its room in its own row: no column becomes as wide as
 * the longest name that a stream may hold. */
#define COLUMN_WIDTH_MAX 40

/* --- cells --- */

/* Characters, not bytes: UTF-8 continuation bytes take no place. */
static size_t width_of(const char *text) {
  size_t width = 0;
  for (; *text != '\0'; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void widen(size_t *width, const char *text) {
  size_t needed = width_of(text);
  if (needed > COLUMN_WIDTH_MAX) needed = COLUMN_WIDTH_MAX;
  if (needed > *width) *width = needed;
}

/* A cell, two spaces and padding behind it. */
static void cell(const char *text, size_t width) {
  size_t used = width_of(text);
  output_print("%s%*s", text, (int)(used < width ? width - used : 0) + 2, "");
}

static void label(const char *name) {
  output_print("  %-18s", name);
}

/* A string of the stream, harmless to a terminal; for free(). */
static char *printable(const char *text) {
  kvsp_view v = {(const uint8_t *)text, text != NULL ? strlen(text) : 0};
  return text != NULL ? text_printable(v) : NULL;
}

static const char *or_dash(const char *text) {
  return text != NULL && text[0] != '\0' ? text : "-";
}

static const char *plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

/* --- fragments --- */

void info_table_fragments_head(void) {
  output_print("%8s  %-27s  %14s  %7s  %10s  %-*s  %s\n", "Fragment",
               "Producer time", "Timecode (s)", "Frames", "Bytes", NUMBER_WIDTH,
               "Number", "Flags");
}

static void print_flags(const kvsp_fragment *f) {
  static const struct {
    uint32_t flag;
    const char *name;
  } names[] = {{KVSP_FRAGMENT_COMPLETE, "complete"},
               {KVSP_FRAGMENT_DAMAGED, "damaged"},
               {KVSP_FRAGMENT_NEW_TRACKS, "new-tracks"},
               {KVSP_FRAGMENT_DISCONTINUITY, "discontinuity"},
               {KVSP_FRAGMENT_END_TAG, "end-tag"}};
  const char *comma = "";
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!(f->flags & names[i].flag)) continue;
    output_print("%s%s", comma, names[i].name);
    comma = ",";
  }
  if (f->error_id != 0) {
    output_print("%serror-%" PRIu32, comma, f->error_id);
    comma = ",";
  }
  output_print("%s\n", comma[0] == '\0' ? "-" : "");
}

void info_table_fragment(const kvsp_fragment *f) {
  char date[TEXT_SIZE] = "-";
  char start[TEXT_SIZE] = "-";
  char *number = f->number.data != NULL ? text_printable(f->number) : NULL;
  if (f->producer_time_ns != KVSP_TIME_NONE)
    text_date(date, f->producer_time_ns);
  if (f->start_ns != KVSP_TIME_NONE) text_milliseconds(start, f->start_ns);
  output_print("%8" PRIu64 "  %-27s  %14s  %7" PRIu64 "  %10" PRIu64 "  ",
               f->index, date, start, f->frame_count, f->size);
  cell(or_dash(number), NUMBER_WIDTH);
  print_flags(f);
  free(number);
}

/* --- the stream --- */

static void print_counts(const struct summary *s) {
  char bytes[TEXT_SIZE];
  label("Bytes");
  output_print("%" PRIu64, s->bytes);
  if (s->bytes >= 1000) output_print(" (%s)", text_bytes(bytes, s->bytes));
  output_print("\n");
  label("Fragments");
  output_print("%" PRIu64, s->fragments);
  if (s->fragments > 0)
    output_print(" (%" PRIu64 " complete, %" PRIu64
                 " without tail tags, %" PRIu64 " damaged)",
                 s->complete, s->fragments - s->complete, s->damaged);
  output_print("\n");
  label("Frames");
  output_print("%" PRIu64 " (%" PRIu64 " key)\n", s->frames, s->key_frames);
}

static void print_numbers(const struct summary *s) {
  char *first = printable(s->first_number);
  char *last = printable(s->last_number);
  if (first != NULL && last != NULL) {
    label("First number");
    output_print("%s\n", first);
    label("Last number");
    output_print("%s\n", last);
  }
  free(first);
  free(last);
}

static void print_times(const struct summary *s) {
  char a[TEXT_SIZE], b[TEXT_SIZE];
  int64_t duration = summary_producer_duration(s);
  label("Producer time");
  if (duration == KVSP_TIME_NONE) {
    output_print("-\n");
  } else {
    output_print("%s to\n", text_date(a, s->producer.min));
    label("");
    output_print("%s, %s s\n", text_date(a, s->producer.max),
                 text_milliseconds(b, duration));
  }
  duration = summary_timecode_duration(s);
  label("Timecodes");
  if (duration == KVSP_TIME_NONE)
    output_print("-\n");
  else
    output_print("%s s\n", text_milliseconds(a, duration));
}

static void print_latency(const struct summary *s) {
  char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
  label("Latency");
  if (s->latency_count == 0)
    output_print("-\n");
  else
    output_print("%s s min, %s s median, %s s max (server - producer)\n",
                 text_milliseconds(a, s->latency.min),
                 text_milliseconds(b, summary_latency_median(s)),
                 text_milliseconds(c, s->latency.max));
  label("Behind now");
  if (s->last_behind_ms == KVSP_TIME_NONE)
    output_print("-\n");
  else
    output_print("%" PRId64 " ms at the end, %" PRId64 " ms at most\n",
                 s->last_behind_ms, s->behind_ms.max);
}

static void print_faults(const struct summary *s) {
  label("Discontinuities");
  output_print("%" PRIu64 "\n", s->discontinuities);
  label("Gaps");
  output_print("%" PRIu64, s->gaps);
  if (s->gaps > 0)
    output_print(" (%" PRIu64 " byte%s)", s->gap_bytes, plural(s->gap_bytes));
  output_print("\n");
  label("Service errors");
  output_print("%" PRIu64 "\n", s->errors);
}

/* --- tracks --- */

struct track_row {
  char number[24];
  char type[16];
  char format[64];
  char *codec;
  char *name;
};

struct track_widths {
  size_t number, type, codec, format;
};

static void fill_format(struct track_row *row, const struct track_summary *t) {
  char *out = row->format;
  size_t room = sizeof row->format;
  bool corrected = t->audio_corrected;
  double rate = corrected ? t->audio_sample_rate : t->sample_rate;
  uint32_t channels = corrected ? t->audio_channels : t->channels;
  uint32_t bit_depth = corrected ? t->audio_bit_depth : t->bit_depth;
  if (t->width != 0 || t->height != 0)
    snprintf(out, room, "%" PRIu32 "x%" PRIu32, t->width, t->height);
  else if (channels != 0 && bit_depth != 0)
    snprintf(out, room, "%.10g Hz, %" PRIu32 " ch, %" PRIu32 " bit", rate,
             channels, bit_depth);
  else if (channels != 0)
    snprintf(out, room, "%.10g Hz, %" PRIu32 " ch", rate, channels);
  else
    snprintf(out, room, "-");
}

static void fill_track(struct track_row *row, const struct track_summary *t) {
  const char *type = json_track_type_name(t->type);
  snprintf(row->number, sizeof row->number, "%" PRIu64, t->number);
  if (type != NULL)
    snprintf(row->type, sizeof row->type, "%s", type);
  else
    snprintf(row->type, sizeof row->type, "%" PRIu32, t->type);
  fill_format(row, t);
  row->codec = printable(t->audio_corrected ? t->audio_codec_id : t->codec_id);
  row->name = printable(t->name);
}

static void print_rate(double value, int decimals) {
  char text[TEXT_SIZE] = "-";
  /* Absurd rates, from absurd times, would break the table. */
  if (value > 0 && value < 1e9)
    snprintf(text, sizeof text, "%.*f", decimals, value);
  output_print("%10s  ", text);
}

static void print_track(const struct track_row *row,
                        const struct track_widths *w,
                        const struct track_summary *t) {
  output_print("  %*s  ", (int)w->number, row->number);
  cell(row->type, w->type);
  cell(or_dash(row->codec), w->codec);
  cell(row->format, w->format);
  output_print("%8" PRIu64 "  %8" PRIu64 "  ", t->frames, t->key_frames);
  print_rate(summary_frame_rate(t), 3);
  print_rate(summary_bit_rate(t) / 1000, 1);
  output_print("%7zu  %s\n", t->codec_private_size, or_dash(row->name));
}

static void print_tracks(const struct summary *s) {
  struct track_row *rows = calloc(s->track_count + 1, sizeof *rows);
  struct track_widths w = {5, 4, 5, 6};
  if (s->track_count == 0 || rows == NULL) goto done;
  for (size_t i = 0; i < s->track_count; i++) {
    fill_track(&rows[i], s->tracks[i]);
    widen(&w.number, rows[i].number);
    widen(&w.type, rows[i].type);
    widen(&w.codec, or_dash(rows[i].codec));
    widen(&w.format, rows[i].format);
  }
  output_print("\nTracks\n  ");
  output_print("%*s  %-*s  %-*s  %-*s  ", (int)w.number, "Track", (int)w.type,
               "Type", (int)w.codec, "Codec", (int)w.format, "Format");
  output_print("%8s  %8s  %10s  %10s  %7s  %s\n", "Frames", "Key", "Frames/s",
               "kbit/s", "Private", "Name");
  for (size_t i = 0; i < s->track_count; i++) {
    print_track(&rows[i], &w, s->tracks[i]);
    free(rows[i].codec);
    free(rows[i].name);
  }
  if (s->tracks_left_out > 0)
    output_print("  and %" PRIu64 " more descriptions of tracks\n",
                 s->tracks_left_out);
done:
  free(rows);
}

/* --- tags --- */

static int is_aws(const struct tag_summary *t) {
  return strncmp(t->name != NULL ? t->name : "", AWS_PREFIX,
                 strlen(AWS_PREFIX)) == 0;
}

static void print_tag_value(const struct tag_value *v) {
  char *text = printable(v->value);
  output_print("%" PRIu64 " x ", v->count);
  if (v->binary)
    output_print("%zu byte%s\n", v->size, plural(v->size));
  else if (text != NULL)
    output_print("\"%s\"\n", text);
  else
    output_print("no value\n");
  free(text);
}

static void print_user_tag(const struct tag_summary *t, size_t width) {
  char *name = printable(t->name);
  for (size_t i = 0; i < t->value_count; i++) {
    output_print("  ");
    cell(i == 0 ? or_dash(name) : "", width);
    print_tag_value(&t->values[i]);
  }
  if (t->other_values > 0) {
    output_print("  ");
    cell("", width);
    output_print("%" PRIu64 " x other values\n", t->other_values);
  }
  free(name);
}

static size_t widest_tag(const struct summary *s) {
  size_t width = 0;
  for (size_t i = 0; i < s->tag_count; i++) {
    char *name = printable(s->tags[i]->name);
    if (name != NULL) widen(&width, name);
    free(name);
  }
  return width;
}

static void print_tags(const struct summary *s) {
  size_t width = widest_tag(s);
  if (s->tag_count == 0) return;
  output_print("\nTags\n");
  for (size_t i = 0; i < s->tag_count; i++) {
    if (!is_aws(s->tags[i])) print_user_tag(s->tags[i], width);
  }
  /* The service's own differ in each fragment: how many is enough. */
  for (size_t i = 0; i < s->tag_count; i++) {
    uint64_t count = s->tags[i]->count;
    char *name = is_aws(s->tags[i]) ? printable(s->tags[i]->name) : NULL;
    if (name == NULL) continue;
    output_print("  ");
    cell(name, width);
    output_print("%" PRIu64 " time%s\n", count, plural(count));
    free(name);
  }
  if (s->tags_left_out > 0)
    output_print("  and %" PRIu64 " tags of other names\n", s->tags_left_out);
}

/* --- what went wrong --- */

static void print_gaps(const struct summary *s) {
  size_t listed = s->gaps < SUMMARY_GAPS ? (size_t)s->gaps : SUMMARY_GAPS;
  if (listed == 0) return;
  output_print("\nGaps\n");
  for (size_t i = 0; i < listed; i++) {
    const struct gap_summary *g = &s->gap_list[i];
    output_print("  bytes %" PRIu64 "-%" PRIu64 ": %s", g->from, g->to,
                 g->reason);
    if (g->frames_lost >= 0)
      output_print(" (%" PRId64 " frame%s lost)", g->frames_lost,
                   plural((uint64_t)g->frames_lost));
    output_print("\n");
  }
  if (s->gaps > listed)
    output_print("  and %" PRIu64 " more\n", s->gaps - listed);
}

static void print_error(const struct error_summary *error) {
  const char *meaning = kvsp_fragment_error_text(error->id);
  char *code = printable(error->code);
  char *message = printable(error->message);
  output_print("  fragment %" PRIu64 ":", error->fragment);
  if (error->id != 0) output_print(" %" PRIu32, error->id);
  if (code != NULL) output_print(" %s", code);
  if (meaning != NULL) output_print(": %s", meaning);
  if (message != NULL) output_print(": %s", message);
  output_print("\n");
  free(code);
  free(message);
}

static void print_errors(const struct summary *s) {
  size_t listed =
      s->errors < SUMMARY_ERRORS ? (size_t)s->errors : SUMMARY_ERRORS;
  if (listed == 0) return;
  output_print("\nService errors\n");
  for (size_t i = 0; i < listed; i++) print_error(&s->error_list[i]);
  if (s->errors > listed)
    output_print("  and %" PRIu64 " more\n", s->errors - listed);
}

void info_table_write(const struct summary *s, const char *name) {
  char *shown = printable(name);
  output_print("%s\n", or_dash(shown));
  free(shown);
  print_counts(s);
  print_numbers(s);
  print_times(s);
  print_latency(s);
  print_faults(s);
  print_tracks(s);
  print_tags(s);
  print_gaps(s);
  print_errors(s);
}
