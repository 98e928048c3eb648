"""Connections that a server leaves open, and whether the answers over them can be trusted."""

from typing import Generic, Protocol, TypeVar


class Keepable(Protocol):
    """``taken`` are the paths answered over it in this collection, but for the first request that
    it ever carried, whose answer can be no other's.
    """

    taken: list[str]

    @property
    def is_open(self) -> bool: ...

    def look_once_more(self) -> None:
        """Close it if anything came over it unasked, or if the server has closed it."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Keepable)


class KeptConnections(Generic[C]):
    """Those that no worker uses; ``is_reliable`` says whether any is used a second time.

    The server may close one just as it is used, and then that request is lost: while that happens
    to more than every tenth of the requests ``answered``, none is kept any more. Neither
    is one once a server has sent more than was requested: then ``unverified``, what was answered
    over kept connections that are closed now, is in doubt.

    Where collections overlap, the end of one is not that of the others: then ``remembered`` is how
    many answers over each connection, and as many in all over those that are closed, are not
    forgotten with it.
    """

    def __init__(self, remembered: int = 0) -> None:
        self.is_reliable = True
        self._remembered = remembered
        self.answered = 0
        self.unverified: list[str] = []
        self._broken = 0
        self._has_sent_too_much = False
        self._idle: list[C] = []

    def take(self) -> C | None:
        """The one that was used last, as that is the last which the server closes."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def put(self, connection: C) -> None:
        if not self.is_reliable:
            connection.close()
        elif connection.is_open:
            self._idle.append(connection)

    def doubtful(self) -> list[str]:
        """See ``Transport.doubtful``."""
        for connection in list(self._idle):
            connection.look_once_more()
            connection.taken = self._remembered_of(connection.taken)
        in_doubt = self.unverified
        if self._has_sent_too_much:
            self.unverified = []
            return in_doubt
        self.unverified = self._remembered_of(in_doubt)
        return []

    def _remembered_of(self, paths: list[str]) -> list[str]:
        return paths[-self._remembered :] if self._remembered else []

    def close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def on_too_much(self) -> None:
        """The server has sent more than was requested."""
        self._has_sent_too_much = True
        self._stop_keeping()

    def on_broken(self) -> None:
        """A kept connection broke just as it was used again."""
        self._broken += 1
        if 10 * self._broken > self.answered:
            self._stop_keeping()

    def _stop_keeping(self) -> None:
        self.is_reliable = False
        self.close_idle()
