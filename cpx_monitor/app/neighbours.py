"""Which blocks of neighbouring addresses fail together: a dead rack, a subnet."""

from _socket import AF_INET, AF_INET6, inet_ntop  # not socket, which takes long to import
from collections import Counter
from collections.abc import Sequence

from cpx_monitor.domain.fleet import Observation, Unknown, address_order

MIN_BLOCK = 4
_IPV4_PREFIXES, _IPV6_PREFIXES = range(16, 31), range(48, 125, 4)


def failing_blocks(observations: Sequence[Observation]) -> list[tuple[str, int]]:
    """The largest blocks of addresses of which every listed one is unknown, ``MIN_BLOCK`` or more
    of them, as ``10.58.1.16/28`` with their number, the largest number first. None where nothing
    answered: then all addresses are one block, and that says nothing.
    """
    if all(isinstance(seen, Unknown) for seen in observations):
        return []
    failing: list[tuple[str, int]] = []
    for family, prefixes in ((4, _IPV4_PREFIXES), (6, _IPV6_PREFIXES)):
        left = {
            int.from_bytes(packed): isinstance(seen, Unknown)
            for seen in observations
            for of, packed in (address_order(seen.ip),)
            if of == family
        }
        for prefix in prefixes:
            free_bits = (32 if family == 4 else 128) - prefix
            dead = _dead(left, free_bits)
            failing += [
                (f"{_text_of(block << free_bits, family)}/{prefix}", n) for block, n in dead.items()
            ]
            left = {
                number: gone for number, gone in left.items() if number >> free_bits not in dead
            }
    return sorted(failing, key=lambda each: -each[1])


def _dead(is_unknown: dict[int, bool], free_bits: int) -> dict[int, int]:
    """The blocks of which all are unknown, with how many that are."""
    listed = Counter(number >> free_bits for number in is_unknown)
    unknown = Counter(number >> free_bits for number, gone in is_unknown.items() if gone)
    return {block: n for block, n in unknown.items() if n == listed[block] and n >= MIN_BLOCK}


def _text_of(number: int, family: int) -> str:
    if family == 4:
        return inet_ntop(AF_INET, number.to_bytes(4))
    return inet_ntop(AF_INET6, number.to_bytes(16))
