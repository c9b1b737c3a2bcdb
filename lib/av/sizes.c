#include <kvsparse/extractor.h>
#include <kvsparse/pictures.h>
#include <string.h>

size_t kvsp_av_sizeof(const char *struct_name) {
#define SIZE(type) \
  { #type, sizeof(type) }
  static const struct {
    const char *name;
    size_t size;
  } sizes[] = {
      SIZE(kvsp_picture),         SIZE(kvsp_decoder_config),
      SIZE(kvsp_pictures_config), SIZE(kvsp_pictures_stats),
      SIZE(kvsp_extract),         SIZE(kvsp_extractor_config),
  };
#undef SIZE
  if (!struct_name) return 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (strcmp(sizes[i].name, struct_name) == 0) return sizes[i].size;
  return 0;
}
