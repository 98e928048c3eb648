"""How far a long collection is, on a line that is gone when it ends."""

import time
from collections.abc import Callable

from cpx_monitor.adapters.presenters.layout import cut
from cpx_monitor.app.ports import Fleet, Selection
from cpx_monitor.app.reports import counted
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.entrypoints.terminal.console import Console

_SHOWN_AFTER_S = 0.5
_EVERY_S = 0.1
_ERASE_LINE = "\r\x1b[K"


class FleetWithProgress:
    """Another fleet, whose first collection shows on stderr how far it is.

    ``progress`` tells how many are done, of how many; None until the server list has come.
    """

    def __init__(
        self, fleet: Fleet, progress: Callable[[], tuple[int, int] | None], console: Console
    ) -> None:
        self._fleet = fleet
        self._progress = progress
        self._console = console
        self._is_first = True
        self._is_shown = False

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        if not self._is_first:
            return self._fleet.snapshot(select)
        import gevent

        self._is_first = False
        showing = gevent.spawn_later(_SHOWN_AFTER_S, self._show, time.monotonic())
        try:
            return self._fleet.snapshot(select)
        finally:
            showing.kill()
            if self._is_shown:
                self._console.put_on_stderr(_ERASE_LINE)

    def _show(self, began_s: float) -> None:
        import gevent

        while True:
            self._is_shown = True
            width = self._console.size_of(self._console.stderr).columns
            line = _sentence(self._progress(), time.monotonic() - began_s)
            # The last column stays empty: some terminals begin a new line after it.
            text = f"{_ERASE_LINE}{cut(line, width - 1, ascii_only=True)}"
            self._console.offer(self._console.stderr, text)
            gevent.sleep(_EVERY_S)


def _sentence(progress: tuple[int, int] | None, passed_s: float) -> str:
    if progress is None:
        return f"waiting for the list of servers, {passed_s:.1f} s"
    done, asked = progress
    return f"{done} of {counted(asked, 'instance')} polled, {passed_s:.1f} s"
