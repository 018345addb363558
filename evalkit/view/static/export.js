// Filtering and paging of an exported page: all of its samples stand in it, and some are hidden.
// What is asked for stands behind the "#" of the address, so that it can be sent to others.
"use strict";

const PAGE = 50;
const KEYS = ["show", "tag", "rule", "q", "group", "sample", "page"];
let shown = 1;

function query() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// What the server searches, too: id, question, answer and what the model wrote, in any case.
function saying(words) {
  const pattern = new RegExp(words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "iu");
  return (card) => JSON.parse(card.dataset.searched).some((text) => pattern.test(text));
}

function fits(card, asked) {
  if (asked.sample) return card.dataset.id === asked.sample;
  if (asked.group && card.dataset.group !== asked.group) return false;
  if (asked.show && !card.dataset.state.split(" ").includes(asked.show)) {
    if (!(asked.show === "wrong" && card.dataset.state.startsWith("failed"))) return false;
  }
  if (asked.tag && !JSON.parse(card.dataset.tags).includes(asked.tag)) return false;
  return !asked.rule || card.dataset.rule === asked.rule;
}

function filter() {
  const asked = query();
  const form = byId("filters");
  if (!form) return;
  for (const name of ["show", "tag", "rule", "q"]) {
    if (form.elements[name]) form.elements[name].value = asked[name] ?? "";
  }
  const cards = [...document.querySelectorAll("article.card")];
  const words = asked.sample ? "" : asked.q;
  const found = cards.filter((card) => fits(card, asked)).filter(words ? saying(words) : () => true);
  const last = Math.max(1, Math.ceil(found.length / PAGE));
  shown = Math.min(Math.max(1, Number.parseInt(asked.page, 10) || 1), last);
  const visible = new Set(found.slice((shown - 1) * PAGE, shown * PAGE));
  for (const card of cards) card.hidden = !visible.has(card);
  for (const place of document.querySelectorAll(".place")) {
    place.textContent = `page ${shown} of ${last}`;
  }
  for (const button of document.querySelectorAll("[data-go]")) {
    button.disabled = button.dataset.go === "next" ? shown === last : shown === 1;
  }
  const [few, all] = [found, cards].map((held) => held.length.toLocaleString("en"));
  document.querySelector(".count b").textContent = few;
  say(`${few} of ${all} samples`, false);
}

function ask(changes) {
  const held = Object.entries({ ...query(), ...changes });
  const pairs = held.filter(([key, value]) => KEYS.includes(key) && value !== "" && value !== 1);
  history.pushState(null, "", `#${new URLSearchParams(pairs)}`);
  filter();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  ask({ ...Object.fromEntries(new FormData(event.target)), group: "", sample: "", page: 1 });
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-go]");
  if (button) ask({ page: shown + (button.dataset.go === "next" ? 1 : -1) });
});
window.addEventListener("hashchange", filter);
window.addEventListener("popstate", filter);
filter();
