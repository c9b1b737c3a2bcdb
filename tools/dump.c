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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "images.h"
#include "message.h"
#include "options.h"
#include "picture_name.h"
#include "progress.h"
#include "source.h"
#include "timestamp.h"
#include "whole_file.h"

struct dump_options {
  const char *input;
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
  kvsp_limits limits;
};

struct dump {
  const struct dump_options *options;
  struct picture_names names;
  int folder;
  struct images *images;
  kvsp_pictures *pictures;
  struct source source;
  struct progress progress;
  uint64_t written;
  const char *gap_reason; /* of the first gap; NULL: none                 */
  uint64_t gap_offset;
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
  OPTION_LOW_DELAY
};

static const char help_text[] =
    "Usage: kvsparse dump [OPTION]... FILE\n"
    "Writes the pictures of a stream into image files. FILE may be - for\n"
    "standard input.\n"
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
    "  -q, --quiet           say nothing but errors\n"
    "  -h, --help            this text\n" OPTION_LIMITS_HELP
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
    {"help", no_argument, NULL, 'h'},
    OPTION_LIMITS,
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
    case OPTION_THREADS:
      return parse_uint32("--threads", optarg, 0, 64, &options->threads);
    case OPTION_SIZE:
      return option_dimensions("--size", optarg, 1, &options->image.width,
                               &options->image.height);
    case OPTION_FRAGMENT: return parse_fragment(optarg, options);
    case OPTION_FROM: return option_time("--from", optarg, &options->from_ns);
    case OPTION_TO: return option_time("--to", optarg, &options->to_ns);
    default: return EXIT_USAGE; /* getopt complained */
  }
}

static int parse_option(int code, struct dump_options *options) {
  if (code >= OPTION_LIMIT_FIRST && code <= OPTION_LIMIT_LAST)
    return option_limit(code, optarg, &options->limits);
  switch (code) {
    case 'o': options->output = optarg; return EXIT_WELL;
    case 'q': options->quiet = true; return EXIT_WELL;
    case OPTION_FORMAT: return parse_format(optarg, options);
    case OPTION_GRAY: options->image.gray = true; return EXIT_WELL;
    case OPTION_KEY_FRAMES: options->key_frames = true; return EXIT_WELL;
    case OPTION_FORCE: options->force = true; return EXIT_WELL;
    case OPTION_LOW_DELAY: options->low_delay = true; return EXIT_WELL;
    default: return parse_number(code, options);
  }
}

/* The format that the end of a pattern names. */
static void guess_format(struct dump_options *options) {
  const char *dot = strrchr(options->output, '.');
  enum image_format format;
  if (!dot || options->format_chosen) return;
  format = format_by_name(dot + 1);
  if (format == 0) return;
  options->image.format = format;
  if (strcmp(dot, ".pgm") == 0) options->image.gray = true;
}

static int parse_options(int argc, char **argv, struct dump_options *options,
                         bool *help) {
  for (;;) {
    int code = getopt_long(argc, argv, "o:qh", long_options, NULL);
    int status;
    if (code == -1) break;
    if (code == 'h') {
      *help = true;
      return option_help(help_text);
    }
    status = parse_option(code, options);
    if (status != EXIT_WELL) return status;
  }
  return option_input(argc, argv, &options->input);
}

/* What only all options together can tell. */
static int finish_options(struct dump *dump, struct dump_options *options) {
  int status =
      picture_names_parse(&dump->names, options->output, options->limit == 1);
  if (status != EXIT_WELL) return status;
  if (dump->names.pattern) guess_format(options);
  if (options->quality_chosen && options->image.format != IMAGE_JPEG)
    return complain_usage("--quality is for --format jpg");
  if (options->to_ns != KVSP_TIME_NONE && options->from_ns > options->to_ns)
    return complain_usage("--to is before --from");
  return EXIT_WELL;
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
    return fail_at(dump, name, images_reason(dump->images));
  if (whole_file_write(dump->folder, name, file, options->force) != 0)
    return fail_at(dump, name, errno == EEXIST ? there : strerror(errno));
  dump->written++;
  return dump->written == options->limit ? KVSP_PAUSED : 0;
}

static int on_picture(void *user, const kvsp_picture *picture) {
  struct dump *dump = user;
  /* Fragments only rise: of a single track, nothing older can follow. */
  if (picture->fragment_index > dump->options->last_fragment &&
      !dump->several_tracks)
    return KVSP_PAUSED;
  if (!is_wanted(dump->options, picture)) return 0;
  return write_picture(dump, picture);
}

