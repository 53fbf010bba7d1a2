#!/usr/bin/env python3
"""Opens a safetensors file with PyTorch alone and prints each array's name, shape, sum and norm.

    /usr/bin/python3 tools/read_safetensors.py FILE ...

Shows that weights saved by Omniscale are a PyTorch state_dict: `load` returns what
`model.load_state_dict` takes. The format: eight bytes of the header's length (little endian), the
header in JSON, then the arrays' bytes, row-major.
"""
import json
import struct
import sys

import torch

TYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16,
         "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8}


def load(path):
    """The arrays by name, and the file's own notes (strings by name)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    notes = header.pop("__metadata__", {})
    arrays = {}
    for name, array in header.items():
        begin, end = array["data_offsets"]
        raw = data[begin:end]
        dtype = TYPES[array["dtype"]]
        flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        arrays[name] = flat.view(array["shape"])
    return arrays, notes


def main():
    for path in sys.argv[1:]:
        arrays, notes = load(path)
        print(f"{path}: {len(arrays)} arrays", *(f"{k}={v!r}" for k, v in notes.items()))
        for name, array in arrays.items():
            x = array.double()
            print(f"  {name:30} {str(tuple(array.shape)):22} {str(array.dtype):14} "
                  f"sum {x.sum():+.6e}  norm {x.norm():.6e}")


if __name__ == "__main__":
    main()
