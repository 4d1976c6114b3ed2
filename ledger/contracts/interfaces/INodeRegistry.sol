// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBonds} from "./IBonds.sol";
import {NodeId} from "./Types.sol";

/// @title Which machines take part, with which keys, and where each stands (spec/ledger.md §4).
interface INodeRegistry is IBonds {
    enum Status {
        None,
        Pending,
        Active,
        Inactive,
        Suspect,
        Quarantined,
        Upgrading,
        Retired
    }

    /// What changes with votes; one storage slot.
    /// @param bonded the bond is at least what it must be
    /// @param index place in the order of registration
    /// @param entitledSince first epoch in all of which the node is entitled to vote, if it is; of the genesis set that of its registration
    /// @param genesis named at deployment, and the genesis privilege is not over
    /// @param silent the votes of `lastEpoch` were for silence
    /// @param lastEpoch last epoch whose votes touched this node; zero if none did
    /// @param boot the boot (reset count × 2^16 + restart count) of the evidence that made the node Active, Suspect or Quarantined
    /// @param sinceBlock block in which the status began
    /// @param settledEpoch what the node said of epochs up to this one is settled by a conviction
    struct Standing {
        Status status;
        bool genesis;
        bool silent;
        bool bonded;
        uint32 index;
        uint32 entitledSince;
        uint32 lastEpoch;
        uint40 boot;
        uint40 sinceBlock;
        uint32 settledEpoch;
    }

    /// What a node says of itself when it joins.
    /// @param akX,akY the AK's public point
    /// @param ekDigest SHA-256 of the EK's SubjectPublicKeyInfo, as its certificate holds it
    /// @param voteKeyX,voteKeyY the P-256 key that signs this node's votes
    /// @param contact JSON text, up to 512 bytes, that says where to reach the node
    struct Registration {
        bytes32 akX;
        bytes32 akY;
        bytes32 ekDigest;
        bytes32 voteKeyX;
        bytes32 voteKeyY;
        string contact;
    }

    /// That the caller has the keys: both sign the digest of the registration (spec/ledger.md §4.3).
    /// @param attest TPMS_ATTEST whose qualifying data is that digest, over neither R nor C
    /// @param akR,akS the AK's signature over it
    /// @param voteR,voteS the vote key's signature of the digest
    struct Possession {
        bytes attest;
        bytes32 akR;
        bytes32 akS;
        bytes32 voteR;
        bytes32 voteS;
    }

    /// A node as listed.
    /// @param ekHolder the node that was the first to be Active with this EK; zero while none was
    struct Node {
        NodeId id;
        address operator;
        Standing standing;
        bytes32 akX;
        bytes32 akY;
        bytes32 ekDigest;
        bytes32 voteKeyX;
        bytes32 voteKeyY;
        string contact;
        NodeId ekHolder;
    }

    event NodeRegistered(
        NodeId indexed id,
        address indexed operator,
        bytes32 akX,
        bytes32 akY,
        bytes32 ekDigest,
        bytes32 voteKeyX,
        bytes32 voteKeyY,
        string contact
    );
    event ContactChanged(NodeId indexed id, string contact);
    event NodeRetired(NodeId indexed id, Status from);
    event GenesisEnded();
    /// The bond fell below what it must be: the node is Inactive.
    event Underbonded(NodeId indexed id, Status from);

    /// A vote of this node was shown false, or to be one of two; or, where it is the subject itself, a checkpoint of its log.
    event Convicted(NodeId indexed id, NodeId indexed subject, uint32 epoch, address prover, uint256 shareWei);
    /// A quorum affirmed the node, but another one was Active with this EK before: its standing stays as it is.
    event EndorsementKeyTaken(NodeId indexed id, NodeId holder);
    /// What a false vote had said of the node is put right.
    event StandingCorrected(NodeId indexed id, Status from, Status to, uint32 epoch);

