/*
 * replay_main.c - a main for the fuzz targets where no fuzzer brings one: runs
 * the target on each file given, and on all files of each folder given; on
 * standard input without any.  Knows no target.
 */
#define _DEFAULT_SOURCE /* for dirent.h: -std=c11 alone has none */

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "support/mux.h"

static size_t files;

static void fail(const char *path) {
  fprintf(stderr, "%s: %s\n", path, strerror(errno));
  exit(1);
}

static void run_stream(FILE *file, const char *path) {
  static uint8_t piece[65536];
  struct bytes b = {0};
  size_t n = fread(piece, 1, sizeof piece, file);
  for (; n > 0; n = fread(piece, 1, sizeof piece, file))
    bytes_append(&b, piece, n);
  if (ferror(file)) fail(path);
  fprintf(stderr, "%s\n", path); /* the last one, if it does not come back */
  LLVMFuzzerTestOneInput(b.data, b.len);
  bytes_free(&b);
  files++;
}

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  run_stream(file, path);
  fclose(file);
}

static void run_folder(DIR *folder, const char *path) {
  const struct dirent *entry;
  char name[4096];
  for (entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >=
        (int)sizeof name)
      continue;
    run_file(name);
  }
  closedir(folder);
}

int main(int argc, char **argv) {
  if (argc < 2) run_stream(stdin, "standard input");
  for (int i = 1; i < argc; i++) {
    DIR *folder = opendir(argv[i]);
    if (folder != NULL)
      run_folder(folder, argv[i]);
    else
      run_file(argv[i]);
  }
  printf("%zu inputs\n", files);
  return files > 0 ? 0 : 1;
}
