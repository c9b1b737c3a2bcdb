/*
 * info_table.h - what kvsparse info writes for people.  Knows a summary and
 * standard output; collects nothing.
 */
#ifndef KVSPARSE_TOOLS_INFO_TABLE_H
#define KVSPARSE_TOOLS_INFO_TABLE_H

#include <kvsparse/kvsparse.h>

#include "summary.h"

/* For --fragments: a row for each, as they come. */
void info_table_fragments_head(void);
void info_table_fragment(const kvsp_fragment *fragment);
/* All the rest; name is the file's. */
void info_table_write(const struct summary *summary, const char *name);

#endif
