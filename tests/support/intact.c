#include "support/intact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

static void require(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "intact: %s\n", what);
  exit(99);
}

/* Room for one thing more in an array that doubles at powers of two. */
static void *make_room(void *array, size_t count, size_t size) {
  if (count > 0 && (count & (count - 1)) != 0) return array;
  array = realloc(array, (count > 0 ? 2 * count : 1) * size);
  require(array != NULL, "out of memory");
  return array;
}

/* ---- elements ------------------------------------------------------------ */

static void add_element(struct sound *s, const kvsp_event *e) {
  struct sound_element *element;
  s->elements = make_room(s->elements, s->element_count, sizeof *s->elements);
  element = &s->elements[s->element_count++];
  element->id = e->id;
  element->begin = (size_t)e->offset;
  element->content = (size_t)e->offset + e->header_size;
  element->known_size = e->size != KVSP_SIZE_UNKNOWN;
  element->end = element->content;
  if (element->known_size) element->end += (size_t)e->size;
}

static void add_event(struct sound *s, const kvsp_event *e,
                      size_t open[DEPTH_MAX]) {
  require(e->depth < DEPTH_MAX, "a stream is too deep");
  switch (e->type) {
    case KVSP_EVENT_MASTER_BEGIN:
      open[e->depth] = s->element_count;
      add_element(s, e);
      break;
    case KVSP_EVENT_MASTER_END:
      s->elements[open[e->depth]].end = (size_t)e->data_offset;
      break;
    case KVSP_EVENT_VALUE:
    case KVSP_EVENT_BLOB_BEGIN: add_element(s, e); break;
    default: break;
  }
}

static void read_elements(struct sound *s) {
  size_t open[DEPTH_MAX];
  kvsp_tokenizer *t;
  const kvsp_event *e;
  int rc = kvsp_tokenizer_new(&t, NULL);
  require(rc == KVSP_OK, "no tokenizer");
  rc = kvsp_tokenizer_input(t, s->data.data, s->data.len, KVSP_FINAL);
  while (rc == KVSP_OK) {
    rc = kvsp_tokenizer_next(t, &e);
    if (rc == KVSP_OK) add_event(s, e, open);
  }
  require(rc == KVSP_END, "the tokenizer finds a fault in a sound stream");
  kvsp_tokenizer_free(t);
}

/* ---- documents ----------------------------------------------------------- */

static void add_document(struct sound *s, size_t ebml) {
  struct sound_document *d;
  s->documents =
      make_room(s->documents, s->document_count, sizeof *s->documents);
  d = &s->documents[s->document_count++];
  memset(d, 0, sizeof *d);
  d->ebml = ebml;
  d->segment = d->info = d->tracks = d->number_tags = INTACT_NONE;
}

static bool holds_number(const struct sound *s, const struct sound_element *e) {
  static const char name[] = "AWS_KINESISVIDEO_FRAGMENT_NUMBER";
  size_t len = sizeof name - 1;
  for (size_t at = e->content; at + len <= e->end; at++)
    if (memcmp(s->data.data + at, name, len) == 0) return true;
  return false;
}

static void find_documents(struct sound *s) {
  for (size_t i = 0; i < s->element_count; i++) {
    const struct sound_element *e = &s->elements[i];
    struct sound_document *d = NULL;
    if (e->id == KVSP_ID_EBML) add_document(s, i);
    require(s->document_count > 0, "the stream does not begin with EBML");
    d = &s->documents[s->document_count - 1];
    if (e->id == KVSP_ID_SEGMENT) d->segment = i;
    if (e->id == KVSP_ID_INFO) d->info = i;
    if (e->id == KVSP_ID_TRACKS) d->tracks = i;
    if (e->id == KVSP_ID_TAGS && d->number_tags == INTACT_NONE &&
        holds_number(s, e))
      d->number_tags = i;
  }
}

size_t sound_document_begin(const struct sound *s, size_t document) {
  if (document >= s->document_count) return s->data.len;
  return s->elements[s->documents[document].ebml].begin;
}

/* ---- frames -------------------------------------------------------------- */

/* The last element that begins at or before at. */
static size_t last_before(const struct sound *s, size_t at) {
  size_t low = 0, high = s->element_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (s->elements[middle].begin <= at)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 ? low - 1 : INTACT_NONE;
}

size_t sound_element_at(const struct sound *s, size_t at) {
  size_t i = last_before(s, at);
  while (i != INTACT_NONE && s->elements[i].end <= at)
    i = i > 0 ? i - 1 : INTACT_NONE;
  return i;
}

