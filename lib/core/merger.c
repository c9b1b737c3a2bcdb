#include "merger.h"

#include <string.h>

/* ---- making and freeing -------------------------------------------------- */

static int check_config(const kvsp_merger_config *c) {
  const uint32_t known = KVSP_MERGE_STRICT | KVSP_MERGE_CHECK_CRC |
                         KVSP_MERGE_TAGS | KVSP_MERGE_STOP;
  if (c->struct_size != sizeof *c || !c->output) return KVSP_ERR_ARG;
  if (c->flags & ~known || c->mode > KVSP_MERGE_KEEP) return KVSP_ERR_ARG;
  return c->split_ns < 0 ? KVSP_ERR_ARG : KVSP_OK;
}

/* The reader's memory is the merger's, too: one limit for both. */
static int make(kvsp_reader *r, const kvsp_merger_config *config,
                kvsp_merger **out) {
  void *made = NULL;
  int rc = kvsp_memory_alloc(&r->memory, sizeof **out, &made);
  if (rc != KVSP_OK) return rc;
  *out = made;
  memset(*out, 0, sizeof **out);
  (*out)->reader = r;
  (*out)->config = *config;
  kvsp_head_init(&(*out)->head, &r->memory);
  r->head = &(*out)->head;
  return KVSP_OK;
}

int kvsp_merger_new(kvsp_merger **out, const kvsp_merger_config *config) {
  kvsp_reader_config reading = {.struct_size = sizeof reading};
  kvsp_reader *r = NULL;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!config) return KVSP_ERR_ARG;
  rc = check_config(config);
  if (rc != KVSP_OK) return rc;
  reading.allocator = config->allocator;
  reading.limits = config->limits;
  if (config->flags & KVSP_MERGE_STRICT) reading.flags |= KVSP_READ_STRICT;
  if (config->flags & KVSP_MERGE_CHECK_CRC)
    reading.flags |= KVSP_READ_CHECK_CRC;
  rc = kvsp_reader_new(&r, &reading);
  if (rc != KVSP_OK) return rc;
  rc = make(r, config, out);
  if (rc != KVSP_OK) kvsp_reader_free(r);
  return rc;
}

static void clear_state(kvsp_merger *m) {
  struct memory *memory = &m->reader->memory;
  kvsp_merger_clear_tags(m);
  kvsp_memory_release(memory, m->tags.items,
                      m->tags.capacity * sizeof *m->tags.items);
  kvsp_head_bytes_clear(memory, &m->segment.ebml);
  kvsp_head_bytes_clear(memory, &m->segment.tracks);
  kvsp_head_clear(&m->head);
}

void kvsp_merger_free(kvsp_merger *m) {
  kvsp_reader *r;
  if (!m) return;
  if (m->busy) { /* kvsp_merger_write will do it */
    m->freed = true;
    return;
  }
  r = m->reader;
  clear_state(m);
  kvsp_memory_release(&r->memory, m, sizeof *m);
  kvsp_reader_free(r);
}

int kvsp_merger_reset(kvsp_merger *m) {
  kvsp_merger fresh;
  if (!m) return KVSP_ERR_ARG;
  if (m->busy) return KVSP_ERR_REENTRANT;
  clear_state(m);
  memset(&fresh, 0, sizeof fresh);
  fresh.reader = m->reader;
  fresh.config = m->config;
  kvsp_head_init(&fresh.head, &m->reader->memory);
  *m = fresh;
  return kvsp_reader_reset(m->reader);
}

/* ---- segments ------------------------------------------------------------ */

static const struct document *document_of(const kvsp_merger *m) {
  return m->reader->document;
}

static kvsp_view view_of(const struct head_bytes *bytes) {
  kvsp_view v = {bytes->data, bytes->len};
  return v;
}

/* A lost EBML header is taken for the one that all fragments have. */
static bool is_other_ebml(const kvsp_merger *m) {
  kvsp_view ebml = head_view(&m->head, HEAD_EBML);
  return ebml.len > 0 && !kvsp_head_equal(ebml, view_of(&m->segment.ebml));
}

static bool is_other_head(const kvsp_merger *m) {
  if (document_of(m)->shown.timestamp_scale != m->segment.scale) return true;
  if (is_other_ebml(m)) return true;
  return !m->borrowed && !kvsp_head_equal(head_view(&m->head, HEAD_TRACKS),
                                          view_of(&m->segment.tracks));
}

static bool is_full(const kvsp_merger *m) {
  const kvsp_merger_config *c = &m->config;
  const struct segment *s = &m->segment;
  int64_t length = kvsp_merger_length_ns(m);
  if (c->split_fragments && s->fragments >= c->split_fragments) return true;
  if (c->split_bytes && s->bytes >= c->split_bytes) return true;
  return c->split_ns && length >= c->split_ns;
}

/* All memory first, then what cannot be taken back.  A document without Tracks
 * leaves those of the segment before in their place. */
