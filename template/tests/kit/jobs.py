# kit: updated by the template
"""Run jobs in a test: `await run_jobs(app.create_worker())` runs what is queued until nothing is left."""

from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
from pgqueuer.domain.types import QueueExecutionMode

from service.kit.jobs.consumer import Consumer
from service.kit.jobs.job import Worker
from service.kit.jobs.statements import make_statements


async def run_jobs(worker: Worker) -> None:
    connection = await asyncpg.connect(worker.settings.database.url.get_secret_value())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        for resource in worker.resources:
            await stack.enter_async_context(resource)
        queue = Consumer(worker).make_queue(make_statements(connection), uuid4())
        await queue.qm.run(mode=QueueExecutionMode.drain)
