// Search runs in a worker, and browsers start none for a page that was opened from the file system. There, and only
// there, an invisible frame runs the worker's script in its place.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #queue = [];

    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      (document.body ?? document.documentElement).append(frame);
      const inside = frame.contentWindow;
      this.post = (data) => this.#queue.push(data);
      inside.document.open();
      inside.document.write("<!doctype html><title>search</title><body></body>");
      inside.document.close();
      // What the script posts comes out here as a message, and what is posted here goes in as one.
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...urls) =>
        urls.reduce((before, next) => before.then(() => load(inside, next)), Promise.resolve());
      load(inside, url).then(() => {
        this.post = (data) => inside.dispatchEvent(new inside.MessageEvent("message", { data }));
        this.#queue.forEach((data) => this.post(data));
      });
    }

    postMessage(data) {
      this.post(data);
    }
  };

  const load = (inside, url) =>
    new Promise((done, failed) => {
      const script = inside.document.createElement("script");
      script.src = new URL(url, location.href);
      script.onload = done;
      script.onerror = failed;
      inside.document.body.append(script);
    });
}
