/*
 * test_tags.c - SimpleTags and TrackEntries: put together from their elements
 * by tags.h and track.h directly, and as the reader shows them.
 */
#include "tags.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/build.h"
#include "support/suite.h"
#include "track.h"

static bool view_is(kvsp_view v, const char *text) {
  return v.data != NULL && v.len == strlen(text) &&
         memcmp(v.data, text, v.len) == 0;
}

static kvsp_view view_of(const char *text) {
  kvsp_view v = {(const uint8_t *)text, strlen(text)};
  return v;
}

/* ---- directly ---------------------------------------------------------- */

/* Memory that is counted, for lists and what is in them. */
static struct test_allocator allocator;
static struct memory memory;
static struct arena arena;
static struct tag_list tags;
static struct tag_builder builder;
static struct track_list tracks;

static void setup(void) {
  memset(&memory, 0, sizeof memory);
  memset(&builder, 0, sizeof builder);
  test_allocator_init(&allocator);
  memory.max = UINT64_MAX;
  ck_assert_int_eq(kvsp_allocator_init(&memory.allocator, &allocator.allocator),
                   KVSP_OK);
  kvsp_arena_init(&arena, &memory);
  kvsp_tag_list_init(&tags, &memory);
  kvsp_track_list_init(&tracks, &memory);
}

static void teardown(void) {
  kvsp_tag_list_clear(&tags);
  kvsp_track_list_clear(&tracks);
  kvsp_arena_clear(&arena);
  ck_assert_uint_eq(allocator.live_blocks, 0);
  ck_assert_uint_eq(memory.used, 0);
}

static void begin_tag(const char *name) {
  ck_assert_int_eq(kvsp_tags_begin(&tags, &builder, &arena), KVSP_OK);
  ck_assert_int_eq(
      kvsp_tags_value(&builder, &arena, KVSP_ID_TAG_NAME, view_of(name)),
      KVSP_OK);
}

static void set_value(uint64_t id, const void *data, size_t len) {
  kvsp_view v = {data, len};
  ck_assert_int_eq(kvsp_tags_value(&builder, &arena, id, v), KVSP_OK);
}

START_TEST(nested_tags_lie_flat) {
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  static const uint32_t depths[] = {0, 1, 2, 1, 0};
  begin_tag("a");
  begin_tag("b");
  begin_tag("c");
  ck_assert(view_is(kvsp_tags_end(&builder)->name, "c"));
  ck_assert(view_is(kvsp_tags_end(&builder)->name, "b"));
  begin_tag("d");
  kvsp_tags_end(&builder);
  ck_assert(view_is(kvsp_tags_end(&builder)->name, "a"));
  begin_tag("e");
  kvsp_tags_end(&builder);
  ck_assert_ptr_null(kvsp_tags_end(&builder));
  ck_assert_uint_eq(tags.count, 5);
  for (size_t i = 0; i < 5; i++) {
    ck_assert(view_is(tags.items[i]->name, names[i]));
    ck_assert_uint_eq(tags.items[i]->depth, depths[i]);
  }
}
END_TEST

/* A name that stands behind the tags inside is still the outer one's. */
START_TEST(values_go_to_the_innermost) {
  begin_tag("outer");
  begin_tag("inner");
  set_value(KVSP_ID_TAG_STRING, "deep", 4);
  kvsp_tags_end(&builder);
  set_value(KVSP_ID_TAG_STRING, "flat", 4);
  kvsp_tags_end(&builder);
  ck_assert(view_is(tags.items[0]->value, "flat"));
  ck_assert(view_is(tags.items[1]->value, "deep"));
}
END_TEST

