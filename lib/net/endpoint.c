#include "endpoint.h"

#include <string.h>

/* A partition's domains, by how its regions' names begin. */
struct partition {
  const char *prefix;
  const char *domain;
  const char *dual_stack; /* NULL: it has no such hosts                     */
};

static const struct partition partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-isob-", "sc2s.sgov.gov", NULL},
    {"us-iso-", "c2s.ic.gov", NULL},
    {"eusc-", "amazonaws.eu", NULL},
    {"", "amazonaws.com", "api.aws"},
};

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static const struct partition *partition_of(const char *region) {
  const struct partition *p = partitions;
  while (!begins(region, p->prefix)) p++;
  return p;
}

bool kvsp_region_is_valid(const char *region) {
  size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return len > 0 && len < 64 && region[len] == '\0' && region[0] != '-';
}

static int service_url(const char *service, bool fips, const char *region,
                       const char *domain, struct text *out) {
  if (!domain) return KVSP_ERR_UNSUPPORTED;
  return kvsp_text_print(out, "https://%s%s.%s.%s", service,
                         fips ? "-fips" : "", region, domain);
}

int kvsp_endpoint_url(const char *region, unsigned kind, struct text *out) {
  const struct partition *p = partition_of(region);
  bool dual = (kind & ENDPOINT_DUAL_STACK) != 0;
  /* There it is the only kind of host. */
  bool fips = (kind & ENDPOINT_FIPS) || (begins(region, "us-gov-") && !dual);
  return service_url("kinesisvideo", fips, region,
                     dual ? p->dual_stack : p->domain, out);
}

int kvsp_endpoint_sts_url(const char *region, unsigned kind, struct text *out) {
  bool fips = (kind & ENDPOINT_FIPS) && !begins(region, "us-gov-");
  return service_url("sts", fips, region, partition_of(region)->domain, out);
}

/* Behind "scheme://"; NULL: it is another scheme. */
static const char *behind_scheme(const char *url, const char *scheme) {
  return begins(url, scheme) ? url + strlen(scheme) : NULL;
}

/* Where the host begins.  What has a user in front of its host, which takes
 * the place of the host for a hasty eye, has none here; nor has what has a
 * backslash there, which ends a host for some and is part of a user for
 * others, libcurl among them. */
static const char *authority(const char *url) {
  const char *at = behind_scheme(url, "http://");
  size_t len;
  if (!at) at = behind_scheme(url, "https://");
  if (!at) return NULL;
  len = strcspn(at, "/?#");
  return memchr(at, '@', len) || memchr(at, '\\', len) ? NULL : at;
}

bool kvsp_url_is_https(const char *url) {
  return begins(url, "https://");
}

/* How long the host is, without its port; 0: there is none that is plain. */
static size_t host_length(const char *host) {
  size_t len;
  if (*host != '[') return strcspn(host, ":/?#@");
  len = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
  return host[len] == ']' ? len + 1 : 0;
}

bool kvsp_url_has_host(const char *url, const char *host) {
  const char *at = authority(url);
  return at && host_length(at) == strlen(host) && begins(at, host);
}

/* Four numbers, of which the first is 127: "127.evil.com" is a name. */
static bool is_loopback_v4(const char *host, size_t len) {
  size_t dots = 0;
  if (len < 9 || !begins(host, "127.")) return false;
  for (size_t i = 0; i < len; i++) {
    if (host[i] == '.') dots++;
    if (host[i] != '.' && (host[i] < '0' || host[i] > '9')) return false;
  }
  return dots == 3 && host[len - 1] != '.';
}

bool kvsp_url_is_loopback(const char *url) {
  const char *at = authority(url);
  if (!at) return false;
  return kvsp_url_has_host(url, "localhost") ||
         kvsp_url_has_host(url, "[::1]") || is_loopback_v4(at, host_length(at));
}

/* ":8080", "/path" or nothing behind the host. */
static bool has_plain_rest(const char *rest) {
  if (*rest == ':') {
    size_t len = strspn(rest + 1, "0123456789");
    if (len == 0 || len > 5) return false;
    rest += 1 + len;
  }
  return (*rest == '\0' || *rest == '/') && !strpbrk(rest, "?#@");
}

bool kvsp_url_is_allowed(const char *url) {
  const char *at = authority(url);
  if (!at || host_length(at) == 0) return false;
  for (const char *c = url; *c; c++)
    if ((unsigned char)*c <= ' ' || *c == 0x7F) return false;
  if (!has_plain_rest(at + host_length(at))) return false;
  return kvsp_url_is_https(url) || kvsp_url_is_loopback(url);
}
