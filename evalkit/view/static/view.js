// Keys, filtering without a new page, and pictures that cannot be had. Pages work without it.
// Data reach the page as text alone: what the server sends was escaped there, is parsed into an
// inert document, and is moved from there. Nothing here evaluates or composes HTML.
"use strict";

const byId = (id) => document.getElementById(id);

// What stands on the page anyway, such as the count, is only read out.
function say(text, seen = true) {
  const status = byId("status");
  if (!status) return;
  status.textContent = text;
  status.classList.toggle("unseen", !seen);
}

// Samples, one by one

function samples() {
  return [...document.querySelectorAll("article.card")].filter((card) => !card.hidden);
}

function step(by) {
  const cards = samples();
  const here = cards.indexOf(document.activeElement.closest("article.card"));
  const next = here < 0 ? (by > 0 ? 0 : -1) : here + by;
  if (next >= 0 && next < cards.length) {
    cards[next].focus({ preventScroll: true });
    cards[next].scrollIntoView({ block: "nearest" });
  } else if (here >= 0) {
    turn(by > 0 ? "next" : "previous");
  }
}

async function turn(where) {
  const link = document.querySelector(where === "next" ? "a[rel=next]" : "a[rel=prev]");
  const button = document.querySelector(`[data-go=${where}]`);
  if (link) await swap(link.href);
  else if (button && !button.disabled) button.click();
  else return;
  const cards = samples();
  if (cards.length) cards[where === "next" ? 0 : cards.length - 1].focus();
}

const STEPS = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, .scroll, pre");
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key in STEPS && byId("results")) {
    event.preventDefault();
    step(STEPS[event.key]);
  } else if (event.key === "/" && byId("filters")) {
    event.preventDefault();
    byId("filters").elements.q.select();
    byId("filters").elements.q.focus();
  }
});

// Another query: its page is fetched, and its samples take the place of these

let asked = 0;

async function fetched(address) {
  const text = await fetch(address, { credentials: "same-origin" })
    .then((answer) => answer.text())
    .catch(() => null);
  return text === null ? null : new DOMParser().parseFromString(text, "text/html");
}

async function swap(address, push = true) {
  const number = ++asked;
  say("Looking...");
  const page = await fetched(address);
  if (number !== asked) return; // a later question was put meanwhile
  if (!page?.getElementById("results")) {
    const told = page?.querySelector("main")?.textContent.trim();
    say(told ?? "The server does not answer any more: start `evalkit view` again.");
    return;
  }
  if (push) history.pushState(null, "", address);
  document.title = page.title;
  renew(page);
  put(page, "checks");
  put(page, "results");
  const lines = document.querySelectorAll("#results .count, #checks .warning");
  say([...lines].map((line) => line.textContent).join(" "), false);
  wait();
}

function put(page, id) {
  byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
}

// The form's choices may be others (states of two runs), and so may what stands above it.
function renew(page) {
  const next = page.getElementById("filters");
  for (const name of ["show", "tag", "rule", "other"]) {
    const [mine, new_] = [byId("filters").elements[name], next.elements[name]];
    if (mine && new_) {
      mine.replaceChildren(...[...new_.options].map((option) => document.adoptNode(option)));
    }
  }
  byId("filters").elements.q.value = next.elements.q.value;
  document.querySelector("h1").textContent = page.querySelector("h1").textContent;
  document.querySelector(".differing")?.remove();
  const differing = page.querySelector(".differing");
  if (differing) byId("filters").before(document.adoptNode(differing));
}

function addressOf(form) {
  const pairs = [...new FormData(form)].filter(([, value]) => value !== "");
  const address = new URL(form.getAttribute("action"), location.href);
  address.search = new URLSearchParams(pairs).toString();
  return address.href;
}

// What the server was still reading or checking when it sent the page

function wait() {
  const isPending = byId("results")?.dataset.pending;
  if (isPending || byId("checks")?.dataset.unchecked) setTimeout(look, 1500, isPending, asked);
}

async function look(isPending, number) {
  const page = await fetched(location.href);
  if (number !== asked || !page?.getElementById("results")) return;
  put(page, "checks");
  for (const line of document.querySelectorAll("#checks .warning")) say(line.textContent, false);
  if (isPending) {
    const here = document.activeElement.closest("article.card")?.id;
    put(page, "results");
    if (here) byId(here)?.focus({ preventScroll: true });
  }
  wait();
}

if (document.documentElement.dataset.site !== "exported") {
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "filters") return;
    event.preventDefault();
    swap(addressOf(event.target));
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    swap(link.href).then(() => byId("results").scrollIntoView({ block: "start" }));
  });
  window.addEventListener("popstate", () => byId("results") && swap(location.href, false));
  wait();
}

// Pictures: why one is not there is what the server answers in its place

document.addEventListener(
  "error",
  async (event) => {
    const picture = event.target;
    if (picture.tagName !== "IMG" || picture.classList.contains("gone")) return;
    picture.classList.add("gone");
    const note = document.createElement("figcaption");
    note.textContent = "No picture.";
    picture.closest("figure").append(note);
    if (picture.src.startsWith("http")) {
      const answer = await fetch(picture.src, { credentials: "same-origin" });
      if (!answer.ok) note.textContent = await answer.text();
    }
  },
  true,
);
