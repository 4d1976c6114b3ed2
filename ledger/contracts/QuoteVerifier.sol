// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {NodeId} from "./interfaces/Types.sol";

/// @title Reads a TPM 2.0 quote and checks who signed it (TPM 2.0 Library Part 2 §10.12.12, TPMS_ATTEST).
/// Name and qualifying data are SHA-256, one bank is selected by three bytes, so that each quote has the same 145 bytes.
library QuoteVerifier {
    struct Quote {
        bytes32 extraData;
        uint32 resetCount;
        uint32 restartCount;
        uint24 selected; // bit i: PCR i
        bytes32 pcrDigest;
    }

    uint256 private constant PCR_R = 12;
    uint256 private constant ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;

    /// Not a quote, of another length, or of another bank than SHA-256.
    error MalformedQuote();
    /// Not by the AK that the node registered.
    error WrongQuoteSignature(NodeId node);
    /// R or C was not quoted, or the values are not those that were.
    error WrongPcrs();

    function parse(bytes calldata attest) internal pure returns (Quote memory quote) {
        if (attest.length != 145) revert MalformedQuote();
        // TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE, length of a name.
        bool head = bytes8(attest[:8]) == 0xff54434780180022;
        // One bank, TPM_ALG_SHA256, three bytes.
        bool bank = bytes7(attest[101:108]) == 0x00000001000b03;
        if (!head || !bank || bytes2(attest[42:44]) != 0x0020 || bytes2(attest[111:113]) != 0x0020) {
            revert MalformedQuote();
        }
        quote.extraData = bytes32(attest[44:76]);
        quote.resetCount = uint32(bytes4(attest[84:88]));
        quote.restartCount = uint32(bytes4(attest[88:92]));
        // The first byte holds PCRs 0 to 7, its lowest bit PCR 0.
        quote.selected = uint24(uint8(attest[108])) | (uint24(uint8(attest[109])) << 8) | (uint24(uint8(attest[110])) << 16);
        quote.pcrDigest = bytes32(attest[113:145]);
    }

    /// What a node's AK signed.
    function quoteOf(INodeRegistry registry, NodeId node, bytes calldata attest, bytes32 r, bytes32 s)
        internal
        view
        returns (Quote memory quote)
    {
        quote = parse(attest);
        (bytes32 x, bytes32 y) = registry.akOf(node);
        if (!isSignedBy(sha256(attest), r, s, x, y)) revert WrongQuoteSignature(node);
    }

    /// R and C among the values of all PCRs that were quoted.
    function registersOf(Quote memory quote, bytes32[] calldata values) internal pure returns (bytes32 pcrR, bytes32 pcrC) {
        bool both = (quote.selected >> PCR_R) & 3 == 3;
        if (!both || sha256(abi.encodePacked(values)) != quote.pcrDigest) revert WrongPcrs();
        uint256 place;
        for (uint256 below = quote.selected & ((1 << PCR_R) - 1); below != 0; below &= below - 1) ++place;
        return (values[place], values[place + 1]);
    }

    /// Whether R or C is among the PCRs that were quoted: only then can a quote stand in evidence.
    function tellsOfRuntime(Quote memory quote) internal pure returns (bool) {
        return (quote.selected >> PCR_R) & 3 != 0;
    }

    /// The value of a PCR into which all of a log was extended.
    function replay(bytes32[] calldata log) internal pure returns (bytes32 value) {
        for (uint256 i; i < log.length; ++i) value = sha256(abi.encodePacked(value, log[i]));
    }

    /// TPMs, and WebCrypto, give a signature in either of its two forms; the verifier takes the one with low s.
    function isSignedBy(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        if (uint256(s) > ORDER / 2 && uint256(s) < ORDER) s = bytes32(ORDER - uint256(s));
        return P256.verifyNative(digest, r, s, x, y);
    }
}
