#!/usr/bin/env python3
"""Verifies proofs of trust offline; written from spec/proof.md, spec/evidence.md and spec/trust-model.md alone.

verify_proof.py FILE…: a line of JSON each, of tier, standing and failed steps; exit code 0 if all hold, else 1. Without FILE
it reads jobs, a line of JSON each, as in spec/vectors. Firmware, kernel and enclaves are not judged: the assurance is none.
"""
import hashlib, io, json, re, sys
from datetime import datetime, timezone
import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

class Refused(Exception): pass  # a step that failed, by its id
def need(holds, step="proof/form"):
    if not holds: raise Refused(step)
def plain(value, depth=0):
    """Whether it holds only what our CBOR carries, each map's keys in bytewise order (RFC 8949 §4.2.1)."""
    if type(value) is list and depth < 64: return all(plain(item, depth + 1) for item in value)
    if type(value) is dict and depth < 64:
        keys = [cbor2.dumps(key) for key in value if type(key) in (int, str)]
        return len(keys) == len(value) and keys == sorted(keys) and plain(list(value.values()), depth)
    return value is None or type(value) in (bytes, str, bool) or type(value) is int and -(2**64) <= value < 2**64

def sequence(data):
    """The items of a CBOR sequence; encoding them again tells every other form of the same values."""
    stream, items = io.BytesIO(data), []
    try:
        while stream.tell() < len(data): items.append(cbor2.CBORDecoder(stream).decode())
    except Exception: raise Refused("proof/form")  # of many kinds
    need(all(map(plain, items)) and b"".join(map(cbor2.dumps, items)) == data)
    return items
def read(data, form):
    items = sequence(data)
    need(len(items) == 1 and form(items[0]))
    return items[0]

sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
run_of = lambda keys: sha(cbor2.dumps(["teapot/run/1", keys["receipt"], keys["seal"], keys["peer"]]))
entry_digest = lambda kind, name, code, grants: sha(b"teapot/1", bytes([kind]), sha(name.encode()), code, sha(grants))
unhex = lambda o: {key: bytes.fromhex(v[2:]) if str(v)[:2] == "0x" else v for key, v in o.items()}
u16 = lambda text: len(text.encode()).to_bytes(2, "big") + text.encode()
call_digest = lambda what, *said: sha(f"teapot/{what}/1".encode(), *map(u16, said[:-1]), said[-1])
# Forms: functions that tell whether a value has them.
text, raw, uint = lambda v: type(v) is str, lambda v: type(v) is bytes, lambda v: type(v) is int and 0 <= v < 2**53
size, one = lambda n: lambda v: type(v) is bytes and len(v) == n, lambda *known: lambda v: type(v) in (int, str) and v in known
many = lambda form: lambda v: type(v) is list and all(map(form, v))
rising = lambda form: lambda v: many(form)(v) and all(a < b for a, b in zip(v, v[1:]))
some, null = lambda form: lambda v: form(v) and len(v) > 0, lambda form: lambda v: v is None or form(v)
each = lambda *forms: lambda v: type(v) is list and len(v) == len(forms) and all(form(i) for form, i in zip(forms, v))
fields = lambda must, may={}: lambda v: (type(v) is dict and must.keys() <= v.keys() <= {**must, **may}.keys()
    and all(form(v[key]) for key, form in {**must, **may}.items() if key in v))
COURSE, TIERS = ["published", "current", "grace", "superseded", "revoked"], ["none", "contraindicated", "warning", "affirming"]
GOOD, SERVING, OUT = COURSE[1:3], ["active", "upgrading"], ["pending", "inactive", "suspect", "quarantined", "retired"]
SPAN = "not_valid_before", "not_valid_after"  # a newer library warns of these, an older one lacks those in UTC
EK, USAGE, NAME, BASIC, PURPOSE = x509.ObjectIdentifier("2.23.133.8.1"), "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"
digest, account, digests, status, kinds = size(32), size(20), many(size(32)), one(*COURSE[1:]), one("tpm", "tpm-simulated")
checkpoint, block, node_status = each(uint, uint, uint, digest), each(uint, digest, uint), one(*OUT, *SERVING)
FACTS = fields({"obtained": each(uint, uint), "chain": each(uint, account), "block": block, "epoch": each(uint, digest, uint),
    "values": many(each(digest, text, text, status, uint)),
    "entries": many(each(one(*range(1, 7)), text, uint, digest, raw, status, uint)),
    "nodes": many(each(digest, account, digest, digest, digest, node_status, uint))})
