"""make bench-net: many live streams in one thread, next to libcurl alone.

tests/bench/net_streams reads all streams of a local endpoint by one
kvsp_client, and once more by a plain loop over libcurl's multi handle that
throws the bytes away.  The endpoint is Python, and the bottleneck: only what
the reading process costs by itself says something, and delays and fairness
next to those of the plain loop.  Run from the build folder; the tables go to
standard output, for RESULTS.md.
"""

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys

import measure
import report

PROGRAM = "tests/bench/net_streams"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "S",
        "AWS_REGION": "us-west-2"}


@contextlib.contextmanager
def endpoint(*arguments):
    """The port of a local endpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kvsparse.endpoint", "-q", "--no-auth",
         "--no-quotas", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def size_of(port, stream):
    """Bytes of a stream that has an end."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/getMedia", json.dumps({
        "StreamName": stream,
        "StartSelector": {"StartSelectorType": "EARLIEST"}}))
    return len(connection.getresponse().read())


def run(port, options, size, seconds):
    """Rounds of both in turn: {name: median} of ours and of the plain loop."""
    arguments = ["http://127.0.0.1:%d" % port, str(options.streams),
                 str(size), str(seconds)]
    ours, plain = [], []
    for _ in range(options.rounds):
        ours.append(measure.numbers([PROGRAM, *arguments]))
        plain.append(measure.numbers([PROGRAM, "--plain", *arguments]))
    return [{name: statistics.median(round[name] for round in rounds)
             for name in rounds[0]} for rounds in (ours, plain)]


def fast(options):
    """All at once."""
    with endpoint("--pace", "0", "--idle", "1", "--stream",
                  "cam{0..%d}=counter:fragments=%d,frames=10,size=10000" % (
                      options.streams - 1, options.fragments)) as port:
        return run(port, options, size_of(port, "cam0"), 0)


def paced(options):
    """A fragment a second of each stream, all of them at the same time."""
    with endpoint("--stream", "cam{0..%d}=counter:fragments=10,frames=1,"
                  "size=20000,fragment_ms=1000" % (
                      options.streams - 1)) as port:
        return run(port, options, 0, options.seconds)


def fast_row(name, n, plain, streams):
    megabytes = n["bytes"] / 1e6
    return [name, "%.0f" % (n["cpu_ns"] / 1e3 / megabytes),
            "%.2f" % (n["cpu_ns"] / n["bytes"] /
                      (plain["cpu_ns"] / plain["bytes"])),
            "%.0f" % (n["user_ns"] / 1e3 / megabytes),
            "%.1f" % (n["heap"] / 1024 / streams),
            "%.1f" % (n["own_heap"] / 1024 / streams),
            "%.1f" % (n["rss"] / 1024 / streams),
            "%.2f" % (n["fewest"] / n["most"])]


def paced_row(name, n, streams):
    return [name, "%d" % n["fragments"], "%d" % n["delay_median"],
            "%d" % n["delay_max"], "%.2f" % (n["cpu_ns"] / 1e6 / streams),
            "%.1f" % (n["heap"] / 1024 / streams),
            "%.1f" % (n["own_heap"] / 1024 / streams)]


def section(options):
    """The tables."""
    names = ["libkvsparse-net", "libcurl alone"]
    rows = fast(options)
    lines = ["## %d live streams in one thread" % options.streams, "",
             "make bench-net; medians of %d rounds." % options.rounds, "",
             "All at once, %.1f MB:" % (rows[0]["bytes"] / 1e6), ""]
    lines += report.table(
        ["", "CPU, us/MB", "ratio", "user, us/MB", "heap, KiB each",
         "ours of it", "RSS, KiB each", "fewest/most bytes"],
        [fast_row(name, row, rows[1], options.streams)
         for name, row in zip(names, rows)])
    rows = paced(options)
    lines += ["", "A fragment of 20 kB a second each, all at the same moment, "
              "for %d s:" % options.seconds, ""]
    lines += report.table(
        ["", "fragments", "delay, ms: median", "max", "CPU, ms each",
         "heap, KiB each", "ours of it"],
        [paced_row(name, row, options.streams)
         for name, row in zip(names, rows)])
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--fragments", type=int, default=40,
                        help="of 100 kB, of each stream (40)")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.update(KEYS)
    print(section(options))


if __name__ == "__main__":
    main()