    /// Without a genesis operator nobody could ever vote.
    error NoGenesis();
    /// The epoch is ahead, or a conviction has settled all that the node said up to it.
    error NotPunishable(NodeId id, uint32 epoch);
    /// Only the contracts that judge by votes and proofs.
    error NotJudge(address caller);
    /// Without its whole bond a node does not become Active.
    error BondMissing(NodeId id);
    /// Not a point of P-256, or the EK digest is zero.
    error InvalidKey();
    error InvalidContact();
    error NodeExists(NodeId id);
    error VoteKeyTaken();
    error OperatorTaken(address operator);
    /// The quote's qualifying data is not this digest, of what is registered, by whom and where; or the quote tells of R or C.
    error NotForRegistration(bytes32 digest);
    /// The quote is not signed by the AK that is registered.
    error AkNotHeld();
    /// The vote key that is registered did not sign the digest.
    error VoteKeyNotHeld();
    error NotRegistered(address operator);
    error AlreadyRetired(NodeId id);
    /// The last node entitled to vote cannot leave: nobody could ever be admitted again.
    error LastEntitled(NodeId id);

    /// Registers the caller's machine as Pending, for a bond: the value. The node id follows from the AK, so that nobody can choose one.
    function register(Registration calldata said, Possession calldata shown) external payable returns (NodeId id);

    /// Says anew where to reach the caller's node.
    function setContact(string calldata contact) external;

    /// Takes the caller's node out for good. Its keys stay taken, so that leaving washes nothing off; its bond is free a week later.
    function retire() external;

    /// Writes what votes or a proof decided. For the contracts that judge alone: `Attestation`, `Disputes` and `ProofVerifier`.
    /// @return whether it did: a node that would be Active for the first time is not with an EK that another one was Active with
    function setStanding(NodeId id, Status status, bool silent, uint32 epoch, uint40 boot)
        external
        returns (bool);

    /// Quarantines a node for what it said of another, or of its own log, in an epoch, and slashes its whole bond. For the same alone.
    /// @param prover gets a third of the bond
    function convict(NodeId id, NodeId subject, uint32 epoch, address prover) external;

    /// Puts right what a false vote had said of a node in an epoch: what was affirmed is Suspect, if the liar is still entitled to vote and no
    /// later boot was affirmed by a quorum;
    /// what was called a mismatch is Inactive, so that a quorum may affirm it. Nothing where later votes spoke of it. For the same alone.
    function correct(NodeId id, uint32 epoch, bool affirmed, uint40 boot, NodeId liar) external;

    /// Where a node stands; all zero if there is none.
    function standing(NodeId id) external view returns (Standing memory);

    /// Whether a node was Active at the end of a block.
    function activeAt(NodeId id, uint256 blockNumber) external view returns (bool);

    /// The operator's node and where it stands; zero if there is none.
    function nodeBy(address operator) external view returns (NodeId, Standing memory);

    /// The operator's node; zero if there is none.
    function nodeOf(address operator) external view returns (NodeId);

    /// Whether a node may vote now, and with which key.
    function voter(NodeId id) external view returns (bool entitled, bytes32 voteKeyX, bytes32 voteKeyY);

    /// The AK's public point; zero if there is no such node.
    function akOf(NodeId id) external view returns (bytes32 x, bytes32 y);

    /// The node at a place in the order of registration: whether it is entitled now, and since when.
    function candidate(uint256 index) external view returns (NodeId id, bool entitled, uint32 since);

    function nodeCount() external view returns (uint256);

    /// How many nodes may vote now: all Active, and the Pending ones of the genesis set until its privilege is over.
    function entitledCount() external view returns (uint256);

    /// One page of all nodes in the order of registration, and a number that changes with every write.
    function list(uint256 offset, uint256 limit) external view returns (Node[] memory nodes, uint64 revision);
}

/// Whether a node may vote, by its standing as the registry tells it.
function isEntitled(INodeRegistry.Standing memory s) pure returns (bool) {
    return s.status == INodeRegistry.Status.Active || (s.status == INodeRegistry.Status.Pending && s.genesis);
}