static int take_head(kvsp_merger *m) {
  struct memory *memory = &m->reader->memory;
  kvsp_view ebml = head_view(&m->head, HEAD_EBML);
  int rc = KVSP_OK;
  if (ebml.len > 0) rc = kvsp_head_copy(memory, &m->segment.ebml, ebml);
  if (rc != KVSP_OK || m->borrowed) return rc;
  return kvsp_head_copy(memory, &m->segment.tracks,
                        head_view(&m->head, HEAD_TRACKS));
}

static int end_segment(kvsp_merger *m) {
  int rc;
  if (!m->segment.open) return KVSP_OK;
  m->segment.open = false;
  rc = kvsp_merger_put_tags(m);
  kvsp_merger_clear_tags(m);
  return rc;
}

static int begin_segment(kvsp_merger *m) {
  struct segment *s = &m->segment;
  int rc = take_head(m);
  if (rc == KVSP_OK) rc = end_segment(m);
  if (rc != KVSP_OK) return rc;
  s->shown.index = m->stats.segments++;
  s->shown.reason = m->beginning;
  s->shown.fragment = &document_of(m)->shown;
  m->beginning = 0;
  s->open = true;
  s->announced = false;
  s->scale = document_of(m)->shown.timestamp_scale;
  s->bytes = s->fragments = 0;
  s->start = kvsp_merger_first_place(m);
  rc = kvsp_merger_put_head(m);
  return rc == KVSP_OK ? kvsp_merger_put_cluster(m, s->start) : rc;
}

/* Or stops, where that is asked for. */
static int change_segment(kvsp_merger *m, uint32_t reason) {
  bool is_change = reason == KVSP_MERGE_TRACKS || reason == KVSP_MERGE_TIMES;
  int rc;
  m->beginning = reason;
  if (!is_change || !(m->config.flags & KVSP_MERGE_STOP))
    return begin_segment(m);
  rc = end_segment(m);
  return rc == KVSP_OK ? KVSP_END : rc;
}

/* Why the first block of a document begins a segment; 0: it does not. */
static uint32_t why_begin(const kvsp_merger *m) {
  if (m->beginning) return m->beginning;
  if (!m->segment.open) return KVSP_MERGE_FIRST;
  if (is_other_head(m)) return KVSP_MERGE_TRACKS;
  return is_full(m) ? KVSP_MERGE_SPLIT : 0;
}

static int place_block(kvsp_merger *m, bool first_of_fragment) {
  uint32_t reason = first_of_fragment ? why_begin(m) : m->beginning;
  uint64_t timestamp;
  if (reason) return change_segment(m, reason);
  switch (kvsp_merger_place(m, first_of_fragment, &timestamp)) {
    case PLACE_CLUSTER: return kvsp_merger_put_cluster(m, timestamp);
    case PLACE_NEW_TIMES: return change_segment(m, KVSP_MERGE_TIMES);
    default: return KVSP_OK;
  }
}

/* ---- items --------------------------------------------------------------- */

/* Whether the segment's Tracks have a track of that number. */
static bool segment_has_track(const kvsp_merger *m, uint64_t number) {
  kvsp_view rest = view_of(&m->segment.tracks);
  struct head_element e;
  uint64_t value;
  if (!m->segment.open && !m->beginning) return false;
  while (kvsp_head_next(&rest, &e))
    if (e.id == KVSP_ID_TRACK_NUMBER &&
        kvsp_ebml_uint(e.data, &value) == KVSP_OK && value == number)
      return true;
  return false;
}

static size_t count_tracks(kvsp_view rest) {
  struct head_element e;
  size_t count = 0;
  while (kvsp_head_next(&rest, &e)) count += e.id == KVSP_ID_TRACK_ENTRY;
  return count;
}

/* A fragment without Tracks, or one that lost some of them by damage, is taken
 * for one of the segment that is open. */
static bool lacks_tracks(const kvsp_merger *m) {
  size_t count = count_tracks(head_view(&m->head, HEAD_TRACKS));
  if (count == 0) return true;
  return m->segment.open &&
         document_of(m)->shown.flags & KVSP_FRAGMENT_DAMAGED &&
         count < count_tracks(view_of(&m->segment.tracks));
}

static int fold_head_tags(kvsp_merger *m) {
  const kvsp_fragment *f = &document_of(m)->shown;
  int rc;
  if (m->folded) return KVSP_OK;
  rc = kvsp_merger_fold_tags(m, f->tags, f->tag_count);
  m->folded = rc == KVSP_OK;
  return rc;
}

static int prepare_block(kvsp_merger *m) {
  int rc = place_block(m, !m->begun);
  if (rc != KVSP_OK) return rc;
  if (!m->begun) {
    m->stats.fragments++;
    m->segment.fragments++;
  }
  m->begun = true;
  return fold_head_tags(m);
}

/* The header of a block of the reader's fast path lies right before its only
 * frame's data; of any other, the event is still there. */
static int put_block(kvsp_merger *m, const kvsp_frame *f) {
  const kvsp_event *e = &m->reader->tokenizer.event;
  kvsp_view block = f->data;
  if (!m->reader->plain_item) return kvsp_merger_put_element(m, e->id, e->data);
  block.data -= BLOCK_PLAIN_HEADER;
  block.len += BLOCK_PLAIN_HEADER;
  return kvsp_merger_put_element(m, KVSP_ID_SIMPLE_BLOCK, block);
}

