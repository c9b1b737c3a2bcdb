/*
 * credentials_process.c - a program of the user's that prints credentials as
 * JSON (the profile's key credential_process).  It is run without a shell.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addclosefrom_np */
#endif

#include <errno.h>
#include <fcntl.h>
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
#define SOURCE "profile"
/* How often a program is looked after that has closed its output. */
#define REAP_MS 10

extern char **environ;

struct process {
  struct credential_chain *chain;
  pid_t child;   /* 0: it is gone                                          */
  int pipe_end;  /* of its output; -1: that was all                        */
  int64_t until; /* when it has taken too long                             */
  struct text output;
};

/* ---- the command line ---------------------------------------------------- */

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

/* ---- the program --------------------------------------------------------- */

/* Its standard output is the pipe, its standard input is empty; what it says on
 * standard error goes where ours does.  Of our descriptors it gets no other. */
static int set_files(posix_spawn_file_actions_t *actions, int output) {
  int rc = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
  if (rc == 0)
    rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                          O_RDONLY, 0);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
  if (rc == 0)
    rc = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#endif
  return rc;
}

/* What we ignore or block is our own affair: a program that writes into a
 * closed pipe, or waits for its children, counts on the signals. */
static int set_signals(posix_spawnattr_t *attributes) {
  sigset_t set;
  int rc;
  sigemptyset(&set);
  rc = posix_spawnattr_setsigmask(attributes, &set);
  sigaddset(&set, SIGPIPE);
  sigaddset(&set, SIGCHLD);
  if (rc == 0) rc = posix_spawnattr_setsigdefault(attributes, &set);
  if (rc == 0)
    rc = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return rc;
}