static int on_item(void *user, const kvsp_item *item) {
  struct dump *dump = user;
  size_t video = 0;
  if (item->type == KVSP_ITEM_GAP && !dump->gap_reason) {
    dump->gap_reason = item->gap->reason;
    dump->gap_offset = item->gap->from;
  }
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
  config.limits = &options->limits;
  config.reader_flags = options->key_frames ? KVSP_READ_KEY_FRAMES : 0;
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
  complain("%s", kvsp_status_text(rc));
  return EXIT_FAILED;
}

static int open_all(struct dump *dump) {
  if (source_open(&dump->source, dump->options->input, 0) != EXIT_WELL)
    return EXIT_FAILED;
  dump->images = images_new(&dump->options->image);
  if (!dump->images) {
    complain("out of memory");
    return EXIT_FAILED;
  }
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

static void show_progress(struct dump *dump) {
  char note[64];
  if (!dump->progress.enabled) return;
  snprintf(note, sizeof note, "%" PRIu64 " pictures", dump->written);
  progress_update(&dump->progress, dump->source.offset, note);
}

/* One piece of input, or the end of it.  False: stop. */
static bool visit(struct dump *dump, const void *data, size_t length,
                  unsigned flags) {
  int rc = kvsp_pictures_visit(dump->pictures, data, length, flags, on_picture,
                               dump);
  show_progress(dump);
  if (rc == KVSP_OK) return true;
  if (rc == KVSP_END || rc == KVSP_PAUSED) return false;
  complain("%s: at byte %" PRIu64 ": %s", dump->source.name,
           kvsp_pictures_error(dump->pictures)->offset, kvsp_status_text(rc));
  dump->cannot_read = true;
  return false;
}

static void read_all(struct dump *dump) {
  const void *data = NULL;
  size_t length = 0;
  int rc = 0;

  /* The first Ctrl-C ends the input, so that what is in the decoders still
   * comes out; these end the program at once. */
  source_end_at_interrupt();
  whole_file_clean_up_at(SIGTERM);
  whole_file_clean_up_at(SIGHUP);
  progress_start(&dump->progress, dump->source.size);
  for (;;) {
    rc = source_read(&dump->source, &data, &length);
    if (rc <= 0) break;
    if (!visit(dump, data, length, 0)) goto done;
  }
  if (rc < 0) dump->cannot_read = true;
  whole_file_clean_up_at(SIGINT);
  visit(dump, NULL, 0, KVSP_FINAL);
done:
  progress_end(&dump->progress);
}

static const char *plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

/* What is wrong with the data, and how much.  True: something is. */
static bool tell_damage(const struct dump *dump,
                        const kvsp_pictures_stats *stats) {
  if (stats->gaps > 0)
    complain("%" PRIu64 " gap%s in the data, the first at byte %" PRIu64 ": %s",
             stats->gaps, plural(stats->gaps), dump->gap_offset,
             dump->gap_reason ? dump->gap_reason : "unknown");
  if (stats->errors > 0)
    complain("%" PRIu64 " frame%s could not be decoded", stats->errors,
             plural(stats->errors));
  if (stats->damaged > 0)
    complain("%" PRIu64 " picture%s with faults", stats->damaged,
             plural(stats->damaged));
  if (stats->undecodable > 0)
    complain("%" PRIu64 " frame%s of tracks that libavcodec has no decoder for",
             stats->undecodable, plural(stats->undecodable));
  return stats->gaps > 0 || stats->errors > 0 || stats->damaged > 0 ||
         stats->undecodable > 0;
}

static int tell_end(struct dump *dump) {
  kvsp_pictures_stats stats;
  bool damaged = false;

  /* It was told in one line, and that is what matters. */
  if (dump->cannot_write) return EXIT_FAILED;
  memset(&stats, 0, sizeof stats);
  if (kvsp_pictures_get_stats(dump->pictures, &stats, sizeof stats) == KVSP_OK)
    damaged = tell_damage(dump, &stats);
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
  bool help = false;
  int status;

  memset(&options, 0, sizeof options);
  options.output = ".";
  options.image.format = IMAGE_PNG;
  options.image.quality = 90;
  options.every = 1;
  options.last_fragment = UINT64_MAX;
  options.from_ns = KVSP_TIME_NONE;
  options.to_ns = KVSP_TIME_NONE;
  options.limits.struct_size = sizeof options.limits;
  memset(&dump, 0, sizeof dump);
  dump.options = &options;
  dump.folder = -1;
  dump.source.fd = -1;

  status = parse_options(argc, argv, &options, &help);
  if (status != EXIT_WELL || help) return status;
  status = finish_options(&dump, &options);
  if (status == EXIT_WELL) {
    /* Faults of the data are counted and told at the end. */
    av_log_set_level(AV_LOG_QUIET);
    status = run(&dump);
  }
  close_all(&dump);
  return status;
}
