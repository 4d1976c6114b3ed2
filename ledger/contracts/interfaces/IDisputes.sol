// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestation} from "./IAttestation.sol";
import {QuoteVerifier} from "../QuoteVerifier.sol";
import {NodeId} from "./Types.sol";

/// @title What becomes of votes that say the opposite of the quote that they name (spec/ledger.md §9).
interface IDisputes {
    /// What a vote says; as in IAttestation.Change.
    struct Statement {
        uint32 epoch;
        NodeId node;
        IAttestation.Outcome outcome;
        bytes32 run;
        uint40 boot;
        bytes32 evidence;
        bytes32 quote;
    }

    /// What `Statement.quote` is the digest of, with what shows that the TPM said so.
    /// @param attest TPMS_ATTEST; `r`, `s` the AK's signature over it
    /// @param pcrValues of all PCRs that were quoted, ascending by index
    /// @param rLog,cLog what the log says was extended into R and C
    struct Shown {
        bytes attest;
        bytes32 r;
        bytes32 s;
        bytes32[] pcrValues;
        bytes32[] rLog;
        bytes32[] cLog;
    }

    /// As `Shown`, with the SHA-256 of either log's digests instead of these.
    struct ShownR {
        bytes attest;
        bytes32 r;
        bytes32 s;
        bytes32[] pcrValues;
        bytes32 rLog;
        bytes32 cLog;
    }

    /// What is shown is not what the vote names.
    error NotShown(bytes32 named, bytes32 shown);
    error WrongVote(NodeId voter);
    /// Nothing that is shown proves the vote false.
    error Undecided(NodeId voter);
    /// Not two statements on one node in one epoch.
    error NoEquivocation(NodeId voter);

    /// Convicts a voter that affirmed what its quote disproves, called a mismatch what was in order before the epoch opened, or named
    /// another boot than the quote's.
    function dispute(Statement calldata said, IAttestation.Vote calldata vote, Shown calldata shown) external;

    /// As `dispute`, for votes that affirm a value of R that was never registered.
    function disputeR(Statement calldata said, IAttestation.Vote calldata vote, ShownR calldata shown) external;

    /// Convicts a voter that signed two statements on one node in one epoch.
    function equivocation(
        Statement calldata a,
        IAttestation.Vote calldata x,
        Statement calldata b,
        IAttestation.Vote calldata y
    ) external;

    /// What a node's AK signed.
    function quoteOf(NodeId node, bytes calldata attest, bytes32 r, bytes32 s)
        external
        view
        returns (QuoteVerifier.Quote memory);
}
