/*
 * credentials.h - what calls are signed with: asks one source after the other,
 * keeps what was found, gets it anew before it expires.  Each source is a file
 * credentials_X.c; this one knows their order and nothing of how they work.
 */
#ifndef KVSP_NET_CREDENTIALS_H
#define KVSP_NET_CREDENTIALS_H

#include <kvsparse/client.h>

#include "environment.h"
#include "http.h"

/* What a source returns besides KVSP_OK and errors: it is not set up here. */
#define CREDENTIALS_NOT_HERE 1

/* Temporary ones are got anew when this is left of them; until the second
 * limit those at hand serve where that fails. */
#define REFRESH_EARLY_MS INT64_C(900000)
#define REFRESH_LATE_MS INT64_C(600000)
/* Not more often, whatever their source says of their life. */
#define REFRESH_PAUSE_MS 10000

struct credential_chain {
  const kvsp_allocator *allocator;
  struct http *http;
  struct environment environment;
  const char *region;  /* NULL: unknown                                    */
  unsigned endpoints;  /* ENDPOINT_*                                       */
  const char *profile; /* given by the caller; NULL: none was              */
  kvsp_credentials_callback callback;
  void *callback_user;
  bool *busy; /* set while the callback runs                               */

  struct credentials current;
  const char *source; /* of current; "": there are none                    */
  bool wanted;        /* they are to be got anew, whatever they say        */
  unsigned fetched;   /* how many times they were got                      */
  int64_t next_try_ms;

  /* Why the last search ended without any. */
  int status;
  const char *operation;
  struct service_fault fault;
  char request_id[ERROR_ID_SIZE];
};

/*
 * What to sign with: *out is valid until the next call here.  Waits for its
 * source where it has to.  KVSP_OK; KVSP_INTERRUPTED; errors: see
 * chain->status, ->fault.
 */
int kvsp_credentials_get(struct credential_chain *chain,
                         const struct credentials **out);
/* The service called them expired: the next get asks their source. */
void kvsp_credentials_renew(struct credential_chain *chain);
/* Wipes all. */
void kvsp_credentials_free(struct credential_chain *chain);

/* ---- for the sources ----------------------------------------------------- */

void kvsp_credentials_clear(const kvsp_allocator *a, struct credentials *c);
/* Copies; token NULL or "": none.  KVSP_OK, KVSP_ERR_NOMEM;
 * KVSP_ERR_CREDENTIALS when a key is missing or has bytes that no key has. */
int kvsp_credentials_set(struct credential_chain *chain,
                         struct credentials *out, const char *key,
                         const char *secret, const char *token,
                         const char *expires);
/* Notes why; returns status. */
int kvsp_credentials_fail(struct credential_chain *chain, int status,
                          const char *format, ...) KVSP_TEXT_FORMAT(3);
/* The same for a request that came to its end: what the service said. */
int kvsp_credentials_fail_http(struct credential_chain *chain,
                               const char *operation, struct http_transfer *t);
/* A JSON object with AccessKeyId, SecretAccessKey, token_name, Expiration. */
int kvsp_credentials_from_json(struct credential_chain *chain, const char *json,
                               const char *token_name, struct credentials *out);
/* A small file as text, without the blanks behind it.  KVSP_OK, KVSP_ERR_FILE
 * (not told), KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_VALUE. */
int kvsp_credentials_read_file(const char *path, struct text *out);

int kvsp_credentials_from_callback(struct credential_chain *chain,
                                   struct credentials *out);
int kvsp_credentials_from_environment(struct credential_chain *chain,
                                      struct credentials *out);
int kvsp_credentials_from_profile(struct credential_chain *chain,
                                  struct credentials *out);
int kvsp_credentials_from_web_identity(struct credential_chain *chain,
                                       struct credentials *out);
int kvsp_credentials_from_container(struct credential_chain *chain,
                                    struct credentials *out);
int kvsp_credentials_from_instance(struct credential_chain *chain,
                                   struct credentials *out);

/* Runs "program argument ..." without a shell, and reads its JSON. */
int kvsp_credentials_run(struct credential_chain *chain, const char *command,
                         struct credentials *out);
/* STS AssumeRoleWithWebIdentity.  session NULL: a name of ours. */
int kvsp_credentials_assume(struct credential_chain *chain,
                            const char *token_file, const char *role,
                            const char *session, struct credentials *out);
/* The region that the profile names; 1: *out has it; 0: none; errors. */
int kvsp_profile_region(struct credential_chain *chain, struct text *out);

#endif
