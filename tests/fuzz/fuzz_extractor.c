/*
 * fuzz_extractor.c - the extractor on any frames: those of a stream, or of a
 * script that also changes the track; with libavcodec's own filters and
 * decoders.  What comes out has the form that the format promises and is no
 * more than what went in allows; a callback that says no and an allocation
 * that fails do no harm.  Knows the public header.
 */
#include <kvsparse/extractor.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
#include "support/mux.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACKS_MAX 3u
#define STOPPED (KVSP_ERR_USER - 4)
/* Start codes for lengths; parameter sets before each key frame; tables. */
#define GROWTH 8u
#define ONCE 1024u

/* What the input chose. */
struct choices {
  uint32_t format;
  bool is_script;
  unsigned stop_at; /* this call of the callback says no, from 1; 0: none   */
  size_t fail_at;   /* this allocation of ours fails, from 1; 0: none       */
  size_t most;      /* libavutil gives no more at once; 0: all              */
  unsigned codec;   /* of a script's track                                  */
};

struct extracting {
  const struct fuzz_input *in;
  const struct choices *choices;
  struct fuzz_memory memory;
  struct {
    kvsp_extractor *extractor;
    uint64_t number;
    bool refused;
  } tracks[TRACKS_MAX];
  size_t count;
  unsigned calls, stop_at;
  const kvsp_frame *frame; /* being sent; NULL: the end                     */
  kvsp_extractor *sender;
  uint64_t bytes;   /* that came out, with ...                                */
  uint64_t allowed; /* ... so many at most, but for sound                   */
  uint64_t digest;
};

static void choose(struct choices *c, struct fuzz_input *in) {
  unsigned b = fuzz_byte(in);
  memset(c, 0, sizeof *c);
  c->format = (b & 7) % 5;
  c->is_script = b & 8;
  c->codec = b >> 4;
  c->stop_at = fuzz_byte(in);
  c->fail_at = fuzz_byte(in) % 16;
  b = fuzz_byte(in);
  c->most = b ? 16u << (b % 16) : 0;
}

/* ---- what comes out -------------------------------------------------------------- */

static bool has_start_code(kvsp_view v) {
  size_t i = 0;
  while (i < v.len && v.data[i] == 0) i++;
  return i >= 2 && i < v.len && v.data[i] == 1;
}

static bool is_adts(kvsp_view v) {
  return v.len >= 7 && v.data[0] == 0xFF && (v.data[1] & 0xF6) == 0xF0 &&
         ((size_t)(v.data[3] & 3) << 11 | (size_t)v.data[4] << 3 |
          v.data[5] >> 5) == v.len;
}

