/*
 * events.c - kvsparse events: one JSON object a line for each item of the
 * reader.  kvsparse-events(1) is the contract.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <string.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "json_items.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "stream_options.h"

static const char usage[] =
    "Usage: kvsparse events [OPTION]... FILE\n"
    "Writes one JSON object a line for each fragment, frame, tag and gap, the\n"
    "moment it is known. FILE may be - for standard input,\n"
    "or kvs://STREAM (kvsparse-get(1)).\n"
    "\n"
    "  -n, --read-size N       read N bytes at a time (default 64k)\n"
    "  -t, --track N           frames of track N only; may be repeated\n"
    "  -k, --key-frames        key frames only\n"
    "      --check-crc         verify CRC-32 elements; a mismatch is a gap\n"
    "      --strict            stop at the first fault instead of a gap\n"
    "      --help              this text\n"
    "\n" READER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 there was a gap, or reading or writing failed\n"
    "(the \"end\" line is written all the same); 2 wrong usage.\n";

#ifndef HAVE_JANSSON

int command_events(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return option_help(usage);
  return json_missing("events");
}

#else

#define TRACKS_MAX 64

struct arguments {
  struct stream_options stream;
  uint64_t tracks[TRACKS_MAX];
  kvsp_reader_config config;
};

struct events {
  struct source source;
  kvsp_reader *reader;
  struct faults faults;
  uint64_t fragments, frames, gaps;
};

/* What the visitor returns to stop the visit; the complaint is made. */
#define STOPPED KVSP_ERR_USER

static json_t *new_line(const char *type) {
  json_t *o = json_object();
  json_put(o, "type", json_string(type));
  return o;
}

static int finish_line(json_t *line, int failed) {
  if (failed) {
    json_decref(line);
    line = NULL;
  }
  if (json_write_line(line) != EXIT_WELL) return STOPPED;
  return output_failed() ? STOPPED : 0;
}

static int write_fragment(const kvsp_fragment *f) {
  json_t *o = new_line("fragment");
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(f->index));
  failed |= json_put(o, "offset", json_uint(f->offset));
  failed |= json_put(o, "number", json_view(f->number));
  failed |= json_put(o, "producer_time", json_time(f->producer_time_ns));
  failed |= json_put(o, "server_time", json_time(f->server_time_ns));
  failed |= json_put(o, "new_tracks",
                     json_boolean(f->flags & KVSP_FRAGMENT_NEW_TRACKS));
  failed |= json_put(o, "discontinuity",
                     json_boolean(f->flags & KVSP_FRAGMENT_DISCONTINUITY));
  failed |= json_put(o, "gap", json_time(f->gap_ns));
  failed |= json_put(o, "error_id", json_uint_or_null(f->error_id));
  failed |= json_put(o, "error_code", json_view(f->error_code));
  failed |= json_put(o, "tracks", json_tracks(f->tracks, f->track_count));
  failed |= json_put(o, "tags", json_tags(f->tags, f->tag_count));
  return finish_line(o, failed);
}

static const char *lacing_name(uint32_t lacing) {
  switch (lacing) {
    case KVSP_LACING_XIPH: return "xiph";
    case KVSP_LACING_FIXED: return "fixed";
    case KVSP_LACING_EBML: return "ebml";
    default: return "none";
  }
}

static int write_frame(const kvsp_frame *f) {
  json_t *o = new_line("frame");
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(f->fragment->index));
  failed |= json_put(o, "frame", json_uint(f->index));
  failed |= json_put(o, "track", json_uint(f->track->number));
  failed |= json_put(o, "pts", json_time(f->pts_ns));
  failed |= json_put(o, "producer_time", json_time(f->producer_time_ns));
  failed |= json_put(o, "duration", json_time(f->duration_ns));
  failed |= json_put(o, "key", json_boolean(f->flags & KVSP_FRAME_KEY));
  failed |=
      json_put(o, "invisible", json_boolean(f->flags & KVSP_FRAME_INVISIBLE));
  failed |= json_put(o, "discardable",
                     json_boolean(f->flags & KVSP_FRAME_DISCARDABLE));
  failed |= json_put(o, "lacing", json_string(lacing_name(f->lacing)));
  failed |= json_put(o, "offset", json_uint(f->offset));
  failed |= json_put(o, "size", json_uint(f->size));
  if (f->flags & KVSP_FRAME_ENCRYPTED)
    failed |= json_put(o, "encrypted", json_true());
  if (f->flags & KVSP_FRAME_COMPRESSED)
    failed |= json_put(o, "compressed", json_true());
  if (f->addition_count > 0)
    failed |= json_put(o, "additions", json_uint(f->addition_count));
  return finish_line(o, failed);
}

static int write_tags(const kvsp_item *item) {
  json_t *o = new_line("tags");
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(item->fragment->index));
  failed |= json_put(o, "tags", json_tags(item->tags, item->tag_count));
  return finish_line(o, failed);
}

