#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536

struct http_server {
  server_handler handler;
  void *user;
  int listener;
  char url[64];
  pthread_t thread;
  atomic_bool stopping;
  atomic_int connections;
};

struct server_answer {
  struct http_server *server;
  int socket;
  bool broken; /* nothing more is to be sent                               */
};

struct connection {
  struct http_server *server;
  int socket;
};

static void die(const char *what) {
  perror(what);
  abort();
}

/* ---- answers ------------------------------------------------------------- */

/* In slices, so that a client that does not read cannot hold up the end. */
static bool send_all(struct server_answer *answer, const void *data,
                     size_t len) {
  const char *at = data;
  while (len > 0 && !answer->broken) {
    struct pollfd poll_fd = {.fd = answer->socket, .events = POLLOUT};
    ssize_t sent;
    if (atomic_load(&answer->server->stopping)) answer->broken = true;
    if (poll(&poll_fd, 1, 50) <= 0) continue;
    sent = send(answer->socket, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) {
      answer->broken = true;
      break;
    }
    at += sent;
    len -= (size_t)sent;
  }
  return !answer->broken;
}

void server_reply(struct server_answer *answer, int status, const char *headers,
                  const char *body) {
  char head[2048];
  snprintf(head, sizeof head,
           "HTTP/1.1 %d Answer\r\nContent-Length: %zu\r\n%s\r\n", status,
           strlen(body), headers);
  if (send_all(answer, head, strlen(head)))
    send_all(answer, body, strlen(body));
}

void server_begin(struct server_answer *answer) {
  static const char head[] =
      "HTTP/1.1 200 OK\r\nx-amzn-RequestId: request-of-media\r\n"
      "Content-Type: video/webm\r\nTransfer-Encoding: chunked\r\n\r\n";
  send_all(answer, head, sizeof head - 1);
}

bool server_chunk(struct server_answer *answer, const void *data, size_t len) {
  char size[32];
  snprintf(size, sizeof size, "%zx\r\n", len);
  return send_all(answer, size, strlen(size)) && send_all(answer, data, len) &&
         send_all(answer, "\r\n", 2);
}

void server_end(struct server_answer *answer) {
  send_all(answer, "0\r\n\r\n", 5);
}

void server_break(struct server_answer *answer, bool reset) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  if (reset)
    setsockopt(answer->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  answer->broken = true;
}

void server_sleep(struct server_answer *answer, int ms) {
  for (; ms > 0 && !atomic_load(&answer->server->stopping); ms -= 10)
    poll(NULL, 0, 10);
}

bool server_header(const struct server_request *request, const char *name,
                   char *out, size_t size) {
  size_t len = strlen(name);
  const char *line = request->headers;
  for (; line && *line;
       line = strstr(line, "\r\n"), line = line ? line + 2 : NULL) {
    if (strncasecmp(line, name, len) != 0 || line[len] != ':') continue;
    line += len + 1;
    line += strspn(line, " ");
    len = strcspn(line, "\r");
    if (len >= size) len = size - 1;
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
  }
  return false;
}

/* ---- requests ------------------------------------------------------------ */

/* More bytes behind those that are there; false: the client left. */
static bool receive(struct connection *c, char *text, size_t *len) {
  for (;;) {
    struct pollfd poll_fd = {.fd = c->socket, .events = POLLIN};
    ssize_t got;
    if (atomic_load(&c->server->stopping)) return false;
    if (poll(&poll_fd, 1, 50) <= 0) continue;
    got = recv(c->socket, text + *len, REQUEST_MAX - 1 - *len, 0);
    if (got <= 0) return false;
    *len += (size_t)got;
    text[*len] = '\0';
    return true;
  }
}

static size_t content_length(const char *headers) {
  struct server_request request = {.headers = headers};
  char value[32];
  if (!server_header(&request, "Content-Length", value, sizeof value)) return 0;
  return (size_t)strtoul(value, NULL, 10);
}

static bool serve_one(struct connection *c, char *text, size_t *len) {
  struct server_request request;
  struct server_answer answer = {.server = c->server, .socket = c->socket};
  char *end;
  char *headers;
  size_t total;
  while (!strstr(text, "\r\n\r\n"))
    if (!receive(c, text, len)) return false;
  end = strstr(text, "\r\n\r\n");
  headers = strstr(text, "\r\n") + 2;
  total = (size_t)(end + 4 - text) + content_length(headers);
  if (total >= REQUEST_MAX) return false;
  while (*len < total)
    if (!receive(c, text, len)) return false;
  *end = '\0';
  headers[-2] = '\0';
  request.method = text;
  request.path = strchr(text, ' ') + 1;
  *strchr(text, ' ') = '\0';
  *strchr(request.path, ' ') = '\0';
  request.headers = headers;
  request.body = end + 4;
  c->server->handler(c->server->user, &request, &answer);
  *len = 0;
  text[0] = '\0';
  return !answer.broken;
}

static void *serve(void *user) {
  struct connection *c = user;
  char *text = calloc(1, REQUEST_MAX);
  size_t len = 0;
  if (!text) die("calloc");
  while (serve_one(c, text, &len)) continue;
  close(c->socket);
  atomic_fetch_sub(&c->server->connections, 1);
  free(text);
  free(c);
  return NULL;
}

static void take_connection(struct http_server *server) {
  struct connection *c = calloc(1, sizeof *c);
  pthread_t thread;
  if (!c) die("calloc");
  c->server = server;
  c->socket = accept(server->listener, NULL, NULL);
  if (c->socket < 0) die("accept");
  atomic_fetch_add(&server->connections, 1);
  if (pthread_create(&thread, NULL, serve, c) != 0) die("pthread_create");
  pthread_detach(thread);
}

static void *listen_all(void *user) {
  struct http_server *server = user;
  while (!atomic_load(&server->stopping)) {
    struct pollfd poll_fd = {.fd = server->listener, .events = POLLIN};
    if (poll(&poll_fd, 1, 20) > 0) take_connection(server);
  }
  return NULL;
}

struct http_server *server_start(server_handler handler, void *user) {
  struct http_server *server = calloc(1, sizeof *server);
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  if (!server) die("calloc");
  server->handler = handler;
  server->user = user;
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (server->listener < 0 ||
      bind(server->listener, (struct sockaddr *)&address, sizeof address) ||
      listen(server->listener, 128) ||
      getsockname(server->listener, (struct sockaddr *)&address, &size))
    die("a server on 127.0.0.1");
  snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u",
           (unsigned)ntohs(address.sin_port));
  if (pthread_create(&server->thread, NULL, listen_all, server) != 0)
    die("pthread_create");
  return server;
}

void server_stop(struct http_server *server) {
  atomic_store(&server->stopping, true);
  pthread_join(server->thread, NULL);
  while (atomic_load(&server->connections) > 0) poll(NULL, 0, 5);
  close(server->listener);
  free(server);
}

const char *server_url(const struct http_server *server) {
  return server->url;
}
