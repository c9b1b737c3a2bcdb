/*
 * elements.c - kvsparse elements: the element tree by the tokenizer, one line
 * an element.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <kvsparse/kvsparse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "faults.h"
#include "feed.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "stream_options.h"
#include "text.h"

static const char usage[] =
    "Usage: kvsparse elements [OPTION]... FILE\n"
    "Lists the Matroska elements: offset, name, ID, bytes of the header, "
    "bytes\n"
    "of the payload, value. FILE may be - for standard input,\n"
    "or kvs://STREAM (kvsparse-get(1)).\n"
    "\n"
    "  -d, --depth N           no elements deeper than N (0: the top level)\n"
    "  -n, --read-size N       read N bytes at a time (default 64k)\n"
    "      --check-crc         verify CRC-32 elements; a mismatch is a fault\n"
    "      --strict            stop at the first fault instead of going on at\n"
    "                          the next element that makes sense\n"
    "      --help              this text\n"
    "\n" TOKENIZER_LIMITS_HELP
    "\n"
    "Exit status: 0 all well; 1 there was a fault, or reading or writing\n"
    "failed; 2 wrong usage.\n";

#define BLOB_SHOWN 16  /* bytes of a binary element that are shown          */
#define TEXT_SHOWN 200 /* bytes of a string that are shown                  */

struct arguments {
  struct stream_options stream;
  uint32_t depth; /* none deeper than this are listed                      */
  kvsp_tokenizer_config config;
};

struct elements {
  const struct arguments *arguments;
  struct source source;
  kvsp_tokenizer *tokenizer;
  bool faulty;
  struct faults faults;
  /* The binary element that is coming in, until its line is written. */
  bool blob_open;
  size_t blob_length;
  uint8_t blob[BLOB_SHOWN];
  uint64_t blob_size;
};

static void print_head(const kvsp_event *event) {
  char size[TEXT_SIZE] = "unknown";
  if (event->size != KVSP_SIZE_UNKNOWN)
    snprintf(size, sizeof size, "%" PRIu64, event->size);
  output_print("%10" PRIu64 "  %*s%s (0x%" PRIX64 ")", event->offset,
               2 * (int)event->depth, "",
               event->info != NULL ? event->info->name : "unknown element",
               event->id);
  if (event->flags & KVSP_EVENT_MISPLACED) output_print(" misplaced");
  output_print(", header %" PRIu32 ", size %s", event->header_size, size);
}

static void print_text(kvsp_view payload) {
  kvsp_view v = kvsp_ebml_string(payload);
  bool cut = v.len > TEXT_SHOWN;
  char *text;
  if (cut) v.len = TEXT_SHOWN;
  /* Not in the middle of a character. */
  while (cut && v.len > 0 && (v.data[v.len] & 0xC0) == 0x80) v.len--;
  text = text_printable(v);
  output_print(" \"%s\"%s", text != NULL ? text : "", cut ? "..." : "");
  free(text);
}

static void print_value(const kvsp_event *event) {
  char text[TEXT_SIZE];
  uint64_t u = 0;
  int64_t i = 0;
  double f = 0;
  output_print(":");
  switch (event->info != NULL ? event->info->type : 0) {
    case KVSP_TYPE_UINT:
      if (kvsp_ebml_uint(event->data, &u) == KVSP_OK)
        output_print(" %" PRIu64, u);
      break;
    case KVSP_TYPE_INT:
      if (kvsp_ebml_int(event->data, &i) == KVSP_OK)
        output_print(" %" PRId64, i);
      break;
    case KVSP_TYPE_FLOAT:
      if (kvsp_ebml_float(event->data, &f) == KVSP_OK)
        output_print(" %.10g", f);
      break;
    case KVSP_TYPE_DATE:
      if (kvsp_ebml_date(event->data, &i) == KVSP_OK)
        output_print(" %s", text_date(text, i));
      break;
    default: print_text(event->data); break;
  }
}

static void finish_blob(struct elements *e) {
  if (!e->blob_open) return;
  e->blob_open = false;
  if (e->blob_length > 0) output_print(":");
  for (size_t i = 0; i < e->blob_length; i++)
    output_print("%s%02x", i % 4 == 0 ? " " : "", e->blob[i]);
  output_print("%s\n", e->blob_size > e->blob_length ? " ..." : "");
}

static void begin_blob(struct elements *e, const kvsp_event *event) {
  print_head(event);
  e->blob_open = true;
  e->blob_length = 0;
  e->blob_size = event->size;
}

static void add_to_blob(struct elements *e, kvsp_view piece) {
  size_t room = BLOB_SHOWN - e->blob_length;
  size_t length = piece.len < room ? piece.len : room;
  if (!e->blob_open) return;
  memcpy(e->blob + e->blob_length, piece.data, length);
  e->blob_length += length;
  if (e->blob_length == BLOB_SHOWN) finish_blob(e);
}

