"""Articles: written, read, changed, deleted, listed, favourited, and the feed."""

import re

import httpx2
import pytest

from tests.people import Json, Person, sign_up

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\Z")


async def list_titles(person: Person, path: str = "/api/articles", **query: object) -> list[str]:
    response = await person.get(path, **query)
    assert response.status_code == 200, response.text
    return [article["title"] for article in response.json()["articles"]]


async def test_an_article_is_shown_with_its_author(ada: Person):
    article = await ada.write("How to train your dragon", "training", "dragons", "dragons")
    times = [article.pop("createdAt"), article.pop("updatedAt")]
    assert article == {
        "slug": "how-to-train-your-dragon",
        "title": "How to train your dragon",
        "description": "Ever wonder how?",
        "body": "You have to believe",
        "tagList": ["dragons", "training"],
        "favorited": False,
        "favoritesCount": 0,
        "author": {"username": "ada", "bio": None, "image": None, "following": False},
    }
    assert all(TIME.match(time) for time in times)
    read = await ada.client.get("/api/articles/how-to-train-your-dragon")
    assert read.status_code == 200
    assert article.items() <= read.json()["article"].items()


async def test_a_title_that_is_taken_gets_another_slug(ada: Person, grace: Person):
    slugs = {(await person.write("Dragons"))["slug"] for person in (ada, grace, ada)}
    assert len(slugs) == 3
    assert all(slug.startswith("dragons") for slug in slugs)


@pytest.mark.parametrize("field", ["title", "description", "body"])
async def test_a_field_that_is_missing_or_empty_is_named(ada: Person, field: str):
    given: Json = {"title": "Dragons", "description": "How?", "body": "Believe"}
    for article in ({**given, field: ""}, {name: given[name] for name in given if name != field}):
        response = await ada.post("/api/articles", {"article": article})
        assert response.status_code == 422
        assert response.json()["errors"].keys() == {field}


async def test_only_who_is_signed_in_writes(client: httpx2.AsyncClient, ada: Person):
    article = {"title": "Dragons", "description": "How?", "body": "Believe"}
    assert (await client.post("/api/articles", json={"article": article})).status_code == 401


async def test_a_new_title_gives_a_new_slug_and_the_rest_stays(ada: Person):
    article = await ada.write("Dragons", "dragons")
    response = await ada.put(f"/api/articles/{article['slug']}", {"article": {"title": "Did you train it?"}})
    assert response.status_code == 200
    changed = response.json()["article"]
    assert (changed["slug"], changed["tagList"]) == ("did-you-train-it", ["dragons"])
    assert changed["body"] == article["body"]
    assert changed["createdAt"] == article["createdAt"]
    assert changed["updatedAt"] > article["updatedAt"]
    assert (await ada.get("/api/articles/dragons")).status_code == 404


async def test_a_change_of_the_body_keeps_the_slug(ada: Person):
    article = await ada.write("Dragons")
    response = await ada.put("/api/articles/dragons", {"article": {"body": "It takes a Jacobian"}})
    assert response.json()["article"]["slug"] == article["slug"]
    assert response.json()["article"]["body"] == "It takes a Jacobian"


async def test_an_article_is_its_authors_to_change_and_delete(ada: Person, grace: Person):
    await ada.write("Dragons")
    change = {"article": {"body": "Mine now"}}
    assert (await grace.put("/api/articles/dragons", change)).status_code == 403
    assert (await grace.delete("/api/articles/dragons")).status_code == 403
    assert (await ada.delete("/api/articles/dragons")).status_code == 204
    assert (await ada.delete("/api/articles/dragons")).status_code == 404
    assert (await ada.put("/api/articles/dragons", change)).status_code == 404


