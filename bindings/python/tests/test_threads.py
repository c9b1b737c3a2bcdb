"""Several threads, several streams: Python's lock is not held in the library."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import kvsparse


def digest(path: Path) -> str:
    whole = hashlib.sha256()
    for picture in kvsparse.pictures(path, threads=1):
        whole.update(picture.tobytes())
    return whole.hexdigest()


def test_threads_give_the_same(decodes: None, sample: Path) -> None:
    expected = digest(sample)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(digest(sample))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_others_run_while_a_picture_is_made(decodes: None, sample: Path) -> None:
    """One call that decodes for long, and another thread that counts: with the
    lock held it would not get to count once."""
    data = sample.read_bytes()
    reader = kvsparse.PictureReader(every=1_000_000, threads=1, size=(2048, 0))
    counts = []
    inside = threading.Event()
    ended = threading.Event()

    def count() -> None:
        n = 0
        inside.wait()
        while not ended.is_set():
            n += 1
            time.sleep(0)
        counts.append(n)

    original = reader._library.kvsp_pictures_next_item
    longest = 0.0
    during = 0

    class Watched:
        """The library, whose longest call is measured by what is counted."""

        def __getattr__(self, name: str) -> object:
            return getattr(library, name)

        @staticmethod
        def kvsp_pictures_next_item(*arguments: object) -> object:
            inside.set()
            return original(*arguments)

    library = reader._library
    reader._library = Watched()
    thread = threading.Thread(target=count)
    thread.start()
    began = time.monotonic()
    list(reader.feed(data))
    longest = time.monotonic() - began
    ended.set()
    thread.join()
    during = counts[0]
    # Python hands its lock on every 5 ms at least: far more often here.
    assert during > 10 * longest / 0.005


CLOSE = """\
import sys, threading, kvsparse

data = open(sys.argv[1], "rb").read()
for make in (kvsparse.PictureReader, kvsparse.Reader):
    for after in range(30):
        reader = make()
        timer = threading.Timer(after / 1000, reader.close)
        timer.start()
        try:
            while True:
                for _ in reader.feed(data):
                    pass
        except ValueError as error:
            assert "closed" in str(error)
        timer.join()
"""


def test_another_thread_may_close(decodes: None, sample: Path) -> None:
    command = [sys.executable, "-c", CLOSE, str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
