"use strict";
const $ = (id) => document.getElementById(id);
// Colors that people with color blindness tell apart (Okabe, Ito, 2008), and the same for a dark page.
const LIGHT = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const DARK = ["#56b4e9", "#e69f00", "#2bc49a", "#e09cc4", "#9d8cff", "#f2814b"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const colorOf = (label) => (dark.matches ? DARK : LIGHT)[label % LIGHT.length];

// ---- The worker, which may be replaced by a new one: that is how a training is stopped.

let compiled, address, worker, pending, onEvent;
let starting = null;
let next = 0;

async function startWorker() {
  if (!compiled) {
    const { textContent, dataset } = $("packed");
    compiled = await WebAssembly.compile(unpack(fromText(textContent), Number(dataset.size)));
    address = URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" }));
  }
  worker = new Worker(address);
  pending = new Map();
  worker.onmessage = ({ data }) => {
    if (data.event) return onEvent?.(data.event);
    const { resolve, reject } = pending.get(data.id);
    pending.delete(data.id);
    if (data.error === undefined) return resolve(data.result);
    reject(new Error(data.fatal ? `the program failed, please report this: ${data.error}` : data.error));
    // A module that has trapped is in no state to go on.
    if (data.fatal) endWorker();
  };
  worker.onerror = (event) => endWorker(event.message);
  worker.postMessage({ module: compiled });
}

function endWorker(reason = "stopped") {
  worker?.terminate();
  worker = null;
  pending?.forEach(({ reject }) => reject(new Error(reason)));
  pending = null;
}

async function ask(call, input) {
  if (!worker && starting) await starting;
  if (!worker) {
    starting = startWorker();
    await starting.finally(() => (starting = null));
    // A new worker knows nothing.
    if (state.table && call !== "open") {
      await ask("open", state.table);
      if (call !== "split") await ask("split", settings());
      if (state.saved && call !== "load") await ask("load", { name: "model.safetensors", bytes: state.saved });
    }
  }
  return new Promise((resolve, reject) => {
    pending.set(++next, { resolve, reject });
    worker.postMessage({ id: next, call, input });
  });
}

// ---- State and small helpers.

// table: its name and bytes; saved: the bytes of the model; plane: two features and classes; described: the model.
const state = { table: null, opened: null, plane: null, saved: null, described: null, epochs: [], grid: null };

const settings = () => ({
  target: Number($("target").value || state.opened?.target || 0),
  tuned: $("tuned").checked,
  seed: Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.floor(Number($("seed").value) || 0))),
});

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function show(id, shown = true) {
  $(id).hidden = !shown;
}

function fail(id, error) {
  $(id).textContent = error ? error.message : "";
  show(id, !!error);
}

// Runs something that a person asked for; the sentence of an error is shown where it belongs.
const attempt = (errors, action) => async (...words) => {
  fail(errors);
  try {
    return await action(...words);
  } catch (error) {
    fail(errors, error);
  }
};

function number(x, digits = 4) {
  if (x === null || !Number.isFinite(x)) return "–";
  return Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-4) ? x.toExponential(2) : String(Number(x.toPrecision(digits)));
}

const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// ---- Data.

const moons = () => {
  // A generator of Lehmer's, so that everybody has the same points.
  let seed = 7;
  const uniform = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const noise = () => 0.18 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const lines = Array.from({ length: 300 }, (_, i) => {
    const angle = Math.PI * uniform();
    const [x, y] = i % 2 ? [1 - Math.cos(angle), 0.5 - Math.sin(angle)] : [Math.cos(angle), Math.sin(angle)];
    return `${(x + noise()).toFixed(3)},${(y + noise()).toFixed(3)},${i % 2 ? "lower" : "upper"}`;
  });
  return `x,y,moon\n${lines.join("\n")}\n`;
};

async function openFile(file) {
  for (const errors of ["dataError", "trainError", "predictError", "modelError"]) fail(errors);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (file.name.endsWith(".safetensors")) return attempt("modelError", loadModel)(file.name, bytes);
  return attempt("dataError", openTable)(file.name, bytes);
}

async function openTable(name, bytes) {
  await endTraining();
  const opened = await ask("open", { name, bytes });
  Object.assign(state, { table: { name, bytes }, opened });
  $("tableName").replaceChildren(element("b", name), `: ${counted(opened.rows, "row")}, ${counted(opened.columns.length, "column")}`);
  const head = element("tr");
  head.append(...opened.columns.map((column) => element("th", column)));
  const rows = opened.first.map((cells) => {
    const row = element("tr");
    row.append(...cells.map((cell) => element("td", cell)));
    return row;
  });
  $("preview").replaceChildren(head, ...rows);
  $("target").replaceChildren(...opened.columns.map((column, i) => element("option", column, { value: i })));
  $("target").value = opened.target;
  show("table");
  await split();
}

