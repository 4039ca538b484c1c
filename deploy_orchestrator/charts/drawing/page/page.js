"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const boxes = new Map(data.boxes.map((box) => [box.id, box]));
const folded = new Set();
const unbundled = new Set();
let chosen = null;
let lit = null;
let onlyConflicts = false;
let zoom = 1;
let shown = null;

const ALIKE = 4;

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

const whose = { environment: "", tenant: "" };

// What of the graph those have whose environment and tenant are asked for.
function picked() {
  if (!whose.environment && !whose.tenant) return { roots, arrows: data.arrows, live: null };
  const ways = data.ways.filter((way) => way.deployments.some((each) => {
    const [environment, tenant] = each.split("/");
    return (!whose.environment || environment === whose.environment) && (!whose.tenant || tenant === whose.tenant);
  }));
  const on = new Set(ways.flatMap((way) => way.on)), there = new Set([...on, ...ways.flatMap((way) => way.off)]);
  const arrows = data.arrows.map((arrow, number) => ({ ...arrow, enabled: on.has(number) })).filter((_, number) => there.has(number));
  const own = [...new Set(ways.map((way) => way.root))];
  return { roots: own, arrows, live: reach(own, "tail", "head", arrows.filter((arrow) => arrow.enabled)) };
}

const isOn = (box) => current.live ? current.live.has(membersOf(box.id)[0]) : box.enabled;

const needed = new Set(data.arrows.map((arrow) => arrow.head));
const roots = data.boxes.filter((box) => box.kind === "root" || !needed.has(box.id)).map((box) => box.id);
let current = picked();

function visible() {
  let arrows = current.arrows.filter((arrow) => !folded.has(arrow.tail));
  let ids = reach(current.roots, "tail", "head", arrows);
  if (onlyConflicts) {
    const clashing = data.boxes.filter((box) => box.conflict && ids.has(box.id)).map((box) => box.id);
    const above = reach(clashing, "head", "tail", arrows);
    ids = new Set([...ids].filter((id) => above.has(id)));
  }
  arrows = arrows.filter((arrow) => ids.has(arrow.tail) && ids.has(arrow.head));
  return bundled(ids, arrows);
}

// Charts of one kind that need the same and are needed by the same are one box, unless somebody opened it.
function bundled(ids, arrows) {
  const near = new Map([...ids].map((id) => [id, []]));
  for (const arrow of arrows) {
    const how = `${arrow.enabled} ${arrow.conflict}`;
    near.get(arrow.tail).push(`> ${arrow.head} ${how}`);
    near.get(arrow.head).push(`< ${arrow.tail} ${how}`);
  }
  const alike = new Map();
  for (const [id, around] of near) {
    const box = boxes.get(id);
    const likeness = [box.kind, isOn(box), box.conflict, folded.has(id), ...around.sort()].join("|");
    if (around.length) alike.set(likeness, [...(alike.get(likeness) || []), id]);
  }
  const stands = new Map();
  for (const members of alike.values()) {
    const id = `bundle ${members[0]}`;
    if (members.length < ALIKE || unbundled.has(id)) continue;
    const first = boxes.get(members[0]);
    const names = members.map((member) => boxes.get(member).name);
    const lines = [`${members.length} charts`, `${names[0]} … ${names.at(-1)}`];
    boxes.set(id, { ...first, id, name: `${members.length} charts alike`, version: "", note: names.join(", "), lines, members });
    for (const member of members) stands.set(member, id);
  }
  const of = (id) => stands.get(id) ?? id;
  const merged = new Map();
  for (const arrow of arrows) {
    const one = { ...arrow, tail: of(arrow.tail), head: of(arrow.head) };
    const key = [one.tail, one.head, one.tail === arrow.tail && one.head === arrow.head ? one.label : "", one.enabled].join("|");
    const there = merged.get(key);
    if (there && there.label !== one.label) there.label = "";
    if (!there) merged.set(key, one);
  }
  return { ids: new Set([...ids].map(of)), arrows: [...merged.values()] };
}

const membersOf = (id) => boxes.get(id)?.members ?? [id];

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
  const classes = ["box", box.kind, box.conflict && "conflict", !isOn(box) && "off"].filter(Boolean).join(" ");
  const group = svg("g", { class: classes, "data-id": box.id, tabindex: -1, role: "button" });
  group.setAttribute("aria-label", `${box.lines.join(" ")}${box.conflict ? ", versions clash" : ""}${box.members ? ", folded" : ""}`);
  const round = box.kind === "library" ? at.height / 2 : box.kind === "missing" ? 0 : 7;
  const frame = { x: at.x, y: at.y, width: at.width, height: at.height, rx: round };
  if (box.kind === "root")
    group.append(svg("rect", { ...frame, x: at.x - 4, y: at.y - 4, width: at.width + 8, height: at.height + 8, class: "shape" }));
  group.append(svg("rect", { ...frame, class: "shape" }));
  box.lines.forEach((line, row) => {
    const y = at.y + PAD + LINE * (row + 0.78);
    group.append(svg("text", { x: at.x + at.width / 2, y, class: row ? "small" : "" }, `${line} `));
  });
  const sign = folded.has(box.id) || box.members ? "+" : box.kind === "missing" ? "?" : box.conflict ? "!" : "";
  if (sign) group.append(svg("text", { x: at.x + 9, y: at.y + at.height / 2 + 5, class: "sign", "aria-hidden": true }, sign));
  group.append(svg("title", {}, box.note || `${box.name} ${box.version}, ${box.repository}`));
  group.addEventListener("click", (event) => { event.stopPropagation(); choose(box.id); });
  group.addEventListener("dblclick", () => fold(box.id));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(box.id); }
    if (event.key === "+" || event.key === "-") fold(box.id);
    if (event.key.startsWith("Arrow")) { event.preventDefault(); step(box.id, event.key); }
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

