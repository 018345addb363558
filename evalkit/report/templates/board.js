"use strict";
(function () {
  const root = document.documentElement;
  const find = (what, from) => Array.from((from || document).querySelectorAll(what));
  const filter = document.getElementById("filter");
  const task = document.getElementById("task");
  const theme = document.getElementById("theme");
  const count = document.getElementById("count");

  // Sorting: rows stay in their group; what has no value comes last.
  function key(row, place, numeric) {
    const text = row.cells[place].dataset.v;
    if (!numeric) return text;
    return text === "" ? null : Number(text);
  }

  function compare(a, b, down) {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    const order = typeof a === "number" ? a - b : a < b ? -1 : 1;
    return down ? -order : order;
  }

  function sort(button) {
    const head = button.closest("th");
    const numeric = head.dataset.kind === "number";
    const now = head.getAttribute("aria-sort");
    const first = head.dataset.first === "down" ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const next = now === first ? other : first;
    find("th[aria-sort]", head.parentNode).forEach((th) => th.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", next);
    find("tbody", head.closest("table")).forEach((body) => {
      const rows = find("tr[data-model]", body).map((row, place) => ({
        row, place, value: key(row, head.cellIndex, numeric),
      }));
      rows.sort((a, b) => compare(a.value, b.value, next === "descending") || a.place - b.place);
      rows.forEach((held) => body.appendChild(held.row));
    });
  }

  // Filtering: by a part of the model's name, and by task: rows that have nothing of it are none.
  function lacks(row) {
    const own = find("td", row).filter((cell) => cell.dataset.task === task.value);
    return task.value !== "" && row.closest("[data-section]") !== null
      && own.every((cell) => "none" in cell.dataset);
  }

  function isAway(row) {
    const part = row.closest("section[data-task]");
    return task.value !== "" && (part === null || part.dataset.task !== task.value)
      && row.closest("[data-section]") === null;
  }

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    const models = new Set();
    const shown = new Set();
    find("tr[data-model]").forEach((row) => {
      const name = row.dataset.model;
      row.hidden = !name.toLowerCase().includes(wanted) || lacks(row);
      models.add(name);
      if (!row.hidden && !isAway(row)) shown.add(name);
    });
    find("tbody").forEach((body) => {
      body.hidden = !find("tr[data-model]", body).some((row) => !row.hidden);
    });
    find("[data-task]").forEach((part) => {
      part.hidden = task.value !== "" && part.dataset.task !== task.value;
    });
    find("[data-section]").forEach((part) => {
      const rows = find("tr[data-model]", part).some((row) => !row.hidden);
      part.hidden = !rows || find("th[data-task]", part).every((head) => head.hidden);
    });
    const some = shown.size === models.size ? "All" : String(shown.size) + " of";
    const tasks = task.value === "" ? "" : ", task " + task.value;
    count.textContent = some + " " + models.size + (models.size === 1 ? " model" : " models")
      + " shown" + tasks + ".";
  }

  find("th button").forEach((button) => button.addEventListener("click", () => sort(button)));
  filter.addEventListener("input", show);
  task.addEventListener("change", show);
  theme.addEventListener("change", () => {
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
  document.getElementById("controls").hidden = false;
  show();
})();
