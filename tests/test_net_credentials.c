/*
 * test_net_credentials.c - each source of credentials, on the loopback: found,
 * renewed, refused with a reason, and wiped; and that readers stream on while
 * a source takes its time or fails.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <check.h>
#include <fcntl.h>
#include <kvsparse/archive.h>
#include <kvsparse/media.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net_client.h"
#include "net_clock.h"
#include "support/allocator.h"
#include "support/build.h"
#include "support/http_server.h"
#include "support/suite.h"

/* ---- a world without credentials ----------------------------------------- */

static char folder[64];

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY"};

static void path_in(char *out, size_t size, const char *name) {
  snprintf(out, size, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text) {
  char path[256];
  FILE *file;
  path_in(path, sizeof path, name);
  file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
  ck_assert_int_eq(fclose(file), 0);
}

static void remove_file(const char *name) {
  char path[256];
  path_in(path, sizeof path, name);
  unlink(path);
}

static void set_path(const char *variable, const char *name) {
  char path[256];
  path_in(path, sizeof path, name);
  setenv(variable, path, 1);
}

static void setup(void) {
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    unsetenv(variables[i]);
  snprintf(folder, sizeof folder, "/tmp/kvsparse-credentials.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  setenv("HOME", folder, 1);
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  set_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  set_path("AWS_CONFIG_FILE", "config");
}

static void teardown(void) {
  remove_file("credentials");
  remove_file("config");
  remove_file("token");
  remove_file("program.sh");
  remove_file("go");
  remove_file("seen");
  rmdir(folder);
}

/* ---- asking -------------------------------------------------------------- */

static kvsp_client *new_client(const char *profile) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  config.region = "us-west-2";
  config.profile = profile;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  return c;
}

/* What signs a call, as "key/secret/token source". */
static void expect_found(kvsp_client *c, const char *expected) {
  const struct credentials *found;
  char text[512];
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_OK);
  ck_assert_str_eq(kvsp_client_error(c)->message, "");
  ck_assert_int_eq(kvsp_credentials_get(&c->chain, &found), KVSP_OK);
  snprintf(text, sizeof text, "%s/%s/%s %s", found->access_key_id,
           found->secret_access_key,
           found->session_token ? found->session_token : "-",
           kvsp_client_credentials_source(c));
  ck_assert_str_eq(text, expected);
}

static void expect(const char *expected) {
  kvsp_client *c = new_client(NULL);
  expect_found(c, expected);
  kvsp_client_free(c);
}

static void expect_error_as(const char *profile, int status,
                            const char *message) {
  kvsp_client *c = new_client(profile);
  int rc = kvsp_client_authenticate(c);
  ck_assert_int_eq(rc, status);
  ck_assert_int_eq(kvsp_client_error(c)->status, status);
  if (!strstr(kvsp_client_error(c)->message, message))
    ck_abort_msg("\"%s\" lacks \"%s\"", kvsp_client_error(c)->message, message);
  kvsp_client_free(c);
}

static void expect_error(int status, const char *message) {
  expect_error_as(NULL, status, message);
}

/* ---- callback ------------------------------------------------------------ */

struct given {
  int calls;
  int rc;
  int64_t life_s; /* 0: without an end                                     */
  char key[32];
  kvsp_client *client;
};

static int give(void *user, kvsp_credentials *out) {
  struct given *given = user;
  ck_assert_uint_eq(out->struct_size, sizeof *out);
  ck_assert_ptr_null(out->session_token);
  given->calls++;
  if (given->client)
    ck_assert_int_eq(kvsp_client_authenticate(given->client),
                     KVSP_ERR_REENTRANT);
  snprintf(given->key, sizeof given->key, "KEY%d", given->calls);
  out->access_key_id = given->key;
  out->secret_access_key = "S";
  if (given->life_s)
    out->expires_ns =
        (kvsp_clock_wall_ms() / 1000 + given->life_s) * 1000000000;
  return given->rc;
}

static kvsp_client *client_with(struct given *given) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  config.region = "us-west-2";
  config.credentials = give;
  config.credentials_user = given;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  given->client = c;
  return c;
}

START_TEST(callback_comes_first) {
  struct given given = {0};
  kvsp_client *c = client_with(&given);
  setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "ENV", 1);
  ck_assert_int_eq(given.calls, 0);
  expect_found(c, "KEY1/S/- callback");
  expect_found(c, "KEY1/S/- callback");
  kvsp_credentials_renew(&c->chain);
  expect_found(c, "KEY2/S/- callback");
  expect_found(c, "KEY2/S/- callback");
  kvsp_client_free(c);
}
END_TEST

START_TEST(callback_fails) {
  struct given given = {.rc = 7};
  kvsp_client *c = client_with(&given);
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_CREDENTIALS);
  given.rc = KVSP_ERR_USER - 3;
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_USER - 3);
  given.rc = 0;
  expect_found(c, "KEY3/S/- callback");
  kvsp_client_free(c);
}
END_TEST

/* 20 minutes are enough; 14 are due for new ones, if it is not too often. */
START_TEST(renewed_before_they_expire) {
  struct given given = {.life_s = 20 * 60};
  kvsp_client *c = client_with(&given);
  expect_found(c, "KEY1/S/- callback");
  c->chain.next_try_ms = 0;
  expect_found(c, "KEY1/S/- callback");
  c->chain.current.expires_ms = kvsp_clock_wall_ms() + 14 * 60 * 1000;
  expect_found(c, "KEY2/S/- callback");
  kvsp_client_free(c);
}
END_TEST

/* Between 15 and 10 minutes before the end the old ones serve where there are
 * no new ones; later they do not. */
START_TEST(old_ones_serve_for_a_while) {
  struct given given = {.life_s = 20 * 60};
  kvsp_client *c = client_with(&given);
  expect_found(c, "KEY1/S/- callback");
  given.rc = 1;
  c->chain.next_try_ms = 0;
  c->chain.current.expires_ms = kvsp_clock_wall_ms() + 12 * 60 * 1000;
  expect_found(c, "KEY1/S/- callback");
  ck_assert_int_eq(given.calls, 3 - 1);
  c->chain.next_try_ms = 0;
  c->chain.current.expires_ms = kvsp_clock_wall_ms() + 9 * 60 * 1000;
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_CREDENTIALS);
  kvsp_client_free(c);
}
END_TEST

