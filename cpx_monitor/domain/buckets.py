"""Which part of a fleet an address belongs to, and who polls that part.

Both depend on hashes alone, so that an address that is added or an exporter that comes or goes
moves no other address.
"""

from collections.abc import Sequence
from hashlib import sha256

MAX_BUCKETS = 4096


def bucket_of(text: str, buckets: int) -> int:
    """The bucket of a canonical address, from 0 to ``buckets`` - 1: the top bits of its SHA-256.

    Args:
        buckets: a power of two, at most ``MAX_BUCKETS``.
    """
    top = int.from_bytes(sha256(text.encode()).digest()[:2], "big")
    return top * buckets >> 16


def exporter_of(bucket: int, exporters: Sequence[str]) -> str:
    """The exporter that a bucket is pinned to, by rendezvous hashing (Thaler and Ravishankar,
    "Using name-based mappings to increase hit rates", 1998): one that is taken away gives its
    buckets to the others, and moves none of theirs.
    """
    return max(exporters, key=lambda exporter: sha256(f"{bucket} {exporter}".encode()).digest())
