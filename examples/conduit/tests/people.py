"""Signed-up users for the tests, each with a client of its own."""

from typing import Any

import httpx2

PASSWORD = "correct horse battery staple"

type Json = dict[str, Any]


class Person:
    """A signed-up user, who sends requests with its token."""

    def __init__(self, client: httpx2.AsyncClient, user: Json) -> None:
        self.client = client
        self.name: str = user["username"]
        self.headers = {"Authorization": f"Token {user['token']}"}

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        return await self.client.get(path, params=query, headers=self.headers)

    async def post(self, path: str, body: Json | None = None) -> httpx2.Response:
        return await self.client.post(path, json=body, headers=self.headers)

    async def put(self, path: str, body: Json) -> httpx2.Response:
        return await self.client.put(path, json=body, headers=self.headers)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.client.delete(path, headers=self.headers)

    async def write(self, title: str, *tags: str, body: str = "You have to believe") -> Json:
        """Publish an article, and return it."""
        article = {"title": title, "description": "Ever wonder how?", "body": body, "tagList": [*tags]}
        response = await self.post("/api/articles", {"article": article})
        assert response.status_code == 201, response.text
        return response.json()["article"]


async def sign_up(client: httpx2.AsyncClient, name: str) -> Person:
    """Sign a user up, and return it signed in."""
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    response = await client.post("/api/users", json={"user": user})
    assert response.status_code == 201, response.text
    return Person(client, response.json()["user"])
