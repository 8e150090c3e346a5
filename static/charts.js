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
    const agreed = node.dataset.target ? [Number(node.dataset.target)] : [];
    const lowest = Math.min(d3.quantile(points, 0.15, (p) => p.low), ...points.map((p) => p.value), ...agreed);
    const floor = Math.max(0, Math.floor(lowest * 10 - 0.2) / 10);
    const top = Math.min(1, Math.ceil(Math.max(...points.map((p) => p.value), ...agreed) * 10 + 0.2) / 10);
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
    // From the first point on whose truth is still coming in, to the last one: hatched.
    const young = points.filter((p) => !p.is_mature);
    const unripe = young.length ? [{ x1: d3.min(young, (p) => p.on), x2: d3.max(young, (p) => d3.utcDay.offset(p.on, p.days)) }] : [];
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
        () => hatching("unripe"),
        Plot.rect(unripe, { x1: "x1", x2: "x2", y1: floor, y2: top, fill: "url(#unripe)" }),
        Plot.areaY(points, { x: "on", y1: "low", y2: "high", z: "line", fill, fillOpacity: 0.16, clip: true }),
        Plot.ruleY(agreed, { stroke: token("--ink"), strokeDasharray: "6 4" }),
        Plot.text(agreed, { y: (share) => share, frameAnchor: "left", dx: 4, dy: -7, textAnchor: "start", text: () => "agreed", fill: token("--ink") }),
        Plot.ruleX(starts, { x: "on", stroke: token("--muted"), strokeDasharray: "2 3" }),
        ...[-16, -30].map((dy, row) => Plot.text(starts.filter((_, i) => i % 2 === row), { x: "on", frameAnchor: "top", text: "version", textAnchor: "start", dx: 2, dy, fill: token("--muted") })),
        Plot.text(floor > 0 ? [`axis from ${Math.round(100 * floor)} %`] : [], { frameAnchor: "bottom-left", dx: 4, dy: -4, fill: token("--muted") }),
        Plot.lineY(points, { x: "on", y: "value", z: "line", stroke: fill, strokeWidth: 1.75 }),
        Plot.dot(points, { x: "on", y: "value", r: 2.6, stroke: fill, fill: (p) => (p.is_partial ? token("--raised") : fill(p)) }),
        Plot.text(lasts, { x: "on", y: "labelled", text: (p) => SOURCES[p.source][0], textAnchor: "start", dx: 10, fill, fontWeight: 600 }),
        Plot.tip(points, Plot.pointer({ x: "on", y: "value", fill: token("--raised"), stroke: token("--line"), title: (p) => `From ${d3.utcFormat("%-d %b %Y")(p.on)}\n${SOURCES[p.source][0]}, version ${p.version}\n${percent(p.value)} right (${percent(p.low)} to ${percent(p.high)})\n${d3.format(",")(p.n)} counted${p.is_partial ? "\nnot over yet" : ""}${p.is_mature ? "" : "\ntruth still coming in"}` })),
      ],
    });
  }

  // Slanted lines to fill with: what is not finished.
  function hatching(id) {
    const pattern = d3.create("svg:defs").append("pattern");
    pattern.attr("id", id).attr("width", 6).attr("height", 6).attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
    pattern.append("line").attr("y2", 6).attr("stroke", token("--muted")).attr("stroke-opacity", 0.5).attr("stroke-width", 1.5);
    return pattern.node().parentNode;
  }

  // Stated chances beside what happened; on the dashed line both are the same.
  function reliability(node, bars) {
    const [muted, paint] = [token("--muted"), token("--series-1")];
    const width = Math.min(node.clientWidth, 460);
    const percent = (share) => `${Math.round(100 * share)} %`;
    return Plot.plot({
      width,
      height: Math.max(280, width * 0.8),
      marginLeft: 52,
      marginBottom: 40,
      style: { background: "transparent", color: muted, fontSize: "12px", fontFamily: "inherit" },
      x: { domain: [0, 1], ticks: 5, tickFormat: percent, label: "stated chance" },
      y: { domain: [0, 1], ticks: 5, tickFormat: percent, label: "happened", grid: true },
      marks: [
        Plot.link([0], { x1: 0, y1: 0, x2: 1, y2: 1, stroke: token("--ink"), strokeDasharray: "6 4" }),
        Plot.ruleX(bars, { x: "mean_score", y1: "right_low", y2: "right_high", stroke: paint, strokeWidth: 1.5 }),
        Plot.dot(bars, { x: "mean_score", y: "right", r: 3, fill: paint }),
        Plot.tip(bars, Plot.pointer({ x: "mean_score", y: "right", fill: token("--raised"), stroke: token("--line"), title: (b) => `Stated ${percent(b.mean_score)}, happened ${percent(b.right)}\n(${percent(b.right_low)} to ${percent(b.right_high)})\n${d3.format(",")(b.n)} counted` })),
      ],
    });
  }

  // Versions in the order of their deployment: each with its interval, and the best one so far.
  function versions(node, points) {
    const [muted, paint, best] = ["--muted", "--series-1", "--accent"].map(token);
    const percent = (share) => `${d3.format(".3~r")(100 * share)} %`;
    const floor = Math.max(0, Math.floor(d3.min(points, (p) => p.low) * 10 - 0.2) / 10);
    const top = Math.min(1, Math.ceil(d3.max(points, (p) => p.high) * 10 + 0.2) / 10);
    const short = (name) => (name.length > 14 ? `${name.slice(0, 13)}…` : name);
    const every = Math.ceil(points.length / Math.max(1, Math.floor(node.clientWidth / 90)));
    return Plot.plot({
      width: node.clientWidth,
      height: 260,
      marginLeft: 52,
      marginBottom: 40,
      style: { background: "transparent", color: muted, fontSize: "12px", fontFamily: "inherit" },
      x: { type: "point", domain: points.map((p) => p.version), label: null, padding: 0.6, tickFormat: (name, i) => (i % every ? "" : short(name)) },
      y: { domain: [floor, top], tickFormat: percent, label: null, grid: true, ticks: 5 },
      marks: [
        Plot.text(floor > 0 ? [`axis from ${percent(floor)}`] : [], { frameAnchor: "bottom-left", dx: 4, dy: -4, fill: muted }),
        Plot.lineY(points, { x: "version", y: "best", curve: "step-after", stroke: best, strokeDasharray: "6 4" }),
        Plot.ruleX(points, { x: "version", y1: "low", y2: "high", stroke: paint, strokeWidth: 2 }),
        Plot.dot(points, { x: "version", y: "value", r: 4, fill: paint }),
        Plot.text(points, { x: "version", y: "value", text: (p) => percent(p.value), textAnchor: "start", dx: 8, dy: -9, fill: token("--ink"), stroke: token("--raised"), strokeWidth: 3 }),
        Plot.tip(points, Plot.pointer({ x: "version", y: "value", fill: token("--raised"), stroke: token("--line"), title: (p) => `Version ${p.version}\n${percent(p.value)} right (${percent(p.low)} to ${percent(p.high)})\n${d3.format(",")(p.n)} counted` })),
      ],
    });
  }

  // Features on two axes, cut into four cells: crosses are intervals, hollow ones provisional, lines the way they came.
  function quadrant(node, chart) {
    const { points, corners, domain, cut } = chart;
    const width = Math.min(node.clientWidth, 760);
    const height = Math.min(560, Math.max(320, width * 0.75));
    const [muted, ink, paint] = [token("--muted"), token("--ink"), token("--series-1")];
    const corner = (text, x, y) => Plot.text([text], { frameAnchor: `${y}-${x}`, dx: x === "left" ? 6 : -6, dy: y === "top" ? 8 : -8, fill: muted, fontStyle: "italic" });
    const crossed = points.filter((p) => p.x_low !== undefined);
    const trails = points.flatMap((p) => p.trail.map(([x, y], at) => ({ name: p.name, x, y, at })));
    // The right half is labelled to the left, so that no name leaves the frame.
    const isRight = (p) => p.x > (domain[0] + domain[1]) / 2;
    const named = (some, textAnchor, dx) => Plot.text(some, { x: "x", y: "y", text: "name", textAnchor, dx, dy: -10, fill: ink, stroke: token("--raised"), strokeWidth: 3, fontWeight: 600 });
    return Plot.plot({
      width,
      height,
      marginLeft: 44,
      marginBottom: 40,
      style: { background: "transparent", color: muted, fontSize: "12px", fontFamily: "inherit" },
      x: { domain, label: chart.x_label, ticks: 5, tickFormat: "d" },
      y: { domain, label: chart.y_label, ticks: 5, tickFormat: "d" },
      marks: [
        Plot.frame({ stroke: token("--line") }),
        Plot.ruleX([cut], { stroke: muted, strokeDasharray: "4 3" }),
        Plot.ruleY([cut], { stroke: muted, strokeDasharray: "4 3" }),
        corner(corners.low_low, "left", "bottom"),
        corner(corners.high_low, "right", "bottom"),
        corner(corners.low_high, "left", "top"),
        corner(corners.high_high, "right", "top"),
        Plot.line(trails, { x: "x", y: "y", z: "name", stroke: paint, strokeOpacity: 0.5, strokeWidth: 1 }),
        ...[true, false].flatMap((hollow) => {
          const some = crossed.filter((p) => p.is_hollow === hollow);
          const stroke = { stroke: paint, strokeWidth: 1.25, strokeDasharray: hollow ? "3 2" : undefined };
          return [
            Plot.link(some, { x1: "x_low", x2: "x_high", y1: "y", y2: "y", ...stroke }),
            Plot.link(some, { x1: "x", x2: "x", y1: "y_low", y2: "y_high", ...stroke }),
          ];
        }),
        Plot.dot(points, { x: "x", y: "y", r: 5, stroke: paint, strokeWidth: 2, fill: (p) => (p.is_hollow ? token("--raised") : paint) }),
        named(points.filter((p) => !isRight(p)), "start", 6),
        named(points.filter(isRight), "end", -6),
      ],
    });
  }

  // Shares by week: a line and a band for each series; without an interval a point alone.
  function weekly(node, points) {
    for (const point of points) point.on = new Date(`${point.from_on}T00:00:00Z`);
    const names = [...new Set(points.map((p) => p.series))];
    const colours = ["--series-1", "--series-2"].map(token);
    const fill = (p) => colours[names.indexOf(p.series)];
    const values = points.flatMap((p) => [p.value, p.low ?? p.value, p.high ?? p.value]);
    const [floor, top] = [Math.floor(Math.min(...values) * 10) / 10, Math.min(1, Math.ceil(Math.max(...values) * 10) / 10)];
    const lasts = names.map((name) => points.findLast((p) => p.series === name)).sort((a, b) => b.value - a.value);
    lasts.forEach((p, i) => {
      const gap = (top - floor) / 14;
      p.labelled = i && lasts[i - 1].labelled - p.value < gap ? lasts[i - 1].labelled - gap : p.value;
    });
    const percent = (share) => `${Math.round(100 * share)} %`;
    const span = (p) => (p.low === null ? "no interval: one account" : `${percent(p.low)} to ${percent(p.high)}`);
    return Plot.plot({
      width: node.clientWidth,
      height: 260,
      marginLeft: 52,
      marginRight: 72,
      style: { background: "transparent", color: token("--muted"), fontSize: "12px", fontFamily: "inherit" },
      x: { type: "utc", label: null, ticks: Math.max(3, Math.floor(node.clientWidth / 110)) },
      y: { domain: [floor, top], tickFormat: percent, label: null, grid: true, ticks: 5 },
      marks: [
        Plot.areaY(points.filter((p) => p.low !== null), { x: "on", y1: "low", y2: "high", z: "series", fill, fillOpacity: 0.16, clip: true }),
        Plot.text(floor > 0 ? [`axis from ${percent(floor)}`] : [], { frameAnchor: "bottom-left", dx: 4, dy: -4, fill: token("--muted") }),
        Plot.lineY(points, { x: "on", y: "value", z: "series", stroke: fill, strokeWidth: 1.75 }),
        Plot.dot(points, { x: "on", y: "value", r: 2.6, stroke: fill, fill: (p) => (p.is_partial ? token("--raised") : fill(p)) }),
        Plot.text(lasts, { x: "on", y: "labelled", text: "series", textAnchor: "start", dx: 10, fill, fontWeight: 600 }),
        Plot.tip(points, Plot.pointer({ x: "on", y: "value", fill: token("--raised"), stroke: token("--line"), title: (p) => `Week of ${d3.utcFormat("%-d %b %Y")(p.on)}\n${percent(p.value)} (${span(p)})\n${d3.format(",")(p.n)} counted${p.is_partial ? "\nnot over yet" : ""}` })),
      ],
    });
  }

  // People by what they did before: three parts upwards, who is gone downwards, each part named at the right.
  function strip(node, steps) {
    const parts = [["returning", "--series-1"], ["new", "--series-2"], ["resurrected", "--unsure"], ["gone", "--bad"]];
    const cells = steps.flatMap((step) => parts.map(([name, colour]) => ({
      on: step.from_on, name, colour: token(colour), n: step[name], signed: name === "gone" ? -step[name] : step[name],
    })));
    const last = cells.filter((cell) => cell.on === steps.at(-1).from_on);
    const beside = (0.4 * (node.clientWidth - 128)) / steps.length + 6;
    const most = d3.max(steps, (step) => step.returning + step.new + step.resurrected);
    const gap = (most + d3.max(steps, (step) => step.gone)) / 14;
    let up = 0;
    let named = -Infinity;
    for (const cell of last) {
      const middle = cell.signed < 0 ? cell.signed / 2 : up + cell.n / 2;
      if (cell.signed > 0) up += cell.n;
      cell.labelled = cell.signed < 0 ? Math.min(middle, -gap / 2) : (named = Math.max(middle, named + gap, gap / 2));
    }
    const short = (on) => d3.utcFormat("%-d %b")(new Date(`${on}T00:00:00Z`));
    const every = Math.ceil(steps.length / Math.max(2, Math.floor(node.clientWidth / 90)));
    return Plot.plot({
      width: node.clientWidth,
      height: 240,
      marginLeft: 40,
      marginRight: 88,
      style: { background: "transparent", color: token("--muted"), fontSize: "12px", fontFamily: "inherit" },
      x: { type: "band", label: null, tickFormat: (on, i) => (i % every ? "" : short(on)), padding: 0.25 },
      y: { label: null, grid: true, ticks: 5, tickFormat: (n) => d3.format(",")(Math.abs(n)) },
      marks: [
        Plot.barY(cells, { x: "on", y: "signed", fill: "colour", order: null, title: (c) => `${short(c.on)}: ${c.n} ${c.name}` }),
        Plot.ruleY([0], { stroke: token("--muted") }),
        Plot.text(last, { x: "on", y: "labelled", text: "name", textAnchor: "start", dx: beside, fill: "colour", fontWeight: 600 }),
      ],
    });
  }

  // A place for each label beside its dot where it hides no other: right, left, above, under, then farther out.
  function apart(labels, taken, width) {
    const size = (label) => ({ w: 6.6 * Math.max(...label.text.split("\n").map((line) => line.length)), h: 14 * label.text.split("\n").length });
    const isFree = (box) => box.x0 > 46 && box.x1 < width - 4 && !taken.some((other) => box.x0 < other.x1 && other.x0 < box.x1 && box.y0 < other.y1 && other.y0 < box.y1);
    for (const label of labels) {
      const { w, h } = size(label);
      const gap = label.gap ?? 10;
      const spots = [0, 14, 28, 42].flatMap((far) => [[gap, far], [-gap - w, far], [gap, -far], [-gap - w, -far], [-w / 2, -14 - h / 2 - far], [-w / 2, 14 + h / 2 + far]]);
      const boxes = spots.map(([dx, dy]) => ({ x0: label.px + dx, x1: label.px + dx + w, y0: label.py + dy - h / 2, y1: label.py + dy + h / 2 }));
      const box = boxes.find(isFree) ?? boxes[0];
      taken.push(box);
      [label.lx, label.ly] = [box.x0, (box.y0 + box.y1) / 2];
    }
    return labels;
  }

  // A revealed debate on 1 to 9: who stands where, their median, and what was measured with its interval.
  function debate(node, chart) {
    const [muted, ink, raised, line] = ["--muted", "--ink", "--raised", "--line"].map(token);
    const [ours, theirs] = [token("--series-1"), token("--series-2")];
    const width = Math.min(node.clientWidth, 640);
    const height = Math.max(320, Math.min(width, 540));
    const [left, right, top, bottom] = [44, 12, 24, 40];
    const x = d3.scaleLinear([0.5, 9.5], [left, width - right]);
    const y = d3.scaleLinear([0.5, 9.5], [height - bottom, top]);
    const at = (spot) => ({ ...spot, px: x(spot.x), py: y(spot.y) });
    const places = [...d3.group(chart.placements, (p) => `${p.x} ${p.y}`).values()];
    const spots = places.map((some) => at({ x: some[0].x, y: some[0].y, n: some.length, text: some.map((p) => p.name).join("\n") }));
    const measured = chart.measured.x && chart.measured.y ? [at({ x: chart.measured.x.place, y: chart.measured.y.place, text: "measured", paint: theirs })] : [];
    const median = at({ ...chart.median, text: "median", gap: 16 });
    const dots = [...spots, ...measured, median].map((spot) => ({ x0: spot.px - 8, x1: spot.px + 8, y0: spot.py - 8, y1: spot.py + 8 }));
    for (const [anchor, name] of Object.entries(chart.cells)) {
      const [x0, y0] = [anchor.endsWith("left") ? left : width - right - 12 - 6.2 * name.length, anchor.startsWith("top") ? top : height - bottom - 20];
      dots.push({ x0, x1: x0 + 12 + 6.2 * name.length, y0, y1: y0 + 20 });
    }
    const labels = apart([...spots, ...measured, median], dots, width - right);
    const corner = (name, anchor) => Plot.text([name], { frameAnchor: anchor, dx: anchor.endsWith("left") ? 6 : -6, dy: anchor.startsWith("top") ? 8 : -8, fill: muted, fontStyle: "italic" });
    const { x: mx, y: my } = chart.measured;
    return Plot.plot({
      width,
      height,
      marginLeft: left,
      marginRight: right,
      marginTop: top,
      marginBottom: bottom,
      style: { background: "transparent", color: muted, fontSize: "12px", fontFamily: "inherit" },
      x: { domain: [0.5, 9.5], ticks: d3.range(1, 10), tickFormat: "d", label: chart.names.x },
      y: { domain: [0.5, 9.5], ticks: d3.range(1, 10), tickFormat: "d", label: chart.names.y },
      marks: [
        Plot.frame({ stroke: line }),
        Plot.ruleX([3.5, 6.5], { stroke: line }),
        Plot.ruleY([3.5, 6.5], { stroke: line }),
        ...Object.entries(chart.cells).map(([anchor, name]) => corner(name, anchor)),
        Plot.link(measured, { x1: () => mx.place_low, x2: () => mx.place_high, y: "y", stroke: theirs, strokeWidth: 1.5 }),
        Plot.link(measured, { x: "x", y1: () => my.place_low, y2: () => my.place_high, stroke: theirs, strokeWidth: 1.5 }),
        Plot.dot(measured, { x: "x", y: "y", r: 5, symbol: "square", fill: theirs }),
        Plot.dot([median], { x: "x", y: "y", r: 12, stroke: ink, strokeWidth: 1.5, strokeDasharray: "3 2" }),
        Plot.dot(spots, { x: "x", y: "y", r: (spot) => 4 + spot.n, fill: ours }),
        Plot.text(labels, { x: (label) => x.invert(label.lx), y: (label) => y.invert(label.ly), text: "text", textAnchor: "start", lineHeight: 1.15, fill: (label) => label.paint ?? ink, stroke: raised, strokeWidth: 3, fontWeight: (label) => (label.n ? 400 : 600) }),
      ],
    });
  }

  const KINDS = { debate, quadrant, periods, weekly, strip, reliability, versions };

  function draw(node) {
    if (!node.clientWidth) return void requestAnimationFrame(() => draw(node)); // not laid out yet
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
