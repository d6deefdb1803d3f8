"use strict";
// Everything here also works without this file, by forms and links; this adds keys and answers without a reload.
(() => {
  const POLL = 4000;
  const desk = document.getElementById("desk");
  const said = document.getElementById("said");
  const keys = document.getElementById("keys");
  const search = document.getElementById("search");
  document.documentElement.classList.add("js");
  if (location.hash === "#edit" || location.hash === "#keys") history.replaceState(null, "", location.pathname + location.search);

  const now = () => desk && desk.querySelector(".desk");
  const address = () => (document.body.classList.contains("page") ? "/page?" : "/?") + now().dataset.here;
  const trail = [];
  let remembering = 0;
  let busy = false;
  let selected = -1;

  function say(text, bad) {
    said.textContent = text;
    said.classList.toggle("error", Boolean(bad));
  }

  function show(html) {
    const old = now();
    const scroll = desk.querySelector(".side");
    const part = old && old.dataset.part;
    desk.innerHTML = html;
    const fresh = now();
    const progress = desk.querySelector("template[data-into]");
    if (progress) document.getElementById("progress").replaceChildren(progress.content.cloneNode(true));
    selected = -1;
    say(fresh.dataset.message, "error" in fresh.dataset);
    document.getElementById("heard").textContent = fresh.dataset.spoken;
    if (!desk.contains(document.activeElement)) desk.focus({ preventScroll: true });
    clearTimeout(remembering);
    // Not at once: browsers ask for the page's icon whenever its address changes.
    remembering = setTimeout(() => history.replaceState(null, "", address()), 500);
    for (const [id, path] of [["to-queue", "/"], ["to-page", "/page"], ["to-summary", "/summary"]]) {
      document.getElementById(id).href = path + "?" + fresh.dataset.here;
    }
    settle(!scroll || part !== fresh.dataset.part);
  }

  // Brings what is decided about into sight.
  function settle(jump) {
    const sentence = desk && desk.querySelector(".sentence");
    const focus = desk && desk.querySelector("#focus");
    if (sentence && focus && sentence.scrollHeight > sentence.clientHeight) {
      sentence.scrollTop = focus.offsetTop - sentence.offsetTop - sentence.clientHeight / 3;
    }
    const here = document.getElementById("here");
    if (here) {
      const box = here.getBoundingClientRect();
      if (jump || box.top < 60 || box.bottom > innerHeight - 60) here.scrollIntoView({ block: "center" });
    }
    const image = desk && desk.querySelector(".scan img");
    if (image) {
      const missing = () => {
        const note = document.createElement("p");
        note.className = "hint";
        note.textContent = image.dataset.missing;
        image.replaceWith(note);
        fetch(image.src).then((r) => r.text()).then((text) => { if (text.length < 300) note.textContent = text; }).catch(() => {});
      };
      if (image.complete && !image.naturalWidth) missing();
      else image.addEventListener("error", missing, { once: true });
    }
  }

  async function ask(url, options) {
    if (busy) return false;
    busy = true;
    try {
      const response = await fetch(url, { ...options, headers: { "X-Fragment": "1" }, credentials: "same-origin" });
      const text = await response.text();
      if (!response.ok) {
        say(text && text.length < 400 && !text.startsWith("<") ? text : document.body.dataset.failed, true);
        return false;
      }
      return text;
    } catch {
      say(document.body.dataset.offline, true);
      return false;
    } finally {
      busy = false;
    }
  }

  async function load(url, keep) {
    const from = now() && now().dataset.item;
    const text = await ask(url);
    if (text === false) return;
    if (!keep && from) trail.push(from);
    show(text);
  }

  async function send(form, submitter) {
    const fields = new URLSearchParams(new FormData(form));
    if (submitter && submitter.name) fields.set(submitter.name, submitter.value);
    const url = (submitter && submitter.getAttribute("formaction")) || form.getAttribute("action");
    const from = now() && now().dataset.item;
    const text = await ask(url, { method: "POST", body: fields });
    if (text === false) return;
    if (form.id === "export") return say(text);
    if (from && !url.startsWith("/undo")) trail.push(from);
    show(text);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || "reload" in form.dataset || (!desk && form.id !== "export")) return;
    event.preventDefault();
    if (event.submitter && event.submitter.getAttribute("aria-disabled") === "true") {
      const hint = document.getElementById("flag-hint");
      if (hint) say(hint.textContent, true);
      return;
    }
    send(form, event.submitter);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (event.target === keys || (link && "close" in link.dataset)) {
      event.preventDefault();
      return toggle(false);
    }
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (link.id === "help") {
      event.preventDefault();
      toggle(true);
    } else if (link.dataset.key === "e") {
      event.preventDefault();
      edit(true);
    } else if (link.dataset.go || link.dataset.back || link.dataset.key === "s" || link.dataset.turn || link.classList.contains("piece")) {
      event.preventDefault();
      load(link.getAttribute("href"), Boolean(link.dataset.back));
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("#filters select")) event.target.form.requestSubmit();
  });

  function toggle(open) {
    keys.classList.toggle("open", open);
    if (open) keys.firstElementChild.focus();
    else if (desk) desk.focus({ preventScroll: true });
  }

  function edit(open) {
    const form = document.getElementById("edit");
    if (!form) return;
    form.classList.toggle("open", open);
    const field = form.elements.text;
    if (open) {
      field.focus();
      field.select();
    } else {
      field.value = field.defaultValue;
      desk.focus({ preventScroll: true });
    }
  }

  function next() {
    const found = [...desk.querySelectorAll(".choices button")];
    if (!found.length) return;
    if (selected >= 0) found[selected].classList.remove("selected");
    const first = desk.querySelector('button.accept[aria-disabled="true"]') ? 0 : 1;
    selected = selected < 0 ? Math.min(first, found.length - 1) : (selected + 1) % found.length;
    found[selected].classList.add("selected");
    const preview = found[selected].parentElement.querySelector("template");
    const focus = document.getElementById("focus");
    if (focus && preview) focus.replaceChildren(preview.content.cloneNode(true));
    say(found[selected].textContent.trim());
  }

  function press(name) {
    const found = desk && desk.querySelector(`[data-key="${name}"]`);
    if (found) found.click();
    return Boolean(found);
  }

  function back() {
    const turn = desk.querySelector('[data-turn="back"]');
    if (trail.length) {
      const url = new URL(address(), location.href);
      url.searchParams.set("item", trail.pop());
      url.searchParams.delete("skip");
      load(url.pathname + url.search, true);
    } else if (turn) turn.click();
    else {
      const link = desk.querySelector("[data-back]");
      if (link) link.click();
    }
  }

  function step(by) {
    const all = [...desk.querySelectorAll(".piece[data-item]")];
    if (!all.length) return;
    const at = all.findIndex((piece) => piece.id === "here");
    const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    if (all[to]) all[to].click();
    else {
      const part = desk.querySelector(by > 0 ? '.parts a[rel="next"]' : '.parts a[rel="prev"]');
      if (part) part.click();
    }
  }

  const WIDE = { "？": "?", "／": "/", "、": "/" };

  document.addEventListener("keydown", (event) => {
    // 229: a key that an input method takes, which some browsers send after the composition has ended.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input, select, textarea");
    if (event.key === "Escape") {
      if (keys.classList.contains("open")) toggle(false);
      else if (field && field.closest("#edit")) edit(false);
      else if (field && desk) { field.blur(); desk.focus({ preventScroll: true }); }
      return;
    }
    if (field) {
      if (event.key === "Enter" && field.closest("#edit")) {
        event.preventDefault();
        if (!event.repeat) field.form.requestSubmit();
      }
      return;
    }
    let key = WIDE[event.key] || event.key;
    if (keys.classList.contains("open")) {
      // The rest of the page is behind it.
      if (key === "Tab") { event.preventDefault(); keys.querySelector("[data-close]").focus(); }
      if (key === "?") { event.preventDefault(); toggle(false); }
      return;
    }
    // Not by the letter's case: Caps Lock must not decide about hundreds of places.
    if (/^[a-z]$/i.test(key)) key = event.shiftKey ? key.toUpperCase() : key.toLowerCase();
    const on = event.target.closest("button, a, summary");
    if ((key === "Enter" || key === " ") && on) return;
    const page = document.body.classList.contains("page");
    let taken = true;
    if (key === "?") toggle(true);
    else if (key === "/") { if (search) { search.focus(); search.select(); } else location.href = document.getElementById("to-queue").href + "#search"; }
    else if (key === "g") document.getElementById(page ? "to-queue" : "to-page").click();
    else if (!desk) taken = false;
    else if (key === "ArrowRight" || key === "s") { if (page) { const on = desk.querySelector('[data-turn="on"]'); if (on) on.click(); } else press("s"); }
    else if (key === "ArrowLeft") back();
    else if (page && key === "ArrowDown") step(1);
    else if (page && key === "ArrowUp") step(-1);
    // A key that is held down must not decide about what nobody has seen.
    else if (event.repeat) taken = /^[arueARn1-9]$/.test(key);
    else if (key === "n") next();
    else if (key === "a" && selected >= 0) desk.querySelectorAll(".choices button")[selected].click();
    else if (/^[areuAR1-9]$/.test(key)) press(key);
    else taken = false;
    if (taken) event.preventDefault();
  });

  async function poll() {
    const here = now();
    if (document.visibilityState === "visible" && here && !busy) {
      try {
        const item = here.dataset.item;
        const response = await fetch("/status?item=" + item, { credentials: "same-origin" });
        if (response.ok) {
          const status = await response.json();
          const editing = document.querySelector("#edit.open");
          if (here === now() && !busy && status.revision !== here.dataset.revision) {
            document.getElementById("progress").innerHTML = status.progress;
            here.dataset.revision = status.revision;
            // Somebody else has decided about what is looked at.
            if (status.mark !== here.dataset.mark && !editing && selected < 0) load(address(), true);
          }
        }
      } catch { /* the next decision will say so */ }
    }
    setTimeout(poll, POLL);
  }

  if (desk) {
    if (location.hash === "#search" && search) search.focus();
    else desk.focus({ preventScroll: true });
    settle(true);
    setTimeout(poll, POLL);
  }
})();
