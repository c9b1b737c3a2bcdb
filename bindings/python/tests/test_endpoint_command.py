"""The command: its first line, its signals, its mistakes, its help; TLS."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from endpoint_process import (EARLIEST, Answer, Endpoint, counts, environment,
                              fragments, signed_request)

COUNTER = "door=counter:fragments=3,size=100"


def run(*arguments):
    """The command until it ends."""
    return subprocess.run(
        [sys.executable, "-m", "kvsparse.endpoint", *arguments],
        capture_output=True, text=True, env=environment(), timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number):
    endpoint = Endpoint("--stream", COUNTER)
    client = endpoint.client("kinesis-video-media")
    answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
    assert answer["Payload"].read(10)
    endpoint.process.send_signal(number)
    _, errors = endpoint.process.communicate(timeout=5)
    assert endpoint.process.returncode == 0
    assert "Traceback" not in errors and "Error" not in errors


def test_a_port_that_is_given():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with Endpoint("--stream", COUNTER, "--port", str(port)) as endpoint:
        assert endpoint.port == port
        second = run("--port", str(port))
        assert second.returncode == 1
        assert "kvsparse.endpoint: " in second.stderr


@pytest.mark.parametrize("arguments", [
    ("--stream", "door"), ("--stream", "door=/does/not/exist"),
    ("--stream", "do or=counter:"), ("--stream", "door=counter:legs=4"),
    ("--stream", "door=counter:frames=x"), ("--stream", "=counter:"),
    ("--stream", COUNTER, "--pace", "0", "--loop", "0"),
    ("--quota", "beer=5"), ("--quota", "get_media_tps=x"), ("--chunk", "0"),
    ("--chunk", "9-3"), ("--credentials", "AKID"), ("--idle", "long"),
    ("--scenario", "/does/not/exist"), ("--tls", "/no", "/no")])
def test_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("kvsparse.endpoint: ")
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_recording(tmp_path):
    file = tmp_path / "nothing.mkv"
    file.write_bytes(b"nothing")
    done = run("--stream", "door=%s" % file)
    assert (done.returncode, "nothing.mkv: " in done.stderr) == (2, True)


def test_help_tells_all_options_and_faults():
    from kvsparse.endpoint import __main__ as command
    from kvsparse.endpoint import faults
    done = run("--help")
    assert done.returncode == 0
    for action in command.parser()._actions:
        for option in action.option_strings:
            assert option in done.stdout
    for kind in faults.KINDS:
        assert kind in done.stdout


def test_the_man_page_tells_all_of_them():
    page = Path(__file__).resolve().parents[3] / "man/kvsparse-endpoint.1"
    if not page.exists():
        pytest.skip("no man page beside this")
    from kvsparse.endpoint import __main__ as command
    from kvsparse.endpoint import control, faults, quotas
    text = page.read_text()
    plain = re.sub(r" Ns ", "", text)
    for action in command.parser()._actions:
        for option in action.option_strings:
            assert option.replace("--", "Fl Fl ") in text or (
                option.replace("-", "Fl ") in text)
    for kind, settings in faults.KINDS.items():
        assert re.search(r"\.It Li .*\b%s\b" % kind, text), kind
        for setting in settings:
            assert re.search(r"\b%s\b" % setting, plain), (kind, setting)
    for name in quotas.DEFAULTS:
        assert ".Li %s\n" % name in text
    for path in re.findall(r"/_endpoint[/a-z]*", control.__doc__):
        assert path in text


def test_the_man_pages_program(tmp_path):
    page = Path(__file__).resolve().parents[3] / "man/kvsparse-endpoint.1"
    if not page.exists():
        pytest.skip("no man page beside this")
    program = re.search(r"^import boto3.*?(?=^\.Ed)", page.read_text(),
                        re.M | re.S).group(0)
    with Endpoint("--stream", COUNTER, "--pace", "0",
                  "--idle", "0") as endpoint:
        assert "8080" in program
        file = tmp_path / "program.py"
        file.write_text(program.replace("8080", str(endpoint.port)))
        done = subprocess.run([sys.executable, str(file)], timeout=20,
                              capture_output=True, text=True,
                              env=environment())
    assert done.stderr == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d .*\+00:00 100\n", done.stdout)


def test_generate():
    program = os.environ.get("KVSPARSE", "kvsparse")
    if not shutil.which(program):
        pytest.skip("kvsparse is not there; KVSPARSE names it")
    with Endpoint("--stream", "door=generate:--seconds 2 --fragment 0.5 "
                  "--size 64x48", "--pace", "0", "--idle", "0",
                  "--loop", "2") as endpoint:
        found = fragments(endpoint.media())
        assert len(found) == 8
        assert [len(frames) for _, frames, _ in found] == [15] * 8


def test_log_file(tmp_path):
    file = tmp_path / "calls.jsonl"
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0", "--log",
                  str(file)) as endpoint:
        endpoint.media()
        endpoint.raw("/describeStream", {"StreamName": "none"})
    first, second = [json.loads(line) for line in
                     file.read_text().splitlines()]
    assert (first["call"], first["fragments"], first["end"]) == (
        "GetMedia", 3, "idle")
    assert (second["status"], second["error"]) == (
        404, "ResourceNotFoundException")


def test_nonsense_on_the_wire():
    with Endpoint("--stream", COUNTER, "--pace", "0") as endpoint:
        for raw, status in (
                (b"HELLO\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n x\r\n\r\n", 400),
                (b"POST /getMedia HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
                 413),
                (b"POST /getMedia HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
                (b"POST /getMedia HTTP/1.1\r\nTransfer-Encoding: chunked"
                 b"\r\n\r\n", 501),
                (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", 431)):
            with endpoint.connect() as sock:
                sock.sendall(raw)
                assert Answer.read(sock, 5).status == status
        with endpoint.connect() as sock:
            sock.sendall(b"POST /get")
        assert endpoint.raw("/describeStream", {
            "StreamName": "door"}).status == 200


def test_expect_100_continue_and_keep_alive():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle",
                  "0") as endpoint:
        request = endpoint.request("/describeStream", {"StreamName": "door"})
        head, _, body = request.partition(b"\r\n\r\n")
        with endpoint.connect() as sock:
            sock.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(body)
            assert Answer.read(sock, 5).status == 200
            sock.sendall(endpoint.request("/getMedia", {
                "StreamName": "door", "StartSelector": EARLIEST}))
            answer = Answer.read(sock, 5)
            assert (answer.ended, counts(answer.body)) == ("whole", [0, 1, 2])
            sock.sendall(request)
            assert Answer.read(sock, 5).status == 200


def test_a_request_as_to_a_proxy():
    """A plain http proxy: the endpoint itself, asked for another host."""
    with Endpoint("--stream", COUNTER, "--pace", "0") as endpoint:
        raw = signed_request("http://kinesisvideo.example:8080/describeStream",
                             {"StreamName": "door"},
                             extra={"User-Agent": "me/1"})
        raw = raw.replace(b"POST /", b"POST http://kinesisvideo.example:8080/")
        with endpoint.connect() as sock:
            sock.sendall(raw)
            assert Answer.read(sock, 5).status == 200
        entry = endpoint.calls("DescribeStream")[0]
        assert entry["host"] == "kinesisvideo.example:8080"
        assert entry["agent"] == "me/1"
        assert entry["content_type"] == "application/json"


def test_hundreds_of_connections():
    with Endpoint("--stream", "cam{0..99}=counter:fragments=30,size=50,"
                  "fragment_ms=100", "--history", "1", "--no-quotas",
                  "--idle", "0.3") as endpoint:
        results = {}
        def read(k):
            connection = http.client.HTTPConnection("127.0.0.1", endpoint.port,
                                                    timeout=20)
            request = endpoint.request("/getMedia", {
                "StreamName": "cam%d" % (k % 100), "StartSelector": EARLIEST})
            connection.connect()
            connection.sock.sendall(request)
            data = b""
            while data.count(b"CONTINUATION_TOKEN") < 20:
                data += connection.sock.recv(65536)
            results[k] = data
            connection.close()
        threads = [threading.Thread(target=read, args=(k,))
                   for k in range(300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(results) == 300


def test_a_slow_client_is_waited_for():
    """Nothing piles up in the server: it stops at what the sockets hold."""
    with Endpoint("--stream", "door=counter:fragments=200,size=200000",
                  "--pace", "0", "--loop", "5", "--no-quotas") as endpoint:
        with endpoint.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.sendall(endpoint.request("/getMedia", {
                "StreamName": "door", "StartSelector": EARLIEST}))
            threading.Event().wait(1.0)
            with open("/proc/%d/statm" % endpoint.process.pid) as file:
                resident = int(file.read().split()[1]) * 4096
            assert resident < 200 << 20
        entry = endpoint.calls("GetMedia") or None
        while not entry:
            entry = endpoint.calls("GetMedia") or None
        assert entry[0]["bytes"] < 10 << 20


@pytest.mark.parametrize("arguments, message", [
    (["--bogus"], "unrecognized arguments: --bogus"),
    (["--port", "x"], "argument --port: invalid int value: 'x'"),
    (["--stream", "door=missing.mkv"],
     "missing.mkv: No such file or directory"),
])
def test_wrong_usage_is_one_line(arguments, message):
    run = subprocess.run(
        [sys.executable, "-m", "kvsparse.endpoint", *arguments],
        capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr == "kvsparse.endpoint: %s\n" % message


def test_tls(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not there")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key),
         "-out", str(cert)], check=True, capture_output=True)
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0",
                  "--no-quotas", "--tls", str(cert), str(key),
                  tls=str(cert)) as endpoint:
        assert counts(endpoint.media()) == [0, 1, 2]
        url = endpoint.client("kinesisvideo").get_data_endpoint(
            StreamName="door", APIName="GET_MEDIA")["DataEndpoint"]
        assert url == endpoint.url
