"""What to do about it: the second line of an error."""

import errno

from cpx_monitor.app.ordering import NoSuchColumn, NoSuchService
from cpx_monitor.app.ports import FileUnusable, FleetUnavailable, Trouble
from cpx_monitor.entrypoints.options.nearest import nearest

_ULIMIT = "`ulimit -n` shows the limit on open files, `ulimit -u` the limit on threads"

_ANOTHER_URL = "start a simulator with `cpx-server 8080`, or point --url or CPX_URL at yours"

_HINTS = {
    Trouble.UNREACHABLE: _ANOTHER_URL,
    Trouble.NO_ANSWER: _ANOTHER_URL,
    Trouble.NO_SUCH_HOST: "check the host in --url or CPX_URL",
    Trouble.TLS_FAILED: (
        "--ca-file=<file> names the certificate authorities to trust;"
        " --insecure does not verify the certificate"
    ),
    Trouble.OTHER_SCHEME: "use the other of http:// and https:// in --url or CPX_URL",
    Trouble.REFUSED: (
        "a token is read from --token-file, CPX_TOKEN_FILE or CPX_TOKEN,"
        " a name and password from --url"
    ),
    Trouble.UNWELL: "the server is up, so this may be temporary: try again, or check its logs",
    Trouble.BROKEN_OFF: (
        "check the port, and http or https, in --url; it may also be temporary: try again"
    ),
    Trouble.BUSY: "the server asked for this wait: try again after it",
    Trouble.EXHAUSTED: _ULIMIT,
    Trouble.NOT_CPX: (
        "check --url or CPX_URL: is it the right CPX API, and http or https as it should be?"
    ),
    Trouble.LISTS_NOTHING: "check --url or CPX_URL: is it the right CPX API?",
    Trouble.NOTHING_ANSWERED: (
        "each row of `cpx-monitor list` says why; `cpx-monitor doctor` looks further"
    ),
}


def for_trouble(trouble: Trouble) -> str:
    return _HINTS[trouble]


def told(error: Exception) -> tuple[str, str | None] | None:
    """An error of the application in two lines; None for any other."""
    match error:
        case FleetUnavailable():
            return str(error), for_trouble(error.trouble)
        case NoSuchService():
            near = nearest(error.name, error.known)
            return str(error), near or "`cpx-monitor averages` lists the services"
        case NoSuchColumn():
            columns = ", ".join(name for name in error.known if "_" not in name)
            near = nearest(error.name, error.known)
            return f"no column '{error.name}'", near or f"one of {columns}, or a field of the json"
        case FileUnusable():
            return str(error), error.hint
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return "too many open files on this machine", _ULIMIT
    return None
