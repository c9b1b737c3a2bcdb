/*
 * get.c - kvsparse get: the bytes of a stream, live or of a time that is over,
 * to a file or to standard output.
 * What is in a file are whole fragments, each once: what is behind the last
 * whole one is cut off at the end, and, with a checkpoint, when it goes on.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <kvsparse/kvsparse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archived.h"
#include "command.h"
#include "live.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "timestamp.h"

static const char usage[] =
    "Usage: kvsparse get [OPTION]... STREAM\n"
    "Writes what a live stream sends, by GetMedia, to a file or to standard\n"
    "output, until Ctrl-C; or what is kept of a time that is over. STREAM is\n"
    "a name or an ARN. It goes on where a connection broke; a file has whole\n"
    "fragments, each once.\n"
    "\n"
    "  -o, --output FILE       where to (default: standard output)\n"
    "  -f, --force             overwrite a file that is there already\n"
    "      --start WHERE       now, earliest, or a time (default now)\n"
    "      --from TIME         from the fragment of that server time\n"
    "      --to TIME           up to that server time. With --from, where it\n"
    "                          is over: what is kept, all at once\n"
    "      --clock CLOCK       server or producer: whose times these are;\n"
    "                          what is kept\n"
    "      --after NUMBER      behind the fragment with that number\n"
    "      --duration SECONDS  no longer than that\n"
    "      --no-wait           end where there is nothing new\n"
    "      --checkpoint FILE   keep in it what was written, and go on there\n"
    "      --region REGION     (default: AWS_REGION, the profile's)\n"
    "      --profile NAME      of ~/.aws/credentials and ~/.aws/config\n"
    "      --endpoint-url URL  of the control plane\n"
    "      --help              this text\n"
    "\n"
    "Times: Unix seconds, or 2026-11-20T10:53:28Z.\n"
    "Exit status: 0 all well; 1 the service refused, or lacks some of the\n"
    "fragments that it has listed, or writing failed (whole fragments were\n"
    "written); 2 wrong usage.\n";

enum code {
  CODE_START = OPTION_LONG_ONLY,
  CODE_FROM,
  CODE_TO,
  CODE_CLOCK,
  CODE_AFTER,
  CODE_DURATION,
  CODE_NO_WAIT,
  CODE_CHECKPOINT,
  CODE_REGION,
  CODE_PROFILE,
  CODE_ENDPOINT_URL
};

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, 'f'},
    {"start", required_argument, NULL, CODE_START},
    {"from", required_argument, NULL, CODE_FROM},
    {"to", required_argument, NULL, CODE_TO},
    {"clock", required_argument, NULL, CODE_CLOCK},
    {"after", required_argument, NULL, CODE_AFTER},
    {"duration", required_argument, NULL, CODE_DURATION},
    {"no-wait", no_argument, NULL, CODE_NO_WAIT},
    {"checkpoint", required_argument, NULL, CODE_CHECKPOINT},
    {"region", required_argument, NULL, CODE_REGION},
    {"profile", required_argument, NULL, CODE_PROFILE},
    {"endpoint-url", required_argument, NULL, CODE_ENDPOINT_URL},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

struct get {
  struct live live;
  struct archived archived;
  const char *clock; /* as it was given; NULL: it was not                   */
  bool from;         /* --from was                                         */
  bool kept;         /* what is kept is asked for, instead of a session     */
  const char *path;  /* NULL: standard output                               */
  bool help;
  bool force;
  int64_t to_ns;       /* KVSP_TIME_NONE: no end                           */
  int64_t duration_ns; /* 0: no end                                        */
  unsigned starts;     /* how many options say where to begin              */
  int file;            /* -1: standard output                              */
  bool regular;
  uint64_t size;  /* of the file                                           */
  uint64_t whole; /* of it, whole fragments                                */
};

/* ---- arguments ----------------------------------------------------------- */

static int read_clock(struct get *get, const char *text) {
  get->clock = text;
  if (strcmp(text, "producer") == 0)
    get->archived.clock = KVSP_CLOCK_PRODUCER;
  else if (strcmp(text, "server") == 0)
    get->archived.clock = KVSP_CLOCK_SERVER;
  else
    return complain_usage("--clock %s: it is server or producer", text);
  return EXIT_WELL;
}

