"""One HTTP answer that is being read: llhttp, in C, takes it apart as it comes."""

import re

import httptools

from cpx_monitor.adapters.transports.encoding import decoded
from cpx_monitor.adapters.transports.port import (
    TLS_ALERT,
    BrokenOff,
    NotUsable,
    find_header,
    speaks_tls,
    too_large,
)

MAX_HEADERS = 100
MAX_HEAD_BYTES = 65_536
MAX_PLAIN_HEAD_BYTES = 1024

_HAS_LENGTH = re.compile(rb"(?im)^(?:content-length|transfer-encoding):")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})[ \t]*\r?$")


class Answer:
    """Fed with what comes until ``is_whole``.

    ``keeps`` says whether the connection may carry another request, ``has_more`` whether more came
    than this answer.
    """

    def __init__(self, max_bytes: int) -> None:
        self.is_whole = self.keeps = self.has_more = False
        self.status = 0
        self._parser = httptools.HttpResponseParser(self)
        self._max_bytes = max_bytes
        self._raw = 0
        self._received = 0
        self._head = b""
        self._body: bytes | bytearray = b""
        self._is_in_body = False
        self._error: NotUsable | None = None

    def feed(self, data: bytes) -> None:
        """
        Raises:
            NotUsable: it is not HTTP, or more than is allowed.
        """
        self._raw += len(data)
        if not self._is_in_body:
            self._head += data
        elif self._raw > MAX_HEAD_BYTES + 2 * self._max_bytes:  # by chunks and trailers
            raise too_large(self._max_bytes)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._head.startswith(TLS_ALERT):
                raise speaks_tls() from None
            if not self.is_whole:
                raise NotUsable("the answer is not HTTP") from None
            self.has_more = True
        if self._error is not None:
            raise self._error
        if len(self._head) > MAX_HEAD_BYTES and (
            not self._is_in_body or len(self.head) > MAX_HEAD_BYTES
        ):
            raise NotUsable(f"more than {MAX_HEAD_BYTES // 1024} KiB of headers")

    def end(self) -> None:
        """The server has closed the connection, which ends an answer that has no length.

        Raises:
            BrokenOff: the answer is not whole.
        """
        if self._is_in_body and not _HAS_LENGTH.search(self.head):
            self.status = self._parser.get_status_code()
            self.is_whole = True
        else:
            raise BrokenOff("the answer was cut off")

    @property
    def head(self) -> bytes:
        """The header lines; ``_head`` may hold the beginning of the body as well."""
        head = self._head
        while True:
            lines, _, rest = head.partition(b"\r\n\r\n")
            if not lines.startswith(b"HTTP/1.1 1"):  # interim answers come before it
                return lines
            head = rest

    def body(self) -> bytes:
        """
        Raises:
            NotUsable: too many headers, another version of HTTP, or a body that cannot be decoded.
        """
        head = self.head
        if self._parser.get_http_version() not in ("1.0", "1.1"):
            raise NotUsable("the answer is not HTTP")
        if head.count(b"\n") > MAX_HEADERS:
            raise NotUsable(f"more than {MAX_HEADERS} headers")
        body = bytes(self._body)
        if b"content-encoding" not in head.lower():
            return body
        return decoded(body, find_header(head, "content-encoding") or "", self._max_bytes)

    def plain_length(self) -> int | None:
        """The length of the body where the head alone tells all there is to know of the answer: a
        200 of just so many bytes, after which the connection is open; None for any other.
        """
        head = self.head
        lengths = _LENGTH.findall(head)
        is_plain = (
            self.status == 200
            and self.keeps
            and not self.has_more
            and self._head.startswith(head)  # nothing interim before it
            and len(head) <= MAX_PLAIN_HEAD_BYTES
            and len(_HAS_LENGTH.findall(head)) == len(lengths) == 1
            and b"content-encoding" not in head.lower()
        )
        return int(lengths[0]) if is_plain else None

    # What httptools calls, for each part of an answer.

    def on_message_begin(self) -> None:
        if self.is_whole:
            self.has_more = True

    def on_headers_complete(self) -> None:
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        if self.is_whole:
            return
        self._received += len(body)
        if self._received > self._max_bytes:
            self._error = too_large(self._max_bytes)
        elif not self._body:
            self._body = body
        else:
            # Not a list of pieces: a hostile server makes them as small as it likes.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    def on_message_complete(self) -> None:
        if self.is_whole:
            return
        status = self._parser.get_status_code()
        if status < 200:  # interim: the answer proper follows
            self._is_in_body = False
            return
        self.status = status
        self.keeps = self._parser.should_keep_alive()
        self.is_whole = True
