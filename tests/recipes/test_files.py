"""Files are written and read, and a store that fails is a problem."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import boto3
import httpx2
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from service.files import FileOptions, Files
from service.kit.work.problems import Problem


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    given = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    boto3.client("s3", endpoint_url=address, **given).create_bucket(Bucket="files")
    yield address
    server.stop()


def open_files(endpoint: str, **options: float) -> Files:
    given = {"region": "us-east-1", "endpoint": endpoint, "key": "key", "secret": SecretStr("secret")}
    return Files(FileOptions.model_validate({**given, **options}))


async def fail(files: Files, path: str = "a/file") -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        await files.read(path)
    return caught.value.status, caught.value.kind


async def test_what_is_written_can_be_read_and_linked_to(endpoint: str):
    files = open_files(endpoint)
    await files.write("orders/1.txt", b"hello")
    assert await files.read("orders/1.txt") == b"hello"
    async with httpx2.AsyncClient() as stranger:
        assert (await stranger.get(await files.link("orders/1.txt"))).content == b"hello"


async def test_a_file_is_stored_as_it_arrives_and_one_that_breaks_off_is_not(endpoint: str):
    class LeftError(Exception):
        """The client left."""

    async def send(size: int, *, leaves: bool = False) -> AsyncGenerator[bytes]:
        for _ in range(0, size, 65_536):
            yield bytes(65_536)
        if leaves:
            raise LeftError

    files = open_files(endpoint, max_bytes=20_000_000)
    await files.receive("whole", send(13_107_200))
    assert await files.read("whole") == bytes(13_107_200)
    with pytest.raises(LeftError):
        await files.receive("broken", send(13_107_200, leaves=True))
    assert await fail(files, "broken") == (404, "not-found")


async def test_what_is_not_there_or_too_large_is_a_problem(endpoint: str):
    files = open_files(endpoint, max_bytes=3)
    await files.write("large", b"1234")
    assert await fail(files, "large") == (502, "file-too-large")
    assert await fail(files, "missing") == (404, "not-found")


async def test_a_store_that_fails_or_says_nothing_is_a_problem_in_time():
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, asyncio.timeout(30):
        assert await fail(open_files(address, timeout=0.3)) == (504, "files-late")
    async with asyncio.timeout(30):
        assert await fail(open_files("http://127.0.0.1:9")) == (502, "files-failed")
