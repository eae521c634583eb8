import httpx2
import jwt
import pytest

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


async def sign_up(client: httpx2.AsyncClient, **changes: object) -> httpx2.Response:
    return await client.post("/v1/accounts", json=ADA | changes)


async def log_in(client: httpx2.AsyncClient, **changes: object) -> httpx2.Response:
    return await client.post("/v1/sessions", json=ADA | changes)


async def test_who_signs_up_can_log_in_and_read_the_account_with_the_token(client: httpx2.AsyncClient):
    created = await sign_up(client)
    session = await log_in(client)
    headers = {"authorization": f"Bearer {session.json()['token']}"}
    read = await client.get(created.headers["location"], headers=headers)
    assert (created.status_code, session.status_code, read.status_code) == (201, 201, 200)
    assert read.json() == created.json()
    assert created.json().keys() >= {"id", "email", "created_at"}
    assert ADA["password"] not in created.text


async def test_a_token_names_the_account_and_expires_when_it_says(client: httpx2.AsyncClient):
    account = (await sign_up(client)).json()
    session = (await log_in(client)).json()
    claims = jwt.decode(session["token"], options={"verify_signature": False})
    assert claims["sub"] == account["id"]
    assert claims["exp"] - claims["iat"] == session["expires_in"] == 3600


async def test_an_address_is_one_account_however_it_is_written(client: httpx2.AsyncClient):
    await sign_up(client)
    again = await sign_up(client, email="ADA@Example.com", password="quite another password")
    assert again.status_code == 409
    assert again.json()["errors"] == [{"field": "email", "detail": "another account has it"}]
    assert (await log_in(client, email="Ada@EXAMPLE.com")).status_code == 201


async def test_one_address_signs_up_so_many_accounts_and_then_has_to_wait(client: httpx2.AsyncClient):
    answers = [await sign_up(client, email=f"ada{number}@example.com") for number in range(12)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: httpx2.AsyncClient):
    await sign_up(client)
    wrong = await log_in(client, password="wrong horse battery staple")
    unknown = await log_in(client, email="grace@example.com")
    answers = [{**response.json(), "request_id": ""} for response in (wrong, unknown)]
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "ada@example.com\n"}, "email"),
        ({"email": "a" * 250 + "@x.io"}, "email"),
        ({"email": "a\x00b@example.com"}, "email"),
        ({"password": "x" * 14}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"password": 7}, "password"),
        ({"admin": True}, "admin"),
    ],
)
async def test_an_unacceptable_field_is_named(client: httpx2.AsyncClient, change: dict[str, object], field: str):
    response = await sign_up(client, **change)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_token_of_no_account_finds_none(client: httpx2.AsyncClient):
    response = await client.get("/v1/accounts/me")
    assert (response.status_code, response.json()["detail"]) == (404, "An account of this token does not exist.")


async def test_guesses_are_limited_whether_or_not_there_is_an_account(client: httpx2.AsyncClient):
    await sign_up(client)
    for email in ("ada@example.com", "grace@example.com"):
        answers = [await log_in(client, email=email, password="wrong horse battery staple") for _ in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
    assert (await log_in(client, email="ADA@example.com")).status_code == 429


async def test_guesses_are_counted_by_account_however_its_address_is_written(client: httpx2.AsyncClient):
    """`İ` is not `i` to Python, and is to PostgreSQL, which looks the account up."""
    await sign_up(client, email="iii@example.com")
    spellings = ("iii", "İii", "iİi", "İİİ", "III")
    for number in range(10):
        email = f"{spellings[number % 5]}@example.com"
        answer = await log_in(client, email=email, password="wrong horse battery staple")
        assert answer.status_code == 401
    for name in spellings:
        assert (await log_in(client, email=f"{name}@example.com")).status_code == 429