BUNDLE = fields({"v": one(1), "claims": raw, "salt": size(16), "receipt": raw, "evidence": raw, "policy": raw, "facts": FACTS}, {
    "references": raw, "confirmation": fields({"evidence": raw, "facts": FACTS}), "children": some(many(raw)), "anchor": fields(
        {"leaf": raw, "index": uint, "size": uint, "path": digests, "consistency": digests, "block": block})})
EVIDENCE = fields({
    "v": one(1), "type": kinds, "node": digest, "operator": account, "epoch": uint, "nonce": digest, "log": raw, "ak": raw,
    "chain": fields({"id": uint, "registry": account, "block": each(uint, digest)}), "checkpoint": checkpoint,
    "keys": fields({"receipt": size(65), "seal": digest, "peer": digest}), "quote": fields({"attest": raw, "signature": raw}),
    "pcrs": lambda v: type(v) is dict and all(one(*range(24))(k) and digest(v[k]) for k in v),
    "ek": lambda v: many(raw)(v) and len(v) <= 8, "platform": null(fields({"firmware": raw, "ima": raw})),
    "tee": null(fields({"kind": one("tdx", "sev-snp", "nitro"), "report": raw, "collateral": raw}))})
POLICY = fields({"v": one(1), "types": some(rising(kinds)), "ekRoots": rising(each(kinds, raw)),
    "pcrs": rising(one(*range(16))), "freshSeconds": uint}, {"revoked": some(rising(digest))})
CLAIMS = fields({
    1: lambda v: text(v) and re.fullmatch("0x[0-9a-f]{64}", v), 6: uint, 265: one("urn:x-teapot:claims:1"),
    -65537: each(text, uint, digest), -65538: rising(some(text)), -65539: digest, -65540: digest, -65541: each(uint, digest),
    -65542: each(one("none", "measured", "enclave"), one("none", "enclave")), -65544: text, -65545: digest, -65546: digest,
    -65543: one("process", "user", "namespaces", "cgroup"), -65547: text,
}, {-65548: uint, -65549: digest, -65550: some(digests)})
HEADER = {1: one(-7), 395: one(1), -65537: each(digest, uint), -65538: digest, -65539: uint, -65540: uint, -65541: digest}
RECEIPT = each(raw, fields({396: fields({-1: each(raw)})}), lambda v: v is None, size(64))
LEAF = each(one("teapot/epoch/1"), uint, digest, one("affirm", "mismatch", "silence"), digest, digest, null(checkpoint))

def read_claims(data):
    claims = read(data, lambda v: type(v) is dict)  # unknown keys that are not critical are passed over (§2.3)
    need(CLAIMS({key: claims[key] for key in claims if key in (1, 6, 265) or type(key) is str or -65792 <= key <= -65537}))
    return claims
def read_policy(data):
    policy = read(data, POLICY)
    need({kind for kind, _ in policy["ekRoots"]} == {*policy["types"]} and len(policy["ekRoots"]) <= 64)
    need({12, 13} <= {*policy["pcrs"]} and 1 <= policy["freshSeconds"] <= 2592000)
    return policy
def read_receipt(data):
    protected, unprotected, _, signature = read(data[1:], RECEIPT)
    header, (leaves, *place) = read(protected, fields(HEADER)), read(unprotected[396][-1][0], each(uint, uint, digests))
    need(data[0] == 0xd2 and header[-65540] == leaves)
    return header, protected, (signature[:32], signature[32:]), *place
def es256(point, r, s, message):
    try:
        signature = utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        return key.verify(signature, message, ec.ECDSA(hashes.SHA256())) is None
    except Exception: return False  # no point, or no signature of it