/* ---- environment --------------------------------------------------------- */

START_TEST(environment) {
  setenv("AWS_ACCESS_KEY_ID", "AKIDE", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "se/cret+", 1);
  expect("AKIDE/se/cret+/- environment");
  setenv("AWS_SESSION_TOKEN", "tok", 1);
  expect("AKIDE/se/cret+/tok environment");
  unsetenv("AWS_SESSION_TOKEN");
  setenv("AWS_SECURITY_TOKEN", "old", 1);
  expect("AKIDE/se/cret+/old environment");
  unsetenv("AWS_SECRET_ACCESS_KEY");
  expect_error(KVSP_ERR_CREDENTIALS, "AWS_SECRET_ACCESS_KEY is not");
  setenv("AWS_SECRET_ACCESS_KEY", "with\nline", 1);
  expect_error(KVSP_ERR_CREDENTIALS, "control character");
}
END_TEST

START_TEST(nothing_anywhere) {
  expect_error(KVSP_ERR_CREDENTIALS, "AWS_ACCESS_KEY_ID");
  expect_error(KVSP_ERR_CREDENTIALS, "no EC2 instance");
}
END_TEST

START_TEST(environment_ignored) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  setenv("AWS_ACCESS_KEY_ID", "AKIDE", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  setenv("AWS_REGION", "eu-west-1", 1);
  write_file("credentials",
             "[default]\naws_access_key_id=A\n"
             "aws_secret_access_key=B\n");
  config.flags = KVSP_CLIENT_NO_ENVIRONMENT;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_CREDENTIALS);
  ck_assert_str_eq(kvsp_client_region(c), "");
  kvsp_client_free(c);
}
END_TEST

/* ---- profiles ------------------------------------------------------------ */

static const char two_profiles[] =
    "# a comment = x\n"
    "[default]\n"
    "aws_access_key_id = AKIDD\n"
    "aws_secret_access_key = secret=d \n"
    "[other]\r\n"
    "AWS_ACCESS_KEY_ID=AKIDO\r\n"
    "aws_secret_access_key=o\r\n"
    "aws_session_token = T\r\n";

START_TEST(profile_keys) {
  kvsp_client *c;
  write_file("credentials", two_profiles);
  expect("AKIDD/secret=d/- profile");
  setenv("AWS_PROFILE", "other", 1);
  expect("AKIDO/o/T profile");
  setenv("AWS_ACCESS_KEY_ID", "AKIDE", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
  expect("AKIDE/e/- environment");
  /* One that is named in code wins over the environment. */
  c = new_client("default");
  expect_found(c, "AKIDD/secret=d/- profile");
  kvsp_client_free(c);
  expect_error_as("absent", KVSP_ERR_CREDENTIALS, "no profile \"absent\"");
}
END_TEST

START_TEST(profile_in_config) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  write_file("config",
             "[profile cam]\nregion = eu-central-1\ns3 =\n  region = wrong\n"
             "aws_access_key_id = A\naws_secret_access_key = B\n"
             "[cam]\nregion = wrong\n");
  setenv("AWS_PROFILE", "cam", 1);
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  ck_assert_str_eq(kvsp_client_region(c), "eu-central-1");
  expect_found(c, "A/B/- profile");
  kvsp_client_free(c);
  /* Keys of the file of credentials win. */
  write_file("credentials",
             "[cam]\naws_access_key_id = C\n"
             "aws_secret_access_key = D\n");
  expect("C/D/- profile");
}
END_TEST

START_TEST(profile_unsupported) {
  write_file("config",
             "[profile role]\nrole_arn = arn:aws:iam::1:role/x\n"
             "source_profile = base\n"
             "[profile sso]\nsso_session = corp\n"
             "[profile half]\naws_access_key_id = A\n");
  expect_error_as("role", KVSP_ERR_UNSUPPORTED,
                  "export-credentials --profile role");
  expect_error_as("sso", KVSP_ERR_UNSUPPORTED, "logs in by SSO");
  expect_error_as("half", KVSP_ERR_CREDENTIALS, "a key is missing");
}
END_TEST

static void write_program(const char *script) {
  char path[256];
  char config[512];
  write_file("program.sh", script);
  path_in(path, sizeof path, "program.sh");
  ck_assert_int_eq(chmod(path, 0755), 0);
  snprintf(config, sizeof config,
           "[default]\ncredential_process = \"%s\" 'a b' c\\ d\n", path);
  write_file("config", config);
}

START_TEST(process) {
  kvsp_client *c;
  write_program(
      "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = 'c d' ] || exit 9\n"
      "cat <<'E'\n{\"Version\": 1, \"Nested\": {\"AccessKeyId\": \"no\"},\n"
      " \"AccessKeyId\": \"P\", \"SecretAccessKey\": \"Q\\/\\u0041\",\n"
      " \"SessionToken\": \"R\", \"Expiration\": "
      "\"2037-01-02T03:04:05Z\"}\nE\n");
  c = new_client(NULL);
  expect_found(c, "P/Q/A/R profile");
  ck_assert_int_eq(c->chain.current.expires_ms, INT64_C(2114478245000));
  kvsp_client_free(c);
  write_program("#!/bin/sh\nexit 3\n");
  expect_error(KVSP_ERR_CREDENTIALS, "failed (status 3)");
  write_program("#!/bin/sh\necho '{\"Version\": 2}'\n");
  expect_error(KVSP_ERR_CREDENTIALS, "\"Version\": 1");
  write_program("#!/bin/sh\necho '{\"Version\": 1}'\n");
  expect_error(KVSP_ERR_CREDENTIALS, "a key is missing");
  write_file("config", "[default]\ncredential_process = /no/such/program\n");
  expect_error(KVSP_ERR_CREDENTIALS, "cannot be run");
  write_file("config", "[default]\ncredential_process = echo 'a\n");
  expect_error(KVSP_ERR_CREDENTIALS, "no command line");
}
END_TEST

