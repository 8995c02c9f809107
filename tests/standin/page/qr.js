// QR codes, byte mode at error correction level L, versions 1 to 16 (up to 586 bytes), always mask 0: readers
// take any mask, choosing the prettiest would only cost time.
'use strict';

__d('StandInQr', [], (require, exports) => {
  // Per version: error correction bytes per block, then [blocks, data bytes per block] groups. ISO/IEC 18004, table 9.
  const BLOCKS = [
    null, [7, [1, 19]], [10, [1, 34]], [15, [1, 55]], [20, [1, 80]], [26, [1, 108]], [18, [2, 68]], [20, [2, 78]],
    [24, [2, 97]], [30, [2, 116]], [18, [2, 68], [2, 69]], [20, [4, 81]], [24, [2, 92], [2, 93]], [26, [4, 107]],
    [30, [3, 115], [1, 116]], [22, [5, 87], [1, 88]], [24, [5, 98], [1, 99]],
  ];
  const ALIGNMENT = [
    null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
    [6, 30, 54], [6, 32, 58], [6, 34, 62], [6, 26, 46, 66], [6, 26, 48, 70], [6, 26, 50, 74],
  ];
  const LEVEL_L_MASK_0 = 0b01000;

  // Galois field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1.
  const EXP = new Uint8Array(512);
  const LOG = new Uint8Array(256);
  for (let power = 0, value = 1; power < 255; power++) {
    EXP[power] = EXP[power + 255] = value;
    LOG[value] = power;
    value = (value << 1) ^ (value & 0x80 ? 0x11d : 0);
  }
  const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

  function generator(degree) {
    let polynomial = [1];
    for (let root = 0; root < degree; root++) {
      const next = [...polynomial, 0];
      polynomial.forEach((factor, place) => (next[place + 1] ^= times(factor, EXP[root])));
      polynomial = next;
    }
    return polynomial.slice(1);
  }

  function correction(data, polynomial) {
    const rest = new Array(polynomial.length).fill(0);
    for (const byte of data) {
      const lead = byte ^ rest.shift();
      rest.push(0);
      polynomial.forEach((factor, place) => (rest[place] ^= times(factor, lead)));
    }
    return rest;
  }

  const capacity = (version) => BLOCKS[version].slice(1).reduce((sum, [count, size]) => sum + count * size, 0);

  function data_bytes(text, version) {
    const bytes = [...new TextEncoder().encode(text)];
    const length = version < 10 ? [bytes.length] : [bytes.length >> 8, bytes.length & 255];
    // Mode 0100 takes half a byte, so everything after it sits half a byte off; the terminator fills the last half.
    const halves = [4, ...[...length, ...bytes].flatMap((byte) => [byte >> 4, byte & 15]), 0];
    const packed = [];
    for (let place = 0; place < halves.length; place += 2) packed.push((halves[place] << 4) | halves[place + 1]);
    for (let pad = 0xec; packed.length < capacity(version); pad ^= 0xec ^ 0x11) packed.push(pad);
    return packed;
  }

  function codewords(text, version) {
    const [degree, ...groups] = BLOCKS[version];
    const polynomial = generator(degree);
    const data = data_bytes(text, version);
    const blocks = groups.flatMap(([count, size]) => Array.from({ length: count }, () => data.splice(0, size)));
    const checks = blocks.map((block) => correction(block, polynomial));
    const interleaved = (rows) =>
      Array.from({ length: Math.max(...rows.map((row) => row.length)) }, (_, place) =>
        rows.filter((row) => place < row.length).map((row) => row[place]),
      ).flat();
    return [...interleaved(blocks), ...interleaved(checks)];
  }

  function with_check(value, bits, polynomial, degree) {
    let rest = value << degree;
    for (let bit = bits - 1; bit >= 0; bit--) if ((rest >> (bit + degree)) & 1) rest ^= polynomial << bit;
    return (value << degree) | rest;
  }

  function fixed_patterns(version) {
    const size = 17 + 4 * version;
    const cells = Array.from({ length: size }, () => new Array(size).fill(null));
    const put = (row, column, dark) => {
      if (row >= 0 && column >= 0 && row < size && column < size) cells[row][column] = dark;
    };
    for (const [top, left] of [[0, 0], [0, size - 7], [size - 7, 0]]) {
      for (let row = -1; row < 8; row++) {
        for (let column = -1; column < 8; column++) {
          const ring = Math.max(Math.abs(row - 3), Math.abs(column - 3));
          put(top + row, left + column, ring === 3 || ring < 2);
        }
      }
    }
    for (let place = 8; place < size - 8; place++) cells[6][place] = cells[place][6] = place % 2 === 0;
    const last = ALIGNMENT[version].at(-1);
    for (const row of ALIGNMENT[version]) {
      for (const column of ALIGNMENT[version]) {
        if ((row === 6 && (column === 6 || column === last)) || (row === last && column === 6)) continue;
        for (let y = -2; y <= 2; y++) {
          for (let x = -2; x <= 2; x++) put(row + y, column + x, Math.max(Math.abs(x), Math.abs(y)) !== 1);
        }
      }
    }
    const format = with_check(LEVEL_L_MASK_0, 5, 0x537, 10) ^ 0x5412;
    for (let bit = 0; bit < 15; bit++) {
      const dark = ((format >> bit) & 1) === 1;
      put(bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit, 8, dark);
      put(8, bit < 8 ? size - 1 - bit : bit < 9 ? 7 : 14 - bit, dark);
    }
    cells[size - 8][8] = true;
    if (version >= 7) {
      const code = with_check(version, 6, 0x1f25, 12);
      for (let bit = 0; bit < 18; bit++) {
        const [long, short] = [Math.floor(bit / 3), size - 11 + (bit % 3)];
        cells[long][short] = cells[short][long] = ((code >> bit) & 1) === 1;
      }
    }
    return cells;
  }

  exports.encode = (text) => {
    const length = new TextEncoder().encode(text).length;
    const version = BLOCKS.findIndex((_, v) => v && capacity(v) >= length + (v < 10 ? 2 : 3));
    if (version < 0) throw new Error(`${length} bytes do not fit into a QR code`);
    const cells = fixed_patterns(version);
    const bits = codewords(text, version).flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
    const size = cells.length;
    let up = true;
    let next = 0;
    // Two columns at a time from the right, up and down; column 6 belongs to the timing pattern.
    for (let right = size - 1; right > 0; right -= 2) {
      if (right === 6) right--;
      for (let step = 0; step < size; step++) {
        const row = up ? size - 1 - step : step;
        for (const column of [right, right - 1]) {
          if (cells[row][column] !== null) continue;
          cells[row][column] = Boolean((bits[next++] ?? 0) ^ Number((row + column) % 2 === 0));
        }
      }
      up = !up;
    }
    return cells;
  };

  exports.draw = (canvas, text) => {
    const cells = exports.encode(text);
    const [scale, quiet] = [4, 4];
    canvas.width = canvas.height = (cells.length + 2 * quiet) * scale;
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    cells.forEach((row, y) =>
      row.forEach((dark, x) => dark && context.fillRect((x + quiet) * scale, (y + quiet) * scale, scale, scale)),
    );
  };
});
