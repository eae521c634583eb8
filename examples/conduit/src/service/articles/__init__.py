"""Articles with their tags, favourites and comments, and the feed of those whom a user follows."""

from service.articles import http
from service.kit.web import Slice

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
