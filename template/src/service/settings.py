"""Every variable that the service reads: the kit's groups, and the service's own. `service settings` lists them."""

from service.kit.environment import Environment
from service.kit.issuers import IssuerOptions


class Settings(Environment):
    """A field `orders: OrderOptions = OrderOptions()` here would be read from ORDERS_*."""

    # Where another service issues the tokens, this is `AuthOptions`.
    auth: IssuerOptions
