// The camera of the visitor's machine: opened by a click, closed after one frame or when it leaves the page.
(() => {
  "use strict";
  const REASONS = { NotAllowedError: "refused", NotFoundError: "none", NotReadableError: "busy" };

  /** Let the camera's buttons below `root` work. `take` gets the frame as a file, `fail` why there is none. */
  function camera(root, words, take, fail) {
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    const [open, snap, close, video] = ["camera", "snap", "camera-close", "video"].map(find);
    let stream = null;
    let asked = 0; // who closes while the browser still asks for permission wants no camera any more

    const show = (isOpen) => {
      open.hidden = isOpen;
      for (const part of [snap, close, video]) part.hidden = !isOpen;
    };
    function end() {
      asked += 1;
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = null;
      video.srcObject = null;
      show(false);
    }
    open.addEventListener("click", async () => {
      asked += 1;
      const mine = asked;
      // Browsers have no camera for a page that came over plain http from another machine.
      if (!navigator.mediaDevices?.getUserMedia) return fail(words().camera_insecure);
      try {
        const found = await navigator.mediaDevices.getUserMedia({
          video: { facingMode: "environment" },
        });
        if (mine !== asked) return found.getTracks().forEach((track) => track.stop());
        stream = found;
        video.srcObject = stream;
        show(true);
        await video.play();
        snap.focus();
      } catch (error) {
        end();
        fail(words()[`camera_${REASONS[error.name] ?? "busy"}`]);
      }
      return undefined;
    });
    snap.addEventListener("click", () => {
      if (!video.videoWidth) return; // no picture has come yet
      const frame = document.createElement("canvas");
      frame.width = video.videoWidth;
      frame.height = video.videoHeight;
      frame.getContext("2d").drawImage(video, 0, 0);
      end();
      open.focus();
      frame.toBlob(
        (blob) => take(new File([blob], "camera.jpg", { type: "image/jpeg" })),
        "image/jpeg",
        0.95,
      );
    });
    close.addEventListener("click", () => {
      end();
      open.focus();
    });
    document.addEventListener("click", () => {
      if (stream && !video.offsetParent) end(); // another place was opened
    });
    addEventListener("pagehide", end);
    return end;
  }

  EK.camera = camera;
})();
