"use strict";
// Draws the document of `pagedata.py`. All text is inserted as text nodes, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const HEIGHT_OF_BAR = 15, BARS_OF_DIMENSION = 40;
const SHORTEST = 0.004; // of the scale: a shorter bar would not be visible
const state = { series: 0, window: 0, step: data.curve_values - 1, playing: 0 };

const series = () => data.series[state.series];
const windows = () => series().windows;
const shown = () => windows()[state.window];
const isStream = () => series().kind === "stream";
const colour = (dimension) => "h" + (dimension % 5);

function number(value) {
  return value === null ? "∞" : String(Number(value.toPrecision(3)));
}

// ---- SVG ----

function canvas(id) {
  const svg = element(id);
  const box = svg.getBoundingClientRect();
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  return { svg, width: box.width, height: box.height };
}

function add(parent, kind, attributes, text) {
  const child = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) child.setAttribute(name, value);
  if (text !== undefined) child.textContent = text;
  parent.append(child);
  return child;
}

function label(parent, x, y, text, anchor = "middle", kind = "") {
  return add(parent, "text", { x, y, "text-anchor": anchor, class: kind }, text);
}

function hint(parent, text) {
  add(parent, "title", {}, text);
}

function line(parent, x1, y1, x2, y2, kind) {
  return add(parent, "line", { x1, y1, x2, y2, class: kind });
}

/** Return at most `most` round values from `low` to `high`. */
function ticks(low, high, most) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10, 20].map((m) => m * power).find((s) => span / s <= most);
  const values = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) values.push(Number((k * step).toPrecision(10)));
  return values;
}

/** Return the linear map of `low` … `high` to `from` … `to`. */
function scale(low, high, from, to) {
  const factor = (to - from) / (high - low || 1);
  return (value) => from + (value - low) * factor;
}

function bottomAxis(svg, x, low, high, y, width, name) {
  line(svg, x(low), y, x(high), y, "axis");
  for (const value of ticks(low, high, Math.max(2, width / 80))) {
    line(svg, x(value), y, x(value), y + 4, "axis");
    label(svg, x(value), y + 17, number(value));
  }
  if (name) label(svg, (x(low) + x(high)) / 2, y + 33, name);
}

function leftAxis(svg, y, low, high, x, height, name) {
  line(svg, x, y(low), x, y(high), "axis");
  if (name) {
    const middle = (y(low) + y(high)) / 2;
    add(svg, "text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, name);
  }
  for (const value of ticks(low, high, Math.max(2, height / 40))) {
    line(svg, x - 4, y(value), x, y(value), "axis");
    label(svg, x - 7, y(value) + 4, number(value), "end");
  }
}

function legend(svg, x, y, dimensions, name) {
  for (let d = 0; d < dimensions; d++) label(svg, x - (dimensions - 1 - d) * 30, y, name + d, "end", "name " + colour(d));
}

// ---- one window ----

/** Return the ends of the scale: all windows of a stream share one, so that they are comparable; each request has its own. */
function ends() {
  const own = isStream() ? windows() : [shown()];
  return {
    low: own.reduce((least, w) => Math.min(least, lowest(w)), 0),
    high: own.reduce((most, w) => Math.max(most, w.end), 0),
  };
}

function lowest(window) {
  let least = 0;
  for (const bars of window.bars) for (let i = 0; i < bars.length; i += 2) least = Math.min(least, bars[i]);
  return least;
}

function unit(window) {
  return data.units[window.algorithm] || "filtration value";
}

function pairs(flat) {
  const bars = [];
  for (let i = 0; i < flat.length; i += 2) bars.push({ birth: flat[i], death: flat[i + 1] });
  return bars;
}

function interval(dimension, bar) {
  return `H${dimension} [${number(bar.birth)}, ${number(bar.death)})`;
}

function drawBarcode() {
  const { svg, width, height } = canvas("barcode");
  const window = shown(), { low, high } = ends();
  const left = 92, right = width - 26, bottom = height - 44;
  const x = scale(low, high, left, right);
  const groups = window.bars.map((flat) => {
    const all = pairs(flat);
    return all.filter((bar) => bar.death === null || bar.death - bar.birth >= SHORTEST * (high - low));
  });
  const gap = 20, room = bottom - 8 - gap * (groups.length - 1);
  const share = fairShares(groups.map((group) => Math.min(BARS_OF_DIMENSION, Math.max(1, group.length))), Math.floor(room / 5));
  const rows = share.reduce((sum, n) => sum + n, 0);
  const row = Math.min(HEIGHT_OF_BAR, room / Math.max(1, rows));
  let y = bottom - 6;
  groups.forEach((group, dimension) => {
    const kept = group.slice(0, share[dimension]).sort((a, b) => a.birth - b.birth || length(a) - length(b));
    const from = y;
    kept.forEach((bar) => {
      drawBar(svg, dimension, bar, x, y - row / 2, Math.max(1.2, Math.min(row * 0.62, 7)), right);
      y -= row;
    });
    if (!kept.length) y -= row;
    const total = window.totals[dimension], middle = (from + y) / 2;
    label(svg, left - 12, middle + (total > kept.length || !total ? -3 : 4), "H" + dimension, "end", "name " + colour(dimension));
    if (!total) label(svg, left - 12, middle + 12, "none", "end");
    else if (total > kept.length) label(svg, left - 12, middle + 12, `${kept.length} of ${total}`, "end");
    y -= gap;
  });
  drawCut(svg, window, (t) => line(svg, x(t), 4, x(t), bottom, "cut"));
  bottomAxis(svg, x, low, high, bottom, right - left, unit(window));
  describe(svg, "Barcode: " + window.totals.map((n, d) => `${n} bars in H${d}`).join(", "));
}

function length(bar) {
  return bar.death === null ? Infinity : bar.death - bar.birth;
}

/** Divide `rows` among groups: each gets as many as it needs, unless others would get less than their share. */
function fairShares(wanted, rows) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const given = [];
  let left = rows;
  order.forEach((index, done) => {
    given[index] = Math.min(wanted[index], Math.max(1, Math.floor(left / (order.length - done))));
    left -= given[index];
  });
  return given;
}

