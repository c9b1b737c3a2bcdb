/*
 * merge.c - kvsparse merge: many fragments into one stream that plays, or into
 * files that do.  The merging is the library's; here are files and their
 * names.
 */
#include <inttypes.h>
#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "merge_name.h"
#include "message.h"
#include "options.h"
#include "output_file.h"
#include "signals.h"
#include "source.h"
#include "stream_options.h"

static const char usage[] =
    "Usage: kvsparse merge [OPTION]... FILE\n"
    "Writes the fragments of a stream as one Matroska document that players\n"
    "play: one header, then all frames as they are, the moment they come. "
    "FILE\n"
    "may be - for standard input, or kvs://STREAM (kvsparse-get(1)).\n"
    "\n"
    "  -o, --output FILE       where to (default: -, standard output); with "
    "%i\n"
    "                          (number of the file) or %f (its first "
    "fragment)\n"
    "                          in its name there may be several; %t is the\n"
    "                          producer's time\n"
    "  -m, --mode MODE         rebase: begin at 0, keep gaps (default)\n"
    "                          pack: begin at 0, close gaps\n"
    "                          keep: leave times as they are\n"
    "  -s, --split WHAT        a new file for each fragment (fragment), or at\n"
    "                          the first after SECONDS (60) or BYTES (64M)\n"
    "      --on-change WHAT    new-file (default, where -o makes several),\n"
    "                          new-segment or stop, where tracks change, or,\n"
    "                          with --mode keep, times go back\n"
    "  -g, --tags              fold the fragments' tags into one at the end\n"
    "  -f, --force             overwrite files\n"
    "  -n, --read-size N       read N bytes at a time (default 64k)\n"
    "      --check-crc         verify CRC-32 elements\n"
    "      --strict            stop at the first fault\n"
    "      --help              this text\n"
    "\n" READER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 the stream is damaged or has no frames, or\n"
    "reading or writing failed (what is whole is written); 2 wrong usage.\n";

enum on_change { CHANGE_DEFAULT, CHANGE_FILE, CHANGE_SEGMENT, CHANGE_STOP };

struct merge_options {
  struct stream_options stream;
  const char *output;
  bool several; /* the output is a pattern                                  */
  bool force;
  enum on_change on_change;
  kvsp_merger_config config;
};

struct merge {
  const struct merge_options *options;
  struct source source;
  kvsp_merger *merger;
  struct faults faults;
  struct output_file file;
  bool file_open;
  bool failed;  /* the output did                                           */
  bool misused; /* ... because it is no place for it: a terminal           */
  uint64_t gaps;
  char name[MERGE_NAME_SIZE];
};

/* What callbacks return to stop; the complaint is made. */
#define STOPPED KVSP_ERR_USER

/* ---- arguments ----------------------------------------------------------- */

enum {
  OPTION_ON_CHANGE = OPTION_LONG_ONLY,
};

static int read_mode(struct merge_options *o, const char *text) {
  if (strcmp(text, "rebase") == 0)
    o->config.mode = KVSP_MERGE_REBASE;
  else if (strcmp(text, "pack") == 0)
    o->config.mode = KVSP_MERGE_PACK;
  else if (strcmp(text, "keep") == 0)
    o->config.mode = KVSP_MERGE_KEEP;
  else
    return complain_usage("--mode: '%s' is not rebase, pack or keep", text);
  return EXIT_WELL;
}

/* Bytes have a unit, seconds have none. */
static int read_split(struct merge_options *o, const char *text) {
  size_t length = strlen(text);
  if (strcmp(text, "fragment") == 0) {
    o->config.split_fragments = 1;
    return EXIT_WELL;
  }
  if (length > 0 && strchr("kKmMgG", text[length - 1]) != NULL)
    return option_size("--split", text, 1, UINT64_MAX, &o->config.split_bytes);
  return option_seconds("--split", text, 1, &o->config.split_ns);
}

static int read_on_change(struct merge_options *o, const char *text) {
  if (strcmp(text, "new-file") == 0)
    o->on_change = CHANGE_FILE;
  else if (strcmp(text, "new-segment") == 0)
    o->on_change = CHANGE_SEGMENT;
  else if (strcmp(text, "stop") == 0)
    o->on_change = CHANGE_STOP;
  else
    return complain_usage(
        "--on-change: '%s' is not new-file, new-segment or "
        "stop",
        text);
  return EXIT_WELL;
}

