#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "generate_options.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "message.h"
#include "options.h"
#include "test_picture.h"
#include "timestamp.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define SIZE_MAX_PIXELS 8192 /* width and height */
/* 2026-01-01T00:00:00Z: a fixed start, so that the bytes are always the
 * same. */
#define DEFAULT_START_NS (INT64_C(1767225600) * NS_PER_SECOND)

enum {
  OPTION_SECONDS = OPTION_LONG_ONLY,
  OPTION_SIZE,
  OPTION_RATE,
  OPTION_FRAGMENT,
  OPTION_CODEC,
  OPTION_AUDIO,
  OPTION_TAG,
  OPTION_START,
  OPTION_BFRAMES,
  OPTION_NO_TAIL,
  OPTION_LIVE,
  OPTION_FORCE
};

static const char help_text[] =
    "Usage: kvsparse generate [OPTION]... [-o FILE]\n"
    "Writes a stream as GetMedia sends it: a moving test picture with a frame\n"
    "counter, several fragments, the service's and a producer's tags. The\n"
    "same options give the same bytes.\n"
    "\n"
    "  -o, --output FILE     where to; - is standard output, the default,\n"
    "                        which is refused on a terminal\n"
    "      --seconds S       how long (10)\n"
    "      --size WxH        in pixels, even numbers (640x360)\n"
    "      --rate FPS        frames a second: 30, 29.97, 30000/1001 (30)\n"
    "      --fragment S      seconds of a fragment, at most 30 (2)\n"
    "      --codec NAME      h264, hevc or mjpeg (h264, or mjpeg where\n"
    "                        libavcodec has no encoder for it)\n"
    "      --bframes N       B-frames between others, 0 to 16 (0)\n"
    "      --audio[=NAME]    with a tone: aac, pcm or alaw (aac)\n"
    "      --tag NAME=VALUE  a producer's tag in each fragment, instead of\n"
    "                        SOURCE=kvsparse; may be repeated\n"
    "      --start TIME      producer time of the first frame, Unix seconds\n"
    "                        or ISO 8601 (2026-01-01T00:00:00Z; with --live\n"
    "                        now)\n"
    "      --no-tail         no tags at the end of fragments, as from\n"
    "                        GetMediaForFragmentList\n"
    "      --force           overwrite FILE\n"
    "      --live            as fast as a camera would\n"
    "  -q, --quiet           say nothing but errors\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit status: 0 all well; 1 encoding or writing failed; 2 wrong usage.\n";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"fragment", required_argument, NULL, OPTION_FRAGMENT},
    {"codec", required_argument, NULL, OPTION_CODEC},
    {"bframes", required_argument, NULL, OPTION_BFRAMES},
    {"audio", optional_argument, NULL, OPTION_AUDIO},
    {"tag", required_argument, NULL, OPTION_TAG},
    {"start", required_argument, NULL, OPTION_START},
    {"no-tail", no_argument, NULL, OPTION_NO_TAIL},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"live", no_argument, NULL, OPTION_LIVE},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static const char short_options[] = ":o:qh";

static int parse_size(const char *text, struct video_settings *video) {
  int status = option_dimensions("--size", text, SIZE_MAX_PIXELS, 0,
                                 &video->width, &video->height);
  if (status != EXIT_WELL) return status;
  if (video->width % 2 != 0 || video->height % 2 != 0)
    return complain_usage("--size: '%s': both must be even", text);
  if (video->width < TEST_PICTURE_MIN_WIDTH ||
      video->height < TEST_PICTURE_MIN_HEIGHT)
    return complain_usage("--size: '%s' is not from %dx%d to %dx%d", text,
                          TEST_PICTURE_MIN_WIDTH, TEST_PICTURE_MIN_HEIGHT,
                          SIZE_MAX_PIXELS, SIZE_MAX_PIXELS);
  return EXIT_WELL;
}

