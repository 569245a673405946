// The table of runs: sorts by a click on a column's name, filters by words, and compares two runs that are ticked.
const rows = [...document.querySelectorAll("#runs tbody tr")];
const body = document.querySelector("#runs tbody");
const filter = document.querySelector("#filter");

// What two runs are compared by: of each section, the values by name.
const about = (row) => [...row.querySelectorAll("td[hidden] dl")].map((list) => [
  list.title,
  new Map([...list.querySelectorAll("dt")].map((name) => [name.textContent, name.nextElementSibling.textContent])),
]);

const words = new Map(rows.map((row) => [row, [
  ...[...row.querySelectorAll("td:not([hidden])")].map((cell) => cell.textContent),
  ...about(row).flatMap(([, values]) => [...values].map(([name, value]) => `${name}=${value}`)),
].join(" ").toLowerCase()]));

function narrow() {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !wanted.every((word) => words.get(row).includes(word));
  const shown = rows.filter((row) => !row.hidden).length;
  document.querySelector("#count").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
}

function sort(header) {
  const place = header.cellIndex;
  const up = header.ariaSort === "descending";
  for (const each of document.querySelectorAll("#runs th[aria-sort]")) each.ariaSort = "none";
  header.ariaSort = up ? "ascending" : "descending";
  const key = (row) => row.cells[place].textContent.trim();
  const numbers = rows.every((row) => Number.isFinite(Number(key(row))));
  const compared = numbers ? (a, b) => a - b : (a, b) => a.localeCompare(b);
  // What has no value comes last, whichever way.
  body.append(...rows.sort((a, b) =>
    (key(a) === "") - (key(b) === "") || (up ? 1 : -1) * compared(key(a), key(b))));
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function compare() {
  const ticked = rows.filter((row) => row.querySelector("input").checked);
  const place = document.querySelector("#compared");
  place.hidden = ticked.length !== 2;
  if (place.hidden) return;
  const names = ticked.map((row) => row.cells[1].textContent);
  place.replaceChildren(element("h2", `${names[0]} and ${names[1]}`));
  const [one, other] = ticked.map((row) => new Map(about(row)));
  for (const [title, values] of one) {
    const beside = other.get(title) ?? new Map();
    const differing = [...new Set([...values.keys(), ...beside.keys()])].filter((name) => values.get(name) !== beside.get(name));
    if (!differing.length) continue;
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const text of [title, ...names]) head.append(Object.assign(element("th", text), { scope: "col" }));
    const found = table.createTBody();
    for (const name of differing) {
      const row = found.insertRow();
      for (const text of [name, values.get(name) ?? "", beside.get(name) ?? ""]) row.insertCell().textContent = text;
    }
    place.append(table);
  }
  if (place.childElementCount === 1) place.append(element("p", "Nothing differs: the same parameters, images and metrics."));
}

filter.addEventListener("input", narrow);
body.addEventListener("change", compare);
for (const header of document.querySelectorAll("#runs th[aria-sort]")) header.firstChild.addEventListener("click", () => sort(header));