static void *interrupt_soon(void *user) {
  struct timespec soon = {0, 300000000};
  nanosleep(&soon, NULL);
  kvsp_client_interrupt(user);
  return NULL;
}

/* A program that never ends does not hold up who wants to stop, whether it has
 * closed its output or not. */
START_TEST(process_interrupted) {
  static const char *const programs[] = {"#!/bin/sh\nexec sleep 50\n",
                                         "#!/bin/sh\nexec sleep 50 >&-\n"};
  kvsp_client *c;
  pthread_t thread;
  int64_t begin = kvsp_clock_ms();
  write_program(programs[_i]);
  c = new_client(NULL);
  ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, c), 0);
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_INTERRUPTED);
  pthread_join(thread, NULL);
  ck_assert_int_lt(kvsp_clock_ms() - begin, 5000);
  kvsp_client_free(c);
}
END_TEST

/* ---- services ------------------------------------------------------------ */

struct service {
  atomic_int requests;
  atomic_int failing; /* so many requests are answered with 500           */
  char seen[4096];    /* the last request                                     */
  const char *body;
  int status;
};

static void remember(struct service *service,
                     const struct server_request *request) {
  atomic_fetch_add(&service->requests, 1);
  snprintf(service->seen, sizeof service->seen, "%s %s\n%s\n%s",
           request->method, request->path, request->headers, request->body);
}

static void answer_all(void *user, const struct server_request *request,
                       struct server_answer *answer) {
  struct service *service = user;
  remember(service, request);
  if (atomic_fetch_sub(&service->failing, 1) > 0)
    server_reply(answer, 500, "", "{}");
  else
    server_reply(answer, service->status ? service->status : 200, "",
                 service->body);
}

static void expect_seen(const struct service *service, const char *what) {
  if (!strstr(service->seen, what))
    ck_abort_msg("the request lacks \"%s\":\n%s", what, service->seen);
}

static const char sts_answer[] =
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
    "<Credentials><SessionToken>TOK</SessionToken><SecretAccessKey>SEC"
    "</SecretAccessKey><Expiration>2037-01-02T03:04:05Z</Expiration>"
    "<AccessKeyId>ASIA1</AccessKeyId></Credentials>"
    "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

START_TEST(web_identity) {
  struct service service = {.body = sts_answer};
  struct http_server *server = server_start(answer_all, &service);
  kvsp_client *c;
  setenv("AWS_ENDPOINT_URL_STS", server_url(server), 1);
  set_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
  setenv("AWS_ROLE_ARN", "arn:aws:iam::123:role/cam", 1);
  expect_error(KVSP_ERR_CREDENTIALS, "token cannot be read");
  write_file("token", "eyJ.to+ken=\n");
  c = new_client(NULL);
  expect_found(c, "ASIA1/SEC/TOK web identity");
  expect_seen(&service, "POST /\n");
  expect_seen(&service, "Action=AssumeRoleWithWebIdentity&");
  expect_seen(&service, "&WebIdentityToken=eyJ.to%2Bken%3D");
  expect_seen(&service, "&RoleArn=arn%3Aaws%3Aiam%3A%3A123%3Arole%2Fcam&");
  ck_assert_ptr_null(strstr(service.seen, "Authorization"));
  /* The file is read anew. */
  write_file("token", "second");
  kvsp_credentials_renew(&c->chain);
  expect_found(c, "ASIA1/SEC/TOK web identity");
  expect_seen(&service, "&WebIdentityToken=second");
  kvsp_client_free(c);
  service.status = 403;
  service.body =
      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not "
      "authorized to perform sts</Message></Error></ErrorResponse>";
  expect_error(KVSP_ERR_SERVICE, "Not authorized to perform sts");
  unsetenv("AWS_ROLE_ARN");
  expect_error(KVSP_ERR_CREDENTIALS, "AWS_ROLE_ARN is not");
  server_stop(server);
}
END_TEST

START_TEST(web_identity_of_a_profile) {
  struct service service = {.body = sts_answer};
  struct http_server *server = server_start(answer_all, &service);
  char config[512];
  char path[256];
  path_in(path, sizeof path, "token");
  write_file("token", "t");
  snprintf(config, sizeof config,
           "[default]\nrole_arn = arn:r\nrole_session_name = me\n"
           "web_identity_token_file = %s\n",
           path);
  write_file("config", config);
  setenv("AWS_ENDPOINT_URL_STS", server_url(server), 1);
  expect("ASIA1/SEC/TOK profile");
  expect_seen(&service, "&RoleSessionName=me&");
  server_stop(server);
}
END_TEST

static const char json_answer[] =
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA2\",\"SecretAccessKey\":"
    "\"SEC\",\"Token\":\"TOK\",\"Expiration\":\"2037-01-02T03:04:05Z\"}";

START_TEST(container) {
  struct service service = {.body = json_answer};
  struct http_server *server = server_start(answer_all, &service);
  char url[128];
  snprintf(url, sizeof url, "%s/creds?id=1", server_url(server));
  setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
  expect("ASIA2/SEC/TOK container");
  expect_seen(&service, "GET /creds?id=1");
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "plain", 1);
  expect("ASIA2/SEC/TOK container");
  expect_seen(&service, "Authorization: plain");
  set_path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
  write_file("token", "from-file\n");
  expect("ASIA2/SEC/TOK container");
  expect_seen(&service, "Authorization: from-file");
  write_file("token", "two\r\nX-Evil: lines");
  expect_error(KVSP_ERR_CREDENTIALS, "several lines");
  remove_file("token");
  expect_error(KVSP_ERR_CREDENTIALS, "token cannot be read");
  unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  /* Three tries. */
  atomic_store(&service.requests, 0);
  atomic_store(&service.failing, 2);
  expect("ASIA2/SEC/TOK container");
  ck_assert_int_eq(atomic_load(&service.requests), 3);
  atomic_store(&service.requests, 0);
  atomic_store(&service.failing, 100);
  expect_error(KVSP_ERR_SERVICE, "");
  ck_assert_int_eq(atomic_load(&service.requests), 3);
  server_stop(server);
}
END_TEST

