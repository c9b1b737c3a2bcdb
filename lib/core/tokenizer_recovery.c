#include "block.h"
#include "tokenizer_parts.h"

/* Elements that may be held one after the other without being convincing. */
#define DOUBTFUL_MAX 16
/* Up to so many bytes are looked over before a search begins. */
#define HELD_AT_A_GLANCE 256u

/* ---- what is in doubt ---------------------------------------------------- */

static bool is_block(uint64_t id) {
  return id == KVSP_ID_SIMPLE_BLOCK || id == KVSP_ID_BLOCK_GROUP;
}

/* Of the block whose header is known, see kvsp_resync_is_block. */
static int looks_like_block(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  return kvsp_resync_is_block(&t->window,
                              t->window.offset + h->id_size + h->size_size,
                              h->id, h->size, &t->rules);
}

/* Whether the element could hardly look like this by chance.  An ID of one
 * byte proves nothing; Blocks are judged by what they begin with. */
static bool is_convincing(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  if (!h->info || h->misplaced || h->info->flags & KVSP_ELEMENT_GLOBAL)
    return false;
  if (!is_block(h->id)) return h->id > 0xFF;
  return looks_like_block(t) == 1;
}

/* An element that makes sense confirms the one before it, which is kept up to
 * here, and is itself in doubt until the next. */
void kvsp_tokenizer_hold_element(kvsp_tokenizer *t) {
  bool convincing;
  if (!t->recovers) return;
  convincing = is_convincing(t);
  if (convincing) kvsp_window_release(&t->window);
  if (t->window.hold == WINDOW_NO_HOLD) tokenizer_forget_doubts(t);
  if (!convincing) t->doubtful++;
  if (!convincing && is_block(t->header.id)) t->holds_odd_block = true;
  if (t->depth <= 2 &&
      (!t->header.info || t->event.flags & KVSP_EVENT_MISPLACED))
    t->holds_unknown = true;
  kvsp_window_hold(&t->window);
}

/* What tells whether the element here is a block: its first bytes; of a group,
 * all of it.  KVSP_OK; KVSP_END when it is cut; KVSP_NEED_INPUT; errors of
 * memory. */
static int need_block(kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  uint64_t wanted = BLOCK_HEADER_MAX;
  if (h->size < wanted || h->id == KVSP_ID_BLOCK_GROUP) wanted = h->size;
  if (wanted > SIZE_MAX / 2) return KVSP_END;
  return kvsp_window_need(&t->window,
                          h->id_size + h->size_size + (size_t)wanted);
}

/* Whether the element here is convincing must not depend on how much of it is
 * there: what tells is waited for.  A group, which has to be there whole for
 * that, only where others are in doubt. */
int kvsp_tokenizer_need_block(kvsp_tokenizer *t) {
  uint64_t id = t->header.id;
  int rc;
  if (!(id == KVSP_ID_SIMPLE_BLOCK ||
        (id == KVSP_ID_BLOCK_GROUP && t->doubtful > 0)) ||
      t->header.size > t->limits.max_frame)
    return KVSP_OK;
  rc = need_block(t);
  return rc == KVSP_END ? KVSP_OK : rc;
}

/* Blocks stand in Clusters: where one is seen elsewhere, the master around is
 * not what it says.  KVSP_OK when there is none; KVSP_NEED_INPUT. */
int kvsp_tokenizer_check_lost_block(kvsp_tokenizer *t, bool *lost) {
  int rc;
  *lost = false;
  if (!t->recovers || !is_block(t->header.id) ||
      t->header.size > t->limits.max_value)
    return KVSP_OK;
  rc = need_block(t);
  if (rc == KVSP_END) return KVSP_OK;
  if (rc != KVSP_OK) return rc;
  *lost = looks_like_block(t) == 1;
  return KVSP_OK;
}

/* Whether a block, whose header alone told too little, turns out to be
 * convincing now that its payload is there. */
static bool is_confirmed(kvsp_tokenizer *t) {
  const kvsp_event *e = &t->event;
  uint64_t offset = e->offset;
  int verdict;
  if (!t->recovers || t->window.hold >= offset || !is_block(e->id) ||
      e->flags & KVSP_EVENT_MISPLACED || t->judged == offset)
    return false;
  verdict = kvsp_resync_is_block(&t->window, offset + e->header_size, e->id,
                                 e->size, &t->rules);
  if (verdict >= 0) t->judged = offset;
  return verdict == 1;
}

