// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cbor} from "./Cbor.sol";
import {NameHash, NodeId} from "./interfaces/Types.sol";

/// @title Reads what a node claims (spec/proof.md §2). Of the keys that a reader may pass over it knows none, so that it refuses them.
library Claims {
    /// @param grants digest of the capabilities' bytes; zero for none, which stand for empty grants and for those of the empty array
    /// @param ok the outcome is `ok`
    struct Said {
        NodeId node;
        NameHash actor;
        bytes32 code;
        bytes32 grants;
        bytes32 run;
        bytes32 request;
        bytes32 response;
        bool ok;
    }

    /// Not claims of the keys 1, 6, 265 and −65537 to −65550.
    error MalformedClaims();

    /// In assembly, else it would be a fifth of what a proof costs. A position is one in the calldata; at the first thing that is not as it
    /// should be it leaps to 2^255 or more, where all is zero, so that it is enough to ask at the end whether it is where the claims end.
    function parse(bytes calldata claims) internal view returns (Said memory said) {
        bool whole;
        assembly ("memory-safe") {
            function expect(start, what, bits) -> next {
                let differs := iszero(eq(shr(sub(256, bits), calldataload(start)), what))
                next := or(add(start, shr(3, bits)), shl(255, differs))
            }
            // The key −65537 − k.
            function key(start, k) -> next {
                next := expect(start, add(0x3a00010000, k), 40)
            }
            function digest(start, k) -> value, next {
                next := expect(start, add(0x3a000100005820, shl(16, k)), 56)
                value := calldataload(next)
                next := add(next, 32)
            }
            // Passes over one integer, string or array of such. `inside` is where a string's bytes begin.
            function skip(start) -> next, inside {
                next := start
                for { let items := 1 } iszero(or(iszero(items), gt(next, calldatasize()))) { items := sub(items, 1) } {
                    let word := calldataload(next)
                    let value := and(byte(0, word), 31)
                    next := add(next, 1)
                    if gt(value, 23) {
                        let size := shl(sub(value, 24), 1)
                        next := or(add(next, size), shl(255, gt(value, 27)))
                        value := shr(sub(256, shl(3, size)), shl(8, word))
                    }
                    inside := next
                    switch shr(253, word)
                    case 0 {}
                    case 2 { next := add(next, value) }
                    case 3 { next := add(next, value) }
                    case 4 { items := add(items, value) }
                    default { next := shl(255, 1) }
                }
            }
            function hash(from, to) -> value {
                if iszero(gt(to, calldatasize())) {
                    let start := mload(0x40)
                    calldatacopy(start, from, sub(to, from))
                    if iszero(staticcall(gas(), 2, start, sub(to, from), 0, 32)) { revert(0, 0) }
                    value := mload(0)
                }
            }
            // The bytes that 32 hex digits stand for.
            function unhex(x) -> value {
                let letters := and(shr(6, x), 0x0101010101010101010101010101010101010101010101010101010101010101)
                x := and(x, 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f)
                x := add(x, mul(letters, 9))
                x := and(or(x, shr(4, x)), 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff)
                x := and(or(x, shr(8, x)), 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff)
                x := and(or(x, shr(16, x)), 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)
                x := and(or(x, shr(32, x)), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                value := and(or(x, shr(64, x)), 0xffffffffffffffffffffffffffffffff)
            }

            let next := claims.offset
            let from
            let value
            let optional := sub(byte(0, calldataload(next)), 0xae) // a map of 14 claims and so many
            next := or(expect(add(next, 1), 0x0178423078, 40), shl(255, gt(optional, 3))) // iss: 0x and 64 digits
            mstore(said, or(shl(128, unhex(calldataload(next))), unhex(calldataload(add(next, 32)))))
            next, from := skip(expect(add(next, 64), 0x06, 8)) // iat
            next := expect(next, 0x1901097575726e3a782d746561706f743a636c61696d733a31, 200) // "urn:x-teapot:claims:1"
            next, from := skip(expect(key(next, 0), 0x83, 8)) // actor
            mstore(add(said, 0x20), hash(from, next))
            next, from := skip(next) // version
            next := expect(next, 0x5820, 16)
            mstore(add(said, 0x40), calldataload(next))
            value := key(add(next, 32), 1) // capabilities
            next, from := skip(value)
            if iszero(eq(byte(0, calldataload(value)), 0x80)) { mstore(add(said, 0x60), hash(value, next)) }
            value, next := digest(next, 2)
            mstore(add(said, 0x80), value)
            value, next := digest(next, 3) // evidence
            for { let k := 4 } lt(k, 8) { k := add(k, 1) } { next, from := skip(key(next, k)) } // block to operation
            value, next := digest(next, 8)
            mstore(add(said, 0xa0), value)
            value, next := digest(next, 9)
            mstore(add(said, 0xc0), value)
            next := key(next, 10) // outcome
            mstore(add(said, 0xe0), eq(shr(232, calldataload(next)), 0x626f6b))
            next, from := skip(next)
            // Fuel, trace and children, each at most once.
            for { let least := 11 } optional { optional := sub(optional, 1) } {
                let k := and(shr(216, calldataload(next)), 0xff)
                next, from := skip(or(key(next, k), shl(255, or(lt(k, least), gt(k, 13)))))
                least := add(k, 1)
                if gt(next, calldatasize()) { break }
            }
            whole := eq(next, add(claims.offset, claims.length))
        }
        if (!whole) revert MalformedClaims();
    }

    /// The entry of the log's tree for claims (spec/proof.md §3.1).
    function leafInput(bytes16 salt, bytes calldata claims) internal view returns (bytes32) {
        uint256 start = Cbor.begin();
        return Cbor.hash(start, Cbor.putBytes(Cbor.put(start, salt, 16), claims));
    }
}
