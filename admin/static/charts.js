// One chart: its series are the columns of the table inside the figure, its categories the first column.
// figure[data-chart] is line, bar, rank (bars that lie, the greatest on top), stack or pie; [data-dark] stands on dark.

let loading;
function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/desk/vendor/echarts/echarts.common.min.js";
    script.onload = () => resolve(window.echarts);
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
}

const LIGHT = { ink: "#1d2733", soft: "#4b5763", line: "#d5dbe1", paper: "#ffffff",
  series: ["#1f6fb2", "#c25700", "#2c7a3f", "#7b3fa0", "#a4262c", "#5c6670"] };
const DARK = { ink: "#e8f1fa", soft: "#9db4c9", line: "#27405a", paper: "#0d2136",
  series: ["#4fb3ff", "#ffb454", "#5fd68b", "#c79bff", "#ff8a80", "#b0bec5"] };

const chinese = document.documentElement.lang.startsWith("zh");

const thousands = (value) => value === null || value === undefined || Number.isNaN(value) ? "—"
  : Number(value).toLocaleString("en-US", { maximumFractionDigits: 2 });

// On axes: 12 万 or 120K, as people of the language say great numbers.
function short(value) {
  const size = Math.abs(value);
  const steps = chinese ? [[1e8, " 亿"], [1e4, " 万"]] : [[1e9, "B"], [1e6, "M"], [1e3, "K"]];
  for (const [step, word] of steps) if (size >= step) return thousands(value / step) + word;
  return thousands(value);
}

function numeric(text) {
  const plain = text.replaceAll(",", "").replace("%", "").trim();
  return plain === "" || plain === "—" ? null : Number(plain);
}

// Columns whose head says data-aside are to be read only; table[data-first] draws so many rows; a cell may say its
// number apart from how it is written (data-value).
function readTable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const drawn = heads.map((_, at) => at).filter((at) => at > 0 && !("aside" in heads[at].dataset));
  const rows = [...table.tBodies[0].rows].slice(0, Number(table.dataset.first ?? Infinity)).map((row) => [...row.cells]);
  return {
    names: drawn.map((at) => heads[at].textContent.trim()),
    categories: rows.map((cells) => cells[0].textContent.trim()),
    columns: drawn.map((at) => rows.map((cells) => numeric(cells[at].dataset.value ?? cells[at].textContent))),
  };
}

function optionOf(kind, { names, categories, columns }, { dark, large }) {
  const look = dark ? DARK : LIGHT;
  const text = { color: look.ink, fontFamily: "inherit", fontSize: large ? 16 : 12 };
  const shared = {
    animation: false, backgroundColor: "transparent", textStyle: text, color: look.series,
    tooltip: {
      renderMode: "richText", trigger: kind === "pie" ? "item" : "axis", confine: true, valueFormatter: thousands,
      backgroundColor: look.paper, borderColor: look.line, textStyle: { color: look.ink, fontSize: text.fontSize },
    },
    legend: names.length > 1 || kind === "pie" ? { type: "scroll", top: 0, itemGap: large ? 32 : 16, textStyle: text, pageTextStyle: text } : undefined,
  };
  if (kind === "pie") {
    return {
      ...shared,
      series: [{
        type: "pie", radius: ["42%", "68%"], center: ["50%", "56%"], label: { color: look.ink, formatter: "{d}%" },
        data: categories.map((name, at) => ({ name, value: columns[0]?.[at] })),
      }],
    };
  }
  const lying = kind === "rank", step = Math.max(1, Math.ceil(categories.length / 12));
  const lines = { axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false } };
  const named = {
    type: "category", data: categories, inverse: lying, ...lines,
    axisLabel: { color: look.soft, fontSize: text.fontSize, ...(lying ? { width: 130, overflow: "truncate" } : { hideOverlap: true, interval: step - 1 }) },
  };
  const counted = {
    type: "value", minInterval: 1, splitLine: { lineStyle: { color: look.line } },
    axisLabel: { color: look.soft, fontSize: text.fontSize, formatter: short, hideOverlap: true },
  };
  return {
    ...shared, grid: { left: 8, right: lying ? 72 : 20, top: names.length > 1 ? 40 : 16, bottom: 8, containLabel: true },
    xAxis: lying ? counted : named, yAxis: lying ? named : counted,
    series: names.map((name, at) => ({
      name, type: kind === "line" ? "line" : "bar", stack: kind === "stack" ? "all" : undefined, barMaxWidth: 28,
      showSymbol: categories.length < 40, connectNulls: false, data: columns[at],
      areaStyle: kind === "line" && at === 0 ? { opacity: 0.12 } : undefined,
      label: lying ? { show: true, position: "right", color: look.ink, fontSize: text.fontSize, formatter: ({ value }) => thousands(value) } : undefined,
    })),
  };
}

// Draws, or draws again, into an element; it follows the element's size. look: { dark, large }.
export async function draw(plot, kind, data, look = {}) {
  const echarts = await library();
  plot.hidden = false;
  const known = echarts.getInstanceByDom(plot);
  const drawn = known ?? echarts.init(plot, null, { renderer: "svg" });
  drawn.setOption(optionOf(kind, data, look), true);
  if (!known) new ResizeObserver(() => drawn.resize()).observe(plot);
}

export async function chart(figure) {
  const table = figure.querySelector("table"), plot = figure.querySelector(".plot");
  if (!table?.tBodies[0]?.rows.length || !plot) return;
  await draw(plot, figure.dataset.chart, readTable(table), { dark: "dark" in figure.dataset });
}
