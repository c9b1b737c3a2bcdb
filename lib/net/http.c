#include "http.h"

#include <fcntl.h>
#include <kvsparse/client.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net_clock.h"

/* Of answers that are kept whole. */
#define BODY_MAX ((size_t)16 << 20)
#define BODY_ERROR_MAX ((size_t)64 << 10)

int kvsp_http_init(struct http *http, const kvsp_allocator *a) {
  http->allocator = a;
  atomic_init(&http->interrupted, false);
  http->multi = curl_multi_init();
  return http->multi ? KVSP_OK : KVSP_ERR_NOMEM;
}

void kvsp_http_free(struct http *http) {
  if (http->multi) curl_multi_cleanup(http->multi);
  http->multi = NULL;
}

void kvsp_http_interrupt(struct http *http) {
  atomic_store(&http->interrupted, true);
  curl_multi_wakeup(http->multi);
}

bool kvsp_http_take_interrupt(struct http *http) {
  return atomic_exchange(&http->interrupted, false);
}

/* ---- the answer ---------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *user) {
  struct http_transfer *t = user;
  size_t len = size * count;
  if (t->status == 0)
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
  if (t->stream && t->status == 200) return t->stream(t->user, data, len);
  if (t->status != 200 && t->body.len + len > BODY_ERROR_MAX) return len;
  t->body_error = kvsp_text_append(&t->body, data, len);
  return t->body_error == KVSP_OK ? len : 0;
}

static char lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The value of a header with that name, in lower case; NULL: it is another. */
static const char *value_of(const char *line, size_t len, const char *name,
                            size_t *value_len) {
  size_t i = 0;
  for (; name[i]; i++)
    if (i >= len || lower(line[i]) != name[i]) return NULL;
  if (i >= len || line[i] != ':') return NULL;
  for (i++; i < len && (line[i] == ' ' || line[i] == '\t');) i++;
  while (len > i && (unsigned char)line[len - 1] <= ' ') len--;
  *value_len = len - i;
  return line + i;
}

static bool take(const char *line, size_t len, const char *name, char *out,
                 size_t size) {
  size_t value_len;
  const char *value = value_of(line, len, name, &value_len);
  if (!value) return false;
  if (value_len >= size) value_len = size - 1;
  for (size_t i = 0; i < value_len; i++)
    out[i] = (char)((unsigned char)value[i] < ' ' ? ' ' : value[i]);
  out[value_len] = '\0';
  return true;
}

/* The wire writes x-amzn-, the documents x-amz-. */
static size_t on_header(char *line, size_t size, size_t count, void *user) {
  struct http_transfer *t = user;
  size_t len = size * count;
  char date[64];
  time_t seconds;
  if (take(line, len, "x-amzn-errortype", t->error_type,
           sizeof t->error_type) ||
      take(line, len, "x-amz-errortype", t->error_type, sizeof t->error_type) ||
      take(line, len, "x-amzn-requestid", t->request_id,
           sizeof t->request_id) ||
      take(line, len, "x-amz-requestid", t->request_id, sizeof t->request_id))
    return len;
  if (!take(line, len, "date", date, sizeof date)) return len;
  seconds = curl_getdate(date, NULL);
  if (seconds != (time_t)-1) t->date_ms = (int64_t)seconds * 1000;
  return len;
}

/* ---- the request --------------------------------------------------------- */

static int add_header(struct http_transfer *t, const char *line) {
  struct curl_slist *longer;
  if (strpbrk(line, "\r\n")) return KVSP_ERR_ARG;
  longer = curl_slist_append(t->headers, line);
  if (!longer) return KVSP_ERR_NOMEM;
  t->headers = longer;
  return KVSP_OK;
}

static int add_token(struct http_transfer *t, const char *token) {
  struct text line;
  int rc;
  kvsp_text_init(&line, t->http->allocator, (size_t)64 << 10);
  rc = kvsp_text_add(&line, "X-Amz-Security-Token: ");
  if (rc == KVSP_OK) rc = kvsp_text_add(&line, token);
  if (rc == KVSP_OK) rc = add_header(t, kvsp_text_string(&line));
  kvsp_text_clear(&line);
  return rc;
}

/* Region and service are always told: libcurl would guess them from the host.
 * libcurl signs each header of the list, so that an empty or a double one, or
 * a date of our own, would break it; none of these is ever added. */
static int sign(struct http_transfer *t, const struct http_request *request) {
  char scope[128];
  snprintf(scope, sizeof scope, "aws:amz:%s:kinesisvideo", request->region);
  if (curl_easy_setopt(t->easy, CURLOPT_AWS_SIGV4, scope) != CURLE_OK)
    return KVSP_ERR_UNSUPPORTED;
  if (curl_easy_setopt(t->easy, CURLOPT_USERNAME,
                       request->sign->access_key_id) != CURLE_OK ||
      curl_easy_setopt(t->easy, CURLOPT_PASSWORD,
                       request->sign->secret_access_key) != CURLE_OK)
    return KVSP_ERR_NOMEM;
  if (!request->sign->session_token) return KVSP_OK;
  return add_token(t, request->sign->session_token);
}

