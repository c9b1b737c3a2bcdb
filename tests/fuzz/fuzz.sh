#!/bin/sh
# Builds the fuzz targets and runs each for some seconds; `make fuzz` and
# `make fuzz-afl` call it.  Builds in folders of its own, whatever configure
# was told, and works in the current folder:
#   fuzz/libfuzzer/, fuzz/afl/   objects and programs
#   fuzz/seeds/                  what seeds.sh makes
#   fuzz/corpus/TARGET/          what was found so far; the next run goes on
#   fuzz/crashes/TARGET-*        inputs that broke a promise
# Ends with 1 when there is one of these from this run.
#
#   fuzz.sh libfuzzer|afl     build and run
#   fuzz.sh merge             choose, from what was found so far, inputs that
#                             are worth keeping: into $top_srcdir/$inputs
#
# The environment, from tests/fuzz/Makefile.inc: top_srcdir, KVSPARSE,
# core_sources, support_sources, targets, seconds; for a target X that needs
# more, X_sources (file names), X_cflags, X_libs.  CLANG, AFL_CLANG: compilers.
set -eu
mode=$1
: "${top_srcdir:?}" "${targets:?}" "${seconds:=60}"
: "${CLANG:=clang}" "${AFL_CLANG:=afl-clang-fast}"
: "${CLANGXX:=clang++}" "${AFL_CLANGXX:=afl-clang-fast++}"
inputs=$top_srcdir/tests/fuzz/inputs
dictionary=$top_srcdir/tests/fuzz/kvsparse.dict
# Longer streams say little that shorter ones do not.
longest=8192
largest_kept=4000
most_kept=50

# Comparisons are not traced: that takes two thirds of the time, and the
# dictionary has the words that it would find.
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
common_flags="-g -O2 -fno-omit-frame-pointer -DKVSP_BUILDING
  -I$top_srcdir/include -iquote $top_srcdir/tests
  -iquote $top_srcdir/lib/core"

die() {
  echo "fuzz: $*" >&2
  exit 2
}

# --- building ----------------------------------------------------------------

choose_compiler() {
  case $mode in
    afl)
      compiler=$AFL_CLANG
      compiler_cxx=$AFL_CLANGXX
      what="AFL++ (apt-get install afl++)"
      compile_flags=
      ;;
    *)
      compiler=$CLANG
      compiler_cxx=$CLANGXX
      what="clang with libFuzzer (apt-get install clang)"
      compile_flags="-fsanitize=fuzzer-no-link
        -fno-sanitize-coverage=trace-cmp"
      ;;
  esac
  command -v "$compiler" >/dev/null ||
    die "$compiler is missing: this needs $what"
  build=fuzz/$([ "$mode" = afl ] && echo afl || echo libfuzzer)
  mkdir -p "$build"
  echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n);
    int LLVMFuzzerTestOneInput(const char *d, unsigned long n)
    { return n > 0 && d[0] == 1; }' >"$build/try.c"
  # shellcheck disable=SC2086
  "$compiler" $compile_flags $sanitize -fsanitize=fuzzer "$build/try.c" \
    -o "$build/try" 2>"$build/try.log" || {
    cat "$build/try.log" >&2
    die "$compiler cannot build a fuzzer: this needs $what"
  }
  zlib_flags=
  zlib_libs=
  if echo 'int main(void) { return zlibVersion() == 0; }' | "$compiler" \
    -include zlib.h -x c - -lz -o "$build/try" 2>"$build/try.log"; then
    zlib_flags=-DHAVE_ZLIB=1
    zlib_libs=-lz
  fi
}

# compile OBJECT SOURCE FLAGS...: where there is none that is newer than all
# the sources
compile() {
  object=$1
  source=$2
  shift 2
  if [ -e "$object" ] && [ -z "$(find "$top_srcdir/include" \
    "$top_srcdir/lib" "$top_srcdir/tests/support" "$top_srcdir/tests/fuzz" \
    -name '*.[chi]*' -newer "$object" | head -n 1)" ]; then
    return
  fi
  case $source in
    *.cc) build_with="$compiler_cxx -std=c++17" ;;
    *) build_with="$compiler -std=c11" ;;
  esac
  # shellcheck disable=SC2086
  $build_with $common_flags $compile_flags $sanitize $zlib_flags "$@" \
    -c "$source" -o "$object" || die "$source does not compile"
}

# compile_all SUBFOLDER FLAGS SOURCE...: sets $objects
compile_all() {
  objects=
  mkdir -p "$build/$1"
  subfolder=$1
  flags=$2
  shift 2
  for source in "$@"; do
    case $source in
      *.c | *.cc) ;;
      *) continue ;;
    esac
    object=$(basename "$source" .c)
    object=$build/$subfolder/$(basename "$object" .cc).o
    # shellcheck disable=SC2086
    compile "$object" "$top_srcdir/$source" $flags
    objects="$objects $object"
  done
}

build_target() { # TARGET
  eval "more_sources=\${$1_sources:-} more_cflags=\${$1_cflags:-}" \
    "more_libs=\${$1_libs:-}"
  # shellcheck disable=SC2086,SC2154
  compile_all "$1" "$more_cflags" "tests/fuzz/fuzz_$1.c" $more_sources
  case $more_sources in
    *.cc*) link_with=$compiler_cxx ;;
    *) link_with=$compiler ;;
  esac
  # shellcheck disable=SC2086,SC2154
  "$link_with" $compile_flags $sanitize -fsanitize=fuzzer $objects \
    "$build/common.a" $more_libs $zlib_libs -o "$build/fuzz_$1" ||
    die "fuzz_$1 does not link"
}

