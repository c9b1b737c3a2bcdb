#!/bin/sh
# kvsparse events on a hundred thousand fragments through a pipe: the memory
# that the program takes does not grow.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
if [ -z "$HAVE_JANSSON" ]; then
  echo "1..0 # SKIP this build has no jansson"
  exit 77
fi
if ! grep -q VmHWM /proc/self/status 2>/dev/null; then
  echo "1..0 # SKIP /proc does not tell what memory a process takes"
  exit 77
fi
# AddressSanitizer keeps what was freed: not more than this many megabytes.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
export ASAN_OPTIONS

make_samples
cat two.mkv two.mkv two.mkv two.mkv two.mkv >ten.mkv
cat ten.mkv ten.mkv ten.mkv ten.mkv ten.mkv ten.mkv ten.mkv ten.mkv ten.mkv \
  ten.mkv >hundred.mkv
for _ in 1 2 3 4 5 6 7 8 9 10; do cat hundred.mkv; done >thousand.mkv

peak() { # the most memory the program took, in kB
  sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$program/status"
}
mkfifo pipe
"$KVSPARSE" events - <pipe 2>err | tail -n 1 >out &
exec 3>pipe
program=
for _ in 1 2 3 4 5 6 7 8 9 10; do # the shell may not have started it yet
  for task in /proc/[0-9]*; do
    [ "$(readlink "$task/fd/0" 2>/dev/null)" = "$scratch/pipe" ] || continue
    program=${task#/proc/}
  done
  [ -n "$program" ] && break
  sleep 0.1
done
ok "the program runs" [ -n "$program" ]

# What a pipe holds is little beside it: all but the end has been read.
cat thousand.mkv thousand.mkv >&3
first=$(peak)
n=2
while [ $n -lt 100 ]; do
  cat thousand.mkv >&3
  n=$((n + 1))
done
last=$(peak)
exec 3>&-
wait
echo "# $first kB after 2,000 fragments, $last kB after 100,000"
ok "all of it is read" has_line '{"type":"end","bytes":57900000,'\
'"fragments":100000,"frames":200000,"gaps":0}'
ok "nothing on standard error" quiet
ok "memory does not grow" [ "$last" -le $((first + 256)) ]
finish
