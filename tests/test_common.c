/*
 * test_common.c - what all parts share: status codes, buffers, accounted
 * memory, limits, the arena, exact times.
 */
#include <check.h>
#include <inttypes.h>
#include <kvsparse/kvsparse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "buffer.h"
#include "memory.h"
#include "support/allocator.h"
#include "support/suite.h"
#include "times.h"

/* ---- status codes -------------------------------------------------------- */

#define NAMED(status) \
  { status, #status }

static const struct {
  int status;
  const char *name;
} all_statuses[] = {
    NAMED(KVSP_OK),
    NAMED(KVSP_NEED_INPUT),
    NAMED(KVSP_NEED_DRAIN),
    NAMED(KVSP_END),
    NAMED(KVSP_PAUSED),
    NAMED(KVSP_INTERRUPTED),
    NAMED(KVSP_ERR_ARG),
    NAMED(KVSP_ERR_STATE),
    NAMED(KVSP_ERR_REENTRANT),
    NAMED(KVSP_ERR_UNSUPPORTED),
    NAMED(KVSP_ERR_EBML),
    NAMED(KVSP_ERR_OVERFLOW),
    NAMED(KVSP_ERR_TRUNCATED),
    NAMED(KVSP_ERR_SCHEMA),
    NAMED(KVSP_ERR_BLOCK),
    NAMED(KVSP_ERR_CRC),
    NAMED(KVSP_ERR_COMPRESSION),
    NAMED(KVSP_ERR_LIMIT_DEPTH),
    NAMED(KVSP_ERR_LIMIT_TRACKS),
    NAMED(KVSP_ERR_LIMIT_TAGS),
    NAMED(KVSP_ERR_LIMIT_VALUE),
    NAMED(KVSP_ERR_LIMIT_FRAME),
    NAMED(KVSP_ERR_LIMIT_MEMORY),
    NAMED(KVSP_ERR_NETWORK),
    NAMED(KVSP_ERR_SERVICE),
    NAMED(KVSP_ERR_CREDENTIALS),
    NAMED(KVSP_ERR_CLOCK),
    NAMED(KVSP_ERR_FILE),
    NAMED(KVSP_ERR_CODEC),
    NAMED(KVSP_ERR_NOMEM),
    NAMED(KVSP_ERR_INTERNAL),
    NAMED(KVSP_ERR_USER),
};

#define STATUS_COUNT (sizeof all_statuses / sizeof *all_statuses)

/* The compiler says here when the enum has a value that the table lacks. */
static int is_listed(enum kvsp_status status) {
  switch (status) {
    case KVSP_OK:
    case KVSP_NEED_INPUT:
    case KVSP_NEED_DRAIN:
    case KVSP_END:
    case KVSP_PAUSED:
    case KVSP_INTERRUPTED:
    case KVSP_ERR_ARG:
    case KVSP_ERR_STATE:
    case KVSP_ERR_REENTRANT:
    case KVSP_ERR_UNSUPPORTED:
    case KVSP_ERR_EBML:
    case KVSP_ERR_OVERFLOW:
    case KVSP_ERR_TRUNCATED:
    case KVSP_ERR_SCHEMA:
    case KVSP_ERR_BLOCK:
    case KVSP_ERR_CRC:
    case KVSP_ERR_COMPRESSION:
    case KVSP_ERR_LIMIT_DEPTH:
    case KVSP_ERR_LIMIT_TRACKS:
    case KVSP_ERR_LIMIT_TAGS:
    case KVSP_ERR_LIMIT_VALUE:
    case KVSP_ERR_LIMIT_FRAME:
    case KVSP_ERR_LIMIT_MEMORY:
    case KVSP_ERR_NETWORK:
    case KVSP_ERR_SERVICE:
    case KVSP_ERR_CREDENTIALS:
    case KVSP_ERR_CLOCK:
    case KVSP_ERR_FILE:
    case KVSP_ERR_CODEC:
    case KVSP_ERR_NOMEM:
    case KVSP_ERR_INTERNAL:
    case KVSP_ERR_USER: return 1;
  }
  return 0;
}

START_TEST(every_status_has_its_own_name_and_sentence) {
  for (size_t i = 0; i < STATUS_COUNT; i++) {
    const char *text = kvsp_status_text(all_statuses[i].status);
    size_t len = strlen(text);
    ck_assert(is_listed((enum kvsp_status)all_statuses[i].status));
    ck_assert_str_eq(kvsp_status_name(all_statuses[i].status),
                     all_statuses[i].name);
    ck_assert_uint_ge(len, 8);
    ck_assert_int_eq(text[len - 1], '.');
    for (size_t j = 0; j < i; j++)
      ck_assert_str_ne(text, kvsp_status_text(all_statuses[j].status));
  }
}
END_TEST

START_TEST(unknown_statuses_are_never_null) {
  static const int unknown[] = {5,     99,    -5,        -99,      -106, -206,
                                -300,  -500,  -899,      -900,     -999, -1001,
                                -5000, 12345, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    ck_assert_uint_gt(strlen(kvsp_status_name(unknown[i])), 0);
    ck_assert_uint_gt(strlen(kvsp_status_text(unknown[i])), 0);
  }
  ck_assert_str_eq(kvsp_status_name(-1234), "KVSP_ERR_USER");
  ck_assert_str_eq(kvsp_status_text(-1234), kvsp_status_text(KVSP_ERR_USER));
}
END_TEST

START_TEST(fatal_is_a_range) {
  for (int status = -1100; status < 10; status++)
    ck_assert_int_eq(kvsp_status_is_fatal(status),
                     status >= -999 && status <= -900);
  ck_assert_int_eq(kvsp_status_is_fatal(KVSP_ERR_NOMEM), 1);
  ck_assert_int_eq(kvsp_status_is_fatal(KVSP_ERR_INTERNAL), 1);
  ck_assert_int_eq(kvsp_status_is_fatal(KVSP_ERR_LIMIT_MEMORY), 0);
}
END_TEST

START_TEST(version_is_the_headers) {
  char expected[32];
  snprintf(expected, sizeof expected, "%d.%d.%d", KVSP_VERSION_MAJOR,
           KVSP_VERSION_MINOR, KVSP_VERSION_PATCH);
  ck_assert_str_eq(kvsp_version(), expected);
  ck_assert_uint_eq(kvsp_version_number(), KVSP_VERSION_MAJOR * 65536u +
                                               KVSP_VERSION_MINOR * 256u +
                                               KVSP_VERSION_PATCH);
}
END_TEST

START_TEST(sizes_of_structs) {
  ck_assert_uint_eq(kvsp_sizeof("kvsp_view"), sizeof(kvsp_view));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_allocator"), sizeof(kvsp_allocator));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_limits"), sizeof(kvsp_limits));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_error_info"), sizeof(kvsp_error_info));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_element_info"),
                    sizeof(kvsp_element_info));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_event"), sizeof(kvsp_event));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_tokenizer_config"),
                    sizeof(kvsp_tokenizer_config));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_track"), sizeof(kvsp_track));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_tag"), sizeof(kvsp_tag));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_fragment"), sizeof(kvsp_fragment));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_frame"), sizeof(kvsp_frame));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_gap"), sizeof(kvsp_gap));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_item"), sizeof(kvsp_item));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_reader_config"),
                    sizeof(kvsp_reader_config));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_reader_stats"),
                    sizeof(kvsp_reader_stats));
  ck_assert_uint_eq(kvsp_sizeof("kvsp_fram"), 0);
  ck_assert_uint_eq(kvsp_sizeof("kvsp_buf"), 0);
  ck_assert_uint_eq(kvsp_sizeof(""), 0);
  ck_assert_uint_eq(kvsp_sizeof(NULL), 0);
}
END_TEST

