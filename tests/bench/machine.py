"""The machine and the versions, for the head of the tables."""

import os
import re
import subprocess


def _first_line(argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
    except OSError:
        return None
    return done.stdout.splitlines()[0].strip() if done.stdout else None


def _field(path, name):
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(name):
                    return line.split(":", 1)[1].strip().strip('"')
    except OSError:
        pass
    return None


def _system():
    try:
        with open("/etc/os-release", encoding="utf-8") as lines:
            match = re.search(r'^PRETTY_NAME="?([^"\n]*)', lines.read(),
                              re.MULTILINE)
    except OSError:
        match = None
    name = match.group(1) if match else "unknown"
    return "%s, Linux %s" % (name, os.uname().release.split("-")[0])


def _package(name):
    """The version of a Debian package; None where there is no such thing."""
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name],
                              stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    return done.stdout or None


def describe(options):
    """Lines (what, which)."""
    compiler = os.environ.get("CC", "cc").split()[0]
    lines = [
        ("CPU", "%s, %d cores" % (_field("/proc/cpuinfo", "model name"),
                                  os.cpu_count())),
        ("Memory", _field("/proc/meminfo", "MemTotal")),
        ("System", _system()),
        ("Compiler", "%s, %s" % (_first_line([compiler, "--version"]),
                                 os.environ.get("CFLAGS", "").strip())),
        ("valgrind", _first_line(["valgrind", "--version"])),
        ("FFmpeg", _first_line(["ffmpeg", "-version"])),
    ]
    for name in ("libwebm-dev", "libavformat-dev", "libebml-dev",
                 "libmatroska-dev"):
        lines.append((name, _package(name)))
    lines.append(("Inputs", "%d MB each, in the page cache; %d rounds" % (
        options.mb, options.rounds)))
    load = os.getloadavg()[0]
    lines.append(("Load at the start", "%.1f" % load))
    return [(what, which) for what, which in lines if which]
