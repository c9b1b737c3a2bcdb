/*
 * kvsp_frames.c - the frames of a file as our reader delivers them, in the
 * lines of frame_line.h.  Compression is undone, as libavformat undoes it; the
 * exit status is 3 when this build cannot undo all of it.
 */
#include <kvsparse/reader.h>
#include <stdio.h>

#include "oracle/frame_line.h"

/* Small, so that frames are cut. */
#define PIECE 4096
#define STILL_COMPRESSED 3

/* A track that the fragment does not list (its Tracks come later) is -1. */
static int64_t place_of(const kvsp_frame *frame) {
  return frame->track->type == 0 ? -1 : (int64_t)frame->track->index;
}

static int print_item(void *user, const kvsp_item *item) {
  int *compressed = user;
  struct frame_line line = {0};
  if (item->type != KVSP_ITEM_FRAME) return 0;
  if (item->frame->flags & KVSP_FRAME_COMPRESSED) *compressed = 1;
  line.stream = place_of(item->frame);
  line.data = item->frame->data.data;
  line.size = item->frame->data.len;
  line.pts_ns = item->frame->pts_ns;
  line.has_pts = item->frame->pts_ns != KVSP_TIME_NONE;
  line.key = (item->frame->flags & KVSP_FRAME_KEY) != 0;
  line.lace_index = item->frame->lace_index;
  frame_line_print(&line);
  return 0;
}

static int print_file(kvsp_reader *reader, FILE *file, int *compressed) {
  static uint8_t piece[PIECE];
  int rc = KVSP_OK;
  while (rc == KVSP_OK) {
    size_t len = fread(piece, 1, sizeof piece, file);
    unsigned flags = len == 0 ? KVSP_FINAL : 0;
    rc = kvsp_reader_visit(reader, piece, len, flags, print_item, compressed);
  }
  return rc;
}

int main(int argc, char **argv) {
  kvsp_reader_config config = {.struct_size = sizeof config};
  kvsp_reader *reader = NULL;
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  int compressed = 0;
  int rc;
  if (file == NULL) {
    fprintf(stderr, "usage: kvsp_frames FILE\n");
    return 2;
  }
  config.flags = KVSP_READ_DECOMPRESS;
  rc = kvsp_reader_new(&reader, &config);
  if (rc == KVSP_OK) rc = print_file(reader, file, &compressed);
  kvsp_reader_free(reader);
  if (rc != KVSP_END)
    fprintf(stderr, "kvsp_frames: %s: %s\n", argv[1], kvsp_status_text(rc));
  if (ferror(file) || fflush(stdout) != 0) rc = KVSP_ERR_INTERNAL;
  fclose(file);
  if (rc != KVSP_END) return 1;
  return compressed ? STILL_COMPRESSED : 0;
}
