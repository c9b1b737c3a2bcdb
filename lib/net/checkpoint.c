#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <kvsparse/checkpoint.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING "kvsparse checkpoint 1\n"
#define FILE_MAX 4096
#define DIGITS "0123456789"
#define NAMES \
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:/"

static bool consists_of(const char *text, const char *of, size_t size) {
  const char *end = memchr(text, '\0', size);
  return end && text[strspn(text, of)] == '\0';
}

static bool is_checkpoint(const kvsp_checkpoint *c) {
  return c && c->struct_size == sizeof *c &&
         consists_of(c->number, DIGITS, sizeof c->number) &&
         consists_of(c->stream, NAMES, sizeof c->stream);
}

static bool write_all(int file, const char *text, size_t len) {
  while (len > 0) {
    ssize_t done = write(file, text, len);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    text += done;
    len -= (size_t)done;
  }
  return true;
}

/* The folder knows the new name only once it is synced, too; where that
 * cannot be done, the next checkpoint will be as good. */
static void sync_folder(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t len = slash ? (size_t)(slash - path) + 1 : 1;
  int file;
  if (len >= sizeof folder) return;
  memcpy(folder, slash ? path : ".", len);
  folder[len] = '\0';
  file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

static int replace(const char *path, const char *temporary, const char *text,
                   size_t len) {
  int file = open(temporary,
                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
  bool written;
  int saved;
  if (file < 0) return KVSP_ERR_FILE;
  written = write_all(file, text, len) && fsync(file) == 0;
  saved = errno;
  if (close(file) != 0 && written) {
    written = false;
    saved = errno;
  }
  errno = saved;
  if (written && rename(temporary, path) == 0) {
    sync_folder(path);
    return KVSP_OK;
  }
  saved = errno;
  unlink(temporary);
  errno = saved;
  return KVSP_ERR_FILE;
}

int kvsp_checkpoint_save(const char *path, const kvsp_checkpoint *checkpoint) {
  char temporary[PATH_MAX];
  char text[FILE_MAX];
  int len;
  int name_len;
  if (!path || !is_checkpoint(checkpoint)) return KVSP_ERR_ARG;
  name_len = snprintf(temporary, sizeof temporary, "%s.new", path);
  if (name_len < 0 || (size_t)name_len >= sizeof temporary) {
    errno = ENAMETOOLONG;
    return KVSP_ERR_FILE;
  }
  len = snprintf(text, sizeof text,
                 HEADING "stream %s\nfragment %s\nbytes %llu\n",
                 checkpoint->stream, checkpoint->number,
                 (unsigned long long)checkpoint->bytes);
  return replace(path, temporary, text, (size_t)len);
}

/* ---- reading ------------------------------------------------------------- */

/* The line "NAME VALUE" at *at; *at is then behind it. */
static bool take_line(const char **at, const char *name, char *value,
                      size_t size) {
  size_t len = strlen(name);
  size_t value_len;
  if (strncmp(*at, name, len) != 0 || (*at)[len] != ' ') return false;
  *at += len + 1;
  value_len = strcspn(*at, "\n");
  if ((*at)[value_len] != '\n' || value_len >= size) return false;
  memcpy(value, *at, value_len);
  value[value_len] = '\0';
  *at += value_len + 1;
  return true;
}

static bool read_count(const char *text, uint64_t *count) {
  *count = 0;
  if (*text == '\0' || !consists_of(text, DIGITS, 21)) return false;
  for (; *text; text++) {
    uint64_t digit = (uint64_t)(*text - '0');
    if (*count > (UINT64_MAX - digit) / 10) return false;
    *count = *count * 10 + digit;
  }
  return true;
}

static bool understand(const char *text, kvsp_checkpoint *c) {
  char bytes[32];
  if (strncmp(text, HEADING, sizeof HEADING - 1) != 0) return false;
  text += sizeof HEADING - 1;
  return take_line(&text, "stream", c->stream, sizeof c->stream) &&
         take_line(&text, "fragment", c->number, sizeof c->number) &&
         take_line(&text, "bytes", bytes, sizeof bytes) &&
         read_count(bytes, &c->bytes) && is_checkpoint(c);
}

static ssize_t read_file(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  size_t len = 0;
  int saved;
  if (file < 0) return -1;
  do {
    got = read(file, text + len, size - 1 - len);
    if (got > 0) len += (size_t)got;
  } while ((got > 0 && len < size - 1) || (got < 0 && errno == EINTR));
  saved = errno;
  close(file);
  errno = saved;
  if (got < 0) return -1;
  text[len] = '\0';
  return (ssize_t)len;
}

int kvsp_checkpoint_load(const char *path, kvsp_checkpoint *checkpoint) {
  char text[FILE_MAX];
  kvsp_checkpoint read;
  if (!path || !checkpoint || checkpoint->struct_size != sizeof *checkpoint)
    return KVSP_ERR_ARG;
  memset(&read, 0, sizeof read);
  read.struct_size = sizeof read;
  if (read_file(path, text, sizeof text) < 0) {
    if (errno != ENOENT) return KVSP_ERR_FILE;
  } else if (!understand(text, &read)) {
    errno = EINVAL;
    return KVSP_ERR_FILE;
  }
  *checkpoint = read;
  return KVSP_OK;
}
