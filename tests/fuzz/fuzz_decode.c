/*
 * fuzz_decode.c - the decode stage under fuzz: kvsp_pictures, and a
 * kvsp_decoder by itself, with a stub in the place of libavcodec and
 * libswscale, so that what is fuzzed is ours.  Knows the public headers.
 *
 * The input: a header of choices (struct plan), the stub's script, and the
 * stream: bytes as they are, or a recipe for one (build_stream), which is why
 * the choices stand in front, other than fuzz_input.h has it.
 *
 * The stub stands for -lavcodec and -lswscale; where they are linked all the same,
 * a program's own functions are found first.
 */
#include <kvsparse/pictures.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/stub_codec.h"
#include "support/allocator.h"
#include "support/mux.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEFAULT_MAX_SIZE 16384u
#define FRAGMENTS_MAX 12u
/* More than our own objects ever need for an input of 4 kB: a picture of
 * 16384 x 300 RGBA, twice while it grows, and the reader. */
#define MEMORY_MAX ((size_t)64 << 20)

/* The input, byte by byte; 0 behind its end. */

struct cursor {
  const uint8_t *data;
  size_t len, at;
};

static unsigned take(struct cursor *c) {
  return c->at < c->len ? c->data[c->at++] : 0;
}

/* Up to len bytes as they are. */
static kvsp_view take_bytes(struct cursor *c, size_t len) {
  kvsp_view v = {c->data + c->at, c->len - c->at};
  if (v.len > len) v.len = len;
  c->at += v.len;
  return v;
}

enum mode {
  MODE_DECODER = 1,    /* a decoder alone                                  */
  MODE_RAW = 2,        /* the stream is the input's bytes                  */
  MODE_ITEMS = 4,      /* with an item callback                            */
  MODE_FAULT = 8,      /* an allocation fails                              */
  MODE_LIMITS = 16,    /* small limits                                     */
  MODE_RESERVE = 32,   /* bytes come by reserve and commit                 */
  MODE_PAUSE = 64,     /* callbacks stop now and then                      */
  MODE_STRANGERS = 128 /* FINAL comes with the last bytes                  */
};

struct plan {
  unsigned mode;
  kvsp_pictures_config config;
  kvsp_limits limits;
  size_t chunks[2];
  size_t fault;
  unsigned pause;
  kvsp_view script;
  struct bytes stream;
};

static void plan_pictures(struct plan *plan, struct cursor *c) {
  static const uint32_t sizes[] = {0, 0, 1, 7, 64, 300, 100000, 16};
  static const uint32_t bounds[] = {0, 1, 16, 64, STUB_WIDTH_MAX, 0, 0, 0};
  kvsp_pictures_config *config = &plan->config;
  unsigned b;
  config->struct_size = sizeof *config;
  config->format = take(c) % 6;
  b = take(c);
  config->width = sizes[b & 7];
  config->height = sizes[b >> 3 & 7];
  if (config->format == KVSP_PICTURE_NATIVE) config->width = config->height = 0;
  b = take(c);
  config->flags = b & KVSP_DECODE_LOW_DELAY;
  if (b & 2) config->reader_flags |= KVSP_READ_STRICT;
  if (b & 4) config->reader_flags |= KVSP_READ_KEY_FRAMES;
  if (b & 8) config->reader_flags |= KVSP_READ_CHECK_CRC;
  config->track_number = b >> 4 & 3;
  config->every = b >> 6;
  b = take(c);
  config->max_width = bounds[b & 7];
  config->max_height = bounds[b >> 3 & 7];
  config->interval_ns = (int64_t)(b >> 6) * 100000000;
}

static void plan_limits(struct plan *plan, struct cursor *c) {
  unsigned a = take(c), b = take(c);
  plan->limits.struct_size = sizeof plan->limits;
  if (!(plan->mode & MODE_LIMITS)) return;
  plan->limits.max_memory = (a & 15) * 2048;
  plan->limits.max_frame = (a >> 4) * 16;
  plan->limits.max_value = (b & 15) * 16;
  plan->limits.max_tracks = b >> 4 & 3;
  plan->limits.max_tags = b >> 6;
  plan->config.limits = &plan->limits;
}

