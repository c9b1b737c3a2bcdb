#!/bin/sh
# What lib/core takes from outside is what imports.txt lists; nothing built in
# lib/core or lib/av has a function in it that banned.txt forbids them, nor
# variables that more than one object would share.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${NM:=nm}"
here=$top_srcdir/tests/lint
work=imports_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT
n=0
status=0

# verdict NAME FILE: one line of TAP; FILE has what should not be there
verdict() {
  n=$((n + 1))
  if [ -s "$2" ]; then
    echo "not ok $n - $1"
    sed 's/^/# /' "$2"
    status=1
  else
    echo "ok $n - $1"
  fi
}

skip() {
  n=$((n + 1))
  echo "ok $n - $1 # SKIP $2"
}

# symbols ARCHIVE TYPES: object and name, one a line
symbols() {
  $NM -A -P "$1" | awk -v types="$2" '
    index(types, $3) { sub(/.*\[/, "", $1); sub(/\]:$/, "", $1)
                       sub(/@.*/, "", $2); print $1, $2 }'
}

# The sanitizers and gcov bring calls of their own.
instrumented() {
  case $CFLAGS in *-fsanitize* | *--coverage*) return 0 ;; *) return 1 ;; esac
}

# check_imports ARCHIVE: against imports.txt
check_imports() {
  symbols "$1" U | awk '{ print $2 }' | sort -u >"$work/used"
  symbols "$1" TDRBVCGS | awk '{ print $2 }' | sort -u >"$work/own"
  grep -v -e '^#' -e '^$' "$here/imports.txt" | sort -u >"$work/listed"
  grep -q . "$work/used" || echo "$1 takes nothing: is it there?" >"$work/own"
  comm -23 "$work/used" "$work/own" | comm -23 - "$work/listed" >"$work/more"
  verdict "lib/core takes from outside what is listed only" "$work/more"
}

# check_banned ARCHIVE: functions that banned.txt forbids lib/ or all
check_banned() {
  awk '$1 == "allow" { split($3, part, "/"); file = part[length(part)]
         sub(/\.c$/, ".o", file); print file, $2 > "'"$work/allowed"'" }
       ($1 == "lib" || $1 == "all") && $2 ~ /^[a-z_]+$/ { print $2 }' \
    "$here/banned.txt" | sort -u >"$work/banned"
  symbols "$1" U | awk -v allowed="$work/allowed" -v banned="$work/banned" '
    BEGIN { while ((getline line < allowed) > 0) may[line] = 1
            while ((getline line < banned) > 0) no[line] = 1 }
    { object = $1; sub(/^lib[a-z]*_la-/, "", object)
      name = $2; sub(/^__/, "", name); sub(/_chk$/, "", name) }
    name in no && !((object " " name) in may) { print object ": " name }' \
    >"$work/more"
  verdict "no banned function in $2" "$work/more"
}

# check_variables ARCHIVE: D, d, B, b, C: data that can be written.  What the
# linker fills in once (.data.rel.ro) has these letters too; it is left out.
check_variables() {
  objdump -t "$1" | awk '
    /file format/ { object = $1 }
    $4 == "*COM*" ||
    $3 == "O" && $4 ~ /^\.(data|bss)(\.[^r]|$)/ { print object, $NF }' \
    >"$work/more"
  verdict "no variables in $2" "$work/more"
}

# check FOLDER ARCHIVE
check() {
  archive=$top_builddir/$1/.libs/$2
  [ -f "$archive" ] || archive=$top_builddir/$1/$2
  if [ ! -f "$archive" ]; then
    skip "imports of $1" "it was not built"
  elif instrumented; then
    skip "imports of $1" "this build is instrumented"
  else
    [ "$1" != lib/core ] || check_imports "$archive"
    check_banned "$archive" "$1"
    if command -v objdump >/dev/null; then
      check_variables "$archive" "$1"
    else
      skip "no variables in $1" "objdump is missing"
    fi
  fi
}

check lib/core libcore.a
check lib/av libpictures.a
echo "1..$n"
exit $status
