"""The main job, shown: a simulator on a free port, and the four commands against it over HTTP."""

import os
import shlex
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

BIN = Path(sys.executable).parent
ROUNDS = 3

NEXT = {
    "{bin}/cpx-monitor --help": "every command",
    "{bin}/cpx-monitor list --url=http://HOST:PORT": "your own CPX",
    "{bin}/cpx-monitor track AuthService --demo": "a screen to watch, until ctrl-c",
    "{bin}/cpx-server 8080": "a simulator to play with",
    "README.md": "choices, trade-offs, what is to come",
}


def main() -> None:
    # Started in the background, this process would hand an ignored ctrl-c on to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    show("cpx-server 0 --seed=2026")
    with subprocess.Popen(
        ["cpx-server", "0", "--seed=2026"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            print(first_line := server.stdout.readline(), end="")
            if not first_line:
                sys.exit("the demo stops here: the simulator did not start")
            os.environ["CPX_URL"] = first_line.removeprefix("listening on ").strip()
            show(f"export CPX_URL={os.environ['CPX_URL']}")
            run("cpx-monitor list")
            run("cpx-monitor averages")
            run("cpx-monitor at-risk --threshold 2 --max-cpu 15")
            track("cpx-monitor track AuthService --every 1")
        finally:
            server.terminate()
    print("\nWhere to go next:")
    commands = {name.format(bin=os.path.relpath(BIN)): meaning for name, meaning in NEXT.items()}
    width = max(map(len, commands))
    for command, meaning in commands.items():
        print(f"  {command:{width}}   {meaning}")


def show(command: str) -> None:
    print(f"\n$ {command}", flush=True)


def run(command: str) -> None:
    """A finding is not a failure: only a command that reached no verdict ends the demo."""
    show(command)
    code = subprocess.run(shlex.split(command), check=False).returncode
    if code:
        print(f"(exit code {code})", flush=True)
    if code > 2:
        sys.exit(f"the demo stops here: {command!r} ended with {code}")


def track(command: str) -> None:
    """Some rounds of a command that goes on for ever, then ctrl-c."""
    show(command)
    with subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True) as tracking:
        assert tracking.stdout
        rows: Counter[str] = Counter()
        for line in tracking.stdout:
            print(line, end="", flush=True)
            rows.update(word for word in line.split()[1:2] if word.isdigit())
            if rows[str(ROUNDS)] == rows["1"] > 0:
                break
        tracking.send_signal(signal.SIGINT)
        tracking.stdout.read()
        code = tracking.wait()
    print(f"^C (after {ROUNDS} rounds; exit code {code})")
    if code:
        sys.exit(f"the demo stops here: {command!r} ended with {code}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nthe demo stops here, as you wish")
