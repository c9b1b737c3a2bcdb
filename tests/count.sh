#!/bin/sh
# Adds up what `make check` left behind in a build folder (default: here) and
# prints "N passed, N failed".  Status 1 when something failed or nothing ran.
#
# Each test has a .trs file with its result as a whole.  Its cases are TAP
# lines in the .tap file beside it (Check suites) or in its .log (scripts).  A
# test that failed without a case that did, a crash, counts as one.
cd "${1:-.}" || exit 1

passed=0
failed=0

# count FILE PATTERN
count() {
  grep -c "$2" "$1" 2>/dev/null
}

# add NAME (tests/test_ebml): its cases into passed and failed
add() {
  result=$(sed -n 's/^:global-test-result: //p' "$1.trs")
  if [ "$result" = SKIP ]; then
    echo "skipped: $1: $(grep -m1 -i 'skip' "$1.log" 2>/dev/null)"
    return
  fi
  cases=$1.log
  [ -f "$1.tap" ] && cases=$1.tap
  good=$(count "$cases" '^ok ')
  skip=$(count "$cases" '^ok .*# *[Ss][Kk][Ii][Pp]')
  bad=$(count "$cases" '^not ok ')
  good=$((${good:-0} - ${skip:-0}))
  bad=${bad:-0}
  if [ "$result" = PASS ]; then
    [ $((good + ${skip:-0} + bad)) -gt 0 ] || good=1
  else
    [ "$bad" -gt 0 ] || bad=1
    echo "failed: $1"
    grep '^not ok ' "$cases" 2>/dev/null | head -n 20
  fi
  if [ "${skip:-0}" -gt 0 ]; then
    grep -i '^ok .*# *skip' "$cases" | sed "s|^ok [0-9]* *-* *|skipped: $1: |"
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

for trs in $(find tests bindings -name '*.trs' 2>/dev/null | sort); do
  add "${trs%.trs}"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
