/*
 * net_client.h - the inside of a client: settings, credentials, what is known
 * of each stream, and the loop.  Knows readers only as things that take steps.
 */
#ifndef KVSP_NET_CLIENT_H
#define KVSP_NET_CLIENT_H

#include <kvsparse/client.h>

#include "backoff.h"
#include "credentials.h"
#include "endpoint.h"

enum api { API_MEDIA, API_LIST, API_FRAGMENTS, API_COUNT };

/* What all readers of one stream share. */
struct stream {
  struct stream *next;
  char *name; /* or ARN                                                    */
  char *endpoint[API_COUNT]; /* NULL: to be asked for                      */
  struct call_gate gates[2]; /* of GetDataEndpoint, of GetMedia            */
  struct call_gate points;   /* of GetMediaForFragmentList                 */
};

struct kvsp_client {
  kvsp_allocator allocator;
  struct http http;
  struct credential_chain chain;
  struct environment environment;
  char *region; /* NULL: unknown                                           */
  char *profile;
  char *endpoint_url;
  char *api_url[API_COUNT]; /* of the caller's                             */
  char *user_agent;
  char *ca_file;
  char *proxy;
  unsigned endpoints; /* ENDPOINT_*                                        */
  uint64_t random;
  bool busy;   /* a callback runs                                            */
  bool global; /* curl_global_init succeeded                               */
  struct stream *streams;
  struct kvsp_media *readers;
  struct kvsp_media *turn; /* the last one that was told to be ready       */
  bool taken;              /* something was, since kvsp_client_wait         */
  int64_t turned_ms;       /* when the loop had its last turn               */
  kvsp_service_error error;
  struct service_fault fault; /* what it points to                          */
  char request_id[ERROR_ID_SIZE];
};

/* The record of that stream, made where there is none.  NULL: no memory. */
struct stream *kvsp_client_stream(kvsp_client *c, const char *name);
/* The base of URLs for an API of that stream, NULL: to be asked for. */
const char *kvsp_client_endpoint(const kvsp_client *c,
                                 const struct stream *stream, enum api api);
/* The service's answer to GetDataEndpoint.  KVSP_OK, KVSP_ERR_NOMEM,
 * KVSP_ERR_SERVICE: it is no URL that may be spoken to. */
int kvsp_client_learn_endpoint(kvsp_client *c, struct stream *stream,
                               enum api api, const char *url);
void kvsp_client_forget_endpoint(kvsp_client *c, struct stream *stream,
                                 enum api api);
/* "GET_MEDIA" */
const char *kvsp_api_name(enum api api);

/* Drives all until only (NULL: any reader) has something, or the time is over:
 * as kvsp_client_wait. */
int kvsp_client_drive(kvsp_client *c, int timeout_ms, struct kvsp_media *only,
                      struct kvsp_media **ready);
/* Drives all until the transfer is finished, until that time (kvsp_clock_ms).
 * KVSP_OK, KVSP_INTERRUPTED, KVSP_ERR_NOMEM. */
int kvsp_client_finish(kvsp_client *c, const struct http_transfer *t);
int kvsp_client_sleep(kvsp_client *c, int64_t until_ms);
/* Until the transfer is finished, something sets *ready, or that time. */
int kvsp_client_await(kvsp_client *c, const struct http_transfer *t,
                      const bool *ready, int64_t until_ms);
/* Until a search for credentials has ended, or that time. */
int kvsp_client_await_search(kvsp_client *c, int64_t until_ms);
/* Until there are credentials to sign with.  The same, or why there are none:
 * as kvsp_credentials_ask. */
int kvsp_client_obtain(kvsp_client *c);

/* What kvsp_client_error tells from now on: a fault of a call, what the
 * credentials' sources said, a message of ours. */
void kvsp_client_note_fault(kvsp_client *c, int status, const char *operation,
                            const struct service_fault *fault,
                            const char *request_id);
void kvsp_client_note_credentials(kvsp_client *c, int status);
void kvsp_client_note_message(kvsp_client *c, int status, const char *operation,
                              const char *message);

#endif
