// Runs before any of Gradio's own scripts, from within the page.
(() => {
  "use strict";
  // Gradio says its own few words in the browser's language: it is told that of the page.
  Object.defineProperty(navigator, "language", { value: document.documentElement.lang });

  // Gradio 6.31's loading display counts in every frame, for good, also when it is long gone: that keeps a
  // twentieth of a core busy in every open page. A frame that it does not get ends it.
  let isLoaded = false;
  const nextFrame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (work) =>
    isLoaded && new Error().stack.includes("statustracker") ? 0 : nextFrame(work);
  window.endLoader = () => {
    isLoaded = true;
    setTimeout(() => (isLoaded = false), 1000); // by then it has asked
  };
})();
