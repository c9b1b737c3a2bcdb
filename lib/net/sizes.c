#include <kvsparse/archive.h>
#include <kvsparse/checkpoint.h>
#include <kvsparse/media.h>
#include <string.h>

size_t kvsp_net_sizeof(const char *struct_name) {
#define SIZE(type) \
  { #type, sizeof(type) }
  static const struct {
    const char *name;
    size_t size;
  } sizes[] = {
      SIZE(kvsp_credentials),
      SIZE(kvsp_client_config),
      SIZE(kvsp_service_error),
      SIZE(kvsp_media_event),
      SIZE(kvsp_media_config),
      SIZE(kvsp_piece),
      SIZE(kvsp_spread),
      SIZE(kvsp_media_stats),
      SIZE(kvsp_archive_config),
      SIZE(kvsp_archived_fragment),
      SIZE(kvsp_archive_media_config),
      SIZE(kvsp_archive_media_stats),
      SIZE(kvsp_checkpoint),
  };
#undef SIZE
  if (!struct_name) return 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (strcmp(sizes[i].name, struct_name) == 0) return sizes[i].size;
  return 0;
}
