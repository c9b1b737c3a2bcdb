/*
 * finish.c - kvsparse finish: a stream to a file in which any player seeks.
 * Chooses the files and their names; what is in them is the library's work.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <inttypes.h>
#include <kvsparse/finisher.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "message.h"
#include "options.h"
#include "output_file.h"
#include "signals.h"
#include "source.h"
#include "stream_options.h"

struct finish_options {
  struct stream_options stream;
  const char *output; /* a pattern where there may be several files         */
  uint32_t mode;      /* KVSP_FINISH_REBASE, ...                            */
  uint32_t flags;     /* KVSP_FINISH_NO_CHAPTERS                            */
  bool split_at_change;
  int64_t split_ns; /* 0: never                                             */
  bool force;
};

struct finish {
  const struct finish_options *options;
  struct source source;
  kvsp_reader *reader;
  kvsp_finisher *finisher;
  struct output_file output;
  char *name;        /* of the file that is written, for free()             */
  uint64_t position; /* of output.stream                                    */
  uint64_t files;    /* begun                                               */
  uint64_t written;  /* of them, whole                                      */
  struct faults faults;
  uint64_t unknown, wrapped; /* frames that were left out                   */
  bool cannot_write;         /* complained about                            */
  bool incomplete;           /* something of the stream is missing; told    */
};

enum {
  OPTION_MODE = OPTION_LONG_ONLY,
  OPTION_ON_CHANGE,
  OPTION_SPLIT,
  OPTION_NO_CHAPTERS,
  OPTION_FORCE
};

static const char help_text[] =
    "Usage: kvsparse finish [OPTION]... -o FILE STREAM\n"
    "Writes a stream into a Matroska file in which any player seeks: with its\n"
    "true duration, an index of key frames, and a chapter for each fragment,\n"
    "which has the fragment's tags. STREAM may be - for standard input,\n"
    "or kvs://NAME (kvsparse-get(1)).\n"
    "\n"
    "  -o, --output FILE       where to: a file, which gets its name when it\n"
    "                          is whole\n"
    "      --force             overwrite FILE\n"
    "      --mode MODE         of times: rebase starts at 0 and goes on where "
    "a\n"
    "                          producer's session begins anew (default);\n"
    "                          pack closes all gaps between fragments, too;\n"
    "                          keep leaves them as they are\n"
    "      --on-change ACTION  when tracks change: stop (default), or split:\n"
    "                          go on in another file\n"
    "      --split S           another file after S seconds, where a fragment\n"
    "                          begins\n"
    "                          FILE has %i then, which counts from 1\n"
    "      --no-chapters       neither chapters nor tags\n"
    "  -n, --read-size N       read N bytes at a time (64k)\n"
    "      --check-crc         verify CRC-32 elements; a mismatch is a gap\n"
    "      --strict            stop at the first fault instead of a gap\n"
    "  -h, --help              this text\n"
    "\n" READER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 the data was damaged, tracks changed, or\n"
    "reading or writing failed (what could be read was written); 2 wrong\n"
    "usage.\n";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"on-change", required_argument, NULL, OPTION_ON_CHANGE},
    {"split", required_argument, NULL, OPTION_SPLIT},
    {"no-chapters", no_argument, NULL, OPTION_NO_CHAPTERS},
    READER_OPTIONS,
    {NULL, 0, NULL, 0}};

/* Reading the options. */

static int parse_mode(const char *text, uint32_t *mode) {
  static const char *const names[] = {"rebase", "pack", "keep"};
  for (uint32_t i = 0; i < 3; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *mode = i;
    return EXIT_WELL;
  }
  return complain_usage("--mode: '%s' is not rebase, pack or keep", text);
}

static int parse_on_change(const char *text, bool *split) {
  *split = strcmp(text, "split") == 0;
  if (*split || strcmp(text, "stop") == 0) return EXIT_WELL;
  return complain_usage("--on-change: '%s' is not stop or split", text);
}

static int own_option(void *user, int code, const char *text) {
  struct finish_options *options = user;
  switch (code) {
    case 'o': options->output = text; return EXIT_WELL;
    case OPTION_FORCE: options->force = true; return EXIT_WELL;
    case OPTION_NO_CHAPTERS:
      options->flags |= KVSP_FINISH_NO_CHAPTERS;
      return EXIT_WELL;
    case OPTION_MODE: return parse_mode(text, &options->mode);
    case OPTION_ON_CHANGE:
      return parse_on_change(text, &options->split_at_change);
    default: return option_seconds("--split", text, 1, &options->split_ns);
  }
}

static bool has_pattern(const struct finish_options *options) {
  return options->split_at_change || options->split_ns > 0;
}

