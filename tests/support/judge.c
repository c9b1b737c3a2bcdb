#include "support/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/recorder.h"

/*
 * Bytes examined per byte fed, whatever comes.  A sound stream costs 0.01 to
 * 0.6, by the size of its frames.  After damage each byte is scanned once for
 * the beginning of an element, perhaps once more because the scan begins again
 * at the element before the fault, and what it finds is read as elements: the
 * worst of 90,000 streams fed whole cost 1.6.  In pieces it may cost more, as
 * what cannot be judged yet is looked at again when more is there, but not
 * without end: a few headers for each piece, or those in a BlockGroup.  The few headers of a stream that
 * is nearly empty do not count.
 */
#define EXAMINED_PER_BYTE 6
#define EXAMINED_PER_PIECE 256
#define EXAMINED_ONCE 4096

/* What a reader of tight limits may hold: a Block, the one that follows it,
 * both twice while a buffer grows, and what a document needs besides. */
#define MEMORY_BASE (256u << 10)
#define MEMORY_PER_BLOCK 4

/* Messages printed for one judge. */
#define COMPLAINTS_MAX 10

struct delivered {
  size_t offset, size;
  size_t fragment;
  uint64_t track;
  int64_t pts_ns;
  bool right;
};

struct fragment {
  char number[130];
  bool ended;
  bool damaged;
};

/* What a reader made of a stream. */
struct outcome {
  uint64_t digest; /* of all items, with all that matters in them           */
  size_t item_count;
  bool tight; /* limits                                               */
  struct delivered *frames;
  size_t frame_count, frame_capacity;
  struct fragment *fragments;
  size_t fragment_count, fragment_capacity;
  const char *fault; /* what the reader may not do, whatever comes        */
  int status;
  kvsp_reader_stats stats;
};

/* ---- reading -------------------------------------------------------------- */

static void outcome_clear(struct outcome *o) {
  o->digest = 0;
  o->item_count = 0;
  o->frame_count = 0;
  o->fragment_count = 0;
  o->fault = NULL;
}

static void *grown(void *array, size_t *capacity, size_t size) {
  *capacity = *capacity ? 2 * *capacity : 64;
  array = realloc(array, *capacity * size);
  if (array == NULL) abort();
  return array;
}

static void take_fragment(struct outcome *o, const kvsp_fragment *f) {
  struct fragment *fragment;
  if (o->fragment_count == o->fragment_capacity)
    o->fragments =
        grown(o->fragments, &o->fragment_capacity, sizeof *o->fragments);
  if (f->index != o->fragment_count) o->fault = "fragments are miscounted";
  fragment = &o->fragments[o->fragment_count++];
  memset(fragment, 0, sizeof *fragment);
  if (f->number.data)
    snprintf(fragment->number, sizeof fragment->number, "%.*s",
             (int)f->number.len, (const char *)f->number.data);
}

static void take_end(struct outcome *o, const kvsp_fragment *f) {
  struct fragment *fragment;
  if (o->fragment_count == 0 || f->index != o->fragment_count - 1) {
    o->fault = "a FRAGMENT_END of no fragment";
    return;
  }
  fragment = &o->fragments[o->fragment_count - 1];
  if (fragment->ended) o->fault = "two FRAGMENT_ENDs";
  fragment->ended = true;
  fragment->damaged = (f->flags & KVSP_FRAGMENT_DAMAGED) != 0;
}

static void take_frame(struct outcome *o, const struct bytes *stream,
                       const kvsp_frame *f) {
  struct delivered *frame;
  if (o->frame_count == o->frame_capacity)
    o->frames = grown(o->frames, &o->frame_capacity, sizeof *o->frames);
  if (o->fragment_count == 0 || f->fragment->index != o->fragment_count - 1 ||
      o->fragments[o->fragment_count - 1].ended) {
    o->fault = "a frame outside its fragment";
    return;
  }
  if (f->offset > stream->len || f->size > stream->len - f->offset ||
      f->data.len != f->size ||
      (f->size > 0 &&
       memcmp(f->data.data, stream->data + f->offset, (size_t)f->size) != 0))
    o->fault = "a frame is not what stands at its offset";
  frame = &o->frames[o->frame_count++];
  frame->offset = (size_t)f->offset;
  frame->size = (size_t)f->size;
  frame->fragment = o->fragment_count - 1;
  frame->track = f->track->number;
  frame->pts_ns = f->pts_ns;
  frame->right = false;
}

