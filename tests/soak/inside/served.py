"""The service as `service serve` runs it, and one path that blocks its event loop: `python -m soak.served`."""

from inside import blocked
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import read_settings
from service.settings import Settings

if __name__ == "__main__":
    settings = read_settings(Settings)
    configure_logs(settings.log)
    serve(f"{blocked.__name__}:create", settings.server, settings.metrics, settings.watchdog)
