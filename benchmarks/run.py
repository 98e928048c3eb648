"""Measure this project beside others, in one run, and write docs/benchmarks.md.

    make bench

Runs are interleaved, and medians compared, so that what the machine does meanwhile hits all alike.
nginx and Go are used where they are installed; the document says what was not measured for want of
them, or of the right to make a network namespace.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
BIN = Path(sys.executable).parent
PYTHON = sys.executable
FLEET = 10_000
CONCURRENCIES = (16, 50, 100, 200, 400)
PEERS = ("aiohttp_uvloop", "pycurl_multi", "geventhttpclient", "requests_threads")
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; default_type application/json; types {{}}
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder};
    location ~ ^/[0-9]+/servers$ {{ }}
    location / {{ return 200 '{{"cpu":"61%","service":"UserService","memory":"4%"}}'; }}
  }}
}}
"""


def main():
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        go = build_go(folder)
        sections = [
            introduction(go),
            keep_alive(stack, folder, go),
            reference(stack),
            far_away(stack, go),
            rate_limits(stack, go),
            start_up(),
            scale(stack, folder),
        ]
    DOCUMENT.write_text("\n".join(sections), encoding="utf-8")
    print(f"written: {DOCUMENT}")


def introduction(go):
    said("the machine")
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    go_version = run("go", "version").stdout.split()[2] if go else "not installed: not measured"
    nginx = run("nginx", "-v").stderr.strip() if shutil.which("nginx") else "not installed"
    return f"""# Benchmarks

Written by `make bench`, which measures it all again. All of it is one run on one machine, client
and server side by side: compare the ratios, not the seconds.

- Machine: {cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}
- Python {platform.python_version()}, Go: {go_version}, nginx: {nginx}
- Its speed: `python -c pass` takes {bare_python_s() * 1000:.1f} ms, ten million turns of an empty
  loop {loop_s():.2f} s
- For the others, the best of {", ".join(map(str, CONCURRENCIES))} requests at a time; this project
  finds its number by itself. Every figure of a snapshot is for all of it: the list, each instance,
  parsed, checked and in order. Imports are apart, but for the whole commands.
"""


def keep_alive(stack, folder, go):
    said("a server that keeps connections")
    url = keeping_server(stack, folder, FLEET)
    contestants = {"cpx-monitor": lambda: peer("cpx_monitor", url, 0)}
    best = best_of(lambda c: peer("bare_epoll", url, c))
    label = f"a bare epoll loop in Python that checks nothing, {best} at a time"
    contestants[label] = lambda c=best: peer("bare_epoll", url, c)
    if go:
        best = best_of(lambda c: go_client(go, url, c))
        contestants[f"Go net/http, {best} at a time"] = lambda c=best: go_client(go, url, c)
        best = best_of(lambda c: go_client(go, url, c, GOMAXPROCS="1"))
        label = f"Go net/http, GOMAXPROCS=1, {best} at a time"
        contestants[label] = lambda c=best: go_client(go, url, c, GOMAXPROCS="1")
    for name in PEERS:
        best = 50 if name == "requests_threads" else best_of(lambda c, n=name: peer(n, url, c))
        label = f"{name.replace('_', ' ')}, {best} at a time"
        contestants[label] = lambda n=name, c=best: peer(n, url, c)
    rows = compare(contestants, rounds=5, slow_rounds=5, instances=FLEET)
    return f"""## A server that keeps connections, {FLEET:,} instances

Times cpx-monitor's: the median of the ratios, run by run, and the lowest of them. CPU is the
client's, user and system. {ceiling(url)}

{rows}
"""


def ceiling(url):
    """What the server can do at the most."""
    if not shutil.which("wrk"):
        return "The server's own limit was not measured, as wrk is not installed."
    printed = [
        run("wrk", "-t1", f"-c{connections}", "-d2s", f"{url}/10.58.1.1").stdout
        for connections in (8, 16, 64)
    ]
    a_second = [float(re.search(r"Requests/sec:\s*([0-9.]+)", each)[1]) for each in printed]
    fastest = 1e6 / max(a_second)
    return f"`wrk -t1` takes {fastest:.1f} µs a request on the same server."


def bare_python_s():
    return median(seconds(PYTHON, "-c", "pass") for _ in range(9))


def loop_s():
    began_s = time.perf_counter()
    for _ in range(10_000_000):
        pass
    return time.perf_counter() - began_s


