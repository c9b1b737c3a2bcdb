/*
 * test_tokenizer.c - bytes in, events out: the same events however the bytes
 * are cut, each as soon as its last byte is there, faults told with offset and
 * element, limits that can be raised, work and memory that do not run away.
 */
#include <check.h>
#include <kvsparse/kvsparse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/allocator.h"
#include "support/event_text.h"
#include "support/stream.h"
#include "support/suite.h"
#include "tokenizer.h"

/* As ck_assert, but costs nothing as long as it holds. */
#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) ck_abort_msg("not so: %s", #condition); \
  } while (0)

/* ---- streams of few bytes ------------------------------------------------ */

#define HEADER "\x1A\x45\xDF\xA3\x87\x42\x82\x84webm" /* 12 bytes */
#define SEGMENT "\x18\x53\x80\x67\xFF"                /* 5, unknown */
#define VOID_2 "\xEC\x82\0\0"                         /* 4 */
#define CLUSTER "\x1F\x43\xB6\x75\xFF"                /* 5, unknown */
#define TIMESTAMP "\xE7\x81\x05"                      /* 3 */
#define BLOCK "\xA3\x85\x81\0\0\x80\x41"              /* 7 */
#define TAGS "\x12\x54\xC3\x67\x80"                   /* 5, empty */
#define CUES "\x1C\x53\xBB\x6B\x80"                   /* 5, empty */
#define TRACKS "\x16\x54\xAE\x6B\x80"                 /* 5, empty */
/* "abc" in an element that no table knows, 8 bytes. */
#define UNKNOWN "\x1F\xAB\xCD\xEF\x83\x61\x62\x63"

#define HEADER_TEXT               \
  "EBML @0 5+7 {\n"               \
  "  DocType @5 3+4 = 7765626D\n" \
  "} EBML 12\n"
#define OPEN_TEXT HEADER_TEXT "Segment @12 5+? {\n"

#define BYTES(literal) \
  { (uint8_t *)(literal), sizeof(literal) - 1, 0 }

static const kvsp_error_info *error_of(const kvsp_tokenizer *t) {
  const kvsp_error_info *info = kvsp_tokenizer_error(t);
  EXPECT(info != NULL && info->message != NULL);
  return info;
}

/* ---- all cuttings -------------------------------------------------------- */

/* Pieces of 1 to 31 bytes, of 4096, and all at once; lent and committed. */
#define CUTTINGS 66

static struct feed cutting(int i) {
  struct feed feed = {.how = i % 2 ? FEED_COMMIT : FEED_LEND};
  i /= 2;
  feed.piece = i == 0 ? 0 : i == 32 ? 4096 : (size_t)i;
  return feed;
}

static kvsp_tokenizer *make(const kvsp_limits *limits) {
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = NULL, .limits = limits};
  kvsp_tokenizer *t = NULL;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  return t;
}

/* An error of the data stays until it is dealt with. */
static void expect_sticky(kvsp_tokenizer *t, int status) {
  const kvsp_error_info before = *error_of(t);
  const kvsp_event *e = NULL;
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), status);
    ck_assert_ptr_null(e);
    ck_assert_int_eq(error_of(t)->status, before.status);
    ck_assert_uint_eq(error_of(t)->offset, before.offset);
    ck_assert_uint_eq(error_of(t)->element_id, before.element_id);
    ck_assert_int_eq(kvsp_tokenizer_collect(t, 1), KVSP_ERR_STATE);
    ck_assert_int_eq(kvsp_tokenizer_skip(t), KVSP_ERR_STATE);
  }
}

/* The run ends with that status, for every cutting.  text may be NULL; offset
 * and id are those of the error. */
