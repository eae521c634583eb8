"""Attempts to log in: few are allowed, so that tests reach the limits."""

from service.kit.auth.login_throttle import LoginThrottle, LoginThrottleOptions
from service.kit.work.problems import Problem

OPTIONS = LoginThrottleOptions(allowed=3, total=9)
HOME, CAFE = "198.51.100.7", "203.0.113.9"


async def log_in(throttle: LoginThrottle, address: str, account: str = "ada", *, right: bool = False) -> int:
    """Return the seconds to wait, 0 when the attempt was taken."""
    try:
        attempt = await throttle.count_attempt({"client": (address, 1)}, account)
    except Problem as problem:
        if problem.status != 429:
            raise
        return int(problem.headers["retry-after"])
    if right:
        await attempt.forgive()
    return 0
