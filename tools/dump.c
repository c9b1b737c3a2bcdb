/*
 * dump.c - kvsparse dump: frames to images.  Chooses the pictures, gives them
 * names and counts; decoding, encoding and writing are elsewhere.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <inttypes.h>
#include <kvsparse/pictures.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "images.h"
#include "message.h"
#include "options.h"
#include "picture_name.h"
#include "signals.h"
#include "source.h"
#include "stream_options.h"
#include "timestamp.h"
#include "whole_file.h"

/* Of a picture's width and height: the library's default, and what --size
 * takes. */
#define SIZE_DEFAULT 16384
#define SIZE_LIMIT 65535

struct dump_options {
  struct stream_options stream;
  const char *output; /* folder or pattern                                 */
  struct image_settings image;
  bool format_chosen;
  bool quality_chosen;
  uint64_t every;
  int64_t interval_ns; /* 0: all                                           */
  bool key_frames;
  uint64_t track; /* 0: all                                                */
  uint64_t first_fragment, last_fragment;
  int64_t from_ns, to_ns; /* KVSP_TIME_NONE: no bound                      */
  uint64_t limit;         /* 0: none                                       */
  uint32_t threads;       /* 0: as many as the machine has                 */
  bool force;
  bool low_delay;
  bool quiet;
};

struct dump {
  const struct dump_options *options;
  struct picture_names names;
  int folder;
  struct images *images;
  kvsp_pictures *pictures;
  struct source source;
  uint64_t written;
  struct faults faults;
  uint64_t gaps;
  const char *gap_reason; /* of the first gap                             */
  uint64_t gap_offset;
  uint64_t left_out; /* pictures that no image could be made of            */
  const char *left_out_reason; /* of the first of them                    */
  char decoder_message[256];   /* of the first frame that was refused         */
  bool several_tracks; /* of video, in one fragment                        */
  bool cannot_write;   /* a picture: complained about                     */
  bool cannot_read;    /* the input: complained about                     */
};

enum {
  OPTION_FORMAT = OPTION_LONG_ONLY,
  OPTION_QUALITY,
  OPTION_EVERY,
  OPTION_INTERVAL,
  OPTION_KEY_FRAMES,
  OPTION_TRACK,
  OPTION_FRAGMENT,
  OPTION_FROM,
  OPTION_TO,
  OPTION_SIZE,
  OPTION_GRAY,
  OPTION_LIMIT,
  OPTION_THREADS,
  OPTION_FORCE,
  OPTION_LOW_DELAY,
  OPTION_MAX_WIDTH,
  OPTION_MAX_HEIGHT
};

static const char help_text[] =
    "Usage: kvsparse dump [OPTION]... FILE\n"
    "Writes the pictures of a stream into image files. FILE may be - for\n"
    "standard input, or kvs://STREAM (kvsparse-get(1)).\n"
    "\n"
    "Where to:\n"
    "  -o, --output DIR      the folder, made if missing (.)\n"
    "  -o, --output PATTERN  the last part of the path is the files' name "
    "when\n"
    "                        it has a %: %f fragment, %n frame in it, %t\n"
    "                        producer time, %k track, %i count, %% a %;\n"
    "                        default names: f%f-n%n-%t.png\n"
    "      --force           overwrite files\n"
    "As what:\n"
    "      --format FORMAT   png, jpg or ppm (by the pattern's end, or png)\n"
    "      --quality N       of jpg, 1 to 100 (90)\n"
    "      --size WxH        scale; one of them 0 keeps the aspect\n"
    "      --gray            without colours; ppm becomes pgm\n"
    "Which (all that are given must hold):\n"
    "      --every N         every Nth picture of a track\n"
    "      --interval S      one picture in S seconds\n"
    "      --key-frames      pictures of key frames\n"
    "      --track N         of that track, not of all video tracks\n"
    "      --fragment N[-M]  of those fragments, counted from 0; N- has no "
    "end\n"
    "      --from TIME       not before that producer time: Unix seconds or\n"
    "                        ISO 8601, 2017-11-28T06:55:12.513Z\n"
    "      --to TIME         not after it\n"
    "      --limit N         stop after N pictures\n"
    "How:\n"
    "      --threads N       that decode; 0 as many as the machine has (0)\n"
    "      --low-delay       write each picture as soon as its frame is there\n"
    "  -n, --read-size N     read N bytes at a time (64k)\n"
    "      --check-crc       verify CRC-32 elements; a mismatch is a gap\n"
    "      --strict          stop at the first fault instead of a gap\n"
    "  -q, --quiet           say nothing but errors\n"
    "  -h, --help            this text\n" READER_LIMITS_HELP
    "      --max-width N       of a picture, in pixels (default 16384)\n"
    "      --max-height N      of a picture, in pixels (default 16384)\n"
    "\n"
    "Exit status: 0 all well; 1 the data was damaged, or reading, decoding or\n"
    "writing failed (what could be read was written); 2 wrong usage.\n";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"quality", required_argument, NULL, OPTION_QUALITY},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"gray", no_argument, NULL, OPTION_GRAY},
    {"every", required_argument, NULL, OPTION_EVERY},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"key-frames", no_argument, NULL, OPTION_KEY_FRAMES},
    {"track", required_argument, NULL, OPTION_TRACK},
    {"fragment", required_argument, NULL, OPTION_FRAGMENT},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"low-delay", no_argument, NULL, OPTION_LOW_DELAY},
    {"quiet", no_argument, NULL, 'q'},
    {"max-width", required_argument, NULL, OPTION_MAX_WIDTH},
    {"max-height", required_argument, NULL, OPTION_MAX_HEIGHT},
    READER_OPTIONS,
    {NULL, 0, NULL, 0}};

