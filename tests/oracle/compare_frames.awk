# compare_frames.awk - compares two lists of frames (frame_line.h) in one
# column or two.
#
#   awk -v check=CHECK -v rules=RULES -f compare_frames.awk OURS THEIRS
#
# CHECK: tracks, frames (size and hash), times, keys.  RULES: "equal", or what
# is expected of the lines that differ, joined by "+":
#
#   N      so many of them differ in a way that none of the other rules says
#   shift  their times are off by the same for all frames of the track
#   tick   behind the first of a lace their times are rounded: by less than two
#          ticks (that of all the lace and that of the frame) of up to 1 ms
#   none   behind the first of a lace they have no time
#   lace   behind the first of a lace they have no key flag
#
# Each rule must explain at least one line.  Prints what was not expected;
# status 1 then.

function value(line, i, f) {
  if (split(line, f) == 0)
    return "absent"
  if (check == "tracks")
    return f[1]
  if (check == "frames")
    return f[2] " " f[3]
  return check == "times" ? f[4] : f[5]
}

# The rule that explains the difference of line i, else "other".
function explain(i, f, a, b) {
  split(ours[i], f)
  a = value(ours[i])
  b = value(theirs[i])
  if (a == "absent" || b == "absent")
    return "other"
  if (("none" in wanted) && b == "none" && f[6] > 0)
    return "none"
  if (("lace" in wanted) && a == "1" && b == "0" && f[6] > 0)
    return "lace"
  if (("tick" in wanted) && f[6] > 0 && a - b < 2000000 && b - a < 2000000)
    return "tick"
  if (("shift" in wanted) && b != "none" && off[f[1]] == a - b)
    return "shift"
  return "other"
}

# By how much the first frame of each track is off.
function find_shifts(i, f) {
  for (i = 1; i <= count; i++) {
    split(ours[i], f)
    if (!(f[1] in off))
      off[f[1]] = value(ours[i]) - value(theirs[i])
  }
}

BEGIN {
  part_count = split(rules, part, "+")
  for (p = 1; p <= part_count; p++)
    if (part[p] ~ /^[0-9]+$/)
      others = part[p]
    else if (part[p] != "equal")
      wanted[part[p]] = 1
}
FILENAME == ARGV[1] {
  ours[++our_count] = $0
  next
}
{
  theirs[++their_count] = $0
}
END {
  count = our_count > their_count ? our_count : their_count
  find_shifts()
  for (i = 1; i <= count; i++) {
    # As text: awk's numbers are no more exact than a double.
    if (value(ours[i]) "" == value(theirs[i]) "")
      continue
    rule = explain(i)
    if (found[rule]++ < 3 && rule == "other")
      shown = shown check " " i ": ours " value(ours[i]) ", theirs " \
        value(theirs[i]) "\n"
  }
  if (found["other"] + 0 != others + 0) {
    printf "%s", shown
    print check ": " found["other"] + 0 " lines differ, " others + 0 \
      " expected (of " our_count + 0 " and " their_count + 0 ")"
    status = 1
  }
  for (rule in wanted)
    if (found[rule] + 0 == 0) {
      print check ": nothing differs as \"" rule "\" says"
      status = 1
    }
  exit status + 0
}
