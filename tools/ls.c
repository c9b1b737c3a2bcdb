/*
 * ls.c - kvsparse ls: which fragments of a stream are kept, as a table or as
 * JSON lines.
 */
#include <kvsparse/archive.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "live.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "text.h"
#include "timestamp.h"

static const char usage[] =
    "Usage: kvsparse ls [OPTION]... STREAM\n"
    "Lists the fragments of a stream that are kept, in the order of their\n"
    "numbers, by ListFragments. STREAM is a name or an ARN.\n"
    "\n"
    "      --from TIME         (default: an hour before the end)\n"
    "      --to TIME           (default: now)\n"
    "      --producer-time     these times are by the producer's clock\n"
    "  -j, --json              one JSON object a line for each fragment\n"
    "      --page-size N       fragments that one call asks for (default "
    "1000)\n"
    "      --region REGION     (default: AWS_REGION, the profile's)\n"
    "      --profile NAME      of ~/.aws/credentials and ~/.aws/config\n"
    "      --endpoint-url URL  of the control plane\n"
    "      --help              this text\n"
    "\n"
    "Times: Unix seconds, or 2026-11-20T10:53:28Z; of where a fragment "
    "starts.\n"
    "Exit status: 0 all well; 1 the service refused; 2 wrong usage.\n";

enum code {
  CODE_FROM = OPTION_LONG_ONLY,
  CODE_TO,
  CODE_PRODUCER_TIME,
  CODE_PAGE_SIZE,
  CODE_REGION,
  CODE_PROFILE,
  CODE_ENDPOINT_URL
};

static const struct option options[] = {
    {"from", required_argument, NULL, CODE_FROM},
    {"to", required_argument, NULL, CODE_TO},
    {"producer-time", no_argument, NULL, CODE_PRODUCER_TIME},
    {"json", no_argument, NULL, 'j'},
    {"page-size", required_argument, NULL, CODE_PAGE_SIZE},
    {"region", required_argument, NULL, CODE_REGION},
    {"profile", required_argument, NULL, CODE_PROFILE},
    {"endpoint-url", required_argument, NULL, CODE_ENDPOINT_URL},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

struct listing {
  struct live_options live;
  kvsp_archive_config config;
  bool help;
  bool json;
};

static int read_page_size(struct listing *l, const char *text) {
  uint64_t size = 0;
  int status = option_unsigned("--page-size", text, 1, 1000, &size);
  l->config.page_size = (uint32_t)size;
  return status;
}

static int read_option(void *user, int code, const char *text) {
  struct listing *l = user;
  switch (code) {
    case 'j': l->json = true; break;
    case CODE_FROM: return option_time("--from", text, &l->config.from_ns);
    case CODE_TO: return option_time("--to", text, &l->config.to_ns);
    case CODE_PRODUCER_TIME: l->config.clock = KVSP_CLOCK_PRODUCER; break;
    case CODE_PAGE_SIZE: return read_page_size(l, text);
    case CODE_REGION: l->live.region = text; break;
    case CODE_PROFILE: l->live.profile = text; break;
    default: l->live.endpoint_url = text; break;
  }
  return EXIT_WELL;
}

/* The hour up to now, unless one of both was told. */
static int check_times(struct listing *l) {
  const int64_t hour = INT64_C(3600000000000);
  struct timespec now = {0, 0};
  if (timespec_get(&now, TIME_UTC) == 0) now.tv_sec = 0;
  if (l->config.to_ns == KVSP_TIME_NONE)
    l->config.to_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
  if (l->config.from_ns == KVSP_TIME_NONE)
    l->config.from_ns = l->config.to_ns > hour ? l->config.to_ns - hour : 0;
  if (l->config.from_ns <= l->config.to_ns && l->config.from_ns >= 0)
    return EXIT_WELL;
  return complain_usage("--from is behind --to");
}

static int read_arguments(struct listing *l, int argc, char **argv) {
  const struct option_set set = {usage, ":jh", options, read_option, l};
  int status = options_read(argc, argv, &set, &l->help);
  if (status != EXIT_WELL || l->help) return status;
  status = live_read_name(argc, argv, &l->live.stream);
  l->config.stream = l->live.stream;
  return status == EXIT_WELL ? check_times(l) : status;
}

/* ---- what is printed ----------------------------------------------------- */

static void print_time(int64_t ns, bool json) {
  char out[TEXT_SIZE];
  if (json && ns == KVSP_TIME_NONE)
    output_print("null");
  else if (json)
    output_print("\"%s\"", text_seconds(out, ns));
  else
    output_print("  %-27s", ns == KVSP_TIME_NONE ? "-" : text_date(out, ns));
}

/* The number has digits only: nothing is to be escaped. */
static void print_json(const kvsp_archived_fragment *f) {
  char out[TEXT_SIZE];
  output_print("{\"number\":\"%s\",\"server_time\":",
               (const char *)f->number.data);
  print_time(f->server_time_ns, true);
  output_print(",\"producer_time\":");
  print_time(f->producer_time_ns, true);
  output_print(",\"duration\":\"%s\",\"size\":%llu}\n",
               text_seconds(out, f->duration_ns), (unsigned long long)f->size);
}

static void print_row(const kvsp_archived_fragment *f) {
  char out[TEXT_SIZE];
  output_print("%-47s", (const char *)f->number.data);
  print_time(f->server_time_ns, false);
  print_time(f->producer_time_ns, false);
  output_print("  %8s", text_milliseconds(out, f->duration_ns));
  output_print("  %10llu\n", (unsigned long long)f->size);
}

static void print_all(const struct listing *l, const kvsp_archive *archive) {
  if (!l->json)
    output_print("%-47s  %-27s  %-27s  %8s  %10s\n", "Number", "Server time",
                 "Producer time", "Seconds", "Bytes");
  for (size_t i = 0; i < kvsp_archive_count(archive); i++) {
    const kvsp_archived_fragment *f = kvsp_archive_get(archive, i);
    if (l->json)
      print_json(f);
    else
      print_row(f);
  }
}

static int run(struct listing *l) {
  kvsp_client *client = NULL;
  kvsp_archive *archive = NULL;
  int status = live_client(&l->live, &client);
  int rc;
  if (status != EXIT_WELL) return status;
  rc = kvsp_archive_list(&archive, client, &l->config);
  if (rc == KVSP_OK) {
    print_all(l, archive);
  } else if (kvsp_client_error(client)->status == rc) {
    live_complain(l->live.stream, kvsp_client_error(client));
  } else {
    complain("%s: %s", l->live.stream, kvsp_status_text(rc));
  }
  kvsp_archive_free(archive);
  kvsp_client_free(client);
  return rc == KVSP_OK ? EXIT_WELL : EXIT_FAILED;
}

int command_ls(int argc, char **argv) {
  struct listing l;
  int status;
  memset(&l, 0, sizeof l);
  l.config.struct_size = sizeof l.config;
  l.config.from_ns = KVSP_TIME_NONE;
  l.config.to_ns = KVSP_TIME_NONE;
  status = read_arguments(&l, argc, argv);
  if (status != EXIT_WELL || l.help) return status;
  return run(&l);
}
