#!/bin/sh
# No line of a source or header has more than 80 columns.  One line of TAP for
# each folder.  (make format leaves include/ and long comments alone.)
: "${top_srcdir:=.}"
n=0
status=0

# too_long FOLDER: FILE:NUMBER: COLUMNS, of lines in UTF-8
too_long() {
  (cd "$top_srcdir" && find "$1" -name '*.[ch]' -o -name '*.cc' | sort) |
    while read -r file; do
      LC_ALL=C awk -v file="$file" '{ gsub(/[\200-\277]/, "") }
        length($0) > 80 { print file ":" FNR ": " length($0) " columns" }' \
        "$top_srcdir/$file"
    done
}

for folder in include lib tools examples; do
  n=$((n + 1))
  found=$(too_long "$folder")
  if [ -z "$found" ]; then
    echo "ok $n - $folder: at most 80 columns"
  else
    status=1
    echo "not ok $n - $folder: at most 80 columns"
    printf '%s\n' "$found" | sed 's/^/# /' | head -n 20
  fi
done
echo "1..$n"
exit $status
