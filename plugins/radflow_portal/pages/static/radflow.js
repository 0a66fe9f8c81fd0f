// Sorting of tables and renewal of pages whose run still goes; everything works without it too.
"use strict";

function sortable(root) {
  for (const table of root.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const numbers = head.classList.contains("num");
        const key = (row) => {
          const cell = row.cells[column];
          return cell.dataset.value ?? cell.textContent.trim();
        };
        const body = table.tBodies[0];
        const order = [...body.rows].sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === "" || y === "") return (x === "") - (y === ""); // the missing stay last, whichever way
          const d = numbers ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
          return up ? d : -d;
        });
        body.append(...order);
      });
    });
  }
}

function renew() {
  const main = document.querySelector("main");
  const seconds = Number(main.dataset.refresh);
  if (!seconds) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("main");
      if (next && (answer.ok || answer.status === 404)) {
        main.replaceWith(document.importNode(next, true));
        document.title = page.title;
        sortable(document.querySelector("main"));
      }
    } catch (error) {
      // the server is away for a moment; the next round asks again
    }
    renew();
  }, seconds * 1000);
}

sortable(document);
renew();
