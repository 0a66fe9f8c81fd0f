// Studies: what is chosen takes effect at once, in place; the page is the same without this, with its button.
"use strict";

const form = document.querySelector("#finder");
const PARTS = ["totals", "cohort", "chips", "facets", "found"];
let turn = 0;

function address() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (name === "q" ? value.trim() === "" : name === "sort" && value === "-study_date") continue;
    query.append(name, name === "q" ? value.trim() : value);
  }
  return form.action + (query.size ? `?${query}` : "");
}

async function show(url, remember) {
  const mine = ++turn;
  const found = document.querySelector("#found");
  found.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn) return; // a later choice is on its way
    if (!answer.ok || !page.querySelector("#found")) {
      location.assign(url);
      return;
    }
    const open = new Set([...document.querySelectorAll("#facets details[open]")].map((one) => one.dataset.key));
    const focused = document.activeElement;
    const place = focused?.closest("#facets") && [focused.name, focused.value];
    for (const part of PARTS) {
      const next = document.importNode(page.querySelector(`#${part}`), true);
      document.querySelector(`#${part}`).replaceWith(next);
    }
    document.querySelector("#side > summary").replaceChildren(...page.querySelector("#side > summary").childNodes);
    for (const one of document.querySelectorAll("#facets details")) one.open = open.has(one.dataset.key);
    document.querySelector("#sort").value = page.querySelector("#sort").value;
    if (document.activeElement?.id !== "q") document.querySelector("#q").value = page.querySelector("#q").value;
    if (place) boxes().find((one) => one.name === place[0] && one.value === place[1])?.focus();
    if (remember) history.pushState(null, "", url);
  } catch (error) {
    if (mine === turn) found.setAttribute("aria-busy", "false");
  }
}

function boxes() {
  return [...document.querySelectorAll("#facets input")].filter((one) => one.checkVisibility());
}

let wait;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(wait);
  show(address(), true);
});
form.addEventListener("change", (event) => {
  if (event.target.id !== "q") show(address(), true);
});
form.addEventListener("input", (event) => {
  if (event.target.id !== "q") return;
  clearTimeout(wait);
  wait = setTimeout(() => show(address(), true), 350);
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (!link.matches(".drop, .clear, .sorter, .pager a")) return;
  event.preventDefault();
  if (link.matches(".drop, .clear")) document.querySelector("#q").blur();
  show(link.href, true);
  if (link.matches(".pager a")) document.querySelector("#main").scrollIntoView();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    document.querySelector("#q").focus();
  }
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.matches("#facets input")) {
    event.preventDefault();
    const all = boxes();
    const next = all[all.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
    next?.focus();
  }
});
addEventListener("popstate", () => show(location.href, false));
if (matchMedia("(max-width: 860px)").matches) document.querySelector("#side").open = false;
