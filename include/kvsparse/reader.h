/*
 * reader.h - the frame visitor: bytes of a GetMedia response in; fragments,
 * tracks, tags, times and whole frames out, the moment they are there.
 *
 * Two ways to use it, which give the same items in the same order:
 *
 *   pull   kvsp_reader_input() lends bytes, kvsp_reader_next() gives one item
 *          after the other until it says KVSP_NEED_INPUT;
 *   visit  kvsp_reader_visit() lends bytes and calls you for each item.
 *
 * The order: FRAGMENT, then FRAMEs and TAGS as they come, FRAGMENT_END; GAP
 * anywhere.  Items do not depend on how the bytes were cut into pieces.
 */
#ifndef KVSPARSE_READER_H
#define KVSPARSE_READER_H

#include <kvsparse/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_reader kvsp_reader;

/* RFC 9559, 5.1.4.1.3 (TrackType). */
enum kvsp_track_type {
  KVSP_TRACK_VIDEO = 1,
  KVSP_TRACK_AUDIO = 2,
  KVSP_TRACK_COMPLEX = 3,
  KVSP_TRACK_LOGO = 16,
  KVSP_TRACK_SUBTITLE = 17,
  KVSP_TRACK_BUTTONS = 18,
  KVSP_TRACK_CONTROL = 32,
  KVSP_TRACK_METADATA = 33
};

/* ContentEncodings of a track's frames (RFC 9559, 5.1.4.1.31). */
enum kvsp_encoding {
  KVSP_ENCODING_HEADER_STRIPPED = 1, /* the same first bytes of each frame are
                                        left out                           */
  KVSP_ENCODING_ZLIB = 2,
  KVSP_ENCODING_OTHER = 4,           /* bzlib, lzo1x, several at once      */
  KVSP_ENCODING_ENCRYPTED = 8
};

/* One TrackEntry (RFC 9559, 5.1.4.1).  May grow at the end. */
typedef struct kvsp_track {
  uint64_t number;           /* Blocks name it by this                     */
  uint64_t uid;              /* 0: absent                                  */
  uint32_t index;            /* its place in kvsp_fragment.tracks          */
  uint32_t type;             /* KVSP_TRACK_*, or another number            */
  uint32_t width, height;    /* pixels; 0: absent                          */
  double sample_rate;        /* Hz; 0: the track has no Audio element      */
  uint32_t channels;         /* 0: the track has no Audio element          */
  uint32_t bit_depth;        /* 0: absent                                  */
  int64_t default_duration_ns; /* of a frame; KVSP_TIME_NONE: absent       */
  kvsp_view codec_id;        /* "V_MPEG4/ISO/AVC"                          */
  kvsp_view codec_private;   /* len 0: absent or empty                     */
  kvsp_view name;            /* data NULL: absent                          */
  kvsp_view language;        /* LanguageBCP47, or Language ("eng" where the
                                file has neither: Matroska's default)      */
  uint32_t encodings;        /* KVSP_ENCODING_* bits                       */
  /* What an audio track really is: as declared above, unless a tag MimeType
   * says otherwise, as in streams of Amazon Connect, whose CodecID lies.  A
   * tag behind the Cluster counts from its TAGS item on, and for the
   * fragments that follow without one of their own. */
  uint32_t audio_channels;   /* 0: unknown                                 */
  uint32_t audio_bit_depth;  /* 0: unknown                                 */
  double audio_sample_rate;  /* Hz; 0: unknown                             */
  kvsp_view audio_codec_id;  /* "A_PCM/INT/LIT"; data NULL: no audio       */
  /* All that the TrackEntry says, above or not (Colour, DisplayWidth,
   * CodecDelay, FlagDefault...): its children, one EBML element behind the
   * other, as they were, but for Void, CRC-32 and what is broken.
   * kvsp_ebml_read_id and _size take them apart.  data NULL: not asked for by
   * KVSP_READ_ENTRIES. */
  kvsp_view entry;
} kvsp_track;

enum kvsp_tag_flags {
  KVSP_TAG_STRING = 1, /* value is a TagString, which may be empty         */
  KVSP_TAG_BINARY = 2  /* value is a TagBinary                             */
                       /* neither: the SimpleTag has no value              */
};

