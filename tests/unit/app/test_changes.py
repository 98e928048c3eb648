"""What differs between two polls, and from round to round."""

from hypothesis import given
from hypothesis import strategies as st
from strategies import policies, snapshots
from support import instance, snapshot, unknown

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.app.changes import InstanceFeed, MeanFeed, VerdictFeed, about, diff
from cpx_monitor.app.memory import ServiceMemory
from cpx_monitor.app.reports import ChangeKind
from cpx_monitor.app.tracking import Tracking
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.fleet import Instance
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy()
MIRRORED = {ChangeKind.GONE: ChangeKind.NEW, ChangeKind.NEW: ChangeKind.GONE}


def told(changes):
    """Each change as short as can be."""
    return [
        (str(each.change), each.ip or each.service, each.before, each.after) for each in changes
    ]


def fed(feed, use_case, *polls):
    """What the feed makes of the last poll."""
    memory, found = ServiceMemory(), []
    for poll in polls:
        found = feed.learn(use_case(memory.filled(snapshot(*poll)), POLICY))
    return found


class TestDiff:
    def test_tells_what_is_gone_and_new_and_who_moved_and_whose_status_changed(self):
        before = snapshot(instance(1), instance(2), instance(3), instance(5))
        after = snapshot(instance(2, "MLService"), instance(3, cpu=95), instance(4), instance(5))

        assert told(diff(before, after, POLICY, 100).items) == [
            ("gone", "10.58.1.1", "Healthy", None),
            ("new", "10.58.1.4", None, "Healthy"),
            ("moved", "10.58.1.2", "AuthService", "MLService"),
            ("status", "10.58.1.3", "Healthy", "Unhealthy"),
        ]

    def test_says_why_a_status_is_not_a_good_one(self):
        before = snapshot(instance(1), instance(2))
        after = snapshot(instance(1, cpu=95), unknown(2))

        reasons = [each.reason for each in diff(before, after, POLICY, 100).items]

        assert reasons == ["CPU 95%", "timed out after 5 s"]

    def test_of_an_instance_that_falls_silent_the_status_changes_and_not_the_service(self):
        (change,) = diff(snapshot(instance(1)), snapshot(unknown(1)), POLICY, 10).items

        assert (change.change, change.service) == (ChangeKind.STATUS, "AuthService")

    def test_tells_means_that_moved_by_more_than_so_many_points(self):
        before = snapshot(instance(1, cpu=10, memory=20))
        after = snapshot(instance(1, cpu=20, memory=31))

        (change,) = diff(before, after, POLICY, 10).items

        assert (change.service, change.metric) == ("AuthService", "memory_percent")
        assert (change.before, change.after) == (20, 31)

    def test_of_one_service_tells_of_those_that_moved_to_it_or_away_as_well(self):
        before = snapshot(instance(1), instance(2), instance(3, "MLService"))
        after = snapshot(instance(1, "MLService"), instance(2, cpu=95), instance(3, "MLService"))

        found = diff(before, after, POLICY, 100, ["mlservice"]).items

        assert told(found) == [("moved", "10.58.1.1", "AuthService", "MLService")]

    @given(snapshots(), policies)
    def test_with_itself_is_empty(self, seen, policy):
        assert diff(seen, seen, policy, 0).items == ()

    @given(snapshots(), snapshots(), policies, st.integers(0, 50))
    def test_of_two_is_the_mirror_of_the_two_the_other_way_round(self, a, b, policy, by_points):
        def essence(change, *sides):
            return (change.ip, change.ip or change.service, change.metric, *sides)

        there = diff(a, b, policy, by_points).items
        back = diff(b, a, policy, by_points).items

        mirrored = {
            (MIRRORED.get(each.change, each.change), essence(each, each.after, each.before))
            for each in there
        }
        assert mirrored == {(each.change, essence(each, each.before, each.after)) for each in back}


