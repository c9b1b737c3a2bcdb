#include "reader.h"

#include <string.h>

/* ---- making and freeing -------------------------------------------------- */

/* For resync: may a block of that track come? */
static bool knows_track(const void *user, uint64_t number) {
  const kvsp_reader *r = user;
  const struct track_list *tracks = &r->document->tracks;
  if (tracks->count == 0) return number > 0 && number <= 127;
  return track_find(tracks, number) != NULL;
}

static void init_state(kvsp_reader *r, const kvsp_limits *limits) {
  kvsp_tokenizer_init(&r->tokenizer, &r->memory, limits);
  r->tokenizer.recovers = !(r->flags & KVSP_READ_STRICT);
  r->tokenizer.rules.knows_track = knows_track;
  r->tokenizer.rules.user = r;
  if (r->flags & KVSP_READ_CHECK_CRC) kvsp_tokenizer_check_crc(&r->tokenizer);
  kvsp_scratch_init(&r->scratch, &r->memory);
  kvsp_head_init(&r->entries, &r->memory);
  if (r->flags & KVSP_READ_ENTRIES) r->head = &r->entries;
  r->audio.known = false;
  for (int i = 0; i < 2; i++)
    kvsp_document_init(&r->documents[i], &r->memory, &r->audio,
                       r->flags & KVSP_READ_DECOMPRESS ? &r->scratch : NULL);
  r->document = &r->documents[0];
  r->with_tracks = &r->documents[1];
  r->has_before = false;
  r->document_count = 0;
  r->document_open = false;
  r->event = NULL;
  r->passed_over = UINT64_MAX;
  r->block.count = 0;
  r->shown_next = 0;
  r->shown_last = 0;
  memset(r->shown, 0, sizeof r->shown);
  r->end_is_skipped = r->resyncing = r->at_end = r->busy = false;
  r->landed = r->torn = r->segment_seen = false;
  r->due = 0;
  r->showing_end = false;
  r->plain = false;
  r->failed = KVSP_OK;
  r->item.frame = NULL;
  (void)kvsp_reader_fail(r, KVSP_OK, 0, 0, kvsp_status_text(KVSP_OK));
}

static void clear_state(kvsp_reader *r) {
  kvsp_tokenizer_clear(&r->tokenizer);
  kvsp_document_clear(&r->documents[0]);
  kvsp_document_clear(&r->documents[1]);
  kvsp_scratch_clear(&r->scratch);
  kvsp_head_clear(&r->entries);
}

static int copy_track_numbers(kvsp_reader *r, const uint64_t *numbers,
                              size_t count) {
  void *copy = NULL;
  int rc;
  if (count == 0) return KVSP_OK;
  if (count > SIZE_MAX / sizeof *numbers) return KVSP_ERR_ARG;
  rc = kvsp_memory_alloc(&r->memory, count * sizeof *numbers, &copy);
  if (rc != KVSP_OK) return rc;
  memcpy(copy, numbers, count * sizeof *numbers);
  r->track_numbers = copy;
  r->track_number_count = count;
  return KVSP_OK;
}

static int check_config(const kvsp_reader_config *c) {
  const uint32_t known = KVSP_READ_STRICT | KVSP_READ_KEY_FRAMES |
                         KVSP_READ_NO_DATA | KVSP_READ_CHECK_CRC |
                         KVSP_READ_DECOMPRESS | KVSP_READ_ENTRIES;
  if (c->struct_size != sizeof *c) return KVSP_ERR_ARG;
  if (c->flags & ~known || c->reserved) return KVSP_ERR_ARG;
  if (!c->tracks && c->track_count) return KVSP_ERR_ARG;
  return KVSP_OK;
}

/* A zeroed reader within its own limits, of which it is the first to count. */
static int new_object(const kvsp_reader_config *config, kvsp_reader **out) {
  struct memory memory = {.used = 0};
  kvsp_limits limits;
  void *made = NULL;
  int rc = kvsp_limits_init(&limits, config->limits);
  if (rc == KVSP_OK)
    rc = kvsp_allocator_init(&memory.allocator, config->allocator);
  if (rc != KVSP_OK) return rc;
  memory.max = limits.max_memory;
  rc = kvsp_memory_alloc(&memory, sizeof **out, &made);
  if (rc != KVSP_OK) return rc;
  *out = made;
  memset(*out, 0, sizeof **out);
  (*out)->memory = memory;
  (*out)->flags = config->flags;
  init_state(*out, &limits);
  return KVSP_OK;
}

