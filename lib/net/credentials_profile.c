/*
 * credentials_profile.c - a profile in the files that AWS's tools share:
 * ~/.aws/credentials, whose keys win, and ~/.aws/config.
 */
#include <string.h>

#include "credentials.h"
#include "ini.h"

#define FILE_MAX ((size_t)4 << 20)

struct profile {
  struct credential_chain *chain;
  const char *name;
  bool named; /* by the caller or by AWS_PROFILE: it has to be there       */
  struct text keys; /* the file of credentials                           */
  struct text config;
};

static int read_one(struct credential_chain *chain, const char *variable,
                    const char *in_home, struct text *out) {
  const struct environment *e = &chain->environment;
  const char *path = kvsp_environment_get(e, variable);
  const char *home = kvsp_environment_get(e, "HOME");
  struct text built;
  int rc;
  if (path) {
    rc = kvsp_credentials_read_file(path, out);
    return rc == KVSP_ERR_FILE ? KVSP_OK : rc;
  }
  if (!home) return KVSP_OK;
  kvsp_text_init(&built, chain->allocator, 4096);
  rc = kvsp_text_add(&built, home);
  if (rc == KVSP_OK) rc = kvsp_text_add(&built, in_home);
  if (rc == KVSP_OK)
    rc = kvsp_credentials_read_file(kvsp_text_string(&built), out);
  kvsp_text_clear(&built);
  return rc == KVSP_ERR_FILE ? KVSP_OK : rc;
}

static void close_profile(struct profile *p) {
  kvsp_text_clear(&p->keys);
  kvsp_text_clear(&p->config);
}

static int open_profile(struct profile *p, struct credential_chain *chain) {
  const char *named = kvsp_environment_get(&chain->environment, "AWS_PROFILE");
  int rc;
  memset(p, 0, sizeof *p);
  p->chain = chain;
  p->named = chain->profile || named;
  p->name = chain->profile ? chain->profile : named ? named : "default";
  kvsp_text_init(&p->keys, chain->allocator, FILE_MAX);
  kvsp_text_init(&p->config, chain->allocator, FILE_MAX);
  if (chain->environment.ignored) return KVSP_OK;
  rc = read_one(chain, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials",
                &p->keys);
  if (rc == KVSP_OK)
    rc = read_one(chain, "AWS_CONFIG_FILE", "/.aws/config", &p->config);
  if (rc != KVSP_OK) close_profile(p);
  return rc;
}

/* "[default]" may also be written "[profile default]". */
static int from_config(const struct profile *p, const char *key,
                       struct text *out) {
  const char *config = kvsp_text_string(&p->config);
  int rc = kvsp_ini_get(config, "profile", p->name, key, out);
  if (rc == 0 && strcmp(p->name, "default") == 0)
    rc = kvsp_ini_get(config, NULL, p->name, key, out);
  return rc;
}

static int get(const struct profile *p, const char *key, struct text *out) {
  int rc = kvsp_ini_get(kvsp_text_string(&p->keys), NULL, p->name, key, out);
  return rc == 0 ? from_config(p, key, out) : rc;
}

enum profile_key {
  HAS_ROLE,
  HAS_WEB_IDENTITY,
  HAS_KEY,
  HAS_SECRET,
  HAS_PROCESS,
  HAS_SSO_SESSION,
  HAS_SSO_URL,
  HAS_LOGIN,
  HAS_COUNT
};

/* Bits 1 << HAS_*: which of the keys are there. */
static int look_for_keys(const struct profile *p, unsigned *has) {
  static const char *const names[HAS_COUNT] = {
      "role_arn",           "web_identity_token_file",
      "aws_access_key_id",  "aws_secret_access_key",
      "credential_process", "sso_session",
      "sso_start_url",      "login_session"};
  int rc = 0;
  *has = 0;
  for (unsigned i = 0; i < HAS_COUNT && rc >= 0; i++) {
    struct text value;
    kvsp_text_init(&value, p->chain->allocator, FILE_MAX);
    rc = get(p, names[i], &value);
    if (rc == 1) *has |= 1u << i;
    kvsp_text_clear(&value);
  }
  return rc < 0 ? rc : KVSP_OK;
}

