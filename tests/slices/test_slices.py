"""The promise that the example slices can be deleted: that of accounts, where tokens come from elsewhere, and both."""

import sys

import pytest

from tests.harness import service, shell
from tests.harness.service import PASSED

PERSONAL_DATA = """
PERSONAL_DATA = PersonalData(%s)
\"\"\"What belongs to accounts in other slices: accounts exports and deletes it.\"\"\"
"""

# What to edit, and what to delete.
ACCOUNTS = (
    {
        "src/service/app.py": (
            ("from service import accounts, orders\n", "from service import orders\n"),
            ("from service.accounts import PersonalData, deletion, recovery\n", ""),
            ("SLICES = (accounts.SLICE, recovery.SLICE, orders.SLICE)\n", "SLICES = (orders.SLICE,)\n"),
            (PERSONAL_DATA % '{"order": orders.PERSONAL_DATA}', ""),
            ("(deletion.delete_personal_data, *recovery.JOBS, confirm.confirm_order)", "(confirm.confirm_order,)"),
            ("import Auth, LoginThrottle, Revocations\n", "import Auth, Revocations\n"),
            ("    throttle = LoginThrottle(db, settings.guesses)\n", ""),
            ("throttle, revocations, cache, settings.auth, PERSONAL_DATA]", "revocations, cache]"),
            ("[db, offload, mailer, settings.accounts, PERSONAL_DATA]", "[db, offload, mailer]"),
        ),
        "src/service/settings.py": (
            ("from service.accounts.recovery import AccountOptions\n", ""),
            ("    accounts: AccountOptions = AccountOptions()\n", ""),
            ("import IssuerOptions", "import AuthOptions"),
            (
                "    # Where another service issues the tokens, this is `AuthOptions`.\n    auth: Issuer",
                "    auth: Auth",
            ),
        ),
    },
    (
        "src/service/accounts",
        "tests/accounts",
        "migrations/0002_accounts.sql",
        "perf/plans/accounts.txt",
    ),
)
EXAMPLES = (
    {
        "src/service/app.py": (
            ("from service import accounts, orders\n", ""),
            ("from service.accounts import PersonalData, deletion, recovery\n", ""),
            ("SLICES = (accounts.SLICE, recovery.SLICE, orders.SLICE)\n", "SLICES = ()\n"),
            (PERSONAL_DATA % '{"order": orders.PERSONAL_DATA}', ""),
            ("from service.orders import confirm\n", ""),
            ("(deletion.delete_personal_data, *recovery.JOBS, confirm.confirm_order)", "()"),
            ("cache, settings.auth, PERSONAL_DATA]", "cache, settings.auth]"),
            ("mailer, settings.accounts, PERSONAL_DATA]", "mailer]"),
        ),
        "src/service/settings.py": (
            ("from service.accounts.recovery import AccountOptions\n", ""),
            ("    accounts: AccountOptions = AccountOptions()\n", ""),
        ),
        "perf/budgets.toml": (
            ("orders = 10_000_000\n", ""),
            ('"GET /v1/orders" = 1\n', ""),
            ('"GET /v1/orders/{order_id}" = 1\n', ""),
        ),
    },
    (
        *ACCOUNTS[1],
        "src/service/orders",
        "tests/orders",
        "migrations/0001_orders.sql",
        "perf/plans/orders.txt",
        "perf/scenarios/orders.toml",
        "perf/benchmarks/orders.py",
    ),
)


SUITES = {
    # Most faults are planted on applications of the tests' own, which are the same: these two are asked for tokens.
    "without-accounts": (["-m", "not faults"], ["tests/kit/test_fuzz.py", "tests/kit/test_faults.py"]),
    "without-examples": ([],),
}


@pytest.fixture(params=[ACCOUNTS, EXAMPLES], ids=["accounts", "examples"])
def folder(request, render, workshop):
    """A service without some of its slices, as git keeps it: without folders that became empty."""
    edits, paths = request.param
    folder = service.adopt(render(), workshop / f"without-{request.node.callspec.id}")
    shell.run("git", "rm", "-r", "--quiet", *paths, cwd=folder)
    for name, pairs in edits.items():
        service.replace(folder / name, *pairs)
    return folder


@pytest.mark.slow
def test_without_an_example_everything_still_passes(folder):
    shell.run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=folder)
    shell.run(sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", ".", cwd=folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    for chosen in SUITES[folder.name]:
        assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", *chosen, cwd=folder))
