// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A permutation of [0, size) keyed by a seed: a Feistel network of four rounds over the smallest even number of bits that holds it,
/// walked until it stays below `size` (spec/ledger.md §7.3).
library Shuffle {
    /// Where an index stands; with `back`, what stands at a position: that is the way there with the halves swapped and the rounds in reverse.
    function walk(bytes32 seed, uint256 size, uint256 value, bool back) internal pure returns (uint256) {
        uint256 halfBits = 1;
        while (size > 1 << (2 * halfBits)) ++halfBits;
        uint256 mask = (1 << halfBits) - 1;
        uint256 reversed = back ? 3 : 0;
        do {
            (uint256 left, uint256 right) = (value >> halfBits, value & mask);
            if (back) (left, right) = (right, left);
            // keccak256(abi.encodePacked(seed, uint128(round), uint128(right))), in scratch space: it is most of what a draw costs.
            assembly ("memory-safe") {
                mstore(0x00, seed)
                for { let i := 0 } lt(i, 4) { i := add(i, 1) } {
                    mstore(0x20, or(shl(128, xor(i, reversed)), right))
                    let mixed := xor(left, and(keccak256(0x00, 0x40), mask))
                    left := right
                    right := mixed
                }
            }
            if (back) (left, right) = (right, left);
            value = (left << halfBits) | right;
        } while (value >= size);
        return value;
    }
}
