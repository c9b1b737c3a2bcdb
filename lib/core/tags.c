#include "tags.h"

#include <string.h>

/* Targets of one Tag; more are ignored. */
#define TARGETS_MAX 64u

void kvsp_tag_list_init(struct tag_list *list, struct memory *memory) {
  struct tag_list empty = {.memory = memory};
  *list = empty;
}

void kvsp_tag_list_clear(struct tag_list *list) {
  kvsp_memory_release(list->memory, (void *)list->items,
                      list->capacity * sizeof *list->items);
  kvsp_tag_list_init(list, list->memory);
}

/* A new tag, with room for some bytes behind it; nothing is taken when there is
 * no memory for all of it. */
static int begin(struct tag_list *list, struct tag_builder *builder,
                 struct arena *arena, size_t room) {
  void *items = (void *)list->items;
  void *made = NULL;
  struct open_tag *tag;
  int rc = kvsp_memory_grow(list->memory, &items, &list->capacity, list->count,
                            sizeof *list->items);
  if (rc != KVSP_OK) return rc;
  list->items = items;
  rc = kvsp_arena_alloc(arena, sizeof *tag + room, &made);
  if (rc != KVSP_OK) return rc;
  tag = made;
  tag->outer = builder->open;
  tag->shown.depth = (uint32_t)builder->depth;
  tag->shown.targets = builder->targets;
  list->items[list->count++] = &tag->shown;
  builder->open = tag;
  builder->depth++;
  return KVSP_OK;
}

int kvsp_tags_begin(struct tag_list *list, struct tag_builder *builder,
                    struct arena *arena) {
  return begin(list, builder, arena, 0);
}

void kvsp_tags_begin_tag(struct tag_builder *builder) {
  builder->targets = NULL;
}

int kvsp_tags_begin_targets(struct tag_builder *builder, struct arena *arena) {
  void *made = NULL;
  int rc = kvsp_arena_alloc(arena, sizeof *builder->targets, &made);
  if (rc != KVSP_OK) return rc;
  builder->targets = made;
  builder->targets->type_value = 50; /* RFC 9559, 5.1.8.1.1.1 */
  return KVSP_OK;
}

/* One UID more: there are few, so that all are copied. */
static int add_target(kvsp_targets *targets, struct arena *arena, uint64_t id,
                      uint64_t uid) {
  size_t count = targets->target_count;
  kvsp_target *copy;
  void *made = NULL;
  int rc;
  if (count == TARGETS_MAX) return KVSP_OK;
  rc = kvsp_arena_alloc(arena, (count + 1) * sizeof *copy, &made);
  if (rc != KVSP_OK) return rc;
  copy = made;
  if (count) memcpy(copy, targets->targets, count * sizeof *copy);
  copy[count].element_id = id;
  copy[count].uid = uid;
  targets->targets = copy;
  targets->target_count = count + 1;
  return KVSP_OK;
}

static int target_value(kvsp_targets *targets, struct arena *arena, uint64_t id,
                        kvsp_view value) {
  uint64_t uid;
  int rc;
  switch (id) {
    case KVSP_ID_TARGET_TYPE_VALUE:
      return kvsp_ebml_uint(value, &targets->type_value);
    case KVSP_ID_TARGET_TYPE:
      return kvsp_arena_copy(arena, kvsp_ebml_string(value), &targets->type);
    case KVSP_ID_TAG_TRACK_UID:
    case KVSP_ID_TAG_EDITION_UID:
    case KVSP_ID_TAG_CHAPTER_UID:
    case KVSP_ID_TAG_ATTACHMENT_UID:
      rc = kvsp_ebml_uint(value, &uid);
      return rc == KVSP_OK ? add_target(targets, arena, id, uid) : rc;
    default: return KVSP_OK;
  }
}

static int tag_value(kvsp_tag *tag, struct arena *arena, uint64_t id,
                     kvsp_view value) {
  kvsp_view copy = {NULL, 0};
  int rc;
  if (id != KVSP_ID_TAG_NAME && id != KVSP_ID_TAG_STRING &&
      id != KVSP_ID_TAG_BINARY)
    return KVSP_OK;
  if (id != KVSP_ID_TAG_BINARY) value = kvsp_ebml_string(value);
  rc = kvsp_arena_copy(arena, value, &copy);
  if (rc != KVSP_OK) return rc;
  if (id == KVSP_ID_TAG_NAME) {
    tag->name = copy;
  } else {
    tag->value = copy;
    tag->flags = id == KVSP_ID_TAG_STRING ? KVSP_TAG_STRING : KVSP_TAG_BINARY;
  }
  return KVSP_OK;
}

int kvsp_tags_value(struct tag_builder *builder, struct arena *arena,
                    uint64_t id, kvsp_view value) {
  if (builder->open) return tag_value(&builder->open->shown, arena, id, value);
  if (builder->targets) return target_value(builder->targets, arena, id, value);
  return KVSP_OK;
}

const kvsp_tag *kvsp_tags_end(struct tag_builder *builder) {
  const struct open_tag *tag = builder->open;
  if (!tag) return NULL;
  builder->open = tag->outer;
  builder->depth--;
  return &tag->shown;
}

int kvsp_tags_add(struct tag_list *list, struct tag_builder *builder,
                  struct arena *arena, kvsp_view name, kvsp_view string,
                  const kvsp_tag **out) {
  size_t distance = (size_t)(string.data - name.data);
  size_t len = distance + string.len;
  struct open_tag *tag;
  uint8_t *bytes;
  int rc = begin(list, builder, arena, len);
  if (rc != KVSP_OK) return rc;
  tag = builder->open;
  bytes = (uint8_t *)(tag + 1);
  memcpy(bytes, name.data, len);
  tag->shown.name = kvsp_ebml_string(name);
  tag->shown.name.data = bytes;
  tag->shown.value = kvsp_ebml_string(string);
  tag->shown.value.data = bytes + distance;
  tag->shown.flags = KVSP_TAG_STRING;
  *out = kvsp_tags_end(builder);
  return KVSP_OK;
}

void kvsp_tags_abort(struct tag_list *list, struct tag_builder *builder) {
  const struct open_tag *tag = builder->open;
  builder->targets = NULL;
  builder->open = NULL;
  builder->depth = 0;
  if (!tag) return;
  while (tag->outer) tag = tag->outer;
  while (list->count > 0 && list->items[list->count - 1] != &tag->shown)
    list->count--;
  if (list->count > 0) list->count--;
}
