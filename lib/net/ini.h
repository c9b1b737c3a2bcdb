/*
 * ini.h - the files ~/.aws/credentials and ~/.aws/config as text: sections of
 * keys and values.  Knows their syntax; knows no file and no key.
 */
#ifndef KVSP_NET_INI_H
#define KVSP_NET_INI_H

#include <stdbool.h>

#include "text.h"

/* Whether there is such a section: "[name]" or, with prefix, "[prefix name]".
 * prefix NULL: without. */
bool kvsp_ini_has_section(const char *text, const char *prefix,
                          const char *section);
/*
 * The value of the key in that section, the last where there are several.
 * Blanks around it do not count; keys are the same in any case; lines that
 * begin with # or ; are comments, and indented lines belong to the value before
 * them, whose own parts they are (they are left out here).
 * 1: *out has it; 0: there is none, or it is empty; errors of kvsp_text_append.
 */
int kvsp_ini_get(const char *text, const char *prefix, const char *section,
                 const char *key, struct text *out);

#endif
