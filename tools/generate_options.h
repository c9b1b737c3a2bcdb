/*
 * generate_options.h - what kvsparse generate is asked for.  Knows the command
 * line; makes nothing.
 */
#ifndef KVSPARSE_TOOLS_GENERATE_OPTIONS_H
#define KVSPARSE_TOOLS_GENERATE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_encoder.h"
#include "kvs_writer.h"
#include "video_encoder.h"

/* As many as the service takes for a fragment. */
#define GENERATE_MAX_TAGS 50

struct generate_options {
  const char *output; /* NULL or "-": standard output                      */
  int64_t duration_ns;
  int64_t fragment_ns;
  int64_t start_ns; /* Unix epoch                                          */
  struct video_settings video;
  bool codec_chosen; /* by the user: no other one will do                  */
  enum audio_codec audio;
  struct kvs_tag tags[GENERATE_MAX_TAGS];
  size_t tag_count;
  bool no_tail;
  bool force;
  bool live;
  bool quiet;
};

/*
 * Fills *options from the command line; its strings stay argv's.  EXIT_WELL,
 * or EXIT_USAGE after a complaint.  *help: the help was printed, and that was
 * all.
 */
int generate_options_parse(int argc, char **argv,
                           struct generate_options *options, bool *help);

#endif