/* ---- limits and allocators ----------------------------------------------- */

static void expect_limits(const kvsp_limits *l, uint32_t depth, uint64_t value,
                          uint64_t memory) {
  ck_assert_uint_eq(l->max_depth, depth);
  ck_assert_uint_eq(l->max_tracks, 64);
  ck_assert_uint_eq(l->max_tags, 256);
  ck_assert_uint_eq(l->max_value, value);
  ck_assert_uint_eq(l->max_frame, UINT64_C(64) << 20);
  ck_assert_uint_eq(l->max_memory, memory);
}

START_TEST(limits_have_defaults) {
  kvsp_limits zeros = {.struct_size = sizeof zeros};
  kvsp_limits some = {
      .struct_size = sizeof some, .max_depth = 3, .max_memory = 1000};
  kvsp_limits out;

  ck_assert_int_eq(kvsp_limits_init(&out, NULL), KVSP_OK);
  ck_assert_uint_eq(out.struct_size, sizeof out);
  expect_limits(&out, 16, 1 << 20, UINT64_C(256) << 20);
  ck_assert_int_eq(kvsp_limits_init(&out, &zeros), KVSP_OK);
  expect_limits(&out, 16, 1 << 20, UINT64_C(256) << 20);
  ck_assert_int_eq(kvsp_limits_init(&out, &some), KVSP_OK);
  expect_limits(&out, 3, 1 << 20, 1000);
}
END_TEST

/* Whatever is under its limit can be counted, where a size_t has 32 bits too. */
START_TEST(limits_fit_a_size) {
  kvsp_limits most = {.struct_size = sizeof most,
                      .max_value = UINT64_MAX,
                      .max_frame = UINT64_MAX};
  kvsp_limits out;

  ck_assert_int_eq(kvsp_limits_init(&out, &most), KVSP_OK);
  ck_assert_uint_eq(out.max_value, SIZE_MAX / 4);
  ck_assert_uint_eq(out.max_frame, SIZE_MAX / 4);
}
END_TEST

START_TEST(limits_of_another_size_are_refused) {
  kvsp_limits limits = {.struct_size = 0};
  kvsp_limits out;

  ck_assert_int_eq(kvsp_limits_init(&out, &limits), KVSP_ERR_ARG);
  limits.struct_size = sizeof limits - 1;
  ck_assert_int_eq(kvsp_limits_init(&out, &limits), KVSP_ERR_ARG);
  limits.struct_size = sizeof limits + 8;
  ck_assert_int_eq(kvsp_limits_init(&out, &limits), KVSP_ERR_ARG);
}
END_TEST

