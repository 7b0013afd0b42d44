// Put into the page by tests/bench/page.py: notes when points are drawn.
const MOST_DRAWS = 20_000;
window.watched = { pending: 0, wholeAt: [], isOver: false, tasks: [], draws: [] };
{
  const { tasks, draws } = watched;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) tasks.push([one.startTime, one.duration]);
  }).observe({ type: "longtask", buffered: true });
  const own = WebGL2RenderingContext.prototype;
  const { clear, drawArrays } = own;
  own.clear = function (...all) {
    watched.pending = 0;
    return clear.apply(this, all);
  };
  own.drawArrays = function (kind, first, count) {
    watched.pending += count;
    draws.push(performance.now());
    if (draws.length > MOST_DRAWS) draws.shift();
    const drawn = watched.pending;
    const done = drawArrays.call(this, kind, first, count);
    // The frame after next begins when this one was shown.
    const tell = () => watched.wholeAt.push([drawn, performance.now()]);
    if (watched.isOver) return done;
    requestAnimationFrame(() => requestAnimationFrame(tell));
    return done;
  };
}
// The longest tasks since a time (those below 50 ms are none): those that draw, and all others.
window.blocked = (since) => {
  const { tasks, draws } = watched;
  const longest = { drawing: 0, others: 0 };
  for (const [start, lasts] of tasks.filter(([start]) => start >= since)) {
    const isDrawing = draws.some((at) => at >= start - 1 && at <= start + lasts);
    const kind = isDrawing ? "drawing" : "others";
    longest[kind] = Math.max(longest[kind], Math.round(lasts));
  }
  return longest;
};
// How long something takes, until a condition holds: looked at in every frame, before it is drawn.
window.timed = (act, holds) =>
  new Promise((done) => {
    const began = performance.now();
    act();
    const look = () => {
      if (holds()) done(performance.now() - began);
      else setTimeout(look, 0);
    };
    look();
  });
// Where some points are seen while all of the map is.
window.places = () => {
  const { points } = document.querySelector("page-app").controller;
  const { left, top, width, height } = document.querySelector("#map-canvas").getBoundingClientRect();
  const [xs, ys] = [points.x.subarray(0, points.size), points.y.subarray(0, points.size)];
  const ends = (all) =>
    all.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [1e9, -1e9]);
  const [[minX, maxX], [minY, maxY]] = [ends(xs), ends(ys)];
  const scale = Math.min((width * 0.82) / (maxX - minX), (height * 0.82) / (maxY - minY));
  return Array.from({ length: 5 }, (_, i) => Math.floor(((i + 0.5) * points.size) / 5)).map(
    (row) => [
      left + width / 2 + (xs[row] - (minX + maxX) / 2) * scale,
      top + height / 2 - (ys[row] - (minY + maxY) / 2) * scale,
    ],
  );
};
// How long this browser, on this machine as busy as it is, sorts a million numbers.
window.reference = () => {
  const all = Float64Array.from({ length: 1e6 }, (_, i) => (i * 7919) % 1e6);
  const began = performance.now();
  all.sort();
  return performance.now() - began;
};
