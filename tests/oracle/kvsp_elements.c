/*
 * kvsp_elements.c - the elements of a file as our tokenizer sees them, in the
 * lines of matroska_elements.cc.  After a fault it goes on where the tokenizer
 * finds its way again.
 */
#include <inttypes.h>
#include <kvsparse/tokenizer.h>
#include <stdio.h>

/* Small, so that elements are cut. */
#define PIECE 4096

static int begins_element(const kvsp_event *event) {
  if (event->flags & KVSP_EVENT_IMPLIED) return 0; /* it is not in the file */
  return event->type == KVSP_EVENT_MASTER_BEGIN ||
         event->type == KVSP_EVENT_VALUE ||
         event->type == KVSP_EVENT_BLOB_BEGIN;
}

static void print_element(const kvsp_event *event) {
  printf("%" PRIu64 " %" PRIX64 " %" PRIu32 " ", event->offset, event->id,
         event->header_size);
  if (event->size == KVSP_SIZE_UNKNOWN)
    printf("unknown");
  else
    printf("%" PRIu64, event->size);
  printf(" %" PRIu32 "\n", event->depth);
}

static int is_fault(int rc) {
  return rc <= KVSP_ERR_EBML && rc > KVSP_ERR_CODEC;
}

/* Until the tokenizer wants more. */
static int print_events(kvsp_tokenizer *t) {
  const kvsp_event *event = NULL;
  for (;;) {
    int rc = kvsp_tokenizer_next(t, &event);
    if (rc == KVSP_OK && begins_element(event)) print_element(event);
    if (rc == KVSP_OK && event->type == KVSP_EVENT_BLOB_BEGIN)
      rc = kvsp_tokenizer_skip(t);
    if (is_fault(rc)) rc = kvsp_tokenizer_resync(t);
    if (rc != KVSP_OK) return rc;
  }
}

static int print_file(kvsp_tokenizer *t, FILE *file) {
  static uint8_t piece[PIECE];
  int rc = KVSP_NEED_INPUT;
  while (rc == KVSP_NEED_INPUT) {
    size_t len = fread(piece, 1, sizeof piece, file);
    unsigned flags = len == 0 ? KVSP_FINAL : 0;
    rc = kvsp_tokenizer_input(t, piece, len, flags);
    if (rc == KVSP_OK) rc = print_events(t);
  }
  return rc;
}

int main(int argc, char **argv) {
  kvsp_tokenizer *tokenizer = NULL;
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  int rc;
  if (file == NULL) {
    fprintf(stderr, "usage: kvsp_elements FILE\n");
    return 2;
  }
  rc = kvsp_tokenizer_new(&tokenizer, NULL);
  if (rc == KVSP_OK) rc = print_file(tokenizer, file);
  kvsp_tokenizer_free(tokenizer);
  if (rc != KVSP_END)
    fprintf(stderr, "kvsp_elements: %s: %s\n", argv[1], kvsp_status_text(rc));
  if (ferror(file) || fflush(stdout) != 0) rc = KVSP_ERR_INTERNAL;
  fclose(file);
  return rc == KVSP_END ? 0 : 1;
}
