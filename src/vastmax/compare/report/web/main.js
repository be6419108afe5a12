// Everything put together.
for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
if (methods.length > 0) {
  fillLegend(document.getElementById("legend"));
  learningChart(document.getElementById("learning"));
  if (document.getElementById("trade")) scatterChart(document.getElementById("trade"));
  if (document.getElementById("bands")) bandsChart(document.getElementById("bands"));
}
window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true; // paper cannot be unfolded
});
