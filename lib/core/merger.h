/*
 * merger.h - the inside of kvsp_merger: a reader whose blocks are written out
 * again, as they are, in Clusters of one document.  Its parts:
 *
 *   merger.c         makes it, feeds it; which items begin what
 *   merger_output.c  the bytes of the output
 *   merger_times.c   from times of the stream to times of the output
 *   merger_tags.c    tags, folded together
 */
#ifndef KVSP_CORE_MERGER_H
#define KVSP_CORE_MERGER_H

#include <kvsparse/merger.h>

#include "reader.h"

/* A SimpleTag that is written at the end of the segment; name and value lie
 * behind it. */
struct folded_tag {
  size_t name_len, value_len;
  uint32_t flags;
  uint8_t *bytes; /* name, then value; memory of its own */
};

struct folded_tags {
  struct folded_tag *items;
  size_t count;
  size_t capacity;
};

/* A segment of the output, while it is written. */
struct segment {
  kvsp_merge_segment shown;
  bool open;
  bool announced; /* its first bytes are out */
  struct head_bytes ebml, tracks;
  uint64_t scale;     /* nanoseconds of a tick */
  uint64_t bytes;     /* of it */
  uint64_t fragments; /* in it */
  uint64_t start;     /* its first Cluster's */
};

/* Times of the stream, in ticks of the segment's scale.  What was written last,
 * and what is added to get the output's. */
struct timeline {
  int64_t shift;
  int64_t cluster;   /* of the last Cluster with a block, also a made up one */
  uint64_t offset;   /* of the Cluster that the last block was in */
  int64_t latest_ns; /* the end of what the document has so far */
  int64_t end_ns;    /* of the last fragment's frames, by the stream's times */
  int64_t start_ns;
  int64_t producer_ns; /* of its start by the producer's clock */
};

/* Where the next block is to stand. */
enum place {
  PLACE_HERE,     /* in the open Cluster */
  PLACE_CLUSTER,  /* in a new Cluster, at *out */
  PLACE_NEW_TIMES /* in a new segment: its time cannot be expressed, or the
                       mode does not change it */
};

struct kvsp_merger {
  kvsp_reader *reader;
  struct head head;
  kvsp_merger_config config;
  struct segment segment;
  struct timeline times;
  struct folded_tags tags;
  kvsp_merger_stats stats;
  const kvsp_item *item; /* being dealt with; comes again after a want of
                            memory */
  bool item_told;        /* the callback has seen it */
  uint32_t beginning;    /* why a segment begins, until its first bytes are
                            out; 0: none does */
  /* Of the current document: */
  bool begun;        /* a block of it is out */
  bool folded;       /* its tags before the Cluster are taken up */
  bool borrowed;     /* it lacks Tracks: those of the segment count */
  bool block_is_out; /* of the lace whose frames come */
  bool busy, freed;
  bool called_off; /* by a callback */
  int stopped; /* what kvsp_merger_write returns from now on; KVSP_OK: go on */
};

/* merger_output.c: KVSP_OK, or what the callback returned. */

/* The item goes to the callback for items, once. */
int kvsp_merger_tell_item(kvsp_merger *m);
int kvsp_merger_put_head(kvsp_merger *m);
int kvsp_merger_put_cluster(kvsp_merger *m, uint64_t timestamp);
int kvsp_merger_put_header(kvsp_merger *m, uint64_t id, uint64_t size,
                           unsigned size_size);
int kvsp_merger_put_element(kvsp_merger *m, uint64_t id, kvsp_view payload);
int kvsp_merger_put_bytes(kvsp_merger *m, const void *data, size_t len);

/* merger_times.c */

/* Where the block of the current Cluster goes, whose time is in r->document. */
enum place kvsp_merger_place(kvsp_merger *m, bool first_of_fragment,
                             uint64_t *out);
/* The first Cluster of a new segment. */
uint64_t kvsp_merger_first_place(kvsp_merger *m);
/* From the start of the segment to where the current document begins. */
int64_t kvsp_merger_length_ns(const kvsp_merger *m);
/* A frame of it was. */
void kvsp_merger_note_frame(kvsp_merger *m, const kvsp_frame *frame);
/* The fragment whose blocks were written ends. */
void kvsp_merger_end_times(kvsp_merger *m);

/* merger_tags.c */

/* KVSP_OK, errors of memory. */
int kvsp_merger_fold_tags(kvsp_merger *m, const kvsp_tag *const *tags,
                          size_t count);
int kvsp_merger_put_tags(kvsp_merger *m);
void kvsp_merger_clear_tags(kvsp_merger *m);

#endif
