"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const boxes = new Map(data.boxes.map((box) => [box.id, box]));
const folded = new Set();
let chosen = null;
let onlyConflicts = false;

const LINE = 16, PAD = 7, COLUMN_GAP = 130, ROW_GAP = 12, MARGIN = 28;
const graph = document.getElementById("graph");
const measure = document.createElement("canvas").getContext("2d");

function svg(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function node(name, text) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  return element;
}

function reach(start, from, to, arrows) {
  const seen = new Set(start);
  const waiting = [...start];
  while (waiting.length) {
    const id = waiting.pop();
    for (const arrow of arrows)
      if (arrow[from] === id && !seen.has(arrow[to])) {
        seen.add(arrow[to]);
        waiting.push(arrow[to]);
      }
  }
  return seen;
}

const needed = new Set(data.arrows.map((arrow) => arrow.head));
const roots = data.boxes.filter((box) => box.kind === "root" || !needed.has(box.id)).map((box) => box.id);

function visible() {
  let arrows = data.arrows.filter((arrow) => !folded.has(arrow.tail));
  let ids = reach(roots, "tail", "head", arrows);
  if (onlyConflicts) {
    const clashing = data.boxes.filter((box) => box.conflict && ids.has(box.id)).map((box) => box.id);
    const above = reach(clashing, "head", "tail", arrows);
    ids = new Set([...ids].filter((id) => above.has(id)));
  }
  arrows = arrows.filter((arrow) => ids.has(arrow.tail) && ids.has(arrow.head));
  return { ids, arrows };
}

// Charts in columns, each left of what it needs; an arrow over several columns gets a free lane in those between.
function columns(ids, arrows) {
  const depth = new Map([...ids].map((id) => [id, 0]));
  for (let round = 0, moved = true; moved && round <= ids.size; round++) {
    moved = false;
    for (const arrow of arrows)
      if (depth.get(arrow.head) <= depth.get(arrow.tail)) {
        depth.set(arrow.head, depth.get(arrow.tail) + 1);
        moved = true;
      }
  }
  const found = [];
  for (const id of ids) (found[depth.get(id)] ||= []).push(id);
  const chains = arrows.map((arrow, number) => {
    const chain = [arrow.tail];
    for (let column = depth.get(arrow.tail) + 1; column < depth.get(arrow.head); column++) {
      chain.push(`lane ${number} ${column}`);
      found[column].push(chain.at(-1));
    }
    return [...chain, arrow.head];
  });
  return { found, chains };
}

function sizeOf(id) {
  if (!boxes.has(id)) return { width: 0, height: 4 };
  const lines = boxes.get(id).lines;
  const width = Math.max(...lines.map((line) => measure.measureText(line).width)) + 2 * PAD + 30;
  return { width, height: lines.length * LINE + 2 * PAD };
}

function middle(id, place, neighbours) {
  const near = neighbours.get(id) || [];
  if (!near.length) return place.get(id) ?? 0;
  return near.reduce((sum, other) => sum + (place.get(other) ?? 0), 0) / near.length;
}

function layout() {
  const { ids, arrows } = visible();
  const above = new Map(), below = new Map(), place = new Map();
  const { found, chains } = columns(ids, arrows);
  for (const chain of chains)
    for (let link = 1; link < chain.length; link++) {
      above.set(chain[link], [...(above.get(chain[link]) || []), chain[link - 1]]);
      below.set(chain[link - 1], [...(below.get(chain[link - 1]) || []), chain[link]]);
    }
  const spread = (column) => column.forEach((id, row) => place.set(id, (row + 0.5) / column.length));
  found.forEach(spread);
  for (let round = 0; round < 8; round++) {
    const near = round % 2 ? above : below;
    for (const column of round % 2 ? found : [...found].reverse()) {
      const key = new Map(column.map((id) => [id, middle(id, place, near)]));
      column.sort((a, b) => key.get(a) - key.get(b));
      spread(column);
    }
  }
  measure.font = "13px system-ui, sans-serif";
  const size = new Map(found.flat().map((id) => [id, sizeOf(id)]));
  const heights = found.map((column) => column.reduce((sum, id) => sum + size.get(id).height + ROW_GAP, -ROW_GAP));
  const height = Math.max(...heights, 0);
  let x = MARGIN;
  found.forEach((column, index) => {
    const width = Math.max(...column.map((id) => size.get(id).width));
    let y = MARGIN + (height - heights[index]) / 2;
    for (const id of column) {
      const own = size.get(id);
      Object.assign(own, { x: x + (width - own.width) / 2, y });
      y += own.height + ROW_GAP;
    }
    x += width + COLUMN_GAP;
  });
  const ways = chains.map((chain) => chain.map((id) => size.get(id)));
  return { ids, arrows, size, ways, width: x - COLUMN_GAP + MARGIN, height: height + 2 * MARGIN };
}

