// What the pages do besides showing figures. Everything works without it: forms have buttons, columns are links, and the
// figures of every chart are in a table.

document.documentElement.classList.add("scripted");

// A choice is an address.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

for (const chart of document.querySelectorAll("[data-chart]")) prepareChart(chart);
for (const block of document.querySelectorAll("pre[data-copy]")) prepareCopy(block);

/** The figures of a column beside the pointer or the focus, and the arrow keys from column to column. */
function prepareChart(chart) {
  const columns = [...chart.querySelectorAll("a[data-bucket]")];
  const table = chart.querySelector("details table");
  if (columns.length === 0 || table === null) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  chart.append(tip);
  const colours = [...chart.querySelectorAll(".legend i")].map((mark) => mark.className);

  const show = (column) => {
    const row = table.tBodies[0].rows[Number(column.dataset.bucket)];
    if (row === undefined) return;
    tip.replaceChildren(figuresOf(row, table.tHead.rows[0], colours));
    tip.hidden = false;
    const [outer, inner] = [chart.getBoundingClientRect(), column.getBoundingClientRect()];
    const right = inner.right - outer.left + 10;
    const isLeft = right + tip.offsetWidth > outer.width;
    tip.style.left = `${Math.max(0, isLeft ? inner.left - outer.left - tip.offsetWidth - 10 : right)}px`;
    tip.style.top = "8px";
  };
  const hide = () => {
    tip.hidden = true;
  };

  for (const [index, column] of columns.entries()) {
    column.addEventListener("pointerenter", () => show(column));
    column.addEventListener("pointerleave", hide);
    column.addEventListener("focus", () => show(column));
    column.addEventListener("blur", hide);
    column.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: columns.length - 1 };
      if (event.key === "Escape") hide();
      const next = columns[steps[event.key]];
      if (next === undefined) return;
      event.preventDefault();
      column.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }
}

/** A row of a table as a small table of its own: the names, and the amounts that are not zero. */
function figuresOf(row, head, colours) {
  const box = document.createDocumentFragment();
  const title = document.createElement("b");
  title.textContent = row.cells[0].textContent;
  const list = document.createElement("table");
  for (const [index, cell] of [...row.cells].entries()) {
    if (index === 0 || /^[-−]?0(?:[.,]00)?$/u.test(cell.textContent.trim())) continue;
    const line = list.insertRow();
    const name = line.insertCell();
    const colour =
      head.cells.length - colours.length <= index ? colours[index - (head.cells.length - colours.length)] : undefined;
    if (colour !== undefined) {
      const mark = document.createElement("i");
      mark.className = colour;
      name.append(mark);
    }
    name.append(head.cells[index].textContent);
    const amount = line.insertCell();
    amount.className = "n";
    amount.textContent = cell.textContent;
  }
  box.append(title, list);
  return box;
}

/** A button that copies a text. */
function prepareCopy(block) {
  if (navigator.clipboard === undefined) return;
  const text = block.textContent;
  const button = document.createElement("button");
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(text).then(
      () => (button.textContent = "Copied"),
      () => (button.textContent = "Not copied"),
    );
  });
  block.prepend(button);
}
