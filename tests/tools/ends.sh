#!/bin/sh
# How the program ends when it is interrupted, when nobody reads its output,
# when nothing can be read or written: one line, the right exit status, nothing
# half-written.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples

readers="info elements"
[ -n "$HAVE_JANSSON" ] && readers="$readers events"
if [ -n "$HAVE_FFMPEG" ]; then
  readers="$readers dump"
  "$KVSPARSE" generate --size 160x120 --seconds 3 --fragment 1 --rate 10 \
    -o video.mkv </dev/null || exit 99
fi
have_python=
command -v python3 >/dev/null && have_python=yes

no_temporary_files() { # FOLDER
  if find "$1" -name '.*' -type f | grep .; then
    echo "something was left behind"
    return 1
  fi
}
whole_lines() { # FILE
  [ -s "$1" ] && [ -z "$(tail -c 1 "$1" | tr -d '\n')" ]
}

# --- interrupted ------------------------------------------------------------

# The stream comes through a pipe that stays open, and ends inside an element.
mkfifo pipe
cat two.mkv >two.part
head -c 100 two.mkv >>two.part
[ -n "$HAVE_FFMPEG" ] && cp video.mkv video.part
start_stream() { # FILE
  {
    cat "$1"
    exec sleep 30
  } >pipe 2>/dev/null &
  writer=$!
}
start() { # SUBCOMMAND
  rm -rf pictures
  rm -f out # of the last one: came() must not see it
  case $1 in
    dump)
      start_stream video.part
      with_signals "$KVSPARSE" dump -o pictures -q - <pipe >out 2>err &
      ;;
    info)
      start_stream two.part
      with_signals "$KVSPARSE" info --fragments - <pipe >out 2>err &
      ;;
    *)
      start_stream two.part
      with_signals "$KVSPARSE" "$1" - <pipe >out 2>err &
      ;;
  esac
  program=$!
}
came() { # SUBCOMMAND: what it can tell before the end of the input
  [ -e out ] || return 1
  case $1 in
    dump) [ -e pictures/f00002-n0005-20260101T000002.500Z.png ] ;;
    info) [ "$(grep -c complete out)" -eq 2 ] ;;
    events) [ "$(grep -c fragment_end out)" -eq 2 ] ;;
    elements) [ "$(grep -c '  SimpleBlock ' out)" -eq 4 ] ;;
  esac
}
rest_came() { # SUBCOMMAND: what was read, to the last byte
  case $1 in
    dump) [ "$(find pictures -name 'f*.png' | wc -l)" -eq 30 ] ;;
    info) has '^  Bytes  *1258 ' && has '^  Frames            4 (2 key)$' ;;
    events) tail -n 1 out |
      grep -q '"end","bytes":1258,"fragments":[23],"frames":4,' ;;
    elements) [ "$(grep -c '  EBML (' out)" -eq 3 ] ;;
  esac
}
end_program() {
  status=0
  wait "$program" 2>/dev/null || status=$?
  kill -s KILL "$writer" 2>/dev/null
  wait "$writer" 2>/dev/null
}
interrupt() { # SUBCOMMAND SIGNAL STATUS
  start "$1"
  ok "$1: SIG$2: what came is told" wait_until came "$1"
  kill -s "$2" "$program"
  end_program
  ok "$1: SIG$2: ends by it" exited "$3"
  ok "$1: SIG$2: says so, and nothing else" one_complaint \
    "^kvsparse $1: interrupted by SIG$2$"
  ok "$1: SIG$2: what was read is written" rest_came "$1"
  if [ "$1" = dump ]; then
    ok "$1: SIG$2: whole files only" no_temporary_files pictures
  else
    ok "$1: SIG$2: whole lines only" whole_lines out
  fi
}
if [ -n "$have_python" ]; then
  for name in $readers; do
    interrupt "$name" INT 130
    interrupt "$name" TERM 143
    interrupt "$name" HUP 129
  done
  # All is read at once, and takes long: it ends all the same.  Behind it is
  # a gap, which is told only when it comes so far.
  if [ -n "$HAVE_FFMPEG" ]; then
    "$KVSPARSE" generate --seconds 6 -o work.mkv </dev/null || exit 99
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      cat work.mkv work.mkv work.mkv work.mkv work.mkv work.mkv
    done >long.mkv
    printf 'no stream' >>long.mkv
    cat work.mkv >>long.mkv
    for choice in "--size 4000x4000" "--every 100000"; do
      rm -rf pictures
      # shellcheck disable=SC2086
      with_signals "$KVSPARSE" dump -q $choice --threads 1 -n 1G -o pictures \
        long.mkv >out 2>err &
      program=$!
      first_came() {
        find pictures -name 'f*' 2>/dev/null | grep -q .
      }
      wait_until first_came
      kill -s TERM "$program"
      {
        sleep 20
        kill -s KILL "$program"
      } 2>/dev/null &
      writer=$!
      end_program
      ok "dump $choice: SIGTERM: ends by it" exited 143
      ok "dump $choice: SIGTERM: ends before all is done" one_complaint \
        'interrupted by SIGTERM'
      ok "dump $choice: SIGTERM: whole files only" no_temporary_files pictures
    done
    rm -rf pictures long.mkv work.mkv
  fi
  # Nobody reads: it hangs in writing, which the first one does not end.
  mkfifo stuck
  for _ in 1 2 3 4 5 6 7 8 9; do cat two.mkv two.mkv two.mkv two.mkv; done \
    >some.mkv
  cat some.mkv some.mkv some.mkv some.mkv some.mkv some.mkv >many.mkv
  {
    head -c 1
    exec sleep 30
  } <stuck >began &
  sleeper=$!
  with_signals "$KVSPARSE" elements many.mkv >stuck 2>err &
  program=$!
  wait_until test -s began
  sleep 0.2
  kill -s INT "$program"
  sleep 0.6
  ok "the first interrupt lets it write" kill -s INT "$program"
  writer=$sleeper
  end_program
  ok "the second one ends it at once" exited 130
  # As timeout(1) does: the same one twice.
  start elements
  wait_until came elements
  kill -s TERM "$program"
  kill -s TERM "$program" 2>/dev/null
  end_program
  ok "twice at once counts as one" rest_came elements
  # A shell's job in the background, and nohup.
  start_stream two.part
  rm -f out
  (
    trap '' INT HUP
    exec "$KVSPARSE" elements - <pipe >out 2>err
  ) &
  program=$!
  wait_until came elements
  kill -s INT "$program"
  kill -s HUP "$program"
  sleep 0.2
  ok "what is ignored stays ignored" kill -s TERM "$program"
  end_program
  ok "and the third one is not" exited 143
