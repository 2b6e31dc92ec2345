// Shows what the inbox received. Everything from a mail is set as text, never as markup;
// its HTML goes into a sandboxed frame.
"use strict";

const REFRESH_MS = 1500;
const byId = (id) => document.getElementById(id);
const mails = new Map();
let chosen = null;
let shown = null;
let tab = null;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function time(epochMs) {
  return new Date(epochMs).toLocaleTimeString();
}

function size(octets) {
  return octets < 1024 ? `${octets} B` : `${(octets / 1024).toFixed(octets < 10240 ? 1 : 0)} KB`;
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function refresh() {
  const last = Math.max(0, ...mails.keys());
  const list = await (await get(`api/messages?after=${last}`)).json();
  if (list.total < mails.size + list.messages.length) {
    mails.clear();
    show(null);
    return refresh();
  }
  for (const mail of list.messages) mails.set(mail.order, mail);
  if (list.messages.length || !list.total) renderList();
}

function renderList() {
  const wanted = byId("filter").value.toLowerCase();
  const rows = [];
  for (const mail of [...mails.values()].reverse()) {
    const recipients = mail.envelope.rcpt_tos.join(", ");
    const text = `${mail.subject} ${mail.from} ${recipients}`.toLowerCase();
    if (!text.includes(wanted)) continue;
    const files = mail.attachments ? ` · ${mail.attachments} 📎` : "";
    const row = element("button", { type: "button", onclick: () => choose(mail.order) },
      element("span", { className: "subject", textContent: mail.subject ?? "(no subject)" }),
      element("span", { className: "detail", textContent: time(mail.received_at) }),
      element("span", { className: "detail", textContent: `${mail.from ?? ""} → ${recipients}` }),
      element("span", { className: "detail", textContent: `#${mail.order} · ${size(mail.size)}${files}` }));
    row.setAttribute("aria-current", String(mail.order === chosen));
    rows.push(element("li", {}, row));
  }
  byId("list").replaceChildren(...rows);
  byId("count").textContent = mails.size === 1 ? "1 mail" : mails.size ? `${mails.size} mails` : "no mail yet";
  document.title = mails.size ? `Inbox (${mails.size})` : "Inbox";
}

async function choose(order) {
  show(await (await get(`api/messages/${order}`)).json());
}

function show(mail) {
  shown = mail;
  chosen = mail?.order ?? null;
  byId("mail").hidden = !mail;
  byId("hint").hidden = Boolean(mail);
  if (mail) renderMail(mail);
  renderList();
}

function renderMail(mail) {
  byId("subject").textContent = mail.subject ?? "(no subject)";
  const secured = mail.tls ? ", encrypted" : "";
  const user = mail.username ? `, as ${mail.username}` : "";
  const facts = [
    ["From", mail.from],
    ["To", mail.to],
    ["Envelope", `${mail.envelope.mail_from} → ${mail.envelope.rcpt_tos.join(", ")}`],
    ["Received", `${new Date(mail.received_at).toLocaleString()}, connection ${mail.connection}${secured}${user}`],
    ["Message-ID", mail.message_id],
  ];
  byId("envelope").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) =>
    [element("dt", { textContent: name }), element("dd", { textContent: value })]));
  const tabs = { Text: renderText, HTML: renderHtml, Headers: renderHeaders, Source: renderSource };
  if (mail.html === null) delete tabs.HTML;
  if (mail.text === null) delete tabs.Text;
  if (!(tab in tabs)) tab = Object.keys(tabs)[0];
  byId("tabs").replaceChildren(...Object.keys(tabs).map((name) => {
    const button = element("button", { type: "button", textContent: name,
      onclick: () => { tab = name; renderMail(mail); } });
    button.setAttribute("aria-pressed", String(name === tab));
    return button;
  }));
  tabs[tab](mail);
  byId("files").replaceChildren(...mail.parts.filter((part) => part.is_file).map((part) =>
    element("li", {}, element("a", { href: `api/messages/${mail.order}/parts/${part.index}`, download: "",
      textContent: `${part.filename ?? part.content_type} (${size(part.size)})` }))));
}

function fill(node) {
  byId("content").replaceChildren(node);
}

function renderText(mail) {
  fill(element("pre", { textContent: mail.text }));
}

function renderHtml(mail) {
  const frame = element("iframe", { title: "HTML of the mail", src: `api/messages/${mail.order}/parts/${mail.html}` });
  frame.setAttribute("sandbox", "");
  fill(frame);
}

function renderHeaders(mail) {
  fill(element("pre", { textContent: mail.headers.map(({ name, value }) => `${name}: ${value}`).join("\n") }));
}

async function renderSource(mail) {
  const source = await (await get(`api/messages/${mail.order}/raw`)).text();
  if (shown === mail && tab === "Source") fill(element("pre", { textContent: source }));
}

async function keepRefreshing() {
  try {
    await refresh();
  } catch {
    byId("count").textContent = "the inbox is not running";
  }
  setTimeout(keepRefreshing, REFRESH_MS);
}

byId("filter").addEventListener("input", renderList);
byId("clear").addEventListener("click", async () => {
  await fetch("api/messages", { method: "DELETE" });
  mails.clear();
  show(null);
});
keepRefreshing();