/* Of a lace, the first frame brings all of the block. */
static int on_block(kvsp_merger *m, const kvsp_frame *f) {
  int rc;
  m->block_is_out = false;
  if (!m->begun) m->borrowed = lacks_tracks(m);
  if (m->borrowed && !segment_has_track(m, f->track->number)) return KVSP_OK;
  rc = prepare_block(m);
  if (rc == KVSP_OK) rc = put_block(m, f);
  m->block_is_out = rc == KVSP_OK;
  return rc;
}

static int on_frame(kvsp_merger *m, const kvsp_frame *f) {
  int rc = f->lace_index == 0 ? on_block(m, f) : KVSP_OK;
  if (rc != KVSP_OK) return rc;
  if (!m->block_is_out) {
    m->stats.frames_left++;
    return KVSP_OK;
  }
  m->stats.frames++;
  kvsp_merger_note_frame(m, f);
  return KVSP_OK;
}

static int on_fragment_end(kvsp_merger *m) {
  int rc = fold_head_tags(m);
  if (rc != KVSP_OK) return rc;
  if (m->begun) kvsp_merger_end_times(m);
  m->begun = m->folded = m->borrowed = false;
  return KVSP_OK;
}

static int on_item(kvsp_merger *m, const kvsp_item *item) {
  int rc = kvsp_merger_tell_item(m);
  if (rc != KVSP_OK) return rc;
  switch (item->type) {
    case KVSP_ITEM_FRAME: return on_frame(m, item->frame);
    case KVSP_ITEM_TAGS:
      return kvsp_merger_fold_tags(m, item->tags, item->tag_count);
    case KVSP_ITEM_FRAGMENT_END: return on_fragment_end(m);
    case KVSP_ITEM_GAP: m->stats.gaps++; return KVSP_OK;
    default: return KVSP_OK;
  }
}

/* ---- the loop ------------------------------------------------------------ */

/* What the reader or an item gave that is not KVSP_OK. */
static int stop(kvsp_merger *m, int rc) {
  bool again = rc <= KVSP_ERR_LIMIT_DEPTH && rc >= KVSP_ERR_LIMIT_MEMORY;
  if (rc == KVSP_NEED_INPUT && !m->called_off) return KVSP_OK;
  if (!again || m->called_off) m->stopped = rc;
  return rc;
}

/* Of memory that the merger itself wanted, the reader knows nothing. */
static int fail(kvsp_merger *m, int rc) {
  if (rc < 0 && !m->called_off)
    (void)kvsp_reader_fail(m->reader, rc, kvsp_reader_offset(m->reader), 0,
                           kvsp_status_text(rc));
  return stop(m, rc);
}

static int finish(kvsp_merger *m) {
  int rc = end_segment(m);
  return stop(m, rc == KVSP_OK ? KVSP_END : rc);
}

static int run(kvsp_merger *m) {
  for (;;) {
    int rc = KVSP_OK;
    if (!m->item) {
      rc = kvsp_reader_next(m->reader, &m->item);
      m->item_told = false;
    }
    if (rc == KVSP_END) return finish(m);
    if (rc != KVSP_OK) return stop(m, rc);
    rc = on_item(m, m->item);
    if (rc == KVSP_END && !m->called_off) return stop(m, rc);
    if (rc != KVSP_OK) return fail(m, rc);
    m->item = NULL;
  }
}

int kvsp_merger_write(kvsp_merger *m, const void *data, size_t len,
                      unsigned flags) {
  int rc;
  if (!m) return KVSP_ERR_ARG;
  if (m->busy) return KVSP_ERR_REENTRANT;
  if (m->stopped) return m->stopped;
  if (data || flags) {
    rc = kvsp_reader_input(m->reader, data, len, flags);
    if (rc != KVSP_OK) return rc;
  } else if (len) {
    return KVSP_ERR_ARG;
  }
  rc = run(m);
  if (m->freed) {
    m->busy = false;
    kvsp_merger_free(m);
  }
  return rc;
}

/* ---- asking -------------------------------------------------------------- */

const kvsp_error_info *kvsp_merger_error(const kvsp_merger *m) {
  return kvsp_reader_error(m ? m->reader : NULL);
}

int kvsp_merger_set_limits(kvsp_merger *m, const kvsp_limits *limits) {
  if (!m) return KVSP_ERR_ARG;
  if (m->busy) return KVSP_ERR_REENTRANT;
  return kvsp_reader_set_limits(m->reader, limits);
}

int kvsp_merger_get_stats(const kvsp_merger *m, kvsp_merger_stats *stats,
                          size_t struct_size) {
  kvsp_merger_stats now;
  size_t known = struct_size < sizeof now ? struct_size : sizeof now;
  if (!m || !stats) return KVSP_ERR_ARG;
  now = m->stats;
  now.memory = m->reader->memory.used;
  now.memory_peak = m->reader->memory.peak;
  memset(stats, 0, struct_size); /* a newer caller's fields are unknown here */
  memcpy(stats, &now, known);
  return KVSP_OK;
}
