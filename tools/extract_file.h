/*
 * extract_file.h - where extract's streams go: standard output, a file, or
 * one file after the other, with names by a pattern or by counting.  A WAV
 * file gets its true length at the end, where the output can be rewound.
 * Knows files and names; knows no tracks and no codecs.
 */
#ifndef KVSPARSE_TOOLS_EXTRACT_FILE_H
#define KVSPARSE_TOOLS_EXTRACT_FILE_H

#include <kvsparse/common.h>
#include <stdbool.h>
#include <sys/types.h>

#include "output_file.h"
#include "wav.h"

/* A ContactId in a file name: longer ones are cut. */
#define EXTRACT_CONTACT_SIZE 129

/* Zero it, set the first four. */
struct extract_file {
  const char *target; /* what -o says; NULL or "-": standard output        */
  bool force;
  uint64_t track;                     /* for %k                            */
  char contact[EXTRACT_CONTACT_SIZE]; /* for %c, as the stream has it      */
  struct output_file output;
  char *name; /* of the open file; for free()                              */
  bool open;
  bool failed;  /* it could not be opened or written: complained    */
  bool rewinds; /* it is a file, or goes into one                   */
  off_t start;  /* where the output begins, if it rewinds           */
  bool is_wav;
  struct wav_format wav;
  uint64_t count; /* files opened so far                              */
  uint64_t size;  /* bytes of sound, or of the stream, in this file   */
};

/* False when -o names one place only, which cannot take a second stream. */
bool extract_file_takes_more(const struct extract_file *file);
/* True when -o says that each frame gets a file of its own: a pattern or a
 * folder. */
bool extract_file_is_many(const char *target);
/* The next file; wav NULL: any other stream.  extension is without the dot.
 * EXIT_WELL, or EXIT_FAILED or EXIT_USAGE after a complaint. */
int extract_file_open(struct extract_file *file, const char *extension,
                      const struct wav_format *wav);
int extract_file_write(struct extract_file *file, const void *data,
                       size_t length);
/* What was written so far can be read by whoever waits for it. */
int extract_file_flush(struct extract_file *file);
/* Ends the open file, if there is one; what failed is removed.  Returns
 * status, or EXIT_FAILED after a complaint. */
int extract_file_close(struct extract_file *file, int status);

#endif
