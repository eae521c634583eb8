"""Other services, as bad as they come: each behaviour answers one connection, over real sockets."""

import asyncio
import datetime
import gzip
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

type Behaviour = Callable[["Peer", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A running peer: its address, the requests that reached it, and the bytes of bodies that it could send."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0


def answer(status: int = 200, body: bytes = b"hello", *headers: str) -> Behaviour:
    """Return the behaviour of a healthy peer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *headers, "", ""]

    async def behave(peer: Peer, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return behave


def answer_compressed(size: int) -> Behaviour:
    """Return the behaviour of a peer whose body is small on the wire and of this size unpacked."""
    return answer(200, gzip.compress(b"x" * size), "content-encoding: gzip")


async def say_nothing(peer: Peer, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def send_headers_only(peer: Peer, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    await asyncio.Event().wait()


async def trickle(peer: Peer, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(peer: Peer, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def close_early(peer: Peer, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello")


async def talk_nonsense(peer: Peer, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n\r\n")


async def send_a_gigabyte(peer: Peer, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
    for _ in range(10_000):
        writer.write(b"x" * 100_000)
        await writer.drain()
        peer.sent += 100_000


@asynccontextmanager
async def run(*behaviours: Behaviour, certificate: ssl.SSLContext | None = None) -> AsyncGenerator[Peer]:
    """Serve until the block ends: each connection has the next behaviour, and the last one stays."""
    peer, left = Peer(), list(behaviours)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                peer.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await (left.pop(0) if len(left) > 1 else left[0])(peer, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=certificate)
    peer.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await server.wait_closed()


def certify(folder: Path) -> ssl.SSLContext:
    """Return the certificate of a peer for 127.0.0.1, which vouches for itself and is in folder/certificate.pem."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = dated.add_extension(address, critical=False)
    (folder / "certificate.pem").write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return made


@contextmanager
def run_without_accepting() -> Generator[Peer]:
    """Listen, and accept nobody: the queue of the kernel is full, so connecting takes for ever."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield Peer(f"http://127.0.0.1:{listener.getsockname()[1]}")


@contextmanager
def run_nothing() -> Generator[Peer]:
    """Yield an address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Peer(f"http://127.0.0.1:{bound.getsockname()[1]}")
