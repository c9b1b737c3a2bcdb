/*
 * archive.h - libkvsparse-net: which fragments of a stream are kept
 * (ListFragments).
 */
#ifndef KVSPARSE_ARCHIVE_H
#define KVSPARSE_ARCHIVE_H

#include <kvsparse/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_archive kvsp_archive;

/* Whose clock from_ns and to_ns are by. */
enum kvsp_archive_clock {
  KVSP_CLOCK_SERVER = 0,
  KVSP_CLOCK_PRODUCER = 1
};

/* Zero it, set struct_size, stream, from_ns and to_ns. */
typedef struct kvsp_archive_config {
  size_t struct_size;
  const char *stream; /* its name, or its ARN                              */
  uint32_t clock;     /* KVSP_CLOCK_*                                      */
  uint32_t page_size; /* fragments that one call asks for, 1 to 1000; 0: 1000 */
  int64_t from_ns;    /* Unix epoch; both ends belong to it; a fragment is
                         where it starts                                   */
  int64_t to_ns;
  uint64_t max_fragments; /* more are KVSP_ERR_LIMIT_MEMORY; 0: 1000000     */
} kvsp_archive_config;

/* May grow at the end. */
typedef struct kvsp_archived_fragment {
  kvsp_view number;         /* with a NUL behind it                         */
  uint64_t size;            /* bytes                                        */
  int64_t server_time_ns;   /* Unix epoch; KVSP_TIME_NONE: not told         */
  int64_t producer_time_ns;
  int64_t duration_ns;      /* 0: not told                                  */
} kvsp_archived_fragment;

/*
 * Asks for all pages, and sorts what comes by number: the service has no order.
 * It waits, drives the client's readers meanwhile, and makes calls that were
 * throttled or failed again, some times.  The stream must keep its fragments
 * (its retention is not 0).  IAM: kinesisvideo:GetDataEndpoint,
 * kinesisvideo:ListFragments.
 *   KVSP_OK          *out has them; the caller frees it
 *   KVSP_INTERRUPTED kvsp_client_interrupt was called
 *   KVSP_ERR_SERVICE, KVSP_ERR_NETWORK, KVSP_ERR_CREDENTIALS, KVSP_ERR_CLOCK,
 *   KVSP_ERR_UNSUPPORTED: see kvsp_client_error
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT, KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_MEMORY
 */
KVSP_API KVSP_MUST_CHECK int kvsp_archive_list(
    kvsp_archive **out, kvsp_client *client, const kvsp_archive_config *config);
/* Before the client.  NULL is fine. */
KVSP_API void kvsp_archive_free(kvsp_archive *a);
KVSP_API size_t kvsp_archive_count(const kvsp_archive *a);
/* The fragment with that index, from 0; valid as long as the list.  NULL: there
 * are not so many. */
KVSP_API const kvsp_archived_fragment *kvsp_archive_get(const kvsp_archive *a,
                                                        size_t index);

#ifdef __cplusplus
}
#endif
#endif
