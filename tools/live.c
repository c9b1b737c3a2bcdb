#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "live.h"

#include <errno.h>
#include <kvsparse/kvsparse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "output.h"
#include "signals.h"
#include "timestamp.h"

/* How often a signal is looked for, and a checkpoint saved at most. */
#define SLICE_MS 200
#define ATTEMPTS_MAX 8

bool live_is_url(const char *path) {
  return strncmp(path, LIVE_SCHEME, strlen(LIVE_SCHEME)) == 0;
}

int64_t live_clock_ms(void) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- URLs ---------------------------------------------------------------- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* %XX, in place; false where that is no such thing, or a NUL. */
static bool decode(char *text) {
  char *to = text;
  for (; *text != '\0'; text++) {
    int high;
    int low;
    if (*text != '%') {
      *to++ = *text;
      continue;
    }
    high = hex_digit(text[1]);
    low = high < 0 ? -1 : hex_digit(text[2]);
    if (low < 0 || (high == 0 && low == 0)) return false;
    *to++ = (char)(high * 16 + low);
    text += 2;
  }
  *to = '\0';
  return true;
}

int live_read_name(int argc, char *const *argv, const char **stream) {
  if (optind >= argc) return complain_usage("which stream?");
  if (optind + 1 < argc)
    return complain_usage("one stream only: '%s' is one too many",
                          argv[optind + 1]);
  *stream = argv[optind];
  if (!live_is_url(*stream)) return EXIT_WELL;
  return complain_usage("%s: only the name is wanted here", *stream);
}

int live_read_start(struct live_options *options, const char *name,
                    const char *text) {
  if (strcmp(text, "now") == 0) {
    options->start = KVSP_START_NOW;
  } else if (strcmp(text, "earliest") == 0) {
    options->start = KVSP_START_EARLIEST;
  } else {
    options->start = KVSP_START_SERVER_TIME;
    return option_time(name, text, &options->start_ns);
  }
  return EXIT_WELL;
}

static int read_wait(struct live_options *options, const char *text) {
  options->no_wait = strcmp(text, "no") == 0;
  if (options->no_wait || strcmp(text, "yes") == 0) return EXIT_WELL;
  return complain_usage("wait=%s: it is yes or no", text);
}

static int take_parameter(struct live_options *options, const char *name,
                          const char *value) {
  if (strcmp(name, "start") == 0)
    return live_read_start(options, "start=", value);
  if (strcmp(name, "wait") == 0) return read_wait(options, value);
  if (strcmp(name, "after") == 0) {
    options->start = KVSP_START_AFTER;
    options->after = value;
  } else if (strcmp(name, "region") == 0) {
    options->region = value;
  } else if (strcmp(name, "profile") == 0) {
    options->profile = value;
  } else if (strcmp(name, "endpoint-url") == 0) {
    options->endpoint_url = value;
  } else if (strcmp(name, "checkpoint") == 0) {
    options->checkpoint = value;
  } else {
    return complain_usage(
        "'%s': not one of start, after, wait, region, profile, endpoint-url, "
        "checkpoint",
        name);
  }
  return EXIT_WELL;
}

static int take_parameters(struct live_options *options, char *at) {
  while (at != NULL && *at != '\0') {
    char *next = strchr(at, '&');
    char *value;
    int status;
    if (next != NULL) *next++ = '\0';
    value = strchr(at, '=');
    if (value == NULL) return complain_usage("'%s' has no value", at);
    *value++ = '\0';
    if (!decode(at) || !decode(value))
      return complain_usage("'%s=%s': %% wants two hexadecimal digits", at,
                            value);
    status = take_parameter(options, at, value);
    if (status != EXIT_WELL) return status;
    at = next;
  }
  return EXIT_WELL;
}

int live_take_url(struct live *live, const char *url) {
  char *query;
  int status;
  memset(live, 0, sizeof *live);
  live->output = -1;
  live->name = url;
  live->parts = strdup(url + strlen(LIVE_SCHEME));
  if (live->parts == NULL) {
    complain("no memory");
    return EXIT_FAILED;
  }
  query = strchr(live->parts, '?');
  if (query != NULL) *query++ = '\0';
  live->options.stream = live->parts;
  if (!decode(live->parts) || live->parts[0] == '\0')
    status = complain_usage("%s: which stream? kvs://STREAM", url);
  else
    status = take_parameters(&live->options, query);
  if (status == EXIT_WELL) return EXIT_WELL;
  free(live->parts);
  live->parts = NULL;
  return status;
}

/* ---- what is said -------------------------------------------------------- */

