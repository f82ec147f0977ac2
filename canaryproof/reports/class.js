"use strict";
// Sorts and filters the list of submissions; what is chosen stays in the address, so that going back finds it again.
(() => {
  const form = document.querySelector(".filters");
  const table = document.querySelector(".list");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row, place) => ({
    row, place, name: row.cells[0].firstChild.textContent, text: row.cells[0].textContent.toLowerCase(), ...row.dataset,
  }));
  const fields = ["text", "standing", "outcome", "failed", "remarked"].filter((name) => form.elements[name]);
  const verdicts = ["error", "incomplete", "rejected", "accepted"];
  const count = (text) => (text ? text.split(" ").length : 0);
  const keys = {
    name: (it) => it.name,
    standing: (it) => verdicts.indexOf(it.standing),
    outcome: (it) => it.outcome,
    score: (it) => (it.score === "" ? -1 : Number(it.score)),
    failures: (it) => count(it.failed),
    seconds: (it) => Number(it.seconds),
  };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const compare = (a, b) => (typeof a === "string" ? words.compare(a, b) : a - b);
  let sorted = { key: "", down: false };

  const fits = (it, wanted) =>
    it.text.includes(wanted.text.toLowerCase()) &&
    (!wanted.standing || it.standing === wanted.standing) &&
    (!wanted.outcome || it.outcome === wanted.outcome) &&
    (!wanted.failed || it.failed.split(" ").includes(wanted.failed)) &&
    (!wanted.remarked || it.remarked.split(" ").includes(wanted.remarked) || (wanted.remarked === "any" && it.remarked));

  const show = () => {
    const wanted = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
    let shown = 0;
    for (const it of rows) {
      it.row.hidden = !fits(it, wanted);
      shown += it.row.hidden ? 0 : 1;
    }
    form.querySelector("output").value = shown === rows.length ? `${shown} submissions` : `${shown} of ${rows.length} submissions`;
    for (const button of document.querySelectorAll("[data-field]")) {
      button.setAttribute("aria-pressed", String(wanted[button.dataset.field] === button.dataset.value));
    }
    remember(wanted);
  };

  const sort = () => {
    const key = keys[sorted.key] || ((it) => it.place);
    const sign = sorted.down ? -1 : 1;
    body.append(...[...rows].sort((a, b) => sign * compare(key(a), key(b)) || a.place - b.place).map((it) => it.row));
    for (const button of table.querySelectorAll("[data-sort]")) {
      const way = button.dataset.sort === sorted.key ? (sorted.down ? "descending" : "ascending") : "none";
      button.closest("th").setAttribute("aria-sort", way);
    }
  };

  const remember = (wanted) => {
    const chosen = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    if (sorted.key) chosen.set("sort", (sorted.down ? "-" : "") + sorted.key);
    history.replaceState(null, "", String(chosen) ? `#${chosen}` : location.pathname + location.search);
  };

  const recall = () => {
    const chosen = new URLSearchParams(location.hash.slice(1));
    for (const name of fields) form.elements[name].value = chosen.get(name) || "";
    const key = chosen.get("sort") || "";
    sorted = { key: key.replace("-", ""), down: key.startsWith("-") };
  };

  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const key = button.dataset.sort;
    sorted = { key, down: sorted.key === key && !sorted.down };
    sort();
    show();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-field]");
    if (!button) return;
    const pressed = button.getAttribute("aria-pressed") === "true";
    form.elements[button.dataset.field].value = pressed ? "" : button.dataset.value;
    show();
    document.getElementById("submissions").scrollIntoView({ block: "nearest" });
  });
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of fields) form.elements[name].value = "";
    show();
  });
  document.documentElement.classList.add("js");
  if (location.hash.includes("=")) recall();
  sort();
  show();
})();
