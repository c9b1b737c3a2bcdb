/*
 * credentials_process.c - a program of the user's that prints credentials as
 * JSON (the profile's key credential_process).  It is run without a shell.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "credentials.h"
#include "fields.h"
#include "net_clock.h"

#define ARGUMENTS_MAX 64
#define OUTPUT_MAX ((size_t)64 << 10)
#define TIME_MS 60000
/* How often an interrupt is looked for. */
#define SLICE_MS 100
/* How often a program is looked after that has closed its output. */
#define REAP_MS 10

extern char **environ;

/* Takes the next word off *at, in place: quotes and backslashes as a shell
 * has them, and nothing else of a shell.  NULL: there is none.  *bad: a quote
 * has no end. */
static char *next_word(char **at, bool *bad) {
  char *from = *at + strspn(*at, " \t");
  char *to = from;
  char *word = from;
  char quote = '\0';
  if (*from == '\0') return NULL;
  for (; *from && (quote || (*from != ' ' && *from != '\t')); from++) {
    if (quote && *from == quote) {
      quote = '\0';
    } else if (!quote && (*from == '"' || *from == '\'')) {
      quote = *from;
    } else {
      if (*from == '\\' && quote != '\'' && from[1]) from++;
      *to++ = *from;
    }
  }
  *bad = *bad || quote;
  *at = *from ? from + 1 : from;
  *to = '\0';
  return word;
}

static bool split(char *command, char **arguments) {
  bool bad = false;
  size_t count = 0;
  char *word = next_word(&command, &bad);
  for (; word && count < ARGUMENTS_MAX; word = next_word(&command, &bad))
    arguments[count++] = word;
  arguments[count] = NULL;
  return count > 0 && !word && !bad;
}

/* Its standard output is the pipe, its standard input is empty; what it says on
 * standard error goes where ours does. */
static int spawn(char **arguments, const int ends[2], pid_t *child) {
  posix_spawn_file_actions_t actions;
  int rc = posix_spawn_file_actions_init(&actions);
  if (rc != 0) return rc;
  rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (rc == 0)
    rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                          O_RDONLY, 0);
  if (rc == 0)
    rc = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

static int make_pipe(int ends[2]) {
  if (pipe(ends) != 0) return -1;
  for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return 0;
}

/* One read at most.  1: there may be more; 0: that was all; errors. */
static int read_some(int pipe_end, struct text *out) {
  struct pollfd poll_fd = {.fd = pipe_end, .events = POLLIN};
  char piece[4096];
  ssize_t got;
  int rc;
  if (poll(&poll_fd, 1, SLICE_MS) <= 0) return 1;
  got = read(pipe_end, piece, sizeof piece);
  if (got == 0) return 0;
  if (got < 0) return errno == EINTR ? 1 : KVSP_ERR_FILE;
  rc = kvsp_text_append(out, piece, (size_t)got);
  kvsp_net_wipe(piece, sizeof piece);
  return rc == KVSP_OK ? 1 : rc;
}

/* KVSP_OK: it may take longer still. */
static int check_patience(struct credential_chain *chain, int64_t until) {
  if (kvsp_clock_ms() > until)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "credential_process took longer than a "
                                 "minute");
  return atomic_load(&chain->http->interrupted) ? KVSP_INTERRUPTED : KVSP_OK;
}

static int read_output(struct credential_chain *chain, int pipe_end,
                       int64_t until, struct text *out) {
  int rc = 1;
  while (rc == 1) {
    rc = check_patience(chain, until);
    if (rc != KVSP_OK) return rc;
    rc = read_some(pipe_end, out);
  }
  return rc;
}

/* It has closed its output, but may go on without. */
static int wait_for_end(struct credential_chain *chain, pid_t child,
                        int64_t until, int *status, pid_t *gone) {
  int rc = KVSP_OK;
  *gone = waitpid(child, status, WNOHANG);
  while (rc == KVSP_OK && (*gone == 0 || (*gone < 0 && errno == EINTR))) {
    poll(NULL, 0, REAP_MS);
    rc = check_patience(chain, until);
    *gone = waitpid(child, status, WNOHANG);
  }
  return rc;
}

static void put_down(pid_t child) {
  kill(child, SIGKILL);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
}

/* rc: how reading its output ended. */
static int reap(struct credential_chain *chain, pid_t child, int64_t until,
                int rc) {
  int status = 0;
  pid_t gone = 0;
  if (rc == KVSP_OK) rc = wait_for_end(chain, child, until, &status, &gone);
  if (rc != KVSP_OK) {
    if (gone == 0) put_down(child);
    return rc;
  }
  /* Where the program ignores SIGCHLD nobody knows how it ended. */
  if (gone < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
    return KVSP_OK;
  status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  /* What posix_spawn may leave to the child to say, and a shell says. */
  return kvsp_credentials_fail(
      chain, KVSP_ERR_CREDENTIALS, "credential_process %s (status %d)",
      status == 127 ? "cannot be run, or a program that it runs" : "failed",
      status);
}

static int run(struct credential_chain *chain, char **arguments,
               struct text *out) {
  int64_t until = kvsp_clock_ms() + TIME_MS;
  int ends[2];
  pid_t child;
  int rc;
  if (make_pipe(ends) != 0) return KVSP_ERR_NOMEM;
  rc = spawn(arguments, ends, &child);
  close(ends[1]);
  if (rc != 0) {
    close(ends[0]);
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "credential_process: \"%s\" cannot be run",
                                 arguments[0]);
  }
  rc = read_output(chain, ends[0], until, out);
  close(ends[0]);
  return reap(chain, child, until, rc);
}

static int understand(struct credential_chain *chain, const struct text *json,
                      struct credentials *out) {
  struct text version;
  bool known;
  kvsp_text_init(&version, chain->allocator, 64);
  known = kvsp_json_field(kvsp_text_string(json), "Version", &version) == 1 &&
          strcmp(kvsp_text_string(&version), "1") == 0;
  kvsp_text_clear(&version);
  if (!known)
    return kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                                 "credential_process printed no JSON object "
                                 "with \"Version\": 1");
  return kvsp_credentials_from_json(chain, kvsp_text_string(json),
                                    "SessionToken", out);
}

int kvsp_credentials_run(struct credential_chain *chain, const char *command,
                         struct credentials *out) {
  char *arguments[ARGUMENTS_MAX + 1];
  struct text json;
  size_t size = strlen(command) + 1;
  char *words = kvsp_net_strdup(chain->allocator, command);
  int rc;
  if (!words) return KVSP_ERR_NOMEM;
  kvsp_text_init(&json, chain->allocator, OUTPUT_MAX);
  if (split(words, arguments))
    rc = run(chain, arguments, &json);
  else
    rc = kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                               "credential_process is no command line");
  if (rc == KVSP_OK) rc = understand(chain, &json, out);
  kvsp_text_clear(&json);
  kvsp_net_wipe(words, size);
  kvsp_net_release(chain->allocator, words, size);
  return rc;
}
