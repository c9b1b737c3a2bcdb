#include "fuzz/fuzz_items.h"

#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"

/* ---- the digest -------------------------------------------------------------- */

static void mix(struct fuzz_items *w, uint64_t value) {
  w->digest = fuzz_mix(w->digest, value);
}

static void mix_time(struct fuzz_items *w, int64_t value) {
  mix(w, (uint64_t)value);
}

/* Absent and empty are two things. */
static void mix_view(struct fuzz_items *w, kvsp_view v) {
  FUZZ_CHECK(v.data != NULL || v.len == 0, "a view has data");
  mix(w, v.data != NULL);
  w->digest = fuzz_mix_bytes(w->digest, v.data, v.len);
}

static void mix_double(struct fuzz_items *w, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  mix(w, bits);
}

static void mix_track(struct fuzz_items *w, const kvsp_track *t) {
  mix(w, t->number);
  mix(w, t->uid);
  mix(w, t->index);
  mix(w, t->type);
  mix(w, (uint64_t)t->width << 32 | t->height);
  mix_double(w, t->sample_rate);
  mix(w, (uint64_t)t->channels << 32 | t->bit_depth);
  mix_time(w, t->default_duration_ns);
  mix_view(w, t->codec_id);
  mix_view(w, t->codec_private);
  mix_view(w, t->entry);
  mix_view(w, t->name);
  mix_view(w, t->language);
  mix(w, t->encodings);
  mix(w, (uint64_t)t->audio_channels << 32 | t->audio_bit_depth);
  mix_double(w, t->audio_sample_rate);
  mix_view(w, t->audio_codec_id);
}

static void mix_targets(struct fuzz_items *w, const kvsp_targets *t) {
  mix(w, t != NULL);
  if (t == NULL) return;
  mix(w, t->type_value);
  mix_view(w, t->type);
  mix(w, t->target_count);
  for (size_t i = 0; i < t->target_count; i++) {
    mix(w, t->targets[i].element_id);
    mix(w, t->targets[i].uid);
  }
}

static void mix_tags(struct fuzz_items *w, const kvsp_tag *const *tags,
                     size_t count) {
  mix(w, count);
  for (size_t i = 0; i < count; i++) {
    mix_view(w, tags[i]->name);
    mix_view(w, tags[i]->value);
    mix(w, tags[i]->flags);
    mix(w, tags[i]->depth);
    mix_targets(w, tags[i]->targets);
  }
}

static void mix_fragment(struct fuzz_items *w, const kvsp_fragment *f) {
  mix(w, f->index);
  mix(w, f->offset);
  mix(w, f->flags);
  mix(w, f->error_id);
  mix_view(w, f->error_code);
  mix_view(w, f->error_message);
  mix_view(w, f->number);
  mix_view(w, f->continuation_token);
  mix_time(w, f->producer_time_ns);
  mix_time(w, f->server_time_ns);
  mix_time(w, f->millis_behind_now);
  mix_time(w, f->start_ns);
  mix_time(w, f->gap_ns);
  mix(w, f->timestamp_scale);
  mix(w, f->frame_count);
}

static void mix_whole_fragment(struct fuzz_items *w, const kvsp_fragment *f) {
  mix(w, f->size);
  mix(w, f->track_count);
  for (size_t i = 0; i < f->track_count; i++) mix_track(w, f->tracks[i]);
  mix_tags(w, f->tags, f->tag_count);
}

static void mix_frame(struct fuzz_items *w, const kvsp_frame *f) {
  mix_view(w, f->data);
  mix(w, f->size);
  mix(w, f->offset);
  mix(w, f->track->number);
  mix(w, f->track->type);
  mix(w, f->index);
  mix_time(w, f->pts_ns);
  mix_time(w, f->producer_time_ns);
  mix_time(w, f->duration_ns);
  mix_time(w, f->discard_padding_ns);
  mix(w, f->flags);
  mix(w, (uint64_t)f->lacing << 32 | f->lace_index);
  mix(w, f->lace_count);
  mix_view(w, f->codec_state);
  mix(w, f->addition_count);
  for (size_t i = 0; i < f->addition_count; i++) {
    mix(w, f->additions[i].id);
    mix_view(w, f->additions[i].data);
  }
}

static void mix_gap(struct fuzz_items *w, const kvsp_gap *g) {
  mix(w, g->from);
  mix(w, g->to);
  mix_time(w, g->status);
  mix(w, g->element_id);
  mix_view(w, (kvsp_view){(const uint8_t *)g->reason, strlen(g->reason)});
  mix_time(w, g->frames_lost);
  mix(w, g->fragments_affected);
}

static void mix_item(struct fuzz_items *w, const kvsp_item *item) {
  bool whole =
      item->type == KVSP_ITEM_FRAGMENT || item->type == KVSP_ITEM_FRAGMENT_END;
  mix(w, item->type);
  if (item->fragment) mix_fragment(w, item->fragment);
  if (item->fragment && whole) mix_whole_fragment(w, item->fragment);
  if (item->frame) mix_frame(w, item->frame);
  mix_tags(w, item->tags, item->tag_count);
  if (item->gap) mix_gap(w, item->gap);
}

/* ---- the promises -------------------------------------------------------------- */

static void check_frame_data(const struct fuzz_items *w, const kvsp_frame *f) {
  if (w->flags & KVSP_READ_NO_DATA) {
    FUZZ_CHECK(f->data.len == 0, "no data was asked for");
    return;
  }
  if (w->flags & KVSP_READ_DECOMPRESS && f->track->encodings) return;
  FUZZ_CHECK_2(f->data.len == f->size, "a frame's data is all of it",
               f->data.len, f->size);
  FUZZ_CHECK(f->size == 0 ||
                 memcmp(f->data.data, w->stream + f->offset, f->data.len) == 0,
             "a frame's data is what was fed");
}

