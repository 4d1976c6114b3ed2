// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IAttestation} from "./interfaces/IAttestation.sol";
import {INodeRegistry, isEntitled} from "./interfaces/INodeRegistry.sol";
import {NodeId} from "./interfaces/Types.sol";
import {Randomness} from "./Randomness.sol";

/// @title See IAttestation.
contract Attestation is IAttestation, Randomness {
    uint32 private immutable _minEpochSeconds;

    uint32 private _demotions; // of entitled nodes, in the present epoch
    uint40 private _openedAt;
    uint32 private _entitledBefore; // when the epoch before was closed
    mapping(uint32 epoch => bytes32) public rootOf;

    constructor(INodeRegistry registry, uint32 minEpochSeconds, uint32 committee) Randomness(registry, committee) {
        if (minEpochSeconds == 0 || committee == 0) revert InvalidParameters();
        if (!_p256Present()) revert NoP256Precompile();
        _minEpochSeconds = minEpochSeconds;
        _open(1);
    }

    /// @inheritdoc IAttestation
    function closeEpoch(uint32 epoch, bytes32 root, bytes32 leaves, Change[] calldata changes) external {
        if (epoch != _epoch) revert WrongEpoch(_epoch, epoch);
        uint64 closableAt = uint64(_openedAt) + _minEpochSeconds;
        if (block.timestamp < closableAt) revert EpochTooYoung(closableAt);
        (, INodeRegistry.Standing memory reporter) = _registry.nodeBy(msg.sender);
        if (!isEntitled(reporter)) revert ReporterNotEntitled(msg.sender);
        uint256 entitled = _registry.entitledCount();
        if (changes.length != 0) _decide(epoch, changes, entitled);
        _entitledBefore = uint32(entitled);
        rootOf[epoch] = root;
        emit EpochClosed(epoch, root, leaves, _open(epoch + 1), msg.sender);
    }

    /// @inheritdoc IAttestation
    function report(uint32 epoch, Change[] calldata changes) external {
        if (epoch != _epoch && epoch + 1 != _epoch) revert WrongEpoch(_epoch, epoch);
        _decide(epoch, changes, _registry.entitledCount());
    }

    /// @inheritdoc IAttestation
    function current() external view returns (Round memory) {
        uint256 minBondWei = _registry.minBondWei();
        return Round(
            _epoch, seedOf[_epoch], _openedAt, _minEpochSeconds, _committee, _frozen, minBondWei, _beacons()
        );
    }

    /// @inheritdoc IAttestation
    function epochNow() external view returns (uint32) {
        return _epoch;
    }

    /// @inheritdoc IAttestation
    function openedBlockOf(uint32 epoch) external view returns (uint64) {
        return uint40(uint256(seedOf[epoch]));
    }

    /// @inheritdoc IAttestation
    function voteDigest(uint32 epoch, NodeId node, Outcome outcome, bytes32 run, uint40 boot, bytes32 evidence, bytes32 quote)
        public
        view
        returns (bytes32)
    {
        bytes memory subject = abi.encodePacked(uint64(epoch), node, outcome, run, uint64(boot), evidence, quote);
        return sha256(abi.encodePacked("teapot/vote/1", block.chainid, address(this), subject));
    }

    function _open(uint32 epoch) private returns (bytes32 seed) {
        seed = _openSeed(epoch);
        (_demotions, _openedAt) = (0, uint40(block.timestamp));
    }

    /// Who may vote is settled before anything is applied, so that no change counts for or against another.
    function _decide(uint32 epoch, Change[] calldata changes, uint256 entitled) private {
        INodeRegistry.Standing[] memory from = new INodeRegistry.Standing[](changes.length);
        INodeRegistry.Status[] memory to = new INodeRegistry.Status[](changes.length);
        bytes32 last;
        for (uint256 i; i < changes.length; ++i) {
            Change calldata change = changes[i];
            if (NodeId.unwrap(change.node) <= last) revert ChangesUnordered(change.node);
            last = NodeId.unwrap(change.node);
            from[i] = _registry.standing(change.node);
            bytes32[] memory digests = _digests(epoch, change);
            to[i] = _next(epoch, from[i], change);
            _checkVotes(epoch, change, digests, _others(epoch, from[i], entitled));
        }
        uint256 entitledAtOpening = entitled + _demotions;
        for (uint256 i; i < changes.length; ++i) _apply(epoch, changes[i], from[i], to[i], entitledAtOpening);
    }

    function _next(uint32 epoch, INodeRegistry.Standing memory from, Change calldata change)
        private
        pure
        returns (INodeRegistry.Status)
    {
        INodeRegistry.Status status = from.status;
        if (status == INodeRegistry.Status.None) revert UnknownNode(change.node);
        if (epoch <= from.lastEpoch) revert AlreadyDecided(change.node, from.lastEpoch);
        bool out = status == INodeRegistry.Status.Quarantined || status == INodeRegistry.Status.Retired;

        if (change.outcome == Outcome.Affirm) {
            if (status == INodeRegistry.Status.Quarantined) {
                uint40 boot = change.seen[0].boot;
                if (boot == from.boot) revert SameBoot(change.node, boot);
                return INodeRegistry.Status.Active;
            }
            if (status != INodeRegistry.Status.Active && !out) return INodeRegistry.Status.Active;
        } else if (change.outcome == Outcome.Mismatch) {
            if (status == INodeRegistry.Status.Suspect) return INodeRegistry.Status.Quarantined;
            if (!out) return INodeRegistry.Status.Suspect;
        } else if (change.outcome == Outcome.Silence) {
            if (status == INodeRegistry.Status.Suspect) return INodeRegistry.Status.Quarantined;
            if (status == INodeRegistry.Status.Active) {
                bool again = from.silent && from.lastEpoch + 1 == epoch;
                return again ? INodeRegistry.Status.Inactive : INodeRegistry.Status.Active;
            }
        }
        revert IllegalTransition(change.node, status, change.outcome);
    }

    function _checkVotes(uint32 epoch, Change calldata change, bytes32[] memory digests, uint256 entitledOthers)
        private
        view
    {
        uint256 unnamed = (1 << digests.length) - 1;
        // Where no more than a committee may vote, all of them are drawn.
        NodeId[] memory drawn = entitledOthers > _committee ? assignedOf(epoch, change.node) : new NodeId[](0);
        bytes32 last;
        for (uint256 i; i < change.votes.length; ++i) {
            Vote calldata vote = change.votes[i];
            if (NodeId.unwrap(vote.voter) <= last) revert VotesUnordered(change.node, vote.voter);
            last = NodeId.unwrap(vote.voter);
            if (vote.voter == change.node) revert SubjectVotes(change.node);
            (bool entitled, bytes32 x, bytes32 y) = _registry.voter(vote.voter);
            if (!entitled || _isNewcomer(epoch, vote.voter)) revert VoterNotEntitled(change.node, vote.voter);
            if (drawn.length != 0 && !_among(drawn, vote.voter)) revert VoterNotAssigned(change.node, vote.voter);
            uint256 which = change.seenBy.length != 0 ? change.seenBy[i] : 0;
            if (which >= digests.length) revert WrongSeen(change.node);
            unnamed &= ~(1 << which);
            if (!P256.verifyNative(digests[which], vote.r, vote.s, x, y)) revert WrongSignature(change.node, vote.voter);
        }
        (uint256 votes, uint256 mayVote) = (change.votes.length, drawn.length != 0 ? drawn.length : entitledOthers);
        if (votes == 0 || 3 * votes < 2 * mayVote) revert QuorumMissed(change.node, votes, mayVote);
        if (unnamed != 0) revert WrongSeen(change.node);
    }

    /// What is signed, by what was seen.
    function _digests(uint32 epoch, Change calldata change) private view returns (bytes32[] memory digests) {
        uint256 count = change.seen.length;
        bool one = count == 1 && change.seenBy.length == 0;
        bool more = change.outcome == Outcome.Mismatch && change.seenBy.length == change.votes.length;
        if (count == 0 || count > 255 || !(one || more)) revert WrongSeen(change.node);
        digests = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            Seen calldata seen = change.seen[i];
            digests[i] = voteDigest(epoch, change.node, change.outcome, seen.run, seen.boot, seen.evidence, seen.quote);
        }
    }

    /// How many but the node itself may vote: of an epoch that is closed, no more than could when it was.
    function _others(uint32 epoch, INodeRegistry.Standing memory node, uint256 entitled) private view returns (uint256) {
        bool among = isEntitled(node);
        uint256 others = among ? entitled - 1 : entitled;
        if (epoch == _epoch) return others;
        uint256 before = among && node.entitledSince <= epoch ? _entitledBefore - 1 : _entitledBefore;
        return before < others ? before : others;
    }

    /// Whoever was admitted when the epoch was closed, or since, has no say in it.
    function _isNewcomer(uint32 epoch, NodeId voter) private view returns (bool) {
        return epoch != _epoch && _registry.standing(voter).entitledSince > epoch;
    }

    function _among(NodeId[] memory drawn, NodeId voter) private pure returns (bool) {
        for (uint256 i; i < drawn.length; ++i) if (drawn[i] == voter) return true;
        return false;
    }

    function _apply(
        uint32 epoch,
        Change calldata change,
        INodeRegistry.Standing memory from,
        INodeRegistry.Status to,
        uint256 entitledAtOpening
    ) private {
        bool silent = change.outcome == Outcome.Silence;
        if (to != INodeRegistry.Status.Active && isEntitled(from)) {
            // At most a third of the voters falls in one epoch, but one may always fall (spec/ledger.md §8.6).
            if (_demotions != 0 && 3 * (uint256(_demotions) + 1) > entitledAtOpening) {
                emit DemotionFrozen(change.node, epoch, change.outcome);
                if (silent) _registry.setStanding(change.node, from.status, true, epoch, from.boot);
                return;
            }
            ++_demotions;
        }
        uint40 boot = silent ? from.boot : change.seen[0].boot;
        if (!_registry.setStanding(change.node, to, silent, epoch, boot)) return;
        if (to == from.status) emit SilenceMarked(change.node, epoch);
        else emit StatusChanged(change.node, from.status, to, epoch, change.outcome, change.seen[0].evidence);
    }

    /// A known good signature (Wycheproof, ecdsa_secp256r1_sha256_p1363): only a real precompile says 1.
    function _p256Present() private view returns (bool) {
        (bool ok, bytes memory answer) = address(0x100).staticcall(
            abi.encode(
                0xbb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023,
                5,
                1,
                0xa71af64de5126a4a4e02b7922d66ce9415ce88a4c9d25514d91082c8725ac957,
                0x5d47723c8fbe580bb369fec9c2665d8e30a435b9932645482e7c9f11e872296b
            )
        );
        return ok && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
