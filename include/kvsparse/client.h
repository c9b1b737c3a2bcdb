/*
 * client.h - libkvsparse-net: what all calls to Amazon Kinesis Video Streams
 * share.  Region, credentials, endpoints, TLS; and one loop that drives any
 * number of readers (media.h) in one thread.
 *
 * Nothing here makes a thread, prints, or installs a signal handler.  A program
 * should ignore SIGPIPE, as OpenSSL may raise it where a connection is closed.
 * A client and all its readers are for one thread at a time;
 * kvsp_client_interrupt alone may be called from any.
 *
 * TLS is always verified.  Plain http is spoken to this machine only (127.*,
 * [::1], localhost), and where credentials of containers and instances come
 * from.
 */
#ifndef KVSPARSE_CLIENT_H
#define KVSPARSE_CLIENT_H

#include <kvsparse/common.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_client kvsp_client;
struct kvsp_media;

/* What a call is signed with. */
typedef struct kvsp_credentials {
  size_t struct_size;            /* set by the library                      */
  const char *access_key_id;     /* never NULL nor empty                    */
  const char *secret_access_key; /* never NULL nor empty                    */
  const char *session_token;     /* NULL: none                              */
  int64_t expires_ns;            /* Unix epoch; 0, KVSP_TIME_NONE: never    */
} kvsp_credentials;
/*
 * Fills *out, which is zeroed but for struct_size.  The strings are copied
 * before anything else is called, and the copies wiped when they are no longer
 * needed.  Called when there are none, some 15 minutes before they expire, and
 * once after the service called them expired.  Return 0; anything else is a
 * failure: keys at hand serve as long as they are good, and it is called again
 * later; where there are none it ends the calls that want them, with that value
 * where it is KVSP_ERR_USER or less, else with KVSP_ERR_CREDENTIALS.  It may
 * block, and all readers with it; calls on the client are refused with
 * KVSP_ERR_REENTRANT.
 */
typedef int (*kvsp_credentials_callback)(void *user, kvsp_credentials *out);

enum kvsp_client_flags {
  KVSP_CLIENT_FIPS = 1,           /* kinesisvideo-fips.REGION...            */
  KVSP_CLIENT_DUAL_STACK = 2,     /* kinesisvideo.REGION.api.aws            */
  /* Nothing is taken from environment variables, and so no files, containers
   * or instances are asked: give region and credentials below. */
  KVSP_CLIENT_NO_ENVIRONMENT = 4
};

/*
 * Zero it, set struct_size, then what you need; all is copied.  What is NULL
 * comes from the variables that AWS's own tools read:
 *
 *   region            AWS_REGION, AWS_DEFAULT_REGION, the profile's region
 *   profile           AWS_PROFILE, else "default"
 *   endpoint_url      AWS_ENDPOINT_URL_KINESIS_VIDEO, AWS_ENDPOINT_URL
 *   media_endpoint_url, archive_endpoint_url
 *                     AWS_ENDPOINT_URL_KINESIS_VIDEO_MEDIA and
 *                     ..._ARCHIVED_MEDIA, else what GetDataEndpoint says
 *   ca_file           AWS_CA_BUNDLE, else the system's
 *   proxy             what libcurl takes from https_proxy and no_proxy
 *   FIPS, DUAL_STACK  AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
 *
 * Credentials, the first source of these that is there: the callback; the
 * variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (not
 * with a profile given here); the profile in ~/.aws/credentials and
 * ~/.aws/config (or AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE): keys,
 * credential_process, web identity; AWS_WEB_IDENTITY_TOKEN_FILE with
 * AWS_ROLE_ARN, by STS; a container's AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or
 * _FULL_URI; the EC2 instance, by IMDSv2.  A source that is there and fails
 * ends the search.  Profiles that assume a role by another one, or log in by
 * SSO, are told as KVSP_ERR_UNSUPPORTED, with what to do instead.
 *
 * Sources are asked beside the readers: who has a session goes on, who wants to
 * make a call waits.  Temporary keys are got anew some 15 minutes before they
 * expire, and serve to their end where that fails.  Then what may pass (no
 * answer, a fault of the source, a credential_process that gave keys before) is
 * tried again like a call that failed, and counted as one; all else ends who
 * waits.  credential_process is run without a shell, for a minute at most; it
 * gets none of our descriptors but stderr, SIGPIPE and SIGCHLD are not ignored
 * there, and no signal is blocked.
 */
