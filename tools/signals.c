#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

static const struct {
  int number;
  const char *name;
} asking[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};
static const size_t asking_count = sizeof asking / sizeof asking[0];

/* timeout(1), and a terminal that is closed, send the same twice at once:
 * whoever loses patience takes longer. */
#define IMPATIENCE_NS INT64_C(300000000)
/* What was read, but takes longer than that to be written, is given up. */
#define OVERDUE_NS INT64_C(1000000000)

/* A handler has no other way to tell. */
static volatile sig_atomic_t caught;
static volatile sig_atomic_t reader_left;
static struct timespec caught_at; /* written once, before caught            */
static void (*volatile at_death)(void);
static bool pipe_is_error;
/* A byte in it wakes up who waits for input: a signal that comes just before
 * poll() would be missed otherwise. */
static int wake_up[2] = {-1, -1};

static int64_t since_caught_ns(void) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)(now.tv_sec - caught_at.tv_sec) * 1000000000 +
         (now.tv_nsec - caught_at.tv_nsec);
}

static void end_by(int number) {
  sigset_t set;
  signal(number, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, number);
  raise(number);
  /* Blocked: in its own handler, or by who started us. */
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_signal(int number) {
  int saved = errno;
  void (*clean_up)(void) = at_death;
  if (caught == 0) {
    clock_gettime(CLOCK_MONOTONIC, &caught_at);
    caught = number;
    /* Full is as good: it wakes up, too. */
    if (write(wake_up[1], "", 1) < 0) errno = saved;
  } else if (since_caught_ns() > IMPATIENCE_NS) {
    if (clean_up) clean_up();
    end_by(number);
  }
  errno = saved;
}

static bool is_ignored(int number) {
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_start(void) {
  pipe_is_error = is_ignored(SIGPIPE);
  signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
  signal(SIGXFSZ, SIG_IGN);
#endif
}

static void make_wake_up(void) {
  if (wake_up[0] >= 0 || pipe(wake_up) != 0) return;
  for (int i = 0; i < 2; i++) {
    fcntl(wake_up[i], F_SETFD, FD_CLOEXEC);
    fcntl(wake_up[i], F_SETFL, O_NONBLOCK);
  }
}

void signals_catch(void) {
  struct sigaction action;
  make_wake_up();
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  /* Output that waits for a slow reader goes on. */
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < asking_count; i++)
    sigaddset(&action.sa_mask, asking[i].number);
  for (size_t i = 0; i < asking_count; i++) {
    if (!is_ignored(asking[i].number))
      sigaction(asking[i].number, &action, NULL);
  }
}

int signals_caught(void) {
  return caught;
}

bool signals_overdue(void) {
  return caught != 0 && since_caught_ns() > OVERDUE_NS;
}

bool signals_wait_for_input(int fd) {
  struct pollfd files[2] = {{.fd = fd, .events = POLLIN},
                            {.fd = wake_up[0], .events = POLLIN}};
  while (caught == 0) {
    int rc = poll(files, 2, -1);
    if (rc < 0 && errno != EINTR) return true; /* read() will wait or tell */
    if (rc > 0 && files[0].revents != 0 && caught == 0) return true;
  }
  return false;
}

void signals_at_death(void (*clean_up)(void)) {
  at_death = clean_up;
}

bool signals_reader_left(void) {
  if (!pipe_is_error) reader_left = 1;
  return !pipe_is_error;
}

void signals_end(void) {
  int number = caught;
  if (number != 0) {
    for (size_t i = 0; i < asking_count; i++) {
      if (asking[i].number == number)
        complain("interrupted by %s", asking[i].name);
    }
    end_by(number);
  }
  if (reader_left) end_by(SIGPIPE);
}
