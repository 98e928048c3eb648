import pytest

from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.commands.registry import COMMANDS
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.catalogue import COLOR, CONCURRENCY, MAX_CPU, THE_FLEET, URL
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    Source,
    color_of,
    policy_of,
)
from cpx_monitor.entrypoints.options.option import Option, UsageError
from cpx_monitor.entrypoints.options.values import duration_s, one_of, percentage, whole_number


def arguments_of(environ=None, **typed):
    nothing = dict.fromkeys(option.name for option in (*THE_FLEET.options, COLOR))
    words = {f"--{name.replace('_', '-')}": value for name, value in typed.items()}
    return Arguments({**nothing, **words}, environ or {})


def reading(environ=None, **typed):
    return FleetOptions.from_arguments(arguments_of(environ, **typed))


def everything(arguments):
    return FleetOptions.from_arguments(arguments), policy_of(arguments, print), color_of(arguments)


def policy(environ=None, **typed):
    return policy_of(arguments_of(environ, **typed), print)


def test_the_defaults_are_those_that_the_help_tells():
    default = reading()

    assert default.source.url.address == "http://localhost:8080"
    assert policy() == HealthPolicy(90, 90)
    assert (default.timeout_s, default.deadline_s, default.concurrency) == (5, 30, None)
    for told in (
        "http://localhost:8080",
        "(env: CPX_MAX_CPU; default: 90)",
        "(default: 5)",
        "(default: 30)",
    ):
        assert told in COMMANDS["list"].help


def test_a_flag_wins_over_the_environment_and_that_over_the_default():
    environ = {"CPX_URL": "two:2", "CPX_MAX_CPU": "70", "CPX_MAX_MEMORY": "60"}

    assert reading(environ).source.url.address == "http://two:2"
    assert policy(environ) == HealthPolicy(70, 60)
    assert reading(environ, url="one:1").source.url.address == "http://one:1"
    assert policy(environ, max_cpu="50") == HealthPolicy(50, 60)


def test_an_empty_variable_is_as_good_as_none():
    assert policy({"CPX_MAX_CPU": ""}) == HealthPolicy(90, 90)


def test_the_demo_needs_no_url_whatever_the_environment_says():
    assert reading({"CPX_URL": "http://x"}, demo=True).source == Source()


def test_the_demo_and_a_url_together_are_a_mistake():
    with pytest.raises(UsageError, match="--demo needs no server"):
        reading(demo=True, url="http://x")


@pytest.mark.parametrize(
    ("environ", "typed", "message"),
    [
        ({}, {"max_cpu": "150"}, "--max-cpu=150: expected a percentage from 0 to 100"),
        ({"CPX_MAX_CPU": "x"}, {}, "CPX_MAX_CPU=x: expected a percentage from 0 to 100"),
        (
            {},
            {"concurrency": "0"},
            "--concurrency=0: expected auto or a whole number from 1 to 1000",
        ),
        ({}, {"color": "red"}, "--color=red: expected auto, always or never"),
    ],
)
def test_an_error_names_where_the_text_came_from_and_what_is_wanted(environ, typed, message):
    with pytest.raises(UsageError, match=message):
        everything(arguments_of(environ, **typed))


def test_an_error_in_a_url_does_not_repeat_it_for_it_may_hold_a_password():
    with pytest.raises(UsageError) as caught:
        Arguments({"--url": "ftp://ann:s3cret@x"}, {}).value(URL)

    assert str(caught.value) == "--url: ftp:// is neither http:// nor https://"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0.5", 0.5), (".5", 0.5), ("5s", 5), ("200ms", 0.2), ("1m", 60), ("1.5h", 5400)],
)
def test_a_time_is_in_seconds_or_with_a_unit(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "5 s", "1d", "s", "1e3", "nan", "inf", "25h", "٥"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="a time such as"):
        duration_s(text)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("90", 90), ("00090", 90), ("90.5", 90.5), ("100%", 100)]
)
def test_a_percentage_may_have_a_fraction_and_a_sign(text, value):
    assert percentage(text) == value


@pytest.mark.parametrize("text", ["", "-1", "101", "100.5", "NaN", "9" * 400, "1e1"])
def test_what_is_no_percentage_is_refused(text):
    with pytest.raises(ValueError, match="0 to 100"):
        percentage(text)