START_TEST(kinds_of_values) {
  static const struct {
    uint64_t id; /* 0: none */
    const char *data;
    size_t len;
    uint32_t flags;
    size_t trimmed;
  } cases[] = {
      {0, NULL, 0, 0, 0},
      {KVSP_ID_TAG_STRING, "", 0, KVSP_TAG_STRING, 0},
      {KVSP_ID_TAG_STRING, "text", 4, KVSP_TAG_STRING, 4},
      {KVSP_ID_TAG_STRING, "text\0\0\0", 7, KVSP_TAG_STRING, 4},
      {KVSP_ID_TAG_STRING, "\0\0", 2, KVSP_TAG_STRING, 0},
      {KVSP_ID_TAG_BINARY, "\0\1\0", 3, KVSP_TAG_BINARY, 3},
      {KVSP_ID_TAG_BINARY, "", 0, KVSP_TAG_BINARY, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const kvsp_tag *tag;
    begin_tag("name");
    if (cases[i].id) set_value(cases[i].id, cases[i].data, cases[i].len);
    tag = kvsp_tags_end(&builder);
    ck_assert_uint_eq(tag->flags, cases[i].flags);
    ck_assert_uint_eq(tag->value.len, cases[i].trimmed);
    ck_assert_int_eq(tag->value.data != NULL, cases[i].flags != 0);
    if (tag->value.len > 0)
      ck_assert_mem_eq(tag->value.data, cases[i].data, tag->value.len);
  }
}
END_TEST

START_TEST(names_are_trimmed_and_copied) {
  char name[] = "padded\0\0";
  const kvsp_tag *tag;
  kvsp_view v = {(const uint8_t *)name, sizeof name - 1};
  ck_assert_int_eq(kvsp_tags_begin(&tags, &builder, &arena), KVSP_OK);
  ck_assert_int_eq(kvsp_tags_value(&builder, &arena, KVSP_ID_TAG_NAME, v),
                   KVSP_OK);
  memset(name, 'X', sizeof name);
  tag = kvsp_tags_end(&builder);
  ck_assert(view_is(tag->name, "padded"));
}
END_TEST

START_TEST(what_is_no_tag_is_ignored) {
  set_value(KVSP_ID_TAG_NAME, "lost", 4);
  begin_tag("tag");
  set_value(KVSP_ID_TAG_LANGUAGE, "und", 3);
  kvsp_tags_end(&builder);
  set_value(KVSP_ID_TAG_STRING, "lost", 4);
  ck_assert_uint_eq(tags.count, 1);
  ck_assert(view_is(tags.items[0]->name, "tag"));
  ck_assert_uint_eq(tags.items[0]->flags, 0);
}
END_TEST

START_TEST(cut_tags_leave_the_list) {
  begin_tag("whole");
  kvsp_tags_end(&builder);
  kvsp_tags_abort(&tags, &builder);
  ck_assert_uint_eq(tags.count, 1);
  begin_tag("cut");
  begin_tag("whole, but inside");
  kvsp_tags_end(&builder);
  begin_tag("cut too");
  kvsp_tags_abort(&tags, &builder);
  ck_assert_uint_eq(tags.count, 1);
  ck_assert(view_is(tags.items[0]->name, "whole"));
  begin_tag("next");
  kvsp_tags_end(&builder);
  ck_assert_uint_eq(tags.items[1]->depth, 0);
}
END_TEST

/* How deep they may be is max_depth's to say. */
START_TEST(tags_are_nested_at_will) {
  for (int i = 0; i < 1000; i++) begin_tag("tag");
  ck_assert_uint_eq(tags.count, 1000);
  for (size_t i = 1000; i-- > 1;)
    ck_assert_ptr_eq(kvsp_tags_end(&builder), tags.items[i]);
  ck_assert_uint_eq(tags.items[999]->depth, 999);
  kvsp_tags_abort(&tags, &builder);
  ck_assert_uint_eq(tags.count, 0);
}
END_TEST

/* _i is the call of the allocator that fails: it can be repeated. */
START_TEST(tags_without_memory) {
  int rc;
  test_allocator_fail_after(&allocator, (size_t)_i);
  rc = kvsp_tags_begin(&tags, &builder, &arena);
  if (rc != KVSP_OK) {
    ck_assert_int_eq(rc, KVSP_ERR_NOMEM);
    ck_assert_uint_eq(tags.count, 0);
    ck_assert_int_eq(kvsp_tags_begin(&tags, &builder, &arena), KVSP_OK);
  }
  ck_assert_uint_eq(allocator.failures, 1);
  ck_assert_uint_eq(tags.count, 1);
  ck_assert_ptr_eq(kvsp_tags_end(&builder), tags.items[0]);
}
END_TEST

/* ---- tracks, directly -------------------------------------------------- */

static struct track *new_track(void) {
  struct track *track = NULL;
  ck_assert_int_eq(kvsp_track_new(&arena, &track), KVSP_OK);
  return track;
}

static int set(struct track *track, uint64_t id, const char *bytes,
               size_t len) {
  kvsp_view v = {(const uint8_t *)bytes, len};
  return kvsp_track_value(track, &arena, id, v);
}

static void must_set(struct track *track, uint64_t id, const char *bytes,
                     size_t len) {
  ck_assert_int_eq(set(track, id, bytes, len), KVSP_OK);
}

START_TEST(track_defaults) {
  struct track *t = new_track();
  const kvsp_track *shown = &t->shown;
  ck_assert_uint_eq(shown->number, 0);
  ck_assert_uint_eq(shown->uid, 0);
  ck_assert_uint_eq(shown->width, 0);
  ck_assert(shown->sample_rate == 0.0);
  ck_assert_uint_eq(shown->channels, 0);
  ck_assert_uint_eq(shown->bit_depth, 0);
  ck_assert_int_eq(shown->default_duration_ns, KVSP_TIME_NONE);
  ck_assert_ptr_null(shown->name.data);
  ck_assert_uint_eq(shown->codec_private.len, 0);
  ck_assert(view_is(shown->language, "eng"));
  ck_assert_uint_eq(shown->encodings, 0);
}
END_TEST

/* RFC 9559, 5.1.4.1.29: 8000 Hz and 1 channel where Audio does not say. */
START_TEST(audio_defaults) {
  struct track *t = new_track();
  kvsp_track_begin_master(t, KVSP_ID_AUDIO);
  ck_assert(t->shown.sample_rate == 8000.0);
  ck_assert_uint_eq(t->shown.channels, 1);
  must_set(t, KVSP_ID_SAMPLING_FREQUENCY, "\x47\x2C\x44\x00", 4);
  must_set(t, KVSP_ID_CHANNELS, "\x02", 1);
  ck_assert(t->shown.sample_rate == 44100.0);
  ck_assert_uint_eq(t->shown.channels, 2);
}
END_TEST

START_TEST(track_strings) {
  struct track *t = new_track();
  must_set(t, KVSP_ID_CODEC_ID, "V_MPEG4/ISO/AVC\0\0\0\0\0\0", 21);
  must_set(t, KVSP_ID_NAME, "", 0);
  must_set(t, KVSP_ID_CODEC_PRIVATE, "\x01\0\0", 3);
  ck_assert(view_is(t->shown.codec_id, "V_MPEG4/ISO/AVC"));
  ck_assert_ptr_nonnull(t->shown.name.data);
  ck_assert_uint_eq(t->shown.name.len, 0);
  ck_assert_uint_eq(t->shown.codec_private.len, 3);
}
END_TEST

/* LanguageBCP47 wins, wherever it stands (RFC 9559, 5.1.4.1.19). */
START_TEST(languages) {
  struct track *old = new_track(), *before = new_track(), *after = new_track();
  must_set(old, KVSP_ID_LANGUAGE, "ger\0", 4);
  ck_assert(view_is(old->shown.language, "ger"));
  must_set(before, KVSP_ID_LANGUAGE_BCP47, "de-CH", 5);
  must_set(before, KVSP_ID_LANGUAGE, "ger", 3);
  ck_assert(view_is(before->shown.language, "de-CH"));
  must_set(after, KVSP_ID_LANGUAGE, "ger", 3);
  must_set(after, KVSP_ID_LANGUAGE_BCP47, "de-CH", 5);
  ck_assert(view_is(after->shown.language, "de-CH"));
}
END_TEST

START_TEST(values_that_cannot_be) {
  struct track *t = new_track();
  /* Useless, but no harm: it stays unknown. */
  must_set(t, KVSP_ID_DEFAULT_DURATION, "\0", 1);
  must_set(t, KVSP_ID_DEFAULT_DURATION, "\x80\0\0\0\0\0\0\0", 8);
  ck_assert_int_eq(t->shown.default_duration_ns, KVSP_TIME_NONE);
  ck_assert_int_eq(set(t, KVSP_ID_PIXEL_WIDTH, "\1\0\0\0\0", 5),
                   KVSP_ERR_SCHEMA);
  ck_assert_uint_eq(t->shown.width, 0);
  must_set(t, KVSP_ID_SAMPLING_FREQUENCY, "\0\0\0\0", 4);
  must_set(t, KVSP_ID_SAMPLING_FREQUENCY, "\x7F\xC0\0\0", 4);
  ck_assert(t->shown.sample_rate == 0.0);
}
END_TEST

static struct track *add_track(struct track_list *list, char number) {
  struct track *t = new_track();
  must_set(t, KVSP_ID_TRACK_NUMBER, &number, 1);
  ck_assert_int_eq(kvsp_track_add(list, t), KVSP_OK);
  return t;
}

START_TEST(tracks_are_found_by_number) {
  struct track *nobody = new_track();
  struct track *seven = add_track(&tracks, 7), *two = add_track(&tracks, 2);
  ck_assert_int_eq(kvsp_track_add(&tracks, nobody), KVSP_ERR_SCHEMA);
  ck_assert_uint_eq(tracks.count, 2);
  ck_assert_ptr_eq(track_find(&tracks, 7), seven);
  ck_assert_ptr_eq(track_find(&tracks, 2), two);
  ck_assert_ptr_null(track_find(&tracks, 0));
  ck_assert_ptr_null(track_find(&tracks, 1));
  ck_assert_uint_eq(seven->shown.index, 0);
  ck_assert_uint_eq(two->shown.index, 1);
}
END_TEST

START_TEST(tracks_that_differ) {
  static const struct {
    uint64_t id;
    const char *value;
    size_t len;
    bool counts;
  } cases[] = {
      {KVSP_ID_TRACK_NUMBER, "\x09", 1, true},
      {KVSP_ID_TRACK_TYPE, "\x02", 1, true},
      {KVSP_ID_CODEC_ID, "V_AV1", 5, true},
      {KVSP_ID_CODEC_PRIVATE, "abd", 3, true},
      {KVSP_ID_CODEC_PRIVATE, "abcd", 4, true},
      {KVSP_ID_CODEC_PRIVATE, "", 0, true},
      {KVSP_ID_PIXEL_WIDTH, "\x11", 1, true},
      {KVSP_ID_PIXEL_HEIGHT, "\x11", 1, true},
      {KVSP_ID_NAME, "other", 5, false},
      {KVSP_ID_TRACK_UID, "\x77", 1, false},
  };
  struct track_list other;
  kvsp_track_list_init(&other, &memory);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct track *a, *b;
    tracks.count = other.count = 0;
    a = add_track(&tracks, 1);
    b = add_track(&other, 1);
    must_set(a, KVSP_ID_CODEC_PRIVATE, "abc", 3);
    must_set(b, KVSP_ID_CODEC_PRIVATE, "abc", 3);
    ck_assert(kvsp_tracks_equal(&tracks, &other));
    must_set(b, cases[i].id, cases[i].value, cases[i].len);
    ck_assert_msg(kvsp_tracks_equal(&tracks, &other) != cases[i].counts,
                  "case %zu", i);
  }
  add_track(&tracks, 3);
  ck_assert(!kvsp_tracks_equal(&tracks, &other));
  kvsp_track_list_clear(&other);
}
END_TEST