async def test_favourites_are_counted_once_for_each_user(ada: Person, grace: Person):
    await ada.write("Dragons")
    for person, count in ((ada, 1), (ada, 1), (grace, 2)):
        article = (await person.post("/api/articles/dragons/favorite")).json()["article"]
        assert (article["favorited"], article["favoritesCount"]) == (True, count)
    for _ in range(2):
        article = (await ada.delete("/api/articles/dragons/favorite")).json()["article"]
        assert (article["favorited"], article["favoritesCount"]) == (False, 1)
    assert (await grace.get("/api/articles/dragons")).json()["article"]["favorited"] is True
    shown = (await ada.client.get("/api/articles/dragons")).json()["article"]
    assert (shown["favorited"], shown["favoritesCount"]) == (False, 1)
    assert (await ada.post("/api/articles/unknown/favorite")).status_code == 404


async def test_lists_begin_with_the_newest_and_show_no_body(ada: Person):
    for number in range(3):
        await ada.write(f"Dragon {number}")
    response = await ada.client.get("/api/articles")
    assert [article["title"] for article in response.json()["articles"]] == ["Dragon 2", "Dragon 1", "Dragon 0"]
    assert response.json()["articlesCount"] == 3
    assert all("body" not in article for article in response.json()["articles"])


async def test_lists_are_filtered_by_tag_author_and_who_favourited(ada: Person, grace: Person):
    await ada.write("Dragons", "dragons", "fire")
    await grace.write("Whales", "fire")
    await ada.post("/api/articles/whales/favorite")
    assert await list_titles(ada, tag="dragons") == ["Dragons"]
    assert await list_titles(ada, tag="fire") == ["Whales", "Dragons"]
    assert await list_titles(ada, author="grace") == ["Whales"]
    assert await list_titles(ada, favorited="ada") == ["Whales"]
    for nothing in ({"tag": "none"}, {"author": "nobody"}, {"favorited": "grace"}):
        response = await ada.get("/api/articles", **nothing)
        assert response.json() == {"articles": [], "articlesCount": 0}


async def test_a_page_has_its_limit_and_offset_and_all_are_counted(ada: Person):
    for number in range(25):
        await ada.write(f"Dragon {number}")
    response = await ada.get("/api/articles")
    assert (len(response.json()["articles"]), response.json()["articlesCount"]) == (20, 25)
    response = await ada.get("/api/articles", limit=10, offset=20)
    assert [it["title"] for it in response.json()["articles"]] == [f"Dragon {number}" for number in range(4, -1, -1)]
    assert response.json()["articlesCount"] == 25


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"offset": "-1"}, {"limit": "1000"}])
async def test_an_unacceptable_page_is_refused(ada: Person, query: dict[str, str]):
    response = await ada.get("/api/articles", **query)
    assert response.status_code == 422
    assert response.json()["errors"].keys() == query.keys()


async def test_the_feed_has_the_articles_of_those_whom_one_follows(ada: Person, grace: Person):
    hopper = await sign_up(ada.client, "hopper")
    await grace.write("Whales")
    await hopper.write("Bugs")
    await ada.write("Dragons")
    assert await list_titles(ada, "/api/articles/feed") == []
    await ada.post("/api/profiles/grace/follow")
    assert await list_titles(ada, "/api/articles/feed") == ["Whales"]
    await ada.post("/api/profiles/hopper/follow")
    assert await list_titles(ada, "/api/articles/feed") == ["Bugs", "Whales"]
    assert await list_titles(ada, "/api/articles/feed", limit=1, offset=1) == ["Whales"]
    response = await ada.get("/api/articles/feed")
    assert response.json()["articlesCount"] == 2
    assert all(article["author"]["following"] for article in response.json()["articles"])
    assert (await ada.client.get("/api/articles/feed")).status_code == 401


async def test_all_tags_are_listed_once(ada: Person, grace: Person):
    assert (await ada.client.get("/api/tags")).json() == {"tags": []}
    await ada.write("Dragons", "fire", "dragons")
    await grace.write("Whales", "fire", "whales")
    tags = (await ada.client.get("/api/tags")).json()["tags"]
    assert sorted(tags) == ["dragons", "fire", "whales"]
