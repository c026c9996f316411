// The α slider: reads the measured grid without asking anybody, then asks for the exact value on release.
(() => {
  "use strict";
  const { html, percent, points } = EK;

  /** Accuracy of a domain at `alpha`, on the line between the two nearest measured points. */
  function read(grid, alpha, domain) {
    const after = grid.findIndex((point) => point.alpha >= alpha - 1e-9);
    if (after <= 0) return grid[Math.max(0, after)].domains[domain];
    const [a, b] = [grid[after - 1], grid[after]];
    const share = (alpha - a.alpha) / (b.alpha - a.alpha);
    return a.domains[domain] * (1 - share) + b.domains[domain] * share;
  }
  const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;

  EK.define("wise", (root, { value, watch, server }) => {
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    const [slider, output, marks, readings, badge, verdict, exact, plotNode, keyNode, table, toggle] = [
      "slider",
      "alpha",
      "marks",
      "readings",
      "badge",
      "verdict",
      "exact",
      "plot",
      "keys",
      "table",
      "toggle",
    ].map(find);
    const shownOf = EK.keys(keyNode, new Set(), () => draw());
    let asked = 0; // latest wins
    let measured = null;

    const alpha = () => Number(slider.value);
    const isChosen = () => Math.abs(alpha() - value().chosen) < 1e-9;

    function values() {
      const { grid, domains } = value();
      if (measured && measured.alpha === alpha()) return { ...measured.domains };
      return Object.fromEntries(
        domains.map(({ key }) => [key, { accuracy: read(grid, alpha(), key) }]),
      );
    }
    function reading() {
      const { domains, words } = value();
      const now = values();
      const sure = measured && measured.alpha === alpha();
      EK.patch(
        readings,
        domains
          .filter((d) => d.shown)
          .map((d) => {
            const gain = now[d.key].accuracy - d.zero;
            const tone =
              gain < 0 && now[d.key].accuracy < d.zero_low
                ? "bad"
                : gain > 0 && now[d.key].accuracy > d.zero_high
                  ? "good"
                  : "even";
            const range =
              now[d.key].low === undefined
                ? ""
                : `${(100 * now[d.key].low).toFixed(0)}–${(100 * now[d.key].high).toFixed(0)} % · `;
            return html`<div class="ek-reading" data-key="${d.key}">
              <span class="ek-swatch" style="--c:${d.colour}" data-symbol="${d.symbol}"></span>
              <span class="ek-name">${d.title}</span><b>${percent(now[d.key].accuracy)}</b>
              <span class="ek-delta ek-${tone}">${points(gain)}</span
              ><small>${range}n ${d.n}</small>
            </div>`.safe;
          })
          .join(""),
      );
      output.textContent = alpha().toFixed(2);
      slider.style.setProperty("--fill", `${100 * alpha()}%`);
      slider.setAttribute("aria-valuetext", `α ${alpha().toFixed(2)}`);
      exact.textContent = sure
        ? words.exact.replace("{seconds}", measured.seconds.toFixed(1))
        : words.instant;
      badge.className = `ek-badge ek-${isChosen() && value().honest ? "good" : "warn"}`;
      badge.textContent = isChosen() ? words.honest : words.by_hand;
      verdict.textContent = isChosen() ? value().verdict : sentence(now);
    }
    function sentence(now) {
      const { domains, words } = value();
      const ood = domains.filter((d) => d.role === "ood");
      const id = domains.find((d) => d.role === "id");
      const gain = (d) => now[d.key].accuracy - d.zero;
      const text = ood.length ? words.sentence : words.sentence_id;
      return text
        .replace("{alpha}", alpha().toFixed(2))
        .replace("{id}", points(gain(id)))
        .replace("{ood}", ood.length ? points(mean(ood.map(gain))) : "");
    }
    function point() {
      const { domains } = value();
      const now = values();
      const ood = domains.filter((d) => d.role === "ood");
      const id = 100 * now[domains.find((d) => d.role === "id").key].accuracy;
      return [id, ood.length ? 100 * mean(ood.map((d) => now[d.key].accuracy)) : 100 * alpha()];
    }
    let drawn = null;
    async function draw() {
      if (!value()?.figure || !plotNode.clientWidth) return;
      const [x, y] = point();
      const { figure } = value();
      const last = figure.data.length - 1;
      const data = figure.data.map((trace, i) =>
        i === last ? { ...trace, x: [x], y: [y] } : trace,
      );
      await EK.plot(plotNode, shownOf({ ...figure, data }));
      drawn = value();
    }
    let queued = 0;
    function moved() {
      const started = performance.now();
      reading();
      root.dataset.latency = (performance.now() - started).toFixed(2);
      cancelAnimationFrame(queued);
      queued = requestAnimationFrame(() => {
        if (drawn !== value()) return draw();
        const [x, y] = point();
        return Plotly.restyle(plotNode, { x: [[x]], y: [[y]] }, [
          value().figure.data.length - 1,
        ]);
      });
    }
    async function released() {
      const mine = (asked += 1);
      const wanted = alpha();
      exact.textContent = value().words.measuring;
      const answer = await server
        .measure(value().run, wanted)
        .catch((error) => ({ error: error.message }));
      if (mine !== asked) return;
      if (answer.error) {
        exact.textContent = answer.error;
        return;
      }
      measured = answer;
      root.dataset.measured = wanted.toFixed(2);
      moved();
    }
    function show() {
      const now = value();
      root.hidden = !now?.grid;
      if (!now?.grid) return;
      measured = null;
      slider.value = String(now.alpha);
      plotNode.setAttribute("aria-label", now.label);
      marks.style.setProperty("--chosen", now.chosen);
      marks.querySelector("span").textContent = now.words.mark;
      EK.patch(table, EK.table(now.table));
      reading();
      draw();
    }
    slider.addEventListener("input", moved);
    slider.addEventListener("change", released);
    root.addEventListener("click", (event) => {
      const to = event.target.closest("[data-alpha]")?.dataset.alpha;
      if (to === undefined) return;
      slider.value = to === "chosen" ? value().chosen : to;
      moved();
      released();
    });
    toggle.addEventListener("click", () => {
      const asTable = table.hidden;
      toggle.setAttribute("aria-pressed", String(asTable));
      table.hidden = !asTable;
      plotNode.hidden = asTable;
      draw();
    });
    watch("value", show);
    EK.redraw(plotNode, draw);
    show();
  });
})();
