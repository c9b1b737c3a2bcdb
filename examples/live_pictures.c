/* Tells of each picture of a live stream, as it comes: live_pictures STREAM
 *
 * Region and keys are found as AWS's own tools find them.  It runs until an
 * error ends the stream, and says which. */
#include <kvsparse/media.h>
#include <kvsparse/pictures.h>
#include <stdio.h>

int main(int argc, char **argv) {
  kvsp_media_config from = {.struct_size = sizeof from, .stream = argv[1]};
  kvsp_media *media = NULL;
  kvsp_pictures *pictures = NULL;
  const kvsp_piece *piece;
  const kvsp_picture *p;
  int rc = argc == 2 ? kvsp_media_new(&media, NULL, &from) : KVSP_ERR_ARG;
  if (rc == KVSP_OK) rc = kvsp_pictures_new(&pictures, NULL);
  while (rc == KVSP_OK && kvsp_media_next(media, -1, &piece) == KVSP_OK) {
    rc = kvsp_pictures_input(pictures, piece->data.data, piece->data.len, 0);
    while (rc == KVSP_OK && kvsp_pictures_next(pictures, &p) == KVSP_OK)
      printf("%.3f s: %u x %u\n", (double)p->pts_ns / 1e9, p->width, p->height);
  }
  fprintf(stderr, "live_pictures: %s\n",
          rc ? kvsp_status_text(rc) : kvsp_media_error(media)->message);
  return 1;
}