static void plan_run(struct plan *plan, struct cursor *c) {
  plan->mode = take(c);
  plan_pictures(plan, c);
  plan_limits(plan, c);
  plan->chunks[0] = 5 * (size_t)take(c);
  plan->chunks[1] = 16 * (size_t)take(c);
  plan->fault = take(c);
  plan->pause = 1 + take(c) % 8;
  plan->script = take_bytes(c, 2 * (size_t)take(c));
}

/* A stream out of a recipe. */

struct recipe {
  struct bytes *out;
  unsigned fragment;
  int timecode;
  struct mux_track tracks[2];
};

static const char *const codecs[] = {
    "V_MJPEG", "V_MPEG4/ISO/AVC", "V_MPEGH/ISO/HEVC", "V_VP8",
    "V_FFV1",  "V_THEORA",        "V_NONE",           "V_MS/VFW/FOURCC",
};

static void choose_track(struct mux_track *t, uint64_t number,
                         struct cursor *c) {
  unsigned b = take(c);
  kvsp_view codec_private = take_bytes(c, b >> 3);
  memset(t, 0, sizeof *t);
  t->number = number;
  t->type = number == 2 && b & 8 ? 2 : 1;
  t->codec_id = codecs[b & 7];
  t->codec_private = codec_private.data;
  t->codec_private_len = codec_private.len;
  t->width = 16;
  t->height = take(c);
}

/* A byte of the input becomes a document: not without end. */
static void add_fragment(struct recipe *r) {
  char number[24];
  if (r->fragment == FRAGMENTS_MAX) return;
  snprintf(number, sizeof number, "%u", 1000 + r->fragment);
  mux_document(r->out);
  mux_info(r->out, 0);
  mux_tracks(r->out, r->tracks, COUNT(r->tracks));
  mux_head_tags(r->out, number, "1.500", "1.000");
  mux_cluster(r->out, 1000 * (uint64_t)r->fragment);
  r->fragment++;
  r->timecode = 0;
}

static void add_frame(struct recipe *r, unsigned op, struct cursor *c) {
  kvsp_view v = take_bytes(c, take(c) & 63);
  uint8_t flags = 0;
  if (op & 8) flags |= 0x80;  /* key */
  if (op & 16) flags |= 0x08; /* invisible */
  mux_simple_block(r->out, op & 64 ? 2 : 1, (int16_t)r->timecode, flags, v.data,
                   v.len);
  r->timecode += op & 32 ? -80 : 40;
}

static void add_piece(struct recipe *r, struct cursor *c) {
  unsigned op = take(c);
  kvsp_view v;
  switch (op & 7) {
    case 5: add_fragment(r); break;
    case 6:
      choose_track(&r->tracks[0], 1, c);
      choose_track(&r->tracks[1], 2, c);
      add_fragment(r);
      break;
    case 7:
      v = take_bytes(c, op >> 3);
      bytes_append(r->out, v.data, v.len);
      break;
    default: add_frame(r, op, c); break;
  }
}

static void build_stream(struct bytes *out, struct cursor *c) {
  struct recipe r;
  memset(&r, 0, sizeof r);
  r.out = out;
  choose_track(&r.tracks[0], 1, c);
  choose_track(&r.tracks[1], 2, c);
  add_fragment(&r);
  while (c->at < c->len) add_piece(&r, c);
}

/* Frames that were fed, so that pictures can be traced back to them. */

struct fed {
  uint64_t fragment, frame, track, offset;
  int64_t pts_ns;
};

static void remember(struct bytes *frames, const kvsp_frame *f) {
  struct fed fed = {f->fragment->index, f->index, f->track->number, f->offset,
                    f->pts_ns};
  bytes_append(frames, &fed, sizeof fed);
}

static void check_origin(const struct bytes *frames, const kvsp_picture *p) {
  size_t count = frames->len / sizeof(struct fed);
  struct fed fed;
  for (size_t i = count; i > 0; i--) {
    memcpy(&fed, frames->data + (i - 1) * sizeof fed, sizeof fed);
    if (fed.fragment != p->fragment_index || fed.frame != p->frame_index ||
        fed.track != p->track_number) {
      continue;
    }
    FUZZ_CHECK(fed.offset == p->offset && fed.pts_ns == p->pts_ns,
               "a picture's time and offset are its frame's");
    return;
  }
  FUZZ_CHECK(0, "a picture is from a frame that was fed");
}

/* Pictures. */

/* A picture in a few words. */
struct trace {
  uint64_t track, fragment, frame, index;
  int64_t pts_ns;
  uint32_t flags, format, width, height;
  uint64_t sum;
};

