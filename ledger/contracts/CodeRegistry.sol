// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ICodeRegistry} from "./interfaces/ICodeRegistry.sol";
import {EntryDigest, NameHash} from "./interfaces/Types.sol";

/// @title See ICodeRegistry.
contract CodeRegistry is ICodeRegistry, Ownable {
    uint8 private constant PAGE = 6;

    struct Release {
        bytes32 sha256Digest;
        EntryDigest digest;
        NameHash nameHash;
        uint64 version;
        uint64 sinceBlock;
        uint8 kind;
        Status status;
        string cid;
        bytes grants;
    }

    struct Place {
        uint64 position;
        uint64 approvedBlock;
        uint8 kind;
        Status status;
    }

    /// Positions count from one in `_releases`; zero is none. One slot and the text.
    struct Name {
        address publisher;
        uint32 newest;
        uint32 approved;
        uint32 grace;
        string text;
    }

    uint64 private _revision; // in the owner's slot
    Release[] private _releases;
    mapping(NameHash => Name) private _names;
    mapping(EntryDigest => Place) private _placeOf;
    mapping(NameHash => mapping(uint64 version => uint256)) private _positionAt;

    constructor(address committee) Ownable(committee) {}

    /// @inheritdoc ICodeRegistry
    function publish(
        string calldata name,
        uint8 kind,
        uint64 version,
        bytes32 sha256Digest,
        string calldata cid,
        bytes calldata grants
    ) external returns (EntryDigest digest) {
        _checkName(bytes(name));
        if (kind == 0 || kind > PAGE) revert InvalidKind(kind);
        NameHash nameHash = NameHash.wrap(sha256(bytes(name)));
        _claim(nameHash, name, kind, version);
        digest = _store(nameHash, kind, version, sha256Digest, cid, grants);
        emit Published(digest, nameHash, msg.sender, name, kind, version, cid);
        if (kind == PAGE) _promote(_names[nameHash], _releases.length);
    }

    /// @inheritdoc ICodeRegistry
    function approve(NameHash nameHash, uint64 version) external onlyOwner {
        (uint256 position, Release storage release) = _find(nameHash, version);
        if (release.status != Status.Published) revert WrongStatus(release.status);
        Name storage name = _names[nameHash];
        if (position < name.approved) revert VersionNotNewer(_releases[name.approved - 1].version, version);
        ++_revision;
        _promote(name, position);
    }

    /// @inheritdoc ICodeRegistry
    function revoke(NameHash nameHash, uint64 version) external onlyOwner {
        (, Release storage release) = _find(nameHash, version);
        if (release.status == Status.Published || release.status == Status.Revoked) revert WrongStatus(release.status);
        ++_revision;
        _setStatus(release, Status.Revoked);
    }

    /// @inheritdoc ICodeRegistry
    function list(uint256 offset, uint256 limit) external view returns (Entry[] memory entries, uint64 revision) {
        uint256 left = offset < _releases.length ? _releases.length - offset : 0;
        entries = new Entry[](limit < left ? limit : left);
        for (uint256 i; i < entries.length; ++i) entries[i] = _entry(_releases[offset + i]);
        return (entries, _revision);
    }

    /// @inheritdoc ICodeRegistry
    function entry(EntryDigest digest) external view returns (Entry memory found) {
        uint256 position = _placeOf[digest].position;
        if (position != 0) found = _entry(_releases[position - 1]);
    }

    /// @inheritdoc ICodeRegistry
    function statusOf(EntryDigest digest) external view returns (Status) {
        return _placeOf[digest].status;
    }

    /// @inheritdoc ICodeRegistry
    function approvalOf(EntryDigest digest) external view returns (uint8 kind, uint64 approvedBlock) {
        Place storage place = _placeOf[digest];
        return (place.kind, place.approvedBlock);
    }

    function _claim(NameHash nameHash, string calldata text, uint8 kind, uint64 version) private {
        Name storage name = _names[nameHash];
        if (name.publisher == address(0)) {
            if (version == 0) revert VersionNotNewer(0, version);
            name.publisher = msg.sender;
            name.text = text;
            return;
        }
        if (name.publisher != msg.sender) revert NameTaken(nameHash, name.publisher);
        Release storage newest = _releases[name.newest - 1];
        if (newest.kind != kind) revert KindChanged(newest.kind, kind);
        if (version <= newest.version) revert VersionNotNewer(newest.version, version);
    }

    function _store(
        NameHash nameHash,
        uint8 kind,
        uint64 version,
        bytes32 content,
        string calldata cid,
        bytes calldata grants
    ) private returns (EntryDigest digest) {
        bool cidFits = bytes(cid).length != 0 && bytes(cid).length <= 128;
        if (content == 0 || !cidFits || grants.length > 4096) revert InvalidContent();
        digest = EntryDigest.wrap(sha256(abi.encodePacked("teapot/1", kind, nameHash, content, sha256(grants))));
        if (_placeOf[digest].position != 0) revert EntryExists(digest);
        _releases.push(
            Release(content, digest, nameHash, version, uint64(block.number), kind, Status.Published, cid, grants)
        );
        uint256 position = _releases.length;
        _names[nameHash].newest = uint32(position);
        _placeOf[digest] = Place(uint64(position), 0, kind, Status.Published);
        _positionAt[nameHash][version] = position;
        ++_revision;
    }

    function _promote(Name storage name, uint256 position) private {
        if (name.approved != 0) {
            Release storage previous = _releases[name.approved - 1];
            if (previous.status == Status.Current) {
                if (name.grace != 0) {
                    Release storage oldest = _releases[name.grace - 1];
                    if (oldest.status == Status.Grace) _setStatus(oldest, Status.Superseded);
                }
                _setStatus(previous, Status.Grace);
                name.grace = name.approved;
            }
        }
        name.approved = uint32(position);
        Release storage release = _releases[position - 1];
        _setStatus(release, Status.Current);
        _placeOf[release.digest].approvedBlock = uint64(block.number);
    }

    function _setStatus(Release storage release, Status to) private {
        emit EntryStatusChanged(release.digest, release.status, to);
        release.status = to;
        _placeOf[release.digest].status = to;
        release.sinceBlock = uint64(block.number);
    }

    function _find(NameHash nameHash, uint64 version) private view returns (uint256 position, Release storage) {
        position = _positionAt[nameHash][version];
        if (position == 0) revert UnknownRelease(nameHash, version);
        return (position, _releases[position - 1]);
    }

    function _entry(Release storage r) private view returns (Entry memory) {
        Name storage name = _names[r.nameHash];
        return Entry(
            r.digest, r.kind, name.text, r.version, r.sha256Digest, r.cid, r.grants, r.status, r.sinceBlock, name.publisher
        );
    }

    function _checkName(bytes calldata name) private pure {
        if (name.length == 0 || name.length > 64) revert InvalidName();
        for (uint256 i; i < name.length; ++i) if (name[i] < 0x21 || name[i] > 0x7e) revert InvalidName();
    }
}
