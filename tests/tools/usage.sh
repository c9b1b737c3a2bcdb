#!/bin/sh
# The program as a whole: help, versions, wrong usage, files that cannot be
# read, output that cannot be written.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples

run
ok "no arguments: one line and 2" failed_with 2 "which subcommand"
run --help
ok "--help goes to standard output" exited 0
ok "--help says nothing on standard error" quiet
for name in info events elements merge finish extract dump get ls generate; do
  ok "--help lists $name" has "^  $name "
done
run --version
ok "--version works" exited 0
ok "--version tells the program's" has '^kvsparse [0-9]'
ok "--version tells the library's" has '^libkvsparse [0-9]'
ok "--version tells of zlib" has '^features: zlib$\|^without zlib: '
run nonsense
ok "an unknown subcommand" failed_with 2 "'nonsense' is no subcommand"
run --nonsense
ok "an unknown option" failed_with 2 "'--nonsense' is no option"
run "$(printf 'two\nlines')"
ok "a newline in an argument does not split the line" failed_with 2 "two?lines"

# What every subcommand that reads a stream has in common.
subcommands="info elements merge extract"
[ -n "$HAVE_JANSSON" ] && subcommands="$subcommands events"
[ -n "$HAVE_MATROSKA" ] && subcommands="$subcommands finish"
[ -n "$HAVE_FFMPEG" ] && subcommands="$subcommands dump"
for name in $subcommands; do
  to= # where the output goes, if that must be said
  [ "$name" = finish ] && to="-o made.mkv"
  run $name --help
  ok "$name --help" exited 0
  ok "$name --help says nothing on standard error" quiet
  ok "$name --help begins with the usage" has "^Usage: kvsparse $name "
  run $name
  ok "$name without a file" failed_with 2 "kvsparse $name: which file"
  run $name two.mkv two.mkv
  ok "$name with two files" failed_with 2 "one too many"
  run $name --nonsense two.mkv
  ok "$name: unknown option" failed_with 2 "kvsparse $name: .*nonsense"
  ok "$name: in its own words" failed_with 2 \
    "^kvsparse $name: '--nonsense' is no option (--help tells more)$"
  run $name -Z two.mkv
  ok "$name: unknown letter" failed_with 2 "'-Z' is no option (--help"
  run $name --max two.mkv
  ok "$name: an option that is not whole" failed_with 2 \
    "'--max' may be one of several options (--help"
  run $name --strict=3 two.mkv
  ok "$name: a value too many" failed_with 2 \
    "'--strict=3': this option takes no value (--help"
  run $name --help=3 two.mkv
  ok "$name: a value too many, with a letter" failed_with 2 \
    "'--help=3': this option takes no value (--help"
  run $name two.mkv -n
  ok "$name: letter without its value" failed_with 2 "'-n' needs a value"
  run $name "--$(printf 'x\033[2J\nx\342\200\256y')" two.mkv
  ok "$name: control characters in an option" failed_with 2 \
    "'--x?\[2J?x???y' is no option (--help"
  run $name --read-size
  ok "$name: option without its value" failed_with 2 \
    "'--read-size' needs a value (--help tells more)"
  for value in 0 -1 x 1x 99999999999999999999 1T ''; do
    run $name --read-size "$value" two.mkv
    ok "$name --read-size '$value'" failed_with 2 "$name: --read-size: '$value'"
  done
  run $name $to missing.mkv
  ok "$name: missing file" one_complaint "missing.mkv: No such file"
  ok "$name: missing file is status 1" exited 1
  run $name $to .
  ok "$name: a directory" one_complaint ".: is a directory"
  ok "$name: a directory is status 1" exited 1
  if [ "$(id -u)" -ne 0 ]; then
    cp two.mkv secret.mkv
    chmod 0 secret.mkv
    run $name $to secret.mkv
    ok "$name: no permission" one_complaint "secret.mkv: Permission denied"
    rm -f secret.mkv
  else
    skip "$name: no permission" "root may read everything"
  fi
  ok "$name: nothing was made" test ! -e made.mkv
done

# Of those, the ones that write to the standard output by default.
subcommands="info elements merge"
[ -n "$HAVE_JANSSON" ] && subcommands="$subcommands events"
for name in $subcommands; do
  if [ -w /dev/full ]; then
    status=0
    "$KVSPARSE" $name two.mkv >/dev/full 2>err || status=$?
    ok "$name: full disk, one line" one_complaint "cannot write \(the\|standard\) output"
    ok "$name: full disk is status 1" exited 1
  else
    skip "$name: full disk" "no /dev/full"
  fi
  status=0
  "$KVSPARSE" $name two.mkv 2>err >&- || status=$?
  ok "$name: closed output, one line" one_complaint "cannot write \(the\|standard\) output"
  ok "$name: closed output is status 1" exited 1
  status=0
  "$KVSPARSE" $name - <&- >out 2>err || status=$?
  ok "$name: closed input" one_complaint "standard input"
  ok "$name: closed input is status 1" exited 1
  run $name two.mkv
  cp out whole
  for size in 1 7 1k 1G; do
    run $name --read-size $size two.mkv
    ok "$name --read-size $size changes nothing" cmp out whole
  done
  run_input=two.mkv
  run $name -
  run_input=/dev/null
  ok "$name reads standard input" exited 0
  cat two.mkv | "$KVSPARSE" $name - >piped 2>err
  ok "$name reads a pipe" cmp piped out
  run $name -- two.mkv
  ok "$name: -- ends the options" cmp out whole
done

if [ -n "$HAVE_FFMPEG" ]; then
  for name in dump generate; do
    run $name --nonsense
    ok "$name: unknown option" failed_with 2 \
      "^kvsparse $name: '--nonsense' is no option (--help tells more)$"
    run $name --output
    ok "$name: option without its value" failed_with 2 \
      "'--output' needs a value (--help tells more)"
  done
fi
if [ -z "$HAVE_FFMPEG" ]; then
  for name in dump generate; do
    run $name
    ok "$name says what the build lacks" failed_with 1 "without FFmpeg"
  done
fi
if [ -z "$HAVE_JANSSON" ]; then
  run events two.mkv
  ok "events says what the build lacks" failed_with 1 "without jansson"
  run info --json two.mkv
  ok "info --json says what the build lacks" failed_with 1 "without jansson"
fi
if "$KVSPARSE" --version | grep -q '^without libcurl'; then
  run get door
  ok "get without libcurl says what is missing" failed_with 1 libcurl4
  run info kvs://door
  ok "kvs:// without libcurl says what is missing" failed_with 1 libcurl4
else
  run get
  ok "get without a stream" failed_with 2 "which stream"
  run get --help
  ok "get --help begins with the usage" has "^Usage: kvsparse get "
fi
finish