static uint64_t sum_rows(const kvsp_picture *p) {
  uint64_t sum = 0;
  size_t row = p->width;
  if (p->format == KVSP_PICTURE_RGB24 || p->format == KVSP_PICTURE_BGR24)
    row *= 3;
  if (p->format == KVSP_PICTURE_RGBA || p->format == KVSP_PICTURE_BGRA)
    row *= 4;
  for (uint32_t y = 0; y < p->height; y++) {
    const uint8_t *line = p->plane[0] + (ptrdiff_t)y * p->stride[0];
    sum = sum * 31 + line[0] + line[row / 2] + line[row - 1];
  }
  return sum;
}

static void check_picture(const kvsp_picture *p,
                          const kvsp_pictures_config *config) {
  uint32_t max_width = config->max_width ? config->max_width : DEFAULT_MAX_SIZE;
  uint32_t max_height =
      config->max_height ? config->max_height : DEFAULT_MAX_SIZE;
  FUZZ_CHECK(p->coded_width > 0 && p->coded_height > 0, "a picture has a size");
  FUZZ_CHECK(p->coded_width <= max_width && p->coded_height <= max_height,
             "no picture is larger than allowed");
  FUZZ_CHECK(p->format == config->format, "the format is as wanted");
  FUZZ_CHECK(p->width == (config->width ? config->width : p->width) &&
                 p->height == (config->height ? config->height : p->height),
             "the size is as wanted");
  FUZZ_CHECK(p->width > 0 && p->height > 0 && p->plane[0] && p->stride[0],
             "there is a picture");
  FUZZ_CHECK(p->native_format_name && p->avframe, "there is an AVFrame");
}

static void append_trace(struct bytes *out, const kvsp_picture *p) {
  struct trace t;
  memset(&t, 0, sizeof t);
  t.track = p->track_number;
  t.fragment = p->fragment_index;
  t.frame = p->frame_index;
  t.index = p->index;
  t.pts_ns = p->pts_ns;
  t.flags = p->flags;
  t.format = p->format;
  t.width = p->width;
  t.height = p->height;
  t.sum = sum_rows(p);
  bytes_append(out, &t, sizeof t);
}

/* A track's pictures are counted, anew where the track was gone. */
static void check_index(const struct bytes *traces, const kvsp_picture *p) {
  struct trace t;
  size_t count = traces->len / sizeof t;
  for (size_t i = count; i > 0 && p->index > 0; i--) {
    memcpy(&t, traces->data + (i - 1) * sizeof t, sizeof t);
    if (t.track != p->track_number) continue;
    FUZZ_CHECK(p->index == t.index + 1, "pictures are counted");
    return;
  }
  FUZZ_CHECK(p->index == 0, "the first picture is number 0");
}

/* One way through the stream. */

struct run {
  struct plan *plan;
  kvsp_pictures *pictures;
  struct bytes frames; /* struct fed                                       */
  struct bytes traces; /* struct trace                                     */
  unsigned calls;      /* of callbacks                                     */
  kvsp_limits limits;
  uint64_t gaps;
  int last;
};

static void run_clear(struct run *r) {
  bytes_free(&r->frames);
  bytes_free(&r->traces);
  r->calls = 0;
}

static int maybe_pause(struct run *r) {
  if (!(r->plan->mode & MODE_PAUSE)) return 0;
  return ++r->calls % r->plan->pause == 0 ? KVSP_PAUSED : 0;
}

static void check_reentry(kvsp_pictures *p) {
  const kvsp_picture *none;
  FUZZ_CHECK(kvsp_pictures_next(p, &none) == KVSP_ERR_REENTRANT, "no re-entry");
  FUZZ_CHECK(kvsp_pictures_input(p, "", 0, 0) == KVSP_ERR_REENTRANT,
             "no re-entry");
  FUZZ_CHECK(kvsp_pictures_reset(p) == KVSP_ERR_REENTRANT, "no re-entry");
}

static int on_item(void *user, const kvsp_item *item) {
  struct run *r = user;
  if (item->type == KVSP_ITEM_FRAME) remember(&r->frames, item->frame);
  check_reentry(r->pictures);
  return maybe_pause(r);
}

static void note(struct run *r, const kvsp_picture *p) {
  check_picture(p, &r->plan->config);
  check_index(&r->traces, p);
  if (r->plan->mode & MODE_ITEMS) check_origin(&r->frames, p);
  append_trace(&r->traces, p);
}