/* http to strangers would hand the keys to anybody on the way. */
START_TEST(container_hosts) {
  static const char *const bad[] = {"http://169.254.169.254/x",
                                    "http://example.com/x",
                                    "http://127.0.0.1.example.com/x",
                                    "http://169.254.170.2@evil.com/",
                                    "http://127.0.0.1:80\\@evil.com/",
                                    "http://169.254.170.2:80\\@evil.com/",
                                    "http://10.0.0.1/",
                                    "ftp://127.0.0.1/",
                                    "http://127.evil.com/"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i], 1);
    expect_error(KVSP_ERR_CREDENTIALS, "by http of this machine");
  }
  setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.com/", 1);
  expect_error(KVSP_ERR_CREDENTIALS, "CREDENTIALS_RELATIVE_URI");
}
END_TEST

static void answer_instance(void *user, const struct server_request *request,
                            struct server_answer *answer) {
  struct service *service = user;
  char token[64] = "";
  remember(service, request);
  server_header(request, "X-aws-ec2-metadata-token", token, sizeof token);
  if (atomic_fetch_sub(&service->failing, 1) > 0)
    server_reply(answer, 503, "", "");
  else if (strcmp(request->path, "/latest/api/token") == 0 &&
           strcmp(request->method, "PUT") == 0 &&
           server_header(request, "X-aws-ec2-metadata-token-ttl-seconds", token,
                         sizeof token) &&
           strcmp(token, "21600") == 0)
    server_reply(answer, 200, "", "IMDS-TOKEN");
  else if (strcmp(token, "IMDS-TOKEN") != 0)
    server_reply(answer, 401, "", "");
  else if (strcmp(request->path,
                  "/latest/meta-data/iam/security-credentials/") == 0)
    server_reply(answer, 200, "", "my-role\n");
  else if (strcmp(request->path,
                  "/latest/meta-data/iam/security-credentials/my-role") == 0)
    server_reply(answer, 200, "", service->body);
  else
    server_reply(answer, 404, "", "");
}

START_TEST(instance) {
  struct service service = {.body = json_answer};
  struct http_server *server = server_start(answer_instance, &service);
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_url(server), 1);
  expect_error(KVSP_ERR_CREDENTIALS, "no credentials");
  ck_assert_int_eq(atomic_load(&service.requests), 0);
  unsetenv("AWS_EC2_METADATA_DISABLED");
  expect("ASIA2/SEC/TOK instance");
  ck_assert_int_eq(atomic_load(&service.requests), 3);
  service.body = "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}";
  expect_error(KVSP_ERR_CREDENTIALS, "AssumeRoleUnauthorizedAccess");
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.com", 1);
  expect_error(KVSP_ERR_CREDENTIALS, "METADATA_SERVICE_ENDPOINT");
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT",
         "http://169.254.169.254:80\\@example.com", 1);
  expect_error(KVSP_ERR_CREDENTIALS, "METADATA_SERVICE_ENDPOINT");
  server_stop(server);
}
END_TEST

/* Who had keys from it once waits for it; who had none has no instance. */
START_TEST(instance_that_passes_out) {
  struct service service = {.body = json_answer};
  struct http_server *server = server_start(answer_instance, &service);
  kvsp_client *c;
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_url(server), 1);
  unsetenv("AWS_EC2_METADATA_DISABLED");
  atomic_store(&service.failing, 1);
  expect_error(KVSP_ERR_CREDENTIALS, "no credentials");
  c = new_client(NULL);
  expect_found(c, "ASIA2/SEC/TOK instance");
  kvsp_credentials_renew(&c->chain);
  atomic_store(&service.failing, 1);
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_SERVICE);
  ck_assert_int_eq(c->chain.fault.class, ERROR_RETRY);
  ck_assert_str_eq(kvsp_client_error(c)->operation, "instance metadata");
  expect_found(c, "ASIA2/SEC/TOK instance");
  kvsp_credentials_renew(&c->chain);
  server_stop(server);
  ck_assert_int_eq(kvsp_client_authenticate(c), KVSP_ERR_NETWORK);
  ck_assert_int_eq(c->chain.fault.class, ERROR_RETRY);
  kvsp_client_free(c);
}
END_TEST

/* ---- beside the streaming ------------------------------------------------ */

enum kind { KIND_PROCESS, KIND_CONTAINER, KIND_INSTANCE, KIND_COUNT };

/* Streams without end, and sources that answer when they are let. */
struct world {
  struct service service;
  struct http_server *server;
  enum kind kind;
  atomic_bool held;
  kvsp_client *client;
};

static void stream_endless(struct server_answer *answer) {
  struct bytes b = {0};
  bool there = true;
  server_begin(answer);
  for (unsigned number = 1000; there; number++) {
    struct build_fragment fragment = {.number = number};
    b.len = 0;
    build_fragment(&b, &fragment);
    there = server_chunk(answer, b.data, b.len);
  }
  bytes_free(&b);
}

/* A minute at most, and no longer than the server lives. */
static void hold_back(struct world *w, struct server_answer *answer) {
  for (int i = 0; i < 6000 && atomic_load(&w->held); i++)
    server_sleep(answer, 10);
}

static void answer_world(void *user, const struct server_request *request,
                         struct server_answer *answer) {
  struct world *w = user;
  char body[256];
  snprintf(body, sizeof body, "{\"DataEndpoint\":\"%s\"}",
           server_url(w->server));
  if (strcmp(request->path, "/getDataEndpoint") == 0) {
    server_reply(answer, 200, "", body);
  } else if (strcmp(request->path, "/getMedia") == 0) {
    stream_endless(answer);
  } else if (w->kind == KIND_CONTAINER) {
    hold_back(w, answer);
    answer_all(&w->service, request, answer);
  } else {
    hold_back(w, answer);
    answer_instance(&w->service, request, answer);
  }
}