static int set_filters(kvsp_reader *r, const kvsp_reader_config *config) {
  r->track_types = config->track_types;
  r->filters = config->flags & KVSP_READ_KEY_FRAMES || config->track_types ||
               config->track_count;
  return copy_track_numbers(r, config->tracks, config->track_count);
}

int kvsp_reader_new(kvsp_reader **out, const kvsp_reader_config *config) {
  static const kvsp_reader_config defaults = {.struct_size = sizeof defaults};
  kvsp_reader *r;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!config) config = &defaults;
  rc = check_config(config);
  if (rc == KVSP_OK) rc = new_object(config, &r);
  if (rc != KVSP_OK) return rc;
  rc = set_filters(r, config);
  if (rc == KVSP_OK)
    *out = r;
  else
    kvsp_reader_free(r);
  return rc;
}

void kvsp_reader_free(kvsp_reader *r) {
  struct memory memory;
  if (!r) return;
  if (r->busy) { /* visit will do it */
    r->freed = true;
    return;
  }
  clear_state(r);
  kvsp_memory_release(&r->memory, r->track_numbers,
                      r->track_number_count * sizeof *r->track_numbers);
  memory = r->memory;
  kvsp_memory_release(&memory, r, sizeof *r);
}

int kvsp_reader_reset(kvsp_reader *r) {
  kvsp_limits limits;
  if (!r) return KVSP_ERR_ARG;
  if (r->busy) return KVSP_ERR_REENTRANT;
  limits = r->tokenizer.limits;
  clear_state(r);
  r->memory.peak = r->memory.used;
  init_state(r, &limits);
  return KVSP_OK;
}

/* ---- the loop ------------------------------------------------------------ */

/* After the last event: what is still open ends. */
static int at_end(kvsp_reader *r) {
  r->at_end = true;
  if (r->resyncing)
    kvsp_reader_end_resync(r, kvsp_tokenizer_offset(&r->tokenizer));
  if (!r->document_open) return READER_GO_ON;
  r->document->shown.size =
      kvsp_tokenizer_offset(&r->tokenizer) - r->document->shown.offset;
  r->due |= DUE_FRAGMENT_END;
  if (!r->document->announced) r->due |= DUE_FRAGMENT;
  return READER_GO_ON;
}

static int take_event(kvsp_reader *r) {
  const kvsp_event *e;
  int rc;
  if (r->failed) return r->failed;
  if (r->at_end) return KVSP_END;
  rc = kvsp_tokenizer_next(&r->tokenizer, &r->event);
  if (rc == KVSP_END) return at_end(r);
  if (rc < 0) return kvsp_reader_tokenizer_fault(r, rc);
  if (rc != KVSP_OK) return rc;
  e = r->event;
  if (r->resyncing)
    kvsp_reader_end_resync(
        r, e->type == KVSP_EVENT_MASTER_END ? e->data_offset : e->offset);
  return READER_GO_ON;
}

/* The event in hand was handled; where the head lacks the memory for it, it is
 * taken up by the next call. */
static int take_head(kvsp_reader *r) {
  bool is_faulty = r->event->offset == r->passed_over ||
                   (r->due & DUE_GAP && r->gap.status != KVSP_ERR_CRC);
  int rc = kvsp_head_take(r->head, r->event, is_faulty);
  r->head->behind = rc != KVSP_OK;
  return rc;
}

/* Handles the event in hand; it stays in hand when it must come again. */
static int handle_event(kvsp_reader *r) {
  bool handled = r->head && r->head->behind;
  int rc = r->failed; /* what was lent may be gone */
  if (rc == KVSP_OK && !handled) rc = kvsp_reader_handle_event(r);
  if (rc == READER_AGAIN) return READER_GO_ON;
  if (rc == KVSP_OK && r->head) rc = take_head(r);
  if (rc != KVSP_OK) return rc;
  if (r->event->type != KVSP_EVENT_MASTER_END) r->landed = false;
  r->event = NULL;
  return READER_GO_ON;
}

/* The next event that comes at once and says something: the values of an EBML
 * header, which has nothing but the tokenizer's rules, are not handled. */
