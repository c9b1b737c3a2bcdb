#include "archived.h"

#include "command.h"
#include "message.h"
#include "output.h"
#include "signals.h"

/* How often a signal is looked for. */
#define SLICE_MS 200

static int complain_about(const char *stream, int status,
                          const kvsp_service_error *error) {
  if (error->status == status)
    live_complain(stream, error);
  else
    complain("%s: %s", stream, kvsp_status_text(status));
  return EXIT_FAILED;
}

static int list_them(struct archived *a) {
  kvsp_archive_config config = {.struct_size = sizeof config};
  int rc;
  config.stream = a->stream;
  config.clock = a->clock;
  config.from_ns = a->from_ns;
  config.to_ns = a->to_ns;
  rc = kvsp_archive_list(&a->list, a->client, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  return complain_about(a->stream, rc, kvsp_client_error(a->client));
}

static int ask_for_them(struct archived *a) {
  kvsp_archive_media_config config = {.struct_size = sizeof config};
  int rc;
  config.stream = a->stream;
  config.list = a->list;
  rc = kvsp_archive_media_new(&a->media, a->client, &config);
  if (rc == KVSP_OK) return EXIT_WELL;
  complain("%s: %s", a->stream, kvsp_status_text(rc));
  return EXIT_FAILED;
}

int archived_open(struct archived *a, const struct live_options *live) {
  int status = live_client(live, &a->client);
  a->stream = live->stream;
  if (status == EXIT_WELL) status = list_them(a);
  if (status == EXIT_WELL) status = ask_for_them(a);
  if (status != EXIT_WELL) archived_close(a);
  return status;
}

static int next_piece(struct archived *a) {
  int rc = kvsp_archive_media_next(a->media, 0, &a->piece);
  while (rc == KVSP_NEED_INPUT || rc == KVSP_INTERRUPTED) {
    if (signals_caught() != 0) return KVSP_END;
    output_flush();
    rc = kvsp_archive_media_next(a->media, SLICE_MS, &a->piece);
  }
  return rc;
}

static void complain_about_fragment(struct archived *a) {
  const kvsp_service_error *error = kvsp_archive_media_error(a->media);
  complain("%s: fragment %s: %s%s%s", a->stream,
           (const char *)a->piece->number.data, error->name,
           error->name[0] && error->message[0] ? ": " : "", error->message);
  a->failed++;
}

int archived_read(struct archived *a) {
  int rc = KVSP_END;
  while (signals_caught() == 0) {
    rc = next_piece(a);
    if (rc != KVSP_OK) break;
    if (!(a->piece->flags & KVSP_PIECE_FAILED)) return 1;
    complain_about_fragment(a);
    rc = KVSP_END;
  }
  a->piece = NULL;
  if (rc == KVSP_END) return 0;
  complain_about(a->stream, rc, kvsp_archive_media_error(a->media));
  return -1;
}

void archived_close(struct archived *a) {
  kvsp_archive_media_free(a->media);
  kvsp_archive_free(a->list);
  kvsp_client_free(a->client);
  a->media = NULL;
  a->list = NULL;
  a->client = NULL;
}