static void on_event(struct elements *e, const kvsp_event *event) {
  if (event->depth > e->arguments->depth) return;
  switch (event->type) {
    case KVSP_EVENT_MASTER_BEGIN:
      print_head(event);
      output_write("\n", 1);
      break;
    case KVSP_EVENT_VALUE:
      print_head(event);
      print_value(event);
      output_write("\n", 1);
      break;
    case KVSP_EVENT_BLOB_BEGIN: begin_blob(e, event); break;
    case KVSP_EVENT_BLOB_DATA: add_to_blob(e, event->data); break;
    case KVSP_EVENT_BLOB_END: finish_blob(e); break;
    default: break;
  }
}

/* Says what is wrong and where, in the list and for people.  id 0: no known
 * element. */
static void print_fault(struct elements *e, uint64_t offset, uint64_t id,
                        int status, const char *reason) {
  finish_blob(e);
  output_print("%10" PRIu64 "  FAULT: %s", offset, reason);
  if (id != 0) {
    const kvsp_element_info *info = kvsp_element_by_id(id);
    output_print(" (%s, 0x%" PRIX64 ")",
                 info != NULL ? info->name : "unknown element", id);
  }
  output_write("\n", 1);
  faults_tell_byte(&e->faults, e->source.name, offset, status, reason);
  e->faulty = true;
}

static void tell_fault(struct elements *e, int status) {
  const kvsp_error_info *error = kvsp_tokenizer_error(e->tokenizer);
  if (error->status == status)
    print_fault(e, error->offset, error->element_id, status, error->message);
  else
    print_fault(e, kvsp_tokenizer_offset(e->tokenizer), 0, status,
                kvsp_status_text(status));
}

/* KVSP_OK, or KVSP_ERR_CRC to stop at the mismatch. */
static int check_crc(struct elements *e, const kvsp_event *event) {
  if (!(event->flags & KVSP_EVENT_CRC_MISMATCH)) return KVSP_OK;
  print_fault(e, event->offset, event->id, KVSP_ERR_CRC,
              kvsp_status_text(KVSP_ERR_CRC));
  return e->arguments->stream.strict ? KVSP_ERR_CRC : KVSP_OK;
}

/* Of the data, or a limit that an element is beyond: those behind it can be
 * read. */
static bool can_go_on(int status) {
  return status <= KVSP_ERR_EBML && status > KVSP_ERR_LIMIT_MEMORY;
}

/* All events of the bytes lent.  KVSP_NEED_INPUT, KVSP_END, or what stops the
 * program. */
static int drain(struct elements *e) {
  const kvsp_event *event;
  int status = KVSP_OK;
  while (status == KVSP_OK && !output_failed()) {
    status = kvsp_tokenizer_next(e->tokenizer, &event);
    if (status == KVSP_OK) {
      on_event(e, event);
      status = check_crc(e, event);
      continue;
    }
    if (status > 0) continue;
    tell_fault(e, status);
    if (can_go_on(status) && !e->arguments->stream.strict)
      status = kvsp_tokenizer_resync(e->tokenizer);
  }
  return status;
}

static int take(void *user, const void *data, size_t length, unsigned flags) {
  struct elements *e = user;
  int status = kvsp_tokenizer_input(e->tokenizer, data, length, flags);
  if (status == KVSP_OK) status = drain(e);
  return status == KVSP_NEED_INPUT ? KVSP_OK : status;
}

static int read_all(struct elements *e) {
  const struct feed feed = {take, NULL, e};
  int status = feed_all(&e->source, &feed);
  finish_blob(e);
  return status < 0 || e->faulty || e->source.failed ? EXIT_FAILED : EXIT_WELL;
}

static int own_option(void *user, int code, const char *text) {
  struct arguments *a = user;
  uint64_t number = 0;
  int status = option_unsigned("--depth", text, 0, UINT32_MAX - 1, &number);
  (void)code; /* there is but one */
  a->depth = (uint32_t)number;
  return status;
}

static int read_arguments(struct arguments *a, int argc, char **argv) {
  static const struct option options[] = {
      {"depth", required_argument, NULL, 'd'},
      TOKENIZER_OPTIONS,
      {NULL, 0, NULL, 0}};
  struct option_set own = {usage, ":d:n:h", options, own_option, a};
  int status = stream_options_read(&a->stream, argc, argv, &own);
  a->config.struct_size = sizeof a->config;
  a->config.limits = &a->stream.limits;
  if (a->stream.check_crc) a->config.flags |= KVSP_TOKENIZE_CHECK_CRC;
  return status;
}

static int run(struct elements *e) {
  int status = kvsp_tokenizer_new(&e->tokenizer, &e->arguments->config);
  if (status != KVSP_OK) {
    faults_tell_start(e->source.name, status);
    return EXIT_FAILED;
  }
  status = read_all(e);
  kvsp_tokenizer_free(e->tokenizer);
  return status;
}

int command_elements(int argc, char **argv) {
  struct arguments a;
  struct elements e;
  int status;
  memset(&a, 0, sizeof a);
  memset(&e, 0, sizeof e);
  a.depth = UINT32_MAX;
  e.arguments = &a;
  status = read_arguments(&a, argc, argv);
  if (status != EXIT_WELL || a.stream.help) return status;
  status = source_open(&e.source, a.stream.path, a.stream.read_size);
  if (status != EXIT_WELL) return status;
  status = run(&e);
  source_close(&e.source);
  return status;
}
