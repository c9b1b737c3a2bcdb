/*
 * extract.c - kvsparse extract: the media of a track, out of Matroska.  Finds
 * the track, tells calls of Amazon Connect apart and counts; what becomes of a
 * frame's bytes, where sound belongs in time and where it all goes are modules
 * of their own.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <kvsparse/decoder.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_FFMPEG
#include <libavutil/log.h>
#endif

#include "command.h"
#include "extract_file.h"
#include "extract_options.h"
#include "extract_track.h"
#include "faults.h"
#include "feed.h"
#include "held_frames.h"
#include "message.h"
#include "picture_name.h"
#include "signals.h"
#include "sound_writer.h"
#include "source.h"
#include "stream_options.h"
#include "whole_file.h"

#define TOLERANCE_NS INT64_C(20000000)
/* Frames of one fragment that wait for its end; a fragment of KVS has at most
 * 50 MB. */
#define HELD_MAX ((size_t)64 << 20)

struct extract {
  struct extract_options options;
  struct source source;
  kvsp_reader *reader;
  struct faults faults;
  struct extract_track tracks[2];
  bool found[2];
  struct held_frames held;
  struct sound_writer sound;
  struct extract_file file;
  struct picture_names names; /* for frames in files of their own          */
  int folder;
  uint64_t images; /* such files                                */
  char contact[EXTRACT_CONTACT_SIZE]; /* of the fragment at hand; "": none  */
  bool restart;            /* the times of this fragment began anew         */
  bool has_whole_fragment; /* one with frames has ended                     */
  unsigned restarted;      /* bits of the channels that know                */
  uint64_t gaps;
  char seen[256]; /* the tracks of the stream, for messages                */
  /* Of the frame at hand: */
  unsigned channel;
  const kvsp_frame *frame;
  bool frame_restarts;
  int64_t origin_ns;
  int status; /* EXIT_WELL until there was a complaint that ends it all     */
};

static int stop(struct extract *x, int status) {
  if (x->status == EXIT_WELL) x->status = status;
  return KVSP_PAUSED;
}

/* Which track. */

static void list_tracks(struct extract *x, const kvsp_fragment *fragment) {
  size_t used = 0;
  x->seen[0] = '\0';
  for (size_t i = 0; i < fragment->track_count; i++) {
    const kvsp_track *track = fragment->tracks[i];
    size_t left = sizeof x->seen - used;
    int n = snprintf(x->seen + used, left, "%s%" PRIu64 " %.*s %.*s",
                     i > 0 ? ", " : "", track->number,
                     (int)(track->codec_id.len < 32 ? track->codec_id.len : 32),
                     (const char *)track->codec_id.data,
                     (int)(track->name.len < 32 ? track->name.len : 32),
                     track->name.len ? (const char *)track->name.data : "");
    if (n < 0 || (size_t)n >= left) return;
    used += (size_t)n;
  }
}

/* Without --track there must be no doubt. */
static int choose_track(struct extract *x, const kvsp_fragment *fragment) {
  struct extract_selector *selector = &x->options.tracks[0];
  if (fragment->track_count == 0) return 0;
  list_tracks(x, fragment);
  if (selector->given) return 0;
  if (fragment->track_count > 1) {
    complain("which of the tracks? --track takes one of: %s", x->seen);
    return stop(x, EXIT_USAGE);
  }
  selector->given = true;
  selector->number = fragment->tracks[0]->number;
  return 0;
}

/* 2: none of ours. */
static unsigned channel_of(const struct extract *x, const kvsp_track *track) {
  const struct extract_options *options = &x->options;
  for (unsigned i = 0; i < (options->stereo ? 2u : 1u); i++)
    if (options->tracks[i].given && extract_selects(&options->tracks[i], track))
      return i;
  return 2;
}

static const kvsp_track *track_of(const struct extract *x,
                                  const kvsp_fragment *fragment,
                                  unsigned channel) {
  for (size_t i = 0; i < fragment->track_count; i++)
    if (channel_of(x, fragment->tracks[i]) == channel)
      return fragment->tracks[i];
  return NULL;
}

/* Where the bytes go. */

