// Forms that speak to the API: the fields as JSON, then the page that the answer is about. Nothing is kept here.
"use strict";

function fields(form) {
  const sent = {};
  for (const [name, value] of new FormData(form)) {
    const text = value.trim();
    const field = form.elements[name];
    if (text !== "") sent[name] = field.type === "number" || field.dataset.number !== undefined ? Number(text) : text;
  }
  for (const box of form.querySelectorAll("input[type=checkbox]")) sent[box.name] = box.checked;
  return sent;
}

async function send(form, button) {
  const problem = form.querySelector(".problem");
  const buttons = form.querySelectorAll("button");
  problem.hidden = true;
  buttons.forEach((one) => { one.disabled = true; });
  try {
    const answer = await fetch(form.dataset.send + button.value, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(fields(form)),
    });
    const body = await answer.json();
    if (answer.ok) {
      location.assign(form.dataset.then.replace("{id}", encodeURIComponent(body.id)));
      return;
    }
    problem.textContent = `${body.detail} ${body.instruction}`;
  } catch (error) {
    problem.textContent = "The server does not answer. Try again in a minute.";
  }
  problem.hidden = false;
  buttons.forEach((one) => { one.disabled = false; });
}

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, event.submitter ?? form.querySelector("button"));
  });
}
