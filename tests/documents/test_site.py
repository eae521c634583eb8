"""The site is built from the documents without a warning, leads to all of them, and is searched."""

import json
import re
import shutil

import pytest
from sphinx.search.en import SearchEnglish

from tests.harness import shell
from tests.harness.snapshot import ROOT

BUILD = ("uv", "run", "--quiet", "--project", ROOT, "sphinx-build", "--fail-on-warning")

FORGE = {"GITHUB_SERVER_URL": "https://forge.test", "GITHUB_REPOSITORY": "team/template"}
"""What the workflow that publishes the site knows of the repository."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    shell.run(*BUILD, "docs", "site", cwd=folder, **FORGE)
    return folder / "site"


def test_every_page_is_built_and_stands_in_the_navigation(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in ROOT.glob("docs/**/*.md")}
    navigation = re.findall(
        r'<a class="(?:current )?reference internal" href="([^"#]+)"', (site / "promises.html").read_text()
    )
    assert {str(page) for page in pages} - {"index.html", "promises.html"} <= set(navigation)
    assert all((site / page).is_file() for page in pages)


def test_a_published_page_leads_to_its_source(site):
    (release, *_) = re.findall(r"^## v(.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    link = f"https://forge.test/team/template/blob/v{release}/docs/update.md"
    assert f'href="{link}"' in (site / "update.html").read_text()


def test_the_title_names_the_release_that_the_pages_are_of(site):
    newest = re.findall(r"^## v(\d+\.\d+\.\d+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert f"<title>copier-async-service {newest}</title>" in (site / "index.html").read_text()


def test_every_page_is_found_by_a_word_of_its_text(site):
    index = json.loads((site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    assert set(index["docnames"]) == {str(path.relative_to(site).with_suffix("")) for path in list_pages(site)}
    found = {index["docnames"][page] for page in as_list(index["terms"]["keyset"])}
    assert "lists" in found


SEARCHES = {
    "CORS": "edge",
    "pagination": "lists",
    "graceful shutdown": "operations",
    "health check": "operations",
    "log level": "operations",
    "rate limit": "service",
    "troubleshooting": "slow",
    "connection pool": "pool",
    "rollback": "rollback",
    "retry": "service",
    "Kubernetes": "production",
    "OpenID Connect": "auth",
    "server-sent events": "events",
    "file upload": "uploads",
    "tracing": "operations",
}
"""What people look for by the words of the trade, and a page that has to be among the results."""


@pytest.mark.parametrize("words", SEARCHES)
def test_the_words_of_the_trade_find_their_page(site, words):
    index = json.loads((site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    stem = SearchEnglish({}).stem
    found = [find_pages(index, stem(word.lower())) for word in re.findall(r"\w+", words)]
    assert SEARCHES[words] in set.intersection(*found)


def find_pages(index, stem):
    """Return the pages with a word in their text or their headings, as the site's search does."""
    numbers = [*as_list(index["terms"].get(stem, [])), *as_list(index["titleterms"].get(stem, []))]
    return {index["docnames"][number] for number in numbers}


def list_pages(site):
    return [
        path for path in site.rglob("*.html") if path.stem not in ("search", "genindex") and "_static" not in path.parts
    ]


def as_list(pages):
    return pages if isinstance(pages, list) else [pages]


FAULTS = {
    "[a](gone.md)": "cross-reference target not found: 'gone.md'",
    "[a](page.md#gone)": "local id not found in doc 'page': 'gone'",
    "![a](gone.png)": "image file not readable: gone.png",
    "- [a](lost.md)": "toctree contains reference to nonexisting document 'lost'",
}
"""What a document may get wrong, and the words that the build finds for it."""


def test_a_broken_page_is_refused_with_its_place(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    shutil.copy(ROOT / "docs/conf.py", docs)
    shutil.copytree(ROOT / "docs/_static", docs / "_static")
    (docs / "page.md").write_text("# Page\n")
    (docs / "index.md").write_text("# Start\n\n- [page](page.md)\n")
    shell.run(*BUILD, "docs", "site", cwd=tmp_path)
    (docs / "index.md").write_text("\n\n".join(["# Start", "- [page](page.md)", *FAULTS]))
    (docs / "alone.md").write_text("# Nobody leads here\n")
    code, output = shell.attempt(*BUILD, "docs", "site", cwd=tmp_path)
    assert code == 1
    for words in (*FAULTS.values(), "alone.md: WARNING: document isn't included in any toctree"):
        assert words in output
