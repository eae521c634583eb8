"""The page on SQL tells how sound and how quiet the contract is today."""

from tests import corpus


def test_the_page_tells_the_score_of_today():
    told = corpus.SCORE.search(corpus.DOCUMENT.read_text())
    assert told
    assert told[0] == corpus.draw(), "renew it: uv run python -m tests.corpus --write"