static int write_image(struct extract *x, kvsp_view data) {
  kvsp_picture picture;
  char name[PICTURE_NAME_SIZE];
  /* A FOURCC of JPEG is no promise: cameras send counters under it, too. */
  bool jpeg = data.len > 1 && data.data[0] == 0xff && data.data[1] == 0xd8;
  const char *extension = jpeg ? "jpg" : "bin";
  memset(&picture, 0, sizeof picture);
  picture.producer_time_ns = x->frame->producer_time_ns;
  picture.track_number = x->frame->track->number;
  picture.fragment_index = x->frame->fragment->index;
  picture.frame_index = x->frame->index;
  if (!picture_name(name, &x->names, &picture, x->images, extension, false)) {
    complain("-o: '%s': the pattern makes too long a name", x->file.target);
    return stop(x, EXIT_FAILED);
  }
  if (whole_file_write(x->folder, name, data, x->options.force) == 0) {
    x->images++;
    return 0;
  }
  if (errno == EEXIST)
    complain("%s/%s is there already (--force overwrites)", x->names.folder,
             name);
  else
    complain("%s/%s: %s", x->names.folder, name, strerror(errno));
  return stop(x, EXIT_FAILED);
}

static int open_images(struct extract *x) {
  int status = picture_names_parse(&x->names, x->file.target, false);
  if (status != EXIT_WELL) return stop(x, status);
  x->folder = whole_file_folder(x->names.folder);
  if (x->folder >= 0) return 0;
  complain("%s: %s", x->names.folder, strerror(errno));
  return stop(x, EXIT_FAILED);
}

static int take_image(struct extract *x, kvsp_view data) {
  int rc = x->folder < 0 ? open_images(x) : 0;
  return rc == 0 ? write_image(x, data) : rc;
}

static int take_stream(struct extract *x, kvsp_view data) {
  enum extract_format format = x->tracks[0].format;
  int status = EXIT_WELL;
  if ((format == EXTRACT_JPEG || format == EXTRACT_RAW) &&
      extract_file_is_many(x->file.target))
    return take_image(x, data);
  if (!x->file.open)
    status = extract_file_open(
        &x->file, extract_track_extension(x->frame->track, format), NULL);
  if (status == EXIT_WELL)
    status = extract_file_write(&x->file, data.data, data.len);
  return status == EXIT_WELL ? 0 : stop(x, status);
}

static int take_sound(struct extract *x, kvsp_view data, int64_t pts_ns) {
  const kvsp_frame *frame = x->frame;
  struct sound_time time = {pts_ns, KVSP_TIME_NONE, x->frame_restarts};
  int status;
  /* What was decoded may be of a frame before this one. */
  if (frame && pts_ns == frame->pts_ns)
    time.producer_ns = frame->producer_time_ns;
  status = sound_writer_put(&x->sound, x->channel, &x->tracks[x->channel].wav,
                            data, &time, x->origin_ns);
  return status == EXIT_WELL ? 0 : stop(x, status);
}

static int on_bytes(void *user, kvsp_view data, int64_t pts_ns) {
  struct extract *x = user;
  enum extract_format format = x->tracks[x->channel].format;
  if (format == EXTRACT_WAV || format == EXTRACT_PCM)
    return take_sound(x, data, pts_ns);
  return take_stream(x, data);
}

/* Frames. */

/* What comes next belongs into another file. */
static int end_file(struct extract *x, const char *why) {
  int status;
  if (!x->file.open) return 0;
  status = extract_file_close(&x->file, EXIT_WELL);
  if (status != EXIT_WELL) return stop(x, status);
  if (extract_file_takes_more(&x->file)) return 0;
  complain(
      "%s, and the output takes one stream only: -o FILE gives each a file of "
      "its own",
      why);
  return stop(x, EXIT_FAILED);
}

/* Another codec: another stream, in a file of its own. */
static int end_stream(struct extract *x) {
  struct extract_track *t = &x->tracks[x->channel];
  if (!t->open) return 0;
  if (extract_track_close(t) != 0) return KVSP_PAUSED;
  if (x->sound.open) return 0; /* the writer sees for itself */
  return end_file(x, "the track's codec changes");
}

