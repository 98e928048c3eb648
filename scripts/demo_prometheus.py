"""A simulated fleet, an exporter and a Prometheus that scrapes it, until ctrl-c."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

BIN = Path(sys.executable).parent
SHIPPED = Path(__file__).parents[1] / "deploy" / "prometheus"
FAULTS = ["load-97@AuthService", "flips-every-8@10.58.1.3", "http-500@10.58.1.14", "leaves-after-6"]
SCRAPE_EVERY = "5s"
ENOUGH_S = 30


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("Prometheus is not installed (Debian: apt-get install prometheus), so this shows the")
        print("exporter alone.\n")
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        faults = [f"--fault={fault}" for fault in FAULTS]
        fleet = started(stack, "cpx-server", "0", "--behaviour=fleet", *faults)
        exporter = started(
            stack, "cpx-monitor", "exporter", f"--url={fleet}", "--listen=localhost:0"
        )
        print(f"simulated API     {fleet}/servers")
        print(f"status page       {exporter}/")
        print(f"metrics           {exporter}/metrics")
        print(f"service discovery {exporter}/sd")
        if prometheus is not None:
            url = scraping(stack, prometheus, exporter)
            print(f"Prometheus        {url}/")
            print(f"                  {url}/graph?g0.expr=cpx_service_healthy_instances")
            print("\nAlerts fire after one to five minutes. Ctrl-c ends all of it.", flush=True)
        else:
            print("\nCtrl-c ends all of it.", flush=True)
        signal.pause()


def started(stack: ExitStack, program: str, *words: str) -> str:
    """Where it listens."""
    process = stack.enter_context(
        subprocess.Popen([BIN / program, *words], stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.terminate)
    assert process.stdout
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        sys.exit(f"the demo stops here: {program} did not start")
    return line.removeprefix("listening on ").strip()


def scraping(stack: ExitStack, prometheus: str, exporter: str) -> str:
    """A Prometheus with the shipped configuration for one exporter."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cpx-prometheus-")))
    for name in ("rules.yml", "alerts.yml"):
        shutil.copy(SHIPPED / name, folder)
    config = (SHIPPED / "one-exporter.yml").read_text()
    config = config.replace("localhost:9787", exporter.removeprefix("http://"))
    (folder / "prometheus.yml").write_text(config.replace("15s", SCRAPE_EVERY))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("w") as log:
        process = stack.enter_context(
            subprocess.Popen(
                [
                    prometheus,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address={address}",
                ],
                stderr=log,
            )
        )
    stack.callback(process.terminate)
    wait_for(f"http://{address}/-/ready", folder / "log")
    return f"http://{address}"


def wait_for(url: str, log: Path) -> None:
    ends_at_s = time.monotonic() + ENOUGH_S
    while time.monotonic() < ends_at_s:
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.1)
    sys.exit(f"the demo stops here: Prometheus did not start\n{log.read_text()}")


if __name__ == "__main__":
    main()
