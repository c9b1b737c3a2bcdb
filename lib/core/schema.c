/*
 * schema.c - the table of elements: what EBML and Matroska define, by ID and
 * by name.  Knows IDs, names, types, parents and defaults; knows no bytes.
 *
 * The rows and the hash over their IDs are generated, see
 * tests/schema/generate_schema.cc.
 */
#include <kvsparse/ebml.h>
#include <string.h>

#include "schema_table.inc"

#define SLOT_COUNT ((size_t)1 << SCHEMA_HASH_BITS)

/* The search ends at an empty slot, of which the table has many: an ID that
 * nobody knows costs as little as one that is known. */
const kvsp_element_info *kvsp_element_by_id(uint64_t id) {
  uint64_t hash = id * SCHEMA_HASH_MULTIPLIER;
  size_t slot = (size_t)(hash >> (64 - SCHEMA_HASH_BITS));

  while (slots[slot] != 0) {
    const kvsp_element_info *row = &rows[slots[slot] - 1];
    if (row->id == id) return row;
    slot = (slot + 1) % SLOT_COUNT;
  }
  return NULL;
}

const kvsp_element_info *kvsp_element_by_name(const char *name) {
  size_t low = 0;
  size_t high = SCHEMA_COUNT;

  if (name == NULL) return NULL;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const kvsp_element_info *row = &rows[by_name[middle]];
    int order = strcmp(name, row->name);
    if (order == 0) return row;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const kvsp_element_info *kvsp_element_at(size_t index) {
  return index < SCHEMA_COUNT ? &rows[index] : NULL;
}

/* RFC 8794, 11.3: Void has its place anywhere, even between documents; CRC-32
 * needs a master that it protects. */
static int global_allowed_in(const kvsp_element_info *element,
                             uint64_t parent_id) {
  const kvsp_element_info *parent;

  if (parent_id == 0) return element->id == KVSP_ID_VOID;
  parent = kvsp_element_by_id(parent_id);
  return parent != NULL && parent->type == KVSP_TYPE_MASTER;
}

int kvsp_element_allowed_in(const kvsp_element_info *element,
                            uint64_t parent_id) {
  if (element == NULL) return 0;
  if (element->flags & KVSP_ELEMENT_GLOBAL)
    return global_allowed_in(element, parent_id);
  if (element->parent_id == parent_id) return 1;
  return (element->flags & KVSP_ELEMENT_RECURSIVE) != 0 &&
         element->id == parent_id;
}
