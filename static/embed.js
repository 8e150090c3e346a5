/* Touchstone's buttons for customers: docs/embedding.md. No inline code, no style, no cookie, no library. */
(() => {
  const script = document.currentScript;
  const feature = script.dataset.feature;
  const door = new URL(`../f/${encodeURIComponent(feature)}/embed/`, script.src).href;
  const AT_LEAST_MS = 2100;
  const TROUBLE = "This did not arrive. Please try again.";
  let opened;

  // When the page was opened, signed by the server: a thumb within two seconds would look like a machine's.
  function open() {
    opened ??= fetch(door, { credentials: "omit", referrerPolicy: "no-referrer" })
      .then((answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.json();
      })
      .then(({ token }) => ({ token, at: performance.now() }))
      .catch((error) => {
        opened = undefined;
        throw error;
      });
    return opened;
  }

  async function send(box, words) {
    const { token, at } = await open();
    const rest = AT_LEAST_MS - (performance.now() - at);
    if (rest > 0) await new Promise((done) => setTimeout(done, rest));
    const body = new URLSearchParams({ token, ...words });
    for (const name of ["prediction", "actor", "account"]) {
      if (box.dataset[name]) body.set(name, box.dataset[name]);
    }
    const answer = await fetch(door, { method: "POST", body, credentials: "omit", referrerPolicy: "no-referrer" });
    if (!answer.ok) throw new Error(String(answer.status));
  }

  function make(name, words, className) {
    const node = document.createElement(name);
    node.className = `touchstone-${className}`;
    if (words) node.textContent = words;
    return node;
  }

  function build(box) {
    if (box.dataset.touchstoneReady || !box.dataset.prediction) return;
    box.dataset.touchstoneReady = "yes";
    const words = (name, usual) => box.dataset[name] ?? usual;
    const said = make("p", "", "said");
    said.setAttribute("role", "status");
    const thumbs = make("div", "", "thumbs");
    thumbs.setAttribute("role", "group");
    thumbs.setAttribute("aria-label", words("question", "Was this right?"));
    const form = make("form", "", "more");
    const label = make("label", words("more", "Tell us more (no names or addresses)"), "label");
    const text = make("textarea", "", "text");
    const submit = make("button", words("send", "Send"), "send");
    let rating = 0;
    let arrived = 0;

    async function tell(more) {
      said.textContent = "";
      for (const node of box.querySelectorAll("button")) node.disabled = true;
      try {
        // A retry bears the number of what may have arrived, and so is the same item.
        await send(box, { rating, text: more, press: arrived + 1 });
        arrived += 1;
        said.textContent = words("thanks", "Thank you.");
        form.hidden = Boolean(more);
      } catch {
        said.textContent = words("trouble", TROUBLE);
      }
      for (const node of box.querySelectorAll("button")) node.disabled = false;
    }

    for (const [value, usual, name] of [[1, "Right", "up"], [-1, "Wrong", "down"]]) {
      const button = make("button", words(name, usual), name);
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        rating = value;
        for (const each of thumbs.children) each.setAttribute("aria-pressed", String(each === button));
        tell("");
      });
      thumbs.append(button);
    }
    text.maxLength = 10000;
    text.rows = 3;
    label.append(text);
    submit.type = "submit";
    form.hidden = true;
    form.append(label, submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (text.value.trim()) tell(text.value.trim());
    });
    box.append(make("span", words("question", "Was this right?"), "question"), thumbs, form, said);
  }

  function buildAll() {
    const boxes = document.querySelectorAll("[data-touchstone]");
    if (boxes.length) open().catch(() => {});
    boxes.forEach(build);
  }

  // For pages that show predictions later on: call it when new boxes are in the document.
  window.touchstone = { build: buildAll };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", buildAll);
  else buildAll();
})();
