/*
 * fuzz_items.h - watches a reader's items: that each keeps reader.h's promises
 * (order, offsets, counts, frames inside the bytes that were fed), and a digest
 * of all that is in them, by which two readings are compared.  Knows the
 * public header only.
 */
#ifndef KVSPARSE_TESTS_FUZZ_ITEMS_H
#define KVSPARSE_TESTS_FUZZ_ITEMS_H

#include <kvsparse/reader.h>
#include <stdbool.h>

#define FUZZ_LAST_FRAMES 64u

/* size 0: of a lace, or none. */
struct fuzz_frame {
  uint64_t offset, size;
};

struct fuzz_items {
  const uint8_t *stream; /* all of it, for comparing frames                */
  uint64_t fed;          /* so many bytes of it are the reader's so far    */
  uint32_t flags;        /* KVSP_READ_*                                    */
  bool filtered;         /* not all tracks were asked for                  */

  uint64_t digest;
  uint64_t count;
  /* What must fit together from item to item. */
  bool in_fragment;
  uint64_t fragments; /* that began                                        */
  uint64_t frames;    /* of the fragment, so far                           */
  uint64_t fragment_offset;
  uint64_t frame_end; /* the last frame's                                  */
  uint64_t gap_from;  /* the least of the gaps' since that frame           */
  struct fuzz_frame last[FUZZ_LAST_FRAMES];
  size_t frames_seen;
};

/* Forgets the items; stream, flags and filtered stay. */
void fuzz_items_begin(struct fuzz_items *w);
void fuzz_items_take(struct fuzz_items *w, const kvsp_item *item);
/* The reader said KVSP_END. */
void fuzz_items_end(const struct fuzz_items *w);

#endif
