// A series, slice by slice: the volume comes once as NIfTI-1 and is drawn here, so that windows and planes change at once.
import { gunzip, parse } from "./nifti.js";

const box = document.querySelector("#viewer");
const screen = document.querySelector("#screen");
const canvas = document.querySelector("#slice");
const told = document.querySelector("#told");
const corner = document.querySelector("#corner");
const slider = document.querySelector("#at");
const legend = document.querySelector("#legend");
const picker = document.querySelector("#mask");
// Okabe and Ito's palette: told apart by those who see colours otherwise, too.
const COLOURS = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];
const CT = [["Lung", -600, 1500], ["Soft tissue", 40, 400], ["Bone", 400, 1800], ["Brain", 40, 80]];

const state = { volume: null, view: null, mask: null, names: {}, plane: 0, at: [0, 0, 0], window: null, lastMask: "" };
let niivue = null;

async function ask(path) {
  const answer = await fetch(`${box.dataset.series}/${path}`);
  if (!answer.ok) {
    const problem = await answer.json().catch(() => null);
    throw new Error(problem ? `${problem.detail} ${problem.instruction}` : "The server does not answer.");
  }
  return answer;
}

async function load() {
  try {
    state.view = await (await ask("view")).json();
    state.volume = parse(await gunzip(await ask("volume.nii.gz"), (part) => {
      told.textContent = `Loading the images, ${Math.round(part / 1e6)} MB so far`;
    }));
  } catch (error) {
    told.textContent = error.message;
    told.classList.add("bad");
    return;
  }
  const { shape, window: shown } = state.view;
  state.at = shape.map((n) => Math.floor(n / 2));
  state.window = [...shown];
  document.querySelector("#still").hidden = true;
  canvas.hidden = false;
  slider.disabled = false;
  document.querySelector(".tools").hidden = false;
  buttons();
  draw();
  box.dataset.ready = "yes";
  screen.focus({ preventScroll: true });
}

function buttons() {
  const presets = [["Default", ...state.view.window]];
  if (state.view.modality === "CT") presets.push(...CT);
  const { low, high } = state.view;
  presets.push(["Full", (low + high) / 2, Math.max(high - low, 1e-6)]);
  const windows = document.querySelector("#windows");
  presets.forEach(([name, centre, width], n) => {
    windows.append(button(name, `${n + 1}`, () => { state.window = [centre, width]; draw(); }));
  });
  const planes = document.querySelector("#planes");
  if (state.view.shape[0] > 1 && !state.view.colour) {
    state.view.planes.forEach((name, n) => planes.append(button(name[0].toUpperCase() + name.slice(1), "", () => turn(n))));
  }
  mark();
}

function button(name, key, act) {
  const one = document.createElement("button");
  one.type = "button";
  one.textContent = name;
  if (key) one.title = `Key ${key}`;
  one.addEventListener("click", act);
  return one;
}

function mark() {
  document.querySelectorAll("#planes button").forEach((one, n) => one.setAttribute("aria-pressed", String(n === state.plane)));
}

function turn(plane) {
  state.plane = (plane + 3) % 3;
  mark();
  draw();
}

function step(by) {
  const most = state.view.shape[state.plane] - 1;
  state.at[state.plane] = Math.min(most, Math.max(0, state.at[state.plane] + by));
  draw();
}

// Rows and columns of a plane: index of the voxel at its left upper corner, and steps to the right and down.
function geometry() {
  const [slices, rows, columns] = state.view.shape;
  const [gap, down, right] = state.view.spacing;
  const plane = rows * columns;
  const n = state.at[state.plane];
  if (state.plane === 0) return { w: columns, h: rows, start: n * plane, x: 1, y: columns, sx: right, sy: down };
  const first = state.view.upside_down ? (slices - 1) * plane : 0;
  const next = state.view.upside_down ? -plane : plane;
  if (state.plane === 1) return { w: columns, h: slices, start: first + n * columns, x: 1, y: next, sx: right, sy: gap };
  return { w: rows, h: slices, start: first + n, x: columns, y: next, sx: down, sy: gap };
}

const small = document.createElement("canvas");

