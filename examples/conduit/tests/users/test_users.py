"""Sign-up, login, and one's own user, through the whole application."""

import httpx2
import pytest

from tests.people import PASSWORD, Person

USER = {"username": "jacob", "email": "jake@jake.jake", "password": PASSWORD}


async def test_who_signs_up_is_signed_in_at_once(client: httpx2.AsyncClient):
    response = await client.post("/api/users", json={"user": USER})
    assert response.status_code == 201
    user = response.json()["user"]
    token = user.pop("token")
    assert user == {"username": "jacob", "email": "jake@jake.jake", "bio": None, "image": None}
    read = await client.get("/api/user", headers={"Authorization": f"Token {token}"})
    assert read.status_code == 200
    assert read.json()["user"] | {"token": ""} == user | {"token": ""}


async def test_a_login_returns_the_user_with_a_token(ada: Person):
    login = {"email": "Ada@Example.com", "password": PASSWORD}
    response = await ada.client.post("/api/users/login", json={"user": login})
    assert response.status_code == 200
    assert response.json()["user"]["username"] == "ada"
    headers = {"Authorization": f"Token {response.json()['user']['token']}"}
    assert (await ada.client.get("/api/user", headers=headers)).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(ada: Person):
    answers = []
    for email, password in (("ada@example.com", "wrong horse battery staple"), ("nobody@example.com", PASSWORD)):
        login = {"user": {"email": email, "password": password}}
        answers.append(await ada.client.post("/api/users/login", json=login))
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert "email or password" in answers[0].json()["errors"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "a\nb"}, "username"),
        ({"email": "nobody"}, "email"),
        ({"password": ""}, "password"),
        ({"password": None}, "password"),
    ],
)
async def test_an_unacceptable_field_is_named(client: httpx2.AsyncClient, change: dict[str, object], field: str):
    response = await client.post("/api/users", json={"user": USER | change})
    assert response.status_code == 422
    assert response.json()["errors"].keys() == {field}


async def test_a_missing_envelope_is_told(client: httpx2.AsyncClient):
    response = await client.post("/api/users", json=USER)
    assert response.status_code == 422
    assert "user" in response.json()["errors"]


@pytest.mark.parametrize(
    ("change", "field"), [({"email": "ada2@example.com"}, "username"), ({"username": "ada2"}, "email")]
)
async def test_a_name_and_an_address_are_one_users(ada: Person, change: dict[str, str], field: str):
    user = {"username": "ada", "email": "ada@example.com", "password": PASSWORD} | change
    response = await ada.client.post("/api/users", json={"user": user})
    assert response.status_code == 422
    assert response.json() == {"errors": {field: ["has already been taken"]}}


async def test_a_change_touches_the_given_fields_alone(ada: Person):
    response = await ada.put("/api/user", {"user": {"bio": "I like to skateboard"}})
    assert response.status_code == 200
    assert response.json()["user"]["bio"] == "I like to skateboard"
    assert response.json()["user"]["email"] == "ada@example.com"
    response = await ada.put("/api/user", {"user": {"image": "https://example.com/ada.jpg"}})
    user = response.json()["user"]
    assert (user["bio"], user["image"]) == ("I like to skateboard", "https://example.com/ada.jpg")
    response = await ada.put("/api/user", {"user": {"bio": None}})
    assert response.json()["user"]["bio"] is None


async def test_a_changed_password_is_the_one_that_counts(ada: Person):
    await ada.put("/api/user", {"user": {"password": "quite another password"}})
    for password, status in ((PASSWORD, 401), ("quite another password", 200)):
        login = {"user": {"email": "ada@example.com", "password": password}}
        assert (await ada.client.post("/api/users/login", json=login)).status_code == status


async def test_a_name_of_another_cannot_be_taken(ada: Person, grace: Person):
    response = await ada.put("/api/user", {"user": {"username": grace.name}})
    assert response.status_code == 422
    assert response.json() == {"errors": {"username": ["has already been taken"]}}


@pytest.mark.parametrize("header", ["", "Bearer x", "Token", "Token x.y.z"])
async def test_without_a_valid_token_nobody_is_signed_in(client: httpx2.AsyncClient, header: str):
    response = await client.get("/api/user", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["errors"]


async def test_a_token_whose_user_was_never_here_is_refused(client: httpx2.AsyncClient):
    assert (await client.get("/api/user")).status_code == 401


async def test_a_user_follows_and_unfollows(ada: Person, grace: Person):
    profile = {"username": "grace", "bio": None, "image": None, "following": True}
    for _ in range(2):  # twice is as good as once
        response = await ada.post("/api/profiles/grace/follow")
        assert (response.status_code, response.json()) == (200, {"profile": profile})
    assert (await ada.get("/api/profiles/grace")).json()["profile"]["following"] is True
    assert (await grace.get("/api/profiles/ada")).json()["profile"]["following"] is False
    for _ in range(2):
        response = await ada.delete("/api/profiles/grace/follow")
        assert response.json()["profile"]["following"] is False


async def test_anybody_may_read_a_profile(ada: Person):
    response = await ada.client.get("/api/profiles/ada")
    assert response.status_code == 200
    assert response.json()["profile"] == {"username": "ada", "bio": None, "image": None, "following": False}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_profile_is_not_found(ada: Person, method: str):
    path = "/api/profiles/nobody" + ("" if method == "GET" else "/follow")
    response = await ada.client.request(method, path, headers=ada.headers)
    assert response.status_code == 404
    assert response.json()["errors"]


async def test_a_token_that_is_wrong_is_refused_where_none_is_needed(ada: Person):
    response = await ada.client.get("/api/profiles/ada", headers={"Authorization": "Token wrong"})
    assert response.status_code == 401
