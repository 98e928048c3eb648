"""Buckets and who polls them: neither depends on how many others there are."""

import hashlib
from collections import Counter

import pytest

from cpx_monitor.domain.buckets import bucket_of, exporter_of

ADDRESSES = [f"10.{n >> 8}.{n & 255}.7" for n in range(10_000)]
EXPORTERS = ["exporter-1:9787", "exporter-2:9787", "exporter-3:9787"]


class TestABucket:
    @pytest.mark.parametrize("buckets", [1, 2, 64, 4096])
    def test_is_the_top_bits_of_the_hash(self, buckets):
        bits = buckets.bit_length() - 1
        for ip in ("10.58.1.1", "2001:db8::1"):
            digest = int(hashlib.sha256(ip.encode("ascii")).hexdigest(), 16)

            assert bucket_of(ip, buckets) == digest >> (256 - bits)

    def test_of_twice_as_many_is_one_half_of_it(self):
        assert all(bucket_of(ip, 128) // 2 == bucket_of(ip, 64) for ip in ADDRESSES)

    def test_holds_about_as_many_as_another(self):
        sizes = Counter(bucket_of(ip, 64) for ip in ADDRESSES)

        assert len(sizes) == 64
        assert 100 < min(sizes.values()) <= max(sizes.values()) < 220


class TestAnExporter:
    def test_has_about_as_many_buckets_as_another(self):
        assert min(Counter(exporter_of(each, EXPORTERS) for each in range(64)).values()) > 14

    def test_that_is_taken_away_moves_no_other_bucket(self):
        for bucket in range(64):
            before, after = (exporter_of(bucket, names) for names in (EXPORTERS, EXPORTERS[:2]))

            assert before in (after, EXPORTERS[2])

    def test_is_the_same_whatever_their_order(self):
        assert all(
            exporter_of(bucket, EXPORTERS) == exporter_of(bucket, EXPORTERS[::-1])
            for bucket in range(64)
        )
