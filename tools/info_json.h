/*
 * info_json.h - what kvsparse info --json writes: one object.  Knows a summary
 * and standard output; collects only the rows of --fragments.  In a build
 * without jansson info_json_new() says so.
 */
#ifndef KVSPARSE_TOOLS_INFO_JSON_H
#define KVSPARSE_TOOLS_INFO_JSON_H

#include <kvsparse/kvsparse.h>

#include "summary.h"

struct info_json;

/* NULL after a complaint. */
struct info_json *info_json_new(void);
void info_json_free(struct info_json *json);
/* At FRAGMENT_END, for --fragments.  KVSP_OK, or KVSP_ERR_NOMEM. */
int info_json_fragment(struct info_json *json, const kvsp_fragment *fragment);
#ifdef HAVE_JANSSON
#include <jansson.h>
/* Takes the object; it becomes "live". */
void info_json_set_live(struct info_json *json, json_t *live);
#endif
/* EXIT_WELL, or EXIT_FAILED after a complaint. */
int info_json_write(struct info_json *json, const struct summary *summary,
                    const char *name);

#endif
