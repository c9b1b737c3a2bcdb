/*
 * archive.c - ListFragments: all pages, in order.
 */
#include <jansson.h>
#include <kvsparse/archive.h>
#include <kvsparse/reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "locate.h"
#include "net_clock.h"
#include "queue.h"

#define PAGE_SIZE 1000
#define FRAGMENTS_MAX 1000000
#define TOKEN_MAX ((size_t)8192)
#define TIMEOUT_MS 30000
#define ATTEMPTS_MAX 8
/* ListFragments costs its MaxResults of 10000 points a second, which all
 * callers share. */
#define POINTS_PER_MS 5

struct entry {
  kvsp_archived_fragment shown;
  char number[NUMBER_SIZE];
};

struct kvsp_archive {
  kvsp_client *client;
  struct stream *stream;
  const kvsp_archive_config *config;
  struct entry *entries;
  size_t count;
  size_t capacity;
  struct call call;
  struct text token; /* "": the first page                                  */
  int64_t next_ms;   /* the next call, not before                          */
  unsigned attempts;
  bool renewed;
  bool asked_again;
  bool finished;
};

/* ---- what comes ---------------------------------------------------------- */

static int make_room(kvsp_archive *a) {
  const kvsp_allocator *allocator = &a->client->allocator;
  uint64_t max =
      a->config->max_fragments ? a->config->max_fragments : FRAGMENTS_MAX;
  size_t wanted = a->capacity ? a->capacity * 2 : 256;
  struct entry *grown;
  if (a->count >= max) return KVSP_ERR_LIMIT_MEMORY;
  if (a->count < a->capacity) return KVSP_OK;
  grown = kvsp_net_alloc(allocator, wanted * sizeof *grown);
  if (!grown) return KVSP_ERR_NOMEM;
  if (a->count > 0) memcpy(grown, a->entries, a->count * sizeof *grown);
  kvsp_net_release(allocator, a->entries, a->capacity * sizeof *grown);
  a->entries = grown;
  a->capacity = wanted;
  return KVSP_OK;
}

/* Seconds as a number: milliseconds are all that the service knows. */
static int64_t time_of(const json_t *value) {
  double seconds = json_number_value(value);
  if (!json_is_number(value) || !(seconds >= 0 && seconds < 9e9))
    return KVSP_TIME_NONE;
  return (int64_t)(seconds * 1000 + 0.5) * 1000000;
}

static int add_fragment(kvsp_archive *a, const json_t *fragment) {
  const char *number =
      json_string_value(json_object_get(fragment, "FragmentNumber"));
  json_int_t ms = json_integer_value(
      json_object_get(fragment, "FragmentLengthInMilliseconds"));
  json_int_t size =
      json_integer_value(json_object_get(fragment, "FragmentSizeInBytes"));
  struct entry *entry;
  int rc;
  if (!number || strlen(number) >= NUMBER_SIZE ||
      number[strspn(number, "0123456789")] || !*number)
    return KVSP_ERR_SERVICE;
  rc = make_room(a);
  if (rc != KVSP_OK) return rc;
  entry = &a->entries[a->count++];
  memset(entry, 0, sizeof *entry);
  memcpy(entry->number, number, strlen(number) + 1);
  entry->shown.size = size > 0 ? (uint64_t)size : 0;
  entry->shown.duration_ns =
      ms > 0 && ms < INT64_MAX / 1000000 ? ms * 1000000 : 0;
  entry->shown.server_time_ns =
      time_of(json_object_get(fragment, "ServerTimestamp"));
  entry->shown.producer_time_ns =
      time_of(json_object_get(fragment, "ProducerTimestamp"));
  return KVSP_OK;
}

/* A token that is null, and none at all, both say that this was all; the same
 * one again would ask for the same page for ever. */
static int read_token(kvsp_archive *a, const json_t *page) {
  const char *token = json_string_value(json_object_get(page, "NextToken"));
  if (token && a->token.len > 0 &&
      strcmp(token, kvsp_text_string(&a->token)) == 0)
    return KVSP_ERR_SERVICE;
  a->token.len = 0;
  a->finished = !token || !*token;
  return a->finished ? KVSP_OK : kvsp_text_add(&a->token, token);
}

static int read_page(kvsp_archive *a) {
  const struct text *body = &a->call.transfer.body;
  json_t *page = json_loadb(kvsp_text_string(body), body->len, 0, NULL);
  const json_t *list = json_object_get(page, "Fragments");
  int rc = page ? KVSP_OK : KVSP_ERR_SERVICE;
  for (size_t i = 0; i < json_array_size(list) && rc == KVSP_OK; i++)
    rc = add_fragment(a, json_array_get(list, i));
  if (rc == KVSP_OK) rc = read_token(a, page);
  json_decref(page);
  return rc;
}

