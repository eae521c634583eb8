"""The SQL of the status, one object for each statement."""

from service.kit.db import Query
from service.status.model import Status

read_status = Query("select now() as database_time", Status)
