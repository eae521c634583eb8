"""Orders: create, read, change and list them. A slice to copy for a resource of your own."""

from service.kit.web import Slice
from service.orders import http, seed

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS, seed=seed.SEED)