/* All eight ways to set three functions: all, none, or refused. */
START_TEST(half_set_allocators_are_refused) {
  struct test_allocator a;
  kvsp_allocator out, from;
  kvsp_buf *b = NULL;
  const kvsp_view v = {(const uint8_t *)"x", 1};
  int whole = _i == 0 || _i == 7;

  test_allocator_init(&a);
  from = a.allocator;
  if ((_i & 1) == 0) from.alloc = NULL;
  if ((_i & 2) == 0) from.resize = NULL;
  if ((_i & 4) == 0) from.release = NULL;
  ck_assert_int_eq(kvsp_allocator_init(&out, &from),
                   whole ? KVSP_OK : KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_buf_copy(&b, v, &from), whole ? KVSP_OK : KVSP_ERR_ARG);
  ck_assert((b != NULL) == whole);
  ck_assert_uint_eq(a.live_blocks, _i == 7);
  kvsp_buf_unref(b);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* ---- buffers ------------------------------------------------------------- */

static const uint8_t zeros[KVSP_PADDING];

static void expect_padded(const kvsp_buf *b, const void *data, size_t len) {
  kvsp_view v = kvsp_buf_view(b);
  ck_assert_uint_eq(v.len, len);
  ck_assert_ptr_nonnull(v.data);
  if (len > 0) ck_assert_mem_eq(v.data, data, len);
  ck_assert_mem_eq(v.data + len, zeros, KVSP_PADDING);
}

START_TEST(buffers_copy) {
  static const size_t lengths[] = {0, 1, 63, 64, 65, 4096, 100000};
  static uint8_t data[100000];
  struct test_allocator a;

  test_allocator_init(&a);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    kvsp_buf *b = NULL;
    kvsp_view v = {data, lengths[i]};
    memset(data, 0x33, sizeof data);
    ck_assert_int_eq(kvsp_buf_copy(&b, v, &a.allocator), KVSP_OK);
    ck_assert_uint_eq(a.live_blocks, 1);
    ck_assert_uint_ge(a.live_bytes, lengths[i] + KVSP_PADDING);
    ck_assert_uint_le(a.live_bytes, lengths[i] + KVSP_PADDING + 256);
    memset(data, 0x44, sizeof data);
    ck_assert_ptr_ne(kvsp_buf_view(b).data, data);
    memset(data, 0x33, sizeof data);
    expect_padded(b, data, lengths[i]);
    kvsp_buf_unref(b);
    ck_assert_uint_eq(a.live_blocks, 0);
    ck_assert_uint_eq(a.live_bytes, 0);
  }
}
END_TEST

START_TEST(buffers_are_counted) {
  struct test_allocator a;
  kvsp_buf *b = NULL;
  const kvsp_view v = {(const uint8_t *)"frame", 5};

  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_buf_copy(&b, v, &a.allocator), KVSP_OK);
  ck_assert_ptr_eq(kvsp_buf_ref(b), b);
  ck_assert_ptr_eq(kvsp_buf_ref(b), b);
  ck_assert_uint_eq(a.calls, 1);
  kvsp_buf_unref(b);
  expect_padded(b, "frame", 5);
  kvsp_buf_unref(b);
  expect_padded(b, "frame", 5);
  ck_assert_uint_eq(a.releases, 0);
  kvsp_buf_unref(b);
  ck_assert_uint_eq(a.releases, 1);
  ck_assert_uint_eq(a.live_bytes, 0);
}
END_TEST

START_TEST(buffers_take_the_standard_allocator) {
  kvsp_buf *b = NULL;
  const kvsp_allocator none = {NULL, NULL, NULL, NULL};
  const kvsp_view v = {(const uint8_t *)"frame", 5};

  ck_assert_int_eq(kvsp_buf_copy(&b, v, NULL), KVSP_OK);
  expect_padded(b, "frame", 5);
  kvsp_buf_unref(b);
  ck_assert_int_eq(kvsp_buf_copy(&b, v, &none), KVSP_OK);
  expect_padded(b, "frame", 5);
  kvsp_buf_unref(b);
}
END_TEST

