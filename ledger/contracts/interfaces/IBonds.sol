// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeId} from "./Types.sol";

/// @title What nodes stake on telling the truth (spec/ledger.md §5).
interface IBonds {
    event BondDeposited(NodeId indexed id, uint256 amountWei, uint256 bondWei);
    /// What is slashed stays in the contract for good, but for the share of whoever proved the offence.
    event BondSlashed(NodeId indexed id, uint256 amountWei, uint256 bondWei);
    event BondWithdrawn(NodeId indexed id, uint256 amountWei);

    error BondTooSmall(uint256 minBondWei, uint256 givenWei);
    /// Not retired (zero), or not for long enough: the bond is free from `until` on, in seconds since 1970.
    error BondLocked(uint256 until);
    /// The operator's account does not take the money.
    error PaymentFailed(address to);

    /// Adds to the bond of the caller's node.
    function deposit() external payable;

    /// Pays the bond of the caller's node out, a while after it retired: until then what it did can still be proven.
    function withdraw() external;

    /// Takes from a bond, as much of `amountWei` as there is. For `Attestation` alone.
    function slash(NodeId id, uint256 amountWei) external;

    function bondOf(NodeId id) external view returns (uint256);

    /// With less, a node neither becomes nor stays entitled to vote.
    function minBondWei() external view returns (uint256);
}
