/*
 * reader.h - the inside of kvsp_reader, which turns the tokenizer's events into
 * items.  Only the reader knows both bytes and fragments.  Its parts:
 *
 *   reader.c         makes it, feeds it, and asks the others in turn
 *   reader_events.c  what each element means: documents, tags, tracks, blocks
 *   reader_blocks.c  blocks into frames
 *   reader_plain.c   the same for what is nearly all of a stream, fast
 *   reader_faults.c  what makes no sense: GAPs, or an error
 *   reader_frames.c  several frames by one call
 *   reader_items.c   the items that are due, in their order
 */
#ifndef KVSP_CORE_READER_H
#define KVSP_CORE_READER_H

#include "block.h"
#include "document.h"
#include "head.h"
#include "tokenizer.h"

/* What inner steps return besides codes for the caller. */
enum {
  READER_GO_ON = 1000, /* nothing to show yet */
  READER_AGAIN /* show what is due, then come back with the same event */
};

/* Items that are due, in this order; a block's frames before TAGS. */
enum { DUE_GAP = 1, DUE_FRAGMENT = 2, DUE_FRAGMENT_END = 4, DUE_TAGS = 8 };

/* The block whose frames come out one by one. */
struct block_in_hand {
  struct track *track;
  struct block_header header;
  struct block_laces laces;
  const uint8_t *data; /* NULL with KVSP_READ_NO_DATA */
  uint64_t offset;     /* of the block's payload in the stream */
  uint64_t position;   /* in the block, of the next frame */
  unsigned next;       /* in the lace */
  unsigned count;      /* 0: no block in hand */
  int64_t pts_ns;
  int64_t duration_ns;
  int64_t discard_padding_ns;
  uint32_t flags; /* KVSP_FRAME_* */
  kvsp_view codec_state;
  kvsp_addition additions[BLOCK_ADDITIONS_MAX];
  size_t addition_count;
};

/* For the fast path: the times of the current Cluster. */
struct plain_times {
  int64_t cluster_ns;
  int64_t tick_ns;
  int64_t to_producer_ns; /* from a frame's time to its producer time */
  bool has_producer;
};

/* Blocks that may stand among what the tokenizer keeps to look into, whose
 * frames were shown already. */
#define READER_SHOWN_MAX 32u

struct kvsp_reader {
  struct memory memory;
  struct kvsp_tokenizer tokenizer;
  uint32_t flags;
  uint64_t track_types;
  bool filters; /* some frames are not wanted */
  uint64_t *track_numbers;
  size_t track_number_count;

  struct audio_format audio; /* what MimeType said last */
  struct scratch scratch;    /* of decompressed frames */
  struct document documents[2];
  struct document *document;    /* the current one */
  struct document *with_tracks; /* the last one before it that had tracks */
  struct fragment_span before;  /* the last fragment that had a Cluster */
  bool has_before;
  uint64_t document_count;
  bool document_open;

  const kvsp_event *event; /* being handled; NULL: take the next */
  struct block_in_hand block;
  struct head *head;    /* what to keep of it as bytes; NULL: nothing */
  struct head entries;  /* with KVSP_READ_ENTRIES, head is this */
  uint64_t frame_index; /* of the next frame in the fragment */
  uint64_t shown[READER_SHOWN_MAX]; /* offsets of the last blocks shown, ... */
  unsigned shown_next;              /* ... of which this one is replaced next */
  uint64_t shown_last;              /* the highest of all */
  uint64_t passed_over; /* the offset of an element that is not needed */
  bool end_is_skipped;  /* the next MASTER_END is that of a skipped element */
  bool resyncing;       /* gap.to is not known yet */
  bool landed;          /* the event in hand is the first after a resync */
  bool torn; /* there was a resync since the Cluster or document began */
  bool segment_seen; /* in this document */
  bool at_end;       /* the tokenizer said KVSP_END */
  bool busy;         /* inside visit's callback */
  bool freed;        /* the callback gave the reader up */