@pytest.mark.parametrize("text", ["0", "6", "-1", "2.5", "", "two", "9" * 400])
def test_a_whole_number_is_in_its_range(text):
    assert whole_number(1, 5)("5") == 5
    with pytest.raises(ValueError, match="from 1 to 5"):
        whole_number(1, 5)(text)


def test_a_choice_is_one_of_those_offered():
    assert one_of("a", "b")("b") == "b"
    with pytest.raises(ValueError, match="expected a or b"):
        one_of("a", "b")("c")


def test_concurrency_is_found_out_unless_a_number_is_given():
    assert Arguments({"--concurrency": "auto"}, {}).value(CONCURRENCY) is None
    assert Arguments({"--concurrency": "50"}, {}).value(CONCURRENCY) == 50


def test_an_option_without_a_variable_reads_none():
    assert (
        Arguments({"--x": None}, {"None": "1"}).value(Option("--x", str, "", default="default"))
        == "default"
    )
    assert MAX_CPU.variable == "CPX_MAX_CPU"


class TestTheToken:
    def test_is_what_the_file_holds_without_the_space_around_it(self, tmp_path):
        (tmp_path / "token").write_text(" s3cret==\n")

        assert reading(token_file=str(tmp_path / "token")).access.token == "s3cret=="

    def test_of_a_file_wins_over_that_of_the_variable(self, tmp_path):
        (tmp_path / "token").write_text("from-file")
        environ = {"CPX_TOKEN": "from-variable"}

        assert reading(environ).access.token == "from-variable"
        environ["CPX_TOKEN_FILE"] = str(tmp_path / "token")
        assert reading(environ).access.token == "from-file"

    @pytest.mark.parametrize("text", ["", "two words", "two\nlines", "gr\u00fcn", "\x00", "a\x7f"])
    def test_that_is_no_single_word_of_ascii_is_a_mistake_and_is_not_repeated(self, tmp_path, text):
        (tmp_path / "token").write_text(text)

        with pytest.raises(UsageError, match="a token of printable ASCII") as caught:
            reading(token_file=str(tmp_path / "token"))
        assert not text or text not in str(caught.value)

    def test_of_the_variable_is_not_repeated_either(self):
        with pytest.raises(UsageError) as caught:
            reading({"CPX_TOKEN": "s3cret s3cret"})
        assert "s3cret" not in str(caught.value)

    def test_is_not_in_what_the_access_looks_like(self):
        assert "s3cret" not in repr(reading({"CPX_TOKEN": "s3cret"}))

    @pytest.mark.parametrize("option", ["token_file", "ca_file"])
    def test_of_a_file_that_cannot_be_read_is_a_mistake_and_so_are_authorities(
        self, tmp_path, option
    ):
        with pytest.raises(UsageError, match="it cannot be read: no such file"):
            reading(**{option: str(tmp_path / "missing")})
        with pytest.raises(UsageError, match="it cannot be read: is a directory"):
            reading(**{option: str(tmp_path)})

    def test_and_the_authorities_are_nothing_to_the_demo(self):
        assert reading({"CPX_TOKEN_FILE": "/nowhere"}, demo=True).access.token is None


def test_trusting_some_and_any_servers_at_once_is_a_mistake(tmp_path):
    (tmp_path / "ca.pem").touch()

    with pytest.raises(UsageError, match="--insecure trusts any server"):
        reading(ca_file=str(tmp_path / "ca.pem"), insecure=True)


@pytest.mark.parametrize(
    ("typed", "environ", "color"),
    [
        (None, {}, ("auto", None)),
        (None, {"FORCE_COLOR": "1"}, ("always", "FORCE_COLOR")),
        (None, {"FORCE_COLOR": "0"}, ("auto", None)),
        (None, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, ("never", "NO_COLOR")),
        (None, {"NO_COLOR": ""}, ("auto", None)),
        ("always", {"NO_COLOR": "1"}, ("always", None)),
        ("never", {"FORCE_COLOR": "1"}, ("never", None)),
    ],
)
def test_colour_follows_the_flag_then_the_variables(typed, environ, color):
    assert color_of(arguments_of(environ, color=typed)) == color
