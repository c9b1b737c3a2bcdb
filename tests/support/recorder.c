#include "support/recorder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/guard.h"

/* Longer values are told by their size and hash. */
#define QUOTED_MAX 128u

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "recorder: %s\n", what);
  exit(99);
}

uint64_t hash_bytes(const void *data, size_t len) {
  const uint8_t *p = data;
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ p[i]) * UINT64_C(1099511628211);
  return hash;
}

/* ---- text -------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(struct recorder *recorder,
                                                      const char *format, ...) {
  char piece[256];
  va_list arguments;
  int len;
  va_start(arguments, format);
  len = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  require(len >= 0 && (size_t)len < sizeof piece, "a line is too long");
  bytes_append(&recorder->text, piece, (size_t)len);
}

static void put_quoted(struct recorder *recorder, kvsp_view v) {
  put(recorder, "\"");
  for (size_t i = 0; i < v.len; i++) {
    uint8_t c = v.data[i];
    if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
      put(recorder, "\\x%02X", c);
    else
      put(recorder, "%c", c);
  }
  put(recorder, "\"");
}

/* Absent and empty are two things. */
static void put_view(struct recorder *recorder, const char *name, kvsp_view v) {
  put(recorder, " %s=", name);
  if (v.data == NULL && v.len == 0)
    put(recorder, "-");
  else if (v.len > QUOTED_MAX)
    put(recorder, "%zu:%016" PRIx64, v.len, hash_bytes(v.data, v.len));
  else
    put_quoted(recorder, v);
}

static void put_time(struct recorder *recorder, const char *name, int64_t ns) {
  if (ns == KVSP_TIME_NONE)
    put(recorder, " %s=-", name);
  else
    put(recorder, " %s=%" PRId64, name, ns);
}

static void put_number(struct recorder *recorder, const char *name,
                       uint64_t number) {
  put(recorder, " %s=%" PRIu64, name, number);
}

/* ---- what an item holds ------------------------------------------------ */

static void put_audio(struct recorder *recorder, const kvsp_track *t) {
  put(recorder, " audio=%g", t->audio_sample_rate);
  put_number(recorder, "channels", t->audio_channels);
  put_number(recorder, "depth", t->audio_bit_depth);
  put_view(recorder, "codec", t->audio_codec_id);
}

static void put_track(struct recorder *recorder, const kvsp_track *t) {
  put(recorder, " track{");
  put_number(recorder, "number", t->number);
  put_number(recorder, "uid", t->uid);
  put_number(recorder, "index", t->index);
  put_number(recorder, "type", t->type);
  put_number(recorder, "width", t->width);
  put_number(recorder, "height", t->height);
  put(recorder, " rate=%g", t->sample_rate);
  put_number(recorder, "channels", t->channels);
  put_number(recorder, "depth", t->bit_depth);
  put_time(recorder, "duration", t->default_duration_ns);
  put_view(recorder, "codec", t->codec_id);
  put_view(recorder, "private", t->codec_private);
  if (t->entry.data) put_view(recorder, "entry", t->entry);
  put_view(recorder, "name", t->name);
  put_view(recorder, "language", t->language);
  put_number(recorder, "encodings", t->encodings);
  put_audio(recorder, t);
  put(recorder, " }");
}

static void put_targets(struct recorder *recorder, const kvsp_targets *t) {
  if (t == NULL) return;
  put_number(recorder, "targets", t->type_value);
  put_view(recorder, "type", t->type);
  for (size_t i = 0; i < t->target_count; i++)
    put(recorder, " %" PRIX64 ":%" PRIu64, t->targets[i].element_id,
        t->targets[i].uid);
}

static void put_tags(struct recorder *recorder, const kvsp_tag *const *tags,
                     size_t count) {
  put_number(recorder, "tags", count);
  for (size_t i = 0; i < count; i++) {
    put(recorder, " tag{");
    put_view(recorder, "name", tags[i]->name);
    put_view(recorder, "value", tags[i]->value);
    put_number(recorder, "flags", tags[i]->flags);
    put_number(recorder, "depth", tags[i]->depth);
    put_targets(recorder, tags[i]->targets);
    put(recorder, " }");
  }
}

/* All that may change while the fragment goes on. */
static void put_fragment(struct recorder *recorder, const kvsp_fragment *f,
                         bool is_frame) {
  if (f == NULL) {
    put(recorder, " in=-");
    return;
  }
  put_number(recorder, "in", f->index);
  if (is_frame && recorder->flags & RECORD_NO_STATE) return;
  put_number(recorder, "flags", f->flags);
  put_number(recorder, "frames", f->frame_count);
  put_number(recorder, "error", f->error_id);
  put_view(recorder, "code", f->error_code);
  put_view(recorder, "message", f->error_message);
  put_view(recorder, "token", f->continuation_token);
  put_time(recorder, "behind", f->millis_behind_now);
}

