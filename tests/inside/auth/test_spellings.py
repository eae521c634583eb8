"""Attempts to log in are counted by account, and the database decides which spellings are one."""

import itertools

import pytest
from inside.login_attempts import CAFE, HOME, OPTIONS, log_in
from service.kit.auth.login_throttle import LoginThrottle
from service.kit.db.query import Query

LOOKED_UP = Query("select lower($1) = lower($2)", bool, tuple[str, str])
SPELLINGS = [
    ("iiiiii", "İİİİİİ"),
    ("iiiiii", "iİiIiİ"),
    ("kim", "\u212aim"),
    ("straße", "STRAẞE"),
    ("ada", "ADA"),
    ("ångström", "\u212bNGSTRÖM"),
    ("ωmega", "\u2126mega"),
    ("\u03c3.\u03c3", "Σ.Σ"),
    ("ǆ", "ǅ"),
    ("ß", "ẞ"),
    ("\uab70", "\u13a0"),
]


@pytest.mark.parametrize(("account", "spelling"), SPELLINGS)
async def test_all_spellings_that_the_lookup_takes_for_one_account_have_one_counter(
    throttle: LoginThrottle, account: str, spelling: str
):
    assert await throttle.db.fetch_one(LOOKED_UP, account, spelling)
    waits = [await log_in(throttle, HOME, name) for name in (account, spelling) * 3]
    assert [wait > 0 for wait in waits] == [False] * 3 + [True] * 3


OTHERS = [
    ("s", "\u017f"),
    ("i", "\u0131"),
    ("e", "é"),
    ("é", "e\u0301"),
    ("\u03c3", "ς"),
    ("fi", "\ufb01"),
    ("i", " i"),
    ("i", "i\u200b"),
    ("i", "\uff49"),
]


@pytest.mark.parametrize(("account", "other"), OTHERS)
async def test_what_the_lookup_takes_for_another_account_has_another_counter(
    throttle: LoginThrottle, account: str, other: str
):
    """Or a right password for the one would make room for more guesses at the other."""
    assert not await throttle.db.fetch_one(LOOKED_UP, account, other)
    for _ in range(4):
        await log_in(throttle, HOME, other)
    assert await log_in(throttle, HOME, account) == 0


async def test_a_handler_that_lowers_the_name_first_makes_no_more_counters(throttle: LoginThrottle):
    """Python makes two letters of `İ`. They have one more counter at each address, and none for the account."""
    names = {"".join(letters).lower() for letters in itertools.product("iİ", repeat=6)}
    assert len(names) == 64
    waits = [await log_in(throttle, HOME, name) for name in names for _ in range(4)]
    assert waits.count(0) <= 2 * OPTIONS.allowed
    addresses = [f"203.0.113.{number}" for number in range(12)]
    waits = [await log_in(throttle, where, name) for where, name in zip(addresses, names, strict=False)]
    assert all(waits[OPTIONS.total :])


DOTTED = "i\u0307da"


@pytest.mark.parametrize(("own", "other"), [("ida", DOTTED), (DOTTED, "ida"), (DOTTED, DOTTED)])
async def test_a_right_password_for_a_similar_name_makes_no_room_for_guesses(
    throttle: LoginThrottle, own: str, other: str
):
    """Once lowered by Python, the dotted name may be that of either account."""
    for _ in range(4):
        assert await log_in(throttle, CAFE, own, right=True) == 0 or own == other
        await log_in(throttle, CAFE, other)
    assert await log_in(throttle, CAFE, other)