static void expect_run(const struct bytes *data, const char *text, int status,
                       uint64_t offset, uint64_t id) {
  for (int i = 0; i < CUTTINGS; i++) {
    struct event_text r = {0};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    ck_assert_int_eq(event_text_run(&r, t, data, &feed), status);
    if (text) ck_assert_str_eq(event_text_get(&r), text);
    ck_assert_int_eq(error_of(t)->status, status < 0 ? status : KVSP_OK);
    ck_assert_uint_eq(error_of(t)->offset, offset);
    ck_assert_uint_eq(error_of(t)->element_id, id);
    expect_sticky(t, status);
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}

static void expect_text(const struct bytes *data, const char *text) {
  expect_run(data, text, KVSP_END, 0, 0);
}

/* The text when all is lent at once. */
static void text_of(struct event_text *r, const struct bytes *data) {
  const struct feed whole = {.how = FEED_LEND};
  kvsp_tokenizer *t = make(NULL);
  ck_assert_int_eq(event_text_run(r, t, data, &whole), KVSP_END);
  kvsp_tokenizer_free(t);
}

START_TEST(no_bytes_no_events) {
  const struct bytes nothing = {NULL, 0, 0};
  expect_text(&nothing, "");
}
END_TEST

START_TEST(sample_does_not_depend_on_the_cutting) {
  struct bytes data = {0};
  struct event_text r = {0};
  const char *text;

  stream_sample(&data);
  text_of(&r, &data);
  text = event_text_get(&r);
  ck_assert_uint_gt(r.events, 150);
  expect_text(&data, text);
  bytes_free(&data);
  event_text_free(&r);
}
END_TEST

/* ---- what belongs where -------------------------------------------------- */

START_TEST(golden_live_stream) {
  const struct bytes data =
      BYTES(HEADER SEGMENT VOID_2
            "\x1F\x43\xB6\x75\x01\xFF\xFF\xFF\xFF\xFF\xFF"
            "\xFF" TIMESTAMP UNKNOWN BLOCK TAGS CUES CLUSTER HEADER SEGMENT);
  expect_text(&data, OPEN_TEXT
              "  Void @17 2+2 [ 0000 ] 21\n"
              "  Cluster @21 12+? {\n"
              "    Timestamp @33 2+1 = 05\n"
              "    0x1FABCDEF @36 5+3 [ 616263 ] 44\n"
              "    SimpleBlock @44 2+5 [ 8100008041 ] 51\n"
              "  } Cluster 51\n"
              "  Tags @51 5+0 {\n"
              "  } Tags 56\n"
              "  Cues @56 5+0 {\n"
              "  } Cues 61\n"
              "  Cluster @61 5+? {\n"
              "  } Cluster 66\n"
              "} Segment 66\n"
              "EBML @66 5+7 {\n"
              "  DocType @71 3+4 = 7765626D\n"
              "} EBML 78\n"
              "Segment @78 5+? {\n"
              "} Segment 83\n");
}
END_TEST

/* Known sizes: the end comes by itself, of all that end there. */
START_TEST(golden_known_sizes) {
  const struct bytes data =
      BYTES(HEADER "\x18\x53\x80\x67\x92" CLUSTER TIMESTAMP
                   "\xA0\x87\xA1\x85\x81\0\0\0\x41"
                   "\xEC" /* one byte of a Void */
      );
  struct bytes whole = data;
  whole.len -= 1;
  expect_run(&whole, NULL, KVSP_ERR_TRUNCATED, 34, 0);
  whole.data = NULL;
  whole.len = 0;
  bytes_append(&whole, data.data, data.len - 1);
  bytes_append(&whole, "\xEC\x80", 2);
  whole.data[16] = 0x93; /* one more than the above */
  expect_text(&whole, HEADER_TEXT
              "Segment @12 5+19 {\n"
              "  Cluster @17 5+? {\n"
              "    Timestamp @22 2+1 = 05\n"
              "    BlockGroup @25 2+7 {\n"
              "      Block @27 2+5 [ 8100000041 ] 34\n"
              "    } BlockGroup 34\n"
              "    Void @34 2+0 [ ] 36\n"
              "  } Cluster 36\n"
              "} Segment 36\n");
  bytes_free(&whole);
}
END_TEST

START_TEST(void_stands_between_documents) {
  const struct bytes data = BYTES(
      HEADER VOID_2 "\x18\x53\x80\x67\x80" VOID_2 HEADER "\xEC\x80" SEGMENT);
  expect_text(&data, HEADER_TEXT
              "Void @12 2+2 [ 0000 ] 16\n"
              "Segment @16 5+0 {\n"
              "} Segment 21\n"
              "Void @21 2+2 [ 0000 ] 25\n"
              "EBML @25 5+7 {\n"
              "  DocType @30 3+4 = 7765626D\n"
              "} EBML 37\n"
              "Void @37 2+0 [ ] 39\n"
              "Segment @39 5+? {\n"
              "} Segment 44\n");
}
END_TEST

/* RFC 8794, 6.2: an unknown element is the Cluster's, whatever it is; so are
 * Void and CRC-32. */
START_TEST(unknown_elements_end_no_cluster) {
  const struct bytes data = BYTES(HEADER SEGMENT CLUSTER UNKNOWN
                                  "\x8A\x80"
                                  "\x40\xF0\x81x"
                                  "\xEC\x80"
                                  "\xBF\x84"
                                  "1234" TAGS UNKNOWN);
  expect_text(&data, OPEN_TEXT
              "  Cluster @17 5+? {\n"
              "    0x1FABCDEF @22 5+3 [ 616263 ] 30\n"
              "    0x8A @30 2+0 [ ] 32\n"
              "    0x40F0 @32 3+1 [ 78 ] 36\n"
              "    Void @36 2+0 [ ] 38\n"
              "    CRC-32 @38 2+4 [ 31323334 ] 44\n"
              "  } Cluster 44\n"
              "  Tags @44 5+0 {\n"
              "  } Tags 49\n"
              "  0x1FABCDEF @49 5+3 [ 616263 ] 57\n"
              "} Segment 57\n");
}
END_TEST

START_TEST(known_elements_end_a_cluster) {
  static const struct {
    const char *name;
    char bytes[8];
    size_t len;
  } enders[] = {
      {"Cluster", CLUSTER, 5},
      {"Tags", TAGS, 5},
      {"Cues", CUES, 5},
      {"Tracks", TRACKS, 5},
      {"Info", "\x15\x49\xA9\x66\x80", 5},
      {"SeekHead", "\x11\x4D\x9B\x74\x80", 5},
      {"Chapters", "\x10\x43\xA7\x70\x80", 5},
      {"Attachments", "\x19\x41\xA4\x69\x80", 5},
      {"Segment", SEGMENT, 5},
      {"EBML", "\x1A\x45\xDF\xA3\x80", 5},
  };
  char begin[64];
  struct bytes data = {0};
  struct event_text r = {0};
  int is_top = _i >= 8;

  bytes_append(&data, HEADER SEGMENT CLUSTER TIMESTAMP, 25);
  bytes_append(&data, enders[_i].bytes, enders[_i].len);
  text_of(&r, &data);
  snprintf(begin, sizeof begin, "  } Cluster 25\n%s%s @25 5+",
           is_top ? "} Segment 25\n" : "  ", enders[_i].name);
  ck_assert_ptr_nonnull(strstr(event_text_get(&r), begin));
  expect_text(&data, event_text_get(&r));
  event_text_free(&r);
  bytes_free(&data);
}
END_TEST

/* In a parent that tells its size, it is marked and the parent goes on. */
START_TEST(misplaced_elements_are_marked) {
  const struct bytes data =
      BYTES(HEADER SEGMENT "\x12\x54\xC3\x67\x8D" TIMESTAMP
                           "\xA3\x80"
                           "\xAE\x83" TIMESTAMP "\x73\x73\x80" TAGS);
  expect_text(&data, OPEN_TEXT
              "  Tags @17 5+13 {\n"
              "    !Timestamp @22 2+1 = 05\n"
              "    !SimpleBlock @25 2+0 [ ] 27\n"
              "    !TrackEntry @27 2+3 {\n"
              "      !Timestamp @29 2+1 = 05\n"
              "    } TrackEntry 32\n"
              "    Tag @32 3+0 {\n"
              "    } Tag 35\n"
              "  } Tags 35\n"
              "  Tags @35 5+0 {\n"
              "  } Tags 40\n"
              "} Segment 40\n");
}
END_TEST

START_TEST(empty_elements) {
  const struct bytes data = BYTES("\x1A\x45\xDF\xA3\x80" SEGMENT CLUSTER
                                  "\xE7\x80"
                                  "\xA7\x40\0"
                                  "\xA3\x80"
                                  "\xA0\x80"
                                  "\xA0\x01\0\0\0\0\0\0\0");
  expect_text(&data,
              "EBML @0 5+0 {\n"
              "} EBML 5\n"
              "Segment @5 5+? {\n"
              "  Cluster @10 5+? {\n"
              "    Timestamp @15 2+0 =\n"
              "    Position @17 3+0 =\n"
              "    SimpleBlock @20 2+0 [ ] 22\n"
              "    BlockGroup @22 2+0 {\n"
              "    } BlockGroup 24\n"
              "    BlockGroup @24 9+0 {\n"
              "    } BlockGroup 33\n"
              "  } Cluster 33\n"
              "} Segment 33\n");
}
END_TEST

/* EBMLMaxIDLength: IDs of five bytes, in that document alone. */
START_TEST(longer_ids_are_allowed_where_told) {
  static const char text[] =
      "EBML @0 5+4 {\n"
      "  EBMLMaxIDLength @5 3+1 = 05\n"
      "} EBML 9\n"
      "Segment @9 5+? {\n"
      "  0x812345678 @14 6+1 [ 78 ] 21\n"
      "} Segment 21\n"
      "EBML @21 5+7 {\n"
      "  DocType @26 3+4 = 7765626D\n"
      "} EBML 33\n"
      "Segment @33 5+? {\n";
  const struct bytes data = BYTES("\x1A\x45\xDF\xA3\x84\x42\xF2\x81\x05" SEGMENT
                                  "\x08\x12\x34\x56\x78\x81x" HEADER SEGMENT
                                  "\x08\x12\x34\x56\x78\x81x");
  expect_run(&data, text, KVSP_ERR_EBML, 38, 0);
}
END_TEST

/* Sizes told in any number of bytes, up to eight. */
START_TEST(sizes_of_every_length) {
  struct bytes data = {0};
  char text[256];

  bytes_append(&data, HEADER SEGMENT, 17);
  stream_header(&data, KVSP_ID_VOID, 3, (unsigned)_i);
  bytes_append(&data, "abc", 3);
  snprintf(text, sizeof text,
           OPEN_TEXT "  Void @17 %d+3 [ 616263 ] %d\n} Segment %d\n", _i + 1,
           _i + 21, _i + 21);
  expect_text(&data, text);
  data.len = 12;
  stream_header(&data, KVSP_ID_SEGMENT, KVSP_SIZE_UNKNOWN, (unsigned)_i);
  bytes_append(&data, VOID_2, 4);
  snprintf(text, sizeof text,
           HEADER_TEXT
           "Segment @12 %d+? {\n  Void @%d 2+2 [ 0000 ] %d\n"
           "} Segment %d\n",
           _i + 4, _i + 16, _i + 20, _i + 20);
  expect_text(&data, text);
  bytes_free(&data);
}
END_TEST

/* ---- as soon as it is there ---------------------------------------------- */

struct promptness {
  uint64_t len;
  uint64_t ended_at; /* fed when a master of unknown size ended, else 0 */
  size_t checked;
};

/* Fed byte by byte: nothing comes before its last byte, nothing later. */
static int expect_prompt(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                         uint64_t fed) {
  struct promptness *p = user;
  uint64_t payload = e->offset + e->header_size;
  int is_end =
      e->type == KVSP_EVENT_MASTER_END || e->type == KVSP_EVENT_BLOB_END;
  (void)t;
  p->checked++;
  if (p->ended_at && e->type != KVSP_EVENT_MASTER_END) {
    EXPECT(p->ended_at == payload); /* by this element's header */
    p->ended_at = 0;
  }
  if (e->type == KVSP_EVENT_MASTER_END && e->size == KVSP_SIZE_UNKNOWN)
    p->ended_at = fed == e->data_offset ? 0 : fed;
  else if (is_end)
    EXPECT(fed == e->data_offset);
  else if (e->type == KVSP_EVENT_VALUE)
    EXPECT(fed == payload + e->size);
  else if (e->type == KVSP_EVENT_BLOB_DATA)
    EXPECT(fed == e->data_offset + e->data.len);
  else
    EXPECT(fed == payload);
  return KVSP_OK;
}

START_TEST(events_come_with_their_last_byte) {
  struct bytes data = {0};
  struct promptness p = {0};
  struct feed feed = {.piece = 1, .hook = expect_prompt, .user = &p};
  kvsp_tokenizer *t = make(NULL);

  stream_sample(&data);
  feed.how = _i ? FEED_COMMIT : FEED_LEND;
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
  ck_assert_uint_gt(p.checked, 1000);
  kvsp_tokenizer_free(t);
  bytes_free(&data);
}
END_TEST

/* Of a stream that stays open, too: all but the ends that nobody knows yet. */
START_TEST(open_streams_hold_nothing_back) {
  const struct bytes data = BYTES(HEADER SEGMENT CLUSTER TIMESTAMP BLOCK);
  for (int i = 0; i < CUTTINGS; i++) {
    struct event_text r = {0};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.stay_open = 1;
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_NEED_INPUT);
    ck_assert_str_eq(event_text_get(&r), OPEN_TEXT
                     "  Cluster @17 5+? {\n"
                     "    Timestamp @22 2+1 = 05\n"
                     "    SimpleBlock @25 2+5 [ 8100008041 ] 32\n");
    ck_assert_uint_eq(kvsp_tokenizer_offset(t), 32);
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}
END_TEST

/* ---- faults -------------------------------------------------------------- */

static const struct fault_case {
  struct bytes data;
  int status;
  uint64_t offset;
  uint64_t id;
} faults[] = {
    /* No header of an element. */
    {BYTES("\0"), KVSP_ERR_EBML, 0, 0},
    {BYTES("\x08garbage"), KVSP_ERR_EBML, 0, 0},
    {BYTES("RIFF12345678"), KVSP_ERR_EBML, 0, 0x5249},
    {BYTES(SEGMENT), KVSP_ERR_EBML, 0, KVSP_ID_SEGMENT},
    {BYTES(HEADER SEGMENT "\xFF\x80"), KVSP_ERR_EBML, 17, 0},
    {BYTES(HEADER SEGMENT "\x40\x7E\x80"), KVSP_ERR_EBML, 17, 0},
    {BYTES(HEADER SEGMENT "\xEC\0"), KVSP_ERR_EBML, 17, 0},
    {BYTES(HEADER SEGMENT VOID_2 "\x04\x12\x34"), KVSP_ERR_EBML, 21, 0},
    /* Beyond the parent. */
    {BYTES(HEADER "\x18\x53\x80\x67\x84\xEC\x83"
                  "abc"),
     KVSP_ERR_OVERFLOW, 17, KVSP_ID_VOID},
    {BYTES(HEADER "\x18\x53\x80\x67\x81\xEC\x80"), KVSP_ERR_OVERFLOW, 17, 0},
    {BYTES(HEADER "\x18\x53\x80\x67\x82\x42\x86\x80"), KVSP_ERR_OVERFLOW, 17,
     0},
    {BYTES(HEADER "\x18\x53\x80\x67\x83\xEC\x40\x01"), KVSP_ERR_OVERFLOW, 17,
     KVSP_ID_VOID},
    {BYTES(HEADER "\x18\x53\x80\x67\x8C" CLUSTER "\xA3\x86"
                  "abcdef"),
     KVSP_ERR_OVERFLOW, 22, KVSP_ID_SIMPLE_BLOCK},
    {BYTES(HEADER SEGMENT "\x15\x49\xA9\x66\x85\x4D\x80\x83"
                          "abc"),
     KVSP_ERR_OVERFLOW, 22, KVSP_ID_MUXING_APP},
    {BYTES(HEADER SEGMENT "\x15\x49\xA9\x66\x85\xEC\x01\xFF\xFF\xFF\xFF\xFF"
                          "\xFF\xFE"),
     KVSP_ERR_OVERFLOW, 22, 0},
    /* The stream ends too soon. */
    {BYTES("\x1A"), KVSP_ERR_TRUNCATED, 0, 0},
    {BYTES("\x1A\x45\xDF\xA3"), KVSP_ERR_TRUNCATED, 0, 0},
    {BYTES("\x1A\x45\xDF\xA3\x40"), KVSP_ERR_TRUNCATED, 0, 0},
    {BYTES("\x1A\x45\xDF\xA3\x87"), KVSP_ERR_TRUNCATED, 5, 0},
    {BYTES("\x1A\x45\xDF\xA3\x87\x42\x82\x84web"), KVSP_ERR_TRUNCATED, 5,
     KVSP_ID_DOC_TYPE},
    {BYTES(HEADER SEGMENT "\xEC"), KVSP_ERR_TRUNCATED, 17, 0},
    {BYTES(HEADER SEGMENT "\xEC\x81"), KVSP_ERR_TRUNCATED, 17, KVSP_ID_VOID},
    {BYTES(HEADER SEGMENT "\xEC\x82"
                          "a"),
     KVSP_ERR_TRUNCATED, 17, KVSP_ID_VOID},
    {BYTES(HEADER "\x18\x53\x80\x67\x85" VOID_2), KVSP_ERR_TRUNCATED, 21, 0},
    {BYTES(HEADER "\x18\x53\x80\x67\x90" CLUSTER TIMESTAMP), KVSP_ERR_TRUNCATED,
     25, 0},
    {BYTES(HEADER SEGMENT "\x1F\x43\xB6\x75\xA0" TIMESTAMP HEADER SEGMENT
                          "0123456789"),
     KVSP_ERR_TRUNCATED, 25, KVSP_ID_EBML},
    /* Where it must not be, or as it must not be. */
    {BYTES(HEADER SEGMENT TIMESTAMP), KVSP_ERR_SCHEMA, 17, KVSP_ID_TIMESTAMP},
    {BYTES(HEADER SEGMENT CLUSTER "\x73\x73\x80"), KVSP_ERR_SCHEMA, 22,
     KVSP_ID_TAG},
    {BYTES(HEADER "\x18\x53\x80\x67\x80" TRACKS), KVSP_ERR_SCHEMA, 17,
     KVSP_ID_TRACKS},
    {BYTES(HEADER SEGMENT "\x12\x54\xC3\x67\x85" TRACKS), KVSP_ERR_SCHEMA, 22,
     KVSP_ID_TRACKS},
    {BYTES(HEADER "\x18\x53\x80\x67\x80" UNKNOWN), KVSP_ERR_SCHEMA, 17,
     0x1FABCDEF},
    {BYTES(HEADER SEGMENT "\x12\x54\xC3\x67\xFF"), KVSP_ERR_SCHEMA, 17,
     KVSP_ID_TAGS},
    {BYTES(HEADER SEGMENT CLUSTER "\xA3\xFF"), KVSP_ERR_SCHEMA, 22,
     KVSP_ID_SIMPLE_BLOCK},
    {BYTES(HEADER SEGMENT CLUSTER "\xE7\xFF"), KVSP_ERR_SCHEMA, 22,
     KVSP_ID_TIMESTAMP},
    {BYTES(HEADER SEGMENT "\x8A\xFF"), KVSP_ERR_SCHEMA, 17, 0x8A},
    {BYTES(HEADER SEGMENT CLUSTER "\xE7\x89"
                                  "123456789"),
     KVSP_ERR_SCHEMA, 22, KVSP_ID_TIMESTAMP},
    {BYTES(HEADER SEGMENT "\x15\x49\xA9\x66\x88\x44\x89\x85"
                          "12345"),
     KVSP_ERR_SCHEMA, 22, KVSP_ID_DURATION},
    {BYTES(HEADER SEGMENT "\x15\x49\xA9\x66\x87\x44\x61\x84"
                          "1234"),
     KVSP_ERR_SCHEMA, 22, KVSP_ID_DATE_UTC},
};

START_TEST(faults_have_code_offset_and_element) {
  const struct fault_case *f = &faults[_i];
  expect_run(&f->data, NULL, f->status, f->offset, f->id);
}
END_TEST

/* Every cut of the sample: the end of a document, or TRUNCATED. */
START_TEST(every_cut_is_told) {
  struct bytes data = {0};
  const struct feed whole = {.how = FEED_LEND};
  size_t clean = 0;

  stream_sample(&data);
  for (size_t len = 0; len < data.len; len++) {
    struct bytes part = {data.data, len, 0};
    kvsp_tokenizer *t = make(NULL);
    int rc = event_text_run(NULL, t, &part, &whole);
    EXPECT(rc == KVSP_END || rc == KVSP_ERR_TRUNCATED);
    EXPECT(rc == KVSP_END || error_of(t)->offset <= len);
    clean += rc == KVSP_END;
    kvsp_tokenizer_free(t);
  }
  ck_assert_uint_gt(clean, 20);
  ck_assert_uint_lt(clean, 60);
  bytes_free(&data);
}
END_TEST

/* ---- resynchronisation --------------------------------------------------- */

static int note_and_resync(void *user, kvsp_tokenizer *t, int status) {
  struct event_text *r = user;
  const kvsp_error_info *info = error_of(t);
  char line[80];
  if (status >= 0 || kvsp_status_is_fatal(status)) return status;
  EXPECT(info->status == status);
  snprintf(line, sizeof line, "%s @%llu 0x%llX", kvsp_status_name(status),
           (unsigned long long)info->offset,
           (unsigned long long)info->element_id);
  event_text_note(r, line);
  return kvsp_tokenizer_resync(t);
}

static void expect_resync(const struct bytes *data, const char *text) {
  for (int i = 0; i < CUTTINGS; i++) {
    struct event_text r = {0};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.on_error = note_and_resync;
    feed.user = &r;
    ck_assert_int_eq(event_text_run(&r, t, data, &feed), KVSP_END);
    ck_assert_str_eq(event_text_get(&r), text);
    ck_assert_int_eq(error_of(t)->status, KVSP_OK);
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}

/* What looks like a document's beginning, and is none. */
static const struct bytes lures[] = {
    BYTES("\0"),
    BYTES("\0\x1A"),
    BYTES("\0\x1A\x45"),
    BYTES("\0\x1A\x45\xDF\xA3"),
    BYTES("\0\x1A\x1A\x1A\x45\x1A\x45\xDF"),
    BYTES("\0\x1A\x45\xDF\xA3\0"),
    BYTES("\0\x1A\x45\xDF\xA3\x87"
          "1234567"),
    BYTES("\0\x1A\x45\xDF\xA3\x80"),
    BYTES("\0\x1A\x45\xDF\xA3\x80" SEGMENT),
    /* without a DocType */
    BYTES("\0\x1A\x45\xDF\xA3\x84\x42\x86\x81\x01" SEGMENT),
    /* of unknown size, of a size that is none */
    BYTES("\0\x1A\x45\xDF\xA3\xFF\x42\x82\x84webm" SEGMENT),
    BYTES("\0\x1A\x45\xDF\xA3\0\x42\x82\x84webm" SEGMENT),
    /* whose children do not fill it, or reach too far */
    BYTES("\0\x1A\x45\xDF\xA3\x86\x42\x82\x84webm" SEGMENT),
    BYTES("\0\x1A\x45\xDF\xA3\x88\x42\x82\x84webm" SEGMENT),
    BYTES("\0\x1A\x45\xDF\xA3\x87\x42\x82\x85webm" SEGMENT),
    BYTES("\0\x1A\x45\xDF\xA3\x88\x42\x82\x84webm\x42" SEGMENT),
    /* with a child of a Segment */
    BYTES("\0\x1A\x45\xDF\xA3\x8A\x42\x82\x84webm" TIMESTAMP SEGMENT),
    /* that no Segment follows */
    BYTES("\0" HEADER "\0\0\0\0"),
    BYTES("\0" HEADER TRACKS),
    BYTES("\0" HEADER),
    /* as large as a fragment */
    BYTES("\0\x1A\x45\xDF\xA3\x08\x12\x34\x56\x78"),
};

START_TEST(resync_finds_the_next_header) {
  struct bytes data = {0};
  char text[1024];
  int at;

  bytes_append(&data, HEADER SEGMENT VOID_2, 21);
  bytes_append(&data, lures[_i].data, lures[_i].len);
  at = (int)data.len;
  bytes_append(&data, HEADER SEGMENT VOID_2, 21);
  snprintf(text, sizeof text,
           OPEN_TEXT
           "  Void @17 2+2 [ 0000 ] 21\n"
           "KVSP_ERR_EBML @21 0x0\n"
           "} Segment %d\n"
           "EBML @%d 5+7 {\n"
           "  DocType @%d 3+4 = 7765626D\n"
           "} EBML %d\n"
           "Segment @%d 5+? {\n"
           "  Void @%d 2+2 [ 0000 ] %d\n"
           "} Segment %d\n",
           at, at, at + 5, at + 12, at + 12, at + 17, at + 21, at + 21);
  expect_resync(&data, text);
  bytes_free(&data);
}
END_TEST

/* The same without anything behind it: the open elements end, then all. */
START_TEST(resync_ends_with_the_stream) {
  struct bytes data = {0};
  char text[512];

  bytes_append(&data, HEADER SEGMENT VOID_2, 21);
  bytes_append(&data, lures[_i].data, lures[_i].len);
  if (lures[_i].len == 13) { /* a header and the end: it may be one */
    bytes_free(&data);
    return;
  }
  snprintf(text, sizeof text,
           OPEN_TEXT
           "  Void @17 2+2 [ 0000 ] 21\n"
           "KVSP_ERR_EBML @21 0x0\n"
           "} Segment %d\n",
           (int)data.len);
  expect_resync(&data, text);
  bytes_free(&data);
}
END_TEST

/* At once: junk before the first header, with and without a Void after it. */
START_TEST(resync_before_the_first_header) {
  const struct bytes junk = BYTES("HTTP/1.1 200 OK\r\n" HEADER VOID_2 SEGMENT);
  expect_resync(&junk,
                "KVSP_ERR_EBML @0 0x4854\n"
                "EBML @17 5+7 {\n"
                "  DocType @22 3+4 = 7765626D\n"
                "} EBML 29\n"
                "Void @29 2+2 [ 0000 ] 33\n"
                "Segment @33 5+? {\n"
                "} Segment 38\n");
}
END_TEST

/* A parent of known size ends where it said: the elements go on there. */
START_TEST(resync_to_the_parents_end) {
  const struct bytes data =
      BYTES(HEADER SEGMENT
            "\x15\x49\xA9\x66\x8A\x2A\xD7\xB1\x81\x01\0\x1A\x45"
            "\xDF\xA3" TRACKS);
  expect_resync(&data, OPEN_TEXT
                "  Info @17 5+10 {\n"
                "    TimestampScale @22 4+1 = 01\n"
                "KVSP_ERR_EBML @27 0x0\n"
                "  } Info 32\n"
                "  Tracks @32 5+0 {\n"
                "  } Tracks 37\n"
                "} Segment 37\n");
}
END_TEST

/* A document that begins where nobody expected it. */
START_TEST(resync_at_the_very_byte) {
  const struct bytes data = BYTES(
      HEADER SEGMENT "\x1F\x43\xB6\x75\xD0" TIMESTAMP HEADER SEGMENT VOID_2);
  expect_resync(&data, OPEN_TEXT
                "  Cluster @17 5+80 {\n"
                "    Timestamp @22 2+1 = 05\n"
                "KVSP_ERR_TRUNCATED @25 0x1A45DFA3\n"
                "  } Cluster 25\n"
                "} Segment 25\n"
                "EBML @25 5+7 {\n"
                "  DocType @30 3+4 = 7765626D\n"
                "} EBML 37\n"
                "Segment @37 5+? {\n"
                "  Void @42 2+2 [ 0000 ] 46\n"
                "} Segment 46\n");
}
END_TEST

/* Inside a parent that reaches beyond the next document. */
START_TEST(resync_inside_a_parent) {
  const struct bytes data =
      BYTES(HEADER SEGMENT "\x1F\x43\xB6\x75\xD0\0junk" HEADER SEGMENT);
  expect_resync(&data, OPEN_TEXT
                "  Cluster @17 5+80 {\n"
                "KVSP_ERR_EBML @22 0x0\n"
                "  } Cluster 27\n"
                "} Segment 27\n"
                "EBML @27 5+7 {\n"
                "  DocType @32 3+4 = 7765626D\n"
                "} EBML 39\n"
                "Segment @39 5+? {\n"
                "} Segment 44\n");
}
END_TEST

/* What claims to be a header of 256 MiB is not waited for. */
START_TEST(resync_does_not_wait_for_large_headers) {
  struct bytes data = {0};
  struct test_allocator a;
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = &a.allocator, .limits = NULL};
  struct event_text r = {0};
  struct feed feed = {.how = FEED_IN_PLACE,
                      .piece = 1000,
                      .on_error = note_and_resync,
                      .user = &r};
  kvsp_tokenizer *t = NULL;
  static const uint8_t zeros[300000];

  bytes_append(&data, HEADER SEGMENT "\0", 18);
  stream_header(&data, KVSP_ID_EBML, 1 << 28, 8);
  stream_header(&data, KVSP_ID_VOID, 1 << 27, 8);
  bytes_append(&data, zeros, sizeof zeros);
  bytes_append(&data, HEADER SEGMENT, 17);
  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
  ck_assert_ptr_nonnull(strstr(event_text_get(&r), "EBML @300039 5+7 {"));
  ck_assert_uint_le(a.peak_bytes, 20000);
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_bytes, 0);
  event_text_free(&r);
  bytes_free(&data);
}
END_TEST

