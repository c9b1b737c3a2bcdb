/*
 * main.c - kvsparse: finds the subcommand and runs it.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <kvsparse/kvsparse.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_FFMPEG
#include <kvsparse/decoder.h>
#endif
#ifdef HAVE_MATROSKA
#include <kvsparse/finisher.h>
#endif
#ifdef HAVE_CURL
#include <kvsparse/client.h>
#endif

#include "command.h"
#include "json_items.h"
#include "message.h"
#include "output.h"
#include "signals.h"

#ifndef HAVE_FFMPEG
/* Both need a codec: better to say what is missing than to be unknown. */
static int command_missing(int argc, char **argv) {
  (void)argc;
  (void)argv;
  complain(
      "this build cannot do it: it was made without FFmpeg (Debian: "
      "libavcodec-dev, libavutil-dev, libswscale-dev)");
  return EXIT_FAILED;
}
#define command_dump command_missing
#define command_generate command_missing
#endif

#ifndef HAVE_CURL
static int get_missing(int argc, char **argv) {
  (void)argc;
  (void)argv;
  complain(
      "this build cannot do it: it was made without libcurl (Debian: "
      "libcurl4-openssl-dev, libjansson-dev)");
  return EXIT_FAILED;
}
#define command_get get_missing
#define command_ls get_missing
#endif

#ifndef HAVE_MATROSKA
static int finish_missing(int argc, char **argv) {
  (void)argc;
  (void)argv;
  complain(
      "this build cannot do it: it was made without libmatroska (Debian: g++, "
      "libebml-dev, libmatroska-dev)");
  return EXIT_FAILED;
}
#define command_finish finish_missing
#endif

static const struct command commands[] = {
    {"info", "what is in a stream: fragments, tracks, tags, rates, gaps",
     command_info},
    {"events", "one JSON object a line for each fragment, frame, tag, gap",
     command_events},
    {"elements", "the Matroska elements with offsets, sizes and values",
     command_elements},
    {"merge", "many fragments into one stream that plays", command_merge},
    {"dump", "frames to images: PNG, JPEG, PPM", command_dump},
    {"finish", "a file in which any player seeks: Matroska with an index",
     command_finish},
    {"extract", "a track's media: .h264, .h265, .aac, .wav, .jpg",
     command_extract},
    {"get", "a live stream's bytes, by its name", command_get},
    {"ls", "which fragments of a stream are kept", command_ls},
    {"generate", "a sample GetMedia stream with a moving test picture",
     command_generate},
};
static const size_t command_count = sizeof commands / sizeof commands[0];

static const char usage_head[] =
    "Usage: kvsparse SUBCOMMAND [OPTION]... FILE\n"
    "Reads what Amazon Kinesis Video Streams' GetMedia and\n"
    "GetMediaForFragmentList send. FILE may be - for standard input, and\n"
    "kvs://STREAM for a live stream (kvsparse-get(1)).\n"
    "\n"
    "Subcommands:\n";
static const char usage_tail[] =
    "\n"
    "      --help     this text; kvsparse SUBCOMMAND --help: its options\n"
    "      --version  the versions of the program and its libraries\n"
    "\n"
    "Exit status: 0 all well; 1 the data or the machine failed, what could be\n"
    "read was written; 2 wrong usage. Ctrl-C: what was read is written, then "
    "the\n"
    "program ends by the signal.\n";

static int print_usage(void) {
  output_print("%s", usage_head);
  for (size_t i = 0; i < command_count; i++)
    output_print("  %-10s %s\n", commands[i].name, commands[i].summary);
  output_print("%s", usage_tail);
  return EXIT_WELL;
}

static int print_version(void) {
  const char *json = json_library_version();
  output_print("kvsparse %d.%d.%d\n", KVSP_VERSION_MAJOR, KVSP_VERSION_MINOR,
               KVSP_VERSION_PATCH);
  output_print("libkvsparse %s\n", kvsp_version());
  if (kvsp_features() & KVSP_FEATURE_ZLIB)
    output_print("features: zlib\n");
  else
    output_print("without zlib: such frames stay compressed\n");
#ifdef HAVE_FFMPEG
  output_print("%s\n", kvsp_av_version());
#else
  output_print(
      "without FFmpeg: no dump, no generate; extract: wav, jpeg, raw\n");
#endif
#ifdef HAVE_MATROSKA
  output_print("%s\n", kvsp_finisher_version());
#else
  output_print("without libmatroska: no finish\n");
#endif
#ifdef HAVE_CURL
  output_print("%s\n", kvsp_net_version());
#else
  output_print("without libcurl: no get, no ls, no kvs://\n");
#endif
  if (json != NULL)
    output_print("jansson %s\n", json);
  else
    output_print("without jansson: no events, no info --json\n");
  return EXIT_WELL;
}

/* A file opened while one of these is closed would take its number, and what
 * is meant for the terminal would go there.  Each gets a stand-in that refuses
 * the direction in which it would be used. */
static void hold_standard_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
      return;
  }
}

static int run(const struct command *command, int argc, char **argv) {
  char name[64];
  int status;
  snprintf(name, sizeof name, "kvsparse %s", command->name);
  argv[0] = name;
  message_set_prefix(name);
  status = command->run(argc, argv);
  output_flush();
  signals_end();
  message_set_prefix("kvsparse");
  return status;
}

static int dispatch(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  if (name == NULL) return complain_usage("which subcommand?");
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    return print_usage();
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
    return print_version();
  for (size_t i = 0; i < command_count; i++) {
    if (strcmp(name, commands[i].name) == 0)
      return run(&commands[i], argc - 1, argv + 1);
  }
  if (name[0] == '-') return complain_usage("'%s' is no option", name);
  return complain_usage("'%s' is no subcommand", name);
}

int main(int argc, char **argv) {
  int status;
  hold_standard_streams();
  signals_start();
  status = dispatch(argc, argv);
  output_flush();
  signals_end();
  if (output_failed() && status == EXIT_WELL) status = EXIT_FAILED;
  return status;
}
