#include "resync.h"

#include <string.h>

#include "block.h"
#include "vint.h"

/* Real EBML headers have 20 to 60 bytes and up to 8 children. */
#define HEADER_MAX 512u
#define CHILDREN_MAX 16
/* Children of a Cluster that must follow each other to be believed. */
#define CHAIN 3
/* An element's header: an ID of 4 bytes and a size of 8. */
#define FOUND_HEADER_MAX 12u

enum verdict { NO, YES, UNDECIDED, GO_ON };

/* An element's header at some offset. */
struct found_header {
  uint64_t id;
  uint64_t size;
  unsigned header_size;
};

/* Reads the header at offset: UNDECIDED when it is not all at hand. */
static enum verdict header_at(struct window *w, uint64_t offset,
                              struct found_header *h) {
  uint8_t bytes[FOUND_HEADER_MAX];
  kvsp_view v = kvsp_window_peek(w, offset, bytes, sizeof bytes);
  int id_size = vint_read_id(v, &h->id);
  int size_size;
  if (id_size < 0 || id_size > 4) return NO;
  if (id_size == 0) return UNDECIDED;
  v.data += id_size;
  v.len -= (size_t)id_size;
  size_size = vint_read_size(v, &h->size);
  if (size_size < 0) return NO;
  if (size_size == 0) return UNDECIDED;
  h->header_size = (unsigned)(id_size + size_size);
  return YES;
}

static bool may_be_in(uint64_t id, uint64_t parent_id) {
  const kvsp_element_info *info = kvsp_element_by_id(id);
  return info && kvsp_element_allowed_in(info, parent_id);
}

/* ---- EBML headers -------------------------------------------------------- */

/* Whether the children of an EBML header fill it, a DocType among them. */
static enum verdict check_ebml_children(struct window *w, uint64_t offset,
                                        uint64_t end) {
  bool has_doc_type = false;
  for (int i = 0; i < CHILDREN_MAX && offset < end; i++) {
    struct found_header child;
    enum verdict verdict = header_at(w, offset, &child);
    if (verdict != YES) return verdict;
    if (!may_be_in(child.id, KVSP_ID_EBML)) return NO;
    offset += child.header_size;
    if (offset > end || child.size > end - offset) return NO;
    has_doc_type = has_doc_type || child.id == KVSP_ID_DOC_TYPE;
    offset += child.size;
  }
  return has_doc_type && offset == end ? YES : NO;
}

/* Whether a Segment of that size may begin the stream. */
static enum verdict accept_segment(struct resync *s, uint64_t size,
                                   const struct resync_rules *rules) {
  if (!rules->at_start || s->evidence || size == KVSP_SIZE_UNKNOWN) return YES;
  if (s->embedded) return YES; /* a second one: they come in a row */
  s->embedded = true;
  return NO;
}

/* What follows an EBML header: a Segment, or a Void before it.  The end of
 * the stream will do as well. */
static enum verdict follows_ebml_header(struct resync *s, struct window *w,
                                        uint64_t offset,
                                        const struct resync_rules *rules) {
  struct found_header h;
  enum verdict v;
  if (offset == kvsp_window_end(w) && w->final) return YES;
  v = header_at(w, offset, &h);
  if (v == UNDECIDED && w->final) return YES;
  if (v != YES) return v;
  if (h.id == KVSP_ID_SEGMENT) return accept_segment(s, h.size, rules);
  return h.id == KVSP_ID_VOID ? YES : NO;
}

static enum verdict check_ebml(struct resync *s, struct window *w,
                               uint64_t offset,
                               const struct resync_rules *rules) {
  struct found_header h;
  enum verdict verdict = header_at(w, offset, &h);
  if (verdict != YES) return verdict;
  if (h.id != KVSP_ID_EBML || h.size > HEADER_MAX) return NO;
  /* Not before it is all there, and what follows it begins. */
  s->missing = offset + h.header_size + h.size + 4;
  if (s->missing >= kvsp_window_end(w) && !w->final) return UNDECIDED;
  verdict = check_ebml_children(w, offset + h.header_size,
                                offset + h.header_size + h.size);
  if (verdict != YES) return verdict;
  return follows_ebml_header(s, w, offset + h.header_size + h.size, rules);
}