/* Reading the options. */

/* 0 when it is none. */
static enum image_format format_by_name(const char *name) {
  if (strcmp(name, "png") == 0) return IMAGE_PNG;
  if (strcmp(name, "jpg") == 0 || strcmp(name, "jpeg") == 0) return IMAGE_JPEG;
  if (strcmp(name, "ppm") == 0 || strcmp(name, "pgm") == 0) return IMAGE_PPM;
  return (enum image_format)0;
}

static int parse_format(const char *text, struct dump_options *options) {
  options->image.format = format_by_name(text);
  options->format_chosen = true;
  if (options->image.format == 0)
    return complain_usage("--format: '%s' is not png, jpg or ppm", text);
  if (strcmp(text, "pgm") == 0) options->image.gray = true;
  return EXIT_WELL;
}

/* "3", "3-7", "3-" */
static int parse_fragment(const char *text, struct dump_options *options) {
  const char *dash = strchr(text, '-');
  char first[24];
  int status;
  snprintf(first, sizeof first, "%.*s",
           (int)(dash ? dash - text : (ptrdiff_t)strlen(text)), text);
  status = option_unsigned("--fragment", first, 0, UINT64_MAX,
                           &options->first_fragment);
  options->last_fragment = options->first_fragment;
  if (status != EXIT_WELL || !dash) return status;
  options->last_fragment = UINT64_MAX;
  if (dash[1] == '\0') return EXIT_WELL;
  return option_unsigned("--fragment", dash + 1, options->first_fragment,
                         UINT64_MAX, &options->last_fragment);
}

static int parse_uint32(const char *option, const char *text, uint32_t min,
                        uint32_t max, uint32_t *value) {
  uint64_t number = 0;
  int status = option_unsigned(option, text, min, max, &number);
  if (status == EXIT_WELL) *value = (uint32_t)number;
  return status;
}

static int parse_number(int code, struct dump_options *options) {
  switch (code) {
    case OPTION_QUALITY:
      options->quality_chosen = true;
      return parse_uint32("--quality", optarg, 1, 100, &options->image.quality);
    case OPTION_EVERY:
      return option_unsigned("--every", optarg, 1, UINT64_MAX, &options->every);
    case OPTION_INTERVAL:
      return option_seconds("--interval", optarg, 1, &options->interval_ns);
    case OPTION_TRACK:
      return option_unsigned("--track", optarg, 1, UINT64_MAX, &options->track);
    case OPTION_LIMIT:
      return option_unsigned("--limit", optarg, 1, UINT64_MAX, &options->limit);
    case OPTION_MAX_WIDTH:
      return parse_uint32("--max-width", optarg, 1, SIZE_LIMIT,
                          &options->image.max_width);
    case OPTION_MAX_HEIGHT:
      return parse_uint32("--max-height", optarg, 1, SIZE_LIMIT,
                          &options->image.max_height);
    case OPTION_THREADS:
      return parse_uint32("--threads", optarg, 0, 64, &options->threads);
    case OPTION_SIZE:
      return option_dimensions("--size", optarg, SIZE_LIMIT, 1,
                               &options->image.width, &options->image.height);
    case OPTION_FRAGMENT: return parse_fragment(optarg, options);
    case OPTION_FROM: return option_time("--from", optarg, &options->from_ns);
    default: return option_time("--to", optarg, &options->to_ns);
  }
}

