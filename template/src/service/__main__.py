"""The `service` command. `service --help` lists what it can do; commands of your own are added here."""

from service.kit import commands


def main() -> None:
    """Run the command on the service that app.py maps."""
    commands.main("service.app")


if __name__ == "__main__":
    main()