def root_of(index, size, leaf, path):
    """The root that an inclusion proof of this leaf hash leads to (RFC 9162 §2.1.3)."""
    need(index < size and bool(path) == (size > 1))
    if size == 1: return leaf
    left = 1 << (size - 1).bit_length() - 1
    if index < left: return sha(b"\1", root_of(index, left, leaf, path[:-1]), path[-1])
    return sha(b"\1", path[-1], root_of(index - left, size - left, leaf, path[:-1]))
def roots_of(size, new_size, root, path):
    """Both roots that a consistency proof leads to (RFC 9162 §2.1.4); `root` is the older where its whole tree is below."""
    need(size <= new_size and len(path) >= (size < new_size or root is None), "proof/anchor")
    if size == new_size:
        need(len(path) == (root is None), "proof/anchor")
        return (root or path[0],) * 2
    left = 1 << (new_size - 1).bit_length() - 1
    if size <= left:
        old, new = roots_of(size, left, root, path[:-1])
        return old, sha(b"\1", new, path[-1])
    return tuple(sha(b"\1", path[-1], one) for one in roots_of(size - left, new_size - left, None, path[:-1]))

def endorsed(chain, at):
    """Whether this chain of DER, from the EK certificate to a root, holds at that time (spec/trust-model.md §2.3)."""
    try:
        for below, der in enumerate(chain, -1):
            one = x509.load_der_x509_certificate(der)
            said, key = {e.oid.dotted_string: e.value for e in one.extensions}, one.public_key()
            usage, basic, is_rsa = said[USAGE], said.get(BASIC), isinstance(key, rsa.RSAPublicKey)
            need({e.oid.dotted_string for e in one.extensions if e.critical} <= {USAGE, BASIC, NAME, PURPOSE})
            since, until = (getattr(one, f"{end}_utc", None) or getattr(one, end).replace(tzinfo=timezone.utc) for end in SPAN)
            need(since <= datetime.fromtimestamp(at, timezone.utc) <= until)
            if below < 0:
                need((usage.key_agreement, usage.key_encipherment)[is_rsa] and EK in said[PURPOSE] and NAME in said and not (basic and basic.ca))
            else:
                need(basic.ca and usage.key_cert_sign and below <= (below if basic.path_length is None else basic.path_length))
                hash, told = subject.signature_hash_algorithm, subject.tbs_certificate_bytes
                need(subject.issuer == one.subject and hash.name in ("sha256", "sha384"))
                key.verify(subject.signature, told, *([padding.PKCS1v15(), hash] if is_rsa else [ec.ECDSA(hash)]))
            subject = one
        return True
    except Exception: return False  # what cannot be read, what lacks an extension, what nobody signed
def sized(data, at):
    return data[at + 2:(end := at + 2 + int.from_bytes(data[at:at + 2], "big"))], end
def attested(quote):
    """Boot, qualifying data, and what was quoted, of a TPM's quote (spec/evidence.md §8)."""
    extra, at = sized(quote, sized(quote, 6)[1])
    resets, restarts = (int.from_bytes(quote[i:i + 4], "big") for i in (at + 8, at + 12))
    sane = resets < 2**24 and restarts < 2**16 and quote[at + 16:at + 17] <= b"\1"
    need(quote[:6].hex() == "ff5443478018" and sane, "quote/form")
    return resets << 16 | restarts, extra, quote[at + 25:]
def replay(e):
    """The records of the event log that the quote covers; None when no prefix replays to the quoted R and C."""
    records, values = sequence(e["log"]), {12: bytes(32), 13: bytes(32)}
    for number, record in enumerate(records):
        need(fields({0: one(number), 1: one(12, 13), 3: fields({11: digest}), 112: raw})(record), "log/form")
        need(len(record[112]) <= 4096 and sha(record[112]) == record[3][11], "log/form")
    for number, record in enumerate([*records, None]):
        if all(values[pcr] == e["pcrs"].get(pcr) for pcr in values): return records[:number]
        if record: values[record[1]] = sha(values[record[1]], record[3][11])

