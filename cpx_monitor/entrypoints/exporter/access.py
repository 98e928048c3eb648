"""Access control: open, a bearer token, or names and passwords."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import NamedTuple


class WebAccess(NamedTuple):
    """``passwords`` are by name. Without either, access is open."""

    token: str | None = None
    passwords: Mapping[str, str] = {}

    @property
    def is_open(self) -> bool:
        return self.token is None and not self.passwords

    @property
    def challenge(self) -> str:
        """Of a 401 (RFC 9110, 11.6.1)."""
        return 'Bearer realm="cpx-monitor"' if self.token else 'Basic realm="cpx-monitor"'

    def admits(self, authorization: str) -> bool:
        """Whether a request with this Authorization header may be answered."""
        if self.is_open:
            return True
        scheme, _, given = authorization.strip().partition(" ")
        if scheme.lower() == "bearer" and self.token is not None:
            return _same(given.strip(), self.token)
        if scheme.lower() != "basic" or not self.passwords:
            return False
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return False
        # Compared with something in any case, so that time does not tell which names there are.
        return _same(password, self.passwords.get(name, "")) and name in self.passwords


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
