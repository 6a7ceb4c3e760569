// The page works without this, but for its plots: it draws them, shows one sweep at a time, sorts
// tables and opens what a link leads to.
"use strict";

function tell(problem) {
  const place = document.getElementById("errors");
  place.hidden = false;
  place.append("Something on this page went wrong: " + problem + " ");
}
window.addEventListener("error", (event) => tell(event.message));
window.addEventListener("unhandledrejection", (event) => tell(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => tell("refused " + event.blockedURI));

const kPrintWidth = 340; // pixels of a plot on paper, two in a row
const kLegendRow = 24;

const data = JSON.parse(document.getElementById("data").textContent);
const config = {
  plotlyServerURL: "", displaylogo: false, responsive: true, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};
let printing = false;

// Plots read a little HTML in their texts.
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function colours() {
  if (printing) return { ink: "#000000", soft: "#444444", grid: "#cccccc", paper: "#ffffff" };
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  return { ink: colour("--ink"), soft: colour("--soft"), grid: colour("--grid"), paper: colour("--paper") };
}

// Points say what their run is; lines beside points only join them.
function traces(plot, colour) {
  const has_points = plot.data.some((trace) => trace.mode === "markers" && trace.customdata.some((id) => id));
  return plot.data.map((trace) => {
    const drawn = structuredClone(trace);
    for (const part of [drawn.line, drawn.marker, drawn.error_y])
      if (part && part.color === "ink") part.color = colour.soft;
    if (drawn.hoverinfo === "skip") return drawn;
    if (drawn.mode === "lines" && has_points) drawn.hoverinfo = "skip";
    else if (has_points) {
      drawn.text = drawn.customdata?.map((id) => (data.rows[id] || []).map(plain).join("<br>"));
      drawn.hovertemplate = "%{text}<extra></extra>";
    } else drawn.hovertemplate = "%{y:.4~g} at %{x:.4~g}<extra>" + drawn.name + "</extra>";
    return drawn;
  });
}

// The legend is below the plot, which keeps its height whatever the legend takes.
function legend_rows(plot, width) {
  const names = plot.data.filter((trace) => trace.showlegend).map((trace) => trace.name);
  const widest = Math.max(0, ...names.map((name) => 46 + 6.2 * name.length));
  return Math.ceil(names.length / Math.max(1, Math.floor((width - 60) / widest)));
}

function layout(plot, colour, width) {
  const below = 56 + kLegendRow * legend_rows(plot, width);
  const axis = (given) => ({
    ...given, gridcolor: colour.grid, linecolor: colour.soft, tickcolor: colour.soft, showline: true, ticks: "outside",
  });
  return {
    xaxis: axis(plot.layout.xaxis), yaxis: axis(plot.layout.yaxis),
    font: { family: "system-ui, sans-serif", size: 12, color: colour.ink },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 60, r: 12, t: 28, b: below }, height: 340 + below, width: printing ? width : undefined, hovermode: "closest",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour.soft, activecolor: colour.ink },
    hoverlabel: { align: "left", bgcolor: colour.paper, bordercolor: colour.soft, font: { color: colour.ink } },
    legend: {
      orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom", font: { size: 11 },
    },
  };
}

function draw(place) {
  const plot = data.plots[place.id];
  const colour = colours();
  const fresh = !place.classList.contains("js-plotly-plot");
  const width = printing ? kPrintWidth : place.clientWidth;
  Plotly.react(place, traces(plot, colour), layout(plot, colour, width), config);
  if (fresh)
    place.on("plotly_click", (event) => {
      const id = event.points[0].customdata;
      if (id) location.hash = id;
    });
}

function draw_shown() {
  for (const place of document.querySelectorAll(".plot"))
    if (!place.closest("[hidden]")) draw(place);
}

function show(view) {
  for (const element of document.querySelectorAll("[data-views]"))
    element.hidden = !element.dataset.views.split(" ").includes(String(view));
  for (const button of document.querySelectorAll("button[data-show]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.show) === view));
  draw_shown();
}

// A link may lead to a run that is hidden now, or to what is folded.
function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const hidden = target.closest("[data-views][hidden]");
  if (hidden) show(Number(hidden.dataset.views.split(" ").pop()));
  for (let element = target; element; element = element.parentElement)
    if (element.tagName === "DETAILS") element.open = true;
  const own = target.querySelector(".config details");
  if (own) own.open = true;
  target.scrollIntoView({ block: "center" });
}

const key = (body, column) => {
  const text = body.rows[0].cells[column].textContent.trim();
  const number = parseFloat(text);
  if (Number.isNaN(number)) return text;
  const unit = /^[-\d.e+]+ ([kMGTPEZ])FLOP/.exec(text);
  return unit ? number * 1000 ** (1 + "kMGTPEZ".indexOf(unit[1])) : number;
};

function sort(heading) {
  const table = heading.closest("table");
  const up = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  const bodies = [...table.tBodies];
  bodies.sort((a, b) => compare(key(a, heading.cellIndex), key(b, heading.cellIndex)) * (up ? 1 : -1));
  table.append(...bodies);
}

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-show]");
  if (chosen) show(Number(chosen.dataset.show));
  const heading = event.target.closest(".sortable th");
  if (heading) sort(heading);
  // A link that leads where the page already is changes nothing that "hashchange" would tell.
  const link = event.target.closest("a[href^='#']");
  if (link && link.hash === location.hash) follow();
});
window.addEventListener("hashchange", follow);
for (const [event, begins] of [["beforeprint", true], ["afterprint", false]])
  window.addEventListener(event, () => {
    printing = begins;
    draw_shown();
  });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw_shown);

show(0);
if (location.hash) follow();