void live_complain(const char *name, const kvsp_service_error *error) {
  char http[32] = "";
  if (error->http_status != 0 && error->http_status != 200)
    snprintf(http, sizeof http, " (HTTP %u)", (unsigned)error->http_status);
  complain("%s: %s%s%s%s%s%s%s%s%s", name, error->operation,
           error->operation[0] ? ": " : "", error->name, http,
           error->name[0] || http[0] ? ": " : "",
           error->message[0] ? error->message : kvsp_status_text(error->status),
           error->request_id[0] ? " (request " : "", error->request_id,
           error->request_id[0] ? ")" : "");
}

/* What worked once is tried again for weeks; what never did, is not. */
static bool is_hopeless(const struct live *live,
                        const kvsp_media_event *event) {
  kvsp_media_stats stats;
  return event->attempt >= ATTEMPTS_MAX &&
         kvsp_media_get_stats(live->media, &stats, sizeof stats) == KVSP_OK &&
         stats.sessions == 0;
}

static void tell_retry(struct live *live, const kvsp_media_event *event) {
  const kvsp_service_error *error = event->error;
  live->hopeless = is_hopeless(live, event);
  /* Attempt 0: new keys, or the endpoint again, mend it at once. */
  if (live->hopeless || event->attempt == 0) return;
  if (event->wait_ms < 1000 && event->attempt > 1) return;
  complain("%s: %s%s%s; the next try is in %.1f s", live->name, error->name,
           error->name[0] && error->message[0] ? ": " : "", error->message,
           (double)event->wait_ms / 1000);
}

static void on_event(void *user, kvsp_media *media,
                     const kvsp_media_event *event) {
  struct live *live = user;
  (void)media;
  switch (event->state) {
    case KVSP_STATE_RETRYING:
    case KVSP_STATE_THROTTLED: tell_retry(live, event); break;
    case KVSP_STATE_LOST:
      complain(
          "%s: the connection broke, and the rest of fragment %.*s did "
          "not come again",
          live->name, (int)event->number.len, (const char *)event->number.data);
      break;
    case KVSP_STATE_WAITING:
      if (!live->told_waiting && !live->options.no_wait)
        complain("%s: waiting for a producer", live->name);
      live->told_waiting = true;
      break;
    default: break;
  }
}

/* ---- opening ------------------------------------------------------------- */

static bool is_accepted(const char *region, const char *endpoint_url) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *client = NULL;
  int rc;
  config.region = region;
  config.endpoint_url = endpoint_url;
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  rc = kvsp_client_new(&client, &config);
  kvsp_client_free(client);
  return rc != KVSP_ERR_ARG;
}

/* What the option says, else the first of the two variables; NULL: nothing. */
static const char *setting(const char *option, const char *variable,
                           const char *other) {
  const char *text = option;
  /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
  if (text == NULL || *text == '\0') text = getenv(variable);
  /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
  if (text == NULL || *text == '\0') text = getenv(other);
  return text;
}

/* The library says only that one of them cannot be.  A URL is not repeated: it
 * may have a password in it. */
static int complain_about_settings(const struct live_options *options) {
  const char *region =
      setting(options->region, "AWS_REGION", "AWS_DEFAULT_REGION");
  const char *url =
      setting(options->endpoint_url, "AWS_ENDPOINT_URL_KINESIS_VIDEO",
              "AWS_ENDPOINT_URL");
  if (region != NULL && *region != '\0' && !is_accepted(region, NULL))
    return complain_usage("'%s' is no region", region);
  if (url != NULL && *url != '\0' && !is_accepted(NULL, url))
    return complain_usage(
        "that is no endpoint that may be spoken to: https://HOST, or http:// "
        "of this machine (--endpoint-url, AWS_ENDPOINT_URL)");
  return complain_usage(
      "settings that cannot be: AWS_USE_FIPS_ENDPOINT or "
      "AWS_USE_DUALSTACK_ENDPOINT with an endpoint of its own, a profile's "
      "region, or AWS_ENDPOINT_URL_KINESIS_VIDEO_...");
}

