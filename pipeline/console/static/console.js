// The one script of the console. Pages are whole without it; it keeps them live. Texts
// come ready from the server and go in by textContent alone: nothing of an event is
// ever markup here.

const all = (selector) => document.querySelectorAll(selector);
const byID = (id) => document.getElementById(id);
const say = (text) => { const at = byID("link"); if (at) at.textContent = text; };

// ---- what changes once a second ----

function apply({ text, state }) {
  for (const at of all("[data-live]")) {
    const now = text[at.dataset.live];
    if (now !== undefined && at.textContent !== now) at.textContent = now;
  }
  for (const at of all("[data-state-of]")) {
    const now = state[at.dataset.stateOf];
    if (now !== undefined) at.dataset.state = now;
  }
}

if (document.querySelector("nav")) {
  const source = new EventSource("/live");
  source.addEventListener("live", (e) => { apply(JSON.parse(e.data)); say("live"); });
  source.addEventListener("error", () => say("the connection is lost; trying again"));
  addEventListener("pagehide", () => source.close());
}

// ---- charts ----

const colour = (name) => {
  const probe = document.createElement("span"); // light-dark() is known to properties only
  probe.className = "chart-" + name;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function chart(at, pick) {
  const size = () => ({ width: at.clientWidth - 22, height: 200 });
  const two = (n) => String(n).padStart(2, "0");
  const clock = (s) => { const t = new Date(s * 1000); return two(t.getUTCHours()) + ":" + two(t.getUTCMinutes()) + ":" + two(t.getUTCSeconds()); };
  const axis = { stroke: colour("ink"), font: "12px " + getComputedStyle(document.body).fontFamily, grid: { stroke: colour("rule"), width: 1 }, ticks: { stroke: colour("rule"), width: 1 } };
  const series = pick.map(({ label, ink }) => ({ label, stroke: colour(ink), width: 2, points: { show: false },
    value: (_, n) => n === null ? "–" : Math.round(n).toLocaleString("en").replaceAll(",", "\u202f") }));
  const plot = new uPlot({ ...size(), series: [{ label: "UTC", value: (_, s) => s === null ? "–" : clock(s) }, ...series],
    axes: [{ ...axis, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300], space: 90, values: (_, at) => at.map(clock) }, { ...axis, size: 72, values: (_, at) => at.map((n) => n.toLocaleString("en").replaceAll(",", "\u202f")) }],
    scales: { x: { range: (_, low, high) => high === null ? [0, 60] : [Math.min(low, high - 60), high] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } }, cursor: { drag: { x: false, y: false } } }, [[], ...pick.map(() => [])], at);
  addEventListener("resize", () => plot.setSize(size()));
  const load = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("/history.json");
      if (!answer.ok) return;
      const data = await answer.json();
      if (data.at) plot.setData([data.at, ...pick.map(({ key }) => data[key])]);
    } catch { /* the live texts say that the connection is lost */ }
  };
  load();
  setInterval(load, 2000);
}

if (typeof uPlot !== "undefined") {
  if (byID("rates")) chart(byID("rates"), [{ key: "in", label: "read a second", ink: "ok" }, { key: "out", label: "sent a second, all outputs", ink: "warn" }]);
  if (byID("waiting")) chart(byID("waiting"), [{ key: "waiting", label: "records that wait", ink: "warn" }]);
}

// ---- the stream of events ----

const mostRows = 500;

function cell(row, text, name) {
  const at = row.insertCell();
  if (name) at.className = name;
  at.textContent = text;
  return at;
}

function makeRow(e) {
  const row = document.createElement("tr");
  row.className = e.Alert ? "alert fresh" : "fresh";
  cell(row, e.Time, "time");
  cell(row, e.Severity, "sev").dataset.sev = e.Severity;
  cell(row, e.Container, "where");
  cell(row, e.Alert ? e.Rule : e.Action, "what");
  const link = document.createElement("a");
  link.href = "/events/" + encodeURIComponent(e.ID);
  link.textContent = e.Text;
  cell(row, "", "text").append(link);
  return row;
}

function follow(at) {
  const body = at.querySelector("tbody"), button = byID("pause"), told = byID("flow");
  const address = "/events/stream?filter=" + encodeURIComponent(at.dataset.filter);
  let source = null, held = [], paused = false, over = 0;
  const tell = () => {
    const parts = [];
    if (paused) parts.push(held.length === mostRows ? "paused; " + mostRows + " events or more wait" : "paused; " + held.length + (held.length === 1 ? " event waits" : " events wait"));
    if (over) parts.push(over + (over === 1 ? " event was" : " events were") + " not shown: more came than can be read");
    told.textContent = parts.join("; ");
  };
  const put = (e) => {
    body.prepend(makeRow(e));
    while (body.rows.length > mostRows) body.deleteRow(-1);
  };
  const pause = () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    button.firstChild.textContent = paused ? "Go on " : "Pause ";
    if (!paused) { held.forEach(put); held = []; }
    tell();
  };
  source = new EventSource(address);
  source.addEventListener("row", (message) => {
    const e = JSON.parse(message.data);
    if (e.Over) { over += e.Over; tell(); }
    if (!paused) return put(e);
    held.push(e);
    if (held.length > mostRows) held.shift();
    tell();
  });
  addEventListener("pagehide", () => source.close());
  button.hidden = false;
  button.addEventListener("click", pause);
  return pause;
}

const pause = byID("stream") && !document.querySelector(".problem:not(:empty)") ? follow(byID("stream")) : null;

// ---- keys ----

const showKeys = () => byID("keys").showModal();
byID("show-keys").hidden = !document.querySelector("nav");
byID("show-keys").addEventListener("click", showKeys);

// step goes to the next link of the page's lists, or to the one before.
function step(by) {
  const links = [...all("main tbody a, main .ids a")];
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
}

const pages = { 1: "/", 2: "/events", 3: "/rules", 4: "/containers", 5: "/books", 6: "/playground" };
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) {
    if (e.key === "Escape") e.target.blur();
    return;
  }
  if (byID("keys").open) return; // the dialog closes itself
  if (e.key === "?") showKeys();
  if (e.key === "j" || e.key === "k") step(e.key === "j" ? 1 : -1);
  if (e.key === "/" && byID("filter")) { e.preventDefault(); byID("filter").focus(); }
  if (e.key === "p" && pause) pause();
  if (pages[e.key] && document.querySelector("nav")) location.href = pages[e.key];
});