static void mix(struct outcome *o, uint64_t value) {
  o->digest = (o->digest ^ value) * UINT64_C(0x9E3779B97F4A7C15);
  o->digest ^= o->digest >> 29;
}

static void mix_tags(struct outcome *o, const kvsp_item *item) {
  for (size_t i = 0; i < item->tag_count; i++) {
    const kvsp_tag *tag = item->tags[i];
    mix(o, hash_bytes(tag->name.data, tag->name.len));
    mix(o, hash_bytes(tag->value.data, tag->value.len));
    mix(o, tag->flags);
  }
}

static void mix_frame(struct outcome *o, const kvsp_frame *f) {
  mix(o, f->offset);
  mix(o, f->size);
  mix(o, f->index);
  mix(o, f->track->number);
  mix(o, (uint64_t)f->pts_ns);
  mix(o, (uint64_t)f->producer_time_ns);
  mix(o, (uint64_t)f->duration_ns);
  mix(o, f->flags);
  mix(o, f->lacing + f->lace_index);
}

/* The recorder's text would tell more, and take twenty times as long. */
static void mix_item(struct outcome *o, const kvsp_item *item) {
  mix(o, item->type);
  mix_tags(o, item);
  if (item->fragment) {
    mix(o, item->fragment->flags);
    mix(o, item->fragment->size);
    mix(o, item->fragment->track_count);
    mix(o, hash_bytes(item->fragment->number.data, item->fragment->number.len));
  }
  if (item->frame) mix_frame(o, item->frame);
  if (item->gap == NULL) return;
  mix(o, item->gap->from);
  mix(o, item->gap->to);
  mix(o, (uint64_t)item->gap->status);
  mix(o, (uint64_t)item->gap->frames_lost);
  mix(o, item->gap->element_id);
}

static void take_item(struct outcome *o, const struct bytes *stream,
                      const kvsp_item *item) {
  o->item_count++;
  mix_item(o, item);
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT: take_fragment(o, item->fragment); break;
    case KVSP_ITEM_FRAME: take_frame(o, stream, item->frame); break;
    case KVSP_ITEM_FRAGMENT_END: take_end(o, item->fragment); break;
    default: break;
  }
}

static int drain(struct outcome *o, kvsp_reader *r,
                 const struct bytes *stream) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(r, &item)) {
    take_item(o, stream, item);
    if (o->item_count > 4 * stream->len + 1000) {
      o->fault = "items without end";
      return KVSP_ERR_INTERNAL;
    }
  }
  return rc;
}

/* piece 0: whole. */
static void outcome_read(struct outcome *o, const struct bytes *stream,
                         size_t piece, const kvsp_limits *limits) {
  kvsp_reader_config config = {.struct_size = sizeof config, .limits = limits};
  kvsp_reader *r;
  size_t at = 0;
  int rc = kvsp_reader_new(&r, &config);
  outcome_clear(o);
  if (rc != KVSP_OK) abort();
  do {
    size_t n = stream->len - at;
    if (piece > 0 && piece < n) n = piece;
    rc = kvsp_reader_input(r, stream->data + at, n,
                           at + n == stream->len ? KVSP_FINAL : 0);
    at += n;
    if (rc == KVSP_OK) rc = drain(o, r, stream);
  } while (rc == KVSP_NEED_INPUT);
  o->status = rc;
  if (kvsp_reader_get_stats(r, &o->stats, sizeof o->stats) != KVSP_OK) abort();
  kvsp_reader_free(r);
}

static void outcome_free(struct outcome *o) {
  free(o->frames);
  free(o->fragments);
  memset(o, 0, sizeof *o);
}

/* ---- complaints ---------------------------------------------------------- */

