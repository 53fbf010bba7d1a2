#!/usr/bin/env python3
"""Writes what src/text/tokenizer_json_test.cpp must reproduce: the tokens that the published library
gives for texts at the edges of the rules of GPT-2, GPT-NeoX, Qwen2 and others.

    python3 -m venv ENV && ENV/bin/pip install tokenizers      (0.23.3 made the file)
    ENV/bin/python tools/tokenizer_reference.py tests/tokenizer_reference.json

The vocabularies are trained here on a few lines. Special tokens are read from no text
(`encode_special_tokens`), as in Omniscale.
"""
import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import trainers

GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
QWEN2 = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"""
         r"""|\s*[\r\n]+|\s+(?!\S)|\s+""")
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|")
LINES = ["The fox didn't see 12 nuts at number 42b, nor 1024 of them.", "    return x[i] + 1;\n",
         "A small bird; Tom's sister, we've they'll I'M  CAN'T", "caf\u00e9 na\u00efve \u00c9lodie", "\u65e5\u672c\u8a9e",
         "----\n\n\tindent   and   spaces  \r\n", "the the then there thing", "(again)?!...\n"]

EDGES = ["", " ", "  ", "\n", "\r\n", "a", " a", "  a", "a  ", "a  b", "a \n b", "a\n\n  b\t\tc", "x\r\ny",
         "don't DON'T Don'T", "'s 's ''s 'S 'T 'RE 'Ve 'M 'lL 'D", "'\u017f it'\u017f", "'\u212a", "they're we'VE",
         "'sx 'reAL 'llama", "12 34,567 1024", "3.14e-10", "\u2167 \u00bd \u0663 \u0967\u0968", "x1y22z333 4444", " 1", "\t1", "\n1",
         "e\u0301", "\u00e9", "cafe\u0301 caf\u00e9", "A\u030a \u212b \u00c5", "\u1100\u1161\u11a8 \uac01", "q\u0323\u0307 q\u0307\u0323", "\ufb01 \u00b2 \u2126",
         "\u0344", "\u0958", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439, \u043c\u0438\u0440", "\u05e9\u05dc\u05d5\u05dd",
         "\U0001f469\u200d\U0001f469\u200d\U0001f467 and \U0001f389", "\u00a0", "a\u00a0b", "\u3000x", "a\u2009\u2009b", "a\u200bb", "\u0085x", "x\u001cy",
         "\u2028x\u2029", "!!!", " !!!", "!!!\n\n", " ?\r\n\r\nx", "...\n x", "---\n---", "\"Hi,\" she said.", "(x)",
         "_under_score_", "#!x", " #x", "\t#x", "\tx", "\t\tx", "  \n  \n", " \n", "\n ", " \n x", "\r\r\n\n", "a\r",
         "   \n\n   y", "ends with spaces   ", "if x:\n    return 1\n        y", "    ", "     z", "\u00e4\u00f6\u00fc \u00df",
         "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0e44\u0e17\u0e22", "\U0001d7d8\U0001d7d9 \U0001d54f", "\U0010ffff", "\ufeffmark", "\u0000\u0001\u007f", "<|endoftext|>",
         "a<|endoftext|>b", "x <|im_start|> y", "<tool>", "a<tool>b <tool> <tool><tool>", " <tool>\n",
         "<tools> <too", "caf\u00e9_tag cafe\u0301_tag", "left <left>  x", "right<right>   x", "both  <both>  x",
         "<left><right> <both>", "aaaaaaaaaaaaaaaaa", "nuts nuts nuts", "12<tool>34", "<|endo<tool>text|>"]


def random_texts(count):
    draw = random.Random(1)
    parts = ["a", "B", "the", "'s", "'LL", "'", "1", "23", " ", "  ", "\n", "\r\n", "\t", ".", "!?", "\u00e9", "e\u0301",
             "\u65e5", "\u00a0", "\u00bd", "<tool>", "\u200b", "_", "\u3000", "\u0301", "x"]
    return ["".join(draw.choice(parts) for _ in range(draw.randint(1, 12))) for _ in range(count)]


def split(regex, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(regex), behavior=behavior, invert=invert)


def letters(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


END = AddedToken("<|endoftext|>", special=True, normalized=False)
TOOL = AddedToken("<tool>", special=False, normalized=False)
CHAT = [AddedToken(t, special=True, normalized=False) for t in ("<|im_start|>", "<|im_end|>")]
RUNS = [AddedToken(" " * n, special=False, normalized=True) for n in range(24, 1, -1)]
FLAGS = [AddedToken("caf\u00e9_tag", special=False, normalized=True),
         AddedToken("<left>", special=False, normalized=False, lstrip=True),
         AddedToken("<right>", special=False, normalized=False, rstrip=True),
         AddedToken("<both>", special=False, normalized=True, lstrip=True, rstrip=True)]
KINDS = {
    "gpt2": (None, letters(True), [END]),
    "gpt2 as a regular expression": (None, pre_tokenizers.Sequence([split(GPT2), letters()]), [END]),
    "gpt_neox": (normalizers.NFC(), letters(True), [END, *RUNS]),
    "qwen2": (normalizers.NFC(), pre_tokenizers.Sequence([split(QWEN2), letters()]), [END, *CHAT, TOOL]),
    "qwen2 with flags": (normalizers.Sequence([normalizers.NFC()]),
                         pre_tokenizers.Sequence([split(QWEN2), letters()]), [END, TOOL, *FLAGS]),
    "llama3": (None, pre_tokenizers.Sequence([split(LLAMA3, "removed", True), letters()]), [END, TOOL]),
    "digits": (None, pre_tokenizers.Sequence([pre_tokenizers.Digits(True), letters(True)]), [END]),
    "runs of digits": (None, pre_tokenizers.Sequence([pre_tokenizers.Digits(False), letters(True)]), [END]),
}


def made(name):
    normalizer, pre, added = KINDS[name]
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(LINES * 3, trainers.BpeTrainer(
        vocab_size=340, min_frequency=1, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if name == "llama3":  # a token that no merge reaches
        state = json.loads(tokenizer.to_str())
        state["model"]["vocab"]["birdfox"] = len(state["model"]["vocab"])
        state["model"]["ignore_merges"] = True
        tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens(added)
    return tokenizer


def main():
    texts = [*EDGES, "birdfox birdfoxes", *random_texts(160)]
    kinds = []
    for name in KINDS:
        tokenizer = made(name)
        state = tokenizer.to_str()
        tokenizer.encode_special_tokens = True
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        kinds.append(f'{{"name": {json.dumps(name)},\n"tokenizer": {state},\n"ids": [\n'
                     + ",\n".join(json.dumps(row, separators=(",", ":")) for row in ids) + "]}")
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write('{"texts": [\n' + ",\n".join(json.dumps(t) for t in texts) + '],\n"kinds": [\n'
                  + ",\n".join(kinds) + "]}\n")


main()
