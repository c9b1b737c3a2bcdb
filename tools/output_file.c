#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* realpath */
#endif

#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "signals.h"
#include "whole_file.h"

int output_file_complain(const struct output_file *file) {
  int reason = errno;
  if (reason != EPIPE || !signals_reader_left())
    complain("cannot write %s: %s", file->name, strerror(reason));
  return EXIT_FAILED;
}

static int take_descriptor(struct output_file *file, int fd) {
  int reason;
  if (fd < 0) return output_file_complain(file);
  file->stream = fdopen(fd, "wb");
  if (file->stream) return EXIT_WELL;
  reason = errno;
  close(fd);
  errno = reason;
  return output_file_complain(file);
}

static int open_standard_output(struct output_file *file) {
  file->name = "standard output";
  if (isatty(STDOUT_FILENO))
    return complain_usage("standard output is a terminal: -o FILE");
  /* A stream of its own, so that its errors are told here and only once. */
  return take_descriptor(file, dup(STDOUT_FILENO));
}

/* Cuts the path into the folder and the name in it; opens the folder. */
static int open_folder(struct output_file *file, const char *path) {
  char *slash;
  const char *folder = ".";
  file->path = strdup(path);
  if (!file->path) return -1;
  slash = strrchr(file->path, '/');
  file->base = slash ? slash + 1 : file->path;
  if (slash) {
    folder = slash == file->path ? "/" : file->path;
    *slash = '\0';
  }
  file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return file->folder;
}

/* Nothing stands under its name before it is whole. */
static int open_regular(struct output_file *file, const char *path) {
  int fd = -1;
  if (open_folder(file, path) >= 0) fd = whole_file_begin(file->folder);
  if (take_descriptor(file, fd) == EXIT_WELL) return EXIT_WELL;
  if (fd >= 0) whole_file_drop();
  return EXIT_FAILED;
}

/* What a link leads to is what is meant: /dev/stdout may be one. */
static int replace_regular(struct output_file *file, const char *path) {
  char *real;
  int status;
  if (!file->force) {
    complain("%s is there already (--force overwrites)", path);
    return EXIT_FAILED;
  }
  real = realpath(path, NULL);
  if (!real) return output_file_complain(file);
  status = open_regular(file, real);
  free(real);
  return status;
}

int output_file_open(struct output_file *file, const char *path, bool force) {
  struct stat status;
  file->folder = -1;
  file->force = force;
  if (!path || strcmp(path, "-") == 0) return open_standard_output(file);
  file->name = path;
  if (stat(path, &status) != 0)
    return errno == ENOENT ? open_regular(file, path)
                           : output_file_complain(file);
  if (S_ISREG(status.st_mode)) return replace_regular(file, path);
  return take_descriptor(file, open(path, O_WRONLY | O_CLOEXEC));
}

/* Of a regular file, once it is written. */
static int give_name(struct output_file *file, int status) {
  if (status != EXIT_WELL) {
    whole_file_drop();
    return status;
  }
  if (whole_file_keep(file->base, file->force) == 0) return EXIT_WELL;
  if (errno != EEXIST) return output_file_complain(file);
  complain("%s is there already (--force overwrites)", file->name);
  return EXIT_FAILED;
}

int output_file_close(struct output_file *file, int status) {
  if (file->stream) {
    if (fclose(file->stream) != 0 && status == EXIT_WELL)
      status = output_file_complain(file);
    if (file->base) status = give_name(file, status);
  }
  if (file->folder >= 0) close(file->folder);
  free(file->path);
  return status;
}
