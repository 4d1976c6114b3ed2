// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Writes deterministic CBOR (RFC 8949 §4.2.1) where memory is free, without claiming it: what is written is hashed before anything
/// else takes memory. Each function returns where the next item begins.
library Cbor {
    function begin() internal pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := mload(0x40)
        }
    }

    /// The first `length` bytes of `what`.
    function put(uint256 start, bytes32 what, uint256 length) internal pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(start, what)
        }
        unchecked {
            return start + length;
        }
    }

    function putUint(uint256 start, uint64 value) internal pure returns (uint256) {
        if (value < 24) return put(start, bytes32(uint256(value) << 248), 1);
        if (value <= type(uint8).max) return put(start, bytes32((0x18 << 248) | (uint256(value) << 240)), 2);
        if (value <= type(uint16).max) return put(start, bytes32((0x19 << 248) | (uint256(value) << 232)), 3);
        if (value <= type(uint32).max) return put(start, bytes32((0x1a << 248) | (uint256(value) << 216)), 5);
        return put(start, bytes32((0x1b << 248) | (uint256(value) << 184)), 9);
    }

    /// A byte string of 32.
    function putDigest(uint256 start, bytes32 digest) internal pure returns (uint256) {
        return put(put(start, hex"5820", 2), digest, 32);
    }

    /// A checkpoint as evidence and an epoch's leaf hold it.
    function putCheckpoint(uint256 start, uint64 log, uint64 sequence, uint64 size, bytes32 root)
        internal
        pure
        returns (uint256)
    {
        start = putUint(put(start, hex"84", 1), log);
        return putDigest(putUint(putUint(start, sequence), size), root);
    }

    /// Bytes without a head.
    function putBytes(uint256 start, bytes calldata what) internal pure returns (uint256) {
        assembly ("memory-safe") {
            calldatacopy(start, what.offset, what.length)
        }
        unchecked {
            return start + what.length;
        }
    }

    /// SHA-256 of what was written.
    function hash(uint256 start, uint256 end) internal view returns (bytes32 result) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, start, sub(end, start), 0, 32)) { revert(0, 0) }
            result := mload(0)
        }
    }
}
