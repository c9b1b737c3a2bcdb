#include "feed.h"

#include "progress.h"

static void show(struct progress *progress, const struct source *source,
                 const struct feed *feed) {
  char note[64];
  if (!progress->enabled) return;
  if (feed->tell != NULL) feed->tell(feed->user, note, sizeof note);
  progress_update(progress, source->offset, feed->tell != NULL ? note : NULL);
}

int feed_all(struct source *source, const struct feed *feed) {
  struct progress progress;
  const void *data;
  size_t length;
  int got;
  int status;
  progress_start(&progress, source->size);
  do {
    got = source_read(source, &data, &length);
    status = got > 0 ? feed->take(feed->user, data, length, 0)
                     : feed->take(feed->user, NULL, 0, KVSP_FINAL);
    show(&progress, source, feed);
  } while (status == KVSP_OK && got > 0);
  progress_end(&progress);
  return status;
}

struct visit {
  kvsp_reader *reader;
  kvsp_item_callback on_item;
  void *user;
};

static int take(void *user, const void *data, size_t length, unsigned flags) {
  const struct visit *v = user;
  return kvsp_reader_visit(v->reader, data, length, flags, v->on_item, v->user);
}

int feed_reader(struct source *source, kvsp_reader *reader,
                kvsp_item_callback on_item, void *user) {
  struct visit visit = {reader, on_item, user};
  const struct feed feed = {take, NULL, &visit};
  return feed_all(source, &feed);
}
