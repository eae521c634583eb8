"""Mail reaches a server, and one that does not answer holds nobody."""

import asyncio
from collections.abc import Generator
from email import message_from_bytes, policy
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from service.mail import Mail, Mailer, MailOptions

from tests.kit.processes import find_port

MAIL = Mail("orders.confirm-7", "ada@example.com", "Your order SO-1", "Thank you: we received your order.")


class Sink:
    """Takes every mail."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope.content)
        return "250 Taken"


@pytest.fixture
def sink() -> Generator[tuple[Sink, MailOptions]]:
    taker = Sink()
    port = find_port()
    server = Controller(taker, hostname="127.0.0.1", port=port)
    server.start()
    yield taker, MailOptions(host="127.0.0.1", port=port, security="none", timeout=2)
    server.stop()


async def test_a_mail_reaches_the_server(sink: tuple[Sink, MailOptions]):
    taker, options = sink
    await Mailer(options).send(MAIL)
    (content,) = taker.taken
    message = message_from_bytes(content, policy=policy.default)
    assert [message[name] for name in ("from", "to", "subject")] == ["orders@example.com", MAIL.to, MAIL.subject]
    assert message["message-id"] == "<orders.confirm-7@example.com>"
    assert message.get_content().strip() == MAIL.text


async def test_a_server_without_encryption_gets_neither_mail_nor_password(sink: tuple[Sink, MailOptions]):
    taker, options = sink
    guarded = options.model_copy(update={"security": "starttls", "user": "ada", "password": SecretStr("secret")})
    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await Mailer(guarded).send(MAIL)
    assert taker.taken == []


async def test_a_server_that_says_nothing_holds_nobody():
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    options = MailOptions(host="127.0.0.1", port=server.sockets[0].getsockname()[1], timeout=0.2)
    async with server, asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await Mailer(options).send(MAIL)


async def test_without_a_server_mail_goes_to_the_log(capsys: pytest.CaptureFixture[str]):
    await Mailer(MailOptions()).send(MAIL)
    assert "mail sent" in capsys.readouterr().out