def grounds(e, facts, policy, node, extra, quoted):
    """Raises unless type, identity, endorsement and quote hold (spec/trust-model.md §2.1 to §2.4)."""
    (chain, registry), (block, block_hash, at), (epoch, seed, _) = facts["chain"], facts["block"], facts["epoch"]
    record = next((one for one in facts["nodes"] if one[0] == e["node"]), None)
    ak, x, y, keys, named = e["ak"], e["ak"][22:54], e["ak"][56:88], e["keys"], e["chain"]["block"]
    need(ak == bytes.fromhex("0023000b00050472000000100018000b000300100020") + x + b"\0\x20" + y and y[31:], "identity/ak")
    need(e["node"] == node == sha(b"\0\x0b", sha(ak)) and record and record[1:4] == [e["operator"], x, y], "identity")
    need(any(endorsed([*e["ek"], der], at) for kind, der in policy["ekRoots"] if kind == e["type"] in policy["types"]), "endorsement")
    known = [sha(x509.load_der_x509_certificate(der).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)) for der in e["ek"]]
    need(known[0] == record[4] and not {*known} & {*policy.get("revoked", [])}, "endorsement")
    need(e["nonce"] == sha(b"teapot/nonce/1", seed, e["epoch"].to_bytes(8, "big"), node), "quote/nonce")
    need([e["epoch"], e["chain"]["id"], e["chain"]["registry"]] == [epoch, chain, registry], "quote/chain")
    need(named[0] < block or named == [block, block_hash], "quote/block")
    bound = [e["nonce"], chain, registry, named, e["operator"], keys["receipt"], keys["seal"], keys["peer"], e["checkpoint"]]
    need(extra == sha(cbor2.dumps(["teapot/evidence/1", *bound])), "quote/binding")
    width, pcrs, signature = max(2, 2, *quoted[6:7]), policy["pcrs"], e["quote"]["signature"]
    selected = bytes.fromhex("00000001000b") + bytes([width]) + sum(1 << pcr for pcr in pcrs).to_bytes(width, "little") + b"\0\x20"
    need(list(e["pcrs"]) == pcrs and quoted == selected + sha(*e["pcrs"].values()), "quote/values")
    (r, at), whole = sized(signature, 4), signature[:4].hex() == "0018000b"
    signed = es256(b"\4" + x + y, r, sized(signature, at)[0], e["quote"]["attest"])
    need(whole and signed and sized(signature, at)[1] == len(signature), "quote/signature")
def appraise(e, facts, policy, node):
    """Tier, vote, failed steps, boot, and the digests that C was shown to hold (spec/trust-model.md §2 and §4)."""
    boot, records, problem = None, None, None
    try:
        records = replay(e)
        boot, *said = attested(e["quote"]["attest"])
        grounds(e, facts, policy, node, *said)
    except Refused as refused: problem = str(refused)
    shown = [record[3][11] for record in records or [] if record[1] == 13]
    held = {entry_digest(*entry[:2], *entry[3:5]): entry for entry in facts["entries"] if entry[0] in (3, 4, 5)}
    last = {tuple(held[d][:2]): held[d][5] for d in shown if d in held}
    status = next((value[3] for value in facts["values"] if value[0] == e["pcrs"].get(12)), None)
    kept = all(s in GOOD for (kind, name), s in last.items() if kind == 4 or kind == 5 and not name.startswith("app/"))
    fresh = facts["block"][2] <= facts["epoch"][2] + policy["freshSeconds"]
    steps = [
        (problem, problem is None, "none", "silence"),
        ("log/replay", records is not None, "contraindicated", "mismatch"),
        ("runtime/registered", status, "contraindicated", "mismatch"),
        ("provisioned/held", all(d in held for d in shown), "contraindicated", "mismatch"),
        ("runtime/current", status in GOOD, "contraindicated" if status == "revoked" else "warning", "silence"),
        ("provisioned/current", kept, "warning", "silence"),
        ("freshness", fresh, "none", "affirm"),
    ]
    failed = [step for step in steps if not step[1]]
    _, _, tier, vote = failed[0] if failed else ("", True, "affirming", "affirm")
    return tier, vote, [step[0] for step in failed], boot, shown

