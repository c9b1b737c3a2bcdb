#include "info_live.h"

#include <stdio.h>

#include "live.h"
#include "output.h"

#ifdef HAVE_CURL

static bool read_figures(const struct source *source, kvsp_media_stats *stats) {
  return source->live != NULL &&
         kvsp_media_get_stats(source->live->media, stats, sizeof *stats) ==
             KVSP_OK;
}

static void print_spread(const char *name, kvsp_spread spread) {
  if (spread.median == KVSP_TIME_NONE) {
    output_print("  %-18s-\n", name);
    return;
  }
  output_print("  %-18smin %lld ms, median %lld ms, max %lld ms\n", name,
               (long long)spread.min, (long long)spread.median,
               (long long)spread.max);
}

void info_live_write(const struct source *source) {
  kvsp_media_stats s;
  if (!read_figures(source, &s)) return;
  output_print("\nLive\n");
  output_print("  %-18s%llu bytes\n", "Received", (unsigned long long)s.bytes);
  output_print(
      "  %-18s%llu (%llu reconnects, %llu failed calls, %llu of them "
      "throttled)\n",
      "Sessions", (unsigned long long)s.sessions,
      (unsigned long long)s.reconnects, (unsigned long long)s.retries,
      (unsigned long long)s.throttled);
  output_print(
      "  %-18s%llu went on, %llu lost their rest; %llu that came "
      "again dropped\n",
      "Cut fragments", (unsigned long long)s.resumed,
      (unsigned long long)s.lost, (unsigned long long)s.dropped);
  print_spread("Arrival - server", s.arrival_after_server);
  print_spread("Server - producer", s.server_after_producer);
}

#ifdef HAVE_JANSSON

static json_t *number(uint64_t value) {
  return json_integer((json_int_t)value);
}

static json_t *spread(kvsp_spread s) {
  if (s.median == KVSP_TIME_NONE) return json_null();
  return json_pack("{s:I,s:I,s:I}", "min", (json_int_t)s.min, "median",
                   (json_int_t)s.median, "max", (json_int_t)s.max);
}

void info_live_json(struct info_json *json, const struct source *source) {
  kvsp_media_stats s;
  if (!read_figures(source, &s)) return;
  info_json_set_live(
      json,
      json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "received",
                number(s.bytes), "sessions", number(s.sessions), "reconnects",
                number(s.reconnects), "retries", number(s.retries), "throttled",
                number(s.throttled), "resumed", number(s.resumed), "lost",
                number(s.lost), "dropped", number(s.dropped),
                "arrival_after_server_ms", spread(s.arrival_after_server),
                "server_after_producer_ms", spread(s.server_after_producer)));
}

#endif
#else

void info_live_write(const struct source *source) {
  (void)source;
}

void info_live_json(struct info_json *json, const struct source *source) {
  (void)json;
  (void)source;
}

#endif
