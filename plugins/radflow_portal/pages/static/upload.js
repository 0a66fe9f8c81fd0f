// Sends files of one upload, a few at a time, and goes on where a cut or a reload left it: the server knows the offsets,
// the browser forgets the files, so after a reload the same folder is chosen again.
"use strict";

const sender = document.getElementById("sender");
const { api, page } = sender.dataset;
const most = Number(sender.dataset.most);
const part = (id) => document.getElementById(id);

const AT_ONCE = 3;
const PIECE = 32 * 1024 * 1024;
const BATCH = 200;
const LONGEST_WAIT = 30;

const known = new Map(); // what the server has or expects, by name, size and mark
const queue = []; // { file, row }
const moving = new Map(); // file number -> bytes sent of the piece that goes
let total = 0;
let sent = 0;
let running = 0;
let adding = 0;
let ended = false;
let told = 0;
let later = null;

const key = (name, size, mark) => JSON.stringify([name, size, mark]);
const markOf = (file) => String(file.lastModified);
const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

function size(bytes) {
  let value = bytes;
  let unit = "B";
  for (unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (value < 1000 || unit === "TB") break;
    value /= 1000;
  }
  return `${value.toFixed(unit === "B" || value >= 100 ? 0 : 1)} ${unit}`;
}

function trouble(text) {
  part("trouble").textContent = text;
  part("trouble").hidden = text === "";
}

function refuse(name, why) {
  const line = document.createElement("li");
  line.append(`${name}: `, why);
  part("refused").append(line);
}

async function ask(path, body) {
  const answer = await fetch(api + path, body === undefined ? { headers: { Accept: "application/json" } } : {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(`${found.detail} ${found.instruction}`), { status: answer.status });
  return found;
}

// -- what is there ---------------------------------------------------------------------------------------

async function load() {
  for (let offset = 0; ;) {
    const found = await ask(`/files?limit=500&offset=${offset}`);
    for (const row of found.items) {
      if (row.state === "left") continue;
      known.set(key(row.name, row.byte_count, row.mark), row);
      total += row.byte_count;
      sent += row.done_bytes;
    }
    offset += found.items.length;
    if (!found.items.length || offset >= found.total) break;
  }
  show(true);
}

const missing = () => {
  const waiting = new Set(queue.map((one) => one.row.number));
  return [...known.values()].filter(
    (row) => row.state === "open" && !waiting.has(row.number) && !moving.has(row.number));
};

function show(now) {
  if (!now && Date.now() - told < 250) {
    later ??= setTimeout(() => { show(true); }, 250);
    return;
  }
  clearTimeout(later);
  later = null;
  told = Date.now();
  const rows = [...known.values()];
  const whole = rows.filter((row) => row.state === "received").length;
  const going = [...moving.values()].reduce((sum, one) => sum + one.bytes, 0);
  const busy = running > 0 || adding > 0;
  const absent = busy ? [] : missing();
  part("going").hidden = rows.length === 0;
  part("bar").max = Math.max(total, 1);
  part("bar").value = Math.min(sent + going, total);
  part("said").textContent =
    `${whole} of ${rows.length} files, ${size(Math.min(sent + going, total))} of ${size(total)}`
    + (busy || !rows.length || absent.length ? "" : ". All is here: finish the upload.");
  part("now").replaceChildren(...[...moving.values()].map((one) => {
    const line = document.createElement("li");
    line.textContent = one.name;
    return line;
  }));
  part("left").hidden = absent.length === 0;
  part("left").textContent = `${absent.length} of ${rows.length} files are not whole here. Choose the same folder or files `
    + "again: sending goes on where it stopped.";
  part("finish").disabled = busy || ended || !rows.length || absent.length > 0;
  part("without").hidden = busy || absent.length === 0 || whole === 0;
}

// -- adding ----------------------------------------------------------------------------------------------

async function add(found) {
  adding += 1;
  trouble("");
  show(true);
  try {
    await loaded;
    const fresh = [];
    for (const { file, name } of found) {
      const row = known.get(key(name, file.size, markOf(file)));
      if (file.size > most) refuse(name, `larger than ${size(most)}.`);
      else if (row === undefined) fresh.push({ file, name });
      else if (row.state === "open" && missing().includes(row)) enqueue(file, row);
    }
    for (let start = 0; start < fresh.length && !ended; start += BATCH) {
      const some = fresh.slice(start, start + BATCH);
      const rows = await ask("/files", { files: some.map(({ file, name }) => (
        { name, byte_count: file.size, mark: markOf(file) })) });
      rows.forEach((row, place) => {
        const { file, name } = some[place];
        known.set(key(name, file.size, markOf(file)), row);
        total += row.byte_count;
        enqueue(file, row);
      });
    }
  } catch (error) {
    trouble(error.status ? error.message : "The server does not answer. Choose the files again in a minute.");
  } finally {
    adding -= 1;
    show(true);
  }
}

function enqueue(file, row) {
  queue.push({ file, row });
  while (running < AT_ONCE && running < queue.length) {
    running += 1;
    work();
  }
}

// -- sending ---------------------------------------------------------------------------------------------

async function work() {
  while (queue.length && !ended) {
    const { file, row } = queue.shift();
    moving.set(row.number, { name: row.name, bytes: 0 });
    try {
      await send(file, row);
    } catch (error) {
      refuse(row.name, error.message);
    }
    moving.delete(row.number);
    show(true);
  }
  running -= 1;
  show(true);
}

async function send(file, row) {
  let failures = 0;
  while (row.state === "open" && !ended) {
    const answer = await piece(file, row);
    if (answer.status === 200) {
      failures = 0;
      trouble("");
      move(row, answer.body.done_bytes);
      row.state = answer.body.state;
    } else if (answer.status === 409 && answer.offset !== null) {
      failures += 1;
      if (failures > 5) throw new Error(answer.body.detail);
      move(row, Number(answer.offset));
    } else if ([0, 408, 423, 429, 500, 502, 503, 504].includes(answer.status)) {
      failures += 1;
      const wait = Math.min(2 ** (failures - 1), LONGEST_WAIT);
      trouble(`The connection was cut. Trying again in ${wait} s; what is sent stays.`);
      await pause(wait);
      await resume(row);
    } else {
      throw new Error(answer.body ? `${answer.body.detail} ${answer.body.instruction}` : `answer ${answer.status}`);
    }
    show(false);
  }
}

function move(row, offset) {
  sent += offset - row.done_bytes;
  row.done_bytes = offset;
  const now = moving.get(row.number);
  if (now) now.bytes = 0;
}

async function resume(row) {
  try {
    const answer = await fetch(`${api}/files/${row.number}`, { method: "HEAD" });
    if (answer.ok) move(row, Number(answer.headers.get("Upload-Offset")));
  } catch (error) {
    // still away: the next round waits longer
  }
}

// fetch tells nothing of how much went out; XMLHttpRequest does.
function piece(file, row) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    const over = (status) => {
      let body = null;
      try { body = JSON.parse(request.responseText); } catch (error) { /* no problem document */ }
      done({ status: body === null && status === 200 ? 0 : status, body, offset: request.getResponseHeader("Upload-Offset") });
    };
    request.open("PATCH", `${api}/files/${row.number}`);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Upload-Offset", String(row.done_bytes));
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => {
      const now = moving.get(row.number);
      if (now) now.bytes = event.loaded;
      show(false);
    };
    request.onload = () => over(request.status);
    request.onerror = () => over(0);
    request.onabort = () => over(0);
    request.send(file.slice(row.done_bytes, row.done_bytes + PIECE));
  });
}

