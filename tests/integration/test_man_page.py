import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "man" / "cpx-monitor.1"


def test_the_man_page_says_what_the_help_says():
    page = runpy.run_path(str(ROOT / "scripts" / "man_page.py"))["page"]

    assert page() == PAGE.read_text(encoding="utf-8"), "make man writes it anew"


def test_the_page_of_options_says_what_the_catalogue_says():
    page = runpy.run_path(str(ROOT / "scripts" / "options_page.py"))["page"]

    written = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert page() == written, "make man writes it anew"


def test_the_man_page_is_well_formed():
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed, so the man page was not looked through")
    ended = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stdout) == (0, "")