static size_t element_before(const struct sound *s, size_t i, uint64_t id,
                             uint64_t or_id) {
  while (i != INTACT_NONE && s->elements[i].id != id &&
         s->elements[i].id != or_id)
    i = i > 0 ? i - 1 : INTACT_NONE;
  require(i != INTACT_NONE, "a frame without a Block or a Timestamp");
  return i;
}

static void add_frame(struct sound *s, const kvsp_frame *f) {
  struct sound_frame *frame;
  size_t size;
  s->frames = make_room(s->frames, s->frame_count, sizeof *s->frames);
  frame = &s->frames[s->frame_count++];
  frame->document = (size_t)f->fragment->index;
  frame->offset = (size_t)f->offset;
  frame->size = (size_t)f->size;
  frame->track = f->track->number;
  frame->pts_ns = f->pts_ns;
  frame->first_of_lace = f->lace_index == 0;
  /* The byte before the frame is the Block's in any case, the frame's first
   * may not be: there are empty frames. */
  frame->block = element_before(s, last_before(s, frame->offset - 1),
                                KVSP_ID_SIMPLE_BLOCK, KVSP_ID_BLOCK_GROUP);
  frame->timestamp =
      element_before(s, frame->block, KVSP_ID_TIMESTAMP, KVSP_ID_TIMESTAMP);
  size = s->elements[frame->block].end - s->elements[frame->block].begin;
  if (size > s->largest_block) s->largest_block = size;
}

static void add_item(struct sound *s, const kvsp_item *item) {
  const kvsp_fragment *f = item->fragment;
  require(item->type != KVSP_ITEM_GAP, "a gap in a sound stream");
  require(f->index < s->document_count, "more fragments than documents");
  if (item->type == KVSP_ITEM_FRAME) add_frame(s, item->frame);
  if (item->type != KVSP_ITEM_FRAGMENT || f->number.data == NULL) return;
  snprintf(s->documents[f->index].number, sizeof s->documents->number, "%.*s",
           (int)f->number.len, (const char *)f->number.data);
}

static void read_frames(struct sound *s) {
  const kvsp_item *item;
  kvsp_reader *r;
  int rc = kvsp_reader_new(&r, NULL);
  require(rc == KVSP_OK, "no reader");
  rc = kvsp_reader_input(r, s->data.data, s->data.len, KVSP_FINAL);
  while (rc == KVSP_OK) {
    rc = kvsp_reader_next(r, &item);
    if (rc == KVSP_OK) add_item(s, item);
  }
  require(rc == KVSP_END, "the reader finds a fault in a sound stream");
  kvsp_reader_free(r);
}

void sound_read(struct sound *s, struct bytes *data) {
  memset(s, 0, sizeof *s);
  s->data = *data;
  memset(data, 0, sizeof *data);
  read_elements(s);
  find_documents(s);
  read_frames(s);
}

void sound_free(struct sound *s) {
  bytes_free(&s->data);
  free(s->elements);
  free(s->frames);
  free(s->documents);
  memset(s, 0, sizeof *s);
}

const struct sound_element *sound_block(const struct sound *s,
                                        const struct sound_frame *f) {
  return &s->elements[f->block];
}

/* ---- what a torn Block takes in ------------------------------------------ */

/* Where the element ends that stands at a place of the damaged stream; 0: it
 * is none, or does not end. */
static size_t element_end(const struct damage *d, size_t at, uint64_t *id) {
  kvsp_view v = {d->data.data + at, d->data.len - at};
  uint64_t size;
  int id_size = kvsp_ebml_read_id(v, id);
  int size_size;
  if (id_size <= 0) return 0;
  v.data += id_size;
  v.len -= (size_t)id_size;
  size_size = kvsp_ebml_read_size(v, &size);
  if (size_size <= 0 || size > v.len - (size_t)size_size) return 0;
  return at + (size_t)id_size + (size_t)size_size + (size_t)size;
}

static size_t block_end(const struct damage *d, size_t at) {
  uint64_t id = 0;
  size_t end = element_end(d, at, &id);
  return id == KVSP_ID_SIMPLE_BLOCK || id == KVSP_ID_BLOCK_GROUP ? end : 0;
}

static bool is_boundary(const struct sound *s, const struct damage *d,
                        size_t at) {
  size_t from;
  if (at == d->data.len) return true;
  if (!damage_origin(d, at, &from)) return false;
  return s->elements[last_before(s, from)].begin == from;
}

/* Whether an element may stand between Blocks and say nothing: one that nobody
 * knows, Void, PrevSize with its few bytes. */
