/*
 * credentials_environment.c - keys in environment variables.
 */
#include "credentials.h"

int kvsp_credentials_from_environment(struct credential_chain *chain,
                                      struct credentials *out) {
  const struct environment *e = &chain->environment;
  const char *key = kvsp_environment_get(e, "AWS_ACCESS_KEY_ID");
  const char *secret = kvsp_environment_get(e, "AWS_SECRET_ACCESS_KEY");
  const char *token = kvsp_environment_get(e, "AWS_SESSION_TOKEN");
  /* Who names a profile wants that one. */
  if (chain->profile || (!key && !secret)) return CREDENTIALS_NOT_HERE;
  if (!key || !secret)
    return kvsp_credentials_fail(
        chain, KVSP_ERR_CREDENTIALS, "%s is set in the environment, %s is not",
        key ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
        key ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
  /* Their former name. */
  if (!token) token = kvsp_environment_get(e, "AWS_SECURITY_TOKEN");
  return kvsp_credentials_set(
      chain, out, key, secret, token,
      kvsp_environment_get(e, "AWS_CREDENTIAL_EXPIRATION"));
}
