"""Confirming an order by mail: a job, enqueued in the transaction that creates the order."""

from uuid import UUID

from msgspec import Struct

from service.kit.db import Database
from service.kit.jobs import Job, begin_once
from service.mail import Mail, Mailer
from service.orders import queries


class Confirmation(Struct, frozen=True):
    """The order to confirm."""

    account: str
    order_id: UUID


async def send_confirmation(confirmation: Confirmation, job_id: int, db: Database, mailer: Mailer) -> None:
    """Send the mail, unless an earlier run of this job did.

    A job runs at least once. If the worker dies after the mail is sent and before that is committed, the next run sends
    it again, under the same id.
    """
    async with db.transaction() as connection:
        if not await begin_once(connection, job_id):
            return
        order = await connection.fetch_one(queries.read_order, confirmation.account, confirmation.order_id)
        subject = f"Your order {order.reference}"
        text = f"Thank you: we received your order of {order.item_count} items."
        await mailer.send(Mail(f"orders.confirm-{job_id}", order.customer_email, subject, text))


confirm_order = Job("orders.confirm", Confirmation, send_confirmation)