async function split() {
  show("training", false);
  show("run", false);
  forgetModel();
  $("warnings").replaceChildren();
  $("parts").textContent = "";
  const found = await ask("split", settings());
  const kind = found.classes.length ? counted(found.classes.length, "class").replace("classs", "classes") : "a number";
  const inputs = counted(found.features.length, "column");
  $("parts").textContent = `${inputs} → ${found.target} (${kind}). Train on ${counted(found.train, "row")}, test on ${found.test} that are held out.`;
  $("warnings").replaceChildren(...found.warnings.map((warning) => element("li", warning)));
  Object.assign(state, { plane: found.plane, classes: found.classes, epochs: [], grid: null });
  show("training");
}

// ---- Training.

// The promise of the training that goes on.
let training = null;

async function train() {
  Object.assign(state, { epochs: [], grid: null, saved: null, phase: "" });
  forgetModel();
  show("run");
  show("stop");
  show("plane", !!state.plane);
  for (const id of ["train", "tuned", "seed", "target"]) $(id).disabled = true;
  $("status").textContent = "starting";
  $("progress").removeAttribute("value");
  draw();
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  onEvent = (event) => follow(event, seconds);
  try {
    // The seed splits the rows, too.
    await ask("split", settings());
    const result = await ask("train", settings());
    $("status").textContent = `${counted(result.epochs, "epoch")} in ${seconds()}`;
    $("progress").value = 1;
    await finishModel(result);
  } catch (error) {
    if (error.message !== "stopped") throw error;
    if (state.saved) {
      $("status").textContent = `stopped after ${seconds()}; the weights are those of epoch ${state.snapshot}`;
      await finishModel(await ask("load", { name: "model.safetensors", bytes: state.saved }));
    } else {
      $("status").textContent = `stopped after ${seconds()}, before there was a model`;
    }
  } finally {
    onEvent = null;
    show("stop", false);
    for (const id of ["train", "tuned", "seed", "target"]) $(id).disabled = false;
    if (!$("progress").hasAttribute("value")) $("progress").value = 0;
  }
}

function stop() {
  endWorker();
}

// Whatever comes next finds the results of a training that is stopped, not the training.
async function endTraining() {
  if (!training) return;
  stop();
  await training;
}

function follow(event, seconds) {
  if (event.event === "trial") {
    const of = event.trials === null ? "" : ` of at most ${event.trials}`;
    const fold = event.folds > 1 ? `, fold ${event.fold + 1} of ${event.folds}` : "";
    $("status").textContent = `tuning: trial ${event.index + 1}${of}${fold}, ${seconds()}`;
    if (event.trials) $("progress").value = (event.index + (event.fold + event.fraction) / event.folds) / event.trials;
  } else if (event.event === "begin") {
    state.phase = `network ${event.network.shape}, ${counted(event.network.parameters, "parameter")}`;
    state.all = event.epochs;
    $("status").textContent = state.phase;
  } else if (event.event === "batch") {
    $("progress").value = event.fraction;
  } else if (event.event === "epochs") {
    state.epochs.push(...event.epochs);
    const last = event.epochs.at(-1);
    $("progress").value = last.epoch / last.epochs;
    $("status").textContent = `${state.phase}: epoch ${last.epoch} of ${last.epochs}, loss ${number(last.train_loss, 3)}, ${seconds()}`;
    draw();
  } else if (event.event === "model") {
    state.saved = event.bytes;
    state.snapshot = state.epochs.length ? state.epochs.at(-1).epoch : 1;
  } else if (event.event === "regions") {
    state.snapshot = state.epochs.at(-1)?.epoch ?? state.snapshot;
    state.grid = event.bytes.length ? event.bytes : null;
    draw();
  }
}

// ---- The model.

function forgetModel() {
  Object.assign(state, { described: null, saved: null });
  show("model", false);
}

async function finishModel({ model, train, test }) {
  state.saved = await ask("save");
  const figures = (title, scores) => {
    const all = element("div", undefined, { class: "figures" });
    const important = Object.entries(scores).sort(([a], [b]) => (a === "loss") - (b === "loss"));
    for (const [name, value] of important) {
      const figure = element("span");
      figure.append(element("b", number(value)), name.replace(/_/g, " ").replace("r2", "R²"));
      all.append(figure);
    }
    return [element("p", title), all];
  };
  $("scores").replaceChildren(
    ...(test ? figures("On rows that were held out:", test) : []),
    ...(train ? figures("On the rows of the training:", train) : []),
    ...(train ? [] : [element("p", "The table above has other columns, or there is none: the model cannot be scored.")]),
  );
  describe(model);
  const grid = state.plane ? await ask("regions") : [];
  state.grid = grid.length ? grid : null;
  draw();
}