static int own_option(void *user, int code, const char *text) {
  struct dump_options *options = user;
  switch (code) {
    case 'o': options->output = text; return EXIT_WELL;
    case 'q': options->quiet = true; return EXIT_WELL;
    case OPTION_FORMAT: return parse_format(text, options);
    case OPTION_GRAY: options->image.gray = true; return EXIT_WELL;
    case OPTION_KEY_FRAMES: options->key_frames = true; return EXIT_WELL;
    case OPTION_FORCE: options->force = true; return EXIT_WELL;
    case OPTION_LOW_DELAY: options->low_delay = true; return EXIT_WELL;
    default: return parse_number(code, options);
  }
}

/* What the end of a pattern names: letters and digits behind its last dot. */
static int guess_format(struct dump_options *options) {
  const char *dot = strrchr(options->output, '.');
  char name[8] = "";
  size_t length = dot ? strlen(dot + 1) : 0;
  if (options->format_chosen || length == 0) return EXIT_WELL;
  for (size_t i = 0; i < length; i++) {
    char c = dot[1 + i];
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return EXIT_WELL;
    if (i + 1 < sizeof name) name[i] = c;
  }
  options->image.format = format_by_name(name);
  if (strcmp(name, "pgm") == 0) options->image.gray = true;
  if (options->image.format != 0) return EXIT_WELL;
  return complain_usage(
      "-o: '%s': %s is not .png, .jpg or .ppm; --format says what to write",
      options->output, dot);
}

/* The encoder is asked before anything is decoded and scaled for it. */
static int make_images(struct dump *dump) {
  const struct image_settings *settings = &dump->options->image;
  dump->images = images_new(settings);
  if (!dump->images) {
    complain("out of memory");
    return EXIT_FAILED;
  }
  if (images_check_size(dump->images) == 0) return EXIT_WELL;
  return complain_usage("--size: %" PRIu32 "x%" PRIu32 ": %s", settings->width,
                        settings->height, images_reason(dump->images));
}

/* What only all options together can tell. */
static int finish_options(struct dump *dump, struct dump_options *options) {
  int status =
      picture_names_parse(&dump->names, options->output, options->limit == 1);
  if (status != EXIT_WELL) return status;
  if (dump->names.pattern) status = guess_format(options);
  if (status != EXIT_WELL) return status;
  if (options->quality_chosen && options->image.format != IMAGE_JPEG)
    return complain_usage("--quality is for --format jpg");
  if (options->image.width > options->image.max_width ||
      options->image.height > options->image.max_height)
    return complain_usage("--size: larger than --max-width and --max-height");
  if (options->to_ns != KVSP_TIME_NONE && options->from_ns > options->to_ns)
    return complain_usage("--to is before --from");
  return make_images(dump);
}

/* Pictures. */

static bool is_wanted(const struct dump_options *options,
                      const kvsp_picture *picture) {
  int64_t time = picture->producer_time_ns;
  if (picture->fragment_index < options->first_fragment) return false;
  if (picture->fragment_index > options->last_fragment) return false;
  if (options->from_ns != KVSP_TIME_NONE &&
      (time == KVSP_TIME_NONE || time < options->from_ns))
    return false;
  if (options->to_ns != KVSP_TIME_NONE &&
      (time == KVSP_TIME_NONE || time > options->to_ns))
    return false;
  return true;
}

/* The file that could not be written, and why; stops the visit. */
static int fail_at(struct dump *dump, const char *name, const char *reason) {
  const char *folder = dump->names.folder;
  const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
  char before[64] = "";
  if (dump->written > 0)
    snprintf(before, sizeof before, "; %" PRIu64 " written before it",
             dump->written);
  complain("%s%s%s: %s%s", folder, slash, name, reason, before);
  dump->cannot_write = true;
  return KVSP_PAUSED;
}

/* Whatever is odd about this picture, the next one may be fine; not so when
 * it became too large by what was asked for. */
static int leave_out(struct dump *dump, const char *name) {
  if (images_refuses_size(dump->images))
    return fail_at(dump, name, "--size makes it too large for its format");
  if (dump->left_out++ == 0)
    dump->left_out_reason = images_reason(dump->images);
  return 0;
}

