import os
import threading

import pytest

from cpx_monitor.adapters import files
from cpx_monitor.adapters.files import opened_to_read


def test_a_file_is_read_as_it_is(tmp_path):
    (tmp_path / "file").write_bytes(b"content")

    with opened_to_read(str(tmp_path / "file")) as file:
        assert file.read() == b"content"


def test_a_pipe_is_read_to_its_end(tmp_path):
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)

    def write():
        with open(pipe, "wb") as file:
            file.write(b"x" * 200_000)

    writing = threading.Thread(target=write)
    writing.start()
    with opened_to_read(pipe) as file:
        assert len(file.read()) == 200_000
    writing.join()


def test_a_pipe_from_which_nothing_comes_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SILENT_AFTER_S", 0.05)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(TimeoutError, match=r"nothing came from it within 0\.05 s"):
        opened_to_read(str(tmp_path / "pipe"))


def test_a_folder_is_none(tmp_path):
    with pytest.raises(IsADirectoryError):
        opened_to_read(str(tmp_path))
