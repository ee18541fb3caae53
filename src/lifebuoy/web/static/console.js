// What the pages do beside htmx: dialogs, the password's rule as it is typed, the page anew when an
// operation has ended. Everything works without it, too; the server checks all of it again.
"use strict";

const dialog = document.getElementById("dialog");

document.addEventListener("htmx:configRequest", (event) => {
  const csrf = document.querySelector("meta[name=csrf]");
  if (csrf) event.detail.headers["X-CSRF-Token"] = csrf.content;
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== dialog) return;
  if (!dialog.open) dialog.showModal();
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

// Once an operation cannot go back any more, its steps say so.
document.addEventListener("htmx:sseMessage", () => {
  const cancel = document.getElementById("cancel");
  if (cancel) cancel.disabled = document.querySelector("#steps .no-way-back") !== null;
});

// A server that is being restarted is waited for: streams and what is renewed try again.
const connection = document.getElementById("connection");
for (const lost of ["htmx:sseError", "htmx:sendError"]) {
  document.addEventListener(lost, () => { connection.textContent = connection.dataset.lost; });
}
for (const back of ["htmx:sseOpen", "htmx:beforeOnLoad"]) {
  document.addEventListener(back, () => { connection.textContent = ""; });
}

document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type === "message") window.location.reload();
});

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close && dialog.contains(close)) {
    event.preventDefault();
    dialog.close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// The passwords that were typed do not stay in the page.
dialog.addEventListener("close", () => dialog.replaceChildren());

document.addEventListener("input", (event) => {
  const rule = event.target.closest("[data-password-rule]");
  if (rule) judge(rule);
});

function judge(rule) {
  const password = rule.querySelector("[name=password]").value;
  const again = rule.querySelector("[name=again]").value;
  const special = rule.dataset.special;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((kind) => kind.test(password)).length +
    ([...password].some((char) => special.includes(char)) ? 1 : 0);
  const allowed = [...password].every((char) => /[a-zA-Z0-9]/.test(char) || special.includes(char));
  const found = {
    length: password.length >= Number(rule.dataset.min) &&
      password.length <= Number(rule.dataset.max),
    kinds: kinds >= 2,
    allowed: password !== "" && allowed,
    same: password !== "" && password === again,
  };
  for (const [name, kept] of Object.entries(found)) {
    const shown = rule.querySelector(`[data-rule=${name}]`);
    shown.classList.toggle("kept", kept);
    shown.classList.toggle("broken", !kept && (name !== "same" || again !== ""));
  }
}
