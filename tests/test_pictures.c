/*
 * test_pictures.c - from bytes to pictures: streams as KVS sends them, cut
 * anyhow, compared with what libavcodec makes of the same packets; tracks that
 * change, selection, damage, callbacks that stop; real captures, compared with
 * libavformat and libavcodec.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <kvsparse/pictures.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBAVFORMAT
#include <libavformat/avformat.h>
#endif

#include "selection.h"
#include "support/allocator.h"
#include "support/corpus.h"
#include "support/reference.h"
#include "support/suite.h"
#include "support/video.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Streams. */

static const char *fragment_number(size_t i) {
  static const char *const numbers[] = {
      "91343852333181432392682062607743920146264482",
      "91343852333181432397633822764885441725874549018",
      "7",
      "91343852333181432407545344081165612107222186842",
      "5",
      "6",
  };
  return numbers[i % COUNT(numbers)];
}

static void begin_fragment(struct bytes *b, const struct mux_track *tracks,
                           size_t track_count, size_t index) {
  mux_document(b);
  mux_info(b, 0);
  mux_tracks(b, tracks, track_count);
  mux_head_tags(b, fragment_number(index), "1511852109.126", "1511852108.513");
  mux_cluster(b, 1000 * index);
}

static void end_fragment(struct bytes *b, size_t index) {
  mux_tail_tags(b, fragment_number(index), "0");
}

/* Packets [from, to) as one fragment. */
static void add_fragment(struct bytes *b, const struct encoded *e, size_t index,
                         size_t from, size_t to) {
  struct mux_track track = video_mux_track(e);
  begin_fragment(b, &track, 1, index);
  for (size_t i = from; i < to; i++) video_block(b, e, i, from);
  end_fragment(b, index);
}

static void encode_video(struct encoded *e, const char *encoder, int width,
                         int height, int b_frames, int pattern) {
  struct encode_options o = {.encoder = encoder,
                             .width = width,
                             .height = height,
                             .frames = 24,
                             .gop = 8,
                             .b_frames = b_frames,
                             .lengths = 1,
                             .pattern = pattern};
  encode(e, &o);
}

/* A whole stream: three fragments of eight frames. */
static void add_stream(struct bytes *b, const struct encoded *e,
                       size_t first_index) {
  for (size_t i = 0; i < e->count / 8; i++) {
    add_fragment(b, e, first_index + i, 8 * i, 8 * (i + 1));
  }
}

/* Running them. */

static kvsp_pictures *open_pictures(const kvsp_pictures_config *config) {
  kvsp_pictures *p;
  ck_assert_int_eq(kvsp_pictures_new(&p, config), KVSP_OK);
  return p;
}

static kvsp_pictures_stats get_stats(const kvsp_pictures *p) {
  kvsp_pictures_stats stats;
  ck_assert_int_eq(kvsp_pictures_get_stats(p, &stats, sizeof stats), KVSP_OK);
  return stats;
}

/* chunk 0: all at once.  Returns the last code. */
static int visit_chunks(kvsp_pictures *p, const struct bytes *b, size_t chunk,
                        kvsp_picture_callback callback, void *user) {
  int rc = KVSP_OK;
  size_t at = 0;
  if (chunk == 0) chunk = b->len;
  while (rc == KVSP_OK && at < b->len) {
    size_t n = b->len - at < chunk ? b->len - at : chunk;
    rc = kvsp_pictures_visit(p, b->data + at, n, 0, callback, user);
    at += n;
  }
  if (rc == KVSP_OK)
    rc = kvsp_pictures_visit(p, NULL, 0, KVSP_FINAL, callback, user);
  return rc;
}

struct expectation {
  const struct reference *reference;
  size_t next;        /* of the pictures                                   */
  size_t first_index; /* of the fragments                                  */
};

static void expect_picture(struct expectation *x, const kvsp_picture *p) {
  size_t packet = x->reference->packet[x->next];
  const char *number = fragment_number(x->first_index + packet / 8);
  ck_assert_uint_lt(x->next, x->reference->count);
  ck_assert_msg(reference_equal(x->reference, x->next, p),
                "picture %zu differs", x->next);
  ck_assert_uint_eq(p->index, x->next);
  ck_assert_uint_eq(p->frame_index, packet % 8);
  ck_assert_uint_eq(p->fragment_index, packet / 8);
  ck_assert_uint_eq(p->track_number, 1);
  ck_assert_uint_eq(p->fragment_number.len, strlen(number));
  ck_assert_mem_eq(p->fragment_number.data, number, strlen(number));
  ck_assert_int_eq(
      p->producer_time_ns,
      INT64_C(1511852108513000000) + p->pts_ns -
          INT64_C(1000000000) * (int64_t)(x->first_index + packet / 8));
  x->next++;
}