static int on_picture(void *user, const kvsp_picture *p) {
  struct run *r = user;
  note(r, p);
  check_reentry(r->pictures);
  return maybe_pause(r);
}

static int is_reader_error(int rc) {
  return rc <= KVSP_ERR_EBML && rc >= KVSP_ERR_COMPRESSION;
}

/* What next and visit may return. */
static void check_status(const struct run *r, int rc) {
  int strict = (r->plan->config.reader_flags & KVSP_READ_STRICT) != 0;
  int limit = rc <= KVSP_ERR_LIMIT_DEPTH && rc >= KVSP_ERR_LIMIT_MEMORY;
  if (rc == KVSP_OK || rc == KVSP_NEED_INPUT || rc == KVSP_END) return;
  if (rc == KVSP_PAUSED && r->plan->mode & MODE_PAUSE) return;
  if (rc == KVSP_ERR_LIMIT_MEMORY || rc == KVSP_ERR_NOMEM) return;
  FUZZ_CHECK(strict, "an error that only a strict reader has");
  FUZZ_CHECK(is_reader_error(rc) || limit || rc == KVSP_ERR_UNSUPPORTED,
             "a code that is documented");
}

/* 1 when the call can be repeated: after a pause, or with a limit raised. */
static int goes_on(struct run *r, int rc) {
  check_status(r, rc);
  switch (rc) {
    case KVSP_PAUSED: return 1;
    case KVSP_ERR_LIMIT_DEPTH: r->limits.max_depth = 1000; break;
    case KVSP_ERR_LIMIT_TRACKS: r->limits.max_tracks = 0; break;
    case KVSP_ERR_LIMIT_TAGS: r->limits.max_tags = 0; break;
    case KVSP_ERR_LIMIT_VALUE: r->limits.max_value = 0; break;
    case KVSP_ERR_LIMIT_FRAME: r->limits.max_frame = 0; break;
    case KVSP_ERR_LIMIT_MEMORY: r->limits.max_memory = 0; break;
    default: return 0;
  }
  FUZZ_CHECK(kvsp_pictures_set_limits(r->pictures, &r->limits) == KVSP_OK,
             "limits can be raised");
  return 1;
}

static int pull_all(struct run *r) {
  const kvsp_picture *picture;
  int rc;
  do {
    rc = kvsp_pictures_next(r->pictures, &picture);
    FUZZ_CHECK((rc == KVSP_OK) == (picture != NULL), "a picture comes with OK");
    if (rc == KVSP_OK) note(r, picture);
  } while (rc == KVSP_OK || goes_on(r, rc));
  return rc;
}

static int pull_lent(struct run *r, const uint8_t *data, size_t len,
                     unsigned flags) {
  int rc = kvsp_pictures_input(r->pictures, data, len, flags);
  FUZZ_CHECK(rc == KVSP_OK, "bytes are taken when they were asked for");
  FUZZ_CHECK(
      kvsp_pictures_input(r->pictures, data, len, flags) == KVSP_ERR_STATE,
      "bytes are not taken twice");
  return pull_all(r);
}

/* KVSP_OK: there was room and the bytes are in it, as many as fit. */
static int reserve(struct run *r, const uint8_t *data, size_t *len,
                   unsigned flags) {
  void *room;
  size_t capacity = 0;
  int rc;
  do {
    rc = kvsp_pictures_reserve(r->pictures, *len, &room, &capacity);
  } while (rc != KVSP_OK && goes_on(r, rc));
  if (rc != KVSP_OK) return rc;
  FUZZ_CHECK(capacity > 0, "there is room");
  if (*len > capacity) *len = capacity;
  if (*len > 0) memcpy(room, data, *len);
  return kvsp_pictures_commit(r->pictures, *len, flags);
}

static int pull_reserved(struct run *r, const uint8_t *data, size_t len,
                         unsigned flags) {
  int rc = KVSP_NEED_INPUT;
  size_t at = 0;
  while (rc == KVSP_NEED_INPUT && at < len) {
    size_t n = len - at;
    rc = reserve(r, data + at, &n, 0);
    if (rc != KVSP_OK) return rc;
    at += n;
    rc = pull_all(r);
  }
  if (rc != KVSP_NEED_INPUT || !flags) return rc;
  return pull_lent(r, NULL, 0, flags);
}

