// Rows as a table; texts stay texts.

export function table(heads, rows) {
  const made = document.createElement("table");
  const head = made.createTHead().insertRow();
  heads.forEach((name, column) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    if (typeof rows[0]?.[column] === "number") cell.className = "number";
    head.append(cell);
  });
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      if (typeof value === "number") {
        cell.className = "number";
        cell.textContent = Number.isInteger(value) ? String(value) : value.toFixed(3);
      } else {
        cell.textContent = value;
      }
    }
  }
  return made;
}