function drawBox(box, at) {
  const classes = ["box", box.kind, box.conflict && "conflict", !box.enabled && "off"].filter(Boolean).join(" ");
  const group = svg("g", { class: classes, "data-id": box.id, tabindex: 0, role: "button" });
  group.setAttribute("aria-label", `${box.name} ${box.version}${box.conflict ? ", versions clash" : ""}`);
  const round = box.kind === "library" ? at.height / 2 : box.kind === "missing" ? 0 : 7;
  const frame = { x: at.x, y: at.y, width: at.width, height: at.height, rx: round };
  if (box.kind === "root")
    group.append(svg("rect", { ...frame, x: at.x - 4, y: at.y - 4, width: at.width + 8, height: at.height + 8, class: "shape" }));
  group.append(svg("rect", { ...frame, class: "shape" }));
  box.lines.forEach((line, row) => {
    const y = at.y + PAD + LINE * (row + 0.78);
    group.append(svg("text", { x: at.x + at.width / 2, y, class: row ? "small" : "" }, line));
  });
  const sign = folded.has(box.id) ? "+" : box.kind === "missing" ? "?" : box.conflict ? "!" : "";
  if (sign) group.append(svg("text", { x: at.x + 9, y: at.y + at.height / 2 + 5, class: "sign" }, sign));
  group.append(svg("title", {}, box.note || `${box.name} ${box.version}, ${box.repository}`));
  group.addEventListener("click", (event) => { event.stopPropagation(); choose(box.id); });
  group.addEventListener("dblclick", () => fold(box.id));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(box.id); }
    if (event.key === "+" || event.key === "-") fold(box.id);
  });
  return group;
}

function drawArrow(arrow, way, fansOut) {
  const kind = boxes.get(arrow.head).kind === "missing" && "missing";
  const classes = ["arrow", arrow.conflict && "conflict", !arrow.enabled && "off", kind].filter(Boolean).join(" ");
  const group = svg("g", { class: classes, "data-tail": arrow.tail, "data-head": arrow.head });
  const from = way[0], to = way.at(-1);
  const y = (at) => at.y + at.height / 2;
  let right = from.x + from.width;
  let d = `M${right},${y(from)}`;
  for (let link = 1; link < way.length; link++) {
    const left = way[link].x - (way[link] === to ? 4 : 0), bend = (left - right) / 2;
    d += ` C${right + bend},${y(way[link - 1])} ${left - bend},${y(way[link])} ${left},${y(way[link])}`;
    right = way[link].x + way[link].width;
  }
  group.append(svg("path", { d, "marker-end": "url(#head)" }));
  const label = arrow.enabled ? arrow.label : `${arrow.label} (off)`.trim();
  const at = fansOut ? { x: to.x - 14, y: y(to) - 4, "text-anchor": "end" } : { x: from.x + from.width + 8, y: y(from) - 4 };
  if (label) group.append(svg("text", at, label));
  const condition = arrow.condition ? `, if ${arrow.condition}` : "";
  group.append(svg("title", {}, `${arrow.constraint || "any version"}${condition}`));
  return group;
}

function draw() {
  const { ids, arrows, size, ways, width, height } = layout();
  graph.replaceChildren();
  graph.setAttribute("width", width);
  graph.setAttribute("height", height);
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const marker = svg("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" });
  marker.append(svg("path", { d: "M0,0 L8,4 L0,8 z" }));
  graph.append(svg("defs"));
  graph.firstChild.append(marker);
  arrows.forEach((arrow, number) => {
    const fan = (end) => arrows.filter((other) => other[end] === arrow[end]).length;
    graph.append(drawArrow(arrow, ways[number], fan("tail") > fan("head")));
  });
  for (const id of ids) graph.append(drawBox(boxes.get(id), size.get(id)));
  follow();
  find();
}