START_TEST(end_of_tracks) {
  struct track *a = add_track(&tracks, 1), *b = add_track(&tracks, 2);
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), KVSP_TIME_NONE);
  track_note_time(a, KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), KVSP_TIME_NONE);
  track_note_time(a, 500); /* one frame, nobody knows how long */
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), 500);
  a->shown.default_duration_ns = 30;
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), 530);
  track_note_time(a, 700); /* B-frames: times go forth and back */
  track_note_time(a, 600);
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), 800);
  track_note_time(b, 790);
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), 800);
  track_note_time(b, 801);
  ck_assert_int_eq(kvsp_tracks_end_ns(&tracks), 812);
}
END_TEST

/* ---- as the reader shows them ------------------------------------------ */

/* Reads to the first FRAGMENT and hands it out; the reader keeps it. */
static const kvsp_fragment *first_fragment(kvsp_reader **r,
                                           const kvsp_reader_config *config,
                                           const struct bytes *b) {
  const kvsp_item *item;
  ck_assert_int_eq(kvsp_reader_new(r, config), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(*r, b->data, b->len, KVSP_FINAL), KVSP_OK);
  do {
    ck_assert_int_eq(kvsp_reader_next(*r, &item), KVSP_OK);
  } while (item->type != KVSP_ITEM_FRAGMENT);
  ck_assert_ptr_nonnull(item->fragment);
  ck_assert_ptr_eq(item->tags, item->fragment->tags);
  ck_assert_uint_eq(item->tag_count, item->fragment->tag_count);
  return item->fragment;
}

