/*
 * credentials.h - what calls are signed with: asks one source after the other,
 * keeps what was found, gets it anew before it expires.  Never waits: the
 * client's loop steps it beside the readers.  Each source is a file
 * credentials_X.c; this one knows their order and nothing of how they work.
 */
#ifndef KVSP_NET_CREDENTIALS_H
#define KVSP_NET_CREDENTIALS_H

#include <kvsparse/client.h>

#include "environment.h"
#include "http.h"

/* What a source returns besides KVSP_OK and errors. */
enum {
  CREDENTIALS_NOT_HERE = 1000, /* it is not set up here                    */
  CREDENTIALS_PENDING = 1001   /* chain->task has it under way             */
};

/* Temporary ones are got anew when this is left of them.  Those at hand serve
 * to their end where that fails, but from the second limit on who asks for new
 * ones by name (kvsp_client_authenticate) is told that it does. */
#define REFRESH_EARLY_MS INT64_C(900000)
#define REFRESH_LATE_MS INT64_C(600000)
/* Not more often, whatever their source says of their life. */
#define REFRESH_PAUSE_MS 10000

/* What a source has under way between two steps. */
struct credential_task {
  /* Does what can be done without waiting; returns what the source would.
   * NULL: nothing is under way. */
  int (*advance)(void *own, struct credentials *out);
  /* Ends it wherever it is. */
  void (*release)(void *own);
  void *own;
  size_t size;
  int fd;         /* to be watched for input; -1: none                     */
  int64_t due_ms; /* the next step, at the latest (kvsp_clock_ms)          */
  /* Of its request that is under way. */
  int64_t until_ms;
  unsigned turns; /* of the loop, since it was sent                        */
};

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
  uint64_t *random;

  struct credentials current;
  const char *source;  /* of current; "": there never were any             */
  bool wanted;         /* they are to be got anew, whatever they say       */
  unsigned fetched;    /* how many times they were got                     */
  int64_t trusted_ms;  /* until then they serve, even if they say that they
                          are over: a clock may be off                     */
  int64_t next_try_ms; /* the next refresh, not before                     */

  /* The search for new ones. */
  bool asked; /* somebody waits for its end                            */
  bool searching;
  size_t at; /* which source                                          */
  struct credential_task task;
  struct credentials found;
  unsigned searches; /* how many have ended                                */
  unsigned failures; /* of them, in a row                                  */
  int64_t retry_ms;  /* the next one for who waits, not before             */

  /* Why the last one ended without any; KVSP_OK: it found some. */
  int status;
  const char *operation;
  struct service_fault fault;
  char request_id[ERROR_ID_SIZE];
};

/* Who waits for the end of a search; all zero: nobody. */
struct credential_wait {
  bool waiting;
  unsigned searches; /* that had ended when it began                       */
};

/* Begins a search where one is due, advances it; when to step again at the
 * latest (kvsp_clock_ms).  now: it has just ended. */
int64_t kvsp_credentials_step(struct credential_chain *chain, int64_t now);
/* What is to be watched for input until then; -1: nothing. */
int kvsp_credentials_fd(const struct credential_chain *chain);

/*
 * For who wants to make a call.  KVSP_OK: there are some to sign with;
 * CREDENTIALS_PENDING: ask again when a search has ended, which is on its way;
 * errors: one has ended since this one waits, without any: see chain->status,
 * ->fault.
 */
int kvsp_credentials_ask(struct credential_chain *chain,
                         struct credential_wait *wait);
/* What to sign with: *out is valid until the next step.  KVSP_OK,
 * CREDENTIALS_PENDING: there is nothing. */
int kvsp_credentials_get(struct credential_chain *chain,
                         const struct credentials **out);
/* Whether there are none, or it is time for new ones. */
bool kvsp_credentials_is_due(const struct credential_chain *chain);
/* A search at the next step, whatever pause there is to be. */
void kvsp_credentials_hurry(struct credential_chain *chain);
/* What the last search says to who hurried it: KVSP_OK, errors as above. */
int kvsp_credentials_verdict(const struct credential_chain *chain);
/* The service called them expired: they no longer serve. */
void kvsp_credentials_renew(struct credential_chain *chain);
/* Ends what is under way, wipes all. */
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

/* It gave keys before: that it does not just now may pass, and is tried again,
 * whatever else kvsp_credentials_fail takes a failure for. */
void kvsp_credentials_may_pass(struct credential_chain *chain,
                               const char *source);
/*
 * For a source that cannot answer at once: zeroed memory of its own, which the
 * chain lends to advance at each step, and to release (which clears what is in
 * there) before it wipes and frees it, however the search goes on.  NULL: no
 * memory.  It then returns CREDENTIALS_PENDING; transfers wake the loop by
 * themselves, other things by task.fd and task.due_ms.
 */
void *kvsp_credentials_begin(struct credential_chain *chain, size_t size,
                             int (*advance)(void *, struct credentials *),
                             void (*release)(void *));

/* The task's next request, which has timeout_ms, and some turns of the loop if
 * they take longer.  CREDENTIALS_PENDING, errors of kvsp_http_start. */
int kvsp_credentials_send(struct credential_chain *chain,
                          struct http_transfer *t,
                          const struct http_request *request);
/* Once in each step: whether it is finished, or was given up now. */
bool kvsp_credentials_heard(struct credential_chain *chain,
                            struct http_transfer *t);

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

/* For a profile: runs "program argument ..." without a shell, and reads its
 * JSON.  CREDENTIALS_PENDING, errors. */
int kvsp_credentials_run(struct credential_chain *chain, const char *command);
/* STS AssumeRoleWithWebIdentity, likewise.  session NULL: a name of ours. */
int kvsp_credentials_assume(struct credential_chain *chain,
                            const char *token_file, const char *role,
                            const char *session);
/* The region that the profile names; 1: *out has it; 0: none; errors. */
int kvsp_profile_region(struct credential_chain *chain, struct text *out);

#endif
