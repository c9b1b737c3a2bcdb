#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "live.h"
#include "message.h"
#include "output.h"
#include "signals.h"

static int open_path(struct source *source, const char *path) {
  if (strcmp(path, "-") == 0) {
    source->name = "standard input";
    source->fd = STDIN_FILENO;
    return EXIT_WELL;
  }
  source->name = path;
  do {
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
  } while (source->fd < 0 && errno == EINTR);
  if (source->fd >= 0) return EXIT_WELL;
  complain("%s: %s", path, strerror(errno));
  return EXIT_FAILED;
}

/* What kind of file it is, and how much there is to read. */
static int look_at(struct source *source) {
  struct stat status;
  off_t at;
  if (fstat(source->fd, &status) != 0) {
    complain("%s: %s", source->name, strerror(errno));
    return EXIT_FAILED;
  }
  if (S_ISDIR(status.st_mode)) {
    complain("%s: is a directory", source->name);
    return EXIT_FAILED;
  }
  source->regular = S_ISREG(status.st_mode);
  if (!source->regular) return EXIT_WELL;
  /* Standard input may stand somewhere in the middle of a file. */
  at = lseek(source->fd, 0, SEEK_CUR);
  if (at >= 0 && status.st_size >= at)
    source->size = (uint64_t)(status.st_size - at);
  return EXIT_WELL;
}

/* ---- live streams -------------------------------------------------------- */

#ifdef HAVE_CURL

static int open_live(struct source *source, const char *path) {
  int status;
  source->name = path;
  source->fd = -1;
  source->live = malloc(sizeof *source->live);
  if (source->live == NULL) {
    complain("no memory");
    return EXIT_FAILED;
  }
  signals_catch();
  status = live_take_url(source->live, path);
  if (status == EXIT_WELL) status = live_open(source->live);
  if (status == EXIT_WELL) return EXIT_WELL;
  free(source->live);
  source->live = NULL;
  return status;
}

/* The last piece is dealt with once more is asked for. */
static int read_live(struct source *source, const void **data, size_t *length) {
  struct live *live = source->live;
  while (source->rest_length == 0) {
    int got;
    if (live->piece != NULL) live_done(live, 0);
    got = live_read(live, INT64_MAX);
    source->failed = got < 0;
    if (got <= 0) return got;
    source->rest = live->piece->data.data;
    source->rest_length = live->piece->data.len;
  }
  *data = source->rest;
  *length = source->rest_length < source->piece_size ? source->rest_length
                                                     : source->piece_size;
  source->rest += *length;
  source->rest_length -= *length;
  source->offset += *length;
  return 1;
}

static void close_live(struct source *source) {
  if (source->live == NULL) return;
  live_save(source->live);
  live_close(source->live);
  free(source->live);
  source->live = NULL;
}

#else

static bool live_is_url(const char *path) {
  return strncmp(path, LIVE_SCHEME, strlen(LIVE_SCHEME)) == 0;
}

static int open_live(struct source *source, const char *path) {
  (void)source;
  complain(
      "%s: this build cannot do it: it was made without libcurl (Debian: "
      "libcurl4-openssl-dev, libjansson-dev)",
      path);
  return EXIT_FAILED;
}

static int read_live(struct source *source, const void **data, size_t *length) {
  (void)source;
  (void)data;
  (void)length;
  return -1;
}

static void close_live(struct source *source) {
  (void)source;
}

#endif

/* ---- all of them --------------------------------------------------------- */

int source_open(struct source *source, const char *path, size_t piece_size) {
  memset(source, 0, sizeof *source);
  source->size = SOURCE_SIZE_UNKNOWN;
  source->piece_size = piece_size != 0 ? piece_size : SOURCE_PIECE;
  if (live_is_url(path)) return open_live(source, path);
  if (open_path(source, path) != EXIT_WELL) return EXIT_FAILED;
  if (look_at(source) != EXIT_WELL) goto fail;
  source->piece = malloc(source->piece_size);
  if (source->piece == NULL) {
    complain("no memory for reading %llu bytes at a time",
             (unsigned long long)source->piece_size);
    goto fail;
  }
  signals_catch();
  return EXIT_WELL;
fail:
  source_close(source);
  return EXIT_FAILED;
}

static bool would_wait(const struct source *source) {
  struct pollfd poll_fd = {.fd = source->fd, .events = POLLIN};
  if (source->regular) return false;
  return poll(&poll_fd, 1, 0) == 0;
}

/* False: a signal asks to stop. */
static bool wait_for_input(const struct source *source) {
  if (source->regular) return signals_caught() == 0;
  if (would_wait(source)) output_flush();
  return signals_wait_for_input(source->fd);
}

int source_read(struct source *source, const void **data, size_t *length) {
  ssize_t got;
  if (source->failed) return -1;
  if (source->live != NULL) return read_live(source, data, length);
  do {
    if (!wait_for_input(source)) return 0;
    got = read(source->fd, source->piece, source->piece_size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    source->failed = true;
    complain("%s: reading at byte %llu: %s", source->name,
             (unsigned long long)source->offset, strerror(errno));
    return -1;
  }
  source->offset += (uint64_t)got;
  *data = source->piece;
  *length = (size_t)got;
  return got > 0;
}

void source_close(struct source *source) {
  close_live(source);
  if (source->fd > STDIN_FILENO) close(source->fd);
  source->fd = -1;
  free(source->piece);
  source->piece = NULL;
}
