import gzip

import pytest

from cpx_monitor.adapters.transports.encoding import MAX_MEMBERS, decoded
from cpx_monitor.adapters.transports.port import NotUsable


def test_gzip_may_have_some_members_and_no_more():
    member = gzip.compress(b"x", mtime=0)

    assert decoded(member * MAX_MEMBERS, "gzip", 1000) == b"x" * MAX_MEMBERS
    with pytest.raises(NotUsable, match="more than 100 gzip members"):
        decoded(member * (MAX_MEMBERS + 1), "gzip", 1000)
