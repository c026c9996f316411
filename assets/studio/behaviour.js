// What the page does without asking the server: theme, drawer, copying, filters, arrow keys, address.
(() => {
  "use strict";
  const store = {
    get: (key) => {
      try {
        return localStorage.getItem(`evenkeel-${key}`);
      } catch {
        return null;
      }
    },
    set: (key, value) => {
      try {
        localStorage.setItem(`evenkeel-${key}`, value);
      } catch {
        /* private window */
      }
    },
  };

  // ---- theme: the visitor's choice, else the system's ------------------------------------------
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  function applyTheme() {
    const chosen = store.get("theme");
    const dark = chosen ? chosen === "dark" : systemDark.matches;
    if (document.body.classList.contains("dark") !== dark)
      document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }
  systemDark.addEventListener("change", applyTheme);

  // ---- a login that has ended: the page says so by going to the login --------------------------
  const ask = window.fetch;
  window.fetch = async (...question) => {
    const answer = await ask(...question);
    if (answer.status === 401 && answer.url.includes("/run/predict")) location.reload();
    return answer;
  };

  // ---- what a click does -----------------------------------------------------------------------
  const local = {
    theme() {
      store.set("theme", document.body.classList.contains("dark") ? "light" : "dark");
      applyTheme();
    },
    async logout() {
      await fetch("studio/logout", { method: "POST" });
      location.reload();
    },
    queue() {
      const wide = matchMedia("(min-width: 1200px)").matches;
      const name = wide ? "ek-queue-closed" : "ek-queue-open";
      const on = document.body.classList.toggle(name);
      if (wide) store.set("queue", on ? "closed" : "open");
      window.dispatchEvent(new Event("resize"));
    },
    tab(target) {
      document.getElementById(`tab-${target.dataset.to}-button`)?.click();
    },
    async copy(target) {
      const tabs = target.closest("[data-tabs]");
      const source = tabs
        ? tabs.querySelector("[data-page]:not([hidden])")
        : document.getElementById(target.dataset.from);
      const text = source?.textContent ?? "";
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      target.dataset.copied = "1";
      setTimeout(() => delete target.dataset.copied, 1500);
    },
    show(target) {
      const group = target.closest("[data-tabs]");
      for (const button of group.querySelectorAll("[data-local=show]"))
        button.setAttribute("aria-selected", String(button === target));
      for (const page of group.querySelectorAll("[data-page]"))
        page.hidden = page.dataset.page !== target.dataset.to;
      group.dataset.shown = target.dataset.to;
    },
    /** Opens an image of the data set in "Try a photo"; Gradio makes a tab when it is first opened. */
    async look(target) {
      document.getElementById("lab-photo-button")?.click();
      for (let tries = 0; tries < 60; tries += 1) {
        const photo = document.querySelector(".ek-photo[data-ready]");
        if (photo) return photo.dispatchEvent(new CustomEvent("ek:look", { detail: target.dataset }));
        await new Promise((done) => setTimeout(done, 50));
      }
    },
    /** Past header and rail: the keyboard goes on in the place that is open. */
    skip() {
      const place = [...document.querySelectorAll("#ek-places > [role=tabpanel]")].find(
        (panel) => panel.offsetParent,
      );
      if (!place) return;
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
      scrollTo({ top: 0 });
    },
    dismiss(target) {
      target.closest("[data-dismissable]")?.remove();
    },
    bottom(target) {
      const log = document.getElementById(target.dataset.from);
      if (log) log.scrollTop = log.scrollHeight;
    },
  };
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-local]");
    if (target) local[target.dataset.local]?.(target);
    for (const menu of document.querySelectorAll("details.ek-menu[open]"))
      if (!menu.contains(event.target)) menu.removeAttribute("open");
  });

  // A patched panel keeps the page of its tabs that the visitor chose.
  document.addEventListener("ek:patched", (event) => {
    for (const group of event.target.querySelectorAll("[data-tabs][data-shown]")) {
      const chosen = group.querySelector(`[data-local=show][data-to="${group.dataset.shown}"]`);
      if (chosen) local.show(chosen);
    }
    for (const link of event.target.querySelectorAll("[data-copy-once]:not([data-keep])")) {
      link.dataset.keep = ""; // the click that asked for it still allows to copy
      navigator.clipboard?.writeText(link.textContent).catch(() => {});
    }
    for (const section of event.target.querySelectorAll("[data-arrive]")) {
      if (section.ekArrived) continue; // what a click has opened is shown, once
      section.ekArrived = true;
      section.scrollIntoView({ block: "nearest" });
      section.focus({ preventScroll: true });
    }
    for (const log of event.target.querySelectorAll("[data-follow]")) {
      if (log.dataset.left !== "1") log.scrollTop = log.scrollHeight;
    }
    for (const box of event.target.querySelectorAll("[data-filter]")) if (box.value) filter(box);
  });
  document.addEventListener(
    "scroll",
    ({ target }) => {
      if (!target.dataset || target.dataset.follow === undefined) return;
      const gap = target.scrollHeight - target.scrollTop - target.clientHeight;
      target.dataset.left = gap > 24 ? "1" : "0";
    },
    true,
  );

  // ---- keys ------------------------------------------------------------------------------------
  const steps = {
    ArrowRight: 1,
    ArrowDown: 1,
    ArrowLeft: -1,
    ArrowUp: -1,
    Home: -Infinity,
    End: Infinity,
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.body.classList.remove("ek-queue-open");
      for (const menu of document.querySelectorAll("details.ek-menu[open]"))
        menu.removeAttribute("open");
    }
    const group = event.target.closest?.('[role="radiogroup"], [role="tablist"]');
    const step = steps[event.key];
    if (!group || !step || event.target.closest("input, select, textarea")) return;
    const role = group.getAttribute("role") === "tablist" ? "tab" : "radio";
    const items = [...group.querySelectorAll(`[role=${role}]`)].filter((item) => item.offsetParent);
    const at = items.indexOf(event.target.closest(`[role=${role}]`));
    if (at < 0) return;
    event.preventDefault();
    const to =
      Math.abs(step) === 1
        ? (at + step + items.length) % items.length
        : step < 0
          ? 0
          : items.length - 1;
    items[to].focus();
    items[to].click();
  });

  // ---- forms: sliders beside numbers, and the filter box ---------------------------------------
  const places = (value) => (Math.abs(value) >= 100 ? 0 : 3);
  function neat(value, whole) {
    if (whole) return String(Math.round(value));
    const text = Number(value.toPrecision(2));
    return Math.abs(text) < 1e-3 && text !== 0
      ? text.toExponential().replace("e-0", "e-")
      : String(+text.toFixed(places(text) + 3));
  }
  const toValue = ({ low, high, log }, t) =>
    log === "1" ? low * (high / low) ** t : low + t * (high - low);
  const toShare = ({ low, high, log }, v) =>
    log === "1" ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  const scale = ({ dataset: d }) => ({ low: +d.low, high: +d.high, log: d.log });

  function paint(range) {
    range.style.setProperty(
      "--fill",
      `${(100 * (range.value - range.min)) / (range.max - range.min || 1)}%`,
    );
  }
  function fromNumber(field) {
    const range = field.closest("[data-pair]")?.querySelector("input[type=range]");
    if (!range) return;
    const value = Number(field.value || field.placeholder);
    const share = Number.isFinite(value) ? toShare(scale(range), value) : 0.5;
    range.value = String(1000 * Math.min(1, Math.max(0, share)));
    range.classList.toggle("ek-unset", !Number.isFinite(value)); // "auto": nobody has chosen yet
    paint(range);
    const { low, high } = scale(range);
    field
      .closest("[data-pair]")
      .classList.toggle("ek-unusual", Number.isFinite(value) && (value < low || value > high));
  }
  function filter(box) {
    const wanted = box.value.trim().toLowerCase();
    const rows = document.querySelectorAll(box.dataset.filter);
    let shown = 0;
    for (const row of rows) {
      row.hidden =
        !row.textContent.toLowerCase().includes(wanted) &&
        !(row.dataset.words || "").includes(wanted);
      shown += !row.hidden;
    }
    const none = document.querySelector(box.dataset.none);
    if (none) none.hidden = shown > 0;
  }
  document.addEventListener("input", ({ target }) => {
    if (target.dataset?.filter) return filter(target);
    const pair = target.closest?.("[data-pair]");
    if (!pair) return undefined;
    if (target.type !== "range") return fromNumber(target);
    const field = pair.querySelector("input[name]");
    field.value = neat(toValue(scale(target), target.value / 1000), target.dataset.whole === "1");
    paint(target);
    target.classList.remove("ek-unset");
    pair.classList.remove("ek-unusual");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return undefined;
  });
  document.addEventListener("ek:patched", ({ target }) => {
    for (const field of target.querySelectorAll("[data-pair] input[name]"))
      if (field !== document.activeElement) fromNumber(field);
  });

  // ---- address bar, title, notices, the phone's queue chip -------------------------------------
  let moving = false;
  let opens = () => {}; // until the address bar is there: it looks at what was opened before
  let opensLab = () => {};
  // Gradio shows its tabs before it has our parts: a place opened by then counts as well.
  document.addEventListener("click", (event) => {
    const lab = event.target.closest("#ek-lab-tabs > .tab-wrapper [role=tab]")?.dataset.tabId;
    if (lab) opensLab(lab);
    const place = event.target.closest("#ek-places > .tab-wrapper [role=tab]")?.dataset.tabId;
    if (!place || moving) return;
    EK.opened += 1;
    opens(place);
  });
  EK.define("address", (root, { props, value, watch, trigger }) => {
    const said = new Set();
    const button = (tab) => document.getElementById(`tab-${tab}-button`);
    const here = () => document.querySelector("#ek-places > .tab-wrapper [aria-selected=true]");
    let last = 0;
    /** Go where the server sends us, unless the visitor has gone elsewhere since it was asked. */
    const obey = ({ tab, stamp, opened }) => {
      if (stamp <= last) return undefined;
      last = stamp;
      if (opened !== null && opened < EK.opened) return stay(here()?.dataset.tabId);
      moving = true;
      button(tab)?.click();
      moving = false;
      return undefined;
    };
    const stay = (tab) => tab && trigger("action", { do: "stay", tab, opened: EK.opened });
    const show = () => {
      const { query, title, move, notices = [], read_only: readOnly } = value() || {};
      for (const [tab, name] of Object.entries(props.short))
        if (button(tab)) button(tab).dataset.short = name; // shown on a phone
      document.body.classList.toggle("ek-read-only", Boolean(readOnly));
      if (query !== undefined) EK.arrive();
      if (move) obey(move);
      if (query !== undefined && location.search !== query)
        history.replaceState(null, "", query || location.pathname);
      if (title && document.title !== title) document.title = title;
      for (const { key, text, level } of notices) {
        if (said.has(key)) continue;
        said.add(key);
        EK.toast(text, level);
      }
    };
    show();
    watch("value", show);
    opens = stay;
    opensLab = (lab) => trigger("action", { do: "open-lab", lab, opened: EK.opened });
    applyTheme();
    document.body.classList.toggle("ek-queue-closed", store.get("queue") === "closed");
    document.body.classList.add("ek-ready");
    window.endLoader();
  });
})();