START_TEST(reader_shows_tags) {
  const struct mux_tag twice[] = {
      {"name", "first"}, {"other", ""}, {"name", "last"}, {"none", NULL}};
  struct bytes b = {0};
  const kvsp_fragment *f;
  kvsp_reader *r;
  size_t tag, outer, inner, list;
  mux_document(&b);
  mux_tags(&b, twice, 4);
  list = mux_begin(&b, KVSP_ID_TAGS);
  tag = mux_begin(&b, KVSP_ID_TAG);
  mux_binary(&b, KVSP_ID_TARGETS, "", 0);
  outer = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  inner = mux_begin(&b, KVSP_ID_SIMPLE_TAG);
  mux_binary(&b, KVSP_ID_TAG_BINARY, "", 0);
  mux_string(&b, KVSP_ID_TAG_NAME, "inner");
  mux_end(&b, inner);
  mux_string(&b, KVSP_ID_TAG_NAME, "outer");
  mux_end(&b, outer);
  mux_end(&b, tag);
  mux_end(&b, list);
  f = first_fragment(&r, NULL, &b);
  ck_assert_uint_eq(f->tag_count, 6);
  ck_assert(view_is(f->tags[0]->value, "first"));
  ck_assert(view_is(f->tags[1]->value, ""));
  ck_assert_uint_eq(f->tags[1]->flags, KVSP_TAG_STRING);
  ck_assert_ptr_null(f->tags[3]->value.data);
  ck_assert(view_is(f->tags[4]->name, "outer"));
  ck_assert(view_is(f->tags[5]->name, "inner"));
  ck_assert_uint_eq(f->tags[5]->depth, 1);
  ck_assert_uint_eq(f->tags[5]->flags, KVSP_TAG_BINARY);
  ck_assert_ptr_eq(kvsp_fragment_tag(f, "name"), f->tags[2]);
  ck_assert_ptr_eq(kvsp_fragment_tag(f, "inner"), f->tags[5]);
  ck_assert_ptr_null(kvsp_fragment_tag(f, "nam"));
  ck_assert_ptr_null(kvsp_fragment_tag(f, "names"));
  ck_assert_ptr_null(kvsp_fragment_tag(f, NULL));
  ck_assert_ptr_null(kvsp_fragment_tag(NULL, "name"));
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(reader_shows_tracks) {
  struct bytes b = {0};
  const kvsp_fragment *f;
  const kvsp_track *t;
  kvsp_reader *r;
  size_t list, entry, part;
  mux_document(&b);
  list = mux_begin(&b, KVSP_ID_TRACKS);
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  mux_uint(&b, KVSP_ID_TRACK_NUMBER, 5);
  mux_uint(&b, KVSP_ID_TRACK_UID, UINT64_MAX);
  mux_uint(&b, KVSP_ID_TRACK_TYPE, 17);
  part = mux_begin(&b, KVSP_ID_VIDEO);
  mux_uint(&b, KVSP_ID_PIXEL_HEIGHT, 1080);
  mux_end(&b, part);
  mux_end(&b, entry);
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  part = mux_begin(&b, KVSP_ID_AUDIO);
  mux_uint(&b, KVSP_ID_BIT_DEPTH, 24);
  mux_end(&b, part);
  mux_uint(&b, KVSP_ID_TRACK_NUMBER, 6);
  mux_binary(&b, KVSP_ID_CODEC_ID, "A_AAC\0\0\0", 8);
  mux_end(&b, entry);
  mux_end(&b, list);
  f = first_fragment(&r, NULL, &b);
  ck_assert_uint_eq(f->track_count, 2);
  t = f->tracks[0];
  ck_assert_uint_eq(t->number, 5);
  ck_assert_uint_eq(t->uid, UINT64_MAX);
  ck_assert_uint_eq(t->type, KVSP_TRACK_SUBTITLE);
  ck_assert_uint_eq(t->width, 0);
  ck_assert_uint_eq(t->height, 1080);
  ck_assert(t->sample_rate == 0.0);
  t = f->tracks[1];
  ck_assert_uint_eq(t->index, 1);
  ck_assert(t->sample_rate == 8000.0);
  ck_assert_uint_eq(t->channels, 1);
  ck_assert_uint_eq(t->bit_depth, 24);
  ck_assert(view_is(t->codec_id, "A_AAC"));
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* A TrackEntry that nobody can refer to is a fault; the others stay. */
START_TEST(reader_leaves_out_track_without_number) {
  struct bytes b = {0};
  const kvsp_item *item;
  kvsp_reader *r;
  size_t list, entry, at;
  mux_document(&b);
  list = mux_begin(&b, KVSP_ID_TRACKS);
  at = b.len;
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  mux_string(&b, KVSP_ID_CODEC_ID, "A_AAC");
  mux_end(&b, entry);
  entry = mux_begin(&b, KVSP_ID_TRACK_ENTRY);
  mux_uint(&b, KVSP_ID_TRACK_NUMBER, 6);
  mux_end(&b, entry);
  mux_end(&b, list);
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, b.data, b.len, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_uint_eq(item->type, KVSP_ITEM_GAP);
  ck_assert_uint_eq(item->gap->from, at);
  ck_assert_uint_eq(item->gap->element_id, KVSP_ID_TRACK_ENTRY);
  ck_assert_int_eq(item->gap->status, KVSP_ERR_SCHEMA);
  ck_assert_int_eq(kvsp_reader_next(r, &item), KVSP_OK);
  ck_assert_uint_eq(item->type, KVSP_ITEM_FRAGMENT);
  ck_assert_uint_eq(item->fragment->track_count, 1);
  ck_assert_uint_eq(item->fragment->tracks[0]->number, 6);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

START_TEST(reader_limits_tags_and_tracks) {
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_reader_config config = {.struct_size = sizeof config, .limits = &limits};
  const struct mux_tag many[] = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  struct bytes b = {0};
  const kvsp_fragment *f;
  kvsp_reader *r;
  limits.max_tags = 2;
  limits.max_tracks = 1;
  mux_document(&b);
  build_tracks(&b);
  mux_tags(&b, many, 3);
  f = first_fragment(&r, &config, &b);
  ck_assert_uint_eq(f->tag_count, 2);
  ck_assert(view_is(f->tags[1]->name, "b"));
  ck_assert_uint_eq(f->track_count, 1);
  ck_assert_uint_eq(f->tracks[0]->number, 1);
  ck_assert(f->flags & KVSP_FRAGMENT_DAMAGED);
  kvsp_reader_free(r);
  bytes_free(&b);
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

static TCase *tags_case(void) {
  TCase *tc = tcase_create("tags");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, nested_tags_lie_flat);
  tcase_add_test(tc, values_go_to_the_innermost);
  tcase_add_test(tc, kinds_of_values);
  tcase_add_test(tc, names_are_trimmed_and_copied);
  tcase_add_test(tc, what_is_no_tag_is_ignored);
  tcase_add_test(tc, cut_tags_leave_the_list);
  tcase_add_test(tc, tags_are_nested_at_will);
  tcase_add_loop_test(tc, tags_without_memory, 0, 2);
  return tc;
}

static TCase *tracks_case(void) {
  TCase *tc = tcase_create("tracks");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, track_defaults);
  tcase_add_test(tc, audio_defaults);
  tcase_add_test(tc, track_strings);
  tcase_add_test(tc, languages);
  tcase_add_test(tc, values_that_cannot_be);
  tcase_add_test(tc, tracks_are_found_by_number);
  tcase_add_test(tc, tracks_that_differ);
  tcase_add_test(tc, end_of_tracks);
  return tc;
}

static TCase *reader_case(void) {
  TCase *tc = tcase_create("reader");
  tcase_add_test(tc, reader_shows_tags);
  tcase_add_test(tc, reader_shows_tracks);
  tcase_add_test(tc, reader_leaves_out_track_without_number);
  tcase_add_test(tc, reader_limits_tags_and_tracks);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("tags");
  suite_add_tcase(suite, tags_case());
  suite_add_tcase(suite, tracks_case());
  suite_add_tcase(suite, reader_case());
  return run_suite(suite);
}