static int on_expected(void *user, const kvsp_picture *p) {
  expect_picture(user, p);
  return 0;
}

static int count_only(void *user, const kvsp_picture *p) {
  (void)p;
  (*(size_t *)user)++;
  return 0;
}

/* However the bytes are cut, and with any delay. */
START_TEST(pictures_equal_the_reference) {
  static const char *const encoders[] = {"libx264", "mjpeg"};
  static const size_t chunks[] = {1, 7, 4096, 0};
  struct encoded e;
  struct reference reference;
  struct bytes b = {0};
  encode_video(&e, encoders[_i / 4], 96, 80, _i / 4 == 0 ? 2 : 0, 0);
  reference_decode(&reference, &e);
  add_stream(&b, &e, 0);
  for (uint32_t flags = 0; flags <= KVSP_DECODE_LOW_DELAY; flags++) {
    kvsp_pictures_config config = {.struct_size = sizeof config};
    struct expectation x = {&reference, 0, 0};
    kvsp_pictures_stats stats;
    kvsp_pictures *p;
    config.flags = flags;
    p = open_pictures(&config);
    ck_assert_int_eq(visit_chunks(p, &b, chunks[_i % 4], on_expected, &x),
                     KVSP_END);
    ck_assert_uint_eq(x.next, reference.count);
    stats = get_stats(p);
    ck_assert_uint_eq(stats.frames, e.count);
    ck_assert_uint_eq(stats.frames_sent, e.count);
    ck_assert_uint_eq(stats.pictures, e.count);
    ck_assert_uint_eq(stats.decoders_opened, 1);
    ck_assert_uint_eq(stats.errors + stats.damaged + stats.undecodable, 0);
    kvsp_pictures_free(p);
  }
  bytes_free(&b);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

/* What is kept is as it was when all else is gone, and its samples are nobody
 * else's. */
struct kept {
  kvsp_picture *pictures[24];
  size_t count;
};

static int on_picture_to_keep(void *user, const kvsp_picture *picture) {
  struct kept *k = user;
  kvsp_picture *kept = NULL;
  ck_assert_int_eq(kvsp_picture_retain(picture, &kept), KVSP_OK);
  ck_assert_ptr_eq(kept->plane[0], picture->plane[0]);
  k->pictures[k->count++] = kept;
  return 0;
}

START_TEST(kept_pictures_outlive_everything) {
  static const uint32_t formats[] = {KVSP_PICTURE_RGB24, KVSP_PICTURE_NATIVE};
  struct test_allocator memory;
  kvsp_pictures_config config = {.struct_size = sizeof config};
  const int format = (int)formats[_i];
  struct encoded e;
  struct bytes b = {0};
  struct kept k = {.count = 0};
  kvsp_picture *again = NULL;
  kvsp_pictures *p;
  test_allocator_init(&memory);
  config.allocator = &memory.allocator;
  config.format = formats[_i];
  encode_video(&e, "libx264", 96, 80, 2, 0);
  add_stream(&b, &e, 0);
  p = open_pictures(&config);
  ck_assert_int_eq(visit_chunks(p, &b, 999, on_picture_to_keep, &k), KVSP_END);
  kvsp_pictures_free(p);
  ck_assert_uint_eq(k.count, 24);
  p = open_pictures(&config);
  for (size_t i = 0; i < k.count; i++) {
    kvsp_picture *kept = k.pictures[i];
    const kvsp_picture *now;
    uint8_t *row;
    while (kvsp_pictures_next(p, &now) == KVSP_NEED_INPUT)
      ck_assert_int_eq(kvsp_pictures_input(p, b.data, b.len, KVSP_FINAL),
                       KVSP_OK);
    ck_assert_uint_eq(kept->index, i);
    ck_assert_uint_eq(kept->offset, now->offset);
    ck_assert_int_eq(kept->fragment_number.len > 0, 1);
    ck_assert_mem_eq(kept->fragment_number.data, now->fragment_number.data,
                     now->fragment_number.len);
    ck_assert_mem_eq(kept->plane[0], now->plane[0], kept->width);
    ck_assert_int_eq(kept->avframe != NULL, format == KVSP_PICTURE_NATIVE);
    ck_assert_int_eq(kvsp_picture_retain(kept, &again), KVSP_ERR_STATE);
    if (format == KVSP_PICTURE_NATIVE) continue;
    row = (uint8_t *)(uintptr_t)kept->plane[0];
    memset(row, 0xAA, (size_t)kept->stride[0] * kept->height);
  }
  kvsp_pictures_free(p);
  for (size_t i = 0; i < k.count; i++) kvsp_picture_release(k.pictures[i]);
  ck_assert_uint_eq(memory.live_blocks, 0);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

START_TEST(keeping_is_refused) {
  struct encoded e;
  struct bytes b = {0};
  const kvsp_picture *picture;
  kvsp_picture before, *kept = NULL;
  kvsp_pictures *p = open_pictures(NULL);
  encode_video(&e, "libx264", 96, 80, 0, 0);
  add_stream(&b, &e, 0);
  ck_assert_int_eq(kvsp_pictures_input(p, b.data, b.len, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_pictures_next(p, &picture), KVSP_OK);
  before = *picture;
  ck_assert_int_eq(kvsp_picture_retain(NULL, &kept), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_picture_retain(picture, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_next(p, &picture), KVSP_OK);
  ck_assert_int_eq(kvsp_picture_retain(&before, &kept), KVSP_ERR_STATE);
  ck_assert_ptr_null(kept);
  kvsp_picture_release(NULL);
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Items between the pictures are those of a reader, but for frames. */
START_TEST(items_come_between_pictures) {
  struct encoded e;
  struct bytes b = {0};
  const kvsp_picture *picture;
  const kvsp_item *item;
  size_t pictures = 0, begun = 0, ended = 0, tags = 0;
  int rc;
  kvsp_pictures *p = open_pictures(NULL);
  encode_video(&e, "libx264", 96, 80, 2, 0);
  add_stream(&b, &e, 0);
  ck_assert_int_eq(kvsp_pictures_input(p, b.data, b.len, KVSP_FINAL), KVSP_OK);
  for (rc = kvsp_pictures_next_item(p, &item, &picture); rc == KVSP_OK;
       rc = kvsp_pictures_next_item(p, &item, &picture)) {
    ck_assert_int_eq((item != NULL) + (picture != NULL), 1);
    pictures += picture != NULL;
    if (item == NULL) continue;
    ck_assert_int_ne(item->type, KVSP_ITEM_FRAME);
    begun += item->type == KVSP_ITEM_FRAGMENT;
    ended += item->type == KVSP_ITEM_FRAGMENT_END;
    tags += item->type == KVSP_ITEM_TAGS;
  }
  ck_assert_int_eq(rc, KVSP_END);
  ck_assert_uint_eq(pictures, 24);
  ck_assert_uint_eq(begun, 3);
  ck_assert_uint_eq(ended, 3);
  ck_assert_uint_eq(tags, 6);
  ck_assert_int_eq(kvsp_pictures_next_item(p, NULL, &picture), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_next_item(p, &item, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_next_item(NULL, &item, &picture),
                   KVSP_ERR_ARG);
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

START_TEST(sizes_of_structs) {
  ck_assert_uint_eq(kvsp_av_sizeof("kvsp_picture"), sizeof(kvsp_picture));
  ck_assert_uint_eq(kvsp_av_sizeof("kvsp_pictures_config"),
                    sizeof(kvsp_pictures_config));
  ck_assert_uint_eq(kvsp_av_sizeof("kvsp_pictures_stats"),
                    sizeof(kvsp_pictures_stats));
  ck_assert_uint_eq(kvsp_av_sizeof("kvsp_frame"), 0);
  ck_assert_uint_eq(kvsp_av_sizeof(NULL), 0);
}
END_TEST

/* Pull and reserve/commit give the same; after a reset all of it again. */
START_TEST(pulling_gives_the_same) {
  struct encoded e;
  struct reference reference;
  struct bytes b = {0};
  kvsp_pictures *p = open_pictures(NULL);
  encode_video(&e, "libx264", 96, 80, 2, 0);
  reference_decode(&reference, &e);
  add_stream(&b, &e, 0);
  for (int round = 0; round < 2; round++) {
    struct expectation x = {&reference, 0, 0};
    const kvsp_picture *picture;
    size_t at = 0;
    int rc = KVSP_NEED_INPUT;
    while (rc != KVSP_END) {
      void *room;
      size_t n;
      ck_assert_int_eq(rc, KVSP_NEED_INPUT);
      ck_assert_int_eq(kvsp_pictures_reserve(p, 1000, &room, &n), KVSP_OK);
      n = n < b.len - at ? n : b.len - at;
      n = n < 1000 ? n : 1000;
      memcpy(room, b.data + at, n);
      at += n;
      ck_assert_int_eq(kvsp_pictures_commit(p, n, at == b.len ? KVSP_FINAL : 0),
                       KVSP_OK);
      for (rc = kvsp_pictures_next(p, &picture); rc == KVSP_OK;
           rc = kvsp_pictures_next(p, &picture)) {
        expect_picture(&x, picture);
      }
      ck_assert_ptr_null(picture);
    }
    ck_assert_int_eq(kvsp_pictures_next(p, &picture), KVSP_END);
    ck_assert_uint_eq(x.next, reference.count);
    ck_assert_int_eq(kvsp_pictures_reset(p), KVSP_OK);
    ck_assert_uint_eq(get_stats(p).frames, 0);
  }
  kvsp_pictures_free(p);
  bytes_free(&b);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

/* With low delay the picture is there with the last byte of its block. */
START_TEST(low_delay_gives_each_at_once) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct encoded e;
  struct mux_track track;
  struct bytes b = {0};
  kvsp_pictures *p;
  size_t at = 0, seen = 0;
  encode_video(&e, "libx264", 96, 80, 0, 0);
  config.flags = KVSP_DECODE_LOW_DELAY;
  p = open_pictures(&config);
  track = video_mux_track(&e);
  begin_fragment(&b, &track, 1, 0);
  for (size_t i = 0; i < e.count; i++) {
    video_block(&b, &e, i, 0);
    ck_assert_int_eq(
        kvsp_pictures_visit(p, b.data + at, b.len - at, 0, count_only, &seen),
        KVSP_OK);
    ck_assert_uint_eq(seen, i + 1);
    at = b.len;
  }
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Tracks that change. */

struct sizes {
  const struct reference *references[3];
  size_t next;
};

static int on_sized(void *user, const kvsp_picture *p) {
  struct sizes *s = user;
  const struct reference *r = s->references[s->next / 24];
  ck_assert_uint_eq(p->index, s->next);
  ck_assert_uint_eq(p->fragment_index, s->next / 8);
  ck_assert_msg(reference_equal(r, s->next % 24, p), "picture %zu differs",
                s->next);
  s->next++;
  return 0;
}

/* Another resolution, other content, another codec: right from the first
 * picture on, and none of the old ones is lost. */
START_TEST(tracks_change_between_fragments) {
  static const char *const encoders[] = {"libx264", "libx264", "mjpeg"};
  struct encoded e[3];
  struct reference references[3];
  struct sizes s = {{&references[0], &references[1], &references[2]}, 0};
  struct bytes b = {0};
  kvsp_pictures *p = open_pictures(NULL);
  for (size_t i = 0; i < 3; i++) {
    encode_video(&e[i], encoders[i], i == 0 ? 96 : 128, i == 0 ? 80 : 48,
                 i < 2 ? 2 : 0, (int)i);
    reference_decode(&references[i], &e[i]);
    add_stream(&b, &e[i], 3 * i);
  }
  ck_assert_int_eq(visit_chunks(p, &b, (size_t)_i, on_sized, &s), KVSP_END);
  ck_assert_uint_eq(s.next, 72);
  ck_assert_uint_eq(get_stats(p).decoders_opened, 3);
  ck_assert_uint_eq(get_stats(p).errors, 0);
  kvsp_pictures_free(p);
  bytes_free(&b);
  for (size_t i = 0; i < 3; i++) {
    reference_free(&references[i]);
    encoded_free(&e[i]);
  }
}
END_TEST

struct two_tracks {
  size_t count[3];
  uint64_t only;
};

static int on_two_tracks(void *user, const kvsp_picture *p) {
  struct two_tracks *t = user;
  ck_assert_uint_eq(p->index, t->count[p->track_number]++);
  ck_assert_uint_eq(p->width, p->track_number == 1 ? 96 : 128);
  return 0;
}

/* Two videos, a track that nobody can decode, and sound; one video is taken
 * away in the middle. */
START_TEST(several_tracks) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct two_tracks t = {{0}, 0};
  struct encoded e[2];
  struct bytes b = {0};
  struct mux_track tracks[4];
  kvsp_pictures_stats stats;
  kvsp_pictures *p;
  encode_video(&e[0], "libx264", 96, 80, 2, 0);
  encode_video(&e[1], "mjpeg", 128, 48, 0, 1);
  memset(tracks, 0, sizeof tracks);
  tracks[0] = video_mux_track(&e[0]);
  tracks[1] = video_mux_track(&e[1]);
  tracks[1].number = 2;
  tracks[2].number = 3;
  tracks[2].type = 1;
  tracks[2].codec_id = "V_RADAR";
  tracks[3].number = 4;
  tracks[3].type = 2;
  tracks[3].codec_id = "A_AAC";
  for (size_t f = 0; f < 3; f++) {
    begin_fragment(&b, tracks, 4, f);
    for (size_t i = 8 * f; i < 8 * f + 8; i++) {
      video_block(&b, &e[0], i, 8 * f);
      mux_simple_block(&b, 2, 0, 0x80, e[1].packets[i].data,
                       e[1].packets[i].size);
      mux_simple_block(&b, 3, 0, 0x80, "radar", 5);
      mux_simple_block(&b, 4, 0, 0x80, "sound", 5);
    }
    end_fragment(&b, f);
    if (f == 1) tracks[1].type = 2; /* no video any more */
  }
  config.track_number = (uint64_t)_i;
  p = open_pictures(&config);
  ck_assert_int_eq(visit_chunks(p, &b, 100, on_two_tracks, &t), KVSP_END);
  stats = get_stats(p);
  ck_assert_uint_eq(t.count[1], _i == 2 ? 0 : 24);
  ck_assert_uint_eq(t.count[2], _i == 1 ? 0 : 16);
  ck_assert_uint_eq(stats.undecodable, _i == 0 ? 24 : 0);
  ck_assert_uint_eq(stats.frames, _i == 0 ? 64 : _i == 1 ? 24 : 16);
  ck_assert_uint_eq(stats.decoders_opened, _i == 0 ? 2 : 1);
  ck_assert_uint_eq(stats.errors, 0);
  if (_i == 0)
    ck_assert_ptr_nonnull(strstr(kvsp_pictures_message(p), "track 3"));
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e[0]);
  encoded_free(&e[1]);
}
END_TEST

/* Selection. */

static int on_selected(void *user, const kvsp_picture *p) {
  struct expectation *x = user;
  size_t shown = (size_t)(p->pts_ns / 1000000 / VIDEO_FRAME_MS);
  ck_assert_uint_eq(p->index, x->next++);
  ck_assert_int_eq(p->pts_ns % (VIDEO_FRAME_MS * INT64_C(1000000)), 0);
  ck_assert_msg(reference_equal(x->reference, shown, p),
                "the picture at %zu differs", shown);
  return 0;
}

/* All in one fragment, so that times are those of the pictures. */
START_TEST(selection) {
  static const struct {
    const char *encoder;
    uint64_t every;
    int64_t interval_ms;
    uint32_t reader_flags;
    size_t pictures, sent;
  } cases[] = {
      {"libx264", 1, 0, 0, 24, 24},
      {"libx264", 5, 0, 0, 5, 24}, /* they need each other */
      {"libx264", 0, 100, 0, 8, 24},
      {"libx264", 0, 0, KVSP_READ_KEY_FRAMES, 3, 3},
      {"libx264", 2, 0, KVSP_READ_KEY_FRAMES, 2, 2},
      {"mjpeg", 5, 0, 0, 5, 5}, /* these do not */
      {"mjpeg", 0, 120, 0, 8, 8},
      {"mjpeg", 2, 120, 0, 6, 6},
  };
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct encoded e;
  struct reference reference;
  struct expectation x = {&reference, 0, 0};
  struct bytes b = {0};
  kvsp_pictures *p;
  encode_video(&e, cases[_i].encoder, 96, 80, 0, 0);
  reference_decode(&reference, &e);
  add_fragment(&b, &e, 0, 0, e.count);
  config.every = cases[_i].every;
  config.interval_ns = cases[_i].interval_ms * 1000000;
  config.reader_flags = cases[_i].reader_flags;
  p = open_pictures(&config);
  ck_assert_int_eq(visit_chunks(p, &b, 0, on_selected, &x), KVSP_END);
  ck_assert_uint_eq(x.next, cases[_i].pictures);
  ck_assert_uint_eq(get_stats(p).frames_sent, cases[_i].sent);
  kvsp_pictures_free(p);
  bytes_free(&b);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

START_TEST(interval_starts_anew) {
  static const struct {
    int64_t pts;
    int wanted;
  } steps[] = {{0, 1},   {50, 0},        {100, 1},       {199, 0},
               {200, 1}, {1000, 1},      {5, 1},         {60, 0},
               {105, 1}, {INT64_MAX, 1}, {INT64_MIN, 1}, {INT64_MAX, 1}};
  struct selection s = {.interval_ns = 100};
  for (size_t i = 0; i < COUNT(steps); i++) {
    ck_assert_int_eq(kvsp_av_selection_wants(&s, steps[i].pts),
                     steps[i].wanted);
  }
}
END_TEST

START_TEST(invisible_frames_are_not_shown) {
  struct encoded e;
  struct bytes b = {0};
  struct mux_track track;
  kvsp_pictures *p = open_pictures(NULL);
  size_t seen = 0;
  encode_video(&e, "mjpeg", 96, 80, 0, 0);
  track = video_mux_track(&e);
  begin_fragment(&b, &track, 1, 0);
  for (size_t i = 0; i < e.count; i++) {
    mux_simple_block(&b, 1, (int16_t)i, i % 2 ? 0x88 : 0x80, e.packets[i].data,
                     e.packets[i].size);
  }
  ck_assert_int_eq(visit_chunks(p, &b, 0, count_only, &seen), KVSP_END);
  ck_assert_uint_eq(seen, e.count / 2);
  ck_assert_uint_eq(get_stats(p).frames_sent, e.count);
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Damage. */

/* Frames of nonsense are counted; the fragments around them are whole. */
START_TEST(damaged_frames_are_counted) {
  static const uint8_t nonsense[] = {0, 0, 0, 5, 0x65, 1, 2, 3, 4};
  struct encoded e;
  struct bytes b = {0};
  struct mux_track track;
  kvsp_pictures_stats stats;
  kvsp_pictures *p = open_pictures(NULL);
  size_t seen = 0;
  encode_video(&e, "libx264", 96, 80, 0, 0);
  track = video_mux_track(&e);
  add_fragment(&b, &e, 0, 0, 8);
  begin_fragment(&b, &track, 1, 1);
  for (size_t i = 8; i < 16; i++) {
    if (i == 10) {
      mux_simple_block(&b, 1, 0, 0, nonsense, sizeof nonsense);
    } else {
      video_block(&b, &e, i, 8);
    }
  }
  end_fragment(&b, 1);
  add_fragment(&b, &e, 2, 16, 24);
  ck_assert_int_eq(visit_chunks(p, &b, 0, count_only, &seen), KVSP_END);
  stats = get_stats(p);
  ck_assert_uint_ge(seen, 16 + 2);
  ck_assert_uint_ge(stats.errors, 1);
  ck_assert_uint_eq(stats.frames, 24);
  ck_assert_uint_eq(stats.pictures, seen);
  ck_assert_str_ne(kvsp_pictures_message(p), "");
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* A producer died inside a block.  What follows begins with a key frame: all
 * of its pictures come, and none of them is damaged. */
START_TEST(cut_streams_go_on) {
  struct encoded e;
  struct bytes b = {0};
  kvsp_pictures_stats stats;
  kvsp_pictures *p = open_pictures(NULL);
  size_t seen = 0;
  encode_video(&e, "libx264", 96, 80, 0, 0);
  add_fragment(&b, &e, 0, 0, 8);
  add_fragment(&b, &e, 1, 8, 16);
  b.len -= 400; /* the tail tags, and some of the last frame */
  for (size_t i = 2; i < 5; i++) add_fragment(&b, &e, i, 16, 24);
  ck_assert_int_eq(visit_chunks(p, &b, 0, count_only, &seen), KVSP_END);
  stats = get_stats(p);
  ck_assert_uint_ge(stats.gaps, 1);
  ck_assert_uint_ge(seen, 8 + 16);
  ck_assert_uint_le(stats.damaged, 1);
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Strict reading stops there, but not before the pictures that are whole. */
START_TEST(strict_gives_what_was_before) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct encoded e;
  struct bytes b = {0};
  kvsp_pictures *p;
  size_t seen = 0;
  int rc;
  encode_video(&e, "libx264", 96, 80, 2, 0);
  add_fragment(&b, &e, 0, 0, 8);
  bytes_append(&b, "\0\0\0\0 no Matroska", 16);
  config.reader_flags = KVSP_READ_STRICT;
  p = open_pictures(&config);
  rc = visit_chunks(p, &b, 0, count_only, &seen);
  ck_assert_int_lt(rc, 0);
  ck_assert_uint_eq(seen, 8);
  ck_assert_int_eq(kvsp_pictures_error(p)->status, rc);
  kvsp_pictures_free(p);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Callbacks. */

struct stopping {
  struct expectation x;
  kvsp_pictures *pictures;
  size_t items, frames;
  int every; /* nth item or picture stops it                              */
  int calls;
};

static int stop_sometimes(struct stopping *s) {
  const kvsp_picture *picture;
  ck_assert_int_eq(kvsp_pictures_next(s->pictures, &picture),
                   KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_pictures_input(s->pictures, "", 0, 0),
                   KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_pictures_reset(s->pictures), KVSP_ERR_REENTRANT);
  ck_assert_int_eq(kvsp_pictures_visit(s->pictures, "", 0, 0, count_only, s),
                   KVSP_ERR_REENTRANT);
  s->calls++;
  if (s->calls % s->every != 0) return 0;
  return s->calls % 2 ? KVSP_NEED_INPUT : KVSP_ERR_USER - s->calls;
}

static int on_item_stop(void *user, const kvsp_item *item) {
  struct stopping *s = user;
  s->items++;
  if (item->type == KVSP_ITEM_FRAME) s->frames++;
  return stop_sometimes(s);
}

static int on_picture_stop(void *user, const kvsp_picture *p) {
  struct stopping *s = user;
  expect_picture(&s->x, p);
  return stop_sometimes(s);
}

/* Whatever a callback returns comes back, and nothing is lost. */
START_TEST(callbacks_may_stop_anywhere) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  struct encoded e;
  struct reference reference;
  struct stopping s;
  struct bytes b = {0};
  int rc, stops = 0;
  encode_video(&e, "libx264", 96, 80, 2, 0);
  reference_decode(&reference, &e);
  add_stream(&b, &e, 0);
  memset(&s, 0, sizeof s);
  s.x.reference = &reference;
  s.every = _i;
  config.item_callback = on_item_stop;
  config.item_user = &s;
  s.pictures = open_pictures(&config);
  rc = kvsp_pictures_visit(s.pictures, b.data, b.len, KVSP_FINAL,
                           on_picture_stop, &s);
  while (rc != KVSP_END) {
    ck_assert_int_eq(rc,
                     s.calls % 2 ? KVSP_NEED_INPUT : KVSP_ERR_USER - s.calls);
    ck_assert_int_eq(kvsp_pictures_input(s.pictures, "", 0, 0), KVSP_ERR_STATE);
    stops++;
    rc = kvsp_pictures_visit(s.pictures, NULL, 0, 0, on_picture_stop, &s);
  }
  ck_assert_int_eq(stops, s.calls / s.every);
  ck_assert_uint_eq(s.frames, e.count);
  ck_assert_uint_eq(s.x.next, reference.count);
  kvsp_pictures_free(s.pictures);
  bytes_free(&b);
  reference_free(&reference);
  encoded_free(&e);
}
END_TEST

START_TEST(arguments_are_checked) {
  kvsp_pictures_config config = {.struct_size = sizeof config};
  kvsp_pictures_stats stats;
  const kvsp_picture *picture;
  kvsp_pictures *p;
  size_t seen = 0;
  ck_assert_int_eq(kvsp_pictures_new(NULL, &config), KVSP_ERR_ARG);
  config.struct_size--;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_ERR_ARG);
  ck_assert_ptr_null(p);
  config.struct_size++;
  config.reader_flags = KVSP_READ_NO_DATA;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_ERR_ARG);
  config.reader_flags = 0;
  config.interval_ns = -1;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_ERR_ARG);
  config.interval_ns = 0;
  config.width = 100; /* native pictures are not scaled */
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_ERR_ARG);
  config.format = KVSP_PICTURE_GRAY8;
  ck_assert_int_eq(kvsp_pictures_new(&p, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_pictures_next(NULL, &picture), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_next(p, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_input(NULL, "", 0, 0), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_visit(p, "", 0, 0, NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_visit(NULL, "", 0, 0, count_only, NULL),
                   KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_reset(NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_get_stats(p, NULL, 8), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_pictures_get_stats(p, &stats, 8), KVSP_OK);
  ck_assert_int_eq(kvsp_pictures_next(p, &picture), KVSP_NEED_INPUT);
  ck_assert_int_eq(
      kvsp_pictures_visit(p, NULL, 0, KVSP_FINAL, count_only, &seen), KVSP_END);
  ck_assert_str_eq(kvsp_pictures_message(p), "");
  kvsp_pictures_free(p);
  kvsp_pictures_free(NULL);
}
END_TEST

/* Each allocation fails in turn until none does: a code, nothing leaks. */
START_TEST(no_memory_is_survived) {
  struct encoded e;
  struct bytes b = {0};
  int rc = KVSP_ERR_NOMEM;
  encode_video(&e, "mjpeg", 96, 80, 0, 0);
  add_fragment(&b, &e, 0, 0, 3);
  for (unsigned limit = 0; rc == KVSP_ERR_NOMEM; limit++) {
    kvsp_pictures_config config = {.struct_size = sizeof config};
    struct test_allocator memory;
    kvsp_pictures *p;
    size_t seen = 0;
    ck_assert_uint_lt(limit, 1000);
    test_allocator_init(&memory);
    test_allocator_fail_after(&memory, limit);
    config.allocator = &memory.allocator;
    config.threads = 1;
    config.format = KVSP_PICTURE_RGB24;
    config.flags = KVSP_DECODE_LOW_DELAY;
    rc = kvsp_pictures_new(&p, &config);
    if (rc == KVSP_OK) {
      rc = visit_chunks(p, &b, 1000, count_only, &seen);
      kvsp_pictures_free(p);
    }
    if (rc == KVSP_END) ck_assert_uint_eq(seen, 3);
    ck_assert_uint_eq(memory.live_blocks, 0);
  }
  ck_assert_int_eq(rc, KVSP_END);
  bytes_free(&b);
  encoded_free(&e);
}
END_TEST

/* Real captures. */

#ifdef HAVE_LIBAVFORMAT

/* One picture at a time, since all of them would be much memory. */
struct demuxed {
  AVFormatContext *format;
  AVCodecContext *codec;
  AVPacket *packet;
  AVFrame *frame;
  size_t count;
};

static void open_demuxed(struct demuxed *d, const char *path) {
  const AVCodec *codec;
  AVStream *stream;
  memset(d, 0, sizeof *d);
  ck_assert_int_ge(avformat_open_input(&d->format, path, NULL, NULL), 0);
  ck_assert_int_ge(avformat_find_stream_info(d->format, NULL), 0);
  ck_assert_int_eq(d->format->streams[0]->codecpar->codec_type,
                   AVMEDIA_TYPE_VIDEO);
  stream = d->format->streams[0];
  codec = avcodec_find_decoder(stream->codecpar->codec_id);
  d->codec = avcodec_alloc_context3(codec);
  d->packet = av_packet_alloc();
  d->frame = av_frame_alloc();
  ck_assert(d->codec && d->packet && d->frame);
  ck_assert_int_ge(avcodec_parameters_to_context(d->codec, stream->codecpar),
                   0);
  ck_assert_int_ge(avcodec_open2(d->codec, codec, NULL), 0);
}

static void close_demuxed(struct demuxed *d) {
  av_frame_free(&d->frame);
  av_packet_free(&d->packet);
  avcodec_free_context(&d->codec);
  avformat_close_input(&d->format);
}

/* 1: the next picture is in d->frame. */
static int next_demuxed(struct demuxed *d) {
  int rc = avcodec_receive_frame(d->codec, d->frame);
  while (rc == AVERROR(EAGAIN)) {
    int end = av_read_frame(d->format, d->packet) < 0;
    if (end || d->packet->stream_index == 0)
      avcodec_send_packet(d->codec, end ? NULL : d->packet);
    av_packet_unref(d->packet);
    rc = avcodec_receive_frame(d->codec, d->frame);
  }
  return rc >= 0;
}

static int on_demuxed(void *user, const kvsp_picture *p) {
  struct demuxed *d = user;
  struct reference one = {&d->frame, NULL, 1};
  ck_assert_int_eq(next_demuxed(d), 1);
  ck_assert_msg(reference_equal(&one, 0, p), "picture %zu differs", d->count);
  d->count++;
  return 0;
}

START_TEST(captures_equal_libavformat) {
  static const struct {
    const char *name;
    size_t pictures;
  } files[] = {
      {"output_get_media.mkv", 300},
      {"kinesis_video_renderer_example_output.mkv", 444},
  };
  const char *folder = "kvs-getmedia", *name = files[_i].name;
  struct bytes b = {0};
  struct demuxed d;
  char path[1024];
  kvsp_pictures *p = open_pictures(NULL);
  corpus_path(path, sizeof path, folder, name, "");
  open_demuxed(&d, path);
  corpus_load(&b, folder, name, "");
  ck_assert_int_eq(visit_chunks(p, &b, 65536, on_demuxed, &d), KVSP_END);
  ck_assert_uint_eq(get_stats(p).errors, 0);
  ck_assert_uint_eq(d.count, files[_i].pictures);
  ck_assert_int_eq(next_demuxed(&d), 0);
  kvsp_pictures_free(p);
  close_demuxed(&d);
  bytes_free(&b);
}
END_TEST

#endif

static TCase *stream_case(void) {
  TCase *tc = tcase_create("streams");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, pictures_equal_the_reference, 0, 8);
  tcase_add_test(tc, pulling_gives_the_same);
  tcase_add_loop_test(tc, kept_pictures_outlive_everything, 0, 2);
  tcase_add_test(tc, keeping_is_refused);
  tcase_add_test(tc, items_come_between_pictures);
  tcase_add_test(tc, sizes_of_structs);
  tcase_add_test(tc, low_delay_gives_each_at_once);
  tcase_add_loop_test(tc, tracks_change_between_fragments, 0, 2);
  tcase_add_loop_test(tc, several_tracks, 0, 3);
  return tc;
}

static TCase *selection_case(void) {
  TCase *tc = tcase_create("selection");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, selection, 0, 8);
  tcase_add_test(tc, interval_starts_anew);
  tcase_add_test(tc, invisible_frames_are_not_shown);
  return tc;
}

static TCase *fault_case(void) {
  TCase *tc = tcase_create("faults");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, damaged_frames_are_counted);
  tcase_add_test(tc, cut_streams_go_on);
  tcase_add_test(tc, strict_gives_what_was_before);
  tcase_add_loop_test(tc, callbacks_may_stop_anywhere, 1, 6);
  tcase_add_test(tc, arguments_are_checked);
  tcase_add_test(tc, no_memory_is_survived);
  return tc;
}

static TCase *capture_case(void) {
  TCase *tc = tcase_create("captures");
  tcase_set_timeout(tc, 600);
#ifdef HAVE_LIBAVFORMAT
  if (corpus_is_there())
    tcase_add_loop_test(tc, captures_equal_libavformat, 0, 2);
  else
    printf("real streams are skipped: KVSPARSE_CORPUS is not set\n");
#endif
  return tc;
}

int main(void) {
  Suite *suite = suite_create("pictures");
  suite_add_tcase(suite, stream_case());
  suite_add_tcase(suite, selection_case());
  suite_add_tcase(suite, fault_case());
  suite_add_tcase(suite, capture_case());
  return run_suite(suite);
}