def reference(stack):
    said("the reference server")
    url = started(stack, BIN / "cpx-server", "0")
    whole = [seconds(BIN / "cpx-monitor", "list", f"--url={url}") for _ in range(40)]
    bare = bare_python_s()
    snapshots = compare(
        {
            "cpx-monitor": lambda: peer("cpx_monitor", url, 0),
            **{
                f"{name.replace('_', ' ')}, 4 at a time": lambda name=name: peer(name, url, 4)
                for name in PEERS
            },
            "requests threads, 50 at a time": lambda: peer("requests_threads", url, 50),
        },
        rounds=7,
        slow_rounds=3,
        instances=150,
    )
    return f"""## The reference server, 150 instances

`cpx-monitor list`, the whole command, 40 runs: median {median(whole) * 1000:.0f} ms, slowest
{max(whole) * 1000:.0f} ms ({max(whole) / median(whole):.2f} times that).
`python -c pass` takes {bare * 1000:.1f} ms, so that is {median(whole) / bare:.1f} times a bare
Python.

{overflows()}

The snapshot alone:

{snapshots}
"""


def overflows():
    """Listen overflows of 40 runs at each latency, in a network namespace of their own."""
    tried = run("unshare", "--net", "true") if shutil.which("unshare") else None
    if tried is None or tried.returncode:
        return "Listen overflows: not measured, for this user may make no network namespace."
    counted = run("unshare", "--net", PYTHON, HERE / "overflows.py", BIN, "40")
    if counted.returncode:
        return f"Listen overflows: not measured ({counted.stderr.strip().splitlines()[-1]})."
    return "Listen overflows (`TcpExt ListenOverflows`, in a network namespace of its own):\n\n" + (
        counted.stdout
    )


def far_away(stack, go):
    said("a server 20 ms away")
    if go:
        url = started(stack, go / "server", f"-instances={FLEET}", "-latency=20ms")
    else:
        url = started(
            stack,
            *(BIN / "cpx-server", "0", "--behaviour=fleet"),
            *(f"--instances={FLEET}", "--latency=20ms"),
        )
    contestants = {"cpx-monitor, from cold": lambda: peer("cpx_monitor", url, 0)}
    for fixed in (50, 100, 200, 400, 800):
        contestants[f"cpx-monitor, {fixed} at a time"] = lambda c=fixed: peer("cpx_monitor", url, c)
    if go:
        contestants["Go net/http, 400 at a time"] = lambda: go_client(go, url, 400)
    return f"""## A server that takes 20 ms over each answer, {FLEET:,} instances

{compare(contestants, rounds=5, slow_rounds=3, instances=FLEET)}
"""


def rate_limits(stack, go):
    said("a server with a rate limit")
    if not go:
        return "## A rate limit\n\nNot measured: Go is not installed.\n"
    lines = ["| bucket | time | of the allowed rate | refusals | sent while a wait ran |"]
    lines.append("|---|---|---|---|---|")
    for burst in (2000, 200):
        url = started(stack, go / "server", "-instances=16000", "-rate=2000", f"-burst={burst}")
        took_s, answered, _ = peer("cpx_monitor", url, 0)
        served, refused, too_soon = map(int, urllib.request.urlopen(f"{url}/_stats").read().split())
        assert answered == served == 16_000
        share = 16_000 / took_s / 2000
        lines.append(f"| {burst} | {took_s:.2f} s | {share:.0%} | {refused} | {too_soon} |")
    table = "\n".join(lines)
    return f"""## A rate limit of 2,000 a second, 16,000 instances

What is above the limit is answered with 429 and `Retry-After: 1`.

{table}

A bucket that is full at the start lets more than the rate through. One that holds a tenth of a
second's worth wastes most of what a second of silence would have allowed; it is kept all the same.
"""


def start_up():
    said("start-up")
    bare = [PYTHON, "-c", "pass"]
    commands = {
        "`python -c pass`": bare,
        "`cpx-monitor --help`": [BIN / "cpx-monitor", "--help"],
        "`cpx-monitor list --bogus`": [BIN / "cpx-monitor", "list", "--bogus"],
        "`cpx-monitor list --demo`": [BIN / "cpx-monitor", "list", "--demo"],
        "`python -c 'import gevent'`": [PYTHON, "-c", "import gevent"],
    }
    took = {name: [] for name in commands}
    for _ in range(21):
        for name, words in commands.items():
            took[name].append(seconds(*words))
    base = median(took["`python -c pass`"])
    rows = "\n".join(
        f"| {name} | {median(times) * 1000:.1f} ms | {median(times) / base:.1f} |"
        for name, times in took.items()
    )
    return f"""## Start-up

| command | median of 21 | times `python -c pass` |
|---|---|---|
{rows}
"""