/* Its program waits for the file "go". */
static void write_patient_program(void) {
  char script[1024];
  snprintf(script, sizeof script,
           "#!/bin/sh\nuntil [ -e '%s/go' ]; do sleep 0.02; done\n"
           "echo '{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":"
           "\"Q\",\"Expiration\":\"2037-01-02T03:04:05Z\"}'\n",
           folder);
  write_program(script);
}

static void hold(struct world *w) {
  remove_file("go");
  atomic_store(&w->held, true);
}

static void let_go(struct world *w) {
  write_file("go", "");
  atomic_store(&w->held, false);
}

static void set_source(struct world *w) {
  char url[128];
  snprintf(url, sizeof url, "%s/creds", server_url(w->server));
  switch (w->kind) {
    case KIND_PROCESS: write_patient_program(); break;
    case KIND_CONTAINER:
      setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
      break;
    default:
      setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_url(w->server), 1);
      setenv("AWS_METADATA_SERVICE_TIMEOUT", "60", 1);
      unsetenv("AWS_EC2_METADATA_DISABLED");
  }
}

static void begin_world(struct world *w, int kind) {
  kvsp_client_config config = {.struct_size = sizeof config};
  memset(w, 0, sizeof *w);
  w->kind = (enum kind)kind;
  w->service.body = json_answer;
  w->server = server_start(answer_world, w);
  set_source(w);
  let_go(w);
  config.region = "us-west-2";
  config.endpoint_url = server_url(w->server);
  config.seed = 42;
  ck_assert_int_eq(kvsp_client_new(&w->client, &config), KVSP_OK);
}

static void end_world(struct world *w) {
  kvsp_client_free(w->client);
  server_stop(w->server);
}

static kvsp_media *open_media(struct world *w, const char *stream,
                              uint32_t max_attempts) {
  kvsp_media_config config = {.struct_size = sizeof config};
  kvsp_media *media = NULL;
  config.stream = stream;
  config.max_attempts = max_attempts;
  ck_assert_int_eq(kvsp_media_new(&media, w->client, &config), KVSP_OK);
  return media;
}

/* Hands out what there is, until that reader has had so many pieces. */
static void pull(struct world *w, const kvsp_media *of, unsigned count) {
  while (count > 0) {
    kvsp_media *ready = NULL;
    const kvsp_piece *piece;
    ck_assert_int_eq(kvsp_client_wait(w->client, 20000, &ready), KVSP_OK);
    ck_assert_int_eq(kvsp_media_next(ready, 0, &piece), KVSP_OK);
    if (ready == of) count--;
  }
}

static void let_expire(struct world *w, int64_t left_ms) {
  struct credential_chain *chain = &w->client->chain;
  chain->current.expires_ms = kvsp_clock_wall_ms() + left_ms;
  chain->trusted_ms = 0;
  chain->next_try_ms = 0;
}

/* The keys are over: who has a session does not care, who wants one waits. */
START_TEST(streams_while_a_source_is_slow) {
  struct world w;
  kvsp_media *door;
  kvsp_media *yard;
  begin_world(&w, _i);
  door = open_media(&w, "door", 0);
  pull(&w, door, 3);
  hold(&w);
  let_expire(&w, -1000);
  yard = open_media(&w, "yard", 1);
  while (kvsp_media_get_state(yard) == 0) pull(&w, door, 1);
  pull(&w, door, 50);
  ck_assert_uint_eq(kvsp_media_get_state(yard), KVSP_STATE_CONNECTING);
  ck_assert_uint_eq(w.client->chain.fetched, 1);
  let_go(&w);
  pull(&w, yard, 3);
  ck_assert_uint_eq(w.client->chain.fetched, 2);
  kvsp_media_free(door);
  kvsp_media_free(yard);
  end_world(&w);
}
END_TEST

/* No call is made meanwhile: new keys come before they are needed. */
START_TEST(renewed_beside_the_streaming) {
  struct world w;
  kvsp_media *door;
  begin_world(&w, _i);
  door = open_media(&w, "door", 0);
  pull(&w, door, 3);
  hold(&w);
  let_expire(&w, 14 * 60000);
  while (!w.client->chain.searching) pull(&w, door, 1);
  pull(&w, door, 50);
  ck_assert(w.client->chain.searching);
  ck_assert_uint_eq(w.client->chain.fetched, 1);
  let_go(&w);
  while (w.client->chain.fetched < 2) pull(&w, door, 1);
  kvsp_media_free(door);
  end_world(&w);
}
END_TEST

START_TEST(one_search_serves_all) {
  struct world w;
  kvsp_media *readers[8];
  char name[32];
  begin_world(&w, KIND_CONTAINER);
  hold(&w);
  for (unsigned i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "stream-%u", i);
    readers[i] = open_media(&w, name, 1);
  }
  ck_assert_int_eq(kvsp_client_wait(w.client, 50, NULL), KVSP_NEED_INPUT);
  let_go(&w);
  for (unsigned i = 0; i < 8; i++) pull(&w, readers[i], 1);
  ck_assert_int_eq(atomic_load(&w.service.requests), 1);
  for (unsigned i = 0; i < 8; i++) kvsp_media_free(readers[i]);
  end_world(&w);
}
END_TEST

static void expect_interrupted(struct world *w, int (*wait)(struct world *)) {
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, w->client), 0);
  ck_assert_int_eq(wait(w), KVSP_INTERRUPTED);
  pthread_join(thread, NULL);
  ck_assert_int_eq(kvsp_client_wait(w->client, 0, NULL), KVSP_NEED_INPUT);
}

static int authenticate(struct world *w) {
  return kvsp_client_authenticate(w->client);
}

static int list(struct world *w) {
  kvsp_archive_config config = {.struct_size = sizeof config};
  kvsp_archive *archive = NULL;
  int rc;
  config.stream = "door";
  config.to_ns = 1000000000;
  rc = kvsp_archive_list(&archive, w->client, &config);
  kvsp_archive_free(archive);
  return rc;
}

