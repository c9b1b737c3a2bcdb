#!/bin/sh
# What tools can see in the sources without running them: one line for each
# tool, what it found above it, and "N passed, N failed" at the end.  Status 1
# when something was found.  A tool that is missing is named, with the package
# that brings it; that is no failure.
#
# The environment, as `make lint` sets it: top_srcdir, top_builddir, CC, NM;
# LINT_SOURCES (the .c files of this build, from the top), LINT_CPPFLAGS.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}"
top_builddir=$(cd "$top_builddir" && pwd) || exit 1
export top_srcdir top_builddir
work=$(mktemp -d "${TMPDIR:-/tmp}/kvsparse-lint.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$top_srcdir" || exit 1
top_srcdir=$(pwd)
passed=0
failed=0
jobs=$(nproc 2>/dev/null || echo 2)

# verdict NAME: $work/out has what was found
verdict() {
  if [ -s "$work/out" ]; then
    cat "$work/out"
    failed=$((failed + 1))
    printf 'lint: %-12s FINDINGS: see above\n' "$1"
  else
    passed=$((passed + 1))
    printf 'lint: %-12s ok\n' "$1"
  fi
}

# find_tool NAME PACKAGE COMMAND...: the first that is there, in $tool
find_tool() {
  name=$1 package=$2
  shift 2
  for tool in "$@"; do
    command -v "$tool" >/dev/null && return 0
  done
  printf 'lint: %-12s missing: apt-get install %s\n' "$name" "$package"
  return 1
}

# One file at a time: of several, version 14 takes a va_list of the second for
# unset.  A tool that cannot run has not found nothing.
clang_tidy() {
  # shellcheck disable=SC2086
  printf '%s\n' $LINT_SOURCES |
    xargs -P "$jobs" -n 1 sh -c '
      "$1" --quiet "$3" -- $2 2>"$0.$$" || cat "$0.$$"' \
      "$work/tidy" "$tool" "$LINT_CPPFLAGS -std=c11" >"$work/out"
}

# AV_STRINGIFY is FFmpeg's, whose headers cppcheck does not read.
run_cppcheck() {
  grep -v -e '^#' -e '^$' tests/lint/cppcheck.txt >"$work/suppressions"
  "$tool" --quiet --std=c11 --enable=warning,performance,portability \
    --inline-suppr --suppressions-list="$work/suppressions" \
    --template=gcc --error-exitcode=1 -j "$jobs" \
    -Iinclude -Ilib/core -Ilib/av -Itools --include="$top_builddir/config.h" \
    '-DAV_STRINGIFY(x)=#x' lib tools >"$work/out" 2>&1 ||
    echo "cppcheck: status $?" >>"$work/out"
}

# -O2 and without -fanalyzer's colours; one file at a time, in turn.
analyzer() {
  # shellcheck disable=SC2086
  printf '%s\n' $LINT_SOURCES |
    xargs -P "$jobs" -n 1 sh -c '
      "$0" -std=c11 $1 -O2 -fanalyzer -Wno-analyzer-too-complex \
        -fdiagnostics-plain-output -c -o "$2.$$" "$3" 2>&1
      rm -f "$2.$$"' "$tool" "$LINT_CPPFLAGS" "$work/object" >"$work/out"
}

# SC2317: functions that `ok` calls by their names look unused.  Below the
# warnings there are opinions only.
shell_scripts() {
  LC_ALL=C.UTF-8 "$tool" --exclude=SC2317 --severity=warning --format=gcc \
    bootstrap .ci/run build-aux/sub_build.sh build-aux/version.sh tests/*.sh tests/*/*.sh \
    >"$work/out" 2>&1
}

# tap NAME SCRIPT
tap() {
  (cd "$work" && sh "$top_srcdir/tests/lint/$2") >"$work/tap" 2>&1
  if [ $? -eq 0 ]; then : >"$work/out"; else
    grep -v '^ok' "$work/tap" >"$work/out"
  fi
  verdict "$1"
}

is_gcc() {
  "$1" --version 2>/dev/null | grep -q 'Free Software Foundation'
}

tap banned banned.sh
tap columns columns.sh
tap imports imports.sh
find_tool clang-tidy clang-tidy clang-tidy-14 clang-tidy &&
  clang_tidy && verdict clang-tidy
find_tool cppcheck cppcheck cppcheck && run_cppcheck && verdict cppcheck
if find_tool analyzer gcc "${CC%% *}" gcc; then
  is_gcc "$tool" || tool=gcc
  if is_gcc "$tool"; then
    analyzer
    verdict analyzer
  else
    echo 'lint: analyzer     missing: apt-get install gcc'
  fi
fi
find_tool shellcheck shellcheck shellcheck && {
  shell_scripts
  verdict shellcheck
}

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
