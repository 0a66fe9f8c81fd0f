// New cohort: rules become JSON, JSON becomes English and counts, and what is right can be frozen.
"use strict";

const box = document.querySelector("#build");
const area = document.querySelector("#criteria");
const wrong = document.querySelector("#wrong");
const preview = document.querySelector("#preview");
const rule = document.querySelector("#rule");
const freeze = document.querySelector("#freeze");
const field = document.querySelector("#field");
const op = document.querySelector("#op");
const value = document.querySelector("#value");
const hint = document.querySelector("#hint");
const thousand = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");
let turn = 0;
let wait;

function complain(text) {
  wrong.textContent = text;
  wrong.hidden = !text;
  area.setAttribute("aria-invalid", String(Boolean(text)));
}

function read() {
  const criteria = JSON.parse(area.value);
  if (typeof criteria !== "object" || criteria === null || Array.isArray(criteria)) throw new SyntaxError("Criteria are a JSON object.");
  return criteria;
}

async function post(path, body) {
  const answer = await fetch(box.dataset.api + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`${said.detail} ${said.instruction}`);
  return said;
}

async function ask() {
  const mine = ++turn;
  let criteria;
  try {
    criteria = read();
  } catch (error) {
    complain(`No JSON yet: ${error.message}`);
    preview.classList.add("stale");
    return;
  }
  preview.setAttribute("aria-busy", "true");
  try {
    const said = await post("/preview", { criteria });
    if (mine !== turn) return;
    complain("");
    show(said);
    const url = new URL(location.href);
    url.search = new URLSearchParams({ criteria: JSON.stringify(criteria) });
    if (url.href.length < 6000) history.replaceState(null, "", url);
  } catch (error) {
    if (mine !== turn) return;
    complain(error.message);
    preview.classList.add("stale");
  }
  if (mine === turn) preview.setAttribute("aria-busy", "false");
}

function show(said) {
  preview.classList.remove("stale");
  document.querySelector("#english").textContent = said.english;
  const totals = document.querySelector("#totals");
  totals.replaceChildren();
  for (const [n, what] of [[said.series_count, " series · "], [said.study_count, " studies · "], [said.patient_count, " patients"]]) {
    const bold = document.createElement("b");
    bold.textContent = thousand(n);
    totals.append(bold, what);
  }
  const table = document.createElement("table");
  table.className = "stack attrition";
  const head = table.createTHead().insertRow();
  for (const [text, kind] of [["Rule", ""], ["Series left", "num"], ["Patients left", "num"], ["Share", "wide-only"], ["", ""]]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = kind;
    cell.textContent = text;
    head.append(cell);
  }
  const body = table.createTBody();
  said.attrition.forEach((step, n) => {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = step.rule_text;
    row.append(name);
    const left = row.insertCell();
    left.className = "num";
    left.dataset.label = "Series left";
    left.textContent = thousand(step.series_count);
    if (n) {
      const less = document.createElement("small");
      less.textContent = `${thousand(said.attrition[n - 1].series_count - step.series_count)} less`;
      left.append(less);
    }
    const patients = row.insertCell();
    patients.className = "num";
    patients.dataset.label = "Patients left";
    patients.textContent = thousand(step.patient_count);
    const share = row.insertCell();
    share.className = "wide-only";
    const bar = document.createElement("progress");
    bar.className = "share";
    bar.max = said.attrition[0].series_count || 1;
    bar.value = step.series_count;
    share.append(bar);
    const last = row.insertCell();
    if (n && parts(read())?.length === said.attrition.length - 1) {
      const drop = document.createElement("button");
      drop.type = "button";
      drop.className = "button";
      drop.textContent = "Remove";
      drop.setAttribute("aria-label", `Remove rule: ${step.rule_text}`);
      drop.addEventListener("click", () => change((list) => list.splice(n - 1, 1)));
      last.append(drop);
    }
  });
  document.querySelector("#steps").replaceChildren(table);
}

// One comparison a line: only line breaks are taken out, and no string of JSON holds one.
function readable(criteria) {
  let text = JSON.stringify(criteria, null, 1);
  for (let n = 0; n < 2; n++) {
    text = text.replace(/[[{][^[\]{}]*[\]}]/g, (part) => (part.length < 200 ? part.replace(/\n */g, " ") : part));
  }
  return text;
}

// The list of rules: the outermost `all`, also inside of `among`.
function parts(criteria) {
  return (criteria.among ? criteria.of : criteria).all;
}

function change(how) {
  let criteria = read();
  if (!parts(criteria)) {
    if (criteria.among) criteria.of = { all: [criteria.of] };
    else criteria = { all: [criteria] };
  }
  how(parts(criteria));
  area.value = readable(criteria);
  ask();
}

function choose() {
  const kind = field.selectedOptions[0].dataset.kind;
  for (const one of op.options) one.hidden = one.disabled = !one.dataset.kinds.split(" ").includes(kind);
  if (op.selectedOptions[0]?.disabled ?? true) op.value = [...op.options].find((one) => !one.disabled).value;
  const shape = op.selectedOptions[0].dataset.shape;
  hint.textContent = { list: "several, with commas between", pair: "two, with a comma between", flag: "true or false", words: "words, name* for its beginning" }[shape] ?? (kind === "tag" ? "scheme:code" : kind === "date" ? "YYYY-MM-DD" : "");
}

function typed() {
  const kind = field.selectedOptions[0].dataset.kind;
  const one = (text) => {
    const said = text.trim();
    if (!said) throw new Error("Give a value.");
    if (kind === "number" || kind === "integer") {
      if (Number.isNaN(Number(said))) throw new Error(`“${said}” is no number.`);
      return Number(said);
    }
    return kind === "boolean" ? said === "true" : said;
  };
  switch (op.selectedOptions[0].dataset.shape) {
    case "list": case "pair": return value.value.split(",").map(one);
    case "flag": return value.value.trim() !== "false";
    default: return one(value.value);
  }
}

rule.addEventListener("submit", (event) => {
  event.preventDefault();
  const problem = rule.querySelector(".problem");
  problem.hidden = true;
  try {
    const said = typed();
    const made = field.value === "finding" ? { finding: { is: said } } : { field: field.value, op: op.value, value: said };
    change((list) => list.push(made));
    value.value = "";
    value.focus();
  } catch (error) {
    problem.textContent = error instanceof SyntaxError ? "Mend the JSON below first." : error.message;
    problem.hidden = false;
  }
});
field.addEventListener("change", choose);
op.addEventListener("change", choose);
area.addEventListener("input", () => {
  clearTimeout(wait);
  preview.classList.add("stale");
  wait = setTimeout(ask, 500);
});
document.querySelector("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(wait);
  ask();
});
document.querySelector("#visibility").addEventListener("change", (event) => {
  const line = document.querySelector("#team-line");
  if (line) line.hidden = event.target.value !== "team";
});
freeze.addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = freeze.querySelector(".problem");
  const button = freeze.querySelector("button");
  problem.hidden = true;
  button.disabled = true;
  try {
    const visibility = document.querySelector("#visibility").value;
    const grouping = document.querySelector("#grouping").value;
    const said = await post("", {
      criteria: read(),
      name: document.querySelector("#name").value.trim(),
      visibility,
      team: visibility === "team" ? document.querySelector("#team").value : null,
      grouping: grouping ? JSON.parse(grouping) : null,
    });
    location.assign(box.dataset.then.replace("{id}", encodeURIComponent(said.id)));
    return;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  button.disabled = false;
});
rule.hidden = freeze.hidden = false;
choose();
ask();
