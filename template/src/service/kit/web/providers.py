# kit: updated by the template; extend it from app.py
"""How handlers get what they depend on: one thing after the other, in the task of the request.

The framework starts a task for each dependency as soon as a handler has two of them. That is of use to those that wait
for something, and costs a request about 60 µs, a fifth of all that it costs.
"""

from litestar import Litestar
from litestar._kwargs.dependencies import DependencyContainer
from litestar.routes import HTTPRoute


def take_turns(app: Litestar) -> None:
    """Let plain functions that provide dependencies be called in turn. Coroutines still run beside each other."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [part for batch in model.dependency_batches for part in split(batch)]


def split(batch: set[DependencyContainer]) -> list[set[DependencyContainer]]:
    """Return each plain function of a batch by itself, and then the rest."""
    plain = [dependency for dependency in batch if dependency.provide.has_sync_callable]
    rest = batch.difference(plain)
    return [*({dependency} for dependency in plain), *([rest] if rest else [])]
