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
/*
 * A new file under a temporary name in the folder; one at a time.  Write to
 * the descriptor and close it, then call whole_file_keep(), or
 * whole_file_drop().  -1 with errno set.  A signal that ends the program
 * removes it (signals.h).
 */
int whole_file_begin(int folder);
/* Gives it its name; with force in place of a file that is there already.  A
 * symbolic link of that name is such a file, and never followed.  0, or -1
 * with errno set (EEXIST: there is one already); nothing is left behind then.
 */
int whole_file_keep(const char *name, bool force);
/* Nothing is left behind; errno stays. */
void whole_file_drop(void);
/* All of that for a file whose bytes are there: 0, or -1 with errno set. */
int whole_file_write(int folder, const char *name, kvsp_view data, bool force);

#endif
