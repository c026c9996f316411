// The α slider and its gate: reads the measured grids without asking anybody, then asks for the exact value on release.
(() => {
  "use strict";
  const { html, halfUp, percent, points, interval, plotted } = EK;

  /** Accuracy of a domain at `alpha`, on the line between the two nearest measured points. */
  function read(grid, alpha, domain) {
    const after = grid.findIndex((point) => point.alpha >= alpha - 1e-9);
    if (after <= 0) return grid[Math.max(0, after)].domains[domain];
    const [a, b] = [grid[after - 1], grid[after]];
    const share = (alpha - a.alpha) / (b.alpha - a.alpha);
    return a.domains[domain] * (1 - share) + b.domains[domain] * share;
  }
  /** Wilson's score interval of k of n, as `core/results/intervals.py` has it. */
  function wilson(correct, n) {
    const [z2, share] = [1.959963984540054 ** 2, correct / n];
    const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    const half = (Math.sqrt(z2) / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
    return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
  }
  /** What the grid says of a domain: the nearest that n images can be, and its interval. */
  function estimate(grid, alpha, { key, n }) {
    const line = read(grid, alpha, key);
    const isMeasured = grid.some((point) => same(point.alpha, alpha));
    const correct = Math.round(line * n);
    return { accuracy: correct / n, line, about: !isMeasured, ...wilson(correct, n) };
  }
  const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
  const same = (a, b) => Math.abs(a - b) < 1e-9;
  const HAND = "hand"; // the choice that nothing made
  const REST_MS = 400; // a key held down repeats faster
  /** What was set and has not come to the server: a reload must not lose it. */
  const waiting = {
    get(run) {
      try {
        return JSON.parse(sessionStorage.getItem(`evenkeel-wise-${run}`));
      } catch {
        return null;
      }
    },
    set(run, mixing) {
      try {
        if (mixing) sessionStorage.setItem(`evenkeel-wise-${run}`, JSON.stringify(mixing));
        else sessionStorage.removeItem(`evenkeel-wise-${run}`);
      } catch {
        /* private window */
      }
    },
  };

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
    const [steady, hint, choice, on, how] = ["steady", "hint", "choice", "on", "how"].map(find);
    const shownOf = EK.keys(keyNode, new Set(), () => draw());
    let resting = 0; // since the slider moved last
    let isAsking = false;
    let isBehind = false; // it moved while the server was asked
    let measured = []; // what was asked for since the page came

    const alpha = () => Number(slider.value);
    const kind = () => (steady.checked ? "steady" : "wise");
    const chosen = () => value().chosen[kind()] ?? value().chosen.wise;
    const isChosen = () => same(alpha(), chosen());
    const isRecommended = () =>
      kind() === value().recommended.kind && same(alpha(), value().recommended.alpha);
    /** What half of a domain chose, while the slider is there; else nothing. */
    const half = () => {
      const found = value().halves[kind()]?.[on.value];
      return found && same(found.alpha, alpha()) ? found : null;
    };
    /** The mixing as it was measured, if it ever was. */
    const known = () =>
      [...measured, ...value().exact].find((one) => one.kind === kind() && same(one.alpha, alpha()));
    const named = () => value().words.mixings[kind()].replace("{alpha}", halfUp(alpha(), 2));

    function values() {
      const { grids, domains } = value();
      const grid = grids[kind()];
      return (
        known()?.domains ??
        Object.fromEntries(domains.map((domain) => [domain.key, estimate(grid, alpha(), domain)]))
      );
    }
    /** One domain: what it is at, against zero-shot; of a half that chose α the other half. */
    function row(domain, now, change, other) {
      const { accuracy, low, high, about } = other ?? now;
      const near = about ? "≈ " : "";
      const tested = other ? other.change : change;
      const gain = accuracy - (other ? other.zero : domain.zero);
      const range =
        low === undefined ? "" : `${interval(low, high)} · `;
      const notes = [tested?.said, other?.label, steady.checked && domain.familiar].filter(Boolean);
      return html`<div class="ek-reading" data-key="${domain.key}">
        <span class="ek-swatch" style="--c:${domain.colour}" data-symbol="${domain.symbol}"></span>
        <span class="ek-name">${domain.title}</span><b>${near}${percent(accuracy)}</b>
        <span class="ek-delta ek-${tested?.tone ?? "even"}">${near}${points(gain)}</span
        ><small>${range}n ${other ? other.n : domain.n}</small>
        ${notes.length ? html`<small class="ek-reading-note">${notes.join(" · ")}</small>` : ""}
      </div>`.safe;
    }
    function reading() {
      const { domains, words } = value();
      const now = values();
      const sure = known();
      const chooser = half();
      EK.patch(
        readings,
        domains
          .filter((d) => d.shown)
          .map((d) =>
            row(d, now[d.key], sure?.changes[d.key], on.value === d.key ? chooser : null),
          )
          .join(""),
      );
      output.textContent = halfUp(alpha(), 2);
      slider.style.setProperty("--fill", `${100 * alpha()}%`);
      slider.setAttribute("aria-valuetext", named());
      const isNear = Object.values(now).some((one) => one.about);
      exact.textContent = isNear
        ? words.instant
        : sure?.seconds === undefined
          ? words.known
          : words.exact.replace("{seconds}", halfUp(sure.seconds, 1));
      const honest = chooser || (isChosen() && value().honest);
      badge.className = `ek-badge ek-${honest ? "good" : "warn"}`;
      badge.textContent = chooser?.badge ?? (isChosen() ? words.honest : words.by_hand);
      verdict.textContent = isRecommended() && !chooser ? value().verdict : sentence(now);
    }
    function sentence(now) {
      const { domains, words } = value();
      const ood = domains.filter((d) => d.role === "ood");
      const id = domains.find((d) => d.role === "id") ?? domains[0];
      const gain = (d) => now[d.key].accuracy - d.zero;
      const near = Object.values(now).some((one) => one.about) ? "≈ " : "";
      const text = [words.sentence_id, words.sentence_one][ood.length] ?? words.sentence;
      return text
        .replace("{mixing}", named())
        .replace("{id}", near + points(gain(id)))
        .replace("{n}", ood.length)
        .replace("{ood}", ood.length ? near + points(mean(ood.map(gain))) : "");
    }
    /** The place of a mixture in the frontier, in percent. */
    function place(at, now) {
      const { domains } = value();
      const ood = domains.filter((d) => d.role === "ood");
      const id = domains.find((d) => d.role === "id") ?? domains[0];
      const on = (d) => now[d.key].line ?? now[d.key].accuracy;
      return [plotted(on(id)), plotted(ood.length ? mean(ood.map(on)) : at)];
    }
    function places() {
      const grid = value().grids[kind()];
      const at = (key) => ({ accuracy: read(grid, chosen(), key) });
      const best = Object.fromEntries(value().domains.map(({ key }) => [key, at(key)]));
      return [place(chosen(), best), place(alpha(), values())];
    }
    let drawn = null;
    async function draw() {
      if (!value()?.figure || !plotNode.clientWidth) return;
      const { figure } = value();
      const first = figure.data.length - 2; // what is chosen, then what is looked at
      const now = places();
      const data = figure.data.map((trace, i) => {
        const [x, y] = now[i - first] ?? [];
        return x === undefined ? trace : { ...trace, x: [x], y: [y] };
      });
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
        const last = value().figure.data.length - 1;
        const now = places();
        const [x, y] = [0, 1].map((axis) => now.map((point) => [point[axis]]));
        return Plotly.restyle(plotNode, { x, y }, [last - 1, last]);
      });
    }
    /** Once the slider rests, what it says is asked for: one question, however it came there. */
    function settle(after = 0) {
      waiting.set(value().run, { alpha: alpha(), kind: kind(), on: half() ? on.value : "" });
      clearTimeout(resting);
      resting = setTimeout(released, after);
    }
    async function released() {
      if (isAsking) {
        isBehind = true;
        return;
      }
      isAsking = true;
      isBehind = false;
      const [run, wanted] = [value().run, alpha()];
      exact.textContent = value().words.measuring;
      const answer = await server
        .measure(run, wanted, kind(), half() ? on.value : "")
        .catch((error) => ({ error: error.message }));
      isAsking = false;
      if (run !== value()?.run) return;
      if (!answer.error) measured = [answer, ...measured];
      if (isBehind) {
        released();
        return;
      }
      const isHere = same(alpha(), wanted);
      if (isHere) waiting.set(run, null);
      if (answer.error) {
        exact.textContent = answer.error;
        return;
      }
      root.dataset.measured = halfUp(wanted, 2);
      root.dataset.kind = answer.kind;
      moved();
    }
    /** The chooser that fits where the slider is. */
    function tellChoice() {
      if (half()) return;
      on.value = isChosen() ? "" : HAND;
    }
    /** Put the slider where the run, or half of a domain, would have it. */
    function goTo(where) {
      slider.value = String(where);
      tellChoice();
      mark();
      moved();
      settle();
    }
    function mark() {
      marks.style.setProperty("--chosen", chosen());
      marks.querySelector("span").textContent = value().words.mark;
    }
    function show() {
      const now = value();
      root.hidden = !now?.grids;
      if (!now?.grids) return;
      measured = [];
      const late = waiting.get(now.run);
      const { alpha: at, kind: howMixed, on: chooser } = late ?? now;
      steady.checked = howMixed === "steady";
      steady.disabled = !now.grids.steady;
      hint.textContent = now.hint;
      choice.hidden = !now.choices.length;
      const option = ([key, title]) =>
        html`<option value="${key}" ${{ safe: key === HAND ? "disabled" : "" }}>${title}</option>`
          .safe;
      on.innerHTML = now.choices.map(option).join("");
      how.hidden = !now.tested;
      slider.value = String(at);
      on.value = chooser;
      tellChoice();
      plotNode.setAttribute("aria-label", now.label);
      mark();
      EK.patch(table, EK.table(now.table));
      reading();
      draw();
      if (late) settle();
    }
    slider.addEventListener("input", () => {
      tellChoice();
      moved();
    });
    slider.addEventListener("change", () => settle(REST_MS));
    steady.addEventListener("change", () => {
      const before = steady.checked ? "wise" : "steady";
      const was = value().chosen[before] ?? value().chosen.wise;
      const other = value().halves[kind()]?.[on.value]; // the same half chooses for both
      goTo(other ? other.alpha : same(alpha(), was) ? chosen() : alpha());
    });
    on.addEventListener("change", () =>
      goTo(value().halves[kind()]?.[on.value]?.alpha ?? chosen()),
    );
    root.addEventListener("click", (event) => {
      const to = event.target.closest("[data-alpha]")?.dataset.alpha;
      if (to === undefined) return;
      on.value = "";
      goTo(to === "chosen" ? chosen() : to);
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
