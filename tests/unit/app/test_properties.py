"""What holds of every fleet, whatever answers and whatever fails."""

import random

from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import policies, snapshots, thresholds
from support import snapshot

from cpx_monitor.app.use_cases import at_risk, averages, list_instances, load_if_lost
from cpx_monitor.domain.fleet import Instance, Unknown
from cpx_monitor.domain.health import Status, Verdict, judge


def verdicts(seen, policy, threshold):
    """Every service's verdict, those that are OK as well."""
    endangered = {item.service: item.verdict for item in at_risk(seen, policy, threshold).items}
    return {service.name: endangered.get(service.name, Verdict.OK) for service in seen.services}


def healthy_counts(seen, policy):
    return {item.service: item.healthy for item in averages(seen, policy).items}


class TestConservation:
    @given(snapshots(), policies, thresholds)
    def test_answered_and_unknown_are_the_listed_in_every_report(self, seen, policy, threshold):
        reports = (
            list_instances(seen, policy),
            averages(seen, policy),
            at_risk(seen, policy, threshold),
        )

        for report in reports:
            coverage = report.basis.coverage
            assert coverage.answered + coverage.unknown == coverage.listed == len(seen.observations)

    @given(snapshots(), policies)
    def test_every_instance_is_in_one_service_or_of_none(self, seen, policy):
        items = averages(seen, policy).items

        assert sum(item.instances for item in items) + seen.unattributed == len(seen.observations)
        for item in items:
            assert item.healthy + item.unhealthy + item.unknown == item.instances

    @given(snapshots(), policies)
    def test_every_row_has_a_status_and_the_unknown_ones_a_reason(self, seen, policy):
        for row in list_instances(seen, policy).items:
            assert (row.status is Status.UNKNOWN) == bool(row.reason)
            assert (row.status is Status.UNKNOWN) == (row.cpu_percent is None)


class TestDoubt:
    @given(st.data(), policies, thresholds)
    def test_never_helps(self, data, policy, threshold):
        """An answer that turns into a failure, of a known service or of none."""
        before = data.draw(snapshots(min_size=1))
        lost = data.draw(st.sampled_from(before.observations))
        assume(isinstance(lost, Instance))
        names = st.sampled_from([None, lost.service])
        failure = Unknown(lost.ip, "timed out after 5 s", data.draw(names))
        after = snapshot(*(failure if seen is lost else seen for seen in before.observations))

        healthy_before, healthy_after = (healthy_counts(seen, policy) for seen in (before, after))
        for service, healthy in healthy_after.items():
            assert healthy <= healthy_before[service]
        was, now = (verdicts(seen, policy, threshold) for seen in (before, after))
        for service, verdict in now.items():
            assert verdict is not Verdict.OK or was[service] is Verdict.OK
            assert verdict is not Verdict.AT_RISK or was[service] is Verdict.AT_RISK

    @given(*(st.integers(0, 6) for _ in range(3)), thresholds)
    def test_is_certain_only_where_no_outcome_of_it_could_change_the_verdict(
        self, healthy, own_unknown, unattributed, threshold
    ):
        """The verdict against all that could turn out to be the case."""
        doubtful = own_unknown + unattributed
        outcomes = {healthy + well >= threshold for well in range(doubtful + 1)}

        verdict = judge(
            healthy=healthy,
            own_unknown=own_unknown,
            unattributed=unattributed,
            threshold=threshold,
        )
        assert (
            verdict
            is {
                frozenset({True}): Verdict.OK,
                frozenset({False}): Verdict.AT_RISK,
                frozenset({True, False}): Verdict.POSSIBLY_AT_RISK,
            }[frozenset(outcomes)]
        )


class TestOrder:
    @given(snapshots(), policies, thresholds, st.randoms(use_true_random=False))
    def test_in_which_instances_answer_and_how_often_they_are_listed_changes_nothing(
        self, seen, policy, threshold, chance: random.Random
    ):
        shuffled = (
            [*seen.observations, *chance.choices(seen.observations, k=3)]
            if (seen.observations)
            else []
        )
        chance.shuffle(shuffled)
        again = snapshot(*shuffled)

        assert list_instances(again, policy) == list_instances(seen, policy)
        assert averages(again, policy) == averages(seen, policy)
        assert at_risk(again, policy, threshold) == at_risk(seen, policy, threshold)


class TestMeans:
    @given(snapshots(), policies)
    def test_lie_between_the_extremes(self, seen, policy):
        for item in averages(seen, policy).items:
            for spread in (item.cpu_percent, item.memory_percent):
                if spread.mean is not None:
                    assert spread.min <= spread.p95 <= spread.max
                    assert spread.min - 1e-9 <= spread.mean <= spread.max + 1e-9


@given(snapshots(), policies)
def test_losing_no_instance_changes_no_mean(seen, policy):
    for service, item in zip(seen.services, averages(seen, policy).items, strict=True):
        load = load_if_lost(service.answered, 0)

        assert (load and load.cpu_percent) == item.cpu_percent.mean
        assert (load and load.memory_percent) == item.memory_percent.mean
