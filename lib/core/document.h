/*
 * document.h - what one Matroska document, which is one KVS fragment, has
 * told so far: Info, Tracks, Tags, the Cluster's time.  Fed with elements by
 * the reader; makes no items and sees no blocks' payloads.
 */
#ifndef KVSP_CORE_DOCUMENT_H
#define KVSP_CORE_DOCUMENT_H

#include "arena.h"
#include "compression.h"
#include "fragment.h"
#include "tags.h"
#include "track.h"

struct document {
  kvsp_fragment shown;
  struct arena arena;
  struct track_list tracks;
  struct track_list undeclared; /* see document_track */
  struct track *open_track;     /* the TrackEntry being read, else NULL */
  struct tag_list head_tags;
  struct tag_list late_tags; /* of one Tags element behind the Cluster */
  struct tag_builder tag_builder;
  size_t tag_count;           /* in the whole document */
  struct audio_format *audio; /* of this stream, so far */
  bool has_audio_format;      /* this document has a MimeType */
  struct scratch *scratch;    /* to decompress CodecPrivate; NULL: leave it */
  bool cluster_seen;
  bool announced;       /* its FRAGMENT item is out */
  bool has_timestamp;   /* the current Cluster's is known */
  bool told_missing;    /* ... is not, and a GAP said so */
  bool cluster_implied; /* its header is lost, its Timestamp may be */
  uint64_t cluster_timestamp;
};

void kvsp_document_init(struct document *d, struct memory *memory,
                        struct audio_format *audio, struct scratch *scratch);
/* Empty again; memory is kept for the next one. */
void kvsp_document_reset(struct document *d);
void kvsp_document_clear(struct document *d);

/*
 * An element inside the document.  The first three ignore elements that they
 * do not need.  KVSP_OK; KVSP_ERR_SCHEMA for a value that cannot be;
 * KVSP_ERR_LIMIT_TRACKS, _TAGS; KVSP_ERR_LIMIT_VALUE at the end of a
 * TrackEntry whose CodecPrivate is larger when it is decompressed; errors of
 * memory.  After a limit or an error of memory the call can be repeated.
 */
int kvsp_document_begin_master(struct document *d, uint64_t id,
                               const kvsp_limits *limits);
int kvsp_document_end_master(struct document *d, uint64_t id,
                             const kvsp_limits *limits);
int kvsp_document_value(struct document *d, uint64_t id, kvsp_view value);
/* A whole SimpleTag: instead of its begin, its values and its end. */
int kvsp_document_simple_tag(struct document *d, kvsp_view name,
                             kvsp_view string, const kvsp_limits *limits);
/* The open TrackEntry's children, as bytes.  KVSP_OK, errors of memory. */
int kvsp_document_keep_entry(struct document *d, kvsp_view entry);
/* The CodecPrivate of the open TrackEntry stays as it is stored. */
void kvsp_document_leave_private(struct document *d);

/* The track of that number; *out is NULL when the document's Tracks do not
 * have it.  Files may have their Tracks at the end: as long as there are none,
 * a track of which only the number is known stands in.  KVSP_OK,
 * KVSP_ERR_LIMIT_TRACKS, errors of memory. */
int kvsp_document_track(struct document *d, uint64_t number,
                        const kvsp_limits *limits, struct track **out);
/* Blocks go on after damage, and the header of their Cluster is lost.  If its
 * Timestamp is lost as well, they most likely go on where they stopped. */
void kvsp_document_imply_cluster(struct document *d);
/* What was being read was cut: it is given up. */
void kvsp_document_abort(struct document *d);
/* Sets what the FRAGMENT item shows.  with_tracks is the last document that
 * had tracks; before is NULL for the first fragment. */
void kvsp_document_announce(struct document *d,
                            const struct document *with_tracks,
                            const struct fragment_span *before);
/* The time of a block in the current Cluster. */
int64_t kvsp_document_block_time(const struct document *d,
                                 const struct track *track, int16_t timecode);
/* The time of the Cluster. */
int64_t kvsp_document_cluster_time(const struct document *d);

#endif
