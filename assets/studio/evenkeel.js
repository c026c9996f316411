// The page's small framework: patches HTML that Python rendered, and sends clicks and form drafts back.
// Everything that Gradio gives us enters through `start`; the rest is the plain DOM.
(() => {
  "use strict";
  const widgets = {};

  // ---- patching -------------------------------------------------------------------------------
  // Not idiomorph (tried: 0.8.0): it knows a node again by `id` alone. When keyed rows change order, or
  // a notice in front of a card comes or goes, it makes other nodes: open details close, and a field
  // loses its focus and what was typed. Keys here are unique among siblings, not on the page.
  /** What a node is known by among its siblings: its key, else what it is. */
  function nameOf(node) {
    if (node.nodeType !== 1) return node.nodeName;
    const key = node.dataset.key || node.id;
    return key ? `key ${key}` : `${node.nodeName} ${(node.getAttribute("class") ?? "").split(" ")[0]}`;
  }

  /** Take out of `nodes` the first that becomes `wanted`. */
  function takeFor(wanted, nodes) {
    const name = nameOf(wanted);
    const found = nodes.findIndex((node) => nameOf(node) === name);
    return found < 0 ? null : nodes.splice(found, 1)[0];
  }

  function patchAttributes(from, to) {
    for (const { name } of [...from.attributes]) {
      if (["open", "data-busy", "data-sent"].includes(name)) continue; // what the visitor opened stays open
      if (!to.hasAttribute(name)) from.removeAttribute(name);
    }
    for (const { name, value } of [...to.attributes]) {
      if (name === "open" && from.dataset.seen) continue;
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    if (from.tagName === "DETAILS") from.dataset.seen = "1";
    if (!("value" in from) || from === document.activeElement) return;
    if (from.type === "checkbox" || from.type === "radio") from.checked = to.checked;
    else if (from.tagName === "INPUT" || from.tagName === "SELECT") {
      if (from.value !== to.value) from.value = to.value;
    }
  }

  function patchNode(from, to) {
    if (from.nodeName !== to.nodeName) return from.replaceWith(to);
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.hasAttribute("data-keep")) return; // a script owns what is inside
    patchChildren(from, to);
    patchAttributes(from, to);
  }

  /** Move a child; in newer browsers it keeps its focus. */
  const move = (parent, child, before) =>
    parent.moveBefore ? parent.moveBefore(child, before) : parent.insertBefore(child, before);

  function patchChildren(parent, next) {
    const nodes = [...parent.childNodes];
    const pairs = [...next.childNodes].map((wanted) => [takeFor(wanted, nodes), wanted]);
    for (const gone of nodes) gone.remove();
    let at = parent.firstChild;
    for (const [current, wanted] of pairs) {
      if (!current) {
        parent.insertBefore(wanted, at);
        continue;
      }
      if (current === at) at = at.nextSibling;
      else move(parent, current, at);
      patchNode(current, wanted);
    }
  }

  /** Make `root` show `html`, keeping every node that did not change (focus and scroll survive). */
  function patch(root, html) {
    if (pressed) {
      held.set(root, html);
      return;
    }
    const next = document.createElement("template");
    next.innerHTML = html || "";
    patchChildren(root, next.content);
    root.dispatchEvent(new CustomEvent("ek:patched", { bubbles: true }));
  }

  // ---- nothing is redrawn under a press --------------------------------------------------------
  // A browser sends the click to what button down and button up have in common. When a patch moved
  // or replaced the button in between, that was another element, or none: the click was lost.
  const PRESSABLE = "[data-do], [data-local], [data-pick]";
  const LATE_CLICK_MS = 100; // a finger's click comes some time after its pointerup
  const held = new Map(); // what to show where once the press is over
  let pressed = false;

  let ending = 0;

  function release() {
    pressed = false;
    const all = [...held];
    held.clear();
    for (const [root, html] of all) patch(root, html);
  }
  function press({ target, button }) {
    if (button !== 0 || !target.closest?.(PRESSABLE)) return;
    clearTimeout(ending);
    pressed = true;
  }
  function letGo() {
    if (!pressed) return;
    clearTimeout(ending);
    ending = setTimeout(release, LATE_CLICK_MS);
  }
  addEventListener("pointerdown", press, true);
  for (const type of ["pointerup", "pointercancel", "contextmenu"])
    addEventListener(type, letGo, true);
  addEventListener("blur", letGo); // of the window: that of an element does not bubble

  const TELL_MS = 2500; // by then one wonders
  const SLOWEST_MS = 130_000;

  // ---- panels: HTML from Python, actions back --------------------------------------------------
  function formDraft(form) {
    const draft = {};
    for (const field of form.elements) {
      if (!field.name || (field.type === "radio" && !field.checked)) continue;
      draft[field.name] = field.type === "checkbox" ? field.checked : field.value;
    }
    return draft;
  }

  function panel(root, { element, props, trigger, watch }) {
    const act = (detail) => trigger("action", { ...detail, opened: EK.opened });
    patch(root, props.value);
    watch("value", () => {
      patch(root, props.value);
      document.dispatchEvent(new Event("ek:answered"));
    });
    element.addEventListener("click", (event) => {
      const target = event.target.closest("[data-do]");
      if (!target || target.disabled || target.tagName === "FORM") return;
      if (target.dataset.busy && target.dataset.slow) return; // it is being done
      event.preventDefault();
      if (target.dataset.confirm && !window.confirm(target.dataset.confirm)) return;
      target.closest("details.ek-menu")?.removeAttribute("open");
      busy(target);
      const form = target.dataset.with
        ? document.querySelector(target.dataset.with) // what is on the screen now, typed or not sent yet
        : target.closest("form");
      act({ ...target.dataset, ...(form && { form: formDraft(form) }) });
    });
    let timer = 0;
    const draft = (event) => {
      const form = event.target.closest("form[data-draft]");
      if (!form || !event.target.name) return;
      clearTimeout(timer);
      const send = () => {
        const now = formDraft(form);
        if (JSON.stringify(now) === form.dataset.sent) return; // leaving a field changes nothing
        form.dataset.sent = JSON.stringify(now);
        act({ do: form.dataset.draft, form: now });
      };
      timer = setTimeout(send, event.type === "change" ? 0 : 300);
    };
    element.addEventListener("input", draft);
    element.addEventListener("change", draft);
    element.addEventListener("submit", (event) => event.preventDefault());
    element.addEventListener("ek:act", (event) => act(event.detail));
  }

  /** Mark a button as working; what is slow until the server has answered, or given up. */
  function busy(button) {
    if (button.tagName !== "BUTTON") return;
    button.dataset.busy = "1";
    const { slow } = button.dataset;
    const tell = slow?.length > 1 ? setTimeout(() => toast(slow), TELL_MS) : 0;
    const done = () => {
      clearTimeout(tell);
      document.removeEventListener("ek:answered", done);
      delete button.dataset.busy;
    };
    if (slow) document.addEventListener("ek:answered", done);
    setTimeout(done, slow ? SLOWEST_MS : 600);
  }

  // ---- widgets: JSON from Python, drawn by one of our scripts ----------------------------------
  function define(name, begin) {
    widgets[name] = begin;
    start();
  }

  /** Start what Gradio has put on the page. It may have done so before this script was loaded. */
  function start() {
    const all = (window.EK_STARTS ??= []);
    for (const entry of all.splice(0)) {
      const [name, context] = entry;
      if (!widgets[name]) {
        all.push(entry);
        continue;
      }
      const root = context.element.firstElementChild;
      const trigger = (...what) => arrived.then(() => context.trigger(...what));
      widgets[name](root, { ...context, trigger, value: reading(context.props) });
    }
  }

  // The answer to opening the page would cover that to a press which was sent before it.
  let arrive = null;
  const arrived = new Promise((done) => {
    arrive = () => done(true);
  });

  /** What Python said last. It comes as text: Gradio would watch every number of a figure. */
  function reading(props) {
    let text = null;
    let value = null;
    return () => {
      if (props.value !== text) [text, value] = [props.value, JSON.parse(props.value || "null")];
      return value;
    };
  }

  // ---- small things every script needs ---------------------------------------------------------
  const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const escape = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => escapes[c]);
  /** Tagged template that escapes every value, except those that come from `html` itself. */
  function html(parts, ...values) {
    const text = (v) =>
      Array.isArray(v) ? v.map(text).join("") : v && v.safe !== undefined ? v.safe : escape(v);
    return { safe: parts.reduce((all, part, i) => all + text(values[i - 1]) + part) };
  }
  // Numbers are written as `core/rounding.py` writes them: half up, and what floats blur is a tie.
  function halfUp(value, digits = 0) {
    const scaled = Math.floor(Number((Math.abs(value) * 10 ** digits).toFixed(8)) + 0.5);
    return `${value < 0 && scaled ? "-" : ""}${(scaled / 10 ** digits).toFixed(digits)}`;
  }
  const THIN = "\u202f";
  const percent = (x, digits = 1) =>
    x === null || x === undefined ? "–" : `${halfUp(100 * x, digits)}${THIN}%`;
  const points = (x) => {
    const size = halfUp(100 * Math.abs(x), 1);
    return `${Number(size) === 0 ? "±" : x > 0 ? "+" : "−"}${size}${THIN}pp`;
  };
  const interval = (low, high) => `${halfUp(100 * low)}–${percent(high, 0)}`;
  /** A share in percent as a chart gets it: a hair above a tie, which hover texts then round up. */
  function plotted(x) {
    const value = Number((100 * x).toFixed(8));
    return value.toFixed(1) === halfUp(value, 1) ? value : value + 1e-9;
  }

  function toast(text, level = "info") {
    let tray = document.getElementById("ek-toasts");
    if (!tray) {
      tray = document.createElement("div");
      tray.id = "ek-toasts";
      tray.setAttribute("role", "status");
      tray.setAttribute("aria-live", "polite");
      document.body.append(tray);
    }
    const note = document.createElement("div");
    note.className = `ek-toast ek-toast-${level}`;
    note.textContent = text;
    tray.append(note);
    setTimeout(() => note.remove(), 6000);
  }

  // `opened`: how often the visitor has opened a place by hand; the server's own moves depend on it.
  window.EK = { opened: 0, arrive, arrived, define, start, patch, html, escape, toast };
  Object.assign(EK, { halfUp, percent, points, interval, plotted });
  define("panel", panel);
})();
