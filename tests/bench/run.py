"""make bench: measures the contenders and prints the tables.

Run from the build folder; --help tells the options.  Inputs are made once,
in tests/bench/inputs.
"""

import argparse
import os
import shutil
import sys

import measure
import machine
import decoding
import report

# The inputs of 250 MB: how many frames they have, and how many the two short
# ones have whose difference shows what a frame costs.
FRAMES = {"A": 30000, "R": 30000, "K": 30000, "B": 291000, "C": 500000}
SHORT = {"A": (600, 3000), "R": (600, 3000), "K": (600, 3000),
         "B": (2002, 10010), "C": (2000, 10000)}


class Contender:
    """One way to read; key is what other parts know it by."""

    def __init__(self, key, name, program, options=(), package=None,
                 frames=True):
        self.key = key
        self.name = name
        self.path = "tests/bench/" + program
        self.options = list(options)
        self.package = package  # what brings it
        self.frames = frames  # delivers their data, so the sum must agree

    def built(self):
        return os.access(self.path, os.X_OK)

    def argv(self, path):
        return [self.path] + self.options + [path]


READ_LOOP = Contender("read", "read() loop, 64 KiB", "read_loop")
CONTENDERS = [
    Contender("walker", "floor: a minimal walker", "walker"),
    Contender("ours", "libkvsparse, 64 KiB pieces", "kvsparse_frames"),
    Contender("visit", "  kvsp_reader_visit", "kvsparse_frames", ["--visit"]),
    Contender("reserve", "  reserve and commit", "kvsparse_frames",
              ["--reserve"]),
    Contender("no_data", "  without data", "kvsparse_frames", ["--no-data"],
              frames=False),
    Contender("seek", "walker that seeks over data", "walker", ["--seek"],
              frames=False),
    Contender("webm", "libwebm webm_parser", "libwebm_frames",
              package="libwebm-dev"),
    Contender("plain", "libavformat, parsers off", "avformat_frames",
              ["--plain"], package="libavformat-dev"),
    Contender("avformat", "libavformat, default", "avformat_frames",
              package="libavformat-dev"),
    Contender("matroska", "libebml/libmatroska", "matroska_frames",
              package="libmatroska-dev"),
]


def note(text):
    print(text, file=sys.stderr, flush=True)


def make_input(kind, frames):
    """The path of that input, which is made where it is missing."""
    folder = "tests/bench/inputs"
    path = "%s/%s-%d.mkv" % (folder, kind, frames)
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(path):
        note("making %s" % path)
        with open(path + ".part", "wb") as out:
            measure.subprocess.run(
                ["tests/bench/make_input", kind, str(frames)], stdout=out,
                check=True)
        os.rename(path + ".part", path)
    return path


def parse_frames(line):
    """(frames, sum) of the line that contenders print."""
    words = line.split()
    if len(words) < 6 or words[0] != "frames":
        return 0, None
    return int(words[1]), words[5]


class Figures:
    """What was measured of one contender on one input; None: not measured."""

    def __init__(self):
        self.delivered = 0
        self.agrees = None
        self.wall = None
        self.cpu = None
        self.ns = None
        self.instructions = None
        self.allocations = None
        self.peak = None


def check_frames(figures, built, path):
    """What each delivers, and whether that is what the walker delivers."""
    wanted = None
    for contender in built:
        text, _ = measure.output(contender.argv(path))
        frames, checksum = parse_frames(text)
        if contender.key == "walker":
            wanted = checksum
        figures[contender.key].delivered = frames
        if contender.frames:
            figures[contender.key].agrees = checksum == wanted
        elif frames != figures["walker"].delivered:
            figures[contender.key].agrees = False


def measure_time(figures, built, path, rounds):
    base, results = measure.paired(
        READ_LOOP.argv(path), [c.argv(path) for c in built], rounds)
    for contender, (wall, cpu, beyond) in zip(built, results):
        f = figures[contender.key]
        f.wall, f.cpu = wall, cpu
        if f.delivered:
            f.ns = beyond * 1e9 / f.delivered
    return base


def measure_slopes(figures, built, kind):
    """Instructions and allocations of a frame: two lengths, so that what
    start and end cost is not in it."""
    counts = SHORT[kind]
    paths = [make_input(kind, n) for n in counts]
    for contender in built:
        note("  valgrind: %s" % contender.name.strip())
        f = figures[contender.key]
        runs = []
        for path in paths:
            argv = contender.argv(path)
            frames = parse_frames(measure.output(argv)[0])[0]
            runs.append((frames, measure.instructions(argv),
                         *measure.heap(argv)))
        if None in runs[0] + runs[1] or runs[1][0] <= runs[0][0]:
            continue
        more = runs[1][0] - runs[0][0]
        f.instructions = (runs[1][1] - runs[0][1]) / more
        f.allocations = (runs[1][2] - runs[0][2]) / more
        f.peak = runs[1][3]


