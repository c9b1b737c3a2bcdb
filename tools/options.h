/*
 * options.h - reading command line options: the values that subcommands share
 * the spelling of.  Knows numbers and units; knows no subcommand.
 *
 * Each parser returns EXIT_WELL, or EXIT_USAGE after it complained in one line
 * that names the option: "kvsparse dump: --every: '0' is not a whole number
 * from 1 to ...".
 */
#ifndef KVSPARSE_TOOLS_OPTIONS_H
#define KVSPARSE_TOOLS_OPTIONS_H

#include <getopt.h>
#include <kvsparse/common.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

/* For long options without a letter: beyond every char. */
#define OPTION_LONG_ONLY 256

/* A whole decimal number from min to max. */
int option_unsigned(const char *option, const char *text, uint64_t min,
                    uint64_t max, uint64_t *value);
/* Bytes: a number that may end in k, M or G (1024, 1024^2, 1024^3). */
int option_size(const char *option, const char *text, uint64_t min,
                uint64_t max, uint64_t *value);
/* The value of --read-size, as source_open() takes it. */
int option_read_size(const char *text, size_t *value);
/* Decimal seconds, "1511852108.5", exactly to nanoseconds, not below min_ns.
 * More than nine decimals are refused. */
int option_seconds(const char *option, const char *text, int64_t min_ns,
                   int64_t *ns);
/* "640x360", both at most max; with allow_zero one of the two may be 0 (keep
 * the aspect). */
int option_dimensions(const char *option, const char *text, uint32_t max,
                      int allow_zero, uint32_t *width, uint32_t *height);

/* The options of a subcommand. */
struct option_set {
  const char *help;             /* the whole text of --help                */
  const char *letters;          /* for getopt_long: a ':', h, others        */
  const struct option *options; /* with {"help", no_argument, NULL, 'h'}    */
  /* Deals with one: EXIT_WELL, or EXIT_USAGE after a complaint. */
  int (*take)(void *user, int code, const char *text);
  void *user;
};
/* Reads them all, up to optind; *help: it was asked for, and printed.
 * EXIT_WELL, or EXIT_USAGE after a complaint. */
int options_read(int argc, char *const *argv, const struct option_set *set,
                 bool *help);
/* The one argument behind the options (optind): FILE, or "-". */
int option_input(int argc, char *const *argv, const char **path);
/* Prints the text of --help on standard output; EXIT_WELL. */
int option_help(const char *text);

#endif
