# kit: updated by the template
import asyncpg
import pytest

from service_tools.scaffold import resource, words


@pytest.mark.parametrize(
    ("plural", "one", "struct"),
    [
        ("invoices", "an invoice", "Invoice"),
        ("categories", "a category", "Category"),
        ("addresses", "an address", "Address"),
        ("statuses", "a status", "Status"),
        ("boxes", "a box", "Box"),
        ("branches", "a branch", "Branch"),
        ("users", "a user", "User"),
        ("uploads", "an upload", "Upload"),
        ("line_items", "a line item", "LineItem"),
    ],
)
def test_the_singular_of_a_regular_plural_is_known(plural: str, one: str, struct: str):
    named = resource.name(plural, None)
    assert (named.a_one, named.class_name) == (one, struct)


async def test_every_word_that_postgresql_would_quote_is_known(database_url: str):
    connection = await asyncpg.connect(database_url)
    quoted = {word for (word,) in await connection.fetch("select word from pg_get_keywords() where catcode <> 'U'")}
    later = connection.get_server_version().major > 18
    await connection.close()
    assert later or quoted == words.SQL
