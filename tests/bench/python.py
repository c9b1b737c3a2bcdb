#!/usr/bin/env python3
"""What the Python package costs next to PyAV: frames a second without decoding,
pictures a second as RGB arrays.

Each contender is a process of its own, which measures itself from opening the
file to its end; contenders run in turn, so that what else the machine does
meets all of them; on a busy machine CPU time says more than the wall clock.
"Delivered": a loop that counts.  "Looked at": track, time, key flag, size, the
first and the last byte of each frame's data.  The tables go to standard output.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent


# --- contenders: each gives (count, sum of what was looked at) ------------------


def kvsparse_delivers(path):
    import kvsparse

    count = 0
    for _ in kvsparse.frames(path):
        count += 1
    return count, None


def pyav_delivers(path):
    import av

    count = 0
    with av.open(path) as container:
        for _ in container.demux():
            count += 1
        # Each stream ends with an empty packet.
        return count - len(container.streams), None


def kvsparse_frames(path, **options):
    import kvsparse

    count = seen = 0
    for frame in kvsparse.frames(path, **options):
        data = frame.data
        seen += frame.size + frame.key + frame.track.number
        seen += frame.pts_ns // 1_000_000
        seen += data[0] + data[-1]
        count += 1
    return count, seen


def kvsparse_views(path):
    return kvsparse_frames(path, copy=False)


def pyav_frames(path):
    import av

    count = seen = 0
    with av.open(path) as container:
        for packet in container.demux():
            if packet.size == 0:
                continue  # the end
            data = memoryview(packet)
            seen += packet.size + packet.is_keyframe + packet.stream.index + 1
            seen += packet.pts
            seen += data[0] + data[-1]
            count += 1
    return count, seen


def kvsparse_pictures(path, threads=0):
    import kvsparse

    count = seen = 0
    for picture in kvsparse.pictures(path, format="rgb24", threads=threads):
        array = picture.array
        seen += array.shape[0] + array.shape[1] + array.shape[2]
        seen += bool(int(array[0, 0, 0]) + int(array[-1, -1, 2]) + 1)
        count += 1
    return count, seen


def kvsparse_pictures_1(path):
    return kvsparse_pictures(path, threads=1)


def pyav_pictures(path, threads=None):
    import av

    count = seen = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        if threads is None:
            stream.thread_type = "AUTO"
        else:
            stream.codec_context.thread_count = threads
        for frame in container.decode(stream):
            array = frame.to_ndarray(format="rgb24")
            seen += array.shape[0] + array.shape[1] + array.shape[2]
            seen += bool(int(array[0, 0, 0]) + int(array[-1, -1, 2]) + 1)
            count += 1
    return count, seen


def pyav_pictures_1(path):
    return pyav_pictures(path, threads=1)


def consumer(path):
    """kvsparse.consumer, as a program made for AWS's sample uses it, with the
    1024 bytes at a time that boto3 gives."""
    from kvsparse.consumer import KvsConsumerLibrary

    data = Path(path).read_bytes()
    pieces = [data[at:at + 1024] for at in range(0, len(data), 1024)]
    found, errors = [], []
    thread = KvsConsumerLibrary(
        "stream", {"Payload": pieces},
        lambda name, data, dom, duration: found.append(len(data)),
        lambda name: None, lambda name, error: errors.append(error))
    thread.run()
    if errors:
        raise errors[0]
    return len(found), sum(found)


CONTENDERS = {
    function.__name__: function
    for function in (
        consumer,
        kvsparse_delivers,
        pyav_delivers,
        kvsparse_frames,
        kvsparse_views,
        pyav_frames,
        kvsparse_pictures,
        kvsparse_pictures_1,
        pyav_pictures,
        pyav_pictures_1,
    )
}


def contend(name, path):
    """In the process of the contender: a line of JSON."""
    import kvsparse  # noqa: F401  so that importing is not measured

    if name.startswith("pyav"):
        import av  # noqa: F401
    if name.endswith(("pictures", "pictures_1")):
        import numpy  # noqa: F401
    wall, cpu = time.perf_counter(), time.process_time()
    count, seen = CONTENDERS[name](path)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"count": count, "seen": seen, "wall": wall, "cpu": cpu}))


# --- measuring -------------------------------------------------------------------


def once(name, path):
    done = subprocess.run(
        [sys.executable, __file__, "--contend", name, path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True,
    )
    if done.returncode:
        sys.exit(f"{name} {path}: {done.stderr}")
    return json.loads(done.stdout)


def measure(names, path, rounds):
    """For each name the results of all rounds, which were paired."""
    results = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            results[name].append(once(name, path))
    found = {(r["count"], r["seen"]) for rs in results.values() for r in rs}
    if len(found) != 1:
        sys.exit(f"{path}: contenders do not see the same: {sorted(found)}")
    return results, found.pop()[0]


def spread(values, form):
    return f"{form % statistics.median(values)} " \
           f"({form % min(values)}-{form % max(values)})"


def rates(results, name, count, key):
    return [count / r[key] for r in results[name]]


def ratios(results, name, peer, key):
    return [p[key] / r[key] for r, p in zip(results[name], results[peer])]


def table(title, unit, rows, results, count, goal):
    """rows: (name, what it is, the peer it is compared with or None)."""
    print(f"### {title}\n")
    print(f"| {count} {unit} | a second | a second of CPU time | x PyAV, wall"
          f" (at least {goal}) | x PyAV, CPU |")
    print("|---|--:|--:|--:|--:|")
    for name, what, peer in rows:
        cells = [what,
                 spread(rates(results, name, count, "wall"), "%.0f"),
                 spread(rates(results, name, count, "cpu"), "%.0f")]
        if peer:
            wall = ratios(results, name, peer, "wall")
            met = "met" if statistics.median(wall) >= goal else "MISSED"
            cells += [f"{spread(wall, '%.2f')} {met}",
                      spread(ratios(results, name, peer, "cpu"), "%.2f")]
        else:
            cells += ["", ""]
        print("| " + " | ".join(cells) + " |")
    print()


def consumer_table(rounds):
    """Its time grows with the fragment, not with the fragment's square."""
    print("### kvsparse.consumer, one fragment, 1024 bytes at a time\n")
    print("| MB | ms | ms of CPU time | ns of CPU time a byte |")
    print("|--:|--:|--:|--:|")
    for megabytes in (1.25, 2.5, 5, 10):
        path = call_input(round(megabytes * 1e6 / 327))
        results, _ = measure(["consumer"], path, rounds)
        wall = [r["wall"] * 1e3 for r in results["consumer"]]
        cpu = [r["cpu"] * 1e3 for r in results["consumer"]]
        print(f"| {megabytes} | {spread(wall, '%.1f')} | {spread(cpu, '%.1f')} | "
              f"{statistics.median(cpu) / megabytes:.1f} |")
    print()


