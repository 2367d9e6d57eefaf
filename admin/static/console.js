// What the console needs of scripts: questions before dangerous acts, keys, live parts, charts. Pages work without.

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

// The menu stands open where there is room for it.
const wide = matchMedia("(min-width: 62rem)");
const fold = () => document.querySelectorAll("[data-menu]").forEach((menu) => { menu.open = wide.matches; });
wide.addEventListener("change", fold);
fold();
const menu = document.querySelector(".navbar-vertical"), here = menu?.querySelector("[aria-current]");
if (wide.matches && here) menu.scrollTop = Math.max(0, here.offsetTop - menu.clientHeight / 2);

// A table that fits keeps its head in sight; one that does not scrolls in its own place, by the keyboard too.
const measure = () => document.querySelectorAll(".table-responsive").forEach((place) => {
  place.classList.remove("fits");
  const fits = place.scrollWidth <= place.clientWidth;
  place.classList.toggle("fits", fits);
  if (fits) place.removeAttribute("tabindex"); else place.tabIndex = 0;
});
measure();
addEventListener("resize", measure);
document.body.addEventListener("htmx:afterSettle", measure);

// How many messages are unread, asked once a minute at most.
const COUNT_SECONDS = 60, MOST = 100;
async function countUnread() {
  const place = document.querySelector("[data-unread]");
  if (!place) return;
  const account = place.dataset.of, known = JSON.parse(sessionStorage.getItem("unread") ?? "null");
  let unread = known?.unread;
  if (known?.account !== account || Date.now() - known.at > COUNT_SECONDS * 1000 || location.pathname === "/console/notifications") {
    const answer = await fetch(`/console/v1/notifications?unread=true&limit=${MOST}`).catch(() => null);
    if (!answer?.ok) return;
    const found = await answer.json();
    unread = found.next_cursor ? `${MOST}+` : String(found.items.length);
    sessionStorage.setItem("unread", JSON.stringify({ account, unread, at: Date.now() }));
  }
  place.hidden = unread === "0";
  place.textContent = unread;
  place.title = `${unread} ${place.dataset.unread}`;
}
countUnread();

// data-ask, of a form or of its button: a question in the page's own dialog before the form is sent.
document.addEventListener("submit", (event) => {
  const form = event.target, dialog = document.querySelector("#ask");
  const question = event.submitter?.dataset.ask ?? form.dataset.ask;
  if (!question || !dialog || form.dataset.sure) return;
  event.preventDefault();
  event.stopPropagation();
  dialog.querySelector("#ask-text").textContent = question;
  const sender = event.submitter;
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.sure = "yes";
    form.requestSubmit(sender);
    delete form.dataset.sure;
  }, { once: true });
  dialog.returnValue = "";
  dialog.showModal();
}, true);

// data-key: a letter that leads to a field, wherever nothing is being typed.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  for (const place of document.querySelectorAll("[data-key]")) {
    if (place.dataset.key === event.key) { event.preventDefault(); place.focus(); return; }
  }
});

document.body.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRF-Token"] = csrf; });

// Charts are drawn from the table inside their figure: what is seen and what can be read are the same numbers.
let drawing;
async function draw(figures) {
  if (!figures.length) return;
  drawing ??= import("/desk/charts.js");
  const { chart } = await drawing;
  figures.forEach(chart);
}
draw([...document.querySelectorAll("figure[data-chart]")]);
document.body.addEventListener("htmx:afterSettle", (event) => draw([...event.target.querySelectorAll("figure[data-chart]")]));

export { csrf, draw };
