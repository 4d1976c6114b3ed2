// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {NameHash} from "../interfaces/Types.sol";

/// @title A bounty for one answer: what the contract was given at its deployment goes, once, to the operator of the node that ran exactly this
/// code on exactly this request, and it ended well. Anyone may bring the proof, so that nothing is gained by copying another's.
contract PayOnProof {
    IProofVerifier private immutable _verifier;
    NameHash private immutable _actor;
    bytes32 private immutable _code;
    bytes32 private immutable _request;

    event Paid(address to, bytes32 response);

    /// The proof holds, of another actor, request or outcome.
    error WrongResult();
    /// Not of the node that the proof is of.
    error WrongOperator();
    error AlreadyPaid();
    error PaymentFailed();

    /// @param actor SHA-256 of its name
    /// @param code SHA-256 of its bytes
    /// @param request the request digest (spec/proof.md §1.1)
    constructor(IProofVerifier verifier, NameHash actor, bytes32 code, bytes32 request) payable {
        (_verifier, _actor, _code, _request) = (verifier, actor, code, request);
    }

    /// @param operator of the node, as it registered
    /// @return response the response digest (spec/proof.md §1.2), by which anyone knows the answer when they see it
    function claim(IProofVerifier.Proof calldata proof, address operator) external returns (bytes32 response) {
        IProofVerifier.Result memory result = _verifier.verify(proof);
        bool asked = NameHash.unwrap(result.actor) == NameHash.unwrap(_actor) && result.code == _code;
        if (!asked || result.request != _request || !result.ok) revert WrongResult();
        if (!(_verifier.registry().nodeOf(operator) == result.node)) revert WrongOperator();
        uint256 bounty = address(this).balance;
        if (bounty == 0) revert AlreadyPaid();
        emit Paid(operator, result.response);
        (bool paid,) = operator.call{value: bounty}("");
        if (!paid) revert PaymentFailed();
        return result.response;
    }
}
