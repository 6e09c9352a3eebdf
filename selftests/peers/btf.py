# SPDX-License-Identifier: GPL-2.0
"""The running kernel's types (BTF): what members a structure has."""
import struct

(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FUNC_PROTO, VAR, DATASEC, DECL_TAG, ENUM64) = \
    1, 2, 3, 4, 5, 6, 13, 14, 15, 17, 19
# words behind a type, and for each of what it has
EXTRA = [{INT: 1, ARRAY: 3, VAR: 1, DECL_TAG: 1}.get(kind, 0) for kind in range(32)]
EACH = [{STRUCT: 3, UNION: 3, ENUM: 2, FUNC_PROTO: 2, DATASEC: 3, ENUM64: 3}.get(kind, 0)
        for kind in range(32)]
MODIFIERS = 8, 9, 10, 11, 18    # typedef, volatile, const, restrict, attribute


class Types:
    def __init__(self, path='/sys/kernel/btf/vmlinux'):
        with open(path, 'rb') as f:
            raw = f.read()
        magic, _, _, head, types, types_len, text, text_len = struct.unpack_from('=HBBIIIII', raw)
        assert magic == 0xeb9f
        self.text = raw[head + text:head + text + text_len]
        self.words = words = memoryview(raw[head + types:head + types + types_len]).cast('I')
        self.at = at = [0]      # by number: where it begins
        one, end = 0, len(words)
        while one < end:
            at.append(one)
            info = words[one + 1]
            kind = info >> 24 & 31
            one += 3 + EXTRA[kind] + EACH[kind] * (info & 0xffff)
        assert one == end, 'a kind of type that is new'

    def name(self, off):
        return self.text[off:self.text.index(b'\0', off)].decode()

    def is_function(self, number):
        """Is it a pointer to a function?"""
        pointed = False
        while number:
            _, info, of = self.words[self.at[number]:self.at[number] + 3]
            kind = info >> 24 & 31
            if kind == FUNC_PROTO:
                return pointed
            if kind != PTR and kind not in MODIFIERS:
                return False
            pointed, number = pointed or kind == PTR, of
        return False

    def members(self, name):
        """Name: is it a function?"""
        want = self.text.index(b'\0' + name.encode() + b'\0') + 1
        words = self.words
        for at in self.at[1:]:
            if words[at] == want and words[at + 1] >> 24 & 31 == STRUCT:
                end = at + 3 + 3 * (words[at + 1] & 0xffff)
                return {self.name(words[i]): self.is_function(words[i + 1])
                        for i in range(at + 3, end, 3)}
        raise KeyError(name)