/* What is still inside of decoders comes out. */
static int close_tracks(struct extract *x) {
  for (unsigned i = 0; i < 2; i++) {
    x->channel = i;
    x->frame = NULL;
    x->frame_restarts = false;
    if (x->tracks[i].open && extract_track_close(&x->tracks[i]) != 0)
      return KVSP_PAUSED;
  }
  return 0;
}

static int put_frame(struct extract *x, unsigned channel,
                     const kvsp_frame *frame) {
  struct extract_track *t = &x->tracks[channel];
  x->channel = channel;
  x->frame = frame;
  if (frame->track->type == 0 && x->options.format != EXTRACT_RAW) {
    extract_track_refuse(t, "no Tracks say what is in it (--format raw)");
    return 0;
  }
  if (!extract_track_fits(t, frame->track, x->options.format)) {
    if (end_stream(x) != 0) return KVSP_PAUSED;
    if (extract_track_open(t, frame->track, x->options.format) != 0) {
      complain("track %" PRIu64 ": %s", frame->track->number, t->reason);
      return stop(x, EXIT_FAILED);
    }
  }
  t->take = on_bytes;
  t->user = x;
  return extract_track_send(t, frame) == 0 ? 0 : KVSP_PAUSED;
}

/* The earliest of the frames that wait: with two tracks, where both begin. */
static int64_t earliest(const struct held_frames *held) {
  int64_t time = KVSP_TIME_NONE;
  for (size_t i = 0; i < held->count; i++) {
    int64_t pts = held->frames[i].pts_ns;
    if (pts == KVSP_TIME_NONE) continue;
    if (time == KVSP_TIME_NONE || pts < time) time = pts;
  }
  return time;
}

static int put_held(struct extract *x, const kvsp_fragment *fragment,
                    size_t index) {
  const struct held_frame *h = &x->held.frames[index];
  kvsp_frame frame;
  memset(&frame, 0, sizeof frame);
  frame.data = held_frames_data(&x->held, index);
  frame.codec_state = held_frames_state(&x->held, index);
  frame.track = track_of(x, fragment, h->channel);
  frame.fragment = fragment;
  frame.flags = h->flags;
  frame.pts_ns = h->pts_ns;
  frame.producer_time_ns = h->producer_time_ns;
  if (!frame.track) return 0;
  x->frame_restarts = h->restart;
  return put_frame(x, h->channel, &frame);
}

/* Another ContactId is another call, and never in the same file. */
static int follow_contact(struct extract *x) {
  int status = EXIT_WELL;
  if (x->contact[0] == '\0' || strcmp(x->contact, x->file.contact) == 0)
    return 0;
  if (x->file.contact[0] != '\0') {
    if (close_tracks(x) != 0) return KVSP_PAUSED;
    status = sound_writer_end(&x->sound, EXIT_WELL);
    if (status == EXIT_WELL && end_file(x, "another call begins") != 0)
      return KVSP_PAUSED;
  }
  memcpy(x->file.contact, x->contact, sizeof x->contact);
  return status == EXIT_WELL ? 0 : stop(x, status);
}

static int let_go(struct extract *x, const kvsp_fragment *fragment) {
  bool restart = x->held.count > 0 && x->held.frames[0].restart;
  int rc = 0;
  if (x->held.count > 0) rc = follow_contact(x);
  if (rc == 0 && sound_writer_align(&x->sound, restart) != EXIT_WELL)
    rc = stop(x, EXIT_FAILED);
  x->origin_ns = earliest(&x->held);
  for (size_t i = 0; i < x->held.count && rc == 0; i++)
    rc = put_held(x, fragment, i);
  held_frames_clear(&x->held);
  if (rc == 0 && extract_file_flush(&x->file) != EXIT_WELL)
    rc = stop(x, EXIT_FAILED);
  return rc;
}

/* Two tracks begin together; and what sound is and whose may stand behind it.
 * Where a whole fragment had nothing of that kind, the next ones have not,
 * either. */
static bool may_wait(const struct extract *x) {
  return x->options.stereo || x->contact[0] != '\0' || !x->has_whole_fragment;
}