static void put_whole_fragment(struct recorder *recorder,
                               const kvsp_fragment *f) {
  if (f == NULL) return;
  put_number(recorder, "offset", f->offset);
  put_number(recorder, "size", f->size);
  put_view(recorder, "number", f->number);
  put_time(recorder, "producer", f->producer_time_ns);
  put_time(recorder, "server", f->server_time_ns);
  put_time(recorder, "start", f->start_ns);
  put_time(recorder, "gap", f->gap_ns);
  put_number(recorder, "scale", f->timestamp_scale);
  put_number(recorder, "tracks", f->track_count);
  for (size_t i = 0; i < f->track_count; i++) put_track(recorder, f->tracks[i]);
  put_tags(recorder, f->tags, f->tag_count);
}

static void put_additions(struct recorder *recorder, const kvsp_frame *f) {
  put_view(recorder, "state", f->codec_state);
  for (size_t i = 0; i < f->addition_count; i++) {
    put_number(recorder, "addition", f->additions[i].id);
    put_view(recorder, "data", f->additions[i].data);
  }
}

static void put_frame(struct recorder *recorder, const kvsp_frame *f) {
  put_number(recorder, "frame", f->index);
  put_number(recorder, "track", f->track->number);
  put_number(recorder, "offset", f->offset);
  put_number(recorder, "size", f->size);
  put_time(recorder, "pts", f->pts_ns);
  put_time(recorder, "producer", f->producer_time_ns);
  put_time(recorder, "duration", f->duration_ns);
  put_time(recorder, "discard", f->discard_padding_ns);
  put_number(recorder, "flags", f->flags);
  put(recorder, " lace=%" PRIu32 ":%" PRIu32 "/%" PRIu32, f->lacing,
      f->lace_index, f->lace_count);
  put_additions(recorder, f);
  if (!(recorder->flags & RECORD_NO_DATA))
    put(recorder, " data=%zu:%016" PRIx64, f->data.len,
        hash_bytes(f->data.data, f->data.len));
}

static void put_gap(struct recorder *recorder, const kvsp_gap *g) {
  put_number(recorder, "from", g->from);
  put_number(recorder, "to", g->to);
  put(recorder, " status=%s id=%" PRIX64, kvsp_status_name(g->status),
      g->element_id);
  put(recorder, " lost=%" PRId64 " (%s)", g->frames_lost, g->reason);
  put_number(recorder, "affected", g->fragments_affected);
}

void record_item(struct recorder *recorder, const kvsp_item *item) {
  static const char *const names[] = {"?",    "FRAGMENT",     "FRAME",
                                      "TAGS", "FRAGMENT_END", "GAP"};
  require(item->type >= KVSP_ITEM_FRAGMENT && item->type <= KVSP_ITEM_GAP,
          "an item of no known type");
  bytes_append(&recorder->order, &"?FftEg"[item->type], 1);
  put(recorder, "%s", names[item->type]);
  if (item->frame != NULL) put_frame(recorder, item->frame);
  if (item->gap != NULL) put_gap(recorder, item->gap);
  put_fragment(recorder, item->fragment, item->frame != NULL);
  if (item->type == KVSP_ITEM_FRAGMENT || item->type == KVSP_ITEM_FRAGMENT_END)
    put_whole_fragment(recorder, item->fragment);
  if (item->type == KVSP_ITEM_TAGS)
    put_tags(recorder, item->tags, item->tag_count);
  put(recorder, "\n");
}

int record_visit(void *user, const kvsp_item *item) {
  record_item(user, item);
  return 0;
}

void record_status(struct recorder *recorder, const kvsp_reader *r,
                   int status) {
  const kvsp_error_info *error = kvsp_reader_error(r);
  put(recorder, "= %s", kvsp_status_name(status));
  if (status < 0)
    put(recorder, " at %" PRIu64 " id=%" PRIX64 " (%s)", error->offset,
        error->element_id, error->message);
  put(recorder, "\n");
}

static const char *terminated(struct bytes *b) {
  bytes_append(b, "", 1);
  b->len--;
  return (const char *)b->data;
}

const char *recorder_text(struct recorder *recorder) {
  return terminated(&recorder->text);
}

const char *recorder_order(struct recorder *recorder) {
  return terminated(&recorder->order);
}

void recorder_clear(struct recorder *recorder) {
  bytes_free(&recorder->text);
  bytes_free(&recorder->order);
}

static void print_line(const char *label, const char *line) {
  fprintf(stderr, "  %s: %.*s\n", label, (int)strcspn(line, "\n"), line);
}

int texts_equal(const char *expected, const char *got, const char *what) {
  size_t same = 0, line = 0;
  if (strcmp(expected, got) == 0) return 1;
  for (; expected[same] != '\0' && expected[same] == got[same]; same++) {
    if (expected[same] == '\n') line = same + 1;
  }
  fprintf(stderr, "%s:\n", what);
  print_line("expected", expected + line);
  print_line("got", got + line);
  return 0;
}