  unsigned due;     /* DUE_*: items, besides the block's frames */
  bool showing_end; /* the item out is a FRAGMENT_END */

  struct plain_times plain_times;
  bool plain;        /* nothing is due, and r->item is a frame's already */
  bool plain_item;   /* the item out is a frame of the fast path */
  bool plain_is_off; /* for tests: only the steps, never the fast path */

  int failed; /* a fault that KVSP_READ_STRICT stopped at, or no memory */
  kvsp_error_info error;
  kvsp_item item;
  kvsp_frame frame;
  kvsp_gap gap;
};

/* reader_events.c */

/* The event in hand.  KVSP_OK; READER_AGAIN; KVSP_NEED_INPUT (the event stays
 * in hand, as it does after errors); errors. */
int kvsp_reader_handle_event(kvsp_reader *r);
/* After FRAGMENT_END was shown. */
void kvsp_reader_close_document(kvsp_reader *r);

/* reader_blocks.c: parts of kvsp_reader_handle_event, with the same results. */

int kvsp_reader_begin_simple_block(kvsp_reader *r);
int kvsp_reader_simple_block_data(kvsp_reader *r);
void kvsp_reader_end_simple_block(kvsp_reader *r);
int kvsp_reader_begin_block_group(kvsp_reader *r);
int kvsp_reader_block_group_data(kvsp_reader *r);
int kvsp_reader_encrypted_block(kvsp_reader *r);
/* Which Timestamps the search for a lost Cluster believes. */
void kvsp_reader_expect_timestamps(kvsp_reader *r, uint64_t min, uint64_t max);

/* Whether the caller asked for frames of that track with those KVSP_FRAME_*. */
bool kvsp_reader_wants(const kvsp_reader *r, const kvsp_track *track,
                       uint32_t frame_flags);

/* reader_plain.c: the fast path, which makes FRAME items without events. */

/* With r->plain set: KVSP_OK with the next such frame in r->item,
 * KVSP_NEED_INPUT, or READER_GO_ON when something else comes next; r->plain is
 * not set any more then. */
int kvsp_reader_next_plain(kvsp_reader *r);
/* The same, where nothing is due and no event is in hand. */
int kvsp_reader_begin_plain(kvsp_reader *r);

/* reader_items.c */

/* KVSP_OK with the next item that is due in r->item, or READER_GO_ON. */
int kvsp_reader_show_due(kvsp_reader *r);

/* Whether frames of the block in hand are still to come. */
static inline bool reader_block_is_due(const kvsp_reader *r) {
  return r->block.next < r->block.count;
}

/* reader_faults.c */

/* Notes an error and returns its status. */
int kvsp_reader_fail(kvsp_reader *r, int status, uint64_t offset, uint64_t id,
                     const char *message);
/* Begins a GAP: the fragment is damaged. */
void kvsp_reader_set_gap(kvsp_reader *r, int status, uint64_t from, uint64_t id,
                         const char *reason);
/* The element of the event in hand is not needed: it is skipped, if it really
 * is one. */
int kvsp_reader_pass_over(kvsp_reader *r);
/* The element of the event in hand cannot be used; those behind it can.
 * KVSP_OK with a GAP due, or the error that ends the reading. */
int kvsp_reader_element_fault(kvsp_reader *r, int status, const char *reason);
int kvsp_reader_status_fault(kvsp_reader *r, int status);
/* Bytes that do not match their CRC-32: a GAP over them, or the error. */
int kvsp_reader_crc_fault(kvsp_reader *r, uint64_t from, uint64_t to);
/* The tokenizer cannot go on by itself.  READER_GO_ON, or the error. */
int kvsp_reader_tokenizer_fault(kvsp_reader *r, int status);
/* Elements go on at offset after a reader_tokenizer_fault. */
void kvsp_reader_end_resync(kvsp_reader *r, uint64_t offset);
/* Asks for size bytes of the current element in a row. */
int kvsp_reader_collect(kvsp_reader *r, uint64_t size);

#endif
