/*
 * endpoint.h - where the service is: hosts by region, and which URLs may be
 * spoken to.  Pure functions.
 */
#ifndef KVSP_NET_ENDPOINT_H
#define KVSP_NET_ENDPOINT_H

#include <stdbool.h>

#include "text.h"

enum endpoint_kind { ENDPOINT_FIPS = 1, ENDPOINT_DUAL_STACK = 2 };

/* Letters, digits and '-', 1 to 63 of them: it becomes part of a host's name
 * and of a signature. */
bool kvsp_region_is_valid(const char *region);
/* The control plane's URL, without a path.  KVSP_OK, KVSP_ERR_UNSUPPORTED (that
 * partition has no such hosts), errors of kvsp_text_append. */
int kvsp_endpoint_url(const char *region, unsigned kind, struct text *out);
/* The same for STS, which is regional. */
int kvsp_endpoint_sts_url(const char *region, unsigned kind, struct text *out);
/*
 * Whether this is an URL that may be spoken to: https to any host, http to
 * this machine's own addresses (127.0.0.0/8, [::1], localhost) only; no user,
 * no query, no control characters.
 */
bool kvsp_url_is_allowed(const char *url);
/* http or https to this machine's own addresses. */
bool kvsp_url_is_loopback(const char *url);
/* Whether url's host is exactly that: "169.254.170.2", "[fd00:ec2::23]". */
bool kvsp_url_has_host(const char *url, const char *host);
bool kvsp_url_is_https(const char *url);

#endif
