import pytest

from cpx_monitor.entrypoints.commands.command import Command
from cpx_monitor.entrypoints.options.nearest import nearest
from cpx_monitor.entrypoints.options.option import Group, Option, UsageError
from cpx_monitor.entrypoints.options.words import asks_for_help, read_words

TOOL = Command(
    name="do",
    program="tool",
    summary="something",
    examples="  tool do it\n",
    arguments=(Option("<what>", str, "what to do", "<what>"),),
    groups=(
        Group(
            "",
            (
                Option("--url", str, "where", "<url>"),
                Option("--demo", bool, "a flag"),
                Option("--output", str, "how", "<format>", short="-o"),
                Option("--verbose", bool, "more", short="-v"),
            ),
        ),
    ),
)


def read(*words):
    return read_words(TOOL, words)


def error_of(*words):
    with pytest.raises(UsageError) as caught:
        read(*words)
    return str(caught.value), caught.value.hint


def test_words_are_read_by_the_help_text():
    assert read("thing", "--url", "x", "-vo", "json") == {
        "do": True,
        "<what>": "thing",
        "--url": "x",
        "--demo": False,
        "--output": "json",
        "--verbose": True,
    }


@pytest.mark.parametrize(
    "words", [["--output=json"], ["--output", "json"], ["-ojson"], ["-o=json"], ["-o", "json"]]
)
def test_an_option_s_value_may_follow_in_every_usual_way(words):
    assert read("thing", *words)["--output"] == "json"


def test_a_word_after_two_dashes_is_never_an_option():
    assert read("--", "--thing")["<what>"] == "--thing"


def test_an_option_is_never_abbreviated():
    assert error_of("thing", "--verb") == ("unknown option '--verb'", "did you mean --verbose?")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["thing", "--ulr=x"], ("unknown option '--ulr'", "did you mean --url?")),
        (["thing", "--xyzzy"], ("unknown option '--xyzzy'", "see `tool do --help`")),
        (["thing", "-x"], ("unknown option '-x'", "see `tool do --help`")),
        (["thing", "-vx"], ("unknown option '-x'", "see `tool do --help`")),
        (["thing", "--url"], ("--url needs a value", "see `tool do --help`")),
        (["thing", "-o"], ("-o needs a value", "see `tool do --help`")),
        (["thing", "--demo=yes"], ("--demo takes no value", "see `tool do --help`")),
        (["thing", "--url=a", "--url=b"], ("--url is given more than once", None)),
        (["thing", "-o", "json", "--output=json"], ("--output is given more than once", None)),
        ([], ("tool do needs <what>", "usage: tool do <what> [options]")),
        (["a", "b"], ("unexpected argument 'b'", "usage: tool do <what> [options]")),
    ],
)
def test_what_does_not_fit_is_named(words, error):
    assert error_of(*words) == error


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["thing", "--demo", "--help"]])
def test_help_is_asked_for_anywhere(words):
    assert asks_for_help(words)


def test_help_is_not_asked_for_after_two_dashes():
    assert not asks_for_help(["--", "--help"])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("AuthServce", "did you mean AuthService?"),
        ("authservice", "did you mean AuthService?"),
        ("auth", "did you mean AuthService?"),
        ("xyzzy", None),
    ],
)
def test_the_nearest_name_is_suggested_where_one_is_near(word, hint):
    assert nearest(word, ["AuthService", "MLService"]) == hint