static int hold(struct extract *x, unsigned channel, const kvsp_frame *frame) {
  bool restart = x->restart && !(x->restarted & (1u << channel));
  x->restarted |= 1u << channel;
  if (held_frames_add(&x->held, frame, channel, restart) != 0) {
    complain("out of memory");
    return stop(x, EXIT_FAILED);
  }
  if (may_wait(x) && x->held.size < HELD_MAX) return 0;
  return let_go(x, frame->fragment);
}

static int on_frame(struct extract *x, const kvsp_frame *frame) {
  unsigned channel = channel_of(x, frame->track);
  int rc;
  if (channel == 2) return 0;
  x->found[channel] = true;
  if (x->file.track == 0) x->file.track = frame->track->number;
  if (frame->track->type == KVSP_TRACK_AUDIO) return hold(x, channel, frame);
  rc = put_frame(x, channel, frame);
  if (rc == 0 && extract_file_flush(&x->file) != EXIT_WELL)
    rc = stop(x, EXIT_FAILED);
  return rc;
}

/* Items. */

static void find_contact(struct extract *x, const kvsp_item *item) {
  static const char name[] = "ContactId";
  for (size_t i = 0; i < item->tag_count; i++) {
    const kvsp_tag *tag = item->tags[i];
    size_t length = tag->value.len;
    if (tag->name.len != sizeof name - 1 || !(tag->flags & KVSP_TAG_STRING) ||
        memcmp(tag->name.data, name, sizeof name - 1) != 0)
      continue;
    if (length > EXTRACT_CONTACT_SIZE - 1) length = EXTRACT_CONTACT_SIZE - 1;
    memset(x->contact, 0, sizeof x->contact);
    if (length > 0) memcpy(x->contact, tag->value.data, length);
  }
}

static int on_fragment(struct extract *x, const kvsp_item *item) {
  const kvsp_fragment *fragment = item->fragment;
  int64_t tick_ns = fragment->timestamp_scale < INT64_MAX
                        ? (int64_t)fragment->timestamp_scale
                        : INT64_MAX;
  x->restart = (fragment->flags & KVSP_FRAGMENT_DISCONTINUITY) != 0;
  x->restarted = 0;
  find_contact(x, item);
  x->sound.tolerance_ns = x->options.tolerance_ns;
  if (x->options.tolerance_ns == KVSP_TIME_NONE)
    x->sound.tolerance_ns = tick_ns > TOLERANCE_NS ? tick_ns : TOLERANCE_NS;
  return choose_track(x, fragment);
}

static void on_gap(struct extract *x, const kvsp_gap *gap) {
  if (gap->status == KVSP_ERR_TRUNCATED && signals_caught() != 0) return;
  x->gaps++;
  faults_tell_gap(&x->faults, x->source.name, gap);
}

static int on_item(void *user, const kvsp_item *item) {
  struct extract *x = user;
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT: return on_fragment(x, item);
    case KVSP_ITEM_FRAME: return on_frame(x, item->frame);
    case KVSP_ITEM_TAGS: find_contact(x, item); return 0;
    case KVSP_ITEM_FRAGMENT_END:
      x->has_whole_fragment |= item->fragment->frame_count > 0;
      return let_go(x, item->fragment);
    case KVSP_ITEM_GAP: on_gap(x, item->gap); return 0;
    default: return 0;
  }
}

/* Opening, reading, closing. */

