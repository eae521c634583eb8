import time
from statistics import median

from service.kit.auth import passwords
from service.kit.offload.offload import Offload

PASSWORD = "correct horse battery staple"


async def test_a_wrong_password_and_no_account_are_as_much_work():
    """Compared by processor time, interleaved; a login that skips the hash for one of them takes a hundredth of it."""
    stored = passwords.hasher.hash(PASSWORD)
    spent: dict[str | None, list[float]] = {stored: [], None: []}
    async with Offload() as offload:
        for _ in range(9):
            for known, times in spent.items():
                began = time.process_time()
                assert not await passwords.is_correct(offload, "wrong horse battery staple", known)
                times.append(time.process_time() - began)
    assert 0.5 < median(spent[stored]) / median(spent[None]) < 2


async def test_the_password_of_nobody_opens_nothing():
    async with Offload() as offload:
        assert not await passwords.is_correct(offload, "the password of no account", None)


async def test_a_password_is_stored_as_argon2id_with_at_least_the_parameters_of_owasp():
    async with Offload() as offload:
        hashes = [await passwords.hash_password(offload, PASSWORD) for _ in range(2)]
    assert all(text.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for text in hashes)
    assert hashes[0] != hashes[1]