# --- inputs ----------------------------------------------------------------------


def made(path, command):
    """The file, which is made where it is missing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with open(path, "wb") as out:
            subprocess.run(command, stdout=out, check=True)
    return str(path)


def call_input(count):
    return made(f"tests/bench/inputs/C-{count}.mkv",
                ["tests/bench/make_input", "C", str(count)])


def video_inputs(quick):
    corpus = os.environ.get("KVSPARSE_CORPUS")
    capture = corpus and Path(corpus, "kvs-getmedia", "output_get_media.mkv")
    if capture and capture.exists():
        yield "output_get_media.mkv, 640x360", str(capture)
    for size, seconds in (("640x360", 12), ("1280x720", 6)):
        seconds = 3 if quick else seconds
        yield f"kvsparse generate, {size}", made(
            f"tests/bench/inputs/python-{size}-{seconds}s.mkv",
            ["tools/kvsparse", "generate", "--quiet", "--size", size,
             "--seconds", str(seconds), "-o", "-"],
        )


def describe(rounds):
    import av
    import numpy

    sys.path.insert(0, str(HERE))
    import machine

    class Options:
        mb = 0

    Options.rounds = rounds
    for what, which in machine.describe(Options):
        if what in ("CPU", "System", "Load at the start"):
            print(f"- {what}: {which}")
    print(f"- Python {sys.version.split()[0]}, PyAV {av.__version__}, numpy "
          f"{numpy.__version__}")
    print(f"- {rounds} rounds, contenders in turn; medians, and from the least to "
          "the most\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--contend", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="small inputs")
    options = parser.parse_args()
    if options.contend:
        contend(*options.contend)
        return
    for module in ("av", "numpy"):
        if not find_spec(module):
            sys.exit(f"{module} is missing (Debian: python3-av, python3-numpy); "
                     "another Python: make bench-python PYTHON3=/usr/bin/python3")
    print("## Python\n")
    describe(options.rounds)
    path = call_input(20_000 if options.quick else 520_000)
    results, count = measure(["kvsparse_delivers", "pyav_delivers"], path,
                             options.rounds)
    table("C: two PCM tracks, 320-byte frames, delivered", "frames", [
        ("kvsparse_delivers", "kvsparse.frames()", "pyav_delivers"),
        ("pyav_delivers", "PyAV, demux()", None),
    ], results, count, 3)
    names = ["kvsparse_frames", "kvsparse_views", "pyav_frames"]
    results, count = measure(names, path, options.rounds)
    table("C, looked at", "frames", [
        ("kvsparse_frames", "kvsparse.frames()", "pyav_frames"),
        ("kvsparse_views", "kvsparse.frames(copy=False)", "pyav_frames"),
        ("pyav_frames", "PyAV, demux()", None),
    ], results, count, 3)
    names = ["kvsparse_pictures", "pyav_pictures",
             "kvsparse_pictures_1", "pyav_pictures_1"]
    for title, path in video_inputs(options.quick):
        results, count = measure(names, path, options.rounds)
        table(f"{title}, to RGB arrays", "pictures", [
            ("kvsparse_pictures", "kvsparse.pictures()", "pyav_pictures"),
            ("pyav_pictures", "PyAV, to_ndarray(), threads AUTO", None),
            ("kvsparse_pictures_1", "kvsparse.pictures(threads=1)",
             "pyav_pictures_1"),
            ("pyav_pictures_1", "PyAV, to_ndarray(), one thread", None),
        ], results, count, 1)
    consumer_table(options.rounds)


if __name__ == "__main__":
    main()
