// What an import shows: texts only, whatever a file holds.

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const english = document.documentElement.lang === "en";

// The part in the page's language of what the node says in two.
export function spoken(message) {
  const at = message.indexOf(" / ");
  return at < 0 ? message : english ? message.slice(at + 3) : message.slice(0, at);
}

export const refusalOf = (said) => `${english ? said.code.replaceAll("_", " ") : said.title} ${said.detail}`;

function table(headings, rows) {
  const made = element("table", undefined, { class: "table table-sm" }), head = element("thead"), body = element("tbody"), line = element("tr");
  line.append(...headings.map((text) => element("th", text, { scope: "col" })));
  head.append(line);
  for (const cells of rows) {
    const row = element("tr");
    row.append(...cells.map((text) => element("td", text, { class: "long" })));
    body.append(row);
  }
  made.append(head, body);
  return made;
}

function within(made) {
  const box = element("div", undefined, { class: "table-responsive" });
  box.append(made);
  return box;
}

export function showHead(place, columns, rows, words) {
  place.replaceChildren(...table([words.line, ...columns], rows.map((row) => [row.line, ...(row.fault ? [spoken(row.fault)] : row.cells)])).children);
}

// Everything that is wrong, one line each.
export function showRefusal(place, said) {
  const box = element("div", undefined, { class: "alert alert-danger" }), list = element("ul");
  box.append(element("p", refusalOf(said)));
  list.append(...(said.faults ?? []).map((fault) => element("li", `${fault.field ?? ""} ${spoken(fault.message)}`)));
  if (list.children.length) box.append(list);
  place.replaceChildren(box);
}

export function showPreview(place, said, words) {
  const counts = [[words.would_register, said.registered], [words.would_change, said.changed], [words.unchanged, said.unchanged], [words.rejected, said.rejected]];
  const tiles = element("div", undefined, { class: "tiles" });
  for (const [label, count] of counts) {
    const tile = element("div", undefined, { class: "card tile" }), body = element("div", undefined, { class: "card-body" });
    body.append(element("p", label, { class: "label" }), element("p", count.toLocaleString(), { class: "value" }));
    tile.append(body);
    tiles.append(tile);
  }
  const parts = [tiles];
  if (said.faults.length) {
    const rows = said.faults.map((fault) => [spoken(fault.message), fault.field ?? "", fault.rows.toLocaleString(), fault.line, fault.row]);
    parts.push(element("h3", words.faults_title), within(table([words.fault, words.field, words.rows, words.first_line, words.data], rows)));
  }
  const data = (row) => (row.attributes ? Object.entries(row.attributes).map(([name, value]) => `${name}=${[value].flat().join("、")}`).join("  ") : row.row ?? "");
  const rows = said.first_rows.map((row) => [row.line, row.suffix ?? "", words[row.verdict] ?? row.verdict, row.faults.length ? row.faults.map((fault) => `${fault.field ?? ""} ${spoken(fault.message)}`).join("; ") : data(row)]);
  parts.push(element("h3", words.rows_title), within(table([words.line, words.suffix, words.outcome, words.data], rows)));
  place.replaceChildren(...parts);
}
