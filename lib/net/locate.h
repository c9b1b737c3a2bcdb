/*
 * locate.h - GetDataEndpoint: where an API of a stream is to be called.
 */
#ifndef KVSP_NET_LOCATE_H
#define KVSP_NET_LOCATE_H

#include "call.h"

/* Makes the call: as kvsp_call_send. */
int kvsp_locate_ask(struct call *call, const struct stream *stream,
                    enum api api);
/* What came of it, when it succeeded: as kvsp_client_learn_endpoint. */
int kvsp_locate_read(struct call *call, struct stream *stream, enum api api);

#endif