static int write_picture(struct dump *dump, const kvsp_picture *picture) {
  const struct dump_options *options = dump->options;
  const char *there = "is there already (--force overwrites)";
  char name[PICTURE_NAME_SIZE];
  kvsp_view file;

  if (!picture_name(name, &dump->names, picture, dump->written,
                    images_extension(&options->image),
                    dump->several_tracks && options->track == 0))
    return fail_at(dump, "", "the pattern makes too long a name");
  if (!options->force && whole_file_exists(dump->folder, name))
    return fail_at(dump, name, there);
  if (images_encode(dump->images, picture, &file) != 0)
    return leave_out(dump, name);
  if (whole_file_write(dump->folder, name, file, options->force) != 0)
    return fail_at(dump, name, errno == EEXIST ? there : strerror(errno));
  dump->written++;
  return dump->written == options->limit ? KVSP_PAUSED : 0;
}

static int on_picture(void *user, const kvsp_picture *picture) {
  struct dump *dump = user;
  if (signals_overdue()) return KVSP_PAUSED;
  /* Fragments only rise: of a single track, nothing older can follow. */
  if (picture->fragment_index > dump->options->last_fragment &&
      !dump->several_tracks)
    return KVSP_PAUSED;
  if (!is_wanted(dump->options, picture)) return 0;
  return write_picture(dump, picture);
}

/* They are counted; limits are told, each with its option. */
static void on_gap(struct dump *dump, const kvsp_gap *gap) {
  if (gap->status == KVSP_ERR_TRUNCATED && signals_caught() != 0) return;
  if (dump->gaps++ == 0) {
    dump->gap_reason = gap->reason;
    dump->gap_offset = gap->from;
  }
  if (faults_is_limit(gap->status))
    faults_tell_gap(&dump->faults, dump->source.name, gap);
}

/* What a decoder says first is why; all after it may be because of it. */
static void keep_first_message(struct dump *dump) {
  const char *message = kvsp_pictures_message(dump->pictures);
  if (dump->decoder_message[0] != '\0') return;
  snprintf(dump->decoder_message, sizeof dump->decoder_message, "%s", message);
}

static int on_item(void *user, const kvsp_item *item) {
  struct dump *dump = user;
  size_t video = 0;
  /* Frames may go without a picture: those that nobody chose. */
  if (signals_overdue()) return KVSP_PAUSED;
  keep_first_message(dump);
  if (item->type == KVSP_ITEM_GAP) on_gap(dump, item->gap);
  if (item->type != KVSP_ITEM_FRAGMENT) return 0;
  for (size_t i = 0; i < item->fragment->track_count; i++)
    video += item->fragment->tracks[i]->type == KVSP_TRACK_VIDEO;
  if (video > 1) dump->several_tracks = true;
  return 0;
}

/* Opening, reading, closing. */