function drawBar(svg, dimension, bar, x, y, thickness, right) {
  const infinite = bar.death === null;
  const to = infinite ? right : Math.max(x(bar.death), x(bar.birth) + 1);
  const drawn = add(svg, "g", { class: "bar " + colour(dimension), "data-dimension": dimension });
  add(drawn, "rect", { x: x(bar.birth), y: y - thickness / 2, width: Math.max(1, to - x(bar.birth)), height: thickness, stroke: "none" });
  if (infinite) add(drawn, "path", { d: `M${to} ${y - 6}l12 6l-12 6z`, stroke: "none" });
  hint(drawn, interval(dimension, bar));
}

function drawCut(svg, window, draw) {
  if (window.cut !== null) hint(draw(window.cut), `the filtration is cut at T = ${number(window.cut)}`);
}

function drawDiagram() {
  const { svg, width, height } = canvas("diagram");
  const window = shown(), { low, high } = ends();
  const left = 70, bottom = height - 44, top = 30, right = width - 14;
  const x = scale(low, high, left, right), y = scale(low, high, bottom, top), sky = 12;
  line(svg, x(low), y(low), x(high), y(high), "axis");
  line(svg, left, sky, right, sky, "axis");
  label(svg, left - 7, sky + 4, "∞", "end");
  bottomAxis(svg, x, low, high, bottom, right - left, `birth (${unit(window)})`);
  leftAxis(svg, y, low, high, left, bottom - top, `death (${unit(window)})`);
  drawCut(svg, window, (t) => line(svg, left, y(t), right, y(t), "cut"));
  window.bars.forEach((flat, dimension) => {
    for (const bar of pairs(flat)) {
      const at = [x(bar.birth), bar.death === null ? sky : y(bar.death)];
      hint(mark(svg, dimension, ...at, bar.death === null ? 5.5 : 3.6), interval(dimension, bar));
    }
  });
  legend(svg, right - 6, bottom - 10, window.bars.length, "H");
  describe(svg, "Persistence diagram: death over birth; infinite bars are on the line at the top");
}

