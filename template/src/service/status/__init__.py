"""The status of the service, for anybody. A slice to begin with: `service new` makes those of your resources."""

from service.kit.web import Slice
from service.status import http

SLICE = Slice(routes=http.routes)
