/*
 * resync.h - where does the stream make sense again?  Looks for a place where
 * elements begin, and believes one only when what follows it makes sense too:
 *
 *   an EBML header: its children are those that EBML defines, fill it exactly,
 *     and a Segment follows;
 *   a Segment of unknown size with a sane first child;
 *   a child of Segment: its four-byte ID, a size, and a first child that
 *     belongs there;
 *   a child of Cluster: three in a row with sane headers and known tracks, or
 *     fewer that lead to one of the above, to the parent's end or to the end
 *     of the stream, and none of the above inside them.
 *
 * Payloads are not looked at, and no byte more often than a small constant.
 */
#ifndef KVSP_CORE_RESYNC_H
#define KVSP_CORE_RESYNC_H

#include <kvsparse/ebml.h>

#include "window.h"

/* What resync_scan found, besides KVSP_NEED_INPUT and errors of memory. */
enum resync_result {
  RESYNC_EBML = 2000,   /* the window stands at an EBML header or a Segment */
  RESYNC_SEGMENT_CHILD, /* ... at an element of a Segment */
  RESYNC_CLUSTER_CHILD, /* ... at an element of a Cluster */
  RESYNC_UNTIL,         /* ... at the offset "until" */
  RESYNC_END            /* the window is empty and nothing follows */
};

/* What the scan has to know of the stream. */
struct resync_rules {
  /* Whether blocks of that track may come; NULL: any track up to 127. */
  bool (*knows_track)(const void *user, uint64_t number);
  const void *user;
  uint64_t max_frame;
  /* Timestamps of a Cluster that may follow. */
  uint64_t timestamp_min, timestamp_max;
  /* No document was seen yet: only what stands before a document's first
   * Cluster counts, since without Tracks nothing can be made of Blocks.  As
   * long as nothing speaks for a stream that was joined in its middle, the
   * Segment must be of unknown size, as those of live streams are: a file that
   * merely contains a Matroska file is not one. */
  bool at_start;
};

struct resync {
  uint64_t until;
  bool until_is_end;   /* until is where the parent's children end */
  bool strong_only;    /* no children of a Cluster */
  bool documents_only; /* and none of a Segment */
  bool evidence;    /* at_start: children of a Segment or Cluster were seen */
  bool embedded;    /* at_start: one file of known size was seen before that */
  uint64_t missing; /* the place in question is judged when this is here */
  uint64_t strong_from; /* from there...                                   */
  uint64_t strong_to;   /* ... to there only children of a Cluster begin   */
  uint64_t strong_at;   /* something else does; 0: not known              */
};

/* A scan from the offset from, which must be at hand, to until
 * (KVSP_SIZE_UNKNOWN: without end), all of which counts.  What is known of the
 * stream's start stays. */
void kvsp_resync_begin(struct resync *s, struct window *w, uint64_t from,
                       uint64_t until);
/* Goes on in w until one of resync_result.  Places are judged in their order,
 * each by what follows it, however much of that there is at a time: what is
 * found does not depend on how the stream was cut. */
int kvsp_resync_scan(struct resync *s, struct window *w,
                     const struct resync_rules *rules);

/* Whether anything but a child of a Cluster may begin in these bytes: false
 * when a scan would find none. */
bool kvsp_resync_may_find(kvsp_view v);

/* Whether the payload at that offset looks like that of the Block or BlockGroup
 * that id and size say it is: -1 when too few bytes are at hand to tell. */
int kvsp_resync_is_block(struct window *w, uint64_t payload, uint64_t id,
                         uint64_t size, const struct resync_rules *rules);

#endif
