/*
 * test_corpus.c - the reader on real streams, which are no part of the
 * project: KVSPARSE_CORPUS is the folder that has them.  Without it there is
 * nothing to do, and the exit code is 77.
 */
#include <check.h>
#include <kvsparse/reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/corpus.h"
#include "support/guard.h"
#include "support/recorder.h"
#include "support/suite.h"

#define SKIPPED 77
/* Files up to here are fed byte by byte too. */
#define SMALL 100000

/* Those whose name begins with kvs- have numbers to compare with. */
static const char *const folders[] = {
    "kvs-getmedia", "kvs-picgen",  "kvs-producer-input", "mkv-valid",
    "webm-valid",   "muxgen",      "ebml-conformance",   "invalid",
    "fuzz",         "not-matroska"};
#define FOLDERS (int)(sizeof folders / sizeof *folders)

/* ---- the same items however a file is cut ------------------------------ */

static void check_chunks(const char *folder, const char *name,
                         const struct bytes *b) {
  static const size_t chunks[] = {4096, 7, 1};
  struct recorder whole = {0};
  int rc = record_stream(NULL, FEED_PULL, b->data, b->len, 0, &whole);
  ck_assert_msg(rc == KVSP_END, "%s/%s: %s", folder, name,
                kvsp_status_name(rc));
  for (size_t i = 0; i < 3; i++) {
    enum feed_way way = (enum feed_way)((i + b->len) % FEED_WAYS);
    struct recorder cut = {0};
    if (chunks[i] == 1 && b->len >= SMALL) continue;
    record_stream(NULL, way, b->data, b->len, chunks[i], &cut);
    ck_assert_msg(texts_equal(recorder_text(&whole), recorder_text(&cut), name),
                  "%s/%s: way %d, chunks of %zu", folder, name, (int)way,
                  chunks[i]);
    recorder_clear(&cut);
  }
  recorder_clear(&whole);
}

/* _i is the folder. */
START_TEST(same_items_however_cut) {
  corpus_each(folders[_i], check_chunks);
}
END_TEST

/* ---- strict ------------------------------------------------------------ */

static int is_sound(const char *folder) {
  return strcmp(folder, "invalid") != 0 && strcmp(folder, "fuzz") != 0 &&
         strcmp(folder, "not-matroska") != 0;
}

/* How long the text of the first so many items is. */
static size_t text_of_items(const char *text, size_t items) {
  size_t len = 0;
  for (; items > 0; items--) len += strcspn(text + len, "\n") + 1;
  return len;
}

/* The items of the strict reader are those of the other up to the first
 * fault.  The other may see a fault earlier, as it looks back into elements
 * that turn out to be none; but not where there is no fault at all. */
static void check_strict(const char *folder, const char *name,
                         const struct bytes *b) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  struct recorder recovered = {0}, strict = {0};
  size_t items;
  int rc;
  config.flags = KVSP_READ_STRICT;
  record_stream(NULL, FEED_PULL, b->data, b->len, 0, &recovered);
  rc = record_stream(&config, FEED_PULL, b->data, b->len, 4096, &strict);
  items = strcspn(recorder_order(&recovered), "g");
  ck_assert_msg(rc == KVSP_END || (rc < 0 && rc > KVSP_ERR_NOMEM), "%s/%s: %s",
                folder, name, kvsp_status_name(rc));
  if (rc == KVSP_END && is_sound(folder))
    ck_assert_msg(
        texts_equal(recorder_text(&strict), recorder_text(&recovered), name),
        "%s/%s: strict finds no fault", folder, name);
  if (rc != KVSP_END)
    ck_assert_msg(recovered.order.len > items, "%s/%s: only strict finds: %s",
                  folder, name, kvsp_status_name(rc));
  if (strict.order.len < items) items = strict.order.len;
  ck_assert_msg(memcmp(recorder_text(&recovered), recorder_text(&strict),
                       text_of_items(recorder_text(&strict), items)) == 0,
                "%s/%s: strict gives other items", folder, name);
  recorder_clear(&recovered);
  recorder_clear(&strict);
}