class TestTheFeedOfInstances:
    def test_says_nothing_of_the_first_round(self):
        assert fed(InstanceFeed(), list_instances, [instance(1)]) == []

    def test_knows_the_service_of_one_that_was_silent_in_between(self):
        found = fed(
            InstanceFeed(), list_instances, [instance(1)], [unknown(1)], [instance(1, "MLService")]
        )

        assert told(found) == [
            ("moved", "10.58.1.1", "AuthService", "MLService"),
            ("status", "10.58.1.1", "Unknown", "Healthy"),
        ]

    @given(st.lists(snapshots(), min_size=2, max_size=5), policies)
    def test_replayed_over_a_round_gives_the_next_one(self, polls, policy):
        memory, feed = ServiceMemory(), InstanceFeed()
        state = None
        for poll in polls:
            report = list_instances(memory.filled(poll), policy)
            changes = feed.learn(report)
            now = {row.ip: (row.service, row.status) for row in report.items}
            state = now if state is None else state
            # An instance that had no service may get one without an event.
            state = {ip: (seen[0] or now.get(ip, seen)[0], seen[1]) for ip, seen in state.items()}
            for each in changes:
                _, status = state.get(each.ip, (None, None))
                if each.change is ChangeKind.GONE:
                    del state[each.ip]
                elif each.change is ChangeKind.MOVED:
                    state[each.ip] = (each.after, status)
                else:
                    state[each.ip] = (each.service, each.after)
            assert state == now

    def test_of_a_tracked_service_tells_who_moved_away_and_came(self):
        polls = [
            [instance(1), instance(2), instance(3, "MLService")],
            [instance(1, "MLService"), instance(2), instance(3)],
        ]
        tracking = Tracking(InMemoryFleet(polls, _Clock()), "AuthService", POLICY)
        feed = InstanceFeed()

        feed.learn(tracking.poll())

        assert sorted(told(feed.learn(tracking.poll()))) == [
            ("moved", "10.58.1.1", "AuthService", "MLService"),
            ("moved", "10.58.1.3", "MLService", "AuthService"),
        ]


class _Clock:
    def now(self):
        return snapshot().observed_at

    def monotonic_s(self):
        return 0.0


class TestTheFeedOfMeans:
    def test_tells_a_slow_drift_once_it_has_come_far_enough(self):
        polls = [[instance(1, cpu=percent)] for percent in (10, 17, 24, 25)]
        memory, feed = ServiceMemory(), MeanFeed(10)

        found = [
            told(feed.learn(averages(memory.filled(snapshot(*poll)), POLICY))) for poll in polls
        ]

        assert found == [[], [], [("mean", "AuthService", 10, 24)], []]

    def test_tells_services_that_come_and_go(self):
        found = fed(MeanFeed(10), averages, [instance(1)], [instance(2, "MLService")])

        assert told(found) == [("gone", "AuthService", 1, None), ("new", "MLService", None, 1)]


class TestTheFeedOfVerdicts:
    def feed(self, *polls):
        return fed(VerdictFeed(), lambda seen, policy: at_risk(seen, policy, 2), *polls)

    def test_tells_a_verdict_that_changes_and_why(self):
        (change,) = self.feed([instance(1), instance(2)], [instance(1), instance(2, cpu=95)])

        assert told([change]) == [("verdict", "AuthService", "OK", "AtRisk")]
        assert change.reason == "unhealthy: 10.58.1.2 (CPU 95%)"

    def test_does_not_take_a_silent_service_for_one_that_is_gone(self):
        ml = instance(3, "MLService")
        found = self.feed([instance(1), instance(2), ml], [unknown(1), unknown(2), ml])

        assert ("verdict", "AuthService", "OK", "PossiblyAtRisk") in told(found)

    def test_says_nothing_where_nothing_can_be_said(self):
        assert self.feed([instance(1)], [unknown(1)]) == []


def test_an_instance_that_no_service_is_known_of_is_about_none():
    (change,) = diff(snapshot(), snapshot(unknown(1)), POLICY, 10).items

    assert about([])(change)
    assert not about(["AuthService"])(change)


def test_what_is_no_longer_listed_is_forgotten():
    memory = ServiceMemory()
    memory.filled(snapshot(instance(1)))
    memory.filled(snapshot())

    (seen,) = memory.filled(snapshot(unknown(1))).observations

    assert not isinstance(seen, Instance)
    assert seen.service is None
