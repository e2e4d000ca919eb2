// oracle.js FILE reads texts on stdin and writes their ids by the tokenizer.json FILE on stdout.
//
// Input: texts in UTF-8, each preceded by its length in 4 bytes, little-endian. A length of 0xffffffff asks for the answers
// to all texts since the last one. Output for each text: the number of ids, the ids, the decoded ids, and the decoded middle
// ids without special tokens. Numbers have 4 bytes; texts are preceded by their length.
const { Tokenizer } = require('tokenizers');

const end = 0xffffffff;

async function main() {
  const tokenizer = await Tokenizer.fromFile(process.argv[2]);
  let rest = Buffer.alloc(0);
  let texts = [];
  for await (const chunk of process.stdin) {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (rest.length - at >= 4) {
      const n = rest.readUInt32LE(at);
      if (n === end) {
        at += 4;
        await answer(tokenizer, texts);
        texts = [];
        continue;
      }
      if (rest.length - at < 4 + n) break;
      texts.push(rest.toString('utf8', at + 4, at + 4 + n));
      at += 4 + n;
    }
    rest = rest.subarray(at);
  }
}

async function answer(tokenizer, texts) {
  const ids = (await tokenizer.encodeBatch(texts, { addSpecialTokens: false })).map((e) => e.getIds());
  const whole = await tokenizer.decodeBatch(ids, false);
  const middle = await tokenizer.decodeBatch(ids.map((a) => a.slice(Math.floor(a.length / 3), a.length - Math.floor(a.length / 4))), true);
  const parts = [];
  for (let i = 0; i < texts.length; i++) {
    const b = Buffer.alloc(4 + 4 * ids[i].length);
    b.writeUInt32LE(ids[i].length, 0);
    ids[i].forEach((id, k) => b.writeUInt32LE(id, 4 + 4 * k));
    parts.push(b);
    for (const s of [whole[i], middle[i]]) {
      const text = Buffer.from(s, 'utf8');
      const n = Buffer.alloc(4);
      n.writeUInt32LE(text.length, 0);
      parts.push(n, text);
    }
  }
  if (!process.stdout.write(Buffer.concat(parts))) await new Promise((done) => process.stdout.once('drain', done));
}

main().catch((err) => {
  console.error(String(err));
  process.exit(1);
});
