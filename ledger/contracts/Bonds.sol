// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBonds} from "./interfaces/IBonds.sol";
import {NodeId} from "./interfaces/Types.sol";

/// @title See IBonds. Part of the registry, which says whose a node is and what a bond means for its standing.
abstract contract Bonds is IBonds {
    uint256 private constant UNBONDING_SECONDS = 7 days;

    uint256 public immutable minBondWei;
    mapping(NodeId => uint256) public bondOf;
    mapping(NodeId => uint256) private _lockedUntil;

    constructor(uint256 minimumWei) {
        minBondWei = minimumWei;
    }

    /// @inheritdoc IBonds
    function deposit() external payable {
        NodeId id = _own();
        bondOf[id] += msg.value;
        emit BondDeposited(id, msg.value, bondOf[id]);
        _bondChanged(id, bondOf[id] >= minBondWei);
    }

    /// @inheritdoc IBonds
    function withdraw() external {
        NodeId id = _own();
        uint256 until = _lockedUntil[id];
        if (until == 0 || block.timestamp < until) revert BondLocked(until);
        uint256 amount = bondOf[id];
        bondOf[id] = 0;
        emit BondWithdrawn(id, amount);
        if (!_pay(msg.sender, amount)) revert PaymentFailed(msg.sender);
    }

    /// @inheritdoc IBonds
    function slash(NodeId id, uint256 amountWei) external {
        _onlyJudges();
        uint256 bond = bondOf[id];
        uint256 left = bond > amountWei ? bond - amountWei : 0;
        bondOf[id] = left;
        emit BondSlashed(id, bond - left, left);
        _bondChanged(id, left >= minBondWei);
    }

    /// Takes the whole bond; a third goes to the prover, and one that does not take its share leaves it.
    function _forfeit(NodeId id, address prover) internal returns (uint256 share) {
        share = bondOf[id] / 3;
        bondOf[id] = 0;
        _bondChanged(id, minBondWei == 0);
        if (share != 0 && !_pay(prover, share)) share = 0;
    }

    function _stake(NodeId id) internal {
        if (msg.value < minBondWei) revert BondTooSmall(minBondWei, msg.value);
        bondOf[id] = msg.value;
        emit BondDeposited(id, msg.value, msg.value);
    }

    function _startUnbonding(NodeId id) internal {
        _lockedUntil[id] = block.timestamp + UNBONDING_SECONDS;
    }

    /// The caller's node.
    function _own() internal view virtual returns (NodeId);

    function _onlyJudges() internal view virtual;

    function _bondChanged(NodeId id, bool bonded) internal virtual;

    function _pay(address to, uint256 amount) private returns (bool paid) {
        (paid,) = to.call{value: amount}("");
    }
}