START_TEST(buffers_refuse) {
  struct test_allocator a;
  kvsp_buf *b = (kvsp_buf *)&a;
  const kvsp_view good = {(const uint8_t *)"frame", 5};
  const kvsp_view bad = {NULL, 5};
  const kvsp_view empty = {NULL, 0};
  const kvsp_view huge = {(const uint8_t *)"frame", SIZE_MAX - 50};

  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_buf_copy(NULL, good, &a.allocator), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_buf_copy(&b, bad, &a.allocator), KVSP_ERR_ARG);
  a.fail_at = 1;
  ck_assert_int_eq(kvsp_buf_copy(&b, good, &a.allocator), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(b);
  ck_assert_int_eq(kvsp_buf_copy(&b, huge, &a.allocator), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(b);
  ck_assert_uint_eq(a.live_blocks, 0);
  ck_assert_int_eq(kvsp_buf_copy(&b, empty, &a.allocator), KVSP_OK);
  expect_padded(b, NULL, 0);
  kvsp_buf_unref(b);
  ck_assert_ptr_null(kvsp_buf_ref(NULL));
  kvsp_buf_unref(NULL);
  ck_assert_ptr_null(kvsp_buf_view(NULL).data);
  ck_assert_uint_eq(kvsp_buf_view(NULL).len, 0);
}
END_TEST

#define THREAD_MS 300

static int64_t now_ms(void) {
  struct timespec t = {0, 0};
  (void)timespec_get(&t, TIME_UTC);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* By the clock, so that both surely run at once for a while. */
static void *ref_and_unref(void *user) {
  kvsp_buf *b = user;
  int64_t begin = now_ms();
  while (now_ms() - begin < THREAD_MS) {
    for (int i = 0; i < 10000; i++) {
      kvsp_buf *mine = kvsp_buf_ref(b);
      kvsp_buf_unref(mine);
    }
  }
  kvsp_buf_unref(b);
  return NULL;
}

/* Lost counts would free it too soon, or never. */
START_TEST(buffers_are_counted_from_two_threads) {
  struct test_allocator a;
  pthread_t threads[2];
  kvsp_buf *b = NULL;
  const kvsp_view v = {(const uint8_t *)"frame", 5};

  test_allocator_init(&a);
  ck_assert_int_eq(kvsp_buf_copy(&b, v, &a.allocator), KVSP_OK);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(
        pthread_create(&threads[i], NULL, ref_and_unref, kvsp_buf_ref(b)), 0);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_uint_eq(a.releases, 0);
  expect_padded(b, "frame", 5);
  kvsp_buf_unref(b);
  ck_assert_uint_eq(a.releases, 1);
  ck_assert_uint_eq(a.live_bytes, 0);
}
END_TEST

/* A slice lives longer than all that knew its storage. */
START_TEST(slices_keep_their_storage) {
  struct test_allocator a;
  struct memory m = {.max = 10000};
  kvsp_buf *storage = NULL, *slice = NULL;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_storage_new(&m, 1000, &storage), KVSP_OK);
  ck_assert_uint_eq(kvsp_storage_capacity(storage), 1000);
  ck_assert_int_eq(kvsp_storage_is_shared(storage), 0);
  ck_assert_uint_ge(m.used, 1000 + KVSP_PADDING);
  memset(kvsp_storage_bytes(storage), 0, 1000 + KVSP_PADDING);
  memcpy(kvsp_storage_bytes(storage) + 900, "slice", 5);
  ck_assert_int_eq(
      kvsp_slice_new(storage, kvsp_storage_bytes(storage) + 900, 5, &slice),
      KVSP_OK);
  ck_assert_int_eq(kvsp_storage_is_shared(storage), 1);
  kvsp_storage_release(&m, storage);
  ck_assert_uint_eq(m.used, 0);
  expect_padded(slice, "slice", 5);
  kvsp_buf_unref(slice);
  ck_assert_uint_eq(a.live_blocks, 0);
  kvsp_storage_release(&m, NULL);
}
END_TEST

START_TEST(slices_fail_cleanly) {
  struct test_allocator a;
  struct memory m = {.max = 10000};
  kvsp_buf *storage = NULL, *slice = NULL;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_storage_new(&m, 10, &storage), KVSP_OK);
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(
      kvsp_slice_new(storage, kvsp_storage_bytes(storage), 5, &slice),
      KVSP_ERR_NOMEM);
  ck_assert_ptr_null(slice);
  ck_assert_int_eq(kvsp_storage_is_shared(storage), 0);
  kvsp_storage_release(&m, storage);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(storage_changes_its_size) {
  struct test_allocator a;
  struct memory m = {.max = 5000};
  kvsp_buf *storage = NULL;
  uint64_t before;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_storage_new(&m, 10, &storage), KVSP_OK);
  memcpy(kvsp_storage_bytes(storage), "0123456789", 10);
  ck_assert_int_eq(kvsp_storage_resize(&m, &storage, 3000), KVSP_OK);
  ck_assert_uint_eq(kvsp_storage_capacity(storage), 3000);
  ck_assert_mem_eq(kvsp_storage_bytes(storage), "0123456789", 10);
  before = m.used;
  ck_assert_int_eq(kvsp_storage_resize(&m, &storage, 5000),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_storage_resize(&m, &storage, SIZE_MAX - 10),
                   KVSP_ERR_LIMIT_MEMORY);
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_storage_resize(&m, &storage, 4000), KVSP_ERR_NOMEM);
  ck_assert_uint_eq(kvsp_storage_capacity(storage), 3000);
  ck_assert_uint_eq(m.used, before);
  ck_assert_uint_eq(a.live_bytes, before);
  kvsp_storage_release(&m, storage);
  ck_assert_uint_eq(m.used, 0);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* ---- accounted memory ---------------------------------------------------- */

