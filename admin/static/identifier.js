// The page of an identifier: asks what the public asks, and sends the files that its data name.
import { csrf } from "/desk/console.js";

// The answer of /api/handles as anybody gets it, with the time that it took.
document.querySelector("[data-ask-public]")?.addEventListener("click", async (event) => {
  event.preventDefault();
  const shown = document.querySelector("[data-answer]"), took = document.querySelector("[data-took]"), began = performance.now();
  try {
    const answer = await fetch(event.currentTarget.dataset.askPublic, { headers: { Accept: "application/json" }, credentials: "omit", cache: "no-store" });
    const text = await answer.text();
    took.textContent = `${(performance.now() - began).toFixed(1)} ${took.dataset.label} ${answer.status}`;
    shown.textContent = JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    shown.textContent = String(error);
  }
  shown.hidden = false;
});

// A file is sent when it is chosen; its field gets the id by which the data name it.
document.addEventListener("change", async (event) => {
  const chosen = event.target, field = document.getElementById(chosen.dataset.fileFor ?? "");
  if (!field || !chosen.files.length) return;
  const told = chosen.parentElement.querySelector("[data-told]");
  for (const file of chosen.files) {
    told.textContent = `${file.name} …`;
    const answer = await fetch(`/console/v1/files?name=${encodeURIComponent(file.name)}`, {
      method: "POST", headers: { "X-CSRF-Token": csrf, "Content-Type": file.type || "application/octet-stream" }, body: file,
    });
    const said = await answer.json();
    told.textContent = answer.ok ? `${said.name} ✓` : `${said.title} ${said.detail}`;
    if (!answer.ok) return;
    field.value = field.tagName === "TEXTAREA" && field.value.trim() ? `${field.value.trim()}\n${said.file_id}` : said.file_id;
  }
});
