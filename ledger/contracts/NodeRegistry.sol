// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Bonds} from "./Bonds.sol";
import {IAttestation} from "./interfaces/IAttestation.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {NodeId} from "./interfaces/Types.sol";
import {QuoteVerifier} from "./QuoteVerifier.sol";

/// @title See INodeRegistry.
contract NodeRegistry is INodeRegistry, Bonds {
    using Arrays for uint256[];

    /// TPMT_PUBLIC of our AK up to its point: ECC, SHA-256, attributes, no policy, ECDSA with SHA-256, P-256.
    bytes22 private constant AK_TEMPLATE = 0x0023000b00050472000000100018000b000300100020;

    struct Record {
        Standing standing;
        address operator;
        Registration said;
    }

    address private immutable _attestation;
    address private immutable _disputes;
    address private immutable _proofVerifier;
    uint32 private immutable _genesisCount;

    uint64 private _revision;
    uint32 private _activeCount;
    uint32 private _pendingGenesisCount;
    bool private _genesisOver;
    NodeId[] private _ids;
    mapping(NodeId => Record) private _records;
    /// Blocks in which the node became Active, and in turn ceased to be. An end is pushed late: until the status that follows ends as well,
    /// its standing tells, so that convictions store nothing more.
    mapping(NodeId => uint256[]) private _turns;
    mapping(address operator => NodeId) public nodeOf;
    /// The node that was the first to be Active with this EK: only then is it known that the EK is its own.
    mapping(bytes32 ekDigest => NodeId) private _ekHolder;
    mapping(bytes32 voteKeyHash => bool) private _voteKeyTaken;
    mapping(address operator => bool) private _isGenesis;

    constructor(
        address attestation,
        address disputes,
        address proofVerifier,
        address[] memory genesis,
        uint256 minimumWei
    ) Bonds(minimumWei) {
        uint32 count;
        for (uint256 i; i < genesis.length; ++i) {
            if (genesis[i] == address(0) || _isGenesis[genesis[i]]) continue;
            _isGenesis[genesis[i]] = true;
            ++count;
        }
        if (count == 0) revert NoGenesis();
        (_attestation, _disputes, _proofVerifier) = (attestation, disputes, proofVerifier);
        _genesisCount = count;
    }

    /// @inheritdoc INodeRegistry
    function register(Registration calldata said, Possession calldata shown) external payable returns (NodeId id) {
        if (said.ekDigest == 0 || !P256.isValidPublicKey(said.akX, said.akY)) revert InvalidKey();
        if (!P256.isValidPublicKey(said.voteKeyX, said.voteKeyY)) revert InvalidKey();
        _checkContact(said.contact);
        id = _idOf(said.akX, said.akY);
        if (_records[id].standing.status != Status.None) revert NodeExists(id);
        if (NodeId.unwrap(nodeOf[msg.sender]) != 0) revert OperatorTaken(msg.sender);
        bytes32 voteKeyHash = keccak256(abi.encode(said.voteKeyX, said.voteKeyY));
        // Else one voter's signatures would count twice, the second time under another name.
        if (_voteKeyTaken[voteKeyHash]) revert VoteKeyTaken();
        _checkPossession(said, shown);

        bool genesis = _isGenesis[msg.sender];
        _records[id] = Record(_initial(genesis), msg.sender, said);
        _ids.push(id);
        nodeOf[msg.sender] = id;
        _voteKeyTaken[voteKeyHash] = true;
        if (genesis) ++_pendingGenesisCount;
        ++_revision;
        emit NodeRegistered(
            id, msg.sender, said.akX, said.akY, said.ekDigest, said.voteKeyX, said.voteKeyY, said.contact
        );
        _stake(id);
    }

    /// @inheritdoc INodeRegistry
    function setContact(string calldata contact) external {
        NodeId id = _own();
        _checkContact(contact);
        _records[id].said.contact = contact;
        ++_revision;
        emit ContactChanged(id, contact);
    }

    /// @inheritdoc INodeRegistry
    function retire() external {
        NodeId id = _own();
        Standing storage s = _records[id].standing;
        if (s.status == Status.Retired) revert AlreadyRetired(id);
        if (_isLast(s)) revert LastEntitled(id);
        emit NodeRetired(id, s.status);
        _setStatus(id, s, Status.Retired);
        _startUnbonding(id);
        ++_revision;
    }

    /// @inheritdoc INodeRegistry
    function setStanding(NodeId id, Status status, bool silent, uint32 epoch, uint40 boot)
        external
        returns (bool)
    {
        _onlyJudges();
        Standing storage s = _records[id].standing;
        if (status == Status.Active && s.status != status) {
            if (!s.bonded) revert BondMissing(id);
            if (_turns[id].length == 0 && !_claimsEk(id)) return false;
        }
        _setStatus(id, s, status);
        (s.silent, s.lastEpoch, s.boot) = (silent, epoch, boot);
        ++_revision;
        return true;
    }

    /// @inheritdoc INodeRegistry
    function convict(NodeId id, NodeId subject, uint32 epoch, address prover) external {
        _onlyJudges();
        Standing storage s = _records[id].standing;
        uint32 current = IAttestation(_attestation).epochNow();
        if (epoch > current || epoch <= s.settledEpoch) revert NotPunishable(id, epoch);
        s.settledEpoch = current;
        if (s.status != Status.Retired && !_isLast(s)) {
            // What it said is nothing that another boot would mend.
            if (!_isOut(s.status)) s.boot = 0;
            _setStatus(id, s, Status.Quarantined);
            (s.silent, s.lastEpoch) = (false, current);
        }
        ++_revision;
        emit Convicted(id, subject, epoch, prover, _forfeit(id, prover));
    }

    /// @inheritdoc INodeRegistry
    function correct(NodeId id, uint32 epoch, bool affirmed, uint40 boot, NodeId liar) external {
        _onlyJudges();
        Standing storage s = _records[id].standing;
        Status from = s.status;
        bool out = _isOut(from);
        if (affirmed) {
            // Else whoever has no bond or vote to lose could sign for what never counted, and have any node demoted by it.
            if (!_entitled(_records[liar].standing)) return;
            // Of a boot before the one in which a quorum affirmed the node a quote tells nothing of what it is now.
            if (out || from == Status.Retired || epoch < s.lastEpoch || boot < s.boot || _isLast(s)) return;
            (s.silent, s.lastEpoch, s.boot) = (false, epoch, boot);
        } else if (!out || epoch != s.lastEpoch) {
            return;
        }
        // One voter that lies proves nothing of the others that said the same: only a quorum makes a node Active.
        Status to = affirmed ? Status.Suspect : Status.Inactive;
        _setStatus(id, s, to);
        ++_revision;
        emit StandingCorrected(id, from, to, epoch);
    }

    /// @inheritdoc INodeRegistry
    function activeAt(NodeId id, uint256 blockNumber) external view returns (bool) {
        Standing storage s = _records[id].standing;
        if (blockNumber >= s.sinceBlock) return s.status == Status.Active;
        return _turns[id].upperBound(blockNumber) % 2 == 1;
    }

    /// @inheritdoc INodeRegistry
    function nodeBy(address operator) external view returns (NodeId id, Standing memory) {
        id = nodeOf[operator];
        return (id, _standing(id));
    }

    /// @inheritdoc INodeRegistry
    function standing(NodeId id) external view returns (Standing memory) {
        return _standing(id);
    }

    /// @inheritdoc INodeRegistry
    function voter(NodeId id) external view returns (bool entitled, bytes32 voteKeyX, bytes32 voteKeyY) {
        Record storage r = _records[id];
        return (_entitled(r.standing), r.said.voteKeyX, r.said.voteKeyY);
    }

    /// @inheritdoc INodeRegistry
    function akOf(NodeId id) external view returns (bytes32 x, bytes32 y) {
        return (_records[id].said.akX, _records[id].said.akY);
    }

    /// @inheritdoc INodeRegistry
    function candidate(uint256 index) external view returns (NodeId id, bool entitled, uint32 since) {
        id = _ids[index];
        Standing storage s = _records[id].standing;
        return (id, _entitled(s), s.entitledSince);
    }

    /// @inheritdoc INodeRegistry
    function nodeCount() external view returns (uint256) {
        return _ids.length;
    }

    /// @inheritdoc INodeRegistry
    function entitledCount() public view returns (uint256) {
        return _activeCount + (_genesisOver ? 0 : _pendingGenesisCount);
    }

    /// @inheritdoc INodeRegistry
    function list(uint256 offset, uint256 limit) external view returns (Node[] memory nodes, uint64 revision) {
        uint256 left = offset < _ids.length ? _ids.length - offset : 0;
        nodes = new Node[](limit < left ? limit : left);
        for (uint256 i; i < nodes.length; ++i) {
            NodeId id = _ids[offset + i];
            Record storage r = _records[id];
            Registration storage s = r.said;
            nodes[i] = Node(
                id, r.operator, _standing(id), s.akX, s.akY, s.ekDigest, s.voteKeyX, s.voteKeyY, s.contact, _ekHolder[s.ekDigest]
            );
        }
        return (nodes, _revision);
    }

    function _initial(bool genesis) private view returns (Standing memory s) {
        uint32 since = genesis ? IAttestation(_attestation).epochNow() : 0;
        (s.status, s.genesis, s.bonded) = (Status.Pending, genesis, true);
        (s.index, s.entitledSince, s.sinceBlock) = (uint32(_ids.length), since, uint40(block.number));
    }

    /// Both keys agree to be registered so, by this operator, here.
    function _checkPossession(Registration calldata said, Possession calldata shown) private view {
        bytes memory network = abi.encodePacked("teapot/registration/1", block.chainid, address(this), msg.sender);
        bytes32 digest = sha256(
            abi.encodePacked(network, said.ekDigest, said.voteKeyX, said.voteKeyY, sha256(bytes(said.contact)))
        );
        QuoteVerifier.Quote memory quote = QuoteVerifier.parse(shown.attest);
        if (quote.extraData != digest || QuoteVerifier.tellsOfRuntime(quote)) revert NotForRegistration(digest);
        if (!QuoteVerifier.isSignedBy(sha256(shown.attest), shown.akR, shown.akS, said.akX, said.akY)) revert AkNotHeld();
        if (!QuoteVerifier.isSignedBy(digest, shown.voteR, shown.voteS, said.voteKeyX, said.voteKeyY)) {
            revert VoteKeyNotHeld();
        }
    }

    /// Whether the EK is this node's, now that a quorum says so.
    function _claimsEk(NodeId id) private returns (bool) {
        bytes32 ekDigest = _records[id].said.ekDigest;
        NodeId holder = _ekHolder[ekDigest];
        if (NodeId.unwrap(holder) == 0) _ekHolder[ekDigest] = id;
        else emit EndorsementKeyTaken(id, holder);
        return NodeId.unwrap(holder) == 0;
    }

    function _setStatus(NodeId id, Standing storage s, Status to) private {
        Status from = s.status;
        if (from == to) return;
        // What is Pending never was Active.
        if (from > Status.Active && _turns[id].length % 2 == 1) _turns[id].push(s.sinceBlock);
        if (to == Status.Active) _turns[id].push(block.number);
        s.sinceBlock = uint40(block.number);
        if (to == Status.Active && !_entitled(s)) s.entitledSince = IAttestation(_attestation).epochNow() + 1;
        if (from == Status.Active) --_activeCount;
        if (from == Status.Pending && s.genesis) --_pendingGenesisCount;
        s.status = to;
        if (to != Status.Active) return;
        if (++_activeCount >= _genesisCount && !_genesisOver) {
            _genesisOver = true;
            emit GenesisEnded();
        }
    }

    function _bondChanged(NodeId id, bool bonded) internal override {
        Standing storage s = _records[id].standing;
        if (bonded == s.bonded) return;
        s.bonded = bonded;
        ++_revision;
        // The last one that may vote stays: nobody else could ever admit another.
        if (bonded || !_entitled(s) || _isLast(s)) return;
        emit Underbonded(id, s.status);
        _setStatus(id, s, Status.Inactive);
    }

    function _onlyJudges() internal view override {
        bool judges = msg.sender == _attestation || msg.sender == _disputes || msg.sender == _proofVerifier;
        if (!judges) revert NotJudge(msg.sender);
    }

    function _own() internal view override returns (NodeId id) {
        id = nodeOf[msg.sender];
        if (NodeId.unwrap(id) == 0) revert NotRegistered(msg.sender);
    }

    function _standing(NodeId id) private view returns (Standing memory s) {
        s = _records[id].standing;
        if (_genesisOver) s.genesis = false;
    }

    function _entitled(Standing storage s) private view returns (bool) {
        return s.status == Status.Active || (s.status == Status.Pending && s.genesis && !_genesisOver);
    }

    function _isOut(Status status) private pure returns (bool) {
        return status == Status.Suspect || status == Status.Quarantined;
    }

    function _isLast(Standing storage s) private view returns (bool) {
        return _entitled(s) && entitledCount() == 1;
    }

    function _idOf(bytes32 akX, bytes32 akY) private pure returns (NodeId) {
        bytes32 publicDigest = sha256(abi.encodePacked(AK_TEMPLATE, akX, bytes2(0x0020), akY));
        return NodeId.wrap(sha256(abi.encodePacked(bytes2(0x000b), publicDigest)));
    }

    function _checkContact(string calldata contact) private pure {
        if (bytes(contact).length == 0 || bytes(contact).length > 512) revert InvalidContact();
    }
}
