"""Writes the fixtures beside this file with the real packages:

    python3 -m venv env && env/bin/pip install tibet-drop==0.3.4 tibet-continuityd==0.6.17
    env/bin/python write.py
"""
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519
from tibet_continuityd.seal import SealEngine
from tibet_continuityd.verify_fork import CausalIDs, mint_action_id
from tibet_drop.bundle import pack_bundle, verify_bundle
from tibet_drop.crypto import IdentityKey
from tibet_drop.handshake import RecvSeed, SendSeed, verify_seed

here = Path(__file__).parent
private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
signer = IdentityKey(priv=private, pub=private.public_key())
common = dict(sender_aint="jasper.aint", sender_signer=signer, receiver_aint="bob.aint",
              receiver_pubkey_hex="11" * 32, payload_type="ai_state", tpid=bytes(range(16)))
surface = dict(surface_time_fragment="2026-05-14", surface_context="tcd-send", surface_profile="claude",
               surface_priority="normal")

pack_bundle(output_path=here / "2026-05-14.tcd-send.claude.normal.tza",
            blocks=[("memory.json", b'{"step":7}'), ("note.txt", b"hello")], **common, **surface)
pack_bundle(output_path=here / "2026-05-14.bare.claude.normal.tza", blocks=[("memory.json", b"{}")], **common)

engine = SealEngine(signer, "jis:humotica:continuityd@host", outbox=here, staging=here / "staging")
prior = CausalIDs(actor_id="a", action_id=mint_action_id(), object_id="o", continuity_id="c", generation=1,
                  causal_reason="r")
engine.reseal(prior_causal_ids=prior, receiver_aint="bob.aint", receiver_pubkey_hex="11" * 32,
              sender_aint="jasper.aint", blocks=[("memory.json", b"{}")], surface_time_fragment="2026-05-15")
(here / "staging").rmdir()

# What tbz-packer wrote once; tibet-drop 0.3.4 recognises it and writes it no more.
legacy = b'TBZ\x85\0\0\0{"herkomst":"jasper.aint","grootte":2}' + (2).to_bytes(4, "little") + b"{}"
(here / "2026-05-11.legacy.claude.normal.tza").write_bytes(legacy)

# What is said before a transfer: a handshake and its consent, each with its signature inside.
seed = dict(aint="jasper.aint", pk_from=signer.pub_bytes(), epk_from=bytes(range(32)), tpid=bytes(range(16)), ts_ms=1_778_889_600_000)
intent = {"payload": "ai_state", "size": 9, "wipe": False}
for name, one in [("handshake", SendSeed(intent=intent, **seed)),
                  ("consent", RecvSeed(consent="accept", **{**seed, "aint": "bob.aint"}))]:
    blob = one.encode(signer)
    assert verify_seed(blob)[0], name
    (here / f"2026-05-16.{name}.claude.normal.upip").write_bytes(blob)

for path in sorted(here.glob("*.tza")):
    print(path.name, path.stat().st_size, verify_bundle(path)[0::2])
