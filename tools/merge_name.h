/*
 * merge_name.h - the file names of merge's output.  Knows what -o may say;
 * knows nothing of files and streams.
 */
#ifndef KVSPARSE_TOOLS_MERGE_NAME_H
#define KVSPARSE_TOOLS_MERGE_NAME_H

#include <kvsparse/merger.h>
#include <stdbool.h>

/* As long as paths are, on most systems. */
#define MERGE_NAME_SIZE 4096

/* Whether the path's last part has a '%', so that each file gets a name. */
bool merge_name_is_pattern(const char *path);
/* Whether such a pattern makes sense and tells files apart.  EXIT_WELL, or
 * EXIT_USAGE after a complaint. */
int merge_name_check(const char *pattern);
/* The path of a segment's file.  False when it would be too long. */
bool merge_name(char out[MERGE_NAME_SIZE], const char *pattern,
                const kvsp_merge_segment *segment);

#endif
