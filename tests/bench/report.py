"""The tables, as Markdown that can be read on a terminal."""

# What we want to reach; "at most".
GOALS = {
    "wall": {"A": 1.10, "B": 1.30, "C": 1.60, "R": 1.10},
    "instructions": {"A": 1200, "B": 400, "C": 300, "R": 1200},
    "copied": {"A": 0.15, "B": 0.05, "C": 0.05, "R": 0.15},
}
COPIED_RESERVED = 0.02
EMPTY_READER = 16384
INFO_OVER_CAT = 1.3
PICTURES_BEHIND = 0.97

INPUTS = {
    "A": "fragments as GetMedia sends them: frames of 8 kB, 60 a fragment",
    "B": "H.264 and AAC in one Segment, frames of 860 bytes",
    "C": "two tracks of PCM in one Segment, frames of 320 bytes",
    "R": "A with the frames of a camera's capture: the first of a fragment has "
         "100 kB, the others 7",
    "K": "A with Clusters of unknown size and 8-byte sizes, as the producer's "
         "SDK writes it",
}


def table(head, rows):
    """All cells are strings; the first column goes left, the others right."""
    widths = [max(len(row[i]) for row in [head] + rows)
              for i in range(len(head))]

    def line(row):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
        return "| " + " | ".join(cells) + " |"

    rule = "|-" + "-|-".join(["-" * widths[0]] + [
        "-" * (w - 1) + ":" for w in widths[1:]]) + "-|"
    rule = rule.replace(":-|", ": |")
    return [line(head), rule] + [line(row) for row in rows]


def _number(value, form):
    return "-" if value is None else form % value


def _spread(spread, form="%.2f"):
    if spread is None:
        return "-"
    return "%s (%s-%s)" % (form % spread.median, form % spread.low,
                           form % spread.high)


def _delivered(figures):
    text = "%d" % figures.delivered
    return text if figures.agrees is not False else text + ", wrong"


def _contender_row(contender, figures):
    if figures is None:
        return [contender.name] + ["not installed"] + ["-"] * 6
    return [contender.name, _spread(figures.wall), _spread(figures.cpu),
            _number(figures.ns, "%.0f"),
            _number(figures.instructions, "%.0f"),
            _number(figures.allocations, "%.2f"),
            _number(figures.peak and figures.peak / 1024, "%.0f"),
            _delivered(figures)]


def _input_section(result, contenders):
    kind = result["kind"]
    lines = ["", "## %s: %s" % (kind, INPUTS[kind]), "",
             "%.1f MB; the read() loop takes %s ms." % (
                 result["size"] / 1e6, "%.1f (%.1f-%.1f)" % tuple(
                     1000 * t for t in (result["base"].median,
                                        result["base"].low,
                                        result["base"].high))), ""]
    head = ["", "wall x read()", "CPU x read()", "ns/frame", "instr./frame",
            "mallocs/frame", "peak KiB", "frames"]
    rows = [_contender_row(c, result["figures"].get(c.key))
            for c in contenders]
    return lines + table(head, rows)


def _verdict(value, goal, form):
    """One cell: the figure, the goal, and whether it is met."""
    if value is None:
        return "- (at most %s)" % (form % goal)
    met = "met" if float(form % value) <= goal else "MISSED"
    return "%s (at most %s) %s" % (form % value, form % goal, met)


def _no_data_cell(result):
    """What our reader does beyond reading, against all that seeking takes."""
    ours = result["figures"]["no_data"].ns
    seek = result["figures"]["seek"]
    theirs = seek.wall.median * result["base"].median * 1e9 / seek.delivered
    return _verdict(ours, theirs, "%.0f")


def _reach_cells(result):
    kind, costs = result["kind"], result["costs"]
    ours = result["figures"]["ours"]
    lent, reserved = costs["lent"], costs["reserved"]
    return [
        _verdict(ours.wall.median, GOALS["wall"][kind], "%.2f"),
        "%.2f" % ours.cpu.median,
        _verdict(ours.instructions, GOALS["instructions"][kind], "%.0f"),
        _verdict(costs["allocations"], 0, "%.4f"),
        _verdict(lent["copied"] / lent["fed"], GOALS["copied"][kind], "%.3f"),
        "%.3f" % (lent["cut"] / lent["fed"]),
        _verdict(reserved["copied"] / reserved["fed"], COPIED_RESERVED,
                 "%.3f"),
        _verdict(lent["peak"] / 1024, 2 * lent["largest"] / 1024 + 128,
                 "%.0f"),
        _verdict(reserved["peak"] / 1024,
                 2 * reserved["largest"] / 1024 + 128, "%.0f"),
        _verdict(costs["late"], 0, "%d"),
        _no_data_cell(result),
    ]