START_TEST(memory_is_limited) {
  struct test_allocator a;
  struct memory m = {.max = 100};
  void *p = NULL, *q = NULL;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_memory_alloc(&m, 101, &p), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_eq(a.calls, 0); /* asked nobody */
  ck_assert_int_eq(kvsp_memory_alloc(&m, 60, &p), KVSP_OK);
  ck_assert_int_eq(kvsp_memory_alloc(&m, 41, &q), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_memory_alloc(&m, SIZE_MAX, &q), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_memory_alloc(&m, SIZE_MAX - 59, &q),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_ptr_null(q);
  ck_assert_uint_eq(m.used, 60);
  ck_assert_int_eq(kvsp_memory_alloc(&m, 40, &q), KVSP_OK);
  ck_assert_uint_eq(m.used, 100);
  kvsp_memory_release(&m, p, 60);
  ck_assert_uint_eq(m.used, 40);
  m.max = 20; /* below what is held */
  ck_assert_int_eq(kvsp_memory_alloc(&m, 1, &p), KVSP_ERR_LIMIT_MEMORY);
  m.max = SIZE_MAX; /* no sum wraps */
  ck_assert_int_eq(kvsp_memory_alloc(&m, SIZE_MAX, &p), KVSP_ERR_LIMIT_MEMORY);
  kvsp_memory_release(&m, q, 40);
  kvsp_memory_release(&m, NULL, 7);
  ck_assert_uint_eq(m.used, 0);
  ck_assert_uint_eq(m.peak, 100);
  ck_assert_uint_eq(a.live_bytes, 0);
}
END_TEST

START_TEST(memory_is_resized) {
  struct test_allocator a;
  struct memory m = {.max = 100};
  void *p = NULL;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 0, 10), KVSP_OK);
  memcpy(p, "0123456789", 10);
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 10, 100), KVSP_OK);
  ck_assert_mem_eq(p, "0123456789", 10);
  ck_assert_uint_eq(m.used, 100);
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 100, 101), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_eq(m.used, 100);
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 100, 5), KVSP_OK);
  ck_assert_mem_eq(p, "01234", 5);
  ck_assert_uint_eq(m.used, 5);
  ck_assert_uint_eq(m.peak, 100);
  ck_assert_uint_eq(a.live_bytes, 5);
  kvsp_memory_release(&m, p, 5);
  ck_assert_uint_eq(m.used, 0);
}
END_TEST

START_TEST(memory_fails_cleanly) {
  struct test_allocator a;
  struct memory m = {.max = 1000};
  void *p = NULL, *before;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_memory_alloc(&m, 10, &p), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(p);
  ck_assert_uint_eq(m.used, 0);
  ck_assert_uint_eq(m.peak, 0);
  ck_assert_int_eq(kvsp_memory_alloc(&m, 10, &p), KVSP_OK);
  before = p;
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 10, 20), KVSP_ERR_NOMEM);
  ck_assert_uint_eq(m.used, 10);
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_memory_resize(&m, &p, 10, 5), KVSP_ERR_NOMEM);
  ck_assert_uint_eq(m.used, 10);
  ck_assert_ptr_eq(p, before);
  kvsp_memory_release(&m, p, 10);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(memory_changes_its_owner) {
  struct test_allocator a;
  struct memory m = {.max = 1000};
  void *p = NULL;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  ck_assert_int_eq(kvsp_memory_alloc(&m, 10, &p), KVSP_OK);
  kvsp_memory_disown(&m, 10);
  ck_assert_uint_eq(m.used, 0);
  a.allocator.release(&a, p, 10);
}
END_TEST

/* A thousand elements, one by one: the same ones at the end, and not more
 * than a few dozen steps. */
START_TEST(arrays_grow) {
  struct test_allocator a;
  struct memory m = {.max = 100000};
  void *array = NULL;
  size_t capacity = 0;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  for (uint32_t i = 0; i < 1000; i++) {
    ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, i, sizeof i),
                     KVSP_OK);
    ck_assert_uint_gt(capacity, i);
    ((uint32_t *)array)[i] = i * 3;
  }
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert_uint_eq(((uint32_t *)array)[i], i * 3);
  ck_assert_uint_le(a.calls, 20);
  ck_assert_uint_eq(m.used, capacity * sizeof(uint32_t));
  kvsp_memory_release(&m, array, capacity * sizeof(uint32_t));
  ck_assert_uint_eq(a.live_bytes, 0);
}
END_TEST

START_TEST(arrays_fail_cleanly) {
  struct test_allocator a;
  struct memory m = {.max = 100};
  void *array = NULL;
  size_t capacity = 0;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, 0, 4),
                   KVSP_ERR_NOMEM);
  ck_assert_uint_eq(capacity, 0);
  ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, 0, 10), KVSP_OK);
  ck_assert_uint_eq(capacity, 8);
  ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, 8, 10),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_uint_eq(capacity, 8);
  m.max = 200; /* raised: the call can be repeated */
  ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, 8, 10), KVSP_OK);
  ck_assert_uint_gt(capacity, 8);
  kvsp_memory_release(&m, array, capacity * 10);
  array = NULL;
  capacity = SIZE_MAX / 16; /* no multiplication wraps */
  ck_assert_int_eq(kvsp_memory_grow(&m, &array, &capacity, capacity, 100),
                   KVSP_ERR_LIMIT_MEMORY);
}
END_TEST

/* ---- the arena ----------------------------------------------------------- */

static void expect_zeros(const void *p, size_t size) {
  const uint8_t *bytes = p;
  size_t set = 0;
  for (size_t i = 0; i < size; i++) set += bytes[i] != 0;
  ck_assert_uint_eq(set, 0);
}

