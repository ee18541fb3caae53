// The page of an instance's screen.

import { Connection, fullScreen, part, wayOut } from "./connection.js";
import { strokes, symbolOf } from "./typing.js";

const { default: RFB } = await part("novnc/core/rfb.js");

// So fast that nobody waits, so slow that the few keys which a PS/2 keyboard keeps are not too few.
const STROKE_MS = 12;
const LAYOUT = "lifebuoy-keyboard";

const root = document.getElementById("console");
const place = document.getElementById("screen");
const fit = document.getElementById("fit");
const layout = document.getElementById("layout");
const text = document.getElementById("text");
const typed = document.getElementById("typed");
const type = document.getElementById("type");
const stop = document.getElementById("stop");
let rfb = null;
let typing = null;

const connection = new Connection(root, (socket) => {
  const mine = new RFB(place, socket);
  rfb = mine;
  mine.scaleViewport = fit.checked;
  mine.background = "transparent";
  const canvas = place.lastElementChild.querySelector("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", root.dataset.label);
  // What is held when the focus leaves the screen is let go elsewhere, which noVNC only hears of when
  // it is the whole window that is left. A Ctrl that the instance thinks held spoils what follows.
  canvas.addEventListener("blur", () => window.dispatchEvent(new Event("blur")));
  mine.addEventListener("connect", () => {
    connection.up();
    for (const button of root.querySelectorAll("[data-needs]")) button.disabled = false;
    mine.focus({ preventScroll: true });
  });
}, () => {
  rfb = null;
  if (typing) typing.stopped = true;
  for (const button of root.querySelectorAll("[data-needs]")) button.disabled = true;
});

fit.addEventListener("change", () => { if (rfb) rfb.scaleViewport = fit.checked; });
fullScreen(document.getElementById("full"), root);
wayOut(place, document.getElementById("keys"));

for (const button of root.querySelectorAll("[data-keys]")) {
  button.addEventListener("click", () => {
    press(button.dataset.keys.split(" "));
    button.closest("details").open = false;
    if (rfb) rfb.focus();
  });
}

// Keys that are held together: down in this order, up in the other.
function press(codes) {
  if (!rfb) return;
  for (const code of codes) rfb.sendKey(symbolOf(code), code, true);
  for (const code of codes.toReversed()) rfb.sendKey(symbolOf(code), code, false);
}

const kept = localStorage.getItem(LAYOUT);
if ([...layout.options].some((one) => one.value === kept)) layout.value = kept;
layout.addEventListener("change", () => localStorage.setItem(LAYOUT, layout.value));

type.addEventListener("click", async () => {
  const { found, missing } = strokes(text.value, layout.value);
  if (missing.length) {
    typed.textContent = `${connection.words.missing} ${missing.join(" ")}`;
    return;
  }
  const mine = typing = { stopped: false };
  type.hidden = true;
  stop.hidden = false;
  let done = 0;
  for (const stroke of found) {
    if (mine.stopped || !rfb) break;
    for (const code of stroke.held) rfb.sendKey(symbolOf(code), code, true);
    rfb.sendKey(stroke.symbol, stroke.code, true);
    await pause();
    if (!rfb) break;
    rfb.sendKey(stroke.symbol, stroke.code, false);
    for (const code of stroke.held) rfb.sendKey(symbolOf(code), code, false);
    await pause();
    typed.textContent = `${++done} / ${found.length}`;
  }
  type.hidden = false;
  stop.hidden = true;
  if (done < found.length) return;
  text.value = "";  // it may be a password
  if (rfb) rfb.focus();
});
stop.addEventListener("click", () => { typing.stopped = true; });

function pause() {
  return new Promise((done) => { setTimeout(done, STROKE_MS); });
}

connection.begin();