static bool next_at_hand(kvsp_reader *r) {
  const kvsp_event *e = &r->tokenizer.event;
  do {
    if (!kvsp_tokenizer_next_at_hand(&r->tokenizer)) return false;
  } while (e->depth == 1 && e->type == KVSP_EVENT_VALUE && !r->head);
  r->event = e;
  return true;
}

/* The event in hand, and those behind it for which little has to be asked:
 * most of a fragment's head. */
static int handle_events(kvsp_reader *r) {
  for (;;) {
    int rc = handle_event(r);
    if (rc != READER_GO_ON || r->event || r->due || r->resyncing ||
        reader_block_is_due(r) || !next_at_hand(r))
      return rc;
  }
}

static int go_on(kvsp_reader *r) {
  int rc;
  if (!r->event) {
    rc = kvsp_reader_begin_plain(r);
    if (rc == READER_GO_ON) rc = take_event(r);
    /* What is due comes before the event. */
    if (rc != READER_GO_ON || !r->event || r->due) return rc;
  }
  return handle_events(r);
}

/* Why nothing can be asked of the reader now; READER_GO_ON when it can. */
static int refusal(const kvsp_reader *r) {
  if (r->busy) return KVSP_ERR_REENTRANT;
  return kvsp_status_is_fatal(r->failed) ? r->failed : READER_GO_ON;
}

/* Errors of memory come from many places, and not all have noted them. */
static int note_memory(kvsp_reader *r, int rc) {
  bool lost = kvsp_status_is_fatal(rc) != 0;
  if (rc != KVSP_ERR_LIMIT_MEMORY && !lost) return rc;
  if (lost) r->failed = rc;
  if (r->error.status == rc) return rc;
  return kvsp_reader_fail(r, rc, kvsp_tokenizer_offset(&r->tokenizer), 0,
                          kvsp_status_text(rc));
}

/* Not inline: the fast path need not save registers for it. */
__attribute__((noinline)) static int next_item(kvsp_reader *r) {
  int rc;
  r->plain_item = false;
  r->item.frame = NULL;
  if (r->error.status != KVSP_OK && !r->failed)
    (void)kvsp_reader_fail(r, KVSP_OK, 0, 0, kvsp_status_text(KVSP_OK));
  if (r->showing_end) {
    r->showing_end = false;
    kvsp_reader_close_document(r);
  }
  do {
    if (r->due || reader_block_is_due(r)) {
      rc = kvsp_reader_show_due(r);
      if (rc != READER_GO_ON) break;
    }
    rc = go_on(r);
  } while (rc == READER_GO_ON);
  return rc;
}

int kvsp_reader_next(kvsp_reader *r, const kvsp_item **item) {
  int rc = READER_GO_ON;
  if (!r || !item) return KVSP_ERR_ARG;
  *item = NULL;
  if (r->plain && !r->busy) rc = kvsp_reader_next_plain(r);
  if (rc == READER_GO_ON) rc = refusal(r);
  if (rc == READER_GO_ON) rc = next_item(r);
  if (rc == KVSP_OK) *item = &r->item;
  return rc < 0 ? note_memory(r, rc) : rc;
}

int kvsp_reader_input(kvsp_reader *r, const void *data, size_t len,
                      unsigned flags) {
  int rc;
  if (!r) return KVSP_ERR_ARG;
  rc = refusal(r);
  if (rc != READER_GO_ON) return rc;
  return kvsp_tokenizer_input(&r->tokenizer, data, len, flags);
}

/* The reader may be gone afterwards; the result is then not 0. */
static int call_back(kvsp_reader *r, kvsp_item_callback callback, void *user,
                     const kvsp_item *item) {
  int rc;
  r->busy = true;
  rc = callback(user, item);
  r->busy = false;
  if (!r->freed) return rc;
  kvsp_reader_free(r);
  return rc ? rc : KVSP_ERR_REENTRANT;
}

static int visit_items(kvsp_reader *r, kvsp_item_callback callback,
                       void *user) {
  const kvsp_item *item;
  int rc = kvsp_reader_next(r, &item);
  for (; rc == KVSP_OK; rc = kvsp_reader_next(r, &item)) {
    rc = call_back(r, callback, user, item);
    if (rc != 0) return rc;
  }
  return rc == KVSP_NEED_INPUT ? KVSP_OK : rc;
}

