#include "fields.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void skip_blanks(const char **at) {
  while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r') (*at)++;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static int32_t hex4(const char *at) {
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static int append_utf8(struct text *out, int32_t c) {
  char bytes[4];
  size_t len = 0;
  if (c < 0x80) {
    bytes[len++] = (char)c;
  } else if (c < 0x800) {
    bytes[len++] = (char)(0xC0 | c >> 6);
    bytes[len++] = (char)(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    bytes[len++] = (char)(0xE0 | c >> 12);
    bytes[len++] = (char)(0x80 | (c >> 6 & 0x3F));
    bytes[len++] = (char)(0x80 | (c & 0x3F));
  } else {
    bytes[len++] = (char)(0xF0 | c >> 18);
    bytes[len++] = (char)(0x80 | (c >> 12 & 0x3F));
    bytes[len++] = (char)(0x80 | (c >> 6 & 0x3F));
    bytes[len++] = (char)(0x80 | (c & 0x3F));
  }
  return kvsp_text_append(out, bytes, len);
}

/* Behind "\u"; a NUL cannot be shown in a text and becomes U+FFFD, as half of
 * a pair does. */
static int unicode_escape(const char **at, struct text *out) {
  int32_t c = hex4(*at);
  int32_t low;
  if (c < 0) return KVSP_ERR_ARG;
  *at += 4;
  if (c >= 0xD800 && c < 0xDC00 && (*at)[0] == '\\' && (*at)[1] == 'u') {
    low = hex4(*at + 2);
    if (low >= 0xDC00 && low < 0xE000) {
      *at += 6;
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  if (c == 0 || (c >= 0xD800 && c < 0xE000)) c = 0xFFFD;
  return out ? append_utf8(out, c) : KVSP_OK;
}

/* Behind a backslash. */
static int escape(const char **at, struct text *out) {
  static const char from[] = "\"\\/bfnrt";
  static const char to[] = "\"\\/\b\f\n\r\t";
  const char *place = **at ? strchr(from, **at) : NULL;
  if (**at == 'u') {
    (*at)++;
    return unicode_escape(at, out);
  }
  if (!place) return KVSP_ERR_ARG;
  (*at)++;
  return out ? kvsp_text_append(out, &to[place - from], 1) : KVSP_OK;
}

/* *at is behind the opening quote, then behind the closing one.  out NULL: it
 * is stepped over.  KVSP_ERR_ARG: it has no end. */
static int read_string(const char **at, struct text *out) {
  int rc = KVSP_OK;
  while (**at != '"' && rc == KVSP_OK) {
    size_t len = strcspn(*at, "\"\\");
    if ((*at)[len] == '\0') return KVSP_ERR_ARG;
    if (out && len > 0) rc = kvsp_text_append(out, *at, len);
    *at += len;
    if (rc == KVSP_OK && **at == '\\') {
      (*at)++;
      rc = escape(at, out);
    }
  }
  if (rc == KVSP_OK) (*at)++;
  return rc;
}

/* A number, true, false, null. */
static int read_literal(const char **at, struct text *out) {
  size_t len = strcspn(*at, ",}] \t\r\n");
  const char *begin = *at;
  *at += len;
  if (len == 0) return KVSP_ERR_ARG;
  if (!out || (len == 4 && memcmp(begin, "null", 4) == 0)) return KVSP_OK;
  return kvsp_text_append(out, begin, len);
}

/* Over an object or an array with all that is in it: only depth counts. */
static int skip_nested(const char **at) {
  size_t depth = 0;
  do {
    char c = **at;
    if (c == '\0') return KVSP_ERR_ARG;
    (*at)++;
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (c == '"' && read_string(at, NULL) != KVSP_OK) return KVSP_ERR_ARG;
  } while (depth > 0);
  return KVSP_OK;
}

static int read_value(const char **at, struct text *out) {
  skip_blanks(at);
  if (**at == '{' || **at == '[') return skip_nested(at);
  if (**at != '"') return read_literal(at, out);
  (*at)++;
  return read_string(at, out);
}

/* Whether the name at *at is the wanted one; *at is then behind its colon. */
static int read_name(const char **at, const char *name, bool *same) {
  const char *begin;
  skip_blanks(at);
  if (**at != '"') return KVSP_ERR_ARG;
  begin = ++*at;
  if (read_string(at, NULL) != KVSP_OK) return KVSP_ERR_ARG;
  *same = (size_t)(*at - begin - 1) == strlen(name) &&
          memcmp(begin, name, strlen(name)) == 0;
  skip_blanks(at);
  if (**at != ':') return KVSP_ERR_ARG;
  (*at)++;
  return KVSP_OK;
}

static void make_empty(struct text *out) {
  out->len = 0;
  if (out->data) out->data[0] = '\0';
}

int kvsp_json_field(const char *json, const char *name, struct text *out) {
  bool same = false;
  int rc;
  skip_blanks(&json);
  if (*json != '{') return 0;
  do {
    json++;
    if (read_name(&json, name, &same) != KVSP_OK) return 0;
    make_empty(out);
    rc = read_value(&json, same ? out : NULL);
    if (rc == KVSP_ERR_ARG) {
      make_empty(out); /* half of a key is none */
      return 0;
    }
    if (rc != KVSP_OK) return rc;
    if (same) return out->len > 0;
    skip_blanks(&json);
  } while (*json == ',');
  return 0;
}

int kvsp_xml_field(const char *xml, const char *name, struct text *out) {
  char open[128];
  const char *begin;
  size_t len;
  int rc;
  snprintf(open, sizeof open, "<%s>", name);
  begin = strstr(xml, open);
  if (!begin) return 0;
  begin += strlen(open);
  len = strcspn(begin, "<");
  if (begin[len] == '\0' || len == 0) return 0;
  out->len = 0;
  rc = kvsp_text_append(out, begin, len);
  return rc == KVSP_OK ? 1 : rc;
}
