// Draws the charts of the report, light or dark as the page is, each as wide as its place.

const wanted = window.matchMedia("(prefers-color-scheme: dark)");

function style(isDark) {
  const ink = isDark ? "#c3cad3" : "#4a5565";
  const line = isDark ? "#39424e" : "#e6e9ee";
  const text = { labelColor: ink, labelFontSize: 12, title: null };
  return {
    aria: false,
    background: null,
    padding: 0,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...text, domain: false, ticks: false, grid: false, labelPadding: 6 },
    axisY: { grid: true, gridColor: line, tickCount: 3, minExtent: 40, maxExtent: 40 },
    legend: { ...text, orient: "top", direction: "horizontal", symbolSize: 80 },
    rule: { color: ink },
  };
}

function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    vegaEmbed(place, spec, {
      actions: false,
      // Expressions are interpreted, so that the page may forbid to run what is made from text.
      ast: true,
      config: style(wanted.matches),
      mode: "vega-lite",
      renderer: "svg",
      tooltip: { theme: wanted.matches ? "dark" : "light" },
    });
  }
}

wanted.addEventListener("change", draw);
draw();
