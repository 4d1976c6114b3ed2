// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IReferenceValues} from "./interfaces/IReferenceValues.sol";

/// @title See IReferenceValues.
contract ReferenceValues is IReferenceValues, Ownable {
    /// Positions count from one.
    struct Place {
        uint64 position;
        uint64 addedBlock;
        Status status;
    }

    uint64 private _revision; // in the owner's slot
    ReferenceValue[] private _values;
    mapping(bytes32 r => Place) private _placeOf;

    constructor(address committee) Ownable(committee) {}

    /// @inheritdoc IReferenceValues
    function add(bytes32 r, string calldata release, string calldata platform) external onlyOwner {
        if (r == 0 || !_fits(release) || !_fits(platform)) revert InvalidReferenceValue();
        if (_placeOf[r].position != 0) revert ReferenceValueExists(r);
        _values.push(ReferenceValue(r, release, platform, Status.Current, uint64(block.number)));
        _placeOf[r] = Place(uint64(_values.length), uint64(block.number), Status.Current);
        ++_revision;
        emit ReferenceValueAdded(r, release, platform);
    }

    /// @inheritdoc IReferenceValues
    function startGrace(bytes32 r) external onlyOwner {
        _move(r, Status.Grace);
    }

    /// @inheritdoc IReferenceValues
    function supersede(bytes32 r) external onlyOwner {
        _move(r, Status.Superseded);
    }

    /// @inheritdoc IReferenceValues
    function revoke(bytes32 r) external onlyOwner {
        _move(r, Status.Revoked);
    }

    /// @inheritdoc IReferenceValues
    function list(uint256 offset, uint256 limit)
        external
        view
        returns (ReferenceValue[] memory values, uint64 revision)
    {
        uint256 left = offset < _values.length ? _values.length - offset : 0;
        values = new ReferenceValue[](limit < left ? limit : left);
        for (uint256 i; i < values.length; ++i) values[i] = _values[offset + i];
        return (values, _revision);
    }

    /// @inheritdoc IReferenceValues
    function statusOf(bytes32 r) external view returns (Status) {
        return _placeOf[r].status;
    }

    /// @inheritdoc IReferenceValues
    function addedBlockOf(bytes32 r) external view returns (uint64) {
        return _placeOf[r].addedBlock;
    }

    function _move(bytes32 r, Status to) private {
        uint256 position = _placeOf[r].position;
        if (position == 0) revert UnknownReferenceValue(r);
        ReferenceValue storage value = _values[position - 1];
        if (to <= value.status) revert StatusNotLater(value.status, to);
        emit ReferenceValueStatusChanged(r, value.status, to);
        value.status = to;
        _placeOf[r].status = to;
        value.sinceBlock = uint64(block.number);
        ++_revision;
    }

    function _fits(string calldata text) private pure returns (bool) {
        return bytes(text).length != 0 && bytes(text).length <= 64;
    }
}
