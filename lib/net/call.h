/*
 * call.h - one signed call of the service's API: credentials, URL, JSON.
 * Knows how operations are called; knows none of them.
 */
#ifndef KVSP_NET_CALL_H
#define KVSP_NET_CALL_H

#include "net_client.h"

struct call {
  kvsp_client *client;
  struct http_transfer transfer; /* set its stream and user before           */
  const char *operation;         /* "GetMedia"; static                      */
  struct text body;              /* the request's JSON                      */
  struct text url;
  unsigned keys; /* the chain's fetched when it was signed                 */
  bool active;
};

void kvsp_call_init(struct call *call, kvsp_client *c);
/* Begins the request's body: {"StreamName":"..." or {"StreamARN":"...". */
int kvsp_call_begin(struct call *call, const char *stream);
/* ,"name": and then the value. */
int kvsp_call_add_string(struct call *call, const char *name,
                         const char *value);
int kvsp_call_add_time(struct call *call, const char *name, int64_t time_ns);
/* The value alone. */
int kvsp_call_add_seconds(struct call *call, int64_t time_ns);
int kvsp_call_add_raw(struct call *call, const char *text);
/*
 * Ends the body and sends it to base/operation.  KVSP_OK; CREDENTIALS_PENDING:
 * there are none just now, ask for them first; errors of kvsp_http_start.
 * timeout_ms 0: none.
 */
int kvsp_call_send(struct call *call, const char *base, const char *operation,
                   long timeout_ms);
/* Ends it wherever it is; it can be begun again. */
void kvsp_call_end(struct call *call);
void kvsp_call_free(struct call *call);

#endif