static bool is_same(kvsp_view a, kvsp_view b) {
  return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static void check_extract(const struct extracting *g, const kvsp_extract *x) {
  uint32_t format = g->choices->format;
  FUZZ_CHECK(x->data.data && x->data.len > 0, "something comes out");
  if (format == KVSP_EXTRACT_PCM) {
    FUZZ_CHECK_2(x->channels > 0 && x->sample_rate > 0, "sound has its kind",
                 x->channels, x->sample_rate);
    FUZZ_CHECK_2(x->data.len % (2u * x->channels) == 0, "samples are whole",
                 x->data.len, x->channels);
    return;
  }
  FUZZ_CHECK(g->frame != NULL, "only sound is kept back");
  FUZZ_CHECK(x->channels == 0 && x->sample_rate == 0, "no sound");
  FUZZ_CHECK(x->pts_ns == g->frame->pts_ns, "a frame's time");
  FUZZ_CHECK(x->flags == (g->frame->flags & KVSP_FRAME_KEY), "a key frame");
  if (format == KVSP_EXTRACT_RAW)
    FUZZ_CHECK(is_same(x->data, g->frame->data), "the frame as it is");
  if (format == KVSP_EXTRACT_ANNEXB)
    FUZZ_CHECK_2(has_start_code(x->data), "a start code", x->data.len,
                 g->frame->data.len);
  if (format == KVSP_EXTRACT_ADTS)
    FUZZ_CHECK_2(is_adts(x->data), "an ADTS header", x->data.len,
                 g->frame->data.len);
}

static int on_extract(void *user, const kvsp_extract *x) {
  struct extracting *g = user;
  check_extract(g, x);
  FUZZ_CHECK(kvsp_extractor_send(g->sender, g->frame, on_extract, g) ==
                 KVSP_ERR_REENTRANT,
             "no call from a callback");
  g->bytes += x->data.len;
  g->digest = fuzz_mix_bytes(g->digest, x->data.data, x->data.len);
  return ++g->calls == g->stop_at ? STOPPED : 0;
}

/* ---- frames in --------------------------------------------------------------------- */

static bool may_lack_memory(const struct extracting *g) {
  return g->memory.inner.fail_at || g->choices->most;
}

static void check_status(const struct extracting *g, const kvsp_frame *f,
                         int rc, unsigned calls) {
  bool stopped = g->stop_at && calls < g->stop_at && g->calls >= g->stop_at;
  FUZZ_CHECK_2((rc == STOPPED) == stopped, "what a callback says comes back",
               rc, g->calls);
  if (stopped) return;
  FUZZ_CHECK_2(
      rc == KVSP_OK || rc == KVSP_ERR_CODEC || rc == KVSP_ERR_UNSUPPORTED ||
          (rc == KVSP_ERR_ARG && f &&
           f->flags & (KVSP_FRAME_ENCRYPTED | KVSP_FRAME_COMPRESSED)) ||
          (rc == KVSP_ERR_NOMEM && may_lack_memory(g)),
      "a code that send documents", rc, g->calls);
}

/* Its bytes are in memory of their size. */
static void send_frame(struct extracting *g, size_t i, const kvsp_frame *f) {
  kvsp_extractor *e = g->tracks[i].extractor;
  kvsp_frame copy = *f;
  uint8_t *data = fuzz_copy(f->data.data, f->data.len);
  unsigned calls = g->calls;
  int rc;
  copy.data.data = data;
  g->frame = &copy;
  g->sender = e;
  g->allowed += GROWTH * f->data.len + GROWTH * f->track->codec_private.len;
  g->allowed += ONCE;
  rc = kvsp_extractor_send(e, &copy, on_extract, g);
  check_status(g, f, rc, calls);
  FUZZ_CHECK(kvsp_extractor_message(e) != NULL, "there is a message");
  if (rc == KVSP_ERR_NOMEM)
    FUZZ_CHECK(kvsp_extractor_send(e, &copy, on_extract, g) == rc,
               "no memory comes again");
  g->digest = fuzz_mix(g->digest, (uint64_t)rc);
  free(data);
}

static void send_end(struct extracting *g, size_t i) {
  kvsp_extractor *e = g->tracks[i].extractor;
  unsigned calls = g->calls;
  int rc;
  g->frame = NULL;
  g->sender = e;
  rc = kvsp_extractor_send(e, NULL, on_extract, g);
  check_status(g, NULL, rc, calls);
  if (rc == KVSP_ERR_NOMEM) return;
  FUZZ_CHECK(kvsp_extractor_send(e, NULL, on_extract, g) == KVSP_ERR_STATE,
             "nothing follows the end");
}

/* COUNT: none for that track. */
static size_t open_track(struct extracting *g, const kvsp_track *track) {
  kvsp_extractor_config config = {.struct_size = sizeof config};
  size_t i = 0;
  int rc;
  while (i < g->count && g->tracks[i].number != track->number) i++;
  if (i < g->count || i == TRACKS_MAX)
    return i < g->count && !g->tracks[i].refused ? i : TRACKS_MAX;
  config.allocator = &g->memory.allocator;
  config.format = g->choices->format;
  g->tracks[i].number = track->number;
  g->count++;
  rc = kvsp_extractor_new(&g->tracks[i].extractor, track, &config);
  FUZZ_CHECK((rc == KVSP_OK) == (g->tracks[i].extractor != NULL),
             "an extractor or none");
  FUZZ_CHECK_2(rc == KVSP_OK || rc == KVSP_ERR_UNSUPPORTED ||
                   rc == KVSP_ERR_CODEC ||
                   (rc == KVSP_ERR_NOMEM && may_lack_memory(g)),
               "a code that new documents", rc, i);
  g->tracks[i].refused = rc != KVSP_OK;
  return rc == KVSP_OK ? i : TRACKS_MAX;
}

/* ---- a stream ----------------------------------------------------------------------- */

static int on_item(void *user, const kvsp_item *item) {
  struct extracting *g = user;
  size_t i;
  if (item->type != KVSP_ITEM_FRAME) return 0;
  i = open_track(g, item->frame->track);
  if (i < TRACKS_MAX) send_frame(g, i, item->frame);
  return 0;
}

static void feed_stream(struct extracting *g) {
  kvsp_reader *r = NULL;
  if (kvsp_reader_new(&r, NULL) != KVSP_OK) exit(1);
  if (kvsp_reader_visit(r, g->in->data, g->in->size, KVSP_FINAL, on_item, g) !=
      KVSP_END)
    abort();
  kvsp_reader_free(r);
}

/* ---- a script ----------------------------------------------------------------------- */

struct cursor {
  const uint8_t *data;
  size_t len, at;
};

static unsigned take(struct cursor *c) {
  return c->at < c->len ? c->data[c->at++] : 0;
}

static kvsp_view take_bytes(struct cursor *c, size_t len) {
  kvsp_view v = {c->data + c->at, c->len - c->at};
  if (v.len > len) v.len = len;
  c->at += v.len;
  return v;
}

static const struct {
  const char *codec_id;
  uint32_t type;
} codecs[] = {{"V_MPEG4/ISO/AVC", KVSP_TRACK_VIDEO},
              {"V_MPEGH/ISO/HEVC", KVSP_TRACK_VIDEO},
              {"V_MJPEG", KVSP_TRACK_VIDEO},
              {"V_MS/VFW/FOURCC", KVSP_TRACK_VIDEO},
              {"A_AAC", KVSP_TRACK_AUDIO},
              {"A_PCM/INT/LIT", KVSP_TRACK_AUDIO},
              {"A_PCM/FLOAT/IEEE", KVSP_TRACK_AUDIO},
              {"A_MS/ACM", KVSP_TRACK_AUDIO}};

static void set_track(kvsp_track *t, unsigned codec, struct cursor *c) {
  static const double rates[] = {0, 8000, 44100, 1e9};
  unsigned b = take(c);
  const char *id = codecs[codec % COUNT(codecs)].codec_id;
  memset(t, 0, sizeof *t);
  t->number = 1;
  t->type = codecs[codec % COUNT(codecs)].type;
  t->codec_id.data = (const uint8_t *)id;
  t->codec_id.len = strlen(id);
  t->codec_private = take_bytes(c, take(c));
  if (t->type != KVSP_TRACK_AUDIO) return;
  t->audio_codec_id = t->codec_id;
  t->audio_sample_rate = rates[b & 3];
  t->audio_channels = b >> 2 & 7;
  t->audio_bit_depth = 8 * (b >> 5);
}

static void send_scripted(struct extracting *g, const kvsp_track *t,
                          unsigned op, struct cursor *c) {
  kvsp_frame f;
  size_t i = open_track(g, t);
  memset(&f, 0, sizeof f);
  f.data = take_bytes(c, (op >> 3) * (op & 1 ? 16 : 1));
  f.size = f.data.len;
  f.track = t;
  f.pts_ns = op & 4 ? KVSP_TIME_NONE : (int64_t)c->at * 1000000;
  f.flags = op & 2 ? KVSP_FRAME_KEY : 0;
  if (i < TRACKS_MAX) send_frame(g, i, &f);
}

static void feed_script(struct extracting *g) {
  struct cursor c = {g->in->data, g->in->size, 0};
  kvsp_track track;
  set_track(&track, g->choices->codec, &c);
  while (c.at < c.len) {
    unsigned op = take(&c);
    if (op == 0xFF)
      set_track(&track, g->choices->codec, &c);
    else if (op == 0xFE)
      set_track(&track, take(&c), &c);
    else
      send_scripted(g, &track, op, &c);
  }
}

/* ---- all of it ---------------------------------------------------------------------- */

static void extract(struct extracting *g, const struct fuzz_input *in,
                    const struct choices *c, unsigned stop_at, size_t fail_at) {
  memset(g, 0, sizeof *g);
  g->in = in;
  g->choices = c;
  g->stop_at = stop_at;
  fuzz_memory_init(&g->memory);
  g->memory.inner.fail_at = fail_at;
  if (c->most) av_max_alloc(c->most);
  if (c->is_script)
    feed_script(g);
  else
    feed_stream(g);
  for (size_t i = 0; i < g->count; i++)
    if (g->tracks[i].extractor) send_end(g, i);
  for (size_t i = 0; i < g->count; i++)
    kvsp_extractor_free(g->tracks[i].extractor);
  av_max_alloc(INT_MAX);
  fuzz_memory_check_empty(&g->memory);
  if (c->format != KVSP_EXTRACT_PCM)
    FUZZ_CHECK_2(g->bytes <= g->allowed, "not much more comes out than went in",
                 g->bytes, g->allowed);
}

/* What libavcodec would show by default. */
static void on_log(void *context, int level, const char *text, va_list rest) {
  (void)context, (void)rest;
  FUZZ_CHECK_2(level > AV_LOG_INFO, "nothing is printed", level, text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct extracting whole, again;
  struct choices c, plain;
  struct fuzz_input in;
  av_log_set_callback(on_log);
  fuzz_input_open(&in, data, size);
  choose(&c, &in);
  plain = c;
  plain.most = 0;
  extract(&whole, &in, &plain, 0, 0);
  if (c.stop_at || c.fail_at)
    extract(&again, &in, &plain, c.stop_at, c.fail_at);
  if (c.most) extract(&again, &in, &c, 0, 0);
  if (c.stop_at || c.fail_at || c.most) return 0;
  extract(&again, &in, &plain, 0, 0);
  FUZZ_CHECK_2(whole.digest == again.digest, "the same comes of the same",
               whole.bytes, again.bytes);
  return 0;
}