int kvsp_reader_visit(kvsp_reader *r, const void *data, size_t len,
                      unsigned flags, kvsp_item_callback callback, void *user) {
  if (!r || !callback) return KVSP_ERR_ARG;
  if (r->busy) return KVSP_ERR_REENTRANT;
  if (data || flags) {
    int rc = kvsp_reader_input(r, data, len, flags);
    if (rc != KVSP_OK) return rc;
  } else if (len) {
    return KVSP_ERR_ARG;
  }
  return visit_items(r, callback, user);
}

/* Whether nothing is left to show of the bytes at hand, so that they may be
 * moved. */
static bool bytes_may_move(const kvsp_reader *r) {
  if (r->event && r->event->type != KVSP_EVENT_BLOB_BEGIN) return false;
  return !reader_block_is_due(r);
}

int kvsp_reader_reserve(kvsp_reader *r, size_t want, void **data,
                        size_t *capacity) {
  int rc;
  if (!r || !data || !capacity) return KVSP_ERR_ARG;
  rc = refusal(r);
  if (rc != READER_GO_ON) return rc;
  if (!bytes_may_move(r)) return KVSP_ERR_STATE;
  r->plain = false;
  rc = kvsp_tokenizer_reserve(&r->tokenizer, want, data, capacity);
  if (rc != KVSP_ERR_STATE) r->item.frame = NULL;
  return note_memory(r, rc);
}

int kvsp_reader_commit(kvsp_reader *r, size_t len, unsigned flags) {
  int rc;
  if (!r) return KVSP_ERR_ARG;
  rc = refusal(r);
  if (rc != READER_GO_ON) return rc;
  return kvsp_tokenizer_commit(&r->tokenizer, len, flags);
}

int kvsp_reader_trim(kvsp_reader *r) {
  if (!r) return KVSP_ERR_ARG;
  if (r->busy) return KVSP_ERR_REENTRANT;
  if (!bytes_may_move(r) || r->tokenizer.window.reserved) return KVSP_ERR_STATE;
  r->plain = false;
  r->item.frame = NULL;
  kvsp_scratch_clear(&r->scratch);
  return kvsp_tokenizer_trim(&r->tokenizer);
}

/* ---- asking -------------------------------------------------------------- */

const kvsp_error_info *kvsp_reader_error(const kvsp_reader *r) {
  static const kvsp_error_info no_object = {KVSP_ERR_ARG, 0, 0,
                                            "There is no reader."};
  return r ? &r->error : &no_object;
}

uint64_t kvsp_reader_offset(const kvsp_reader *r) {
  return r ? kvsp_tokenizer_offset(&r->tokenizer) : 0;
}

int kvsp_reader_set_limits(kvsp_reader *r, const kvsp_limits *limits) {
  if (!r) return KVSP_ERR_ARG;
  if (r->busy) return KVSP_ERR_REENTRANT;
  r->plain = false; /* what is held may be beyond the new limits */
  return kvsp_tokenizer_set_limits(&r->tokenizer, limits);
}

int kvsp_reader_get_stats(const kvsp_reader *r, kvsp_reader_stats *stats,
                          size_t struct_size) {
  kvsp_reader_stats now = {0};
  size_t known = struct_size < sizeof now ? struct_size : sizeof now;
  if (!r || !stats) return KVSP_ERR_ARG;
  now.bytes_fed = r->tokenizer.window.fed;
  now.bytes_copied = r->tokenizer.window.copied;
  now.bytes_examined = r->tokenizer.examined + r->tokenizer.window.looked;
  now.memory = r->memory.used;
  now.memory_peak = r->memory.peak;
  memset(stats, 0, struct_size); /* a newer caller's fields are unknown here */
  memcpy(stats, &now, known);
  return KVSP_OK;
}

/* Whether the frame, or a copy of it, is of the last item. */
static bool is_shown(const kvsp_reader *r, const kvsp_frame *frame) {
  const kvsp_frame *shown = r->item.frame;
  return shown && shown->data.data == frame->data.data &&
         shown->data.len == frame->data.len && shown->offset == frame->offset;
}

int kvsp_frame_retain(const kvsp_frame *frame, kvsp_buf **out) {
  kvsp_reader *r;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!frame || (!frame->data.data && frame->size)) return KVSP_ERR_ARG;
  if (!frame->owner) return kvsp_buf_copy(out, frame->data, NULL);
  r = (kvsp_reader *)(uintptr_t)frame->owner;
  if (!is_shown(r, frame)) return KVSP_ERR_STATE;
  return kvsp_window_retain(&r->tokenizer.window, frame->data, out);
}
