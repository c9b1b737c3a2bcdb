/*
 * extract_options.h - the command line of kvsparse extract.  Knows options;
 * knows nothing of streams.
 */
#ifndef KVSPARSE_TOOLS_EXTRACT_OPTIONS_H
#define KVSPARSE_TOOLS_EXTRACT_OPTIONS_H

#include <kvsparse/reader.h>

#include "stream_options.h"

enum extract_format {
  EXTRACT_AUTO,
  EXTRACT_RAW,
  EXTRACT_ANNEXB,
  EXTRACT_ADTS,
  EXTRACT_JPEG,
  EXTRACT_WAV, /* sound as it is; what is no plain sound is decoded        */
  EXTRACT_PCM  /* sound decoded to 16 bit, in a WAV file                   */
};

/* A track by its number or its name. */
struct extract_selector {
  bool given;
  uint64_t number; /* 0: by name                                           */
  const char *name;
  size_t name_length;
};

struct extract_options {
  struct stream_options stream;
  const char *output; /* NULL: standard output                             */
  enum extract_format format;
  struct extract_selector tracks[2];
  bool stereo; /* two of them                                              */
  bool force;
  bool quiet;
  int64_t tolerance_ns; /* KVSP_TIME_NONE: the default                     */
  int64_t max_silence_ns;
};

/* EXIT_WELL (look at stream.help first), or EXIT_USAGE after a complaint. */
int extract_options_parse(int argc, char **argv,
                          struct extract_options *options);
bool extract_selects(const struct extract_selector *selector,
                     const kvsp_track *track);

#endif