else
  skip "interrupts" "no python3, which gives a job its SIGINT back"
fi

if [ -n "$HAVE_FFMPEG" ] && [ -n "$have_python" ]; then
  mkdir made
  with_signals "$KVSPARSE" generate --live --size 160x120 --seconds 60 \
    --audio=pcm -o made/live.mkv >out 2>err </dev/null &
  program=$!
  temporary_grows() { # beyond a fragment
    find made -name '.kvsparse-*' -size +60k | grep -q .
  }
  ok "generate: writes under another name" wait_until temporary_grows
  ok "generate: nothing stands under its own yet" test ! -e made/live.mkv
  kill -s INT "$program"
  status=0
  wait "$program" || status=$?
  ok "generate: SIGINT: ends by it" exited 130
  ok "generate: SIGINT: says so" one_complaint "interrupted by SIGINT"
  ok "generate: SIGINT: no temporary file" no_temporary_files made
  run info made/live.mkv
  ok "generate: SIGINT: what was made is a whole stream" exited 0
  ok "generate: SIGINT: without a fault" quiet
  # Large pictures, and many inside of the encoder: it takes a while to end.
  with_signals "$KVSPARSE" generate --size 3840x2160 --bframes 16 \
    -o made/large.mkv >out 2>err </dev/null &
  program=$!
  large_begins() {
    find made -name '.kvsparse-*' -size +0 | grep -q .
  }
  wait_until large_begins
  kill -s INT "$program"
  sleep 0.5
  kill -s INT "$program" 2>/dev/null
  status=0
  wait "$program" || status=$?
  ok "generate: two SIGINT: ends by it" exited 130
  ok "generate: two SIGINT: no temporary file" no_temporary_files made
fi

# --- nobody reads -----------------------------------------------------------

for name in info elements events generate; do
  case $name in
    events) [ -n "$HAVE_JANSSON" ] || continue ;;
    generate) [ -n "$HAVE_FFMPEG" ] || continue ;;
  esac
  arguments=two.mkv
  [ $name = generate ] && arguments="--size 160x120 --seconds 1"
  # The reader is gone before the first byte.
  {
    sleep 0.3
    status=0
    "$KVSPARSE" $name $arguments 2>err </dev/null || status=$?
    echo $status >status
  } | :
  read -r status <status
  ok "$name: a closed pipe: ends by SIGPIPE" exited 141
  ok "$name: a closed pipe: says nothing" quiet
  {
    sleep 0.3
    trap '' PIPE
    status=0
    "$KVSPARSE" $name $arguments 2>err </dev/null || status=$?
    echo $status >status
  } | :
  read -r status <status
  ok "$name: SIGPIPE ignored: status 1" exited 1
  ok "$name: SIGPIPE ignored: one line" one_complaint "Broken pipe$"
