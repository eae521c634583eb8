from datetime import UTC, datetime, timedelta

import httpx2


async def test_anybody_may_read_the_status(client: httpx2.AsyncClient):
    response = await client.get("/v1/status", headers={"Authorization": ""})
    assert response.status_code == 200
    told = datetime.fromisoformat(response.json()["database_time"])
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)
