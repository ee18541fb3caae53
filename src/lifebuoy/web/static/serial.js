// The page of an instance's serial console.

import "./strict-style.js";
import { Connection, fullScreen, part, wayOut } from "./connection.js";

const { Terminal } = await part("xterm/xterm.mjs");
const { FitAddon } = await part("xterm/addon-fit.mjs");

const root = document.getElementById("console");
const place = document.getElementById("terminal");
const terminal = new Terminal({
  cursorBlink: true,
  scrollback: 5000,
  screenReaderMode: true,
  fontFamily: "ui-monospace, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace",
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(place);
fit.fit();
new ResizeObserver(() => fit.fit()).observe(place);

const encoder = new TextEncoder();
let socket = null;

const connection = new Connection(root, (fresh) => {
  fresh.addEventListener("open", () => {
    socket = fresh;
    connection.up();
    terminal.focus();
  });
  fresh.addEventListener("message", (event) => terminal.write(new Uint8Array(event.data)));
}, () => { socket = null; });

function send(text) {
  if (socket) socket.send(encoder.encode(text));
}

terminal.onData(send);
// what no text is, such as a mouse's report, comes with a byte a character
terminal.onBinary((data) => {
  if (socket) socket.send(Uint8Array.from(data, (char) => char.charCodeAt(0)));
});
for (const button of root.querySelectorAll("[data-bytes]")) {
  button.addEventListener("click", () => {
    send(JSON.parse(`"${button.dataset.bytes}"`));
    terminal.focus();
  });
}
fullScreen(document.getElementById("full"), root);
wayOut(place, document.getElementById("full"));

connection.begin();