done
run_to_head() { # a reader that takes one line
  {
    status=0
    "$KVSPARSE" elements many.mkv 2>err || status=$?
    echo $status >status
  } | head -n 1 >first
  read -r status <status
}
[ -e many.mkv ] || for _ in 1 2 3 4 5 6 7 8 9; do
  cat two.mkv two.mkv two.mkv two.mkv two.mkv two.mkv two.mkv two.mkv two.mkv
done >many.mkv
run_to_head
ok "head -n 1 has its line" grep -q '^ *0  EBML' first
ok "and ends the program" exited 141
ok "without a word" quiet

# --- nothing can be written -------------------------------------------------

if [ -w /dev/full ]; then
  for arguments in --help --version "info --help"; do
    status=0
    # shellcheck disable=SC2086
    "$KVSPARSE" $arguments >/dev/full 2>err || status=$?
    ok "$arguments: a full disk: status 1" exited 1
    ok "$arguments: a full disk: one line" one_complaint "No space left"
  done
else
  skip "a full disk" "no /dev/full"
fi
status=0
(
  ulimit -f 1
  "$KVSPARSE" elements many.mkv >limited 2>err
) || status=$?
ok "a file that may not grow: status 1" exited 1
ok "a file that may not grow: one line" one_complaint "File too large"

# full SUBCOMMAND...: on a file system of 200 kB, in a world of its own.
cat >on_tmpfs <<'END'
mount -t tmpfs -o size=200k none small || exit 99
"$@" 2>err
echo $? >status
ls -A small >left
END
mkdir small
on_tmpfs() {
  unshare -rm sh ./on_tmpfs "$@" </dev/null >/dev/null 2>&1
}
if [ -z "$HAVE_FFMPEG" ]; then
  skip "a full disk" "this build has no FFmpeg"
elif ! on_tmpfs true; then
  skip "a full disk" "no file system can be mounted here"
else
  : >out
  on_tmpfs "$KVSPARSE" dump --format ppm video.mkv -o small
  read -r status <status
  ok "dump: a full disk" failed_with 1 \
    'small/f00000-n0003-.*: No space left on device; 3 written before it'
  ok "dump: a full disk: whole files only" test "$(wc -l <left)" -eq 3
  on_tmpfs "$KVSPARSE" generate --size 640x480 --seconds 60 -o small/x.mkv
  read -r status <status
  ok "generate: a full disk" failed_with 1 \
    'cannot write small/x.mkv: No space left on device'
  ok "generate: a full disk: nothing is left" test ! -s left
fi

# --- nothing can be read ----------------------------------------------------

nobody() { # COMMAND...: as a user without rights
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  else
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  fi
}
cp two.mkv secret.mkv
chmod 0 secret.mkv
mkdir locked
cp two.mkv locked
chmod 0755 .
nobody_runs() {
  nobody "$KVSPARSE" --version >/dev/null 2>&1 &&
    nobody cat two.mkv >/dev/null 2>&1
}
: >empty
for name in $readers; do
  arguments=
  [ "$name" = dump ] && arguments="-q -o pictures"
  rm -rf pictures
  # shellcheck disable=SC2086
  fails() { # STATUS PATTERN FILE
    run "$name" $arguments "$3"
    ok "$name: $2" failed_with "$1" "^kvsparse $name: $3: $2"
  }
  fails 1 "No such file or directory" missing.mkv
  fails 1 "Not a directory" two.mkv/two.mkv
  fails 1 "is a directory" .
  if [ -r /proc/self/mem ]; then
    run "$name" $arguments /proc/self/mem
    ok "$name: a file that cannot be read: status 1" exited 1
    ok "$name: a file that cannot be read: one line" one_complaint \
      '/proc/self/mem: reading at byte 0: Input/output error'
  else
    skip "$name: a file that cannot be read" "no /proc/self/mem"
  fi
  if nobody_runs; then
    status=0
    nobody "$KVSPARSE" "$name" $arguments secret.mkv >out 2>err || status=$?
    ok "$name: no permission" failed_with 1 "secret.mkv: Permission denied"
  else
    skip "$name: no permission" "the program cannot be run as nobody"
  fi
  status=0
  "$KVSPARSE" "$name" $arguments - <&- >out 2>err || status=$?
  ok "$name: closed input: status 1" exited 1
  ok "$name: closed input: one line" one_complaint 'standard input: .*Bad file'
  run "$name" $arguments empty
  ok "$name: an empty file: status 0" exited 0
  ok "$name: an empty file: no word" quiet
  run_input=.
  run "$name" $arguments -
  run_input=/dev/null
  ok "$name: standard input is a directory" failed_with 1 \
    'standard input: is a directory'
done
finish