/* A Segment whose EBML header was lost. */
static enum verdict check_segment(struct window *w, uint64_t offset) {
  struct found_header h, child;
  enum verdict verdict = header_at(w, offset, &h);
  if (verdict != YES) return verdict;
  if (h.id != KVSP_ID_SEGMENT || h.size != KVSP_SIZE_UNKNOWN) return NO;
  verdict = header_at(w, offset + h.header_size, &child);
  if (verdict != YES) return verdict;
  return may_be_in(child.id, KVSP_ID_SEGMENT) ? YES : NO;
}

/* ---- children of a Segment ----------------------------------------------- */

static bool is_segment_child(uint64_t id) {
  return id > 0xFFFFFF && id != KVSP_ID_ATTACHMENTS &&
         may_be_in(id, KVSP_ID_SEGMENT);
}

static enum verdict check_segment_child(struct window *w, uint64_t offset,
                                        uint64_t *id) {
  struct found_header h, child;
  enum verdict verdict = header_at(w, offset, &h);
  if (verdict != YES) return verdict;
  if (!is_segment_child(h.id) || h.size == 0) return NO;
  if (h.size == KVSP_SIZE_UNKNOWN && h.id != KVSP_ID_CLUSTER) return NO;
  verdict = header_at(w, offset + h.header_size, &child);
  if (verdict != YES) return verdict;
  if (!may_be_in(child.id, h.id) || child.size == KVSP_SIZE_UNKNOWN) return NO;
  if (child.size > h.size || child.header_size > h.size - child.size) return NO;
  *id = h.id;
  return YES;
}

/* Before any document: Info and Tracks make frames of what follows; the rest
 * shows at least that this is a stream. */
static enum verdict accept_segment_child(struct resync *s, uint64_t id,
                                         const struct resync_rules *rules) {
  if (!rules->at_start) return YES;
  if (s->embedded) return NO;
  s->evidence = true;
  return id == KVSP_ID_INFO || id == KVSP_ID_TRACKS ? YES : NO;
}

/* ---- children of a Cluster ----------------------------------------------- */

/* The first bytes of a Block of that size, at offset. */
static enum verdict check_block(struct window *w, uint64_t offset,
                                uint64_t size,
                                const struct resync_rules *rules) {
  uint8_t bytes[BLOCK_HEADER_MAX];
  kvsp_view v;
  uint64_t track;
  int number_size;
  if (size < 4 || size > rules->max_frame) return NO;
  v = kvsp_window_peek(w, offset, bytes, sizeof bytes);
  number_size = kvsp_ebml_read_vint(v, &track);
  if (number_size < 0) return NO;
  if (number_size == 0) return UNDECIDED;
  if (rules->knows_track ? !rules->knows_track(rules->user, track)
                         : track == 0 || track > 127)
    return NO;
  if (v.len < (size_t)number_size + 3) return UNDECIDED;
  if (v.data[number_size + 2] & BLOCK_RESERVED) return NO;
  /* A lace has a count. */
  if (v.data[number_size + 2] & BLOCK_LACING &&
      size < (unsigned)number_size + 4)
    return NO;
  return YES;
}

/* A BlockGroup is one when its children, and a Block among them, fill it. */
static enum verdict check_block_group(struct window *w, uint64_t offset,
                                      uint64_t size,
                                      const struct resync_rules *rules) {
  uint64_t end = offset + size;
  bool has_block = false;
  if (size > rules->max_frame) return NO;
  for (int i = 0; i < CHILDREN_MAX && offset < end; i++) {
    struct found_header child;
    enum verdict verdict = header_at(w, offset, &child);
    if (verdict != YES) return verdict;
    if (!may_be_in(child.id, KVSP_ID_BLOCK_GROUP)) return NO;
    offset += child.header_size;
    if (offset > end || child.size > end - offset) return NO;
    if (child.id == KVSP_ID_BLOCK) {
      verdict = check_block(w, offset, child.size, rules);
      if (verdict != YES) return verdict;
      has_block = true;
    }
    offset += child.size;
  }
  return has_block && offset == end ? YES : NO;
}

static enum verdict check_timestamp(struct window *w, uint64_t offset,
                                    uint64_t size,
                                    const struct resync_rules *rules) {
  uint8_t bytes[8];
  kvsp_view v;
  uint64_t value;
  if (size < 1 || size > sizeof bytes) return NO;
  v = kvsp_window_peek(w, offset, bytes, (size_t)size);
  if (v.len < size) return UNDECIDED;
  (void)kvsp_ebml_uint(v, &value);
  return value >= rules->timestamp_min && value <= rules->timestamp_max ? YES
                                                                        : NO;
}