static kvsp_view view_of(const struct entry *entry) {
  kvsp_view view = {(const uint8_t *)entry->number, strlen(entry->number)};
  return view;
}

static int compare(const void *a, const void *b) {
  return kvsp_fragment_number_compare(view_of(a), view_of(b));
}

/* A fragment that moves from one page to the next while they are asked for may
 * be told twice. */
static void put_in_order(kvsp_archive *a) {
  size_t kept = 0;
  if (a->count > 1) qsort(a->entries, a->count, sizeof *a->entries, compare);
  for (size_t i = 0; i < a->count; i++) {
    if (kept > 0 && compare(&a->entries[kept - 1], &a->entries[i]) == 0)
      continue;
    if (kept != i) a->entries[kept] = a->entries[i];
    kept++;
  }
  a->count = kept;
  for (size_t i = 0; i < a->count; i++)
    a->entries[i].shown.number = view_of(&a->entries[i]);
}

/* ---- what is asked for --------------------------------------------------- */

static int add_selector(kvsp_archive *a) {
  const kvsp_archive_config *config = a->config;
  struct call *call = &a->call;
  int rc = kvsp_call_add_raw(call,
                             ",\"FragmentSelector\":{"
                             "\"FragmentSelectorType\":");
  if (rc == KVSP_OK)
    rc = kvsp_text_add_json(&call->body, config->clock == KVSP_CLOCK_PRODUCER
                                             ? "PRODUCER_TIMESTAMP"
                                             : "SERVER_TIMESTAMP");
  if (rc == KVSP_OK)
    rc = kvsp_call_add_raw(call, ",\"TimestampRange\":{\"StartTimestamp\":");
  if (rc == KVSP_OK) rc = kvsp_call_add_seconds(call, config->from_ns);
  if (rc == KVSP_OK)
    rc = kvsp_call_add_time(call, "EndTimestamp", config->to_ns);
  return rc == KVSP_OK ? kvsp_call_add_raw(call, "}}") : rc;
}

static unsigned page_size(const kvsp_archive *a) {
  return a->config->page_size ? a->config->page_size : PAGE_SIZE;
}

static int ask_page(kvsp_archive *a, const char *url) {
  struct call *call = &a->call;
  int rc = kvsp_call_begin(call, a->stream->name);
  if (rc == KVSP_OK)
    rc = kvsp_text_print(&call->body, ",\"MaxResults\":%u", page_size(a));
  if (rc == KVSP_OK) rc = add_selector(a);
  if (rc == KVSP_OK && a->token.len > 0)
    rc = kvsp_call_add_string(call, "NextToken", kvsp_text_string(&a->token));
  if (rc == KVSP_OK)
    rc = kvsp_call_send(call, url, "ListFragments", TIMEOUT_MS);
  return rc;
}

/* ---- one after the other ------------------------------------------------- */

static bool heals_at_once(kvsp_archive *a, const struct service_fault *fault) {
  bool moved = fault->class == ERROR_ENDPOINT || fault->http_status == 404;
  if (fault->class == ERROR_EXPIRED && !a->renewed) {
    a->renewed = true;
    /* A reader's call may have had newer ones meanwhile. */
    if (a->call.keys == a->client->chain.fetched)
      kvsp_credentials_renew(&a->client->chain);
    return true;
  }
  if (!moved || a->asked_again || a->client->api_url[API_LIST] ||
      strcmp(a->call.operation, "ListFragments") != 0)
    return false;
  a->asked_again = true;
  kvsp_client_forget_endpoint(a->client, a->stream, API_LIST);
  return true;
}

/* KVSP_OK: it is to be tried again, at next_ms. */
static int try_again(kvsp_archive *a, enum error_class class, int status) {
  bool throttled = class == ERROR_THROTTLE;
  if (!kvsp_errors_pass(class) || ++a->attempts >= ATTEMPTS_MAX) return status;
  a->next_ms = kvsp_clock_ms() +
               kvsp_backoff_ms(throttled ? BACKOFF_THROTTLE : BACKOFF_FAULT,
                               a->attempts, &a->client->random);
  return KVSP_OK;
}

