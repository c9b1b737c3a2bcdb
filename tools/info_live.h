/*
 * info_live.h - what kvsparse info --live adds: how a live stream came.  Knows
 * the figures of a live reader; of a file there are none.
 */
#ifndef KVSPARSE_TOOLS_INFO_LIVE_H
#define KVSPARSE_TOOLS_INFO_LIVE_H

#include "info_json.h"
#include "source.h"

/* Rows of the table. */
void info_live_write(const struct source *source);
/* The object "live" of --json. */
void info_live_json(struct info_json *json, const struct source *source);

#endif
