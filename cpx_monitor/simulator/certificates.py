"""Certificates, good and bad, made anew for each server by an authority of its own."""

import datetime
import ssl
from pathlib import Path

import trustme


def secure(context: ssl.SSLContext, fault: str, host: str, authority_file: Path) -> None:
    """Give a server at ``host`` its certificate.

    Args:
        fault: ``tls`` for none, ``tls-expired``, ``tls-self-signed`` or ``tls-other-name``.
        authority_file: will be written; who trusts it trusts a certificate without a fault.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(authority_file)
    if fault == "tls-self-signed":
        stranger = trustme.CA()
        both = authority_file.with_name("self-signed.pem")
        both.write_bytes(stranger.private_key_pem.bytes() + stranger.cert_pem.bytes())
        context.load_cert_chain(both)
        return
    name = "elsewhere.example" if fault == "tls-other-name" else host
    expired = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = authority.issue_cert(name, not_after=expired if fault == "tls-expired" else None)
    certificate.configure_cert(context)
