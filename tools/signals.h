/*
 * signals.h - how signals end the program, the same for all subcommands.
 * Knows signals; knows nothing of what is read or written.
 *
 * The first SIGINT, SIGTERM or SIGHUP asks a command to stop: what was read
 * until then is written (of work that takes long, as much as a second allows),
 * then the program ends by that signal, as if it had
 * never caught it (a shell sees 130 for Ctrl-C).  The second one ends it at
 * once.  Who started the program with one of them ignored (nohup, a job in the
 * background) keeps it ignored.
 *
 * When whoever reads our output goes away, the program ends by SIGPIPE, and
 * says nothing, as others in a pipeline do; but only once it has cleaned up.
 */
#ifndef KVSPARSE_TOOLS_SIGNALS_H
#define KVSPARSE_TOOLS_SIGNALS_H

#include <stdbool.h>

/* First of all: writing then fails with EPIPE or EFBIG instead of a signal. */
void signals_start(void);
/* From now on the three signals ask to stop. */
void signals_catch(void);
/* The signal that asks to stop; 0: none does. */
int signals_caught(void);
/* True when one asked to stop so long ago (a second) that what was read is no
 * longer worth the time that it takes. */
bool signals_overdue(void);
/* Waits until there is something to read; false: a signal asks to stop. */
bool signals_wait_for_input(int fd);
/* What is to be done before the second signal ends the program; called inside
 * of a signal handler.  NULL: nothing. */
void signals_at_death(void (*clean_up)(void));
/* After EPIPE: true when the program is to say nothing and end by SIGPIPE in
 * signals_end(); false when that is ignored, and it is an error to tell. */
bool signals_reader_left(void);
/* Last of all: ends the program if a signal is to end it, which it says in one
 * line (but not of SIGPIPE). */
void signals_end(void);

#endif
