# kit: updated by the template; extend it from app.py
"""Opens the resources of app.py while a process works, and finds what it provides by type."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

type Resource = AbstractAsyncContextManager[object]


@asynccontextmanager
async def open_resources(resources: Iterable[Resource]) -> AsyncGenerator[None]:
    """Open resources in order, and close them in reverse when the block ends."""
    async with AsyncExitStack() as stack:
        for resource in resources:
            await stack.enter_async_context(resource)
        yield


def find_provided(kind: Any, provided: Iterable[object]) -> list[object]:
    """Return the provided objects that a parameter of this type could be given."""
    if kind is Any or not isinstance(kind, type):
        return []
    return [item for item in provided if isinstance(item, kind)]