/* What a Tag is about (RFC 9559, 5.1.8.1.1).  May grow at the end. */
typedef struct kvsp_target {
  uint64_t element_id; /* KVSP_ID_TAG_TRACK_UID, _EDITION_UID, _CHAPTER_UID or
                          _ATTACHMENT_UID                                  */
  uint64_t uid;        /* 0: all of them                                   */
} kvsp_target;
typedef struct kvsp_targets {
  uint64_t type_value;        /* TargetTypeValue, 50 where it is absent    */
  kvsp_view type;             /* TargetType; data NULL: absent             */
  const kvsp_target *targets; /* target_count of them                      */
  size_t target_count;        /* 0: the whole Segment                      */
} kvsp_targets;

/* One SimpleTag (RFC 9559, 5.1.8.1.2).  May grow at the end. */
typedef struct kvsp_tag {
  kvsp_view name;
  kvsp_view value;
  uint32_t flags; /* KVSP_TAG_*                                            */
  uint32_t depth; /* 0; a SimpleTag inside another has one more than it and
                     follows it in the list                                */
  const kvsp_targets *targets; /* of its Tag; NULL: it has no Targets, or they
                                  stand behind this SimpleTag              */
} kvsp_tag;

enum kvsp_fragment_flags {
  /* The tracks, their codec private data, picture size or rate are not those of
   * the last fragment before it that had any; set on the first that has. */
  KVSP_FRAGMENT_NEW_TRACKS = 1,
  /* Timecodes went back: the producer began a new session. */
  KVSP_FRAGMENT_DISCONTINUITY = 2,
  /* Both tail tags of GetMedia (millis behind now and continuation token)
   * were there: the service sent all of it, and a resume point may move to
   * it.  GetMediaForFragmentList sends none; nothing in such a fragment's bytes
   * says that they are all. */
  KVSP_FRAGMENT_COMPLETE = 4,
  /* Bytes of it made no sense or are missing; frames may be lost. */
  KVSP_FRAGMENT_DAMAGED = 8,
  /* The producer's AWS_KINESISVIDEO_END_OF_FRAGMENT tag was there. */
  KVSP_FRAGMENT_END_TAG = 16
};

/*
 * One Matroska document of the stream, which is one KVS fragment.  Fields
 * that tail tags bring are set from their TAGS item on.  May grow at the end.
 */
typedef struct kvsp_fragment {
  uint64_t index;  /* 0 for the first document of the stream               */
  uint64_t offset; /* of its EBML header in the stream                     */
  uint64_t size;   /* of it all; set at FRAGMENT_END                       */
  uint32_t flags;  /* KVSP_FRAGMENT_*                                      */
  uint32_t error_id;        /* AWS_KINESISVIDEO_ERROR_ID; 0: none          */
  kvsp_view error_code;     /* the service's text; data NULL: none         */
  kvsp_view error_message;  /* GetMediaForFragmentList; data NULL: none    */
  kvsp_view number;         /* the fragment number; data NULL: absent.  See
                               kvsp_fragment_number_compare                */
  kvsp_view continuation_token; /* for GetMedia's StartSelector; data NULL:
                                   absent                                  */
  int64_t producer_time_ns; /* Unix epoch                                  */
  int64_t server_time_ns;   /* Unix epoch                                  */
  int64_t millis_behind_now; /* KVSP_TIME_NONE: absent                     */
  int64_t start_ns;         /* its first Cluster's Timestamp               */
  int64_t gap_ns;           /* from the end of the fragment before to here;
                               negative where they overlap; KVSP_TIME_NONE
                               where it cannot be known.  By the producer's
                               clock if both have it, else by timecodes    */
  uint64_t timestamp_scale; /* nanoseconds of a tick, usually 1000000      */
  const kvsp_track *const *tracks;
  size_t track_count;
  const kvsp_tag *const *tags; /* those before the first Cluster           */
  size_t tag_count;
  uint64_t frame_count;     /* frames delivered so far                     */
} kvsp_fragment;

enum kvsp_frame_flags {
  KVSP_FRAME_KEY = 1,         /* decodes without earlier frames            */
  KVSP_FRAME_INVISIBLE = 2,   /* to be decoded, not to be shown            */
  KVSP_FRAME_DISCARDABLE = 4, /* no other frame needs it                   */
  KVSP_FRAME_ENCRYPTED = 8,   /* its track's ContentEncodings encrypt it   */
  KVSP_FRAME_COMPRESSED = 16  /* its track's ContentEncodings compress it, and
                                 that is not undone in data                */
};

enum kvsp_lacing {
  KVSP_LACING_NONE = 0,
  KVSP_LACING_XIPH = 1,
  KVSP_LACING_FIXED = 2,
  KVSP_LACING_EBML = 3
};

/* What a BlockMore adds to a block (RFC 9559, 5.1.3.5.2.1), such as an alpha
 * channel. */
