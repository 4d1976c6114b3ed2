// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Which values of PCR R a genuine runtime shows (spec/ledger.md §3).
interface IReferenceValues {
    /// A value only ever moves to the right.
    enum Status {
        None,
        Current,
        Grace,
        Superseded,
        Revoked
    }

    /// @param r value of PCR R once launcher and runtime image are measured
    /// @param sinceBlock block in which the present status began
    struct ReferenceValue {
        bytes32 r;
        string release;
        string platform;
        Status status;
        uint64 sinceBlock;
    }

    event ReferenceValueAdded(bytes32 indexed r, string release, string platform);
    event ReferenceValueStatusChanged(bytes32 indexed r, Status from, Status to);

    /// R is zero, or a text is empty or above 64 bytes.
    error InvalidReferenceValue();
    error ReferenceValueExists(bytes32 r);
    error UnknownReferenceValue(bytes32 r);
    /// A status never moves back.
    error StatusNotLater(Status from, Status to);

    /// Registers a value as current. Committee only; several may be current side by side.
    function add(bytes32 r, string calldata release, string calldata platform) external;

    /// From current to grace: still good, but to be replaced. Committee only.
    function startGrace(bytes32 r) external;

    /// No longer good: a node that shows it is inactive until it reboots into another. Committee only.
    function supersede(bytes32 r) external;

    /// As `supersede`, for a release known to be bad. Committee only.
    function revoke(bytes32 r) external;

    /// One page of all values in the order of registration, and a number that changes with every write.
    function list(uint256 offset, uint256 limit)
        external
        view
        returns (ReferenceValue[] memory values, uint64 revision);

    function statusOf(bytes32 r) external view returns (Status);

    /// The block that registered a value; zero if none did. Whatever became of it since.
    function addedBlockOf(bytes32 r) external view returns (uint64);
}
