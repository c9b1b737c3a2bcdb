#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "picture_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "command.h"
#include "message.h"
#include "text.h"

/* Only what is sure to differ from picture to picture counts. */
static bool tells_apart(const char *pattern) {
  bool fragment = false;
  bool frame = false;
  for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
    if (p[1] == 'i') return true;
    if (p[1] == 'f') fragment = true;
    if (p[1] == 'n') frame = true;
  }
  return fragment && frame;
}

static int check_pattern(const char *pattern, bool only_one) {
  for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
    if (p[1] != '\0' && strchr("fntki%", p[1])) continue;
    return complain_usage(
        "-o: '%s': %% must be followed by f, n, t, k, i or another %%; a "
        "folder's name ends with /",
        pattern);
  }
  if (!only_one && !tells_apart(pattern))
    return complain_usage(
        "-o: '%s' gives several pictures one name: it needs %%i, or %%f and "
        "%%n",
        pattern);
  return EXIT_WELL;
}

/* "-o door.png" is a mistake: it would become a folder full of pictures. */
static int check_folder(const char *output, const char *last) {
  static const char *const endings[] = {".png",  ".jpg", ".jpeg", ".ppm",
                                        ".pgm",  ".gif", ".bmp",  ".tif",
                                        ".tiff", ".webp"};
  const char *dot = strrchr(last, '.');
  struct stat status;
  if (!dot || stat(output, &status) == 0) return EXIT_WELL;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    if (strcasecmp(dot, endings[i]) != 0) continue;
    return complain_usage(
        "-o: '%s' would be a folder: a pattern of names has "
        "a %%, a folder's name ends with /",
        output);
  }
  return EXIT_WELL;
}

int picture_names_parse(struct picture_names *names, const char *output,
                        bool only_one) {
  const char *slash = strrchr(output, '/');
  const char *last = slash ? slash + 1 : output;
  size_t length = strlen(output);
  int status = EXIT_WELL;

  names->pattern = NULL;
  if (length == 0) return complain_usage("-o: the folder has no name");
  if (strchr(last, '%')) {
    status = check_pattern(last, only_one);
    names->pattern = last;
    length = (size_t)(last - output);
  }
  if (!names->pattern) status = check_folder(output, last);
  if (status != EXIT_WELL) return status;
  names->folder = malloc(length + 2);
  if (!names->folder) {
    complain("out of memory");
    return EXIT_FAILED;
  }
  memcpy(names->folder, length > 0 ? output : ".", length > 0 ? length : 1);
  names->folder[length > 0 ? length : 1] = '\0';
  return EXIT_WELL;
}

void picture_names_free(struct picture_names *names) {
  free(names->folder);
  names->folder = NULL;
}

static void put_time(char out[TEXT_SIZE], const kvsp_picture *picture) {
  if (picture->producer_time_ns == KVSP_TIME_NONE)
    snprintf(out, TEXT_SIZE, "none");
  else
    text_file_time(out, picture->producer_time_ns);
}

static int put_placeholder(char *out, size_t size, char letter,
                           const kvsp_picture *picture, uint64_t count) {
  char time[TEXT_SIZE];
  switch (letter) {
    case 'f': return snprintf(out, size, "%05" PRIu64, picture->fragment_index);
    case 'n': return snprintf(out, size, "%04" PRIu64, picture->frame_index);
    case 'k': return snprintf(out, size, "%" PRIu64, picture->track_number);
    case 'i': return snprintf(out, size, "%06" PRIu64, count);
    case 't': put_time(time, picture); return snprintf(out, size, "%s", time);
    default: return snprintf(out, size, "%%");
  }
}

static bool put_pattern(char out[PICTURE_NAME_SIZE], const char *pattern,
                        const kvsp_picture *picture, uint64_t count) {
  size_t used = 0;
  for (const char *p = pattern; *p != '\0'; p++) {
    size_t left = PICTURE_NAME_SIZE - used;
    int n;
    if (*p == '%')
      n = put_placeholder(out + used, left, *++p, picture, count);
    else
      n = snprintf(out + used, left, "%c", *p);
    if (n < 0 || (size_t)n >= left) return false;
    used += (size_t)n;
  }
  return true;
}

/* f00003-n0012-20171128T065512.513Z.png */
static bool put_default(char out[PICTURE_NAME_SIZE],
                        const kvsp_picture *picture, const char *extension,
                        bool with_track) {
  char time[TEXT_SIZE + 1] = "";
  char track[32] = "";
  if (picture->producer_time_ns != KVSP_TIME_NONE) {
    time[0] = '-';
    text_file_time(time + 1, picture->producer_time_ns);
  }
  if (with_track)
    snprintf(track, sizeof track, "-t%" PRIu64, picture->track_number);
  snprintf(out, PICTURE_NAME_SIZE, "f%05" PRIu64 "-n%04" PRIu64 "%s%s.%s",
           picture->fragment_index, picture->frame_index, track, time,
           extension);
  return true;
}

bool picture_name(char out[PICTURE_NAME_SIZE],
                  const struct picture_names *names,
                  const kvsp_picture *picture, uint64_t count,
                  const char *extension, bool with_track) {
  if (names->pattern) return put_pattern(out, names->pattern, picture, count);
  return put_default(out, picture, extension, with_track);
}
