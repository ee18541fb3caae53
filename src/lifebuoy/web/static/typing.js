// Text as keys: which ones to press so that a machine with a certain keyboard layout reads it. What
// travels is the place of each key (QEMU's extended key event), so the machine's own layout decides
// what it stands for; typed by hand that comes out right by itself, pasted it has to be known.

const ROWS = [
  "Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal",
  "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Backslash",
  "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote",
  "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash IntlBackslash",
].map((row) => row.split(" "));

// Rows without and with Shift; with AltGr by key. `dead` ones appear with the blank after them.
const LAYOUTS = {
  us: {
    plain: ["`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"],
    shift: ["~!@#$%^&*()_+", "QWERTYUIOP{}|", 'ASDFGHJKL:"', "ZXCVBNM<>?"],
  },
  gb: {
    plain: ["`1234567890-=", "qwertyuiop[]#", "asdfghjkl;'", "zxcvbnm,./\\"],
    shift: ['¬!"£$%^&*()_+', "QWERTYUIOP{}~", "ASDFGHJKL:@", "ZXCVBNM<>?|"],
  },
  de: {
    plain: ["^1234567890ß´", "qwertzuiopü+#", "asdfghjklöä", "yxcvbnm,.-<"],
    shift: ['°!"§$%&/()=?`', "QWERTZUIOPÜ*'", "ASDFGHJKLÖÄ", "YXCVBNM;:_>"],
    altgr: {
      Digit2: "²", Digit3: "³", Digit7: "{", Digit8: "[", Digit9: "]", Digit0: "}", Minus: "\\",
      KeyQ: "@", KeyE: "€", BracketRight: "~", KeyM: "µ", IntlBackslash: "|",
    },
    dead: "^´`",
  },
  fr: {
    plain: ["²&é\"'(-è_çà)=", "azertyuiop\0$*", "qsdfghjklmù", "wxcvbn,;:!<"],
    shift: ["\x001234567890°+", "AZERTYUIOP\0£µ", "QSDFGHJKLM%", "WXCVBN?./§>"],
    altgr: {
      Digit2: "~", Digit3: "#", Digit4: "{", Digit5: "[", Digit6: "|", Digit7: "`", Digit8: "\\",
      Digit9: "^", Digit0: "@", Minus: "]", Equal: "}", KeyE: "€",
    },
  },
};

const SYMBOLS = {
  Enter: 0xff0d, Tab: 0xff09, Escape: 0xff1b, Backspace: 0xff08, Delete: 0xffff, Space: 0x20,
  PrintScreen: 0xff61, ShiftLeft: 0xffe1, ControlLeft: 0xffe3, AltLeft: 0xffe9, AltRight: 0xfe03,
};

export function symbolOf(code) {
  const number = /^F(\d+)$/.exec(code);
  return number ? 0xffbd + Number(number[1]) : SYMBOLS[code];
}

// The keys of a text, in order: {code, symbol, held: codes held meanwhile}. `missing` are the
// characters for which the layout has none; then no key should be pressed at all.
export function strokes(text, layout) {
  const table = tableOf(LAYOUTS[layout]);
  const found = [], missing = new Set();
  for (const char of text.replaceAll("\r\n", "\n").replaceAll("\r", "\n")) {
    if (table.has(char)) found.push(...table.get(char));
    else missing.add(char);
  }
  return { found, missing: [...missing] };
}

function tableOf(layout) {
  const table = new Map();
  const blank = { code: "Space", symbol: 0x20, held: [] };
  const add = (char, code, held) => {
    if (char === undefined || char === "\0" || table.has(char)) return;
    const stroke = { code, symbol: keysymOf(char), held };
    table.set(char, (layout.dead || "").includes(char) ? [stroke, blank] : [stroke]);
  };
  ROWS.forEach((row, index) => row.forEach((code, place) => {
    add(layout.plain[index][place], code, []);
    add(layout.shift[index][place], code, ["ShiftLeft"]);
  }));
  for (const [code, char] of Object.entries(layout.altgr || {})) add(char, code, ["AltRight"]);
  table.set(" ", [blank]);
  table.set("\n", [{ code: "Enter", symbol: SYMBOLS.Enter, held: [] }]);
  table.set("\t", [{ code: "Tab", symbol: SYMBOLS.Tab, held: [] }]);
  return table;
}

function keysymOf(char) {
  const point = char.codePointAt(0);
  return point < 0x100 ? point : 0x01000000 | point;
}
