"""Writes strict.txt: Ed25519 signatures at the edges of what a verifier may accept.

Nothing but integers: an implementation of its own, so that it errs on its own. Each line is

    verdict  equations  A  R||S  message  # what it is

`verdict` is ours (see iacp_core::crypto::strict), decided here by multiplying with L. `equations` says which of the two
equations of RFC 8032 hold, whatever the encodings are: both, cofactored, or none.
"""

from hashlib import sha512
from pathlib import Path

p = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
d = -121665 * pow(121666, -1, p) % p
O = (0, 1)


def add(P, Q):
    (x1, y1), (x2, y2) = P, Q
    t = d * x1 * x2 * y1 * y2 % p
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - t, -1, p) % p)


def mul(n, P):
    R = O
    while n:
        if n & 1:
            R = add(R, P)
        P, n = add(P, P), n >> 1
    return R


def encode(P):
    return (P[1] | (P[0] & 1) << 255).to_bytes(32, "little")


def decode(b):
    """Leniently: y is reduced, and x = 0 may carry a sign."""
    n = int.from_bytes(b, "little")
    y, sign = (n & 2**255 - 1) % p, n >> 255
    xx = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(xx, (p + 3) // 8, p)
    if (x * x - xx) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    if (x * x - xx) % p:
        return None
    return ((p - x) % p if x & 1 != sign else x, y)


def le(n):
    return n.to_bytes(32, "little")


def challenge(R, A, m):
    return int.from_bytes(sha512(R + A + m).digest(), "little") % L


B = decode(le(4 * pow(5, -1, p) % p))
T8 = decode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
TORSION = [mul(j, T8) for j in range(8)]
assert mul(L, B) == O and mul(8, T8) == O and mul(4, T8) != O and len(set(TORSION)) == 8


def clamp(seed):
    h = bytearray(sha512(seed).digest()[:32])
    h[0] &= 248
    h[31] = h[31] & 63 | 64
    return int.from_bytes(h, "little")


a = clamp(b"the one honest key of this file.")
A0 = mul(a, B)
lines = []


def equations(Ab, Rb, S, m):
    A, R = decode(Ab), decode(Rb)
    if A is None or R is None:
        return "none"
    left, right = mul(S, B), add(R, mul(challenge(Rb, Ab, m), A))
    if left == right:
        return "both"
    return "cofactored" if mul(8, left) == mul(8, right) else "none"


def strict(Ab, Rb, S, m):
    def point(b):
        P = decode(b)
        return P is not None and encode(P) == b and P != O and mul(L, P) == O

    return S < L and point(Ab) and point(Rb) and equations(Ab, Rb, S, m) == "both"


def put(name, Ab, Rb, S, m, want=None, verdict="refuse"):
    found = equations(Ab, Rb, S, m)
    assert want is None or want == found, (name, want, found)
    assert strict(Ab, Rb, S, m) == (verdict == "accept"), name
    lines.append(f"{verdict} {found} {Ab.hex()} {Rb.hex()}{le(S).hex()} {m.hex()} # {name}")


def search(name, jA, fit, want):
    """A signature under A0 + jA·T8 whose R has the part e·T8 of small order, with fit(k, e)."""
    Ab = encode(add(A0, TORSION[jA]))
    for n in range(10_000):
        m = f"{name} {n}".encode()
        r, e = clamp(m) % L, n % 8
        Rb = encode(add(mul(r, B), TORSION[e]))
        k = challenge(Rb, Ab, m)
        if fit(k, e):
            return put(name, Ab, Rb, (r + k * a) % L, m, want)
    raise AssertionError(name)


# Honest signatures, and what becomes of one that is touched.
for m in (b"", b"\0", b"an honest message", bytes(range(200))):
    r = int.from_bytes(sha512(b"nonce" + m).digest(), "little") % L
    Rb, Ab = encode(mul(r, B)), encode(A0)
    S = (r + challenge(Rb, Ab, m) * a) % L
    put(f"honest, {len(m)} bytes", Ab, Rb, S, m, "both", "accept")
for i in range(1, 16):
    if S + i * L < 2**256:
        put(f"S + {i} L", Ab, Rb, S + i * L, m, "both")
put("S + 1", Ab, Rb, (S + 1) % L, m, "none")
put("another message", Ab, Rb, S, m + b"!", "none")
put("-A", encode((p - A0[0], A0[1])), Rb, S, m, "none")
put("-R", Ab, encode(mul(L - r, B)), S, m, "none")
put("A is not on the curve", le(2), Rb, S, m, "none")
put("R is not on the curve", Ab, le(2), S, m, "none")

# Parts of small order, in A, in R, in both.
for j in range(1, 8):
    search(f"A + {j} T8, R made to fit", j, lambda k, e: e and (k * j + e) % 8 == 0, "both")
    search(f"A + {j} T8, R of prime order, k cancels", j, lambda k, e: e == 0 and k * j % 8 == 0, "both")
    search(f"A + {j} T8, R of prime order", j, lambda k, e: e == 0 and k * j % 8, "cofactored")
    search(f"A + {j} T8, R of mixed order", j, lambda k, e: e and (k * j + e) % 8, "cofactored")
    search(f"A of prime order, R + {j} T8", 0, lambda k, e: e == j, "cofactored")

# A or R of small order, also in encodings that are not canonical.
small = [(f"{j} T8", encode(T)) for j, T in enumerate(TORSION)]
small += [("0 T8 with a sign", le(1 | 1 << 255)), ("4 T8 with a sign", le(p - 1 | 1 << 255))]
small += [(f"y = p + {y}, sign {s}", le(p + y | s << 255)) for y in (0, 1) for s in (0, 1)]
for name, b in small:
    put(f"A = {name}, forged with R = neutral, S = 0", b, encode(O), 0, b"forged")
    for n in range(1000):
        m = f"small A {name} {n}".encode()
        r = clamp(m) % L
        Rb = encode(mul(r, B))
        if equations(b, Rb, r, m) == "both":
            put(f"A = {name}, R = S B", b, Rb, r, m, "both")
            break
    m, Ab = f"small R {name}".encode(), encode(A0)
    put(f"R = {name}, S = k a", Ab, b, challenge(b, Ab, m) * a % L, m)

# Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", table 6.
PAPER = """
8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6 c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000
9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79 c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04
aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43 c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e
9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79 cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d 9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009
e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d 160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09
e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d 21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405
85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40 442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623 e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514
85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40 442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623 8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22
9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41 f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43 ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f
9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41 f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43 ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908
e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04
39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04
"""
for i, line in enumerate(PAPER.split("\n")[1:-1]):
    m, A, RS = (bytes.fromhex(field) for field in line.split(" "))
    S = int.from_bytes(RS[32:], "little")
    put(f"paper, case {i}", A, RS[:32], S, m, None, "accept" if strict(A, RS[:32], S, m) else "refuse")

Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