static int own_option(void *user, int code, const char *text) {
  struct merge_options *o = user;
  switch (code) {
    case 'o': o->output = text; return EXIT_WELL;
    case 'm': return read_mode(o, text);
    case 's': return read_split(o, text);
    case 'g': o->config.flags |= KVSP_MERGE_TAGS; return EXIT_WELL;
    case 'f': o->force = true; return EXIT_WELL;
    default: return read_on_change(o, text);
  }
}

static bool splits(const struct merge_options *o) {
  const kvsp_merger_config *c = &o->config;
  return c->split_fragments > 0 || c->split_bytes > 0 || c->split_ns > 0;
}

static int check(struct merge_options *o) {
  if (o->output[0] == '\0') return complain_usage("-o: the file has no name");
  o->several = merge_name_is_pattern(o->output);
  if (o->several) return merge_name_check(o->output);
  if (splits(o))
    return complain_usage("--split makes several files: -o part-%%i.mkv");
  if (o->on_change == CHANGE_FILE)
    return complain_usage(
        "--on-change new-file makes several files: -o part-%%i.mkv");
  return EXIT_WELL;
}

static uint32_t merger_flags(const struct merge_options *o) {
  uint32_t flags = o->config.flags;
  if (o->stream.strict) flags |= KVSP_MERGE_STRICT;
  if (o->stream.check_crc) flags |= KVSP_MERGE_CHECK_CRC;
  if (o->on_change == CHANGE_STOP) flags |= KVSP_MERGE_STOP;
  return flags;
}

static int read_arguments(struct merge_options *o, int argc, char **argv) {
  static const struct option options[] = {
      {"output", required_argument, NULL, 'o'},
      {"mode", required_argument, NULL, 'm'},
      {"split", required_argument, NULL, 's'},
      {"on-change", required_argument, NULL, OPTION_ON_CHANGE},
      {"tags", no_argument, NULL, 'g'},
      {"force", no_argument, NULL, 'f'},
      READER_OPTIONS,
      {NULL, 0, NULL, 0}};
  struct option_set own = {usage, ":o:m:s:gfn:h", options, own_option, o};
  int status;
  o->output = "-";
  status = stream_options_read(&o->stream, argc, argv, &own);
  if (status != EXIT_WELL || o->stream.help) return status;
  o->config.struct_size = sizeof o->config;
  o->config.limits = &o->stream.limits;
  o->config.flags = merger_flags(o);
  return check(o);
}

/* ---- output -------------------------------------------------------------- */

static int close_file(struct merge *m, int status) {
  if (!m->file_open) return status;
  m->file_open = false;
  return output_file_close(&m->file, status);
}

static const char *file_name(struct merge *m,
                             const kvsp_merge_segment *segment) {
  if (!m->options->several) return m->options->output;
  if (merge_name(m->name, m->options->output, segment)) return m->name;
  complain("the pattern makes too long a name");
  return NULL;
}

/* The name is the last file's as long as that is open. */
static int open_file(struct merge *m, const kvsp_merge_segment *segment) {
  const char *name;
  int status;
  if (close_file(m, EXIT_WELL) != EXIT_WELL) return STOPPED;
  name = file_name(m, segment);
  if (!name) return STOPPED;
  memset(&m->file, 0, sizeof m->file);
  m->file_open = true;
  status = output_file_open(&m->file, name, m->options->force);
  if (status == EXIT_WELL) return 0;
  m->misused = status == EXIT_USAGE;
  close_file(m, EXIT_FAILED);
  return STOPPED;
}

static const char *why(const kvsp_merge_segment *segment) {
  return segment->reason == KVSP_MERGE_TIMES ? "times go back"
                                             : "the tracks change";
}

static bool needs_file(const struct merge *m,
                       const kvsp_merge_segment *segment) {
  if (!m->file_open) return true;
  if (!m->options->several) return false;
  return segment->reason == KVSP_MERGE_SPLIT ||
         m->options->on_change != CHANGE_SEGMENT;
}

