"""The `service` command. `service --help` lists what it can do; commands of your own are added here."""

from service.app import SLICES
from service.kit import cli
from service.settings import Settings


def main() -> None:
    """Run the command."""
    cli.service(obj=cli.Wiring(Settings, SLICES, create="service.app:create"))


if __name__ == "__main__":
    main()
