#include <string.h>

#include "reader.h"

/* Several frames by one call: a loop around kvsp_reader_next. */

/* The caller's bytes are where they are, whatever comes next; the window's own
 * may move, and a block's additions make room for those of the next one. */
static bool stays(const kvsp_reader *r, const kvsp_frame *f) {
  const struct window *w = &r->tokenizer.window;
  uintptr_t at = (uintptr_t)f->data.data;
  uintptr_t lent = (uintptr_t)w->lent;
  if (f->addition_count > 0 || f->codec_state.data) return false;
  return f->data.len == 0 || (at >= lent && at - lent < w->lent_len);
}

/* The caller's struct may be one of an older or a newer header. */
static void put_frame(void *to, size_t struct_size, const kvsp_frame *f) {
  if (struct_size > sizeof *f)
    memset((char *)to + sizeof *f, 0, struct_size - sizeof *f);
  memcpy(to, f, struct_size < sizeof *f ? struct_size : sizeof *f);
}

int kvsp_reader_next_frames(kvsp_reader *r, kvsp_frame *frames,
                            size_t struct_size, size_t capacity, size_t *count,
                            const kvsp_item **item) {
  const kvsp_item *next = NULL;
  bool go_on = true;
  int rc = KVSP_OK;
  if (count) *count = 0;
  if (item) *item = NULL;
  if (!r || !frames || !struct_size || !capacity || !count || !item)
    return KVSP_ERR_ARG;
  while (go_on) {
    rc = kvsp_reader_next(r, &next);
    if (rc != KVSP_OK) return rc;
    if (!next->frame) break;
    put_frame((char *)frames + *count * struct_size, struct_size, next->frame);
    *count += 1;
    go_on = *count < capacity && stays(r, next->frame);
  }
  if (!next->frame) *item = next;
  return KVSP_OK;
}
