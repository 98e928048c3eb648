"""How to show a server who asks, and how to know that it is the right one.

It imports nothing that takes long, for a fleet in memory needs no more of this.
"""

from typing import NamedTuple


class Access(NamedTuple):
    """``token`` is sent as a bearer token, to the origin of the API's URL and no other;
    ``ca_file`` holds the authorities to trust in place of the system's; without
    ``checks_certificate`` any certificate will do. ``unsent`` says why a token that there is is not
    used, None where that is not so.
    """

    token: str | None = None
    ca_file: str | None = None
    checks_certificate: bool = True
    unsent: str | None = None

    def __repr__(self) -> str:
        return f"Access(token={'set' if self.token else None}, ca_file={self.ca_file!r})"


def authorization(access: Access, user: str | None, password: str | None) -> str | None:
    """The header's value: the token, else the name and password of the URL, else None."""
    if access.token is not None:
        return f"Bearer {access.token}"
    if user is None:
        return None
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Basic {b64encode(pair).decode('ascii')}"
