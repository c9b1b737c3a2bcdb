#include <kvsparse/pictures.h>
#include <stdio.h>
#include <string.h>

#include "av_memory.h"
#include "decoder.h"
#include "stream.h"

/* A decoder that fails so often in a row, without taking a frame in between,
 * is not asked further. */
#define MAX_FAILURES 1000

/* What comes next.  It is stored before anything returns to the caller, so
 * that any callback can stop and any call can go on. */
enum state {
  PULL,      /* get an item from the reader                              */
  OFFER,     /* show it to item_callback                                 */
  DISPATCH,  /* see what it is                                           */
  DRAIN_OLD, /* take the last pictures of tracks that changed            */
  OPEN_NEW,  /* open decoders for those that are new                     */
  SEND,      /* give the frame to its decoder                            */
  RECEIVE,   /* take the pictures that it has                            */
  DRAIN_ALL, /* take the last pictures of all tracks                     */
  FINISHED   /* nothing is left                                          */
};

struct kvsp_pictures {
  kvsp_allocator allocator;
  kvsp_pictures_config config; /* allocator, limits: not kept              */
  kvsp_decoder_config decoder_config;
  kvsp_reader *reader;
  struct stream_list list;
  enum state state;
  const kvsp_item *item; /* the reader's, in the states OFFER to RECEIVE   */
  size_t index;          /* DRAIN_OLD, DRAIN_ALL: of the stream            */
  int attempts;          /* SEND: of this frame                            */
  int failures;          /* of a decoder, in a row                         */
  int final_status;      /* FINISHED: what there is to say                 */
  int starving;          /* the reader wants bytes                         */
  int busy;              /* in a callback                                  */
  int stopped;           /* the status is the item callback's              */
  int ready;             /* picture is to be delivered                     */
  int tells;             /* the caller wants items, too                    */
  int told;              /* item is to be delivered                        */
  kvsp_picture picture;
  kvsp_pictures_stats stats;
  char message[256];
};

/* Making and freeing. */

static int check_config(kvsp_pictures_config *out,
                        const kvsp_pictures_config *config) {
  memset(out, 0, sizeof *out);
  if (config) {
    if (config->struct_size != sizeof *config) return KVSP_ERR_ARG;
    *out = *config;
  }
  if (out->reader_flags & KVSP_READ_NO_DATA || out->interval_ns < 0) {
    return KVSP_ERR_ARG;
  }
  return KVSP_OK;
}

static int make_decoder_config(kvsp_pictures *p) {
  kvsp_decoder_config config = {.struct_size = sizeof config};
  int rc;
  config.format = p->config.format;
  config.width = p->config.width;
  config.height = p->config.height;
  config.threads = p->config.threads;
  config.flags = p->config.flags;
  config.max_width = p->config.max_width;
  config.max_height = p->config.max_height;
  rc = kvsp_av_decoder_config(&p->decoder_config, &config);
  p->decoder_config.allocator = &p->allocator;
  return rc;
}

/* Frames that nobody wants are left out by the reader, which does not even
 * look at them; but an item callback is to see all. */
static int make_reader(kvsp_pictures *p) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  config.allocator = &p->allocator;
  config.limits = p->config.limits;
  config.flags = p->config.reader_flags | KVSP_READ_DECOMPRESS;
  if (!p->config.item_callback) {
    config.track_types = UINT64_C(1) << KVSP_TRACK_VIDEO;
    config.tracks = &p->config.track_number;
    config.track_count = p->config.track_number ? 1 : 0;
  }
  return kvsp_reader_new(&p->reader, &config);
}

