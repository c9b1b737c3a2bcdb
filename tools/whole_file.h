/*
 * whole_file.h - files that are there whole or not at all: written under a
 * temporary name in the same folder, then renamed.  Knows files; knows
 * nothing of what is in them.
 */
#ifndef KVSPARSE_TOOLS_WHOLE_FILE_H
#define KVSPARSE_TOOLS_WHOLE_FILE_H

#include <kvsparse/common.h>
#include <stdbool.h>

/* Opens the folder, and makes it and those above it where they are missing.
 * A descriptor for close(), or -1 with errno set. */
int whole_file_folder(const char *path);
bool whole_file_exists(int folder, const char *name);
/* Writes the file; with force in place of one that is there already.  0, or
 * -1 with errno set (EEXIST: there is one already); nothing is left behind
 * then. */
int whole_file_write(int folder, const char *name, kvsp_view data, bool force);
/* From now on that signal removes a file half-written before it ends the
 * program. */
void whole_file_clean_up_at(int signal_number);

#endif