build_all() {
  choose_compiler
  echo "Building in $PWD/$build with $compiler"
  # shellcheck disable=SC2086,SC2154
  compile_all common "" $core_sources $support_sources $fuzz_sources
  # An archive: what only the unit tests call, and Check with it, stays out.
  rm -f "$build/common.a"
  # shellcheck disable=SC2086
  ar rcs "$build/common.a" $objects
  for target in $targets; do
    build_target "$target"
  done
}

# --- running -----------------------------------------------------------------

make_seeds() {
  rm -rf fuzz/seeds
  sh "$top_srcdir/tests/fuzz/seeds.sh" fuzz/seeds
}

# What an allocation's backtrace costs is better spent on more runs.
ASAN_OPTIONS=malloc_context_size=3${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

statistic() { # NAME LOG
  sed -n "s/^stat::$1: *//p" "$2" | tail -n 1
}
edges() { # LOG
  sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$1" | tail -n 1
}

run_libfuzzer() { # TARGET
  log=fuzz/$1.log
  mkdir -p "fuzz/corpus/$1" "$inputs/$1"
  status=0
  # shellcheck disable=SC2086
  "$build/fuzz_$1" -dict="$dictionary" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=1024 -max_len=$longest -print_final_stats=1 \
    -artifact_prefix="fuzz/crashes/$1-" ${FUZZ_OPTIONS:-} \
    "fuzz/corpus/$1" fuzz/seeds "$inputs/$1" >"$log" 2>&1 || status=$?
  printf '%-10s %9s executions, %5s/s, %5s edges, %4s new inputs%s\n' "$1" \
    "$(statistic number_of_executed_units "$log")" \
    "$(statistic average_exec_per_sec "$log")" "$(edges "$log")" \
    "$(statistic new_units_added "$log")" \
    "$([ $status -eq 0 ] || echo ", FAILED")"
  [ $status -eq 0 ] && return
  failed="$failed $1"
  grep -a -e 'broken promise' -e '^SUMMARY' -e 'Test unit written' "$log" ||
    tail -n 5 "$log"
}

run_afl() { # TARGET
  log=fuzz/$1.afl.log
  out=fuzz/corpus/$1.afl
  mkdir -p "$out" fuzz/afl/in
  cp fuzz/seeds/* fuzz/afl/in/ 2>/dev/null || true
  [ -d "$inputs/$1" ] && cp "$inputs/$1"/* fuzz/afl/in/ 2>/dev/null
  resume=fuzz/afl/in
  [ -d "$out/default" ] && resume=-
  status=0
  # ASan's address space is not to be limited; abort is how AFL++ sees it.
  ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:$ASAN_OPTIONS \
    UBSAN_OPTIONS=abort_on_error=1:symbolize=0 AFL_SKIP_CPUFREQ=1 \
    AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
    afl-fuzz -i $resume -o "$out" -x "$dictionary" -m none -t 10000+ \
    -V "$seconds" -- "$build/fuzz_$1" >"$log" 2>&1 || status=$?
  stats=$out/default/fuzzer_stats
  if [ $status -ne 0 ] || [ ! -s "$stats" ]; then
    tail -n 5 "$log"
    failed="$failed $1"
    return
  fi
  crashes=$(sed -n 's/^\(saved\|unique\)_crashes *: //p' "$stats")
  printf '%-10s %9s executions, %5s/s, %5s edges, %4s new inputs, %s crashes\n' \
    "$1" "$(sed -n 's/^execs_done *: //p' "$stats")" \
    "$(sed -n 's/^execs_per_sec *: //p' "$stats")" \
    "$(sed -n 's/^edges_found *: //p' "$stats")" \
    "$(sed -n 's/^\(corpus\|paths\)_found *: //p' "$stats")" "$crashes"
  [ "$crashes" = 0 ] && return
  failed="$failed $1"
  for input in "$out"/default/crashes/id*; do
    cp "$input" "fuzz/crashes/$1-afl-$(cksum <"$input" | cut -d ' ' -f 1)"
  done
}

run_all() { # FUNCTION
  mkdir -p fuzz/crashes
  make_seeds
  failed=
  for target in $targets; do
    "$1" "$target"
  done
  [ -z "$failed" ] && return
  echo "failed:$failed; see $PWD/fuzz/crashes, and try one again with" >&2
  echo "  $build/fuzz_TARGET fuzz/crashes/FILE" >&2
  exit 1
}

# --- keeping -----------------------------------------------------------------

# By edges alone: with counters there would be thousands.  Files with a name
# of their own are regressions and stay.
merge() {
  for target in $targets; do
    mkdir -p "$inputs/$target" fuzz/merged
    rm -rf "fuzz/merged/$target" && mkdir "fuzz/merged/$target"
    find "$inputs/$target" -type f -name '????????????????' -exec rm '{}' +
    mkdir -p "fuzz/small/$target"
    find "fuzz/corpus/$target" -type f -size -"${largest_kept}"c \
      -exec cp '{}' "fuzz/small/$target" ';'
    "$build/fuzz_$target" -set_cover_merge=1 -use_counters=0 -timeout=10 \
      "fuzz/merged/$target" "$inputs/$target" "fuzz/small/$target" \
      >"fuzz/$target.merge.log" 2>&1 || die "see fuzz/$target.merge.log"
    # The first ones reach the most edges.
    find "fuzz/merged/$target" -type f -printf '%T@ %p\n' | sort -n |
      head -n $most_kept | cut -d ' ' -f 2 | while read -r input; do
      cp "$input" "$inputs/$target/$(basename "$input" | cut -c 1-16)"
    done
    echo "$target: $(find "$inputs/$target" -type f | wc -l) inputs"
  done
}

build_all
case $mode in
  libfuzzer) run_all run_libfuzzer ;;
  afl) run_all run_afl ;;
  merge) merge ;;
  *) die "no such mode: $mode" ;;
esac
