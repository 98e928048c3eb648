"""What a client would rather have, from its Accept headers (RFC 9110, 12.5)."""


def weights(header: str) -> dict[str, float]:
    """From 0, which refuses it, to 1, by what is named: ``gzip``, or a media type with its
    parameters, in lower case and without spaces. A weight that cannot be read is 0.
    """
    found: dict[str, float] = {}
    for each in header.lower().replace(" ", "").split(","):
        parameters = each.split(";")
        named = ";".join(part for part in parameters if not part.startswith("q="))
        (text,) = [part[2:] for part in parameters if part.startswith("q=")][:1] or ["1"]
        try:
            found[named] = min(1.0, max(0.0, float(text)))
        except ValueError:
            found[named] = 0.0
    return found
