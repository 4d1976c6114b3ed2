// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Inclusion in a Merkle tree with SHA-256 (RFC 9162 §2.1.3.2).
library MerkleTree {
    /// Whether `path` leads from the leaf of `input` at `index` to the root of a tree of `size` leaves.
    function holds(bytes32 root, bytes32 input, uint256 index, uint256 size, bytes32[] calldata path)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        bytes32 hash = sha256(abi.encodePacked(bytes1(0), input));
        bool fits;
        // A proof has some thirty levels. At `start`: 0x01 ‖ left ‖ right.
        assembly ("memory-safe") {
            let start := mload(0x40)
            let last := sub(size, 1)
            let end := add(path.offset, shl(5, path.length))
            mstore8(start, 1)
            for { let sibling := path.offset } lt(sibling, end) { sibling := add(sibling, 32) } {
                if iszero(last) {
                    hash := not(root)
                    break
                }
                // The sibling is at the left of an odd index, and of the last node of a level that has no sibling there.
                let right := or(and(index, 1), eq(index, last))
                mstore(add(start, add(1, shl(5, right))), hash)
                mstore(add(start, sub(33, shl(5, right))), calldataload(sibling))
                if right {
                    for {} and(iszero(and(index, 1)), gt(index, 0)) {} {
                        index := shr(1, index)
                        last := shr(1, last)
                    }
                }
                index := shr(1, index)
                last := shr(1, last)
                if iszero(staticcall(gas(), 2, start, 65, 0, 32)) { revert(0, 0) }
                hash := mload(0)
            }
            fits := iszero(last)
        }
        return fits && hash == root;
    }
}
