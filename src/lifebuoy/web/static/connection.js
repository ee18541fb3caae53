// An open console of a page: asks for a ticket, opens the WebSocket with it, tells how it is, and
// begins anew with another ticket where the connection was lost.

const DELAYS_S = [1, 2, 4, 8, 15, 15, 15, 15];
// Codes of a closed WebSocket after which the same console may well be there again in a moment.
const LOST = new Set([1001, 1005, 1006, 1011, 1012, 4006]);

export class Connection {
  // `open(socket)` is called for each new WebSocket; `closed()` when it is gone.
  constructor(root, open, closed) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.status = root.querySelector("[data-status]");
    this.again = root.querySelector("[data-again]");
    this.takeOver = root.querySelector("[data-take-over]");
    this.open = open;
    this.closed = closed;
    this.tries = 0;
    this.again.addEventListener("click", () => this.begin());
    if (this.takeOver) this.takeOver.addEventListener("click", () => this.begin(true));
    // a page that is left or put to sleep leaves nothing open
    window.addEventListener("pagehide", () => this.leave());
    window.addEventListener("pageshow", (event) => { if (event.persisted) this.begin(); });
  }

  async begin(force = false) {
    clearTimeout(this.timer);
    this.leave();
    this.say("connecting");
    let ticket;
    try {
      ticket = await this.ticket(force);
    } catch (error) {
      this.retry("lost", "");
      return;
    }
    if (!ticket) return;
    const url = new URL(ticket.path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, ticket.protocols);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("close", (event) => { if (this.socket === socket) this.end(event); });
    this.open(socket);
  }

  // The connection stands.
  up() {
    this.tries = 0;
    this.say("connected");
  }

  leave() {
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.close();
  }

  async ticket(force) {
    const answer = await fetch(this.root.dataset.tickets, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRF-Token": document.querySelector("meta[name=csrf]").content,
      },
      body: JSON.stringify({ kind: this.root.dataset.kind, force }),
    });
    if (answer.ok) return answer.json();
    if (answer.status === 401) {
      window.location.assign(`/login?next=${encodeURIComponent(window.location.pathname)}`);
      return null;
    }
    const problem = await answer.json();
    if (answer.status >= 500) this.retry("lost", problem.detail);
    else this.say("refused", problem.detail);
    return null;
  }

  end(event) {
    this.socket = null;
    this.closed();
    const [why, ...rest] = event.reason.split(" ");
    if (LOST.has(event.code)) this.retry("lost", rest.join(" "));
    else this.say(why in this.words ? why : "lost", rest.join(" "));
  }

  retry(why, detail) {
    if (this.tries >= DELAYS_S.length) {
      this.say(why, detail);
      return;
    }
    this.say("retrying", detail);
    this.timer = setTimeout(() => this.begin(), DELAYS_S[this.tries++] * 1000);
  }

  say(what, detail = "") {
    this.root.dataset.state = what;
    this.status.textContent = [this.words[what], detail].filter(Boolean).join(" ");
    this.again.hidden = ["connecting", "connected"].includes(what);
    if (this.takeOver) this.takeOver.hidden = what !== "taken";
  }
}

// A module of the parts that come from elsewhere, by the version that this one was asked for by: so
// the browser keeps it and all that it imports.
export function part(name) {
  const version = new URL(import.meta.url).pathname.split("/").at(-2);
  return import(`/parts/${version}/${name}`);
}

// Keys go to the instance while its console has the focus, Tab too: this is the way out.
export function wayOut(console_, elsewhere) {
  console_.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.altKey && event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      elsewhere.focus();
    }
  }, { capture: true });
}

export function fullScreen(button, whole) {
  button.hidden = !whole.requestFullscreen;
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else whole.requestFullscreen();
  });
}