/* %i once or more, %% for a %, nothing else. */
static int check_pattern(const char *pattern) {
  bool counts = false;
  for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
    if (p[1] != 'i' && p[1] != '%')
      return complain_usage("-o: '%s': only %%i and %%%% are known", pattern);
    if (p[1] == 'i') counts = true;
  }
  if (counts) return EXIT_WELL;
  return complain_usage("-o: '%s' has no %%i, which several files need",
                        pattern);
}

static int check_options(const struct finish_options *options) {
  if (!options->output) return complain_usage("where to? -o FILE");
  if (options->output[0] == '\0')
    return complain_usage("-o: the file has no name");
  if (strcmp(options->output, "-") == 0)
    return complain_usage(
        "-o: a finished file cannot go through a pipe: its head is written "
        "last");
  return has_pattern(options) ? check_pattern(options->output) : EXIT_WELL;
}

/* Files. */

/* For free(); NULL: out of memory. */
static char *file_name(const struct finish *f) {
  const char *from = f->options->output;
  size_t size = strlen(from) * 12 + 1; /* %i becomes 20 digits at most      */
  char *name = malloc(size);
  size_t length = 0;
  if (!name) return NULL;
  for (; *from != '\0'; from++) {
    bool special = has_pattern(f->options) && *from == '%';
    if (special) from++;
    if (special && *from == 'i')
      length +=
          (size_t)snprintf(name + length, size - length, "%" PRIu64, f->files);
    else
      name[length++] = *from;
  }
  name[length] = '\0';
  return name;
}

static void no_file(struct finish *f) {
  memset(&f->output, 0, sizeof f->output);
  f->output.folder = -1;
}

static int open_file(struct finish *f) {
  int status = EXIT_FAILED;
  no_file(f);
  f->position = 0;
  f->files++;
  free(f->name);
  f->name = file_name(f);
  if (!f->name) {
    complain("out of memory");
    return EXIT_FAILED;
  }
  /* command_finish() frees the name. */
  /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
  status = output_file_open(&f->output, f->name, f->options->force);
  if (status != EXIT_WELL || f->output.base) return status;
  if (fseeko(f->output.stream, 0, SEEK_CUR) == 0) return EXIT_WELL;
  complain("%s: its head is written last, so it must be a file", f->name);
  return EXIT_FAILED;
}

static int on_write(void *user, uint64_t offset, const void *data, size_t len) {
  struct finish *f = user;
  FILE *stream = f->output.stream;
  bool well =
      f->position == offset || fseeko(stream, (off_t)offset, SEEK_SET) == 0;
  if (well && fwrite(data, 1, len, stream) == len) {
    f->position = offset + len;
    return KVSP_OK;
  }
  output_file_complain(&f->output);
  f->cannot_write = true;
  return KVSP_ERR_USER;
}

static void tell_status(struct finish *f, int rc) {
  if (!f->cannot_write) complain("%s", kvsp_status_text(rc));
  f->cannot_write = true;
}

static void count_left_out(struct finish *f) {
  kvsp_finisher_stats stats;
  if (kvsp_finisher_get_stats(f->finisher, &stats, sizeof stats) != KVSP_OK)
    return;
  f->unknown += stats.frames_unknown;
  f->wrapped += stats.frames_compressed;
}

/* Gives the file its name, or leaves nothing. */
static void close_file(struct finish *f) {
  int rc = f->cannot_write ? KVSP_ERR_USER : kvsp_finisher_finish(f->finisher);
  count_left_out(f);
  if (rc < 0) tell_status(f, rc);
  if (output_file_close(&f->output, rc == KVSP_OK ? EXIT_WELL : EXIT_FAILED) ==
      EXIT_WELL)
    f->written++;
  else if (rc == KVSP_OK)
    f->cannot_write = true;
  no_file(f); /* the end of the stream closes once more, after a failure   */
}

static int next_file(struct finish *f) {
  close_file(f);
  if (f->cannot_write) return KVSP_ERR_USER;
  if (kvsp_finisher_reset(f->finisher) == KVSP_OK && open_file(f) == EXIT_WELL)
    return KVSP_OK;
  f->cannot_write = true;
  return KVSP_ERR_USER;
}

/* The stream. */

static void on_gap(struct finish *f, const kvsp_gap *gap) {
  if (gap->status == KVSP_ERR_TRUNCATED && signals_caught() != 0) return;
  faults_tell_gap(&f->faults, f->source.name, gap);
  f->incomplete = true;
}

static bool is_split_due(const struct finish *f, const kvsp_item *item) {
  kvsp_finisher_stats stats;
  if (f->options->split_ns == 0 || item->type != KVSP_ITEM_FRAGMENT)
    return false;
  if (kvsp_finisher_get_stats(f->finisher, &stats, sizeof stats) != KVSP_OK)
    return false;
  return stats.frames > 0 && stats.duration_ns >= f->options->split_ns;
}