/* Before what is held is let go, it is looked into:
 * - where a Cluster of unknown size ends, which may be because of a block that
 *   was cut and whose size reaches just over the head of the next document;
 * - where elements are among it that prove nothing, such as unknown ones;
 * - where it would grow without end. */
static bool must_search_held(kvsp_tokenizer *t, bool closes) {
  uint64_t here = t->window.offset;
  if (!t->recovers || t->window.hold >= here || t->searched == here)
    return false;
  if (closes || t->doubtful >= DOUBTFUL_MAX ||
      here - t->window.hold > t->limits.max_frame)
    return true;
  return t->doubtful > 0 && is_convincing(t);
}

/* Looks into what is held up to an offset, then goes on in that state where
 * the window is now.  Among elements with an ID of one byte only whole
 * documents count, since a Void may hold remains of a Segment; but in what
 * hardly is a Block, Clusters count too, and behind an unknown element of a
 * Segment or Cluster, everything does. */
static void search_held(kvsp_tokenizer *t, uint64_t until,
                        enum tokenizer_state after) {
  t->suspect = t->window.hold;
  t->searched = until;
  t->state_after = after;
  t->offset_after = t->window.offset;
  t->rules.at_start = false;
  kvsp_resync_begin(&t->resync, &t->window, t->suspect + 1, until);
  t->resync.strong_only = !t->holds_unknown;
  t->resync.documents_only = !t->holds_unknown && !t->holds_odd_block &&
                             t->doubtful > (after == TOKENIZER_BLOB);
  t->window.hold = t->suspect;
  t->state = TOKENIZER_HELD;
}

/* What proves nothing is mostly small, such as a TrackNumber, and without
 * anything that looks like a longer ID: there is no need to search it. */
static bool holds_no_ids(kvsp_tokenizer *t) {
  uint8_t bytes[HELD_AT_A_GLANCE];
  uint64_t from = t->window.hold + 1;
  uint64_t len = t->window.offset - from;
  kvsp_view v;
  if (t->holds_unknown || len > sizeof bytes) return false;
  v = kvsp_window_peek(&t->window, from, bytes, (size_t)len);
  return v.len == len && !kvsp_resync_may_find(v);
}

/* As kvsp_tokenizer_step_held when nothing is found up to here. */
static void pass_held(kvsp_tokenizer *t) {
  t->searched = t->window.offset;
  t->window.hold = t->window.offset;
  tokenizer_forget_doubts(t);
}

bool kvsp_tokenizer_look_back(kvsp_tokenizer *t, bool closes) {
  if (!must_search_held(t, closes)) return false;
  if (!t->steps_only && holds_no_ids(t)) {
    pass_held(t);
    return false;
  }
  search_held(t, t->window.offset, TOKENIZER_ELEMENT);
  return true;
}

int kvsp_tokenizer_confirm_block(kvsp_tokenizer *t) {
  if (!is_confirmed(t)) return KVSP_OK;
  if (t->doubtful > 1 && t->searched != t->event.offset) {
    search_held(t, t->event.offset, TOKENIZER_BLOB);
    return TOKENIZER_GO_ON;
  }
  t->window.hold = t->event.offset;
  tokenizer_forget_doubts(t);
  return KVSP_OK;
}

/* ---- the steps ----------------------------------------------------------- */

/* Elements inside what was taken for one: they are what comes next.  found is
 * where the window is, or 0: kvsp_tokenizer_resync looks from the suspect
 * on. */
static int swallowed(kvsp_tokenizer *t, int found, uint64_t offset,
                     uint64_t id) {
  t->found = found;
  kvsp_tokenizer_set_error(t, KVSP_ERR_SCHEMA, offset, id,
                           "The element's size reaches over other elements.");
  t->state = TOKENIZER_FAILED;
  return KVSP_ERR_SCHEMA;
}

