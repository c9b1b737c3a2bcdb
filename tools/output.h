/*
 * output.h - standard output with its errors kept: the first failure (a full
 * disk) is complained about once, in one line, and everything after it is
 * dropped; nothing is said when the reader of a pipe went away (signals.h).
 * Long-running commands ask output_failed() now and then and stop.
 */
#ifndef KVSPARSE_TOOLS_OUTPUT_H
#define KVSPARSE_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "message.h"

void output_write(const char *text, size_t length);
void output_print(const char *format, ...) MESSAGE_FORMAT(1);
/* Also done by source_read() whenever it would wait, and by main(). */
void output_flush(void);
bool output_failed(void);

#endif
