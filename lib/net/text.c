#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kvsp_text_init(struct text *t, const kvsp_allocator *a, size_t max) {
  memset(t, 0, sizeof *t);
  t->allocator = a;
  t->max = max;
}

void kvsp_text_clear(struct text *t) {
  kvsp_net_wipe(t->data, t->capacity);
  kvsp_net_release(t->allocator, t->data, t->capacity);
  t->data = NULL;
  t->len = 0;
  t->capacity = 0;
}

/* Room for len bytes more and the NUL. */
static int make_room(struct text *t, size_t len) {
  size_t wanted = t->capacity ? t->capacity : 128;
  char *moved;
  if (len > t->max || t->len > t->max - len) return KVSP_ERR_LIMIT_VALUE;
  while (wanted < t->len + len + 1) wanted *= 2;
  if (wanted == t->capacity) return KVSP_OK;
  moved = kvsp_net_alloc(t->allocator, wanted);
  if (!moved) return KVSP_ERR_NOMEM;
  if (t->len > 0) memcpy(moved, t->data, t->len);
  kvsp_net_wipe(t->data, t->capacity);
  kvsp_net_release(t->allocator, t->data, t->capacity);
  t->data = moved;
  t->capacity = wanted;
  return KVSP_OK;
}

int kvsp_text_append(struct text *t, const void *data, size_t len) {
  int rc = make_room(t, len);
  if (rc != KVSP_OK) return rc;
  if (len > 0) memcpy(t->data + t->len, data, len);
  t->len += len;
  t->data[t->len] = '\0';
  return KVSP_OK;
}

int kvsp_text_add(struct text *t, const char *string) {
  return kvsp_text_append(t, string, strlen(string));
}

int kvsp_text_print(struct text *t, const char *format, ...) {
  char line[2048];
  va_list arguments;
  int rc;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  rc = kvsp_text_add(t, line);
  kvsp_net_wipe(line, sizeof line);
  return rc;
}

int kvsp_text_add_json(struct text *t, const char *string) {
  int rc = kvsp_text_add(t, "\"");
  for (; *string && rc == KVSP_OK; string++) {
    unsigned char c = (unsigned char)*string;
    if (c < 0x20 || c == 0x7F)
      rc = kvsp_text_print(t, "\\u%04x", c);
    else if (c == '"' || c == '\\')
      rc = kvsp_text_print(t, "\\%c", c);
    else
      rc = kvsp_text_append(t, string, 1);
  }
  return rc == KVSP_OK ? kvsp_text_add(t, "\"") : rc;
}

static int is_plain(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

int kvsp_text_add_form(struct text *t, const char *string) {
  int rc = KVSP_OK;
  for (; *string && rc == KVSP_OK; string++) {
    unsigned char c = (unsigned char)*string;
    rc = is_plain(c) ? kvsp_text_append(t, string, 1)
                     : kvsp_text_print(t, "%%%02X", c);
  }
  return rc;
}

const char *kvsp_text_string(const struct text *t) {
  return t->data ? t->data : "";
}

char *kvsp_text_copy(const struct text *t) {
  return kvsp_net_strdup(t->allocator, kvsp_text_string(t));
}
