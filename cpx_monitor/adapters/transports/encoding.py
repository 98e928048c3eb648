"""Bodies of servers that compress them unasked."""

from cpx_monitor.adapters.transports.port import NotUsable, too_large

MAX_MEMBERS = 100  # each copies what follows it


def decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body as it was before it was compressed, by the value of its Content-Encoding.

    Raises:
        NotUsable: the encoding is unknown, the body broken or cut off, or it becomes more than
            ``max_bytes``.
    """
    import zlib

    encoding = encoding.strip().lower() or "identity"
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NotUsable(f"the answer is encoded as {encoding[:40]!r}")
    content = b""
    members = 0
    while body:  # gzip may have several members, one behind the other (RFC 1952, 2.2)
        members += 1
        if members > MAX_MEMBERS:
            raise NotUsable(f"more than {MAX_MEMBERS} gzip members")
        decompressor = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        try:
            content += decompressor.decompress(body, max_bytes + 1 - len(content))
        except zlib.error:
            raise NotUsable("the answer cannot be decompressed") from None
        if len(content) > max_bytes:
            raise too_large(max_bytes)
        if not decompressor.eof:
            raise NotUsable("the compressed answer was cut off")
        body = decompressor.unused_data
    return content