// The nearest chart in a direction, what lies straight ahead before what lies aside.
function step(id, key) {
  const centre = (at) => ({ x: at.x + at.width / 2, y: at.y + at.height / 2 });
  const from = centre(shown.size.get(id));
  const along = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  let best = null, least = Infinity;
  for (const other of shown.ids) {
    const to = centre(shown.size.get(other));
    const ahead = (to.x - from.x) * along[0] + (to.y - from.y) * along[1];
    const aside = Math.abs((to.x - from.x) * along[1]) + Math.abs((to.y - from.y) * along[0]);
    if (other === id || ahead < 1) continue;
    if (ahead + 2 * aside < least) [best, least] = [other, ahead + 2 * aside];
  }
  if (best !== null) enter(best);
}

const elementOf = (id) => [...graph.querySelectorAll(".box")].find((element) => element.dataset.id === id);

function enter(id) {
  for (const element of graph.querySelectorAll('.box[tabindex="0"]')) element.setAttribute("tabindex", -1);
  const element = elementOf(id);
  element.setAttribute("tabindex", 0);
  element.focus();
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function scale(to) {
  zoom = Math.min(3, Math.max(0.1, to));
  graph.setAttribute("width", shown.width * zoom);
  graph.setAttribute("height", shown.height * zoom);
}

function whole() {
  const canvas = document.getElementById("canvas");
  return Math.min(canvas.clientWidth / shown.width, canvas.clientHeight / shown.height, 1);
}

function draw() {
  shown = layout();
  const { ids, arrows, size, ways, width, height } = shown;
  graph.replaceChildren();
  scale(zoom);
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
  graph.querySelector(".box")?.setAttribute("tabindex", 0);
  follow();
  find();
}

function follow() {
  graph.classList.toggle("follows", chosen !== null || lit !== null);
  const start = lit !== null ? data.clashes[lit].boxes : chosen !== null ? membersOf(chosen) : [];
  const above = reach(start, "head", "tail", current.arrows);
  const below = lit !== null ? new Set(start) : reach(start, "tail", "head", current.arrows);
  const within = (ids, id) => membersOf(id).some((member) => ids.has(member));
  for (const element of graph.querySelectorAll(".box")) {
    const id = element.dataset.id;
    element.classList.toggle("onpath", start.length > 0 && (within(above, id) || within(below, id)));
    element.classList.toggle("chosen", id === chosen);
    element.setAttribute("aria-pressed", String(id === chosen));
  }
  for (const element of graph.querySelectorAll(".arrow")) {
    const { tail, head } = element.dataset;
    const on = (ids) => within(ids, tail) && within(ids, head);
    element.classList.toggle("onpath", start.length > 0 && (on(above) || on(below)));
  }
  for (const [number, button] of document.querySelectorAll("#conflicts button").entries())
    button.setAttribute("aria-pressed", String(number === lit));
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

function clashesOf(box) {
  const section = document.createDocumentFragment();
  for (const clash of data.clashes)
    if (membersOf(box.id).some((member) => clash.boxes.includes(member))) section.append(...told(clash));
  return section;
}

function told(clash) {
  const facts = node("dl");
  for (const [name, value] of [["Harm", clash.harm], ["Fix", clash.fix || "none found"]])
    facts.append(node("dt", name), node("dd", value));
  return [node("p", clash.why), facts];
}

function describe(box) {
  const about = document.getElementById("chosen");
  const facts = node("dl");
  const kind = box.kind === "missing" ? "not found" : box.kind;
  const why = box.members ? ["Charts", box.note] : ["Why", box.note];
  const told = [["Repository", box.repository], ["Kind", kind + (box.deprecated ? ", deprecated" : "")], why];
  for (const [name, value] of told) if (value) facts.append(node("dt", name), node("dd", value));
  const foldable = box.members || current.arrows.some((arrow) => arrow.tail === box.id);
  const button = node("button", box.members ? "Show each" : folded.has(box.id) ? "Unfold what it needs" : "Fold up what only it needs");
  button.addEventListener("click", () => fold(box.id));
  const ends = (end) => (arrow) => membersOf(box.id).includes(arrow[end]);
  about.replaceChildren(node("h2", `${box.name} ${box.version}`.trim()), facts, clashesOf(box), ...(foldable ? [button] : []),
    list("Needed by", current.arrows.filter(ends("head")), "tail"),
    list("Needs", current.arrows.filter(ends("tail")), "head"));
}

function remember() {
  const box = chosen !== null && boxes.get(chosen);
  const place = new URLSearchParams();
  for (const [what, name] of Object.entries(whose)) if (name) place.set(what, name);
  if (lit !== null) place.set("conflict", data.clashes[lit].name);
  else if (box) place.set("chart", membersOf(box.id)[0]);
  if (location.protocol !== "about:") history.replaceState(null, "", `${place}` ? `#${place}` : location.pathname);
}

function choose(id) {
  const open = shown.ids.has(id) ? id : [...shown.ids].find((other) => membersOf(other).includes(id)) ?? id;
  chosen = chosen === open ? null : open;
  lit = null;
  follow();
  remember();
  if (chosen !== null) describe(boxes.get(chosen));
}

function light(number) {
  lit = lit === number ? null : number;
  chosen = null;
  follow();
  remember();
  if (lit !== null) graph.querySelector(".box.onpath.conflict")?.scrollIntoView({ block: "center", inline: "center" });
}

function fold(id) {
  if (boxes.get(id).members) unbundled.add(id);
  else if (!folded.delete(id)) folded.add(id);
  if (chosen === id && boxes.get(id).members) chosen = null;
  draw();
  if (shown.ids.has(id)) { describe(boxes.get(id)); enter(id); }
}

function find() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  let first = null;
  for (const element of graph.querySelectorAll(".box")) {
    const box = boxes.get(element.dataset.id);
    const named = (one) => `${one.name}@${one.version} ${one.repository}`.toLowerCase().includes(wanted);
    const hit = wanted !== "" && membersOf(box.id).some((member) => named(boxes.get(member)));
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
document.getElementById("unfold").addEventListener("click", () => {
  folded.clear();
  for (const id of shown.ids) if (boxes.get(id).members) unbundled.add(id);
  draw();
});
document.getElementById("canvas").addEventListener("click", () => { if (chosen !== null) choose(chosen); });
document.getElementById("canvas").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  scale(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
}, { passive: false });
document.getElementById("larger").addEventListener("click", () => scale(zoom * 1.25));
document.getElementById("smaller").addEventListener("click", () => scale(zoom / 1.25));
document.getElementById("fit").addEventListener("click", () => scale(whole()));

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const missing = data.boxes.filter((box) => box.kind === "missing").length;
document.getElementById("summary").textContent = [
  count(data.boxes.length - missing, "chart", "charts"), count(data.arrows.length, "dependency", "dependencies"),
  count(data.clashes.length, "conflict", "conflicts"), ...(missing ? [`${missing} not found`] : []),
].join(" · ");
document.getElementById("conflicting").hidden = !data.clashes.length;
if (data.clashes.length) {
  const section = document.getElementById("conflicts");
  section.append(node("h2", count(data.clashes.length, "conflict", "conflicts")));
  data.clashes.forEach((clash, number) => {
    const article = node("article");
    const button = node("button", `Show the way of ${clash.name}`);
    button.addEventListener("click", () => light(number));
    article.append(...told(clash), button);
    section.append(article);
  });
}

// Draws what those have who are asked for; what is chosen and not theirs is chosen no longer.
function show(wanted) {
  Object.assign(whose, wanted);
  current = picked();
  for (const what of Object.keys(whose)) document.getElementById(what).value = whose[what];
  draw();
  if (chosen !== null && !shown.ids.has(chosen)) { chosen = null; follow(); }
}

const names = (part) => [...new Set(data.ways.flatMap((way) => way.deployments.map((each) => each.split("/")[part])))];
document.getElementById("whose").hidden = !data.ways.length;
for (const [part, what] of ["environment", "tenant"].entries()) {
  const select = document.getElementById(what);
  const all = node("option", "all");
  all.value = "";
  select.append(all, ...names(part).map((name) => node("option", name)));
  select.addEventListener("change", () => { show({ [what]: select.value }); remember(); });
}

function followLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const known = (what, part) => names(part).includes(link.get(what)) ? link.get(what) : "";
  const wanted = { environment: known("environment", 0), tenant: known("tenant", 1) };
  if (wanted.environment !== whose.environment || wanted.tenant !== whose.tenant) show(wanted);
  const chart = link.get("chart");
  if (boxes.has(chart) && chosen !== chart) choose(chart);
  const number = data.clashes.findIndex((clash) => clash.name === link.get("conflict"));
  if (number >= 0 && lit !== number) light(number);
}

draw();
scale(Math.max(0.5, whole()));
graph.querySelector(".box.root")?.scrollIntoView({ block: "center" });
followLink();
addEventListener("hashchange", followLink);