static int new_pictures(struct dump *dump) {
  const struct dump_options *options = dump->options;
  kvsp_pictures_config config;
  int rc;

  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.limits = &options->stream.limits;
  config.reader_flags = stream_options_reader_flags(&options->stream);
  if (options->key_frames) config.reader_flags |= KVSP_READ_KEY_FRAMES;
  config.max_width = options->image.max_width;
  config.max_height = options->image.max_height;
  config.format = images_input_format(&options->image);
  if (!images_scale(&options->image)) {
    config.width = options->image.width;
    config.height = options->image.height;
  }
  config.threads = options->threads;
  config.flags = options->low_delay ? KVSP_DECODE_LOW_DELAY : 0;
  config.track_number = options->track;
  config.every = options->every;
  config.interval_ns = options->interval_ns;
  config.item_callback = on_item;
  config.item_user = dump;
  rc = kvsp_pictures_new(&dump->pictures, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  faults_tell_start(dump->source.name, rc);
  return EXIT_FAILED;
}

static int open_all(struct dump *dump) {
  const struct stream_options *stream = &dump->options->stream;
  if (source_open(&dump->source, stream->path, stream->read_size) != EXIT_WELL)
    return EXIT_FAILED;
  if (new_pictures(dump) != EXIT_WELL) return EXIT_FAILED;
  dump->folder = whole_file_folder(dump->names.folder);
  if (dump->folder < 0) {
    complain("%s: %s", dump->names.folder, strerror(errno));
    return EXIT_FAILED;
  }
  return EXIT_WELL;
}

static void close_all(struct dump *dump) {
  if (dump->folder >= 0) close(dump->folder);
  kvsp_pictures_free(dump->pictures);
  images_free(dump->images);
  source_close(&dump->source);
  picture_names_free(&dump->names);
}

static void tell_progress(void *user, char *note, size_t size) {
  const struct dump *dump = user;
  snprintf(note, size, "%" PRIu64 " pictures", dump->written);
}

static int take(void *user, const void *data, size_t length, unsigned flags) {
  struct dump *dump = user;
  return kvsp_pictures_visit(dump->pictures, data, length, flags, on_picture,
                             dump);
}

static void read_all(struct dump *dump) {
  const struct feed feed = {take, tell_progress, dump};
  int rc = feed_all(&dump->source, &feed);
  if (dump->source.failed) dump->cannot_read = true;
  if (rc == KVSP_OK || rc == KVSP_END || rc == KVSP_PAUSED) return;
  faults_tell_error(&dump->faults, dump->source.name,
                    kvsp_pictures_error(dump->pictures), rc);
  dump->cannot_read = true;
}

static const char *plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

static void tell_decoders(const struct dump *dump, uint64_t errors) {
  const char *message = dump->decoder_message;
  const char *hint = "";
  /* There is no code for it. */
  if (strstr(message, "larger than max_width") || strstr(message, "too large"))
    hint = "; --max-width and --max-height raise it";
  complain("%" PRIu64 " frame%s could not be decoded%s%s%s", errors,
           plural(errors), message[0] != '\0' ? ": " : "", message, hint);
}

/* What is wrong with the data, and how much.  True: something is. */
static bool tell_damage(const struct dump *dump,
                        const kvsp_pictures_stats *stats) {
  if (dump->gaps > 0)
    complain("%" PRIu64 " gap%s in the data, the first at byte %" PRIu64 ": %s",
             dump->gaps, plural(dump->gaps), dump->gap_offset,
             dump->gap_reason);
  if (stats->errors > 0) tell_decoders(dump, stats->errors);
  if (stats->damaged > 0)
    complain("%" PRIu64 " picture%s with faults", stats->damaged,
             plural(stats->damaged));
  if (stats->undecodable > 0)
    complain("%" PRIu64 " frame%s of tracks that libavcodec has no decoder for",
             stats->undecodable, plural(stats->undecodable));
  if (dump->left_out > 0)
    complain("%" PRIu64 " picture%s left out: %s", dump->left_out,
             plural(dump->left_out), dump->left_out_reason);
  return dump->gaps > 0 || stats->errors > 0 || stats->damaged > 0 ||
         stats->undecodable > 0 || dump->left_out > 0;
}

static int tell_end(struct dump *dump) {
  kvsp_pictures_stats stats;
  bool damaged = false;

  /* It was told in one line, and that is what matters. */
  if (dump->cannot_write) return EXIT_FAILED;
  keep_first_message(dump);
  memset(&stats, 0, sizeof stats);
  if (kvsp_pictures_get_stats(dump->pictures, &stats, sizeof stats) == KVSP_OK)
    damaged = tell_damage(dump, &stats);
  if (!dump->options->quiet && stats.frames == 0)
    complain("no frames of video");
  if (!dump->options->quiet)
    complain("%" PRIu64 " picture%s in %s", dump->written,
             plural(dump->written), dump->names.folder);
  return damaged || dump->cannot_read ? EXIT_FAILED : EXIT_WELL;
}

static int run(struct dump *dump) {
  if (open_all(dump) != EXIT_WELL) return EXIT_FAILED;
  read_all(dump);
  return tell_end(dump);
}

int command_dump(int argc, char **argv) {
  struct dump_options options;
  struct dump dump;
  struct option_set own = {help_text, ":o:n:qh", long_options, own_option,
                           &options};
  int status;

  memset(&options, 0, sizeof options);
  options.output = ".";
  options.image.format = IMAGE_PNG;
  options.image.quality = 90;
  options.every = 1;
  options.last_fragment = UINT64_MAX;
  options.from_ns = KVSP_TIME_NONE;
  options.to_ns = KVSP_TIME_NONE;
  options.image.max_width = SIZE_DEFAULT;
  options.image.max_height = SIZE_DEFAULT;
  memset(&dump, 0, sizeof dump);
  dump.options = &options;
  dump.folder = -1;
  dump.source.fd = -1;

  status = stream_options_read(&options.stream, argc, argv, &own);
  if (status != EXIT_WELL || options.stream.help) return status;
  /* Faults of the data are counted and told at the end. */
  av_log_set_level(AV_LOG_QUIET);
  status = finish_options(&dump, &options);
  if (status == EXIT_WELL) status = run(&dump);
  close_all(&dump);
  return status;
}
