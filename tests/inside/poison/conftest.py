from inside.jobs.conftest import url

__all__ = ["url"]
