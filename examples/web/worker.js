"use strict";
// Runs beside the page, which stays usable: holds the module, and answers calls of the page.
let wasm, callback, onEvent;
const [PROGRESS, EVENT, MODEL, REGIONS] = [0, 1, 2, 3];
// The fraction of the time that may be spent on models and regions while training goes on.
const SHOWING = 0.15;

const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);

// A module cannot call a function of JavaScript by its number unless it comes from a module: this one, by hand, imports a
// function e.f, which takes and returns an i32, and exports it.
const SHIM = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 2, 7, 1, 1, 101, 1, 102, 0, 0, 7, 5, 1, 1, 102, 0, 0];

function start(module) {
  wasm = new WebAssembly.Instance(module, {}).exports;
  const f = (kind) => onEvent(kind);
  const shim = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(SHIM)), { e: { f } });
  const table = wasm.__indirect_function_table;
  callback = table.grow(1);
  table.set(callback, shim.exports.f);
}

function give(bytes) {
  const address = wasm.palmnet_reserve(bytes.length);
  new Uint8Array(wasm.memory.buffer, address, bytes.length).set(bytes);
}

// A copy: the memory may grow, which makes its views invalid.
const answer = () => new Uint8Array(wasm.memory.buffer, wasm.palmnet_address(), wasm.palmnet_length()).slice();

// Calls a function of the module with a line of text and bytes; returns the bytes of its answer.
function call(name, line, bytes, ...rest) {
  const head = encode(bytes ? line.replace(/[\r\n]/g, " ") + "\n" : line);
  const all = new Uint8Array(head.length + (bytes?.length ?? 0));
  all.set(head);
  all.set(bytes ?? [], head.length);
  give(all);
  let done;
  try {
    done = wasm[name](...rest);
  } catch (trap) {
    const error = new Error(decode(answer()) || String(trap));
    error.fatal = true;
    throw error;
  }
  if (!done) throw new Error(decode(answer()));
  return answer();
}

const json = (...words) => JSON.parse(decode(call(...words)));

// The requests of the page, by name.
const calls = {
  open: ({ name, bytes }) => json("palmnet_open", name, bytes),
  split: (settings) => json("palmnet_split", JSON.stringify(settings)),
  train(settings) {
    let shown = performance.now();
    let cost = 20;
    let asked = 0;
    let progress = 0;
    let epochs = [];
    const flush = () => {
      if (epochs.length) postMessage({ event: { event: "epochs", epochs } });
      epochs = [];
    };
    onEvent = (kind) => {
      const now = performance.now();
      if (kind === PROGRESS) {
        if (now - progress > 60) {
          progress = now;
          flush();
          postMessage({ event: JSON.parse(decode(answer())) });
        }
      } else if (kind === EVENT) {
        const event = JSON.parse(decode(answer()));
        if (event.event === "epoch") epochs.push(event);
        else postMessage({ event });
        if (event.event === "epoch" && now - shown > Math.max(120, cost / SHOWING)) {
          asked = now;
          return 1;
        }
      } else if (kind === MODEL) {
        postMessage({ event: { event: "model", bytes: answer() } });
      } else if (kind === REGIONS) {
        flush();
        postMessage({ event: { event: "regions", bytes: answer() } });
        shown = performance.now();
        cost = shown - asked;
      }
      return 0;
    };
    const result = json("palmnet_train", JSON.stringify(settings), null, callback);
    flush();
    return result;
  },
  save: () => call("palmnet_save", ""),
  load: ({ name, bytes }) => json("palmnet_load", name, bytes),
  predict: (cells) => json("palmnet_predict", JSON.stringify(cells)),
  predictTable: ({ name, bytes }) => decode(call("palmnet_predict_table", name, bytes)),
  regions: () => call("palmnet_regions", ""),
};

onmessage = ({ data }) => {
  if (data.module) return start(data.module);
  try {
    postMessage({ id: data.id, result: calls[data.call](data.input) });
  } catch (error) {
    postMessage({ id: data.id, error: error.message, fatal: !!error.fatal });
  }
};