/** Draw the marker of a dimension, which does not depend on colours: a disc, a triangle, a square, a diamond. */
function mark(svg, dimension, x, y, r) {
  const kind = "dot " + colour(dimension);
  const shapes = [
    null,
    `M${x} ${y - r * 1.2}l${r * 1.15} ${r * 2}h${-r * 2.3}z`,
    `M${x - r * 0.9} ${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
    `M${x} ${y - r * 1.3}l${r * 1.3} ${r * 1.3}l${-r * 1.3} ${r * 1.3}l${-r * 1.3} ${-r * 1.3}z`,
  ];
  const shape = shapes[dimension % shapes.length];
  return shape ? add(svg, "path", { d: shape, class: kind, stroke: "none" }) : add(svg, "circle", { cx: x, cy: y, r, class: kind, stroke: "none" });
}

/** Return the rank of a window at t; its curve has evenly spaced values up to its own end. */
function rankAt(window, dimension, t) {
  const curve = window.curves[dimension];
  if (!curve || t < 0) return 0;
  return curve[Math.min(curve.length - 1, Math.round((t / window.end) * (curve.length - 1)))];
}

function chosenT() {
  return (ends().high * state.step) / (data.curve_values - 1);
}

function drawCurves() {
  const { svg, width, height } = canvas("curves");
  const window = shown(), { high } = ends();
  const left = 52, right = width - 14, bottom = height - 44, top = 14;
  const most = Math.max(1, ...window.curves.flat());
  const root = most > 20; // H0 starts at the number of points, while there are only a few loops
  const squeeze = root ? Math.sqrt : (value) => value;
  const x = scale(0, high, left, right), flatY = scale(0, squeeze(most), bottom, top), y = (value) => flatY(squeeze(value));
  bottomAxis(svg, x, 0, high, bottom, right - left, unit(window));
  line(svg, left, bottom, left, top, "axis");
  for (const value of root ? rootTicks(most) : ticks(0, most, 6).filter(Number.isInteger)) {
    line(svg, left - 4, y(value), left, y(value), "axis");
    label(svg, left - 7, y(value) + 4, number(value), "end");
  }
  window.curves.forEach((curve, dimension) => {
    const steps = curve.map((rank, k) => `${k ? "H" + x((window.end * k) / (curve.length - 1)) + "V" : "M" + x(0) + " "}${y(rank)}`);
    add(svg, "path", { d: steps.join("") + "H" + x(high), class: "trace " + colour(dimension), fill: "none" });
  });
  if (isStream()) line(svg, x(chosenT()), top, x(chosenT()), bottom, "cut");
  drawCut(svg, window, (t) => line(svg, x(t), top, x(t), bottom, "cut"));
  legend(svg, right - 6, top + 10, window.curves.length, "β");
  describe(svg, "Betti curves: number of bars of each dimension that contain the value t");
}

function rootTicks(most) {
  return [0, 1, 5, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000].filter((value) => value <= most);
}

// ---- over time ----

/** Draw a chart of all windows; the cursor is a separate line, so that moving it does not redraw the chart. */
function timeline(id, most, drawAll) {
  const { svg, width, height } = canvas(id);
  const left = 52, right = width - 14, bottom = height - 26, top = 12, count = windows().length;
  const x = scale(0, Math.max(1, count - 1), left, right), y = scale(0, most, bottom, top);
  line(svg, left, bottom, right, bottom, "axis");
  leftAxis(svg, y, 0, most, left, bottom - top);
  const labels = Math.max(2, Math.floor((right - left) / 190));
  for (let k = 0; k < Math.min(labels, count); k++) {
    const index = Math.round((k * (count - 1)) / Math.max(1, Math.min(labels, count) - 1));
    const anchor = k === 0 ? "start" : index === count - 1 ? "end" : "middle";
    line(svg, x(index), bottom, x(index), bottom + 4, "axis");
    label(svg, x(index), bottom + 18, position(windows()[index]), anchor);
  }
  drawAll(svg, x, y, right);
  const cursor = line(svg, 0, top, 0, bottom, "cursor");
  const place = () => ["x1", "x2"].forEach((end) => cursor.setAttribute(end, x(state.window)));
  svg.onpointerdown = (event) => {
    const at = (event.clientX - svg.getBoundingClientRect().left - left) / (right - left);
    go(Math.round(at * (count - 1)));
  };
  place();
  return place;
}

function moment(window) {
  return window.time.replace("T", " ").replace(/(\.000)?Z$/, "");
}

/** Return the label of a window on the axis: for count windows the number of the last point, for others the time. */
function position(window) {
  return window.last_seq === null ? moment(window) : `point ${window.last_seq}`;
}

/** Draw a line through all values, with gaps for missing ones; for requests only dots, because they are not a sequence. */
function trace(svg, values, x, y, kind, dimension) {
  const joined = isStream() && values.length > 1;
  if (joined) {
    let path = "", pen = false;
    values.forEach((value, index) => {
      if (value !== null) path += `${pen ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = value !== null;
    });
    add(svg, "path", { d: path, class: "trace " + kind, fill: "none" });
  }
  if (!joined || values.length <= 60) values.forEach((value, index) => value !== null && mark(svg, dimension, x(index), y(value), 3));
}