function draw() {
  const g = geometry();
  const { data } = state.volume;
  small.width = g.w;
  small.height = g.h;
  const context = small.getContext("2d");
  const image = context.createImageData(g.w, g.h);
  const [centre, width] = state.window;
  const low = centre - width / 2;
  const scale = 255 / width;
  const mask = state.mask?.data;
  for (let row = 0, out = 0; row < g.h; row++) {
    let from = g.start + row * g.y;
    for (let column = 0; column < g.w; column++, out += 4, from += g.x) {
      const grey = (data[from] - low) * scale;
      const label = mask ? mask[from] : 0;
      if (label) {
        const colour = COLOURS[(label - 1) % COLOURS.length];
        for (let i = 0; i < 3; i++) image.data[out + i] = 0.6 * Math.min(255, Math.max(0, grey)) + 0.4 * colour[i];
      } else image.data[out] = image.data[out + 1] = image.data[out + 2] = grey; // clamped by the array
      image.data[out + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  const wide = g.w * g.sx;
  const high = g.h * g.sy;
  const room = screen.getBoundingClientRect();
  const fit = Math.min(room.width / wide, room.height / high) * (devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(wide * fit));
  canvas.height = Math.max(1, Math.round(high * fit));
  canvas.style.width = `${canvas.width / (devicePixelRatio || 1)}px`;
  canvas.style.height = `${canvas.height / (devicePixelRatio || 1)}px`;
  const shown = canvas.getContext("2d");
  shown.imageSmoothingQuality = "high";
  shown.drawImage(small, 0, 0, canvas.width, canvas.height);
  const most = state.view.shape[state.plane];
  slider.max = most - 1;
  slider.value = state.at[state.plane];
  slider.setAttribute("aria-valuetext", `${state.at[state.plane] + 1} of ${most}`);
  corner.textContent = `${state.at[state.plane] + 1} / ${most}   W ${Math.round(width)}  L ${Math.round(centre)}`;
  const notes = [`${state.view.planes[state.plane]} ${state.at[state.plane] + 1} of ${most}`];
  if (state.view.every.some((n) => n > 1)) notes.push("shown at lower resolution");
  if (state.view.uneven) notes.push("slices are missing or uneven");
  if (state.view.left_out) notes.push(`${state.view.left_out} images of another size left out`);
  if (state.view.colour) notes.push("colours shown as grey");
  told.textContent = notes.join(" · ");
  document.querySelectorAll("#windows button").forEach((one) => one.removeAttribute("aria-pressed"));
}

async function overlay(uid) {
  told.classList.remove("bad");
  state.mask = null;
  legend.replaceChildren();
  if (uid) {
    try {
      const [file, names] = await Promise.all([ask(`masks/${encodeURIComponent(uid)}.nii.gz`), ask(`masks/${encodeURIComponent(uid)}/labels`)]);
      state.mask = parse(await gunzip(file));
      state.names = await names.json();
      state.lastMask = uid;
      for (const [label, name] of Object.entries(state.names)) {
        const one = document.createElement("span");
        const dot = document.createElement("i");
        dot.style.background = `rgb(${COLOURS[(label - 1) % COLOURS.length]})`;
        one.append(dot, name);
        legend.append(one);
      }
    } catch (error) {
      draw();
      told.textContent = error.message;
      told.classList.add("bad");
      return;
    }
  }
  draw();
  if (niivue) await planesTogether(true);
}

// niivue: three planes and a rendering at once, where it is installed.
async function planesTogether(on) {
  const other = document.querySelector("#volume");
  const pressed = document.querySelector("#niivue");
  pressed.setAttribute("aria-pressed", String(on));
  other.hidden = !on;
  canvas.hidden = on;
  corner.hidden = on;
  if (!on) {
    draw();
    return;
  }
  try {
    if (!niivue) {
      niivue = new globalThis.niivue.Niivue({ backColor: [0, 0, 0, 1], show3Dcrosshair: true, loadingText: "" });
      await niivue.attachToCanvas(other);
    }
    const [centre, width] = state.window;
    const volumes = [{ url: new URL(`${box.dataset.series}/volume.nii.gz`, location.href).href, name: "volume.nii.gz", colormap: "gray", cal_min: centre - width / 2, cal_max: centre + width / 2 }];
    if (picker?.value) volumes.push({ url: new URL(`${box.dataset.series}/masks/${encodeURIComponent(picker.value)}.nii.gz`, location.href).href, name: "mask.nii.gz", colormap: "warm", opacity: 0.5 });
    await niivue.loadVolumes(volumes);
    box.dataset.niivue = "ready";
  } catch (error) {
    niivue = null;
    other.hidden = true;
    canvas.hidden = false;
    pressed.setAttribute("aria-pressed", "false");
    told.textContent = "This browser cannot show all planes at once (WebGL 2 is needed).";
  }
}

screen.addEventListener("wheel", (event) => {
  if (!state.volume || canvas.hidden || event.ctrlKey) return;
  event.preventDefault();
  step(Math.sign(event.deltaY));
}, { passive: false });
screen.addEventListener("keydown", (event) => {
  if (!state.volume || event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(10), PageUp: () => step(-10),
    Home: () => step(-Infinity), End: () => step(Infinity),
    ArrowRight: () => document.querySelector("#planes button") && turn(state.plane + 1),
    ArrowLeft: () => document.querySelector("#planes button") && turn(state.plane - 1),
    m: () => { if (picker) { picker.value = picker.value ? "" : state.lastMask || picker.options[1]?.value || ""; overlay(picker.value); } },
  };
  const preset = document.querySelectorAll("#windows button")[Number(event.key) - 1];
  const act = acts[event.key] ?? (preset && (() => preset.click()));
  if (!act) return;
  event.preventDefault();
  act();
});
let from = null;
canvas.addEventListener("pointerdown", (event) => {
  from = [event.clientX, event.clientY, ...state.window];
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!from) return;
  const speed = Math.max(from[3], (state.view.high - state.view.low) / 50) / 300;
  state.window = [from[2] + (event.clientY - from[1]) * speed, Math.max(1e-6, from[3] + (event.clientX - from[0]) * speed)];
  draw();
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { from = null; });
slider.addEventListener("input", () => { state.at[state.plane] = Number(slider.value); draw(); });
picker?.addEventListener("change", () => overlay(picker.value));
document.querySelector("#niivue")?.addEventListener("click", (event) => planesTogether(event.target.getAttribute("aria-pressed") !== "true"));
addEventListener("resize", () => { if (state.volume && !canvas.hidden) draw(); });
load();
