/* Enhances pages that work without it: keys, focus, spoken news. Hooks are data-* attributes. */
(() => {
  const announce = document.getElementById("announce");
  const trouble = document.getElementById("trouble");
  let isBusy = false;

  const isVisible = (node) => node.getClientRects().length > 0;
  const isTyping = (node) =>
    node.matches("textarea, select, [contenteditable]") || (node.matches("input") && !["radio", "checkbox"].includes(node.type));

  // One table for handlers and badges: the data-key attributes of what is on the page.
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter(isVisible);

  function use(node) {
    if ("keyFocus" in node.dataset) {
      const target = node.htmlFor ? document.getElementById(node.htmlFor) : node;
      target.focus();
      target.scrollIntoView({ block: "nearest" });
      return;
    }
    const input = node.querySelector("input");
    if (input) {
      input.click();
      input.focus();
      return;
    }
    node.click();
    if (node.matches("summary")) (node.parentElement.querySelector("textarea, button") ?? node).focus();
  }

  // The form one is writing in, where it says so, or the judgment of the page.
  function submitForm() {
    const form = document.activeElement.closest("[data-quick]") ?? document.querySelector("[data-judgment]");
    if (form) form.requestSubmit(form.querySelector("button[type=submit]"));
  }

  document.addEventListener("keydown", (event) => {
    if (isBusy || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submitForm();
      return;
    }
    const hasAltGraph = event.getModifierState("AltGraph");
    if (isTyping(event.target) || ((event.ctrlKey || event.metaKey || event.altKey) && !hasAltGraph)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary, form")) return;
    const node = keyed().find((each) => each.dataset.key === event.key);
    if (!node) return;
    event.preventDefault();
    use(node);
  });

  function words(node) {
    return node.getAttribute("aria-label") ?? node.textContent.trim();
  }

  function listKeys(list) {
    list.replaceChildren(
      ...keyed().flatMap((node) => {
        const term = document.createElement("dt");
        const key = document.createElement("kbd");
        const text = document.createElement("dd");
        key.textContent = node.dataset.key;
        text.textContent = words(node);
        term.append(key);
        return [term, text];
      }),
    );
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      listKeys(dialog.querySelector(".key-list"));
      dialog.showModal();
    }
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  function settle() {
    for (const node of document.querySelectorAll("[data-dialog]")) node.hidden = false;
    const said = document.querySelector("[data-said]");
    if (said) announce.textContent = said.textContent;
    const invalid = document.querySelector('[aria-invalid="true"] :is(input, textarea), :is(input, select, textarea)[aria-invalid="true"]');
    (invalid ?? document.querySelector("[data-focus]"))?.focus({ preventScroll: !invalid });
  }

  function tell(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  // The heartbeat of a case: once a minute while somebody is there. It keeps the lease and what is entered.
  const MINUTE = 60_000;
  let lastSeen = Date.now();
  for (const kind of ["keydown", "pointerdown", "pointermove", "scroll"]) {
    document.addEventListener(kind, () => { lastSeen = Date.now(); }, { passive: true });
  }

  async function beat() {
    const form = document.querySelector("[data-beat]");
    if (!form || isBusy || document.hidden || Date.now() - lastSeen > MINUTE) return;
    try {
      const answer = await fetch(form.dataset.beat, { method: "POST", body: new FormData(form) });
      if (answer.status === 409) tell(await answer.text());
    } catch { /* the next beat, or the submit, says that the server is away */ }
  }
  setInterval(beat, MINUTE);

  document.addEventListener("htmx:beforeRequest", () => {
    isBusy = true;
    tell("");
  });
  document.addEventListener("htmx:afterRequest", () => { isBusy = false; });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "desk" || event.detail.elt.id === "desk") {
      settle();
      window.scrollTo(0, 0);
    }
  });
  document.addEventListener("htmx:sendError", () => tell("The server does not answer. What you entered is still here; try again."));
  document.addEventListener("htmx:responseError", (event) => {
    const isOut = event.detail.xhr.status === 403;
    tell(isOut ? "You are logged out, or this is no longer yours. Reload the page." : "Something went wrong on the server. What you entered is still here; try again.");
  });
  settle();
})();
