// Folders, files and zips from the picker or a drop, with their relative paths: the browser's own
// upload in Gradio keeps only the last part of a name, and class folders would be lost.
(() => {
  "use strict";
  const BATCH = 48;
  const LANES = 3;

  /** Every file below a dropped entry; `readEntries` answers in batches until it is empty. */
  async function walk(entry, path, out) {
    const rel = path + entry.name;
    if (entry.isFile) {
      out.push({ rel, file: await new Promise((ok, no) => entry.file(ok, no)) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!batch.length) return;
      for (const child of batch) await walk(child, `${rel}/`, out);
    }
  }

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const out = [];
    if (entries.length) for (const entry of entries) await walk(entry, "", out);
    else for (const file of transfer.files) out.push({ rel: file.name, file });
    return { files: out, folder: entries.length === 1 ? entries[0].name : "" };
  }

  const picked = (list) => ({
    files: [...list].map((file) => ({ rel: file.webkitRelativePath || file.name, file })),
    folder: "",
  });

  /** Their ids on the server, in the order of `files`. One request carries up to 48 files. */
  async function send(files, onProgress) {
    const ids = new Array(files.length);
    let next = 0;
    let done = 0;
    async function lane() {
      while (next < files.length) {
        const from = next;
        next = Math.min(files.length, from + BATCH);
        const form = new FormData();
        // Equal names in one request are fine: answers come in the order of the parts.
        for (const { file } of files.slice(from, next)) form.append("files", file, file.name);
        const to = next;
        const answer = await fetch("studio/uploads", { method: "POST", body: form });
        if (!answer.ok) throw new Error((await answer.text()).slice(0, 300) || answer.statusText);
        (await answer.json()).forEach((id, i) => {
          ids[from + i] = id;
        });
        done += to - from;
        onProgress(done / files.length);
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane));
    return files.map(({ rel, file }, i) => ({ rel, id: ids[i], size: file.size }));
  }
  EK.upload = send;

  EK.define("folder-drop", (root, { trigger, props }) => {
    const { words } = props;
    const bar = root.querySelector("[data-part=bar]");
    const status = root.querySelector("[data-part=status]");
    const say = (text, bad = false) => {
      status.textContent = text;
      status.classList.toggle("ek-bad", bad);
    };
    async function take({ files: all, folder }) {
      const { opened } = EK;
      const files = all.filter(({ file }) => file.size > 0); // none at all: the server says so
      root.dataset.busy = "1";
      try {
        const sent = await send(files, (share) => {
          bar.style.width = `${Math.round(100 * share)}%`;
          say(
            words.sending
              .replace("{done}", Math.round(share * files.length))
              .replace("{all}", files.length),
          );
        });
        say(words.reading);
        trigger("action", { do: "upload", files: sent, folder, role: root.dataset.role, opened });
        setTimeout(() => say(""), 4000);
      } catch (error) {
        say(`${words.failed} ${error.message}`, true);
      } finally {
        delete root.dataset.busy;
        bar.style.width = "0";
      }
    }
    root.addEventListener("click", (event) => {
      const kind = event.target.closest("[data-pick]")?.dataset.pick;
      if (kind) root.querySelector(`input[data-kind=${kind}]`).click();
    });
    for (const input of root.querySelectorAll("input[type=file]"))
      input.addEventListener("change", () => {
        take(picked(input.files));
        input.value = "";
      });
    let depth = 0;
    const over = (on) => root.classList.toggle("ek-over", on);
    root.addEventListener("dragenter", (e) => {
      e.preventDefault();
      depth += 1;
      over(true);
    });
    root.addEventListener("dragover", (e) => e.preventDefault());
    root.addEventListener("dragleave", () => {
      depth -= 1;
      over(depth > 0);
    });
    root.addEventListener("drop", async (event) => {
      event.preventDefault();
      depth = 0;
      over(false);
      take(await dropped(event.dataTransfer));
    });
  });
})();