static void allow_http_only(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                   (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* No program that is run meanwhile gets the connection, too. */
static curl_socket_t open_socket(void *user, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  curl_socket_t made;
  (void)user;
  (void)purpose;
#ifdef SOCK_CLOEXEC
  made = socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
#else
  made = socket(address->family, address->socktype, address->protocol);
  if (made != CURL_SOCKET_BAD) fcntl(made, F_SETFD, FD_CLOEXEC);
#endif
  return made;
}

static void set_connection(struct http_transfer *t,
                           const struct http_request *request) {
  const struct http *http = t->http;
  CURL *easy = t->easy;
  allow_http_only(easy);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, http->connect_timeout_ms);
  if (request->timeout_ms > 0)
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
  if (http->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
  if (request->direct)
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  else if (http->proxy)
    curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy);
}

static void set_body(CURL *easy, const struct http_request *request) {
  if (request->body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)strlen(request->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
  } else if (strcmp(request->method, "PUT") == 0) {
    /* An upload of nothing: "Content-Length: 0". */
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static int set_all(struct http_transfer *t,
                   const struct http_request *request) {
  CURL *easy = t->easy;
  int rc = KVSP_OK;
  set_connection(t, request);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, t->http->user_agent);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->problem);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)t);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)t);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)t);
  set_body(easy, request);
  if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK)
    return KVSP_ERR_NOMEM;
  for (size_t i = 0; i < HTTP_HEADERS_MAX && request->headers[i]; i++) {
    rc = add_header(t, request->headers[i]);
    if (rc != KVSP_OK) return rc;
  }
  if (request->sign) rc = sign(t, request);
  if (rc == KVSP_OK) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
  return rc;
}

int kvsp_http_start(struct http_transfer *t, struct http *http,
                    const struct http_request *request) {
  size_t (*stream)(void *, const void *, size_t) = t->stream;
  void *user = t->user;
  int rc;
  memset(t, 0, sizeof *t);
  t->http = http;
  t->stream = stream;
  t->user = user;
  t->date_ms = KVSP_CLOCK_NONE;
  kvsp_text_init(&t->body, http->allocator, BODY_MAX);
  t->easy = curl_easy_init();
  if (!t->easy) return KVSP_ERR_NOMEM;
  rc = set_all(t, request);
  if (rc == KVSP_OK && curl_multi_add_handle(http->multi, t->easy) != CURLM_OK)
    rc = KVSP_ERR_NOMEM;
  if (rc != KVSP_OK) {
    kvsp_http_end(t);
    return rc;
  }
  t->added = true;
  return KVSP_OK;
}

static void wipe_headers(struct curl_slist *list) {
  for (; list; list = list->next) kvsp_net_wipe(list->data, strlen(list->data));
}

void kvsp_http_end(struct http_transfer *t) {
  if (t->added) curl_multi_remove_handle(t->http->multi, t->easy);
  if (t->easy) curl_easy_cleanup(t->easy);
  wipe_headers(t->headers);
  curl_slist_free_all(t->headers);
  if (t->http) kvsp_text_clear(&t->body);
  t->added = false;
  t->easy = NULL;
  t->headers = NULL;
}

static void finish(CURL *easy, CURLcode result) {
  char *private = NULL;
  struct http_transfer *t;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
  t = (struct http_transfer *)(void *)private;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &t->status);
  t->finished = true;
  t->result = result;
}

/* As if libcurl had ended it: nothing of it comes any more. */
static void cut_off(struct http_transfer *t, CURLcode result) {
  curl_multi_remove_handle(t->http->multi, t->easy);
  t->added = false;
  finish(t->easy, result);
}

void kvsp_http_go_on(struct http_transfer *t) {
  CURLcode result;
  if (t->finished) return;
  result = curl_easy_pause(t->easy, CURLPAUSE_CONT);
  if (result != CURLE_OK) cut_off(t, result);
}

void kvsp_http_give_up(struct http_transfer *t) {
  cut_off(t, CURLE_OPERATION_TIMEDOUT);
}

int kvsp_http_turn(struct http *http) {
  int left = 0;
  CURLMsg *message;
  if (curl_multi_perform(http->multi, &left) != CURLM_OK) return KVSP_ERR_NOMEM;
  message = curl_multi_info_read(http->multi, &left);
  for (; message; message = curl_multi_info_read(http->multi, &left))
    if (message->msg == CURLMSG_DONE)
      finish(message->easy_handle, message->data.result);
  return KVSP_OK;
}

void kvsp_http_wait(struct http *http, int fd, int ms) {
  struct curl_waitfd also = {.fd = fd, .events = CURL_WAIT_POLLIN};
  curl_multi_poll(http->multi, &also, fd >= 0 ? 1 : 0, ms, NULL);
}

/* ---- what went wrong ----------------------------------------------------- */

bool kvsp_http_succeeded(const struct http_transfer *t) {
  return t->finished && t->result == CURLE_OK && t->status == 200;
}

static enum error_class class_of(CURLcode result) {
  switch (result) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_OUT_OF_MEMORY: return ERROR_FATAL;
    default: return ERROR_RETRY;
  }
}

static int network_fault(const struct http_transfer *t,
                         struct service_fault *fault) {
  memset(fault, 0, sizeof *fault);
  fault->class = class_of(t->result);
  fault->http_status = t->status;
  snprintf(fault->message, sizeof fault->message, "%s",
           t->problem[0] ? t->problem : curl_easy_strerror(t->result));
  if (t->result == CURLE_OUT_OF_MEMORY || t->body_error == KVSP_ERR_NOMEM) {
    fault->class = ERROR_FATAL;
    return KVSP_ERR_NOMEM;
  }
  return KVSP_ERR_NETWORK;
}

int kvsp_http_fault(struct http_transfer *t, struct service_fault *fault) {
  /* An error whose body was cut is still that error. */
  if (t->result != CURLE_OK && (t->status == 0 || t->status == 200))
    return network_fault(t, fault);
  kvsp_errors_read(fault, t->status, t->error_type, &t->body, t->date_ms,
                   kvsp_clock_wall_ms());
  return fault->class == ERROR_CLOCK ? KVSP_ERR_CLOCK : KVSP_ERR_SERVICE;
}
