// Which column an attribute comes from: matched by name, chosen by hand, or as a saved mapping says.
import { element } from "/desk/import_shown.js";

const plain = (text) => text.toLowerCase().replace(/[（(].*?[)）]/g, "").replace(/[\s_\-.*]+/g, "");
const rowsOf = (table) => [...table.querySelectorAll("tr[data-target]")];
const DATES = [
  [/^\d{4}\/\d{1,2}\/\d{1,2}$/, "YYYY/M/D"], [/^\d{4}\.\d{1,2}\.\d{1,2}$/, "YYYY.M.D"], [/^\d{8}$/, "YYYYMMDD"],
  [/^\d{4}年\d{1,2}月\d{1,2}日$/, "YYYY年M月D日"], [/^\d{1,2}\.\d{1,2}\.\d{4}$/, "D.M.YYYY"],
];

// The columns of a file into every choice, the best match chosen.
export function fillTargets(table, columns, rows, words) {
  const taken = columns.map((name) => [name, plain(name)]);
  for (const row of rowsOf(table)) {
    const choice = row.querySelector("select"), rules = [...choice.querySelectorAll('option[value^="rule:"]')];
    choice.replaceChildren(element("option", words.none, { value: "" }), ...rules, ...columns.map((name) => element("option", name, { value: `column:${name}` })));
    const wanted = [row.dataset.target, ...row.dataset.also.split("|")].filter(Boolean).map(plain);
    const match = columns.find((name) => name === row.dataset.target) ?? taken.find(([, name]) => wanted.includes(name))?.[0];
    choice.value = match === undefined ? "" : `column:${match}`;
    const format = row.querySelector("[data-date-format]");
    if (format) format.value = guessed(valuesOf(choice.value, rows, columns));
  }
}

// What stands chosen, or as a saved mapping (definition) has it, with the first values of each.
export function showTargets(table, definition, rows, columns, words) {
  for (const row of rowsOf(table)) {
    const choice = row.querySelector("select"), format = row.querySelector("[data-date-format]");
    choice.querySelector('option[value="saved"]')?.remove();
    if (definition) {
      const source = row.dataset.target === "suffix" ? definition.suffix : definition.attributes?.[row.dataset.target];
      const column = typeof source === "string" ? source : source?.column;
      const value = source?.coding_rule ? `rule:${source.coding_rule}` : `column:${column}`;
      if (source !== undefined && source !== null && ![...choice.options].some((option) => option.value === value)) choice.append(element("option", words.by_mapping, { value: "saved" }));
      choice.value = source === undefined || source === null ? "" : [...choice.options].some((option) => option.value === value) ? value : "saved";
      if (format) format.value = source?.date_format ?? "";
    }
    choice.disabled = Boolean(definition);
    if (format) format.disabled = Boolean(definition);
    row.querySelector("[data-values]").textContent = valuesOf(choice.value, rows, columns).slice(0, 3).join(" · ");
  }
}

// The mapping as the operation takes it, and what is required and comes from nowhere.
export function definitionOf(table, trim) {
  const definition = { attributes: {} }, missing = [];
  for (const row of rowsOf(table)) {
    const { target, required } = row.dataset, source = sourceOf(row, trim);
    if (source === null) { if (required) missing.push(target); continue; }
    if (target === "suffix") definition.suffix = source; else definition.attributes[target] = source;
  }
  return { definition, missing };
}

function sourceOf(row, trim) {
  const value = row.querySelector("select").value, format = row.querySelector("[data-date-format]")?.value.trim();
  if (value.startsWith("rule:")) return { coding_rule: value.slice(5) };
  if (!value.startsWith("column:")) return null;
  const column = value.slice(7);
  if (!trim && !format) return column;
  return { column, ...(trim ? { trim: true } : {}), ...(format ? { date_format: format } : {}) };
}

function valuesOf(chosen, rows, columns) {
  const at = chosen.startsWith("column:") ? columns.indexOf(chosen.slice(7)) : -1;
  return at < 0 ? [] : rows.map((row) => row.cells[at]).filter(Boolean);
}

const guessed = (values) => (values.length ? DATES.find(([form]) => values.every((value) => form.test(value.trim())))?.[1] ?? "" : "");