int kvsp_pictures_new(kvsp_pictures **out, const kvsp_pictures_config *config) {
  kvsp_pictures_config checked;
  kvsp_allocator allocator;
  kvsp_pictures *p;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  rc = check_config(&checked, config);
  if (rc == KVSP_OK) rc = kvsp_av_allocator_init(&allocator, checked.allocator);
  if (rc != KVSP_OK) return rc;
  p = kvsp_av_alloc(&allocator, sizeof *p);
  if (!p) return KVSP_ERR_NOMEM;
  p->allocator = allocator;
  p->config = checked;
  p->starving = 1;
  kvsp_av_streams_init(&p->list, &p->allocator);
  rc = make_decoder_config(p);
  if (rc == KVSP_OK) rc = make_reader(p);
  if (rc != KVSP_OK) {
    kvsp_pictures_free(p);
    return rc;
  }
  p->config.allocator = NULL;
  p->config.limits = NULL;
  *out = p;
  return KVSP_OK;
}

void kvsp_pictures_free(kvsp_pictures *p) {
  kvsp_allocator allocator;
  if (!p) return;
  allocator = p->allocator;
  kvsp_av_streams_free(&p->list);
  kvsp_reader_free(p->reader);
  kvsp_av_release(&allocator, p, sizeof *p);
}

int kvsp_pictures_reset(kvsp_pictures *p) {
  int rc;
  if (!p) return KVSP_ERR_ARG;
  if (p->busy) return KVSP_ERR_REENTRANT;
  rc = kvsp_reader_reset(p->reader);
  if (rc != KVSP_OK) return rc;
  kvsp_av_streams_free(&p->list);
  memset(&p->stats, 0, sizeof p->stats);
  p->state = PULL;
  p->item = NULL;
  p->starving = 1;
  p->message[0] = '\0';
  return KVSP_OK;
}

/* Bytes. */

static int may_input(const kvsp_pictures *p) {
  if (!p) return KVSP_ERR_ARG;
  if (p->busy) return KVSP_ERR_REENTRANT;
  return p->starving ? KVSP_OK : KVSP_ERR_STATE;
}

int kvsp_pictures_input(kvsp_pictures *p, const void *data, size_t len,
                        unsigned flags) {
  int rc = may_input(p);
  if (rc == KVSP_OK) rc = kvsp_reader_input(p->reader, data, len, flags);
  if (rc == KVSP_OK) p->starving = 0;
  return rc;
}

int kvsp_pictures_reserve(kvsp_pictures *p, size_t want, void **data,
                          size_t *capacity) {
  int rc = may_input(p);
  return rc == KVSP_OK ? kvsp_reader_reserve(p->reader, want, data, capacity)
                       : rc;
}

int kvsp_pictures_commit(kvsp_pictures *p, size_t len, unsigned flags) {
  int rc = may_input(p);
  if (rc == KVSP_OK) rc = kvsp_reader_commit(p->reader, len, flags);
  if (rc == KVSP_OK) p->starving = 0;
  return rc;
}

int kvsp_pictures_set_limits(kvsp_pictures *p, const kvsp_limits *limits) {
  if (!p) return KVSP_ERR_ARG;
  if (p->busy) return KVSP_ERR_REENTRANT;
  return kvsp_reader_set_limits(p->reader, limits);
}

/* Pictures. */

static void complain(kvsp_pictures *p, uint64_t track, const char *message) {
  snprintf(p->message, sizeof p->message, "track %llu: %s",
           (unsigned long long)track, message);
}

static void count_error(kvsp_pictures *p, const struct stream *s) {
  p->stats.errors++;
  complain(p, s->number, kvsp_decoder_message(s->decoder));
}

/* Frames that need no others are chosen before they are decoded. */
static int selects_frames(const kvsp_pictures *p, const struct stream *s) {
  return s->intra_only || (p->config.reader_flags & KVSP_READ_KEY_FRAMES) != 0;
}

static void deliver(kvsp_pictures *p, struct stream *s,
                    const kvsp_picture *picture) {
  p->picture = *picture;
  p->picture.index = s->picture_count++;
  p->stats.pictures++;
  if (picture->flags & KVSP_PICTURE_DAMAGED) p->stats.damaged++;
  p->ready = 1;
}