START_TEST(arena_gives_zeroed_and_aligned_memory) {
  struct test_allocator a;
  struct memory m = {.max = 1 << 20};
  struct arena arena;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  kvsp_arena_init(&arena, &m);
  for (int round = 0; round < 3; round++) {
    for (size_t size = 0; size < 300; size++) {
      void *p = NULL;
      ck_assert_int_eq(kvsp_arena_alloc(&arena, size, &p), KVSP_OK);
      ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
      expect_zeros(p, size);
      memset(p, 0xFF, size);
    }
    kvsp_arena_reset(&arena); /* what comes next was full of 0xFF */
  }
  ck_assert_uint_eq(a.live_bytes, m.used);
  kvsp_arena_clear(&arena);
  ck_assert_uint_eq(m.used, 0);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(arena_copies_do_not_overlap) {
  struct memory m = {.max = 1 << 20};
  struct arena arena;
  kvsp_view copies[100], empty = {NULL, 0};
  uint8_t bytes[100];

  ck_assert_int_eq(kvsp_allocator_init(&m.allocator, NULL), KVSP_OK);
  kvsp_arena_init(&arena, &m);
  for (size_t i = 0; i < 100; i++) {
    kvsp_view v = {bytes, i};
    memset(bytes, (int)i, sizeof bytes);
    ck_assert_int_eq(kvsp_arena_copy(&arena, v, &copies[i]), KVSP_OK);
  }
  for (size_t i = 0; i < 100; i++) {
    memset(bytes, (int)i, sizeof bytes);
    ck_assert_uint_eq(copies[i].len, i);
    ck_assert_ptr_nonnull(copies[i].data);
    ck_assert_mem_eq(copies[i].data, bytes, i);
  }
  ck_assert_int_eq(kvsp_arena_copy(&arena, empty, &copies[0]), KVSP_OK);
  ck_assert_ptr_nonnull(copies[0].data);
  ck_assert_uint_eq(copies[0].len, 0);
  kvsp_arena_clear(&arena);
}
END_TEST

/* A fragment like the one before costs no call of the allocator; one with
 * something large does not keep it. */
START_TEST(arena_is_kept_for_the_next_fragment) {
  struct test_allocator a;
  struct memory m = {.max = 1 << 20};
  struct arena arena;
  void *p = NULL;
  uint64_t small;

  test_allocator_init(&a);
  m.allocator = a.allocator;
  kvsp_arena_init(&arena, &m);
  kvsp_arena_reset(&arena);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, 100, &p), KVSP_OK);
  small = m.used;
  for (int i = 0; i < 50; i++) {
    kvsp_arena_reset(&arena);
    ck_assert_int_eq(kvsp_arena_alloc(&arena, 100, &p), KVSP_OK);
  }
  ck_assert_uint_eq(a.calls, 1);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, 100000, &p), KVSP_OK);
  expect_zeros(p, 100000);
  kvsp_arena_reset(&arena);
  ck_assert_uint_eq(m.used, small);
  kvsp_arena_clear(&arena);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, 100000, &p), KVSP_OK);
  kvsp_arena_reset(&arena);
  ck_assert_uint_le(m.used, small);
  kvsp_arena_clear(&arena);
  ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(arena_fails_cleanly) {
  struct test_allocator a;
  struct memory m = {.max = 20000};
  struct arena arena;
  void *p = NULL;
  kvsp_view v = {(const uint8_t *)"abc", 3}, copy = {NULL, 0};

  test_allocator_init(&a);
  m.allocator = a.allocator;
  kvsp_arena_init(&arena, &m);
  test_allocator_fail_after(&a, 0);
  ck_assert_int_eq(kvsp_arena_copy(&arena, v, &copy), KVSP_ERR_NOMEM);
  ck_assert_ptr_null(copy.data);
  ck_assert_int_eq(kvsp_arena_copy(&arena, v, &copy), KVSP_OK);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, 20000, &p), KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, SIZE_MAX, &p),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, SIZE_MAX - 3, &p),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_int_eq(kvsp_arena_alloc(&arena, SIZE_MAX / 2, &p),
                   KVSP_ERR_LIMIT_MEMORY);
  ck_assert_ptr_null(p);
  m.max = 50000;
  ck_assert_int_eq(kvsp_arena_alloc(&arena, 20000, &p), KVSP_OK);
  ck_assert_mem_eq(copy.data, "abc", 3);
  kvsp_arena_clear(&arena);
  ck_assert_uint_eq(a.live_blocks, 0);
  ck_assert_uint_eq(m.used, 0);
}
END_TEST

/* ---- times --------------------------------------------------------------- */