static enum verdict check_cluster_child(struct window *w, uint64_t offset,
                                        const struct found_header *h,
                                        const struct resync_rules *rules) {
  uint64_t payload = offset + h->header_size;
  switch (h->id) {
    case KVSP_ID_SIMPLE_BLOCK: return check_block(w, payload, h->size, rules);
    case KVSP_ID_BLOCK_GROUP:
      return check_block_group(w, payload, h->size, rules);
    case KVSP_ID_TIMESTAMP: return check_timestamp(w, payload, h->size, rules);
    case KVSP_ID_POSITION:
    case KVSP_ID_PREV_SIZE: return h->size >= 1 && h->size <= 8 ? YES : NO;
    default: return NO;
  }
}

int kvsp_resync_is_block(struct window *w, uint64_t payload, uint64_t id,
                         uint64_t size, const struct resync_rules *rules) {
  enum verdict verdict = id == KVSP_ID_BLOCK_GROUP
                             ? check_block_group(w, payload, size, rules)
                             : check_block(w, payload, size, rules);
  return verdict == UNDECIDED ? -1 : verdict == YES;
}

/* Elements that may stand between the Blocks, but prove nothing. */
static bool is_filler(const struct found_header *h,
                      const struct resync_rules *rules) {
  if (h->id == KVSP_ID_CRC_32) return h->size == 4;
  return h->id == KVSP_ID_VOID && h->size <= rules->max_frame;
}

/* ---- scanning ------------------------------------------------------------ */

/* Bytes with which something that is looked for begins. */
enum {
  FIRST_EBML = 1,
  FIRST_SEGMENT,
  FIRST_SEGMENT_CHILD,
  FIRST_CLUSTER_CHILD
};

static const uint8_t first_byte_kinds[256] = {
    [0x1A] = FIRST_EBML,          [0x18] = FIRST_SEGMENT,
    [0x10] = FIRST_SEGMENT_CHILD, /* Chapters */
    [0x11] = FIRST_SEGMENT_CHILD, /* SeekHead */
    [0x12] = FIRST_SEGMENT_CHILD, /* Tags */
    [0x15] = FIRST_SEGMENT_CHILD, /* Info */
    [0x16] = FIRST_SEGMENT_CHILD, /* Tracks */
    [0x1C] = FIRST_SEGMENT_CHILD, /* Cues */
    [0x1F] = FIRST_SEGMENT_CHILD, /* Cluster */
    [0xA0] = FIRST_CLUSTER_CHILD, /* BlockGroup */
    [0xA3] = FIRST_CLUSTER_CHILD, /* SimpleBlock */
    [0xE7] = FIRST_CLUSTER_CHILD, /* Timestamp */
};

static size_t find_any(const uint8_t *p, size_t len) {
  size_t i = 0;
  while (i < len && !first_byte_kinds[p[i]]) i++;
  return i;
}

/* All that is no child of a Cluster has an ID of four bytes: 0x1., 0x4. or
 * 0x5., at least 0x80, and anything. */
static inline bool is_strong(const uint8_t *p, size_t len) {
  uint32_t id;
  if ((p[0] & 0xF0) != 0x10) return false;
  if (len < 4) return true; /* is judged when there is more */
  id = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
  if ((id & 0x00E08000) != 0x00408000) return false;
  return id == KVSP_ID_EBML || id == KVSP_ID_SEGMENT || is_segment_child(id);
}

/* Sixteen places at once; compilers have instructions for that. */
typedef uint8_t bytes_16 __attribute__((vector_size(16)));

/* Not 0 for those of the 16 bytes at p that may begin such an ID, by its first
 * three bytes; looks at 18.  By pointers: where a machine has no registers for
 * them, how such values are passed is not settled. */
static inline void strong_among(const uint8_t *p, bytes_16 *hits) {
  bytes_16 first, second, third;
  memcpy(&first, p, sizeof first);
  memcpy(&second, p + 1, sizeof second);
  memcpy(&third, p + 2, sizeof third);
  first = (bytes_16)((first & 0xF0) == 0x10);
  *hits = first & (bytes_16)((second & 0xE0) == 0x40) & third & 0x80;
}

static inline bool has_any(const bytes_16 *bytes) {
  uint64_t halves[2];
  memcpy(halves, bytes, sizeof halves);
  return halves[0] | halves[1];
}

/* Which of the 16 bytes at p, of len; 16 for none. */
static size_t strong_of_16(const uint8_t *p, size_t len) {
  bytes_16 hits;
  size_t i = 0;
  strong_among(p, &hits);
  if (!has_any(&hits)) return 16;
  while (i < 16 && !(hits[i] && is_strong(p + i, len - i))) i++;
  return i;
}

