"""The commands are found by the names of their modules."""

import click
import pytest
from service.kit.server import cli


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_module_of_the_commands_has_the_command_of_its_name(name: str):
    command = cli.service.get_command(click.Context(cli.service), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_an_unknown_command_is_none():
    assert cli.service.get_command(click.Context(cli.service), "unknown") is None
