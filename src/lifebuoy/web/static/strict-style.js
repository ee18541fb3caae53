// xterm.js writes <style> elements and style attributes, which the pages' policy forbids for good
// reasons. A style sheet that is made by a script and a property of an element's style are allowed,
// as no text that is put into a page can become one: so its writes are turned into these. Loaded by
// the page of the serial console alone, and before xterm.js.

const create = document.createElement.bind(document);

document.createElement = (name, options) => (
  name === "style" ? asSheet(create("template")) : create(name, options)
);

const set = Element.prototype.setAttribute;

Element.prototype.setAttribute = function setAttribute(name, value) {
  if (name === "style") this.style.cssText = value;
  else set.call(this, name, value);
};

// An element that is never shown stands for it: even an empty <style> is refused. What is written as
// its text goes into a sheet of the document.
function asSheet(element) {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", {
    get: () => "",
    set: (text) => sheet.replaceSync(text),
  });
  element.remove = () => {
    Element.prototype.remove.call(element);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  };
  return element;
}
