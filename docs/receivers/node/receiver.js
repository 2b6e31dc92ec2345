// Takes the delivery reports of a Serverless Mail Proxy. An example to build on; standardwebhooks, and SQLite as it
// comes with Node 22.13 and later.
//
//   npm ci
//   SIGNING_SECRET=whsec_... DATABASE=reports.sqlite PORT=8000 node receiver.js
//
// The tenant's client_base_url is where this is reached from outside, by https.

import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const GREATEST_BODY = 8 * 1024 * 1024; // 500 events have a few hundred kilobytes

const webhook = new Webhook(process.env.SIGNING_SECRET);
const database = new DatabaseSync(process.env.DATABASE ?? "reports.sqlite");
// The primary key is what makes an event that comes twice one event.
database.exec("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, event TEXT NOT NULL)");
const insert = database.prepare("INSERT OR IGNORE INTO events VALUES (?, ?)");

const server = createServer(async (request, response) => {
  const [status, answer] = await answerTo(request);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
});
server.listen(Number(process.env.PORT ?? 8000), process.env.HOST ?? "127.0.0.1");

// Checks who calls, records all events, and only then answers. Any other answer brings the events again.
async function answerTo(request) {
  if (request.method !== "POST" || request.url !== "/mail-proxy/sync") return [404, { error: "not found" }];
  try {
    const body = await bodyOf(request);
    // Over the bytes as they came. What is older than five minutes is refused as well: nobody can play it back.
    const call = webhook.verify(body, request.headers);
    record(call.delivery_report);
    return [200, { ok: true }];
  } catch (error) {
    if (error instanceof WebhookVerificationError) return [401, { error: error.message }];
    console.error(error);
    return [500, { error: "not recorded" }];
  }
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > GREATEST_BODY) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

// All or none. A heartbeat has no events.
function record(events) {
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const event of events) insert.run(event.event_id, JSON.stringify(event));
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
