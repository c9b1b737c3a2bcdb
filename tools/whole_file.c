#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signals.h"

/* What a signal handler has to remove.  A handler has no other way to know. */
static volatile sig_atomic_t temporary_exists;
static int temporary_folder;
static char temporary_name[64];

static void remove_temporary(void) {
  if (temporary_exists) unlinkat(temporary_folder, temporary_name, 0);
}

static int make_folder(const char *path) {
  return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : -1;
}

/* Makes the folders of a path that are missing; cuts the path at the one that
 * could not be made. */
static int make_folders(char *path) {
  for (char *p = path + 1; *p != '\0'; p++) {
    if (*p != '/') continue;
    *p = '\0';
    if (make_folder(path) != 0) return -1;
    *p = '/';
  }
  return make_folder(path);
}

int whole_file_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  size_t size = strlen(path) + 1;
  char *copy;

  if (fd >= 0 || errno != ENOENT || size == 1) return fd;
  copy = malloc(size);
  if (!copy) return -1;
  memcpy(copy, path, size);
  if (make_folders(copy) == 0)
    fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(copy);
  return fd;
}

bool whole_file_exists(int folder, const char *name) {
  struct stat status;
  return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int whole_file_begin(int folder) {
  int fd = -1;
  temporary_folder = folder;
  for (int i = 0; i < 1000; i++) {
    snprintf(temporary_name, sizeof temporary_name, ".kvsparse-%ld-%d.tmp",
             (long)getpid(), i);
    fd = openat(folder, temporary_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                0666);
    if (fd >= 0 || errno != EEXIST) break;
  }
  temporary_exists = fd >= 0;
  signals_at_death(remove_temporary);
  return fd;
}

static int write_all(int fd, kvsp_view data) {
  size_t done = 0;
  while (done < data.len) {
    ssize_t n = write(fd, data.data + done, data.len - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    done += (size_t)n;
  }
  return 0;
}

static int give_name(int folder, const char *name, bool force) {
  if (force) return renameat(folder, temporary_name, folder, name);
  /* Unlike renameat, linkat never replaces a file that came in between. */
  if (linkat(folder, temporary_name, folder, name, 0) == 0)
    return unlinkat(folder, temporary_name, 0);
  if (errno == EEXIST) return -1;
  /* Some file systems have no links. */
  if (whole_file_exists(folder, name)) {
    errno = EEXIST;
    return -1;
  }
  return renameat(folder, temporary_name, folder, name);
}

void whole_file_drop(void) {
  int reason = errno;
  remove_temporary();
  temporary_exists = 0;
  errno = reason;
}

int whole_file_keep(const char *name, bool force) {
  int rc = give_name(temporary_folder, name, force);
  if (rc != 0) whole_file_drop();
  temporary_exists = 0;
  return rc;
}

int whole_file_write(int folder, const char *name, kvsp_view data, bool force) {
  int fd = whole_file_begin(folder);
  int rc;
  int reason;

  if (fd < 0) return -1;
  rc = write_all(fd, data);
  reason = errno;
  if (close(fd) != 0 && rc == 0) {
    rc = -1;
    reason = errno;
  }
  if (rc == 0) return whole_file_keep(name, force);
  whole_file_drop();
  errno = reason;
  return -1;
}