def _reach_section(inputs):
    names = ["wall time x read(), 64 KiB pieces",
             "  CPU time x read(), 64 KiB pieces", "instructions per frame",
             "allocations per frame, steady",
             "bytes copied per byte fed, 64 KiB pieces",
             "  of these, frames in which a piece ends",
             "bytes copied per byte fed, reserve and commit",
             "peak heap, KiB", "peak heap, KiB, reserve and commit",
             "bytes beyond a frame's last before it comes",
             "without data: ns/frame beyond read(), seeking's ns"]
    columns = [(r["kind"], _reach_cells(r)) for r in inputs
               if r["kind"] in GOALS["wall"]]
    if not columns:
        return []
    rows = [[name] + [cells[i] for _, cells in columns]
            for i, name in enumerate(names)]
    return ["", "## Reach: our reader with its defaults", ""] + table(
        [""] + [kind for kind, _ in columns], rows)


def _many_section(many):
    head = ["readers fed in turn, by pieces of", "fresh, bytes each",
            "at the end, bytes each", "most, bytes each", "us/MB in turn",
            "us/MB one by one"]
    rows = []
    for piece, readers, trim, n in many:
        megabytes = n["bytes"] / 1e6
        rows.append(["  trimmed behind each" if trim else
                     "%d readers, %d bytes" % (readers, piece),
                     _verdict(n["empty"], EMPTY_READER, "%d"),
                     _verdict(n["idle"], EMPTY_READER, "%d") if trim else
                     "%d" % n["idle"],
                     "%d" % n["most"],
                     "%.0f" % (n["turns_ns"] / 1e3 / megabytes),
                     "%.0f" % (n["row_ns"] / 1e3 / megabytes)])
    return ["", "## Many streams", "",
            "Each gets 300 frames of R; CPU time per reader."
            "  \"At the end\": all bytes were fed, none is kept.",
            "A reader keeps what its largest frame took, so that it allocates "
            "no more; kvsp_reader_trim gives that back.", ""] + \
        table(head, rows)


def _info_section(info):
    without = info["info"].median - info["start"].median
    return ["", "## kvsparse info against cat", "",
            "A, %d MB, into /dev/null: cat takes %.1f ms; kvsparse info takes "
            "%s times that," % (info["size"] // 1000000,
                                info["base"].median * 1e3,
                                _spread(info["info"])),
            "%s times without the start of the process (%.1f ms)." % (
                _verdict(without, INFO_OVER_CAT, "%.2f"),
                info["start"].median * info["base"].median * 1e3)]


def _speed_row(row):
    size, name, threads, rates, cpus, ratio = row
    theirs = _spread(rates[1], "%.0f") if len(rates) > 1 else "not installed"
    verdict = "-"
    if ratio:
        verdict = "%s %s" % (_spread(ratio, "%.3f"), "met" if
                             ratio.median >= PICTURES_BEHIND else "MISSED")
    return ["%s to %s, threads: %d" % (size, name, threads),
            _spread(rates[0], "%.0f"), theirs, verdict] + [
                "%.0f" % c.median for c in cpus]


def _decoding_section(decoding):
    if decoding is None:
        return ["", "## Decoding", "", "Not measured: FFmpeg is missing."]
    head = ["pictures a second", "libkvsparse-av", "ffmpeg -f null",
            "ratio (at least 0.97)", "our CPU us", "ffmpeg's"]
    rows = [_speed_row(row) for row in decoding["speed"]]
    for row in rows:
        row += ["-"] * (len(head) - len(row))
    lines = ["", "## Decoding", "",
             "From bytes to pictures; start-up is not in it (the difference "
             "of two lengths).", ""] + table(head, rows)
    head = ["frame's last byte to its picture, ms", "median", "most",
            "pictures"]
    rows = [["%s, %s" % (size, who), "%.2f" % (n["median_us"] / 1e3),
             "%.2f" % (n["most_us"] / 1e3), "%d" % n["pictures"]]
            for size, who, n in decoding["latency"]]
    return lines + ["", "One thread each, a stream that comes at its own "
                    "30 frames a second.", ""] + table(head, rows)


def render(results):
    """All of it."""
    lines = ["# What reading costs", "",
             "Written by make bench; see HACKING.md.  Wall and CPU time are "
             "medians of whole processes,",
             "start-up included, in brackets the middle half; \"x read()\" is "
             "the ratio to runs of a bare",
             "read() loop over the same file just before and after.  ns/frame "
             "is the wall time beyond that",
             "loop's.  Instructions (callgrind) and mallocs (dhat) of a frame "
             "are the difference of two",
             "lengths, so that start-up is not in them; peak KiB is the heap "
             "of the longer of these.", ""]
    lines += table(["machine", ""], [[what, which] for what, which in
                                      results["machine"]])
    if results["missing"]:
        lines += ["", "Not built here, for want of: " + ", ".join(results["missing"])]
    lines += _reach_section(results["inputs"])
    for result in results["inputs"]:
        lines += _input_section(result, results["contenders"])
    lines += _many_section(results["many"])
    lines += _info_section(results["info"])
    lines += _decoding_section(results["decoding"])
    return "\n".join(lines)
