// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {INodeRegistry, isEntitled} from "./interfaces/INodeRegistry.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {NodeId} from "./interfaces/Types.sol";
import {Shuffle} from "./Shuffle.sol";

/// @title See IRandomness. Part of Attestation, which says when an epoch opens.
abstract contract Randomness is IRandomness {
    uint256 private constant CONTRIBUTORS = 3;

    INodeRegistry internal immutable _registry;
    uint32 internal immutable _committee;

    mapping(uint32 epoch => bytes32) public seedOf;
    /// By the parity of the epoch whose seed it is, and position: 28 bytes of the commitment, once revealed of what is mixed in; then
    /// twice the epoch, and one more once revealed.
    uint256[CONTRIBUTORS][2] private _contributions;

    // What all transactions of an epoch read: one slot, with Attestation's clock.
    uint32 internal _epoch;
    uint32 private _frozenBefore; // how many nodes the frozen set of the epoch before had
    uint32 internal _frozen; // of the present epoch
    uint32 private _frozenNext;

    constructor(INodeRegistry registry, uint32 committee) {
        (_registry, _committee) = (registry, committee);
    }

    /// @inheritdoc IRandomness
    function commit(uint32 epoch, bytes32 commitment) external {
        if (epoch != _epoch + 2) revert WrongEpoch(_epoch, epoch);
        (, INodeRegistry.Standing memory s) = _registry.nodeBy(msg.sender);
        if (!isEntitled(s)) revert NotContributor(msg.sender);
        uint256 position = _contributor(s, seedOf[epoch - 2], _frozen);
        _contributions[epoch % 2][position] = _cut(commitment) | (epoch << 1);
    }

    /// @inheritdoc IRandomness
    function reveal(uint32 epoch, bytes32 secret) external {
        if (epoch != _epoch + 1) revert WrongEpoch(_epoch, epoch);
        (NodeId id, INodeRegistry.Standing memory s) = _registry.nodeBy(msg.sender);
        uint256 position = _contributor(s, seedOf[epoch - 2], _frozenBefore);
        uint256 held = _contributions[epoch % 2][position];
        if (uint32(held) != epoch << 1) revert NothingToReveal(epoch, id);
        uint256 commitment = _cut(keccak256(abi.encode(epoch, id, secret)));
        if (held != commitment | (epoch << 1)) revert WrongSecret(epoch, id);
        _contributions[epoch % 2][position] = _cut(keccak256(abi.encode(id, secret))) | (epoch << 1) | 1;
    }

    /// @inheritdoc IRandomness
    function assignedOf(uint32 epoch, NodeId node) public view returns (NodeId[] memory drawn) {
        bool present = epoch == _epoch;
        if (!present && epoch + 1 != _epoch) revert WrongEpoch(_epoch, epoch);
        (bytes32 seed, uint256 size) = (seedOf[epoch], present ? _frozen : _frozenBefore);
        uint256 position = _positionOf(_registry.standing(node), seed, size);
        uint256 start = position < size ? position + 1 : 0;
        drawn = new NodeId[](_committee);
        uint256 count;
        for (uint256 step; step < size && count < _committee; ++step) {
            uint256 index = Shuffle.walk(seed, size, (start + step) % size, true);
            (NodeId id, bool entitled, uint32 since) = _registry.candidate(index);
            if (entitled && since < epoch && !(id == node)) drawn[count++] = id;
        }
        if (count < _committee) return new NodeId[](0);
    }

    /// @inheritdoc IRandomness
    function permutation(bytes32 seed, uint32 size) external pure returns (uint32[] memory positions) {
        positions = new uint32[](size);
        for (uint256 i; i < size; ++i) positions[i] = uint32(Shuffle.walk(seed, size, i, false));
    }

    /// Makes the seed of an epoch that opens, and freezes the set of the next.
    function _openSeed(uint32 epoch) internal returns (bytes32 seed) {
        uint256 mix;
        for (uint256 position; position < CONTRIBUTORS; ++position) {
            uint256 held = _contributions[epoch % 2][position];
            if (uint32(held) >> 1 != epoch) continue;
            mix ^= _cut(bytes32(held));
            if (held & 1 == 0) _punish(epoch, position);
        }
        seed = keccak256(abi.encode(seedOf[epoch - 1], mix, block.prevrandao, blockhash(block.number - 1), epoch));
        // A slot for both: the lowest 40 bits tell the block.
        seed = bytes32(((uint256(seed) >> 40) << 40) | uint40(block.number));
        seedOf[epoch] = seed;
        (_frozenBefore, _frozen, _frozenNext) = (_frozen, _frozenNext, uint32(_registry.nodeCount()));
        _epoch = epoch;
    }

    /// How far the next seed is, and the one after it.
    function _beacons() internal view returns (Beacon[2] memory beacons) {
        beacons[0] = _beacon(_epoch + 1, _frozenBefore);
        beacons[1] = _beacon(_epoch + 2, _frozen);
    }

    function _beacon(uint32 epoch, uint256 size) private view returns (Beacon memory beacon) {
        uint256 count = size < CONTRIBUTORS ? size : CONTRIBUTORS;
        (beacon.epoch, beacon.contributors) = (epoch, new NodeId[](count));
        for (uint256 position; position < count; ++position) {
            uint256 index = Shuffle.walk(seedOf[epoch - 2], size, position, true);
            (beacon.contributors[position],,) = _registry.candidate(index);
            uint256 held = _contributions[epoch % 2][position];
            if (uint32(held) >> 1 != epoch) continue;
            beacon.committed |= uint8(1 << position);
            beacon.revealed |= uint8((held & 1) << position);
        }
    }

    function _cut(bytes32 hash) private pure returns (uint256) {
        return (uint256(hash) >> 32) << 32;
    }

    function _punish(uint32 epoch, uint256 position) private {
        (NodeId id,,) = _registry.candidate(Shuffle.walk(seedOf[epoch - 2], _frozenBefore, position, true));
        emit RevealMissed(epoch, id);
        _registry.slash(id, _registry.minBondWei() / 10);
    }

    function _contributor(INodeRegistry.Standing memory s, bytes32 seed, uint256 size)
        private
        view
        returns (uint256 position)
    {
        position = _positionOf(s, seed, size);
        if (position >= CONTRIBUTORS || position >= size) revert NotContributor(msg.sender);
    }

    /// `size` for what is not in the frozen set.
    function _positionOf(INodeRegistry.Standing memory s, bytes32 seed, uint256 size) private pure returns (uint256) {
        if (s.status == INodeRegistry.Status.None || s.index >= size) return size;
        return Shuffle.walk(seed, size, s.index, false);
    }
}
