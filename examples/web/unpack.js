"use strict";
// The module is packed by LZMA, which makes it a fifth smaller than gzip does, and written as text with 7 bits in each
// character, where base64 has 6. Three characters that HTML would not keep stand for themselves as others.

function fromText(text) {
  const shown = { "¡": 0, "¢": 13, "£": 60 };
  const bytes = new Uint8Array(Math.floor((text.length * 7) / 8));
  let [bits, held, at] = [0, 0, 0];
  for (const character of text) {
    bits = ((bits << 7) | (shown[character] ?? character.charCodeAt(0))) & 0x7fff;
    held += 7;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = bits >> held;
    }
  }
  return bytes;
}

// Returns the first `size` bytes of an LZMA stream, as the specification of the LZMA SDK decodes them.
function unpack(input, size) {
  const output = new Uint8Array(size);
  const [lc, lp, pb] = [input[0] % 9, Math.floor(input[0] / 9) % 5, Math.floor(input[0] / 45)];
  // Where the probabilities of each kind of bit begin.
  const [MATCH, REP, REP0, REP1, REP2, LONG, SLOT, DISTANCE, ALIGN, LENGTH, REP_LENGTH, LITERAL] =
    [0, 192, 204, 216, 228, 240, 432, 688, 804, 820, 1334, 1848];
  const probabilities = new Uint16Array(LITERAL + (0x300 << (lc + lp))).fill(1024);
  let [range, code, at] = [0xffffffff, 0, 14];
  const shift = () => {
    if (range < 0x1000000) {
      range *= 256;
      code = code * 256 + input[at++];
    }
  };
  for (let i = 0; i < 4; i++) code = code * 256 + input[at++];
  const bit = (index) => {
    const p = probabilities[index];
    const bound = (range >>> 11) * p;
    const is = code >= bound ? 1 : 0;
    if (is) {
      range -= bound;
      code -= bound;
      probabilities[index] = p - (p >>> 5);
    } else {
      range = bound;
      probabilities[index] = p + ((2048 - p) >>> 5);
    }
    shift();
    return is;
  };
  const tree = (base, bits) => {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | bit(base + node);
    return node - (1 << bits);
  };
  const reversed = (base, bits) => {
    let [node, value] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const is = bit(base + node);
      node = (node << 1) | is;
      value |= is << i;
    }
    return value;
  };
  const length = (base, state) => {
    if (!bit(base)) return tree(base + 2 + 8 * state, 3);
    if (!bit(base + 1)) return 8 + tree(base + 130 + 8 * state, 3);
    return 16 + tree(base + 258, 8);
  };
  let [state, position] = [0, 0];
  let reps = [0, 0, 0, 0];
  const literal = () => {
    const before = position ? output[position - 1] : 0;
    const base = LITERAL + 0x300 * (((position & ((1 << lp) - 1)) << lc) + (before >> (8 - lc)));
    let symbol = 1;
    let match = state >= 7 ? output[position - reps[0] - 1] : -1;
    while (symbol < 0x100 && match >= 0) {
      const expected = (match >> 7) & 1;
      match = (match << 1) & 0xff;
      const is = bit(base + ((1 + expected) << 8) + symbol);
      symbol = (symbol << 1) | is;
      if (is !== expected) match = -1;
    }
    while (symbol < 0x100) symbol = (symbol << 1) | bit(base + symbol);
    output[position++] = symbol & 0xff;
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  };
  const distance = (long) => {
    const slot = tree(SLOT + 64 * Math.min(long, 3), 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const found = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return found + reversed(DISTANCE + found - slot, bits);
    let direct = 0;
    for (let i = 4; i < bits; i++) {
      range >>>= 1;
      const is = code >= range ? 1 : 0;
      code -= is * range;
      direct = 2 * direct + is;
      shift();
    }
    return found + 16 * direct + reversed(ALIGN, 4);
  };
  while (position < size) {
    const part = position & ((1 << pb) - 1);
    if (!bit(MATCH + 16 * state + part)) {
      literal();
      continue;
    }
    let long;
    if (!bit(REP + state)) {
      long = length(LENGTH, part);
      reps = [distance(long), ...reps.slice(0, 3)];
      state = state < 7 ? 7 : 10;
    } else {
      if (bit(REP0 + state)) {
        // One of the earlier distances becomes the first.
        const index = !bit(REP1 + state) ? 1 : !bit(REP2 + state) ? 2 : 3;
        reps.unshift(...reps.splice(index, 1));
      } else if (!bit(LONG + 16 * state + part)) {
        output[position] = output[position - reps[0] - 1];
        position++;
        state = state < 7 ? 9 : 11;
        continue;
      }
      long = length(REP_LENGTH, part);
      state = state < 7 ? 8 : 11;
    }
    for (let i = 0; i < long + 2; i++, position++) output[position] = output[position - reps[0] - 1];
  }
  return output;
}
