/*
 * test_schema.c - the table of elements: consistent in itself, and right
 * where a few rows of the specifications are known by heart.
 */
#include <check.h>
#include <kvsparse/ebml.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

static size_t count_rows(void) {
  size_t count = 0;
  while (kvsp_element_at(count) != NULL) count++;
  return count;
}

static const kvsp_element_info *known(uint64_t id) {
  const kvsp_element_info *row = kvsp_element_by_id(id);
  ck_assert_msg(row != NULL, "0x%llX is not in the table",
                (unsigned long long)id);
  return row;
}

START_TEST(rows_rise_by_id) {
  size_t count = count_rows();

  ck_assert_uint_gt(count, 200);
  for (size_t i = 1; i < count; i++)
    ck_assert_uint_lt(kvsp_element_at(i - 1)->id, kvsp_element_at(i)->id);
  ck_assert_ptr_null(kvsp_element_at(count + 1));
  ck_assert_ptr_null(kvsp_element_at(SIZE_MAX));
}
END_TEST

/* That by_name finds each row also says that no name occurs twice. */
START_TEST(every_row_is_found) {
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    ck_assert_ptr_eq(kvsp_element_by_id(row->id), row);
    ck_assert_ptr_eq(kvsp_element_by_name(row->name), row);
  }
}
END_TEST

/* All IDs of one and two bytes, and the neighbours of all others. */
START_TEST(unknown_ids_are_not_found) {
  const kvsp_element_info *row;
  size_t found = 0;
  size_t short_ids = 0;

  for (uint64_t id = 0; id <= 0xFFFF; id++) {
    row = kvsp_element_by_id(id);
    if (row == NULL) continue;
    ck_assert_uint_eq(row->id, id);
    found++;
  }
  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    const kvsp_element_info *after = kvsp_element_at(i + 1);
    if (row->id <= 0xFFFF) short_ids++;
    if (after == NULL || after->id != row->id + 1)
      ck_assert_ptr_null(kvsp_element_by_id(row->id + 1));
    ck_assert_ptr_null(kvsp_element_by_id(row->id | UINT64_C(1) << 40));
  }
  ck_assert_uint_eq(found, short_ids);
  ck_assert_ptr_null(kvsp_element_by_id(0));
  ck_assert_ptr_null(kvsp_element_by_id(UINT64_MAX));
}
END_TEST

START_TEST(unknown_names_are_not_found) {
  ck_assert_ptr_null(kvsp_element_by_name(NULL));
  ck_assert_ptr_null(kvsp_element_by_name(""));
  ck_assert_ptr_null(kvsp_element_by_name("simpleblock"));
  ck_assert_ptr_null(kvsp_element_by_name("SimpleBloc"));
  ck_assert_ptr_null(kvsp_element_by_name("SimpleBlock "));
  ck_assert_ptr_null(kvsp_element_by_name("~"));
}
END_TEST

/* Every ID is one that a reader accepts and a writer writes. */
START_TEST(ids_are_valid) {
  const kvsp_element_info *row;
  uint8_t bytes[8];

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    ck_assert_uint_gt(kvsp_ebml_write_id(bytes, sizeof bytes, row->id), 0);
    ck_assert_uint_le(row->id, 0x1FFFFFFE); /* four bytes at most */
  }
}
END_TEST

/* Path of the parent, a backslash, a plus sign where recursive, the name. */
static void expect_path(const kvsp_element_info *row, const char *parent_path) {
  size_t len = strlen(parent_path);
  const char *rest = row->path + len;

  ck_assert_msg(strncmp(row->path, parent_path, len) == 0, "%s", row->path);
  ck_assert_int_eq(*rest++, '\\');
  if (row->flags & KVSP_ELEMENT_RECURSIVE) ck_assert_int_eq(*rest++, '+');
  ck_assert_str_eq(rest, row->name);
}

