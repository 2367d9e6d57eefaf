// Importing a file: its head is read by the node, columns are matched with attributes, it is tried, and sent so that what
// breaks off goes on where it was (the same idempotency key for the same file and request).
import { csrf } from "/desk/console.js";
import { definitionOf, fillTargets, showTargets } from "/desk/import_mapping.js";
import { element, refusalOf, showHead, showPreview, showRefusal } from "/desk/import_shown.js";

const place = document.querySelector("#import"), words = JSON.parse(place.dataset.words);
const find = (selector) => place.querySelector(selector);
const TYPES = {
  csv: "text/csv", tsv: "text/csv", xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  ndjson: "application/x-ndjson", jsonl: "application/x-ndjson", json: "application/json",
};
const HEAD = 1 << 18, ATTEMPTS = 6, CONFIRMED = place.dataset.operation !== "register";
const state = { file: null, form: null, head: null, confirmation: null, busy: false };

function formOf(name) {
  const parts = name.toLowerCase().split("."), packed = parts.at(-1) === "gz";
  const type = TYPES[parts.at(packed ? -2 : -1)];
  return type && { type, packed, whole: type === TYPES.xlsx };
}

function headers(form) {
  return { "X-CSRF-Token": csrf, "Content-Type": form.type, ...(form.packed ? { "Content-Encoding": "gzip" } : {}) };
}

function reading() {
  const said = { encoding: find("#encoding").value, delimiter: find("#delimiter").value, sheet: find("#sheet").value };
  return Object.fromEntries(Object.entries(said).filter(([, text]) => text));
}

// 2. The file: what the node makes of its beginning; a workbook has its directory at the end and goes whole.
async function readHead() {
  const { file, form } = state;
  find("#mapping").hidden = find("#sending").hidden = true;
  find("#told").textContent = words.reading;
  const body = form.whole ? file : file.slice(0, HEAD);
  const query = new URLSearchParams({ ...reading(), rows: 10, partial: body.size < file.size });
  const answer = await fetch(`/console/v1/table-heads?${query}`, { method: "POST", headers: headers(form), body });
  const said = await answer.json();
  if (!answer.ok) { find("#told").textContent = refusalOf(said); return; }
  state.head = said;
  find("#told").textContent = "";
  showSheets(said.understood.sheets);
  const sheet = said.understood.sheets.find((one) => one.number === said.rows[0]?.sheet) ?? said.understood.sheets[0];
  const rows = said.rows.filter((row) => row.sheet === sheet.number);
  find("#understood").textContent = [said.understood.format, said.understood.encoding, said.understood.delimiter === "\t" ? "Tab" : said.understood.delimiter, sheet.name, `${sheet.columns.length} ${words.columns}`].filter(Boolean).join(" · ");
  showHead(find("#head"), sheet.columns, rows, words);
  state.columns = sheet.columns;
  state.rows = rows;
  applySaved();
  find("#mapping").hidden = find("#sending").hidden = false;
  forget();
}

function showSheets(sheets) {
  const choice = find("#sheet");
  choice.closest(".field").hidden = sheets.length < 2 && !choice.value;
  if (choice.value) return;
  const all = element("option", words.all_sheets, { value: "" });
  choice.replaceChildren(all, ...sheets.filter((sheet) => sheet.name).map((sheet) => element("option", sheet.name, { value: sheet.name })));
}

function applySaved() {
  const chosen = find("#saved-mapping").selectedOptions[0];
  fillTargets(find("#targets"), state.columns, state.rows, words);
  showTargets(find("#targets"), chosen.value ? JSON.parse(chosen.dataset.definition) : null, state.rows, state.columns, words);
  find("#trim").disabled = Boolean(chosen.value);
  forget();
}

// A preview is of what was asked: whatever changes makes it no longer hold.
function forget() {
  state.confirmation = null;
  find("#preview").replaceChildren();
  find("#refused").replaceChildren();
  find("#go").disabled = CONFIRMED;
  find("#step").textContent = CONFIRMED ? words.try_first : "";
}

// What is asked of the node, or null with the reason shown.
function request() {
  const { prefix, operation, template } = place.dataset, saved = find("#saved-mapping").value;
  const query = { prefix, operation, ...(template ? { template } : {}), ...reading() };
  if (saved) return { ...query, mapping_name: saved };
  const { definition, missing } = definitionOf(find("#targets"), find("#trim").checked);
  if (missing.length) return refuse(missing.includes("suffix") ? words.suffix_missing : words.required_missing + missing.join("、"));
  const mapping = JSON.stringify(definition);
  return mapping.length > 5000 ? refuse(words.too_long) : { ...query, mapping };
}

function refuse(text) {
  find("#refused").replaceChildren(element("p", text, { class: "alert alert-danger" }));
  return null;
}

// 4. The whole file with its progress; the promise holds status and JSON, and is broken where the connection is.
function send(query, more, step) {
  const bar = find("#progress");
  bar.hidden = false;
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest();
    asking.open("POST", `/console/v1/batches?${new URLSearchParams(query)}`);
    for (const [name, text] of Object.entries({ ...headers(state.form), ...more })) asking.setRequestHeader(name, text);
    asking.upload.onprogress = (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      find("#step").textContent = event.loaded < event.total ? `${step} ${Math.floor(bar.value * 100)}%` : words.working;
    };
    asking.onload = () => {
      try { resolve({ status: asking.status, said: JSON.parse(asking.responseText), wait: Number(asking.getResponseHeader("Retry-After")) }); } catch (error) { reject(error); }
    };
    asking.onerror = asking.onabort = asking.ontimeout = () => reject(new Error("broken"));
    asking.send(state.file);
  });
}

