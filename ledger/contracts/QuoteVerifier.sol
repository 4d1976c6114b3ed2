// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

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

    uint256 private constant ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;

    /// Not a quote, of another length, or of another bank than SHA-256.
    error MalformedQuote();

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

    /// TPMs give a signature in either of its two forms; the verifier takes the one with low s.
    function isSignedBy(bytes calldata attest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        if (uint256(s) > ORDER / 2 && uint256(s) < ORDER) s = bytes32(ORDER - uint256(s));
        return P256.verifyNative(sha256(attest), r, s, x, y);
    }
}