/* KVSP_OK: look at p->ready. */
static int show(kvsp_pictures *p, struct stream *s, const kvsp_picture *picture,
                uint32_t frame_flags) {
  int rc;
  if (frame_flags & KVSP_FRAME_INVISIBLE) return KVSP_OK;
  if (!selects_frames(p, s) &&
      !kvsp_av_selection_wants(&s->selection, picture->pts_ns)) {
    return KVSP_OK;
  }
  rc = kvsp_av_decoder_convert(s->decoder);
  if (rc == KVSP_ERR_CODEC) {
    count_error(p, s);
    return KVSP_OK;
  }
  if (rc == KVSP_OK) deliver(p, s, picture);
  return rc;
}

/* Asks the decoder until a picture is ready or it has none: KVSP_OK,
 * KVSP_NEED_INPUT, KVSP_END; KVSP_ERR_NOMEM. */
static int receive(kvsp_pictures *p, struct stream *s) {
  const kvsp_picture *picture;
  uint32_t frame_flags;
  int rc = KVSP_OK;
  while (rc == KVSP_OK && !p->ready) {
    rc = kvsp_av_decoder_receive(s->decoder, &picture, &frame_flags);
    if (rc == KVSP_OK) {
      p->failures = 0;
      rc = show(p, s, picture, frame_flags);
    } else if (rc == KVSP_ERR_CODEC) {
      count_error(p, s);
      rc = ++p->failures < MAX_FAILURES ? KVSP_OK : KVSP_END;
    }
  }
  return rc;
}

/* The same for a decoder that gets no more frames; KVSP_END: it is empty. */
static int drain(kvsp_pictures *p, struct stream *s) {
  int rc;
  if (!s->decoder) return KVSP_END;
  do {
    if (!s->ended && kvsp_decoder_send(s->decoder, NULL) != KVSP_NEED_DRAIN) {
      s->ended = 1;
      p->failures = 0;
    }
    rc = receive(p, s);
  } while (rc == KVSP_NEED_INPUT && !s->ended);
  return rc == KVSP_NEED_INPUT ? KVSP_END : rc;
}

/* Tracks. */

static int is_wanted(const kvsp_pictures *p, const kvsp_track *track) {
  return track->type == KVSP_TRACK_VIDEO &&
         (p->config.track_number == 0 ||
          p->config.track_number == track->number);
}

static const kvsp_track *find_track(const kvsp_pictures *p, uint64_t number) {
  const kvsp_fragment *f = p->item->fragment;
  for (size_t i = 0; i < f->track_count; i++) {
    if (f->tracks[i]->number == number && is_wanted(p, f->tracks[i])) {
      return f->tracks[i];
    }
  }
  return NULL;
}

static int drain_old(kvsp_pictures *p) {
  while (p->index < p->list.count) {
    struct stream *s = &p->list.streams[p->index];
    const kvsp_track *track = find_track(p, s->number);
    int rc;
    if (track && kvsp_av_stream_matches(s, track)) {
      p->index++;
      continue;
    }
    rc = drain(p, s);
    if (rc != KVSP_END) return rc;
    /* One that is still there is opened anew, and goes on counting. */
    if (track) {
      p->index++;
    } else {
      kvsp_av_streams_remove(&p->list, p->index);
    }
  }
  p->state = OPEN_NEW;
  return KVSP_OK;
}

static int open_track(kvsp_pictures *p, const kvsp_track *track) {
  const struct stream *s = kvsp_av_streams_find(&p->list, track->number);
  struct selection selection;
  int opened;
  int rc;
  if (s && kvsp_av_stream_matches(s, track)) return KVSP_OK;
  memset(&selection, 0, sizeof selection);
  selection.every = p->config.every;
  selection.interval_ns = p->config.interval_ns;
  rc = kvsp_av_streams_open(&p->list, track, &p->decoder_config, &selection,
                            &opened);
  if (rc != KVSP_OK) return rc;
  if (opened == KVSP_OK) {
    p->stats.decoders_opened++;
  } else {
    complain(p, track->number, kvsp_status_text(opened));
  }
  return KVSP_OK;
}