static int visit(struct run *r, const uint8_t *data, size_t len,
                 unsigned flags) {
  int rc = kvsp_pictures_visit(r->pictures, data, len, flags, on_picture, r);
  while (goes_on(r, rc)) {
    rc = kvsp_pictures_visit(r->pictures, NULL, 0, 0, on_picture, r);
  }
  return rc == KVSP_OK ? KVSP_NEED_INPUT : rc;
}

/* The piece lies in memory of its size, which is gone afterwards. */
static int feed_piece(struct run *r, int way, const uint8_t *data, size_t len,
                      unsigned flags) {
  uint8_t *copy = fuzz_copy(data, len);
  int rc;
  if (way == 1) {
    rc = visit(r, copy, len, flags);
  } else if (r->plan->mode & MODE_RESERVE) {
    rc = pull_reserved(r, copy, len, flags);
  } else {
    rc = pull_lent(r, copy, len, flags);
  }
  free(copy);
  return rc;
}

static void check_stats(struct run *r) {
  kvsp_pictures_stats stats;
  FUZZ_CHECK(
      kvsp_pictures_get_stats(r->pictures, &stats, sizeof stats) == KVSP_OK,
      "there are counts");
  FUZZ_CHECK(stats.pictures == r->traces.len / sizeof(struct trace),
             "pictures are counted");
  FUZZ_CHECK(stats.frames_sent + stats.undecodable <= stats.frames,
             "no frame is sent twice");
  FUZZ_CHECK(stats.damaged <= stats.pictures, "damaged ones are pictures");
  r->gaps = stats.gaps;
}

static void after_the_end(struct run *r) {
  const kvsp_picture *picture;
  int rc = kvsp_pictures_next(r->pictures, &picture);
  /* Where reserve had no memory, nothing was lent. */
  if (r->last == KVSP_ERR_NOMEM && rc == KVSP_NEED_INPUT) return;
  FUZZ_CHECK(rc == r->last && !picture, "the end comes again");
  rc = kvsp_pictures_input(r->pictures, "", 0, 0);
  FUZZ_CHECK(rc == KVSP_ERR_STATE ||
                 (rc == KVSP_ERR_NOMEM && r->last == KVSP_ERR_NOMEM),
             "no bytes after the end");
}

/* way 0: pull, 1: visit. */
static void feed(struct run *r, int way) {
  const struct bytes *b = &r->plan->stream;
  size_t chunk = r->plan->chunks[way] ? r->plan->chunks[way] : b->len;
  size_t at = 0;
  int rc = KVSP_NEED_INPUT;
  int with_end = (r->plan->mode & MODE_STRANGERS) != 0;
  int ended = 0;
  stub_codec_start(r->plan->script.data, r->plan->script.len);
  r->limits = r->plan->limits;
  while (rc == KVSP_NEED_INPUT && at < b->len) {
    size_t n = b->len - at < chunk ? b->len - at : chunk;
    ended = with_end && at + n == b->len;
    rc = feed_piece(r, way, b->data + at, n, ended ? KVSP_FINAL : 0);
    at += n;
  }
  if (rc == KVSP_NEED_INPUT && !ended)
    rc = feed_piece(r, way, b->data, 0, KVSP_FINAL);
  FUZZ_CHECK(rc != KVSP_NEED_INPUT, "it ends");
  r->last = rc;
  check_stats(r);
  after_the_end(r);
}

static int start(struct run *r, struct plan *plan, struct test_allocator *m) {
  int rc;
  memset(r, 0, sizeof *r);
  r->plan = plan;
  plan->config.allocator = &m->allocator;
  plan->config.item_callback = plan->mode & MODE_ITEMS ? on_item : NULL;
  plan->config.item_user = r;
  rc = kvsp_pictures_new(&r->pictures, &plan->config);
  FUZZ_CHECK((rc == KVSP_OK) == (r->pictures != NULL),
             "an object comes with OK");
  FUZZ_CHECK(rc == KVSP_OK || rc == KVSP_ERR_ARG || rc == KVSP_ERR_NOMEM ||
                 rc == KVSP_ERR_LIMIT_MEMORY,
             "a code that new documents");
  return rc;
}

static void close_run(struct run *r, const struct test_allocator *m) {
  kvsp_pictures_free(r->pictures);
  r->pictures = NULL;
  FUZZ_CHECK(m->live_blocks == 0, "nothing leaks");
  FUZZ_CHECK(stub_codec_open_count() == 0, "all decoders are given back");
  FUZZ_CHECK(m->peak_bytes <= MEMORY_MAX, "memory has a bound");
}