START_TEST(parents_and_levels_agree) {
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    const kvsp_element_info *parent;
    if (row->flags & KVSP_ELEMENT_GLOBAL) {
      ck_assert_uint_eq(row->parent_id, 0);
      ck_assert_uint_eq(row->level, 0);
      continue;
    }
    if (row->parent_id == 0) {
      ck_assert(row->id == KVSP_ID_EBML || row->id == KVSP_ID_SEGMENT);
      ck_assert_uint_eq(row->level, 0);
      expect_path(row, "");
      continue;
    }
    parent = known(row->parent_id);
    ck_assert_uint_eq(parent->type, KVSP_TYPE_MASTER);
    ck_assert_uint_eq(row->level, parent->level + 1u);
    expect_path(row, parent->path);
  }
}
END_TEST

START_TEST(types_and_flags_agree) {
  const unsigned all_flags =
      KVSP_ELEMENT_RECURSIVE | KVSP_ELEMENT_UNKNOWN_SIZE | KVSP_ELEMENT_GLOBAL |
      KVSP_ELEMENT_MANDATORY | KVSP_ELEMENT_MULTIPLE | KVSP_ELEMENT_HAS_DEFAULT;
  const unsigned master_flags =
      KVSP_ELEMENT_RECURSIVE | KVSP_ELEMENT_UNKNOWN_SIZE;
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    ck_assert_uint_ge(row->type, KVSP_TYPE_MASTER);
    ck_assert_uint_le(row->type, KVSP_TYPE_BINARY);
    ck_assert_uint_eq(row->flags & ~all_flags, 0);
    if (row->type != KVSP_TYPE_MASTER)
      ck_assert_uint_eq(row->flags & master_flags, 0);
    if (row->type == KVSP_TYPE_MASTER || row->type == KVSP_TYPE_BINARY)
      ck_assert_uint_eq(row->flags & KVSP_ELEMENT_HAS_DEFAULT, 0);
    if (row->type == KVSP_TYPE_STRING &&
        (row->flags & KVSP_ELEMENT_HAS_DEFAULT) != 0)
      ck_assert_ptr_nonnull(row->default_value.s);
  }
}
END_TEST