def measure_input(kind, options):
    path = make_input(kind, FRAMES[kind] * options.mb // 250)
    built = [c for c in options.contenders if c.built()]
    figures = {c.key: Figures() for c in built}
    note("input %s, %d MB" % (kind, os.path.getsize(path) // 1000000))
    check_frames(figures, built, path)
    base = measure_time(figures, built, path, options.rounds)
    if options.valgrind:
        measure_slopes(figures, built, kind)
    return {"kind": kind, "size": os.path.getsize(path), "base": base,
            "figures": figures, "costs": measure_costs(kind, path)}


def measure_costs(kind, path):
    """What only our reader tells of itself."""
    program = "tests/bench/kvsparse_frames"
    short, longer = [make_input(kind, n) for n in SHORT[kind]]
    whole = measure.numbers([program, "--stats", path])
    costs = {
        "lent": whole,
        "reserved": measure.numbers([program, "--stats", "--reserve", path]),
        "late": measure.numbers([program, "--bytewise", short])["late"],
        "allocations": None,
    }
    start = measure.numbers([program, "--stats", longer])
    more = whole["delivered"] - start["delivered"]
    if more > 0:  # else there is no telling
        costs["allocations"] = (whole["allocations"] -
                                start["allocations"]) / more
    return costs


def measure_many(readers):
    """A thousand cameras: pieces as they come from TLS, and of 64 KiB; with
    frames as they are, and trimmed behind each piece."""
    path = make_input("R", 300)
    return [(piece, readers, trim, measure.numbers(
        ["tests/bench/kvsparse_many"] + trim +
        [str(readers), str(piece), path]))
            for piece in (1400, 16384, 65536) for trim in ([], ["--trim"])]


def kvsparse_program():
    """tools/kvsparse without the script that libtool puts before it."""
    real = "tools/.libs/kvsparse"
    if not os.access(real, os.X_OK):
        return "tools/kvsparse"
    folders = [os.path.abspath("lib/%s/.libs" % part)
               for part in ("core", "av", "matroska", "net")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(folders)
    return real


def measure_info(options):
    """kvsparse info against cat >/dev/null; both with their start."""
    path = make_input("A", FRAMES["A"] * options.mb // 250)
    program = kvsparse_program()
    base, results = measure.paired(
        ["cat", path], [[program, "info", path], [program, "--version"]],
        options.rounds)
    return {"size": os.path.getsize(path), "base": base,
            "info": results[0][0], "start": results[1][0]}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=250,
                        help="megabytes of each input (250)")
    parser.add_argument("--rounds", type=int, default=11,
                        help="paired runs (11)")
    parser.add_argument("--inputs", default="ABCRK",
                        help="which of A, B, C, R, K")
    parser.add_argument("--ours", action="store_true",
                        help="no peers, only our reader and the walkers")
    parser.add_argument("--quick", action="store_true",
                        help="25 MB, 3 rounds, nothing under valgrind, short "
                        "streams to decode")
    parser.add_argument("--no-decoding", action="store_true")
    parser.add_argument("--results", metavar="FILE",
                        help="write the tables there, too")
    options = parser.parse_args()
    if options.quick:
        options.mb, options.rounds = min(options.mb, 25), 3
    if options.mb < 1 or options.rounds < 1:
        parser.error("at least 1")
    options.contenders = [c for c in CONTENDERS
                          if not (options.ours and c.package)]
    options.valgrind = not options.quick and bool(shutil.which("valgrind"))
    return options


def main():
    options = parse_options()
    missing = {c.package for c in options.contenders if not c.built()}
    if not shutil.which("valgrind"):
        missing.add("valgrind")
    results = {
        "machine": machine.describe(options),
        "contenders": options.contenders,
        "missing": sorted(missing),
        "inputs": [measure_input(kind, options) for kind in options.inputs],
        "many": measure_many(100 if options.quick else 1000),
        "info": measure_info(options),
        "decoding": None if options.no_decoding
                    else decoding.measure_all(options, note),
    }
    text = report.render(results)
    print(text)
    if options.results:
        with open(options.results, "w", encoding="utf-8") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
