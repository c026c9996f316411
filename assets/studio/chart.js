// Charts that keep the visitor's zoom: Plotly.react in place, colours from the theme, a table beside it.
(() => {
  "use strict";
  const config = {
    displaylogo: false,
    responsive: false,
    modeBarButtonsToRemove: [
      "select2d",
      "lasso2d",
      "autoScale2d",
      "zoomIn2d",
      "zoomOut2d",
      "toImage",
    ],
  };
  const axis = {
    gridcolor: "var(--ek-line)",
    showline: false,
    zeroline: false,
    ticks: "",
    tickfont: { color: "var(--ek-ink-3)", size: 11 },
    automargin: true,
    title: { font: { color: "var(--ek-ink-2)", size: 12 }, standoff: 8 },
  };
  const base = {
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    hovermode: "closest",
    font: { family: "Inter, sans-serif", size: 12, color: "var(--ek-ink-2)" },
    margin: { l: 44, r: 12, t: 8, b: 40 },
    hoverlabel: {
      bgcolor: "var(--ek-tip)",
      bordercolor: "var(--ek-tip)",
      font: { color: "var(--ek-tip-ink)", family: "Inter, sans-serif", size: 12 },
    },
    separators: ".\u202f",
    showlegend: false, // the keys above the chart are ours: they line up, wrap and are buttons
  };

  /** A deep copy with every `var(--name)` replaced by the colour that it has now. */
  function coloured(value, style) {
    if (typeof value === "string")
      return value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value && typeof value === "object")
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, coloured(item, style)]),
      );
    return value;
  }

  function merged(low, high) {
    if (!low || !high || typeof low !== "object" || typeof high !== "object" || Array.isArray(high))
      return high ?? low;
    const out = { ...low };
    for (const key of Object.keys(high)) out[key] = merged(low[key], high[key]);
    return out;
  }

  /** Draw or update; resolves when the figure is on the page. */
  async function plot(node, figure) {
    const style = getComputedStyle(document.body);
    const layout = merged(base, figure.layout || {});
    for (const key of Object.keys({ xaxis: 0, yaxis: 0, ...layout }))
      if (/^[xy]axis\d*$/.test(key)) layout[key] = merged(axis, layout[key]);
    layout.width = node.clientWidth || 480;
    layout.height = node.clientHeight || 300;
    await run();
    return Plotly.react(node, coloured(figure.data, style), coloured(layout, style), config);
  }

  // Plotly is 4.8 MB, a third of what a page costs: it is run when the first chart is drawn.
  let running = null;
  function run() {
    running ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "studio/assets/plotly.min.js";
      script.onload = resolve;
      script.onerror = () => {
        running = null; // the next chart asks again
        reject(new Error("plotly.min.js did not arrive"));
      };
      document.head.append(script);
    });
    return running;
  }

  // A link to a run opens on its curves: Plotly is got ready while the server still draws them.
  const asked = new URLSearchParams(location.search);
  if (asked.has("run") && ["live", "lab", null].includes(asked.get("tab"))) {
    const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
    whenIdle(() => run().catch(() => {}), { timeout: 1000 });
  }

  /** Call `draw` when the theme or the size changes, and once when the node becomes visible. */
  EK.redraw = (node, draw) => {
    let width = 0;
    let queued = 0;
    const later = () => {
      cancelAnimationFrame(queued);
      queued = requestAnimationFrame(draw);
    };
    new ResizeObserver(() => {
      if (!node.clientWidth || node.clientWidth === width) return;
      width = node.clientWidth;
      later();
    }).observe(node);
    new MutationObserver((changes) => {
      const dark = document.body.classList.contains("dark");
      if (changes.length && node.dataset.dark !== String(dark)) {
        node.dataset.dark = String(dark);
        if (node.clientWidth) later();
      }
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };

  const groupOf = (trace) => trace.legendgroup || trace.name;

  /** The figure without the groups that the visitor switched off, or has not switched on. */
  const without = (figure, off) => ({
    ...figure,
    data: figure.data.map((trace) => ({ ...trace, visible: !off.has(groupOf(trace)) })),
  });

  /** Keys of a figure as buttons: colour and symbol of every trace that has a name of its own. */
  function keys(figure, off) {
    const named = figure.data.filter((trace) => trace.showlegend !== false && trace.name);
    if (named.length < 2) return "";
    return named
      .map((trace) => {
        const colour = trace.marker?.color || trace.line?.color;
        const size = Math.max(5, Math.min(11, trace.marker?.size || 10));
        const symbol = (trace.mode || "").includes("markers")
          ? trace.marker?.symbol || "circle"
          : "line";
        return EK.html`<button type="button" data-group="${groupOf(trace)}" aria-pressed="${!off.has(groupOf(trace))}">
        <span class="ek-swatch" style="--c:${colour}; --s:${size}px" data-symbol="${symbol}"></span>${trace.name}</button>`
          .safe;
      })
      .join("");
  }

  /** Keys for `figure` inside `node`; `changed` is called after a click. */
  EK.keys = (node, off, changed) => {
    const known = new Set();
    node.addEventListener("click", (event) => {
      const group = event.target.closest("[data-group]")?.dataset.group;
      if (group === undefined) return;
      if (!off.delete(group)) off.add(group);
      changed();
    });
    return (figure) => {
      for (const trace of figure.data) {
        if (trace.visible === "legendonly" && !known.has(groupOf(trace))) off.add(groupOf(trace));
        known.add(groupOf(trace));
      }
      EK.patch(node, keys(figure, off));
      return without(figure, off);
    };
  };
  EK.plot = plot;
  EK.table = ({ columns, rows }) =>
    EK.html`<table class="ek-table"><thead><tr>${columns.map((c) => EK.html`<th>${c}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => EK.html`<tr>${row.map((cell) => EK.html`<td>${cell}</td>`)}</tr>`)}</tbody></table>`
      .safe;

  EK.define("chart", (root, { value, watch }) => {
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    const [plotNode, table, empty, note, toggle, frames, keyNode] = [
      "plot",
      "table",
      "empty",
      "note",
      "toggle",
      "frames",
      "keys",
    ].map(find);
    const shownOf = EK.keys(keyNode, new Set(), () => draw());
    const slider = frames.querySelector("input");
    let frame = null; // null follows the newest

    function figure({ figure: fig, frames: list }) {
      if (!list || !list.length) return fig;
      const at = frame === null ? list.length - 1 : Math.min(frame, list.length - 1);
      slider.max = String(list.length - 1);
      if (slider.value !== String(at)) slider.value = String(at);
      slider.style.setProperty("--fill", `${(100 * at) / Math.max(1, list.length - 1)}%`);
      frames.querySelector("output").textContent = list[at].label;
      return { ...fig, data: [...fig.data, ...list[at].data] };
    }
    function draw() {
      const now = value();
      const ready = Boolean(now?.figure);
      plotNode.hidden = !ready || root.dataset.view === "table";
      table.hidden = !ready || root.dataset.view !== "table";
      toggle.hidden = !ready || !now.table;
      frames.hidden = !ready || !(now.frames && now.frames.length > 1);
      empty.hidden = ready;
      empty.textContent = now?.empty || "";
      note.textContent = now?.note || "";
      if (!ready) return;
      plotNode.setAttribute("aria-label", now.label || "");
      if (root.dataset.view === "table") EK.patch(table, EK.table(now.table));
      else if (plotNode.clientWidth) plot(plotNode, shownOf(figure(now)));
    }
    toggle.addEventListener("click", () => {
      root.dataset.view = root.dataset.view === "table" ? "plot" : "table";
      toggle.setAttribute("aria-pressed", String(root.dataset.view === "table"));
      draw();
    });
    slider.addEventListener("input", () => {
      frame = Number(slider.value) === Number(slider.max) ? null : Number(slider.value);
      draw();
    });
    watch("value", draw);
    EK.redraw(plotNode, draw);
    EK.redraw(root, draw);
    draw();
  });
})();
