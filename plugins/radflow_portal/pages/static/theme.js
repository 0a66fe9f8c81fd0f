// Airflow keeps its colour mode under "theme"; follow it, and its changes. Runs before the page is painted.
(function () {
  function apply(value) {
    if (value === "dark" || value === "light") document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
  }
  try { apply(localStorage.getItem("theme")); } catch (error) { /* storage may be off: the system's mode stays */ }
  addEventListener("storage", function (event) { if (event.key === "theme") apply(event.newValue); });
  if (window.self !== window.top) document.documentElement.dataset.framed = "";
})();
