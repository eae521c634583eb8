import random
import re
from functools import partial

import pytest
from inside.messages import DECODERS
from service.kit.edge.compression import Compression, CompressionOptions, choose_coding, make_coder

CHROME = "gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("accepted", "name"),
    [
        (CHROME, "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0.1", "zstd"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip ; q=0.8 ,br;Q=0.9", "br"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("gzip;q=0.5, identity", None),
        ("identity", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_the_coding_that_a_client_prefers_is_chosen(accepted: str, name: str | None):
    choice = choose_coding(accepted.encode())
    assert choice == (name and name.encode(), False)


@pytest.mark.parametrize("accepted", ["gzip, identity;q=0", "gzip, *;q=0", "identity;q=0, gzip;q=0.1"])
def test_a_client_may_refuse_a_body_without_a_coding(accepted: str):
    assert choose_coding(accepted.encode()) == (b"gzip", True)


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "deflate, identity;q=0"])
def test_a_client_that_accepts_none_of_the_codings_gets_a_plain_body(accepted: str):
    assert choose_coding(accepted.encode()) == (None, False)


@pytest.mark.parametrize(
    "broken",
    ["zstd;q=nan", "zstd;q=2", "zstd;q=-1", "zstd;q=", "zstd;x=1", "zstd;", ";", ",,,", "=", "\xff\x00", "zstd br"],
)
def test_a_broken_member_counts_as_absent(broken: str):
    assert choose_coding(broken.encode("latin-1"))[0] is None
    assert choose_coding(b"gzip, " + broken.encode("latin-1"))[0] == b"gzip"


def test_a_huge_header_counts_as_absent():
    assert choose_coding(b"gzip, " * 10_000)[0] is None
    assert choose_coding(b"gzip;q=" + b"1" * 60_000)[0] is None
    assert choose_coding(b" " * 60_000 + b"gzip")[0] is None


def test_no_accept_encoding_raises():
    draw = random.Random(1)
    pieces = [*re.findall(".", "gzip,;=q01. *\t\xe9\x00"), "identity", "zstd", "br", CHROME]
    for _ in range(2000):
        header = "".join(draw.choices(pieces, k=draw.randrange(30))).encode("latin-1")
        assert choose_coding(header)[0] in (None, b"zstd", b"br", b"gzip")


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
def test_a_stream_can_be_decoded_up_to_each_flush(name: str):
    stream = make_coder(name.encode())
    decode = DECODERS[name]()
    for number in range(20):
        row = f"row {number} of many rows\n".encode() * 50
        assert decode(stream.feed(row) + stream.flush()) == row
    assert decode(stream.finish()) == b""


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
def test_single_bodies_are_independent_of_each_other(name: str):
    compress = partial(Compression(CompressionOptions()).compress, name.encode())
    for body in (b"", b"a", b"text" * 1000, b"text" * 1000):
        assert DECODERS[name]()(compress(body)) == body
    assert len(compress(b"text" * 1000)) < 100