/* From RFC 8794, section 11, and RFC 9559, section 5. */
START_TEST(rows_known_by_hand) {
  static const struct {
    uint64_t id;
    const char *name;
    int type;
    unsigned level;
    uint64_t parent_id;
  } rows[] = {
      {0x1A45DFA3, "EBML", KVSP_TYPE_MASTER, 0, 0},
      {0x4282, "DocType", KVSP_TYPE_STRING, 1, 0x1A45DFA3},
      {0x42F2, "EBMLMaxIDLength", KVSP_TYPE_UINT, 1, 0x1A45DFA3},
      {0x4281, "DocTypeExtension", KVSP_TYPE_MASTER, 1, 0x1A45DFA3},
      {0x4284, "DocTypeExtensionVersion", KVSP_TYPE_UINT, 2, 0x4281},
      {0xEC, "Void", KVSP_TYPE_BINARY, 0, 0},
      {0xBF, "CRC-32", KVSP_TYPE_BINARY, 0, 0},
      {0x18538067, "Segment", KVSP_TYPE_MASTER, 0, 0},
      {0x73A4, "SegmentUUID", KVSP_TYPE_BINARY, 2, 0x1549A966},
      {0x2AD7B1, "TimestampScale", KVSP_TYPE_UINT, 2, 0x1549A966},
      {0x4461, "DateUTC", KVSP_TYPE_DATE, 2, 0x1549A966},
      {0x4489, "Duration", KVSP_TYPE_FLOAT, 2, 0x1549A966},
      {0x4D80, "MuxingApp", KVSP_TYPE_UTF8, 2, 0x1549A966},
      {0x1F43B675, "Cluster", KVSP_TYPE_MASTER, 1, 0x18538067},
      {0xE7, "Timestamp", KVSP_TYPE_UINT, 2, 0x1F43B675},
      {0xA7, "Position", KVSP_TYPE_UINT, 2, 0x1F43B675},
      {0xA3, "SimpleBlock", KVSP_TYPE_BINARY, 2, 0x1F43B675},
      {0xAF, "EncryptedBlock", KVSP_TYPE_BINARY, 2, 0x1F43B675},
      {0xA1, "Block", KVSP_TYPE_BINARY, 3, 0xA0},
      {0xFB, "ReferenceBlock", KVSP_TYPE_INT, 3, 0xA0},
      {0x75A2, "DiscardPadding", KVSP_TYPE_INT, 3, 0xA0},
      {0xAE, "TrackEntry", KVSP_TYPE_MASTER, 2, 0x1654AE6B},
      {0x86, "CodecID", KVSP_TYPE_STRING, 3, 0xAE},
      {0x63A2, "CodecPrivate", KVSP_TYPE_BINARY, 3, 0xAE},
      {0x536E, "Name", KVSP_TYPE_UTF8, 3, 0xAE},
      {0x22B59D, "LanguageBCP47", KVSP_TYPE_STRING, 3, 0xAE},
      {0x41E4, "BlockAdditionMapping", KVSP_TYPE_MASTER, 3, 0xAE},
      {0xB0, "PixelWidth", KVSP_TYPE_UINT, 4, 0xE0},
      {0x55D9, "LuminanceMax", KVSP_TYPE_FLOAT, 6, 0x55D0},
      {0x7671, "ProjectionType", KVSP_TYPE_UINT, 5, 0x7670},
      {0xB5, "SamplingFrequency", KVSP_TYPE_FLOAT, 4, 0xE1},
      {0x47E8, "AESSettingsCipherMode", KVSP_TYPE_UINT, 7, 0x47E7},
      {0x96, "CueRefTime", KVSP_TYPE_UINT, 5, 0xDB},
      {0x4660, "FileMediaType", KVSP_TYPE_STRING, 3, 0x61A7},
      {0x80, "ChapterDisplay", KVSP_TYPE_MASTER, 4, 0xB6},
      {0x437D, "ChapLanguageBCP47", KVSP_TYPE_STRING, 5, 0x80},
      {0x67C8, "SimpleTag", KVSP_TYPE_MASTER, 3, 0x7373},
      {0x45A3, "TagName", KVSP_TYPE_UTF8, 4, 0x67C8},
      {0x4487, "TagString", KVSP_TYPE_UTF8, 4, 0x67C8},
      {0x4485, "TagBinary", KVSP_TYPE_BINARY, 4, 0x67C8},
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const kvsp_element_info *row = known(rows[i].id);
    ck_assert_str_eq(row->name, rows[i].name);
    ck_assert_int_eq(row->type, rows[i].type);
    ck_assert_uint_eq(row->level, rows[i].level);
    ck_assert_uint_eq(row->parent_id, rows[i].parent_id);
  }
}
END_TEST

START_TEST(constants_are_the_ids) {
  ck_assert_uint_eq(known(KVSP_ID_EBML)->id, 0x1A45DFA3);
  ck_assert_str_eq(known(KVSP_ID_SIMPLE_BLOCK)->name, "SimpleBlock");
  ck_assert_str_eq(known(KVSP_ID_EBML_MAX_ID_LENGTH)->name, "EBMLMaxIDLength");
  ck_assert_str_eq(known(KVSP_ID_CRC_32)->name, "CRC-32");
  ck_assert_str_eq(known(KVSP_ID_SEGMENT_UUID)->name, "SegmentUUID");
  ck_assert_str_eq(known(KVSP_ID_BLOCK_ADD_ID_EXTRA_DATA)->name,
                   "BlockAddIDExtraData");
  ck_assert_str_eq(known(KVSP_ID_LANGUAGE_BCP47)->name, "LanguageBCP47");
  ck_assert_str_eq(known(KVSP_ID_MAX_CLL)->name, "MaxCLL");
}
END_TEST

