#!/bin/sh
# sub_build.sh check-NAME: configures the project once more, in checks/NAME,
# with what NAME stands for, and runs its suites there.  What is there from
# the last time is used again.  Ends with "N passed, N failed"; status 1 when
# something failed, 77 when a tool is missing that this needs.
: "${top_srcdir:=.}" "${MAKE:=make}" "${CHECKS:=}"
name=${1#check-}
log=checks/$name.log

missing() {
  echo "$name: missing: $1"
  echo "  on Debian and Ubuntu: $2"
  exit 77
}

# compiles COMMAND...: whether it makes a program
compiles() {
  echo 'int main(void) { return 0; }' >checks/try.c &&
    "$@" -o checks/try checks/try.c 2>/dev/null
}

need_clang() {
  compiles clang "$@" || missing "a clang that takes $*" \
    'apt-get install clang libclang-rt-14-dev (or the rt of your clang)'
}

mkdir -p checks || exit 1
core_only='--with-ffmpeg=no --with-jansson=no --with-zlib=no
  --with-matroska=no --with-curl=no'
clang='CC=clang CXX=clang++'
case $name in
  asan)
    need_clang -fsanitize=address,undefined
    options="--enable-sanitizers=address,undefined --disable-shared $clang"
    ;;
  # All that is linked has to be instrumented: libcheck is helped in
  # tests/support/memory_sanitizer.c, the others are left out.
  msan)
    need_clang -fsanitize=memory
    options="--enable-sanitizers=memory --disable-shared $clang $core_only"
    ;;
  tsan)
    need_clang -fsanitize=thread
    options="--enable-sanitizers=thread --disable-shared --with-matroska=no
      $clang"
    KVSPARSE_SHORT=1
    export KVSPARSE_SHORT
    ;;
  m32)
    compiles gcc -m32 || missing 'a gcc that takes -m32' \
      'apt-get install gcc-multilib'
    PKG_CONFIG_LIBDIR=/usr/lib/i386-linux-gnu/pkgconfig
    export PKG_CONFIG_LIBDIR
    pkg-config --exists check || missing 'check for i386' \
      'dpkg --add-architecture i386 && apt-get update &&
    apt-get install check:i386'
    options="--disable-shared --host=i686-linux-gnu $core_only"
    CC='gcc -m32'
    export CC
    ;;
  clang)
    need_clang
    options=$clang
    ;;
  small)
    options="--disable-static $core_only"
    ;;
  *)
    echo "sub_build.sh: there is no check-$name" >&2
    exit 2
    ;;
esac

# Automake builds nothing elsewhere while the sources' own folder is
# configured: a copy of them then, as it would be released.
if [ -f "$top_srcdir/config.status" ]; then
  $MAKE distdir distdir=checks/source >"$log" 2>&1 ||
    { tail -n 20 "$log"; exit 1; }
  top_srcdir=$(pwd)/checks/source
fi

mkdir -p "checks/$name" && cd "checks/$name" || exit 1
log=../$name.log
echo "$name: see checks/$name.log"
options=$(echo $options)
if [ ! -f Makefile ] || [ "$(cat options)" != "$options" ]; then
  rm -f Makefile
  # shellcheck disable=SC2086
  "$top_srcdir/configure" --enable-werror $options >"$log" 2>&1 ||
    { tail -n 20 "$log"; exit 1; }
  echo "$options" >options
fi
find tests -name '*.trs' -exec rm -f '{}' +
if [ -n "$CHECKS" ]; then
  $MAKE -k check TESTS="$CHECKS" >>"$log" 2>&1
else
  $MAKE -k check >>"$log" 2>&1
fi
status=$?
[ $status -eq 0 ] || grep -E '(error|Error|ERROR|FAIL).*:' "$log" |
  head -n 20
"$top_srcdir/tests/count.sh" . && [ $status -eq 0 ]