typedef struct kvsp_client_config {
  size_t struct_size;
  const kvsp_allocator *allocator; /* copied; NULL: malloc.  libcurl's own
                                      memory does not come from it         */
  const char *region;
  const char *profile;
  const char *endpoint_url;         /* "https://host", of the control plane */
  const char *media_endpoint_url;   /* of GetMedia                          */
  const char *archive_endpoint_url; /* of ListFragments and the like        */
  const char *user_agent; /* put behind "libkvsparse/VERSION"; NULL: nothing */
  const char *ca_file;
  const char *proxy;      /* "http://host:port"; "": none                   */
  uint32_t flags;         /* KVSP_CLIENT_*                                  */
  uint32_t connect_timeout_ms; /* 0: 10000                                  */
  kvsp_credentials_callback credentials; /* NULL: the sources above         */
  void *credentials_user;
  uint64_t seed; /* of the chance in waits, for tests; 0: from the clock    */
} kvsp_client_config;

/* config may be NULL.  Connects to nothing yet.  KVSP_OK; KVSP_ERR_ARG, also
 * for a region or URL that cannot be one; KVSP_ERR_NOMEM; KVSP_ERR_UNSUPPORTED
 * when libcurl is too old or was built without what is needed. */
KVSP_API KVSP_MUST_CHECK int kvsp_client_new(kvsp_client **out,
                                             const kvsp_client_config *config);
/* Free its readers first.  NULL is fine. */
KVSP_API void kvsp_client_free(kvsp_client *c);

/*
 * Drives all readers of the client until one has something for
 * kvsp_media_next, or timeout_ms went by (0: does what can be done without
 * waiting; negative: waits without end).
 *   KVSP_OK          *ready is a reader that has something, in turn where
 *                    several have; ready may be NULL
 *   KVSP_NEED_INPUT  the time is over
 *   KVSP_INTERRUPTED kvsp_client_interrupt was called
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT, KVSP_ERR_NOMEM
 */
KVSP_API KVSP_MUST_CHECK int kvsp_client_wait(kvsp_client *c, int timeout_ms,
                                              struct kvsp_media **ready);
/*
 * The call on the client or on one of its readers that waits, or the next one
 * that would, returns KVSP_INTERRUPTED; nothing is lost, all may go on.  From
 * any thread (not from a signal handler).  KVSP_OK, KVSP_ERR_ARG.
 */
KVSP_API int kvsp_client_interrupt(kvsp_client *c);

/* Finds credentials now, or anew where it is time for that; otherwise that
 * happens at the first call.  Drives all readers while it waits.  Those at hand
 * will do where there are no newer ones, until ten minutes before they expire:
 * then it says why, though they serve.  KVSP_OK; KVSP_ERR_CREDENTIALS,
 * KVSP_ERR_UNSUPPORTED, KVSP_ERR_NETWORK, KVSP_ERR_SERVICE: see
 * kvsp_client_error; KVSP_INTERRUPTED, KVSP_ERR_NOMEM, KVSP_ERR_ARG,
 * KVSP_ERR_REENTRANT, what the callback returned. */
KVSP_API KVSP_MUST_CHECK int kvsp_client_authenticate(kvsp_client *c);
/* "callback", "environment", "profile" (also its process or web identity), "web
 * identity", "container", "instance"; "" before there were any.  Static. */
KVSP_API const char *kvsp_client_credentials_source(const kvsp_client *c);
/* "" where none is known.  Valid as long as the client. */
KVSP_API const char *kvsp_client_region(const kvsp_client *c);

/* What went wrong with a call to the service.  No secret is ever part of it.
 * May grow at the end. */
typedef struct kvsp_service_error {
  int status;             /* KVSP_ERR_*; KVSP_OK: nothing went wrong        */
  uint32_t http_status;   /* 0: there was no answer                        */
  const char *operation;  /* "GetMedia"; never NULL, nor are those below    */
  const char *name;       /* "ResourceNotFoundException"; "" where there is
                             none                                          */
  const char *message;    /* the service's words, or ours, in one line      */
  const char *request_id; /* for AWS's support; "" where there is none      */
  int64_t clock_offset_ms; /* with KVSP_ERR_CLOCK: this machine's clock minus
                              the service's                                */
} kvsp_service_error;
/* Of the last kvsp_client_authenticate or kvsp_archive_list.  Owned by the
 * client, valid until the next call on it.  Never NULL. */
KVSP_API const kvsp_service_error *kvsp_client_error(const kvsp_client *c);

/* Of libcurl and what it is made of: "libcurl/7.88.1 OpenSSL/3.0.16".
 * Static. */
KVSP_API const char *kvsp_net_version(void);
/* As kvsp_sizeof, for the structs of this library's headers. */
KVSP_API size_t kvsp_net_sizeof(const char *struct_name);

#ifdef __cplusplus
}
#endif
#endif
