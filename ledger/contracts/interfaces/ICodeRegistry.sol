// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EntryDigest, NameHash} from "./Types.sol";

/// @title Which code there is, under which name and version, and whether nodes may load it (spec/ledger.md §2).
interface ICodeRegistry {
    /// Where a release stands. `Current` and `Grace` may be loaded; `Published` waits for the committee.
    enum Status {
        None,
        Published,
        Current,
        Grace,
        Superseded,
        Revoked
    }

    /// @param digest what a node measures when it loads this release
    /// @param kind 1 launcher, 2 runtime, 3 actor, 4 provider, 5 policy, 6 page
    /// @param sha256Digest SHA-256 of the bytes behind `cid`
    /// @param grants canonical CBOR array of capability strings, or empty
    /// @param sinceBlock block in which the present status began
    struct Entry {
        EntryDigest digest;
        uint8 kind;
        string name;
        uint64 version;
        bytes32 sha256Digest;
        string cid;
        bytes grants;
        Status status;
        uint64 sinceBlock;
        address publisher;
    }

    event Published(
        EntryDigest indexed digest,
        NameHash indexed nameHash,
        address indexed publisher,
        string name,
        uint8 kind,
        uint64 version,
        string cid
    );
    event EntryStatusChanged(EntryDigest indexed digest, Status from, Status to);

    /// A name is 1 to 64 printable ASCII characters without spaces, so that no two names look alike.
    error InvalidName();
    error InvalidKind(uint8 kind);
    /// The digest is zero, the CID is empty or above 128 bytes, or the grants are above 4,096 bytes.
    error InvalidContent();
    error NameTaken(NameHash nameHash, address owner);
    error KindChanged(uint8 expected, uint8 given);
    error VersionNotNewer(uint64 newest, uint64 given);
    /// The same bytes with the same grants already stand under this name: a measured digest names one release only.
    error EntryExists(EntryDigest digest);
    error UnknownRelease(NameHash nameHash, uint64 version);
    /// `approve` takes a published release; `revoke` takes one that was approved and is not yet revoked.
    error WrongStatus(Status status);

    /// Puts a release up. The first publisher of a name owns it, and its kind is fixed. A page is current at once,
    /// everything else once the committee approves it.
    function publish(
        string calldata name,
        uint8 kind,
        uint64 version,
        bytes32 sha256Digest,
        string calldata cid,
        bytes calldata grants
    ) external returns (EntryDigest digest);

    /// Makes a published release current; the one that was current is in grace, and the one before superseded.
    /// Committee only. An older version than the last approved one is refused.
    function approve(NameHash nameHash, uint64 version) external;

    /// Forbids an approved release for good. Committee only. What was in grace stays loadable, hence is the way back.
    function revoke(NameHash nameHash, uint64 version) external;

    /// One page of all releases in the order of publication, and a number that changes with every write.
    function list(uint256 offset, uint256 limit) external view returns (Entry[] memory entries, uint64 revision);

    /// The release measured as `digest`; `status` is `None` if there is no such release.
    function entry(EntryDigest digest) external view returns (Entry memory);

    /// The status of the release measured as `digest`; `None` if there is no such release.
    function statusOf(EntryDigest digest) external view returns (Status);

    /// What kind of release is measured as `digest`, and the block that approved it; zero if none did. Whatever became of it since.
    function approvalOf(EntryDigest digest) external view returns (uint8 kind, uint64 approvedBlock);
}
