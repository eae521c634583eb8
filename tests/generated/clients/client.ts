// Uses a service by the client that openapi-fetch makes of its description, and fails where something is not as described.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Order = components["schemas"]["Order"];

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

function check(condition: boolean, message: unknown): asserts condition {
  if (!condition) throw new Error(JSON.stringify(message));
}

const api = createClient<paths>({ baseUrl: process.argv[2] });
const credentials = { email: "ada@example.com", password: "correct horse battery staple" };

const account = await api.POST("/v1/accounts", { body: credentials });
check(account.data !== undefined, account.error);

const session = await api.POST("/v1/sessions", { body: credentials });
check(session.data !== undefined, session.error);
const token = session.data.token;
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

const orders: Order[] = [];
for (const number of [1, 2, 3, 4, 5]) {
  const reference = `SO-${number}`;
  const body = { reference, customer_email: "ada@example.com", currency: "EUR", total_minor: 1999, item_count: 3 };
  const made = await api.POST("/v1/orders", { body });
  check(made.data !== undefined, made.error);
  check(TIME.test(made.data.created_at), made.data);
  orders.push(made.data);
}

const paid = await api.PATCH("/v1/orders/{order_id}", {
  params: { path: { order_id: orders[0]!.id } },
  body: { version: orders[0]!.version, status: "paid" },
});
check(paid.data?.status === "paid", paid.error);

const listed: string[] = [];
let cursor: string | undefined;
do {
  const filter = { status: "pending", created_from: orders[1]!.created_at, sort: "created_at" } as const;
  const page = await api.GET("/v1/orders", { params: { query: { ...filter, limit: 2, cursor } } });
  check(page.data !== undefined, page.error);
  listed.push(...page.data.data.map((order) => order.reference));
  cursor = page.data.next ?? undefined;
} while (cursor !== undefined);
check(listed.join() === "SO-2,SO-3,SO-4,SO-5", listed);

const twice = await api.POST("/v1/orders", {
  body: { reference: "SO-1", customer_email: "a@b", currency: "EUR", total_minor: 1, item_count: 1 },
});
check(twice.response.status === 409 && twice.error?.errors?.[0]?.field === "reference", twice.error);

const unknown = await api.GET("/v1/orders/{order_id}", { params: { path: { order_id: token.slice(0, 5) } } });
check(unknown.response.status === 404 && unknown.error?.type === "urn:problem:not-found", unknown.error);

console.log("done");
