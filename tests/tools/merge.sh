#!/bin/sh
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
finish
