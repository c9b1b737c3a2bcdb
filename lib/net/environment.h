/*
 * environment.h - the variables AWS's tools take settings from.  The only
 * place of the libraries that reads the environment.
 */
#ifndef KVSP_NET_ENVIRONMENT_H
#define KVSP_NET_ENVIRONMENT_H

#include <stdbool.h>

struct environment {
  bool ignored; /* KVSP_CLIENT_NO_ENVIRONMENT                               */
};

/* NULL where it is not set, or empty. */
const char *kvsp_environment_get(const struct environment *e, const char *name);
/* "true", in any case. */
bool kvsp_environment_is_true(const struct environment *e, const char *name);

#endif