/* Into the folder KVSPARSE_DAMAGED, if there is one, to be looked at. */
static void save(const struct damage *d) {
  const char *folder = getenv("KVSPARSE_DAMAGED");
  char path[1024];
  FILE *file;
  if (folder == NULL || folder[0] == '\0') return;
  snprintf(path, sizeof path, "%s/%s.mkv", folder, d->what);
  file = fopen(path, "wb");
  if (file == NULL) return;
  fwrite(d->data.data, 1, d->data.len, file);
  fclose(file);
}

static void complain(const struct judge *j, const struct damage *d,
                     size_t piece, const char *what, size_t at) {
  if (j->lost + j->wrong + j->twice + j->other > COMPLAINTS_MAX) return;
  save(d);
  fprintf(stderr, "%s, pieces of %zu%s: %s (%zu)\n", d->what, piece,
          j->outcome->tight ? ", tight limits" : "", what, at);
}

/* ---- frames that must come out ------------------------------------------- */

/* Whether it is the frame, from a Block that stands whole at block_at. */
static bool is_as_claimed(const struct judge *j, const struct sound_frame *f,
                          const struct claim *claim, size_t block_at,
                          const struct delivered *got) {
  const struct fragment *fragment = &j->outcome->fragments[got->fragment];
  size_t begin = sound_block(j->sound, f)->begin;
  return got->offset == block_at + (f->offset - begin) &&
         got->size == f->size && got->track == f->track &&
         (!claim->time || got->pts_ns == f->pts_ns) &&
         (!claim->number ||
          strcmp(fragment->number, j->sound->documents[f->document].number) ==
              0);
}

/* Frames come nearly in order: *hint is where the last one was found. */
static bool came_out(const struct judge *j, const struct sound_frame *f,
                     const struct claim *claim, size_t block_at, size_t *hint) {
  const struct outcome *o = j->outcome;
  for (size_t i = 0; i < o->frame_count; i++) {
    size_t k = (*hint + i) % o->frame_count;
    if (!is_as_claimed(j, f, claim, block_at, &o->frames[k])) continue;
    *hint = k + 1;
    return true;
  }
  return false;
}

static void judge_lost(struct judge *j, const struct damage *d, size_t piece) {
  size_t hint = 0;
  for (size_t i = 0; i < j->sound->frame_count; i++) {
    const struct sound_frame *f = &j->sound->frames[i];
    const struct sound_element *block = sound_block(j->sound, f);
    size_t at, after = 0;
    for (; damage_find(d, block->begin, block->end, after, &at);
         after = at + 1) {
      struct claim claim = intact_claim(j->sound, f, d, at);
      if (!claim.frame || intact_is_swallowed(j->sound, d, at) ||
          came_out(j, f, &claim, at, &hint))
        continue;
      j->lost++;
      complain(j, d, piece, "an intact frame is lost", f->offset);
    }
  }
}

/* ---- frames that came out ------------------------------------------------ */

static const struct sound_frame *frame_at(const struct sound *s, size_t offset,
                                          size_t size) {
  size_t low = 0, high = s->frame_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (s->frames[middle].offset < offset)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < s->frame_count && s->frames[low].offset == offset; low++)
    if (s->frames[low].size == size) return &s->frames[low];
  return NULL;
}

/* The sound frame that this one claims to be, with all the bytes of its Block
 * around it; NULL: none. */
static const struct sound_frame *original(const struct judge *j,
                                          const struct damage *d,
                                          const struct delivered *got) {
  const struct sound_element *block;
  const struct sound_frame *f;
  size_t from, begin;
  /* The byte before it, as there are empty frames. */
  if (got->offset == 0 || !damage_origin(d, got->offset - 1, &from))
    return NULL;
  f = frame_at(j->sound, from + 1, got->size);
  if (f == NULL) return NULL;
  block = sound_block(j->sound, f);
  if (got->offset < f->offset - block->begin) return NULL;
  begin = got->offset - (f->offset - block->begin);
  if (block->end - block->begin > d->data.len - begin) return NULL;
  if (memcmp(d->data.data + begin, j->sound->data.data + block->begin,
             block->end - block->begin) != 0)
    return NULL;
  return f;
}

