#include "extract_options.h"

#include <string.h>

#include "command.h"
#include "message.h"
#include "options.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define MAX_SILENCE_NS (600 * NS_PER_SECOND)

enum {
  OPTION_TRACK = OPTION_LONG_ONLY,
  OPTION_STEREO,
  OPTION_FORMAT,
  OPTION_FORCE,
  OPTION_TOLERANCE,
  OPTION_MAX_SILENCE
};

static const char help_text[] =
    "Usage: kvsparse extract [OPTION]... FILE\n"
    "Takes the media of one track out of a stream. FILE may be - for standard\n"
    "input, or kvs://STREAM (kvsparse-get(1)).\n"
    "\n"
    "  -o, --output FILE     where to; - is standard output, the default. A\n"
    "                        further recording goes into FILE-2 and so on\n"
    "  -o, --output PATTERN  names for several: %i count, %k track, %c\n"
    "                        ContactId; for frames as dump has them: %f\n"
    "                        fragment, %n frame in it, %t producer time, %k, "
    "%i\n"
    "  -o, --output DIR      a folder, with names of its own making\n"
    "      --force           overwrite files\n"
    "      --track N|NAME    which track; not needed where there is one only\n"
    "      --stereo A,B      two tracks of sound, left and right (N or NAME)\n"
    "      --format FORMAT   annexb: H.264, H.265 with start codes\n"
    "                        adts: AAC with a header for each frame\n"
    "                        jpeg: MJPEG, a file for each frame with PATTERN\n"
    "                        or DIR\n"
    "                        wav: PCM, G.711 as they are, others decoded\n"
    "                        pcm: sound decoded to 16 bit, in a WAV file\n"
    "                        raw: the frames as they are\n"
    "                        auto: what suits the track (auto)\n"
    "      --tolerance S     a pause is no silence up to that (0.02)\n"
    "      --max-silence S   longer pauses are left out (600)\n"
    "  -n, --read-size N     read N bytes at a time (64k)\n"
    "      --check-crc       verify CRC-32 elements; a mismatch is a gap\n"
    "      --strict          stop at the first fault instead of a gap\n"
    "  -q, --quiet           say nothing but errors\n"
    "  -h, --help            this text\n" READER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 the data was damaged, there is no such track,\n"
    "or writing failed (what could be read was written); 2 wrong usage.\n";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"track", required_argument, NULL, OPTION_TRACK},
    {"stereo", required_argument, NULL, OPTION_STEREO},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"tolerance", required_argument, NULL, OPTION_TOLERANCE},
    {"max-silence", required_argument, NULL, OPTION_MAX_SILENCE},
    {"quiet", no_argument, NULL, 'q'},
    READER_OPTIONS,
    {NULL, 0, NULL, 0}};

static int parse_format(const char *text, struct extract_options *options) {
  static const char *const names[] = {"auto", "raw", "annexb", "adts",
                                      "jpeg", "wav", "pcm"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    options->format = (enum extract_format)i;
    return EXIT_WELL;
  }
  return complain_usage(
      "--format: '%s' is not auto, annexb, adts, jpeg, wav, pcm or raw", text);
}

static bool all_digits(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] < '0' || text[i] > '9') return false;
  return length > 0;
}

/* Digits alone are a number, anything else is a name. */
static int parse_selector(const char *option, const char *text, size_t length,
                          struct extract_selector *out) {
  char number[24] = "";
  if (length == 0) return complain_usage("%s: '' is no track", option);
  out->given = true;
  out->number = 0;
  out->name = text;
  out->name_length = length;
  if (!all_digits(text, length)) return EXIT_WELL;
  memcpy(number, text, length < sizeof number ? length : sizeof number - 1);
  return option_unsigned(option, number, 1, UINT64_MAX, &out->number);
}

static int parse_stereo(const char *text, struct extract_options *options) {
  const char *comma = strchr(text, ',');
  int status;
  if (!comma || strchr(comma + 1, ','))
    return complain_usage("--stereo: '%s' is not two tracks A,B", text);
  options->stereo = true;
  status = parse_selector("--stereo", text, (size_t)(comma - text),
                          &options->tracks[0]);
  if (status != EXIT_WELL) return status;
  return parse_selector("--stereo", comma + 1, strlen(comma + 1),
                        &options->tracks[1]);
}

static int own_option(void *user, int code, const char *text) {
  struct extract_options *options = user;
  switch (code) {
    case 'o': options->output = text; return EXIT_WELL;
    case 'q': options->quiet = true; return EXIT_WELL;
    case OPTION_FORCE: options->force = true; return EXIT_WELL;
    case OPTION_FORMAT: return parse_format(text, options);
    case OPTION_STEREO: return parse_stereo(text, options);
    case OPTION_TOLERANCE:
      return option_seconds("--tolerance", text, 0, &options->tolerance_ns);
    case OPTION_MAX_SILENCE:
      return option_seconds("--max-silence", text, 0, &options->max_silence_ns);
    default:
      if (options->stereo)
        return complain_usage("--track and --stereo do not go together");
      return parse_selector("--track", text, strlen(text), &options->tracks[0]);
  }
}

/* What only all options together can tell. */
static int check_options(struct extract_options *options) {
  if (options->output && options->output[0] == '\0')
    return complain_usage("-o: the file has no name");
  if (!options->stereo) return EXIT_WELL;
  if (options->format == EXTRACT_AUTO) options->format = EXTRACT_WAV;
  if (options->format == EXTRACT_WAV || options->format == EXTRACT_PCM)
    return EXIT_WELL;
  return complain_usage("--stereo is for --format wav or pcm");
}

int extract_options_parse(int argc, char **argv,
                          struct extract_options *options) {
  struct option_set own = {help_text, ":o:n:qh", long_options, own_option,
                           options};
  int status;
  memset(options, 0, sizeof *options);
  options->tolerance_ns = KVSP_TIME_NONE;
  options->max_silence_ns = MAX_SILENCE_NS;
  status = stream_options_read(&options->stream, argc, argv, &own);
  if (status != EXIT_WELL || options->stream.help) return status;
  return check_options(options);
}

bool extract_selects(const struct extract_selector *selector,
                     const kvsp_track *track) {
  if (selector->number != 0) return track->number == selector->number;
  return track->name.len == selector->name_length &&
         memcmp(track->name.data, selector->name, selector->name_length) == 0;
}
