"""A field of `orders` is added in four places (docs/service.md), and the tests fail without any of these."""

import pytest

from tests.harness import service, shell

ORDERS = "src/service/orders"
MIGRATION = "migrations/0003_add_order_channel.sql"
SQL = "alter table orders add column channel text not null default 'web';\n"

EDITS = {
    f"{ORDERS}/model.py": {
        "Version = Annotated": "Channel = Annotated[str, Meta(min_length=1, max_length=20)]\nVersion = Annotated",
        "    note: Note | None\n": "    note: Note | None\n    channel: Channel\n",
        "    note: Note | None = None\n": '    note: Note | None = None\n    channel: Channel = "web"\n',
        "    note: Note | UnsetType | None = UNSET\n": (
            "    note: Note | UnsetType | None = UNSET\n    channel: Channel | UnsetType = UNSET\n"
        ),
    },
    f"{ORDERS}/queries.py": {
        "tags, gift, note)": "tags, gift, note, channel)",
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9)": "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        "int, int, list[str], bool, str | None]": "int, int, list[str], bool, str | None, str]",
        "array['priority'], false, null": "array['priority'], false, null, 'web'",
        "gift = $6, note = $7,": "gift = $6, note = $7, channel = $8,",
        "UUID, int, str, list[str], bool, str | None]": "UUID, int, str, list[str], bool, str | None, str]",
        "'paid', tags, gift, note from": "'paid', tags, gift, note, channel from",
    },
    f"{ORDERS}/http.py": {
        "            data.note,\n": "            data.note,\n            data.channel,\n",
        "wanted.gift, wanted.note\n": "wanted.gift, wanted.note, wanted.channel\n",
    },
}
"""What to replace by what, in the other three."""

TESTS = "tests/orders/test_orders.py"
SENT = {
    '"Ring twice",\n': '"Ring twice",\n    "channel": "phone",\n',
    'delivery"}': 'delivery", "channel": "mail"}',
}
"""What the tests of the slice send in addition."""


@pytest.mark.slow
@pytest.mark.parametrize("forgotten", [None, MIGRATION, *EDITS, TESTS])
def test_a_field_takes_four_places_and_none_is_forgotten(folder, forgotten):
    if forgotten != MIGRATION:
        (folder / MIGRATION).write_text(SQL)
    for place, edits in {**EDITS, TESTS: SENT}.items():
        if place != forgotten:
            service.replace(folder / place, *edits.items())
    code, output = shell.attempt("uv", "run", "--quiet", "pytest", "-q", "-n0", TESTS, cwd=folder)
    assert code == (1 if forgotten else 0), output