static bool is_within(const struct sound *s, size_t element, size_t from,
                      size_t to) {
  if (element == INTACT_NONE) return false;
  return from >= s->elements[element].begin && to <= s->elements[element].end;
}

/*
 * Changed bytes that give another stream without a fault, which nothing but a
 * checksum could tell from the sound one:
 *   - inside a Block, behind its size: other data, another time, track, flags
 *     or lacing, for the frames of that Block;
 *   - in the value of a Timestamp: another time for the frames of the Cluster;
 *   - in Info: another TimestampScale, or none, as its ID or Info's own has
 *     become one that readers are to leave out;
 *   - in Tracks: another DefaultDuration, which spaces the frames of a lace.
 */
static bool is_changed_in_silence(const struct judge *j, const struct damage *d,
                                  const struct delivered *got,
                                  const struct sound_frame *f) {
  const struct sound *s = j->sound;
  size_t from, to, element;
  if (!intact_is_substitution(s, d, &from, &to)) return false;
  element = sound_element_at(s, from);
  while (element != INTACT_NONE && element > 0 &&
         s->elements[element].id != KVSP_ID_SIMPLE_BLOCK &&
         s->elements[element].id != KVSP_ID_BLOCK_GROUP)
    element--;
  if (is_within(s, element, from, to) &&
      is_within(s, element, got->offset - 1, got->offset + got->size))
    return from >= s->elements[element].content;
  if (f == NULL || f->size != got->size || f->track != got->track) return false;
  if (is_within(s, f->timestamp, from, to))
    return from >= s->elements[f->timestamp].content;
  if (is_within(s, s->documents[f->document].info, from, to)) return true;
  return !f->first_of_lace &&
         is_within(s, s->documents[f->document].tracks, from, to);
}

static void judge_frame(struct judge *j, const struct damage *d, size_t piece,
                        struct delivered *got) {
  const struct fragment *fragment = &j->outcome->fragments[got->fragment];
  const struct sound_frame *f = original(j, d, got);
  got->right = f != NULL && f->track == got->track && f->pts_ns == got->pts_ns;
  if (got->right || fragment->damaged) return;
  if (is_changed_in_silence(j, d, got, f) || intact_is_seamless(j->sound, d)) {
    j->exempt++;
    return;
  }
  j->wrong++;
  complain(j, d, piece, "a wrong frame is not marked", got->offset);
}

static int by_offset(const void *a, const void *b) {
  const struct delivered *x = a, *y = b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return (x->size > y->size) - (x->size < y->size);
}

/* A frame that comes twice is wrong at least once; but bytes that come twice
 * may make laces in which another Block's frames lie. */
static void judge_twice(struct judge *j, const struct damage *d, size_t piece) {
  struct outcome *o = j->outcome;
  if (o->frame_count == 0) return;
  qsort(o->frames, o->frame_count, sizeof *o->frames, by_offset);
  for (size_t i = 1; i < o->frame_count; i++) {
    const struct delivered *a = &o->frames[i - 1], *b = &o->frames[i];
    if (a->offset != b->offset || a->size != b->size || a->size == 0) continue;
    j->twice++;
    complain(j, d, piece, "a frame comes twice", a->offset);
  }
}

/* ---- the rest ------------------------------------------------------------ */

static void other(struct judge *j, const struct damage *d, size_t piece,
                  const char *what, uint64_t value) {
  j->other++;
  complain(j, d, piece, what, (size_t)value);
}

static void judge_work(struct judge *j, const struct damage *d, size_t piece,
                       const kvsp_limits *limits) {
  const kvsp_reader_stats *stats = &j->outcome->stats;
  uint64_t pieces = piece > 0 ? stats->bytes_fed / piece + 1 : 1;
  double fed = (double)stats->bytes_fed;
  uint64_t memory = limits ? limits->max_memory : 4 * d->data.len + MEMORY_BASE;
  if (stats->bytes_fed != d->data.len)
    other(j, d, piece, "not all bytes are taken", stats->bytes_fed);
  if (fed >= EXAMINED_ONCE) {
    double examined = (double)stats->bytes_examined / fed;
    double copied = (double)stats->bytes_copied / fed;
    if (examined > j->most_examined) {
      j->most_examined = examined;
      memcpy(j->hardest, d->what, sizeof j->hardest);
    }
    if (copied > j->most_copied) j->most_copied = copied;
  }
  if (stats->bytes_examined > EXAMINED_PER_BYTE * stats->bytes_fed +
                                  EXAMINED_PER_PIECE * pieces + EXAMINED_ONCE)
    other(j, d, piece, "too many bytes are examined", stats->bytes_examined);
  if (stats->memory_peak > memory)
    other(j, d, piece, "too much memory is held", stats->memory_peak);
}

