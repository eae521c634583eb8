"""Mail that the service sends: to the log, until `Mailer.send` calls an SMTP server or the HTTP API of a provider."""

import structlog
from msgspec import Struct

log = structlog.get_logger()


class Mail(Struct, frozen=True):
    """A mail. `id` is the same at each attempt to send it, so that a provider can drop what it has sent already."""

    id: str
    to: str
    subject: str
    text: str


class Mailer:
    """Sends mail. Handlers of jobs ask for it by its type."""

    def __init__(self, *, show: bool = False) -> None:
        self.show = show
        """Whether the log has the text, at the level debug. It has links with tokens: for development alone."""

    async def send(self, mail: Mail) -> None:
        """Send a mail, or raise. Give up well within DATABASE_COMMAND_TIMEOUT: callers are in a transaction."""
        log.info("mail sent", id=mail.id)  # no address: logs are kept elsewhere, and read by others
        if self.show:
            log.debug("mail", subject=mail.subject, text=mail.text)