/* How far the reader looks around after damage may depend on its memory. */
static void check_same(const struct run *a, const struct run *b) {
  if (a->plan->limits.max_memory > 0 && a->gaps + b->gaps > 0) return;
  FUZZ_CHECK(a->last == b->last, "both ways end alike");
  FUZZ_CHECK(a->traces.len == b->traces.len, "both ways give as many pictures");
  FUZZ_CHECK(a->traces.len == 0 ||
                 memcmp(a->traces.data, b->traces.data, a->traces.len) == 0,
             "both ways give the same pictures");
}

/* Once more, with the fault-th allocation failing: after that, and a reset, it
 * gives what it gave before. */
static void compare(struct plan *plan, const struct run *expected, int way,
                    size_t fault) {
  struct test_allocator m;
  struct run r;
  test_allocator_init(&m);
  m.fail_at = fault;
  if (start(&r, plan, &m) == KVSP_OK) {
    feed(&r, way);
    m.fail_at = 0;
    if (r.last == KVSP_ERR_NOMEM) {
      run_clear(&r);
      FUZZ_CHECK(kvsp_pictures_reset(r.pictures) == KVSP_OK, "it can be reset");
      feed(&r, way);
    }
    check_same(expected, &r);
  }
  close_run(&r, &m);
  run_clear(&r);
}

static void drive_pictures(struct plan *plan) {
  struct test_allocator m;
  struct run r;
  int rc;
  test_allocator_init(&m);
  rc = start(&r, plan, &m);
  if (rc == KVSP_OK) {
    feed(&r, 0);
  }
  close_run(&r, &m);
  if (rc == KVSP_OK) compare(plan, &r, 1, 0);
  if (rc == KVSP_OK && plan->mode & MODE_FAULT)
    compare(plan, &r, 0, plan->fault + 1);
  run_clear(&r);
}

/* A decoder alone. */

struct direct {
  kvsp_decoder *decoder;
  kvsp_decoder_config config;
  kvsp_track track;
  kvsp_fragment fragment;
  uint64_t next; /* index of the next frame                                */
  int ended;
  int dead; /* KVSP_ERR_NOMEM                                              */
};

static void fill_track(kvsp_track *t, struct cursor *c) {
  unsigned b = take(c);
  memset(t, 0, sizeof *t);
  t->number = 1;
  t->type = KVSP_TRACK_VIDEO;
  t->width = take(c) * 100;
  t->height = 8;
  t->codec_id.data = (const uint8_t *)codecs[b & 7];
  t->codec_id.len = strlen(codecs[b & 7]);
  t->codec_private = take_bytes(c, take(c) & 127);
}

/* Its bytes are in memory of their size, as a caller's are. */
static void send_frame(struct direct *d, unsigned op, struct cursor *c) {
  kvsp_view v = take_bytes(c, op >> 3);
  uint8_t *copy = fuzz_copy(v.data, v.len);
  kvsp_frame f;
  int rc;
  memset(&f, 0, sizeof f);
  f.data.data = copy;
  f.data.len = f.size = v.len;
  f.track = &d->track;
  f.fragment = op & 4 ? &d->fragment : NULL;
  f.index = d->next;
  f.pts_ns = (int64_t)d->next * 40000000;
  f.offset = 1000 * d->next;
  f.flags = op & 8 ? KVSP_FRAME_KEY : 0;
  rc = kvsp_decoder_send(d->decoder, &f);
  free(copy);
  d->dead = rc == KVSP_ERR_NOMEM;
  if (d->ended) {
    FUZZ_CHECK(rc == KVSP_ERR_STATE, "no frames after the end");
    return;
  }
  FUZZ_CHECK(rc == KVSP_OK || rc == KVSP_NEED_DRAIN || rc == KVSP_ERR_CODEC ||
                 rc == KVSP_ERR_NOMEM,
             "a code that send documents");
  if (rc != KVSP_NEED_DRAIN) d->next++;
}

