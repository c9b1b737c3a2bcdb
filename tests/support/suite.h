/*
 * suite.h - what main() of each suite ends with.  Knows Check.
 */
#ifndef KVSP_TESTS_SUITE_H
#define KVSP_TESTS_SUITE_H

#include <check.h>

/* Runs it as the environment says (CK_RUN_CASE...), frees it; main's status. */
int run_suite(Suite *suite);

#endif
