#include "environment.h"

#include <stdlib.h>
#include <string.h>

const char *kvsp_environment_get(const struct environment *e,
                                 const char *name) {
  /* NOLINTNEXTLINE(concurrency-mt-unsafe): as everybody who has options */
  const char *value = e->ignored ? NULL : getenv(name);
  return value && *value ? value : NULL;
}

bool kvsp_environment_is_true(const struct environment *e, const char *name) {
  const char *value = kvsp_environment_get(e, name);
  static const char yes[] = "true";
  size_t i = 0;
  if (!value || strlen(value) != 4) return false;
  while (i < 4 && (value[i] | 0x20) == yes[i]) i++;
  return i == 4;
}