typedef struct kvsp_addition {
  uint64_t id; /* BlockAddID                                               */
  kvsp_view data;
} kvsp_addition;

/* One frame of one track.  May grow at the end. */
typedef struct kvsp_frame {
  kvsp_view data;   /* its bytes, as stored, or decompressed with
                       KVSP_READ_DECOMPRESS; empty with KVSP_READ_NO_DATA  */
  uint64_t size;    /* bytes as stored, also with KVSP_READ_NO_DATA        */
  uint64_t offset;  /* of its first byte in the stream                     */
  const kvsp_track *track;       /* never NULL.  Where no Tracks came yet (some
                                    files have them at their end) it is of
                                    type 0, with nothing but its number, and
                                    not among fragment->tracks             */
  const kvsp_fragment *fragment; /* never NULL                             */
  uint64_t index;                /* in the fragment, from 0                */
  int64_t pts_ns;   /* (Cluster + Block timecode) * TimestampScale.  All
                       frames of a lace but the first are spaced by the
                       track's default duration, where it has one.
                       KVSP_TIME_NONE where damage took the Cluster's
                       Timestamp                                           */
  int64_t producer_time_ns; /* Unix epoch: the fragment's producer time plus
                               pts_ns - fragment->start_ns                 */
  int64_t duration_ns;      /* of this frame; KVSP_TIME_NONE: unknown      */
  int64_t discard_padding_ns; /* DiscardPadding; 0: none                   */
  uint32_t flags;           /* KVSP_FRAME_*                                */
  uint32_t lacing;          /* KVSP_LACING_*                               */
  uint32_t lace_index;      /* its place in the lace, from 0               */
  uint32_t lace_count;      /* 1 without lacing                            */
  const void *owner;        /* the library's                               */
  kvsp_view codec_state;    /* CodecState: replaces the track's codec private
                               data from here on; data NULL: absent        */
  const kvsp_addition *additions; /* of its block: addition_count of them  */
  size_t addition_count;
} kvsp_frame;

/* Bytes that made no sense.  Gaps come in the order in which they were found:
   the next may begin before the last one ended, where bytes were looked at
   again; and where an element is cut off, to is where its size said it would
   end, behind the last byte that came.  May grow at the end. */
typedef struct kvsp_gap {
  uint64_t from;        /* offset of the first byte                        */
  uint64_t to;          /* offset behind the last byte                     */
  int status;           /* the KVSP_ERR_* it is                            */
  uint64_t element_id;  /* the element concerned, 0 when unknown           */
  const char *reason;   /* static English                                  */
  int64_t frames_lost;  /* -1: unknown                                     */
  uint64_t fragments_affected; /* fragments that were open when it began, or
                           whose beginning lies in it as far as is known   */
} kvsp_gap;

/* Ignore types that you do not know. */
enum kvsp_item_type {
  /* At the first Cluster, once its Timestamp is known; at the end of a
   * document that has no Cluster. */
  KVSP_ITEM_FRAGMENT = 1,
  KVSP_ITEM_FRAME = 2,
  /* A Tags element that follows the first Cluster, when it is complete; after
   * damage, those of its tags that are whole. */
  KVSP_ITEM_TAGS = 3,
  KVSP_ITEM_FRAGMENT_END = 4,
  KVSP_ITEM_GAP = 5
};

/* Made by the library; valid, with all it points to, until the next call on
 * the same reader.  May grow at the end. */
typedef struct kvsp_item {
  uint32_t type;                 /* KVSP_ITEM_*                            */
  const kvsp_fragment *fragment; /* where it belongs; NULL: a GAP outside  */
  const kvsp_frame *frame;       /* FRAME                                  */
  const kvsp_tag *const *tags;   /* TAGS, and FRAGMENT: fragment->tags     */
  size_t tag_count;
  const kvsp_gap *gap;           /* GAP                                    */
} kvsp_item;

enum kvsp_reader_flags {
  /* The first fault ends the reading with its code, instead of a GAP. */
  KVSP_READ_STRICT = 1,
  /* Only key frames. */
  KVSP_READ_KEY_FRAMES = 2,
  /* Frames without their data: payloads are stepped over, not kept.  After
   * damage, what a broken element swallowed cannot be looked for then. */
  KVSP_READ_NO_DATA = 4,
  /* CRC-32 elements are verified; a mismatch is told by a GAP with
   * KVSP_ERR_CRC over the bytes it covers, which are used all the same. */
  KVSP_READ_CHECK_CRC = 8,
  /* Frames with stripped headers or zlib are shown as they were before.  What
   * cannot be undone keeps KVSP_FRAME_COMPRESSED, and a frame that is no valid
   * zlib data is told by a GAP with KVSP_ERR_COMPRESSION. */
  KVSP_READ_DECOMPRESS = 16,
  /* kvsp_track.entry is set. */
  KVSP_READ_ENTRIES = 32
};