function follow() {
  graph.classList.toggle("follows", chosen !== null);
  if (chosen === null) return;
  const above = reach([chosen], "head", "tail", data.arrows);
  const below = reach([chosen], "tail", "head", data.arrows);
  for (const element of graph.querySelectorAll(".box")) {
    const id = element.dataset.id;
    element.classList.toggle("onpath", above.has(id) || below.has(id));
    element.classList.toggle("chosen", id === chosen);
  }
  for (const element of graph.querySelectorAll(".arrow")) {
    const { tail, head } = element.dataset;
    element.classList.toggle("onpath", (above.has(tail) && above.has(head)) || (below.has(tail) && below.has(head)));
  }
}

function list(title, arrows, end) {
  const section = document.createDocumentFragment();
  if (!arrows.length) return section;
  section.append(node("h2", title));
  for (const arrow of arrows) {
    const box = boxes.get(arrow[end]);
    const off = arrow.enabled ? "" : ", switched off";
    const button = node("button", `${box.name} ${box.version}: ${arrow.constraint || "any version"}${off}`);
    button.addEventListener("click", () => choose(box.id));
    section.append(button);
  }
  return section;
}

function describe(box) {
  const about = document.getElementById("chosen");
  const facts = node("dl");
  const kind = box.kind === "missing" ? "not found" : box.kind;
  const told = [["Repository", box.repository], ["Kind", kind + (box.deprecated ? ", deprecated" : "")], ["Why", box.note]];
  for (const [name, value] of told) if (value) facts.append(node("dt", name), node("dd", value));
  const foldable = data.arrows.some((arrow) => arrow.tail === box.id);
  const button = node("button", folded.has(box.id) ? "Unfold what it needs" : "Fold up what only it needs");
  button.addEventListener("click", () => fold(box.id));
  about.replaceChildren(node("h2", `${box.name} ${box.version}`), facts, ...(foldable ? [button] : []),
    list("Needed by", data.arrows.filter((arrow) => arrow.head === box.id), "tail"),
    list("Needs", data.arrows.filter((arrow) => arrow.tail === box.id), "head"));
}

function choose(id) {
  chosen = chosen === id ? null : id;
  for (const element of graph.querySelectorAll(".chosen, .onpath")) element.classList.remove("chosen", "onpath");
  follow();
  if (chosen !== null) describe(boxes.get(chosen));
}

function fold(id) {
  if (!folded.delete(id)) folded.add(id);
  draw();
  describe(boxes.get(id));
}

function find() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  let first = null;
  for (const element of graph.querySelectorAll(".box")) {
    const box = boxes.get(element.dataset.id);
    const hit = wanted !== "" && `${box.name}@${box.version} ${box.repository}`.toLowerCase().includes(wanted);
    element.classList.toggle("found", hit);
    if (hit) first ||= element;
  }
  return first;
}

document.getElementById("search").addEventListener("input", () => {
  const first = find();
  if (first) first.scrollIntoView({ block: "center", inline: "center" });
});
document.getElementById("conflicting").addEventListener("click", (event) => {
  onlyConflicts = !onlyConflicts;
  event.currentTarget.setAttribute("aria-pressed", String(onlyConflicts));
  draw();
});
document.getElementById("unfold").addEventListener("click", () => { folded.clear(); draw(); });
document.getElementById("canvas").addEventListener("click", () => { if (chosen !== null) choose(chosen); });

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const missing = data.boxes.filter((box) => box.kind === "missing").length;
document.getElementById("summary").textContent = [
  count(data.boxes.length - missing, "chart", "charts"), count(data.arrows.length, "dependency", "dependencies"),
  count(data.explanations.length, "conflict", "conflicts"), ...(missing ? [`${missing} not found`] : []),
].join(" · ");
document.getElementById("conflicting").hidden = !data.explanations.length;
if (data.explanations.length) {
  const section = document.getElementById("conflicts");
  section.append(node("h2", count(data.explanations.length, "conflict", "conflicts")));
  for (const explanation of data.explanations) section.append(node("p", explanation));
}
draw();
graph.querySelector(".box.root")?.scrollIntoView({ block: "center" });
