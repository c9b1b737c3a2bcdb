#include "fetch.h"

#include <stdio.h>
#include <string.h>

int kvsp_fetch_init(struct fetch *f, const kvsp_allocator *a,
                    const kvsp_limits *limits, uint64_t max_memory) {
  kvsp_reader_config config;
  memset(f, 0, sizeof *f);
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.allocator = a;
  config.limits = limits;
  f->allocator = a;
  f->max_memory = max_memory;
  return kvsp_reader_new(&f->reader, &config);
}

void kvsp_fetch_release(const struct fetch *f, struct arrived *arrived) {
  if (!arrived) return;
  kvsp_net_release(f->allocator, arrived->data, arrived->len);
  kvsp_net_release(f->allocator, arrived, sizeof *arrived);
}

void kvsp_fetch_free(struct fetch *f) {
  for (size_t i = 0; i < f->count; i++) {
    kvsp_fetch_release(f, f->wanted[i].arrived);
    kvsp_net_strfree(f->allocator, f->wanted[i].number);
  }
  kvsp_net_release(f->allocator, f->wanted, f->capacity * sizeof *f->wanted);
  kvsp_net_release(f->allocator, f->hold, f->hold_capacity);
  kvsp_reader_free(f->reader);
  f->reader = NULL;
  f->wanted = NULL;
  f->hold = NULL;
  f->count = f->capacity = f->hold_capacity = 0;
}

/* ---- the list ------------------------------------------------------------ */

static int make_room(struct fetch *f) {
  size_t wanted = f->capacity ? f->capacity * 2 : 128;
  struct wanted *grown;
  if (f->count < f->capacity) return KVSP_OK;
  if (wanted > SIZE_MAX / sizeof *grown) return KVSP_ERR_NOMEM;
  grown = kvsp_net_alloc(f->allocator, wanted * sizeof *grown);
  if (!grown) return KVSP_ERR_NOMEM;
  if (f->count > 0) memcpy(grown, f->wanted, f->count * sizeof *grown);
  kvsp_net_release(f->allocator, f->wanted, f->capacity * sizeof *grown);
  f->wanted = grown;
  f->capacity = wanted;
  return KVSP_OK;
}

int kvsp_fetch_want(struct fetch *f, const char *number) {
  size_t len = number ? strspn(number, "0123456789") : 0;
  int rc;
  if (len == 0 || len > 128 || number[len]) return KVSP_ERR_ARG;
  rc = make_room(f);
  if (rc != KVSP_OK) return rc;
  f->wanted[f->count].number = kvsp_net_strdup(f->allocator, number);
  if (!f->wanted[f->count].number) return KVSP_ERR_NOMEM;
  f->count++;
  return KVSP_OK;
}

unsigned kvsp_fetch_batch(struct fetch *f, unsigned max) {
  unsigned asked = 0;
  if (f->first == f->end)
    f->end = max < f->count - f->first ? f->first + max : f->count;
  for (size_t i = f->first; i < f->end; i++) {
    f->wanted[i].asked = !f->wanted[i].arrived;
    if (f->wanted[i].asked) asked++;
  }
  return asked;
}

bool kvsp_fetch_shrink(struct fetch *f) {
  size_t size = f->end - f->first;
  for (size_t i = f->first; i < f->end; i++) {
    kvsp_fetch_release(f, f->wanted[i].arrived);
    f->wanted[i].arrived = NULL;
  }
  f->waiting = 0;
  if (size < 2) return false;
  f->end = f->first + size / 2;
  return true;
}

bool kvsp_fetch_has_front(const struct fetch *f) {
  return f->first < f->count && f->wanted[f->first].arrived;
}

struct arrived *kvsp_fetch_take(struct fetch *f) {
  struct arrived *arrived;
  if (!kvsp_fetch_has_front(f)) return NULL;
  arrived = f->wanted[f->first].arrived;
  f->wanted[f->first++].arrived = NULL;
  f->waiting -= arrived->len;
  return arrived;
}

/* ---- what comes ---------------------------------------------------------- */

