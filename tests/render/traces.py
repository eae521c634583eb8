"""The words that give away what was not chosen."""

import re

JOBS = re.compile(
    r"pgqueuer|(?<!kind: )(?<!namespace, )jobs?(?![a-z]|_name:|=~|\))|service worker|create_worker|commands/worker",
    re.IGNORECASE,
)
"""What only a service with jobs speaks of, but for what Kubernetes and Prometheus call so."""

OF_ALL_SERVICES = {".copier-answers.yml", "UPDATES.md"}
"""Files that speak of every answer: what was answered, and what releases ask of any service."""

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
    "deploy/kubernetes/release.sh",
    "src/service_tools/dev/commands.py",
    "src/service_tools/dev/debugging.py",
    "tests/kit/test_layout.py",
    ".github/workflows/checks.yml",
    ".github/workflows/deploy.yml",
    ".github/workflows/update.yml",
)
"""Files that every service has, and that say in passing what is different where there are jobs."""

GITHUB = r"github(?!\.io|\.com/(?:aquasecurity|kubernetes-sigs|sigstore)/)"
"""The host of CI, and not what others publish there."""

OTHER_HOSTS = {"github": "gitlab", "gitlab": GITHUB, "none": GITHUB + "|gitlab|renovate"}
"""What is not spoken of where the checks run somewhere else."""

OF_ANY_HOST = ("renovate.json", "src/service_tools/dev/template.py")
"""Files that may speak of every host: the template may live at another one than the service."""

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