/* Where the first such ID is among len bytes; len for none. */
static size_t find_strong(const uint8_t *p, size_t len) {
  size_t i = 0;
  for (; len - i >= 64 + 2; i += 64) {
    bytes_16 hits[4];
    strong_among(p + i, &hits[0]);
    strong_among(p + i + 16, &hits[1]);
    strong_among(p + i + 32, &hits[2]);
    strong_among(p + i + 48, &hits[3]);
    hits[0] |= hits[1] | hits[2] | hits[3];
    if (!has_any(&hits[0])) continue;
    for (size_t at = i; at < i + 64; at += 16) {
      size_t hit = strong_of_16(p + at, len - at);
      if (hit < 16) return at + hit;
    }
  }
  for (; len - i >= 16 + 2; i += 16) {
    size_t hit = strong_of_16(p + i, len - i);
    if (hit < 16) return i + hit;
  }
  while (i < len && !is_strong(p + i, len - i)) i++;
  return i;
}

bool kvsp_resync_may_find(kvsp_view v) {
  return find_strong(v.data, v.len) < v.len;
}

/* What stands at offset, if it is no child of a Cluster: *result is set for
 * YES. */
static enum verdict check_strong(struct resync *s, struct window *w,
                                 uint64_t offset, int kind,
                                 const struct resync_rules *rules,
                                 int *result) {
  uint64_t id = 0;
  enum verdict verdict;
  switch (kind) {
    case FIRST_EBML:
      *result = RESYNC_EBML;
      return check_ebml(s, w, offset, rules);
    case FIRST_SEGMENT: *result = RESYNC_EBML; return check_segment(w, offset);
    case FIRST_SEGMENT_CHILD:
      *result = RESYNC_SEGMENT_CHILD;
      if (s->documents_only) return NO;
      verdict = check_segment_child(w, offset, &id);
      return verdict == YES ? accept_segment_child(s, id, rules) : verdict;
    default: return NO;
  }
}

/* Whether such a place lies behind from and before to, as far as the bytes at
 * hand tell.  Each byte is looked at once for this, by however many scans: what
 * was seen stays known. */
static enum verdict strong_between(struct resync *s, struct window *w,
                                   uint64_t from, uint64_t to,
                                   const struct resync_rules *rules) {
  uint64_t end = kvsp_window_end(w);
  if (from + 1 < s->strong_from || from >= s->strong_to) {
    s->strong_from = from + 1;
    s->strong_to = from + 1;
    s->strong_at = 0;
  }
  if (s->strong_at > from && s->strong_at < to) return YES;
  while (s->strong_to < to && s->strong_to < end) {
    uint8_t bytes[256];
    kvsp_view v = kvsp_window_peek(w, s->strong_to, bytes, sizeof bytes);
    for (size_t i = 0; i < v.len && s->strong_to < to; i++, s->strong_to++) {
      int result;
      int kind = first_byte_kinds[v.data[i]];
      enum verdict verdict =
          kind ? check_strong(s, w, s->strong_to, kind, rules, &result) : NO;
      if (verdict == UNDECIDED && !w->final) return UNDECIDED;
      if (verdict != YES) continue;
      s->strong_at = s->strong_to;
      return YES;
    }
  }
  return s->strong_to < to && !w->final ? UNDECIDED : NO;
}

static enum verdict not_if(enum verdict verdict) {
  return verdict == UNDECIDED ? UNDECIDED : verdict == YES ? NO : YES;
}

/* A chain of elements, as far as it was followed. */
struct chain {
  unsigned links; /* that are more than fillers */
  uint64_t end;   /* where the next one would begin */
};

/* One more link: YES when the chain is proved, NO when it breaks, UNDECIDED
 * when bytes are missing; GO_ON otherwise. */
static enum verdict follow_chain(const struct resync *s, struct window *w,
                                 const struct resync_rules *rules,
                                 struct chain *c) {
  struct found_header h;
  enum verdict verdict;
  if (c->links > 0 && c->end == s->until && s->until_is_end) return YES;
  if (c->end >= kvsp_window_end(w) && w->final)
    return c->links > (c->end > kvsp_window_end(w)) ? YES : NO;
  if (c->end >= kvsp_window_end(w)) return UNDECIDED;
  verdict = header_at(w, c->end, &h);
  if (verdict == UNDECIDED && w->final) return c->links ? YES : NO;
  if (verdict != YES) return verdict;
  if (c->links > 0 && (h.id == KVSP_ID_EBML || is_segment_child(h.id)))
    return YES;
  if (!(c->links > 0 && is_filler(&h, rules))) {
    verdict = check_cluster_child(w, c->end, &h, rules);
    if (verdict == UNDECIDED && w->final) return c->links ? YES : NO;
    if (verdict != YES) return verdict;
    c->links++;
    if (c->links == CHAIN) return YES;
  }
  c->end += h.header_size + h.size;
  return GO_ON;
}

