// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// SHA-256 of a machine's AK Name (spec/ledger.md §4.2).
type NodeId is bytes32;

/// SHA-256 of a measured entry's 105 bytes: what is extended into the TPM (spec/ledger.md §2.2).
type EntryDigest is bytes32;

/// SHA-256 of a name's bytes.
type NameHash is bytes32;

using {equalNodeId as ==} for NodeId global;

function equalNodeId(NodeId a, NodeId b) pure returns (bool) {
    return NodeId.unwrap(a) == NodeId.unwrap(b);
}