/* A frame may begin before the end of the one before it, or before that, if
 * that has turned out to be none: its size was wrong, and what it reaches over
 * comes after a GAP. */
static void check_frame_order(struct fuzz_items *w, const kvsp_frame *f) {
  struct fuzz_frame *now = &w->last[w->frames_seen++ % FUZZ_LAST_FRAMES];
  FUZZ_CHECK_2(f->offset >= w->frame_end || f->offset >= w->gap_from,
               "frames' offsets rise but for GAPs", f->offset, w->frame_end);
  now->offset = f->offset;
  now->size = f->lace_count == 1 ? f->size : 0;
  for (size_t i = 0; i < FUZZ_LAST_FRAMES; i++)
    FUZZ_CHECK_2(&w->last[i] == now || now->size == 0 ||
                     w->last[i].offset != now->offset ||
                     w->last[i].size != now->size,
                 "no frame comes twice", f->offset, f->size);
}

static void check_frame(struct fuzz_items *w, const kvsp_item *item) {
  const kvsp_frame *f = item->frame;
  FUZZ_CHECK(f != NULL && f->fragment == item->fragment, "a frame's fragment");
  FUZZ_CHECK(f->track != NULL, "a frame's track");
  FUZZ_CHECK_2(f->size <= w->fed && f->offset <= w->fed - f->size,
               "a frame lies in what was fed", f->offset, w->fed);
  check_frame_order(w, f);
  FUZZ_CHECK(f->lace_count > 0 && f->lace_index < f->lace_count, "a lace");
  if (!w->filtered && !(w->flags & KVSP_READ_KEY_FRAMES) && w->frames == 0)
    FUZZ_CHECK_2(f->index == 0, "the first frame's index", f->index, 0);
  FUZZ_CHECK_2(item->fragment->frame_count == w->frames + 1,
               "frames delivered so far", item->fragment->frame_count,
               w->frames + 1);
  check_frame_data(w, f);
  w->frame_end = f->offset + f->size;
  w->gap_from = UINT64_MAX;
  w->frames++;
}

static void check_fragment(struct fuzz_items *w, const kvsp_fragment *f) {
  FUZZ_CHECK(!w->in_fragment, "the fragment before has ended");
  FUZZ_CHECK_2(f->index == w->fragments, "each fragment has its index",
               f->index, w->fragments);
  FUZZ_CHECK_2(f->offset >= w->fragment_offset && f->offset <= w->fed,
               "fragments' offsets rise", f->offset, w->fragment_offset);
  for (size_t i = 0; i < f->track_count; i++)
    FUZZ_CHECK(f->tracks[i]->index == i, "a track's index");
  w->in_fragment = true;
  w->fragment_offset = f->offset;
  w->fragments++;
  w->frames = 0;
}

static void check_fragment_end(struct fuzz_items *w, const kvsp_fragment *f) {
  FUZZ_CHECK_2(f->size <= w->fed && f->offset <= w->fed - f->size,
               "a fragment lies in what was fed", f->offset, f->size);
  FUZZ_CHECK_2(f->frame_count == w->frames, "all frames of a fragment",
               f->frame_count, w->frames);
  w->in_fragment = false;
}

static void check_gap(struct fuzz_items *w, const kvsp_gap *g) {
  FUZZ_CHECK(g != NULL, "a GAP has a gap");
  FUZZ_CHECK(!(w->flags & KVSP_READ_STRICT), "no GAP with KVSP_READ_STRICT");
  /* It may end where an element says that it does, which is yet to come. */
  FUZZ_CHECK_2(g->from <= g->to && g->from <= w->fed,
               "a gap begins in what was fed", g->from, g->to);
  FUZZ_CHECK(g->status < 0 && !kvsp_status_is_fatal(g->status),
             "a gap has a status");
  if (g->from < w->gap_from) w->gap_from = g->from;
}

static void check_item(struct fuzz_items *w, const kvsp_item *item) {
  if (item->type == KVSP_ITEM_GAP) {
    check_gap(w, item->gap);
    return;
  }
  FUZZ_CHECK(item->fragment != NULL, "an item's fragment");
  if (item->type == KVSP_ITEM_FRAGMENT) {
    check_fragment(w, item->fragment);
    return;
  }
  FUZZ_CHECK(w->in_fragment, "the fragment has begun");
  FUZZ_CHECK_2(item->fragment->index + 1 == w->fragments,
               "an item of this fragment", item->fragment->index, w->fragments);
  if (item->type == KVSP_ITEM_FRAME) check_frame(w, item);
  if (item->type == KVSP_ITEM_FRAGMENT_END)
    check_fragment_end(w, item->fragment);
}

void fuzz_items_begin(struct fuzz_items *w) {
  const struct fuzz_items fresh = {.stream = w->stream,
                                   .flags = w->flags,
                                   .filtered = w->filtered,
                                   .gap_from = UINT64_MAX};
  *w = fresh;
}

void fuzz_items_take(struct fuzz_items *w, const kvsp_item *item) {
  w->count++;
  FUZZ_CHECK_2(w->count <= 4 * w->fed + 1000, "items come to an end", w->count,
               w->fed);
  check_item(w, item);
  mix_item(w, item);
}

void fuzz_items_end(const struct fuzz_items *w) {
  FUZZ_CHECK(!w->in_fragment, "each fragment ends");
}
