// The wall screen: figures as they are pushed, the last ones kept while nothing comes.

import { draw } from "/desk/charts.js";

const chinese = document.documentElement.lang.startsWith("zh");
const moment = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });
const number = (value) => Number(value).toLocaleString("en-US", { maximumFractionDigits: 2 });
const reached = (data, path) => path.split(".").reduce((part, name) => part?.[name], data);

function written(value, as) {
  if (value === null || value === undefined) return as ? "—" : "0";
  return as === "share" ? `${(value * 100).toFixed(1)} %` : number(value);
}

function fill(data) {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const value = reached(data, place.dataset.figure);
    const words = place.dataset.words && JSON.parse(place.dataset.words);
    const text = words ? words[value] ?? value : written(value, place.dataset.as);
    if (words) place.dataset.state = value;
    if (place.textContent !== text) place.textContent = text;
  }
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function rank(list, leaders) {
  const most = leaders[0]?.valid || 1;
  list.replaceChildren(...leaders.map((one) => {
    const row = document.createElement("li"), name = cell("span", list.dataset.rank === "prefixes" ? `${one.key} ${one.name}` : one.name);
    const bar = document.createElement("i");
    name.className = "name";
    bar.style.width = `${Math.max(1, 100 * one.valid / most)}%`;
    row.append(name, cell("b", number(one.valid)), bar);
    return row;
  }));
  list.parentElement.querySelector(".nothing").hidden = leaders.length > 0;
}

function latest(body, minutes) {
  body.replaceChildren(...minutes.slice(-Number(body.dataset.latest)).reverse().map((one) => {
    const row = document.createElement("tr");
    row.append(cell("td", one.time), cell("td", number(one.valid)), cell("td", number(one.raw)));
    return row;
  }));
}

function show(data) {
  fill(data);
  document.querySelectorAll("[data-rank]").forEach((list) => rank(list, data[list.dataset.rank]));
  document.querySelectorAll("[data-latest]").forEach((body) => latest(body, data.minutes));
  const asOf = document.querySelector("#as-of");
  asOf.dateTime = data.summary.as_of;
  asOf.textContent = moment.format(new Date(data.summary.as_of));
  for (const plot of document.querySelectorAll("[data-plot]")) {
    const points = data[plot.dataset.plot];
    draw(plot, plot.dataset.plot === "hours" ? "bar" : "line", {
      names: JSON.parse(plot.dataset.names), categories: points.map((one) => one.time),
      columns: [points.map((one) => one.valid), points.map((one) => one.raw)],
    }, { dark: true, large: true });
  }
}

const trouble = document.querySelector("#trouble");
function say(word) {
  trouble.hidden = !word;
  trouble.textContent = word ? trouble.dataset[word] : "";
}

function leave() {
  say("ended");
  setTimeout(() => { location.href = "/console/sign-in?next=%2Fconsole%2Fwall"; }, 4000);
}

// A browser does not try again after an answer that is no stream: then we do, unless the session is over.
async function again() {
  const answer = await fetch("/console/wall", { redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect" || answer?.status === 403) leave();
  else setTimeout(listen, 5000);
}

function listen() {
  const source = new EventSource("/console/wall/events");
  source.addEventListener("figures", (event) => { say(""); show(JSON.parse(event.data)); });
  source.addEventListener("away", () => say("away"));
  source.addEventListener("ended", () => { source.close(); leave(); });
  source.addEventListener("error", () => {
    say("lost");
    if (source.readyState === EventSource.CLOSED) again();
  });
}

const clock = document.querySelector("#clock");
const words = new Intl.DateTimeFormat(chinese ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", weekday: "long" });
function tick() {
  const now = new Date();
  clock.dateTime = now.toISOString();
  clock.textContent = `${moment.format(now)} ${words.format(now)}`;
}
tick();
setInterval(tick, 1000);
listen();
