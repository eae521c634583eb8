"""Orders: create, read, change and list them. A slice to copy for a resource of your own."""

from service.kit.web import Slice
from service.orders import data, http, seed

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS, seed=seed.SEED)

PERSONAL_DATA = data.read_all, data.delete_some
