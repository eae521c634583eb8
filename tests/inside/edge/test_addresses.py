"""Where a request comes from: the address that the log, the limits and the handlers see."""

import pytest
from pydantic import ValidationError
from service.kit.edge import Edge, EdgeOptions, asgi

HOME, CAFE = "198.51.100.7", "203.0.113.9"


async def locate(client: str, *forwarded: str, kind: str = "http", **options: str) -> tuple[str, str]:
    """Return the address that an application sees, and the name under which it counts."""
    seen: list[tuple[str, str]] = []

    async def note(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        seen.append((scope["client"][0], asgi.name_client(scope)))

    async def receive() -> asgi.Message:
        return {"type": "http.disconnect"}

    async def send(message: asgi.Message) -> None:
        pass

    headers = [(b"host", b"x"), *((b"x-forwarded-for", text.encode()) for text in forwarded)]
    scope = {"type": kind, "method": "GET", "path": "/", "http_version": "1.1", "query_string": b"", "headers": headers}
    await Edge(note, EdgeOptions.model_validate(options))({**scope, "client": (client, 1)}, receive, send)
    return seen[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        (HOME, (), HOME),
        (HOME, (CAFE,), HOME),
        ("10.0.0.1", (CAFE,), CAFE),
        ("10.0.0.1", (f"{HOME}, {CAFE}, 192.168.3.4",), CAFE),
        ("::ffff:10.0.0.1", (HOME, CAFE), CAFE),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", (f"{HOME}, " * 2000 + CAFE,), CAFE),
        ("", (CAFE,), ""),
    ],
)
async def test_the_address_is_the_one_before_our_proxies(
    client: str, forwarded: tuple[str, ...], address: str, kind: str
):
    assert await locate(client, *forwarded, kind=kind) == (address, address)


async def test_only_the_named_proxies_are_believed():
    assert (await locate("10.0.0.1", CAFE, proxies=""))[0] == "10.0.0.1"
    assert (await locate("10.0.0.1", CAFE, proxies="10.1.0.0/16"))[0] == "10.0.0.1"
    assert (await locate(HOME, CAFE, proxies=f"{HOME}/32, 10.1.0.0/16"))[0] == CAFE
    with pytest.raises(ValidationError, match="does not appear to be an IPv4 or IPv6 network"):
        EdgeOptions(proxies="the balancer")


async def test_an_address_of_ipv6_counts_as_its_network():
    assert await locate("2001:db8::1:2:3:4") == ("2001:db8::1:2:3:4", "2001:db8::/64")
    assert await locate("::ffff:203.0.113.9") == ("::ffff:203.0.113.9", CAFE)
