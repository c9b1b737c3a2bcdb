/* Prints how bright each picture of a live stream is: live_pictures STREAM */
#include <kvsparse/media.h>
#include <kvsparse/pictures.h>
#include <stdio.h>

static int on_picture(void *user, const kvsp_picture *p) {
  uint64_t sum = 0;
  (void)user;
  for (size_t y = 0; y < p->height; y++)
    for (size_t x = 0; x < p->width; x++)
      sum += p->plane[0][(ptrdiff_t)y * p->stride[0] + (ptrdiff_t)x];
  return printf("%.3f s: %.1f\n", (double)p->pts_ns / 1e9,
                (double)sum / ((double)p->width * p->height)) < 0;
}

int main(int argc, char **argv) {
  kvsp_media_config from = {.struct_size = sizeof from, .stream = argv[argc - 1]};
  kvsp_pictures_config to = {.struct_size = sizeof to, .format = KVSP_PICTURE_GRAY8};
  kvsp_client *client;
  kvsp_media *media;
  kvsp_pictures *pictures;
  const kvsp_piece *piece;
  if (kvsp_client_new(&client, NULL) || kvsp_media_new(&media, client, &from) ||
      kvsp_pictures_new(&pictures, &to))
    return fprintf(stderr, "no region, or no such name\n"), 1;
  while (kvsp_media_next(media, -1, &piece) == KVSP_OK)
    if (kvsp_pictures_visit(pictures, piece->data.data, piece->data.len, 0,
                            on_picture, NULL))
      break;
  return fprintf(stderr, "%s\n", kvsp_media_error(media)->message), 1;
}
