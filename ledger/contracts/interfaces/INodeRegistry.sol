// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeId} from "./Types.sol";

/// @title Which machines take part, with which keys, and where each stands (spec/ledger.md §4).
interface INodeRegistry {
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
    /// @param genesis named at deployment, and the genesis privilege is not over
    /// @param silent the votes of `lastEpoch` were for silence
    /// @param lastEpoch last epoch whose votes touched this node; zero if none did
    /// @param quarantinedBoot the boot (reset count × 2^16 + restart count) of the evidence that made the node Suspect or Quarantined
    struct Standing {
        address operator;
        Status status;
        bool genesis;
        bool silent;
        uint32 lastEpoch;
        uint40 quarantinedBoot;
    }

    /// A node as listed.
    struct Node {
        NodeId id;
        Standing standing;
        bytes32 akX;
        bytes32 akY;
        bytes32 ekDigest;
        bytes32 voteKeyX;
        bytes32 voteKeyY;
        string contact;
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

    /// Without a genesis operator nobody could ever vote.
    error NoGenesis();
    error NotAttestation(address caller);
    /// Not a point of P-256, or the EK digest is zero.
    error InvalidKey();
    error InvalidContact();
    error NodeExists(NodeId id);
    error EndorsementKeyTaken(bytes32 ekDigest);
    error VoteKeyTaken();
    error OperatorTaken(address operator);
    error NotRegistered(address operator);
    error AlreadyRetired(NodeId id);
    /// The last node entitled to vote cannot leave: nobody could ever be admitted again.
    error LastEntitled(NodeId id);

    /// Registers the caller's machine as Pending. The node id follows from the AK, so that nobody can choose one.
    /// @param akX,akY the AK's public point
    /// @param ekDigest SHA-256 of the DER of the EK certificate
    /// @param voteKeyX,voteKeyY the P-256 key that signs this node's votes
    /// @param contact JSON text, up to 512 bytes, that says where to reach the node
    function register(
        bytes32 akX,
        bytes32 akY,
        bytes32 ekDigest,
        bytes32 voteKeyX,
        bytes32 voteKeyY,
        string calldata contact
    ) external returns (NodeId id);

    /// Says anew where to reach the caller's node.
    function setContact(string calldata contact) external;

    /// Takes the caller's node out for good. Its keys stay taken, so that leaving washes nothing off.
    function retire() external;

    /// Writes what votes decided. For `Attestation` alone.
    function setStanding(NodeId id, Status status, bool silent, uint32 epoch, uint40 quarantinedBoot) external;

    /// Where a node stands; all zero if there is none.
    function standing(NodeId id) external view returns (Standing memory);

    /// The operator's node; zero if there is none.
    function nodeOf(address operator) external view returns (NodeId);

    /// Whether a node may vote now, and with which key.
    function voter(NodeId id) external view returns (bool entitled, bytes32 voteKeyX, bytes32 voteKeyY);

    /// How many nodes may vote now: all Active, and the Pending ones of the genesis set until its privilege is over.
    function entitledCount() external view returns (uint256);

    /// One page of all nodes in the order of registration, and a number that changes with every write.
    function list(uint256 offset, uint256 limit) external view returns (Node[] memory nodes, uint64 revision);
}
