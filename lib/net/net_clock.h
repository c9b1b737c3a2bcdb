/*
 * net_clock.h - what time it is, and times as services write them.  The only
 * place that asks the machine's clocks.
 */
#ifndef KVSP_NET_CLOCK_H
#define KVSP_NET_CLOCK_H

#include <stdint.h>

/* Never goes back; from an unknown start. */
int64_t kvsp_clock_ms(void);
/* Since 1970, by this machine's clock. */
int64_t kvsp_clock_wall_ms(void);

#define KVSP_CLOCK_NONE INT64_MIN
/* "2026-11-20T10:53:28Z", also with a fraction or "+01:00" behind it, and
 * "20261120T105328Z": milliseconds since 1970; KVSP_CLOCK_NONE where it is no
 * such time. */
int64_t kvsp_clock_parse(const char *text);

#endif