COLUMNS = {  # of the caller's facts: what a row is, its status, and since when
    "values": "referenceValues r release platform status sinceBlock", "nodes": "nodes id operator akX akY ekDigest status statusSince",
    "entries": "entries kind name version sha256 grants status sinceBlock"}
def agree(relied, ledger):
    """Whether the caller's ledger bears out the facts of a bundle, and whether something was revoked since (§9.4)."""
    if not ledger: return True, False
    own, (epoch, seed, opened), block, revoked = ledger["facts"], relied["epoch"], relied["block"], False
    ends, mine = {e["number"]: [*e["closedAt"].values(), e["seed"]] for e in ledger["epochs"]}, [*own["block"].values()]
    before, end, now = ends.get(epoch - 1, [0, 0, opened]), ends.get(epoch, [block[0] + 1, 0, 0, seed]), own["epoch"]
    same = relied["chain"] == [own["chainId"], own["registry"]] and before[0] <= block[0] < end[0] and before[2] == opened
    same &= all(block == at[:3] if block[0] == at[0] else (block[0] - at[0]) * (block[2] - at[2]) >= 0 for at in [mine, *ends.values()])
    same &= block[0] <= mine[0] and end[3] == seed and (epoch in ends or epoch < now["number"] or relied["epoch"] == [*now.values()])
    for kind, (name, *columns) in ((kind, columns.split()) for kind, columns in COLUMNS.items()):
        rows = {tuple(row[c] for c in columns[:-2]): [row[c] for c in columns[-2:]] for row in own[name]}
        for *what, then, since in relied[kind]:
            status, began = rows.get(tuple(what), ("", 0))
            same &= [then, since] == [status, began] if began <= block[0] else since <= block[0] and (
                kind == "nodes" or COURSE.index(then) < COURSE.index(status))
            revoked |= status == "revoked" != then
    return same, revoked

