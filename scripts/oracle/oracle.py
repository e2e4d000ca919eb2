# oracle.py KIND FILE reads texts on stdin and writes their ids by mistral-common or tiktoken on stdout, in the form of
# oracle.js. KIND is tekken, one of tiktoken's own encodings, or a model whose code is in a package; the patterns of Kimi
# and GLM-4, which no package has, are below. Special tokens of tiktoken in the text are found.
import base64
import hashlib
import importlib.util
import json
import os
import struct
import sys
import types

import tiktoken
import tiktoken.load

KIMI = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
])
GLM4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+")


def module(name):
    """Imports a module without what its packages import."""
    parts = name.split(".")
    for i in range(1, len(parts)):
        package = ".".join(parts[:i])
        if package not in sys.modules:
            found = importlib.util.find_spec(package)
            stub = types.ModuleType(package)
            stub.__path__ = found.submodule_search_locations
            sys.modules[package] = stub
    return importlib.import_module(name)


def ranks(path):
    with open(path, "rb") as f:
        lines = [line.split() for line in f.read().splitlines() if line]
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def added(path):
    with open(os.path.join(os.path.dirname(path), "tokenizer_config.json")) as f:
        return {int(id): a["content"] for id, a in json.load(f).get("added_tokens_decoder", {}).items()}


def kimi(path):
    table, names = ranks(path), added(path)
    ids = range(len(table), len(table) + 256)
    return tiktoken.Encoding("kimi", pat_str=KIMI, mergeable_ranks=table,
                             special_tokens={names.get(i, f"<|reserved_token_{i}|>"): i for i in ids})


def glm4(path):
    return tiktoken.Encoding("glm4", pat_str=GLM4, mergeable_ranks=ranks(path),
                             special_tokens={name: i for i, name in added(path).items()})


def qwen(path):
    m = module("dashscope.tokenizers.qwen_tokenizer")
    t = m.QwenTokenizer(path)
    return next(v for v in vars(t).values() if isinstance(v, tiktoken.Encoding))


def llama(version):
    from pathlib import Path
    return lambda path: module(f"llama_models.llama{version}.tokenizer").Tokenizer(Path(path)).model


def openai(name):
    def make(path):
        def read(url, expected_hash=None):
            with open(path, "rb") as f:
                data = f.read()
            if hashlib.sha256(data).hexdigest() != expected_hash:
                raise ValueError(f"{path} is not the file of {name}")
            return data
        tiktoken.load.read_file_cached = read
        return tiktoken.get_encoding(name)
    return make


KINDS = {"kimi": kimi, "glm4": glm4, "qwen": qwen, "llama3": llama(3), "llama4": llama(4),
         **{name: openai(name) for name in ("o200k_base", "cl100k_base", "p50k_base", "r50k_base")}}


def functions(kind, path):
    """Returns functions that encode, and that decode with and without special tokens."""
    if kind == "tekken":
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer
        t = Tekkenizer.from_file(path)
        return (lambda s: t.encode(s, bos=False, eos=False), lambda ids: t.decode(ids, SpecialTokenPolicy.KEEP),
                lambda ids: t.decode(ids, SpecialTokenPolicy.IGNORE))
    e = KINDS[kind](path)
    special = set(e._special_tokens.values())
    return (lambda s: e.encode(s, allowed_special="all"), e.decode,
            lambda ids: e.decode([i for i in ids if i not in special]))


def main():
    encode, decode, plain = functions(sys.argv[1], sys.argv[2])
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    texts = []
    while head := stdin.read(4):
        n, = struct.unpack("<I", head)
        if n != 0xffffffff:
            texts.append(stdin.read(n).decode("utf-8", "replace"))
            continue
        for text in texts:
            ids = encode(text)
            middle = ids[len(ids) // 3:len(ids) - len(ids) // 4]
            stdout.write(struct.pack(f"<I{len(ids)}I", len(ids), *ids))
            for s in (decode(ids), plain(middle)):
                b = s.encode()
                stdout.write(struct.pack("<I", len(b)) + b)
        stdout.flush()
        texts = []


main()
