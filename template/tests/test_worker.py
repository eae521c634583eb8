"""The worker of the service: every declared job can be run, with what its handler asks for."""

import sys

import pytest

from service import app
from service.kit.jobs import Job
from tests.kit.source import import_all


def test_the_worker_knows_every_declared_job(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    import_all()
    ours = [module for name, module in sys.modules.items() if f"{name}.".startswith("service.")]
    declared = {value.name for module in ours for value in vars(module).values() if isinstance(value, Job)}
    assert app.create_worker().jobs.keys() == declared, "list each job in JOBS of app.py"