static void judge_outcome(struct judge *j, const struct damage *d, size_t piece,
                          const kvsp_limits *limits) {
  struct outcome *o = j->outcome;
  size_t lost;
  if (o->fault) other(j, d, piece, o->fault, 0);
  if (o->status != KVSP_END) other(j, d, piece, kvsp_status_name(o->status), 0);
  for (size_t i = 0; i < o->fragment_count; i++)
    if (!o->fragments[i].ended) other(j, d, piece, "no FRAGMENT_END", i);
  lost = j->lost;
  judge_lost(j, d, piece);
  j->lossy += j->lost > lost;
  for (size_t i = 0; i < o->frame_count; i++)
    judge_frame(j, d, piece, &o->frames[i]);
  judge_twice(j, d, piece);
  judge_work(j, d, piece, limits);
}

/* The first item that differs, on standard output. */
static void show_difference(const struct damage *d, size_t piece,
                            const kvsp_limits *limits) {
  kvsp_reader_config config = {.struct_size = sizeof config, .limits = limits};
  struct recorder whole = {0}, cut = {0};
  record_stream(&config, FEED_PULL, d->data.data, d->data.len, 0, &whole);
  record_stream(&config, FEED_PULL, d->data.data, d->data.len, piece, &cut);
  texts_equal(recorder_text(&whole), recorder_text(&cut), d->what);
  recorder_clear(&whole);
  recorder_clear(&cut);
}

static void judge_pieces(struct judge *j, const struct damage *d, size_t piece,
                         const kvsp_limits *limits) {
  struct outcome *o = j->outcome;
  uint64_t digest = o->digest;
  size_t items = o->item_count;
  outcome_read(o, &d->data, piece, limits);
  judge_work(j, d, piece, limits);
  if (o->fault) other(j, d, piece, o->fault, 0);
  if (o->digest == digest && o->item_count == items && o->status == KVSP_END)
    return;
  other(j, d, piece, "pieces give other items", 0);
  if (j->lost + j->wrong + j->twice + j->other <= COMPLAINTS_MAX)
    show_difference(d, piece, limits);
}

void judge_damage(struct judge *j, const struct damage *d, size_t piece,
                  bool tight) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  const kvsp_limits *used = tight ? &limits : NULL;
  limits.max_frame = 2 * j->sound->largest_block;
  limits.max_value = limits.max_frame;
  limits.max_memory = MEMORY_PER_BLOCK * limits.max_frame + MEMORY_BASE;
  if (j->outcome == NULL) j->outcome = calloc(1, sizeof *j->outcome);
  if (j->outcome == NULL) abort();
  j->cases++;
  j->outcome->tight = tight;
  outcome_read(j->outcome, &d->data, 0, used);
  judge_outcome(j, d, 0, used);
  if (piece > 0) judge_pieces(j, d, piece, used);
}

bool judge_report(const struct judge *j, const char *what,
                  size_t lossy_per_1000) {
  printf(
      "%s: %zu cases, %zu lost, %zu wrong, %zu exempt, %zu other; "
      "%.2f examined (%s), %.2f copied per byte at most\n",
      what, j->cases, j->lost, j->wrong, j->exempt, j->other, j->most_examined,
      j->hardest, j->most_copied);
  fflush(stdout);
  return j->cases > 0 && j->wrong + j->twice + j->other == 0 &&
         j->lossy * 1000 <= j->cases * lossy_per_1000;
}

void judge_free(struct judge *j) {
  if (j->outcome) outcome_free(j->outcome);
  free(j->outcome);
  memset(j, 0, sizeof *j);
}
