# kit: updated by the template; extend it from app.py
"""The `__init__.py` of a new slice, and that of its tests."""

from service_tools.scaffold import source
from service_tools.scaffold.resource import Resource

PACKAGE = '''\
"""${Many}: create, read, change and list them."""

${imports}

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS, seed=seed.write_${table})
'''


def write(resource: Resource) -> str:
    """Return what makes the folder a slice."""
    return source.complete(
        PACKAGE,
        dict.fromkeys(("http", "seed"), f"service.{resource.plural}"),
        Many=resource.many.capitalize(),
        table=resource.plural,
    )


def write_tests(resource: Resource) -> str:
    """Return what makes the folder of the tests a package."""
    return f'"""Tests of {resource.many}, through the whole application and on a real PostgreSQL."""\n'
