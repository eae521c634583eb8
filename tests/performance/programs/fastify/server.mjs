// The orders API as a Fastify program on pg: `node server.mjs PORT`.

import Fastify from "fastify";
import pg from "pg";

const ACCOUNT = "development"; // whose orders are asked for; no token is checked
const COLUMNS =
  "id, reference, customer_email, status, currency, total_minor, item_count, tags, gift, note, version, " +
  "created_at, updated_at";

// Statements with a name are prepared once on each connection.
const READ_ORDER = { name: "read_order", text: `select ${COLUMNS} from orders where id = $2 and account = $1` };
const LIST_ORDERS = {
  name: "list_orders",
  text: `select ${COLUMNS}
           from orders
          where account = $1 and (created_at, id) < ($2, $3) and created_at >= $4
          order by created_at desc, id desc
          limit $5`,
};
const CREATE_ORDER = {
  name: "create_order",
  text: `insert into orders (account, reference, customer_email, currency, total_minor, item_count, tags, gift, note)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         returning ${COLUMNS}`,
};

const EARLIEST = "0001-01-01T00:00:00Z";
const NEWEST_FIRST = ["9999-12-31T00:00:00Z", "00000000-0000-0000-0000-000000000000"];

const UNIQUE_VIOLATION = "23505";
const CHECK_VIOLATION = "23514";

// A Date would lose the microseconds, and a bigint arrives as a string.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, readTime);

/** Return the time in PostgreSQL's text, which is UTC, as the service writes it: "2026-01-31T09:30:00.012340Z". */
function readTime(text) {
  const [seconds, fraction = ""] = text.slice(11, -3).split(".");
  return `${text.slice(0, 10)}T${seconds}.${fraction.padEnd(6, "0")}Z`;
}

const order = {
  type: "object",
  properties: {
    id: { type: "string" },
    reference: { type: "string" },
    customer_email: { type: "string" },
    status: { type: "string" },
    currency: { type: "string" },
    total_minor: { type: "integer" },
    item_count: { type: "integer" },
    tags: { type: "array", items: { type: "string" } },
    gift: { type: "boolean" },
    note: { type: "string", nullable: true },
    version: { type: "integer" },
    created_at: { type: "string" },
    updated_at: { type: "string" },
  },
};
const page = {
  type: "object",
  properties: { data: { type: "array", items: order }, next: { type: "string", nullable: true } },
};
const newOrder = {
  type: "object",
  additionalProperties: false,
  required: ["reference", "customer_email", "currency", "total_minor", "item_count"],
  properties: {
    reference: { type: "string", minLength: 1, maxLength: 40 },
    customer_email: { type: "string", maxLength: 254 },
    currency: { type: "string", pattern: "^[A-Z]{3}$" },
    total_minor: { type: "integer", minimum: 0 },
    item_count: { type: "integer", minimum: 1, maximum: 10000 },
    tags: { type: "array", maxItems: 20, items: { type: "string" }, default: [] },
    gift: { type: "boolean", default: false },
    note: { type: "string", nullable: true, default: null },
  },
};
const paging = {
  type: "object",
  properties: { limit: { type: "integer", minimum: 1, maximum: 100, default: 20 }, cursor: { type: "string" } },
};
const byId = { type: "object", properties: { id: { type: "string", format: "uuid" } } };

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  connectionTimeoutMillis: 3000,
  max: Number(process.env.DATABASE_POOL_SIZE),
  min: 2,
  options: "-c timezone=UTC",
});
const app = Fastify({ bodyLimit: 1_000_000 });

app.setErrorHandler((error, request, reply) => {
  const status = { [UNIQUE_VIOLATION]: 409, [CHECK_VIOLATION]: 422 }[error.code] ?? error.statusCode ?? 500;
  reply.code(status).send({ detail: status === 500 ? "this failed" : error.message });
});

app.get("/v1/orders/:id", { schema: { params: byId, response: { 200: order } } }, async (request, reply) => {
  const { rows } = await pool.query({ ...READ_ORDER, values: [ACCOUNT, request.params.id] });
  return rows[0] ?? reply.code(404).send({ detail: "there is no such order" });
});

// One more row than the page has tells whether another follows.
app.get("/v1/orders", { schema: { querystring: paging, response: { 200: page } } }, async (request) => {
  const { limit, cursor } = request.query;
  const before = cursor ? readCursor(cursor) : NEWEST_FIRST;
  const { rows } = await pool.query({ ...LIST_ORDERS, values: [ACCOUNT, ...before, EARLIEST, limit + 1] });
  const data = rows.slice(0, limit);
  return { data, next: rows.length > limit ? writeCursor(data.at(-1)) : null };
});

app.post("/v1/orders", { schema: { body: newOrder, response: { 201: order } } }, async (request, reply) => {
  const { reference, customer_email, currency, total_minor, item_count, tags, gift, note } = request.body;
  const values = [ACCOUNT, reference, customer_email, currency, total_minor, item_count, tags, gift, note];
  const { rows } = await pool.query({ ...CREATE_ORDER, values });
  return reply.code(201).header("location", `/v1/orders/${rows[0].id}`).send(rows[0]);
});

function writeCursor(last) {
  return Buffer.from(JSON.stringify([last.created_at, last.id])).toString("base64url");
}

/** Return the time and the id in a cursor. Throws an error with the status 422 for one that is not ours. */
function readCursor(text) {
  try {
    const [createdAt, id] = JSON.parse(Buffer.from(text, "base64url").toString());
    return [createdAt, id];
  } catch {
    throw Object.assign(new Error("cursor is not one of ours"), { statusCode: 422 });
  }
}

process.on("SIGTERM", async () => {
  await app.close();
  await pool.end();
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