static int read_option(void *user, int code, const char *text) {
  struct get *get = user;
  struct live_options *o = &get->live.options;
  switch (code) {
    case 'o': get->path = text; break;
    case 'f': get->force = true; break;
    case CODE_START: get->starts++; return live_read_start(o, "--start", text);
    case CODE_FROM:
      get->starts++;
      get->from = true;
      o->start = KVSP_START_SERVER_TIME;
      return option_time("--from", text, &o->start_ns);
    case CODE_TO: return option_time("--to", text, &get->to_ns);
    case CODE_CLOCK: return read_clock(get, text);
    case CODE_AFTER:
      get->starts++;
      o->start = KVSP_START_AFTER;
      o->after = text;
      break;
    case CODE_DURATION:
      return option_seconds("--duration", text, 1, &get->duration_ns);
    case CODE_NO_WAIT: o->no_wait = true; break;
    case CODE_CHECKPOINT: o->checkpoint = text; break;
    case CODE_REGION: o->region = text; break;
    case CODE_PROFILE: o->profile = text; break;
    default: o->endpoint_url = text; break;
  }
  return EXIT_WELL;
}

static int64_t wall_ns(void) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What is over is kept, and comes sooner than a session would send it: 500
 * fragments a second instead of 5.  --clock asks for it, a checkpoint and the
 * like are about sessions. */
static int choose_source(struct get *get) {
  const struct live_options *o = &get->live.options;
  bool both = get->from && get->to_ns != KVSP_TIME_NONE;
  bool session = o->checkpoint != NULL || o->no_wait || get->duration_ns > 0;
  if (get->clock != NULL && (!both || session))
    return complain_usage(
        "--clock wants --from and --to, and no --duration, --no-wait or "
        "--checkpoint");
  get->kept = both && !session && (get->clock || get->to_ns < wall_ns());
  if (get->kept && get->to_ns < o->start_ns)
    return complain_usage("--from is behind --to");
  get->archived.from_ns = o->start_ns;
  get->archived.to_ns = get->to_ns;
  return EXIT_WELL;
}

static int check_arguments(struct get *get) {
  int status;
  if (get->starts > 1)
    return complain_usage("one of --start, --from and --after only");
  status = choose_source(get);
  if (status != EXIT_WELL) return status;
  /* Nobody will send what belongs before a time that is over. */
  if (get->to_ns != KVSP_TIME_NONE && get->to_ns < wall_ns())
    get->live.options.no_wait = true;
  if (get->path != NULL && strcmp(get->path, "-") == 0) get->path = NULL;
  if (get->path == NULL && isatty(STDOUT_FILENO))
    return complain_usage("standard output is a terminal: -o FILE");
  return EXIT_WELL;
}

static int read_arguments(struct get *get, int argc, char **argv) {
  const struct option_set set = {usage, ":o:fh", options, read_option, get};
  int status = options_read(argc, argv, &set, &get->help);
  if (status != EXIT_WELL || get->help) return status;
  status = live_read_name(argc, argv, &get->live.options.stream);
  return status == EXIT_WELL ? check_arguments(get) : status;
}

/* ---- the file ------------------------------------------------------------ */

static int complain_about_file(const struct get *get) {
  complain("cannot write %s: %s", get->path, strerror(errno));
  return EXIT_FAILED;
}

static int complain_of_loss(const struct get *get) {
  complain(
      "%s is not there, but the checkpoint goes on behind %llu bytes of it; "
      "to begin anew, remove %s",
      get->path, (unsigned long long)get->live.checkpoint.bytes,
      get->live.options.checkpoint);
  return EXIT_FAILED;
}

/* A checkpoint that knows the stream was made by a get that had this file. */
static int go_on_with(struct get *get, const struct stat *status) {
  const kvsp_checkpoint *checkpoint = &get->live.checkpoint;
  if (!get->regular) return EXIT_WELL;
  if ((uint64_t)status->st_size < checkpoint->bytes) {
    complain("%s has %lld bytes, but the checkpoint tells of %llu", get->path,
             (long long)status->st_size, (unsigned long long)checkpoint->bytes);
    return EXIT_FAILED;
  }
  get->size = checkpoint->bytes;
  get->whole = checkpoint->bytes;
  if (ftruncate(get->file, (off_t)get->size) != 0 ||
      lseek(get->file, (off_t)get->size, SEEK_SET) < 0)
    return complain_about_file(get);
  return EXIT_WELL;
}

static int open_file(struct get *get) {
  bool goes_on = get->live.options.checkpoint != NULL && get->live.known;
  struct stat status;
  get->file = -1;
  if (get->path == NULL) return EXIT_WELL;
  get->file =
      open(get->path, O_WRONLY | O_CLOEXEC | (goes_on ? 0 : O_CREAT), 0666);
  if (get->file < 0 && goes_on && errno == ENOENT) return complain_of_loss(get);
  if (get->file < 0 || fstat(get->file, &status) != 0)
    return complain_about_file(get);
  get->regular = S_ISREG(status.st_mode);
  get->live.output = get->regular ? get->file : -1;
  if (goes_on) return go_on_with(get, &status);
  if (get->regular && status.st_size > 0 && !get->force) {
    complain("%s is there already (--force overwrites)", get->path);
    return EXIT_FAILED;
  }
  if (get->regular && ftruncate(get->file, 0) != 0)
    return complain_about_file(get);
  return EXIT_WELL;
}

