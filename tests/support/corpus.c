#define _DEFAULT_SOURCE /* scandir, alphasort */

#include "support/corpus.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const char *root(void) {
  const char *folder = getenv("KVSPARSE_CORPUS");
  return folder != NULL ? folder : "";
}

bool corpus_is_there(void) {
  return root()[0] != '\0';
}

void corpus_path(char *out, size_t capacity, const char *folder,
                 const char *name, const char *suffix) {
  int len = snprintf(out, capacity, "%s/%s/%s%s", root(), folder, name, suffix);
  ck_assert_msg(len > 0 && (size_t)len < capacity, "a path is too long");
}

void corpus_load(struct bytes *b, const char *folder, const char *name,
                 const char *suffix) {
  static uint8_t piece[65536];
  char path[1024];
  FILE *file;
  size_t n;
  corpus_path(path, sizeof path, folder, name, suffix);
  file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s cannot be opened", path);
  for (n = fread(piece, 1, sizeof piece, file); n > 0;
       n = fread(piece, 1, sizeof piece, file))
    bytes_append(b, piece, n);
  ck_assert_msg(!ferror(file), "%s cannot be read", path);
  fclose(file);
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

void corpus_each(const char *folder, corpus_check check) {
  char path[1024];
  struct dirent **entries = NULL;
  int count;
  corpus_path(path, sizeof path, folder, "", "");
  count = scandir(path, &entries, is_visible, alphasort);
  ck_assert_msg(count > 0, "%s has no files", path);
  for (int i = 0; i < count; i++) {
    struct bytes b = {0};
    corpus_load(&b, folder, entries[i]->d_name, "");
    check(folder, entries[i]->d_name, &b);
    bytes_free(&b);
    free(entries[i]);
  }
  free(entries);
}
