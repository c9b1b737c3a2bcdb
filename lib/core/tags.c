#include "tags.h"

void kvsp_tag_list_init(struct tag_list *list, struct memory *memory) {
  struct tag_list empty = {.memory = memory};
  *list = empty;
}

void kvsp_tag_list_clear(struct tag_list *list) {
  kvsp_memory_release(list->memory, (void *)list->items,
                      list->capacity * sizeof *list->items);
  kvsp_tag_list_init(list, list->memory);
}

int kvsp_tags_begin(struct tag_list *list, struct tag_builder *builder,
                    struct arena *arena) {
  void *items = (void *)list->items;
  void *made = NULL;
  kvsp_tag *tag;
  int rc;
  if (builder->depth == TAGS_DEPTH_MAX) return KVSP_ERR_LIMIT_DEPTH;
  rc = kvsp_memory_grow(list->memory, &items, &list->capacity, list->count,
                        sizeof *list->items);
  if (rc != KVSP_OK) return rc;
  list->items = items;
  rc = kvsp_arena_alloc(arena, sizeof *tag, &made);
  if (rc != KVSP_OK) return rc;
  tag = made;
  tag->depth = (uint32_t)builder->depth;
  list->items[list->count++] = tag;
  builder->open[builder->depth++] = tag;
  return KVSP_OK;
}

int kvsp_tags_value(struct tag_builder *builder, struct arena *arena,
                    uint64_t id, kvsp_view value) {
  kvsp_tag *tag = builder->depth ? builder->open[builder->depth - 1] : NULL;
  kvsp_view copy = {NULL, 0};
  int rc;
  if (!tag) return KVSP_OK;
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

const kvsp_tag *kvsp_tags_end(struct tag_builder *builder) {
  return builder->depth ? builder->open[--builder->depth] : NULL;
}

void kvsp_tags_abort(struct tag_list *list, struct tag_builder *builder) {
  if (builder->depth == 0) return;
  while (list->count > 0 && list->items[list->count - 1] != builder->open[0])
    list->count--;
  if (list->count > 0) list->count--;
  builder->depth = 0;
}
