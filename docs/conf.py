"""The site made from these pages: `uv run sphinx-build --fail-on-warning docs site`.

The pages are plain Markdown, which a forge shows as well. What only the site needs is here.
"""

import os
import re
from pathlib import Path

from pygments.lexers.sql import PostgresLexer
from sphinx.application import Sphinx

SECTION = re.compile(r"^(?:## (?P<caption>.+)|\d*[.-] \[.+?\]\((?P<page>[^)#:]+)\.md\).*)$", re.MULTILINE)
TOCTREE = "\n```{{toctree}}\n:hidden:\n:titlesonly:\n{caption}\n\n{pages}\n```\n"

RELEASE = re.compile(r"^## v(\d+\.\d+\.\d+)$", re.MULTILINE)
"""The heading of a release in the changelog, the newest first."""

project = "copier-async-service"
release = RELEASE.findall((Path(__file__).parent.parent / "CHANGELOG.md").read_text("utf-8"))[0]
html_title = f"{project} {release}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_show_sourcelink = html_copy_source = html_show_copyright = html_show_sphinx = False
html_theme_options = {}
if "GITHUB_REPOSITORY" in os.environ:  # where it is published, each page leads to its source
    place = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/blob/v{release}/docs/".format_map(
        os.environ | {"release": release}
    )
    html_theme_options["source_view_link"] = place + "{filename}"
extensions = ["myst_parser"]
myst_heading_anchors = 6
myst_heading_slug_func = "github"
nitpicky = True


def setup(app: Sphinx) -> None:
    """Let the lists of links lead through the site, and read SQL as PostgreSQL's."""
    app.connect("source-read", add_navigation)
    app.add_lexer("sql", PostgresLexer)


def add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the pages that `index.md` and the list of decisions link to in a list into the navigation.

    A page that stands in no list fails the build, so none is forgotten, and the forge shows the same way through.
    """
    if page not in ("index", "contributing/decisions/README"):
        return
    sections: dict[str, list[str]] = {}
    caption = ""
    for found in SECTION.finditer(source[0]):
        if found["caption"]:
            caption = f":caption: {found['caption']}"
        else:
            sections.setdefault(caption, []).append(found["page"])
    source[0] += "".join(TOCTREE.format(caption=name, pages="\n".join(pages)) for name, pages in sections.items())
