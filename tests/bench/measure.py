"""How a program's cost is measured: time, instructions, heap.

Knows processes and valgrind; knows nothing of what the programs do.
"""

import os
import re
import statistics
import subprocess
import tempfile
import time

_NULL = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
         (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
         (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]


def timed(argv):
    """Runs it; seconds as (wall, user + system)."""
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=_NULL)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status != 0:  # what failed was fast for that
        raise RuntimeError("%s: ended with status %d" % (argv[0], status))
    return wall, usage.ru_utime + usage.ru_stime


def output(argv, timeout=600):
    """What it prints on standard output, and whether it succeeded."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=timeout, check=False)
    return done.stdout, done.returncode == 0


def numbers(argv):
    """The lines "name number" that it prints."""
    text, _ = output(argv)
    found = re.findall(r"^([a-z_]+) (-?\d+)$", text, re.MULTILINE)
    return {name: int(value) for name, value in found}


class Spread:
    """The median of some numbers, and the middle half of them."""

    def __init__(self, values):
        ordered = sorted(values)
        self.median = statistics.median(ordered)
        self.low = ordered[len(ordered) // 4]
        self.high = ordered[-1 - len(ordered) // 4]


def paired(base, contenders, rounds):
    """Runs base and each contender in turn: base, first, base, second, ...

    What is compared has run next to each other, so that a machine that is
    busy for a while slows both.  For each contender the ratios to the mean of
    the two base runs around it, as (wall Spread, CPU Spread, wall seconds
    beyond base).
    """
    walls = [[] for _ in contenders]
    cpus = [[] for _ in contenders]
    beyond = [[] for _ in contenders]
    bases = []
    for _ in range(rounds):
        before = timed(base)
        for i, argv in enumerate(contenders):
            wall, cpu = timed(argv)
            after = timed(base)
            bases.append(before[0])
            base_wall = (before[0] + after[0]) / 2
            base_cpu = (before[1] + after[1]) / 2
            walls[i].append(wall / base_wall)
            cpus[i].append(cpu / max(base_cpu, 1e-4))
            beyond[i].append(wall - base_wall)
            before = after
    results = [(Spread(w), Spread(c), Spread(b).median)
               for w, c, b in zip(walls, cpus, beyond)]
    return Spread(bases), results


def _valgrind(tool, argv):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        done = subprocess.run(
            ["valgrind", "--tool=" + tool, "--%s-out-file=%s" % (tool, out)]
            + argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False)
    return done.stderr


def _number(pattern, text):
    match = re.search(pattern, text)
    return int(match.group(1).replace(",", "")) if match else None


def instructions(argv):
    """What callgrind counts; None when it cannot."""
    return _number(r"Collected\s*:\s*([\d,]+)", _valgrind("callgrind", argv))


def heap(argv):
    """What dhat counts: (blocks ever allocated, most bytes at a time)."""
    text = _valgrind("dhat", argv)
    return (_number(r"Total:\s+[\d,]+ bytes in ([\d,]+) blocks", text),
            _number(r"t-gmax:\s+([\d,]+) bytes", text))
