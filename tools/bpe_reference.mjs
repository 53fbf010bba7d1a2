// Writes what src/text/bpe_test.cpp must reproduce: merges learned from a small corpus, and pieces
// and ids of texts at the edges of the rules, by the Rust library of Hugging Face.
//
//     npm install @anush008/tokenizers      (in a scratch folder, with a copy of this file)
//     node bpe_reference.mjs OUT          (OUT: tests/bpe_reference.json)
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as library from '@anush008/tokenizers';
const { BPE, Tokenizer, byteLevelPreTokenizer, byteLevelAlphabet } = library.default ?? library;

// Lines repeat with changes, so that counts differ and many are equal.
const subjects = ['The fox', 'A small bird', 'Tom', "Tom's sister", 'Élodie', 'An old mole', '小鳥'];
const verbs = ['slept in', "didn't see", 'walked to', 'ran   past', "won't leave", 'found 12 nuts at'];
const places = ['the forest', 'the tall tree', 'a café', 'number 42b', 'the river-bank', 'Ωmega hill'];
const ends = ['.', '!', '...', ', and sang "la la la".', ' (again)?', '\t-- at last'];
const syllables = ['ka', 'lo', 'mi', 'tan', 're', 'su'];
const word = (n) => syllables[n % 6] + syllables[(n / 6 | 0) % 6] + syllables[(n / 36 | 0) % 6];
const lines = [];
for (let i = 0; i < 160; i++)
  lines.push(`${subjects[i % 7]} ${verbs[(i * i) % 6]} ${places[(i * 5 + 2) % 6]} ${word(i * 37)} ` +
    `${word(i * i)}${ends[(i >> 2) % 6]}\n`);

const texts = [
  '', ' ', '  ', '\n', '\n\n', 'a', ' a', '  a', 'a ', 'a  ', 'a  b', 'a\nb', 'a \n b', 'a\n\n  b\t\tc',
  '\r\n', 'x\r\ny', "don't", "DON'T", "'s", " 's", "''s", "they're we've I'm you'll he'd it's can't",
  "'sx", "'real", "'llama", 'the forest', ' the forest.', 'The fox slept in the forest.',
  'tree123tree', '12 34,567', '3.14e-10', 'Ⅷ ½ ٣ १२', 'naïve café', 'e\u0301', 'Ωmega', '日本語のテキスト',
  '한국어', 'здравствуй, мир', 'שלום', '👩‍👩‍👧 and 🎉', '\u00a0', 'a\u00a0b', '\u3000x', 'a\u2009\u2009b',
  'a\u200bb', '\u0085x', 'x\u001cy', '\u0000\u0001\u007f', '<|endoftext|>', 'a<|endoftext|>b',
  '!!!', ' !!!', '---\n---', '"Hi," she said.', '  \n  \n', 'ends with spaces   ', '\t\t\tindent',
  'aaaaaaaaaaaaaaaaa', 'lalalalalala', 'nuts nuts nuts', '_under_score_', 'a_b', '#version: 0.2',
  '\u{10ffff}', '\ufeffmark', 'ŉ ǆ ß ﬁ', '²³¹ ₂', 'ªº', '〇一二', '𝟘𝟙 𝕏', '\u0345 ͅ', 'ा का',
];

const file = join(mkdtempSync(join(tmpdir(), 'bpe-')), 'corpus.txt');
writeFileSync(file, lines.join(''));
const trained = new Tokenizer(BPE.empty());
trained.setPreTokenizer(byteLevelPreTokenizer(false, true));
trained.train([file]);
const saved = join(tmpdir(), 'bpe-trained.json');
trained.save(saved, false);
const merges = JSON.parse(readFileSync(saved, 'utf8')).model.merges
  .map((m) => (Array.isArray(m) ? m.join(' ') : m));

// Bytes ordered by their letters, then what merges make, then the special token.
const vocab = {};
const add = (token) => { if (!(token in vocab)) vocab[token] = Object.keys(vocab).length; };
byteLevelAlphabet().sort((a, b) => a.codePointAt(0) - b.codePointAt(0)).forEach(add);
const kept = merges.slice(0, 200);
kept.forEach((m) => add(m.replace(' ', '')));
add('<|endoftext|>');
const tokenizer = new Tokenizer(BPE.init(vocab, kept.map((m) => m.split(' '))));
const split = byteLevelPreTokenizer(false, true);
tokenizer.setPreTokenizer(split);

const cases = [];
for (const text of [...texts, ...lines.slice(0, 12)])
  cases.push({
    text,
    pieces: split.preTokenizeString(text).map(([piece]) => piece),
    ids: (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds(),
  });
const rows = (list) => list.map((item) => JSON.stringify(item)).join(',\n');
writeFileSync(process.argv[2], `{"lines": [\n${rows(lines)}],\n"merges": [\n${rows(merges)}],\n` +
  `"kept": ${kept.length},\n"cases": [\n${rows(cases)}]}\n`);
