"""A stream of small fragments through an endpoint that cuts, resets, throttles
and ends sessions by chance, to a program that is killed and started again from
its checkpoint.  In the end each fragment is in the file once, in order.

    python3 soak.py KVSPARSE FOLDER FRAGMENTS KILLS SEED

Prints TAP; the figures are comments in it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

FRAMES = 2


def start_endpoint(folder, fragments, kills, seed):
    # So slow that each kill comes in the middle.
    rate = max(20000, fragments * 1000 * 3 // kills)
    log = open(os.path.join(folder, "endpoint.err"), "w")
    command = [sys.executable, "-m", "kvsparse.endpoint", "--stream",
               f"door=counter:fragments={fragments},frames={FRAMES},size=200",
               "--pace", "0", "--quota", f"bytes_per_second={rate}",
               "--quota", "get_media_tps=0", "--quota",
               "get_data_endpoint_tps=0", "--quota",
               "get_media_connections=0", "--idle", "0.3", "--chaos", "0.8",
               "--chaos-bytes", "120000", "--seed", str(seed), "--log",
               os.path.join(folder, "endpoint.log")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log,
                               text=True)
    port = process.stdout.readline().strip()
    assert port.isdigit(), "the endpoint did not start"
    return process, port


def get(program, folder, port, *more):
    environment = dict(os.environ, AWS_REGION="us-west-2",
                       AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
                       AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG+"
                                             "bPxRfiCYEXAMPLEKEY",
                       AWS_EC2_METADATA_DISABLED="true",
                       AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    err = open(os.path.join(folder, "get.err"), "a")
    return subprocess.Popen(
        [program, "get", "door", "--start", "earliest", "--checkpoint",
         os.path.join(folder, "place"), "-o", os.path.join(folder, "door.mkv"),
         *more], env=environment, stderr=err)


def bytes_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def kill_often(program, folder, port, kills, step, chance):
    """Each comes when the file has grown by some bytes, in whatever it is
    at; with many, that is some ninety in a hundred of all bytes."""
    path = os.path.join(folder, "door.mkv")
    for _ in range(kills):
        process = get(program, folder, port)
        goal = bytes_of(path) + chance.randint(1, 2 * step)
        until = time.monotonic() + 5
        while bytes_of(path) < goal and time.monotonic() < until:
            time.sleep(0.003)
        process.send_signal(signal.SIGKILL)
        process.wait()


def finish(program, folder, port, last):
    """Until the checkpoint is the last fragment; the most memory it took."""
    peak = 0
    for _ in range(200):
        process = get(program, folder, port, "--no-wait")
        while process.poll() is None:
            peak = max(peak, memory_kb(process.pid))
            time.sleep(0.05)
        place = open(os.path.join(folder, "place")).read().split()
        if "fragment" in place and place[place.index("fragment") + 1].endswith(
                last):
            break
    return peak


def numbers_in(program, path):
    events = subprocess.run([program, "events", path], text=True,
                            stdout=subprocess.PIPE, check=False).stdout
    items = [json.loads(line) for line in events.splitlines()]
    numbers = [item["number"] for item in items
               if item["type"] == "fragment" and item["number"]]
    frames = sum(item["type"] == "frame" for item in items)
    gaps = sum(item["type"] == "gap" for item in items)
    return numbers, frames, gaps


def ok(number, name, passed):
    print(f"{'ok' if passed else 'not ok'} {number} - {name}")
    return passed


def main():
    program, folder = sys.argv[1:3]
    fragments, kills, seed = (int(text) for text in sys.argv[3:6])
    path = os.path.join(folder, "door.mkv")
    begin = time.monotonic()
    endpoint, port = start_endpoint(folder, fragments, kills, seed)
    try:
        kill_often(program, folder, port, kills, fragments * 900 // kills,
                   random.Random(seed))
        killed_at = bytes_of(path)
        peak = finish(program, folder, port, str(fragments - 1).zfill(6))
    finally:
        endpoint.terminate()
        endpoint.wait()
    numbers, frames, gaps = numbers_in(program, path)
    with open(os.path.join(folder, "endpoint.log")) as log:
        calls = [json.loads(line) for line in log]
    media = [call for call in calls if call["call"] == "GetMedia"]
    ends = {}
    for call in media:
        end = call["end"] or str(call["error"])
        ends[end] = ends.get(end, 0) + 1
    print(f"# {fragments} fragments, {kills} kills, seed {seed}: "
          f"{bytes_of(path)} bytes ({killed_at} when the last kill was over), "
          f"{len(media)} calls of GetMedia {ends}, "
          f"peak {peak} kB, {time.monotonic() - begin:.1f} s")
    distinct = sorted(set(numbers), key=int)
    passed = [
        ok(1, "no fragment is lost", len(distinct) == fragments),
        ok(2, "no fragment is doubled", len(numbers) == len(distinct)),
        ok(3, "they are in order", numbers == distinct),
        ok(4, "all their frames are there, without a gap",
           frames == fragments * FRAMES and gaps == 0),
        ok(5, "memory is flat", 0 < peak < 60000),
    ]
    print("1..5")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