int live_client(const struct live_options *options, kvsp_client **client) {
  kvsp_client_config config = {.struct_size = sizeof config};
  int rc;
  config.region = options->region;
  config.profile = options->profile;
  config.endpoint_url = options->endpoint_url;
  config.user_agent = "kvsparse";
  rc = kvsp_client_new(client, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  if (rc == KVSP_ERR_ARG) return complain_about_settings(options);
  complain("%s", kvsp_status_text(rc));
  return EXIT_FAILED;
}

/* Where the last one was, if it was anywhere. */
static int load_checkpoint(struct live *live) {
  struct live_options *options = &live->options;
  live->checkpoint.struct_size = sizeof live->checkpoint;
  if (options->checkpoint == NULL) return EXIT_WELL;
  if (kvsp_checkpoint_load(options->checkpoint, &live->checkpoint) != KVSP_OK) {
    complain("%s: %s", options->checkpoint,
             errno == EINVAL ? "is no checkpoint" : strerror(errno));
    return EXIT_FAILED;
  }
  live->known = live->checkpoint.stream[0] != '\0';
  if (live->known && strcmp(live->checkpoint.stream, options->stream) != 0) {
    complain("%s is a checkpoint of another stream, %s", options->checkpoint,
             live->checkpoint.stream);
    return EXIT_FAILED;
  }
  if (live->checkpoint.number[0] == '\0') return EXIT_WELL;
  options->start = KVSP_START_AFTER;
  options->after = live->checkpoint.number;
  return EXIT_WELL;
}

static int open_media(struct live *live) {
  const struct live_options *options = &live->options;
  kvsp_media_config config = {.struct_size = sizeof config};
  int rc;
  config.stream = options->stream;
  config.start = options->start;
  config.start_time_ns = options->start_ns;
  config.after = options->after;
  config.flags = options->no_wait ? KVSP_MEDIA_STOP_AT_END : 0;
  config.callback = on_event;
  config.user = live;
  rc = kvsp_media_new(&live->media, live->client, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  if (rc == KVSP_ERR_ARG)
    return complain_usage(
        "%s: no stream has such a name, or no fragment such "
        "a number",
        live->name);
  complain("%s: %s", live->name, kvsp_status_text(rc));
  return EXIT_FAILED;
}

int live_open(struct live *live) {
  int status = load_checkpoint(live);
  if (live->name == NULL) live->name = live->options.stream;
  if (status == EXIT_WELL) status = live_client(&live->options, &live->client);
  if (status == EXIT_WELL) status = open_media(live);
  if (status == EXIT_WELL)
    snprintf(live->checkpoint.stream, sizeof live->checkpoint.stream, "%s",
             live->options.stream);
  else
    live_close(live);
  return status;
}

/* ---- reading ------------------------------------------------------------- */

static int next_piece(struct live *live, int64_t until_ms) {
  int rc = kvsp_media_next(live->media, 0, &live->piece);
  bool waited = false;
  while (rc == KVSP_NEED_INPUT || rc == KVSP_INTERRUPTED) {
    if (signals_caught() != 0 || live_clock_ms() >= until_ms) return KVSP_END;
    if (!waited) {
      output_flush();
      live_save(live);
    }
    waited = true;
    if (live->hopeless) return kvsp_media_error(live->media)->status;
    rc = kvsp_media_next(live->media, SLICE_MS, &live->piece);
  }
  return rc;
}

int live_read(struct live *live, int64_t until_ms) {
  int rc = KVSP_END;
  live->piece = NULL;
  if (signals_caught() == 0 && live_clock_ms() < until_ms)
    rc = next_piece(live, until_ms);
  if (rc == KVSP_OK) return 1;
  live->piece = NULL;
  if (rc == KVSP_END) return 0;
  live_complain(live->name, kvsp_media_error(live->media));
  return -1;
}

/* ---- the checkpoint ------------------------------------------------------ */

void live_done(struct live *live, uint64_t bytes) {
  const kvsp_piece *piece = live->piece;
  if (!(piece->flags & KVSP_PIECE_COMPLETE) || piece->number.len == 0) return;
  memcpy(live->checkpoint.number, piece->number.data, piece->number.len);
  live->checkpoint.number[piece->number.len] = '\0';
  live->checkpoint.bytes = bytes;
  live->moved = true;
  if (live_clock_ms() - live->saved_ms >= SLICE_MS) live_save(live);
}

int live_save(struct live *live) {
  if (!live->moved || live->options.checkpoint == NULL) return EXIT_WELL;
  output_flush();
  if (live->output >= 0 && fdatasync(live->output) != 0) {
    complain("cannot write: %s", strerror(errno));
    return EXIT_FAILED;
  }
  live->moved = false;
  live->saved_ms = live_clock_ms();
  if (kvsp_checkpoint_save(live->options.checkpoint, &live->checkpoint) ==
      KVSP_OK)
    return EXIT_WELL;
  complain("cannot write %s: %s", live->options.checkpoint, strerror(errno));
  return EXIT_FAILED;
}

void live_close(struct live *live) {
  kvsp_media_free(live->media);
  kvsp_client_free(live->client);
  free(live->parts);
  live->media = NULL;
  live->client = NULL;
  live->parts = NULL;
}