/* One file with several documents is what many players show the first of. */
static int begin_segment(struct merge *m, const kvsp_merge_segment *segment) {
  if (needs_file(m, segment)) return open_file(m, segment);
  if (segment->index == 1 && m->options->on_change == CHANGE_DEFAULT)
    complain("%s: %s at fragment %" PRIu64
             ": another segment begins, which "
             "players may not show (-o part-%%i.mkv: a file for each)",
             m->source.name, why(segment), segment->fragment->index);
  return 0;
}

static int on_output(void *user, const void *data, size_t len,
                     const kvsp_merge_segment *segment) {
  struct merge *m = user;
  m->failed = true;
  if (segment && begin_segment(m, segment) != 0) return STOPPED;
  if (fwrite(data, 1, len, m->file.stream) != len) {
    output_file_complain(&m->file);
    return STOPPED;
  }
  m->failed = false;
  return 0;
}

/* A frame is to leave when it is whole; a file can wait. */
static int flush(struct merge *m) {
  if (!m->file_open || m->file.base) return KVSP_OK;
  if (fflush(m->file.stream) == 0) return KVSP_OK;
  m->failed = true;
  output_file_complain(&m->file);
  return STOPPED;
}

/* ---- input --------------------------------------------------------------- */

static int on_item(void *user, const kvsp_item *item) {
  struct merge *m = user;
  if (item->type != KVSP_ITEM_GAP) return 0;
  /* A signal ended the input: that is no damage. */
  if (item->gap->status == KVSP_ERR_TRUNCATED && signals_caught() != 0)
    return 0;
  m->gaps++;
  faults_tell_gap(&m->faults, m->source.name, item->gap);
  return 0;
}

static int take(void *user, const void *data, size_t length, unsigned flags) {
  struct merge *m = user;
  int rc = kvsp_merger_write(m->merger, data, length, flags);
  int flushed = rc == KVSP_OK || rc == KVSP_END ? flush(m) : KVSP_OK;
  return flushed != KVSP_OK ? flushed : rc;
}

static int read_pieces(struct merge *m) {
  const struct feed feed = {take, NULL, m};
  return feed_all(&m->source, &feed);
}

/* What could not be written although it is whole. */
static int judge(struct merge *m) {
  kvsp_merger_stats stats;
  if (kvsp_merger_get_stats(m->merger, &stats, sizeof stats) != KVSP_OK)
    return EXIT_FAILED;
  if (stats.frames_left > 0 && !m->failed) {
    complain("%s: %" PRIu64 " frames left out: no Tracks say what they are",
             m->source.name, stats.frames_left);
    return EXIT_FAILED;
  }
  if (stats.frames > 0 || signals_caught() != 0) return EXIT_WELL;
  if (m->failed) return EXIT_FAILED; /* which was told */
  if (m->gaps == 0 && !m->source.failed)
    complain("%s: there are no frames in it", m->source.name);
  return EXIT_FAILED;
}

static int merge_all(struct merge *m) {
  int rc = read_pieces(m);
  int status = judge(m);
  if (rc < 0 && rc != STOPPED)
    faults_tell_error(&m->faults, m->source.name, kvsp_merger_error(m->merger),
                      rc);
  if (rc < 0 || m->source.failed || m->gaps > 0) status = EXIT_FAILED;
  return status;
}

static int run(struct merge *m) {
  kvsp_merger_config config = m->options->config;
  int status;
  int closed;
  int rc;
  config.output = on_output;
  config.item = on_item;
  config.user = m;
  rc = kvsp_merger_new(&m->merger, &config);
  if (rc != KVSP_OK) {
    faults_tell_start(m->source.name, rc);
    return EXIT_FAILED;
  }
  status = merge_all(m);
  /* What is whole is kept, also where the input is not. */
  closed = close_file(m, m->failed ? EXIT_FAILED : EXIT_WELL);
  kvsp_merger_free(m->merger);
  if (m->misused) return EXIT_USAGE;
  return status != EXIT_WELL ? status : closed;
}

int command_merge(int argc, char **argv) {
  struct merge_options options;
  struct merge merge;
  int status;
  memset(&options, 0, sizeof options);
  memset(&merge, 0, sizeof merge);
  status = read_arguments(&options, argc, argv);
  if (status != EXIT_WELL || options.stream.help) return status;
  merge.options = &options;
  status =
      source_open(&merge.source, options.stream.path, options.stream.read_size);
  if (status != EXIT_WELL) return status;
  status = run(&merge);
  source_close(&merge.source);
  return status;
}
