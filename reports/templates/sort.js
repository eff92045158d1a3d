"use strict";
// Turns the headings of the board into buttons that sort it. Without scripts the page is the same, in order of rank.
(function () {
  const table = document.getElementById("board");
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const spoken = document.getElementById("spoken");

  // What a cell sorts by: its data-value as a number where it is one, else its text. Empty cells come last.
  function keyOf(row, column) {
    const cell = row.cells[column];
    if (cell === undefined) return null; // a row that is not a group ends early
    const text = cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent.trim();
    if (text === "") return null;
    const value = Number(text);
    return Number.isNaN(value) ? text.toLowerCase() : value;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sortBy(column, rising) {
    const rows = Array.from(body.rows).map((row, index) => ({ row, index, key: keyOf(row, column) }));
    rows.sort(function (first, second) {
      if (first.key === null || second.key === null) {
        return (first.key === null) - (second.key === null) || first.index - second.index;
      }
      return (rising ? 1 : -1) * compare(first.key, second.key) || first.index - second.index;
    });
    for (const { row } of rows) body.appendChild(row);
  }

  heads.forEach(function (head, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent.trim();
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.first !== "descending"; // the best of a column comes first
      const rising = now === null || now === "none" ? first : now !== "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      sortBy(column, rising);
      table.classList.toggle("shuffled", column !== 0 || !rising); // the lines between tiers say nothing then
      spoken.textContent = "Sorted by " + button.textContent + (rising ? ", rising." : ", falling.");
    });
  });
  heads[0].setAttribute("aria-sort", "ascending");
  table.classList.add("sortable");
})();