/* ---- collecting and skipping --------------------------------------------- */

enum wish { WISH_COLLECT, WISH_SKIP };

/* Done at each event of that type and ID. */
struct wishes {
  enum wish wish;
  uint32_t type;
  uint64_t id; /* 0: any */
  uint64_t want;
  size_t done;
  size_t first_piece; /* of the last one, in bytes */
  int expect_first;
};

static int fulfil(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                  uint64_t fed) {
  struct wishes *w = user;
  (void)fed;
  if (e->type == KVSP_EVENT_BLOB_DATA && w->expect_first) {
    w->first_piece = e->data.len;
    w->expect_first = 0;
  }
  if (e->type != w->type || (w->id && e->id != w->id)) return KVSP_OK;
  w->done++;
  w->expect_first = 1;
  if (w->wish == WISH_SKIP) return kvsp_tokenizer_skip(t);
  return kvsp_tokenizer_collect(t, w->want);
}

static void expect_wished(const struct bytes *data, const struct wishes *wishes,
                          const char *text, size_t pieces) {
  for (int i = 0; i < CUTTINGS; i++) {
    struct event_text r = {0};
    struct wishes w = *wishes;
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.hook = fulfil;
    feed.user = &w;
    ck_assert_int_eq(event_text_run(&r, t, data, &feed), KVSP_END);
    ck_assert_uint_gt(w.done, 0);
    ck_assert_str_eq(event_text_get(&r), text);
    if (pieces != SIZE_MAX) ck_assert_uint_eq(r.pieces, pieces);
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}

/* Each blob in one piece: the text is the same, the pieces are few. */
START_TEST(collected_blobs_come_whole) {
  struct bytes data = {0};
  struct event_text r = {0};
  const struct wishes w = {.wish = WISH_COLLECT,
                           .type = KVSP_EVENT_BLOB_BEGIN,
                           .want = _i ? UINT64_MAX / 2 : 2000};
  stream_sample(&data);
  text_of(&r, &data);
  expect_wished(&data, &w, event_text_get(&r), r.pieces);
  bytes_free(&data);
  event_text_free(&r);
}
END_TEST

/* At least what was wanted, where that is less than all. */
START_TEST(collected_beginnings_come_whole) {
  const struct bytes data = BYTES(HEADER SEGMENT CLUSTER BLOCK TAGS);
  for (int i = 0; i < CUTTINGS; i++) {
    struct wishes w = {.wish = WISH_COLLECT,
                       .type = KVSP_EVENT_BLOB_BEGIN,
                       .want = (uint64_t)_i};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.hook = fulfil;
    feed.user = &w;
    ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
    ck_assert_uint_ge(w.first_piece, (size_t)(_i < 5 ? _i : 5));
    if (feed.how == FEED_LEND && feed.piece == 1 && _i > 0)
      ck_assert_uint_eq(w.first_piece, (size_t)(_i < 5 ? _i : 5));
    kvsp_tokenizer_free(t);
  }
}
END_TEST

#define TAGS_7                       \
  "\x12\x54\xC3\x67\x87\x73\x73\x84" \
  "abcd" /* 12 bytes */

/* A master's content as it stands, sense or nonsense. */
START_TEST(collected_masters_come_whole) {
  const struct bytes data = BYTES(HEADER SEGMENT TAGS_7 TAGS TRACKS);
  const struct wishes w = {.wish = WISH_COLLECT,
                           .type = KVSP_EVENT_MASTER_BEGIN,
                           .id = KVSP_ID_TAGS,
                           .want = UINT64_MAX};
  expect_wished(&data, &w,
                OPEN_TEXT
                "  Tags @17 5+7 {\n"
                "  } 73738461626364 Tags 29\n"
                "  Tags @29 5+0 {\n"
                "  } Tags 34\n"
                "  Tracks @34 5+0 {\n"
                "  } Tracks 39\n"
                "} Segment 39\n",
                1);
}
END_TEST

START_TEST(skipped_masters_have_an_end_only) {
  const struct bytes data = BYTES(HEADER SEGMENT TAGS_7 TAGS TRACKS);
  const struct wishes w = {
      .wish = WISH_SKIP, .type = KVSP_EVENT_MASTER_BEGIN, .id = KVSP_ID_TAGS};
  expect_wished(&data, &w,
                OPEN_TEXT
                "  Tags @17 5+7 {\n"
                "  } Tags 29\n"
                "  Tags @29 5+0 {\n"
                "  } Tags 34\n"
                "  Tracks @34 5+0 {\n"
                "  } Tracks 39\n"
                "} Segment 39\n",
                0);
}
END_TEST

START_TEST(skipped_blobs_have_an_end_only) {
  const struct bytes data =
      BYTES(HEADER SEGMENT CLUSTER BLOCK "\xA3\x80" BLOCK TAGS);
  const struct wishes w = {.wish = WISH_SKIP, .type = KVSP_EVENT_BLOB_BEGIN};
  expect_wished(&data, &w,
                OPEN_TEXT
                "  Cluster @17 5+? {\n"
                "    SimpleBlock @22 2+5 [ (0) ] 29\n"
                "    SimpleBlock @29 2+0 [ ] 31\n"
                "    SimpleBlock @31 2+5 [ (0) ] 38\n"
                "  } Cluster 38\n"
                "  Tags @38 5+0 {\n"
                "  } Tags 43\n"
                "} Segment 43\n",
                0);
}
END_TEST

/* From the middle: what came before is not taken back, what follows is left
 * out, whatever is still at hand. */
START_TEST(blobs_are_skipped_from_the_middle) {
  const struct bytes data = BYTES(HEADER SEGMENT CLUSTER BLOCK TAGS);
  for (int i = 0; i < CUTTINGS; i++) {
    struct event_text r = {0};
    struct wishes w = {.wish = WISH_SKIP, .type = KVSP_EVENT_BLOB_DATA};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.hook = fulfil;
    feed.user = &w;
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
    ck_assert_uint_eq(r.pieces, 1);
    ck_assert_ptr_nonnull(strstr(event_text_get(&r), " ] 29\n"));
    ck_assert_ptr_nonnull(strstr(event_text_get(&r), "  Tags @29 5+0 {\n"));
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}
END_TEST

/* Until the next event, that is: also when input was asked for meanwhile, and
 * a part of the first child's header was seen. */
START_TEST(masters_are_skipped_after_waiting) {
  const struct bytes data = BYTES(HEADER SEGMENT TAGS_7 VOID_2);
  const size_t split = 22 + (size_t)_i / 2; /* 0 to 2 bytes of Tags' content */
  kvsp_tokenizer *t = make(NULL);
  const kvsp_event *e = NULL;
  uint32_t type = 0;

  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, split, 0), KVSP_OK);
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) type = e->type;
  ck_assert_uint_eq(type, KVSP_EVENT_MASTER_BEGIN);
  if (_i % 2)
    ck_assert_int_eq(kvsp_tokenizer_collect(t, 7), KVSP_OK);
  else
    ck_assert_int_eq(kvsp_tokenizer_skip(t), KVSP_OK);
  ck_assert_int_eq(
      kvsp_tokenizer_input(t, data.data + split, data.len - split, KVSP_FINAL),
      KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  if (_i % 2) {
    ck_assert_uint_eq(e->type, KVSP_EVENT_BLOB_DATA);
    ck_assert_uint_eq(e->data.len, 7);
    ck_assert_mem_eq(e->data.data, data.data + 22, 7);
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  }
  ck_assert_uint_eq(e->type, KVSP_EVENT_MASTER_END);
  ck_assert_uint_eq(e->data_offset, 29);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_uint_eq(e->type, KVSP_EVENT_BLOB_BEGIN);
  ck_assert_uint_eq(e->id, KVSP_ID_VOID);
  ck_assert_uint_eq(e->offset, 29);
  kvsp_tokenizer_free(t);
}
END_TEST

