from cpx_monitor.adapters.cpx_api.polling.tasks import Tasks


def order_of(tasks):
    return list(tasks.waiting)


class TestOneThatComesAgainLater:
    def test_goes_next_once_it_is_due(self):
        tasks = Tasks("abc")
        tasks.again_later(tasks.waiting.popleft(), 10.0, is_last_attempt=True)

        tasks.turn_to_due(9.9)
        assert order_of(tasks) == ["b", "c"]
        tasks.turn_to_due(10.0)
        assert order_of(tasks) == ["a", "b", "c"]

    def test_goes_no_earlier_than_others_that_are_due_before(self):
        tasks = Tasks("ab")
        tasks.waiting.clear()
        tasks.again_later("a", 3.0, is_last_attempt=False)
        tasks.again_later("b", 2.0, is_last_attempt=False)

        tasks.turn_to_due(2.5)

        assert order_of(tasks) == ["b"]

    def test_goes_in_the_order_in_which_they_are_due(self):
        tasks = Tasks("c")
        tasks.again_later("b", 3.0, is_last_attempt=False)
        tasks.again_later("a", 2.0, is_last_attempt=False)

        tasks.turn_to_due(3.0)

        assert order_of(tasks) == ["a", "b", "c"]

    def test_may_be_on_its_last_attempt_or_not(self):
        tasks = Tasks("ab")
        tasks.again_later("a", 3.0, is_last_attempt=True)
        tasks.again_later("b", 3.0, is_last_attempt=False)

        assert tasks.is_last_attempt("a")
        assert not tasks.is_last_attempt("b")

    def test_is_worth_waiting_for_only_where_it_is_due_in_time(self):
        tasks = Tasks("a")
        tasks.again_later(tasks.waiting.popleft(), 5.0, is_last_attempt=True)

        assert tasks.are_left(ends_at_s=5.1)
        assert not tasks.are_left(ends_at_s=5.0)


class TestOneThatComesAgainAtTheEnd:
    def test_goes_after_all_that_wait(self):
        tasks = Tasks("ab")
        tasks.again_at_the_end(tasks.waiting.popleft())

        assert not tasks.is_only_the_end_left
        tasks.waiting.popleft()
        assert tasks.is_only_the_end_left
        tasks.turn_to_the_end()

        assert order_of(tasks) == ["a"]
        assert not tasks.is_only_the_end_left

    def test_is_on_its_last_attempt(self):
        tasks = Tasks("ab")
        tasks.again_at_the_end("a")

        assert tasks.is_last_attempt("a")
        assert not tasks.is_last_attempt("b")

    def test_keeps_the_collection_from_ending(self):
        tasks = Tasks("")
        tasks.again_at_the_end("a")

        assert tasks.are_left(ends_at_s=1.0)


class TestThoseThatWereRefusedWithTheOthers:
    def test_wait_behind_them(self):
        tasks = Tasks("abc")
        tasks.again_with_all(tasks.waiting.popleft())

        assert order_of(tasks) == ["b", "c", "a"]

    def test_can_be_dropped_and_the_others_stay_in_order(self):
        tasks = Tasks("abcd")
        tasks.again_with_all(tasks.waiting.popleft())
        tasks.again_with_all(tasks.waiting.popleft())
        tasks.drop_refused()

        assert order_of(tasks) == ["c", "d"]


def test_all_may_be_last_attempts_from_the_beginning():
    tasks = Tasks("ab", are_last_attempts=True)

    assert tasks.is_last_attempt("a")
    assert tasks.is_last_attempt("b")


def test_what_is_left_is_what_waits_and_what_would_come_again():
    tasks = Tasks("abcd")
    tasks.again_later(tasks.waiting.popleft(), 5.0, is_last_attempt=True)
    tasks.again_at_the_end(tasks.waiting.popleft())

    assert sorted(tasks.left()) == ["a", "b", "c", "d"]
    assert tasks.are_left(ends_at_s=1.0)


def test_nothing_is_left_of_nothing():
    tasks = Tasks(())

    assert tasks.left() == []
    assert not tasks.are_left(ends_at_s=1.0)
    assert not tasks.is_only_the_end_left
