"""The worker of the service: every declared job can be run, with what its handler asks for."""

import pytest

from service import app
from service.kit.jobs import Job


def test_the_worker_knows_every_declared_job(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    declared = {job.name for job in (item if isinstance(item, Job) else item.job for item in app.JOBS)}
    assert app.create_worker().jobs.keys() == declared