/* After any event but those that begin or continue an element. */
static int expect_refused(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                          uint64_t fed) {
  size_t *refused = user;
  int is_blob =
      e->type == KVSP_EVENT_BLOB_BEGIN || e->type == KVSP_EVENT_BLOB_DATA;
  int is_known =
      e->type == KVSP_EVENT_MASTER_BEGIN && e->size != KVSP_SIZE_UNKNOWN;
  (void)fed;
  if (is_blob || is_known) return KVSP_OK;
  EXPECT(kvsp_tokenizer_collect(t, 1) == KVSP_ERR_STATE);
  EXPECT(kvsp_tokenizer_skip(t) == KVSP_ERR_STATE);
  EXPECT(kvsp_tokenizer_resync(t) == KVSP_ERR_STATE);
  EXPECT(error_of(t)->status == KVSP_OK);
  ++*refused;
  return KVSP_OK;
}

START_TEST(nothing_to_collect_is_refused) {
  struct bytes data = {0};
  struct event_text golden = {0}, r = {0};
  size_t refused = 0;
  struct feed feed = {.piece = 5, .hook = expect_refused, .user = &refused};
  kvsp_tokenizer *t = make(NULL);

  stream_sample(&data);
  text_of(&golden, &data);
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 1), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_skip(t), KVSP_ERR_STATE);
  ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
  ck_assert_uint_gt(refused, 50);
  ck_assert_str_eq(event_text_get(&r), event_text_get(&golden));
  kvsp_tokenizer_free(t);
  bytes_free(&data);
  event_text_free(&golden);
  event_text_free(&r);
}
END_TEST