// -- folders ---------------------------------------------------------------------------------------------

async function walk(entry, into) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => { entry.file(done, failed); });
    into.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives a hundred entries at a time, then none
    const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (!some.length) return;
    for (const one of some) await walk(one, into);
  }
}

async function dropped(items) {
  // The list is empty after the event: what is in it is taken before anything waits.
  const entries = [...items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    try {
      if (entry instanceof File) found.push({ file: entry, name: entry.name });
      else if (entry) await walk(entry, found);
    } catch (error) {
      refuse(entry.name, "it cannot be read.");
    }
  }
  await add(found);
}

function chosen(event) {
  const found = [...event.target.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  event.target.value = ""; // the same folder may be chosen again
  add(found);
}

// -- the page --------------------------------------------------------------------------------------------

async function end(path, body) {
  ended = true;
  show(true);
  try {
    await ask(path, body);
    location.assign(page);
  } catch (error) {
    ended = false;
    trouble(error.status ? error.message : "The server does not answer. Try again in a minute.");
    show(true);
  }
}

const drop = part("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => { drop.classList.remove("over"); });
drop.addEventListener("drop", (event) => { event.preventDefault(); dropped(event.dataTransfer.items); });
part("folder").addEventListener("change", chosen);
part("files").addEventListener("change", chosen);
part("finish").addEventListener("click", () => end("/finish", {}));
part("without").addEventListener("click", () => end("/finish", { without_missing: true }));
part("cancel").addEventListener("click", (event) => {
  if (event.target.dataset.sure) { end("/cancel", {}); return; }
  event.target.dataset.sure = "yes";
  event.target.textContent = "Really cancel? What was sent is deleted";
});
addEventListener("beforeunload", (event) => { if (running && !ended) event.preventDefault(); });

const loaded = load(); // files that are chosen before wait for it: one row of a file, never two
loaded.catch(() => trouble("The server does not answer. Reload the page in a minute."));