START_TEST(paths_known_by_hand) {
  ck_assert_str_eq(known(KVSP_ID_SIMPLE_BLOCK)->path,
                   "\\Segment\\Cluster\\SimpleBlock");
  ck_assert_str_eq(known(KVSP_ID_TAG_NAME)->path,
                   "\\Segment\\Tags\\Tag\\+SimpleTag\\TagName");
  ck_assert_str_eq(known(KVSP_ID_VOID)->path, "\\(-\\)Void");
  ck_assert_str_eq(known(KVSP_ID_CRC_32)->path, "\\(1-\\)CRC-32");
}
END_TEST

/* Exactly these, and no other. */
START_TEST(flags_known_by_hand) {
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    uint64_t id = row->id;
    ck_assert_int_eq((row->flags & KVSP_ELEMENT_UNKNOWN_SIZE) != 0,
                     id == KVSP_ID_SEGMENT || id == KVSP_ID_CLUSTER);
    ck_assert_int_eq((row->flags & KVSP_ELEMENT_RECURSIVE) != 0,
                     id == KVSP_ID_SIMPLE_TAG || id == KVSP_ID_CHAPTER_ATOM);
    ck_assert_int_eq((row->flags & KVSP_ELEMENT_GLOBAL) != 0,
                     id == KVSP_ID_VOID || id == KVSP_ID_CRC_32);
  }
  ck_assert(known(KVSP_ID_TRACK_NUMBER)->flags & KVSP_ELEMENT_MANDATORY);
  ck_assert(!(known(KVSP_ID_NAME)->flags & KVSP_ELEMENT_MANDATORY));
  ck_assert(known(KVSP_ID_SIMPLE_BLOCK)->flags & KVSP_ELEMENT_MULTIPLE);
  ck_assert(known(KVSP_ID_VOID)->flags & KVSP_ELEMENT_MULTIPLE);
  ck_assert(!(known(KVSP_ID_TIMESTAMP)->flags & KVSP_ELEMENT_MULTIPLE));
}
END_TEST

static const kvsp_element_info *with_default(uint64_t id) {
  const kvsp_element_info *row = known(id);
  ck_assert(row->flags & KVSP_ELEMENT_HAS_DEFAULT);
  return row;
}

START_TEST(defaults_known_by_hand) {
  static const uint64_t none[] = {
      KVSP_ID_TIMESTAMP,   KVSP_ID_DOC_TYPE,  KVSP_ID_DURATION,
      KVSP_ID_PIXEL_WIDTH, KVSP_ID_BIT_DEPTH, KVSP_ID_TAG_STRING,
      KVSP_ID_CODEC_ID,    KVSP_ID_CLUSTER,   KVSP_ID_SIMPLE_BLOCK};

  ck_assert_uint_eq(with_default(KVSP_ID_TIMESTAMP_SCALE)->default_value.u,
                    1000000);
  ck_assert_uint_eq(with_default(KVSP_ID_EBML_MAX_ID_LENGTH)->default_value.u,
                    4);
  ck_assert_uint_eq(with_default(KVSP_ID_EBML_MAX_SIZE_LENGTH)->default_value.u,
                    8);
  ck_assert_uint_eq(with_default(KVSP_ID_FLAG_LACING)->default_value.u, 1);
  ck_assert_uint_eq(with_default(KVSP_ID_CHANNELS)->default_value.u, 1);
  ck_assert_uint_eq(with_default(KVSP_ID_TARGET_TYPE_VALUE)->default_value.u,
                    50);
  ck_assert_int_eq(with_default(KVSP_ID_TRACK_OFFSET)->default_value.i, 0);
  ck_assert(with_default(KVSP_ID_SAMPLING_FREQUENCY)->default_value.f ==
            8000.0);
  ck_assert(with_default(KVSP_ID_TRACK_TIMESTAMP_SCALE)->default_value.f ==
            1.0);
  ck_assert_str_eq(with_default(KVSP_ID_LANGUAGE)->default_value.s, "eng");
  ck_assert_str_eq(with_default(KVSP_ID_TAG_LANGUAGE)->default_value.s, "und");
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    ck_assert(!(known(none[i])->flags & KVSP_ELEMENT_HAS_DEFAULT));
}
END_TEST

