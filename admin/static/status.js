// Pictures of public figures, drawn from the tables below them.

import { chart } from "/desk/charts.js";

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
for (const figure of document.querySelectorAll("figure[data-chart]")) {
  if (dark) figure.dataset.dark = "";
  chart(figure);
}