static int fetch(struct world *w) {
  static const char *const numbers[] = {"1"};
  kvsp_archive_media_config config = {.struct_size = sizeof config};
  kvsp_archive_media *media = NULL;
  const kvsp_piece *piece;
  int rc;
  config.stream = "door";
  config.numbers = numbers;
  config.count = 1;
  config.max_attempts = 2;
  ck_assert_int_eq(kvsp_archive_media_new(&media, w->client, &config), KVSP_OK);
  ck_assert_int_eq(kvsp_archive_media_next(media, 0, &piece), KVSP_NEED_INPUT);
  rc = kvsp_archive_media_next(media, -1, &piece);
  kvsp_archive_media_free(media);
  return rc;
}

static int next_of_reader(struct world *w) {
  kvsp_media *media = open_media(w, "door", 0);
  const kvsp_piece *piece;
  int rc = kvsp_media_next(media, -1, &piece);
  kvsp_media_free(media);
  return rc;
}

/* An interrupt ends the call that waits, that one only; the search goes on. */
START_TEST(interrupted_while_a_source_is_slow) {
  struct world w;
  begin_world(&w, _i);
  hold(&w);
  expect_interrupted(&w, authenticate);
  expect_interrupted(&w, list);
  expect_interrupted(&w, fetch);
  expect_interrupted(&w, next_of_reader);
  ck_assert_int_eq(kvsp_client_interrupt(w.client), KVSP_OK);
  ck_assert_int_eq(list(&w), KVSP_INTERRUPTED);
  let_go(&w);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_OK);
  ck_assert_uint_eq(w.client->chain.fetched, 1);
  end_world(&w);
}
END_TEST

/* Nobody waits for it any more: it is ended, not left behind. */
START_TEST(freed_while_a_source_is_slow) {
  struct world w;
  kvsp_media *door;
  begin_world(&w, _i);
  hold(&w);
  door = open_media(&w, "door", 0);
  ck_assert_int_eq(kvsp_client_wait(w.client, 50, NULL), KVSP_NEED_INPUT);
  ck_assert(w.client->chain.searching);
  kvsp_media_free(door);
  end_world(&w);
}
END_TEST

/* Who looks in once in a while gets them all the same, although each request
 * then takes longer than its timeout. */
START_TEST(loop_is_turned_seldom) {
  struct world w;
  kvsp_media *door;
  begin_world(&w, KIND_INSTANCE);
  setenv("AWS_METADATA_SERVICE_TIMEOUT", "1", 1);
  door = open_media(&w, "door", 1);
  while (w.client->chain.searches == 0) {
    ck_assert_int_eq(kvsp_client_wait(w.client, 0, NULL), KVSP_NEED_INPUT);
    nanosleep(&(struct timespec){1, 100000000}, NULL);
  }
  ck_assert_int_eq(w.client->chain.status, KVSP_OK);
  ck_assert_uint_eq(w.client->chain.fetched, 1);
  kvsp_media_free(door);
  end_world(&w);
}
END_TEST

/* But whom nobody answers gives up. */
START_TEST(does_not_answer) {
  struct world w;
  begin_world(&w, KIND_INSTANCE);
  setenv("AWS_METADATA_SERVICE_TIMEOUT", "1", 1);
  hold(&w);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_ERR_CREDENTIALS);
  let_go(&w);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_OK);
  kvsp_credentials_renew(&w.client->chain);
  hold(&w);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_ERR_NETWORK);
  ck_assert_int_eq(w.client->chain.fault.class, ERROR_RETRY);
  end_world(&w);
}
END_TEST

static void fail_from_now_on(struct world *w) {
  if (w->kind == KIND_PROCESS)
    write_program("#!/bin/sh\nexit 3\n");
  else
    atomic_store(&w->service.failing, 1000000);
}

static void heal(struct world *w) {
  if (w->kind == KIND_PROCESS) write_patient_program();
  atomic_store(&w->service.failing, 0);
}

/* As long as keys are good, it does not matter that there are no newer ones. */
START_TEST(refresh_fails) {
  struct world w;
  kvsp_media *door;
  kvsp_media *yard;
  begin_world(&w, _i);
  door = open_media(&w, "door", 1);
  pull(&w, door, 3);
  fail_from_now_on(&w);
  let_expire(&w, 5 * 60000);
  while (w.client->chain.searches < 2) pull(&w, door, 1);
  ck_assert_uint_eq(w.client->chain.failures, 1);
  ck_assert_int_gt(w.client->chain.next_try_ms, kvsp_clock_ms());
  yard = open_media(&w, "yard", 1);
  pull(&w, yard, 3);
  ck_assert_uint_eq(w.client->chain.fetched, 1);
  ck_assert_uint_eq(w.client->chain.searches, 2);
  kvsp_media_free(door);
  kvsp_media_free(yard);
  end_world(&w);
}
END_TEST

/* Then it is tried again, as any call that failed. */
START_TEST(fails_after_the_end) {
  struct world w;
  kvsp_media *door;
  kvsp_media *yard;
  const kvsp_piece *piece;
  int status = _i == KIND_PROCESS ? KVSP_ERR_CREDENTIALS : KVSP_ERR_SERVICE;
  begin_world(&w, _i);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_OK);
  fail_from_now_on(&w);
  let_expire(&w, -1000);
  door = open_media(&w, "door", 3);
  yard = open_media(&w, "yard", 0);
  ck_assert_int_eq(kvsp_media_next(door, 20000, &piece), status);
  ck_assert_uint_ge(w.client->chain.failures, 3);
  ck_assert_uint_eq(kvsp_media_get_state(yard), KVSP_STATE_RETRYING);
  ck_assert_int_eq(kvsp_media_error(yard)->status, status);
  heal(&w);
  pull(&w, yard, 3);
  kvsp_media_free(door);
  kvsp_media_free(yard);
  end_world(&w);
}
END_TEST

/* The archive's calls are made again likewise. */
START_TEST(archive_fails_after_the_end) {
  struct world w;
  begin_world(&w, KIND_CONTAINER);
  atomic_store(&w.service.failing, 4);
  ck_assert_int_eq(list(&w), KVSP_OK);
  ck_assert_uint_eq(w.client->chain.searches, 2);
  let_expire(&w, -1000);
  fail_from_now_on(&w);
  ck_assert_int_eq(fetch(&w), KVSP_ERR_SERVICE);
  ck_assert_uint_eq(w.client->chain.failures, 2);
  end_world(&w);
}
END_TEST

