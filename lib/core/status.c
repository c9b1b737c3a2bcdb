#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <kvsparse/kvsparse.h>
#include <string.h>

struct status_entry {
  int status;
  const char *name;
  const char *text;
};

#define ENTRY(status, text) \
  { status, #status, text }

static const struct status_entry statuses[] = {
    ENTRY(KVSP_OK, "Success."),
    ENTRY(KVSP_NEED_INPUT, "All bytes that were lent are used: give more."),
    ENTRY(KVSP_NEED_DRAIN, "Output is waiting: take it first."),
    ENTRY(KVSP_END, "The stream ended cleanly."),
    ENTRY(KVSP_PAUSED, "A callback asked to pause."),
    ENTRY(KVSP_INTERRUPTED, "kvsp_client_interrupt was called."),
    ENTRY(KVSP_ERR_ARG, "An argument is not valid."),
    ENTRY(KVSP_ERR_STATE, "The call is not allowed in this state."),
    ENTRY(KVSP_ERR_REENTRANT,
          "The object was called from inside its own callback."),
    ENTRY(KVSP_ERR_UNSUPPORTED,
          "This build, or this codec, does not support it."),
    ENTRY(KVSP_ERR_EBML, "The bytes are not the header of an element."),
    ENTRY(KVSP_ERR_OVERFLOW, "An element reaches past the end of its parent."),
    ENTRY(KVSP_ERR_TRUNCATED, "The stream ends inside an element."),
    ENTRY(KVSP_ERR_SCHEMA,
          "An element stands or is sized as its definition does not allow."),
    ENTRY(KVSP_ERR_BLOCK, "A Block is malformed or its track is unknown."),
    ENTRY(KVSP_ERR_CRC, "A CRC-32 element does not match the bytes it covers."),
    ENTRY(KVSP_ERR_COMPRESSION, "A frame cannot be decompressed."),
    ENTRY(KVSP_ERR_LIMIT_DEPTH, "Elements are nested deeper than max_depth."),
    ENTRY(KVSP_ERR_LIMIT_TRACKS, "A fragment has more than max_tracks tracks."),
    ENTRY(KVSP_ERR_LIMIT_TAGS, "A fragment has more than max_tags tags."),
    ENTRY(KVSP_ERR_LIMIT_VALUE, "An element is larger than max_value."),
    ENTRY(KVSP_ERR_LIMIT_FRAME, "A block is larger than max_frame."),
    ENTRY(KVSP_ERR_LIMIT_MEMORY, "The object would hold more than max_memory."),
    ENTRY(KVSP_ERR_NETWORK, "There is no connection, or none that is safe."),
    ENTRY(KVSP_ERR_SERVICE, "The service refused the call."),
    ENTRY(KVSP_ERR_CREDENTIALS,
          "There are no credentials, or their source failed."),
    ENTRY(KVSP_ERR_CLOCK,
          "This machine's clock is off by more than the service allows."),
    ENTRY(KVSP_ERR_FILE, "A file cannot be read or written."),
    ENTRY(KVSP_ERR_CODEC, "A codec is missing or refused its data."),
    ENTRY(KVSP_ERR_NOMEM, "The allocator gave no memory."),
    ENTRY(KVSP_ERR_INTERNAL, "A bug in libkvsparse."),
    ENTRY(KVSP_ERR_USER, "A callback stopped it with a code of its own."),
};

static const struct status_entry *find(int status) {
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (statuses[i].status == status) return &statuses[i];
  return NULL;
}

const char *kvsp_status_name(int status) {
  const struct status_entry *entry = find(status);
  if (entry) return entry->name;
  return status < KVSP_ERR_USER ? "KVSP_ERR_USER" : "unknown";
}

const char *kvsp_status_text(int status) {
  const struct status_entry *entry = find(status);
  if (!entry && status < KVSP_ERR_USER) entry = find(KVSP_ERR_USER);
  return entry ? entry->text : "Unknown status.";
}

int kvsp_status_is_fatal(int status) {
  return status <= -900 && status >= -999;
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *kvsp_version(void) {
  return TEXT(KVSP_VERSION_MAJOR) "." TEXT(KVSP_VERSION_MINOR) "." TEXT(
      KVSP_VERSION_PATCH);
}

uint32_t kvsp_version_number(void) {
  return KVSP_VERSION_MAJOR << 16 | KVSP_VERSION_MINOR << 8 |
         KVSP_VERSION_PATCH;
}

uint32_t kvsp_features(void) {
#ifdef HAVE_ZLIB
  return KVSP_FEATURE_ZLIB;
#else
  return 0;
#endif
}

size_t kvsp_sizeof(const char *struct_name) {
#define SIZE(type) \
  { #type, sizeof(type) }
  static const struct {
    const char *name;
    size_t size;
  } sizes[] = {
      SIZE(kvsp_view),
      SIZE(kvsp_allocator),
      SIZE(kvsp_limits),
      SIZE(kvsp_error_info),
      SIZE(kvsp_element_info),
      SIZE(kvsp_event),
      SIZE(kvsp_tokenizer_config),
      SIZE(kvsp_track),
      SIZE(kvsp_tag),
      SIZE(kvsp_fragment),
      SIZE(kvsp_frame),
      SIZE(kvsp_targets),
      SIZE(kvsp_target),
      SIZE(kvsp_addition),
      SIZE(kvsp_gap),
      SIZE(kvsp_item),
      SIZE(kvsp_collector_config),
      SIZE(kvsp_merge_segment),
      SIZE(kvsp_merger_config),
      SIZE(kvsp_merger_stats),
      SIZE(kvsp_collected),
      SIZE(kvsp_reader_config),
      SIZE(kvsp_reader_stats),
  };
#undef SIZE
  if (!struct_name) return 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (strcmp(sizes[i].name, struct_name) == 0) return sizes[i].size;
  return 0;
}
