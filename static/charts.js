/* Charts: Observable Plot over the page's own JSON; the table under each chart holds the same figures. */
(() => {
  const token = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };

  const SOURCES = { reviewed: ["reviewed", "--series-1"], observed: ["truth", "--series-2"] };

  function periods(node, points) {
    for (const point of points) {
      point.on = new Date(`${point.from_on}T00:00:00Z`);
      point.line = `${point.source} ${point.version}`;
    }
    // One wide band of a few reviews must not flatten all others: it is cut at the frame.
    const lowest = Math.min(d3.quantile(points, 0.15, (p) => p.low), ...points.map((p) => p.value));
    const floor = Math.max(0, Math.floor(lowest * 10 - 0.2) / 10);
    const top = Math.min(1, Math.ceil(Math.max(...points.map((p) => p.value)) * 10 + 0.2) / 10);
    const paint = Object.fromEntries(Object.entries(SOURCES).map(([source, [, name]]) => [source, token(name)]));
    const fill = (p) => paint[p.source];
    const starts = [...d3.rollup(points, (some) => d3.min(some, (p) => p.on), (p) => p.version)]
      .map(([version, on]) => ({ version, on }))
      .sort((a, b) => a.on - b.on);
    // Versions are named in two rows, and the last points apart: neighbours would hide each other.
    const lasts = [...d3.rollup(points, (some) => some.at(-1), (p) => p.source).values()];
    lasts.sort((a, b) => b.value - a.value).forEach((p, i) => {
      const gap = (top - floor) / 16;
      p.labelled = i && lasts[i - 1].labelled - p.value < gap ? lasts[i - 1].labelled - gap : p.value;
    });
    const percent = (share) => `${d3.format(".3~r")(100 * share)} %`;
    return Plot.plot({
      width: node.clientWidth,
      height: 300,
      marginLeft: 52,
      marginRight: 76,
      marginTop: 40,
      marginBottom: 40,
      style: { background: "transparent", color: token("--muted"), fontSize: "12px", fontFamily: "inherit" },
      x: { type: "utc", label: null, ticks: Math.max(3, Math.floor(node.clientWidth / 110)) },
      y: { domain: [floor, top], tickFormat: (t) => `${Math.round(100 * t)} %`, label: null, grid: true, ticks: 5 },
      marks: [
        Plot.areaY(points, { x: "on", y1: "low", y2: "high", z: "line", fill, fillOpacity: 0.16, clip: true }),
        Plot.ruleX(starts, { x: "on", stroke: token("--muted"), strokeDasharray: "2 3" }),
        ...[-16, -30].map((dy, row) => Plot.text(starts.filter((_, i) => i % 2 === row), { x: "on", frameAnchor: "top", text: "version", textAnchor: "start", dx: 2, dy, fill: token("--muted") })),
        Plot.text(floor > 0 ? [`axis from ${Math.round(100 * floor)} %`] : [], { frameAnchor: "bottom-left", dx: 4, dy: -4, fill: token("--muted") }),
        Plot.lineY(points, { x: "on", y: "value", z: "line", stroke: fill, strokeWidth: 1.75 }),
        Plot.dot(points, { x: "on", y: "value", r: 2.6, stroke: fill, fill: (p) => (p.is_partial ? token("--raised") : fill(p)) }),
        Plot.text(lasts, { x: "on", y: "labelled", text: (p) => SOURCES[p.source][0], textAnchor: "start", dx: 10, fill, fontWeight: 600 }),
        Plot.tip(points, Plot.pointer({ x: "on", y: "value", fill: token("--raised"), stroke: token("--line"), title: (p) => `From ${d3.utcFormat("%-d %b %Y")(p.on)}\n${SOURCES[p.source][0]}, version ${p.version}\n${percent(p.value)} right (${percent(p.low)} to ${percent(p.high)})\n${d3.format(",")(p.n)} counted${p.is_partial ? "\nnot over yet" : ""}` })),
      ],
    });
  }

  const KINDS = { periods };

  function draw(node) {
    const points = JSON.parse(document.getElementById(node.dataset.source).textContent);
    const chart = KINDS[node.dataset.chart](node, points);
    // The chart is one image with one label; names on its groups would be heard as well, and are not allowed there.
    for (const group of chart.querySelectorAll("[aria-label]")) group.removeAttribute("aria-label");
    node.replaceChildren(chart);
  }

  const nodes = [...document.querySelectorAll("[data-chart]")];
  const drawAll = () => nodes.forEach(draw);
  drawAll();
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) drawAll();
    width = window.innerWidth;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
