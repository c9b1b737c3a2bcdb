#!/bin/sh
# Runs one Check suite for `make check`: what became of each case goes, as
# TAP, into a file beside it, where count.sh finds it.  A run that crashes
# leaves its mark in Automake's own .trs file.
tap=$1.tap
rm -f "$tap"
CK_TAP_LOG_FILE_NAME=$tap
export CK_TAP_LOG_FILE_NAME
exec "$@"
