"""Users: sign up, sign in, read and change one's own, and follow others."""

from service.kit.web import Slice
from service.users import http

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