def verify(data, kin, depth, ledger=None, request=None, response=None):
    """Tier, standing and failed steps of a bundle, and its leaf input (spec/proof.md §9)."""
    refused = {"tier": "none", "standing": {"confirmed": False, "anchored": False}, "failed": ["proof/form"]}
    try:
        bundle = read(data, BUNDLE)
        claims, evidence = read_claims(bundle["claims"]), read(bundle["evidence"], EVIDENCE)
        policy, (header, protected, signature, index, path) = read_policy(bundle["policy"]), read_receipt(bundle["receipt"])
        node, (origin, log), size = bytes.fromhex(claims[1][2:]), header[-65537], header[-65540]
        confirmation, anchor, leaf = bundle.get("confirmation"), bundle.get("anchor"), sha(bundle["salt"], bundle["claims"])
        root, later = root_of(index, size, sha(b"\0", leaf), path), confirmation and read(confirmation["evidence"], EVIDENCE)
        if anchor:
            _, epoch, of, _, _, _, head = read(anchor["leaf"], LEAF)
            top = root_of(anchor["index"], anchor["size"], sha(b"\0", sha(anchor["leaf"])), anchor["path"])
            leads = head and roots_of(size, head[2], root, anchor["consistency"]) == (root, head[3])
    except Refused: return refused, None
    facts, quoted, keys, start = bundle["facts"], evidence["checkpoint"], evidence["keys"], evidence["chain"]["block"]
    tier, _, failed, boot, shown = appraise(evidence, facts, policy, node)
    at, (name, version, code), grants = claims[-65541], claims[-65537], cbor2.dumps(claims[-65538])
    entries = {entry_digest(*row[:2], *row[3:5]): row for row in facts["entries"]}
    actors = {entry_digest(3, name, code, g) for g in (grants, b"" if grants == b"\x80" else grants)} & set(shown)
    actor = next((entries[digest] for digest in actors if digest in entries), None)
    document = lambda name, key: entries.get(entry_digest(5, name, sha(bundle[key]), b""), [""] * 6)[5] in GOOD
    (same, revoked), own = agree(facts, ledger), ledger and ledger["facts"]
    steps = {
        "proof/signature": es256(keys["receipt"], *signature, cbor2.dumps(["Signature1", protected, b"", root])),
        "proof/evidence": claims[-65540] == sha(bundle["evidence"]),
        "proof/run": claims[-65539] == header[-65538] == run_of(keys),
        "proof/node": node == origin == evidence["node"],
        "proof/order": log == quoted[0] and header[-65539] > quoted[1] and index >= quoted[2],
        "proof/block": at[0] >= start[0] and at in ([b for b in (start, facts["block"][:2]) if b[0] == at[0]][:1] or [at]),
        "proof/actor": actor and actor[2] == version and actor[5] != "revoked",
        "proof/assurance": claims[-65542] == ["none", "none"],
        "proof/policy": document("appraisal", "policy"),
        "proof/references": "references" not in bundle or document("reference-values", "references"),
        "proof/request": not request or [name, claims[-65544]] == request[:2] and claims[-65545] == call_digest("request", *request),
        "proof/response": not response or claims[-65547] == response[0] and claims[-65546] == call_digest("response", *response),
        "proof/facts": same,
    }
    if later:
        (a, _, b, c), (_, vote, _, again, _) = later["checkpoint"], appraise(later, confirmation["facts"], policy, node)
        covers = a == log and b > index and (b != size or c == root) and later["log"].startswith(evidence["log"])
        same = [later["node"], again, confirmation["facts"]["chain"]] == [node, boot, facts["chain"]]
        steps["proof/standing"] = covers and same and vote == "affirm" and agree(confirmation["facts"], ledger)[0]
    closed = {e["number"]: [e["root"], [*e["closedAt"].values()]] for e in ledger["epochs"]} if ledger else {}
    bounded = anchor and (not ledger or epoch in closed)
    if anchor:  # without the caller's word for the epoch, its root is taken on trust
        steps["proof/anchor"] = (leads and [head[0], of] == [log, node] and at[0] <= anchor["block"][0]
            and closed.get(epoch, [top, anchor["block"]]) == [top, anchor["block"]])
    newest = max([facts, confirmation["facts"]] if later else [facts], key=lambda one: one["block"][0])
    rows = [[n["id"], n["status"], n["statusSince"]] for n in own["nodes"]] if own else newest["nodes"]
    status, since = next((row[-2:] for row in rows if row[0] == node), ("unknown", 0))
    steps["proof/in-service"] = status not in OUT or at[0] < since
    out = status == "unknown" or status in OUT and not (bounded and anchor["block"][0] < since)
    kin += bundle.get("children", [])  # at most 8 deep, and 64 in all
    children = [verify(child, kin, depth + 1, ledger) for child in (bundle.get("children", []) if depth < 8 and len(kin) <= 64 else [])]
    steps["proof/children"] = "children" not in bundle or [leaf for _, leaf in children] == claims.get(-65550)
    if broken := [step for step, holds in steps.items() if not holds]: return {**refused, "failed": broken + failed}, leaf
    if tier == "affirming" and (not ledger or revoked or out or -65550 in claims and not children): tier = "warning"
    tier, failed = min([tier, *(c["tier"] for c, _ in children)], key=TIERS.index), sum((c["failed"] for c, _ in children), failed)
    return {"tier": tier, "standing": {"confirmed": bool(later), "anchored": bool(bounded)}, "failed": failed}, leaf

good = True
for job in [{"file": name} for name in sys.argv[1:]] or (json.loads(line, object_hook=unhex) for line in sys.stdin):
    call = ([*job[key].values()] if key in job else None for key in ("request", "response"))
    verdict, _ = verify(open(job["file"], "rb").read(), [], 0, job.get("ledger"), *call)
    print(json.dumps(verdict))
    good &= verdict["tier"] == "affirming" or verdict["tier"] == "warning" and "ledger" not in job
sys.exit(not good)