static enum verdict check_chain(struct resync *s, struct window *w,
                                uint64_t offset,
                                const struct resync_rules *rules) {
  struct chain c = {0, offset};
  enum verdict verdict = GO_ON;
  for (unsigned steps = 0; verdict == GO_ON && steps < 2 * CHAIN; steps++)
    verdict = follow_chain(s, w, rules, &c);
  s->missing = c.end;
  if (verdict == YES) return not_if(strong_between(s, w, offset, c.end, rules));
  if (verdict != UNDECIDED) return NO;
  return strong_between(s, w, offset, c.end, rules) == YES ? NO : UNDECIDED;
}

/* What stands at the window's offset: *result is set for YES. */
static enum verdict judge(struct resync *s, struct window *w,
                          const struct resync_rules *rules, int *result) {
  uint64_t here = w->offset;
  int kind = first_byte_kinds[w->at[0]];
  enum verdict verdict;
  if (s->missing >= kvsp_window_end(w) && !w->final) return UNDECIDED;
  s->missing = 0;
  if (kind != FIRST_CLUSTER_CHILD) {
    verdict = check_strong(s, w, here, kind, rules, result);
  } else {
    *result = RESYNC_CLUSTER_CHILD;
    verdict =
        rules->at_start || s->strong_only ? NO : check_chain(s, w, here, rules);
  }
  if (verdict != UNDECIDED) {
    s->missing = 0;
  } else if (s->missing < kvsp_window_end(w)) {
    s->missing = kvsp_window_end(w);
  }
  return verdict;
}

/* Goes on to the next byte in view that may begin what is looked for. */
static bool find_first_byte(struct resync *s, struct window *w,
                            const struct resync_rules *rules) {
  kvsp_view v = window_view(w);
  size_t i;
  if (v.len > s->until - w->offset) v.len = (size_t)(s->until - w->offset);
  i = s->strong_only || rules->at_start ? find_strong(v.data, v.len)
                                        : find_any(v.data, v.len);
  w->looked += i;
  window_take(w, i);
  return i < v.len;
}

void kvsp_resync_begin(struct resync *s, struct window *w, uint64_t from,
                       uint64_t until) {
  kvsp_window_seek(w, from);
  kvsp_window_release(w);
  s->until = until;
  s->until_is_end = false;
  s->strong_only = false;
  s->documents_only = false;
  s->missing = 0;
}

/* For so many bytes memory must be found.  What claims more is given up when
 * there is none: nonsense may claim any size. */
#define WAIT_SURELY ((size_t)64 * 1024)

/* More bytes, at least until the place in question can be judged.  KVSP_END
 * when it never can. */
static int wait(const struct resync *s, struct window *w) {
  uint64_t until = s->missing > w->offset ? s->missing : w->offset;
  uint64_t wanted = until - w->offset;
  int rc;
  if (wanted > SIZE_MAX / 4) return KVSP_END;
  rc = kvsp_window_need(w, (size_t)wanted + 1);
  if (rc == KVSP_ERR_LIMIT_MEMORY && wanted > WAIT_SURELY && w->left > 0)
    return KVSP_END;
  return rc;
}

int kvsp_resync_scan(struct resync *s, struct window *w,
                     const struct resync_rules *rules) {
  for (;;) {
    int result = 0;
    int rc = KVSP_END;
    if (w->offset >= s->until) return RESYNC_UNTIL;
    if (w->left == 0) {
      rc = kvsp_window_need(w, 1);
      if (rc == KVSP_END) return RESYNC_END;
      if (rc != KVSP_OK) return rc;
    }
    if (!find_first_byte(s, w, rules)) continue;
    switch (judge(s, w, rules, &result)) {
      case YES: return result;
      case UNDECIDED: rc = wait(s, w); break;
      default: break;
    }
    if (rc == KVSP_OK) continue;
    if (rc != KVSP_END) return rc;
    s->missing = 0;
    w->looked++;
    window_take(w, 1);
  }
}
