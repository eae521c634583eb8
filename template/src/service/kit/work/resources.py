# kit: updated by the template; extend it from app.py
"""Opens the resources of app.py while a process works."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

type Resource = AbstractAsyncContextManager[object]


@asynccontextmanager
async def open_resources(resources: Iterable[Resource]) -> AsyncGenerator[None]:
    """Open resources in order, and close them in reverse when the block ends."""
    async with AsyncExitStack() as stack:
        for resource in resources:
            await stack.enter_async_context(resource)
        yield