START_TEST(strict_gives_the_same_up_to_the_fault) {
  corpus_each(folders[_i], check_strict);
}
END_TEST

/* ---- what another parser says ------------------------------------------ */

/* The number behind "key": in a line of JSON. */
static uint64_t number_in(const char *line, const char *key) {
  const char *at = strstr(line, key);
  uint64_t number = 0;
  ck_assert_msg(at != NULL, "no %s in %.100s", key, line);
  for (at += strlen(key); *at >= '0' && *at <= '9'; at++)
    number = number * 10 + (uint64_t)(*at - '0');
  return number;
}

/* The next frame's line of the golden file at *at, cut off; NULL at the end. */
static char *next_golden_frame(char **at) {
  while (*at != NULL && **at != '\0') {
    char *line = *at;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end) *end = '\0';
    if (strncmp(line, "{\"type\":\"frame\"", 15) == 0) return line;
  }
  return NULL;
}

/* Each frame ends where the SimpleBlock does that the other parser saw, and
 * there are no more and no fewer. */
static void check_golden(const char *folder, const char *name,
                         const struct bytes *b) {
  char root[64], *at, *line;
  struct bytes golden = {0};
  const kvsp_item *item;
  size_t frames = 0;
  uint8_t *copy = guard_copy(b->data, b->len);
  kvsp_reader *r;
  (void)snprintf(root, sizeof root, "golden/%s", folder);
  corpus_load(&golden, root, name, ".java.jsonl");
  bytes_append(&golden, "", 1);
  at = (char *)golden.data;
  ck_assert_int_eq(kvsp_reader_new(&r, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_reader_input(r, copy, b->len, KVSP_FINAL), KVSP_OK);
  while (kvsp_reader_next(r, &item) == KVSP_OK) {
    ck_assert_msg(item->type != KVSP_ITEM_GAP, "%s/%s: a gap", folder, name);
    if (item->type != KVSP_ITEM_FRAME) continue;
    line = next_golden_frame(&at);
    ck_assert_msg(line != NULL, "%s/%s: more than %zu frames", folder, name,
                  frames);
    frames++;
    ck_assert_uint_eq(item->frame->offset + item->frame->size,
                      number_in(line, "\"elem_end\":"));
    ck_assert_uint_eq(item->frame->size, number_in(line, "\"size\":"));
    ck_assert_uint_eq(item->frame->track->number,
                      number_in(line, "\"track\":"));
  }
  ck_assert_msg(next_golden_frame(&at) == NULL, "%s/%s: only %zu frames",
                folder, name, frames);
  kvsp_reader_free(r);
  guard_free(copy, b->len);
  bytes_free(&golden);
}

START_TEST(frames_are_those_that_others_see) {
  corpus_each(folders[_i], check_golden);
}
END_TEST

/* ---- the suite --------------------------------------------------------- */

/* How many of the folders have golden files: those at the front. */
static int golden_folders(void) {
  int count = 0;
  while (count < FOLDERS && strncmp(folders[count], "kvs-", 4) == 0) count++;
  return count;
}

int main(void) {
  Suite *suite;
  TCase *tc;
  if (!corpus_is_there()) {
    printf("skipped: KVSPARSE_CORPUS is not set\n");
    return SKIPPED;
  }
  suite = suite_create("corpus");
  tc = tcase_create("corpus");
  tcase_set_timeout(tc, 3600);
  tcase_add_loop_test(tc, frames_are_those_that_others_see, 0,
                      golden_folders());
  tcase_add_loop_test(tc, strict_gives_the_same_up_to_the_fault, 0, FOLDERS);
  tcase_add_loop_test(tc, same_items_however_cut, 0, FOLDERS);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
