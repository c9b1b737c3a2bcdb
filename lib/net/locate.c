#include "locate.h"

#include "fields.h"

#define TIMEOUT_MS 30000
#define URL_MAX ((size_t)8192)

int kvsp_locate_ask(struct call *call, const struct stream *stream,
                    enum api api) {
  kvsp_client *c = call->client;
  struct text url;
  int rc;
  kvsp_text_init(&url, &c->allocator, URL_MAX);
  rc = c->endpoint_url ? kvsp_text_add(&url, c->endpoint_url)
                       : kvsp_endpoint_url(c->region, c->endpoints, &url);
  call->transfer.stream = NULL;
  if (rc == KVSP_OK) rc = kvsp_call_begin(call, stream->name);
  if (rc == KVSP_OK)
    rc = kvsp_call_add_string(call, "APIName", kvsp_api_name(api));
  if (rc == KVSP_OK)
    rc = kvsp_call_send(call, kvsp_text_string(&url), "GetDataEndpoint",
                        TIMEOUT_MS);
  kvsp_text_clear(&url);
  return rc;
}

int kvsp_locate_read(struct call *call, struct stream *stream, enum api api) {
  kvsp_client *c = call->client;
  struct text url;
  int rc;
  kvsp_text_init(&url, &c->allocator, URL_MAX);
  rc = kvsp_json_field(kvsp_text_string(&call->transfer.body), "DataEndpoint",
                       &url);
  if (rc >= 0)
    rc = kvsp_client_learn_endpoint(c, stream, api, kvsp_text_string(&url));
  kvsp_text_clear(&url);
  return rc == KVSP_ERR_LIMIT_VALUE ? KVSP_ERR_SERVICE : rc;
}
