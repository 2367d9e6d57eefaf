// Attachments: uploaded from a form, looked at where they stand. Without scripts their numbers are typed, and they are
// downloaded.

import { csrf } from "/desk/console.js";

// [data-upload]: the number of an uploaded file goes into the field beside it.
for (const place of document.querySelectorAll("[data-upload]")) {
  const chosen = place.querySelector("input[type=file]"), said = place.querySelector("[role=status]");
  chosen.hidden = false;
  chosen.addEventListener("change", async () => {
    const file = chosen.files[0];
    if (!file) return;
    said.textContent = said.dataset.away;
    const answer = await fetch(`/console/v1/attachments?name=${encodeURIComponent(file.name)}`, {
      method: "POST", body: file,
      headers: { "X-CSRF-Token": csrf, "Content-Type": file.type || "application/octet-stream" },
    });
    const found = await answer.json();
    if (!answer.ok) { said.textContent = `${found.title}: ${found.detail}`; chosen.value = ""; return; }
    place.querySelector("input[name]").value = found.attachment_id;
    said.textContent = said.dataset.there + found.attachment_id;
  });
}

// a[data-paper]: an image is shown below its link, anything else is saved. One look is one request: each is recorded.
const asText = (content) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(content);
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-paper]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const shown = link.parentElement.querySelector("img");
  if (shown) { shown.hidden = !shown.hidden; return; }
  const answer = await fetch(link.href);
  if (!answer.ok) { location.assign(link.href); return; }
  const content = await answer.blob();
  if (content.type.startsWith("image/")) {
    const image = document.createElement("img");
    image.alt = link.dataset.paper;
    image.className = "paper";
    image.src = await asText(content);
    link.after(image);
  } else {
    const save = document.createElement("a");
    save.href = URL.createObjectURL(content);
    save.download = link.textContent.trim();
    save.click();
    setTimeout(() => URL.revokeObjectURL(save.href), 10_000);
  }
});
