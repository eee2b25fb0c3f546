// The pictures of the page: the curve of the losses, and the decision regions of two features.

const GRID = 48;

function canvas(id) {
  const target = $(id);
  const { width, height } = target.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  target.width = Math.max(1, Math.round(width * ratio));
  target.height = Math.max(1, Math.round(height * ratio));
  const context = target.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  context.font = "12px system-ui, sans-serif";
  return { context, width, height, color };
}

let drawing = 0;

function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    if ($("run").hidden) return;
    drawCurve();
    if (state.plane) drawRegions();
  });
}

function drawCurve() {
  const { context, width, height, color } = canvas("curve");
  const [left, right, top, bottom] = [52, width - 8, 8, height - 24];
  const losses = state.epochs.map((epoch) => epoch.train_loss).filter((loss) => loss > 0 && Number.isFinite(loss));
  context.strokeStyle = color("--line");
  context.fillStyle = color("--soft");
  context.strokeRect(left, top, right - left, bottom - top);
  if (losses.length < 2) return;
  // Logarithmic, and never less than a factor of ten.
  const high = Math.log10(Math.max(...losses)) + 0.05;
  const low = Math.min(Math.log10(Math.min(...losses)) - 0.05, high - 1);
  const last = Math.max(state.all ?? 0, state.epochs.at(-1).epoch);
  const x = (epoch) => left + ((epoch - 1) / Math.max(1, last - 1)) * (right - left);
  const y = (loss) => bottom - ((Math.log10(loss) - low) / (high - low)) * (bottom - top);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const marks = high - low > 3 ? [1] : [1, 3];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const mark of marks) {
      const loss = mark * 10 ** power;
      if (Math.log10(loss) < low || Math.log10(loss) > high) continue;
      context.fillText(number(loss, 2), left - 6, y(loss));
      context.beginPath();
      context.moveTo(left, y(loss));
      context.lineTo(right, y(loss));
      context.stroke();
    }
  }
  context.textBaseline = "top";
  for (const [epoch, align] of [[1, "left"], [Math.round((1 + last) / 2), "center"], [last, "right"]]) {
    context.textAlign = align;
    context.fillText(String(epoch), x(epoch), bottom + 6);
  }
  context.strokeStyle = color("--accent");
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.beginPath();
  for (const { epoch, train_loss } of state.epochs) context.lineTo(x(epoch), y(Math.max(train_loss, 10 ** low)));
  context.stroke();
  $("curve").setAttribute("aria-label", `Loss by epoch, now ${number(losses.at(-1), 3)}`);
}

function drawRegions() {
  const { context, width, height, color } = canvas("regions");
  const { low, high, ends, names, points } = state.plane;
  const [left, right, top, bottom] = [8, width - 8, 8, height - 40];
  const rgb = (label) => [1, 3, 5].map((i) => parseInt(colorOf(label).slice(i, i + 2), 16));
  if (state.grid) {
    const image = new ImageData(GRID, GRID);
    for (let cell = 0; cell < GRID * GRID; cell++) {
      const [label, probability] = [state.grid[2 * cell], state.grid[2 * cell + 1] / 255];
      image.data.set([...rgb(label), 30 + 100 * probability ** 2], 4 * cell);
    }
    const small = new OffscreenCanvas(GRID, GRID);
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingQuality = "high";
    context.drawImage(small, left, top, right - left, bottom - top);
  }
  context.strokeStyle = color("--line");
  context.strokeRect(left, top, right - left, bottom - top);
  for (const [px, py, label] of points) {
    context.beginPath();
    context.arc(left + ((px - low[0]) / (high[0] - low[0])) * (right - left),
      bottom - ((py - low[1]) / (high[1] - low[1])) * (bottom - top), 3.2, 0, 7);
    context.fillStyle = colorOf(label);
    context.strokeStyle = color("--page");
    context.fill();
    context.stroke();
  }
  context.fillStyle = color("--soft");
  context.textBaseline = "top";
  const text = (words, x, align, line) => {
    context.textAlign = align;
    context.fillText(words, x, bottom + 6 + 16 * line, right - left);
  };
  text(number(ends[0][0], 3), left, "left", 0);
  text(`${names[0]} →`, (left + right) / 2, "center", 0);
  text(number(ends[0][1], 3), right, "right", 0);
  text(`${names[1]} ↑ from ${number(ends[1][0], 3)} to ${number(ends[1][1], 3)}`, (left + right) / 2, "center", 1);
  $("legend").replaceChildren(...state.classes.map((name, label) => {
    const entry = element("span");
    entry.append(element("i", "", { style: `background:${colorOf(label)}` }), name);
    return entry;
  }));
}