static int new_reader(struct extract *x) {
  kvsp_reader_config config;
  int rc;
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.limits = &x->options.stream.limits;
  config.flags =
      stream_options_reader_flags(&x->options.stream) | KVSP_READ_DECOMPRESS;
  rc = kvsp_reader_new(&x->reader, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  faults_tell_start(x->source.name, rc);
  return EXIT_FAILED;
}

static int open_all(struct extract *x) {
  const struct stream_options *stream = &x->options.stream;
  x->file.target = x->options.output;
  x->file.force = x->options.force;
  x->sound.file = &x->file;
  x->sound.channel_count = x->options.stereo ? 2 : 1;
  x->sound.max_silence_ns = x->options.max_silence_ns;
  if (source_open(&x->source, stream->path, stream->read_size) != EXIT_WELL)
    return EXIT_FAILED;
  return new_reader(x);
}

static void tell_progress(void *user, char *note, size_t size) {
  const struct extract *x = user;
  snprintf(note, size, "%" PRIu64 " frames",
           x->tracks[0].frames + x->tracks[1].frames);
}

static int take(void *user, const void *data, size_t length, unsigned flags) {
  struct extract *x = user;
  return kvsp_reader_visit(x->reader, data, length, flags, on_item, x);
}

static void read_all(struct extract *x) {
  const struct feed feed = {take, tell_progress, x};
  int rc = feed_all(&x->source, &feed);
  if (x->source.failed) x->gaps++;
  if (rc == KVSP_OK || rc == KVSP_END || rc == KVSP_PAUSED) return;
  faults_tell_error(&x->faults, x->source.name, kvsp_reader_error(x->reader),
                    rc);
  x->gaps++;
}

/* What is still inside of decoders, and the files. */
static int finish(struct extract *x) {
  int status;
  if (x->status == EXIT_WELL) (void)close_tracks(x);
  status = sound_writer_end(&x->sound, x->status);
  return extract_file_close(&x->file, status);
}

static const char *plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

/* True: there is something wrong. */
static bool tell_track(const struct extract *x, unsigned i) {
  const struct extract_selector *selector = &x->options.tracks[i];
  const struct extract_track *t = &x->tracks[i];
  if (t->refused > 0)
    complain("%" PRIu64 " frame%s could not be extracted: %s", t->refused,
             plural(t->refused), t->reason);
  if (x->found[i]) return t->refused > 0;
  if (!selector->given || x->seen[0] == '\0')
    complain("%s: no tracks, no frames", x->source.name);
  else if (selector->number != 0)
    complain("no frame of a track %" PRIu64 "; the tracks are: %s",
             selector->number, x->seen);
  else
    complain("no frame of a track named %.*s; the tracks are: %s",
             (int)selector->name_length, selector->name, x->seen);
  return true;
}

static bool tell_sound(const struct extract *x) {
  if (x->sound.too_long > 0)
    complain("%" PRIu64
             " pause%s too long to be filled with silence "
             "(--max-silence)",
             x->sound.too_long, plural(x->sound.too_long));
  if (x->sound.cut > 0)
    complain("%" PRIu64 " frame%s ended inside a sample, which was left out",
             x->sound.cut, plural(x->sound.cut));
  return x->sound.cut > 0;
}

static int tell_end(const struct extract *x) {
  uint64_t frames = x->tracks[0].frames + x->tracks[1].frames;
  bool bad = tell_sound(x);
  for (unsigned i = 0; i < x->sound.channel_count; i++)
    if (tell_track(x, i)) bad = true;
  if (!x->options.quiet && frames > 0)
    complain("%" PRIu64 " frame%s in %" PRIu64 " file%s", frames,
             plural(frames), x->file.count + x->images,
             plural(x->file.count + x->images));
  return bad || x->gaps > 0 ? EXIT_FAILED : EXIT_WELL;
}

static void close_all(struct extract *x) {
  if (x->folder >= 0) close(x->folder);
  for (unsigned i = 0; i < 2; i++) extract_track_free(&x->tracks[i]);
  kvsp_reader_free(x->reader);
  sound_writer_free(&x->sound);
  held_frames_free(&x->held);
  picture_names_free(&x->names);
  source_close(&x->source);
}

static int run(struct extract *x) {
  int status = open_all(x);
  if (status != EXIT_WELL) return status;
  read_all(x);
  status = finish(x);
  return status == EXIT_WELL ? tell_end(x) : status;
}

int command_extract(int argc, char **argv) {
  struct extract x;
  int status;
  memset(&x, 0, sizeof x);
  x.folder = -1;
  x.source.fd = -1;
  status = extract_options_parse(argc, argv, &x.options);
  if (status != EXIT_WELL || x.options.stream.help) return status;
#ifdef HAVE_FFMPEG
  /* Faults of the data are counted and told at the end. */
  av_log_set_level(AV_LOG_QUIET);
#endif
  status = run(&x);
  close_all(&x);
  return status;
}