function describe(model) {
  state.described = model;
  $("network").textContent = `Network ${model.network.shape}, ${counted(model.network.parameters, "parameter")}.`;
  const first = state.opened?.first[0];
  const cells = model.columns.map((column, index) => {
    const label = element("label", column.name);
    const position = first ? state.opened.columns.indexOf(column.name) : -1;
    const usual = position >= 0 ? first[position] : (column.typical ?? "");
    let field;
    if (column.kind === "text") {
      field = element("select");
      field.append(...column.categories.map((name) => element("option", name, { value: name })));
      if (model.allows_missing) field.append(element("option", "(missing)", { value: "" }));
      if (column.categories.includes(usual)) field.value = usual;
    } else {
      field = element("input", undefined, { type: "text", inputmode: column.kind === "number" ? "decimal" : "text", autocomplete: "off" });
      field.value = usual.trim();
    }
    field.id = `cell${index}`;
    label.append(field);
    return label;
  });
  $("cells").replaceChildren(...cells);
  show("model");
  predict();
}

const predict = attempt("predictError", async () => {
  $("prediction").replaceChildren();
  const cells = state.described.columns.map(({ name }, index) => [name, $(`cell${index}`).value]);
  const found = await ask("predict", Object.fromEntries(cells));
  const text = (value) => (typeof value === "number" ? number(value, 6) : String(value));
  const named = typeof found.prediction === "object" && found.prediction
    ? Object.entries(found.prediction).map(([name, value]) => `${name}: ${text(value)}`).join(", ")
    : `${state.described.target}: ${text(found.prediction)}`;
  const bars = element("div", undefined, { class: "bars" });
  for (const [name, probability] of Object.entries(found.probabilities ?? {})) {
    const bar = element("i");
    bar.style.width = `${100 * probability}%`;
    bars.append(element("span", name), bar, element("em", `${(100 * probability).toFixed(1)} %`));
  }
  $("prediction").replaceChildren(element("p", named, { class: "answer" }), bars);
});

async function loadModel(name, bytes) {
  await endTraining();
  const loaded = await ask("load", { name, bytes });
  state.saved = bytes;
  await finishModel(loaded);
  $("model").scrollIntoView();
}

function save() {
  const link = element("a", undefined, { download: "model.safetensors" });
  link.href = URL.createObjectURL(new Blob([state.saved], { type: "application/octet-stream" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ---- Events.

const sample = (name) => {
  const text = name === "iris" ? `${$("irisTable").textContent.trim()}\n` : moons();
  return attempt("dataError", openTable)(`${name}.csv`, new TextEncoder().encode(text));
};
$("iris").onclick = () => sample("iris");
$("moons").onclick = () => sample("moons");
for (const id of ["file", "modelFile"]) {
  $(id).onchange = ({ target }) => {
    if (target.files[0]) openFile(target.files[0]);
    // The same file again is a change, too.
    target.value = "";
  };
}
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
}
$("target").onchange = attempt("dataError", split);
$("train").onclick = () => {
  training = attempt("trainError", train)().finally(() => (training = null));
};
$("stop").onclick = stop;
$("save").onclick = save;
$("form").oninput = predict;
$("form").onsubmit = (event) => {
  event.preventDefault();
  predict();
};
addEventListener("resize", draw);
dark.addEventListener("change", draw);

// ---- palmnet.html#self-test does by itself what a person would, and leaves the results in the page.

async function selfTest() {
  const until = async (done, problem) => {
    while (!done()) {
      const shown = document.querySelector(".error:not([hidden])");
      if (shown) throw new Error(`${problem}: ${shown.textContent}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const learn = async () => {
    const start = performance.now();
    $("train").click();
    await until(() => !$("model").hidden && !training && $("prediction").children.length, "training");
    return {
      seconds: (performance.now() - start) / 1000,
      status: $("status").textContent,
      scores: $("scores").textContent,
      prediction: $("prediction").textContent,
      predictions: await ask("predictTable", state.table),
      model: btoa(Array.from(state.saved, (byte) => String.fromCharCode(byte)).join("")),
    };
  };
  const results = {};
  try {
    $("iris").click();
    await until(() => !$("training").hidden, "iris");
    results.plain = await learn();
    $("tuned").checked = true;
    results.tuned = await learn();
    // A model of a training that was stopped, read again by a new worker.
    $("tuned").checked = false;
    $("moons").click();
    await until(() => state.table.name === "moons.csv" && !$("training").hidden, "moons");
    $("train").click();
    await until(() => state.grid && state.snapshot, "regions");
    $("stop").click();
    await until(() => !training && !$("model").hidden, "stop");
    results.stopped = $("status").textContent;
    // Another table in the middle of a training.
    $("train").click();
    await until(() => state.grid && state.snapshot, "regions");
    $("iris").click();
    await until(() => !training && state.table.name === "iris.csv" && !$("training").hidden, "another table");
    results.replaced = $("model").hidden && $("run").hidden && !$("train").disabled;
    // A file that is no table.
    await openFile(new File(["a,b\n1\n2,3,4\n"], "broken.csv"));
    results.refused = $("dataError").textContent;
  } catch (error) {
    results.error = error.message;
  }
  $("result").textContent = JSON.stringify(results);
  $("result").classList.add("done");
}

if (location.hash === "#self-test") selfTest();
