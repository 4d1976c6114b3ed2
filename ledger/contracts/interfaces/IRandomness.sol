// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeId} from "./Types.sol";

/// @title The seed of each epoch, and who it draws to vote on whom (spec/ledger.md §6, §7).
interface IRandomness {
    /// How far the seed of an epoch is made.
    /// @param contributors up to three nodes that may commit, in their order
    /// @param committed bit p: the contributor p has committed; `revealed` alike
    struct Beacon {
        uint32 epoch;
        NodeId[] contributors;
        uint8 committed;
        uint8 revealed;
    }

    /// The commitment was mixed in instead, and a tenth of the least bond was slashed.
    event RevealMissed(uint32 indexed epoch, NodeId indexed node);

    error WrongEpoch(uint32 current, uint32 given);
    /// Not the operator of an entitled node at one of the first three positions.
    error NotContributor(address caller);
    /// Not committed, or revealed already.
    error NothingToReveal(uint32 epoch, NodeId node);
    error WrongSecret(uint32 epoch, NodeId node);

    /// Commits the caller's node to a secret for the seed of the epoch after next. Until the epoch ends, the last one counts.
    /// @param commitment keccak256(abi.encode(epoch, node, secret))
    function commit(uint32 epoch, bytes32 commitment) external;

    /// Reveals the secret for the seed of the next epoch.
    function reveal(uint32 epoch, bytes32 secret) external;

    /// The seed of an epoch that was opened; zero if it was not. Its lowest 40 bits are the number of the block that opened it.
    function seedOf(uint32 epoch) external view returns (bytes32);

    /// Who alone may vote on the node in the present epoch or the one before; empty where too few are eligible to draw from, so that
    /// all entitled nodes may.
    function assignedOf(uint32 epoch, NodeId node) external view returns (NodeId[] memory);

    /// Where each of `size` indices stands once shuffled by `seed`.
    function permutation(bytes32 seed, uint32 size) external pure returns (uint32[] memory positions);
}