START_TEST(truncated_while_collecting_or_skipping) {
  const struct bytes blob = BYTES(HEADER SEGMENT
                                  "\xEC\x85"
                                  "abc");
  const struct bytes master = BYTES(HEADER SEGMENT
                                    "\x12\x54\xC3\x67\x85"
                                    "abc");
  const struct bytes *data = _i % 2 ? &blob : &master;
  for (int i = 0; i < CUTTINGS; i++) {
    struct wishes w = {
        .wish = _i / 2 ? WISH_SKIP : WISH_COLLECT,
        .type = _i % 2 ? KVSP_EVENT_BLOB_BEGIN : KVSP_EVENT_MASTER_BEGIN,
        .id = _i % 2 ? KVSP_ID_VOID : KVSP_ID_TAGS,
        .want = 5};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.hook = fulfil;
    feed.user = &w;
    ck_assert_int_eq(event_text_run(NULL, t, data, &feed), KVSP_ERR_TRUNCATED);
    ck_assert_uint_eq(error_of(t)->offset, 17);
    ck_assert_uint_eq(error_of(t)->element_id, w.id);
    kvsp_tokenizer_free(t);
  }
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

static void put_large_block(struct bytes *data, size_t len) {
  struct bytes payload = {0};
  stream_filler(&payload, len, 42);
  bytes_append(data, HEADER SEGMENT CLUSTER, 22);
  mux_binary(data, KVSP_ID_SIMPLE_BLOCK, payload.data, len);
  bytes_append(data, TAGS, 5);
  bytes_free(&payload);
}

static kvsp_tokenizer *make_counted(struct test_allocator *a,
                                    const kvsp_limits *limits) {
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = NULL, .limits = limits};
  kvsp_tokenizer *t = NULL;
  test_allocator_init(a);
  config.allocator = &a->allocator;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_OK);
  return t;
}

/* In pieces as they come: next to nothing is held or copied. */
START_TEST(large_binaries_are_not_buffered) {
  static const size_t pieces[] = {1, 100, 1000, 65536};
  struct bytes data = {0};

  put_large_block(&data, 300000);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct test_allocator a;
    kvsp_tokenizer *t = make_counted(&a, NULL);
    struct feed feed = {.how = FEED_IN_PLACE, .piece = pieces[i]};
    struct event_text r = {0};
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
    ck_assert_uint_eq(r.blob.len, 300000);
    ck_assert_uint_ge(r.pieces, 300000 / pieces[i]);
    ck_assert_uint_le(a.peak_bytes, sizeof *t + 4096);
    ck_assert_uint_le(t->window.copied, 200);
    kvsp_tokenizer_free(t);
    ck_assert_uint_eq(a.live_bytes, 0);
    event_text_free(&r);
  }
  bytes_free(&data);
}
END_TEST

/* Skipped: the same, and what was collected is as large as it is. */
START_TEST(skipped_and_collected_memory) {
  struct bytes data = {0};
  const int skip = _i == 0;
  struct wishes w = {.wish = skip ? WISH_SKIP : WISH_COLLECT,
                     .type = KVSP_EVENT_BLOB_BEGIN,
                     .want = UINT64_MAX / 4};
  struct feed feed = {
      .how = FEED_IN_PLACE, .piece = 1000, .hook = fulfil, .user = &w};
  struct test_allocator a;
  kvsp_tokenizer *t = make_counted(&a, NULL);

  put_large_block(&data, 300000);
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
  ck_assert_uint_le(a.peak_bytes, skip ? 8192 : 1000000);
  ck_assert_uint_le(t->window.copied, skip ? 200 : 900000);
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_bytes, 0);
  bytes_free(&data);
}
END_TEST

/* Where the bytes were lent in one piece, they are shown there. */
static int expect_in_place(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                           uint64_t fed) {
  const struct bytes *data = user;
  (void)t, (void)fed;
  if (e->type == KVSP_EVENT_VALUE || e->type == KVSP_EVENT_BLOB_DATA)
    EXPECT(e->data.data == data->data + e->data_offset);
  return KVSP_OK;
}

START_TEST(what_is_lent_whole_is_not_copied) {
  struct bytes data = {0};
  struct feed feed = {.how = FEED_IN_PLACE, .hook = expect_in_place};
  struct test_allocator a;
  kvsp_tokenizer *t = make_counted(&a, NULL);

  stream_sample(&data);
  feed.user = &data;
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
  ck_assert_uint_eq(t->window.copied, 0);
  ck_assert_uint_eq(t->memory->used, a.live_bytes);
  kvsp_tokenizer_free(t);
  bytes_free(&data);
}
END_TEST

/* A value that claims a mebibyte, of which little comes. */
START_TEST(declared_sizes_take_no_memory) {
  struct bytes data = {0};
  struct test_allocator a;
  kvsp_tokenizer *t = make_counted(&a, NULL);
  struct feed feed = {.how = _i ? FEED_COMMIT : FEED_IN_PLACE, .piece = 10};

  bytes_append(&data, HEADER SEGMENT, 17);
  stream_header(&data, KVSP_ID_INFO, UINT64_C(1) << 40, 8);
  stream_header(&data, KVSP_ID_TITLE, 1 << 20, 8);
  bytes_append(&data, "A long title, it is said", 24);
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_ERR_TRUNCATED);
  ck_assert_uint_le(a.peak_bytes, 150000);
  kvsp_tokenizer_free(t);
  bytes_free(&data);
}
END_TEST

/* ---- limits -------------------------------------------------------------- */

struct raise {
  kvsp_limits limits;
  int expected;
  size_t hits;
};

/* Hit, told, hit again, raised a little. */
static int raise_limit(void *user, kvsp_tokenizer *t, int status) {
  struct raise *raise = user;
  const kvsp_event *e = NULL;
  if (status != raise->expected) return status;
  if (status != KVSP_ERR_LIMIT_MEMORY) { /* reserve may have returned that */
    EXPECT(error_of(t)->status == status);
    EXPECT(kvsp_tokenizer_next(t, &e) == status);
  }
  if (status == KVSP_ERR_LIMIT_DEPTH) raise->limits.max_depth++;
  if (status == KVSP_ERR_LIMIT_VALUE) raise->limits.max_value++;
  if (status == KVSP_ERR_LIMIT_MEMORY) raise->limits.max_memory += 40;
  raise->hits++;
  EXPECT(kvsp_tokenizer_set_limits(t, &raise->limits) == KVSP_OK);
  return KVSP_OK;
}