static int open_new(kvsp_pictures *p) {
  const kvsp_fragment *f = p->item->fragment;
  for (size_t i = 0; i < f->track_count; i++) {
    int rc;
    if (find_track(p, f->tracks[i]->number) != f->tracks[i]) continue;
    rc = open_track(p, f->tracks[i]);
    if (rc != KVSP_OK) return rc;
  }
  p->state = PULL;
  return KVSP_OK;
}

/* Items. */

static int pull(kvsp_pictures *p) {
  int rc = kvsp_reader_next(p->reader, &p->item);
  if (rc == KVSP_OK) {
    p->state = OFFER;
    return KVSP_OK;
  }
  p->item = NULL;
  if (rc == KVSP_NEED_INPUT) p->starving = 1;
  /* Where the reading ends, whole frames are still inside the decoders. */
  if (rc == KVSP_END || (rc <= KVSP_ERR_EBML && rc >= KVSP_ERR_BLOCK)) {
    p->final_status = rc;
    p->index = 0;
    p->state = DRAIN_ALL;
    return KVSP_OK;
  }
  return rc;
}

static int offer(kvsp_pictures *p) {
  int rc;
  p->state = DISPATCH;
  p->told = p->tells && p->item->type != KVSP_ITEM_FRAME;
  if (!p->config.item_callback) return KVSP_OK;
  p->busy = 1;
  rc = p->config.item_callback(p->config.item_user, p->item);
  p->busy = 0;
  p->stopped = rc != 0;
  return rc;
}

static void dispatch_fragment(kvsp_pictures *p) {
  const kvsp_fragment *f = p->item->fragment;
  p->state = PULL;
  /* A document without tracks, as errors of the service come in, says nothing
   * of those that follow. */
  if (f->flags & KVSP_FRAGMENT_NEW_TRACKS && f->track_count > 0) {
    p->index = 0;
    p->state = DRAIN_OLD;
  }
}

static void dispatch_frame(kvsp_pictures *p) {
  const kvsp_frame *frame = p->item->frame;
  struct stream *s;
  p->state = PULL;
  if (!is_wanted(p, frame->track)) return;
  p->stats.frames++;
  s = kvsp_av_streams_find(&p->list, frame->track->number);
  if (!s || !s->decoder) {
    p->stats.undecodable++;
    return;
  }
  if (selects_frames(p, s) &&
      !kvsp_av_selection_wants(&s->selection, frame->pts_ns)) {
    return;
  }
  p->attempts = 0;
  p->state = SEND;
}

/* Frames may be lost: what decodes all the same leans on them. */
static void dispatch_gap(kvsp_pictures *p) {
  p->state = PULL;
  p->stats.gaps++;
  if (p->item->gap->frames_lost == 0) return;
  for (size_t i = 0; i < p->list.count; i++) {
    if (p->list.streams[i].decoder)
      kvsp_av_decoder_lost_frame(p->list.streams[i].decoder);
  }
}

static int dispatch(kvsp_pictures *p) {
  switch (p->item->type) {
    case KVSP_ITEM_FRAGMENT: dispatch_fragment(p); break;
    case KVSP_ITEM_FRAME: dispatch_frame(p); break;
    case KVSP_ITEM_GAP: dispatch_gap(p); break;
    default: p->state = PULL;
  }
  return KVSP_OK;
}

static struct stream *current_stream(const kvsp_pictures *p) {
  return kvsp_av_streams_find(&p->list, p->item->frame->track->number);
}

static int send_frame(kvsp_pictures *p) {
  struct stream *s = current_stream(p);
  int rc = kvsp_decoder_send(s->decoder, p->item->frame);
  if (rc == KVSP_ERR_NOMEM) return rc;
  p->failures = 0;
  p->state = RECEIVE;
  if (rc == KVSP_NEED_DRAIN && ++p->attempts < MAX_FAILURES) return KVSP_OK;
  p->attempts = 0;
  p->stats.frames_sent++;
  if (rc != KVSP_OK) count_error(p, s);
  return KVSP_OK;
}

