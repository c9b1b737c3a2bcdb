#!/bin/sh
# Small fragments through an endpoint that breaks by chance, to a program that
# is killed again and again: soak.py.  KVSPARSE_LONG=1 takes 10000 fragments
# and 50 kills, some minutes.
. "${top_srcdir:=.}/tests/net/common.sh"
need_endpoint
folder=soak_$$
mkdir "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT
seed=${KVSPARSE_SEED:-1}
if [ -n "${KVSPARSE_LONG:-}" ]; then
  set -- 10000 50
else
  set -- 400 6
fi
"$python" "$top_srcdir/tests/net/soak.py" "$KVSPARSE" "$folder" "$@" "$seed"