/* What nobody mends by waiting ends a reader, with what there is to mend. */
START_TEST(does_not_heal) {
  static const char *const configs[] = {
      "[default]\ncredential_process = echo 'a\n",
      "[default]\nsso_session = corp\n", ""};
  static const char *const messages[] = {"no command line", "logs in by SSO",
                                         "no credentials"};
  struct world w;
  kvsp_media *door;
  const kvsp_piece *piece;
  begin_world(&w, KIND_PROCESS);
  ck_assert_int_eq(kvsp_client_authenticate(w.client), KVSP_OK);
  write_file("config", configs[_i]);
  let_expire(&w, -1000);
  door = open_media(&w, "door", 0);
  ck_assert_int_eq(kvsp_media_next(door, 20000, &piece),
                   _i == 1 ? KVSP_ERR_UNSUPPORTED : KVSP_ERR_CREDENTIALS);
  ck_assert_ptr_nonnull(strstr(kvsp_media_error(door)->message, messages[_i]));
  ck_assert_uint_eq(w.client->chain.failures, 1);
  kvsp_media_free(door);
  end_world(&w);
}
END_TEST

/* ---- what a program is given --------------------------------------------- */

static void read_seen(char *out, size_t size) {
  char path[256];
  FILE *file;
  size_t len;
  path_in(path, sizeof path, "seen");
  file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  len = fread(out, 1, size - 1, file);
  out[len] = '\0';
  fclose(file);
}

static void write_looking_program(const char *look) {
  char script[1024];
  snprintf(script, sizeof script,
           "#!/bin/sh\n{ %s\n} >'%s/seen' 2>/dev/null\n"
           "echo '{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":"
           "\"Q\"}'\n",
           look, folder);
  write_program(script);
}

/* A closed pipe ends it. */
START_TEST(process_does_not_ignore_sigpipe) {
  char seen[256];
  signal(SIGPIPE, SIG_IGN);
  write_looking_program(
      "sh -c 'kill -PIPE $$; echo it is ignored'\necho that is all");
  expect("P/Q/- profile");
  signal(SIGPIPE, SIG_DFL);
  read_seen(seen, sizeof seen);
  ck_assert_str_eq(seen, "that is all\n");
}
END_TEST

/* No shell in between, which would have unblocked it. */
START_TEST(process_has_no_blocked_signals) {
  sigset_t blocked;
  sigset_t before;
  if (access("/proc/self/status", R_OK) != 0) return;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
  write_file("config",
             "[default]\ncredential_process = awk '/^SigBlk:/ {print "
             "\"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"\" $2 \"\\\","
             "\\\"SecretAccessKey\\\":\\\"Q\\\"}\"}' /proc/self/status\n");
  expect("0000000000000000/Q/- profile");
  ck_assert_int_eq(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}
END_TEST

static bool leads_to(int fd, const struct http_server *server) {
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  const char *port = strrchr(server_url(server), ':') + 1;
  memset(&peer, 0, sizeof peer);
  return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
         peer.sin_family == AF_INET &&
         ntohs(peer.sin_port) == strtoul(port, NULL, 10);
}

/* Connections are ours alone, whoever runs programs meanwhile. */
START_TEST(connections_are_closed_on_exec) {
  struct world w;
  kvsp_media *door;
  unsigned connections = 0;
  begin_world(&w, KIND_PROCESS);
  door = open_media(&w, "door", 0);
  pull(&w, door, 3);
  for (int fd = 0; fd < 256; fd++) {
    if (!leads_to(fd, w.server)) continue;
    connections++;
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  ck_assert_uint_gt(connections, 0);
  kvsp_media_free(door);
  end_world(&w);
}
END_TEST

#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
START_TEST(process_has_no_other_files) {
  char seen[256];
  int extra = fcntl(STDOUT_FILENO, F_DUPFD, 57);
  ck_assert_int_eq(extra, 57);
  write_looking_program("ls /dev/fd/0 /dev/fd/57");
  expect("P/Q/- profile");
  close(extra);
  read_seen(seen, sizeof seen);
  ck_assert_str_eq(seen, "/dev/fd/0\n");
}
END_TEST
#endif

/* ---- wiping -------------------------------------------------------------- */

/* Memory that still holds a secret when it is given back ends the test. */
static struct test_allocator counting;
static size_t looked_at;

static void look_for_secret(void *user, void *ptr, size_t size) {
  static const char *const secrets[] = {"VERY-SECRET", "VERY-TOKEN"};
  const char *bytes = ptr;
  looked_at++;
  for (size_t s = 0; s < 2; s++)
    for (size_t i = 0; i + strlen(secrets[s]) <= size; i++)
      if (memcmp(bytes + i, secrets[s], strlen(secrets[s])) == 0)
        ck_abort_msg("%zu bytes are given back with a secret in them", size);
  counting.allocator.release(user, ptr, size);
}

static void expect_wiped(const char *expected) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  kvsp_allocator allocator;
  test_allocator_init(&counting);
  allocator = counting.allocator;
  allocator.release = look_for_secret;
  config.allocator = &allocator;
  config.region = "us-west-2";
  looked_at = 0;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_OK);
  expect_found(c, expected);
  kvsp_credentials_renew(&c->chain);
  expect_found(c, expected);
  kvsp_client_free(c);
  ck_assert_uint_gt(looked_at, 10);
  ck_assert_uint_eq(counting.live_blocks, 0);
}

START_TEST(wiped_after_use) {
  write_file("credentials",
             "[default]\naws_access_key_id = AKIDW\n"
             "aws_secret_access_key = VERY-SECRET-1\n"
             "aws_session_token = VERY-TOKEN-2\n");
  expect_wiped("AKIDW/VERY-SECRET-1/VERY-TOKEN-2 profile");
  remove_file("credentials");
  write_program(
      "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"AKIDW\","
      "\"SecretAccessKey\":\"VERY-SECRET-1\",\"SessionToken\":"
      "\"VERY-TOKEN-2\"}'\n");
  expect_wiped("AKIDW/VERY-SECRET-1/VERY-TOKEN-2 profile");
}
END_TEST