function drawRanks() {
  const stream = isStream(), t = chosenT();
  const dimensions = windows().reduce((most, w) => Math.max(most, w.curves.length, w.betti.length), 0);
  const lines = [];
  for (let d = 0; d < dimensions; d++) lines.push(windows().map((w) => (stream ? rankAt(w, d, t) : w.betti[d] ?? null)));
  element("overtime").textContent = stream ? "Betti curves over time" : "Betti numbers of each request";
  element("scale").hidden = !stream;
  element("at").textContent = number(t);
  const most = lines.flat().reduce((a, b) => Math.max(a, b ?? 0), 1);
  const place = timeline("ranks", most * 1.15, (svg, x, y, right) => {
    lines.forEach((values, d) => trace(svg, values, x, y, colour(d), d));
    legend(svg, right - 6, 12, dimensions, "β");
  });
  describe(element("ranks"), `Betti numbers of ${windows().length} ${stream ? "windows" : "requests"}`);
  return place;
}

function drawDistances() {
  const values = windows().map((w) => (w.distance ? w.distance.value : null));
  const first = windows().find((w) => w.distance);
  element("metric").textContent = "Distance to the previous window" + (first ? `, ${first.distance.metric}` : "");
  if (!first) {
    const { svg } = canvas("distances");
    const why = isStream()
      ? "These results have no distance: the job's config has no distance_to_previous for this stream."
      : "Requests have no previous window.";
    label(svg, 8, 28, why, "start", "empty");
    describe(svg, why);
    svg.onpointerdown = null;
    return () => {};
  }
  const most = windows().reduce((a, w) => (w.distance ? Math.max(a, w.distance.value, w.distance.threshold ?? 0) : a), 0) || 1;
  const place = timeline("distances", most * 1.1, (svg, x, y, right) => {
    const limit = first.distance.threshold;
    if (limit !== null) hint(line(svg, x(0), y(limit), right, y(limit), "limit"), `alert above ${number(limit)}`);
    trace(svg, values, x, y, "h0", 0);
    windows().forEach((w, index) => {
      if (w.distance?.alert) hint(add(svg, "circle", { cx: x(index), cy: y(w.distance.value), r: 5, class: "alarm" }), `alert: ${number(w.distance.value)}`);
    });
  });
  describe(element("distances"), `Distance to the previous window, ${windows().filter((w) => w.distance?.alert).length} alerts`);
  return place;
}

function describe(svg, text) {
  svg.setAttribute("aria-label", text);
}

// ---- texts ----

function fact(parent, name, value, kind = "") {
  const row = document.createElement("div"), quiet = document.createElement("span"), strong = document.createElement("b");
  quiet.textContent = name + " ";
  strong.textContent = value;
  strong.className = kind;
  row.append(quiet, strong);
  parent.append(row);
}

function writeFacts() {
  const window = shown(), facts = element("facts");
  facts.replaceChildren();
  fact(facts, isStream() ? "window" : "job", isStream() ? window.window : window.job);
  fact(facts, "time", moment(window));
  if (window.standing_out) fact(facts, "Betti numbers", `~${window.standing_out.join(", ")} (uncut: prominent bars)`);
  else fact(facts, "Betti numbers", window.betti.join(", "));
  fact(facts, "", `${window.algorithm.replaceAll("_", " ")}, ${window.points} points`);
  if (window.cut !== null) fact(facts, "T", number(window.cut));
  fact(facts, "computed in", `${number(window.seconds)} s`);
  if (window.distance) fact(facts, "distance", number(window.distance.value), window.distance.alert ? "alarm" : "");
  if (window.truncated) fact(facts, "", "the message contains only the longest bars");
}

