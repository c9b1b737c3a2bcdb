#!/bin/sh
# What makes a fault harder to use is in the built libraries and program:
# stack protector, _FORTIFY_SOURCE, read-only relocations, no executable
# stack, a program that may be loaded anywhere.
: "${top_builddir:=.}" "${CC:=cc}" "${CFLAGS:=}" "${NM:=nm}"
work=hardening_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT
n=0
status=0

# ok NAME COMMAND...: passes when the command succeeds
ok() {
  name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    status=1
  fi
}

skip() {
  n=$((n + 1))
  echo "ok $n - $1 # SKIP $2"
}

leave() {
  skip hardening "$1"
  echo "1..$n"
  exit 0
}

has() { # FILE PATTERN
  grep -q -E -e "$2" "$1"
}

has_not() { # FILE PATTERN
  ! grep -E -e "$2" "$1"
}

# Libtool notes where in the build folder a library lies that is not installed
# yet; make install links anew without that.  It also notes a prefix that the
# system's loader does not know, which is where our libraries will be.
no_path() { # FILE
  build=$(cd "$top_builddir" && pwd)
  prefix=$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
  ! grep -E 'RPATH|RUNPATH' "$1" | sed 's/.*\[\(.*\)\]/\1/' | tr ':' '\n' |
    grep -v -F -e "$build/" -e "$prefix/lib"
}

case $CFLAGS in
  *-fsanitize*) leave 'a sanitizer replaces these' ;;
esac
command -v readelf >/dev/null || leave 'readelf is missing'
# What configure found out about this compiler and linker.
flags=$(sed -n -e 's/^HARDEN_[A-Z]* = //p' -e 's/^PIE_LDFLAGS = //p' \
  "$top_builddir/Makefile" | tr '\n' ' ')

# takes NAME FLAG: whether the build has that flag; where a compiler that is
# known to take it has not, that is a failure.
takes() {
  case " $flags " in *" $2 "*) return 0 ;; esac
  case $(uname -sm):$($CC --version 2>/dev/null) in
    'Linux x86_64':*'Free Software'* | 'Linux x86_64':*clang*)
      n=$((n + 1))
      status=1
      echo "not ok $n - $1: configure left out $2"
      ;;
    *) skip "$1" "this compiler has no $2" ;;
  esac
  return 1
}

# The library is small: of the functions that _FORTIFY_SOURCE guards, the
# compiler may have seen that each call is within its room, and lib/core calls
# none that writes a text.  A file with a call that is none of these shows
# whether the flags of this build guard.
fortifies() {
  cat >"$work/fortify.c" <<'END'
#include <string.h>
void copy(char *to, const char *from, size_t n);
char room[16];
void copy(char *to, const char *from, size_t n) {
  (void)to;
  memcpy(room, from, n);
}
END
  fortify=$(echo "$flags" | grep -o -e '-D_FORTIFY_SOURCE=[0-9]')
  # shellcheck disable=SC2086
  $CC $CFLAGS $fortify -c -o "$work/fortify.o" "$work/fortify.c" &&
    $NM "$work/fortify.o" | grep -q __memcpy_chk
}

look_at_fortify() {
  case " $CFLAGS " in
    *' -O0 '*) skip '_FORTIFY_SOURCE' 'it needs -O1 or more' && return ;;
    *' -O'*) ;;
    *) skip '_FORTIFY_SOURCE' 'it needs -O1 or more' && return ;;
  esac
  ok 'these flags turn memcpy into __memcpy_chk' fortifies
}

# look NAME FILE: what holds for libraries and programs
look() {
  readelf -W -d -l "$2" >"$work/elf"
  $NM -D -u "$2" >"$work/imports"
  takes "$1: stack protector" -fstack-protector-strong &&
    ok "$1: stack protector" has "$work/imports" __stack_chk_fail
  takes "$1: RELRO" -Wl,-z,relro &&
    ok "$1: relocations are read-only afterwards" has "$work/elf" GNU_RELRO
  takes "$1: BIND_NOW" -Wl,-z,now &&
    ok "$1: all of them are done at once" has "$work/elf" \
      'BIND_NOW|FLAGS_1.*NOW'
  takes "$1: stack" -Wl,-z,noexecstack &&
    ok "$1: the stack is not executable" has "$work/elf" 'GNU_STACK.* RW +0x'
  ok "$1: no code is changed when it is loaded" has_not "$work/elf" TEXTREL
  ok "$1: no folder to look for libraries in" no_path "$work/elf"
  ok "$1: nothing is both written and executed" has_not "$work/elf" \
    'LOAD .* (RWE|WE)'
}

# shared FOLDER NAME
shared() {
  so=$top_builddir/$1/.libs/$2.so
  if [ -f "$so" ]; then
    look "$2" "$so"
  else
    skip "$2" 'no shared library was built'
  fi
}

shared lib/core libkvsparse
shared lib/av libkvsparse-av
shared lib/matroska libkvsparse-matroska
shared lib/net libkvsparse-net
# Libtool leaves a script in the place of a program that uses what is not
# installed yet.
program=$top_builddir/tools/.libs/kvsparse
[ -f "$program" ] || program=$top_builddir/tools/kvsparse
look kvsparse "$program"
# lib/av and the program write texts: snprintf is guarded.
case $flags in
  *-D_FORTIFY_SOURCE*)
    ok 'kvsparse: guarded calls' has "$work/imports" '__v?snprintf_chk'
    ;;
  *) skip 'kvsparse: guarded calls' 'configure defines no _FORTIFY_SOURCE' ;;
esac
takes 'kvsparse: PIE' -pie &&
  ok 'kvsparse may be loaded anywhere' has "$work/elf" 'Elf file type is DYN'
look_at_fortify

echo "1..$n"
exit $status