START_TEST(wiped_after_an_answer) {
  static const char *const expected[] = {
      [KIND_CONTAINER] = "AKIDW/VERY-SECRET-1/VERY-TOKEN-2 container",
      [KIND_INSTANCE] = "AKIDW/VERY-SECRET-1/VERY-TOKEN-2 instance"};
  struct world w;
  begin_world(&w, _i);
  w.service.body =
      "{\"AccessKeyId\":\"AKIDW\",\"SecretAccessKey\":\"VERY-SECRET-1\","
      "\"Token\":\"VERY-TOKEN-2\"}";
  expect_wiped(expected[_i]);
  end_world(&w);
}
END_TEST

/* How many allocations a client and its keys took. */
static size_t fail_each_allocation(const char *endpoint_url) {
  bool failed = true;
  size_t at = 0;
  for (; failed; at++) {
    kvsp_client_config config = {.struct_size = sizeof config};
    struct test_allocator a;
    kvsp_client *c = NULL;
    int rc;
    test_allocator_init(&a);
    test_allocator_fail_after(&a, at);
    config.allocator = &a.allocator;
    config.region = "us-west-2";
    config.endpoint_url = endpoint_url;
    rc = kvsp_client_new(&c, &config);
    if (rc == KVSP_OK) rc = kvsp_client_authenticate(c);
    failed = a.failures > 0;
    ck_assert_int_eq(rc, failed ? KVSP_ERR_NOMEM : KVSP_OK);
    kvsp_client_free(c);
    ck_assert_uint_eq(a.live_blocks, 0);
  }
  return at;
}

START_TEST(every_allocation_fails) {
  write_file("credentials", two_profiles);
  ck_assert_uint_gt(fail_each_allocation(NULL), 10);
}
END_TEST

START_TEST(every_allocation_of_a_source_fails) {
  struct world w;
  begin_world(&w, _i);
  ck_assert_uint_gt(fail_each_allocation(server_url(w.server)), 10);
  end_world(&w);
}
END_TEST

/* ---- settings ------------------------------------------------------------ */

START_TEST(settings) {
  kvsp_client_config config = {.struct_size = sizeof config};
  kvsp_client *c = NULL;
  setenv("AWS_DEFAULT_REGION", "ap-south-1", 1);
  ck_assert_int_eq(kvsp_client_new(&c, NULL), KVSP_OK);
  ck_assert_str_eq(kvsp_client_region(c), "ap-south-1");
  kvsp_client_free(c);
  setenv("AWS_REGION", "eu-west-1", 1);
  ck_assert_int_eq(kvsp_client_new(&c, NULL), KVSP_OK);
  ck_assert_str_eq(kvsp_client_region(c), "eu-west-1");
  kvsp_client_free(c);
  config.region = "evil.com/";
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_ERR_ARG);
  config.region = "us-east-1";
  config.endpoint_url = "http://example.com";
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_ERR_ARG);
  config.endpoint_url = "https://example.com";
  config.flags = KVSP_CLIENT_FIPS;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_ERR_ARG);
  config.flags = 0;
  config.user_agent = "a\r\nb";
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_ERR_ARG);
  config.user_agent = NULL;
  config.struct_size = 3;
  ck_assert_int_eq(kvsp_client_new(&c, &config), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_client_new(NULL, NULL), KVSP_ERR_ARG);
  kvsp_client_free(NULL);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("credentials");
  TCase *all = tcase_create("all");
  tcase_add_checked_fixture(all, setup, teardown);
  tcase_set_timeout(all, 60);
  tcase_add_test(all, callback_comes_first);
  tcase_add_test(all, callback_fails);
  tcase_add_test(all, renewed_before_they_expire);
  tcase_add_test(all, old_ones_serve_for_a_while);
  tcase_add_test(all, environment);
  tcase_add_test(all, nothing_anywhere);
  tcase_add_test(all, environment_ignored);
  tcase_add_test(all, profile_keys);
  tcase_add_test(all, profile_in_config);
  tcase_add_test(all, profile_unsupported);
  tcase_add_test(all, process);
  tcase_add_loop_test(all, process_interrupted, 0, 2);
  tcase_add_test(all, web_identity);
  tcase_add_test(all, web_identity_of_a_profile);
  tcase_add_test(all, container);
  tcase_add_test(all, container_hosts);
  tcase_add_test(all, instance);
  tcase_add_test(all, instance_that_passes_out);
  tcase_add_loop_test(all, streams_while_a_source_is_slow, 0, KIND_COUNT);
  tcase_add_loop_test(all, renewed_beside_the_streaming, 0, KIND_COUNT);
  tcase_add_test(all, one_search_serves_all);
  tcase_add_loop_test(all, interrupted_while_a_source_is_slow, 0, KIND_COUNT);
  tcase_add_loop_test(all, freed_while_a_source_is_slow, 0, KIND_COUNT);
  tcase_add_loop_test(all, refresh_fails, 0, KIND_COUNT);
  tcase_add_loop_test(all, fails_after_the_end, 0, KIND_COUNT);
  tcase_add_test(all, loop_is_turned_seldom);
  tcase_add_test(all, does_not_answer);
  tcase_add_test(all, archive_fails_after_the_end);
  tcase_add_loop_test(all, does_not_heal, 0, 3);
  tcase_add_test(all, process_does_not_ignore_sigpipe);
  tcase_add_test(all, process_has_no_blocked_signals);
  tcase_add_test(all, connections_are_closed_on_exec);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
  tcase_add_test(all, process_has_no_other_files);
#endif
  tcase_add_test(all, wiped_after_use);
  tcase_add_loop_test(all, wiped_after_an_answer, KIND_CONTAINER, KIND_COUNT);
  tcase_add_test(all, every_allocation_fails);
  tcase_add_loop_test(all, every_allocation_of_a_source_fails, 0, KIND_COUNT);
  tcase_add_test(all, settings);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
