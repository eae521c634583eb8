"""An issuer of tokens: keys of every kind, what a token says, and the address where the public keys are published."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import AuthOptions

NAME, AUDIENCE = "https://issuer.test", "service"


def make_options(key: Ed25519PrivateKey, **changes: Any) -> AuthOptions:
    """Return options of a service that takes the tokens of one key."""
    public = keys.format_public_key(key.public_key())
    return AuthOptions.model_validate({"issuer": NAME, "audience": AUDIENCE, "public_key": public, **changes})


def issue(key: Any, algorithm: str = "EdDSA", name: str | None = None, without: str = "", **changes: object) -> str:
    """Return a token of an hour for "ada", with other claims, or without one of them."""
    now = int(time.time())
    claims = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "nbf": now, "exp": now + 3600, **changes}
    claims.pop(without, None)
    return jwt.encode(claims, key, algorithm, {"kid": name} if name else None)


async def ask(auth: Auth, *headers: str) -> str:
    """Return who sends a request with these values of `Authorization`."""
    sent = [(b"authorization", header.encode()) for header in headers]
    return (await auth.identify([(b"host", b"service.test"), *sent])).id


class Publisher:
    """Where keys are published: `keys` by name, `reads` counts the times they were read; `broken` answers nonsense,
    and `delay` is how many seconds each answer takes.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.reads = 0
        self.delay = 0.0
        self.broken = False
        self.url = ""

    def write(self) -> bytes:
        """Return the set of keys."""
        self.reads += 1
        time.sleep(self.delay)
        if self.broken:
            return b"<html>"
        published = [
            OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig", "alg": "EdDSA"}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": published}).encode()


@contextmanager
def publish() -> Generator[Publisher]:
    """Serve keys over HTTP."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = publisher.write()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    publisher.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
