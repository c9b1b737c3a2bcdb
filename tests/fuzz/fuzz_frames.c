#include "fuzz/fuzz_frames.h"

#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"

static uint64_t mix_view(uint64_t digest, kvsp_view v) {
  return fuzz_mix_bytes(fuzz_mix(digest, v.data != NULL), v.data, v.len);
}

static uint64_t digest_beside(const kvsp_frame *f) {
  uint64_t d = fuzz_mix(f->lacing, f->lace_index);
  d = fuzz_mix(d, f->lace_count);
  d = fuzz_mix(d, (uint64_t)f->discard_padding_ns);
  d = mix_view(d, f->codec_state);
  for (size_t i = 0; i < f->addition_count; i++)
    d = mix_view(fuzz_mix(d, f->additions[i].id), f->additions[i].data);
  return d;
}

void fuzz_row_add(struct fuzz_row *row, const kvsp_frame *f) {
  struct fuzz_noted *now;
  if (row->count == row->capacity) {
    row->capacity = row->capacity ? 2 * row->capacity : 64;
    row->items = realloc(row->items, row->capacity * sizeof *row->items);
    if (row->items == NULL) exit(1);
  }
  now = &row->items[row->count++];
  memset(now, 0, sizeof *now);
  now->bytes = fuzz_mix_bytes(0, f->data.data, f->data.len);
  now->beside = digest_beside(f);
  now->track = f->track->number;
  now->type = f->track->type;
  now->flags = f->flags;
  now->pts_ns = f->pts_ns;
  now->duration_ns = f->duration_ns;
}

void fuzz_row_free(struct fuzz_row *row) {
  free(row->items);
  memset(row, 0, sizeof *row);
}

/* ---- reading ----------------------------------------------------------------- */

struct reading {
  struct fuzz_row *row;
  kvsp_item_callback callback;
  void *user;
};

static int on_item(void *user, const kvsp_item *item) {
  struct reading *g = user;
  if (item->type == KVSP_ITEM_FRAME) fuzz_row_add(g->row, item->frame);
  return g->callback ? g->callback(g->user, item) : 0;
}

void fuzz_row_read(struct fuzz_row *row, const void *data, size_t len,
                   kvsp_item_callback callback, void *user) {
  kvsp_limits limits = {.struct_size = sizeof limits,
                        .max_depth = UINT32_MAX,
                        .max_tracks = UINT32_MAX,
                        .max_tags = UINT32_MAX,
                        .max_value = UINT64_MAX,
                        .max_frame = UINT64_MAX};
  kvsp_reader_config config = {.struct_size = sizeof config,
                               .limits = &limits,
                               .flags = KVSP_READ_STRICT};
  struct reading g = {row, callback, user};
  kvsp_reader *r = NULL;
  int rc = kvsp_reader_new(&r, &config);
  if (rc != KVSP_OK) exit(1);
  rc = kvsp_reader_visit(r, data, len, KVSP_FINAL, on_item, &g);
  if (rc != KVSP_END)
    fprintf(stderr, "%s at %llu: %s\n", kvsp_status_name(rc),
            (unsigned long long)kvsp_reader_error(r)->offset,
            kvsp_reader_error(r)->message);
  FUZZ_CHECK_2(rc == KVSP_END, "what was written is sound", rc, len);
  kvsp_reader_free(r);
}

void fuzz_row_compare(const struct fuzz_row *a, const struct fuzz_row *b) {
  const uint32_t flags = KVSP_FRAME_KEY | KVSP_FRAME_INVISIBLE;
  FUZZ_CHECK_2(a->count == b->count, "all frames are written, and no others",
               a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    FUZZ_CHECK_2(a->items[i].bytes == b->items[i].bytes,
                 "a frame's bytes are the same", i, a->count);
    FUZZ_CHECK_2((a->items[i].flags & flags) == (b->items[i].flags & flags),
                 "a frame's flags are the same", a->items[i].flags,
                 b->items[i].flags);
  }
}