static const struct {
  const char *text;
  int64_t ns;
} seconds[] = {
    {"1511852109.126", INT64_C(1511852109126000000)},
    {"1511852108.513", INT64_C(1511852108513000000)},
    {"0.000", 0},
    {"45.000", INT64_C(45000000000)},
    {"7", INT64_C(7000000000)},
    {"7.", INT64_C(7000000000)},
    {"-0.5", -500000000},
    {"-1.25", -1250000000},
    {"+2.5", INT64_C(2500000000)},
    {"-0", 0},
    {"0.000000001", 1},
    {"0.123456789", 123456789},
    {"0.1234567899", 123456789}, /* cut, not rounded */
    {"0.9999999999", 999999999},
    {"-0.0000000019", -1},
    {"0.1000000000000000000000000000000", 100000000},
    {"0000000000000000000000000000000001.5", 1500000000},
    {"9223372036.854775807", INT64_MAX},
    {"-9223372036.854775807", -INT64_MAX},
    {"9223372036.854775808", KVSP_TIME_NONE},
    {"-9223372036.854775808", KVSP_TIME_NONE},
    {"9223372037", KVSP_TIME_NONE},
    {"9223372036854775807", KVSP_TIME_NONE},
    {"9223372036854775808", KVSP_TIME_NONE},
    {"99999999999999999999999999.5", KVSP_TIME_NONE},
    {"", KVSP_TIME_NONE},
    {"-", KVSP_TIME_NONE},
    {"+", KVSP_TIME_NONE},
    {".", KVSP_TIME_NONE},
    {".5", KVSP_TIME_NONE},
    {"--1", KVSP_TIME_NONE},
    {"-+1", KVSP_TIME_NONE},
    {" 1", KVSP_TIME_NONE},
    {"1 ", KVSP_TIME_NONE},
    {"1,5", KVSP_TIME_NONE},
    {"1.5.5", KVSP_TIME_NONE},
    {"1.-5", KVSP_TIME_NONE},
    {"1e3", KVSP_TIME_NONE},
    {"0x10", KVSP_TIME_NONE},
    {"1.0000000000x", KVSP_TIME_NONE},
    {"nan", KVSP_TIME_NONE},
    {"inf", KVSP_TIME_NONE},
    {"1/2", KVSP_TIME_NONE},
    {"1:2", KVSP_TIME_NONE},
};

static kvsp_view view_of(const char *text) {
  kvsp_view v = {(const uint8_t *)text, strlen(text)};
  return v;
}

/* The text is copied to where its end is the memory's end. */
START_TEST(decimal_seconds) {
  size_t len = strlen(seconds[_i].text);
  uint8_t *tight = malloc(len ? len : 1);
  kvsp_view v = {tight, len};

  ck_assert_ptr_nonnull(tight);
  memcpy(tight, seconds[_i].text, len);
  ck_assert_msg(kvsp_time_parse_seconds(v) == seconds[_i].ns,
                "\"%s\" became %" PRId64, seconds[_i].text,
                kvsp_time_parse_seconds(v));
  free(tight);
}
END_TEST

START_TEST(every_other_byte_is_junk) {
  uint8_t text[3] = {'1', (uint8_t)_i, '5'};
  kvsp_view v = {text, 3};
  int digit = _i >= '0' && _i <= '9';

  ck_assert_int_eq(kvsp_time_parse_seconds(v) != KVSP_TIME_NONE,
                   digit || _i == '.');
  ck_assert_int_eq(kvsp_time_parse_integer(v) != KVSP_TIME_NONE, digit);
}
END_TEST

