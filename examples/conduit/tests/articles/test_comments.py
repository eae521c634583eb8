"""Comments on articles."""

import pytest

from tests.people import Json, Person


async def comment(person: Person, body: str = "It takes a Jacobian") -> Json:
    response = await person.post("/api/articles/dragons/comments", {"comment": {"body": body}})
    assert response.status_code == 200, response.text
    return response.json()["comment"]


async def test_a_comment_is_shown_with_its_author(ada: Person, grace: Person):
    await ada.write("Dragons")
    made = await comment(grace)
    assert made["body"] == "It takes a Jacobian"
    assert made["author"] == {"username": "grace", "bio": None, "image": None, "following": False}
    assert {"id", "createdAt", "updatedAt"} <= made.keys()
    listed = await ada.client.get("/api/articles/dragons/comments")
    assert (listed.status_code, listed.json()) == (200, {"comments": [made]})


async def test_comments_are_listed_for_the_reader(ada: Person, grace: Person):
    await ada.write("Dragons")
    await comment(grace)
    await ada.post("/api/profiles/grace/follow")
    [listed] = (await ada.get("/api/articles/dragons/comments")).json()["comments"]
    assert listed["author"]["following"] is True


async def test_a_comment_is_its_authors_to_delete(ada: Person, grace: Person):
    await ada.write("Dragons")
    made = await comment(grace)
    path = f"/api/articles/dragons/comments/{made['id']}"
    assert (await ada.delete(path)).status_code == 403
    assert (await grace.delete(path)).status_code == 204
    assert (await grace.delete(path)).status_code == 404
    assert (await ada.get("/api/articles/dragons/comments")).json() == {"comments": []}


async def test_comments_go_with_their_article(ada: Person, grace: Person):
    await ada.write("Dragons")
    await comment(grace)
    assert (await ada.delete("/api/articles/dragons")).status_code == 204
    assert (await ada.get("/api/articles/dragons/comments")).status_code == 404


async def test_a_comment_needs_a_text_an_article_and_a_user(ada: Person):
    await ada.write("Dragons")
    path = "/api/articles/dragons/comments"
    refused = await ada.post(path, {"comment": {"body": ""}})
    assert (refused.status_code, refused.json()["errors"].keys()) == (422, {"body"})
    unknown = await ada.post("/api/articles/whales/comments", {"comment": {"body": "Where?"}})
    assert unknown.status_code == 404
    nobody = await ada.client.post(path, json={"comment": {"body": "Hello"}})
    assert nobody.status_code == 401


@pytest.mark.parametrize("comment_id", ["none", "00000000-0000-0000-0000-000000000000"])
async def test_an_unknown_comment_is_not_found(ada: Person, comment_id: str):
    await ada.write("Dragons")
    assert (await ada.delete(f"/api/articles/dragons/comments/{comment_id}")).status_code == 404