static bool is_filler(uint64_t id, size_t size) {
  const kvsp_element_info *info = kvsp_element_by_id(id);
  if (info == NULL || id == KVSP_ID_VOID) return true;
  return size < 10 && kvsp_element_allowed_in(info, KVSP_ID_CLUSTER);
}

/* The same, or some fillers end at such a place. */
static bool goes_on(const struct sound *s, const struct damage *d, size_t at) {
  for (unsigned i = 0; i < 4; i++) {
    uint64_t id = 0;
    size_t end;
    if (is_boundary(s, d, at)) return true;
    end = element_end(d, at, &id);
    if (end == 0 || !is_filler(id, end - at)) return false;
    at = end;
  }
  return is_boundary(s, d, at);
}

/* The Block that is torn at the end of the span, if it ends in the damaged
 * stream exactly where an element begins, or the stream ends: from *begin to
 * *end. */
static bool is_torn_in_silence(const struct sound *s, const struct damage *d,
                               const struct damage_span *span, size_t *begin,
                               size_t *end) {
  const struct sound_element *e;
  size_t last = last_before(s, span->from + span->len - 1);
  if (last == INTACT_NONE || s->elements[last].begin < span->from) return false;
  e = &s->elements[last];
  if (e->end <= span->from + span->len) return false;
  *begin = span->at + (e->begin - span->from);
  *end = block_end(d, *begin);
  return *end > 0 && goes_on(s, d, *end);
}

bool intact_is_swallowed(const struct sound *s, const struct damage *d,
                         size_t at) {
  size_t begin, end;
  for (size_t i = 0; i < d->span_count; i++)
    if (is_torn_in_silence(s, d, &d->spans[i], &begin, &end) && begin <= at &&
        at < end)
      return true;
  return false;
}

/* ---- what still means the same ------------------------------------------- */

/* Elements that end what an earlier one of their kind said. */
static bool takes_over(uint64_t id, uint64_t from_id) {
  if (id == KVSP_ID_EBML || id == KVSP_ID_SEGMENT) return true;
  if (from_id == KVSP_ID_TIMESTAMP)
    return id == KVSP_ID_TIMESTAMP || id == KVSP_ID_CLUSTER;
  return id == from_id && id != KVSP_ID_TAGS;
}

/* Whether such an element begins in [from, to) of the sound stream. */
static bool is_taken_over(const struct sound *s, size_t from, size_t to,
                          uint64_t id) {
  size_t i = last_before(s, from);
  if (i == INTACT_NONE) i = 0;
  for (; i < s->element_count && s->elements[i].begin < to; i++)
    if (s->elements[i].begin >= from && takes_over(s->elements[i].id, id))
      return true;
  return false;
}

/* The same for [from, to) of the damaged one. */
static bool is_taken_over_between(const struct sound *s, const struct damage *d,
                                  size_t from, size_t to, uint64_t id) {
  for (size_t i = 0; i < d->span_count; i++) {
    const struct damage_span *span = &d->spans[i];
    size_t first = from > span->at ? from : span->at;
    size_t last = to < span->at + span->len ? to : span->at + span->len;
    if (first >= last) continue;
    if (is_taken_over(s, span->from + (first - span->at),
                      span->from + (last - span->at), id))
      return true;
  }
  return false;
}

/* The last place before `before` where the element is whole. */
static bool find_last(const struct damage *d, const struct sound_element *e,
                      size_t before, size_t *at) {
  size_t place = 0;
  bool found = false;
  for (size_t after = 0; damage_find(d, e->begin, e->end, after, &place);
       after = place + 1) {
    if (place + (e->end - e->begin) > before) break;
    *at = place;
    found = true;
  }
  return found;
}

/* Whether what the element says holds at a place of the damaged stream. */
static bool holds(const struct sound *s, const struct damage *d, size_t element,
                  size_t here) {
  const struct sound_element *e;
  size_t at;
  if (element == INTACT_NONE) return false;
  e = &s->elements[element];
  if (!find_last(d, e, here, &at)) return false;
  if (intact_is_swallowed(s, d, at)) return false;
  return !is_taken_over_between(s, d, at + (e->end - e->begin), here, e->id);
}

/* Whether the frame's document began as one: its EBML header or its Segment's
 * is there.  Without both, it goes on in the document before. */
