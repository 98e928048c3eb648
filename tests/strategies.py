"""What hypothesis makes for the property tests: fleets, and text of every kind."""

from hypothesis import settings
from hypothesis import strategies as st
from support import snapshot

from cpx_monitor.domain.fleet import Instance, Unknown
from cpx_monitor.domain.health import HealthPolicy

# Forty examples of each are less than half as long as a hundred, and fleets take a while to make.
settings.register_profile("brief", max_examples=40, deadline=None)
settings.load_profile("brief")

ADDRESSES = [f"10.58.1.{last}" for last in range(1, 13)]

# Text as it may come from outside: with control characters, lone surrogates, wide ones, and what
# spreadsheets take for a formula.
hostile_text = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from("\x1b\x07\n\r\t\u202e\u2066\u200b\ud800=+-@'\",;|\u8a8d"),
    ),
    min_size=1,
    max_size=12,
).filter(str.strip)

service_names = st.sampled_from(["AuthService", "MLService", "TimeService"])
reasons = st.just("timed out after 5 s")
percentages = st.one_of(st.integers(0, 100), st.floats(0, 100))


def instances(ips, names=service_names):
    return st.builds(Instance, ips, names, percentages, percentages)


def unknowns(ips, names=service_names, reasons=reasons):
    return st.builds(Unknown, ips, reasons, st.none() | names)


@st.composite
def snapshots(draw, names=service_names, reasons=reasons, min_size=0):
    listed = draw(st.lists(st.sampled_from(ADDRESSES), unique=True, min_size=min_size))
    seen = [
        draw(st.one_of(instances(st.just(ip), names), unknowns(st.just(ip), names, reasons)))
        for ip in listed
    ]
    return snapshot(*seen)


policies = st.builds(HealthPolicy, percentages, percentages)
thresholds = st.integers(1, 5)
