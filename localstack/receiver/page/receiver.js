// Lists the events that arrived, newest first. Everything from an event is set as text, never as markup.
"use strict";

const REFRESH_MS = 1500;
const byId = (id) => document.getElementById(id);

function cell(text, className = "") {
  return Object.assign(document.createElement("td"), { textContent: text ?? "", className });
}

function story(event) {
  if (event.recipients) return event.recipients.map((one) => `${one.address}: ${one.reply ?? one.status}`).join("; ");
  return event.error ?? event.deferred_reason ?? event.bounce_reason ?? event.pec_event ?? event.account_event;
}

function row(received) {
  const line = document.createElement("tr");
  line.className = received.acknowledged ? "" : "unacknowledged";
  line.title = JSON.stringify(received.event, null, 2);
  line.append(cell(new Date(received.arrived_at).toLocaleTimeString()), cell(received.call),
    cell(received.kind, received.kind), cell(received.event.tenant_id), cell(received.event.id), cell(story(received.event)));
  return line;
}

async function refresh() {
  try {
    const { events, duplicates } = await (await fetch("api/events")).json();
    const repeated = Object.keys(duplicates).length;
    byId("events").replaceChildren(...events.reverse().map(row));
    byId("count").textContent = `${events.length} events` + (repeated ? `, ${repeated} of them more than once` : "");
  } catch {
    byId("count").textContent = "the receiver is not running";
  }
  setTimeout(refresh, REFRESH_MS);
}
refresh();
