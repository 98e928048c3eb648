from cpx_monitor.entrypoints.options.nearest import MAX_COMPARED, nearest


def test_something_near_is_named_in_its_own_spelling():
    assert nearest("authservise", ["AuthService", "UserService"]) == "did you mean AuthService?"
    assert nearest("auth", ["AuthService", "UserService"]) == "did you mean AuthService?"
    assert nearest("x", ["AuthService"]) is None
    assert nearest("", ["AuthService"]) is None


def test_of_two_hundred_thousand_only_a_few_are_compared(monkeypatch):
    compared = []

    def count(word, names, n, cutoff):
        compared.extend(names)
        return []

    monkeypatch.setattr("difflib.get_close_matches", count)
    nearest("service 17x", [f"Service {n}" for n in range(200_000)])

    assert len(compared) == MAX_COMPARED


def test_two_services_that_end_alike_are_not_near():
    assert nearest("ReportsService", ["PaymentsService", "SearchService"]) is None