static int write_piece(struct get *get, kvsp_view data) {
  if (get->file < 0) {
    output_write((const char *)data.data, data.len);
    return output_failed() ? EXIT_FAILED : EXIT_WELL;
  }
  while (data.len > 0) {
    ssize_t done = write(get->file, data.data, data.len);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return complain_about_file(get);
    data.data += done;
    data.len -= (size_t)done;
    get->size += (uint64_t)done;
  }
  return EXIT_WELL;
}

/* What is behind the last whole fragment goes. */
static int close_file(struct get *get, int status) {
  if (get->file < 0) return status;
  if (get->regular && get->size > get->whole &&
      ftruncate(get->file, (off_t)get->whole) != 0)
    status = complain_about_file(get);
  if (live_save(&get->live) != EXIT_WELL) status = EXIT_FAILED;
  if (close(get->file) != 0) status = complain_about_file(get);
  return status;
}

/* ---- reading ------------------------------------------------------------- */

/* Whether the fragment that begins here is behind what was asked for. */
static bool is_behind(struct get *get, const kvsp_piece *piece) {
  int64_t time = piece->server_time_ns;
  if (!(piece->flags & KVSP_PIECE_BEGIN) || time == KVSP_TIME_NONE)
    return false;
  if (get->to_ns != KVSP_TIME_NONE && time > get->to_ns) return true;
  if (get->duration_ns == 0) return false;
  if (get->duration_ns < INT64_MAX - time &&
      (get->to_ns == KVSP_TIME_NONE || time + get->duration_ns < get->to_ns))
    get->to_ns = time + get->duration_ns - 1;
  get->duration_ns = 0;
  return false;
}

static int take_piece(struct get *get) {
  const kvsp_piece *piece = get->live.piece;
  int status = write_piece(get, piece->data);
  if (status != EXIT_WELL) return status;
  if (piece->flags & KVSP_PIECE_COMPLETE) get->whole = get->size;
  live_done(&get->live, get->whole);
  return EXIT_WELL;
}

static int read_all(struct get *get) {
  struct progress progress;
  uint64_t bytes = 0;
  int64_t until = INT64_MAX;
  int64_t longest_ms = get->duration_ns / 1000000;
  int status = EXIT_WELL;
  int got;
  progress_start(&progress, UINT64_MAX);
  while (status == EXIT_WELL) {
    got = live_read(&get->live, until);
    if (got < 0) status = EXIT_FAILED;
    if (got <= 0 || is_behind(get, get->live.piece)) break;
    if (longest_ms > 0 && until == INT64_MAX)
      until = live_clock_ms() + longest_ms + 1000;
    status = take_piece(get);
    bytes += get->live.piece->data.len;
    progress_update(&progress, bytes, NULL);
  }
  progress_end(&progress);
  return status;
}

static int read_kept(struct get *get) {
  struct progress progress;
  int status = EXIT_WELL;
  int got = 0;
  progress_start(&progress, UINT64_MAX);
  while (status == EXIT_WELL) {
    got = archived_read(&get->archived);
    if (got <= 0) break;
    status = write_piece(get, get->archived.piece->data);
    if (status == EXIT_WELL) get->whole = get->size;
    progress_update(&progress, get->archived.piece->offset, NULL);
  }
  progress_end(&progress);
  return got < 0 || get->archived.failed > 0 ? EXIT_FAILED : status;
}

static int run_kept(struct get *get) {
  int status = archived_open(&get->archived, &get->live.options);
  if (status != EXIT_WELL) return status;
  status = open_file(get);
  if (status == EXIT_WELL) {
    signals_catch();
    status = close_file(get, read_kept(get));
  } else if (get->file >= 0) {
    close(get->file);
  }
  archived_close(&get->archived);
  return status;
}

static int run(struct get *get) {
  int status = live_open(&get->live);
  if (status != EXIT_WELL) return status;
  status = open_file(get);
  if (status == EXIT_WELL && !get->live.known) {
    get->live.moved = true; /* so that who kills it now finds the place again */
    status = live_save(&get->live);
  }
  if (status == EXIT_WELL) {
    signals_catch();
    status = close_file(get, read_all(get));
  } else if (get->file >= 0) {
    close(get->file);
  }
  if (live_save(&get->live) != EXIT_WELL) status = EXIT_FAILED;
  live_close(&get->live);
  return status;
}

int command_get(int argc, char **argv) {
  struct get get;
  int status;
  memset(&get, 0, sizeof get);
  get.file = -1;
  get.live.output = -1;
  get.to_ns = KVSP_TIME_NONE;
  status = read_arguments(&get, argc, argv);
  if (status != EXIT_WELL || get.help) return status;
  return get.kept ? run_kept(&get) : run(&get);
}
