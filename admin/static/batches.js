// A batch while it is under way: its numbers as they change, and the page anew when its state does.
const place = document.querySelector("[data-batch]");
const events = new EventSource(`/console/v1/batches/${place.dataset.batch}/events`);
const COUNTS = ["registered", "changed", "unchanged", "rejected"];
let before = null;

events.addEventListener("batch", (event) => {
  const batch = JSON.parse(event.data);
  for (const shown of place.querySelectorAll("[data-live]")) shown.textContent = (batch[shown.dataset.live] ?? 0).toLocaleString("en-US");
  const sent = place.querySelector("#sent");
  if (sent) sent.value = batch.body_bytes;
  const rows = COUNTS.reduce((sum, name) => sum + batch[name], 0), at = Date.parse(batch.updated_at);
  if (before && at > before.at) place.querySelector("[data-rate]").textContent = Math.round(((rows - before.rows) * 1000) / (at - before.at)).toLocaleString("en-US");
  if (!before || at > before.at) before = { rows, at };
  if (batch.state !== place.dataset.state) {
    events.close();
    location.reload();
  }
});
