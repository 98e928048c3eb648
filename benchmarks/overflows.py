"""Listen overflows that `cpx-monitor list` causes on the reference server, as a table.

    unshare --net python overflows.py BIN RUNS

It counts all overflows of its network namespace, so it wants one of its own.
"""

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

SET_INTERFACE_FLAGS, UP_AND_RUNNING = 0x8914, 0x41  # linux/sockios.h, linux/if.h


def main():
    folder, runs = Path(sys.argv[1]), int(sys.argv[2])
    bring_loopback_up()
    print(
        "| the server takes | runs | listen overflows | median | slowest |\n|---|---|---|---|---|"
    )
    for latency in ("0", "1ms", "5ms", "20ms"):
        words = [folder / "cpx-server", "0", f"--latency={latency}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
            url = server.stdout.readline().removeprefix("listening on ").strip()
            before = listen_overflows()
            took = [seconds(folder / "cpx-monitor", "list", f"--url={url}") for _ in range(runs)]
            overflows = listen_overflows() - before
            server.terminate()
        times = f"{median(took):.3f} s | {max(took):.3f} s"
        print(f"| {latency} over an answer | {runs} | {overflows} | {times} |")


def bring_loopback_up():
    """In a new network namespace it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.pack("16sh", b"lo", UP_AND_RUNNING)
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, flags)


def listen_overflows():
    names, values = (
        line.split()
        for line in Path("/proc/net/netstat").read_text().splitlines()
        if line.startswith("TcpExt:")
    )
    return int(dict(zip(names, values, strict=True))["ListenOverflows"])


def seconds(*words):
    began_s = perf_counter()
    subprocess.run(words, capture_output=True, check=True)
    return perf_counter() - began_s


if __name__ == "__main__":
    main()