static int spawn(char **arguments, int output, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int rc = posix_spawn_file_actions_init(&actions);
  if (rc != 0) return rc;
  rc = posix_spawnattr_init(&attributes);
  if (rc == 0) {
    rc = set_files(&actions, output);
    if (rc == 0) rc = set_signals(&attributes);
    if (rc == 0)
      rc = posix_spawnp(child, arguments[0], &actions, &attributes, arguments,
                        environ);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

static int make_pipe(int ends[2]) {
#ifdef HAVE_PIPE2
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
#else
  if (pipe(ends) != 0) return -1;
  for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
#endif
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return 0;
}

static int start(struct process *p, char **arguments) {
  int ends[2];
  int rc;
  if (make_pipe(ends) != 0) return KVSP_ERR_NOMEM;
  rc = spawn(arguments, ends[1], &p->child);
  close(ends[1]);
  if (rc == 0) {
    p->pipe_end = ends[0];
    p->until = kvsp_clock_ms() + TIME_MS;
    p->chain->task.fd = ends[0];
    p->chain->task.due_ms = p->until;
    return CREDENTIALS_PENDING;
  }
  close(ends[0]);
  p->child = 0;
  return kvsp_credentials_fail(p->chain, KVSP_ERR_CREDENTIALS,
                               "credential_process: \"%s\" cannot be run",
                               arguments[0]);
}

/* ---- what it prints ------------------------------------------------------ */

static void close_output(struct process *p) {
  if (p->pipe_end >= 0) close(p->pipe_end);
  p->pipe_end = -1;
  p->chain->task.fd = -1;
}

/* KVSP_OK: that was all. */
static int read_output(struct process *p) {
  char piece[4096];
  ssize_t got;
  int rc = KVSP_OK;
  do {
    got = read(p->pipe_end, piece, sizeof piece);
    if (got > 0) rc = kvsp_text_append(&p->output, piece, (size_t)got);
  } while (rc == KVSP_OK && (got > 0 || (got < 0 && errno == EINTR)));
  kvsp_net_wipe(piece, sizeof piece);
  if (rc == KVSP_ERR_LIMIT_VALUE)
    return kvsp_credentials_fail(p->chain, KVSP_ERR_CREDENTIALS,
                                 "credential_process printed more than 64 kB");
  if (rc != KVSP_OK) return rc;
  if (got < 0) return errno == EAGAIN ? CREDENTIALS_PENDING : KVSP_ERR_FILE;
  close_output(p);
  return KVSP_OK;
}

/* It has closed its output, but may go on without. */
static int reap(struct process *p) {
  int status = 0;
  pid_t gone = waitpid(p->child, &status, WNOHANG);
  if (gone == 0 || (gone < 0 && errno == EINTR)) {
    p->chain->task.due_ms = kvsp_clock_ms() + REAP_MS;
    return CREDENTIALS_PENDING;
  }
  p->child = 0;
  /* Where the program ignores SIGCHLD nobody knows how it ended. */
  if (gone < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
    return KVSP_OK;
  status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  /* What posix_spawn may leave to the child to say, and a shell says. */
  return kvsp_credentials_fail(
      p->chain, KVSP_ERR_CREDENTIALS, "credential_process %s (status %d)",
      status == 127 ? "cannot be run, or a program that it runs" : "failed",
      status);
}

static int understand(struct process *p, struct credentials *out) {
  const char *json = kvsp_text_string(&p->output);
  struct text version;
  bool known;
  int rc;
  kvsp_text_init(&version, p->chain->allocator, 64);
  rc = kvsp_json_field(json, "Version", &version);
  known = rc == 1 && strcmp(kvsp_text_string(&version), "1") == 0;
  kvsp_text_clear(&version);
  if (rc == KVSP_ERR_NOMEM) return rc;
  if (!known)
    return kvsp_credentials_fail(p->chain, KVSP_ERR_CREDENTIALS,
                                 "credential_process printed no JSON object "
                                 "with \"Version\": 1");
  return kvsp_credentials_from_json(p->chain, json, "SessionToken", out);
}

/* ---- one step ------------------------------------------------------------ */

static int check_patience(struct process *p) {
  if (kvsp_clock_ms() < p->until) return CREDENTIALS_PENDING;
  return kvsp_credentials_fail(p->chain, KVSP_ERR_CREDENTIALS,
                               "credential_process took longer than a minute");
}

static int advance(void *own, struct credentials *out) {
  struct process *p = own;
  int rc = p->pipe_end >= 0 ? read_output(p) : KVSP_OK;
  if (rc == KVSP_OK) rc = reap(p);
  if (rc == KVSP_OK) rc = understand(p, out);
  if (rc == CREDENTIALS_PENDING) rc = check_patience(p);
  if (rc == KVSP_ERR_CREDENTIALS) kvsp_credentials_may_pass(p->chain, SOURCE);
  return rc;
}

static void release(void *own) {
  struct process *p = own;
  close_output(p);
  if (p->child > 0) {
    kill(p->child, SIGKILL);
    while (waitpid(p->child, NULL, 0) < 0 && errno == EINTR) continue;
  }
  kvsp_text_clear(&p->output);
}

static int begin(struct credential_chain *chain, char **arguments) {
  struct process *p =
      kvsp_credentials_begin(chain, sizeof *p, advance, release);
  int rc;
  if (!p) return KVSP_ERR_NOMEM;
  p->chain = chain;
  p->pipe_end = -1;
  kvsp_text_init(&p->output, chain->allocator, OUTPUT_MAX);
  rc = start(p, arguments);
  if (rc == KVSP_ERR_CREDENTIALS) kvsp_credentials_may_pass(chain, SOURCE);
  return rc;
}

int kvsp_credentials_run(struct credential_chain *chain, const char *command) {
  char *arguments[ARGUMENTS_MAX + 1];
  size_t size = strlen(command) + 1;
  char *words = kvsp_net_strdup(chain->allocator, command);
  int rc;
  if (!words) return KVSP_ERR_NOMEM;
  if (split(words, arguments))
    rc = begin(chain, arguments);
  else
    rc = kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                               "credential_process is no command line");
  kvsp_net_wipe(words, size);
  kvsp_net_release(chain->allocator, words, size);
  return rc;
}