def scale(stack, folder):
    said("scale")
    sizes = (150, 1_500, 10_000, 15_000, 100_000)
    urls = {size: keeping_server(stack, folder, size) for size in sizes}
    took = {size: [] for size in sizes}
    for _ in range(5):
        for size in sizes:
            took[size].append(peer("cpx_monitor", urls[size], 0)[0])
    rows = "\n".join(
        f"| {size:,} | {median(times):.3f} s | {median(times) / size * 1e6:.1f} µs |"
        for size, times in took.items()
    )
    ten = median(took[100_000]) / median(took[10_000])
    process, usage = with_usage(BIN / "cpx-monitor", "list", f"--url={urls[100_000]}")
    assert process == 0
    table_s = float(run(PYTHON, HERE / "table.py").stdout)
    return f"""## From 150 to 100,000 instances

| instances | snapshot, median of 5 | for each |
|---|---|---|
{rows}

100,000 take {ten:.1f} times as long as 10,000. `cpx-monitor list` of 100,000 needs
{usage.ru_maxrss / 1024:.0f} MiB at its peak; its table alone takes {table_s:.2f} s of CPU.

## Where this project loses

- A server 20 ms away is read faster by Go, which opens all its connections at once: here they are
  opened evenly, so that a short listen queue is never overrun.
- The whole `list` on a small fleet is mostly start-up, and most of that is Python's and gevent's.
- A rate limit with a small bucket is not used to the full: nothing is sent while a wait runs.
"""


def compare(contestants, rounds, slow_rounds, instances):
    """A table of medians and of ratios to the first contestant's time in the same round; what takes
    longer than two seconds is measured ``slow_rounds`` times.
    """
    took = {name: [] for name in contestants}
    cpu = {name: [] for name in contestants}
    for number in range(rounds):
        for name, measure in contestants.items():
            if number < slow_rounds or median(took[name]) < 2:
                took_s, _, cpu_s = measure()
                took[name].append(took_s)
                cpu[name].append(cpu_s)
    ours = next(iter(took.values()))
    rows = []
    for name, times in took.items():
        ratios = [each / own for each, own in zip(times, ours, strict=False)]
        rows.append(
            f"| {name} | {median(times):.3f} s | {median(times) / instances * 1e6:.1f} µs"
            f" | {median(cpu[name]) / instances * 1e6:.1f} µs"
            f" | {median(ratios):.2f}, {min(ratios):.2f} | {len(times)} |"
        )
    head = "| client | median | an instance | CPU | times cpx-monitor's | runs |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def best_of(measure):
    return min(CONCURRENCIES, key=lambda concurrency: min(measure(concurrency)[0] for _ in "ab"))


def peer(name, url, concurrency):
    """Seconds and instances answered, in a process of its own."""
    ended = run(PYTHON, HERE / "peers.py", name, url, str(concurrency))
    assert ended.returncode == 0, ended.stderr
    took, answered, _, cpu = ended.stdout.split()
    return float(took), int(answered), float(cpu)


def go_client(go, url, concurrency, **environ):
    words = (go / "client", url, str(concurrency))
    took, answered, _, cpu = run(*words, env={**os.environ, **environ}).stdout.split()
    return float(took), int(answered), float(cpu)


def build_go(folder):
    """The folder with the Go programs; None without Go."""
    if not shutil.which("go"):
        return None
    for name in ("client", "server"):
        built = run("go", "build", "-o", folder / name, HERE / f"{name}.go")
        assert built.returncode == 0, built.stderr
    return folder


def keeping_server(stack, folder, instances):
    """The URL of a server that keeps connections: nginx, or the simulator."""
    if not shutil.which("nginx"):
        words = (BIN / "cpx-server", "0", "--behaviour=fleet", f"--instances={instances}")
        return started(stack, *words)
    first = int(IPv4Address("10.58.1.1"))
    (folder / str(instances)).mkdir(exist_ok=True)
    listed = [str(IPv4Address(first + number)) for number in range(instances)]
    (folder / str(instances) / "servers").write_text(json.dumps(listed))
    url = f"http://127.0.0.1:{NGINX_PORT}"
    if not (folder / "nginx.conf").exists():
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=NGINX_PORT))
        folder.chmod(0o755)
        stack.enter_context(running("nginx", "-c", folder / "nginx.conf", "-p", folder))
        wait_for(f"{url}/{instances}/servers")
    return f"{url}/{instances}"


NGINX_PORT = 18_181


def wait_for(url):
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as response:
                response.read()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers at {url}")


def started(stack, *words):
    """The URL of a server that says on its first line where it listens."""
    server = stack.enter_context(running(*words))
    return server.stdout.readline().removeprefix("listening on ").strip()


@contextmanager
def running(*words):
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def run(*words, env=None):
    return subprocess.run(words, capture_output=True, text=True, check=False, env=env)


def seconds(*words):
    began_s = time.perf_counter()
    run(*words)
    return time.perf_counter() - began_s


def with_usage(*words):
    """Exit code and resource usage of a command whose output is thrown away."""
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(words, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def said(what):
    print(f"measuring {what} …", flush=True)


if __name__ == "__main__":
    main()
