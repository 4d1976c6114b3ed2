// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {INodeRegistry} from "./INodeRegistry.sol";
import {IRandomness} from "./IRandomness.sol";
import {NodeId} from "./Types.sol";

/// @title The attestation clock, and the only way by which votes change where a node stands (spec/ledger.md §6–8).
interface IAttestation is IRandomness {
    enum Outcome {
        None,
        Affirm,
        Mismatch,
        Silence
    }

    /// One Verifier's signature over the vote digest, P-256, with low s.
    struct Vote {
        NodeId voter;
        bytes32 r;
        bytes32 s;
    }

    /// The evidence that a vote is about; all zero for silence.
    /// @param run digest of the run keys in it
    /// @param boot reset count × 2^16 + restart count in it
    /// @param evidence its SHA-256
    /// @param quote what a dispute must show of it: SHA-256 over the digests of quote, R's log and C's log
    struct Seen {
        bytes32 run;
        uint40 boot;
        bytes32 evidence;
        bytes32 quote;
    }

    /// What a quorum says of one node.
    /// @param seen each named by a vote; more than one only for a mismatch, of which a node may show every Verifier another
    /// @param votes in ascending order of voter
    /// @param seenBy which of `seen` each vote names; empty where there is one
    struct Change {
        NodeId node;
        Outcome outcome;
        Seen[] seen;
        Vote[] votes;
        uint8[] seenBy;
    }

    /// All that a voter asks of the present epoch.
    /// @param openedAt in seconds since 1970
    /// @param committee so many are drawn to vote on each node
    /// @param frozenCount so many nodes, in the order of registration, are its frozen set
    /// @param beacons of the next epoch, and of the one after
    struct Round {
        uint32 epoch;
        bytes32 seed;
        uint64 openedAt;
        uint32 minEpochSeconds;
        uint32 committee;
        uint32 frozenCount;
        uint256 minBondWei;
        Beacon[2] beacons;
    }

    event StatusChanged(
        NodeId indexed node,
        INodeRegistry.Status from,
        INodeRegistry.Status to,
        uint32 indexed epoch,
        Outcome outcome,
        bytes32 evidence
    );
    /// An Active node was silent for a first epoch; a second one running makes it Inactive.
    event SilenceMarked(NodeId indexed node, uint32 indexed epoch);
    /// The breaker held a demotion back: too many entitled nodes would have fallen in one epoch.
    event DemotionFrozen(NodeId indexed node, uint32 indexed epoch, Outcome outcome);
    /// @param leaves SHA-256 of the document whose items the root is over; its CID in content storage is this digest
    event EpochClosed(uint32 indexed epoch, bytes32 root, bytes32 leaves, bytes32 nextSeed, address reporter);

    /// The chain lacks P256VERIFY at 0x100 (EIP-7951).
    error NoP256Precompile();
    /// An epoch without length, or a committee of nobody.
    error InvalidParameters();
    /// The epoch can be closed from `closableAt` on, in seconds since 1970.
    error EpochTooYoung(uint64 closableAt);
    error ReporterNotEntitled(address reporter);
    error ChangesUnordered(NodeId node);
    error UnknownNode(NodeId node);
    /// Votes of this epoch, or of a later one, were already counted for this node.
    error AlreadyDecided(NodeId node, uint32 lastEpoch);
    error IllegalTransition(NodeId node, INodeRegistry.Status from, Outcome outcome);
    /// A quarantined node comes back only in another boot.
    error SameBoot(NodeId node, uint40 boot);
    /// What the votes name is none, is not what `seenBy` says, or is more than one thing though the outcome is no mismatch.
    error WrongSeen(NodeId node);
    error VotesUnordered(NodeId node, NodeId voter);
    error SubjectVotes(NodeId node);
    error VoterNotEntitled(NodeId node, NodeId voter);
    /// Others were drawn to vote on this node in this epoch.
    error VoterNotAssigned(NodeId node, NodeId voter);
    error WrongSignature(NodeId node, NodeId voter);
    error QuorumMissed(NodeId node, uint256 votes, uint256 mayVote);

    /// Ends the epoch: stores the root over its votes, applies the changes, opens the next one.
    /// For operators of entitled nodes, once the epoch is old enough. All changes are checked before any is applied.
    function closeEpoch(uint32 epoch, bytes32 root, bytes32 leaves, Change[] calldata changes) external;

    /// Applies changes of the present epoch or of the one before it. Anyone may call, as the votes are the authority:
    /// a reporter that closes an epoch without some changes cannot suppress them.
    function report(uint32 epoch, Change[] calldata changes) external;

    function current() external view returns (Round memory);

    /// Number of the present epoch.
    function epochNow() external view returns (uint32);

    /// The block that opened an epoch; zero if none did yet.
    function openedBlockOf(uint32 epoch) external view returns (uint64);

    /// The root over the votes of a closed epoch.
    function rootOf(uint32 epoch) external view returns (bytes32);

    /// What a Verifier signs: SHA-256 over domain, chain, this contract and the vote (spec/ledger.md §7.1).
    function voteDigest(uint32 epoch, NodeId node, Outcome outcome, bytes32 run, uint40 boot, bytes32 evidence, bytes32 quote)
        external
        view
        returns (bytes32);
}