int kvsp_tokenizer_step_held(kvsp_tokenizer *t) {
  int rc = kvsp_resync_scan(&t->resync, &t->window, &t->rules);
  if (rc > RESYNC_END || rc < RESYNC_EBML) return rc;
  if (rc < RESYNC_UNTIL) return swallowed(t, 0, t->suspect, 0);
  kvsp_window_seek(&t->window, t->offset_after);
  t->window.hold = t->searched;
  tokenizer_forget_doubts(t);
  t->state = t->state_after;
  return TOKENIZER_GO_ON;
}

int kvsp_tokenizer_step_search(kvsp_tokenizer *t) {
  int rc = kvsp_resync_scan(&t->resync, &t->window, &t->rules);
  switch (rc) {
    case RESYNC_UNTIL:
      t->blob_left = 0;
      t->state = TOKENIZER_BLOB;
      return TOKENIZER_GO_ON;
    case RESYNC_END: return kvsp_tokenizer_truncated(t);
    case RESYNC_EBML:
    case RESYNC_SEGMENT_CHILD:
    case RESYNC_CLUSTER_CHILD:
      return swallowed(t, rc, t->event.offset, t->event.id);
    default: return rc;
  }
}

int kvsp_tokenizer_step_resync(kvsp_tokenizer *t) {
  int rc = kvsp_resync_scan(&t->resync, &t->window, &t->rules);
  if (rc == RESYNC_END) {
    t->cut = true;
  } else if (rc == RESYNC_UNTIL) {
    t->close_to = t->depth;
  } else if (rc < RESYNC_EBML) {
    return rc;
  } else {
    t->found = rc;
    t->state = TOKENIZER_LAND;
    return TOKENIZER_GO_ON;
  }
  t->state = TOKENIZER_ELEMENT;
  return TOKENIZER_GO_ON;
}

/* How many of the open masters hold what was found. */
static size_t depth_to_keep(kvsp_tokenizer *t) {
  uint64_t here = t->window.offset;
  uint8_t byte;
  kvsp_view first;
  if (t->found == RESYNC_EBML || t->depth == 0 ||
      t->levels[0].id != KVSP_ID_SEGMENT)
    return 0;
  if (t->found != RESYNC_CLUSTER_CHILD || t->depth == 1 ||
      t->levels[1].id != KVSP_ID_CLUSTER)
    return 1;
  /* A Timestamp begins another Cluster, whose header is lost. */
  first = kvsp_window_peek(&t->window, here, &byte, 1);
  return first.len && first.data[0] == KVSP_ID_TIMESTAMP &&
                 t->levels[1].offset != here
             ? 1
             : 2;
}

/* A master whose header was lost, but whose children are here. */
static int imply_master(kvsp_tokenizer *t) {
  uint64_t id = t->depth == 0 ? KVSP_ID_SEGMENT : KVSP_ID_CLUSTER;
  int rc = kvsp_tokenizer_push_level(t, kvsp_element_by_id(id),
                                     KVSP_SIZE_UNKNOWN, 0);
  if (rc != KVSP_OK) return rc;
  t->in_document = true;
  memset(&t->event, 0, sizeof t->event);
  t->event.type = KVSP_EVENT_MASTER_BEGIN;
  t->event.flags = KVSP_EVENT_IMPLIED;
  t->event.id = id;
  t->event.depth = (uint32_t)t->depth;
  t->event.offset = t->event.data_offset = t->window.offset;
  t->event.size = KVSP_SIZE_UNKNOWN;
  t->event.info = t->levels[t->depth].info;
  t->depth++;
  t->close_to = t->depth;
  return KVSP_OK;
}

/* The sizes of the masters around may be what was wrong: what was found here
 * counts more. */
static void forget_bounds(kvsp_tokenizer *t) {
  for (size_t i = 0; i < t->depth; i++) {
    t->levels[i].size = KVSP_SIZE_UNKNOWN;
    t->levels[i].bound = KVSP_SIZE_UNKNOWN;
  }
}

