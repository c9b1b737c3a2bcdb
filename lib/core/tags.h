/*
 * tags.h - what Tags elements hold: a list of SimpleTags, flat, in the order
 * of the stream, put together from the tokenizer's events.  Knows nothing of
 * what the names mean.
 */
#ifndef KVSP_CORE_TAGS_H
#define KVSP_CORE_TAGS_H

#include <kvsparse/reader.h>
#include <stdbool.h>

#include "arena.h"

struct tag_list {
  struct memory *memory;
  const kvsp_tag **items;
  size_t count;
  size_t capacity;
};

/* A SimpleTag and the one that it lies in, NULL for the outermost. */
struct open_tag {
  kvsp_tag shown;
  struct open_tag *outer;
};

struct tag_builder {
  struct open_tag *open; /* the innermost that is open */
  size_t depth;          /* how many are, one inside the other */
  kvsp_targets *targets; /* of the open Tag, NULL before its Targets */
};

void kvsp_tag_list_init(struct tag_list *list, struct memory *memory);
void kvsp_tag_list_clear(struct tag_list *list);

/* A SimpleTag begins: it takes its place in the list now, so that those inside
 * it follow it.  KVSP_OK, errors of memory. */
int kvsp_tags_begin(struct tag_list *list, struct tag_builder *builder,
                    struct arena *arena);
/* A Tag begins, its Targets begin. */
void kvsp_tags_begin_tag(struct tag_builder *builder);
int kvsp_tags_begin_targets(struct tag_builder *builder, struct arena *arena);
/* A value inside the innermost open SimpleTag, or inside Targets; others are
 * ignored. */
int kvsp_tags_value(struct tag_builder *builder, struct arena *arena,
                    uint64_t id, kvsp_view value);
/* The innermost SimpleTag ends; returns it, NULL when none was open. */
const kvsp_tag *kvsp_tags_end(struct tag_builder *builder);
/* A whole SimpleTag, as by begin, its values and end; name and string lie in
 * one row, the name first, so that one copy is enough.  KVSP_OK with the tag;
 * errors of memory, then nothing was taken. */
int kvsp_tags_add(struct tag_list *list, struct tag_builder *builder,
                  struct arena *arena, kvsp_view name, kvsp_view string,
                  const kvsp_tag **out);
/* Open SimpleTags were cut: they leave the list, with those inside them. */
void kvsp_tags_abort(struct tag_list *list, struct tag_builder *builder);

#endif
