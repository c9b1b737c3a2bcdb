#include <string.h>

#include "merger.h"
#include "view.h"
#include "vint.h"

static const char aws_prefix[] = "AWS_KINESISVIDEO_";

static bool is_aws(kvsp_view name) {
  size_t len = sizeof aws_prefix - 1;
  return name.len >= len && memcmp(name.data, aws_prefix, len) == 0;
}

static kvsp_view name_of(const struct folded_tag *t) {
  kvsp_view name = {t->bytes, t->name_len};
  return name;
}

static kvsp_view value_of(const struct folded_tag *t) {
  kvsp_view value = {t->bytes + t->name_len, t->value_len};
  return value;
}

static bool same_value(const struct folded_tag *t, const kvsp_tag *tag) {
  return t->flags == tag->flags && view_equal(value_of(t), tag->value);
}

static struct folded_tag *find(kvsp_merger *m, const kvsp_tag *tag) {
  bool by_name = is_aws(tag->name);
  for (size_t i = 0; i < m->tags.count; i++) {
    struct folded_tag *t = &m->tags.items[i];
    if (!view_equal(name_of(t), tag->name)) continue;
    if (by_name || same_value(t, tag)) return t;
  }
  return NULL;
}

static void release(kvsp_merger *m, struct folded_tag *t) {
  kvsp_memory_release(&m->reader->memory, t->bytes,
                      t->name_len + t->value_len + 1);
}

/* One byte more, so that there is always some memory. */
static int fill(kvsp_merger *m, struct folded_tag *t, const kvsp_tag *tag) {
  void *made = NULL;
  int rc = kvsp_memory_alloc(&m->reader->memory,
                             tag->name.len + tag->value.len + 1, &made);
  if (rc != KVSP_OK) return rc;
  t->bytes = made;
  t->name_len = tag->name.len;
  t->value_len = tag->value.len;
  t->flags = tag->flags;
  if (tag->name.len) memcpy(t->bytes, tag->name.data, tag->name.len);
  if (tag->value.len)
    memcpy(t->bytes + tag->name.len, tag->value.data, tag->value.len);
  return KVSP_OK;
}

static int replace(kvsp_merger *m, struct folded_tag *t, const kvsp_tag *tag) {
  struct folded_tag fresh;
  int rc;
  if (same_value(t, tag)) return KVSP_OK;
  rc = fill(m, &fresh, tag);
  if (rc != KVSP_OK) return rc;
  release(m, t);
  *t = fresh;
  return KVSP_OK;
}

static int fold(kvsp_merger *m, const kvsp_tag *tag) {
  struct folded_tag *t = find(m, tag);
  void *items = m->tags.items;
  int rc;
  if (t) return replace(m, t, tag);
  if (m->tags.count >= m->reader->tokenizer.limits.max_tags) return KVSP_OK;
  rc = kvsp_memory_grow(&m->reader->memory, &items, &m->tags.capacity,
                        m->tags.count, sizeof *m->tags.items);
  if (rc != KVSP_OK) return rc;
  m->tags.items = items;
  rc = fill(m, &m->tags.items[m->tags.count], tag);
  if (rc == KVSP_OK) m->tags.count++;
  return rc;
}

int kvsp_merger_fold_tags(kvsp_merger *m, const kvsp_tag *const *tags,
                          size_t count) {
  if (!(m->config.flags & KVSP_MERGE_TAGS)) return KVSP_OK;
  for (size_t i = 0; i < count; i++) {
    const kvsp_tag *tag = tags[i];
    int rc;
    if (tag->depth > 0 || tag->name.len == 0) continue;
    if (tag->targets && tag->targets->target_count > 0) continue;
    rc = fold(m, tag);
    if (rc != KVSP_OK) return rc;
  }
  return KVSP_OK;
}

/* ---- writing ------------------------------------------------------------- */

static uint64_t element_size(uint64_t id, uint64_t payload) {
  uint8_t header[EBML_HEADER_MAX];
  size_t len = kvsp_ebml_write_id(header, sizeof header, id);
  return len + payload +
         kvsp_ebml_write_size(header + len, sizeof header - len, payload, 0);
}

static uint64_t value_id(const struct folded_tag *t) {
  return t->flags & KVSP_TAG_BINARY ? KVSP_ID_TAG_BINARY : KVSP_ID_TAG_STRING;
}

static bool has_value(const struct folded_tag *t) {
  return (t->flags & (KVSP_TAG_BINARY | KVSP_TAG_STRING)) != 0;
}

static uint64_t simple_tag_size(const struct folded_tag *t) {
  uint64_t size = element_size(KVSP_ID_TAG_NAME, t->name_len);
  return has_value(t) ? size + element_size(value_id(t), t->value_len) : size;
}

static int put_simple_tag(kvsp_merger *m, const struct folded_tag *t) {
  int rc = kvsp_merger_put_header(m, KVSP_ID_SIMPLE_TAG, simple_tag_size(t), 0);
  if (rc == KVSP_OK)
    rc = kvsp_merger_put_element(m, KVSP_ID_TAG_NAME, name_of(t));
  if (rc != KVSP_OK || !has_value(t)) return rc;
  return kvsp_merger_put_element(m, value_id(t), value_of(t));
}

/* One Tags with one Tag, whose empty Targets mean the whole Segment. */
int kvsp_merger_put_tags(kvsp_merger *m) {
  const kvsp_view nothing = {NULL, 0};
  uint64_t size = element_size(KVSP_ID_TARGETS, 0);
  int rc;
  if (m->tags.count == 0) return KVSP_OK;
  for (size_t i = 0; i < m->tags.count; i++)
    size +=
        element_size(KVSP_ID_SIMPLE_TAG, simple_tag_size(&m->tags.items[i]));
  rc = kvsp_merger_put_header(m, KVSP_ID_TAGS, element_size(KVSP_ID_TAG, size),
                              0);
  if (rc == KVSP_OK) rc = kvsp_merger_put_header(m, KVSP_ID_TAG, size, 0);
  if (rc == KVSP_OK) rc = kvsp_merger_put_element(m, KVSP_ID_TARGETS, nothing);
  for (size_t i = 0; i < m->tags.count && rc == KVSP_OK; i++)
    rc = put_simple_tag(m, &m->tags.items[i]);
  return rc;
}

void kvsp_merger_clear_tags(kvsp_merger *m) {
  for (size_t i = 0; i < m->tags.count; i++) release(m, &m->tags.items[i]);
  m->tags.count = 0;
}