/* Zero it, set struct_size, then what you need:
 *   kvsp_reader_config config = {.struct_size = sizeof config}; */
typedef struct kvsp_reader_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc                 */
  const kvsp_limits *limits;       /* copied; NULL: the defaults           */
  uint32_t flags;                  /* KVSP_READ_*                          */
  uint32_t reserved;               /* 0                                    */
  uint64_t track_types;  /* bits 1 << KVSP_TRACK_*: frames of these types
                            only; 0: all                                   */
  const uint64_t *tracks; /* copied: frames of these track numbers only    */
  size_t track_count;     /* 0: all                                        */
} kvsp_reader_config;

/* config may be NULL.  KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_LIMIT_MEMORY,
 * KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_new(kvsp_reader **out,
                                             const kvsp_reader_config *config);
/* NULL is fine.  From its own callback, the reader goes when the visit ends,
 * which then returns KVSP_ERR_REENTRANT where the callback returns 0. */
KVSP_API void kvsp_reader_free(kvsp_reader *r);
/* As new, at offset 0, with the same configuration.  KVSP_OK, KVSP_ERR_ARG,
 * KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_reader_reset(kvsp_reader *r);

/*
 * Lends len bytes until kvsp_reader_next() returns KVSP_NEED_INPUT, KVSP_END
 * or an error other than KVSP_ERR_LIMIT_* (after which the call can be
 * repeated): leave them where they are until then.  len may be 0.
 * flags: 0, or KVSP_FINAL when nothing follows.
 * KVSP_OK; KVSP_ERR_ARG; KVSP_ERR_REENTRANT; KVSP_ERR_STATE when the last
 * bytes lent are not used up yet, or KVSP_FINAL was given before;
 * KVSP_ERR_NOMEM, if that came before.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_input(kvsp_reader *r,
                                               const void *data, size_t len,
                                               unsigned flags);
/*
 * The next item.
 *   KVSP_OK          *item is set
 *   KVSP_NEED_INPUT  the bytes lent are used up
 *   KVSP_END         after KVSP_FINAL: that was all
 *   KVSP_ERR_EBML to KVSP_ERR_COMPRESSION, KVSP_ERR_UNSUPPORTED (an
 *                    EncryptedBlock), with KVSP_READ_STRICT only: the same
 *                    comes again until a reset
 *   KVSP_ERR_LIMIT_* with KVSP_READ_STRICT, and KVSP_ERR_LIMIT_MEMORY always:
 *                    raise it by kvsp_reader_set_limits and call again.
 *                    Without KVSP_READ_STRICT an element beyond a limit is
 *                    left out and told by a GAP with that status
 *   KVSP_ERR_NOMEM   free or reset; until then it comes again
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT; KVSP_ERR_STATE between reserve and commit
 */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_next(kvsp_reader *r,
                                              const kvsp_item **item);

/*
 * kvsp_reader_next several times over, for callers to whom each call is dear,
 * such as other languages.  *count frames come, copied to frames[], then *item,
 * which is none of them, or NULL.  It never waits: what the bytes lent complete
 * comes out, up to capacity frames, and no more than the memory of their bytes
 * allows, so that all of it is valid until the next call.  (With
 * KVSP_NEED_INPUT, bytes of frames stay where you lent them.)  Fields that a
 * later item changes may have changed already.  kvsp_frame_retain takes the
 * last frame only, and only without *item; kvsp_buf_copy any of them.
 * struct_size is that of each frame: sizeof(kvsp_frame).
 *   KVSP_OK  *count or *item or both are set: call again
 *   others   as kvsp_reader_next returned it, behind *count frames
 */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_next_frames(
    kvsp_reader *r, kvsp_frame *frames, size_t struct_size, size_t capacity,
    size_t *count, const kvsp_item **item);

/*
 * Called for each item.  Return 0 to go on.  Any other value stops the visit
 * and comes back from it unchanged: KVSP_PAUSED to pause, KVSP_ERR_USER or
 * less for errors of your own.  The item is valid until you return.  Calls on
 * the same reader are refused with KVSP_ERR_REENTRANT; kvsp_frame_retain and
 * functions that only ask are not.
 */
