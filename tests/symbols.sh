#!/bin/sh
# The functions that the public headers declare, those that the map file
# names and those that the built library shows are the same, for each library.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}" "${NM:=nm}"
work=symbols_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT
n=0
status=0

# declared HEADER...: the names after KVSP_API, sorted
declared() {
  for header in "$@"; do
    echo "#include <kvsparse/$header>"
  done >"$work/all.c"
  # shellcheck disable=SC2086
  $CC -E -P -I"$top_srcdir/include" -DKVSP_API=KVSP_HERE "$work/all.c" |
    tr '\n' ' ' | sed 's/__attribute__ *(([a-z_]*))//g' | tr ';' '\n' |
    sed -n 's/.*KVSP_HERE[^(]*[ *]\(kvsp_[a-z0-9_]*\) *(.*/\1/p' | sort -u
}

# same NAME FILE FILE: one line of TAP
same() {
  n=$((n + 1))
  if [ -s "$2" ] && diff "$2" "$3"; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1"
    status=1
  fi
}

skip() {
  n=$((n + 1))
  echo "ok $n - $1 # SKIP $2"
}

# compare LIBRARY FOLDER: $work/declared holds its functions
compare() {
  grep -o 'kvsp_[a-z0-9_]*;' "$top_srcdir/$2/$1.map" | tr -d ';' | sort \
    >"$work/map"
  same "$1: headers and map file" "$work/declared" "$work/map"
  so=$top_builddir/$2/.libs/$1.so
  if [ -f "$so" ]; then
    $NM -D --defined-only "$so" | awk '{ print $3 }' |
      sed 's/@.*//' | grep -v -e '^_' -e '^KVSPARSE_' |
      sort >"$work/shown"
    same "$1: headers and what the library shows" "$work/declared" \
      "$work/shown"
  else
    skip "$1: what the library shows" "no shared library was built"
  fi
}

# sizes LIBRARY FILE HEADER...: its sizeof knows each struct of the headers
sizes() {
  name=$1
  grep -o 'SIZE(kvsp_[a-z_]*)' "$top_srcdir/$2" | sed 's/.*(\(.*\))/\1/' |
    sort >"$work/known"
  shift 2
  for header in "$@"; do
    sed -n 's/^} \(kvsp_[a-z_]*\);$/\1/p' "$top_srcdir/include/kvsparse/$header"
  done | sort >"$work/structs"
  same "$name: the structs of its headers and of its sizeof" "$work/structs" \
    "$work/known"
}

sizes libkvsparse lib/core/status.c common.h ebml.h tokenizer.h reader.h \
  collector.h merger.h
sizes libkvsparse-av lib/av/sizes.c decoder.h pictures.h extractor.h
sizes libkvsparse-net lib/net/sizes.c archive.h checkpoint.h client.h media.h

declared kvsparse.h >"$work/declared"
cp "$work/declared" "$work/core"
compare libkvsparse lib/core

declared pictures.h decoder.h extractor.h >"$work/both"
comm -23 "$work/both" "$work/core" >"$work/declared"
compare libkvsparse-av lib/av

if grep -q '^#define HAVE_MATROSKA 1' "$top_builddir/config.h"; then
  declared finisher.h >"$work/both"
  comm -23 "$work/both" "$work/core" >"$work/declared"
  compare libkvsparse-matroska lib/matroska
else
  skip libkvsparse-matroska "this build has no libmatroska"
fi

if grep -q '^#define HAVE_CURL 1' "$top_builddir/config.h"; then
  declared archive.h checkpoint.h client.h media.h >"$work/both"
  comm -23 "$work/both" "$work/core" >"$work/declared"
  compare libkvsparse-net lib/net
else
  skip libkvsparse-net "this build has no libcurl"
fi

echo "1..$n"
exit $status