/* ---- feeding ----------------------------------------------------------- */

static int drain(kvsp_reader *r, struct recorder *recorder) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(r, &item);
  while (rc == KVSP_OK) {
    record_item(recorder, item);
    rc = kvsp_reader_next(r, &item);
  }
  return rc;
}

/* Room for few of them, in structs that are larger than the library's. */
static int drain_frames(kvsp_reader *r, struct recorder *recorder) {
  struct {
    kvsp_frame frame;
    uint64_t newer;
  } frames[5];
  const kvsp_item *item;
  size_t count;
  int rc;
  do {
    memset(frames, 0xEE, sizeof frames);
    rc = kvsp_reader_next_frames(r, &frames[0].frame, sizeof frames[0], 5,
                                 &count, &item);
    require(count <= 5, "more frames than there is room for");
    require(rc != KVSP_OK || count > 0 || item, "nothing came of it");
    for (size_t i = 0; i < count; i++) {
      kvsp_item shown = {.type = KVSP_ITEM_FRAME};
      shown.frame = &frames[i].frame;
      shown.fragment = frames[i].frame.fragment;
      require(frames[i].newer == 0, "an unknown field is not 0");
      record_item(recorder, &shown);
    }
    if (item) record_item(recorder, item);
  } while (rc == KVSP_OK);
  return rc;
}

static int lend(kvsp_reader *r, enum feed_way way, const uint8_t *data,
                size_t len, unsigned flags, struct recorder *recorder) {
  int rc;
  if (way == FEED_VISIT) {
    rc = kvsp_reader_visit(r, data, len, flags, record_visit, recorder);
    return rc == KVSP_OK ? KVSP_NEED_INPUT : rc;
  }
  rc = kvsp_reader_input(r, data, len, flags);
  if (rc != KVSP_OK) return rc;
  return way == FEED_FRAMES ? drain_frames(r, recorder) : drain(r, recorder);
}

/* Looking beyond a piece's end, or at it too late, is found out. */
static int lend_copy(kvsp_reader *r, enum feed_way way, const uint8_t *data,
                     size_t len, unsigned flags, struct recorder *recorder) {
  uint8_t *piece = guard_lend(data, len);
  int rc = lend(r, way, piece, len, flags, recorder);
  guard_take_back(piece, len);
  return rc;
}

/* *len is how much is left, then how much of it was taken. */
static int fill_reserved(kvsp_reader *r, const uint8_t *data, size_t *len,
                         size_t chunk, struct recorder *recorder) {
  void *room = NULL;
  size_t capacity = 0;
  size_t left = *len;
  int rc = kvsp_reader_reserve(r, chunk, &room, &capacity);
  if (rc != KVSP_OK) return rc;
  require(capacity > 0, "no room was reserved");
  *len = chunk < capacity ? chunk : capacity;
  if (*len > left) *len = left;
  if (*len > 0) memcpy(room, data, *len);
  if (*len < capacity)
    ((uint8_t *)room)[*len] = 0xEE; /* not committed: nobody may look */
  rc = kvsp_reader_commit(r, *len, *len == left ? KVSP_FINAL : 0);
  return rc == KVSP_OK ? drain(r, recorder) : rc;
}

int feed(kvsp_reader *r, enum feed_way way, const void *data, size_t len,
         size_t chunk, struct recorder *recorder) {
  const uint8_t *p = data;
  size_t left = len;
  int rc = KVSP_NEED_INPUT;
  if (chunk == 0) chunk = len ? len : 1;
  while (rc == KVSP_NEED_INPUT) {
    size_t n = chunk < left ? chunk : left;
    bool final = n == left && (way != FEED_EMPTY_END || n == 0);
    if (way == FEED_RESERVE) {
      n = left;
      rc = fill_reserved(r, p, &n, chunk, recorder);
    } else {
      rc = lend_copy(r, way, p, n, final ? KVSP_FINAL : 0, recorder);
    }
    if (n > 0) p += n;
    left -= n;
    if (way == FEED_TRIM && rc == KVSP_NEED_INPUT)
      require(kvsp_reader_trim(r) == KVSP_OK, "a reader was not trimmed");
  }
  record_status(recorder, r, rc);
  return rc;
}

int record_stream(const kvsp_reader_config *config, enum feed_way way,
                  const void *data, size_t len, size_t chunk,
                  struct recorder *recorder) {
  kvsp_reader *r = NULL;
  int rc = kvsp_reader_new(&r, config);
  require(rc == KVSP_OK, "no reader");
  rc = feed(r, way, data, len, chunk, recorder);
  kvsp_reader_free(r);
  return rc;
}
