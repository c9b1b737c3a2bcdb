#include "errors.h"

#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "net_clock.h"

static const struct {
  const char *name;
  enum error_class class;
} known[] = {
    {"ClientLimitExceededException", ERROR_THROTTLE},
    {"ConnectionLimitExceededException", ERROR_THROTTLE},
    {"FragmentLimitExceeded", ERROR_THROTTLE},
    {"FragmentLimitExceededException", ERROR_THROTTLE},
    {"Throttling", ERROR_THROTTLE},
    {"ThrottlingException", ERROR_THROTTLE},
    {"ThrottledException", ERROR_THROTTLE},
    {"RequestThrottled", ERROR_THROTTLE},
    {"RequestThrottledException", ERROR_THROTTLE},
    {"TooManyRequestsException", ERROR_THROTTLE},
    {"ProvisionedThroughputExceededException", ERROR_THROTTLE},
    {"TransactionInProgressException", ERROR_THROTTLE},
    {"RequestLimitExceeded", ERROR_THROTTLE},
    {"BandwidthLimitExceeded", ERROR_THROTTLE},
    {"LimitExceededException", ERROR_THROTTLE},
    {"SlowDown", ERROR_THROTTLE},
    {"EC2ThrottledException", ERROR_THROTTLE},
    {"RequestTimeout", ERROR_RETRY},
    {"RequestTimeoutException", ERROR_RETRY},
    {"PriorRequestNotComplete", ERROR_RETRY},
    {"InternalFailure", ERROR_RETRY},
    {"InternalServerError", ERROR_RETRY},
    {"ServiceUnavailable", ERROR_RETRY},
    {"IDPCommunicationError", ERROR_RETRY},
    {"ExpiredToken", ERROR_EXPIRED},
    {"ExpiredTokenException", ERROR_EXPIRED},
    {"InvalidEndpointException", ERROR_ENDPOINT},
    {"RequestExpired", ERROR_CLOCK},
    {"RequestTimeTooSkewed", ERROR_CLOCK},
};

bool kvsp_errors_pass(enum error_class class) {
  return class == ERROR_RETRY || class == ERROR_THROTTLE;
}

static enum error_class class_by_status(long http_status) {
  switch (http_status) {
    case 429: return ERROR_THROTTLE;
    case 500:
    case 502:
    case 503:
    case 504: return ERROR_RETRY;
    default: return ERROR_FATAL;
  }
}

static enum error_class class_by_name(const struct service_fault *fault) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].name, fault->name) == 0) return known[i].class;
  return class_by_status(fault->http_status);
}

/* Only what fits a line, and no control characters: it ends in logs. */
static void copy_line(char *out, size_t size, const char *text) {
  size_t i = 0;
  for (; text[i] && i + 1 < size; i++)
    out[i] =
        (char)((unsigned char)text[i] < ' ' || text[i] == 0x7F ? ' ' : text[i]);
  out[i] = '\0';
}

/* "com.amazonaws#Name:http://..." is Name. */
static void copy_name(struct service_fault *fault, const char *text) {
  const char *hash = strchr(text, '#');
  if (hash) text = hash + 1;
  copy_line(fault->name, sizeof fault->name, text);
  fault->name[strcspn(fault->name, ":")] = '\0';
}

static bool field(struct text *body, const char *name, struct text *value) {
  return kvsp_json_field(kvsp_text_string(body), name, value) == 1 ||
         kvsp_xml_field(kvsp_text_string(body), name, value) == 1;
}

static void read_name(struct service_fault *fault, const char *type,
                      struct text *body, struct text *value) {
  static const char *const names[] = {"code", "Code", "__type"};
  if (*type) copy_name(fault, type);
  for (size_t i = 0; i < 3 && !fault->name[0]; i++)
    if (field(body, names[i], value)) copy_name(fault, kvsp_text_string(value));
  if (!fault->name[0])
    snprintf(fault->name, sizeof fault->name, "HTTP %ld", fault->http_status);
}

static void read_message(struct service_fault *fault, struct text *body,
                         struct text *value) {
  if (field(body, "Message", value) || field(body, "message", value))
    copy_line(fault->message, sizeof fault->message, kvsp_text_string(value));
}

/*
 * "Signature expired: 20231107T044734Z is now earlier than 20231107T045305Z
 * (20231107T045805Z - 5 min.)": the first time is ours, the one in brackets is
 * the service's.  "Signature not yet current" has the same form.
 */
static bool read_times(struct service_fault *fault) {
  const char *first = strchr(fault->message, ':');
  const char *third = strchr(fault->message, '(');
  int64_t ours;
  int64_t theirs;
  if (!first || !third || first[1] != ' ') return false;
  ours = kvsp_clock_parse(first + 2);
  theirs = kvsp_clock_parse(third + 1);
  if (ours == KVSP_CLOCK_NONE || theirs == KVSP_CLOCK_NONE) return false;
  fault->clock_offset_ms = ours - theirs;
  return true;
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static void look_at_clock(struct service_fault *fault, int64_t date_ms,
                          int64_t now_ms) {
  bool told = begins(fault->message, "Signature expired") ||
              begins(fault->message, "Signature not yet current");
  if (told) fault->class = ERROR_CLOCK;
  if (fault->class != ERROR_CLOCK || (told && read_times(fault))) return;
  if (date_ms != KVSP_CLOCK_NONE) fault->clock_offset_ms = now_ms - date_ms;
}

/* NotAuthorizedException is also what an expired token gets. */
static void look_at_token(struct service_fault *fault) {
  if (fault->class != ERROR_FATAL) return;
  if (fault->http_status != 401 && fault->http_status != 403) return;
  if (strstr(fault->message, "expired")) fault->class = ERROR_EXPIRED;
}

void kvsp_errors_read(struct service_fault *fault, long http_status,
                      const char *type, struct text *body, int64_t date_ms,
                      int64_t now_ms) {
  struct text value;
  memset(fault, 0, sizeof *fault);
  fault->http_status = http_status;
  kvsp_text_init(&value, body->allocator, (size_t)ERROR_MESSAGE_SIZE * 8);
  read_name(fault, type, body, &value);
  read_message(fault, body, &value);
  kvsp_text_clear(&value);
  fault->class = class_by_name(fault);
  look_at_clock(fault, date_ms, now_ms);
  look_at_token(fault);
}

void kvsp_errors_show(const struct service_fault *fault, int status,
                      const char *operation, const char *request_id,
                      kvsp_service_error *out) {
  out->status = status;
  out->http_status = (uint32_t)fault->http_status;
  out->operation = operation;
  out->name = fault->name;
  out->message = fault->message;
  out->request_id = request_id;
  out->clock_offset_ms = fault->clock_offset_ms;
}

void kvsp_errors_print_offset(int64_t offset_ms, char *out, size_t size) {
  const char *side = offset_ms < 0 ? "behind" : "ahead";
  int64_t seconds = (offset_ms < 0 ? -offset_ms : offset_ms) / 1000;
  snprintf(out, size, "%lld min %lld s %s", (long long)(seconds / 60),
           (long long)(seconds % 60), side);
}
