// Tables whose rows are put in order by a click on the name of a column.
function sortBy(table, column, header) {
  const body = table.tBodies[0];
  const falling = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...body.rows].map(row => ({ row, value: row.cells[column]?.dataset.value ?? "" }));
  rows.sort((one, other) => {
    if (one.value === "" || other.value === "") return (one.value === "") - (other.value === ""); // no figure: last
    const [a, b] = [Number(one.value), Number(other.value)];
    const order = Number.isNaN(a) || Number.isNaN(b) ? one.value.localeCompare(other.value) : a - b;
    return falling ? -order : order;
  });
  body.append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, column, header));
    header.append(button);
  });
}
