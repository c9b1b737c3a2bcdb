#!/bin/sh
# make bench-net works: a few streams, all at once and at their pace, by the
# library and by libcurl alone.  The figures are for RESULTS.md, not for here.
. "${top_srcdir:=.}/tests/net/common.sh"
need_endpoint
. "$top_srcdir/tests/tools/common.sh"

figures() {
  (cd "$top_builddir" && "$python" "$top_srcdir/tests/bench/net.py" \
    --streams 7 --fragments 3 --seconds 2 --rounds 1) >out 2>err
  status=$?
  exited 0
}
ok 'it runs' figures
ok 'all bytes of all streams came' has '^All at once, 2.1 MB:$'
rows() { # NAME: in both tables, with delays that make sense
  [ "$(grep -c "^| $1 " out)" -eq 2 ] || { cat out; return 1; }
  grep "^| $1 " out | awk -F '|' 'NR == 2 {
    if ($3 < 7 || $4 > 60000 || $5 > 60000) { print; exit 1 } }'
}
ok 'the library' rows libkvsparse-net
ok 'libcurl alone' rows 'libcurl alone'
finish
