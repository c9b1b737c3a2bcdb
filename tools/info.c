/*
 * info.c - kvsparse info: what is in a stream.  Reads it and hands each item
 * to the summary; info_table and info_json write what comes of it.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <string.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "info_json.h"
#include "info_live.h"
#include "info_table.h"
#include "live.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "stream_options.h"
#include "summary.h"

static const char usage[] =
    "Usage: kvsparse info [OPTION]... FILE\n"
    "Tells what is in a stream: fragments, tracks, tags, frame rates, gaps,\n"
    "latency. FILE may be - for standard input, or kvs://STREAM (see\n"
    "kvsparse-get(1)). At Ctrl-C it tells what was read so far.\n"
    "\n"
    "  -j, --json              one JSON object instead of a table\n"
    "  -f, --fragments         a row for each fragment, too\n"
    "  -l, --live              how a kvs:// stream came, too\n"
    "  -n, --read-size N       read N bytes at a time (default 64k)\n"
    "      --check-crc         verify CRC-32 elements; a mismatch is a gap\n"
    "      --strict            stop at the first fault instead of a gap\n"
    "      --help              this text\n"
    "\n" READER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 there was a gap, or reading or writing failed\n"
    "(what could be read is told all the same); 2 wrong usage.\n";

struct arguments {
  struct stream_options stream;
  bool fragments;
  bool as_json;
  bool live;
  kvsp_reader_config config;
};

struct info {
  const struct arguments *arguments;
  struct source source;
  kvsp_reader *reader;
  struct info_json *json; /* NULL: a table */
  struct summary summary;
  struct faults faults;
};

static int show_fragment(struct info *info, const kvsp_fragment *fragment) {
  if (info->json != NULL) return info_json_fragment(info->json, fragment);
  info_table_fragment(fragment);
  return output_failed() ? KVSP_ERR_USER : KVSP_OK;
}

static int on_item(void *user, const kvsp_item *item) {
  struct info *info = user;
  int status = summary_add(&info->summary, item);
  if (item->type == KVSP_ITEM_GAP)
    faults_tell_gap(&info->faults, info->source.name, item->gap);
  if (status != KVSP_OK || !info->arguments->fragments) return status;
  if (item->type != KVSP_ITEM_FRAGMENT_END) return status;
  return show_fragment(info, item->fragment);
}

static int read_all(struct info *info) {
  int status = feed_reader(&info->source, info->reader, on_item, info);
  info->summary.bytes = info->source.offset;
  summary_finish(&info->summary);
  if (status < 0 && !output_failed()) /* which was said already */
    faults_tell_error(&info->faults, info->source.name,
                      kvsp_reader_error(info->reader), status);
  if (status < 0 || info->source.failed || info->summary.gaps > 0)
    return EXIT_FAILED;
  return EXIT_WELL;
}

static int write_all(struct info *info) {
  if (info->json != NULL) {
    if (info->arguments->live) info_live_json(info->json, &info->source);
    return info_json_write(info->json, &info->summary, info->source.name);
  }
  if (info->arguments->fragments) output_write("\n", 1);
  info_table_write(&info->summary, info->source.name);
  if (info->arguments->live) info_live_write(&info->source);
  return EXIT_WELL;
}

static int run(struct info *info) {
  int status = kvsp_reader_new(&info->reader, &info->arguments->config);
  if (status != KVSP_OK) {
    faults_tell_start(info->source.name, status);
    return EXIT_FAILED;
  }
  if (info->arguments->fragments && info->json == NULL)
    info_table_fragments_head();
  summary_start(&info->summary);
  status = read_all(info);
  if (write_all(info) != EXIT_WELL) status = EXIT_FAILED;
  summary_free(&info->summary);
  kvsp_reader_free(info->reader);
  return status;
}

static int own_option(void *user, int code, const char *text) {
  struct arguments *a = user;
  (void)text;
  if (code == 'j') a->as_json = true;
  if (code == 'f') a->fragments = true;
  if (code == 'l') a->live = true;
  return EXIT_WELL;
}

static int read_arguments(struct arguments *a, int argc, char **argv) {
  static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                          {"fragments", no_argument, NULL, 'f'},
                                          {"live", no_argument, NULL, 'l'},
                                          READER_OPTIONS,
                                          {NULL, 0, NULL, 0}};
  struct option_set own = {usage, ":jfln:h", options, own_option, a};
  int status = stream_options_read(&a->stream, argc, argv, &own);
  if (status != EXIT_WELL || a->stream.help) return status;
  if (a->live && strncmp(a->stream.path, LIVE_SCHEME, strlen(LIVE_SCHEME)) != 0)
    return complain_usage("--live is about a stream: " LIVE_SCHEME "STREAM");
  a->config.struct_size = sizeof a->config;
  a->config.limits = &a->stream.limits;
  a->config.flags |= stream_options_reader_flags(&a->stream);
  return status;
}

static int open_and_run(struct info *info) {
  int status = EXIT_FAILED;
  if (info->arguments->as_json) {
    info->json = info_json_new();
    if (info->json == NULL) return EXIT_FAILED;
  }
  status = source_open(&info->source, info->arguments->stream.path,
                       info->arguments->stream.read_size);
  if (status == EXIT_WELL) {
    status = run(info);
    source_close(&info->source);
  }
  info_json_free(info->json);
  return status;
}

int command_info(int argc, char **argv) {
  struct arguments a;
  struct info info;
  int status;
  memset(&a, 0, sizeof a);
  memset(&info, 0, sizeof info);
  info.arguments = &a;
  status = read_arguments(&a, argc, argv);
  if (status != EXIT_WELL || a.stream.help) return status;
  return open_and_run(&info);
}