/* Nothing more fits into this file, for the reason that rc is. */
static int go_on(struct finish *f, const kvsp_item *item, int rc) {
  bool may_split =
      rc == KVSP_END ? f->options->split_at_change : has_pattern(f->options);
  if (may_split) {
    rc = next_file(f);
    return rc == KVSP_OK ? kvsp_finisher_item(f->finisher, item) : rc;
  }
  f->incomplete = true;
  if (rc == KVSP_END)
    complain("%s: fragment %" PRIu64
             " has other tracks: stopped there (--on-change split goes on in "
             "another file)",
             f->source.name, item->fragment->index);
  else
    complain(
        "%s: the index has reached --max-memory: stopped there (so does "
        "--split)",
        f->source.name);
  return KVSP_PAUSED;
}

static int on_item(void *user, const kvsp_item *item) {
  struct finish *f = user;
  int rc = KVSP_OK;
  if (item->type == KVSP_ITEM_GAP) on_gap(f, item->gap);
  if (is_split_due(f, item)) rc = next_file(f);
  if (rc == KVSP_OK) rc = kvsp_finisher_item(f->finisher, item);
  if (rc == KVSP_END || rc == KVSP_ERR_LIMIT_MEMORY) rc = go_on(f, item, rc);
  if (rc < 0) tell_status(f, rc);
  return rc < 0 ? KVSP_ERR_USER : rc;
}

static void read_all(struct finish *f) {
  int rc = feed_reader(&f->source, f->reader, on_item, f);
  if (rc < 0 && !f->cannot_write) {
    faults_tell_error(&f->faults, f->source.name, kvsp_reader_error(f->reader),
                      rc);
    f->incomplete = true;
  }
  if (f->source.failed) f->incomplete = true;
}

static void tell_left_out(const struct finish *f, uint64_t count,
                          const char *why) {
  if (count == 0) return;
  complain("%s: %" PRIu64 " frame%s left out: %s", f->source.name, count,
           count == 1 ? "" : "s", why);
}

static int tell_end(const struct finish *f) {
  if (f->cannot_write) return EXIT_FAILED;
  tell_left_out(f, f->unknown, "the stream does not tell their track");
  tell_left_out(f, f->wrapped,
                "compressed in a way that this build does not undo, or "
                "encrypted");
  if (f->written == 0 && f->unknown + f->wrapped == 0 && !f->incomplete &&
      signals_caught() == 0)
    complain("%s: no frames, so no file", f->source.name);
  if (f->written == 0 || f->incomplete) return EXIT_FAILED;
  return f->unknown + f->wrapped > 0 ? EXIT_FAILED : EXIT_WELL;
}

/* Opening and closing. */

static int make_objects(struct finish *f) {
  const struct finish_options *options = f->options;
  kvsp_reader_config reader = {.struct_size = sizeof reader};
  kvsp_finisher_config finisher = {.struct_size = sizeof finisher};
  int rc;
  reader.limits = &options->stream.limits;
  reader.flags = stream_options_reader_flags(&options->stream) |
                 KVSP_READ_DECOMPRESS | KVSP_READ_ENTRIES;
  finisher.write = on_write;
  finisher.user = f;
  finisher.mode = options->mode;
  finisher.flags = options->flags;
  finisher.max_memory = options->stream.limits.max_memory;
  rc = kvsp_reader_new(&f->reader, &reader);
  if (rc == KVSP_OK) rc = kvsp_finisher_new(&f->finisher, &finisher);
  if (rc == KVSP_OK) return EXIT_WELL;
  faults_tell_start(f->source.name, rc);
  return EXIT_FAILED;
}

static int make_files(struct finish *f) {
  int status = open_file(f);
  if (status != EXIT_WELL) return output_file_close(&f->output, status);
  read_all(f);
  close_file(f);
  return tell_end(f);
}

static int run(struct finish *f) {
  const struct stream_options *stream = &f->options->stream;
  int status = source_open(&f->source, stream->path, stream->read_size);
  if (status != EXIT_WELL) return status;
  status = make_objects(f);
  if (status == EXIT_WELL) status = make_files(f);
  source_close(&f->source);
  return status;
}

int command_finish(int argc, char **argv) {
  struct finish_options options;
  struct finish finish;
  struct option_set own = {help_text, ":o:n:h", long_options, own_option,
                           &options};
  int status;
  memset(&options, 0, sizeof options);
  memset(&finish, 0, sizeof finish);
  finish.options = &options;
  status = stream_options_read(&options.stream, argc, argv, &own);
  if (status != EXIT_WELL || options.stream.help) return status;
  status = check_options(&options);
  if (status == EXIT_WELL) status = run(&finish);
  kvsp_finisher_free(finish.finisher);
  kvsp_reader_free(finish.reader);
  free(finish.name);
  return status;
}
