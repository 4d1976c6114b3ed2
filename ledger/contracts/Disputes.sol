// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IAttestation} from "./interfaces/IAttestation.sol";
import {ICodeRegistry} from "./interfaces/ICodeRegistry.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IReferenceValues} from "./interfaces/IReferenceValues.sol";
import {EntryDigest, NodeId} from "./interfaces/Types.sol";
import {QuoteVerifier} from "./QuoteVerifier.sol";

/// @title See IDisputes.
contract Disputes is IDisputes {
    uint8 private constant ACTOR = 3;
    uint8 private constant POLICY = 5;

    ICodeRegistry private immutable _code;
    IReferenceValues private immutable _values;
    INodeRegistry private immutable _registry;
    IAttestation private immutable _attestation;

    constructor(ICodeRegistry code, IReferenceValues values, INodeRegistry registry, IAttestation attestation) {
        (_code, _values, _registry, _attestation) = (code, values, registry, attestation);
    }

    /// @inheritdoc IDisputes
    function dispute(Statement calldata said, IAttestation.Vote calldata vote, Shown calldata shown) external {
        bytes32 rLog = sha256(abi.encodePacked(shown.rLog));
        bytes32 cLog = sha256(abi.encodePacked(shown.cLog));
        _checkShown(said, vote, shown.attest, rLog, cLog);
        (uint40 boot, bytes32 r, bytes32 c) = _quoted(said.node, shown.attest, shown.r, shown.s, shown.pcrValues);
        bool replays = QuoteVerifier.replay(shown.rLog) == r && QuoteVerifier.replay(shown.cLog) == c;
        uint256 approved = replays ? _approvedBlock(r, shown.cLog) : 0;
        bool disproved = approved == 0;
        if (said.outcome == IAttestation.Outcome.Mismatch) {
            disproved = approved != 0 && approved < _attestation.openedBlockOf(said.epoch);
        }
        _convictOf(said, vote, boot, disproved, replays);
    }

    /// @inheritdoc IDisputes
    function disputeR(Statement calldata said, IAttestation.Vote calldata vote, ShownR calldata shown) external {
        _checkShown(said, vote, shown.attest, shown.rLog, shown.cLog);
        (uint40 boot, bytes32 r,) = _quoted(said.node, shown.attest, shown.r, shown.s, shown.pcrValues);
        bool affirms = said.outcome == IAttestation.Outcome.Affirm;
        _convictOf(said, vote, boot, affirms && _values.addedBlockOf(r) == 0, true);
    }

    /// @inheritdoc IDisputes
    function equivocation(
        Statement calldata a,
        IAttestation.Vote calldata x,
        Statement calldata b,
        IAttestation.Vote calldata y
    ) external {
        bool same = x.voter == y.voter && a.epoch == b.epoch && a.node == b.node;
        if (!same || _checkVote(a, x) == _checkVote(b, y)) revert NoEquivocation(x.voter);
        _registry.convict(x.voter, a.node, a.epoch, msg.sender);
    }

    /// @inheritdoc IDisputes
    function quoteOf(NodeId node, bytes calldata attest, bytes32 r, bytes32 s)
        external
        view
        returns (QuoteVerifier.Quote memory)
    {
        return QuoteVerifier.quoteOf(_registry, node, attest, r, s);
    }

    function _checkVote(Statement calldata said, IAttestation.Vote calldata vote) private view returns (bytes32 digest) {
        digest = _attestation.voteDigest(
            said.epoch, said.node, said.outcome, said.run, said.boot, said.evidence, said.quote
        );
        (, bytes32 x, bytes32 y) = _registry.voter(vote.voter);
        if (!P256.verifyNative(digest, vote.r, vote.s, x, y)) revert WrongVote(vote.voter);
    }

    function _checkShown(
        Statement calldata said,
        IAttestation.Vote calldata vote,
        bytes calldata attest,
        bytes32 rLog,
        bytes32 cLog
    ) private view {
        _checkVote(said, vote);
        bytes32 shown = sha256(abi.encodePacked(sha256(attest), rLog, cLog));
        if (shown != said.quote) revert NotShown(said.quote, shown);
    }

    function _quoted(NodeId node, bytes calldata attest, bytes32 r, bytes32 s, bytes32[] calldata values)
        private
        view
        returns (uint40 boot, bytes32 pcrR, bytes32 pcrC)
    {
        QuoteVerifier.Quote memory quote = QuoteVerifier.quoteOf(_registry, node, attest, r, s);
        (pcrR, pcrC) = QuoteVerifier.registersOf(quote, values);
        boot = (uint40(quote.resetCount) << 16) | uint16(quote.restartCount);
    }

    /// The block by which R and all that stands in C had been approved; zero if something never was.
    function _approvedBlock(bytes32 r, bytes32[] calldata entries) private view returns (uint256 latest) {
        latest = _values.addedBlockOf(r);
        for (uint256 i; i < entries.length && latest != 0; ++i) {
            (uint8 kind, uint64 approved) = _code.approvalOf(EntryDigest.wrap(entries[i]));
            if (approved == 0 || kind < ACTOR || kind > POLICY) return 0;
            if (approved > latest) latest = approved;
        }
    }

    /// Logs that do not replay tell of the voter alone: only what the quote itself says (`quoted`) is the node's.
    function _convictOf(
        Statement calldata said,
        IAttestation.Vote calldata vote,
        uint40 boot,
        bool disproved,
        bool quoted
    ) private {
        bool affirms = said.outcome == IAttestation.Outcome.Affirm;
        bool judged = affirms || said.outcome == IAttestation.Outcome.Mismatch;
        if (!judged || (!disproved && boot == said.boot)) revert Undecided(vote.voter);
        if (disproved && quoted) _registry.correct(said.node, said.epoch, affirms, boot, vote.voter);
        _registry.convict(vote.voter, said.node, said.epoch, msg.sender);
    }
}