static bool is_there(const struct profile *p) {
  const char *config = kvsp_text_string(&p->config);
  return kvsp_ini_has_section(kvsp_text_string(&p->keys), NULL, p->name) ||
         kvsp_ini_has_section(config, "profile", p->name) ||
         (strcmp(p->name, "default") == 0 &&
          kvsp_ini_has_section(config, NULL, p->name));
}

/* The three values of one use: static keys, or a web identity. */
static int with_three(const struct profile *p, const char *const *names,
                      struct text *values) {
  int rc = 0;
  for (size_t i = 0; i < 3; i++)
    kvsp_text_init(&values[i], p->chain->allocator, FILE_MAX);
  for (size_t i = 0; i < 3 && rc >= 0; i++) rc = get(p, names[i], &values[i]);
  return rc < 0 ? rc : KVSP_OK;
}

static int static_keys(const struct profile *p, struct credentials *out) {
  static const char *const names[] = {
      "aws_access_key_id", "aws_secret_access_key", "aws_session_token"};
  struct text values[3];
  int rc = with_three(p, names, values);
  if (rc == KVSP_OK)
    rc = kvsp_credentials_set(p->chain, out, kvsp_text_string(&values[0]),
                              kvsp_text_string(&values[1]),
                              kvsp_text_string(&values[2]), NULL);
  for (size_t i = 0; i < 3; i++) kvsp_text_clear(&values[i]);
  return rc;
}

static int web_identity(const struct profile *p) {
  static const char *const names[] = {"web_identity_token_file", "role_arn",
                                      "role_session_name"};
  struct text values[3];
  int rc = with_three(p, names, values);
  if (rc == KVSP_OK)
    rc = kvsp_credentials_assume(
        p->chain, kvsp_text_string(&values[0]), kvsp_text_string(&values[1]),
        values[2].len > 0 ? kvsp_text_string(&values[2]) : NULL);
  for (size_t i = 0; i < 3; i++) kvsp_text_clear(&values[i]);
  return rc;
}

static int process(const struct profile *p) {
  struct text command;
  int rc;
  kvsp_text_init(&command, p->chain->allocator, FILE_MAX);
  rc = get(p, "credential_process", &command);
  if (rc == 1) rc = kvsp_credentials_run(p->chain, kvsp_text_string(&command));
  kvsp_text_clear(&command);
  return rc;
}

static int unsupported(const struct profile *p, const char *what) {
  return kvsp_credentials_fail(
      p->chain, KVSP_ERR_UNSUPPORTED,
      "profile \"%s\" %s, which is not supported here; a profile with "
      "\"credential_process = aws configure export-credentials --profile "
      "%s\" does it with AWS's own program",
      p->name, what, p->name);
}

static int look_into(const struct profile *p, struct credentials *out) {
  unsigned has;
  int rc = look_for_keys(p, &has);
  if (rc != KVSP_OK) return rc;
  if ((has & 1u << HAS_ROLE) && (has & 1u << HAS_WEB_IDENTITY))
    return web_identity(p);
  if (has & 1u << HAS_ROLE) return unsupported(p, "assumes a role");
  if (has & (1u << HAS_KEY | 1u << HAS_SECRET)) return static_keys(p, out);
  if (has & 1u << HAS_PROCESS) return process(p);
  if (has & (1u << HAS_SSO_SESSION | 1u << HAS_SSO_URL))
    return unsupported(p, "logs in by SSO");
  if (has & 1u << HAS_LOGIN) return unsupported(p, "logs in by a browser");
  return CREDENTIALS_NOT_HERE;
}

int kvsp_credentials_from_profile(struct credential_chain *chain,
                                  struct credentials *out) {
  struct profile p;
  int rc = open_profile(&p, chain);
  if (rc != KVSP_OK) return rc;
  if (is_there(&p))
    rc = look_into(&p, out);
  else if (p.named)
    rc = kvsp_credentials_fail(chain, KVSP_ERR_CREDENTIALS,
                               "there is no profile \"%s\"", p.name);
  else
    rc = CREDENTIALS_NOT_HERE;
  close_profile(&p);
  return rc;
}

int kvsp_profile_region(struct credential_chain *chain, struct text *out) {
  struct profile p;
  int rc = open_profile(&p, chain);
  if (rc != KVSP_OK) return rc;
  rc = from_config(&p, "region", out);
  if (rc == 0) rc = get(&p, "region", out);
  close_profile(&p);
  return rc;
}