static json_t *millis(int64_t value) {
  return value == KVSP_TIME_NONE ? json_null() : json_integer(value);
}

static int write_fragment_end(const kvsp_fragment *f) {
  json_t *o = new_line("fragment_end");
  int failed = 0;
  failed |= json_put(o, "fragment", json_uint(f->index));
  failed |= json_put(o, "number", json_view(f->number));
  failed |= json_put(o, "continuation_token", json_view(f->continuation_token));
  failed |= json_put(o, "millis_behind_now", millis(f->millis_behind_now));
  failed |= json_put(o, "frames", json_uint(f->frame_count));
  failed |= json_put(o, "bytes", json_uint(f->size));
  failed |=
      json_put(o, "complete", json_boolean(f->flags & KVSP_FRAGMENT_COMPLETE));
  failed |=
      json_put(o, "damaged", json_boolean(f->flags & KVSP_FRAGMENT_DAMAGED));
  return finish_line(o, failed);
}

static int write_gap(const kvsp_gap *gap) {
  json_t *o = new_line("gap");
  json_t *lost =
      gap->frames_lost < 0 ? json_null() : json_integer(gap->frames_lost);
  int failed = 0;
  failed |= json_put(o, "from", json_uint(gap->from));
  failed |= json_put(o, "to", json_uint(gap->to));
  failed |= json_put(o, "reason", json_string(gap->reason));
  failed |= json_put(o, "frames_lost", lost);
  return finish_line(o, failed);
}

static int write_end(const struct events *e) {
  json_t *o = new_line("end");
  int failed = 0;
  failed |= json_put(o, "bytes", json_uint(e->source.offset));
  failed |= json_put(o, "fragments", json_uint(e->fragments));
  failed |= json_put(o, "frames", json_uint(e->frames));
  failed |= json_put(o, "gaps", json_uint(e->gaps));
  return finish_line(o, failed);
}

static int on_item(void *user, const kvsp_item *item) {
  struct events *e = user;
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT:
      e->fragments++;
      return write_fragment(item->fragment);
    case KVSP_ITEM_FRAME: e->frames++; return write_frame(item->frame);
    case KVSP_ITEM_TAGS: return write_tags(item);
    case KVSP_ITEM_FRAGMENT_END: return write_fragment_end(item->fragment);
    case KVSP_ITEM_GAP:
      e->gaps++;
      faults_tell_gap(&e->faults, e->source.name, item->gap);
      return write_gap(item->gap);
    default: return 0;
  }
}

static int read_all(struct events *e) {
  int status = feed_reader(&e->source, e->reader, on_item, e);
  if (status < 0 && status != STOPPED)
    faults_tell_error(&e->faults, e->source.name, kvsp_reader_error(e->reader),
                      status);
  return status < 0 || e->source.failed || e->gaps > 0 ? EXIT_FAILED
                                                       : EXIT_WELL;
}

static int add_track(struct arguments *a, const char *text) {
  if (a->config.track_count == TRACKS_MAX)
    return complain_usage("--track: at most %d times", TRACKS_MAX);
  return option_unsigned("--track", text, 1, UINT64_MAX,
                         &a->tracks[a->config.track_count++]);
}

static int own_option(void *user, int code, const char *text) {
  struct arguments *a = user;
  if (code == 't') return add_track(a, text);
  a->config.flags |= KVSP_READ_KEY_FRAMES;
  return EXIT_WELL;
}

static int read_arguments(struct arguments *a, int argc, char **argv) {
  static const struct option options[] = {
      {"track", required_argument, NULL, 't'},
      {"key-frames", no_argument, NULL, 'k'},
      READER_OPTIONS,
      {NULL, 0, NULL, 0}};
  struct option_set own = {usage, ":n:t:kh", options, own_option, a};
  int status = stream_options_read(&a->stream, argc, argv, &own);
  a->config.struct_size = sizeof a->config;
  a->config.limits = &a->stream.limits;
  a->config.tracks = a->tracks;
  a->config.flags |= stream_options_reader_flags(&a->stream);
  return status;
}

static int run(struct events *e, const struct arguments *a) {
  int status = kvsp_reader_new(&e->reader, &a->config);
  if (status != KVSP_OK) {
    faults_tell_start(e->source.name, status);
    return EXIT_FAILED;
  }
  status = read_all(e);
  kvsp_reader_free(e->reader);
  if (write_end(e) != 0) status = EXIT_FAILED;
  return status;
}

int command_events(int argc, char **argv) {
  struct arguments a;
  struct events e;
  int status;
  memset(&a, 0, sizeof a);
  memset(&e, 0, sizeof e);
  status = read_arguments(&a, argc, argv);
  if (status != EXIT_WELL || a.stream.help) return status;
  status = source_open(&e.source, a.stream.path, a.stream.read_size);
  if (status != EXIT_WELL) return status;
  status = run(&e, &a);
  source_close(&e.source);
  return status;
}

#endif
