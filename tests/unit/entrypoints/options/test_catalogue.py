"""An option is told once; whatever speaks of options speaks of every one."""

import io

import pytest

from cpx_monitor.entrypoints.commands.config import settings_of
from cpx_monitor.entrypoints.commands.registry import COMMANDS, every_option
from cpx_monitor.entrypoints.completion.candidates import fitting
from cpx_monitor.entrypoints.options import catalogue
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.option import Option
from cpx_monitor.entrypoints.terminal.console import Console


def offered(*words):
    console = Console(io.StringIO(), io.StringIO(), {})
    return {each.text.rstrip("=") for each in fitting(words, "--", console, connect=None)}


def test_every_option_of_the_catalogue_is_of_a_command():
    used = {each for command in COMMANDS.values() for each in command.options}
    used |= {each for command in COMMANDS.values() for each in command.arguments}
    options = {each for each in vars(catalogue).values() if isinstance(each, Option)}

    assert options - used == {catalogue.TOKEN}  # which is a variable only


def test_config_shows_every_option():
    settings = settings_of(Arguments(dict.fromkeys(every_option()), {}))

    expected = {each.key for each in every_option().values()} - {catalogue.HELP.key}
    assert {each.setting for each in settings} == expected | {catalogue.TOKEN.key}


@pytest.mark.parametrize("name", COMMANDS)
def test_completion_and_the_help_have_every_option_of_a_command(name):
    options = {each.name for each in COMMANDS[name].options}

    assert offered(name) == options
    assert all(f" {option}" in COMMANDS[name].help for option in options)


@pytest.mark.parametrize("option", every_option().values(), ids=lambda option: option.name)
def test_every_default_is_one_that_can_be_read(option):
    if option.default:
        option.read(option.default)
