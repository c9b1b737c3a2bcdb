#!/bin/sh
# Each public header compiles alone, as C99 and as C++11, without a warning.
: "${top_srcdir:=.}" "${CC:=cc}"
flags="-Wall -Wextra -Wpedantic -Werror -fsyntax-only -I$top_srcdir/include"
n=0
status=0

# try NAME COMMAND...: one line of TAP
try() {
  name=$1
  shift
  n=$((n + 1))
  if "$@" 2>&1; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    status=1
  fi
}

for header in "$top_srcdir"/include/kvsparse/*.h; do
  header=kvsparse/${header##*/}
  printf '#include <%s>\ntypedef int not_empty;\n' "$header" >"header_$$.c"
  # shellcheck disable=SC2086
  try "$header is C99" $CC -std=c99 $flags "header_$$.c"
  if [ -n "$CXX" ]; then
    # shellcheck disable=SC2086
    try "$header is C++11" $CXX -std=c++11 $flags -x c++ "header_$$.c"
  else
    n=$((n + 1))
    echo "ok $n - $header is C++11 # SKIP no C++ compiler"
  fi
done
rm -f "header_$$.c"
echo "1..$n"
exit $status