const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

async function patiently(query, more, step) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await send(query, more, step);
      if (![409, 429, 503].includes(answer.status) || attempt >= ATTEMPTS || (answer.status === 409 && answer.said.code !== "batch_busy")) return answer;
      find("#step").textContent = words.busy;
      await pause(Math.min(answer.wait || attempt, 15));
    } catch (error) {
      if (attempt >= ATTEMPTS) throw error;
      find("#step").textContent = words.broken;
      await pause(attempt);
    }
  }
}

async function busily(work) {
  if (state.busy) return;
  state.busy = true;
  find("#refused").replaceChildren();
  for (const id of ["#try", "#go"]) find(id).disabled = true;
  try {
    await work();
  } catch {
    find("#step").textContent = words.stopped;
  } finally {
    state.busy = false;
    find("#try").disabled = false;
    find("#go").disabled = CONFIRMED && !state.confirmation;
  }
}

async function tryIt() {
  const query = request();
  if (!query) return;
  const { status, said } = await patiently({ ...query, dry_run: true }, {}, words.trying);
  find("#progress").hidden = true;
  find("#step").textContent = "";
  if (status !== 200) { showRefusal(find("#refused"), said); return; }
  state.confirmation = said.confirmation;
  showPreview(find("#preview"), said, words);
}

// The key of an unfinished import is kept, so that the same file goes on after a reload too.
function keyOf(query) {
  const { file } = state, { confirmation: _, ...asked } = query;
  const name = `import ${JSON.stringify([place.dataset.account, file.name, file.size, file.lastModified, asked])}`;
  const kept = localStorage.getItem(name);
  const key = kept ?? `console-${[...crypto.getRandomValues(new Uint8Array(16))].map((octet) => octet.toString(16).padStart(2, "0")).join("")}`;
  localStorage.setItem(name, key);
  return { name, key };
}

async function importIt() {
  const asked = request();
  if (!asked) return;
  const query = { ...asked, ...(state.confirmation ? { confirmation: state.confirmation } : {}) };
  const { name, key } = keyOf(query);
  const stop = watch(query);
  try {
    const { status, said } = await patiently(query, { "Idempotency-Key": key }, words.sending);
    if (status === 200) {
      if (!["running", "paused"].includes(said.state)) localStorage.removeItem(name);
      state.busy = false;
      location.assign(`/console/batches/${said.batch_id}`);
      return;
    }
    if (["batch_failed", "idempotency_key_reused"].includes(said.code)) localStorage.removeItem(name);
    find("#progress").hidden = true;
    find("#step").textContent = "";
    showRefusal(find("#refused"), said);
  } finally {
    stop();
  }
}

// While the file is on its way: how far its batch is, as the list of batches has it.
function watch(query) {
  const began = Date.now() - 5000;
  let over = false;
  const look = async () => {
    if (over) return;
    const answer = await fetch("/console/v1/batches?limit=10").catch(() => null);
    const batches = answer?.ok ? (await answer.json()).items : [];
    const ours = batches.find((one) => one.prefix === query.prefix.toUpperCase() && one.operation === query.operation && one.state === "running" && Date.parse(one.created_at) > began);
    if (ours && !over) {
      const link = element("a", words.watch, { href: `/console/batches/${ours.batch_id}`, target: "_blank" });
      find("#live").replaceChildren(`${words.settled} ${(ours.registered + ours.changed + ours.unchanged + ours.rejected).toLocaleString()} ${words.rows} · `, link);
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 1500);
  return () => { over = true; };
}

async function saveMapping() {
  const name = find("#mapping-name").value.trim();
  if (!name) { refuse(words.name_first); return; }
  const { definition } = definitionOf(find("#targets"), find("#trim").checked);
  const body = { name, definition, ...(place.dataset.enterprise ? { enterprise_id: place.dataset.enterprise } : {}) };
  const answer = await fetch("/console/v1/mappings", { method: "POST", headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) { showRefusal(find("#refused"), said); return; }
  const option = element("option", said.name, { value: said.name });
  option.dataset.definition = JSON.stringify(said.definition);
  find("#saved-mapping").append(option);
  find("#saved-mapping").value = said.name;
  applySaved();
  find("#told").textContent = `${words.saved} ${said.name}`;
}

find("#file").addEventListener("change", () => {
  state.file = find("#file").files[0] ?? null;
  if (!state.file) return;
  state.form = formOf(state.file.name);
  find("#sheet").replaceChildren();
  if (state.form) readHead();
  else find("#told").textContent = words.format_unknown;
});
for (const id of ["#encoding", "#delimiter", "#sheet"]) find(id).addEventListener("change", () => state.form && readHead());
find("#saved-mapping").addEventListener("change", applySaved);
find("#targets").addEventListener("change", () => { showTargets(find("#targets"), null, state.rows, state.columns, words); forget(); });
find("#trim").addEventListener("change", forget);
find("#try").addEventListener("click", () => busily(tryIt));
find("#go").addEventListener("click", () => busily(importIt));
find("#save-mapping")?.addEventListener("click", saveMapping);
addEventListener("beforeunload", (event) => { if (state.busy) event.preventDefault(); });
