"""The faults, each of which the service has to survive while its clients go on."""

import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from soak import clients, outages, poison
from soak.load import Load
from soak.site import Site


class Fault(NamedTuple):
    """A fault. Only one that `cuts` connections of clients may leave requests without an answer."""

    do: Callable[[Site, Load, random.Random], Awaitable[None]]
    cuts: bool = False

    @property
    def name(self) -> str:
        return self.do.__name__.replace("_", " ")


FAULTS = (
    Fault(outages.postgresql_restarts_fast),
    Fault(outages.postgresql_restarts_immediately),
    Fault(outages.postgresql_is_killed),
    Fault(outages.postgresql_freezes),
    Fault(outages.postgresql_is_black_holed),
    Fault(clients.five_times_overload),
    Fault(outages.the_service_is_told_to_stop_among_hostile_clients, cuts=True),
    Fault(outages.a_worker_is_killed, cuts=True),
    Fault(outages.an_event_loop_is_blocked, cuts=True),
    Fault(clients.senders_and_readers_are_slow),
    Fault(clients.requests_make_no_sense),
    Fault(clients.one_key_comes_fifty_times),
    Fault(outages.jobs_are_killed),
    Fault(poison.harmful_jobs_come),
)
