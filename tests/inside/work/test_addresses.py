"""Where a request comes from: the address that the log, the limits and the handlers see."""

import pytest
from pydantic import ValidationError
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import addresses, asgi

HOME, CAFE = "198.51.100.7", "203.0.113.9"


async def locate(client: str, *forwarded: str, kind: str = "http", **options: str) -> tuple[str, str]:
    """Return the address that an application sees, and the name under which it counts."""
    seen: list[tuple[str, str]] = []

    async def note(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        seen.append((scope["client"][0], addresses.identify_client(scope)))

    async def receive() -> asgi.Message:
        return {"type": "http.disconnect"}

    async def send(message: asgi.Message) -> None:
        pass

    headers = [(b"host", b"x"), *((b"x-forwarded-for", text.encode()) for text in forwarded)]
    scope = {"type": kind, "method": "GET", "path": "/", "http_version": "1.1", "query_string": b"", "headers": headers}
    scope |= {"subprotocols": []}
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
        ("10.0.0.1", (f"{HOME}, " * 2000 + CAFE,), CAFE),
        ("10.0.0.1", (f"{HOME}:4433",), HOME),
        ("10.0.0.1", (f"[{HOME}]",), HOME),
        ("10.0.0.1", (f"{CAFE}, {HOME}:4433, 192.168.3.4:80",), HOME),
        ("10.0.0.1", ("\t 2001:db8::1 ",), "2001:db8::1"),
        ("10.0.0.1", ("[2001:db8::1]",), "2001:db8::1"),
        ("10.0.0.1", (f"{CAFE}, [2001:db8::1]:443",), "2001:db8::1"),
        ("10.0.0.1", (f"{CAFE}, [fc00::1]:443",), CAFE),
        ("10.0.0.1", (f"{HOME}, [::ffff:{CAFE}]:443, ::ffff:10.0.0.2",), CAFE),
        ("10.0.0.1", ("2001:db8::1%eth0",), "2001:db8::1"),
        ("10.0.0.1", (f"{CAFE}, [fc00::1%25eth0]:443",), CAFE),
        ("fc00::2%eth0", (CAFE,), CAFE),
        ("", (CAFE,), ""),
    ],
)
async def test_the_address_is_the_one_before_our_proxies(
    client: str, forwarded: tuple[str, ...], address: str, kind: str
):
    named = "2001:db8::/64" if address == "2001:db8::1" else address
    assert await locate(client, *forwarded, kind=kind) == (address, named)


UNREADABLE = [
    "nonsense",
    "unknown",
    "_hidden",
    "",
    " ",
    "unix:",
    f"{CAFE}:",
    f"{CAFE}:123456",
    f"{CAFE}:https",
    f"{CAFE}:\u00b2",
    f"{CAFE}%eth0",
    f"{CAFE}/24",
    f"{CAFE};x",
    f'"{CAFE}"',
    f"for={CAFE}",
    "203.0.113.09",
    "203.0.113.256",
    f"[{CAFE}",
    f"{CAFE}]",
    f"[[{CAFE}]]",
    "[2001:db8::1]443",
    "[2001:db8::1]:",
    "[]:443",
    "2001:db8::1::2",
    "2001:db8:1:2:3:4:5:6:443",
    "%eth0",
    "9" * 400,
]


@pytest.mark.parametrize("hop", UNREADABLE)
async def test_at_a_hop_that_cannot_be_read_the_proxy_that_wrote_it_is_the_client(hop: str):
    assert (await locate("10.0.0.1", hop))[0] == "10.0.0.1"
    assert (await locate("10.0.0.1", f"{HOME}, {hop}"))[0] == "10.0.0.1"
    assert (await locate("10.0.0.1", HOME, f"{hop},192.168.3.4"))[0] == "192.168.3.4"


async def test_a_hop_that_was_cut_off_is_not_read():
    """The header ends within the limit for its length, but the first hop of what is left is a part of an address."""
    proxies = "192.168.3.4, " * 60
    for length in range(len(HOME)):
        padding = " " * length
        assert (await locate("10.0.0.1", f"{HOME}, {padding}{proxies}10.0.0.2"))[0] in ("192.168.3.4", "10.0.0.2")


async def test_the_words_of_a_client_never_become_its_address():
    """Neither do they become the name under which it is counted, so they make no new ones."""
    names = set()
    for number in range(100):
        forged = f"9.9.9.{number}, [fe80::1%{number}]:{number}, x{number}"
        names.add(await locate("10.0.0.1", forged, f"[2001:db8::1%zone{number}]:{number}, 10.0.0.7:{number}"))
    assert names == {("2001:db8::1", "2001:db8::/64")}


async def test_only_the_named_proxies_are_believed():
    assert (await locate("10.0.0.1", CAFE, proxies=""))[0] == "10.0.0.1"
    assert (await locate("10.0.0.1", CAFE, proxies="10.1.0.0/16"))[0] == "10.0.0.1"
    assert (await locate(HOME, CAFE, proxies=f"{HOME}/32, 10.1.0.0/16"))[0] == CAFE
    with pytest.raises(ValidationError, match="does not appear to be an IPv4 or IPv6 network"):
        EdgeOptions(proxies="the balancer")


async def test_an_ipv6_address_counts_as_its_network():
    assert await locate("2001:db8::1:2:3:4") == ("2001:db8::1:2:3:4", "2001:db8::/64")
    assert await locate("::ffff:203.0.113.9") == ("::ffff:203.0.113.9", CAFE)
