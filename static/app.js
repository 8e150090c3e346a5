/* Enhances pages that work without it: keys, focus, spoken news. Hooks are data-* attributes. */
(() => {
  const announce = document.getElementById("announce");
  const trouble = document.getElementById("trouble");
  let isBusy = false;

  const isVisible = (node) => node.getClientRects().length > 0;
  const isTyping = (node) =>
    node.matches("textarea, select, [contenteditable]") || (node.matches("input") && !["radio", "checkbox"].includes(node.type));

  // One table for handlers, badges and the help: the data-key attributes of what is on the page.
  const keyed = () => [...document.querySelectorAll("[data-key]")];

  function use(node) {
    if ("keyFocus" in node.dataset) {
      const target = document.getElementById(node.htmlFor || node.dataset.keyFocus) ?? node;
      target.focus();
      target.scrollIntoView({ block: "nearest" });
      return;
    }
    const input = node.querySelector("input");
    if (input) {
      input.click();
      input.focus();
      if (input.name === "verdict") askForLabel(input.form);
      return;
    }
    node.click();
    if (node.matches("summary")) (node.parentElement.querySelector("textarea, button") ?? node).focus();
  }

  // Of many labels the right one is typed next; of few it has a key.
  function askForLabel(form) {
    const field = form.querySelector('[data-narrow="corrected"]');
    if (field && isVisible(field) && !form.querySelector("[name=corrected]:checked")) field.focus();
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
    const isComposed = event.getModifierState("AltGraph") || (event.altKey && /^[[\]?]$/.test(event.key));
    if (isTyping(event.target) || ((event.ctrlKey || event.metaKey || event.altKey) && !isComposed)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary, form")) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key; // whatever Caps Lock says
    const node = keyed().find((each) => each.dataset.key === pressed && isVisible(each));
    if (!node) return;
    event.preventDefault();
    use(node);
  });

  function words(node) {
    return node.getAttribute("aria-label") ?? node.textContent.trim().replace(/\s+/g, " ");
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

  // A field that narrows down a long list of choices; Enter takes the first that is left.
  const choicesOf = (field) => [...field.form.querySelectorAll(`[name="${field.dataset.narrow}"]`)].map((input) => input.parentElement);

  document.addEventListener("input", (event) => {
    if (event.target.closest("[data-beat]")) isDirty = true;
    if (!("narrow" in event.target.dataset)) return;
    const sought = event.target.value.trim().toLowerCase();
    const choices = choicesOf(event.target);
    for (const each of choices) each.hidden = !each.textContent.toLowerCase().includes(sought);
    const n = choices.filter((each) => !each.hidden).length;
    announce.textContent = `${n} of ${choices.length}`;
  });

  document.addEventListener("keydown", (event) => {
    if (!("narrow" in event.target.dataset) || event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const found = choicesOf(event.target).find((each) => !each.hidden)?.querySelector("input");
    if (!found || isBusy) return;
    found.click();
    found.focus();
  });

  function settle() {
    isDirty = false;
    readLease();
    for (const node of document.querySelectorAll("[data-dialog], .narrow-down")) node.hidden = false;
    const said = document.querySelector("[data-said]");
    if (said) announce.textContent = said.textContent;
    const invalid = document.querySelector(':is([data-invalid], [aria-invalid="true"]) :is(input, textarea), :is(input, select, textarea)[aria-invalid="true"]');
    (invalid ?? document.querySelector("[data-focus]"))?.focus({ preventScroll: !invalid });
  }

  function tell(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  // The heartbeat of a case: once a minute while somebody is there. It keeps the lease and what is entered.
  const MINUTE = 60_000;
  let lastSeen = Date.now();
  let lastBeat = Date.now();
  let leasedUntil = Infinity;
  let isDirty = false;
  for (const kind of ["keydown", "pointerdown", "pointermove", "scroll"]) {
    document.addEventListener(kind, () => {
      lastSeen = Date.now();
      if (isRunningOut() && lastSeen - lastBeat > MINUTE / 6) beat();
    }, { passive: true, capture: kind === "scroll" });
  }

  async function beat() {
    const form = document.querySelector("[data-beat]");
    if (!form || isBusy || document.hidden || Date.now() - lastSeen > MINUTE) return;
    lastBeat = Date.now();
    try {
      const answer = await fetch(form.dataset.beat, { method: "POST", body: new FormData(form) });
      const text = await answer.text();
      if (!form.isConnected) return;
      if (answer.ok) leasedUntil = Date.now() + Number(text) * 1000;
      else if (answer.status === 409) tell(text);
      showLease();
    } catch { /* the next beat, or the submit, says that the server is away */ }
  }
  setInterval(beat, MINUTE);

  // What is entered is kept, too, when one looks at something else.
  document.addEventListener("visibilitychange", () => {
    const form = document.querySelector("[data-beat]");
    if (!form || !isDirty || isBusy || !document.hidden) return;
    navigator.sendBeacon(form.dataset.beat, new FormData(form));
    isDirty = false;
  });

  // The clock of a lease, shown when there are less than two minutes of it.
  const isRunningOut = () => leasedUntil - Date.now() < 2 * MINUTE;

  function readLease() {
    const clock = document.querySelector("[data-lease]");
    leasedUntil = clock ? Date.now() + Number(clock.dataset.lease) * 1000 : Infinity;
    showLease();
  }

  function showLease() {
    const clock = document.querySelector("[data-lease]");
    if (!clock) return;
    if (clock.hidden && isRunningOut()) announce.textContent = "Less than two minutes are left for this case. Go on, and it stays yours.";
    clock.hidden = !isRunningOut();
    const seconds = Math.max(0, Math.ceil((leasedUntil - Date.now()) / 1000));
    const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    clock.textContent = seconds ? `${left} left for this case` : "Time is up: an answer counts until somebody else takes the case";
  }
  setInterval(showLease, 1000);

  document.addEventListener("htmx:beforeRequest", () => {
    isBusy = true;
    tell("");
  });
  document.addEventListener("htmx:afterRequest", () => { isBusy = false; });
  // Settled at once (settle:0ms): a key that comes right after the answer already works on the next case.
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
