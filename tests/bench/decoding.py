"""Decoding: pictures a second, and how long a picture takes to be there."""

import os
import shutil
import subprocess

import measure

SIZES = ("640x360", "1280x720")
FORMATS = (("gray8", "gray"), ("rgb24", "rgb24"))


def _stream(size, seconds):
    """A stream of our own making, which is made where it is missing."""
    path = "tests/bench/inputs/%s-%ds.mkv" % (size, seconds)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        subprocess.run(["tools/kvsparse", "generate", "--quiet", "--force",
                        "--size", size, "--seconds", str(seconds), "-o", path],
                       check=True)
    return path


def _ours(name, threads, path):
    return ["tests/bench/kvsparse_pictures", name, str(threads), path]


def _ffmpeg(name, threads, path):
    return ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads",
            str(threads), "-filter_threads", str(threads), "-i", path, "-an",
            "-vsync", "passthrough", "-pix_fmt", name, "-f", "null", "-"]


def _rates(commands, short, long, more, rounds):
    """Pictures a second of each command (a function of a path): what the long
    stream takes longer than the short one, so that starting is not in it."""
    rates = [[] for _ in commands]
    cpus = [[] for _ in commands]
    for _ in range(rounds):
        for i, command in enumerate(commands):
            few_wall, few_cpu = measure.timed(command(short))
            wall, cpu = measure.timed(command(long))
            rates[i].append(more / (wall - few_wall))
            cpus[i].append((cpu - few_cpu) * 1e6 / more)
    ratios = [ours / theirs for ours, theirs in zip(*rates)] \
        if len(rates) == 2 else None
    return ([measure.Spread(r) for r in rates],
            [measure.Spread(c) for c in cpus],
            measure.Spread(ratios) if ratios else None)


def _speed(options, note):
    """Rows (size, format, threads, rates, microseconds of CPU, ratio)."""
    seconds = (1, 5) if options.quick else (2, 12)
    rows = []
    for size in SIZES:
        short, long = [_stream(size, s) for s in seconds]
        more = (seconds[1] - seconds[0]) * 30
        for ours, theirs in FORMATS:
            for threads in sorted({1, os.cpu_count()}):
                note("decoding %s to %s, threads: %d" % (size, ours, threads))
                commands = [lambda path: _ours(ours, threads, path)]
                if shutil.which("ffmpeg"):
                    commands.append(
                        lambda path: _ffmpeg(theirs, threads, path))
                rows.append((size, ours, threads) + _rates(
                    commands, short, long, more, min(options.rounds, 7)))
    return rows


def _latency(options, note):
    """Rows (size, who, numbers)."""
    rows = []
    for size in SIZES:
        path = _stream(size, 1 if options.quick else 5)
        note("latency, %s" % size)
        for who, program in (("libkvsparse, low delay", "kvsparse_latency"),
                             ("libavcodec, low_delay", "avcodec_latency")):
            argv = ["tests/bench/" + program, "1", path]
            if os.access(argv[0], os.X_OK):
                rows.append((size, who, measure.numbers(argv)))
    return rows


def measure_all(options, note):
    """None where this build has no decoding."""
    if not os.access("tests/bench/kvsparse_pictures", os.X_OK):
        return None
    return {"speed": _speed(options, note),
            "latency": _latency(options, note)}