START_TEST(integers) {
  static const struct {
    const char *text;
    int64_t value;
  } cases[] = {
      {"0", 0},
      {"7", 7},
      {"-7", -7},
      {"+7", 7},
      {"007", 7},
      {"4500", 4500},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775807", -INT64_MAX},
      {"9223372036854775808", KVSP_TIME_NONE},
      {"-9223372036854775808", KVSP_TIME_NONE},
      {"92233720368547758070", KVSP_TIME_NONE},
      {"", KVSP_TIME_NONE},
      {"-", KVSP_TIME_NONE},
      {"1.0", KVSP_TIME_NONE},
      {"1 ", KVSP_TIME_NONE},
      {" 1", KVSP_TIME_NONE},
      {"1-", KVSP_TIME_NONE},
      {"abc", KVSP_TIME_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    ck_assert_msg(
        kvsp_time_parse_integer(view_of(cases[i].text)) == cases[i].value,
        "\"%s\"", cases[i].text);
}
END_TEST

START_TEST(no_text_is_no_time) {
  const kvsp_view none = {NULL, 0};
  ck_assert_int_eq(kvsp_time_parse_seconds(none), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_parse_integer(none), KVSP_TIME_NONE);
}
END_TEST

START_TEST(times_do_not_wrap) {
  const int64_t none = KVSP_TIME_NONE;

  ck_assert_int_eq(kvsp_time_scale(3, 1000000), 3000000);
  ck_assert_int_eq(kvsp_time_scale(-3, 1000000), -3000000);
  ck_assert_int_eq(kvsp_time_scale(0, UINT64_MAX >> 1), 0);
  ck_assert_int_eq(kvsp_time_scale(1, INT64_MAX), INT64_MAX);
  ck_assert_int_eq(kvsp_time_scale(2, INT64_MAX), none);
  ck_assert_int_eq(kvsp_time_scale(1, (uint64_t)INT64_MAX + 1), none);
  ck_assert_int_eq(kvsp_time_scale(1, UINT64_MAX), none);
  ck_assert_int_eq(kvsp_time_scale(none, 1), none);
  ck_assert_int_eq(kvsp_time_scale(none, 0), none);
  ck_assert_int_eq(kvsp_time_add(INT64_MAX - 1, 1), INT64_MAX);
  ck_assert_int_eq(kvsp_time_add(INT64_MAX, 1), none);
  ck_assert_int_eq(kvsp_time_add(-INT64_MAX, -2), none);
  ck_assert_int_eq(kvsp_time_add(none, 1), none);
  ck_assert_int_eq(kvsp_time_add(1, none), none);
  ck_assert_int_eq(kvsp_time_subtract(3, 5), -2);
  ck_assert_int_eq(kvsp_time_subtract(-INT64_MAX, 2), none);
  ck_assert_int_eq(kvsp_time_subtract(INT64_MAX, -1), none);
  ck_assert_int_eq(kvsp_time_subtract(none, 1), none);
  ck_assert_int_eq(kvsp_time_subtract(1, none), none);
}
END_TEST

/* TrackTimestampScale, in 1/2^32. */
#define ONE (UINT64_C(1) << 32)

START_TEST(times_of_blocks) {
  ck_assert_int_eq(kvsp_time_of_block(1000, 40, ONE, 1000000), 1040000000);
  ck_assert_int_eq(kvsp_time_of_block(1000, -40, ONE, 1000000), 960000000);
  ck_assert_int_eq(kvsp_time_of_block(0, -40, ONE, 100), -4000);
  ck_assert_int_eq(kvsp_time_of_block(1511852108513, 0, ONE, 1000000),
                   INT64_C(1511852108513000000));
  ck_assert_int_eq(kvsp_time_of_block(UINT64_MAX, 0, ONE, 1), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_of_block(INT64_MAX, 1, ONE, 1), KVSP_TIME_NONE);
  ck_assert_int_eq(kvsp_time_of_block(INT64_MAX, -1, ONE, 1), INT64_MAX - 1);
  ck_assert_int_eq(kvsp_time_of_block(INT64_MAX / 2, 0, ONE, 3),
                   KVSP_TIME_NONE);
  /* Only the Block's own time is scaled. */
  ck_assert_int_eq(kvsp_time_of_block(1000, 40, ONE / 2, 1000000), 1020000000);
  ck_assert_int_eq(kvsp_time_of_block(1000, -40, ONE * 2, 1000000), 920000000);
  ck_assert_int_eq(kvsp_time_of_block(0, 1, ONE / 3, 1000000000), 333333333);
  ck_assert_int_eq(kvsp_time_of_block(0, 1, UINT64_MAX, UINT64_MAX),
                   KVSP_TIME_NONE);
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

static TCase *status_case(void) {
  TCase *tc = tcase_create("status");
  tcase_add_test(tc, every_status_has_its_own_name_and_sentence);
  tcase_add_test(tc, unknown_statuses_are_never_null);
  tcase_add_test(tc, fatal_is_a_range);
  tcase_add_test(tc, version_is_the_headers);
  tcase_add_test(tc, sizes_of_structs);
  tcase_add_test(tc, limits_have_defaults);
  tcase_add_test(tc, limits_fit_a_size);
  tcase_add_test(tc, limits_of_another_size_are_refused);
  tcase_add_loop_test(tc, half_set_allocators_are_refused, 0, 8);
  return tc;
}

static TCase *buffer_case(void) {
  TCase *tc = tcase_create("buffer");
  tcase_add_test(tc, buffers_copy);
  tcase_add_test(tc, buffers_are_counted);
  tcase_add_test(tc, buffers_take_the_standard_allocator);
  tcase_add_test(tc, buffers_refuse);
  tcase_add_test(tc, buffers_are_counted_from_two_threads);
  tcase_add_test(tc, slices_keep_their_storage);
  tcase_add_test(tc, slices_fail_cleanly);
  tcase_add_test(tc, storage_changes_its_size);
  return tc;
}

static TCase *memory_case(void) {
  TCase *tc = tcase_create("memory");
  tcase_add_test(tc, memory_is_limited);
  tcase_add_test(tc, memory_is_resized);
  tcase_add_test(tc, memory_fails_cleanly);
  tcase_add_test(tc, memory_changes_its_owner);
  tcase_add_test(tc, arrays_grow);
  tcase_add_test(tc, arrays_fail_cleanly);
  tcase_add_test(tc, arena_gives_zeroed_and_aligned_memory);
  tcase_add_test(tc, arena_copies_do_not_overlap);
  tcase_add_test(tc, arena_is_kept_for_the_next_fragment);
  tcase_add_test(tc, arena_fails_cleanly);
  return tc;
}

static TCase *times_case(void) {
  TCase *tc = tcase_create("times");
  int count = (int)(sizeof seconds / sizeof *seconds);
  tcase_add_loop_test(tc, decimal_seconds, 0, count);
  tcase_add_loop_test(tc, every_other_byte_is_junk, 0, 256);
  tcase_add_test(tc, integers);
  tcase_add_test(tc, no_text_is_no_time);
  tcase_add_test(tc, times_do_not_wrap);
  tcase_add_test(tc, times_of_blocks);
  return tc;
}

int main(void) {
  Suite *suite = suite_create("common");
  suite_add_tcase(suite, status_case());
  suite_add_tcase(suite, buffer_case());
  suite_add_tcase(suite, memory_case());
  suite_add_tcase(suite, times_case());
  return run_suite(suite);
}