static void expect_raised(const struct raise *with, size_t hits) {
  struct bytes data = {0};
  struct event_text golden = {0};
  stream_sample(&data);
  text_of(&golden, &data);
  for (int i = 0; i < CUTTINGS; i++) {
    struct raise raise = *with;
    struct event_text r = {0};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(&raise.limits);
    feed.on_error = raise_limit;
    feed.user = &raise;
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
    ck_assert_uint_ge(raise.hits, hits);
    ck_assert_str_eq(event_text_get(&r), event_text_get(&golden));
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
  bytes_free(&data);
  event_text_free(&golden);
}

START_TEST(depth_can_be_raised) {
  const struct raise raise = {
      {.struct_size = sizeof(kvsp_limits), .max_depth = 1},
      KVSP_ERR_LIMIT_DEPTH,
      0};
  expect_raised(&raise, 3);
}
END_TEST

START_TEST(value_can_be_raised) {
  const struct raise raise = {
      {.struct_size = sizeof(kvsp_limits), .max_value = 1},
      KVSP_ERR_LIMIT_VALUE,
      0};
  expect_raised(&raise, 20);
}
END_TEST

/* From as little as an object needs to be made. */
START_TEST(memory_can_be_raised) {
  struct raise raise = {
      {.struct_size = sizeof(kvsp_limits)}, KVSP_ERR_LIMIT_MEMORY, 0};
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = NULL, .limits = &raise.limits};
  kvsp_tokenizer *t = NULL;
  int rc;
  do {
    raise.limits.max_memory += 8;
    rc = kvsp_tokenizer_new(&t, &config);
    ck_assert(rc == KVSP_OK || rc == KVSP_ERR_LIMIT_MEMORY);
    ck_assert((rc == KVSP_OK) == (t != NULL));
  } while (rc != KVSP_OK);
  kvsp_tokenizer_free(t);
  expect_raised(&raise, 2);
}
END_TEST

START_TEST(exact_limits_are_kept) {
  const struct bytes depth = BYTES(HEADER SEGMENT CLUSTER "\xA0\x80");
  const struct bytes value = BYTES(HEADER SEGMENT
                                   "\x15\x49\xA9\x66\x8A\x4D\x80\x87"
                                   "1234567");
  kvsp_limits limits = {.struct_size = sizeof limits};
  const struct feed whole = {.how = FEED_LEND};
  kvsp_tokenizer *t;

  limits.max_depth = _i ? 3 : 2;
  t = make(&limits);
  ck_assert_int_eq(event_text_run(NULL, t, &depth, &whole),
                   _i ? KVSP_END : KVSP_ERR_LIMIT_DEPTH);
  ck_assert_uint_eq(error_of(t)->offset, _i ? 0 : 22);
  ck_assert_uint_eq(error_of(t)->element_id, _i ? 0 : KVSP_ID_BLOCK_GROUP);
  kvsp_tokenizer_free(t);
  limits.max_depth = 0;
  limits.max_value = _i ? 7 : 6;
  t = make(&limits);
  ck_assert_int_eq(event_text_run(NULL, t, &value, &whole),
                   _i ? KVSP_END : KVSP_ERR_LIMIT_VALUE);
  ck_assert_uint_eq(error_of(t)->offset, _i ? 0 : 22);
  ck_assert_uint_eq(error_of(t)->element_id, _i ? 0 : KVSP_ID_MUXING_APP);
  kvsp_tokenizer_free(t);
}
END_TEST

/* A value of four gibibytes and five bytes is not one of five bytes, where a
 * size_t has 32 bits: there it is over any limit. */
START_TEST(sizes_beyond_a_size_t) {
  const struct bytes data = BYTES(HEADER SEGMENT
                                  "\x15\x49\xA9\x66\x01\0\0\1\0\0\1\0"
                                  "\x4D\x80\x01\0\0\1\0\0\0\x05"
                                  "12345");
  kvsp_limits limits = {.struct_size = sizeof limits, .max_value = UINT64_MAX};
  const struct feed whole = {.how = FEED_LEND};
  kvsp_tokenizer *t = make(&limits);

  ck_assert_int_eq(
      event_text_run(NULL, t, &data, &whole),
      SIZE_MAX > UINT32_MAX ? KVSP_ERR_TRUNCATED : KVSP_ERR_LIMIT_VALUE);
  kvsp_tokenizer_free(t);
}
END_TEST

/* No limit is too low for a binary that is not collected. */
START_TEST(frame_can_be_raised) {
  const struct bytes data = BYTES(HEADER SEGMENT CLUSTER BLOCK TAGS);
  kvsp_limits limits = {.struct_size = sizeof limits, .max_frame = 4};
  kvsp_tokenizer *t = make(&limits);
  const kvsp_event *e = NULL;

  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, data.len, KVSP_FINAL),
                   KVSP_OK);
  do {
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  } while (e->type != KVSP_EVENT_BLOB_BEGIN);
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 5), KVSP_ERR_LIMIT_FRAME);
  ck_assert_int_eq(error_of(t)->status, KVSP_ERR_LIMIT_FRAME);
  ck_assert_uint_eq(error_of(t)->offset, 22);
  ck_assert_uint_eq(error_of(t)->element_id, KVSP_ID_SIMPLE_BLOCK);
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 4), KVSP_OK);
  limits.max_frame = 5;
  ck_assert_int_eq(kvsp_tokenizer_set_limits(t, &limits), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 5), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_uint_eq(e->type, KVSP_EVENT_BLOB_DATA);
  ck_assert_uint_eq(e->data.len, 5);
  ck_assert_int_eq(error_of(t)->status, KVSP_OK);
  kvsp_tokenizer_free(t);
}
END_TEST

/* Beyond a limit, the element can be left out instead. */
START_TEST(resync_after_a_limit) {
  const struct bytes data =
      BYTES(HEADER SEGMENT
            "\x15\x49\xA9\x66\x8D\x4D\x80\x87"
            "1234567"
            "\x57\x41\x80"
            "\x1F\x43\xB6\x75\x8B\xA0\x82\xFB\x80" BLOCK TAGS);
  for (int i = 0; i < CUTTINGS; i++) {
    kvsp_limits limits = {
        .struct_size = sizeof limits, .max_value = 6, .max_depth = 2};
    struct event_text r = {0};
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(&limits);
    feed.on_error = note_and_resync;
    feed.user = &r;
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
    ck_assert_str_eq(event_text_get(&r), OPEN_TEXT
                     "  Info @17 5+13 {\n"
                     "KVSP_ERR_LIMIT_VALUE @22 0x4D80\n"
                     "    WritingApp @32 3+0 =\n"
                     "  } Info 35\n"
                     "  Cluster @35 5+11 {\n"
                     "KVSP_ERR_LIMIT_DEPTH @40 0xA0\n"
                     "    SimpleBlock @44 2+5 [ 8100008041 ] 51\n"
                     "  } Cluster 51\n"
                     "  Tags @51 5+0 {\n"
                     "  } Tags 56\n"
                     "} Segment 56\n");
    kvsp_tokenizer_free(t);
    event_text_free(&r);
  }
}
END_TEST

/* A block beyond max_frame, of which some pieces were there before. */
START_TEST(resync_after_a_frame_limit) {
  struct bytes data = BYTES(HEADER SEGMENT CLUSTER BLOCK TIMESTAMP);
  kvsp_limits limits = {.struct_size = sizeof limits, .max_frame = 1};
  kvsp_tokenizer *t = make(&limits);
  const kvsp_event *e = NULL;

  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, 26, 0), KVSP_OK);
  do {
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  } while (e->type != (_i ? KVSP_EVENT_BLOB_DATA : KVSP_EVENT_BLOB_BEGIN));
  ck_assert_int_eq(kvsp_tokenizer_collect(t, 5), KVSP_ERR_LIMIT_FRAME);
  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_NEED_INPUT);
  ck_assert_int_eq(
      kvsp_tokenizer_input(t, data.data + 26, data.len - 26, KVSP_FINAL),
      KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_uint_eq(e->type, KVSP_EVENT_VALUE);
  ck_assert_uint_eq(e->offset, 29);
  ck_assert_uint_eq(e->id, KVSP_ID_TIMESTAMP);
  kvsp_tokenizer_free(t);
}
END_TEST

/* A parent that is skipped because of a child beyond a limit. */
START_TEST(skipping_after_a_limit) {
  const struct bytes data = BYTES(HEADER SEGMENT
                                  "\x15\x49\xA9\x66\x8D\x4D\x80\x87"
                                  "1234567"
                                  "\x57\x41\x80" VOID_2);
  kvsp_limits limits = {.struct_size = sizeof limits, .max_value = 6};
  kvsp_tokenizer *t = make(&limits);
  const kvsp_event *e = NULL;

  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, data.len, KVSP_FINAL),
                   KVSP_OK);
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) continue;
  ck_assert_int_eq(error_of(t)->status, KVSP_ERR_LIMIT_VALUE);
  if (kvsp_tokenizer_skip(t) == KVSP_OK) {
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
    ck_assert_uint_eq(e->type, KVSP_EVENT_MASTER_END);
    ck_assert_uint_eq(e->data_offset, 35);
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
    ck_assert_uint_eq(e->id, KVSP_ID_VOID);
    ck_assert_uint_eq(e->offset, 35);
  }
  kvsp_tokenizer_free(t);
}
END_TEST