bool kvsp_fetch_error_passes(uint32_t error_id) {
  return error_id == 3002 || error_id == 4503 || error_id == 5000;
}

/* Text of the service's, in one line. */
static void copy_line(char *out, size_t size, kvsp_view from) {
  size_t len = from.len < size - 1 ? from.len : size - 1;
  for (size_t i = 0; i < len; i++) {
    bool odd = from.data[i] < ' ' || from.data[i] == 0x7F;
    out[i] = (char)(odd ? '?' : from.data[i]);
  }
  out[len] = '\0';
}

static void copy_error(const kvsp_fragment *fragment, char *name,
                       char *message) {
  const char *text = kvsp_fragment_error_text(fragment->error_id);
  copy_line(name, FETCH_NAME_SIZE, fragment->error_code);
  if (!name[0])
    snprintf(name, FETCH_NAME_SIZE, "%u", (unsigned)fragment->error_id);
  copy_line(message, FETCH_MESSAGE_SIZE, fragment->error_message);
  if (!message[0])
    snprintf(message, FETCH_MESSAGE_SIZE, "%s", text ? text : "");
}

static struct arrived *new_arrived(struct fetch *f, struct wanted *wanted) {
  struct arrived *arrived = kvsp_net_alloc(f->allocator, sizeof *arrived);
  if (!arrived) return NULL;
  arrived->server_time_ns = KVSP_TIME_NONE;
  arrived->producer_time_ns = KVSP_TIME_NONE;
  wanted->arrived = arrived;
  f->answered++;
  return arrived;
}

/* The first one of that number that is asked for; NULL: nobody does. */
static struct wanted *find(struct fetch *f, kvsp_view number) {
  for (size_t i = f->first; i < f->end; i++) {
    struct wanted *wanted = &f->wanted[i];
    kvsp_view own = {(const uint8_t *)wanted->number, 0};
    if (!wanted->asked) continue;
    own.len = strlen(wanted->number);
    if (kvsp_fragment_number_compare(own, number) == 0) return wanted;
  }
  return NULL;
}

static int take_error(struct fetch *f, struct wanted *wanted,
                      const kvsp_fragment *fragment) {
  struct arrived *arrived;
  if (kvsp_fetch_error_passes(fragment->error_id) &&
      ++wanted->tries < FETCH_TRIES_MAX)
    return KVSP_OK;
  arrived = new_arrived(f, wanted);
  if (!arrived) return KVSP_ERR_NOMEM;
  arrived->failed = true;
  copy_error(fragment, arrived->name, arrived->message);
  return KVSP_OK;
}

static int take_media(struct fetch *f, struct wanted *wanted,
                      const kvsp_fragment *fragment) {
  size_t at = (size_t)(fragment->offset - f->hold_offset);
  size_t len = (size_t)fragment->size;
  uint8_t *data = f->allocator->alloc(f->allocator->user, len);
  struct arrived *arrived = data ? new_arrived(f, wanted) : NULL;
  if (!arrived) {
    kvsp_net_release(f->allocator, data, len);
    return KVSP_ERR_NOMEM;
  }
  memcpy(data, f->hold + at, len);
  arrived->data = data;
  arrived->len = len;
  arrived->server_time_ns = fragment->server_time_ns;
  arrived->producer_time_ns = fragment->producer_time_ns;
  f->waiting += len;
  return KVSP_OK;
}

/* Nothing of an answer that broke off may be taken for a whole fragment. */
static bool is_cut(const struct fetch *f) {
  return f->closing && (!f->whole || f->ragged);
}

static int take_document(struct fetch *f, const kvsp_fragment *fragment) {
  struct wanted *wanted;
  if (is_cut(f)) return KVSP_OK;
  if (fragment->number.len == 0) {
    if (fragment->error_id == 0) return KVSP_OK;
    f->error_id = fragment->error_id;
    copy_error(fragment, f->error_name, f->error_message);
    return KVSP_OK;
  }
  wanted = find(f, fragment->number);
  if (!wanted) return KVSP_OK;
  wanted->asked = false;
  if ((size_t)(wanted - f->wanted) >= f->told_end)
    f->told_end = (size_t)(wanted - f->wanted) + 1;
  return fragment->error_id ? take_error(f, wanted, fragment)
                            : take_media(f, wanted, fragment);
}

