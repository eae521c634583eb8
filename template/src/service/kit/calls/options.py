# kit: updated by the template; extend it from app.py
"""CLIENT_*: the limits of calls to other services."""

from typing import Annotated

from pydantic import BaseModel, Field

from service.kit.work.options import Seconds


class ClientOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """CLIENT_*: how one worker calls other services."""

    timeout: Seconds = 5
    """seconds for a whole call with all its attempts, then 504"""
    connect_timeout: Seconds = 1
    """seconds to find a host and connect to it"""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """further attempts at a call that may be repeated"""
    hosts: Annotated[int, Field(ge=1, le=1000)] = 20
    """hosts with limits of their own; all others share one"""
    connections: Annotated[int, Field(ge=1, le=1000)] = 20
    """calls to one host at once"""
    waiters: Annotated[int, Field(ge=0, le=10_000)] = 100
    """calls that may wait for their turn; more get 503"""
    wait: Seconds = 1
    """seconds a call waits for its turn, then 503"""
    answer_bytes: Annotated[int, Field(ge=1, le=2**40)] = 10**7
    """maximum size of an answer in bytes, decoded, then 502"""