/* Memory is a limit like others: told with its place, resync goes on. */
START_TEST(resync_after_a_memory_limit) {
  struct bytes data = {0};
  kvsp_limits limits = {.struct_size = sizeof limits};
  struct wishes w = {
      .wish = WISH_COLLECT, .type = KVSP_EVENT_BLOB_BEGIN, .want = 300000};
  struct feed feed = {
      .how = FEED_IN_PLACE, .piece = 1000, .hook = fulfil, .user = &w};
  kvsp_tokenizer *t;
  const kvsp_event *e = NULL;
  size_t fed;

  put_large_block(&data, 300000);
  limits.max_memory = 100000;
  t = make(&limits);
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed),
                   KVSP_ERR_LIMIT_MEMORY);
  fed = (size_t)t->window.fed;
  ck_assert_int_eq(error_of(t)->status, KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_NEED_INPUT);
  ck_assert_int_eq(
      kvsp_tokenizer_input(t, data.data + fed, data.len - fed, KVSP_FINAL),
      KVSP_OK);
  do {
    ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  } while (e->type != KVSP_EVENT_MASTER_BEGIN);
  ck_assert_uint_eq(e->id, KVSP_ID_TAGS);
  kvsp_tokenizer_free(t);
  bytes_free(&data);
}
END_TEST

/* ---- no memory ----------------------------------------------------------- */

static int collect_all(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                       uint64_t fed) {
  (void)user, (void)fed;
  if (e->type == KVSP_EVENT_BLOB_BEGIN)
    return kvsp_tokenizer_collect(t, e->size);
  return KVSP_OK;
}

/* One run whose n-th allocation fails; 0 when none did. */
static int run_failing(const struct bytes *data, const char *text, int how,
                       size_t n) {
  struct test_allocator a;
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = &a.allocator, .limits = NULL};
  struct feed feed = {
      .how = how ? FEED_COMMIT : FEED_LEND, .piece = 50, .hook = collect_all};
  kvsp_tokenizer *t = (kvsp_tokenizer *)&a;
  struct event_text r = {0};
  int rc;

  test_allocator_init(&a);
  a.fail_at = n;
  rc = kvsp_tokenizer_new(&t, &config);
  if (rc != KVSP_OK) {
    ck_assert_int_eq(rc, KVSP_ERR_NOMEM);
    ck_assert_ptr_null(t);
    ck_assert_uint_eq(a.live_blocks, 0);
    return 1;
  }
  rc = event_text_run(&r, t, data, &feed);
  ck_assert_int_eq(rc, a.failures ? KVSP_ERR_NOMEM : KVSP_END);
  if (rc != KVSP_END) {
    event_text_free(&r);
    ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
    ck_assert_int_eq(event_text_run(&r, t, data, &feed), KVSP_END);
  }
  ck_assert_str_eq(event_text_get(&r), text);
  ck_assert_uint_eq(t->memory->used, a.live_bytes);
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_blocks, 0);
  ck_assert_uint_eq(a.live_bytes, 0);
  event_text_free(&r);
  return a.failures > 0;
}

START_TEST(every_allocation_fails_in_turn) {
  struct bytes data = {0};
  struct event_text golden = {0};
  size_t n = 1;

  stream_sample(&data);
  text_of(&golden, &data);
  while (run_failing(&data, event_text_get(&golden), _i, n)) n++;
  ck_assert_uint_gt(n, 3);
  ck_assert_uint_lt(n, 1000);
  bytes_free(&data);
  event_text_free(&golden);
}
END_TEST

/* What went wrong is told in one place, whatever it was. */
START_TEST(no_memory_is_an_error_with_a_place) {
  const struct bytes data = BYTES(HEADER SEGMENT VOID_2);
  struct test_allocator a;
  kvsp_tokenizer *t = make_counted(&a, NULL);
  const struct feed feed = {.how = FEED_LEND, .piece = 3};

  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_ERR_NOMEM);
  ck_assert_int_eq(error_of(t)->status, KVSP_ERR_NOMEM);
  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_ERR_STATE);
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* ---- arguments and order ------------------------------------------------- */

START_TEST(new_refuses) {
  struct test_allocator a;
  kvsp_limits limits = {.struct_size = sizeof limits};
  kvsp_tokenizer_config config = {
      .struct_size = sizeof config, .allocator = NULL, .limits = &limits};
  kvsp_tokenizer *t = (kvsp_tokenizer *)&a;

  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_tokenizer_new(NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_tokenizer_new(NULL, &config), KVSP_ERR_ARG);
  config.struct_size = 0;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_ERR_ARG);
  ck_assert_ptr_null(t);
  config.struct_size = sizeof config + 1;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_ERR_ARG);
  config.struct_size = sizeof config;
  limits.struct_size = 4;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_ERR_ARG);
  limits.struct_size = sizeof limits;
  config.allocator = &a.allocator;
  a.allocator.resize = NULL;
  ck_assert_int_eq(kvsp_tokenizer_new(&t, &config), KVSP_ERR_ARG);
  ck_assert_ptr_null(t);
  ck_assert_uint_eq(a.calls, 0);
  ck_assert_int_eq(kvsp_tokenizer_new(&t, NULL), KVSP_OK);
  kvsp_tokenizer_free(t);
}
END_TEST

