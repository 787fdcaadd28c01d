//! The provider's keys, the signatures that it makes, and a check of signatures without a browser.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use valet_key::protocol::error::Result;
use valet_key::protocol::id_token::Identity;
use valet_key::protocol::json::Value;
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Signature, Unverified, Verification};
use valet_key::protocol::session_state::Proof;
use valet_key::protocol::token::TokenResponse;
use valet_key::protocol::transaction::Transaction;

use super::{at, config, json, metadata};

/// The key of RFC 7515 appendix A.2: 2048 bits.
pub(crate) const RSA: &str = r#"{"kty":"RSA",
"n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
"e":"AQAB",
"d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
"p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
"q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
"dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
"dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
"qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}"#;

/// A member of a JWK, decoded.
pub(crate) fn octets(jwk: &str, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(Value::parse(jwk).ok()?.get(name)?.as_str()?).ok()
}

pub(crate) fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// A key on P-256 with which a test or the provider signs.
pub(crate) struct Curve {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Curve {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("entropy");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        Self { pair, random }
    }

    /// The public half as a JWK, after further members.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        format!(r#"{{{more}"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)
    }

    /// ES256.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", base64url(signature))
    }
}

impl Curve {
    /// ES256 of a text.
    pub(crate) fn sign_text(&self, text: &str) -> Vec<u8> {
        self.pair.sign(&self.random, text.as_bytes()).expect("a signature").as_ref().to_vec()
    }

    /// Whether it has signed this text.
    pub(crate) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED;
        let key = signature::UnparsedPublicKey::new(algorithm, self.pair.public_key().as_ref());
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

/// The key of a client.
pub(crate) static CLIENT: LazyLock<Curve> = LazyLock::new(Curve::new);

/// `e1` of the provider.
pub(crate) static E1: LazyLock<Curve> = LazyLock::new(Curve::new);

/// `r1` of the provider.
static R1: LazyLock<RsaKeyPair> = LazyLock::new(|| {
    let member = |name| octets(RSA, name).expect("a member");
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: member("n"), e: member("e") },
        d: member("d"),
        p: member("p"),
        q: member("q"),
        dP: member("dp"),
        dQ: member("dq"),
        qInv: member("qi"),
    };
    RsaKeyPair::from_components(&components).expect("the key of the RFC")
});

/// The public half of `r1`, after further members.
pub(crate) fn r1(more: &str) -> String {
    let member = |name| base64url(octets(RSA, name).expect("a member"));
    format!(r#"{{{more}"kty":"RSA","n":"{}","e":"{}"}}"#, member("n"), member("e"))
}

/// The provider's key set.
pub(crate) fn honest_keys() -> String {
    set(&[r1(r#""kid":"r1","use":"sig","alg":"RS256","#), E1.jwk(r#""kid":"e1","use":"sig","alg":"ES256","#)])
}

pub(crate) fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// Signed by `r1` with RS256, even if the header names another algorithm.
pub(crate) fn jwt(header: &str, claims: impl AsRef<[u8]>) -> String {
    sign_rsa(&signature::RSA_PKCS1_SHA256, header, claims)
}

pub(crate) fn sign_rsa(padding: &'static dyn signature::RsaEncoding, header: &str, claims: impl AsRef<[u8]>) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let mut octets = vec![0; R1.public().modulus_len()];
    R1.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut octets).expect("a signature");
    format!("{signed}.{}", base64url(octets))
}

/// The keys of a provider with this response.
pub(crate) fn keys(set: &str) -> Keys {
    let mut keys = Keys::default();
    keys.receive(Ok(json(200, set))).expect("a key set");
    keys
}

/// What a browser does: it splits the token, finds the key, checks the signature.
pub(crate) fn proof_with(token: &str, keys: &Keys) -> Proof {
    proof_for_access_token(token, "a", keys)
}

/// The same with another access token than `a`.
pub(crate) fn proof_for_access_token(token: &str, access_token: &str, keys: &Keys) -> Proof {
    let token = Unverified::parse(token, metadata().algorithms)?;
    let answer = check(&keys.select(&token, access_token)?);
    token.accept(answer).map(Some)
}

/// The user, some seconds after the sign-in began, if the proof is valid.
pub(crate) fn identify(proof: Proof, transaction: &Transaction, seconds: i64) -> Result<Identity> {
    let token = proof?.expect("an ID Token");
    Identity::from_sign_in(token, transaction, &config(), at(seconds))
}

/// The proof of a response with the keys of the provider.
pub(crate) fn proof(tokens: &TokenResponse) -> Proof {
    match &tokens.id_token {
        Some(token) => proof_for_access_token(token.expose(), tokens.access_token.expose(), &keys(&honest_keys())),
        None => Ok(None),
    }
}

/// Responds as Web Cryptography does: the verdict on the signature, and the hash of the accompanying value.
pub(crate) fn check(question: &Verification<'_>) -> (Signature, Vec<u8>) {
    let described = Value::parse(question.algorithm.description()).expect("JSON");
    let function = match described.get("hash").and_then(Value::as_str) {
        Some("SHA-256") => &digest::SHA256,
        Some("SHA-384") => &digest::SHA384,
        _ => &digest::SHA512,
    };
    (signature_of(question), digest::digest(function, question.access_token.as_bytes()).as_ref().into())
}

fn signature_of(question: &Verification<'_>) -> Signature {
    let key = |name| octets(&question.key, name);
    let described = Value::parse(question.algorithm.description()).expect("JSON");
    let says = |name| described.get(name).and_then(Value::as_str).unwrap_or_default();
    let (data, signed) = (question.data.as_bytes(), question.signature);
    let outcome = match (says("name"), says("hash")) {
        ("ECDSA" | "Ed25519", hash) => {
            let algorithm: &dyn signature::VerificationAlgorithm = match hash {
                "SHA-256" => &signature::ECDSA_P256_SHA256_FIXED,
                "SHA-384" => &signature::ECDSA_P384_SHA384_FIXED,
                "" => &signature::ED25519,
                _ => return Signature::Unusable,
            };
            let (Some(mut x), y) = (key("x"), key("y")) else { return Signature::Unusable };
            if let Some(y) = y {
                x = [&[4], &*x, &*y].concat();
            }
            signature::UnparsedPublicKey::new(algorithm, x).verify(data, signed)
        }
        (name, hash) => {
            let parameters = match (name, hash) {
                ("RSASSA-PKCS1-v1_5", "SHA-256") => &signature::RSA_PKCS1_2048_8192_SHA256,
                ("RSASSA-PKCS1-v1_5", "SHA-384") => &signature::RSA_PKCS1_2048_8192_SHA384,
                ("RSASSA-PKCS1-v1_5", "SHA-512") => &signature::RSA_PKCS1_2048_8192_SHA512,
                ("RSA-PSS", "SHA-256") => &signature::RSA_PSS_2048_8192_SHA256,
                ("RSA-PSS", "SHA-384") => &signature::RSA_PSS_2048_8192_SHA384,
                ("RSA-PSS", "SHA-512") => &signature::RSA_PSS_2048_8192_SHA512,
                other => panic!("no such algorithm: {other:?}"),
            };
            let (Some(n), Some(e)) = (key("n"), key("e")) else { return Signature::Unusable };
            PublicKeyComponents { n, e }.verify(parameters, data, signed)
        }
    };
    if outcome.is_ok() { Signature::Right } else { Signature::Wrong }
}

/// A moment for tests that request keys.
pub(crate) fn later(milliseconds: i64) -> valet_key::protocol::time::Now {
    let mut now = at(0);
    now.monotonic += milliseconds;
    now
}
