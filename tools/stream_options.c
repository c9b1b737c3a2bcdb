#include "stream_options.h"

#include <kvsparse/reader.h>
#include <string.h>

#include "command.h"
#include "options.h"

/* elements indents: much deeper ones would fill a disk with blanks. */
#define DEPTH_MAX 1000

static int read_count(const char *option, const char *text, uint32_t max,
                      uint32_t *value) {
  uint64_t number = 0;
  int status = option_unsigned(option, text, 1, max, &number);
  if (status == EXIT_WELL) *value = (uint32_t)number;
  return status;
}

static int read_bytes(const char *option, const char *text, uint64_t *value) {
  return option_size(option, text, 1, UINT64_MAX, value);
}

static int read_limit(kvsp_limits *limits, int code, const char *text) {
  switch (code) {
    case STREAM_OPTION_MAX_DEPTH:
      return read_count("--max-depth", text, DEPTH_MAX, &limits->max_depth);
    case STREAM_OPTION_MAX_TRACKS:
      return read_count("--max-tracks", text, UINT32_MAX, &limits->max_tracks);
    case STREAM_OPTION_MAX_TAGS:
      return read_count("--max-tags", text, UINT32_MAX, &limits->max_tags);
    case STREAM_OPTION_MAX_VALUE:
      return read_bytes("--max-value", text, &limits->max_value);
    case STREAM_OPTION_MAX_FRAME:
      return read_bytes("--max-frame", text, &limits->max_frame);
    default: return read_bytes("--max-memory", text, &limits->max_memory);
  }
}

static int read_shared(struct stream_options *options, int code,
                       const char *text) {
  switch (code) {
    case 'n': return option_read_size(text, &options->read_size);
    case STREAM_OPTION_CHECK_CRC: options->check_crc = true; return EXIT_WELL;
    case STREAM_OPTION_STRICT: options->strict = true; return EXIT_WELL;
    default: return read_limit(&options->limits, code, text);
  }
}

static bool is_shared(int code) {
  return code == 'n' ||
         (code >= STREAM_OPTION_FIRST && code <= STREAM_OPTION_LAST);
}

struct both {
  struct stream_options *shared;
  const struct option_set *own;
};

static int take(void *user, int code, const char *text) {
  const struct both *both = user;
  if (is_shared(code)) return read_shared(both->shared, code, text);
  return both->own->take(both->own->user, code, text);
}

int stream_options_read(struct stream_options *options, int argc, char **argv,
                        const struct option_set *own) {
  struct both both = {options, own};
  struct option_set set = *own;
  int status;
  set.take = take;
  set.user = &both;
  memset(options, 0, sizeof *options);
  options->limits.struct_size = sizeof options->limits;
  status = options_read(argc, argv, &set, &options->help);
  if (status != EXIT_WELL || options->help) return status;
  return option_input(argc, argv, &options->path);
}

uint32_t stream_options_reader_flags(const struct stream_options *options) {
  uint32_t flags = 0;
  if (options->check_crc) flags |= KVSP_READ_CHECK_CRC;
  if (options->strict) flags |= KVSP_READ_STRICT;
  return flags;
}
