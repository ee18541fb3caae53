// Small pictures of screens stay true: those that are to be seen are renewed now and then, in a page
// that is to be seen. A picture is put in when it is there, so that nothing flickers.
"use strict";

const RENEWED_MS = 5000;

function isVisible(picture) {
  const box = picture.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight && box.width > 0;
}

setInterval(() => {
  if (document.hidden) return;
  for (const picture of document.querySelectorAll("img[data-screen]")) {
    if (!isVisible(picture)) continue;
    const next = new Image();
    next.onload = () => { if (picture.isConnected) picture.src = next.src; };
    next.src = `${picture.dataset.screen}?at=${Date.now()}`;
  }
}, RENEWED_MS);