static void take_off(struct fetch *f, uint64_t offset) {
  size_t len = (size_t)(offset - f->hold_offset);
  f->hold_len -= len;
  f->hold_offset = offset;
  if (f->hold_len > 0) memmove(f->hold, f->hold + len, f->hold_len);
}

static int read_items(struct fetch *f) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(f->reader, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(f->reader, &item)) {
    int status = KVSP_OK;
    if (item->type == KVSP_ITEM_GAP && item->gap->status == KVSP_ERR_TRUNCATED)
      f->ragged = true;
    if (item->type != KVSP_ITEM_FRAGMENT_END) continue;
    status = take_document(f, item->fragment);
    if (status != KVSP_OK) return status;
    take_off(f, item->fragment->offset + item->fragment->size);
    f->ragged = false;
  }
  return rc == KVSP_NEED_INPUT || rc == KVSP_END ? KVSP_OK : rc;
}

/* ---- answers ------------------------------------------------------------- */

int kvsp_fetch_open(struct fetch *f) {
  f->hold_len = 0;
  f->hold_offset = 0;
  f->closing = false;
  f->ragged = false;
  f->answered = 0;
  f->told_end = 0;
  f->error_id = 0;
  return kvsp_reader_reset(f->reader);
}

static int keep(struct fetch *f, const void *data, size_t len) {
  size_t wanted = f->hold_capacity ? f->hold_capacity : 32768;
  uint8_t *grown;
  uint64_t used = (uint64_t)f->waiting + f->hold_len;
  if (used > f->max_memory || len > f->max_memory - used)
    return KVSP_ERR_LIMIT_MEMORY;
  while (wanted < f->hold_len + len) wanted *= 2;
  if (wanted > f->hold_capacity) {
    grown = f->allocator->alloc(f->allocator->user, wanted);
    if (!grown) return KVSP_ERR_NOMEM;
    if (f->hold_len > 0) memcpy(grown, f->hold, f->hold_len);
    kvsp_net_release(f->allocator, f->hold, f->hold_capacity);
    f->hold = grown;
    f->hold_capacity = wanted;
  }
  memcpy(f->hold + f->hold_len, data, len);
  f->hold_len += len;
  return KVSP_OK;
}

int kvsp_fetch_feed(struct fetch *f, const void *data, size_t len) {
  int rc = keep(f, data, len);
  if (rc == KVSP_OK) rc = kvsp_reader_input(f->reader, data, len, 0);
  return rc == KVSP_OK ? read_items(f) : rc;
}

/*
 * What a whole answer left out.  It may have been cut short without a word: one
 * is only held to be left out where the answer told of one behind it, or of
 * none at all.
 */
static int count_left_out(struct fetch *f) {
  size_t end = f->told_end > 0 ? f->told_end : f->end;
  for (size_t i = f->first; i < end; i++) {
    struct wanted *wanted = &f->wanted[i];
    struct arrived *arrived;
    if (!wanted->asked || ++wanted->tries < FETCH_TRIES_MAX) continue;
    arrived = new_arrived(f, wanted);
    if (!arrived) return KVSP_ERR_NOMEM;
    arrived->failed = true;
    snprintf(arrived->message, sizeof arrived->message, "%s",
             "the service did not send it");
  }
  return KVSP_OK;
}

int kvsp_fetch_close(struct fetch *f, bool whole) {
  int rc;
  f->closing = true;
  f->whole = whole;
  rc = kvsp_reader_input(f->reader, NULL, 0, KVSP_FINAL);
  if (rc == KVSP_OK) rc = read_items(f);
  f->hold_len = 0;
  if (rc == KVSP_OK && whole && f->error_id == 0) rc = count_left_out(f);
  return rc;
}
