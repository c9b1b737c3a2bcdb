#!/bin/sh
# Nothing that banned.txt lists is in the sources.  One line of TAP for each
# line of that list.  Generated files are left out.
: "${top_srcdir:=.}"
list=${1:-$top_srcdir/tests/lint/banned.txt}
work=banned_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT
n=0
status=0

# without_comments FILE: its lines, as FILE:NUMBER:TEXT, comments and texts
# empty
without_comments() {
  awk -v file="$1" '
    { line = $0; out = ""
      while (line != "") {
        if (inside) {
          end = index(line, "*/")
          if (!end) { line = ""; break }
          line = substr(line, end + 2); inside = 0; continue
        }
        if (!match(line, /\/\*|\/\/|"|\047/)) { out = out line; break }
        out = out substr(line, 1, RSTART - 1)
        mark = substr(line, RSTART, 2)
        line = substr(line, RSTART)
        if (mark == "/*") { inside = 1; line = substr(line, 3); continue }
        if (mark == "//") break
        quote = substr(mark, 1, 1)
        pattern = quote == "\"" ? "^\"([^\"\\\\]|\\\\.)*\"" \
                                : "^\047([^\047\\\\]|\\\\.)*\047"
        if (!match(line, pattern)) { out = out quote; line = substr(line, 2) }
        else { out = out quote quote; line = substr(line, RLENGTH + 1) }
      }
      print file ":" FNR ":" out }' "$top_srcdir/$1"
}

# sources FOLDER: its C files, as seen from the top
sources() {
  (cd "$top_srcdir" && find "$1" -name '*.[ch]' ! -name element_ids.h | sort)
}

for folder in lib tools tests; do
  for file in $(sources "$folder"); do
    without_comments "$file"
  done
done >"$work/all"
[ "$(wc -l <"$work/all")" -gt 1000 ] || echo "no sources" >"$work/broken"

# allowed WHAT: files that may, as a pattern
allowed() {
  awk -v what="$1" '$1 == "allow" && $2 == what { print "^" $3 ":" }' "$list"
}

# look WHERE WHAT INSTEAD
look() {
  n=$((n + 1))
  case $1 in all) where= ;; *) where=$1/ ;; esac
  case $2 in
    /*/) pattern=${2#/} pattern=".*(${pattern%/})" ;;
    *) pattern="(.*[^A-Za-z0-9_>.])?$2[[:blank:]]*\\(" ;;
  esac
  allowed "$2" >"$work/allowed"
  grep "^$where" "$work/all" | grep -E -v -f "$work/allowed" |
    grep -E ":[0-9]+:$pattern" >"$work/found"
  if [ -s "$work/found" ] || [ -f "$work/broken" ]; then
    status=1
    echo "not ok $n - $1: no $2"
    cat "$work/broken" "$work/found" 2>/dev/null | sed 's/^/# /' | head -n 20
    echo "# instead: $3"
  else
    echo "ok $n - $1: no $2"
  fi
}

while read -r where what instead; do
  case $where in '' | '#'* | allow) continue ;; esac
  look "$where" "$what" "$instead"
done <"$list"

echo "1..$n"
exit $status
