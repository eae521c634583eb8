"""The words that give away what was not chosen."""

import re

JOBS = re.compile(
    r"pgqueuer|(?<!kind: )(?<!namespace, )jobs?(?![a-z]|_name:|=~|\))|service worker|create_worker|commands/worker",
    re.IGNORECASE,
)
"""What only a service with jobs speaks of, but for what Kubernetes and Prometheus call so."""

SPOKEN_OF = (
    *(
        f"src/service/kit/{name}.py"
        for name in (
            "__init__",
            "calls/client",
            "calls/transport",
            "commands/cli",
            "commands/definition",
            "commands/startup",
            "db/capacity",
            "db/database",
            "db/sessions",
            "offload/offload",
            "offload/thread_pool",
            "server/__init__",
            "server/settings",
            "server/signals",
            "web/unbound",
            "work/__init__",
            "work/arguments",
            "work/context",
            "work/limits",
            "work/traces",
        )
    ),
    "src/service_tools/dev/commands.py",
    "src/service_tools/dev/debugging.py",
    "tests/kit/test_layout.py",
    ".github/workflows/checks.yml",
    ".github/workflows/update.yml",
)
"""Files that every service has, and that say in passing what is different where there are jobs."""

OTHER_HOSTS = {"github": "gitlab", "gitlab": r"github(?!\.io)", "none": r"github(?!\.io)|gitlab|renovate"}
"""What is not spoken of where the checks run somewhere else."""

OTHER_PLACES = {
    "kubernetes": r"(?!)",
    "compose": r"kubernetes|kubectl|kustomiz",
    "none": r"kubernetes|kubectl|kustomiz|docker|compose\b|grafana|runbook|deploy/",
}
"""What is not spoken of where the service is deployed otherwise."""

SLICES = {
    "orders": r"\bstatus/|status\.SLICE|v1/status",
    "none": r"(?<![a-z])orders(?![a-z])|(service|tests|v1)[./]accounts|accounts(/|\.SLICE)|\bmail",
}
"""What is not spoken of where the service began with something else.

The kit has orders in the examples it gives, and rows of any service may belong to accounts.
"""