static void check_direct(const struct direct *d, const kvsp_picture *p) {
  kvsp_pictures_config config;
  memset(&config, 0, sizeof config);
  config.format = d->config.format;
  config.width = d->config.width;
  config.height = d->config.height;
  config.max_width = d->config.max_width;
  config.max_height = d->config.max_height;
  check_picture(p, &config);
  FUZZ_CHECK(p->frame_index < d->next,
             "a picture is from a frame that was fed");
  FUZZ_CHECK(p->pts_ns == (int64_t)p->frame_index * 40000000 &&
                 p->offset == 1000 * p->frame_index,
             "a picture's time is its frame's");
  (void)sum_rows(p);
}

static void receive(struct direct *d) {
  const kvsp_picture *p;
  int rc = kvsp_decoder_receive(d->decoder, &p);
  FUZZ_CHECK((rc == KVSP_OK) == (p != NULL), "a picture comes with OK");
  if (rc == KVSP_OK) check_direct(d, p);
  FUZZ_CHECK(rc == KVSP_OK || rc == KVSP_NEED_INPUT || rc == KVSP_ERR_CODEC ||
                 rc == KVSP_ERR_NOMEM || (rc == KVSP_END && d->ended),
             "a code that receive documents");
  d->dead = rc == KVSP_ERR_NOMEM;
}

static void send_end(struct direct *d) {
  int rc = kvsp_decoder_send(d->decoder, NULL);
  FUZZ_CHECK(rc == (d->ended ? KVSP_ERR_STATE : rc), "it ends once");
  FUZZ_CHECK(rc == KVSP_OK || rc == KVSP_NEED_DRAIN || rc == KVSP_ERR_STATE,
             "a code that the end may have");
  if (rc == KVSP_OK) d->ended = 1;
}

static void direct_step(struct direct *d, struct cursor *c) {
  unsigned op = take(c);
  switch (op & 3) {
    case 0: send_frame(d, op, c); break;
    case 3:
      if (op & 0xC0) {
        send_end(d);
      } else {
        FUZZ_CHECK(kvsp_decoder_flush(d->decoder) == KVSP_OK, "it is flushed");
        d->ended = 0;
      }
      break;
    default: receive(d); break;
  }
  FUZZ_CHECK(kvsp_decoder_message(d->decoder) != NULL, "there is a message");
}

static void drive_decoder(struct plan *plan, struct cursor *c) {
  static const uint8_t number[] = "12345";
  struct test_allocator m;
  struct direct d;
  int rc;
  memset(&d, 0, sizeof d);
  test_allocator_init(&m);
  if (plan->mode & MODE_FAULT) test_allocator_fail_after(&m, plan->fault);
  d.config.struct_size = sizeof d.config;
  d.config.allocator = &m.allocator;
  d.config.format = plan->config.format;
  d.config.width = plan->config.width;
  d.config.height = plan->config.height;
  d.config.flags = plan->config.flags;
  d.config.max_width = plan->config.max_width;
  d.config.max_height = plan->config.max_height;
  d.fragment.number.data = number;
  d.fragment.number.len = sizeof number - 1;
  fill_track(&d.track, c);
  stub_codec_start(plan->script.data, plan->script.len);
  rc = kvsp_decoder_new(&d.decoder, &d.track, &d.config);
  FUZZ_CHECK((rc == KVSP_OK) == (d.decoder != NULL), "an object comes with OK");
  FUZZ_CHECK(rc == KVSP_OK || rc == KVSP_ERR_ARG ||
                 rc == KVSP_ERR_UNSUPPORTED || rc == KVSP_ERR_CODEC ||
                 rc == KVSP_ERR_NOMEM,
             "a code that new documents");
  while (rc == KVSP_OK && !d.dead && c->at < c->len) direct_step(&d, c);
  kvsp_decoder_free(d.decoder);
  FUZZ_CHECK(m.live_blocks == 0, "nothing leaks");
  FUZZ_CHECK(stub_codec_open_count() == 0, "all decoders are given back");
  FUZZ_CHECK(m.peak_bytes <= MEMORY_MAX, "memory has a bound");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cursor c = {data, size, 0};
  struct plan plan;
  memset(&plan, 0, sizeof plan);
  plan_run(&plan, &c);
  if (plan.mode & MODE_DECODER) {
    drive_decoder(&plan, &c);
    return 0;
  }
  if (plan.mode & MODE_RAW) {
    bytes_append(&plan.stream, data + c.at, size - c.at);
  } else {
    build_stream(&plan.stream, &c);
  }
  drive_pictures(&plan);
  bytes_free(&plan.stream);
  return 0;
}