static bool reaches_past_bound(kvsp_tokenizer *t) {
  uint64_t room = kvsp_tokenizer_bound(t) - t->window.offset;
  uint8_t bytes[16];
  uint64_t id, size, header;
  kvsp_view v =
      kvsp_window_peek(&t->window, t->window.offset, bytes, sizeof bytes);
  int id_size, size_size;
  if (kvsp_tokenizer_bound(t) == KVSP_SIZE_UNKNOWN) return false;
  if (kvsp_tokenizer_bound(t) <= t->window.offset) return true;
  id_size = kvsp_ebml_read_id(v, &id);
  if (id_size <= 0) return false;
  v.data += id_size;
  v.len -= (size_t)id_size;
  size_size = kvsp_ebml_read_size(v, &size);
  if (size_size <= 0 || size == KVSP_SIZE_UNKNOWN) return false;
  header = (uint64_t)id_size + (uint64_t)size_size;
  return room < header || size > room - header;
}

int kvsp_tokenizer_step_land(kvsp_tokenizer *t) {
  size_t wanted = (size_t)(t->found - RESYNC_EBML);
  size_t kept = depth_to_keep(t);
  if (t->depth > kept) return kvsp_tokenizer_master_end(t);
  if (t->depth < wanted) return imply_master(t);
  if (reaches_past_bound(t)) forget_bounds(t);
  t->close_to = t->depth;
  t->landed = t->window.offset;
  t->found = 0;
  t->state = TOKENIZER_ELEMENT;
  return TOKENIZER_GO_ON;
}

/* ---- what the caller asks for -------------------------------------------- */

int kvsp_tokenizer_search(kvsp_tokenizer *t) {
  uint64_t from = t->window.hold;
  uint64_t here = t->window.offset + t->delivered;
  int rc = kvsp_tokenizer_skip(t);
  if (rc != KVSP_OK || !t->recovers) return rc;
  kvsp_tokenizer_take_delivered(t);
  t->suspect = from < here ? from : here;
  t->rules.at_start = false;
  kvsp_resync_begin(&t->resync, &t->window, from < here ? from + 1 : here,
                    here + t->blob_left);
  t->state = TOKENIZER_SEARCH;
  return KVSP_OK;
}

/* Where the elements go on if no EBML header comes before: behind the element
 * that is beyond a limit, else behind the parent of what made no sense. */
static uint64_t resync_bound(const kvsp_tokenizer *t) {
  const struct element_header *h = &t->header;
  bool is_limit = t->error.status <= KVSP_ERR_LIMIT_DEPTH;
  if (is_limit && kvsp_tokenizer_in_blob(t))
    return t->window.offset + t->blob_left;
  if (is_limit && t->state == TOKENIZER_VALUE)
    return t->window.offset + t->event.size;
  if (is_limit && h->complete && h->size != KVSP_SIZE_UNKNOWN)
    return t->window.offset + h->id_size + h->size_size + h->size;
  return kvsp_tokenizer_bound(t);
}

/* From where on: the element before the fault may have swallowed others. */
static uint64_t resync_from(kvsp_tokenizer *t) {
  uint64_t from = t->window.offset;
  t->suspect = from;
  if (t->recovers && t->window.hold < from) {
    t->suspect = t->window.hold;
    from = t->suspect + 1;
  }
  return from == t->landed ? from + 1 : from;
}

int kvsp_tokenizer_reject(kvsp_tokenizer *t, int status, const char *message) {
  kvsp_tokenizer_set_error(t, status, t->event.offset, t->event.id, message);
  t->found = 0;
  t->state = TOKENIZER_FAILED;
  return status;
}

int kvsp_tokenizer_resync(kvsp_tokenizer *t) {
  uint64_t until, from;
  if (!t) return KVSP_ERR_ARG;
  if (t->error.status == KVSP_OK || kvsp_status_is_fatal(t->error.status))
    return KVSP_ERR_STATE;
  kvsp_tokenizer_take_delivered(t);
  t->crc.count = 0; /* what is given up here belongs to all of them */
  until = resync_bound(t);
  kvsp_tokenizer_set_error(t, KVSP_OK, 0, 0, kvsp_status_text(KVSP_OK));
  tokenizer_forget_header(t);
  t->state = TOKENIZER_LAND;
  if (t->found) return KVSP_OK;
  from = resync_from(t);
  t->rules.at_start = !t->in_document;
  kvsp_resync_begin(&t->resync, &t->window, from, until);
  t->resync.until_is_end = until == kvsp_tokenizer_bound(t);
  t->state = TOKENIZER_RESYNC;
  return KVSP_OK;
}
