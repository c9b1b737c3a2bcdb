#include "merge_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "text.h"

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool merge_name_is_pattern(const char *path) {
  return strchr(last_part(path), '%') != NULL;
}

int merge_name_check(const char *pattern) {
  bool tells_apart = false;
  for (const char *p = last_part(pattern); *p != '\0'; p++) {
    if (*p != '%') continue;
    p++;
    if (*p == '\0' || strchr("ift%", *p) == NULL)
      return complain_usage("-o: after a '%%' comes i, f, t or another '%%'");
    if (*p == 'i' || *p == 'f') tells_apart = true;
  }
  if (tells_apart) return EXIT_WELL;
  return complain_usage("-o: without %%i or %%f all files have the same name");
}

static int put_time(char *out, size_t size, const kvsp_fragment *fragment) {
  char time[TEXT_SIZE];
  if (fragment->producer_time_ns == KVSP_TIME_NONE)
    return snprintf(out, size, "none");
  text_file_time(time, fragment->producer_time_ns);
  return snprintf(out, size, "%s", time);
}

static int put_placeholder(char *out, size_t size, char letter,
                           const kvsp_merge_segment *segment) {
  switch (letter) {
    case 'i': return snprintf(out, size, "%05" PRIu64, segment->index);
    case 'f':
      return snprintf(out, size, "%05" PRIu64, segment->fragment->index);
    case 't': return put_time(out, size, segment->fragment);
    default: return snprintf(out, size, "%%");
  }
}

bool merge_name(char out[MERGE_NAME_SIZE], const char *pattern,
                const kvsp_merge_segment *segment) {
  const char *last = last_part(pattern);
  size_t used = 0;
  for (const char *p = pattern; *p != '\0'; p++) {
    size_t left = MERGE_NAME_SIZE - used;
    int n;
    if (*p == '%' && p >= last)
      n = put_placeholder(out + used, left, *++p, segment);
    else
      n = snprintf(out + used, left, "%c", *p);
    if (n < 0 || (size_t)n >= left) return false;
    used += (size_t)n;
  }
  return true;
}
