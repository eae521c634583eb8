"""The doctor links to the documents of the release that a project is of."""

import pytest
from service_tools.dev.template import Origin, locate_documents

LINKS = {
    "https://github.com/acme/template.git": "https://github.com/acme/template/blob/v2.1.0/docs/index.md",
    "gh:acme/template": "https://github.com/acme/template/blob/v2.1.0/docs/index.md",
    "git@github.acme.com:platform/template.git": (
        "https://github.acme.com/platform/template/blob/v2.1.0/docs/index.md"
    ),
    "gl:acme/template.git": "https://gitlab.com/acme/template/-/blob/v2.1.0/docs/index.md",
    "ssh://git@gitlab.acme.com:2222/platform/python/template.git": (
        "https://gitlab.acme.com/platform/python/template/-/blob/v2.1.0/docs/index.md"
    ),
    "https://oauth2:secret@gitlab.acme.com/platform/template": (
        "https://gitlab.acme.com/platform/template/-/blob/v2.1.0/docs/index.md"
    ),
    "https://git.acme.com/github/template.git": (
        "docs/index.md of https://git.acme.com/github/template.git, tag v2.1.0"
    ),
    "/srv/github.com/template": "docs/index.md of /srv/github.com/template, tag v2.1.0",
}


@pytest.mark.parametrize("source", LINKS)
def test_the_documents_of_a_release_are_linked_at_a_forge_whose_links_are_known(source):
    assert locate_documents(Origin("v2.1.0", source)) == LINKS[source]
