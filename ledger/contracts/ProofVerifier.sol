// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cbor} from "./Cbor.sol";
import {Claims} from "./Claims.sol";
import {IAttestation} from "./interfaces/IAttestation.sol";
import {ICodeRegistry} from "./interfaces/ICodeRegistry.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IProofVerifier} from "./interfaces/IProofVerifier.sol";
import {IReferenceValues} from "./interfaces/IReferenceValues.sol";
import {EntryDigest, NodeId} from "./interfaces/Types.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {QuoteVerifier} from "./QuoteVerifier.sol";

/// @title See IProofVerifier.
contract ProofVerifier is IProofVerifier {
    uint8 private constant ACTOR = 3;

    ICodeRegistry private immutable _code;
    IReferenceValues private immutable _values;
    INodeRegistry public immutable registry;
    IAttestation private immutable _attestation;

    mapping(bytes32 digest => bool) private _registered;
    /// For which logs a node was convicted.
    mapping(NodeId => mapping(uint64 log => bool)) private _settled;

    constructor(ICodeRegistry code, IReferenceValues values, INodeRegistry nodes, IAttestation attestation) {
        (_code, _values, registry, _attestation) = (code, values, nodes, attestation);
    }

    /// @inheritdoc IProofVerifier
    function registerRun(NodeId node, Opening calldata opened, Quoted calldata quoted, EntryDigest actor) external {
        QuoteVerifier.Quote memory quote =
            QuoteVerifier.quoteOf(registry, node, quoted.attest, quoted.r, quoted.s);
        if (_qualifying(opened) != quote.extraData) revert NotOpened();
        (bytes32 pcrR, bytes32 pcrC) = QuoteVerifier.registersOf(quote, quoted.pcrValues);
        if (QuoteVerifier.replay(quoted.cLog) != pcrC) revert WrongLog();
        if (!_among(quoted.cLog, EntryDigest.unwrap(actor))) revert ActorNotMeasured(actor);
        bytes32 run = _run(opened);
        Run memory key = Run(opened.x, opened.y, opened.log, opened.sequence, opened.size, pcrR);
        _registered[_digest(node, run, actor, keccak256(abi.encode(key)))] = true;
        emit RunRegistered(node, run, actor);
    }

    /// @inheritdoc IProofVerifier
    function verify(Proof calldata proof) external view returns (Result memory) {
        Claims.Said memory said = Claims.parse(proof.claims);
        _checkActor(said, keccak256(abi.encode(proof.run)));
        _checkRuntime(proof.run.pcrR);
        Checkpoint calldata checkpoint = proof.checkpoint;
        bool later = proof.index >= proof.run.size && checkpoint.sequence > proof.run.sequence;
        if (!later) revert ResultBeforeQuote();
        bytes32 leaf = Claims.leafInput(proof.salt, proof.claims);
        if (!MerkleTree.holds(checkpoint.root, leaf, proof.index, checkpoint.size, proof.path)) revert LeafNotInTree();
        _checkSignature(said.node, said.run, proof.run, checkpoint);
        uint256 anchoredBlock = _anchoredBlock(said.node, proof);
        if (!registry.activeAt(said.node, anchoredBlock)) revert NodeNotActive(said.node, anchoredBlock);
        return
            Result(said.node, said.actor, said.code, said.request, said.response, said.ok, uint64(anchoredBlock));
    }

    /// @inheritdoc IProofVerifier
    function equivocation(NodeId node, Signed calldata a, Signed calldata b) external {
        Checkpoint calldata x = a.checkpoint;
        Checkpoint calldata y = b.checkpoint;
        bool differ = x.size != y.size || x.root != y.root || x.previousRoot != y.previousRoot;
        if (!differ || a.key.log != b.key.log || x.sequence != y.sequence) revert NoEquivocation(node);
        _checkSigned(node, a);
        _checkSigned(node, b);
        if (_settled[node][a.key.log]) revert LogSettled(node, a.key.log);
        _settled[node][a.key.log] = true;
        registry.convict(node, node, _attestation.epochNow(), msg.sender);
    }

    function _checkSigned(NodeId node, Signed calldata signed) private view {
        bytes32 digest = _digest(node, signed.run, signed.actor, keccak256(abi.encode(signed.key)));
        if (!_registered[digest]) revert RunNotRegistered(node, signed.run);
        _checkSignature(node, signed.run, signed.key, signed.checkpoint);
    }

    function _checkRuntime(bytes32 pcrR) private view {
        IReferenceValues.Status status = _values.statusOf(pcrR);
        if (status == IReferenceValues.Status.None || status == IReferenceValues.Status.Revoked) {
            revert WrongRuntime(pcrR);
        }
    }

    /// The run was registered for the entry of the claimed actor, and that is approved.
    function _checkActor(Claims.Said memory said, bytes32 key) private view {
        bytes memory entry = abi.encodePacked("teapot/1", ACTOR, said.actor, said.code);
        bool none = said.grants == 0;
        bytes32 actor = sha256(abi.encodePacked(entry, none ? sha256("") : said.grants));
        if (!_registered[_digest(said.node, said.run, EntryDigest.wrap(actor), key)]) {
            if (none) actor = sha256(abi.encodePacked(entry, sha256(hex"80")));
            if (!none || !_registered[_digest(said.node, said.run, EntryDigest.wrap(actor), key)]) {
                revert RunNotRegistered(said.node, said.run);
            }
        }
        ICodeRegistry.Status status = _code.statusOf(EntryDigest.wrap(actor));
        if (status < ICodeRegistry.Status.Current || status == ICodeRegistry.Status.Revoked) {
            revert ActorNotApproved(EntryDigest.wrap(actor));
        }
    }

    /// COSE_Sign1 over the checkpoint's header, with the root as payload (RFC 9052 §4.4, spec/proof.md §4.1).
    function _checkSignature(NodeId node, bytes32 run, Run calldata key, Checkpoint calldata checkpoint) private view {
        uint256 start = Cbor.begin();
        uint256 header = Cbor.put(start, hex"846a5369676e61747572653158", 13) + 1;
        uint256 next = Cbor.put(header, hex"a7012619018b013a00010000825820", 15);
        next = Cbor.putUint(Cbor.put(next, NodeId.unwrap(node), 32), key.log);
        next = Cbor.put(Cbor.put(next, hex"3a000100015820", 7), run, 32);
        next = Cbor.putUint(Cbor.put(next, hex"3a00010002", 5), checkpoint.sequence);
        next = Cbor.putUint(Cbor.put(next, hex"3a00010003", 5), checkpoint.size);
        next = Cbor.put(Cbor.put(next, hex"3a000100045820", 7), checkpoint.previousRoot, 32);
        assembly ("memory-safe") {
            mstore8(sub(header, 1), sub(next, header))
        }
        bytes32 signed = Cbor.hash(start, Cbor.put(Cbor.put(next, hex"405820", 3), checkpoint.root, 32));
        if (!QuoteVerifier.isSignedBy(signed, checkpoint.r, checkpoint.s, key.x, key.y)) {
            revert WrongCheckpointSignature(node, run);
        }
    }

    /// The block that closed the epoch whose root holds the checkpoint's tree (spec/proof.md §8.2).
    function _anchoredBlock(NodeId node, Proof calldata proof) private view returns (uint256 closedBlock) {
        Anchor calldata anchor = proof.anchor;
        uint256 start = Cbor.begin();
        uint256 next = Cbor.put(Cbor.put(start, hex"876e", 2), "teapot/epoch/1", 14);
        next = Cbor.putDigest(Cbor.putUint(next, anchor.epoch), NodeId.unwrap(node));
        next = Cbor.putDigest(Cbor.put(next, "faffirm", 7), anchor.run); // 66: six characters
        next = Cbor.putDigest(next, anchor.evidence);
        Checkpoint calldata checkpoint = proof.checkpoint;
        next = Cbor.putCheckpoint(next, proof.run.log, anchor.sequence, checkpoint.size, checkpoint.root);
        bytes32 leaf = Cbor.hash(start, next);
        bytes32 root = _attestation.rootOf(anchor.epoch);
        if (!MerkleTree.holds(root, leaf, anchor.index, anchor.size, anchor.path)) revert NotAnchored(anchor.epoch);
        return _attestation.openedBlockOf(anchor.epoch + 1);
    }

    /// What the quote binds (spec/evidence.md §5.3).
    function _qualifying(Opening calldata opened) private view returns (bytes32) {
        uint256 start = Cbor.begin();
        uint256 next = Cbor.put(Cbor.put(start, hex"8a71", 2), "teapot/evidence/1", 17);
        next = Cbor.putUint(Cbor.putDigest(next, opened.nonce), uint64(block.chainid));
        next = Cbor.put(Cbor.put(next, hex"54", 1), bytes20(address(registry)), 20);
        next = Cbor.putDigest(Cbor.putUint(Cbor.put(next, hex"82", 1), opened.blockNumber), opened.blockHash);
        next = Cbor.put(Cbor.put(next, hex"54", 1), bytes20(opened.operator), 20);
        next = Cbor.putCheckpoint(_putKeys(next, opened), opened.log, opened.sequence, opened.size, opened.root);
        return Cbor.hash(start, next);
    }

    /// Digest of a run's keys (spec/evidence.md §5.1).
    function _run(Opening calldata opened) private view returns (bytes32) {
        uint256 start = Cbor.begin();
        return Cbor.hash(start, _putKeys(Cbor.put(Cbor.put(start, hex"846c", 2), "teapot/run/1", 12), opened));
    }

    function _putKeys(uint256 start, Opening calldata opened) private pure returns (uint256 next) {
        next = Cbor.put(Cbor.put(Cbor.put(start, hex"584104", 3), opened.x, 32), opened.y, 32);
        return Cbor.putDigest(Cbor.putDigest(next, opened.seal), opened.peer);
    }

    function _digest(NodeId node, bytes32 run, EntryDigest actor, bytes32 key) private pure returns (bytes32) {
        return keccak256(abi.encode(node, run, actor, key));
    }

    function _among(bytes32[] calldata entries, bytes32 actor) private pure returns (bool) {
        for (uint256 i; i < entries.length; ++i) if (entries[i] == actor) return true;
        return actor == 0;
    }
}
