#include "ini.h"

#include <string.h>

struct line {
  const char *at;
  size_t len;
};

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static bool next_line(const char **text, struct line *line) {
  const char *end;
  if (**text == '\0') return false;
  end = strchr(*text, '\n');
  line->at = *text;
  line->len = end ? (size_t)(end - *text) : strlen(*text);
  *text = end ? end + 1 : *text + line->len;
  return true;
}

static void trim(struct line *line) {
  while (line->len > 0 && is_blank(line->at[0])) {
    line->at++;
    line->len--;
  }
  while (line->len > 0 && is_blank(line->at[line->len - 1])) line->len--;
}

static bool is_word(struct line word, const char *text) {
  return word.len == strlen(text) && memcmp(word.at, text, word.len) == 0;
}

static char lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_key(struct line word, const char *key) {
  if (word.len != strlen(key)) return false;
  for (size_t i = 0; i < word.len; i++)
    if (lower(word.at[i]) != lower(key[i])) return false;
  return true;
}

/* "[name]", "[prefix name]": what is between the brackets. */
static bool is_section(struct line line, const char *prefix,
                       const char *section) {
  const char *end = memchr(line.at, ']', line.len);
  struct line name;
  if (!end) return false;
  name.at = line.at + 1;
  name.len = (size_t)(end - name.at);
  trim(&name);
  if (!prefix) return is_word(name, section);
  if (name.len <= strlen(prefix) ||
      memcmp(name.at, prefix, strlen(prefix)) != 0 ||
      !is_blank(name.at[strlen(prefix)]))
    return false;
  name.at += strlen(prefix);
  name.len -= strlen(prefix);
  trim(&name);
  return is_word(name, section);
}

bool kvsp_ini_has_section(const char *text, const char *prefix,
                          const char *section) {
  struct line line;
  while (next_line(&text, &line))
    if (line.len > 0 && line.at[0] == '[' && is_section(line, prefix, section))
      return true;
  return false;
}

/* "key = value": whether it is that key, and its value. */
static bool is_assignment(struct line line, const char *key,
                          struct line *value) {
  const char *equals = memchr(line.at, '=', line.len);
  struct line name;
  if (!equals || is_blank(line.at[0]) || line.at[0] == '#' || line.at[0] == ';')
    return false;
  name.at = line.at;
  name.len = (size_t)(equals - line.at);
  value->at = equals + 1;
  value->len = line.len - name.len - 1;
  trim(&name);
  trim(value);
  return is_key(name, key);
}

int kvsp_ini_get(const char *text, const char *prefix, const char *section,
                 const char *key, struct text *out) {
  struct line line;
  struct line value;
  struct line found = {NULL, 0};
  bool inside = false;
  int rc;
  while (next_line(&text, &line)) {
    if (line.len == 0) continue;
    if (line.at[0] == '[') {
      inside = is_section(line, prefix, section);
    } else if (inside && is_assignment(line, key, &value)) {
      found = value;
    }
  }
  if (found.len == 0) return 0;
  out->len = 0;
  rc = kvsp_text_append(out, found.at, found.len);
  return rc == KVSP_OK ? 1 : rc;
}