static int receive_pictures(kvsp_pictures *p) {
  int rc = receive(p, current_stream(p));
  if (rc != KVSP_NEED_INPUT && rc != KVSP_END) return rc;
  p->state = p->attempts > 0 ? SEND : PULL;
  return KVSP_OK;
}

static int drain_all(kvsp_pictures *p) {
  while (p->index < p->list.count) {
    int rc = drain(p, &p->list.streams[p->index]);
    if (rc != KVSP_END) return rc;
    p->index++;
  }
  p->state = FINISHED;
  return KVSP_OK;
}

static int step(kvsp_pictures *p) {
  switch (p->state) {
    case PULL: return pull(p);
    case OFFER: return offer(p);
    case DISPATCH: return dispatch(p);
    case DRAIN_OLD: return drain_old(p);
    case OPEN_NEW: return open_new(p);
    case SEND: return send_frame(p);
    case RECEIVE: return receive_pictures(p);
    case DRAIN_ALL: return drain_all(p);
    default: return p->final_status;
  }
}

static int advance(kvsp_pictures *p, const kvsp_picture **picture) {
  int rc = KVSP_OK;
  *picture = NULL;
  p->ready = 0;
  p->told = 0;
  p->stopped = 0;
  while (rc == KVSP_OK && !p->ready && !p->told) rc = step(p);
  if (rc == KVSP_OK && p->ready) *picture = &p->picture;
  /* From here on the bytes lent may be gone: nothing looks at them again. */
  if (kvsp_status_is_fatal(rc) && !p->stopped) {
    p->final_status = rc;
    p->state = FINISHED;
  }
  return rc;
}

int kvsp_pictures_next(kvsp_pictures *p, const kvsp_picture **picture) {
  if (!picture) return KVSP_ERR_ARG;
  *picture = NULL;
  if (!p) return KVSP_ERR_ARG;
  return p->busy ? KVSP_ERR_REENTRANT : advance(p, picture);
}

int kvsp_pictures_next_item(kvsp_pictures *p, const kvsp_item **item,
                            const kvsp_picture **picture) {
  int rc;
  if (item) *item = NULL;
  if (picture) *picture = NULL;
  if (!p || !item || !picture) return KVSP_ERR_ARG;
  if (p->busy) return KVSP_ERR_REENTRANT;
  p->tells = 1;
  rc = advance(p, picture);
  p->tells = 0;
  if (rc == KVSP_OK && p->told) *item = p->item;
  return rc;
}

int kvsp_pictures_visit(kvsp_pictures *p, const void *data, size_t len,
                        unsigned flags, kvsp_picture_callback callback,
                        void *user) {
  const kvsp_picture *picture;
  int rc = KVSP_OK;
  if (!p || !callback) return KVSP_ERR_ARG;
  if (p->busy) return KVSP_ERR_REENTRANT;
  if (data || len > 0 || flags) {
    rc = kvsp_pictures_input(p, data, len, flags);
  }
  while (rc == KVSP_OK) {
    rc = advance(p, &picture);
    if (rc == KVSP_NEED_INPUT && !p->stopped) return KVSP_OK;
    if (rc != KVSP_OK) break;
    p->busy = 1;
    rc = callback(user, picture);
    p->busy = 0;
  }
  return rc;
}

/* Asking. */

int kvsp_pictures_get_stats(const kvsp_pictures *p, kvsp_pictures_stats *stats,
                            size_t struct_size) {
  if (!p || !stats || struct_size == 0) return KVSP_ERR_ARG;
  memset(stats, 0, struct_size);
  memcpy(stats, &p->stats,
         struct_size < sizeof p->stats ? struct_size : sizeof p->stats);
  return KVSP_OK;
}

const kvsp_error_info *kvsp_pictures_error(const kvsp_pictures *p) {
  return kvsp_reader_error(p ? p->reader : NULL);
}

const char *kvsp_pictures_message(const kvsp_pictures *p) {
  return p ? p->message : "";
}