function writeNotes() {
  const notes = [];
  if (data.left_out) notes.push(`The newest results are shown; ${data.left_out} older ones are omitted.`);
  if (data.series.some((s) => s.windows.some((w) => w.totals.some((n, d) => n > w.bars[d].length / 2))))
    notes.push(`This page contains at most the ${data.longest} longest bars of each dimension; Betti curves count all bars.`);
  notes.push(`Betti curves are drawn at ${data.curve_values} values. Keys: ← → previous and next window, Page Up and Page Down ten windows, Home, End, space: play.`);
  element("notes").replaceChildren(...notes.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
}

// ---- interaction ----

let placeCursors = [];

function drawWindow() {
  const slider = element("window"), count = windows().length;
  slider.value = state.window;
  slider.setAttribute("aria-valuetext", `${state.window + 1} of ${count}, ${moment(shown())}`);
  element("place").textContent = `${state.window + 1} of ${count}`;
  element("first").disabled = element("back").disabled = state.window === 0;
  element("last").disabled = element("on").disabled = state.window === count - 1;
  writeFacts();
  drawBarcode();
  drawDiagram();
  drawCurves();
  placeCursors.forEach((place) => place());
}

function drawAll() {
  placeCursors = [drawRanks(), drawDistances()];
  drawWindow();
}

function go(index) {
  state.window = Math.max(0, Math.min(windows().length - 1, index));
  drawWindow();
}

function play(start) {
  clearInterval(state.playing);
  state.playing = 0;
  element("play").textContent = start ? "Pause" : "Play";
  if (!start) return;
  if (state.window === windows().length - 1) go(0);
  state.playing = setInterval(() => {
    go(state.window + 1);
    if (state.window === windows().length - 1) play(false);
  }, 250);
}

/** Return the initial step of t: the cut, else the value at which ranks above H0 vary most between windows. */
function bestStep() {
  const last = data.curve_values - 1;
  if (windows().some((w) => w.cut !== null)) return last;
  const { high } = ends();
  const dimensions = windows().reduce((most, w) => Math.max(most, w.curves.length), 0);
  let best = [Math.round(last / 2)], most = 0;
  for (let k = 0; k <= last; k++) {
    let spread = 0;
    for (let d = 1; d < dimensions; d++) spread += variance(windows().map((w) => rankAt(w, d, (high * k) / last)));
    if (spread > most) [best, most] = [[k], spread];
    else if (spread === most && most > 0) best.push(k);
  }
  return best[Math.floor(best.length / 2)];
}

function variance(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

function choose(index) {
  play(false);
  state.series = index;
  state.window = windows().length - 1;
  state.step = bestStep();
  const name = isStream() ? series().name : "Requests";
  element("title").textContent = name;
  document.title = `${name} · tdaflink`;
  element("window").max = windows().length - 1;
  element("t").max = data.curve_values - 1;
  element("t").value = state.step;
  drawAll();
}

function setTheme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  element("theme").textContent = dark ? "Light" : "Dark";
}

function onKey(event) {
  const tag = event.target.tagName;
  const typing = tag === "SELECT" || (tag === "INPUT" && event.target.id !== "window") || event.ctrlKey || event.altKey || event.metaKey;
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  if (typing) return;
  if (event.key in steps) go(state.window + steps[event.key]);
  else if (event.key === " " && tag !== "BUTTON") play(!state.playing);
  else return;
  event.preventDefault();
}

function start() {
  data.series.forEach((entry, index) => element("series").append(new Option(`${entry.kind === "stream" ? entry.name : "requests"} (${entry.windows.length})`, index)));
  element("chooser").hidden = data.series.length < 2;
  element("series").onchange = (event) => choose(Number(event.target.value));
  element("window").oninput = (event) => go(Number(event.target.value));
  element("t").oninput = (event) => {
    state.step = Number(event.target.value);
    drawAll();
  };
  element("first").onclick = () => go(0);
  element("back").onclick = () => go(state.window - 1);
  element("on").onclick = () => go(state.window + 1);
  element("last").onclick = () => go(Infinity);
  element("play").onclick = () => play(!state.playing);
  element("theme").onclick = () => setTheme(!document.documentElement.classList.contains("dark"));
  document.addEventListener("keydown", onKey);
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  choose(0);
  new ResizeObserver(() => drawAll()).observe(document.querySelector("main"));
  writeNotes();
}

start();
