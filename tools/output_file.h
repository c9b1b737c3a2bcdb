/*
 * output_file.h - the one file that a command writes piece by piece.  A
 * regular file is there whole or not at all (whole_file.h); a pipe, a device
 * or standard output is written as it is.  Knows files; knows nothing of what
 * is in them.
 */
#ifndef KVSPARSE_TOOLS_OUTPUT_FILE_H
#define KVSPARSE_TOOLS_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Zero it. */
struct output_file {
  FILE *stream;     /* to write to                                          */
  const char *name; /* for messages                                         */
  /* Of a regular file only: */
  char *path; /* the folder's, cut from the whole; for free()               */
  char *base; /* the file's name in it; NULL: it is no regular file         */
  int folder;
  bool force;
};

/* path NULL or "-" is standard output, else it must outlive the file.  force
 * replaces a file that is there already.  EXIT_WELL, or EXIT_FAILED or
 * EXIT_USAGE after a complaint. */
int output_file_open(struct output_file *file, const char *path, bool force);
/* "cannot write FILE: " and what errno says; nothing when the reader of a pipe
 * went away (signals.h).  EXIT_FAILED. */
int output_file_complain(const struct output_file *file);
/* After EXIT_WELL the file gets its name, else it is removed.  Returns that
 * status, or EXIT_FAILED after a complaint. */
int output_file_close(struct output_file *file, int status);

#endif
