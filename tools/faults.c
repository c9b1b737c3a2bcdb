#include "faults.h"

#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "signals.h"

static const char *option_of(int status) {
  switch (status) {
    case KVSP_ERR_LIMIT_DEPTH: return "--max-depth";
    case KVSP_ERR_LIMIT_TRACKS: return "--max-tracks";
    case KVSP_ERR_LIMIT_TAGS: return "--max-tags";
    case KVSP_ERR_LIMIT_VALUE: return "--max-value";
    case KVSP_ERR_LIMIT_FRAME: return "--max-frame";
    case KVSP_ERR_LIMIT_MEMORY: return "--max-memory";
    default: return NULL;
  }
}

bool faults_is_limit(int status) {
  return option_of(status) != NULL;
}

/* Whether it is the first of its kind. */
static bool is_new(struct faults *faults, int status) {
  unsigned bit;
  bool known;
  /* What an interrupt cut off is no fault of the data. */
  if (status == KVSP_ERR_TRUNCATED && signals_caught() != 0) return false;
  if (!faults_is_limit(status)) {
    known = faults->told;
    faults->told = true;
    return !known;
  }
  bit = 1u << (KVSP_ERR_LIMIT_DEPTH - status);
  known = faults->limits_told & bit;
  faults->limits_told |= bit;
  return !known;
}

static void tell(const char *name, const char *where, int status,
                 const char *reason) {
  const char *option = option_of(status);
  if (option != NULL)
    complain("%s: %s: %s %s raises it.", name, where, reason, option);
  else
    complain("%s: %s: %s", name, where, reason);
}

void faults_tell_start(const char *name, int status) {
  tell(name, "byte 0", status, kvsp_status_text(status));
}

void faults_tell_gap(struct faults *faults, const char *name,
                     const kvsp_gap *gap) {
  char where[64];
  if (!is_new(faults, gap->status)) return;
  snprintf(where, sizeof where, "bytes %" PRIu64 "-%" PRIu64, gap->from,
           gap->to);
  tell(name, where, gap->status, gap->reason);
}

void faults_tell_byte(struct faults *faults, const char *name, uint64_t offset,
                      int status, const char *reason) {
  char where[64];
  if (!is_new(faults, status)) return;
  snprintf(where, sizeof where, "byte %" PRIu64, offset);
  tell(name, where, status, reason);
}

void faults_tell_error(struct faults *faults, const char *name,
                       const kvsp_error_info *error, int status) {
  bool known = error->status == status;
  faults_tell_byte(faults, name, error->offset, status,
                   known ? error->message : kvsp_status_text(status));
}