static int allowed(uint64_t id, uint64_t parent_id) {
  return kvsp_element_allowed_in(known(id), parent_id);
}

START_TEST(places_known_by_hand) {
  ck_assert_int_eq(allowed(KVSP_ID_EBML, 0), 1);
  ck_assert_int_eq(allowed(KVSP_ID_SEGMENT, 0), 1);
  ck_assert_int_eq(allowed(KVSP_ID_EBML, KVSP_ID_SEGMENT), 0);
  ck_assert_int_eq(allowed(KVSP_ID_SEGMENT, KVSP_ID_SEGMENT), 0);
  ck_assert_int_eq(allowed(KVSP_ID_CLUSTER, KVSP_ID_SEGMENT), 1);
  ck_assert_int_eq(allowed(KVSP_ID_CLUSTER, 0), 0);
  ck_assert_int_eq(allowed(KVSP_ID_CLUSTER, KVSP_ID_CLUSTER), 0);
  ck_assert_int_eq(allowed(KVSP_ID_SIMPLE_BLOCK, KVSP_ID_CLUSTER), 1);
  ck_assert_int_eq(allowed(KVSP_ID_SIMPLE_BLOCK, KVSP_ID_BLOCK_GROUP), 0);
  ck_assert_int_eq(allowed(KVSP_ID_SIMPLE_TAG, KVSP_ID_TAG), 1);
  ck_assert_int_eq(allowed(KVSP_ID_SIMPLE_TAG, KVSP_ID_SIMPLE_TAG), 1);
  ck_assert_int_eq(allowed(KVSP_ID_SIMPLE_TAG, KVSP_ID_TAGS), 0);
  ck_assert_int_eq(allowed(KVSP_ID_CHAPTER_ATOM, KVSP_ID_CHAPTER_ATOM), 1);
  ck_assert_int_eq(allowed(KVSP_ID_TAG, KVSP_ID_TAG), 0);
  ck_assert_int_eq(kvsp_element_allowed_in(NULL, 0), 0);
}
END_TEST

START_TEST(places_of_global_elements) {
  const kvsp_element_info *row;

  for (size_t i = 0; (row = kvsp_element_at(i)) != NULL; i++) {
    int is_master = row->type == KVSP_TYPE_MASTER;
    ck_assert_int_eq(allowed(KVSP_ID_VOID, row->id), is_master);
    ck_assert_int_eq(allowed(KVSP_ID_CRC_32, row->id), is_master);
  }
  ck_assert_int_eq(allowed(KVSP_ID_VOID, 0), 1);
  ck_assert_int_eq(allowed(KVSP_ID_CRC_32, 0), 0);
  ck_assert_int_eq(allowed(KVSP_ID_VOID, 0x40FF), 0); /* not in the table */
}
END_TEST

int main(void) {
  Suite *suite = suite_create("schema");
  TCase *tc = tcase_create("table");
  tcase_add_test(tc, rows_rise_by_id);
  tcase_add_test(tc, every_row_is_found);
  tcase_add_test(tc, unknown_ids_are_not_found);
  tcase_add_test(tc, unknown_names_are_not_found);
  tcase_add_test(tc, ids_are_valid);
  tcase_add_test(tc, parents_and_levels_agree);
  tcase_add_test(tc, types_and_flags_agree);
  tcase_add_test(tc, rows_known_by_hand);
  tcase_add_test(tc, constants_are_the_ids);
  tcase_add_test(tc, paths_known_by_hand);
  tcase_add_test(tc, flags_known_by_hand);
  tcase_add_test(tc, defaults_known_by_hand);
  tcase_add_test(tc, places_known_by_hand);
  tcase_add_test(tc, places_of_global_elements);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
