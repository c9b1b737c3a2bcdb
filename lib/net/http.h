/*
 * http.h - one request and its answer over libcurl, and what all requests of a
 * client share.  The only part that sets libcurl's options: TLS is verified,
 * nothing is redirected, no signal is touched.  Knows how AWS signs and where
 * it writes errors in headers; knows no operation.
 */
#ifndef KVSP_NET_HTTP_H
#define KVSP_NET_HTTP_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "errors.h"
#include "text.h"

/* What a request is signed with, or NULL strings. */
struct credentials {
  char *access_key_id;
  char *secret_access_key;
  char *session_token; /* NULL: none                                       */
  int64_t expires_ms;  /* since 1970; KVSP_CLOCK_NONE: never               */
};

struct http {
  const kvsp_allocator *allocator;
  CURLM *multi; /* all transfers, driven by the client                     */
  const char *user_agent;
  const char *ca_file; /* NULL: the system's                               */
  const char *proxy;   /* NULL: as libcurl finds it                        */
  long connect_timeout_ms;
  atomic_bool interrupted;
};

int kvsp_http_init(struct http *http, const kvsp_allocator *a);
void kvsp_http_free(struct http *http);
/* From any thread. */
void kvsp_http_interrupt(struct http *http);
/* Whether it was interrupted; asks once, then it no longer is. */
bool kvsp_http_take_interrupt(struct http *http);

#define HTTP_HEADERS_MAX 4
struct http_request {
  const char *method; /* "GET", "PUT", "POST"                              */
  const char *url;
  const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; NULL: no more   */
  const char *body; /* NULL: none; must live as long as the transfer       */
  long timeout_ms;  /* for all of it; 0: none                              */
  bool direct;      /* never by a proxy                                    */
  const struct credentials *sign; /* NULL: unsigned                        */
  const char *region;             /* to sign for                           */
};

struct http_transfer {
  struct http *http;
  CURL *easy; /* NULL: there is none                                       */
  bool added; /* to the multi handle                                     */
  struct curl_slist *headers;
  bool finished;
  CURLcode result; /* once it is finished                                  */
  char problem[CURL_ERROR_SIZE];
  long status; /* of HTTP; 0: no answer yet                                */
  struct text body; /* the answer; of a success, unless it is streamed     */
  int body_error;
  char error_type[ERROR_NAME_SIZE * 2];
  char request_id[ERROR_ID_SIZE];
  int64_t date_ms;
  /* Where the body of a 200 goes, instead of body: returns how many it took,
   * or CURL_WRITEFUNC_PAUSE. */
  size_t (*stream)(void *user, const void *data, size_t len);
  void *user;
};

/* All zero is a transfer that was never made.  KVSP_OK, KVSP_ERR_NOMEM,
 * KVSP_ERR_ARG (a header that is none), KVSP_ERR_UNSUPPORTED. */
int kvsp_http_start(struct http_transfer *t, struct http *http,
                    const struct http_request *request);
/* Ends it wherever it is, wipes what came.  NULL strings are fine. */
void kvsp_http_end(struct http_transfer *t);
/* Where stream had it wait: hands over what libcurl has kept back.  Where that
 * is not taken the transfer is finished, which libcurl would not see to: it
 * would go on behind those bytes. */
void kvsp_http_go_on(struct http_transfer *t);
/* It took too long: it is finished, as one that libcurl has given up. */
void kvsp_http_give_up(struct http_transfer *t);
/* Does what can be done without waiting, notes what is finished.  KVSP_OK,
 * KVSP_ERR_NOMEM. */
int kvsp_http_turn(struct http *http);
/* Until there is something to do for a transfer, there is input at fd (-1:
 * none is looked at), kvsp_http_interrupt was called or ms are over. */
void kvsp_http_wait(struct http *http, int fd, int ms);

/* Whether it is finished and answered with 200. */
bool kvsp_http_succeeded(const struct http_transfer *t);
/* What went wrong, of a finished transfer that has not succeeded.  The status
 * is KVSP_ERR_NETWORK, KVSP_ERR_SERVICE, KVSP_ERR_CLOCK or KVSP_ERR_NOMEM. */
int kvsp_http_fault(struct http_transfer *t, struct service_fault *fault);

#endif
