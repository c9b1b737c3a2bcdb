#!/bin/sh
# The endpoint's tests, which wait more than they work, beside the package's.
suite=endpoint exec sh "${top_srcdir:-.}/bindings/python/tests/python.sh"
