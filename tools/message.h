/*
 * message.h - what the program says on standard error: complaints, one line
 * each, and one passing line for progress.  The only module that writes
 * there, so that the two never mix.
 */
#ifndef KVSPARSE_TOOLS_MESSAGE_H
#define KVSPARSE_TOOLS_MESSAGE_H

#if defined(__GNUC__)
#define MESSAGE_FORMAT(first) \
  __attribute__((format(printf, first, (first) + 1)))
#else
#define MESSAGE_FORMAT(first)
#endif

/* What complaints begin with; static or valid until the end of the program.
 * main() sets it to "kvsparse SUBCOMMAND". */
void message_set_prefix(const char *prefix);
const char *message_prefix(void);

/* One line "PREFIX: TEXT".  The format has no newline.  Control characters in
 * the text (a file name may hold any), and those that turn its direction,
 * become '?'. */
void complain(const char *format, ...) MESSAGE_FORMAT(1);
/* The same for wrong usage, with a hint at --help; returns EXIT_USAGE. */
int complain_usage(const char *format, ...) MESSAGE_FORMAT(1);

/* Shows text in place of the last passing line; NULL erases it. */
void message_passing(const char *text);

#endif
