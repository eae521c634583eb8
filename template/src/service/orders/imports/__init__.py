"""Imports of orders: a file is stored as it arrives, and a job makes orders of it."""

from service.kit.http import Slice
from service.orders.imports import http, job

SLICE = Slice(routes=http.routes, constraints=http.CONSTRAINTS)
JOBS = job.JOBS
PATH = http.PATH
