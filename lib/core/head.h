/*
 * head.h - what stands before the first Cluster of a document, as bytes: the
 * content of EBML header, Info and Tracks, element by element as it was,
 * without Void, CRC-32 and what is true of that document only.  Knows no
 * tracks and no fragments; fed by the reader with its tokenizer's events.
 */
#ifndef KVSP_CORE_HEAD_H
#define KVSP_CORE_HEAD_H

#include <kvsparse/tokenizer.h>
#include <stdbool.h>

#include "memory.h"

enum head_part { HEAD_EBML, HEAD_INFO, HEAD_TRACKS, HEAD_PARTS };

struct head_bytes {
  uint8_t *data;
  size_t len;
  size_t capacity;
};

/* An open master. */
struct head_level {
  uint64_t offset; /* in the stream: tells its end from that of others */
  uint32_t depth;
  size_t start;       /* of its header in the part */
  size_t size_at;     /* where its size stands, ... */
  unsigned size_size; /* ... in that many bytes */
};

/* Nothing in these parts lies deeper. */
#define HEAD_DEPTH_MAX 8u

struct head {
  struct memory *memory;
  struct head_bytes parts[HEAD_PARTS];
  struct head_level levels[HEAD_DEPTH_MAX];
  unsigned depth; /* 0: outside */
  enum head_part open;
  bool behind; /* the reader has handled the event, the head has not */
};

void kvsp_head_init(struct head *h, struct memory *memory);
/* Empty again; memory is kept for the next document. */
void kvsp_head_reset(struct head *h);
/* The child of the open part that is being read, a TrackEntry, was cut: it is
 * given up. */
void kvsp_head_abort(struct head *h);
void kvsp_head_clear(struct head *h);

/* The content so far of the master that the event ends; data NULL: none of
 * ours. */
kvsp_view kvsp_head_content(const struct head *h, const kvsp_event *end);

static inline kvsp_view head_view(const struct head *h, enum head_part part) {
  kvsp_view v = {h->parts[part].data, h->parts[part].len};
  return v;
}

/* Whether the element is to be seen whole, with all that is in it. */
bool kvsp_head_wants(const struct head *h, const kvsp_event *e);
/* An event that the reader has handled; is_faulty: the element cannot be used.
 * KVSP_OK; errors of memory, after which the call can be repeated. */
int kvsp_head_take(struct head *h, const kvsp_event *e, bool is_faulty);

/* v becomes a copy of from; its memory is kept and grows.  KVSP_OK, errors of
 * memory. */
int kvsp_head_copy(struct memory *memory, struct head_bytes *to,
                   kvsp_view from);
void kvsp_head_bytes_clear(struct memory *memory, struct head_bytes *bytes);

/* One element of such bytes. */
struct head_element {
  uint64_t id;
  const kvsp_element_info *info; /* NULL: not in the table */
  kvsp_view data;                /* empty for a master */
};

/* Takes the next element from the bytes; of a master only its header, so that
 * its children come next.  False at the end. */
bool kvsp_head_next(kvsp_view *rest, struct head_element *element);
/* Whether two parts say the same: by values, not by bytes, and without UIDs
 * and names, which writers make up anew. */
bool kvsp_head_equal(kvsp_view a, kvsp_view b);

#endif