/* The rates of television, which people round. */
static bool parse_television_rate(const char *text,
                                  struct video_settings *video) {
  static const struct {
    const char *text;
    uint32_t num;
  } rates[] = {{"23.98", 24000},
               {"23.976", 24000},
               {"29.97", 30000},
               {"59.94", 60000},
               {"119.88", 120000}};
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    if (strcmp(text, rates[i].text) != 0) continue;
    video->rate_num = rates[i].num;
    video->rate_den = 1001;
    return true;
  }
  return false;
}

/* At most six digits; returns what follows them, NULL without a digit. */
static const char *take_number(const char *text, uint32_t *value) {
  int digits = 0;
  *value = 0;
  for (; digits < 6 && text[digits] >= '0' && text[digits] <= '9'; digits++)
    *value = *value * 10 + (uint32_t)(text[digits] - '0');
  return digits > 0 ? text + digits : NULL;
}

/* The decimals behind the point, at most three of them. */
static const char *take_decimals(const char *text,
                                 struct video_settings *video) {
  for (; *text >= '0' && *text <= '9' && video->rate_den < 1000; text++) {
    video->rate_num = video->rate_num * 10 + (uint32_t)(*text - '0');
    video->rate_den *= 10;
  }
  return text;
}

/* "30000/1001", "12.5", "30": false when it is none of them. */
static bool take_rate(const char *text, struct video_settings *video) {
  const char *p = take_number(text, &video->rate_num);
  video->rate_den = 1;
  if (p && *p == '/')
    p = take_number(p + 1, &video->rate_den);
  else if (p && *p == '.')
    p = take_decimals(p + 1, video);
  return p && *p == '\0';
}

static int parse_rate(const char *text, struct video_settings *video) {
  uint64_t num;
  uint64_t den;
  if (!parse_television_rate(text, video) && !take_rate(text, video))
    return complain_usage("--rate: '%s' is not a rate like 30 or 30000/1001",
                          text);
  num = video->rate_num;
  den = video->rate_den;
  if (num == 0 || den == 0 || num * 10 < den || num > den * 240)
    return complain_usage("--rate: '%s' is not from 0.1 to 240", text);
  return EXIT_WELL;
}

static int parse_codec(const char *text, struct generate_options *options) {
  options->codec_chosen = true;
  if (strcmp(text, "h264") == 0)
    options->video.codec = VIDEO_H264;
  else if (strcmp(text, "hevc") == 0)
    options->video.codec = VIDEO_HEVC;
  else if (strcmp(text, "mjpeg") == 0)
    options->video.codec = VIDEO_MJPEG;
  else
    return complain_usage("--codec: '%s' is not h264, hevc or mjpeg", text);
  return EXIT_WELL;
}

/* AUDIO_NONE when it is none of them. */
static enum audio_codec audio_by_name(const char *name) {
  if (strcmp(name, "aac") == 0) return AUDIO_AAC;
  if (strcmp(name, "pcm") == 0) return AUDIO_PCM;
  if (strcmp(name, "alaw") == 0) return AUDIO_ALAW;
  return AUDIO_NONE;
}

/* getopt takes the name of "--audio=NAME" only: "--audio NAME" is as clear,
 * since this command has no other arguments. */
static int parse_audio(int argc, char **argv, const char *text,
                       struct generate_options *options) {
  if (!text && optind < argc && audio_by_name(argv[optind]) != AUDIO_NONE)
    text = argv[optind++];
  options->audio = audio_by_name(text ? text : "aac");
  if (options->audio == AUDIO_NONE)
    return complain_usage("--audio: '%s' is not aac, pcm or alaw", text);
  return EXIT_WELL;
}

/* The lengths are the service's limits. */
static int parse_tag(char *text, struct generate_options *options) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return complain_usage("--tag: '%s' is not NAME=VALUE", text);
  if (equals - text > 128 || strlen(equals + 1) > 256)
    return complain_usage("--tag: a name has at most 128 bytes, a value 256");
  if (options->tag_count == GENERATE_MAX_TAGS)
    return complain_usage("--tag: at most %d of them", GENERATE_MAX_TAGS);
  *equals = '\0';
  options->tags[options->tag_count].name = text;
  options->tags[options->tag_count].value = equals + 1;
  options->tag_count++;
  return EXIT_WELL;
}

