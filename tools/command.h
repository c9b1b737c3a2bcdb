/*
 * command.h - the subcommands of kvsparse and how they end.  Knows their
 * names; knows nothing of what they do.
 *
 * A subcommand is one file and one function here.  It gets its own arguments
 * as a main function would: argv[0] is "kvsparse SUBCOMMAND", argv[1] its
 * first argument.  main() flushes standard output behind it and turns a write
 * error into status 1.
 */
#ifndef KVSPARSE_TOOLS_COMMAND_H
#define KVSPARSE_TOOLS_COMMAND_H

/* What the program says to the shell. */
enum exit_status {
  EXIT_WELL = 0,   /* all well                                             */
  EXIT_FAILED = 1, /* the data or the machine failed; what could be read was
                      written                                              */
  EXIT_USAGE = 2   /* wrong usage; nothing was done                        */
};

struct command {
  const char *name;
  const char *summary; /* a few words for --help                           */
  int (*run)(int argc, char **argv); /* returns an exit_status             */
};

int command_info(int argc, char **argv);
int command_events(int argc, char **argv);
int command_elements(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_extract(int argc, char **argv);
/* Only with HAVE_FFMPEG. */
int command_dump(int argc, char **argv);
int command_generate(int argc, char **argv);
/* Only with HAVE_CURL. */
int command_get(int argc, char **argv);
int command_ls(int argc, char **argv);
/* Only with HAVE_MATROSKA. */
int command_finish(int argc, char **argv);

#endif