START_TEST(wrong_order_is_refused) {
  const struct bytes data = BYTES(HEADER SEGMENT VOID_2);
  const kvsp_event *e = NULL;
  void *room = NULL;
  size_t capacity = 0;
  kvsp_tokenizer *t = make(NULL);

  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_commit(t, 0, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, 12, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, 12, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &room, &capacity),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, 12, 0), KVSP_ERR_STATE);
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) continue;
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &room, &capacity), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &room, &capacity),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, 1, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_commit(t, capacity + 1, 0), KVSP_ERR_ARG);
  ck_assert_uint_ge(capacity, 9);
  memcpy(room, data.data + 12, 9);
  ck_assert_int_eq(kvsp_tokenizer_commit(t, 9, KVSP_FINAL), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_commit(t, 0, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_input(t, "x", 1, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_uint_eq(e->id, KVSP_ID_SEGMENT);
  while (kvsp_tokenizer_next(t, &e) == KVSP_OK) continue;
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_END);
  ck_assert_int_eq(kvsp_tokenizer_input(t, "x", 1, 0), KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_reserve(t, 1, &room, &capacity),
                   KVSP_ERR_STATE);
  ck_assert_int_eq(kvsp_tokenizer_resync(t), KVSP_ERR_STATE);
  kvsp_tokenizer_free(t);
}
END_TEST

/* From wherever it was: as new, with its limits. */
START_TEST(reset_begins_anew) {
  struct bytes data = {0};
  struct event_text golden = {0};
  struct test_allocator a;
  kvsp_limits limits = {.struct_size = sizeof limits, .max_depth = 7};
  kvsp_tokenizer *t = make_counted(&a, &limits);

  stream_sample(&data);
  text_of(&golden, &data);
  for (size_t len = 1; len < data.len; len += 13) {
    struct bytes part = {data.data, len, 0};
    struct feed feed = {.how = FEED_LEND, .piece = 100, .stay_open = 1};
    struct event_text r = {0};
    (void)event_text_run(NULL, t, &part, &feed);
    ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
    ck_assert_uint_eq(kvsp_tokenizer_offset(t), 0);
    ck_assert_uint_eq(t->limits.max_depth, 7);
    feed.stay_open = 0;
    ck_assert_int_eq(event_text_run(&r, t, &data, &feed), KVSP_END);
    ck_assert_str_eq(event_text_get(&r), event_text_get(&golden));
    ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
    event_text_free(&r);
  }
  kvsp_tokenizer_free(t);
  ck_assert_uint_eq(a.live_blocks, 0);
  bytes_free(&data);
  event_text_free(&golden);
}
END_TEST

/* What was lent is given back: reset does not look at it. */
START_TEST(reset_gives_back_what_was_lent) {
  struct bytes data = {0};
  const kvsp_event *e = NULL;
  kvsp_tokenizer *t = make(NULL);

  bytes_append(&data, HEADER SEGMENT, 17);
  ck_assert_int_eq(kvsp_tokenizer_input(t, data.data, data.len, 0), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_OK);
  ck_assert_int_eq(kvsp_tokenizer_reset(t), KVSP_OK);
  bytes_free(&data);
  ck_assert_int_eq(kvsp_tokenizer_next(t, &e), KVSP_NEED_INPUT);
  kvsp_tokenizer_free(t);
}
END_TEST

static int expect_offset(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                         uint64_t fed) {
  uint64_t payload = e->offset + e->header_size;
  (void)user, (void)fed;
  if (e->type == KVSP_EVENT_VALUE || e->type == KVSP_EVENT_BLOB_DATA)
    EXPECT(kvsp_tokenizer_offset(t) == e->data_offset + e->data.len);
  else if (e->type == KVSP_EVENT_MASTER_END || e->type == KVSP_EVENT_BLOB_END)
    EXPECT(kvsp_tokenizer_offset(t) == e->data_offset);
  else
    EXPECT(kvsp_tokenizer_offset(t) == payload);
  return KVSP_OK;
}

START_TEST(offset_is_told) {
  struct bytes data = {0};
  stream_sample(&data);
  for (int i = 0; i < CUTTINGS; i++) {
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    feed.hook = expect_offset;
    ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
    ck_assert_uint_eq(kvsp_tokenizer_offset(t), data.len);
    kvsp_tokenizer_free(t);
  }
  bytes_free(&data);
}
END_TEST

/* ---- work ---------------------------------------------------------------- */

#define HOSTILE_SIZE ((size_t)1 << 20)

static void repeat(struct bytes *b, const char *bytes, size_t len) {
  while (b->len < HOSTILE_SIZE) bytes_append(b, bytes, len);
}

/* Tags of known size in each other, as many as there are. */
static void put_nested(struct bytes *b) {
  bytes_append(b, HEADER SEGMENT, 17);
  stream_header(b, KVSP_ID_TAGS, HOSTILE_SIZE * 2, 8);
  stream_header(b, KVSP_ID_TAG, HOSTILE_SIZE * 2 - 10, 8);
  for (uint64_t left = HOSTILE_SIZE * 2 - 20; b->len < HOSTILE_SIZE; left -= 10)
    stream_header(b, KVSP_ID_SIMPLE_TAG, left - 10, 8);
}

static void put_hostile(struct bytes *b, int which) {
  static const char valid[] = HEADER "\0\0\0\0";
  /* Headers inside the strings of headers: each candidate has valid children
   * that belong to the others as well. */
  static const char woven[] = "\x42\x82\x86\x1A\x45\xDF\xA3\x41\xF8";
  static const char broken[] = HEADER SEGMENT "\0\0\0\0\0";
  switch (which) {
    case 0: repeat(b, "\x1A\x45\xDF\xA3", 4); break;
    case 1: repeat(b, "\x1A", 1); break;
    case 2: repeat(b, "\0", 1); break;
    case 3: put_nested(b); break;
    case 4:
      bytes_append(b, HEADER SEGMENT, 17);
      repeat(b, "\xEC\x80", 2);
      break;
    case 5:
      bytes_append(b, "\0", 1);
      repeat(b, valid, sizeof valid - 1);
      break;
    case 6:
      bytes_append(b, "\0", 1);
      repeat(b, woven, sizeof woven - 1);
      break;
    case 7: repeat(b, broken, sizeof broken - 1); break;
    case 8:
      bytes_append(b, HEADER SEGMENT, 17);
      repeat(b, CLUSTER, 5);
      break;
    case 9: repeat(b, "\x1A\x45\xDF\xA3\x80", 5); break;
    case 10: /* a header of the largest size that is believed, and junk */
      bytes_append(b, "\0", 1);
      while (b->len < HOSTILE_SIZE) {
        bytes_append(b, "\x1A\x45\xDF\xA3\x41\xFF\xEC\x41\x80", 9);
        stream_filler(b, 100, 1);
      }
      break;
    default: stream_filler(b, HOSTILE_SIZE, 12);
  }
}

#define HOSTILE_COUNT 12

struct effort {
  uint64_t events;
  uint64_t errors;
};

static int count_event(void *user, kvsp_tokenizer *t, const kvsp_event *e,
                       uint64_t fed) {
  struct effort *effort = user;
  (void)t, (void)e, (void)fed;
  effort->events++;
  return KVSP_OK;
}

static int count_error(void *user, kvsp_tokenizer *t, int status) {
  struct effort *effort = user;
  if (status > -100 || status <= KVSP_ERR_CODEC) return status;
  effort->errors++;
  return kvsp_tokenizer_resync(t);
}

/* Where nothing makes sense, a few places wait to be judged when more has
 * come: they are looked at again for each piece, however small it is. */
#define LOOKS_PER_BYTE 32
#define LOOKS_PER_PIECE 480

/* A constant number of looks, copies and events for each byte. */
static void expect_linear(const struct bytes *data, enum feeding how,
                          size_t piece, uint32_t max_depth) {
  kvsp_limits limits = {.struct_size = sizeof limits, .max_depth = max_depth};
  struct effort effort = {0, 0};
  struct feed feed = {.how = how,
                      .piece = piece,
                      .hook = count_event,
                      .on_error = count_error,
                      .user = &effort};
  kvsp_tokenizer *t = make(&limits);
  uint64_t pieces = piece ? data->len / piece : 1;
  int rc = event_text_run(NULL, t, data, &feed);
  ck_assert_msg(rc == KVSP_END || rc == KVSP_ERR_TRUNCATED, "%s",
                kvsp_status_name(rc));
  ck_assert_uint_ge(t->examined, data->len / 64);
  ck_assert_uint_le(t->examined,
                    LOOKS_PER_BYTE * data->len + LOOKS_PER_PIECE * pieces);
  ck_assert_uint_le(t->window.copied, 8 * data->len + 65536);
  ck_assert_uint_le(effort.events, 2 * data->len);
  ck_assert_uint_le(effort.errors, data->len);
  kvsp_tokenizer_free(t);
}

START_TEST(hostile_input_costs_linear_work) {
  struct bytes data = {0}, part;

  put_hostile(&data, _i);
  part = data;
  part.len /= 16;
  expect_linear(&data, FEED_IN_PLACE, 0, 0);
  expect_linear(&data, FEED_IN_PLACE, 1000, 0);
  expect_linear(&data, FEED_COMMIT, 1000, 0);
  expect_linear(&part, FEED_IN_PLACE, 1, 0);
  expect_linear(&part, FEED_COMMIT, 1, 0);
  expect_linear(&data, FEED_IN_PLACE, 4096, UINT32_MAX);
  bytes_free(&data);
}
END_TEST

/* A stream without faults: each byte that is no payload once. */
START_TEST(no_byte_is_looked_at_twice) {
  struct bytes data = {0};

  while (data.len < 100000) stream_sample(&data);
  for (int i = 0; i < CUTTINGS; i++) {
    struct feed feed = cutting(i);
    kvsp_tokenizer *t = make(NULL);
    if (feed.how == FEED_LEND) feed.how = FEED_IN_PLACE;
    ck_assert_int_eq(event_text_run(NULL, t, &data, &feed), KVSP_END);
    ck_assert_uint_gt(t->examined, 1000);
    ck_assert_uint_le(t->examined, data.len);
    kvsp_tokenizer_free(t);
  }
  bytes_free(&data);
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static TCase *events_case(void) {
  TCase *tc = tcase_create("events");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, no_bytes_no_events);
  tcase_add_test(tc, sample_does_not_depend_on_the_cutting);
  tcase_add_test(tc, golden_live_stream);
  tcase_add_test(tc, golden_known_sizes);
  tcase_add_test(tc, void_stands_between_documents);
  tcase_add_test(tc, unknown_elements_end_no_cluster);
  tcase_add_loop_test(tc, known_elements_end_a_cluster, 0, 10);
  tcase_add_test(tc, misplaced_elements_are_marked);
  tcase_add_test(tc, empty_elements);
  tcase_add_test(tc, longer_ids_are_allowed_where_told);
  tcase_add_loop_test(tc, sizes_of_every_length, 1, 9);
  tcase_add_loop_test(tc, events_come_with_their_last_byte, 0, 2);
  tcase_add_test(tc, open_streams_hold_nothing_back);
  return tc;
}

static TCase *faults_case(void) {
  TCase *tc = tcase_create("faults");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, faults_have_code_offset_and_element, 0,
                      COUNT(faults));
  tcase_add_test(tc, every_cut_is_told);
  tcase_add_loop_test(tc, resync_finds_the_next_header, 0, COUNT(lures));
  tcase_add_loop_test(tc, resync_ends_with_the_stream, 0, COUNT(lures));
  tcase_add_test(tc, resync_before_the_first_header);
  tcase_add_test(tc, resync_to_the_parents_end);
  tcase_add_test(tc, resync_at_the_very_byte);
  tcase_add_test(tc, resync_inside_a_parent);
  tcase_add_test(tc, resync_does_not_wait_for_large_headers);
  return tc;
}

static TCase *collect_case(void) {
  TCase *tc = tcase_create("collect");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, collected_blobs_come_whole, 0, 2);
  tcase_add_loop_test(tc, collected_beginnings_come_whole, 0, 8);
  tcase_add_test(tc, collected_masters_come_whole);
  tcase_add_test(tc, skipped_masters_have_an_end_only);
  tcase_add_test(tc, skipped_blobs_have_an_end_only);
  tcase_add_test(tc, blobs_are_skipped_from_the_middle);
  tcase_add_loop_test(tc, masters_are_skipped_after_waiting, 0, 6);
  tcase_add_test(tc, nothing_to_collect_is_refused);
  tcase_add_loop_test(tc, truncated_while_collecting_or_skipping, 0, 4);
  return tc;
}

static TCase *memory_case(void) {
  TCase *tc = tcase_create("memory");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, large_binaries_are_not_buffered);
  tcase_add_loop_test(tc, skipped_and_collected_memory, 0, 2);
  tcase_add_test(tc, what_is_lent_whole_is_not_copied);
  tcase_add_loop_test(tc, declared_sizes_take_no_memory, 0, 2);
  tcase_add_test(tc, depth_can_be_raised);
  tcase_add_test(tc, value_can_be_raised);
  tcase_add_test(tc, memory_can_be_raised);
  tcase_add_loop_test(tc, exact_limits_are_kept, 0, 2);
  tcase_add_test(tc, sizes_beyond_a_size_t);
  tcase_add_test(tc, frame_can_be_raised);
  tcase_add_test(tc, resync_after_a_limit);
  tcase_add_loop_test(tc, resync_after_a_frame_limit, 0, 2);
  tcase_add_test(tc, skipping_after_a_limit);
  tcase_add_test(tc, resync_after_a_memory_limit);
  tcase_add_loop_test(tc, every_allocation_fails_in_turn, 0, 2);
  tcase_add_test(tc, no_memory_is_an_error_with_a_place);
  return tc;
}

static TCase *order_case(void) {
  TCase *tc = tcase_create("order");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, new_refuses);
  tcase_add_test(tc, wrong_order_is_refused);
  tcase_add_test(tc, reset_begins_anew);
  tcase_add_test(tc, reset_gives_back_what_was_lent);
  tcase_add_test(tc, offset_is_told);
  return tc;
}

static TCase *work_case(void) {
  TCase *tc = tcase_create("work");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, hostile_input_costs_linear_work, 0, HOSTILE_COUNT);
  tcase_add_test(tc, no_byte_is_looked_at_twice);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("tokenizer");
  suite_add_tcase(suite, events_case());
  suite_add_tcase(suite, faults_case());
  suite_add_tcase(suite, collect_case());
  suite_add_tcase(suite, memory_case());
  suite_add_tcase(suite, order_case());
  suite_add_tcase(suite, work_case());
  return run_suite(suite);
}
