/*
 * fields.h - single values out of small JSON objects and XML documents, whose
 * values may be secrets: nothing is copied but to where the caller wants it.
 * Knows the two syntaxes; knows no service.
 */
#ifndef KVSP_NET_FIELDS_H
#define KVSP_NET_FIELDS_H

#include "text.h"

/*
 * The string, number or literal with that name in the outermost object of json.
 * 1: *out has it, escapes undone; 0: there is none, it is empty, null, an
 * object or an array, or this is no JSON; errors of kvsp_text_append.
 */
int kvsp_json_field(const char *json, const char *name, struct text *out);
/* The text of the first element with that name, in whatever it lies. */
int kvsp_xml_field(const char *xml, const char *name, struct text *out);

#endif
