// One dropped photo through zero-shot, the chosen α and fine-tuned. It is shown from the browser's memory.
(() => {
  "use strict";
  const { html } = EK;
  EK.define("photo", (root, { props, watch, server }) => {
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    const [drop, input, image, columns, status] = [
      "drop",
      "input",
      "image",
      "columns",
      "status",
    ].map(find);
    let asked = 0;

    const bar = ({ name, probability }, first) =>
      html`<li class="${first ? "ek-first" : ""}">
        <span class="ek-name">${name}</span
        ><span class="ek-prob">${(100 * probability).toFixed(1)} %</span>
        <i style="width:${(100 * probability).toFixed(1)}%"></i>
      </li>`;
    function show(answer) {
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
    async function take(file) {
      if (!file || !props.value?.run) return;
      const mine = (asked += 1);
      if (image.src) URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(file);
      root.dataset.state = "asking";
      status.textContent = props.value.words.asking;
      try {
        const [{ id }] = await EK.upload([{ rel: file.name, file }], () => {});
        const answer = await server.predict(props.value.run, id);
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
    drop.addEventListener("click", () => input.click());
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
    const gate = () => {
      root.hidden = !props.value?.run;
    };
    watch("value", gate);
    gate();
  });
})();
