/*
 * errors.h - what the service means by an answer that is no success: its
 * name, its words, and what a client does about it.  Knows the shapes of
 * errors; knows no connection.
 */
#ifndef KVSP_NET_ERRORS_H
#define KVSP_NET_ERRORS_H

#include <kvsparse/client.h>
#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum error_class {
  ERROR_FATAL,    /* will not heal by itself                               */
  ERROR_RETRY,    /* a fault that passes                                   */
  ERROR_THROTTLE, /* too many calls, or readers                            */
  ERROR_EXPIRED,  /* the credentials: get new ones, once                   */
  ERROR_ENDPOINT, /* a data endpoint of old: ask for it anew, once         */
  ERROR_CLOCK     /* this machine's clock is off                           */
};

/* Whether it may be different later, with nothing done about it. */
bool kvsp_errors_pass(enum error_class class);

#define ERROR_NAME_SIZE 96
#define ERROR_MESSAGE_SIZE 512
#define ERROR_ID_SIZE 96

struct service_fault {
  enum error_class class;
  long http_status;
  char name[ERROR_NAME_SIZE];
  char message[ERROR_MESSAGE_SIZE];
  int64_t clock_offset_ms; /* this clock minus the service's; 0: not known  */
};

/*
 * type: the header x-amzn-ErrorType, or "".  body: what came, as text.
 * date_ms: the header Date, KVSP_CLOCK_NONE where there was none; now_ms: this
 * machine's time.  fault is filled whatever comes.
 */
void kvsp_errors_read(struct service_fault *fault, long http_status,
                      const char *type, struct text *body, int64_t date_ms,
                      int64_t now_ms);
/* What the caller is shown of it.  *out points to the rest, which must live as
 * long. */
void kvsp_errors_show(const struct service_fault *fault, int status,
                      const char *operation, const char *request_id,
                      kvsp_service_error *out);
/* "4 min 3 s behind". */
void kvsp_errors_print_offset(int64_t offset_ms, char *out, size_t size);

#endif
