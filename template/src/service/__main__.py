"""The `service` command. `service --help` lists what it can do; commands of your own are added here."""

from service.kit.server import cli


def main() -> None:
    """Run the command on the service that app.py maps."""
    cli.main("service.app")


if __name__ == "__main__":
    main()
