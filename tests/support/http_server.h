/*
 * http_server.h - a small HTTP/1.1 server on the loopback, in a thread, for
 * the network stage's suites: it hands each request to the test, which writes
 * the answer.  Knows no service.
 */
#ifndef KVSPARSE_TESTS_HTTP_SERVER_H
#define KVSPARSE_TESTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct http_server;

/* One request; strings end with a NUL. */
struct server_request {
  const char *method;
  const char *path;
  const char *headers; /* all lines, as they came                          */
  const char *body;
};
/* Where the answer goes. */
struct server_answer;

/* Called in the server's thread, one request after the other on each
 * connection; several connections are served by a thread each. */
typedef void (*server_handler)(void *user, const struct server_request *request,
                               struct server_answer *answer);

struct http_server *server_start(server_handler handler, void *user);
void server_stop(struct http_server *server);
/* "http://127.0.0.1:PORT" */
const char *server_url(const struct http_server *server);

/* A whole answer with a length.  headers: lines that each end with \r\n. */
void server_reply(struct server_answer *answer, int status, const char *headers,
                  const char *body);
/* A chunked one, piece by piece; false: the client is gone. */
void server_begin(struct server_answer *answer);
bool server_chunk(struct server_answer *answer, const void *data, size_t len);
/* Its regular end. */
void server_end(struct server_answer *answer);
/* The connection breaks off here: by a reset, or just closed. */
void server_break(struct server_answer *answer, bool reset);
/* Waits, unless the server is to stop. */
void server_sleep(struct server_answer *answer, int ms);

/* The value of a header, in any case, copied to out; false: there is none. */
bool server_header(const struct server_request *request, const char *name,
                   char *out, size_t size);

#endif
