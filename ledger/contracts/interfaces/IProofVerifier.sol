// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {INodeRegistry} from "./INodeRegistry.sol";
import {EntryDigest, NameHash, NodeId} from "./Types.sol";

/// @title Proofs of trust checked on chain, and logs of which two versions were signed (spec/ledger.md §10).
interface IProofVerifier {
    /// What a quote's qualifying data is the digest of, with chain and registry of this network (spec/evidence.md §5.3).
    /// @param x,y the receipt key's point; `seal` and `peer` are the other keys of the run
    /// @param log,sequence,size,root the checkpoint that was quoted
    struct Opening {
        bytes32 nonce;
        uint64 blockNumber;
        bytes32 blockHash;
        address operator;
        bytes32 x;
        bytes32 y;
        bytes32 seal;
        bytes32 peer;
        uint64 log;
        uint64 sequence;
        uint64 size;
        bytes32 root;
    }

    /// @param attest TPMS_ATTEST; `r`, `s` the AK's signature over it
    /// @param pcrValues of all PCRs that were quoted, ascending by index
    /// @param cLog what was extended into C
    struct Quoted {
        bytes attest;
        bytes32 r;
        bytes32 s;
        bytes32[] pcrValues;
        bytes32[] cLog;
    }

    /// What is remembered of a quote, by its digest alone.
    /// @param x,y the receipt key's point
    /// @param log,sequence,size the checkpoint that was quoted: what the run signed later comes after it
    /// @param pcrR value of R
    struct Run {
        bytes32 x;
        bytes32 y;
        uint64 log;
        uint64 sequence;
        uint64 size;
        bytes32 pcrR;
    }

    /// A checkpoint of a run's log (spec/proof.md §4).
    /// @param r,s by the run's receipt key
    struct Checkpoint {
        uint64 sequence;
        uint64 size;
        bytes32 root;
        bytes32 previousRoot;
        bytes32 r;
        bytes32 s;
    }

    /// The leaf of an epoch that holds the same tree as the checkpoint.
    /// @param run,evidence,sequence as in the leaf, which another run may have brought
    /// @param index,size,path where it stands under the epoch's root
    struct Anchor {
        uint32 epoch;
        bytes32 run;
        bytes32 evidence;
        uint64 sequence;
        uint256 index;
        uint256 size;
        bytes32[] path;
    }

    /// @param index,path of the result in the checkpoint's tree
    struct Proof {
        bytes claims;
        bytes16 salt;
        Run run;
        Checkpoint checkpoint;
        uint256 index;
        bytes32[] path;
        Anchor anchor;
    }

    /// What a proof shows: this node's run of this code answered this request so.
    /// @param ok whether the outcome is `ok`; the response digest says which it is
    /// @param anchoredBlock the result is no newer
    struct Result {
        NodeId node;
        NameHash actor;
        bytes32 code;
        bytes32 request;
        bytes32 response;
        bool ok;
        uint64 anchoredBlock;
    }

    /// A checkpoint with the run that signed it, registered for any actor or none.
    struct Signed {
        bytes32 run;
        EntryDigest actor;
        Run key;
        Checkpoint checkpoint;
    }

    event RunRegistered(NodeId indexed node, bytes32 indexed run, EntryDigest indexed actor);

    /// What is given is not what the quote's qualifying data is the digest of, for this chain and registry.
    error NotOpened();
    /// The value of R never was registered, or was revoked.
    error WrongRuntime(bytes32 pcrR);
    /// The log does not replay to C.
    error WrongLog();
    /// Nothing like it stands in C.
    error ActorNotMeasured(EntryDigest actor);
    /// No quote of this run with these values in it and with the claimed actor in C was registered for the node.
    error RunNotRegistered(NodeId node, bytes32 run);
    /// Never approved, revoked, or no actor.
    error ActorNotApproved(EntryDigest actor);
    /// Index or sequence is not after what was quoted, so that the actor may have been measured later.
    error ResultBeforeQuote();
    /// Salt, claims, index and path do not lead to the checkpoint's root.
    error LeafNotInTree();
    /// Not by the receipt key of the run.
    error WrongCheckpointSignature(NodeId node, bytes32 run);
    /// The epoch is not closed, or its root is not that of a tree with this leaf.
    error NotAnchored(uint32 epoch);
    /// At the end of the block that closed the anchor's epoch.
    error NodeNotActive(NodeId node, uint256 blockNumber);
    /// Not two versions of one log.
    error NoEquivocation(NodeId node);
    /// The node was convicted for this log before.
    error LogSettled(NodeId node, uint64 log);

    /// Whose nodes' proofs these are.
    function registry() external view returns (INodeRegistry);

    /// Remembers a run of a node: what its proofs are checked against. Anyone may call.
    /// @param actor the entry in C whose results are to be proven; zero for none
    function registerRun(NodeId node, Opening calldata opened, Quoted calldata quoted, EntryDigest actor) external;

    /// Checks a proof against the ledger as it stands. Reverts unless it holds.
    function verify(Proof calldata proof) external view returns (Result memory);

    /// Convicts a node that signed two checkpoints of one log with equal sequence that differ in size, root or previous root.
    function equivocation(NodeId node, Signed calldata a, Signed calldata b) external;
}