typedef int (*kvsp_item_callback)(void *user, const kvsp_item *item);
/*
 * kvsp_reader_input, then kvsp_reader_next and callback until all is used.
 * After the callback stopped it, the bytes stay lent: go on by calling again
 * with data NULL and len 0 (or give up with reset or free).
 *   KVSP_OK   all bytes are used, more may follow
 *   KVSP_END  after KVSP_FINAL: that was all
 *   what the callback returned, and the errors of input and next
 */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_visit(kvsp_reader *r,
                                               const void *data, size_t len,
                                               unsigned flags,
                                               kvsp_item_callback callback,
                                               void *user);

/*
 * Instead of input: receive straight into the reader's own memory, so that
 * nothing is copied between your socket and the frames.  *data points to
 * *capacity (at least 1, about want) writable bytes; commit says how many of
 * them you filled (0 is fine).  Nothing else may be called in between but
 * free, reset, set_limits and what only asks (KVSP_ERR_STATE), and reserve only
 * when next or visit asked for input; the last item is gone then.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_STATE, KVSP_ERR_REENTRANT,
 * KVSP_ERR_LIMIT_MEMORY, KVSP_ERR_NOMEM.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_reader_reserve(kvsp_reader *r, size_t want,
                                                 void **data,
                                                 size_t *capacity);
KVSP_API KVSP_MUST_CHECK int kvsp_reader_commit(kvsp_reader *r, size_t len,
                                                unsigned flags);

/*
 * Gives back the memory that waits for the next large frame; what the stream
 * needs of it is allocated again when it comes.  For readers that have nothing
 * to do for a while, where there are many: what is left, with tracks and tags
 * as they usually are, is below 16 KiB and the bytes of the last element, which
 * are kept until the next one shows that it was whole.  When next or visit
 * asked for input, or the stream is over; the last item is gone then.
 * KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_REENTRANT; KVSP_ERR_STATE before that, and
 * between reserve and commit; KVSP_ERR_NOMEM, after which the reader goes on.
 */
KVSP_API int kvsp_reader_trim(kvsp_reader *r);

/* What stopped the reader; KVSP_OK again once it went on, as it can after a
 * limit.  Never NULL. */
KVSP_API const kvsp_error_info *kvsp_reader_error(const kvsp_reader *r);
/* Of the next byte to be looked at. */
KVSP_API uint64_t kvsp_reader_offset(const kvsp_reader *r);
/* KVSP_OK, KVSP_ERR_ARG, KVSP_ERR_REENTRANT. */
KVSP_API int kvsp_reader_set_limits(kvsp_reader *r, const kvsp_limits *limits);
/* What its work costs; all counts since new or reset. */
typedef struct kvsp_reader_stats {
  uint64_t bytes_fed;
  uint64_t bytes_copied;   /* into the reader's own memory                 */
  uint64_t bytes_examined; /* looked at: headers, values, scans for a
                              header; payloads are not                     */
  uint64_t memory;         /* bytes held now                               */
  uint64_t memory_peak;    /* the most ever held                           */
} kvsp_reader_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_reader_get_stats(const kvsp_reader *r,
                                   kvsp_reader_stats *stats,
                                   size_t struct_size);

/*
 * Keeps a frame's bytes past the next call on the reader.  No copy where the
 * frame was put together in the reader's own memory.  The caller owns *out:
 * kvsp_buf_unref.  Works from a callback.
 * KVSP_OK; KVSP_ERR_ARG (no data: KVSP_READ_NO_DATA); KVSP_ERR_STATE when the
 * reader has gone on since; KVSP_ERR_NOMEM, after which the reader goes on.
 * The frame may be a copy of the struct, but the reader must still be there.
 */
KVSP_API KVSP_MUST_CHECK int kvsp_frame_retain(const kvsp_frame *frame,
                                               kvsp_buf **out);
/* The last of the fragment's head tags with that name; NULL: none. */
KVSP_API const kvsp_tag *kvsp_fragment_tag(const kvsp_fragment *fragment,
                                           const char *name);
/* Fragment numbers are decimal numbers of up to 128 digits.  < 0, 0, > 0 as a
 * is lower than, equal to, higher than b; leading zeros do not count. */
KVSP_API int kvsp_fragment_number_compare(kvsp_view a, kvsp_view b);
/* What an error id that the service sent means ("4501": "The KMS key is
 * disabled"); NULL when it is not documented. */
KVSP_API const char *kvsp_fragment_error_text(uint32_t error_id);

#ifdef __cplusplus
}
#endif
#endif
