/*
 * stream_options.h - the options that all subcommands share which read a
 * stream: how it is read, and every limit.  The only place where a limit has a
 * name, a default and a text.  Knows the library's limits; knows nothing of
 * what a subcommand does with the stream.
 */
#ifndef KVSPARSE_TOOLS_STREAM_OPTIONS_H
#define KVSPARSE_TOOLS_STREAM_OPTIONS_H

#include <getopt.h>
#include <kvsparse/common.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

struct stream_options {
  const char *path; /* "-" is standard input                               */
  bool help;        /* it was asked for, and printed                       */
  bool check_crc;
  bool strict;
  size_t read_size; /* 0: the default                                      */
  kvsp_limits limits;
};

enum stream_option_code {
  STREAM_OPTION_FIRST = 1000,
  STREAM_OPTION_CHECK_CRC = STREAM_OPTION_FIRST,
  STREAM_OPTION_STRICT,
  STREAM_OPTION_MAX_DEPTH,
  STREAM_OPTION_MAX_TRACKS,
  STREAM_OPTION_MAX_TAGS,
  STREAM_OPTION_MAX_VALUE,
  STREAM_OPTION_MAX_FRAME,
  STREAM_OPTION_MAX_MEMORY,
  STREAM_OPTION_LAST = STREAM_OPTION_MAX_MEMORY
};

/* For the array of struct option: those of the tokenizer, those of the reader
 * (which has all of the tokenizer's).  Letters: n, h. */
/* clang-format off */
#define TOKENIZER_OPTIONS                                             \
  {"read-size", required_argument, NULL, 'n'},                        \
  {"check-crc", no_argument, NULL, STREAM_OPTION_CHECK_CRC},          \
  {"strict", no_argument, NULL, STREAM_OPTION_STRICT},                \
  {"help", no_argument, NULL, 'h'},                                   \
  {"max-depth", required_argument, NULL, STREAM_OPTION_MAX_DEPTH},    \
  {"max-value", required_argument, NULL, STREAM_OPTION_MAX_VALUE},    \
  {"max-memory", required_argument, NULL, STREAM_OPTION_MAX_MEMORY}
#define READER_OPTIONS                                                \
  TOKENIZER_OPTIONS,                                                  \
  {"max-frame", required_argument, NULL, STREAM_OPTION_MAX_FRAME},    \
  {"max-tracks", required_argument, NULL, STREAM_OPTION_MAX_TRACKS},  \
  {"max-tags", required_argument, NULL, STREAM_OPTION_MAX_TAGS}
/* clang-format on */
#define TOKENIZER_LIMITS_HELP                                              \
  "Limits (bytes may end in k, M or G):\n"                                 \
  "      --max-depth N       elements inside each other (default 16)\n"    \
  "      --max-value BYTES   of one value that is no frame (default 1M)\n" \
  "      --max-memory BYTES  that the parser holds (default 256M)\n"
#define READER_LIMITS_HELP                                          \
  TOKENIZER_LIMITS_HELP                                             \
  "      --max-frame BYTES   of one frame's Block (default 64M)\n"  \
  "      --max-tracks N      tracks of one fragment (default 64)\n" \
  "      --max-tags N        tags of one fragment (default 256)\n"

/* Reads all arguments: own are what a subcommand adds, with one of the macros
 * above among its options.  EXIT_WELL (look at help first), or EXIT_USAGE after
 * a complaint. */
int stream_options_read(struct stream_options *options, int argc, char **argv,
                        const struct option_set *own);
/* KVSP_READ_CHECK_CRC and _STRICT, as asked for. */
uint32_t stream_options_reader_flags(const struct stream_options *options);

#endif
