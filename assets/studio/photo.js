// One dropped photo through zero-shot, the chosen mixing and fine-tuned. It is shown from the browser's memory.
(() => {
  "use strict";
  const { html, halfUp, percent } = EK;
  EK.define("photo", (root, { value, watch, server }) => {
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    const [drop, input, image, columns, status, map, toggle, familiar, how] = [
      "drop",
      "input",
      "image",
      "columns",
      "status",
      "map",
      "toggle",
      "familiar",
      "how",
    ].map(find);
    const gate = find("gate");
    let asked = 0;

    const bar = ({ name, probability }, first) =>
      html`<li class="${first ? "ek-first" : ""}">
        <span class="ek-name">${name}</span
        ><span class="ek-prob">${percent(probability)}</span>
        <i style="width:${100 * probability}%"></i>
      </li>`;
    /** How familiar the photo looks to the gate of a steady mixing, and who answers it for that. */
    function tellGate(found) {
      if (!found) return;
      const { familiarity, tuned_share: share } = found;
      const side = familiarity >= 0.5 ? "like" : "unlike";
      const who = share >= 0.9 ? "tuned" : share <= 0.1 && side === "unlike" ? "zero" : "both";
      gate.textContent = value()
        .words.gate[`${side}-${who}`].replace("{familiarity}", percent(familiarity, 0))
        .replace("{share}", percent(share, 0));
    }
    /** Whether the photo is like the training images, and from where on an answer is not trusted. */
    function tellFamiliarity(found) {
      const { words } = value();
      familiar.classList.toggle("ek-bad", Boolean(found?.abstain));
      familiar.textContent = found
        ? words[found.abstain ? "abstain" : "familiar"]
            .replace("{similarity}", halfUp(found.similarity, 2))
            .replace("{threshold}", halfUp(found.threshold, 2))
            .replace("{accepted}", percent(found.accepted, 0))
        : words.unknown;
    }
    /** The map as one pixel a cell; the style sheet stretches it over the part the model saw. */
    function keepMap(found) {
      map.hidden = true;
      toggle.hidden = !found;
      toggle.setAttribute("aria-pressed", "false");
      how.textContent = found ? value().words[found.kind] : value().words.no_map;
      if (!found) return;
      const { values } = found;
      map.width = values[0].length;
      map.height = values.length;
      const pixels = values.flat().flatMap((v) => [255, 90, 0, Math.round(190 * v)]);
      const data = new ImageData(Uint8ClampedArray.from(pixels), map.width, map.height);
      map.getContext("2d").putImageData(data, 0, 0);
    }
    function clear() {
      map.hidden = true;
      toggle.hidden = true;
      gate.textContent = "";
      familiar.textContent = "";
      how.textContent = "";
      EK.patch(columns, "");
    }
    function show(answer) {
      tellGate(answer.gate);
      tellFamiliarity(answer.familiarity);
      keepMap(answer.map);
      EK.patch(
        columns,
        answer.columns
          .map(
            (column) =>
              html`<section class="ek-column" data-key="${column.label}">
                <h4>${column.label}</h4>
                <ol>
                  ${column.top.map((row, i) => bar(row, i === 0))}
                </ol>
              </section>`.safe,
          )
          .join(""),
      );
    }
    /** Shows an image and what `ask` answers about it, unless another was asked for meanwhile. */
    async function about(src, ask) {
      const mine = (asked += 1);
      if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
      image.src = src;
      root.dataset.state = "asking";
      clear();
      status.textContent = value().words.asking;
      try {
        const answer = await ask(value().run);
        if (mine !== asked) return;
        if (answer.error) throw new Error(answer.error);
        status.textContent = "";
        root.dataset.state = "ready";
        show(answer);
      } catch (error) {
        if (mine !== asked) return;
        root.dataset.state = "failed";
        status.textContent = error.message;
      }
    }
    function take(file) {
      if (!file || !value()?.run) return;
      about(URL.createObjectURL(file), async (run) => {
        const [{ id }] = await EK.upload([{ rel: file.name, file }], () => {});
        return server.predict(run, id);
      });
    }
    root.addEventListener("ek:look", ({ detail: { sha, src } }) => {
      if (!value()?.run) return;
      root.focus();
      about(src, (run) => server.predict(run, sha, true));
    });
    drop.addEventListener("click", () => input.click());
    toggle.addEventListener("click", () => {
      map.hidden = !map.hidden;
      toggle.setAttribute("aria-pressed", String(!map.hidden));
    });
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = "";
    });
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files[0]);
    });
    root.addEventListener("paste", (event) => take([...event.clipboardData.files][0]));
    const fail = (text) => {
      asked += 1; // what was asked before no longer counts
      clear();
      root.dataset.state = "failed";
      status.textContent = text;
    };
    const closeCamera = EK.camera(root, () => value().words, take, fail);
    const open = () => {
      root.hidden = !value()?.run;
      if (root.hidden) closeCamera();
    };
    watch("value", open);
    open();
    root.dataset.ready = "";
  });
})();
