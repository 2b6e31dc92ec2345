"""Takes the delivery reports of a Serverless Mail Proxy. An example to build on; FastAPI, standardwebhooks, SQLite.

    pip install fastapi standardwebhooks uvicorn
    SIGNING_SECRET=whsec_... DATABASE=reports.sqlite uvicorn receiver:app --port 8000

The tenant's `client_base_url` is where this is reached from outside, by https.
"""

import json
import os
import sqlite3
from contextlib import closing

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from standardwebhooks import Webhook, WebhookVerificationError

DATABASE = os.environ.get("DATABASE", "reports.sqlite")
webhook = Webhook(os.environ["SIGNING_SECRET"])
app = FastAPI()

with closing(sqlite3.connect(DATABASE)) as connection, connection:
    # The primary key is what makes an event that comes twice one event.
    connection.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, event TEXT NOT NULL)")


@app.post("/mail-proxy/sync")
async def sync(request: Request) -> dict[str, object]:
    """Checks who calls, records all events, and only then answers. Any other answer brings the events again."""
    body = await request.body()
    try:
        # Over the bytes as they came. What is older than five minutes is refused as well: nobody can play it back.
        call = webhook.verify(body, dict(request.headers))
    except (WebhookVerificationError, ValueError) as error:
        raise HTTPException(401, "not signed with this endpoint's secret, or too long ago") from error
    await run_in_threadpool(record, call["delivery_report"])
    return {"ok": True}


def record(events: list[dict[str, object]]) -> None:
    """All or none. A heartbeat has no events."""
    rows = [(event["event_id"], json.dumps(event)) for event in events]  # whole: later versions may add fields
    with closing(sqlite3.connect(DATABASE, timeout=10)) as connection, connection:
        connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?)", rows)
