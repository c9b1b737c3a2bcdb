#!/bin/sh
# The endpoint's tests, which wait more than they work, beside the package's.
# shellcheck disable=SC2034 # python.sh reads it
suite=endpoint
. "${top_srcdir:-.}/bindings/python/tests/python.sh"