static int parse_start(const char *text, struct generate_options *options) {
  int status = option_time("--start", text, &options->start_ns);
  if (status != EXIT_WELL) return status;
  if (options->start_ns < 0)
    return complain_usage("--start: '%s' is before 1970", text);
  return EXIT_WELL;
}

static int parse_bframes(const char *text, struct generate_options *options) {
  uint64_t number = 0;
  int status = option_unsigned("--bframes", text, 0, 16, &number);
  options->video.bframes = (uint32_t)number;
  return status;
}

struct arguments {
  int count;
  char **values;
  struct generate_options *options;
};

static int parse_option(void *user, int code, const char *text) {
  const struct arguments *arguments = user;
  struct generate_options *options = arguments->options;
  switch (code) {
    case 'o': options->output = text; return EXIT_WELL;
    case OPTION_SECONDS:
      return option_seconds("--seconds", text, 1, &options->duration_ns);
    case OPTION_SIZE: return parse_size(text, &options->video);
    case OPTION_RATE: return parse_rate(text, &options->video);
    case OPTION_FRAGMENT:
      return option_seconds("--fragment", text, NS_PER_MS * 100,
                            &options->fragment_ns);
    case OPTION_CODEC: return parse_codec(text, options);
    case OPTION_BFRAMES: return parse_bframes(text, options);
    case OPTION_AUDIO:
      return parse_audio(arguments->count, arguments->values, text, options);
    case OPTION_TAG: return parse_tag(optarg, options); /* cut in two */
    case OPTION_START: return parse_start(text, options);
    case OPTION_NO_TAIL: options->no_tail = true; return EXIT_WELL;
    case OPTION_FORCE: options->force = true; return EXIT_WELL;
    case OPTION_LIVE: options->live = true; return EXIT_WELL;
    default: options->quiet = true; return EXIT_WELL;
  }
}

/* What only all options together can tell. */
static int finish_options(struct generate_options *options) {
  static const struct kvs_tag standard = {"SOURCE", "kvsparse"};
  struct timespec now;
  /* Times in a Cluster have 16 bits of milliseconds. */
  if (options->fragment_ns > 30 * NS_PER_SECOND)
    return complain_usage("--fragment: at most 30 seconds");
  if (options->duration_ns > 86400 * NS_PER_SECOND)
    return complain_usage("--seconds: at most 86400");
  if (options->tag_count == 0) options->tags[options->tag_count++] = standard;
  if (options->start_ns != KVSP_TIME_NONE) return EXIT_WELL;
  options->start_ns = DEFAULT_START_NS;
  if (options->live && clock_gettime(CLOCK_REALTIME, &now) == 0)
    options->start_ns = (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
  return EXIT_WELL;
}

static void set_defaults(struct generate_options *options) {
  memset(options, 0, sizeof *options);
  options->duration_ns = 10 * NS_PER_SECOND;
  options->fragment_ns = 2 * NS_PER_SECOND;
  options->start_ns = KVSP_TIME_NONE;
  options->video.codec = VIDEO_H264;
  options->video.width = 640;
  options->video.height = 360;
  options->video.rate_num = 30;
  options->video.rate_den = 1;
}

int generate_options_parse(int argc, char **argv,
                           struct generate_options *options, bool *help) {
  struct arguments arguments = {argc, argv, options};
  const struct option_set set = {help_text, short_options, long_options,
                                 parse_option, &arguments};
  int status;
  set_defaults(options);
  status = options_read(argc, argv, &set, help);
  if (status != EXIT_WELL || *help) return status;
  if (optind < argc)
    return complain_usage("'%s' is one argument too many", argv[optind]);
  return finish_options(options);
}