static int after_fault(kvsp_archive *a) {
  struct service_fault fault;
  int status = kvsp_http_fault(&a->call.transfer, &fault);
  kvsp_client_note_fault(a->client, status, a->call.operation, &fault,
                         a->call.transfer.request_id);
  return heals_at_once(a, &fault) ? KVSP_OK : try_again(a, fault.class, status);
}

/* There is nothing to sign a call with, or no memory for it. */
static int after_unsent_call(kvsp_archive *a, int rc) {
  if (rc == CREDENTIALS_PENDING) return KVSP_OK;
  if (rc == KVSP_INTERRUPTED) return rc;
  kvsp_client_note_credentials(a->client, rc);
  return try_again(a, a->client->fault.class, rc);
}

static int after_call(kvsp_archive *a, bool page) {
  int rc;
  if (!kvsp_http_succeeded(&a->call.transfer)) return after_fault(a);
  rc = page ? read_page(a) : kvsp_locate_read(&a->call, a->stream, API_LIST);
  a->attempts = 0;
  if (page) a->next_ms = kvsp_clock_ms() + page_size(a) / POINTS_PER_MS;
  if (rc == KVSP_ERR_SERVICE)
    kvsp_client_note_message(a->client, rc, a->call.operation,
                             "the answer cannot be understood");
  return rc;
}

static int one_call(kvsp_archive *a) {
  const char *url = kvsp_client_endpoint(a->client, a->stream, API_LIST);
  int rc = kvsp_client_sleep(a->client, a->next_ms);
  if (rc == KVSP_OK) rc = kvsp_client_obtain(a->client);
  if (rc == KVSP_OK)
    rc =
        url ? ask_page(a, url) : kvsp_locate_ask(&a->call, a->stream, API_LIST);
  if (rc != KVSP_OK) return after_unsent_call(a, rc);
  rc = kvsp_client_finish(a->client, &a->call.transfer);
  if (rc == KVSP_OK)
    rc = after_call(a, url != NULL);
  else if (rc < 0)
    kvsp_client_note_message(a->client, rc, a->call.operation,
                             kvsp_status_text(rc));
  kvsp_call_end(&a->call);
  return rc;
}

static bool is_config(const kvsp_archive_config *config) {
  return config && config->struct_size == sizeof *config && config->stream &&
         *config->stream && strlen(config->stream) <= 1024 &&
         config->clock <= KVSP_CLOCK_PRODUCER && config->page_size <= 1000 &&
         config->from_ns >= 0 && config->to_ns >= config->from_ns;
}

static int list_all(kvsp_archive *a) {
  int rc = KVSP_OK;
  if (!a->client->region) {
    kvsp_client_note_message(a->client, KVSP_ERR_CREDENTIALS, "ListFragments",
                             "no region: give one, or set AWS_REGION");
    return KVSP_ERR_CREDENTIALS;
  }
  while (rc == KVSP_OK && !a->finished) rc = one_call(a);
  if (rc == KVSP_OK) put_in_order(a);
  return rc;
}

int kvsp_archive_list(kvsp_archive **out, kvsp_client *client,
                      const kvsp_archive_config *config) {
  kvsp_archive *a;
  int rc;
  if (!out || !client || !is_config(config)) return KVSP_ERR_ARG;
  *out = NULL;
  if (client->busy) return KVSP_ERR_REENTRANT;
  a = kvsp_net_alloc(&client->allocator, sizeof *a);
  if (!a) return KVSP_ERR_NOMEM;
  a->client = client;
  a->config = config;
  kvsp_call_init(&a->call, client);
  kvsp_text_init(&a->token, &client->allocator, TOKEN_MAX);
  a->stream = kvsp_client_stream(client, config->stream);
  rc = a->stream ? list_all(a) : KVSP_ERR_NOMEM;
  kvsp_call_free(&a->call);
  kvsp_text_clear(&a->token);
  a->config = NULL;
  if (rc == KVSP_OK)
    *out = a;
  else
    kvsp_archive_free(a);
  return rc;
}

void kvsp_archive_free(kvsp_archive *a) {
  const kvsp_allocator *allocator;
  if (!a) return;
  allocator = &a->client->allocator;
  kvsp_net_release(allocator, a->entries, a->capacity * sizeof *a->entries);
  kvsp_net_release(allocator, a, sizeof *a);
}

size_t kvsp_archive_count(const kvsp_archive *a) {
  return a ? a->count : 0;
}

const kvsp_archived_fragment *kvsp_archive_get(const kvsp_archive *a,
                                               size_t index) {
  return a && index < a->count ? &a->entries[index].shown : NULL;
}