static bool has_begun(const struct sound *s, const struct damage *d,
                      const struct sound_document *document, size_t here) {
  const struct sound_element *ebml = &s->elements[document->ebml];
  struct sound_element segment;
  size_t at;
  if (document->segment == INTACT_NONE) return false;
  segment = s->elements[document->segment];
  segment.end = segment.content;
  if (find_last(d, ebml, here, &at)) return true;
  return find_last(d, &segment, here, &at);
}

/* Whether the header of the Timestamp's Cluster is whole; a wrong size in it
 * may be so long that the Timestamp is taken for a part of it. */
static bool has_cluster(const struct sound *s, const struct damage *d,
                        size_t timestamp, size_t here) {
  size_t cluster =
      element_before(s, timestamp, KVSP_ID_CLUSTER, KVSP_ID_CLUSTER);
  struct sound_element header = s->elements[cluster];
  size_t at;
  header.end = header.content;
  return find_last(d, &header, here, &at);
}

struct claim intact_claim(const struct sound *s, const struct sound_frame *f,
                          const struct damage *d, size_t block_at) {
  const struct sound_document *document = &s->documents[f->document];
  struct claim claim = {0};
  claim.frame = holds(s, d, document->tracks, block_at);
  claim.time =
      claim.frame && holds(s, d, f->timestamp, block_at) &&
      has_cluster(s, d, f->timestamp, block_at) &&
      (document->info == INTACT_NONE || holds(s, d, document->info, block_at));
  claim.number = claim.frame && has_begun(s, d, document, block_at) &&
                 holds(s, d, document->number_tags, block_at);
  return claim;
}

/* ---- what cannot be seen ------------------------------------------------- */

/* How many bytes each element of known size around at has to go, innermost
 * first; false inside an element's header. */
static bool owed_at(const struct sound *s, size_t at, size_t owed[DEPTH_MAX]) {
  size_t count = 0;
  memset(owed, 0, DEPTH_MAX * sizeof *owed);
  for (size_t i = last_before(s, at); i != INTACT_NONE; i--) {
    const struct sound_element *e = &s->elements[i];
    if (e->begin < at && at < e->content) return false;
    if (e->begin < at && at < e->end && e->known_size && count < DEPTH_MAX)
      owed[count++] = e->end - at;
    if (e->id == KVSP_ID_EBML || i == 0) break;
  }
  return true;
}

static bool fits(const struct sound *s, size_t before, size_t behind) {
  size_t owed[DEPTH_MAX], left[DEPTH_MAX];
  return owed_at(s, before, owed) && owed_at(s, behind, left) &&
         memcmp(owed, left, sizeof owed) == 0;
}

/* Where the bytes on both sides of a seam are the same, the seam might as well
 * be further on or back. */
#define SHIFT_MAX 64

static bool fits_somewhere(const struct sound *s, size_t before,
                           size_t behind) {
  const uint8_t *data = s->data.data;
  size_t a = before, b = behind;
  for (size_t i = 0; i < SHIFT_MAX; i++, a++, b++) {
    if (fits(s, a, b)) return true;
    if (a >= s->data.len || b >= s->data.len || data[a] != data[b]) break;
  }
  a = before;
  b = behind;
  for (size_t i = 0; i < SHIFT_MAX && a > 0 && b > 0; i++) {
    if (data[--a] != data[--b]) break;
    if (fits(s, a, b)) return true;
  }
  return false;
}

static bool joins(const struct sound *s, const struct damage *d, size_t from,
                  const struct damage_span *span) {
  size_t begin, end;
  if (span->from == from) return true;
  if (span > d->spans && is_torn_in_silence(s, d, span - 1, &begin, &end))
    return true;
  return fits_somewhere(s, from, span->from);
}

bool intact_is_seamless(const struct sound *s, const struct damage *d) {
  size_t at = 0, from = 0, begin, end;
  for (size_t i = 0; i < d->span_count; i++) {
    const struct damage_span *span = &d->spans[i];
    if (span->at != at) /* new bytes before it */
      return i > 0 && is_torn_in_silence(s, d, span - 1, &begin, &end);
    if (!joins(s, d, from, span)) return false;
    at = span->at + span->len;
    from = span->from + span->len;
  }
  return at == d->data.len;
}

bool intact_is_substitution(const struct sound *s, const struct damage *d,
                            size_t *from, size_t *to) {
  if (d->data.len != s->data.len) return false;
  *from = 0;
  *to = s->data.len;
  for (size_t i = 0; i < d->span_count; i++) {
    const struct damage_span *span = &d->spans[i];
    if (span->at != span->from) return false;
    if (span->at == 0) *from = span->len;
    if (span->at + span->len == s->data.len) *to = span->from;
  }
  return true;
}
